//! The domain of Taskflow: tasks, reminders, recurrence, search terms, events, commands, and the table of functions ([`routes`]).
//!
//! This crate is pure: no I/O, no async, no clock. Rules take the time and new ids as arguments.
//!
//! CONTRIBUTING.md lists the files to edit for a new field of a task.

pub mod ambient;
pub mod app_password;
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

/// Id of the only user. Taskflow has one user; the column allows more without a migration of data.
pub const USER_ID: i64 = 1;
