//! The `main` of functions and of the gateway in a cluster: with the sidecar of the settings, or without one.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use deliveries::Letters;
use domain::routes::{GATEWAY, Route};
use function::call::Caller;
use function::ports::{Broker, Scheduler};
use function::settings::{Secret, Settings};
use function::{App, BoxError, Function, guard, host};
use store::{Deliveries, Store};
use tokio::net::TcpListener;

use crate::{Elsewhere, Events, FunctionsByUrl, Jobs, Outbox, Sidecar, StateStore, secrets};

/// The `main` of a function that runs on its own: reads settings and secrets, starts the log, the app and the host. Without a sidecar, its events
/// stay in the outbox.
#[must_use]
pub fn main(function: Function) -> ExitCode {
    host::run_process(false, |settings| async move { host::run(Arc::new(world(settings, function.route()).await?), function).await })
}

async fn world(mut settings: Settings, route: &Route) -> Result<App, BoxError> {
    let pool = *settings.db_pool.get_or_insert(route.pool);
    let Some(sidecar) = Sidecar::new(&settings)? else { return Ok(App::alone(settings)?) };
    check_app_token(&settings)?;
    secrets::fill(&mut settings, &sidecar, route).await?;
    let app = App::alone(settings)?;
    let events = Events::new(sidecar.clone(), app.settings.events);
    let jobs = Jobs::new(sidecar.clone(), app.settings.wake_lead);
    let publisher = app.store.clone().map(|store| Arc::new(Outbox::new(store, pool, sidecar.clone(), events, jobs)) as _);
    let functions = FunctionsByUrl::new(&app.settings)?;
    let app = App { functions: Arc::new(functions), state: Arc::new(StateStore::new(sidecar)), ..app };
    Ok(match publisher {
        Some(publisher) => App { publisher, ..app },
        None => with_publisher_elsewhere(app),
    })
}

/// Requires `APP_API_TOKEN` beside a sidecar: facts and jobs travel from it to the gateway and on to functions, and each of them checks this token.
fn check_app_token(settings: &Settings) -> Result<(), BoxError> {
    if settings.app_api_token.is_some() {
        return Ok(());
    }
    Err("APP_API_TOKEN is not set; set the same secret, such as the output of `openssl rand -hex 32`, for daprd, the gateway and every function"
        .into())
}

/// Replaces the publisher of a process without a database, so that it empties the outbox of other functions.
fn with_publisher_elsewhere(app: App) -> App {
    let elsewhere = Arc::new(Elsewhere::default());
    app.background.spawn(elsewhere.clone().run(Caller::of(&app), app.stopping.clone()));
    App { publisher: elsewhere, ..app }
}

/// What the gateway uses of Dapr, as the app that the sidecar delivers to.
pub struct Dapr {
    /// Listens for the sidecar on the same host.
    pub app_channel: TcpListener,
    /// Receives the dead letters.
    pub broker: Arc<dyn Broker>,
    /// The scheduler that the gateway watches.
    pub scheduler: Arc<dyn Scheduler>,
    /// Stores deliveries that a consumer has not accepted at once.
    pub deliveries: Deliveries,
}

/// The `main` of the gateway: calls every function by its URL and, with a sidecar, receives all of Dapr's deliveries. It connects to the database
/// only for deliveries that have to wait.
#[must_use]
pub fn main_of_gateway(gateway: impl FnOnce(Option<Dapr>) -> Function) -> ExitCode {
    host::run_process(false, |mut settings| async move {
        let sidecar = Sidecar::new(&settings)?;
        if let Some(sidecar) = &sidecar {
            check_app_token(&settings)?;
            secrets::fill(&mut settings, sidecar, &GATEWAY).await?;
        }
        let functions = Arc::new(FunctionsByUrl::new(&settings)?);
        let pool = settings.db_pool.unwrap_or(GATEWAY.pool);
        let database = settings.database_url.take();
        let dapr = match sidecar {
            Some(sidecar) => Some(Dapr {
                deliveries: deliveries_of(database.as_ref(), pool)?,
                // Loopback only, because the sidecar runs on the same host.
                app_channel: host::bind((Ipv4Addr::LOCALHOST, settings.app_port).into(), "APP_PORT sets the port for the sidecar").await?,
                broker: Arc::new(Events::new(sidecar.clone(), settings.events)),
                scheduler: Arc::new(Jobs::new(sidecar, settings.wake_lead)),
            }),
            None => None,
        };
        let dead_letters = dapr.as_ref().map(|dapr| Arc::new(Letters(dapr.deliveries.clone())) as _);
        let app = with_publisher_elsewhere(App { functions, dead_letters, ..App::alone(settings)? });
        guard::warn_of_weak_token(&app);
        host::run(Arc::new(app), gateway(dapr)).await
    })
}

/// Returns the tables of deliveries. Connects when the first delivery has to wait.
fn deliveries_of(database: Option<&Secret>, pool: u32) -> Result<Deliveries, BoxError> {
    let url = database.ok_or(
        "DATABASE_URL is not set; the gateway stores deliveries that a consumer has not accepted yet in the database; set DATABASE_URL or TASKFLOW_SECRET_STORE",
    )?;
    Ok(Deliveries::new(Store::connect_lazy(url.expose(), pool)?.pool().clone()))
}
