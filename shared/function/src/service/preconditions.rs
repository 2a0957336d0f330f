//! Preconditions of a command: `If-Match`, `If-None-Match` and `Idempotency-Key`.

use domain::Invalid;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};
use store::{Claim, Idempotency, IfMatch};

use crate::{Answer, App, Change, Error};

/// Maximum characters of an idempotency key.
const KEY_MAX: usize = 255;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The value of `If-Match` or `If-None-Match`.
#[derive(PartialEq, Eq)]
enum Tags {
    /// `*`
    Any,
    /// The versions in the tags, and whether each is weak. A tag that is not a version never came from here.
    Versions(Vec<(i64, bool)>),
}

/// Reads `If-Match` and `If-None-Match`.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Error> {
    let all = |tags: Vec<(i64, bool)>| tags.into_iter().map(|(version, _)| version).collect::<Vec<_>>();
    // A strong comparison never matches a weak tag.
    let strong = |tags: Vec<(i64, bool)>| tags.into_iter().filter(|(_, is_weak)| !is_weak).map(|(version, _)| version).collect::<Vec<_>>();
    Ok(match (tags(headers, &header::IF_MATCH)?, tags(headers, &header::IF_NONE_MATCH)?) {
        (None, None) => None,
        (Some(Tags::Any), None) => Some(IfMatch::Any),
        (Some(Tags::Versions(wanted)), None) => Some(IfMatch::Versions(strong(wanted))),
        // The resource exists, so no version matches.
        (_, Some(Tags::Any)) => Some(IfMatch::Versions(Vec::new())),
        (None | Some(Tags::Any), Some(Tags::Versions(unwanted))) => Some(IfMatch::Except(all(unwanted))),
        (Some(Tags::Versions(wanted)), Some(Tags::Versions(unwanted))) => {
            let unwanted = all(unwanted);
            Some(IfMatch::Versions(strong(wanted).into_iter().filter(|version| !unwanted.contains(version)).collect()))
        }
    })
}

/// Reads a list of tags, over all lines of the header.
///
/// The crate `headers` is not used, because its `IfMatch` skips a malformed tag, which is a 400 here.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Error> {
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let malformed = || Error::Malformed(format!("{name} is not a list of ETags"));
    let lines: Option<Vec<&str>> = headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
    let text = lines.ok_or_else(malformed)?.join(",");
    if text.trim() == "*" {
        return Ok(Some(Tags::Any));
    }
    let tags = text.split(',').map(|tag| {
        let tag = tag.trim();
        let opaque = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(malformed)?;
        Ok(opaque.parse::<i64>().ok().map(|version| (version, tag.starts_with('W'))))
    });
    let tags: Vec<Option<(i64, bool)>> = tags.collect::<Result<_, Error>>()?;
    Ok(Some(Tags::Versions(tags.into_iter().flatten().collect())))
}

/// A call with an `Idempotency-Key`, which belongs to its method, path and body.
pub(super) struct Once<'a> {
    key: &'a str,
    method: &'a str,
    path: &'a str,
    fingerprint: Vec<u8>,
}

impl<'a> Once<'a> {
    /// Reads the key of a call with this body or query; `None` if the call has none.
    pub(super) fn read(parts: &'a Parts, content: &[u8]) -> Result<Option<Self>, Error> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Error::Malformed("Idempotency-Key is repeated; send it once".to_owned()));
        }
        // `to_str` also accepts tabs.
        let is_printable = |byte: u8| matches!(byte, b' '..=b'~');
        let key = value.to_str().ok().map(str::trim);
        let key = key.filter(|key| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(is_printable));
        let key = key.ok_or_else(|| Error::Malformed(format!("Idempotency-Key is not 1 to {KEY_MAX} printable ASCII characters")))?;
        let fingerprint = Sha256::digest(content).to_vec();
        Ok(Some(Self { key, method: parts.method.as_str(), path: without_slash(parts.uri.path()), fingerprint }))
    }

    /// Claims the key in this process.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another call holds it.
    pub(super) fn claim(&self, app: &App) -> Result<Claim, Error> {
        app.store()?.claim_key(self.key, self.method, self.path).ok_or_else(under_way)
    }

    /// Returns the answer of an earlier call with this key; `None` if this call is the first.
    pub(super) async fn answered(&self, change: &mut Change) -> Result<Option<Answer>, Error> {
        match change.unit.idempotent(self.key, self.method, self.path, &self.fingerprint).await? {
            Idempotency::New => Ok(None),
            Idempotency::Replay(kept) => {
                Answer::from_value(&kept).map(Some).ok_or_else(|| Error::internal("a stored answer cannot be parsed"))
            }
            Idempotency::InFlight => Err(under_way()),
            Idempotency::Mismatch => Err(Invalid::field("", "this Idempotency-Key was used with another body").into()),
        }
    }

    /// Stores the answer for later calls with this key.
    pub(super) async fn remember(&self, change: &mut Change, answer: &Answer) -> Result<(), Error> {
        Ok(change.unit.remember_idempotent(self.key, self.method, self.path, &self.fingerprint, &answer.to_value()).await?)
    }
}

/// Returns the path in the form of the table of routes.
fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

fn under_way() -> Error {
    Error::Conflict("a request with this Idempotency-Key is in progress; retry later".to_owned())
}
