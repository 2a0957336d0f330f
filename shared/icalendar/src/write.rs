//! Writes a task into a VTODO.

use domain::offset::OffsetUnit;
use domain::task::{Priority, RecurrenceFrom, Status};
use domain::zone::Zone;
use domain::{Moment, ReminderOffset, Task, Timestamp};
use jiff::civil::DateTime;

use crate::document::{Component, Item, escape, fold, head_of, name_of, unfold, value_of};
use crate::object::Stamp;
use crate::read::Todo;
use crate::zones::{timezone, zone_of};

/// The PRODID of Taskflow's texts.
pub(crate) const PRODUCT: &str = "-//Taskflow//Taskflow//EN";

/// Writes the task into its VTODO, replacing only lines with another meaning. Returns true if a line was replaced.
pub(crate) fn task(component: &mut Component, task: &Task, stamp: Stamp<'_>, has_changed: bool) -> bool {
    let Some(was) = Todo::read(component, &task.time_zone) else { return false };
    let now = Todo::of(task);
    let is_new = component.lines("SUMMARY").next().is_none();
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    if was.title != now.title || is_new {
        lines.push(("SUMMARY", vec![format!("SUMMARY:{}", escape(&now.title))]));
    }
    if was.description != now.description {
        lines.push(("DESCRIPTION", text("DESCRIPTION", &now.description)));
    }
    let is_due_same = was.due == now.due && (was.zone.is_none() || was.zone == now.zone || was.rule.is_none());
    if !is_due_same {
        lines.extend(due_lines(component, &was, task));
    }
    if was.rule != now.rule || (now.rule.is_some() && was.recurrence_from != now.recurrence_from) {
        // An unsupported rule stays while the task does not recur.
        if now.rule.is_some() || was.rule_error.is_none() {
            lines.push(("RRULE", now.rule.iter().map(|rule| rrule(&rule.to_string(), now.recurrence_from)).collect()));
        }
    }
    if now.rule.is_some() && !is_same_set(&was.exdates, &now.exdates) {
        lines.push(("EXDATE", now.exdates.iter().map(|moment| date("EXDATE", *moment, &task.time_zone, true)).collect()));
    }
    if was.priority != now.priority {
        let number = match now.priority {
            Priority::High => 1,
            Priority::Medium => 5,
            Priority::Low => 9,
        };
        lines.push(("PRIORITY", vec![format!("PRIORITY:{number}")]));
    }
    if was.tags != now.tags {
        let tags: Vec<String> = now.tags.iter().map(|tag| escape(tag)).collect();
        lines.push(("CATEGORIES", if tags.is_empty() { Vec::new() } else { vec![format!("CATEGORIES:{}", tags.join(","))] }));
    }
    lines.extend(status_lines(&was, task, is_new));
    if was.uid.as_deref() != Some(stamp.uid) {
        lines.push(("UID", vec![format!("UID:{}", escape(stamp.uid))]));
    }
    let has_lines = !lines.is_empty();
    for (name, new) in lines {
        component.set(name, new);
    }
    let sequence = was.sequence;
    // A trigger may be an instant: what it means depends on the due date, which may have changed.
    let read = if has_lines { Todo::read(component, &task.time_zone) } else { Some(was) };
    let is_changed = read.is_some_and(|read| set_alarms(component, &read, task, stamp.reminders)) || has_lines;
    if is_changed || has_changed {
        component.set("SEQUENCE", vec![format!("SEQUENCE:{}", sequence.saturating_add(stamp.changes.max(0)))]);
        component.set("LAST-MODIFIED", vec![format!("LAST-MODIFIED:{}", utc(task.updated_at))]);
        component.set("DTSTAMP", vec![format!("DTSTAMP:{}", utc(task.updated_at))]);
        if component.lines("CREATED").next().is_none() {
            component.set("CREATED", vec![format!("CREATED:{}", utc(task.created_at))]);
        }
    }
    is_changed
}

fn text(name: &str, value: &str) -> Vec<String> {
    if value.is_empty() { Vec::new() } else { vec![format!("{name}:{}", escape(value))] }
}

fn rrule(rule: &str, from: RecurrenceFrom) -> String {
    let from = if from == RecurrenceFrom::Completion { ";FROM=COMPLETION" } else { "" };
    format!("RRULE:{rule}{from}")
}

fn is_same_set(one: &[Moment], other: &[Moment]) -> bool {
    one.len() == other.len() && one.iter().all(|moment| other.contains(moment))
}

