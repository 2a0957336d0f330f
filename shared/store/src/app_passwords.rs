//! App passwords. Only the digests of their secrets are stored.

use domain::app_password::{AppPassword, AppPasswordKind};
use domain::{Timestamp, USER_ID};
use sqlx::postgres::PgRow;

use crate::error::Error;
use crate::once::{Lock, lock_number};
use crate::sql::{Columns, Time};
use crate::{Store, Unit};

/// Maximum number of app passwords.
pub const APP_PASSWORDS_MAX: i64 = 50;

macro_rules! columns {
    () => {
        "id, name, kind, created_at, used_at"
    };
}

const LIST: &str = concat!("SELECT ", columns!(), " FROM app_passwords ORDER BY id");
const COUNT: &str = "SELECT count(*) FROM app_passwords";
const SAVE: &str =
    concat!("INSERT INTO app_passwords (user_id, name, kind, digest, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING ", columns!());
const DELETE: &str = "DELETE FROM app_passwords WHERE id = $1";
/// Records the use at most once an hour, so that a polling client does not write each time.
const USE: &str = "WITH found AS (SELECT id, used_at FROM app_passwords WHERE digest = $1 AND kind = $2), \
     noted AS (UPDATE app_passwords SET used_at = $3 FROM found \
         WHERE app_passwords.id = found.id AND (found.used_at IS NULL OR found.used_at < $3 - interval '1 hour')) \
     SELECT EXISTS (SELECT FROM found)";

impl Store {
    /// Returns the app passwords, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn app_passwords(&self) -> Result<Vec<AppPassword>, Error> {
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(LIST).fetch_all(connection))).await?;
        Ok(rows.iter().map(app_password_of).collect::<Result<_, _>>()?)
    }

    /// Records the use of the app password with this digest. Returns false if there is none of this kind.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn use_app_password(&self, digest: &[u8], kind: AppPasswordKind, now: Timestamp) -> Result<bool, Error> {
        let kind = serde_plain::to_string(&kind).map_err(Error::value)?;
        let row = self.run_unbroken(|connection| {
            Box::pin(sqlx::query(USE).bind(digest.to_owned()).bind(kind.clone()).bind(Time(now)).fetch_one(connection))
        });
        Ok(Columns::from(&row.await?, 0).get()?)
    }
}

impl Unit {
    /// Stores an app password.
    ///
    /// # Errors
    /// [`Error::InTheWay`] if there are [`APP_PASSWORDS_MAX`]; [`Error::Unavailable`].
    pub async fn save_app_password(&mut self, name: &str, kind: AppPasswordKind, digest: &[u8]) -> Result<AppPassword, Error> {
        // Under a lock, so the count is exact.
        let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(lock_number(Lock::AppPasswords, &[]));
        lock.execute(&mut *self.transaction).await?;
        let count: i64 = sqlx::query_scalar(COUNT).fetch_one(&mut *self.transaction).await?;
        if count >= APP_PASSWORDS_MAX {
            return Err(Error::InTheWay("there are 50 app passwords already; remove one"));
        }
        let kind = serde_plain::to_string(&kind).map_err(Error::value)?;
        let query = sqlx::query(SAVE).bind(USER_ID).bind(name).bind(kind).bind(digest).bind(Time(self.now()));
        Ok(app_password_of(&query.fetch_one(&mut *self.transaction).await?)?)
    }

    /// Removes an app password. Does nothing if it does not exist.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_app_password(&mut self, id: i64) -> Result<(), Error> {
        sqlx::query(DELETE).bind(id).execute(&mut *self.transaction).await?;
        Ok(())
    }
}

fn app_password_of(row: &PgRow) -> Result<AppPassword, sqlx::Error> {
    let mut columns = Columns::from(row, 0);
    Ok(AppPassword { id: columns.get()?, name: columns.get()?, kind: columns.get()?, created_at: columns.get()?, used_at: columns.get()? })
}
