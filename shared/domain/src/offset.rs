//! How long before its due date a task reminds: "15 minutes", "1 hour", "2 days".

use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
};

use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};

/// Maximum amount of a unit; 999 weeks are 19 years.
pub const MAX_AMOUNT: u16 = 999;

/// Maximum bytes of an offset's text; the longest canonical one is "999 minutes".
pub const MAX_OFFSET_LENGTH: usize = 50;

/// A time span before a due date: an amount from 0 to [`MAX_AMOUNT`] of one unit.
///
/// Parsing accepts singular and plural for any amount, any case and any spaces around number and unit. It also accepts the ISO 8601 duration of one
/// unit ("PT1H", "P2D", "PT1H30M" as 90 minutes). `Display` and serde write "1 hour" and "2 hours".
///
/// ```
/// use domain::offset::ReminderOffset;
///
/// let offset: ReminderOffset = " 1  Days ".parse()?;
/// assert_eq!(offset.to_string(), "1 day");
/// # Ok::<(), domain::offset::OffsetError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReminderOffset {
    amount: u16,
    unit: OffsetUnit,
}

/// The unit of a [`ReminderOffset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetUnit {
    /// 60 seconds, exactly.
    Minute,
    /// 60 minutes, exactly.
    Hour,
    /// The same wall-clock time on the previous day, which may be 23, 24 or 25 hours earlier.
    Day,
    /// The same wall-clock time seven days earlier.
    Week,
}

impl OffsetUnit {
    const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Day, Self::Week];

    fn singular(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Minute => "minutes",
            Self::Hour => "hours",
            Self::Day => "days",
            Self::Week => "weeks",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let is = |word: &str| word.eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(|unit| is(unit.singular()) || is(unit.plural()))
    }
}

/// Why a text or an amount is not a valid reminder offset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OffsetError {
    /// The text is not a number followed by a unit.
    #[error("a reminder offset is a number and a unit, such as \"15 minutes\"")]
    Malformed,
    /// The amount is above [`MAX_AMOUNT`].
    #[error("a reminder offset has an amount from 0 to {MAX_AMOUNT}")]
    Amount,
    /// The unit is unknown.
    #[error("{0:?} is not a unit of a reminder offset: use minutes, hours, days or weeks")]
    Unit(String),
}

impl ReminderOffset {
    /// Returns this many of the unit. Amounts above [`MAX_AMOUNT`] are an error.
    pub fn new(amount: u16, unit: OffsetUnit) -> Result<Self, OffsetError> {
        if amount > MAX_AMOUNT {
            return Err(OffsetError::Amount);
        }
        Ok(Self { amount, unit })
    }

    /// Reads an ISO 8601 duration. Refuses a mix of days and hours, because days follow the wall clock and hours do not.
    fn from_iso(text: &str) -> Result<Self, OffsetError> {
        let span: Span = text.parse().map_err(|_| OffsetError::Malformed)?;
        let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
        let seconds = i64::from(span.get_hours()) * 3600 + span.get_minutes() * 60 + span.get_seconds();
        let has_rest = [
            i64::from(span.get_years()),
            i64::from(span.get_months()),
            span.get_milliseconds(),
            span.get_microseconds(),
            span.get_nanoseconds(),
        ];
        if has_rest != [0; 5] || seconds % 60 != 0 || (days != 0 && seconds != 0) || span.is_negative() {
            return Err(OffsetError::Malformed);
        }
        let (amount, unit) = match (days, seconds / 60) {
            (0, minutes) if minutes > 0 && minutes % 60 == 0 => (minutes / 60, OffsetUnit::Hour),
            (0, minutes) => (minutes, OffsetUnit::Minute),
            (days, _) if span.get_days() == 0 => (days / 7, OffsetUnit::Week),
            (days, _) => (days, OffsetUnit::Day),
        };
        Self::new(u16::try_from(amount).map_err(|_| OffsetError::Amount)?, unit)
    }

    /// Returns the same span with whole hours in hours, and none as 0 minutes, so that equal spans are equal: 120 minutes and 2 hours.
    #[must_use]
    pub fn normalized(self) -> Self {
        match (self.amount, self.unit) {
            (0, _) => Self { unit: OffsetUnit::Minute, ..self },
            (minutes, OffsetUnit::Minute) if minutes % 60 == 0 => Self { amount: minutes / 60, unit: OffsetUnit::Hour },
            _ => self,
        }
    }

