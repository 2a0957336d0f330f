//! Days of a period: "Mon, Wed and Fri", "first and third Monday", "the 1st and 15th", "the last day of every quarter".

use jiff::civil::Weekday;

use super::{interval, period};
use crate::calendar::{self, NthKind};
use crate::grammar::{By, Repeat, View};
use crate::numbers::{Unit, figures};

/// Maximum days of a month, or months, in a list.
const LISTED_MAX: usize = 31;

/// Returns the position after a comma, a slash, "and" or "&" at `end`.
pub(super) fn after_comma(view: View<'_>, end: usize) -> Option<usize> {
    let next = view.skip(view.skip(end, &[",", "/", ";"]), &["and", "&", "+", "plus"]);
    (next > end).then_some(next)
}

/// The weekdays from Monday to Friday.
const WORKDAYS: [Weekday; 5] = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
const WEEKEND: [Weekday; 2] = [Weekday::Saturday, Weekday::Sunday];

/// Days by their initials, as in timetables.
const INITIALS: [(&str, &[Weekday]); 4] = [
    ("mwf", &[Weekday::Monday, Weekday::Wednesday, Weekday::Friday]),
    ("m/w/f", &[Weekday::Monday, Weekday::Wednesday, Weekday::Friday]),
    ("tth", &[Weekday::Tuesday, Weekday::Thursday]),
    ("t/th", &[Weekday::Tuesday, Weekday::Thursday]),
];

/// "Monday", "Mon, Wed and Fri", "Mon Wed Fri", "Mon-Fri", "Tuesdays", "weekdays and Saturday"; and where they end.
pub(super) fn weekdays(view: View<'_>, at: usize) -> Option<(Vec<Weekday>, usize)> {
    let (mut days, mut end) = list(view, at).or_else(|| short(view, at).filter(|(_, end)| has_more(view, *end)))?;
    while days.len() <= LISTED_MAX {
        let next = after_comma(view, end).unwrap_or(end);
        let place = view.skip(view.skip(view.skip(next, &["on"]), &["every", "each"]), &["the"]);
        // Without a comma, "Sun" and "Sat" count only before a day or at an end, as in "every Friday sun cream".
        let is_clear =
            |after: usize| next > end || place == next && (!is_word(view, place) || view.is_free(after) || list(view, after).is_some());
        let listed = list(view, place).or_else(|| short(view, place));
        let Some((more, after)) = listed.filter(|(_, after)| is_clear(*after)) else { break };
        days.extend(more);
        end = after;
    }
    days.sort_unstable_by_key(|day| day.to_monday_zero_offset());
    days.dedup();
    Some((days, end))
}

/// True if a weekday's name is also an everyday word.
fn is_word(view: View<'_>, at: usize) -> bool {
    calendar::weekday(view.word(at)).map_or(short(view, at).is_some(), |(_, is_word)| is_word)
}

/// "Mo": two letters, as in lists.
fn short(view: View<'_>, at: usize) -> Option<(Vec<Weekday>, usize)> {
    Some((vec![code(view.word(at)).filter(|_| view.word(at).len() == 2)?], at + 1))
}

fn has_more(view: View<'_>, end: usize) -> bool {
    after_comma(view, end).is_some_and(|next| list(view, next).or_else(|| short(view, next)).is_some())
}

/// One entry of a list of weekdays: "Friday", "Mon-Fri", "mon/wed", "weekdays", "working days", "weekend".
pub(super) fn list(view: View<'_>, at: usize) -> Option<(Vec<Weekday>, usize)> {
    match view.word(at) {
        "weekday" | "weekdays" | "workday" | "workdays" => return Some((WORKDAYS.to_vec(), at + 1)),
        "weekend" | "weekends" => return Some((WEEKEND.to_vec(), at + 1)),
        "working" | "business" | "work" if view.is_any(at + 1, &["day", "days"]) => return Some((WORKDAYS.to_vec(), at + 2)),
        _ => {}
    }
    let word = view.word(at);
    if let Some((_, days)) = INITIALS.iter().find(|(initials, _)| *initials == word) {
        return Some((days.to_vec(), at + 1));
    }
    if let Some((first, last)) = word.split_once(['-', '\u{2013}']) {
        return Some((range(code(first)?, code(last)?), at + 1));
    }
    if word.contains(['/', ',', '+', '&']) {
        return Some((word.split(['/', ',', '+', '&']).map(code).collect::<Option<Vec<_>>>()?, at + 1));
    }
    let first = weekday(word)?;
    // "Mon." and more.
    let end = if word.len() < "monday".len() && !view.is_end(at + 1) { view.skip(at + 1, &["."]) } else { at + 1 };
    if view.is_any(end, &["-", "\u{2013}", "to", "through", "thru"])
        && let Some(last) = weekday(view.word(end + 1))
    {
        return Some((range(first, last), end + 2));
    }
    Some((vec![first], end))
}

