//! How deliveries and jobs call a function: through the port, with a limit in time, and whatever goes wrong is a [`Failure`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::routes::Route;
use function::ports::Functions;
use function::{Request, Response, full};
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, header};

/// How long a function may take: longer than any of its own limits, so that only a hanging one meets it.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Characters that are kept of it: enough for a problem's title and detail.
const TEXT_MAX: usize = 500;

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the function answered, if it did.
    pub(crate) status: Option<StatusCode>,
    /// For people.
    pub(crate) text: String,
}

impl Failure {
    fn without_answer(text: impl Into<String>) -> Self {
        Self { status: None, text: text.into() }
    }
}

/// Calls functions in the name of the bus.
pub(crate) struct Caller {
    functions: Arc<dyn Functions>,
    authorization: Option<HeaderValue>,
}

impl Caller {
    pub(crate) fn new(functions: Arc<dyn Functions>, token: Option<&str>) -> Self {
        let authorization = token.and_then(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        if token.is_some() && authorization.is_none() {
            tracing::error!("the token cannot be sent in a header: functions will refuse what the bus delivers");
        }
        Self { functions, authorization }
    }

    /// Posts to a function. Only a 2xx is a success.
    pub(crate) async fn post(&self, route: &Route, path: &str, content_type: Option<&'static str>, body: Bytes) -> Result<(), Failure> {
        let request = self.request(path, content_type, body).map_err(|error| Failure::without_answer(error.to_string()))?;
        let call = async { outcome(self.functions.call(route, request).await).await };
        match tokio::time::timeout(TIMEOUT, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::without_answer("the function panicked")),
            Err(_) => Err(Failure::without_answer(format!("no answer within {} s", TIMEOUT.as_secs()))),
        }
    }

    fn request(&self, path: &str, content_type: Option<&'static str>, body: Bytes) -> Result<Request, http::Error> {
        let mut request = http::Request::builder().method(Method::POST).uri(path).body(full(body))?;
        if let Some(content_type) = content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }
}

async fn outcome(response: Response) -> Result<(), Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let said = function::service::collect(response.into_body()).await.unwrap_or_default();
    // PostgreSQL keeps no NUL in a text.
    let said: String = String::from_utf8_lossy(&said).chars().filter(|char| *char != '\0').take(TEXT_MAX).collect();
    Err(Failure { status: Some(status), text: format!("{status} {said}").trim_end().to_owned() })
}
