//! One WebSocket: sends missed and new notifications in order, each once.

use std::sync::Arc;
use std::time::Duration;

use domain::query::ListNotifications;
use domain::{Invalid, Notification};
use function::error::{self, Problem};
use function::{App, Error, Request, Response, full};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message, Utf8Bytes};

use crate::PAGE;
use crate::hub::{Hub, News};

/// Interval of the server's pings.
const PING: Duration = Duration::from_secs(30);
/// Maximum silence of a client, pings included, before it counts as dead.
const SILENCE_MAX: Duration = Duration::from_secs(75);
/// Time limit of sending a frame, before the client counts as dead.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Maximum bytes of a client's frame; clients only send pings.
const FRAME_MAX: usize = 4 * 1024;
/// Maximum bytes read from a client whose frame was refused, before the connection is closed.
const REST_MAX: usize = 1024 * 1024;
/// Time limit of such a client's close.
const CLOSE_MAX: Duration = Duration::from_secs(2);
/// Taskflow's subprotocol; another one carries the token.
const PROTOCOL: &str = "taskflow";

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers a handshake and serves the socket until it closes. The socket shows what comes after the answer: a client that then reads the list
/// misses nothing.
pub(crate) async fn watch(app: Arc<App>, hub: Arc<Hub>, mut request: Request) -> Result<Response, Error> {
    let after = after(request.uri().query().unwrap_or_default())?;
    let Some(response) = handshake(request.headers())? else { return Ok(upgrade_required(request.uri().path())) };
    // A host without connections of its own, such as AWS Lambda, cannot upgrade one.
    if request.extensions().get::<hyper::upgrade::OnUpgrade>().is_none() {
        return Ok(no_socket_here(request.uri().path()));
    }
    let place = hub.place().ok_or_else(|| Error::unavailable("a WebSocket", "too many are open"))?;
    let upgrade = hyper::upgrade::on(&mut request);
    // Subscribed before the table is read, so that nothing falls in between.
    let news = hub.subscribe();
    let last = match after {
        Some(last) => last,
        None => app.store()?.last_notification_id().await?,
    };
    let background = app.background.clone();
    background.spawn(async move {
        let _place = place;
        let Ok(upgraded) = upgrade.await else { return };
        let config = WebSocketConfig::default().max_message_size(Some(FRAME_MAX)).max_frame_size(Some(FRAME_MAX));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        let mut session = Session { app, socket, last, is_behind: after.is_some() };
        if let Err(Ended::Failed(error)) = session.run(news).await {
            tracing::warn!(%error, "a socket was closed");
        }
    });
    Ok(response)
}

fn after(query: &str) -> Result<Option<i64>, Error> {
    let mut after = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let value = pair.strip_prefix("after=").ok_or_else(|| Invalid::field("", "the only query parameter is after"))?;
        after = Some(value.parse().map_err(|_| Invalid::field("/after", "not the id of a notification"))?);
    }
    Ok(ListNotifications { after }.after)
}

/// Returns the answer of RFC 6455, section 4.2.2; `None` if the request is not a handshake.
fn handshake(headers: &HeaderMap) -> Result<Option<Response>, Error> {
    let has = |name, token: &str| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains(token))
    };
    if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        return Ok(None);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(|| Error::Malformed("Sec-WebSocket-Key is missing".to_owned()))?;
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Error::Malformed("Sec-WebSocket-Version is not 13".to_owned()));
    }
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer.extend(HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok().map(|key| (header::SEC_WEBSOCKET_ACCEPT, key)));
    if has(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Ok(Some(response))
}

fn upgrade_required(path: &str) -> Response {
    let mut response = problem(StatusCode::UPGRADE_REQUIRED, "this path accepts WebSocket handshakes only", path);
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}

fn no_socket_here(path: &str) -> Response {
    let detail = "this host has no WebSocket; use GET /api/notifications?after=";
    problem(StatusCode::NOT_IMPLEMENTED, detail, path)
}

fn problem(status: StatusCode, detail: &str, path: &str) -> Response {
    error::response(status, &Problem::new(status, detail, path))
}

