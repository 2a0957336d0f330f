//! Writes a task's reminders: those that somebody asks for, and the one that the task itself asks for, which follows its due date.
//!
//! The consumer reads the task as it is now, not as the event tells it, so events that come twice or late do no harm.

use domain::command::ScheduleReminder;
use domain::event::{CommandType, TaskEvent};
use domain::reminder::ReminderType;
use domain::task::Status;
use domain::{Invalid, Reminder, ReminderOffset, Task, Timestamp, routes};
use function::{Change, Delivery, Error, Function};
use store::{NewReminder, StoredReminder};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SCHEDULE_REMINDER).command(CommandType::ReminderSchedule, schedule).consumer(follow_task)
}

async fn schedule(change: &mut Change, command: ScheduleReminder) -> Result<Reminder, Error> {
    let task = change.task(command.task_id).await?;
    if task.status == Status::Completed {
        return Err(Error::Conflict("the task is completed".to_owned()));
    }
    let due = task.due_date.ok_or_else(|| Invalid::field("/task_id", "a reminder needs a due_date, and the task has none"))?;
    if due <= change.now() {
        return Err(Invalid::field("/task_id", "the task's due_date has passed: there is nothing to remind of").into());
    }
    let offset = command.reminder_offset;
    let at = task.reminder_at(offset).ok_or_else(|| Invalid::field("/reminder_offset", "too long before the due_date"))?;
    let reminders = change.reminders_of(task.id).await?;
    match reminders.into_iter().find(|stored| stored.reminder.is_waiting() && stored.reminder.scheduled_at == at) {
        Some(same) => Ok(same.reminder),
        None => create(change, &task, at, offset, false).await,
    }
}

/// Brings a task's reminders in line with the task.
async fn follow_task(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event: TaskEvent = delivery.data()?;
    let task = match change.task(event.task_id).await {
        // What becomes of reminders then is cancel-reminder's business, which is not told of a completed task without a due date.
        Err(store::Error::NotFound) => return Ok(()),
        Ok(task) if task.status == Status::Completed && task.due_date.is_some() => return Ok(()),
        task => task?,
    };
    let reminders = change.reminders_of(task.id).await?;
    // As it was when the task was changed: an event that waited for a restart past the due date still has its reminder fire, late.
    let ahead = task.due_date.is_some_and(|due| due > event.timestamp);
    for stored in &reminders {
        follow(change, &task, stored, ahead).await?;
    }
    if let Some(offset) = task.reminder_offset.filter(|_| ahead)
        && let Some(at) = task.reminder_at(offset)
        && !reminders.iter().any(|stored| stored.of_task && stands_for(stored, at, offset))
    {
        create(change, &task, at, offset, true).await?;
    }
    Ok(())
}

/// Moves, brings back or cancels one reminder.
async fn follow(change: &mut Change, task: &Task, stored: &StoredReminder, ahead: bool) -> Result<(), Error> {
    let reminder = &stored.reminder;
    let offset = if stored.of_task { task.reminder_offset } else { Some(reminder.reminder_offset) };
    let wanted = offset.filter(|_| ahead).and_then(|offset| Some((task.reminder_at(offset)?, offset)));
    match wanted {
        Some((at, offset)) if stored.cancelled_with_task => {
            change.reschedule_reminder(reminder, at, offset).await?;
        }
        Some((at, offset)) if reminder.is_waiting() && (at, offset) != (reminder.scheduled_at, reminder.reminder_offset) => {
            change.reschedule_reminder(reminder, at, offset).await?;
        }
        None if reminder.is_waiting() => {
            change.cancel_reminder(reminder, false).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Whether a reminder of the task needs no other beside it: it waits, comes back, or was there for this very moment already.
fn stands_for(stored: &StoredReminder, at: Timestamp, offset: ReminderOffset) -> bool {
    let reminder = &stored.reminder;
    reminder.is_waiting() || stored.cancelled_with_task || (reminder.scheduled_at == at && reminder.reminder_offset == offset)
}

async fn create(
    change: &mut Change,
    task: &Task,
    scheduled_at: Timestamp,
    offset: ReminderOffset,
    of_task: bool,
) -> Result<Reminder, Error> {
    let kind = if change.app.settings.webhook_url.is_some() { ReminderType::Webhook } else { ReminderType::Websocket };
    Ok(change.create_reminder(NewReminder { task_id: task.id, scheduled_at, offset, kind, of_task }).await?)
}
