//! Days relative to today: "tomorrow evening", "next Friday", "in 3 days", "a week on Friday", "this weekend".

use jiff::Span;
use jiff::civil::{Date, DateTime, Weekday};

use super::counted::{nth, nth_date, nth_kind};
use super::written::{full, joined, month_day, numeric};
use super::{days, is_reminders, monday_of, on, on_or_after, weekday, with_part, workdays};
use crate::grammar::{Context, Day, DayPart, Meaning, Phrase, Role, View};
use crate::moment::{self, TimeSaid};
use crate::numbers::{Length, Unit, attached, cardinal, figures, length, ordinal, ordinal_figures};
use crate::tell;
use crate::words::Word;

/// "today", "tomorrow evening", "the day after tomorrow", "tonight", "this evening", "next week", "this weekend".
pub(super) fn relative(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
    let today = view.context.today();
    let night = |end| Phrase::new(end, Meaning::Day { day: Day::On(today), part: Some(DayPart::Night) });
    let article = view.skip(start, &["the"]);
    if view.is_phrase(article, &["day", "after", "tomorrow"]) {
        return Some(with_part(view, on(article + 3, days(today, 2)?)));
    }
    let found = match view.word(start) {
        "tonight" => night(start + 1),
        word if near(word).is_some() && view.is(start + 1, "fortnight") && view.is_free(start + 2) => {
            on(start + 2, days(today, near(word)? + 14)?)
        }
        // "tomorrow week".
        word if near(word).is_some() && view.is(start + 1, "week") && view.is_free(start + 2) => {
            on(start + 2, days(today, near(word)? + 7)?)
        }
        word if near(word).is_some() => on(start + 1, days(today, near(word)?)?),
        "later" if view.is(start + 1, "today") => on(start + 2, today),
        "this" => return this(view, start),
        "next" => return next(view, start),
        "the" if view.is_any(start + 1, &["week", "weekend", "month", "year"]) && view.is_phrase(start + 2, &["after", "next"]) => {
            return next(view, start + 1);
        }
        "week" | "weekend" | "month" | "year" if view.is_phrase(start + 1, &["after", "next"]) => return next(view, start),
        "the" if view.is(start + 1, "next") && workday_end(view, start + 2).is_some() => return next(view, start + 1),
        "the" if view.is(start + 1, "weekend") && start > at && view.is_free(start + 2) => weekend(view.context, start + 2)?,
        "over" | "during" if view.is_any(start + 1, &["the", "this"]) && view.is(start + 2, "weekend") && view.is_free(start + 3) => {
            weekend(view.context, start + 3)?
        }
        _ => return None,
    };
    Some(with_part(view, found))
}

/// "this weekend": its Saturday, or today if it has begun on a Sunday.
fn weekend(context: &Context, end: usize) -> Option<Phrase> {
    let today = context.today();
    let date = if today.weekday() == Weekday::Sunday { today } else { on_or_after(today, Weekday::Saturday)? };
    Some(on(end, date))
}

/// "this evening", "this weekend", "this week": for longer stretches their last day.
fn this(view: View<'_>, at: usize) -> Option<Phrase> {
    let today = view.context.today();
    if let Some(part) = DayPart::named(view.word(at + 1)).filter(|_| view.is_free(at + 2)) {
        return Some(Phrase::new(at + 2, Meaning::Day { day: Day::On(today), part: Some(part) }));
    }
    if let Some((day, end)) = weekday_of_week(view, view.skip(at + 2, &["on"])).filter(|_| is_week(view.word(at + 1))) {
        return Some(with_part(view, on(end, days(monday_of(today)?, day)?)));
    }
    match view.word(at + 1) {
        "weekend" if view.is_free(at + 2) => weekend(view.context, at + 2),
        "week" if view.is_free(at + 2) => {
            let last = if today.weekday().to_monday_zero_offset() <= 4 { Weekday::Friday } else { Weekday::Sunday };
            let date = on_or_after(today, last)?;
            Some(
                on(at + 2, date)
                    .with_note(Some(format!("\u{201c}This week\u{201d} is read as \u{201c}by {}\u{201d}.", tell::weekday(last)))),
            )
        }
        "month" if view.is_free(at + 2) => Some(
            on(at + 2, today.last_of_month())
                .with_note(Some("\u{201c}This month\u{201d} is read as \u{201c}by its last day\u{201d}.".to_owned())),
        ),
        "year" if view.is_free(at + 2) => Some(
            on(at + 2, today.last_of_year())
                .with_note(Some("\u{201c}This year\u{201d} is read as \u{201c}by its last day\u{201d}.".to_owned())),
        ),
        _ => None,
    }
}

