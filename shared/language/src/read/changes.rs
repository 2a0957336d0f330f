//! Changes of fields: due date, title, description, recurrence.

use std::ops::Range;

use domain::command::Field;
use domain::recurrence::joined;
use domain::task::Status;

use super::{Intent, Named, Reader, Reading};
use crate::change::{Change, Due, Repeats, Shift};
use crate::draft::{Heard, clean, unquoted};
use crate::grammar::{Clock, Meaning};
use crate::moment::TimeSaid;
use crate::numbers::{Length, figures, length};
use crate::part::{Kind, Note};
use crate::words::WordKind;

impl Reader<'_> {
    /// "12 no longer recurs", "stop repeating 12", "repeat 12 weekly".
    pub(super) fn repeat_or_stop(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let stop = |named: Named| {
            let change = Change { repeats: Some(Repeats::Not), ..Change::new(self.context) };
            self.act(named, to, |which| Intent::Update { which, change: Box::new(change) })
        };
        let phrases = "stop repeating|stop recurring|don't repeat|do not repeat|unrepeat|end the recurrence of|stop the recurrence of|\
            stop recurrence of";
        if let Some(start) = self.after(from, phrases) {
            return self.tasks(start, to).map(stop);
        }
        if let Some(start) = self.after(from, "repeat") {
            let named = self.targets(start)?;
            return Some(self.changed(named, to));
        }
        let named = self.targets(from)?;
        let over = "no longer recurs|no longer repeats|no longer recurring|doesn't repeat|doesn't recur|does not repeat|does not recur|\
            should not repeat|shouldn't repeat|is no longer recurring|not recurring";
        let end = self.after(named.end, over)?;
        Some(stop(Named { end: self.skip(self.skip(end, "any|anymore"), "more|longer"), ..named }))
    }

    pub(super) fn update(self, from: usize) -> Option<Reading> {
        self.rename(from)
            .or_else(|| self.describe(from))
            .or_else(|| self.shift(from))
            .or_else(|| self.field(from))
            .or_else(|| self.set(from))
            .or_else(|| self.moved_together(from))
    }

    /// "every overdue task to Monday".
    fn moved_together(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let is_bulk = self.is_one(from, "all|every|each|everything|my|overdue|open|pending|late|today's|tomorrow's");
        let has_noun = (from..to).any(|at| self.is_one(at, "task|tasks|todo|todos|to-do|to-dos|overdue|everything"));
        let named = self.matching_until(from, to).filter(|_| is_bulk && has_noun)?;
        let heard = Heard::new(self.words, self.skip(named.end, "to|by|until"), self.context);
        (self.word(named.end) == "to" && heard.covers(named.end..to) && heard.says_when()).then(|| self.changed(named, to))
    }

    /// "rename 12 to …", "change the title of 12 to …".
    pub(super) fn rename(self, from: usize) -> Option<Reading> {
        let start = self.after(from, "rename|retitle|change the title of|change title of|set the title of|set title of")?;
        let to = self.end_of_title();
        let named = if let Some(named) = self.targets(start) {
            named
        } else {
            let link = (start..to).find(|at| matches!(self.word(*at), "to" | "as"))?;
            self.titled(start, link)?
        };
        let begin = self.skip(named.end, "to|as|:");
        let title = self.quoted_or_text(begin..to);
        let Some(title) = title.and_then(|title| domain::task::title(&title).ok()) else {
            return Some(
                Reading::unclear("What should the title be? Say \u{201c}rename 12 to \u{2026}\u{201d}, with at most 200 characters.")
                    .with_parts(named.parts),
            );
        };
        let change = Change { title: Some(title), ..Change::new(self.context) };
        Some(Reading::of(Intent::Update { which: named.which, change: Box::new(change) }).with_parts(named.parts).with_notes(named.notes))
    }

    /// Returns the end of a new title, which may end with "please" or "thanks".
    pub(super) fn end_of_title(&self) -> usize {
        self.words.iter().rposition(|word| !word.is_any(&[".", ";"])).map_or(0, |last| last + 1)
    }

    pub(super) fn quoted_or_text(&self, range: Range<usize>) -> Option<String> {
        match self.words.get(range.clone())? {
            [only] if only.kind == WordKind::Quoted => clean(unquoted(self.sentence, only)?),
            _ => clean(self.text(range)),
        }
    }

    /// "describe 12 as …", "add a note to 12: …".
    pub(super) fn describe(self, from: usize) -> Option<Reading> {
        let phrases = "describe|add a note to|add note to|add a description to|add description to|set the description of|set \
            description of|change the description of|change description of|note on|note for|set the note of";
        let start = self.after(from, phrases)?;
        let named = self.targets(start)?;
        let begin = self.skip(named.end, "as|to|:");
        let text = self.quoted_or_text(begin..self.end_of_title()).filter(|_| begin > named.end)?;
        let change = Change { description: Some(text), ..Change::new(self.context) };
        Some(Reading::of(Intent::Update { which: named.which, change: Box::new(change) }).with_parts(named.parts).with_notes(named.notes))
    }

    /// "postpone 12 by 2 days", "move 12 back an hour", "snooze 12 for 1 hour", "bring 12 forward by a week".
    pub(super) fn shift(self, from: usize) -> Option<Reading> {
        let verbs = "postpone|delay|push back|push|snooze|shift|defer|move|bring forward|bring|advance|reschedule";
        let start = self.after(from, verbs)?;
        let to = self.end();
        let is_forward = matches!(self.word(from), "bring" | "advance");
        let named = if let Some(named) = self.changed_tasks(start, to) {
            named
        } else {
            // "snooze the dentist 1 day", "push the dentist back by a week".
            let link = (start + 1..to).find(|at| {
                let begin = self.skip(self.skip(*at, "back|forward|up|out"), "by|for");
                length(self.words, begin).is_some_and(|(_, end)| self.is_end(self.skip(end, "earlier|sooner|later|back|forward")))
            })?;
            self.matching(start, link).or_else(|| self.titled(start, link))?
        };
        let named = Named { which: named.which.of_status(Status::Pending), ..named };
        let begin = self.skip(self.skip(named.end, "back|forward|up|out"), "by|for");
        let is_earlier = is_forward || self.word(named.end) == "up" || (self.word(named.end) == "forward" && self.word(from) != "move");
        let (length, end) = length(self.words, begin)?;
        let (is_earlier, end) = match self.word(end) {
            "earlier" | "sooner" | "forward" => (true, end + 1),
            "later" | "back" => (false, end + 1),
            _ => (is_earlier, end),
        };
        if !self.is_end(end) {
            return None;
        }
        let shift = signed(length, is_earlier);
        let part = self.part(begin..end, Kind::Date, shift.describe());
        let change = Change { due: Some(Due::Shift(shift)), ..Change::new(self.context) };
        Some(self.act(Named { end, ..named }, to, |which| Intent::Update { which, change: Box::new(change) }).with_parts(vec![part]))
    }

    /// "everything due today" before "to tomorrow" or "by 2 days".
    pub(super) fn matching_until(&self, at: usize, to: usize) -> Option<Named> {
        let link = (at..to).rev().find(|at| matches!(self.word(*at), "to" | "by" | "until"))?;
        self.matching(at, link)
    }

    /// "set the due date of 12 to Friday", "change the time of 12 to 10".
    pub(super) fn field(self, from: usize) -> Option<Reading> {
        let start = self.after(from, "set|change|move|update|add|give")?;
        let start = self.skip(start, "the|a");
        let noun = self.after(start, "due date|due time|deadline|date|time|due|recurrence|reminder")?;
        let link = self.skip(noun, "of|for|on|to");
        let named = self.targets(link).or_else(|| self.titled_until(link, "to")).filter(|_| link > noun)?;
        Some(self.changed(named, self.end()))
    }

    /// Returns the title before the last of these links, if only a date, time or recurrence follows.
    fn titled_until(self, start: usize, links: &str) -> Option<Named> {
        let to = self.end();
        let link = (start + 1..to).rev().find(|at| self.is_one(*at, links))?;
        let heard = Heard::new(self.words, link + 1, self.context);
        let is_change = heard.covers(link + 1..to) && (heard.says_when() || heard.repeat().is_some());
        self.titled(start, link).filter(|_| is_change)
    }

    /// True if a number that ends here counts what follows: "move 3 boxes to the attic".
    fn is_amount(&self, end: usize) -> bool {
        let links = "to|as|be|for|until|till|by|with|from|is|are|has|due|and|then|but|back|forward|up|out|repeat|recurring|not|no|once|on|at|in|a|an|\
            reminder|priority|prio|tag|tags|the|now|earlier|later|after|before|without|never|someday|undated";
        let is_word = !self.word(end).is_empty() && !self.is_one(end, links);
        let is_read = || Heard::new(self.words, end, self.context).found.iter().any(|found| found.words.start == end);
        is_word && crate::marks::level(self.word(end)).is_none() && !is_read()
    }

    /// Returns the tasks named by number, or all that match, as the object of a change.
    fn changed_tasks(self, start: usize, to: usize) -> Option<Named> {
        self.targets(start).filter(|named| !self.is_amount(named.end)).or_else(|| self.matching_until(start, to))
    }

    /// "move 12 to Friday 10am", "make 12 weekly", "12 is due on Friday", "set 12 to 17:00 #work !high".
    pub(super) fn set(self, from: usize) -> Option<Reading> {
        let verbs = "move|reschedule|postpone|delay|push|defer|snooze|shift|set|make|change|update|edit|schedule|bring forward";
        let to = self.end();
        let Some(start) = self.after(from, verbs) else {
            let named = self.targets(from)?;
            let is_change = self.after(named.end, "is due|due|repeats|recurs|should be|is now|moves to|is moved to").is_some();
            let begin = self.skip(self.skip(self.skip(named.end, "should|moves|is"), "be|now|moved"), "to");
            let heard = Heard::new(self.words, begin, self.context);
            let is_time =
                begin < to && !heard.found.is_empty() && heard.covers(begin..to) && (heard.says_when() || heard.repeat().is_some());
            return (is_change || is_time).then(|| self.changed(Named { end: begin, ..named }, to));
        };
        if let Some(named) = self.changed_tasks(start, to) {
            return Some(self.changed(named, to));
        }
        // By title only if just a date or time follows "to": "move dentist to Friday" is a change, "move boxes to the garage" a task.
        let is_change = self.is_one(from, "move|reschedule|postpone|delay|push|defer|snooze|shift|change|set|update");
        let links = if self.is_one(from, "reschedule|postpone|delay|defer|snooze") { "to|until|till|for" } else { "to|until|till" };
        self.titled_until(start, links).filter(|_| is_change).map(|named| self.changed(named, to))
    }

    /// Returns the change in the words after the tasks.
    pub(super) fn changed(self, named: Named, to: usize) -> Reading {
        let begin = self.skip(self.skip(named.end, "is|are|has"), "to|as|:|be|for|until|till");
        let begin = if matches!(self.word(begin), "due") && !self.is_end(begin + 1) { self.skip(begin + 1, "to") } else { begin };
        let named = Named { which: named.which.of_status(Status::Pending), ..named };
        let heard = Heard::new(self.words.get(..to).unwrap_or(self.words), begin, self.context);
        let mut change = Change::new(self.context);
        let mut notes = heard.notes();
        let when = heard.when(&mut Vec::new());
        change.priority = heard.priority();
        change.tags = heard.tags();
        change.reminder = match heard.remind_at(&when) {
            Some(Ok(offset)) => Field::Set(Some(offset)),
            Some(Err(note)) => {
                notes.push(note);
                Field::Keep
            }
            None => heard.reminder().map_or(Field::Keep, |offset| Field::Set(Some(offset))),
        };
        if let Some(repeat) = heard.repeat() {
            change.repeats =
                Some(Repeats::So { repeat: repeat.clone(), end: heard.end(None), from_completion: heard.is_from_completion() });
        }
        change.due = match heard.exact(&mut Vec::new()) {
            Some(at) => Some(Due::At(at)),
            None if heard.says_when() => Some(Due::When { day: heard.day(), time: heard.time_said(), place: heard.place().cloned() }),
            None => None,
        };
        if let (true, Some(time)) = (change.is_empty() && self.is_end(begin + 1), bare_hour(self.word(begin))) {
            change.due = Some(Due::When { day: None, time, place: None });
        }
        self.clears(begin..to, &mut change);
        let missed = heard.left(begin..to);
        if change.is_empty() {
            let text = self.text(begin..to).to_owned();
            let note = if text.is_empty() {
                "What should change? Say a date, a time, a priority, tags, a recurrence or a reminder, such as \u{201c}move 12 to \
                    Friday 10am\u{201d}."
                    .to_owned()
            } else {
                format!("\u{201c}{text}\u{201d} was not understood: say a date, a time, a priority, tags, a recurrence or a reminder.")
            };
            return Reading::unclear(note).with_parts(named.parts);
        }
        let is_hour = bare_hour(self.word(begin)).is_some() && heard.found.is_empty();
        if !missed.is_empty() && !is_hour && change.due != Some(Due::Clear) && change.repeats != Some(Repeats::Not) {
            let text = joined(&missed.into_iter().map(|range| format!("\u{201c}{}\u{201d}", self.text(range))).collect::<Vec<_>>());
            notes.push(Note::missed(format!("{text} was not understood.")));
        }
        let parts = heard.parts(&when);
        Reading::of(Intent::Update { which: named.which, change: Box::new(change) })
            .with_parts(named.parts)
            .with_parts(parts)
            .with_notes(named.notes)
            .with_notes(notes)
    }

    /// "move 12 to no date", "make 12 not repeat".
    pub(super) fn clears(&self, range: Range<usize>, change: &mut Change) {
        match self.plain(range).as_str() {
            "no date" | "no due date" | "someday" | "undated" | "without a date" | "without date" | "never" | "no deadline" => {
                change.due = Some(Due::Clear);
            }
            "not repeat" | "not recur" | "non-recurring" | "not recurring" | "no recurrence" | "once" | "one-off" | "a one-off" => {
                change.repeats = Some(Repeats::Not);
                change.due = None;
            }
            "no reminder" | "no reminders" => change.reminder = Field::Set(None),
            _ => {}
        }
    }
}

