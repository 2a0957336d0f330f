//! Parses a [`Rule`], with errors that name the wrong part.

use std::{collections::BTreeMap, str::FromStr};

use jiff::civil::{Date, DateTime, Weekday};

use super::{
    MAX_COUNT, MAX_INTERVAL, MAX_RULE_LENGTH,
    rule::{End, Frequency, Rule, WeekdayNumber, weekday_code},
};

/// Supported parts of a rule.
const PARTS: [&str; 9] = ["FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST", "COUNT", "UNTIL"];

/// Parts of RFC 5545 or its extensions that Taskflow does not support.
const UNSUPPORTED_PARTS: [&str; 7] = ["BYSECOND", "BYMINUTE", "BYHOUR", "BYYEARDAY", "BYWEEKNO", "RSCALE", "SKIP"];

/// Ranges of RFC 5545, section 3.3.10: months, days of a month, weeks (for `53MO`) and days of a year.
const MONTHS: i16 = 12;
const MONTH_DAYS: i16 = 31;
const WEEKS: i16 = 53;
const YEAR_DAYS: i16 = 366;

/// Why a text is not a supported recurrence rule. Each message names the part and what it accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The text is longer than [`MAX_RULE_LENGTH`].
    #[error("the rule is longer than {MAX_RULE_LENGTH} characters")]
    TooLong,
    /// Something between two semicolons is not `NAME=VALUE`.
    #[error("{0:?} is not of the form NAME=VALUE")]
    Malformed(String),
    /// A part appears more than once.
    #[error("{0} is given more than once")]
    Duplicate(&'static str),
    /// The one required part is missing.
    #[error("FREQ is missing: a rule needs FREQ=HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY")]
    MissingFrequency,
    /// A part of RFC 5545 that Taskflow does not support.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// A part that RFC 5545 does not define.
    #[error("{0:?} is not a part of a recurrence rule")]
    Unknown(String),
    /// A value that its part does not allow.
    #[error("{part} cannot be {value:?}: it takes {expected}")]
    Invalid {
        /// The part's name, such as `BYDAY`.
        part: &'static str,
        /// The invalid value, or the invalid entry of a list.
        value: String,
        /// What the part accepts.
        expected: String,
    },
    /// COUNT and UNTIL "MUST NOT occur in the same" rule.
    #[error("COUNT and UNTIL exclude each other")]
    CountAndUntil,
    /// `1MO` with a frequency other than MONTHLY and YEARLY.
    #[error("BYDAY takes a number before the weekday only with FREQ=MONTHLY or FREQ=YEARLY")]
    OrdinalWeekday,
    /// BYMONTHDAY with FREQ=WEEKLY.
    #[error("BYMONTHDAY cannot be combined with FREQ=WEEKLY")]
    WeeklyMonthDay,
    /// BYSETPOS without a part to choose from.
    #[error("BYSETPOS needs BYDAY, BYMONTHDAY or BYMONTH beside it")]
    LonePosition,
    /// BYSETPOS with FREQ=HOURLY, in which each hour has one time.
    #[error("BYSETPOS cannot be combined with FREQ=HOURLY")]
    HourlyPosition,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        if text.len() > MAX_RULE_LENGTH {
            return Err(RuleError::TooLong);
        }
        let text = text.trim().to_ascii_uppercase();
        Parts::split(text.strip_prefix("RRULE:").unwrap_or(&text))?.rule()
    }
}

