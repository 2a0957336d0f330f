//! The program of schedule-reminder, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(schedule_reminder::function())
}
