//! A sentence as a task to be made: its phrases become fields, the words between them the title.

use std::ops::Range;

use domain::Moment;
use domain::command::{CreateTask, Field};
use domain::offset::ReminderOffset;
use domain::recurrence::Rule;
use domain::task::{Frequency, Priority, RecurrenceFrom, TAGS_MAX};
use domain::zone::Zone;
use jiff::civil::DateTime;

use crate::SENTENCE_MAX;
use crate::grammar::{Context, Day, Meaning, Phrase, Repeat, Role};
use crate::marks::at_due_time;
use crate::moment::{self, TimeSaid};
use crate::part::{Kind, Note, Part};
use crate::phrases::phrases;
use crate::repeats::{self, End};
use crate::tell;
use crate::words::{Word, WordKind, words};

/// A sentence read as a task.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The task, which keeps to the domain's rules; none where there is no title or the sentence is too long, and a note says so.
    pub task: Option<CreateTask>,
    /// What was understood, in the order of the sentence.
    pub parts: Vec<Part>,
    /// What was taken for granted, and what was not understood.
    pub notes: Vec<Note>,
}

/// Reads a line as a task, seen from `now` in the user's `zone`: quick add.
///
/// The whole line is about the task: "add" at its beginning is a word of the title, only "remind me to" is not. `task.time_zone` is
/// `zone`. The same text, time and zone always give the same draft.
#[must_use]
pub fn draft(text: &str, now: domain::Timestamp, zone: &Zone) -> Draft {
    if let Some(note) = too_long(text) {
        return Draft { task: None, parts: Vec::new(), notes: vec![note] };
    }
    let words = words(text);
    let context = Context::new(now, zone);
    let from = reminds_to(&words, 0).unwrap_or(0);
    draft_of(text, &words, &Scope { from, lead: 0..from, reminds: from > 0, priority: None }, &context)
}

/// Says that a sentence is too long to be read, if it is.
pub(crate) fn too_long(text: &str) -> Option<Note> {
    let is_long = text.chars().nth(SENTENCE_MAX).is_some();
    is_long.then(|| Note::missed(format!("A sentence has at most {SENTENCE_MAX} characters.")))
}

/// The place after "remind me to", "remind me that" or "reminder to", if it stands at `at`.
pub(crate) fn reminds_to(words: &[Word], at: usize) -> Option<usize> {
    let is = |phrase: &[&str]| crate::numbers::is_phrase(words, at, phrase).then_some(at + phrase.len());
    is(&["remind", "me", "to"])
        .or_else(|| is(&["remind", "me", "that"]))
        .or_else(|| is(&["reminder", "to"]))
        .or_else(|| is(&["set", "a", "reminder", "to"]))
        .or_else(|| is(&["remind", "me"]).filter(|end| words.len() > *end))
}

/// The part of a sentence that is about a task.
pub(crate) struct Scope {
    /// The first word.
    pub(crate) from: usize,
    /// The words that ask for a reminder.
    pub(crate) lead: Range<usize>,
    /// Whether a reminder was asked for.
    pub(crate) reminds: bool,
    /// The priority that stands before it, and where: "add a high priority task to …".
    pub(crate) priority: Option<(Priority, Range<usize>)>,
}

/// A phrase in its place.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) words: Range<usize>,
    pub(crate) phrase: Phrase,
}

/// The phrases of a stretch of the sentence, none overlapping.
pub(crate) fn select(words: &[Word], from: usize, context: &Context) -> Vec<Found> {
    let mut known = phrases(words, context);
    let mut found = Vec::new();
    let mut at = from;
    while at < words.len() {
        match known.get_mut(at).and_then(Option::take) {
            Some(phrase) => {
                let end = phrase.end.clamp(at + 1, words.len());
                found.push(Found { words: at..end, phrase });
                at = end;
            }
            None => at += 1,
        }
    }
    join_stretches(words, &mut found);
    found
}

