//! Cancels reminders: one that somebody names, and those of a task that was completed or deleted.

use std::sync::Arc;

use domain::Reminder;
use domain::command::CancelReminder;
use domain::event::{CommandType, TaskEvent};
use domain::routes;
use function::{App, Change, Delivery, Error, Function, Published};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::CANCEL_REMINDER).command(CommandType::ReminderCancel, cancel).deliver(follow_task)
}

async fn cancel(change: &mut Change, command: CancelReminder) -> Result<Reminder, Error> {
    let reminder = change.unit.reminder(command.reminder_id).await?;
    if reminder.is_waiting() { Ok(change.unit.cancel_reminder(&reminder, false).await?) } else { Ok(reminder) }
}

/// Brings a task's reminders in line with the task, which cancels them if it is over: its row decides, whatever the event says, because the task
/// may have been reopened since. Doing that again changes nothing, so no delivery is noted.
async fn follow_task(app: Arc<App>, delivery: Delivery) -> Result<Published, Error> {
    let event: TaskEvent = delivery.data()?;
    // Most tasks have no reminder: a look spares them the transaction. What waits was committed before the task was over, because
    // whoever writes a reminder locks the task.
    if !app.store()?.has_waiting_reminder(event.task_id).await? {
        return Ok(Published::All);
    }
    let origin = app.origin_of(routes::CANCEL_REMINDER.name, &delivery.event);
    let mut change = app.change_on(Some(("task_id", event.task_id)), origin, None).await?;
    change.unit.align_reminders(event.task_id).await?;
    change.commit().await
}
