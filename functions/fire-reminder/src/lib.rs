//! Fires a reminder at its time, once: announces it, and notify does the rest.
//!
//! The job is the shadow of the reminder's row: whatever the job says, the row decides.

use std::sync::Arc;
use std::time::Duration;

use domain::reminder::ReminderStatus;
use domain::task::Status;
use domain::{Reminder, Timestamp, routes};
use function::{App, Change, Error, Function, JobCall, Published};

/// Tries of one reminder before it is given up.
const TRIES_MAX: i32 = 5;
/// A callback that comes earlier than this before its time is registered again instead of waited out.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::FIRE_REMINDER).job(fire)
}

async fn fire(app: Arc<App>, call: JobCall) -> Result<Published, Error> {
    // A job without a reminder ends: an error would have it called for ever.
    let Some(id) = call.id else { return Ok(Published::All) };
    match attempt(&app, id).await {
        Err(error) if error.status().is_server_error() => give_up(&app, id).await?.ok_or(error),
        result => result,
    }
}

async fn attempt(app: &Arc<App>, id: i64) -> Result<Published, Error> {
    loop {
        let mut change = app.change(app.origin(routes::FIRE_REMINDER.name), None).await?;
        let reminder = match change.resume_reminder(id).await {
            Err(store::Error::NotFound) => return Ok(Published::All),
            Ok(reminder) if !reminder.is_waiting() => return Ok(Published::All),
            reminder => reminder?,
        };
        match early(app.now(), &reminder) {
            None => return trigger(change, &reminder).await,
            Some(ahead) if ahead > WAIT_MAX => {
                change.schedule_job(&reminder.dapr_job_id, reminder.task_id, reminder.scheduled_at);
                return change.commit().await;
            }
            Some(ahead) => {
                // Nothing is held while it waits; the row is read anew then.
                drop(change);
                tokio::time::sleep(ahead).await;
            }
        }
    }
}

/// How long it is to the reminder's time, if that is still ahead.
fn early(now: Timestamp, reminder: &Reminder) -> Option<Duration> {
    let ahead = reminder.scheduled_at.as_microsecond().saturating_sub(now.as_microsecond());
    u64::try_from(ahead).ok().filter(|ahead| *ahead > 0).map(Duration::from_micros)
}

async fn trigger(mut change: Change, reminder: &Reminder) -> Result<Published, Error> {
    // Not locked: locking the task after its reminder would meet those who lock them the other way round. And on the change's own
    // connection: many fire at once, and if each held one and asked for another, none would get it.
    let is_over = match change.task_unlocked(reminder.task_id).await {
        Err(store::Error::NotFound) => true,
        task => task?.status == Status::Completed,
    };
    if is_over {
        change.cancel_reminder(reminder, true).await?;
    } else {
        change.trigger_reminder(reminder).await?;
    }
    change.commit().await
}

/// Counts a try that failed; if that was the last, the reminder failed and its job ends.
async fn give_up(app: &Arc<App>, id: i64) -> Result<Option<Published>, Error> {
    let mut change = app.change(app.origin(routes::FIRE_REMINDER.name), None).await?;
    let tries = change.count_retry(id).await?;
    let is_last = tries >= TRIES_MAX;
    if is_last {
        let reminder = change.resume_reminder(id).await?;
        change.finish_reminder(&reminder, ReminderStatus::Failed).await?;
        tracing::error!(reminder = id, tries, "given up");
    }
    let published = change.commit().await?;
    Ok(is_last.then_some(published))
}
