//! How deliveries and jobs call a function: through the port, with a limit in time, and whatever goes wrong is a [`Failure`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::event::EventType;
use domain::routes::{NOTIFY, Route};
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use crate::metrics::Metrics;
use crate::ports::Functions;
use crate::service::OUTBOX;
use crate::settings::Secret;
use crate::{App, Published, Request, Response, full, span};

/// How long a function may take: longer than any of its own limits, so that only a hanging one meets it.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Characters that are kept of it: enough for a problem's title and detail.
const TEXT_MAX: usize = 500;
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long to wait after so many failures in a row: `first`, and each time twice as long, up to 30 s.
#[must_use]
pub fn pause(failures: u32, first: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(PAUSE_MAX)
}

/// Why a call failed.
#[derive(Debug)]
pub struct Failure {
    /// What the function answered, if it did.
    pub status: Option<StatusCode>,
    /// For people.
    pub text: String,
}

impl Failure {
    /// Whether the same event will never be taken.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let never = [
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_FOUND,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ];
        self.status.is_some_and(|status| never.contains(&status))
    }

    fn without_answer(text: impl Into<String>) -> Self {
        Self { status: None, text: text.into() }
    }
}

/// Calls functions in the name of the bus, or of the broker and the scheduler.
pub struct Caller {
    functions: Arc<dyn Functions>,
    authorization: Option<HeaderValue>,
    metrics: Arc<Metrics>,
}

impl Caller {
    /// Calls with this token, if the functions ask for one.
    #[must_use]
    pub fn new(functions: Arc<dyn Functions>, token: Option<&str>, metrics: Arc<Metrics>) -> Self {
        let authorization = token.and_then(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        if token.is_some() && authorization.is_none() {
            tracing::error!("the token cannot be sent in a header: functions will refuse what the bus delivers");
        }
        Self { functions, authorization, metrics }
    }

    /// Calls as this process does.
    #[must_use]
    pub fn of(app: &App) -> Self {
        Self::new(app.functions.clone(), app.settings.api_token.as_ref().map(Secret::expose), app.metrics.clone())
    }

    /// What it counts in.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Posts to a function; whether what it announced was published. Only a 2xx is a success.
    ///
    /// # Errors
    /// Any other answer, none in time, or a panic of the function.
    pub async fn post(&self, route: &Route, path: &str, content_type: Option<&'static str>, body: Bytes) -> Result<Published, Failure> {
        let late = if route.name == NOTIFY.name { lateness(&body) } else { None };
        let request = self.request(path, content_type, body).map_err(|error| Failure::without_answer(error.to_string()))?;
        let call = async { outcome(self.functions.call(route, request).await).await };
        let outcome = match tokio::time::timeout(TIMEOUT, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::without_answer("the function panicked")),
            Err(_) => Err(Failure::without_answer(format!("no answer within {} s", TIMEOUT.as_secs()))),
        };
        self.metrics.delivery(route.name, outcome.is_ok());
        if let (Some(late), Ok(_)) = (late, &outcome) {
            self.metrics.reminder(late);
        }
        outcome
    }

    fn request(&self, path: &str, content_type: Option<&'static str>, body: Bytes) -> Result<Request, http::Error> {
        let mut request = http::Request::builder().method(Method::POST).uri(path).body(full(body))?;
        if let Some(content_type) = content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        span::propagate(request.headers_mut());
        Ok(request)
    }
}

/// How many microseconds after its time a reminder was triggered, if this event says so.
fn lateness(event: &[u8]) -> Option<i64> {
    let event: Value = serde_json::from_slice(event).ok()?;
    let time = |name: &str| event["data"][name].as_str()?.parse::<Timestamp>().ok();
    let is_triggered = event["type"] == EventType::ReminderTriggered.as_str();
    Some(time("timestamp")?.as_microsecond() - time("scheduled_at").filter(|_| is_triggered)?.as_microsecond())
}

async fn outcome(response: Response) -> Result<Published, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(if response.headers().contains_key(OUTBOX) { Published::Pending } else { Published::All });
    }
    let said = crate::service::collect(response.into_body()).await.unwrap_or_default();
    // PostgreSQL keeps no NUL in a text.
    let said: String = String::from_utf8_lossy(&said).chars().filter(|char| *char != '\0').take(TEXT_MAX).collect();
    Err(Failure { status: Some(status), text: format!("{status} {said}").trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pauses: Vec<_> = [0, 1, 2, 8, 9, 40].map(|failures| pause(failures, Duration::from_millis(100)).as_millis()).into();
        assert_eq!(pauses, [100, 200, 400, 25_600, 30_000, 30_000]);
    }
}
