//! The user's preferences: one row, once any preference is set.

use domain::USER_ID;
use domain::preferences::OwnPreferences;
use sqlx::postgres::PgRow;

use crate::error::Error;
use crate::sql::{Column, Columns};
use crate::{Store, Unit};

const SELECT: &str = "SELECT time_zone, locale, day_start, filters, updated_at FROM preferences WHERE user_id = $1";
const SAVE: &str = "INSERT INTO preferences (user_id, time_zone, locale, day_start, filters, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (user_id) DO UPDATE SET (time_zone, locale, day_start, filters, updated_at) = ROW ($2, $3, $4, $5, $6)";

impl Store {
    /// Returns the preferences that the user has set.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn own_preferences(&self) -> Result<OwnPreferences, Error> {
        let row = self.run_unbroken(|connection| Box::pin(sqlx::query(SELECT).bind(USER_ID).fetch_optional(connection))).await?;
        preferences_of(row)
    }
}

impl Unit {
    /// Returns the preferences that the user has set, on the unit's own connection.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn own_preferences(&mut self) -> Result<OwnPreferences, Error> {
        preferences_of(sqlx::query(SELECT).bind(USER_ID).fetch_optional(&mut *self.transaction).await?)
    }

    /// Stores the user's preferences.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn save_preferences(&mut self, own: &OwnPreferences) -> Result<(), Error> {
        let query = sqlx::query(SAVE).bind(USER_ID).bind(own.time_zone.to_sql()).bind(own.locale.to_sql());
        query.bind(own.day_start.to_sql()).bind(own.filters.to_sql()).bind(own.updated_at.to_sql()).execute(&mut *self.transaction).await?;
        Ok(())
    }
}

fn preferences_of(row: Option<PgRow>) -> Result<OwnPreferences, Error> {
    let Some(row) = row else { return Ok(OwnPreferences::default()) };
    let mut columns = Columns::from(&row, 0);
    Ok(OwnPreferences {
        time_zone: columns.get()?,
        locale: columns.get()?,
        day_start: columns.get()?,
        filters: columns.get()?,
        updated_at: columns.get()?,
    })
}