/// "1 Dec to 14 Dec", "24/12 - 27/12": the second day is the end of a stretch.
fn join_stretches(words: &[Word], found: &mut [Found]) {
    let is_day = |found: &Found| matches!(found.phrase.meaning, Meaning::Day { .. });
    for later in 1..found.len() {
        let between = found[later - 1].words.end;
        let is_joined = found[later].words.start == between + 1 && words[between].is_any(&["to", "-", "\u{2013}"]);
        if is_joined && is_day(&found[later - 1]) && is_day(&found[later]) && found[later].phrase.role == Role::Plain {
            found[later].words.start = between;
            found[later].phrase.role = Role::Until;
        }
    }
}

/// What the phrases of a sentence say together.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The phrase for the day, or for the whole instant.
    pub(crate) day: Option<usize>,
    pub(crate) clock: Option<usize>,
    pub(crate) part: Option<usize>,
    pub(crate) repeat: Option<usize>,
    pub(crate) until: Option<usize>,
    pub(crate) count: Option<usize>,
    pub(crate) completion: Option<usize>,
    pub(crate) reminder: Option<usize>,
    pub(crate) priority: Option<usize>,
    pub(crate) tags: Vec<usize>,
    /// Understood, but there is no room for it.
    pub(crate) surplus: Vec<usize>,
    /// Understood, and left out of everything: a reminder of nothing, the end of a stretch of days.
    pub(crate) dropped: Vec<usize>,
}

impl Said {
    /// Gives each phrase its place; of two for one place the first, but "by Friday" before a day without such a word.
    pub(crate) fn of(found: &[Found]) -> Self {
        let mut said = Self::default();
        let repeats = found.iter().any(|found| matches!(found.phrase.meaning, Meaning::Repeat(_)));
        let mut tags = 0;
        for (index, Found { phrase, .. }) in found.iter().enumerate() {
            let place = match &phrase.meaning {
                Meaning::Tags(names) => {
                    tags += names.len();
                    if tags <= TAGS_MAX {
                        said.tags.push(index);
                    } else {
                        said.surplus.push(index);
                    }
                    continue;
                }
                Meaning::Priority(_) => {
                    said.priority = Some(index);
                    continue;
                }
                Meaning::Day { .. } if phrase.role == Role::Until && repeats => &mut said.until,
                Meaning::Day { .. } if phrase.role == Role::Until && said.day.is_some() => {
                    said.dropped.push(index);
                    continue;
                }
                Meaning::Day { .. } | Meaning::Ahead(_) | Meaning::Local(_) | Meaning::Instant(_) => {
                    let is_weaker = |old: usize| found[old].phrase.role == Role::Plain && matches!(phrase.role, Role::Due | Role::Before);
                    if let Some(old) = said.day.filter(|old| is_weaker(*old)) {
                        said.surplus.push(old);
                        said.day = None;
                    }
                    &mut said.day
                }
                Meaning::Clock(_) => &mut said.clock,
                Meaning::Part(_) => &mut said.part,
                Meaning::Repeat(_) => &mut said.repeat,
                Meaning::Count(_) | Meaning::Lasting(_) if repeats => &mut said.count,
                Meaning::FromCompletion if repeats => &mut said.completion,
                Meaning::Reminder(_) => &mut said.reminder,
                Meaning::Count(_) | Meaning::Lasting(_) | Meaning::FromCompletion | Meaning::Impossible | Meaning::Word => continue,
            };
            if place.is_none() { *place = Some(index) } else { said.surplus.push(index) }
        }
        said
    }

    /// Takes back everything that says when, and answers whether there was any.
    fn forget_when(&mut self) -> bool {
        let places =
            [&mut self.day, &mut self.clock, &mut self.part, &mut self.repeat, &mut self.until, &mut self.count, &mut self.completion];
        let forgotten: Vec<usize> = places.into_iter().filter_map(Option::take).collect();
        !forgotten.is_empty()
    }

    fn used(&self) -> Vec<usize> {
        let single = [self.day, self.clock, self.part, self.repeat, self.until, self.count, self.completion, self.reminder, self.priority];
        let mut used: Vec<usize> = single.into_iter().flatten().chain(self.tags.iter().copied()).collect();
        used.sort_unstable();
        used
    }
}

/// When a sentence says that something is due, and how it comes back.
#[derive(Clone, Debug, Default)]
pub(crate) struct When {
    pub(crate) due: Option<domain::Timestamp>,
    pub(crate) local: Option<DateTime>,
    /// True if no time is said: it is due on the day.
    pub(crate) is_day: bool,
    pub(crate) frequency: Frequency,
    pub(crate) rule: Option<Rule>,
    pub(crate) from: RecurrenceFrom,
}

