//! CloudEvents 1.0 over HTTP: structured, binary and batched, and in the forms that Dapr delivers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudevents::{AttributesReader, Data, Event, EventBuilder, EventBuilderV10};
use domain::event::EventType;
use domain::invalid::Checks;
use domain::{Invalid, Timestamp};
use http::{HeaderMap, HeaderName, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, input};

/// Media type of a structured event.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// Media type of a batch.
pub const BATCH: &str = "application/cloudevents-batch+json";
/// Media types of answers to events, which are one of the first two.
pub const ANSWERS: [&str; 3] = [STRUCTURED, BATCH, crate::accept::JSON];
/// Prefix of the media types of events.
const EVENTS: &str = "application/cloudevents";
/// Prefix of the headers of a binary event.
const BINARY: &str = "ce-";
/// Prefix of the Kafka headers of a binary event.
const KAFKA: &str = "ce_";
/// Required attributes.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
/// Accepted media types, for errors.
const EXPECTED: &str = "application/cloudevents+json or application/cloudevents-batch+json, and there are no ce- headers";
/// Maximum events of a batch.
pub const BATCH_MAX: usize = 1000;
/// Maximum bytes of an event's id, source or type.
const ATTRIBUTE_MAX: usize = 1024;

/// Received events.
#[derive(Debug)]
pub enum Incoming {
    /// One event.
    One(Box<Event>),
    /// A batch, in order.
    Batch(Vec<Result<Event, Refused>>),
}

/// An item of a batch that is not a valid event.
#[derive(Debug)]
pub struct Refused {
    /// As much of it as could be parsed, for the answer.
    pub event: Box<Event>,
    /// The error; its pointers are relative to the item.
    pub error: Error,
}

/// Reads the events of a request. The content type decides what the body is (HTTP binding, section 3): one event, a batch, or with `ce-` headers the
/// data of an event.
///
/// # Errors
/// [`Error::UnsupportedMediaType`] for other types, [`Error::Malformed`] if the body is not a `CloudEvent`, [`Error::Invalid`] if its attributes
/// break the specification. An invalid item of a batch does not affect the others.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Incoming, Error> {
    let content_type = content_type(headers);
    let is_binary = || headers.keys().any(|name| name.as_str().starts_with(BINARY));
    match &*input::media_type(content_type) {
        STRUCTURED => one(input::json(body)?),
        BATCH => batch(input::json(body)?),
        other if !other.starts_with(EVENTS) && is_binary() => binary(attributes(headers)?, content_type, body),
        _ => Err(Error::UnsupportedMediaType(EXPECTED)),
    }
}

/// Reads the event of a record as daprd delivers it, always with the type `application/json`. The headers therefore decide, in both spellings
/// (`ce-id`, and `ce_id` for Kafka headers), and without them the body. A structured event may have its attributes as headers too (Kafka binding,
/// section 3.3).
///
/// # Errors
/// [`Error::Malformed`] if the record is not a `CloudEvent`, [`Error::Invalid`] if its attributes break the specification.
pub fn read_record(headers: &HeaderMap, body: &[u8]) -> Result<Incoming, Error> {
    let attributes = record_attributes(headers)?;
    if let Ok(Value::Object(fields)) = serde_json::from_slice(body)
        && fields.contains_key("specversion")
        && attributes.iter().all(|(name, value)| !REQUIRED.contains(&name.as_str()) || fields.get(name) == Some(value))
    {
        return one(Value::Object(fields));
    }
    binary(attributes, content_type(headers), body)
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn one(value: Value) -> Result<Incoming, Error> {
    Ok(Incoming::One(Box::new(event(value)?)))
}

fn batch(value: Value) -> Result<Incoming, Error> {
    let no_batch = || Error::Malformed("the body is not a JSON array of events".to_owned());
    let Value::Array(items) = value else { return Err(no_batch()) };
    if !items.is_empty() && !items.iter().any(Value::is_object) {
        return Err(no_batch());
    }
    if items.len() > BATCH_MAX {
        return Err(Invalid::field("", format_args!("at most {BATCH_MAX} events in a batch")).into());
    }
    let events = items.into_iter().enumerate().map(|(index, item)| {
        let readable = readable(index, &item);
        event(item).map_err(|error| Refused { event: Box::new(readable), error })
    });
    Ok(Incoming::Batch(events.collect()))
}

/// Returns the readable part of an item that is not an event. Without an id, its position identifies it.
fn readable(index: usize, item: &Value) -> Event {
    let text = |name: &str| item.get(name).filter(|value| attribute(name, value).is_none()).and_then(Value::as_str);
    let id = text("id").map_or_else(|| format!("item-{index}"), str::to_owned);
    let event = EventBuilderV10::new().id(id).source(text("source").unwrap_or("unknown")).ty(text("type").unwrap_or("unknown"));
    event.build().unwrap_or_default()
}

/// Reads the attributes in the headers of a request (HTTP binding, section 3.1.3.2): values may be in double quotes, and are percent-encoded.
fn attributes(headers: &HeaderMap) -> Result<Map<String, Value>, Error> {
    let mut fields = Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(BINARY) else { continue };
        let text = decoded(name, &unquoted(value.as_bytes()))?;
        if fields.insert(attribute.to_owned(), text.into()).is_some() {
            return Err(Error::Malformed(format!("the header {name} is repeated; send it once")));
        }
    }
    Ok(fields)
}

