//! The program of housekeeping, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(housekeeping::function())
}
