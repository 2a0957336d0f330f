//! publish-events on its own, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(publish_events::function())
}
