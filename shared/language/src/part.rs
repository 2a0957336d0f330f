//! The understood parts of a sentence, and notes for the user.

use std::ops::Range;

/// The kind of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A recurrence, with its end.
    Recurrence,
    /// A tag.
    Tag,
    /// A priority.
    Priority,
    /// A reminder.
    Reminder,
    /// A task.
    Task,
}

impl Kind {
    /// Returns the name in lower case: "date", "time", "recurrence", "tag", "priority", "reminder", "task".
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

/// A part of the sentence that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Byte range in the sentence, at character boundaries.
    pub range: Range<usize>,
    /// Its kind.
    pub kind: Kind,
    /// Its meaning in a few words: "Fri 4 Dec 2026", "10:30", "every 2 weeks", "high".
    pub meaning: String,
}

impl Part {
    /// Returns the range in UTF-16 code units, as JavaScript counts. `sentence` is the parsed one.
    #[must_use]
    pub fn utf16(&self, sentence: &str) -> Range<usize> {
        let units = |end: usize| sentence.get(..end).map_or(0, |text| text.encode_utf16().count());
        units(self.range.start)..units(self.range.end)
    }
}

/// A note about the result, for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The kind.
    pub kind: NoteKind,
    /// One sentence for the user.
    pub text: String,
}

/// The kind of a [`Note`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// An assumption about an ambiguous part.
    Assumed,
    /// A part that was not understood, or is impossible.
    Missed,
}

impl NoteKind {
    /// Returns the name in lower case: "assumed" or "missed".
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
