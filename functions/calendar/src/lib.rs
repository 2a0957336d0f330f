//! Tasks as a calendar: CalDAV (RFC 4791) with sync-collection (RFC 6578), and a feed.
//!
//! Every task is one VTODO of one calendar. The resource of a series stays with the pending occurrence, so a client sees its due date move forward; a
//! completed occurrence has its own resource. `intent.rs` interprets what clients write.

mod access;
mod feed;
mod filter;
mod find;
mod intent;
mod properties;
mod put;
mod resource;
mod xml;

use std::sync::Arc;

use domain::routes::{self, DAV_ROOT};
use function::{App, Body, Error, Function, Request, Response, full};
use http::{HeaderValue, StatusCode, header};

/// The path of the calendar. Its resources are below it.
const CALENDAR: &str = "/dav/calendars/tasks/";
/// The server's capabilities, for `OPTIONS`.
const DAV_CLASSES: &str = "1, 3, calendar-access";
/// Methods of all paths below [`DAV_ROOT`].
const METHODS: &str = "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, REPORT";

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::CALENDAR)
        .raw("getFeed", feed::get)
        .raw("findCalendar", redirect)
        .raw("davFindCalendar", redirect)
        .raw("davRootOptions", options)
        .raw("davRootPropfind", find::propfind)
        .raw("davOptions", options)
        .raw("davPropfind", find::propfind)
        .raw("davProppatch", find::proppatch)
        .raw("davReport", find::report)
        .raw("davGet", resource::get)
        .raw("davPut", put::put)
        .raw("davDelete", resource::delete)
}

/// Redirects clients that only know the host to the calendar (RFC 6764).
async fn redirect(_: Arc<App>, _: Request) -> Result<Response, Error> {
    let mut response = answer(StatusCode::MOVED_PERMANENTLY, "", String::new());
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(DAV_ROOT));
    Ok(response)
}

async fn options(app: Arc<App>, request: Request) -> Result<Response, Error> {
    access::check(&app, request.headers()).await?;
    let mut response = answer(StatusCode::OK, "", String::new());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(METHODS));
    Ok(response)
}

/// Returns a response of this type, with the headers that clients expect.
fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    respond(status, content_type, full(body))
}

/// Returns the same for any body.
fn respond(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if !content_type.is_empty() {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response.headers_mut().insert("dav", HeaderValue::from_static(DAV_CLASSES));
    response
}

/// Returns an error with a condition that clients read.
fn refusal(status: StatusCode, namespace: &str, condition: &str, content: &str, detail: &str) -> Response {
    answer(status, XML, xml::error(namespace, condition, content, detail))
}

/// Media type of WebDAV's bodies.
const XML: &str = "application/xml; charset=utf-8";
