//! Days: "tomorrow", "next Friday", "31 May", "24/12", "2026-12-24", "the 15th", "in 3 days", "end of the month".

mod counted;
mod relative;
mod written;

use jiff::Span;
use jiff::civil::{Date, Weekday};

use self::counted::{day_of_month, edge, feast, nth_in_month};
use self::relative::{ahead, relative, weekday_phrase};
use self::written::{full, numeric, whole_month};
use crate::grammar::{Context, Day, DayPart, Meaning, Phrase, Role, View};
use crate::numbers::figures;

pub(crate) use counted::{NthKind, feast_day, nth, nth_kind};
pub(crate) use written::month_day;

/// The phrase that begins at `at`, if it is a day.
pub(crate) fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    let (role, start) = lead(view, at);
    let is_led = start > at;
    let found = full(view, start)
        .or_else(|| relative(view, at, start))
        .or_else(|| ahead(view, at, start))
        .or_else(|| weekday_phrase(view, start, is_led))
        .or_else(|| edge(view, if view.is(at, "in") { at + 1 } else { start }, is_led))
        .or_else(|| nth_in_month(view, start))
        .or_else(|| month_day(view, start).map(|found| found.phrase))
        .or_else(|| whole_month(view, at, start))
        // "at 9.30" is a time.
        .or_else(|| numeric(view, start, is_led && !view.is_any(at, &["at", "@"])))
        .or_else(|| day_of_month(view, at, start))
        .or_else(|| feast(view, start, is_led))?;
    Some(Phrase { role: if found.role == Role::Plain { role } else { found.role }, ..found })
}

/// The words that lead to a day, and where it begins.
fn lead(view: View<'_>, at: usize) -> (Role, usize) {
    for (words, role) in [
        (&["due", "on"][..], Role::Due),
        (&["due", "by"], Role::Due),
        (&["due", ":"], Role::Due),
        (&["due"], Role::Due),
        (&["deadline", "is"], Role::Due),
        (&["deadline", ":"], Role::Due),
        (&["deadline"], Role::Due),
        (&["by"], Role::Due),
        (&["not", "later", "than"], Role::Due),
        (&["no", "later", "than"], Role::Due),
        (&["before"], Role::Before),
        (&["after"], Role::After),
        (&["since"], Role::After),
        (&["starting", "on"], Role::From),
        (&["starting", "from"], Role::From),
        (&["starting"], Role::From),
        (&["beginning", "on"], Role::From),
        (&["beginning"], Role::From),
        (&["from"], Role::From),
        (&["up", "to"], Role::Until),
        (&["until"], Role::Until),
        (&["till"], Role::Until),
        (&["til"], Role::Until),
        (&["through"], Role::Until),
        (&["ending", "on"], Role::Until),
        (&["ending"], Role::Until),
        (&["on"], Role::Plain),
        (&["for"], Role::Plain),
        (&["at"], Role::Plain),
        (&["@"], Role::Plain),
    ] {
        if view.is_phrase(at, words) {
            return (role, at + words.len());
        }
    }
    (Role::Plain, at)
}

fn on(end: usize, date: Date) -> Phrase {
    Phrase::new(end, Meaning::Day { day: Day::On(date), part: None })
}

/// With the "morning" that follows.
fn with_part(view: View<'_>, phrase: Phrase) -> Phrase {
    let (part, end) = match DayPart::named(view.word(phrase.end)) {
        Some(part) if view.is_free(phrase.end + 1) => (Some(part), phrase.end + 1),
        _ => return phrase,
    };
    match phrase.meaning {
        Meaning::Day { day, .. } => Phrase { end, meaning: Meaning::Day { day, part }, ..phrase },
        meaning => Phrase { meaning, ..phrase },
    }
}

fn days(date: Date, number: i32) -> Option<Date> {
    date.checked_add(Span::new().try_days(number).ok()?).ok()
}

fn monday_of(date: Date) -> Option<Date> {
    days(date, -i32::from(date.weekday().to_monday_zero_offset()))
}

/// The first such weekday, `date` itself included.
pub(crate) fn on_or_after(date: Date, weekday: Weekday) -> Option<Date> {
    days(date, i32::from(weekday.since(date.weekday())))
}

/// A weekday's name, and whether it is an everyday word as well.
pub(crate) fn weekday(text: &str) -> Option<(Weekday, bool)> {
    Some(match text {
        "monday" => (Weekday::Monday, false),
        "mon" => (Weekday::Monday, true),
        "tuesday" | "tue" | "tues" => (Weekday::Tuesday, false),
        "wednesday" | "weds" => (Weekday::Wednesday, false),
        "wed" => (Weekday::Wednesday, true),
        "thursday" | "thu" | "thur" | "thurs" => (Weekday::Thursday, false),
        "friday" | "fri" => (Weekday::Friday, false),
        "saturday" => (Weekday::Saturday, false),
        "sat" => (Weekday::Saturday, true),
        "sunday" => (Weekday::Sunday, false),
        "sun" => (Weekday::Sunday, true),
        _ => return None,
    })
}

const MONTHS: [(&str, &str); 12] = [
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
];

/// A month's name as its number.
pub(crate) fn month(text: &str) -> Option<i8> {
    let number = MONTHS.iter().position(|(name, short)| *name == text || *short == text || (*short == "sep" && text == "sept"))?;
    i8::try_from(number + 1).ok()
}

/// The years that a year in a sentence can be.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2200;

/// "2027", ", 2027".
fn year(view: View<'_>, at: usize) -> (Option<i16>, usize) {
    let start = view.skip(at, &[","]);
    let year = figures(view.word(start))
        .filter(|year| view.word(start).len() == 4 && YEARS.contains(year))
        .and_then(|year| i16::try_from(year).ok());
    if year.is_some() { (year, start + 1) } else { (None, at) }
}

/// How far ahead a date without a year is looked for: 29 February can be eight years away.
const YEARS_AHEAD: i16 = 8;

/// The date, of this year or the next that has it and is not over.
pub(crate) fn date_of(year: Option<i16>, month: i8, day: i8, context: &Context) -> Option<Date> {
    if let Some(year) = year {
        return Date::new(year, month, day).ok();
    }
    let today = context.today();
    (0..=YEARS_AHEAD).find_map(|ahead| Date::new(today.year().checked_add(ahead)?, month, day).ok().filter(|date| *date >= today))
}
