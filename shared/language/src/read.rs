//! What a sentence wants: its first words decide, then what it is about is read.

use std::ops::Range;

use domain::command::CreateTask;
use domain::offset::{OffsetUnit, ReminderOffset};
use domain::reminder::ReminderStatus;
use domain::task::{Priority, TAGS_MAX};
use domain::zone::Zone;

use crate::TARGETS_MAX;
use crate::change::{Change, Due, Repeats, Shift};
use crate::draft::{Heard, Scope, bytes, clean, draft_of, reminds_to, too_long, unquoted};
use crate::listing::{self, Listing};
use crate::marks;
use crate::numbers::{Length, length};
use crate::part::{Kind, Note, Part};
use crate::phrases::{Context, Meaning};
use crate::repeats::joined;
use crate::tell;
use crate::words::{Word, WordKind, words};

/// A sentence as the offline assistant understands it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What is wanted.
    pub intent: Intent,
    /// What was understood, in the order of the sentence.
    pub parts: Vec<Part>,
    /// What was taken for granted, and what was not understood. With [`Intent::Unclear`] they say why, and what would be clear.
    pub notes: Vec<Note>,
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
        matches!(self, Self::Tasks(targets) if targets.iter().all(|target| matches!(target, Target::Id(_))))
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

/// Finds out what a sentence wants, seen from `now` in the user's `zone`: the offline assistant.
///
/// The same sentence, time and zone always give the same reading.
#[must_use]
pub fn read(sentence: &str, now: domain::Timestamp, zone: &Zone) -> Reading {
    if let Some(note) = too_long(sentence) {
        return Reading { intent: Intent::Unclear, parts: Vec::new(), notes: vec![note] };
    }
    let words = words(sentence);
    let context = Context::new(now, zone);
    let reader = Reader { sentence, words: &words, context: &context };
    let from = reader.after_politeness(0);
    reader.sentence_at(from)
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    sentence: &'a str,
    words: &'a [Word],
    context: &'a Context,
}

