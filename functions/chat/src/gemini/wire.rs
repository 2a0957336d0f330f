//! Parses the needed fields of Gemini's answers. The content itself stays unparsed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::call::{Call, Leave};
use crate::content;
use crate::model::Reply;

/// Maximum characters of an error message that are passed on.
const SAID_MAX: usize = 300;
/// Appended to an answer that met the model's limit.
pub(crate) const CUT: &str = "\n\n*(The answer was cut off here: it met the model's limit.)*";

/// An answer, or a chunk of one.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Chunk {
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<Usage>,
    /// An error in the middle of a stream.
    pub(crate) error: Option<ErrorBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    parts: Vec<Box<RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PromptFeedback {
    block_reason: Option<String>,
}

/// Numbers of tokens.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    #[serde(rename = "promptTokenCount")]
    prompt: u64,
    #[serde(rename = "candidatesTokenCount")]
    answer: u64,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: u64,
    #[serde(rename = "cachedContentTokenCount")]
    cached: u64,
}

/// The body of an error: `google.rpc.Status`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorBody {
    pub(crate) code: u16,
    message: String,
    status: String,
    details: Vec<Value>,
}

/// Why an answer is unusable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{0}")]
    Declined(String),
    #[error("the answer has no candidate")]
    Empty,
    #[error("the answer ended before its finish reason")]
    CutOff,
    #[error("the answer ended with {0}")]
    Ended(String),
    #[error("a call of a function has no name, or its arguments are not an object")]
    BadCall,
}

/// An answer, collected from its chunks.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    parts: Vec<Box<RawValue>>,
    text: String,
    calls: Vec<Call>,
    finish: Option<String>,
    finish_message: Option<String>,
}

impl Gathered {
    /// Adds a chunk, and returns its text for the user.
    pub(crate) fn take(&mut self, chunk: Chunk) -> Result<String, Unusable> {
        if let Some(Usage { prompt, answer, thoughts, cached }) = chunk.usage_metadata {
            tracing::debug!(prompt, answer, thoughts, cached, "tokens of Gemini");
        }
        if let Some(reason) = chunk.prompt_feedback.and_then(|feedback| feedback.block_reason) {
            return Err(Unusable::Declined(format!("it blocked the message: {reason}")));
        }
        let Some(candidate) = chunk.candidates.into_iter().next() else { return Ok(String::new()) };
        let mut text = String::new();
        for part in candidate.content.unwrap_or_default().parts {
            let raw = part;
            let part = content::read(&raw);
            if let Some(call) = part.get("functionCall") {
                self.calls.push(call_of(call)?);
            }
            let is_thought = part.get("thought").is_some_and(|thought| thought == true);
            if let Some(said) = part.get("text").and_then(Value::as_str).filter(|_| !is_thought) {
                text.push_str(said);
            }
            self.parts.push(raw);
        }
        self.text.push_str(&text);
        self.finish = candidate.finish_reason.or(self.finish.take());
        self.finish_message = candidate.finish_message.or(self.finish_message.take());
        Ok(text)
    }

    /// Returns the notice to append if the answer met the model's limit.
    pub(crate) fn is_cut(&self) -> Option<&'static str> {
        let is_cut = self.finish.as_deref() == Some("MAX_TOKENS") && !self.text.trim().is_empty() && self.calls.is_empty();
        is_cut.then_some(CUT)
    }

    /// Returns the whole answer, depending on the finish reason.
    pub(crate) fn reply(self) -> Result<Reply, Unusable> {
        let cut = self.is_cut();
        match self.finish.as_deref() {
            Some("STOP") => {}
            Some("MAX_TOKENS") if cut.is_some() => {}
            Some(reason @ ("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE")) => {
                return Err(Unusable::Declined(format!("it stopped: {reason}")));
            }
            Some(reason) => {
                let message = self.finish_message.map(|message| format!(": {}", shortened(&message))).unwrap_or_default();
                return Err(Unusable::Ended(format!("{reason}{message}")));
            }
            None if self.parts.is_empty() => return Err(Unusable::Empty),
            None => return Err(Unusable::CutOff),
        }
        // Without parts, there is no content. A part with only a signature counts, because it must be sent back.
        let content = (!self.parts.is_empty()).then(|| content::of_parts(&self.parts));
        Ok(Reply { content, text: self.text + cut.unwrap_or_default(), calls: self.calls, told: None })
    }
}

fn call_of(call: &Value) -> Result<Call, Unusable> {
    let name = call.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()).ok_or(Unusable::BadCall)?;
    let arguments = match call.get("args") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments.clone(),
        Some(_) => return Err(Unusable::BadCall),
    };
    let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    Ok(Call { id: id.map(str::to_owned), name: name.to_owned(), arguments, leave: Leave::OfMessage })
}

/// An error in the API's form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    error: ErrorBody,
}

impl Failure {
    /// Parses an error; the default if the body is none. An error of a stream may be a list of one.
    pub(crate) fn read(body: &[u8]) -> Self {
        let list = serde_json::from_slice::<Vec<Self>>(body).ok();
        let one = || serde_json::from_slice::<Self>(body).ok();
        list.and_then(|list| list.into_iter().next()).or_else(one).unwrap_or_default()
    }

