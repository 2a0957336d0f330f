//! Converts a recurrence to a preset or a rule, and its first due date.

use domain::recurrence::{MAX_COUNT, Pattern, Rule, Series, joined, weekday_code};
use domain::task::Frequency;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::{SignedDuration, Span};

use crate::grammar::{By, Context, Day, Repeat};
use crate::moment::{self, DAYS_END, TimeSaid};
use crate::numbers::{Length, Unit};
use crate::part::Note;
use crate::tell;

/// The end of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Never,
    Count(u16),
    Until(Date),
    Lasting(Length),
}

/// The recurrence of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recurrence {
    pub(crate) frequency: Frequency,
    pub(crate) rule: Option<Rule>,
}

/// Returns the first due date: the first future occurrence, or the day that the sentence names.
pub(crate) fn first(repeat: &Repeat, day: Option<&Day>, said: TimeSaid, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    let said = TimeSaid { part: said.part.or(repeat.part), ..said };
    if repeat.unit == Unit::Hour {
        return first_hour(repeat, day, said, context, notes);
    }
    if repeat.by == By::Start && repeat.months.is_empty() {
        return match day {
            Some(day) => moment::local(Some(day), said, context, notes),
            None => first_from_now(said, context, notes),
        };
    }
    // Without a time, today counts until its end.
    let time = said.time(context, notes).unwrap_or(DAYS_END);
    let from = match day {
        Some(day) => moment::local(Some(day), said, context, &mut Vec::new())?.date(),
        None => context.today(),
    };
    let rule = match &repeat.by {
        // Not clamped, because a preset takes the day from the first due date.
        By::MonthDays(days) => {
            format!("FREQ=MONTHLY{};BYMONTHDAY={}", in_months(repeat), list(days.iter().map(i8::to_string))).parse().ok()?
        }
        // The first day in its months; the rest follows from it.
        By::Start => format!("FREQ=DAILY{}", in_months(repeat)).parse().ok()?,
        _ => rule(&Repeat { interval: 1, ..repeat.clone() }, from, End::Never)?,
    };
    // The day before the first possible one, because the start of a series always counts.
    let before = from.yesterday().ok()?.to_datetime(time);
    let start = context.tz().to_timestamp(before).ok()?;
    let midnight = context
        .tz()
        .to_timestamp(from.to_datetime(jiff::civil::Time::midnight()))
        .ok()?
        .checked_sub(SignedDuration::from_millis(1))
        .ok()?;
    let after = if day.is_some() { midnight } else { midnight.max(context.now) };
    let series = Series::new(start, context.tz().clone(), Pattern::Rule(rule));
    let next = series.next_after(after.max(start))?;
    // The local date identifies the occurrence. Its time is the given one, which may be skipped by a clock change on that day.
    Some(context.tz().to_datetime(next).date().to_datetime(time))
}

/// "every 3 days", "weekly": today if its time is in the future or not given, else tomorrow.
fn first_from_now(said: TimeSaid, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    let time = said.time(context, notes);
    let today = context.today();
    let at = today.to_datetime(time.unwrap_or(DAYS_END));
    if time.is_none() || at > context.local {
        return Some(at);
    }
    let date = today.tomorrow().ok()?;
    notes.push(Note::assumed(format!("{} has passed today: the first is on {}.", tell::time(at.time(), context.hours), tell::date(date))));
    Some(date.to_datetime(at.time()))
}

/// "every 2 hours": this long from now, unless a day or a time is given.
fn first_hour(repeat: &Repeat, day: Option<&Day>, said: TimeSaid, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    let is_today = day.is_none_or(|day| *day == Day::On(context.today()));
    let first = if said.is_open() && is_today {
        let length = Length { minutes: i32::from(repeat.interval) * MINUTES_PER_HOUR, ..Length::default() };
        context.tz().to_datetime(moment::ahead(length, context)?)
    } else {
        moment::local(day, said, context, notes)?
    };
    if said.is_open() {
        let (time, date) = (tell::time(first.time(), context.hours), tell::date(first.date()));
        notes.push(Note::assumed(format!("The first is at {time} on {date}.")));
    }
    Some(first)
}

