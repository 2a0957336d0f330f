//! What a handler has of the world: the store, the ports and the settings.

use std::sync::Arc;

use cloudevents::Event;
use domain::Timestamp;
use domain::ambient::{Clock, Ids};
use domain::event::Origin;
use domain::preferences::Preferences;
use domain::query::Today;
use store::{IfMatch, Store, Subject, Work};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ambient::{RandomIds, SystemClock};
use crate::guard::Guesses;
use crate::metrics::Metrics;
use crate::otlp::Traces;
use crate::ports::{Alone, DeadLetters, Functions, Publisher, State};
use crate::settings::{DB_POOL_DEFAULT, Settings};
use crate::{Change, Error, span};

/// The world of a function. Made once at start; connections are opened on first use.
pub struct App {
    /// PostgreSQL, if there is one.
    pub store: Option<Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub ids: Arc<dyn Ids>,
    /// Carries events and jobs away.
    pub publisher: Arc<dyn Publisher>,
    /// Calls other functions.
    pub functions: Arc<dyn Functions>,
    /// Keeps conversations.
    pub state: Arc<dyn State>,
    /// The dead letters, if this process delivers events.
    pub dead_letters: Option<Arc<dyn DeadLetters>>,
    /// Where spans go.
    pub traces: Traces,
    /// The environment, as read at start.
    pub settings: Settings,
    /// What this process counts.
    pub metrics: Arc<Metrics>,
    /// The wrong tokens of late.
    pub guesses: Guesses,
    /// Work that goes on without its caller; a graceful stop waits for it.
    pub background: TaskTracker,
    /// Cancelled when the process is asked to stop: what would wait for long ends then.
    pub stopping: CancellationToken,
}

impl App {
    /// The world of a function that stands alone, with the database of `DATABASE_URL`.
    ///
    /// # Errors
    /// A database URL that cannot be read.
    pub fn alone(settings: Settings) -> Result<Self, store::Error> {
        let pool = settings.db_pool.unwrap_or(DB_POOL_DEFAULT);
        let store = settings.database_url.as_ref().map(|url| Store::connect_lazy(url.expose(), pool)).transpose()?;
        Ok(Self {
            store,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            publisher: Arc::new(Alone),
            functions: Arc::new(Alone),
            state: Arc::new(Alone),
            dead_letters: None,
            traces: Traces::to(settings.otlp_endpoint.as_deref()),
            settings,
            metrics: Arc::default(),
            guesses: Guesses::default(),
            background: TaskTracker::new(),
            stopping: CancellationToken::new(),
        })
    }

    /// The store.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the settings name none.
    pub fn store(&self) -> Result<&Store, Error> {
        self.store.as_ref().ok_or(Error::Unavailable { what: "the database", source: Some("DATABASE_URL is not set".into()) })
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The user's clock and calendar. `is_needed`: whether their own time zone matters; it costs a query.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn today(&self, is_needed: bool) -> Result<Today, Error> {
        let zone = if is_needed { self.preferences().await?.time_zone } else { self.settings.time_zone.clone() };
        Ok(Today { now: self.now(), zone })
    }

    /// What the user prefers. What they have not said, and all of it where there is no database, is the service's own.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn preferences(&self) -> Result<Preferences, Error> {
        match &self.store {
            Some(store) => Ok(store.own_preferences().await?.or(&self.settings.time_zone)),
            None => Ok(Preferences::of_service(self.settings.time_zone.clone())),
        }
    }

    /// The origin of what a function announces: the request under way, or a trace and a correlation id of its own where there is none.
    #[must_use]
    pub fn origin(&self, function: &'static str) -> Origin {
        span::origin(self, function)
    }

    /// The origin of what an event causes.
    #[must_use]
    pub fn origin_of(&self, function: &'static str, event: &Event) -> Origin {
        span::origin_of_event(self, function, event)
    }

    /// Starts a change: one transaction, with its events and jobs.
    ///
    /// # Errors
    /// The database is away.
    pub async fn change(self: &Arc<Self>, origin: Origin, if_match: Option<IfMatch>) -> Result<Change, Error> {
        self.change_on(None, origin, if_match).await
    }

    /// Starts a change that callers ask for: however many want the same thing changed, they hold one connection.
    ///
    /// # Errors
    /// The database is unavailable, or other changes take too long.
    pub async fn change_on(self: &Arc<Self>, subject: Option<Subject>, origin: Origin, if_match: Option<IfMatch>) -> Result<Change, Error> {
        let work = Work { origin, now: self.now(), ids: self.ids.clone(), if_match };
        let unit = self.store()?.begin_on(subject, work).await?;
        Ok(Change::new(self.clone(), unit))
    }
}
