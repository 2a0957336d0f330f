//! Watches the scheduler: whether it is available, and whether it still has its jobs.
//!
//! Reminders are authoritative, and jobs follow them. A scheduler that lost its data has lost the repeating jobs too; each is registered again, and
//! housekeeping registers the others. Each repeating job is also called when the gateway starts and when the scheduler returns.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::routes::{self, Route};
use function::{App, BoxError};

use super::channel::Channel;

/// Interval of the checks.
const EVERY: Duration = Duration::from_secs(10);
/// Interval of the checks until the scheduler is available and the job was called.
const SOON: Duration = Duration::from_secs(1);

/// State of the scheduler at the last check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Available, and the job was called since it became available.
    Well,
    /// Not checked yet, or available and the job was not called yet.
    New,
    /// Unavailable.
    Away,
}

/// Watches each repeating job until the stop.
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
                    tracing::warn!(%error, "the job scheduler is unavailable");
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
        tracing::warn!("the scheduler has lost its jobs; they are registered again");
    }
    // The call comes first, because the presence of the housekeeping job means that the others are registered.
    let called = channel.caller(app).post(route, &format!("/job/{job}"), None, Bytes::new()).await;
    crate::see_to_outbox(app);
    called.map_err(|failure| (State::New, failure.text.into()))?;
    if !has_job {
        channel.scheduler.repeat_job(job, period).await.map_err(|error| (State::Away, error))?;
    }
    Ok(())
}
