//! The ports of a function. `embedded` implements them in one process, `sidecar` over Dapr.

use std::time::Duration;

use domain::event::Topic;
use domain::routes::Route;
use serde_json::Value;
use store::Committed;

use crate::{BoxError, BoxFuture, Request, Response};

/// Publishes outbox rows: events to their topics, jobs to the scheduler.
pub trait Publisher: Send + Sync {
    /// Publishes the outbox rows of these keys (task ids), in order.
    ///
    /// # Errors
    /// Rows stay in the outbox. Nothing is lost; `publish-events` retries.
    fn publish<'a>(&'a self, keys: &'a [i64]) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Publishes rows that a unit has just committed, from memory. If older rows of the same tasks wait, implementations read and publish those
    /// first.
    ///
    /// # Errors
    /// Those of [`Publisher::publish`].
    fn publish_new(&self, committed: Committed) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move { self.publish(&committed.keys()).await })
    }

    /// Publishes the whole outbox, up to the limit of one call, and returns whether it is empty now.
    ///
    /// # Errors
    /// Nothing could be published.
    fn publish_all(&self) -> BoxFuture<'_, Result<bool, BoxError>>;

    /// Returns the number of rows in the outbox, if it is known here.
    fn depth(&self) -> BoxFuture<'_, Option<i64>> {
        Box::pin(std::future::ready(None))
    }

    /// Checks whether events and jobs can be published.
    fn check(&self) -> BoxFuture<'_, PublisherHealth>;
}

/// Availability of the two destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublisherHealth {
    /// Events can be published.
    pub events: bool,
    /// Jobs can be registered.
    pub jobs: bool,
}

/// Publishes single events immediately. Only dead letters use it; every other event goes through the outbox.
pub trait Broker: Send + Sync {
    /// Publishes an event in structured JSON form with this partition key.
    ///
    /// # Errors
    /// It is unknown whether the event has arrived.
    fn send<'a>(&'a self, topic: Topic, key: &'a str, event: &'a str) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Reads the dead letters in the database.
pub trait DeadLetters: Send + Sync {
    /// Returns the oldest letters, at most `limit`, and their total number. Each is a structured `CloudEvent` with the extensions [`CONSUMER`],
    /// [`ATTEMPTS`] and [`LAST_ERROR`], as in the topic `dead-letters`.
    ///
    /// # Errors
    /// The database is unavailable.
    fn oldest(&self, limit: i64) -> BoxFuture<'_, Result<(Vec<Value>, i64), BoxError>>;

    /// Returns the letter of this consumer with this source and id, in the form of [`DeadLetters::oldest`].
    ///
    /// # Errors
    /// The database is unavailable.
    fn find<'a>(&'a self, consumer: &'a str, source: &'a str, id: &'a str) -> BoxFuture<'a, Result<Option<Value>, BoxError>>;

    /// Deletes a dead letter after a successful replay. Does nothing if it is gone.
    ///
    /// # Errors
    /// The letter may still exist. Replaying it again does no harm.
    fn taken<'a>(&'a self, consumer: &'a str, source: &'a str, id: &'a str) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Extension of a dead letter: the function that could not process it.
pub const CONSUMER: &str = "consumer";
/// Extension of a dead letter: the number of attempts.
pub const ATTEMPTS: &str = "attempts";
/// Extension of a dead letter: the last error.
pub const LAST_ERROR: &str = "lasterror";

/// The job scheduler, for the gateway's watch. Reminders register their jobs through the outbox.
pub trait Scheduler: Send + Sync {
    /// Returns whether a job of this name exists.
    ///
    /// # Errors
    /// The scheduler is unavailable.
    fn has_job<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, BoxError>>;

    /// Registers a repeating job; replaces a job of the same name.
    ///
    /// # Errors
    /// It is unknown whether the job was registered.
    fn repeat_job<'a>(&'a self, name: &'a str, every: Duration) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Calls other functions, in process or by their URLs.
pub trait Functions: Send + Sync {
    /// Calls a function; connection errors are a 502, 503 or 504 problem.
    fn call(&self, function: &Route, request: Request) -> BoxFuture<'_, Response>;

    /// Returns how long ago a function last answered a call from here; `None` if never. Functions of this process are always ready.
    fn answered_ago(&self, _: &Route) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    /// Returns the number of WebSockets that pass through here, if known. Without any, live updates need not wake a function.
    fn sockets(&self) -> Option<usize> {
        None
    }
}

/// Stores JSON values of at most some hundred kilobytes by key, with optimistic concurrency.
///
/// Values are passed as text, so that only the code that knows their type parses them.
pub trait State: Send + Sync {
    /// Returns the value, if there is one.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    fn get<'a>(&'a self, key: &'a str) -> StateFuture<'a, Option<Stored>>;

    /// Writes the JSON value if the `ETag` is unchanged, or with `None` if there is no value yet. It expires after `ttl`.
    ///
    /// # Errors
    /// [`StateError::Stale`] if another writer was first, or this write succeeded and its answer was lost; [`StateError::Unavailable`].
    fn set<'a>(&'a self, key: &'a str, value: &'a str, etag: Option<&'a str>, ttl: Option<Duration>) -> StateFuture<'a, ()>;

    /// Deletes the value; succeeds if there is none.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    fn delete<'a>(&'a self, key: &'a str) -> StateFuture<'a, ()>;

    /// Returns whether the store answers.
    fn check(&self) -> BoxFuture<'_, bool>;
}

/// The result of [`State`]'s methods.
pub type StateFuture<'a, T> = BoxFuture<'a, Result<T, StateError>>;

/// A value of [`State`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The value as JSON.
    pub value: String,
    /// The tag of this version of the value.
    pub etag: String,
}

/// Why a value could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another writer was first.
    #[error("another writer changed the value")]
    Stale,
    /// The state store is unavailable.
    #[error("the state store is not available")]
    Unavailable(#[source] BoxError),
}

/// The ports of a function without a sidecar: events wait in the outbox for `publish-events`, calls of other functions fail, and there is no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

/// The error of [`Alone`]'s methods.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this function has no sidecar; its events wait in the outbox")]
pub struct StandsAlone;

impl Publisher for Alone {
    fn publish<'a>(&'a self, _: &'a [i64]) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async { Err(StandsAlone.into()) })
    }

    fn publish_all(&self) -> BoxFuture<'_, Result<bool, BoxError>> {
        Box::pin(async { Err(StandsAlone.into()) })
    }

    fn check(&self) -> BoxFuture<'_, PublisherHealth> {
        Box::pin(async { PublisherHealth { events: false, jobs: false } })
    }
}

impl Functions for Alone {
    fn call(&self, function: &Route, _: Request) -> BoxFuture<'_, Response> {
        let instance = format!("/{}", function.name);
        Box::pin(async move { crate::Error::unavailable("the other function", StandsAlone).into_response(&instance) })
    }
}

impl State for Alone {
    fn get<'a>(&'a self, _: &'a str) -> StateFuture<'a, Option<Stored>> {
        Box::pin(async { Err(StateError::Unavailable(StandsAlone.into())) })
    }

    fn set<'a>(&'a self, _: &'a str, _: &'a str, _: Option<&'a str>, _: Option<Duration>) -> StateFuture<'a, ()> {
        Box::pin(async { Err(StateError::Unavailable(StandsAlone.into())) })
    }

    fn delete<'a>(&'a self, _: &'a str) -> StateFuture<'a, ()> {
        Box::pin(async { Err(StateError::Unavailable(StandsAlone.into())) })
    }

    fn check(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { false })
    }
}
