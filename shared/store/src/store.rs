//! The connection pool, and how the store reads.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::time::Instant;

use crate::changes::Changes;
use crate::error::{Error, is_broken};

/// How long a caller waits for a connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a statement may wait for a lock that another session holds: of a row, of a table, or an advisory one. Longer than changes hold their
/// locks, and well below [`ACQUIRE_TIMEOUT`], so that the next caller still gets the connection.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a statement may run.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a transaction may be idle. After that, its process is frozen or disconnected, and its locks block others. A publisher's transaction is
/// idle while the publisher sends its locked rows, so publishing must take less time.
pub const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a statement of a migration may run. It may rewrite a table or build an index.
const MIGRATION_STATEMENT_TIMEOUT: Duration = Duration::from_hours(1);
/// How long a migration retries to get its locks.
const MIGRATION_PATIENCE: Duration = Duration::from_mins(10);
/// The pause before a migration that could not get a lock retries.
const MIGRATION_PAUSE: Duration = Duration::from_secs(1);
/// How long a connection may be idle before it is closed, so that a serverless database can sleep.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Number of prepared statements per connection: all the fixed ones, and the usual shapes of lists and searches.
const STATEMENTS: usize = 200;

/// How each session plans. Every statement works well with one plan for all values, so plans are made once per connection. Compiling a plan, or
/// starting workers for it, takes longer than most of our statements run.
const PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off; SET max_parallel_workers_per_gather = 0";

/// A query on a connection.
pub(crate) type Querying<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// The database: a pool of connections. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    pub(crate) broke: Arc<AtomicBool>,
    pub(crate) changes: Arc<Changes>,
}

impl Store {
    /// Returns the store at this address (`postgres://user:password@host:port/database`), with at most `pool` connections.
    ///
    /// Opens no connection; the first query does. Must be called inside a tokio runtime, which closes idle connections.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn connect_lazy(url: &str, pool: u32) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(|_: sqlx::Error| Error::Address)?;
        let options = options.application_name("taskflow").statement_cache_capacity(STATEMENTS);
        let pool = pool_of(options, pool.max(1), STATEMENT_TIMEOUT);
        let changes = Changes::new(&pool);
        Ok(Self { pool, broke: Arc::default(), changes })
    }

    /// Returns another pool on the same database, independent of the store's connections.
    #[must_use]
    pub fn pool_beside(&self, connections: u32) -> PgPool {
        pool_of(self.pool.connect_options().as_ref().clone(), connections, STATEMENT_TIMEOUT)
    }

    /// Returns the pool.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// True if a connection was found broken since the last call. Then the database may have crashed, and deleted rows of the outbox may be back,
    /// because their deletion does not wait for the disk.
    #[must_use]
    pub fn was_broken(&self) -> bool {
        self.broke.swap(false, Ordering::Relaxed)
    }

    /// Migrates the schema. Concurrent migrations wait for each other. Migrations of a later release are accepted, because they keep this release
    /// working, so that a rollback is possible.
    ///
    /// # Errors
    /// [`Error::Migration`]; [`Error::Unavailable`].
    pub async fn migrate(&self) -> Result<(), Error> {
        migrating(&self.pool, |pool| async move { Ok(sqlx::migrate!().set_ignore_missing(true).run(&pool).await?) }).await?;
        self.refold_first().await
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.run_unbroken(|connection| Box::pin(async { sqlx::query("SELECT 1").execute(connection).await.map(drop) })).await
    }

    /// Runs a query outside of a unit. If a pooled connection turns out to be dead, it uses another. The query runs twice if only its answer was
    /// lost, so a query that writes must be idempotent.
    pub(crate) async fn run_unbroken<T>(&self, query: impl for<'c> Fn(&'c mut PgConnection) -> Querying<'c, T>) -> Result<T, Error> {
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

/// Returns the settings of a session: how it plans, and its timeouts. They are not in the startup packet, because connection poolers refuse that.
/// They are one message, so that a connection costs only one more round trip.
fn session(statement_timeout: Duration) -> Arc<str> {
    format!(
        "{PLANS}; SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
        LOCK_TIMEOUT.as_millis(),
        statement_timeout.as_millis(),
        IDLE_IN_TRANSACTION_TIMEOUT.as_millis(),
    )
    .into()
}

fn pool_of(options: PgConnectOptions, connections: u32, statement_timeout: Duration) -> PgPool {
    let session = session(statement_timeout);
    PgPoolOptions::new()
        .min_connections(0)
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let session = AssertSqlSafe(session.clone());
            Box::pin(async move { sqlx::raw_sql(session).execute(connection).await.map(drop) })
        })
        .connect_lazy_with(options)
}

/// Opens a connection outside of any pool, with the statement timeout of migrations.
///
/// # Errors
/// Those of the database.
pub async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(AssertSqlSafe(session(MIGRATION_STATEMENT_TIMEOUT))).execute(&mut connection).await?;
    Ok(connection)
}

/// Changes the schema of this pool's database, on a connection with a long statement timeout. Retries while another session holds a lock
/// that it needs, including that of another migration, for at most ten minutes. Each attempt waits for a lock only as long as any other
/// statement, because a waiting lock on a whole table blocks all later statements on it.
///
/// # Errors
/// Those of the change.
pub async fn migrating<F>(pool: &PgPool, change: impl Fn(PgPool) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let begin = Instant::now();
    let one = pool_of(pool.connect_options().as_ref().clone(), 1, MIGRATION_STATEMENT_TIMEOUT);
    let result = loop {
        match change(one.clone()).await {
            Err(error) if error.is_lock() && begin.elapsed() < MIGRATION_PATIENCE => tokio::time::sleep(MIGRATION_PAUSE).await,
            result => break result,
        }
    };
    // Ends the session, which releases the lock of a failed migration.
    one.close().await;
    result
}

/// Runs something on a connection of the pool. If the connection is dead, it runs again on another: after a restart of the database, all of them are
/// dead. If only the answer was lost, it runs twice, so it must be idempotent.
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
