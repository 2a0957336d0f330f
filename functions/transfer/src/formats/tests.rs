//! Tests of the formats, with files made from their public descriptions, without real data.

use std::io::{Cursor, Write as _};

use domain::Task;
use domain::preferences::DayStart;
use domain::task::{Priority, Recurrence, RecurrenceFrom, Status};
use domain::transfer::NoteKind;
use domain::zone::Zone;

use super::*;
use crate::item::Item;

fn scene() -> Scene {
    let zone: Zone = "Europe/Berlin".parse().unwrap();
    Scene { now: "2027-01-04T08:00:00Z".parse().unwrap(), zone, day_start: DayStart::default() }
}

fn items(format: ImportFormat, file: &[u8]) -> Vec<Read> {
    let mut items = Vec::new();
    let mut sink = |read| {
        items.push(read);
        Ok(())
    };
    super::read(format, Cursor::new(file), &scene(), &mut sink).unwrap();
    items
}

fn tasks(format: ImportFormat, file: &[u8]) -> Vec<Task> {
    let tasks = items(format, file).into_iter().filter_map(|read| match read.item {
        Item::Task(task) => Some(task.task),
        _ => None,
    });
    tasks.collect()
}

fn task<'t>(tasks: &'t [Task], title: &str) -> &'t Task {
    tasks.iter().find(|task| task.title == title).unwrap_or_else(|| panic!("no {title} in {tasks:?}"))
}

fn notes(format: ImportFormat, file: &[u8]) -> Vec<(i64, NoteKind, String)> {
    items(format, file).into_iter().flat_map(|read| read.notes).map(|note| (note.line, note.kind, note.text)).collect()
}

fn due(task: &Task) -> String {
    task.due().map(|due| due.to_string()).unwrap_or_default()
}

const TODOIST: &str = "\u{feff}TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,DURATION,DURATION_UNIT,DEADLINE,DEADLINE_LANG\n\
    meta,view_style=list,,,,,,,,,,,,\n\
    task,Water the plants @home @garden,\"The ones, inside\nand outside\",1,1,,,every 2 weeks,en,Europe/London,,,,\n\
    task,Buy cans,,4,2,,,2027-02-03,en,,30,minute,,\n\
    note,\"The green ones\",,,,,,,,,,,,\n\
    ,,,,,,,,,,,,,\n\
    section,Work,,,,,,,,,,,,\n\
    task,Report,,3,1,,,every! day,en,,,,,\n\
    task,Termin,,2,1,,,jeden Montag um 9,de,,,,,\n\
    task,Taxes,,4,1,,,,,,,,2027-05-31,en\n\
    task,Taxes,,4,1,,,2027-03-01 09:30,en,,,,2027-05-31,en\n";

#[test]
fn todoist_is_read_as_its_users_mean_it() {
    let tasks = tasks(ImportFormat::Todoist, TODOIST.as_bytes());
    assert_eq!(tasks.len(), 6);
    let plants = task(&tasks, "Water the plants");
    assert_eq!(
        (plants.priority, plants.time_zone.name(), &plants.tags),
        (Priority::High, "Europe/London", &vec!["home".to_owned(), "garden".to_owned()])
    );
    assert_eq!(plants.description, "The ones, inside\nand outside");
    assert_eq!(plants.recurrence_rule.as_ref().map(ToString::to_string).as_deref(), Some("FREQ=WEEKLY;INTERVAL=2"));
    let cans = task(&tasks, "Buy cans");
    assert_eq!((due(cans).as_str(), cans.all_day, cans.priority), ("2027-02-03", true, Priority::Medium));
    assert_eq!(cans.description, "Part of: Water the plants\nThe green ones");
    let report = task(&tasks, "Report");
    assert_eq!(
        (report.recurrence, report.recurrence_from, report.priority),
        (Recurrence::Daily, RecurrenceFrom::Completion, Priority::Low)
    );
    assert_eq!(report.tags, ["work"]);
    let termin = task(&tasks, "Termin");
    assert_eq!((due(termin).as_str(), termin.description.as_str()), ("", "Date: jeden Montag um 9"));
    assert_eq!(due(&tasks[4]), "2027-05-31");
    assert_eq!(due(&tasks[5]), "2027-03-01T08:30:00.000000Z");
    assert_ne!(tasks[4].uid, tasks[5].uid, "two tasks of the same name");
}

