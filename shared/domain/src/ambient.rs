//! The two things a rule may not take from thin air: the time and fresh ids. A lint bans the ambient ones.

use uuid::Uuid;

use crate::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time, to the microsecond.
    fn now(&self) -> Timestamp;
}

/// Makes ids that nobody else makes.
pub trait Ids: Send + Sync {
    /// A fresh `UUIDv7` (RFC 9562): unique, and sorted by the time it was made.
    fn next(&self) -> Uuid;
}
