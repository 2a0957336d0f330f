//! What a sentence wants: its first words decide, then what it is about is read.

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

/// A sentence as the offline assistant understands it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What is wanted.
    pub intent: Intent,
    /// What was understood, in the order of the sentence.
    pub parts: Vec<Part>,
    /// What was taken for granted, and what was not understood. With [`Intent::Unclear`] they say why, and what would be clear.
    pub notes: Vec<Note>,
    /// True if it ends in a question mark and asks for nothing politely: "delete 12?". Whoever acts on it asks first.
    pub is_question: bool,
    /// The task that the sentence would be, where its intent is another and may come to nothing: "finish essay" without such a task. It is added
    /// only if the user says so.
    pub or_task: Option<Box<CreateTask>>,
}

/// What a sentence wants.
#[derive(Clone, Debug)]
pub enum Intent {
    /// A new task.
    Create {
        /// The task; it keeps to the domain's rules.
        task: Box<CreateTask>,
        /// Whether the sentence asks for it ("add", "remind me to"), or is only most likely a task ("buy milk").
        is_asked: bool,
        /// The title of another task that the sentence is about, should there be such a task: "cancel gym" is about "gym". Ask then.
        unless: Option<String>,
    },
    /// To see tasks, or how many there are.
    List(Box<Listing>),
    /// To see one task.
    Get(Target),
    /// To complete tasks.
    Complete(Selection),
    /// To open tasks again.
    Reopen(Selection),
    /// To delete tasks.
    Delete(Selection),
    /// To change fields of tasks.
    Update {
        /// Which.
        which: Selection,
        /// How.
        change: Box<Change>,
    },
    /// To set a priority.
    SetPriority {
        /// Of which tasks.
        which: Selection,
        /// To what.
        priority: Priority,
    },
    /// To add tags.
    AddTags {
        /// To which tasks.
        which: Selection,
        /// At least one; as the domain keeps them.
        tags: Vec<String>,
    },
    /// To remove tags.
    RemoveTags {
        /// From which tasks.
        which: Selection,
        /// At least one; as the domain keeps them.
        tags: Vec<String>,
    },
    /// To be reminded of tasks before they are due.
    Remind {
        /// Of which.
        which: Selection,
        /// How long before.
        offset: ReminderOffset,
    },
    /// To see reminders.
    ListReminders {
        /// Of this task only.
        of: Option<Target>,
        /// Of this status only.
        status: Option<ReminderStatus>,
    },
    /// To cancel reminders.
    CancelReminders(Reminders),
    /// To see which tags there are.
    ListTags,
    /// To know what can be said.
    Help,
    /// A greeting.
    Greeting,
    /// Thanks.
    Thanks,
    /// Yes to what was asked.
    Yes,
    /// No to what was asked.
    No,
    /// It was not understood.
    Unclear,
}

/// A task as a sentence names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// By its number.
    Id(i64),
    /// All of these numbers, from the first to the last; more than [`FEW_MAX`](crate::FEW_MAX).
    Span(i64, i64),
    /// By its title, or words of it.
    Title(String),
    /// "it", "that one": the task that was spoken of last.
    It,
}

/// The tasks that something is to happen to.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// These; at least one.
    Tasks(Vec<Target>),
    /// All that match.
    Matching(Box<Listing>),
}

impl Selection {
    /// Whether a person named each of the tasks by its number.
    #[must_use]
    pub fn is_by_number(&self) -> bool {
        matches!(self, Self::Tasks(targets) if targets.iter().all(|target| matches!(target, Target::Id(_) | Target::Span(..))))
    }

    /// The same, of this status where the sentence left it open.
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

/// The reminders that a sentence names.
#[derive(Clone, Debug, PartialEq)]
pub enum Reminders {
    /// The reminder of this number.
    Number(i64),
    /// All that wait, of these tasks.
    Of(Selection),
}

/// Finds out what a sentence wants: the offline assistant.
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

/// Polite beginnings that are passed over: "hey, could you please just …".
const POLITENESS_MAX: usize = 4;

#[derive(Clone, Copy)]
struct Reader<'a> {
    sentence: &'a str,
    words: &'a [Word],
    context: &'a Context,
}

/// Where a command's words end and its object begins.
type Command = fn(Reader<'_>, usize) -> Option<Reading>;

/// The commands, in the order they are tried: those that need more words to be themselves come first.
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

/// True if an order ends in a question mark and asks for nothing politely; `from` is where its polite beginning ends.
pub(crate) fn is_question(words: &[Word], from: usize) -> bool {
    let is_polite = words.get(..from).is_some_and(|lead| lead.iter().any(|word| word.is_any(&["can", "could", "would", "will"])))
        || words.iter().any(|word| word.is_any(&["please", "pls"]));
    !is_polite && words.iter().any(|word| word.kind == WordKind::Mark && word.is("?"))
}

impl Intent {
    /// True if it changes tasks that are there.
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

/// Tasks that were named, and the parts that name them.
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

    /// The place after this phrase, if it stands at `at`.
    fn is(&self, at: usize, phrase: &str) -> Option<usize> {
        after(self.words, at, phrase)
    }

    /// Whether one of these words stands at `at`; bars separate them.
    fn is_one(&self, at: usize, words: &str) -> bool {
        let found = self.word(at);
        !found.is_empty() && words.split('|').any(|word| word == found)
    }

    /// The place after the first of these phrases that stands at `at`.
    ///
    /// They are separated by bars: "done with|check off".
    fn after(&self, at: usize, phrases: &str) -> Option<usize> {
        after(self.words, at, phrases)
    }

    fn skip(&self, at: usize, words: &str) -> usize {
        skip(self.words, at, words)
    }

    /// Where the sentence ends, without full stops, "please" and "thanks".
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

    /// The words of a stretch, lower-cased and joined, without marks.
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
