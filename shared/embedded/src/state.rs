//! Values by key, in a table.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::ambient::Clock;
use function::BoxFuture;
use function::ports::{State, StateError, StateFuture, Stored};
use sqlx::PgPool;
use store::{Changes, Place, Time};

use crate::sql::{self, begin};

const GET: &str = "SELECT value, etag FROM embedded.state WHERE key = $1 AND (expires_at IS NULL OR expires_at > $2)";
/// An expired value counts as absent.
const CREATE: &str = "INSERT INTO embedded.state AS s (key, value, etag, expires_at) VALUES ($1, $2, nextval('embedded.state_etag'), $4) \
     ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, etag = EXCLUDED.etag, expires_at = EXCLUDED.expires_at WHERE s.expires_at <= $3";
const REPLACE: &str = "UPDATE embedded.state SET value = $2, etag = nextval('embedded.state_etag'), expires_at = $4 \
     WHERE key = $1 AND etag = $5 AND (expires_at IS NULL OR expires_at > $3)";
const DELETE: &str = "DELETE FROM embedded.state WHERE key = $1";
const PRUNE: &str = "DELETE FROM embedded.state WHERE expires_at <= $1";

/// The port [`State`] over a PostgreSQL table. An `ETag` is never reused, so a value that was deleted and written again has another one.
pub struct StateTable {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    changes: Arc<Changes>,
}

impl StateTable {
    /// Uses the table of this database; [`Bus::prepare`](crate::bus::Bus::prepare) creates it.
    #[must_use]
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>) -> Self {
        let changes = Changes::new(&pool);
        Self { pool, clock, changes }
    }

    /// Waits for other writes and deletions of the same value.
    async fn place(&self, key: &str) -> Result<Place, StateError> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        self.changes.place(Some(("state", hasher.finish().cast_signed()))).await.map_err(unavailable)
    }

    fn now(&self) -> Time {
        Time(self.clock.now())
    }

    async fn read(&self, key: &str) -> Result<Option<(String, i64)>, sqlx::Error> {
        let now = self.now();
        store::unbroken(&self.pool, || sqlx::query_as(GET).bind(key).bind(now).fetch_optional(&self.pool)).await
    }

    /// Returns true if the value was written. A repeated write returns false, as if another writer had been first.
    async fn write(&self, key: &str, value: &str, etag: Option<i64>, ttl: Option<Duration>) -> Result<bool, sqlx::Error> {
        let now = self.now();
        let expires_at = ttl.map(|ttl| Time(now.0.after(ttl)));
        let written = store::unbroken(&self.pool, || {
            let query = sqlx::query(if etag.is_some() { REPLACE } else { CREATE }).bind(key).bind(value).bind(now).bind(expires_at);
            let query = match etag {
                Some(etag) => query.bind(etag),
                None => query,
            };
            query.execute(&self.pool)
        });
        Ok(written.await?.rows_affected() > 0)
    }

    async fn remove(&self, key: &str) -> Result<(), sqlx::Error> {
        store::unbroken(&self.pool, || sqlx::query(DELETE).bind(key).execute(&self.pool)).await.map(drop)
    }
}

/// Deletes expired values.
pub(crate) async fn prune(pool: &PgPool, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut transaction = begin(pool, sql::BEGIN_QUICK).await?;
    sqlx::query(PRUNE).bind(Time(now)).execute(&mut *transaction).await?;
    transaction.commit().await
}

fn unavailable(error: impl Into<function::BoxError>) -> StateError {
    StateError::Unavailable(error.into())
}

impl State for StateTable {
    fn get<'a>(&'a self, key: &'a str) -> StateFuture<'a, Option<Stored>> {
        Box::pin(async move {
            let Some((value, etag)) = self.read(key).await.map_err(unavailable)? else { return Ok(None) };
            Ok(Some(Stored { value, etag: etag.to_string() }))
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a str, etag: Option<&'a str>, ttl: Option<Duration>) -> StateFuture<'a, ()> {
        Box::pin(async move {
            // An ETag that is not a number never came from here.
            let etag = etag.map(|etag| etag.parse().map_err(|_| StateError::Stale)).transpose()?;
            let _place = self.place(key).await?;
            let written = self.write(key, value, etag, ttl).await.map_err(unavailable)?;
            if written { Ok(()) } else { Err(StateError::Stale) }
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> StateFuture<'a, ()> {
        Box::pin(async move {
            let _place = self.place(key).await?;
            self.remove(key).await.map_err(unavailable)
        })
    }

    fn check(&self) -> BoxFuture<'_, bool> {
        Box::pin(sql::answers(&self.pool))
    }
}
