//! Delivers events to consumers: directly while the consumers answer quickly, otherwise from table rows. Deliveries of one key are made in order,
//! those of different keys in parallel.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::ambient::Clock;
use domain::event::{CORRELATION_ID, Topic};
use domain::routes::{self, Route};
use function::Published;
use function::call::{Caller, Failure, Next, PAUSE_MAX, Tries, pause};
use function::cloud_event::STRUCTURED;
use function::ports::{Broker, Publisher};
use futures_util::future::join_all;
use serde_json::Value;
use store::{Deliveries, Delivery, End};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::lane::{Item, Lane, Mark};
use crate::letters::to_publish;

/// How long `hand_over` waits for the consumers of an event before it writes a row for those that have not answered.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// Maximum number of concurrent calls to one consumer. Many reminders are due at 09:00.
const PARALLEL: usize = 8;
/// Rows that one statement loads.
const BATCH: usize = 500;
/// Delays after the start at which the table is read again, because the previous program may have written to it until it ended.
const REREADS: [Duration; 3] = [Duration::from_mins(1), Duration::from_mins(3), Duration::from_mins(10)];
/// Dead letters that one statement reads for the broker.
const LETTERS: i64 = 50;
/// The pause before a retry of deleting rows that another session has locked.
const LOCKED: Duration = Duration::from_secs(1);
/// The first pause after an error of the database or the broker. Each further pause is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// How long acknowledgements are collected, so that one statement deletes many. No caller waits for them.
const ACKNOWLEDGE_AFTER: Duration = Duration::from_millis(10);
/// How long a stop waits for the deliveries in flight. Those that are not acknowledged by then are delivered again.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How long `hand_over` waits for the database.
const HOLD_MAX: Duration = Duration::from_mins(10);

/// The parts of a dispatcher.
pub struct Start {
    /// The tables.
    pub table: Deliveries,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Calls the consumers.
    pub caller: Arc<Caller>,
    /// Is notified when a consumer may have left rows in the outbox.
    pub publisher: Arc<dyn Publisher>,
    /// Receives the dead letters, if there is a broker.
    pub broker: Option<Arc<dyn Broker>>,
    /// How long after the start the age of a delivery is ignored. It may be old because no program ran, and a consumer may still be
    /// unavailable.
    pub return_max: Duration,
    /// Stops the dispatcher.
    pub stopping: CancellationToken,
    /// Tracks the dispatcher's tasks.
    pub tracker: TaskTracker,
}

/// An event that has just arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The task.
    pub key: i64,
    /// The topic on which it arrived.
    pub topic: Topic,
    /// The event, in the structured JSON form of `CloudEvents`.
    pub event: Bytes,
    /// The functions that consume it.
    pub consumers: Vec<&'static Route>,
}

/// The outcome of an attempt.
#[derive(Clone, Copy)]
enum Outcome {
    Taken,
    /// The delivery no longer exists.
    Gone,
    GivenUp,
    Failed,
}

/// Why a consumer has not accepted an event in time.
enum Late {
    /// It was not called, because earlier deliveries of the same task wait, or because it is failing.
    Uncalled,
    /// It has not answered yet.
    InFlight(JoinHandle<Result<Published, Failure>>),
    /// It failed.
    Failed(Failure),
}

/// Delivers events to consumers.
pub struct Dispatcher {
    start: Start,
    begin: Timestamp,
    /// The functions that consume events or execute commands. A consumer is identified by its index here.
    consumers: Vec<&'static Route>,
    lanes: Mutex<Vec<Lane>>,
    taken: Mutex<Vec<Mark>>,
    acknowledge: Notify,
    reload: Notify,
    post: Notify,
    live: Semaphore,
}

