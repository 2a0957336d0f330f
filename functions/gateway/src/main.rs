//! The gateway as a program, at `$PORT`: in front of the functions, and behind Dapr if a sidecar is configured.

fn main() -> std::process::ExitCode {
    sidecar::main_of_gateway(|dapr| match dapr {
        Some(dapr) => gateway::behind_dapr(dapr),
        None => gateway::function(),
    })
}
