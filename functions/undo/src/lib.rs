//! Takes back one change of a task, in one transaction: `Taskflow-Change` of the response to the change says which. That is a change itself, so an
//! undo can be undone.

use domain::Task;
use domain::command::Undo;
use domain::event::CommandType;
use domain::routes;
use function::{Change, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::UNDO).command(CommandType::TaskUndo, undo)
}

async fn undo(change: &mut Change, command: Undo) -> Result<Task, Error> {
    Ok(change.unit.undo(command.change_id).await?)
}
