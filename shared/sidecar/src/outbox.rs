//! Publishes outbox rows to Kafka and the scheduler, right after the commit that wrote them.
//!
//! A change that has just been committed is published from memory, unless older rows of its tasks wait in the table. Those are read, locked and
//! published in order. Topics are published in parallel. Rows that cannot be published stay, and the answer reports it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::event::Topic;
use function::batch::Batches;
use function::ports::{Publisher, PublisherHealth};
use function::{BoxError, BoxFuture};
use futures_util::StreamExt;
use futures_util::stream;
use store::{Committed, Entry, OutboxBatch, OutboxRow, Store};
use tokio::time::Instant;

use crate::client::DEADLINE;
use crate::{Events, Jobs, Sidecar, SidecarError};

/// How long a caller waits for its events to be published.
const PUBLISH_MAX: Duration = DEADLINE;
/// Time limit of one call to `publish-events`.
const PUBLISH_ALL_MAX: Duration = Duration::from_secs(20);
/// Maximum tasks that one query reads.
const KEYS_PAGE: i64 = 100;
/// Pause after a failure, so that callers do not each wait for a broker that is down.
const REST: Duration = Duration::from_secs(1);
/// Maximum callers whose tasks are published together.
const BATCH_MAX: usize = 100;
/// Maximum events and jobs in progress.
const LANES_MAX: usize = 64;
/// Time limit of sending a batch. Its transaction keeps the rows locked meanwhile; rows that are not sent by then stay.
const SEND_MAX: Duration = Duration::from_secs(20);
const _: () = assert!(SEND_MAX.as_secs() + DEADLINE.as_secs() < store::IDLE_IN_TRANSACTION_TIMEOUT.as_secs());
/// A job that is looked up to check whether the scheduler answers.
const ANY_JOB: &str = domain::routes::HOUSEKEEPING.name;

/// The port [`Publisher`] over the store's outbox and Dapr.
pub struct Outbox {
    courier: Arc<Courier>,
}

/// Publishes in batches, so that many small changes cost few statements and their events are sent together.
struct Courier {
    store: Store,
    sidecar: Sidecar,
    events: Events,
    jobs: Jobs,
    /// Requests of callers: publish the rows of these tasks.
    batches: Arc<Batches<Vec<i64>, Result<(), Stays>>>,
    broker: Way,
    scheduler: Way,
}

/// A destination, and until when it is not tried.
#[derive(Default)]
struct Way {
    resting: Mutex<Option<Instant>>,
}

/// Why a row stays in the outbox.
#[derive(Clone, Debug, thiserror::Error)]
enum Stays {
    #[error("another publisher holds the rows of this task")]
    Held,
    #[error("publishing failed less than a second ago")]
    Resting,
    #[error("the database was unavailable; published rows may have reappeared")]
    Back,
    #[error("not published within {0:?}")]
    Late(Duration),
    #[error(transparent)]
    Sidecar(Arc<SidecarError>),
    #[error(transparent)]
    Store(Arc<store::Error>),
}

impl From<SidecarError> for Stays {
    fn from(error: SidecarError) -> Self {
        Self::Sidecar(Arc::new(error))
    }
}

