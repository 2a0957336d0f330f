//! Tests of the store on a real `PostgreSQL`. Every query runs here.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test fails by panicking")]

mod audit;
mod database;
mod fixtures;
mod housekeeping;
mod lists;
mod locks;
mod notifications;
mod once;
mod outbox;
mod releases;
mod reminders;
mod repairs;
mod search;
mod tags;
mod tasks;
mod upgrade;