/// Reads the attributes in the headers of a record, whose values are not quoted.
fn record_attributes(headers: &HeaderMap) -> Result<Map<String, Value>, Error> {
    let own = |name: &str| name.strip_prefix(BINARY).or_else(|| name.strip_prefix(KAFKA)).map(str::to_owned);
    let fields = headers.iter().filter_map(|(name, value)| Some((own(name.as_str())?, decoded(name, value.as_bytes()))));
    fields.map(|(attribute, text)| Ok((attribute, text?.into()))).collect()
}

fn decoded(name: &HeaderName, value: &[u8]) -> Result<String, Error> {
    let text = percent_encoding::percent_decode(value).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| Error::Malformed(format!("the header {name} is not UTF-8")))
}

/// Removes the quotes and backslashes of a quoted string (RFC 9110, section 5.6.4); returns other values unchanged.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    let Some(inner) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else { return value.to_vec() };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        text.push(if *byte == b'\\' { *bytes.next().unwrap_or(byte) } else { *byte });
    }
    text
}

/// Reads a binary event as a structured one with the headers as fields, so that one place validates both.
fn binary(mut fields: Map<String, Value>, content_type: &str, body: &[u8]) -> Result<Incoming, Error> {
    if fields.is_empty() {
        return Err(Error::Malformed("not a CloudEvent: no structured event, no batch and no ce-… headers".to_owned()));
    }
    if let Some(name) = ["data", "data_base64"].into_iter().find(|name| fields.contains_key(*name)) {
        return Err(Invalid::field(format!("/{name}"), "is not a header of an event; the body is its data").into());
    }
    // Content-Type has this attribute.
    fields.remove("datacontenttype");
    if !body.is_empty() {
        let is_json = content_type.is_empty() || is_json(content_type);
        if !content_type.is_empty() {
            fields.insert("datacontenttype".to_owned(), content_type.into());
        }
        if is_json {
            fields.insert("data".to_owned(), input::json(body)?);
        } else {
            fields.insert("data_base64".to_owned(), STANDARD.encode(body).into());
        }
    }
    one(Value::Object(fields))
}

fn event(value: Value) -> Result<Event, Error> {
    let Value::Object(mut fields) = value else {
        return Err(Error::Malformed("the body is not a JSON object, so it is not a CloudEvent".to_owned()));
    };
    let mut checks = Checks::new();
    for name in REQUIRED {
        checks.require(fields.get(name).is_some_and(|value| !value.is_null()), &format!("/{name}"), "missing; a CloudEvent requires it");
    }
    for (name, value) in &fields {
        if let Some(problem) = attribute(name, value) {
            checks.require(false, &format!("/{}", input::escape(name)), problem);
        }
    }
    checks.finish(())?;
    let data = take_data(&mut fields)?;
    let doubtful = if fields.contains_key("dataschema") { "/dataschema" } else { "" };
    let mut event: Event =
        serde_json::from_value(Value::Object(fields)).map_err(|_| Invalid::field(doubtful, "breaks the specification of CloudEvents"))?;
    if let Some(data) = data {
        event.set_data_unchecked(data);
    }
    Ok(event)
}

