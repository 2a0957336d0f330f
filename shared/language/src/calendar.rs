//! Days: "tomorrow", "next Friday", "31 May", "24/12", "2026-12-24", "the 15th", "in 3 days", "end of the month".

use jiff::Span;
use jiff::civil::{Date, DateTime, Weekday};

use crate::numbers::{figures, length, ordinal, ordinal_figures};
use crate::phrases::{Context, Day, DayPart, Meaning, Phrase, Role, View};
use crate::tell;
use crate::words::{WordKind, is_dotted_date};

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

/// "2026-12-24", "2026-12-24T09:00", with or without an offset.
fn full(view: View<'_>, at: usize) -> Option<Phrase> {
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

/// "today", "tomorrow evening", "the day after tomorrow", "tonight", "this evening", "next week", "this weekend".
fn relative(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
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
        "weekend" if view.is_phrase(at, &["at", "the"]) || view.is_phrase(at, &["on", "the"]) => return None,
        "the" if view.is(start + 1, "weekend") && start > at && view.is_free(start + 2) => weekend(view.context, start + 2)?,
        _ => return None,
    };
    Some(with_part(view, found))
}

fn weekend(context: &Context, end: usize) -> Option<Phrase> {
    // On a Saturday or Sunday this weekend is the one that has begun.
    let today = context.today();
    let date = if today.weekday() == Weekday::Sunday { today } else { on_or_after(today, Weekday::Saturday)? };
    Some(on(end, date))
}

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

fn monday_of(date: Date) -> Option<Date> {
    days(date, -i32::from(date.weekday().to_monday_zero_offset()))
}

/// The first such weekday, `date` itself included.
pub(crate) fn on_or_after(date: Date, weekday: Weekday) -> Option<Date> {
    days(date, i32::from(weekday.since(date.weekday())))
}

