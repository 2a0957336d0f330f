//! What the page shows of a reminder, kept until somebody saw it.

use serde::{Deserialize, Serialize};

use crate::event::EventType;
use crate::time::Timestamp;

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Notification {
    /// Grows with each one; a client resumes after the last it saw.
    pub id: i64,
    /// What it tells of.
    pub event_type: EventType,
    /// The task.
    pub task_id: i64,
    /// The reminder. Null if the release before made the notification.
    pub reminder_id: Option<i64>,
    /// The task's title.
    pub title: String,
    /// When it is due, for a person.
    pub body: String,
    /// Set by the service.
    pub created_at: Timestamp,
    /// When somebody marked it read.
    pub read_at: Option<Timestamp>,
}
