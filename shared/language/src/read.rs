//! Determines the intent of a sentence by its first words, then reads its object.

use std::ops::Range;

use domain::command::CreateTask;
use domain::offset::ReminderOffset;
use domain::reminder::ReminderStatus;
use domain::task::{Priority, Status};

use crate::change::Change;
use crate::draft::{bytes, too_long};
use crate::grammar::{Context, Scene};
use crate::listing::Listing;
use crate::part::{Kind, Note, Part};
use crate::words::{Word, WordKind, after, skip, words};

/// The reading of a sentence by the offline assistant.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The intent.
    pub intent: Intent,
    /// The understood parts, in the order of the sentence.
    pub parts: Vec<Part>,
    /// Assumptions, and parts that were not understood. With [`Intent::Unclear`] they give the reason and a clear alternative.
    pub notes: Vec<Note>,
    /// True if it ends in a question mark and is not a polite request: "delete 12?". The caller must ask before acting.
    pub is_question: bool,
    /// The task that the sentence could be instead, if its intent has no object: "finish essay" without such a task. It is added only after
    /// confirmation.
    pub or_task: Option<Box<CreateTask>>,
}

/// What a sentence requests.
#[derive(Clone, Debug)]
pub enum Intent {
    /// Create a task.
    Create {
        /// The task, valid by the domain's rules.
        task: Box<CreateTask>,
        /// True if the sentence requests it ("add", "remind me to"); false if it is only probably a task ("buy milk").
        is_asked: bool,
        /// Title of a task that the sentence may be about, if it exists: "cancel gym" may be about "gym". Ask in that case.
        unless: Option<String>,
    },
    /// List tasks, or count them.
    List(Box<Listing>),
    /// Show one task.
    Get(Target),
    /// Complete tasks.
    Complete(Selection),
    /// Reopen tasks.
    Reopen(Selection),
    /// Delete tasks.
    Delete(Selection),
    /// Change fields of tasks.
    Update {
        /// The tasks.
        which: Selection,
        /// The change.
        change: Box<Change>,
    },
    /// Set a priority.
    SetPriority {
        /// The tasks.
        which: Selection,
        /// The priority.
        priority: Priority,
    },
    /// Add tags.
    AddTags {
        /// The tasks.
        which: Selection,
        /// At least one tag, in stored form.
        tags: Vec<String>,
    },
    /// Remove tags.
    RemoveTags {
        /// The tasks.
        which: Selection,
        /// At least one tag, in stored form.
        tags: Vec<String>,
    },
    /// Schedule reminders.
    Remind {
        /// The tasks.
        which: Selection,
        /// How long before.
        offset: ReminderOffset,
    },
    /// List reminders.
    ListReminders {
        /// Of this task only.
        of: Option<Target>,
        /// Of this status only.
        status: Option<ReminderStatus>,
    },
    /// Cancel reminders.
    CancelReminders(Reminders),
    /// List tags.
    ListTags,
    /// Explain what can be said.
    Help,
    /// A greeting.
    Greeting,
    /// Thanks.
    Thanks,
    /// Confirms the open question.
    Yes,
    /// Rejects the open question.
    No,
    /// Not understood.
    Unclear,
}

/// A task named in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// By its number.
    Id(i64),
    /// A range of numbers; more than [`FEW_MAX`](crate::FEW_MAX).
    Span(i64, i64),
    /// By its title, or words of its title.
    Title(String),
    /// "it", "that one": the task mentioned last.
    It,
}

/// The tasks to act on.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// These; at least one.
    Tasks(Vec<Target>),
    /// All matching tasks.
    Matching(Box<Listing>),
}

impl Selection {
    /// True if each task is named by its number.
    #[must_use]
    pub fn is_by_number(&self) -> bool {
        matches!(self, Self::Tasks(targets) if targets.iter().all(|target| matches!(target, Target::Id(_) | Target::Span(..))))
    }

    /// Restricts the tasks to this status, if the sentence names none.
    fn of_status(self, status: Status) -> Self {
        match self {
            Self::Matching(mut listing) if listing.query.filters.status.is_none() => {
                listing.query.filters.status = Some(status);
                listing.about = format!("{} {}", if status == Status::Pending { "open" } else { "completed" }, listing.about);
                Self::Matching(listing)
            }
            other => other,
        }
    }
}

/// The reminders named in a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Reminders {
    /// The reminder of this number.
    Number(i64),
    /// All pending reminders of these tasks.
    Of(Selection),
}

/// Determines what a sentence requests, for the offline assistant.
///
/// The same sentence and scene always give the same reading.
#[must_use]
pub fn read(sentence: &str, scene: &Scene) -> Reading {
    if let Some(note) = too_long(sentence) {
        return Reading::of(Intent::Unclear).with_notes(vec![note]);
    }
    let words = words(sentence);
    let context = Context::new(scene);
    let reader = Reader { sentence, words: &words, context: &context };
    let from = reader.after_politeness(0);
    let reading = reader.sentence_at(from);
    let is_question = reading.intent.changes() && is_question(&words, from);
    Reading { is_question, ..reading }
}

mod beyond;
mod changes;
mod creating;
mod doing;
mod looking;
mod reminders;
mod talk;
mod which;

pub(crate) use which::{is_free, number};

/// Maximum polite beginnings that are skipped: "hey, could you please just …".
const POLITENESS_MAX: usize = 4;

#[derive(Clone, Copy)]
struct Reader<'a> {
    sentence: &'a str,
    words: &'a [Word],
    context: &'a Context,
}

