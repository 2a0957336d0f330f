//! Returns one task with its version as `ETag`, and its next due dates.

use std::sync::Arc;

use domain::query::ListOccurrences;
use domain::routes;
use function::{Answer, App, Error, Function};
use http::StatusCode;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::GET_TASK).endpoint("getTask", get).endpoint("listOccurrences", occurrences)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct GetTask {
    task_id: i64,
}

async fn get(app: Arc<App>, query: GetTask) -> Result<Answer, Error> {
    Answer::resource(&app.store()?.task(query.task_id).await?, StatusCode::OK)
}

async fn occurrences(app: Arc<App>, query: ListOccurrences) -> Result<Answer, Error> {
    let limit = query.limit()?;
    let task = app.store()?.task(query.task_id).await?;
    Answer::json(&task.occurrences(app.now(), limit))
}
