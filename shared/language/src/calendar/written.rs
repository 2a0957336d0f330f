//! Days as they are written: "31 May", "May 31st, 2027", "24/12", "24.12.", "2026-12-24T09:00", "in May".

use jiff::civil::{Date, DateTime};

use super::{YEARS, date_of, month, on, with_part, year};
use crate::grammar::{Meaning, Phrase, View};
use crate::numbers::{figures, ordinal};
use crate::tell;
use crate::words::{WordKind, is_dotted_date};

/// "2026-12-24", "2026-12-24T09:00", with or without an offset.
pub(super) fn full(view: View<'_>, at: usize) -> Option<Phrase> {
    let text = view.words.get(at).filter(|word| word.kind == WordKind::Word)?.lower.to_uppercase();
    let form = |text: &str| {
        text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(index, byte)| if matches!(index, 4 | 7) { matches!(byte, b'-' | b'/') } else { byte.is_ascii_digit() })
    };
    let (date, rest) = text.split_at_checked(10).filter(|(date, _)| form(date))?;
    let date: Date = date.replace('/', "-").parse().ok()?;
    if rest.is_empty() {
        return Some(on(at + 1, date));
    }
    rest.starts_with('T').then_some(())?;
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(Phrase::new(at + 1, Meaning::Instant(instant)));
    }
    let local: DateTime = format!("{date}{rest}").parse().ok()?;
    Some(Phrase::new(at + 1, Meaning::Local(local)))
}

/// A day and a month, and the date that it is.
pub(crate) struct MonthDay {
    pub(crate) month: i8,
    pub(crate) day: i8,
    pub(crate) phrase: Phrase,
}

/// "31 May", "the 31st of May 2027", "May 31st, 2027".
pub(crate) fn month_day(view: View<'_>, at: usize) -> Option<MonthDay> {
    let word_at = |at: usize| view.word(view.skip(at, &["the"]));
    let is_stretch = is_stretch(word_at(at)) || (month(word_at(at)).is_some() && is_stretch(view.word(at + 1)));
    let stretch = is_stretch.then(|| "A task has one date: the first is taken.".to_owned());
    let (month, day, end) = day_month(view, at).or_else(|| month_then_day(view, at))?;
    let (year, end) = year(view, end);
    let date = date_of(year, month, day, view.context);
    let phrase = if let Some(date) = date {
        on(end, date).with_note(stretch)
    } else {
        let year = year.map(|year| format!(" {year}")).unwrap_or_default();
        let text = format!("There is no {day} {}{year}: it stays in the title.", tell::month(month));
        Phrase::new(end, Meaning::Impossible).with_note(Some(text))
    };
    Some(MonthDay { month, day, phrase: with_part(view, phrase) })
}

/// "3-5": the days from the 3rd to the 5th.
fn is_stretch(word: &str) -> bool {
    first_of_stretch(word) != word
}

/// The "3" of "3-5"; any other word itself.
fn first_of_stretch(word: &str) -> &str {
    let days = word.split_once(['-', '\u{2013}']);
    let is_stretch =
        |(first, last): &(&str, &str)| figures(first).zip(figures(last)).is_some_and(|(first, last)| first < last && last <= 31);
    days.filter(is_stretch).map_or(word, |(first, _)| first)
}

fn day_month(view: View<'_>, at: usize) -> Option<(i8, i8, usize)> {
    let start = view.skip(at, &["the"]);
    let word = first_of_stretch(view.word(start).trim_end_matches('.'));
    let day = ordinal(word).or_else(|| figures(word)).filter(|day| (1..=31).contains(day))?;
    let after = view.skip(start + 1, &["of", "."]);
    let month = month(view.word(after))?;
    let end = view.skip(after + 1, if view.is_end(after + 1) { &[] } else { &["."] });
    Some((month, i8::try_from(day).ok()?, end))
}

