//! Creating a task: requested, or most probable.

use domain::command::CreateTask;

use super::{Intent, Reader, Reading};
use crate::draft::{Scope, draft_of, reminds_to};
use crate::marks;
use crate::part::Kind;

impl Reader<'_> {
    pub(super) fn create(self, from: usize) -> Option<Reading> {
        if let Some(start) = self.after(from, "remind me|set a reminder|reminder").filter(|start| self.is_end(*start)) {
            let note = "Remind you of what, and when? Say \u{201c}remind me to call mum tomorrow at 5pm\u{201d}.";
            return Some(Reading::unclear(note).with_parts(vec![self.part(from..start, Kind::Reminder, "a reminder")]));
        }
        if let Some(start) = reminds_to(self.words, from) {
            let start = if start == from + 2 { self.skip(start, "about|of") } else { start };
            return Some(self.drafted(&Scope { from: start, lead: from..start, reminds: true, priority: None }, true));
        }
        if let Some(scope) = self.after_add(from) {
            if self.is_end(scope.from) {
                return Some(Reading::unclear("Add what? Say \u{201c}add buy milk tomorrow at 9\u{201d}, for example."));
            }
            return Some(self.drafted(&scope, true));
        }
        let start = self.after(
            from,
            "i need to|i have to|i must|i should|i've got to|don't forget to|do not forget to|remember to|don't let me forget to|\
             note to self :|todo :|task :|note :|to-do :",
        )?;
        Some(self.drafted(&Scope { from: start, lead: from..start, reminds: false, priority: None }, true))
    }

    /// Parses the words after "add a new high priority task to".
    pub(super) fn after_add(&self, from: usize) -> Option<Scope> {
        let verb = self.after(from, "add|create|new|schedule|set up|make|put|plan|set")?;
        let is_plain = self.is_one(from, "add|create|schedule") || (self.is_one(from, "put") && self.without_list(verb) < self.words.len());
        let at = self.skip(self.skip(verb, "me"), "a|an|another|the|one");
        let at = self.skip(self.skip(at, "new|another"), "new");
        let level = marks::level(self.word(at).trim_end_matches("-priority"));
        let adjective = if level.is_some() { self.skip(at + 1, "priority|prio") } else { at };
        let noun = self.skip(adjective, "task|todo|to-do|item|reminder|entry");
        let scope = |start: usize| Scope { from: start, lead: from..start, reminds: false, priority: None };
        if noun == adjective {
            return (is_plain || (self.is_one(from, "new") && self.is(verb, ":").is_some())).then(|| scope(self.skip(verb, ":")));
        }
        let end = self.skip(noun, "to|:|called|named|for|that|-|titled|about|of");
        let is_task = is_plain || end > noun || self.is_one(from, "new|make|set");
        let priority = level.map(|level| (level, at..adjective));
        is_task.then(|| Scope { reminds: self.is_one(adjective, "reminder"), priority, ..scope(end) })
    }

    pub(super) fn drafted(self, scope: &Scope, is_asked: bool) -> Reading {
        let to = self.without_list(scope.from);
        // "can you add milk?" is a request, and the question mark is not part of the title.
        let asks = is_asked && self.is_one(0, "can|could|would|will");
        let to = if asks && self.words[..to].last().is_some_and(|word| word.is("?")) { to - 1 } else { to };
        let draft = draft_of(self.sentence, self.words.get(..to).unwrap_or(self.words), scope, self.context);
        let intent = draft.task.map_or(Intent::Unclear, |task| Intent::Create { task: Box::new(task), is_asked, unless: None });
        Reading::of(intent).with_parts(draft.parts).with_notes(draft.notes)
    }

    /// Returns the task that the sentence from here on would be, whatever else it may mean.
    pub(super) fn as_task(&self, from: usize) -> Option<Box<CreateTask>> {
        let scope = Scope { from, lead: from..from, reminds: false, priority: None };
        draft_of(self.sentence, self.words, &scope, self.context).task.map(Box::new)
    }

    /// Returns the end of the sentence without "to my list".
    pub(super) fn without_list(&self, from: usize) -> usize {
        let to = self.end();
        let is_ours = |noun: usize| noun > from && self.is_one(noun - 1, "my|the|our");
        let is_list = to > 0 && self.is_one(to - 1, "list|tasks|todos|to-dos|tasklist|to-do|todo");
        let is_todo_list = to > 1 && self.is_one(to - 1, "list") && self.is_one(to - 2, "todo|to-do|task");
        let start = if is_list && is_ours(to - 1) {
            to - 2
        } else if is_todo_list && is_ours(to - 2) {
            to - 3
        } else {
            return self.words.len();
        };
        let Some(start) = start.checked_sub(1) else { return self.words.len() };
        if matches!(self.word(start), "to" | "on" | "onto") && start > from { start } else { self.words.len() }
    }

    /// A statement is probably a task; a question is not.
    pub(super) fn fallback(self, from: usize) -> Reading {
        let openers = "is|are|am|do|does|did|can|could|will|would|should";
        // "Do it" is not a task.
        let pronouns = if self.is_one(from, "do") { "you|i|we|they" } else { "you|i|we|they|he|she|it|there|this|that|these|those" };
        let has_mark = self.words.last().is_some_and(|word| word.is("?"));
        let asks = has_mark
            || self.after(from, "who|who's|why|how|where|what|what's|which|tell me").is_some()
            || self.is_one(from, openers) && self.is_one(from + 1, pronouns);
        if asks {
            return Reading::unclear(
                "That is beyond the offline assistant. It can answer \u{201c}what is overdue?\u{201d}, \u{201c}what is due this \
                    week?\u{201d} or \
                 \u{201c}find rent\u{201d}. If it is to be a task, say \u{201c}add\u{201d} before it.",
            );
        }
        self.beyond(from).unwrap_or_else(|| self.drafted(&Scope { from, lead: from..from, reminds: false, priority: None }, false))
    }
}
