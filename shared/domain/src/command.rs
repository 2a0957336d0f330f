//! What callers can ask for: the data of command events, which is the REST body plus the ids of the path.

use serde::{Deserialize, Deserializer, Serialize};

use crate::offset::ReminderOffset;
use crate::recurrence::Rule;
use crate::task::{Frequency, Priority, RecurrenceFrom};
use crate::time::Timestamp;
use crate::zone::Zone;

/// A field of a change: left out, or given. `null` is a value only where `T` is an `Option`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Field<T> {
    /// Left out: stays as it is.
    #[default]
    Keep,
    /// The new value.
    Set(T),
}

impl<T> Field<T> {
    /// Overwrites `target` if the field was given.
    pub fn write_to(self, target: &mut T) {
        if let Self::Set(value) = self {
            *target = value;
        }
    }

    /// The value given, or this one.
    pub fn unwrap_or(self, default: T) -> T {
        self.unwrap_or_else(|| default)
    }

    /// The value given, or what this makes.
    pub fn unwrap_or_else(self, default: impl FnOnce() -> T) -> T {
        match self {
            Self::Keep => default(),
            Self::Set(value) => value,
        }
    }

    /// Whether it was left out.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Set)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

/// `task.create`, `POST /api/tasks`.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTask {
    /// 1 to 200 characters after trimming; no control characters.
    #[schemars(schema_with = "crate::schema::title")]
    pub title: String,
    /// At most 10,000 characters.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::description")]
    pub description: String,
    /// When it is due.
    #[serde(default)]
    pub due_date: Option<Timestamp>,
    /// An IANA time zone; the service's own where left out.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub time_zone: Field<Zone>,
    /// How often it comes back; anything but none needs a due date.
    #[serde(default)]
    pub recurrence: Frequency,
    /// An RFC 5545 RRULE, instead of `recurrence`; needs a due date.
    #[serde(default)]
    pub recurrence_rule: Option<Rule>,
    /// What the next occurrence is counted from.
    #[serde(default)]
    pub recurrence_from: RecurrenceFrom,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
    /// At most 20; trimmed, lower-cased, each kept once.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Vec<String>,
    /// How long before the due date to remind; needs a due date that is still ahead.
    #[serde(default)]
    pub reminder_offset: Option<ReminderOffset>,
}

/// `task.update`, `PUT /api/tasks/{id}`: fields left out stay.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTask {
    /// The task.
    pub task_id: i64,
    /// 1 to 200 characters after trimming; no control characters.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::title")]
    pub title: Field<String>,
    /// At most 10,000 characters.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::description")]
    pub description: Field<String>,
    /// When it is due; null clears it.
    #[serde(default)]
    pub due_date: Field<Option<Timestamp>>,
    /// An IANA time zone.
    #[serde(default)]
    pub time_zone: Field<Zone>,
    /// How often it comes back; replaces a rule.
    #[serde(default)]
    pub recurrence: Field<Frequency>,
    /// An RFC 5545 RRULE, instead of `recurrence`; null clears it.
    #[serde(default)]
    pub recurrence_rule: Field<Option<Rule>>,
    /// What the next occurrence is counted from.
    #[serde(default)]
    pub recurrence_from: Field<RecurrenceFrom>,
    /// How much it matters.
    #[serde(default)]
    pub priority: Field<Priority>,
    /// The new tags, all of them.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Field<Vec<String>>,
    /// How long before the due date to remind; null clears it.
    #[serde(default)]
    pub reminder_offset: Field<Option<ReminderOffset>>,
}

/// `task.complete`, `task.reopen` and `task.delete`: nothing but which task.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskCommand {
    /// The task.
    pub task_id: i64,
}

/// `task.complete`, `POST /api/tasks/{id}/complete`.
pub type CompleteTask = TaskCommand;
/// `task.reopen`, `POST /api/tasks/{id}/reopen`.
pub type ReopenTask = TaskCommand;
/// `task.delete`, `DELETE /api/tasks/{id}`.
pub type DeleteTask = TaskCommand;

/// `task.set-priority`, `PUT /api/tasks/{id}/priority`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPriority {
    /// The task.
    pub task_id: i64,
    /// How much it matters.
    pub priority: Priority,
}

/// `task.add-tags` and `task.remove-tags`, `POST` and `DELETE /api/tasks/{id}/tags`.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagTask {
    /// The task.
    pub task_id: i64,
    /// The tags to add or to remove.
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Vec<String>,
}

/// `reminder.schedule`, `POST /api/reminders`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleReminder {
    /// The task; pending, with a due date that is still ahead.
    pub task_id: i64,
    /// How long before the due date to remind.
    pub reminder_offset: ReminderOffset,
}

/// `reminder.cancel`, `DELETE /api/reminders/{id}`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelReminder {
    /// The reminder.
    pub reminder_id: i64,
}
