//! The feed: tasks with due dates as VEVENTs, because Google and Apple do not show the VTODOs of a feed.

use std::fmt::Write as _;

use domain::task::Status;
use domain::{Moment, Task};

use crate::document::{Component, Item, escape, fold};
use crate::read::Todo;
use crate::write::{PRODUCT, add_timezones, date, utc};

/// Minutes of a timed task in a calendar, because calendars do not show events without a duration.
const EVENT_MINUTES: i64 = 30;
/// How often a client may fetch the feed.
const REFRESH: &str = "PT1H";

/// Returns the feed of these tasks, each with the UID and the SEQUENCE of its series. Omits tasks without a due date.
#[must_use]
pub fn feed<'a>(tasks: impl Iterator<Item = (&'a Task, &'a str, i64)>) -> String {
    let mut root = Component::new("VCALENDAR");
    let mut line = |text: String| root.items.push(Item::Line(fold(&text)));
    line("VERSION:2.0".to_owned());
    line(format!("PRODID:{PRODUCT}"));
    line("METHOD:PUBLISH".to_owned());
    line("NAME:Taskflow".to_owned());
    line("X-WR-CALNAME:Taskflow".to_owned());
    line(format!("REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}"));
    line(format!("X-PUBLISHED-TTL:{REFRESH}"));
    for (task, uid, sequence) in tasks {
        if let Some(event) = event(task, uid, sequence) {
            root.items.push(Item::Component(event));
            // Zone by zone, because each is defined once.
            add_timezones(&mut root, task);
        }
    }
    let mut text = String::new();
    let _ = write!(text, "{root}");
    text
}

fn event(task: &Task, uid: &str, sequence: i64) -> Option<Component> {
    let due = task.due()?;
    let rule = Todo::of(task).rule.filter(|_| task.status == Status::Pending);
    let is_local = rule.is_some();
    let end = match due {
        Moment::On(day) => Moment::On(domain::Day::new(day.get().tomorrow().ok()?)?),
        Moment::At(at) => Moment::At(at.after(std::time::Duration::from_secs(EVENT_MINUTES.unsigned_abs() * 60))),
    };
    let mut event = Component::new("VEVENT");
    let mut line = |text: String| event.items.push(Item::Line(fold(&text)));
    line(format!("UID:{}", escape(uid)));
    line(format!("DTSTAMP:{}", utc(task.updated_at)));
    line(format!("LAST-MODIFIED:{}", utc(task.updated_at)));
    line(format!("CREATED:{}", utc(task.created_at)));
    line(format!("SEQUENCE:{sequence}"));
    line(format!("SUMMARY:{}", escape(&task.title)));
    if !task.description.is_empty() {
        line(format!("DESCRIPTION:{}", escape(&task.description)));
    }
    line(date("DTSTART", due, &task.time_zone, is_local));
    line(date("DTEND", end, &task.time_zone, is_local));
    if let Some(rule) = rule {
        line(format!("RRULE:{rule}"));
        for exdate in &task.recurrence_exdates {
            line(date("EXDATE", *exdate, &task.time_zone, true));
        }
    }
    if !task.tags.is_empty() {
        let tags: Vec<String> = task.tags.iter().map(|tag| escape(tag)).collect();
        line(format!("CATEGORIES:{}", tags.join(",")));
    }
    line("TRANSP:TRANSPARENT".to_owned());
    Some(event)
}
