//! Round trips between tasks and the texts of clients.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;
use std::time::Instant;

use domain::command::UpdateTask;
use domain::task::{Draft, Priority, Status};
use domain::zone::Zone;
use domain::{ReminderOffset, Task, Timestamp};
use icalendar::{Document, Object, Stamp, Todo};

const NOW: &str = "2027-01-01T00:00:00Z";

/// Everything that RFC 5545 allows in a VTODO, and unknown content.
const RICH: &str = "BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Some client//EN\r
BEGIN:VTIMEZONE\r
TZID:Europe/Berlin\r
BEGIN:STANDARD\r
DTSTART:19701025T030000\r
TZOFFSETFROM:+0200\r
TZOFFSETTO:+0100\r
END:STANDARD\r
END:VTIMEZONE\r
BEGIN:VTODO\r
UID:5f3f2c1a-7c58-4f0f-9f55-0a1f6f6d7d11\r
DTSTAMP:20261201T080000Z\r
CREATED:20261201T080000Z\r
LAST-MODIFIED:20261202T080000Z\r
SEQUENCE:3\r
SUMMARY;LANGUAGE=en:Pay the rent\\, again\r
DESCRIPTION:First line\\nsecond\r
DTSTART;TZID=Europe/Berlin:20270105T080000\r
DUE;TZID=Europe/Berlin:20270105T090000\r
RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=5\r
EXDATE;TZID=Europe/Berlin:20270119T090000\r
PRIORITY:2\r
CATEGORIES:Home,Money\r
STATUS:IN-PROCESS\r
PERCENT-COMPLETE:40\r
RELATED-TO;RELTYPE=PARENT:parent-1\r
X-APPLE-SORT-ORDER;X-A=\"b:c\":659,1\\\r
ATTACH;ENCODING=BASE64;VALUE=BINARY:aGVsbG8=\r
BEGIN:VALARM\r
ACTION:DISPLAY\r
TRIGGER;RELATED=END:-PT15M\r
X-WR-ALARMUID:alarm-1\r
END:VALARM\r
BEGIN:VALARM\r
ACTION:AUDIO\r
TRIGGER;VALUE=DATE-TIME:20270105T060000Z\r
END:VALARM\r
END:VTODO\r
END:VCALENDAR\r
";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn berlin() -> Zone {
    "Europe/Berlin".parse().unwrap()
}

fn task_of(object: &Object) -> Task {
    let todo = object.todo(&berlin()).unwrap();
    todo.create().draft(now(), &berlin()).unwrap().created(1, now())
}

/// Returns a stamp with the reminder of [`RICH`] that is not the task's own.
fn stamp(object: &Object, changes: i64) -> Stamp<'_> {
    static OTHERS: LazyLock<Vec<ReminderOffset>> = LazyLock::new(|| vec!["2 hours".parse().unwrap()]);
    Stamp { uid: object.uid(), changes, reminders: &OTHERS }
}

#[test]
fn a_task_gets_every_supported_property() {
    let task = task_of(&Object::parse(RICH).unwrap());
    assert_eq!(task.title, "Pay the rent, again");
    assert_eq!(task.description, "First line\nsecond");
    assert_eq!(task.due_date.unwrap().to_string(), "2027-01-05T08:00:00.000000Z");
    assert_eq!(task.time_zone.name(), "Europe/Berlin");
    assert_eq!(task.recurrence_rule.as_ref().unwrap().to_string(), "FREQ=WEEKLY;BYDAY=TU;COUNT=5");
    assert_eq!(task.recurrence_exdates.len(), 1);
    assert_eq!((task.priority, task.status), (Priority::High, Status::Pending));
    assert_eq!(task.tags, ["home", "money"]);
    assert_eq!(task.reminder_offset.unwrap().to_string(), "15 minutes");
    assert_eq!(task.uid.to_string(), "5f3f2c1a-7c58-4f0f-9f55-0a1f6f6d7d11");
}

#[test]
fn a_clients_text_is_returned_byte_for_byte() {
    let object = Object::parse(RICH).unwrap();
    assert_eq!(object.with(&task_of(&object), stamp(&object, 0)), RICH);
}

