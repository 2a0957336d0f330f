//! The assistant: receives messages, executes them with the tools of [`tools`], and stores the conversation.
//!
//! A message is a turn (`turn`). The model (`model`; Gemini in `gemini`, the offline assistant in `offline`) replies with text or with tool calls;
//! the calls are made and their results go back, until there is text. The conversation (`conversation`) is a value of the state store, and stores
//! every turn before the model receives it. `consent` decides in code which calls need confirmation, and `asking` stores them. `stream` reports
//! progress to the caller.

mod action;
mod asking;
mod call;
mod consent;
mod content;
mod conversation;
mod gemini;
mod instruction;
mod markdown;
mod model;
mod offline;
mod stream;
mod turn;

use std::sync::Arc;

use domain::chat::{ConversationId, ConversationRef, DraftTask, SendMessage};
use domain::routes;
use domain::zone::Zone;
use function::accept;
use function::input::question;
use function::{Answer, App, Error, Function, Request, Response};
use http::header::{ACCEPT, ACCEPT_LANGUAGE};
use http::{HeaderMap, StatusCode};
use language::{Locale, Scene};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use tools::Caller;
use tracing::Instrument;

use crate::gemini::Gemini;
use crate::model::Model;
use crate::offline::Offline;
use crate::stream::{EVENT_STREAM, Sink};
use crate::turn::{Asked, Turn};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    let own = Arc::new(OwnModel::new());
    Function::new(routes::CHAT)
        .settings(|settings| gemini::Settings::read(settings).map(drop))
        .raw("chat", move |app, request| {
            let own = own.clone();
            async move { chat(app, &own, request).await }
        })
        .raw("draftTask", draft)
        .endpoint("getConversation", get_conversation)
        .endpoint("deleteConversation", delete_conversation)
}

/// The model of this process, created on first use: a client with its connections.
type OwnModel = OnceCell<Arc<dyn Model>>;

fn model(app: &App) -> Result<Arc<dyn Model>, Error> {
    let settings = gemini::Settings::read(&app.settings).map_err(Error::internal)?;
    Ok(match &settings.key {
        Some(key) => Arc::new(Gemini::new(&settings, key).map_err(Error::internal)?),
        None => Arc::new(Offline),
    })
}

async fn chat(app: Arc<App>, own: &OwnModel, request: Request) -> Result<Response, Error> {
    let path = request.uri().path().to_owned();
    accept::require(request.headers(), &[accept::JSON, EVENT_STREAM])?;
    let (parts, message) = question::<SendMessage>(request).await?;
    let message = message.checked()?;
    let model = own.get_or_try_init(|| async { model(&app) }).await?.clone();
    let conversation_id = match message.conversation_id {
        Some(id) => id,
        None => app.ids.next().to_string().parse().map_err(Error::internal)?,
    };
    let (zone, locale) = scene_of(&app, &parts.headers, message.time_zone).await?;
    let asked = Asked { conversation_id: conversation_id.clone(), text: message.message, confirms: message.confirms, zone, locale };
    let turn = Turn::new(app.clone(), model, &parts.headers, asked);
    if !wants_stream(&parts.headers) {
        return match turn.answer(&mut Sink::none()).await {
            Ok(answer) => Ok(Answer::json(&answer)?.into()),
            Err(error) => {
                error.log(&path);
                let problem = problem(&error, &conversation_id, &path);
                Ok(error.into_response_with(&problem))
            }
        };
    }
    let (mut sink, response) = stream::open(&conversation_id);
    let answering = async move {
        match turn.answer(&mut sink).await {
            Ok(answer) => sink.done(&answer).await,
            Err(error) => {
                error.log(&path);
                sink.problem(&problem(&error, &conversation_id, &path)).await;
            }
        }
    };
    // Spawned, because the caller may disconnect; its log lines belong to the request.
    app.background.spawn(answering.instrument(tracing::Span::current()));
    Ok(response)
}

