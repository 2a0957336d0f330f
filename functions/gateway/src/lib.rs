//! The one always-on piece: finds the function for every call (by method and path) and for every event (by its type).
//!
//! It knows the table of routes and the port to the functions, and nothing of what they do.

mod events;

use std::sync::Arc;

use domain::routes::{self, Operation, Route};
use function::service::OUTBOX;
use function::{App, Error, Function, Request, Response};
use http::{HeaderValue, Method};

/// The gateway's own name; nobody routes to it.
pub const NAME: &str = routes::GATEWAY.name;

/// The function.
///
/// # Panics
/// Never: a test mounts the table of routes.
#[must_use]
pub fn function() -> Function {
    let table = Arc::new(Table::new());
    Function::new(routes::GATEWAY).fallback(move |app, request| {
        let table = table.clone();
        async move { table.answer(app, request).await }
    })
}

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
        match self.find(&path, request.method()) {
            Ok(route) => see_to_outbox(&app, app.functions.call(route, request).await),
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

/// A function that could not publish says so; its caller need not know, somebody has to see to it.
fn see_to_outbox(app: &Arc<App>, mut response: Response) -> Response {
    if response.headers_mut().remove(OUTBOX).is_some() {
        let app = app.clone();
        app.clone().background.spawn(async move {
            if let Err(error) = app.publisher.publish_all().await {
                tracing::debug!(error = %error, "the outbox waits");
            }
        });
    }
    response
}

/// A request to a function that carries its caller's token and trace.
pub(crate) fn forwarded(headers: &http::HeaderMap, content_type: &'static str, body: Vec<u8>) -> Request {
    let mut request = Request::new(function::full(body));
    *request.method_mut() = Method::POST;
    let own = request.headers_mut();
    for name in [http::header::AUTHORIZATION, function::service::CORRELATION] {
        if let Some(value) = headers.get(&name) {
            own.insert(name, value.clone());
        }
    }
    own.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    request
}
