//! Times of day: "at 9", "5:30pm", "18:00", "noon", "half past nine", "in the morning", "9-10am".

use crate::calendar;
use crate::grammar::{Clock, DayPart, Meaning, Phrase, Role, View};
use crate::numbers::{cardinal, figures, length};

/// Returns the phrase that begins at `at`, if it is a time of day.
pub(crate) fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    let (lead, role, start) = lead(view, at);
    // "12 noon".
    let noon = if view.is(start, "12") && view.is_any(start + 1, &["noon", "midday", "midnight"]) { start + 1 } else { start };
    let read = if noon > start {
        named(view, noon, Lead::At)
    } else {
        let follows_day = follows_day(view, at) || calendar::ends_date(view, at);
        stretch(view, at, start, follows_day).or_else(|| timed(view, start, lead, follows_day))
    };
    let read = read.or_else(|| named(view, start, lead));
    let read = read.or_else(|| same_time(view, at)).or_else(|| day_part(view, at)).map(|read| Phrase { role, ..read });
    // "from 5pm on".
    let is_on = |read: &Phrase| role == Role::From && view.is_any(read.end, &["on", "onwards"]) && view.is_end(read.end + 1);
    let read = read.map(|read| if is_on(&read) { Phrase { end: read.end + 1, ..read } } else { read });
    // "two hours before noon" is longer than any of these that begins here.
    shifted(view, at).or(read)
}

/// How clearly the preceding words announce a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// "at": a bare number is a time.
    At,
    /// A day: "tomorrow 9".
    Day,
    /// "by", "from": a time, if it looks like one.
    Weak,
    None,
}

fn lead(view: View<'_>, at: usize) -> (Lead, Role, usize) {
    for (words, lead, role) in [
        (&["due", "at"][..], Lead::At, Role::Due),
        (&["due", "by"], Lead::Weak, Role::Due),
        (&["starting", "at"], Lead::At, Role::Plain),
        (&["at", "around"], Lead::At, Role::Plain),
        (&["at", "about"], Lead::At, Role::Plain),
        (&["at", ":"], Lead::At, Role::Plain),
        (&["time", ":"], Lead::At, Role::Plain),
        (&["due", ":"], Lead::Weak, Role::Due),
        (&["at"], Lead::At, Role::Plain),
        (&["@"], Lead::At, Role::Plain),
        (&["by"], Lead::Weak, Role::Due),
        (&["due"], Lead::Weak, Role::Due),
        (&["before"], Lead::Weak, Role::Before),
        (&["after"], Lead::Weak, Role::After),
        (&["around"], Lead::Weak, Role::Plain),
        (&["from"], Lead::Weak, Role::From),
        (&["between"], Lead::Weak, Role::Plain),
        (&["until"], Lead::Weak, Role::Until),
        (&["till"], Lead::Weak, Role::Until),
    ] {
        if view.is_phrase(at, words) {
            return (lead, role, at + words.len());
        }
    }
    let before = view.before(at);
    let day = if DayPart::named(before).is_some() { view.before(at - 1) } else { before };
    (if calendar::is_day_word(day) { Lead::Day } else { Lead::None }, Role::Plain, at)
}

/// True if a day or a recurrence ends before this word, so that "at 9" is a time.
fn follows_day(view: View<'_>, at: usize) -> bool {
    let word = view.before(at);
    let singular = word.strip_suffix('s').unwrap_or(word);
    let is_unit =
        matches!(singular, "day" | "weekday" | "workday" | "weekend" | "week" | "month" | "everyday") || DayPart::named(singular).is_some();
    is_unit || matches!(word, "daily" | "weekly" | "monthly") || calendar::is_day_word(word) || calendar::weekday(singular).is_some()
}

