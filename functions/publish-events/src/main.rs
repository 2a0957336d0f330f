//! publish-events on its own: on AWS Lambda, or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(publish_events::function())
}
