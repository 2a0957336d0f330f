//! Counted days: "the 15th", "last Friday of the month", "end of the year", "before Christmas".

use jiff::Span;
use jiff::civil::{Date, Weekday};

use super::{date_of, days, lead, monday_of, month, on, on_or_after, weekday, with_part, year};
use crate::grammar::{Day, Meaning, Phrase, View};
use crate::numbers::{ordinal, ordinal_figures};
use crate::tell;

/// "on the 15th", "the 15th", "by the 1st of next month".
pub(super) fn day_of_month(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
    let name_at = view.skip(start, &["the"]);
    let word = view.word(name_at);
    let is_led = start > at;
    // "second" and "first" are everyday words; "on the first" is a day.
    let is_of_month = view.is(name_at + 1, "of") && of_month(view, name_at + 1).is_some();
    let number = if is_led && (name_at > start || is_of_month) { ordinal(word) } else { ordinal_figures(word) }
        .filter(|day| (1..=31).contains(day))?;
    let day = i8::try_from(number).ok()?;
    if let Some((first, end)) = of_month(view, name_at + 1) {
        let date = Date::new(first.year(), first.month(), day).ok()?;
        // "The 1st of the month" is the next one.
        let is_over = date < view.context.today() && !view.is(end - 2, "this");
        let date = if is_over { date.checked_add(Span::new().months(1)).ok()? } else { date };
        return Some(with_part(view, on(end, date)));
    }
    let is_clear = name_at > start || is_led;
    let is_alone = is_clear || view.is_end(name_at + 1) && name_at > 0;
    // "The second Friday" is not a time unit.
    let is_counting =
        view.known(name_at + 1).is_some_and(|next| matches!(next.meaning, Meaning::Day { .. })) && lead(view, name_at + 1).1 == name_at + 1;
    if !is_alone || is_counting || !view.is_free(name_at + 1) || view.is(name_at + 1, "of") {
        return None;
    }
    Some(with_part(view, Phrase::new(name_at + 1, Meaning::Day { day: Day::OfMonth(day), part: None })))
}

/// "of the month", "of this month", "of next month", "of May", "in December": the first day of that month.
fn of_month(view: View<'_>, at: usize) -> Option<(Date, usize)> {
    // "of next month", and "first Monday next month".
    let is_month = view.is_any(at, &["next", "this"]) && view.is(at + 1, "month");
    let at = if view.is_any(at, &["of", "in"]) { at } else { is_month.then(|| at.checked_sub(1))?? };
    let today = view.context.today();
    let this = today.first_of_month();
    let following = this.checked_add(Span::new().months(1)).ok()?;
    match (view.word(at + 1), view.word(at + 2)) {
        ("the" | "this", "month") => Some((this, at + 3)),
        ("month", _) => Some((this, at + 2)),
        ("next", "month") => Some((following, at + 3)),
        ("the", "year") => Some((today.first_of_year(), at + 3)),
        (name, _) => {
            let month = month(name)?;
            let (year, end) = year(view, at + 2);
            let last = |year: i16| Date::new(year, month, 1).ok();
            let date = match year {
                Some(year) => last(year)?,
                None => last(today.year()).filter(|first| first.last_of_month() >= today).or_else(|| last(today.year().checked_add(1)?))?,
            };
            Some((date, end))
        }
    }
}

/// "last Friday of the month", "first Monday in December", "last day of next month", "last working day of the month".
pub(super) fn nth_in_month(view: View<'_>, at: usize) -> Option<Phrase> {
    let at = view.skip(at, &["the"]);
    let (number, after) = nth(view, at)?;
    let (kind, after) = nth_kind(view, after)?;
    let (first, end) = of_month(view, after)?;
    let is_open_month = view.is_phrase(after, &["of", "the"]) || view.is_phrase(after, &["in", "the"]);
    let today = view.context.today();
    let this = nth_date(first, number, kind)?;
    let date = if is_open_month && this < today { nth_date(first.checked_add(Span::new().months(1)).ok()?, number, kind)? } else { this };
    Some(with_part(view, on(end, date)))
}

