//! `/health`, which calls the function `health` at most once a minute, and its probes, which call no function.
//!
//! `/health` needs no token and reads the database. If each call were forwarded, an anonymous caller could keep both awake.

use std::sync::Arc;

use bytes::Bytes;
use domain::Timestamp;
use domain::routes::HEALTH;
use function::body::collect;
use function::input::no_query;
use function::service::Service;
use function::{App, Error, Request, Response, full, guard};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::Mutex;

/// Path of the whole report. The paths below it are probes.
const PATH: &str = "/health";
/// Seconds for which an answer is cached.
const KEPT_SECONDS: i64 = 60;

/// The health report of the last minute.
pub(crate) struct Health {
    probes: Service,
    last: Mutex<Option<Kept>>,
}

/// A cached answer of the function `health`.
struct Kept {
    at: Timestamp,
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

impl Health {
    /// Answers probes by this service.
    pub(crate) fn new(probes: Service) -> Self {
        Self { probes, last: Mutex::default() }
    }

    pub(crate) async fn answer(&self, app: &Arc<App>, mut request: Request) -> Result<Response, Error> {
        if request.uri().path().trim_end_matches('/') != PATH {
            return Ok(self.probes.handle(request).await);
        }
        no_query(request.uri())?;
        // The cached answer is for all callers, whatever this one accepts.
        request.headers_mut().remove(header::ACCEPT);
        // Held during the call, so that parallel callers cause one call.
        let mut last = self.last.lock().await;
        let wants_new = wants_new(app, request.headers()).await;
        let now = app.now();
        match &*last {
            // A clock that was set back also expires it.
            Some(kept) if (0..KEPT_SECONDS).contains(&kept.age(now)) && !wants_new => Ok(kept.answer(now)),
            _ => {
                let (parts, body) = super::call(app, &HEALTH, request).await.into_parts();
                let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
                let kept = Kept { at: app.now(), status: parts.status, content_type, body: collect(body).await? };
                Ok(last.insert(kept).answer(app.now()))
            }
        }
    }
}

impl Kept {
    /// Returns its age in seconds.
    fn age(&self, now: Timestamp) -> i64 {
        now.as_microsecond().saturating_sub(self.at.as_microsecond()).div_euclid(1_000_000)
    }

    fn answer(&self, now: Timestamp) -> Response {
        let mut response = Response::new(full(self.body.clone()));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.content_type.clone().map(|value| (header::CONTENT_TYPE, value)));
        response.headers_mut().insert(header::AGE, self.age(now).into());
        response
    }
}

/// True if the caller requests an uncached answer (RFC 9111, section 5.2.1.4), and may.
async fn wants_new(app: &App, headers: &HeaderMap) -> bool {
    let directives = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let asks = directives.flat_map(|value| value.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"));
    asks && guard::authorize(app, headers).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_answer_has_its_age_and_expires_if_the_clock_is_set_back() {
        let at = |seconds: i64| Timestamp::from_microsecond(seconds * 1_000_000).unwrap();
        let kept = Kept { at: at(100), status: StatusCode::OK, content_type: None, body: Bytes::from_static(b"{}") };
        let is_fresh = |seconds: i64| (0..KEPT_SECONDS).contains(&kept.age(at(seconds)));
        assert!(is_fresh(100) && is_fresh(100 + KEPT_SECONDS - 1));
        assert!(!is_fresh(100 + KEPT_SECONDS) && !is_fresh(99));
        assert_eq!(kept.answer(at(107)).headers()[header::AGE], "7");
    }
}
