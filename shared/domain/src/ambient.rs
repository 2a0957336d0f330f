//! Ports for the clock and for ids. Rules take both as arguments; a lint bans the ambient ones.

use uuid::Uuid;

use crate::time::Timestamp;

/// Reads the time.
pub trait Clock: Send + Sync {
    /// The current time, to the microsecond.
    fn now(&self) -> Timestamp;
}

/// Generates unique ids.
pub trait Ids: Send + Sync {
    /// Returns a new `UUIDv7` (RFC 9562): unique, and ordered by creation time.
    fn next(&self) -> Uuid;
}
