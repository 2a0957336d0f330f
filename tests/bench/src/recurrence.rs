//! Time from the completion of a recurring task until its next occurrence is readable.
//!
//! Each task has its own tag, which the occurrence inherits. The clock starts when the completion is sent, and stops with the first answer of
//! `GET /api/tasks?tags=…&status=pending` that has a task. The request is repeated a millisecond after each empty answer, so a figure is at most one
//! such call and a millisecond too high.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Call, Client};
use crate::load::Figures;
use crate::world::World;
use crate::{BoxError, report, work};

const ROWS: u32 = 10_000;
const COMPLETIONS: u32 = 300;
const WARM_UP: u32 = 20;
const POLL: Duration = Duration::from_millis(1);

pub(crate) async fn run() -> Result<(), BoxError> {
    let world = World::new(ROWS).await?;
    let taskflow = world.taskflow().await?;
    report::setting(&format!("Completion sent → next occurrence in a list, asked for every millisecond; {}", world.setting().await?));
    report::head(&["completions", "at once", "tasks", "p50", "p99", "max"]);
    for at_once in [1, 16] {
        let mut workers = Vec::new();
        for worker in 0..at_once {
            workers.push(tokio::spawn(completions(taskflow.address, format!("w{at_once}-{worker}"), COMPLETIONS / at_once)));
        }
        let mut times = Vec::new();
        for worker in workers {
            times.extend(worker.await??);
        }
        let figures = Figures::of(times)?;
        let [p50, p99, max] = figures.cells();
        report::row(&[figures.count().to_string(), at_once.to_string(), ROWS.to_string(), p50, p99, max]);
    }
    report::end();
    drop(taskflow);
    world.stop().await
}

async fn completions(address: SocketAddr, name: String, count: u32) -> Result<Vec<Duration>, BoxError> {
    let (mut client, mut reader) = (Client::connect(address).await?, Client::connect(address).await?);
    let mut times = Vec::new();
    for number in 0..WARM_UP + count {
        let tag = format!("{name}-{number}");
        let task = json!({ "title": "Water the plants", "due_date": "2026-01-01T09:00:00Z", "recurrence": "daily", "tags": [&tag] });
        let id = work::id_of(&client.call(work::create(&task)).await?).ok_or("a task without an id")?;
        let begin = Instant::now();
        let completing = client.call(work::complete(id));
        let reading = async {
            loop {
                let tasks = reader.call(Call::get(format!("/api/tasks?tags={tag}&status=pending"))).await?;
                let tasks: Value = serde_json::from_slice(&tasks)?;
                if tasks.as_array().is_some_and(|tasks| tasks.iter().any(|task| task["parent_task_id"] == id)) {
                    return Ok::<_, BoxError>(begin.elapsed());
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let (completed, time) = tokio::join!(completing, tokio::time::timeout(Duration::from_secs(30), reading));
        completed?;
        if number >= WARM_UP {
            times.push(time??);
        }
    }
    Ok(times)
}
