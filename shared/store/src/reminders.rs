//! Reminders. The rows are authoritative; the jobs follow them.

use std::collections::HashMap;

use domain::event::{EventType, Topic};
use domain::preferences::DayStart;
use domain::query::ListReminders;
use domain::reminder::{Delivery, Reminder, ReminderStatus, ReminderType, Step, StoredReminder, steps};
use domain::{ReminderOffset, Resource, Task, Timestamp, USER_ID};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{QueryBuilder, Row};

use crate::error::{Error, found};
use crate::sql::{Columns, Named, Time};
use crate::tasks::{SELECT_TASKS, task_of};
use crate::{Store, Unit};

/// Maximum number of reminders that [`Store::reminders`] returns.
pub const REMINDERS_MAX: i64 = 1_000;

/// The columns of a [`StoredReminder`]. The last one contains the sends of its firing.
macro_rules! columns {
    () => {
        concat!(
            "id, task_id, user_id, scheduled_at, triggered_at, reminder_offset, channel, status, retry_count, dapr_job_id, created_at, sent_at, \
             of_task, cancelled_with_task, snoozed_from, channels, ",
            "(SELECT json_agg(json_build_object('type', s.channel, 'status', s.status, 'attempts', s.attempts, 'sent_at', s.sent_at, \
             'error', s.error) ORDER BY s.id) FROM sends s WHERE s.reminder_id = reminders.id AND s.fired_at = reminders.triggered_at)::text"
        )
    };
}

pub(crate) const COLUMNS: &str = columns!();

macro_rules! changed {
    ($set:literal) => {
        concat!("UPDATE reminders SET ", $set, " WHERE id = $1 RETURNING ", columns!())
    };
}

const SELECT: &str = concat!("SELECT ", columns!(), " FROM reminders WHERE id = $1");
const SELECT_FOR_UPDATE: &str = concat!("SELECT ", columns!(), " FROM reminders WHERE id = $1 FOR UPDATE");
/// The task is not locked: others lock the task before its reminder, so the reverse order could deadlock.
const SELECT_DUE: &str = concat!(
    "SELECT ",
    columns!(),
    ", correlation_id, traceparent, (SELECT t.status = 'pending' FROM tasks t WHERE t.id = task_id) AS is_open ",
    "FROM reminders WHERE id = ANY($1) ORDER BY id FOR UPDATE"
);
const SELECT_OF_TASK: &str = concat!("SELECT ", columns!(), " FROM reminders WHERE task_id = $1 ORDER BY id FOR UPDATE");
/// Locks in the order of ids, like every statement that locks reminders, and takes no lock on a task afterwards, so there is no deadlock.
/// Not `SKIP LOCKED`: the holder of a row may leave it unchanged or be rolled back, and then its job would not be registered.
const LOCK_WAITING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM reminders WHERE status = 'pending' AND triggered_at IS NULL AND id > $1 ORDER BY id LIMIT $2 FOR UPDATE"
);
/// `SKIP LOCKED`, because a session that holds a fired reminder is settling it. Rows in the outbox are not lost, and a channel with a send
/// has received the firing.
const LOCK_UNSETTLED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM reminders WHERE status = 'pending' AND triggered_at < $1 AND id > $2 \
     AND NOT EXISTS (SELECT FROM outbox o WHERE o.key = reminders.task_id) \
     AND NOT coalesce(channels, '{websocket}') <@ ARRAY (SELECT s.channel FROM sends s WHERE s.reminder_id = reminders.id AND s.fired_at = triggered_at) \
     ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED"
);
/// Each half walks its own index, as far as the page needs.
const REMINDED: &str = "(SELECT id FROM tasks WHERE status = 'pending' AND reminder_offset IS NOT NULL AND id > $1 ORDER BY id LIMIT $2) \
     UNION (SELECT DISTINCT task_id FROM reminders WHERE ((status = 'pending' AND triggered_at IS NULL) OR (cancelled_with_task AND NOT of_task)) \
     AND task_id > $1 ORDER BY task_id LIMIT $2) ORDER BY 1 LIMIT $2";
