//! Everything that a handler can use: the store, the ports and the settings.

use std::sync::Arc;

use cloudevents::Event;
use domain::Timestamp;
use domain::ambient::{Clock, Ids};
use domain::event::Origin;
use domain::preferences::Preferences;
use domain::query::Today;
use domain::routes::Route;
use http::Method;
use store::{IfMatch, Store, Subject, Work};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ambient::{RandomIds, SystemClock};
use crate::guard::Guesses;
use crate::metrics::Metrics;
use crate::otlp::Traces;
use crate::ports::{Alone, DeadLetters, Functions, Publisher, State};
use crate::settings::{DB_POOL_DEFAULT, Settings};
use crate::{Change, Error, Request, full, span};

/// Everything a function can use. Created once at the start; connections are opened on first use.
pub struct App {
    /// PostgreSQL, if there is one.
    pub store: Option<Store>,
    /// Reads the time.
    pub clock: Arc<dyn Clock>,
    /// Generates ids.
    pub ids: Arc<dyn Ids>,
    /// Publishes events and job registrations.
    pub publisher: Arc<dyn Publisher>,
    /// Calls other functions.
    pub functions: Arc<dyn Functions>,
    /// Stores conversations.
    pub state: Arc<dyn State>,
    /// The dead letters, if this process delivers events.
    pub dead_letters: Option<Arc<dyn DeadLetters>>,
    /// Destination of spans.
    pub traces: Traces,
    /// The settings, as read at the start.
    pub settings: Settings,
    /// Metrics of this process.
    pub metrics: Arc<Metrics>,
    /// Recent wrong tokens.
    pub guesses: Guesses,
    /// Background work; a graceful stop waits for it.
    pub background: TaskTracker,
    /// Cancelled when a stop is requested; long waits end then.
    pub stopping: CancellationToken,
}

impl App {
    /// Creates the app of a function without a sidecar, with the database of `DATABASE_URL`.
    ///
    /// # Errors
    /// The database URL is invalid.
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

    /// Returns the store.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if no database is configured.
    pub fn store(&self) -> Result<&Store, Error> {
        self.store.as_ref().ok_or(Error::Unavailable { what: "the database", source: Some("DATABASE_URL is not set".into()) })
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the user's clock and time zone. `is_needed`: whether the zone matters, because it costs a query.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn today(&self, is_needed: bool) -> Result<Today, Error> {
        let zone = if is_needed { self.preferences().await?.time_zone } else { self.settings.time_zone.clone() };
        Ok(Today { now: self.now(), zone })
    }

    /// Returns the user's preferences, with the service's defaults where none are set or there is no database.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn preferences(&self) -> Result<Preferences, Error> {
        match &self.store {
            Some(store) => Ok(store.own_preferences().await?.or(&self.settings.time_zone)),
            None => Ok(Preferences::of_service(self.settings.time_zone.clone())),
        }
    }

    /// Wakes a function in the background. Any request does; its answer does not matter.
    pub fn wake(&self, route: &'static Route) {
        let mut request = Request::new(full(""));
        *request.method_mut() = Method::HEAD;
        let functions = self.functions.clone();
        self.background.spawn(async move { functions.call(route, request).await });
    }

    /// Returns the origin of announced events: the current request, or a new trace and correlation id without one.
    #[must_use]
    pub fn origin(&self, function: &'static str) -> Origin {
        span::origin(self, function)
    }

    /// Returns the origin of the events that an event causes.
    #[must_use]
    pub fn origin_of(&self, function: &'static str, event: &Event) -> Origin {
        span::origin_of_event(self, function, event)
    }

    /// Begins a change: one transaction, with its events and jobs.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn change(self: &Arc<Self>, origin: Origin, if_match: Option<IfMatch>) -> Result<Change, Error> {
        self.change_on(None, origin, if_match).await
    }

    /// Begins a change for a caller. Callers that change the same thing share one connection.
    ///
    /// # Errors
    /// The database is unavailable, or other changes take too long.
    pub async fn change_on(self: &Arc<Self>, subject: Option<Subject>, origin: Origin, if_match: Option<IfMatch>) -> Result<Change, Error> {
        let work = Work { origin, now: self.now(), ids: self.ids.clone(), if_match };
        let unit = self.store()?.begin_on(subject, work).await?;
        Ok(Change::new(self.clone(), unit))
    }
}