/// The hour of "move 12 to 9".
fn bare_hour(text: &str) -> Option<TimeSaid> {
    let hour = figures(text).filter(|hour| *hour <= 23)?;
    let clock = Clock { hour: i8::try_from(hour).ok()?, minute: 0, is_sure: !(1..=11).contains(&hour) };
    Some(TimeSaid { clock: Some(clock), part: None })
}

fn signed(length: Length, is_earlier: bool) -> Shift {
    let sign = if is_earlier { -1 } else { 1 };
    Shift { months: sign * length.months, days: sign * length.days, minutes: sign * length.minutes }
}

impl Heard<'_> {
    /// True if a day or a time is given.
    fn says_when(&self) -> bool {
        self.said.day.is_some() || self.said.clock.is_some() || self.said.part.is_some()
    }

    /// True if phrases cover all of these words except punctuation.
    fn covers(&self, range: Range<usize>) -> bool {
        self.left(range).is_empty()
    }

    /// Returns the parts of these words that belong to no phrase.
    fn left(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let is_read = |at: &usize| self.found.iter().any(|found| found.words.contains(at) && found.phrase.meaning != Meaning::Impossible);
        let is_link = |at: &usize| {
            self.words
                .get(*at)
                .is_none_or(|word| word.kind == WordKind::Mark || word.is_any(&["and", "to", "on", "at", "the", "with", "it", "be"]))
        };
        let mut stretches: Vec<Range<usize>> = Vec::new();
        for at in range.filter(|at| !is_read(at) && !is_link(at)) {
            match stretches.last_mut() {
                Some(last) if last.end == at => last.end = at + 1,
                _ => stretches.push(at..at + 1),
            }
        }
        stretches
    }
}
