//! Creates the next occurrence of a task that was completed, once.
//!
//! The task's row decides whether an occurrence is owed, so an event that comes twice, late or out of order creates nothing. A parent has at
//! most one occurrence (a unique index).

use domain::event::TaskEvent;
use domain::routes;
use function::{Change, Delivery, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SPAWN_RECURRENCE).consumer(spawn)
}

async fn spawn(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event: TaskEvent = delivery.data()?;
    change.unit.spawn_announced(event.task_id).await?;
    Ok(())
}