/// "in 3 days", "2 weeks from now", "a week from Friday", "in 2 hours".
fn ahead(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
    let is_in = view.is_any(at, &["in", "within"]) || view.word(at).starts_with('+') && view.word(at).len() > 1;
    let begin = if view.is_any(at, &["in", "within"]) { at + 1 } else { start };
    let begin = if begin > at { view.skip(begin, &["the", "next", "about"]) } else { begin };
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
fn weekday_phrase(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
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
    let is_clear = is_led || !modifier.is_empty() || is_timed || DayPart::named(view.word(end)).is_some();
    if is_word && !is_clear && (!view.is_end(end) || view.is_any(name_at.wrapping_sub(1), &["the", "a", "my", "in"]) || name_at == 0) {
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

/// "a week on Friday", "a week from tomorrow", "Friday week" is left to those who say it.
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

/// A day and a month, and the date that it is.
pub(crate) struct MonthDay {
    pub(crate) month: i8,
    pub(crate) day: i8,
    pub(crate) phrase: Phrase,
}

/// "31 May", "the 31st of May 2027", "May 31st, 2027".
pub(crate) fn month_day(view: View<'_>, at: usize) -> Option<MonthDay> {
    let (month, day, end) = day_month(view, at).or_else(|| month_then_day(view, at))?;
    let (year, end) = year(view, end);
    let date = date_of(year, month, day, view.context);
    let phrase = if let Some(date) = date {
        on(end, date)
    } else {
        let year = year.map(|year| format!(" {year}")).unwrap_or_default();
        let text = format!("There is no {day} {}{year}: it stays in the title.", tell::month(month));
        Phrase::new(end, Meaning::Impossible).with_note(Some(text))
    };
    Some(MonthDay { month, day, phrase: with_part(view, phrase) })
}

fn day_month(view: View<'_>, at: usize) -> Option<(i8, i8, usize)> {
    let start = view.skip(at, &["the"]);
    let word = view.word(start).trim_end_matches('.');
    let day = ordinal(word).or_else(|| figures(word)).filter(|day| (1..=31).contains(day))?;
    let after = view.skip(start + 1, &["of", "."]);
    let month = month(view.word(after))?;
    let end = view.skip(after + 1, if view.is_end(after + 1) { &[] } else { &["."] });
    Some((month, i8::try_from(day).ok()?, end))
}

fn month_then_day(view: View<'_>, at: usize) -> Option<(i8, i8, usize)> {
    let month = month(view.word(at))?;
    let after = view.skip(view.skip(at + 1, &["."]), &["the"]);
    let word = view.word(after);
    let is_time = view.is_any(after + 1, &["am", "pm", "o'clock"]);
    let day = ordinal(word).or_else(|| figures(word).filter(|_| word.len() <= 2)).filter(|day| (1..=31).contains(day) && !is_time)?;
    Some((month, i8::try_from(day).ok()?, after + 1))
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

/// "in May", "by March 2027", "next May": its first day.
fn whole_month(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
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
fn numeric(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
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

/// "on the 15th", "the 15th", "by the 1st of next month".
fn day_of_month(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
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
    if !is_alone || !view.is_free(name_at + 1) || view.is(name_at + 1, "of") {
        return None;
    }
    Some(with_part(view, Phrase::new(name_at + 1, Meaning::Day { day: Day::OfMonth(day), part: None })))
}

/// "of the month", "of this month", "of next month", "of May", "in December": the first day of that month.
fn of_month(view: View<'_>, at: usize) -> Option<(Date, usize)> {
    view.is_any(at, &["of", "in"]).then_some(())?;
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
fn nth_in_month(view: View<'_>, at: usize) -> Option<Phrase> {
    let at = view.skip(at, &["the"]);
    let number = nth(view.word(at))?;
    let (kind, after) = nth_kind(view, at + 1)?;
    let (first, end) = of_month(view, after)?;
    let is_open_month = view.is_phrase(after, &["of", "the"]) || view.is_phrase(after, &["in", "the"]);
    let today = view.context.today();
    let this = nth_date(first, number, kind)?;
    let date = if is_open_month && this < today { nth_date(first.checked_add(Span::new().months(1)).ok()?, number, kind)? } else { this };
    Some(with_part(view, on(end, date)))
}

/// What is counted in a month.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NthKind {
    Day,
    Weekday(Weekday),
    Workday,
}

/// "third", "3rd", or -1 for "last".
pub(crate) fn nth(word: &str) -> Option<i8> {
    if word == "last" {
        return Some(-1);
    }
    ordinal(word).filter(|number| (1..=31).contains(number)).and_then(|number| i8::try_from(number).ok())
}

/// "Friday", "day", "working day", and where it ends.
pub(crate) fn nth_kind(view: View<'_>, at: usize) -> Option<(NthKind, usize)> {
    let kind = match view.word(at) {
        "day" => NthKind::Day,
        "workday" | "weekday" => NthKind::Workday,
        "working" | "business" | "work" if view.is(at + 1, "day") => return Some((NthKind::Workday, at + 2)),
        name => NthKind::Weekday(weekday(name)?.0),
    };
    Some((kind, at + 1))
}

fn nth_date(first: Date, number: i8, kind: NthKind) -> Option<Date> {
    match kind {
        NthKind::Weekday(weekday) => first.nth_weekday_of_month(number, weekday).ok(),
        NthKind::Day if number < 0 => Some(first.last_of_month()),
        NthKind::Day => Date::new(first.year(), first.month(), number).ok(),
        NthKind::Workday => {
            let is_workday = |date: &Date| date.weekday().to_monday_zero_offset() <= 4;
            let mut all = (1..=first.days_in_month()).filter_map(|day| Date::new(first.year(), first.month(), day).ok()).filter(is_workday);
            if number < 0 { all.next_back() } else { all.nth(usize::try_from(number - 1).ok()?) }
        }
    }
}

/// "end of the month", "beginning of next month", "mid May", "end of year", "eom".
fn edge(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
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
        "early" | "late" if is_led || month(view.word(at + 1)).is_some() => (if word == "early" { "start" } else { "end" }, at + 1),
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
        "week" => return (which == "start").then(|| days(monday_of(today)?, 7).map(|monday| on(name_at + 1, monday)))?,
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
    // The middle of a month that is past it is the next one's.
    let date = if date < today && modifier.is_empty() && name == "month" { date.checked_add(Span::new().months(1)).ok()? } else { date };
    let date = if date < today && modifier.is_empty() && name == "year" { date.checked_add(Span::new().years(1)).ok()? } else { date };
    Some(on(end, date))
}

/// The place of "May" in "mid-May".
fn mid_joined(word: &str, at: usize) -> Option<usize> {
    let name = word.strip_prefix("mid-")?;
    (month(name).is_some() || name == "month").then_some(at)
}

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

fn end_of_week(end: usize, from: Date) -> Option<Phrase> {
    let last = if from.weekday().to_monday_zero_offset() <= 4 { Weekday::Friday } else { Weekday::Sunday };
    Some(on(end, on_or_after(from, last)?).with_note(Some(format!("The end of the week is taken as {}.", tell::weekday(last)))))
}

/// Days that have names of their own.
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

/// Christmas as a month and a day, and where its name ends.
pub(crate) fn feast_day(view: View<'_>, at: usize) -> Option<(i8, i8, usize)> {
    FEASTS.iter().find(|(words, _, _)| view.is_phrase(at, words)).map(|(words, month, day)| (*month, *day, at + words.len()))
}

/// "before Christmas", "on New Year's Eve"; alone they are words of the title.
fn feast(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
    let (month, day, end) = feast_day(view, at)?;
    if !is_led || view.is_any(at.wrapping_sub(1), &["for", "@"]) || !view.is_free(end) {
        return None;
    }
    Some(with_part(view, on(end, date_of(None, month, day, view.context)?)))
}

/// Zones whose people write the month first: those of the United States.
const MONTH_FIRST: [&str; 23] = [
    "America/New_York",
    "America/Detroit",
    "America/Chicago",
    "America/Menominee",
    "America/Denver",
    "America/Boise",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Juneau",
    "America/Sitka",
    "America/Metlakatla",
    "America/Yakutat",
    "America/Nome",
    "America/Adak",
    "Pacific/Honolulu",
    "America/Puerto_Rico",
    "America/Fort_Wayne",
    "America/Indianapolis",
    "America/Louisville",
    "America/Shiprock",
    "America/Atka",
    "Navajo",
];

/// Whether people of this zone write the month before the day.
pub(crate) fn is_month_first(zone: &str) -> bool {
    let families = ["US/", "America/Indiana/", "America/Kentucky/", "America/North_Dakota/"];
    MONTH_FIRST.contains(&zone)
        || families.iter().any(|family| zone.starts_with(family))
        || matches!(zone, "EST5EDT" | "CST6CDT" | "MST7MDT" | "PST8PDT")
}
