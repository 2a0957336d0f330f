//! A validated recurrence rule and its canonical text.

use std::fmt::{self, Display, Formatter, Write as _};

use jiff::civil::{Date, DateTime, Weekday};

/// An RFC 5545 recurrence rule (section 3.3.10), for example `FREQ=MONTHLY;BYDAY=-1FR;COUNT=12`.
///
/// Parsing is the only way to create one, so a `Rule` is always valid; [`RuleError`](super::RuleError) says why a text is not. Supported parts are
/// FREQ (HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY), INTERVAL, BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS, WKST and either COUNT or UNTIL. Any other part is
/// an error. Lower case, surrounding spaces and a leading `RRULE:` are accepted.
///
/// UNTIL is a date (through the end of that day, in the series' zone) or a UTC date-time (inclusive, to the second).
///
/// `Display` writes the canonical text: upper case, parts in a fixed order, lists sorted and without duplicates, defaults left out. Equal rules have
/// equal texts, and a rule's text parses to an equal rule. In serde a rule is that text.
///
/// ```
/// use domain::recurrence::Rule;
///
/// let rule: Rule = "rrule:byday=fr,mo,fr;interval=1;freq=weekly".parse()?;
/// assert_eq!(rule.to_string(), "FREQ=WEEKLY;BYDAY=MO,FR");
/// # Ok::<(), domain::recurrence::RuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: u16,
    /// BYMONTH, 1 to 12. Like every list here, sorted, without duplicates, and empty if the part is absent.
    pub(super) months: Vec<i16>,
    /// BYMONTHDAY, 1 to 31 from the start of the month or -1 to -31 from its end.
    pub(super) month_days: Vec<i16>,
    /// BYDAY.
    pub(super) weekdays: Vec<WeekdayNumber>,
    /// BYSETPOS, 1 to 366 from the start of a period's dates or -1 to -366 from their end.
    pub(super) positions: Vec<i16>,
    /// WKST.
    pub(super) week_start: Weekday,
    pub(super) end: End,
}

impl Rule {
    /// Returns the rule "every day", "every week" and so on, without an end.
    pub(super) fn every(frequency: Frequency) -> Self {
        Self {
            frequency,
            interval: 1,
            months: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
            end: End::Never,
        }
    }

    /// True if the rule repeats by the hour, so that its occurrences need a time.
    #[must_use]
    pub fn is_hourly(&self) -> bool {
        self.frequency == Frequency::Hourly
    }

    /// True if the rule is an interval only: no BY… part restricts its days.
    pub(super) fn is_plain(&self) -> bool {
        self.months.is_empty() && self.month_days.is_empty() && self.weekdays.is_empty() && self.positions.is_empty()
    }

    /// Returns the same rule with another COUNT, if it has one.
    #[must_use]
    pub fn with_count(mut self, count: u16) -> Self {
        if let End::Count(own) = &mut self.end {
            *own = count.max(1);
        }
        self
    }

    /// COUNT: number of occurrences of the series, including the first due date.
    #[must_use]
    pub fn count(&self) -> Option<u16> {
        match self.end {
            End::Count(count) => Some(count),
            End::Never | End::OnDate(_) | End::AtUtc(_) => None,
        }
    }
}

/// FREQ: the period of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Frequency {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Frequency {
    pub(super) const ALL: [Self; 5] = [Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Yearly];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hourly => "HOURLY",
            Self::Daily => "DAILY",
            Self::Weekly => "WEEKLY",
            Self::Monthly => "MONTHLY",
            Self::Yearly => "YEARLY",
        }
    }
}

/// One entry of BYDAY: every such weekday, or with an ordinal only the n-th of its month or year, counted from the end if negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WeekdayNumber {
    pub(super) ordinal: Option<i16>,
    pub(super) weekday: Weekday,
}

impl WeekdayNumber {
    /// Sort key of the canonical order: weekdays without ordinal first, Monday first.
    pub(super) fn rank(self) -> (Option<i16>, i8) {
        (self.ordinal, self.weekday.to_monday_zero_offset())
    }
}

impl Display for WeekdayNumber {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(ordinal) = self.ordinal {
            write!(f, "{ordinal}")?;
        }
        f.write_str(weekday_code(self.weekday))
    }
}

/// Returns the two letters of a weekday in RFC 5545.
#[must_use]
pub fn weekday_code(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "MO",
        Weekday::Tuesday => "TU",
        Weekday::Wednesday => "WE",
        Weekday::Thursday => "TH",
        Weekday::Friday => "FR",
        Weekday::Saturday => "SA",
        Weekday::Sunday => "SU",
    }
}

/// How the series ends. COUNT and UNTIL exclude each other, so they are one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Never,
    /// After this many occurrences, including the first.
    Count(u16),
    /// After this day in the series' zone.
    OnDate(Date),
    /// After this second, in UTC.
    AtUtc(DateTime),
}

impl Display for End {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => Ok(()),
            Self::Count(count) => write!(f, ";COUNT={count}"),
            Self::OnDate(date) => write!(f, ";UNTIL={}", date.strftime("%Y%m%d")),
            Self::AtUtc(second) => write!(f, ";UNTIL={}", second.strftime("%Y%m%dT%H%M%SZ")),
        }
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "FREQ={}", self.frequency.name())?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        write_list(f, "BYMONTH", &self.months)?;
        write_list(f, "BYMONTHDAY", &self.month_days)?;
        write_list(f, "BYDAY", &self.weekdays)?;
        write_list(f, "BYSETPOS", &self.positions)?;
        if self.week_start != Weekday::Monday {
            write!(f, ";WKST={}", weekday_code(self.week_start))?;
        }
        self.end.fmt(f)
    }
}

fn write_list(f: &mut Formatter<'_>, part: &str, values: &[impl Display]) -> fmt::Result {
    for (index, value) in values.iter().enumerate() {
        if index == 0 {
            write!(f, ";{part}={value}")?;
        } else {
            f.write_char(',')?;
            value.fmt(f)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_uses_the_canonical_text() -> Result<(), serde_json::Error> {
        let rule: Rule = serde_json::from_str(r#""freq=daily;count=3""#)?;
        assert_eq!(rule.count(), Some(3));
        assert_eq!(serde_json::to_string(&rule)?, r#""FREQ=DAILY;COUNT=3""#);
        Ok(())
    }

    #[test]
    fn serde_passes_the_error_on() {
        let error = serde_json::from_str::<Rule>(r#""FREQ=DAILY;BYHOUR=9""#).map_err(|error| error.to_string());
        assert!(error.is_err_and(|message| message.starts_with("BYHOUR is not supported")));
    }
}
