//! The program of cancel-reminder, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(cancel_reminder::function())
}
