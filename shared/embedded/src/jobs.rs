//! Jobs: rows with a time, and timers that sleep until the next one.
//!
//! The timer holds the next jobs in memory, so that nothing delays the call at their time. A change of a job is reported to it ([`Jobs::changed`]);
//! it reads the table again if the change affects the jobs in memory.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::ambient::Clock;
use domain::routes::{self, HOUSEKEEPING};
use sqlx::PgPool;
use store::Time;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sql::{BEGIN_QUICK, begin};
use crate::state;
use function::BoxFuture;
use function::batch::Batches;
use function::call::{Caller, Failure, pause};

/// Maximum jobs that run at the same time: many reminders are due at 09:00.
const PARALLEL: usize = 200;
/// Number of jobs that the timer holds in memory.
const AHEAD: usize = 400;
/// Maximum sleep before the clock is read again. The clock may have been set, or the machine may have been suspended, which no timer notices. This
/// reads the clock only, not the database.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// Minimum sleep: the resolution of a timer.
const SLEEP_MIN: Duration = Duration::from_millis(1);
/// Number of failures with the same short pause; later pauses grow.
const QUICK_RETRIES: u32 = 3;
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// First pause while the database is unavailable.
const AWAY: Duration = Duration::from_millis(50);

/// $3 are functions. If $4 is true, selects their jobs; if false, the jobs of all others.
const LOAD: &str = "SELECT name, due_at, next_at, attempts FROM embedded.jobs WHERE name <> ALL($1) \
     AND (regexp_replace(name, '-[0-9]+$', '') = ANY($3)) = $4 ORDER BY next_at, name LIMIT $2";
/// Makes the repeating jobs due at the start. Each is due again after its period.
const AT_ONCE: &str = "INSERT INTO embedded.jobs (name, due_at, next_at) SELECT name, $2, $2 FROM unnest($1::text[]) AS name \
     ON CONFLICT (name) DO UPDATE SET due_at = EXCLUDED.due_at, next_at = EXCLUDED.next_at, attempts = 0";
const DONE: &str = "DELETE FROM embedded.jobs j USING unnest($1::text[], $2::timestamptz[]) AS r (name, due_at) \
     WHERE j.name = r.name AND j.due_at = r.due_at RETURNING j.name";
const AGAIN: &str = "UPDATE embedded.jobs SET due_at = $3, next_at = $3, attempts = 0 WHERE name = $1 AND due_at = $2";
const FAILED: &str = "UPDATE embedded.jobs SET attempts = $4, next_at = $3 WHERE name = $1 AND due_at = $2";

/// A job in the timer's memory.
#[derive(Debug, sqlx::FromRow)]
struct Job {
    name: String,
    /// The registered time. If it differs after the call, the job was registered again meanwhile.
    #[sqlx(try_from = "Time")]
    due_at: Timestamp,
    /// When to call it: `due_at`, or later after a failure.
    #[sqlx(try_from = "Time")]
    next_at: Timestamp,
    attempts: i32,
}

/// A timer. Each function that sends something to external receivers has its own, because a hanging receiver must not delay reminders. One timer has
/// the jobs of all others.
pub(crate) struct Jobs {
    /// The function whose jobs it calls; `None`: those without a timer of their own.
    of: Option<&'static str>,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    changed: Notify,
    landed: Notify,
    /// The timer has every job up to this moment in memory.
    horizon: AtomicI64,
    in_flight: Mutex<HashSet<String>>,
    done: Arc<Batches<(String, Timestamp), Ended>>,
}

/// True if the job may have to be called again; an error if its result could not be stored.
type Ended = Result<bool, Arc<sqlx::Error>>;

/// What a running timer needs.
pub(crate) struct Running {
    pub(crate) caller: Arc<Caller>,
    pub(crate) stopping: CancellationToken,
    pub(crate) tracker: TaskTracker,
}

impl Jobs {
    fn new(of: Option<&'static str>, pool: PgPool, clock: Arc<dyn Clock>) -> Self {
        let (changed, landed, in_flight) = (Notify::new(), Notify::new(), Mutex::default());
        Self { of, pool, clock, changed, landed, horizon: AtomicI64::new(i64::MAX), in_flight, done: Batches::new(PARALLEL) }
    }

