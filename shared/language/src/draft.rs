//! Parses a sentence as a draft of a task: its phrases become fields, the other words the title.

use std::ops::Range;

use domain::Moment;
use domain::command::{CreateTask, Field};
use domain::offset::{OffsetUnit, ReminderOffset};
use domain::recurrence::Rule;
use domain::task::{Frequency, Priority, RecurrenceFrom, TAGS_MAX};
use domain::zone::Zone;
use jiff::civil::{Date, DateTime};

use crate::SENTENCE_MAX;
use crate::calendar::on_or_after;
use crate::grammar::{Context, Day, Meaning, Phrase, Place, Repeat, Role, Scene};
use crate::marks::at_due_time;
use crate::moment::{self, TimeSaid};
use crate::numbers::Unit;
use crate::part::{Kind, Note, Part};
use crate::phrases::phrases;
use crate::repeats::{self, End};
use crate::tell;
use crate::whole;
use crate::words::{Word, WordKind, words};

/// The result of parsing a sentence as a task.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The task, valid by the domain's rules; `None`, with a note, if there is no title or the sentence is too long.
    pub task: Option<CreateTask>,
    /// The understood parts, in the order of the sentence.
    pub parts: Vec<Part>,
    /// Assumptions, and parts that were not understood.
    pub notes: Vec<Note>,
}

/// Parses a line as a task, for quick add.
///
/// The whole line describes the task: "add" at its beginning is part of the title, "remind me to" is not. `task.time_zone` is the user's zone, or the
/// zone of the sentence's time if the task recurs. The same text and scene always give the same draft.
#[must_use]
pub fn draft(text: &str, scene: &Scene) -> Draft {
    if let Some(note) = too_long(text) {
        return Draft { task: None, parts: Vec::new(), notes: vec![note] };
    }
    let words = words(text);
    let context = Context::new(scene);
    let from = reminds_to(&words, 0).unwrap_or(0);
    draft_of(text, &words, &Scope { from, lead: 0..from, reminds: from > 0, priority: None }, &context)
}

/// Returns the note for a sentence that is too long.
pub(crate) fn too_long(text: &str) -> Option<Note> {
    let is_long = text.chars().nth(SENTENCE_MAX).is_some();
    is_long.then(|| Note::missed(format!("A sentence has at most {SENTENCE_MAX} characters.")))
}

/// Returns the position after "remind me to", "remind me that" or "reminder to" at `at`.
pub(crate) fn reminds_to(words: &[Word], at: usize) -> Option<usize> {
    let is = |phrase: &[&str]| crate::numbers::is_phrase(words, at, phrase).then_some(at + phrase.len());
    is(&["remind", "me", "to"])
        .or_else(|| is(&["remind", "me", "that"]))
        .or_else(|| is(&["reminder", "to"]))
        .or_else(|| is(&["set", "a", "reminder", "to"]))
        .or_else(|| is(&["remind", "me"]).filter(|end| words.len() > *end))
}

/// The part of a sentence that describes a task.
pub(crate) struct Scope {
    /// The first word.
    pub(crate) from: usize,
    /// The words that ask for a reminder.
    pub(crate) lead: Range<usize>,
    /// True if a reminder was requested.
    pub(crate) reminds: bool,
    /// A preceding priority and its position: "add a high priority task to …".
    pub(crate) priority: Option<(Priority, Range<usize>)>,
}

/// A phrase with its position.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) words: Range<usize>,
    pub(crate) phrase: Phrase,
}

/// Returns the phrases of a part of the sentence, without overlaps.
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
    whole::leave(words, from, &mut found);
    found
}

/// "1 Dec to 14 Dec", "24/12 - 27/12": the second day ends a range.
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

/// The combined meaning of a sentence's phrases.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The phrase for the day, or for the whole instant.
    pub(crate) day: Option<usize>,
    pub(crate) clock: Option<usize>,
    pub(crate) zone: Option<usize>,
    pub(crate) part: Option<usize>,
    pub(crate) repeat: Option<usize>,
    /// Limits of the recurrence, and a second phrase of it.
    pub(crate) limits: Vec<usize>,
    pub(crate) until: Option<usize>,
    pub(crate) count: Option<usize>,
    pub(crate) completion: Option<usize>,
    pub(crate) reminder: Option<usize>,
    /// Phrases that set the reminder's time rather than the due date.
    pub(crate) remind_at: Vec<usize>,
    pub(crate) priority: Option<usize>,
    pub(crate) tags: Vec<usize>,
    /// Understood, but the task has no field left for it.
    pub(crate) surplus: Vec<usize>,
    /// Understood, but without effect: a reminder without a date, the end of a range of days.
    pub(crate) dropped: Vec<usize>,
}

