//! Compresses answers for callers that accept it. The gateway does this, so that the other programs do not grow.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use function::body::boxed;
use function::{Body, BoxError, Error, Request, Response, full};
use http::{HeaderValue, header};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, ServiceExt};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// Minimum bytes of a compressed answer.
const WORTH: u16 = 1024;
/// Maximum answers that are compressed in parallel. Each uses some megabytes; further ones are sent uncompressed.
const AT_ONCE: usize = 8;
/// Saves nearly as many bytes as higher levels.
const LEVEL: CompressionLevel = CompressionLevel::Precise(4);

/// Compresses answers, a few in parallel.
pub(crate) struct Compressor {
    places: Arc<Semaphore>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Compressor {
    /// Answers a request, and compresses the answer as the caller accepts.
    pub(crate) async fn around<F>(&self, request: Request, answer: impl FnOnce(Request) -> F) -> Result<Response, Error>
    where
        F: Future<Output = Result<Response, Error>>,
    {
        let accepted: Vec<HeaderValue> = request.headers().get_all(header::ACCEPT_ENCODING).iter().cloned().collect();
        let response = answer(request).await?;
        if accepted.is_empty() { Ok(response) } else { Ok(self.compress(accepted, response).await) }
    }

    async fn compress(&self, accepted: Vec<HeaderValue>, response: Response) -> Response {
        let is_coded = response.headers().contains_key(header::CONTENT_ENCODING);
        let Some(place) = self.places.clone().try_acquire_owned().ok().filter(|_| !is_coded) else { return response };
        let mut asked = http::Request::new(());
        asked.headers_mut().extend(accepted.into_iter().map(|value| (header::ACCEPT_ENCODING, value)));
        let mut ready = Some(response);
        let answered = tower::service_fn(move |_: http::Request<()>| {
            let response = ready.take().unwrap_or_else(|| Response::new(full("")));
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let when = SizeAbove::new(WORTH).and(NotForContentType::IMAGES).and(NotForContentType::SSE);
        let Ok(response) = CompressionLayer::new().quality(LEVEL).compress_when(when).layer(answered).oneshot(asked).await;
        let is_coded = response.headers().contains_key(header::CONTENT_ENCODING);
        let response = response.map(boxed);
        if is_coded { response.map(|body| boxed(Placed { body, _place: place })) } else { response }
    }
}

/// A body that holds its slot until it has been sent.
struct Placed {
    body: Body,
    _place: OwnedSemaphorePermit,
}

impl http_body::Body for Placed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