impl When {
    /// The due date of the task.
    fn moment(&self) -> Option<Moment> {
        let day = self.local.filter(|_| self.is_day).and_then(|local| domain::Day::new(local.date()));
        self.due.map(|due| day.map_or(Moment::At(due), Moment::On))
    }
}

/// The phrases and what they say: the parts of the sentence that a draft, a change and a query have in common.
pub(crate) struct Heard<'a> {
    pub(crate) words: &'a [Word],
    pub(crate) found: Vec<Found>,
    pub(crate) said: Said,
    pub(crate) context: &'a Context,
}

impl<'a> Heard<'a> {
    pub(crate) fn new(words: &'a [Word], from: usize, context: &'a Context) -> Self {
        let found = select(words, from, context);
        let said = Said::of(&found);
        Self { words, found, said, context }
    }

    fn phrase(&self, index: Option<usize>) -> Option<&Phrase> {
        Some(&self.found.get(index?)?.phrase)
    }

    fn meaning(&self, index: Option<usize>) -> Option<&Meaning> {
        self.phrase(index).map(|phrase| &phrase.meaning)
    }

    pub(crate) fn priority(&self) -> Option<Priority> {
        match self.meaning(self.said.priority)? {
            Meaning::Priority(priority) => Some(*priority),
            _ => None,
        }
    }

    pub(crate) fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for index in &self.said.tags {
            let Some(Meaning::Tags(names)) = self.meaning(Some(*index)) else { continue };
            for tag in names.iter().map(|name| name.to_lowercase()) {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
        }
        tags
    }

    /// How long before to remind.
    pub(crate) fn reminder(&self) -> Option<ReminderOffset> {
        match self.meaning(self.said.reminder)? {
            Meaning::Reminder(offset) => Some(*offset),
            _ => None,
        }
    }

    pub(crate) fn repeat(&self) -> Option<&Repeat> {
        match self.meaning(self.said.repeat)? {
            Meaning::Repeat(repeat) => Some(repeat),
            _ => None,
        }
    }

    pub(crate) fn time_said(&self) -> TimeSaid {
        let clock = match self.meaning(self.said.clock) {
            Some(Meaning::Clock(clock)) => Some(*clock),
            _ => None,
        };
        let part = match (self.meaning(self.said.day), self.meaning(self.said.part)) {
            (Some(Meaning::Day { part: Some(part), .. }), _) | (_, Some(Meaning::Part(part))) => Some(*part),
            _ => None,
        };
        TimeSaid { clock, part }
    }

    /// The day; so many days from now is one, too.
    pub(crate) fn day(&self) -> Option<Day> {
        match self.meaning(self.said.day)? {
            Meaning::Day { day, .. } => Some(day.clone()),
            Meaning::Ahead(length) if length.minutes == 0 => {
                let instant = moment::ahead(*length, self.context)?;
                Some(Day::On(self.context.tz().to_datetime(instant).date()))
            }
            _ => None,
        }
    }

    /// A date and time in full.
    pub(crate) fn exact(&self, notes: &mut Vec<Note>) -> Option<domain::Timestamp> {
        match self.meaning(self.said.day)? {
            Meaning::Ahead(length) if length.minutes != 0 || length.is_exact() => {
                domain::Timestamp::new(moment::ahead(*length, self.context)?).ok()
            }
            Meaning::Instant(instant) => domain::Timestamp::new(*instant).ok(),
            Meaning::Local(local) => moment::instant(*local, self.context, notes),
            _ => None,
        }
    }

    pub(crate) fn end(&self) -> End {
        if let Some(Meaning::Day { day, .. }) = self.meaning(self.said.until) {
            let local = moment::local(Some(day), TimeSaid::default(), self.context, &mut Vec::new());
            return local.map_or(End::Never, |local| End::Until(local.date()));
        }
        match self.meaning(self.said.count) {
            Some(Meaning::Count(count)) => End::Count(*count),
            Some(Meaning::Lasting(length)) => End::Lasting(*length),
            _ => End::Never,
        }
    }

