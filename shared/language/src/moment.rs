//! Converts a day and a time to an instant: defaults for missing parts, and the clock changes of the zone.

use domain::offset::{OffsetUnit, ReminderOffset};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::AmbiguousOffset;
use jiff::{SignedDuration, Span, Timestamp};

use crate::calendar::on_or_after;
use crate::grammar::{Clock, Context, Day, DayPart};
use crate::marks::offset;
use crate::numbers::Length;
use crate::part::Note;
use crate::tell;

/// Hour at which a night ends.
const SMALL_HOURS: i8 = 5;

/// Time for comparing days without a time. It is not part of the result.
const MORNING: Time = Time::constant(9, 0, 0, 0);
/// Default time of today, while it is in the future.
const EVENING: Time = Time::constant(18, 0, 0, 0);
/// Default time of today in the evening.
pub(crate) const DAYS_END: Time = Time::constant(23, 59, 0, 0);

/// The time of day in a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeSaid {
    pub(crate) clock: Option<Clock>,
    pub(crate) part: Option<DayPart>,
}

impl TimeSaid {
    /// True if no time is given.
    pub(crate) fn is_open(self) -> bool {
        self.clock.is_none() && self.part.is_none()
    }

    /// Returns the time, if there is one. The part of the day, or the usual meaning, decides a bare hour.
    pub(crate) fn time(self, context: &Context, notes: &mut Vec<Note>) -> Option<Time> {
        let Some(clock) = self.clock else { return self.part.map(DayPart::time) };
        let is_late = match self.part {
            Some(DayPart::Morning) => false,
            // "At 2 in the night" is in the early morning.
            Some(DayPart::Night) => clock.hour >= SMALL_HOURS,
            Some(_) => true,
            // Few tasks are due before seven in the morning.
            None => clock.hour <= 6,
        };
        if clock.is_sure || !is_late {
            return Time::new(clock.hour, clock.minute, 0, 0).ok();
        }
        let time = Time::new(clock.hour + 12, clock.minute, 0, 0).ok()?;
        if self.part.is_none() {
            notes.push(Note::assumed(format!("{}:{:02} is read as {}.", clock.hour, clock.minute, tell::time(time, context.hours))));
        }
        Some(time)
    }

    /// For today: nine o'clock that has passed means nine in the evening.
    fn time_today(self, context: &Context, notes: &mut Vec<Note>) -> Option<Time> {
        let now = context.local;
        // Late in the evening, "tonight" is the rest of the day.
        if let (None, Some(DayPart::Evening | DayPart::Night)) = (self.clock, self.part) {
            return self.part.map(DayPart::time).map(|time| if time > now.time() { time } else { DAYS_END });
        }
        let mut own = Vec::new();
        let time = self.time(context, &mut own)?;
        let open =
            self.clock.filter(|clock| !clock.is_sure && self.part.is_none() && time <= now.time() && clock.hour < 12 && time.hour() < 12);
        let later = open.and_then(|clock| Time::new(clock.hour + 12, clock.minute, 0, 0).ok()).filter(|later| *later > now.time());
        if let Some(later) = later {
            notes.push(Note::assumed(format!(
                "{} has passed today: this means {}.",
                tell::time(time, context.hours),
                tell::time(later, context.hours)
            )));
            return Some(later);
        }
        notes.append(&mut own);
        Some(time)
    }
}

/// Returns the local date and time of a day and a time.
pub(crate) fn local(day: Option<&Day>, said: TimeSaid, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    let local = on_day(day, said, context, notes)?;
    // The small hours of Friday night belong to Saturday.
    let is_next_day = day.is_some() && said.part == Some(DayPart::Night) && local.hour() < SMALL_HOURS;
    if is_next_day { local.checked_add(Span::new().days(1)).ok() } else { Some(local) }
}

fn on_day(day: Option<&Day>, said: TimeSaid, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    let today = context.today();
    match day {
        None => next_time(said.time(context, notes)?, context, notes),
        Some(Day::On(date)) if *date == today => {
            Some(today.to_datetime(said.time_today(context, notes).unwrap_or_else(|| open_today(context))))
        }
        Some(Day::On(date) | Day::Month { first: date, .. }) => Some(date.to_datetime(said.time(context, notes).unwrap_or(MORNING))),
        Some(Day::Weekday(weekday)) => next_weekday(*weekday, said, context, notes),
        Some(Day::OfMonth(day)) => next_of_month(*day, said, context, notes),
    }
}

/// Returns a time without a day: today, or tomorrow if it has passed.
fn next_time(time: Time, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    let today = context.today();
    if today.to_datetime(time) > context.local {
        return Some(today.to_datetime(time));
    }
    notes.push(Note::assumed(format!("{} has passed today: this means tomorrow.", tell::time(time, context.hours))));
    Some(today.tomorrow().ok()?.to_datetime(time))
}

fn open_today(context: &Context) -> Time {
    if context.local.time() < EVENING { EVENING } else { DAYS_END }
}

