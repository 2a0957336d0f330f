//! The program of push-reminder, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(push_reminder::function())
}
