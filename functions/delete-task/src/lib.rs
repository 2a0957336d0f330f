//! Moves a task to the trash and announces it, in one transaction. cancel-reminder then cancels its reminders.

use domain::Task;
use domain::command::DeleteTask;
use domain::event::CommandType;
use domain::routes;
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::DELETE_TASK).command(CommandType::TaskDelete, delete)
}

async fn delete(change: &mut Change, command: DeleteTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    change.unit.delete_task(&task).await?;
    Ok(task)
}
