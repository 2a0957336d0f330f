//! The counts of tags are exact, even with concurrent changes.

use domain::Task;
use domain::event::EventType;
use domain::task::Draft;
use store::{Store, TagCount};

use crate::database::fresh;
use crate::fixtures::{create, draft, work};

fn tagged(tags: &[&str]) -> Draft {
    Draft(Task { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..draft("tagged").0 })
}

async fn counts(store: &Store) -> Vec<(String, i64)> {
    store.tags().await.unwrap().into_iter().map(|TagCount { tag, count }| (tag, count)).collect()
}

async fn counted(store: &Store) -> Vec<(String, i64)> {
    let sql = "SELECT tag, count(*) FROM tasks CROSS JOIN unnest(tags) AS tag GROUP BY tag ORDER BY 2 DESC, tag COLLATE \"C\"";
    sqlx::query_as(sql).fetch_all(store.pool()).await.unwrap()
}

#[tokio::test]
async fn changes_of_the_same_tag_do_not_wait_for_each_other() {
    let store = fresh().await;
    let mut units = Vec::new();
    for _ in 0..3 {
        let mut unit = store.begin(work()).await.unwrap();
        unit.create_task(tagged(&["home", "work"])).await.unwrap();
        units.push(unit);
    }
    // The counts are exact even if they are added up while changes are open.
    sqlx::query("SELECT add_up_tags()").execute(store.pool()).await.unwrap();
    for unit in units {
        unit.commit().await.unwrap();
    }
    assert_eq!(counts(&store).await, [("home".to_owned(), 3), ("work".to_owned(), 3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counts_are_exact_after_every_change_and_every_sum() {
    let store = fresh().await;
    let names = ["a", "b", "c", "d", "e"];
    let workers: Vec<_> = (0..6_usize)
        .map(|worker| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..30_usize {
                    let tags: Vec<&str> = names.iter().copied().skip((worker + round) % 4).collect();
                    let task = create(&store, tagged(&tags)).await;
                    let mut unit = store.begin(work()).await.unwrap();
                    let before = unit.task(task.id).await.unwrap();
                    let after = Task { tags: vec![names[round % 5].to_owned(), "f".to_owned()], ..before.clone() };
                    let after = unit.save_task(&before, after, EventType::TaskUpdated).await.unwrap();
                    match round % 3 {
                        0 => unit.commit().await.map(drop).unwrap(),
                        1 => {
                            unit.delete_task(&after).await.unwrap();
                            unit.commit().await.unwrap();
                        }
                        _ => drop(unit),
                    }
                    if round % 7 == worker {
                        sqlx::query("SELECT add_up_tags()").execute(store.pool()).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(counts(&store).await, counted(&store).await);
    store.tidy_tags().await.unwrap();
    assert_eq!(counts(&store).await, counted(&store).await);
    let appended: i64 = sqlx::query_scalar("SELECT count(*) FROM tag_changes").fetch_one(store.pool()).await.unwrap();
    assert_eq!(appended, 0, "all of it is added up");
}

#[tokio::test]
async fn a_tag_that_no_task_has_is_none_and_is_forgotten() {
    let store = fresh().await;
    let task = create(&store, tagged(&["gone"])).await;
    store.tidy_tags().await.unwrap();
    let mut unit = store.begin(work()).await.unwrap();
    let task = unit.task(task.id).await.unwrap();
    unit.delete_task(&task).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(counts(&store).await, []);
    // The first statement adds it up, and the next deletes it.
    store.tidy_tags().await.unwrap();
    store.tidy_tags().await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM tag_counts").fetch_one(store.pool()).await.unwrap();
    assert_eq!(kept, 0);
}
