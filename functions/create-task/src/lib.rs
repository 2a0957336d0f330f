//! Makes a task and announces it, in one transaction.

use domain::Task;
use domain::command::CreateTask;
use domain::event::CommandType;
use domain::routes;
use function::{Change, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::CREATE_TASK).command(CommandType::TaskCreate, create)
}

async fn create(change: &mut Change, command: CreateTask) -> Result<Task, Error> {
    let draft = command.draft(change.now(), &change.app.settings.time_zone)?;
    Ok(change.unit.create_task(draft).await?)
}