/// Not locked, because adding or cancelling a reminder locks the task, which the unit holds.
const SELECT_BY_HAND: &str = concat!("SELECT ", columns!(), " FROM reminders WHERE task_id = $1 AND NOT of_task ORDER BY id");
/// All-day tasks whose reminders follow the start of the day.
const FOLLOWING_DAY: &str = "SELECT id FROM tasks t WHERE status = 'pending' AND due_day IS NOT NULL AND id > $1 AND (reminder_offset IS NOT NULL \
     OR EXISTS (SELECT FROM reminders r WHERE r.task_id = t.id AND r.status = 'pending' AND r.triggered_at IS NULL)) ORDER BY id LIMIT $2";
pub(crate) const SELECT_OF_TASKS: &str = concat!("SELECT ", columns!(), " FROM reminders WHERE task_id = ANY($1) ORDER BY task_id, id");
pub(crate) const SELECT_WITHOUT_TASK: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM reminders WHERE id > $1 AND NOT EXISTS (SELECT FROM tasks t WHERE t.id = task_id) \
     AND NOT EXISTS (SELECT FROM trashed_tasks t WHERE t.id = task_id) ORDER BY id LIMIT $2"
);
const HAS_WAITING: &str = "SELECT EXISTS (SELECT FROM reminders WHERE task_id = $1 AND status = 'pending' AND triggered_at IS NULL)";
const INSERT: &str = concat!(
    "INSERT INTO reminders (task_id, user_id, scheduled_at, reminder_offset, channel, status, retry_count, created_at, of_task, ",
    "cancelled_with_task, correlation_id, traceparent) VALUES ($1, $2, $3, $4, $5, CASE WHEN $10 THEN 'cancelled' ELSE 'pending' END, 0, $6, $7, \
     $10, $8, $9) RETURNING ",
    columns!()
);
const RESCHEDULE: &str = changed!(
    "scheduled_at = $2, reminder_offset = $3, status = 'pending', triggered_at = NULL, sent_at = NULL, retry_count = 0, \
     cancelled_with_task = false, correlation_id = $4, traceparent = $5, snoozed_from = $6"
);
const CANCEL: &str = changed!("status = 'cancelled', cancelled_with_task = $2, sent_at = NULL");
/// Selects the channels that a reminder uses from the configured ones (`$2`). Web Push counts while a browser is subscribed.
macro_rules! channels {
    () => {
        "CASE WHEN channel IS NULL THEN open.channels WHEN channel = ANY(open.channels) THEN ARRAY[channel] ELSE '{}' END"
    };
}
macro_rules! open {
    () => {
        "(SELECT CASE WHEN EXISTS (SELECT FROM push_subscriptions) THEN $2::text[] ELSE array_remove($2::text[], 'push') END) AS open (channels)"
    };
}
const TRIGGER: &str =
    concat!("UPDATE reminders SET triggered_at = $3, channels = ", channels!(), " FROM ", open!(), " WHERE id = ANY($1) RETURNING id");
const CHANNELS: &str = concat!(
    "SELECT DISTINCT channel FROM (SELECT unnest(",
    channels!(),
    ") FROM reminders, ",
    open!(),
    " WHERE id = ANY($1)) AS used (channel)"
);
const SELECT_ALL: &str = concat!("SELECT ", columns!(), " FROM reminders WHERE id = ANY($1) ORDER BY id");
const FINISH: &str = changed!("status = $2, sent_at = $3");
const COUNT_RETRY: &str = "UPDATE reminders SET retry_count = retry_count + 1 WHERE id = $1 RETURNING retry_count";

/// A reminder to create.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewReminder {
    /// The task.
    pub task_id: i64,
    /// When it fires.
    pub scheduled_at: Timestamp,
    /// The time from then to the due date.
    pub offset: ReminderOffset,
    /// The only channel that it goes to. `None`: every configured channel.
    pub channel: Option<ReminderType>,
    /// True if it comes from the task's own `reminder_offset`; false if a call added it.
    pub of_task: bool,
}

/// The change that caused something later. The later events belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Connects everything that one call caused.
    pub correlation_id: String,
    /// The W3C trace context of the change.
    pub traceparent: String,
}

/// A reminder whose job was called.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The reminder.
    pub reminder: Reminder,
    /// The change that scheduled it, if known.
    pub cause: Option<Cause>,
    /// True if its task is completed or deleted.
    pub is_over: bool,
}