#[test]
fn losses_are_reported_by_line() {
    let notes = notes(ImportFormat::Todoist, TODOIST.as_bytes());
    let told =
        |line: i64, word: &str| notes.iter().any(|(own, kind, text)| *own == line && *kind == NoteKind::Changed && text.contains(word));
    for (line, word) in [(5, "sub-task"), (5, "duration of 30 minute"), (10, "jeden Montag"), (12, "deadline")] {
        assert!(told(line, word), "{line}: {word} in {notes:?}");
    }
}

#[test]
fn the_same_task_has_the_same_uid_in_a_later_file() {
    let later = TODOIST.replace("task,Report,,3,1,,,every! day", "task,New,,4,1,,,,en,,,,,\ntask,Report,,1,1,,,every week");
    let (before, after) = (tasks(ImportFormat::Todoist, TODOIST.as_bytes()), tasks(ImportFormat::Todoist, later.as_bytes()));
    assert_eq!(after.len(), before.len() + 1);
    for old in &before {
        assert_eq!(after.iter().filter(|new| new.uid == old.uid && new.title == old.title).count(), 1, "{}", old.title);
    }
}

const TICKTICK: &str = "\u{feff}\"Date: 2027-01-04+0000\"\n\"Version: 7.1\"\n\"Status: \n0 Normal\n1 Completed\n2 Archived\"\n\
    \"Folder Name\",\"List Name\",\"Title\",\"Kind\",\"Tags\",\"Content\",\"Is Check list\",\"Start Date\",\"Due Date\",\"Reminder\",\"Repeat\",\"Priority\",\"Status\",\
    \"Created Time\",\"Completed Time\",\"Order\",\"Timezone\",\"Is All Day\",\"Is Floating\",\"Column Name\",\"Column Order\",\"View Mode\",\"taskId\",\"parentId\"\n\
    \"\",\"Inbox\",\"Dentist\",\"TEXT\",\"health, teeth\",\"Bring the card\",\"N\",\"2027-02-01T08:30:00+0000\",\"2027-02-01T08:30:00+0000\",\"TRIGGER:PT0S\nTRIGGER:-P1D\",\"\",\"5\",\"0\",\
    \"2026-12-01T10:00:00+0000\",\"\",\"-1\",\"Europe/Berlin\",\"false\",\"false\",\"\",\"\",\"list\",\"64b7c0ffee64b7c0ffee64b7\",\"\"\n\
    \"Private\",\"House\",\"Rent\",\"TEXT\",\"\",\"\",\"N\",\"2027-01-30T23:00:00+0000\",\"2027-01-30T23:00:00+0000\",\"TRIGGER:P0DT9H0M0S\",\"RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=-1;TT_SKIP=WEEKEND\",\"1\",\"0\",\
    \"2026-12-01T10:00:00+0000\",\"\",\"-1\",\"Europe/Berlin\",\"true\",\"false\",\"\",\"\",\"list\",\"2\",\"1\"\n\
    \"\",\"House\",\"Trip\",\"CHECKLIST\",\"\",\"▫Tickets\n▪Hotel\",\"Y\",\"\",\"\",\"\",\"\",\"0\",\"2\",\
    \"2026-12-01T10:00:00+0000\",\"2026-12-02T10:00:00+0000\",\"-1\",\"Europe/Berlin\",\"false\",\"false\",\"\",\"\",\"list\",\"3\",\"3\"\n";

