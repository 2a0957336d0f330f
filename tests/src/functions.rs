//! Functions without a bus, called one by one on their own database. Their events wait until a test delivers or drops them.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use domain::Timestamp;
use domain::ambient::Clock;
use domain::event::Topic;
use domain::routes::{self, Route};
use embedded::testing::TestDatabase;
use function::ambient::SystemClock;
use function::guard::Trust;
use function::service::Service;
use function::settings::Settings;
use function::{App, BoxFuture, Request, Response, full, ports};
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::{Entry, Store};

/// Maximum keys of the outbox read at once: far more than a test has.
const KEYS_MAX: i64 = 10_000;

/// Every function, and the jobs that a scheduler would have.
pub struct Functions {
    /// Its database.
    pub store: Store,
    clock: Arc<Hands>,
    services: HashMap<&'static str, Service>,
    jobs: Mutex<BTreeMap<String, Timestamp>>,
    woken: Arc<Woken>,
    database: TestDatabase,
}

/// A clock that tests set.
struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Records the functions that others call.
#[derive(Default)]
pub struct Woken(pub Mutex<Vec<&'static str>>);

impl ports::Functions for Woken {
    fn call(&self, function: &Route, _: Request) -> BoxFuture<'_, Response> {
        self.0.lock().unwrap().push(function.name);
        Box::pin(async { Response::new(full("{}")) })
    }
}

