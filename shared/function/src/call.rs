//! Calls functions for deliveries and jobs: through the port, with a time limit. Every error is a [`Failure`].
//!
//! [`Failure::next`] is the only rule for what follows a failed delivery, in the one process and in the gateway: whether it counts as an attempt, and
//! whether there is another one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::routes::Route;
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, header};

use crate::guard::Trust;
use crate::metrics::Metrics;
use crate::ports::Functions;
use crate::service::{FUNCTION, OUTBOX};
use crate::settings::{Secret, WAKE_LEAD_MAX};
use crate::{App, Published, Request, Response, error, full, span};

/// Time limit of a call, longer than a function's own limits, so that only a hanging one reaches it.
pub const TIMEOUT: Duration = Duration::from_mins(1);
/// Maximum cold start of a function, including its work.
const COLD_START_MAX: Duration = Duration::from_secs(25);
// An early call of fire-reminder includes its cold start and its wait, within one timeout.
const _: () = assert!(WAKE_LEAD_MAX.as_secs() + COLD_START_MAX.as_secs() < TIMEOUT.as_secs());
/// Time limit of the answer to a probe.
const SIGN_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum characters stored of an error: enough for a problem's title and detail.
const TEXT_MAX: usize = 500;
/// First pause after a failed delivery; it doubles each time.
const PAUSE: Duration = Duration::from_millis(100);
/// Maximum pause.
pub const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Attempts after which a delivery becomes a dead letter; with their pauses, about a minute.
pub const ATTEMPTS_MAX: u32 = 10;
/// How long a delivery waits for an unavailable consumer before it becomes a dead letter.
pub const UNAVAILABLE_MAX: Duration = Duration::from_hours(24);
/// Minimum number of tries in a row. It applies to old deliveries too, because a delivery may be old only because no process ran.
const TRIES_MIN: u32 = 5;

/// Returns the pause after this many failures in a row: `first`, doubled each time, up to 30 s.
#[must_use]
pub fn pause(failures: u32, first: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(PAUSE_MAX)
}

/// Why a call failed.
#[derive(Debug)]
pub struct Failure {
    /// Status of the answer, if there was one.
    pub status: Option<StatusCode>,
    /// Description for logs and dead letters.
    pub text: String,
    fault: Fault,
}

/// Cause of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The event, permanently.
    Final,
    /// The event, probably.
    Event,
    /// Not the event: the consumer or its dependency is unavailable.
    Unavailable,
}

/// Failures of a delivery so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tries {
    /// Failures that count as attempts.
    pub attempts: u32,
    /// Failures that do not count, since this process has the delivery.
    pub uncounted: u32,
}

/// The next step after a failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Retry; the failure counts as an attempt.
    Retry,
    /// Retry; the failure does not count.
    Wait,
    /// No retry: the delivery becomes a dead letter.
    GiveUp,
}

impl Tries {
    /// Returns the pause before the next try.
    #[must_use]
    pub fn pause(&self) -> Duration {
        pause(self.attempts.saturating_add(self.uncounted).saturating_sub(1), PAUSE)
    }
}

impl Failure {
    /// Returns the next step for a delivery of this age, after its earlier failures.
    #[must_use]
    pub fn next(&self, earlier: Tries, age: Duration) -> Next {
        match self.fault {
            Fault::Final => Next::GiveUp,
            Fault::Event if earlier.attempts.saturating_add(1) >= ATTEMPTS_MAX => Next::GiveUp,
            Fault::Event => Next::Retry,
            Fault::Unavailable if age >= UNAVAILABLE_MAX && earlier.uncounted.saturating_add(1) >= TRIES_MIN => Next::GiveUp,
            Fault::Unavailable => Next::Wait,
        }
    }

    /// True if the consumer or its dependency is unavailable, so that the failure says nothing about the event.
    #[must_use]
    pub fn is_unavailability(&self) -> bool {
        self.fault == Fault::Unavailable
    }

    /// Creates a failure without an answer that counts as an attempt.
    #[must_use]
    pub fn of_event(text: impl Into<String>) -> Self {
        Self { status: None, text: text.into(), fault: Fault::Event }
    }
}

/// Returns the cause by status. A panicking function answers 500, as for any defect that this event may trigger.
fn fault_of(status: StatusCode) -> Fault {
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_FOUND
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Fault::Final,
        status if error::is_unavailable(status) => Fault::Unavailable,
        _ => Fault::Event,
    }
}

/// Calls functions on behalf of the bus, or of the broker and the scheduler.
pub struct Caller {
    functions: Arc<dyn Functions>,
    authorization: Option<HeaderValue>,
    metrics: Arc<Metrics>,
}

