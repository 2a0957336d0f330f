//! notify on its own: on AWS Lambda (without WebSockets), or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(notify::function())
}