    /// Whether a recurrence's interval runs from the completion.
    pub(crate) fn is_from_completion(&self) -> bool {
        self.said.completion.is_some() || self.repeat().is_some_and(|repeat| repeat.from_completion)
    }

    /// When it is due and how it comes back.
    pub(crate) fn when(&self, notes: &mut Vec<Note>) -> When {
        let exact = self.exact(notes);
        let (day, time) = (self.day(), self.time_said());
        let local = match (exact, self.repeat()) {
            (Some(exact), _) => Some(self.context.tz().to_datetime(exact.get())),
            (None, Some(repeat)) => repeats::first(repeat, day.as_ref(), time, self.context, notes),
            (None, None) => moment::local(day.as_ref(), time, self.context, notes),
        };
        let Some(local) = local else { return When::default() };
        let due = exact.or_else(|| moment::instant(local, self.context, notes));
        let mut when = When { due, local: Some(local), is_day: exact.is_none() && time.is_open(), ..When::default() };
        if let (Some(repeat), Some(_)) = (self.repeat(), due) {
            let recurrence = repeats::recurrence(repeat, local.date(), self.end(), notes);
            when.frequency = recurrence.frequency;
            when.rule = recurrence.rule;
            when.from = if self.is_from_completion() { RecurrenceFrom::Completion } else { RecurrenceFrom::Due };
        }
        when
    }

    /// The notes of the phrases that were used, and of those that could not be.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let used = self.said.used();
        let note = |(index, found): (usize, &Found)| match (&found.phrase.note, &found.phrase.meaning) {
            (Some(text), Meaning::Impossible) => Some(Note::missed(text.clone())),
            (Some(text), Meaning::Word) => self.repeat().is_none().then(|| Note::assumed(text.clone())),
            (Some(text), _) if used.contains(&index) => Some(Note::assumed(text.clone())),
            _ => None,
        };
        self.found.iter().enumerate().filter_map(note).collect()
    }

    /// The parts of the sentence that were used, with what they came to.
    pub(crate) fn parts(&self, when: &When) -> Vec<Part> {
        self.said.used().into_iter().filter_map(|index| self.part(&self.found[index], when)).collect()
    }

    fn part(&self, found: &Found, when: &When) -> Option<Part> {
        let date = || when.local.map(|local| tell::date(local.date())).unwrap_or_default();
        let time = || when.local.map(|local| tell::time(local.time())).unwrap_or_default();
        let both = || format!("{} {}", date(), time());
        let (kind, meaning) = match &found.phrase.meaning {
            Meaning::Tags(names) => (Kind::Tag, names.join(", ").to_lowercase()),
            Meaning::Priority(priority) => (Kind::Priority, tell::priority(*priority).to_owned()),
            Meaning::Reminder(offset) => (Kind::Reminder, tell::offset(*offset)),
            Meaning::Day { day, .. } if found.phrase.role == Role::Until && self.repeat().is_some() => {
                let local = moment::local(Some(day), TimeSaid::default(), self.context, &mut Vec::new())?;
                (Kind::Recurrence, format!("until {}", tell::date(local.date())))
            }
            Meaning::Day { part: Some(_), .. } | Meaning::Local(_) | Meaning::Instant(_) => (Kind::Date, both()),
            Meaning::Ahead(length) if length.minutes != 0 => (Kind::Date, both()),
            Meaning::Day { .. } | Meaning::Ahead(_) => (Kind::Date, date()),
            Meaning::Clock(_) | Meaning::Part(_) => (Kind::Time, time()),
            Meaning::Repeat(repeat) => (Kind::Recurrence, repeats::describe(repeat)),
            Meaning::Count(count) => (Kind::Recurrence, format!("{count} times")),
            Meaning::Lasting(_) => (Kind::Recurrence, self.text(found)),
            Meaning::FromCompletion => (Kind::Recurrence, "after completion".to_owned()),
            Meaning::Impossible | Meaning::Word => return None,
        };
        Some(Part { range: self.bytes(&found.words), kind, meaning })
    }

    fn text(&self, found: &Found) -> String {
        self.words[found.words.clone()].iter().map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn bytes(&self, words: &Range<usize>) -> Range<usize> {
        bytes(self.words, words)
    }
}

