//! The program of bulk-tasks, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(bulk_tasks::function())
}
