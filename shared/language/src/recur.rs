//! Recurrences: "every other Tuesday", "monthly", "on weekdays", "the last Friday of every month", "except in August", "10 times".

mod days;
mod limits;

use std::iter;

use domain::recurrence::{MAX_COUNT, MAX_INTERVAL, joined};
use jiff::civil::Weekday;

use self::days::{NthSet, Of, dates, end_day, list, months, nth_set, of, weekday, weekdays};
use self::limits::limit;
use crate::calendar;
use crate::grammar::{By, DayPart, Meaning, Phrase, Repeat, View};
use crate::numbers::{Length, Unit, attached, cardinal, figures, length, ordinal};
use crate::tell;
use crate::whole::is_time_word;

/// Returns the phrase that begins at `at`, if it is a recurrence or its end.
pub(crate) fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    every(view, at)
        .or_else(|| adverb(view, at))
        .or_else(|| days_of_every(view, at))
        .or_else(|| plural_days(view, at))
        .or_else(|| rate(view, at))
        .or_else(|| limit(view, at))
        .or_else(|| end(view, at))
        .or_else(|| completion(view, at))
}

fn repeat(unit: Unit, interval: u16, by: By) -> Repeat {
    Repeat { unit, interval, by, months: Vec::new(), part: None, from_completion: false, note: None }
}

/// Adds a following part of the day and months: "every Monday morning in December".
fn found(view: View<'_>, end: usize, repeat: Repeat) -> Phrase {
    let (part, end) = match DayPart::named(view.word(end).trim_end_matches('s')) {
        Some(part) if matches!(repeat.by, By::Weekdays(_)) && view.is_free(end + 1) => (Some(part), end + 1),
        _ => (repeat.part, end),
    };
    let is_open = repeat.months.is_empty() && !matches!(repeat.unit, Unit::Year | Unit::Hour) && view.is_any(end, &["in", "of", "during"]);
    let (months, end) = match months(view, end + 1).filter(|(_, end)| is_open && calendar::year(view, *end).0.is_none()) {
        Some((months, end)) => (months, end),
        None => (repeat.months, end),
    };
    // "weekdays only".
    let end = if view.is_end(end + 1) { view.skip(end, &["only"]) } else { end };
    let note = repeat.note.clone();
    Phrase::new(end, Meaning::Repeat(Repeat { months, part, ..repeat })).with_note(note)
}

fn impossible(end: usize, note: impl Into<String>) -> Phrase {
    Phrase::new(end, Meaning::Impossible).with_note(Some(note.into()))
}

const TOO_OFTEN: &str = "A task recurs hourly at most: this stays in the title.";
const HOW_OFTEN: &str = "The interval is unclear: give a number, such as \u{201c}every 3 days\u{201d}.";
const WHICH_DAYS: &str =
    "The days or times are unclear: name them, such as \u{201c}every Monday and Thursday\u{201d}. This stays in the title.";
const WORKDAYS_ONLY: &str =
    "An interval cannot count working days; \u{201c}every weekday\u{201d} is each of them. This stays in the title.";

/// Skips "repeat", "repeats", "recurring".
fn lead(view: View<'_>, at: usize) -> usize {
    view.skip(at, &["repeat", "repeats", "repeating", "recurring", "recurs", "repeated"])
}

/// Words for every second one.
const ALTERNATE: [&str; 3] = ["other", "alternate", "alternating"];