fn status_lines(was: &Todo, task: &Task, is_new: bool) -> Vec<(&'static str, Vec<String>)> {
    let to_second = |at: Option<Timestamp>| at.map(|at| at.get().as_second());
    match (was.status, task.status) {
        (Status::Pending, Status::Pending) if is_new => vec![("STATUS", vec!["STATUS:NEEDS-ACTION".to_owned()])],
        (Status::Pending, Status::Pending) => Vec::new(),
        (Status::Completed, Status::Completed)
            if was.completed_at.is_none() || to_second(was.completed_at) == to_second(task.completed_at) =>
        {
            Vec::new()
        }
        (_, Status::Completed) => vec![
            ("STATUS", vec!["STATUS:COMPLETED".to_owned()]),
            ("COMPLETED", task.completed_at.iter().map(|at| format!("COMPLETED:{}", utc(*at))).collect()),
            ("PERCENT-COMPLETE", vec!["PERCENT-COMPLETE:100".to_owned()]),
        ],
        (Status::Completed, Status::Pending) => {
            vec![("STATUS", vec!["STATUS:NEEDS-ACTION".to_owned()]), ("COMPLETED", Vec::new()), ("PERCENT-COMPLETE", Vec::new())]
        }
    }
}

/// Returns the lines of a new due date, in the form that the client used. DTSTART moves with it.
fn due_lines(component: &Component, was: &Todo, task: &Task) -> Vec<(&'static str, Vec<String>)> {
    let line = |name: &str| component.lines(name).next().map(unfold);
    let (due, start) = (line("DUE"), line("DTSTART"));
    let Some(moment) = task.due() else {
        let keeps_start = start.is_some() && due.is_some();
        let mut lines = vec![("DUE", Vec::new()), ("DURATION", Vec::new())];
        lines.extend((!keeps_start).then(|| ("DTSTART", Vec::new())));
        return lines;
    };
    let recurs = task.rule_from_here().is_some();
    let zone = &task.time_zone;
    // The client's own zone stays, unless the task's zone has changed since.
    let is_zone_kept = was.zone.is_none() || was.zone.as_ref() == Some(zone);
    let rewritten = |name: &str, line: &str, moment: Moment| match same_form(line, moment, zone).filter(|_| is_zone_kept) {
        Some(line) => line,
        None => date(name, moment, zone, recurs),
    };
    let mut lines = Vec::new();
    match (&due, &start) {
        (None, Some(start)) if was.due.is_some() && component.lines("DURATION").next().is_none() => {
            lines.push(("DTSTART", vec![rewritten("DTSTART", start, moment)]));
        }
        _ => {
            let new = due.as_ref().map_or_else(|| date("DUE", moment, zone, recurs), |due| rewritten("DUE", due, moment));
            lines.push(("DUE", vec![new]));
            lines.push(("DURATION", Vec::new()));
            if let Some(start) = start {
                let moved = was.due.and_then(|before| moved(&start, before, moment, zone));
                lines.push(("DTSTART", moved.into_iter().collect()));
            }
        }
    }
    lines
}

/// Returns a line with DTSTART, moved like the due date. `None` if one of the two is a day and the other is not.
fn moved(line: &str, before: Moment, after: Moment, zone: &Zone) -> Option<String> {
    let local = |moment: Moment| match moment {
        Moment::On(day) => Some((day.get().to_datetime(jiff::civil::Time::midnight()), true)),
        Moment::At(at) => Some((zone.get().to_datetime(at.get()), false)),
    };
    let ((from, from_day), (to, to_day)) = (local(before)?, local(after)?);
    let value = value_of(line).trim();
    let is_day = value.len() == 8;
    if from_day != to_day || is_day != from_day {
        return None;
    }
    let is_utc = value.ends_with('Z');
    let own: DateTime = value.trim_end_matches('Z').parse().ok()?;
    let moved = own.checked_add(from.duration_until(to)).ok()?;
    Some(format!("{}:{}", head_of(line), written(moved, is_day, is_utc)))
}

fn written(at: DateTime, is_day: bool, is_utc: bool) -> String {
    let text = at.strftime(if is_day { "%Y%m%d" } else { "%Y%m%dT%H%M%S" }).to_string();
    if is_utc { text + "Z" } else { text }
}

/// Returns the line with another moment, in its own form and zone. `None` if the form cannot represent it.
fn same_form(line: &str, moment: Moment, zone: &Zone) -> Option<String> {
    let (head, value) = (head_of(line), value_of(line).trim());
    let is_day = value.len() == 8;
    let text = match moment {
        Moment::On(day) if is_day => written(day.get().to_datetime(jiff::civil::Time::midnight()), true, false),
        Moment::At(at) if !is_day && value.ends_with('Z') => utc(at),
        Moment::At(at) if !is_day => {
            let own = parameter(head, "TZID").map(|tzid| zone_of(&tzid));
            let own = match own {
                Some(own) => own?,
                None => zone.clone(),
            };
            written(own.get().to_datetime(at.get()), false, false)
        }
        _ => return None,
    };
    Some(format!("{head}:{text}"))
}

