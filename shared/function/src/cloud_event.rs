//! CloudEvents 1.0 over HTTP: structured, binary and batched, and the shapes in which Dapr delivers them.

use cloudevents::{Data, Event};
use domain::Invalid;
use domain::event::EventType;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Error;

/// The media type of one event in the structured mode.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The media type of a batch.
pub const BATCH: &str = "application/cloudevents-batch+json";
/// How the media types of events begin, in whatever format.
const EVENTS: &str = "application/cloudevents";
/// How the headers of an event in the binary mode begin.
const BINARY: &str = "ce-";
/// What a request with events may be.
const EXPECTED: &str = "application/cloudevents+json or application/cloudevents-batch+json, and there are no ce- headers";
/// Events of one batch, at most.
pub const BATCH_MAX: usize = 1000;
/// Characters of an event's id, source or type, at most.
const ATTRIBUTE_MAX: usize = 1024;

/// What came: one event or several.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// One event.
    One(Box<Event>),
    /// A batch, in order.
    Batch(Vec<Event>),
}

/// Reads the events of a request. The content type alone says what the body is (HTTP binding, section 3): one event, a batch, or with
/// `ce-` headers the data of an event.
///
/// # Errors
/// [`Error::UnsupportedMediaType`] for anything else, [`Error::Malformed`] for what is no `CloudEvent`, [`Error::Invalid`] for one whose
/// attributes break the specification.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Incoming, Error> {
    let content_type = content_type(headers);
    let is_binary = || headers.keys().any(|name| name.as_str().starts_with(BINARY));
    match &*media_type(content_type) {
        STRUCTURED => one(json(body)?),
        BATCH => batch(json(body)?),
        other if !other.starts_with(EVENTS) && is_binary() => binary(headers, &[BINARY], content_type, body),
        _ => Err(Error::UnsupportedMediaType(EXPECTED)),
    }
}

/// Reads the events of a record as daprd delivers it: it says `application/json` of everything. So the body decides, and else the headers, of
/// either spelling (`ce-id`, and `ce_id` as Kafka headers arrive).
///
/// # Errors
/// [`Error::Malformed`] for what is no `CloudEvent`, [`Error::Invalid`] for one whose attributes break the specification.
pub fn read_record(headers: &HeaderMap, body: &[u8]) -> Result<Incoming, Error> {
    if let Ok(Value::Object(fields)) = serde_json::from_slice(body)
        && fields.contains_key("specversion")
    {
        return one(Value::Object(fields));
    }
    binary(headers, &[BINARY, "ce_"], content_type(headers), body)
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn json(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Malformed(format!("the body is not JSON: {error}")))
}

fn one(value: Value) -> Result<Incoming, Error> {
    Ok(Incoming::One(Box::new(event(value, "")?)))
}

fn batch(value: Value) -> Result<Incoming, Error> {
    let Value::Array(items) = value else { return Err(Error::Malformed("a batch is a JSON array of events".to_owned())) };
    if items.len() > BATCH_MAX {
        return Err(Invalid::field("", format_args!("at most {BATCH_MAX} events in a batch")).into());
    }
    let events = items.into_iter().enumerate().map(|(index, item)| event(item, &format!("/{index}")));
    events.collect::<Result<_, _>>().map(Incoming::Batch)
}

/// The binary mode is read as the structured one with the headers as fields, so that one place checks both.
fn binary(headers: &HeaderMap, prefixes: &[&str], content_type: &str, body: &[u8]) -> Result<Incoming, Error> {
    let mut fields = Map::new();
    for (name, value) in headers {
        let Some(attribute) = prefixes.iter().find_map(|prefix| name.as_str().strip_prefix(prefix)) else { continue };
        let text = percent_encoding::percent_decode(value.as_bytes()).decode_utf8();
        let text = text.map_err(|_| Error::Malformed(format!("the header {name} is not UTF-8")))?;
        fields.insert(attribute.to_owned(), Value::String(text.into_owned()));
    }
    if fields.is_empty() {
        return Err(Error::Malformed("not a CloudEvent: no structured event, no batch and no ce-… headers".to_owned()));
    }
    if !body.is_empty() {
        let is_json = content_type.is_empty() || content_type.contains("json");
        if !content_type.is_empty() {
            fields.insert("datacontenttype".to_owned(), content_type.into());
        }
        if is_json {
            fields.insert("data".to_owned(), json(body)?);
        } else {
            use base64::Engine;
            fields.insert("data_base64".to_owned(), base64::engine::general_purpose::STANDARD.encode(body).into());
        }
    }
    one(Value::Object(fields))
}

fn event(value: Value, pointer: &str) -> Result<Event, Error> {
    let Value::Object(fields) = &value else { return Err(Error::Malformed("a CloudEvent is a JSON object".to_owned())) };
    for attribute in ["specversion", "id", "source", "type"] {
        let problem = match fields.get(attribute) {
            None | Some(Value::Null) => "a CloudEvent needs it",
            Some(Value::String(text)) if text.is_empty() => "may not be empty",
            Some(Value::String(text)) if text.len() > ATTRIBUTE_MAX || text.contains('\0') => "too long, or with a NUL character",
            Some(Value::String(text)) if attribute == "specversion" && text != "1.0" => "only CloudEvents 1.0 are understood",
            Some(Value::String(_)) => continue,
            Some(_) => "is not a string",
        };
        return Err(Invalid::field(format!("{pointer}/{attribute}"), problem).into());
    }
    serde_json::from_value(value).map_err(|error| Invalid::field(pointer, format_args!("not a CloudEvent: {error}")).into())
}

/// The text of an extension, if the event has it.
#[must_use]
pub fn extension(event: &Event, name: &str) -> Option<String> {
    event.extension(name).map(ToString::to_string)
}

/// The data of an event, if it is JSON.
///
/// # Errors
/// [`Error::Invalid`] if it has none, or none that is JSON.
pub fn data(event: &Event) -> Result<Value, Error> {
    let parsed = match event.data() {
        Some(Data::Json(value)) => Some(value.clone()),
        Some(Data::String(text)) => serde_json::from_str(text).ok(),
        Some(Data::Binary(bytes)) => serde_json::from_slice(bytes).ok(),
        None => None,
    };
    parsed.ok_or_else(|| Invalid::field("/data", "the event has no JSON data").into())
}

/// Whether a caller's correlation id is fit to be kept and logged: 1 to 128 visible ASCII characters.
#[must_use]
pub fn is_correlation_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An event that a consumer is asked to take.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event as it came.
    pub event: Event,
    /// Its type.
    pub event_type: EventType,
}

impl Delivery {
    /// The event's data.
    ///
    /// # Errors
    /// [`Error::Invalid`] for data of another form: it will never be taken and belongs with the dead letters.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Error> {
        crate::input::read(data(&self.event)?, "/data")
    }
}
