//! The browsers that receive pushes.

use domain::USER_ID;
use domain::push::{NewSubscription, PushReceiver, Subscription};
use sqlx::postgres::PgRow;

use crate::error::Error;
use crate::once::{Lock, lock_number};
use crate::sql::{Columns, Time};
use crate::{Store, Unit};

/// Maximum number of browsers.
pub const SUBSCRIPTIONS_MAX: i64 = 20;

macro_rules! columns {
    () => {
        "id, name, created_at, sent_at"
    };
}

const LIST: &str = concat!("SELECT ", columns!(), " FROM push_subscriptions ORDER BY id");
const IDS: &str = "SELECT id FROM push_subscriptions ORDER BY id";
const COUNT: &str = "SELECT count(*) FROM push_subscriptions WHERE endpoint <> $1";
/// A browser that subscribes again keeps its id. Its keys may be new.
const SAVE: &str = concat!(
    "INSERT INTO push_subscriptions (user_id, endpoint, p256dh, auth, name, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (endpoint) DO UPDATE SET p256dh = $3, auth = $4, name = $5 RETURNING ",
    columns!(),
    ", xmax = 0"
);
const DELETE: &str = "DELETE FROM push_subscriptions WHERE id = $1";
const RECEIVER: &str = "SELECT endpoint, p256dh, auth FROM push_subscriptions WHERE id = $1";
const SENT: &str = "UPDATE push_subscriptions SET sent_at = $2 WHERE id = $1";

impl Store {
    /// Returns the browsers, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(LIST).fetch_all(connection))).await?;
        Ok(rows.iter().map(subscription_of).collect::<Result<_, _>>()?)
    }

    /// Returns where a browser receives pushes.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn push_receiver(&self, id: i64) -> Result<PushReceiver, Error> {
        let row = self.run_unbroken(|connection| Box::pin(sqlx::query(RECEIVER).bind(id).fetch_one(connection))).await?;
        let mut columns = Columns::from(&row, 0);
        Ok(PushReceiver { endpoint: columns.get()?, p256dh: columns.get()?, auth: columns.get()? })
    }
}

impl Unit {
    /// Stores a browser. Returns it, and true if it is new.
    ///
    /// # Errors
    /// [`Error::InTheWay`] if there are already [`SUBSCRIPTIONS_MAX`]; [`Error::Unavailable`].
    pub async fn save_subscription(&mut self, new: &NewSubscription) -> Result<(Subscription, bool), Error> {
        // One at a time, so that the limit holds.
        let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(lock_number(Lock::Subscriptions, &[]));
        lock.execute(&mut *self.transaction).await?;
        let count: i64 = sqlx::query_scalar(COUNT).bind(&new.endpoint).fetch_one(&mut *self.transaction).await?;
        if count >= SUBSCRIPTIONS_MAX {
            return Err(Error::InTheWay("20 browsers are subscribed already; remove one"));
        }
        let query = sqlx::query(SAVE).bind(USER_ID).bind(&new.endpoint).bind(&new.keys.p256dh).bind(&new.keys.auth);
        let row = query.bind(new.name()).bind(Time(self.now())).fetch_one(&mut *self.transaction).await?;
        Ok((subscription_of(&row)?, Columns::from(&row, 4).get()?))
    }

    /// Returns the ids of all browsers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn subscription_ids(&mut self) -> Result<Vec<i64>, Error> {
        Ok(sqlx::query_scalar(IDS).fetch_all(&mut *self.transaction).await?)
    }

    /// Removes a browser. Returns false if it does not exist.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_subscription(&mut self, id: i64) -> Result<bool, Error> {
        Ok(sqlx::query(DELETE).bind(id).execute(&mut *self.transaction).await?.rows_affected() > 0)
    }

    /// Records that a push arrived at the browser's push service.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch_subscription(&mut self, id: i64) -> Result<(), Error> {
        sqlx::query(SENT).bind(id).bind(Time(self.now())).execute(&mut *self.transaction).await?;
        Ok(())
    }
}

fn subscription_of(row: &PgRow) -> Result<Subscription, sqlx::Error> {
    let mut columns = Columns::from(row, 0);
    Ok(Subscription { id: columns.get()?, name: columns.get()?, created_at: columns.get()?, sent_at: columns.get()? })
}
