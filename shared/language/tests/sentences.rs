//! Sentences and their meanings (the table `sentences.tsv`), and properties of any text.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use domain::Moment;
use domain::command::{CreateTask, Field};
use domain::query::{Due, Today};
use domain::task::{Frequency, Priority, RecurrenceFrom};
use domain::zone::Zone;
use jiff::tz::TimeZone;
use language::{Intent, Listing, Locale, Note, NoteKind, Part, Reading, Reminders, SENTENCE_MAX, Scene, Selection, Target, draft, read};
use proptest::prelude::*;

/// The table. A line that begins with "@" sets the local time, the zone and optionally the locale of the following rows. A row has the sentence, its
/// meaning ([`summary`]) and, after another tab, words that a note must contain. Without them, no part of the sentence may be missed: only
/// assumptions may be noted.
const TABLE: &str = include_str!("sentences.tsv");

/// Minimum number of sentences, so that none disappears unnoticed.
const ROWS_MIN: usize = 1_700;

struct Row<'a> {
    line: usize,
    now: domain::Timestamp,
    zone: Zone,
    locale: Option<Locale>,
    sentence: &'a str,
    meaning: &'a str,
    note: &'a str,
}

impl Row<'_> {
    fn scene(&self) -> Scene {
        Scene::new(self.now, &self.zone).in_locale(self.locale.clone()).with_tags(TAGS.map(str::to_owned).to_vec())
    }
}

/// The existing tags.
const TAGS: [&str; 4] = ["home office", "home office move", "work", "waiting for"];

fn rows() -> Vec<Row<'static>> {
    let mut rows = Vec::new();
    let mut scene = None;
    for (index, line) in TABLE.lines().enumerate() {
        if let Some(said) = line.strip_prefix("@ ") {
            let mut said = said.split(' ');
            let mut next = || said.next().expect("a scene has a time and a zone");
            let (local, zone): (_, Zone) = (next(), next().parse().expect("a zone"));
            let locale: Option<Locale> = said.next().map(|tag| tag.parse().expect("a locale"));
            let now = zone.get().to_timestamp(local.parse().expect("a local time")).expect("a time");
            scene = Some((domain::Timestamp::new(now).expect("a time"), zone, locale));
        } else if !line.is_empty() && !line.starts_with("# ") {
            let (now, zone, locale) = scene.clone().expect("a scene before the first sentence");
            let mut fields = line.split('\t');
            let (sentence, meaning) = (fields.next().unwrap_or_default(), fields.next().unwrap_or("?"));
            rows.push(Row { line: index + 1, now, zone, locale, sentence, meaning, note: fields.next().unwrap_or_default() });
        }
    }
    rows
}

/// Summarises a reading in one line: "ask" if the user is asked whether it is a task, and "first asked" if an order needs confirmation.
fn summary(reading: &Reading, zone: &TimeZone) -> String {
    let first = if reading.is_question { " | first asked" } else { "" };
    match (&reading.intent, &reading.or_task) {
        (Intent::Unclear, Some(task)) => format!("ask {}", task_summary(task, zone)),
        (intent, _) => format!("{}{first}", wanted(intent, zone)),
    }
}

fn wanted(intent: &Intent, zone: &TimeZone) -> String {
    match intent {
        Intent::Create { task, is_asked, unless } => {
            let unless = unless.as_ref().map(|title| format!(" | unless <{title}>")).unwrap_or_default();
            format!("{} {}{unless}", if *is_asked { "add" } else { "task" }, task_summary(task, zone))
        }
        Intent::List(listing) => listing_summary(listing),
        Intent::Get(target) => format!("get {}", name(target)),
        Intent::Complete(which) => format!("complete {}", selection(which)),
        Intent::Reopen(which) => format!("reopen {}", selection(which)),
        Intent::Delete(which) => format!("delete {}", selection(which)),
        Intent::Update { which, change } => format!("update {}: {}", selection(which), change_summary(change, zone)),
        Intent::SetPriority { which, priority } => format!("priority {}: {}", selection(which), level(*priority)),
        Intent::AddTags { which, tags } => format!("tag {}: {}", selection(which), tags.join(",")),
        Intent::RemoveTags { which, tags } => format!("untag {}: {}", selection(which), tags.join(",")),
        Intent::Remind { which, offset } => format!("remind {}: {offset}", selection(which)),
        Intent::ListReminders { of, status } => {
            let of = of.as_ref().map(|of| format!(" of {}", name(of))).unwrap_or_default();
            let status = status.map(|status| format!(" {status:?}").to_lowercase()).unwrap_or_default();
            format!("reminders{of}{status}")
        }
        Intent::CancelReminders(Reminders::Number(id)) => format!("cancel reminder {id}"),
        Intent::CancelReminders(Reminders::Of(which)) => format!("cancel reminders of {}", selection(which)),
        Intent::ListTags => "tags".to_owned(),
        Intent::Help => "help".to_owned(),
        Intent::Greeting => "greeting".to_owned(),
        Intent::Thanks => "thanks".to_owned(),
        Intent::Yes => "yes".to_owned(),
        Intent::No => "no".to_owned(),
        Intent::Unclear => "unclear".to_owned(),
    }
}

