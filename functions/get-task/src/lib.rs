//! Answers one task, with its version as `ETag`.

use std::sync::Arc;

use domain::routes;
use function::{Answer, App, Error, Function};
use http::StatusCode;

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::GET_TASK).endpoint("getTask", get)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct GetTask {
    task_id: i64,
}

async fn get(app: Arc<App>, query: GetTask) -> Result<Answer, Error> {
    Answer::resource(&app.store()?.task(query.task_id).await?, StatusCode::OK)
}
