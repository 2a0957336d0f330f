//! `/dead-letters`: reads the events that were given up, and hands one to its one consumer again.
//!
//! The table `dead_letters` keeps them. Behind Dapr each is a record of the topic `dead-letters` as well: Kafka's own tools read
//! them there (`just dead-letters`), and what those print can be posted here as it is. The consumer's inbox makes it harmless to post one
//! that was taken already.

use std::sync::Arc;

use cloudevents::{AttributesReader, Event};
use domain::Invalid;
use domain::event::{CommandType, EventType, Topic};
use domain::routes::{self, Route};
use function::cloud_event::{self, BATCH, Incoming, STRUCTURED};
use function::guard::Trust;
use function::ports::CONSUMER;
use function::{Answer, App, Error, Request, Response, full};
use http::{HeaderName, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::letter::{self, UNREADABLE};

/// Where they are.
pub(crate) const PATH: &str = "/dead-letters";
/// Letters that one answer shows.
const LETTERS_MAX: i64 = 500;
/// How many there are in all.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

pub(crate) async fn read(app: Arc<App>, _: Request) -> Result<Response, Error> {
    let Some(letters) = &app.dead_letters else {
        return Err(Error::NotFound("a gateway without a sidecar delivers no events, so it keeps no dead letters".to_owned()));
    };
    let (letters, total) = letters.oldest(LETTERS_MAX).await.map_err(|error| Error::unavailable("the database", error))?;
    Ok(Answer::of(BATCH, serde_json::to_vec(&letters)?).header(TOTAL, total).into())
}

/// Delivers a letter once, without retries: the caller sees the answer of the consumer.
pub(crate) async fn replay(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let body = function::body::collect(body).await?;
    let Incoming::One(event) = cloud_event::read(&parts.headers, &body)? else {
        return Err(Invalid::field("", "one dead letter at a time").into());
    };
    let route = consumer(&event)?;
    let letter = set_aside(&app, route, &event, &body).await?;
    let delivery = super::forwarded(&parts.headers, STRUCTURED, serde_json::to_vec(&letter::as_it_came(&letter))?, Trust::Delivery);
    let response = super::call(&app, route, delivery).await;
    if !response.status().is_success() {
        return said_here(response).await;
    }
    if let Some(letters) = &app.dead_letters {
        letters.taken(route.name, event.source(), event.id()).await.map_err(|error| Error::unavailable("the database", error))?;
    }
    tracing::info!(consumer = route.name, id = event.id(), "a dead letter was taken after all");
    Ok(Answer::empty(StatusCode::NO_CONTENT).into())
}

/// The letter, as it was set aside: a caller must not bring facts by calling them dead letters.
async fn set_aside(app: &App, route: &Route, event: &Event, body: &[u8]) -> Result<Value, Error> {
    let kept = match &app.dead_letters {
        Some(letters) => {
            letters.find(route.name, event.source(), event.id()).await.map_err(|error| Error::unavailable("the database", error))?
        }
        None => None,
    };
    let kept = kept.or_else(|| serde_json::from_slice(body).ok().filter(|letter| letter::is_ours(app, letter)));
    kept.ok_or_else(|| {
        Error::Forbidden(format!("{} is no dead letter of {} as Taskflow set it aside, or was taken already", event.id(), route.name))
    })
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