impl Dispatcher {
    /// Creates a dispatcher. [`Dispatcher::acknowledge`] must run beside it.
    #[must_use]
    pub fn new(start: Start) -> Arc<Self> {
        let consumers: Vec<_> =
            routes::ALL.iter().filter(|route| !route.consumes.is_empty() || route.commands().next().is_some()).collect();
        let lanes = Mutex::new(consumers.iter().map(|_| Lane::default()).collect());
        let (acknowledge, reload, post) = (Notify::new(), Notify::new(), Notify::new());
        let begin = start.clock.now();
        let (taken, live) = (Mutex::default(), Semaphore::new(PARALLEL));
        Arc::new(Self { start, begin, consumers, lanes, taken, acknowledge, reload, post, live })
    }

    /// Returns the tables.
    #[must_use]
    pub fn table(&self) -> &Deliveries {
        &self.start.table
    }

    /// Calls all consumers of an event. Returns when each of them has accepted it or has a row for it. The future must not be dropped: a
    /// caller that may be cancelled must run it in a task of its own.
    ///
    /// # Errors The database is unavailable, or the program stops, and some consumer has not accepted the event.
    pub async fn hand_over(self: &Arc<Self>, arrival: Arrival) -> Result<(), sqlx::Error> {
        if arrival.topic == Topic::TaskUpdates {
            self.show(&arrival).await;
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        let calls =
            arrival.consumers.iter().filter_map(|route| self.place(route.name)).map(|consumer| self.call(consumer, &arrival, deadline));
        let late: Vec<_> = join_all(calls).await.into_iter().flatten().collect();
        if late.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = late.iter().map(|(consumer, _)| self.name(*consumer)).collect();
        let now = self.start.clock.now();
        let event = String::from_utf8_lossy(&arrival.event);
        let keep = || self.start.table.keep(&names, arrival.key, arrival.topic, &event, now);
        match self.hold(keep).await {
            Ok((kept, failures)) => {
                self.kept(&arrival, now, late, &kept);
                if failures > 0 {
                    // The row may have been written although the database's answer was lost.
                    self.reload();
                }
                Ok(())
            }
            Err(error) => {
                // The record is not acknowledged, so it is delivered again. Calls in flight finish in the background.
                for (consumer, late) in late {
                    match late {
                        Late::Uncalled => {}
                        Late::Failed(_) => self.end(consumer, arrival.key, false),
                        Late::InFlight(call) => self.end_after(consumer, arrival.key, call),
                    }
                }
                Err(error)
            }
        }
    }

    /// Stores an event that no consumer can process as a dead letter. Returns when it is stored.
    ///
    /// # Errors
    /// The database is unavailable, or the program stops.
    pub async fn set_aside(&self, consumer: &'static str, key: i64, topic: Topic, event: &str, error: &str) -> Result<(), sqlx::Error> {
        self.start.caller.metrics().dead_letter(consumer);
        let correlation_id = correlation_id(event.as_bytes());
        tracing::error!(consumer, key, correlation_id, error, "an event became a dead letter");
        // PostgreSQL cannot store NUL in a text.
        let error = &error.replace('\0', "");
        let now = self.start.clock.now();
        let end = End { attempts: 1, error, has_broker: self.start.broker.is_some(), now };
        self.hold(|| self.start.table.set_aside(consumer, key, topic, event, end)).await?;
        self.post.notify_one();
        Ok(())
    }

    /// Retries a statement while the database is unavailable. Also returns the number of failures.
    async fn hold<T, F: Future<Output = Result<T, sqlx::Error>>>(&self, statement: impl Fn() -> F) -> Result<(T, u32), sqlx::Error> {
        let begin = Instant::now();
        let mut failures = 0;
        loop {
            let error = match statement().await {
                Ok(done) => return Ok((done, failures)),
                Err(error) => error,
            };
            if failures == 0 {
                tracing::warn!(%error, "the database is unavailable; undelivered events wait in memory until it returns");
            }
            failures += 1;
            if begin.elapsed() > HOLD_MAX {
                return Err(error);
            }
            tokio::select! {
                () = tokio::time::sleep(pause(failures - 1, PAUSE)) => {}
                () = self.start.stopping.cancelled() => return Err(error),
            }
        }
    }

    /// Calls one consumer, unless it must wait. Returns `None` if the consumer accepted the event in time.
    async fn call(self: &Arc<Self>, consumer: usize, arrival: &Arrival, deadline: Instant) -> Option<(usize, Late)> {
        if !self.begin(consumer, arrival.key) {
            return Some((consumer, Late::Uncalled));
        }
        let mut call = self.post(consumer, arrival.event.clone());
        let late = match tokio::time::timeout_at(deadline, &mut call).await {
            Err(_) => Late::InFlight(call),
            Ok(answer) => match answered(answer) {
                Ok(_) => {
                    self.end(consumer, arrival.key, true);
                    return None;
                }
                Err(failure) => Late::Failed(failure),
            },
        };
        self.note_failure(consumer, arrival.key);
        Some((consumer, late))
    }

    /// Calls a consumer in a task of its own, which is never cancelled.
    fn post(self: &Arc<Self>, consumer: usize, event: Bytes) -> JoinHandle<Result<Published, Failure>> {
        let dispatcher = self.clone();
        self.start.tracker.spawn(async move { dispatcher.attempt(consumer, event).await })
    }

    async fn attempt(&self, consumer: usize, event: Bytes) -> Result<Published, Failure> {
        let Some(route) = self.consumers.get(consumer) else { return Err(Failure::of_event("no such consumer")) };
        let result = self.start.caller.post(route, "/", Some(STRUCTURED), event).await;
        // After a broken call, the content of the outbox is unknown.
        if !matches!(result, Ok(Published::All)) {
            drop(self.start.publisher.publish(&[]).await);
        }
        result
    }

    /// Calls consumers once, and stores nothing.
    async fn show(self: &Arc<Self>, arrival: &Arrival) {
        for consumer in arrival.consumers.iter().filter_map(|route| self.place(route.name)) {
            let Ok(Ok(_permit)) = tokio::time::timeout(PATIENCE, self.live.acquire()).await else {
                tracing::debug!(consumer = self.name(consumer), "a live update was dropped: its consumer is slow");
                continue;
            };
            if let Ok(Ok(Err(failure))) = tokio::time::timeout(PATIENCE, self.post(consumer, arrival.event.clone())).await {
                tracing::debug!(consumer = self.name(consumer), error = %failure.text, "a consumer did not accept a live update");
            }
        }
    }

    /// Adds the deliveries that are now in the table.
    fn kept(self: &Arc<Self>, arrival: &Arrival, created_at: Timestamp, late: Vec<(usize, Late)>, kept: &[(i64, String)]) {
        for (consumer, late) in late {
            let name = self.name(consumer);
            let Some((id, _)) = kept.iter().find(|(_, kept)| kept == name) else { continue };
            let mark = Mark { id: *id, consumer };
            let (key, topic, event) = (arrival.key, arrival.topic, arrival.event.clone());
            let item = Item { mark, key, topic, event, created_at, tries: Tries::default() };
            let result = match late {
                Late::Uncalled => {
                    self.put_new(item, None);
                    continue;
                }
                Late::InFlight(call) => Ok(call),
                Late::Failed(failure) => Err(failure),
            };
            self.with_lane(consumer, |lane| lane.known.insert(mark.id));
            let dispatcher = self.clone();
            self.start.tracker.spawn(async move {
                let result = match result {
                    Ok(call) => answered(call.await),
                    Err(failure) => Err(failure),
                };
                dispatcher.settle_and_go_on(item, result).await;
            });
        }
        self.employ_all();
    }

    async fn settle_and_go_on(self: Arc<Self>, mut item: Item, result: Result<Published, Failure>) {
        let consumer = item.mark.consumer;
        let outcome = self.settle(&mut item, result).await;
        self.go_on(item, outcome);
        self.with_lane(consumer, |lane| lane.running -= 1);
        self.employ_one(consumer);
        self.acknowledge.notify_one();
    }

    /// Adds rows that were just written. Rows of one key must be in order.
    pub fn put_rows(self: &Arc<Self>, rows: Vec<Delivery>) {
        for (item, wait) in self.items(rows) {
            self.put_new(item, wait);
        }
        self.employ_all();
    }

    fn put_new(self: &Arc<Self>, item: Item, wait: Option<Duration>) {
        let Mark { id, consumer } = item.mark;
        let is_missed = self.with_lane(consumer, |lane| {
            let is_missed = lane.loaded.after.is_some() || !lane.has_room(1);
            if is_missed {
                lane.loaded.miss(id);
            }
            is_missed
        });
        match is_missed {
            Some(true) => self.reload.notify_one(),
            _ => self.put(item, wait),
        }
    }

    fn put(self: &Arc<Self>, item: Item, wait: Option<Duration>) {
        let (consumer, key) = (item.mark.consumer, item.key);
        let is_first = self.with_lane(consumer, |lane| {
            let is_first = lane.put(item);
            if is_first && wait.is_none() {
                lane.go(key);
            }
            is_first
        });
        if let (Some(true), Some(wait)) = (is_first, wait) {
            self.retry_later(consumer, key, wait);
        }
    }

    /// Converts rows to deliveries, in the order of their ids, each with the time that it must wait. Rows of one event share its text.
    fn items(&self, mut rows: Vec<Delivery>) -> Vec<(Item, Option<Duration>)> {
        rows.sort_by_key(|row| row.id);
        let now = self.start.clock.now();
        let mut last: Option<(i64, Bytes)> = None;
        let item = |row: Delivery| {
            let (Some(consumer), Ok(topic)) = (self.place(&row.consumer), row.topic.parse()) else {
                tracing::warn!(
                    id = row.id,
                    consumer = row.consumer,
                    topic = row.topic,
                    "a delivery has a consumer that this release does not know"
                );
                return None;
            };
            let event = match last.take() {
                Some((id, event)) if id == row.id => event,
                _ => Bytes::from(row.event),
            };
            last = Some((row.id, event.clone()));
            let tries = Tries { attempts: row.attempts.unsigned_abs(), uncounted: 0 };
            // If the clock was set back, the wait must still not exceed the longest pause.
            let wait = row.not_before.map(|time| time.0.since(now).min(PAUSE_MAX)).filter(|wait| !wait.is_zero());
            let mark = Mark { id: row.id, consumer };
            Some((Item { mark, key: row.key, topic, event, created_at: row.created_at, tries }, wait))
        };
        rows.into_iter().filter_map(item).collect()
    }

    /// Reads the whole table again, because another program may have written to it.
    pub fn reload(&self) {
        for lane in &mut *self.lanes() {
            lane.loaded.miss(i64::MIN + 1);
        }
        self.reload.notify_one();
    }

    /// Keeps the table's rows in memory, as far as they fit, until the stop.
    pub async fn keep_loaded(self: Arc<Self>) {
        let mut failures = 0;
        let begin = Instant::now();
        let mut rereads = REREADS.map(|after| begin + after).into_iter().peekable();
        while !self.start.stopping.is_cancelled() {
            let wait = match self.load().await {
                Ok(true) => continue,
                Ok(false) => {
                    failures = 0;
                    None
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(%error, "the database is unavailable; deliveries that wait in it are delayed");
                    }
                    failures += 1;
                    Some(pause(failures - 1, PAUSE))
                }
            };
            let reread = rereads.peek().copied();
            let rereading = async {
                match reread {
                    Some(moment) => tokio::time::sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            let wait = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => self.reload.notified().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = rereading => {
                    rereads.next();
                    self.reload();
                }
                () = self.start.stopping.cancelled() => {}
            }
        }
    }

    /// Reads rows for the lanes that have room for them. Returns false if there is nothing to read.
    async fn load(self: &Arc<Self>) -> Result<bool, sqlx::Error> {
        let (after, wanted) = {
            let mut lanes = self.lanes();
            let waiting = lanes.iter_mut().enumerate().filter(|(_, lane)| lane.has_room(BATCH));
            let mut waiting: Vec<_> = waiting.filter_map(|(consumer, lane)| Some((lane.loaded.after?, consumer, lane))).collect();
            let Some(after) = waiting.iter().map(|(after, ..)| *after).min() else { return Ok(false) };
            waiting.retain(|(own, ..)| *own == after);
            for (_, _, lane) in &mut waiting {
                lane.loaded.begin();
            }
            (after, waiting.into_iter().map(|(_, consumer, _)| consumer).collect::<Vec<_>>())
        };
        let names: Vec<_> = wanted.iter().map(|consumer| self.name(*consumer)).collect();
        let rows = self.start.table.load(after, &names, i64::try_from(BATCH).unwrap_or(i64::MAX)).await?;
        // An id has one row for each consumer, and the page may end between these rows.
        let last = rows.last().filter(|_| rows.len() == BATCH).map(|last| last.id - 1);
        for (item, wait) in self.items(rows) {
            self.put(item, wait);
        }
        for consumer in wanted {
            self.with_lane(consumer, |lane| lane.loaded.end(last));
        }
        self.employ_all();
        Ok(true)
    }

    /// Publishes dead letters to the broker, until the stop.
    pub async fn publish_letters(self: Arc<Self>) {
        let Some(broker) = self.start.broker.clone() else { return };
        let mut failures = 0;
        while !self.start.stopping.is_cancelled() {
            let result = self.publish_some(&*broker).await;
            let wait = async {
                match &result {
                    Ok(0) => self.post.notified().await,
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(pause(failures, PAUSE)).await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.start.stopping.cancelled() => {}
            }
            match &result {
                Ok(_) => failures = 0,
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(%error, "dead letters could not be published; they are kept, and retried");
                    }
                    failures += 1;
                }
            }
        }
    }