/// "every …", "each …", "alternate …", "all Mondays".
fn every(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(view.skip(view.skip(lead(view, at), &["only"]), &["on", "at"]), &["the"]);
    let start = if view.is_phrase(start, &["each", "and", "every"]) { start + 2 } else { start };
    if view.is(start, "everyday") {
        // "everyday life": an adjective, unless it stands free.
        return view.is_free(start + 1).then(|| found(view, start + 1, repeat(Unit::Day, 1, By::Start)));
    }
    let is_alternate = view.is_any(start, &ALTERNATE[1..]);
    let is_all = view.is(start, "all") && view.word(start + 1).ends_with("days") && weekday_word(view, start + 1);
    // "end of every month" begins with its edge.
    let edge = end_day(view, start).filter(|(_, end)| view.is_any(*end, &["every", "each"]));
    if let Some((edge, end)) = end_day(view, start).filter(|(_, end)| view.is(*end, "monthly")) {
        return Some(found(view, end + 1, repeat(Unit::Month, 1, By::MonthDays(vec![edge.month_day()]))));
    }
    let word = edge.map_or(start, |(_, end)| end);
    if !(is_alternate || is_all || view.is_any(word, &["every", "each", "ev"])) {
        return None;
    }
    let body = if is_alternate { start } else { view.skip(view.skip(word + 1, &["!", ":"]), &["single"]) };
    let found = match edge {
        Some((edge, _)) => every_edge(view, body, edge),
        None => every_body(view, body),
    };
    // "Every day is a gift" is not a recurrence.
    let found = found.filter(|found| !view.is_any(found.end, &["is", "was", "are"]))?;
    Some(if view.is(word + 1, "!") { counted_from_completion(found) } else { found })
}

/// True if a word names one or several weekdays.
fn weekday_word(view: View<'_>, at: usize) -> bool {
    list(view, at).is_some()
}

fn every_body(view: View<'_>, body: usize) -> Option<Phrase> {
    if let Some(part) = DayPart::named(view.word(body)) {
        return Some(found(view, body + 1, Repeat { part: Some(part), ..repeat(Unit::Day, 1, By::Start) }));
    }
    if view.is_any(body, &["few", "couple", "several", "some"]) {
        let unit = view.skip(body + 1, &["of"]);
        return Unit::named(view.word(unit)).map(|_| impossible(unit + 1, HOW_OFTEN));
    }
    every_nth(view, body)
        .or_else(|| every_unit(view, body))
        .or_else(|| every_weekday(view, body))
        .or_else(|| every_date(view, body))
        .or_else(|| every_end(view, body))
        .or_else(|| is_time_word(view.words, body).then(|| impossible(body + 1, WHICH_DAYS)))
        .or_else(|| unclear(view, body))
}

/// "every 2-3 days", "every 15": an unclear interval.
fn unclear(view: View<'_>, at: usize) -> Option<Phrase> {
    let unit = view.vague_number(at).filter(|unit| period(view.word(*unit)).is_some()).map(|unit| unit + 1);
    let number = figures(view.word(at)).filter(|_| view.is_end(at + 1) || view.known(at + 1).is_some()).map(|_| at + 1);
    unit.or(number).map(|end| impossible(end, HOW_OFTEN))
}

/// "every! 3 days": three days after its completion.
fn counted_from_completion(phrase: Phrase) -> Phrase {
    match phrase.meaning {
        Meaning::Repeat(repeat) => Phrase { meaning: Meaning::Repeat(Repeat { from_completion: true, ..repeat }), ..phrase },
        meaning => Phrase { meaning, ..phrase },
    }
}

/// Returns the interval and where it ends: "other", "second", "3", "3rd".
fn interval(view: View<'_>, at: usize) -> Option<(u16, usize)> {
    let word = view.word(at);
    if ALTERNATE.contains(&word) {
        return Some((2, at + 1));
    }
    let number = cardinal(word).or_else(|| ordinal(word)).filter(|number| (1..=u32::from(MAX_INTERVAL)).contains(number))?;
    Some((u16::try_from(number).ok()?, at + 1))
}

/// Returns the unit of a recurrence and its multiple: "day", "fortnight", "quarter".
fn period(word: &str) -> Option<(Unit, u16)> {
    match word {
        "fortnight" | "fortnights" => Some((Unit::Week, 2)),
        "quarter" | "quarters" => Some((Unit::Month, 3)),
        word => Some((Unit::named(word)?, 1)),
    }
}

