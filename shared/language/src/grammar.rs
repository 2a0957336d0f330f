//! The grammar: the meanings of phrases, and the view of the sentence that a kind of phrase gets.

use domain::offset::ReminderOffset;
use domain::task::Priority;
use domain::zone::Zone;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use crate::locale::{Hours, Locale, is_month_first_in};
use crate::numbers::{self, Length, Unit};
use crate::words::{Word, WordKind};

/// The context of a sentence.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The current time.
    now: domain::Timestamp,
    /// The user's zone.
    zone: Zone,
    /// The locale, which decides how dates are read; without it, the zone's country does.
    locale: Option<Locale>,
    /// The existing tags.
    tags: Vec<String>,
}

impl Scene {
    /// Creates the scene of a sentence at `now` in the user's `zone`.
    #[must_use]
    pub fn new(now: domain::Timestamp, zone: &Zone) -> Self {
        Self { now, zone: zone.clone(), locale: None, tags: Vec::new() }
    }

    /// Sets the locale that decides how dates are read.
    #[must_use]
    pub fn in_locale(self, locale: Option<Locale>) -> Self {
        Self { locale, ..self }
    }

    /// Sets the existing tags: "#home office" is the tag with a space only if it exists.
    #[must_use]
    pub fn with_tags(self, tags: Vec<String>) -> Self {
        Self { tags, ..self }
    }
}

/// The evaluated context of a sentence.
#[derive(Clone)]
pub(crate) struct Context {
    /// The time.
    pub(crate) now: jiff::Timestamp,
    /// The user's zone, by its name.
    pub(crate) zone: Zone,
    /// The zone of times: the user's, unless the sentence names another.
    pub(crate) place: Place,
    /// The local time in that zone.
    pub(crate) local: DateTime,
    /// True if "1/2" is 2 January.
    pub(crate) month_first: bool,
    /// The user's locale, if known.
    pub(crate) locale: Option<Locale>,
    pub(crate) hours: Hours,
    /// The existing tags.
    pub(crate) tags: Vec<String>,
}

impl Context {
    pub(crate) fn new(scene: &Scene) -> Self {
        let (now, zone) = (scene.now.get(), scene.zone.clone());
        let place = Place { name: zone.name().to_owned(), tz: zone.get().clone(), zone: Some(zone.clone()) };
        let month_first = scene.locale.as_ref().and_then(Locale::is_month_first);
        Self {
            now,
            local: place.tz.to_datetime(now),
            place,
            month_first: month_first.unwrap_or_else(|| is_month_first_in(zone.name())),
            hours: scene.locale.as_ref().map(Locale::hours).unwrap_or_default(),
            locale: scene.locale.clone(),
            tags: scene.tags.clone(),
            zone,
        }
    }

    /// Returns the same context with times in another zone.
    pub(crate) fn at(&self, place: &Place) -> Self {
        Self { place: place.clone(), local: place.tz.to_datetime(self.now), ..self.clone() }
    }

    pub(crate) fn today(&self) -> Date {
        self.local.date()
    }

    pub(crate) fn tz(&self) -> &TimeZone {
        &self.place.tz
    }

    /// Returns the user's local date and time at this instant.
    pub(crate) fn users(&self, at: jiff::Timestamp) -> DateTime {
        self.zone.get().to_datetime(at)
    }
}

/// A zone that times are given in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its name in the sentence or the database.
    pub(crate) name: String,
    pub(crate) tz: TimeZone,
    /// The zone that a recurring task keeps; none for an offset that no zone has all year.
    pub(crate) zone: Option<Zone>,
}

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DayPart {
    Morning,
    Afternoon,
    Evening,
    Night,
}

impl DayPart {
    pub(crate) fn named(text: &str) -> Option<Self> {
        match text {
            "morning" => Some(Self::Morning),
            "afternoon" => Some(Self::Afternoon),
            "evening" => Some(Self::Evening),
            "night" => Some(Self::Night),
            _ => None,
        }
    }

    /// Returns its default time.
    pub(crate) fn time(self) -> Time {
        match self {
            Self::Morning => Time::constant(9, 0, 0, 0),
            Self::Afternoon => Time::constant(15, 0, 0, 0),
            Self::Evening => Time::constant(18, 0, 0, 0),
            Self::Night => Time::constant(20, 0, 0, 0),
        }
    }
}

/// A day in a sentence. Its date may depend on the time beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    /// This date.
    On(Date),
    /// The next such weekday; today only with a time in the future.
    Weekday(Weekday),
    /// The next such day of a month.
    OfMonth(i8),
    /// A whole month, by its first day; with a recurrence, a month that limits it.
    Month {
        first: Date,
        /// True if its year is given.
        is_dated: bool,
    },
}

