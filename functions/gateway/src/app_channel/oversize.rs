//! Calls of the sidecar that are larger than the gateway accepts, read with bounded memory.
//!
//! daprd delivers a record again until the gateway accepts it, so a call above [`MESSAGE_MAX`] cannot be refused. Instead, its values are cut while
//! it is read, and the record becomes a dead letter, like any other that is too large.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use function::BoxError;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Either, Full};
use prost::encoding::{WireType, decode_varint, encode_varint};
use tonic::Status;

use super::record::RECORD_MAX;

/// Maximum number of bytes of a call: sixteen times Kafka's default. More would not fit into the memory of the gateway's pod next to other calls.
const MESSAGE_MAX: usize = 16 * 1024 * 1024;
/// Number of bytes of a record that are kept from a larger call: one more than the limit of a record, so that it counts as too large.
const KEPT_MAX: usize = RECORD_MAX + 1;
/// Maximum number of bytes of a cut call.
pub(super) const DECODED_MAX: usize = MESSAGE_MAX + KEPT_MAX + 1024;
/// Bytes before a message: the compression flag, and its length.
const PREFIX: usize = 5;
/// Maximum number of bytes of a number in protobuf's encoding.
const VARINT_MAX: usize = 10;
/// The field with the id of a bulk entry.
const ENTRY_ID: u32 = 1;

/// Where a call contains its records, as protobuf field numbers.
#[derive(Clone, Copy)]
pub(super) enum Records {
    /// The call is one record, with its data in this field.
    One { data: u32 },
    /// Each of these fields is a record, with its data in that inner field.
    Many { entries: u32, data: u32 },
}

/// An unchanged body, or a cut one.
pub(super) type Bounded<B> = Either<Full<Bytes>, Rest<B>>;

/// Cuts the message of a call that is larger than [`MESSAGE_MAX`]. Any other call stays unchanged.
///
/// A bulk that is too large keeps the entries that fit. Of the others, only the id is kept, and daprd delivers them again.
pub(super) async fn bounded<B>(request: http::Request<B>, records: Records) -> Result<http::Request<Bounded<B>>, Status>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let mut reader = Reader { body, read: Bytes::new() };
    while reader.read.len() < PREFIX && reader.more().await? {}
    let length = reader.read.get(1..PREFIX).map_or(0, |mut length| length.get_u32() as usize);
    let body = if length > MESSAGE_MAX {
        if reader.read[0] != 0 {
            return Err(Status::unimplemented("a compressed message"));
        }
        reader.read.advance(PREFIX);
        tracing::warn!(
            bytes = length,
            "a call of the sidecar is larger than {MESSAGE_MAX} bytes; its records above the limit become dead letters"
        );
        Either::Left(Full::new(framed(&reader.cut(length, records).await?)))
    } else {
        Either::Right(Rest { read: Some(reader.read), body: reader.body })
    };
    Ok(http::Request::from_parts(parts, body))
}

fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.extend_from_slice(message);
    framed.freeze()
}

