//! The program of notify, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(notify::function())
}
