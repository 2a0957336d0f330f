//! Looking at tasks: one, or a list, or how many.

use super::which::name;
use super::{Intent, Reader, Reading, Target};
use crate::listing;
use crate::part::Kind;

impl Reader<'_> {
    /// "show 12", "what is 12?", "when is 12 due?", "12".
    pub(super) fn get(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let phrases = "show me|show|get|open|view|see|display|details of|details for|details on|info on|info about|tell me about|what is|what's|what about|when is|when's|describe|look at|which is|status of";
        let start = self.after(from, phrases).unwrap_or(from);
        let start = self.skip(start, "details|me");
        let start = self.skip(start, "of|for|about");
        let (target, end) = self.target(start).filter(|(target, _)| *target != Target::It || start > from)?;
        let end = self.skip(self.skip(end, "is"), "due|about");
        if !self.is_end(end) || end > to + 1 {
            return None;
        }
        let part = self.part(start..end, Kind::Task, name(&target));
        Some(Reading::of(Intent::Get(target)).with_parts(vec![part]))
    }

    pub(super) fn list(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let is_led = matches!(
            self.word(from),
            "show" | "list" | "display" | "find" | "search" | "lookup" | "view" | "count" | "tasks" | "todos" | "overdue" | "agenda"
        ) || self.after(from, "look for|look up|give me|get all|get my|see my|see all").is_some();
        let asks = matches!(
            self.word(from),
            "what"
                | "what's"
                | "whats"
                | "which"
                | "how"
                | "do"
                | "any"
                | "anything"
                | "is"
                | "are"
                | "did"
                | "have"
                | "where"
                | "when"
                | "when's"
        );
        let is_noun = self.ends_like_a_list(from, to) || (self.word(from) == "my" && self.ends_like_a_list(from, to));
        if asks {
            return self.question(from, to);
        }
        if !is_led && !is_noun {
            return None;
        }
        if matches!(self.word(from), "find" | "search" | "lookup" | "count" | "view") && self.is_end(from + 1) {
            return Some(Reading::unclear("What should be looked for? Say \u{201c}find rent\u{201d}, for example."));
        }
        Some(self.listed(from, to))
    }

    /// "overdue tasks", "high priority tasks", "my tasks", "tasks due today".
    pub(super) fn ends_like_a_list(&self, from: usize, to: usize) -> bool {
        let is_tasks = |at: usize| matches!(self.word(at), "tasks" | "todos" | "to-dos");
        let starts = [
            "my",
            "all",
            "overdue",
            "open",
            "pending",
            "completed",
            "done",
            "finished",
            "high",
            "low",
            "medium",
            "urgent",
            "today's",
            "tomorrow's",
            "important",
            "late",
            "every",
            "recurring",
            "the",
        ];
        let is_short = to.saturating_sub(from) <= 8;
        is_short && starts.contains(&self.word(from)) && (from..to).any(is_tasks)
    }

    /// A question is about tasks if it says so, or has words that only tasks have.
    pub(super) fn question(self, from: usize, to: usize) -> Option<Reading> {
        let nouns = "task|tasks|todo|todos|to-do|to-dos|due|overdue|deadline|deadlines|agenda";
        // "What is left for today?" is about tasks, "is it open today?" is not.
        let states = "late|done|complete|completed|finish|finished|open|pending|left|next|scheduled|upcoming|today|tomorrow|urgent|plate";
        let is_open = self.is_one(from, "what|what's|whats|which|any|anything");
        let is_about =
            (from..to).any(|at| self.is_one(at, nouns) || (is_open && self.is_one(at, states)) || self.words[at].lower.starts_with('#'));
        let asks = "what do i have|what should i do|do i have|what must i do|what did i do|what did i get done|what have i done";
        if !is_about && self.after(from, asks).is_none() {
            return None;
        }
        Some(self.listed(from, to))
    }

    pub(super) fn listed(self, from: usize, to: usize) -> Reading {
        let heard = listing::listing(self.sentence, self.words, from, to, self.context);
        Reading::of(Intent::List(Box::new(heard.listing))).with_parts(heard.parts).with_notes(heard.notes)
    }
}
