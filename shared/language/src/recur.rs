//! Recurrences: "every other Tuesday", "monthly", "on weekdays", "the last Friday of every month", "10 times", "after completion".

use domain::recurrence::{MAX_COUNT, MAX_INTERVAL};
use jiff::civil::Weekday;

use crate::calendar::{self, NthKind};
use crate::grammar::{By, DayPart, Meaning, Phrase, Repeat, View};
use crate::numbers::{Unit, cardinal, figures, length, ordinal};
use crate::tell;

/// The phrase that begins at `at`, if it says how often or until when.
pub(crate) fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    every(view, at)
        .or_else(|| adverb(view, at))
        .or_else(|| nth_of_every(view, at))
        .or_else(|| plural_days(view, at))
        .or_else(|| rate(view, at))
        .or_else(|| end(view, at))
        .or_else(|| completion(view, at))
}

fn repeat(unit: Unit, interval: u16, by: By) -> Repeat {
    Repeat { unit, interval, by, part: None, from_completion: false, note: None }
}

fn found(end: usize, repeat: Repeat) -> Phrase {
    let note = repeat.note.clone();
    Phrase::new(end, Meaning::Repeat(repeat)).with_note(note)
}

fn impossible(end: usize, note: impl Into<String>) -> Phrase {
    Phrase::new(end, Meaning::Impossible).with_note(Some(note.into()))
}

const TOO_OFTEN: &str = "A task comes back after days, weeks, months or years at the earliest: this stays in the title.";

/// Behind "repeat", "repeats", "recurring".
fn lead(view: View<'_>, at: usize) -> usize {
    view.skip(at, &["repeat", "repeats", "repeating", "recurring", "recurs", "repeated"])
}

/// "every …", "each …".
fn every(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(lead(view, at), &["on"]);
    if !view.is_any(start, &["every", "each", "ev", "everyday"]) {
        return None;
    }
    if view.is(start, "everyday") {
        // "everyday life": an adjective, unless it stands free.
        return view.is_free(start + 1).then(|| found(start + 1, repeat(Unit::Day, 1, By::Start)));
    }
    let body = view.skip(view.skip(start + 1, &["!"]), &["single"]);
    if let Some(part) = DayPart::named(view.word(body)) {
        return Some(found(body + 1, Repeat { part: Some(part), ..repeat(Unit::Day, 1, By::Start) }));
    }
    if view.is_any(body, &["few", "couple"]) {
        let unit = view.skip(body + 1, &["of"]);
        return Unit::named(view.word(unit))
            .map(|_| impossible(unit + 1, "How often that is is not clear: give a number, such as \u{201c}every 3 days\u{201d}."));
    }
    let found = every_nth(view, body)
        .or_else(|| every_unit(view, body))
        .or_else(|| every_weekday(view, body))
        .or_else(|| every_date(view, body))?;
    // "Every day is a gift" is a saying.
    if view.is_any(found.end, &["is", "was", "are"]) {
        return None;
    }
    Some(if view.is(start + 1, "!") { counted_from_completion(found) } else { found })
}

/// "every! 3 days": three days after it was done.
fn counted_from_completion(phrase: Phrase) -> Phrase {
    match phrase.meaning {
        Meaning::Repeat(repeat) => Phrase { meaning: Meaning::Repeat(Repeat { from_completion: true, ..repeat }), ..phrase },
        meaning => Phrase { meaning, ..phrase },
    }
}

/// "other", "second", "3", "3rd": the interval, and where it ends.
fn interval(view: View<'_>, at: usize) -> Option<(u16, usize)> {
    let word = view.word(at);
    if matches!(word, "other" | "alternate") {
        return Some((2, at + 1));
    }
    let number = cardinal(word).or_else(|| ordinal(word)).filter(|number| (1..=u32::from(MAX_INTERVAL)).contains(number))?;
    Some((u16::try_from(number).ok()?, at + 1))
}

