//! Capacity of the whole deployment: the highest rate of mixed calls at which callers and consumers keep up, and the cost of a call in each program.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use domain::ambient::Clock;
use function::ambient::SystemClock;
use store::Time;
use tokio::time::Instant;

use crate::load::{self, Figures, Plan};
use crate::world::{Program, World};
use crate::{BoxError, report, work};

const ROWS: u32 = 10_000;
/// Limits of callers and consumers.
const P99_MAX: Duration = Duration::from_millis(50);
const LAG_MAX: Duration = Duration::from_secs(1);
/// Calls per second at the start of the search.
const FIRST: u32 = 100;
const RATE_MAX: u32 = 4_000;
/// The search ends at a rate that is this many percent below a failed one.
const PRECISION_PERCENT: u32 = 5;
const WARM_UP: Duration = Duration::from_secs(3);
const LASTING: Duration = Duration::from_secs(10);
/// How long consumers may take for the backlog after the load.
const DRAIN_MAX: Duration = Duration::from_mins(3);
const DRAIN_LOOK: Duration = Duration::from_millis(500);
/// The rate of the CPU figures, which all programs sustain, and that of the figures under overload.
const CPU_RATE: u32 = 300;
const CPU_LASTING: Duration = Duration::from_secs(30);
const OVERLOAD: u32 = 1_000;
const OVERLOAD_LASTING: Duration = Duration::from_mins(1);
/// The consumer that fails in [`lag`], and for how long.
const SLOW: &str = "spawn-recurrence";
const SLOW_LASTING: Duration = Duration::from_secs(30);
/// Characters of a process's name that the kernel keeps.
const NAME_MAX: usize = 15;

/// Events of this period, and how long after it the last of them was in the audit log.
const LAG: &str = "SELECT coalesce(max(extract(epoch FROM created_at - (event_data->>'time')::timestamptz)), 0)::float8 \
     FROM audit_log WHERE (event_data->>'time')::timestamptz BETWEEN $1 AND $2";
/// Number of events that are not recorded yet.
const LEFT: &str = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM audit_log)";

/// The result of a load.
struct Step {
    rate: u32,
    figures: Figures,
    lag: Duration,
}

impl Step {
    fn is_met(&self) -> bool {
        self.figures.errors == 0 && self.figures.quantile(0.99) <= P99_MAX && self.lag <= LAG_MAX
    }

    fn cells(&self) -> [String; 7] {
        let [p50, p99, max] = self.figures.cells();
        let verdict = if self.is_met() { "yes" } else { "no" };
        [self.rate.to_string(), p50, p99, max, report::ms(self.lag), self.figures.errors(), verdict.to_owned()]
    }
}

/// Finds the capacity by bisection, then measures an overload.
pub(crate) async fn capacity() -> Result<(), BoxError> {
    let world = World::new(ROWS).await?;
    let taskflow = world.taskflow().await?;
    report::setting(&format!(
        "Capacity: the mixed work at a pace for {} s each, with p99 within {} ms and all consumers within {} s; {}",
        LASTING.as_secs(),
        P99_MAX.as_millis(),
        LAG_MAX.as_secs(),
        world.setting().await?
    ));
    report::head(&["calls per second", "p50", "p99", "max", "lag of the audit log", "errors", "kept"]);
    let (mut best, mut failed) = (0, None);
    let mut rate = FIRST;
    while rate <= RATE_MAX {
        let step = step(&world, &taskflow, rate, LASTING, false).await?;
        report::row(&step.cells());
        if step.is_met() {
            best = rate;
        } else {
            failed = Some(rate);
        }
        rate = match failed {
            None => rate * 2,
            Some(failed) if (failed - best) * 100 <= failed * PRECISION_PERCENT => break,
            Some(failed) => best.midpoint(failed),
        };
    }
    report::row(&step(&world, &taskflow, OVERLOAD, OVERLOAD_LASTING, false).await?.cells());
    report::end();
    report::block("capacity", &format!("{best} calls a second, {} of them changes", best / 5));
    drop(taskflow);
    world.stop().await
}

/// Measures the cost of a call in each program, at a rate that all of them sustain.
pub(crate) async fn cpu() -> Result<(), BoxError> {
    let world = World::new(ROWS).await?;
    let taskflow = world.taskflow().await?;
    let root = root_of(&taskflow)?;
    let postgres = std::process::id();
    report::setting(&format!("CPU at {CPU_RATE} calls a second of the mixed work, a fifth of them changes; {}", world.setting().await?));
    // Opens the connections and prepares the plans.
    let _ = paced(&taskflow, CPU_RATE, LASTING, false).await?;
    let before = used(&[root, postgres])?;
    let figures = paced(&taskflow, CPU_RATE, CPU_LASTING, false).await?;
    drained(&world).await?;
    let after = used(&[root, postgres])?;
    let calls = f64::from(u32::try_from(figures.count())?);
    report::head(&["program", "cores", "ms a call", "ms a change"]);
    let mut all = 0.0;
    for (name, seconds) in &after {
        let seconds = seconds - before.get(name).unwrap_or(&0.0);
        if name == "bench" || seconds < 0.01 {
            continue;
        }
        all += seconds;
        cpu_row(name, seconds, calls);
    }
    cpu_row("all", all, calls);
    report::end();
    drop(taskflow);
    world.stop().await
}

