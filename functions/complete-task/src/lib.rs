//! Completes a task and announces it, in one transaction.

use domain::Task;
use domain::command::CompleteTask;
use domain::event::CommandType;
use domain::routes;
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::COMPLETE_TASK).command(CommandType::TaskComplete, complete)
}

async fn complete(change: &mut Change, command: CompleteTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    Ok(change.unit.complete_task(task).await?)
}
