//! Searches by kind: whole HTTP calls with the total count. Also prints their plans, which must use the index.

use domain::Timestamp;
use domain::query::{SearchTasks, Today};
use domain::zone::Zone;
use serde_json::{Value, json};

use crate::client::Client;
use crate::load::{self, Plan};
use crate::world::World;
use crate::{BoxError, report, seed, work};

const SECONDS: u64 = 5;
/// From this number of tasks, one connection searches.
const MANY: u32 = 1_000_000;

const KINDS: [(&str, &str); 9] = [
    ("rare word", seed::RARE),
    ("rare prefix", seed::RARE_PREFIX),
    ("rare substring", seed::RARE_PART),
    ("a tenth of the tasks", seed::COMMON),
    ("substring, a tenth", seed::COMMON_PART),
    ("prefix of many words", "pro"),
    ("two characters", "ma"),
    ("two words", "project report"),
    ("no match", seed::MISSING),
];

pub(crate) async fn run(sizes: &[u32]) -> Result<(), BoxError> {
    for &rows in sizes {
        let world = World::new(rows).await?;
        let taskflow = world.taskflow().await?;
        report::setting(&format!("Search, whole HTTP calls, {SECONDS} s each; {}", world.setting().await?));
        report::head(&["search", "query", "hits", "tasks", "connections", "p50", "p99", "max", "per second", "errors"]);
        let connections = if rows < MANY { 16 } else { 1 };
        for (kind, query) in KINDS {
            let body = Client::connect(taskflow.address).await?.call(work::search(query)).await?;
            let hits = &serde_json::from_slice::<Value>(&body)?["total_count"];
            let figures = load::run(taskflow.address, Plan::full_speed(connections, SECONDS), |_| move || work::search(query)).await?;
            let [p50, p99, max] = figures.cells();
            let per_second = format!("{:.0}", figures.per_second());
            let [hits, rows, connections] = [hits.to_string(), rows.to_string(), connections.to_string()];
            report::row(&[kind.into(), query.into(), hits, rows, connections, p50, p99, max, per_second, figures.errors()]);
        }
        report::end();
        plans(&world, rows).await?;
        drop(taskflow);
        world.stop().await?;
    }
    Ok(())
}

/// Prints each plan once, with the kinds of search that use it.
async fn plans(world: &World, rows: u32) -> Result<(), BoxError> {
    let mut plans: Vec<(String, Vec<&str>)> = Vec::new();
    for (kind, query) in KINDS {
        let query: SearchTasks = serde_json::from_value(json!({ "query": query }))?;
        let plan = world.store.explain(&query.checked(&Today { now: Timestamp::EPOCH, zone: Zone::utc() })?).await?;
        match plans.iter_mut().find(|(known, _)| *known == plan) {
            Some((_, kinds)) => kinds.push(kind),
            None => plans.push((plan, vec![kind])),
        }
    }
    for (plan, kinds) in plans {
        report::block(&format!("Plan at {rows} tasks: {}.", kinds.join(", ")), &plan);
    }
    Ok(())
}