const MINUTES_PER_HOUR: i32 = 60;

/// Returns the preset or rule of a series whose first due date is on `first`.
pub(crate) fn recurrence(repeat: &Repeat, first: Date, end: End, notes: &mut Vec<Note>) -> Recurrence {
    let end = checked_end(in_hours(repeat, end), first, notes);
    if let Some(frequency) = preset(repeat, end) {
        return Recurrence { frequency, rule: None };
    }
    let rule = rule(repeat, first, end);
    if rule.is_none() {
        notes.push(Note::missed("A rule cannot express that recurrence: it is left out."));
    }
    if repeat.unit == Unit::Year && repeat.by == By::Start && first.month() == 2 && first.day() == 29 {
        notes.push(Note::assumed("29 February exists in leap years only."));
    }
    Recurrence { frequency: Frequency::None, rule }
}

/// "Every 8 hours for 5 days" is 15 times, because the days may begin at any hour.
fn in_hours(repeat: &Repeat, end: End) -> End {
    let End::Lasting(Length { months: 0, days, .. }) = end else { return end };
    let count = u16::try_from(days * HOURS_PER_DAY / i32::from(repeat.interval)).ok().filter(|count| (1..=MAX_COUNT).contains(count));
    count.filter(|_| repeat.unit == Unit::Hour).map_or(end, End::Count)
}

const HOURS_PER_DAY: i32 = 24;

/// Ignores an end before the first date, with a note.
fn checked_end(end: End, first: Date, notes: &mut Vec<Note>) -> End {
    match end {
        End::Until(date) if date < first => {
            notes.push(Note::missed(format!("{} is before the first date, {}: the end is left out.", tell::date(date), tell::date(first))));
            End::Never
        }
        End::Lasting(length) => {
            let span = Span::new().try_months(length.months).and_then(|span| span.try_days(length.days));
            let last = span.and_then(|span| first.checked_add(span)).and_then(Date::yesterday);
            last.map_or(End::Never, |last| End::Until(last.max(first)))
        }
        end => end,
    }
}

/// Returns the equivalent preset, if there is one.
fn preset(repeat: &Repeat, end: End) -> Option<Frequency> {
    if repeat.interval != 1 || end != End::Never || !repeat.months.is_empty() {
        return None;
    }
    match (repeat.unit, &repeat.by) {
        (Unit::Day, By::Start) => Some(Frequency::Daily),
        (Unit::Week, By::Start) => Some(Frequency::Weekly),
        (Unit::Week, By::Weekdays(days)) if days.len() == 1 => Some(Frequency::Weekly),
        (Unit::Month, By::Start) => Some(Frequency::Monthly),
        (Unit::Month, By::MonthDays(days)) if days.len() == 1 && days[0] > 0 => Some(Frequency::Monthly),
        _ => None,
    }
}

/// Days after which months differ.
const SHORTEST_MONTH: i8 = 28;

fn rule(repeat: &Repeat, first: Date, end: End) -> Option<Rule> {
    let frequency = match repeat.unit {
        Unit::Minute => return None,
        Unit::Hour => "HOURLY",
        Unit::Day => "DAILY",
        Unit::Week => "WEEKLY",
        Unit::Month => "MONTHLY",
        Unit::Year => "YEARLY",
    };
    let end = match end {
        End::Count(count) => format!(";COUNT={count}"),
        End::Until(date) => format!(";UNTIL={}", date.strftime("%Y%m%d")),
        End::Never | End::Lasting(_) => String::new(),
    };
    format!("FREQ={frequency};INTERVAL={}{}{}{end}", repeat.interval, in_months(repeat), by(repeat, first)).parse().ok()
}

fn in_months(repeat: &Repeat) -> String {
    let months = list(repeat.months.iter().map(i8::to_string));
    if months.is_empty() { months } else { format!(";BYMONTH={months}") }
}

