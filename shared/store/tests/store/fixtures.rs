//! Test data.

use std::sync::Arc;

use domain::ambient::Ids;
use domain::event::Origin;
use domain::query::{ListTasks, SearchTasks, TaskQuery, Today};
use domain::task::Draft;
use domain::zone::Zone;
use domain::{Task, Timestamp};
use store::{IfMatch, Store, Work};
use uuid::Uuid;

struct FreshIds;

impl Ids for FreshIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Returns the moment this many seconds after the start of 2026.
pub(crate) fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Timestamp::from_microsecond(start.as_microsecond() + seconds * 1_000_000 + 123_456).unwrap()
}

pub(crate) fn work() -> Work {
    work_at(at(0))
}

pub(crate) fn work_at(now: Timestamp) -> Work {
    let origin = Origin { function: "create-task", correlation_id: "c-1".to_owned(), traceparent: None };
    Work { origin, now, ids: Arc::new(FreshIds), if_match: None }
}

pub(crate) fn work_if(if_match: IfMatch) -> Work {
    Work { if_match: Some(if_match), ..work() }
}

pub(crate) fn draft(title: &str) -> Draft {
    let Draft(empty) = Draft::new(Zone::utc());
    Draft(Task { title: title.to_owned(), ..empty })
}

pub(crate) async fn create(store: &Store, draft: Draft) -> Task {
    create_at(store, at(0), draft).await
}

pub(crate) async fn create_at(store: &Store, now: Timestamp, draft: Draft) -> Task {
    let mut unit = store.begin(work_at(now)).await.unwrap();
    let task = unit.create_task(draft).await.unwrap();
    unit.commit().await.unwrap();
    task
}

pub(crate) fn list(change: impl FnOnce(&mut ListTasks)) -> TaskQuery {
    let mut list = ListTasks::default();
    change(&mut list);
    list.checked(&Today { now: at(0), zone: Zone::utc() }).unwrap()
}

pub(crate) fn search(query: &str, change: impl FnOnce(&mut SearchTasks)) -> TaskQuery {
    let mut search = SearchTasks { query: Some(query.to_owned()), ..SearchTasks::default() };
    change(&mut search);
    search.checked(&Today { now: at(0), zone: Zone::utc() }).unwrap()
}

/// Returns the titles of the matching tasks, in order. The count must agree if the page shows all of them.
pub(crate) async fn titles(store: &Store, query: &TaskQuery) -> Vec<String> {
    let page = store.tasks(query).await.unwrap();
    if query.window.offset == 0 && page.total_count <= query.window.limit {
        assert_eq!(i64::try_from(page.items.len()).unwrap(), page.total_count);
    }
    page.items.into_iter().map(|task| task.title).collect()
}