/// Returns what is wrong with an attribute (core specification, section 3).
fn attribute(name: &str, value: &Value) -> Option<&'static str> {
    if matches!(name, "data" | "data_base64") {
        return None;
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Some("the name of an attribute consists of the letters a to z and digits");
    }
    let is_core = REQUIRED.contains(&name) || ["subject", "time", "dataschema", "datacontenttype"].contains(&name);
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text,
        _ if is_core => return Some("is not a string"),
        Value::Bool(_) => return None,
        Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => return None,
        Value::Number(_) => return Some("not an integer of 32 bits"),
        _ => return Some("not a string, a boolean or an integer of 32 bits"),
    };
    if !is_core {
        return None;
    }
    if text.is_empty() {
        return Some("may not be empty");
    }
    if REQUIRED.contains(&name) && text.len() > ATTRIBUTE_MAX {
        return Some("longer than 1,024 bytes");
    }
    if text.chars().any(char::is_control) {
        return Some("has a control character");
    }
    let (holds, problem) = match name {
        "specversion" => (text == "1.0", "only CloudEvents 1.0 are understood"),
        "source" => (is_uri_reference(text), "not a URI reference (RFC 3986)"),
        "dataschema" => (is_uri_reference(text) && scheme(text).is_some(), "not a URI with a scheme (RFC 3986)"),
        "time" => (text.parse::<Timestamp>().is_ok(), "not an RFC 3339 date-time, such as 2026-03-31T09:00:00+02:00"),
        "datacontenttype" => (is_media_type(text), "not a media type, such as application/json"),
        _ => (true, ""),
    };
    (!holds).then_some(problem)
}

/// True if the characters of RFC 3986 are in their places.
fn is_uri_reference(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_escape = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let is_allowed = |(at, byte): (usize, &u8)| match byte {
        b'%' => is_escape(at),
        byte => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte),
    };
    let after_scheme = scheme(text).map_or(text, |scheme| &text[scheme.len() + 1..]);
    let path = after_scheme.strip_prefix("//").map_or(after_scheme, |rest| &rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..]);
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    bytes.iter().enumerate().all(is_allowed)
        && text.matches('#').count() <= 1
        && !path.contains(['[', ']'])
        && (scheme(text).is_some() || !first.contains(':'))
}

/// Returns the part before the first colon, if it is a scheme.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    (scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_scheme)).then_some(scheme)
}

fn is_media_type(text: &str) -> bool {
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte));
    input::media_type(text).split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// True if data of this type is JSON.
fn is_json(content_type: &str) -> bool {
    let media_type = input::media_type(content_type);
    media_type.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// Removes the data from an event's fields. Base64 is decoded as JSON only if the data's type is JSON.
fn take_data(fields: &mut Map<String, Value>) -> Result<Option<Data>, Invalid> {
    let declared = fields.get("datacontenttype").and_then(Value::as_str).map(is_json);
    let base64 = fields.remove("data_base64").filter(|base64| !base64.is_null());
    match (fields.remove("data"), base64) {
        (None, None) => Ok(None),
        (Some(data), None) if declared.unwrap_or(true) => Ok(Some(Data::Json(data))),
        (Some(Value::String(text)), None) => Ok(Some(Data::String(text))),
        (Some(_), None) => Err(Invalid::field("/data", "not a string, and its type is not JSON")),
        (None | Some(Value::Null), Some(base64)) => {
            let bytes = base64.as_str().and_then(|text| STANDARD.decode(text).ok());
            let bytes = bytes.ok_or_else(|| Invalid::field("/data_base64", "not base64"))?;
            let parsed = if declared == Some(true) { serde_json::from_slice(&bytes).ok() } else { None };
            Ok(Some(parsed.map_or(Data::Binary(bytes), Data::Json)))
        }
        (Some(_), Some(_)) => Err(Invalid::field("/data_base64", "given together with data; send one of them")),
    }
}

/// Returns the text of an extension, if the event has it.
#[must_use]
pub fn extension(event: &Event, name: &str) -> Option<String> {
    event.extension(name).map(ToString::to_string)
}

/// Returns the JSON data of an event.
///
/// # Errors
/// [`Error::Invalid`] if it has no data, or the data is not JSON.
pub fn data(event: &Event) -> Result<Value, Error> {
    let is_json = event.datacontenttype().is_some_and(is_json);
    let parsed = match event.data() {
        Some(Data::Json(value)) => Some(value.clone()),
        Some(Data::String(text)) if is_json => serde_json::from_str(text).ok(),
        Some(Data::Binary(bytes)) if is_json => serde_json::from_slice(bytes).ok(),
        _ => None,
    };
    parsed.ok_or_else(|| Invalid::field("/data", "the event has no JSON data").into())
}

/// True if a caller's correlation id can be stored and logged: 1 to 128 visible ASCII characters.
#[must_use]
pub fn is_correlation_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An event delivered to a consumer.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event as received.
    pub event: Event,
    /// Its type.
    pub event_type: EventType,
}

impl Delivery {
    /// Returns the event's data.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the data has another form; the consumer will never accept it, so it becomes a dead letter.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Error> {
        crate::input::read(data(&self.event)?, "/data")
    }
}
