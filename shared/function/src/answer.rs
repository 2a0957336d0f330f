//! What a handler answers: a status, a few headers and a body that is known.

use bytes::Bytes;
use domain::event::{EventType, Origin, ReminderEvent, TaskEvent};
use domain::{Reminder, Task, Timestamp, USER_ID};
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
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        Ok(Self { status: StatusCode::OK, headers, body: serde_json::to_vec(value)?.into() })
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

/// What a command results in: answered as JSON to REST, as an event to a command event.
pub trait Outcome: Serialize + Send {
    /// Headers that belong to it: `ETag`, and `Location` where it is new.
    fn with_headers(&self, answer: Answer, created: bool) -> Answer;

    /// Subject, key and data of the event that tells of it.
    ///
    /// # Errors
    /// A value that has no JSON form.
    fn event(&self, ty: EventType, origin: &Origin, now: Timestamp) -> Result<(String, i64, Value), Error>;
}

impl Outcome for Task {
    fn with_headers(&self, answer: Answer, created: bool) -> Answer {
        let answer = answer.header(header::ETAG, format!("\"{}\"", self.version));
        if created { answer.header(header::LOCATION, format!("/api/tasks/{}", self.id)) } else { answer }
    }

    fn event(&self, event_type: EventType, origin: &Origin, timestamp: Timestamp) -> Result<(String, i64, Value), Error> {
        let data = TaskEvent {
            event_type,
            task_id: self.id,
            task_data: self.clone(),
            user_id: USER_ID,
            timestamp,
            correlation_id: origin.correlation_id.clone(),
        };
        Ok((format!("task/{}", self.id), self.id, serde_json::to_value(data)?))
    }
}

impl Outcome for Reminder {
    fn with_headers(&self, answer: Answer, created: bool) -> Answer {
        if created { answer.header(header::LOCATION, format!("/api/reminders?task_id={}", self.task_id)) } else { answer }
    }

    fn event(&self, event_type: EventType, origin: &Origin, timestamp: Timestamp) -> Result<(String, i64, Value), Error> {
        let data = ReminderEvent::of(self, event_type, timestamp, &origin.correlation_id);
        Ok((format!("reminder/{}", self.id), self.task_id, serde_json::to_value(data)?))
    }
}