impl Caller {
    /// Sets the token of the calls, if the functions require one.
    #[must_use]
    pub fn new(functions: Arc<dyn Functions>, token: Option<&str>, metrics: Arc<Metrics>) -> Self {
        let authorization = token.and_then(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        if token.is_some() && authorization.is_none() {
            tracing::error!("TASKFLOW_API_TOKEN is not a valid header value; functions refuse deliveries without it");
        }
        Self { functions, authorization, metrics }
    }

    /// Creates a caller with this process's functions, clock and token.
    #[must_use]
    pub fn of(app: &App) -> Self {
        Self::new(app.functions.clone(), app.settings.api_token.as_ref().map(Secret::expose), app.metrics.clone())
    }

    /// Returns the metrics that count its calls.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Posts to a function, and returns whether its events were published. Only a 2xx is a success.
    ///
    /// # Errors
    /// Any other answer, a timeout, or a panic of the function.
    pub async fn post(&self, route: &Route, path: &str, content_type: Option<&'static str>, body: Bytes) -> Result<Published, Failure> {
        let late = route.lateness(&body);
        let request = self.request(path, content_type, body).map_err(|error| Failure::of_event(error.to_string()))?;
        let call = async { outcome(self.functions.call(route, request).await).await };
        let outcome = match tokio::time::timeout(TIMEOUT, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(Err(late))) if late.status == Some(StatusCode::GATEWAY_TIMEOUT) => Err(self.late(route, late).await),
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::of_event("the function panicked")),
            Err(_) => Err(self.late(route, Failure::of_event(format!("no answer within {} s", TIMEOUT.as_secs()))).await),
        };
        self.metrics.delivery(route.name, outcome.is_ok());
        if let (Some(late), Ok(_)) = (late, &outcome) {
            self.metrics.late(late);
        }
        outcome
    }

    /// Determines the cause of a timeout. A function that cannot start looks like a hanging one, so it is probed: only a function that answers the
    /// probe with its own header hangs because of this call.
    async fn late(&self, route: &Route, failure: Failure) -> Failure {
        let mut request = Request::new(full(""));
        *request.method_mut() = Method::HEAD;
        let sign = tokio::time::timeout(SIGN_TIMEOUT, self.functions.call(route, request)).await;
        let is_there = sign.is_ok_and(|response| response.headers().contains_key(FUNCTION));
        Failure { fault: if is_there { Fault::Event } else { Fault::Unavailable }, ..failure }
    }

    fn request(&self, path: &str, content_type: Option<&'static str>, body: Bytes) -> Result<Request, http::Error> {
        let mut request = http::Request::builder().method(Method::POST).uri(path).body(full(body))?;
        if let Some(content_type) = content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        request.extensions_mut().insert(Trust::Delivery);
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        span::propagate(request.headers_mut());
        Ok(request)
    }
}

async fn outcome(response: Response) -> Result<Published, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(if response.headers().contains_key(OUTBOX) { Published::Pending } else { Published::All });
    }
    let said = crate::body::collect(response.into_body()).await.unwrap_or_default();
    // PostgreSQL stores no NUL in text.
    let said: String = String::from_utf8_lossy(&said).chars().filter(|char| *char != '\0').take(TEXT_MAX).collect();
    Err(Failure { status: Some(status), text: format!("{status} {said}").trim_end().to_owned(), fault: fault_of(status) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoxFuture;

    /// Answers deliveries as configured, and probes as functions do, if it is available.
    struct Fake {
        delivered: fn() -> BoxFuture<'static, Response>,
        is_there: bool,
    }

    impl Functions for Fake {
        fn call(&self, route: &Route, request: Request) -> BoxFuture<'_, Response> {
            if request.method() == Method::POST {
                return (self.delivered)();
            }
            let mut response = answer(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(FUNCTION, HeaderValue::from_static(route.name));
            if self.is_there { Box::pin(async { response }) } else { Box::pin(std::future::pending()) }
        }
    }

    fn answer(status: StatusCode) -> Response {
        let mut response = Response::new(full(""));
        *response.status_mut() = status;
        response
    }

    async fn failure(delivered: fn() -> BoxFuture<'static, Response>, is_there: bool) -> Failure {
        let caller = Caller::new(Arc::new(Fake { delivered, is_there }), None, Arc::default());
        caller.post(&domain::routes::NOTIFY, "/", None, Bytes::new()).await.unwrap_err()
    }

    /// Returns the next step after each such failure, until the delivery is given up.
    fn course(failure: &Failure, age: Duration) -> Vec<Next> {
        let mut tries = Tries::default();
        let mut course = Vec::new();
        while course.len() < 100 {
            let next = failure.next(tries, age);
            course.push(next);
            match next {
                Next::Retry => tries.attempts += 1,
                Next::Wait => tries.uncounted += 1,
                Next::GiveUp => break,
            }
        }
        course
    }

    fn of(status: u16) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Failure { status: Some(status), text: String::new(), fault: fault_of(status) }
    }

    #[test]
    fn only_failures_of_the_event_are_attempts() {
        let day = UNAVAILABLE_MAX;
        let young = day.saturating_sub(Duration::from_secs(1));
        for status in [400, 404, 413, 415, 422] {
            assert_eq!(course(&of(status), Duration::ZERO), [Next::GiveUp], "{status}");
        }
        for status in [409, 412, 500, 501] {
            let course = course(&of(status), Duration::ZERO);
            assert_eq!((course.len(), course[8], course[9]), (10, Next::Retry, Next::GiveUp), "{status}");
        }
        for status in [401, 403, 408, 421, 429, 502, 503] {
            assert_eq!(course(&of(status), young), [Next::Wait; 100], "{status}");
            assert_eq!(course(&of(status), day), [Next::Wait, Next::Wait, Next::Wait, Next::Wait, Next::GiveUp], "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_counts_as_an_attempt_only_if_the_function_answers_the_probe() {
        for delivered in [|| Box::pin(std::future::pending()) as _, || Box::pin(async { answer(StatusCode::GATEWAY_TIMEOUT) }) as _] {
            assert!(!failure(delivered, true).await.is_unavailability());
            assert!(failure(delivered, false).await.is_unavailability());
        }
        let panicking = failure(|| Box::pin(async { panic!("a defect") }), false).await;
        assert!(!panicking.is_unavailability(), "{panicking:?}");
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pauses: Vec<_> = [0, 1, 2, 8, 9, 40].map(|failures| pause(failures, Duration::from_millis(100)).as_millis()).into();
        assert_eq!(pauses, [100, 200, 400, 25_600, 30_000, 30_000]);
        // The first failure is followed by the first pause.
        assert_eq!(Tries { attempts: 0, uncounted: 1 }.pause(), Duration::from_millis(100));
        assert_eq!(Tries { attempts: 2, uncounted: 1 }.pause(), Duration::from_millis(400));
    }
}