    async fn publish_some(&self, broker: &dyn Broker) -> Result<usize, function::BoxError> {
        let letters = self.start.table.unpublished(LETTERS).await?;
        let mut result = Ok(letters.len());
        for letter in &letters {
            match broker.send(Topic::DeadLetters, &letter.key.to_string(), &to_publish(letter)?).await {
                Ok(()) => self.start.table.published(letter).await?,
                // One failing letter must not delay the others.
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Acknowledges in batches, until the stop. Then waits for the calls in flight.
    pub async fn acknowledge(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.acknowledge.notified() => {}
                () = self.start.stopping.cancelled() => break,
            }
            tokio::time::sleep(ACKNOWLEDGE_AFTER).await;
            tokio::select! {
                () = self.flush() => {}
                () = self.start.stopping.cancelled() => break,
            }
        }
        if tokio::time::timeout(STOP_MAX, self.drain()).await.is_err() {
            tracing::warn!("the stop did not wait for all deliveries; the unfinished ones are retried");
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
        let idle = self.lanes().iter().all(|lane| lane.running == 0);
        idle && self.taken().is_empty()
    }

    /// Deletes the rows of accepted deliveries. Retries until it succeeds; the rows stay in memory meanwhile. Cancel-safe.
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
        for mark in &marks {
            self.forget(*mark);
        }
        let deleted: HashSet<Mark> = marks.into_iter().collect();
        self.taken().retain(|mark| !deleted.contains(mark));
    }

    /// Removes a row from memory.
    fn forget(&self, mark: Mark) {
        let may_load = self.with_lane(mark.consumer, |lane| {
            lane.forget(mark.id);
            lane.loaded.after.is_some() && lane.has_room(BATCH)
        });
        if may_load == Some(true) {
            self.reload.notify_one();
        }
    }

    /// Deletes each row on its own, so that only the rows that another session has locked must wait. Returns the deleted ones.
    async fn delete_each(self: &Arc<Self>, marks: Vec<Mark>) -> Vec<Mark> {
        let mut deleted = Vec::new();
        for mark in marks {
            if self.delete(&[mark]).await.is_ok() {
                deleted.push(mark);
            }
        }
        let dispatcher = self.clone();
        self.start.tracker.spawn(async move {
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
        self.start.table.delete(&ids, &names).await
    }

    fn employ_all(self: &Arc<Self>) {
        (0..self.consumers.len()).for_each(|consumer| self.employ_one(consumer));
    }

    /// Starts workers of a lane for as many keys as are ready and allowed.
    fn employ_one(self: &Arc<Self>, consumer: usize) {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(consumer) else { return };
        let wanted = lane.ready_count().min(lane.room(PARALLEL).saturating_sub(lane.running));
        for _ in 0..wanted {
            lane.running += 1;
            self.start.tracker.spawn(self.clone().work(consumer));
        }
    }

    async fn work(self: Arc<Self>, consumer: usize) {
        while let Some(mut item) = self.next(consumer) {
            let result = self.attempt(consumer, item.event.clone()).await;
            let outcome = self.settle(&mut item, result).await;
            self.go_on(item, outcome);
        }
        self.acknowledge.notify_one();
    }

    /// Returns the next delivery of a lane, or `None` if the worker is no longer needed.
    fn next(&self, consumer: usize) -> Option<Item> {
        let mut lanes = self.lanes();
        let lane = lanes.get_mut(consumer)?;
        let may_go = !self.start.stopping.is_cancelled() && lane.running <= lane.room(PARALLEL);
        let item = if may_go { lane.pop() } else { None };
        if item.is_none() {
            lane.running -= 1;
        }
        item
    }

    /// Releases the key of a delivery, immediately or after a pause.
    fn go_on(self: &Arc<Self>, item: Item, outcome: Outcome) {
        let (consumer, key) = (item.mark.consumer, item.key);
        match outcome {
            Outcome::Taken => {
                self.taken().push(item.mark);
                self.acknowledge.notify_one();
                self.release(consumer, key, true);
            }
            Outcome::Gone => {
                self.taken().push(item.mark);
                self.acknowledge.notify_one();
                self.release(consumer, key, false);
            }
            Outcome::GivenUp => self.release(consumer, key, false),
            Outcome::Failed => {
                let pause = item.tries.pause();
                self.with_lane(consumer, |lane| lane.put_back(item));
                self.retry_later(consumer, key, pause);
            }
        }
    }

    fn release(self: &Arc<Self>, consumer: usize, key: i64, is_taken: bool) {
        let is_well_again = self.with_lane(consumer, |lane| {
            let was_failing = lane.is_failing();
            if is_taken {
                lane.took();
            }
            lane.release(key);
            is_taken && was_failing
        });
        // A failing consumer has one worker. Now that it is healthy again, it gets more.
        if is_well_again == Some(true) {
            self.employ_one(consumer);
        }
    }

    /// Releases the key after a pause, without blocking other keys.
    fn retry_later(self: &Arc<Self>, consumer: usize, key: i64, wait: Duration) {
        let dispatcher = self.clone();
        self.start.tracker.spawn(async move {
            if dispatcher.sleep(wait).await {
                dispatcher.with_lane(consumer, |lane| lane.retry(key));
                dispatcher.employ_one(consumer);
            }
        });
    }

    /// Sleeps. Returns false if the program stops.
    async fn sleep(&self, wait: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = self.start.stopping.cancelled() => false,
        }
    }

    /// Begins a call for an event that has just arrived, if nothing waits before it and its consumer is healthy.
    fn begin(&self, consumer: usize, key: i64) -> bool {
        self.with_lane(consumer, |lane| lane.begin(key, PARALLEL)) == Some(true)
    }

    /// Ends such a call.
    fn end(self: &Arc<Self>, consumer: usize, key: i64, is_taken: bool) {
        self.with_lane(consumer, |lane| lane.running -= 1);
        self.release(consumer, key, is_taken);
        self.employ_one(consumer);
        self.acknowledge.notify_one();
    }

    fn end_after(self: &Arc<Self>, consumer: usize, key: i64, call: JoinHandle<Result<Published, Failure>>) {
        let dispatcher = self.clone();
        self.start.tracker.spawn(async move {
            let is_taken = answered(call.await).is_ok();
            dispatcher.end(consumer, key, is_taken);
        });
    }

    fn note_failure(self: &Arc<Self>, consumer: usize, key: i64) {
        let Some(rest) = self.with_lane(consumer, |lane| lane.failed(key)).flatten() else { return };
        let dispatcher = self.clone();
        self.start.tracker.spawn(async move {
            if dispatcher.sleep(rest).await {
                dispatcher.employ_one(consumer);
            }
        });
    }

    /// Decides what to do after an answer.
    async fn settle(self: &Arc<Self>, item: &mut Item, result: Result<Published, Failure>) -> Outcome {
        let Err(failure) = result else { return Outcome::Taken };
        let Mark { id, consumer } = item.mark;
        tracing::debug!(consumer = self.name(consumer), id, error = %failure.text, "a delivery failed");
        if item.topic == Topic::TaskUpdates {
            return Outcome::Gone;
        }
        self.note_failure(consumer, item.key);
        let now = self.start.clock.now();
        let age = if now.since(self.begin) < self.start.return_max { Duration::ZERO } else { now.since(item.created_at) };
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
        let next = Tries { attempts: item.tries.attempts.saturating_add(1), ..item.tries };
        let not_before = self.start.clock.now().after(next.pause());
        let attempts = self.start.table.count(item.mark.id, self.name(item.mark.consumer), not_before).await?;
        // The row was deleted, or it is in the outbox again, so there is nothing to deliver.
        let Some(attempts) = attempts else { return Ok(Outcome::Gone) };
        item.tries.attempts = attempts.unsigned_abs();
        Ok(Outcome::Failed)
    }

    async fn give_up(&self, item: &Item, failure: &Failure) -> Result<Outcome, sqlx::Error> {
        let consumer = self.name(item.mark.consumer);
        let attempts = i32::try_from(item.tries.attempts).unwrap_or(i32::MAX).saturating_add(1);
        let now = self.start.clock.now();
        let end = End { attempts, error: &failure.text, has_broker: self.start.broker.is_some(), now };
        self.start.table.give_up(item.mark.id, consumer, end).await?;
        self.forget(item.mark);
        self.post.notify_one();
        self.start.caller.metrics().dead_letter(consumer);
        let status = failure.status.map(|status| status.as_u16());
        let (id, key, correlation_id, error) = (item.mark.id, item.key, correlation_id(&item.event), &failure.text);
        tracing::error!(consumer, id, key, correlation_id, attempts, status, %error, "an event became a dead letter");
        Ok(Outcome::GivenUp)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.consumers.iter().position(|route| route.name == name)
    }

    fn name(&self, consumer: usize) -> &'static str {
        self.consumers.get(consumer).map_or("", |route| route.name)
    }

    fn with_lane<T>(&self, consumer: usize, look: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        self.lanes().get_mut(consumer).map(look)
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Mark>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the answer of a call that ran in a task of its own.
fn answered(answer: Result<Result<Published, Failure>, tokio::task::JoinError>) -> Result<Published, Failure> {
    answer.unwrap_or_else(|error| Err(Failure::of_event(error.to_string())))
}

/// Returns the correlation id of an event in its structured JSON form; `None` for text that is no event.
fn correlation_id(event: &[u8]) -> Option<String> {
    serde_json::from_slice::<Value>(event).ok()?.get(CORRELATION_ID)?.as_str().map(str::to_owned)
}
