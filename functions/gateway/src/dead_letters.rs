//! `/dead-letters`: lists the dead letters, and delivers one to its consumer again.
//!
//! The table `dead_letters` stores them. Behind Dapr each is also a record of the topic `dead-letters`, where Kafka's own tools read them
//! (`just dead-letters`), and their output can be posted here unchanged. The consumer's inbox makes a repeated replay harmless.

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

/// Path of the letters.
pub(crate) const PATH: &str = "/dead-letters";
/// Maximum letters of an answer.
const LETTERS_MAX: i64 = 500;
/// Header with the total number.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

pub(crate) async fn read(app: Arc<App>, _: Request) -> Result<Response, Error> {
    let Some(letters) = &app.dead_letters else {
        return Err(Error::NotFound("a gateway without a sidecar delivers no events and has no dead letters".to_owned()));
    };
    let (letters, total) = letters.oldest(LETTERS_MAX).await.map_err(|error| Error::unavailable("the database", error))?;
    Ok(Answer::of(BATCH, serde_json::to_vec(&letters)?).header(TOTAL, total).into())
}

/// Delivers a letter once, without retries: the caller gets the consumer's answer.
pub(crate) async fn replay(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let body = function::body::collect(body).await?;
    let Incoming::One(event) = cloud_event::read(&parts.headers, &body)? else {
        return Err(Invalid::field("", "send one dead letter per request").into());
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
    tracing::info!(consumer = route.name, id = event.id(), "a dead letter was replayed");
    Ok(Answer::empty(StatusCode::NO_CONTENT).into())
}

/// Returns the stored letter, because a caller must not send facts disguised as dead letters.
async fn set_aside(app: &App, route: &Route, event: &Event, body: &[u8]) -> Result<Value, Error> {
    let kept = match &app.dead_letters {
        Some(letters) => {
            letters.find(route.name, event.source(), event.id()).await.map_err(|error| Error::unavailable("the database", error))?
        }
        None => None,
    };
    let kept = kept.or_else(|| serde_json::from_slice(body).ok().filter(|letter| letter::is_ours(app, letter)));
    kept.ok_or_else(|| {
        Error::Forbidden(format!("{} is not an unchanged dead letter of {}, or was replayed already", event.id(), route.name))
    })
}

/// Returns the consumer's problem as a problem of this call.
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

/// Returns the consumer that could not process it, which must consume such events.
fn consumer(event: &Event) -> Result<&'static Route, Invalid> {
    if event.ty() == UNREADABLE {
        return Err(Invalid::field("/type", "the record was not an event, so it has no consumer; send the intended event instead"));
    }
    let name = cloud_event::extension(event, CONSUMER).ok_or_else(|| Invalid::field("/consumer", "missing; name the consumer"))?;
    let takes = |route: &&Route| match (event.ty().parse::<CommandType>(), event.ty().parse::<EventType>()) {
        (Ok(command), _) => route.commands().any(|own| own == command),
        (_, Ok(ty)) => Topic::ALL.iter().any(|topic| route.wants(*topic, ty).is_some()),
        _ => false,
    };
    let named = routes::ALL.iter().find(|route| route.name == name);
    named.filter(takes).ok_or_else(|| Invalid::field("/consumer", format_args!("{name} does not consume {}", event.ty())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn letter(ty: &str, consumer: Option<&str>) -> Event {
        let mut event = json!({ "specversion": "1.0", "id": "1", "source": "/test", "type": ty });
        if let Some(consumer) = consumer {
            event[CONSUMER] = consumer.into();
        }
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_letter_is_replayed_only_to_a_consumer_of_its_type() {
        let name = |ty, consumer| self::consumer(&letter(ty, consumer)).ok().map(|route| route.name);
        assert_eq!(name("reminder.triggered", Some("notify")), Some("notify"));
        assert_eq!(name("task.complete", Some("complete-task")), Some("complete-task"), "a command");
        assert_eq!(name("task.completed", Some("list-tasks")), None, "it consumes nothing");
        assert_eq!(name("task.completed", Some("nobody")), None);
        assert_eq!(name("task.completed", None), None);
        assert_eq!(name(UNREADABLE, Some("notify")), None, "no event");
    }
}
