//! What a handler has of the world: the store, the ports and the settings.

use std::sync::Arc;

use domain::Timestamp;
use domain::ambient::{Clock, Ids};
use domain::event::Origin;
use store::{IfMatch, Store, Work};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ambient::{RandomIds, SystemClock};
use crate::ports::{Alone, Functions, Publisher, State};
use crate::settings::{DB_POOL_DEFAULT, Settings};
use crate::{Change, Error};

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
    /// The environment, as read at start.
    pub settings: Settings,
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
            settings,
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

    /// The origin of work that no caller asked for.
    #[must_use]
    pub fn origin(&self, function: &'static str) -> Origin {
        Origin { function, correlation_id: self.ids.next().to_string(), traceparent: Some(self.traceparent(None)) }
    }

    /// The W3C trace context of work done for this one, or of a new trace.
    #[must_use]
    pub fn traceparent(&self, parent: Option<&str>) -> String {
        let span = self.ids.next().simple().to_string();
        // The low half of a UUIDv7 is random, which an id of a span has to be.
        let span = &span[16..];
        match parent.filter(|parent| is_traceparent(parent)) {
            Some(parent) => format!("{}-{span}-{}", &parent[..35], &parent[53..55]),
            None => format!("00-{}-{span}-01", self.ids.next().simple()),
        }
    }

    /// Starts a change: one transaction, with its events and jobs.
    ///
    /// # Errors
    /// The database is away.
    pub async fn change(self: &Arc<Self>, origin: Origin, if_match: Option<IfMatch>) -> Result<Change, Error> {
        let work = Work { origin, now: self.now(), ids: self.ids.clone(), if_match };
        let unit = self.store()?.begin(work).await?;
        Ok(Change::new(self.clone(), unit))
    }
}

/// W3C Trace Context, version 00: `00-<32 hex>-<16 hex>-<2 hex>`, lower-case, ids not zero.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match parts.as_slice() {
        ["00", trace, span, flags] => {
            is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2) && trace.bytes().any(|b| b != b'0') && span.bytes().any(|b| b != b'0')
        }
        _ => false,
    }
}