/// "day", "2 weeks on Tuesday", "other month on the 1st and 15th", "3 months".
fn every_unit(view: View<'_>, at: usize) -> Option<Phrase> {
    if figures(view.word(at)).is_some_and(|number| number > MAX_INTERVAL.into()) && Unit::named(view.word(at + 1)).is_some() {
        return Some(impossible(at + 2, format!("An interval is {MAX_INTERVAL} at most: this stays in the title.")));
    }
    let (interval, unit_at) = interval(view, at).unwrap_or((1, at));
    let word = view.word(unit_at);
    let (unit, factor) = match word {
        "fortnight" | "fortnights" => (Unit::Week, 2),
        "quarter" | "quarters" => (Unit::Month, 3),
        word => (Unit::named(word)?, 1),
    };
    if unit < Unit::Day {
        return Some(impossible(unit_at + 1, TOO_OFTEN));
    }
    let interval = interval.checked_mul(factor).filter(|interval| *interval <= MAX_INTERVAL)?;
    Some(on_days(view, unit_at + 1, repeat(unit, interval, By::Start)))
}

/// What follows a unit: "on Tuesday and Thursday", "on the last Friday", "on the 1st and 15th".
fn on_days(view: View<'_>, end: usize, repeat: Repeat) -> Phrase {
    let start = view.skip(end, &["on", "at", ","]);
    let (by, end) = match repeat.unit {
        Unit::Week if start > end => weekdays(view, start).map(|(days, end)| (By::Weekdays(days), end)),
        Unit::Month if start > end => {
            let start = view.skip(start, &["the"]);
            nth_day(view, start)
                .or_else(|| month_days(view, start))
                .filter(|(by, _)| !matches!(by, By::MonthDays(days) if days.len() == 1 && days[0] > 0))
        }
        Unit::Year if start > end => nth_day_of_month(view, view.skip(start, &["the"])),
        _ => None,
    }
    .map_or((None, end), |(by, end)| (Some(by), end));
    let by = by.unwrap_or_else(|| repeat.by.clone());
    let (part, end) = match DayPart::named(view.word(end)) {
        Some(part) if matches!(by, By::Weekdays(_)) && view.is_free(end + 1) => (Some(part), end + 1),
        _ => (repeat.part, end),
    };
    found(end, Repeat { by, part, ..repeat })
}

/// "last Friday", "2nd Tuesday", "last day", "first working day" of a month.
fn nth_day(view: View<'_>, at: usize) -> Option<(By, usize)> {
    let number = calendar::nth(view.word(at))?;
    let (kind, end) = calendar::nth_kind(view, at + 1)?;
    let by = match kind {
        NthKind::Weekday(weekday) if (-1..=5).contains(&number) => By::Nth(number, weekday),
        NthKind::Day => By::MonthDays(vec![number]),
        NthKind::Workday if (-1..=20).contains(&number) => By::Workday(number),
        NthKind::Weekday(_) | NthKind::Workday => return None,
    };
    Some((by, end))
}

/// "first Monday of September".
fn nth_day_of_month(view: View<'_>, at: usize) -> Option<(By, usize)> {
    let (By::Nth(number, weekday), end) = nth_day(view, at)? else { return None };
    let (month, end) = of_month(view, end);
    Some((By::NthIn(month?, number, weekday), end))
}

/// The most days of a month that are listed.
const DAYS_MAX: usize = 31;

/// "1st and 15th", "1st, 10th and last day".
fn month_days(view: View<'_>, at: usize) -> Option<(By, usize)> {
    let mut days = Vec::new();
    let mut next = at;
    let mut end = at;
    while days.len() < DAYS_MAX {
        let place = view.skip(next, &["the"]);
        let Some((day, after)) = month_day(view, place) else { break };
        days.push(day);
        end = after;
        next = view.skip(view.skip(end, &[","]), &["and", "&"]);
        if next == end {
            break;
        }
    }
    if days.is_empty() { None } else { Some((By::MonthDays(days), end)) }
}

fn month_day(view: View<'_>, at: usize) -> Option<(i8, usize)> {
    if view.is_phrase(at, &["last", "day"]) {
        return Some((-1, at + 2));
    }
    let number = ordinal(view.word(at)).filter(|day| (1..=31).contains(day))?;
    Some((i8::try_from(number).ok()?, view.skip(at + 1, &["day"])))
}

