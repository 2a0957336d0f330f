//! The program of fire-reminder, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(fire_reminder::function())
}