fn level(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Medium => "medium",
        Priority::High => "high",
    }
}

fn name(target: &Target) -> String {
    match target {
        Target::Id(id) => id.to_string(),
        Target::Span(first, last) => format!("{first}-{last}"),
        Target::Title(title) => format!("<{title}>"),
        Target::It => "it".to_owned(),
    }
}

fn selection(which: &Selection) -> String {
    match which {
        Selection::Tasks(targets) => targets.iter().map(name).collect::<Vec<_>>().join(","),
        Selection::Matching(listing) => {
            let limit = listing.query.limit.map(|limit| format!(", at most {limit}")).unwrap_or_default();
            format!("all({}{limit})", listing.about)
        }
    }
}

fn local(at: domain::Timestamp, zone: &TimeZone) -> String {
    at.get().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn moment(due: Moment, zone: &TimeZone) -> String {
    match due {
        Moment::At(at) => local(at, zone),
        Moment::On(day) => day.to_string(),
    }
}

fn task_summary(task: &CreateTask, zone: &TimeZone) -> String {
    let mut parts = vec![format!("<{}>", task.title)];
    parts.extend(task.due_date.map(|due| format!("due {}", moment(due, zone))));
    match (&task.recurrence_rule, task.recurrence) {
        (Some(rule), _) => parts.push(rule.to_string()),
        (None, Frequency::None) => {}
        (None, frequency) => parts.push(format!("{frequency:?}").to_lowercase()),
    }
    if let Field::Set(kept) = &task.time_zone
        && kept.get() != zone
    {
        parts.push(format!("in {kept}"));
    }
    if task.recurrence_from == RecurrenceFrom::Completion {
        parts.push("from completion".to_owned());
    }
    if task.priority != Priority::Medium {
        parts.push(level(task.priority).to_owned());
    }
    if !task.tags.is_empty() {
        parts.push(task.tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" "));
    }
    parts.extend(task.reminder_offset.map(|offset| format!("remind {offset}")));
    parts.join(" | ")
}

fn listing_summary(listing: &Listing) -> String {
    let mut parts = vec![format!("{} {}", if listing.counts { "count" } else { "list" }, listing.about)];
    let query = &listing.query;
    if let (Some(by), true) = (query.sort_by, query.order.is_some()) {
        parts.push(format!("by {by:?} {:?}", query.order.expect("an order")).to_lowercase());
    }
    parts.extend(query.limit.map(|limit| format!("limit {limit}")));
    parts.join(" | ")
}

/// The task that changes are applied to: due in two days at 10:00.
fn example(zone: &Zone, now: domain::Timestamp) -> domain::Task {
    let due = zone.get().to_datetime(now.get()).date().saturating_add(jiff::Span::new().days(2)).at(10, 0, 0, 0);
    let due = domain::Timestamp::new(zone.get().to_timestamp(due).expect("a time")).expect("a time");
    let create = CreateTask {
        title: "example".to_owned(),
        due_date: Some(Moment::At(due)),
        time_zone: Field::Set(zone.clone()),
        tags: vec!["old".to_owned()],
        ..CreateTask::default()
    };
    create.draft(now, zone).expect("a draft").created(1, now)
}

