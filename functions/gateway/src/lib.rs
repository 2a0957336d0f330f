//! The one always-on piece: finds the function for every call (by method and path) and for every event (by its type).
//!
//! It knows the table of routes and the port to the functions. What everybody may ask for without a token it answers by itself: the page
//! with its assets, and the health of the whole. Behind Dapr it is also the app that the one
//! sidecar delivers to: records of Kafka and calls of jobs.

pub mod ahead;
#[cfg(feature = "sidecar")]
mod app_channel;
mod compression;
mod dead_letters;
mod events;
mod health;
mod letter;

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

/// The gateway's own name; nobody routes to it.
pub const NAME: &str = routes::GATEWAY.name;

/// The function: every operation of the table of routes, and the gateway's own paths.
#[must_use]
pub fn function() -> Function {
    with(Arc::default())
}

fn with(ahead: Arc<Ahead>) -> Function {
    let gateway = Arc::new(Gateway { own: OnceCell::new(), ahead, compressor: Compressor::default() });
    let (open, commanded, batched) = (gateway.clone(), gateway.clone(), gateway.clone());
    operations(routes::ALL, &gateway)
        .also_by(move |service| open_https(service, open.clone()))
        .path(Method::POST, "/", false, move |app, request| events::route(commanded.clone(), app, request, None))
        .path(Method::POST, events::BATCHES, false, move |app, request| events::batches(batched.clone(), app, request))
        .path(Method::GET, METRICS, false, metrics)
        .path(Method::GET, dead_letters::PATH, false, dead_letters::read)
        .path(Method::POST, dead_letters::PATH, false, dead_letters::replay)
}

/// The gateway with the operations of these functions.
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

/// Serves HTTPS where the settings name a domain: the gateway by the domain, and each function by a name of its own if it has one.
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

/// Where the metrics are.
const METRICS: &str = "/metrics";
/// The media type of their text form.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the gateway keeps between calls.
pub(crate) struct Gateway {
    own: OnceCell<Own>,
    ahead: Arc<Ahead>,
    pub(crate) compressor: Compressor,
}

/// The functions that the gateway runs itself, because everybody may call them: forwarded, each stranger would wake a function.
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

/// Answers an operation of this function, as one of its own or by a call. Whoever makes up a link wakes no function.
async fn answer(
    gateway: Arc<Gateway>,
    app: Arc<App>,
    route: &'static Route,
    operation: &'static Operation,
    mut request: Request,
) -> Result<Response, Error> {
    if operation.access == Access::Link && Link::read(request.uri().path(), &app.settings).is_none() {
        return Ok(link::refused());
    }
    if *route != routes::WEB && *route != routes::HEALTH {
        if operation.is_streamed {
            request.extensions_mut().insert(Streamed);
        } else if request.method() != Method::GET {
            // Before the body is read in order to be passed on.
            expects_json(request.method(), request.headers(), request.body())?;
            gateway.ahead.with_call(&app, route);
        }
        return Ok(call(&app, route, request).await);
    }
    let own = gateway.own.get_or_try_init(|| async { Own::new(&app) }).await?;
    if *route == routes::WEB { Ok(own.web.handle(request).await) } else { own.health.answer(&app, request).await }
}

/// Calls a function, counts the call, and sees to what the function could not publish.
pub(crate) async fn call(app: &Arc<App>, route: &'static Route, request: Request) -> Response {
    let (method, begin) = (request.method().clone(), Instant::now());
    let mut response = app.functions.call(route, request).await;
    let status = response.status();
    app.metrics.call(route.name, &method, status, begin.elapsed());
    // The header is not for the caller. After a call that broke off nobody knows what is in the outbox.
    let waits = response.headers_mut().remove(OUTBOX).is_some();
    if waits || (method != Method::GET && broke_off(status)) {
        see_to_outbox(app);
    }
    response
}

fn broke_off(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

/// Has the outbox emptied, without waiting for it.
pub(crate) fn see_to_outbox(app: &Arc<App>) {
    let app = app.clone();
    app.clone().background.spawn(async move {
        if let Err(error) = app.publisher.publish_all().await {
            tracing::debug!(error = %error, "the outbox waits");
        }
    });
}

/// What the process counts, as Prometheus reads it.
async fn metrics(app: Arc<App>, _: Request) -> Result<Response, Error> {
    if let Some(depth) = app.publisher.depth().await {
        app.metrics.outbox(depth);
    }
    Ok(Answer::of(METRICS_TYPE, app.metrics.text().map_err(Error::internal)?).into())
}

/// A request to a function that carries its caller's token and trace, and is trusted that far.
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