fn range(first: Weekday, last: Weekday) -> Vec<Weekday> {
    let days = usize::try_from(last.since(first)).unwrap_or(0) + 1;
    first.cycle_forward().take(days).collect()
}

/// "Friday" or "Fridays".
pub(super) fn weekday(text: &str) -> Option<Weekday> {
    calendar::weekday(text).or_else(|| calendar::weekday(text.strip_suffix('s')?)).map(|(weekday, _)| weekday)
}

/// The same, or its first two letters: "mo/we/fr".
fn code(text: &str) -> Option<Weekday> {
    let short = Weekday::Monday.cycle_forward().take(7).find(|day| domain::recurrence::weekday_code(*day).eq_ignore_ascii_case(text));
    weekday(text).or(short)
}

/// "January", "January and July", "June, July and August", "May to September"; and where they end.
pub(super) fn months(view: View<'_>, at: usize) -> Option<(Vec<i8>, usize)> {
    let first = calendar::month(view.word(at))?;
    let (mut months, mut end) = (vec![first], at + 1);
    while months.len() < LISTED_MAX {
        let is_range = view.is_any(end, &["to", "through", "thru", "-", "\u{2013}", "until", "till"]);
        let next = if is_range { end + 1 } else { after_comma(view, end).unwrap_or(end) };
        let next = if next > end { view.skip(view.skip(next, &["in"]), &["every", "each"]) } else { next };
        // "March 3" after "May and" is a day.
        let Some(month) = calendar::month(view.word(next)).filter(|_| next > end && calendar::month_day(view, next).is_none()) else {
            break;
        };
        let from = months.last().copied().unwrap_or(month);
        let span = if is_range { (month - from).rem_euclid(12) } else { 0 };
        months.extend((0..=span).rev().map(|back| (month - back - 1).rem_euclid(12) + 1));
        end = next + 1;
    }
    months.sort_unstable();
    months.dedup();
    Some((months, end))
}

/// Days of a month by number.
pub(super) struct NthSet {
    pub(super) by: By,
    pub(super) end: usize,
    /// True if it names the unit: "Monday", "day", "working day".
    pub(super) has_kind: bool,
    /// True if a day is a bare number: "the 15".
    pub(super) is_bare: bool,
    pub(super) is_list: bool,
}

impl NthSet {
    pub(super) fn of_day(day: i8) -> Self {
        Self { by: By::MonthDays(vec![day]), end: 0, has_kind: true, is_bare: false, is_list: false }
    }

    /// Returns whether all count from the start of their period, or all from its end.
    fn is_from_start(&self) -> Option<bool> {
        let numbers: Vec<i8> = match &self.by {
            By::Nth(days) => days.iter().map(|(number, _)| *number).collect(),
            By::MonthDays(days) | By::Workdays(days) => days.clone(),
            By::Start | By::Weekdays(_) | By::Dated(..) => return None,
        };
        let from_start = numbers.first().is_some_and(|number| *number > 0);
        numbers.iter().all(|number| (*number > 0) == from_start).then_some(from_start)
    }
}

/// "1st and 15th", "first and third Monday", "last working day", "second last day", "day 15"; with `takes_figures` also "31".
pub(super) fn nth_set(view: View<'_>, at: usize, takes_figures: bool) -> Option<NthSet> {
    let mut items: Vec<(i8, Option<NthKind>)> = Vec::new();
    let (mut next, mut end, mut is_bare) = (at, at, false);
    while items.len() < LISTED_MAX {
        let place = view.skip(view.skip(next, &["on"]), &["the"]);
        let Some((number, bare, after)) = number(view, place, takes_figures) else { break };
        let kind = kind(view, after);
        items.push((number, kind.as_ref().map(|(kind, _)| *kind)));
        is_bare |= bare;
        end = kind.map_or(after, |(_, end)| end);
        let Some(after) = after_comma(view, end) else { break };
        next = after;
    }
    let is_list = items.len() > 1;
    let has_kind = items.iter().any(|(_, kind)| kind.is_some());
    // "1st and 3rd Monday": the unit is given once.
    let mut of = items.last()?.1.unwrap_or(NthKind::Day);
    for (_, kind) in items.iter_mut().rev() {
        of = *kind.insert(kind.unwrap_or(of));
    }
    let numbers = |limit: i8| items.iter().all(|(number, _)| (-limit..=limit).contains(number));
    let all = |of: NthKind| items.iter().all(|(_, kind)| *kind == Some(of));
    let days = || items.iter().map(|(number, _)| *number).collect::<Vec<_>>();
    let by = if all(NthKind::Day) {
        By::MonthDays(days())
    } else if all(NthKind::Workday) && numbers(WORKDAYS_MAX) {
        By::Workdays(days())
    } else {
        let weekday = |(number, kind): &(i8, Option<NthKind>)| match kind {
            Some(NthKind::Weekday(weekday)) => Some((*number, *weekday)),
            _ => None,
        };
        By::Nth(items.iter().map(weekday).collect::<Option<Vec<_>>>().filter(|_| numbers(WEEKS_MAX))?)
    };
    Some(NthSet { by, end, has_kind, is_bare, is_list })
}

