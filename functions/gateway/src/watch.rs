//! Watches over the scheduler: whether it is there, and whether it still knows its jobs.
//!
//! Reminders are the truth and jobs their shadow. A scheduler that lost its data has lost the job of housekeeping too; that job is put
//! back, and housekeeping registers the others. It is called as well when the gateway starts, and when the scheduler was away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::routes::HOUSEKEEPING;
use function::{App, BoxError};

use crate::channel::Channel;

/// How often the scheduler is asked.
const EVERY: Duration = Duration::from_secs(10);
/// How often, until all is well.
const SOON: Duration = Duration::from_secs(1);
/// How often housekeeping is done.
const DAY: Duration = Duration::from_hours(24);

/// How the scheduler was when it was last asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There, and housekeeping was done since it came.
    Well,
    /// Not asked yet, or there and housekeeping is still to be done.
    New,
    /// Not there.
    Away,
}

/// Watches until the stop.
pub(crate) async fn watch(app: Arc<App>, channel: Arc<Channel>) {
    crate::see_to_outbox(&app);
    let mut state = State::New;
    loop {
        state = match look(&app, &channel, state).await {
            Ok(()) => State::Well,
            Err((now, error)) => {
                if now == State::Away && state != State::Away {
                    tracing::warn!(%error, "the scheduler of jobs is away");
                }
                now
            }
        };
        tokio::select! {
            () = tokio::time::sleep(if state == State::Well { EVERY } else { SOON }) => {}
            () = app.stopping.cancelled() => return,
        }
    }
}

async fn look(app: &Arc<App>, channel: &Channel, state: State) -> Result<(), (State, BoxError)> {
    let job = HOUSEKEEPING.name;
    let has_job = channel.scheduler.has_job(job).await.map_err(|error| (State::Away, error))?;
    if has_job && state == State::Well {
        return Ok(());
    }
    if state == State::Well {
        tracing::warn!("the scheduler has lost its jobs: they are registered again");
    }
    // Housekeeping first: the job is the sign that the others are there.
    let called = channel.caller(app).post(&HOUSEKEEPING, &format!("/job/{job}"), None, Bytes::new()).await;
    crate::see_to_outbox(app);
    called.map_err(|failure| (State::New, failure.text.into()))?;
    if !has_job {
        channel.scheduler.repeat_job(job, DAY).await.map_err(|error| (State::Away, error))?;
    }
    Ok(())
}
