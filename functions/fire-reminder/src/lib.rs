//! Fires a reminder at its time, once: announces it, and notify does the rest.
//!
//! The job is the shadow of the reminder's row: whatever the job says, the row decides.

use std::sync::Arc;
use std::time::Duration;

use domain::reminder::ReminderStatus;
use domain::task::Status;
use domain::{Reminder, routes};
use function::settings::WAKE_LEAD_MAX;
use function::{App, Change, Error, Function, JobCall, Published};
use store::found;

/// Failed attempts of one reminder after which it is given up.
const ATTEMPTS_MAX: i32 = 5;
/// A callback that comes earlier than this before its time is registered again instead of waited out.
const WAIT_MAX: Duration = WAKE_LEAD_MAX;

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::FIRE_REMINDER).job(fire)
}

async fn fire(app: Arc<App>, call: JobCall) -> Result<Published, Error> {
    // A job without a reminder ends: an error would have it called for ever.
    let Some(id) = call.id else { return Ok(Published::All) };
    match attempt(&app, id).await {
        // The scheduler calls again after any error. Only the reminder's own failures count: an outage must not end reminders.
        Err(error) if error.status().is_server_error() && !error.is_unavailable() => give_up(&app, id).await?.ok_or(error),
        result => result,
    }
}

async fn attempt(app: &Arc<App>, id: i64) -> Result<Published, Error> {
    loop {
        let mut change = app.change(app.origin(routes::FIRE_REMINDER.name), None).await?;
        let reminder = match resume(&mut change, id).await {
            Err(store::Error::NotFound) => return Ok(Published::All),
            Ok(reminder) if !reminder.is_waiting() => return Ok(Published::All),
            reminder => reminder?,
        };
        match reminder.scheduled_at.since(app.now()) {
            Duration::ZERO => return trigger(change, &reminder).await,
            ahead if ahead > WAIT_MAX => {
                change.unit.schedule_job(&reminder.dapr_job_id, reminder.task_id, reminder.scheduled_at);
                return change.commit().await;
            }
            ahead => {
                // Nothing is held while it waits; the row is read anew then.
                drop(change);
                tokio::time::sleep(ahead).await;
            }
        }
    }
}

/// Reads the reminder and locks it until the change ends. The change goes on in the trace of the one that scheduled it.
async fn resume(change: &mut Change, id: i64) -> Result<Reminder, store::Error> {
    let (reminder, cause) = change.unit.reminder_and_cause(id).await?;
    if let Some(cause) = cause {
        change.resume(cause);
    }
    Ok(reminder)
}

async fn trigger(mut change: Change, reminder: &Reminder) -> Result<Published, Error> {
    // Not locked: locking the task after its reminder would meet those who lock them the other way round. And on the change's own
    // connection: many fire at once, and if each held one and asked for another, none would get it.
    let task = found(change.unit.task_unlocked(reminder.task_id).await)?;
    let is_over = task.is_none_or(|task| task.status == Status::Completed);
    if is_over {
        change.unit.cancel_reminder(reminder, true).await?;
    } else {
        change.unit.trigger_reminder(reminder).await?;
    }
    change.commit().await
}

/// Counts a failed attempt; after the last one the reminder has failed, and its job ends.
async fn give_up(app: &Arc<App>, id: i64) -> Result<Option<Published>, Error> {
    let mut change = app.change(app.origin(routes::FIRE_REMINDER.name), None).await?;
    let attempts = change.unit.count_retry(id).await?;
    let is_last = attempts >= ATTEMPTS_MAX;
    if is_last {
        let reminder = resume(&mut change, id).await?;
        change.unit.finish_reminder(&reminder, ReminderStatus::Failed).await?;
        tracing::error!(reminder = id, attempts, "a reminder was given up");
    }
    let published = change.commit().await?;
    Ok(is_last.then_some(published))
}