/// Number of days from today: "tomorrow".
pub(super) fn near(word: &str) -> Option<i32> {
    match word {
        "today" | "tod" | "tonight" => Some(0),
        "tomorrow" | "tmrw" | "tmr" | "tmw" | "2moro" | "tomorow" | "tommorow" | "tommorrow" => Some(1),
        "overmorrow" => Some(2),
        "yesterday" => Some(-1),
        _ => None,
    }
}

/// Where "working day" ends.
fn workday_end(view: View<'_>, at: usize) -> Option<usize> {
    if view.is_any(at, &["business", "working", "work"]) && view.is_any(at + 1, &["day", "days"]) {
        return Some(at + 2);
    }
    view.is_any(at, &["workday", "workdays", "weekday", "weekdays"]).then_some(at + 1)
}

/// "next week": its Monday; "next month", "next year": their first day; "week after next"; "next week on Tuesday"; "next business day".
fn next(view: View<'_>, at: usize) -> Option<Phrase> {
    let today = view.context.today();
    let (name, end, number) = if view.is(at, "next") { (view.word(at + 1), at + 2, 1) } else { (view.word(at), at + 3, 2) };
    if let Some(end) = workday_end(view, at + 1).filter(|end| view.is_free(*end) && number == 1) {
        return Some(with_part(view, on(end, workdays(today, 1)?)));
    }
    let monday = days(monday_of(today)?, 7 * number)?;
    if let Some((day, end)) = weekday_of_week(view, view.skip(end, &["on"])).filter(|_| is_week(name)) {
        return Some(with_part(view, on(end, days(monday, day)?)));
    }
    let month = today.first_of_month().checked_add(Span::new().months(number)).ok()?;
    let day_at = view.skip(view.skip(end, &["on"]), &["the"]);
    if let ("month", Some(day)) = (name, ordinal_figures(view.word(day_at)).and_then(|day| i8::try_from(day).ok())) {
        return Some(with_part(view, on(day_at + 1, Date::new(month.year(), month.month(), day).ok()?)));
    }
    if let Some((number, after)) = nth(view, day_at).filter(|_| name == "month")
        && let Some((kind, end)) = nth_kind(view, after)
    {
        return Some(with_part(view, on(end, nth_date(month, number, kind)?)));
    }
    if !view.is_free(end) {
        return None;
    }
    let date = match name {
        "week" => monday,
        "weekend" => days(monday, 5)?,
        "month" => month,
        "quarter" => {
            let left = 3 - i32::from((today.month() - 1) % 3);
            today.first_of_month().checked_add(Span::new().months(left)).ok()?
        }
        "year" => today.first_of_year().checked_add(Span::new().years(number)).ok()?,
        _ => return None,
    };
    Some(with_part(view, on(end, date)))
}

/// "next week on Tuesday", "next week's Tuesday".
fn is_week(name: &str) -> bool {
    matches!(name, "week" | "week's")
}

/// The "Tuesday" of "next week on Tuesday", counted from its week's Monday.
fn weekday_of_week(view: View<'_>, at: usize) -> Option<(i32, usize)> {
    let (weekday, _) = weekday(view.word(at))?;
    Some((weekday.to_monday_zero_offset().into(), at + 1))
}