#[test]
fn ticktick_is_read_as_its_users_mean_it() {
    let read = items(ImportFormat::Ticktick, TICKTICK.as_bytes());
    let reminders: Vec<String> = read
        .iter()
        .filter_map(|read| match &read.item {
            Item::Task(task) => Some(task.reminders.iter().map(|own| own.reminder.scheduled_at.to_string())),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(reminders, ["2027-02-01T08:30:00.000000Z", "2027-01-31T08:30:00.000000Z", "2027-01-31T08:00:00.000000Z"]);
    let tasks = tasks(ImportFormat::Ticktick, TICKTICK.as_bytes());
    let dentist = task(&tasks, "Dentist");
    assert_eq!(
        (due(dentist).as_str(), dentist.priority, &dentist.tags),
        ("2027-02-01T08:30:00.000000Z", Priority::High, &vec!["health".to_owned(), "teeth".to_owned()])
    );
    assert_eq!(dentist.created_at.to_string(), "2026-12-01T10:00:00.000000Z");
    let rent = task(&tasks, "Rent");
    assert_eq!(
        (due(rent).as_str(), rent.priority, &rent.tags),
        ("2027-01-31", Priority::Low, &vec!["private".to_owned(), "house".to_owned()])
    );
    assert_eq!(rent.recurrence_rule.as_ref().map(ToString::to_string).as_deref(), Some("FREQ=MONTHLY;BYMONTHDAY=-1"));
    let trip = task(&tasks, "Trip");
    assert_eq!((trip.status, trip.description.as_str()), (Status::Completed, "- [ ] Tickets\n- [x] Hotel"));
    assert_eq!(trip.completed_at.map(|at| at.to_string()).as_deref(), Some("2026-12-02T10:00:00.000000Z"));
    let notes = notes(ImportFormat::Ticktick, TICKTICK.as_bytes());
    assert!(notes.iter().any(|(_, _, text)| text.contains("TT_SKIP=WEEKEND")), "{notes:?}");
}

const TAKEOUT: &str = r#"{ "kind": "tasks#taskLists", "items": [
    { "kind": "tasks#tasks", "id": "list1", "title": "Errands", "updated": "2026-12-01T10:00:00Z", "items": [
        { "kind": "tasks#task", "id": "a1", "title": "Post", "notes": "two parcels", "status": "needsAction", "due": "2027-01-09T00:00:00Z", "updated": "2026-12-01T10:00:00Z" },
        { "id": "a2", "title": "Bank", "status": "completed", "completed": "2026-12-24T18:00:00.000Z", "parent": "a1", "links": [{ "link": "https://example.org/1" }] } ] },
    { "kind": "tasks#tasks", "id": "list2", "title": "My Tasks", "items": [ { "id": "b1", "title": "", "status": "needsAction" } ] } ] }"#;

#[test]
fn takeout_is_read_as_its_users_mean_it() {
    let tasks = tasks(ImportFormat::Takeout, TAKEOUT.as_bytes());
    assert_eq!(tasks.len(), 3);
    let post = task(&tasks, "Post");
    assert_eq!((due(post).as_str(), post.description.as_str(), &post.tags), ("2027-01-09", "two parcels", &vec!["errands".to_owned()]));
    let bank = task(&tasks, "Bank");
    assert_eq!(
        (bank.status, bank.completed_at.map(|at| at.to_string()).as_deref()),
        (Status::Completed, Some("2026-12-24T18:00:00.000000Z"))
    );
    assert_eq!(bank.description, "https://example.org/1");
    assert_eq!((tasks[2].title.as_str(), tasks[2].tags.len()), ("Untitled", 0));
}

fn vikunja(data: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [("VERSION", "v0.24.6"), ("data.json", data), ("filters.json", "null")] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const VIKUNJA: &str = r#"[ { "id": 1, "title": "Inbox", "tasks": null },
    { "id": 2, "title": "Garden", "description": "", "tasks": [
        { "id": 11, "title": "Mow", "description": "<p>Front &amp; back</p><ul data-type=\"taskList\"><li data-checked=\"true\">Oil</li><li data-checked=\"false\">Fuel</li></ul>", "done": false, "done_at": "0001-01-01T00:00:00Z",
          "due_date": "2027-02-01T08:00:00Z", "reminders": [ { "reminder": "2027-02-01T07:00:00Z", "relative_period": -3600, "relative_to": "due_date" } ],
          "repeat_after": 1209600, "repeat_mode": 2, "priority": 5, "labels": [ { "id": 1, "title": "Outside" } ], "created": "2026-12-01T10:00:00Z", "related_tasks": {} },
        { "id": 12, "title": "Fence", "done": true, "done_at": "2026-12-24T18:00:00Z", "due_date": "0001-01-01T00:00:00Z", "repeat_after": 0, "repeat_mode": 1, "priority": 0, "attachments": [ {} ] } ] } ]"#;