/// Returns zone and locale for a message: those of the call, else the user's preferences.
async fn scene_of(app: &App, headers: &HeaderMap, named: Option<Zone>) -> Result<(Zone, Option<Locale>), Error> {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(Locale::accepted);
    let (named, locale) = match (named, accepted) {
        (Some(zone), Some(locale)) => return Ok((zone, Some(locale))),
        other => other,
    };
    let preferences = app.preferences().await?;
    let preferred = preferences.locale.and_then(|locale| locale.as_str().parse().ok());
    Ok((named.unwrap_or(preferences.time_zone), locale.or(preferred)))
}

/// True if the caller prefers server-sent events to JSON.
fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut types = accepted.map(|item| item.split(';').next().unwrap_or_default().trim());
    types.find(|name| matches!(*name, EVENT_STREAM | "application/json" | "*/*")) == Some(EVENT_STREAM)
}

/// Returns the problem of a message that was stored but not answered, with its conversation.
fn problem(error: &Error, conversation_id: &ConversationId, path: &str) -> Value {
    let mut problem = json!(error.problem(path));
    problem["conversation_id"] = conversation_id.as_str().into();
    problem
}

/// Parses a line as a draft of a task.
async fn draft(app: Arc<App>, request: Request) -> Result<Response, Error> {
    accept::require(request.headers(), &[accept::JSON])?;
    let (parts, line) = question::<DraftTask>(request).await?;
    let line = line.checked()?;
    let (zone, locale) = scene_of(&app, &parts.headers, line.time_zone).await?;
    let scene = Scene::new(app.now(), &zone).in_locale(locale);
    let scene = if language::spells_tags(&line.text, &scene) {
        scene.with_tags(existing_tags(&Caller::new(app, &parts.headers, zone)).await)
    } else {
        scene
    };
    let draft = language::draft(&line.text, &scene);
    let part = |part: &language::Part| {
        let place = part.utf16(&line.text);
        json!({ "start": place.start, "end": place.end, "kind": part.kind.name(), "meaning": part.meaning })
    };
    let note = |note: &language::Note| json!({ "kind": note.kind.name(), "text": note.text });
    let answer = Answer::json(&json!({
        "task": draft.task,
        "parts": draft.parts.iter().map(part).collect::<Vec<_>>(),
        "notes": draft.notes.iter().map(note).collect::<Vec<_>>(),
    }))?;
    Ok(answer.into())
}

/// Returns the existing tags; none if they cannot be loaded, because the line can be parsed without them.
async fn existing_tags(tools: &Caller) -> Vec<String> {
    let Some(list_tags) = tools::of("list_tags") else { return Vec::new() };
    let found = tools.call(list_tags, Map::new()).await;
    found.map(|done| tag_names(&done.output)).unwrap_or_default()
}

/// Returns the names in the output of `list_tags`.
fn tag_names(output: &Value) -> Vec<String> {
    let tags = output["tags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| tag["tag"].as_str().map(str::to_owned)).collect()
}

async fn get_conversation(app: Arc<App>, which: ConversationRef) -> Result<Answer, Error> {
    let found = conversation::read(&app, &which.conversation_id).await?;
    let found = found.ok_or_else(|| Error::NotFound("the conversation does not exist, or has expired".to_owned()))?;
    Answer::json(&found.shown(which.conversation_id)?)
}

async fn delete_conversation(app: Arc<App>, which: ConversationRef) -> Result<Answer, Error> {
    conversation::delete(&app, &which.conversation_id).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_first_type_that_can_be_answered_decides() {
        for (accept, is_stream) in [
            ("text/event-stream", true),
            ("text/event-stream, application/json;q=0.5", true),
            ("text/html, text/event-stream;q=0.9", true),
            ("application/json", false),
            ("application/json, text/event-stream", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_stream(&headers), is_stream, "{accept}");
        }
        assert!(!wants_stream(&HeaderMap::new()));
    }
}
