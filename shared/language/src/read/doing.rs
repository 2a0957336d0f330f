//! Actions on a whole task: complete, reopen, delete, set priority or tags.

use std::ops::Range;

use domain::task::{Priority, Status, TAGS_MAX};

use super::{Intent, Named, Reader, Reading, Selection};
use crate::change::{Change, Due, Repeats};
use crate::draft::unquoted;
use crate::part::{Kind, Note};
use crate::words::WordKind;
use crate::{marks, tell};

impl Reader<'_> {
    pub(super) fn complete(self, from: usize) -> Option<Reading> {
        let to = self.end();
        if let Some(named) = self.targets(from) {
            // "12 is done", "12 done".
            let after = self.skip(named.end, "is|are|was|were|has|have|been|:");
            let after = self.skip(after, "been|now|already");
            if matches!(self.word(after), "done" | "finished" | "complete" | "completed") && self.is_end(after + 1) {
                let named = Named { end: after + 1, ..named };
                return Some(self.act_on(Status::Pending, named, to, Intent::Complete));
            }
        }
        // "pay rent is done".
        if let Some(before) = to
            .checked_sub(2)
            .filter(|before| *before > from && self.after(*before, "is done|are done|is finished|is complete|is completed").is_some())
        {
            let is_question = self.words.last().is_some_and(|word| word.is("?"));
            if !is_question && !self.is_like_a_task(from) && !self.is_one(from, "when|once|if|what|which|who|how") {
                return self.titled(from, before).map(|named| self.act_on(Status::Pending, named, before, Intent::Complete));
            }
        }
        if let Some(after) = self.after(from, "mark|set|flag") {
            return self.mark(after);
        }
        let by_number = self.after(from, "done|completed|finished|did|i did|i've done|i have done|close|tick|check|resolve|completing");
        let phrases = "done with|i'm done with|i am done with|finished with|i finished|i've finished|i have finished|i completed|i've \
            completed|i have completed|check off|tick off|cross off|complete|finish|close out";
        if let Some(start) = self.after(from, phrases) {
            let start = self.skip(start, ":");
            if self.targets(start).is_none() && self.matching(start, to).is_none() && self.is_like_a_task(start) {
                return None;
            }
            return self.tasks(start, to).map(|named| self.act_on(Status::Pending, named, to, Intent::Complete));
        }
        let start = self.skip(by_number?, ":");
        if start > by_number? && self.free_targets(start).is_none() {
            return self.tasks(start, to).map(|named| self.act_on(Status::Pending, named, to, Intent::Complete));
        }
        let named = self.free_targets(start)?;
        let end = self.skip(named.end, "off");
        Some(self.act(Named { end, ..named }, to, Intent::Complete))
    }

    /// "mark 12 as done", "mark 12 high priority", "mark pay rent as done".
    pub(super) fn mark(self, at: usize) -> Option<Reading> {
        let to = self.end();
        let done = "as done|as complete|as completed|as finished|to done|done|complete|completed|finished";
        let open = "as not done|as undone|as open|as pending|as incomplete|as todo|as to do|to pending|not done|undone|pending|open|\
            incomplete|as unfinished|as not finished|as not completed";
        let ends_with = |phrases: &str| {
            let mut starts = phrases.split('|').filter_map(|phrase| {
                to.checked_sub(phrase.split(' ').count()).filter(|start| *start > at && self.is(*start, phrase).is_some())
            });
            starts.next()
        };
        if let Some(before) = ends_with(open) {
            return self.tasks(at, before).map(|named| self.act_on(Status::Completed, named, before, Intent::Reopen));
        }
        if let Some((named, end)) = self.targets(at).and_then(|named| self.after(named.end, done).map(|end| (named, end))) {
            return Some(self.act_on(Status::Pending, Named { end, ..named }, to, Intent::Complete));
        }
        let before = ends_with(done)?;
        self.tasks(at, before).map(|named| self.act_on(Status::Pending, named, before, Intent::Complete))
    }

    pub(super) fn reopen(self, from: usize) -> Option<Reading> {
        let to = self.end();
        if let Some(named) = self.targets(from) {
            let after = self.skip(named.end, "is|are|was");
            if let Some(end) = self.after(after, "not done|isn't done|not finished|not complete|not completed|undone")
                && self.is_end(end)
            {
                return Some(self.act(Named { end, ..named }, to, Intent::Reopen));
            }
        }
        if let Some(start) = self.after(from, "reopen|re-open|uncomplete|un-complete|uncheck|untick|unfinish") {
            return self.tasks(start, to).map(|named| self.act_on(Status::Completed, named, to, Intent::Reopen));
        }
        let start = self.after(from, "undo completion of|undo|restore|open again")?;
        // "Undo it" is about the last action, whatever it was.
        let named = self.free_targets(start).filter(|named| named.which.is_by_number())?;
        Some(self.act_on(Status::Completed, named, to, Intent::Reopen))
    }

    pub(super) fn delete(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let field = self.after(from, "remove|delete|clear|drop|unset").and_then(|at| self.clear_field(at));
        if field.is_some() {
            return field;
        }
        if let Some(link) = self
            .after(from, "remove|delete|clear|drop")
            .and_then(|at| self.after(self.skip(at, "all"), "tags from|tags of|the tags from|the tags of"))
        {
            let change = Change { untags: true, ..Change::new(self.context) };
            return self.targets(link).map(|named| self.act(named, to, |which| Intent::Update { which, change: Box::new(change) }));
        }
        // "remove the price from 12" is about something in a task, never about the task itself.
        if let Some(of) =
            (from + 1..to).find(|at| self.is_one(*at, "from|of") && self.targets(at + 1).is_some_and(|named| self.is_end(named.end)))
        {
            let is_removal = self.is_one(from, "remove|delete|erase|clear|drop|trash") && self.targets(from + 1).is_none() && of > from + 1;
            if is_removal {
                let text = self.text(from + 1..of).to_owned();
                return Some(Reading::unclear(format!(
                    "What to remove, \u{201c}{text}\u{201d}, was not understood: it can be tags, the due date, the recurrence, the \
                        reminder or the description."
                )));
            }
        }
        if let Some(start) = self.after(from, "delete|remove|erase|trash|get rid of") {
            if self.is_end(start) {
                return Some(Reading::unclear("Delete which task? Say its number, such as \u{201c}delete 12\u{201d}, or its title."));
            }
            if self.targets(start).is_none() && self.matching(start, to).is_none() && self.is_like_a_task(start) {
                return None;
            }
            return self.tasks(start, to).map(|named| self.act(named, to, Intent::Delete));
        }
        if let Some(start) = self.after(from, "clear|purge|clean up|drop|discard|throw away") {
            // "Clear all gutters" is not about tasks.
            let is_of_tasks = |named: &Named| matches!(&named.which, Selection::Matching(listing) if listing.query.query.is_none());
            let named = self.free_targets(start).or_else(|| self.matching(start, to).filter(is_of_tasks))?;
            return Some(self.act(named, to, Intent::Delete));
        }
        let start = self.after(from, "cancel")?;
        let named = self.targets(start).filter(|named| self.is_end(named.end))?;
        let text = self.text(start..named.end).to_owned();
        Some(
            Reading::unclear(format!(
                "Delete the task or only its reminder? Say \u{201c}delete {text}\u{201d} or \u{201c}cancel the reminder of {text}\u{201d}."
            ))
            .with_parts(named.parts),
        )
    }

    /// "remove the due date of 12", "clear the priority of 12".
    pub(super) fn clear_field(self, at: usize) -> Option<Reading> {
        let start = self.skip(at, "the|a");
        let (field, end) =
            [("due date|due|date|deadline", "due"), ("recurrence|repeat", "recurrence"), ("description|notes", "description")]
                .iter()
                .find_map(|(phrases, field)| Some((*field, self.after(start, phrases)?)))?;
        let link = self.skip(end, "of|from|on|for");
        let named = self.targets(link).or_else(|| self.titled(link, self.end())).filter(|_| link > end)?;
        let mut change = Change::new(self.context);
        match field {
            "due" => change.due = Some(Due::Clear),
            "recurrence" => change.repeats = Some(Repeats::Not),
            _ => change.description = Some(String::new()),
        }
        Some(self.act(named, self.end(), |which| Intent::Update { which, change: Box::new(change) }))
    }

    pub(super) fn priority(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let set = |named: Named, priority: Priority, level: Range<usize>| {
            let part = self.part(level, Kind::Priority, tell::priority(priority));
            self.act(named, to, |which| Intent::SetPriority { which, priority }).with_parts(vec![part])
        };
        for (verbs, priority) in [("prioritize|prioritise", Priority::High), ("deprioritize|deprioritise", Priority::Low)] {
            if let Some(start) = self.after(from, verbs) {
                return self.tasks(start, to).map(|named| set(named, priority, from..start));
            }
        }
        // "set the priority of 12 to high".
        let lead = self.after(from, "set|change|make|raise|lower|update|give|mark").unwrap_or(from);
        let start = self.skip(lead, "the");
        if matches!(self.word(start), "priority" | "prio") {
            let begin = self.skip(start + 1, "of|for|on");
            let level_at = to.checked_sub(1)?;
            let priority = marks::level(self.word(level_at))?;
            let before = if self.word(level_at - 1) == "to" || self.word(level_at - 1) == "as" { level_at - 1 } else { level_at };
            let named = self.tasks(begin, before)?;
            return Some(set(Named { end: to, ..named }, priority, level_at..to));
        }
        // "mark the dentist as urgent", "set pay rent to high".
        if let (Some(start), Some(level_at)) = (self.after(from, "mark|set|change"), self.level_at_end()) {
            let link = level_at.checked_sub(1).filter(|link| *link > start && self.is_one(*link, "as|to"));
            if let (Some(link), Some(priority)) = (link.filter(|_| self.targets(start).is_none()), marks::level(self.word(level_at))) {
                return self.tasks(start, link).map(|named| set(Named { end: to, ..named }, priority, level_at..to));
            }
        }
        // "12 is urgent", "12 has high priority", "12 high priority", "set 12 to high", "make 12 low priority".
        let named = self.targets(lead)?;
        let begin = self.skip(named.end, "is|are|has|have|to|as|should");
        let begin = self.skip(self.skip(begin, "be|now"), "a|priority");
        let sign = self.word(begin).trim_start_matches('!').trim_end_matches("-priority").to_owned();
        let priority = marks::level(&sign)?;
        let end = self.skip(begin + 1, "priority|prio");
        if !self.is_end(end) {
            return None;
        }
        Some(set(Named { end, ..named }, priority, begin..end))
    }

    /// Returns where "high" or "high priority" begins, if the sentence ends with it.
    pub(super) fn level_at_end(&self) -> Option<usize> {
        let last = self.end().checked_sub(1)?;
        let level = if self.is_one(last, "priority|prio") { last.checked_sub(1)? } else { last };
        marks::level(self.word(level)).map(|_| level)
    }

    pub(super) fn tags(self, from: usize) -> Option<Reading> {
        let to = self.end();
        // "tag 12 with home and urgent".
        if let Some(start) = self.after(from, "tag|label|untag|unlabel") {
            let removes = self.word(from).starts_with("un");
            let link = (start..to).find(|at| self.is_one(*at, "with|as"));
            let named =
                self.targets(start).or_else(|| link.and_then(|link| self.matching(start, link).or_else(|| self.titled(start, link))))?;
            let begin = self.skip(named.end, "with|as|from|:");
            if removes && self.is_end(begin) {
                return Some(Reading::unclear("Which tags should be removed? Say \u{201c}untag 12 home\u{201d}.").with_parts(named.parts));
            }
            return self.tagged(named, begin..to, removes);
        }
        // "give 12 the tag home".
        if let Some(named) = self.after(from, "give").and_then(|start| self.targets(start)) {
            let begin = self.after(named.end, "the tag|the tags|a tag|tag|tags")?;
            return self.tagged(named, begin..to, false);
        }
        // "add tag home to 12", "add #home to 12", "remove #home from 12".
        let removes = matches!(self.word(from), "remove" | "delete" | "drop" | "take");
        if !removes && !matches!(self.word(from), "add" | "put" | "set" | "attach") {
            return None;
        }
        let start = self.skip(from + 1, "the|a");
        let begin = self.skip(start, "tag|tags|label|labels");
        if begin == start && marks::tag_at(self.words, start, &self.context.tags).is_none() {
            return None;
        }
        let link = (begin..to).rev().find(|at| matches!(self.word(*at), "to" | "from" | "on" | "off" | "of"))?;
        // By title only with the word "tag": "add #home to the list" creates a task.
        let titled = || if begin > start && link > begin { self.titled(link + 1, to) } else { None };
        let named = self.targets(link + 1).filter(|named| self.is_end(named.end)).or_else(titled)?;
        self.tagged(named, begin..link, removes)
    }

    pub(super) fn tagged(self, named: Named, range: Range<usize>, removes: bool) -> Option<Reading> {
        let mut tags: Vec<String> = Vec::new();
        let mut parts = Vec::new();
        let mut notes = Vec::new();
        let mut next = range.start;
        while next < range.end {
            let at = next;
            next += 1;
            let word = self.words.get(at)?;
            if word.kind == WordKind::Mark || word.is_any(&["and", "the", "tag", "tags", "&"]) {
                continue;
            }
            let text = match marks::tag_at(self.words, at, &self.context.tags) {
                Some((name, end)) => {
                    next = end;
                    name
                }
                None if word.kind == WordKind::Quoted => unquoted(self.sentence, word)?.to_owned(),
                None => word.lower.trim_start_matches('#').to_owned(),
            };
            match domain::task::tags(std::slice::from_ref(&text), "/tags") {
                Ok(kept) if tags.len() < TAGS_MAX => {
                    parts.push(self.part(at..next, Kind::Tag, text));
                    tags.extend(kept.into_iter().filter(|tag| !tags.contains(tag)).collect::<Vec<_>>());
                }
                Ok(_) => notes.push(Note::missed(format!("A task has at most {TAGS_MAX} tags."))),
                Err(invalid) => notes.extend(
                    invalid.errors().iter().map(|error| Note::missed(format!("\u{201c}{text}\u{201d} is not a tag: {}.", error.detail))),
                ),
            }
        }
        if tags.is_empty() {
            let reading = Reading::unclear("Which tags? Say \u{201c}tag 12 with home, urgent\u{201d}.").with_parts(named.parts);
            return Some(reading.with_notes(notes));
        }
        let intent = if removes { Intent::RemoveTags { which: named.which, tags } } else { Intent::AddTags { which: named.which, tags } };
        Some(Reading::of(intent).with_parts(named.parts).with_parts(parts).with_notes(named.notes).with_notes(notes))
    }
}
