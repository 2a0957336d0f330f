//! The reminder: a moment before a task's due date, and what became of it.

use serde::{Deserialize, Serialize};

use crate::offset::ReminderOffset;
use crate::preferences::DayStart;
use crate::task::{Status, Task};
use crate::time::Timestamp;

/// A channel: how a reminder reaches its user.
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

    /// The name in JSON.
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

/// What became of a reminder on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Delivery {
    /// The channel.
    #[serde(rename = "type")]
    pub channel: ReminderType,
    /// `sent` once one receiver has it, `failed` once none can, `cancelled` if the task was over first.
    pub status: ReminderStatus,
    /// Attempts so far, of the receiver with the most.
    pub attempts: i32,
    /// When the first receiver had it.
    pub sent_at: Option<Timestamp>,
    /// What went wrong last, while it is not sent.
    pub error: Option<String>,
}

impl Delivery {
    /// Sums up the sends of one firing: a delivery for each channel that the firing goes to or that has sends.
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

/// Returns what the deliveries make of their reminder. A stored notification counts only if the page is the sole channel; without any channel
/// the reminder has failed.
#[must_use]
pub fn status_of(deliveries: &[Delivery]) -> ReminderStatus {
    let is_sole = deliveries.iter().all(|delivery| delivery.channel == ReminderType::Websocket);
    let counting = deliveries.iter().filter(|delivery| is_sole || delivery.channel != ReminderType::Websocket);
    sum(counting.map(|delivery| delivery.status))
}

/// Sent if one is, pending while one is, failed if one is or there is none, else cancelled.
fn sum(statuses: impl Iterator<Item = ReminderStatus>) -> ReminderStatus {
    let rank = |status: &ReminderStatus| match status {
        ReminderStatus::Sent => 0,
        ReminderStatus::Pending => 1,
        ReminderStatus::Failed => 2,
        ReminderStatus::Cancelled => 3,
    };
    statuses.min_by_key(rank).unwrap_or(ReminderStatus::Failed)
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
    /// The one channel that it goes to; `null`: every configured channel.
    pub reminder_type: Option<ReminderType>,
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
    /// What became of it on each channel since it fired.
    pub deliveries: Vec<Delivery>,
}

impl Reminder {
    /// Whether it is still to fire: neither fired nor settled otherwise.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.status == ReminderStatus::Pending && self.triggered_at.is_none()
    }

    /// What became of it on this channel, if it goes there.
    #[must_use]
    pub fn delivery(&self, channel: ReminderType) -> Option<&Delivery> {
        self.deliveries.iter().find(|delivery| delivery.channel == channel)
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
    /// If somebody snoozed it, when its task would have it fire.
    pub snoozed_from: Option<Timestamp>,
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
        let wanted = if stored.of_task { task.reminder_offset } else { Some(own) };
        // A snooze holds until the task would have it fire at another time, also while the task is overdue.
        let is_snoozed =
            stored.snoozed_from.is_some_and(|from| wanted.and_then(|offset| task.reminder_at(offset, day_start)) == Some(from));
        if is_snoozed && stored.reminder.is_waiting() { None } else { step(stored, at(wanted)) }
    };
    let missing = at(task.reminder_offset).filter(|(at, offset)| !reminders.iter().any(|stored| stored.stands_for(*at, *offset)));
    reminders.iter().filter_map(follow).chain(missing.map(|(at, offset)| Step::Create { at, offset })).collect()
}

/// The step of one reminder of a pending task, which is to fire at this moment, or not at all.
fn step(stored: &StoredReminder, wanted: Option<(Timestamp, ReminderOffset)>) -> Option<Step> {
    let reminder = &stored.reminder;
    match wanted {
        Some((at, offset)) => {
            let is_elsewhere = (at, offset) != (stored.slot(), reminder.reminder_offset);
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
        let is_same = self.slot() == at && reminder.reminder_offset == offset;
        self.of_task && (reminder.is_waiting() || self.cancelled_with_task || is_same)
    }

    /// When its task would have it fire.
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
    fn a_reminder_follows_the_channels_that_leave_the_page() {
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
