//! The cluster's deployment on this machine: real PostgreSQL, Kafka, Dapr scheduler and daprd, the gateway, and a process per function.
//!
//! `DAPRD`, `DAPR_SCHEDULER` and `KAFKA_LIBS` (the folder of Kafka's jars) name the programs, `TASKFLOW_BIN` the folder of Taskflow's binaries; by
//! default, the folder of this program.

mod kafka;
mod process;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::routes;
use embedded::postgres::Postgres;

use crate::{Api, PATIENCE, eventually};

pub use kafka::{Kafka, Record};
pub use process::{Program, Recipe};

/// The token of callers.
pub const API_TOKEN: &str = "stack-api-token";
/// The token that daprd requires.
pub const DAPR_TOKEN: &str = "stack-dapr-token";
/// The token that daprd sends.
pub const APP_TOKEN: &str = "stack-app-token";
/// Connections of each function: the server has 100 for all.
const POOL: &str = "4";
/// How long the scheduler may take to become leader again after SIGKILL, because it waits for the killed one's lease.
const SCHEDULER_MAX: Duration = Duration::from_mins(2);

/// Options of the stack.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Events over pub/sub instead of bindings.
    pub pubsub: bool,
    /// Calls functions through Dapr service invocation instead of directly.
    pub invocation: bool,
    /// Callers and functions need a token.
    pub tokens: bool,
    /// The token that daprd sends, if not [`APP_TOKEN`].
    pub app_token: Option<String>,
    /// The gateway's port; 0 for any.
    pub port: u16,
    /// A folder with additional components.
    pub resources: Option<PathBuf>,
    /// Variables for the gateway and every function.
    pub env: Vec<(String, String)>,
}

impl Options {
    fn app_token(&self) -> &str {
        self.app_token.as_deref().unwrap_or(APP_TOKEN)
    }
}

/// The running stack.
pub struct Stack {
    /// The gateway's API.
    pub api: Api,
    /// Kafka.
    pub kafka: Kafka,
    /// The scheduler of jobs.
    pub scheduler: Program,
    /// The sidecar.
    pub daprd: Program,
    /// The gateway and the functions.
    pub own: Own,
    /// The database.
    pub store: store::Store,
    /// The address of daprd's gRPC.
    pub dapr_grpc: String,
    /// The address for daprd's deliveries.
    pub app_channel: String,
    database_url: String,
    postgres: Option<Postgres>,
    folder: PathBuf,
    dapr_http: u16,
}

/// The gateway's ports.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// To callers.
    pub callers: u16,
    /// To the sidecar.
    pub sidecar: u16,
}

/// Taskflow's own processes.
pub struct Own {
    /// The gateway.
    pub gateway: Program,
    /// Every function, by its name.
    pub functions: BTreeMap<&'static str, Program>,
}

impl Own {
    /// Starts them, with their logs in this folder, beside a sidecar with this HTTP port and gRPC endpoint.
    #[must_use]
    pub fn start(folder: &Path, options: &Options, ports: Ports, sidecar: (u16, &str), database_url: &str) -> Self {
        let bin = binaries();
        let (dapr_http, dapr_grpc) = sidecar;
        let with_settings = |recipe: Recipe| {
            let recipe = recipe.env("TASKFLOW_BIND", "127.0.0.1").env("DAPR_GRPC_ENDPOINT", dapr_grpc);
            let recipe = recipe.env("TASKFLOW_EVENTS", if options.pubsub { "pubsub" } else { "bindings" });
            let recipe = recipe.env("APP_API_TOKEN", options.app_token());
            let recipe =
                if options.tokens { recipe.env("TASKFLOW_API_TOKEN", API_TOKEN).env("DAPR_API_TOKEN", DAPR_TOKEN) } else { recipe };
            options.env.iter().fold(recipe, |recipe, (name, value)| recipe.env(name, value))
        };
        let own_ports: Vec<(&str, u16)> = routes::ALL.iter().map(|route| (route.name, free_port())).collect();
        let url = |(name, port): &(&str, u16)| {
            let own = format!("http://127.0.0.1:{port}");
            let url = if options.invocation { format!("http://127.0.0.1:{dapr_http}/v1.0/invoke/{own}/method") } else { own };
            format!("{name}={url}")
        };
        let urls = own_ports.iter().map(url).collect::<Vec<_>>().join(",");
        let mut functions = BTreeMap::new();
        for (name, port) in own_ports {
            let recipe = Recipe::new(name, &program(&bin, name), folder).env("PORT", port.to_string()).env("TASKFLOW_FUNCTION_URL", &urls);
            let recipe = with_settings(recipe).env("DATABASE_URL", database_url).env("TASKFLOW_DB_POOL", POOL);
            functions.insert(name, recipe.start());
        }
        let gateway = Recipe::new("gateway", &program(&bin, "gateway"), folder);
        let gateway = gateway.env("PORT", ports.callers.to_string()).env("APP_PORT", ports.sidecar.to_string());
        let gateway = gateway.env("DATABASE_URL", database_url);
        let gateway = with_settings(gateway).env("TASKFLOW_FUNCTION_URL", urls).start();
        Self { gateway, functions }
    }

