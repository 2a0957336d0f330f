//! Appends every event of tasks and reminders to the audit log, once.
//!
//! An entry is what the bus delivered, not what a row confirms: rows change and are deleted, so they could not confirm an old event. The gateway
//! accepts facts from the bus alone. A late event is ordered by its task's version.

use std::sync::Arc;

use cloudevents::AttributesReader;
use domain::query::ListAudit;
use domain::routes;
use function::batch::Batches;
use function::{Answer, App, BoxFuture, Delivery, Error, Function, Published};
use store::NewAuditEntry;

/// Maximum number of entries that one statement writes.
const BATCH_MAX: usize = 100;

/// Entries that arrive while a statement runs share the next statement, because most of an entry's cost is its commit.
type Recording = Arc<Batches<NewAuditEntry, Option<()>>>;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    let recording = Batches::new(BATCH_MAX);
    Function::new(routes::RECORD_AUDIT).endpoint("listAudit", list).deliver(move |app, delivery| record(app, recording.clone(), delivery))
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

async fn record(app: Arc<App>, recording: Recording, delivery: Delivery) -> Result<Published, Error> {
    let about: About = delivery.data()?;
    let entry = NewAuditEntry {
        event_id: delivery.event.id().to_owned(),
        event_type: delivery.event_type,
        task_id: about.task_id,
        parent_task_id: about.task_data.and_then(|task| task.parent_task_id),
        event: serde_json::to_string(&delivery.event)?,
        created_at: app.now(),
    };
    let work = move |entries| -> BoxFuture<'static, _> { Box::pin(write(app.clone(), entries)) };
    recording.join_or_alone(entry, work).await?;
    Ok(Published::All)
}

async fn write(app: Arc<App>, entries: Vec<NewAuditEntry>) -> Result<Vec<()>, Error> {
    app.store()?.record(&entries).await?;
    Ok(vec![(); entries.len()])
}
