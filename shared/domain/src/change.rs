//! Changes of tasks, and how an undo reverts them.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::invalid::{Checks, Invalid};
use crate::task::Task;

/// Identifies a change by its task and the version that it made, such as `42-7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId {
    /// The task.
    pub task_id: i64,
    /// The version that the change created.
    pub version: i64,
}

/// The text is not the id of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a change, which is the value of a Taskflow-Change header, such as 42-7")]
pub struct NoChangeId;

impl ChangeId {
    /// True if the change created its task.
    #[must_use]
    pub fn is_creation(self) -> bool {
        self.version == 1
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.task_id, self.version)
    }
}

impl FromStr for ChangeId {
    type Err = NoChangeId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.parse().ok().filter(|number: &i64| *number > 0 && !text.starts_with('+')).ok_or(NoChangeId);
        let (task_id, version) = text.split_once('-').ok_or(NoChangeId)?;
        Ok(Self { task_id: number(task_id)?, version: number(version)? })
    }
}

/// The fields in which two states of a task differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Values before the change.
    pub before: Map<String, Value>,
    /// Values after the change.
    pub after: Map<String, Value>,
}

/// Fields that every change updates. An undo ignores them, because it updates them again.
const ALWAYS: [&str; 2] = ["version", "updated_at"];

impl Difference {
    /// Compares two states of a task.
    #[must_use]
    pub fn between(before: &Task, after: &Task) -> Self {
        let (mut before, mut after) = (fields(before), fields(after));
        after.retain(|name, value| before.get(name) != Some(value));
        before.retain(|name, _| after.contains_key(name) && !ALWAYS.contains(&name.as_str()));
        Self { before, after }
    }
}

/// Returns all fields of a task.
#[must_use]
pub fn fields(task: &Task) -> Map<String, Value> {
    match serde_json::to_value(task) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

impl Task {
    /// Returns the same task with these fields as they were before a change.
    ///
    /// # Errors
    /// A field that another field now needs, such as the due date of a task that became recurring.
    pub fn with_previous(&self, previous: Map<String, Value>) -> Result<Self, Invalid> {
        let mut fields = fields(self);
        fields.extend(previous);
        let task: Self = serde_json::from_value(Value::Object(fields)).map_err(|error| Invalid::field("", error))?;
        let mut checks = Checks::new();
        task.check_recurrence(&mut checks);
        checks.require(task.due_date.is_some() || task.reminder_offset.is_none(), "/reminder_offset", "a reminder needs a due_date");
        checks.finish(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is() {
        let id = ChangeId { task_id: 42, version: 7 };
        assert_eq!((id.to_string().as_str(), "42-7".parse()), ("42-7", Ok(id)));
        for text in ["", "42", "42-", "-7", "42-7-1", "42--7", "+42-7", "42-+7", "0-1", "42-0", "a-b", " 42-7", "99999999999999999999-1"] {
            assert_eq!(text.parse::<ChangeId>(), Err(NoChangeId), "{text}");
        }
    }
}
