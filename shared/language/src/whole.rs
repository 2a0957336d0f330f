//! A phrase that gives a date, time or recurrence is read completely, with every word that qualifies it, or it stays in the title.
//!
//! Each kind of phrase reads the qualifiers that it knows. This module finds the others: "tomorrow or Friday", "not on Monday", "every day except
//! holidays", "the second Friday". If one is beside a phrase, the sentence gets no date and no recurrence, and a note says so, because half of a
//! phrase would be another date.

use std::ops::Range;

use crate::calendar;
use crate::draft::Found;
use crate::grammar::{By, Day, DayPart, Limit, Meaning, Repeat, Role};
use crate::numbers::{Unit, cardinal, figures, ordinal};
use crate::words::{Case, Word, WordKind, after, skip};

/// Words that negate or blur a following phrase, and those that name a part of a week, a month or a year.
const DENYING: &str = "skip|skipping|earliest|soonest|as|not|never|no|except|\
    excepting|excluding|but|without|unless|besides|minus|or|nor|neither|than|since|least|apart|aside";
const NEAR: &str = "about|around|approximately|roughly|almost|nearly|circa|ca|half";
const PARTIAL: &str = "early|late|mid";
/// Words before counted days.
const COUNTING: &str =
    "last|past|previous|other|alternate|alternating|every|each|any|both|all|few|couple|several|some|most|next|this|coming|whole";
/// Words that join a phrase to what follows, if that is about time too.
const JOINING: &str = "and|or|&|+|plus|but|not|nor|without|except|excepting|excluding|unless|besides|minus|only|than|to|through|thru|until|\
    till|from|since|before|after|in|of|during|while|if|when|even|then|other than|instead of|apart from|aside from|as well as|second|last|alternate|every";
/// The same, if they separate two days or two times.
const PARTING: &str = ",|/|-|\u{2013}|;|.";
/// Words after a recurrence that exclude something or end it, whatever follows.
const LIMITING: &str = "except|excepting|excluding|other than|apart from|aside from|with the exception|unless|until|till|save for|but not|\
    but only|only if|only when|only on|only in|skipping|skip|but skip|for the rest|for the remainder|if|when|whenever|while";
/// Words after a phrase that move or widen it.
const MOVING: &str = "ago|onwards|onward|hence|ish|or so|or two|or three|or less|or more|\
    or earlier|or later|or sooner|or before|or after|alternately|at the earliest";
/// Words between a joining word and what it joins.
const BETWEEN: &str =
    "not|on|the|in|at|a|an|also|even|only|every|each|by|due|public|bank|school|national|during|my|our|any|all|no|from|until|before|after";
/// Words about time that no phrase begins with.
const TIME_WORDS: &str = "holiday|holidays|vacation|vacations|weekend|weekends|weekday|weekdays|summer|winter|spring|autumn|term|semester|\
    season|christmas|xmas|easter|advent|ramadan|lent|noon|midnight|mornings|afternoons|evenings|nights|weeknights|later|sooner|earlier|\
    further notice|fortnight|quarter|now|a while|some time";
/// Maximum words of [`BETWEEN`] that are skipped.
const BETWEEN_MAX: usize = 4;

/// Leaves dates, times and recurrences in the title if an unknown word qualifies them.
pub(crate) fn leave(words: &[Word], from: usize, found: &mut [Found]) {
    let stretch = Sentence { words, found, from }.qualified();
    let Some(stretch) = stretch else { return };
    let text = words[stretch].iter().map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ");
    let mut note = Some(format!("\u{201c}{text}\u{201d} was not fully understood: it stays in the title."));
    for found in found.iter_mut().filter(|found| found.phrase.meaning.says_when()) {
        found.phrase.meaning = Meaning::Impossible;
        found.phrase.note = note.take();
    }
}