    /// Returns each span once, normalized, in the given order.
    #[must_use]
    pub fn distinct(offsets: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut distinct = Vec::new();
        for offset in offsets.into_iter().map(Self::normalized) {
            if !distinct.contains(&offset) {
                distinct.push(offset);
            }
        }
        distinct
    }

    /// Number of units, 0 to [`MAX_AMOUNT`].
    #[must_use]
    pub fn amount(self) -> u16 {
        self.amount
    }

    /// The unit.
    #[must_use]
    pub fn unit(self) -> OffsetUnit {
        self.unit
    }

    /// Returns when to remind of a task that is due at `due`; `None` before jiff's calendar begins, in the year -9999.
    ///
    /// Minutes and hours are exact. Days and weeks keep the wall-clock time in `zone`; a skipped time is read with the offset before the gap, so
    /// 02:30 becomes 03:30 (RFC 5545, section 3.3.5).
    #[must_use]
    pub fn before(self, due: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.away(due, zone, -1)
    }

    /// Returns the moment this long after `moment`, by the same rules; `None` after jiff's calendar ends, in the year 9999.
    #[must_use]
    pub fn after(self, moment: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.away(moment, zone, 1)
    }

    fn away(self, moment: Timestamp, zone: &TimeZone, sign: i64) -> Option<Timestamp> {
        let amount = sign * i64::from(self.amount);
        let span = match self.unit {
            OffsetUnit::Minute => return moment.checked_add(SignedDuration::from_mins(amount)).ok(),
            OffsetUnit::Hour => return moment.checked_add(SignedDuration::from_hours(amount)).ok(),
            OffsetUnit::Day => Span::new().days(amount),
            OffsetUnit::Week => Span::new().weeks(amount),
        };
        Some(moment.to_zoned(zone.clone()).checked_add(span).ok()?.timestamp())
    }
}

impl FromStr for ReminderOffset {
    type Err = OffsetError;

    fn from_str(text: &str) -> Result<Self, OffsetError> {
        let text = text.trim();
        if text.starts_with(['P', 'p']) && text.len() <= MAX_OFFSET_LENGTH {
            return Self::from_iso(text);
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (amount, unit) = text.split_at_checked(digits).ok_or(OffsetError::Malformed)?;
        let unit = unit.trim_start();
        if text.len() > MAX_OFFSET_LENGTH || amount.is_empty() || unit.is_empty() {
            return Err(OffsetError::Malformed);
        }
        let unit = OffsetUnit::named(unit).ok_or_else(|| OffsetError::Unit(unit.to_owned()))?;
        Self::new(amount.parse().map_err(|_| OffsetError::Amount)?, unit)
    }
}

impl Display for ReminderOffset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let unit = if self.amount == 1 { self.unit.singular() } else { self.unit.plural() };
        write!(f, "{} {unit}", self.amount)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Failure = Box<dyn std::error::Error>;

    fn any_offset() -> impl Strategy<Value = ReminderOffset> {
        (0..=MAX_AMOUNT, prop::sample::select(&OffsetUnit::ALL)).prop_map(|(amount, unit)| ReminderOffset { amount, unit })
    }

    fn before(offset: &str, due: &str, zone: &str) -> Result<Timestamp, Failure> {
        let time = offset.parse::<ReminderOffset>()?.before(due.parse()?, &TimeZone::get(zone)?);
        Ok(time.ok_or("out of range")?)
    }

    #[test]
    fn texts_become_canonical() -> Result<(), OffsetError> {
        for (text, expected) in [
            ("15 minutes", "15 minutes"),
            ("1 hours", "1 hour"),
            ("2 day", "2 days"),
            ("  01\tWEEK ", "1 week"),
            ("0 minute", "0 minutes"),
            ("999weeks", "999 weeks"),
            ("PT1H", "1 hour"),
            ("pt15m", "15 minutes"),
            ("PT90M", "90 minutes"),
            ("PT1H30M", "90 minutes"),
            ("PT3600S", "1 hour"),
            ("P1D", "1 day"),
            ("P2W", "2 weeks"),
            ("PT0S", "0 minutes"),
        ] {
            assert_eq!(text.parse::<ReminderOffset>()?.to_string(), expected, "{text:?}");
        }
        Ok(())
    }

