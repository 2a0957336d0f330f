//! The ports: what a function needs of the world. `embedded` implements them in one process, `sidecar` over Dapr.

use std::time::Duration;

use domain::event::Topic;
use domain::routes::Route;
use serde_json::Value;
use store::Committed;

use crate::{BoxError, BoxFuture, Request, Response};

/// Carries what the outbox holds to where it belongs: events to their topics, jobs to the scheduler.
pub trait Publisher: Send + Sync {
    /// Publishes what the outbox holds of these keys (task ids), in order.
    ///
    /// # Errors
    /// Something stays in the outbox. Nothing is lost; `publish-events` will try again.
    fn publish<'a>(&'a self, keys: &'a [i64]) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Publishes the rows that a unit has just committed to the outbox, from memory. If older rows of the same tasks wait, implementations read
    /// those from the table and publish them first.
    ///
    /// # Errors
    /// Those of [`Publisher::publish`].
    fn publish_new(&self, committed: Committed) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move { self.publish(&committed.keys()).await })
    }

    /// Publishes all that the outbox holds, as far as one call may take; whether it is empty now.
    ///
    /// # Errors
    /// Nothing could be published.
    fn publish_all(&self) -> BoxFuture<'_, Result<bool, BoxError>>;

    /// How many rows are in the outbox, if that is known here.
    fn depth(&self) -> BoxFuture<'_, Option<i64>> {
        Box::pin(std::future::ready(None))
    }

    /// Whether events and jobs can be handed over right now.
    fn check(&self) -> BoxFuture<'_, PublisherHealth>;
}

/// How the two ways out are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublisherHealth {
    /// Events can be published.
    pub events: bool,
    /// Jobs can be registered.
    pub jobs: bool,
}

/// Publishes single events at once. Dead letters leave this way; every other event goes through the outbox.
pub trait Broker: Send + Sync {
    /// Publishes an event, in the structured JSON form of `CloudEvents`, under this partition key.
    ///
    /// # Errors
    /// It is not known to have arrived.
    fn send<'a>(&'a self, topic: Topic, key: &'a str, event: &'a str) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Reads the dead letters that the database keeps.
pub trait DeadLetters: Send + Sync {
    /// The oldest ones, at most `limit`, and how many there are in all. Each is an event in the structured JSON form of `CloudEvents`, with
    /// [`CONSUMER`], [`ATTEMPTS`] and [`LAST_ERROR`] as extensions, as it is in the topic `dead-letters`.
    ///
    /// # Errors
    /// They cannot be read right now.
    fn oldest(&self, limit: i64) -> BoxFuture<'_, Result<(Vec<Value>, i64), BoxError>>;

    /// The one of this consumer with this source and id, as [`DeadLetters::oldest`] shows it.
    ///
    /// # Errors
    /// It cannot be read right now.
    fn find<'a>(&'a self, consumer: &'a str, source: &'a str, id: &'a str) -> BoxFuture<'a, Result<Option<Value>, BoxError>>;

    /// Forgets one that its consumer has taken after all; none is fine.
    ///
    /// # Errors
    /// It may still be there. Taking it once more does no harm.
    fn taken<'a>(&'a self, consumer: &'a str, source: &'a str, id: &'a str) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// The extension of a dead letter that names who could not take it.
pub const CONSUMER: &str = "consumer";
/// The extension of a dead letter that says how often it was tried.
pub const ATTEMPTS: &str = "attempts";
/// The extension of a dead letter that says what went wrong the last time.
pub const LAST_ERROR: &str = "lasterror";

/// The scheduler of jobs, as the one who watches over it needs it. Reminders register their jobs through the outbox.
pub trait Scheduler: Send + Sync {
    /// Whether it has a job of this name.
    ///
    /// # Errors
    /// It cannot be asked right now.
    fn has_job<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, BoxError>>;

    /// Has a job called every so often, instead of any of the same name.
    ///
    /// # Errors
    /// It is not known to be registered.
    fn repeat_job<'a>(&'a self, name: &'a str, every: Duration) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Calls other functions: in process, or by their URLs.
pub trait Functions: Send + Sync {
    /// Calls a function; what goes wrong on the way is a 502, 503 or 504 problem.
    fn call(&self, function: &Route, request: Request) -> BoxFuture<'_, Response>;

    /// How long ago a function last answered a call from here; `None` if it never did. What runs in this process is there at once.
    fn answered_ago(&self, _: &Route) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    /// How many WebSockets lead through here, if that is known: while there is none, nobody has to be woken for what is only shown live.
    fn sockets(&self) -> Option<usize> {
        None
    }
}

/// Keeps JSON values of at most some hundred kilobytes under keys, with optimistic concurrency.
///
/// A value goes in and out as the text that it is: it is read by whoever knows what it means, and nobody on the way reads and writes it anew.
pub trait State: Send + Sync {
    /// The value, if there is one.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    fn get<'a>(&'a self, key: &'a str) -> StateFuture<'a, Option<Stored>>;

    /// Writes the value, JSON, if the `ETag` is still that one, or, with `None`, if there is no value yet. It is gone after `ttl`.
    ///
    /// # Errors
    /// [`StateError::Stale`] if somebody else wrote it meanwhile, or this call did and its answer was lost on the way; [`StateError::Unavailable`].
    fn set<'a>(&'a self, key: &'a str, value: &'a str, etag: Option<&'a str>, ttl: Option<Duration>) -> StateFuture<'a, ()>;

    /// Deletes the value; none is fine.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    fn delete<'a>(&'a self, key: &'a str) -> StateFuture<'a, ()>;

    /// Whether it answers right now.
    fn check(&self) -> BoxFuture<'_, bool>;
}

/// What [`State`] answers.
pub type StateFuture<'a, T> = BoxFuture<'a, Result<T, StateError>>;

/// A value of [`State`], as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// JSON.
    pub value: String,
    /// What the value is known by until it is written again.
    pub etag: String,
}

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Somebody else wrote it meanwhile.
    #[error("the value was changed meanwhile")]
    Stale,
    /// The state store is away.
    #[error("the state store is not available")]
    Unavailable(#[source] BoxError),
}

/// The ports of a function that stands alone, with nothing but its database: what it announces waits in the outbox for
/// `publish-events`; it calls nobody and keeps no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

/// What [`Alone`] answers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this function stands alone: what it announces waits in the outbox")]
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
