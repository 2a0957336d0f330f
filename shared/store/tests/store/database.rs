//! Databases for the tests, and the store's behaviour if the database becomes unavailable.

use std::ops::Deref;
use std::time::Duration;

use embedded::testing::TestDatabase;
use store::{Error, Store};

use crate::fixtures::{create, draft, work};

/// A new database with the schema, for one test. It is dropped with this value.
pub(crate) struct Fresh {
    store: Store,
    database: TestDatabase,
}

impl Fresh {
    /// Returns the database's URL.
    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }
}

impl Deref for Fresh {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

pub(crate) async fn fresh() -> Fresh {
    let database = TestDatabase::new(|url| async move { Store::connect_lazy(&url, 1)?.migrate().await }).await.unwrap();
    Fresh { store: Store::connect_lazy(database.url(), 16).unwrap(), database }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_up_to_date_stays_so_and_two_at_once_wait() {
    let store = fresh().await;
    let (one, other) = tokio::join!(store.migrate(), store.migrate());
    one.unwrap();
    other.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_schema_of_a_later_release_is_left_as_it_is() {
    let store = fresh().await;
    let later =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 0)";
    sqlx::query(later).execute(store.pool()).await.unwrap();
    store.migrate().await.unwrap();
}

#[tokio::test]
async fn an_invalid_address_is_refused_and_an_unreachable_one_is_unavailable() {
    assert!(matches!(Store::connect_lazy("nonsense", 1), Err(Error::Address)));
    let store = Store::connect_lazy("postgres://user:secret@127.0.0.1:1/none", 1).unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert_eq!(error.to_string(), "the database is not available");
    assert!(matches!(store.begin(work()).await, Err(Error::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_closed_are_replaced() {
    let store = fresh().await;
    let task = create(&store, draft("stays")).await;
    for _ in 0..2 {
        let busy: Vec<_> = futures_of(&store).await;
        drop(busy);
        tokio::time::sleep(Duration::from_millis(100)).await;
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(store.pool())
        .await
        .unwrap();
        assert_eq!(store.task(task.id).await.unwrap(), task);
        drop(store.begin(work()).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_begin_leaves_no_transaction_open() {
    let store = fresh().await;
    let one = Store::connect_lazy(store.url(), 1).unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    // Each round cancels the caller a little later.
    for patience in 0..40 {
        one.ping().await.unwrap();
        let caller_leaves = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = one.begin(work()) => {}
            () = caller_leaves => {}
        }
        let closed = async { while sqlx::query_scalar::<_, i64>(sql).fetch_one(store.pool()).await.unwrap() > 0 {} };
        // Sooner than the pool closes idle connections.
        tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap_or_else(|_| panic!("open, after {patience}"));
    }
}

/// Opens several connections at once, so that the pool holds several.
async fn futures_of(store: &Store) -> Vec<store::Unit> {
    let mut units = Vec::new();
    for _ in 0..5 {
        units.push(store.begin(work()).await.unwrap());
    }
    units
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_with_a_broken_connection_is_unavailable() {
    let store = fresh().await;
    let mut unit = store.begin(work()).await.unwrap();
    unit.create_task(draft("lost")).await.unwrap();
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .execute(store.pool())
        .await
        .unwrap();
    assert!(matches!(unit.commit().await, Err(Error::Unavailable(_))));
    assert!(matches!(store.task(1).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn every_field_of_a_task_is_a_column_and_every_other_column_is_known() {
    let store = fresh().await;
    let sql = "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'tasks' ORDER BY column_name";
    let columns: Vec<String> = sqlx::query_scalar(sql).fetch_all(store.pool()).await.unwrap();
    let mut known: Vec<&str> = store::TASK_COLUMNS
        .iter()
        .copied()
        .chain(["changed_in", "occurrence_owed", "recurrence_rule", "title_key", "written_version"])
        .collect();
    known.sort_unstable();
    assert_eq!(columns, known);
}
