//! The program of chat, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(chat::function())
}
