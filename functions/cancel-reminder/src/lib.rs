//! Cancels reminders: one that somebody names, and those of a task that was completed or deleted.

use domain::Reminder;
use domain::command::CancelReminder;
use domain::event::{CommandType, EventType, TaskEvent};
use domain::routes;
use domain::task::Status;
use function::{Change, Delivery, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::CANCEL_REMINDER).command(CommandType::ReminderCancel, cancel).consumer(follow_task)
}

async fn cancel(change: &mut Change, command: CancelReminder) -> Result<Reminder, Error> {
    let reminder = change.reminder(command.reminder_id).await?;
    if reminder.is_waiting() { Ok(change.cancel_reminder(&reminder, false).await?) } else { Ok(reminder) }
}

async fn follow_task(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event: TaskEvent = delivery.data()?;
    let is_over = match change.task(event.task_id).await {
        Err(store::Error::NotFound) => true,
        // Reopened meanwhile: its reminders are wanted.
        task => task?.status == Status::Completed,
    };
    if !is_over && delivery.event_type != EventType::TaskDeleted {
        return Ok(());
    }
    for stored in change.reminders_of(event.task_id).await? {
        if stored.reminder.is_waiting() {
            change.cancel_reminder(&stored.reminder, true).await?;
        }
    }
    Ok(())
}
