//! The feed: tasks with due dates, for read-only calendars.

use std::sync::Arc;

use domain::task::Status;
use function::{App, Error, Request, Response};
use http::{HeaderValue, StatusCode, header};
use store::{Resource, Resources};

use crate::{access, answer};

/// Maximum number of events in a feed. Google and Apple do not read larger ones.
const EVENTS_MAX: usize = 10_000;
/// How long a reader may cache the feed.
const FRESH: HeaderValue = HeaderValue::from_static("private, max-age=3600");
/// SEQUENCE counts seconds since 2020, so it grows with each change, also from one occurrence to the next.
const SEQUENCE_BEGINS: i64 = 1_577_836_800;

/// Returns the feed, or 304 if nothing has changed.
pub(crate) async fn get(app: Arc<App>, request: Request) -> Result<Response, Error> {
    access::check_feed(&app, request.uri()).await?;
    let point = app.store()?.sync_point(app.now()).await?;
    let etag = format!("\"{}.{}\"", point.now, point.next);
    let is_known = request.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = is_known.flat_map(|value| value.split(','));
    let mut response = if tags.any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag) {
        answer(StatusCode::NOT_MODIFIED, "", String::new())
    } else {
        let due = due(&app).await?;
        let events = due.iter().map(|resource| (&resource.task, resource.uid.as_str(), sequence(resource)));
        answer(StatusCode::OK, "text/calendar; charset=utf-8", icalendar::feed(events))
    };
    let headers = response.headers_mut();
    headers.extend(HeaderValue::try_from(etag).ok().map(|etag| (header::ETAG, etag)));
    headers.insert(header::CACHE_CONTROL, FRESH);
    Ok(response)
}

fn sequence(resource: &Resource) -> i64 {
    (resource.task.updated_at.get().as_second() - SEQUENCE_BEGINS).clamp(0, i64::from(i32::MAX))
}

async fn due(app: &App) -> Result<Vec<Resource>, Error> {
    let (mut due, mut after) = (Vec::new(), 0);
    while due.len() < EVENTS_MAX {
        let page = app.store()?.resources(Resources { since: None, after }).await?;
        let Some(last) = page.last() else { break };
        after = last.task.id;
        due.extend(page.into_iter().filter(|resource| resource.task.status == Status::Pending && resource.task.due_date.is_some()));
    }
    due.truncate(EVENTS_MAX);
    Ok(due)
}