fn change_summary(change: &language::Change, zone: &TimeZone) -> String {
    let (zone_name, now) = SCENE.with_borrow(|scene| scene.clone().expect("a scene"));
    let task = example(&zone_name, now);
    let update = match change.update(&task, now) {
        Ok((update, _)) => update,
        Err(note) => return note.text,
    };
    let changed = update.clone().apply(&task, now).expect("a change that the domain takes");
    let mut parts = Vec::new();
    if changed.title != task.title {
        parts.push(format!("<{}>", changed.title));
    }
    if changed.description != task.description {
        parts.push(format!("description <{}>", changed.description));
    }
    if let Field::Set(due) = update.due_date {
        parts.push(due.map_or("no due date".to_owned(), |due| format!("due {}", moment(due, zone))));
    }
    match (update.recurrence, update.recurrence_rule) {
        (_, Field::Set(Some(rule))) => parts.push(rule.to_string()),
        (Field::Set(Frequency::None), _) => parts.push("once".to_owned()),
        (Field::Set(frequency), _) => parts.push(format!("{frequency:?}").to_lowercase()),
        _ => {}
    }
    if changed.recurrence_from != task.recurrence_from {
        parts.push("from completion".to_owned());
    }
    if changed.priority != task.priority {
        parts.push(level(changed.priority).to_owned());
    }
    if changed.tags.is_empty() {
        parts.push("no tags".to_owned());
    } else if changed.tags != task.tags {
        parts.push(changed.tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" "));
    }
    if let Field::Set(offset) = update.reminder_offset {
        parts.push(offset.map_or("no reminder".to_owned(), |offset| format!("remind {offset}")));
    }
    parts.join(" | ")
}

thread_local! {
    /// Time and zone of the current row: a change is shown by its effect on a task of that time.
    static SCENE: std::cell::RefCell<Option<(Zone, domain::Timestamp)>> = const { std::cell::RefCell::new(None) };
}

