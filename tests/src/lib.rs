//! What the tests of the whole stand on: Taskflow in one process on a database of its own, and clients of everything it speaks.
//!
//! Every answer of 400 and above that passes through here is checked for what no answer may hold: SQL, a panic, a secret.
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

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use domain::ambient::Clock;
use embedded::Process;
use embedded::testing::TestDatabase;
use function::ambient::SystemClock;
use function::settings::Settings;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use api::{Answer, Api};
pub use collector::{Collected, Collector};
pub use functions::Functions;
pub use gemini::{Gemini, KEY as GEMINI_KEY, Said};
pub use mail::{Mail, MailServer};
pub use proxy::Proxy;
pub use push::{PushService, Pushed, VAPID_KEY, VAPID_PUBLIC};
pub use socket::Socket;
pub use webhook::Webhook;

/// How long a test waits for what has to come: far longer than it takes, for the machine may be busy.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Connections of a test's process: the test server has 100, and several tests run at once.
const POOL: u32 = 8;
/// Taskflow in one process, listening.
pub struct App {
    api: Api,
    /// Its database.
    pub store: Store,
    /// What stands between it and its database, if [`App::behind_a_proxy`] put it there.
    pub proxy: Option<Proxy>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    database: TestDatabase,
}

impl App {
    /// With the settings that matter to no test.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings: environment variables and their values.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let database = database().await;
        let url = database.url().to_owned();
        Self::on(database, &url, None, settings, Arc::new(SystemClock)).await
    }

    /// With these settings, at another time: its clock goes on from there.
    pub async fn at(now: &str, settings: &[(&str, &str)]) -> Self {
        Self::on_database(database().await, now, settings).await
    }

    /// The same on a database that has something in it.
    pub async fn on_database(database: TestDatabase, now: &str, settings: &[(&str, &str)]) -> Self {
        let url = database.url().to_owned();
        let shift = now.parse::<Timestamp>().unwrap().duration_since(SystemClock.now().get());
        Self::on(database, &url, None, settings, Arc::new(Shifted(shift))).await
    }

    /// With a database that a test can take away and give back.
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
        let process = Process::start_by(clock, settings, store.clone(), taskflow::gateway(), taskflow::functions()).await.unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(process.serve(listener, async move { drop(stopped.await) }));
        let api = Api::new(address, given_value("TASKFLOW_API_TOKEN"));
        Self { api, store, proxy, stop, serving, database }
    }

    /// Stops it, and waits until everything under way has ended.
    pub async fn stop(self) {
        drop(self.end().await);
    }

    /// The same, and leaves its database.
    pub async fn end(self) -> TestDatabase {
        drop(self.api);
        drop(self.stop);
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
        self.store.pool().close().await;
        self.database
    }

    /// Where its database is.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The audit log's types of a task's events, the oldest first, once everything that was announced has been heard.
    pub async fn history(&self, task: &Value) -> Vec<String> {
        self.settled().await;
        let entries = self.list(&format!("/api/audit?task_id={task}&limit=500")).await;
        entries.iter().rev().map(|entry| entry["event_type"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until every consumer has taken everything that was announced, and what they announced in turn.
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
        const LATER: &str = "SELECT EXISTS (SELECT 1 FROM embedded.jobs WHERE name = 'housekeeping' AND due_at > now())";
        eventually("housekeeping's next time", async || {
            let is_done: bool = sqlx::query_scalar(LATER).fetch_one(self.store.pool()).await.unwrap();
            is_done.then_some(())
        })
        .await;
    }

    /// Does this to the database.
    pub async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.store.pool()).await.unwrap();
    }
}

/// A clock that is so far ahead.
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

/// What this finds, as soon as it finds something.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look).await
}

/// What this finds, as soon as it finds something, within this time.
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

/// Tags as this release writes them: the release before kept an é of two characters as such.
#[must_use]
pub fn composed(tags: &Value) -> Value {
    serde_json::from_str(&tags.to_string().replace("e\u{301}", "\u{e9}")).unwrap()
}

/// A moment that Taskflow wrote.
#[must_use]
pub fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is no moment")).parse().unwrap()
}
