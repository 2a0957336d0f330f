//! Event and command types, topics, event data, and their form as CloudEvents 1.0.

use std::fmt;
use std::str::FromStr;

use cloudevents::{Event, EventBuilder, EventBuilderV10};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::offset::ReminderOffset;
use crate::reminder::{ReminderStatus, ReminderType};
use crate::task::Task;
use crate::time::Timestamp;

/// CloudEvents extension that identifies everything one call caused.
pub const CORRELATION_ID: &str = "correlationid";
/// CloudEvents extension with the id of the command that this event answers.
pub const CAUSATION_ID: &str = "causationid";
/// CloudEvents extension (partitioning) that becomes the Kafka key: the task's id.
pub const PARTITION_KEY: &str = "partitionkey";
/// CloudEvents extension (distributed tracing) with the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// Defines an enum whose variants have a name, for types that travel as text.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $unknown:literal: $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All variants, in the order of the documents.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in JSON and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Unknown;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($text => Ok(Self::$variant),)+ _ => Err(Unknown($unknown)) }
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($text),+] })
            }
        }
    };
}

/// The name does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such {0}")]
pub struct Unknown(&'static str);

names! {
    /// Types of events: what happened.
    EventType, "event type":
    /// A task was created.
    TaskCreated = "task.created",
    /// A task was changed.
    TaskUpdated = "task.updated",
    /// A task was completed.
    TaskCompleted = "task.completed",
    /// A task was deleted.
    TaskDeleted = "task.deleted",
    /// A deleted task was restored.
    TaskRestored = "task.restored",
    /// Tasks were imported, at most 500 per event.
    TasksImported = "tasks.imported",
    /// A reminder was scheduled.
    ReminderScheduled = "reminder.scheduled",
    /// A reminder fired.
    ReminderTriggered = "reminder.triggered",
    /// A reminder was delivered.
    ReminderSent = "reminder.sent",
    /// A reminder could not be delivered.
    ReminderFailed = "reminder.failed",
    /// A reminder was cancelled.
    ReminderCancelled = "reminder.cancelled",
}

names! {
    /// Types of command events: what callers request.
    CommandType, "command type":
    /// Create a task.
    TaskCreate = "task.create",
    /// Change a task.
    TaskUpdate = "task.update",
    /// Complete a task.
    TaskComplete = "task.complete",
    /// Reopen a task.
    TaskReopen = "task.reopen",
    /// Move a task to its next occurrence.
    TaskSkip = "task.skip",
    /// Delete a task.
    TaskDelete = "task.delete",
    /// Restore a deleted task.
    TaskRestore = "task.restore",
    /// Undo a change of a task.
    TaskUndo = "task.undo",
    /// Set a task's priority.
    TaskSetPriority = "task.set-priority",
    /// Add tags to a task.
    TaskAddTags = "task.add-tags",
    /// Remove tags from a task.
    TaskRemoveTags = "task.remove-tags",
    /// Schedule a reminder.
    ReminderSchedule = "reminder.schedule",
    /// Cancel a reminder.
    ReminderCancel = "reminder.cancel",
    /// Snooze a reminder.
    ReminderSnooze = "reminder.snooze",
}

names! {
    /// Topics of events.
    Topic, "topic":
    /// Changes of tasks.
    TaskEvents = "task-events",
    /// Changes of reminders.
    Reminders = "reminders",
    /// Live changes for open pages.
    TaskUpdates = "task-updates",
    /// Commands of callers.
    TaskCommands = "task-commands",
    /// Events that a consumer could not process.
    DeadLetters = "dead-letters",
}

impl CommandType {
    /// Returns the type of the event that answers the command.
    #[must_use]
    pub fn answer(self) -> EventType {
        self.answers().0
    }

    /// Returns the types of all events that may answer the command, the usual one first.
    #[must_use]
    pub fn answers(self) -> (EventType, &'static [EventType]) {
        let answer = match self {
            Self::TaskCreate => EventType::TaskCreated,
            Self::TaskComplete => EventType::TaskCompleted,
            Self::TaskDelete => EventType::TaskDeleted,
            Self::TaskRestore => EventType::TaskRestored,
            Self::TaskUndo => {
                return (EventType::TaskUpdated, &[EventType::TaskCompleted, EventType::TaskRestored, EventType::TaskDeleted]);
            }
            Self::TaskUpdate | Self::TaskReopen | Self::TaskSkip | Self::TaskSetPriority | Self::TaskAddTags | Self::TaskRemoveTags => {
                EventType::TaskUpdated
            }
            Self::ReminderSchedule | Self::ReminderSnooze => EventType::ReminderScheduled,
            Self::ReminderCancel => EventType::ReminderCancelled,
        };
        (answer, &[])
    }
}

/// Data of events on task-events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskEvent {
    /// The CloudEvent's type.
    pub event_type: EventType,
    /// The task.
    pub task_id: i64,
    /// The task as REST returns it.
    pub task_data: Task,
    /// The owner of the task.
    pub user_id: i64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Identifies everything one call caused.
    pub correlation_id: String,
}

/// Data of events on reminders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReminderEvent {
    /// The CloudEvent's type.
    pub event_type: EventType,
    /// The reminder.
    pub reminder_id: i64,
    /// Its task.
    pub task_id: i64,
    /// The owner of the reminder.
    pub user_id: i64,
    /// When it fires or fired.
    pub scheduled_at: Timestamp,
    /// How long before the due date.
    pub reminder_offset: ReminderOffset,
    /// The name of its job.
    pub dapr_job_id: String,
    /// The status.
    pub status: ReminderStatus,
    /// Number of failed attempts.
    pub retry_count: i32,
    /// The channel that delivered it or failed. Before that, the one channel of the reminder, or `null` for every configured channel.
    #[serde(default)]
    pub reminder_type: Option<ReminderType>,
    /// The channels of this firing. Only reminder.triggered has them, and not in earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<ReminderType>>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Identifies everything one call caused.
    pub correlation_id: String,
}

/// Data of events on task-updates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskUpdate {
    /// The CloudEvent's type.
    pub event_type: EventType,
    /// The task.
    pub task_id: i64,
    /// The fields that changed, with their new values.
    pub update_data: Map<String, Value>,
    /// The owner of the task.
    pub user_id: i64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Identifies everything one call caused.
    pub correlation_id: String,
}

/// The origin that all events of one call share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The function that announces; the event's source is `/taskflow/<function>`.
    pub function: &'static str,
    /// Identifies everything one call caused.
    pub correlation_id: String,
    /// The W3C trace context of the call.
    pub traceparent: Option<String>,
}

impl Origin {
    /// Returns a CloudEvent of this origin.
    ///
    /// # Errors
    /// The data cannot be written as JSON.
    pub fn event(
        &self,
        id: Uuid,
        ty: &str,
        subject: &str,
        key: i64,
        time: Timestamp,
        data: &impl Serialize,
    ) -> Result<Event, serde_json::Error> {
        let builder = EventBuilderV10::new()
            .id(id.to_string())
            .source(format!("/taskflow/{}", self.function))
            .ty(ty)
            .subject(subject)
            .time(time.to_string())
            .extension(CORRELATION_ID, self.correlation_id.clone())
            .extension(PARTITION_KEY, key.to_string())
            .data("application/json", serde_json::to_value(data)?);
        let builder = match &self.traceparent {
            Some(traceparent) => builder.extension(TRACEPARENT, traceparent.clone()),
            None => builder,
        };
        builder.build().map_err(serde::ser::Error::custom)
    }
}
