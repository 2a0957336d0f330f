//! Calls other functions by their URLs: directly, or through Dapr service invocation, depending on the template.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::routes::{CALENDAR, Route};
use function::body::{DOWNLOAD_MAX, Streamed, UPLOAD_MAX, UPLOAD_TIMEOUT, boxed, collect, limited};
use function::call::TIMEOUT;
use function::guard::{MARK, Trust};
use function::ports::Functions;
use function::service::FUNCTION;
use function::settings::{FunctionUrls, INVOKE, Secret, Settings, directly};
use function::{BoxError, BoxFuture, Error, Request, Response, full};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyDataStream;
use hyper_util::rt::TokioIo;

/// Time limit of connecting. A cold function accepts the connection before it is ready.
const CONNECT: Duration = Duration::from_secs(5);
/// Time limit of an answer, including a cold start.
const ANSWER: Duration = TIMEOUT;
/// How long an idle connection is kept: less than the functions' hosts keep it, so that none is used while it closes.
const IDLE: Duration = Duration::from_secs(10);
/// Maximum bytes of a function's answer: more than any list has, and a limit in case of an error.
const ANSWER_MAX: u64 = 256 * 1024 * 1024;
/// Maximum WebSockets through one gateway.
const SOCKETS_MAX: usize = 2_000;
/// Headers of a single hop (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// The host that the caller named.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The token for the sidecar, which no function receives.
const TOKEN: HeaderName = HeaderName::from_static("dapr-api-token");

/// The port [`Functions`] over HTTP.
#[derive(Clone)]
pub struct FunctionsByUrl {
    urls: FunctionUrls,
    /// The sidecar's token, if calls go through it.
    token: Option<HeaderValue>,
    /// Proves to a function that a request has passed the guard here.
    secret: Option<Secret>,
    client: reqwest::Client,
    /// When each function last answered.
    answered: Arc<Mutex<HashMap<&'static str, Instant>>>,
    sockets: Arc<AtomicUsize>,
}

/// An open WebSocket.
struct Socket(Arc<AtomicUsize>);

impl Socket {
    /// Counts a new WebSocket. Returns `None` at the limit of [`SOCKETS_MAX`].
    fn open(count: &Arc<AtomicUsize>) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        // A value that is dropped at once is not counted.
        Some(Self(count.clone())).filter(|_| before < SOCKETS_MAX)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl FunctionsByUrl {
    /// Creates the port with the URLs of the settings.
    ///
    /// # Errors
    /// The HTTP client cannot be created.
    pub fn new(settings: &Settings) -> Result<Self, BoxError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .http1_only()
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let token = settings.dapr_api_token.as_ref().map(|token| HeaderValue::from_str(token.expose())).transpose()?;
        Ok(Self {
            urls: settings.function_url.clone(),
            token,
            secret: settings.app_api_token.clone(),
            client,
            answered: Arc::default(),
            sockets: Arc::default(),
        })
    }

    /// Returns the headers for the function. The client sets its host and the length of the body.
    fn headers(&self, request: &Request) -> HeaderMap {
        let mut kept = end_to_end(request.headers(), request.uri().authority());
        let trust = request.extensions().get::<Trust>().copied().unwrap_or(Trust::Caller);
        kept.extend(self.secret.as_ref().and_then(|secret| trust.mark(secret)).map(|mark| (MARK, mark)));
        kept
    }

    async fn forward(&self, name: &'static str, request: Request) -> Result<Response, Error> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let base =
            self.urls.of(name).ok_or_else(|| Error::unavailable("this function", format!("TASKFLOW_FUNCTION_URL has no URL of {name}")))?;
        if is_upgrade(request.headers()) {
            return self.upgrade(&format!("{}{path}", directly(&base)), request).await;
        }
        let mut headers = self.headers(&request);
        let (parts, body) = request.into_parts();
        let is_streamed = parts.extensions.get::<Streamed>().is_some();
        // Service invocation accepts only a few megabytes, so a file goes to the function itself. So does a calendar client's call: daprd sends
        // PROPFIND and REPORT as POST, and answers without the length that the gateway needs to cache an answer.
        let base = if is_streamed || name == CALENDAR.name { directly(&base).to_owned() } else { base };
        let (body, patience, answer_max) = if is_streamed {
            (file(body)?, ANSWER + UPLOAD_TIMEOUT, DOWNLOAD_MAX)
        } else {
            (collect(body).await?.into(), ANSWER, ANSWER_MAX)
        };
        if base.contains(INVOKE) {
            headers.extend(self.token.clone().map(|token| (TOKEN, token)));
        }
        let call = self.client.request(parts.method, format!("{base}{path}")).headers(headers).body(body);
        let answer = tokio::time::timeout(patience, call.send()).await.map_err(|_| Error::NoAnswer(patience))?.map_err(broken)?;
        if !is_of_a_function(&base, answer.status(), answer.headers()) {
            return Err(not_of_a_function(name, answer.status()));
        }
        self.answered().insert(name, Instant::now());
        let (mut parts, body) = http::Response::from(answer).into_parts();
        if body.size_hint().lower() > answer_max {
            return Err(Error::BrokenOff(format!("the answer of {name} is longer than {answer_max} bytes").into()));
        }
        parts.headers = without_hop_by_hop(&parts.headers);
        Ok(Response::from_parts(parts, limited(usize::try_from(answer_max).unwrap_or(usize::MAX), boxed(body))))
    }

