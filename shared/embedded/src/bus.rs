//! The bus in one process: moves outbox rows to the functions that consume them, and to the timers of the jobs.
//!
//! The bus does not poll. A unit that has just committed is handed over from memory: the crate `deliveries` calls the consumers, and the rows that
//! all of them accepted are deleted from `outbox`. Everything else goes through the tables: jobs, rows behind older rows of their task, and rows that
//! arrive while many units are in hand. One task moves these: it turns rows of `outbox` into rows of `deliveries`, one per consuming function, and of
//! `embedded.jobs`. One statement does that, so a row is always in one of the tables.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use cloudevents::Event;
use deliveries::{Arrival, Dispatcher, Start};
use domain::ambient::Clock;
use domain::event::{EventType, Topic};
use domain::routes::{self, Audience, Concern};
use function::call::{Caller, pause};
use function::cloud_event;
use function::ports::{Publisher, PublisherHealth};
use function::{BoxError, BoxFuture};
use sqlx::{FromRow, PgPool, Row, ValueRef};
use store::{Committed, Deliveries, Delivery, Entry, OutboxRow, Time};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::jobs::{Jobs, Running};
use crate::sql::{self, BEGIN, BEGIN_QUICK, begin, begin_quick};

/// Maximum rows that one statement moves or loads, so that it stays short.
const BATCH: usize = 500;
/// First pause while the database is unavailable.
const PAUSE: Duration = Duration::from_millis(50);
/// Interval at which the whole outbox is read while there is work, for rows that were not reported because a connection broke during a commit.
const LOOK_AROUND: Duration = Duration::from_secs(10);
/// Pause before rows that another session has locked are moved again.
const LOCKED: Duration = Duration::from_secs(1);
/// Maximum tasks whose events are handed over from memory at the same time, which is also the number of parallel calls of a consumer. Rows
/// of further tasks are moved in batches.
const IN_HAND_MAX: usize = 8;
/// Maximum events of a unit that is handed over from memory, one after the other.
const EVENTS_MAX: usize = 8;
/// Number of recently moved rows to remember: a row may be moved between its commit and the call that reports it.
const MOVED_MAX: usize = 2_000;
/// How long a stop waits for units in hand. Rows that are still in the outbox then are delivered again.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Moves outbox rows to the tables of deliveries and jobs, in one statement. `first` is materialised, so that every plan evaluates it once.
/// If several rows concern a job, the last one counts. Each returned row is a [`Moved`] about the whole move, with one [`Delivery`] if
/// there is any.
macro_rules! move_rows {
    ($which:literal) => {
        concat!(
            "WITH first AS MATERIALIZED (SELECT key, id FROM outbox ",
            $which,
            " ORDER BY id LIMIT $1), \
     taken AS (DELETE FROM outbox o USING first f WHERE o.key = f.key AND o.id = f.id \
         RETURNING o.id, o.key, o.kind, o.topic, o.name, o.payload, o.due_at, o.created_at), \
     delivered AS (INSERT INTO deliveries AS d (id, consumer, key, topic, event, created_at) \
         SELECT t.id, w.consumer, t.key, t.topic, t.payload, t.created_at FROM taken t \
         JOIN unnest($2::text[], $3::text[], $4::text[], $7::text[]) AS w (consumer, topic, type, channel) ON w.topic = t.topic AND w.type = t.name \
         WHERE t.kind = 'event' AND CASE WHEN w.channel IS NULL THEN true ELSE coalesce((t.payload->'data'->'channels')::jsonb ? w.channel, true) END \
         ON CONFLICT (id, consumer) DO UPDATE SET attempts = d.attempts RETURNING d.id, d.consumer, d.key, d.topic, d.event, d.attempts, d.not_before, d.created_at), \
     said AS (SELECT DISTINCT ON (name) name, kind, due_at FROM taken WHERE kind <> 'event' ORDER BY name, id DESC), \
     before AS (SELECT j.next_at FROM embedded.jobs j JOIN said s ON s.name = j.name), \
     scheduled AS (INSERT INTO embedded.jobs (name, due_at, next_at) SELECT name, due_at, due_at FROM said WHERE kind = 'schedule-job' \
         ON CONFLICT (name) DO UPDATE SET due_at = EXCLUDED.due_at, next_at = EXCLUDED.next_at, attempts = 0), \
     cancelled AS (DELETE FROM embedded.jobs j USING said s WHERE s.kind = 'cancel-job' AND j.name = s.name) \
     SELECT m.taken, m.ids, m.earliest, m.functions, d.id, d.consumer, d.key, d.topic, d.event::text AS event, d.attempts, d.not_before, d.created_at \
     FROM (SELECT (SELECT count(*) FROM taken) AS taken, (SELECT coalesce(array_agg(t.id), '{}') FROM taken t) AS ids, \
         least((SELECT min(next_at) FROM before), (SELECT min(due_at) FROM said WHERE kind = 'schedule-job')) AS earliest, \
         (SELECT coalesce(array_agg(DISTINCT regexp_replace(name, '-[0-9]+$', '')), '{}') FROM said) AS functions) AS m \
     LEFT JOIN delivered d ON true ORDER BY d.id"
        )
    };
}

