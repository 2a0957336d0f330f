//! The user story on real PostgreSQL, Kafka, Dapr scheduler and daprd, with a process per function.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod assistant;
mod bad;
mod dead_letters;
mod polls;
mod ports;
mod reach;
mod secrets;
mod story;
mod trace;

use tempfile::TempDir;
use tests::stack::{Options, Stack};

/// Starts a stack in its own folder.
async fn stack(options: Options) -> (TempDir, Stack) {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(folder.path(), &options).await;
    (folder, stack)
}
