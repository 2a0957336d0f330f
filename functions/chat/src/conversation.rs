//! The conversation, as the state store has it: one value, written only where nobody else has written meanwhile.
//!
//! A turn is there, open, before the model hears of it, and is closed when its answer is there. Whoever finds the value changed reads it again and
//! does the same to what is there now, so two messages at once lose nothing.

use std::time::Duration;

use domain::chat::{Action, Assistant, Conversation, ConversationId, Exchange, Question};
use domain::{Timestamp, USER_ID};
use function::ports::StateError;
use function::{App, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
/// What a turn says of itself until it is closed.
const OPEN: &str = "not answered yet";

/// A conversation, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    user_id: i64,
    last_updated: Timestamp,
    history: Vec<Turn>,
    asked: Option<Asking>,
}

/// A message and what came of it, with all that a model has to see again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Turn {
    id: String,
    #[serde(flatten)]
    exchange: Exchange,
    /// The message and what followed, as the model wrote it; calls and their results are together in it. Empty where nothing came of the message.
    contents: Vec<Value>,
}

/// A question, with all the tasks it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asking {
    #[serde(flatten)]
    pub(crate) question: Question,
    /// The tasks to delete.
    pub(crate) delete: Vec<i64>,
}

/// A turn that has begun.
pub(crate) struct Begun {
    /// Which.
    id: String,
    /// When.
    pub(crate) at: Timestamp,
    /// The contents of the turns before it.
    pub(crate) history: Vec<Value>,
    /// What the answer before it asked. It is asked no longer: this message answers it or drops it.
    pub(crate) asked: Option<Asking>,
}

/// How a turn ended.
pub(crate) struct Ended {
    pub(crate) response: String,
    pub(crate) actions: Vec<Action>,
    pub(crate) problem: Option<String>,
    pub(crate) contents: Vec<Value>,
    pub(crate) asked: Option<Asking>,
}

impl Kept {
    fn new(now: Timestamp) -> Self {
        Self { user_id: USER_ID, last_updated: now, history: Vec::new(), asked: None }
    }

    /// As a caller sees it.
    pub(crate) fn shown(self, conversation_id: ConversationId) -> Conversation {
        Conversation {
            conversation_id,
            user_id: self.user_id,
            history: self.history.into_iter().map(|turn| turn.exchange).collect(),
            question: self.asked.map(|asked| asked.question),
            last_updated: self.last_updated,
        }
    }

    /// Forgets the oldest turns, whole ones, until the rest is within the limits.
    fn trim(&mut self) {
        let size = |turn: &Turn| serde_json::to_vec(turn).map_or(0, |bytes| bytes.len());
        let mut left = BYTES_MAX;
        let fits = |turn: &&Turn| {
            let size = size(turn);
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        };
        let kept = self.history.iter().rev().take(TURNS_MAX).take_while(fits).count().max(1);
        self.history.drain(..self.history.len().saturating_sub(kept));
    }
}

/// Reads it.
///
/// # Errors
/// The state store is away.
pub(crate) async fn read(app: &App, id: &ConversationId) -> Result<Option<Kept>, Error> {
    Ok(found(app, id).await?.map(|(kept, _)| kept))
}

/// Forgets it.
///
/// # Errors
/// The state store is away.
pub(crate) async fn delete(app: &App, id: &ConversationId) -> Result<(), Error> {
    app.state.delete(&key(id)).await.map_err(unavailable)
}

/// Begins a turn.
///
/// # Errors
/// The state store is away.
pub(crate) async fn begin(app: &App, id: &ConversationId, message: &str, assistant: Assistant) -> Result<Begun, Error> {
    let at = app.now();
    let problem = Some(OPEN.to_owned());
    let exchange = Exchange { at, message: message.to_owned(), response: String::new(), actions: Vec::new(), assistant, problem };
    let turn = Turn { id: app.ids.next().to_string(), exchange, contents: Vec::new() };
    let before = change(app, id, &Step::Begin(&turn)).await?;
    let history = before.iter().flat_map(|kept| &kept.history).flat_map(|turn| turn.contents.iter().cloned()).collect();
    Ok(Begun { id: turn.id, at, history, asked: before.and_then(|kept| kept.asked) })
}

/// Ends a turn. A conversation that was forgotten meanwhile stays forgotten.
///
/// # Errors
/// The state store is away.
pub(crate) async fn end(app: &App, id: &ConversationId, begun: &Begun, ended: Ended) -> Result<(), Error> {
    change(app, id, &Step::End(&begun.id, &ended)).await.map(drop)
}

