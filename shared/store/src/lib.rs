//! `PostgreSQL`: every query of Taskflow, the unit of work with its outbox and inbox, and the schema.
//!
//! [`Store`] reads; [`Unit`] changes, in one transaction that also writes the events and the jobs that follow from the
//! change. No other crate knows SQL. `docs/data-model.md` tells of the tables, `migrations/` makes them.
//!
//! To add a column to tasks: a migration, `tasks.rs` (the list of columns, the row, the two statements that
//! write it) and, if it can be searched by, `search.rs`.

mod audit;
mod error;
mod fold;
mod housekeeping;
mod notifications;
mod once;
mod outbox;
mod reminders;
mod search;
mod sql;
mod store;
mod tasks;
mod unit;

pub use audit::NewAuditEntry;
pub use error::Error;
pub use housekeeping::Pruned;
pub use notifications::NOTIFICATIONS_MAX;
pub use once::Idempotency;
pub use outbox::{BATCH_MAX, Entry, OutboxBatch, OutboxRow};
pub use reminders::{Cause, NewReminder, REMINDERS_MAX, StoredReminder};
pub use store::{Store, unbroken};
pub use tasks::{TAGS_MAX, TagCount};
pub use unit::{Committed, IfMatch, Unit, Work, begin};
