//! Dead letters: events as they came, with who could not take them and why; and records that are no events, wrapped into one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use cloudevents::{AttributesReader, Event};
use domain::Timestamp;
use domain::event::PARTITION_KEY;
use function::ports::{ATTEMPTS, CONSUMER, LAST_ERROR};
use function::{App, Body, Error, cloud_event};
use http::HeaderMap;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::letter::{SIGNATURE, UNREADABLE, signature};

/// Bytes of a record that are read: more than Kafka takes by default.
const RECORD_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a letter that the broker surely takes.
const LETTER_MAX: usize = 768 * 1024;
/// Bytes that are kept of a record that is too large for a letter.
const BEGINNING_MAX: usize = 64 * 1024;
/// Characters of an error that are kept.
const ERROR_MAX: usize = 500;

/// What Kafka had.
pub(crate) struct Record {
    /// By which delivery it came.
    delivery: String,
    /// What it is keyed by, if daprd says so.
    key: String,
    /// Where it is in Kafka, if daprd says so: topic, partition, offset.
    place: Value,
    /// When Kafka got it, if daprd says so.
    pub(crate) written: Option<Timestamp>,
    /// All of it, or its beginning.
    pub(crate) bytes: Bytes,
    size: usize,
}

impl Record {
    /// Reads it, as far as it may be long.
    pub(crate) async fn read(delivery: &str, headers: &HeaderMap, mut body: Body) -> Result<Self, Error> {
        let mut bytes = BytesMut::new();
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Error::Malformed("the body broke off".to_owned()))?.into_data() else { continue };
            size += data.len();
            bytes.extend_from_slice(&data[..data.len().min(RECORD_MAX - bytes.len())]);
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let place = json!({ "topic": text("__topic"), "partition": text("__partition"), "offset": text("__offset") });
        Ok(Self {
            delivery: delivery.to_owned(),
            key: percent_encoding::percent_decode_str(&text("__key")).decode_utf8_lossy().into_owned(),
            place,
            written: text("__timestamp").parse().ok().and_then(written),
            bytes: bytes.freeze(),
            size,
        })
    }

    /// Whether `bytes` is all of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.bytes.len() == self.size
    }

    /// As the data of an event: text where it is text, and only its beginning where it is too large for a letter.
    fn data(&self) -> Value {
        let is_short = self.size <= BEGINNING_MAX;
        let kept = if is_short { &self.bytes[..] } else { &self.bytes[..BEGINNING_MAX] };
        let (text, base64) = match std::str::from_utf8(kept) {
            Ok(text) => (Some(text), None),
            Err(_) => (None, Some(STANDARD.encode(kept))),
        };
        json!({ "delivery": self.delivery, "place": self.place, "size": self.size, "is_whole": is_short, "text": text, "base64": base64 })
    }
}

/// The moment of a record, from milliseconds; a record without one has a negative number.
fn written(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(milliseconds.checked_mul(1000)?).ok().filter(|_| milliseconds > 0)
}

/// Why a letter is dead.
pub(crate) struct Why {
    /// Who could not take it.
    pub(crate) consumer: &'static str,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// What went wrong the last time.
    pub(crate) error: String,
}

/// What goes to the topic `dead-letters`.
pub(crate) struct Letter {
    pub(crate) consumer: &'static str,
    pub(crate) attempts: u32,
    pub(crate) error: String,
    pub(crate) id: String,
    pub(crate) key: String,
    event: Value,
}

impl Letter {
    /// An event as it came, with the consumer, the attempts and the last error as extensions.
    pub(crate) fn of_event(event: &Event, why: &Why) -> Self {
        let id = event.id().to_owned();
        let key = cloud_event::extension(event, PARTITION_KEY).or_else(|| event.subject().map(str::to_owned)).unwrap_or_else(|| id.clone());
        let fields = match serde_json::to_value(event) {
            Ok(Value::Object(fields)) => Value::Object(fields),
            _ => json!({ "specversion": "1.0", "id": id, "source": event.source(), "type": event.ty() }),
        };
        Self::new(id, key, fields, why)
    }

    /// A record that is no event.
    pub(crate) fn of_record(app: &App, record: &Record, error: &str) -> Self {
        let id = app.ids.next().to_string();
        let fields = json!({
            "specversion": "1.0",
            "id": id,
            "source": format!("/taskflow/{}", crate::NAME),
            "type": UNREADABLE,
            "subject": record.delivery,
            "time": app.now(),
            "datacontenttype": "application/json",
            "data": record.data(),
        });
        app.metrics.dead_letter(crate::NAME);
        let key = if record.key.is_empty() { id.clone() } else { record.key.clone() };
        Self::new(id, key, fields, &Why { consumer: crate::NAME, attempts: 1, error: error.to_owned() })
    }

    fn new(id: String, key: String, mut fields: Value, why: &Why) -> Self {
        // A CloudEvents string has no control characters.
        let error: String = why.error.chars().filter(|char| !char.is_control()).take(ERROR_MAX).collect();
        fields[CONSUMER] = why.consumer.into();
        fields[ATTEMPTS] = why.attempts.into();
        fields[LAST_ERROR] = error.clone().into();
        let size = fields.to_string().len();
        if size > LETTER_MAX {
            let beginning: String = fields["data"].to_string().chars().take(BEGINNING_MAX).collect();
            fields["data"] = json!({ "size": size, "is_whole": false, "text": beginning });
        }
        Self { consumer: why.consumer, attempts: why.attempts, error, id, key, event: fields }
    }

    /// The letter in the structured JSON form, signed: nobody else can write one that the gateway hands to a consumer.
    pub(crate) fn signed(&self, app: &App) -> String {
        let mut event = self.event.clone();
        event[SIGNATURE] = signature(app, &event).into();
        event.to_string()
    }
}
