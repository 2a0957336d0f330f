//! Errors of handlers, and their conversion to RFC 9457 `application/problem+json`, in one place.

use std::time::Duration;

use domain::event::{CommandType, EventType};
use domain::{FieldError, Invalid};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::{BoxError, Response, full};

/// Default number of seconds before a retry.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 2;

/// An error of a handler; each variant is a row of the API's error table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 400: not JSON, not a `CloudEvent`, not an integer id.
    #[error("{0}")]
    Malformed(String),
    /// 401: the token is missing or wrong.
    #[error("a bearer token is required; send the header Authorization: Bearer <token>")]
    Unauthorized,
    /// 401: the app password, or the key of the feed, is missing or wrong.
    #[error("the app password is missing or wrong; create one in the page's Settings")]
    NoAppPassword,
    /// 403: the caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// 404: the resource or path does not exist.
    #[error("{0}")]
    NotFound(String),
    /// 405: the path does not have this method; lists its methods.
    #[error("this path does not support this method; use {0}")]
    MethodNotAllowed(String),
    /// 406: the caller accepts no type that the response can have; names it.
    #[error("the response is {0}, which Accept excludes")]
    NotAcceptable(&'static str),
    /// 408: the body did not arrive in time.
    #[error("the body did not arrive in time")]
    Timeout,
    /// 409: the change conflicts with the current state.
    #[error("{0}")]
    Conflict(String),
    /// 412: the version does not meet the precondition.
    #[error("the task's version does not meet If-Match or If-None-Match; read the task again")]
    PreconditionFailed,
    /// 413: the body exceeds the limit.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// 415: the path does not accept this content type.
    #[error("the content type is not {0}")]
    UnsupportedMediaType(&'static str),
    /// 415: a body with a content coding.
    #[error("a body with a Content-Encoding is not accepted; send it uncompressed")]
    UnsupportedCoding,
    /// 421: Taskflow was called by an unknown name.
    #[error("{0:?} is not a name of this Taskflow; add it to TASKFLOW_HOSTS, or set TASKFLOW_API_TOKEN, which allows any name")]
    Misdirected(String),
    /// 422: a field is invalid.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// 502: another function's answer is incomplete.
    #[error("the function's answer is incomplete")]
    BrokenOff(#[source] BoxError),
    /// 503: a dependency is unavailable; the caller can retry.
    #[error("{what} is not available")]
    Unavailable {
        /// The dependency, as text for the user.
        what: &'static str,
        /// The cause, for the log.
        source: Option<BoxError>,
    },
    /// 504: another function did not answer in time.
    #[error("the function did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// 502, 503 or 504: an external service failed.
    #[error("{detail}")]
    Elsewhere {
        /// The status.
        status: StatusCode,
        /// The reason, as text for the user.
        detail: String,
        /// Seconds before a retry, if known.
        retry_after: Option<u64>,
        /// The cause, for the log.
        source: Option<BoxError>,
    },
    /// 500: a defect of Taskflow.
    #[error("internal error; the log has the details")]
    Internal(#[source] BoxError),
}

impl Error {
    /// Creates the error for an unavailable dependency.
    pub fn unavailable(what: &'static str, source: impl Into<BoxError>) -> Self {
        Self::Unavailable { what, source: Some(source.into()) }
    }

    /// Creates the error for a fact from outside.
    #[must_use]
    pub fn fact(ty: EventType) -> Self {
        let command = CommandType::ALL.iter().find(|command| command.answer() == ty);
        let instead = command.map_or_else(String::new, |command| format!("; send the command {command} instead"));
        Self::Forbidden(format!("{ty} is an event that only Taskflow announces{instead}"))
    }

    /// Creates the error for a defect.
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::Internal(source.into())
    }

    /// Returns the seconds before a retry; `None` if a retry is useless or the time is unknown.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Elsewhere { retry_after: Some(seconds), .. } => Some(*seconds),
            Self::Unavailable { .. } | Self::Elsewhere { status: StatusCode::SERVICE_UNAVAILABLE, .. } => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }

    /// Returns the HTTP status.
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

    /// True if a dependency was unavailable, so that the failure does not count as an attempt.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        is_unavailable(self.status())
    }

    /// Returns the problem for the caller; it never contains SQL, a stack trace or a secret.
    #[must_use]
    pub fn problem(&self, instance: &str) -> Problem {
        let problem = Problem::new(self.status(), self.to_string(), instance);
        match self {
            Self::Invalid(invalid) => Problem { errors: invalid.errors().to_vec(), ..problem },
            _ => problem,
        }
    }

    /// Logs errors that are the server's fault. For handlers that answer by other means than [`Error::into_response`], which logs too.
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

    /// Returns the response to the caller of `instance` (a path). Logs errors that are the server's fault.
    #[must_use]
    pub fn into_response(self, instance: &str) -> Response {
        self.log(instance);
        let problem = self.problem(instance);
        self.into_response_with(&problem)
    }

    /// Returns the response with this problem, which has more fields than [`Error::problem`]. Logs nothing.
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
            // RFC 9110, section 12.5.3: names the accepted codings.
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

/// True if this status means that a dependency is unavailable, which never counts as an attempt.
///
/// A function that is unreachable, breaks off, has no free connection or meets a lock answers 502 or 503, itself or through an intermediary. 401,
/// 403, 408, 421 and 429 concern the call, not the event: for example, a token may be in rotation.
#[must_use]
pub fn is_unavailable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 408 | 421 | 429 | 502 | 503)
}

/// RFC 9457 problem details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`: the status is the kind of problem.
    pub r#type: String,
    /// The reason phrase.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, as text for the user.
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// With 422: each invalid field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// Creates the problem of a call of `instance` (a path).
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

/// Returns the response with a problem.
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
            store::Error::NotFound => Self::NotFound("not found".to_owned()),
            store::Error::Stale => Self::PreconditionFailed,
            store::Error::InTheWay(why) => Self::Conflict(why.to_owned()),
            store::Error::Unavailable(_) => Self::unavailable("the database", error),
            error => Self::internal(error),
        }
    }
}

impl From<serde_json::Error> for Error {
    /// Our own values without a JSON form; callers' values go through `input`.
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

/// An error with its causes, on one line.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl<'a> Chain<'a> {
    /// Creates it from an error that can cross threads.
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
