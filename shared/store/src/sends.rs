//! Sends: what a channel sends to one receiver. The rows are authoritative; the jobs `<function>-<id>` follow them.
//!
//! An attempt holds no connection while it waits for its receiver: it claims the row, and settles it in a separate transaction.

use std::time::Duration;

use domain::event::{EventType, Topic};
use domain::reminder::{Delivery, ReminderStatus, ReminderType, status_of};
use domain::routes::{self, Job};
use domain::{Reminder, Resource, Timestamp};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::error::{Error, found};
use crate::reminders::Cause;
use crate::sql::{Columns, Named, Time};
use crate::{Store, Unit};

/// Characters of an error that are stored.
const ERROR_MAX: usize = 300;

macro_rules! columns {
    () => {
        "id, channel, key, reminder_id, fired_at, subscription_id, event::text, attempts, expires_at, correlation_id, traceparent"
    };
}

/// Each receiver gets a firing once.
const INSERT: &str = "INSERT INTO sends (channel, key, reminder_id, fired_at, subscription_id, event, status, error, next_at, expires_at, created_at, \
     sent_at, attempts, correlation_id, traceparent) \
     SELECT $1, $2, $3, $4, r.subscription, $6::json, $7, $8, $9, $10, $9, CASE WHEN $7 = 'sent' THEN $9 END, CASE WHEN $7 = 'sent' THEN 1 ELSE 0 END, \
     $11, $12 \
     FROM unnest($5::bigint[]) AS r (subscription) \
     ON CONFLICT (reminder_id, fired_at, channel, subscription_id) WHERE reminder_id IS NOT NULL DO NOTHING RETURNING id";
/// Skips a row that another attempt holds. A killed attempt holds it until `busy_until`.
const CLAIM: &str = concat!(
    "UPDATE sends SET attempts = attempts + 1, busy_until = $4 WHERE id = $1 AND channel = $2 AND status = 'pending' AND next_at <= $3 \
     AND (busy_until IS NULL OR busy_until <= $3) RETURNING ",
    columns!()
);
const LOOK: &str = "SELECT status, key, next_at, busy_until > $3 AS is_busy FROM sends WHERE id = $1 AND channel = $2";
const SETTLE: &str = "UPDATE sends SET status = $2, error = $3, next_at = coalesce($4, next_at), sent_at = $5, busy_until = NULL \
     WHERE id = $1 AND status = 'pending'";
const PENDING: &str = "SELECT id, channel, key, next_at FROM sends WHERE status = 'pending' AND id > $1 ORDER BY id LIMIT $2 FOR UPDATE";

/// A send to create.
#[derive(Clone, Debug)]
pub struct NewSend<'a> {
    /// The channel.
    pub channel: ReminderType,
    /// The task.
    pub key: i64,
    /// The reminder that fired, if there is one.
    pub reminder: Option<&'a Reminder>,
    /// The browsers of a push. Each gets a send.
    pub subscriptions: Option<Vec<i64>>,
    /// The payload of a webhook: an event in the structured JSON form of `CloudEvents`.
    pub event: Option<&'a str>,
    /// When it is given up.
    pub expires_at: Timestamp,
}

/// A send with an attempt in progress.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// Names its job.
    pub id: i64,
    /// The channel.
    pub channel: ReminderType,
    /// The task.
    pub key: i64,
    /// The reminder, and when it fired.
    pub firing: Option<(i64, Timestamp)>,
    /// The browser of a push.
    pub subscription_id: Option<i64>,
    /// The payload of a webhook.
    pub event: Option<String>,
    /// Number of attempts, including this one.
    pub attempts: u32,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// The event that caused it.
    pub cause: Option<Cause>,
}

/// The result of [`Store::claim_send`].
#[derive(Clone, Debug, PartialEq)]
pub enum Claimed {
    /// The caller must make the attempt.
    Yours(Box<Sending>),
    /// Another attempt is in progress, or was killed recently.
    Busy,
    /// It is due later.
    Later {
        /// The task.
        key: i64,
        /// The time.
        at: Timestamp,
    },
    /// It is settled.
    Over,
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The receiver has it.
    Sent,
    /// Another attempt follows.
    Again {
        /// The time.
        at: Timestamp,
        /// The error.
        error: String,
    },
    /// No attempt follows.
    Failed(String),
    /// There is nothing to send any more.
    Cancelled,
}

