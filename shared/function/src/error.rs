//! What can go wrong in a handler, and how a caller hears of it: RFC 9457 `application/problem+json`, made in one place.

use std::time::Duration;

use domain::event::{CommandType, EventType};
use domain::{FieldError, Invalid};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::{BoxError, Response, full};

/// Seconds after which a caller may try again, where nobody knows better.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 2;

/// What can go wrong; each is one row of the API's error table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 400: not JSON, no `CloudEvent`, no integer id.
    #[error("{0}")]
    Malformed(String),
    /// 401: the token is missing or wrong.
    #[error("a bearer token is needed: Authorization: Bearer <token>")]
    Unauthorized,
    /// 401: the app password, or the key of the feed, is missing or wrong.
    #[error("an app password is needed: Settings of the page makes one")]
    NoAppPassword,
    /// 403: who calls may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// 404: no such thing, or no such path.
    #[error("{0}")]
    NotFound(String),
    /// 405: the path is there, the method is not; the methods that are.
    #[error("the methods of this path are {0}")]
    MethodNotAllowed(String),
    /// 406: the caller takes nothing that this is answered as; what that is.
    #[error("this is answered as {0}, which Accept leaves out")]
    NotAcceptable(&'static str),
    /// 408: the body did not arrive in time.
    #[error("the body did not arrive in time")]
    Timeout,
    /// 409: something else is in the way.
    #[error("{0}")]
    Conflict(String),
    /// 412: the thing has changed since.
    #[error("the task's version is not one that If-Match and If-None-Match ask for")]
    PreconditionFailed,
    /// 413: more than the limit.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// 415: a body that is not what the path takes.
    #[error("the content type is not {0}")]
    UnsupportedMediaType(&'static str),
    /// 415: a body with a content coding.
    #[error("bodies with a Content-Encoding are not read; send it as it is")]
    UnsupportedCoding,
    /// 421: Taskflow was called by a name that is not its own.
    #[error("{0:?} is not a name of this Taskflow; TASKFLOW_HOSTS says which are, and with TASKFLOW_API_TOKEN any name will do")]
    Misdirected(String),
    /// 422: understood, but a field breaks a rule.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// 502: another function broke off its answer.
    #[error("the function broke off")]
    BrokenOff(#[source] BoxError),
    /// 503: something that is needed is away; a caller can try again.
    #[error("{what} is not available")]
    Unavailable {
        /// What is away, for a person.
        what: &'static str,
        /// Why, for the log.
        source: Option<BoxError>,
    },
    /// 504: another function did not answer in time.
    #[error("the function did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// 502, 503 or 504: a service that is not Taskflow's failed us.
    #[error("{detail}")]
    Elsewhere {
        /// Which of them.
        status: StatusCode,
        /// What happened, for a person.
        detail: String,
        /// Seconds after which a caller may try again, where that is known.
        retry_after: Option<u64>,
        /// Why, for the log.
        source: Option<BoxError>,
    },
    /// 500: our fault.
    #[error("something went wrong")]
    Internal(#[source] BoxError),
}

impl Error {
    /// Something needed is away.
    pub fn unavailable(what: &'static str, source: impl Into<BoxError>) -> Self {
        Self::Unavailable { what, source: Some(source.into()) }
    }

    /// A fact that somebody other than Taskflow brings.
    #[must_use]
    pub fn fact(ty: EventType) -> Self {
        let command = CommandType::ALL.iter().find(|command| command.answer() == ty);
        let instead = command.map_or_else(String::new, |command| format!("; the command is {command}"));
        Self::Forbidden(format!("{ty} is a fact, and only Taskflow announces facts{instead}"))
    }

    /// Our fault.
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::Internal(source.into())
    }

    /// Seconds after which a caller may try again; `None` where trying again is of no use, or nobody knows.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Elsewhere { retry_after: Some(seconds), .. } => Some(*seconds),
            Self::Unavailable { .. } | Self::Elsewhere { status: StatusCode::SERVICE_UNAVAILABLE, .. } => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized | Self::NoAppPassword => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) | Self::UnsupportedCoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::BrokenOff(_) => StatusCode::BAD_GATEWAY,
            Self::NoAnswer(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Elsewhere { status, .. } => *status,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// True if something needed was unavailable: no fault of what was being done, so it does not count as an attempt.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        is_unavailable(self.status())
    }

    /// The problem a caller sees; never SQL, a stack trace or a secret.
    #[must_use]
    pub fn problem(&self, instance: &str) -> Problem {
        let problem = Problem::new(self.status(), self.to_string(), instance);
        match self {
            Self::Invalid(invalid) => Problem { errors: invalid.errors().to_vec(), ..problem },
            _ => problem,
        }
    }

    /// Tells the log what is ours to mend. For the one who answers it otherwise than by [`Error::into_response`], which does the same.
    pub fn log(&self, path: &str) {
        if self.status().is_server_error() {
            let source = std::error::Error::source(self).map(ToString::to_string);
            match self {
                Self::Internal(source) => tracing::error!(error = %Chain(source.as_ref()), path, "internal error"),
                Self::Unavailable { what, source: Some(source) } => {
                    tracing::warn!(error = %Chain(source.as_ref()), path, "{what} is not available");
                }
                error => tracing::warn!(%error, source, path, "failed"),
            }
        }
    }

    /// The answer to the caller of `instance` (a path). Logs what is ours to mend.
    #[must_use]
    pub fn into_response(self, instance: &str) -> Response {
        self.log(instance);
        let problem = self.problem(instance);
        self.into_response_with(&problem)
    }

    /// The answer with this problem, which has more fields than [`Error::problem`]. Logs nothing.
    #[must_use]
    pub fn into_response_with(self, problem: &impl Serialize) -> Response {
        let mut response = response(self.status(), problem);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self {
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::NoAppPassword => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Taskflow\", charset=\"UTF-8\""));
            }
            // RFC 9110, section 12.5.3: which codings would do.
            Self::UnsupportedCoding => {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            Self::MethodNotAllowed(allow) => {
                headers.extend(HeaderValue::try_from(allow).ok().map(|allow| (header::ALLOW, allow)));
            }
            _ => {}
        }
        response
    }
}

