//! The outbox: what a unit writes, in which order it is taken, and by which publisher.

use cloudevents::{AttributesReader, Data};
use domain::event::{EventType, TaskEvent, TaskUpdate, Topic};
use serde_json::Value;
use store::{Entry, Store};

use crate::database::fresh;
use crate::fixtures::{at, create, draft, work, work_at};
use crate::locks::waiting_statements;

#[tokio::test]
async fn a_new_task_is_announced_to_consumers_and_pages() {
    let store = fresh().await;
    let mut unit = store.begin(work()).await.unwrap();
    let task = unit.create_task(draft("announced")).await.unwrap();
    let committed = unit.commit().await.unwrap();
    assert_eq!(committed.keys(), [task.id]);
    let [first, second] = committed.events.as_slice() else { panic!("{committed:?}") };
    assert_ne!(first.id(), second.id());
    assert_eq!((first.source().as_str(), first.subject()), ("/taskflow/create-task", Some(format!("task/{}", task.id).as_str())));
    let data = |event: &cloudevents::Event| match event.data() {
        Some(Data::Json(value)) => value.clone(),
        other => panic!("{other:?}"),
    };
    let event: TaskEvent = serde_json::from_value(data(first)).unwrap();
    assert_eq!((event.event_type, &event.task_data, event.correlation_id.as_str()), (EventType::TaskCreated, &task, "c-1"));
    let update: TaskUpdate = serde_json::from_value(data(second)).unwrap();
    assert_eq!(update.update_data.get("title").and_then(Value::as_str), Some("announced"));

    let batch = store.lock_outbox(&[task.id], false).await.unwrap().unwrap();
    let topics = batch.rows().iter().map(|row| match &row.entry {
        Entry::Event { topic, ty, payload } => (*topic, *ty, serde_json::from_str::<cloudevents::Event>(payload).unwrap()),
        other => panic!("{other:?}"),
    });
    let topics = topics.collect::<Vec<_>>();
    assert_eq!(
        topics,
        [(Topic::TaskEvents, EventType::TaskCreated, first.clone()), (Topic::TaskUpdates, EventType::TaskCreated, second.clone()),]
    );
}

#[tokio::test]
async fn pages_get_changed_fields_and_the_last_state_of_a_deleted_task() {
    let store = fresh().await;
    let task = create(&store, draft("before")).await;
    let mut unit = store.begin(work_at(at(1))).await.unwrap();
    let locked = unit.task(task.id).await.unwrap();
    let after =
        unit.save_task(&locked, domain::Task { title: "after".to_owned(), ..locked.clone() }, EventType::TaskUpdated).await.unwrap();
    unit.delete_task(&after).await.unwrap();
    let events = unit.commit().await.unwrap().events;
    let update = |index: usize| match events.get(index).unwrap().data() {
        Some(Data::Json(value)) => value.clone(),
        other => panic!("{other:?}"),
    };
    let changed: TaskUpdate = serde_json::from_value(update(1)).unwrap();
    assert_eq!(changed.update_data.keys().collect::<Vec<_>>(), ["title", "updated_at", "version"]);
    let deleted: TaskEvent = serde_json::from_value(update(2)).unwrap();
    assert_eq!((deleted.event_type, deleted.task_data), (EventType::TaskDeleted, after));
    let gone: TaskUpdate = serde_json::from_value(update(3)).unwrap();
    assert!(gone.update_data.is_empty());
}

/// Publishes everything that waits for a task, and returns it as words.
async fn drain(store: &Store, key: i64) -> Vec<String> {
    let batch = store.lock_outbox(&[key], true).await.unwrap().unwrap();
    let (ids, words): (Vec<(i64, i64)>, Vec<String>) = batch.rows().iter().map(|row| ((row.key, row.id), word(&row.entry))).unzip();
    assert!(ids.is_sorted());
    batch.done(&ids).await.unwrap();
    words
}