/// Units in hand are not moved: $5 are ids, $6 are keys.
const MOVE_ALL: &str = move_rows!("WHERE NOT id = ANY($5) AND NOT key = ANY($6)");
/// Tasks whose rows are moved separately.
const KEYS: &str = "SELECT key FROM outbox GROUP BY key ORDER BY min(id) LIMIT $1";
/// Uses the index, whose first column is the key. The table's rows are all short-lived, and a scan would read every row that was moved since the last
/// vacuum.
const MOVE_KEYS: &str = move_rows!("WHERE NOT id = ANY($5) AND NOT key = ANY($6) AND key = ANY($8)");
/// Forces the index, because the planner may plan for an empty table and keep that plan.
const BEGIN_BY_INDEX: &str = begin_quick!("; SET LOCAL enable_seqscan = off");
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM outbox)";
const DEPTHS: &str = "SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM deliveries) AS deliveries, \
     (SELECT count(*) FROM dead_letters) AS dead_letters, (SELECT count(*) FROM embedded.jobs) AS jobs";

/// Number of rows in each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Depths {
    /// Rows that the bus has yet to move.
    pub outbox: i64,
    /// Deliveries that were not accepted yet.
    pub deliveries: i64,
    /// Dead letters.
    pub dead_letters: i64,
    /// Jobs that were not called yet.
    pub jobs: i64,
}

/// Events that each function consumes, as three columns.
struct Wanted {
    consumers: Vec<&'static str>,
    topics: Vec<&'static str>,
    types: Vec<&'static str>,
    /// The channel that a reminder must use.
    channels: Vec<Option<&'static str>>,
}

/// The bus and the timers of the jobs. It is the [`Publisher`] of the functions that it calls, so it is created first and started when they exist.
/// Its tasks, not the bus, hold the functions until the stop.
pub struct Bus {
    own: Weak<Self>,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    jobs: Vec<Arc<Jobs>>,
    /// Event types that the webhook receives.
    posted: Vec<EventType>,
    wake: Notify,
    /// Rows reported to the mover since its last move.
    told: Mutex<Scope>,
    in_hand: Mutex<InHand>,
    wanted: Wanted,
    tasks: OnceLock<Tasks>,
}

/// Units that are delivered from memory.
#[derive(Default)]
struct InHand {
    /// Tasks of units in hand. Their other rows wait until the unit is done, which keeps the order.
    keys: HashSet<i64>,
    /// Tasks in hand that have other rows.
    waiting: HashSet<i64>,
    /// Rows (their keys and ids) that were accepted and have to be deleted.
    taken: Vec<(i64, i64)>,
    /// When to retry the deletion, after another session had locked some rows.
    locked_until: Option<Instant>,
    /// True while rows are being moved, some of which may have just been committed.
    is_moving: bool,
    /// Ids of recently moved rows.
    moved: BTreeSet<i64>,
}

/// The rows of the outbox to move.
#[derive(Debug)]
enum Scope {
    All,
    Keys(HashSet<i64>),
}

