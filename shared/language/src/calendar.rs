//! Days: "tomorrow", "next Friday", "31 May", "24/12", "2026-12-24", "the 15th", "in 3 days", "end of the month".

mod counted;
mod relative;
mod written;

use jiff::Span;
use jiff::civil::{Date, Weekday};

use self::counted::{day_of_month, edge, feast, nth_in_month};
use self::relative::{ahead, relative, weekday_phrase};
use self::written::{full, joined, numeric, whole_month};
use crate::grammar::{Context, Day, DayPart, Meaning, Phrase, Role, View};
use crate::numbers::{figures, ordinal_figures};

pub(crate) use counted::{NthKind, feast_day, nth, nth_kind};
pub(crate) use written::month_day;

/// Returns the phrase that begins at `at`, if it is a day.
pub(crate) fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    let (role, start) = lead(view, at);
    let is_led = start > at;
    let found = full(view, start)
        .or_else(|| relative(view, at, start))
        .or_else(|| ahead(view, at, start))
        .or_else(|| weekday_phrase(view, start, is_led))
        .or_else(|| edge(view, at, false))
        .or_else(|| edge(view, if view.is(at, "in") { at + 1 } else { start }, is_led))
        .or_else(|| nth_in_month(view, start))
        .or_else(|| month_day(view, start).map(|found| found.phrase))
        .or_else(|| whole_month(view, at, start))
        // "at 9.30" is a time.
        .or_else(|| joined(view, start))
        .or_else(|| numeric(view, start, is_led && !view.is_any(at, &["at", "@"])))
        .or_else(|| day_of_month(view, at, start))
        .or_else(|| feast(view, start, is_led))?;
    let is_over = |words: &&&[&str]| view.is_phrase(found.end, words) && view.is_end(found.end + words.len());
    let role = if found.role == Role::Plain { role } else { found.role };
    let after: [&[&str]; 6] = [&["at", "the", "latest"], &["latest"], &["all", "day"], &["only"], &["on"], &["onwards"]];
    // "from Friday on".
    let after = if role == Role::From { &after[..] } else { &after[..4] };
    let end = found.end + after.iter().find(is_over).map_or(0, |words| words.len());
    Some(Phrase { end, role, ..found })
}

/// Returns the words that lead to a day, and where it begins.
fn lead(view: View<'_>, at: usize) -> (Role, usize) {
    for (words, role) in [
        (&["due", "on"][..], Role::Due),
        (&["due", "by"], Role::Due),
        (&["due", ":"], Role::Due),
        (&["due"], Role::Due),
        (&["date", ":"], Role::Plain),
        (&["when", ":"], Role::Plain),
        (&["on", ":"], Role::Plain),
        (&["by", ":"], Role::Due),
        (&["start", ":"], Role::From),
        (&["starting", ":"], Role::From),
        (&["until", ":"], Role::Until),
        (&["deadline", "is"], Role::Due),
        (&["deadline", ":"], Role::Due),
        (&["deadline"], Role::Due),
        (&["by"], Role::Due),
        (&["not", "later", "than"], Role::Due),
        (&["no", "later", "than"], Role::Due),
        (&["at", "the", "latest", "by"], Role::Due),
        (&["at", "the", "latest", "on"], Role::Due),
        (&["at", "the", "latest"], Role::Due),
        (&["latest", "by"], Role::Due),
        (&["latest"], Role::Due),
        (&["sometime", "on"], Role::Plain),
        (&["sometime"], Role::Plain),
        (&["before"], Role::Before),
        (&["after"], Role::After),
        (&["since"], Role::After),
        (&["starting", "on"], Role::From),
        (&["starting", "from"], Role::From),
        (&["starting", "in"], Role::From),
        (&["beginning", "in"], Role::From),
        (&["starting"], Role::From),
        (&["beginning", "on"], Role::From),
        (&["beginning"], Role::From),
        (&["from"], Role::From),
        (&["up", "to"], Role::Until),
        (&["up", "until"], Role::Until),
        (&["up", "till"], Role::Until),
        (&["until"], Role::Until),
        (&["till"], Role::Until),
        (&["til"], Role::Until),
        (&["through"], Role::Until),
        (&["ending", "on"], Role::Until),
        (&["ending", "in"], Role::Until),
        (&["ending"], Role::Until),
        (&["only", "on"], Role::Plain),
        (&["all", "day", "on"], Role::Plain),
        (&["all", "day"], Role::Plain),
        (&["on"], Role::Plain),
        (&["for"], Role::Plain),
        (&["at"], Role::Plain),
        (&["@"], Role::Plain),
    ] {
        // "beginning of May" is a day of its own.
        if view.is_phrase(at, words) && !view.is(at + words.len(), "of") {
            return (role, at + words.len());
        }
    }
    (Role::Plain, at)
}