fn parameter(head: &str, name: &str) -> Option<String> {
    let parts = head.split(';').skip(1);
    let mut found = parts.filter_map(|part| part.split_once('=')).filter(|(own, _)| own.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim_matches('"').to_owned())
}

/// Returns a new line with a moment. An instant is in UTC, unless its wall clock matters.
pub(crate) fn date(name: &str, moment: Moment, zone: &Zone, is_local: bool) -> String {
    match moment {
        Moment::On(day) => format!("{name};VALUE=DATE:{}", day.get().strftime("%Y%m%d")),
        Moment::At(at) if is_local && *zone != Zone::utc() => {
            format!("{name};TZID={}:{}", zone.name(), written(zone.get().to_datetime(at.get()), false, false))
        }
        Moment::At(at) => format!("{name}:{}", utc(at)),
    }
}

/// Returns an instant in UTC, to the second.
pub(crate) fn utc(at: Timestamp) -> String {
    at.get().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Makes the VALARMs those of the task's reminders. One that is not a reminder any more gets the trigger of a new one, or is removed. VALARMs that a
/// reminder cannot represent stay. Returns true if one was changed.
fn set_alarms(component: &mut Component, read: &Todo, task: &Task, others: &[ReminderOffset]) -> bool {
    let all = task.reminder_offset.iter().chain(others).filter(|_| task.due_date.is_some());
    let wanted = ReminderOffset::distinct(all.copied());
    let mut missing = wanted.iter().filter(|offset| !read.alarms.contains(&Some(**offset)));
    let mut alarms = read.alarms.iter();
    let mut replaced: Vec<(ReminderOffset, Option<ReminderOffset>)> = Vec::new();
    let mut is_changed = false;
    component.items.retain_mut(|item| {
        let Item::Component(alarm) = item else { return true };
        let offset = if alarm.name == "VALARM" { alarms.next().copied().flatten() } else { None };
        let Some(offset) = offset.filter(|offset| !wanted.contains(offset)) else { return true };
        is_changed = true;
        // Several alarms of one time stay together.
        let known = replaced.iter().find(|(before, _)| *before == offset).map(|(_, after)| *after);
        let after = known.unwrap_or_else(|| missing.next().copied());
        replaced.push((offset, after));
        if let Some(after) = after {
            alarm.set("TRIGGER", vec![trigger(after)]);
        }
        after.is_some()
    });
    for offset in missing {
        let mut alarm = Component::new("VALARM");
        alarm.set("ACTION", vec!["ACTION:DISPLAY".to_owned()]);
        alarm.set("DESCRIPTION", vec![format!("DESCRIPTION:{}", escape(&task.title))]);
        alarm.set("TRIGGER", vec![trigger(*offset)]);
        component.items.push(Item::Component(alarm));
        is_changed = true;
    }
    is_changed
}

fn trigger(offset: ReminderOffset) -> String {
    format!("TRIGGER;RELATED=END:{}", duration(offset))
}

fn duration(offset: ReminderOffset) -> String {
    let amount = offset.amount();
    match offset.unit() {
        _ if amount == 0 => "PT0S".to_owned(),
        OffsetUnit::Minute => format!("-PT{amount}M"),
        OffsetUnit::Hour => format!("-PT{amount}H"),
        OffsetUnit::Day => format!("-P{amount}D"),
        OffsetUnit::Week => format!("-P{amount}W"),
    }
}

/// Adds the VTIMEZONE of each TZID that the document uses but does not define.
pub(crate) fn add_timezones(root: &mut Component, task: &Task) {
    let mut missing: Vec<String> = Vec::new();
    for item in &root.items {
        let Item::Component(component) = item else { continue };
        for item in &component.items {
            let Item::Line(line) = item else { continue };
            if !matches!(name_of(line).as_str(), "DUE" | "DTSTART" | "EXDATE") {
                continue;
            }
            missing.extend(parameter(head_of(&unfold(line)), "TZID").filter(|tzid| !missing.contains(tzid)));
        }
    }
    let defined: Vec<String> =
        root.components("VTIMEZONE").flat_map(|zone| zone.lines("TZID")).map(|line| value_of(&unfold(line)).to_owned()).collect();
    let from = task.recurrence_start.or(task.due_date).unwrap_or(task.created_at);
    let at = root.items.iter().position(|item| matches!(item, Item::Component(_))).unwrap_or(root.items.len());
    let new = missing.into_iter().filter(|tzid| !defined.contains(tzid)).filter_map(|tzid| {
        let mut component = timezone(&zone_of(&tzid)?, from);
        component.set("TZID", vec![fold(&format!("TZID:{tzid}"))]);
        Some(Item::Component(component))
    });
    let new: Vec<Item> = new.collect();
    root.items.splice(at..at, new);
}