fn word(entry: &Entry) -> String {
    match entry {
        Entry::Event { ty, .. } => ty.to_string(),
        Entry::ScheduleJob { name, due_at } => format!("{name} at {due_at}"),
        Entry::CancelJob { name } => format!("no {name}"),
    }
}

#[tokio::test]
async fn rows_of_a_task_are_taken_in_the_order_in_which_they_were_written() {
    let store = fresh().await;
    let mut unit = store.begin(work()).await.unwrap();
    unit.schedule_job("job-1", 7, at(0));
    unit.emit(Topic::Reminders, EventType::ReminderCancelled, "reminder/1", 7, &serde_json::json!({})).unwrap();
    unit.schedule_job("job-8", 8, at(0));
    unit.cancel_job("job-1", 7);
    assert_eq!(unit.commit().await.unwrap().keys(), [7, 8]);
    assert_eq!(store.outbox_depth().await.unwrap(), 4);
    assert_eq!(store.outbox_keys(10).await.unwrap(), [7, 8]);
    assert_eq!(store.outbox_keys(1).await.unwrap(), [7]);
    assert_eq!(drain(&store, 7).await, ["job-1 at 2026-01-01T00:00:00.123456Z", "reminder.cancelled", "no job-1"]);
    assert_eq!(store.outbox_keys(10).await.unwrap(), [8]);
    assert_eq!(drain(&store, 7).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_publisher_at_a_time_for_a_task_and_the_next_gets_its_remaining_rows() {
    let store = fresh().await;
    let mut unit = store.begin(work()).await.unwrap();
    for name in ["a", "b", "c"] {
        unit.cancel_job(name, 7);
        unit.cancel_job(name, 8);
    }
    unit.commit().await.unwrap();
    let first = store.lock_outbox(&[7], true).await.unwrap().unwrap();
    assert!(store.lock_outbox(&[7], false).await.unwrap().is_none());
    assert_eq!(store.lock_outbox(&[8], false).await.unwrap().unwrap().rows().len(), 3);
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { drain(&store, 7).await }
    });
    // A row that is written meanwhile does not overtake.
    let mut unit = store.begin(work()).await.unwrap();
    unit.cancel_job("d", 7);
    unit.commit().await.unwrap();
    assert!(store.lock_outbox(&[7], false).await.unwrap().is_none());
    waiting_statements(&store, 1).await;
    assert!(!waiting.is_finished());
    let published: Vec<(i64, i64)> = first.rows().iter().take(1).map(|row| (row.key, row.id)).collect();
    first.done(&published).await.unwrap();
    let mut rest = waiting.await.unwrap();
    rest.extend(drain(&store, 7).await);
    assert_eq!(rest, ["no b", "no c", "no d"]);
    drop(store.lock_outbox(&[8], false).await.unwrap());
    assert_eq!(store.outbox_depth().await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_task_are_published_in_the_order_of_its_versions() {
    let store = fresh().await;
    let task = create(&store, draft("v")).await;
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..10 {
                    let mut unit = store.begin(work()).await.unwrap();
                    let before = unit.task(task.id).await.unwrap();
                    let after = domain::Task { title: format!("v {writer} {round}"), ..before.clone() };
                    unit.save_task(&before, after, EventType::TaskUpdated).await.unwrap();
                    unit.commit().await.unwrap();
                }
            })
        })
        .collect();
    let mut versions = Vec::new();
    while versions.len() < 61 {
        let batch = store.lock_outbox(&[task.id], true).await.unwrap().unwrap();
        for row in batch.rows() {
            let Entry::Event { topic: Topic::TaskEvents, payload, .. } = &row.entry else { continue };
            let event: Value = serde_json::from_str(payload).unwrap();
            versions.push(event.pointer("/data/task_data/version").and_then(Value::as_i64).unwrap());
        }
        let ids: Vec<(i64, i64)> = batch.rows().iter().map(|row| (row.key, row.id)).collect();
        batch.done(&ids).await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(versions, (1..=61).collect::<Vec<_>>());
    assert_eq!(store.outbox_depth().await.unwrap(), 0);
}
