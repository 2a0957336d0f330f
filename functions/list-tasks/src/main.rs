//! The program of list-tasks, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(list_tasks::function())
}
