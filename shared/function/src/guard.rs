//! The guard: decides from the head of a request whether it may pass, before anything else is read.
//!
//! - The name by which Taskflow was called: without a token, a page could point its own name at this machine (DNS rebinding).
//! - The calling page: a browser sends the requests of any page, and names the page's origin.
//! - The token, if one is set.
//!
//! Every host calls the guard through [`Service`](crate::service::Service): hyper, Lambda and the one process. A request that has passed is not
//! checked again: it carries its [`Trust`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use domain::routes::GATEWAY;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::authority::{Authority, WebOrigin};
use crate::call::pause;
use crate::settings::Secret;
use crate::{App, Error, Request, Response, full};

/// Header that carries a request's trust from the gateway to a function: `checked <secret>` or `delivery <secret>`. The secret is `APP_API_TOKEN`,
/// which no caller has. The guard removes the header from every request.
pub const MARK: HeaderName = HeaderName::from_static("taskflow-gateway");
/// Prefix of the paths of probes, which accept any name.
const PROBES: &str = "/health/";
/// Response headers that a page of another origin may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("ETag, Location, X-Total-Count, Link, Taskflow-Change");
/// Methods that a page of another origin may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Seconds for which a browser may cache the answer to a preflight.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("600");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// First pause after a wrong token; it doubles each time.
const GUESS_PAUSE: Duration = Duration::from_millis(50);
/// Maximum pause after a wrong token.
const GUESS_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long wrong tokens are remembered after the last one.
const GUESSES_KEPT: Duration = Duration::from_mins(1);
/// Maximum wrong tokens that wait; more are refused without a pause, so that they use no memory.
const GUESSES_WAITING: usize = 1_000;
/// Characters below which a token can be guessed in reasonable time.
const TOKEN_GOOD: usize = 32;

/// The trust of a request. Inside a process it is an extension of the request, which no caller can set; from the gateway to a function it is the
/// header [`MARK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// From outside.
    Caller,
    /// From outside through AWS Lambda, which routes by the function's name, so no other name is possible.
    Named,
    /// Forwarded by the gateway or another function, after its own checks.
    Checked,
    /// Delivered by Taskflow: a fact from the bus, or a job.
    Delivery,
}

impl Trust {
    fn word(self) -> &'static str {
        if self == Self::Delivery { "delivery" } else { "checked" }
    }

    /// Determines a request's trust, and removes the mark from it.
    pub(crate) fn of(app: &App, function: &str, request: &mut Request) -> Self {
        let mark = request.headers_mut().remove(MARK);
        if let Some(trust) = request.extensions().get::<Self>() {
            return *trust;
        }
        // No trusted part calls the gateway.
        let mark = mark.filter(|_| function != GATEWAY.name);
        match (mark, &app.settings.app_api_token) {
            (Some(mark), Some(secret)) => Self::read(mark.as_bytes(), secret),
            _ => Self::Caller,
        }
    }

    fn read(mark: &[u8], secret: &Secret) -> Self {
        let is = |trust: Self| is_same(mark, format!("{} {}", trust.word(), secret.expose()).as_bytes());
        [Self::Checked, Self::Delivery].into_iter().find(|trust| is(*trust)).unwrap_or(Self::Caller)
    }

    /// Returns the value of [`MARK`] for a forwarded request; `None` if this process did not check it.
    #[must_use]
    pub fn mark(self, secret: &Secret) -> Option<HeaderValue> {
        if self < Self::Checked {
            return None;
        }
        let mut mark = HeaderValue::try_from(format!("{} {}", self.word(), secret.expose())).ok()?;
        mark.set_sensitive(true);
        Some(mark)
    }
}

