//! What Taskflow is about, and nothing else: tasks, reminders, recurrence, search terms, events, commands,
//! and the one table of who answers what ([`routes`]).
//!
//! Pure: no I/O, no async, no clock. What a rule needs to know of the world (the time, an id) is an argument.
//!
//! To add a field to a task: [`task`] (the field and its limits), a migration and the queries in `store`,
//! then `just contract`, which writes the documents in `tests/contract` anew.

pub mod ambient;
pub mod audit;
pub mod change;
pub mod characters;
pub mod chat;
pub mod command;
pub mod event;
pub mod invalid;
pub mod moment;
pub mod notification;
pub mod offset;
pub mod page;
pub mod preferences;
pub mod push;
pub mod query;
pub mod recurrence;
pub mod reminder;
pub mod resource;
pub mod routes;
pub mod schedule;
pub mod schema;
pub mod task;
mod text;
pub mod time;
pub mod transfer;
pub mod zone;

pub use change::ChangeId;
pub use invalid::{FieldError, Invalid};
pub use moment::{Day, Moment};
pub use notification::Notification;
pub use offset::ReminderOffset;
pub use page::Page;
pub use reminder::Reminder;
pub use resource::Resource;
pub use task::Task;
pub use time::Timestamp;

/// The only user there is. Taskflow is single-user; the column is there so that this can change without a migration of data.
pub const USER_ID: i64 = 1;