fn by(repeat: &Repeat, first: Date) -> String {
    match (&repeat.by, repeat.unit) {
        (By::Start, Unit::Month) if first.day() > SHORTEST_MONTH => clamped(first.day()),
        (By::Start, _) => String::new(),
        (By::Weekdays(days), _) => format!(";BYDAY={}", list(days.iter().map(|day| weekday_code(*day).to_owned()))),
        (By::MonthDays(days), Unit::Month) if days.len() == 1 && days[0] > SHORTEST_MONTH => clamped(days[0]),
        (By::MonthDays(days), _) => format!(";BYMONTHDAY={}", list(days.iter().map(i8::to_string))),
        (By::Nth(days), _) => {
            format!(";BYDAY={}", list(days.iter().map(|(number, weekday)| format!("{number}{}", weekday_code(*weekday)))))
        }
        (By::Workdays(numbers), _) => format!(";BYDAY=MO,TU,WE,TH,FR;BYSETPOS={}", list(numbers.iter().map(i8::to_string))),
        (By::Dated(weekday, day), _) => format!(";BYDAY={};BYMONTHDAY={day}", weekday_code(*weekday)),
    }
}

/// "The 31st" of every month is the last day of a shorter month, as with the preset.
fn clamped(day: i8) -> String {
    format!(";BYMONTHDAY={};BYSETPOS=-1", list((SHORTEST_MONTH..=day).map(|day| day.to_string())))
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// Number of days of a month above which the excluded days are named instead.
const FEW_DAYS: usize = 15;

/// Returns the recurrence in words: "every 2 weeks on Tuesday", "every day in December".
pub(crate) fn describe(repeat: &Repeat) -> String {
    let unit = repeat.unit.singular();
    let every = match repeat.interval {
        1 => format!("every {unit}"),
        number => format!("every {number} {unit}s"),
    };
    let is_weekly = repeat.interval == 1 && repeat.unit == Unit::Week;
    let on = match &repeat.by {
        By::Start => every,
        By::Weekdays(days)
            if is_weekly && days.len() == 5 && !days.iter().any(|day| matches!(day, Weekday::Saturday | Weekday::Sunday)) =>
        {
            "every weekday".to_owned()
        }
        By::Weekdays(days) => {
            let names = names(days.iter().map(|day| tell::weekday(*day).to_owned()));
            if is_weekly { format!("every {names}") } else { format!("{every} on {names}") }
        }
        By::MonthDays(days) if days.len() > FEW_DAYS => {
            let all = if days.iter().all(|day| *day > 0) { 1..=31 } else { -31..=-1 };
            format!("every day but the {}", names(all.filter(|day| !days.contains(day)).map(month_day)))
        }
        By::MonthDays(days) => format!("{every} on the {}", names(days.iter().map(|day| month_day(*day)))),
        By::Nth(days) => {
            format!(
                "{every} on the {}",
                names(days.iter().map(|(number, weekday)| format!("{} {}", nth(*number), tell::weekday(*weekday))))
            )
        }
        By::Dated(weekday, day) => format!("every {} the {}", tell::weekday(*weekday), nth(*day)),
        By::Workdays(numbers) => format!("{every} on the {} working day", names(numbers.iter().map(|number| nth(*number)))),
    };
    let months = names(repeat.months.iter().map(|month| tell::month(*month).to_owned()));
    if months.is_empty() { on } else { format!("{on} in {months}") }
}

fn names(items: impl Iterator<Item = String>) -> String {
    joined(&items.collect::<Vec<_>>())
}

fn month_day(day: i8) -> String {
    if day < 0 { format!("{} day", nth(day)) } else { nth(day) }
}

fn nth(number: i8) -> String {
    match number {
        -1 => "last".to_owned(),
        number if number < 0 => format!("{} last", tell::ordinal(-number)),
        number => tell::ordinal(number),
    }
}