/// The parts of a rule with their raw values.
struct Parts<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, RuleError> {
        let mut parts = BTreeMap::new();
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(|| RuleError::Malformed(part.to_owned()))?;
            let name = part_named(name)?;
            if parts.insert(name, value).is_some() {
                return Err(RuleError::Duplicate(name));
            }
        }
        Ok(Self(parts))
    }

    fn rule(&self) -> Result<Rule, RuleError> {
        let frequency = self.value("FREQ", frequency, "HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY")?;
        let rule = Rule {
            frequency: frequency.ok_or(RuleError::MissingFrequency)?,
            interval: self.number("INTERVAL", MAX_INTERVAL)?.unwrap_or(1),
            months: sorted(self.list("BYMONTH", month, "1 to 12")?, |&month| month),
            month_days: sorted(self.list("BYMONTHDAY", month_day, "1 to 31 or -31 to -1")?, |&day| day),
            weekdays: sorted(
                self.list("BYDAY", weekday_number, "MO to SU, with a number from 1 to 53 or -53 to -1 before it at most")?,
                |day| day.rank(),
            ),
            positions: sorted(self.list("BYSETPOS", position, "1 to 366 or -366 to -1")?, |&position| position),
            week_start: self.value("WKST", weekday, "MO to SU")?.unwrap_or(Weekday::Monday),
            end: self.end()?,
        };
        check(rule)
    }

    fn end(&self) -> Result<End, RuleError> {
        let count = self.number("COUNT", MAX_COUNT)?;
        let until = self.value("UNTIL", until, "a date such as 20251231 or a UTC time such as 20251231T235959Z")?;
        match (count, until) {
            (Some(_), Some(_)) => Err(RuleError::CountAndUntil),
            (count, until) => Ok(count.map(End::Count).or(until).unwrap_or(End::Never)),
        }
    }

    fn number(&self, part: &'static str, max: u16) -> Result<Option<u16>, RuleError> {
        let read = |text: &str| digits(text)?.parse().ok().filter(|number| (1..=max).contains(number));
        self.value(part, read, &format!("a whole number from 1 to {max}"))
    }

    /// Returns the part's value, if the part is present.
    fn value<T>(&self, part: &'static str, read: impl Fn(&str) -> Option<T>, expected: &str) -> Result<Option<T>, RuleError> {
        self.0.get(part).map(|text| read_one(part, text, read, expected)).transpose()
    }

    /// Returns the entries of the part's comma-separated list; none if the part is absent.
    fn list<T>(&self, part: &'static str, read: fn(&str) -> Option<T>, expected: &str) -> Result<Vec<T>, RuleError> {
        let entries = self.0.get(part).map(|list| list.split(',')).into_iter().flatten();
        entries.map(|text| read_one(part, text, read, expected)).collect()
    }
}

fn part_named(name: &str) -> Result<&'static str, RuleError> {
    if let Some(part) = PARTS.into_iter().find(|part| *part == name) {
        return Ok(part);
    }
    Err(UNSUPPORTED_PARTS
        .into_iter()
        .find(|part| *part == name)
        .map_or_else(|| RuleError::Unknown(name.to_owned()), RuleError::Unsupported))
}

fn read_one<T>(part: &'static str, text: &str, read: impl Fn(&str) -> Option<T>, expected: &str) -> Result<T, RuleError> {
    read(text).ok_or_else(|| RuleError::Invalid { part, value: text.to_owned(), expected: expected.to_owned() })
}

/// Checks the combinations of valid parts that RFC 5545 forbids.
fn check(rule: Rule) -> Result<Rule, RuleError> {
    let counts_weekdays = matches!(rule.frequency, Frequency::Monthly | Frequency::Yearly);
    if !counts_weekdays && rule.weekdays.iter().any(|day| day.ordinal.is_some()) {
        return Err(RuleError::OrdinalWeekday);
    }
    if rule.frequency == Frequency::Weekly && !rule.month_days.is_empty() {
        return Err(RuleError::WeeklyMonthDay);
    }
    if rule.frequency == Frequency::Hourly && !rule.positions.is_empty() {
        return Err(RuleError::HourlyPosition);
    }
    let chooses = !(rule.months.is_empty() && rule.month_days.is_empty() && rule.weekdays.is_empty());
    if !rule.positions.is_empty() && !chooses {
        return Err(RuleError::LonePosition);
    }
    Ok(rule)
}

fn frequency(text: &str) -> Option<Frequency> {
    Frequency::ALL.into_iter().find(|frequency| frequency.name() == text)
}

fn weekday(text: &str) -> Option<Weekday> {
    Weekday::Monday.cycle_forward().take(7).find(|day| weekday_code(*day) == text)
}