impl Scope {
    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Keys(own), Self::Keys(keys)) => own.extend(keys),
            (own, Self::All) => *own = Self::All,
            (Self::All, Self::Keys(_)) => {}
        }
    }
}

struct Tasks {
    mover: JoinHandle<()>,
    loader: JoinHandle<()>,
    acknowledger: JoinHandle<()>,
    timers: Vec<JoinHandle<()>>,
    /// Held by its own tasks.
    dispatcher: Weak<Dispatcher>,
    tracker: TaskTracker,
}

/// The result of a move.
#[derive(FromRow)]
struct Moved {
    /// Number of rows that left the outbox.
    taken: i64,
    ids: Vec<i64>,
    /// Earliest time of a changed job, old or new.
    earliest: Option<Time>,
    /// The functions of these jobs.
    functions: Vec<String>,
}

impl InHand {
    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.taken.is_empty()
    }
}

impl Bus {
    /// Creates a bus over the tables of this database, not started yet: published rows wait in the outbox. It has a small connection pool of its own,
    /// so that it does not wait behind the functions that it calls. `posted`: event types that the webhook receives.
    #[must_use]
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, posted: Vec<EventType>) -> Arc<Self> {
        let jobs = Jobs::all(&pool, &clock);
        let (wake, told) = (Notify::new(), Mutex::new(Scope::All));
        Arc::new_cyclic(|own| {
            let (own, in_hand) = (own.clone(), Mutex::default());
            let wanted = wanted(&posted);
            Self { own, pool, clock, jobs, posted, wake, told, in_hand, wanted, tasks: OnceLock::new() }
        })
    }

    /// Creates the tables of bus, jobs and state if they do not exist. The store's tables must exist.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`].
    pub async fn prepare(&self) -> Result<(), store::Error> {
        sql::prepare(&self.pool).await
    }

    /// Starts to deliver to functions and to call jobs, beginning with what an earlier process left. A second start does nothing.
    ///
    /// After `stopping`, no delivery and no job starts. The tasks, which `tracker` knows, end when the running ones have ended.
    pub fn start(self: &Arc<Self>, caller: Caller, stopping: &CancellationToken, tracker: &TaskTracker) {
        self.tasks.get_or_init(|| {
            let caller = Arc::new(caller);
            let dispatcher = Dispatcher::new(Start {
                table: Deliveries::new(self.pool.clone()),
                clock: self.clock.clone(),
                caller: caller.clone(),
                publisher: self.clone(),
                broker: None,
                return_max: Duration::ZERO,
                stopping: stopping.clone(),
                tracker: tracker.clone(),
            });
            let running = Arc::new(Running { caller, stopping: stopping.clone(), tracker: tracker.clone() });
            Tasks {
                dispatcher: Arc::downgrade(&dispatcher),
                tracker: tracker.clone(),
                loader: tracker.spawn(dispatcher.clone().keep_loaded()),
                acknowledger: tracker.spawn(dispatcher.clone().acknowledge()),
                mover: tracker.spawn(self.clone().run(dispatcher, stopping.clone())),
                timers: self.jobs.iter().map(|jobs| tracker.spawn(jobs.clone().run(running.clone()))).collect(),
            }
        });
    }

    /// Returns the number of rows in each table.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`].
    pub async fn depth(&self) -> Result<Depths, store::Error> {
        let mut transaction = begin(&self.pool, BEGIN).await?;
        let depths = sqlx::query_as(DEPTHS).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(depths)
    }

    /// The mover: moves reported rows until the stop.
    async fn run(self: Arc<Self>, dispatcher: Arc<Dispatcher>, stopping: CancellationToken) {
        let mut failures = 0;
        let mut looked_around = Instant::now();
        while !stopping.is_cancelled() {
            if looked_around.elapsed() > LOOK_AROUND {
                self.tell(Scope::All);
                looked_around = Instant::now();
            }
            let wait: BoxFuture<'_, ()> = match self.move_on(&dispatcher).await {
                Ok(may_have_more) => {
                    if failures > 0 {
                        tracing::info!("the bus has reached its database again");
                    }
                    failures = 0;
                    if may_have_more { Box::pin(std::future::ready(())) } else { Box::pin(self.wake.notified()) }
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(%error, "the bus cannot reach its database; it retries until it can");
                    }
                    failures += 1;
                    // It is unknown whether the statement ran. If it did, the table has rows that memory lacks.
                    dispatcher.reload();
                    self.tell(Scope::All);
                    Box::pin(tokio::time::sleep(pause(failures - 1, PAUSE)))
                }
            };
            tokio::select! {
                () = wait => {}
                () = stopping.cancelled() => {}
            }
        }
        if tokio::time::timeout(STOP_MAX, self.let_go()).await.is_err() {
            tracing::warn!("the stop did not wait for all events; the unfinished ones are delivered again at the next start");
        }
    }

    /// Waits until nothing is in hand.
    async fn let_go(&self) {
        loop {
            if let Err(error) = self.delete_taken().await {
                tracing::debug!(%error, "accepted rows could not be deleted from the outbox yet");
                tokio::time::sleep(PAUSE).await;
            } else if self.in_hand().is_empty() {
                return;
            } else {
                self.wake.notified().await;
            }
        }
    }

    /// Hands over the events of a unit, in order.
    async fn hand_over(self: Arc<Self>, dispatcher: Arc<Dispatcher>, rows: Vec<OutboxRow>, events: Vec<Event>) {
        let ids: Vec<_> = rows.iter().map(|row| (row.key, row.id)).collect();
        let mut is_taken = true;
        for (row, event) in rows.into_iter().zip(events) {
            let Entry::Event { topic, ty, payload } = row.entry else { continue };
            let data = cloud_event::data(&event).unwrap_or_default();
            let consumers: Vec<_> = routes::ALL
                .iter()
                .filter(|route| route.has_to_do(topic, ty, &data, Audience { is_watched: true, posted: &self.posted }))
                .collect();
            if !consumers.is_empty() {
                let arrival = Arrival { key: row.key, topic, event: payload.into(), consumers };
                is_taken = is_taken && dispatcher.hand_over(arrival).await.is_ok();
            }
        }
        let mut in_hand = self.in_hand();
        let mut told = HashSet::new();
        for (key, id) in ids {
            in_hand.keys.remove(&key);
            if in_hand.waiting.remove(&key) || !is_taken {
                told.insert(key);
            }
            if is_taken {
                in_hand.taken.push((key, id));
            }
        }
        drop(in_hand);
        self.tell(Scope::Keys(told));
        self.wake.notify_one();
    }

    /// Deletes accepted rows from the outbox. Rows that another session has locked are deleted later.
    async fn delete_taken(&self) -> Result<(), sqlx::Error> {
        let (taken, locked_until) = {
            let in_hand = self.in_hand();
            (in_hand.taken.clone(), in_hand.locked_until)
        };
        if taken.is_empty() || locked_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        match self.delete(&taken).await {
            Err(error) if store::is_locked(&error) => {
                self.in_hand().locked_until = Some(Instant::now() + LOCKED);
                if let Some(bus) = self.own.upgrade() {
                    tokio::spawn(async move {
                        tokio::time::sleep(LOCKED).await;
                        bus.wake.notify_one();
                    });
                }
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.in_hand().taken.drain(..taken.len());
                Ok(())
            }
        }
    }

    async fn delete(&self, rows: &[(i64, i64)]) -> Result<(), sqlx::Error> {
        let mut transaction = begin(&self.pool, BEGIN_BY_INDEX).await?;
        store::delete_published(&mut transaction, rows).await?;
        transaction.commit().await
    }

    /// Moves the reported rows. Returns true if there may be more.
    async fn move_on(self: &Arc<Self>, dispatcher: &Arc<Dispatcher>) -> Result<bool, sqlx::Error> {
        self.delete_taken().await?;
        let scope = std::mem::replace(&mut *self.told(), Scope::Keys(HashSet::new()));
        let moved = match &scope {
            Scope::All => self.move_rows(None, dispatcher).await,
            Scope::Keys(keys) if keys.is_empty() => return Ok(false),
            Scope::Keys(keys) => self.move_rows(Some(keys.iter().copied().collect()), dispatcher).await,
        };
        let is_full = match moved {
            Err(error) if store::is_locked(&error) => return self.move_each(scope, dispatcher).await,
            is_full => is_full?,
        };
        if is_full {
            self.tell(scope);
        }
        // Rows written after this read wake the mover again.
        Ok(is_full)
    }

    /// Moves the rows of each task separately, after another session has locked something that some of them need. Only those tasks then
    /// wait.
    async fn move_each(self: &Arc<Self>, scope: Scope, dispatcher: &Arc<Dispatcher>) -> Result<bool, sqlx::Error> {
        let keys = match scope {
            Scope::Keys(keys) => keys,
            Scope::All => self.keys().await?,
        };
        let mut later = if keys.len() < BATCH { Scope::Keys(HashSet::new()) } else { Scope::All };
        for key in keys {
            match self.move_rows(Some(vec![key]), dispatcher).await {
                Ok(false) => {}
                Err(error) if !store::is_locked(&error) => return Err(error),
                Ok(true) | Err(_) => later.add(Scope::Keys(HashSet::from([key]))),
            }
        }
        let bus = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LOCKED).await;
            bus.tell(later);
            bus.wake.notify_one();
        });
        Ok(false)
    }

    /// Moves the rows of these keys, or of all. Returns true if rows may be left, because one statement moves a limited number.
    async fn move_rows(&self, keys: Option<Vec<i64>>, dispatcher: &Arc<Dispatcher>) -> Result<bool, sqlx::Error> {
        let Wanted { consumers, topics, types, channels } = &self.wanted;
        let (how, sql) = if keys.is_some() { (BEGIN_BY_INDEX, MOVE_KEYS) } else { (BEGIN_QUICK, MOVE_ALL) };
        let mut transaction = begin(&self.pool, how).await?;
        let moving = Moving::begin(self, keys.as_deref());
        let query =
            sqlx::query(sql).bind(limit()).bind(consumers).bind(topics).bind(types).bind(&moving.taken).bind(&moving.keys).bind(channels);
        let query = if let Some(keys) = keys { query.bind(keys) } else { query };
        let rows = query.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        let Moved { taken, ids, earliest, functions } = Moved::from_row(rows.first().ok_or(sqlx::Error::RowNotFound)?)?;
        moving.remember(ids);
        if let Some(earliest) = earliest {
            self.jobs.iter().for_each(|jobs| jobs.changed(&functions, earliest.0));
        }
        let deliveries = rows.iter().filter(|row| row.try_get_raw("id").is_ok_and(|id| !id.is_null())).map(Delivery::from_row);
        dispatcher.put_rows(deliveries.collect::<Result<_, _>>()?);
        Ok(taken == limit())
    }

    async fn keys(&self) -> Result<HashSet<i64>, sqlx::Error> {
        let mut transaction = begin(&self.pool, BEGIN).await?;
        let keys: Vec<i64> = sqlx::query_scalar(KEYS).bind(limit()).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(keys.into_iter().collect())
    }

    fn tell(&self, scope: Scope) {
        self.told().add(scope);
    }

    fn told(&self) -> MutexGuard<'_, Scope> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_hand(&self) -> MutexGuard<'_, InHand> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the dispatcher if the events of another unit may be handed over from memory.
    fn take_in_hand(&self, committed: &Committed) -> Option<(Arc<Dispatcher>, &TaskTracker)> {
        let tasks = self.tasks.get()?;
        // Jobs are in the table only.
        let has_jobs = committed.rows.len() != committed.events.len();
        if committed.is_behind || has_jobs || committed.events.len() > EVENTS_MAX || tasks.mover.is_finished() {
            return None;
        }
        let dispatcher = tasks.dispatcher.upgrade()?;
        let mut in_hand = self.in_hand();
        let is_moved = in_hand.is_moving || committed.rows.iter().any(|row| in_hand.moved.contains(&row.id));
        let keys = committed.keys();
        if is_moved || in_hand.keys.len() >= IN_HAND_MAX || keys.iter().any(|key| in_hand.keys.contains(key)) {
            return None;
        }
        in_hand.keys.extend(keys);
        Some((dispatcher, &tasks.tracker))
    }

    async fn is_empty(&self) -> Result<bool, sqlx::Error> {
        let mut transaction = begin(&self.pool, BEGIN).await?;
        let empty = sqlx::query_scalar(IS_EMPTY).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(empty)
    }
}

