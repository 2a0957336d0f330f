//! The occurrences of a task as instants: the dates of a rule at DTSTART's wall-clock time in a zone.

use jiff::{
    SignedDuration, Span, Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use super::rule::{End, Frequency, Rule};
use crate::moment::Moment;

/// Maximum days by which clock changes can reorder the occurrences of two dates. No zone ever moved its clock by more than a day (Samoa skipped 30
/// December 2011); one more day is a margin.
const CLOCK_CHANGE_DAYS: i8 = 2;

/// How a task repeats.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Every day.
    Daily,
    /// Every week, on the weekday of the first due date.
    Weekly,
    /// Every month, on the day of the first due date, or on the last day of a shorter month: Jan 31, Feb 28, Mar 31.
    Monthly,
    /// By an RFC 5545 rule, exactly: months without the day are skipped.
    Rule(Rule),
}

impl Pattern {
    /// Returns the equivalent rule for a series that starts on this date.
    pub(crate) fn rule(&self, start: Date) -> Rule {
        match self {
            Self::Daily => Rule::every(Frequency::Daily),
            Self::Weekly => Rule::every(Frequency::Weekly),
            Self::Monthly => monthly_clamped(start.day().into()),
            Self::Rule(rule) => rule.clone(),
        }
    }

    /// True if the pattern restricts the days, rather than only their distance.
    fn names_days(&self) -> bool {
        matches!(self, Self::Rule(rule) if !rule.is_plain())
    }
}

/// Returns the rule for the 31st: `BYMONTHDAY=28,29,30,31;BYSETPOS=-1`, the last of those days that the month has.
fn monthly_clamped(day: i16) -> Rule {
    let shortest_month = 28;
    let month_days = (day.min(shortest_month)..=day).collect();
    Rule { month_days, positions: vec![-1], ..Rule::every(Frequency::Monthly) }
}

/// A chain of occurrences.
///
/// Its slots are `start`, always, and then the rule's dates at `start`'s wall-clock time in `zone`. 09:00 stays 09:00 across clock changes. A skipped
/// time is read with the offset before the gap (02:30 becomes 03:30), and a repeated time is the first one (RFC 5545, section 3.3.5). The slots of an
/// all-day series are the instants at which its days begin, which is 01:00 where a clock change skips midnight. The occurrences are the slots without
/// the excluded ones.
///
/// `start` is the first slot even if the rule does not match it. RFC 5545 calls that case undefined, and says that DTSTART "always counts as the
/// first occurrence" of COUNT. A task due on a Tuesday, then every Friday, three times, has the Tuesday and two Fridays. Only an UNTIL before `start`
/// leaves no occurrence.
///
/// A day that the zone skipped coincides with the next (Samoa's 30 December 2011): one occurrence, though COUNT counts both dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// DTSTART: the first slot of the chain.
    pub start: Timestamp,
    /// The zone whose wall-clock time is kept.
    pub zone: TimeZone,
    /// The pattern of repetition.
    pub pattern: Pattern,
    /// True if its slots are days.
    pub all_day: bool,
    /// EXDATE: slots and days that are excluded. They still count for COUNT.
    pub excluded: Vec<Moment>,
}

/// The completed occurrence, for [`Series::next_from_completion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// When it was completed.
    pub at: Timestamp,
    /// Its slot: its due date before it was moved.
    pub slot: Timestamp,
    /// Its number, from 1. Used by COUNT only.
    pub occurrence: u32,
}

impl Series {
    /// Returns a series of times without exclusions.
    #[must_use]
    pub fn new(start: Timestamp, zone: TimeZone, pattern: Pattern) -> Self {
        Self { start, zone, pattern, all_day: false, excluded: Vec::new() }
    }

