//! A client of the API, wherever it is.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use crate::eventually;

/// How long an answer may take: longer than the gateway waits for a function, so that what it says of that is heard.
const ANSWER: Duration = Duration::from_secs(90);

/// What no answer that reports an error may hold.
const FORBIDDEN: &[&str] =
    &["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "panicked", "postgres://", "sqlx", "stack backtrace", "RUST_BACKTRACE"];

/// A client of a Taskflow.
pub struct Api {
    /// Where it listens.
    pub address: SocketAddr,
    token: Option<String>,
    /// What every call and handshake brings along.
    pub(crate) authorization: Option<String>,
    client: reqwest::Client,
}

impl Api {
    /// Of the Taskflow at this address. No answer may hold the token.
    #[must_use]
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        // The client asks for a provider of cryptography, even where it needs none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(ANSWER).no_proxy().build().unwrap();
        Self { address, token, authorization: None, client }
    }

    /// The same, and every call brings the token along.
    #[must_use]
    pub fn with_token(address: SocketAddr, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..Self::new(address, Some(token.to_owned())) }
    }

    /// One HTTP call; an error if nothing answered.
    ///
    /// # Errors
    /// The call broke off.
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

    /// One HTTP call. The token is not added, unless this was made [`Api::with_token`]: name it, to be let in.
    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        self.try_call(method, path, headers, body).await.unwrap()
    }

    /// A call with a JSON body, or with none where it is null.
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

    /// A new task.
    pub async fn create(&self, task: &Value) -> Value {
        self.post("/api/tasks", task).await.is(201).json()
    }

    /// What a GET answers with 200.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).await.is(200).json()
    }

    /// The same, if it is a list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        match self.read(path).await {
            Value::Array(items) => items,
            other => panic!("{path} answers no list: {other}"),
        }
    }

    /// The task as it is.
    pub async fn task(&self, id: &Value) -> Value {
        self.read(&format!("/api/tasks/{id}")).await
    }

    /// The reminders of a task, the newest first.
    pub async fn reminders(&self, task: &Value) -> Vec<Value> {
        self.list(&format!("/api/reminders?task_id={task}")).await
    }

    /// The one reminder of a task, once it is of this status.
    pub async fn reminder(&self, task: &Value, status: &str) -> Value {
        eventually(&format!("a reminder that is {status}"), async || {
            let reminders = self.reminders(task).await;
            assert!(reminders.len() <= 1, "{reminders:?}");
            reminders.into_iter().find(|reminder| reminder["status"] == status)
        })
        .await
    }
}

/// What came back of a call.
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
    /// The same, if it has this status.
    #[must_use]
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.call, self.text);
        self
    }

    /// The body.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {:?}", self.call, self.text))
    }

    /// A header, or "".
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a problem of RFC 9457 with this status; what its errors point at.
    #[must_use]
    #[track_caller]
    pub fn problem(&self, status: u16) -> Vec<String> {
        let answer = self.clone().is(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
        self.problem_json(&answer.json(), status)
    }

    /// The same of a problem that is a part of an answer.
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
