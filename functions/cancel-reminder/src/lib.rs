//! Cancels reminders: single ones on request, and all of a task that was completed or deleted.

use std::sync::Arc;

use domain::Reminder;
use domain::command::CancelReminder;
use domain::event::{CommandType, TaskEvent};
use domain::routes;
use function::{App, Change, Delivery, Error, Function, Published};
use store::found;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::CANCEL_REMINDER).command(CommandType::ReminderCancel, cancel).deliver(follow_task)
}

async fn cancel(change: &mut Change, command: CancelReminder) -> Result<Reminder, Error> {
    let reminder = change.unit.reminder_unlocked(command.reminder_id).await?;
    // The task is locked before its reminder. A deleted task may still have some.
    found(change.unit.task(reminder.task_id).await)?;
    let reminder = change.unit.reminder(reminder.id).await?;
    if reminder.is_waiting() { Ok(change.unit.cancel_reminder(&reminder, false).await?) } else { Ok(reminder) }
}

/// Updates a task's reminders, which cancels them if the task is completed or deleted. The row decides, not the event, because the task may have been
/// reopened since. This is idempotent, so the delivery is not recorded.
async fn follow_task(app: Arc<App>, delivery: Delivery) -> Result<Published, Error> {
    let event: TaskEvent = delivery.data()?;
    // Most tasks have no reminder, and this read saves the transaction. It misses no reminder: writing one locks the task, so a pending reminder was
    // committed before the task was completed.
    if !app.store()?.has_waiting_reminder(event.task_id).await? {
        return Ok(Published::All);
    }
    let origin = app.origin_of(routes::CANCEL_REMINDER.name, &delivery.event);
    let mut change = app.change_on(Some(("task_id", event.task_id)), origin, None).await?;
    change.unit.align_reminders(event.task_id).await?;
    change.commit().await
}
