//! Moves a recurring task to its next occurrence without completing it, and announces it, in one transaction.
//!
//! schedule-reminder then moves pending reminders. Fired reminders that a call created are scheduled again.

use domain::command::SkipTask;
use domain::event::{CommandType, EventType};
use domain::routes;
use domain::task::{Recurrence, Status};
use domain::{Invalid, Task};
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SKIP_TASK).command(CommandType::TaskSkip, skip)
}

async fn skip(change: &mut Change, command: SkipTask) -> Result<Task, Error> {
    let task = change.unit.task(command.task_id).await?;
    if task.status == Status::Completed {
        return Err(Error::Conflict("the task is completed".to_owned()));
    }
    if task.recurrence == Recurrence::None {
        return Err(Invalid::field("/task_id", "the task does not recur: there is no next occurrence").into());
    }
    let skipped = task.skipped(change.now()).ok_or_else(|| Invalid::field("/task_id", "this is the last occurrence of the series"))?;
    let skipped = change.unit.save_task(&task, skipped, EventType::TaskUpdated).await?;
    change.unit.carry_reminders(task.id, &skipped).await?;
    Ok(skipped)
}