impl From<store::Error> for Stays {
    fn from(error: store::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl Way {
    /// Makes a call, unless the last one failed less than [`REST`] ago.
    async fn by<T>(&self, call: impl Future<Output = Result<T, SidecarError>>) -> Result<T, Stays> {
        if self.resting().is_some_and(|until| Instant::now() < until) {
            return Err(Stays::Resting);
        }
        let result = call.await;
        *self.resting() = result.is_err().then(|| Instant::now() + REST);
        Ok(result?)
    }

    fn resting(&self) -> MutexGuard<'_, Option<Instant>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox {
    /// Creates the publisher of this store's outbox. `pool` is the store's number of connections.
    #[must_use]
    pub fn new(store: Store, pool: u32, sidecar: Sidecar, events: Events, jobs: Jobs) -> Self {
        // A batch holds a connection while it is published, so some are left for other work.
        let batches = Batches::parallel(BATCH_MAX, usize::try_from(pool / 2).unwrap_or(1).max(1));
        let (broker, scheduler) = (Way::default(), Way::default());
        Self { courier: Arc::new(Courier { store, sidecar, events, jobs, batches, broker, scheduler }) }
    }

    /// Continues until the outbox is empty, or the time limit of one call is reached.
    async fn empty(&self) -> Result<bool, Stays> {
        let begin = Instant::now();
        while begin.elapsed() < PUBLISH_ALL_MAX {
            let keys = self.courier.store.outbox_keys(KEYS_PAGE).await?;
            if keys.is_empty() {
                return Ok(true);
            }
            match self.courier.carry(keys).await {
                Err(Stays::Held) => return Ok(false),
                result => result?,
            }
        }
        Ok(false)
    }
}

impl Courier {
    /// Publishes the rows of a unit that has just committed. They are not locked: another publisher of the same task may publish them once more.
    async fn carry_new(self: Arc<Self>, committed: Committed) -> Result<(), Stays> {
        if committed.is_behind {
            return self.carry(committed.keys()).await;
        }
        let (sent, stay) = self.send_rows(committed.rows).await;
        // The rows are deleted before the caller gets its answer. If the process ends earlier, the call fails, and the gateway starts
        // emptying the outbox.
        if !sent.is_empty() {
            self.store.delete_published(&sent).await?;
        }
        stay.into_values().next().map_or(Ok(()), Err)
    }

    /// Publishes the rows of these tasks with the next batch. Fails if some of them stay.
    async fn carry(self: &Arc<Self>, keys: Vec<i64>) -> Result<(), Stays> {
        let courier = self.clone();
        let work = Arc::new(move |asked| -> BoxFuture<'static, _> { Box::pin(courier.clone().carry_together(asked)) });
        self.batches.join(keys, work).await.unwrap_or(Err(Stays::Late(PUBLISH_MAX)))
    }

    async fn carry_together(self: Arc<Self>, asked: Vec<Vec<i64>>) -> Vec<Result<(), Stays>> {
        let keys: BTreeSet<i64> = asked.iter().flatten().copied().collect();
        let stay = self.publish(&keys.into_iter().collect::<Vec<_>>()).await;
        let outcome = |keys: Vec<i64>| match &stay {
            Ok(stay) => keys.iter().find_map(|key| stay.get(key)).map_or(Ok(()), |error| Err(error.clone())),
            Err(error) => Err(error.clone()),
        };
        asked.into_iter().map(outcome).collect()
    }

    /// Publishes all rows of these tasks, and returns those that stay with the reason.
    async fn publish(&self, keys: &[i64]) -> Result<HashMap<i64, Stays>, Stays> {
        loop {
            let batch = self.store.lock_outbox(keys, true).await?.ok_or(Stays::Held)?;
            let is_last = !batch.is_full();
            let stay = self.send(batch).await?;
            if is_last || !stay.is_empty() {
                return Ok(stay);
            }
        }
    }

    /// Sends a batch, and deletes the sent rows even if others fail.
    async fn send(&self, batch: OutboxBatch) -> Result<HashMap<i64, Stays>, Stays> {
        let (sent, stay) = self.send_rows(batch.rows().to_vec()).await;
        batch.done(&sent).await?;
        Ok(stay)
    }

    /// Sends rows, those of a task and topic in order. Returns the sent ones, and why the others stay.
    async fn send_rows(&self, rows: Vec<OutboxRow>) -> (Vec<(i64, i64)>, HashMap<i64, Stays>) {
        let until = Instant::now() + SEND_MAX;
        let mut lanes: BTreeMap<(i64, Option<Topic>), Vec<OutboxRow>> = BTreeMap::new();
        for row in rows {
            let topic = if let Entry::Event { topic, .. } = &row.entry { Some(*topic) } else { None };
            lanes.entry((row.key, topic)).or_default().push(row);
        }
        let (mut sent, mut stay) = (Vec::new(), HashMap::new());
        let mut lanes = stream::iter(lanes.into_values()).map(|lane| self.lane(lane, until)).buffer_unordered(LANES_MAX);
        while let Some((left, problem)) = lanes.next().await {
            sent.extend(left);
            stay.extend(problem);
        }
        (sent, stay)
    }

    /// Sends one row after the other, up to the first that fails or is late.
    async fn lane(&self, lane: Vec<OutboxRow>, until: Instant) -> (Vec<(i64, i64)>, Option<(i64, Stays)>) {
        let mut sent = Vec::with_capacity(lane.len());
        for row in lane {
            if Instant::now() > until {
                return (sent, Some((row.key, Stays::Late(SEND_MAX))));
            }
            if let Err(error) = self.row(&row).await {
                return (sent, Some((row.key, error)));
            }
            sent.push((row.key, row.id));
        }
        (sent, None)
    }

    async fn row(&self, row: &OutboxRow) -> Result<(), Stays> {
        match &row.entry {
            Entry::Event { topic, payload, .. } => self.broker.by(self.events.publish(*topic, &row.key.to_string(), payload)).await,
            Entry::ScheduleJob { name, due_at } => self.scheduler.by(self.jobs.schedule(name, *due_at)).await,
            Entry::CancelJob { name } => self.scheduler.by(self.jobs.cancel(name)).await,
        }
    }

    /// Fails if the database was unavailable meanwhile, because deletions that had not reached the disk are undone.
    fn nothing_is_back(&self) -> Result<(), BoxError> {
        if self.store.was_broken() { Err(Stays::Back.into()) } else { Ok(()) }
    }
}

/// Returns the result of a publication. A publication that takes too long continues in the background.
async fn in_time(publishing: impl Future<Output = Result<(), Stays>>) -> Result<(), Stays> {
    tokio::time::timeout(PUBLISH_MAX, publishing).await.unwrap_or(Err(Stays::Late(PUBLISH_MAX)))
}

impl Publisher for Outbox {
    fn publish<'a>(&'a self, keys: &'a [i64]) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            in_time(self.courier.carry(keys.to_vec())).await?;
            self.courier.nothing_is_back()
        })
    }

