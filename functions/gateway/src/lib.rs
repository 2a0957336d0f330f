//! The gateway, the only program that is always on: routes every call (by method and path) and every event (by type) to its function.
//!
//! It uses the table of routes and the port to the functions. It answers requests that need no token itself: the page with its assets, and the health
//! report. Behind Dapr it is also the app that the sidecar delivers Kafka records and job calls to.

pub mod ahead;
#[cfg(feature = "sidecar")]
mod app_channel;
mod compression;
mod dead_letters;
mod events;
mod health;
mod letter;
mod polls;

use std::sync::Arc;
use std::time::Instant;

use domain::routes::{self, Access, Operation, Route};
use function::body::Streamed;
use function::guard::Trust;
use function::input::expects_json;
use function::link::{self, Link};
use function::service::{OUTBOX, Service};
use function::{Answer, App, BoxError, Error, Function, Request, Response, full};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::OnceCell;

use crate::ahead::Ahead;
#[cfg(feature = "sidecar")]
pub use crate::app_channel::behind_dapr;
use crate::compression::Compressor;
use crate::health::Health;
use crate::polls::Polls;

/// Name of the gateway, which no route leads to.
pub const NAME: &str = routes::GATEWAY.name;

/// Returns the function: every operation of the table of routes, and the gateway's own paths.
#[must_use]
pub fn function() -> Function {
    // In one process, functions do not sleep, so polling needs no cache.
    with(Arc::default(), Arc::new(Polls::new(false)))
}

fn with(ahead: Arc<Ahead>, polls: Arc<Polls>) -> Function {
    let gateway = Arc::new(Gateway { own: OnceCell::new(), ahead, polls, compressor: Compressor::default() });
    let (open, commanded, batched) = (gateway.clone(), gateway.clone(), gateway.clone());
    operations(routes::ALL, &gateway)
        .also_by(move |service| open_https(service, open.clone()))
        .path(Method::POST, "/", false, move |app, request| events::route(commanded.clone(), app, request, None))
        .path(Method::POST, events::BATCHES, false, move |app, request| events::batches(batched.clone(), app, request))
        .path(Method::GET, METRICS, false, metrics)
        .path(Method::GET, dead_letters::PATH, false, dead_letters::read)
        .path(Method::POST, dead_letters::PATH, false, dead_letters::replay)
}

/// Returns the gateway with the operations of these functions.
fn operations(functions: &'static [Route], gateway: &Arc<Gateway>) -> Function {
    let operations = functions.iter().flat_map(|route| route.operations.iter().map(move |operation| (route, operation)));
    operations.fold(Function::new(routes::GATEWAY), |function, (route, operation)| {
        let gateway = gateway.clone();
        function.operation(operation, move |app, request| {
            let gateway = gateway.clone();
            async move { gateway.compressor.around(request, |request| answer(gateway.clone(), app, route, operation, request)).await }
        })
    })
}

/// Serves HTTPS if a domain is set: the gateway under the domain, and each function under its own name if it has one.
async fn open_https(service: Service, gateway: Arc<Gateway>) -> Result<(), BoxError> {
    let settings = &service.app().settings;
    let names = settings.domains.iter().flat_map(|domain| routes::ALL.iter().map(move |route| (route, format!("{}.{domain}", route.name))));
    let names = names.filter(|(_, name)| settings.function_of_host(name).is_some());
    let functions = names.map(|(route, name)| {
        let commanded = gateway.clone();
        let function = operations(std::slice::from_ref(route), &gateway);
        let function =
            function.path(Method::POST, "/", false, move |app, request| events::route(commanded.clone(), app, request, Some(route)));
        Ok((name, Service::new(service.app().clone(), function)?))
    });
    https::open(&service, functions.collect::<Result<Vec<_>, BoxError>>()?).await
}

/// Path of the metrics.
const METRICS: &str = "/metrics";
/// Media type of the metrics.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// State of the gateway between calls.
pub(crate) struct Gateway {
    own: OnceCell<Own>,
    ahead: Arc<Ahead>,
    polls: Arc<Polls>,
    pub(crate) compressor: Compressor,
}

/// Functions that run in the gateway, because anyone may call them. If the gateway forwarded these calls, each anonymous caller would wake
/// a function.
struct Own {
    web: Service,
    health: Health,
}

