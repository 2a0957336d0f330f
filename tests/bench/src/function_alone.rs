//! One function as a program: start to first answer, idle memory, and size.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::client::{Call, Client};
use crate::load::Figures;
use crate::world::{World, program};
use crate::{BoxError, report};

const STARTS: usize = 50;
const DEFAULT: &str = "complete-task";

/// A call that is refused before the database is queried, and one that queries it.
const CALLS: [(&str, &str, StatusCode); 2] = [
    ("no query", "/api/tasks/x/complete", StatusCode::BAD_REQUEST),
    ("a query", "/api/tasks/9223372036854775807/complete", StatusCode::NOT_FOUND),
];

pub(crate) async fn run(names: &[String]) -> Result<(), BoxError> {
    let world = World::new(0).await?;
    report::setting(&format!("One function, {STARTS} starts: from exec to the first answer's last byte; {}", world.setting().await?));
    report::head(&["function", "first answer", "p50", "p99", "max", "memory then", "binary"]);
    let names = if names.is_empty() { vec![DEFAULT.to_owned()] } else { names.to_vec() };
    for name in names {
        let path = program(&name)?;
        let size = format!("{:.1} MB", megabytes(fs::metadata(&path)?.len()));
        for (what, call, expects) in CALLS {
            let (times, memory) = starts(&world, &path, &Call::post(call, "").expecting(expects)).await?;
            let [p50, p99, max] = Figures::of(times)?.cells();
            report::row(&[name.clone(), what.into(), p50, p99, max, format!("{memory:.1} MB"), size.clone()]);
        }
    }
    report::end();
    world.stop().await
}

async fn starts(world: &World, path: &Path, call: &Call) -> Result<(Vec<Duration>, f64), BoxError> {
    let (mut times, mut memory) = (Vec::new(), 0.0_f64);
    // The first start reads the file from the disk.
    for number in 0..=STARTS {
        let begin = Instant::now();
        let program = world.start(path, [] as [&OsStr; 0]).await?;
        Client::connect(program.address).await?.call(call.clone()).await?;
        if number > 0 {
            times.push(begin.elapsed());
        }
        if number == STARTS {
            tokio::time::sleep(Duration::from_secs(1)).await;
            memory = resident(program.id().ok_or("no process of ours")?)?;
        }
    }
    Ok((times, memory))
}

/// Resident memory of a process, in MB.
fn resident(process: u32) -> Result<f64, BoxError> {
    memory(process, "VmRSS:")
}

/// Returns a memory figure of a process in MB: `VmRSS:`, or `VmHWM:` for the peak.
pub(crate) fn memory(process: u32, name: &str) -> Result<f64, BoxError> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(megabytes(kilobytes.ok_or("no such figure of memory")? * 1024))
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX)) / 1_000.0
}
