//! The whole user story on real PostgreSQL, Kafka, Dapr scheduler and daprd, a process for each function.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod assistant;
mod bad;
mod dead_letters;
mod ports;
mod reach;
mod secrets;
mod story;
mod trace;

use tempfile::TempDir;
use tests::stack::{Options, Stack};

/// A stack of its own, and the folder that it is in.
async fn stack(options: Options) -> (TempDir, Stack) {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(folder.path(), &options).await;
    (folder, stack)
}
