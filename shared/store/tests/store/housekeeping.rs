//! What housekeeping deletes, and what it keeps.

use domain::event::Topic;
use serde_json::json;
use store::{Deliveries, End, Idempotency, Pruned, Store};

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
async fn only_old_rows_are_deleted() {
    let store = fresh().await;
    for seconds in [0, 14 * DAY, 15 * DAY - 1, 15 * DAY] {
        remember(&store, seconds).await;
    }
    assert_eq!(store.prune(at(15 * DAY)).await.unwrap(), Pruned { idempotency_keys: 1, ..Pruned::default() });
    assert_eq!(store.prune(at(15 * DAY + 1)).await.unwrap(), Pruned { inbox: 1, idempotency_keys: 1, ..Pruned::default() });
    assert_eq!(store.prune(at(15 * DAY + 1)).await.unwrap(), Pruned::default());
    assert_eq!(store.prune(at(99 * DAY)).await.unwrap(), Pruned { inbox: 3, idempotency_keys: 2, ..Pruned::default() });
}

#[tokio::test]
async fn a_dead_letter_is_kept_for_90_days() {
    let store = fresh().await;
    let letters = Deliveries::new(store.pool().clone());
    for day in [0, 1] {
        let end = End { attempts: 1, error: "no", has_broker: false, now: at(day * DAY) };
        letters.set_aside("c", 7, Topic::Reminders, "{}", end).await.unwrap();
    }
    assert_eq!(store.prune(at(90 * DAY)).await.unwrap().dead_letters, 0);
    assert_eq!(store.prune(at(90 * DAY + 1)).await.unwrap().dead_letters, 1);
    assert_eq!(letters.letters(None, 10).await.unwrap().len(), 1);
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

#[tokio::test]
async fn a_notification_is_kept_for_90_days_and_the_audit_log_as_configured() {
    let store = fresh().await;
    sqlx::raw_sql(
        "INSERT INTO notifications (event_type, task_id, title, body, created_at) VALUES \
         ('reminder.triggered', 1, 'a', '', '2026-01-01T00:00:00.123456Z'), ('reminder.triggered', 1, 'b', '', '2026-01-02T00:00:00.123456Z'); \
         INSERT INTO audit_log (event_id, event_type, task_id, user_id, event_data, created_at) VALUES \
         ('a', 'task.created', 1, 1, '{}', '2026-01-01T00:00:00.123456Z'), ('b', 'task.created', 1, 1, '{}', '2026-01-02T00:00:00.123456Z')",
    )
    .execute(store.pool())
    .await
    .unwrap();
    assert_eq!(store.prune(at(90 * DAY)).await.unwrap().notifications, 0);
    assert_eq!(store.prune(at(90 * DAY + 1)).await.unwrap().notifications, 1);
    assert_eq!(store.notifications(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.prune_audit(at(30 * DAY), 30).await.unwrap(), 0);
    assert_eq!(store.prune_audit(at(30 * DAY + 1), 30).await.unwrap(), 1);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_log").fetch_one(store.pool()).await.unwrap();
    assert_eq!(left, 1);
}
