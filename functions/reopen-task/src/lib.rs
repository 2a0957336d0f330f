//! Reopens a completed task, in one transaction. Its next occurrence is deleted permanently, unless it was changed. schedule-reminder then restores
//! its reminders.

use domain::Task;
use domain::command::ReopenTask;
use domain::event::CommandType;
use domain::routes;
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::REOPEN_TASK).command(CommandType::TaskReopen, reopen)
}

async fn reopen(change: &mut Change, command: ReopenTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    Ok(change.unit.reopen_task(task).await?)
}
