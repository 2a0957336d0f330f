//! Sets a task's priority and announces it, in one transaction.

use domain::Task;
use domain::command::SetPriority;
use domain::event::{CommandType, EventType};
use domain::routes;
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SET_PRIORITY).command(CommandType::TaskSetPriority, set_priority)
}

async fn set_priority(change: &mut Change, command: SetPriority) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    let changed = Task { priority: command.priority, ..task.clone() };
    Ok(change.unit.save_task(&task, changed, EventType::TaskUpdated).await?)
}
