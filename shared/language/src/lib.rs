//! What a person types, in English, as what Taskflow can do: a draft of a task, a command, a query; or a clear account of what was
//! not understood.
//!
//! Pure: no I/O, no async, no clock. The time, the user's zone and locale are arguments ([`Scene`]), so that a sentence always reads
//! the same.
//!
//! Two questions, two functions. [`draft`] reads a line that is a task for sure: quick add. [`read`] finds out what a sentence wants:
//! the offline assistant. Both say which stretches of the sentence they understood ([`Part`]), what they took for granted and what
//! they could not use ([`Note`]).
//!
//! From the outside in:
//!
//! - `read` — the sentence's intent, by its first words;
//! - `naming` — the tasks that a message of any length names by number, for what a model may do to them;
//! - `listing`, `change` — the queries and the changes of a task that a sentence asks for;
//! - `draft` — phrases and what is left between them to a [`CreateTask`](domain::command::CreateTask);
//! - `repeats`, `moment` — a recurrence's rule and first date; a day and a time to an instant, with the clock changes of the zone;
//! - `whole` — the rule that a phrase is read with all that qualifies it, or left whole in the title;
//! - `phrases` — the sentence from right to left: at each word the longest phrase that begins there;
//! - `grammar` — the types of phrases and their meanings;
//! - `calendar`, `clock`, `zones`, `recur`, `marks` — the kinds of phrases: days; times and their zones; recurrences and what limits
//!   them; tags, priorities and reminders; `names` — what only looks like one;
//! - `locale` — how people of a language and region write dates and times;
//! - `numbers`, `words` — numbers, units, spans of time; words with their places in the sentence.
//!
//! To teach it a phrase: a row in `tests/sentences.tsv` that fails, then the `phrase` function of its kind.
//!
//! How it decides where English does not: a phrase that is also an everyday word ("sun", "1/2", "urgent", "weekly") counts only where
//! it stands free, before a full stop, another phrase or a word such as "with"; directly before another word it is part of the title
//! ("sun cream", "1/2 cup", "urgent care", "weekly report"). What is between quotation marks is never read.
//!
//! ```
//! use domain::{Timestamp, zone::Zone};
//!
//! let now: Timestamp = "2026-11-25T14:00:00Z".parse()?;
//! let zone: Zone = "Europe/Berlin".parse()?;
//! let scene = language::Scene::new(now, &zone);
//! let draft = language::draft("call mum tomorrow at 5pm #family", &scene);
//! let task = draft.task.ok_or("no task")?;
//! assert_eq!(task.title, "call mum");
//! assert_eq!(task.due_date, Some("2026-11-26T16:00:00Z".parse()?));
//! assert_eq!(task.tags, ["family"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calendar;
mod change;
mod clock;
mod draft;
mod grammar;
mod listing;
mod locale;
mod marks;
mod moment;
mod names;
mod naming;
mod numbers;
mod part;
mod phrases;
mod read;
mod recur;
mod repeats;
mod tell;
mod whole;
mod words;
mod zones;

pub use change::Change;
pub use draft::{Draft, draft};
pub use grammar::Scene;
pub use listing::Listing;
pub use locale::{Locale, UnknownLocale};
pub use marks::spells_tags;
pub use naming::{Naming, naming};
pub use part::{Kind, Note, NoteKind, Part};
pub use read::{Intent, Reading, Reminders, Selection, Target, read};

/// The longest sentence that is read, in characters: a title of the longest kind, and plenty about it. It bounds all work here.
pub const SENTENCE_MAX: usize = 1_000;

/// The most tasks that one sentence can name.
pub const TARGETS_MAX: usize = 50;

/// The most tasks that "all" or a range of numbers changes without a question.
pub const FEW_MAX: usize = 3;
