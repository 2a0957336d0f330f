//! The program of snooze-reminder, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(snooze_reminder::function())
}
