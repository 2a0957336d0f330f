//! Preferences of a user: zone, language, day start, and saved lists.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::command::Field;
use crate::task::Task;
use crate::time::Timestamp;
use crate::zone::Zone;

/// Maximum characters of a locale; the longest language tags in use are shorter (RFC 5646, section 4.4.1).
pub const LOCALE_MAX: usize = 35;

/// The time of day at which the user's day starts. Reminders of all-day tasks count from it. Default 09:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayStart(Time);

/// The text is not a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day from 00:00 to 23:59, such as 09:00")]
pub struct NoDayStart;

impl DayStart {
    /// Returns the time for calendar arithmetic.
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

/// The text is not a language tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a language tag, such as en-GB")]
pub struct NoLocale;

impl Locale {
    /// Returns the tag.
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

/// Maximum saved lists of a user.
pub const FILTERS_MAX: usize = 50;
/// Maximum characters of a saved list's name.
pub const FILTER_NAME_MAX: usize = 50;
/// Maximum characters of a saved list's query.
pub const FILTER_QUERY_MAX: usize = 2_000;

/// A list that the user has saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedFilter {
    /// Its name.
    #[schemars(length(min = 1, max = 50))]
    pub name: String,
    /// Its query, as it follows the `#` in the page's address: `priority=high&tags=home`.
    #[schemars(length(max = 2000))]
    pub query: String,
}

/// The user's saved lists, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Vec<SavedFilter>")]
#[schemars(inline)]
pub struct SavedFilters(#[schemars(length(max = 50))] Vec<SavedFilter>);

/// Why lists cannot be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFilters {
    /// There are too many lists.
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
    /// Writes the lists as JSON.
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

/// Effective preferences of a user: their own, else the service's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Preferences {
    /// The IANA time zone of tasks that name none.
    pub time_zone: Zone,
    /// The language tag that decides how dates are read and shown; null if not set.
    pub locale: Option<Locale>,
    /// When the day starts. Reminders of all-day tasks count from it.
    pub day_start: DayStart,
    /// The user's saved lists; left out if there are none.
    #[serde(default, skip_serializing_if = "SavedFilters::is_empty")]
    pub filters: SavedFilters,
    /// When the preferences were last set; null if never.
    pub updated_at: Option<Timestamp>,
}

impl Preferences {
    /// Returns the preferences of a user who has set none.
    #[must_use]
    pub fn of_service(time_zone: Zone) -> Self {
        Self { time_zone, locale: None, day_start: DayStart::default(), filters: SavedFilters::default(), updated_at: None }
    }
}

/// Preferences that a user has set; `None` means the service's default.
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
    /// When they were last set.
    pub updated_at: Option<Timestamp>,
}

impl OwnPreferences {
    /// Returns the zone in which the user is told a task's times: their own, else the task's.
    #[must_use]
    pub fn zone_for<'a>(&'a self, task: &'a Task) -> &'a Zone {
        self.time_zone.as_ref().unwrap_or(&task.time_zone)
    }

    /// Returns the effective preferences, with this default zone.
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

/// `PUT /api/preferences`: fields left out stay unchanged; null restores the service's default.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPreferences {
    /// An IANA time zone; null restores the service's default.
    #[serde(default)]
    pub time_zone: Field<Option<Zone>>,
    /// A language tag; null removes it.
    #[serde(default)]
    pub locale: Field<Option<Locale>>,
    /// When the day starts; null restores 09:00.
    #[serde(default)]
    pub day_start: Field<Option<DayStart>>,
    /// The complete list of saved lists.
    #[serde(default)]
    pub filters: Field<SavedFilters>,
}

impl SetPreferences {
    /// Returns the resulting preferences.
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
    fn the_due_date_is_told_in_the_users_zone_or_else_in_the_tasks() {
        let own = OwnPreferences { time_zone: Some("Asia/Tokyo".parse().unwrap()), ..OwnPreferences::default() };
        let timed = Task { due_date: Some("2027-01-31T20:30:00Z".parse().unwrap()), ..Task::default() };
        assert_eq!(timed.due_text(own.zone_for(&timed)).unwrap(), "Due Monday, 1 February 2027, 05:30 JST");
        let unset = OwnPreferences::default();
        let elsewhere = Task { time_zone: "Africa/Nairobi".parse().unwrap(), ..timed.clone() };
        assert_eq!(elsewhere.due_text(unset.zone_for(&elsewhere)).unwrap(), "Due Sunday, 31 January 2027, 23:30 EAT");
        let all_day = Task { due_day: Some("2027-01-31".parse().unwrap()), ..timed };
        assert_eq!(all_day.due_text(own.zone_for(&all_day)).unwrap(), "Due Sunday, 31 January 2027");
        let task = Task::default();
        assert_eq!(task.due_text(own.zone_for(&task)), None);
    }

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