/// "day", "2 weeks on Tuesday", "other month on the 1st and 15th", "3 months", "quarter".
fn every_unit(view: View<'_>, at: usize) -> Option<Phrase> {
    if figures(view.word(at)).is_some_and(|number| number > MAX_INTERVAL.into()) && Unit::named(view.word(at + 1)).is_some() {
        return Some(impossible(at + 2, format!("An interval is {MAX_INTERVAL} at most: this stays in the title.")));
    }
    if view.is(at, "half") {
        let unit_at = view.skip(at + 1, &["an", "a"]);
        if view.is_any(unit_at, &["hour", "hours"]) {
            return Some(impossible(unit_at + 1, TOO_OFTEN));
        }
    }
    if let Some(length) = attached(view.word(at)) {
        let period = attached_period(length).and_then(|(unit, interval)| Some((unit, u16::try_from(interval).ok()?)));
        let period = period.filter(|(_, interval)| (1..=MAX_INTERVAL).contains(interval));
        let often = |(unit, interval)| on_days(view, at + 1, repeat(unit, interval, By::Start));
        return Some(period.map_or_else(|| impossible(at + 1, TOO_OFTEN), often));
    }
    let (interval, unit_at) = interval(view, at).unwrap_or((1, at));
    let is_half = view.is(unit_at, "half") && view.is(unit_at + 1, "year");
    let (unit_at, (unit, factor)) = if is_half { (unit_at + 1, (Unit::Month, 6)) } else { (unit_at, period(view.word(unit_at))?) };
    if unit == Unit::Minute {
        return Some(impossible(unit_at + 1, TOO_OFTEN));
    }
    let interval = interval.checked_mul(factor).filter(|interval| *interval <= MAX_INTERVAL)?;
    let is_of_week = unit == Unit::Day && view.is_phrase(unit_at + 1, &["of", "the", "week"]);
    Some(on_days(view, if is_of_week { unit_at + 4 } else { unit_at + 1 }, repeat(unit, interval, By::Start)))
}

/// "8h", "2d", "3w", "6mo": returns the unit and its multiple.
fn attached_period(length: Length) -> Option<(Unit, i32)> {
    match length {
        Length { months: 0, days: 0, minutes } => (minutes % 60 == 0).then_some((Unit::Hour, minutes / 60)),
        Length { months: 0, days, minutes: 0 } => Some(if days % 7 == 0 { (Unit::Week, days / 7) } else { (Unit::Day, days) }),
        Length { months, days: 0, minutes: 0 } => Some(if months % 12 == 0 { (Unit::Year, months / 12) } else { (Unit::Month, months) }),
        _ => None,
    }
}

/// Reads the days after a unit: "on Tuesday and Thursday", "on the last Friday", "on the 1st and 15th", "on day 15", "at the end".
fn on_days(view: View<'_>, end: usize, repeat: Repeat) -> Phrase {
    let start = view.skip(end, &["on", "at", ","]);
    let (is_led, is_on) = (start > end, view.is(end, "on"));
    let days_at = view.skip(start, &["the"]);
    let chosen = match repeat.unit {
        Unit::Week if is_led => weekdays(view, start).map(|(days, end)| (Repeat { by: By::Weekdays(days), ..repeat.clone() }, end)),
        Unit::Month => on_month_days(view, days_at, is_led, is_on, &repeat),
        Unit::Year if dates(view, days_at).is_some_and(|(months, days, _)| months.len() + days.len() > 2) => {
            dates(view, days_at).map(|(months, days, end)| (Repeat { months, by: By::MonthDays(days), ..repeat.clone() }, end))
        }
        Unit::Year if is_led => nth_set(view, days_at, false).and_then(|set| {
            let of = of(view, set.end).filter(|of| !of.months.is_empty())?;
            Some((of.repeat(&set, 1)?, of.end))
        }),
        _ => None,
    };
    let (repeat, end) = chosen.unwrap_or((repeat, end));
    found(view, end, repeat)
}

fn on_month_days(view: View<'_>, at: usize, is_led: bool, is_on: bool, repeat: &Repeat) -> Option<(Repeat, usize)> {
    if let Some((edge, end)) = end_day(view, at).filter(|(_, end)| view.is_free(*end)) {
        return Some((Repeat { by: By::MonthDays(vec![edge.month_day()]), ..repeat.clone() }, end));
    }
    let set = nth_set(view, at, is_on)?;
    // A day of the month alone, as in "on the 1st", is a phrase of its own.
    let is_date = matches!(&set.by, By::MonthDays(days) if days.len() == 1 && days[0] > 0) && !set.is_bare && !set.has_kind;
    if is_date || !(is_led || set.has_kind) {
        return None;
    }
    // The first day of a quarter, not of every third month.
    let quarterly = repeat.interval == 3 && set.has_kind && view.before(at) != "months";
    let by = if quarterly { Of::quarter(set.end).repeat(&set, 1)? } else { Repeat { by: set.by, ..repeat.clone() } };
    Some((by, set.end))
}

