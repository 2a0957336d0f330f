//! The function as a program.

fn main() -> std::process::ExitCode {
    sidecar::main(web::function())
}