    fn answered(&self) -> MutexGuard<'_, HashMap<&'static str, Instant>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forwards the handshake of a WebSocket, and then every byte in both directions.
    async fn upgrade(&self, url: &str, mut request: Request) -> Result<Response, Error> {
        let mut headers = self.headers(&request);
        // Service invocation does not forward WebSockets, so this goes to the function itself.
        for name in [header::CONNECTION, header::UPGRADE] {
            headers.extend(request.headers().get(&name).map(|value| (name, value.clone())));
        }
        let caller = hyper::upgrade::on(&mut request);
        // Counted before the function knows of it, so that no later change is missed.
        let socket = Socket::open(&self.sockets).ok_or_else(|| Error::unavailable("a WebSocket", "too many are open"))?;
        let call = self.client.request(request.method().clone(), url).headers(headers);
        let answer = tokio::time::timeout(ANSWER, call.send()).await.map_err(|_| Error::NoAnswer(ANSWER))?.map_err(broken)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let (mut parts, body) = http::Response::from(answer).into_parts();
            parts.headers = without_hop_by_hop(&parts.headers);
            return Ok(Response::from_parts(parts, boxed(body)));
        }
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = answer.headers().clone();
        tokio::spawn(async move {
            let _open = socket;
            let (Ok(caller), Ok(mut function)) = tokio::join!(caller, answer.upgrade()) else { return };
            // The side that closes first ends it; a caller that is gone is no error.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(caller), &mut function).await;
        });
        Ok(response)
    }
}

impl Functions for FunctionsByUrl {
    fn call(&self, function: &Route, request: Request) -> BoxFuture<'_, Response> {
        let name = function.name;
        let path = request.uri().path().to_owned();
        Box::pin(async move { self.forward(name, request).await.unwrap_or_else(|error| error.into_response(&path)) })
    }

    fn answered_ago(&self, function: &Route) -> Option<Duration> {
        self.answered().get(function.name).map(Instant::elapsed)
    }

    fn sockets(&self) -> Option<usize> {
        Some(self.sockets.load(Ordering::Relaxed))
    }
}

/// A file as it arrives, aborted after this many bytes. A longer Content-Length is refused at once.
fn file(body: function::Body) -> Result<reqwest::Body, Error> {
    if body.size_hint().lower() > UPLOAD_MAX as u64 {
        return Err(Error::TooLarge(UPLOAD_MAX));
    }
    Ok(reqwest::Body::wrap_stream(BodyDataStream::new(limited(UPLOAD_MAX, body))))
}

fn broken(error: reqwest::Error) -> Error {
    if error.is_connect() { Error::unavailable("the function", error) } else { Error::BrokenOff(error.into()) }
}

/// True if a function sent this answer, rather than an intermediary. If a function does not start or breaks off, Knative answers in plain text, where
/// functions answer JSON. daprd 1.18 sends its own errors too, and occasionally an empty 200: see `gateway::app_channel`.
fn is_of_a_function(base: &str, status: StatusCode, headers: &HeaderMap) -> bool {
    if base.contains(INVOKE) {
        return headers.contains_key(FUNCTION);
    }
    let is_between = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("json"));
    !is_between || is_json
}

/// Returns the error that callers get instead. It counts as a failure of the function, unless the intermediary asked to retry.
fn not_of_a_function(name: &str, status: StatusCode) -> Error {
    let asks_for_patience = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
    Error::Elsewhere {
        status: if asks_for_patience { status } else { StatusCode::BAD_GATEWAY },
        detail: format!("the function {name} did not start, or its answer is incomplete"),
        retry_after: None,
        source: None,
    }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let has = |name: HeaderName, token: &str| {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|value| value.to_ascii_lowercase().contains(token))
    };
    has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")
}

