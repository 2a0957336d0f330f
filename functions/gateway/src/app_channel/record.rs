//! A Kafka record, and the event that wraps a record that is no event.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use function::{App, Body, Error};
use http::HeaderMap;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::letter::UNREADABLE;

/// Maximum bytes of a record that are parsed: more than Kafka's default.
pub(super) const RECORD_MAX: usize = 2 * 1024 * 1024;
/// Maximum bytes that are stored of a record that is no event.
const BEGINNING_MAX: usize = 64 * 1024;

/// A Kafka record.
pub(crate) struct Record {
    /// The name of its delivery.
    delivery: String,
    /// Its key, if daprd supplies it.
    pub(crate) key: String,
    /// Its topic, partition and offset, if daprd supplies them.
    place: Value,
    /// The whole record, or its beginning.
    pub(crate) bytes: Bytes,
    /// Bytes that arrived: all of them, or one more than the limit.
    size: usize,
}

impl Record {
    /// Reads a record up to the limit.
    pub(crate) async fn read(delivery: &str, headers: &HeaderMap, mut body: Body) -> Result<Self, Error> {
        let mut bytes = BytesMut::new();
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Error::Malformed("the body is incomplete".to_owned()))?.into_data() else { continue };
            size += data.len();
            bytes.extend_from_slice(&data[..data.len().min(RECORD_MAX - bytes.len())]);
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let place = json!({ "topic": text("__topic"), "partition": text("__partition"), "offset": text("__offset") });
        Ok(Self {
            delivery: delivery.to_owned(),
            key: percent_encoding::percent_decode_str(&text("__key")).decode_utf8_lossy().into_owned(),
            place,
            bytes: bytes.freeze(),
            size,
        })
    }

    /// True if `bytes` is the whole record.
    pub(crate) fn is_whole(&self) -> bool {
        self.bytes.len() == self.size
    }

    /// Returns the record as the data of an event: as text if it is text, and cut if it is too large for a letter.
    fn data(&self) -> Value {
        let is_short = self.size <= BEGINNING_MAX;
        let kept = if is_short { &self.bytes[..] } else { &self.bytes[..BEGINNING_MAX] };
        let (text, base64) = match std::str::from_utf8(kept) {
            Ok(text) => (Some(text), None),
            Err(_) => (None, Some(STANDARD.encode(kept))),
        };
        json!({ "delivery": self.delivery, "place": self.place, "size": self.size, "is_whole": is_short, "text": text, "base64": base64 })
    }

    /// Returns an event that has this record as its data.
    pub(crate) fn wrapped(&self, app: &App) -> Value {
        json!({
            "specversion": "1.0",
            "id": app.ids.next().to_string(),
            "source": format!("/taskflow/{}", crate::NAME),
            "type": UNREADABLE,
            "subject": self.delivery,
            "time": app.now(),
            "datacontenttype": "application/json",
            "data": self.data(),
        })
    }
}
