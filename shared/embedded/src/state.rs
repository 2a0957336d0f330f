//! Small values under keys, in a table.

use std::sync::Arc;
use std::time::Duration;

use domain::ambient::Clock;
use function::BoxFuture;
use function::ports::{State, StateError};
use serde_json::Value;
use sqlx::PgPool;

use crate::sql::{self, BEGIN, Micros, begin};

const GET: &str = "SELECT value::text, etag FROM embedded.state WHERE key = $1 AND (expires_at IS NULL OR expires_at > $2)";
/// An expired value is none.
const CREATE: &str = "INSERT INTO embedded.state AS s (key, value, etag, expires_at) VALUES ($1, $2::json, nextval('embedded.state_etag'), $4) \
     ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, etag = EXCLUDED.etag, expires_at = EXCLUDED.expires_at WHERE s.expires_at <= $3";
const REPLACE: &str = "UPDATE embedded.state SET value = $2::json, etag = nextval('embedded.state_etag'), expires_at = $4 \
     WHERE key = $1 AND etag = $5 AND (expires_at IS NULL OR expires_at > $3)";
const DELETE: &str = "DELETE FROM embedded.state WHERE key = $1";
const PRUNE: &str = "DELETE FROM embedded.state WHERE expires_at <= $1";

/// The port [`State`] over a table of PostgreSQL. An `ETag` is never given out twice, so a value that was deleted and written
/// again is another one.
pub struct StateTable {
    pool: PgPool,
    clock: Arc<dyn Clock>,
}

impl StateTable {
    /// The table in this database; [`Bus::prepare`](crate::bus::Bus::prepare) creates it.
    #[must_use]
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>) -> Self {
        Self { pool, clock }
    }

    fn now(&self) -> Micros {
        self.clock.now().into()
    }

    async fn read(&self, key: &str) -> Result<Option<(String, i64)>, sqlx::Error> {
        let mut transaction = begin(&self.pool, BEGIN).await?;
        let found = sqlx::query_as(GET).bind(key).bind(self.now()).fetch_optional(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(found)
    }

    async fn write(&self, key: &str, value: String, etag: Option<i64>, ttl: Option<Duration>) -> Result<bool, sqlx::Error> {
        let now = self.now();
        let mut transaction = begin(&self.pool, BEGIN).await?;
        let query = sqlx::query(if etag.is_some() { REPLACE } else { CREATE });
        let query = query.bind(key).bind(value).bind(now).bind(ttl.map(|ttl| now.plus(ttl)));
        let query = match etag {
            Some(etag) => query.bind(etag),
            None => query,
        };
        let written = query.execute(&mut *transaction).await?.rows_affected() > 0;
        transaction.commit().await?;
        Ok(written)
    }

    async fn remove(&self, key: &str) -> Result<(), sqlx::Error> {
        let mut transaction = begin(&self.pool, BEGIN).await?;
        sqlx::query(DELETE).bind(key).execute(&mut *transaction).await?;
        transaction.commit().await
    }
}

/// Deletes what has expired.
pub(crate) async fn prune(pool: &PgPool, now: Micros) -> Result<(), sqlx::Error> {
    let mut transaction = begin(pool, sql::BEGIN_QUICK).await?;
    sqlx::query(PRUNE).bind(now).execute(&mut *transaction).await?;
    transaction.commit().await
}

fn unavailable(error: impl Into<function::BoxError>) -> StateError {
    StateError::Unavailable(error.into())
}

impl State for StateTable {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<(Value, String)>, StateError>> {
        Box::pin(async move {
            let Some((value, etag)) = self.read(key).await.map_err(unavailable)? else { return Ok(None) };
            Ok(Some((serde_json::from_str(&value).map_err(unavailable)?, etag.to_string())))
        })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: &'a Value,
        etag: Option<&'a str>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            // An ETag that is no number was never ours.
            let etag = etag.map(|etag| etag.parse().map_err(|_| StateError::Stale)).transpose()?;
            let written = self.write(key, value.to_string(), etag, ttl).await.map_err(unavailable)?;
            if written { Ok(()) } else { Err(StateError::Stale) }
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move { self.remove(key).await.map_err(unavailable) })
    }

    fn check(&self) -> BoxFuture<'_, bool> {
        Box::pin(sql::answers(&self.pool))
    }
}
