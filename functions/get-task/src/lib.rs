//! Answers one task, with its version as `ETag`.

use std::sync::Arc;

use domain::routes;
use function::answer::Outcome;
use function::{Answer, App, Error, Function};

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
    let task = app.store()?.task(query.task_id).await?;
    Ok(task.with_headers(Answer::json(&task)?, false))
}
