//! The conversation, as the state store has it: one value, written only where nobody else has written meanwhile.
//!
//! A turn is there, open, before the model hears of it, and is closed when its answer is there. Whoever finds the value changed reads it again and
//! does the same to what is there now, so two messages at once lose nothing.
//!
//! A turn writes the value twice, and it can be long. So what others have said in it is passed on as the JSON that it is: neither read nor written anew.

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
/// Turns that are kept.
pub(crate) const TURNS_MAX: usize = 50;
/// Bytes of all turns, as JSON: what a model reads of them costs with each message. The newest turn is kept whatever its size, which has a limit of its own.
pub(crate) const BYTES_MAX: usize = 256 * 1024;
/// How often a change is tried on a value that others change, too.
const TRIES_MAX: u32 = 20;
/// The pause after the first try that came too late.
const PAUSE: Duration = Duration::from_millis(5);

/// A conversation, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    user_id: i64,
    last_updated: Timestamp,
    history: Vec<Turn>,
    asked: Option<Asking>,
}

/// A message and what came of it, with all that a model has to see again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Turn {
    id: String,
    /// The [`Exchange`] that a caller sees.
    exchange: Box<RawValue>,
    /// The message and what followed, as the model wrote it; calls and their results are together in it. Empty where nothing came of the message.
    contents: Vec<Content>,
}

/// A turn that has begun.
pub(crate) struct Begun {
    /// Which.
    id: String,
    /// As it is until it ends.
    open: Exchange,
    /// The contents of the turns before it.
    pub(crate) history: Vec<Content>,
    /// What the answer before it asked. It is asked no longer: this message answers it or drops it.
    pub(crate) asked: Option<Asking>,
}

impl Begun {
    /// When.
    pub(crate) fn at(&self) -> Timestamp {
        self.open.at
    }
}

/// How a turn ended.
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

    /// Bytes, but for the few of its frame.
    fn size(&self) -> usize {
        self.id.len() + self.exchange.get().len() + self.contents.iter().map(|content| content.get().len()).sum::<usize>()
    }
}

impl Kept {
    fn new(now: Timestamp) -> Self {
        Self { user_id: USER_ID, last_updated: now, history: Vec::new(), asked: None }
    }

    /// As a caller sees it.
    ///
    /// # Errors
    /// What was kept is no exchange.
    pub(crate) fn shown(self, conversation_id: ConversationId) -> Result<Conversation, Error> {
        let history = self.history.iter().map(|turn| serde_json::from_str(turn.exchange.get())).collect::<Result<_, _>>()?;
        let question = self.asked.map(|asked| asked.question);
        Ok(Conversation { conversation_id, user_id: self.user_id, history, question, last_updated: self.last_updated })
    }

    /// As it is kept from now on: without its oldest turns, whole ones, if all of them are more than the limits.
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

/// Reads it.
///
/// # Errors
/// The state store is away.
pub(crate) async fn read(app: &App, id: &ConversationId) -> Result<Option<Kept>, Error> {
    Ok(found(app, &key(id)).await?.0)
}

/// Forgets it.
///
/// # Errors
/// The state store is away.
pub(crate) async fn delete(app: &App, id: &ConversationId) -> Result<(), Error> {
    app.state.delete(&key(id)).await.map_err(unavailable)
}

/// Begins a turn: adds it, open. It answers the question that was asked, or drops it.
///
/// # Errors
/// The state store is away.
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
        // It is there already where a write was done whose answer was lost.
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

/// Ends a turn. A conversation that was forgotten meanwhile stays forgotten.
///
/// # Errors
/// The state store is away.
pub(crate) async fn end(app: &App, id: &ConversationId, begun: Begun, ended: Ended) -> Result<(), Error> {
    let Begun { id: turn, open, .. } = begun;
    let Ended { response, actions, problem, contents, asked } = ended;
    let status = if problem.is_some() { ExchangeStatus::Failed } else { ExchangeStatus::Answered };
    let closed = Turn::new(turn, &Exchange { response, actions, status, problem, ..open }, contents)?;
    let change = |kept: Option<Kept>| {
        let mut kept = kept?;
        // A turn that other messages have pushed out meanwhile has no place to be put.
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

/// Changes the value: reads it, and writes what the change makes of it, again from the start if somebody else wrote it meanwhile. What it is now; `None`
/// where the change leaves it as it is.
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

/// What is there, and its `ETag`. What cannot be read, as from another version of this program, is none, and is written over.
async fn found(app: &App, key: &str) -> Result<(Option<Kept>, Option<String>), Error> {
    let Some(Stored { value, etag }) = app.state.get(key).await.map_err(unavailable)? else { return Ok((None, None)) };
    let kept = serde_json::from_str(&value);
    // Where it cannot be read, and not what: that is the user's.
    let told = |error: &serde_json::Error| tracing::warn!(key, column = error.column(), "a conversation that cannot be read is begun anew");
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

    /// The ids of what is kept of these turns, and how long it is.
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
    fn what_a_model_wrote_is_kept_to_the_letter() {
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
