//! The pool of connections, and how the store reads.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};

use crate::error::{Error, is_broken};

/// How long a caller waits for a connection before it hears that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection may do nothing before it is closed, so that a serverless database can sleep.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Prepared statements that a connection keeps: all the fixed ones and the usual shapes of lists and searches.
const STATEMENTS: usize = 200;

/// What each connection is told once. Every statement is made so that one plan is good for all values, so plans are made
/// once for a connection. Compiling a plan, or starting workers for it, takes longer than most of ours run. Not in the
/// startup packet, where connection poolers refuse it.
const SESSION: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off; SET max_parallel_workers_per_gather = 0";

/// A query on a connection.
pub(crate) type Querying<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// The database: a pool of connections. A clone shares it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    pub(crate) broke: Arc<AtomicBool>,
}

impl Store {
    /// The store at this address (`postgres://user:password@host:port/database`), with at most `pool` connections.
    ///
    /// Opens none: the first query does. Must be called inside a tokio runtime, which closes idle connections.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn connect_lazy(url: &str, pool: u32) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(|_: sqlx::Error| Error::Address)?;
        let options = options.application_name("taskflow").statement_cache_capacity(STATEMENTS);
        let pool = PgPoolOptions::new()
            .min_connections(0)
            .max_connections(pool.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(IDLE_TIMEOUT)
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(async { sqlx::raw_sql(SESSION).execute(connection).await.map(drop) }))
            .connect_lazy_with(options);
        Ok(Self { pool, broke: Arc::default() })
    }

    /// The pool itself.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether a connection was found broken since this was last asked. Then the database may have been killed, and rows of the outbox that
    /// had been published and deleted may be there again: their deletion does not wait for the disk.
    #[must_use]
    pub fn was_broken(&self) -> bool {
        self.broke.swap(false, Ordering::Relaxed)
    }

    /// Brings the schema up to date; two at once wait for each other.
    ///
    /// # Errors
    /// [`Error::Migration`]; [`Error::Unavailable`].
    pub async fn migrate(&self) -> Result<(), Error> {
        Ok(sqlx::migrate!().run(&self.pool).await?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(|connection| Box::pin(async { sqlx::query("SELECT 1").execute(connection).await.map(drop) })).await
    }

    /// Runs a query that changes nothing. A pooled connection that turns out to be dead is thrown away, and another is tried.
    pub(crate) async fn read<T>(&self, query: impl for<'c> Fn(&'c mut PgConnection) -> Querying<'c, T>) -> Result<T, Error> {
        let reading = || async {
            let mut connection = self.pool.acquire().await?;
            let result = query(&mut connection).await;
            if result.as_ref().is_err_and(is_broken) {
                drop(connection.detach());
            }
            result
        };
        Ok(unbroken_noting(&self.pool, &self.broke, reading).await?)
    }
}

/// Runs something on a connection of the pool, and again on another where that one was dead: after a restart of the database all of them
/// are. Where only the answer was lost with a connection, it is run twice: it has to do no harm then.
///
/// # Errors
/// Those of the database.
pub async fn unbroken<T, F>(pool: &PgPool, run: impl Fn() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    unbroken_noting(pool, &AtomicBool::default(), run).await
}

pub(crate) async fn unbroken_noting<T, F>(pool: &PgPool, broke: &AtomicBool, run: impl Fn() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let mut tries = pool.options().get_max_connections();
    loop {
        match run().await {
            Err(error) if is_broken(&error) && tries > 0 => {
                tries -= 1;
                broke.store(true, Ordering::Relaxed);
            }
            result => return result,
        }
    }
}
