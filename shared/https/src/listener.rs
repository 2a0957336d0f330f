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
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;

use crate::certificate::{ACME_TLS, Certificates, is_challenge};
use crate::keeper::Keeper;

/// Time limit of the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Maximum connections, handshakes included. More wait in the kernel's queue. They fit the memory of the gateway's pod, which `just https` measures.
const CONNECTIONS_MAX: usize = 2_000;
/// Maximum parallel requests on one HTTP/2 connection.
const STREAMS_MAX: u32 = 32;
/// Maximum bytes that a caller may send ahead on one HTTP/2 connection, and that wait to be sent on one of its streams.
const WINDOW: u32 = 64 * 1024;
/// Maximum bytes of a request's headers.
const HEADERS_MAX: u32 = 16 * 1024;
/// Maximum time that a connection may be open without a call.
const IDLE: Duration = Duration::from_mins(2);
/// Interval of pings on an idle HTTP/2 connection, and time limit of the answer.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));
/// Minimum interval at which challenges of unknown names cause a read of the stored state.
const READ_PAUSE: Duration = Duration::from_secs(1);
/// Browsers use HTTPS only, for a year (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The HTTPS listener of one process.
pub(crate) struct Listener {
    pub(crate) app: Arc<App>,
    pub(crate) named: Named,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) keeper: Arc<Keeper>,
    /// When an unknown challenge last caused a read of the stored state.
    pub(crate) last_read: Mutex<Option<Instant>>,
}

impl Listener {
    /// Serves until the stop, then waits for open calls.
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<(), BoxError> {
        let own = Arc::new(self);
        let configs = Arc::new(Configs::new(&own.certificates)?);
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let stopping = own.app.stopping.clone();
        while let Some((stream, permit)) = host::accept_within(&listener, &connections, stopping.cancelled()).await {
            let (own, configs, watcher) = (own.clone(), configs.clone(), graceful.watcher());
            tokio::spawn(async move {
                let _permit = permit;
                // A failed handshake or a disconnect is the caller's fault, so it is not logged.
                let Ok(Ok(Some(stream))) = tokio::time::timeout(HANDSHAKE, own.handshake(&configs, stream)).await else { return };
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let http = if is_http2 { &configs.http2 } else { &configs.http1 };
                let calls = Calls::default();
                let opening = calls.clone();
                let service = service_fn(move |request| own.named.answer(opening.open(), request));
                let stream = if is_http2 { Strict::opaque(stream) } else { Strict::http1(stream) };
                let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
                tokio::select! {
                    _ = watcher.watch(connection.into_owned()) => {}
                    // HTTP/2 has no time limit for a silent caller. A WebSocket has left the connection by then.
                    () = calls.idle() => {}
                }
            });
        }
        drop(listener);
        graceful.shutdown().await;
        Ok(())
    }

    /// Completes the handshake. `None` if the authority has validated a challenge and sends nothing else.
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

    /// Reads the stored state, if another gateway may have placed the order of this challenge.
    async fn look_for_challenge(&self, name: &str) {
        if !self.keeper.is_shared() || self.certificates.has_challenge(&name.to_ascii_lowercase()) {
            return;
        }
        let asked = Instant::now();
        let mut last = self.last_read.lock().await;
        // Another task may have read it while this one waited.
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
            tracing::debug!(%error, "the stored challenges of other gateways could not be read");
        }
    }
}

/// The open calls of one connection.
#[derive(Clone)]
struct Calls(Arc<watch::Sender<usize>>);

/// An open call, until its response was sent.
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

    /// Waits until there was no call for the idle time.
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

/// Configuration of connections, created once.
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
        // A session ticket identifies returning callers, so the server stores no sessions.
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

/// The service for each name: the gateway's, or that of a function with its own name.
pub(crate) struct Named {
    pub(crate) gateway: Service,
    pub(crate) functions: HashMap<String, Service>,
}

impl Named {
    fn of(&self, request: &Request) -> &Service {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let called = request.uri().authority().map(http::uri::Authority::as_str).or(host).and_then(Authority::read);
        called.and_then(|called| self.functions.get(&called.host)).unwrap_or(&self.gateway)
    }

    /// Answers a request. The call is open until the response was sent.
    fn answer(&self, call: OpenCall, request: http::Request<Incoming>) -> BoxFuture<'static, Result<Response, Infallible>> {
        let mut request = request.map(boxed);
        request.extensions_mut().insert(Encrypted);
        let service = self.of(&request).clone();
        Box::pin(async move {
            let mut response = service.handle(request).await;
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
            Ok(response.map(|body| boxed(Sent(body, call))))
        })
    }
}
