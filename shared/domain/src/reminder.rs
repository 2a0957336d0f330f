//! Reminders: a moment before a task's due date, and its deliveries.

use serde::{Deserialize, Serialize};

use crate::offset::ReminderOffset;
use crate::preferences::DayStart;
use crate::task::{Status, Task};
use crate::time::Timestamp;

/// A channel that delivers reminders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ReminderType {
    /// A notification on the page, over its WebSocket.
    Websocket,
    /// Web Push, to every subscribed browser.
    Push,
    /// A mail.
    Email,
    /// A CloudEvent, posted to the webhook's URL.
    Webhook,
}

impl ReminderType {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Websocket, Self::Push, Self::Email, Self::Webhook];

    /// Returns the name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Push => "push",
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

/// The delivery of a reminder on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Delivery {
    /// The channel.
    #[serde(rename = "type")]
    pub channel: ReminderType,
    /// `sent` once one receiver has it, `failed` if none can receive it, `cancelled` if the task was over first.
    pub status: ReminderStatus,
    /// Number of attempts, for the receiver with the most.
    pub attempts: i32,
    /// When the first receiver had it.
    pub sent_at: Option<Timestamp>,
    /// The last error, while it is not sent.
    pub error: Option<String>,
}

impl Delivery {
    /// Combines the sends of one firing into deliveries: one for each channel that the firing uses or that has sends.
    #[must_use]
    pub fn of(channels: &[ReminderType], sends: &[Self]) -> Vec<Self> {
        let of = |channel: &ReminderType| sends.iter().filter(|send| send.channel == *channel).collect::<Vec<_>>();
        let has = |channel: &ReminderType| channels.contains(channel) || !of(channel).is_empty();
        ReminderType::ALL.iter().filter(|channel| has(channel)).map(|channel| Self::sum(*channel, &of(channel))).collect()
    }

    fn sum(channel: ReminderType, sends: &[&Self]) -> Self {
        let status = if sends.is_empty() { ReminderStatus::Pending } else { sum(sends.iter().map(|send| send.status)) };
        let error = sends.iter().rev().find_map(|send| send.error.clone()).filter(|_| status != ReminderStatus::Sent);
        Self {
            channel,
            status,
            attempts: sends.iter().map(|send| send.attempts).max().unwrap_or_default(),
            sent_at: sends.iter().filter_map(|send| send.sent_at).min(),
            error,
        }
    }
}

/// Returns the reminder's status that follows from its deliveries. A stored notification counts only if the page is the sole channel. Without any
/// channel the reminder has failed.
#[must_use]
pub fn status_of(deliveries: &[Delivery]) -> ReminderStatus {
    let is_sole = deliveries.iter().all(|delivery| delivery.channel == ReminderType::Websocket);
    let counting = deliveries.iter().filter(|delivery| is_sole || delivery.channel != ReminderType::Websocket);
    sum(counting.map(|delivery| delivery.status))
}

/// Sent if one is sent; else pending if one is pending; else failed if one failed or there is none; else cancelled.
fn sum(statuses: impl Iterator<Item = ReminderStatus>) -> ReminderStatus {
    let rank = |status: &ReminderStatus| match status {
        ReminderStatus::Sent => 0,
        ReminderStatus::Pending => 1,
        ReminderStatus::Failed => 2,
        ReminderStatus::Cancelled => 3,
    };
    statuses.min_by_key(rank).unwrap_or(ReminderStatus::Failed)
}

/// The status of a reminder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ReminderStatus {
    /// Scheduled, or being delivered.
    #[default]
    Pending,
    /// Delivered.
    Sent,
    /// Not deliverable.
    Failed,
    /// Its task was completed or deleted, or a caller cancelled it.
    Cancelled,
}

