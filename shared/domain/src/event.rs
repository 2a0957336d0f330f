//! What Taskflow announces and obeys: event and command types, topics, event data, and how they become CloudEvents 1.0.

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

/// The CloudEvents extension that ties together everything one call caused.
pub const CORRELATION_ID: &str = "correlationid";
/// The CloudEvents extension with the id of the event that this one answers.
pub const CAUSATION_ID: &str = "causationid";
/// The CloudEvents extension (partitioning) that becomes the Kafka key: the task's id.
pub const PARTITION_KEY: &str = "partitionkey";
/// The CloudEvents extension (distributed tracing) with the W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// A set of names with a text form, for types that travel as text.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $unknown:literal: $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All of them, in the order of the documents.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name as it travels.
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

/// A name that is not among those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such {0}")]
pub struct Unknown(&'static str);

names! {
    /// What can have happened: the types of events.
    EventType, "event type":
    /// A task is there.
    TaskCreated = "task.created",
    /// A task was changed.
    TaskUpdated = "task.updated",
    /// A task was completed.
    TaskCompleted = "task.completed",
    /// A task is gone.
    TaskDeleted = "task.deleted",
    /// A task that was deleted is back.
    TaskRestored = "task.restored",
    /// Tasks were imported: up to 500 for each event.
    TasksImported = "tasks.imported",
    /// A reminder is to fire at its time.
    ReminderScheduled = "reminder.scheduled",
    /// A reminder fired.
    ReminderTriggered = "reminder.triggered",
    /// A reminder was delivered.
    ReminderSent = "reminder.sent",
    /// A reminder was given up.
    ReminderFailed = "reminder.failed",
    /// A reminder will not fire.
    ReminderCancelled = "reminder.cancelled",
}

names! {
    /// What can be asked for: the types of command events.
    CommandType, "command type":
    /// Make a task.
    TaskCreate = "task.create",
    /// Change a task.
    TaskUpdate = "task.update",
    /// Complete a task.
    TaskComplete = "task.complete",
    /// Reopen a task.
    TaskReopen = "task.reopen",
    /// Go on to a task's next occurrence.
    TaskSkip = "task.skip",
    /// Delete a task.
    TaskDelete = "task.delete",
    /// Restore a deleted task.
    TaskRestore = "task.restore",
    /// Take back a change of a task.
    TaskUndo = "task.undo",
    /// Set a task's priority.
    TaskSetPriority = "task.set-priority",
    /// Add tags to a task.
    TaskAddTags = "task.add-tags",
    /// Remove tags from a task.
    TaskRemoveTags = "task.remove-tags",
    /// Remind of a task.
    ReminderSchedule = "reminder.schedule",
    /// Do not remind.
    ReminderCancel = "reminder.cancel",
    /// Remind again later.
    ReminderSnooze = "reminder.snooze",
}

names! {
    /// Where events travel.
    Topic, "topic":
    /// What happened to tasks.
    TaskEvents = "task-events",
    /// What happened to reminders.
    Reminders = "reminders",
    /// What pages show live.
    TaskUpdates = "task-updates",
    /// What callers ask for.
    TaskCommands = "task-commands",
    /// What no consumer could take.
    DeadLetters = "dead-letters",
}

impl CommandType {
    /// The event that answers the command.
    #[must_use]
    pub fn answer(self) -> EventType {
        self.answers().0
    }

    /// The event that answers the command, and others that may answer it instead.
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
    /// The task as REST answers it.
    pub task_data: Task,
    /// Whose it is.
    pub user_id: i64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Ties together everything one call caused.
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
    /// Whose it is.
    pub user_id: i64,
    /// When it is, or was, to fire.
    pub scheduled_at: Timestamp,
    /// How long before the due date.
    pub reminder_offset: ReminderOffset,
    /// The name of its job.
    pub dapr_job_id: String,
    /// What became of it.
    pub status: ReminderStatus,
    /// Tries that failed.
    pub retry_count: i32,
    /// The channel that delivered it or gave it up; before that, the one channel that it goes to, or `null` for every configured channel.
    #[serde(default)]
    pub reminder_type: Option<ReminderType>,
    /// The channels of this firing. Only reminder.triggered has them; that of an earlier release has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<ReminderType>>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Ties together everything one call caused.
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
    /// Whose it is.
    pub user_id: i64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Ties together everything one call caused.
    pub correlation_id: String,
}

/// What every event of one piece of work has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The function that speaks; the event's source is `/taskflow/<function>`.
    pub function: &'static str,
    /// Ties together everything one call caused.
    pub correlation_id: String,
    /// The W3C trace context of the call.
    pub traceparent: Option<String>,
}

impl Origin {
    /// A CloudEvent of this origin.
    ///
    /// # Errors
    /// Data that has no JSON form, which none of ours is.
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
