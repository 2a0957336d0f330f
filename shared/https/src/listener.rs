//! Serves HTTPS: TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use function::app_password::Encrypted;
use function::authority::Authority;
use function::body::boxed;
use function::framing::Strict;
use function::service::Service;
use function::{App, BoxError, BoxFuture, Request, Response, host};
use http::{HeaderValue, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;

use crate::certificate::{ACME_TLS, Certificates, is_challenge};
use crate::keeper::Keeper;

/// How long a caller may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections at once, handshakes included. More wait in the kernel's queue. They fit the memory of the gateway's pod: `just bench-https`.
const CONNECTIONS_MAX: usize = 2_000;
/// Requests at once on one connection of HTTP/2.
const STREAMS_MAX: u32 = 32;
/// Bytes that a caller may send ahead on one connection of HTTP/2, and that wait to be sent on one of its streams.
const WINDOW: u32 = 64 * 1024;
/// Bytes of the headers of one request.
const HEADERS_MAX: u32 = 16 * 1024;
/// How long a connection may be open without a call.
const IDLE: Duration = Duration::from_mins(2);
/// How often an idle connection of HTTP/2 is checked, and how long the caller may take to answer.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));
/// How often a challenge of an unknown name may have what is kept read again.
const READ_PAUSE: Duration = Duration::from_secs(1);
/// For a year, browsers call by HTTPS only (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// HTTPS of one process.
pub(crate) struct Listener {
    pub(crate) app: Arc<App>,
    pub(crate) named: Named,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) keeper: Arc<Keeper>,
    /// When an unknown challenge last had what is kept read.
    pub(crate) last_read: Mutex<Option<Instant>>,
}

impl Listener {
    /// Serves until the process is asked to stop, and lets open calls end.
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<(), BoxError> {
        let own = Arc::new(self);
        let configs = Arc::new(Configs::new(&own.certificates)?);
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let stopping = own.app.stopping.clone();
        loop {
            let accept = async {
                let permit = connections.clone().acquire_owned().await;
                (host::accept(&listener).await, permit)
            };
            let (stream, permit) = tokio::select! {
                accepted = accept => accepted,
                () = stopping.cancelled() => break,
            };
            let (own, configs, watcher) = (own.clone(), configs.clone(), graceful.watcher());
            tokio::spawn(async move {
                let _permit = permit;
                // A caller that fails the handshake or hangs up is no fault of this process.
                let Ok(Ok(Some(stream))) = tokio::time::timeout(HANDSHAKE, own.handshake(&configs, stream)).await else { return };
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let http = if is_http2 { &configs.http2 } else { &configs.http1 };
                let calls = Calls::default();
                let service = TowerToHyperService::new(Connection { named: own.named.clone(), calls: calls.clone() });
                let stream = if is_http2 { Strict::opaque(stream) } else { Strict::http1(stream) };
                let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
                tokio::select! {
                    _ = watcher.watch(connection.into_owned()) => {}
                    // HTTP/2 has no limit of its own for a caller that is silent. A WebSocket has left the connection by then.
                    () = calls.idle() => {}
                }
            });
        }
        drop(listener);
        graceful.shutdown().await;
        Ok(())
    }

    /// Ends the handshake. `None`: the authority has checked a challenge, and says nothing else.
    async fn handshake(&self, configs: &Configs, stream: TcpStream) -> std::io::Result<Option<tokio_rustls::server::TlsStream<TcpStream>>> {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        if !is_challenge(&start.client_hello()) {
            return start.into_stream(configs.tls.clone()).await.map(Some);
        }
        if let Some(name) = start.client_hello().server_name() {
            self.look_for_challenge(name).await;
        }
        start.into_stream(configs.challenge.clone()).await.map(|_| None)
    }

