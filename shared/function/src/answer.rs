//! What a handler answers: a status, a few headers and a body that is known.

use bytes::Bytes;
use domain::Resource;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Error, Response, full};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Answer {
    /// 200 with a JSON body.
    ///
    /// # Errors
    /// A value that has no JSON form.
    pub fn json(value: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::of("application/json", serde_json::to_vec(value)?))
    }

    /// 200 with a body of this type.
    #[must_use]
    pub fn of(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { status: StatusCode::OK, headers, body: body.into() }
    }

    /// A resource as JSON, with its version as `ETag`, and where it is if it is new (201). 204 has no body.
    ///
    /// # Errors
    /// A value that has no JSON form.
    pub fn resource(resource: &impl Resource, status: StatusCode) -> Result<Self, Error> {
        if status == StatusCode::NO_CONTENT {
            return Ok(Self::empty(status));
        }
        let mut answer = Self { status, ..Self::json(resource)? };
        if let Some(version) = resource.version() {
            answer = answer.header(header::ETAG, format!("\"{version}\""));
        }
        Ok(if status == StatusCode::CREATED { answer.header(header::LOCATION, resource.location()) } else { answer })
    }

    /// A status without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// The same with another status; 204 has no body.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        if status == StatusCode::NO_CONTENT { Self::empty(status) } else { Self { status, ..self } }
    }

    /// The same with one more header, left out if the value has characters that headers cannot have.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        self.headers.extend(value.try_into().ok().map(|value| (name, value)));
        self
    }

    /// The answer as JSON, to be kept with an idempotency key and answered again.
    pub(crate) fn to_value(&self) -> Value {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| json!([name.as_str(), value.to_str().unwrap_or_default()])).collect();
        json!({ "status": self.status.as_u16(), "headers": headers, "body": String::from_utf8_lossy(&self.body) })
    }

    /// An answer that was kept.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        let status = StatusCode::from_u16(value["status"].as_u64()?.try_into().ok()?).ok()?;
        let mut answer = Self { status, headers: Vec::new(), body: value["body"].as_str()?.to_owned().into() };
        for header in value["headers"].as_array()? {
            answer = answer.header(header[0].as_str()?.parse().ok()?, header[1].as_str()?);
        }
        Some(answer)
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(full(answer.body));
        *response.status_mut() = answer.status;
        response.headers_mut().extend(answer.headers.into_iter().map(|(name, value)| (Some(name), value)));
        response
    }
}