    /// Returns the first occurrence strictly after `after`. `None` if the series is over: by COUNT or UNTIL, because the rule matches no later day,
    /// or after the year 9999.
    ///
    /// Without COUNT, the time needed does not grow with the distance from the start.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.occurrences_after(after).next()
    }

    /// Returns the occurrences strictly after `after`, in order.
    pub fn occurrences_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        let excluded = |slot: &(DateTime, Timestamp)| self.excludes(*slot);
        self.slots_after(after).filter(move |slot| !excluded(slot)).map(|(_, slot)| slot)
    }

    /// Number of slots after `from` and not after `to`, including excluded ones; at most `max`.
    #[must_use]
    pub fn slots_between(&self, from: Timestamp, to: Timestamp, max: usize) -> usize {
        self.slots_after(from).take_while(|(_, slot)| *slot <= to).take(max).count()
    }

    /// True if a day meets the rule and UNTIL is not before the start. Ignores exclusions.
    #[must_use]
    pub fn occurs(&self) -> bool {
        let start = self.anchor();
        let rule = self.pattern.rule(start.date());
        includes(rule.end, start.date(), self.start) && rule.occurs(start)
    }

    /// Returns the next due date if the interval counts from the completion: every 3 days at 09:00, completed on the 10th at 15:00, is due on the
    /// 13th at 09:00.
    ///
    /// The pattern restarts on the completion's local date, which replaces DTSTART, at the wall-clock time of the series' start; for HOURLY, at the
    /// completion's minute. The result is the pattern's first occurrence after the completion, and on a later day unless it repeats by the hour. A
    /// plain interval counts from the completion alone. A rule with BY… parts also requires a date after the slot, so a task for Mondays that is
    /// completed on the Sunday before is not due again on that Monday.
    ///
    /// `None` if the series is over: by COUNT, against the given number; by UNTIL; or as in [`Series::next_after`].
    #[must_use]
    pub fn next_from_completion(&self, completion: Completion) -> Option<Timestamp> {
        let done = self.zone.to_datetime(completion.at);
        let rule = self.pattern.rule(done.date());
        if rule.count().is_some_and(|count| completion.occurrence >= count.into()) {
            return None;
        }
        let start = if rule.is_hourly() {
            done.with().second(0).subsec_nanosecond(0).build().ok()?
        } else {
            done.date().to_datetime(self.anchor().time())
        };
        let after = if self.pattern.names_days() { completion.at.max(completion.slot) } else { completion.at };
        // Omitted parts come from the completion, whose date is not an occurrence.
        let times = rule.times(start, self.seek(after));
        self.slots(times, rule.end, after).find(|slot| !self.excludes(*slot)).map(|(_, slot)| slot)
    }

    /// Returns the slots strictly after `after`.
    fn slots_after(&self, after: Timestamp) -> impl Iterator<Item = (DateTime, Timestamp)> {
        let start = self.anchor();
        let rule = self.pattern.rule(start.date());
        let first = (after < self.start && includes(rule.end, start.date(), self.start)).then_some((start, self.start));
        let end = rule.end;
        first.into_iter().chain(self.slots(rule.counted_times(start, self.seek(after)), end, after.max(self.start)))
    }

    /// Returns the unique slots of these times after `after`, up to `end`.
    fn slots(&self, times: impl Iterator<Item = DateTime>, end: End, after: Timestamp) -> impl Iterator<Item = (DateTime, Timestamp)> {
        let slot = |time: DateTime| Some((time, self.zone.to_timestamp(time).ok()?));
        let mut last = after;
        let slots = times.map_while(slot).filter(move |(_, slot)| {
            let is_later = *slot > last;
            last = last.max(*slot);
            is_later
        });
        slots.take_while(move |(time, slot)| includes(end, time.date(), *slot))
    }

    /// Returns the local time of the start; for a series of days, the beginning of its day.
    fn anchor(&self) -> DateTime {
        let start = self.zone.to_datetime(self.start);
        if self.all_day { start.date().to_datetime(Time::midnight()) } else { start }
    }

    fn excludes(&self, (time, slot): (DateTime, Timestamp)) -> bool {
        self.excluded.iter().any(|moment| match moment {
            Moment::On(day) => day.get() == time.date(),
            Moment::At(instant) if self.all_day => self.zone.to_datetime(instant.get()).date() == time.date(),
            Moment::At(instant) => instant.get() == slot,
        })
    }

    /// Returns the first date that can have an occurrence after `after`.
    fn seek(&self, after: Timestamp) -> Date {
        self.zone.to_datetime(after).date().saturating_sub(Span::new().days(CLOCK_CHANGE_DAYS))
    }
}

/// True if UNTIL permits this occurrence of this date. COUNT was applied when the dates were generated.
fn includes(end: End, date: Date, occurrence: Timestamp) -> bool {
    match end {
        End::Never | End::Count(_) => true,
        End::OnDate(last) => date <= last,
        End::AtUtc(second) => TimeZone::UTC.to_datetime(occurrence) <= end_of(second),
    }
}

