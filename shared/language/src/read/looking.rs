//! Showing a task, a list, or a number of tasks.

use domain::recurrence::joined;
use domain::task::Status;

use domain::query::{Order, SearchTasks, SortBy, TaskFilter};

use super::which::name;
use super::{Intent, Named, Reader, Reading, Selection, Target};
use crate::listing::{self, Listing};
use crate::numbers::cardinal;
use crate::part::{Kind, Note};

impl Reader<'_> {
    /// "show 12", "what is 12?", "when is 12 due?", "12".
    pub(super) fn get(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let phrases = "show me|show|find task|get|open|view|see|display|details of|details for|details on|info on|info about|\
            tell me about|what \
            is|what's|\
            what about|when is|when's|describe|look at|which is|status of";
        let start = self.after(from, phrases).unwrap_or(from);
        let start = self.skip(start, "details|me");
        let start = self.skip(start, "of|for|about");
        if let Some(Named { which: Selection::Tasks(targets), end, .. }) = self.targets(start).filter(|named| self.is_end(named.end))
            && let [first, others @ ..] = &targets[..]
            && (!others.is_empty() || matches!(first, Target::Span(..)))
        {
            if let Target::Span(first, last) = first {
                return Some(numbered(*first, *last));
            }
            let note = format!("One task at a time: {} is left out.", joined(&others.iter().map(name).collect::<Vec<_>>()));
            let part = self.part(start..end, Kind::Task, name(first));
            return Some(Reading::of(Intent::Get(first.clone())).with_parts(vec![part]).with_notes(vec![Note::missed(note)]));
        }
        let (target, end) = self.target(start).filter(|(target, _)| *target != Target::It || start > from)?;
        let end = self.skip(self.skip(end, "is"), "due|about");
        if !self.is_end(end) || end > to + 1 {
            return None;
        }
        let part = self.part(start..end, Kind::Task, name(&target));
        Some(Reading::of(Intent::Get(target)).with_parts(vec![part]))
    }

    /// "sort my tasks by priority", "sort by due date".
    fn sorted(self, from: usize, to: usize) -> Option<Reading> {
        let start = self.after(from, "sort|order")?;
        let reading = self.listed(start, to);
        let is_sorted = matches!(&reading.intent, Intent::List(listing) if listing.query.order.is_some() && listing.query.query.is_none());
        is_sorted.then_some(reading)
    }

    pub(super) fn list(self, from: usize) -> Option<Reading> {
        let to = self.end();
        if let Some(reading) = self.sorted(from, to) {
            return Some(reading);
        }
        if let Some(start) =
            self.after(from, "when is|when's|where is|where's|when do i have|when do i").filter(|start| !self.is_end(*start))
        {
            return Some(self.sought(start, to));
        }
        let asks = "what|what's|whats|which|how many|how much|do i|do we|any|anything|is|are|did i|have i|am i|when|where";
        if self.after(from, asks).is_some() {
            return self.question(from, to);
        }
        if self.is_one(from, "find|search|lookup|count|view") && self.is_end(from + 1) {
            return Some(Reading::unclear("What should be looked for? Say \u{201c}find rent\u{201d}, for example."));
        }
        let verbs = "show|list|display|number of|find|search|lookup|view|count|tasks|todos|overdue|agenda|look for|look up|give me|\
            get all|get my|\
            see my|see all";
        let periods = "today|tomorrow|this week|next week|this weekend|this month|next month";
        let is_period = self.after(from, periods).is_some_and(|end| self.is_end(end));
        let is_list = is_period || self.after(from, verbs).is_some() || self.is_named_list(from, to) || self.is_counted_list(from, to);
        is_list.then(|| self.listed(from, to))
    }

    /// "top 5", "next three tasks", "the first two overdue tasks", but not "first 3 chapters".
    fn is_counted_list(&self, from: usize, to: usize) -> bool {
        let at = self.skip(from, "the|my");
        self.is_one(at, "top|first|next|last")
            && cardinal(self.word(at + 1)).is_some()
            && (self.is_end(at + 2) || (at + 2..to).any(|at| self.is_one(at, "tasks|todos|to-dos|overdue|items|things")))
    }

    /// "overdue tasks", "high priority tasks", "my tasks due today".
    fn is_named_list(&self, from: usize, to: usize) -> bool {
        let starts = "my|all|overdue|open|pending|completed|done|finished|high|low|medium|urgent|important|today's|tomorrow's|late|\
            every|recurring|\
            the|newest|latest|oldest|recent|unfinished";
        let is_short = to.saturating_sub(from) <= 8;
        is_short
            && (self.is_one(from, starts) || self.word(from).starts_with('#'))
            && (from..to).any(|at| self.is_one(at, "tasks|todos|to-dos"))
    }

    /// "when is the dentist?": open tasks with these words.
    fn sought(self, start: usize, to: usize) -> Reading {
        let start = self.skip(start, "the|my|our|a");
        let mut heard = listing::search(self.sentence, self.words, start, to, self.context);
        heard.listing.query.filters.status.get_or_insert(Status::Pending);
        heard.listing.about = format!("open {}", heard.listing.about.trim_start_matches("open "));
        Reading::of(Intent::List(Box::new(heard.listing))).with_parts(heard.parts).with_notes(heard.notes)
    }

    /// A question is about tasks if it says so, or has words that only tasks have.
    fn question(self, from: usize, to: usize) -> Option<Reading> {
        let nouns = "task|tasks|todo|todos|to-do|to-dos|due|overdue|deadline|deadlines|agenda";
        let is_about = (from..to).any(|at| self.is_one(at, nouns));
        let asks = "what do i have|what should i do|do i have|what must i do|what did i do|what did i get done|what have i done|\
            what do i need to do|what should i work on|what must be done|what is planned|what's planned|am i \
            late|am i behind";
        if is_about || self.after(from, asks).is_some() {
            return Some(self.listed(from, to));
        }
        // "What is left for today?" is about tasks; "is it open today?" and "what day is it today?" are not.
        let states =
            "late|done|complete|completed|finish|finished|open|pending|left|next|scheduled|upcoming|today|tomorrow|urgent|plate|list";
        let is_open = self.is_one(from, "what|what's|whats|which|any|anything|how");
        let is_about = is_open && (from..to).any(|at| self.is_one(at, states) || self.words[at].lower.starts_with('#'));
        let heard = is_about.then(|| listing::listing(self.sentence, self.words, from, to, self.context))?;
        heard.listing.query.query.is_none().then(|| self.listed(from, to))
    }

    fn listed(self, from: usize, to: usize) -> Reading {
        let heard = listing::listing(self.sentence, self.words, from, to, self.context);
        Reading::of(Intent::List(Box::new(heard.listing))).with_parts(heard.parts).with_notes(heard.notes)
    }
}

/// "show 12-20".
fn numbered(first: i64, last: i64) -> Reading {
    let filters = TaskFilter { id_from: Some(first), id_to: Some(last), ..TaskFilter::default() };
    let query = SearchTasks { filters, sort_by: Some(SortBy::CreatedAt), order: Some(Order::Asc), ..SearchTasks::default() };
    Reading::of(Intent::List(Box::new(Listing { query, counts: false, about: format!("tasks {first} to {last}") })))
}