/// "3rd Friday (of the month)", "last day of the month", "second Tuesday", "1st and 15th", "1st of January and July".
fn every_nth(view: View<'_>, at: usize) -> Option<Phrase> {
    let at = view.skip(at, &["the"]);
    let set = nth_set(view, at, false)?;
    if let Some(of) = of(view, set.end) {
        return Some(found(view, of.end, of.repeat(&set, 1)?));
    }
    if !set.has_kind {
        let is_free = view.is_free(set.end) || set.is_list;
        return (is_free && period(view.word(set.end)).is_none()).then(|| found(view, set.end, repeat(Unit::Month, 1, set.by)));
    }
    let note = match &set.by {
        // "every third day" is an interval.
        By::MonthDays(days) if days.iter().all(|day| *day > 0) => return None,
        By::Nth(days) if matches!(days[..], [(2, _)]) => {
            let weekday = days[0].1;
            let note = format!(
                "Every second {name} is read as every other {name}; for a month's second write \u{201c}every 2nd {name} of the \
                    month\u{201d}.",
                name = tell::weekday(weekday)
            );
            return Some(found(view, set.end, Repeat { note: Some(note), ..repeat(Unit::Week, 2, By::Weekdays(vec![weekday])) }));
        }
        _ => (!view.is(at, "last") && !set.is_list).then(|| "That is read as once a month.".to_owned()),
    };
    Some(found(view, set.end, Repeat { note, ..repeat(Unit::Month, 1, set.by) }))
}

/// "end of every month", "every month end": the first or last day of a period.
fn every_edge(view: View<'_>, at: usize, edge: days::Edge) -> Option<Phrase> {
    let (interval, at) = interval(view, at).unwrap_or((1, at));
    if let Some((months, end)) = months(view, at) {
        return Some(found(view, end, Repeat { months, ..repeat(Unit::Year, 1, By::MonthDays(vec![edge.month_day()])) }));
    }
    let set = NthSet::of_day(edge.month_day());
    let of = Of::named(view.word(at), at + 1)?;
    let repeat = match of.unit {
        Unit::Week => repeat(Unit::Week, 1, By::Weekdays(vec![edge.week_day()])),
        _ => of.repeat(&set, 1)?,
    };
    Some(found(view, at + 1, Repeat { interval: repeat.interval.saturating_mul(interval), ..repeat }))
}

/// "every month end", "every end of the month".
fn every_end(view: View<'_>, at: usize) -> Option<Phrase> {
    let (edge, end) = end_day(view, at)?;
    every_edge(view, view.skip(end, &["the", "a"]), edge)
}

/// "Friday", "other Tuesday", "2 Fridays", "Mon, Wed and Fri", "weekday and Saturday", "weekend".
fn every_weekday(view: View<'_>, at: usize) -> Option<Phrase> {
    let (interval, start) = interval(view, at).unwrap_or((1, at));
    if view.is_any(start, &["weekend", "weekends"]) && weekdays(view, start).is_none_or(|(_, end)| end == start + 1) {
        return Some(weekend(view, start + 1, interval));
    }
    let (days, end) = weekdays(view, start)?;
    if let ([weekday], 1, Some((day, end))) = (&days[..], interval, thirteenth(view, end)) {
        return Some(found(view, end, repeat(Unit::Month, 1, By::Dated(*weekday, day))));
    }
    if interval > 1 && view.is_any(end - 1, &["weekday", "weekdays", "workday", "workdays", "day", "days"]) {
        return Some(impossible(end, WORKDAYS_ONLY));
    }
    Some(found(view, end, repeat(Unit::Week, interval, By::Weekdays(days))))
}

/// "the 13th" after "Friday".
fn thirteenth(view: View<'_>, at: usize) -> Option<(i8, usize)> {
    let at = view.skip(view.skip(at, &[","]), &["the"]);
    let day = ordinal(view.word(at)).filter(|day| (1..=31).contains(day)).and_then(|day| i8::try_from(day).ok())?;
    (view.is_free(at + 1) && !view.is_any(at + 1, &["of", "in"])).then_some((day, at + 1))
}

