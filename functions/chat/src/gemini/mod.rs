//! Gemini over its REST API: `generateContent`, and `streamGenerateContent` for streaming callers.
//!
//! A model's answer is stored exactly as received (`wire` reads it without changes), because newer models refuse a history whose thought signatures
//! are missing or altered. The key is sent in a header, and is in no URL, error or log.

mod settings;
mod wire;

pub(crate) use settings::Settings;

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use domain::chat::Assistant;
use function::BoxFuture;
use function::call::pause;
use function::settings::Secret;
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyDataStream;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sse_stream::SseStream;
use tools::Tool;

use crate::content::{self, Content};
use crate::gemini::wire::{Chunk, Failure, Gathered};
use crate::instruction;
use crate::model::{Model, ModelError, Prompt, Reply};
use crate::stream::Sink;

/// Time limit of connecting.
const CONNECT: Duration = Duration::from_secs(5);
/// Time limit between two parts of an answer: a model sends nothing while it thinks.
const SILENCE: Duration = Duration::from_secs(30);
/// Maximum attempts of one request.
const TRIES_MAX: u32 = 3;
/// Pause after the first failed attempt; it doubles each time.
const PAUSE: Duration = Duration::from_millis(500);
/// Maximum pause that a turn waits; a longer one is reported to the caller instead.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Maximum bytes of an answer.
const ANSWER_MAX: usize = 4 * 1024 * 1024;
/// Maximum tokens of an answer, thoughts included.
const TOKENS_MAX: u32 = 8_192;
/// Version of the API.
const VERSION: &str = "v1beta";
const KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// A Gemini model.
pub(crate) struct Gemini {
    client: reqwest::Client,
    /// URL of the model, up to its methods.
    url: String,
    model: String,
    key: Secret,
    header: HeaderValue,
}

/// Why no client could be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("no HTTP client")]
    Client(#[from] reqwest::Error),
    #[error("GEMINI_API_KEY cannot be sent in a header")]
    Key,
}

/// Why a request failed, and what follows.
enum Trouble {
    /// The same request may succeed, after this pause if the service names one.
    Passing(ModelError, Option<Duration>),
    /// The request will not succeed.
    Lasting(ModelError),
    /// The history may be the reason; without it, the request may succeed.
    History(ModelError),
}

impl Gemini {
    /// Creates the model of the settings.
    ///
    /// # Errors
    /// [`SetupError`].
    pub(crate) fn new(settings: &Settings, key: &Secret) -> Result<Self, SetupError> {
        // Another part of this process may have installed one already; then that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .tcp_nodelay(true)
            // A redirect would receive the key.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let mut header = HeaderValue::from_str(key.expose()).map_err(|_| SetupError::Key)?;
        header.set_sensitive(true);
        let model = settings.model.clone();
        let url = format!("{}/{VERSION}/models/{model}", settings.base_url);
        Ok(Self { client, url, model, key: key.clone(), header })
    }

    async fn converse(&self, prompt: &Prompt<'_>, sink: &mut Sink) -> Result<Reply, ModelError> {
        let mut history = prompt.history;
        let mut tries = 0;
        loop {
            let mut told = false;
            let trouble = match self.request(body(prompt, history), sink, &mut told).await {
                Ok(reply) => return Ok(reply),
                Err(trouble) => trouble,
            };
            tries += 1;
            match trouble {
                // There is no retry after the caller has received a part of the answer, because a retry would send another text.
                Trouble::Passing(error, _) if told || tries >= TRIES_MAX => return Err(error),
                Trouble::Passing(error, Some(wait)) if wait > PAUSE_MAX => return Err(error),
                Trouble::Passing(error, wait) => {
                    let wait = wait.unwrap_or_else(|| pause(tries - 1, PAUSE));
                    tracing::info!(error = %function::error::Chain(&error), ?wait, "the request to Gemini is retried");
                    tokio::time::sleep(wait).await;
                }
                Trouble::History(error) if history.is_empty() => return Err(error),
                Trouble::History(error) => {
                    // The history may come from another model or be too long for this one; an answer without it is better than none.
                    tracing::warn!(%error, "the request to Gemini is retried without the history");
                    history = &[];
                }
                Trouble::Lasting(error) => return Err(error),
            }
        }
    }

    /// Makes one request. Sets `told` once the caller has received a part of the answer.
    async fn request(&self, body: String, sink: &mut Sink, told: &mut bool) -> Result<Reply, Trouble> {
        let method = if sink.is_read() { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let request =
            self.client.post(format!("{}:{method}", self.url)).header(KEY, self.header.clone()).header(CONTENT_TYPE, "application/json");
        let response = request.body(body).send().await.map_err(Trouble::of_transport)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut chunks = counted(BodyDataStream::new(http::Response::from(response).into_body()));
        if !status.is_success() {
            let text = whole(&mut chunks).await.unwrap_or_default();
            let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
            return Err(self.refused(status, &text, retry_after));
        }
        let is_stream = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        let mut gathered = Gathered::default();
        if is_stream {
            let mut events = SseStream::from_bytes_stream(chunks);
            while let Some(event) = events.next().await {
                let event = event.map_err(|error| Trouble::Passing(garbage(error), None))?;
                let Some(data) = event.data else { continue };
                let text = self.take(&mut gathered, data.as_bytes())?;
                *told |= !text.is_empty();
                sink.text(&text).await;
            }
        } else {
            let bytes = whole(&mut chunks).await.map_err(|error| Trouble::Passing(garbage(error), None))?;
            let text = self.take(&mut gathered, &bytes)?;
            *told |= sink.is_read() && !text.is_empty();
            sink.text(&text).await;
        }
        let cut = gathered.is_cut();
        let reply = gathered.reply().map_err(Trouble::of_wire)?;
        if let Some(note) = cut {
            sink.text(note).await;
        }
        Ok(reply)
    }

    /// Adds one chunk of an answer, and returns its text for the user.
    fn take(&self, gathered: &mut Gathered, bytes: &[u8]) -> Result<String, Trouble> {
        let chunk: Chunk = serde_json::from_slice(bytes).map_err(|error| Trouble::Passing(garbage(error), None))?;
        if let Some(error) = chunk.error {
            let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::BAD_GATEWAY);
            return Err(self.refused(status, &json!({ "error": error }).to_string().into(), None));
        }
        gathered.take(chunk).map_err(Trouble::of_wire)
    }

