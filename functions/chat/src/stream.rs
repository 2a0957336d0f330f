//! Reports progress to a caller: server-sent events, as described in the OpenAPI document.

use std::time::Duration;

use bytes::Bytes;
use domain::chat::{Action, ChatAnswer, ConversationId};
use function::{BoxError, Response};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Media type.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";
/// Separator of two paragraphs.
pub(crate) const PARAGRAPH: &str = "\n\n";
/// Maximum events queued for a slow caller.
const WAITING_MAX: usize = 64;
/// How long a full queue blocks. Then the caller counts as gone; the turn continues.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Interval of comment lines, so that no intermediary closes the connection as idle.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Asks proxies not to buffer the answer.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Destination of events: a streaming caller, or none.
pub(crate) struct Sink {
    caller: Option<mpsc::Sender<String>>,
    /// True until the first text.
    is_fresh: bool,
    /// True if the next text begins a paragraph.
    breaks: bool,
}

impl Sink {
    /// Creates a sink for a caller that waits for the whole answer.
    pub(crate) fn none() -> Self {
        Self { caller: None, breaks: false, is_fresh: true }
    }

    /// True if there is a streaming caller.
    pub(crate) fn is_read(&self) -> bool {
        self.caller.is_some()
    }

    /// Sends the next piece of the answer.
    pub(crate) async fn text(&mut self, text: &str) {
        if self.is_read() && !text.is_empty() {
            let before = if self.breaks && !self.is_fresh { PARAGRAPH } else { "" };
            (self.breaks, self.is_fresh) = (false, false);
            self.send("text", &json!({ "text": format!("{before}{text}") })).await;
        }
    }

    /// Makes the next text begin a paragraph.
    pub(crate) fn paragraph(&mut self) {
        self.breaks = true;
    }

    /// Sends an action.
    pub(crate) async fn action(&mut self, action: &Action) {
        self.send("action", action).await;
    }

    /// Sends the complete answer.
    pub(crate) async fn done(&mut self, answer: &ChatAnswer) {
        self.send("done", answer).await;
    }

    /// Sends a problem.
    pub(crate) async fn problem(&mut self, problem: &Value) {
        self.send("problem", problem).await;
    }

    async fn send(&mut self, name: &str, data: &impl Serialize) {
        let (Some(caller), Some(event)) = (&self.caller, event(name, data)) else { return };
        if caller.send_timeout(event, SEND_MAX).await.is_err() {
            self.caller = None;
        }
    }
}

/// Opens a stream, which begins with the conversation's id, and its sink.
pub(crate) fn open(conversation_id: &ConversationId) -> (Sink, Response) {
    let (caller, events) = mpsc::channel(WAITING_MAX);
    let first = event("conversation", &json!({ "conversation_id": conversation_id })).unwrap_or_default();
    let frames = stream::unfold((Some(first), events), |(first, mut events)| async move {
        let next = match first {
            Some(first) => first,
            None => match tokio::time::timeout(KEEP_ALIVE, events.recv()).await {
                Ok(Some(event)) => event,
                Ok(None) => return None,
                Err(_) => ":\n\n".to_owned(),
            },
        };
        Some((Ok::<_, BoxError>(Frame::data(Bytes::from(next))), (None, events)))
    });
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    (Sink { caller: Some(caller), breaks: false, is_fresh: true }, response)
}

/// Returns an event; `None` if its data has no JSON form. JSON has line breaks only inside its texts, where they are escaped.
fn event(name: &str, data: &impl Serialize) -> Option<String> {
    Some(format!("event: {name}\ndata: {}\n\n", serde_json::to_string(data).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn events_come_in_order_and_the_stream_ends_with_its_sink() {
        let (mut sink, response) = open(&"conversation".parse().unwrap());
        assert_eq!(response.headers()[CONTENT_TYPE], EVENT_STREAM);
        sink.text("a\nb").await;
        sink.text("").await;
        sink.problem(&json!({ "status": 503 })).await;
        drop(sink);
        let expected = "event: conversation\ndata: {\"conversation_id\":\"conversation\"}\n\n\
            event: text\ndata: {\"text\":\"a\\nb\"}\n\n\
            event: problem\ndata: {\"status\":503}\n\n";
        assert_eq!(text(response).await, expected);
    }

    #[tokio::test]
    async fn a_disconnected_caller_stops_nothing() {
        let (mut sink, response) = open(&"conversation".parse().unwrap());
        drop(response);
        sink.text("a").await;
        assert!(!sink.is_read());
        sink.text("b").await;
    }

    #[tokio::test(start_paused = true)]
    async fn comment_lines_keep_an_idle_stream_open() {
        let (mut sink, response) = open(&"conversation".parse().unwrap());
        let reading = tokio::spawn(text(response));
        tokio::time::sleep(KEEP_ALIVE * 2 + Duration::from_secs(1)).await;
        sink.text("a").await;
        drop(sink);
        assert_eq!(reading.await.unwrap().matches(":\n\n").count(), 2);
    }
}
