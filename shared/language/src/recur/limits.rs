//! Limits of a recurrence: "except Sundays", "but not on weekends", "except the 1st", "except in August", "in July and August", "from May to
//! September".

use super::days::{months, nth_set, of, weekdays};
use crate::grammar::{By, Limit, Meaning, Phrase, View};
use crate::numbers::Unit;

/// Words of exclusion, and whether only days or months can follow them.
const EXCEPT: [&[&str]; 20] = [
    &["with", "the", "exception", "of"],
    &["except", "for"],
    &["except"],
    &["excepting"],
    &["excluding"],
    &["other", "than"],
    &["apart", "from"],
    &["aside", "from"],
    &["but", "not"],
    &["but", "never"],
    &["and", "not"],
    &["just", "not"],
    &["not"],
    &["but"],
    &["without"],
    &["besides"],
    &["minus"],
    &["save"],
    &["skip"],
    &["skipping"],
];

/// Returns the phrase that begins at `at`, if it excludes days or months from a recurrence, or limits it to months.
pub(super) fn limit(view: View<'_>, at: usize) -> Option<Phrase> {
    exception(view, at).or_else(|| season(view, at))
}

fn exception(view: View<'_>, at: usize) -> Option<Phrase> {
    let lead = EXCEPT.iter().find(|words| view.is_phrase(at, words))?;
    let is_only = view.is(at, "but") && view.is(at + 1, "only");
    let start = at + lead.len() + usize::from(is_only);
    let start = view.skip(view.skip(start, &["on", "in", "during", "for"]), &["the", "every", "each", "all"]);
    let named = |limit: Limit, end: usize| Phrase::new(end, Meaning::Limit(Limit { is_except: !is_only, ..limit }));
    if let Some((weekdays, end)) = weekdays(view, start) {
        return Some(named(Limit { weekdays, ..Limit::default() }, end));
    }
    if let Some((month_days, end)) = month_days(view, start) {
        return Some(named(Limit { month_days, ..Limit::default() }, end));
    }
    months(view, start).filter(|(_, end)| view.is_free(*end)).map(|(months, end)| named(Limit { months, ..Limit::default() }, end))
}

/// "the 1st", "the 1st and 15th", "the last day of the month".
fn month_days(view: View<'_>, at: usize) -> Option<(Vec<i8>, usize)> {
    let set = nth_set(view, at, false)?;
    let By::MonthDays(days) = set.by else { return None };
    let end = match of(view, set.end) {
        Some(of) if of.unit == Unit::Month && of.interval == 1 && of.months.is_empty() => of.end,
        Some(_) => return None,
        None => set.end,
    };
    view.is_free(end).then_some((days, end))
}

/// "in July and August", "from May to September". One month alone is a phrase of the calendar.
fn season(view: View<'_>, at: usize) -> Option<Phrase> {
    let lead = view.skip(at, &["only"]);
    let start = view.skip(lead, &["in", "during", "from", "between"]);
    let (months, end) = months(view, start).filter(|(months, end)| start > lead && months.len() > 1 && view.is_free(*end))?;
    let months = match months[..] {
        [first, last] if view.is(lead, "between") => (first..=last).collect(),
        _ => months,
    };
    Some(Phrase::new(end, Meaning::Limit(Limit { months, ..Limit::default() })))
}