/// Where a command's words end and its object begins.
type Command = fn(Reader<'_>, usize) -> Option<Reading>;

/// The commands, in the order they are tried: those that need more words to be themselves come first.
const COMMANDS: [Command; 12] = [
    |reader, from| reader.small_talk(from),
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

impl Reading {
    fn of(intent: Intent) -> Self {
        Self { intent, parts: Vec::new(), notes: Vec::new() }
    }

    fn unclear(note: impl Into<String>) -> Self {
        Self { intent: Intent::Unclear, parts: Vec::new(), notes: vec![Note::missed(note)] }
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
        COMMANDS.iter().find_map(|command| command(self, from)).unwrap_or_else(|| self.fallback(from))
    }

    fn word(&self, at: usize) -> &str {
        self.words.get(at).and_then(Word::plain).unwrap_or_default()
    }

    /// The place after this phrase, if it stands at `at`.
    fn is(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut end = at;
        for word in phrase.split(' ') {
            if !self.words.get(end)?.is(word) {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// The place after the first of these phrases that stands at `at`.
    ///
    /// They are separated by bars: "done with|check off".
    fn after(&self, at: usize, phrases: &str) -> Option<usize> {
        phrases.split('|').find_map(|phrase| self.is(at, phrase))
    }

    fn skip(&self, at: usize, words: &str) -> usize {
        self.words.get(at).filter(|found| words.split('|').any(|word| found.is(word))).map_or(at, |_| at + 1)
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

    /// "please", "could you", "I want to".
    fn after_politeness(&self, at: usize) -> usize {
        let mut at = at;
        // Twice at most: "hey, could you please …".
        for _ in 0..4 {
            let next = self.after(
                at,
                "please|pls|can you|could you|would you|will you|i want you to|i'd like you to|i'd like to see|i want to see|hey taskflow|hi taskflow|ok taskflow|taskflow|hey|ok ,|okay ,|yes ,|also|then|and|just|now",
            );
            let Some(next) = next.filter(|next| *next < self.end()) else { break };
            at = self.skip(next, ",|:|!");
        }
        at
    }

    // --- Small talk ---------------------------------------------------------------------------------------------------------

    fn small_talk(self, from: usize) -> Option<Reading> {
        let said = self.plain(0..self.words.len());
        let intent = match said.as_str() {
            "" => return Some(self.wordless()),
            "help"
            | "help me"
            | "commands"
            | "what can you do"
            | "what can i say"
            | "what can i ask"
            | "how does this work"
            | "how do you work"
            | "what do you do"
            | "what do you understand"
            | "who are you"
            | "what are you"
            | "how can you help"
            | "how can you help me" => Intent::Help,
            "hi" | "hello" | "hey" | "hi there" | "hello there" | "hey there" | "good morning" | "good afternoon" | "good evening"
            | "morning" | "greetings" | "howdy" | "hi taskflow" | "hello taskflow" | "hey taskflow" | "how are you" | "what's up" => {
                Intent::Greeting
            }
            "thanks"
            | "thank you"
            | "thx"
            | "ty"
            | "cheers"
            | "thanks a lot"
            | "thank you very much"
            | "thanks so much"
            | "many thanks"
            | "great"
            | "great thanks"
            | "perfect"
            | "nice"
            | "cool"
            | "awesome"
            | "well done"
            | "good job"
            | "ok thanks"
            | "okay thanks" => Intent::Thanks,
            "yes" | "y" | "yep" | "yeah" | "yup" | "sure" | "ok" | "okay" | "do it" | "go ahead" | "confirm" | "confirmed"
            | "yes please" | "please do" | "yes do it" | "yes go ahead" | "of course" | "absolutely" | "right" | "correct"
            | "yes delete it" | "yes delete them" | "delete them" | "delete it" | "yes all" | "yes all of them" | "all of them"
            | "sure go ahead" | "ok do it" => Intent::Yes,
            "no" | "n" | "nope" | "nah" | "cancel" | "stop" | "never mind" | "nevermind" | "forget it" | "don't" | "do not"
            | "don't do it" | "no thanks" | "no thank you" | "no don't" | "no stop" | "no cancel" | "abort" | "no way" | "leave it"
            | "keep it" | "keep them" => Intent::No,
            _ => return self.talk_about_tasks(from, &said),
        };
        Some(Reading::of(intent))
    }

    fn wordless(self) -> Reading {
        let asks = self.words.iter().any(|word| word.is("?"));
        if asks {
            Reading::of(Intent::Help)
        } else {
            Reading::unclear("That says nothing. Try \u{201c}what is due today?\u{201d} or \u{201c}help\u{201d}.")
        }
    }

    /// "show my tags", "undo".
    fn talk_about_tasks(self, _: usize, said: &str) -> Option<Reading> {
        match said {
            "tags"
            | "list tags"
            | "list my tags"
            | "show tags"
            | "show my tags"
            | "my tags"
            | "all tags"
            | "show all tags"
            | "list all tags"
            | "which tags are there"
            | "what tags are there"
            | "what tags do i have"
            | "which tags do i have"
            | "show me my tags"
            | "show me the tags"
            | "show me all tags" => Some(Reading::of(Intent::ListTags)),
            "undo" | "undo that" | "undo it" => {
                Some(Reading::unclear("Nothing can be undone in general. A completed task is opened again by \u{201c}reopen 12\u{201d}."))
            }
            _ => None,
        }
    }

    // --- Which tasks --------------------------------------------------------------------------------------------------------

    /// "12", "#12", "task 12", "it".
    fn target(&self, at: usize) -> Option<(Target, usize)> {
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
    fn targets(&self, at: usize) -> Option<Named> {
        let at = self.skip(at, "tasks|numbers|todos|items");
        let mut targets: Vec<Target> = Vec::new();
        let mut notes = Vec::new();
        let mut next = at;
        let mut end = at;
        loop {
            let (more, after) = match self.span_of_numbers(next) {
                Some((first, last, after)) => ((first..=last).take(TARGETS_MAX + 1).map(Target::Id).collect(), after),
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
            let is_list = next > end || number(self.word(end)).is_some();
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

    /// "12-15": the numbers from 12 to 15.
    fn span_of_numbers(&self, at: usize) -> Option<(i64, i64, usize)> {
        let word = self.word(at);
        let (first, last, end) = match word.split_once(['-', '\u{2013}']) {
            Some((first, last)) => (number(first)?, number(last)?, at + 1),
            None if matches!(self.word(at + 1), "to" | "through") || self.is(at + 1, "-").is_some() => {
                (number(word)?, number(self.word(at + 2))?, at + 3)
            }
            None => return None,
        };
        (first < last).then_some((first, last, end))
    }

    /// The words up to `to` as a title: "pay rent", "the task \"pay rent\"".
    fn titled(&self, at: usize, to: usize) -> Option<Named> {
        let start = self.skip(self.skip(at, "the|my"), "task|todo|item|to-do");
        let start =
            if start > at + 1 || !matches!(self.word(at), "the" | "my") { self.skip(start, "called|named|titled|:") } else { start };
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
    fn matching(&self, at: usize, to: usize) -> Option<Named> {
        let is_all = matches!(self.word(at), "all" | "everything" | "every" | "any");
        let is_plural = (at..to).any(|at| matches!(self.word(at), "tasks" | "todos" | "to-dos"));
        if !is_all && !is_plural {
            return None;
        }
        let heard = listing::listing(self.sentence, self.words, at, to, self.context);
        let which = Selection::Matching(Box::new(heard.listing));
        Some(Named { which, parts: heard.parts, notes: heard.notes, end: to })
    }

    /// The tasks that all words from `at` to `to` name.
    fn tasks(&self, at: usize, to: usize) -> Option<Named> {
        self.targets(at).or_else(|| self.matching(at, to)).or_else(|| self.titled(at, to))
    }

    /// The reading for tasks that were named; what is left behind them was not understood.
    fn act(&self, named: Named, to: usize, intent: impl FnOnce(Selection) -> Intent) -> Reading {
        let rest = self.plain(named.end.min(to)..to);
        let mut notes = named.notes;
        if !rest.is_empty() {
            notes.push(Note::missed(format!("\u{201c}{}\u{201d} was not understood.", self.text(named.end..to))));
        }
        Reading::of(intent(named.which)).with_parts(named.parts).with_notes(notes)
    }

    /// Whether the words from `at` say when, how often or under which tag something is: then they are about a new task.
    fn is_like_a_task(&self, at: usize) -> bool {
        Heard::new(self.words, at, self.context).found.iter().any(|found| {
            matches!(
                found.phrase.meaning,
                Meaning::Day { .. }
                    | Meaning::Clock(_)
                    | Meaning::Ahead(_)
                    | Meaning::Local(_)
                    | Meaning::Instant(_)
                    | Meaning::Repeat(_)
                    | Meaning::Tag(_)
                    | Meaning::Priority(_)
            )
        })
    }

    // --- Complete, reopen, delete -------------------------------------------------------------------------------------------

    fn complete(self, from: usize) -> Option<Reading> {
        let to = self.end();
        if let Some(named) = self.targets(from) {
            // "12 is done", "12 done".
            let after = self.skip(named.end, "is|are|was|were|has|have|been");
            let after = self.skip(after, "been|now|already");
            if matches!(self.word(after), "done" | "finished" | "complete" | "completed") && self.is_end(after + 1) {
                let named = Named { end: after + 1, ..named };
                return Some(self.act(named, to, Intent::Complete));
            }
        }
        if let Some(after) = self.after(from, "mark|set|flag") {
            return self.mark(after);
        }
        let by_number = self.after(from, "done|completed|finished|did|i did|i've done|i have done|close|tick|check|resolve|completing");
        let phrases = "done with|i'm done with|i am done with|finished with|i finished|i've finished|i have finished|i completed|i've completed|i have completed|check off|tick off|cross off|complete|finish|close out";
        if let Some(start) = self.after(from, phrases) {
            let start = self.skip(start, ":");
            if self.targets(start).is_none() && self.matching(start, to).is_none() && self.is_like_a_task(start) {
                return None;
            }
            return self.tasks(start, to).map(|named| self.act(named, to, Intent::Complete));
        }
        let start = self.skip(by_number?, ":");
        let named = self.targets(start)?;
        let end = self.skip(named.end, "off");
        Some(self.act(Named { end, ..named }, to, Intent::Complete))
    }

    /// "mark 12 as done", "mark 12 high priority", "mark pay rent as done".
    fn mark(self, at: usize) -> Option<Reading> {
        let to = self.end();
        let done = "as done|as complete|as completed|as finished|to done|done|complete|completed|finished";
        let open = "as not done|as undone|as open|as pending|as incomplete|as todo|as to do|to pending|not done|undone|pending|open|incomplete|as unfinished|as not finished|as not completed";
        let ends_with = |phrases: &str| {
            let mut starts = phrases.split('|').filter_map(|phrase| {
                to.checked_sub(phrase.split(' ').count()).filter(|start| *start > at && self.is(*start, phrase).is_some())
            });
            starts.next()
        };
        if let Some(before) = ends_with(open) {
            return self.tasks(at, before).map(|named| self.act(named, before, Intent::Reopen));
        }
        let before = ends_with(done)?;
        self.tasks(at, before).map(|named| self.act(named, before, Intent::Complete))
    }

    fn reopen(self, from: usize) -> Option<Reading> {
        let to = self.end();
        if let Some(named) = self.targets(from) {
            let after = self.skip(named.end, "is|are|was");
            if let Some(end) = self.after(after, "not done|isn't done|not finished|not complete|not completed|undone") {
                if self.is_end(end) {
                    return Some(self.act(Named { end, ..named }, to, Intent::Reopen));
                }
            }
        }
        if let Some(start) = self.after(from, "reopen|re-open|uncomplete|un-complete|uncheck|untick|unfinish") {
            return self.tasks(start, to).map(|named| self.act(named, to, Intent::Reopen));
        }
        let start = self.after(from, "undo|restore|open again|undo completion of")?;
        self.targets(start).map(|named| self.act(named, to, Intent::Reopen))
    }

    fn delete(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let field = self.after(from, "remove|delete|clear|drop|unset").and_then(|at| self.clear_field(at));
        if field.is_some() {
            return field;
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
        if let Some(start) = self.after(from, "clear|purge|clean up|drop|discard") {
            let named = self.targets(start).or_else(|| self.matching(start, to))?;
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
    fn clear_field(self, at: usize) -> Option<Reading> {
        let start = self.skip(at, "the|a");
        let (field, end) =
            [("due date|due|date|deadline", "due"), ("recurrence|repeat", "recurrence"), ("description|notes", "description")]
                .iter()
                .find_map(|(phrases, field)| Some((*field, self.after(start, phrases)?)))?;
        let link = self.skip(end, "of|from|on|for");
        let named = self.targets(link).filter(|_| link > end)?;
        let mut change = Change::new(&self.context.zone);
        match field {
            "due" => change.due = Some(Due::Clear),
            "recurrence" => change.repeats = Some(Repeats::Not),
            _ => change.description = Some(String::new()),
        }
        Some(self.act(named, self.end(), |which| Intent::Update { which, change: Box::new(change) }))
    }

    // --- Recurrence that ends -----------------------------------------------------------------------------------------------

    /// "12 no longer recurs", "stop repeating 12", "repeat 12 weekly".
    fn repeat_or_stop(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let stop = |named: Named| {
            let change = Change { repeats: Some(Repeats::Not), ..Change::new(&self.context.zone) };
            self.act(named, to, |which| Intent::Update { which, change: Box::new(change) })
        };
        let phrases = "stop repeating|stop recurring|don't repeat|do not repeat|unrepeat|end the recurrence of|stop the recurrence of|stop recurrence of";
        if let Some(start) = self.after(from, phrases) {
            return self.tasks(start, to).map(stop);
        }
        if let Some(start) = self.after(from, "repeat") {
            let named = self.targets(start)?;
            return Some(self.changed(named, to));
        }
        let named = self.targets(from)?;
        let over = "no longer recurs|no longer repeats|no longer recurring|doesn't repeat|doesn't recur|does not repeat|does not recur|should not repeat|shouldn't repeat|is no longer recurring|not recurring";
        let end = self.after(named.end, over)?;
        Some(stop(Named { end: self.skip(self.skip(end, "any|anymore"), "more|longer"), ..named }))
    }

    // --- Priority -----------------------------------------------------------------------------------------------------------

    fn priority(self, from: usize) -> Option<Reading> {
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
        let lead = self.after(from, "set|change|make|raise|lower|update").unwrap_or(from);
        let start = self.skip(lead, "the");
        if matches!(self.word(start), "priority" | "prio") {
            let begin = self.skip(start + 1, "of|for|on");
            let level_at = to.checked_sub(1)?;
            let priority = marks::level(self.word(level_at))?;
            let before = if self.word(level_at - 1) == "to" || self.word(level_at - 1) == "as" { level_at - 1 } else { level_at };
            let named = self.tasks(begin, before)?;
            return Some(set(Named { end: to, ..named }, priority, level_at..to));
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

    // --- Tags ---------------------------------------------------------------------------------------------------------------

    fn tags(self, from: usize) -> Option<Reading> {
        let to = self.end();
        // "tag 12 with home and urgent".
        if let Some(start) = self.after(from, "tag|label|untag|unlabel") {
            let removes = self.word(from).starts_with("un");
            let named = self.targets(start)?;
            let begin = self.skip(named.end, "with|as|from|:");
            if removes && self.is_end(begin) {
                return Some(Reading::unclear("Which tags should be removed? Say \u{201c}untag 12 home\u{201d}.").with_parts(named.parts));
            }
            return self.tagged(named, begin..to, removes);
        }
        // "add tag home to 12", "add #home to 12", "remove #home from 12".
        let removes = matches!(self.word(from), "remove" | "delete" | "drop" | "take");
        if !removes && !matches!(self.word(from), "add" | "put" | "set" | "attach") {
            return None;
        }
        let start = self.skip(from + 1, "the|a");
        let begin = self.skip(start, "tag|tags|label|labels");
        if begin == start && marks::tag_name(self.word(start)).is_none() {
            return None;
        }
        let link = (begin..to).rev().find(|at| matches!(self.word(*at), "to" | "from" | "on" | "off" | "of"))?;
        let named = self.targets(link + 1).filter(|named| self.is_end(named.end))?;
        self.tagged(named, begin..link, removes)
    }

    fn tagged(self, named: Named, range: Range<usize>, removes: bool) -> Option<Reading> {
        let mut tags: Vec<String> = Vec::new();
        let mut parts = Vec::new();
        let mut notes = Vec::new();
        for at in range.clone() {
            let word = self.words.get(at)?;
            if word.kind == WordKind::Mark || word.is_any(&["and", "the", "tag", "tags", "&"]) {
                continue;
            }
            let text = match word.kind {
                WordKind::Quoted => unquoted(self.sentence, word)?.to_owned(),
                _ => word.lower.trim_start_matches('#').to_owned(),
            };
            match domain::task::tags(std::slice::from_ref(&text), "/tags") {
                Ok(kept) if tags.len() < TAGS_MAX => {
                    parts.push(self.part(at..at + 1, Kind::Tag, text));
                    tags.extend(kept.into_iter().filter(|tag| !tags.contains(tag)).collect::<Vec<_>>());
                }
                Ok(_) => notes.push(Note::missed(format!("A task has at most {TAGS_MAX} tags."))),
                Err(invalid) => notes.extend(
                    invalid.errors().iter().map(|error| Note::missed(format!("\u{201c}{text}\u{201d} is no tag: {}.", error.detail))),
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

    // --- Reminders ----------------------------------------------------------------------------------------------------------

    fn reminders(self, from: usize) -> Option<Reading> {
        self.list_reminders(from).or_else(|| self.cancel_reminders(from)).or_else(|| self.remind(from))
    }

    /// "list reminders", "show the reminders of 12", "failed reminders", "what reminders do I have?".
    fn list_reminders(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let start = self.after(from, "list|show me|show|what|which|get|display|see|view|any|do i have|what are|give me").unwrap_or(from);
        let start = self.skip(self.skip(self.skip(start, "are"), "all|any"), "my|the|of");
        let (status, noun) = match self.word(start) {
            "failed" => (Some(ReminderStatus::Failed), start + 1),
            "sent" | "delivered" | "past" => (Some(ReminderStatus::Sent), start + 1),
            "cancelled" | "canceled" => (Some(ReminderStatus::Cancelled), start + 1),
            "pending" | "waiting" | "upcoming" | "open" | "coming" => (Some(ReminderStatus::Pending), start + 1),
            "all" => (None, start + 1),
            _ => (None, start),
        };
        if self.word(noun) != "reminders" && !(self.word(noun) == "reminder" && start > from) {
            return None;
        }
        let after = self.skip(noun + 1, "of|for|on");
        if let Some(named) = self.targets(after) {
            let Selection::Tasks(targets) = &named.which else { return None };
            let of = targets.first().cloned();
            return Some(self.act(named, to, |_| Intent::ListReminders { of, status }));
        }
        let rest = self.plain(after.min(to)..to);
        let is_known = rest.is_empty()
            || matches!(
                rest.as_str(),
                "do i have" | "are there" | "have failed" | "failed" | "are pending" | "are waiting" | "are set" | "there are" | "i have"
            );
        let status = if rest.ends_with("failed") { Some(ReminderStatus::Failed) } else { status };
        if after > noun + 1 && !is_known {
            return self.titled(after, to).map(|named| {
                let Selection::Tasks(targets) = &named.which else { return Reading::of(Intent::ListReminders { of: None, status }) };
                let of = targets.first().cloned();
                self.act(named, to, |_| Intent::ListReminders { of, status })
            });
        }
        is_known.then(|| Reading::of(Intent::ListReminders { of: None, status }))
    }

    /// "cancel the reminder of 12", "cancel reminder 5", "don't remind me of 12".
    fn cancel_reminders(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let stop = "don't remind me of|don't remind me about|do not remind me of|do not remind me about|stop reminding me of|stop reminding me about|no reminder for|no reminders for";
        if let Some(start) = self.after(from, stop) {
            return self.tasks(start, to).map(|named| self.act(named, to, |which| Intent::CancelReminders(Reminders::Of(which))));
        }
        let start = self.after(from, "cancel|remove|delete|drop|clear|turn off|stop|unset")?;
        let start = self.skip(self.skip(start, "all"), "the|my|any");
        if !matches!(self.word(start), "reminder" | "reminders") {
            return None;
        }
        let link = self.skip(start + 1, "of|for|from|on|about");
        if link == start + 1 {
            if let Some(id) = number(self.word(link).trim_start_matches('#')).filter(|_| self.is_end(link + 1)) {
                let part = self.part(link..link + 1, Kind::Reminder, format!("reminder {id}"));
                return Some(Reading::of(Intent::CancelReminders(Reminders::Number(id))).with_parts(vec![part]));
            }
            let all = Listing { about: "all tasks".to_owned(), ..Listing::default() };
            let is_all = self.word(start) == "reminders" && self.is_end(link);
            return Some(if is_all {
                Reading::of(Intent::CancelReminders(Reminders::Of(Selection::Matching(Box::new(all)))))
            } else {
                Reading::unclear(
                    "Which reminder? Say \u{201c}cancel the reminder of 12\u{201d} with the task's number, or \u{201c}cancel reminder 5\u{201d} with its own.",
                )
            });
        }
        self.tasks(link, to).map(|named| self.act(named, to, |which| Intent::CancelReminders(Reminders::Of(which))))
    }

    /// "remind me 1 hour before 12", "remind me of 12 30 minutes before", "add a reminder to 12: 1 day".
    fn remind(self, from: usize) -> Option<Reading> {
        let to = self.end();
        if let Some(start) = self.after(from, "remind me|alert me|notify me") {
            if let Some((offset, end)) = self.offset(start) {
                let link = self.after(end, "before|ahead of|in advance of|prior to")?;
                let named = self.targets(link).or_else(|| if self.is_like_a_task(link) { None } else { self.titled(link, to) })?;
                return Some(self.reminded(named, offset, start..end));
            }
            let link = self.skip(start, "of|about|for");
            let named = self.targets(link).filter(|_| link > start)?;
            return Some(self.remind_of(named, to));
        }
        let start = self.after(from, "set|add|create|schedule|make")?;
        let start = self.skip(start, "a|the|another");
        // "a 1 hour reminder for 12".
        if let Some((offset, end)) = self.offset(start) {
            let link = self.skip(self.after(end, "reminder")?, "for|to|on|of");
            return self.targets(link).map(|named| self.reminded(named, offset, start..end));
        }
        let noun = self.after(start, "reminder|reminders")?;
        if let Some((offset, end)) = self.offset(noun) {
            let link = self.skip(self.skip(end, "before"), "for|to|of");
            return self.targets(link).map(|named| self.reminded(named, offset, noun..end));
        }
        let link = self.skip(noun, "for|to|on|of|about");
        let named = self.targets(link).filter(|_| link > noun)?;
        Some(self.remind_of(named, to))
    }

    /// What follows the task: "30 minutes before", or nothing, which is at the due time.
    fn remind_of(self, named: Named, to: usize) -> Reading {
        let begin = self.skip(named.end, ":|,|-");
        let begin = self.skip(begin, "at|for");
        if self.is_end(begin) {
            let note = Note::assumed("The reminder comes when the task is due; \u{201c}1 hour before\u{201d} would be earlier.");
            return match ReminderOffset::new(0, OffsetUnit::Minute) {
                Ok(offset) => self.reminded(named, offset, begin..begin).with_notes(vec![note]),
                Err(_) => Reading::of(Intent::Unclear),
            };
        }
        match self.offset(begin) {
            Some((offset, end)) => {
                let after = self.skip(self.skip(end, "before|ahead|early|earlier|prior"), "it|it's");
                self.reminded(Named { end: self.skip(after, "due"), ..named }, offset, begin..end)
            }
            None => {
                let text = self.text(begin..to).to_owned();
                Reading::unclear(format!("How long before? \u{201c}{text}\u{201d} is no length of time, such as \u{201c}30 minutes\u{201d}, \u{201c}1 hour\u{201d} or \u{201c}2 days\u{201d}.")).with_parts(named.parts)
            }
        }
    }

    fn reminded(self, named: Named, offset: ReminderOffset, range: Range<usize>) -> Reading {
        let part = (!range.is_empty()).then(|| self.part(range, Kind::Reminder, tell::offset(offset)));
        let end = named.end.max(self.after(named.end, "is due|starts|begins").unwrap_or(named.end));
        self.act(Named { end, ..named }, self.end(), |which| Intent::Remind { which, offset }).with_parts(part.into_iter().collect())
    }

    /// "1 hour", "an hour", "a day".
    fn offset(&self, at: usize) -> Option<(ReminderOffset, usize)> {
        let (length, end) = length(self.words, at)?;
        Some((marks::offset(length)?, end))
    }

    // --- Changes ------------------------------------------------------------------------------------------------------------

    fn update(self, from: usize) -> Option<Reading> {
        self.rename(from)
            .or_else(|| self.describe(from))
            .or_else(|| self.shift(from))
            .or_else(|| self.field(from))
            .or_else(|| self.set(from))
    }

    /// "rename 12 to …", "change the title of 12 to …".
    fn rename(self, from: usize) -> Option<Reading> {
        let start = self.after(from, "rename|retitle|change the title of|change title of|set the title of|set title of")?;
        let to = self.end_of_title();
        let named = match self.targets(start) {
            Some(named) => named,
            None => {
                let link = (start..to).find(|at| matches!(self.word(*at), "to" | "as"))?;
                self.titled(start, link)?
            }
        };
        let begin = self.skip(named.end, "to|as|:");
        let title = self.quoted_or_text(begin..to);
        let Some(title) = title.and_then(|title| domain::task::title(&title).ok()) else {
            return Some(
                Reading::unclear("What should the title be? Say \u{201c}rename 12 to \u{2026}\u{201d}, with at most 200 characters.")
                    .with_parts(named.parts),
            );
        };
        let change = Change { title: Some(title), ..Change::new(&self.context.zone) };
        Some(Reading::of(Intent::Update { which: named.which, change: Box::new(change) }).with_parts(named.parts).with_notes(named.notes))
    }

    /// A new title keeps its full stop's words: "please" and "thanks" are part of it.
    fn end_of_title(&self) -> usize {
        self.words.iter().rposition(|word| !word.is_any(&[".", ";"])).map_or(0, |last| last + 1)
    }

    fn quoted_or_text(&self, range: Range<usize>) -> Option<String> {
        match self.words.get(range.clone())? {
            [only] if only.kind == WordKind::Quoted => clean(unquoted(self.sentence, only)?),
            _ => clean(self.text(range)),
        }
    }

    /// "describe 12 as …", "add a note to 12: …".
    fn describe(self, from: usize) -> Option<Reading> {
        let phrases = "describe|add a note to|add note to|add a description to|add description to|set the description of|set description of|change the description of|change description of|note on|note for|set the note of";
        let start = self.after(from, phrases)?;
        let named = self.targets(start)?;
        let begin = self.skip(named.end, "as|to|:");
        let text = self.quoted_or_text(begin..self.end_of_title()).filter(|_| begin > named.end)?;
        let change = Change { description: Some(text), ..Change::new(&self.context.zone) };
        Some(Reading::of(Intent::Update { which: named.which, change: Box::new(change) }).with_parts(named.parts).with_notes(named.notes))
    }

    /// "postpone 12 by 2 days", "move 12 back an hour", "snooze 12 for 1 hour", "bring 12 forward by a week".
    fn shift(self, from: usize) -> Option<Reading> {
        let verbs = "postpone|delay|push back|push|snooze|shift|defer|move|bring forward|bring|advance|reschedule";
        let start = self.after(from, verbs)?;
        let to = self.end();
        let is_forward = matches!(self.word(from), "bring" | "advance");
        let named = match self.targets(start).or_else(|| self.matching_until(start, to)) {
            Some(named) => named,
            None => {
                let link = (start..to).find(|at| {
                    matches!(self.word(*at), "by" | "for")
                        && length(self.words, at + 1).is_some_and(|(_, end)| self.is_end(self.skip(end, "earlier|later")))
                })?;
                self.titled(start, link)?
            }
        };
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
        let change = Change { due: Some(Due::Shift(shift)), ..Change::new(&self.context.zone) };
        Some(self.act(Named { end, ..named }, to, |which| Intent::Update { which, change: Box::new(change) }).with_parts(vec![part]))
    }

    /// "everything due today" before "to tomorrow" or "by 2 days".
    fn matching_until(&self, at: usize, to: usize) -> Option<Named> {
        let link = (at..to).rev().find(|at| matches!(self.word(*at), "to" | "by" | "until"))?;
        self.matching(at, link)
    }

    /// "set the due date of 12 to Friday", "change the time of 12 to 10".
    fn field(self, from: usize) -> Option<Reading> {
        let start = self.after(from, "set|change|move|update")?;
        let start = self.skip(start, "the");
        let noun = self.after(start, "due date|due time|deadline|date|time|due|recurrence|reminder")?;
        let link = self.skip(noun, "of|for|on");
        let named = self.targets(link).filter(|_| link > noun)?;
        Some(self.changed(named, self.end()))
    }

    /// "move 12 to Friday 10am", "make 12 weekly", "12 is due on Friday", "set 12 to 17:00 #work !high".
    fn set(self, from: usize) -> Option<Reading> {
        let verbs = "move|reschedule|postpone|delay|push|defer|snooze|shift|set|make|change|update|edit|schedule|bring forward";
        let to = self.end();
        let Some(start) = self.after(from, verbs) else {
            let named = self.targets(from)?;
            let after = self.after(named.end, "is due|due|should be|is now|repeats|recurs|to|moves to|is moved to")?;
            let after = if self.word(named.end) == "due"
                || self.is(named.end, "is due").is_some()
                || self.word(named.end) == "repeats"
                || self.word(named.end) == "recurs"
            {
                named.end
            } else {
                after
            };
            return Some(self.changed(Named { end: after, ..named }, to));
        };
        if let Some(named) = self.targets(start).or_else(|| self.matching_until(start, to)) {
            return Some(self.changed(named, to));
        }
        // By title only where what follows "to" is nothing but a time: "move dentist to Friday" is a change, "move boxes to the garage" a task.
        let is_mover = matches!(self.word(from), "move" | "reschedule" | "postpone" | "delay" | "push" | "defer" | "snooze" | "shift");
        let link = (start + 1..to).rev().find(|at| matches!(self.word(*at), "to" | "until" | "till")).filter(|_| is_mover)?;
        let heard = Heard::new(self.words, self.skip(link, "to"), self.context);
        let is_time = heard.covers(self.skip(link, "to")..to) && heard.says_when();
        if !is_time {
            return None;
        }
        self.titled(start, link).map(|named| self.changed(named, to))
    }

    /// The change that everything behind the tasks asks for.
    fn changed(self, named: Named, to: usize) -> Reading {
        let begin = self.skip(self.skip(named.end, "is|are|has"), "to|as|:|be|for|until|till");
        let begin = if matches!(self.word(begin), "due") && !self.is_end(begin + 1) { self.skip(begin + 1, "to") } else { begin };
        let heard = Heard::new(self.words.get(..to).unwrap_or(self.words), begin, self.context);
        let mut change = Change::new(&self.context.zone);
        let mut notes = heard.notes();
        let when = heard.when(&mut Vec::new());
        change.priority = heard.priority();
        change.tags = heard.tags();
        change.reminder = heard.reminder().map(|offset| offset.or_else(|| ReminderOffset::new(0, OffsetUnit::Minute).ok()));
        if let Some(repeat) = heard.repeat() {
            change.repeats =
                Some(Repeats::So { repeat: repeat.clone(), end: heard.end(), from_completion: heard.said.completion.is_some() });
        }
        change.due = match heard.exact(&mut Vec::new()) {
            Some(at) => Some(Due::At(at)),
            None if heard.says_when() => Some(Due::When { day: heard.day(), time: heard.time_said() }),
            None => None,
        };
        self.clears(begin..to, &mut change);
        let missed = heard.left(begin..to);
        if change.is_empty() {
            let text = self.text(begin..to).to_owned();
            let note = if text.is_empty() {
                "What should change? Say a date, a time, a priority, tags, a recurrence or a reminder, such as \u{201c}move 12 to Friday 10am\u{201d}.".to_owned()
            } else {
                format!("\u{201c}{text}\u{201d} was not understood: say a date, a time, a priority, tags, a recurrence or a reminder.")
            };
            return Reading::unclear(note).with_parts(named.parts);
        }
        if !missed.is_empty() && change.due != Some(Due::Clear) && change.repeats != Some(Repeats::Not) {
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
    fn clears(&self, range: Range<usize>, change: &mut Change) {
        match self.plain(range).as_str() {
            "no date" | "no due date" | "someday" | "undated" | "without a date" | "without date" | "never" | "no deadline" => {
                change.due = Some(Due::Clear)
            }
            "not repeat" | "not recur" | "non-recurring" | "not recurring" | "no recurrence" | "once" | "one-off" | "a one-off" => {
                change.repeats = Some(Repeats::Not);
                change.due = None;
            }
            "no reminder" | "no reminders" => change.reminder = Some(None),
            _ => {}
        }
    }

    // --- Looking ------------------------------------------------------------------------------------------------------------

    /// "show 12", "what is 12?", "when is 12 due?", "12".
    fn get(self, from: usize) -> Option<Reading> {
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

    fn list(self, from: usize) -> Option<Reading> {
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
    fn ends_like_a_list(&self, from: usize, to: usize) -> bool {
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
    fn question(self, from: usize, to: usize) -> Option<Reading> {
        let about = [
            "task",
            "tasks",
            "todo",
            "todos",
            "to-do",
            "to-dos",
            "due",
            "overdue",
            "late",
            "done",
            "complete",
            "completed",
            "finish",
            "finished",
            "open",
            "pending",
            "left",
            "next",
            "deadline",
            "deadlines",
            "agenda",
            "scheduled",
            "upcoming",
            "today",
            "tomorrow",
            "urgent",
            "plate",
        ];
        let is_about = (from..to).any(|at| about.contains(&self.word(at)) || self.words[at].lower.starts_with('#'));
        let says_day = self.after(from, "what do i have|what should i do|do i have|what must i do").is_some();
        if !is_about && !says_day {
            return None;
        }
        Some(self.listed(from, to))
    }

    fn listed(self, from: usize, to: usize) -> Reading {
        let heard = listing::listing(self.sentence, self.words, from, to, self.context);
        Reading::of(Intent::List(Box::new(heard.listing))).with_parts(heard.parts).with_notes(heard.notes)
    }

    // --- A new task ---------------------------------------------------------------------------------------------------------

    fn create(self, from: usize) -> Option<Reading> {
        if let Some(start) = reminds_to(self.words, from) {
            let start = if start == from + 2 { self.skip(start, "about|of") } else { start };
            if self.is_end(start) {
                return Some(Reading::unclear("Remind you of what, and when? Say \u{201c}remind me to call mum tomorrow at 5pm\u{201d}."));
            }
            return Some(self.drafted(Scope { from: start, lead: from..start, reminds: true }, true));
        }
        if let Some((start, reminds)) = self.after_add(from) {
            if self.is_end(start) {
                return Some(Reading::unclear("Add what? Say \u{201c}add buy milk tomorrow at 9\u{201d}, for example."));
            }
            return Some(self.drafted(Scope { from: start, lead: from..start, reminds }, true));
        }
        let start = self.after(
            from,
            "i need to|i have to|i must|i should|i want to|i've got to|don't forget to|do not forget to|remember to|don't let me forget to|note to self :|todo :|task :|note :|to-do :",
        )?;
        Some(self.drafted(Scope { from: start, lead: from..start, reminds: false }, true))
    }

    /// The place after "add a new task to", and whether a reminder was asked for.
    fn after_add(&self, from: usize) -> Option<(usize, bool)> {
        let verb = self.after(from, "add|create|new|schedule|set up|make|put|plan|set")?;
        let is_plain = matches!(self.word(from), "add" | "create" | "schedule");
        let at = self.skip(self.skip(verb, "me"), "a|an|another|the|one");
        let at = self.skip(self.skip(at, "new|another"), "new");
        // "a high priority task to …": the priority is read from the words after the noun, so only the plain noun counts here.
        let noun = self.skip(at, "task|todo|to-do|item|reminder|entry");
        if noun == at {
            return (is_plain || (self.word(from) == "new" && self.is(verb, ":").is_some())).then_some((self.skip(verb, ":"), false));
        }
        let reminds = self.word(at) == "reminder";
        let end = self.skip(noun, "to|:|called|named|for|that|-|titled|about");
        (is_plain || self.word(from) == "new" || end > noun || matches!(self.word(from), "make" | "set")).then_some((end, reminds))
    }

    fn drafted(self, scope: Scope, is_asked: bool) -> Reading {
        let to = self.without_list(scope.from);
        let draft = draft_of(self.sentence, self.words.get(..to).unwrap_or(self.words), scope, self.context);
        let intent = draft.task.map_or(Intent::Unclear, |task| Intent::Create { task: Box::new(task), is_asked });
        Reading::of(intent).with_parts(draft.parts).with_notes(draft.notes)
    }

    /// The end of the sentence without "to my list".
    fn without_list(&self, from: usize) -> usize {
        let to = self.end();
        let whose = ["my", "the", "our"];
        let nouns = ["list", "tasks", "todos", "to-dos", "tasklist", "to-do", "todo"];
        let is_noun = |at: usize| nouns.contains(&self.word(at));
        let start = if to >= from + 3 && is_noun(to - 1) && whose.contains(&self.word(to - 2)) {
            to - 3
        } else if to >= from + 4
            && self.word(to - 1) == "list"
            && matches!(self.word(to - 2), "todo" | "to-do" | "task" | "do")
            && whose.contains(&self.word(to - 3))
        {
            to - 4
        } else {
            return self.words.len();
        };
        if matches!(self.word(start), "to" | "on" | "onto") && start > from { start } else { self.words.len() }
    }

    /// A statement is most likely a task; a question is not.
    fn fallback(self, from: usize) -> Reading {
        let starters = [
            "what", "what's", "which", "who", "who's", "where", "why", "when", "how", "is", "are", "am", "do", "does", "did", "can",
            "could", "will", "would", "should", "whose",
        ];
        let asks = starters.contains(&self.word(from)) && self.words.last().is_some_and(|word| word.is("?"))
            || matches!(self.word(from), "who" | "why" | "how" | "where" | "what" | "what's" | "which");
        if asks {
            return Reading::unclear(
                "That question is beyond the offline assistant. It can answer \u{201c}what is overdue?\u{201d}, \u{201c}what is due this week?\u{201d} or \u{201c}find rent\u{201d}.",
            );
        }
        self.drafted(Scope { from, lead: from..from, reminds: false }, false)
    }
}

/// A number of a task: no more figures than a 64-bit integer has for sure.
fn number(text: &str) -> Option<i64> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn name(target: &Target) -> String {
    match target {
        Target::Id(id) => format!("task {id}"),
        Target::Title(title) => format!("\u{201c}{title}\u{201d}"),
        Target::It => "the task spoken of last".to_owned(),
    }
}

fn signed(length: Length, is_earlier: bool) -> Shift {
    let sign = if is_earlier { -1 } else { 1 };
    Shift { months: sign * length.months, days: sign * length.days, minutes: sign * length.minutes }
}

impl Heard<'_> {
    /// Whether a day or a time is said.
    fn says_when(&self) -> bool {
        self.said.day.is_some() || self.said.clock.is_some() || self.said.part.is_some()
    }

    /// Whether phrases cover all of these words but marks.
    fn covers(&self, range: Range<usize>) -> bool {
        self.left(range).is_empty()
    }

    /// The stretches of these words that belong to no phrase.
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
