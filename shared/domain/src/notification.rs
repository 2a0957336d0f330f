//! Notifications of fired reminders, as the page shows them.

use serde::{Deserialize, Serialize};

use crate::event::EventType;
use crate::time::Timestamp;

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Notification {
    /// Increases with each notification; a client resumes after the last one it has.
    pub id: i64,
    /// The event that it reports.
    pub event_type: EventType,
    /// The task.
    pub task_id: i64,
    /// The reminder. Null in notifications of the previous release.
    pub reminder_id: Option<i64>,
    /// The task's title.
    pub title: String,
    /// When the task is due, as text for the user.
    pub body: String,
    /// Assigned by the service.
    pub created_at: Timestamp,
    /// When it was marked as read.
    pub read_at: Option<Timestamp>,
}
