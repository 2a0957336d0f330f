//! Deliveries of events to the functions that consume them, both in one process and behind Dapr.
//!
//! The contract of a delivery:
//! 1. Each consumer of an event gets it at least once. Its inbox makes a repeated delivery harmless.
//! 2. The deliveries of one task to one consumer are made one at a time, in order, until one fails. A retried event may arrive late.
//! 3. [`Dispatcher::hand_over`] calls all consumers of an event at once. If all of them accept it within [`PATIENCE`], nothing is written.
//! 4. If a consumer has not accepted it by then, its delivery becomes a row of `deliveries`. A call in progress continues.
//! 5. A row is delivered until its consumer accepts it. Pauses between attempts double, up to 30 s.
//! 6. After [`ATTEMPTS_MAX`](function::call::ATTEMPTS_MAX) failed attempts, or one final refusal, the row becomes a dead letter, which is stored and
//!    published to `dead-letters`. For a day, an unavailable consumer (503, 429, no connection) uses up no attempt.
//! 7. A consumer that fails for several tasks in a row gets one delivery at a time, with growing pauses, until it accepts one. Other
//!    consumers are not affected.
//! 8. If the database is unavailable, `hand_over` waits, and its caller does not acknowledge the record.
//! 9. Live updates (`task-updates`) are delivered once and never stored.
//! 10. The table is not polled. It is read when the program starts, three times in the first ten minutes, and after that only if more rows wait than
//!     fit into memory.

mod dispatcher;
mod lane;
mod letters;

pub use dispatcher::{Arrival, Dispatcher, PATIENCE, Start};
pub use letters::Letters;