fn weekend(view: View<'_>, end: usize, interval: u16) -> Phrase {
    let note = "A weekend is read as its Saturday.".to_owned();
    found(view, end, Repeat { note: Some(note), ..repeat(Unit::Week, interval, By::Weekdays(vec![Weekday::Saturday])) })
}

/// "31 May", "May 31st", "1 January and 1 July", "January and July", "Christmas".
fn every_date(view: View<'_>, at: usize) -> Option<Phrase> {
    let yearly = |months: Vec<i8>, days: Vec<i8>| Repeat { months, ..repeat(Unit::Year, 1, By::MonthDays(days)) };
    if let Some((months, days, end)) = dates(view, at) {
        return Some(found(view, end, yearly(months, days)));
    }
    if let Some((month, day, end)) = calendar::feast_day(view, at) {
        return Some(found(view, end, yearly(vec![month], vec![day])));
    }
    let (months, end) = months(view, at)?;
    let on = view.skip(view.skip(end, &["on"]), &["the"]);
    if let Some(set) = nth_set(view, on, on > end) {
        return Some(found(view, set.end, Repeat { months, ..repeat(Unit::Year, 1, set.by) }));
    }
    let names = months.iter().map(|month| tell::month(*month).to_owned()).collect::<Vec<_>>();
    let each = if names.len() == 1 { "is read as its" } else { "are read as their" };
    let note = format!("{} {each} first day.", joined(&names));
    Some(found(view, end, Repeat { note: Some(note), ..yearly(months, vec![1]) }))
}

/// "daily", "weekly on Friday", "fortnightly", "annually".
fn adverb(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = lead(view, at);
    let word = view.word(start);
    if word == "nightly" && view.is_free(start + 1) {
        return Some(found(view, start + 1, Repeat { part: Some(DayPart::Night), ..repeat(Unit::Day, 1, By::Start) }));
    }
    let (unit, interval) = adverb_period(word)?;
    if start == at && !view.is_free(start + 1) && !on_days_directly(view, start + 1, unit) {
        let every = if interval == 1 { unit.singular().to_owned() } else { format!("{interval} {}s", unit.singular()) };
        let note = format!("\u{201c}{word}\u{201d} is read as part of the title; \u{201c}every {every}\u{201d} repeats the task.");
        return Some(Phrase::new(start + 1, Meaning::Word).with_note(Some(note)));
    }
    Some(on_days(view, start + 1, repeat(unit, interval, By::Start)))
}

/// "monthly last Friday".
fn on_days_directly(view: View<'_>, at: usize, unit: Unit) -> bool {
    unit == Unit::Month && nth_set(view, at, false).is_some_and(|set| set.has_kind && view.is_free(set.end))
}

fn adverb_period(word: &str) -> Option<(Unit, u16)> {
    Some(match word {
        "hourly" => (Unit::Hour, 1),
        "daily" => (Unit::Day, 1),
        "weekly" => (Unit::Week, 1),
        "monthly" => (Unit::Month, 1),
        "yearly" | "annually" => (Unit::Year, 1),
        "fortnightly" | "biweekly" | "bi-weekly" => (Unit::Week, 2),
        "bimonthly" | "bi-monthly" => (Unit::Month, 2),
        "quarterly" => (Unit::Month, 3),
        "biannually" | "bi-annually" | "semiannually" | "semi-annually" | "half-yearly" => (Unit::Month, 6),
        _ => return None,
    })
}

/// "the last Friday of every month", "the 1st of each month", "first and third Tuesday a month", "4th Thursday of November every year".
fn days_of_every(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(view.skip(at, &["on"]), &["the"]);
    let yearly = |end: usize| match view.word(end) {
        "yearly" | "annually" => Some(end + 1),
        "every" | "each" if view.is(end + 1, "year") => Some(end + 2),
        _ => None,
    };
    if let Some((months, days, end)) = dates(view, start).filter(|(months, days, _)| months.len() + days.len() > 2) {
        return yearly(end).map(|end| found(view, end, Repeat { months, ..repeat(Unit::Year, 1, By::MonthDays(days)) }));
    }
    let set = nth_set(view, start, start > at)?;
    // "The first and third Monday of the month" is more than one date.
    let of = of(view, set.end).filter(|of| of.is_repeating || set.is_list && of.is_led && of.months.is_empty())?;
    // "On the 25th monthly" is a day and an interval.
    let is_date = !set.has_kind && !set.is_list && !set.is_bare && !of.is_led;
    if is_date {
        return None;
    }
    Some(found(view, of.end, of.repeat(&set, of.interval)?))
}

