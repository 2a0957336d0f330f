//! The plain port beside HTTPS: redirects callers to it, or says why it is not available yet.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use function::authority::Authority;
use function::{App, Response, full, host};
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::certificate::Certificates;

/// Maximum connections; each one is short.
const CONNECTIONS_MAX: usize = 500;
/// Maximum bytes of a request's headers.
const HEADERS_MAX: usize = 16 * 1024;
/// Maximum lifetime of a connection.
const LIFE: Duration = Duration::from_secs(30);
/// Seconds to wait before a retry while there is no certificate.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("10");

/// The redirecting port.
pub(crate) struct Redirect {
    pub(crate) app: Arc<App>,
    pub(crate) certificates: Arc<Certificates>,
    /// The names that HTTPS serves.
    pub(crate) names: Vec<String>,
    /// Host and port of `TASKFLOW_URL`, for callers that use another name.
    pub(crate) home: Authority,
}

impl Redirect {
    /// Serves until the stop.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let own = Arc::new(self);
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let stopping = own.app.stopping.clone();
        while let Some((stream, permit)) = host::accept_within(&listener, &connections, stopping.cancelled()).await {
            let own = own.clone();
            tokio::spawn(async move {
                let _permit = permit;
                let answer = service_fn(|request: http::Request<Incoming>| {
                    let response = own.answer(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(host::HEADER_TIMEOUT).max_buf_size(HEADERS_MAX).keep_alive(false);
                let _ = tokio::time::timeout(LIFE, http.serve_connection(TokioIo::new(stream), answer)).await;
            });
        }
    }

    fn answer(&self, request: &http::Request<Incoming>) -> Response {
        if self.certificates.current().is_none() {
            return self.waiting();
        }
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let called = request.uri().authority().map(http::uri::Authority::as_str).or(host).and_then(Authority::read);
        let host = called.map(|called| called.host).filter(|called| self.names.contains(called));
        let target = Authority { host: host.unwrap_or_else(|| self.home.host.clone()), port: self.home.port };
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut response = Response::new(full(""));
        // 308 keeps the method and the body. A client that followed with GET would lose both.
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().extend(HeaderValue::from_str(&format!("https://{target}{path}")).map(|to| (header::LOCATION, to)));
        response
    }

    fn waiting(&self) -> Response {
        let mut text = format!("Taskflow is waiting for the certificate of {}.\n", self.names.join(", "));
        if let Some(reason) = self.certificates.waiting_for() {
            let _ = writeln!(text, "The last attempt failed: {reason}");
        }
        let mut response = Response::new(full(text));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::RETRY_AFTER, RETRY_SECONDS);
        response
    }
}
