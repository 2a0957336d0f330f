//! What the assistant asks: a model that replies with text or with calls of tools.

use std::time::Duration;

use domain::Timestamp;
use domain::chat::Assistant;
use domain::zone::Zone;
use function::{BoxError, BoxFuture, Error};
use http::StatusCode;
use language::Locale;

use crate::call::Call;
use crate::content::Content;
use crate::stream::Sink;

/// Replies to a conversation.
pub(crate) trait Model: Send + Sync {
    /// Who it is.
    fn assistant(&self) -> Assistant;

    /// What it replies; it tells `sink` its text as it comes.
    fn reply<'a>(&'a self, prompt: &'a Prompt<'a>, sink: &'a mut Sink) -> BoxFuture<'a, Result<Reply, ModelError>>;
}

/// What a model is asked.
pub(crate) struct Prompt<'a> {
    /// The contents of earlier turns.
    pub(crate) history: &'a [Content],
    /// The contents of this turn: the message, and what came of it so far.
    pub(crate) turn: &'a [Content],
    /// The time.
    pub(crate) now: Timestamp,
    /// The user's zone.
    pub(crate) zone: &'a Zone,
    /// How the user writes dates and times, where that is known.
    pub(crate) locale: Option<&'a Locale>,
    /// Whether it may call tools.
    pub(crate) may_call: bool,
}

/// What a model replies.
#[derive(Debug)]
pub(crate) struct Reply {
    /// As it came, to be sent back as it is; `None` where nothing did.
    pub(crate) content: Option<Content>,
    /// What is for the user; Markdown.
    pub(crate) text: String,
    /// What it wants done, in order.
    pub(crate) calls: Vec<Call>,
    /// The tasks that its text tells of, where it knows: what was only looked at to find them is not shown.
    pub(crate) told: Option<Vec<i64>>,
}

/// Why a model did not reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// It cannot be reached, or says that it is overloaded.
    #[error("Gemini is not available right now; try again")]
    Away {
        /// When it may be again.
        retry_after: Option<Duration>,
        #[source]
        source: BoxError,
    },
    /// So many calls are more than it allows.
    #[error("Gemini allows no more calls right now: its rate limit or quota is used up")]
    Limited {
        /// When it will again.
        retry_after: Option<Duration>,
        #[source]
        source: BoxError,
    },
    /// It takes too long.
    #[error("Gemini did not answer in time")]
    Late,
    /// It answered what is no answer.
    #[error("Gemini answered something that cannot be used")]
    Garbage(#[source] BoxError),
    /// It declined.
    #[error("Gemini declined to answer ({0})")]
    Declined(String),
    /// It refuses the request as it is: the key, the model's name, or something else that trying again does not change.
    #[error("{0}")]
    Refused(String),
}

impl From<ModelError> for Error {
    fn from(error: ModelError) -> Self {
        let detail = error.to_string();
        let (status, retry_after, source) = match error {
            ModelError::Away { retry_after, source } | ModelError::Limited { retry_after, source } => {
                (StatusCode::SERVICE_UNAVAILABLE, retry_after, Some(source))
            }
            ModelError::Late => (StatusCode::GATEWAY_TIMEOUT, None, None),
            ModelError::Garbage(source) => (StatusCode::BAD_GATEWAY, None, Some(source)),
            ModelError::Declined(_) | ModelError::Refused(_) => (StatusCode::BAD_GATEWAY, None, None),
        };
        let retry_after = retry_after.map(|pause| pause.as_secs_f64().ceil().max(1.0)).map(whole);
        Self::Elsewhere { status, detail, retry_after, source }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a pause; a float that is no number becomes 0")]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}