/// A reminder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reminder {
    /// Assigned by the service.
    pub id: i64,
    /// The task it reminds of.
    pub task_id: i64,
    /// The owner of the task.
    pub user_id: i64,
    /// When it fires: the due date minus the offset; for an all-day task, the start of the user's day minus the offset.
    pub scheduled_at: Timestamp,
    /// When it fired.
    pub triggered_at: Option<Timestamp>,
    /// How long before the due date.
    pub reminder_offset: ReminderOffset,
    /// The one channel of the reminder; `null` means every configured channel.
    pub reminder_type: Option<ReminderType>,
    /// The status.
    pub status: ReminderStatus,
    /// Number of failed attempts.
    pub retry_count: i32,
    /// The name of its job.
    pub dapr_job_id: String,
    /// Assigned by the service.
    pub created_at: Timestamp,
    /// When it was delivered.
    pub sent_at: Option<Timestamp>,
    /// The deliveries of the last firing, by channel.
    pub deliveries: Vec<Delivery>,
}

impl Reminder {
    /// True if the reminder has yet to fire.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.status == ReminderStatus::Pending && self.triggered_at.is_none()
    }

    /// Returns the delivery on this channel, if the reminder uses it.
    #[must_use]
    pub fn delivery(&self, channel: ReminderType) -> Option<&Delivery> {
        self.deliveries.iter().find(|delivery| delivery.channel == channel)
    }
}

/// A reminder with its internal fields.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredReminder {
    /// The reminder.
    pub reminder: Reminder,
    /// True if it comes from the task's `reminder_offset`, false if a call created it.
    pub of_task: bool,
    /// True if it was cancelled because its task was completed, deleted or moved into the past, so that it returns with the task.
    pub cancelled_with_task: bool,
    /// For a snoozed reminder, the time at which it would fire without the snooze.
    pub snoozed_from: Option<Timestamp>,
}

/// One step that aligns a task's reminders with the task.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Creates the reminder of the task's own `reminder_offset`.
    Create {
        /// When it fires.
        at: Timestamp,
        /// How long before the due date that is.
        offset: ReminderOffset,
    },
    /// Moves or restores a reminder.
    Reschedule {
        /// The current reminder.
        reminder: Reminder,
        /// When it fires.
        at: Timestamp,
        /// How long before the due date that is.
        offset: ReminderOffset,
    },
    /// Cancels a reminder that no longer applies.
    Cancel {
        /// The current reminder.
        reminder: Reminder,
        /// True if the reason is that its task is over or in the past, so that it returns with the task.
        with_task: bool,
    },
}

/// Returns the steps that align `reminders`, all that a task ever had, with it. `None` is a deleted task.
///
/// Only rows decide, so an event that is lost, late, repeated or forged makes no difference. A due date that had passed when the task was last
/// changed gets no reminder. A due date that has passed since then does, because the event may have waited for a restart. Reminders of all-day tasks
/// count from the day start.
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
        let wanted = if stored.of_task { task.reminder_offset } else { Some(own) };
        // A snooze holds until a change of the task moves the reminder's original time, even if the task is overdue.
        let is_snoozed =
            stored.snoozed_from.is_some_and(|from| wanted.and_then(|offset| task.reminder_at(offset, day_start)) == Some(from));
        if is_snoozed && stored.reminder.is_waiting() { None } else { step(stored, at(wanted), task.due_date.is_some()) }
    };
    let missing = at(task.reminder_offset).filter(|(at, offset)| !reminders.iter().any(|stored| stored.stands_for(*at, *offset)));
    reminders.iter().filter_map(follow).chain(missing.map(|(at, offset)| Step::Create { at, offset })).collect()
}