/// "in 3 days", "2 weeks from now", "a week from Friday", "2 days before Christmas", "in 2 hours", "+5 days", "1w".
pub(super) fn ahead(view: View<'_>, at: usize, start: usize) -> Option<Phrase> {
    let is_in = view.is_any(at, &["in", "within"]);
    let is_plus = view.word(start).starts_with('+');
    let begin = if is_in { view.skip(view.skip(at + 1, &["the", "next", "about", "exactly"]), &["next"]) } else { start };
    if let Some(found) = workdays_ahead(view, begin, is_in) {
        return Some(found);
    }
    let counted = if view.word(begin).starts_with('+') { signed(view, begin) } else { counted(view, begin) };
    let Some((length, end)) = counted else {
        return vague(view, begin, is_in);
    };
    if let Some(found) = from_day(view, begin, length, end) {
        return Some(found);
    }
    let end = if view.is_phrase(end, &["from", "now"]) || view.is_phrase(end, &["from", "today"]) {
        end + 2
    } else if is_in && (view.is_free(end) || view.is(end, "time")) {
        // "in five minutes' time".
        let after = view.skip(end, &["'"]);
        if view.is(after, "time") { after + 1 } else { end }
    } else if start == at && !is_in && end == begin + 1 && length.minutes != 0 && stands_out(view, begin, end) {
        let text = view.word(begin);
        return Some(word(end, format!("\u{201c}{text}\u{201d} is read as part of the title; \u{201c}in {text}\u{201d} is a time.")));
    } else if is_plus && view.is_free(end) || end == begin + 1 && length.minutes == 0 && stands_out(view, begin, end) {
        end
    } else {
        return None;
    };
    // "2 hours before" is a reminder's.
    if !is_in && view.is_any(end, &["before", "ahead", "early", "earlier", "beforehand", "prior", "advance"]) {
        return None;
    }
    if let (true, Some(date)) = (view.is(end, "on") && is_weeks(length), settled_weekday(view, end + 1)) {
        return Some(with_part(view, on(end + 2, later(date, length)?)));
    }
    Some(Phrase::new(end, Meaning::Ahead(length)))
}

/// "3 days", and "the day" before "before Christmas".
fn counted(view: View<'_>, at: usize) -> Option<(Length, usize)> {
    let is_one = view.is(at, "the") && view.known(at + 2).is_some();
    let unit = Unit::named(view.word(at + 1)).filter(|unit| is_one && *unit >= Unit::Day);
    unit.map(|unit| (Length::of(1, unit), at + 2)).or_else(|| length(view.words, at))
}

/// "+5 days", "+5d", "+ 5 days".
fn signed(view: View<'_>, at: usize) -> Option<(Length, usize)> {
    match view.word(at).strip_prefix('+')? {
        "" => length(view.words, at + 1),
        number => match attached(number) {
            Some(length) => Some((length, at + 1)),
            None => Some((Length::of(figures(number)?, Unit::named(view.word(at + 1))?), at + 2)),
        },
    }
}

/// True if a length alone is a date: "call back 1w", but neither "1w rent" nor "for 1w".
fn stands_out(view: View<'_>, at: usize, end: usize) -> bool {
    at > 0
        && !view.known(end).is_some_and(|next| matches!(next.meaning, Meaning::Zone(_)))
        && (view.is_end(end) || view.known(end).is_some())
        && !view.is_any(at - 1, &["for", "a", "the", "every", "by", "last", "past"])
}

/// "a week from Friday", "3 days after 1 May", "2 days before Christmas", unless it is a reminder's.
fn from_day(view: View<'_>, at: usize, length: Length, end: usize) -> Option<Phrase> {
    let is_linked = view.is_any(end, &["from", "after", "before"]);
    let Phrase { end, role, meaning: Meaning::Day { day, part }, .. } = view.known(end).filter(|_| is_linked)? else { return None };
    let from = settled(day, view.context).filter(|_| length.minutes == 0 && !is_reminders(view, at))?;
    let date = match role {
        Role::From | Role::After => later(from, length)?,
        Role::Before => from.checked_sub(Span::new().try_months(length.months).ok()?.try_days(length.days).ok()?).ok()?,
        Role::Plain | Role::Due | Role::Until => return None,
    };
    Some(Phrase::new(*end, Meaning::Day { day: Day::On(date), part: *part }))
}

