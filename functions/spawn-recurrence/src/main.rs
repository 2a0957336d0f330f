//! The program of spawn-recurrence, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(spawn_recurrence::function())
}
