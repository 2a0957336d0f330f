//! Preconditions of a command: `If-Match` and `Idempotency-Key`.

use domain::Invalid;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};
use store::{Claim, Idempotency, IfMatch};

use crate::{Answer, App, Change, Error};

/// Characters of an idempotency key, at most.
const KEY_MAX: usize = 255;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Reads `If-Match`.
///
/// Not with the crate `headers`: its `IfMatch` skips a malformed tag, which is a 400 here.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Error> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let malformed = || Error::Malformed("If-Match is not a list of ETags".to_owned());
    let text = value.to_str().map_err(|_| malformed())?.trim();
    if text == "*" {
        return Ok(Some(IfMatch::Any));
    }
    let tags = text.split(',').map(|tag| {
        let tag = tag.trim();
        let opaque = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(malformed)?;
        // A strong comparison never matches a weak tag, and a tag that is no version was never ours.
        Ok(if tag.starts_with('W') { None } else { opaque.parse::<i64>().ok() })
    });
    let tags: Vec<Option<i64>> = tags.collect::<Result<_, Error>>()?;
    Ok(Some(IfMatch::Versions(tags.into_iter().flatten().collect())))
}

/// A call with an `Idempotency-Key`: its method, path and body belong to the key.
pub(super) struct Once<'a> {
    key: &'a str,
    method: &'a str,
    path: &'a str,
    fingerprint: Vec<u8>,
}

impl<'a> Once<'a> {
    /// Reads the key. `None` if the call has none.
    pub(super) fn read(parts: &'a Parts, body: &[u8]) -> Result<Option<Self>, Error> {
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        // `to_str` takes a tab within the text for a visible character.
        let is_printable = |byte: u8| matches!(byte, b' '..=b'~');
        let key = value.to_str().ok().map(str::trim);
        let key = key.filter(|key| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(is_printable));
        let key = key.ok_or_else(|| Error::Malformed(format!("Idempotency-Key is not 1 to {KEY_MAX} printable ASCII characters")))?;
        let fingerprint = Sha256::digest(body).to_vec();
        Ok(Some(Self { key, method: parts.method.as_str(), path: parts.uri.path(), fingerprint }))
    }

    /// Claims the key in this process.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another call has it.
    pub(super) fn claim(&self, app: &App) -> Result<Claim, Error> {
        app.store()?.claim_key(self.key, self.method, self.path).ok_or_else(under_way)
    }

    /// Returns the answer of an earlier call with this key. `None` if this call is the first.
    pub(super) async fn answered(&self, change: &mut Change) -> Result<Option<Answer>, Error> {
        match change.unit.idempotent(self.key, self.method, self.path, &self.fingerprint).await? {
            Idempotency::New => Ok(None),
            Idempotency::Replay(kept) => {
                Answer::from_value(&kept).map(Some).ok_or_else(|| Error::internal("an answer that was kept cannot be read"))
            }
            Idempotency::InFlight => Err(under_way()),
            Idempotency::Mismatch => Err(Invalid::field("", "this Idempotency-Key was used with another body").into()),
        }
    }

    /// Keeps the answer for later calls with this key.
    pub(super) async fn remember(&self, change: &mut Change, answer: &Answer) -> Result<(), Error> {
        Ok(change.unit.remember_idempotent(self.key, self.method, self.path, &self.fingerprint, &answer.to_value()).await?)
    }
}

fn under_way() -> Error {
    Error::Conflict("a request with this Idempotency-Key is under way".to_owned())
}
