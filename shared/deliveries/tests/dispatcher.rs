//! Deliveries to fake consumers, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deliveries::{Arrival, Dispatcher, PATIENCE, Start};
use domain::ambient::Clock;
use domain::event::Topic;
use domain::routes::{CREATE_TASK, NOTIFY, RECORD_AUDIT, Route, SCHEDULE_REMINDER};
use embedded::testing::TestDatabase;
use function::ambient::SystemClock;
use function::call::Caller;
use function::ports::{Alone, Broker, Functions};
use function::{BoxError, BoxFuture, Request, Response, full};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use store::{Deliveries, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);
const AUDIT: &str = RECORD_AUDIT.name;
const SCHEDULE: &str = SCHEDULE_REMINDER.name;

#[derive(Clone, Debug, PartialEq)]
struct Call {
    function: &'static str,
    key: i64,
    n: i64,
}

type Answering = dyn Fn(Call) -> BoxFuture<'static, StatusCode> + Send + Sync;

/// Functions that record the start of their calls, and a broker that can be unavailable.
struct Fake {
    calls: watch::Sender<Vec<Call>>,
    answering: Box<Answering>,
    has_broker: AtomicBool,
    published: watch::Sender<Vec<Value>>,
}

impl Fake {
    fn new<F: Future<Output = StatusCode> + Send + 'static>(answering: impl Fn(Call) -> F + Send + Sync + 'static) -> Arc<Self> {
        let answering = Box::new(move |call| -> BoxFuture<'static, StatusCode> { Box::pin(answering(call)) });
        let has_broker = AtomicBool::new(true);
        Arc::new(Self { calls: watch::Sender::default(), answering, has_broker, published: watch::Sender::default() })
    }

    fn willing() -> Arc<Self> {
        Self::new(|_| async { StatusCode::OK })
    }

    fn of(&self, function: &str) -> Vec<(i64, i64)> {
        self.calls.borrow().iter().filter(|call| call.function == function).map(|call| (call.key, call.n)).collect()
    }

    async fn until_count(&self, function: &str, count: usize) {
        let mut calls = self.calls.subscribe();
        let enough = calls.wait_for(|calls| calls.iter().filter(|call| call.function == function).count() >= count);
        let waited = tokio::time::timeout(LIMIT, enough).await.map(|calls| drop(calls.unwrap()));
        assert!(waited.is_ok(), "{:?}", self.of(function));
    }
}

impl Functions for Fake {
    fn call(&self, function: &Route, request: Request) -> BoxFuture<'_, Response> {
        let function = function.name;
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body: Value = serde_json::from_slice(&function::body::collect(body).await.unwrap()).unwrap_or_default();
            let call = Call { function, key: body["key"].as_i64().unwrap_or_default(), n: body["n"].as_i64().unwrap_or_default() };
            let mut response = Response::new(full(""));
            if parts.method == Method::POST {
                self.calls.send_modify(|calls| calls.push(call.clone()));
                *response.status_mut() = (self.answering)(call).await;
            }
            response
        })
    }
}

impl Broker for Fake {
    fn send<'a>(&'a self, topic: Topic, _: &'a str, event: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        assert_eq!(topic, Topic::DeadLetters);
        Box::pin(async {
            if !self.has_broker.load(Ordering::SeqCst) {
                return Err("no broker".into());
            }
            self.published.send_modify(|published| published.push(serde_json::from_str(event).unwrap()));
            Ok(())
        })
    }
}

/// A dispatcher with the gateway's options.
struct Running {
    dispatcher: Arc<Dispatcher>,
    fake: Arc<Fake>,
    pool: PgPool,
    stopping: CancellationToken,
    tracker: TaskTracker,
}

async fn database() -> TestDatabase {
    TestDatabase::new(|url| async move { Store::connect_lazy(&url, 1)?.migrate().await }).await.unwrap()
}

impl Running {
    /// Starts the dispatcher, and waits until it has read the table.
    async fn start(database: &TestDatabase, fake: &Arc<Fake>) -> Self {
        let running = Self::launch(database, fake);
        // An event that leaves no row shows that the table is loaded.
        let begin = Instant::now();
        while running.rows().await > 0 || running.arrive(&[&CREATE_TASK], 0, 0).await > 0 {
            assert!(begin.elapsed() < LIMIT);
            tokio::time::sleep(POLL).await;
        }
        running
    }

