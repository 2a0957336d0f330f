//! Taskflow in one process: a real PostgreSQL, and implementations of the ports of `function`: a bus and timers over tables, state in a table,
//! functions called in process.
//!
//! Everything survives kill -9, because pending work is in a table before it is reported.

pub mod bus;
mod jobs;
mod keys;
pub mod postgres;
pub mod process;
mod sql;
pub mod state;
pub mod testing;

pub use process::{Mounted, Process, main};
