//! What the tests of the whole stand on: Taskflow in one process on a database of its own, and clients of everything it speaks.
//!
//! Every answer of 400 and above that passes through here is checked for what no answer may hold: SQL, a panic, a secret.
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod proxy;
mod socket;
mod webhook;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use domain::ambient::Clock;
use embedded::Process;
use embedded::testing::TestDatabase;
use function::ambient::SystemClock;
use function::settings::Settings;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use proxy::Proxy;
pub use socket::Socket;
pub use webhook::Webhook;

/// How long a test waits for what has to come: far longer than it takes, for the machine may be busy.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Connections of a test's process: the test server has 64, and several tests run at once.
const POOL: u32 = 8;
/// What no answer that reports an error may hold.
const FORBIDDEN: &[&str] =
    &["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "panicked", "postgres://", "sqlx", "stack backtrace", "RUST_BACKTRACE"];

/// Taskflow in one process, listening.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its database.
    pub store: Store,
    /// What stands between it and its database, if [`App::behind_a_proxy`] put it there.
    pub proxy: Option<Proxy>,
    token: Option<String>,
    client: reqwest::Client,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    database: TestDatabase,
}

impl App {
    /// With the settings that matter to no test.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings: the environment variables of PRODUCT section 8.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let database = database().await;
        let url = database.url().to_owned();
        Self::on(database, &url, None, settings).await
    }

    /// With a database that a test can take away and give back.
    pub async fn behind_a_proxy() -> Self {
        let database = database().await;
        let proxy = Proxy::start(database.url()).await;
        let url = proxy.url().to_owned();
        Self::on(database, &url, Some(proxy), &[]).await
    }

    async fn on(database: TestDatabase, url: &str, proxy: Option<Proxy>, given: &[(&str, &str)]) -> Self {
        // The client asks for a provider of cryptography, even where it needs none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let given_value = |name: &str| given.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let lookup = |name: &str| given_value(name).or_else(|| (name == "TASKFLOW_TIME_ZONE").then(|| "UTC".to_owned()));
        let settings = Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap();
        let store = Store::connect_lazy(url, settings.db_pool.unwrap_or(POOL)).unwrap();
        let process = Process::start(settings, store.clone(), taskflow::gateway(), taskflow::functions()).await.unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(process.serve(listener, async move { drop(stopped.await) }));
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { address, store, proxy, token: given_value("TASKFLOW_API_TOKEN"), client, stop, serving, database }
    }

    /// Stops it, and waits until everything under way has ended.
    pub async fn stop(self) {
        drop(self.client);
        drop(self.stop);
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
        self.store.pool().close().await;
        drop(self.database);
    }

    /// Where its database is.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// One HTTP call. The token is not added: name it, to be let in.
    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let mut request = self.client.request(method.parse().unwrap(), format!("http://{}{path}", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
        let answer = Answer { status, headers, text, call: format!("{method} {path}") };
        if status >= 400 {
            let secret = self.token.as_deref().into_iter();
            for word in FORBIDDEN.iter().copied().chain(secret) {
                assert!(!answer.text.contains(word), "an answer holds {word:?}: {answer:?}");
            }
        }
        answer
    }

    /// A call with a JSON body, or with none where it is null.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        if body.is_null() {
            return self.call(method, path, headers, "").await;
        }
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
        self.call(method, path, &headers, body.to_string()).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "").await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body).await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[], body).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[], "").await
    }

    /// A new task.
    pub async fn create(&self, task: &Value) -> Value {
        self.post("/api/tasks", task).await.is(201).json()
    }

    /// What a GET answers with 200.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).await.is(200).json()
    }

    /// The same, if it is a list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        match self.read(path).await {
            Value::Array(items) => items,
            other => panic!("{path} answers no list: {other}"),
        }
    }

    /// The task as it is.
    pub async fn task(&self, id: &Value) -> Value {
        self.read(&format!("/api/tasks/{id}")).await
    }

    /// The reminders of a task, the newest first.
    pub async fn reminders(&self, task: &Value) -> Vec<Value> {
        self.list(&format!("/api/reminders?task_id={task}")).await
    }

    /// The one reminder of a task, once it is of this status.
    pub async fn reminder(&self, task: &Value, status: &str) -> Value {
        eventually(&format!("a reminder that is {status}"), async || {
            let reminders = self.reminders(task).await;
            assert!(reminders.len() <= 1, "{reminders:?}");
            reminders.into_iter().find(|reminder| reminder["status"] == status)
        })
        .await
    }

    /// The audit log's types of a task's events, the oldest first, once everything that was announced has been heard.
    pub async fn history(&self, task: &Value) -> Vec<String> {
        self.settled().await;
        let entries = self.list(&format!("/api/audit?task_id={task}&limit=500")).await;
        entries.iter().rev().map(|entry| entry["event_type"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until every consumer has taken everything that was announced, and what they announced in turn.
    pub async fn settled(&self) {
        const WAITING: &str = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM embedded.deliveries)";
        eventually("an empty outbox", async || {
            let waiting: i64 = sqlx::query_scalar(WAITING).fetch_one(self.store.pool()).await.unwrap();
            (waiting == 0).then_some(())
        })
        .await;
    }

    /// Does this to the database.
    pub async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.store.pool()).await.unwrap();
    }
}

async fn database() -> TestDatabase {
    TestDatabase::new(|url| async move { Store::connect_lazy(&url, 1)?.migrate().await }).await.unwrap()
}

/// What came back of a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
    call: String,
}

impl Answer {
    /// The same, if it has this status.
    #[must_use]
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.call, self.text);
        self
    }

    /// The body.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {:?}", self.call, self.text))
    }

    /// A header, or "".
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a problem of RFC 9457 with this status; what its errors point at.
    #[must_use]
    #[track_caller]
    pub fn problem(&self, status: u16) -> Vec<String> {
        let answer = self.clone().is(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
        self.problem_json(&answer.json(), status)
    }

    /// The same of a problem that is a part of an answer.
    #[must_use]
    #[track_caller]
    pub fn problem_json(&self, problem: &Value, status: u16) -> Vec<String> {
        let path = self.call.split([' ', '?']).nth(1).unwrap_or_default();
        for (member, is_right) in [
            ("type", problem["type"] == "about:blank"),
            ("title", problem["title"].as_str().is_some_and(|title| !title.is_empty())),
            ("status", problem["status"] == status),
            ("detail", problem["detail"].as_str().is_some_and(|detail| !detail.is_empty())),
            ("instance", problem["instance"] == path),
            ("errors", problem["errors"].is_array() == (status == 422)),
        ] {
            assert!(is_right, "{}: {member} of {problem}", self.call);
        }
        let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(errors.iter().all(|error| error["detail"].as_str().is_some_and(|detail| !detail.is_empty())), "{problem}");
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }
}

/// What this finds, as soon as it finds something.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// The time.
#[must_use]
pub fn now() -> Timestamp {
    SystemClock.now().get()
}

/// The moment so many seconds from now, as Taskflow writes it.
#[must_use]
pub fn in_seconds(seconds: i64) -> String {
    written(now() + SignedDuration::from_secs(seconds))
}

/// A moment as Taskflow writes it.
#[must_use]
pub fn written(moment: Timestamp) -> String {
    format!("{moment:.6}")
}

/// A moment that Taskflow wrote.
#[must_use]
pub fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is no moment")).parse().unwrap()
}