    /// Creates every timer.
    pub(crate) fn all(pool: &PgPool, clock: &Arc<dyn Clock>) -> Vec<Arc<Self>> {
        let own = routes::sending().map(|route| Some(route.name));
        own.chain([None]).map(|of| Arc::new(Self::new(of, pool.clone(), clock.clone()))).collect()
    }

    /// Reports committed changes of jobs of these functions, with the earliest of their old and new times.
    pub(crate) fn changed(&self, functions: &[String], earliest: Timestamp) {
        let is_own = |function: &String| match self.of {
            Some(own) => function == own,
            None => routes::sending().all(|route| route.name != function),
        };
        if functions.iter().any(is_own) && earliest.as_microsecond() <= self.horizon.load(Ordering::SeqCst) {
            self.changed.notify_one();
        }
    }

    /// Calls jobs at their times until the stop.
    pub(crate) async fn run(self: Arc<Self>, running: Arc<Running>) {
        let mut known = VecDeque::new();
        let mut stale = true;
        let mut begun = false;
        let mut failures = 0;
        while !running.stopping.is_cancelled() {
            if stale {
                match self.read(&mut begun).await {
                    Ok(jobs) => (known, stale, failures) = (jobs, false, 0),
                    Err(error) => {
                        tracing::debug!(%error, "jobs cannot be read yet");
                        tokio::select! {
                            () = tokio::time::sleep(pause(failures, AWAY)) => {}
                            () = running.stopping.cancelled() => {}
                        }
                        failures += 1;
                        continue;
                    }
                }
            }
            self.call_due(&mut known, &running);
            if known.is_empty() && self.horizon.load(Ordering::SeqCst) != i64::MAX {
                stale = true;
                continue;
            }
            tokio::select! {
                () = running.stopping.cancelled() => {}
                () = self.changed.notified() => stale = true,
                () = self.landed.notified() => {}
                () = self.sleep(known.front()) => {}
            }
        }
    }

    /// Sleeps until the job is due and may start; without a job, forever.
    async fn sleep(&self, job: Option<&Job>) {
        match job {
            Some(job) if self.in_flight().len() < PARALLEL => tokio::time::sleep(until(job.next_at, self.now())).await,
            _ => std::future::pending().await,
        }
    }

    fn call_due(self: &Arc<Self>, known: &mut VecDeque<Job>, running: &Arc<Running>) {
        let now = self.now();
        let mut in_flight = self.in_flight();
        while in_flight.len() < PARALLEL && known.front().is_some_and(|job| job.next_at <= now) {
            let Some(job) = known.pop_front() else { return };
            in_flight.insert(job.name.clone());
            running.tracker.spawn(self.clone().call(job, running.clone()));
        }
    }

