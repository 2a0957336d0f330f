//! The interface of a model that replies with text or with tool calls.

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
    /// Returns its name for callers.
    fn assistant(&self) -> Assistant;

    /// Returns its reply, and sends the text to `sink` as it arrives.
    fn reply<'a>(&'a self, prompt: &'a Prompt<'a>, sink: &'a mut Sink) -> BoxFuture<'a, Result<Reply, ModelError>>;
}

/// The input of a model.
pub(crate) struct Prompt<'a> {
    /// Contents of earlier turns.
    pub(crate) history: &'a [Content],
    /// Contents of this turn: the message, and what followed so far.
    pub(crate) turn: &'a [Content],
    /// The current time.
    pub(crate) now: Timestamp,
    /// The user's zone.
    pub(crate) zone: &'a Zone,
    /// The user's locale, if known.
    pub(crate) locale: Option<&'a Locale>,
    /// True if it may call tools.
    pub(crate) may_call: bool,
}

/// A model's reply.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The content as received, to be sent back unchanged; `None` if there is none.
    pub(crate) content: Option<Content>,
    /// Text for the user, in Markdown.
    pub(crate) text: String,
    /// Calls, in order.
    pub(crate) calls: Vec<Call>,
    /// The tasks that its text names, if it knows. Only these are shown to the user.
    pub(crate) told: Option<Vec<i64>>,
}

/// Why a model did not reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// It cannot be reached, or is overloaded.
    #[error("Gemini is not available right now; try again")]
    Away {
        /// When it may be available.
        retry_after: Option<Duration>,
        #[source]
        source: BoxError,
    },
    /// Its rate limit or quota is exceeded.
    #[error("Gemini's rate limit or quota is used up; try again later")]
    Limited {
        /// When the limit resets.
        retry_after: Option<Duration>,
        #[source]
        source: BoxError,
    },
    /// It did not answer in time.
    #[error("Gemini did not answer in time")]
    Late,
    /// Its answer is unusable.
    #[error("Gemini's answer is unusable; try again")]
    Garbage(#[source] BoxError),
    /// It declined.
    #[error("Gemini declined to answer ({0})")]
    Declined(String),
    /// It refuses the request because of the key, the model's name, or another reason that a retry does not change.
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
