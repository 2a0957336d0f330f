//! A receiver of a webhook.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex as StdMutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::{PATIENCE, serve};

/// A small HTTP server that stores its posts.
pub struct Webhook {
    /// Its URL.
    pub url: String,
    manner: Manner,
    posts: Mutex<mpsc::UnboundedReceiver<(HeaderMap, Bytes)>>,
    last: StdMutex<String>,
}

/// The status and header of its answers.
type Manner = Arc<StdMutex<(u16, Option<(&'static str, String)>)>>;

impl Webhook {
    /// Starts a receiver that answers with this status.
    pub async fn start(status: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/hook?key=hook-secret", listener.local_addr().unwrap());
        let manner: Manner = Arc::new(StdMutex::new((status, None)));
        let (posted, posts) = mpsc::unbounded_channel();
        let answered = manner.clone();
        serve(listener, move |request| take(request, posted.clone(), answered.clone()));
        Self { url, manner, posts: Mutex::new(posts), last: StdMutex::default() }
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        *self.manner.lock().unwrap() = (status, None);
    }

    /// Answers with this status and this header from now on.
    pub fn answer_with(&self, status: u16, name: &'static str, value: &str) {
        *self.manner.lock().unwrap() = (status, Some((name, value.to_owned())));
    }

    /// Waits for the next post, and returns headers and body.
    pub async fn post(&self) -> (HeaderMap, Value) {
        let (headers, body) = tokio::time::timeout(PATIENCE, async { self.posts.lock().await.recv().await }).await.unwrap().unwrap();
        *self.last.lock().unwrap() = String::from_utf8(body.to_vec()).unwrap();
        (headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Returns the raw body of the last read post.
    pub fn last_body(&self) -> String {
        self.last.lock().unwrap().clone()
    }

    /// Takes the posts that no test has read: headers and bodies.
    pub async fn taken(&self) -> Vec<(HeaderMap, Value)> {
        let mut posts = self.posts.lock().await;
        let next = || posts.try_recv().ok().map(|(headers, body)| (headers, serde_json::from_slice(&body).unwrap_or_default()));
        std::iter::from_fn(next).collect()
    }

    /// Number of posts that no test has read.
    pub async fn waiting(&self) -> usize {
        self.posts.lock().await.len()
    }
}

async fn take(
    request: Request<Incoming>,
    posted: mpsc::UnboundedSender<(HeaderMap, Bytes)>,
    manner: Manner,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let _ = posted.send((parts.headers, body));
    let mut response = Response::new(Full::default());
    let (status, header) = manner.lock().unwrap().clone();
    *response.status_mut() = status.try_into().unwrap();
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    Ok(response)
}
