//! The function on its own.

fn main() -> std::process::ExitCode {
    sidecar::main(web::function())
}
