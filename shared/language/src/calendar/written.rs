//! Days as they are written: "31 May", "May 31st, 2027", "24/12", "24.12.", "2026-12-24T09:00", "in May".

use jiff::civil::{Date, DateTime};

use super::{YEARS, date_of, month, on, with_part, year};
use crate::grammar::{Day, Meaning, Phrase, View};
use crate::numbers::{figures, ordinal, ordinal_figures};
use crate::tell;
use crate::words::{Case, WordKind, is_dotted_date};

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

/// A day of a month, and its date.
pub(crate) struct MonthDay {
    pub(crate) month: i8,
    pub(crate) day: i8,
    pub(crate) phrase: Phrase,
}

/// "31 May", "the 31st of May 2027", "May 31st, 2027".
pub(crate) fn month_day(view: View<'_>, at: usize) -> Option<MonthDay> {
    let word_at = |at: usize| view.word(view.skip(at, &["the"]));
    let is_stretch = is_stretch(word_at(at)) || (month(word_at(at)).is_some() && is_stretch(view.word(at + 1)));
    let (month, day, end) = day_month(view, at).or_else(|| month_then_day(view, at))?;
    // "5 to 7 December", "December 5 to 7".
    let is_stretch = is_stretch || (at + 1..end).any(|at| view.is_any(at, &STRETCHING));
    let stretch = is_stretch.then(|| "A task has one date: the first is used.".to_owned());
    let (year, end) = year(view, end);
    let phrase = dated(view, (year, month, day), end);
    Some(MonthDay { month, day, phrase: if phrase.note.is_some() { phrase } else { phrase.with_note(stretch) } })
}

/// Words between the first and the last day of a range.
const STRETCHING: [&str; 6] = ["to", "-", "\u{2013}", "until", "till", "through"];

/// Returns the position after "to 7" that follows a day of a month.
fn stretch_end(view: View<'_>, at: usize, first: u32) -> Option<usize> {
    let last_at = view.skip(at + 1, &["the"]);
    let word = view.word(last_at);
    let last = ordinal_figures(word).or_else(|| figures(word)).filter(|last| first < *last && *last <= 31);
    last.filter(|_| view.is_any(at, &STRETCHING)).map(|_| last_at + 1)
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
    let last = stretch_end(view, start + 1, day).unwrap_or(start + 1);
    let after = view.skip(last, &["of", "."]);
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
    // "march 3 miles" is no date.
    let is_verb = at == 0 && view.words.first().is_some_and(|word| word.is("march") && word.case == Case::Other);
    if is_verb && !view.is_free(after + 1) {
        return None;
    }
    let end = stretch_end(view, after + 1, day).filter(|end| view.is_free(*end) || year(view, *end).0.is_some());
    Some((month, i8::try_from(day).ok()?, end.unwrap_or(after + 1)))
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
        // The current month's name means the next one, unless "this" precedes it.
        None if month == today.month() && view.is(start, "this") => today.last_of_month(),
        None => date_of(None, month, 1, view.context)?,
    };
    let day = if date.day() == 1 { Day::Month { first: date, is_dated: year.is_some() } } else { Day::On(date) };
    Some(Phrase::new(end, Meaning::Day { day, part: None }).with_note(Some(format!(
        "{} is read as its {}.",
        tell::month(month),
        if date.day() == 1 { "first day" } else { "last day" }
    ))))
}

/// A date written as one word: "09-JAN-2027", "12.Dec.2026", "3.January", "9jan", "2027-Jan-09".
pub(super) fn joined(view: View<'_>, at: usize) -> Option<Phrase> {
    let text = view.word(at).trim_end_matches('.');
    let fields = fields(text)?;
    let day = |text: &str| figures(text).filter(|day| text.len() <= 2 && (1..=31).contains(day)).and_then(|day| i8::try_from(day).ok());
    let (first, name, last) = match fields[..] {
        [first, name] if month(first).is_none() => (first, name, None),
        // "may5" may be anything, "may-5" is a day.
        [name, first] if text.contains(['-', '/', '.']) => (first, name, None),
        [first, name, last] if month(first).is_none() => (first, name, Some(last)),
        [name, first, last] => (first, name, Some(last)),
        _ => return None,
    };
    let month = month(name)?;
    let (number, year, end) = match last {
        None => {
            let (year, end) = year(view, at + 1);
            (day(first)?, year, end)
        }
        Some(last) if first.len() == 4 => (day(last)?, Some(full_year(first)?), at + 1),
        Some(last) => (day(first)?, Some(full_year(last)?), at + 1),
    };
    Some(dated(view, (year, month, number), end))
}

