//! The previous release may still be running on the migrated database: what it writes is found, counted and folded again.

use domain::Task;
use domain::query::TaskFilter;
use domain::task::Draft;
use store::{Store, TagCount};

use crate::database::{Fresh, fresh};
use crate::fixtures::{create, draft, list, search, titles};

/// The statements of the previous release, with its folding.
const CREATE: &str = "WITH created AS (INSERT INTO tasks (title, title_key, description, time_zone, recurrence, recurrence_from, recurrence_number, \
     priority, tags, status, version, created_at, updated_at) VALUES ($1, $1, '', 'UTC', 'none', 'due', 1, 1, $2, 'pending', 1, now(), now()) \
     RETURNING id), found_by AS (INSERT INTO task_search (task_id, folded_title, folded_text) SELECT id, $3, $3 || E'\\n ' FROM created) \
     SELECT id FROM created";
const UPDATE_TEXT: &str = "WITH found_by AS (UPDATE task_search SET folded_title = $2, folded_text = $2 || E'\\n ' WHERE task_id = $1) \
     UPDATE tasks SET (title, tags, version) = ROW ($3, tags, version + 1) WHERE id = $1";
const UPDATE: &str = "UPDATE tasks SET (title, tags, version) = ROW (title, $2::text[], version + 1) WHERE id = $1";
const DELETE: &str = "WITH found_by AS (DELETE FROM task_search WHERE task_id = $1) DELETE FROM tasks WHERE id = $1";

async fn made_before(store: &Store, title: &str, tags: &[&str], folded: &str) -> i64 {
    sqlx::query_scalar(CREATE).bind(title).bind(tags).bind(folded).fetch_one(store.pool()).await.unwrap()
}

async fn found(store: &Fresh, query: &str) -> Vec<String> {
    titles(store, &search(query, |_| ())).await
}

async fn noted(store: &Store) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM task_refolds").fetch_one(store.pool()).await.unwrap()
}

#[tokio::test]
async fn texts_that_the_previous_release_writes_are_folded_again() {
    let store = fresh().await;
    let id = made_before(&store, "Exupéry", &["café", "cafe\u{301}"], " exupAKOTry ").await;
    let gone = made_before(&store, "gone", &[], " gone ").await;
    let ours = create(&store, Draft(Task { tags: vec!["home".to_owned()], ..draft("Łódź").0 })).await;
    assert_eq!((found(&store, "exupery").await, noted(&store).await), (vec![], 2));
    sqlx::query(DELETE).bind(gone).execute(store.pool()).await.unwrap();
    assert_eq!(store.refold().await.unwrap(), 2);
    assert_eq!((found(&store, "exupery").await, found(&store, "#cafe").await), (vec!["Exupéry".to_owned()], vec!["Exupéry".to_owned()]));
    assert_eq!(store.task(id).await.unwrap().tags, ["café"], "the same letters are the same tag");
    assert_eq!(store.tags().await.unwrap(), [TagCount { tag: "café".to_owned(), count: 1 }, TagCount { tag: "home".to_owned(), count: 1 }]);
    assert_eq!((noted(&store).await, store.refold().await.unwrap()), (0, 0));

    // Changes the text, and then the tags, of a task of this release.
    sqlx::query(UPDATE_TEXT).bind(ours.id).bind(" gdaAKOTsk ").bind("Gdańsk").execute(store.pool()).await.unwrap();
    assert_eq!((noted(&store).await, found(&store, "gdansk").await), (1, vec![]));
    assert_eq!((store.refold().await.unwrap(), found(&store, "gdansk").await), (1, vec!["Gdańsk".to_owned()]));
    sqlx::query(UPDATE).bind(ours.id).bind(["garden"]).execute(store.pool()).await.unwrap();
    assert_eq!((noted(&store).await, found(&store, "#garden").await), (1, vec![]));
    assert_eq!((store.refold().await.unwrap(), found(&store, "#garden").await), (1, vec!["Gdańsk".to_owned()]));
    // A change of other fields needs no folding.
    sqlx::query(UPDATE).bind(ours.id).bind(["garden"]).execute(store.pool()).await.unwrap();
    assert_eq!(noted(&store).await, 0);
}

#[tokio::test]
async fn texts_that_this_release_writes_need_no_folding() {
    let store = fresh().await;
    let task = create(&store, Draft(Task { tags: vec!["home".to_owned()], ..draft("Exupéry").0 })).await;
    for change in [
        Task { title: "Ærø".to_owned(), ..task.clone() },
        Task { tags: vec!["a".to_owned()], ..task.clone() },
        Task { priority: domain::task::Priority::High, ..task.clone() },
    ] {
        let mut unit = store.begin(crate::fixtures::work()).await.unwrap();
        let before = unit.task(task.id).await.unwrap();
        unit.save_task(&before, change, domain::event::EventType::TaskUpdated).await.unwrap();
        unit.commit().await.unwrap();
    }
    let mut unit = store.begin(crate::fixtures::work()).await.unwrap();
    let before = unit.task(task.id).await.unwrap();
    unit.delete_task(&before).await.unwrap();
    unit.restore_task(task.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(noted(&store).await, 0);
}

#[tokio::test]
async fn more_than_a_batch_is_folded_again_and_a_locked_task_is_skipped() {
    let store = fresh().await;
    sqlx::query(
        "WITH created AS (INSERT INTO tasks (title, title_key, description, time_zone, recurrence, recurrence_from, recurrence_number, priority, \
         tags, status, version, created_at, updated_at) SELECT 'é ' || n, 'é', '', 'UTC', 'none', 'due', 1, 1, '{}', 'pending', 1, now(), now() \
         FROM generate_series(1, 1200) AS n RETURNING id) \
         INSERT INTO task_search (task_id, folded_title, folded_text) SELECT id, '', '' FROM created",
    )
    .execute(store.pool())
    .await
    .unwrap();
    let mut unit = store.begin(crate::fixtures::work()).await.unwrap();
    unit.task(1).await.unwrap();
    assert_eq!(store.refold().await.unwrap(), 1_199);
    unit.commit().await.unwrap();
    assert_eq!(store.refold().await.unwrap(), 1);
    assert_eq!(store.tasks(&search("e", |_| ())).await.unwrap().total_count, 1_200);
}

#[tokio::test]
async fn tasks_of_the_previous_release_can_be_deleted_and_restored() {
    let store = fresh().await;
    let id = made_before(&store, "Exupéry", &["home"], " exupAKOTry ").await;
    let task = store.task(id).await.unwrap();
    assert!(!task.uid.is_nil());
    let mut unit = store.begin(crate::fixtures::work()).await.unwrap();
    unit.delete_task(&task).await.unwrap();
    let back = unit.restore_task(id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!((back.uid, store.task(id).await.unwrap()), (task.uid, back));
    assert_eq!(titles(&store, &list(|list| list.filter = TaskFilter::default())).await, ["Exupéry"]);
}

#[tokio::test]
async fn the_trash_has_the_columns_of_tasks_in_their_order() {
    let store = fresh().await;
    let columns = async |table: &str| -> Vec<(String, String)> {
        let sql =
            "SELECT column_name::text, udt_name::text FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position";
        sqlx::query_as(sql).bind(table).fetch_all(store.pool()).await.unwrap()
    };
    let trashed = columns("trashed_tasks").await;
    assert_eq!(trashed[0].0, "deleted_at");
    assert_eq!(trashed[1..], columns("tasks").await);
}
