//! The reminder: a moment before a task's due date, and what became of it.

use serde::{Deserialize, Serialize};

use crate::offset::ReminderOffset;
use crate::time::Timestamp;

/// How a reminder reaches its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ReminderType {
    /// On the page, over its WebSocket.
    #[default]
    Websocket,
    /// On the page, and posted as a CloudEvent to the webhook's URL.
    Webhook,
}

/// What became of a reminder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ReminderStatus {
    /// Still to come, or on its way.
    #[default]
    Pending,
    /// Delivered.
    Sent,
    /// Given up after the last try.
    Failed,
    /// Its task was completed or deleted, or somebody cancelled it.
    Cancelled,
}

/// A reminder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reminder {
    /// Set by the service.
    pub id: i64,
    /// The task it reminds of.
    pub task_id: i64,
    /// Whose it is.
    pub user_id: i64,
    /// When it is to fire: the due date less the offset.
    pub scheduled_at: Timestamp,
    /// When it fired.
    pub triggered_at: Option<Timestamp>,
    /// How long before the due date.
    pub reminder_offset: ReminderOffset,
    /// How it reaches its user.
    pub reminder_type: ReminderType,
    /// What became of it.
    pub status: ReminderStatus,
    /// Tries that failed.
    pub retry_count: i32,
    /// The name of its job.
    pub dapr_job_id: String,
    /// Set by the service.
    pub created_at: Timestamp,
    /// When it was delivered.
    pub sent_at: Option<Timestamp>,
}

impl Reminder {
    /// Whether it is still to fire: neither fired nor settled otherwise.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.status == ReminderStatus::Pending && self.triggered_at.is_none()
    }
}

/// The job of a reminder. The gateway finds the function by the name.
#[must_use]
pub fn job_name(reminder_id: i64) -> String {
    format!("{}-{reminder_id}", crate::routes::FIRE_REMINDER.name)
}
