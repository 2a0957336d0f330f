//! The answer of a handler: a status, a few headers and a complete body.

use bytes::Bytes;
use domain::query::{OFFSET_MAX, Window};
use domain::{Page, Resource};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::accept::is_known;
use crate::service::{OUTBOX, PENDING};
use crate::{Error, Published, Response, full};

/// Header with the number of items on all pages.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    /// The page of a list, and the total number of items.
    page: Option<(Window, i64)>,
}

impl Answer {
    /// Returns 200 with a JSON body.
    ///
    /// # Errors
    /// The value has no JSON form.
    pub fn json(value: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::of("application/json", serde_json::to_vec(value)?))
    }

    /// Returns a page of a list as JSON, with the total in `X-Total-Count`. The service adds links to the other pages.
    ///
    /// # Errors
    /// The value has no JSON form.
    pub fn page(page: &Page<impl Serialize>, window: Window) -> Result<Self, Error> {
        let answer = Self::json(&page.items)?.header(TOTAL_COUNT, page.total_count);
        Ok(Self { page: Some((window, page.total_count)), ..answer })
    }

    /// Returns 200 with a body of this type.
    #[must_use]
    pub fn of(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { status: StatusCode::OK, headers, body: body.into(), page: None }
    }

    /// Returns a resource as JSON, with its version as `ETag`, and with `Location` if it is new (201). 204 has no body.
    ///
    /// # Errors
    /// The value has no JSON form.
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

    /// Returns the answer of a change, which tells the gateway if outbox rows are waiting.
    #[must_use]
    pub fn telling(self, published: Published) -> Self {
        match published {
            Published::All => self,
            Published::Pending => self.header(OUTBOX, PENDING),
        }
    }

    /// Returns a status without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), page: None }
    }

    /// Returns the same answer with another status; 204 has no body.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        if status == StatusCode::NO_CONTENT { Self::empty(status) } else { Self { status, ..self } }
    }

    /// Returns the same answer with another header. Omits it if the value is not a valid header value.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        self.headers.extend(value.try_into().ok().map(|value| (name, value)));
        self
    }

    /// Returns the answer for a request with this URI and these headers: with links to the other pages (RFC 8288), or as 304 for a caller with a
    /// current copy.
    pub(crate) fn to(self, uri: &Uri, headers: &HeaderMap) -> Self {
        let etag = self.headers.iter().find(|(name, _)| *name == header::ETAG).and_then(|(_, value)| value.to_str().ok());
        if etag.is_some_and(|etag| is_known(headers, etag)) {
            let kept = self.headers.into_iter().filter(|(name, _)| *name != header::CONTENT_TYPE).collect();
            return Self { status: StatusCode::NOT_MODIFIED, headers: kept, body: Bytes::new(), page: None };
        }
        match self.page {
            Some((window, total)) => self.header(header::LINK, links(uri, window, total)),
            None => self,
        }
    }

    /// Returns the answer as JSON, to be stored with an idempotency key.
    pub(crate) fn to_value(&self) -> Value {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| json!([name.as_str(), value.to_str().unwrap_or_default()])).collect();
        json!({ "status": self.status.as_u16(), "headers": headers, "body": String::from_utf8_lossy(&self.body) })
    }

    /// Returns a stored answer.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        let status = StatusCode::from_u16(value["status"].as_u64()?.try_into().ok()?).ok()?;
        let mut answer = Self { status, headers: Vec::new(), body: value["body"].as_str()?.to_owned().into(), page: None };
        for header in value["headers"].as_array()? {
            answer = answer.header(header[0].as_str()?.parse().ok()?, header[1].as_str()?);
        }
        Some(answer)
    }
}

/// Returns the links to the first, previous, next and last page that exist.
fn links(uri: &Uri, window: Window, total: i64) -> String {
    let Window { limit, offset } = window;
    let is_other = |pair: &&str| !pair.is_empty() && !matches!(pair.split('=').next(), Some("limit" | "offset"));
    let kept: String = uri.query().unwrap_or_default().split('&').filter(is_other).flat_map(|pair| [pair, "&"]).collect();
    let last = ((total - 1).max(0) / limit * limit).min(OFFSET_MAX.into());
    let pages = [
        ("first", Some(0)),
        ("prev", (offset > 0).then(|| (offset - limit).max(0))),
        ("next", Some(offset + limit).filter(|next| *next < total && *next <= OFFSET_MAX.into())),
        ("last", Some(last)),
    ];
    let link = |(name, offset): (&str, Option<i64>)| {
        offset.map(|offset| format!("<{}?{kept}limit={limit}&offset={offset}>; rel=\"{name}\"", uri.path()))
    };
    pages.into_iter().filter_map(link).collect::<Vec<_>>().join(", ")
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(full(answer.body));
        *response.status_mut() = answer.status;
        response.headers_mut().extend(answer.headers.into_iter().map(|(name, value)| (Some(name), value)));
        response
    }
}