/// The part of a body that was read, and the rest.
pub(super) struct Rest<B> {
    read: Option<Bytes>,
    body: B,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Rest<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.read.take().filter(|read| !read.is_empty()) {
            Some(read) => Poll::Ready(Some(Ok(Frame::data(read)))),
            None => Pin::new(&mut self.body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.as_ref().is_none_or(Bytes::is_empty) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Reads a message while it arrives.
struct Reader<B> {
    body: B,
    /// Bytes that have arrived but are not used yet.
    read: Bytes,
}

impl<B> Reader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// Waits for more of the body. Returns false at its end.
    async fn more(&mut self) -> Result<bool, Status> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| Status::cancelled(error.into().to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            let before = std::mem::replace(&mut self.read, data);
            if !before.is_empty() {
                self.read = Bytes::from([&before[..], &self.read[..]].concat());
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Copies the message without the parts that are too large.
    async fn cut(&mut self, mut left: usize, records: Records) -> Result<BytesMut, Status> {
        let mut message = BytesMut::new();
        let mut is_full = false;
        while left > 0 {
            match records {
                Records::One { data } => {
                    self.field(&mut left, data, &mut message).await?;
                }
                Records::Many { entries, data } => {
                    let tag = self.varint(&mut left).await?;
                    if tag != tag_of(entries, WireType::LengthDelimited) {
                        self.value(tag, &mut left, 0, &mut message).await?;
                        continue;
                    }
                    let mut entry_left = self.length(&mut left).await?;
                    left -= entry_left;
                    let (mut entry, mut id) = (BytesMut::new(), BytesMut::new());
                    while entry_left > 0 {
                        let begin = entry.len();
                        if self.field(&mut entry_left, data, &mut entry).await? == ENTRY_ID {
                            id.extend_from_slice(&entry[begin..]);
                        }
                    }
                    // Entries after one that did not fit are not accepted either, because they may have its key.
                    is_full |= message.len() + entry.len() > MESSAGE_MAX;
                    let kept = if is_full { &id } else { &entry };
                    encode_varint(tag, &mut message);
                    encode_varint(kept.len() as u64, &mut message);
                    message.extend_from_slice(kept);
                }
            }
        }
        Ok(message)
    }

    /// Copies a field. The data field is cut, and any other field is omitted if it is too large. Returns its number.
    async fn field(&mut self, left: &mut usize, data: u32, into: &mut BytesMut) -> Result<u32, Status> {
        let tag = self.varint(left).await?;
        self.value(tag, left, data, into).await?;
        u32::try_from(tag >> 3).map_err(|_| malformed())
    }

    async fn value(&mut self, tag: u64, left: &mut usize, data: u32, into: &mut BytesMut) -> Result<(), Status> {
        match WireType::try_from(tag & 7).map_err(|_| malformed())? {
            WireType::Varint => {
                let value = self.varint(left).await?;
                encode_varint(tag, into);
                encode_varint(value, into);
                Ok(())
            }
            WireType::LengthDelimited => {
                let length = self.length(left).await?;
                let is_data = tag == tag_of(data, WireType::LengthDelimited);
                let kept = if is_data || length <= KEPT_MAX { length.min(KEPT_MAX) } else { 0 };
                if kept == length || is_data {
                    encode_varint(tag, into);
                    encode_varint(kept as u64, into);
                }
                self.copy(left, length, kept, into).await
            }
            WireType::ThirtyTwoBit => {
                encode_varint(tag, into);
                self.copy(left, 4, 4, into).await
            }
            WireType::SixtyFourBit => {
                encode_varint(tag, into);
                self.copy(left, 8, 8, into).await
            }
            WireType::StartGroup | WireType::EndGroup => Err(malformed()),
        }
    }

    /// Copies the first bytes up to a limit, and skips the others.
    async fn copy(&mut self, left: &mut usize, count: usize, kept: usize, into: &mut BytesMut) -> Result<(), Status> {
        *left = left.checked_sub(count).ok_or_else(malformed)?;
        if into.len() + kept > MESSAGE_MAX + KEPT_MAX {
            return Err(Status::resource_exhausted("too many fields"));
        }
        let (mut count, mut kept) = (count, kept);
        while count > 0 {
            if self.read.is_empty() && !self.more().await? {
                return Err(malformed());
            }
            let piece = self.read.split_to(count.min(self.read.len()));
            let part = kept.min(piece.len());
            into.extend_from_slice(&piece[..part]);
            kept -= part;
            count -= piece.len();
        }
        Ok(())
    }

    async fn length(&mut self, left: &mut usize) -> Result<usize, Status> {
        let length = usize::try_from(self.varint(left).await?).ok();
        length.filter(|length| *length <= *left).ok_or_else(malformed)
    }

    async fn varint(&mut self, left: &mut usize) -> Result<u64, Status> {
        while self.read.len() < VARINT_MAX.min(*left) && self.more().await? {}
        let before = self.read.len();
        let value = decode_varint(&mut self.read).map_err(|_| malformed())?;
        *left = left.checked_sub(before - self.read.len()).ok_or_else(malformed)?;
        Ok(value)
    }
}

fn tag_of(field: u32, wire: WireType) -> u64 {
    u64::from(field) << 3 | wire as u64
}

fn malformed() -> Status {
    Status::internal("a message of the sidecar cannot be read")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use dapr::dapr::proto::runtime::v1::topic_event_bulk_request_entry::Event;
    use dapr::dapr::proto::runtime::v1::{BindingEventRequest, TopicEventBulkRequest, TopicEventBulkRequestEntry};
    use futures_util::stream;
    use http_body_util::StreamBody;
    use prost::Message;

    use super::*;

    /// Returns the output for a message that arrives in pieces of this size.
    async fn passed(message: &impl Message, records: Records, piece: usize) -> Result<Vec<u8>, Status> {
        let framed = framed(&message.encode_to_vec());
        let pieces: Vec<_> =
            framed.chunks(piece).map(Bytes::copy_from_slice).map(|piece| Ok::<_, Infallible>(Frame::data(piece))).collect();
        let request = bounded(http::Request::new(StreamBody::new(stream::iter(pieces))), records).await?;
        let bytes = request.into_body().collect().await.map_err(|error| Status::internal(error.to_string()))?.to_bytes();
        assert_eq!(bytes[1..PREFIX], u32::try_from(bytes.len() - PREFIX).unwrap().to_be_bytes());
        Ok(bytes[PREFIX..].to_vec())
    }

    fn record(data: usize) -> BindingEventRequest {
        let metadata = HashMap::from([("__topic".to_owned(), "task-events".to_owned()), ("__key".to_owned(), "7".to_owned())]);
        BindingEventRequest { name: "gateway-task-events".to_owned(), data: vec![b'x'; data], metadata }
    }

    #[tokio::test]
    async fn a_record_that_is_too_large_is_cut_and_says_where_it_is() {
        for (data, kept) in
            [(0, 0), (1_000, 1_000), (MESSAGE_MAX - 1_000, MESSAGE_MAX - 1_000), (MESSAGE_MAX, KEPT_MAX), (3 * MESSAGE_MAX, KEPT_MAX)]
        {
            for piece in [16 * 1024, 1_000_003] {
                let passed = passed(&record(data), Records::One { data: 2 }, piece).await.unwrap();
                assert_eq!(BindingEventRequest::decode(&passed[..]).unwrap(), record(kept), "{data} bytes in pieces of {piece}");
            }
        }
        // Values of other fields are limited too.
        let mut other = record(10);
        other.metadata.insert("__key".to_owned(), "k".repeat(2 * MESSAGE_MAX));
        let passed = passed(&other, Records::One { data: 2 }, 16 * 1024).await.unwrap();
        other.metadata.remove("__key");
        assert_eq!(BindingEventRequest::decode(&passed[..]).unwrap(), other);
    }

    #[tokio::test]
    async fn a_bulk_that_is_too_large_keeps_the_fitting_entries_and_the_ids_of_the_others() {
        let entry = |(at, size): (usize, &usize)| TopicEventBulkRequestEntry {
            entry_id: at.to_string(),
            event: Some(Event::Bytes(vec![b'x'; *size])),
            ..TopicEventBulkRequestEntry::default()
        };
        let sizes = [10, 3 * MESSAGE_MAX, KEPT_MAX, KEPT_MAX, KEPT_MAX, KEPT_MAX, KEPT_MAX, KEPT_MAX, KEPT_MAX, 10];
        let bulk = TopicEventBulkRequest {
            entries: sizes.iter().enumerate().map(entry).collect(),
            path: "/deliveries/task-events".to_owned(),
            ..TopicEventBulkRequest::default()
        };
        let passed = passed(&bulk, Records::Many { entries: 2, data: 2 }, 16 * 1024).await.unwrap();
        assert!(passed.len() <= MESSAGE_MAX + KEPT_MAX);
        let passed = TopicEventBulkRequest::decode(&passed[..]).unwrap();
        assert_eq!(passed.path, bulk.path);
        let kept: Vec<Option<usize>> = passed
            .entries
            .iter()
            .map(|entry| match &entry.event {
                Some(Event::Bytes(bytes)) => Some(bytes.len()),
                _ => None,
            })
            .collect();
        let cut = Some(KEPT_MAX);
        assert_eq!(kept, [Some(10), cut, cut, cut, cut, cut, cut, cut, None, None]);
        assert!(passed.entries.iter().enumerate().all(|(at, entry)| entry.entry_id == at.to_string()));
    }

    #[tokio::test]
    async fn unreadable_input_is_an_error() {
        let mut bytes = vec![0];
        bytes.extend_from_slice(&u32::MAX.to_be_bytes());
        // A field that is longer than the message.
        for rest in [&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x0b], &[0xff; 12], &[]] {
            let body = Full::new(Bytes::from([&bytes[..], rest].concat()));
            assert!(bounded(http::Request::new(body), Records::One { data: 2 }).await.is_err(), "{rest:?}");
        }
    }
}
