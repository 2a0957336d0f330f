//! A WebSocket client.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{Api, PATIENCE};

/// An open WebSocket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// The answer to the handshake.
    pub handshake: Response,
}

impl Socket {
    /// Opens a socket, which gets everything that comes after this returns.
    pub async fn open(api: &Api, after: Option<i64>) -> Self {
        let query = after.map_or_else(String::new, |after| format!("?after={after}"));
        Self::handshake(api, &query, &[]).await.unwrap()
    }

    /// Makes a handshake with these headers.
    ///
    /// # Errors
    /// The handshake was refused.
    pub async fn handshake(api: &Api, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let stream = TcpStream::connect(api.address).await.unwrap();
        let mut request = format!("ws://{}/ws/notifications{query}", api.address).into_client_request().unwrap();
        let authorization = api.authorization.iter().map(|value| ("authorization", value.as_str()));
        for (name, value) in headers.iter().copied().chain(authorization) {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let (stream, handshake) = tokio::time::timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await.unwrap()?;
        Ok(Self { stream, handshake })
    }

    /// Sends text.
    pub async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Closes the socket, and returns whether the server answered.
    pub async fn close(mut self) -> bool {
        self.stream.close(None).await.unwrap();
        let answer = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Close(_))) => return true,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return false,
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap()
    }

    /// Sends a ping and waits for the pong, which must be the next frame.
    pub async fn ping(&mut self) {
        self.send(r#"{"type":"ping"}"#).await;
        assert_eq!(self.frame().await, serde_json::json!({ "type": "pong" }));
    }

    /// Returns the next text frame.
    pub async fn frame(&mut self) -> Value {
        tokio::time::timeout(PATIENCE, self.next()).await.unwrap_or_else(|_| panic!("waited in vain for a frame")).unwrap()
    }

    /// Returns the next text frame of this type; skips others.
    pub async fn frame_of(&mut self, ty: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == ty {
                return frame;
            }
        }
    }

    /// Returns the next text frame, if one arrives within this time.
    pub async fn frame_within(&mut self, time: Duration) -> Option<Value> {
        tokio::time::timeout(time, self.next()).await.ok().flatten()
    }

    /// Returns the code with which the server closes the socket; `None` if the connection ends without one.
    pub async fn close_code(&mut self) -> Option<u16> {
        let close = async {
            loop {
                match self.stream.next().await? {
                    Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, close).await.unwrap()
    }

    /// Sends bytes, which no client of this API does.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.stream.send(Message::binary(bytes)).await.unwrap();
    }

    /// Returns the next text frame; `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