/// The bytes of a stretch of words.
pub(crate) fn bytes(words: &[Word], range: &Range<usize>) -> Range<usize> {
    let sentence_end = words.last().map_or(0, |word| word.range.end);
    let start = words.get(range.start).map_or(sentence_end, |word| word.range.start);
    let end = range.end.checked_sub(1).and_then(|last| words.get(last)).map_or(start, |word| word.range.end);
    start..end.max(start)
}

/// The task that a stretch of a sentence is about.
pub(crate) fn draft_of(sentence: &str, words: &[Word], scope: &Scope, context: &Context) -> Draft {
    let mut heard = Heard::new(words, scope.from, context);
    let mut notes = Vec::new();
    let when = heard.when(&mut notes);
    if when.due.is_none() && heard.said.forget_when() {
        notes.push(Note::missed("That date does not exist or is out of range: it stays in the title."));
    }
    let reminder_offset = reminder(&mut heard, scope, &when, &mut notes);
    let mut all = heard.notes();
    all.append(&mut notes);
    all.extend(surplus(&heard, sentence));
    let mut parts = heard.parts(&when);
    if let (true, Some(offset)) = (scope.reminds && heard.said.reminder.is_none(), reminder_offset) {
        parts.insert(0, Part { range: bytes(words, &scope.lead), kind: Kind::Reminder, meaning: tell::offset(offset) });
    }
    if let (Some((priority, range)), None) = (&scope.priority, heard.said.priority) {
        parts.insert(0, Part { range: bytes(words, range), kind: Kind::Priority, meaning: tell::priority(*priority).to_owned() });
    }
    if when.due.is_some_and(|due| due.get() < context.now) {
        all.push(Note::assumed("That has passed: the task is overdue from the start."));
    }
    let title = title(sentence, &heard, scope);
    let task = title.and_then(|title| {
        let task = CreateTask {
            title,
            due_date: when.moment(),
            time_zone: Field::Set(context.zone.clone()),
            recurrence: when.frequency,
            recurrence_rule: when.rule.clone(),
            recurrence_from: when.from,
            priority: heard.priority().or(scope.priority.as_ref().map(|(priority, _)| *priority)).unwrap_or_default(),
            tags: heard.tags(),
            reminder_offset,
            ..CreateTask::default()
        };
        checked(task, context, &mut all)
    });
    if task.is_none() && !all.iter().any(|note| note.kind == crate::NoteKind::Missed) {
        all.push(Note::missed("What is to be done? A task needs words of its own."));
    }
    Draft { task, parts, notes: all }
}

/// The task, if the domain takes it.
fn checked(task: CreateTask, context: &Context, notes: &mut Vec<Note>) -> Option<CreateTask> {
    let now = domain::Timestamp::now_from(context.now);
    match task.clone().draft(now, &context.zone) {
        Ok(_) => Some(task),
        Err(invalid) => {
            notes.extend(
                invalid.errors().iter().map(|error| Note::missed(format!("{}: {}.", error.pointer.trim_start_matches('/'), error.detail))),
            );
            None
        }
    }
}

/// The offset, if there is something to remind of.
fn reminder(heard: &mut Heard<'_>, scope: &Scope, when: &When, notes: &mut Vec<Note>) -> Option<ReminderOffset> {
    let offset = heard.reminder().or_else(|| if scope.reminds { at_due_time() } else { None })?;
    let reason = match when.due {
        None => "A reminder needs a date: say when it is due.",
        Some(due) if due.get() <= heard.context.now => "The date has passed: there is nothing to remind of.",
        Some(_) => return Some(offset),
    };
    notes.push(Note::missed(reason));
    // "remind me 1 hour before" says nothing else; "1 hour before" may be about something of the title.
    let is_led = |index: &usize| heard.words[heard.found[*index].words.clone()].iter().any(|word| word.lower.starts_with("remind"));
    heard.said.dropped.extend(heard.said.reminder.take().filter(is_led));
    None
}

fn surplus(heard: &Heard<'_>, sentence: &str) -> Vec<Note> {
    let is_stretch = heard.said.dropped.iter().any(|index| heard.found[*index].phrase.role == Role::Until);
    let stretch = is_stretch.then(|| Note::assumed("A task has one date: the first is taken."));
    let note = |index: &usize| {
        let found = &heard.found[*index];
        let text = sentence.get(heard.bytes(&found.words)).unwrap_or_default();
        Note::missed(format!("\u{201c}{text}\u{201d} is one more than a task has room for: it stays in the title."))
    };
    stretch.into_iter().chain(heard.said.surplus.iter().map(note)).collect()
}

