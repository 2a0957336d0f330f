//! `PostgreSQL`: every query of Taskflow, the unit of work with its outbox and inbox, and the schema.
//!
//! [`Store`] reads. [`Unit`] changes, in one transaction that also writes the resulting events and jobs. No other crate contains SQL.
//! `docs/data-model.md` describes the tables, which `migrations/` creates.
//!
//! To add a column to tasks: write a migration, and extend the list of fields in `tasks.rs`; if a filter reads the column, also `search.rs`.

mod app_passwords;
mod audit;
mod calendars;
mod changes;
mod deliveries;
mod error;
mod export;
mod fold;
mod housekeeping;
mod imports;
mod links;
mod notifications;
mod once;
mod outbox;
mod preferences;
mod refolds;
mod reminders;
mod search;
mod sends;
mod sql;
mod store;
mod subscriptions;
mod tasks;
mod trash;
mod undo;
mod unit;

pub use app_passwords::APP_PASSWORDS_MAX;
pub use audit::NewAuditEntry;
pub use calendars::{RESOURCE_REMINDERS_MAX, RESOURCES_MAX, Resource, Resources, SyncPoint, TOMBSTONE_DAYS};
pub use changes::{Changes, Place, Subject};
pub use deliveries::{DeadLetter, Deliveries, Delivery, End};
pub use error::{Error, found, is_locked};
pub use export::EXPORT_PAGE;
pub use housekeeping::Pruned;
pub use imports::{IMPORTS_MAX, PART, owed_of};
pub use links::LinkKey;
pub use notifications::NOTIFICATIONS_MAX;
pub use once::{Claim, Idempotency};
pub use outbox::{BATCH_MAX, Entry, OutboxBatch, OutboxRow, delete_published};
pub use reminders::{Cause, Due, NewReminder, REMINDERS_MAX};
pub use sends::{Claimed, NewSend, Sending, Settled, send_job};
pub use sql::Time;
pub use store::{IDLE_IN_TRANSACTION_TIMEOUT, Store, connect, migrating, unbroken};
pub use subscriptions::SUBSCRIPTIONS_MAX;
pub use tasks::{TAGS_MAX, TASK_COLUMNS, TagCount};
pub use trash::TRASH_DAYS;
pub use undo::UNDO_DAYS;
pub use unit::{Committed, IfMatch, Unit, Work, begin};