/// The word that leads to a day or a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// None, or "on", "at", "this".
    #[default]
    Plain,
    /// "by", "due", "deadline".
    Due,
    /// "before".
    Before,
    /// "after", "since".
    After,
    /// "from", "starting".
    From,
    /// "until".
    Until,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) hour: i8,
    pub(crate) minute: i8,
    /// True if morning or afternoon is given, or the 24-hour notation was used.
    pub(crate) is_sure: bool,
}

/// A recurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) unit: Unit,
    pub(crate) interval: u16,
    pub(crate) by: By,
    /// Only in these months; in all if empty.
    pub(crate) months: Vec<i8>,
    pub(crate) part: Option<DayPart>,
    /// True if it counts from the completion.
    pub(crate) from_completion: bool,
    pub(crate) note: Option<String>,
}

/// The days of a recurrence's period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The day of the first due date.
    Start,
    /// With weeks and days.
    Weekdays(Vec<Weekday>),
    /// With months and years: 1 to 31, or -1 for the last, -2 for the one before.
    MonthDays(Vec<i8>),
    /// With months and years: the n-th weekdays of a month, from its end if negative.
    Nth(Vec<(i8, Weekday)>),
    /// With months and years: the n-th working days of a month, from its end if negative.
    Workdays(Vec<i8>),
    /// With months: this day of a month where it is such a weekday, as Friday the 13th.
    Dated(Weekday, i8),
}

/// Days or months that limit a recurrence, or are excluded from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// True if these are excluded.
    pub(crate) is_except: bool,
    pub(crate) weekdays: Vec<Weekday>,
    pub(crate) months: Vec<i8>,
    /// 1 to 31, or -1 for a month's last, -2 for the one before.
    pub(crate) month_days: Vec<i8>,
}

impl Repeat {
    /// Applies a limit, if a rule can express it.
    pub(crate) fn limited(mut self, limit: &Limit) -> Option<Self> {
        // No month or weekday fits an interval of hours.
        if self.unit == Unit::Hour {
            return None;
        }
        if !limit.month_days.is_empty() {
            return self.without_days(&limit.month_days).filter(|_| limit.is_except);
        }
        if !limit.months.is_empty() {
            let had = if self.months.is_empty() { (1..=12).collect() } else { self.months };
            self.months = had.into_iter().filter(|month| limit.months.contains(month) != limit.is_except).collect();
            if self.months.is_empty() {
                return None;
            }
            // A month of every year is its first day.
            if self.unit == Unit::Year && self.by == By::Start {
                self.by = By::MonthDays(vec![1]);
            }
        }
        if !limit.weekdays.is_empty() {
            let had = match (&self.by, self.unit) {
                (By::Start, Unit::Day) => Weekday::Monday.cycle_forward().take(7).collect(),
                (By::Weekdays(days), _) => days.clone(),
                _ => return None,
            };
            let left: Vec<Weekday> = had.into_iter().filter(|day| limit.weekdays.contains(day) != limit.is_except).collect();
            self.unit = if self.unit == Unit::Day && self.interval == 1 { Unit::Week } else { self.unit };
            self.by = By::Weekdays(left.clone());
            return (!left.is_empty()).then_some(self);
        }
        Some(self)
    }

    /// Every day except these of each month. If they count from the month's end, so do the others.
    fn without_days(self, days: &[i8]) -> Option<Self> {
        let is_daily = self.unit == Unit::Day && self.interval == 1 && self.by == By::Start && !self.from_completion;
        let all: Vec<i8> = if days.iter().all(|day| *day > 0) { (1..=31).collect() } else { (-31..=-1).collect() };
        let is_same_way = days.iter().all(|day| all.contains(day));
        let left = all.into_iter().filter(|day| !days.contains(day)).collect();
        (is_daily && is_same_way).then_some(Self { unit: Unit::Month, by: By::MonthDays(left), ..self })
    }

    /// Combines "Mondays" and "every 2 weeks", if one gives the days and the other the interval.
    pub(crate) fn joined(&self, other: &Self) -> Option<Self> {
        let (days, often) = if self.by == By::Start { (other, self) } else { (self, other) };
        let is_one = often.by == By::Start && days.by != By::Start && days.unit == often.unit && days.interval.min(often.interval) == 1;
        let months = if days.months.is_empty() { often.months.clone() } else { days.months.clone() };
        let interval = days.interval.max(often.interval);
        let from_completion = days.from_completion || often.from_completion;
        is_one.then(|| Self { interval, months, part: days.part.or(often.part), from_completion, ..days.clone() })
    }
}

/// The meaning of a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// At least one.
    Tags(Vec<String>),
    Priority(Priority),
    /// How long before; zero for "remind me" alone.
    Reminder(ReminderOffset),
    /// "Don't remind me".
    NoReminder,
    Day {
        day: Day,
        part: Option<DayPart>,
    },
    Clock(Clock),
    /// The zone of the time before it.
    Zone(Place),
    Part(DayPart),
    /// This long from now.
    Ahead(Length),
    /// A complete local time.
    Local(DateTime),
    /// A complete instant.
    Instant(jiff::Timestamp),
    Repeat(Repeat),
    Limit(Limit),
    Count(u16),
    Lasting(Length),
    FromCompletion,
    /// Understood, but it does not exist. A note gives the reason, and the words stay in the title.
    Impossible,
    /// A possible recurrence that is read as part of the title; a note says so.
    Word,
    /// A possible date that is read as a name; a note says so.
    Name,
}