    fn launch(database: &TestDatabase, fake: &Arc<Fake>) -> Self {
        let pool = Store::connect_lazy(database.url(), 4).unwrap().pool().clone();
        let (stopping, tracker) = (CancellationToken::new(), TaskTracker::new());
        let dispatcher = Dispatcher::new(Start {
            table: Deliveries::new(pool.clone()),
            clock: Arc::new(SystemClock),
            caller: Arc::new(Caller::new(fake.clone(), None, Arc::default())),
            publisher: Arc::new(Alone),
            broker: Some(fake.clone()),
            return_max: Duration::from_hours(1),
            stopping: stopping.clone(),
            tracker: tracker.clone(),
        });
        tracker.spawn(dispatcher.clone().keep_loaded());
        tracker.spawn(dispatcher.clone().acknowledge());
        tracker.spawn(dispatcher.clone().publish_letters());
        Self { dispatcher, fake: fake.clone(), pool, stopping, tracker }
    }

    /// Hands over an event. Returns the number of rows that remain.
    async fn arrive(&self, consumers: &[&'static Route], key: i64, n: i64) -> i64 {
        self.dispatcher.hand_over(arrival(Topic::TaskEvents, consumers, key, n)).await.unwrap();
        self.rows().await
    }

    async fn rows(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM deliveries").fetch_one(&self.pool).await.unwrap()
    }

    async fn until_empty(&self) {
        let begin = Instant::now();
        while self.rows().await > 0 {
            assert!(begin.elapsed() < LIMIT, "{} rows are left", self.rows().await);
            tokio::time::sleep(POLL).await;
        }
    }

    async fn stop(self) {
        self.stopping.cancel();
        self.tracker.close();
        tokio::time::timeout(LIMIT, self.tracker.wait()).await.unwrap();
    }
}

fn arrival(topic: Topic, consumers: &[&'static Route], key: i64, n: i64) -> Arrival {
    let event = json!({ "specversion": "1.0", "id": n.to_string(), "source": "/tests", "type": "task.created", "key": key, "n": n });
    Arrival { key, topic, event: Bytes::from(event.to_string()), consumers: consumers.to_vec() }
}

/// A gate that blocks some calls.
fn gated(is_behind: impl Fn(&Call) -> bool + Send + Sync + 'static) -> (Arc<Fake>, CancellationToken) {
    let gate = CancellationToken::new();
    let fake = Fake::new({
        let gate = gate.clone();
        move |call| {
            let gate = is_behind(&call).then(|| gate.clone());
            async move {
                if let Some(gate) = gate {
                    gate.cancelled().await;
                }
                StatusCode::OK
            }
        }
    });
    (fake, gate)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_all_consumers_take_leaves_no_row() {
    let database = database().await;
    let running = Running::start(&database, &Fake::willing()).await;
    for n in 1..50 {
        assert_eq!(running.arrive(&[&RECORD_AUDIT, &SCHEDULE_REMINDER], n % 5, n).await, 0);
    }
    assert_eq!((running.fake.of(AUDIT).len(), running.fake.of(SCHEDULE).len()), (49, 49));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_delays_no_other_and_its_call_continues() {
    let database = database().await;
    let (fake, gate) = gated(|call| call.function == SCHEDULE);
    let running = Running::start(&database, &fake).await;
    let begin = Instant::now();
    assert_eq!(running.arrive(&[&RECORD_AUDIT, &SCHEDULE_REMINDER], 1, 1).await, 1);
    assert!(begin.elapsed() >= PATIENCE);
    // The next event of the same task waits behind it.
    assert_eq!(running.arrive(&[&RECORD_AUDIT, &SCHEDULE_REMINDER], 1, 2).await, 2);
    assert_eq!(fake.of(AUDIT), [(1, 1), (1, 2)]);
    assert_eq!(fake.of(SCHEDULE), [(1, 1)], "in order");
    gate.cancel();
    running.until_empty().await;
    assert_eq!(fake.of(SCHEDULE), [(1, 1), (1, 2)], "each once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_consumer_gets_three_tasks_and_then_none_until_it_answers() {
    let database = database().await;
    let (fake, gate) = gated(|call| call.function == SCHEDULE);
    let running = Running::start(&database, &fake).await;
    let mut longest = Duration::ZERO;
    for n in 1..=100 {
        let begin = Instant::now();
        running.arrive(&[&RECORD_AUDIT, &SCHEDULE_REMINDER], n, n).await;
        if n > 3 {
            longest = longest.max(begin.elapsed());
        }
    }
    assert!(longest < PATIENCE, "nothing waits for it any more: {longest:?}");
    assert_eq!((fake.of(AUDIT).len(), fake.of(SCHEDULE).len(), running.rows().await), (100, 3, 100));
    gate.cancel();
    running.until_empty().await;
    assert_eq!(fake.of(SCHEDULE).into_iter().collect::<HashSet<_>>().len(), 100);
    assert_eq!(fake.of(SCHEDULE).len(), 100, "each once");
    assert_eq!(running.arrive(&[&SCHEDULE_REMINDER], 1, 101).await, 0, "it is called at once again");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_consumer_gets_one_call_at_a_time_and_everything_after_it_recovers() {
    let database = database().await;
    let is_well = Arc::new(AtomicBool::new(false));
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let fake = Fake::new({
        let (is_well, now, most) = (is_well.clone(), now.clone(), most.clone());
        move |call| {
            let (is_well, now, most) = (is_well.clone(), now.clone(), most.clone());
            async move {
                if call.function != SCHEDULE || is_well.load(Ordering::SeqCst) {
                    return StatusCode::OK;
                }
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(POLL).await;
                now.fetch_sub(1, Ordering::SeqCst);
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    });
    let running = Running::start(&database, &fake).await;
    for n in 1..=60 {
        running.arrive(&[&RECORD_AUDIT, &SCHEDULE_REMINDER], n % 30, n).await;
    }
    assert_eq!(fake.of(AUDIT).len(), 60);
    fake.until_count(SCHEDULE, 20).await;
    let attempts: i64 = sqlx::query_scalar("SELECT sum(attempts)::bigint FROM deliveries").fetch_one(&running.pool).await.unwrap();
    assert_eq!((attempts, running.rows().await, most.load(Ordering::SeqCst)), (0, 60, 1));
    let failed = fake.of(SCHEDULE).len();
    is_well.store(true, Ordering::SeqCst);
    running.until_empty().await;
    let taken: Vec<_> = fake.of(SCHEDULE).split_off(failed);
    assert_eq!(taken.iter().map(|(_, n)| n).collect::<HashSet<_>>().len(), 60);
    for key in 0..30 {
        let of_key: Vec<_> = taken.iter().filter(|call| call.0 == key).collect();
        assert!(of_key.is_sorted_by_key(|(_, n)| *n), "{of_key:?}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_invalid_event_stops_no_other() {
    let database = database().await;
    let fake = Fake::new(|call| async move { if call.n == 7 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK } });
    let running = Running::start(&database, &fake).await;
    assert_eq!(running.arrive(&[&RECORD_AUDIT], 1, 7).await, 1);
    fake.until_count(AUDIT, 4).await;
    for n in 10..30 {
        assert_eq!(running.arrive(&[&RECORD_AUDIT], n, n).await, 1, "called at once");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_program_delivers_the_backlog_of_a_killed_one_in_order() {
    let database = database().await;
    let crashing = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let url = database.url().to_owned();
    let pool = Store::connect_lazy(&url, 1).unwrap().pool().clone();
    let (told, mut done) = watch::channel(false);
    let database = Arc::new(database);
    let of_first = database.clone();
    crashing.spawn(async move {
        let (fake, _gate) = gated(|call| call.function == SCHEDULE);
        let running = Running::start(&of_first, &fake).await;
        for n in 1..=20 {
            running.arrive(&[&SCHEDULE_REMINDER], n % 4, n).await;
        }
        told.send_replace(true);
        std::future::pending::<()>().await;
    });
    tokio::time::timeout(LIMIT, done.wait_for(|done| *done)).await.unwrap().unwrap();
    crashing.shutdown_background();
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM deliveries").fetch_one(&pool).await.unwrap();
    assert_eq!(waiting, 20);
    let fake = Fake::willing();
    let running = Running::start(&database, &fake).await;
    let taken = fake.of(SCHEDULE);
    assert_eq!(taken.len(), 20);
    for key in 0..4 {
        assert!(taken.iter().filter(|call| call.0 == key).is_sorted_by_key(|(_, n)| *n), "{taken:?}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_memory_holds_waits_in_the_table_and_nothing_overtakes_it() {
    let database = database().await;
    let pool = Store::connect_lazy(database.url(), 1).unwrap().pool().clone();
    let sql = "INSERT INTO deliveries (id, consumer, key, topic, event, created_at) \
        SELECT -12000 + n, $1, n % 100, 'task-events', json_build_object('key', n % 100, 'n', n), now() FROM generate_series(1, 11500) n";
    sqlx::query(sql).bind(AUDIT).execute(&pool).await.unwrap();
    let (fake, gate) = gated(|_| true);
    let start = tokio::spawn({
        let (fake, url) = (fake.clone(), database.url().to_owned());
        async move {
            let pool = Store::connect_lazy(&url, 4).unwrap().pool().clone();
            fake.until_count(AUDIT, 8).await;
            pool
        }
    });
    let opening = tokio::spawn({
        let gate = gate.clone();
        async move {
            start.await.unwrap();
            gate.cancel();
        }
    });
    let running = Running::start(&database, &fake).await;
    opening.await.unwrap();
    running.arrive(&[&RECORD_AUDIT], 1, 20_000).await;
    running.until_empty().await;
    let taken = fake.of(AUDIT);
    assert_eq!(taken.len(), 11_501);
    for key in 0..100 {
        assert!(taken.iter().filter(|call| call.0 == key).is_sorted_by_key(|(_, n)| *n));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_that_fills_memory_does_not_delay_other_consumers() {
    let database = database().await;
    let pool = Store::connect_lazy(database.url(), 1).unwrap().pool().clone();
    let sql = "INSERT INTO deliveries (id, consumer, key, topic, event, created_at) \
        SELECT n, $1, n, 'task-events', json_build_object('key', n, 'n', n), now() FROM generate_series(-5000, -1) n";
    sqlx::query(sql).bind(SCHEDULE).execute(&pool).await.unwrap();
    let is_well = Arc::new(AtomicBool::new(false));
    let fake = Fake::new({
        let is_well = is_well.clone();
        move |call| {
            let is_well = call.function != SCHEDULE || is_well.load(Ordering::SeqCst);
            async move { if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE } }
        }
    });
    let running = Running::launch(&database, &fake);
    fake.until_count(SCHEDULE, 10).await;
    let begin = Instant::now();
    while running.arrive(&[&RECORD_AUDIT], 1, 1).await > 5_000 {
        assert!(begin.elapsed() < LIMIT);
    }
    for n in 2..50 {
        assert_eq!(running.arrive(&[&RECORD_AUDIT], n, n).await, 5_000);
    }
    is_well.store(true, Ordering::SeqCst);
    running.until_empty().await;
    assert_eq!(fake.of(SCHEDULE).into_iter().collect::<HashSet<_>>().len(), 5_000);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_another_program_left_is_delivered_after_a_reload() {
    let database = database().await;
    let running = Running::start(&database, &Fake::willing()).await;
    running.dispatcher.table().keep(&[AUDIT], 1, Topic::TaskEvents, r#"{"key": 1, "n": 1}"#, SystemClock.now()).await.unwrap();
    assert_eq!(running.rows().await, 1);
    running.dispatcher.reload();
    running.until_empty().await;
    assert_eq!(running.fake.of(AUDIT), [(1, 1)]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_held_while_the_table_is_unavailable() {
    let database = database().await;
    let fake = Fake::new(|call| async move { if call.function == SCHEDULE { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } });
    let running = Running::start(&database, &fake).await;
    let mut other = running.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE deliveries").execute(&mut *other).await.unwrap();
    let dispatcher = running.dispatcher.clone();
    let handing = tokio::spawn(async move {
        let consumers: [&'static Route; 2] = [&RECORD_AUDIT, &SCHEDULE_REMINDER];
        dispatcher.hand_over(arrival(Topic::TaskEvents, &consumers, 1, 1)).await
    });
    fake.until_count(SCHEDULE, 1).await;
    // Events that all consumers accept need no table.
    running.dispatcher.hand_over(arrival(Topic::TaskEvents, &[&RECORD_AUDIT], 2, 2)).await.unwrap();
    assert!(!handing.is_finished());
    other.rollback().await.unwrap();
    tokio::time::timeout(LIMIT, handing).await.unwrap().unwrap().unwrap();
    assert_eq!(running.rows().await, 1);

    // A stop returns the record to the caller.
    let mut other = running.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE deliveries").execute(&mut *other).await.unwrap();
    let dispatcher = running.dispatcher.clone();
    let handing = tokio::spawn(async move { dispatcher.hand_over(arrival(Topic::TaskEvents, &[&SCHEDULE_REMINDER], 3, 3)).await });
    fake.until_count(SCHEDULE, 2).await;
    running.stopping.cancel();
    assert!(tokio::time::timeout(LIMIT, handing).await.unwrap().unwrap().is_err());
    other.rollback().await.unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_kept_and_published_once_the_broker_is_there() {
    let database = database().await;
    let fake = Fake::new(|call| async move { if call.n == 7 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK } });
    fake.has_broker.store(false, Ordering::SeqCst);
    let running = Running::start(&database, &fake).await;
    running.arrive(&[&RECORD_AUDIT, &SCHEDULE_REMINDER], 1, 7).await;
    running.dispatcher.set_aside("gateway", 9, Topic::TaskCommands, r#"{"id":"raw","data":"\u0000"}"#, "no \0 event").await.unwrap();
    running.until_empty().await;
    let found = async |consumer| running.dispatcher.table().letter(consumer, "/tests", "7").await.unwrap().map(|letter| letter.attempts);
    assert_eq!((found(AUDIT).await, found("gateway").await), (Some(1), None), "a text that PostgreSQL cannot look into is passed over");
    let letters = running.dispatcher.table().letters(None, 10).await.unwrap();
    let mut told: Vec<_> = letters.iter().map(|letter| (letter.consumer.as_str(), letter.attempts, letter.last_error.as_str())).collect();
    told.sort_unstable();
    assert_eq!(told, [("gateway", 1, "no  event"), (AUDIT, 1, "422 Unprocessable Entity"), (SCHEDULE, 1, "422 Unprocessable Entity")]);
    assert_eq!(fake.published.borrow().len(), 0);

    fake.has_broker.store(true, Ordering::SeqCst);
    let mut published = fake.published.subscribe();
    let published = tokio::time::timeout(LIMIT, published.wait_for(|published| published.len() >= 3)).await.unwrap().unwrap().clone();
    let consumers: HashSet<_> = published.iter().map(|letter| letter["consumer"].as_str().unwrap().to_owned()).collect();
    assert_eq!(consumers, ["gateway", AUDIT, SCHEDULE].map(str::to_owned).into());
    assert!(published.iter().all(|letter| letter["attempts"] == 1 && letter["lasterror"].is_string()), "{published:?}");
    let begin = Instant::now();
    while !running.dispatcher.table().unpublished(10).await.unwrap().is_empty() {
        assert!(begin.elapsed() < LIMIT);
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(fake.published.borrow().len(), 3, "each once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_update_is_delivered_once_and_never_kept() {
    let database = database().await;
    let answers = Arc::new(Mutex::new(vec![StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR]));
    let fake = Fake::new(move |_| {
        let answer = answers.lock().unwrap().pop().unwrap_or(StatusCode::OK);
        async move { answer }
    });
    let running = Running::start(&database, &fake).await;
    for n in 1..=3 {
        running.dispatcher.hand_over(arrival(Topic::TaskUpdates, &[&NOTIFY], 1, n)).await.unwrap();
    }
    assert_eq!((fake.of(NOTIFY.name).len(), running.rows().await), (3, 0));
    running.stop().await;
}
