//! Reopens a completed task, in one transaction. Its next occurrence goes for good if nobody has touched it.
//! Its reminders come back through schedule-reminder, which hears of the change.

use domain::Task;
use domain::command::ReopenTask;
use domain::event::CommandType;
use domain::routes;
use function::{Change, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::REOPEN_TASK).command(CommandType::TaskReopen, reopen)
}

async fn reopen(change: &mut Change, command: ReopenTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    Ok(change.unit.reopen_task(task).await?)
}