    /// Migrates the database.
    pub fn migrate(folder: &Path, database_url: &str) {
        Recipe::new("migrate", &program(&binaries(), "migrate"), folder).env("DATABASE_URL", database_url).run();
    }

    /// Fails, with the end of the log, unless every process is running.
    pub fn must_run(&mut self) {
        for program in self.functions.values_mut().chain([&mut self.gateway]) {
            program.must_run();
        }
    }

    /// Stops them, the gateway first.
    pub fn stop(&mut self) {
        self.gateway.stop();
        for function in self.functions.values_mut() {
            function.stop();
        }
    }
}

/// Returns the path in a variable that names a program.
#[must_use]
pub fn part(name: &str) -> PathBuf {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    let path = PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: it names a part that this needs, see tests/README.md")));
    assert!(path.exists(), "{name}: {} is not there", path.display());
    path
}

/// Returns a port that was free a moment ago, another one each time. It is below the range of outgoing connections, one of which could take it before
/// the listener does.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(std::process::id().wrapping_mul(64)));
    loop {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Returns the folder of Taskflow's binaries.
#[must_use]
pub fn binaries() -> PathBuf {
    if let Some(folder) = std::env::var_os("TASKFLOW_BIN") {
        return folder.into();
    }
    // A test is in a subfolder of the binaries' folder.
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap();
    if folder.ends_with("deps") { folder.parent().unwrap().to_owned() } else { folder.to_owned() }
}

impl Stack {
    /// Starts everything in this folder, which keeps the data, and waits until it works.
    pub async fn start(folder: &Path, options: &Options) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let folder = folder.canonicalize().unwrap();
        // Programs are looked up before anything starts.
        let (daprd, scheduler) = (part("DAPRD"), part("DAPR_SCHEDULER"));
        let kafka = Kafka::start(&part("KAFKA_LIBS"), &folder, Ipv4Addr::LOCALHOST);
        let postgres = Postgres::start(&folder.join("database")).await.unwrap();
        let database_url = url_for_all(postgres.url());
        Own::migrate(&folder, &database_url);
        let (scheduler, scheduler_address) = start_scheduler(&scheduler, &folder);

        let (dapr_http, dapr_grpc) = (free_port(), free_port());
        let grpc = format!("http://127.0.0.1:{dapr_grpc}");
        let port = if options.port == 0 { free_port() } else { options.port };
        let ports = Ports { callers: port, sidecar: free_port() };
        let own = Own::start(&folder, options, ports, (dapr_http, &grpc), &database_url);
        kafka.wait().await;
        let daprd = start_daprd(
            &daprd,
            &folder,
            options,
            &Sidecar {
                app: ports.sidecar,
                http: dapr_http,
                grpc: dapr_grpc,
                scheduler: &scheduler_address,
                kafka: &kafka.address,
                database_url: &database_url,
            },
        );
        let token = options.tokens.then(|| API_TOKEN.to_owned());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let store = store::Store::connect_lazy(&database_url, 4).unwrap();
        let mut stack = Self {
            api: Api::new(address, token),
            kafka,
            scheduler,
            daprd,
            own,
            store,
            dapr_grpc: grpc,
            app_channel: format!("http://127.0.0.1:{}", ports.sidecar),
            database_url,
            postgres: Some(postgres),
            folder,
            dapr_http,
        };
        stack.wait().await;
        stack
    }

    /// Waits until the health report is positive, which needs more than open ports.
    pub async fn wait(&mut self) {
        let begin = tokio::time::Instant::now();
        loop {
            let bearer = format!("Bearer {API_TOKEN}");
            let anew = [("cache-control", "no-cache"), ("authorization", &*bearer)];
            let health = self.api.try_call("GET", "/health", &anew, "").await;
            if health.as_ref().is_ok_and(|answer| answer.status == 200) {
                return;
            }
            self.own.must_run();
            self.daprd.must_run();
            self.scheduler.must_run();
            assert!(
                begin.elapsed() < SCHEDULER_MAX,
                "not healthy: {health:?}\n{}",
                self.daprd.said().lines().rev().take(10).collect::<Vec<_>>().join("\n")
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until daprd reports that it is ready.
    pub async fn wait_for_daprd(&self) {
        let api = Api::new((Ipv4Addr::LOCALHOST, self.dapr_http).into(), None);
        eventually("daprd", async || api.try_call("GET", "/v1.0/healthz", &[], "").await.ok().filter(|answer| answer.status == 204)).await;
    }

    /// Returns a function.
    pub fn function(&mut self, name: &str) -> &mut Program {
        self.own.functions.get_mut(name).unwrap()
    }

    /// Kills the scheduler with SIGKILL, and starts it without data.
    pub fn lose_scheduler_data(&mut self) {
        self.scheduler.kill();
        std::fs::remove_dir_all(self.folder.join("scheduler-data")).unwrap();
        self.scheduler.start_again();
    }

    /// Kills PostgreSQL with all its processes, and starts it on the same data.
    pub async fn kill_postgres(&mut self, away: Duration) {
        let pid_file = self.folder.join("database/postgresql/data/postmaster.pid");
        let id = std::fs::read_to_string(&pid_file).unwrap_or_else(|error| panic!("{}: {error}", pid_file.display()));
        let id = id.lines().next().unwrap();
        assert!(std::process::Command::new("kill").args(["-9", id]).status().unwrap().success());
        drop(self.postgres.take());
        tokio::time::sleep(away).await;
        let begin = tokio::time::Instant::now();
        let postgres = loop {
            match Postgres::start(&self.folder.join("database")).await {
                Ok(postgres) => break postgres,
                Err(error) => assert!(begin.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert_eq!(url_for_all(postgres.url()), self.database_url);
        self.postgres = Some(postgres);
    }

    /// Stops everything in order: callers before the called.
    pub async fn stop(mut self) {
        self.own.gateway.stop();
        self.daprd.stop();
        self.own.stop();
        self.scheduler.stop();
        self.kafka.program.stop();
        self.store.pool().close().await;
        if let Some(postgres) = self.postgres.take() {
            postgres.stop().await.unwrap();
        }
    }

    /// Returns the URL of the database.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }
}

/// Configuration of daprd.
struct Sidecar<'a> {
    app: u16,
    http: u16,
    grpc: u16,
    scheduler: &'a str,
    kafka: &'a str,
    database_url: &'a str,
}

fn program(bin: &Path, name: &str) -> PathBuf {
    let path = bin.join(name);
    assert!(path.exists(), "{} is not there: build it first (cargo build --workspace)", path.display());
    path
}

fn start_scheduler(program: &Path, folder: &Path) -> (Program, String) {
    let [port, health, metrics, client, peer] = std::array::from_fn(|_| free_port());
    let address = format!("127.0.0.1:{port}");
    let recipe = Recipe::new("scheduler", program, folder).words(&format!(
        "--id dapr-scheduler-server-0 --listen-address 127.0.0.1 --port {port} --healthz-port {health} --healthz-listen-address 127.0.0.1 \
         --metrics-port {metrics} --metrics-listen-address 127.0.0.1 --etcd-client-port {client} --etcd-client-listen-address 127.0.0.1 \
         --etcd-initial-cluster dapr-scheduler-server-0=http://127.0.0.1:{peer} --override-broadcast-host-port {address}"
    ));
    let recipe = recipe.word("--etcd-data-dir").word(folder.join("scheduler-data"));
    let recipe = recipe.word("--identity-directory-write").word(folder.join("scheduler-identity"));
    (recipe.start(), address)
}

fn start_daprd(program: &Path, folder: &Path, options: &Options, sidecar: &Sidecar<'_>) -> Program {
    let Sidecar { app, http, grpc, scheduler, kafka, database_url } = sidecar;
    let internal = free_port();
    let components = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("dapr-components");
    let events = if options.pubsub { "pubsub" } else { "bindings" };
    let recipe = Recipe::new("daprd", program, folder).words(&format!(
        "--app-id taskflow --app-port {app} --app-channel-address 127.0.0.1 --app-protocol grpc --dapr-http-port {http} --dapr-grpc-port {grpc} \
         --dapr-internal-grpc-port {internal} --dapr-listen-addresses 127.0.0.1 --dapr-internal-grpc-listen-address 127.0.0.1 \
         --scheduler-host-address {scheduler} --enable-metrics=false --dapr-graceful-shutdown-seconds 1 --log-level info"
    ));
    let recipe = recipe.word("--resources-path").word(components.join("common")).word("--resources-path").word(components.join(events));
    let recipe = options.resources.iter().fold(recipe, |recipe, folder| recipe.word("--resources-path").word(folder));
    let recipe = recipe.word("--config").word(components.join("configuration/taskflow.yaml"));
    let recipe = recipe.env("KAFKA_BROKERS", *kafka).env("DATABASE_URL", *database_url);
    let recipe = recipe.env("APP_API_TOKEN", options.app_token());
    let recipe = if options.tokens { recipe.env("DAPR_API_TOKEN", DAPR_TOKEN) } else { recipe };
    recipe.start()
}

/// Writes a URL with the socket's folder as a parameter, which sqlx and daprd's Go driver both accept.
fn url_for_all(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (host, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = database.split('?').next().unwrap_or_default();
    let host = percent_encoding::percent_decode_str(host).decode_utf8_lossy();
    if !host.starts_with('/') {
        return url.to_owned();
    }
    let folder = host.rsplit_once(':').map_or(&*host, |(folder, _)| folder);
    format!("{scheme}://{user}@localhost:5432/{database}?host={folder}&sslmode=disable")
}

/// True if something listens there.
fn listens(address: &str) -> bool {
    address.parse().is_ok_and(|address: SocketAddr| TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok())
}