impl Own {
    fn new(app: &Arc<App>) -> Result<Self, Error> {
        let mount = |function| Service::new(app.clone(), function).map_err(Error::internal);
        Ok(Self { web: mount(web::function())?, health: Health::new(mount(::health::function())?) })
    }
}

/// Answers an operation of this function, in the gateway or by a call. A forged link wakes no function.
async fn answer(
    gateway: Arc<Gateway>,
    app: Arc<App>,
    route: &'static Route,
    operation: &'static Operation,
    mut request: Request,
) -> Result<Response, Error> {
    match operation.access {
        Access::Link if Link::read(request.uri().path(), &app.settings).is_none() => return Ok(link::refused()),
        Access::AppPassword | Access::FeedKey => return Ok(calendar(&gateway, &app, route, operation, request).await),
        _ if operation.path == routes::WELL_KNOWN_CALDAV => return Ok(to_calendar()),
        _ => {}
    }
    // Cached answers must not outlive a revoked app password.
    if operation.path.starts_with(routes::APP_PASSWORDS) && operation.changes() {
        let response = call(&app, route, request).await;
        gateway.polls.forget();
        return Ok(response);
    }
    if *route != routes::WEB && *route != routes::HEALTH {
        if operation.is_streamed {
            request.extensions_mut().insert(Streamed);
        } else if request.method() != Method::GET {
            // Checked before the body is read for forwarding.
            expects_json(request.method(), request.headers(), request.body())?;
            gateway.ahead.with_call(&app, route);
        }
        return Ok(call(&app, route, request).await);
    }
    let own = gateway.own.get_or_try_init(|| async { Own::new(&app) }).await?;
    if *route == routes::WEB { Ok(own.web.handle(request).await) } else { own.health.answer(&app, request).await }
}

/// Answers a calendar client, from the cache if nothing has changed since its last identical request.
async fn calendar(gateway: &Gateway, app: &Arc<App>, route: &'static Route, operation: &Operation, request: Request) -> Response {
    if !operation.changes() {
        return gateway.polls.around(request, |request| call(app, route, request)).await;
    }
    gateway.ahead.with_call(app, route);
    let response = call(app, route, request).await;
    gateway.polls.forget();
    response
}

/// Redirects clients that only know the host to the calendar, without waking the function.
fn to_calendar() -> Response {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(http::header::LOCATION, HeaderValue::from_static(routes::DAV_ROOT));
    response
}

/// Calls a function, counts the call, and publishes the events that the function could not.
pub(crate) async fn call(app: &Arc<App>, route: &'static Route, request: Request) -> Response {
    let (method, begin) = (request.method().clone(), Instant::now());
    let mut response = app.functions.call(route, request).await;
    let status = response.status();
    app.metrics.call(route.name, &method, status, begin.elapsed());
    // The header is not for the caller. After a broken call the state of the outbox is unknown.
    let waits = response.headers_mut().remove(OUTBOX).is_some();
    if waits || (method != Method::GET && broke_off(status)) {
        see_to_outbox(app);
    }
    response
}

fn broke_off(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

/// Starts emptying the outbox in the background.
pub(crate) fn see_to_outbox(app: &Arc<App>) {
    let app = app.clone();
    app.clone().background.spawn(async move {
        if let Err(error) = app.publisher.publish_all().await {
            tracing::debug!(error = %error, "the outbox could not be emptied yet");
        }
    });
}

/// Returns the process's metrics in Prometheus's text format.
async fn metrics(app: Arc<App>, _: Request) -> Result<Response, Error> {
    if let Some(depth) = app.publisher.depth().await {
        app.metrics.outbox(depth);
    }
    Ok(Answer::of(METRICS_TYPE, app.metrics.text().map_err(Error::internal)?).into())
}

/// Creates a request to a function with its caller's token, trace and trust.
pub(crate) fn forwarded(headers: &HeaderMap, content_type: &'static str, body: Vec<u8>, trust: Trust) -> Request {
    let mut request = Request::new(full(body));
    *request.method_mut() = Method::POST;
    request.extensions_mut().insert(trust);
    let own = request.headers_mut();
    for name in [http::header::AUTHORIZATION, function::service::CORRELATION, function::service::TRACEPARENT] {
        if let Some(value) = headers.get(&name) {
            own.insert(name, value.clone());
        }
    }
    own.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    request
}