/// "3rd Friday (of the month)", "last day of the month", "second Tuesday", "1st and 15th".
fn every_nth(view: View<'_>, at: usize) -> Option<Phrase> {
    let at = view.skip(at, &["the"]);
    if let Some((by, end)) = nth_day(view, at) {
        return every_nth_day(view, at, by, end);
    }
    let (by, end) = month_days(view, at)?;
    let (month, of) = of_month(view, end);
    if let Some(month) = month {
        let By::MonthDays(days) = &by else { return None };
        return Some(found(of, repeat(Unit::Year, 1, By::YearDay(month, *days.first()?))));
    }
    let is_month = of > end || view.is_free(end) || view.is(end, "of");
    (is_month && Unit::named(view.word(end)).is_none()).then(|| found(of, repeat(Unit::Month, 1, by)))
}

fn every_nth_day(view: View<'_>, at: usize, by: By, end: usize) -> Option<Phrase> {
    let (month, of) = of_month(view, end);
    match (by, month) {
        (By::Nth(number, weekday), Some(month)) => Some(found(of, repeat(Unit::Year, 1, By::NthIn(month, number, weekday)))),
        // "every third day" is an interval.
        (By::MonthDays(days), _) if of == end && days.first().is_none_or(|day| *day > 0) => None,
        (By::Nth(2, weekday), _) if of == end => {
            let note = format!(
                "Every second {name} is taken as every other {name}; for a month's second write \u{201c}every 2nd {name} of the \
                    month\u{201d}.",
                name = tell::weekday(weekday)
            );
            Some(found(end, Repeat { note: Some(note), ..repeat(Unit::Week, 2, By::Weekdays(vec![weekday])) }))
        }
        (by, None) => {
            let is_open = of == end && !view.is(at, "last");
            let note = is_open.then(|| "That is taken as once a month.".to_owned());
            Some(found(of, Repeat { note, ..repeat(Unit::Month, 1, by) }))
        }
        (_, Some(_)) => None,
    }
}

/// "of the month", "of May": the month, if it is one, and where it ends.
fn of_month(view: View<'_>, at: usize) -> (Option<i8>, usize) {
    if !view.is_any(at, &["of", "in"]) {
        return (None, at);
    }
    if view.is(at + 2, "month") && view.is_any(at + 1, &["the", "each", "every", "a"]) {
        return (None, at + 3);
    }
    match calendar::month(view.word(at + 1)) {
        Some(month) => (Some(month), at + 2),
        None => (None, at),
    }
}

/// "Friday", "other Tuesday", "Mon, Wed and Fri", "weekday", "weekend".
fn every_weekday(view: View<'_>, at: usize) -> Option<Phrase> {
    let (interval, start) = if view.is_any(at, &["other", "alternate"]) { (2, at + 1) } else { (1, at) };
    if view.is_any(start, &["weekend", "weekends"]) {
        let note = "A weekend is taken as its Saturday.".to_owned();
        return Some(found(start + 1, Repeat { note: Some(note), ..repeat(Unit::Week, interval, By::Weekdays(vec![Weekday::Saturday])) }));
    }
    let (days, end) = weekdays(view, start)?;
    let (part, end) = match DayPart::named(view.word(end)) {
        Some(part) => (Some(part), end + 1),
        None => (None, end),
    };
    Some(found(end, Repeat { part, ..repeat(Unit::Week, interval, By::Weekdays(days)) }))
}

/// "31 May", "May 31st", "January", "Christmas".
fn every_date(view: View<'_>, at: usize) -> Option<Phrase> {
    if let Some(date) = calendar::month_day(view, at) {
        return Some(found(date.phrase.end, repeat(Unit::Year, 1, By::YearDay(date.month, date.day))));
    }
    if let Some((month, day, end)) = calendar::feast_day(view, at) {
        return Some(found(end, repeat(Unit::Year, 1, By::YearDay(month, day))));
    }
    let month = calendar::month(view.word(at))?;
    let note = format!("{} is taken as its first day.", tell::month(month));
    Some(found(at + 1, Repeat { note: Some(note), ..repeat(Unit::Year, 1, By::YearDay(month, 1)) }))
}

