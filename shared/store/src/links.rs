//! Used links. Each link works once.

use domain::Timestamp;

use crate::error::Error;
use crate::sql::Time;
use crate::{Store, Unit};

const FIND: &str = "SELECT outcome FROM used_links WHERE reminder_id = $1 AND action = $2 AND expires_at = $3";
const USE: &str = "INSERT INTO used_links (reminder_id, action, expires_at, outcome, created_at) VALUES ($1, $2, $3, $4, $5)";

/// Identifies a link: the reminder, the action, and its expiry.
pub type LinkKey<'a> = (i64, &'a str, Timestamp);

impl Store {
    /// Returns the outcome of a link, if it was used.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn link_outcome(&self, (reminder_id, action, expires_at): LinkKey<'_>) -> Result<Option<String>, Error> {
        let find = || sqlx::query_scalar(FIND).bind(reminder_id).bind(action).bind(Time(expires_at));
        Ok(find().fetch_optional(self.pool()).await?)
    }
}

impl Unit {
    /// Returns the outcome of a link, if it was used. The caller has locked the reminder, so no other call uses the link meanwhile.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn link_outcome(&mut self, (reminder_id, action, expires_at): LinkKey<'_>) -> Result<Option<String>, Error> {
        let find = sqlx::query_scalar(FIND).bind(reminder_id).bind(action).bind(Time(expires_at));
        Ok(find.fetch_optional(&mut *self.transaction).await?)
    }

    /// Records the outcome of a link.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Database`] if it was used before.
    pub async fn use_link(&mut self, (reminder_id, action, expires_at): LinkKey<'_>, outcome: &str) -> Result<(), Error> {
        let query = sqlx::query(USE).bind(reminder_id).bind(action).bind(Time(expires_at)).bind(outcome).bind(Time(self.now()));
        query.execute(&mut *self.transaction).await?;
        Ok(())
    }
}
