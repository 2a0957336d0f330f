//! App passwords: the credential of calendar clients, which cannot send a bearer token, and the key of the feed.
//!
//! A secret consists of 16 random bytes and 4 bytes of their HMAC with `TASKFLOW_LINK_KEY`, as 32 letters and digits. Only its SHA-256 is stored.
//! With the HMAC, the gateway recognises made-up secrets, so guessing wakes no function.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::routes::LINK_KEY;
use http::{HeaderMap, HeaderName, Uri, header};
use ring::hmac;
use sha2::{Digest, Sha256};

use crate::authority::Authority;
use crate::guard;
use crate::settings::Settings;
use crate::{App, Error, Request};

/// Number of random bytes of a secret.
const RANDOM: usize = 16;
/// Number of bytes of its HMAC.
const TAG: usize = 4;
/// Number of characters of a secret: 5 bits each.
const LENGTH: usize = (RANDOM + TAG) * 8 / 5;
/// Letters and digits that cannot be mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// The header in which a proxy reports the caller's scheme.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Marks a request that came over Taskflow's own TLS.
#[derive(Clone, Copy, Debug)]
pub struct Encrypted;

/// The secret of an app password or a feed's key.
#[derive(Clone, PartialEq, Eq)]
pub struct AppSecret(String);

impl AppSecret {
    /// Creates a secret from these random bytes.
    #[must_use]
    pub fn new(random: [u8; RANDOM], settings: &Settings) -> Self {
        let mut bytes = random.to_vec();
        bytes.extend(tag(&random, settings));
        Self(encode(&bytes))
    }

    /// Parses a secret. Spaces and dashes are ignored. Returns `None` if it cannot be a secret of this Taskflow.
    #[must_use]
    pub fn read(text: &str, settings: &Settings) -> Option<Self> {
        let text: String =
            text.chars().filter(|char| !matches!(char, ' ' | '-')).map(|char| char.to_ascii_lowercase()).take(LENGTH + 1).collect();
        let bytes = decode(&text)?;
        let (random, own) = bytes.split_at_checked(RANDOM)?;
        (text.len() == LENGTH && guard::is_same(own, &tag(random, settings))).then_some(Self(text))
    }

    /// Returns the secret itself, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the part that is stored.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// Without `TASKFLOW_LINK_KEY`, the key is empty, and the tag only detects typing errors.
fn tag(random: &[u8], settings: &Settings) -> [u8; TAG] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, settings.own(LINK_KEY.name).unwrap_or_default().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(b"app-password");
    context.update(random);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&context.sign().as_ref()[..TAG]);
    tag
}

fn encode(bytes: &[u8]) -> String {
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let letter = |first: usize| (first..first + 5).fold(0, |letter, at| letter << 1 | bit(at));
    (0..bytes.len() * 8).step_by(5).map(|first| char::from(ALPHABET[letter(first)])).collect()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(RANDOM + TAG), 0_u16, 0);
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = bits << 5 | u16::try_from(value).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Returns the password of `Authorization: Basic`. The user name is ignored, because there is one user.
#[must_use]
pub fn basic(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let encoded = value.split_at_checked(6).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"basic "))?.1;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim_ascii()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

/// Returns the key of the feed: the query parameter `key`.
#[must_use]
pub fn feed_key(uri: &Uri) -> Option<String> {
    form_urlencoded::parse(uri.query()?.as_bytes()).find(|(name, _)| name == "key").map(|(_, key)| key.into_owned())
}

/// Accepts a call whose secret may be valid. The function checks it in the database.
///
/// # Errors
/// [`Error::Forbidden`] over a connection that others can read; [`Error::NoAppPassword`], after a pause if a secret was wrong.
pub(crate) async fn admit(app: &App, is_private: bool, secret: Option<String>) -> Result<(), Error> {
    if !is_private {
        return Err(Error::Forbidden("app passwords and feed keys require HTTPS, except from this machine".to_owned()));
    }
    match secret {
        None => Err(Error::NoAppPassword),
        Some(secret) if AppSecret::read(&secret, &app.settings).is_some() => Ok(()),
        Some(_) => Err(refuse(app).await),
    }
}

/// Waits like after a wrong token, longer after several, and returns the error for the caller.
pub async fn refuse(app: &App) -> Error {
    guard::pause_after_guess(app).await;
    Error::NoAppPassword
}

/// The head of a request.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) uri: &'a Uri,
    is_encrypted: bool,
}

impl<'a> Head<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        let is_encrypted = request.extensions().get::<Encrypted>().is_some();
        Self { headers: request.headers(), uri: request.uri(), is_encrypted }
    }

    /// True if nobody in between can read the request: it came over TLS, here or to a proxy, or it did not leave the machine.
    pub(crate) fn is_private(&self) -> bool {
        let is_forwarded = self.headers.get(FORWARDED_PROTO).is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
        let host = self.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let called = self.uri.authority().map(http::uri::Authority::as_str).or(host).and_then(Authority::read);
        let is_address = |called: &Authority| called.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        self.is_encrypted || is_forwarded || called.is_some_and(|called| called.is_loopback() || is_address(&called))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn settings(key: Option<&'static str>) -> Settings {
        Settings::read(&|name| key.filter(|_| name == LINK_KEY.name).map(ToOwned::to_owned), IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap()
    }

    #[test]
    fn a_secret_is_read_as_it_was_made_and_no_other() {
        let own = settings(Some("key-1"));
        let secret = AppSecret::new([7; RANDOM], &own);
        assert_eq!(secret.expose().len(), 32);
        let spaced = format!("{} {}-{}", &secret.expose()[..8], &secret.expose()[8..20].to_uppercase(), &secret.expose()[20..]);
        assert!(AppSecret::read(&spaced, &own) == Some(secret.clone()));
        let (mut other, last) = (secret.expose().to_owned(), if secret.expose().ends_with('a') { "b" } else { "a" });
        other.replace_range(31.., last);
        for (text, settings) in
            [(other.as_str(), &own), (secret.expose(), &settings(Some("key-2"))), ("", &own), ("short", &own), (&"é".repeat(32), &own)]
        {
            assert!(AppSecret::read(text, settings).is_none(), "{text}");
        }
    }

    #[test]
    fn the_password_of_basic_may_have_colons() {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "bAsIc dTphOmI=".parse().unwrap());
        assert_eq!(basic(&headers).as_deref(), Some("a:b"));
        headers.insert(header::AUTHORIZATION, "Basic ===".parse().unwrap());
        assert_eq!(basic(&headers), None);
    }
}