/// Returns the first day among the title's words: "3 days ago", "Friday or Saturday".
pub(crate) fn unread<'a>(words: &'a [Word], from: usize, found: &[Found]) -> Option<&'a str> {
    let is_read = |at: usize| found.iter().any(|found| found.words.contains(&at));
    let is_day = |word: &str| calendar::is_day_word(word) || word.strip_suffix('s').is_some_and(calendar::is_day_word);
    // "tomorrow/friday".
    let are_days = |word: &str| word.split(['/', ',', '+', '&']).all(is_day);
    let is_ago =
        |at: usize| after(words, at, "ago").is_some() && at > 0 && words[at - 1].plain().is_some_and(|word| Unit::named(word).is_some());
    let is_week_of = |at: usize| {
        words[at].is("week")
            && after(words, at + 1, "of|in").is_some()
            && at > 0
            && words[at - 1].plain().is_some_and(|word| word == "last" || ordinal(word).is_some())
    };
    let is_unread = |(at, word): &(usize, &str)| are_days(word) || is_ago(*at) || is_week_of(*at) || is_time_like(word);
    let unread = (from..words.len()).filter(|at| !is_read(*at));
    unread.filter_map(|at| Some((at, words[at].plain()?))).find(is_unread).map(|(_, word)| word)
}

/// True if a word looks like a time of day or a quarter, even an invalid one: "25:00", "13pm", "17z", "q2".
fn is_time_like(word: &str) -> bool {
    let is_clock = |text: &str| {
        text.split_once(':').is_some_and(|(hour, minute)| figures(hour).is_some() && figures(minute).is_some() && minute.len() == 2)
    };
    let is_number = |text: &str| figures(text).is_some_and(|_| text.len() <= 4);
    let ends = ["am", "pm", "z"].iter().filter_map(|ending| word.strip_suffix(ending)).any(is_number);
    ends || is_clock(word) || matches!(word, "q1" | "q2" | "q3" | "q4")
}

/// True if a word is about time although no phrase begins with it: "holidays", "summer".
pub(crate) fn is_time_word(words: &[Word], at: usize) -> bool {
    after(words, at, TIME_WORDS).is_some()
}

/// Returns the recurrence of these phrases with its limits, and whether a rule can express all of it.
pub(crate) fn repetition(found: &[Found]) -> (Option<Repeat>, bool) {
    let mut repeats = found.iter().filter_map(|found| match &found.phrase.meaning {
        Meaning::Repeat(repeat) => Some(repeat),
        _ => None,
    });
    let Some(first) = repeats.next().cloned() else { return (None, limits(found, None).next().is_none()) };
    let repeat = repeats.next().and_then(|second| first.joined(second)).unwrap_or(first);
    let unit = repeat.unit;
    let limited = limits(found, Some(unit)).try_fold(repeat.clone(), |repeat, limit| repeat.limited(&limit));
    let is_whole = limited.is_some();
    (Some(limited.unwrap_or(repeat)), is_whole)
}

/// Returns the limits of a recurrence of this unit: exclusions, and months that it is limited to.
fn limits(found: &[Found], unit: Option<Unit>) -> impl Iterator<Item = Limit> {
    found.iter().filter_map(move |found| match &found.phrase.meaning {
        Meaning::Limit(limit) => Some(limit.clone()),
        Meaning::Day { day, .. } if unit.is_some_and(|unit| is_season(day, found.phrase.role, unit)) => match day {
            Day::Month { first, .. } => Some(Limit { months: vec![first.month()], ..Limit::default() }),
            _ => None,
        },
        _ => None,
    })
}

/// True if a month limits a recurrence of this unit, rather than starts it.
pub(crate) fn is_season(day: &Day, role: Role, unit: Unit) -> bool {
    matches!(day, Day::Month { is_dated: false, .. }) && role == Role::Plain && unit != Unit::Year
}

struct Sentence<'a> {
    words: &'a [Word],
    found: &'a [Found],
    /// The first word that describes the task.
    from: usize,
}

