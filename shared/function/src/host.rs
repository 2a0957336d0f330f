//! Runs a function: on AWS Lambda where `AWS_LAMBDA_RUNTIME_API` is set (feature `lambda`), else on hyper at `$PORT`, until SIGTERM or Ctrl-C.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto as http1;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::error::Chain;
use crate::framing::Strict;
use crate::service::Service;
use crate::settings::Settings;
use crate::{App, BoxError, Function, telemetry};

/// How long a caller may take to send its headers.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of a request's headers, and of what a connection has read ahead of its request: a caller holds no more memory than that.
const HEADERS_MAX: usize = 64 * 1024;
/// Descriptors that a process asks for: its connections, those to the database and to other functions, and some to spare.
const FILES: u64 = 2 * CONNECTIONS_MAX as u64;
/// How long a graceful stop waits for what is under way.
const DRAIN: Duration = Duration::from_secs(10);
/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// How long to wait after the machine ran out of files, before the next connection is taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Runs a function in its world, on the host that the environment asks for, until it is asked to stop.
///
/// # Errors
/// A function that does not fit its route; an address that is taken; a Runtime API that is away.
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
            "AWS_LAMBDA_RUNTIME_API is set, but this program is built without the feature lambda; `just lambda` builds it with it".into()
        );
    }
    open(&service).await?;
    listen(service).await
}

/// Opens what a function serves its callers by beside the plain port.
///
/// # Errors
/// See [`Function::also_by`].
pub async fn open(service: &Service) -> Result<(), BoxError> {
    match service.also_by() {
        Some(open) => open(service.clone()).await,
        None => Ok(()),
    }
}

/// Reads the settings, starts the log and a runtime, and runs; an error is told once, with its causes.
#[must_use]
pub fn run_process<F>(many_threads: bool, run: impl FnOnce(Settings) -> F) -> ExitCode
where
    F: Future<Output = Result<(), BoxError>>,
{
    let start = || {
        // A value that is no UTF-8 is a bad value, not one that is not set.
        let lookup = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        telemetry::start(lookup("RUST_LOG").as_deref())?;
        // A laptop's process is for its owner; a container's is for whoever its platform lets in.
        let bind = if many_threads { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let settings = Settings::read(&lookup, IpAddr::V4(bind))?;
        raise_file_limit();
        // One small function needs one thread: it starts sooner and takes less memory.
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

/// Raises the soft limit of open files as far as the hard one lets it: many systems begin with 1,024, which a thousand callers who say nothing
/// use up.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(FILES, |maximum| maximum.min(FILES));
    // Without a limit there is none to raise.
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn listen(service: Service) -> Result<(), BoxError> {
    let address = SocketAddr::new(service.app().settings.bind, service.app().settings.port);
    let stop = stop_signal();
    let listener = bind(address, CALLERS).await?;
    tracing::info!(function = service.name(), address = %listener.local_addr()?, "listening");
    serve(listener, service, stop).await;
    Ok(())
}

/// What [`bind`] says of the address where callers are listened to.
pub const CALLERS: &str = "PORT and TASKFLOW_BIND say where to listen";

/// Listens, or says what is in the way, and `settings`: which ones name the address.
///
/// # Errors
/// The address is taken or not this machine's.
pub async fn bind(address: SocketAddr, settings: &str) -> Result<TcpListener, BoxError> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}; {settings}").into())
}

/// The next connection; one that cannot be taken is told of and passed over.
pub async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves until `stop` ends, then lets what is under way come to its end, for a while.
pub async fn serve(listener: TcpListener, service: Service, stop: impl Future<Output = ()>) {
    let app = service.app().clone();
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEADERS_MAX);
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accept = async {
            let permit = connections.clone().acquire_owned().await;
            (self::accept(&listener).await, permit)
        };
        let (stream, permit) = tokio::select! {
            accepted = accept => accepted,
            () = &mut stop => break,
        };
        let connection =
            http.serve_connection_with_upgrades(TokioIo::new(Strict::http1(stream)), TowerToHyperService::new(service.clone()));
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            let _permit = permit;
            // A caller that hangs up is no fault of ours.
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
        tracing::warn!("stopped with work under way");
    }
}

/// Ends when the process is asked to stop: SIGTERM, or Ctrl-C. It listens from the call on, so that a stop during a slow start is a
/// graceful one too. Must be called inside a tokio runtime.
#[must_use = "the process stops by itself only if this is waited for"]
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else { return std::future::pending().await };
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    }
}