/// The unit counted in a month.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NthKind {
    Day,
    Weekday(Weekday),
    Workday,
}

/// "third", "3rd", or from the end if negative: "last", "second last", "second to last", "penultimate"; and where it ends.
pub(crate) fn nth(view: View<'_>, at: usize) -> Option<(i8, usize)> {
    for (words, number) in [(&["last", "but", "one"][..], -2), (&["next", "to", "last"], -2), (&["penultimate"], -2), (&["last"], -1)] {
        if view.is_phrase(at, words) {
            return Some((number, at + words.len()));
        }
    }
    let word = view.word(at);
    if let Some(number) = word.strip_suffix("-to-last").or_else(|| word.strip_suffix("-last")) {
        return Some((-place(number)?, at + 1));
    }
    let number = place(word)?;
    let to = view.skip(at + 1, &["to"]);
    Some(if view.is(to, "last") { (-number, to + 1) } else { (number, at + 1) })
}

/// "third", "3rd", up to the number of days of a month.
fn place(word: &str) -> Option<i8> {
    ordinal(word).filter(|number| (1..=31).contains(number)).and_then(|number| i8::try_from(number).ok())
}

/// "Friday", "day", "working day", and where it ends.
pub(crate) fn nth_kind(view: View<'_>, at: usize) -> Option<(NthKind, usize)> {
    let kind = match view.word(at) {
        "day" => NthKind::Day,
        "workday" | "weekday" => NthKind::Workday,
        // A weekend means its Saturday.
        "weekend" => NthKind::Weekday(Weekday::Saturday),
        "working" | "business" | "work" if view.is(at + 1, "day") => return Some((NthKind::Workday, at + 2)),
        name => NthKind::Weekday(weekday(name)?.0),
    };
    Some((kind, at + 1))
}

/// Returns the n-th or last unit of a month.
pub(super) fn nth_date(first: Date, number: i8, kind: NthKind) -> Option<Date> {
    match kind {
        NthKind::Weekday(weekday) => first.nth_weekday_of_month(number, weekday).ok(),
        NthKind::Day if number < 0 => Date::new(first.year(), first.month(), first.days_in_month() + 1 + number).ok(),
        NthKind::Day => Date::new(first.year(), first.month(), number).ok(),
        NthKind::Workday => {
            let is_workday = |date: &Date| date.weekday().to_monday_zero_offset() <= 4;
            let mut all = (1..=first.days_in_month()).filter_map(|day| Date::new(first.year(), first.month(), day).ok()).filter(is_workday);
            let place = usize::from(number.unsigned_abs()) - 1;
            if number < 0 { all.nth_back(place) } else { all.nth(place) }
        }
    }
}