impl Sentence<'_> {
    /// Returns the first words qualified by something unknown.
    fn qualified(&self) -> Option<Range<usize>> {
        if let (false, Some(stretch)) = (repetition(self.found).1, self.limited()) {
            return Some(stretch);
        }
        let repeats = self.found.iter().any(|found| matches!(found.phrase.meaning, Meaning::Repeat(_)));
        if let Some(stretch) = self.contradicted() {
            return Some(stretch);
        }
        self.found.iter().enumerate().filter(|(_, found)| found.phrase.meaning.says_when()).find_map(|(index, found)| {
            let Range { start, end } = found.words.clone();
            let is_open = found.phrase.role == Role::Until && !repeats && self.is(start, "up to") || self.is(start, "since");
            if is_open {
                return Some(start..end);
            }
            let before = self.before(index).map(|from| from..end);
            before.or_else(|| self.after(index).map(|to| start..to.min(self.words.len())))
        })
    }

    /// Returns the words from the recurrence to its limit.
    fn limited(&self) -> Option<Range<usize>> {
        self.between(|meaning| matches!(meaning, Meaning::Limit(_) | Meaning::Repeat(_)))
    }

    /// Returns the words from the first to the last phrase of a kind.
    fn between(&self, is_part: fn(&Meaning) -> bool) -> Option<Range<usize>> {
        let is_part = |found: &&Found| is_part(&found.phrase.meaning);
        Some(self.found.iter().find(is_part)?.words.start..self.found.iter().rfind(is_part)?.words.end)
    }

    /// Returns the words from a recurrence to something incompatible: a day that it does not include, or a zone that a task cannot keep.
    fn contradicted(&self) -> Option<Range<usize>> {
        let repeat = repetition(self.found).0?;
        let is_other = |found: &&Found| match &found.phrase.meaning {
            Meaning::Zone(place) => place.zone.is_none(),
            _ if repeat.unit == Unit::Hour && self.limits_hours(found) => true,
            Meaning::Day { .. } if found.phrase.role == Role::Plain && self.is_stretch(found, &repeat) => true,
            // "daily 3x" is three times a day.
            Meaning::Count(_) => repeat.unit == Unit::Day && self.words[found.words.start].lower.ends_with('x'),
            Meaning::Day { day, .. } if found.phrase.role == Role::Plain && !is_season(day, Role::Plain, repeat.unit) => {
                match (day, &repeat.by) {
                    (_, By::Start) | (Day::Month { .. }, _) | (Day::On(_), By::Nth(_) | By::Workdays(_)) => false,
                    (Day::On(date), By::Weekdays(days)) => !days.contains(&date.weekday()),
                    (Day::Weekday(weekday), By::Weekdays(days)) => !days.contains(weekday),
                    (Day::On(date), By::MonthDays(days)) => !days.contains(&date.day()),
                    (Day::OfMonth(day), By::MonthDays(days)) => !days.contains(day),
                    _ => true,
                }
            }
            _ => false,
        };
        self.found.iter().any(|found| is_other(&found)).then(|| {
            self.between(|meaning| {
                matches!(
                    meaning,
                    Meaning::Repeat(_) | Meaning::Day { .. } | Meaning::Clock(_) | Meaning::Part(_) | Meaning::Zone(_) | Meaning::Count(_)
                )
            })
        })?
    }

    /// True for a week, month or year with several occurrences: "every day next week" ends with it.
    fn is_stretch(&self, found: &Found, repeat: &Repeat) -> bool {
        let words = &self.words[found.words.clone()];
        let said = words.iter().filter_map(Word::plain).find_map(|word| match word {
            "week" | "weekend" => Some(Unit::Week),
            "month" => Some(Unit::Month),
            "year" => Some(Unit::Year),
            _ => None,
        });
        let is_named = words.iter().any(|word| word.is_any(&["this", "next", "coming"]));
        let several = matches!(&repeat.by, By::Weekdays(days) if days.len() > 1) && repeat.unit == Unit::Week;
        is_named && said.is_some_and(|said| said > repeat.unit || said == Unit::Week && several)
    }

    /// True if this limits "every hour" to a part of a day, which no rule can express: "in the morning", "until 6pm", "from 9 to 5", "tomorrow".
    fn limits_hours(&self, found: &Found) -> bool {
        let mut words = self.words[found.words.clone()].iter();
        let begins = matches!(found.phrase.role, Role::Plain | Role::From | Role::Due);
        match found.phrase.meaning {
            Meaning::Part(_) | Meaning::Day { part: Some(_), .. } => true,
            Meaning::Clock(_) => {
                !begins
                    || words.any(|word| word.is_any(&["between", "to", "and", "-", "\u{2013}"]) || word.lower.contains(['-', '\u{2013}']))
            }
            Meaning::Day { .. } if found.phrase.role == Role::Plain => {
                !self.found.iter().any(|found| matches!(found.phrase.meaning, Meaning::Clock(_)))
            }
            _ => false,
        }
    }

    fn is(&self, at: usize, phrases: &str) -> bool {
        after(self.words, at, phrases).is_some()
    }

    /// True if a phrase covers this word.
    fn is_read(&self, at: usize) -> bool {
        self.found.iter().any(|found| found.words.contains(&at))
    }

    /// Returns where a word before this phrase begins that qualifies it.
    fn before(&self, index: usize) -> Option<usize> {
        let found = &self.found[index];
        let mut at = found.words.start.checked_sub(1)?;
        while at > self.from && !self.is_read(at) && self.is(at, "the|a|an|on|in|at|by|for") {
            at -= 1;
        }
        if at < self.from || self.is_read(at) {
            return None;
        }
        // "first and third Tuesday", "this or next Friday": the first half was not read.
        let is_number = |at: usize| self.words.get(at).and_then(Word::plain).is_some_and(|word| figures(word).is_some());
        let is_half = |at: usize| self.is_half(at) || is_number(at) && is_number(found.words.start);
        if at > self.from && self.is(at, "and|or|&|,|/|+|plus") && is_half(at - 1) && !self.is_read(at - 1) {
            return Some(at - 1);
        }
        let word = &self.words[at];
        // "the weekend before Christmas", "the rest of Friday".
        let is_edge = matches!(found.phrase.role, Role::Before | Role::After) && at + 1 == found.words.start && self.is_about_time(at);
        let is_lone = || self.found.iter().filter(|found| matches!(found.phrase.meaning, Meaning::Day { .. })).count() == 1;
        let is_repeat = matches!(found.phrase.meaning, Meaning::Repeat(_));
        // "the morning of 3 May", "the last two days of every month".
        let is_of = word.is("of") && at > self.from && (is_repeat || matches!(found.phrase.meaning, Meaning::Day { .. }) && is_lone());
        // "at most once a week".
        if is_repeat && word.is("most") && at > self.from && self.is(at - 1, "at") {
            return Some(at - 1);
        }
        if word.is("to") && at > self.from && self.is(at - 1, "up to") {
            return Some(at - 1);
        }
        // "the day before the last day of every month".
        let is_beside = matches!(found.phrase.meaning, Meaning::Repeat(_)) && self.is(at, "before|after|following");
        if is_beside {
            return Some(if at > self.from && self.is_about_time(at - 1) { at - 1 } else { at });
        }
        if is_edge || is_of {
            return Some(if is_of { at - 1 } else { at });
        }
        let is_time = matches!(found.phrase.meaning, Meaning::Clock(_) | Meaning::Part(_) | Meaning::Zone(_));
        let is_near = self.is(at, NEAR) && !(is_time && word.is_any(&["about", "around", "half"]));
        let is_period =
            || self.words[found.words.clone()].iter().any(|word| matches!(word.lower.as_str(), "week" | "month" | "year" | "quarter"));
        let is_denied = self.is(at, DENYING) || is_near || self.is(at, PARTIAL) && is_period();
        let counts = self.is(at, COUNTING) || self.is_ordinal(at);
        let is_plural = matches!(found.phrase.meaning, Meaning::Repeat(_)) && word.plain().is_some_and(|word| cardinal(word).is_some());
        let is_counted = (counts || is_plural) && self.is_countable(found);
        (word.kind == WordKind::Word && (is_denied || is_counted)).then_some(at)
    }

    /// True if a phrase begins with a day, a month or a unit of time that can be counted.
    fn is_countable(&self, found: &Found) -> bool {
        let is_day = matches!(found.phrase.meaning, Meaning::Day { .. } | Meaning::Repeat(_) | Meaning::Ahead(_));
        let start = skip(self.words, skip(self.words, skip(self.words, found.words.start, "on|by|for|due|in"), "the"), "next");
        let is_month = |at: usize| self.words.get(at).and_then(Word::plain).and_then(calendar::month).is_some();
        is_day
            && self.words.get(start).and_then(Word::plain).is_some_and(|word| {
                let singular = word.strip_suffix('s').unwrap_or(word);
                let is_unit = Unit::named(word).is_some() || matches!(singular, "weekend" | "weekday" | "workday");
                calendar::weekday(word).or_else(|| calendar::weekday(singular)).is_some()
                    || is_month(start)
                    || is_month(start + 1)
                    || is_unit
            })
    }

    /// Returns where the words after this phrase end that qualify it.
    fn after(&self, index: usize) -> Option<usize> {
        let (found, end) = (&self.found[index], self.found[index].words.end);
        let next = after(self.words, end, PARTING).unwrap_or(end);
        // "the 10th of January, April and July".
        let is_month = |at: usize| self.words.get(at).and_then(Word::plain).and_then(calendar::month).is_some();
        if next > end && is_day(&found.phrase.meaning) && is_month(end - 1) && is_month(next) && !self.is_read(next) {
            return Some(next + 1);
        }
        // "every hour from 9 to 5".
        let is_hour = |at: usize| self.words.get(at).and_then(Word::plain).and_then(cardinal).is_some();
        if matches!(&found.phrase.meaning, Meaning::Repeat(repeat) if repeat.unit == Unit::Hour)
            && self.is(end, "from|between")
            && is_hour(end + 1)
            && !self.is_read(end)
        {
            return Some(end + 2);
        }
        if next > end && self.is_listed(next, found) {
            return Some(next + 1);
        }
        if let Some(other) = self.found.get(index + 1).filter(|other| other.words.start == next && self.are_twins(found, other)) {
            return Some(other.words.end);
        }
        self.joined(next, found)
    }

    /// True if two adjacent phrases have the same kind of meaning, of which a task has one. "Tomorrow on 24 December" leaves the second in the title,
    /// and "1 to 14 December" uses the first; notes report both.
    fn are_twins(&self, one: &Found, other: &Found) -> bool {
        let is_apart = one.words.end < other.words.start;
        match (&one.phrase.meaning, &other.phrase.meaning) {
            (Meaning::Repeat(one), Meaning::Repeat(other)) => one.joined(other).is_none(),
            // A zone belongs to the time before it.
            (Meaning::Clock(_) | Meaning::Zone(_), Meaning::Clock(_)) => is_apart || other.phrase.role != Role::Plain,
            (one, next) if is_day(one) && is_day(next) => match other.phrase.role {
                Role::Plain => is_apart || self.is(other.words.start, "only") || is_open(one) || is_open(next),
                Role::Before | Role::After | Role::From => true,
                Role::Due | Role::Until => false,
            },
            _ => false,
        }
    }

    /// Returns where the continuation of a phrase ends, if it joins, moves or limits it.
    fn joined(&self, at: usize, found: &Found) -> Option<usize> {
        if self.is_read(at) {
            return None;
        }
        if let Some(end) = after(self.words, at, MOVING) {
            return Some(end);
        }
        let is_repeat = matches!(found.phrase.meaning, Meaning::Repeat(_));
        let repeats = self.found.iter().any(|found| matches!(found.phrase.meaning, Meaning::Repeat(_)));
        let is_clock = matches!(found.phrase.meaning, Meaning::Clock(_));
        let is_zone = |word: &Word| word.case == Case::Upper && (3..=5).contains(&word.lower.len()) && word.lower.ends_with('t');
        if is_clock && self.words.get(at).is_some_and(is_zone) {
            return Some(at + 1);
        }
        if let Some(end) = after(self.words, at, LIMITING).filter(|_| repeats) {
            return Some(end + 1);
        }
        let is_figure = |at: usize, digits: usize| {
            self.words.get(at).and_then(Word::plain).is_some_and(|word| figures(word).is_some() && word.len() == digits)
        };
        // "every Tuesday in 2027".
        if is_repeat && self.is(at, "in|during|of|for") && is_figure(at + 1, 4) {
            return Some(at + 2);
        }
        // "every day twice", "the Friday after".
        if is_repeat && self.is(at, "twice|thrice")
            || self.is(at, "after|before|following") && self.words.get(at + 1).is_none_or(|word| word.kind == WordKind::Mark)
        {
            return Some(at + 1);
        }
        if is_clock && self.is(at, "her|his|their|your") && self.is(at + 1, "time") {
            return Some(at + 2);
        }
        let mut next = after(self.words, at, JOINING).or_else(|| after(self.words, at, "for").filter(|_| is_repeat))?;
        // "at 5 or 6".
        let is_led = |at: usize| is_clock || at > 1 && self.is(at - 1, "before|after") && self.is(at - 2, "not");
        let is_hour = |at: usize| is_led(at) && self.words.get(at).and_then(Word::plain).and_then(cardinal).is_some();
        for _ in 0..BETWEEN_MAX {
            let is_last = self.is(next, "next|last") && self.is_closed(next + 1);
            if self.is_about_time(next) || is_hour(next) || is_last || self.is_listed(next, found) {
                let read = self.found.iter().find(|found| found.words.start == next).map(|found| found.words.end);
                return read.or_else(|| after(self.words, next, TIME_WORDS)).or(Some(next + 1));
            }
            next = after(self.words, next, BETWEEN)?;
        }
        None
    }

    /// True if a number is another day or year after a date in figures: the 25 of "December 24 or 25".
    fn is_listed(&self, at: usize, found: &Found) -> bool {
        let number = |at: usize| self.words.get(at).and_then(Word::plain).and_then(|word| figures(word).or_else(|| ordinal(word)));
        is_day(&found.phrase.meaning)
            && number(found.words.end - 1).is_some()
            && !self.is_read(at)
            && number(at).is_some()
            && self.is_closed(at + 1)
    }

    /// True if the sentence ends at this word, or continues with a mark, a joining word or another phrase.
    fn is_closed(&self, at: usize) -> bool {
        self.words.get(at).is_none_or(|word| word.kind == WordKind::Mark) || self.is(at, JOINING) || self.is_read(at)
    }

    fn is_ordinal(&self, at: usize) -> bool {
        self.words.get(at).and_then(Word::plain).and_then(ordinal).is_some()
    }

    /// True if this word is half of the phrase that follows "and".
    fn is_half(&self, at: usize) -> bool {
        let is_day = |word: &str| calendar::is_day_word(word) || word.strip_suffix('s').is_some_and(calendar::is_day_word);
        self.is_ordinal(at)
            || self.is(at, COUNTING)
            || self.is(at, "weekdays|weekends|workdays")
            || self.words.get(at).and_then(Word::plain).is_some_and(is_day)
    }

    /// True if something about time begins at this word, parsed or not.
    fn is_about_time(&self, at: usize) -> bool {
        // "the other day", but not "the other things".
        let at = skip(self.words, at, "this|next|last|past|other|alternate|coming");
        let is_phrase = self.found.iter().any(|found| found.words.start == at && found.phrase.meaning.says_when());
        let Some(word) = self.words.get(at).and_then(Word::plain) else { return is_phrase };
        let singular = word.strip_suffix('s').unwrap_or(word);
        let next = self.words.get(at + 1).and_then(Word::plain);
        let is_weekday = calendar::is_day_word(word) || calendar::weekday(singular).is_some_and(|(_, is_word)| !is_word);
        // "may" and "march" are everyday words before others.
        let is_month = calendar::month(word).is_some() && (!matches!(word, "may" | "march") || next.is_none());
        let is_counted = |next: &str| Unit::named(next).is_some() || calendar::weekday(next).is_some();
        let is_number = cardinal(word).is_some() && next.is_some_and(is_counted) || ordinal(word).is_some() && next.is_none_or(is_counted);
        let is_unit = Unit::named(word).is_some() || DayPart::named(singular).is_some();
        is_phrase || is_weekday || is_month || is_unit || is_number || is_time_word(self.words, at)
    }
}

/// True for a day that another phrase could complete: "Saturday in 10 days".
fn is_open(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Ahead(_) | Meaning::Day { day: Day::Weekday(_), .. })
}

fn is_day(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Day { .. } | Meaning::Ahead(_) | Meaning::Local(_) | Meaning::Instant(_))
}
