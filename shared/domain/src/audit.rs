//! The audit log: every event, stored once.

use serde::{Deserialize, Serialize};

use crate::event::EventType;
use crate::time::Timestamp;

/// One event of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditLogEntry {
    /// Assigned by the service.
    pub id: i64,
    /// The CloudEvent's id; unique in the log.
    pub event_id: String,
    /// The CloudEvent's type.
    pub event_type: EventType,
    /// The task.
    pub task_id: i64,
    /// The task that this one was spawned from.
    pub parent_task_id: Option<i64>,
    /// The owner of the task.
    pub user_id: i64,
    /// The whole event, as received.
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    pub event_data: serde_json::Value,
    /// When it was recorded.
    pub created_at: Timestamp,
}
