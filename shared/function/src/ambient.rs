//! The machine's clock and random ids: the only place that reads them.

use domain::Timestamp;
use domain::ambient::{Clock, Ids};
use uuid::Uuid;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the port to the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now_from(jiff::Timestamp::now())
    }
}

/// Generates `UUIDv7` from the machine's clock and random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the port to the machine's random numbers")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
