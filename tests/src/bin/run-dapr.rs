//! `just run-dapr`: runs the cluster's deployment on this machine until Ctrl-C. See `tests::stack`.
//!
//! `PORT` is the gateway's port (8080), `TASKFLOW_DATA_DIR` the folder of data and logs, `TASKFLOW_EVENTS` selects bindings or pubsub, and
//! `TASKFLOW_INVOKE=dapr` calls functions through Dapr service invocation.
//!
//! Under `dapr run -f .` a sidecar and a scheduler exist already. `DAPR_GRPC_PORT` names the sidecar, `APP_PORT` is the port for its calls,
//! `APP_API_TOKEN` its token, and `DATABASE_URL` a database. Only Taskflow's own processes are started then.
#![expect(clippy::panic, reason = "it ends by panicking, which stops everything it has started")]

use std::path::{Path, PathBuf};

use domain::ambient::Ids;
use function::ambient::RandomIds;
use tests::stack::{Options, Own, Ports, Stack};

#[tokio::main]
async fn main() {
    let port = port("PORT", 8080);
    let folder = variable("TASKFLOW_DATA_DIR").map_or_else(|| PathBuf::from("target/run-dapr"), PathBuf::from);
    let options = Options {
        port,
        pubsub: variable("TASKFLOW_EVENTS").is_some_and(|events| events == "pubsub"),
        invocation: variable("TASKFLOW_INVOKE").is_some_and(|invoke| invoke == "dapr"),
        app_token: variable("APP_API_TOKEN"),
        ..Options::default()
    };
    eprintln!("the logs of all processes are in {}", folder.display());
    match variable("DAPR_GRPC_PORT") {
        Some(grpc) => beside_dapr(&folder, &options, &grpc).await,
        None => with_all_parts(&folder, &options).await,
    }
}

fn port(name: &str, default: u16) -> u16 {
    variable(name).map_or(default, |port| port.parse().unwrap_or_else(|_| panic!("{name}: not a port")))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn with_all_parts(folder: &Path, options: &Options) {
    let app_token = options.app_token.clone().unwrap_or_else(|| RandomIds.next().to_string());
    let options = &Options { app_token: Some(app_token), ..options.clone() };
    let mut stop = std::pin::pin!(function::host::stop_signal());
    eprintln!("starting PostgreSQL, Kafka, the scheduler, daprd, the gateway and the functions");
    let stack = tokio::select! {
        stack = Stack::start(folder, options) => stack,
        () = &mut stop => return,
    };
    // For benchmarks.
    let (address, url, process) = (stack.api.address, stack.database_url(), std::process::id());
    let there = format!("export TASKFLOW_ADDRESS='{address}' DATABASE_URL='{url}' TASKFLOW_PID={process}\n");
    let file = folder.join("there.env");
    std::fs::write(&file, there).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    eprintln!("Taskflow is at http://{}", stack.api.address);
    stop.await;
    eprintln!("stopping");
    let _ = std::fs::remove_file(file);
    stack.stop().await;
}

async fn beside_dapr(folder: &Path, options: &Options, grpc: &str) {
    let stop = function::host::stop_signal();
    assert!(options.app_token.is_some(), "APP_API_TOKEN is not set; start with APP_API_TOKEN=$(openssl rand -hex 32) dapr run -f .");
    let database_url = variable("DATABASE_URL").unwrap_or_else(|| panic!("DATABASE_URL: not set"));
    let http = variable("DAPR_HTTP_PORT").and_then(|port| port.parse().ok()).unwrap_or(3500);
    std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    Own::migrate(folder, &database_url);
    let ports = Ports { callers: options.port, sidecar: port("APP_PORT", 8090) };
    let mut own = Own::start(folder, options, ports, (http, &format!("http://127.0.0.1:{grpc}")), &database_url);
    eprintln!("Taskflow is at http://127.0.0.1:{}", options.port);
    stop.await;
    own.stop();
}