/// "10-11", "from 10 to 11", "between 3 and 5": hours, where a day stands beside them.
fn stretch(view: View<'_>, at: usize, start: usize, is_behind_day: bool) -> Option<Phrase> {
    let is_led = view.is_any(at, &["from", "between"]);
    let (hour, end) = match view.word(start).split_once(['-', '\u{2013}']) {
        Some((first, last)) => (stretch_hours(first, last)?, start + 1),
        None if is_led && view.is_any(start + 1, &["to", "and", "-", "\u{2013}", "until", "till"]) => {
            (stretch_hours(view.word(start), view.word(start + 2))?, start + 3)
        }
        None => return None,
    };
    let is_before_day = is_led && view.known(end).is_some_and(|next| matches!(next.meaning, Meaning::Day { .. } | Meaning::Repeat(_)));
    let clock = Clock { hour, minute: 0, is_sure: !(1..=11).contains(&hour) };
    // "on Friday from 10 to 11 meet Ana".
    let is_clear = view.is_free(end) && (is_before_day || is_behind_day) || is_led && is_behind_day;
    // "between 1 and 5 December" are days, and "3 to 5 pm" says more.
    let is_whole = calendar::month(view.word(end)).is_none() && !view.is_any(end, &["of", "am", "pm", "a.m.", "p.m.", "o'clock"]);
    (is_clear && is_whole).then(|| Phrase::new(end, Meaning::Clock(clock)).with_note(Some(ONE_TIME.to_owned())))
}

/// The first hour of two in figures.
fn stretch_hours(first: &str, last: &str) -> Option<i8> {
    let hour = |text: &str| figures(text).filter(|hour| text.len() <= 2 && *hour <= 24);
    i8::try_from(hour(first).filter(|first| hour(last).is_some_and(|last| last != *first) && *first < 24)?).ok()
}

/// "this time tomorrow", "next Friday at the same time": the current time.
fn same_time(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(view.skip(at, &["at", "around", "about"]), &["the"]);
    let end = (view.is_any(start, &["this", "same"]) && view.is(start + 1, "time")).then_some(start + 2)?;
    let is_before_day = view.known(end).is_some_and(|next| matches!(next.meaning, Meaning::Day { .. } | Meaning::Ahead(_)));
    let is_beside_day = is_before_day || view.is_free(end) && (follows_day(view, at) || calendar::ends_date(view, at));
    let (hour, minute) = (view.context.local.hour(), view.context.local.minute());
    let note = format!("This means the current time, {hour:02}:{minute:02}.");
    is_beside_day.then(|| Phrase::new(end, Meaning::Clock(Clock { hour, minute, is_sure: true })).with_note(Some(note)))
}

/// "two hours before noon", "an hour after 5pm", unless it is a reminder's.
fn shifted(view: View<'_>, at: usize) -> Option<Phrase> {
    let (length, end) = length(view.words, at).filter(|(length, _)| length.is_exact() && !calendar::is_reminders(view, at))?;
    let Phrase { end, role, meaning: Meaning::Clock(clock), note } = view.known(end)? else { return None };
    let minutes = match role {
        Role::Before => length.minutes.checked_neg()?,
        Role::After => length.minutes,
        Role::Plain | Role::Due | Role::From | Role::Until => return None,
    };
    // Midnight is the end of the day.
    let is_midnight = (clock.hour, clock.minute) == (23, 59);
    let from = if is_midnight { 24 * 60 } else { i32::from(clock.hour) * 60 + i32::from(clock.minute) };
    let shifted = from.checked_add(minutes).filter(|shifted| (0..24 * 60).contains(shifted))?;
    let clock = Clock { hour: i8::try_from(shifted / 60).ok()?, minute: i8::try_from(shifted % 60).ok()?, ..*clock };
    Some(Phrase::new(*end, Meaning::Clock(clock)).with_note(note.clone().filter(|_| !is_midnight)))
}

const ONE_TIME: &str = "A task has one time: the first is used.";

