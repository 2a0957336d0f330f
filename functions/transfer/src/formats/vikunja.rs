//! Vikunja's export: a zip file whose `data.json` contains projects with their tasks.

use std::io::{self, Read as _, Seek, SeekFrom};

use domain::recurrence::Rule;
use domain::task::{Frequency, Priority};
use domain::{Moment, Timestamp};
use serde_json::Value;

use super::json::{NamedList, Objects, Refused, document};
use super::{Ended, Sink};
use crate::item::{Foreign, Scene, offset_of};

/// The file in the zip file.
const DATA: &str = "data.json";
/// Maximum number of its bytes, unpacked.
const UNPACKED_MAX: u64 = 512 * 1024 * 1024;
/// Number of bytes at the end of a zip file that may announce its directory.
const TAIL: u64 = 66 * 1024;
/// Announces a directory of more than 65,535 files, which would be read completely.
const ZIP64: &[u8] = b"PK\x06\x07";
/// Vikunja's value for no date: the zero time of Go.
const NO_DATE: &str = "0001-01-01";
/// Default projects, which do not become tags.
const INBOX: &str = "Inbox";

pub(super) fn read(mut file: impl io::Read + Seek, scene: &Scene, sink: &mut Sink) -> Result<(), Ended> {
    refuse_zip64(&mut file)?;
    let wrong = |error: zip::result::ZipError| Ended::Wrong(format!("it is not a zip file of Vikunja: {error}"));
    let mut archive = zip::ZipArchive::new(file).map_err(wrong)?;
    let data = archive.by_name(DATA).map_err(wrong)?;
    if data.size() > UNPACKED_MAX {
        return Err(Ended::Wrong(format!("its {DATA} is larger than {UNPACKED_MAX} bytes")));
    }
    let refused = Refused::default();
    let (metered, meter) = super::Metered::new(data.take(UNPACKED_MAX));
    let mut project =
        NamedList { items: "tasks", meter: meter.clone(), sink, refused: &refused, scene, line: 0, title: String::new(), task };
    document(metered, &refused, Objects { meter, walker: &mut project })
}

fn refuse_zip64(file: &mut (impl io::Read + Seek)) -> Result<(), Ended> {
    let unreadable = |error: io::Error| Ended::Wrong(format!("it cannot be read: {error}"));
    let size = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).map_err(unreadable)?;
    let mut tail = Vec::new();
    file.by_ref().take(TAIL).read_to_end(&mut tail).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let is_zip64 = tail.windows(ZIP64.len()).any(|window| window == ZIP64);
    if is_zip64 { Err(Ended::wrong("it has more files than an export of Vikunja")) } else { Ok(()) }
}

fn task(line: i64, project: &str, item: &Value) -> Foreign {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    let instant = |name: &str| instant(&item[name]);
    let labels = item["labels"].as_array().into_iter().flatten().filter_map(|label| label["title"].as_str());
    let project = Some(project).filter(|project| !project.is_empty() && *project != INBOX);
    let mut task = Foreign {
        line,
        key: format!("vikunja:{}", item["id"]),
        title: text("title").to_owned(),
        description: plain(text("description")),
        due: instant("due_date").map(Moment::At),
        priority: priority(item["priority"].as_i64().unwrap_or_default()),
        tags: labels.chain(project).map(str::to_owned).collect(),
        is_completed: item["done"].as_bool().unwrap_or_default(),
        completed_at: instant("done_at"),
        created_at: instant("created"),
        ..Foreign::default()
    };
    if item["priority"].as_i64().is_some_and(|priority| priority > 3) {
        task.cannot("its priority is above high; it is imported as high");
    }
    repeat(&mut task, item);
    reminders(&mut task, item);
    left_out(&mut task, item);
    task
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str().filter(|text| !text.starts_with(NO_DATE))?.parse().ok()
}

fn priority(rank: i64) -> Priority {
    match rank {
        1 => Priority::Low,
        3.. => Priority::High,
        _ => Priority::Medium,
    }
}

