//! Delivers events to their consumers: those of one key strictly in order, different keys in parallel, each until it is taken
//! or given up.
//!
//! A delivery stays a row of `embedded.deliveries` until its consumer took it, so nothing here needs to be saved.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::ambient::Clock;
use domain::routes::{self, Route};
use sqlx::PgPool;
use store::Time;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sql::{BEGIN, BEGIN_QUICK, begin};
use function::call::{Caller, Failure, Next, Tries, pause};

/// Calls to one consumer at once: many reminders are due at 09:00, and all functions share the machine.
const PARALLEL: usize = 8;
/// Deliveries in memory beyond which nothing more is taken from the outbox: some tens of MB.
const MEMORY_MAX: usize = 10_000;
/// The pause before rows are deleted again that another session has locked.
const LOCKED: Duration = Duration::from_secs(1);
/// The first pause after rows could not be deleted; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// How long acknowledgements wait for others, so that one statement deletes many; nobody waits for them.
const ACKNOWLEDGE_AFTER: Duration = Duration::from_millis(10);
/// How long a stop waits for the deliveries in flight; what is not acknowledged then is delivered again.
const STOP_MAX: Duration = Duration::from_secs(10);

const STRUCTURED: &str = "application/cloudevents+json";
const DELETE: &str = "DELETE FROM embedded.deliveries d USING unnest($1::bigint[], $2::text[]) AS r (id, consumer) \
     WHERE d.id = r.id AND d.consumer = r.consumer";
const COUNT: &str = "UPDATE embedded.deliveries SET attempts = attempts + 1 WHERE id = $1 AND consumer = $2 RETURNING attempts";
const GIVE_UP: &str = "WITH gone AS (DELETE FROM embedded.deliveries WHERE id = $1 AND consumer = $2 RETURNING id, consumer, key, topic, event) \
     INSERT INTO embedded.dead_letters (id, consumer, key, topic, event, attempts, last_error, created_at) \
     SELECT id, consumer, key, topic, event, $3, $4, $5 FROM gone \
     ON CONFLICT (id, consumer) DO UPDATE SET attempts = EXCLUDED.attempts, last_error = EXCLUDED.last_error, created_at = EXCLUDED.created_at";

/// The functions that consume events. A consumer is named by its place here.
pub(crate) fn consumers() -> Vec<&'static Route> {
    routes::ALL.iter().filter(|route| !route.consumes.is_empty()).collect()
}

/// Which delivery: the row of the outbox it came from, and the consumer it goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub(crate) id: i64,
    pub(crate) consumer: usize,
}

/// A delivery in memory.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) mark: Mark,
    pub(crate) key: i64,
    pub(crate) event: Bytes,
    /// When the event happened.
    pub(crate) created_at: Timestamp,
    /// Attempts are counted in the row.
    pub(crate) tries: Tries,
}

/// What one consumer has to take. A key is in `keys` while it has anything waiting or in flight, and in `ready` if its first
/// waiting delivery may go.
#[derive(Debug, Default)]
struct Lane {
    keys: HashMap<i64, VecDeque<Item>>,
    ready: VecDeque<i64>,
    running: usize,
}

#[derive(Debug, Default)]
struct Queues {
    lanes: Vec<Lane>,
    /// All that is in memory, until its row is deleted.
    known: HashSet<Mark>,
}

/// What became of an attempt.
enum Outcome {
    Taken,
    GivenUp,
    Failed,
}

/// Delivers.
pub(crate) struct Dispatcher {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    caller: Arc<Caller>,
    consumers: Vec<&'static Route>,
    queues: Mutex<Queues>,
    taken: Mutex<Vec<Mark>>,
    acknowledge: Notify,
    room: Notify,
    /// Held while dead letters are written or put back, so that what is put back is never taken for what is still in memory.
    letters: Arc<tokio::sync::Mutex<()>>,
    stopping: CancellationToken,
    tracker: TaskTracker,
}

impl Dispatcher {
    pub(crate) fn new(
        pool: PgPool,
        clock: Arc<dyn Clock>,
        caller: Arc<Caller>,
        letters: Arc<tokio::sync::Mutex<()>>,
        stopping: CancellationToken,
        tracker: TaskTracker,
    ) -> Self {
        let consumers = consumers();
        let queues = Queues { lanes: consumers.iter().map(|_| Lane::default()).collect(), known: HashSet::new() };
        let (queues, taken) = (Mutex::new(queues), Mutex::default());
        let (acknowledge, room) = (Notify::new(), Notify::new());
        Self { pool, clock, caller, consumers, queues, taken, acknowledge, room, letters, stopping, tracker }
    }