/// A command, applied after the polite beginning.
type Command = fn(Reader<'_>, usize) -> Option<Reading>;

/// The commands, in order: more specific ones come first.
const COMMANDS: [Command; 13] = [
    |reader, from| reader.small_talk(from),
    |reader, from| reader.excepted(from),
    |reader, from| reader.reminders(from),
    |reader, from| reader.tags(from),
    |reader, from| reader.complete(from),
    |reader, from| reader.reopen(from),
    |reader, from| reader.delete(from),
    |reader, from| reader.repeat_or_stop(from),
    |reader, from| reader.priority(from),
    |reader, from| reader.update(from),
    |reader, from| reader.get(from),
    |reader, from| reader.list(from),
    |reader, from| reader.create(from),
];

/// True if an order ends in a question mark and is not a polite request; `from` is the end of its polite beginning.
pub(crate) fn is_question(words: &[Word], from: usize) -> bool {
    let is_polite = words.get(..from).is_some_and(|lead| lead.iter().any(|word| word.is_any(&["can", "could", "would", "will"])))
        || words.iter().any(|word| word.is_any(&["please", "pls"]));
    !is_polite && words.iter().any(|word| word.kind == WordKind::Mark && word.is("?"))
}

impl Intent {
    /// True if it changes existing tasks.
    fn changes(&self) -> bool {
        matches!(
            self,
            Self::Complete(_)
                | Self::Reopen(_)
                | Self::Delete(_)
                | Self::Update { .. }
                | Self::SetPriority { .. }
                | Self::AddTags { .. }
                | Self::RemoveTags { .. }
                | Self::Remind { .. }
                | Self::CancelReminders(_)
        )
    }
}

impl Reading {
    fn of(intent: Intent) -> Self {
        Self { intent, parts: Vec::new(), notes: Vec::new(), is_question: false, or_task: None }
    }

    fn unclear(note: impl Into<String>) -> Self {
        Self::of(Intent::Unclear).with_notes(vec![Note::missed(note)])
    }

    fn with_parts(mut self, parts: Vec<Part>) -> Self {
        self.parts.extend(parts);
        self.parts.sort_by_key(|part| part.range.start);
        self
    }

    fn with_notes(mut self, notes: Vec<Note>) -> Self {
        self.notes.extend(notes);
        self
    }
}

/// Named tasks, and the parts that name them.
struct Named {
    which: Selection,
    parts: Vec<Part>,
    notes: Vec<Note>,
    end: usize,
}

impl Reader<'_> {
    fn sentence_at(self, from: usize) -> Reading {
        match self.command_at(from) {
            Some(reading) => self.with_task(reading, from),
            None => self.fallback(from),
        }
    }

    fn command_at(self, from: usize) -> Option<Reading> {
        COMMANDS.iter().find_map(|command| command(self, from))
    }

    fn word(&self, at: usize) -> &str {
        self.words.get(at).and_then(Word::plain).unwrap_or_default()
    }

    /// Returns the position after this phrase at `at`.
    fn is(&self, at: usize, phrase: &str) -> Option<usize> {
        after(self.words, at, phrase)
    }

    /// True if one of these words, separated by bars, is at `at`.
    fn is_one(&self, at: usize, words: &str) -> bool {
        let found = self.word(at);
        !found.is_empty() && words.split('|').any(|word| word == found)
    }

    /// Returns the position after the first of these phrases at `at`.
    ///
    /// Bars separate the phrases: "done with|check off".
    fn after(&self, at: usize, phrases: &str) -> Option<usize> {
        after(self.words, at, phrases)
    }

    fn skip(&self, at: usize, words: &str) -> usize {
        skip(self.words, at, words)
    }

    /// Returns the end of the sentence, without full stops, "please" and "thanks".
    fn end(&self) -> usize {
        let is_over = |word: &Word| word.kind == WordKind::Mark || word.is_any(&["please", "pls", "thanks", "now"]);
        self.words.iter().rposition(|word| !is_over(word)).map_or(0, |last| last + 1)
    }

    fn is_end(&self, at: usize) -> bool {
        at >= self.end()
    }

    fn text(&self, range: Range<usize>) -> &str {
        self.sentence.get(bytes(self.words, &range)).unwrap_or_default()
    }

    /// Returns these words, lower-cased and joined, without punctuation.
    fn plain(&self, range: Range<usize>) -> String {
        let words = self.words.get(range).unwrap_or_default();
        words.iter().filter(|word| word.kind != WordKind::Mark).map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn part(&self, range: Range<usize>, kind: Kind, meaning: impl Into<String>) -> Part {
        Part { range: bytes(self.words, &range), kind, meaning: meaning.into() }
    }

    fn after_politeness(&self, at: usize) -> usize {
        after_politeness(self.words, at, self.end())
    }
}

/// "please", "could you", "I want to".
pub(crate) fn after_politeness(words: &[Word], at: usize, to: usize) -> usize {
    let mut at = at;
    for _ in 0..POLITENESS_MAX {
        let polite = "please|pls|yes please|yes , please|can you|could you|would you|will you|i want you to|i'd like you to|i'd like to see|\
            i want to see|i want to|i'd like to|let's|let me|hey taskflow|hi taskflow|ok taskflow|taskflow|hey|ok ,|okay ,|yes ,|also|then|\
            and|just|now";
        let Some(next) = after(words, at, polite).filter(|next| *next < to) else { break };
        at = skip(words, next, ",|:|!");
    }
    at
}
