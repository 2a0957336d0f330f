//! A push service with its browsers. It refuses what the RFCs refuse (8030, 8188, 8291, 8292), and decrypts with other crates than the encryption
//! uses.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aes_gcm::aead::{Aead, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::{PATIENCE, now, serve};

/// The service's key in tests: `TASKFLOW_VAPID_KEY`, from the example of RFC 8291.
pub const VAPID_KEY: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
/// Its public half.
pub const VAPID_PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
/// Maximum lifetime of a token in RFC 8292.
const DAY: i64 = 24 * 3600;

/// A push that a browser received.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The browser.
    pub browser: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The payload for the service worker.
    pub payload: Value,
    /// Time of arrival.
    pub at: Timestamp,
}

/// The keys of a browser.
struct Browser {
    private: p256::SecretKey,
    auth: Vec<u8>,
}

/// Behaviour of the service.
#[derive(Clone, Debug)]
struct Manner {
    status: u16,
    retry_after: Option<String>,
    delay: Duration,
    /// Maximum bytes of a push.
    size_max: usize,
}

struct Shared {
    address: SocketAddr,
    browsers: Mutex<HashMap<String, Browser>>,
    manner: Mutex<Manner>,
    requests: AtomicUsize,
    refusals: Mutex<Vec<String>>,
    pushed: mpsc::UnboundedSender<Pushed>,
}

/// The push service.
pub struct PushService {
    shared: Arc<Shared>,
    pushes: tokio::sync::Mutex<mpsc::UnboundedReceiver<Pushed>>,
}

impl PushService {
    /// Starts a service that accepts every valid push.
    pub async fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST).await
    }

    /// Starts the same service on this address.
    pub async fn start_at(address: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let (pushed, arriving) = mpsc::unbounded_channel();
        let manner = Manner { status: 201, retry_after: None, delay: Duration::ZERO, size_max: 4096 };
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            browsers: Mutex::default(),
            manner: Mutex::new(manner),
            requests: AtomicUsize::new(0),
            refusals: Mutex::default(),
            pushed,
        });
        let serving = shared.clone();
        serve(listener, move |request| take(request, serving.clone()));
        Self { shared, pushes: tokio::sync::Mutex::new(arriving) }
    }

    /// Returns its URL.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Returns the settings of a Taskflow that pushes here.
    #[must_use]
    pub fn settings() -> [(&'static str, &'static str); 3] {
        [("TASKFLOW_VAPID_KEY", VAPID_KEY), ("TASKFLOW_PUSH_TEST_ADDRESS", "127.0.0.1"), ("TASKFLOW_LINK_KEY", "a key of tests")]
    }

    /// Creates a subscribed browser: the value of `PushSubscription.toJSON()`.
    #[must_use]
    pub fn browser(&self, name: &str) -> Value {
        // Any scalar suffices, if it differs between browsers.
        let private = p256::SecretKey::from_slice(&Sha256::digest(name)).unwrap();
        let auth = Sha256::digest(format!("secret of {name}"))[..16].to_vec();
        let keys = json!({ "p256dh": URL_SAFE_NO_PAD.encode(private.public_key().to_sec1_bytes()), "auth": URL_SAFE_NO_PAD.encode(&auth) });
        self.shared.browsers.lock().unwrap().insert(name.to_owned(), Browser { private, auth });
        json!({ "endpoint": format!("http://{}/push/{name}", self.shared.address), "expirationTime": null, "keys": keys, "name": name })
    }

    /// Ends a browser's subscription.
    pub fn end(&self, name: &str) {
        self.shared.browsers.lock().unwrap().remove(name);
    }

    /// Answers with this status and `Retry-After` from now on.
    pub fn answer(&self, status: u16, retry_after: Option<&str>) {
        let mut manner = self.shared.manner.lock().unwrap();
        manner.status = status;
        manner.retry_after = retry_after.map(str::to_owned);
    }

    /// Delays each answer from now on.
    pub fn delay(&self, delay: Duration) {
        self.shared.manner.lock().unwrap().delay = delay;
    }

    /// Limits the bytes of a push from now on.
    pub fn take_at_most(&self, bytes: usize) {
        self.shared.manner.lock().unwrap().size_max = bytes;
    }

    /// Waits for the next push.
    pub async fn pushed(&self) -> Pushed {
        tokio::time::timeout(PATIENCE, async { self.pushes.lock().await.recv().await }).await.unwrap().unwrap()
    }

    /// Takes the pushes that no test has read.
    pub async fn taken(&self) -> Vec<Pushed> {
        let mut pushes = self.pushes.lock().await;
        std::iter::from_fn(|| pushes.try_recv().ok()).collect()
    }

    /// Number of pushes that no test has read.
    pub async fn waiting(&self) -> usize {
        self.pushes.lock().await.len()
    }

    /// Number of requests so far, refused ones included.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Returns the refusals because of an RFC.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        self.shared.refusals.lock().unwrap().clone()
    }
}

async fn take(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let manner = shared.manner.lock().unwrap().clone();
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    tokio::time::sleep(manner.delay).await;
    let mut response = Response::new(Full::default());
    *response.status_mut() = if manner.status == 201 {
        match look(&shared, &parts, &body, manner.size_max) {
            Ok(pushed) => {
                let _ = shared.pushed.send(pushed);
                StatusCode::CREATED
            }
            Err((status, why)) => {
                if !matches!(status, 404 | 410 | 413) {
                    shared.refusals.lock().unwrap().push(why.to_owned());
                }
                status.try_into().unwrap()
            }
        }
    } else {
        manner.status.try_into().unwrap()
    };
    if let Some(pause) = manner.retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, pause.parse().unwrap());
    }
    Ok(response)
}