/// What is done to a conversation.
enum Step<'a> {
    /// A turn is added, open. It answers the question or drops it.
    Begin(&'a Turn),
    /// The turn of this id is closed.
    End(&'a str, &'a Ended),
}

impl Step<'_> {
    /// The conversation with it done; `None` leaves it as it is.
    fn apply(&self, kept: Option<Kept>, now: Timestamp) -> Option<Kept> {
        let mut kept = match self {
            Self::Begin(turn) => {
                let mut kept = kept.unwrap_or_else(|| Kept::new(now));
                kept.history.push((*turn).clone());
                kept.asked = None;
                kept
            }
            Self::End(id, ended) => {
                let mut kept = kept?;
                // A turn that other messages have pushed out meanwhile has no place to be put.
                if let Some(turn) = kept.history.iter_mut().find(|turn| turn.id == *id) {
                    turn.exchange.response.clone_from(&ended.response);
                    turn.exchange.actions.clone_from(&ended.actions);
                    turn.exchange.problem.clone_from(&ended.problem);
                    turn.contents.clone_from(&ended.contents);
                }
                if ended.asked.is_some() {
                    kept.asked.clone_from(&ended.asked);
                }
                kept
            }
        };
        kept.last_updated = now;
        kept.trim();
        Some(kept)
    }
}

/// Changes the value: reads it, and writes what the step makes of it, again from the start if somebody else wrote it meanwhile. What it was before.
async fn change(app: &App, id: &ConversationId, step: &Step<'_>) -> Result<Option<Kept>, Error> {
    let key = key(id);
    for failures in 0..TRIES_MAX {
        let (before, etag) = found(app, id).await?.unzip();
        let Some(after) = step.apply(before.clone(), app.now()) else { return Ok(before) };
        let value = serde_json::to_value(&after)?;
        match app.state.set(&key, &value, etag.as_deref(), Some(TTL)).await {
            Ok(()) => return Ok(before),
            Err(StateError::Stale) => tokio::time::sleep(function::call::pause(failures.min(6), PAUSE)).await,
            Err(error) => return Err(unavailable(error)),
        }
    }
    Err(unavailable(StateError::Stale))
}

async fn found(app: &App, id: &ConversationId) -> Result<Option<(Kept, String)>, Error> {
    let Some((value, etag)) = app.state.get(&key(id)).await.map_err(unavailable)? else { return Ok(None) };
    Ok(Some((serde_json::from_value(value)?, etag)))
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
    use serde_json::json;

    fn turn(number: usize, contents: Vec<Value>) -> Turn {
        let exchange = Exchange {
            at: "2026-11-25T12:00:00Z".parse().unwrap(),
            message: number.to_string(),
            response: String::new(),
            actions: Vec::new(),
            assistant: Assistant::Gemini,
            problem: None,
        };
        Turn { id: number.to_string(), exchange, contents }
    }

    fn kept(history: Vec<Turn>) -> Kept {
        Kept { history, ..Kept::new("2026-11-25T12:00:00Z".parse().unwrap()) }
    }

    fn ids(kept: &Kept) -> Vec<&str> {
        kept.history.iter().map(|turn| turn.id.as_str()).collect()
    }

    #[test]
    fn a_long_conversation_forgets_its_oldest_turns() {
        let mut long = kept((0..=TURNS_MAX).map(|number| turn(number, Vec::new())).collect());
        long.trim();
        assert_eq!((long.history.len(), long.history[0].id.as_str()), (TURNS_MAX, "1"));
        let wide = |number| turn(number, vec![json!({ "parts": [{ "text": "a".repeat(BYTES_MAX / 3) }] })]);
        let mut long = kept((0..4).map(wide).collect());
        long.trim();
        assert_eq!(ids(&long), ["2", "3"], "a turn is forgotten as a whole: its calls and their results stay together");
        let mut long = kept(vec![turn(0, Vec::new()), turn(1, vec!["a".repeat(BYTES_MAX + 1).into()])]);
        long.trim();
        assert_eq!(ids(&long), ["1"], "the newest stays, whatever its size");
    }

    #[test]
    fn what_a_model_wrote_is_kept_to_the_letter() {
        let content = json!({ "role": "model", "parts": [
            { "text": "", "thoughtSignature": "Q2lRQmFiYw==" },
            { "functionCall": { "id": "a1", "name": "get_task", "args": { "task_id": 1.0, "x": null } }, "thoughtSignature": "+/8=", "unknown": [1e300] },
        ] });
        let one = kept(vec![turn(0, vec![content.clone()])]);
        let text = serde_json::to_string(&one).unwrap();
        let read: Kept = serde_json::from_str(&text).unwrap();
        assert_eq!(read.history[0].contents, [content]);
    }
}