/// Returns the caller's headers for the function. `X-Forwarded-Host` is the name by which the caller called this process, whatever the caller sends.
fn end_to_end(headers: &HeaderMap, named: Option<&http::uri::Authority>) -> HeaderMap {
    let mut kept = without_hop_by_hop(headers);
    for name in [header::CONTENT_LENGTH, TOKEN, MARK, FORWARDED_HOST] {
        kept.remove(name);
    }
    let host = kept.remove(header::HOST);
    let host = named.and_then(|named| HeaderValue::from_str(named.as_str()).ok()).or(host);
    kept.extend(host.map(|host| (FORWARDED_HOST, host)));
    kept
}

fn without_hop_by_hop(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    let mut kept = headers.clone();
    for name in HOP_BY_HOP.into_iter().chain([KEEP_ALIVE]) {
        kept.remove(name);
    }
    for name in named {
        kept.remove(name);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_goes_around_service_invocation() {
        let through = "http://127.0.0.1:3500/v1.0/invoke/http://notify.taskflow.svc.cluster.local/method";
        assert_eq!(directly(through), "http://notify.taskflow.svc.cluster.local");
        assert_eq!(directly("http://notify.taskflow"), "http://notify.taskflow");
    }

    #[test]
    fn an_intermediarys_answer_becomes_a_problem() {
        const DIRECT: &str = "http://list-tags.taskflow";
        const INVOKED: &str = "http://127.0.0.1:3500/v1.0/invoke/http://list-tags.taskflow/method";
        let headers = |name: HeaderName, value| std::iter::once((name, HeaderValue::from_static(value))).collect::<HeaderMap>();
        let json = headers(header::CONTENT_TYPE, "application/problem+json");
        let own = headers(FUNCTION, "list-tags");
        for (base, status, headers, expected) in [
            (DIRECT, 200, &HeaderMap::new(), true),
            (DIRECT, 500, &HeaderMap::new(), true),
            (DIRECT, 503, &HeaderMap::new(), false),
            (DIRECT, 502, &headers(header::CONTENT_TYPE, "text/plain"), false),
            (DIRECT, 503, &json, true),
            (INVOKED, 200, &HeaderMap::new(), false),
            (INVOKED, 500, &json, false),
            (INVOKED, 200, &own, true),
            (INVOKED, 503, &own, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_of_a_function(base, status, headers), expected, "{base}: {status}");
        }
        for (said, told) in [(200, 502), (500, 502), (502, 502), (503, 503), (504, 504)] {
            let problem = not_of_a_function("list-tags", StatusCode::from_u16(said).unwrap()).problem("/api/tags");
            assert_eq!((problem.status, problem.detail.contains("list-tags")), (told, true), "{said}");
        }
    }

    #[test]
    fn there_is_room_for_so_many_sockets() {
        let count = Arc::default();
        let mut open: Vec<Socket> = std::iter::from_fn(|| Socket::open(&count)).collect();
        assert_eq!(open.len(), SOCKETS_MAX);
        assert!(open.pop().is_some() && Socket::open(&count).is_some(), "a socket that closes makes room for the next");
    }

    #[tokio::test]
    async fn an_answer_above_the_limit_is_a_problem() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/{{function}}", listener.local_addr().unwrap());
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", ANSWER_MAX + 1);
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
            // Until the gateway closes the connection.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        });
        let lookup = |name: &str| (name == "TASKFLOW_FUNCTION_URL").then(|| url.clone());
        let functions = FunctionsByUrl::new(&Settings::read(&lookup, std::net::Ipv4Addr::LOCALHOST.into()).unwrap()).unwrap();
        let answer = functions.call(&domain::routes::LIST_TAGS, http::Request::get("/api/tags").body(full("")).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        drop(functions);
        answering.await.unwrap();
    }

    #[test]
    fn only_end_to_end_headers_reach_the_function() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "taskflow.example"),
            ("connection", "keep-alive, x-private"),
            ("keep-alive", "timeout=5"),
            ("x-private", "1"),
            ("content-length", "3"),
            ("authorization", "Bearer one"),
            ("x-forwarded-host", "evil.example"),
            ("taskflow-gateway", "delivery guess"),
            ("dapr-api-token", "guess"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let kept = end_to_end(&headers, None);
        let mut names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "x-forwarded-host"]);
        assert_eq!(kept["x-forwarded-host"], "taskflow.example");
        let by_http2 = end_to_end(&headers, Some(&http::uri::Authority::from_static("tasks.example")));
        assert_eq!(by_http2["x-forwarded-host"], "tasks.example");
    }
}