/// Every month has this many working days and weeks.
const WORKDAYS_MAX: i8 = 20;
const WEEKS_MAX: i8 = 5;

/// Returns the number of a day, whether it is bare, and where it ends.
fn number(view: View<'_>, at: usize, takes_figures: bool) -> Option<(i8, bool, usize)> {
    let day = |text: &str| figures(text).filter(|day| (1..=31).contains(day)).and_then(|day| i8::try_from(day).ok());
    if view.is(at, "day")
        && let Some(day) = day(view.word(at + 1))
    {
        return Some((day, true, at + 2));
    }
    if let Some((number, end)) = calendar::nth(view, at) {
        return Some((number, false, end));
    }
    let day = day(view.word(at)).filter(|_| takes_figures)?;
    // "on the 15 May" is a date, "the 3 kids" are not.
    let is_alone = view.is_free(at + 1) && calendar::month_day(view, at).is_none();
    is_alone.then_some((day, true, at + 1))
}

fn kind(view: View<'_>, at: usize) -> Option<(NthKind, usize)> {
    calendar::nth_kind(view, at)
}

/// "1 January and 1 July", "the 1st and 15th of May": returns days of the year that a rule can list, and where they end.
pub(super) fn dates(view: View<'_>, at: usize) -> Option<(Vec<i8>, Vec<i8>, usize)> {
    let first = calendar::month_day(view, at)?;
    let (mut months, mut days, mut end) = (vec![first.month], vec![first.day], first.phrase.end);
    while months.len() + days.len() <= LISTED_MAX {
        let next = after_comma(view, end).and_then(|next| calendar::month_day(view, view.skip(next, &["every", "on"])));
        let Some(next) = next else { break };
        // A rule has the same days in each of its months.
        if days.as_slice() == [next.day] {
            months.push(next.month);
        } else if months.as_slice() == [next.month] {
            days.push(next.day);
        } else {
            break;
        }
        end = next.phrase.end;
    }
    Some((months, days, end))
}

/// The first or last part of a period, as named by "end" and "start".
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Start,
    Middle,
    End,
}

impl Edge {
    /// Returns the day of a month.
    pub(super) fn month_day(self) -> i8 {
        match self {
            Self::Start => 1,
            Self::Middle => 15,
            Self::End => -1,
        }
    }

    /// Returns the day of a week.
    pub(super) fn week_day(self) -> Weekday {
        match self {
            Self::Start => Weekday::Monday,
            Self::Middle => Weekday::Wednesday,
            Self::End => Weekday::Friday,
        }
    }
}

/// "end of", "the beginning of", "month end": returns the edge, and where its period begins.
pub(super) fn end_day(view: View<'_>, at: usize) -> Option<(Edge, usize)> {
    let at = view.skip(view.skip(at, &["at"]), &["the"]);
    let edge = match view.word(at) {
        "eom" => return Some((Edge::End, at + 1)),
        "month" if view.is(at + 1, "end") => return Some((Edge::End, at + 2)),
        "end" | "start" | "beginning" if view.is_phrase(at + 1, &["of", "the", "month"]) => {
            return Some((if view.is(at, "end") { Edge::End } else { Edge::Start }, at + 4));
        }
        "end" => Edge::End,
        "start" | "beginning" => Edge::Start,
        "middle" | "mid" => Edge::Middle,
        _ => return None,
    };
    Some((edge, view.skip(at + 1, &["of"])))
}

