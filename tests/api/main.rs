//! Everything that PRODUCT promises of the API, through HTTP, events and WebSockets, against the one process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod chat;
mod dead_letters;
mod errors;
mod events;
mod mcp;
mod metrics;
mod offline;
mod recurrence;
mod reminders;
mod socket;
mod tasks;
mod traces;