impl Meaning {
    /// True if it gives a date, a time or a recurrence.
    pub(crate) fn says_when(&self) -> bool {
        !matches!(
            self,
            Self::Tags(_) | Self::Priority(_) | Self::Reminder(_) | Self::NoReminder | Self::Impossible | Self::Word | Self::Name
        )
    }
}

/// A phrase: the meaning of the words up to `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// The index of the word after it.
    pub(crate) end: usize,
    pub(crate) role: Role,
    pub(crate) meaning: Meaning,
    /// The assumption made in reading it.
    pub(crate) note: Option<String>,
}

impl Phrase {
    pub(crate) fn new(end: usize, meaning: Meaning) -> Self {
        Self { end, role: Role::Plain, meaning, note: None }
    }

    pub(crate) fn with_note(self, note: Option<String>) -> Self {
        Self { note: note.or(self.note), ..self }
    }
}

/// The words, and the phrases that begin at later words.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) words: &'a [Word],
    pub(crate) known: &'a [Option<Phrase>],
    pub(crate) context: &'a Context,
}

/// Words that cannot be the noun after an adjective.
const LINKS: [&str; 60] = [
    "with",
    "without",
    "for",
    "to",
    "about",
    "at",
    "in",
    "on",
    "from",
    "and",
    "or",
    "of",
    "by",
    "until",
    "till",
    "before",
    "after",
    "because",
    "so",
    "if",
    "when",
    "while",
    "then",
    "via",
    "near",
    "but",
    "as",
    "regarding",
    "re",
    "using",
    "through",
    "around",
    "not",
    "due",
    "please",
    "is",
    "should",
    "unless",
    // A word that limits or moves a phrase is not a noun either.
    "except",
    "excepting",
    "excluding",
    "apart",
    "aside",
    "other",
    "during",
    "besides",
    "minus",
    "plus",
    "nor",
    "only",
    "than",
    "whenever",
    "ago",
    "onwards",
    "onward",
    "hence",
    "alternate",
    "alternately",
    "instead",
    "rather",
];

impl View<'_> {
    /// Returns the plain word at `at`, or "".
    pub(crate) fn word(&self, at: usize) -> &str {
        self.words.get(at).and_then(Word::plain).unwrap_or_default()
    }

    /// Returns the word before `at`, or "".
    pub(crate) fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |before| self.word(before))
    }

    pub(crate) fn is(&self, at: usize, word: &str) -> bool {
        self.words.get(at).is_some_and(|found| found.is(word))
    }

    pub(crate) fn is_any(&self, at: usize, words: &[&str]) -> bool {
        self.words.get(at).is_some_and(|found| found.is_any(words))
    }

    pub(crate) fn is_phrase(&self, at: usize, phrase: &[&str]) -> bool {
        numbers::is_phrase(self.words, at, phrase)
    }

    /// Returns the position after this word at `at`; `at` if it is another word.
    pub(crate) fn skip(&self, at: usize, words: &[&str]) -> usize {
        if self.is_any(at, words) { at + 1 } else { at }
    }

    /// True if only full stops and similar follow.
    pub(crate) fn is_end(&self, at: usize) -> bool {
        self.words.get(at..).is_none_or(|rest| rest.iter().all(|word| word.kind == WordKind::Mark))
    }

    /// Returns where "2-3", "2 to 3" or "two or three" ends.
    pub(crate) fn vague_number(&self, at: usize) -> Option<usize> {
        let is_range = |(first, last): (&str, &str)| numbers::cardinal(first).is_some() && numbers::cardinal(last).is_some();
        let word = self.word(at);
        if numbers::cardinal(word).is_none() {
            return word.split_once(['-', '\u{2013}']).is_some_and(is_range).then_some(at + 1);
        }
        let is_joined = self.is_any(at + 1, &["or", "to", "-", "\u{2013}"]) && numbers::cardinal(self.word(at + 2)).is_some();
        is_joined.then_some(at + 3)
    }

    /// Returns the phrase that begins at a later word.
    pub(crate) fn known(&self, at: usize) -> Option<&Phrase> {
        self.known.get(at)?.as_ref().filter(|phrase| !matches!(phrase.meaning, Meaning::Impossible | Meaning::Word | Meaning::Name))
    }

    /// True if the phrase that ends at `end` stands free: it is not an adjective of the next word.
    pub(crate) fn is_free(&self, end: usize) -> bool {
        match self.words.get(end) {
            None => true,
            Some(word) => word.kind == WordKind::Mark || self.known(end).is_some() || word.is_any(&LINKS),
        }
    }
}