fn month_then_day(view: View<'_>, at: usize) -> Option<(i8, i8, usize)> {
    let month = month(view.word(at))?;
    let after = view.skip(view.skip(at + 1, &["."]), &["the"]);
    let word = first_of_stretch(view.word(after));
    let is_time = view.is_any(after + 1, &["am", "pm", "o'clock"]);
    let day = ordinal(word).or_else(|| figures(word).filter(|_| word.len() <= 2)).filter(|day| (1..=31).contains(day) && !is_time)?;
    Some((month, i8::try_from(day).ok()?, after + 1))
}

/// "in May", "by March 2027", "next May": its first day.
pub(super) fn whole_month(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
    let is_in = view.is(at, "in");
    let start = if is_in { at + 1 } else { start };
    let (is_modified, name_at) = match view.word(start) {
        "next" | "this" => (true, start + 1),
        _ => (false, start),
    };
    let month = month(view.word(name_at))?;
    let (year, end) = year(view, name_at + 1);
    let is_led = start > at && !view.is_any(at, &["on", "at", "@", "for"]);
    if !(is_led || is_modified || year.is_some()) || !view.is_free(end) {
        return None;
    }
    let today = view.context.today();
    let date = match year {
        Some(year) => Date::new(year, month, 1).ok()?,
        // The month that it is now: the next one of its name, unless it is said to be this.
        None if month == today.month() && view.is(start, "this") => today.last_of_month(),
        None => date_of(None, month, 1, view.context)?,
    };
    Some(on(end, date).with_note(Some(format!(
        "{} is taken as its {}.",
        tell::month(month),
        if date.day() == 1 { "first day" } else { "last day" }
    ))))
}

/// "24/12", "12/24/2026", "24.12.", "24.12.2026", "24-12-2026".
pub(super) fn numeric(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
    let text = view.word(at);
    let separator = text.chars().find(|c| matches!(c, '/' | '.' | '-'))?;
    let mut fields = text.trim_end_matches('.').split(separator);
    let field = |field: Option<&str>| figures(field.filter(|field| (1..=2).contains(&field.len()))?);
    let (first, second) = (field(fields.next())?, field(fields.next())?);
    let year_field = fields.next();
    if fields.next().is_some() || (separator == '-' && year_field.is_none()) {
        return None;
    }
    let year = match year_field {
        None => None,
        Some(text) if text.len() == 2 => Some(2000 + i16::try_from(figures(text)?).ok()?),
        Some(text) if text.len() == 4 => Some(i16::try_from(figures(text).filter(|year| YEARS.contains(year))?).ok()?),
        Some(_) => return None,
    };
    // "24.12" may be a version or a price, "1/2" a half and "24/7" is always.
    let joins = view.is_any(at + 1, &["and", "or", "of", "to"]);
    let is_clear =
        year.is_some() || is_led || (separator == '.' && is_dotted_date(text)) || (separator == '/' && view.is_free(at + 1) && !joins);
    if !is_clear || (text == "24/7" && !is_led) {
        return None;
    }
    let day_first = separator != '/' || !view.context.month_first;
    let (month, day, is_open) = match (first, second) {
        (first, second) if first > 12 => (second, first, false),
        (first, second) if second > 12 => (first, second, false),
        (first, second) if day_first => (second, first, separator == '/' && first != second),
        (first, second) => (first, second, first != second),
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let Some(date) = date_of(year, month, day, view.context) else {
        let text = format!(
            "There is no {day} {}{}: it stays in the title.",
            tell::month(month),
            year.map(|year| format!(" {year}")).unwrap_or_default()
        );
        return Some(Phrase::new(at + 1, Meaning::Impossible).with_note(Some(text)));
    };
    let note = is_open.then(|| {
        let order = if day_first { "day/month" } else { "month/day" };
        format!("{text} is read as {order}: {}.", tell::date(date))
    });
    Some(with_part(view, on(at + 1, date).with_note(note)))
}
