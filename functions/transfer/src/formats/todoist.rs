//! Todoist's CSV of a project: open tasks, by section and indent, with dates as Todoist's users write them.
//!
//! Tasks have no id. A task is recognised by its section, its parent tasks, and its text.

use std::io;

use domain::task::Priority;
use domain::zone::Zone;
use domain::{Day, Moment};
use jiff::civil::DateTime;

use super::{Columns, Ended, Namesakes, Records, Sink};
use crate::item::{Foreign, Scene};

/// Maximum depth of parent tasks.
const INDENT_MAX: usize = 20;
/// The title of a sentence that is only parsed for its date.
const TITLE: &str = "Task";

pub(super) fn read(file: impl io::Read, scene: &Scene, sink: &mut Sink) -> Result<(), Ended> {
    let mut records = Records::new(file);
    let columns = match records.next()? {
        Some((_, names)) => Columns::new(names),
        None => return Err(Ended::wrong("it is empty")),
    };
    let mut project = Project::default();
    // Comments follow their task.
    let mut last: Option<Foreign> = None;
    while let Some((line, record)) = records.next()? {
        let content = columns.get(record, "CONTENT");
        match &*columns.get(record, "TYPE").to_ascii_lowercase() {
            "task" => {
                let next = project.task(line, |name| columns.get(record, name), scene);
                if let Some(task) = last.replace(next) {
                    sink(task.read(scene))?;
                }
            }
            "section" => {
                content.clone_into(&mut project.section);
                project.above.clear();
            }
            "note" => {
                if let Some(task) = last.as_mut().filter(|_| !content.is_empty()) {
                    task.more.push(content.to_owned());
                }
            }
            _ => {}
        }
    }
    last.map_or(Ok(()), |task| sink(task.read(scene)))
}

#[derive(Default)]
struct Project {
    section: String,
    /// The possible parents of the next task.
    above: Vec<String>,
    namesakes: Namesakes,
}

impl Project {
    fn task<'c>(&mut self, line: i64, cell: impl Fn(&str) -> &'c str, scene: &Scene) -> Foreign {
        let content = cell("CONTENT");
        let (title, labels) = without_labels(content);
        let indent = cell("INDENT").parse::<usize>().unwrap_or(1).clamp(1, INDENT_MAX);
        self.above.truncate(indent - 1);
        let mut path = vec![self.section.as_str()];
        path.extend(self.above.iter().map(String::as_str));
        path.push(content);
        let key = self.namesakes.key("todoist", &path);
        let zone = cell("TIMEZONE").parse::<Zone>().ok();
        let mut task = Foreign {
            line,
            key,
            title: title.clone(),
            description: cell("DESCRIPTION").to_owned(),
            priority: priority(cell("PRIORITY")),
            tags: labels.into_iter().chain(Some(self.section.clone()).filter(|section| !section.is_empty())).collect(),
            zone: zone.clone(),
            ..Foreign::default()
        };
        if let Some(parent) = self.above.last() {
            task.more.push(format!("Part of: {parent}"));
            task.cannot("it is a sub-task; it is imported as a separate task, and its description names its parent");
        }
        self.above.push(title);
        date(&mut task, cell("DATE"), cell("DATE_LANG"), &zone.unwrap_or_else(|| scene.zone.clone()), scene);
        deadline(&mut task, cell("DEADLINE"));
        let (duration, unit) = (cell("DURATION"), cell("DURATION_UNIT"));
        if !matches!(duration, "" | "None") {
            task.cannot(format!("its duration of {duration} {unit} is left out"));
        }
        let responsible = cell("RESPONSIBLE");
        if !responsible.is_empty() {
            task.cannot(format!("its assignee {responsible} is left out"));
        }
        task
    }
}

/// Todoist's priority 4 is none; the others have the colours of high, medium and low.
fn priority(text: &str) -> Priority {
    match text {
        "1" => Priority::High,
        "3" => Priority::Low,
        _ => Priority::Medium,
    }
}

/// Returns the text without its labels: words that begin with an @.
fn without_labels(content: &str) -> (String, Vec<String>) {
    let (labels, words): (Vec<&str>, Vec<&str>) = content.split(' ').partition(|word| word.len() > 1 && word.starts_with('@'));
    (words.join(" ").trim().to_owned(), labels.into_iter().map(|label| label[1..].to_owned()).collect())
}

/// Parses a Todoist date: a day, a day with a time, or words, which may recur.
fn date(task: &mut Foreign, text: &str, language: &str, zone: &Zone, scene: &Scene) {
    if text.is_empty() {
        return;
    }
    if let Some(moment) = written(text, zone) {
        task.due = Some(moment);
        return;
    }
    let is_english = matches!(language.to_ascii_lowercase().split(['-', '_']).next(), Some("" | "en"));
    // With an exclamation mark, it counts from the completion.
    task.from_completion = text.contains("every!") || text.starts_with("after ");
    let sentence = format!("{TITLE} {}", text.replace("every!", "every"));
    let draft = Some(language::draft(&sentence, &language::Scene::new(scene.now, zone))).filter(|_| is_english);
    let is_whole = |draft: &language::Draft| draft.notes.iter().all(|note| note.kind != language::NoteKind::Missed);
    let understood = draft.filter(is_whole).and_then(|draft| draft.task).filter(|own| own.title == TITLE && own.due_date.is_some());
    if let Some(own) = understood {
        task.due = own.due_date;
        (task.rule, task.frequency) = (own.recurrence_rule, own.recurrence);
    } else {
        task.from_completion = false;
        task.more.push(format!("Date: {text}"));
        task.cannot(format!("its date “{text}” is not understood; it is added to the description"));
    }
}

/// Parses a date in numbers.
fn written(text: &str, zone: &Zone) -> Option<Moment> {
    if let Ok(moment) = text.parse::<Moment>() {
        return Some(moment);
    }
    let local =
        ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"].into_iter().find_map(|form| DateTime::strptime(form, text).ok())?;
    Day::new(local.date())?.at_time(local.time(), zone).map(Moment::At)
}

/// The deadline is the due date of a task without a date.
fn deadline(task: &mut Foreign, text: &str) {
    if text.is_empty() {
        return;
    }
    if let (None, Ok(day)) = (task.due, text.get(..10).unwrap_or(text).parse::<Day>()) {
        task.due = Some(Moment::On(day));
    } else {
        task.more.push(format!("Deadline: {text}"));
        task.cannot(format!("its deadline {text} is added to the description"));
    }
}
