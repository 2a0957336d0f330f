//! The assistant: what is said to it and what it answers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::invalid::{Checks, Invalid};
use crate::moment::Day;
use crate::task::{Priority, Status, Task};
use crate::time::Timestamp;
use crate::zone::Zone;

/// Characters of a message.
pub const MESSAGE_MAX: usize = 4_000;
/// Characters of a line that a draft is made of.
pub const LINE_MAX: usize = 1_000;
/// Characters of a conversation's id.
const ID_MIN: usize = 8;
const ID_MAX: usize = 64;
/// Tasks that one action or question shows.
pub const SHOWN_MAX: usize = 20;

/// Which conversation: 8 to 64 letters, digits, `-` and `_`. Whoever begins one may choose it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConversationId(String);

/// Text that is no id of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a conversation: {ID_MIN} to {ID_MAX} letters, digits, - and _")]
pub struct NoConversationId;

impl ConversationId {
    /// The text.
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
    /// The conversation it belongs to; a new one where left out. An id that is not known, or no longer, begins one of that id.
    #[serde(default)]
    pub conversation_id: Option<ConversationId>,
    /// Where the user's clock hangs: what "tomorrow at 9" means. The service's own zone where left out.
    #[serde(default)]
    pub time_zone: Option<Zone>,
    /// The id of the question, asked by the last answer, that this message says yes to.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub confirms: Option<String>,
}

impl SendMessage {
    /// The message, trimmed.
    ///
    /// # Errors
    /// None, too many characters, or a NUL character.
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
    /// What a person types to add a task: 1 to 1,000 characters.
    #[schemars(schema_with = "crate::schema::line")]
    pub text: String,
    /// Where the user's clock hangs. The service's own zone where left out.
    #[serde(default)]
    pub time_zone: Option<Zone>,
}

impl DraftTask {
    /// The same, if its text is in range. It is not trimmed: places in it are counted from its first character.
    ///
    /// # Errors
    /// No text, too many characters, or a NUL character.
    pub fn checked(self) -> Result<Self, Invalid> {
        line(&self.text, "/text", LINE_MAX)?;
        Ok(self)
    }
}

fn line(text: &str, pointer: &str, max: usize) -> Result<String, Invalid> {
    let mut checks = Checks::new();
    let trimmed = text.trim();
    checks.require(!trimmed.is_empty(), pointer, "says nothing");
    checks.require(text.chars().count() <= max, pointer, format_args!("at most {max} characters"));
    checks.require(!text.contains('\0'), pointer, "no NUL character");
    checks.finish(trimmed.to_owned())
}

/// `GET` and `DELETE /api/chat/{conversation_id}`: nothing but which.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationRef {
    /// The conversation.
    pub conversation_id: ConversationId,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Assistant {
    /// A Gemini model.
    Gemini,
    /// Taskflow itself, which understands everyday sentences: there is no `GEMINI_API_KEY`.
    Offline,
}

/// What a message is answered by.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ChatAnswer {
    /// The answer, for a person: Markdown, in which titles are escaped where no model wrote it.
    pub response: String,
    /// The conversation, to go on with.
    pub conversation_id: ConversationId,
    /// What was done for it, in order: so that a page can refresh and a person can check.
    pub actions: Vec<Action>,
    /// Who answered.
    pub assistant: Assistant,
    /// What the user is asked before it is done; null where nothing is.
    pub question: Option<Question>,
}

/// One thing that the assistant did, or tried to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Action {
    /// The tool's name, such as `create_task`.
    pub tool: String,
    /// How it ended.
    pub status: ActionStatus,
    /// Whether it is of the kind that changes something; the others look.
    pub changes: bool,
    /// The task, where it was about one.
    pub task_id: Option<i64>,
    /// The tasks it was about, at most 20: as they are now, or as they were before they were deleted.
    pub tasks: Vec<TaskCard>,
    /// What happened, for a person.
    pub detail: String,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ActionStatus {
    /// It is done.
    Done,
    /// It could not be done; nothing has changed.
    Failed,
    /// The user is asked first; nothing has changed.
    Asked,
}

/// What a person knows a task by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskCard {
    /// The task.
    pub id: i64,
    /// What is to be done.
    pub title: String,
    /// Whether it is still to be done.
    pub status: Status,
    /// How much it matters.
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

/// What the user is asked before it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Question {
    /// Which question: the next message says yes to it by naming it in `confirms`, or in plain words. Any other message drops it.
    pub id: String,
    /// The question, for a person.
    pub text: String,
    /// The tasks it is about, at most 20.
    pub tasks: Vec<TaskCard>,
    /// How many tasks it is about; 0 if it is about a task to add.
    pub count: u32,
}

/// A conversation. It is forgotten some time after its last message.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Conversation {
    /// Which.
    pub conversation_id: ConversationId,
    /// The user.
    pub user_id: i64,
    /// What was said, the oldest first; of a long conversation, the last messages.
    pub history: Vec<Exchange>,
    /// What the user is asked; null where nothing is.
    pub question: Option<Question>,
    /// When it was added to last.
    pub last_updated: Timestamp,
}

/// A message and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Exchange {
    /// When the message came.
    pub at: Timestamp,
    /// What the user said.
    pub message: String,
    /// The answer: Markdown; empty while there is none, and what there is of it where it failed.
    pub response: String,
    /// What was done for it, in order.
    pub actions: Vec<Action>,
    /// Who answers.
    pub assistant: Assistant,
    /// How far it is: open while there is no answer yet (it comes, or whoever was at it is gone and none comes), answered, or failed.
    pub status: ExchangeStatus,
    /// Why it was not answered to its end, for a person; null unless it failed.
    pub problem: Option<String>,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ExchangeStatus {
    /// There is no answer yet.
    Open,
    /// It is answered.
    Answered,
    /// It was not answered to its end.
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
