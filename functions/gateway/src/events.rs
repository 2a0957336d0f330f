//! `POST /`: any CloudEvent, routed by its type. A command goes to the function that obeys it, any other event to all that consume it.

use std::sync::Arc;

use cloudevents::{AttributesReader, Event};
use domain::Invalid;
use domain::event::{CommandType, EventType, Topic};
use domain::routes::{self, Route};
use function::cloud_event::{self, BATCH, Incoming, STRUCTURED};
use function::{App, Error, Request, Response, full};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

pub(crate) async fn route(app: &Arc<App>, request: Request) -> Result<Response, Error> {
    function::service::authorize(app, request.headers())?;
    let (parts, body) = request.into_parts();
    let body = function::service::collect(body).await?;
    match cloud_event::read(&parts.headers, &body)? {
        Incoming::One(event) => one(app, &parts.headers, &event).await,
        Incoming::Batch(events) => batch(app, &parts.headers, events).await,
    }
}

async fn one(app: &Arc<App>, headers: &HeaderMap, event: &Event) -> Result<Response, Error> {
    let mut last = Response::new(full(""));
    for route in takers(event)? {
        let request = super::forwarded(headers, STRUCTURED, serde_json::to_vec(event)?);
        last = super::call(app, route, request).await;
        if !last.status().is_success() {
            break;
        }
    }
    Ok(last)
}

/// In order, each on its own; one that fails does not undo the others.
async fn batch(app: &Arc<App>, headers: &HeaderMap, events: Vec<Event>) -> Result<Response, Error> {
    let mut answers: Vec<Value> = Vec::new();
    for event in events {
        let response = match one(app, headers, &event).await {
            Ok(response) => response,
            Err(error) => error.into_response("/"),
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(Error::Internal)?.to_bytes();
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        if parts.status.is_success() {
            answers.extend(answer);
        } else {
            let problem = answer.unwrap_or_else(|| json!({ "status": parts.status.as_u16() }));
            let origin = cloud_event::origin(app, super::NAME, &event);
            answers.push(serde_json::to_value(function::service::failed_event(app, &origin, &event, &problem)?)?);
        }
    }
    let mut response = Response::new(full(serde_json::to_vec(&answers)?));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(BATCH));
    Ok(response)
}

/// The functions that an event is for.
fn takers(event: &Event) -> Result<Vec<&'static Route>, Error> {
    if let Ok(command) = event.ty().parse::<CommandType>() {
        return Ok(routes::of_command(command).into_iter().collect());
    }
    let ty = event.ty().parse::<EventType>().map_err(|unknown| Invalid::field("/type", format_args!("{unknown}: {}", event.ty())))?;
    let topic = topic(ty, event);
    Ok(routes::ALL.iter().filter(|route| route.wants(topic, ty).is_some()).collect())
}

/// The topic on which such an event travels; the data tells an update for pages from what happened.
fn topic(ty: EventType, event: &Event) -> Topic {
    let is_update = cloud_event::data(event).is_ok_and(|data| data.get("update_data").is_some());
    match ty {
        _ if is_update => Topic::TaskUpdates,
        EventType::TaskCreated | EventType::TaskUpdated | EventType::TaskCompleted | EventType::TaskDeleted => Topic::TaskEvents,
        _ => Topic::Reminders,
    }
}
