//! App passwords: the credentials of calendar clients, and the key of the feed.

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;
use crate::time::Timestamp;

/// Maximum number of characters of a name.
pub const NAME_MAX: usize = 100;

/// What an app password gives access to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum AppPasswordKind {
    /// CalDAV.
    #[default]
    Calendar,
    /// The feed `/calendar.ics`, read-only.
    Feed,
}

/// `POST /api/app-passwords`.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAppPassword {
    /// Its purpose, such as the name of a phone: 1 to 100 characters.
    #[schemars(schema_with = "crate::schema::name")]
    pub name: String,
    /// What it gives access to.
    #[serde(default)]
    pub kind: AppPasswordKind,
}

impl CreateAppPassword {
    /// Returns the trimmed name.
    ///
    /// # Errors
    /// It is empty, longer than [`NAME_MAX`], or has control characters.
    pub fn name(&self) -> Result<&str, Invalid> {
        let name = self.name.trim();
        let is_good = (1..=NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if is_good {
            Ok(name)
        } else {
            Err(Invalid::field("/name", format_args!("1 to {NAME_MAX} characters, none of them a control character")))
        }
    }
}

/// An app password, without the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AppPassword {
    /// Set by the service.
    pub id: i64,
    /// Its purpose.
    pub name: String,
    /// What it gives access to.
    pub kind: AppPasswordKind,
    /// When it was created.
    pub created_at: Timestamp,
    /// Time of the last use, to the hour.
    pub used_at: Option<Timestamp>,
}

/// A new app password. The secret is shown once.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NewAppPassword {
    /// The stored part.
    #[serde(flatten)]
    pub app_password: AppPassword,
    /// The secret: 32 letters and digits. Taskflow stores only its SHA-256.
    pub password: String,
}

/// `GET /calendar.ics`.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedKey {
    /// The key, which the page shows once in its settings.
    pub key: String,
}

/// Identifies an app password.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppPasswordRef {
    /// The app password.
    pub app_password_id: i64,
}
