//! mcp as a program, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(mcp::function())
}