/// "on Mondays and Thursdays", "weekdays at 9", "on weekends".
fn plural_days(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(view.skip(at, &["only", "just"]), &["on"]);
    let is_led = start > at;
    let parts = |at: usize| view.word(at).strip_suffix('s').and_then(DayPart::named);
    let mornings = if view.is_phrase(at, &["in", "the"]) { at + 2 } else { start };
    if let Some(part) = parts(mornings).filter(|_| view.is_free(mornings + 1)) {
        return Some(found(view, mornings + 1, Repeat { part: Some(part), ..repeat(Unit::Day, 1, By::Start) }));
    }
    let (days, end) = weekdays(view, start)?;
    if view.is(start, "weekends") && end == start + 1 {
        return (is_led || view.is_free(end)).then(|| weekend(view, end, 1));
    }
    let words = &view.words[start..end];
    let is_plural = words.iter().any(|word| word.lower.ends_with("days") || word.lower.ends_with("ends") || is_plural_day(&word.lower));
    let is_range = days.len() > 1
        && words.iter().any(|word| word.is_any(&["-", "\u{2013}", "to", "through", "thru"]) || word.lower.contains(['-', '\u{2013}']));
    // One or two days may be dates, three are a recurrence.
    let is_range_of_days = words.iter().any(|word| word.is_any(&["weekend", "weekday", "workday"]));
    let is_weekly = days.len() > 2 && !is_range_of_days
        || view.known(end).is_some_and(|next| matches!(&next.meaning, Meaning::Repeat(next) if next.unit == Unit::Week));
    let is_list = days.len() > 1 && is_weekly;
    let is_plural = is_plural || parts(end).is_some();
    if !(is_led || view.is_free(end) || parts(end).is_some()) {
        return None;
    }
    if !(is_plural || is_range || is_list) {
        let is_joined = words.iter().any(|word| word.lower.contains('/'));
        return is_joined.then(|| impossible(end_of_when(view, end), WHICH_DAYS));
    }
    let part = DayPart::named(view.word(end).trim_end_matches('s')).filter(|_| view.is_free(end + 1));
    let end = if part.is_some() { end + 1 } else { end };
    Some(found(view, end, Repeat { part, ..repeat(Unit::Week, 1, By::Weekdays(days)) }))
}

/// Returns where the dates and times that begin here end: "the 13th at 9" of "Friday / Friday the 13th at 9".
fn end_of_when(view: View<'_>, at: usize) -> usize {
    let is_when = |phrase: &&Phrase| matches!(phrase.meaning, Meaning::Day { .. } | Meaning::Clock(_) | Meaning::Part(_));
    iter::successors(Some(at), |at| view.known(*at).filter(is_when).map(|phrase| phrase.end)).last().unwrap_or(at)
}

/// "fris", "Mondays": a weekday's name with a plural s.
fn is_plural_day(word: &str) -> bool {
    weekday(word).is_some() && calendar::weekday(word).is_none()
}

/// "once a week", "twice a month", "3 times a day", "3x daily", "2x/week".
fn rate(view: View<'_>, at: usize) -> Option<Phrase> {
    let (is_once, after) = match times(view, at) {
        Some((count, after)) => (count == Some(1), after),
        None => return joined_rate(view, at),
    };
    if let Some((unit, interval)) = adverb_period(view.word(after)) {
        return Some(if is_once { on_days(view, after + 1, repeat(unit, interval, By::Start)) } else { impossible(after + 1, WHICH_DAYS) });
    }
    if !view.is_any(after, &["a", "an", "per", "each", "every", "/"]) {
        return None;
    }
    let (interval, unit_at) = interval(view, after + 1).unwrap_or((1, after + 1));
    let (unit, factor) = period(view.word(unit_at))?;
    if is_once && unit >= Unit::Hour {
        return Some(on_days(view, unit_at + 1, repeat(unit, interval.checked_mul(factor)?, By::Start)));
    }
    Some(impossible(unit_at + 1, WHICH_DAYS))
}