impl Said {
    /// Assigns each phrase to a field. If two phrases are for the same field, the first counts, except that "by Friday" takes precedence
    /// over a day without such a word.
    fn of(found: &[Found], repeat: Option<&Repeat>, remind_at: Range<usize>) -> Self {
        let mut said = Self { remind_at: remind_at.clone().collect(), ..Self::default() };
        let repeats = repeat.is_some();
        let mut tags = 0;
        for (index, Found { phrase, .. }) in found.iter().enumerate().filter(|(index, _)| !remind_at.contains(index)) {
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
                Meaning::Day { day, .. } if repeat.is_some_and(|repeat| whole::is_season(day, phrase.role, repeat.unit)) => {
                    said.limits.push(index);
                    continue;
                }
                Meaning::Limit(_) if repeats => {
                    said.limits.push(index);
                    continue;
                }
                Meaning::Repeat(second) if is_joined(found, said.repeat, second) => {
                    said.limits.push(index);
                    continue;
                }
                Meaning::Day { .. } if phrase.role == Role::Until && repeats => &mut said.until,
                Meaning::Day { .. } if phrase.role == Role::Until && said.day.is_some() => {
                    said.dropped.push(index);
                    continue;
                }
                Meaning::Day { .. } | Meaning::Ahead(_) | Meaning::Local(_) | Meaning::Instant(_) => {
                    // "Sunday roast today": a date says more than a weekday that leads to other words.
                    let is_lone = |old: usize| {
                        let (old, next) = (&found[old], &found[index]);
                        let is_weekday = matches!(old.phrase.meaning, Meaning::Day { day: Day::Weekday(_), part: None });
                        is_weekday && old.words.len() == 1 && old.words.end < next.words.start && says_date(&phrase.meaning)
                    };
                    let is_weaker = |old: usize| {
                        found[old].phrase.role == Role::Plain
                            && (matches!(phrase.role, Role::Due | Role::Before) || phrase.role == Role::Plain && is_lone(old))
                    };
                    if let Some(old) = said.day.filter(|old| is_weaker(*old)) {
                        said.surplus.push(old);
                        said.day = None;
                    }
                    &mut said.day
                }
                Meaning::Clock(_) => &mut said.clock,
                Meaning::Zone(_) if said.clock.is_some_and(|clock| found[clock].words.end == found[index].words.start) => &mut said.zone,
                Meaning::Part(_) => &mut said.part,
                Meaning::Repeat(_) => &mut said.repeat,
                Meaning::Count(_) | Meaning::Lasting(_) if repeats => &mut said.count,
                Meaning::FromCompletion if repeats => &mut said.completion,
                Meaning::Reminder(_) => &mut said.reminder,
                Meaning::NoReminder => {
                    said.dropped.push(index);
                    continue;
                }
                // A limit without a recurrence, or an unknown phrase.
                _ => continue,
            };
            if place.is_none() { *place = Some(index) } else { said.surplus.push(index) }
        }
        said
    }

    /// Removes all dates, times and recurrences. Returns true if there were any.
    fn forget_when(&mut self) -> bool {
        let places = [
            &mut self.day,
            &mut self.clock,
            &mut self.zone,
            &mut self.part,
            &mut self.repeat,
            &mut self.until,
            &mut self.count,
            &mut self.completion,
        ];
        self.limits.clear();
        let forgotten: Vec<usize> = places.into_iter().filter_map(Option::take).collect();
        !forgotten.is_empty()
    }

    fn used(&self) -> Vec<usize> {
        let when = [self.day, self.clock, self.zone, self.part, self.repeat, self.until, self.count, self.completion];
        let several = self.tags.iter().chain(&self.limits).chain(&self.remind_at).copied();
        let mut used: Vec<usize> = when.into_iter().chain([self.reminder, self.priority]).flatten().chain(several).collect();
        used.sort_unstable();
        used
    }
}

