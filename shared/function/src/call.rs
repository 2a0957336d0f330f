//! How deliveries and jobs call a function: through the port, with a limit in time, and whatever goes wrong is a [`Failure`].
//!
//! [`Failure::next`] is the one rule of what follows, for the bus of one process and for the gateway behind Dapr: whether it was the
//! event's fault, and whether there is another attempt.

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

/// How long a function may take: longer than any of its own limits, so that only a hanging one meets it.
pub const TIMEOUT: Duration = Duration::from_mins(1);
/// The longest cold start of a function, with the work after it.
const COLD_START_MAX: Duration = Duration::from_secs(25);
// A call of fire-reminder ahead of time starts it and then waits, all within one timeout.
const _: () = assert!(WAKE_LEAD_MAX.as_secs() + COLD_START_MAX.as_secs() < TIMEOUT.as_secs());
/// How long a function may take to answer anything at all, when it is asked whether it is there.
const SIGN_TIMEOUT: Duration = Duration::from_secs(5);
/// Characters that are kept of it: enough for a problem's title and detail.
const TEXT_MAX: usize = 500;
/// The first pause after a failed delivery; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
pub const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Attempts after which a delivery becomes a dead letter: with the pauses between them, about a minute.
pub const ATTEMPTS_MAX: u32 = 10;
/// How long a delivery waits for a consumer that is unavailable before it becomes a dead letter.
pub const UNAVAILABLE_MAX: Duration = Duration::from_hours(24);
/// Tries in a row that even an older delivery gets: it may be old because nothing ran.
const TRIES_MIN: u32 = 5;

/// How long to wait after so many failures in a row: `first`, and each time twice as long, up to 30 s.
#[must_use]
pub fn pause(failures: u32, first: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(PAUSE_MAX)
}

/// Why a call failed.
#[derive(Debug)]
pub struct Failure {
    /// The status of the answer, if there was one.
    pub status: Option<StatusCode>,
    /// For people.
    pub text: String,
    fault: Fault,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The event's, and always will be.
    Final,
    /// The event's, as far as anybody can tell.
    Event,
    /// Not the event's: the consumer, or what it needs, is unavailable.
    Unavailable,
}

/// The failures of a delivery so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tries {
    /// Failures that count as attempts.
    pub attempts: u32,
    /// Failures that do not, since this process has the delivery.
    pub uncounted: u32,
}

/// What follows from a failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another try; this one was an attempt.
    Retry,
    /// Another try; this one was none.
    Wait,
    /// No other: the delivery becomes a dead letter.
    GiveUp,
}

impl Tries {
    /// The pause before the next try, after these failures.
    #[must_use]
    pub fn pause(&self) -> Duration {
        pause(self.attempts.saturating_add(self.uncounted).saturating_sub(1), PAUSE)
    }
}

impl Failure {
    /// What follows, after these earlier failures of a delivery that is so old.
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

    /// True if the consumer, or what it needs, is unavailable: then nothing is known about what it was called for.
    #[must_use]
    pub fn is_unavailability(&self) -> bool {
        self.fault == Fault::Unavailable
    }

    /// A failure without an answer that counts as an attempt.
    #[must_use]
    pub fn of_event(text: impl Into<String>) -> Self {
        Self { status: None, text: text.into(), fault: Fault::Event }
    }
}

/// Whose fault an answer with this status says it is. A function that panics answers 500, as for any defect that only this event may show.
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

    /// Says whose fault it is that a function did not answer in time. A function that cannot start is called in vain just as one that
    /// hangs, so it is asked for anything: only one that answers that, with its own header, hangs because of what it was called for.
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
    // PostgreSQL keeps no NUL in a text.
    let said: String = String::from_utf8_lossy(&said).chars().filter(|char| *char != '\0').take(TEXT_MAX).collect();
    Err(Failure { status: Some(status), text: format!("{status} {said}").trim_end().to_owned(), fault: fault_of(status) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoxFuture;

    /// Answers deliveries as it is told to, and everything else, as functions do, if it is there.
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

    /// What follows from such a failure each time, until the delivery is given up.
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
    async fn a_function_that_hangs_is_at_fault_only_if_it_is_there() {
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
