//! Cancels reminders: one that somebody names, and those of a task that was completed or deleted.

use std::sync::Arc;

use domain::Reminder;
use domain::command::CancelReminder;
use domain::event::{CommandType, EventType, TaskEvent};
use domain::routes;
use domain::task::Status;
use function::{App, Change, Delivery, Error, Function, Published};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::CANCEL_REMINDER).command(CommandType::ReminderCancel, cancel).deliver(follow_task)
}

async fn cancel(change: &mut Change, command: CancelReminder) -> Result<Reminder, Error> {
    let reminder = change.reminder(command.reminder_id).await?;
    if reminder.is_waiting() { Ok(change.cancel_reminder(&reminder, false).await?) } else { Ok(reminder) }
}

/// Cancelling what waits is the same however often it is done, so no delivery is noted.
async fn follow_task(app: Arc<App>, delivery: Delivery) -> Result<Published, Error> {
    let event: TaskEvent = delivery.data()?;
    // Most tasks have no reminder: a look spares them the transaction. What waits was committed before the task was over, for
    // whoever writes a reminder locks the task.
    if !app.store()?.has_waiting_reminder(event.task_id).await? {
        return Ok(Published::All);
    }
    let origin = function::cloud_event::origin(&app, routes::CANCEL_REMINDER.name, &delivery.event);
    let mut change = app.change(origin, None).await?;
    let is_over = match change.task(event.task_id).await {
        Err(store::Error::NotFound) => true,
        // Reopened meanwhile: its reminders are wanted.
        task => task?.status == Status::Completed,
    };
    if !is_over && delivery.event_type != EventType::TaskDeleted {
        return Ok(Published::All);
    }
    for stored in change.reminders_of(event.task_id).await? {
        if stored.reminder.is_waiting() {
            change.cancel_reminder(&stored.reminder, true).await?;
        }
    }
    change.commit().await
}
