//! What a user prefers: zone, language, when the day starts, and the lists they have saved.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::command::Field;
use crate::time::Timestamp;
use crate::zone::Zone;

/// Characters of a locale: the longest language tags in use are shorter (RFC 5646, section 4.4.1).
pub const LOCALE_MAX: usize = 35;

/// The time of day from which the reminders of all-day tasks are counted: 09:00 unless the user says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayStart(Time);

/// Text that is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day from 00:00 to 23:59, such as 09:00")]
pub struct NoDayStart;

impl DayStart {
    /// The time for calendar arithmetic.
    #[must_use]
    pub fn get(self) -> Time {
        self.0
    }
}

impl Default for DayStart {
    fn default() -> Self {
        Self(Time::constant(9, 0, 0, 0))
    }
}

impl fmt::Display for DayStart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl FromStr for DayStart {
    type Err = NoDayStart;

    fn from_str(text: &str) -> Result<Self, NoDayStart> {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let (hour, minute) = text.split_once(':').filter(|_| text.len() == "HH:MM".len()).ok_or(NoDayStart)?;
        let (hour, minute) = number(hour).zip(number(minute)).ok_or(NoDayStart)?;
        Time::new(hour, minute, 0, 0).map(Self).map_err(|_| NoDayStart)
    }
}

/// A language tag of RFC 5646, such as `pt-BR`: letters, digits and hyphens. Any language is accepted; readers ignore those they do not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale(String);

/// Text that is no language tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a language tag, such as en-GB")]
pub struct NoLocale;

impl Locale {
    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for Locale {
    type Err = NoLocale;

    fn from_str(text: &str) -> Result<Self, NoLocale> {
        let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let begins_with_letters = text.bytes().take_while(|byte| *byte != b'-').all(|byte| byte.is_ascii_alphabetic());
        let is_tag = text.len() <= LOCALE_MAX && begins_with_letters && text.split('-').all(is_subtag);
        if is_tag { Ok(Self(text.to_owned())) } else { Err(NoLocale) }
    }
}

/// Lists that a user may save.
pub const FILTERS_MAX: usize = 50;
/// Characters of the name of a saved list.
pub const FILTER_NAME_MAX: usize = 50;
/// Characters of what a saved list asks for.
pub const FILTER_QUERY_MAX: usize = 2_000;

/// A list that a user has saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedFilter {
    /// What the user calls it.
    #[schemars(length(min = 1, max = 50))]
    pub name: String,
    /// What it asks for, as the page's address has it behind the `#`: `priority=high&tags=home`.
    #[schemars(length(max = 2000))]
    pub query: String,
}

/// The lists that a user has saved, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Vec<SavedFilter>")]
#[schemars(inline)]
pub struct SavedFilters(#[schemars(length(max = 50))] Vec<SavedFilter>);

/// Why lists cannot be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFilters {
    /// There are too many.
    #[error("at most {FILTERS_MAX} lists can be saved")]
    TooMany,
    /// A name is empty or too long.
    #[error("the name of a list has 1 to {FILTER_NAME_MAX} characters")]
    Name,
    /// A query is too long.
    #[error("the query of a list has at most {FILTER_QUERY_MAX} characters")]
    Query,
}

