//! Everything that the API promises, through HTTP, events and WebSockets, in one process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod all_day;
mod calendars;
mod chat;
mod cloud_events;
mod consumers;
mod dead_letters;
mod doors;
mod errors;
mod events;
mod housekeeping;
mod http;
mod locks;
mod mail;
mod mcp;
mod metrics;
mod occurrences;
mod offline;
mod push;
mod raw;
mod recurrence;
mod reminders;
mod snooze;
mod socket;
mod tasks;
mod traces;
mod transfer;
mod trash;
mod upgrade;
mod webhook;
