//! The trash: lists tasks deleted in the last 30 days, restores a task, and empties it.
//!
//! schedule-reminder then restores the reminders of a restored task.

use std::sync::Arc;

use domain::Task;
use domain::command::RestoreTask;
use domain::event::CommandType;
use domain::query::ListTrash;
use domain::routes;
use function::{Answer, App, Change, Error, Function};
use http::StatusCode;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::TRASH).endpoint("listTrash", list).command(CommandType::TaskRestore, restore).endpoint("emptyTrash", empty)
}

async fn list(app: Arc<App>, query: ListTrash) -> Result<Answer, Error> {
    let window = query.window()?;
    Answer::page(&app.store()?.trash(window).await?, window)
}

async fn restore(change: &mut Change, command: RestoreTask) -> Result<Task, Error> {
    Ok(change.unit.restore_task(command.task_id).await?)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyTrash {}

async fn empty(app: Arc<App>, _: EmptyTrash) -> Result<Answer, Error> {
    app.store()?.empty_trash(app.now()).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
