//! Calendar days, and values that are either an instant or a day.

use std::fmt;
use std::str::FromStr;

use jiff::Span;
use jiff::civil::{Date, Time};

use crate::time::{Timestamp, TimestampError};
use crate::zone::Zone;

/// The first day of the Unix epoch.
const EPOCH: Date = Date::constant(1970, 1, 1);

/// A calendar day of the years 0001 to 9999, written as 2027-01-05.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// The text is not a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date, such as 2027-01-05, of the years 0001 to 9999")]
pub struct NoDay;

impl Day {
    /// Returns the day of a date, if it is in the years 0001 to 9999.
    #[must_use]
    pub fn new(date: Date) -> Option<Self> {
        (date.year() >= 1).then_some(Self(date))
    }

    /// Returns the day that a wall clock in `zone` shows at this instant, if it is in the years 0001 to 9999.
    #[must_use]
    pub fn at(instant: Timestamp, zone: &Zone) -> Option<Self> {
        Self::new(zone.get().to_datetime(instant.get()).date())
    }

    /// Returns the day that is this many days after 1970-01-01, if it is in the years 0001 to 9999.
    #[must_use]
    pub fn from_1970(days: i32) -> Option<Self> {
        Self::new(EPOCH.checked_add(Span::new().try_days(days).ok()?).ok()?)
    }

    /// Number of days since 1970-01-01; negative before it.
    #[must_use]
    pub fn since_1970(self) -> i32 {
        (self.0 - EPOCH).get_days()
    }

    /// Returns the instant at which the day begins in `zone`: midnight, or the end of a clock change that skips midnight.
    #[must_use]
    pub fn begins(self, zone: &Zone) -> Option<Timestamp> {
        self.at_time(Time::midnight(), zone)
    }

    /// Returns the instant at which the day ends in `zone`: the beginning of the next day.
    #[must_use]
    pub fn ends(self, zone: &Zone) -> Option<Timestamp> {
        Self(self.0.tomorrow().ok()?).begins(zone)
    }

    /// Returns the instant at which a wall clock in `zone` shows this time on the day. A skipped time is read with the offset before the gap.
    #[must_use]
    pub fn at_time(self, time: Time, zone: &Zone) -> Option<Timestamp> {
        Timestamp::new(zone.get().to_timestamp(self.0.to_datetime(time)).ok()?).ok()
    }

    /// Returns the date for calendar arithmetic.
    #[must_use]
    pub fn get(self) -> Date {
        self.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, NoDay> {
        let is_day = text.len() == "YYYY-MM-DD".len()
            && text.bytes().enumerate().all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
        is_day.then(|| text.parse().ok()).flatten().and_then(Self::new).ok_or(NoDay)
    }
}

/// An instant, or a day without a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// An instant.
    At(Timestamp),
    /// A day.
    On(Day),
}

/// The text is neither an instant nor a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// The text has neither form, or names a day or time that does not exist.
    #[error("neither an RFC 3339 date-time, such as 2026-03-31T09:00:00+02:00, nor a date, such as 2026-03-31")]
    Malformed,
    /// The value is outside the years 0001 to 9999.
    #[error("outside the years 0001 to 9999")]
    OutOfRange,
}

impl Moment {
    /// Returns the day; for an instant, its day in `zone`.
    #[must_use]
    pub fn day(self, zone: &Zone) -> Option<Day> {
        match self {
            Self::At(instant) => Day::at(instant, zone),
            Self::On(day) => Some(day),
        }
    }

    /// Returns the instant; for a day, its beginning in `zone`.
    #[must_use]
    pub fn instant(self, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::At(instant) => Some(instant),
            Self::On(day) => day.begins(zone),
        }
    }
}

impl From<Timestamp> for Moment {
    fn from(instant: Timestamp) -> Self {
        Self::At(instant)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(instant) => instant.fmt(out),
            Self::On(day) => day.fmt(out),
        }
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        if let Ok(day) = text.parse() {
            return Ok(Self::On(day));
        }
        text.parse().map(Self::At).map_err(|error| match error {
            TimestampError::Malformed => MomentError::Malformed,
            TimestampError::OutOfRange => MomentError::OutOfRange,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_and_a_date_time_is_an_instant() {
        assert_eq!("2027-01-05".parse::<Moment>().unwrap().to_string(), "2027-01-05");
        assert_eq!("2027-01-05T09:00:00+01:00".parse::<Moment>().unwrap().to_string(), "2027-01-05T08:00:00.000000Z");
        for text in
            ["", "2027-1-5", "2027-02-29", "20270105", "2027-01-05 ", "-2027-01-05", "2027-01-05T09:00", "0000-01-01", "２027-01-05"]
        {
            assert_eq!(text.parse::<Moment>(), Err(MomentError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_day_begins_and_ends_by_the_clock_of_its_zone() {
        for (day, zone, begins, ends) in [
            ("2027-01-05", "UTC", "2027-01-05T00:00:00.000000Z", "2027-01-06T00:00:00.000000Z"),
            ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00.000000Z", "2018-11-05T02:00:00.000000Z"),
            // Midnight occurs twice: the first one counts.
            ("2018-11-04", "America/Havana", "2018-11-04T04:00:00.000000Z", "2018-11-05T05:00:00.000000Z"),
            // Samoa skipped this day, so it ends when it begins.
            ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00.000000Z", "2011-12-30T10:00:00.000000Z"),
        ] {
            let (day, zone): (Day, Zone) = (day.parse().unwrap(), zone.parse().unwrap());
            assert_eq!(
                (day.begins(&zone).unwrap().to_string(), day.ends(&zone).unwrap().to_string()),
                (begins.to_owned(), ends.to_owned())
            );
        }
        let (first, last): (Day, Day) = ("0001-01-01".parse().unwrap(), "9999-12-31".parse().unwrap());
        assert_eq!(first.begins(&"Asia/Tokyo".parse().unwrap()), None);
        assert_eq!(last.ends(&Zone::utc()), None);
    }
}
