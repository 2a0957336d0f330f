//! Answers polling calendar clients from a cache, without waking a function, until something changes. The gateway sees every event of a task, so it
//! knows about changes.
//!
//! A client repeats the same request every few minutes. The cache key is the whole request, including the credential. A response is invalidated by an
//! event, by a change that the gateway forwards, and after an hour at most, which is also how long a credential counts as verified.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use function::body::collect_within;
use function::{Request, Response, full};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use ring::digest::{Context, SHA256};
use tokio::time::Instant;

/// How long a response is cached.
const KEPT: Duration = Duration::from_hours(1);
/// Maximum number of cached responses. Above it, all are removed.
const ANSWERS_MAX: usize = 256;
/// Maximum number of bytes of a request whose response is cached.
const QUESTION_MAX: usize = 8 * 1024;
/// Maximum number of bytes of a cached response.
const ANSWER_MAX: usize = 64 * 1024;
/// The headers that are part of the key.
const ASKED: [&str; 5] = ["authorization", "depth", "if-none-match", "accept", "host"];

/// The cached responses.
pub(crate) struct Polls {
    /// False if the gateway sees no events. Then nothing is cached.
    sees_events: bool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Increases with every change.
    generation: u64,
    answers: HashMap<[u8; 32], Answer>,
}

#[derive(Clone)]
struct Answer {
    verified: Instant,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Polls {
    /// Creates the cache. It is used only if the gateway sees every event of a task.
    pub(crate) fn new(sees_events: bool) -> Self {
        Self { sees_events, kept: Mutex::default() }
    }

    /// Removes all responses after a change.
    pub(crate) fn forget(&self) {
        let mut kept = self.kept();
        kept.generation += 1;
        kept.answers.clear();
    }

    /// Returns the cached response to a request, or lets `call` answer it.
    pub(crate) async fn around<F>(&self, request: Request, call: impl FnOnce(Request) -> F) -> Response
    where
        F: Future<Output = Response>,
    {
        let is_small = request.body().size_hint().exact().is_some_and(|size| size <= QUESTION_MAX as u64);
        if !self.sees_events || !is_small {
            return call(request).await;
        }
        let (parts, body) = request.into_parts();
        let body = match collect_within(QUESTION_MAX, body).await {
            Ok(body) => body,
            Err(error) => return error.into_response(parts.uri.path()),
        };
        let key = key(&parts, &body);
        let generation = {
            let kept = self.kept();
            if let Some(answer) = kept.answers.get(&key).filter(|answer| answer.verified.elapsed() < KEPT) {
                return answer.clone().into();
            }
            kept.generation
        };
        let verified = Instant::now();
        let response = call(Request::from_parts(parts, full(body))).await;
        self.keep(key, generation, verified, response).await
    }

    /// Caches a response, unless something has changed since the request.
    async fn keep(&self, key: [u8; 32], generation: u64, verified: Instant, response: Response) -> Response {
        let is_small = response.body().size_hint().exact().is_some_and(|size| size <= ANSWER_MAX as u64);
        let is_kept = matches!(response.status(), StatusCode::OK | StatusCode::MULTI_STATUS | StatusCode::NOT_MODIFIED);
        if !is_small || !is_kept {
            return response;
        }
        let (parts, body) = response.into_parts();
        let body = match collect_within(ANSWER_MAX, body).await {
            Ok(body) => body,
            Err(error) => return error.into_response("/"),
        };
        let answer = Answer { verified, status: parts.status, headers: parts.headers, body };
        let mut kept = self.kept();
        if kept.generation == generation {
            if kept.answers.len() >= ANSWERS_MAX {
                kept.answers.clear();
            }
            kept.answers.insert(key, answer.clone());
        }
        answer.into()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(full(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response
    }
}

/// Returns the digest of a request: method, path, query, the relevant headers, and the body, each with its length.
fn key(parts: &http::request::Parts, body: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let mut add = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    add(parts.method.as_str().as_bytes());
    add(parts.uri.to_string().as_bytes());
    for name in ASKED {
        for value in parts.headers.get_all(name) {
            add(value.as_bytes());
        }
        add(&[]);
    }
    add(body);
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::BodyExt;

    use super::*;

    struct Function {
        polls: Polls,
        woken: AtomicUsize,
    }

    impl Function {
        fn new(sees_events: bool) -> Self {
            Self { polls: Polls::new(sees_events), woken: AtomicUsize::new(0) }
        }

        async fn ask(&self, authorization: &str, body: &'static str) -> (StatusCode, usize) {
            let request = http::Request::builder().method("PROPFIND").uri("/dav/").header("authorization", authorization);
            let answer = self.polls.around(request.body(full(body)).unwrap(), |request| async {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let mut response = Response::new(full(format!("{body:?} {}", self.woken.fetch_add(1, Ordering::Relaxed))));
                *response.status_mut() = if body == "wrong" { StatusCode::UNAUTHORIZED } else { StatusCode::MULTI_STATUS };
                response
            });
            (answer.await.status(), self.woken.load(Ordering::Relaxed))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_is_cached_until_a_change_or_for_an_hour() {
        let function = Function::new(true);
        assert_eq!(function.ask("Basic a", "1").await.1, 1);
        assert_eq!(function.ask("Basic a", "1").await.1, 1, "the same again");
        assert_eq!(function.ask("Basic b", "1").await.1, 2, "another credential");
        assert_eq!(function.ask("Basic a", "2").await.1, 3, "another question");
        function.polls.forget();
        assert_eq!(function.ask("Basic a", "1").await.1, 4, "something has changed");
        tokio::time::advance(KEPT).await;
        assert_eq!(function.ask("Basic a", "1").await.1, 5, "the credential was verified too long ago");
        assert_eq!(function.ask("Basic a", "wrong").await, (StatusCode::UNAUTHORIZED, 6));
        assert_eq!(function.ask("Basic a", "wrong").await.1, 7, "an error is not kept");
    }

    #[tokio::test]
    async fn an_answer_from_before_a_change_is_not_kept() {
        let function = Function::new(true);
        let request = http::Request::builder().method("PROPFIND").uri("/dav/").header("authorization", "Basic a").body(full("1")).unwrap();
        let changing = function.polls.around(request, |_| async {
            function.polls.forget();
            let mut response = Response::new(full("old"));
            *response.status_mut() = StatusCode::MULTI_STATUS;
            response
        });
        changing.await;
        assert_eq!(function.ask("Basic a", "1").await.1, 1);
    }

    #[tokio::test]
    async fn nothing_is_cached_without_events() {
        let function = Function::new(false);
        function.ask("Basic a", "1").await;
        assert_eq!(function.ask("Basic a", "1").await.1, 2);
    }
}
