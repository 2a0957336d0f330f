//! Days seen from today: "tomorrow evening", "next Friday", "in 3 days", "a week on Friday", "this weekend".

use jiff::Span;
use jiff::civil::{Date, Weekday};

use super::written::{full, month_day, numeric};
use super::{days, monday_of, on, on_or_after, weekday, with_part};
use crate::grammar::{Context, Day, DayPart, Meaning, Phrase, View};
use crate::numbers::{length, ordinal_figures};
use crate::tell;

/// "today", "tomorrow evening", "the day after tomorrow", "tonight", "this evening", "next week", "this weekend".
pub(super) fn relative(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
    let today = view.context.today();
    let night = |end| Phrase::new(end, Meaning::Day { day: Day::On(today), part: Some(DayPart::Night) });
    let article = view.skip(start, &["the"]);
    if view.is_phrase(article, &["day", "after", "tomorrow"]) {
        return Some(with_part(view, on(article + 3, days(today, 2)?)));
    }
    let found = match view.word(start) {
        "today" | "tod" => on(start + 1, today),
        "tonight" => night(start + 1),
        "tomorrow" | "tmrw" | "tmr" | "tomorow" | "tommorow" | "tommorrow" => on(start + 1, days(today, 1)?),
        "yesterday" => on(start + 1, days(today, -1)?),
        "later" if view.is(start + 1, "today") => on(start + 2, today),
        "this" => return this(view, start),
        "next" => return next(view, start),
        "overmorrow" => on(start + 1, days(today, 2)?),
        "the" if view.is(start + 1, "weekend") && start > at && view.is_free(start + 2) => weekend(view.context, start + 2)?,
        _ => return None,
    };
    Some(with_part(view, found))
}

/// "this weekend": its Saturday, or today if it has begun on a Sunday.
fn weekend(context: &Context, end: usize) -> Option<Phrase> {
    let today = context.today();
    let date = if today.weekday() == Weekday::Sunday { today } else { on_or_after(today, Weekday::Saturday)? };
    Some(on(end, date))
}

/// "this evening", "this weekend", "this week": for longer stretches their last day.
fn this(view: View<'_>, at: usize) -> Option<Phrase> {
    let today = view.context.today();
    if let Some(part) = DayPart::named(view.word(at + 1)).filter(|_| view.is_free(at + 2)) {
        return Some(Phrase::new(at + 2, Meaning::Day { day: Day::On(today), part: Some(part) }));
    }
    match view.word(at + 1) {
        "weekend" if view.is_free(at + 2) => weekend(view.context, at + 2),
        "week" if view.is_free(at + 2) => {
            let last = if today.weekday().to_monday_zero_offset() <= 4 { Weekday::Friday } else { Weekday::Sunday };
            let date = on_or_after(today, last)?;
            Some(on(at + 2, date).with_note(Some(format!("This week is taken as until its {}.", tell::weekday(last)))))
        }
        "month" if view.is_free(at + 2) => {
            Some(on(at + 2, today.last_of_month()).with_note(Some("This month is taken as until its last day.".to_owned())))
        }
        "year" if view.is_free(at + 2) => {
            Some(on(at + 2, today.last_of_year()).with_note(Some("This year is taken as until its last day.".to_owned())))
        }
        _ => None,
    }
}

/// "next week": its Monday; "next month", "next year": their first day.
fn next(view: View<'_>, at: usize) -> Option<Phrase> {
    let today = view.context.today();
    if !view.is_free(at + 2) {
        return None;
    }
    let date = match view.word(at + 1) {
        "week" => days(monday_of(today)?, 7)?,
        "weekend" => days(monday_of(today)?, 12)?,
        "month" => today.first_of_month().checked_add(Span::new().months(1)).ok()?,
        "year" => today.first_of_year().checked_add(Span::new().years(1)).ok()?,
        _ => return None,
    };
    Some(on(at + 2, date))
}

/// "in 3 days", "2 weeks from now", "a week from Friday", "in 2 hours".
pub(super) fn ahead(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
    let is_in = view.is_any(at, &["in", "within"]);
    let begin = if is_in { view.skip(at + 1, &["the", "next", "about"]) } else { start };
    let (length, end) = length(view.words, begin)?;
    if view.is_any(end, &["from", "after"]) {
        let named = relative(view, end + 1, end + 1).or_else(|| weekday_phrase(view, end + 1, true));
        if let (Some(Phrase { end, meaning: Meaning::Day { day, part }, .. }), true) = (named, length.minutes == 0) {
            let from = settled(&day, view.context)?;
            let date = from.checked_add(Span::new().try_months(length.months).ok()?.try_days(length.days).ok()?).ok()?;
            return Some(Phrase::new(end, Meaning::Day { day: Day::On(date), part }));
        }
    }
    let end = if view.is_phrase(end, &["from", "now"]) {
        end + 2
    } else if is_in && (view.is_free(end) || view.is(end, "time")) {
        // "in five minutes' time".
        let after = view.skip(end, &["'"]);
        if view.is(after, "time") { after + 1 } else { end }
    } else {
        return None;
    };
    // "2 hours before" is a reminder's.
    if view.is_any(end, &["before", "ahead", "early", "earlier", "beforehand", "prior", "advance"]) {
        return None;
    }
    Some(Phrase::new(end, Meaning::Ahead(length)))
}

