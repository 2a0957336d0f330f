//! Messages to the assistant and its answers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::invalid::{Checks, Invalid};
use crate::moment::Day;
use crate::task::{Priority, Status, Task};
use crate::time::Timestamp;
use crate::zone::Zone;

/// Maximum characters of a message.
pub const MESSAGE_MAX: usize = 4_000;
/// Maximum characters of a line that becomes a draft.
pub const LINE_MAX: usize = 1_000;
/// Minimum characters of a conversation id.
const ID_MIN: usize = 8;
const ID_MAX: usize = 64;
/// Maximum tasks that one action or question shows.
pub const SHOWN_MAX: usize = 20;

/// Id of a conversation: 8 to 64 letters, digits, `-` and `_`. The caller that starts a conversation may choose it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConversationId(String);

/// The text is not the id of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a conversation: {ID_MIN} to {ID_MAX} letters, digits, - and _")]
pub struct NoConversationId;

impl ConversationId {
    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for ConversationId {
    type Err = NoConversationId;

    fn from_str(text: &str) -> Result<Self, NoConversationId> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if is_plain && (ID_MIN..=ID_MAX).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(NoConversationId) }
    }
}

/// `POST /api/chat`.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// What the user says: 1 to 4,000 characters.
    #[schemars(schema_with = "crate::schema::message")]
    pub message: String,
    /// The conversation to continue; a new one if left out. An unknown or expired id starts a conversation with that id.
    #[serde(default)]
    pub conversation_id: Option<ConversationId>,
    /// The user's time zone, which gives "tomorrow at 9" its meaning; the user's preference if left out.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// Confirms the question with this id, which the last answer asked.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub confirms: Option<String>,
}

impl SendMessage {
    /// Returns the message, trimmed.
    ///
    /// # Errors
    /// The message is empty, too long, or contains a NUL character.
    pub fn checked(self) -> Result<Self, Invalid> {
        let mut checks = Checks::new();
        let message = checks.take(line(&self.message, "/message", MESSAGE_MAX));
        let is_short = self.confirms.as_ref().is_none_or(|id| id.chars().count() <= ID_MAX);
        checks.require(is_short, "/confirms", format_args!("at most {ID_MAX} characters"));
        checks.finish(Self { message, ..self })
    }
}

/// `POST /api/chat/draft`.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftTask {
    /// The line that a user types to add a task: 1 to 1,000 characters.
    #[schemars(schema_with = "crate::schema::line")]
    pub text: String,
    /// The user's time zone; the user's preference if left out.
    #[serde(default)]
    pub time_zone: Option<Zone>,
}

impl DraftTask {
    /// Returns the request if its text is valid. The text is not trimmed, because positions count from its first character.
    ///
    /// # Errors
    /// The text is empty, too long, or contains a NUL character.
    pub fn checked(self) -> Result<Self, Invalid> {
        line(&self.text, "/text", LINE_MAX)?;
        Ok(self)
    }
}

fn line(text: &str, pointer: &str, max: usize) -> Result<String, Invalid> {
    let mut checks = Checks::new();
    let trimmed = text.trim();
    checks.require(!trimmed.is_empty(), pointer, "not empty");
    checks.require(text.chars().count() <= max, pointer, format_args!("at most {max} characters"));
    checks.require(!text.contains('\0'), pointer, "no NUL character");
    checks.finish(trimmed.to_owned())
}

/// `GET` and `DELETE /api/chat/{conversation_id}`.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationRef {
    /// The conversation.
    pub conversation_id: ConversationId,
}

/// The assistant that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Assistant {
    /// A Gemini model.
    Gemini,
    /// Taskflow's offline assistant, which understands everyday sentences. It answers if `GEMINI_API_KEY` is not set.
    Offline,
}

/// The answer to a message.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ChatAnswer {
    /// The answer in Markdown. Titles are escaped, except in text that a model wrote.
    pub response: String,
    /// The conversation, for the next message.
    pub conversation_id: ConversationId,
    /// The actions taken, in order, so that a page can refresh and a user can check.
    pub actions: Vec<Action>,
    /// The assistant that answered.
    pub assistant: Assistant,
    /// A question that the user must confirm before more is done; null if there is none.
    pub question: Option<Question>,
}

