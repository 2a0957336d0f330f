//! The civil dates and times of a rule, without a zone.
//!
//! A rule repeats in periods: days, weeks, months or years, every INTERVAL-th of them, starting with the one that contains DTSTART. In RFC 5545 some
//! BY… parts expand a period and others limit it. Both are the same filter: of all the days in the period, keep those that meet every part. Parts
//! that the rule omits are first taken from DTSTART.

use std::{collections::VecDeque, iter};

use jiff::{
    SignedDuration, Span,
    civil::{Date, DateTime, Time},
};

use super::rule::{Frequency, Rule, WeekdayNumber};

/// Hours per day.
const HOURS: i64 = 24;

impl Rule {
    /// Returns the rule's times after `start` (DTSTART) and not before the day `from`, in order. Ignores COUNT and UNTIL.
    ///
    /// Goes straight to `from`, however far from `start` that is.
    pub(super) fn times(&self, start: DateTime, from: Date) -> impl Iterator<Item = DateTime> + use<> {
        self.all_times(start, from).filter(move |time| *time > start)
    }

    /// Returns the same times for a rule with COUNT, which counts them from the first. `start` itself counts as one.
    pub(super) fn counted_times(&self, start: DateTime, from: Date) -> impl Iterator<Item = DateTime> + use<> {
        let (seek, limit) = match self.count() {
            Some(count) => (start.date(), usize::from(count).saturating_sub(1)),
            None => (from, usize::MAX),
        };
        self.times(start, seek).take(limit).skip_while(move |time| time.date() < from)
    }

    /// True if any time from `start` on meets the rule. Ignores COUNT and UNTIL.
    pub(super) fn occurs(&self, start: DateTime) -> bool {
        self.all_times(start, start.date()).any(|time| time >= start)
    }

    /// Returns the times of the days from `from` on, including times before `start` on its own day.
    fn all_times(&self, start: DateTime, from: Date) -> impl Iterator<Item = DateTime> + use<> {
        let hours = (self.frequency == Frequency::Hourly).then_some(i64::from(self.interval));
        let dates = Dates::new(self, start.date(), from).into_iter().flatten().skip_while(move |date| *date < from);
        dates.flat_map(move |date| Hours::of(start, date, hours))
    }

    /// Returns the rule with its omitted parts taken from DTSTART's date.
    ///
    /// RFC 5545, section 3.3.10: "Information, not contained in the rule, necessary to determine the various recurrence instance start time and dates
    /// are derived from the Start Time (DTSTART)".
    fn anchored(&self, start: Date) -> Self {
        let mut rule = self.clone();
        if !self.month_days.is_empty() || !self.weekdays.is_empty() {
            return rule;
        }
        match self.frequency {
            Frequency::Hourly | Frequency::Daily => {}
            Frequency::Weekly => {
                rule.weekdays = vec![WeekdayNumber { ordinal: None, weekday: start.weekday() }];
            }
            Frequency::Monthly | Frequency::Yearly => rule.month_days = vec![start.day().into()],
        }
        if self.frequency == Frequency::Yearly && self.months.is_empty() {
            rule.months = vec![start.month().into()];
        }
        rule
    }
}

impl Frequency {
    /// Number of periods in 400 years, after which the Gregorian calendar repeats itself, weekdays included.
    ///
    /// If this many consecutive periods have no date, the rule has none any more, whatever its INTERVAL: this many steps of n periods are n times 400
    /// years, and the calendar repeats. This limits every search.
    fn cycle(self) -> u32 {
        match self {
            Self::Hourly | Self::Daily => 146_097,
            Self::Weekly => 20_871,
            Self::Monthly => 4_800,
            Self::Yearly => 400,
        }
    }

    /// Returns the first day of the period that contains `date`; `None` before the year -9999. The period of HOURLY is a day, whose hours [`Hours`]
    /// yields.
    fn first_day(self, date: Date, rule: &Rule) -> Option<Date> {
        match self {
            Self::Hourly | Self::Daily => Some(date),
            Self::Weekly => {
                let days = date.weekday().since(rule.week_start);
                date.checked_sub(Span::new().days(days)).ok()
            }
            Self::Monthly => Some(date.first_of_month()),
            Self::Yearly => Some(date.first_of_year()),
        }
    }

    /// Returns the last day of the period that begins on `first`.
    fn last_day(self, first: Date) -> Date {
        match self {
            Self::Hourly | Self::Daily => first,
            Self::Weekly => first.saturating_add(Span::new().days(6)),
            Self::Monthly => first.last_of_month(),
            Self::Yearly => first.last_of_year(),
        }
    }

