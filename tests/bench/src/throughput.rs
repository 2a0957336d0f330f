//! Calls per second at full speed, of Taskflow and of the reference.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::client::Call;
use crate::load::{self, Figures, Plan};
use crate::world::World;
use crate::{BoxError, report, seed, work};

const ROWS: u32 = 10_000;
const WRITE_ROWS: u32 = 50_000;
const CONNECTIONS: u32 = 16;
const SECONDS: u64 = 6;

pub(crate) async fn reads() -> Result<(), BoxError> {
    let world = World::new(ROWS).await?;
    let (taskflow, floor) = (world.taskflow().await?, world.floor().await?);
    head("Reads", &world, &[]).await?;
    let plan = Plan::full_speed(CONNECTIONS, SECONDS);
    let get = async |address| load::run(address, plan, |connection| work::get(ROWS, connection)).await;
    row("get", ROWS, &get(taskflow.address).await?, &get(floor.address).await?, &[])?;
    let list = async |address| load::run(address, plan, |_| work::list).await;
    row("list, 50 tasks", ROWS, &list(taskflow.address).await?, &list(floor.address).await?, &[])?;
    let search = async |address| load::run(address, plan, |_| || work::search(seed::RARE)).await;
    row("search, rare word", ROWS, &search(taskflow.address).await?, &search(floor.address).await?, &[])?;
    report::end();
    drop((taskflow, floor));
    world.stop().await
}

pub(crate) async fn writes() -> Result<(), BoxError> {
    let world = World::new(WRITE_ROWS).await?;
    let pending: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM tasks WHERE status = 'pending' ORDER BY id").fetch_all(world.store.pool()).await?;
    // More than can be completed in the time.
    let (ours, floors) = pending.split_at(pending.len() / 2);
    let (taskflow, floor) = (world.taskflow().await?, world.floor().await?);
    head(
        "Writes; their events go to all consumers meanwhile, and what is left of them then is waited for",
        &world,
        &["events left", "gone after"],
    )
    .await?;
    let plan = Plan::full_speed(CONNECTIONS, SECONDS);
    let create = async |address| load::run(address, plan, |_| new_task).await;
    let (created, left) = (create(taskflow.address).await?, drained(&world).await?);
    row("create", WRITE_ROWS, &created, &create(floor.address).await?, &left)?;
    let (completed, left) = (complete(taskflow.address, plan, ours).await?, drained(&world).await?);
    row("complete", WRITE_ROWS, &completed, &complete(floor.address, plan, floors).await?, &left)?;
    report::end();
    drop((taskflow, floor));
    world.stop().await
}

/// Returns the number of undelivered events (counted per consumer), and how long until there are none.
async fn drained(world: &World) -> Result<[String; 2], BoxError> {
    const LEFT: &str = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM deliveries)";
    let begin = Instant::now();
    let mut first = None;
    loop {
        let left: i64 = sqlx::query_scalar(LEFT).fetch_one(world.store.pool()).await?;
        let first = *first.get_or_insert(left);
        if left == 0 {
            return Ok([first.to_string(), report::ms(begin.elapsed())]);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn new_task() -> Call {
    work::create(&json!({ "title": "Order coffee for the meeting", "tags": ["office"] }))
}

/// Completes these tasks.
async fn complete(address: SocketAddr, plan: Plan, tasks: &[i64]) -> Result<Figures, BoxError> {
    let mut parts = tasks.chunks(tasks.len().div_ceil(usize::try_from(plan.connections)?)).map(<[i64]>::to_vec);
    load::run(address, plan, |_| {
        let mut own = parts.next().unwrap_or_default().into_iter().cycle();
        move || work::complete(own.next().unwrap_or_default())
    })
    .await
}

async fn head(what: &str, world: &World, more: &[&str]) -> Result<(), BoxError> {
    report::setting(&format!("{what}, at full speed, {SECONDS} s each; {}", world.setting().await?));
    report::head(&[&["call", "tasks", "connections", "per second", "floor", "ratio", "p50", "p99", "max", "errors"], more].concat());
    Ok(())
}

/// Prints a row. Fails if the reference had errors, because the ratio would be meaningless.
fn row(call: &str, rows: u32, ours: &Figures, floor: &Figures, more: &[String]) -> Result<(), BoxError> {
    let [p50, p99, max] = ours.cells();
    let (rates, ratio) = ([ours, floor].map(Figures::per_second), report::ratio(ours.per_second(), floor.per_second()));
    let [rate, floor_rate] = rates.map(|rate| format!("{rate:.0}"));
    let cells = [call.into(), rows.to_string(), CONNECTIONS.to_string(), rate, floor_rate, ratio, p50, p99, max, ours.errors()];
    report::row(&[&cells[..], more].concat());
    if floor.errors == 0 { Ok(()) } else { Err(format!("the reference had errors: {}", floor.errors()).into()) }
}