fn weekday_number(text: &str) -> Option<WeekdayNumber> {
    let (number, code) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let ordinal = if number.is_empty() { None } else { Some(signed(number, WEEKS)?) };
    Some(WeekdayNumber { ordinal, weekday: weekday(code)? })
}

fn month(text: &str) -> Option<i16> {
    signed(digits(text)?, MONTHS)
}

fn month_day(text: &str) -> Option<i16> {
    signed(text, MONTH_DAYS)
}

fn position(text: &str) -> Option<i16> {
    signed(text, YEAR_DAYS)
}

/// Reads a number from 1 to `max` or from -`max` to -1. RFC 5545 allows a plus sign.
fn signed(text: &str, max: i16) -> Option<i16> {
    let magnitude = digits(text.strip_prefix(['+', '-']).unwrap_or(text))?;
    let magnitude = magnitude.parse().ok().filter(|number| (1..=max).contains(number))?;
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// Reads `20251231` or `20251231T235959Z`. Refuses a local date-time, because a due date has a zone, and RFC 5545 then requires UTC.
fn until(text: &str) -> Option<End> {
    let Some((date, time)) = text.split_once('T') else {
        return Some(End::OnDate(until_date(text)?));
    };
    let time = digits(time.strip_suffix('Z')?).filter(|time| time.len() == "HHMMSS".len())?;
    let second: DateTime = format!("{}T{time}", until_date(date)?).parse().ok()?;
    Some(End::AtUtc(second))
}

fn until_date(text: &str) -> Option<Date> {
    digits(text).filter(|date| date.len() == "YYYYMMDD".len())?.parse().ok()
}

/// Returns the text if it consists of ASCII digits.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

fn sorted<T, K: Ord>(mut values: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    values.sort_unstable_by_key(&key);
    values.dedup_by_key(|value| key(value));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<String, RuleError> {
        Ok(text.parse::<Rule>()?.to_string())
    }

    fn invalid(part: &'static str, value: &str, expected: &str) -> RuleError {
        RuleError::Invalid { part, value: value.to_owned(), expected: expected.to_owned() }
    }

    #[test]
    fn texts_become_canonical() -> Result<(), RuleError> {
        for (text, expected) in [
            ("FREQ=DAILY", "FREQ=DAILY"),
            ("  rrule:freq=daily;interval=01;wkst=mo ", "FREQ=DAILY"),
            ("COUNT=3;INTERVAL=2;FREQ=YEARLY", "FREQ=YEARLY;INTERVAL=2;COUNT=3"),
            ("FREQ=MONTHLY;BYMONTHDAY=31,+1,-1,01", "FREQ=MONTHLY;BYMONTHDAY=-1,1,31"),
            ("FREQ=MONTHLY;BYDAY=1MO,-1FR,SU,+1MO,MO", "FREQ=MONTHLY;BYDAY=MO,SU,-1FR,1MO"),
            ("FREQ=YEARLY;BYMONTH=12,2;BYDAY=MO;BYSETPOS=-1", "FREQ=YEARLY;BYMONTH=2,12;BYDAY=MO;BYSETPOS=-1"),
            ("FREQ=WEEKLY;WKST=SU;UNTIL=20251231", "FREQ=WEEKLY;WKST=SU;UNTIL=20251231"),
            ("FREQ=WEEKLY;UNTIL=20251231T235960Z", "FREQ=WEEKLY;UNTIL=20251231T235959Z"),
            ("FREQ=WEEKLY;UNTIL=00010101", "FREQ=WEEKLY;UNTIL=00010101"),
            ("FREQ=WEEKLY;UNTIL=99991231T235959Z", "FREQ=WEEKLY;UNTIL=99991231T235959Z"),
        ] {
            assert_eq!(canonical(text)?, expected, "{text}");
        }
        Ok(())
    }

    #[test]
    fn errors_name_the_part() {
        let until = "a date such as 20251231 or a UTC time such as 20251231T235959Z";
        for (text, expected) in [
            ("", RuleError::Malformed(String::new())),
            ("FREQ=DAILY;", RuleError::Malformed(String::new())),
            ("FREQ", RuleError::Malformed("FREQ".to_owned())),
            ("INTERVAL=2", RuleError::MissingFrequency),
            ("FREQ=DAILY;FREQ=DAILY", RuleError::Duplicate("FREQ")),
            ("FREQ=DAILY;BYHOUR=9", RuleError::Unsupported("BYHOUR")),
            ("FREQ=YEARLY;BYWEEKNO=20", RuleError::Unsupported("BYWEEKNO")),
            ("FREQ=DAILY;X-A=1", RuleError::Unknown("X-A".to_owned())),
            ("FREQ=DAILY; COUNT=1", RuleError::Unknown(" COUNT".to_owned())),
            ("FREQ=MINUTELY", invalid("FREQ", "MINUTELY", "HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY")),
            ("FREQ=DAILY;INTERVAL=0", invalid("INTERVAL", "0", "a whole number from 1 to 9999")),
            ("FREQ=DAILY;INTERVAL=+1", invalid("INTERVAL", "+1", "a whole number from 1 to 9999")),
            ("FREQ=DAILY;COUNT=10000", invalid("COUNT", "10000", "a whole number from 1 to 9999")),
            ("FREQ=DAILY;BYMONTH=-1", invalid("BYMONTH", "-1", "1 to 12")),
            ("FREQ=DAILY;BYMONTHDAY=1,32", invalid("BYMONTHDAY", "32", "1 to 31 or -31 to -1")),
            ("FREQ=DAILY;BYMONTHDAY=0", invalid("BYMONTHDAY", "0", "1 to 31 or -31 to -1")),
            ("FREQ=DAILY;BYDAY=MO;BYSETPOS=367", invalid("BYSETPOS", "367", "1 to 366 or -366 to -1")),
            ("FREQ=DAILY;WKST=1MO", invalid("WKST", "1MO", "MO to SU")),
            ("FREQ=DAILY;UNTIL=20250230", invalid("UNTIL", "20250230", until)),
            ("FREQ=DAILY;UNTIL=20250101T090000", invalid("UNTIL", "20250101T090000", until)),
            ("FREQ=DAILY;UNTIL=2025-01-01", invalid("UNTIL", "2025-01-01", until)),
            ("FREQ=DAILY;COUNT=1;UNTIL=20250101", RuleError::CountAndUntil),
            ("FREQ=WEEKLY;BYDAY=1MO", RuleError::OrdinalWeekday),
            ("FREQ=WEEKLY;BYMONTHDAY=1", RuleError::WeeklyMonthDay),
            ("FREQ=MONTHLY;BYSETPOS=1", RuleError::LonePosition),
            ("FREQ=HOURLY;BYDAY=MO;BYSETPOS=1", RuleError::HourlyPosition),
        ] {
            assert_eq!(canonical(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn weekdays_need_two_letters_and_a_number_in_range() {
        for day in ["", "M", "1", "0MO", "54MO", "--1MO", "1 MO", "MOO", "1É"] {
            let error = canonical(&format!("FREQ=MONTHLY;BYDAY={day}"));
            assert!(matches!(error, Err(RuleError::Invalid { part: "BYDAY", .. })), "{day}: {error:?}");
        }
    }

    #[test]
    fn the_length_is_limited() {
        let text = format!("FREQ=DAILY{}", " ".repeat(MAX_RULE_LENGTH));
        assert_eq!(canonical(&text[..MAX_RULE_LENGTH]), Ok("FREQ=DAILY".to_owned()));
        assert_eq!(canonical(&text), Err(RuleError::TooLong));
    }

    #[test]
    fn messages_name_the_accepted_values() {
        let message = |text: &str| canonical(text).map_err(|error| error.to_string());
        assert_eq!(message("FREQ=DAILY;COUNT=x"), Err("COUNT cannot be \"X\": it takes a whole number from 1 to 9999".to_owned()));
        assert_eq!(message("FREQ=DAILY;BYSECOND=1"), Err("BYSECOND is not supported".to_owned()));
    }
}