fn all(notes: &[Note]) -> String {
    notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_sentence_has_its_meaning_in_the_table() {
    let mut wrong = Vec::new();
    for row in rows() {
        SCENE.set(Some((row.zone.clone(), row.now)));
        let reading = read(row.sentence, &row.scene());
        let meaning = summary(&reading, row.zone.get());
        let notes = all(&reading.notes);
        let missed: Vec<_> = reading.notes.iter().filter(|note| note.kind == NoteKind::Missed).cloned().collect();
        let is_noted = if row.note.is_empty() { missed.is_empty() } else { notes.contains(row.note) };
        if meaning != row.meaning || !is_noted {
            wrong.push(format!(
                "line {}: {}\n  expected: {} [{}]\n      read: {meaning} [{notes}]",
                row.line, row.sentence, row.meaning, row.note
            ));
        }
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_is_large_and_no_sentence_stands_in_it_twice() {
    let rows = rows();
    assert!(rows.len() >= ROWS_MIN, "{} rows", rows.len());
    let mut seen = std::collections::BTreeSet::new();
    for row in &rows {
        assert!(
            seen.insert((row.sentence, row.now, row.zone.to_string(), format!("{:?}", row.locale))),
            "line {}: {}",
            row.line,
            row.sentence
        );
    }
}

/// Returns the understood parts of a sentence, as `kind:text=meaning`.
fn understood(sentence: &str) -> Vec<String> {
    let (now, zone) = wednesday();
    let part = |part: &Part| format!("{}:{}={}", part.kind.name(), &sentence[part.range.clone()], part.meaning);
    draft(sentence, &Scene::new(now, &zone)).parts.iter().map(part).collect()
}

/// Wednesday, 25 November 2026, 15:00 in Berlin.
fn wednesday() -> (domain::Timestamp, Zone) {
    ("2026-11-25T14:00:00Z".parse().expect("a time"), "Europe/Berlin".parse().expect("a zone"))
}

#[test]
fn a_page_can_show_what_was_understood() {
    assert_eq!(
        understood("Pay rent monthly on the 1st at 9 #Home !high"),
        ["recurrence:monthly=every month", "date:on the 1st=Tue 1 Dec 2026", "time:at 9=09:00", "tag:#Home=home", "priority:!high=high"]
    );
    assert_eq!(
        understood("Zahnarzt 🦷 next friday, 10:30 remind me 30 minutes before"),
        ["date:next friday=Fri 4 Dec 2026", "time:10:30=10:30", "reminder:remind me 30 minutes before=30 minutes before"]
    );
    assert_eq!(
        understood("standup every weekday at 9:15 until 24 dec"),
        ["recurrence:every weekday=every weekday", "time:at 9:15=09:15", "recurrence:until 24 dec=until Thu 24 Dec 2026"]
    );
    assert_eq!(
        understood("remind me to stretch in 2 hours"),
        ["reminder:remind me to=at the due time", "date:in 2 hours=Wed 25 Nov 2026 17:00"]
    );
    assert_eq!(understood("buy milk"), Vec::<String>::new());
}

#[test]
fn places_can_be_counted_as_javascript_does() {
    let (now, zone) = wednesday();
    let sentence = "🦷 dentist tomorrow";
    let draft = draft(sentence, &Scene::new(now, &zone));
    assert_eq!(draft.parts[0].range, 13..21);
    assert_eq!(draft.parts[0].utf16(sentence), 11..19);
}

/// Returns the first and the last local moment of the days that a question is about.
fn asked_for(sentence: &str, now: &str, zone: &str) -> (String, String) {
    let zone: Zone = zone.parse().expect("a zone");
    let now = zone.get().to_timestamp(now.parse().expect("a local time")).expect("a time");
    let reading = read(sentence, &Scene::new(domain::Timestamp::new(now).expect("a time"), &zone));
    let Intent::List(listing) = reading.intent else { return (format!("{:?}", reading.intent), String::new()) };
    let show = |limit: Option<domain::Moment>| {
        let moment = limit.map(|limit| match limit {
            domain::Moment::At(moment) => moment.get().to_zoned(zone.get().clone()),
            domain::Moment::On(day) => day.get().to_zoned(zone.get().clone()).expect("a day"),
        });
        moment.map(|moment| moment.strftime("%Y-%m-%dT%H:%M%:z").to_string())
    };
    let filters = listing.query.filters;
    if filters.due == Some(Due::Overdue) {
        return ("overdue".to_owned(), String::new());
    }
    let (from, to) = (filters.due_after.or(filters.completed_after), filters.due_before.or(filters.completed_before));
    (show(from).unwrap_or_default(), show(to).unwrap_or_default())
}

#[test]
fn questions_are_about_whole_days_of_the_users_zone() {
    let now = "2026-11-25T15:00";
    for (sentence, from, to) in [
        ("what is overdue?", "overdue", ""),
        ("what's due today?", "2026-11-25T00:00+01:00", "2026-11-26T00:00+01:00"),
        ("what's due tomorrow?", "2026-11-26T00:00+01:00", "2026-11-27T00:00+01:00"),
        ("what's due this week?", "2026-11-23T00:00+01:00", "2026-11-30T00:00+01:00"),
        ("what's due next week?", "2026-11-30T00:00+01:00", "2026-12-07T00:00+01:00"),
        ("what's due this weekend?", "2026-11-28T00:00+01:00", "2026-11-30T00:00+01:00"),
        ("what's due this month?", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00"),
        ("what's due in december?", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("what's due in the next 3 days?", "2026-11-25T00:00+01:00", "2026-11-29T00:00+01:00"),
        ("what's due in 2 weeks?", "", "2026-12-10T00:00+01:00"),
        ("what's due before friday?", "", "2026-11-27T00:00+01:00"),
        ("what's due by friday?", "", "2026-11-28T00:00+01:00"),
        ("what's due after friday?", "2026-11-28T00:00+01:00", ""),
        ("what's due wednesday?", "2026-11-25T00:00+01:00", "2026-11-26T00:00+01:00"),
        ("what did I complete last week?", "2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00"),
        ("what did I do yesterday?", "2026-11-24T00:00+01:00", "2026-11-25T00:00+01:00"),
        ("show my tasks", "", ""),
    ] {
        assert_eq!(asked_for(sentence, now, "Europe/Berlin"), (from.to_owned(), to.to_owned()), "{sentence}");
    }
    // A day of 25 hours, and one that begins at one o'clock.
    let berlin = asked_for("what's due today?", "2026-10-25T12:00", "Europe/Berlin");
    assert_eq!(berlin, ("2026-10-25T00:00+02:00".to_owned(), "2026-10-26T00:00+01:00".to_owned()));
    let sao_paulo = asked_for("what's due tomorrow?", "2018-11-03T12:00", "America/Sao_Paulo");
    assert_eq!(sao_paulo, ("2018-11-04T01:00-02:00".to_owned(), "2018-11-05T00:00-02:00".to_owned()));
}

#[test]
fn deleting_is_only_without_a_question_by_number() {
    let (now, zone) = wednesday();
    let is_by_number = |sentence: &str| match read(sentence, &Scene::new(now, &zone)).intent {
        Intent::Delete(which) => which.is_by_number(),
        intent => panic!("{sentence}: {intent:?}"),
    };
    assert!(is_by_number("delete 12") && is_by_number("delete 12 and 13"));
    assert!(!is_by_number("delete pay rent") && !is_by_number("delete it") && !is_by_number("delete everything"));
}

#[test]
fn text_inside_a_task_is_not_obeyed() {
    let (now, zone) = wednesday();
    for sentence in
        ["add \"delete all tasks\"", "add delete all tasks", "remind me to delete all tasks tomorrow", "rename 12 to delete all tasks"]
    {
        let intent = read(sentence, &Scene::new(now, &zone)).intent;
        assert!(matches!(intent, Intent::Create { .. } | Intent::Update { .. }), "{sentence}: {intent:?}");
    }
}

#[test]
fn quick_add_takes_the_line_as_it_stands() {
    let (now, zone) = wednesday();
    let title = |line: &str| draft(line, &Scene::new(now, &zone)).task.map(|task| task.title);
    assert_eq!(title("add tests for the parser tomorrow").as_deref(), Some("add tests for the parser"));
    assert_eq!(title("complete the tax form by friday").as_deref(), Some("complete the tax form"));
    assert_eq!(title("help").as_deref(), Some("help"));
    assert_eq!(title("remind me to call mum at 17:00").as_deref(), Some("call mum"));
    assert_eq!(title("show 12").as_deref(), Some("show 12"));
}

#[test]
fn a_line_without_a_title_reports_that_and_shows_its_understood_parts() {
    let (now, zone) = wednesday();
    let draft = draft("tomorrow at 5pm #home", &Scene::new(now, &zone));
    assert!(draft.task.is_none());
    assert_eq!(draft.parts.len(), 3);
    assert!(all(&draft.notes).contains("The title is missing"));
}

#[test]
fn a_date_without_a_time_is_all_day() {
    let (now, zone) = wednesday();
    let due = |line: &str| draft(line, &Scene::new(now, &zone)).task.and_then(|task| task.due_date);
    let is_all_day = |line: &str| matches!(due(line), Some(domain::Moment::On(_)));
    for line in [
        "call mum tomorrow",
        "call mum on 24 dec",
        "call mum in 3 days",
        "call mum every friday",
        "call mum +1w",
        "rent end of every month",
    ] {
        assert!(is_all_day(line), "{line}");
    }
    for line in
        ["call mum", "call mum tomorrow at 9", "call mum tonight", "call mum in 3 hours", "call mum every morning", "call mum at noon"]
    {
        assert!(!is_all_day(line), "{line}");
    }
    assert!(!is_all_day("call mum tomorrow or friday"), "what is not read has no date");
}

#[test]
fn a_recurring_task_keeps_the_zone_that_its_time_is_said_in() {
    let (now, zone) = wednesday();
    let zone_of = |line: &str| match draft(line, &Scene::new(now, &zone)).task.expect("a task").time_zone {
        Field::Set(zone) => zone.to_string(),
        Field::Keep => String::new(),
    };
    assert_eq!(zone_of("standup every day at 9 New York time"), "America/New_York");
    assert_eq!(zone_of("standup every day at 9 UTC-5"), "Etc/GMT+5");
    assert_eq!(zone_of("standup tomorrow at 9 New York time"), "Europe/Berlin", "a single time is an instant");
    let Intent::Update { change, .. } = read("make 1 every day at 9am PT", &Scene::new(now, &zone)).intent else { panic!("an update") };
    let (update, _) = change.update(&example(&zone, now), now).expect("a change");
    assert!(matches!(update.time_zone, Field::Set(zone) if zone.name() == "America/Los_Angeles"));
}

#[test]
fn only_a_tag_that_may_have_a_space_needs_the_tags_that_exist() {
    let (now, zone) = wednesday();
    let spells = |line: &str| language::spells_tags(line, &Scene::new(now, &zone));
    for line in ["buy pens #home office", "#home office pens", "buy pens #home chairs tomorrow"] {
        assert!(spells(line), "{line}");
    }
    for line in
        ["buy pens #home", "buy pens #home tomorrow at 9", "#home, pens", "buy pens #home #office", "fix issue #12 now", "pens #\"a b\" c"]
    {
        assert!(!spells(line), "{line}");
    }
}

#[test]
fn text_above_the_limit_is_not_parsed() {
    let (now, zone) = wednesday();
    let text = "tomorrow ".repeat(SENTENCE_MAX);
    let draft = draft(&text, &Scene::new(now, &zone));
    assert!(draft.task.is_none() && draft.parts.is_empty());
    assert!(all(&draft.notes).contains("at most 1000 characters"));
    assert!(matches!(read(&text, &Scene::new(now, &zone)).intent, Intent::Unclear));
    let title = draft_title(&"a".repeat(201));
    assert_eq!(title, None, "the domain's limit of a title holds");
    assert!(draft_title(&"é".repeat(200)).is_some());
}

fn draft_title(text: &str) -> Option<String> {
    let (now, zone) = wednesday();
    draft(text, &Scene::new(now, &zone)).task.map(|task| task.title)
}

#[test]
fn changes_keep_everything_that_is_not_mentioned() {
    let (now, zone) = wednesday();
    let task = example(&zone, now);
    let Intent::Update { change, .. } = read("move 1 to friday", &Scene::new(now, &zone)).intent else { panic!("an update") };
    let (update, _) = change.update(&task, now).expect("a change");
    let changed = update.apply(&task, now).expect("a task");
    assert_eq!(local(changed.due_date.expect("a date"), zone.get()), "2026-11-27 10:00");
    assert_eq!((changed.title, changed.tags), (task.title.clone(), task.tags.clone()));
    let undated = domain::Task { due_date: None, ..task };
    let Intent::Update { change, .. } = read("postpone 1 by 2 days", &Scene::new(now, &zone)).intent else { panic!("an update") };
    assert!(change.update(&undated, now).is_err_and(|note| note.text.contains("no due date")));
}

/// Words that the parser looks for, and some that it does not.
const PIECES: &[&str] = &[
    "add",
    "remind me",
    "remind me to",
    "every",
    "each",
    "other",
    "monday",
    "sun",
    "fri",
    "next",
    "last",
    "this",
    "week",
    "month",
    "year",
    "day",
    "weekly",
    "monthly",
    "at",
    "on",
    "by",
    "in",
    "of",
    "the",
    "until",
    "from",
    "before",
    "after",
    "1",
    "2",
    "3rd",
    "31",
    "31st",
    "may",
    "feb",
    "29 feb",
    "2027",
    "9999",
    "1900",
    "99999",
    "12:30",
    "9am",
    "5 pm",
    "noon",
    "midnight",
    "half past",
    "quarter to",
    "1/2",
    "31/2",
    "24.12.",
    "2026-12-24",
    "9999-12-31",
    "0001-01-01",
    "-9999-01-01",
    "2026-12-24T09:00",
    "2026-12-24T09:00:00Z",
    "#home",
    "#",
    "!high",
    "!",
    "urgent",
    "priority",
    "1 hour before",
    "99999 weeks",
    "in 99999 years",
    "for 99999 years",
    "99999 times",
    "\"",
    "\"quoted text\"",
    "“",
    "”",
    "é",
    "🦷",
    "\u{0}",
    "\u{7}",
    "\n",
    "\u{202e}",
    "İ",
    "ß",
    ",",
    ".",
    "-",
    "–",
    "/",
    "12",
    "12-15",
    "1-99999999999",
    "complete",
    "delete",
    "all",
    "tasks",
    "move",
    "to",
    "postpone",
    "tag",
    "with",
    "and",
    "what",
    "is",
    "due",
    "today",
    "tomorrow",
    "rename",
    "show",
    "find",
    "end of",
    "working day",
    "weekend",
    "tonight",
    "morning",
    "remind",
    "reminder",
    "cancel",
    "it",
    "task",
    "completed",
    "every!",
    "a couple of",
    "99999 months from",
    "except",
    "but not",
    "other than",
    "alternate",
    "and",
    "or so",
    "ago",
    "second last",
    "quarter",
    "january and july",
    "from may to september",
    "EST",
    "17:00+02:00",
    "17:00Z",
    "+99:99",
    "UTC-99",
    "Europe/Berlin",
    "New York time",
    "#home office",
    "#\"home office\"",
    "due:",
    "due:tomorrow",
    "@friday",
    "+5 days",
    "+99999w",
    "+",
    "1w",
    "99999 business days",
    "next business day",
    "09-JAN-2027",
    "31-feb-9999",
    "99.99.99",
    "'27",
    "friday the 13th",
    "monday the 31st",
    "after next",
    "in two weeks",
    "17h30",
    "Friday Night",
    "Yesterday",
    "listen to",
    "3x",
    "remind me at",
    "the day before",
    "1.5 days",
    "99999.9h",
];

fn any_sentence() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(PIECES), 0..14).prop_map(|pieces| pieces.join(" ")),
        prop::collection::vec(prop_oneof![prop::sample::select(PIECES).prop_map(str::to_owned), ".{0,6}"], 0..10)
            .prop_map(|pieces| pieces.concat()),
        ".{0,80}",
    ]
}

/// Ordinary days and the ends of the calendar, in zones with every kind of clock change.
fn any_scene() -> impl Strategy<Value = (domain::Timestamp, Zone)> {
    let times = [
        "2026-11-25T14:00:00Z",
        "2027-03-28T00:59:00Z",
        "2026-10-25T00:30:00Z",
        "2028-02-29T12:00:00Z",
        "2011-12-29T23:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-30T22:00:00Z",
        "9999-12-31T00:00:00+14:00",
    ];
    let zones = ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC", "Africa/Monrovia"];
    (prop::sample::select(times.to_vec()), prop::sample::select(zones.to_vec()))
        .prop_map(|(time, zone)| (time.parse().expect("a time"), zone.parse().expect("a zone")))
}

/// Tags with spaces, and sometimes another locale than the zone's.
fn any_reader(now: domain::Timestamp, zone: &Zone) -> Scene {
    let locale = ["en-US", "de"].get(zone.name().len() % 3).map(|tag| tag.parse().expect("a locale"));
    Scene::new(now, zone).in_locale(locale).with_tags(TAGS.map(str::to_owned).to_vec())
}

fn parts_are_in_place(sentence: &str, parts: &[Part]) {
    for part in parts {
        assert!(part.range.start <= part.range.end, "{sentence:?}: {part:?}");
        assert!(sentence.get(part.range.clone()).is_some(), "{sentence:?}: {part:?} is not at the borders of characters");
        let utf16 = part.utf16(sentence);
        assert!(utf16.end <= sentence.encode_utf16().count(), "{sentence:?}: {part:?}");
    }
    let mut sorted: Vec<_> = parts.iter().map(|part| (part.range.start, part.range.end)).filter(|(start, end)| start < end).collect();
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{sentence:?}: parts overlap: {parts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn a_draft_is_always_valid_for_the_domain(sentence in any_sentence(), (now, zone) in any_scene()) {
        let draft = draft(&sentence, &any_reader(now, &zone));
        parts_are_in_place(&sentence, &draft.parts);
        match draft.task {
            Some(task) => prop_assert!(task.draft(now, &zone).is_ok()),
            None => prop_assert!(draft.notes.iter().any(|note| note.kind == NoteKind::Missed), "nothing says why there is no task"),
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(sentence in any_sentence(), (now, zone) in any_scene()) {
        let reading = read(&sentence, &any_reader(now, &zone));
        let _ = language::spells_tags(&sentence, &any_reader(now, &zone));
        parts_are_in_place(&sentence, &reading.parts);
        match reading.intent {
            Intent::Create { task, .. } => prop_assert!(task.draft(now, &zone).is_ok()),
            Intent::List(listing) => {
                let is_valid = listing.query.checked(&Today { now, zone: zone.clone() }).is_ok();
                prop_assert!(is_valid);
            }
            Intent::Update { change, .. } => {
                let task = domain::Task { due_date: Some(now), ..example(&zone, "2026-11-25T14:00:00Z".parse().expect("a time")) };
                if let Ok((update, _)) = change.update(&task, now) {
                    let _ = update.apply(&task, now);
                }
            }
            Intent::Unclear => prop_assert!(!reading.notes.is_empty(), "nothing says what is unclear"),
            _ => {}
        }
    }
}