/// True if a phrase names a date that does not depend on today.
fn says_date(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Day { day: Day::On(_), .. } | Meaning::Local(_) | Meaning::Instant(_))
}

/// True if a second recurrence completes the first: "Mondays every 2 weeks".
fn is_joined(found: &[Found], first: Option<usize>, second: &Repeat) -> bool {
    first.is_some_and(|first| matches!(&found[first].phrase.meaning, Meaning::Repeat(first) if first.joined(second).is_some()))
}

/// Returns the phrases that set the reminder's time rather than the due date: "at 10, remind me at 9", "remind me tomorrow to pay on Friday".
///
/// They directly follow "remind me", and the due date is given elsewhere in the sentence.
fn remind_at(found: &[Found], lead: Option<usize>) -> Range<usize> {
    let is_open = |offset: ReminderOffset| offset.amount() == 0 || matches!(offset.unit(), OffsetUnit::Day | OffsetUnit::Week);
    let is_lead = |found: &Found| matches!(found.phrase.meaning, Meaning::Reminder(offset) if is_open(offset));
    let is_when = |found: &Found| {
        matches!(found.phrase.meaning, Meaning::Day { .. } | Meaning::Clock(_) | Meaning::Part(_)) && found.phrase.role != Role::Until
    };
    let after = |place: usize| {
        let next = found.iter().position(|found| found.words.start == place).filter(|first| is_when(&found[*first]))?;
        let adjoins =
            |index: &usize| found.get(*index + 1).is_some_and(|next| is_when(next) && next.words.start == found[*index].words.end);
        let last = (next..found.len()).find(|index| !adjoins(index)).unwrap_or(next);
        Some(next..last + 1)
    };
    let behind = found.iter().filter(|found| is_lead(found)).find_map(|found| after(found.words.end));
    let Some(group) = behind.or_else(|| after(lead?)) else { return 0..0 };
    let has = |is_of: fn(&Meaning) -> bool| {
        let (inside, outside): (Vec<_>, Vec<_>) = found.iter().enumerate().partition(|(index, _)| group.contains(index));
        inside.iter().any(|(_, found)| is_of(&found.phrase.meaning)) && outside.iter().any(|(_, found)| is_of(&found.phrase.meaning))
    };
    let is_other = has(|meaning| matches!(meaning, Meaning::Clock(_))) || has(|meaning| matches!(meaning, Meaning::Day { .. }));
    if is_other { group } else { 0..0 }
}

/// The due date and recurrence of a sentence.
#[derive(Clone, Debug, Default)]
pub(crate) struct When {
    pub(crate) due: Option<domain::Timestamp>,
    /// The local date and time in the user's zone.
    pub(crate) local: Option<DateTime>,
    /// True if no time is given: it is due on the day.
    pub(crate) is_day: bool,
    /// The zone of its time, if it recurs.
    pub(crate) zone: Option<Zone>,
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

/// The phrases with their combined meaning, shared by drafts, changes and queries.
pub(crate) struct Heard<'a> {
    pub(crate) words: &'a [Word],
    pub(crate) found: Vec<Found>,
    pub(crate) said: Said,
    /// The first word that describes the task.
    from: usize,
    repeat: Option<Repeat>,
    pub(crate) context: &'a Context,
}

impl<'a> Heard<'a> {
    pub(crate) fn new(words: &'a [Word], from: usize, context: &'a Context) -> Self {
        Self::reminding(words, from, context, false)
    }

