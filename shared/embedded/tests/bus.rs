//! Bus, jobs and state with fake functions, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::ambient::Clock;
use domain::event::{EventType, Origin, Topic};
use domain::routes::{self, FIRE_REMINDER, HOUSEKEEPING, RECORD_AUDIT, Route, SCHEDULE_REMINDER};
use embedded::bus::{Bus, Depths};
use embedded::state::StateTable;
use embedded::testing::TestDatabase;
use function::ambient::{RandomIds, SystemClock};
use function::call::Caller;
use function::ports::{Functions, Publisher, State, StateError, Stored};
use function::{BoxError, BoxFuture, Request, Response, full};
use http::{StatusCode, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use store::{Committed, DeadLetter, Deliveries, Store, Work};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);
const AUDIT: &str = RECORD_AUDIT.name;
const SCHEDULE: &str = SCHEDULE_REMINDER.name;

/// Creates a database with all tables, and a pool.
async fn database() -> (TestDatabase, PgPool) {
    async fn schema(url: String) -> Result<(), BoxError> {
        let store = Store::connect_lazy(&url, 1)?;
        store.migrate().await?;
        let bus = Bus::new(store.pool().clone(), Arc::new(SystemClock), Vec::new());
        bus.prepare().await?;
        bus.prepare().await?;
        store.pool().close().await;
        Ok(())
    }
    let database = TestDatabase::new(schema).await.unwrap();
    let pool = Store::connect_lazy(database.url(), 8).unwrap().pool().clone();
    (database, pool)
}

async fn dead_letters(pool: &PgPool) -> Vec<DeadLetter> {
    Deliveries::new(pool.clone()).letters(None, 10).await.unwrap()
}

/// A call that a function received.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    function: &'static str,
    path: String,
    content_type: Option<String>,
    authorization: Option<String>,
    key: i64,
    n: i64,
    at: Timestamp,
}

type Answering = dyn Fn(Call) -> BoxFuture<'static, StatusCode> + Send + Sync;

/// Functions that record their calls after they have answered.
struct Fake {
    calls: watch::Sender<Vec<Call>>,
    answering: Box<Answering>,
}

impl Fake {
    fn new<F: Future<Output = StatusCode> + Send + 'static>(answering: impl Fn(Call) -> F + Send + Sync + 'static) -> Arc<Self> {
        let answering = Box::new(move |call| -> BoxFuture<'static, StatusCode> { Box::pin(answering(call)) });
        Arc::new(Self { calls: watch::Sender::default(), answering })
    }

    fn willing() -> Arc<Self> {
        Self::new(|_| async { StatusCode::OK })
    }

    fn of(&self, function: &str) -> Vec<Call> {
        self.calls.borrow().iter().filter(|call| call.function == function).cloned().collect()
    }

    async fn until(&self, enough: impl Fn(&[Call]) -> bool) {
        let mut calls = self.calls.subscribe();
        let waited = tokio::time::timeout(LIMIT, calls.wait_for(|calls| enough(calls))).await.map(|calls| drop(calls.unwrap()));
        assert!(waited.is_ok(), "{:?}", self.calls.borrow().iter().rev().take(20).collect::<Vec<_>>());
    }

    async fn until_count(&self, function: &str, count: usize) {
        self.until(|calls| calls.iter().filter(|call| call.function == function).count() >= count).await;
    }
}

impl Functions for Fake {
    fn call(&self, function: &Route, request: Request) -> BoxFuture<'_, Response> {
        let function = function.name;
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let text = |name| parts.headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap().to_owned());
            let body: Value = serde_json::from_slice(&function::body::collect(body).await.unwrap()).unwrap_or_default();
            let data = if body["data"].is_object() { &body["data"] } else { &body };
            let call = Call {
                function,
                path: parts.uri.path().to_owned(),
                content_type: text(header::CONTENT_TYPE),
                authorization: text(header::AUTHORIZATION),
                key: data["key"].as_i64().unwrap_or_default(),
                n: data["n"].as_i64().unwrap_or_default(),
                at: SystemClock.now(),
            };
            let status = (self.answering)(call.clone()).await;
            self.calls.send_modify(|calls| calls.push(call));
            let mut response = Response::new(full(if status.is_success() { "" } else { "as \0 asked" }));
            *response.status_mut() = status;
            response
        })
    }
}

