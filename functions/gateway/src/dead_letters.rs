//! `/dead-letters`: reads the events that were given up, and hands one to its one consumer again.
//!
//! In one process the bus keeps them, and GET answers them. Behind Dapr they are records of the topic `dead-letters`: Kafka's own tools read
//! them there (`just dead-letters`), and what those print can be posted here as it is. The consumer's inbox makes it harmless to post one
//! that was taken already.

use std::sync::Arc;

use cloudevents::{AttributesReader, Event};
use domain::Invalid;
use domain::event::{CommandType, EventType, Topic};
use domain::routes::{self, Route};
use function::cloud_event::{self, BATCH, Incoming, STRUCTURED};
use function::ports::{ATTEMPTS, CONSUMER, LAST_ERROR};
use function::{App, Error, Request, Response, full};
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::letter::UNREADABLE;

/// Where they are.
pub(crate) const PATH: &str = "/dead-letters";
/// Letters that one answer shows.
const LETTERS_MAX: i64 = 500;
/// How many there are in all.
const TOTAL: &str = "x-total-count";

pub(crate) async fn answer(app: &Arc<App>, request: Request) -> Result<Response, Error> {
    function::service::authorize(app, request.headers())?;
    match *request.method() {
        Method::GET | Method::HEAD => read(app).await,
        Method::POST => replay(app, request).await,
        _ => Err(Error::MethodNotAllowed("GET, HEAD, POST".to_owned())),
    }
}

async fn read(app: &App) -> Result<Response, Error> {
    let Some(letters) = &app.dead_letters else {
        return Err(Error::NotFound("dead letters are records of the Kafka topic dead-letters here; Kafka's own tools read it".to_owned()));
    };
    let (letters, total) = letters.oldest(LETTERS_MAX).await.map_err(|error| Error::unavailable("the database", error))?;
    let mut response = Response::new(full(serde_json::to_vec(&letters)?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(BATCH));
    response.headers_mut().insert(TOTAL, total.into());
    Ok(response)
}

/// Once, without the patience of a delivery: whoever asks sees what the consumer says now.
async fn replay(app: &Arc<App>, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let body = function::service::collect(body).await?;
    let Incoming::One(event) = cloud_event::read(&parts.headers, &body)? else {
        return Err(Invalid::field("", "one dead letter at a time").into());
    };
    let route = consumer(&event)?;
    let response = super::call(app, route, super::forwarded(&parts.headers, STRUCTURED, as_it_came(&event)?)).await;
    if !response.status().is_success() {
        return said_here(response).await;
    }
    if let Some(letters) = &app.dead_letters {
        letters.taken(route.name, event.source(), event.id()).await.map_err(|error| Error::unavailable("the database", error))?;
    }
    tracing::info!(consumer = route.name, id = event.id(), "a dead letter was taken after all");
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// The consumer's problem, as one of this call.
async fn said_here(response: Response) -> Result<Response, Error> {
    let (mut parts, body) = response.into_parts();
    let mut body = body.collect().await.map_err(Error::Internal)?.to_bytes();
    if let Ok(mut problem) = serde_json::from_slice::<Value>(&body)
        && let Some(instance) = problem.get_mut("instance")
    {
        *instance = PATH.into();
        body = serde_json::to_vec(&problem)?.into();
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, full(body)))
}

/// Who could not take it; it must be one who takes such events.
fn consumer(event: &Event) -> Result<&'static Route, Invalid> {
    if event.ty() == UNREADABLE {
        return Err(Invalid::field("/type", "a record that was no event cannot be handed to anybody; send what it should have been"));
    }
    let name = cloud_event::extension(event, CONSUMER).ok_or_else(|| Invalid::field("/consumer", "is missing: who is to take it?"))?;
    let takes = |route: &&Route| match (event.ty().parse::<CommandType>(), event.ty().parse::<EventType>()) {
        (Ok(command), _) => route.commands().any(|own| own == command),
        (_, Ok(ty)) => Topic::ALL.iter().any(|topic| route.wants(*topic, ty).is_some()),
        _ => false,
    };
    let named = routes::ALL.iter().find(|route| route.name == name);
    named.filter(takes).ok_or_else(|| Invalid::field("/consumer", format_args!("{name} takes no {}", event.ty())))
}

fn as_it_came(event: &Event) -> Result<Vec<u8>, serde_json::Error> {
    let mut fields = serde_json::to_value(event)?;
    if let Some(fields) = fields.as_object_mut() {
        for name in [CONSUMER, ATTEMPTS, LAST_ERROR] {
            fields.remove(name);
        }
    }
    serde_json::to_vec(&fields)
}
