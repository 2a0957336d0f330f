//! The conversation in the state store: one value, written only if it is unchanged since it was read.
//!
//! A turn is stored as open before the model receives it, and closed when its answer is complete. A writer that finds the value changed reads it
//! again and repeats its change, so two messages at the same time lose nothing.
//!
//! A turn writes the value twice, and the value can be long. Earlier turns are therefore passed on as raw JSON, neither parsed nor written anew.

use std::time::Duration;

use domain::chat::{Action, Assistant, Conversation, ConversationId, Exchange, ExchangeStatus};
use domain::{Timestamp, USER_ID};
use function::ports::{StateError, Stored};
use function::{App, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::asking::Asking;
use crate::content::Content;

/// How long a conversation is kept after its last message.
const TTL: Duration = Duration::from_hours(30 * 24);
/// Maximum turns of a conversation.
pub(crate) const TURNS_MAX: usize = 50;
/// Maximum bytes of all turns as JSON, because a model reads them with each message. The newest turn is always kept; its size has its own
/// limit.
pub(crate) const BYTES_MAX: usize = 256 * 1024;
/// Maximum attempts to change a value that others change too.
const TRIES_MAX: u32 = 20;
/// Pause after the first attempt that lost to another writer.
const PAUSE: Duration = Duration::from_millis(5);

/// A conversation in storage.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    user_id: i64,
    last_updated: Timestamp,
    history: Vec<Turn>,
    asked: Option<Asking>,
}

/// A message and its answer, with everything that a model must see again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Turn {
    id: String,
    /// The [`Exchange`] that callers see.
    exchange: Box<RawValue>,
    /// The message and what followed, as the model wrote it; calls and their results stay together. Empty if the message had no effect.
    contents: Vec<Content>,
}

/// A turn that has begun.
pub(crate) struct Begun {
    /// The conversation's id.
    id: String,
    /// The exchange until the turn ends.
    open: Exchange,
    /// Contents of earlier turns.
    pub(crate) history: Vec<Content>,
    /// The question of the previous answer. It is closed: this message confirms or drops it.
    pub(crate) asked: Option<Asking>,
}

impl Begun {
    /// When it began.
    pub(crate) fn at(&self) -> Timestamp {
        self.open.at
    }
}

/// The result of a turn.
pub(crate) struct Ended {
    pub(crate) response: String,
    pub(crate) actions: Vec<Action>,
    pub(crate) problem: Option<String>,
    pub(crate) contents: Vec<Content>,
    pub(crate) asked: Option<Asking>,
}

impl Turn {
    fn new(id: String, exchange: &Exchange, contents: Vec<Content>) -> Result<Self, Error> {
        Ok(Self { id, exchange: to_raw_value(exchange)?, contents })
    }

    /// Approximate number of bytes.
    fn size(&self) -> usize {
        self.id.len() + self.exchange.get().len() + self.contents.iter().map(|content| content.get().len()).sum::<usize>()
    }
}

impl Kept {
    fn new(now: Timestamp) -> Self {
        Self { user_id: USER_ID, last_updated: now, history: Vec::new(), asked: None }
    }

    /// Returns the conversation that callers see.
    ///
    /// # Errors
    /// A stored exchange cannot be parsed.
    pub(crate) fn shown(self, conversation_id: ConversationId) -> Result<Conversation, Error> {
        let history = self.history.iter().map(|turn| serde_json::from_str(turn.exchange.get())).collect::<Result<_, _>>()?;
        let question = self.asked.map(|asked| asked.question);
        Ok(Conversation { conversation_id, user_id: self.user_id, history, question, last_updated: self.last_updated })
    }

    /// Returns the value to store, without the oldest turns if the limits are exceeded.
    fn text(&mut self, now: Timestamp) -> Result<String, Error> {
        self.last_updated = now;
        let mut left = BYTES_MAX;
        let fits = |turn: &&Turn| {
            let size = turn.size();
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        };
        let kept = self.history.iter().rev().take(TURNS_MAX).take_while(fits).count().max(1);
        self.history.drain(..self.history.len().saturating_sub(kept));
        Ok(serde_json::to_string(self)?)
    }
}

/// Reads a conversation.
///
/// # Errors
/// The state store is unavailable.
pub(crate) async fn read(app: &App, id: &ConversationId) -> Result<Option<Kept>, Error> {
    Ok(found(app, &key(id)).await?.0)
}

/// Deletes a conversation.
///
/// # Errors
/// The state store is unavailable.
pub(crate) async fn delete(app: &App, id: &ConversationId) -> Result<(), Error> {
    app.state.delete(&key(id)).await.map_err(unavailable)
}

/// Begins a turn: adds it as open, and closes the open question.
///
/// # Errors
/// The state store is unavailable.
pub(crate) async fn begin(app: &App, id: &ConversationId, message: &str, assistant: Assistant) -> Result<Begun, Error> {
    let open = Exchange {
        at: app.now(),
        message: message.to_owned(),
        response: String::new(),
        actions: Vec::new(),
        assistant,
        status: ExchangeStatus::Open,
        problem: None,
    };
    let turn = Turn::new(app.ids.next().to_string(), &open, Vec::new())?;
    let mut asked = None;
    let change = |kept: Option<Kept>| {
        let mut kept = kept.unwrap_or_else(|| Kept::new(open.at));
        // It exists already if the answer of an earlier write was lost.
        if kept.history.iter().all(|there| there.id != turn.id) {
            asked = kept.asked.take();
            kept.history.push(turn.clone());
        }
        Some(kept)
    };
    let kept = changed(app, id, change).await?;
    let before = kept.into_iter().flat_map(|kept| kept.history).filter(|there| there.id != turn.id);
    let history = before.flat_map(|turn| turn.contents).collect();
    Ok(Begun { id: turn.id, open, history, asked })
}

