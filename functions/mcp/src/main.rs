//! The program of mcp, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(mcp::function())
}
