//! The reminder: a moment before a task's due date, and what became of it.

use serde::{Deserialize, Serialize};

use crate::offset::ReminderOffset;
use crate::preferences::DayStart;
use crate::task::{Status, Task};
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

impl ReminderType {
    /// Returns how reminders reach their user where [`WEBHOOK_URL`](crate::routes::WEBHOOK_URL) has this value.
    #[must_use]
    pub fn with_webhook(url: Option<&str>) -> Self {
        if url.is_some() { Self::Webhook } else { Self::Websocket }
    }
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
    /// When it is to fire: the due date less the offset; of an all-day task, the start of the user's day less the offset.
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

/// A reminder as it is stored, with what no caller sees.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredReminder {
    /// The reminder.
    pub reminder: Reminder,
    /// True if it comes from the task's own `reminder_offset`, false if a call asked for it.
    pub of_task: bool,
    /// True if it was cancelled because its task was completed or deleted, so that reopening the task brings it back.
    pub cancelled_with_task: bool,
}

/// One change that brings a task's reminders in line with the task.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Creates the reminder of the task's own `reminder_offset`.
    Create {
        /// When it is to fire.
        at: Timestamp,
        /// How long before the due date that is.
        offset: ReminderOffset,
    },
    /// Moves a reminder, or brings it back.
    Reschedule {
        /// The reminder as it is.
        reminder: Reminder,
        /// When it is to fire.
        at: Timestamp,
        /// How long before the due date that is.
        offset: ReminderOffset,
    },
    /// Cancels a reminder that has nothing left to remind of.
    Cancel {
        /// The reminder as it is.
        reminder: Reminder,
        /// True if that is because its task is over, so that reopening the task brings it back.
        with_task: bool,
    },
}

/// Returns the steps that bring `reminders`, all that a task ever had, in line with it; none if they are. `None` is a task that was deleted.
///
/// Only rows decide, so an event that is lost, late, repeated or forged makes no difference. A due date that had passed when the task was last
/// changed gets no reminder. One that has passed since then does: the event may have waited for a restart, and late is better than never. Reminders
/// of all-day tasks count from the start of the day.
#[must_use]
pub fn steps(task: Option<&Task>, reminders: &[StoredReminder], day_start: DayStart) -> Vec<Step> {
    let Some(task) = task.filter(|task| task.status == Status::Pending) else {
        let with_task = task.is_none_or(|task| task.due_date.is_some());
        let waiting = reminders.iter().map(|stored| &stored.reminder).filter(|reminder| reminder.is_waiting());
        return waiting.map(|reminder| Step::Cancel { reminder: reminder.clone(), with_task }).collect();
    };
    let is_ahead = task.is_due_after(task.updated_at);
    let at = |offset: Option<ReminderOffset>| {
        offset.filter(|_| is_ahead).and_then(|offset| Some((task.reminder_at(offset, day_start)?, offset)))
    };
    let follow = |stored: &StoredReminder| {
        let own = stored.reminder.reminder_offset;
        step(stored, at(if stored.of_task { task.reminder_offset } else { Some(own) }))
    };
    let missing = at(task.reminder_offset).filter(|(at, offset)| !reminders.iter().any(|stored| stored.stands_for(*at, *offset)));
    reminders.iter().filter_map(follow).chain(missing.map(|(at, offset)| Step::Create { at, offset })).collect()
}

/// The step of one reminder of a pending task, which is to fire at this moment, or not at all.
fn step(stored: &StoredReminder, wanted: Option<(Timestamp, ReminderOffset)>) -> Option<Step> {
    let reminder = &stored.reminder;
    match wanted {
        Some((at, offset)) => {
            let is_elsewhere = (at, offset) != (reminder.scheduled_at, reminder.reminder_offset);
            let moves = stored.cancelled_with_task || (reminder.is_waiting() && is_elsewhere);
            moves.then(|| Step::Reschedule { reminder: reminder.clone(), at, offset })
        }
        None => reminder.is_waiting().then(|| Step::Cancel { reminder: reminder.clone(), with_task: false }),
    }
}

impl StoredReminder {
    /// The offset of a reminder that somebody added by hand, and has not cancelled since: it goes along to the next occurrence.
    #[must_use]
    pub fn goes_along(&self) -> Option<ReminderOffset> {
        let is_cancelled = self.reminder.status == ReminderStatus::Cancelled && !self.cancelled_with_task;
        (!self.of_task && !is_cancelled).then_some(self.reminder.reminder_offset)
    }

    /// True if the task needs no other reminder for this moment: this one waits, comes back, or was sent, failed or cancelled for this very moment.
    fn stands_for(&self, at: Timestamp, offset: ReminderOffset) -> bool {
        let reminder = &self.reminder;
        let is_same = reminder.scheduled_at == at && reminder.reminder_offset == offset;
        self.of_task && (reminder.is_waiting() || self.cancelled_with_task || is_same)
    }
}
