//! The function on its own.

fn main() -> std::process::ExitCode {
    function::host::main(web::function())
}