/// The weekdays from Monday to Friday.
const WORKDAYS: [Weekday; 5] = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

/// "Monday", "Mon, Wed and Fri", "Mon-Fri", "Tuesdays", "weekdays"; and where they end.
fn weekdays(view: View<'_>, at: usize) -> Option<(Vec<Weekday>, usize)> {
    if view.is_any(at, &["weekday", "weekdays", "workday", "workdays"]) {
        return Some((WORKDAYS.to_vec(), at + 1));
    }
    if view.is_any(at, &["working", "business", "work"]) && view.is_any(at + 1, &["day", "days"]) {
        return Some((WORKDAYS.to_vec(), at + 2));
    }
    let (mut days, mut end) = weekday_or_range(view, at)?;
    while days.len() <= 7 {
        let next = view.skip(view.skip(end, &[",", "/"]), &["and", "&", "or"]);
        let Some((more, after)) = weekday_or_range(view, next).filter(|_| next > end) else { break };
        days.extend(more);
        end = after;
    }
    days.sort_unstable_by_key(|day| day.to_monday_zero_offset());
    days.dedup();
    Some((days, end))
}

fn weekday_or_range(view: View<'_>, at: usize) -> Option<(Vec<Weekday>, usize)> {
    let word = view.word(at);
    if let Some((first, last)) = word.split_once(['-', '\u{2013}']) {
        return Some((range(weekday(first)?, weekday(last)?), at + 1));
    }
    if word.contains('/') {
        return Some((word.split('/').map(weekday).collect::<Option<Vec<_>>>()?, at + 1));
    }
    let first = weekday(word)?;
    if view.is_any(at + 1, &["-", "\u{2013}", "to", "through", "thru"])
        && let Some(last) = weekday(view.word(at + 2))
    {
        return Some((range(first, last), at + 3));
    }
    Some((vec![first], at + 1))
}

fn range(first: Weekday, last: Weekday) -> Vec<Weekday> {
    let days = usize::try_from(last.since(first)).unwrap_or(0) + 1;
    first.cycle_forward().take(days).collect()
}

/// "Friday" or "Fridays".
fn weekday(text: &str) -> Option<Weekday> {
    calendar::weekday(text).or_else(|| calendar::weekday(text.strip_suffix('s')?)).map(|(weekday, _)| weekday)
}

/// "daily", "weekly on Friday", "fortnightly", "annually".
fn adverb(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = lead(view, at);
    let (unit, interval) = match view.word(start) {
        "daily" => (Unit::Day, 1),
        "weekly" => (Unit::Week, 1),
        "monthly" => (Unit::Month, 1),
        "yearly" | "annually" => (Unit::Year, 1),
        "fortnightly" | "biweekly" | "bi-weekly" => (Unit::Week, 2),
        "bimonthly" | "bi-monthly" => (Unit::Month, 2),
        "quarterly" => (Unit::Month, 3),
        "hourly" if view.is_free(start + 1) => return Some(impossible(start + 1, TOO_OFTEN)),
        _ => return None,
    };
    if start == at && !view.is_free(start + 1) {
        let word = view.word(start);
        let every = if interval == 1 { unit.singular().to_owned() } else { format!("{interval} {}s", unit.singular()) };
        let note = format!("\u{201c}{word}\u{201d} is taken as a word of the title; \u{201c}every {every}\u{201d} repeats the task.");
        return Some(Phrase::new(start + 1, Meaning::Word).with_note(Some(note)));
    }
    Some(on_days(view, start + 1, repeat(unit, interval, By::Start)))
}

