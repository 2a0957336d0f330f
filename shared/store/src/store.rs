//! The pool of connections, and how the store reads.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::time::Instant;

use crate::changes::Changes;
use crate::error::{Error, is_broken};

/// How long a caller waits for a connection before it hears that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a statement may wait for a lock that another session holds: of a row, of a table, or an advisory one. Longer than changes hold
/// theirs, and well under [`ACQUIRE_TIMEOUT`], so that whoever waits for the same connection still gets it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a statement may run.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a transaction may do nothing. After that its process is frozen or cut off, and its locks block others. A publisher's transaction
/// does nothing while the publisher sends the rows that it has locked, so it must end sooner.
pub const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a statement of a migration may run: it may rewrite a table, or build an index.
const MIGRATION_STATEMENT_TIMEOUT: Duration = Duration::from_hours(1);
/// How long a migration tries for the locks that it needs.
const MIGRATION_PATIENCE: Duration = Duration::from_mins(10);
/// The pause before a migration that met a lock tries again.
const MIGRATION_PAUSE: Duration = Duration::from_secs(1);
/// How long a connection may do nothing before it is closed, so that a serverless database can sleep.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Prepared statements that a connection keeps: all the fixed ones and the usual shapes of lists and searches.
const STATEMENTS: usize = 200;

/// How each session plans. Every statement is made so that one plan is good for all values, so plans are made once for a connection.
/// Compiling a plan, or starting workers for it, takes longer than most of ours run.
const PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off; SET max_parallel_workers_per_gather = 0";

/// A query on a connection.
pub(crate) type Querying<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// The database: a pool of connections. A clone shares it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    pub(crate) broke: Arc<AtomicBool>,
    pub(crate) changes: Arc<Changes>,
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
        let pool = pool_of(options, pool.max(1), STATEMENT_TIMEOUT);
        let changes = Changes::new(&pool);
        Ok(Self { pool, broke: Arc::default(), changes })
    }

    /// Another pool on the same database, whose connections are not taken by those who use the store.
    #[must_use]
    pub fn pool_beside(&self, connections: u32) -> PgPool {
        pool_of(self.pool.connect_options().as_ref().clone(), connections, STATEMENT_TIMEOUT)
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

    /// Brings the schema up to date; two at once wait for each other. Migrations of a later release stay as they are: they leave this one able to
    /// work, so that people can go back to it.
    ///
    /// # Errors
    /// [`Error::Migration`]; [`Error::Unavailable`].
    pub async fn migrate(&self) -> Result<(), Error> {
        migrating(&self.pool, |pool| async move { Ok(sqlx::migrate!().set_ignore_missing(true).run(&pool).await?) }).await?;
        self.refold_first().await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.run_unbroken(|connection| Box::pin(async { sqlx::query("SELECT 1").execute(connection).await.map(drop) })).await
    }

    /// Runs a query outside of a unit. A pooled connection that turns out to be dead is thrown away, and another is tried. The query runs
    /// twice if only its answer was lost, so a query that writes must do no harm then.
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

/// What each session is told once: how it plans, and how long it waits. Not in the startup packet, where connection poolers refuse it; in
/// one message, so that a connection costs one round trip more.
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

/// A connection of its own, outside of any pool, whose statements may take as long as those of a migration.
///
/// # Errors
/// Those of the database.
pub async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(AssertSqlSafe(session(MIGRATION_STATEMENT_TIMEOUT))).execute(&mut connection).await?;
    Ok(connection)
}

/// Changes the schema of this pool's database, on a connection whose statements may take long. Tries again while another session holds a
/// lock that it needs, among them that of another migration, for ten minutes at most. Each try waits no longer for a lock than any other
/// statement, because what waits for a whole table holds up everybody who wants the table after it.
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
    // Ends the session, and with it the lock of a migration that failed.
    one.close().await;
    result
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
