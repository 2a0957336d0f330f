//! Undoes one change of a task, in one transaction. The `Taskflow-Change` header of the change's response identifies it. An undo is itself a change,
//! so it can be undone.

use domain::Task;
use domain::command::Undo;
use domain::event::CommandType;
use domain::routes;
use function::{Change, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::UNDO).command(CommandType::TaskUndo, undo)
}

async fn undo(change: &mut Change, command: Undo) -> Result<Task, Error> {
    Ok(change.unit.undo(command.change_id).await?)
}