    /// Parses the words after "remind me".
    fn reminding(words: &'a [Word], from: usize, context: &'a Context, reminds: bool) -> Self {
        let found = select(words, from, context);
        let (repeat, _) = whole::repetition(&found);
        let said = Said::of(&found, repeat.as_ref(), remind_at(&found, reminds.then_some(from)));
        Self { words, found, said, from, repeat, context }
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

    /// Returns how long before to remind.
    pub(crate) fn reminder(&self) -> Option<ReminderOffset> {
        match self.meaning(self.said.reminder)? {
            Meaning::Reminder(offset) => Some(*offset),
            _ => None,
        }
    }

    pub(crate) fn repeat(&self) -> Option<&Repeat> {
        self.said.repeat.and(self.repeat.as_ref())
    }

    /// Returns the zone of the time, if it is not the user's.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self.meaning(self.said.zone)? {
            Meaning::Zone(place) => Some(place),
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

    /// Returns the day, which may be "in 3 days".
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

    /// Returns a complete date and time.
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

    /// Returns the end of a recurrence that begins on `first`.
    pub(crate) fn end(&self, first: Option<Date>) -> End {
        if let Some(Meaning::Day { day, .. }) = self.meaning(self.said.until) {
            // "From Monday to Friday": the first Friday after it.
            if let (Day::Weekday(weekday), Some(next)) = (day, first.and_then(|first| first.tomorrow().ok())) {
                return on_or_after(next, *weekday).map_or(End::Never, End::Until);
            }
            // "Through June": to its end.
            if let (Day::Month { first, .. }, true) = (day, self.said.until.is_some_and(|until| self.is_through(until))) {
                return End::Until(first.last_of_month());
            }
            let local = moment::local(Some(day), TimeSaid::default(), self.context, &mut Vec::new());
            return local.map_or(End::Never, |local| End::Until(local.date()));
        }
        match (self.meaning(self.said.count), self.day()) {
            (Some(Meaning::Count(count)), _) => End::Count(*count),
            (Some(Meaning::Lasting(length)), _) => End::Lasting(*length),
            // "Every Monday in May 2027".
            (_, Some(Day::Month { first, is_dated: true })) if self.role() == Some(Role::Plain) => End::Until(first.last_of_month()),
            _ => End::Never,
        }
    }

    /// True for "through June", which includes all of it.
    fn is_through(&self, index: usize) -> bool {
        let Found { words, phrase } = &self.found[index];
        matches!(phrase.meaning, Meaning::Day { day: Day::Month { .. }, .. }) && self.words[words.start].is_any(&["through", "thru"])
    }

    fn role(&self) -> Option<Role> {
        self.phrase(self.said.day).map(|phrase| phrase.role)
    }

    /// True if a recurrence counts from the completion.
    pub(crate) fn is_from_completion(&self) -> bool {
        self.said.completion.is_some() || self.repeat().is_some_and(|repeat| repeat.from_completion)
    }

    /// Returns how long before the due date to remind, if the sentence gives the reminder's time.
    pub(crate) fn remind_at(&self, when: &When) -> Option<Result<ReminderOffset, Note>> {
        let group = || self.said.remind_at.iter().filter_map(|index| self.found.get(*index)).map(|found| &found.phrase.meaning);
        let due = when.local?;
        let day = group().find_map(|meaning| if let Meaning::Day { day, part } = meaning { Some((day, *part)) } else { None });
        let clock = group().find_map(|meaning| if let Meaning::Clock(clock) = meaning { Some(*clock) } else { None });
        let part = group().find_map(|meaning| if let Meaning::Part(part) = meaning { Some(*part) } else { None });
        group().next()?;
        let time = TimeSaid { clock, part: part.or(day.and_then(|(_, part)| part)) };
        Some(moment::before(due, day.map(|(day, _)| day), time, self.reminder(), self.context))
    }

    /// Returns the due date and recurrence.
    pub(crate) fn when(&self, notes: &mut Vec<Note>) -> When {
        let exact = self.exact(notes);
        let (day, time) = (self.day(), self.time_said());
        let context = self.place().map_or_else(|| self.context.clone(), |place| self.context.at(place));
        let local = match (exact, self.repeat()) {
            (Some(exact), _) => Some(context.tz().to_datetime(exact.get())),
            (None, Some(repeat)) => repeats::first(repeat, day.as_ref(), time, &context, notes),
            (None, None) => moment::local(day.as_ref(), time, &context, notes),
        };
        let Some(local) = local else { return When::default() };
        let due = exact.or_else(|| moment::instant(local, &context, notes));
        let mut when = When {
            due,
            local: due.map(|due| self.context.users(due.get())),
            is_day: exact.is_none()
                && time.is_open()
                && self.repeat().is_none_or(|repeat| repeat.part.is_none() && repeat.unit != Unit::Hour),
            ..When::default()
        };
        if let (Some(repeat), Some(_)) = (self.repeat(), due) {
            when.zone = self.place().and_then(|place| place.zone.clone());
            let recurrence = repeats::recurrence(repeat, local.date(), self.end(Some(local.date())), notes);
            when.frequency = recurrence.frequency;
            when.rule = recurrence.rule;
            when.from = if self.is_from_completion() { RecurrenceFrom::Completion } else { RecurrenceFrom::Due };
        }
        when
    }

    /// Returns the notes of used phrases, and of those that could not be used.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let used = self.said.used();
        let note = |(index, found): (usize, &Found)| match (&found.phrase.note, &found.phrase.meaning) {
            (Some(text), Meaning::Impossible) => Some(Note::missed(text.clone())),
            (Some(text), Meaning::Word) => self.repeat().is_none().then(|| Note::assumed(text.clone())),
            (Some(text), Meaning::Name) => Some(Note::assumed(text.clone())),
            (Some(_), Meaning::Day { .. }) if self.said.limits.contains(&index) || self.is_through(index) => None,
            (Some(text), _) if used.contains(&index) => Some(Note::assumed(text.clone())),
            _ => None,
        };
        let unread = whole::unread(self.words, self.from, &self.found)
            .map(|word| Note::assumed(format!("\u{201c}{word}\u{201d} is read as part of the title.")));
        self.found.iter().enumerate().filter_map(note).chain(self.loosely_due()).chain(unread).collect()
    }

