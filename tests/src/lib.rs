//! Support for tests of the whole system: Taskflow in one process on its own database, and clients of everything that it speaks.
//!
//! Every answer with status 400 or above is checked for texts that no answer may contain: SQL, a panic, a secret.
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod api;
mod collector;
mod functions;
mod gemini;
mod mail;
mod proxy;
mod push;
mod socket;
#[cfg(feature = "stack")]
pub mod stack;
mod webhook;

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ambient::Clock;
use embedded::Process;
use embedded::testing::TestDatabase;
use function::BoxError;
use function::ambient::SystemClock;
use function::settings::Settings;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use api::{Answer, Api};
pub use collector::{Collected, Collector};
pub use functions::{Functions, Woken};
pub use gemini::{Gemini, KEY as GEMINI_KEY, Said};
pub use mail::{Mail, MailServer};
pub use proxy::Proxy;
pub use push::{PushService, Pushed, VAPID_KEY, VAPID_PUBLIC};
pub use socket::Socket;
pub use webhook::Webhook;

/// How long a test waits for an expected event: far longer than needed, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Connections of a test's process: the test server has 100, and several tests run in parallel.
const POOL: u32 = 8;
/// A running Taskflow in one process.
pub struct App {
    api: Api,
    /// Its database.
    pub store: Store,
    /// The proxy before its database, if [`App::behind_a_proxy`] created one.
    pub proxy: Option<Proxy>,
    /// Its clock, which the database's need not agree with.
    clock: Arc<dyn Clock>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    database: TestDatabase,
}

impl App {
    /// Starts with settings that do not matter to tests.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with these environment variables.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let database = database().await;
        let url = database.url().to_owned();
        Self::on(database, &url, None, settings, Arc::new(SystemClock)).await
    }

    /// Starts with these settings at another time, from which its clock continues.
    pub async fn at(now: &str, settings: &[(&str, &str)]) -> Self {
        Self::on_database(database().await, now, settings).await
    }

    /// Starts on a database with content.
    pub async fn on_database(database: TestDatabase, now: &str, settings: &[(&str, &str)]) -> Self {
        let url = database.url().to_owned();
        let shift = now.parse::<Timestamp>().unwrap().duration_since(SystemClock.now().get());
        Self::on(database, &url, None, settings, Arc::new(Shifted(shift))).await
    }

    /// Starts with a database that a test can disconnect.
    pub async fn behind_a_proxy() -> Self {
        let database = database().await;
        let proxy = Proxy::start(database.url()).await;
        let url = proxy.url().to_owned();
        Self::on(database, &url, Some(proxy), &[], Arc::new(SystemClock)).await
    }

    async fn on(database: TestDatabase, url: &str, proxy: Option<Proxy>, given: &[(&str, &str)], clock: Arc<dyn Clock>) -> Self {
        let given_value = |name: &str| given.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let lookup = |name: &str| given_value(name).or_else(|| (name == "TASKFLOW_TIME_ZONE").then(|| "UTC".to_owned()));
        let settings = Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap();
        let store = Store::connect_lazy(url, settings.db_pool.unwrap_or(POOL)).unwrap();
        let process =
            Process::start_by(Arc::clone(&clock), settings, store.clone(), taskflow::gateway(), taskflow::functions()).await.unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(process.serve(listener, async move { drop(stopped.await) }));
        let api = Api::new(address, given_value("TASKFLOW_API_TOKEN"));
        Self { api, store, proxy, clock, stop, serving, database }
    }

    /// Stops it, after all work in progress.
    pub async fn stop(self) {
        drop(self.end().await);
    }

    /// Stops it, and returns its database.
    pub async fn end(self) -> TestDatabase {
        drop(self.api);
        drop(self.stop);
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
        self.store.pool().close().await;
        self.database
    }

    /// Returns the URL of its database.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Returns the types of a task's events in the audit log, oldest first, once all events have been delivered.
    pub async fn history(&self, task: &Value) -> Vec<String> {
        self.settled().await;
        let entries = self.list(&format!("/api/audit?task_id={task}&limit=500")).await;
        entries.iter().rev().map(|entry| entry["event_type"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until every consumer has accepted every event, including those announced meanwhile.
    pub async fn settled(&self) {
        const WAITING: &str = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM deliveries)";
        eventually("an empty outbox", async || {
            let waiting: i64 = sqlx::query_scalar(WAITING).fetch_one(self.store.pool()).await.unwrap();
            (waiting == 0).then_some(())
        })
        .await;
    }

    /// Waits until the housekeeping of the start is done.
    pub async fn kept_house(&self) {
        const LATER: &str = "SELECT EXISTS (SELECT 1 FROM embedded.jobs WHERE name = 'housekeeping' AND due_at > $1::timestamptz)";
        eventually("housekeeping's next time", async || {
            let now = written(self.clock.now().get());
            let is_done: bool = sqlx::query_scalar(LATER).bind(now).fetch_one(self.store.pool()).await.unwrap();
            is_done.then_some(())
        })
        .await;
    }

    /// Runs a statement on the database.
    pub async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.store.pool()).await.unwrap();
    }
}

/// A clock that is this far ahead.
struct Shifted(SignedDuration);

impl Clock for Shifted {
    fn now(&self) -> domain::Timestamp {
        domain::Timestamp::now_from(SystemClock.now().get() + self.0)
    }
}

impl Deref for App {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

async fn database() -> TestDatabase {
    TestDatabase::new(|url| async move { Store::connect_lazy(&url, 1)?.migrate().await }).await.unwrap()
}

/// Answers the requests of every connection.
fn serve<B, F>(listener: TcpListener, answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static)
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
{
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper::service::service_fn(answer.clone());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

/// Polls until this returns a value.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look).await
}

/// Polls until this returns a value, up to this time.
pub async fn eventually_within<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(patience, looking).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Returns the current time.
#[must_use]
pub fn now() -> Timestamp {
    SystemClock.now().get()
}

/// Returns the moment this many seconds from now, in Taskflow's form.
#[must_use]
pub fn in_seconds(seconds: i64) -> String {
    written(now() + SignedDuration::from_secs(seconds))
}

/// Returns a moment in Taskflow's form.
#[must_use]
pub fn written(moment: Timestamp) -> String {
    format!("{moment:.6}")
}

/// Returns tags in this release's form; the previous one did not compose an é of two characters.
#[must_use]
pub fn composed(tags: &Value) -> Value {
    serde_json::from_str(&tags.to_string().replace("e\u{301}", "\u{e9}")).unwrap()
}

/// Parses a moment in Taskflow's form.
#[must_use]
pub fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is no moment")).parse().unwrap()
}

/// Returns the `Authorization` of a calendar client with this app password.
#[must_use]
pub fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("me:{password}")))
}

/// Returns the part of a text between these two.
#[must_use]
pub fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let rest = text.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {text}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} in {text}")).0
}
