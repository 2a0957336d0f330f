//! Deliveries of events to the functions that consume them, in one process and behind Dapr.
//!
//! The contract of a delivery:
//! 1. Each consumer of an event gets it at least once. Its inbox makes a repeated delivery harmless.
//! 2. The deliveries of one task to one consumer are made one at a time, in order, until one fails; a retried event may arrive late.
//! 3. [`Dispatcher::hand_over`] calls all consumers of an event at once. If all of them take it within [`PATIENCE`], nothing is written.
//! 4. The delivery of a consumer that has not taken it by then becomes a row of `deliveries`. A call in progress goes on.
//! 5. A row is delivered until its consumer takes it. Pauses between attempts double, up to 30 s.
//! 6. After [`ATTEMPTS_MAX`](function::call::ATTEMPTS_MAX) failed attempts, or one final refusal, the row becomes a dead letter, which is kept
//!    and published to `dead-letters`. An unavailable consumer (503, 429, no connection) uses up no attempt for a day.
//! 7. A consumer that fails for several tasks in a row gets one delivery at a time, with growing pauses, until it takes one. No other
//!    consumer notices.
//! 8. If the database is unavailable, `hand_over` waits. Its caller does not acknowledge the record.
//! 9. Live updates (`task-updates`) are delivered once and never kept.
//! 10. Nothing polls: rows are read when the program starts, three times in its first ten minutes, and after that only if more of them wait than
//!     fit into memory.

mod dispatcher;
mod lane;
mod letters;

pub use dispatcher::{Arrival, Dispatcher, PATIENCE, Start};
pub use letters::Letters;