/// A time in numbers, with the words that belong to it.
fn timed(view: View<'_>, at: usize, lead: Lead, follows_day: bool) -> Option<Phrase> {
    if let Some((clock, end, note)) = joined_range(view, at) {
        return Some(Phrase::new(end, Meaning::Clock(clock)).with_note(Some(note)));
    }
    let face = face(view, at, if lead == Lead::Weak && follows_day { Lead::Day } else { lead })?;
    let (face, end, note) = match range_end(view, face.end) {
        Some(last) => {
            let meridiem = face.meridiem.or(last.meridiem.filter(|_| face.hour <= last.hour && face.hour < 12));
            let start = Face { meridiem, is_time: face.is_time || last.is_time, ..face };
            (start, list_end(view, last.end), Some(ONE_TIME.to_owned()))
        }
        None => (face, face.end, None),
    };
    let end = if view.is_any(end, &["local", "my", "our"]) && view.is(end + 1, "time") { end + 2 } else { end };
    let (part, end) = trailing_part(view, end);
    let is_bare = !face.is_time && part.is_none();
    // "look at 9 houses", but "every Monday at 9 run".
    // "Friday before 5", "around 5 on Friday".
    let is_beside_day = || follows_day || view.known(end).is_some_and(|next| matches!(next.meaning, Meaning::Day { .. }));
    let is_led = matches!(lead, Lead::At | Lead::Day) || lead == Lead::Weak && view.is_free(end) && is_beside_day();
    if is_bare && (!is_led || !(view.is_free(end) || lead == Lead::At && follows_day)) {
        return None;
    }
    let clock = face.clock(part)?;
    let note = if is_bare && lead == Lead::Day { Some(format!("{} is read as the time of that day.", view.word(at))) } else { note };
    Some(Phrase::new(view.skip(end, &["sharp"]), Meaning::Clock(clock)).with_note(note))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meridiem {
    Am,
    Pm,
}

/// The hour and minute, and their notation.
#[derive(Clone, Copy)]
struct Face {
    hour: i8,
    minute: i8,
    meridiem: Option<Meridiem>,
    /// Written as on a 24-hour clock: "05:30", "18:00".
    is_exact: bool,
    /// Clearly a time, not just a number.
    is_time: bool,
    end: usize,
}

impl Face {
    fn clock(self, part: Option<DayPart>) -> Option<Clock> {
        let meridiem = self.meridiem.or(match part {
            Some(DayPart::Morning) => Some(Meridiem::Am),
            Some(_) => Some(Meridiem::Pm),
            None => None,
        });
        let is_twelve = (1..=12).contains(&self.hour) && !self.is_exact;
        let hour = match meridiem {
            Some(Meridiem::Am) if is_twelve => self.hour % 12,
            Some(Meridiem::Pm) if is_twelve => self.hour % 12 + 12,
            // "17:00 pm" says the same twice; "17:00 am" says nothing.
            Some(Meridiem::Am) if self.hour > 12 && self.meridiem.is_some() => return None,
            _ => self.hour,
        };
        let is_sure = meridiem.is_some() || self.is_exact || !(1..=11).contains(&self.hour);
        Some(Clock { hour, minute: self.minute, is_sure })
    }
}

/// A time in digits or words, with "am" or "pm" if present.
fn face(view: View<'_>, at: usize, lead: Lead) -> Option<Face> {
    if let Some(face) = spoken(view, at, lead) {
        return Some(face);
    }
    // "5ish" is read as 5.
    let near = view.word(at).strip_suffix("ish").map(|text| text.trim_end_matches('-'));
    let (text, meridiem) = split_meridiem(near.unwrap_or_else(|| view.word(at)));
    let (text, meridiem) = match meridiem.or(lettered(text).filter(|_| matches!(lead, Lead::At | Lead::Day))) {
        Some(meridiem) => (text.trim_end_matches(['a', 'p']), Some(meridiem)),
        None => (text, None),
    };
    let lead = if near.is_some() && lead == Lead::None { Lead::Day } else { lead };
    let (hour, minute, is_clock) = digits(text, matches!(lead, Lead::At | Lead::Day) || has_zone(view, at + 1)).or_else(|| {
        let hour = cardinal(text).filter(|hour| (1..=12).contains(hour) && lead == Lead::At)?;
        Some((i8::try_from(hour).ok()?, 0, false))
    })?;
    let next = meridiem_word(view.word(at + 1));
    let (meridiem, end) = match (meridiem, next) {
        (None, Some(meridiem)) => (Some(meridiem), at + 2),
        (meridiem, _) => (meridiem, at + 1),
    };
    // "1.30" is a time only if another word indicates one.
    let is_dotted = text.contains('.');
    let is_clock = is_clock && (!is_dotted || lead != Lead::None || meridiem.is_some());
    let is_exact = is_clock && meridiem.is_none() && (text.starts_with('0') || hour == 0 || hour > 12);
    let (says_oclock, end) = if view.is_any(end, &["o'clock", "oclock"]) || is_clock && view.is_any(end, &["h", "hrs", "hours", "uhr"]) {
        (true, end + 1)
    } else {
        (false, end)
    };
    let (minute, end) = spoken_minute(view, end, (minute, is_clock || says_oclock || meridiem.is_some(), figures(text).is_none()));
    if meridiem.is_some() && !(1..=12).contains(&hour) && !is_clock {
        return None;
    }
    // "7ish people" is not a time.
    let is_near = near.is_some() && view.is_free(end);
    Some(Face { hour, minute, meridiem, is_exact, is_time: is_clock || says_oclock || is_near || meridiem.is_some(), end })
}

/// True if a zone begins here, as after "14h CET".
fn has_zone(view: View<'_>, at: usize) -> bool {
    view.known(at).is_some_and(|next| matches!(next.meaning, Meaning::Zone(_)))
}

/// The thirty of "nine thirty".
fn spoken_minute(view: View<'_>, end: usize, (minute, is_time, is_word): (i8, bool, bool)) -> (i8, usize) {
    let spoken = match view.word(end) {
        "fifteen" => 15,
        "thirty" => 30,
        "forty-five" => 45,
        _ => return (minute, end),
    };
    if is_time || !is_word { (minute, end) } else { (spoken, end + 1) }
}

/// "half past nine", "quarter to 5", "ten past eight", "half nine".
fn spoken(view: View<'_>, at: usize, lead: Lead) -> Option<Face> {
    let at = if view.is(at, "a") && view.is(at + 1, "quarter") { at + 1 } else { at };
    let minute = match view.word(at) {
        "half" => 30,
        "quarter" => 15,
        word => cardinal(word).filter(|minute| (1..=29).contains(minute))?,
    };
    let after = view.skip(at + 1, &["minutes"]);
    let (direction, hour_at) = match view.word(after) {
        "past" => (1, after + 1),
        "to" => (-1, after + 1),
        // British: "half nine" is half past nine.
        _ if minute == 30 && lead == Lead::At => (1, after),
        _ => return None,
    };
    // "10 to 5" may be a range or a score, so these count as times only after a word such as "at".
    if direction < 0 && view.word(at) != "quarter" && lead != Lead::At {
        return None;
    }
    let (text, meridiem) = split_meridiem(view.word(hour_at));
    let hour = i8::try_from(cardinal(text).filter(|hour| (1..=12).contains(hour))?).ok()?;
    let (meridiem, end) = match (meridiem, meridiem_word(view.word(hour_at + 1))) {
        (None, Some(meridiem)) => (Some(meridiem), hour_at + 2),
        (meridiem, _) => (meridiem, hour_at + 1),
    };
    let minute = i8::try_from(minute).ok()?;
    let (hour, minute) = if direction > 0 { (hour, minute) } else { ((hour + 10) % 12 + 1, 60 - minute) };
    Some(Face { hour, minute, meridiem, is_exact: false, is_time: true, end })
}

/// Hours from which "9h30" is a time of day rather than a length.
const LONG_HOURS: u32 = 7;

/// "9:15", "9.15" and "17h30" are clock times, "9" and (where a number is expected to be a time) "0930" and "17h" are not clearly ones.
fn digits(text: &str, is_led: bool) -> Option<(i8, i8, bool)> {
    let in_range = |hour: u32, minute: u32| (hour <= 23 && minute <= 59).then_some((i8::try_from(hour).ok()?, i8::try_from(minute).ok()?));
    let text = if text.contains([':', '.']) { text.trim_end_matches("hrs").trim_end_matches('h') } else { text };
    if let Some((hour, rest)) = text.split_once([':', '.', 'h']).filter(|(_, rest)| !rest.is_empty()) {
        let minute = rest.split_once(':').map_or(rest, |(minute, _)| minute);
        let is_form = (1..=2).contains(&hour.len()) && minute.len() == 2;
        let hour = figures(hour)?;
        let is_clock = !text.contains('h') || is_led || hour >= LONG_HOURS;
        let (hour, minute) = in_range(hour, figures(minute)?).filter(|_| is_form)?;
        return Some((hour, minute, is_clock));
    }
    let military = text.trim_end_matches("hrs").trim_end_matches('h');
    let number = figures(military)?;
    if military.len() == 4 && (is_led || military != text) {
        let (hour, minute) = in_range(number / 100, number % 100)?;
        return Some((hour, minute, true));
    }
    let (hour, minute) = in_range(number, 0).filter(|_| military.len() <= 2 && (is_led || military == text))?;
    Some((hour, minute, military != text))
}

fn split_meridiem(text: &str) -> (&str, Option<Meridiem>) {
    for (ending, meridiem) in [("am", Meridiem::Am), ("a.m.", Meridiem::Am), ("pm", Meridiem::Pm), ("p.m.", Meridiem::Pm)] {
        if let Some(number) = text.strip_suffix(ending).filter(|number| number.ends_with(|c: char| c.is_ascii_digit())) {
            return (number, Some(meridiem));
        }
    }
    // "5:30p".
    let half = [('a', Meridiem::Am), ('p', Meridiem::Pm)].into_iter().find(|(ending, _)| text.contains(':') && text.ends_with(*ending));
    half.map_or((text, None), |(ending, meridiem)| (text.trim_end_matches(ending), Some(meridiem)))
}

/// "5p", where a time is expected.
fn lettered(text: &str) -> Option<Meridiem> {
    let (number, letter) = text.split_at_checked(text.len().checked_sub(1)?)?;
    figures(number).filter(|hour| (1..=12).contains(hour))?;
    [("a", Meridiem::Am), ("p", Meridiem::Pm)].into_iter().find(|(ending, _)| *ending == letter).map(|(_, meridiem)| meridiem)
}

fn meridiem_word(text: &str) -> Option<Meridiem> {
    match text {
        "am" | "a.m" | "a.m." => Some(Meridiem::Am),
        "pm" | "p.m" | "p.m." => Some(Meridiem::Pm),
        _ => None,
    }
}

/// The end of "9am - 10am", "from 9 to 10", "between 2 and 4pm", "at 9 and 18": the second time.
fn range_end(view: View<'_>, at: usize) -> Option<Face> {
    let begin = at + usize::from(view.is_any(at, &["-", "\u{2013}", "to", "until", "till", "and", "&", ","]));
    if begin == at {
        return None;
    }
    let last = face(view, begin, Lead::At)?;
    view.is_free(last.end).then_some(last)
}

/// Maximum times of a list.
const LISTED_MAX: usize = 24;

/// The end of ", 12 and 18" after "at 8".
fn list_end(view: View<'_>, mut end: usize) -> usize {
    for _ in 0..LISTED_MAX {
        let Some(next) = range_end(view, end) else { break };
        end = next.end;
    }
    end
}

/// "9-10am", "14:00-15:30" as one word.
fn joined_range(view: View<'_>, at: usize) -> Option<(Clock, usize, String)> {
    let (first, last) = view.word(at).split_once(['-', '\u{2013}'])?;
    let ((first, own), (last, meridiem)) = (split_meridiem(first), split_meridiem(last));
    let (meridiem, end) = match meridiem_word(view.word(at + 1)) {
        Some(word) if meridiem.is_none() => (Some(word), at + 2),
        _ => (meridiem, at + 1),
    };
    let ((hour, minute, is_clock), (last_hour, _, is_last_clock)) = (digits(first, false)?, digits(last, false)?);
    let is_time = meridiem.is_some() || own.is_some() || (is_clock && is_last_clock && first.contains(':'));
    let meridiem = own.or(meridiem.filter(|_| hour <= last_hour && hour < 12));
    let is_exact = meridiem.is_none() && (first.starts_with('0') || hour == 0 || hour > 12);
    let face = Face { hour, minute, meridiem, is_exact, is_time, end };
    Some((face.clock(None).filter(|_| is_time)?, end, ONE_TIME.to_owned()))
}

/// "in the evening", "at night", "tonight" after a time only gives the half of the day.
fn trailing_part(view: View<'_>, at: usize) -> (Option<DayPart>, usize) {
    if view.is_phrase(at, &["in", "the"])
        && let Some(part) = DayPart::named(view.word(at + 2)).filter(|_| view.is_free(at + 3))
    {
        return (Some(part), at + 3);
    }
    if view.is_phrase(at, &["at", "night"]) {
        return (Some(DayPart::Night), at + 2);
    }
    (None, at)
}

/// "noon", "midnight", "lunchtime", "end of day".
fn named(view: View<'_>, at: usize, lead: Lead) -> Option<Phrase> {
    let at = if lead != Lead::None && view.is_any(at + 1, &["end", "close"]) { view.skip(at, &["the"]) } else { at };
    let time = |hour, minute| Meaning::Clock(Clock { hour, minute, is_sure: true });
    let read = match view.word(at) {
        "noon" | "midday" if view.before(at) != "high" && (view.is_free(at + 1) || matches!(lead, Lead::At | Lead::Day)) => {
            Phrase::new(at + 1, time(12, 0))
        }
        "lunchtime" if lead != Lead::None && view.is_free(at + 1) => Phrase::new(at + 1, time(12, 0)),
        "midnight" if lead != Lead::None || view.is_end(at + 1) || view.known(at + 1).is_some() => {
            Phrase::new(at + 1, time(23, 59)).with_note(Some("Midnight is read as the end of the day, 23:59.".to_owned()))
        }
        "eod" | "cob" | "eob" | "cop" => Phrase::new(at + 1, time(23, 59)),
        "end" | "close" if view.is(at + 1, "of") && view.is_any(at + 2, &["business", "play", "work"]) => Phrase::new(at + 3, time(23, 59)),
        "end" if view.is_phrase(at, &["end", "of", "day"]) => Phrase::new(at + 3, time(23, 59)),
        "end" if view.is_phrase(at, &["end", "of", "the", "day"]) => Phrase::new(at + 4, time(23, 59)),
        _ => return None,
    };
    Some(read)
}

/// "in the morning", "at night", "first thing".
fn day_part(view: View<'_>, at: usize) -> Option<Phrase> {
    if view.is_phrase(at, &["first", "thing"]) && view.is_free(at + 2) {
        let end = if view.is_phrase(at + 2, &["in", "the", "morning"]) { at + 5 } else { at + 2 };
        return Some(Phrase::new(end, Meaning::Part(DayPart::Morning)));
    }
    let (part, end) = trailing_part(view, at);
    Some(Phrase::new(end, Meaning::Part(part?)))
}
