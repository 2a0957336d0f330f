//! How housekeeping finds what was lost: tasks that owe an occurrence, and reminders that may be inconsistent.

use domain::event::EventType;
use domain::task::{Draft, Recurrence};
use domain::{Task, Timestamp};
use embedded::testing::TestDatabase;
use sqlx::{Connection, PgConnection};
use store::Store;

use crate::database::fresh;
use crate::fixtures::{at, create, draft, work, work_at};
use crate::releases::{insert, update};
use crate::tasks::completed;

const DAY: i64 = 24 * 3_600;

fn daily(title: &str) -> Draft {
    Draft(Task { due_date: Some(at(DAY)), recurrence: Recurrence::Daily, recurrence_start: Some(at(DAY)), ..draft(title).0 })
}

async fn complete(store: &Store, task: &Task, now: Timestamp) {
    let mut unit = store.begin(work_at(now)).await.unwrap();
    let before = unit.task(task.id).await.unwrap();
    unit.save_task(&before, completed(&before, now), EventType::TaskCompleted).await.unwrap();
    unit.commit().await.unwrap();
}

async fn owing(store: &Store) -> Vec<i64> {
    store.owing_tasks(0, 10).await.unwrap().into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn a_recurring_task_owes_an_occurrence_from_its_completion_until_there_is_one() {
    let store = fresh().await;
    let (task, once) = (create(&store, daily("daily")).await, create(&store, draft("once")).await);
    assert!(owing(&store).await.is_empty());
    complete(&store, &task, at(60)).await;
    complete(&store, &once, at(60)).await;
    assert_eq!(store.owing_tasks(0, 10).await.unwrap(), [(task.id, at(60))]);
    assert!(store.owing_tasks(task.id, 10).await.unwrap().is_empty(), "the next page");

    let mut unit = store.begin(work()).await.unwrap();
    assert!(unit.spawn_announced(once.id).await.unwrap().is_none());
    let next = unit.spawn_owed(task.id).await.unwrap().unwrap();
    assert_eq!((next.due_date, next.parent_task_id), (Some(at(2 * DAY)), Some(task.id)));
    unit.delete_task(&next).await.unwrap();
    assert!(unit.spawn_owed(task.id).await.unwrap().is_none() && unit.spawn_announced(task.id).await.unwrap().is_none(), "it was deleted");
    unit.commit().await.unwrap();
    assert!(owing(&store).await.is_empty());
}

#[tokio::test]
async fn an_ended_chain_owes_nothing_once_that_is_known() {
    let store = fresh().await;
    let last =
        Draft(Task { recurrence: Recurrence::Custom, recurrence_rule: Some("FREQ=DAILY;COUNT=1".parse().unwrap()), ..daily("last").0 });
    let task = create(&store, last).await;
    complete(&store, &task, at(60)).await;
    assert_eq!(owing(&store).await, [task.id]);
    let mut unit = store.begin(work()).await.unwrap();
    assert!(unit.spawn_owed(task.id).await.unwrap().is_none());
    unit.commit().await.unwrap();
    assert!(owing(&store).await.is_empty());
}

#[tokio::test]
async fn a_task_completed_before_the_migration_owes_an_occurrence_only_by_its_event() {
    let old = |url: String| async move { sqlx::migrate!("./migrations").run_to(2, &mut PgConnection::connect(&url).await?).await };
    let database = TestDatabase::new(old).await.unwrap();
    let store = Store::connect_lazy(database.url(), 4).unwrap();
    // The previous release writes the same rows, before the migration and next to this release.
    let daily = [("due_date", "'2026-01-02T00:00:00Z'"), ("recurrence", "'daily'"), ("recurrence_start", "'2026-01-02T00:00:00Z'")];
    let done = [("status", "'completed'"), ("completed_at", "'2026-01-01T00:01:00Z'")];
    let (deleted, late, beside) = (insert(&store, &daily).await, insert(&store, &daily).await, insert(&store, &daily).await);
    update(&store, deleted, &done).await;
    update(&store, late, &done).await;
    store.migrate().await.unwrap();
    update(&store, beside, &done).await;
    assert_eq!(owing(&store).await, [beside]);

    let mut unit = store.begin(work()).await.unwrap();
    assert!(unit.spawn_owed(deleted).await.unwrap().is_none());
    assert!(unit.spawn_announced(late).await.unwrap().is_some(), "its event waited for the upgrade");
    // The previous release creates an occurrence without knowing what is owed.
    unit.commit().await.unwrap();
    let parent = beside.to_string();
    let next = insert(&store, &[&daily[..], &[("parent_task_id", &parent)]].concat()).await;
    let mut unit = store.begin(work()).await.unwrap();
    let next = unit.task(next).await.unwrap();
    unit.delete_task(&next).await.unwrap();
    unit.commit().await.unwrap();
    assert!(owing(&store).await.is_empty());
    // A task that was completed before the migration and is then deleted leaves no occurrence.
    let mut unit = store.begin(work()).await.unwrap();
    let task = unit.task(deleted).await.unwrap();
    unit.delete_task(&task).await.unwrap();
    assert_eq!(unit.occurrence_of(deleted).await.unwrap(), None);
    drop(unit);
    store.pool().close().await;
}

/// 20,000 tasks, a fifth of them with a reminder, and a few that owe an occurrence.
const MANY: &[&str] = &[
    "ALTER TABLE tasks DISABLE TRIGGER USER",
    "INSERT INTO tasks (title, title_key, description, due_date, time_zone, recurrence, recurrence_from, recurrence_number, priority, tags, status, \
     completed_at, reminder_offset, version, created_at, updated_at, occurrence_owed) SELECT 'x', 'x', '', '2026-06-01', 'UTC', \
     CASE n % 3 WHEN 0 THEN 'daily' ELSE 'none' END, 'due', 1, 1, '{}', CASE n % 2 WHEN 0 THEN 'completed' ELSE 'pending' END, \
     CASE n % 2 WHEN 0 THEN '2026-01-01'::timestamptz END, CASE n % 5 WHEN 0 THEN '1 hour' END, 1, '2026-01-01', '2026-01-01', \
     CASE WHEN n % 6 = 0 THEN n % 3000 = 0 END FROM generate_series(1, 20000) AS n",
    "INSERT INTO reminders (task_id, user_id, scheduled_at, reminder_offset, reminder_type, status, retry_count, created_at, of_task, \
     cancelled_with_task) SELECT id, 1, due_date, '1 hour', 'websocket', CASE status WHEN 'pending' THEN 'pending' ELSE 'cancelled' END, 0, \
     created_at, true, status = 'completed' FROM tasks WHERE reminder_offset IS NOT NULL",
    "VACUUM ANALYZE tasks",
    "VACUUM ANALYZE reminders",
];

/// Returns how often tasks and reminders were read from end to end. A session reports its statistics at the end of a transaction.
async fn whole_reads(store: &Store) -> i64 {
    sqlx::query("SELECT pg_stat_force_next_flush()").execute(store.pool()).await.unwrap();
    let sql = "SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables WHERE relname IN ('tasks', 'reminders')";
    sqlx::query_scalar(sql).fetch_one(store.pool()).await.unwrap()
}

#[tokio::test]
async fn housekeeping_finds_its_rows_by_an_index() {
    let database = fresh().await;
    let store = Store::connect_lazy(database.url(), 1).unwrap();
    for statement in MANY.iter().copied() {
        sqlx::query(statement).execute(store.pool()).await.unwrap();
    }
    let before = whole_reads(&store).await;
    let ids = store.reminded_tasks(0, 200).await.unwrap();
    assert_eq!((ids.len(), store.with_reminders(&ids).await.unwrap().len()), (200, 200));
    assert_eq!(store.owing_tasks(0, 200).await.unwrap().len(), 6);
    let mut unit = store.begin(work()).await.unwrap();
    assert_eq!(unit.waiting_reminders(0, 200).await.unwrap().len(), 200);
    assert!(unit.unsettled_reminders(at(DAY), 0, 200).await.unwrap().is_empty());
    drop(unit);
    assert_eq!(whole_reads(&store).await, before);
    store.pool().close().await;
}
