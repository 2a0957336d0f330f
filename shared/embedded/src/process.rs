//! The one process: PostgreSQL, the app, every function, and the gateway.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use deliveries::Letters;
use domain::ambient::Clock;
use domain::routes::Route;
use function::ambient::SystemClock;
use function::call::Caller;
use function::guard::{self, Trust};
use function::ports::Functions;
use function::service::Service;
use function::settings::Settings;
use function::{App, BoxError, BoxFuture, Error, Function, Request, Response, host};
use store::{Deliveries, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::keys;
use crate::postgres::Postgres;
use crate::state::StateTable;

/// Default number of connections of the one process, shared by all functions.
const POOL: u32 = 16;

/// Number of connections of the bus and the timers.
const BUS_POOL: u32 = 4;

/// Calls the functions of this process.
#[derive(Default)]
pub struct Mounted {
    services: OnceLock<HashMap<&'static str, Service>>,
}

impl Functions for Mounted {
    fn call(&self, function: &Route, mut request: Request) -> BoxFuture<'_, Response> {
        // A call from inside this process has either passed the guard already or does not come from outside.
        request.extensions_mut().get_or_insert(Trust::Checked);
        let service = self.services.get().and_then(|services| services.get(function.name)).cloned();
        let name = function.name;
        Box::pin(async move {
            match service {
                Some(service) => service.handle(request).await,
                None => Error::Unavailable { what: "this function", source: Some(format!("{name} is not mounted").into()) }
                    .into_response(request.uri().path()),
            }
        })
    }
}

/// Taskflow on a migrated database: the app and its functions.
pub struct Process {
    gateway: Service,
    bus: Arc<Bus>,
    stopping: CancellationToken,
    tracker: TaskTracker,
}

impl Process {
    /// Migrates the database, mounts the functions, and starts the bus and the timers.
    ///
    /// # Errors
    /// The database is unavailable or has an incompatible schema; functions do not match their routes.
    pub async fn start(settings: Settings, store: Store, gateway: Function, functions: Vec<Function>) -> Result<Self, BoxError> {
        Self::start_by(Arc::new(SystemClock), settings, store, gateway, functions).await
    }

    /// Like [`Process::start`], but with another clock.
    ///
    /// # Errors
    /// Those of [`Process::start`].
    pub async fn start_by(
        clock: Arc<dyn Clock>,
        mut settings: Settings,
        store: Store,
        gateway: Function,
        functions: Vec<Function>,
    ) -> Result<Self, BoxError> {
        store.migrate().await?;
        keys::fill(&mut settings)?;
        // Connections of its own, so that many deliveries cannot keep the bus and the timers from the database.
        let bus = Bus::new(store.pool_beside(BUS_POOL), clock.clone(), settings.posted().to_vec());
        bus.prepare().await?;
        let mounted = Arc::new(Mounted::default());
        let app = Arc::new(App {
            store: Some(store.clone()),
            clock: clock.clone(),
            publisher: bus.clone(),
            functions: mounted.clone(),
            state: Arc::new(StateTable::new(store.pool().clone(), clock)),
            dead_letters: Some(Arc::new(Letters(Deliveries::new(store.pool().clone())))),
            ..App::alone(settings)?
        });
        let services = functions.into_iter().map(|function| Service::new(app.clone(), function));
        let services = services.map(|service| service.map(|service| (service.name(), service))).collect::<Result<_, _>>()?;
        let caller = Caller::of(&app);
        let gateway = Service::new(app, gateway)?;
        // Set once, here, because the functions and their caller refer to each other.
        let _ = mounted.services.set(services);
        let (stopping, tracker) = (CancellationToken::new(), TaskTracker::new());
        bus.start(caller, &stopping, &tracker);
        Ok(Self { gateway, bus, stopping, tracker })
    }

    /// Returns the bus, for its figures.
    #[must_use]
    pub fn bus(&self) -> &Arc<Bus> {
        &self.bus
    }

    /// Serves until `stop` ends, then finishes requests and deliveries in progress. The rest is in the database, for the next start.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let app = self.gateway.app().clone();
        host::serve(listener, self.gateway, stop).await;
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        // Deliveries in flight have ended by now, so their spans exist.
        app.traces.flush().await;
    }
}

/// Why Taskflow does not start on the configured database.
#[derive(Debug, thiserror::Error)]
#[error("DATABASE_URL")]
struct NamedDatabase(#[source] BoxError);

/// The `main` of the one process.
#[must_use]
pub fn main(gateway: Function, functions: Vec<Function>) -> ExitCode {
    host::run_process(true, |settings| run(settings, gateway, functions))
}

/// Refuses to listen for other machines without a token, because they could read and change everything.
fn check_bind(settings: &Settings) -> Result<(), BoxError> {
    if settings.is_local() || settings.api_token.is_some() {
        return Ok(());
    }
    let bind = settings.bind;
    Err(format!(
        "TASKFLOW_BIND is {bind} but TASKFLOW_API_TOKEN is not set; set a token, such as the output of `openssl rand -hex 32`, or bind to 127.0.0.1"
    )
    .into())
}

async fn run(mut settings: Settings, gateway: Function, functions: Vec<Function>) -> Result<(), BoxError> {
    check_bind(&settings)?;
    // Binds first, so that a taken port is reported before a database starts.
    let listener = host::bind(SocketAddr::new(settings.bind, settings.port), host::CALLERS).await?;
    let stop = host::stop_signal();
    settings.data_dir = Some(data_dir(&settings)?);
    let (url, mut postgres) = if let Some(url) = &settings.database_url {
        (url.expose().to_owned(), None)
    } else {
        let postgres = Postgres::start(&data_dir(&settings)?).await?;
        (postgres.url().to_owned(), Some(postgres))
    };
    let store = Store::connect_lazy(&url, settings.db_pool.unwrap_or(POOL))?;
    let process = Process::start(settings, store.clone(), gateway, functions).await;
    let process = process.map_err(|error| if postgres.is_none() { NamedDatabase(error).into() } else { error })?;
    guard::warn_of_weak_token(process.gateway.app());
    if process.gateway.app().settings.api_token.is_none() {
        tracing::info!(
            "TASKFLOW_API_TOKEN is not set, so only this machine can call; set TASKFLOW_API_TOKEN and TASKFLOW_BIND to allow other machines"
        );
    }
    host::open(&process.gateway).await?;
    tracing::info!("Taskflow is at http://{}", listener.local_addr()?);
    tokio::select! {
        () = process.serve(listener, stop) => {}
        never = keep(postgres.as_mut()) => match never {},
    }
    store.pool().close().await;
    if let Some(postgres) = postgres {
        postgres.stop().await?;
    }
    tracing::info!("stopped");
    Ok(())
}

/// Keeps the database running, if it is the process's own.
async fn keep(postgres: Option<&mut Postgres>) -> Infallible {
    match postgres {
        Some(postgres) => postgres.keep().await,
        None => std::future::pending().await,
    }
}

fn data_dir(settings: &Settings) -> Result<PathBuf, BoxError> {
    use etcetera::BaseStrategy;
    if let Some(dir) = &settings.data_dir {
        return Ok(dir.clone());
    }
    let base = etcetera::choose_base_strategy()
        .map_err(|_| "TASKFLOW_DATA_DIR is not set, and there is no home directory for the data; set it")?;
    Ok(base.data_dir().join("taskflow"))
}