/// The date that a day has without a look at the time.
fn settled(day: &Day, context: &Context) -> Option<Date> {
    match day {
        Day::On(date) => Some(*date),
        Day::Weekday(weekday) => on_or_after(days(context.today(), 1)?, *weekday),
        Day::OfMonth(_) => None,
    }
}

/// Weekdays that are names.
const NAMED_DAYS: [(&str, &str); 9] = [
    ("black", "friday"),
    ("good", "friday"),
    ("freaky", "friday"),
    ("cyber", "monday"),
    ("easter", "monday"),
    ("easter", "sunday"),
    ("palm", "sunday"),
    ("ash", "wednesday"),
    ("super", "tuesday"),
];

/// "Friday", "next Friday evening", "Fri, 4 December", "a week on Friday".
pub(super) fn weekday_phrase(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
    if let Some(found) = week_from(view, at) {
        return Some(found);
    }
    let (modifier, name_at) = match view.word(at) {
        "this" | "next" => (view.word(at), view.skip(at + 1, &["coming"])),
        "coming" => ("this", at + 1),
        "the" if view.is_any(at + 1, &["coming", "next"]) => (if view.is(at + 1, "next") { "next" } else { "this" }, at + 2),
        _ => ("", at),
    };
    let (weekday, is_word) = weekday(view.word(name_at))?;
    // A day that is over is no due date.
    let is_over = view.before(name_at) == "last" || modifier.is_empty() && view.before(at) == "last";
    if is_over || NAMED_DAYS.contains(&(view.before(name_at), view.word(name_at))) {
        return None;
    }
    let end = name_at + 1;
    if let Some(found) = dated(view, weekday, end).filter(|_| modifier != "next") {
        return Some(found);
    }
    let is_timed = view.known(end).is_some_and(|next| matches!(next.meaning, Meaning::Clock(_) | Meaning::Part(_)));
    // "sun" and "sat" are everyday words: something before or after has to say that a day is meant.
    let is_clear = (is_led || !modifier.is_empty()) && view.is_free(end) || is_timed || DayPart::named(view.word(end)).is_some();
    let is_last = view.is_end(end) && name_at > 0 && !view.is_any(name_at - 1, &["the", "a", "my", "in"]);
    if is_word && !is_clear && !is_last {
        return None;
    }
    let today = view.context.today();
    let found = match modifier {
        "next" => {
            let date = days(monday_of(today)?, 7 + i32::from(weekday.to_monday_zero_offset()))?;
            let nearest = on_or_after(days(today, 1)?, weekday)?;
            let note = (nearest != date).then(|| {
                format!(
                    "Next {} is taken as that of next week, {}; \u{201c}{}\u{201d} alone is {}.",
                    tell::weekday(weekday),
                    tell::date(date),
                    tell::weekday(weekday),
                    tell::date(nearest)
                )
            });
            on(end, date).with_note(note)
        }
        _ => Phrase::new(end, Meaning::Day { day: Day::Weekday(weekday), part: None }),
    };
    let found = if view.is_phrase(end, &["next", "week"]) && view.is_free(end + 2) {
        on(end + 2, days(monday_of(today)?, 7 + i32::from(weekday.to_monday_zero_offset()))?)
    } else if view.is_phrase(end, &["this", "week"]) && view.is_free(end + 2) {
        on(end + 2, days(monday_of(today)?, weekday.to_monday_zero_offset().into())?)
    } else {
        found
    };
    Some(with_part(view, found))
}

/// "a week on Friday", "two weeks from tomorrow".
fn week_from(view: View<'_>, at: usize) -> Option<Phrase> {
    let (length, end) = length(view.words, at).filter(|(length, _)| length.minutes == 0)?;
    let day_at = if view.is_any(end, &["on", "from", "after"]) { end + 1 } else { return None };
    let (date, end) = match view.word(day_at) {
        "today" => (view.context.today(), day_at + 1),
        "tomorrow" => (days(view.context.today(), 1)?, day_at + 1),
        name => (settled(&Day::Weekday(weekday(name)?.0), view.context)?, day_at + 1),
    };
    let date = date.checked_add(Span::new().try_months(length.months).ok()?.try_days(length.days).ok()?).ok()?;
    Some(with_part(view, on(end, date)))
}

/// The date behind a weekday: "Friday, 4 December". The date counts; a weekday that is not its own is told.
fn dated(view: View<'_>, weekday: Weekday, at: usize) -> Option<Phrase> {
    let start = view.skip(view.skip(at, &[",", "."]), &["the", "on"]);
    let found =
        month_day(view, start).map(|found| found.phrase).or_else(|| full(view, start)).or_else(|| numeric(view, start, true)).or_else(
            || {
                let number = ordinal_figures(view.word(start)).filter(|day| (1..=31).contains(day) && start > at)?;
                Some(Phrase::new(start + 1, Meaning::Day { day: Day::OfMonth(i8::try_from(number).ok()?), part: None }))
            },
        )?;
    let date = match &found.meaning {
        Meaning::Day { day: Day::On(date), .. } => Some(*date),
        _ => None,
    };
    let note = date.filter(|date| date.weekday() != weekday).map(|date| {
        format!("{} is a {}, not a {}: the date counts.", tell::date(date), tell::weekday(date.weekday()), tell::weekday(weekday))
    });
    Some(found.with_note(note))
}