/// "in 3 business days", "2 working days from now".
fn workdays_ahead(view: View<'_>, at: usize, is_in: bool) -> Option<Phrase> {
    let is_plus = view.word(at).starts_with('+');
    let number = match view.word(at).trim_start_matches('+') {
        "a" | "one" => 1,
        number => cardinal(number)?,
    };
    let end = workday_end(view, at + 1)?;
    let end = if view.is_phrase(end, &["from", "now"]) { end + 2 } else { end };
    (is_in || is_plus || view.word(end - 1) == "now").then_some(())?;
    Some(with_part(view, on(end, workdays(view.context.today(), number)?)))
}

/// "in a few days", "in 2-3 weeks": an unclear number.
fn vague(view: View<'_>, at: usize, is_in: bool) -> Option<Phrase> {
    let loosely = [&["less", "than"][..], &["more", "than"], &["at", "least"], &["at", "most"], &["up", "to"], &["under"], &["over"]];
    let is_loose = loosely.iter().find(|words| is_in && view.is_phrase(at, words)).and_then(|words| length(view.words, at + words.len()));
    let unit = match view.word(at) {
        _ if is_loose.is_some() => is_loose?.1 - 1,
        "few" | "several" | "some" | "many" => at + 1,
        "a" if view.is_any(at + 1, &["few", "number"]) => view.skip(at + 2, &["of"]),
        word if word.contains('.') && word.split('.').all(|figures| cardinal(figures).is_some()) => at + 1,
        _ => view.vague_number(at)?,
    };
    Unit::named(view.word(unit)).filter(|_| is_in || view.is_phrase(unit + 1, &["from", "now"]))?;
    let note = "The length is unclear: give a number, such as \u{201c}in 3 days\u{201d}.".to_owned();
    Some(Phrase::new(unit + 1, Meaning::Impossible).with_note(Some(note)))
}

fn later(date: Date, length: Length) -> Option<Date> {
    date.checked_add(Span::new().try_months(length.months).ok()?.try_days(length.days).ok()?).ok()
}

fn is_weeks(length: Length) -> bool {
    length.months == 0 && length.minutes == 0 && length.days > 0 && length.days % 7 == 0
}

/// Returns the date of a day that does not depend on a time.
fn settled(day: &Day, context: &Context) -> Option<Date> {
    match day {
        Day::On(date) | Day::Month { first: date, .. } => Some(*date),
        Day::Weekday(weekday) => on_or_after(days(context.today(), 1)?, *weekday),
        Day::OfMonth(day) => moment::local(Some(&Day::OfMonth(*day)), TimeSaid::default(), context, &mut Vec::new()).map(DateTime::date),
    }
}

fn settled_weekday(view: View<'_>, at: usize) -> Option<Date> {
    settled(&Day::Weekday(weekday(view.word(at))?.0), view.context)
}

/// Weekdays that are names of feasts.
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

/// "Friday", "next Friday evening", "Fri, 4 December", "Friday the 13th", "a week on Friday", "three Mondays from now".
pub(super) fn weekday_phrase(view: View<'_>, at: usize, is_led: bool) -> Option<Phrase> {
    if let Some(found) = week_from(view, at).or_else(|| weekdays_ahead(view, at)) {
        return Some(found);
    }
    let (modifier, name_at) = modifier(view, at);
    let (weekday, is_word) = weekday(view.word(name_at))?;
    if NAMED_DAYS.contains(&(view.before(name_at), view.word(name_at))) {
        return None;
    }
    let end = name_at + 1;
    // A past day is not a due date.
    if view.before(name_at) == "last" || modifier.is_empty() && view.before(at) == "last" {
        return Some(word(end, format!("Last {} is over: it stays in the title.", tell::weekday(weekday))));
    }
    if let Some(found) = dated(view, weekday, end).filter(|_| modifier != "next") {
        return Some(found);
    }
    if let Some((date, end)) = in_week(view, weekday, end) {
        return Some(with_part(view, on(end, date)));
    }
    let is_timed = view.known(end).is_some_and(|next| matches!(next.meaning, Meaning::Clock(_) | Meaning::Part(_)));
    // "sun" and "sat" are everyday words, so the words around must show that a day is meant.
    let is_clear = (is_led || !modifier.is_empty()) && view.is_free(end) || is_timed || DayPart::named(view.word(end)).is_some();
    let is_last = view.is_end(end) && name_at > 0 && !view.is_any(name_at - 1, &["the", "a", "my", "in"]);
    if is_word && !is_clear && !is_last {
        return None;
    }
    if is_adjective(view, at, end) && modifier.is_empty() && !is_led {
        let name = tell::weekday(weekday);
        return Some(word(end, format!("{name} is read as part of the title; \u{201c}on {name}\u{201d} is a date.")));
    }
    if modifier != "next" {
        return Some(with_part(view, Phrase::new(end, Meaning::Day { day: Day::Weekday(weekday), part: None })));
    }
    let today = view.context.today();
    let date = days(monday_of(today)?, 7 + i32::from(weekday.to_monday_zero_offset()))?;
    let nearest = on_or_after(days(today, 1)?, weekday)?;
    let name = tell::weekday(weekday);
    let note = (nearest != date).then(|| {
        let (date, nearest) = (tell::date(date), tell::date(nearest));
        format!("Next {name} is read as the one of next week, {date}; \u{201c}{name}\u{201d} alone is {nearest}.")
    });
    Some(with_part(view, on(end, date).with_note(note)))
}