/// A running bus, and its stop.
struct Running {
    bus: Arc<Bus>,
    stopping: CancellationToken,
    tracker: TaskTracker,
}

impl Running {
    fn start(pool: &PgPool, functions: Arc<Fake>) -> Self {
        Self::at(Arc::new(SystemClock), pool, functions)
    }

    fn at(clock: Arc<dyn Clock>, pool: &PgPool, functions: Arc<Fake>) -> Self {
        let bus = Bus::new(pool.clone(), clock, Vec::new());
        let (stopping, tracker) = (CancellationToken::new(), TaskTracker::new());
        bus.start(Caller::new(functions, Some("secret"), Arc::default()), &stopping, &tracker);
        Self { bus, stopping, tracker }
    }

    /// Reports rows to the bus, as functions do.
    async fn publish(&self, events: &[(i64, i64)]) {
        let keys: Vec<i64> = events.iter().map(|(key, _)| *key).collect();
        self.bus.publish(&keys).await.unwrap();
    }

    async fn until(&self, enough: impl Fn(Depths) -> bool) {
        let begin = Instant::now();
        loop {
            let depths = self.bus.depth().await.unwrap();
            if enough(depths) {
                return;
            }
            assert!(begin.elapsed() < LIMIT, "{depths:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until everything was delivered and acknowledged.
    async fn until_done(&self) {
        self.until(|depths| depths.outbox == 0 && depths.deliveries == 0).await;
    }

    async fn stop(self) {
        self.stopping.cancel();
        self.tracker.close();
        tokio::time::timeout(LIMIT, self.tracker.wait()).await.unwrap();
    }
}

/// Writes events (task.created, for schedule-reminder and record-audit) as functions do, in one transaction.
async fn write(pool: &PgPool, events: &[(i64, i64)]) {
    let (keys, ns): (Vec<i64>, Vec<i64>) = events.iter().copied().unzip();
    let sql = "INSERT INTO outbox (key, kind, topic, name, payload, created_at) \
        SELECT key, 'event', 'task-events', 'task.created', json_build_object('key', key, 'n', n), now() \
        FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (key, n, place) ORDER BY place";
    sqlx::query(sql).bind(keys).bind(ns).execute(pool).await.unwrap();
}

/// Commits a unit with this event of a task, as functions do.
async fn commit(store: &Store, key: i64, n: i64) -> Committed {
    let origin = Origin { function: "create-task", correlation_id: "c".to_owned(), traceparent: None };
    let work = Work { origin, now: SystemClock.now(), ids: Arc::new(RandomIds), if_match: None };
    let mut unit = store.begin(work).await.unwrap();
    unit.emit(Topic::TaskEvents, EventType::TaskCreated, &format!("task/{key}"), key, &json!({ "key": key, "n": n })).unwrap();
    unit.commit().await.unwrap()
}

async fn write_job(pool: &PgPool, kind: &str, name: &str, due_at: Option<Timestamp>) {
    let sql = "INSERT INTO outbox (key, kind, name, due_at, created_at) VALUES (1, $1, $2, $3::text::timestamptz, now())";
    sqlx::query(sql).bind(kind).bind(name).bind(due_at.map(|due_at| due_at.to_string())).execute(pool).await.unwrap();
}

fn in_millis(millis: i64) -> Timestamp {
    Timestamp::from_microsecond(SystemClock.now().as_microsecond() + millis * 1000).unwrap()
}

fn job_of(name: &str) -> String {
    format!("/job/{name}")
}

fn in_order(calls: &[Call]) -> bool {
    let mut last: HashMap<i64, i64> = HashMap::new();
    calls.iter().all(|call| last.insert(call.key, call.n).is_none_or(|last| last < call.n))
}

/// Number of jobs that repeat.
fn repeating() -> i64 {
    i64::try_from(routes::repeating().count()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_key_come_in_order_and_one_at_a_time_while_keys_go_in_parallel() {
    let (_database, pool) = database().await;
    let busy: Arc<Mutex<HashSet<(&str, i64)>>> = Arc::default();
    let most = Arc::new(Mutex::new(0));
    let fake = Fake::new({
        let most = most.clone();
        move |call: Call| {
            let (busy, most) = (busy.clone(), most.clone());
            async move {
                if call.function == HOUSEKEEPING.name {
                    return StatusCode::OK;
                }
                {
                    let mut busy = busy.lock().unwrap();
                    assert!(busy.insert((call.function, call.key)), "two at once of one key");
                    let now = busy.iter().filter(|(function, _)| *function == call.function).count();
                    let mut most = most.lock().unwrap();
                    *most = now.max(*most);
                }
                tokio::time::sleep(Duration::from_micros((call.n * 7919 % 13).unsigned_abs() * 100)).await;
                busy.lock().unwrap().remove(&(call.function, call.key));
                StatusCode::OK
            }
        }
    });
    let running = Running::start(&pool, fake.clone());
    for round in 0..5 {
        let events: Vec<_> = (0..200).map(|n| (n % 20, round * 200 + n)).collect();
        write(&pool, &events).await;
        running.publish(&events).await;
    }
    running.until_done().await;
    for function in [AUDIT, SCHEDULE] {
        let calls = fake.of(function);
        assert_eq!(calls.len(), 1000);
        assert!(in_order(&calls));
    }
    let call = &fake.of(AUDIT)[0];
    assert_eq!((call.path.as_str(), call.content_type.as_deref()), ("/", Some("application/cloudevents+json")));
    assert_eq!(call.authorization.as_deref(), Some("Bearer secret"));
    assert!((2..=8).contains(&*most.lock().unwrap()), "{most:?}");
    assert!(running.bus.publish_all().await.unwrap());
    let health = running.bus.check().await;
    assert!(health.events && health.jobs);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_consumer_delays_neither_other_keys_nor_other_consumers() {
    let (_database, pool) = database().await;
    let well = Arc::new(AtomicBool::new(false));
    let fake = Fake::new({
        let well = well.clone();
        move |call: Call| {
            let bad = call.function == SCHEDULE && call.key == 1 && !well.load(Ordering::SeqCst);
            async move { if bad { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
        }
    });
    let running = Running::start(&pool, fake.clone());
    write(&pool, &[(1, 1), (1, 2), (2, 3), (1, 4), (2, 5)]).await;
    running.bus.publish(&[1, 2]).await.unwrap();
    fake.until_count(AUDIT, 5).await;
    fake.until(|calls| calls.iter().filter(|call| call.function == SCHEDULE && call.key == 2).count() == 2).await;
    fake.until(|calls| calls.iter().filter(|call| call.function == SCHEDULE && call.key == 1).count() >= 2).await;
    assert!(fake.of(SCHEDULE).iter().filter(|call| call.key == 1).all(|call| call.n == 1), "the key waits");
    well.store(true, Ordering::SeqCst);
    running.until_done().await;
    let mut of_key: Vec<i64> = fake.of(SCHEDULE).iter().filter(|call| call.key == 1).map(|call| call.n).collect();
    of_key.dedup();
    assert_eq!(of_key, [1, 2, 4]);
    assert_eq!(running.bus.depth().await.unwrap().dead_letters, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_commit_is_delivered_without_another_table() {
    let (database, pool) = database().await;
    let store = Store::connect_lazy(database.url(), 4).unwrap();
    let fake = Fake::willing();
    let running = Running::start(&pool, fake.clone());
    // The mover's first pass has ended when it has moved this row. A pass that waits for the lock would send fresh commits through the table.
    commit(&store, 7, -1).await;
    running.publish(&[(7, -1)]).await;
    running.until_done().await;
    let mut locked = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE deliveries IN EXCLUSIVE MODE").execute(&mut *locked).await.unwrap();
    for n in 0..20 {
        let committed = commit(&store, 7, n).await;
        running.bus.publish_new(committed).await.unwrap();
        running.until(|depths| depths.outbox == 0).await;
    }
    locked.rollback().await.unwrap();
    for function in [AUDIT, SCHEDULE] {
        assert_eq!(fake.of(function).iter().map(|call| call.n).collect::<Vec<_>>(), (-1..20).collect::<Vec<_>>(), "{function}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_consumer_gets_fresh_commits_later_and_in_order() {
    let (database, pool) = database().await;
    let store = Store::connect_lazy(database.url(), 4).unwrap();
    let well = Arc::new(AtomicBool::new(false));
    let fake = Fake::new({
        let well = well.clone();
        move |call: Call| {
            let bad = call.function == SCHEDULE && !well.load(Ordering::SeqCst);
            async move { if bad { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
        }
    });
    let running = Running::start(&pool, fake.clone());
    for n in 0..5 {
        // The next one arrives before the last has left the outbox, or after.
        let committed = commit(&store, 7, n).await;
        running.bus.publish_new(committed).await.unwrap();
    }
    fake.until_count(AUDIT, 5).await;
    running.until(|depths| depths.outbox == 0 && depths.deliveries == 5).await;
    well.store(true, Ordering::SeqCst);
    running.until_done().await;
    assert!(in_order(&fake.of(AUDIT)), "{:?}", fake.of(AUDIT));
    let mut taken: Vec<i64> = fake.of(SCHEDULE).iter().map(|call| call.n).collect();
    taken.dedup();
    assert_eq!(taken, [0, 1, 2, 3, 4]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consecutive_changes_of_a_task_are_delivered_in_order_on_every_path() {
    let (database, pool) = database().await;
    let store = Store::connect_lazy(database.url(), 8).unwrap();
    let fake = Fake::new(|call: Call| async move {
        tokio::time::sleep(Duration::from_micros((call.n * 7919 % 13).unsigned_abs() * 100)).await;
        StatusCode::OK
    });
    let running = Running::start(&pool, fake.clone());
    let writers = (0..20).map(|key| {
        let (store, bus) = (store.clone(), running.bus.clone());
        tokio::spawn(async move {
            for n in 0..20 {
                bus.publish_new(commit(&store, key, n).await).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    running.until_done().await;
    for function in [AUDIT, SCHEDULE] {
        let calls = fake.of(function);
        assert_eq!(calls.len(), 400, "each once");
        assert!(in_order(&calls));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_units_in_hand_and_the_next_start_delivers_the_rest() {
    let (database, pool) = database().await;
    let store = Store::connect_lazy(database.url(), 4).unwrap();
    let fake = Fake::new(|call: Call| async move {
        if call.function == SCHEDULE {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        StatusCode::OK
    });
    let running = Running::start(&pool, fake.clone());
    running.until_done().await;
    let committed = commit(&store, 7, 1).await;
    running.bus.publish_new(committed).await.unwrap();
    fake.until_count(AUDIT, 1).await;
    running.stop().await;
    let count = async || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM outbox").fetch_one(&pool).await.unwrap();
    assert_eq!((fake.of(SCHEDULE).len(), count().await), (1, 0));
    // A process that ended between commit and delivery.
    let _ = commit(&store, 7, 2).await;
    let running = Running::start(&pool, fake.clone());
    fake.until_count(SCHEDULE, 2).await;
    running.until_done().await;
    assert_eq!(fake.of(AUDIT).iter().map(|call| call.n).collect::<Vec<_>>(), [1, 2]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_becomes_a_dead_letter_and_its_key_continues() {
    let (_database, pool) = database().await;
    // Left by an earlier process, with one attempt remaining.
    let sql = "INSERT INTO deliveries VALUES (-1, $1, 7, 'task-events', '{\"key\": 7, \"n\": 1}', 9, NULL, now())";
    sqlx::query(sql).bind(AUDIT).execute(&pool).await.unwrap();
    let fake = Fake::new(|call: Call| async move {
        match (call.function, call.n) {
            (AUDIT, 1) => StatusCode::INTERNAL_SERVER_ERROR,
            (AUDIT, 2) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::OK,
        }
    });
    let running = Running::start(&pool, fake.clone());
    write(&pool, &[(7, 2), (7, 3)]).await;
    running.bus.publish(&[7]).await.unwrap();
    running.until_done().await;
    assert_eq!(fake.of(AUDIT).iter().map(|call| call.n).collect::<Vec<_>>(), [1, 2, 3]);
    let letters = dead_letters(&pool).await;
    let told: Vec<_> = letters.iter().map(|letter| (letter.attempts, letter.last_error.as_str(), letter.consumer.as_str())).collect();
    let expected = [(10, "500 Internal Server Error as  asked", AUDIT), (1, "422 Unprocessable Entity as  asked", AUDIT)];
    assert_eq!(told, expected);
    assert_eq!(Deliveries::new(pool.clone()).letters(Some(&letters[0]), 10).await.unwrap(), letters[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailability_is_no_attempt_and_a_day_of_it_ends_in_a_dead_letter() {
    let (_database, pool) = database().await;
    // Left by an earlier process, the last with one attempt remaining.
    let sql = "INSERT INTO deliveries SELECT -n, $1, n, 'task-events', json_build_object('key', n, 'n', n), n / 7 * 9, NULL, now() \
        FROM generate_series(1, 7) n";
    sqlx::query(sql).bind(AUDIT).execute(&pool).await.unwrap();
    let fake = Fake::new(|call: Call| async move {
        match call.key {
            _ if call.function != AUDIT => StatusCode::OK,
            1 => StatusCode::UNAUTHORIZED,
            2 => StatusCode::FORBIDDEN,
            3 => StatusCode::REQUEST_TIMEOUT,
            4 => StatusCode::TOO_MANY_REQUESTS,
            5 => StatusCode::BAD_GATEWAY,
            6 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    });
    let clock = Arc::new(Hands(Mutex::new(in_millis(0))));
    let running = Running::at(clock.clone(), &pool, fake.clone());
    fake.until(|calls| (1..=6).all(|key| calls.iter().filter(|call| call.function == AUDIT && call.key == key).count() >= 4)).await;
    let attempts: Vec<i32> = sqlx::query_scalar("SELECT attempts FROM deliveries").fetch_all(&pool).await.unwrap();
    assert_eq!(attempts, [0; 6]);
    let letters = dead_letters(&pool).await;
    assert_eq!(letters.iter().map(|letter| (letter.key, letter.attempts)).collect::<Vec<_>>(), [(7, 10)]);

    *clock.0.lock().unwrap() = in_millis(24 * 60 * 60 * 1000);
    running.until_done().await;
    let letters = dead_letters(&pool).await;
    assert_eq!(letters.len(), 7);
    assert!(letters.iter().any(|letter| letter.last_error.starts_with("503")), "{letters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_delays_only_its_own_task() {
    let (_database, pool) = database().await;
    let gate = CancellationToken::new();
    let fake = Fake::new({
        let gate = gate.clone();
        move |_| {
            let gate = gate.clone();
            async move {
                gate.cancelled().await;
                StatusCode::OK
            }
        }
    });
    // One row of each table that the bus writes.
    let running = Running::start(&pool, fake.clone());
    write(&pool, &[(1, 1)]).await;
    write_job(&pool, "schedule-job", "fire-reminder-1", Some(in_millis(86_400_000))).await;
    running.bus.publish(&[1]).await.unwrap();
    running.until(|depths| depths.deliveries == 2 && depths.jobs > repeating()).await;
    write(&pool, &[(2, 2)]).await;
    let mut other = pool.begin().await.unwrap();
    for sql in [
        "SELECT FROM deliveries FOR UPDATE",
        "SELECT FROM embedded.jobs WHERE name = 'fire-reminder-1' FOR UPDATE",
        "SELECT FROM outbox FOR UPDATE",
    ] {
        assert!(sqlx::query(sql).execute(&mut *other).await.unwrap().rows_affected() > 0, "{sql}");
    }
    write_job(&pool, "cancel-job", "fire-reminder-1", None).await;
    let events: Vec<_> = (3..40).map(|key| (key, key)).collect();
    write(&pool, &events).await;
    gate.cancel();
    running.bus.publish(&(1..40).collect::<Vec<_>>()).await.unwrap();
    // All except the locked ones proceed: two deliveries that cannot be deleted, the event of one task and a job row remain.
    running.until(|depths| (depths.outbox, depths.deliveries) == (2, 2)).await;
    assert_eq!(fake.of(AUDIT).len(), 1 + events.len());
    other.rollback().await.unwrap();
    running.until_done().await;
    assert_eq!((fake.of(AUDIT).len(), fake.of(SCHEDULE).len()), (2 + events.len(), 2 + events.len()), "each once");
    let depths = running.bus.depth().await.unwrap();
    assert_eq!(depths, Depths { outbox: 0, deliveries: 0, dead_letters: 0, jobs: repeating() });
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loses_nothing() {
    let (database, pool) = database().await;
    let crashing = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let url = database.url().to_owned();
    let (told, mut taken) = watch::channel(0);
    crashing.spawn(async move {
        let pool = Store::connect_lazy(&url, 4).unwrap().pool().clone();
        // Some are accepted; then every call hangs.
        let fake = Fake::new(move |call| {
            told.send_modify(|taken| *taken += 1);
            async move { if call.n < 4 { StatusCode::OK } else { std::future::pending().await } }
        });
        let running = Running::start(&pool, fake);
        let events: Vec<_> = (0..50).map(|n| (n % 10, n)).collect();
        write(&pool, &events).await;
        running.publish(&events).await;
        std::future::pending::<()>().await;
    });
    // The eight workers of both consumers hang.
    tokio::time::timeout(LIMIT, taken.wait_for(|taken| *taken >= 20)).await.unwrap().unwrap();
    crashing.shutdown_background();
    write(&pool, &(50..60).map(|n| (n % 10, n)).collect::<Vec<_>>()).await;

    let fake = Fake::willing();
    let running = Running::start(&pool, fake.clone());
    running.until_done().await;
    for function in [AUDIT, SCHEDULE] {
        let calls = fake.of(function);
        let found: HashSet<i64> = calls.iter().map(|call| call.n).collect();
        assert!((4..60).all(|n| found.contains(&n)), "{function} {found:?}");
        assert!(in_order(&calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_calls_in_flight_and_leaves_the_rest_for_the_next_start() {
    let (_database, pool) = database().await;
    let (told, mut begun) = watch::channel(0);
    let gate = CancellationToken::new();
    let fake = Fake::new({
        let gate = gate.clone();
        move |_| {
            told.send_modify(|begun| *begun += 1);
            let gate = gate.clone();
            async move {
                gate.cancelled().await;
                StatusCode::OK
            }
        }
    });
    let running = Running::start(&pool, fake.clone());
    let events: Vec<_> = (0..30).map(|n| (n, n)).collect();
    write(&pool, &events).await;
    running.publish(&events).await;
    // Eight per consumer, and the repeating jobs.
    let calls = 16 + routes::repeating().count();
    begun.wait_for(|begun| *begun == calls).await.unwrap();
    running.stopping.cancel();
    gate.cancel();
    let bus = running.bus.clone();
    running.stop().await;
    assert_eq!(fake.calls.borrow().len(), calls);
    assert_eq!(bus.depth().await.unwrap().deliveries, 60 - 16);
    assert!(!bus.check().await.events);

    let fake = Fake::willing();
    let running = Running::start(&pool, fake.clone());
    running.until_done().await;
    assert_eq!(fake.of(AUDIT).len() + fake.of(SCHEDULE).len(), 60 - 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_are_no_loss() {
    let (database, pool) = database().await;
    let fake = Fake::willing();
    let running = Running::start(&pool, fake.clone());
    // The connection that stays.
    let own = Store::connect_lazy(database.url(), 1).unwrap().pool().clone();
    let mut events = Vec::new();
    for round in 0..20 {
        let new: Vec<_> = (0..50).map(|n| (n % 5, round * 50 + n)).collect();
        write(&own, &new).await;
        running.publish(&new).await;
        events.extend(new);
        let sql =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::query(sql).execute(&own).await.unwrap();
    }
    fake.until(|calls| calls.iter().filter(|call| call.function == AUDIT).map(|call| call.n).collect::<HashSet<_>>().len() == events.len())
        .await;
    running.until_done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_called_at_its_time_at_its_new_time_if_moved_and_never_if_cancelled() {
    let (_database, pool) = database().await;
    let fake = Fake::willing();
    let running = Running::start(&pool, fake.clone());
    fake.until_count(HOUSEKEEPING.name, 1).await;
    let (first, moved) = (in_millis(2_000), in_millis(2_400));
    write_job(&pool, "schedule-job", "fire-reminder-1", Some(first)).await;
    write_job(&pool, "schedule-job", "fire-reminder-2", Some(first)).await;
    write_job(&pool, "schedule-job", "fire-reminder-3", Some(first)).await;
    write_job(&pool, "schedule-job", "fire-reminder-4", Some(in_millis(86_400_000))).await;
    running.bus.publish(&[1]).await.unwrap();
    running.until(|depths| depths.jobs == 4 + repeating()).await;
    write_job(&pool, "schedule-job", "fire-reminder-2", Some(moved)).await;
    write_job(&pool, "cancel-job", "fire-reminder-3", None).await;
    write_job(&pool, "schedule-job", "fire-reminder-4", Some(first)).await;
    running.bus.publish(&[1]).await.unwrap();
    fake.until_count(FIRE_REMINDER.name, 3).await;
    running.until(|depths| depths.jobs == repeating()).await;
    let calls = fake.of(FIRE_REMINDER.name);
    let paths: HashMap<&str, Timestamp> = calls.iter().map(|call| (call.path.as_str(), call.at)).collect();
    assert_eq!((calls.len(), paths.len()), (3, 3));
    assert!(paths["/job/fire-reminder-1"] >= first && paths["/job/fire-reminder-4"] >= first && paths["/job/fire-reminder-2"] >= moved);
    assert_eq!(calls[0].authorization.as_deref(), Some("Bearer secret"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overdue_jobs_are_called_at_the_start_and_housekeeping_once_a_day() {
    let (_database, pool) = database().await;
    let sql = "INSERT INTO embedded.jobs (name, due_at, next_at) \
        SELECT 'fire-reminder-' || n, now() - n * interval '1 second', now() - n * interval '1 second' FROM generate_series(1, 300) n";
    sqlx::query(sql).execute(&pool).await.unwrap();
    let running_now = Arc::new(Mutex::new((0, 0)));
    let fake = Fake::new({
        let running_now = running_now.clone();
        move |_| {
            let running_now = running_now.clone();
            async move {
                {
                    let mut now = running_now.lock().unwrap();
                    now.0 += 1;
                    now.1 = now.0.max(now.1);
                }
                tokio::task::yield_now().await;
                running_now.lock().unwrap().0 -= 1;
                StatusCode::OK
            }
        }
    });
    let running = Running::start(&pool, fake.clone());
    running.until(|depths| depths.jobs == repeating()).await;
    let calls = fake.of(FIRE_REMINDER.name);
    assert_eq!(calls.iter().map(|call| &call.path).collect::<HashSet<_>>().len(), 300);
    assert_eq!(calls.len(), 300, "each once");
    assert!(running_now.lock().unwrap().1 <= 200);
    fake.until_count(HOUSEKEEPING.name, 1).await;
    let begin = Instant::now();
    let sql = "SELECT due_at > now() + interval '23 hours' AND due_at < now() + interval '25 hours' FROM embedded.jobs WHERE name = 'housekeeping'";
    while !sqlx::query_scalar::<_, bool>(sql).fetch_one(&pool).await.unwrap() {
        assert!(begin.elapsed() < LIMIT);
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(fake.of(HOUSEKEEPING.name).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_housekeeping_row_delays_no_reminder_at_the_start() {
    let (_database, pool) = database().await;
    let sql = "INSERT INTO embedded.jobs (name, due_at, next_at) VALUES ('housekeeping', now(), now()), ('fire-reminder-1', now(), now())";
    sqlx::query(sql).execute(&pool).await.unwrap();
    let mut other = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM embedded.jobs WHERE name = 'housekeeping' FOR UPDATE").execute(&mut *other).await.unwrap();
    let fake = Fake::willing();
    let running = Running::start(&pool, fake.clone());
    fake.until_count(FIRE_REMINDER.name, 1).await;
    running.until(|depths| depths.jobs == 1).await;
    other.rollback().await.unwrap();
    let tomorrow = "SELECT due_at > now() + interval '23 hours' FROM embedded.jobs WHERE name = 'housekeeping'";
    let begin = Instant::now();
    while !sqlx::query_scalar::<_, bool>(tomorrow).fetch_one(&pool).await.unwrap() {
        assert!(begin.elapsed() < LIMIT);
        tokio::time::sleep(POLL).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_is_called_again_and_one_that_moves_itself_stays() {
    let (_database, pool) = database().await;
    let tries = Arc::new(Mutex::new(0));
    let later = in_millis(1_500);
    let fake = Fake::new({
        let pool = pool.clone();
        move |call: Call| {
            let (tries, pool) = (tries.clone(), pool.clone());
            async move {
                if call.path == job_of("fire-reminder-1") {
                    let mut tries = tries.lock().unwrap();
                    *tries += 1;
                    return if *tries == 1 { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
                }
                if call.path == job_of("fire-reminder-2") && call.at < later {
                    let sql = "UPDATE embedded.jobs SET due_at = $1::text::timestamptz, next_at = $1::text::timestamptz WHERE name = 'fire-reminder-2'";
                    sqlx::query(sql).bind(later.to_string()).execute(&pool).await.unwrap();
                }
                StatusCode::OK
            }
        }
    });
    let running = Running::start(&pool, fake.clone());
    write_job(&pool, "schedule-job", "fire-reminder-1", Some(in_millis(-1_000))).await;
    write_job(&pool, "schedule-job", "fire-reminder-2", Some(in_millis(-1_000))).await;
    running.bus.publish(&[1]).await.unwrap();
    fake.until_count(FIRE_REMINDER.name, 4).await;
    running.until(|depths| depths.jobs == repeating()).await;
    let calls = fake.of(FIRE_REMINDER.name);
    let second: Vec<_> = calls.iter().filter(|call| call.path == job_of("fire-reminder-2")).collect();
    assert_eq!((calls.len(), second.len()), (4, 2));
    assert!(second[1].at >= later);
}

/// A clock that the test sets.
struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn state_that_an_earlier_version_kept_is_there_still() {
    let (_database, pool) = database().await;
    sqlx::raw_sql(
        "ALTER TABLE embedded.state ALTER COLUMN value TYPE json USING value::json; \
        INSERT INTO embedded.state (key, value, etag) VALUES ('k', '{\"n\": 1}', 7)",
    )
    .execute(&pool)
    .await
    .unwrap();
    Bus::new(pool.clone(), Arc::new(SystemClock), Vec::new()).prepare().await.unwrap();
    let table = StateTable::new(pool, Arc::new(SystemClock));
    let found = table.get("k").await.unwrap().unwrap();
    assert_eq!((found.value.as_str(), found.etag.as_str()), (r#"{"n": 1}"#, "7"));
    table.set("k", "2", Some("7"), None).await.unwrap();
    assert_eq!(table.get("k").await.unwrap().unwrap().value, "2");
}

#[tokio::test]
async fn state_is_written_only_over_the_version_read_and_expires() {
    let (_database, pool) = database().await;
    let clock = Arc::new(Hands(Mutex::new(in_millis(0))));
    let table = StateTable::new(pool, clock.clone());
    let (one, two) = (r#"{"said": "a\u0000b", "n": 1.0}"#, "[2]");
    let stale = |result| matches!(result, Err(StateError::Stale));
    assert_eq!(table.get("k").await.unwrap(), None);
    assert!(stale(table.set("k", one, Some("1"), None).await));
    table.set("k", one, None, None).await.unwrap();
    let Stored { value, etag: first } = table.get("k").await.unwrap().unwrap();
    assert_eq!(value, one, "as it was written, to the letter");
    assert!(stale(table.set("k", two, None, None).await));
    assert!(stale(table.set("k", two, Some("no tag of ours"), None).await));
    table.set("k", two, Some(&first), Some(Duration::from_mins(1))).await.unwrap();
    assert!(stale(table.set("k", one, Some(&first), None).await));
    let Stored { value, etag: second } = table.get("k").await.unwrap().unwrap();
    assert_eq!(value, two);

    *clock.0.lock().unwrap() = in_millis(61_000);
    assert_eq!(table.get("k").await.unwrap(), None);
    assert!(stale(table.set("k", one, Some(&second), None).await));
    table.set("k", one, None, None).await.unwrap();
    table.delete("k").await.unwrap();
    table.delete("k").await.unwrap();
    table.set("k", one, None, None).await.unwrap();
    assert!(![first, second].contains(&table.get("k").await.unwrap().unwrap().etag), "never the same tag twice");
    assert!(State::check(&table).await);
}
