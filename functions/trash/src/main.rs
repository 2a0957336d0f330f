//! The program of trash, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(trash::function())
}