impl SavedFilters {
    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<SavedFilter>> for SavedFilters {
    type Error = NoFilters;

    fn try_from(filters: Vec<SavedFilter>) -> Result<Self, NoFilters> {
        if filters.len() > FILTERS_MAX {
            return Err(NoFilters::TooMany);
        }
        for SavedFilter { name, query } in &filters {
            let is_plain = |text: &str| !text.contains('\0');
            if name.trim().is_empty() || name.chars().count() > FILTER_NAME_MAX || !is_plain(name) {
                return Err(NoFilters::Name);
            }
            if query.chars().count() > FILTER_QUERY_MAX || !is_plain(query) {
                return Err(NoFilters::Query);
            }
        }
        Ok(Self(filters))
    }
}

impl fmt::Display for SavedFilters {
    /// As JSON.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for SavedFilters {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// What a user prefers, as it holds: what they have not said is the service's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Preferences {
    /// The IANA time zone of what names none.
    pub time_zone: Zone,
    /// The language tag by which dates are read and shown; null until somebody sets it.
    pub locale: Option<Locale>,
    /// When the day starts: reminders of all-day tasks count from it.
    pub day_start: DayStart,
    /// The lists that the user has saved; left out if there are none.
    #[serde(default, skip_serializing_if = "SavedFilters::is_empty")]
    pub filters: SavedFilters,
    /// When they were set; null until somebody sets them.
    pub updated_at: Option<Timestamp>,
}

impl Preferences {
    /// Those of somebody who has set none.
    #[must_use]
    pub fn of_service(time_zone: Zone) -> Self {
        Self { time_zone, locale: None, day_start: DayStart::default(), filters: SavedFilters::default(), updated_at: None }
    }
}

/// What a user has said of their preferences; the rest is the service's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnPreferences {
    /// The time zone.
    pub time_zone: Option<Zone>,
    /// The language tag.
    pub locale: Option<Locale>,
    /// When the day starts.
    pub day_start: Option<DayStart>,
    /// The saved lists.
    #[serde(default)]
    pub filters: SavedFilters,
    /// When they were set.
    pub updated_at: Option<Timestamp>,
}

impl OwnPreferences {
    /// What holds, where the service has this zone.
    #[must_use]
    pub fn or(self, service_zone: &Zone) -> Preferences {
        Preferences {
            time_zone: self.time_zone.unwrap_or_else(|| service_zone.clone()),
            locale: self.locale,
            day_start: self.day_start.unwrap_or_default(),
            filters: self.filters,
            updated_at: self.updated_at,
        }
    }
}

/// `PUT /api/preferences`: fields left out stay; null is the service's own again.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPreferences {
    /// An IANA time zone; null is the service's own.
    #[serde(default)]
    pub time_zone: Field<Option<Zone>>,
    /// A language tag; null is none.
    #[serde(default)]
    pub locale: Field<Option<Locale>>,
    /// When the day starts; null is 09:00.
    #[serde(default)]
    pub day_start: Field<Option<DayStart>>,
    /// The saved lists, all of them.
    #[serde(default)]
    pub filters: Field<SavedFilters>,
}

impl SetPreferences {
    /// The preferences as they become.
    #[must_use]
    pub fn apply(self, own: &OwnPreferences, now: Timestamp) -> OwnPreferences {
        let mut changed = OwnPreferences { updated_at: Some(now), ..own.clone() };
        self.time_zone.write_to(&mut changed.time_zone);
        self.locale.write_to(&mut changed.locale);
        self.day_start.write_to(&mut changed.day_start);
        self.filters.write_to(&mut changed.filters);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_a_minute() {
        assert_eq!(DayStart::default().to_string(), "09:00");
        assert_eq!("23:59".parse::<DayStart>().unwrap().to_string(), "23:59");
        for text in ["", "9:00", "24:00", "09:60", "09:00:00", "+9:00", "09-00", "٠٩:٠٠"] {
            assert_eq!(text.parse::<DayStart>(), Err(NoDayStart), "{text}");
        }
    }

    #[test]
    fn a_locale_is_a_language_tag() {
        for text in ["en", "en-GB", "pt-BR", "zh-Hant-TW", "sl-rozaj-biske-1994", "de-CH-1901"] {
            assert_eq!(text.parse::<Locale>().unwrap().as_str(), text);
        }
        for text in ["", "-", "en_GB", "en-", "1en", "en GB", "ü", "abcdefghi", &"en-".repeat(20)] {
            assert_eq!(text.parse::<Locale>(), Err(NoLocale), "{text}");
        }
    }
}
