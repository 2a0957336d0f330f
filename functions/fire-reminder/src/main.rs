//! fire-reminder on its own, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(fire_reminder::function())
}