    /// Returns the first day of the period this many periods after the one that begins on `first`, if the calendar has it.
    fn later(self, first: Date, periods: i64) -> Option<Date> {
        let days = |days| SignedDuration::try_from_hours(HOURS.checked_mul(days)?);
        match self {
            Self::Hourly | Self::Daily => first.checked_add(days(periods)?),
            Self::Weekly => first.checked_add(days(periods.checked_mul(7)?)?),
            Self::Monthly => first.checked_add(Span::new().try_months(periods).ok()?),
            Self::Yearly => first.checked_add(Span::new().try_years(periods).ok()?),
        }
        .ok()
    }

    /// Number of periods between two first days of periods.
    fn between(self, earlier: Date, later: Date) -> i64 {
        let days = later.duration_since(earlier).as_hours() / HOURS;
        let years = i64::from(later.year()) - i64::from(earlier.year());
        let months = i64::from(later.month()) - i64::from(earlier.month());
        match self {
            Self::Hourly | Self::Daily => days,
            Self::Weekly => days / 7,
            Self::Monthly => years * 12 + months,
            Self::Yearly => years,
        }
    }
}

/// A rule's dates, one period at a time, from the period that contains a given day.
struct Dates {
    /// The rule, with its omitted parts filled in.
    rule: Rule,
    /// The first day of the period that contains DTSTART.
    origin: Date,
    /// Number of periods per step: the INTERVAL, or 1 day for HOURLY.
    step: i64,
    /// The number of the next step.
    turn: i64,
    /// Remaining dates of the current period.
    batch: VecDeque<Date>,
}

impl Dates {
    /// `None` if the first week begins before jiff's calendar does, in the year -9999.
    fn new(rule: &Rule, start: Date, from: Date) -> Option<Self> {
        let frequency = rule.frequency;
        let origin = frequency.first_day(start, rule)?;
        let step = if frequency == Frequency::Hourly { 1 } else { i64::from(rule.interval) };
        let turn = frequency.between(origin, from).max(0) / step;
        Some(Self { rule: rule.anchored(start), origin, step, turn, batch: VecDeque::new() })
    }

    /// Fills the batch from the next period. `None` at the end of the calendar.
    fn next_period(&mut self) -> Option<()> {
        let frequency = self.rule.frequency;
        let periods = self.turn * self.step;
        let first = frequency.later(self.origin, periods)?;
        let last = frequency.last_day(first);
        let days = iter::successors(Some(first), |day| day.tomorrow().ok()).take_while(|day| *day <= last);
        self.batch.extend(days.filter(|day| self.rule.matches(*day)));
        if !self.rule.positions.is_empty() {
            self.rule.choose(&mut self.batch);
        }
        self.turn += 1;
        Some(())
    }
}

impl Iterator for Dates {
    type Item = Date;

    fn next(&mut self) -> Option<Date> {
        for _ in 0..=self.rule.frequency.cycle() {
            if let Some(date) = self.batch.pop_front() {
                return Some(date);
            }
            self.next_period()?;
        }
        None
    }
}

/// The times of a day: DTSTART's time, or for HOURLY every n-th hour from it.
struct Hours {
    date: Date,
    time: Time,
    next: i64,
    step: i64,
}

impl Hours {
    fn of(start: DateTime, date: Date, interval: Option<i64>) -> Self {
        let (hour, time) = (i64::from(start.hour()), start.time());
        let days = date.duration_since(start.date()).as_hours() / HOURS;
        match interval {
            None => Self { date, time, next: hour, step: HOURS },
            Some(step) => Self { date, time, next: (hour - days * HOURS).rem_euclid(step), step },
        }
    }
}

impl Iterator for Hours {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        let hour = i8::try_from(self.next).ok().filter(|_| self.next < HOURS)?;
        self.next += self.step;
        Some(self.date.to_datetime(self.time.with().hour(hour).build().ok()?))
    }
}

/// Conditions on a single day, for a rule with its omitted parts filled in. An empty list is no condition.
impl Rule {
    fn matches(&self, date: Date) -> bool {
        self.matches_month(date) && self.matches_month_day(date) && self.matches_weekday(date)
    }

    fn matches_month(&self, date: Date) -> bool {
        self.months.is_empty() || self.months.contains(&date.month().into())
    }