fn word(end: usize, note: String) -> Phrase {
    Phrase::new(end, Meaning::Word).with_note(Some(note))
}

/// "this", "next", "coming", and where the weekday's name stands.
fn modifier(view: View<'_>, at: usize) -> (&str, usize) {
    let start = view.skip(at, &["the"]);
    match view.words.get(start).and_then(Word::plain).unwrap_or_default() {
        "coming" | "upcoming" | "following" => ("this", start + 1),
        "next" => ("next", view.skip(start + 1, &["coming"])),
        "this" if start == at => ("this", view.skip(start + 1, &["coming"])),
        // "the Monday after next".
        name if start > at && weekday(name).is_some() && view.is_any(start + 1, &["after", "before", "of", "in"]) => ("", start),
        _ => ("", at),
    }
}

/// "the Friday meeting": a weekday used as an adjective.
fn is_adjective(view: View<'_>, at: usize, end: usize) -> bool {
    let articles = ["the", "a", "an", "my", "our", "your", "his", "her", "their", "that", "no"];
    view.is_any(at.wrapping_sub(1), &articles) && !view.is_free(end) && !view.is_any(end, &["morning", "afternoon", "evening", "night"])
}

/// Words after a weekday that name its week: "next week", "after next", "in two weeks", "week", "before Christmas".
fn in_week(view: View<'_>, weekday: Weekday, end: usize) -> Option<(Date, usize)> {
    let today = view.context.today();
    let of_week = |weeks: i32| days(monday_of(today)?, 7 * weeks + i32::from(weekday.to_monday_zero_offset()));
    let soon = on_or_after(days(today, 1)?, weekday)?;
    let start = view.skip(view.skip(end, &["of", "in"]), &["the"]);
    for (words, date) in [
        (&["after", "next"][..], of_week(2)),
        (&["week", "after", "next"], of_week(2)),
        (&["next", "week"], of_week(1)),
        (&["this", "week"], of_week(0)),
        (&["week"], days(soon, 7)),
        (&["fortnight"], days(soon, 14)),
    ] {
        let after = start + words.len();
        if view.is_phrase(start, words)
            && view.is_free(after)
            && self::weekday(view.word(after)).is_none()
            && (words.len() > 1 || start == end)
        {
            return Some((date?, start + words.len()));
        }
    }
    if let Some((length, after)) = length(view.words, end + 1).filter(|(length, _)| view.is(end, "in") && is_weeks(*length)) {
        return Some((later(soon, length)?, after));
    }
    if let Some((length, after)) =
        length(view.words, end).filter(|(length, after)| is_weeks(*length) && view.is_phrase(*after, &["from", "now"]))
    {
        return Some((later(soon, length)?, after + 2));
    }
    let Phrase { end, role, meaning: Meaning::Day { day, part: None }, .. } = view.known(end)? else { return None };
    let date = settled(day, view.context)?;
    match role {
        Role::Before => Some((on_or_after(days(date, -7)?, weekday)?, *end)),
        Role::After => Some((on_or_after(days(date, 1)?, weekday)?, *end)),
        _ => None,
    }
}

