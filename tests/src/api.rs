//! An API client for any deployment.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use crate::eventually;

/// Time limit of an answer, longer than the gateway waits for a function, so that its error is received.
const ANSWER: Duration = Duration::from_secs(90);

/// Texts that no error response may contain.
const FORBIDDEN: &[&str] =
    &["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "panicked", "postgres://", "sqlx", "stack backtrace", "RUST_BACKTRACE"];

/// A client of a running Taskflow.
pub struct Api {
    /// Its address.
    pub address: SocketAddr,
    token: Option<String>,
    /// The `Authorization` of every call and handshake.
    pub(crate) authorization: Option<String>,
    client: reqwest::Client,
}

impl Api {
    /// Creates a client of the Taskflow at this address. No answer may contain the token.
    #[must_use]
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        // The client needs a cryptography provider even without TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(ANSWER).no_proxy().build().unwrap();
        Self { address, token, authorization: None, client }
    }

    /// Returns the same client, which sends the token with every call.
    #[must_use]
    pub fn with_token(address: SocketAddr, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..Self::new(address, Some(token.to_owned())) }
    }

    /// Makes one HTTP call.
    ///
    /// # Errors
    /// There was no answer, or the call broke off.
    pub async fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.client.request(method.parse().unwrap(), format!("http://{}{path}", self.address)).body(body);
        let authorization = self.authorization.iter().map(|value| ("authorization", value.as_str()));
        for (name, value) in headers.iter().copied().chain(authorization) {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(response.bytes().await?.to_vec()).unwrap();
        let answer = Answer { status, headers, text, call: format!("{method} {path}") };
        if status >= 400 {
            let secret = self.token.as_deref().into_iter();
            for word in FORBIDDEN.iter().copied().chain(secret) {
                assert!(!answer.text.contains(word), "an answer holds {word:?}: {answer:?}");
            }
        }
        Ok(answer)
    }

    /// Makes one HTTP call. Sends the token only if this was created by [`Api::with_token`].
    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        self.try_call(method, path, headers, body).await.unwrap()
    }

    /// Makes a call with a JSON body, or without one if it is null.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        if body.is_null() {
            return self.call(method, path, headers, "").await;
        }
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
        self.call(method, path, &headers, body.to_string()).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "").await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body).await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[], body).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[], "").await
    }

    /// Creates a task.
    pub async fn create(&self, task: &Value) -> Value {
        self.post("/api/tasks", task).await.is(201).json()
    }

    /// Returns the JSON of a GET that answers 200.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).await.is(200).json()
    }

    /// Returns the list of a GET that answers 200.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        match self.read(path).await {
            Value::Array(items) => items,
            other => panic!("{path} answers no list: {other}"),
        }
    }

    /// Returns the current task.
    pub async fn task(&self, id: &Value) -> Value {
        self.read(&format!("/api/tasks/{id}")).await
    }

    /// Returns the reminders of a task, newest first.
    pub async fn reminders(&self, task: &Value) -> Vec<Value> {
        self.list(&format!("/api/reminders?task_id={task}")).await
    }

    /// Waits until the only reminder of a task has this status, and returns it.
    pub async fn reminder(&self, task: &Value, status: &str) -> Value {
        eventually(&format!("a reminder that is {status}"), async || {
            let reminders = self.reminders(task).await;
            assert!(reminders.len() <= 1, "{reminders:?}");
            reminders.into_iter().find(|reminder| reminder["status"] == status)
        })
        .await
    }
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
    call: String,
}

impl Answer {
    /// Returns the answer if it has this status.
    #[must_use]
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.call, self.text);
        self
    }

    /// Returns the body as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {:?}", self.call, self.text))
    }

    /// Returns a header, or "".
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is an RFC 9457 problem with this status, and returns the pointers of its errors.
    #[must_use]
    #[track_caller]
    pub fn problem(&self, status: u16) -> Vec<String> {
        let answer = self.clone().is(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
        self.problem_json(&answer.json(), status)
    }

    /// Does the same for a problem inside an answer.
    #[must_use]
    #[track_caller]
    pub fn problem_json(&self, problem: &Value, status: u16) -> Vec<String> {
        let path = self.call.split([' ', '?']).nth(1).unwrap_or_default();
        for (member, is_right) in [
            ("type", problem["type"] == "about:blank"),
            ("title", problem["title"].as_str().is_some_and(|title| !title.is_empty())),
            ("status", problem["status"] == status),
            ("detail", problem["detail"].as_str().is_some_and(|detail| !detail.is_empty())),
            ("instance", problem["instance"] == path),
            ("errors", problem["errors"].is_array() == (status == 422)),
        ] {
            assert!(is_right, "{}: {member} of {problem}", self.call);
        }
        let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(errors.iter().all(|error| error["detail"].as_str().is_some_and(|detail| !detail.is_empty())), "{problem}");
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }
}
