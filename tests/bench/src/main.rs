//! Benchmarks of Taskflow. Prints Markdown tables, with the environment of the measurement.
//!
//! ```text
//! bench search [rows…]        searches by kind, and their plans                10,000 and 1,000,000 tasks
//! bench tags [rows]           the list of tags, 20 per task                    100,000 tasks
//! bench reads                 get, list, search at full speed; the reference
//! bench writes                create, complete at full speed; the reference
//! bench recurrence            completion → next occurrence readable
//! bench reminder              lateness
//! bench chat                  a chat turn, without the model                   10,000 tasks
//! bench users [connections]   one call per second each; then full speed        1,000 connections
//! bench capacity              highest rate within the limits of p99 and lag
//! bench cpu                   CPU of each program at 300 calls per second
//! bench lag                   lag of the consumers while one of them hangs or is gone
//! bench awake                 cost of waking consumers ahead, simulated
//! bench import [tasks]         a file of tasks: time, peak memory               50,000 tasks
//! bench function [name…]      start to first answer, idle memory, size         complete-task
//! ```
//!
//! The program under test is the release binary in a process of its own. It is beside this one or beside `TASKFLOW_BIN`, and uses a new database in a
//! temporary folder. The reference (`floor`) is a bare hyper server with one query of the same kind, also in a process of its own, on the same
//! database. This process generates the load, so all three share the machine.

mod awake;
mod capacity;
mod chat;
mod client;
mod floor;
mod function_alone;
mod import;
mod load;
mod recurrence;
mod reminder;
mod report;
mod search;
mod seed;
mod tags;
mod throughput;
mod users;
mod work;
mod world;

use std::process::ExitCode;

/// Any error; a benchmark reports it and ends.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "bench search [rows…] | tags [rows] | reads | writes | recurrence | reminder | chat | users [connections] | capacity | cpu | lag | awake | import [tasks] | function [name…]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let run = || tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&arguments));
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), BoxError> {
    let Some((command, rest)) = arguments.split_first() else { return Err(USAGE.into()) };
    match command.as_str() {
        "search" => search::run(&numbers(rest, &[10_000, 1_000_000])?).await,
        "tags" => tags::run(numbers(rest, &[100_000])?.first().copied().unwrap_or(1)).await,
        "reads" => throughput::reads().await,
        "writes" => throughput::writes().await,
        "recurrence" => recurrence::run().await,
        "reminder" => reminder::run().await,
        "chat" => chat::run().await,
        "users" => users::run(numbers(rest, &[1_000])?.first().copied().unwrap_or(1)).await,
        "capacity" => capacity::capacity().await,
        "cpu" => capacity::cpu().await,
        "lag" => capacity::lag().await,
        "awake" => awake::run(),
        "import" => import::run(numbers(rest, &[50_000])?.first().copied().unwrap_or(1)).await,
        "function" => function_alone::run(rest).await,
        floor::COMMAND => floor::serve().await,
        _ => Err(USAGE.into()),
    }
}

fn numbers(arguments: &[String], default: &[u32]) -> Result<Vec<u32>, BoxError> {
    if arguments.is_empty() {
        return Ok(default.to_vec());
    }
    arguments.iter().map(|text| text.parse().map_err(|_| format!("not a number: {text}; {USAGE}").into())).collect()
}