#[test]
fn an_edit_replaces_the_lines_that_it_changes_and_no_other() {
    let object = Object::parse(RICH).unwrap();
    let task = task_of(&object);
    let edit: UpdateTask =
        serde_json::from_str(r#"{ "task_id": 1, "title": "Rent", "priority": "low", "reminder_offset": "1 hour" }"#).unwrap();
    let edited = Task { version: 2, updated_at: "2027-01-02T00:00:00Z".parse().unwrap(), ..edit.apply(&task, now()).unwrap() };
    let text = object.with(&edited, stamp(&object, 1));
    let expected = RICH
        .replace("SUMMARY;LANGUAGE=en:Pay the rent\\, again", "SUMMARY:Rent")
        .replace("PRIORITY:2", "PRIORITY:9")
        .replace("-PT15M", "-PT1H")
        .replace("SEQUENCE:3", "SEQUENCE:4")
        .replace("LAST-MODIFIED:20261202T080000Z", "LAST-MODIFIED:20270102T000000Z")
        .replace("DTSTAMP:20261201T080000Z", "DTSTAMP:20270102T000000Z");
    assert_eq!(text, expected);
}

#[test]
fn the_alarms_are_those_of_the_reminders() {
    let twice = RICH.replace(
        "BEGIN:VALARM\r\nACTION:AUDIO",
        "BEGIN:VALARM\r\nACTION:EMAIL\r\nTRIGGER;RELATED=END:-PT15M\r\nEND:VALARM\r\nBEGIN:VALARM\r\nACTION:AUDIO",
    );
    let after = "BEGIN:VALARM\r\nTRIGGER;RELATED=END:PT1H\r\nEND:VALARM\r\n";
    let object = Object::parse(&twice.replace("END:VTODO\r\n", &format!("{after}END:VTODO\r\n"))).unwrap();
    let task = task_of(&object);
    let triggers = |own: &str, others: &[&str]| -> Vec<String> {
        let others: Vec<ReminderOffset> = others.iter().map(|text| text.parse().unwrap()).collect();
        let task = Task { reminder_offset: own.parse().ok(), ..task.clone() };
        let text = object.with(&task, Stamp { reminders: &others, ..stamp(&object, 0) });
        assert!(text.contains(after), "an alarm that no reminder can represent stays");
        text.split("BEGIN:VALARM\r\n")
            .skip(1)
            .map(|alarm| alarm.split("\r\n").find(|line| line.starts_with("TRIGGER")).unwrap()[7..].to_owned())
            .collect()
    };
    let (end, fixed) = (|text: &str| format!(";RELATED=END:{text}"), ";VALUE=DATE-TIME:20270105T060000Z".to_owned());
    let later = end("PT1H");
    assert_eq!(triggers("15 minutes", &["2 hours"]), [end("-PT15M"), end("-PT15M"), fixed.clone(), later.clone()]);
    assert_eq!(triggers("30 minutes", &["120 minutes"]), [end("-PT30M"), end("-PT30M"), fixed.clone(), later.clone()]);
    assert_eq!(triggers("", &["2 hours", "1 week"]), [end("-P1W"), end("-P1W"), fixed, later.clone()]);
    assert_eq!(triggers("15 minutes", &[]), [end("-PT15M"), end("-PT15M"), later.clone()]);
    assert_eq!(triggers("", &[]), [later]);
}

#[test]
fn the_next_occurrence_moves_the_dates_and_counts_down() {
    let object = Object::parse(RICH).unwrap();
    let done = Task { status: Status::Completed, completed_at: Some("2027-01-05T09:00:00Z".parse().unwrap()), ..task_of(&object) };
    let next = done.next_occurrence().unwrap().created(2, now());
    let text = object.with(&next, stamp(&object, 2));
    for line in [
        "DTSTART;TZID=Europe/Berlin:20270112T080000\r\n",
        "DUE;TZID=Europe/Berlin:20270112T090000\r\n",
        "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=4\r\n",
        "SEQUENCE:5\r\n",
        "STATUS:IN-PROCESS\r\n",
        "X-APPLE-SORT-ORDER;X-A=\"b:c\":659,1\\\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    // A text for the next occurrence means that occurrence.
    let read = Object::parse(&text).unwrap().todo(&berlin()).unwrap();
    assert_eq!((read.due, &read.rule), (next.due(), &Todo::of(&next).rule));
}

#[test]
fn a_task_of_taskflow_is_written_and_read_back_the_same() {
    for fields in [
        r#"{ "title": "Plain" }"#,
        r#"{ "title": "Day", "due_date": "2027-01-31", "recurrence": "monthly", "tags": ["a b", "c;d"], "priority": "high" }"#,
        r#"{ "title": "Time, with; marks\\", "due_date": "2027-01-31T08:00:00Z", "description": "a\nb", "recurrence": "daily",
             "reminder_offset": "2 days", "recurrence_exdates": ["2027-02-02"] }"#,
        r#"{ "title": "Rule", "due_date": "2027-03-27T08:00:00Z", "recurrence_rule": "FREQ=MONTHLY;BYDAY=-1FR;COUNT=7", "recurrence_from": "completion" }"#,
    ] {
        let command: domain::command::CreateTask = serde_json::from_str(fields).unwrap();
        let task = command.draft(now(), &berlin()).unwrap().created(1, now());
        let uid = task.uid.to_string();
        let text = Object::empty(&task, &uid).with(&task, Stamp { uid: &uid, changes: 1, reminders: &[] });
        let object = Object::parse(&text).unwrap();
        let (read, meant) = (object.todo(&berlin()).unwrap(), Todo::of(&task));
        assert_eq!(read.title, meant.title);
        assert_eq!(read.description, meant.description);
        assert_eq!((read.due, &read.rule, &read.exdates), (meant.due, &meant.rule, &meant.exdates), "{text}");
        assert_eq!((read.priority, &read.tags, read.reminder), (meant.priority, &meant.tags, meant.reminder), "{text}");
        assert_eq!(object.with(&task, Stamp { uid: &uid, changes: 0, reminders: &[] }), text, "what is written is what it means");
    }
}

#[test]
fn completing_and_reopening_leaves_the_rest() {
    let object = Object::parse(&RICH.replace("RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=5\r\n", "")).unwrap();
    let task = task_of(&object);
    let done = Task { status: Status::Completed, completed_at: Some(now()), ..task.clone() };
    let text = object.with(&done, stamp(&object, 1));
    assert!(text.contains("STATUS:COMPLETED\r\nPERCENT-COMPLETE:100\r\n") && text.contains("COMPLETED:20270101T000000Z\r\n"), "{text}");
    let back = Object::parse(&text).unwrap();
    let text = back.with(&task, stamp(&back, 1));
    assert!(text.contains("STATUS:NEEDS-ACTION") && !text.contains("COMPLETED:2027"), "{text}");
}

#[test]
fn rfc_5545_s_examples_are_read() {
    // Section 3.6.2.
    let text = "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:20070313T123432Z-456553@example.com\nDTSTAMP:20070313T123432Z\nDUE;VALUE=DATE:20070501\n\
         SUMMARY:Submit Quebec Income Tax Return for 2006\nCLASS:CONFIDENTIAL\nCATEGORIES:FAMILY,FINANCE\nSTATUS:NEEDS-ACTION\nEND:VTODO\nEND:VCALENDAR\n";
    let todo = Object::parse(text).unwrap().todo(&Zone::utc()).unwrap();
    assert_eq!((todo.title.as_str(), todo.due.unwrap().to_string().as_str()), ("Submit Quebec Income Tax Return for 2006", "2007-05-01"));
    assert_eq!(todo.tags, ["family", "finance"]);
    let text = "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:20070514T103211Z-123404@example.com\nDTSTAMP:20070514T103211Z\nDTSTART:20070514T110000Z\n\
         DUE:20070709T130000Z\nCOMPLETED:20070707T100000Z\nSUMMARY:Submit Revised Internet-Draft\nPRIORITY:1\nSTATUS:NEEDS-ACTION\nEND:VTODO\nEND:VCALENDAR\n";
    let todo = Object::parse(text).unwrap().todo(&Zone::utc()).unwrap();
    assert_eq!((todo.status, todo.priority), (Status::Pending, Priority::High), "STATUS decides");
}

#[test]
fn odd_values_are_kept_and_mean_nothing() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:1\r\nSUMMARY:\r\nDUE:soon\r\nRRULE:FREQ=SECONDLY\r\nPRIORITY:x\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
    let object = Object::parse(text).unwrap();
    let task = task_of(&object);
    assert_eq!((task.title.as_str(), task.due(), task.priority), ("(untitled)", None, Priority::Medium));
    assert_eq!(object.with(&task, stamp(&object, 0)), text);
}