/// Returns the next such weekday; today only with a time in the future.
fn next_weekday(weekday: Weekday, said: TimeSaid, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    let today = context.today();
    if today.weekday() != weekday {
        let time = said.time(context, notes).unwrap_or(MORNING);
        return Some(on_or_after(today, weekday)?.to_datetime(time));
    }
    let time = said.time(context, notes);
    if let Some(time) = time.filter(|time| today.to_datetime(*time) > context.local) {
        notes.push(Note::assumed(format!("Today is {}: this means today.", tell::weekday(weekday))));
        return Some(today.to_datetime(time));
    }
    let date = today.checked_add(Span::new().days(7)).ok()?;
    notes.push(Note::assumed(format!("Today is {}: this means {}.", tell::weekday(weekday), tell::date(date))));
    Some(date.to_datetime(time.unwrap_or(MORNING)))
}

/// Maximum months searched for a day of the month: two neighbouring months never both lack a day.
const MONTHS_AHEAD: i32 = 2;

/// Returns the next existing day of a month in the future.
fn next_of_month(day: i8, said: TimeSaid, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    let time = said.time(context, notes).unwrap_or(MORNING);
    let first = context.today().first_of_month();
    (0..=MONTHS_AHEAD).find_map(|ahead| {
        let month = first.checked_add(Span::new().months(ahead)).ok()?;
        let at = Date::new(month.year(), month.month(), day).ok()?.to_datetime(time);
        (at > context.local).then_some(at)
    })
}

/// Returns the time this long from now: days and months keep the wall-clock time, hours and minutes are exact.
pub(crate) fn ahead(length: Length, context: &Context) -> Option<Timestamp> {
    let calendar = Span::new().try_months(length.months).ok()?.try_days(length.days).ok()?;
    let day = context.now.to_zoned(context.tz().clone()).checked_add(calendar).ok()?;
    let later = day.timestamp().checked_add(SignedDuration::from_mins(length.minutes.into())).ok()?;
    // To the minute, because seconds are never meant.
    let second = later.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).ok()
}

/// Returns how long before the due date a reminder with its own day or time comes: "at 10, remind me at 9".
pub(crate) fn before(
    due: DateTime,
    day: Option<&Day>,
    said: TimeSaid,
    earlier: Option<ReminderOffset>,
    context: &Context,
) -> Result<ReminderOffset, Note> {
    let back = |date: Date, days: i32| date.checked_sub(Span::new().try_days(days).ok()?).ok();
    let time = said.time(context, &mut Vec::new()).unwrap_or_else(|| if day.is_some() { due.time() } else { MORNING });
    let is_late = |date: Date| date.to_datetime(time) > due;
    let date = match (day, earlier) {
        // "The day before at 18:00".
        (None, Some(earlier)) if earlier.amount() > 0 => {
            let days = if earlier.unit() == OffsetUnit::Week { 7 } else { 1 };
            back(due.date(), days * i32::from(earlier.amount()))
        }
        // At 21:00 for something at 7 means the evening before.
        (None, _) => back(due.date(), is_late(due.date()).into()),
        (Some(Day::Weekday(weekday)), _) => {
            let last = back(due.date(), i32::from(due.date().weekday().since(*weekday)));
            last.and_then(|last| back(last, if is_late(last) { 7 } else { 0 }))
        }
        (Some(day), _) => local(Some(day), TimeSaid::default(), context, &mut Vec::new()).map(DateTime::date),
    };
    let minutes = date.and_then(|date| i32::try_from(due.duration_since(date.to_datetime(time)).as_mins()).ok());
    let minutes = minutes
        .filter(|minutes| *minutes >= 0)
        .ok_or_else(|| Note::missed("That reminder would come after the due date: it stays in the title."))?;
    let length = match minutes % MINUTES_PER_DAY {
        0 => Length { days: minutes / MINUTES_PER_DAY, ..Length::default() },
        _ => Length { minutes, ..Length::default() },
    };
    offset(length).ok_or_else(|| {
        Note::missed("A reminder is at most 999 minutes, hours, days or weeks before the due date: this one stays in the title.")
    })
}

const MINUTES_PER_DAY: i32 = 24 * 60;

/// Returns the instant of a local time. A skipped time moves by the gap, a repeated time is the first one; notes report both.
pub(crate) fn instant(local: DateTime, context: &Context, notes: &mut Vec<Note>) -> Option<domain::Timestamp> {
    let zoned = context.tz().to_ambiguous_zoned(local);
    let (place, date) = (context.place.name.clone(), tell::date(local.date()));
    let offset = zoned.offset();
    let meant = zoned.compatible().ok()?;
    match offset {
        AmbiguousOffset::Unambiguous { .. } => {}
        AmbiguousOffset::Gap { .. } => {
            let is_same_day = meant.date() == local.date();
            let then = if is_same_day { String::new() } else { format!(" on {}", tell::date(meant.date())) };
            let (left_out, meant) = (tell::time(local.time(), context.hours), tell::time(meant.time(), context.hours));
            let text = format!("The clocks of {place} skip {left_out} on {date}: this means {meant}{then}.");
            notes.push(Note::assumed(text));
        }
        AmbiguousOffset::Fold { .. } => {
            notes.push(Note::assumed(format!(
                "The clocks of {place} show {} twice on {date}: this means the first.",
                tell::time(local.time(), context.hours)
            )));
        }
    }
    domain::Timestamp::new(meant.timestamp()).ok()
}
