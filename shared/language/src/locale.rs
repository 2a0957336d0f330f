//! Notation of dates and times by language and region: the order of day and month, and 12 or 24 hours.

use std::str::FromStr;

/// A language tag (BCP 47), as far as it decides the notation of dates and times: `en-US`, `de`, `pt-BR`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Locale {
    language: String,
    region: Option<String>,
}

/// The text is not a language tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLocale;

/// Notation of hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Hours {
    /// "17:00".
    #[default]
    TwentyFour,
    /// "5:00 PM".
    Twelve,
}

impl Hours {
    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::TwentyFour => "%H:%M",
            Self::Twelve => "%-I:%M %p",
        }
    }
}

/// Languages that write the month first in every region. Source: Unicode CLDR, `availableFormats`, `Md`.
const MONTH_FIRST_LANGUAGES: [&str; 8] = ["ja", "zh", "ko", "hu", "lt", "mn", "eu", "fil"];
/// Regions whose English or Spanish writes the month first. Same source.
const MONTH_FIRST_REGIONS: [&str; 11] = ["US", "AS", "GU", "MH", "MP", "PR", "UM", "VI", "PA", "PH", "CA"];
/// Regions with 12-hour notation. Source: Unicode CLDR, `timeData`, regions that prefer `h`.
const TWELVE_HOUR_REGIONS: [&str; 31] = [
    "US", "CA", "AU", "NZ", "IN", "PH", "EG", "SA", "AE", "PK", "BD", "MY", "KR", "TW", "CO", "VE", "PR", "AS", "GU", "MP", "VI", "UM",
    "MH", "JO", "KW", "QA", "BH", "OM", "LK", "SG", "HK",
];

impl FromStr for Locale {
    type Err = UnknownLocale;

    fn from_str(tag: &str) -> Result<Self, UnknownLocale> {
        let is_subtag = |subtag: &str| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut subtags = tag.split(['-', '_']);
        let language = subtags.next().unwrap_or_default();
        let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !is_language || !subtags.clone().all(is_subtag) {
            return Err(UnknownLocale);
        }
        // No region follows an extension ("-u-…").
        let mut rest = subtags.take_while(|subtag| subtag.len() > 1);
        let region = rest.find(|subtag| subtag.len() == 2 && subtag.bytes().all(|byte| byte.is_ascii_alphabetic()));
        Ok(Self { language: language.to_ascii_lowercase(), region: region.map(str::to_ascii_uppercase) })
    }
}

impl Locale {
    /// Returns the preferred locale of an `Accept-Language` header (RFC 9110, section 12.5.4), if it names any.
    #[must_use]
    pub fn accepted(header: &str) -> Option<Self> {
        let weighed = header.split(',').filter_map(|item| {
            let (tag, parameters) = item.split_once(';').unwrap_or((item, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok())?;
            Some((tag.trim().parse::<Self>().ok()?, weight)).filter(|_| weight > 0.0)
        });
        // If two have the same weight, the first one wins.
        weighed.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(locale, _)| locale)
    }

    /// True if "1/2" is 2 January; `None` if that depends on a region that is not given.
    pub(crate) fn is_month_first(&self) -> Option<bool> {
        match &self.region {
            _ if MONTH_FIRST_LANGUAGES.contains(&self.language.as_str()) => Some(true),
            Some(region) => Some(matches!(self.language.as_str(), "en" | "es") && MONTH_FIRST_REGIONS.contains(&region.as_str())),
            None if self.language == "en" => None,
            None => Some(false),
        }
    }

    /// Returns the `strftime` format of a time of day: "17:00", or "5:00 PM".
    #[must_use]
    pub fn time_format(&self) -> &'static str {
        self.hours().format()
    }

    pub(crate) fn hours(&self) -> Hours {
        let is_twelve = self.region.as_ref().is_some_and(|region| TWELVE_HOUR_REGIONS.contains(&region.as_str()));
        if is_twelve && self.language != "fr" { Hours::Twelve } else { Hours::TwentyFour }
    }
}

/// Zones whose country writes the month first: the United States.
const MONTH_FIRST_ZONES: [&str; 27] = [
    "America/New_York",
    "America/Detroit",
    "America/Chicago",
    "America/Menominee",
    "America/Denver",
    "America/Boise",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Juneau",
    "America/Sitka",
    "America/Metlakatla",
    "America/Yakutat",
    "America/Nome",
    "America/Adak",
    "Pacific/Honolulu",
    "America/Puerto_Rico",
    "America/Fort_Wayne",
    "America/Indianapolis",
    "America/Louisville",
    "America/Shiprock",
    "America/Atka",
    "Navajo",
    "EST5EDT",
    "CST6CDT",
    "MST7MDT",
    "PST8PDT",
];

/// True if the zone's country writes the month first; used if no locale is known.
pub(crate) fn is_month_first_in(zone: &str) -> bool {
    let families = ["US/", "America/Indiana/", "America/Kentucky/", "America/North_Dakota/"];
    MONTH_FIRST_ZONES.contains(&zone) || families.iter().any(|family| zone.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_decides_the_order_and_the_hours() {
        for (header, month_first, hours) in [
            ("en-US,en;q=0.9", Some(true), Hours::Twelve),
            ("en-GB,en-US;q=0.8", Some(false), Hours::TwentyFour),
            ("en-GB;q=0.5, en-US", Some(true), Hours::Twelve),
            ("de-DE,de;q=0.9,en;q=0.8", Some(false), Hours::TwentyFour),
            ("fr", Some(false), Hours::TwentyFour),
            ("en-AU", Some(false), Hours::Twelve),
            ("en-Latn-US-u-hc-h12", Some(true), Hours::Twelve),
            ("ja", Some(true), Hours::TwentyFour),
            ("en", None, Hours::TwentyFour),
            ("*, en-US;q=0.5", Some(true), Hours::Twelve),
            ("en-US;q=0, de", Some(false), Hours::TwentyFour),
        ] {
            let locale = Locale::accepted(header).expect(header);
            assert_eq!((locale.is_month_first(), locale.hours()), (month_first, hours), "{header}");
        }
        for header in ["", "*", "en-US;q=x", "\u{e9}", "1", "en--us", "en-US;q=0"] {
            assert_eq!(Locale::accepted(header), None, "{header}");
        }
    }
}
