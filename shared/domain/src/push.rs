//! Browsers that receive pushes, as the page registers them (Push API, W3C).

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Maximum characters of a browser's name.
const NAME_MAX: usize = 100;
/// Name of a browser that gives none.
const NAME_DEFAULT: &str = "Browser";

/// `POST /api/push/subscriptions`: the value of `PushSubscription.toJSON()`, and a name for the user.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// URL of its push service: https and public.
    #[schemars(length(max = 2048))]
    pub endpoint: String,
    /// Its keys.
    pub keys: Keys,
    /// When the push service ends the subscription, in milliseconds since 1970. Informational: Taskflow ends it when the service answers 404 or 410.
    #[serde(default, rename = "expirationTime")]
    pub expiration_time: Option<f64>,
    /// Name of the browser for the user, 1–100 characters.
    #[serde(default)]
    name: Option<String>,
}

/// The keys of a browser (RFC 8291).
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PushKeys")]
pub struct Keys {
    /// Public key: a point of P-256 of 65 bytes, as base64url.
    pub p256dh: String,
    /// Secret: 16 bytes, as base64url.
    pub auth: String,
}

impl NewSubscription {
    /// Returns the browser's name without control characters, cut to 100 characters.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let name: String = name.trim().chars().filter(|letter| !letter.is_control()).take(NAME_MAX).collect();
        if name.is_empty() { NAME_DEFAULT.to_owned() } else { name }
    }
}

/// A browser that receives pushes.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "PushSubscription")]
pub struct Subscription {
    /// Assigned by the service.
    pub id: i64,
    /// Its name for the user.
    pub name: String,
    /// Assigned by the service.
    pub created_at: Timestamp,
    /// When its push service last accepted a push.
    pub sent_at: Option<Timestamp>,
}

/// Credentials for sending pushes to a browser. No response contains them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushReceiver {
    /// URL of its push service.
    pub endpoint: String,
    /// Public key, as base64url.
    pub p256dh: String,
    /// Secret, as base64url.
    pub auth: String,
}

/// `GET /api/push/key`.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PushKey {
    /// The service's public key (VAPID), as base64url: the page's `applicationServerKey`.
    pub public_key: String,
}

/// Names one browser.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRef {
    /// The browser.
    pub subscription_id: i64,
}