/// Returns the name of the job of a send; `None` for a channel that sends without a job.
#[must_use]
pub fn send_job(channel: ReminderType, id: i64) -> Option<String> {
    let route = routes::of_channel(channel);
    (route.job == Some(Job::Sending)).then(|| format!("{}-{id}", route.name))
}

impl Store {
    /// Claims a send for an attempt of at most `lease`, and counts the attempt.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn claim_send(&self, id: i64, channel: ReminderType, now: Timestamp, lease: Duration) -> Result<Claimed, Error> {
        let mut connection = self.pool().acquire().await?;
        let claim = sqlx::query(CLAIM).bind(id).bind(channel.as_str()).bind(Time(now)).bind(Time(now.after(lease)));
        if let Some(row) = claim.fetch_optional(&mut *connection).await? {
            return Ok(Claimed::Yours(Box::new(sending_of(&row)?)));
        }
        let look = sqlx::query(LOOK).bind(id).bind(channel.as_str()).bind(Time(now));
        let Some(row) = look.fetch_optional(&mut *connection).await? else { return Ok(Claimed::Over) };
        let at: Time = row.try_get("next_at")?;
        Ok(match row.try_get::<String, _>("status")?.as_str() {
            "pending" if row.try_get::<Option<bool>, _>("is_busy")? == Some(true) => Claimed::Busy,
            "pending" => Claimed::Later { key: row.try_get("key")?, at: at.0 },
            _ => Claimed::Over,
        })
    }
}

