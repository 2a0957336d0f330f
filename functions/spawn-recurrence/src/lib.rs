//! Creates the next occurrence of a task that was completed, once.
//!
//! Once, because a parent has at most one occurrence (a unique index), whatever is delivered how often.

use domain::Task;
use domain::event::TaskEvent;
use domain::routes;
use domain::task::Status;
use function::{Change, Delivery, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SPAWN_RECURRENCE).consumer(spawn)
}

async fn spawn(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event: TaskEvent = delivery.data()?;
    let task = match change.task(event.task_id).await {
        // Deleted right after it was completed: its chain goes on all the same.
        Err(store::Error::NotFound) => event.task_data,
        task => task?,
    };
    if let Some(next) = next(&task) {
        change.create_occurrence(next).await?;
    }
    Ok(())
}

/// The next occurrence, unless the task was reopened meanwhile or its chain ends.
fn next(task: &Task) -> Option<domain::task::Draft> {
    if task.status == Status::Completed { task.next_occurrence() } else { None }
}
