//! Headers about the response: `Accept` and `If-None-Match` (RFC 9110, sections 12.5.1 and 13.1.2).

use http::{HeaderMap, HeaderName, header};

use crate::Error;

/// Default media type of a function's responses.
pub const JSON: &str = "application/json";

/// Returns the elements of a list header, over all of its lines.
fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|element| !element.is_empty())
}

/// True if the caller accepts this media type: the most specific matching range does not have weight 0. Without `Accept` every type is accepted.
#[must_use]
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let kind = media_type.split('/').next().unwrap_or_default();
    let (mut best, mut is_named) = (None, false);
    for element in elements(headers, header::ACCEPT) {
        is_named = true;
        let mut parts = element.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let closeness = match range.strip_suffix("/*") {
            Some("*") => 1,
            Some(of) if of.eq_ignore_ascii_case(kind) => 2,
            None if range.eq_ignore_ascii_case(media_type) => 3,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(1.0));
        best = best.max(Some((closeness, weight > 0.0)));
    }
    best.map_or(!is_named, |(_, is_taken)| is_taken)
}

/// Refuses a caller that accepts none of these types.
///
/// # Errors
/// [`Error::NotAcceptable`].
pub fn require(headers: &HeaderMap, types: &[&'static str]) -> Result<(), Error> {
    let is_taken = types.iter().any(|media_type| accepts(headers, media_type));
    if is_taken { Ok(()) } else { Err(Error::NotAcceptable(types.first().copied().unwrap_or_default())) }
}

/// True if `If-None-Match` names this tag; weak and strong tags are compared alike.
#[must_use]
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let strong = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag) == etag.strip_prefix("W/").unwrap_or(etag);
    elements(headers, header::IF_NONE_MATCH).any(|tag| tag == "*" || strong(tag))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_closest_range_decides() {
        for (accept, takes_json) in [
            ("", true),
            ("*/*", true),
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/*;q=0.1", true),
            ("text/html, */*;q=0.8", true),
            ("text/html", false),
            ("text/*, application/problem+json", false),
            ("application/json;q=0", false),
            ("application/json;q=0, */*", false),
            ("*/*;q=0, application/json", true),
            ("application/json; version=1; q=0.0", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]);
            assert_eq!(accepts(&headers, JSON), takes_json, "{accept}");
        }
        assert!(accepts(&HeaderMap::new(), JSON));
    }
}