/// Returns the step for one reminder of a pending task. `wanted` is the time at which it should fire, or `None` for never. A reminder that
/// is cancelled because its task lost the due date does not come back with the task.
fn step(stored: &StoredReminder, wanted: Option<(Timestamp, ReminderOffset)>, has_due: bool) -> Option<Step> {
    let reminder = &stored.reminder;
    match wanted {
        Some((at, offset)) => {
            let is_elsewhere = (at, offset) != (stored.slot(), reminder.reminder_offset);
            let moves = stored.cancelled_with_task || (reminder.is_waiting() && is_elsewhere);
            moves.then(|| Step::Reschedule { reminder: reminder.clone(), at, offset })
        }
        None => reminder.is_waiting().then(|| Step::Cancel { reminder: reminder.clone(), with_task: has_due && !stored.of_task }),
    }
}

impl StoredReminder {
    /// Returns the offset of a reminder that a caller added and did not cancel; the next occurrence inherits it, and calendar clients see it.
    #[must_use]
    pub fn goes_along(&self) -> Option<ReminderOffset> {
        let is_cancelled = self.reminder.status == ReminderStatus::Cancelled && !self.cancelled_with_task;
        (!self.of_task && !is_cancelled).then_some(self.reminder.reminder_offset)
    }

    /// True if the task needs no other reminder for this moment: this one is pending, will be restored, or was settled for the same time.
    fn stands_for(&self, at: Timestamp, offset: ReminderOffset) -> bool {
        let reminder = &self.reminder;
        let is_same = self.slot() == at && reminder.reminder_offset == offset;
        self.of_task && (reminder.is_waiting() || self.cancelled_with_task || is_same)
    }

    /// Returns the time at which it fires without a snooze.
    fn slot(&self) -> Timestamp {
        self.snoozed_from.unwrap_or(self.reminder.scheduled_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(channel: ReminderType, status: ReminderStatus, attempts: i32) -> Delivery {
        let sent_at = (status == ReminderStatus::Sent).then(|| Timestamp::from_microsecond(i64::from(attempts)).unwrap());
        let error = (status == ReminderStatus::Failed).then(|| "410 Gone".to_owned());
        Delivery { channel, status, attempts, sent_at, error }
    }

    #[test]
    fn a_channel_is_sent_once_one_receiver_has_it() {
        use ReminderStatus::{Cancelled, Failed, Pending, Sent};
        for (statuses, status, error) in [
            (vec![Failed, Sent], Sent, None),
            (vec![Failed, Pending], Pending, Some("410 Gone")),
            (vec![Failed, Failed], Failed, Some("410 Gone")),
            (vec![Cancelled, Failed], Failed, Some("410 Gone")),
            (vec![Cancelled, Cancelled], Cancelled, None),
            (vec![], Pending, None),
        ] {
            let sends: Vec<_> = statuses.iter().zip(1..).map(|(status, attempts)| send(ReminderType::Push, *status, attempts)).collect();
            let deliveries = Delivery::of(&[ReminderType::Push], &sends);
            assert_eq!(deliveries.len(), 1);
            assert_eq!((deliveries[0].status, deliveries[0].error.as_deref()), (status, error), "{statuses:?}");
            assert_eq!(deliveries[0].attempts, sends.iter().map(|send| send.attempts).max().unwrap_or_default());
        }
    }

    #[test]
    fn a_reminders_outcome_follows_the_channels_other_than_the_page() {
        use ReminderStatus::{Cancelled, Failed, Pending, Sent};
        use ReminderType::{Email, Push, Websocket};
        for (deliveries, status) in [
            (vec![(Websocket, Sent)], Sent),
            (vec![(Websocket, Sent), (Push, Pending)], Pending),
            (vec![(Websocket, Sent), (Push, Failed)], Failed),
            (vec![(Push, Failed), (Email, Sent)], Sent),
            (vec![(Push, Failed), (Email, Pending)], Pending),
            (vec![(Push, Cancelled), (Email, Cancelled)], Cancelled),
            (vec![], Failed),
        ] {
            let all: Vec<_> = deliveries.iter().map(|(channel, status)| send(*channel, *status, 1)).collect();
            assert_eq!(status_of(&all), status, "{deliveries:?}");
        }
    }
}