/// "three Mondays from now".
fn weekdays_ahead(view: View<'_>, at: usize) -> Option<Phrase> {
    let (number, name) = (cardinal(view.word(at))?, view.word(at + 1));
    let (weekday, _) = weekday(name.strip_suffix('s').unwrap_or(name))?;
    let weeks = i32::try_from(number.checked_sub(1)?).ok()?;
    let date = days(on_or_after(days(view.context.today(), 1)?, weekday)?, weeks.checked_mul(7)?)?;
    view.is_phrase(at + 2, &["from", "now"]).then(|| with_part(view, on(at + 4, date)))
}

/// "a week on Friday", "two weeks from tomorrow", "a week tomorrow".
fn week_from(view: View<'_>, at: usize) -> Option<Phrase> {
    let (length, end) = length(view.words, at).filter(|(length, _)| length.minutes == 0)?;
    let day_at = view.skip(end, &["on", "from", "after"]);
    let date = match near(view.word(day_at)) {
        Some(ahead) => days(view.context.today(), ahead)?,
        None => settled_weekday(view, day_at).filter(|_| day_at > end)?,
    };
    Some(with_part(view, on(day_at + 1, later(date, length)?)))
}

/// The date after a weekday: "Friday, 4 December", "Friday the 13th". A full date takes precedence; a note reports a wrong weekday.
fn dated(view: View<'_>, weekday: Weekday, at: usize) -> Option<Phrase> {
    let start = view.skip(view.skip(view.skip(at, &["."]), &[","]), &["the", "on"]);
    let full = month_day(view, start).map(|found| found.phrase).or_else(|| full(view, start)).or_else(|| joined(view, start));
    let Some(found) = full.or_else(|| numeric(view, start, true)) else { return numbered(view, weekday, at, view.skip(start, &["the"])) };
    let date = match &found.meaning {
        Meaning::Day { day: Day::On(date), .. } => Some(*date),
        _ => None,
    };
    let note = date.filter(|date| date.weekday() != weekday).map(|date| {
        format!("{} is a {}, not a {}: the date counts.", tell::date(date), tell::weekday(date.weekday()), tell::weekday(weekday))
    });
    Some(found.with_note(note))
}

/// Maximum months searched for a day that falls on a weekday: one or two years suffice, except for the 31st.
const MONTHS_AHEAD: i32 = 60;
/// Days within which such a date needs no note.
const NEAR_DAYS: i32 = 31;

/// "the 13th" of "Friday the 13th": the next 13th that is a Friday. A bare number counts only if the next such day is one.
fn numbered(view: View<'_>, weekday: Weekday, at: usize, start: usize) -> Option<Phrase> {
    let word = view.word(start);
    // "Friday 13" is not a time, "Monday 9" may be one.
    let is_ordinal = ordinal_figures(word).is_some() || start > at || figures(word).is_some_and(|number| number > 12);
    let number = ordinal_figures(word).or_else(|| ordinal(word).filter(|_| start > at)).or_else(|| figures(word).filter(|_| start == at));
    let day = number.filter(|day| (1..=31).contains(day)).and_then(|day| i8::try_from(day).ok())?;
    // "Friday the 13th of May" was read above; "Monday 5 people" is not a date.
    if !view.is_free(start + 1) || view.is_any(start + 1, &["of"]) {
        return None;
    }
    let first = view.context.today().first_of_month();
    let next = (0..=MONTHS_AHEAD)
        .filter_map(|ahead| first.checked_add(Span::new().months(ahead)).ok())
        .filter_map(|month| Date::new(month.year(), month.month(), day).ok())
        .filter(|date| *date >= view.context.today());
    let mut next = next.take_while(|date| is_ordinal || date.duration_since(first).as_hours() / 24 <= i64::from(NEAR_DAYS) * 2);
    let date = next.find(|date| date.weekday() == weekday)?;
    let is_far = days(view.context.today(), NEAR_DAYS)? < date;
    let note = (is_far || !is_ordinal)
        .then(|| format!("The next {} that is a {} is {}.", tell::ordinal(day), tell::weekday(weekday), tell::date(date)));
    Some(with_part(view, on(start + 1, date)).with_note(note))
}