impl Store {
    /// Returns the newest matching reminders, newest first, at most [`REMINDERS_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reminders(&self, query: &ListReminders) -> Result<Vec<Reminder>, Error> {
        let (task_id, status) = (query.task_id, query.status);
        let rows = self
            .run_unbroken(|connection| {
                let mut sql = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM reminders WHERE true"));
                if let Some(task_id) = task_id {
                    sql.push(" AND task_id = ").push_bind(task_id);
                }
                if let Some(status) = status {
                    sql.push(" AND status = ").push_bind(status.name());
                }
                sql.push(" ORDER BY id DESC LIMIT ").push_bind(REMINDERS_MAX);
                Box::pin(async move { sql.build().fetch_all(connection).await })
            })
            .await?;
        reminders_of(&rows)
    }

    /// Returns a reminder.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn reminder(&self, id: i64) -> Result<Reminder, Error> {
        let row = self.run_unbroken(|connection| Box::pin(sqlx::query(SELECT).bind(id).fetch_one(connection))).await?;
        Ok(reminder_of(&row)?.reminder)
    }

    /// True if the task has a reminder that has not fired yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn has_waiting_reminder(&self, task_id: i64) -> Result<bool, Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(HAS_WAITING).bind(task_id).fetch_one(connection))).await
    }

    /// Returns ids after `after`, in order, of tasks whose reminders may be inconsistent with them: pending tasks with a `reminder_offset`, and every
    /// task with a reminder that waits, waited, or could come back.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reminded_tasks(&self, after: i64, limit: i64) -> Result<Vec<i64>, Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(REMINDED).bind(after).bind(limit).fetch_all(connection))).await
    }

    /// Returns ids after `after`, in order, of pending all-day tasks that have reminders.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tasks_reminded_by_day(&self, after: i64, limit: i64) -> Result<Vec<i64>, Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(FOLLOWING_DAY).bind(after).bind(limit).fetch_all(connection))).await
    }

    /// Returns these tasks, each with its id and all its reminders. The task is `None` if it is deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn with_reminders(&self, ids: &[i64]) -> Result<Vec<(i64, Option<Task>, Vec<StoredReminder>)>, Error> {
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(SELECT_TASKS).bind(ids).fetch_all(connection))).await?;
        let tasks = rows.iter().map(|row| task_of(row, 0).map(|task| (task.id, task)));
        let mut tasks: HashMap<i64, Task> = tasks.collect::<Result<_, _>>()?;
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(SELECT_OF_TASKS).bind(ids).fetch_all(connection))).await?;
        let mut reminders: HashMap<i64, Vec<StoredReminder>> = HashMap::new();
        for row in &rows {
            let stored = reminder_of(row)?;
            reminders.entry(stored.reminder.task_id).or_default().push(stored);
        }
        Ok(ids.iter().map(|id| (*id, tasks.remove(id), reminders.remove(id).unwrap_or_default())).collect())
    }
}

