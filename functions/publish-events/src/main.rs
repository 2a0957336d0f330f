//! The program of publish-events, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(publish_events::function())
}
