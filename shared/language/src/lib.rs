//! Parses English sentences of users into drafts of tasks, commands and queries, and reports what was not understood.
//!
//! Pure: no I/O, no async, no clock. The time, the user's zone and locale are arguments ([`Scene`]), so a sentence always has the same result.
//!
//! [`draft`] parses a line that is certainly a task, for quick add. [`read`] determines what a sentence requests, for the offline assistant. Both
//! return the parts that they understood ([`Part`]), and notes on assumptions and on parts that they could not use ([`Note`]).
//!
//! The modules, from the outside in:
//!
//! - `read` — the intent of a sentence, by its first words;
//! - `naming` — the tasks that a message names by number, which a model may change without confirmation;
//! - `listing`, `change` — queries, and changes of a task;
//! - `draft` — phrases and the words between them to a [`CreateTask`](domain::command::CreateTask);
//! - `repeats`, `moment` — the rule and first date of a recurrence; a day and a time to an instant, with the zone's clock changes;
//! - `whole` — the rule that a phrase is read with all its qualifiers, or stays in the title;
//! - `phrases` — the longest phrase at each word, from right to left;
//! - `grammar` — the types of phrases and their meanings;
//! - `calendar`, `clock`, `zones`, `recur`, `marks` — the kinds of phrases: days; times and zones; recurrences and their limits; tags, priorities and
//!   reminders; `names` — names that look like one;
//! - `locale` — the notation of dates and times by language and region;
//! - `numbers`, `words` — numbers, units and lengths of time; words with their positions.
//!
//! To teach it a phrase, add a failing row to `tests/sentences.tsv`, then extend the `phrase` function of its kind.
//!
//! Ambiguous phrases: a phrase that is also an everyday word ("sun", "1/2", "urgent", "weekly") counts only if it stands free, before a full stop,
//! another phrase or a word such as "with". Directly before another word it is part of the title ("sun cream", "1/2 cup", "urgent care", "weekly
//! report"). Quoted text is never parsed.
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

/// Maximum characters of a sentence: the longest title, with enough room for dates and tags. It limits all work of this crate.
pub const SENTENCE_MAX: usize = 1_000;

/// Maximum tasks that one sentence can name.
pub const TARGETS_MAX: usize = 50;

/// Maximum tasks that "all" or a range of numbers changes without confirmation.
pub const FEW_MAX: usize = 3;
