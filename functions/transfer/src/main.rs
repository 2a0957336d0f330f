//! The program of transfer, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(transfer::function())
}
