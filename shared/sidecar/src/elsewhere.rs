//! The publisher of the gateway, which has no outbox: it makes `publish-events` empty the outbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::routes::PUBLISH_EVENTS;
use function::call::{Caller, pause};
use function::ports::{Publisher, PublisherHealth};
use function::{BoxError, BoxFuture, Published};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Pause after a call that did not empty the outbox; it doubles with each further failure.
const PAUSE: Duration = Duration::from_millis(250);

/// The port [`Publisher`] of a process without a database. It calls `publish-events` until the outbox is empty, one call at a time.
#[derive(Default)]
pub struct Elsewhere {
    wanted: Notify,
    /// True from a request until the outbox is empty.
    waits: AtomicBool,
}

impl Elsewhere {
    fn want(&self) {
        self.waits.store(true, Ordering::Relaxed);
        self.wanted.notify_one();
    }

    /// Calls when requested, until the stop.
    pub async fn run(self: Arc<Self>, caller: Caller, stopping: CancellationToken) {
        let mut failures = 0;
        let mut is_empty = true;
        loop {
            let wait = async {
                match (is_empty, failures) {
                    (true, _) => self.wanted.notified().await,
                    // There were more rows than one call may process.
                    (false, 0) => tokio::time::sleep(PAUSE).await,
                    (false, failures) => tokio::time::sleep(pause(failures - 1, PAUSE)).await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = stopping.cancelled() => return,
            }
            match caller.post(&PUBLISH_EVENTS, "/job/publish-events", None, Bytes::new()).await {
                Ok(published) => {
                    is_empty = published == Published::All;
                    if failures > 0 {
                        tracing::info!(failures, "the outbox is being published again");
                    }
                    failures = 0;
                    self.waits.store(!is_empty, Ordering::Relaxed);
                }
                Err(failure) => {
                    if failures == 0 {
                        tracing::warn!(error = %failure.text, "publish-events failed; it is retried until the outbox is empty");
                    }
                    is_empty = false;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }
}

impl Publisher for Elsewhere {
    fn publish<'a>(&'a self, _: &'a [i64]) -> BoxFuture<'a, Result<(), BoxError>> {
        self.want();
        Box::pin(std::future::ready(Ok(())))
    }

    /// Requests a publication without waiting for it.
    fn publish_all(&self) -> BoxFuture<'_, Result<bool, BoxError>> {
        self.want();
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Only the database knows the number: 1 while any row waits.
    fn depth(&self) -> BoxFuture<'_, Option<i64>> {
        Box::pin(std::future::ready(Some(self.waits.load(Ordering::Relaxed).into())))
    }

    fn check(&self) -> BoxFuture<'_, PublisherHealth> {
        Box::pin(std::future::ready(PublisherHealth { events: true, jobs: true }))
    }
}
