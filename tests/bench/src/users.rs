//! Many connections: first one call per second each, then full speed.

use std::time::Duration;

use crate::load::{self, Figures, Plan};
use crate::world::World;
use crate::{BoxError, report, work};

const ROWS: u32 = 10_000;
const PACED_SECONDS: u64 = 30;
const FULL_SECONDS: u64 = 10;

pub(crate) async fn run(connections: u32) -> Result<(), BoxError> {
    let world = World::new(ROWS).await?;
    let (taskflow, floor) = (world.taskflow().await?, world.floor().await?);
    report::setting(&format!(
        "Users: of ten calls 4 get, 2 list (50 tasks), 2 search, 1 creates, 1 completes; at a pace, times count from when a call was due; {}",
        world.setting().await?
    ));
    report::head(&["load", "seconds", "tasks", "connections", "per second", "floor", "ratio", "p50", "p99", "max", "errors"]);
    let row = |load: &str, seconds: u64, ours: &Figures, floor: Option<&Figures>| {
        let [p50, p99, max] = ours.cells();
        let floor_rate = floor.map_or(String::new(), |floor| format!("{:.0}", floor.per_second()));
        let ratio = floor.map_or(String::new(), |floor| report::ratio(ours.per_second(), floor.per_second()));
        let errors =
            floor.filter(|floor| floor.errors > 0).map_or(ours.errors(), |floor| format!("{}; floor {}", ours.errors(), floor.errors()));
        let [seconds, connections] = [seconds.to_string(), connections.to_string()];
        let rate = format!("{:.0}", ours.per_second());
        report::row(&[load.into(), seconds, ROWS.to_string(), connections, rate, floor_rate, ratio, p50, p99, max, errors]);
    };
    let second = Duration::from_secs(1);
    let paced = Plan { connections, warm_up: 5 * second, lasting: second * u32::try_from(PACED_SECONDS)?, pace: Some(second) };
    let figures = load::run(taskflow.address, paced, |connection| work::mix(ROWS, connection, false)).await?;
    row("mix, one call per second each", PACED_SECONDS, &figures, None);
    for (kind, figures) in &figures.kinds {
        row(&format!("of these, {kind}"), PACED_SECONDS, figures, None);
    }
    let full = Plan { warm_up: 2 * second, ..Plan::full_speed(connections, FULL_SECONDS) };
    let get = async |address| load::run(address, full, |connection| work::get(ROWS, connection)).await;
    row("get, full speed", FULL_SECONDS, &get(taskflow.address).await?, Some(&get(floor.address).await?));
    let mix = async |address| load::run(address, full, |connection| work::mix(ROWS, connection, false)).await;
    row("mix, full speed", FULL_SECONDS, &mix(taskflow.address).await?, Some(&mix(floor.address).await?));
    report::end();
    drop((taskflow, floor));
    world.stop().await
}
