//! A small HTTP/1.1 client with one persistent connection, so that no connection pool affects the figures.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::BoxError;

/// A request, and its expected answer.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Bytes,
    pub(crate) expects: StatusCode,
    /// The kind, for separate figures.
    pub(crate) kind: &'static str,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: Bytes::new(), expects: StatusCode::OK, kind: "" }
    }

    pub(crate) fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, path: path.into(), body: body.into(), expects: StatusCode::OK, kind: "" }
    }

    pub(crate) fn expecting(self, expects: StatusCode) -> Self {
        Self { expects, ..self }
    }

    pub(crate) fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }
}

/// A connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, BoxError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its error is the error of the current request.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: address.to_string() })
    }

    /// Returns the body of the answer; an error if its status is unexpected.
    pub(crate) async fn call(&mut self, call: Call) -> Result<Bytes, BoxError> {
        let expects = call.expects;
        let what = format!("{} {}", call.method, call.path);
        let request = Request::builder()
            .method(call.method)
            .uri(call.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(call.body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status == expects { Ok(body) } else { Err(format!("{what}: {status}: {}", String::from_utf8_lossy(&body)).into()) }
    }
}