    fn publish_new(&self, committed: Committed) -> BoxFuture<'_, Result<(), BoxError>> {
        // Spawned, so that sent rows are deleted even if no caller waits any more.
        let publishing = tokio::spawn(self.courier.clone().carry_new(committed));
        Box::pin(async move {
            in_time(async { publishing.await.unwrap_or(Err(Stays::Late(PUBLISH_MAX))) }).await?;
            self.courier.nothing_is_back()
        })
    }

    fn publish_all(&self) -> BoxFuture<'_, Result<bool, BoxError>> {
        Box::pin(async { Ok(self.empty().await?) })
    }

    /// Asks the sidecar for the events' component, and the scheduler for a job. The scheduler's own health check is positive before it has a leader.
    fn check(&self) -> BoxFuture<'_, PublisherHealth> {
        Box::pin(async {
            let Courier { sidecar, jobs, events, broker, .. } = &*self.courier;
            let (metadata, job) = tokio::join!(
                sidecar.call(async |mut client| client.get_metadata(dapr::client::GetMetadataRequest {}).await),
                jobs.find(ANY_JOB)
            );
            let wanted = events.component(Topic::TaskEvents);
            let events = metadata.is_ok_and(|metadata| metadata.registered_components.iter().any(|component| component.name == wanted));
            PublisherHealth { events: events && broker.resting().is_none(), jobs: job.is_ok() }
        })
    }
}
