//! Appends every event of tasks and reminders to the audit log, once.
//!
//! An entry is what the bus delivered, not what a row confirms: rows change and are deleted, so they could not confirm an old event. The gateway
//! accepts facts from the bus alone. A late event is ordered by its task's version.

use std::sync::Arc;

use cloudevents::AttributesReader;
use domain::query::ListAudit;
use domain::{USER_ID, routes};
use function::{Answer, App, Delivery, Error, Function, Published};
use store::NewAuditEntry;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::RECORD_AUDIT).endpoint("listAudit", list).deliver(record)
}

async fn list(app: Arc<App>, query: ListAudit) -> Result<Answer, Error> {
    let window = query.window()?;
    Answer::page(&app.store()?.audit(&query, window).await?, window)
}

/// The event data that the log is filtered by.
#[derive(serde::Deserialize)]
struct About {
    task_id: i64,
    task_data: Option<Parent>,
}

#[derive(serde::Deserialize)]
struct Parent {
    parent_task_id: Option<i64>,
}

async fn record(app: Arc<App>, delivery: Delivery) -> Result<Published, Error> {
    let about: About = delivery.data()?;
    let entry = NewAuditEntry {
        event_id: delivery.event.id(),
        event_type: delivery.event_type,
        task_id: about.task_id,
        parent_task_id: about.task_data.and_then(|task| task.parent_task_id),
        user_id: USER_ID,
        event: &serde_json::to_string(&delivery.event)?,
        created_at: app.now(),
    };
    app.store()?.record(entry).await?;
    Ok(Published::All)
}
