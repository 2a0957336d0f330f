//! Instants as Taskflow stores them: UTC with microseconds, as PostgreSQL does.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// An instant in UTC, with microseconds.
///
/// Read from RFC 3339 with any offset; written as UTC with `Z` and six digits, so text order is time order. Limited to the years 0001 to 9999, so
/// every value has an RFC 3339 form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// The text is not an RFC 3339 date-time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The text does not have the form of RFC 3339, section 5.6, or the day or time does not exist.
    #[error("not an RFC 3339 date-time, such as 2026-03-31T09:00:00+02:00")]
    Malformed,
    /// The instant is outside the years 0001 to 9999.
    #[error("outside the years 0001 to 9999")]
    OutOfRange,
}

/// 0001-01-01T00:00:00Z in seconds since 1970.
const EARLIEST_SECOND: i64 = -62_135_596_800;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// Returns the instant, cut to microseconds.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] before the year 1.
    pub fn new(moment: jiff::Timestamp) -> Result<Self, TimestampError> {
        Self::from_microsecond(moment.as_microsecond())
    }

    /// Returns the instant this many microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] outside the years 0001 to 9999.
    pub fn from_microsecond(microseconds: i64) -> Result<Self, TimestampError> {
        let moment = jiff::Timestamp::from_microsecond(microseconds).map_err(|_| TimestampError::OutOfRange)?;
        if moment.as_second() < EARLIEST_SECOND {
            return Err(TimestampError::OutOfRange);
        }
        Ok(Self(moment))
    }

    /// Returns a clock's time. A clock before the year 1 is read as 1970.
    #[must_use]
    pub fn now_from(moment: jiff::Timestamp) -> Self {
        Self::new(moment).unwrap_or(Self::EPOCH)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_microsecond(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Returns the instant this long before; the same one if that is before the year 1.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self::from_microsecond(self.as_microsecond().saturating_sub(by)).unwrap_or(self)
    }

    /// Returns the instant this long after; the same one if that is after the year 9999.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self::from_microsecond(self.as_microsecond().saturating_add(by)).unwrap_or(self)
    }

    /// Returns how long this is after another instant; zero if it is not after it.
    #[must_use]
    pub fn since(self, other: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.as_microsecond().saturating_sub(other.as_microsecond())).unwrap_or(0))
    }

    /// Returns the instant for calendar arithmetic.
    #[must_use]
    pub fn get(self) -> jiff::Timestamp {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.6}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !has_rfc3339_form(text.as_bytes()) {
            return Err(TimestampError::Malformed);
        }
        // jiff also reads the lower-case letters that RFC 3339 allows, and reads a leap second as the second before.
        let moment: jiff::Timestamp = text.parse().map_err(|_| TimestampError::Malformed)?;
        Self::new(moment)
    }
}

/// Checks the form of RFC 3339. jiff reads more: a time without seconds, a zone in brackets.
fn has_rfc3339_form(text: &[u8]) -> bool {
    const DATE_TIME: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let matches = |text: &[u8], form: &[u8]| {
        text.len() == form.len()
            && text.iter().zip(form).all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                b'T' => byte.eq_ignore_ascii_case(&b'T'),
                form => byte == form,
            })
    };
    let Some((start, rest)) = text.split_at_checked(DATE_TIME.len()) else { return false };
    let offset = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || digits > 9 {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    // jiff accepts offsets up to 25:59.
    let is_offset = |offset: &[u8]| (matches(offset, b"+dd:dd") || matches(offset, b"-dd:dd")) && &offset[1..3] < b"24".as_slice();
    matches(start, DATE_TIME) && (is_offset(offset) || offset.eq_ignore_ascii_case(b"Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_is_read_and_utc_with_microseconds_is_written() {
        let moment: Timestamp = "2026-03-31T09:00:00.1234567+02:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-03-31T07:00:00.123456Z");
        assert_eq!("2026-03-31t07:00:00z".parse::<Timestamp>().unwrap().to_string(), "2026-03-31T07:00:00.000000Z");
    }

    #[test]
    fn text_that_is_not_rfc3339_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-03-31",
            "2026-03-31T09:00Z",
            "2026-03-31 09:00:00Z",
            "2026-02-30T09:00:00Z",
            "2026-03-31T09:00:00",
            "2026-03-31T09:00:00+02",
            "2026-03-31T09:00:00Z[UTC]",
            "2026-03-31T25:00:00Z",
            "2026-03-31T09:00:00.Z",
            "2026-03-31T09:00:00+24:00",
            "2026-03-31T09:00:00-25:30",
            "２026-03-31T09:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::Malformed), "{text}");
        }
        assert_eq!("0000-01-01T00:00:00Z".parse::<Timestamp>(), Err(TimestampError::OutOfRange));
    }

    proptest::proptest! {
        #[test]
        fn the_parser_never_panics_and_the_written_form_is_read_back(text in ".{0,40}", micros in EARLIEST_SECOND * 1_000_000..253_370_764_800_000_000_i64) {
            let _ = text.parse::<Timestamp>();
            let moment = Timestamp::from_microsecond(micros).unwrap();
            proptest::prop_assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
        }
    }
}
