//! Taskflow in one process: a real PostgreSQL, and the ports of `function` on it: a bus and timers over tables, state in a table,
//! the other functions called in process.
//!
//! Everything survives kill -9: what is under way is in a table before anybody is told of it.

pub mod bus;
mod jobs;
mod keys;
pub mod postgres;
pub mod process;
mod sql;
pub mod state;
pub mod testing;

pub use process::{Mounted, Process, main};
