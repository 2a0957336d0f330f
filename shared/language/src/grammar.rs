//! The grammar: what a phrase can mean, and what a kind of phrase sees of its sentence.

use domain::offset::ReminderOffset;
use domain::task::Priority;
use domain::zone::Zone;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use crate::locale::{Hours, Locale, is_month_first_in};
use crate::numbers::{self, Length, Unit};
use crate::words::{Word, WordKind};

/// What a sentence is read with, besides its words.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The time.
    now: domain::Timestamp,
    /// The user's zone.
    zone: Zone,
    /// How the user writes dates; the zone's people decide where it is not known.
    locale: Option<Locale>,
    /// The tags that there are.
    tags: Vec<String>,
}

impl Scene {
    /// A sentence said at `now` in the user's `zone`.
    #[must_use]
    pub fn new(now: domain::Timestamp, zone: &Zone) -> Self {
        Self { now, zone: zone.clone(), locale: None, tags: Vec::new() }
    }

    /// The same, said by people who write dates as in this locale.
    #[must_use]
    pub fn in_locale(self, locale: Option<Locale>) -> Self {
        Self { locale, ..self }
    }

    /// The same where there are these tags: "#home office" is the tag with a space, if there is one.
    #[must_use]
    pub fn with_tags(self, tags: Vec<String>) -> Self {
        Self { tags, ..self }
    }
}

/// The world that a sentence is said in.
#[derive(Clone)]
pub(crate) struct Context {
    /// The time.
    pub(crate) now: jiff::Timestamp,
    /// The user's zone, by its name.
    pub(crate) zone: Zone,
    /// The zone that times are said in: the user's, unless the sentence names another.
    pub(crate) place: Place,
    /// What a clock in that zone shows.
    pub(crate) local: DateTime,
    /// Whether "1/2" is 2 January.
    pub(crate) month_first: bool,
    /// How the user writes dates and times, where that is known.
    pub(crate) locale: Option<Locale>,
    pub(crate) hours: Hours,
    /// The tags that there are.
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

    /// The same where times are said in another zone.
    pub(crate) fn at(&self, place: &Place) -> Self {
        Self { place: place.clone(), local: place.tz.to_datetime(self.now), ..self.clone() }
    }

    pub(crate) fn today(&self) -> Date {
        self.local.date()
    }

    pub(crate) fn tz(&self) -> &TimeZone {
        &self.place.tz
    }

    /// The local date and time of the user at this instant.
    pub(crate) fn users(&self, at: jiff::Timestamp) -> DateTime {
        self.zone.get().to_datetime(at)
    }
}

/// A zone that times are said in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// As the sentence or the database names it.
    pub(crate) name: String,
    pub(crate) tz: TimeZone,
    /// The zone that a recurring task keeps; none for an offset that no zone of the database has always.
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

    /// The time that it stands for.
    pub(crate) fn time(self) -> Time {
        match self {
            Self::Morning => Time::constant(9, 0, 0, 0),
            Self::Afternoon => Time::constant(15, 0, 0, 0),
            Self::Evening => Time::constant(18, 0, 0, 0),
            Self::Night => Time::constant(20, 0, 0, 0),
        }
    }
}

/// A day as a sentence names it. What it means can depend on the time beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    /// This date.
    On(Date),
    /// The next such weekday: today only with a time that is ahead.
    Weekday(Weekday),
    /// The next such day of a month.
    OfMonth(i8),
    /// A whole month, of which this is the first day; with a repetition, the months that it is limited to.
    Month {
        first: Date,
        /// Whether its year is said.
        is_dated: bool,
    },
}

/// How a sentence leads to a day or a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// It stands alone, or after "on", "at", "this".
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
    /// Whether morning or afternoon is said, or the 24-hour clock was used.
    pub(crate) is_sure: bool,
}

/// How often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) unit: Unit,
    pub(crate) interval: u16,
    pub(crate) by: By,
    /// In these months only; in all, where it is empty.
    pub(crate) months: Vec<i8>,
    pub(crate) part: Option<DayPart>,
    /// Whether its interval runs from the completion.
    pub(crate) from_completion: bool,
    pub(crate) note: Option<String>,
}

/// On which days of its period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// On that of the first due date.
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

/// What a repetition is limited to, or leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Whether these are left out.
    pub(crate) is_except: bool,
    pub(crate) weekdays: Vec<Weekday>,
    pub(crate) months: Vec<i8>,
    /// 1 to 31, or -1 for a month's last, -2 for the one before.
    pub(crate) month_days: Vec<i8>,
}

