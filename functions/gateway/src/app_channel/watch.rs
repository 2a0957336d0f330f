//! Watches over the scheduler: whether it is there, and whether it still knows its jobs.
//!
//! Reminders are the truth and jobs their shadow. A scheduler that lost its data has lost the repeating jobs too; each is put back, and
//! housekeeping registers the others. Each is called as well when the gateway starts, and when the scheduler was away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::routes::{self, Route};
use function::{App, BoxError};

use super::channel::Channel;

/// How often the scheduler is asked.
const EVERY: Duration = Duration::from_secs(10);
/// How often, until all is well.
const SOON: Duration = Duration::from_secs(1);

/// How the scheduler was when it was last asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There, and the job was called since it came.
    Well,
    /// Not asked yet, or there and the job is still to be called.
    New,
    /// Not there.
    Away,
}

/// Watches over each repeating job until the stop.
pub(crate) async fn watch(app: Arc<App>, channel: Arc<Channel>) {
    crate::see_to_outbox(&app);
    futures_util::future::join_all(routes::repeating().map(|(route, period)| watch_job(&app, &channel, route, period))).await;
}

async fn watch_job(app: &Arc<App>, channel: &Channel, route: &Route, period: Duration) {
    let mut state = State::New;
    loop {
        state = match look(app, channel, state, route, period).await {
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

async fn look(app: &Arc<App>, channel: &Channel, state: State, route: &Route, period: Duration) -> Result<(), (State, BoxError)> {
    let job = route.name;
    let has_job = channel.scheduler.has_job(job).await.map_err(|error| (State::Away, error))?;
    if has_job && state == State::Well {
        return Ok(());
    }
    if state == State::Well {
        tracing::warn!("the scheduler has lost its jobs: they are registered again");
    }
    // The call first: the job of housekeeping is the sign that the others are there.
    let called = channel.caller(app).post(route, &format!("/job/{job}"), None, Bytes::new()).await;
    crate::see_to_outbox(app);
    called.map_err(|failure| (State::New, failure.text.into()))?;
    if !has_job {
        channel.scheduler.repeat_job(job, period).await.map_err(|error| (State::Away, error))?;
    }
    Ok(())
}
