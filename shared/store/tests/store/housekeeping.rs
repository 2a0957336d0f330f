//! What is forgotten, and what is not yet.

use serde_json::json;
use store::{Idempotency, Pruned, Store};

use crate::database::fresh;
use crate::fixtures::{at, work_at};

const DAY: i64 = 24 * 3_600;

async fn remember(store: &Store, seconds: i64) {
    let mut unit = store.begin(work_at(at(seconds))).await.unwrap();
    let name = seconds.to_string();
    assert!(unit.first_delivery("c", "s", &name).await.unwrap());
    assert_eq!(unit.idempotent(&name, "POST", "/", b"").await.unwrap(), Idempotency::New);
    unit.remember_idempotent(&name, "POST", "/", b"", &json!(null)).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test]
async fn only_what_is_old_enough_is_forgotten() {
    let store = fresh().await;
    for seconds in [0, 6 * DAY, 7 * DAY - 1, 7 * DAY] {
        remember(&store, seconds).await;
    }
    assert_eq!(store.prune(at(7 * DAY)).await.unwrap(), Pruned { inbox: 0, idempotency_keys: 1 });
    assert_eq!(store.prune(at(7 * DAY + 1)).await.unwrap(), Pruned { inbox: 1, idempotency_keys: 1 });
    assert_eq!(store.prune(at(7 * DAY + 1)).await.unwrap(), Pruned::default());
    assert_eq!(store.prune(at(99 * DAY)).await.unwrap(), Pruned { inbox: 3, idempotency_keys: 2 });
}

#[tokio::test]
async fn many_rows_are_forgotten_in_batches() {
    let store = fresh().await;
    sqlx::raw_sql(
        "INSERT INTO inbox (consumer, source, event_id, created_at) SELECT 'c', 's', n, '2026-01-01' FROM generate_series(1, 12345) AS n",
    )
    .execute(store.pool())
    .await
    .unwrap();
    assert_eq!(store.prune(at(30 * DAY)).await.unwrap().inbox, 12_345);
}
