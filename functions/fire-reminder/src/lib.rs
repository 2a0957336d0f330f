//! Fires each reminder once, at its time: announces it, and the channels' functions do the rest.
//!
//! The reminder's row is authoritative, whatever the job says. Reminders that are due together fire in one transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::reminder::ReminderStatus;
use domain::{Reminder, routes};
use function::batch::Batches;
use function::settings::WAKE_LEAD_MAX;
use function::span::Current;
use function::{App, BoxFuture, Error, Function, JobCall, Published};
use store::Cause;

/// After this many failed attempts, a reminder is given up.
const ATTEMPTS_MAX: i32 = 5;
/// A call that is earlier than this is registered again; a shorter time is waited for.
const WAIT_MAX: Duration = WAKE_LEAD_MAX;
/// Maximum number of reminders per transaction.
const BATCH_MAX: usize = 200;

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fired {
    /// There is nothing more to do.
    Settled(Published),
    /// The call is early by this duration.
    Ahead(Duration),
}

/// A reminder whose job was called, and the call.
type Called = (i64, Current);

type Firing = Arc<Batches<Called, Option<Fired>>>;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    let firing = Batches::new(BATCH_MAX);
    Function::new(routes::FIRE_REMINDER).job(move |app, call| fire(app, firing.clone(), call))
}

async fn fire(app: Arc<App>, firing: Firing, call: JobCall) -> Result<Published, Error> {
    // The job of a missing reminder ends here. After an error, the scheduler would retry it forever.
    let Some(id) = call.id else { return Ok(Published::All) };
    loop {
        let app_of_batch = app.clone();
        let work = move |called| -> BoxFuture<'static, _> { Box::pin(attempt(app_of_batch.clone(), called)) };
        let fired = match firing.join_or_alone((id, Current::get()), work).await {
            Ok(fired) => fired.unwrap_or(Fired::Settled(Published::All)),
            // The scheduler calls again after any error. Only the reminder's own failures are counted, because an outage must not end reminders.
            Err(error) if error.status().is_server_error() && !error.is_unavailable() => return give_up(&app, id).await?.ok_or(error),
            Err(error) => return Err(error),
        };
        match fired {
            Fired::Settled(published) => return Ok(published),
            // No connection or lock is held during the wait. Afterwards, the row is read again.
            Fired::Ahead(ahead) => tokio::time::sleep(ahead).await,
        }
    }
}

/// Fires the due ones of these reminders in one transaction.
async fn attempt(app: Arc<App>, called: Vec<Called>) -> Result<Vec<Fired>, Error> {
    let mut change = app.change(app.origin(routes::FIRE_REMINDER.name), None).await?;
    let ids: Vec<i64> = called.iter().map(|(id, _)| *id).collect();
    let calls: HashMap<i64, &Current> = called.iter().map(|(id, call)| (*id, call)).collect();
    let now = app.now();
    let (mut ahead, mut over, mut fire) = (HashMap::new(), Vec::new(), Vec::new());
    for due in change.unit.due_reminders(&ids).await?.into_iter().filter(|due| due.reminder.is_waiting()) {
        let Reminder { id, task_id, scheduled_at, .. } = due.reminder;
        match scheduled_at.since(now) {
            Duration::ZERO if due.is_over => over.push(due),
            Duration::ZERO => fire.push(due),
            early if early > WAIT_MAX => change.unit.schedule_job(&due.reminder.dapr_job_id, task_id, scheduled_at),
            early => drop(ahead.insert(id, early)),
        }
    }
    let channels = app.settings.channels();
    // The functions of the channels start during the wait.
    let early: Vec<i64> = ahead.keys().copied().collect();
    if !early.is_empty() {
        change.unit.channels(&early, &channels).await?.into_iter().map(routes::of_channel).for_each(|route| app.wake(route));
    }
    let fired = change.unit.trigger_reminders(&fire.iter().map(|due| due.reminder.id).collect::<Vec<_>>(), &channels).await?;
    let fired: HashMap<i64, Reminder> = fired.into_iter().map(|reminder| (reminder.id, reminder)).collect();
    for due in fire {
        if let Some((reminder, call)) = fired.get(&due.reminder.id).zip(calls.get(&due.reminder.id)) {
            change.resume(call, due.cause);
            change.unit.announce_firing(reminder)?;
            if reminder.deliveries.is_empty() {
                // Its only channel is no longer configured, or no browser is subscribed.
                change.unit.finish_reminder(reminder, ReminderStatus::Failed).await?;
            }
        }
    }
    for due in over {
        if let Some(call) = calls.get(&due.reminder.id) {
            change.resume(call, due.cause);
        }
        change.unit.cancel_reminder(&due.reminder, true).await?;
    }
    let published = change.commit().await?;
    Ok(ids.iter().map(|id| ahead.get(id).map_or(Fired::Settled(published), |early| Fired::Ahead(*early))).collect())
}

/// Counts a failed attempt. After the last one, the reminder has failed, and its job ends.
async fn give_up(app: &Arc<App>, id: i64) -> Result<Option<Published>, Error> {
    let mut change = app.change(app.origin(routes::FIRE_REMINDER.name), None).await?;
    let attempts = change.unit.count_retry(id).await?;
    let is_last = attempts >= ATTEMPTS_MAX;
    if is_last {
        let failed: Vec<(Reminder, Option<Cause>)> =
            change.unit.due_reminders(&[id]).await?.into_iter().map(|due| (due.reminder, due.cause)).collect();
        for (reminder, cause) in failed {
            change.resume(&Current::get(), cause);
            change.unit.finish_reminder(&reminder, ReminderStatus::Failed).await?;
        }
        tracing::error!(reminder = id, attempts, "a reminder failed: no attempts are left");
    }
    let published = change.commit().await?;
    Ok(is_last.then_some(published))
}