/// An interval in seconds, or each month; counted from the due date, or from the completion.
fn repeat(task: &mut Foreign, item: &Value) {
    let (after, mode) = (item["repeat_after"].as_i64().unwrap_or_default(), item["repeat_mode"].as_i64().unwrap_or_default());
    task.from_completion = mode == 2;
    let rule = match (mode, after) {
        (1, _) => {
            task.frequency = Frequency::Monthly;
            return;
        }
        (_, ..=0) => return,
        (_, after) if after % 604_800 == 0 => format!("FREQ=WEEKLY;INTERVAL={}", after / 604_800),
        (_, after) if after % 86_400 == 0 => format!("FREQ=DAILY;INTERVAL={}", after / 86_400),
        (_, after) if after % 3_600 == 0 => format!("FREQ=HOURLY;INTERVAL={}", after / 3_600),
        (_, after) => {
            task.cannot(format!("it repeats every {after} seconds, which is not a number of hours: the repetition is left out"));
            return;
        }
    };
    match rule.parse::<Rule>() {
        Ok(rule) => task.rule = Some(rule),
        Err(error) => task.cannot(format!("its repetition {rule} is left out: {error}")),
    }
}

/// A reminder is an instant, and in versions before 0.21 nothing else.
fn reminders(task: &mut Foreign, item: &Value) {
    for reminder in item["reminders"].as_array().into_iter().flatten() {
        let at = instant(&reminder["reminder"]).or_else(|| instant(reminder));
        let (Some(at), Some(Moment::At(due))) = (at, task.due) else {
            task.cannot("it has a reminder but no due date: the reminder is left out");
            continue;
        };
        let seconds = (due.as_microsecond() - at.as_microsecond()).div_euclid(1_000_000);
        match offset_of(seconds.div_euclid(60)).filter(|_| seconds % 60 == 0) {
            Some(offset) => task.reminders.push(offset),
            None => {
                task.cannot(format!("its reminder at {at} is left out: Taskflow reminds a whole number of minutes before a task is due"));
            }
        }
    }
}

/// Adds notes about everything for which Taskflow has no field.
fn left_out(task: &mut Foreign, item: &Value) {
    let has = |name: &str| item[name].as_array().is_some_and(|list| !list.is_empty());
    for (name, what) in [("attachments", "its attachments are"), ("assignees", "its assignees are"), ("comments", "its comments are")] {
        if has(name) {
            task.cannot(format!("{what} left out"));
        }
    }
    if item["related_tasks"].as_object().is_some_and(|related| !related.is_empty()) {
        task.cannot("its relations to other tasks are left out");
    }
    for (name, what) in [("start_date", "start date"), ("end_date", "end date")] {
        if let Some(at) = instant(&item[name]) {
            task.cannot(format!("its {what} {at} is left out"));
        }
    }
}

/// Converts HTML, Vikunja's format of descriptions, to text: paragraphs and items become lines, other tags are removed.
fn plain(html: &str) -> String {
    if !html.contains('<') && !html.contains('&') {
        return html.to_owned();
    }
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(&entities(before));
        let Some((tag, after)) = after.split_once('>') else {
            rest = "";
            text.push('<');
            text.push_str(&entities(after));
            break;
        };
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default().to_ascii_lowercase();
        match (&*name, tag.starts_with('/')) {
            ("br", _) | ("p" | "li" | "h1" | "h2" | "h3" | "pre" | "blockquote", true) => text.push('\n'),
            ("li", false) if tag.contains("data-checked=\"true\"") => text.push_str("- [x] "),
            ("li", false) if tag.contains("data-checked") => text.push_str("- [ ] "),
            ("li", false) => text.push_str("- "),
            _ => {}
        }
        rest = after;
    }
    text.push_str(&entities(rest));
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}

fn entities(text: &str) -> String {
    let named = [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}
