//! The browsers that get pushes, as the page registers them (Push API, W3C).

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Characters of a browser's name.
const NAME_MAX: usize = 100;
/// A browser that gives no name.
const NAME_DEFAULT: &str = "Browser";

/// `POST /api/push/subscriptions`: what `PushSubscription.toJSON()` gives, and a name for people.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// Where its push service takes pushes: https, and public.
    #[schemars(length(max = 2048))]
    pub endpoint: String,
    /// Its keys.
    pub keys: Keys,
    /// When the push service ends the subscription, in milliseconds since 1970. It answers 404 or 410 from then on, which is what counts.
    #[serde(default, rename = "expirationTime")]
    pub expiration_time: Option<f64>,
    /// What people call the browser, 1–100 characters.
    #[serde(default)]
    name: Option<String>,
}

/// The keys of a browser (RFC 8291).
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PushKeys")]
pub struct Keys {
    /// Its public key: a point of P-256 of 65 bytes, as base64url.
    pub p256dh: String,
    /// Its secret: 16 bytes, as base64url.
    pub auth: String,
}

impl NewSubscription {
    /// What people call it, without control characters and no longer than 100 characters.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let name: String = name.trim().chars().filter(|letter| !letter.is_control()).take(NAME_MAX).collect();
        if name.is_empty() { NAME_DEFAULT.to_owned() } else { name }
    }
}

/// A browser that gets pushes.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "PushSubscription")]
pub struct Subscription {
    /// Set by the service.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// Set by the service.
    pub created_at: Timestamp,
    /// When a push last arrived at its push service.
    pub sent_at: Option<Timestamp>,
}

/// Where a browser gets pushes. No answer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushReceiver {
    /// The URL of its push service.
    pub endpoint: String,
    /// Its public key, as base64url.
    pub p256dh: String,
    /// Its secret, as base64url.
    pub auth: String,
}

/// `GET /api/push/key`.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PushKey {
    /// The service's public key (VAPID), as base64url: the page's `applicationServerKey`.
    pub public_key: String,
}

/// A call about one browser.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRef {
    /// The browser.
    pub subscription_id: i64,
}
