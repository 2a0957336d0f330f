//! Reads and deletes resources.

use std::sync::Arc;

use domain::routes;
use domain::transfer::is_resource_name;
use function::service::telling;
use function::{App, Error, Request, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use icalendar::{Object, Stamp};
use store::Resource;

use crate::{CALENDAR, access, answer};

/// The media type of a resource.
pub(crate) const TYPE: &str = "text/calendar; charset=utf-8; component=VTODO";

/// Returns the text of a resource: what the client wrote, with Taskflow's changes since.
pub(crate) fn text(resource: &Resource) -> String {
    let changes = resource.task.version.saturating_sub(resource.written_version);
    let stamp = Stamp { uid: &resource.uid, changes, reminders: &resource.reminders };
    let object = Object::parse(&resource.written).unwrap_or_else(|_| Object::empty(&resource.task, &resource.uid));
    object.with(&resource.task, stamp)
}

/// Returns the ETag of a resource. Each task, each version of it and each list of its other reminders has another text.
pub(crate) fn etag(resource: &Resource) -> String {
    let reminders: String = resource.reminders.iter().map(|offset| format!("-{offset}").replace(' ', "")).collect();
    format!("\"{}-{}{reminders}\"", resource.task.id, resource.task.version)
}

/// Returns the path of a resource.
pub(crate) fn path(name: &str) -> String {
    format!(
        "{CALENDAR}{}",
        percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string().replace("%2D", "-").replace("%2E", ".")
    )
}

/// Returns the name of the resource with this path.
pub(crate) fn name(path: &str) -> Option<String> {
    let name = percent_encoding::percent_decode_str(path.strip_prefix(CALENDAR)?).decode_utf8().ok()?;
    is_resource_name(&name).then(|| name.into_owned())
}

pub(crate) fn missing(path: &str) -> Error {
    Error::NotFound(format!("no resource has the path {path}"))
}

/// Checks `If-Match` and `If-None-Match` against the existing resource.
pub(crate) fn check_preconditions(headers: &HeaderMap, found: Option<&Resource>) -> Result<(), Error> {
    let own = found.map(etag);
    let names_it = |name: HeaderName| {
        let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        if values.is_empty() {
            return None;
        }
        let mut tags = values.iter().flat_map(|value| value.split(',')).map(str::trim);
        Some(tags.any(|tag| if tag == "*" { own.is_some() } else { Some(tag) == own.as_deref() }))
    };
    if names_it(header::IF_MATCH) == Some(false) || names_it(header::IF_NONE_MATCH) == Some(true) {
        return Err(Error::PreconditionFailed);
    }
    Ok(())
}

/// Returns a resource as a response.
pub(crate) async fn get(app: Arc<App>, request: Request) -> Result<Response, Error> {
    access::check(&app, request.headers()).await?;
    let path = request.uri().path();
    let name = name(path).ok_or_else(|| missing(path))?;
    let found = app.store()?.resources_named(&[name]).await?;
    let resource = found.first().ok_or_else(|| missing(path))?;
    let etag = etag(resource);
    let is_known =
        request.headers().get_all(header::IF_NONE_MATCH).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(&etag)));
    let mut response =
        if is_known { answer(StatusCode::NOT_MODIFIED, "", String::new()) } else { answer(StatusCode::OK, TYPE, text(resource)) };
    with_etag(&mut response, &etag);
    Ok(response)
}

/// Adds the ETag to a response.
pub(crate) fn with_etag(response: &mut Response, etag: &str) {
    response.headers_mut().extend(HeaderValue::try_from(etag).ok().map(|etag| (header::ETAG, etag)));
}

/// Returns the subject by which changes of a resource queue: its name.
pub(crate) fn subject(name: &str) -> Option<store::Subject> {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(name.as_bytes());
    digest.first_chunk().map(|bytes| ("calendar", i64::from_be_bytes(*bytes)))
}

/// Moves the task of a resource to the trash.
pub(crate) async fn delete(app: Arc<App>, request: Request) -> Result<Response, Error> {
    access::check(&app, request.headers()).await?;
    let path = request.uri().path().to_owned();
    let Some(name) = name(&path) else {
        return Err(Error::Forbidden("the calendar itself cannot be deleted".to_owned()));
    };
    let mut change = app.change_on(subject(&name), app.origin(routes::CALENDAR.name), None).await?;
    let found = change.unit.resource(&name).await?;
    check_preconditions(request.headers(), found.as_ref())?;
    let resource = found.ok_or_else(|| missing(&path))?;
    change.unit.delete_task(&resource.task).await?;
    let published = change.commit().await?;
    Ok(telling(answer(StatusCode::NO_CONTENT, "", String::new()), published))
}