    /// Reads what is kept, if another gateway may have ordered the certificate whose challenge this is.
    async fn look_for_challenge(&self, name: &str) {
        if !self.keeper.is_shared() || self.certificates.has_challenge(&name.to_ascii_lowercase()) {
            return;
        }
        let asked = Instant::now();
        let mut last = self.last_read.lock().await;
        // Whoever waited here before has read it meanwhile.
        if last.is_some_and(|last| last >= asked) || self.certificates.has_challenge(&name.to_ascii_lowercase()) {
            return;
        }
        if let Some(last) = *last {
            tokio::time::sleep_until(last + READ_PAUSE).await;
        }
        *last = Some(Instant::now());
        let read = match self.keeper.load().await {
            Ok((kept, _)) => kept.order.map_or(Ok(()), |order| self.certificates.answer_also(order.challenges)),
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            tracing::debug!(%error, "the challenges of other gateways cannot be read");
        }
    }
}

/// The open calls of one connection.
#[derive(Clone)]
struct Calls(Arc<watch::Sender<usize>>);

/// A call that is open until its answer has been sent.
struct OpenCall(Calls);

impl Default for Calls {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Calls {
    fn open(&self) -> OpenCall {
        self.0.send_modify(|open| *open += 1);
        OpenCall(self.clone())
    }

    /// Waits until there was no call for too long.
    async fn idle(&self) {
        let mut open = self.0.subscribe();
        loop {
            let is_idle = *open.borrow_and_update() == 0;
            if !is_idle {
                let _ = open.changed().await;
            } else if tokio::time::timeout(IDLE, open.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open -= 1);
    }
}

/// A body that keeps its call open.
struct Sent(function::Body, #[expect(dead_code, reason = "dropped with the body")] OpenCall);

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// How connections are served: made once.
struct Configs {
    tls: Arc<ServerConfig>,
    challenge: Arc<ServerConfig>,
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
}

impl Configs {
    fn new(certificates: &Arc<Certificates>) -> Result<Self, BoxError> {
        let config = |protocols: &[&[u8]]| {
            let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(certificates.clone());
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            config
        };
        let mut tls = config(&[b"h2", b"http/1.1"]);
        // Callers that come again are known by a ticket, so the server remembers none of them.
        tls.ticketer = rustls::crypto::ring::Ticketer::new()?;
        let mut http1 = Builder::new(TokioExecutor::new()).http1_only();
        http1.http1().timer(TokioTimer::new()).header_read_timeout(host::HEADER_TIMEOUT).max_buf_size(HEADERS_MAX as usize);
        let mut http2 = Builder::new(TokioExecutor::new()).http2_only();
        let limits = &mut http2.http2();
        limits.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX).max_header_list_size(HEADERS_MAX);
        limits.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW).max_send_buf_size(WINDOW as usize);
        limits.keep_alive_interval(PING.0).keep_alive_timeout(PING.1);
        Ok(Self { tls: Arc::new(tls), challenge: Arc::new(config(&[ACME_TLS])), http1, http2 })
    }
}

/// The service of each name: the gateway's, or that of a function with a name of its own.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) gateway: Service,
    pub(crate) functions: Arc<HashMap<String, Service>>,
}

impl Named {
    fn of(&self, request: &Request) -> &Service {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let called = request.uri().authority().map(http::uri::Authority::as_str).or(host).and_then(Authority::read);
        called.and_then(|called| self.functions.get(&called.host)).unwrap_or(&self.gateway)
    }
}

/// The service of one connection.
#[derive(Clone)]
struct Connection {
    named: Named,
    calls: Calls,
}

impl tower_service::Service<http::Request<Incoming>> for Connection {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Self::Future {
        let call = self.calls.open();
        let mut request = request.map(boxed);
        request.extensions_mut().insert(Encrypted);
        let service = self.named.of(&request).clone();
        Box::pin(async move {
            let mut response = service.handle(request).await;
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
            Ok(response.map(|body| boxed(Sent(body, call))))
        })
    }
}
