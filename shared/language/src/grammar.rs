//! The grammar: what a phrase can mean, and what a kind of phrase sees of its sentence.

use domain::offset::ReminderOffset;
use domain::task::Priority;
use domain::zone::Zone;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use crate::numbers::{self, Length};
use crate::words::{Word, WordKind};

/// The world that a sentence is said in.
pub(crate) struct Context {
    /// The time.
    pub(crate) now: jiff::Timestamp,
    /// The user's zone, by its name.
    pub(crate) zone: Zone,
    /// What the user's clock shows.
    pub(crate) local: DateTime,
    /// Whether "1/2" is 2 January.
    pub(crate) month_first: bool,
}

impl Context {
    pub(crate) fn new(now: domain::Timestamp, zone: &Zone) -> Self {
        let local = zone.get().to_datetime(now.get());
        Self { now: now.get(), zone: zone.clone(), local, month_first: is_month_first(zone.name()) }
    }

    pub(crate) fn today(&self) -> Date {
        self.local.date()
    }

    pub(crate) fn tz(&self) -> &TimeZone {
        self.zone.get()
    }
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
    pub(crate) unit: numbers::Unit,
    pub(crate) interval: u16,
    pub(crate) by: By,
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
    /// With weeks.
    Weekdays(Vec<Weekday>),
    /// With months: 1 to 31, or -1 for the last.
    MonthDays(Vec<i8>),
    /// With months: the n-th weekday, or -1 for the last.
    Nth(i8, Weekday),
    /// With months: the n-th working day, or -1 for the last.
    Workday(i8),
    /// With years: this day.
    YearDay(i8, i8),
    /// With years: the n-th weekday of this month.
    NthIn(i8, i8, Weekday),
}

/// What a phrase says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// At least one.
    Tags(Vec<String>),
    Priority(Priority),
    /// How long before; no time at all for "remind me" alone.
    Reminder(ReminderOffset),
    Day {
        day: Day,
        part: Option<DayPart>,
    },
    Clock(Clock),
    Part(DayPart),
    /// So long from now.
    Ahead(Length),
    /// A local time in full.
    Local(DateTime),
    /// An instant in full.
    Instant(jiff::Timestamp),
    Repeat(Repeat),
    Count(u16),
    Lasting(Length),
    FromCompletion,
    /// Understood, but there is no such thing: the note says why. The words stay in the title.
    Impossible,
    /// It could be a recurrence, and is taken for words of the title: the note says so.
    Word,
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
const LINKS: [&str; 38] = [
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

    /// The phrase that begins at a later word.
    pub(crate) fn known(&self, at: usize) -> Option<&Phrase> {
        self.known.get(at)?.as_ref().filter(|phrase| !matches!(phrase.meaning, Meaning::Impossible | Meaning::Word))
    }

    /// Whether what ends at `end` stands free: it does not lead to the next word as an adjective would.
    pub(crate) fn is_free(&self, end: usize) -> bool {
        match self.words.get(end) {
            None => true,
            Some(word) => word.kind == WordKind::Mark || self.known(end).is_some() || word.is_any(&LINKS),
        }
    }
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
fn is_month_first(zone: &str) -> bool {
    let families = ["US/", "America/Indiana/", "America/Kentucky/", "America/North_Dakota/"];
    MONTH_FIRST.contains(&zone)
        || families.iter().any(|family| zone.starts_with(family))
        || matches!(zone, "EST5EDT" | "CST6CDT" | "MST7MDT" | "PST8PDT")
}