/// Number of inputs of the fuzz test; `ICALENDAR_FUZZ` sets it.
const INPUTS: u64 = 1_000;
/// Maximum time per input in a debug build. The recipe for a million inputs requires 50 ms from a release build.
const SLOWEST_MS: u128 = 1_000;

/// Reads and writes mutations of client texts: there is no panic, and nothing takes long.
#[test]
fn mutated_texts_neither_panic_nor_take_long() {
    let inputs = std::env::var("ICALENDAR_FUZZ").ok().map_or(INPUTS, |count| count.parse().unwrap());
    let slowest = std::env::var("ICALENDAR_FUZZ_MS").ok().map_or(SLOWEST_MS, |limit| limit.parse().unwrap());
    let mut random = Random(0x5eed);
    let task = task_of(&Object::parse(RICH).unwrap());
    let Draft(other) = Draft::new(Zone::utc());
    let words: Vec<&str> = vec![
        "BEGIN:VTODO\r\n",
        "END:VTODO\r\n",
        "BEGIN:VALARM\r\n",
        "TRIGGER:-P99999999999D\r\n",
        "DUE:99991231T235959Z\r\n",
        "DUE;VALUE=DATE:00000000\r\n",
        "RRULE:FREQ=YEARLY;COUNT=9999;BYDAY=53MO\r\n",
        "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30\r\n",
        "EXDATE:20270105T090000Z,20270106\r\n",
        "\r\n ",
        ";",
        ":",
        ",",
        "\"",
        "\\",
        "\\n",
        "=",
        "TZID=",
        "\u{feff}",
        "é",
        "\0",
        "DURATION:P9999999999W\r\n",
        "RECURRENCE-ID:20270112T080000Z\r\n",
        "DTSTART:-20270105T090000\r\n",
        "VALUE=DATE-TIME",
        "ENCODING=QUOTED-PRINTABLE",
        "CHARSET=utf-7",
        "4294967295",
        "-1",
        "SEQUENCE:9223372036854775807\r\n",
    ];
    for number in 0..inputs {
        let mut text = RICH.to_owned();
        for _ in 0..=random.below(8) {
            mutate(&mut text, &words, &mut random);
        }
        let begin = Instant::now();
        let _ = Document::parse(&text);
        if let Ok(object) = Object::parse(&text) {
            let _ = (object.todo(&berlin()), object.exceptions(&berlin()));
            let _ = object.todo(&berlin()).map(|todo| todo.create().draft(now(), &berlin()));
            let written = object.with(&task, stamp(&object, 1));
            assert!(Object::parse(&written).is_ok(), "input {number}: what was written cannot be read: {written}");
            let _ = object.with(&other, stamp(&object, 0));
        }
        let took = begin.elapsed().as_millis();
        assert!(took <= slowest, "input {number} took {took} ms: {text}");
    }
}

fn mutate(text: &mut String, words: &[&str], random: &mut Random) {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let mut end = (at + random.below(40)).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let end = end.max(at);
    match random.below(4) {
        0 => text.replace_range(at..end, ""),
        1 => text.insert_str(at, words[random.below(words.len())]),
        2 => text.replace_range(at..end, words[random.below(words.len())]),
        _ => {
            let copied = text[at..end].to_owned();
            text.insert_str(at, &copied);
        }
    }
}

/// A small generator (`SplitMix64`), so that the inputs are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((value ^ (value >> 31)) % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

#[test]
fn a_rule_with_letters_beyond_ascii_is_no_rule() {
    for rule in ["FREQ=é0270119T090000", "UNTIé=0270119T09000", "ééééééé-T-------"] {
        let text = RICH.replace("FREQ=WEEKLY;BYDAY=TU;COUNT=5", rule);
        assert!(task_of(&Object::parse(&text).unwrap()).recurrence_rule.is_none(), "{rule}");
    }
}
