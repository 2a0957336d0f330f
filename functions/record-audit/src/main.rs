//! The program of record-audit, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(record_audit::function())
}
