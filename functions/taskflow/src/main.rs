//! Taskflow in one process: every function and the gateway, on the embedded PostgreSQL, bus and timers.

fn main() -> std::process::ExitCode {
    embedded::main(taskflow::gateway(), taskflow::functions())
}