impl Unit {
    /// Creates sends, and schedules their jobs immediately. Creates none if the firing has them already. Returns the number of new sends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_sends(&mut self, new: &NewSend<'_>) -> Result<usize, Error> {
        let ids = self.insert_sends(new, &Settled::Again { at: self.now(), error: String::new() }).await?;
        for id in &ids {
            if let Some(job) = send_job(new.channel, *id) {
                self.schedule_job(&job, new.key, self.now());
            }
        }
        Ok(ids.len())
    }

    /// Records the outcome of a channel that needs no attempt: the page shows the reminder, or there is no browser for a push. Returns false if it is
    /// recorded already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn settle_channel(&mut self, before: &Reminder, channel: ReminderType, outcome: &Settled) -> Result<bool, Error> {
        let new =
            NewSend { channel, key: before.task_id, reminder: Some(before), subscriptions: None, event: None, expires_at: self.now() };
        let is_new = !self.insert_sends(&new, outcome).await?.is_empty();
        if is_new {
            self.follow(before, channel).await?;
        }
        Ok(is_new)
    }

    async fn insert_sends(&mut self, new: &NewSend<'_>, outcome: &Settled) -> Result<Vec<i64>, Error> {
        let receivers: Vec<Option<i64>> = new.subscriptions.as_ref().map_or(vec![None], |ids| ids.iter().copied().map(Some).collect());
        let (status, error) = match outcome {
            Settled::Sent => (ReminderStatus::Sent, None),
            Settled::Again { .. } => (ReminderStatus::Pending, None),
            Settled::Failed(error) => (ReminderStatus::Failed, Some(error)),
            Settled::Cancelled => (ReminderStatus::Cancelled, None),
        };
        let query = sqlx::query_scalar(INSERT)
            .bind(new.channel.as_str())
            .bind(new.key)
            .bind(new.reminder.map(|reminder| reminder.id))
            .bind(new.reminder.and_then(|reminder| reminder.triggered_at).map(Time))
            .bind(receivers)
            .bind(new.event)
            .bind(status.name())
            .bind(error)
            .bind(Time(self.now()))
            .bind(Time(new.expires_at))
            .bind(&self.work.origin.correlation_id)
            .bind(&self.work.origin.traceparent);
        Ok(query.fetch_all(&mut *self.transaction).await?)
    }

    /// Records the outcome of an attempt, and updates the reminder. Locks the reminder, then the send.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn settle_send(&mut self, send: &Sending, outcome: &Settled) -> Result<(), Error> {
        let before = match send.firing {
            Some((id, _)) => found(self.reminder(id).await)?,
            None => None,
        };
        // If the reminder was snoozed or moved, this firing is over.
        let before = before.filter(|reminder| reminder.triggered_at == send.firing.map(|(_, at)| at));
        let (status, error, next_at) = match outcome {
            Settled::Sent => (ReminderStatus::Sent, None, None),
            Settled::Again { at, error } => (ReminderStatus::Pending, Some(error), Some(*at)),
            Settled::Failed(error) => (ReminderStatus::Failed, Some(error), None),
            Settled::Cancelled => (ReminderStatus::Cancelled, None, None),
        };
        let error: Option<String> = error.map(|error| error.chars().filter(|letter| !letter.is_control()).take(ERROR_MAX).collect());
        let sent_at = (status == ReminderStatus::Sent).then(|| Time(self.now()));
        let query = sqlx::query(SETTLE).bind(send.id).bind(status.name()).bind(error).bind(next_at.map(Time)).bind(sent_at);
        if query.execute(&mut *self.transaction).await?.rows_affected() == 0 {
            return Ok(());
        }
        if let (Some(at), Some(job)) = (next_at, send_job(send.channel, send.id)) {
            self.schedule_job(&job, send.key, at);
        }
        if let Some(before) = before {
            if matches!(outcome, Settled::Again { .. } | Settled::Failed(_)) {
                self.count_retry(before.id).await?;
            }
            self.follow(&before, send.channel).await?;
        }
        Ok(())
    }

    /// Updates the reminder from its deliveries, and announces the outcome of a channel if it is new.
    async fn follow(&mut self, before: &Reminder, channel: ReminderType) -> Result<(), Error> {
        let mut reminder = self.reminder(before.id).await?;
        let status = status_of(&reminder.deliveries);
        if reminder.status == ReminderStatus::Pending && status != ReminderStatus::Pending {
            reminder = self.set_status(reminder.id, status).await?;
        }
        let is_sole = reminder.deliveries.iter().all(|delivery| delivery.channel == ReminderType::Websocket);
        let status = |reminder: &Reminder| reminder.delivery(channel).map(|delivery: &Delivery| delivery.status);
        let event_type = match status(&reminder) {
            now if now == status(before) => None,
            // A stored notification may be unread, so it is announced as sent only if the page is the only channel.
            Some(ReminderStatus::Sent) if channel == ReminderType::Websocket && !is_sole => None,
            Some(ReminderStatus::Sent) => Some(EventType::ReminderSent),
            Some(ReminderStatus::Failed) => Some(EventType::ReminderFailed),
            Some(ReminderStatus::Cancelled) => Some(EventType::ReminderCancelled),
            _ => None,
        };
        let Some(event_type) = event_type else { return Ok(()) };
        let mut data = reminder.event(event_type, self.now(), &self.work.origin.correlation_id);
        data.reminder_type = Some(channel);
        self.emit(Topic::Reminders, event_type, &reminder.subject(), reminder.key(), &data)
    }

    /// Registers the jobs of pending sends with ids after `after`, in order. Replaces existing jobs. Returns the last id, and the number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn register_sends(&mut self, after: i64, limit: i64) -> Result<Option<(i64, usize)>, Error> {
        let rows = sqlx::query(PENDING).bind(after).bind(limit).fetch_all(&mut *self.transaction).await?;
        let mut last = None;
        for row in &rows {
            let mut columns = Columns::from(row, 0);
            let (id, channel, key): (i64, ReminderType, i64) = (columns.get()?, columns.get()?, columns.get()?);
            let at: Timestamp = columns.get()?;
            if let Some(job) = send_job(channel, id) {
                self.schedule_job(&job, key, at);
            }
            last = Some(id);
        }
        Ok(last.map(|last| (last, rows.len())))
    }
}

fn sending_of(row: &PgRow) -> Result<Sending, sqlx::Error> {
    let mut columns = Columns::from(row, 0);
    let (id, channel, key) = (columns.get()?, columns.get()?, columns.get()?);
    let (reminder_id, fired_at): (Option<i64>, Option<Timestamp>) = (columns.get()?, columns.get()?);
    let (subscription_id, event, attempts, expires_at) = (columns.get()?, columns.get()?, columns.get::<i32>()?, columns.get()?);
    let (correlation_id, traceparent): (String, Option<String>) = (columns.get()?, columns.get()?);
    let cause = traceparent.map(|traceparent| Cause { correlation_id, traceparent });
    let firing = reminder_id.zip(fired_at);
    Ok(Sending { id, channel, key, firing, subscription_id, event, attempts: attempts.unsigned_abs(), expires_at, cause })
}