/// "once", "twice", "3 times", "3x", "several times": the number, if it is given.
fn times(view: View<'_>, at: usize) -> Option<(Option<u32>, usize)> {
    let at = view.skip(at, &["a"]);
    match view.word(at) {
        "once" => Some((Some(1), at + 1)),
        "twice" => Some((Some(2), at + 1)),
        "thrice" => Some((Some(3), at + 1)),
        "several" | "few" | "many" | "multiple" | "couple" | "some" => {
            let noun = view.skip(at + 1, &["of"]);
            view.is(noun, "times").then_some((None, noun + 1))
        }
        word => {
            let is_times = |at: usize| view.is_any(at, &["times", "time", "x", "\u{d7}"]);
            // "2-3 times", "2-3x".
            if let Some(end) = view.vague_number(at).filter(|end| is_times(*end)) {
                return Some((None, end + 1));
            }
            let joined = word.strip_suffix(['x', '\u{d7}']).or_else(|| word.strip_prefix(['x', '\u{d7}']));
            match joined {
                Some(count) if figures(count).is_some() => Some((figures(count), at + 1)),
                Some(range) if range.split_once('-').is_some_and(|(first, last)| figures(first).and(figures(last)).is_some()) => {
                    Some((None, at + 1))
                }
                _ => cardinal(word).filter(|_| is_times(at + 1)).map(|count| (Some(count), at + 2)),
            }
        }
    }
}

/// "3x/day", "3 times/week".
fn joined_rate(view: View<'_>, at: usize) -> Option<Phrase> {
    let is_two = cardinal(view.word(at)).is_some();
    let end = if is_two { at + 2 } else { at + 1 };
    let (count, unit) = view.word(end - 1).split_once('/')?;
    let count = if is_two {
        matches!(count, "times" | "x" | "\u{d7}").then(|| cardinal(view.word(at)))?
    } else {
        figures(count.strip_suffix(['x', '\u{d7}'])?)
    }?;
    let unit = Unit::named(unit).filter(|unit| *unit >= Unit::Day)?;
    Some(if count == 1 { on_days(view, end, repeat(unit, 1, By::Start)) } else { impossible(end, WHICH_DAYS) })
}

/// "10 times", "for 8 weeks", "ending in 8 weeks", "5x".
fn end(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = if view.is_phrase(at, &["ending", "in"]) { at + 2 } else { view.skip(at, &["for"]) };
    let word = view.word(start);
    let joined = word.strip_suffix('x').and_then(figures);
    let note = joined.map(|count| format!("\u{201c}{word}\u{201d} is read as {count} times in all."));
    let is_counted = view.is_any(start + 1, &["times", "occurrences", "repetitions"]);
    let spaced = || cardinal(word).filter(|_| is_counted).map(|count| (count, start + 2));
    if let Some((count, end)) = joined.map(|count| (count, start + 1)).or_else(spaced) {
        let count = u16::try_from(count).ok().filter(|count| (1..=MAX_COUNT).contains(count) && view.is_free(end))?;
        return Some(Phrase::new(end, Meaning::Count(count)).with_note(note));
    }
    let begin = if start > at { view.skip(start, &["the"]) } else { return None };
    let begin = if begin > start { view.skip(begin, &["next"]) } else { begin };
    let (length, end) = length(view.words, begin).filter(|(length, end)| length.minutes == 0 && view.is_free(*end))?;
    Some(Phrase::new(end, Meaning::Lasting(length)))
}

/// "after completion", "after I complete it", "from completion".
fn completion(view: View<'_>, at: usize) -> Option<Phrase> {
    for words in [
        &["after", "completion"][..],
        &["after", "it's", "done"],
        &["after", "it", "is", "done"],
        &["after", "completing", "it"],
        &["after", "completing"],
        &["after", "i", "complete", "it"],
        &["after", "i", "finish", "it"],
        &["after", "i", "do", "it"],
        &["after", "being", "done"],
        &["from", "completion"],
        &["since", "completion"],
        &["once", "completed"],
    ] {
        if view.is_phrase(at, words) {
            return Some(Phrase::new(at + words.len(), Meaning::FromCompletion));
        }
    }
    None
}
