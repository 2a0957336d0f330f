//! Creates the next occurrence of a completed task, once.
//!
//! The task's row decides whether an occurrence is owed, so an event that is repeated, late or out of order creates nothing. A unique index limits a
//! parent to one occurrence.

use domain::event::TaskEvent;
use domain::routes;
use function::{Change, Delivery, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SPAWN_RECURRENCE).consumer(spawn)
}

async fn spawn(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event: TaskEvent = delivery.data()?;
    change.unit.spawn_announced(event.task_id).await?;
    Ok(())
}
