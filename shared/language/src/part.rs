//! What was understood of a sentence, and what a person should know about the reading.

use std::ops::Range;

/// What a stretch of a sentence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// How often, and until when.
    Recurrence,
    /// A tag.
    Tag,
    /// A priority.
    Priority,
    /// How long before to remind.
    Reminder,
    /// Which task.
    Task,
}

impl Kind {
    /// The name in lower case: "date", "time", "recurrence", "tag", "priority", "reminder", "task".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Time => "time",
            Self::Recurrence => "recurrence",
            Self::Tag => "tag",
            Self::Priority => "priority",
            Self::Reminder => "reminder",
            Self::Task => "task",
        }
    }
}

/// A stretch of the sentence that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it is: bytes of the sentence, at the borders of characters.
    pub range: Range<usize>,
    /// What it says.
    pub kind: Kind,
    /// What it was taken for, in a few words: "Fri 4 Dec 2026", "10:30", "every 2 weeks", "high".
    pub meaning: String,
}

impl Part {
    /// Where it is in UTF-16 code units, which is how JavaScript counts. `sentence` is the one that was read.
    #[must_use]
    pub fn utf16(&self, sentence: &str) -> Range<usize> {
        let units = |end: usize| sentence.get(..end).map_or(0, |text| text.encode_utf16().count());
        units(self.range.start)..units(self.range.end)
    }
}

/// Something that a person should know about a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether it was taken for granted or not understood.
    pub kind: NoteKind,
    /// One sentence for a person.
    pub text: String,
}

/// The kind of a [`Note`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// The sentence left it open, and this is what it was taken for.
    Assumed,
    /// This was not understood, or cannot be done.
    Missed,
}

impl NoteKind {
    /// The name in lower case: "assumed" or "missed".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Assumed => "assumed",
            Self::Missed => "missed",
        }
    }
}

impl Note {
    pub(crate) fn assumed(text: impl Into<String>) -> Self {
        Self { kind: NoteKind::Assumed, text: text.into() }
    }

    pub(crate) fn missed(text: impl Into<String>) -> Self {
        Self { kind: NoteKind::Missed, text: text.into() }
    }
}