/// "the last Friday of every month", "the 1st of each month", "4th Thursday of November every year".
fn nth_of_every(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(view.skip(at, &["on"]), &["the"]);
    let (by, end) = nth_day(view, start).or_else(|| month_days(view, start))?;
    if view.is_any(end, &["of", "in", "on"]) && view.is_any(end + 1, &["every", "each"]) {
        let (interval, unit_at) = interval(view, end + 2).unwrap_or((1, end + 2));
        return view.is_any(unit_at, &["month", "months"]).then(|| found(unit_at + 1, repeat(Unit::Month, interval, by)));
    }
    let (month, of) = of_month(view, end);
    let is_every = |unit: &str, adverb: &[&str]| {
        let is_each = view.is_any(of, &["every", "each"]) && view.is(of + 1, unit);
        if is_each { Some(of + 2) } else { view.is_any(of, adverb).then_some(of + 1) }
    };
    match (month, by) {
        (Some(month), By::Nth(number, weekday)) => {
            is_every("year", &["yearly", "annually"]).map(|end| found(end, repeat(Unit::Year, 1, By::NthIn(month, number, weekday))))
        }
        (Some(_), _) => None,
        (None, by) => is_every("month", &["monthly"])
            .filter(|_| of > end || !matches!(by, By::MonthDays(_)))
            .map(|end| found(end, repeat(Unit::Month, 1, by))),
    }
}

/// "on Mondays and Thursdays", "weekdays at 9", "on weekends".
fn plural_days(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(at, &["on"]);
    let is_led = start > at;
    let word = view.word(start);
    if matches!(word, "weekends") && (is_led || view.is_free(start + 1)) {
        let note = "A weekend is taken as its Saturday.".to_owned();
        return Some(found(start + 1, Repeat { note: Some(note), ..repeat(Unit::Week, 1, By::Weekdays(vec![Weekday::Saturday])) }));
    }
    let is_plural = matches!(word, "weekdays" | "workdays") || (word.ends_with("days") && weekday(word).is_some());
    let (days, end) = weekdays(view, start).filter(|(days, _)| is_plural || is_led || days.len() > 1)?;
    let is_list_of_plurals =
        is_plural || view.words[start..end].iter().any(|word| word.lower.ends_with("days") && weekday(&word.lower).is_some());
    let is_range = days.len() > 1
        && view.words[start..end]
            .iter()
            .any(|word| word.is_any(&["-", "\u{2013}", "to", "through", "thru"]) || word.lower.contains(['-', '/']));
    if !(is_list_of_plurals || is_range) || !(is_led || view.is_free(end)) {
        return None;
    }
    let part = DayPart::named(view.word(end).trim_end_matches('s')).filter(|_| view.is_free(end + 1));
    let end = if part.is_some() { end + 1 } else { end };
    Some(found(end, Repeat { part, ..repeat(Unit::Week, 1, By::Weekdays(days)) }))
}

/// "once a week", "twice a month", "3 times a day".
fn rate(view: View<'_>, at: usize) -> Option<Phrase> {
    let (is_once, after) = match view.word(at) {
        "once" => (true, at + 1),
        "twice" => (false, at + 1),
        word if view.is(at + 1, "times") && cardinal(word).is_some() => (false, at + 2),
        _ => return None,
    };
    if !view.is_any(after, &["a", "per", "each", "every"]) {
        return None;
    }
    let unit = Unit::named(view.word(after + 1))?;
    if is_once && unit >= Unit::Day {
        return Some(on_days(view, after + 2, repeat(unit, 1, By::Start)));
    }
    Some(impossible(
        after + 2,
        "Which days or times are those? Say them, such as \u{201c}every Monday and Thursday\u{201d}: this stays in the title.",
    ))
}

/// "10 times", "for 8 weeks", "5x".
fn end(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(at, &["for"]);
    let word = view.word(start);
    let count = match word.strip_suffix('x').and_then(figures) {
        Some(count) => Some((count, start + 1)),
        None => cardinal(word).filter(|_| view.is_any(start + 1, &["times", "occurrences", "repetitions"])).map(|count| (count, start + 2)),
    };
    if let Some((count, end)) = count {
        let count = u16::try_from(count).ok().filter(|count| (1..=MAX_COUNT).contains(count) && view.is_free(end))?;
        return Some(Phrase::new(end, Meaning::Count(count)));
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