impl Repeat {
    /// The same with a limit, if a rule can say so.
    pub(crate) fn limited(mut self, limit: &Limit) -> Option<Self> {
        // No month or day of the week has whole hours of its own to begin at.
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

    /// Every day but these of each month. Days that are counted from its end leave the others counted from there.
    fn without_days(self, days: &[i8]) -> Option<Self> {
        let is_daily = self.unit == Unit::Day && self.interval == 1 && self.by == By::Start && !self.from_completion;
        let all: Vec<i8> = if days.iter().all(|day| *day > 0) { (1..=31).collect() } else { (-31..=-1).collect() };
        let is_same_way = days.iter().all(|day| all.contains(day));
        let left = all.into_iter().filter(|day| !days.contains(day)).collect();
        (is_daily && is_same_way).then_some(Self { unit: Unit::Month, by: By::MonthDays(left), ..self })
    }

    /// "Mondays" and "every 2 weeks" together, if one says the days and the other how often.
    pub(crate) fn joined(&self, other: &Self) -> Option<Self> {
        let (days, often) = if self.by == By::Start { (other, self) } else { (self, other) };
        let is_one = often.by == By::Start && days.by != By::Start && days.unit == often.unit && days.interval.min(often.interval) == 1;
        let months = if days.months.is_empty() { often.months.clone() } else { days.months.clone() };
        let interval = days.interval.max(often.interval);
        let from_completion = days.from_completion || often.from_completion;
        is_one.then(|| Self { interval, months, part: days.part.or(often.part), from_completion, ..days.clone() })
    }
}

/// What a phrase says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// At least one.
    Tags(Vec<String>),
    Priority(Priority),
    /// How long before; no time at all for "remind me" alone.
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
    /// So long from now.
    Ahead(Length),
    /// A local time in full.
    Local(DateTime),
    /// An instant in full.
    Instant(jiff::Timestamp),
    Repeat(Repeat),
    Limit(Limit),
    Count(u16),
    Lasting(Length),
    FromCompletion,
    /// Understood, but there is no such thing: the note says why. The words stay in the title.
    Impossible,
    /// It could be a recurrence, and is taken for words of the title: the note says so.
    Word,
    /// It could be a date, and is taken for a name: the note says so.
    Name,
}

impl Meaning {
    /// Whether it says when, how often or until when.
    pub(crate) fn says_when(&self) -> bool {
        !matches!(
            self,
            Self::Tags(_) | Self::Priority(_) | Self::Reminder(_) | Self::NoReminder | Self::Impossible | Self::Word | Self::Name
        )
    }
}

/// A phrase: what the words from where it stands to `end` say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// The word after it.
    pub(crate) end: usize,
    pub(crate) role: Role,
    pub(crate) meaning: Meaning,
    /// What was taken for granted in reading it.
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

/// Words after which what stands before them is not read as belonging to them.
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
    // What limits or moves it is no noun, either.
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
    /// The plain word at `at`, or "".
    pub(crate) fn word(&self, at: usize) -> &str {
        self.words.get(at).and_then(Word::plain).unwrap_or_default()
    }

    /// The word before `at`, or "".
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

    /// The place after this word, if it stands at `at`; else `at`.
    pub(crate) fn skip(&self, at: usize, words: &[&str]) -> usize {
        if self.is_any(at, words) { at + 1 } else { at }
    }

    /// Whether the sentence ends here, but for full stops and the like.
    pub(crate) fn is_end(&self, at: usize) -> bool {
        self.words.get(at..).is_none_or(|rest| rest.iter().all(|word| word.kind == WordKind::Mark))
    }

    /// Where "2-3", "2 to 3" or "two or three" ends.
    pub(crate) fn vague_number(&self, at: usize) -> Option<usize> {
        let is_range = |(first, last): (&str, &str)| numbers::cardinal(first).is_some() && numbers::cardinal(last).is_some();
        let word = self.word(at);
        if numbers::cardinal(word).is_none() {
            return word.split_once(['-', '\u{2013}']).is_some_and(is_range).then_some(at + 1);
        }
        let is_joined = self.is_any(at + 1, &["or", "to", "-", "\u{2013}"]) && numbers::cardinal(self.word(at + 2)).is_some();
        is_joined.then_some(at + 3)
    }

    /// The phrase that begins at a later word.
    pub(crate) fn known(&self, at: usize) -> Option<&Phrase> {
        self.known.get(at)?.as_ref().filter(|phrase| !matches!(phrase.meaning, Meaning::Impossible | Meaning::Word | Meaning::Name))
    }

    /// Whether what ends at `end` stands free: it does not lead to the next word as an adjective would.
    pub(crate) fn is_free(&self, end: usize) -> bool {
        match self.words.get(end) {
            None => true,
            Some(word) => word.kind == WordKind::Mark || self.known(end).is_some() || word.is_any(&LINKS),
        }
    }
}
