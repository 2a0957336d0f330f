//! Completes a task and announces it, in one transaction.

use domain::Task;
use domain::command::CompleteTask;
use domain::event::{CommandType, EventType};
use domain::routes;
use domain::task::Status;
use function::{Change, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::COMPLETE_TASK).command(CommandType::TaskComplete, complete)
}

async fn complete(change: &mut Change, command: CompleteTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    if task.status == Status::Completed {
        return Ok(task);
    }
    let completed = Task { status: Status::Completed, completed_at: Some(change.now()), ..task.clone() };
    Ok(change.unit.save_task(&task, completed, EventType::TaskCompleted).await?)
}
