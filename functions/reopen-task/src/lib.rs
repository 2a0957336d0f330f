//! Reopens a completed task, and takes back the next occurrence if nobody has touched it, in one transaction.
//! Its reminders come back through schedule-reminder, which hears of the change.

use domain::Task;
use domain::command::ReopenTask;
use domain::event::{CommandType, EventType};
use domain::routes;
use domain::task::Status;
use function::{Change, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::REOPEN_TASK).command(CommandType::TaskReopen, reopen)
}

async fn reopen(change: &mut Change, command: ReopenTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    if task.status == Status::Pending {
        return Ok(task);
    }
    if let Some(next) = change.unit.occurrence_of(task.id).await?
        && is_untouched(&next)
    {
        change.unit.delete_task(&next).await?;
    }
    let reopened = Task { status: Status::Pending, completed_at: None, ..task.clone() };
    Ok(change.unit.save_task(&task, reopened, EventType::TaskUpdated).await?)
}

/// Each change of a task makes a version.
fn is_untouched(task: &Task) -> bool {
    task.version == 1
}