/// Checks a request. Returns its trust for forwarding, or the answer to a CORS preflight.
///
/// # Errors
/// [`Error::Malformed`] without one readable Host; [`Error::Misdirected`] for an unknown name; [`Error::Forbidden`] for a page of another origin.
pub(crate) fn admit(app: &App, function: &str, trust: Trust, request: &mut Request) -> Result<Option<Response>, Error> {
    if trust < Trust::Checked {
        check_framing(request.headers())?;
        let own = called_by(request)?;
        if trust == Trust::Caller && request.uri().path().strip_prefix(PROBES).is_none_or(str::is_empty) {
            check_name(app, function, own.as_ref())?;
        }
        let (method, headers) = (request.method(), request.headers());
        if is_preflight(method, headers) {
            check_page(app, own.as_ref(), headers)?;
            return Ok(Some(preflight(headers)));
        }
        if changes(method) || is_websocket(headers) {
            check_page(app, own.as_ref(), headers)?;
        }
    }
    request.extensions_mut().insert(trust.max(Trust::Checked));
    Ok(None)
}

/// Refuses a message whose end an intermediary may see elsewhere (RFC 9112, section 6.1): a transfer coding other than `chunked`, or a length beside
/// it.
fn check_framing(headers: &HeaderMap) -> Result<(), Error> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => {
            coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") && !headers.contains_key(header::CONTENT_LENGTH)
        }
        (Some(_), Some(_)) => false,
    };
    if is_plain { Ok(()) } else { Err(Error::Malformed("Transfer-Encoding is not chunked, or Content-Length is given too".to_owned())) }
}

/// Returns the name by which the caller called. In HTTP/2 and in absolute form it is part of the URI (RFC 9112, section 3.2.2; RFC 9113, section
/// 8.3.1), else it is the header Host.
fn called_by(request: &Request) -> Result<Option<Authority>, Error> {
    let malformed = || Error::Malformed("Host is not one host name, with a port or without".to_owned());
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Err(malformed());
    }
    let host = host.map(|host| host.to_str().ok().and_then(Authority::read).ok_or_else(malformed)).transpose()?;
    match request.uri().authority() {
        Some(named) => Authority::read(named.as_str()).map(Some).ok_or_else(malformed),
        None if host.is_none() && request.version() == Version::HTTP_11 => Err(malformed()),
        None => Ok(host),
    }
}

fn check_name(app: &App, function: &str, own: Option<&Authority>) -> Result<(), Error> {
    let settings = &app.settings;
    if settings.api_token.is_some() || own.is_some_and(|own| is_own(app, function, own)) {
        return Ok(());
    }
    Err(Error::Misdirected(own.map(ToString::to_string).unwrap_or_default()))
}

/// True for our own names. A numeric address always is, because rebinding needs a name.
fn is_own(app: &App, function: &str, called: &Authority) -> bool {
    let settings = &app.settings;
    called.is_loopback()
        || called.is_address()
        || settings.domains.contains(&called.host)
        || settings.function_of_host(&called.host).is_some()
        || settings.hosts.iter().any(|own| own.host == called.host && own.port.is_none_or(|port| called.port == Some(port)))
        || settings.function_url.host_of(function).is_some_and(|own| is_within_cluster(&own, &called.host))
}

/// True for a Service's name and its shorter forms in Kubernetes.
fn is_within_cluster(own: &str, called: &str) -> bool {
    own == called || (own.contains(".svc") && own.strip_prefix(called).is_some_and(|rest| rest.starts_with('.')))
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let upgrades = headers.get_all(header::UPGRADE).iter().filter_map(|value| value.to_str().ok());
    upgrades.flat_map(|value| value.split(',')).any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Refuses a page of another origin that is not in `TASKFLOW_ORIGINS`. A request without an origin is not from a browser, unless it says so.
fn check_page(app: &App, own: Option<&Authority>, headers: &HeaderMap) -> Result<(), Error> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let is_welcome = match (origins.next(), origins.next()) {
        (None, _) => !headers.get_all(FETCH_SITE).iter().any(|site| site == "cross-site" || site == "same-site"),
        (Some(origin), None) => origin
            .to_str()
            .ok()
            .and_then(WebOrigin::read)
            .is_some_and(|origin| app.settings.origins.contains(&origin) || own.is_some_and(|own| origin.is_of(own))),
        (Some(_), Some(_)) => false,
    };
    if is_welcome {
        return Ok(());
    }
    Err(Error::Forbidden("pages of this origin may not do this; add the origin to TASKFLOW_ORIGINS".to_owned()))
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(header::ORIGIN) && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    headers.extend(asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).map(|names| (header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone())));
    response
}