/// A running move of rows that are not in hand. Until it ends, no unit is taken in hand.
struct Moving<'a> {
    bus: &'a Bus,
    /// Ids of rows that were accepted.
    taken: Vec<i64>,
    /// Tasks that are in hand.
    keys: Vec<i64>,
}

impl<'a> Moving<'a> {
    /// Starts to move the rows of these tasks, or of all.
    fn begin(bus: &'a Bus, wanted: Option<&[i64]>) -> Self {
        let mut in_hand = bus.in_hand();
        in_hand.is_moving = true;
        let keys: Vec<i64> = in_hand.keys.iter().copied().collect();
        in_hand.waiting.extend(keys.iter().filter(|key| wanted.is_none_or(|wanted| wanted.contains(key))));
        Self { bus, taken: in_hand.taken.iter().map(|(_, id)| *id).collect(), keys }
    }

    /// Remembers the moved rows. The move lasts until they are with the dispatcher, because a later unit must not get there before them.
    fn remember(&self, ids: Vec<i64>) {
        let mut in_hand = self.bus.in_hand();
        in_hand.moved.extend(ids);
        while in_hand.moved.len() > MOVED_MAX {
            in_hand.moved.pop_first();
        }
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.bus.in_hand().is_moving = false;
    }
}

impl Publisher for Bus {
    fn publish<'a>(&'a self, keys: &'a [i64]) -> BoxFuture<'a, Result<(), BoxError>> {
        // The rows are safe where they are; the mover takes them in the order of all keys.
        self.tell(Scope::Keys(keys.iter().copied().collect()));
        self.wake.notify_one();
        Box::pin(std::future::ready(Ok(())))
    }

