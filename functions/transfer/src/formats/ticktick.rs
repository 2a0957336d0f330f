//! TickTick's CSV backup: every task of every list, including completed ones, after a few lines about the file.

use std::io;

use domain::recurrence::Rule;
use domain::task::Priority;
use domain::zone::Zone;
use domain::{Day, Moment, Timestamp};
use jiff::Span;

use super::{Columns, Ended, Namesakes, Records, Sink};
use crate::item::{Foreign, Scene, offset_of};

/// Maximum number of records before the one with the column names.
const PREAMBLE_MAX: usize = 50;
/// Length of an id that is the same in each backup. Shorter ids number the tasks of one file.
const ID_LENGTH: usize = 24;
/// Default lists, which do not become tags.
const INBOX: &str = "Inbox";

pub(super) fn read(file: impl io::Read, scene: &Scene, sink: &mut Sink) -> Result<(), Ended> {
    let mut records = Records::new(file);
    let columns = columns(&mut records)?;
    let mut namesakes = Namesakes::default();
    while let Some((line, record)) = records.next()? {
        let cell = |name: &str| columns.get(record, name);
        if cell("Title").is_empty() && cell("Content").is_empty() {
            continue;
        }
        let task = task(line, cell, &mut namesakes, scene);
        sink(task.read(scene))?;
    }
    Ok(())
}

fn columns(records: &mut Records<impl io::Read>) -> Result<Columns, Ended> {
    for _ in 0..PREAMBLE_MAX {
        let Some((_, record)) = records.next()? else { break };
        if record.iter().any(|name| name.trim() == "taskId") && record.iter().any(|name| name.trim() == "Title") {
            return Ok(Columns::new(record));
        }
    }
    Err(Ended::wrong("it has no line with the names of the columns, Title and taskId among them"))
}

fn task<'c>(line: i64, cell: impl Fn(&str) -> &'c str, namesakes: &mut Namesakes, scene: &Scene) -> Foreign {
    let (id, list, folder) = (cell("taskId"), cell("List Name"), cell("Folder Name"));
    let is_lasting = id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let key = if is_lasting { format!("ticktick:{id}") } else { namesakes.key("ticktick", &[list, cell("Title"), cell("Created Time")]) };
    let zone = cell("Timezone").parse::<Zone>().ok();
    let status = cell("Status");
    let lists = [folder, list].into_iter().filter(|name| !name.is_empty() && *name != INBOX).map(str::to_owned);
    let mut task = Foreign {
        line,
        key,
        title: cell("Title").to_owned(),
        description: content(cell("Content"), cell("Is Check list") == "Y"),
        priority: priority(cell("Priority")),
        tags: cell("Tags").split(',').map(str::to_owned).chain(lists).collect(),
        is_completed: matches!(status, "1" | "2" | "-1"),
        completed_at: instant(cell("Completed Time")),
        created_at: instant(cell("Created Time")),
        zone: zone.clone(),
        ..Foreign::default()
    };
    if status == "-1" {
        task.cannot("it was marked “won't do”; it is imported as completed");
    }
    if !cell("parentId").is_empty() {
        task.cannot("it is a sub-task; it is imported as a separate task");
    }
    let zone = zone.unwrap_or_else(|| scene.zone.clone());
    let is_all_day = cell("Is All Day").eq_ignore_ascii_case("true");
    let moment = |text: &str| {
        let at = instant(text)?;
        if is_all_day { Day::at(at, &zone).map(Moment::On) } else { Some(Moment::At(at)) }
    };
    let (start, due) = (cell("Start Date"), cell("Due Date"));
    task.due = moment(due).or_else(|| moment(start));
    if task.due.is_none() && !(start.is_empty() && due.is_empty()) {
        task.cannot(format!("its date “{start}{due}” is not understood"));
    }
    if !start.is_empty() && !due.is_empty() && start != due {
        task.cannot(format!("its start date {start} is left out"));
    }
    repeat(&mut task, cell("Repeat"));
    reminders(&mut task, cell("Reminder"), is_all_day, scene);
    task
}

fn priority(text: &str) -> Priority {
    match text {
        "1" => Priority::Low,
        "5" => Priority::High,
        _ => Priority::Medium,
    }
}

/// A check list is text with a mark before each of its items.
fn content(text: &str, is_check_list: bool) -> String {
    if !is_check_list {
        return text.to_owned();
    }
    let item = |line: &str| match (line.strip_prefix('▫'), line.strip_prefix('▪')) {
        (Some(open), _) => format!("- [ ] {open}"),
        (_, Some(done)) => format!("- [x] {done}"),
        _ => line.to_owned(),
    };
    text.lines().map(item).collect::<Vec<_>>().join("\n")
}

fn instant(text: &str) -> Option<Timestamp> {
    let at = jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text).ok().or_else(|| text.parse().ok())?;
    Timestamp::new(at).ok()
}

/// TickTick's rules are those of RFC 5545, with parts of its own that begin with TT_.
fn repeat(task: &mut Foreign, text: &str) {
    if text.is_empty() {
        return;
    }
    let parts = text.trim_start_matches("RRULE:").split(';').filter(|part| !part.is_empty());
    let (own, standard): (Vec<&str>, Vec<&str>) = parts.partition(|part| part.starts_with("TT_"));
    match standard.join(";").parse::<Rule>() {
        Ok(rule) => {
            task.rule = Some(rule);
            if !own.is_empty() {
                task.cannot(format!("{} of its repetition is left out", own.join(", ")));
            }
        }
        Err(error) => task.cannot(format!("its repetition {text} is left out: {error}")),
    }
}

/// Reminders are durations from the due date; for all-day tasks, from midnight.
fn reminders(task: &mut Foreign, text: &str, is_all_day: bool, scene: &Scene) {
    for trigger in text.split(['\n', ',', ';']).map(str::trim).filter(|trigger| !trigger.is_empty()) {
        let after = trigger.trim_start_matches("TRIGGER:").parse::<Span>().ok().and_then(minutes);
        let start = scene.day_start.get();
        let from = if is_all_day { i64::from(start.hour()) * 60 + i64::from(start.minute()) } else { 0 };
        match after.and_then(|after| offset_of(from.checked_sub(after)?)) {
            Some(offset) => task.reminders.push(offset),
            None => task.cannot(format!("its reminder {trigger} is left out: Taskflow reminds before a task is due")),
        }
    }
}

/// Returns the whole minutes of a duration of weeks, days, hours and minutes.
fn minutes(span: Span) -> Option<i64> {
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let is_plain = span.get_years() == 0 && span.get_months() == 0 && span.get_seconds() == 0;
    is_plain.then(|| days * 1_440 + i64::from(span.get_hours()) * 60 + span.get_minutes())
}
