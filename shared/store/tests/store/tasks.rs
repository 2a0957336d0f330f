//! Single tasks: stored as given, versions, occurrences, rollback, and concurrent changes.

use domain::event::EventType;
use domain::task::{Draft, Priority, Recurrence, RecurrenceFrom, Status};
use domain::{Task, Timestamp};
use store::{Error, IfMatch, TagCount};

use crate::database::fresh;
use crate::fixtures::{at, create, draft, list, work, work_at, work_if};

fn full() -> Draft {
    Draft(Task {
        title: "Öl wechseln 🚗".to_owned(),
        description: "Zeile eins\nZeile \"zwei\" \\ % _".to_owned(),
        due_date: Some("9998-12-31T22:00:00.999999Z".parse().unwrap()),
        time_zone: "Europe/Berlin".parse().unwrap(),
        recurrence: Recurrence::Custom,
        recurrence_rule: Some("FREQ=MONTHLY;BYMONTHDAY=-1".parse().unwrap()),
        recurrence_from: RecurrenceFrom::Completion,
        recurrence_start: Some("0001-01-01T00:00:00Z".parse().unwrap()),
        recurrence_id: Some("9998-11-30T22:00:00.999999Z".parse().unwrap()),
        recurrence_exdates: vec!["0001-01-31".parse().unwrap(), "2027-02-28T08:00:00Z".parse().unwrap()],
        recurrence_number: 7,
        priority: Priority::High,
        tags: vec!["zuhause".to_owned(), "auto".to_owned()],
        parent_task_id: Some(99),
        reminder_offset: Some("1 hour".parse().unwrap()),
        ..draft("").0
    })
}

pub(crate) fn completed(task: &Task, when: Timestamp) -> Task {
    Task { status: Status::Completed, completed_at: Some(when), ..task.clone() }
}