    fn matches_month_day(&self, date: Date) -> bool {
        self.month_days.is_empty() || Place::in_month(date).is_one_of(&self.month_days)
    }

    fn matches_weekday(&self, date: Date) -> bool {
        let matches = |day: &WeekdayNumber| {
            day.weekday == date.weekday() && day.ordinal.is_none_or(|ordinal| self.place(date).in_weeks().is(ordinal))
        };
        self.weekdays.is_empty() || self.weekdays.iter().any(matches)
    }

    /// Returns the day's place in the span that BYDAY's ordinals count in: the year for YEARLY without BYMONTH, else the month.
    fn place(&self, date: Date) -> Place {
        if self.frequency == Frequency::Yearly && self.months.is_empty() { Place::in_year(date) } else { Place::in_month(date) }
    }

    /// Keeps the dates of a period that BYSETPOS selects.
    fn choose(&self, dates: &mut VecDeque<Date>) {
        let length = i16::try_from(dates.len()).unwrap_or(i16::MAX);
        let mut number = 0;
        dates.retain(|_| {
            number += 1;
            Place::new(number, length).is_one_of(&self.positions)
        });
    }
}

/// A position counted from both ends: 1 is the first, -1 the last.
#[derive(Clone, Copy)]
struct Place {
    from_start: i16,
    from_end: i16,
}

impl Place {
    fn new(number: i16, length: i16) -> Self {
        Self { from_start: number, from_end: number - length - 1 }
    }

    fn in_month(date: Date) -> Self {
        Self::new(date.day().into(), date.days_in_month().into())
    }

    fn in_year(date: Date) -> Self {
        Self::new(date.day_of_year(), date.days_in_year())
    }

    /// Returns the position counted in weeks: days 1 to 7 are 1, the last seven days -1. This is the ordinal of the day among its weekday.
    fn in_weeks(self) -> Self {
        Self { from_start: (self.from_start - 1) / 7 + 1, from_end: (self.from_end + 1) / 7 - 1 }
    }

    fn is(self, number: i16) -> bool {
        number == self.from_start || number == self.from_end
    }

