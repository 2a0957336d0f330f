//! Notifications: the reminders that pages show, in an order from which a client can resume.

use domain::Notification;
use domain::event::EventType;
use sqlx::postgres::PgRow;

use crate::error::Error;
use crate::once::{Lock, lock_number};
use crate::sql::{Columns, Record, Time, names, record};
use crate::{Store, Unit};

/// Maximum number of notifications that [`Store::notifications`] returns.
pub const NOTIFICATIONS_MAX: i64 = 1_000;

/// The fields of a notification. Each is a column of the same name.
macro_rules! fields {
    ($then:ident) => {
        $then! { Notification: id, event_type, task_id, reminder_id, title, body, created_at, read_at }
    };
}

macro_rules! columns {
    () => {
        fields!(names)
    };
}

fields!(record);

const AFTER: &str = concat!("SELECT ", columns!(), " FROM notifications WHERE id > $1 ORDER BY id LIMIT $2");
const NEWEST: &str = concat!("SELECT ", columns!(), " FROM notifications ORDER BY id DESC LIMIT $1");
const LAST: &str = "SELECT coalesce(max(id), 0) FROM notifications";
/// The id is drawn under a lock that is held until after the commit, so that ids become visible in order: a client that has seen an id has seen all
/// earlier ones. The lock comes first, because inserting the row draws the id.
const INSERT: &str = concat!(
    "WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock($1)) ",
    "INSERT INTO notifications (id, event_type, task_id, reminder_id, title, body, created_at) ",
    "SELECT nextval('notifications_id_seq'), $2, $3, $4, $5, $6, $7 FROM locked RETURNING ",
    columns!()
);
const READ: &str = "UPDATE notifications SET read_at = coalesce(read_at, $2) WHERE id = $1";

impl Store {
    /// Returns the notifications after `after`, oldest first; without `after`, the newest ones, also oldest first. At most `limit`, and never more
    /// than [`NOTIFICATIONS_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn notifications(&self, after: Option<i64>, limit: i64) -> Result<Vec<Notification>, Error> {
        let limit = limit.clamp(0, NOTIFICATIONS_MAX);
        let mut rows = self
            .run_unbroken(|connection| {
                let query = match after {
                    Some(after) => sqlx::query(AFTER).bind(after),
                    None => sqlx::query(NEWEST),
                };
                Box::pin(query.bind(limit).fetch_all(connection))
            })
            .await?;
        if after.is_none() {
            rows.reverse();
        }
        rows.iter().map(|row| Ok(notification_of(row)?)).collect()
    }

    /// Returns the id of the newest notification, or 0.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn last_notification_id(&self) -> Result<i64, Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(LAST).fetch_one(connection))).await
    }
}

impl Unit {
    /// Creates the notification of a fired reminder. Until the unit ends, no other unit can create one, so keep it short.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_notification(&mut self, task_id: i64, reminder_id: i64, title: &str, body: &str) -> Result<Notification, Error> {
        let query = sqlx::query(INSERT)
            .bind(lock_number(Lock::Notifications, &[]))
            .bind(EventType::ReminderTriggered.as_str())
            .bind(task_id)
            .bind(reminder_id)
            .bind(title)
            .bind(body)
            .bind(Time(self.now()));
        Ok(notification_of(&query.fetch_one(&mut *self.transaction).await?)?)
    }

    /// Records that a notification was read. Only the first time counts.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn read_notification(&mut self, id: i64) -> Result<(), Error> {
        let done = sqlx::query(READ).bind(id).bind(Time(self.now())).execute(&mut *self.transaction).await?;
        if done.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
    }
}

fn notification_of(row: &PgRow) -> Result<Notification, sqlx::Error> {
    Notification::read(&mut Columns::from(row, 0))
}