/// Returns the date, or a note if the calendar does not have it.
fn dated(view: View<'_>, (year, month, day): (Option<i16>, i8, i8), end: usize) -> Phrase {
    if let Some(date) = date_of(year, month, day, view.context) {
        return with_part(view, on(end, date));
    }
    let year = year.map(|year| format!(" {year}")).unwrap_or_default();
    let text = format!("There is no {day} {}{year}: it stays in the title.", tell::month(month));
    Phrase::new(end, Meaning::Impossible).with_note(Some(text))
}

/// Splits digits and letters at separators and at their boundaries: "9th-Jan-27" is 9, jan, 27.
fn fields(text: &str) -> Option<Vec<&str>> {
    let mut fields: Vec<&str> = Vec::new();
    for field in text.split(['-', '/', '.', ',', '\'']) {
        let border = field.find(|c: char| c.is_ascii_digit() != field.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(field.len());
        let (first, rest) = field.split_at(border);
        let rest = if first.starts_with(|c: char| c.is_ascii_digit()) && matches!(rest, "st" | "nd" | "rd" | "th") { "" } else { rest };
        let inner = rest.find(|c: char| c.is_ascii_digit() != rest.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(rest.len());
        let (second, third) = rest.split_at(inner);
        fields.extend([first, second, third].into_iter().filter(|field| !field.is_empty()));
    }
    (fields.len() <= 3 && fields.iter().any(|field| month(field).is_some())).then_some(fields)
}

/// "2027", "27".
fn full_year(text: &str) -> Option<i16> {
    let year = figures(text).map(|year| if text.len() == 2 { 2000 + year } else { year });
    i16::try_from(year.filter(|year| matches!(text.len(), 2 | 4) && YEARS.contains(year))?).ok()
}

/// "24/12", "12/24/2026", "24.12.", "24.12.2026", "24-12-2026", "2026/3/7", after "on" also "20261224".
pub(super) fn numeric(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
    let text = view.word(at);
    let Some(separator) = text.chars().find(|c| matches!(c, '/' | '.' | '-')) else { return compact(view, at, text, is_led) };
    let mut fields = text.trim_end_matches('.').split(separator);
    let field = |field: Option<&str>| figures(field.filter(|field| (1..=2).contains(&field.len()))?);
    let first = fields.next();
    if let Some(year) = first.filter(|first| first.len() == 4).and_then(full_year) {
        let (month, day) = (field(fields.next())?, field(fields.next())?);
        let is_whole = fields.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
        return is_whole.then_some(dated(view, (Some(year), i8::try_from(month).ok()?, i8::try_from(day).ok()?), at + 1));
    }
    let (first, second) = (field(first)?, field(fields.next())?);
    let year_field = fields.next();
    if fields.next().is_some() || (separator == '-' && year_field.is_none()) {
        return None;
    }
    let year = match year_field {
        None => None,
        Some(text) => Some(full_year(text)?),
    };
    // "24.12" may be a version or a price, "1/2" a half, and "24/7" means always.
    let joins = view.is_any(at + 1, &["and", "or", "of", "to"]);
    let is_clear =
        year.is_some() || is_led || (separator == '.' && is_dotted_date(text)) || (separator == '/' && view.is_free(at + 1) && !joins);
    if !is_clear || (text == "24/7" && !is_led) {
        return None;
    }
    // Full stops are used where the day comes first.
    let day_first = separator == '.' || !view.context.month_first;
    let (month, day, is_open) = match (first, second) {
        (first, second) if first > 12 => (second, first, false),
        (first, second) if second > 12 => (first, second, false),
        (first, second) if day_first => (second, first, separator != '.' && first != second),
        (first, second) => (first, second, first != second),
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let found = dated(view, (year, i8::try_from(month).ok()?, i8::try_from(day).ok()?), at + 1);
    let note = match &found.meaning {
        Meaning::Day { day: Day::On(date), .. } if is_open => {
            Some(format!("{text} is read as {}: {}.", if day_first { "day/month" } else { "month/day" }, tell::date(*date)))
        }
        _ => None,
    };
    Some(found.with_note(note))
}

/// "20261224", if a word announces a date.
fn compact(view: View<'_>, at: usize, text: &str, is_led: bool) -> Option<Phrase> {
    let is_form = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) && is_led;
    let date: Date = if is_form { text.parse().ok()? } else { return None };
    Some(with_part(view, on(at + 1, date)))
}