/// Words that lead nowhere when what they led to is gone.
const DANGLING: [&str; 9] = ["and", "on", "at", "by", "due", "is", "are", "for", "&"];

/// The words that belong to no phrase.
fn title(sentence: &str, heard: &Heard<'_>, scope: &Scope) -> Option<String> {
    let used = heard.said.used();
    let is_used = |at: usize| used.iter().chain(&heard.said.dropped).any(|index| heard.found[*index].words.contains(&at));
    let left: Vec<usize> = (scope.from..heard.words.len()).filter(|at| !is_used(*at)).collect();
    let left = without_empty_brackets(heard.words, trimmed(heard.words, &left, scope));
    if let [only] = left[..]
        && let Some(inner) = unquoted(sentence, &heard.words[only])
    {
        return clean(inner);
    }
    let mut title = String::new();
    for (index, at) in left.iter().enumerate() {
        let word = &heard.words[*at];
        let previous = index.checked_sub(1).map(|previous| &heard.words[left[previous]]);
        let is_spaced = previous.is_some_and(|previous| {
            previous.range.end < word.range.start && !(at - left[index - 1] > 1 && word.kind == WordKind::Mark && is_tight(word))
        });
        if is_spaced {
            title.push(' ');
        }
        title.push_str(&sentence[word.range.clone()]);
    }
    clean(&title)
}

/// Without the brackets of "(tomorrow)".
fn without_empty_brackets(words: &[Word], mut left: Vec<usize>) -> Vec<usize> {
    let is_empty =
        |pair: &[usize]| matches!((words[pair[0]].lower.as_str(), words[pair[1]].lower.as_str()), ("(", ")") | ("[", "]") | ("{", "}"));
    while let Some(at) = left.windows(2).position(is_empty) {
        left.drain(at..at + 2);
    }
    // Of ", tomorrow," one comma is enough.
    let is_twice = |pair: &[usize]| pair[1] - pair[0] > 1 && words[pair[0]].is(",") && words[pair[1]].is_any(&[",", ";"]);
    while let Some(at) = left.windows(2).position(is_twice) {
        left.remove(at);
    }
    left
}

fn is_tight(word: &Word) -> bool {
    matches!(word.lower.as_str(), "," | "." | ";" | ":" | "!" | "?" | ")")
}

/// The words without the marks and links at the ends and around what was taken out.
fn trimmed(words: &[Word], left: &[usize], scope: &Scope) -> Vec<usize> {
    let mut left = left.to_vec();
    let is_gap_after = |at: usize| at + 1 < words.len();
    while let Some(&last) = left.last() {
        let word = &words[last];
        let is_mark =
            word.kind == WordKind::Mark && !matches!(word.lower.as_str(), "!" | "?" | ")" | "]" | "}" | "'" | "*" | "`" | "\u{2026}");
        let is_dangling = is_gap_after(last) && word.is_any(&DANGLING) && left.len() > 1;
        if !(is_mark || is_dangling) {
            break;
        }
        left.pop();
    }
    while let Some(&first) = left.first() {
        let word = &words[first];
        let is_mark = word.kind == WordKind::Mark && !matches!(word.lower.as_str(), "(" | "[" | "{" | "'" | "*" | "`");
        let is_dangling = first > scope.from && word.is_any(&["to", "that", "and", "for"]) && left.len() > 1;
        if !(is_mark || is_dangling) {
            break;
        }
        left.remove(0);
    }
    left
}

/// What is between the quotation marks.
pub(crate) fn unquoted<'a>(sentence: &'a str, word: &Word) -> Option<&'a str> {
    let text = sentence.get(word.range.clone()).filter(|_| word.kind == WordKind::Quoted)?;
    let mut characters = text.chars();
    characters.next()?;
    characters.next_back()?;
    Some(characters.as_str())
}

/// Without control characters and spaces at the ends.
pub(crate) fn clean(title: &str) -> Option<String> {
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_owned())
}
