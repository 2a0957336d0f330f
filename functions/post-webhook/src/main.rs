//! The program of post-webhook, on hyper at `$PORT`.

fn main() -> std::process::ExitCode {
    sidecar::main(post_webhook::function())
}