    /// Whether nothing more should be put in for now.
    pub(crate) fn is_full(&self) -> bool {
        self.queues().known.len() > MEMORY_MAX
    }

    /// Waits until there may be room again.
    pub(crate) async fn room(&self) {
        self.room.notified().await;
    }

    /// Puts in deliveries, which have to be sorted by their ids. Those that are there already stay as they are.
    pub(crate) fn put(self: &Arc<Self>, items: Vec<Item>) {
        let mut guard = self.queues();
        let queues = &mut *guard;
        for item in items {
            let Some(lane) = queues.lanes.get_mut(item.mark.consumer) else { continue };
            if !queues.known.insert(item.mark) {
                continue;
            }
            let key = item.key;
            let waiting = lane.keys.entry(key).or_insert_with(|| {
                lane.ready.push_back(key);
                VecDeque::new()
            });
            waiting.push_back(item);
        }
        for (consumer, lane) in queues.lanes.iter_mut().enumerate() {
            self.employ(consumer, lane);
        }
    }

    /// Acknowledges, in batches, until the stop; then waits for what is in flight.
    pub(crate) async fn acknowledge(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.acknowledge.notified() => {}
                () = self.stopping.cancelled() => break,
            }
            tokio::time::sleep(ACKNOWLEDGE_AFTER).await;
            tokio::select! {
                () = self.flush() => {}
                () = self.stopping.cancelled() => break,
            }
        }
        if tokio::time::timeout(STOP_MAX, self.drain()).await.is_err() {
            tracing::warn!("deliveries were in flight for too long; they will be made again");
        }
    }

    async fn drain(self: &Arc<Self>) {
        loop {
            self.flush().await;
            if self.is_idle() {
                return;
            }
            self.acknowledge.notified().await;
        }
    }

    fn is_idle(&self) -> bool {
        let idle = self.queues().lanes.iter().all(|lane| lane.running == 0);
        idle && self.taken().is_empty()
    }

    /// Deletes the rows of what was taken. Retries until it succeeds; what was taken stays in memory meanwhile. Safe to drop.
    async fn flush(self: &Arc<Self>) {
        let mut marks = self.taken().clone();
        let mut failures = 0;
        while let Err(error) = self.delete(&marks).await {
            if store::is_locked(&error) {
                marks = self.delete_each(marks).await;
                break;
            }
            tracing::debug!(%error, "deliveries could not be acknowledged yet");
            tokio::time::sleep(pause(failures, PAUSE)).await;
            failures += 1;
        }
        let mut queues = self.queues();
        for mark in &marks {
            queues.known.remove(mark);
        }
        drop(queues);
        let deleted: HashSet<Mark> = marks.into_iter().collect();
        self.taken().retain(|mark| !deleted.contains(mark));
        self.room.notify_one();
    }

    /// Deletes each of these rows on its own, where another session has locked some: then only these wait. Returns what was deleted.
    async fn delete_each(self: &Arc<Self>, marks: Vec<Mark>) -> Vec<Mark> {
        let mut deleted = Vec::new();
        for mark in marks {
            if self.delete(&[mark]).await.is_ok() {
                deleted.push(mark);
            }
        }
        let dispatcher = self.clone();
        self.tracker.spawn(async move {
            tokio::time::sleep(LOCKED).await;
            dispatcher.acknowledge.notify_one();
        });
        deleted
    }

    async fn delete(&self, marks: &[Mark]) -> Result<(), sqlx::Error> {
        if marks.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = marks.iter().map(|mark| mark.id).collect();
        let names: Vec<&str> = marks.iter().map(|mark| self.name(mark.consumer)).collect();
        let mut transaction = begin(&self.pool, BEGIN_QUICK).await?;
        sqlx::query(DELETE).bind(ids).bind(names).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Has as many keys of a lane worked on as are ready and allowed.
    fn employ(self: &Arc<Self>, consumer: usize, lane: &mut Lane) {
        let wanted = lane.ready.len().min(PARALLEL.saturating_sub(lane.running));
        for _ in 0..wanted {
            lane.running += 1;
            self.tracker.spawn(self.clone().work(consumer));
        }
    }

    async fn work(self: Arc<Self>, consumer: usize) {
        while let Some(mut item) = self.next(consumer) {
            match self.attempt(&mut item).await {
                Outcome::Taken => {
                    self.taken().push(item.mark);
                    self.acknowledge.notify_one();
                    self.release(&item);
                }
                Outcome::GivenUp => self.release(&item),
                Outcome::Failed => self.later(item),
            }
        }
        self.acknowledge.notify_one();
    }

    /// The next delivery that may go; none if this worker is not needed any more.
    fn next(&self, consumer: usize) -> Option<Item> {
        let mut queues = self.queues();
        let lane = queues.lanes.get_mut(consumer)?;
        let item = if self.stopping.is_cancelled() { None } else { lane.pop() };
        if item.is_none() {
            lane.running -= 1;
        }
        item
    }

    /// The key may go on.
    fn release(&self, item: &Item) {
        let mut queues = self.queues();
        let Some(lane) = queues.lanes.get_mut(item.mark.consumer) else { return };
        if lane.keys.get(&item.key).is_none_or(VecDeque::is_empty) {
            lane.keys.remove(&item.key);
        } else {
            lane.ready.push_back(item.key);
        }
    }

    /// Tries the same delivery again after a pause, in which the key waits and no other does.
    fn later(self: &Arc<Self>, item: Item) {
        let Mark { consumer, .. } = item.mark;
        let (key, pause) = (item.key, item.tries.pause());
        if let Some(waiting) = self.queues().lanes.get_mut(consumer).and_then(|lane| lane.keys.get_mut(&key)) {
            waiting.push_front(item);
        }
        let dispatcher = self.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = dispatcher.stopping.cancelled() => return,
            }
            let mut queues = dispatcher.queues();
            let Some(lane) = queues.lanes.get_mut(consumer) else { return };
            lane.ready.push_back(key);
            dispatcher.employ(consumer, lane);
        });
    }

    async fn attempt(&self, item: &mut Item) -> Outcome {
        let Some(route) = self.consumers.get(item.mark.consumer) else { return Outcome::GivenUp };
        let Err(failure) = self.caller.post(route, "/", Some(STRUCTURED), item.event.clone()).await else { return Outcome::Taken };
        tracing::debug!(consumer = route.name, id = item.mark.id, error = %failure.text, "a delivery failed");
        let age = self.clock.now().since(item.created_at);
        let settled = match failure.next(item.tries, age) {
            Next::Retry => self.count(item).await,
            Next::GiveUp => self.give_up(item, &failure).await,
            Next::Wait => {
                item.tries.uncounted = item.tries.uncounted.saturating_add(1);
                Ok(Outcome::Failed)
            }
        };
        settled.unwrap_or_else(|error| {
            tracing::debug!(%error, "a failed delivery could not be counted");
            item.tries.uncounted = item.tries.uncounted.saturating_add(1);
            Outcome::Failed
        })
    }

    /// Counts an attempt in the row.
    async fn count(&self, item: &mut Item) -> Result<Outcome, sqlx::Error> {
        let mut transaction = begin(&self.pool, BEGIN_QUICK).await?;
        let query = sqlx::query_scalar(COUNT).bind(item.mark.id).bind(self.name(item.mark.consumer));
        let attempts: Option<i32> = query.fetch_optional(&mut *transaction).await?;
        transaction.commit().await?;
        // Without its row there is nothing to deliver: somebody deleted it, or the outbox has it again.
        let Some(attempts) = attempts else { return Ok(Outcome::Taken) };
        item.tries.attempts = attempts.unsigned_abs();
        Ok(Outcome::Failed)
    }

    async fn give_up(&self, item: &Item, failure: &Failure) -> Result<Outcome, sqlx::Error> {
        let consumer = self.name(item.mark.consumer);
        let attempts = i32::try_from(item.tries.attempts).unwrap_or(i32::MAX).saturating_add(1);
        let letters = self.letters.lock().await;
        let mut transaction = begin(&self.pool, BEGIN).await?;
        let query = sqlx::query(GIVE_UP).bind(item.mark.id).bind(consumer).bind(attempts).bind(&failure.text);
        query.bind(Time(self.clock.now())).execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.queues().known.remove(&item.mark);
        drop(letters);
        self.room.notify_one();
        self.caller.metrics().dead_letter(consumer);
        let status = failure.status.map(|status| status.as_u16());
        tracing::error!(
            consumer,
            id = item.mark.id,
            key = item.key,
            attempts,
            status,
            "an event was given up: it is in embedded.dead_letters"
        );
        Ok(Outcome::GivenUp)
    }

    fn name(&self, consumer: usize) -> &'static str {
        self.consumers.get(consumer).map_or("", |route| route.name)
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Mark>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn pop(&mut self) -> Option<Item> {
        let key = self.ready.pop_front()?;
        self.keys.get_mut(&key)?.pop_front()
    }
}
