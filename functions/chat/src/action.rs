//! Describes what a tool did: to the user as an action, to the model as the result of its call.

use std::collections::BTreeSet;

use domain::Task;
use domain::chat::{Action, ActionStatus, SHOWN_MAX, TaskCard};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tools::{Done, Failed, Tool};

use crate::asking::Held;
use crate::content::raw;

/// Maximum bytes of a result that a model receives.
const RESULT_MAX: usize = 64 * 1024;

/// The description of a call.
pub(crate) struct Told {
    pub(crate) action: Action,
    /// The function response in the API's form: an object with `output` or `error`.
    pub(crate) result: Box<RawValue>,
}

/// Describes a successful call. `before` is the task that no longer exists.
pub(crate) fn done(tool: &Tool, arguments: &Map<String, Value>, done: Done, before: Option<&Task>) -> Told {
    let cards: Vec<TaskCard> = done.tasks.iter().chain(before).take(SHOWN_MAX).map(TaskCard::from).collect();
    let task_id = arguments.get("task_id").and_then(Value::as_i64).or(match done.tasks.as_slice() {
        [task] if tool.changes() => Some(task.id),
        _ => done.output["reminder"]["task_id"].as_i64(),
    });
    let detail = detail(tool, arguments, &done, cards.first());
    let action = Action { tool: tool.name.to_owned(), status: ActionStatus::Done, changes: tool.changes(), task_id, tasks: cards, detail };
    Told { action, result: bounded(done.output) }
}

/// Describes a failed call.
pub(crate) fn failed(name: &str, changes: bool, arguments: &Map<String, Value>, failed: &Failed) -> Told {
    let task_id = arguments.get("task_id").and_then(Value::as_i64);
    let detail = failed.detail.clone();
    let action = Action { tool: name.to_owned(), status: ActionStatus::Failed, changes, task_id, tasks: Vec::new(), detail };
    Told { action, result: raw(&json!({ "error": failed.problem })) }
}

/// Describes a call that waits for the user's confirmation.
pub(crate) fn asked(held: &Held) -> Told {
    let detail = format!("Asked whether to {}.", Deed::of(held.tool, &held.arguments).of_subject(&held.subject()));
    let (tasks, task_id) = (held.task.iter().cloned().collect(), held.task.as_ref().map(|task| task.id));
    let action = Action { tool: held.tool.name.to_owned(), status: ActionStatus::Asked, changes: true, task_id, tasks, detail };
    let detail_for_model = "Nothing is done yet. Taskflow asks the user, who answers with the next message.";
    let result = raw(&json!({ "output": { "status": "asked", "detail": detail_for_model } }));
    Told { action, result }
}

/// An imperative phrase into which the task's name is inserted.
#[derive(PartialEq, Eq)]
pub(crate) struct Deed {
    before: String,
    after: String,
}

impl Deed {
    fn new(before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { before: before.into(), after: after.into() }
    }

    /// Returns the phrase for a tool with these arguments.
    pub(crate) fn of(tool: &Tool, arguments: &Map<String, Value>) -> Self {
        let text = |name: &str| arguments.get(name).map(said).unwrap_or_default();
        match tool.name {
            "create_task" => Self::new("add", " as a task"),
            "complete_task" => Self::new("complete", ""),
            "reopen_task" => Self::new("reopen", ""),
            "skip_task" => Self::new("skip this occurrence of", ""),
            "delete_task" => Self::new("delete", ""),
            "restore_task" => Self::new("restore", ""),
            "undo_change" => Self::new("undo a change of", ""),
            "set_priority" => Self::new("set the priority of", format!(" to {}", text("priority"))),
            "add_tags" => Self::new("tag", format!(" with {}", text("tags"))),
            "remove_tags" => Self::new(format!("remove {} from", text("tags")), ""),
            "schedule_reminder" => Self::new("set a reminder of", format!(", {} before", text("reminder_offset"))),
            "cancel_reminder" => Self::new("cancel a reminder of", ""),
            "update_task" => {
                let mut fields: Vec<String> =
                    arguments.keys().filter(|name| *name != "task_id").map(|name| name.replace('_', " ")).collect();
                fields.sort_unstable();
                Self::new(format!("change the {} of", fields.join(" and ")), "")
            }
            _ => Self::any(),
        }
    }

    /// Returns the phrase for any change.
    pub(crate) fn any() -> Self {
        Self::new("change", "")
    }

