//! gateway on its own, at `$PORT`: in front of the functions, and behind Dapr where the settings name a sidecar.

fn main() -> std::process::ExitCode {
    sidecar::main_of_gateway(|dapr| match dapr {
        Some(dapr) => gateway::behind_dapr(dapr),
        None => gateway::function(),
    })
}
