//! The audit log: each event once, and whole chains.

use domain::event::EventType;
use domain::query::ListAudit;
use serde_json::json;
use store::{NewAuditEntry, Store};

use crate::database::fresh;
use crate::fixtures::work;

async fn record(store: &Store, rows: &[(&str, EventType, i64, Option<i64>)]) {
    let entries: Vec<_> = rows
        .iter()
        .copied()
        .map(|(event_id, event_type, task_id, parent_task_id)| {
            let (event_id, event) = (event_id.to_owned(), r#"{ "z": 1, "a": "ä" }"#.to_owned());
            NewAuditEntry { event_id, event_type, task_id, parent_task_id, event, created_at: work().now }
        })
        .collect();
    store.record(&entries).await.unwrap();
}

async fn found(store: &Store, query: ListAudit) -> (Vec<String>, i64) {
    let window = query.window().unwrap();
    let page = store.audit(&query, window).await.unwrap();
    (page.items.into_iter().map(|entry| entry.event_id).collect(), page.total_count)
}

#[tokio::test]
async fn an_event_is_kept_once_and_whole() {
    let store = fresh().await;
    record(&store, &[("e1", EventType::TaskCreated, 1, None), ("e1", EventType::TaskDeleted, 2, None)]).await;
    let query = ListAudit::default();
    let page = store.audit(&query, query.window().unwrap()).await.unwrap();
    assert_eq!(page.total_count, 1);
    let entry = page.items.first().unwrap();
    assert_eq!((entry.event_type, entry.task_id, entry.parent_task_id, entry.user_id), (EventType::TaskCreated, 1, None, 1));
    assert_eq!(entry.event_data, json!({ "z": 1, "a": "ä" }));
}

#[tokio::test]
async fn entries_are_found_by_task_type_and_chain_newest_first() {
    let store = fresh().await;
    record(
        &store,
        &[
            ("a", EventType::TaskCreated, 1, None),
            ("b", EventType::TaskCompleted, 1, None),
            ("c", EventType::TaskCreated, 2, Some(1)),
            ("other", EventType::TaskCreated, 9, None),
            ("d", EventType::ReminderScheduled, 2, None),
            ("e", EventType::TaskDeleted, 2, Some(1)),
            ("f", EventType::TaskCreated, 3, Some(2)),
            ("g", EventType::TaskCreated, 4, Some(3)),
        ],
    )
    .await;
    let of = |task_id, chain| ListAudit { task_id: Some(task_id), chain, ..ListAudit::default() };
    let names = |names: &str| names.chars().map(String::from).collect::<Vec<_>>();
    assert_eq!(found(&store, of(2, false)).await, (names("edc"), 3));
    for task in [1, 2, 3, 4] {
        assert_eq!(found(&store, of(task, true)).await, (names("gfedcba"), 7));
    }
    assert_eq!(found(&store, of(9, true)).await, (vec!["other".to_owned()], 1));
    assert_eq!(found(&store, of(5, true)).await, (Vec::new(), 0));
    let created = ListAudit { event_type: Some(EventType::TaskCreated), ..of(3, true) };
    assert_eq!(found(&store, created).await, (names("gfca"), 4));
    let typed = ListAudit { event_type: Some(EventType::TaskDeleted), ..ListAudit::default() };
    assert_eq!(found(&store, typed).await, (names("e"), 1));
    assert_eq!(found(&store, ListAudit { limit: Some(2), offset: Some(1), ..of(1, true) }).await, (names("fe"), 7));
    assert_eq!(found(&store, ListAudit { offset: Some(100), ..of(1, true) }).await, (Vec::new(), 7));
}

#[tokio::test]
async fn an_event_that_came_late_is_shown_by_its_version() {
    let store = fresh().await;
    let keep = async |event_id: &str, event_type, task_id, version: Option<i64>| {
        let event = json!({ "data": { "task_data": version.map(|version| json!({ "version": version })) } }).to_string();
        let entry =
            NewAuditEntry { event_id: event_id.to_owned(), event_type, task_id, parent_task_id: None, event, created_at: work().now };
        store.record(&[entry]).await.unwrap();
    };
    for (event_id, event_type, task_id, version) in [
        ("b", EventType::TaskUpdated, 1, Some(2)),
        ("a", EventType::TaskCreated, 1, Some(1)),
        ("x", EventType::TaskCreated, 2, Some(1)),
        // The restore (version 5) is recorded before the deletion, which created version 4 but names version 3.
        ("f", EventType::TaskRestored, 1, Some(5)),
        ("g", EventType::ReminderScheduled, 1, None),
        ("e", EventType::TaskDeleted, 1, Some(3)),
        ("c", EventType::TaskCompleted, 1, Some(3)),
        ("h", EventType::ReminderTriggered, 1, None),
    ] {
        keep(event_id, event_type, task_id, version).await;
    }
    let of = |chain| ListAudit { task_id: Some(1), chain, ..ListAudit::default() };
    for chain in [false, true] {
        assert_eq!(found(&store, of(chain)).await, (["h", "g", "f", "e", "c", "b", "a"].map(String::from).to_vec(), 7));
    }
    let page = ListAudit { limit: Some(2), offset: Some(3), ..of(false) };
    assert_eq!(found(&store, page).await, (["e", "c"].map(String::from).to_vec(), 7), "pages are of the same order");
    let deleted = ListAudit { event_type: Some(EventType::TaskDeleted), ..of(false) };
    assert_eq!(found(&store, deleted).await, (vec!["e".to_owned()], 1));
    let all = ["h", "c", "e", "g", "f", "x", "a", "b"].map(String::from).to_vec();
    assert_eq!(found(&store, ListAudit::default()).await, (all, 8), "without a task, as they came");
}
