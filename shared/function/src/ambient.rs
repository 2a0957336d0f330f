//! The real clock and the real ids: the one place that takes them from the machine.

use domain::Timestamp;
use domain::ambient::{Clock, Ids};
use uuid::Uuid;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port to the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now_from(jiff::Timestamp::now())
    }
}

/// `UUIDv7` from the machine's clock and random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the port to the machine's randomness")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
