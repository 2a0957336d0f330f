//! Keeps the audit log: every event of tasks and reminders, once, for good.

use std::sync::Arc;

use cloudevents::AttributesReader;
use domain::query::ListAudit;
use domain::{USER_ID, routes};
use function::{Answer, App, Change, Delivery, Error, Function};
use http::HeaderName;
use serde_json::Value;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::RECORD_AUDIT).endpoint("listAudit", list).consumer(record)
}

async fn list(app: Arc<App>, query: ListAudit) -> Result<Answer, Error> {
    let window = query.window()?;
    let page = app.store()?.audit(&query, window).await?;
    Ok(Answer::json(&page.items)?.header(TOTAL_COUNT, page.total_count))
}

/// The part of an event's data that the log is searched by.
#[derive(serde::Deserialize)]
struct About {
    task_id: i64,
    task_data: Option<Parent>,
}

#[derive(serde::Deserialize)]
struct Parent {
    parent_task_id: Option<i64>,
}

async fn record(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let about: About = delivery.data()?;
    let parent = about.task_data.and_then(|task| task.parent_task_id);
    let event: Value = serde_json::to_value(&delivery.event)?;
    Ok(change.record(delivery.event.id(), delivery.event_type, about.task_id, parent, USER_ID, &event).await?)
}