    /// Returns a phrase such as "delete “Pay rent” (#12)".
    pub(crate) fn of_subject(&self, subject: &str) -> String {
        format!("{} {subject}{}", self.before, self.after)
    }
}

/// Returns a summary such as "Completed 3 tasks. Deleted 1 task."
pub(crate) fn summary(actions: &[Action]) -> String {
    let mut counts: Vec<(&str, BTreeSet<Option<i64>>)> = Vec::new();
    for action in actions.iter().filter(|action| action.status == ActionStatus::Done) {
        let verb = match action.tool.as_str() {
            "create_task" => "Created",
            "complete_task" => "Completed",
            "reopen_task" => "Reopened",
            "delete_task" => "Deleted",
            "restore_task" => "Restored",
            _ => "Changed",
        };
        let task = action.task_id.or_else(|| action.tasks.first().map(|task| task.id));
        match counts.iter_mut().find(|(known, _)| *known == verb) {
            Some((_, tasks)) => drop(tasks.insert(task)),
            None => counts.push((verb, BTreeSet::from([task]))),
        }
    }
    let told = |(verb, tasks): &(&str, BTreeSet<_>)| format!("{verb} {} task{}.", tasks.len(), if tasks.len() == 1 { "" } else { "s" });
    if counts.is_empty() { "Nothing was done.".to_owned() } else { counts.iter().map(told).collect::<Vec<_>>().join(" ") }
}

/// Returns a task's title and number.
pub(crate) fn named(task: &TaskCard) -> String {
    format!("“{}” (#{})", task.title, task.id)
}

fn detail(tool: &Tool, arguments: &Map<String, Value>, done: &Done, task: Option<&TaskCard>) -> String {
    let subject = task.map_or_else(|| arguments.get("task_id").map_or_else(String::new, |id| format!("task {id}")), named);
    let text = |name: &str| arguments.get(name).map(said).unwrap_or_default();
    let found = |name: &str| done.output[name].as_array().map_or(0, Vec::len);
    match tool.name {
        "create_task" => format!("Created {subject}."),
        "update_task" => format!("Changed {subject}."),
        "complete_task" => format!("Completed {subject}."),
        "reopen_task" => format!("Reopened {subject}."),
        "skip_task" => format!("Moved {subject} to its next occurrence."),
        "delete_task" => format!("Deleted {subject}."),
        "restore_task" => format!("Restored {subject}."),
        "undo_change" => format!("Undid a change of {subject}."),
        "set_priority" => format!("Set the priority of {subject} to {}.", text("priority")),
        "add_tags" => format!("Tagged {subject} with {}.", text("tags")),
        "remove_tags" => format!("Removed {} from {subject}.", text("tags")),
        "schedule_reminder" => format!("Set a reminder for {subject}, {} before it is due.", text("reminder_offset")),
        "cancel_reminder" => format!("Cancelled reminder {}.", text("reminder_id")),
        "list_tasks" | "search_tasks" | "list_trash" => match done.output["total_count"].as_i64() {
            Some(1) => "Found 1 task.".to_owned(),
            Some(count) => format!("Found {count} tasks."),
            None => format!("Found {} tasks.", found("tasks")),
        },
        "get_task" => format!("Read {subject}."),
        "list_occurrences" => format!("Found {} due dates.", found("occurrences")),
        "list_tags" => format!("Found {} tags.", found("tags")),
        "list_reminders" => format!("Found {} reminders.", found("reminders")),
        name => format!("Called {name}."),
    }
}

fn said(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(said).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

/// Limits an output for a model. A list that is too long loses its last tasks, and says so.
fn bounded(mut output: Value) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Result<'a> {
        output: &'a Value,
    }
    let mut result = raw(&Result { output: &output });
    let mut left_out = 0;
    while result.get().len() > RESULT_MAX {
        let Some(tasks) = output.get_mut("tasks").and_then(Value::as_array_mut).filter(|tasks| tasks.len() > 1) else { break };
        let keep = tasks.len() / 2;
        left_out += tasks.len() - keep;
        tasks.truncate(keep);
        output["left_out"] = left_out.into();
        result = raw(&Result { output: &output });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_bounded() {
        let task = json!({ "id": 1, "title": "a".repeat(1_000) });
        let result = bounded(json!({ "tasks": vec![task; 100], "total_count": 100 }));
        assert!(result.get().len() <= RESULT_MAX);
        let output = crate::content::read(&result)["output"].take();
        assert_eq!(output["tasks"].as_array().unwrap().len() + usize::try_from(output["left_out"].as_u64().unwrap()).unwrap(), 100);
    }
}
