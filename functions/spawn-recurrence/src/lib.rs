//! Creates the next occurrence of a task that was completed, once.
//!
//! Once, because a parent has at most one occurrence (a unique index), whatever is delivered how often.

use domain::Task;
use domain::event::TaskEvent;
use domain::routes;
use domain::task::{Draft, Status};
use function::{Change, Delivery, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SPAWN_RECURRENCE).consumer(spawn)
}

async fn spawn(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event: TaskEvent = delivery.data()?;
    let next = match change.task(event.task_id).await {
        // Deleted right after it was completed: its chain goes on all the same. What the event says of it is not ours to trust.
        Err(store::Error::NotFound) => {
            next(&event.task_data).map(Draft::checked).transpose().map_err(|invalid| invalid.under("/data/task_data"))?
        }
        task => next(&task?),
    };
    if let Some(next) = next {
        change.create_occurrence(next).await?;
    }
    Ok(())
}

/// The next occurrence, unless the task was reopened meanwhile or its chain ends.
fn next(task: &Task) -> Option<Draft> {
    if task.status == Status::Completed { task.next_occurrence() } else { None }
}
