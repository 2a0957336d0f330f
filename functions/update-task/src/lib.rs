//! Changes a task's fields, and announces the changed ones, in one transaction.

use domain::Task;
use domain::command::UpdateTask;
use domain::event::{CommandType, EventType};
use domain::routes;
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::UPDATE_TASK).command(CommandType::TaskUpdate, update)
}

async fn update(change: &mut Change, command: UpdateTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    let changed = command.apply(&task, change.now())?;
    Ok(change.unit.save_task(&task, changed, EventType::TaskUpdated).await?)
}