fn on(end: usize, date: Date) -> Phrase {
    Phrase::new(end, Meaning::Day { day: Day::On(date), part: None })
}

/// Adds a following "morning" or similar.
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

/// True if a word names a day by itself, so that a time can follow it: "tomorrow", "friday".
pub(crate) fn is_day_word(word: &str) -> bool {
    relative::near(word).is_some() || weekday(word).is_some_and(|(_, is_word)| !is_word)
}

/// True if "remind me" precedes this word, so that the phrase counts from the due date.
pub(crate) fn is_reminders(view: View<'_>, at: usize) -> bool {
    let me = view.before(at) == "me" && view.is_any(at.wrapping_sub(2), &["remind", "alert", "notify", "ping"]);
    me || view.is_any(at.wrapping_sub(1), &["reminder", "remind"])
}

/// True if a date in figures ends before this word: "Jan 2nd", "the 2nd", "2 January", "January 2", "24/12", "2027-01-02".
pub(crate) fn ends_date(view: View<'_>, at: usize) -> bool {
    let word = view.before(at);
    let is_written =
        word.contains(['/', '.', '-']) && word.starts_with(|c: char| c.is_ascii_digit()) && word.split(['/', '.', '-']).all(is_field);
    let is_after_month = || at > 1 && figures(word).is_some() && (month(view.word(at - 2)).is_some() || view.is(at - 2, ","));
    is_written || ordinal_figures(word).is_some() || month(word).is_some() || is_after_month()
}

/// True for a part of a date: "24", "2027", "jan", and the empty text after a final full stop.
fn is_field(text: &str) -> bool {
    text.is_empty() || figures(text).is_some() || month(text).is_some()
}

/// Returns the working day this many working days later.
fn workdays(from: Date, number: u32) -> Option<Date> {
    let is_workday = |date: &Date| date.weekday().to_monday_zero_offset() <= 4;
    let ahead = std::iter::successors(from.tomorrow().ok(), |date| date.tomorrow().ok()).filter(is_workday);
    ahead.take(WORKDAYS_AHEAD).nth(usize::try_from(number.checked_sub(1)?).ok()?)
}

/// Maximum working days counted ahead: more than two years.
const WORKDAYS_AHEAD: usize = 600;

fn days(date: Date, number: i32) -> Option<Date> {
    date.checked_add(Span::new().try_days(number).ok()?).ok()
}

fn monday_of(date: Date) -> Option<Date> {
    days(date, -i32::from(date.weekday().to_monday_zero_offset()))
}

/// Returns the first such weekday, `date` included.
pub(crate) fn on_or_after(date: Date, weekday: Weekday) -> Option<Date> {
    days(date, i32::from(weekday.since(date.weekday())))
}

/// Returns a weekday's name, and whether it is also an everyday word.
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

/// Returns the number of a month's name.
pub(crate) fn month(text: &str) -> Option<i8> {
    let number = MONTHS.iter().position(|(name, short)| *name == text || *short == text || (*short == "sep" && text == "sept"))?;
    i8::try_from(number + 1).ok()
}

/// Range of years in a sentence.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2200;

/// Two-digit years: numbers above the hours of a day are years of this century, as in "9 Jan 27".
const SHORT_YEARS: std::ops::RangeInclusive<u32> = 25..=99;

/// "2027", ", 2027", "'27", "27", "next year".
pub(crate) fn year(view: View<'_>, at: usize) -> (Option<i16>, usize) {
    for (words, ahead) in [(&["next", "year"][..], 1), (&["this", "year"], 0)] {
        if view.is_phrase(at, words) && view.is_free(at + 2) {
            return (view.context.today().year().checked_add(ahead), at + 2);
        }
    }
    let start = view.skip(view.skip(at, &[","]), &["'"]);
    let word = view.word(start);
    let is_short = |year: &u32| word.len() == 2 && SHORT_YEARS.contains(year) && view.is_free(start + 1) && !view.is(at, ",");
    let year = figures(word).and_then(|year| match word.len() {
        4 if YEARS.contains(&year) => Some(year),
        _ => Some(year).filter(is_short).map(|year| 2000 + year),
    });
    let year = year.and_then(|year| i16::try_from(year).ok());
    if year.is_some() { (year, start + 1) } else { (None, at) }
}

/// Years searched for a date without a year: 29 February can be eight years away.
const YEARS_AHEAD: i16 = 8;

/// Returns the date in this year, or in the next year that has it, if it is not over.
pub(crate) fn date_of(year: Option<i16>, month: i8, day: i8, context: &Context) -> Option<Date> {
    if let Some(year) = year {
        return Date::new(year, month, day).ok();
    }
    let today = context.today();
    (0..=YEARS_AHEAD).find_map(|ahead| Date::new(today.year().checked_add(ahead)?, month, day).ok().filter(|date| *date >= today))
}
