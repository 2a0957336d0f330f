//! The tasks of a sentence: by number, by title, or all that match.

use domain::recurrence::joined;
use domain::task::Status;

use super::{Intent, Named, Reader, Reading, Selection, Target};
use crate::draft::{Heard, clean, unquoted};
use crate::grammar::Meaning;
use crate::numbers::length;
use crate::part::{Kind, Note};
use crate::words::{Word, WordKind, after, skip};
use crate::{FEW_MAX, TARGETS_MAX, listing};

/// [`FEW_MAX`] in the type of task numbers.
#[expect(clippy::cast_possible_wrap, reason = "a small constant")]
const FEW: i64 = FEW_MAX as i64;

/// Words that may follow the numbers of completed or deleted tasks. Before any other word they count what follows: "delete 3 old mails".
const AFTER_NUMBERS: &str = "and|then|but|plus|please|pls|thanks|thank|now|too|also|off";

impl Reader<'_> {
    /// "12", "#12", "task 12", "it".
    pub(super) fn target(&self, at: usize) -> Option<(Target, usize)> {
        let start = self.skip(self.skip(at, "the"), "task|todo|item|to-do|number|no|nr|id");
        let start = self.skip(start, "number|no|#|.|id|nr");
        let word = self.word(start);
        if let Some(id) = number(word.strip_prefix('#').unwrap_or(word)) {
            return Some((Target::Id(id), start + 1));
        }
        let is_it = matches!(self.word(at), "it" | "that" | "this" | "them") && !matches!(self.word(at + 1), "task" | "one");
        if is_it {
            return Some((Target::It, at + 1));
        }
        self.after(at, "that one|this one|that task|this task|the last one|the last task").map(|end| (Target::It, end))
    }

    /// "12", "12, 13 and 15", "12-15", "it".
    pub(super) fn targets(&self, at: usize) -> Option<Named> {
        let at = self.skip(at, "tasks|numbers|todos|items");
        let mut targets: Vec<Target> = Vec::new();
        let mut notes = Vec::new();
        let mut next = at;
        let mut end = at;
        loop {
            let (more, after) = match self.span_of_numbers(next) {
                Some((first, last, after)) if last - first < FEW => ((first..=last).map(Target::Id).collect(), after),
                Some((first, last, after)) => (vec![Target::Span(first, last)], after),
                None => match self.target(next) {
                    Some((target, after)) => (vec![target], after),
                    None => break,
                },
            };
            for target in more {
                if !targets.contains(&target) {
                    targets.push(target);
                }
            }
            end = after;
            next = self.skip(self.skip(end, ",|;"), "and|&|plus");
            // "12 13" names two tasks; in "12 2 days earlier" the second is an amount.
            let is_amount = length(self.words, next).is_some();
            let is_list = (next > end || number(self.word(end)).is_some()) && !is_amount;
            if !is_list || targets.len() > TARGETS_MAX {
                break;
            }
        }
        if targets.is_empty() {
            return None;
        }
        if targets.len() > TARGETS_MAX {
            targets.truncate(TARGETS_MAX);
            notes.push(Note::missed(format!("A sentence can name {TARGETS_MAX} tasks: the others are left out.")));
        }
        let parts = vec![self.part(at..end, Kind::Task, joined(&targets.iter().map(name).collect::<Vec<_>>()))];
        Some(Named { which: Selection::Tasks(targets), parts, notes, end })
    }

    /// The same, unless the number counts what follows: "delete 3", but not "delete 3 old mails".
    pub(super) fn free_targets(&self, at: usize) -> Option<Named> {
        self.targets(at).filter(|named| is_free(self.words, named.end))
    }

    /// "12-15", "#12 - #15", "from 12 to 15": the range from 12 to 15.
    pub(super) fn span_of_numbers(&self, at: usize) -> Option<(i64, i64, usize)> {
        let id = |text: &str| number(text.strip_prefix('#').unwrap_or(text));
        let start = self.skip(at, "from");
        let word = self.word(start);
        if let Some((first, last)) = word.split_once(['-', '\u{2013}']) {
            return Some((id(first)?, id(last)?, start + 1)).filter(|(first, last, _)| first < last);
        }
        // "Complete 12 to 15" is a range; "move 12 to 15" is one task and a time.
        let leads = "tasks|numbers|todos|items|complete|finish|close|reopen|delete|remove|erase";
        let is_span = start > at || (at > 0 && self.is_one(at - 1, leads));
        let link = start + 1;
        let is_linked =
            self.is(link, "-").is_some() || self.is_one(link, "through|thru") || (is_span && self.is_one(link, "to|until|till"));
        let (first, last) = (id(word)?, id(self.word(link + 1))?);
        (is_linked && first < last).then_some((first, last, link + 2))
    }

    /// Returns the words up to `to` as a title: "pay rent", "the task \"pay rent\"".
    pub(super) fn titled(&self, at: usize, to: usize) -> Option<Named> {
        let start = self.skip(self.skip(at, "the|my"), "task|todo|item|to-do");
        let start =
            if start > at + 1 || !matches!(self.word(at), "the" | "my") { self.skip(start, "called|named|titled|about|:") } else { start };
        let range = start.min(to)..to;
        let words = self.words.get(range.clone())?;
        let title = match words {
            [] => return None,
            [only] if only.kind == WordKind::Quoted => clean(unquoted(self.sentence, only)?)?,
            _ => clean(self.text(range.clone()))?,
        };
        let part = self.part(range, Kind::Task, format!("\u{201c}{title}\u{201d}"));
        Some(Named { which: Selection::Tasks(vec![Target::Title(title)]), parts: vec![part], notes: Vec::new(), end: to })
    }

    /// "all completed tasks", "everything due today", "overdue tasks".
    pub(super) fn matching(&self, at: usize, to: usize) -> Option<Named> {
        let is_all = self.is_one(at, "all|everything|every|each|any");
        let is_plural = (at..to).any(|at| matches!(self.word(at), "tasks" | "todos" | "to-dos"));
        // "clear completed".
        let is_state = at < to && (at..to).all(|at| self.is_one(at, "completed|overdue|done|finished"));
        if !is_all && !is_plural && !is_state {
            return None;
        }
        let heard = listing::listing(self.sentence, self.words, at, to, self.context);
        let which = Selection::Matching(Box::new(heard.listing));
        Some(Named { which, parts: heard.parts, notes: heard.notes, end: to })
    }

    /// Returns the tasks that all words from `at` to `to` name.
    pub(super) fn tasks(&self, at: usize, to: usize) -> Option<Named> {
        let numbered = self.targets(at).filter(|named| named.end == to || is_free(self.words, named.end));
        numbered.or_else(|| self.matching(at, to)).or_else(|| self.titled(at, to))
    }

    /// Returns the reading for named tasks; further words were not understood.
    pub(super) fn act(&self, named: Named, to: usize, intent: impl FnOnce(Selection) -> Intent) -> Reading {
        let rest = self.plain(named.end.min(to)..to);
        let mut notes = named.notes;
        if !rest.is_empty() {
            notes.push(Note::missed(format!("\u{201c}{}\u{201d} was not understood.", self.text(named.end..to))));
        }
        Reading::of(intent(named.which)).with_parts(named.parts).with_notes(notes)
    }

    /// Returns the reading for tasks of this status: "complete everything" concerns open tasks.
    pub(super) fn act_on(&self, status: Status, named: Named, to: usize, intent: impl FnOnce(Selection) -> Intent) -> Reading {
        self.act(Named { which: named.which.of_status(status), ..named }, to, intent)
    }

    /// True if the words from `at` give a date, a recurrence or a tag, and so describe a new task.
    pub(super) fn is_like_a_task(&self, at: usize) -> bool {
        Heard::new(self.words, at, self.context).found.iter().any(|found| {
            matches!(
                found.phrase.meaning,
                Meaning::Day { .. }
                    | Meaning::Clock(_)
                    | Meaning::Ahead(_)
                    | Meaning::Local(_)
                    | Meaning::Instant(_)
                    | Meaning::Repeat(_)
                    | Meaning::Tags(_)
                    | Meaning::Priority(_)
            )
        })
    }
}

/// True if numbers that end here name tasks, rather than count what follows.
pub(crate) fn is_free(words: &[Word], end: usize) -> bool {
    let Some(word) = words.get(end) else { return true };
    // "3 - 5" and "3 / 4" are not two tasks.
    let is_stop = word.kind == WordKind::Mark && !word.is_any(&["-", "\u{2013}", "\u{2014}", "/", "|"]);
    is_stop || skip(words, end, AFTER_NUMBERS) > end || after(words, end, "for me|as well|from my list").is_some()
}

/// Parses a task's number, within the digits that always fit a 64-bit integer.
pub(crate) fn number(text: &str) -> Option<i64> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Names the task for the user.
pub(super) fn name(target: &Target) -> String {
    match target {
        Target::Id(id) => format!("task {id}"),
        Target::Span(first, last) => format!("tasks {first} to {last}"),
        Target::Title(title) => format!("\u{201c}{title}\u{201d}"),
        Target::It => "the task spoken of last".to_owned(),
    }
}