#[test]
fn vikunja_is_read_as_its_users_mean_it() {
    let file = vikunja(VIKUNJA);
    let tasks = tasks(ImportFormat::Vikunja, &file);
    let mow = task(&tasks, "Mow");
    assert_eq!(
        (due(mow).as_str(), mow.priority, &mow.tags),
        ("2027-02-01T08:00:00.000000Z", Priority::High, &vec!["outside".to_owned(), "garden".to_owned()])
    );
    assert_eq!(mow.description, "Front & back\n- [x] Oil\n- [ ] Fuel");
    assert_eq!(
        (mow.recurrence_rule.as_ref().map(ToString::to_string).as_deref(), mow.recurrence_from),
        (Some("FREQ=WEEKLY;INTERVAL=2"), RecurrenceFrom::Completion)
    );
    assert_eq!(mow.reminder_offset.map(|offset| offset.to_string()).as_deref(), Some("1 hour"));
    let fence = task(&tasks, "Fence");
    assert_eq!((fence.status, fence.recurrence), (Status::Completed, Recurrence::None));
    let notes = notes(ImportFormat::Vikunja, &file);
    assert!(notes.iter().any(|(line, _, text)| *line == 2 && text.contains("attachments")), "{notes:?}");
}

#[test]
fn an_icalendar_file_has_its_todos_imported() {
    let file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VTODO\r\nUID:one@example.org\r\nSUMMARY:Pay rent\r\nDUE;VALUE=DATE:20270131\r\n\
        RRULE:FREQ=MONTHLY;BYMONTHDAY=-1\r\nPRIORITY:1\r\nCATEGORIES:Home,Money\r\nEND:VTODO\r\nBEGIN:VEVENT\r\nUID:two@example.org\r\nSUMMARY:Party\r\n\
        DTSTART:20270101T200000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let tasks = tasks(ImportFormat::Ics, file.as_bytes());
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        (due(&tasks[0]).as_str(), tasks[0].priority, &tasks[0].tags),
        ("2027-01-31", Priority::High, &vec!["home".to_owned(), "money".to_owned()])
    );
    assert_eq!(notes(ImportFormat::Ics, file.as_bytes()), [(12, NoteKind::Skipped, "it is an event, not a task".to_owned())]);
}

#[test]
fn a_file_tells_what_wrote_it() {
    for (file, format) in [
        (TODOIST, Some(ImportFormat::Todoist)),
        (TICKTICK, Some(ImportFormat::Ticktick)),
        (TAKEOUT, Some(ImportFormat::Takeout)),
        ("{\"taskflow\":1,\"tasks\":[]}", Some(ImportFormat::Taskflow)),
        ("begin:vcalendar\r\n", Some(ImportFormat::Ics)),
        ("", None),
        ("{}", None),
        ("a,b\n1,2\n", None),
    ] {
        assert_eq!(format_of(file.as_bytes()), format, "{file:.40}");
    }
    assert_eq!(format_of(&vikunja("[]")), Some(ImportFormat::Vikunja));
}

