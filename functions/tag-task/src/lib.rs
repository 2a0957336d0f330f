//! Adds and removes a task's tags, and announces it, in one transaction.

use domain::Task;
use domain::command::TagTask;
use domain::event::{CommandType, EventType};
use domain::routes;
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::TAG_TASK).command(CommandType::TaskAddTags, add).command(CommandType::TaskRemoveTags, remove)
}

async fn add(change: &mut Change, command: TagTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    let tagged = task.with_tags(&command.tags)?;
    Ok(change.unit.save_task(&task, tagged, EventType::TaskUpdated).await?)
}

async fn remove(change: &mut Change, command: TagTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    let untagged = task.without_tags(&command.tags)?;
    Ok(change.unit.save_task(&task, untagged, EventType::TaskUpdated).await?)
}