    /// Returns its message.
    pub(crate) fn said(&self) -> String {
        match (self.error.status.as_str(), self.error.message.as_str()) {
            ("", "") => "no readable message".to_owned(),
            (status, message) => shortened(format!("{status} {message}").trim()),
        }
    }

    /// Returns when to retry, if the error says so: `google.rpc.RetryInfo`.
    pub(crate) fn retry_delay(&self) -> Option<Duration> {
        let delay = self.detail("google.rpc.RetryInfo")?.get("retryDelay")?.as_str()?;
        let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// True if the key is invalid: `google.rpc.ErrorInfo`.
    pub(crate) fn is_key_invalid(&self) -> bool {
        self.detail("google.rpc.ErrorInfo").is_some_and(|info| info.get("reason").is_some_and(|reason| reason == "API_KEY_INVALID"))
    }

    fn detail(&self, ty: &str) -> Option<&Value> {
        self.error.details.iter().find(|detail| detail.get("@type").and_then(Value::as_str).is_some_and(|own| own.ends_with(ty)))
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(SAID_MAX).collect();
    if text.chars().nth(SAID_MAX).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gathered(chunks: &[Value]) -> Result<Reply, Unusable> {
        let mut gathered = Gathered::default();
        for chunk in chunks {
            gathered.take(serde_json::from_value(chunk.clone()).unwrap())?;
        }
        gathered.reply()
    }

    fn chunk(parts: &Value, finish: Option<&str>) -> Value {
        json!({ "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": finish, "index": 0 }] })
    }

    #[test]
    fn pieces_are_put_together_and_nothing_in_them_is_changed() {
        let parts = [
            json!({ "text": "Let me think.", "thought": true, "thoughtSignature": "c2ln" }),
            json!({ "text": "Looking" }),
            json!({ "text": " it up." }),
            json!({ "functionCall": { "id": "f1", "name": "get_task", "args": { "task_id": 12 } }, "thoughtSignature": "YWJj" }),
            json!({ "functionCall": { "name": "list_tags" }, "new": { "field": [1.5] } }),
            json!({ "text": "", "thoughtSignature": "ZGVm" }),
        ];
        let reply = gathered(&[
            chunk(&json!([parts[0], parts[1]]), None),
            chunk(&json!(parts[2..5]), None),
            chunk(&json!([parts[5]]), Some("STOP")),
        ])
        .unwrap();
        assert_eq!(content::read(&reply.content.unwrap()), json!({ "role": "model", "parts": parts }));
        assert_eq!(reply.text, "Looking it up.", "a thought is not for the user");
        let calls: Vec<_> =
            reply.calls.iter().map(|call| (call.id.as_deref(), call.name.as_str(), Value::Object(call.arguments.clone()))).collect();
        assert_eq!(calls, [(Some("f1"), "get_task", json!({ "task_id": 12 })), (None, "list_tags", json!({}))]);
    }

    #[test]
    fn unusable_replies_are_distinguished() {
        let text = json!([{ "text": "Hello" }]);
        let why = |chunks: &[Value]| gathered(chunks).unwrap_err().to_string();
        assert_eq!(why(&[chunk(&text, None)]), "the answer ended before its finish reason");
        assert_eq!(why(&[json!({ "candidates": [] })]), "the answer has no candidate");
        assert_eq!(why(&[chunk(&text, Some("SAFETY"))]), "it stopped: SAFETY");
        assert_eq!(
            why(&[json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" } })]),
            "it blocked the message: PROHIBITED_CONTENT"
        );
        assert_eq!(
            why(&[json!({ "candidates": [{ "finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "call:\nx" }] })]),
            "the answer ended with MALFORMED_FUNCTION_CALL: call: x"
        );
        assert_eq!(
            why(&[chunk(&json!([{ "functionCall": { "args": {} } }]), Some("STOP"))]),
            "a call of a function has no name, or its arguments are not an object"
        );
        assert_eq!(
            why(&[chunk(&json!([{ "functionCall": { "name": "a", "args": [] } }]), Some("STOP"))]),
            "a call of a function has no name, or its arguments are not an object"
        );
        assert!(gathered(&[chunk(&text, Some("MAX_TOKENS"))]).unwrap().text.ends_with(CUT));
        assert_eq!(why(&[chunk(&json!([]), Some("MAX_TOKENS"))]), "the answer ended with MAX_TOKENS");
    }

    #[test]
    fn an_error_names_the_time_of_a_retry_and_the_reason() {
        let body = json!({ "error": { "code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED", "details": [
            { "@type": "type.googleapis.com/google.rpc.Help", "links": [] },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s" },
        ] } });
        for body in [body.to_string(), json!([body]).to_string()] {
            let failure = Failure::read(body.as_bytes());
            assert_eq!(
                (failure.retry_delay(), failure.said().as_str()),
                (Some(Duration::from_millis(34_500)), "RESOURCE_EXHAUSTED Quota exceeded.")
            );
        }
        for body in ["", "<html>", "[]", "{}", r#"{"error": 7}"#] {
            let failure = Failure::read(body.as_bytes());
            assert_eq!((failure.retry_delay(), failure.said().as_str()), (None, "no readable message"), "{body}");
        }
    }
}