impl Functions {
    /// Starts all functions with settings that do not matter to tests.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts all functions with these settings.
    pub async fn with(given: &[(&str, &str)]) -> Self {
        let database = crate::database().await;
        let lookup = |name: &str| match name {
            "DATABASE_URL" => Some(database.url().to_owned()),
            "TASKFLOW_TIME_ZONE" => Some("UTC".to_owned()),
            _ => given.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()),
        };
        let clock = Arc::new(Hands(Mutex::new(SystemClock.now())));
        let woken = Arc::new(Woken::default());
        let settings = Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap();
        let app = Arc::new(App { clock: clock.clone(), functions: woken.clone(), ..App::alone(settings).unwrap() });
        let store = app.store.clone().unwrap();
        let services = taskflow::functions().into_iter().map(|function| Service::new(app.clone(), function).unwrap());
        let services = services.map(|service| (service.name(), service)).collect();
        Self { store, clock, services, jobs: Mutex::default(), woken, database }
    }

    /// Calls a function, and returns status and JSON of the answer.
    pub async fn call(&self, function: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let content_type = if path == "/" { "application/cloudevents+json" } else { "application/json" };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder().method(method).uri(path).header("content-type", content_type);
        let mut request = request.body(full(body)).unwrap();
        // As the bus and the scheduler call.
        request.extensions_mut().insert(Trust::Delivery);
        let answer = self.services[function].handle(request).await;
        let status = answer.status().as_u16();
        let text = function::body::collect(answer.into_body()).await.unwrap();
        (status, serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Calls a function, which must succeed.
    pub async fn done(&self, function: &str, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(function, method, path, body).await;
        assert!(status < 300, "{function} {method} {path}: {status} {answer}");
        answer
    }

    /// Creates a task.
    pub async fn create(&self, fields: &Value) -> Value {
        self.done("create-task", "POST", "/api/tasks", fields).await
    }

    /// Calls a job, and returns the status.
    pub async fn job(&self, name: &str) -> u16 {
        self.call(routes::of_job(name).unwrap().name, "POST", &format!("/job/{name}"), &Value::Null).await.0
    }

    /// Returns the functions that others have called, sorted.
    pub fn woken(&self) -> Vec<&'static str> {
        let mut woken = self.woken.0.lock().unwrap().clone();
        woken.sort_unstable();
        woken
    }

    /// Calls housekeeping, which must succeed, once the events of all changes have had time to arrive.
    pub async fn keep_house(&self) {
        self.pass(SignedDuration::from_secs(10));
        assert_eq!(self.job("housekeeping").await, 200);
    }

    /// Delivers an event to one consumer, which must accept it.
    pub async fn deliver(&self, consumer: &str, event: &Value) {
        self.done(consumer, "POST", "/", event).await;
    }

    /// Delivers these events to all their consumers, and then the events that these announce, until there are none.
    pub async fn deliver_all(&self, mut events: Vec<Value>) {
        while !events.is_empty() {
            for event in &events {
                for consumer in consumers(event) {
                    self.deliver(consumer, event).await;
                }
            }
            events = self.announced().await;
        }
    }

    /// Takes the announced events, in order. Jobs go to the scheduler; events other than those for pages are returned, for the test to deliver or
    /// drop.
    pub async fn announced(&self) -> Vec<Value> {
        let keys = self.store.outbox_keys(KEYS_MAX).await.unwrap();
        let batch = self.store.lock_outbox(&keys, true).await.unwrap().unwrap();
        assert!(!batch.is_full());
        let mut rows = batch.rows().to_vec();
        batch.done(&rows.iter().map(|row| (row.key, row.id)).collect::<Vec<_>>()).await.unwrap();
        rows.sort_by_key(|row| row.id);
        let mut events = Vec::new();
        let mut jobs = self.jobs.lock().unwrap();
        for row in rows {
            match row.entry {
                Entry::Event { topic, payload, .. } => {
                    let event: Value = serde_json::from_str(&payload).unwrap();
                    assert!(is_announced(&event), "no route in shared/domain/src/routes.rs announces this: {event}");
                    if topic != Topic::TaskUpdates {
                        events.push(event);
                    }
                }
                Entry::ScheduleJob { name, due_at } => drop(jobs.insert(name, due_at)),
                Entry::CancelJob { name } => drop(jobs.remove(&name)),
            }
        }
        events
    }

    /// Drops the announced events, as a broker that loses its data does.
    pub async fn lose_events(&self) {
        drop(self.announced().await);
    }

    /// Drops the jobs, as a scheduler that loses its data does.
    pub fn lose_jobs(&self) {
        self.jobs.lock().unwrap().clear();
    }

    /// Returns when the scheduler calls the job of a reminder.
    pub async fn job_at(&self, reminder: &Value) -> Option<String> {
        drop(self.announced().await);
        let jobs = self.jobs.lock().unwrap();
        jobs.get(reminder["dapr_job_id"].as_str().unwrap()).map(|at| crate::written(at.get()))
    }

    /// Calls the due jobs of a function. A job that fails stays. Returns the statuses and the announced events.
    pub async fn call_due(&self, function: &str) -> (Vec<u16>, Vec<Value>) {
        let mut events = self.announced().await;
        let now = self.clock.now();
        let is_due = |name: &str, at: Timestamp| at <= now && routes::of_job(name).is_some_and(|route| route.name == function);
        let due: Vec<(String, Timestamp)> = {
            let jobs = self.jobs.lock().unwrap();
            jobs.iter().filter(|(name, at)| is_due(name, **at)).map(|(name, at)| (name.clone(), *at)).collect()
        };
        let mut statuses = Vec::new();
        for (name, at) in due {
            self.jobs.lock().unwrap().remove(&name);
            let status = self.job(&name).await;
            if status != 200 {
                self.jobs.lock().unwrap().insert(name, at);
            }
            statuses.push(status);
        }
        events.extend(self.announced().await);
        (statuses, events)
    }

    /// Creates a task whose reminder fires at once, and delivers everything up to its sends.
    pub async fn fired(&self, title: &str) -> Value {
        let due = self.after(SignedDuration::from_secs(600));
        let task = self.create(&json!({ "title": title, "due_date": due, "reminder_offset": "1 hour" })).await;
        let created = self.announced().await;
        self.deliver_all(created).await;
        let (statuses, events) = self.call_due("fire-reminder").await;
        assert_eq!(statuses, [200]);
        self.deliver_all(events).await;
        task
    }

    /// Returns the reminders of a task, newest first.
    pub async fn reminders(&self, task: &Value) -> Vec<Value> {
        let reminders = self.done("list-reminders", "GET", &format!("/api/reminders?task_id={}", task["id"]), &Value::Null).await;
        reminders.as_array().unwrap().clone()
    }

    /// Returns every task, newest first.
    pub async fn tasks(&self) -> Vec<Value> {
        self.done("list-tasks", "GET", "/api/tasks?limit=500", &Value::Null).await.as_array().unwrap().clone()
    }

    /// Sets the clock.
    pub fn set_clock(&self, now: &str) {
        *self.clock.0.lock().unwrap() = now.parse().unwrap();
    }

    /// Advances the clock.
    pub fn pass(&self, time: SignedDuration) {
        let mut now = self.clock.0.lock().unwrap();
        *now = Timestamp::new(now.get() + time).unwrap();
    }

    /// Returns the moment this long from now, in Taskflow's form.
    #[must_use]
    pub fn after(&self, time: SignedDuration) -> String {
        crate::written(self.clock.now().get() + time)
    }

    /// Runs a statement on the database.
    pub async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.store.pool()).await.unwrap();
    }

    /// Returns the URL of its database.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Closes its connections and drops its database.
    pub async fn stop(self) {
        self.store.pool().close().await;
        drop(self.database);
    }
}

/// True if the route of the function that wrote this event lists it.
fn is_announced(event: &Value) -> bool {
    let name = event["source"].as_str().unwrap().strip_prefix("/taskflow/").unwrap();
    let route = routes::ALL.iter().find(|route| route.name == name);
    route.is_some_and(|route| route.announced().any(|ty| event["type"] == ty.as_str()))
}

/// Returns the consumers of such an event, except for pages.
fn consumers(event: &Value) -> Vec<&'static str> {
    let topics = [Topic::TaskEvents, Topic::Reminders];
    let ty = event["type"].as_str().unwrap().parse().unwrap();
    let wants = |route: &&routes::Route| topics.iter().any(|topic| route.wants(*topic, ty).is_some());
    routes::ALL.iter().filter(wants).map(|route| route.name).collect()
}
