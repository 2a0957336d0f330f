//! Runs a function until SIGTERM or Ctrl-C: on AWS Lambda if `AWS_LAMBDA_RUNTIME_API` is set (feature `lambda`), else on hyper at `$PORT`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto as http1;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Chain;
use crate::framing::Strict;
use crate::service::Service;
use crate::settings::Settings;
use crate::{App, BoxError, Function, telemetry};

/// Time limit of a request's headers.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum bytes of a request's headers and of data read ahead, which limits a caller's memory.
const HEADERS_MAX: usize = 64 * 1024;
/// File descriptors that a process requests: its connections, those to the database and to other functions, and a reserve.
const FILES: u64 = 2 * CONNECTIONS_MAX as u64;
/// How long a graceful stop waits for work in progress.
const DRAIN: Duration = Duration::from_secs(10);
/// Maximum connections; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// Pause before the next connection is accepted, after the machine ran out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Runs a function on the host that the environment selects, until the stop.
///
/// # Errors
/// The function does not match its route; the address is taken; the Runtime API is unavailable.
pub async fn run(app: Arc<App>, function: Function) -> Result<(), BoxError> {
    let at_start = function.at_start.clone();
    let service = Service::new(app.clone(), function)?;
    if let Some(at_start) = at_start {
        app.background.spawn(at_start(app.clone()));
    }
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        #[cfg(feature = "lambda")]
        return crate::lambda::serve(service).await;
        #[cfg(not(feature = "lambda"))]
        return Err(
            "AWS_LAMBDA_RUNTIME_API is set, but this program is built without the feature lambda; build it with `just lambda`".into()
        );
    }
    open(&service).await?;
    listen(service).await
}

/// Starts the other listeners of a function.
///
/// # Errors
/// See [`Function::also_by`].
pub async fn open(service: &Service) -> Result<(), BoxError> {
    match service.also_by() {
        Some(open) => open(service.clone()).await,
        None => Ok(()),
    }
}

/// Reads the settings, starts the log and a runtime, and runs. Logs an error once, with its causes.
#[must_use]
pub fn run_process<F>(many_threads: bool, run: impl FnOnce(Settings) -> F) -> ExitCode
where
    F: Future<Output = Result<(), BoxError>>,
{
    let start = || {
        // A value that is not UTF-8 is invalid, rather than not set.
        let lookup = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        telemetry::start(lookup("RUST_LOG").as_deref())?;
        // On a laptop only the user may call; in a container the platform decides.
        let bind = if many_threads { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let settings = Settings::read(&lookup, IpAddr::V4(bind))?;
        raise_file_limit();
        // A small function needs one thread: it starts faster and uses less memory.
        let mut builder =
            if many_threads { tokio::runtime::Builder::new_multi_thread() } else { tokio::runtime::Builder::new_current_thread() };
        builder.enable_all().build()?.block_on(run(settings))
    };
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", Chain::of(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Raises the soft limit of open files as far as the hard limit allows. Many systems begin with 1,024, which a thousand idle callers use up.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(FILES, |maximum| maximum.min(FILES));
    // No limit, so none to raise.
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// Refuses to listen for other machines if no token is set, because they could read and change everything.
fn check_bind(settings: &Settings) -> Result<(), BoxError> {
    if settings.is_local() || settings.api_token.is_some() || settings.app_api_token.is_some() {
        return Ok(());
    }
    let bind = settings.bind;
    Err(format!(
        "neither TASKFLOW_API_TOKEN nor APP_API_TOKEN is set, and TASKFLOW_BIND is {bind}; set a token, or TASKFLOW_BIND=127.0.0.1"
    )
    .into())
}

async fn listen(service: Service) -> Result<(), BoxError> {
    check_bind(&service.app().settings)?;
    let address = SocketAddr::new(service.app().settings.bind, service.app().settings.port);
    let stop = stop_signal();
    let listener = bind(address, CALLERS).await?;
    tracing::info!(function = service.name(), address = %listener.local_addr()?, "listening");
    serve(listener, service, stop).await;
    Ok(())
}

/// Names the settings of the address for callers, for [`bind`].
pub const CALLERS: &str = "PORT and TASKFLOW_BIND set the address";

/// Listens on an address. The error names `settings`, which set the address.
///
/// # Errors
/// The address is taken or not this machine's.
pub async fn bind(address: SocketAddr, settings: &str) -> Result<TcpListener, BoxError> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}; {settings}").into())
}

/// Returns the next connection. Logs and skips connections that cannot be accepted.
pub async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Returns the next connection with its permit, after one of `connections` is free. `None` if `stop` ends first.
pub async fn accept_within(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    stop: impl Future<Output = ()>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let next = async {
        let permit = connections.clone().acquire_owned().await.ok()?;
        Some((accept(listener).await, permit))
    };
    tokio::select! { next = next => next, () = stop => None }
}

/// Serves until `stop` ends, then waits for work in progress, within a limit.
pub async fn serve(listener: TcpListener, service: Service, stop: impl Future<Output = ()>) {
    let app = service.app().clone();
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEADERS_MAX);
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stop = std::pin::pin!(stop);
    while let Some((stream, permit)) = accept_within(&listener, &connections, &mut stop).await {
        let connection =
            http.serve_connection_with_upgrades(TokioIo::new(Strict::http1(stream)), TowerToHyperService::new(service.clone()));
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            let _permit = permit;
            // A disconnect is the caller's choice, so it is not logged.
            let _ = connection.await;
        });
    }
    drop(listener);
    app.stopping.cancel();
    app.background.close();
    let drained = async {
        graceful.shutdown().await;
        app.background.wait().await;
        app.traces.flush().await;
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("stopped after {} s although work was in progress", DRAIN.as_secs());
    }
}

/// Ends when a stop is requested by SIGTERM or Ctrl-C. Listens from the call on, so that a stop during a slow start is graceful too. Call it inside a
/// tokio runtime.
#[must_use = "the process stops only if this is awaited"]
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else { return std::future::pending().await };
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    }
}