#[test]
fn a_malformed_file_ends_the_import_with_the_reason() {
    let read = |format, file: &[u8]| super::read(format, Cursor::new(file.to_vec()), &scene(), &mut |_| Ok(())).unwrap_err().to_string();
    for (format, file) in [
        (ImportFormat::Taskflow, b"{\"taskflow\":2,\"tasks\":[]}".as_slice()),
        (ImportFormat::Taskflow, b"{\"taskflow\":1,\"tasks\":[{"),
        (ImportFormat::Taskflow, b"{\"taskflow\":1}"),
        (ImportFormat::Ticktick, b"a,b\n"),
        (ImportFormat::Vikunja, b"PK\x03\x04 and no more"),
        (ImportFormat::Takeout, b"{\"items\":[{\"items\":7}]}"),
    ] {
        assert!(!read(format, file).is_empty(), "{format:?}");
    }
    // An endless item takes no more memory than its limit.
    let endless = format!("{{\"taskflow\":1,\"tasks\":[{{\"title\":\"{}\"}}]}}", "x".repeat(ITEM_MAX));
    assert!(read(ImportFormat::Taskflow, endless.as_bytes()).contains("larger than"));
}

#[test]
fn invalid_values_are_cut_or_skipped_and_reported() {
    let long = "x".repeat(300);
    let tags = (0..25).map(|number| format!("@tag{number}")).collect::<Vec<_>>().join(" ");
    let file = format!("TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,DATE,DATE_LANG\ntask,{long} {tags},{},1,1,,\n", "y".repeat(11_000));
    let read = tasks(ImportFormat::Todoist, file.as_bytes());
    assert_eq!((read[0].title.chars().count(), read[0].tags.len(), read[0].description.chars().count()), (200, 20, 10_000));
    let told = notes(ImportFormat::Todoist, file.as_bytes());
    for word in ["title", "description", "20 tags"] {
        assert!(told.iter().any(|(_, _, text)| text.contains(word)), "{word}: {told:?}");
    }
    // Nothing of Taskflow's own export is changed: a task that violates a rule is skipped.
    let own = r#"{"taskflow":1,"tasks":[{"title":"no task"}],"reminders":[],"audit":[]}"#;
    assert_eq!(notes(ImportFormat::Taskflow, own.as_bytes())[0].1, NoteKind::Skipped);
}

#[test]
fn a_task_is_kept_without_a_calendar_object_that_cannot_be_stored() {
    let task = Task { id: 1, uid: uid_of("1"), title: "Here".to_owned(), version: 1, recurrence_number: 1, ..Task::default() };
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:a\r\nX-MINE:1\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
    let read = |object: serde_json::Value| {
        let mut task = serde_json::to_value(&task).unwrap();
        task["calendar_object"] = object;
        let file = serde_json::json!({ "taskflow": 1, "tasks": [task] }).to_string();
        let Read { item: Item::Task(task), notes, .. } = items(ImportFormat::Taskflow, file.as_bytes()).pop().unwrap() else {
            panic!("no task")
        };
        (task.calendar_object, notes)
    };
    let object = |name: &str, uid: &str, text: &str| serde_json::json!({ "name": name, "uid": uid, "written": text, "written_version": 1 });
    let (kept, notes) = read(object("a.ics", "a", text));
    assert_eq!((kept.map(|kept| kept.written).as_deref(), notes.len()), (Some(text), 0));
    assert_eq!(read(serde_json::Value::Null).1.len(), 0);
    let long = format!("BEGIN:VCALENDAR\r\nX:{}\r\nEND:VCALENDAR\r\n", "x".repeat(icalendar::DOCUMENT_MAX));
    for bad in [
        object("", "a", text),
        object("a/b.ics", "a", text),
        object(&"a".repeat(251), "a", text),
        object("a.ics", "", text),
        object("a.ics", &"a".repeat(2_001), text),
        object("a.ics", "a\0", text),
        object("a.ics", "a", "no calendar"),
        object("a.ics", "a", &text.replace("X-MINE:1", "X-MINE:\0")),
        object("a.ics", "a", &long),
        serde_json::json!({ "name": "a.ics", "uid": "a", "written": text, "written_version": i64::MIN }),
    ] {
        let (kept, notes) = read(bad.clone());
        assert_eq!((kept, notes.len(), notes[0].kind), (None, 1, NoteKind::Changed), "{bad}");
        assert!(notes[0].text.contains("calendar client"), "{notes:?}");
    }
}