    #[test]
    fn other_texts_are_errors() {
        for text in [
            "P",
            "PT",
            "P1M",
            "P1Y",
            "P1DT1H",
            "PT30S",
            "-PT1H",
            "PT-1H",
            "P1H",
            "",
            " ",
            "minutes",
            "15",
            "-1 hour",
            "+1 hour",
            "one hour",
            "\u{661} hour",
        ] {
            assert_eq!(text.parse::<ReminderOffset>(), Err(OffsetError::Malformed), "{text:?}");
        }
        for (text, unit) in [("1.5 hours", ".5 hours"), ("1 month", "month"), ("1 hour 5 minutes", "hour 5 minutes")] {
            assert_eq!(text.parse::<ReminderOffset>(), Err(OffsetError::Unit(unit.to_owned())), "{text:?}");
        }
        for text in ["PT1001M", "P1000D", "1000 minutes", "99999999999999999999 days"] {
            assert_eq!(text.parse::<ReminderOffset>(), Err(OffsetError::Amount), "{text:?}");
        }
        let long = format!("1{}hour", " ".repeat(MAX_OFFSET_LENGTH));
        assert_eq!(long.parse::<ReminderOffset>(), Err(OffsetError::Malformed));
        assert_eq!(ReminderOffset::new(1_000, OffsetUnit::Day), Err(OffsetError::Amount));
    }

    #[test]
    fn hours_are_exact_and_days_keep_the_wall_clock() -> Result<(), Failure> {
        // The clocks went forward in the night between.
        let due = "2025-03-30T09:00+02:00";
        assert_eq!(before("24 hours", due, "Europe/Berlin")?, "2025-03-29T08:00+01:00".parse()?);
        assert_eq!(before("1 day", due, "Europe/Berlin")?, "2025-03-29T09:00+01:00".parse()?);
        assert_eq!(before("1 week", due, "Europe/Berlin")?, "2025-03-23T09:00+01:00".parse()?);
        assert_eq!(before("90 minutes", due, "Europe/Berlin")?, "2025-03-30T07:30+02:00".parse()?);
        Ok(())
    }

    #[test]
    fn gaps_move_forward_and_folds_take_the_first() -> Result<(), Failure> {
        assert_eq!(before("1 day", "2025-03-31T02:30+02:00", "Europe/Berlin")?, "2025-03-30T03:30+02:00".parse()?);
        assert_eq!(before("1 day", "2025-10-27T02:30+01:00", "Europe/Berlin")?, "2025-10-26T02:30+02:00".parse()?);
        // Zero days before the second 02:30 is the second 02:30.
        assert_eq!(before("0 days", "2025-10-26T02:30+01:00", "Europe/Berlin")?, "2025-10-26T02:30+01:00".parse()?);
        Ok(())
    }

    #[test]
    fn the_calendar_has_a_beginning() -> Result<(), OffsetError> {
        for text in ["1 minute", "1 hour", "1 day", "1 week"] {
            assert_eq!(text.parse::<ReminderOffset>()?.before(Timestamp::MIN, &TimeZone::UTC), None);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_text_parses_to_what_it_shows(offset in any_offset()) {
            prop_assert_eq!(offset.to_string().parse::<ReminderOffset>()?, offset);
            let json = serde_json::to_string(&offset)?;
            prop_assert_eq!(serde_json::from_str::<ReminderOffset>(&json)?, offset);
        }

        #[test]
        fn arbitrary_text_never_panics(text in any::<String>(), number in "[0-9]{0,25} ?(minute|hour|day|week)s?") {
            let _ = text.parse::<ReminderOffset>();
            let _ = number.parse::<ReminderOffset>();
        }

        #[test]
        fn a_reminder_is_never_later_than_its_task(
            offset in any_offset(),
            second in Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(),
            zone in prop::sample::select(&["UTC", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca"]),
        ) {
            let due = Timestamp::from_second(second)?;
            prop_assert!(offset.before(due, &TimeZone::get(zone)?).is_none_or(|time| time <= due));
        }
    }
}