/// The period of days: "of the month", "of every quarter", "a month", "of January and July".
pub(super) struct Of {
    pub(super) unit: Unit,
    pub(super) interval: u16,
    pub(super) months: Vec<i8>,
    is_quarter: bool,
    /// True if it repeats: "of every month", but not "of the month".
    pub(super) is_repeating: bool,
    /// True if "of" or "in" precedes it.
    pub(super) is_led: bool,
    pub(super) end: usize,
}

impl Of {
    fn unit(unit: Unit, end: usize) -> Self {
        Self { unit, interval: 1, months: Vec::new(), is_quarter: false, is_repeating: false, is_led: false, end }
    }

    pub(super) fn quarter(end: usize) -> Self {
        Self { is_quarter: true, ..Self::unit(Unit::Month, end) }
    }

    /// "month", "quarter", "year", "week".
    pub(super) fn named(word: &str, end: usize) -> Option<Self> {
        match word {
            "month" | "months" | "monthly" => Some(Self::unit(Unit::Month, end)),
            "quarter" | "quarters" | "quarterly" => Some(Self::quarter(end)),
            "year" | "years" | "yearly" | "annually" => Some(Self::unit(Unit::Year, end)),
            "week" | "weeks" => Some(Self::unit(Unit::Week, end)),
            _ => None,
        }
    }

    /// Returns the recurrence on these days of it.
    pub(super) fn repeat(&self, set: &NthSet, interval: u16) -> Option<Repeat> {
        let repeat = |unit, by, months| Repeat { months, ..super::repeat(unit, interval, by) };
        let is_from_start = set.is_from_start();
        Some(match self.unit {
            Unit::Month if self.is_quarter => {
                repeat(Unit::Month, set.by.clone(), if is_from_start? { vec![1, 4, 7, 10] } else { vec![3, 6, 9, 12] })
            }
            Unit::Month => repeat(Unit::Month, set.by.clone(), Vec::new()),
            Unit::Year if self.months.is_empty() => repeat(Unit::Year, set.by.clone(), if is_from_start? { vec![1] } else { vec![12] }),
            Unit::Year => repeat(Unit::Year, set.by.clone(), self.months.clone()),
            Unit::Week => match &set.by {
                By::MonthDays(days) => {
                    let day = |number: &i8| Weekday::from_monday_one_offset(if *number < 0 { 8 + *number } else { *number }).ok();
                    repeat(Unit::Week, By::Weekdays(days.iter().map(day).collect::<Option<Vec<_>>>()?), Vec::new())
                }
                _ => return None,
            },
            Unit::Minute | Unit::Hour | Unit::Day => return None,
        })
    }
}

/// "of the month", "of every other month", "a month", "each quarter", "monthly", "of January and July", "of May every year".
pub(super) fn of(view: View<'_>, at: usize) -> Option<Of> {
    let linked = view.skip(at, &["of", "in", "on"]);
    let is_led = linked > at;
    if let Some((months, end)) = months(view, view.skip(linked, &["every", "each"])).filter(|_| is_led) {
        let every = view.skip(end, &["every", "each"]);
        let end_of_year =
            (every > end && view.is(every, "year")).then_some(every + 1).or(view.is_any(end, &["yearly", "annually"]).then_some(end + 1));
        let is_repeating = end_of_year.is_some() || view.is_any(linked, &["every", "each"]);
        return Some(Of { months, is_repeating, is_led, ..Of::unit(Unit::Year, end_of_year.unwrap_or(end)) });
    }
    let article = view.word(linked);
    let is_each = matches!(article, "every" | "each" | "a" | "per" | "any");
    let adverb = !is_led && matches!(article, "monthly" | "quarterly" | "yearly" | "annually");
    if adverb {
        return Some(Of { is_repeating: true, ..Of::named(article, linked + 1)? });
    }
    if !(is_each || is_led && matches!(article, "the" | "month")) {
        return None;
    }
    let start = if article == "month" { linked } else { linked + 1 };
    let (interval, unit_at) = interval(view, start).filter(|(_, unit)| period(view.word(*unit)).is_some()).unwrap_or((1, start));
    let of = Of::named(view.word(unit_at), unit_at + 1)?;
    // "the last day of the month, every month".
    let again = view.skip(of.end, &[","]);
    let end = match of.unit {
        Unit::Month if is_each => of.end,
        Unit::Month if view.is(again, "monthly") => again + 1,
        Unit::Month if view.is_any(again, &["every", "each"]) && view.is(again + 1, "month") => again + 2,
        _ => of.end,
    };
    Some(Of { interval, is_repeating: is_each || end > of.end, is_led, end, ..of })
}
