//! `POST /`: commands as CloudEvents, each routed by its type to its function.

use std::sync::Arc;

use cloudevents::{AttributesReader, Event};
use domain::Invalid;
use domain::event::{CommandType, EventType};
use domain::routes::{self, Route};
use function::accept;
use function::cloud_event::{self, ANSWERS, BATCH, Incoming, Refused, STRUCTURED};
use function::error::Problem;
use function::guard::Trust;
use function::{Answer, App, Error, Request, Response};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::Gateway;

/// Path for batches only: a separate operation for clients that know one body type per operation.
pub(crate) const BATCHES: &str = "/batch";

/// Forwards the commands of a batch.
pub(crate) async fn batches(gateway: Arc<Gateway>, app: Arc<App>, request: Request) -> Result<Response, Error> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(BATCH) {
        return Err(Error::UnsupportedMediaType(BATCH));
    }
    route(gateway, app, request, None).await
}

/// Forwards commands. `only` is the function, if the caller used a function's own name.
pub(crate) async fn route(gateway: Arc<Gateway>, app: Arc<App>, request: Request, only: Option<&'static Route>) -> Result<Response, Error> {
    gateway.compressor.around(request, |request| passed_on(gateway.clone(), app, request, only)).await
}

async fn passed_on(gateway: Arc<Gateway>, app: Arc<App>, request: Request, only: Option<&'static Route>) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    accept::require(&parts.headers, &ANSWERS)?;
    let body = function::body::collect(body).await?;
    match cloud_event::read(&parts.headers, &body)? {
        Incoming::One(event) => one(&gateway, &app, &parts.headers, &event, only).await,
        Incoming::Batch(events) => batch(&gateway, &app, &parts.headers, events, only).await,
    }
}

async fn one(gateway: &Gateway, app: &Arc<App>, headers: &HeaderMap, event: &Event, only: Option<&Route>) -> Result<Response, Error> {
    let request = super::forwarded(headers, STRUCTURED, serde_json::to_vec(event)?, Trust::Checked);
    let taker = taker(event)?;
    if let Some(only) = only.filter(|only| *only != taker) {
        return Err(Error::NotFound(format!("{} does not handle {}; {} does", only.name, event.ty(), taker.name)));
    }
    gateway.ahead.with_call(app, taker);
    Ok(super::call(app, taker, request).await)
}

/// Runs the items in order and independently; a failed one does not undo the others.
async fn batch(
    gateway: &Gateway,
    app: &Arc<App>,
    headers: &HeaderMap,
    events: Vec<Result<Event, Refused>>,
    only: Option<&Route>,
) -> Result<Response, Error> {
    let mut answers: Vec<Value> = Vec::new();
    for item in events {
        let (event, answered) = match item {
            Ok(event) => {
                let answered = one(gateway, app, headers, &event, only).await;
                (event, answered)
            }
            Err(Refused { event, error }) => (*event, Err(error)),
        };
        let response = answered.unwrap_or_else(|error| error.into_response("/"));
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(Error::Internal)?.to_bytes();
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        if parts.status.is_success() {
            answers.extend(answer);
        } else {
            let problem = answer.unwrap_or_else(|| json!(Problem::new(parts.status, "the function failed", "/")));
            let origin = app.origin_of(super::NAME, &event);
            answers.push(serde_json::to_value(function::service::failed_event(app, &origin, &event, &problem)?)?);
        }
    }
    Ok(Answer::of(BATCH, serde_json::to_vec(&answers)?).into())
}

/// Returns the function that handles a command. Facts come from the bus, never from a caller.
fn taker(event: &Event) -> Result<&'static Route, Error> {
    let unknown = |unknown| Invalid::field("/type", format_args!("{unknown}: {}", event.ty()));
    match event.ty().parse::<CommandType>() {
        Ok(command) => routes::of_command(command).ok_or_else(|| Error::NotFound(format!("no function handles {command}"))),
        Err(_) => Err(Error::fact(event.ty().parse::<EventType>().map_err(unknown)?)),
    }
}
