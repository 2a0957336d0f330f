//! Enforces the line endings of RFC 9112 for HTTP/1.1 callers: a line that ends with LF alone is refused.
//!
//! hyper's parser accepts LF for CR LF, as section 2.2 allows. An intermediary that accepts only CR LF sees the head end elsewhere, and so
//! reads another request. This enables request smuggling. hyper has no setting for this, so [`Strict`] inspects the bytes. It follows the
//! heads and the lengths of the messages, and replaces such an LF by a NUL, which hyper answers with 400 before it closes the connection.
//! hyper refuses everything else that is wrong with a message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Maximum bytes of a line that gives a message's length.
const LINE_MAX: usize = 64;
/// The end of a head.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The beginning of the answer after which a connection speaks another protocol.
const SWITCHED: &[u8] = b"HTTP/1.1 101";

/// A connection of a caller.
pub struct Strict<S> {
    stream: S,
    framing: Framing,
}

impl<S> Strict<S> {
    /// Creates the connection of an HTTP/1.1 caller.
    pub fn http1(stream: S) -> Self {
        Self { stream, framing: Framing::default() }
    }

    /// Creates the connection of another protocol, whose bytes pass unchanged.
    pub fn opaque(stream: S) -> Self {
        Self { stream, framing: Framing { part: Part::Opaque, ..Framing::default() } }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // hyper may wait for more of a line before it looks at its first byte, so the end of a head is added.
        if self.framing.read(&mut buffer.filled_mut()[before..]) && buffer.remaining() >= HEAD_END.len() {
            buffer.put_slice(HEAD_END);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.framing.written(bytes);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.framing.written(slices.first().map_or(&[], |first| first));
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The next part of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// A line of the head.
    #[default]
    Head,
    /// This many bytes of a body, or of a chunk with its line ending.
    Bytes(u64),
    /// The line with a chunk's size.
    Chunk,
    /// A line after the last chunk.
    Trailer,
    /// Not a message, or no longer.
    Opaque,
}

/// The position of a connection in its messages.
#[derive(Debug, Default)]
struct Framing {
    part: Part,
    /// The beginning of the current line, in lower case.
    line: Vec<u8>,
    last: u8,
    has_begun: bool,
    length: u64,
    is_chunked: bool,
}

impl Framing {
    /// Follows the bytes read, and replaces an invalid line ending. Returns true if there was one.
    fn read(&mut self, mut bytes: &mut [u8]) -> bool {
        while !bytes.is_empty() {
            match self.part {
                Part::Opaque => return false,
                Part::Bytes(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &mut bytes[taken..];
                    let left = left - taken as u64;
                    self.part = match left {
                        0 if self.is_chunked => Part::Chunk,
                        0 => self.next_message(),
                        left => Part::Bytes(left),
                    };
                }
                Part::Head | Part::Chunk | Part::Trailer => {
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        self.keep(bytes);
                        return false;
                    };
                    self.keep(&bytes[..end]);
                    if self.last != b'\r' {
                        // hyper itself refuses it in a chunk's line.
                        let is_head = std::mem::replace(&mut self.part, Part::Opaque) != Part::Chunk;
                        bytes[end] = if is_head { 0 } else { b'\n' };
                        return is_head;
                    }
                    self.part = self.line_ended();
                    bytes = &mut bytes[end + 1..];
                }
            }
        }
        false
    }

    /// Inspects the response. After a switch to another protocol, the connection carries no more messages.
    fn written(&mut self, bytes: &[u8]) {
        if bytes.starts_with(SWITCHED) {
            self.part = Part::Opaque;
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_MAX - self.line.len();
        self.line.extend(bytes.iter().take(room).map(u8::to_ascii_lowercase));
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    fn next_message(&mut self) -> Part {
        *self = Self { line: std::mem::take(&mut self.line), ..Self::default() };
        Part::Head
    }

    fn line_ended(&mut self) -> Part {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        self.last = 0;
        match self.part {
            // Empty lines before a request are skipped (section 2.2).
            Part::Head if line.is_empty() && !self.has_begun => Part::Head,
            Part::Head if line.is_empty() => self.body(),
            Part::Head => self.header(line),
            Part::Trailer if line.is_empty() => self.next_message(),
            Part::Trailer => Part::Trailer,
            _ => {
                let size = line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next().unwrap_or_default();
                match std::str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok()) {
                    Some(0) => Part::Trailer,
                    Some(size) => Part::Bytes(size.saturating_add(2)),
                    None => Part::Opaque,
                }
            }
        }
    }

    fn header(&mut self, line: &[u8]) -> Part {
        self.has_begun = true;
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        if name == b"content-length" {
            match std::str::from_utf8(value.trim_ascii()).ok().and_then(|value| value.parse().ok()) {
                Some(length) => self.length = length,
                None => return Part::Opaque,
            }
        }
        self.is_chunked |= name == b"transfer-encoding";
        Part::Head
    }

    fn body(&mut self) -> Part {
        match (self.is_chunked, self.length) {
            (true, _) => Part::Chunk,
            (false, 0) => self.next_message(),
            (false, length) => Part::Bytes(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the bytes that hyper reads, in pieces of this size.
    fn passed(text: &str, size: usize) -> String {
        let mut framing = Framing::default();
        let mut bytes = text.as_bytes().to_vec();
        for piece in bytes.chunks_mut(size) {
            framing.read(piece);
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_a_line_of_a_head_must_end_with_cr_lf() {
        const NEXT: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
        for (text, is_right) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\na\nb\nc", true),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\nA;x=y\r\n\n\n\n\n\n\n\n\n\n\n\r\n0\r\nX: y\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", false),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n", false),
        ] {
            for size in [1, 2, 3, 7, 4096] {
                // The bytes after a message are a message too.
                for text in [text.to_owned(), format!("{text}{NEXT}"), format!("{NEXT}{text}")] {
                    assert_eq!(passed(&text, size) == text, is_right, "{text:?} by {size}");
                }
            }
        }
        let smuggled = format!("{NEXT}GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n");
        assert_eq!(passed(&smuggled, 5), smuggled.replace("b\nC", "b\0C"));
    }

    #[test]
    fn after_a_change_of_the_protocol_everything_passes() {
        let mut framing = Framing::default();
        framing.read(&mut b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec());
        framing.written(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        let mut frame = b"\n\n\n".to_vec();
        framing.read(&mut frame);
        assert_eq!(frame, b"\n\n\n");
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), size in 1_usize..50) {
            let mut framing = Framing::default();
            let mut bytes = [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), bytes].concat();
            for piece in bytes.chunks_mut(size) {
                framing.read(piece);
            }
        }
    }
}
