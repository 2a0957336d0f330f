//! Calls that wait for the user's confirmation, and the question about them.

use std::collections::BTreeSet;

use domain::chat::{Question, SHOWN_MAX, TaskCard};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tools::Tool;

use crate::action::{Deed, named};

/// Maximum calls of one question.
pub(crate) const ASKED_MAX: usize = 100;
/// Maximum bytes of their arguments as JSON, because the conversation stores them.
pub(crate) const ASKED_BYTES: usize = 64 * 1024;
/// Maximum kinds of actions that a question lists separately.
const DEEDS_MAX: usize = 3;

/// A question in the conversation's storage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asking {
    #[serde(flatten)]
    pub(crate) question: Question,
    /// Calls to make after a yes, in this order.
    #[serde(default)]
    pub(crate) calls: Vec<Kept>,
}

/// A call in the conversation's storage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Value>,
}

/// A waiting call.
pub(crate) struct Held {
    pub(crate) tool: &'static Tool,
    pub(crate) arguments: Map<String, Value>,
    /// Its task; none for a task to be created.
    pub(crate) task: Option<TaskCard>,
}

impl Held {
    /// Returns its subject, as text for the user.
    pub(crate) fn subject(&self) -> String {
        let title = self.arguments.get("title").and_then(Value::as_str).unwrap_or_default();
        self.task.as_ref().map_or_else(|| format!("\u{201c}{title}\u{201d}"), named)
    }

    fn bytes(&self) -> usize {
        serde_json::to_string(&self.arguments).map_or(0, |text| text.len())
    }
}

/// True if the question has room for another call.
pub(crate) fn has_room(held: &[Held], more: &Held) -> bool {
    held.len() < ASKED_MAX && held.iter().chain([more]).map(Held::bytes).sum::<usize>() <= ASKED_BYTES
}

/// Returns the question about these calls, if there are any.
pub(crate) fn asking(held: Vec<Held>, id: String) -> Option<Asking> {
    let mut known = BTreeSet::new();
    let mut tasks: Vec<TaskCard> = held.iter().filter_map(|held| held.task.clone()).filter(|task| known.insert(task.id)).collect();
    let text = question(&held)?;
    let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
    tasks.truncate(SHOWN_MAX);
    let question = Question { id, text, tasks, count };
    let calls = held.into_iter().map(|Held { tool, arguments, .. }| Kept { tool: tool.name.to_owned(), arguments }).collect();
    Some(Asking { question, calls })
}

/// Returns a question such as "Delete “Pay rent” (#12), and complete 3 tasks?"
fn question(held: &[Held]) -> Option<String> {
    let mut deeds: Vec<(Deed, Vec<String>)> = Vec::new();
    for held in held {
        let mut deed = Deed::of(held.tool, &held.arguments);
        let is_known = deeds.iter().any(|(known, _)| *known == deed);
        if !is_known && deeds.len() >= DEEDS_MAX {
            deed = Deed::any();
        }
        let subject = held.subject();
        match deeds.iter_mut().find(|(known, _)| *known == deed) {
            Some((_, subjects)) if subjects.contains(&subject) => {}
            Some((_, subjects)) => subjects.push(subject),
            None => deeds.push((deed, vec![subject])),
        }
    }
    let told = |(deed, subjects): (Deed, Vec<String>)| {
        let subject = match subjects.as_slice() {
            [only] => only.clone(),
            [first, second] => format!("{first} and {second}"),
            all => format!("{} tasks", all.len()),
        };
        deed.of_subject(&subject)
    };
    let text = deeds.into_iter().map(told).collect::<Vec<_>>().join(", and ");
    let mut chars = text.chars();
    let first = chars.next()?;
    Some(format!("{}{}?", first.to_uppercase(), chars.as_str()))
}

#[cfg(test)]
mod tests {
    use domain::task::{Priority, Status};
    use serde_json::json;

    use super::*;

    fn held(tool: &str, id: i64, more: &Value) -> Held {
        let mut arguments = more.as_object().unwrap().clone();
        arguments.insert("task_id".to_owned(), id.into());
        let task = TaskCard {
            id,
            title: format!("Task {id}"),
            status: Status::Pending,
            priority: Priority::Medium,
            due_date: None,
            due_day: None,
        };
        Held { tool: tools::of(tool).unwrap(), arguments, task: Some(task) }
    }

    fn text(held: Vec<Held>) -> (String, u32, usize) {
        let asking = asking(held, "1".to_owned()).unwrap();
        (asking.question.text, asking.question.count, asking.calls.len())
    }

    #[test]
    fn a_question_names_the_actions_and_the_numbers_of_tasks() {
        let none = json!({});
        assert_eq!(asking(Vec::new(), String::new()), None);
        assert_eq!(text(vec![held("delete_task", 1, &none)]), ("Delete “Task 1” (#1)?".to_owned(), 1, 1));
        let (both, ..) = text(vec![held("delete_task", 1, &none), held("delete_task", 2, &none)]);
        assert_eq!(both, "Delete “Task 1” (#1) and “Task 2” (#2)?");
        let many = (1..=30).map(|id| held("complete_task", id, &none)).collect();
        assert_eq!(text(many), ("Complete 30 tasks?".to_owned(), 30, 30));
        let high = json!({ "priority": "high" });
        let mixed = vec![held("delete_task", 1, &none), held("set_priority", 2, &high), held("set_priority", 3, &high)];
        assert_eq!(text(mixed).0, "Delete “Task 1” (#1), and set the priority of “Task 2” (#2) and “Task 3” (#3) to high?");
        let twice = vec![
            held("update_task", 1, &json!({ "due_date": null, "title": "x" })),
            held("update_task", 2, &json!({ "title": "x", "due_date": "2027-01-01T00:00:00Z" })),
            held("add_tags", 2, &json!({ "tags": ["a", "b"] })),
        ];
        let expected = "Change the due date and title of “Task 1” (#1) and “Task 2” (#2), and tag “Task 2” (#2) with a, b?";
        assert_eq!(text(twice), (expected.to_owned(), 2, 3));
        let task =
            Held { tool: tools::of("create_task").unwrap(), arguments: json!({ "title": "x" }).as_object().unwrap().clone(), task: None };
        assert_eq!(text(vec![task]), ("Add “x” as a task?".to_owned(), 0, 1));
        let all = vec![
            held("delete_task", 1, &none),
            held("complete_task", 2, &none),
            held("reopen_task", 3, &none),
            held("schedule_reminder", 4, &json!({ "reminder_offset": "1 hour" })),
            held("cancel_reminder", 5, &none),
        ];
        assert!(text(all).0.ends_with(", and change “Task 4” (#4) and “Task 5” (#5)?"));
    }

    #[test]
    fn a_question_has_limits() {
        let none = json!({});
        let mut many: Vec<Held> = (1..100).map(|id| held("complete_task", id, &none)).collect();
        assert!(has_room(&many, &held("complete_task", 100, &none)));
        many.push(held("complete_task", 100, &none));
        assert!(!has_room(&many, &held("complete_task", 101, &none)));
        let long = json!({ "description": "a".repeat(ASKED_BYTES / 2) });
        assert!(!has_room(&[held("update_task", 1, &long)], &held("update_task", 2, &long)));
    }
}