/// Measures the lag of the audit log while another consumer works, hangs, and has no process. In one process, a function cannot hang alone.
pub(crate) async fn lag() -> Result<(), BoxError> {
    let world = World::new(ROWS).await?;
    let taskflow = world.taskflow().await?;
    let name = &SLOW[..NAME_MAX.min(SLOW.len())];
    let slow = processes(&[root_of(&taskflow)?])?.into_iter().find(|process| process.name == name);
    let slow = slow.ok_or("no process of its own for spawn-recurrence; run `just bench-dapr lag`")?.id.to_string();
    let signal = |name: &str| std::process::Command::new("kill").args(["-s", name, &slow]).status();
    report::setting(&format!(
        "Lag: the mixed work for {} s each, one of five new tasks recurs; {}",
        SLOW_LASTING.as_secs(),
        world.setting().await?
    ));
    report::head(&["spawn-recurrence", "calls per second", "p50", "p99", "max", "lag of the audit log", "errors", "deliveries that wait"]);
    for (state, before, after) in [("works", None, None), ("hangs", Some("STOP"), Some("CONT")), ("is gone", Some("KILL"), None)] {
        before.map(signal).transpose()?;
        for rate in [CPU_RATE, OVERLOAD] {
            let step = step(&world, &taskflow, rate, SLOW_LASTING, true).await?;
            let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM deliveries").fetch_one(world.store.pool()).await?;
            let [rate, p50, p99, max, lag, errors, _] = step.cells();
            report::row(&[state.to_owned(), rate, p50, p99, max, lag, errors, waiting.to_string()]);
        }
        after.map(signal).transpose()?;
        drained(&world).await?;
    }
    report::end();
    drop(taskflow);
    world.stop().await
}

/// Returns the process that has started all the others.
fn root_of(taskflow: &Program) -> Result<u32, BoxError> {
    let root = taskflow.id().or_else(|| std::env::var("TASKFLOW_PID").ok()?.parse().ok());
    root.ok_or_else(|| "TASKFLOW_PID: the process that has started all the others".into())
}

fn cpu_row(name: &str, seconds: f64, calls: f64) {
    let cores = seconds / CPU_LASTING.as_secs_f64();
    let ms = seconds * 1_000.0 / calls;
    report::row(&[name.to_owned(), format!("{cores:.2}"), format!("{ms:.2}"), format!("{:.2}", ms * 5.0)]);
}

async fn step(world: &World, taskflow: &Program, rate: u32, lasting: Duration, recurs: bool) -> Result<Step, BoxError> {
    let begin = SystemClock.now().after(WARM_UP);
    let figures = paced(taskflow, rate, lasting, recurs).await?;
    let end = SystemClock.now();
    drained(world).await?;
    let lag: f64 = sqlx::query_scalar(LAG).bind(Time(begin)).bind(Time(end)).fetch_one(world.store.pool()).await?;
    Ok(Step { rate, figures, lag: Duration::from_secs_f64(lag.max(0.0)) })
}

/// One connection per call per second: each is a user who calls once per second. `recurs`: whether some new tasks recur.
async fn paced(taskflow: &Program, rate: u32, lasting: Duration, recurs: bool) -> Result<Figures, BoxError> {
    let plan = Plan { connections: rate, warm_up: WARM_UP, lasting, pace: Some(Duration::from_secs(1)) };
    load::run(taskflow.address, plan, |connection| work::mix(ROWS, connection, recurs)).await
}

/// Waits until the consumers have no backlog.
async fn drained(world: &World) -> Result<(), BoxError> {
    let begin = Instant::now();
    let (mut last, mut same) = (-1, 0);
    // Only the consumers see Kafka's records, so no change for two seconds counts as the end.
    while same < 4 {
        if begin.elapsed() > DRAIN_MAX {
            return Err("the consumers still had a backlog after the time limit".into());
        }
        tokio::time::sleep(DRAIN_LOOK).await;
        let left: i64 = sqlx::query_scalar(LEFT).fetch_one(world.store.pool()).await?;
        same = if left == last { same + 1 } else { 0 };
        last = left;
    }
    Ok(())
}

/// A process, with the CPU seconds that it has used.
struct Process {
    id: u32,
    name: String,
    seconds: f64,
}

/// Returns the CPU seconds of these processes and their descendants, by program.
fn used(roots: &[u32]) -> Result<BTreeMap<String, f64>, BoxError> {
    let mut sums = BTreeMap::new();
    for Process { name, seconds, .. } in processes(roots)? {
        *sums.entry(name).or_insert(0.0) += seconds;
    }
    Ok(sums)
}

/// Returns these processes and their descendants.
fn processes(roots: &[u32]) -> Result<Vec<Process>, BoxError> {
    const TICKS_A_SECOND: f64 = 100.0;
    let mut parents = BTreeMap::new();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end meanwhile.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((name, fields)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else { continue };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |place: usize| fields.get(place).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
        parents.insert(id, field(1));
        found.push(Process { id, name: name.to_owned(), seconds: f64::from(field(11) + field(12)) / TICKS_A_SECOND });
    }
    let is_below = |mut id: u32| {
        while let Some(parent) = parents.get(&id) {
            if roots.contains(&id) {
                return true;
            }
            id = *parent;
        }
        false
    };
    Ok(found.into_iter().filter(|process| is_below(process.id)).collect())
}