    /// Returns the note on how "until Friday" and "before Friday" are read.
    fn loosely_due(&self) -> Option<Note> {
        let found = self.found.get(self.said.day?)?;
        let is_loose = matches!(found.phrase.role, Role::Until | Role::Before | Role::After | Role::From) && self.repeat().is_none();
        is_loose.then(|| Note::assumed(format!("\u{201c}{}\u{201d} is read as the due date.", self.text(found))))
    }

    /// Returns the used parts of the sentence with their meanings.
    pub(crate) fn parts(&self, when: &When) -> Vec<Part> {
        self.said.used().into_iter().filter_map(|index| self.part(index, when)).collect()
    }

    fn part(&self, index: usize, when: &When) -> Option<Part> {
        let found = &self.found[index];
        let date = || when.local.map(|local| tell::date(local.date())).unwrap_or_default();
        let time = || when.local.map(|local| tell::time(local.time(), self.context.hours)).unwrap_or_default();
        let both = || format!("{} {}", date(), time());
        let (kind, meaning) = match &found.phrase.meaning {
            _ if self.said.remind_at.contains(&index) => (Kind::Reminder, self.text(found)),
            Meaning::Repeat(_) | Meaning::Limit(_) | Meaning::Day { .. } if self.said.limits.contains(&index) => {
                (Kind::Recurrence, self.repeat().map(repeats::describe).unwrap_or_default())
            }
            Meaning::Zone(place) => (Kind::Time, place.name.clone()),
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
            Meaning::Repeat(_) => (Kind::Recurrence, self.repeat().map(repeats::describe).unwrap_or_default()),
            Meaning::Count(count) => (Kind::Recurrence, format!("{count} times")),
            Meaning::Lasting(_) => (Kind::Recurrence, self.text(found)),
            Meaning::FromCompletion => (Kind::Recurrence, "after completion".to_owned()),
            Meaning::NoReminder | Meaning::Limit(_) | Meaning::Impossible | Meaning::Word | Meaning::Name => return None,
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

/// Returns the byte range of these words.
pub(crate) fn bytes(words: &[Word], range: &Range<usize>) -> Range<usize> {
    let sentence_end = words.last().map_or(0, |word| word.range.end);
    let start = words.get(range.start).map_or(sentence_end, |word| word.range.start);
    let end = range.end.checked_sub(1).and_then(|last| words.get(last)).map_or(start, |word| word.range.end);
    start..end.max(start)
}

/// Returns the task that a part of a sentence describes.
pub(crate) fn draft_of(sentence: &str, words: &[Word], scope: &Scope, context: &Context) -> Draft {
    let mut heard = Heard::reminding(words, scope.from, context, scope.reminds);
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
        all.push(Note::assumed("That has passed: the task is already overdue."));
    }
    let title = title(sentence, &heard, scope);
    let task = title.and_then(|title| {
        let task = CreateTask {
            title,
            due_date: when.moment(),
            time_zone: Field::Set(when.zone.clone().unwrap_or_else(|| context.zone.clone())),
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
        all.push(Note::missed("The title is missing: say what to do."));
    }
    Draft { task, parts, notes: all }
}

/// Returns the task if the domain accepts it.
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

/// Returns the reminder's offset, if there is a date to remind of.
fn reminder(heard: &mut Heard<'_>, scope: &Scope, when: &When, notes: &mut Vec<Note>) -> Option<ReminderOffset> {
    let offset = match heard.remind_at(when) {
        Some(Ok(offset)) => Some(offset),
        Some(Err(note)) => {
            notes.push(note);
            heard.said.remind_at.clear();
            heard.said.reminder = None;
            None
        }
        None => heard.reminder().or_else(|| if scope.reminds { at_due_time() } else { None }),
    }?;
    let reason = match when.due {
        None => "A reminder needs a date: say when it is due.",
        Some(due) if due.get() <= heard.context.now => "The date has passed: no reminder is set.",
        Some(_) => return Some(offset),
    };
    notes.push(Note::missed(reason));
    // "remind me 1 hour before" is clear; "1 hour before" may belong to the title.
    let is_led = |index: &usize| heard.words[heard.found[*index].words.clone()].iter().any(|word| word.lower.starts_with("remind"));
    heard.said.dropped.extend(heard.said.reminder.take().filter(is_led));
    None
}

fn surplus(heard: &Heard<'_>, sentence: &str) -> Vec<Note> {
    let is_stretch = heard.said.dropped.iter().any(|index| heard.found[*index].phrase.role == Role::Until);
    let stretch = is_stretch.then(|| Note::assumed("A task has one date: the first is used."));
    let note = |index: &usize| {
        let found = &heard.found[*index];
        let text = sentence.get(heard.bytes(&found.words)).unwrap_or_default();
        Note::missed(format!("A task cannot also have \u{201c}{text}\u{201d}: it stays in the title."))
    };
    stretch.into_iter().chain(heard.said.surplus.iter().map(note)).collect()
}

/// Words that are removed from the title if the phrase after them was.
const DANGLING: [&str; 9] = ["and", "on", "at", "by", "due", "is", "are", "for", "&"];

/// Returns the words that belong to no phrase.
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

/// Removes the brackets of "(tomorrow)".
fn without_empty_brackets(words: &[Word], mut left: Vec<usize>) -> Vec<usize> {
    let is_empty =
        |pair: &[usize]| matches!((words[pair[0]].lower.as_str(), words[pair[1]].lower.as_str()), ("(", ")") | ("[", "]") | ("{", "}"));
    while let Some(at) = left.windows(2).position(is_empty) {
        left.drain(at..at + 2);
    }
    // For ", tomorrow," one comma is enough.
    let is_twice = |pair: &[usize]| pair[1] - pair[0] > 1 && words[pair[0]].is(",") && words[pair[1]].is_any(&[",", ";"]);
    while let Some(at) = left.windows(2).position(is_twice) {
        left.remove(at);
    }
    left
}

fn is_tight(word: &Word) -> bool {
    matches!(word.lower.as_str(), "," | "." | ";" | ":" | "!" | "?" | ")")
}

/// Removes punctuation and linking words at the ends and around removed phrases.
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
        let leads = word.is_any(&["to", "that", "and", "for"]) || scope.reminds && word.is_any(&["about", "of"]);
        let is_dangling = first > scope.from && leads && left.len() > 1;
        if !(is_mark || is_dangling) {
            break;
        }
        left.remove(0);
    }
    left
}

/// Returns the text between quotation marks.
pub(crate) fn unquoted<'a>(sentence: &'a str, word: &Word) -> Option<&'a str> {
    let text = sentence.get(word.range.clone()).filter(|_| word.kind == WordKind::Quoted)?;
    let mut characters = text.chars();
    characters.next()?;
    characters.next_back()?;
    Some(characters.as_str())
}

/// Removes control characters, and spaces at the ends.
pub(crate) fn clean(title: &str) -> Option<String> {
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_owned())
}
