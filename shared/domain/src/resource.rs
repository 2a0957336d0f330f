//! Results of commands, as callers address them and events describe them.

use serde::Serialize;

use crate::event::{EventType, ReminderEvent, TaskEvent};
use crate::{Reminder, Task, Timestamp, USER_ID};

/// The result of a command: a task or a reminder.
pub trait Resource: Serialize + Send {
    /// Data of its events.
    type Event: Serialize;

    /// Returns the id of its task, which keys its events.
    fn key(&self) -> i64;

    /// Returns the subject of its events, such as `task/7`.
    fn subject(&self) -> String;

    /// Returns its path, for `Location`.
    fn location(&self) -> String;

    /// Returns its version for `ETag`, if it has versions.
    fn version(&self) -> Option<i64>;

    /// Returns the data of an event with its current state.
    fn event(&self, event_type: EventType, timestamp: Timestamp, correlation_id: &str) -> Self::Event;
}

impl Resource for Task {
    type Event = TaskEvent;

    fn key(&self) -> i64 {
        self.id
    }

    fn subject(&self) -> String {
        format!("task/{}", self.id)
    }

    fn location(&self) -> String {
        format!("/api/tasks/{}", self.id)
    }

    fn version(&self) -> Option<i64> {
        Some(self.version)
    }

    fn event(&self, event_type: EventType, timestamp: Timestamp, correlation_id: &str) -> TaskEvent {
        let correlation_id = correlation_id.to_owned();
        TaskEvent { event_type, task_id: self.id, task_data: self.clone(), user_id: USER_ID, timestamp, correlation_id }
    }
}

impl Resource for Reminder {
    type Event = ReminderEvent;

    fn key(&self) -> i64 {
        self.task_id
    }

    fn subject(&self) -> String {
        format!("reminder/{}", self.id)
    }

    fn location(&self) -> String {
        format!("/api/reminders?task_id={}", self.task_id)
    }

    fn version(&self) -> Option<i64> {
        None
    }

    fn event(&self, event_type: EventType, timestamp: Timestamp, correlation_id: &str) -> ReminderEvent {
        ReminderEvent {
            event_type,
            reminder_id: self.id,
            task_id: self.task_id,
            user_id: self.user_id,
            scheduled_at: self.scheduled_at,
            reminder_offset: self.reminder_offset,
            dapr_job_id: self.dapr_job_id.clone(),
            status: self.status,
            retry_count: self.retry_count,
            reminder_type: self.reminder_type,
            channels: (event_type == EventType::ReminderTriggered)
                .then(|| self.deliveries.iter().map(|delivery| delivery.channel).collect()),
            timestamp,
            correlation_id: correlation_id.to_owned(),
        }
    }
}