/// Ends a turn. A conversation that was deleted meanwhile stays deleted.
///
/// # Errors
/// The state store is unavailable.
pub(crate) async fn end(app: &App, id: &ConversationId, begun: Begun, ended: Ended) -> Result<(), Error> {
    let Begun { id: turn, open, .. } = begun;
    let Ended { response, actions, problem, contents, asked } = ended;
    let status = if problem.is_some() { ExchangeStatus::Failed } else { ExchangeStatus::Answered };
    let closed = Turn::new(turn, &Exchange { response, actions, status, problem, ..open }, contents)?;
    let change = |kept: Option<Kept>| {
        let mut kept = kept?;
        // A turn that later messages have pushed out is not stored again.
        if let Some(turn) = kept.history.iter_mut().find(|turn| turn.id == closed.id) {
            turn.clone_from(&closed);
        }
        if asked.is_some() {
            kept.asked.clone_from(&asked);
        }
        Some(kept)
    };
    changed(app, id, change).await.map(drop)
}

/// Changes the value: reads it, applies the change and writes it, and starts again if another writer was first. Returns the new value; `None` if the
/// change leaves it as it is.
async fn changed(app: &App, id: &ConversationId, mut change: impl FnMut(Option<Kept>) -> Option<Kept>) -> Result<Option<Kept>, Error> {
    let key = key(id);
    for failures in 0..TRIES_MAX {
        let (before, etag) = found(app, &key).await?;
        let Some(mut after) = change(before) else { return Ok(None) };
        let value = after.text(app.now())?;
        match app.state.set(&key, &value, etag.as_deref(), Some(TTL)).await {
            Ok(()) => return Ok(Some(after)),
            Err(StateError::Stale) => tokio::time::sleep(function::call::pause(failures.min(6), PAUSE)).await,
            Err(error) => return Err(unavailable(error)),
        }
    }
    Err(unavailable(StateError::Stale))
}

/// Returns the stored value and its `ETag`. An unreadable value, such as one of another version, counts as none, and is overwritten.
async fn found(app: &App, key: &str) -> Result<(Option<Kept>, Option<String>), Error> {
    let Some(Stored { value, etag }) = app.state.get(key).await.map_err(unavailable)? else { return Ok((None, None)) };
    let kept = serde_json::from_str(&value);
    // Logs the position, not the text, which is the user's.
    let told = |error: &serde_json::Error| {
        tracing::warn!(key, column = error.column(), "a stored conversation cannot be parsed; a new one replaces it");
    };
    let kept = kept.inspect_err(told);
    Ok((kept.ok(), Some(etag)))
}

fn key(id: &ConversationId) -> String {
    format!("{}-{id}", domain::routes::CHAT.name)
}

fn unavailable(error: StateError) -> Error {
    Error::unavailable("the conversation", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-11-25T12:00:00Z";

    fn turn(number: usize, contents: &[&Value]) -> Turn {
        let exchange = Exchange {
            at: NOW.parse().unwrap(),
            message: number.to_string(),
            response: String::new(),
            actions: Vec::new(),
            assistant: Assistant::Gemini,
            status: ExchangeStatus::Answered,
            problem: None,
        };
        Turn::new(number.to_string(), &exchange, contents.iter().map(|content| to_raw_value(content).unwrap()).collect()).unwrap()
    }

    /// The ids of the turns that are kept, and the size.
    fn trimmed(history: Vec<Turn>) -> (Vec<String>, usize) {
        let mut kept = Kept { history, ..Kept::new(NOW.parse().unwrap()) };
        let length = kept.text(NOW.parse().unwrap()).unwrap().len();
        (kept.history.into_iter().map(|turn| turn.id).collect(), length)
    }

    #[test]
    fn a_long_conversation_forgets_its_oldest_turns() {
        let (ids, _) = trimmed((0..=TURNS_MAX).map(|number| turn(number, &[])).collect());
        assert_eq!((ids.len(), ids[0].as_str()), (TURNS_MAX, "1"));
        let wide = json!({ "parts": [{ "text": "a".repeat(BYTES_MAX / 3) }] });
        let (ids, length) = trimmed((0..4).map(|number| turn(number, &[&wide])).collect());
        assert_eq!(ids, ["2", "3"], "a turn is forgotten as a whole: its calls and their results stay together");
        assert!(length < BYTES_MAX);
        let (ids, _) = trimmed(vec![turn(0, &[]), turn(1, &[&"a".repeat(BYTES_MAX + 1).into()])]);
        assert_eq!(ids, ["1"], "the newest stays, whatever its size");
    }

    #[test]
    fn a_models_text_is_stored_unchanged() {
        let content = r#"{ "role":"model", "parts":[
            {"text":"", "thoughtSignature":"Q2lRQmFiYw=="},
            {"functionCall":{"id":"a1","name":"get_task","args":{"task_id":1.0,"x":null,"a":123456789012345678901234567890}},
             "thoughtSignature":"+\/8=", "unknown":[1e300, 1.10]} ] }"#;
        let one = Turn { contents: vec![RawValue::from_string(content.to_owned()).unwrap()], ..turn(0, &[]) };
        let mut kept = Kept { history: vec![one], ..Kept::new(NOW.parse().unwrap()) };
        let text = kept.text(NOW.parse().unwrap()).unwrap();
        let mut read: Kept = serde_json::from_str(&text).unwrap();
        assert_eq!(read.history[0].contents[0].get(), content);
        assert_eq!(read.text(NOW.parse().unwrap()).unwrap(), text);
    }
}
