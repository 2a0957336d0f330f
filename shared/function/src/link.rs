//! Links that answer a reminder in a mail or a notification. The last path segment is the credential.
//!
//! It is `<reminder>.<action>.<expiry>.<signature>`: the expiry is in seconds since 1970, and the signature is an HMAC-SHA256 over the preceding
//! parts, as base64url, with the key `TASKFLOW_LINK_KEY`. The gateway checks the signature, so a forged link wakes no function.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::routes::LINK_KEY;
use domain::{ReminderOffset, Timestamp};
use http::{HeaderValue, StatusCode, header};
use ring::hmac;

use crate::settings::Settings;
use crate::{Response, full};

/// Path of a link, without its credential.
pub const PATH: &str = "/answer/";
/// Lifetime of a link.
const LIFE: Duration = Duration::from_hours(24);
/// Policy of a link's page: show itself and send its form to its own origin.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The action of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Completes the reminder's task.
    Complete,
    /// Snoozes the reminder for 10 minutes.
    TenMinutes,
    /// Snoozes the reminder for an hour.
    OneHour,
}

impl Action {
    /// Every action, in the order of display.
    pub const ALL: [Self; 3] = [Self::Complete, Self::TenMinutes, Self::OneHour];

    /// Returns the name in a link.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::TenMinutes => "snooze-10m",
            Self::OneHour => "snooze-1h",
        }
    }

    /// Returns the text of its button.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::TenMinutes => "10 minutes",
            Self::OneHour => "1 hour",
        }
    }

    /// Returns for how long it snoozes, if it does.
    #[must_use]
    pub fn pause(self) -> Option<ReminderOffset> {
        match self {
            Self::Complete => None,
            Self::TenMinutes | Self::OneHour => self.title().parse().ok(),
        }
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or(())
    }
}

/// The content of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The reminder.
    pub reminder_id: i64,
    /// The action.
    pub action: Action,
    /// The expiry.
    pub expires_at: Timestamp,
}

impl fmt::Display for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.reminder_id, self.action.as_str(), self.expires_at.get().as_second())
    }
}

impl Link {
    /// Creates a link that works for a day.
    #[must_use]
    pub fn new(reminder_id: i64, action: Action, now: Timestamp) -> Self {
        // To the second, as in the link.
        let second = now.after(LIFE).get().as_second();
        let expires_at = Timestamp::from_microsecond(second.saturating_mul(1_000_000)).unwrap_or(now);
        Self { reminder_id, action, expires_at }
    }

    /// Returns the path of the link; `None` if `TASKFLOW_LINK_KEY` is not set.
    #[must_use]
    pub fn path(&self, settings: &Settings) -> Option<String> {
        let signature = hmac::sign(&key(settings)?, self.to_string().as_bytes());
        Some(format!("{PATH}{self}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Parses the path of a link, if the signature is valid.
    #[must_use]
    pub fn read(path: &str, settings: &Settings) -> Option<Self> {
        let (said, signature) = path.strip_prefix(PATH)?.rsplit_once('.')?;
        hmac::verify(&key(settings)?, said.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let mut parts = said.split('.');
        let (reminder_id, action, expiry) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse::<i64>().ok()?);
        let expires_at = Timestamp::from_microsecond(expiry.checked_mul(1_000_000)?).ok()?;
        Some(Self { reminder_id, action, expires_at })
    }
}

fn key(settings: &Settings) -> Option<hmac::Key> {
    settings.own(LINK_KEY.name).map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
}

/// Returns the page of a link: a text, and a button if there is an action.
///
/// Not `Referrer-Policy: no-referrer`: with that, the form would be sent with `Origin: null`, and the guard would refuse it.
#[must_use]
pub fn page(status: StatusCode, title: &str, text: &str, button: Option<&str>) -> Response {
    let (title, text) = (escaped(title), escaped(text));
    let button = button.map_or_else(
        || "<p><a href=\"/\">Open Taskflow</a></p>".to_owned(),
        |button| format!("<form method=\"post\"><button>{}</button></form>", escaped(button)),
    );
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" \
         content=\"noindex\"><title>{title}</title><style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;\
         margin:15vh auto;padding:0 1rem}}button{{font:inherit;padding:.6rem 1.5rem;min-height:44px}}</style><h1>{title}</h1><p>{text}</p>{button}</html>"
    );
    let mut response = Response::new(full(html));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Returns the page for an invalid link, which is a missing credential.
#[must_use]
pub fn refused() -> Response {
    let text = "The link belongs to another Taskflow, or a part of it is missing.";
    let mut response = page(StatusCode::UNAUTHORIZED, "This link does not work", text, None);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Escapes text for markup.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn settings(key: Option<&str>) -> Settings {
        let lookup = |name: &str| key.filter(|_| name == LINK_KEY.name).map(str::to_owned);
        Settings::read(&lookup, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap()
    }

    #[test]
    fn a_link_has_its_signed_content_and_no_other() {
        let (own, other) = (settings(Some("a key")), settings(Some("another key")));
        let link = Link::new(7, Action::OneHour, Timestamp::from_microsecond(1_800_000_000_500_000).unwrap());
        let path = link.path(&own).unwrap();
        assert!(path.starts_with("/answer/7.snooze-1h.1800086400."), "{path}");
        assert_eq!(Link::read(&path, &own), Some(link));
        assert_eq!(Link::read(&path, &other), None);
        assert_eq!((Link::read(&path, &settings(None)), link.path(&settings(None))), (None, None));
        for (from, to) in [("/7.", "/8."), ("snooze-1h", "complete"), ("1800086400", "1800086401"), (".", ""), ("/answer/", "/")] {
            assert_eq!(Link::read(&path.replacen(from, to, 1), &own), None, "{from} {to}");
        }
        for short in 0..path.len() {
            assert_eq!(Link::read(&path[..short], &own), None);
        }
    }
}
