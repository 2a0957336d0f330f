//! Writes a task's reminders: those created by calls, and the task's own, which follows its due date.
//!
//! The consumer reads the current task, not the one in the event, so repeated, late or reordered events are harmless.

use domain::command::ScheduleReminder;
use domain::event::{CommandType, TaskEvent};
use domain::task::Status;
use domain::{Invalid, Reminder, routes};
use function::{Change, Delivery, Error, Function};
use store::NewReminder;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SCHEDULE_REMINDER).command(CommandType::ReminderSchedule, schedule).consumer(follow_task)
}

async fn schedule(change: &mut Change, command: ScheduleReminder) -> Result<Reminder, Error> {
    let task = change.unit.task(command.task_id).await?;
    if task.status == Status::Completed {
        return Err(Error::Conflict("the task is completed".to_owned()));
    }
    if task.due_date.is_none() {
        return Err(Invalid::field("/task_id", "a reminder needs a due_date, and the task has none").into());
    }
    if !task.is_due_after(change.now()) {
        return Err(Invalid::field("/task_id", "the task's due_date is in the past; move it first").into());
    }
    let channel = command.reminder_type;
    if let Some(channel) = channel.filter(|channel| !change.app.settings.channels().contains(channel)) {
        return Err(Invalid::field(
            "/reminder_type",
            format_args!("{} is not configured; set up the channel, or leave reminder_type out", channel.as_str()),
        )
        .into());
    }
    let offset = command.reminder_offset;
    let day_start = change.unit.day_start_of(Some(&task)).await?;
    let at = task.reminder_at(offset, day_start).ok_or_else(|| Invalid::field("/reminder_offset", "too long before the due_date"))?;
    let reminders = change.unit.reminders_of(task.id).await?;
    let is_same = |reminder: &Reminder| reminder.is_waiting() && reminder.scheduled_at == at && reminder.reminder_type == channel;
    let same = reminders.into_iter().map(|stored| stored.reminder).find(is_same);
    if let Some(same) = same {
        return Ok(same);
    }
    let new = NewReminder { task_id: task.id, scheduled_at: at, offset, channel, of_task: false };
    Ok(change.unit.create_reminder(new).await?)
}

/// Updates a task's reminders to the task's current state.
async fn follow_task(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event: TaskEvent = delivery.data()?;
    change.unit.align_reminders(event.task_id).await?;
    Ok(())
}
