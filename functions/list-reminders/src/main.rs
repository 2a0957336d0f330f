//! The program of list-reminders, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(list_reminders::function())
}