/// Returns the origin of a calling page that `TASKFLOW_ORIGINS` allows to read the response.
pub(crate) fn reader(app: &App, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let read = WebOrigin::read(origin.to_str().ok()?)?;
    app.settings.origins.contains(&read).then(|| origin.clone())
}

/// Adds the headers for browsers and caches.
pub(crate) fn seal(app: &App, trust: Trust, reader: Option<HeaderValue>, headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    // The gateway adds the others.
    if trust >= Trust::Checked {
        return;
    }
    if !app.settings.origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(reader) = reader {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, reader);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Checks the caller's token, if one is set: `Authorization: Bearer <token>`, or the subprotocol `bearer.<base64url>` for a WebSocket, whose headers
/// a page cannot set. A wrong token is answered after a pause, which grows with their number.
///
/// # Errors
/// [`Error::Unauthorized`].
pub async fn authorize(app: &App, headers: &HeaderMap) -> Result<(), Error> {
    let Some(token) = &app.settings.api_token else { return Ok(()) };
    let given = credential(headers).ok_or(Error::Unauthorized)?;
    if is_same(&given, token.expose().as_bytes()) {
        return Ok(());
    }
    pause_after_guess(app).await;
    Err(Error::Unauthorized)
}

/// Delays the response to a wrong credential. The delay grows with the number of wrong ones.
pub(crate) async fn pause_after_guess(app: &App) {
    tokio::select! {
        () = app.guesses.pause() => {}
        () = app.stopping.cancelled() => {}
    }
}

fn credential(headers: &HeaderMap) -> Option<Vec<u8>> {
    let bearer = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let bearer =
        bearer.filter(|value| value.len() > 7 && value[..7].eq_ignore_ascii_case(b"bearer ")).map(|value| value[7..].trim_ascii().to_vec());
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut protocols = protocols.flat_map(|value| value.split(','));
    let decode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    bearer.or_else(|| protocols.find_map(|protocol| decode(protocol.trim().strip_prefix("bearer.")?)))
}

/// Compares secrets in constant time.
#[must_use]
pub fn is_same(given: &[u8], secret: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    given.ct_eq(secret).into()
}

/// Warns if the token can be guessed.
pub fn warn_of_weak_token(app: &App) {
    if app.settings.api_token.as_ref().is_some_and(|token| token.expose().len() < TOKEN_GOOD) {
        tracing::warn!(
            "TASKFLOW_API_TOKEN is shorter than {TOKEN_GOOD} characters and can be guessed; set a longer one, such as the output of `openssl rand -hex 32`"
        );
    }
}

/// Recent wrong tokens. They slow guessing callers down; callers with the right token never wait.
pub struct Guesses {
    failures: Mutex<Option<(u32, Instant)>>,
    waiting: Semaphore,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { failures: Mutex::default(), waiting: Semaphore::new(GUESSES_WAITING) }
    }
}

impl Guesses {
    /// Counts a wrong token, and waits; the pause grows with their number.
    async fn pause(&self) {
        let before = self.count();
        if let Ok(_place) = self.waiting.try_acquire() {
            tokio::time::sleep(pause(before, GUESS_PAUSE).min(GUESS_PAUSE_MAX)).await;
        }
    }

    /// Counts a wrong token, and returns the number of earlier ones.
    fn count(&self) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let before = failures.filter(|(_, last)| last.elapsed() < GUESSES_KEPT).map_or(0, |(count, _)| count);
        *failures = Some((before.saturating_add(1), Instant::now()));
        before
    }
}