type Refusal = (u16, &'static str);

fn look(shared: &Shared, parts: &http::request::Parts, body: &[u8], size_max: usize) -> Result<Pushed, Refusal> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let name = parts.uri.path().strip_prefix("/push/").filter(|_| parts.method == Method::POST).ok_or((404, "no such path"))?;
    let browsers = shared.browsers.lock().unwrap();
    let browser = browsers.get(name).ok_or((410, "the subscription has ended"))?;
    let _: u32 = header("ttl").and_then(|ttl| ttl.parse().ok()).ok_or((400, "RFC 8030, 5.2: TTL is missing"))?;
    if !matches!(header("urgency"), None | Some("very-low" | "low" | "normal" | "high")) {
        return Err((400, "RFC 8030, 5.3: no such urgency"));
    }
    let is_topic = |topic: &str| topic.len() <= 32 && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if header("topic").is_some_and(|topic| !is_topic(topic)) {
        return Err((400, "RFC 8030, 5.4: a topic is at most 32 characters of base64url"));
    }
    authorize(shared, header("authorization").ok_or((401, "RFC 8292: no token"))?)?;
    if body.len() > size_max {
        return Err((413, "too large"));
    }
    if header("content-encoding") != Some("aes128gcm") {
        return Err((400, "RFC 8291: the content encoding is not aes128gcm"));
    }
    let payload = decrypt(browser, body)?;
    let payload = serde_json::from_slice(&payload).map_err(|_| (400, "the service worker reads JSON"))?;
    Ok(Pushed { browser: name.to_owned(), headers: parts.headers.clone(), payload, at: now() })
}

/// Checks RFC 8292: signed with the subscription's key, for this origin, for a day at most, with a contact.
fn authorize(shared: &Shared, authorization: &str) -> Result<(), Refusal> {
    let parameters = authorization.strip_prefix("vapid ").ok_or((401, "RFC 8292: the scheme is not vapid"))?;
    let of = |name: &str| parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (token, key) = of("t").zip(of("k")).ok_or((401, "RFC 8292: t or k is missing"))?;
    if key != VAPID_PUBLIC {
        return Err((403, "RFC 8292: another key than that of the subscription"));
    }
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| (403, "no base64url"));
    let (signed, signature) = token.rsplit_once('.').ok_or((403, "no token"))?;
    let verifying = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(key)?);
    verifying.verify(signed.as_bytes(), &bytes(signature)?).map_err(|_| (403, "RFC 8292: a wrong signature"))?;
    let (head, claims) = signed.split_once('.').ok_or((403, "no token"))?;
    let read = |part: &str| serde_json::from_slice::<Value>(&bytes(part)?).map_err(|_| (403, "no JSON"));
    let (head, claims) = (read(head)?, read(claims)?);
    if head["alg"] != "ES256" || claims["aud"] != format!("http://{}", shared.address) {
        return Err((403, "RFC 8292: another algorithm or audience"));
    }
    let left = claims["exp"].as_i64().unwrap_or_default() - now().as_second();
    if !(0..=DAY).contains(&left) {
        return Err((403, "RFC 8292: expired, or valid for more than a day"));
    }
    let contact = claims["sub"].as_str().unwrap_or_default();
    if contact.starts_with("mailto:") || contact.starts_with("https://") { Ok(()) } else { Err((403, "RFC 8292: nobody to write to")) }
}

/// Decrypts by RFC 8188 and RFC 8291.
fn decrypt(browser: &Browser, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    if body.len() < 16 + 4 + 1 + 65 + 17 || body[20] != 65 {
        return Err((400, "RFC 8188: no header of a record"));
    }
    let (salt, sender, sealed) = (&body[..16], &body[21..86], &body[86..]);
    let size = u32::from_be_bytes(body[16..20].try_into().unwrap());
    if size < 18 || usize::try_from(size).unwrap() < sealed.len() {
        return Err((400, "RFC 8188: a wrong record size"));
    }
    let theirs = p256::PublicKey::from_sec1_bytes(sender).map_err(|_| (400, "RFC 8291: no key of P-256"))?;
    let shared = browser.private.diffie_hellman(&theirs);
    let own = browser.private.public_key().to_sec1_bytes();
    let (mut ikm, mut key, mut nonce) = ([0; 32], [0; 16], [0; 12]);
    let info = [&b"WebPush: info\0"[..], &own[..], sender].concat();
    hkdf::Hkdf::<Sha256>::new(Some(&browser.auth), shared.raw_secret_bytes()).expand(&info, &mut ikm).unwrap();
    let expand = hkdf::Hkdf::<Sha256>::new(Some(salt), &ikm);
    expand.expand(b"Content-Encoding: aes128gcm\0", &mut key).unwrap();
    expand.expand(b"Content-Encoding: nonce\0", &mut nonce).unwrap();
    let opened = aes_gcm::Aes128Gcm::new(&key.into()).decrypt(&nonce.into(), sealed).map_err(|_| (400, "RFC 8291: cannot be decrypted"))?;
    let end = opened.iter().rposition(|byte| *byte != 0).ok_or((400, "RFC 8188: no delimiter"))?;
    if opened[end] == 2 { Ok(opened[..end].to_vec()) } else { Err((400, "RFC 8188: not the last record")) }
}
