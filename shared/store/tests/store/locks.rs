//! Locks that another session holds, and the timeouts of every session.

use std::time::Duration;

use embedded::testing::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use store::{Error, Store};

use crate::database::{Fresh, fresh};
use crate::fixtures::{create, draft, work};

/// How long a test waits for an expected state.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens another session that has run this in a transaction. Dropping it ends the transaction.
async fn session(store: &Fresh, sql: &'static str) -> PgConnection {
    let mut other = PgConnection::connect(store.url()).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut other).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
    other
}

/// Waits until this many statements wait for a lock in the store's database.
pub(crate) async fn waiting_statements(store: &Store, wanted: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let looking = async { while sqlx::query_scalar::<_, i64>(sql).fetch_one(store.pool()).await.unwrap() != wanted {} };
    tokio::time::timeout(PATIENCE, looking).await.unwrap();
}

async fn setting(pool: &PgPool, name: &str) -> String {
    sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_has_limits() {
    let store = fresh().await;
    for pool in [store.pool().clone(), store.pool_beside(2)] {
        for (name, value) in [("lock_timeout", "2s"), ("statement_timeout", "10s"), ("idle_in_transaction_session_timeout", "30s")] {
            assert_eq!(setting(&pool, name).await, value, "{name}");
        }
    }
    let mut own = store::connect(&store.pool().connect_options()).await.unwrap();
    let limits: (String, String) =
        sqlx::query_as("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')").fetch_one(&mut own).await.unwrap();
    assert_eq!(limits, ("2s".to_owned(), "1h".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_has_the_limits_that_it_needs() {
    // As sqlx creates it, with the settings of the migrating session.
    const NOTED: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
        installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL, \
        told TEXT DEFAULT current_setting('statement_timeout') || ' ' || current_setting('lock_timeout'))";
    let database = TestDatabase::new(|url| async move {
        let store = Store::connect_lazy(&url, 1)?;
        sqlx::raw_sql(NOTED).execute(store.pool()).await.unwrap();
        store.migrate().await
    });
    let database = database.await.unwrap();
    let store = Store::connect_lazy(database.url(), 1).unwrap();
    let told: Vec<String> = sqlx::query_scalar("SELECT DISTINCT told FROM _sqlx_migrations").fetch_all(store.pool()).await.unwrap();
    assert_eq!(told, ["1h 2s"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_retries_its_locks_without_blocking_others_for_long() {
    let store = fresh().await;
    let before = "DELETE FROM _sqlx_migrations WHERE version = 2; ALTER TABLE reminders DROP correlation_id, DROP traceparent";
    sqlx::raw_sql(before).execute(store.pool()).await.unwrap();
    for sql in ["LOCK TABLE reminders IN SHARE MODE", "LOCK TABLE _sqlx_migrations"] {
        let other = session(&store, sql).await;
        let migrating = tokio::spawn({
            let store = Store::clone(&store);
            async move { store.migrate().await }
        });
        // It tries, gives up its place, and tries again.
        for wanted in [1, 0, 1] {
            waiting_statements(&store, wanted).await;
        }
        assert!(!migrating.is_finished());
        other.close().await.unwrap();
        migrating.await.unwrap().unwrap();
    }
    assert_eq!(store.reminders(&domain::query::ListReminders::default()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn timeouts_are_unavailable_and_the_pool_keeps_working() {
    let store = fresh().await;
    let task = create(&store, draft("locked")).await;
    let one = Store::connect_lazy(store.url(), 1).unwrap();
    let other = session(&store, "SELECT FROM tasks FOR UPDATE").await;
    // A lock that another session holds; a statement that runs for too long; a transaction that is idle for too long.
    let slow = "SET lock_timeout = 0; SET statement_timeout = '50ms'";
    let idle = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '50ms'";
    for (setting, code) in [("SELECT 1", "55P03"), (slow, "57014"), (idle, "25P03")] {
        sqlx::raw_sql(setting).execute(one.pool()).await.unwrap();
        let mut unit = one.begin(work()).await.unwrap();
        if code == "25P03" {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
            // The session with the lock stays.
            let ending = async { while sqlx::query_scalar::<_, i64>(sql).fetch_one(store.pool()).await.unwrap() > 1 {} };
            tokio::time::timeout(PATIENCE, ending).await.unwrap();
        }
        let error = unit.task(task.id).await.unwrap_err();
        let Error::Unavailable(cause) = &error else { panic!("{code}: {error:?}") };
        match cause {
            sqlx::Error::Database(cause) => assert_eq!(cause.code().as_deref(), Some(code)),
            // The server's last message may be lost with the connection.
            cause => assert!(code == "25P03" && matches!(cause, sqlx::Error::Io(_)), "{code}: {cause:?}"),
        }
        drop(unit);
        assert_eq!(one.task(task.id).await.unwrap(), task, "{code}");
    }
    other.close().await.unwrap();
    one.begin(work()).await.unwrap().task(task.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_only_reads_is_unavailable_to_changes() {
    let store = fresh().await;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(store.pool()).await.unwrap();
    let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(store.pool()).await.unwrap();
    let standby = Store::connect_lazy(store.url(), 1).unwrap();
    let mut unit = standby.begin(work()).await.unwrap();
    assert!(matches!(unit.create_task(draft("never")).await, Err(Error::Unavailable(_))));
}

async fn change(store: Store, task_id: i64) -> Result<(), Error> {
    let mut unit = store.begin_on(Some(("task_id", task_id)), work()).await?;
    unit.task(task_id).await?;
    unit.commit().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_locked_row_leave_room_for_reads_and_other_changes_in_a_pool_of_any_size() {
    let store = fresh().await;
    let (locked, free) = (create(&store, draft("locked")).await, create(&store, draft("free")).await);
    for connections in [1, 2, 3, 4, 16] {
        let pool = Store::connect_lazy(store.url(), connections).unwrap();
        let other = session(&store, "SELECT FROM tasks WHERE title = 'locked' FOR UPDATE").await;
        let blocked: Vec<_> = (0..32).map(|_| tokio::spawn(change(pool.clone(), locked.id))).collect();
        for _ in 0..5 {
            assert_eq!(pool.task(locked.id).await.unwrap(), locked, "{connections}");
            change(pool.clone(), free.id).await.unwrap();
        }
        for blocked in blocked {
            assert!(matches!(blocked.await.unwrap(), Err(Error::Unavailable(_))), "{connections}");
        }
        other.close().await.unwrap();
        change(pool.clone(), locked.id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_dropped_gives_its_connection_back() {
    let store = fresh().await;
    let (first, second) = (create(&store, draft("first")).await, create(&store, draft("second")).await);
    let one = Store::connect_lazy(store.url(), 1).unwrap();
    // Each round cancels the read a little later: while a connection is opened, a statement is prepared, or an answer is read.
    for patience in 0..60 {
        let caller_leaves = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = one.task(first.id) => {}
            () = caller_leaves => {}
        }
        assert_eq!(one.task(second.id).await.unwrap(), second, "{patience}");
    }
    // While its statement waits for a lock, and while it waits for the connection behind that.
    let other = session(&store, "LOCK TABLE tasks").await;
    let reading = tokio::spawn({
        let one = one.clone();
        async move { one.task(first.id).await }
    });
    waiting_statements(&store, 1).await;
    let behind = tokio::spawn({
        let one = one.clone();
        async move { one.task(first.id).await }
    });
    tokio::task::yield_now().await;
    reading.abort();
    behind.abort();
    // Only the statement's own timeout can delay this.
    one.ping().await.unwrap();
    assert_eq!(one.pool().size(), 1);
    other.close().await.unwrap();
    assert_eq!(one.task(second.id).await.unwrap(), second);
}
