//! The program of search-tasks, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(search_tasks::function())
}