impl Unit {
    /// Returns a reminder, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn reminder(&mut self, id: i64) -> Result<Reminder, Error> {
        Ok(self.stored_reminder(id).await?.reminder)
    }

    /// Returns a reminder without locking it, for a unit that will lock its task first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn reminder_unlocked(&mut self, id: i64) -> Result<Reminder, Error> {
        let row = sqlx::query(SELECT).bind(id).fetch_one(&mut *self.transaction).await?;
        Ok(reminder_of(&row)?.reminder)
    }

    /// Returns a reminder with its internal fields, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn stored_reminder(&mut self, id: i64) -> Result<StoredReminder, Error> {
        let row = sqlx::query(SELECT_FOR_UPDATE).bind(id).fetch_one(&mut *self.transaction).await?;
        Ok(reminder_of(&row)?)
    }

    /// Returns those of these reminders that exist, ordered by id, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn due_reminders(&mut self, ids: &[i64]) -> Result<Vec<Due>, Error> {
        let rows = sqlx::query(SELECT_DUE).bind(ids).fetch_all(&mut *self.transaction).await?;
        let due = |row: &PgRow| {
            let (correlation_id, traceparent): (Option<String>, Option<String>) =
                (row.try_get("correlation_id")?, row.try_get("traceparent")?);
            let cause = correlation_id.zip(traceparent).map(|(correlation_id, traceparent)| Cause { correlation_id, traceparent });
            Ok(Due { reminder: reminder_of(row)?.reminder, cause, is_over: row.try_get::<Option<bool>, _>("is_open")? != Some(true) })
        };
        rows.iter().map(due).collect()
    }

    /// Returns all reminders of a task, of any status, ordered by id, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reminders_of(&mut self, task_id: i64) -> Result<Vec<StoredReminder>, Error> {
        let rows = sqlx::query(SELECT_OF_TASK).bind(task_id).fetch_all(&mut *self.transaction).await?;
        Ok(rows.iter().map(reminder_of).collect::<Result<_, _>>()?)
    }

    /// Returns reminders that have not fired yet, with ids after `after`, in order, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn waiting_reminders(&mut self, after: i64, limit: i64) -> Result<Vec<Reminder>, Error> {
        reminders_of(&sqlx::query(LOCK_WAITING).bind(after).bind(limit).fetch_all(&mut *self.transaction).await?)
    }

    /// Returns reminders that fired before `before`, are neither sent nor given up, and have nothing of their task in the outbox; with ids after
    /// `after`, in order, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unsettled_reminders(&mut self, before: Timestamp, after: i64, limit: i64) -> Result<Vec<Reminder>, Error> {
        let query = sqlx::query(LOCK_UNSETTLED).bind(Time(before)).bind(after).bind(limit);
        reminders_of(&query.fetch_all(&mut *self.transaction).await?)
    }

    /// Creates a reminder, announces it, and registers its job.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_reminder(&mut self, new: NewReminder) -> Result<Reminder, Error> {
        let reminder = self.insert_reminder(new, false).await?;
        self.scheduled(reminder)
    }

    /// Creates a reminder, or a dormant one if its task is not pending and ahead: it is scheduled once the task is reopened or moved ahead.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn add_reminder(&mut self, new: NewReminder, is_ahead: bool) -> Result<(), Error> {
        let reminder = self.insert_reminder(new, !is_ahead).await?;
        if is_ahead { self.scheduled(reminder).map(drop) } else { Ok(()) }
    }

    async fn insert_reminder(&mut self, new: NewReminder, is_dormant: bool) -> Result<Reminder, Error> {
        let query = sqlx::query(INSERT)
            .bind(new.task_id)
            .bind(USER_ID)
            .bind(Time(new.scheduled_at))
            .bind(new.offset.to_string())
            .bind(new.channel.map(ReminderType::as_str))
            .bind(Time(self.now()))
            .bind(new.of_task)
            .bind(&self.work.origin.correlation_id)
            .bind(&self.work.origin.traceparent)
            .bind(is_dormant);
        let reminder = reminder_of(&query.fetch_one(&mut *self.transaction).await?)?.reminder;
        if !new.of_task {
            self.touch_resource(new.task_id).await?;
        }
        Ok(reminder)
    }

    /// Moves a reminder to another time, as if it had never fired. Announces it, and registers its job again.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn reschedule_reminder(
        &mut self,
        reminder: &Reminder,
        scheduled_at: Timestamp,
        offset: ReminderOffset,
    ) -> Result<Reminder, Error> {
        let origin = &self.work.origin;
        let query = sqlx::query(RESCHEDULE).bind(reminder.id).bind(Time(scheduled_at)).bind(offset.to_string());
        let query = query.bind(&origin.correlation_id).bind(&origin.traceparent).bind(None::<Time>);
        let reminder = reminder_of(&query.fetch_one(&mut *self.transaction).await?)?.reminder;
        self.scheduled(reminder)
    }

    /// Makes a reminder fire again at another time. The new time holds until a change of the task moves the reminder.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn snooze_reminder(&mut self, stored: &StoredReminder, at: Timestamp) -> Result<Reminder, Error> {
        let (reminder, origin) = (&stored.reminder, &self.work.origin);
        let from = stored.snoozed_from.unwrap_or(reminder.scheduled_at);
        let query = sqlx::query(RESCHEDULE).bind(reminder.id).bind(Time(at)).bind(reminder.reminder_offset.to_string());
        let query = query.bind(&origin.correlation_id).bind(&origin.traceparent).bind(Time(from));
        let reminder = reminder_of(&query.fetch_one(&mut *self.transaction).await?)?.reminder;
        self.scheduled(reminder)
    }

    /// Cancels a reminder and its job, and announces it. `with_task`: it returns with its task. Otherwise the unit holds the task, because clients of
    /// its calendar read it again.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn cancel_reminder(&mut self, reminder: &Reminder, with_task: bool) -> Result<Reminder, Error> {
        let row = sqlx::query(CANCEL).bind(reminder.id).bind(with_task).fetch_one(&mut *self.transaction).await?;
        let reminder = reminder_of(&row)?.reminder;
        if !with_task {
            self.touch_resource(reminder.task_id).await?;
        }
        self.announce_reminder(EventType::ReminderCancelled, &reminder)?;
        self.cancel_job(&reminder.dapr_job_id, reminder.task_id);
        Ok(reminder)
    }

    /// Records that these reminders fired, and to which of the configured channels each goes. Does not announce them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn trigger_reminders(&mut self, ids: &[i64], configured: &[ReminderType]) -> Result<Vec<Reminder>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query(TRIGGER).bind(ids).bind(as_text(configured)).bind(Time(self.now())).execute(&mut *self.transaction).await?;
        reminders_of(&sqlx::query(SELECT_ALL).bind(ids).fetch_all(&mut *self.transaction).await?)
    }

    /// Returns the channels that these reminders would use if they fired now, of those that are configured.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn channels(&mut self, ids: &[i64], configured: &[ReminderType]) -> Result<Vec<ReminderType>, Error> {
        let used: Vec<String> = sqlx::query_scalar(CHANNELS).bind(ids).bind(as_text(configured)).fetch_all(&mut *self.transaction).await?;
        Ok(configured.iter().filter(|channel| used.iter().any(|used| used == channel.as_str())).copied().collect())
    }

    /// Announces to consumers (`reminders`) and pages (`task-updates`) that a reminder fired.
    ///
    /// # Errors
    /// [`Error::Value`].
    pub fn announce_firing(&mut self, reminder: &Reminder) -> Result<(), Error> {
        self.announce_reminder(EventType::ReminderTriggered, reminder)?;
        let Value::Object(fields) = serde_json::to_value(reminder).map_err(Error::value)? else { return Ok(()) };
        self.announce_update(EventType::ReminderTriggered, &reminder.subject(), reminder.task_id, fields)
    }

    /// Records the outcome of a reminder, and announces it: sent, failed or cancelled. Pending is not announced.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn finish_reminder(&mut self, reminder: &Reminder, status: ReminderStatus) -> Result<Reminder, Error> {
        let reminder = self.set_status(reminder.id, status).await?;
        match status {
            ReminderStatus::Sent => self.announce_reminder(EventType::ReminderSent, &reminder)?,
            ReminderStatus::Failed => self.announce_reminder(EventType::ReminderFailed, &reminder)?,
            ReminderStatus::Cancelled => self.announce_reminder(EventType::ReminderCancelled, &reminder)?,
            ReminderStatus::Pending => {}
        }
        Ok(reminder)
    }

    /// Records the outcome of a reminder. Does not announce it.
    pub(crate) async fn set_status(&mut self, id: i64, status: ReminderStatus) -> Result<Reminder, Error> {
        let sent_at = (status == ReminderStatus::Sent).then(|| Time(self.now()));
        let row = sqlx::query(FINISH).bind(id).bind(status.name()).bind(sent_at).fetch_one(&mut *self.transaction).await?;
        Ok(reminder_of(&row)?.reminder)
    }

    /// Counts a failed attempt. Returns the number of failed attempts.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn count_retry(&mut self, id: i64) -> Result<i32, Error> {
        Ok(sqlx::query_scalar(COUNT_RETRY).bind(id).fetch_one(&mut *self.transaction).await?)
    }

    /// Adjusts the reminders of a task to its current state. Locks the task, then the reminders. Returns the number of changed reminders.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn align_reminders(&mut self, task_id: i64) -> Result<usize, Error> {
        let task = found(self.task(task_id).await)?;
        let day_start = self.day_start_of(task.as_ref()).await?;
        let steps = steps(task.as_ref(), &self.reminders_of(task_id).await?, day_start);
        for step in &steps {
            match step {
                Step::Create { at, offset } => {
                    self.create_reminder(NewReminder { task_id, scheduled_at: *at, offset: *offset, channel: None, of_task: true }).await?
                }
                Step::Reschedule { reminder, at, offset } => self.reschedule_reminder(reminder, *at, *offset).await?,
                Step::Cancel { reminder, with_task } => self.cancel_reminder(reminder, *with_task).await?,
            };
        }
        Ok(steps.len())
    }

    /// Returns the start of the day for an all-day task. Other tasks do not need it, so it is not read for them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn day_start_of(&mut self, task: Option<&Task>) -> Result<DayStart, Error> {
        let is_all_day = task.is_some_and(|task| task.all_day);
        Ok(if is_all_day { self.own_preferences().await?.day_start.unwrap_or_default() } else { DayStart::default() })
    }

    /// Copies to `next` those manually added reminders of `from` that `next` does not have yet. `next` is the next occurrence, or the same task after
    /// it was moved on. If it is in the past, they are dormant.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn carry_reminders(&mut self, from: i64, next: &Task) -> Result<(), Error> {
        let rows = sqlx::query(SELECT_BY_HAND).bind(from).fetch_all(&mut *self.transaction).await?;
        let reminders = rows.iter().map(reminder_of).collect::<Result<Vec<_>, _>>()?;
        if reminders.is_empty() {
            return Ok(());
        }
        let (is_ahead, day_start) = (next.is_due_after(self.now()), self.day_start_of(Some(next)).await?);
        let mut there: Vec<ReminderOffset> = if from == next.id {
            let waiting = reminders.iter().filter(|stored| stored.reminder.is_waiting() || stored.cancelled_with_task);
            waiting.map(|stored| stored.reminder.reminder_offset).collect()
        } else {
            Vec::new()
        };
        for stored in &reminders {
            let Some(offset) = stored.goes_along().filter(|offset| !there.contains(offset)) else { continue };
            there.push(offset);
            if let Some(scheduled_at) = next.reminder_at(offset, day_start) {
                let channel = stored.reminder.reminder_type;
                self.add_reminder(NewReminder { task_id: next.id, scheduled_at, offset, channel, of_task: false }, is_ahead).await?;
            }
        }
        Ok(())
    }

    fn scheduled(&mut self, reminder: Reminder) -> Result<Reminder, Error> {
        self.announce_reminder(EventType::ReminderScheduled, &reminder)?;
        self.schedule_job(&reminder.dapr_job_id, reminder.task_id, reminder.scheduled_at);
        Ok(reminder)
    }

    /// Announces to the consumers once more that a reminder fired.
    ///
    /// # Errors
    /// [`Error::Value`].
    pub fn announce_trigger(&mut self, reminder: &Reminder) -> Result<(), Error> {
        self.announce_reminder(EventType::ReminderTriggered, reminder)
    }

    fn announce_reminder(&mut self, event_type: EventType, reminder: &Reminder) -> Result<(), Error> {
        self.tell(Topic::Reminders, event_type, reminder)
    }
}

