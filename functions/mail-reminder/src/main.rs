//! The program of mail-reminder, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(mail_reminder::function())
}