/// One action that the assistant took or tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Action {
    /// The tool's name, such as `create_task`.
    pub tool: String,
    /// The result of the action.
    pub status: ActionStatus,
    /// True if the tool changes data; false if it only reads.
    pub changes: bool,
    /// The task, if the action concerned one.
    pub task_id: Option<i64>,
    /// The tasks concerned, at most 20: as they are now, or as they were before they were deleted.
    pub tasks: Vec<TaskCard>,
    /// What happened, as text for the user.
    pub detail: String,
}

/// The result of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ActionStatus {
    /// Done.
    Done,
    /// Failed; nothing has changed.
    Failed,
    /// Waits for the user's confirmation; nothing has changed.
    Asked,
}

/// The fields by which a user recognises a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskCard {
    /// The task.
    pub id: i64,
    /// The title.
    pub title: String,
    /// The status.
    pub status: Status,
    /// The priority.
    pub priority: Priority,
    /// When it is due.
    pub due_date: Option<Timestamp>,
    /// The day on which it is due, if it is all-day.
    #[serde(default)]
    pub due_day: Option<Day>,
}

impl From<&Task> for TaskCard {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id,
            title: task.title.clone(),
            status: task.status,
            priority: task.priority,
            due_date: task.due_date,
            due_day: task.due_day,
        }
    }
}

/// A question that the user must confirm before something is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Question {
    /// Id of the question. The next message confirms it by naming it in `confirms`, or in plain words. Any other message drops it.
    pub id: String,
    /// The question, as text for the user.
    pub text: String,
    /// The tasks concerned, at most 20.
    pub tasks: Vec<TaskCard>,
    /// Number of tasks concerned; 0 if the question is about a task to add.
    pub count: u32,
}

/// A conversation. It is deleted some time after its last message.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Conversation {
    /// The conversation's id.
    pub conversation_id: ConversationId,
    /// The user.
    pub user_id: i64,
    /// The messages, oldest first; in a long conversation, only the last ones.
    pub history: Vec<Exchange>,
    /// The open question; null if there is none.
    pub question: Option<Question>,
    /// When the last message was added.
    pub last_updated: Timestamp,
}

/// A message and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Exchange {
    /// When the message arrived.
    pub at: Timestamp,
    /// The user's message.
    pub message: String,
    /// The answer in Markdown. Empty while there is none; partial if it failed.
    pub response: String,
    /// The actions taken, in order.
    pub actions: Vec<Action>,
    /// The assistant that answers.
    pub assistant: Assistant,
    /// Status: open until there is an answer (none will come if the process that worked on it has ended), answered, or failed.
    pub status: ExchangeStatus,
    /// Why the answer failed, as text for the user; null unless it failed.
    pub problem: Option<String>,
}

/// Status of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ExchangeStatus {
    /// There is no answer yet.
    Open,
    /// It is answered.
    Answered,
    /// The answer failed.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_plain_text_of_some_length() {
        for id in ["0196f3a8-1b7c-7c6e-9d0a-000000000000", "abcdefgh", "A_b-0123"] {
            assert_eq!(id.parse::<ConversationId>().map(|id| id.to_string()).as_deref(), Ok(id));
        }
        for id in ["", "draft", "1234567", "12345 78", "1234567/", "12345678ä", &"a".repeat(65)] {
            assert_eq!(id.parse::<ConversationId>(), Err(NoConversationId), "{id}");
        }
    }

    #[test]
    fn a_message_is_trimmed_and_bounded() {
        let message =
            |text: &str| SendMessage { message: text.to_owned(), conversation_id: None, time_zone: None, confirms: None }.checked();
        assert_eq!(message("  hello\n").map(|message| message.message).as_deref(), Ok("hello"));
        for text in ["", " \n", "a\0b", &"a".repeat(MESSAGE_MAX + 1)] {
            let pointers: Vec<_> = message(text).map_or_else(|invalid| invalid.errors().to_vec(), |_| Vec::new());
            assert!(pointers.iter().all(|error| error.pointer == "/message") && !pointers.is_empty(), "{text:?}");
        }
    }
}