fn reminders_of(rows: &[PgRow]) -> Result<Vec<Reminder>, Error> {
    rows.iter().map(|row| Ok(reminder_of(row)?.reminder)).collect()
}

pub(crate) fn reminder_of(row: &PgRow) -> Result<StoredReminder, sqlx::Error> {
    let mut columns = Columns::from(row, 0);
    let reminder = Reminder {
        id: columns.get()?,
        task_id: columns.get()?,
        user_id: columns.get()?,
        scheduled_at: columns.get()?,
        triggered_at: columns.get()?,
        reminder_offset: columns.get()?,
        reminder_type: columns.get()?,
        status: columns.get()?,
        retry_count: columns.get()?,
        dapr_job_id: columns.get()?,
        created_at: columns.get()?,
        sent_at: columns.get()?,
        deliveries: Vec::new(),
    };
    let (of_task, cancelled_with_task, snoozed_from) = (columns.get()?, columns.get()?, columns.get()?);
    let channels: Vec<String> = columns.get::<Option<Vec<String>>>()?.filter(|_| reminder.triggered_at.is_some()).unwrap_or_default();
    let channels = channels.iter().map(|name| serde_plain::from_str(name)).collect::<Result<Vec<ReminderType>, _>>().map_err(decode)?;
    let sends: Vec<Delivery> =
        columns.get::<Option<String>>()?.map_or(Ok(Vec::new()), |text| serde_json::from_str(&text)).map_err(decode)?;
    let reminder = Reminder { deliveries: Delivery::of(&channels, &sends), ..reminder };
    Ok(StoredReminder { reminder, of_task, cancelled_with_task, snoozed_from })
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

fn as_text(channels: &[ReminderType]) -> Vec<&'static str> {
    channels.iter().map(|channel| channel.as_str()).collect()
}
