//! Somebody who is posted to.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::PATIENCE;

/// A small HTTP server that keeps what is posted to it.
pub struct Webhook {
    /// Where to post.
    pub url: String,
    status: Arc<AtomicU16>,
    posts: Mutex<mpsc::UnboundedReceiver<(HeaderMap, Value)>>,
}

impl Webhook {
    /// That answers with this status.
    pub async fn start(status: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/hook?key=hook-secret", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(status));
        let (posted, posts) = mpsc::unbounded_channel();
        let answered = status.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (posted, answered) = (posted.clone(), answered.clone());
                let service = hyper::service::service_fn(move |request| take(request, posted.clone(), answered.clone()));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, status, posts: Mutex::new(posts) }
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The next post: its headers and its body.
    pub async fn post(&self) -> (HeaderMap, Value) {
        tokio::time::timeout(PATIENCE, async { self.posts.lock().await.recv().await }).await.unwrap().unwrap()
    }

    /// How many posts have come that nobody has looked at.
    pub async fn waiting(&self) -> usize {
        self.posts.lock().await.len()
    }
}

async fn take(
    request: Request<Incoming>,
    posted: mpsc::UnboundedSender<(HeaderMap, Value)>,
    status: Arc<AtomicU16>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let _ = posted.send((parts.headers, serde_json::from_slice(&body).unwrap_or_default()));
    let mut response = Response::new(Full::default());
    *response.status_mut() = status.load(Ordering::SeqCst).try_into().unwrap();
    Ok(response)
}
