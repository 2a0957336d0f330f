//! The one always-on piece: finds the function for every call (by method and path) and for every event (by its type).
//!
//! It knows the table of routes and the port to the functions, and nothing of what they do. Behind Dapr it is also the app that the one
//! sidecar delivers to: records of Kafka and calls of jobs.

mod app_callback;
mod channel;
mod dead_letters;
mod events;
mod letter;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use domain::routes::{self, Operation, Route};
use function::service::OUTBOX;
use function::{Answer, App, Error, Function, Request, Response, full};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sidecar::Dapr;

use crate::channel::Channel;

/// The gateway's own name; nobody routes to it.
pub const NAME: &str = routes::GATEWAY.name;

/// The function.
#[must_use]
pub fn function() -> Function {
    let table = Arc::new(Table::new());
    Function::new(routes::GATEWAY).fallback(move |app, request| {
        let table = table.clone();
        async move { table.answer(app, request).await }
    })
}

/// The function as the app of a sidecar.
#[must_use]
pub fn behind_dapr(dapr: Dapr) -> Function {
    let channel = Arc::new(Channel::new(dapr.broker, dapr.scheduler));
    let listener = Mutex::new(Some(dapr.app_channel));
    function().at_start(move |app| {
        let channel = channel.clone();
        let listener = listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            let watching = watch::watch(app.clone(), channel.clone());
            match listener {
                Some(listener) => drop(tokio::join!(watching, app_callback::serve(listener, app, channel))),
                None => watching.await,
            }
        }
    })
}

/// Where probes ask whether it lives. The gateway answers by itself: forwarded, they would keep a function awake for nothing.
const LIVE: &str = "/health/live";
/// Where the metrics are.
const METRICS: &str = "/metrics";
/// The media type of their text form.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The paths of all functions.
struct Table {
    paths: matchit::Router<Vec<(&'static Operation, &'static Route)>>,
}

impl Table {
    fn new() -> Self {
        let mut lists: Vec<(&'static str, Vec<(&'static Operation, &'static Route)>)> = Vec::new();
        for route in routes::ALL {
            for operation in route.operations {
                match lists.iter_mut().find(|(path, _)| *path == operation.path) {
                    Some((_, list)) => list.push((operation, route)),
                    None => lists.push((operation.path, vec![(operation, route)])),
                }
            }
        }
        let mut paths = matchit::Router::new();
        for (path, list) in lists {
            if let Err(error) = paths.insert(path, list) {
                tracing::error!(path, %error, "two routes of one path");
            }
        }
        Self { paths }
    }

    async fn answer(&self, app: Arc<App>, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        if path == "/" && request.method() == Method::POST {
            return events::route(&app, request).await.unwrap_or_else(|error| error.into_response("/"));
        }
        if path == METRICS {
            return metrics(&app, request.method().clone(), request.headers().clone())
                .await
                .unwrap_or_else(|error| error.into_response(METRICS));
        }
        if path == LIVE && matches!(*request.method(), Method::GET | Method::HEAD) {
            return Answer::json(&serde_json::json!({ "status": "live" })).map_or_else(|error| error.into_response(LIVE), Into::into);
        }
        if path == dead_letters::PATH {
            return dead_letters::answer(&app, request).await.unwrap_or_else(|error| error.into_response(dead_letters::PATH));
        }
        match self.find(&path, request.method()) {
            Ok(route) => call(&app, route, request).await,
            Err(error) => error.into_response(&path),
        }
    }

    fn find(&self, path: &str, method: &Method) -> Result<&'static Route, Error> {
        let found = self.paths.at(path).map_err(|_| Error::NotFound(format!("there is nothing at {path}")))?;
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        let route = found.value.iter().find(|(operation, _)| operation.method.as_str() == method).map(|(_, route)| *route);
        route.ok_or_else(|| Error::MethodNotAllowed(allow(path, found.value)))
    }
}

fn allow(path: &str, operations: &[(&'static Operation, &'static Route)]) -> String {
    let mut methods: Vec<&str> = operations.iter().map(|(operation, _)| operation.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    if path == "/" {
        methods.push("POST");
    }
    methods.join(", ")
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
async fn metrics(app: &Arc<App>, method: Method, headers: HeaderMap) -> Result<Response, Error> {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD".to_owned()));
    }
    function::service::authorize(app, &headers)?;
    if let Some(depth) = app.publisher.depth().await {
        app.metrics.outbox(depth);
    }
    let mut response = Response::new(full(app.metrics.text().map_err(Error::internal)?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE));
    Ok(response)
}

/// A request to a function that carries its caller's token and trace.
pub(crate) fn forwarded(headers: &http::HeaderMap, content_type: &'static str, body: Vec<u8>) -> Request {
    let mut request = Request::new(function::full(body));
    *request.method_mut() = Method::POST;
    let own = request.headers_mut();
    for name in [http::header::AUTHORIZATION, function::service::CORRELATION, function::service::TRACEPARENT] {
        if let Some(value) = headers.get(&name) {
            own.insert(name, value.clone());
        }
    }
    own.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    request
}