/// True if an answer with this status says that something is unavailable: it never counts as an attempt.
///
/// A function that cannot be reached, breaks off, has no connection to spare or meets a lock answers 502 or 503, by itself or through
/// whoever is in between. 401, 403, 408, 421 and 429 are about how it was called: a token that is being replaced is no event's fault.
#[must_use]
pub fn is_unavailable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 408 | 421 | 429 | 502 | 503)
}

/// RFC 9457 problem details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    pub r#type: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time, for a person.
    pub detail: String,
    /// The path that was called.
    pub instance: String,
    /// With 422: each field that cannot be accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of a call of `instance` (a path).
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>, instance: &str) -> Self {
        Self {
            r#type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            instance: instance.to_owned(),
            errors: Vec::new(),
        }
    }
}

/// The response with a problem.
#[must_use]
pub fn response(status: StatusCode, problem: &impl Serialize) -> Response {
    let mut response = Response::new(full(serde_json::to_vec(problem).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound => Self::NotFound("no such thing here".to_owned()),
            store::Error::Stale => Self::PreconditionFailed,
            store::Error::InTheWay(why) => Self::Conflict(why.to_owned()),
            store::Error::Unavailable(_) => Self::unavailable("the database", error),
            error => Self::internal(error),
        }
    }
}

impl From<serde_json::Error> for Error {
    /// Our own values that have no JSON form; what callers send goes through `input`.
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

/// An error with its causes, on one line.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl<'a> Chain<'a> {
    /// From an error that may cross threads.
    #[must_use]
    pub fn of(error: &'a (dyn std::error::Error + Send + Sync + 'static)) -> Self {
        Self(error)
    }
}

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(out, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