/// Why a session ended.
enum Ended {
    /// The client is gone or too slow.
    Gone,
    /// The notifications cannot be read. The client reconnects and resumes.
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Session {
    app: Arc<App>,
    socket: Socket,
    /// The last notification sent.
    last: i64,
    /// True if the table may have notifications that were not sent.
    is_behind: bool,
}

impl Session {
    async fn run(&mut self, mut news: Receiver<News>) -> Result<(), Ended> {
        let stopping = self.app.stopping.clone();
        let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                // One page at a time, so that frames of a client that is far behind are read meanwhile, and its socket can be closed.
                () = std::future::ready(()), if self.is_behind => self.catch_up().await?,
                told = news.recv(), if !self.is_behind => match told {
                    Ok(News::Notification(notification)) => self.notification(&notification).await?,
                    Ok(News::Update(frame)) => self.send(Message::text(frame)).await?,
                    Err(RecvError::Lagged(_)) => self.is_behind = true,
                    Err(RecvError::Closed) => return Ok(()),
                },
                message = self.socket.next() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.answer(&text).await?,
                        Some(Ok(Message::Close(_))) => return self.say_goodbye().await,
                        Some(Err(error)) => return self.refuse(&error).await,
                        None => return Err(Ended::Gone),
                        Some(Ok(_)) => {}
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE_MAX {
                        return Err(Ended::Gone);
                    }
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
                () = stopping.cancelled() => {
                    let going = CloseFrame { code: CloseCode::Away, reason: Utf8Bytes::from_static("stopping") };
                    return self.send(Message::Close(Some(going))).await;
                }
            }
        }
    }

    /// Sends a notification, after those missed before it. Ids follow the order of commits, so a gap means that the table must be read.
    async fn notification(&mut self, notification: &Notification) -> Result<(), Ended> {
        match notification.id {
            id if id <= self.last => Ok(()),
            id if id == self.last + 1 => self.show(notification).await,
            _ => {
                self.is_behind = true;
                Ok(())
            }
        }
    }

    /// Sends the next page of missed notifications.
    async fn catch_up(&mut self) -> Result<(), Ended> {
        let missed = self.app.store()?.notifications(Some(self.last), PAGE).await.map_err(Error::from)?;
        self.is_behind = !missed.is_empty();
        for notification in &missed {
            self.show(notification).await?;
        }
        Ok(())
    }

    async fn show(&mut self, notification: &Notification) -> Result<(), Ended> {
        let frame = json!({
            "type": "notification",
            "id": notification.id,
            "event_type": notification.event_type,
            "task_id": notification.task_id,
            "reminder_id": notification.reminder_id,
            "title": notification.title,
            "body": notification.body,
            "created_at": notification.created_at,
        });
        self.send(Message::text(frame.to_string())).await?;
        self.last = notification.id;
        Ok(())
    }

    async fn answer(&mut self, text: &str) -> Result<(), Ended> {
        let is_ping = serde_json::from_str::<serde_json::Value>(text).is_ok_and(|message| message["type"] == "ping");
        if is_ping { self.send(Message::text(r#"{"type":"pong"}"#)).await } else { Ok(()) }
    }

    /// Closes the socket with the reason for refusing a client's frame (RFC 6455, section 7.4.1).
    async fn refuse(&mut self, error: &WebSocketError) -> Result<(), Ended> {
        let (code, reason) = match error {
            WebSocketError::Capacity(_) => (CloseCode::Size, "a message has at most 4096 bytes"),
            WebSocketError::Utf8(_) => (CloseCode::Invalid, "a text message is UTF-8"),
            WebSocketError::Protocol(_) => (CloseCode::Protocol, "not a frame of RFC 6455"),
            _ => return Err(Ended::Gone),
        };
        self.send(Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }))).await?;
        // Further data is read first, because closing a connection with unread data resets it, and the client might not see the reason.
        let stream = self.socket.get_mut();
        let mut rest = [0; 4096];
        let reading = async {
            for _ in 0..REST_MAX / rest.len() {
                if !matches!(stream.read(&mut rest).await, Ok(1..)) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(CLOSE_MAX, reading).await;
        Err(Ended::Gone)
    }

    /// Reading a close frame queues its answer, after which nothing is read.
    async fn say_goodbye(&mut self) -> Result<(), Ended> {
        let _ = tokio::time::timeout(SEND_MAX, self.socket.flush()).await;
        Err(Ended::Gone)
    }

    async fn send(&mut self, message: Message) -> Result<(), Ended> {
        match tokio::time::timeout(SEND_MAX, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ended::Gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The headers of RFC 6455, section 1.3, without the one of this name.
    fn headers(without: &str) -> HeaderMap {
        let all = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "taskflow, bearer.c2VjcmV0"),
        ];
        all.into_iter().filter(|(name, _)| *name != without).map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_handshake_is_answered_as_in_the_rfc() {
        let response = handshake(&headers("")).unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_PROTOCOL], "taskflow", "never the one with the token");
        let other = handshake(&headers("sec-websocket-protocol")).unwrap().unwrap();
        assert!(!other.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn other_requests_are_no_handshake_and_incomplete_ones_are_refused() {
        assert!(handshake(&headers("upgrade")).unwrap().is_none());
        assert!(handshake(&headers("connection")).unwrap().is_none());
        assert!(matches!(handshake(&headers("sec-websocket-key")), Err(Error::Malformed(_))));
        assert!(matches!(handshake(&headers("sec-websocket-version")), Err(Error::Malformed(_))));
    }
}
