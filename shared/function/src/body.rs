//! Bodies of requests and responses: read whole, within a limit of size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{Body, BoxError, Error};

/// Bytes of a body, at most.
pub const BODY_MAX: usize = 256 * 1024;
/// Bytes of a file that a caller sends, at most.
pub const UPLOAD_MAX: usize = 64 * 1024 * 1024;
/// How long a file may take to arrive.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_mins(5);
/// Bytes of a file that a caller gets, at most.
pub const DOWNLOAD_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Marks a request, inside a process, whose body or answer is a file: it is passed on as it comes, within [`UPLOAD_MAX`] and [`DOWNLOAD_MAX`].
#[derive(Clone, Copy, Debug)]
pub struct Streamed;

/// A body known at once.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Any body as ours.
pub fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Reads a body.
///
/// # Errors
/// [`Error::TooLarge`] above [`BODY_MAX`], [`Error::Timeout`], [`Error::Malformed`] if it broke off.
pub async fn collect(body: Body) -> Result<Bytes, Error> {
    tokio::time::timeout(BODY_TIMEOUT, collect_within(BODY_MAX, body)).await.map_err(|_| Error::Timeout)?
}

/// Reads a body of at most `max` bytes, however long it takes.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Malformed`] if it broke off.
pub async fn collect_within(max: usize, body: Body) -> Result<Bytes, Error> {
    // Before any of it is asked for: whoever sent `Expect: 100-continue` need not send it.
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > max) {
        return Err(Error::TooLarge(max));
    }
    match limited(max, body).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge(max)),
        Err(_) => Err(Error::Malformed("the body broke off".to_owned())),
    }
}

/// The same body, which breaks off after so many bytes.
///
/// Boxed, because rustc cannot tell that a future with a [`Limited`] of [`BoxError`] is `Send`.
#[must_use]
pub fn limited(max: usize, body: Body) -> Body {
    boxed(Limited::new(body, max))
}