/// "end of the month", "beginning of next month", "mid May", "end of year", "eom".
pub(super) fn edge(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
    let today = view.context.today();
    let at = view.skip(at, &["the"]);
    match view.word(at) {
        "eom" => return Some(on(at + 1, today.last_of_month())),
        "eoy" => return Some(on(at + 1, today.last_of_year())),
        "eow" => return end_of_week(at + 1, today),
        _ => {}
    }
    let word = view.word(at);
    let (which, after) = match word {
        "end" | "start" | "beginning" | "middle" if view.is(at + 1, "of") => (word, at + 2),
        "month" | "year" if view.is(at + 1, "end") => {
            return Some(on(at + 2, if word == "month" { today.last_of_month() } else { today.last_of_year() }));
        }
        "mid" => ("middle", view.skip(at + 1, &["-"])),
        "early" | "late" if is_led || month(view.word(at + 1)).is_some() || view.is(at + 1, "next") => {
            (if word == "early" { "start" } else { "end" }, at + 1)
        }
        joined => ("middle", mid_joined(joined, at)?),
    };
    let (modifier, name_at) = match view.word(after) {
        "the" | "this" => ("", after + 1),
        "next" => ("next", after + 1),
        _ => ("", after),
    };
    let name = view.word(name_at).trim_start_matches("mid-");
    let (first, last, end) = match name {
        "month" => {
            let first =
                if modifier == "next" { today.first_of_month().checked_add(Span::new().months(1)).ok()? } else { today.first_of_month() };
            (first, first.last_of_month(), name_at + 1)
        }
        "quarter" => {
            let months = i32::from((today.month() - 1) % 3);
            let first = today.first_of_month().checked_sub(Span::new().months(months)).ok()?;
            let first = if modifier == "next" { first.checked_add(Span::new().months(3)).ok()? } else { first };
            (first, first.checked_add(Span::new().months(2)).ok()?.last_of_month(), name_at + 1)
        }
        "year" => {
            let first =
                if modifier == "next" { today.first_of_year().checked_add(Span::new().years(1)).ok()? } else { today.first_of_year() };
            (first, first.last_of_year(), name_at + 1)
        }
        "week" if which == "end" => return end_of_week(name_at + 1, if modifier == "next" { days(today, 7)? } else { today }),
        "week" => return days(monday_of(today)?, if which == "start" { 7 } else { 9 }).map(|day| on(name_at + 1, day)),
        name => {
            let (first, end) = named_month(view, name, name_at + 1)?;
            (first, first.last_of_month(), end)
        }
    };
    let date = match (which, name) {
        ("end", _) => last,
        ("middle", "year") => Date::new(first.year(), 7, 1).ok()?,
        ("middle", _) => Date::new(first.year(), first.month(), 15).ok()?,
        _ => first,
    };
    // On the 20th, the middle of the month means the next month's.
    let later = match name {
        "month" => Span::new().months(1),
        "year" => Span::new().years(1),
        _ => Span::new(),
    };
    let is_over = date < today && modifier.is_empty();
    Some(on(end, if is_over { date.checked_add(later).ok()? } else { date }))
}

/// Returns the position of "May" in "mid-May".
fn mid_joined(word: &str, at: usize) -> Option<usize> {
    let name = word.strip_prefix("mid-")?;
    (month(name).is_some() || name == "month").then_some(at)
}

/// Returns the first day of this month: of this year's, unless it is over.
fn named_month(view: View<'_>, name: &str, end: usize) -> Option<(Date, usize)> {
    let month = month(name)?;
    let (year, end) = year(view, end);
    let today = view.context.today();
    let first = |year: i16| Date::new(year, month, 1).ok();
    let date = match year {
        Some(year) => first(year)?,
        None => first(today.year()).filter(|first| first.last_of_month() >= today).or_else(|| first(today.year().checked_add(1)?))?,
    };
    Some((date, end))
}

/// Friday, or Sunday on a weekend.
fn end_of_week(end: usize, from: Date) -> Option<Phrase> {
    let last = if from.weekday().to_monday_zero_offset() <= 4 { Weekday::Friday } else { Weekday::Sunday };
    Some(on(end, on_or_after(from, last)?).with_note(Some(format!("The end of the week is read as {}.", tell::weekday(last)))))
}

/// Named days.
const FEASTS: [(&[&str], i8, i8); 9] = [
    (&["christmas", "eve"], 12, 24),
    (&["christmas", "day"], 12, 25),
    (&["christmas"], 12, 25),
    (&["xmas"], 12, 25),
    (&["new", "year's", "eve"], 12, 31),
    (&["new", "year's", "day"], 1, 1),
    (&["new", "year"], 1, 1),
    (&["halloween"], 10, 31),
    (&["valentine's", "day"], 2, 14),
];

/// Returns month and day of a feast, and where its name ends.
pub(crate) fn feast_day(view: View<'_>, at: usize) -> Option<(i8, i8, usize)> {
    FEASTS.iter().find(|(words, _, _)| view.is_phrase(at, words)).map(|(words, month, day)| (*month, *day, at + words.len()))
}

/// "before Christmas", "on New Year's Eve". Without such a word, the name is part of the title.
pub(super) fn feast(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
    let (month, day, end) = feast_day(view, at)?;
    // "before Christmas" may have been read as far as "before".
    let is_led = is_led || view.before(at) == "before";
    if !is_led || view.is_any(at.wrapping_sub(1), &["for", "@"]) || !view.is_free(end) {
        return None;
    }
    Some(with_part(view, on(end, date_of(None, month, day, view.context)?)))
}
