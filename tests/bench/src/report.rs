//! Output: the setting, and tables.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

use std::fs;
use std::time::Duration;

/// Prints machine and build, above a run's tables.
pub(crate) fn setting(of: &str) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = of_file("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = of_file("/proc/meminfo", "MemTotal").unwrap_or_default();
    let build = if cfg!(debug_assertions) { "DEBUG: figures mean nothing" } else { "release" };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    println!("\n{of}. {cores} cores ({model}), {memory} of memory; load {load} before it began; client: {build} build.\n");
}

fn of_file(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Prints the head of a table.
pub(crate) fn head(columns: &[&str]) {
    println!("| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

/// Prints a row of a table.
pub(crate) fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// Ends a table.
pub(crate) fn end() {
    println!();
}

/// Prints text as it is, under a title.
pub(crate) fn block(title: &str, text: &str) {
    println!("{title}\n\n```text\n{}\n```\n", text.trim_end());
}

/// Reports the progress of a long preparation.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// Reports why there are no figures.
pub(crate) fn complain(error: &dyn std::fmt::Display) {
    eprintln!("bench: {error}");
}

/// Milliseconds, with three significant digits.
pub(crate) fn ms(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1_000.0;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// A ratio to the reference.
pub(crate) fn ratio(ours: f64, floor: f64) -> String {
    format!("{:.2}", ours / floor)
}
