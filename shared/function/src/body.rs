//! Bodies of requests and responses: read completely, within limits of size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{Body, BoxError, Error};

/// Maximum bytes of a body.
pub const BODY_MAX: usize = 256 * 1024;
/// Maximum bytes of a file that a caller sends.
pub const UPLOAD_MAX: usize = 64 * 1024 * 1024;
/// Time limit of receiving a file.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_mins(5);
/// Maximum bytes of a file that a caller receives.
pub const DOWNLOAD_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Time limit of receiving a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Marks a request inside a process whose body or response is a file, which is forwarded while it arrives, within [`UPLOAD_MAX`] and [`DOWNLOAD_MAX`].
#[derive(Clone, Copy, Debug)]
pub struct Streamed;

/// Returns a complete body.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Converts any body.
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
/// [`Error::TooLarge`] above [`BODY_MAX`], [`Error::Timeout`], [`Error::Malformed`] if the body is incomplete.
pub async fn collect(body: Body) -> Result<Bytes, Error> {
    tokio::time::timeout(BODY_TIMEOUT, collect_within(BODY_MAX, body)).await.map_err(|_| Error::Timeout)?
}

/// Reads a body of at most `max` bytes, without a time limit.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Malformed`] if the body is incomplete.
pub async fn collect_within(max: usize, body: Body) -> Result<Bytes, Error> {
    // Checked before any of the body is requested, so that a caller with `Expect: 100-continue` need not send it.
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > max) {
        return Err(Error::TooLarge(max));
    }
    match limited(max, body).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge(max)),
        Err(_) => Err(Error::Malformed("the body is incomplete".to_owned())),
    }
}

/// Returns the same body, which fails after this many bytes.
///
/// Boxed, because rustc cannot prove that a future with a [`Limited`] of [`BoxError`] is `Send`.
#[must_use]
pub fn limited(max: usize, body: Body) -> Body {
    boxed(Limited::new(body, max))
}