    async fn call(self: Arc<Self>, job: Job, running: Arc<Running>) {
        let settled = match routes::of_job(&job.name) {
            None => {
                tracing::error!(job = job.name, "deleted a job that belongs to no function");
                self.done(&job).await
            }
            Some(route) => match running.caller.post(route, &format!("/job/{}", job.name), None, Bytes::new()).await {
                Ok(_) => self.done(&job).await,
                Err(failure) => self.failed(&job, &failure).await,
            },
        };
        let again = match settled {
            Ok(again) => again,
            Err(error) => {
                tracing::debug!(%error, job = job.name, "the result of a job could not be stored; the job is called again");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = running.stopping.cancelled() => {}
                }
                true
            }
        };
        self.in_flight().remove(&job.name);
        self.landed.notify_one();
        if again {
            self.changed.notify_one();
        }
    }

    /// Ends a job, unless it was registered again meanwhile. Jobs that end together are deleted together.
    async fn done(&self, job: &Job) -> Ended {
        let Some((_, period)) = routes::repeating().find(|(route, _)| route.name == job.name) else {
            let pool = self.pool.clone();
            let delete = Arc::new(move |jobs| -> BoxFuture<'static, Vec<Ended>> { Box::pin(delete(pool.clone(), jobs)) });
            return self.done.join((job.name.clone(), job.due_at), delete).await.unwrap_or(Ok(true));
        };
        let now = self.now();
        let mut transaction = begin(&self.pool, BEGIN_QUICK).await?;
        sqlx::query(AGAIN).bind(&job.name).bind(Time(job.due_at)).bind(Time(now.after(period))).execute(&mut *transaction).await?;
        transaction.commit().await?;
        if job.name == HOUSEKEEPING.name {
            state::prune(&self.pool, now).await?;
        }
        Ok(true)
    }

    /// Schedules another call after a pause, unless the job was registered again meanwhile. Only failures of the job itself lengthen the pauses: once
    /// the database is back, due jobs fire within a second.
    async fn failed(&self, job: &Job, failure: &Failure) -> Ended {
        let attempts = if failure.is_unavailability() { job.attempts } else { job.attempts.saturating_add(1) };
        if (job.attempts, attempts) == (0, 1) {
            tracing::warn!(
                job = job.name,
                status = failure.status.map(|status| status.as_u16()),
                "a job failed; it is retried until it succeeds"
            );
        }
        tracing::debug!(job = job.name, attempts, error = %failure.text, "a job failed");
        let pause = pause(attempts.unsigned_abs().saturating_sub(QUICK_RETRIES), PAUSE);
        let mut transaction = begin(&self.pool, BEGIN_QUICK).await?;
        let query = sqlx::query(FAILED).bind(&job.name).bind(Time(job.due_at)).bind(Time(self.now().after(pause))).bind(attempts);
        query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Reads the next jobs in order of time, without those in flight.
    async fn read(&self, begun: &mut bool) -> Result<VecDeque<Job>, sqlx::Error> {
        // Until this is done, every change is reported: it may be too late for the query, and before the new horizon.
        self.horizon.store(i64::MAX, Ordering::SeqCst);
        let in_flight: Vec<String> = self.in_flight().iter().cloned().collect();
        if !*begun {
            *begun = self.of.is_some() || self.repeat_at_once().await?;
        }
        let mut transaction = begin(&self.pool, BEGIN_QUICK).await?;
        let limit = i64::try_from(AHEAD).unwrap_or(i64::MAX);
        let functions: Vec<&str> = self.of.map_or_else(|| routes::sending().map(|route| route.name).collect(), |own| vec![own]);
        let query = sqlx::query_as(LOAD).bind(in_flight).bind(limit).bind(functions).bind(self.of.is_some());
        let jobs: Vec<Job> = query.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        if let (AHEAD, Some(last)) = (jobs.len(), jobs.last()) {
            self.horizon.store(last.next_at.as_microsecond(), Ordering::SeqCst);
        }
        Ok(jobs.into())
    }

    /// Makes every repeating job due now. Returns false if another session has locked one of their rows, which must not delay other jobs.
    async fn repeat_at_once(&self) -> Result<bool, sqlx::Error> {
        let names: Vec<&str> = routes::repeating().map(|(route, _)| route.name).collect();
        let mut transaction = begin(&self.pool, BEGIN_QUICK).await?;
        match sqlx::query(AT_ONCE).bind(names).bind(Time(self.now())).execute(&mut *transaction).await {
            Err(error) if store::is_locked(&error) => Ok(false),
            Err(error) => Err(error),
            Ok(_) => transaction.commit().await.map(|()| true),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn in_flight(&self) -> MutexGuard<'_, HashSet<String>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deletes jobs, except those that were registered again meanwhile.
async fn delete(pool: PgPool, jobs: Vec<(String, Timestamp)>) -> Vec<Ended> {
    let deleting = async {
        let (names, due): (Vec<&str>, Vec<Time>) = jobs.iter().map(|(name, due_at)| (name.as_str(), Time(*due_at))).unzip();
        let mut transaction = begin(&pool, BEGIN_QUICK).await?;
        let deleted: Vec<String> = sqlx::query_scalar(DONE).bind(names).bind(due).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(deleted)
    };
    match deleting.await {
        Ok(deleted) => jobs.iter().map(|(name, _)| Ok(!deleted.contains(name))).collect(),
        Err(error) => {
            let error: Arc<sqlx::Error> = Arc::new(error);
            jobs.iter().map(|_| Err(error.clone())).collect()
        }
    }
}

/// How long to sleep before the clock is read again.
fn until(moment: Timestamp, now: Timestamp) -> Duration {
    moment.since(now).clamp(SLEEP_MIN, SLEEP_MAX)
}