    /// Classifies an unsuccessful answer.
    fn refused(&self, status: StatusCode, body: &Bytes, retry_after: Option<Duration>) -> Trouble {
        let failure = Failure::read(body);
        let said = failure.said().replace(self.key.expose(), "…");
        let source = || format!("Gemini answered {status}: {said}").into();
        let retry_after = retry_after.or_else(|| failure.retry_delay());
        match status {
            StatusCode::TOO_MANY_REQUESTS => Trouble::Passing(ModelError::Limited { retry_after, source: source() }, retry_after),
            StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => Trouble::Passing(ModelError::Late, retry_after),
            status if status.is_server_error() => Trouble::Passing(ModelError::Away { retry_after, source: source() }, retry_after),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Trouble::Lasting(ModelError::Refused(KEY_REFUSED.to_owned())),
            StatusCode::BAD_REQUEST if failure.is_key_invalid() => Trouble::Lasting(ModelError::Refused(KEY_REFUSED.to_owned())),
            StatusCode::NOT_FOUND => {
                Trouble::Lasting(ModelError::Refused(format!("Gemini has no model {}; change GEMINI_MODEL", self.model)))
            }
            StatusCode::BAD_REQUEST => Trouble::History(ModelError::Refused(format!("Gemini refused the request: {said}"))),
            _ => Trouble::Lasting(ModelError::Refused(format!("Gemini answered {status}: {said}"))),
        }
    }
}

const KEY_REFUSED: &str = "Gemini refuses the key; change GEMINI_API_KEY";

impl Trouble {
    fn of_transport(error: reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
            return Self::Lasting(ModelError::Late);
        }
        Self::Passing(ModelError::Away { retry_after: None, source: error.without_url().into() }, None)
    }

    fn of_wire(error: wire::Unusable) -> Self {
        match error {
            wire::Unusable::Declined(reason) => Self::Lasting(ModelError::Declined(reason)),
            error => Self::Passing(garbage(error), None),
        }
    }
}

fn garbage(error: impl std::error::Error + Send + Sync + 'static) -> ModelError {
    ModelError::Garbage(error.into())
}

impl Model for Gemini {
    fn assistant(&self) -> Assistant {
        Assistant::Gemini
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt<'a>, sink: &'a mut Sink) -> BoxFuture<'a, Result<Reply, ModelError>> {
        Box::pin(self.converse(prompt, sink))
    }
}

/// Returns the body of a request.
fn body(prompt: &Prompt<'_>, history: &[Content]) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        system_instruction: Value,
        contents: Vec<&'a RawValue>,
        tools: &'a RawValue,
        tool_config: Value,
        generation_config: Value,
    }
    let body = Body {
        system_instruction: json!({ "parts": [{ "text": instruction::text(prompt.now, prompt.zone) }] }),
        contents: history.iter().chain(prompt.turn).map(Box::as_ref).collect(),
        tools: declarations(),
        tool_config: json!({ "functionCallingConfig": { "mode": if prompt.may_call { "AUTO" } else { "NONE" } } }),
        generation_config: json!({ "maxOutputTokens": TOKENS_MAX }),
    };
    serde_json::to_string(&body).unwrap_or_default()
}

/// Returns the tools in the API's form.
fn declarations() -> &'static RawValue {
    static DECLARATIONS: OnceLock<Box<RawValue>> = OnceLock::new();
    let declaration = |tool: &Tool| {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), tool.name.into());
        fields.insert("description".to_owned(), tool.description.into());
        fields.insert("parametersJsonSchema".to_owned(), tool.schema());
        Value::Object(fields)
    };
    DECLARATIONS.get_or_init(|| content::raw(&json!([{ "functionDeclarations": tools::ALL.iter().map(declaration).collect::<Value>() }])))
}

/// Why an answer could not be read to its end.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the answer is incomplete")]
    Broken(#[source] reqwest::Error),
    #[error("the answer is longer than {ANSWER_MAX} bytes")]
    TooLong,
}

/// Passes the chunks on, up to the limit.
fn counted(body: impl Stream<Item = Result<Bytes, reqwest::Error>> + Send) -> impl Stream<Item = Result<Bytes, ReadError>> + Send + Unpin {
    let mut left = ANSWER_MAX;
    Box::pin(body.map(move |piece| {
        let piece = piece.map_err(|error| ReadError::Broken(error.without_url()))?;
        left = left.checked_sub(piece.len()).ok_or(ReadError::TooLong)?;
        Ok(piece)
    }))
}

async fn whole(pieces: &mut (impl Stream<Item = Result<Bytes, ReadError>> + Unpin)) -> Result<Bytes, ReadError> {
    let mut all = Vec::new();
    while let Some(piece) = pieces.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.into())
}