#[tokio::test]
async fn a_task_is_read_back_as_it_was_written() {
    let store = fresh().await;
    let made = create(&store, full()).await;
    assert!(!made.uid.is_nil());
    assert_eq!(made, Task { uid: made.uid, ..full().created(made.id, at(0)) });
    assert_eq!(store.task(made.id).await.unwrap(), made);
    assert!(matches!(store.task(made.id + 1).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn every_field_of_a_change_is_kept_and_the_version_grows() {
    let store = fresh().await;
    let plain = create(&store, draft("plain")).await;
    let template = create(&store, full()).await;
    let mut unit = store.begin(work_at(at(60))).await.unwrap();
    let before = unit.task(plain.id).await.unwrap();
    let after = Task { parent_task_id: Some(98), ..completed(&template, at(59)) };
    let saved = unit.save_task(&before, after.clone(), EventType::TaskUpdated).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(saved, Task { id: plain.id, uid: plain.uid, version: 2, created_at: at(0), updated_at: at(60), ..after });
    assert_eq!(store.task(plain.id).await.unwrap(), saved);
    assert_eq!(crate::fixtures::titles(&store, &crate::fixtures::search("zeile", |_| ())).await.len(), 2);
}

#[tokio::test]
async fn a_change_of_nothing_announces_nothing() {
    let store = fresh().await;
    let task = create(&store, draft("same")).await;
    let mut unit = store.begin(work_at(at(60))).await.unwrap();
    let before = unit.task(task.id).await.unwrap();
    let after = Task { version: 9, updated_at: at(60), ..before.clone() };
    assert_eq!(unit.save_task(&before, after, EventType::TaskUpdated).await.unwrap(), before);
    assert!(unit.commit().await.unwrap().events.is_empty());
}

#[tokio::test]
async fn a_change_on_top_of_an_old_state_is_stale() {
    let store = fresh().await;
    let task = create(&store, draft("moved on")).await;
    let mut unit = store.begin(work()).await.unwrap();
    let newer = unit.save_task(&task, Task { title: "newer".to_owned(), ..task.clone() }, EventType::TaskUpdated).await.unwrap();
    let late = unit.save_task(&task, Task { title: "late".to_owned(), ..task.clone() }, EventType::TaskUpdated).await;
    assert!(matches!(late, Err(Error::Stale)));
    assert_eq!(newer.version, 2);
}

#[tokio::test]
async fn if_match_names_the_version_that_may_be_changed() {
    let store = fresh().await;
    let task = create(&store, draft("versioned")).await;
    for (if_match, good) in [
        (IfMatch::Any, true),
        (IfMatch::Versions(vec![3, 1]), true),
        (IfMatch::Versions(vec![2]), false),
        (IfMatch::Versions(Vec::new()), false),
    ] {
        let mut unit = store.begin(work_if(if_match.clone())).await.unwrap();
        match unit.task(task.id).await {
            Ok(_) => assert!(good, "{if_match:?}"),
            Err(Error::Stale) => assert!(!good, "{if_match:?}"),
            Err(error) => panic!("{error:?}"),
        }
        assert!(matches!(unit.task(task.id + 1).await, Err(Error::NotFound)));
    }
}

#[tokio::test]
async fn a_deleted_task_is_gone_from_everywhere() {
    let store = fresh().await;
    let task = create(&store, Draft(Task { tags: vec!["x".to_owned()], ..draft("ephemeral").0 })).await;
    let mut unit = store.begin(work()).await.unwrap();
    let task = unit.task(task.id).await.unwrap();
    unit.delete_task(&task).await.unwrap();
    assert!(matches!(unit.delete_task(&task).await, Err(Error::NotFound)));
    unit.commit().await.unwrap();
    assert!(matches!(store.task(task.id).await, Err(Error::NotFound)));
    assert_eq!(store.tasks(&list(|_| ())).await.unwrap().total_count, 0);
    assert_eq!(store.tasks(&crate::fixtures::search("ephemeral", |_| ())).await.unwrap().total_count, 0);
    assert!(store.tags().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_unit_that_is_dropped_leaves_nothing() {
    let store = fresh().await;
    let mut unit = store.begin(work()).await.unwrap();
    let task = unit.create_task(draft("never")).await.unwrap();
    unit.create_notification(task.id, 1, "t", "b").await.unwrap();
    assert!(unit.first_delivery("c", "s", "e").await.unwrap());
    drop(unit);
    assert!(matches!(store.task(task.id).await, Err(Error::NotFound)));
    assert_eq!(store.outbox_depth().await.unwrap(), 0);
    assert_eq!(store.last_notification_id().await.unwrap(), 0);
    assert!(store.begin(work()).await.unwrap().first_delivery("c", "s", "e").await.unwrap());
    assert_eq!(store.tasks(&list(|_| ())).await.unwrap().total_count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_creations_of_an_occurrence_create_one() {
    let store = fresh().await;
    let parent = create(&store, draft("parent")).await;
    let child = || Draft(Task { parent_task_id: Some(parent.id), ..draft("child").0 });
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, child) = (store.clone(), child());
            tokio::spawn(async move {
                let mut unit = store.begin(work()).await.unwrap();
                let made = unit.create_occurrence(child).await.unwrap();
                unit.commit().await.unwrap();
                made
            })
        })
        .collect();
    let mut made = Vec::new();
    for task in tasks {
        made.extend(task.await.unwrap());
    }
    assert_eq!(made.len(), 1);
    let mut unit = store.begin(work()).await.unwrap();
    assert_eq!(unit.occurrence_of(parent.id).await.unwrap().as_ref(), made.first());
    assert_eq!(unit.occurrence_of(made.first().unwrap().id).await.unwrap(), None);
    assert_eq!(store.tasks(&list(|_| ())).await.unwrap().total_count, 2);
}

#[tokio::test]
async fn tags_are_counted_the_most_used_first() {
    let store = fresh().await;
    for tags in [vec!["home", "b"], vec!["home", "ä"], vec!["a", "b", "home"], vec![]] {
        create(&store, Draft(Task { tags: tags.into_iter().map(str::to_owned).collect(), ..draft("tagged").0 })).await;
    }
    let count = |tag: &str, count| TagCount { tag: tag.to_owned(), count };
    assert_eq!(store.tags().await.unwrap(), [count("home", 3), count("b", 2), count("a", 1), count("ä", 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_changes_at_once_end_without_deadlock_and_the_counts_are_exact() {
    let store = fresh().await;
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(create(&store, draft(&format!("task {number}"))).await.id);
    }
    let workers: Vec<_> = (0..12_usize)
        .map(|worker| {
            let (store, ids) = (store.clone(), ids.clone());
            tokio::spawn(async move {
                for round in 0..25_usize {
                    let id = *ids.get((worker * 5 + round * 3) % ids.len()).unwrap();
                    let mut unit = store.begin(work_at(at(1))).await.unwrap();
                    let task = unit.task(id).await.unwrap();
                    let extra = unit.create_task(draft("extra")).await.unwrap();
                    let after = match task.status {
                        Status::Pending => completed(&task, at(1)),
                        Status::Completed => Task { status: Status::Pending, completed_at: None, ..task.clone() },
                    };
                    unit.save_task(&task, after, EventType::TaskUpdated).await.unwrap();
                    unit.create_notification(id, 1, "t", "b").await.unwrap();
                    if round % 2 == 0 {
                        unit.delete_task(&extra).await.unwrap();
                    }
                    if round % 5 != 4 {
                        unit.commit().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    for status in [None, Some(Status::Pending), Some(Status::Completed)] {
        let kept = store.tasks(&list(|list| list.filter.status = status)).await.unwrap().total_count;
        let name = status.map(|status| if status == Status::Pending { "pending" } else { "completed" });
        let counted: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks WHERE $1 IS NULL OR status = $1")
            .bind(name)
            .fetch_one(store.pool())
            .await
            .unwrap();
        assert_eq!(kept, counted, "{status:?}");
    }
    let versions: i64 = sqlx::query_scalar("SELECT sum(version - 1)::bigint FROM tasks").fetch_one(store.pool()).await.unwrap();
    assert_eq!(versions, 12 * 20);
}