/// Returns the last instant of a second, because due dates have fractions and RFC 5545's times do not.
fn end_of(second: DateTime) -> DateTime {
    second.saturating_add(SignedDuration::from_nanos(999_999_999))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Failure = Box<dyn std::error::Error>;

    fn series(start: &str, zone: &str, pattern: Pattern) -> Result<Series, Failure> {
        let zone = TimeZone::get(zone)?;
        let start = zone.to_timestamp(start.parse()?)?;
        Ok(Series::new(start, zone, pattern))
    }

    fn ruled(start: &str, zone: &str, rule: &str) -> Result<Series, Failure> {
        series(start, zone, Pattern::Rule(rule.parse()?))
    }

    /// The occurrences after the first, as local times with their offsets.
    fn following(series: &Series, number: usize) -> Vec<String> {
        let occurrences = std::iter::successors(series.next_after(series.start), |last| series.next_after(*last));
        let local = |at: Timestamp| at.to_zoned(series.zone.clone()).strftime("%Y-%m-%dT%H:%M%:z").to_string();
        occurrences.take(number).map(local).collect()
    }

    #[test]
    fn monthly_is_anchored_and_a_rule_skips() -> Result<(), Failure> {
        let monthly = series("2025-01-31T09:00", "UTC", Pattern::Monthly)?;
        assert_eq!(following(&monthly, 3), ["2025-02-28T09:00+00:00", "2025-03-31T09:00+00:00", "2025-04-30T09:00+00:00"]);
        let leap = series("2024-01-30T09:00", "UTC", Pattern::Monthly)?;
        assert_eq!(following(&leap, 2), ["2024-02-29T09:00+00:00", "2024-03-30T09:00+00:00"]);
        let rule = ruled("2025-01-31T09:00", "UTC", "FREQ=MONTHLY")?;
        assert_eq!(following(&rule, 2), ["2025-03-31T09:00+00:00", "2025-05-31T09:00+00:00"]);
        Ok(())
    }

    #[test]
    fn the_wall_clock_is_kept() -> Result<(), Failure> {
        let nine = series("2025-03-29T09:00", "Europe/Berlin", Pattern::Daily)?;
        assert_eq!(following(&nine, 1), ["2025-03-30T09:00+02:00"]);
        let gap = series("2025-03-29T02:30", "Europe/Berlin", Pattern::Daily)?;
        assert_eq!(following(&gap, 2), ["2025-03-30T03:30+02:00", "2025-03-31T02:30+02:00"]);
        let fold = series("2025-10-25T02:30", "Europe/Berlin", Pattern::Daily)?;
        assert_eq!(following(&fold, 2), ["2025-10-26T02:30+02:00", "2025-10-27T02:30+01:00"]);
        let half_an_hour = series("2025-10-04T02:10", "Australia/Lord_Howe", Pattern::Daily)?;
        assert_eq!(following(&half_an_hour, 2), ["2025-10-05T02:40+11:00", "2025-10-06T02:10+11:00"]);
        let no_midnight = series("2018-11-03T00:00", "America/Sao_Paulo", Pattern::Daily)?;
        assert_eq!(following(&no_midnight, 2), ["2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"]);
        Ok(())
    }

    #[test]
    fn a_skipped_day_makes_one_occurrence_with_the_next() -> Result<(), Failure> {
        let samoa = series("2011-12-28T09:00", "Pacific/Apia", Pattern::Daily)?;
        assert_eq!(following(&samoa, 3), ["2011-12-29T09:00-10:00", "2011-12-31T09:00+14:00", "2012-01-01T09:00+14:00"]);
        Ok(())
    }

    #[test]
    fn the_start_is_always_the_first_occurrence() -> Result<(), Failure> {
        // A Tuesday, then Fridays.
        let fridays = ruled("2025-06-03T09:00", "UTC", "FREQ=WEEKLY;BYDAY=FR;COUNT=3")?;
        assert_eq!(fridays.next_after(Timestamp::UNIX_EPOCH), Some(fridays.start));
        assert_eq!(following(&fridays, 5), ["2025-06-06T09:00+00:00", "2025-06-13T09:00+00:00"]);
        let never = ruled("2025-06-03T09:00", "UTC", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")?;
        assert_eq!(never.next_after(Timestamp::MIN), Some(never.start));
        assert_eq!(never.next_after(never.start), None);
        let over = ruled("2025-06-03T09:00", "UTC", "FREQ=DAILY;UNTIL=20250602")?;
        assert_eq!(over.next_after(Timestamp::MIN), None);
        Ok(())
    }

    #[test]
    fn skipped_occurrences_count() -> Result<(), Failure> {
        let five = ruled("2025-06-01T09:00", "UTC", "FREQ=DAILY;COUNT=5")?;
        assert_eq!(five.next_after("2025-06-04T12:00Z".parse()?), Some("2025-06-05T09:00Z".parse()?));
        assert_eq!(five.next_after("2025-06-05T09:00Z".parse()?), None);
        let one = ruled("2025-06-01T09:00", "UTC", "FREQ=DAILY;COUNT=1")?;
        assert_eq!(one.next_after(one.start), None);
        Ok(())
    }

    #[test]
    fn until_is_inclusive() -> Result<(), Failure> {
        for (until, number) in [
            ("20250602", 1),         // the whole day in the zone: 3 June, 08:00 is 2 June, 23:00 UTC
            ("20250603", 2),         // 3 June itself
            ("20250602T230000Z", 2), // exactly the third occurrence
            ("20250602T225959Z", 1), // a second before it
            ("20250101T000000Z", 0), // before the start
            ("99991231T235959Z", 9), // later than any instant of jiff's
        ] {
            let rule = format!("FREQ=DAILY;UNTIL={until}");
            let mut tokyo = ruled("2025-06-01T08:00", "Asia/Tokyo", &rule)?;
            assert_eq!(following(&tokyo, 9).len(), number, "{until}");
            tokyo.start += SignedDuration::from_millis(500);
            assert_eq!(following(&tokyo, 9).len(), number, "{until}, with a fraction of a second");
        }
        Ok(())
    }

    #[test]
    fn a_start_in_the_second_pass_of_a_fold_is_not_repeated() -> Result<(), Failure> {
        let start: Timestamp = "2025-10-26T02:30+01:00".parse()?;
        let series = Series::new(start, TimeZone::get("Europe/Berlin")?, Pattern::Daily);
        assert_eq!(series.next_after("2025-10-26T02:30+02:00".parse()?), Some(start));
        assert_eq!(following(&series, 1), ["2025-10-27T02:30+01:00"]);
        Ok(())
    }

    #[test]
    fn the_series_ends_with_the_calendar() {
        for pattern in [Pattern::Daily, Pattern::Weekly, Pattern::Monthly] {
            let last = Series::new(Timestamp::MAX, TimeZone::UTC, pattern.clone());
            assert_eq!(last.next_after(Timestamp::MIN), Some(Timestamp::MAX));
            assert_eq!(last.next_after(Timestamp::MAX), None);
            let completion = Completion { at: Timestamp::MAX, slot: Timestamp::MIN, occurrence: u32::MAX };
            assert_eq!(last.next_from_completion(completion), None);
            let first = Series::new(Timestamp::MIN, TimeZone::UTC, pattern);
            assert!(first.next_after(Timestamp::MIN).is_some());
        }
    }

    /// A completion of the first occurrence.
    fn next(series: &Series, completed: &str, slot: &str) -> Result<String, Failure> {
        let completion = Completion { at: completed.parse()?, slot: slot.parse()?, occurrence: 1 };
        Ok(series.next_from_completion(completion).map(|at| at.to_string()).unwrap_or_default())
    }

    #[test]
    fn intervals_run_from_the_completion() -> Result<(), Failure> {
        let three_days = ruled("2025-03-01T09:00", "UTC", "FREQ=DAILY;INTERVAL=3")?;
        assert_eq!(next(&three_days, "2025-03-10T15:00Z", "2025-03-07T09:00Z")?, "2025-03-13T09:00:00Z");
        assert_eq!(next(&three_days, "2025-03-10T08:00Z", "2025-03-07T09:00Z")?, "2025-03-13T09:00:00Z");
        let monthly = series("2025-03-01T09:00", "UTC", Pattern::Monthly)?;
        assert_eq!(next(&monthly, "2025-03-05T20:00Z", "2025-03-01T09:00Z")?, "2025-04-05T09:00:00Z");
        assert_eq!(next(&monthly, "2025-01-31T20:00Z", "2025-01-01T09:00Z")?, "2025-02-28T09:00:00Z");
        let mondays = ruled("2025-03-03T09:00", "UTC", "FREQ=WEEKLY;BYDAY=MO")?;
        assert_eq!(next(&mondays, "2025-03-12T09:00Z", "2025-03-03T09:00Z")?, "2025-03-17T09:00:00Z");
        assert_eq!(next(&mondays, "2025-03-10T08:00Z", "2025-03-03T09:00Z")?, "2025-03-17T09:00:00Z");
        Ok(())
    }

    #[test]
    fn a_completion_counts_from_its_local_day() -> Result<(), Failure> {
        // 20:00 UTC on the 10th is the 11th in Tokyo.
        let tokyo = ruled("2025-03-01T09:00", "Asia/Tokyo", "FREQ=DAILY;INTERVAL=3")?;
        assert_eq!(next(&tokyo, "2025-03-10T20:00Z", "2025-03-07T00:00Z")?, "2025-03-14T00:00:00Z");
        Ok(())
    }

    #[test]
    fn an_interval_counts_from_the_completion_alone_and_days_that_are_named_do_not_come_twice() -> Result<(), Failure> {
        let thirty_days = ruled("2025-11-27T09:00", "UTC", "FREQ=DAILY;INTERVAL=30")?;
        assert_eq!(next(&thirty_days, "2025-11-28T15:00Z", "2025-12-27T09:00Z")?, "2025-12-28T09:00:00Z");
        let weekly = series("2025-03-03T09:00", "UTC", Pattern::Weekly)?;
        assert_eq!(next(&weekly, "2025-03-09T20:00Z", "2025-03-10T09:00Z")?, "2025-03-16T09:00:00Z");
        let mondays = ruled("2025-03-03T09:00", "UTC", "FREQ=WEEKLY;BYDAY=MO")?;
        assert_eq!(next(&mondays, "2025-03-09T20:00Z", "2025-03-10T09:00Z")?, "2025-03-17T09:00:00Z");
        let hours = ruled("2025-03-03T09:00", "UTC", "FREQ=HOURLY;INTERVAL=8")?;
        assert_eq!(next(&hours, "2025-03-03T20:10:30Z", "2025-03-03T17:00Z")?, "2025-03-04T04:10:00Z");
        Ok(())
    }

    #[test]
    fn days_begin_where_their_clock_lets_them() -> Result<(), Failure> {
        let mut days = series("2018-11-03T00:00", "America/Sao_Paulo", Pattern::Daily)?;
        days.all_day = true;
        assert_eq!(following(&days, 2), ["2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"]);
        days.start = "2018-11-04T01:00-02:00".parse()?;
        assert_eq!(following(&days, 1), ["2018-11-05T00:00-02:00"], "the day that begins at one o'clock does not make the others do so");
        Ok(())
    }

    #[test]
    fn excluded_slots_are_omitted_but_count() -> Result<(), Failure> {
        let mut five = ruled("2025-06-01T09:00", "Asia/Tokyo", "FREQ=DAILY;COUNT=5")?;
        five.excluded = vec!["2025-06-02".parse()?, "2025-06-04T00:00:00Z".parse()?, "2025-06-03T00:00:01Z".parse()?];
        assert_eq!(following(&five, 9), ["2025-06-03T09:00+09:00", "2025-06-05T09:00+09:00"]);
        assert_eq!(five.slots_between(five.start, "2025-06-03T00:00Z".parse()?, 9), 2);
        Ok(())
    }

    #[test]
    fn a_rule_that_no_day_meets_never_occurs() -> Result<(), Failure> {
        for (rule, occurs) in [
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", false),
            ("FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=4", false),
            ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", false),
            ("FREQ=DAILY;UNTIL=20250602", false),
            ("FREQ=DAILY;UNTIL=20250603", true),
            ("FREQ=DAILY;COUNT=1", true),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", true),
        ] {
            assert_eq!(ruled("2025-06-03T09:00", "UTC", rule)?.occurs(), occurs, "{rule}");
        }
        Ok(())
    }

    #[test]
    fn completions_end_with_count_and_until() -> Result<(), Failure> {
        let at: Timestamp = "2025-06-10T12:00Z".parse()?;
        let thrice = ruled("2025-06-01T09:00", "UTC", "FREQ=DAILY;COUNT=3")?;
        let after = |occurrence| thrice.next_from_completion(Completion { at, slot: thrice.start, occurrence });
        assert_eq!(after(2), Some("2025-06-11T09:00Z".parse()?));
        assert_eq!(after(3), None);
        let until = ruled("2025-06-01T09:00", "UTC", "FREQ=DAILY;UNTIL=20250611")?;
        assert_eq!(next(&until, "2025-06-10T12:00Z", "2025-06-01T09:00Z")?, "2025-06-11T09:00:00Z");
        assert_eq!(next(&until, "2025-06-11T12:00Z", "2025-06-01T09:00Z")?, "");
        Ok(())
    }
}
