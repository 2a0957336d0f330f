//! push-reminder on its own, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(push_reminder::function())
}