    fn is_one_of(self, numbers: &[i16]) -> bool {
        numbers.iter().any(|&number| self.is(number))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::recurrence::RuleError;

    /// The first dates of a rule after its start, written as month and day.
    fn first_dates(rule: &str, start: Date, number: usize) -> Result<String, RuleError> {
        let rule: Rule = rule.parse()?;
        let start = start.at(9, 0, 0, 0);
        let dates = rule.counted_times(start, start.date()).take(number).map(|time| time.strftime("%m-%d").to_string());
        let dates: Vec<_> = dates.collect();
        Ok(dates.join(" "))
    }

    /// Examples of RFC 5545, section 3.8.5.3; their first date, DTSTART, is not among the dates here.
    #[test]
    fn examples_of_the_rfc() -> Result<(), RuleError> {
        let start = date(1997, 9, 2);
        for (rule, start, expected) in [
            ("FREQ=DAILY;INTERVAL=10;COUNT=5", start, "09-12 09-22 10-02 10-12"),
            ("FREQ=DAILY;BYMONTH=1", date(1998, 1, 30), "01-31 01-01 01-02 01-03 01-04"),
            ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", start, "09-16 09-30 10-14 10-28 11-11"),
            ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", date(1997, 8, 5), "08-10 08-19 08-24"),
            ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", date(1997, 8, 5), "08-17 08-19 08-31"),
            ("FREQ=MONTHLY;COUNT=4;BYDAY=1FR", date(1997, 9, 5), "10-03 11-07 12-05"),
            ("FREQ=MONTHLY;INTERVAL=2;COUNT=5;BYDAY=1SU,-1SU", date(1997, 9, 7), "09-28 11-02 11-30 01-04"),
            ("FREQ=MONTHLY;BYMONTHDAY=-3", date(1997, 9, 28), "10-29 11-28 12-29 01-29 02-26"),
            ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", start, "02-13 03-13 11-13 08-13 10-13"),
            ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", date(1997, 9, 4), "10-07 11-06"),
            ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", date(1997, 9, 29), "10-30 11-27 12-30 01-29 02-26"),
            ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", date(2007, 1, 15), "01-30 02-15 03-15 03-30"),
            ("FREQ=YEARLY;COUNT=5;BYMONTH=6,7", date(1997, 6, 10), "07-10 06-10 07-10 06-10"),
            ("FREQ=YEARLY;BYDAY=20MO", date(1997, 5, 19), "05-18 05-17 05-15 05-14 05-20"),
            ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", date(1997, 3, 13), "03-20 03-27 03-05 03-12 03-19"),
            ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", date(1996, 11, 5), "11-07 11-02 11-04 11-06 11-08"),
        ] {
            assert_eq!(first_dates(rule, start, 5)?, expected, "{rule}");
        }
        Ok(())
    }

    #[test]
    fn rules_that_never_match_end() -> Result<(), RuleError> {
        // A Wednesday, and the 30th of its month.
        let start = date(2026, 9, 30);
        for rule in [
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=DAILY;INTERVAL=7;BYDAY=SU",
            "FREQ=DAILY;BYDAY=MO;BYSETPOS=2",
            "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
            "FREQ=MONTHLY;BYDAY=6MO",
            "FREQ=MONTHLY;BYMONTH=2",
            "FREQ=YEARLY;INTERVAL=9999;BYMONTHDAY=31;BYMONTH=4;COUNT=2",
        ] {
            assert_eq!(first_dates(rule, start, 1)?, "", "{rule}");
        }
        Ok(())
    }

    #[test]
    fn rare_dates_are_found() -> Result<(), RuleError> {
        // 2400 has the day, but 2100, 2200 and 2300 do not: the widest gap of this rule.
        assert_eq!(first_dates("FREQ=YEARLY;INTERVAL=100", date(2000, 2, 29), 2)?, "02-29 02-29");
        // February 29 on a Friday, in a year that is the seventh, fourteenth, ...
        let rule = "FREQ=YEARLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=29;BYDAY=FR";
        assert_eq!(first_dates(rule, date(2008, 2, 29), 2)?, "02-29 02-29");
        Ok(())
    }

    #[test]
    fn seeking_finds_the_same_dates_as_walking() -> Result<(), RuleError> {
        let (start, from) = (date(1970, 1, 31), date(2026, 5, 17));
        for rule in [
            "FREQ=HOURLY;INTERVAL=31",
            "FREQ=DAILY;INTERVAL=17",
            "FREQ=WEEKLY;INTERVAL=5",
            "FREQ=MONTHLY;INTERVAL=7",
            "FREQ=YEARLY;INTERVAL=3",
        ] {
            let rule: Rule = rule.parse()?;
            let start = start.at(9, 0, 0, 0);
            let walked: Vec<_> = rule.times(start, start.date()).skip_while(|time| time.date() < from).take(5).collect();
            assert_eq!(rule.times(start, from).take(5).collect::<Vec<_>>(), walked, "{rule}");
        }
        Ok(())
    }

    #[test]
    fn the_calendar_has_two_ends() -> Result<(), RuleError> {
        let daily: Rule = "FREQ=DAILY".parse()?;
        let noon = |date: Date| date.at(12, 0, 0, 0);
        assert_eq!(daily.times(noon(date(9999, 12, 30)), Date::MIN).collect::<Vec<_>>(), [noon(Date::MAX)]);
        assert_eq!(daily.times(noon(Date::MIN), Date::MIN).next(), Some(noon(date(-9999, 1, 2))));
        // The year -9999 begins on a Monday, so the Sunday that its first week would begin with is missing.
        let weekly: Rule = "FREQ=WEEKLY;WKST=SU".parse()?;
        assert_eq!(weekly.times(noon(Date::MIN), Date::MIN).next(), None);
        Ok(())
    }

    #[test]
    fn hours_go_on_over_midnight_and_days_limit_them() -> Result<(), RuleError> {
        let start = date(2026, 1, 2).at(22, 30, 0, 0);
        let times = |rule: &str| -> Result<String, RuleError> {
            let rule: Rule = rule.parse()?;
            let times: Vec<_> = rule.counted_times(start, start.date()).take(4).map(|time| time.strftime("%d %H:%M").to_string()).collect();
            Ok(times.join(", "))
        };
        assert_eq!(times("FREQ=HOURLY;INTERVAL=8")?, "03 06:30, 03 14:30, 03 22:30, 04 06:30");
        assert_eq!(times("FREQ=HOURLY;INTERVAL=36;COUNT=3")?, "04 10:30, 05 22:30");
        // The 2nd is a Friday. The hours of other days count as steps and are skipped.
        assert_eq!(times("FREQ=HOURLY;INTERVAL=7;BYDAY=MO,FR")?, "05 06:30, 05 13:30, 05 20:30, 09 01:30");
        Ok(())
    }
}