    fn publish_new(&self, committed: Committed) -> BoxFuture<'_, Result<(), BoxError>> {
        let Some((own, (dispatcher, tracker))) = self.own.upgrade().zip(self.take_in_hand(&committed)) else {
            self.tell(Scope::Keys(committed.keys().into_iter().collect()));
            self.wake.notify_one();
            return Box::pin(std::future::ready(Ok(())));
        };
        tracker.spawn(own.hand_over(dispatcher, committed.rows, committed.events));
        Box::pin(std::future::ready(Ok(())))
    }

    fn publish_all(&self) -> BoxFuture<'_, Result<bool, BoxError>> {
        self.tell(Scope::All);
        self.wake.notify_one();
        Box::pin(async { Ok(self.is_empty().await?) })
    }

    fn depth(&self) -> BoxFuture<'_, Option<i64>> {
        Box::pin(async { Some(Bus::depth(self).await.ok()?.outbox) })
    }

    fn check(&self) -> BoxFuture<'_, PublisherHealth> {
        Box::pin(async {
            let Some(tasks) = self.tasks.get() else { return PublisherHealth { events: false, jobs: false } };
            let answers = sql::answers(&self.pool).await;
            let events = answers && [&tasks.mover, &tasks.loader, &tasks.acknowledger].iter().all(|task| !task.is_finished());
            PublisherHealth { events, jobs: answers && !tasks.timers.iter().any(JoinHandle::is_finished) }
        })
    }
}

fn limit() -> i64 {
    i64::try_from(BATCH).unwrap_or(i64::MAX)
}

fn wanted(posted: &[EventType]) -> Wanted {
    let mut wanted = Wanted { consumers: Vec::new(), topics: Vec::new(), types: Vec::new(), channels: Vec::new() };
    for route in routes::ALL {
        for topic in Topic::ALL {
            for ty in EventType::ALL {
                let channel = match route.wants(*topic, *ty).map(|subscription| subscription.concern) {
                    None => continue,
                    Some(Concern::Posted) if !posted.contains(ty) => continue,
                    Some(Concern::Channel(channel)) => Some(channel.as_str()),
                    Some(_) => None,
                };
                wanted.channels.push(channel);
                wanted.consumers.push(route.name);
                wanted.topics.push(topic.as_str());
                wanted.types.push(ty.as_str());
            }
        }
    }
    wanted
}
