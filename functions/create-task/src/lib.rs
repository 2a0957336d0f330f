//! Creates a task and announces it, in one transaction.

use domain::Task;
use domain::command::{CreateTask, Field};
use domain::event::CommandType;
use domain::routes;
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::CREATE_TASK).command(CommandType::TaskCreate, create)
}

async fn create(change: &mut Change, command: CreateTask) -> Result<Task, Error> {
    // A caller that names a zone saves the query of the preferences.
    let zone = match &command.time_zone {
        Field::Set(zone) => zone.clone(),
        Field::Keep => change.preferences().await?.time_zone,
    };
    let draft = command.draft(change.now(), &zone)?;
    Ok(change.unit.create_task(draft).await?)
}
