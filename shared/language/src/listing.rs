//! Queries of a sentence: "overdue", "due this week", "high priority tasks #home", "find rent".

use std::ops::Range;

use domain::query::{Due, Order, QUERY_MAX, SearchTasks, SortBy, TERMS_MAX, TagsMatch, TaskFilter};
use domain::task::{Priority, Status, TAGS_MAX};
use domain::{Moment, Timestamp};
use jiff::Span;
use jiff::civil::Date;

use crate::calendar;
use crate::draft::{bytes, unquoted};
use crate::grammar::{Context, Meaning, Phrase, Role};
use crate::marks;
use crate::moment::{self, TimeSaid};
use crate::numbers::{cardinal, length};
use crate::part::{Kind, Note, Part};
use crate::phrases::phrases;
use crate::tell;
use crate::words::{Word, WordKind};

/// The tasks that a sentence requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The search for them; without words it is a list.
    pub query: SearchTasks,
    /// True if only their number is requested.
    pub counts: bool,
    /// Their description for the user: "open tasks due today".
    pub about: String,
}

/// The words that are left to read, and the query so far.
struct Reader<'a> {
    sentence: &'a str,
    words: &'a [Word],
    known: Vec<Option<Phrase>>,
    context: &'a Context,
    listing: Listing,
    is_search: bool,
    wants_all: bool,
    due: String,
    rest: Vec<String>,
    parts: Vec<Part>,
    notes: Vec<Note>,
}

/// A listing with its parts and notes.
pub(crate) struct Heard {
    pub(crate) listing: Listing,
    pub(crate) parts: Vec<Part>,
    pub(crate) notes: Vec<Note>,
}

/// Words without a meaning for a query, separated by bars.
const FILLERS: &str = "most|from|planned|we|show|me|my|the|tasks|task|todo|todos|to-do|to-dos|items|item|things|thing|list|what|what's|\
whats|which|are|is|do|\
    i|have|has|any\
    |there|for|of|with|that|to|please|due|need|must|should|get|on|in|left|give|display|view|see|still|currently|a|an|am|did|does|be\
    |it|up|plate|agenda|schedule|scheduled|coming|upcoming|how|many|count|number|at|and|was|were|anything|something|nothing|today's\
    |tomorrow's|deadline|deadlines|got|priority";

/// Words that are not searched for.
const SEARCH_FILLERS: &str = "in|from|my|task|tasks|todo|todos|due";

/// Parses the query in the words from `from` to `to`.
pub(crate) fn listing(sentence: &str, words: &[Word], from: usize, to: usize, context: &Context) -> Heard {
    heard(sentence, words, from..to, context, false)
}

/// Parses words to search for, as after "find".
pub(crate) fn search(sentence: &str, words: &[Word], from: usize, to: usize, context: &Context) -> Heard {
    heard(sentence, words, from..to, context, true)
}

fn heard(sentence: &str, words: &[Word], Range { start: from, end: to }: Range<usize>, context: &Context, is_search: bool) -> Heard {
    let words = words.get(..to).unwrap_or(words);
    let mut reader = Reader {
        sentence,
        words,
        known: phrases(words, context),
        context,
        listing: Listing::default(),
        is_search,
        wants_all: false,
        due: String::new(),
        rest: Vec::new(),
        parts: Vec::new(),
        notes: Vec::new(),
    };
    let mut at = from;
    while at < words.len() {
        at = reader.step(at).max(at + 1);
    }
    reader.finish()
}

/// Returns the status that a word names: "completed", "open".
fn status(word: &str) -> Option<Status> {
    match word {
        "completed" | "complete" | "done" | "finished" | "finish" | "closed" => Some(Status::Completed),
        "open" | "pending" | "unfinished" | "incomplete" | "outstanding" | "remaining" | "active" | "uncompleted" => Some(Status::Pending),
        _ => None,
    }
}

impl Reader<'_> {
    fn word(&self, at: usize) -> &str {
        self.words.get(at).and_then(Word::plain).unwrap_or_default()
    }

    fn is_phrase(&self, at: usize, phrase: &[&str]) -> bool {
        crate::numbers::is_phrase(self.words, at, phrase)
    }

    fn filter(&mut self) -> &mut TaskFilter {
        &mut self.listing.query.filters
    }

    fn part(&mut self, at: usize, end: usize, kind: Kind, meaning: impl Into<String>) -> usize {
        self.parts.push(Part { range: bytes(self.words, &(at..end)), kind, meaning: meaning.into() });
        end
    }

    /// Reads the words at `at`, and returns where they end.
    fn step(&mut self, at: usize) -> usize {
        self.searched(at)
            .or_else(|| self.state(at))
            .or_else(|| self.sorted(at))
            .or_else(|| self.limited(at))
            .or_else(|| self.unsupported(at))
            .or_else(|| self.made(at))
            .or_else(|| self.between(at))
            .or_else(|| self.tagged(at))
            .or_else(|| self.prioritised(at))
            .or_else(|| self.period(at))
            .or_else(|| self.dated(at))
            .unwrap_or_else(|| self.other(at))
    }

    /// "find rent", "tasks about rent": everything after it is searched for.
    fn searched(&mut self, at: usize) -> Option<usize> {
        let end = match self.word(at) {
            "find" | "search" | "lookup" => at + 1,
            "look" if self.word(at + 1) == "for" || self.word(at + 1) == "up" => at + 2,
            "about" | "containing" | "contains" | "matching" | "mentioning" | "mentions" | "called" | "named" | "titled" | "regarding" => {
                at + 1
            }
            _ => return None,
        };
        self.is_search = true;
        let fillers =
            ["for", "me", "all", "my", "the", "task", "tasks", "todo", "todos", "about", "called", "named", "with", "containing", "any"];
        let skip = (end..self.words.len()).take_while(|at| self.words[*at].is_any(&fillers)).count();
        Some(end + skip)
    }

    fn state(&mut self, at: usize) -> Option<usize> {
        // "What should I work on?", "what's the plan?" add no condition.
        if self.is_phrase(at, &["work", "on"]) || self.is_phrase(at, &["the", "plan"]) {
            return Some(at + 2);
        }
        if self.is_phrase(at, &["past", "due"]) {
            return Some(self.overdue(at, at + 2));
        }
        if self.is_phrase(at, &["did", "i", "do"])
            || self.is_phrase(at, &["did", "i", "get", "done"])
            || self.is_phrase(at, &["have", "i", "done"])
        {
            self.filter().status = Some(Status::Completed);
            return Some(at + if self.is_phrase(at, &["did", "i", "get", "done"]) { 4 } else { 3 });
        }
        if self.word(at) == "not" && matches!(self.word(at + 1), "done" | "completed" | "complete" | "finished") {
            self.filter().status = Some(Status::Pending);
            return Some(at + 2);
        }
        match self.word(at) {
            "overdue" | "late" => return Some(self.overdue(at, at + 1)),
            "all" | "everything" | "every" | "each" => self.wants_all = true,
            word => self.filter().status = Some(status(word)?),
        }
        Some(at + 1)
    }

    fn overdue(&mut self, at: usize, end: usize) -> usize {
        self.filter().status = Some(Status::Pending);
        self.filter().due = Some(Due::Overdue);
        "overdue".clone_into(&mut self.due);
        self.part(at, end, Kind::Date, "overdue")
    }

    /// "by priority", "sorted by due date", "newest first".
    fn sorted(&mut self, at: usize) -> Option<usize> {
        let word = self.word(at);
        let (by, order, end) = match word {
            "newest" | "latest" | "recent" => (SortBy::CreatedAt, Order::Desc, at + 1),
            "oldest" => (SortBy::CreatedAt, Order::Asc, at + 1),
            "soonest" | "earliest" => (SortBy::DueDate, Order::Asc, at + 1),
            "sorted" | "sort" | "ordered" | "order" if self.word(at + 1) == "by" => self.sort_key(at + 2)?,
            "by" => self.sort_key(at + 1)?,
            _ => return None,
        };
        self.listing.query.sort_by = Some(by);
        self.listing.query.order = Some(order);
        Some(if self.word(end) == "first" { end + 1 } else { end })
    }

    fn sort_key(&self, at: usize) -> Option<(SortBy, Order, usize)> {
        let (by, end) = match self.word(at) {
            "priority" | "importance" => (SortBy::Priority, at + 1),
            "due" if self.word(at + 1) == "date" => (SortBy::DueDate, at + 2),
            "due" | "date" | "deadline" => (SortBy::DueDate, at + 1),
            "title" | "name" => (SortBy::Title, at + 1),
            "creation" | "created" | "age" => (SortBy::CreatedAt, at + 1),
            "updated" | "change" | "changed" => (SortBy::UpdatedAt, at + 1),
            _ => return None,
        };
        Some((by, by.default_order(), end))
    }

    /// "top 5", "first 10", "next 3 tasks", "5 tasks", "the last 5 completed tasks".
    fn limited(&mut self, at: usize) -> Option<usize> {
        let (number_at, end) = match self.word(at) {
            "top" | "first" => (at + 1, at + 2),
            "last" => return self.last(at),
            "next" if self.is_task_word(at + 2) => (at + 1, at + 2),
            _ if self.is_task_word(at + 1) || self.word(at + 1) == "most" => (at, at + 1),
            "next" if self.is_task_word(at + 1) || self.word(at + 1).is_empty() => {
                self.listing.query.limit = Some(1);
                return Some(at + 1);
            }
            _ => return None,
        };
        let limit = self.limit(number_at);
        if limit.is_none() && self.word(at) == "next" && self.is_task_word(at + 1) {
            self.listing.query.limit = Some(1);
            return Some(at + 1);
        }
        self.listing.query.limit = Some(limit?);
        Some(end)
    }

    /// "last 5 tasks" sorts by creation, "last 5 completed tasks" by completion.
    fn last(&mut self, at: usize) -> Option<usize> {
        let limit = self.limit(at + 1);
        let end = if limit.is_some() { at + 2 } else { at + 1 };
        let stated = status(self.word(end));
        let is_stated = stated.is_some() || matches!(self.word(end), "added" | "created");
        let noun = end + usize::from(is_stated);
        if !self.is_task_word(noun) {
            return None;
        }
        self.listing.query.limit = limit.or((!self.word(noun).ends_with('s')).then_some(1));
        self.listing.query.sort_by = Some(if stated == Some(Status::Completed) { SortBy::UpdatedAt } else { SortBy::CreatedAt });
        self.listing.query.order = Some(Order::Desc);
        Some(end)
    }

    /// Returns a number of tasks within the limit of a page.
    fn limit(&self, at: usize) -> Option<u32> {
        cardinal(self.word(at)).filter(|limit| (1..=domain::query::LIMIT_MAX).contains(limit))
    }

    fn is_task_word(&self, at: usize) -> bool {
        matches!(self.word(at), "tasks" | "task" | "todos" | "todo" | "items" | "things" | "to-dos" | "to-do" | "thing")
    }

    /// Conditions that the search does not support.
    fn unsupported(&mut self, at: usize) -> Option<usize> {
        for (phrase, what) in [
            (&["without", "a", "due", "date"][..], "tasks without a date"),
            (&["without", "due", "date"], "tasks without a date"),
            (&["without", "a", "date"], "tasks without a date"),
            (&["with", "no", "due", "date"], "tasks without a date"),
            (&["no", "due", "date"], "tasks without a date"),
            (&["without", "tags"], "tasks without tags"),
            (&["untagged"], "tasks without tags"),
            (&["recurring"], "recurring tasks"),
            (&["repeating"], "recurring tasks"),
        ] {
            if self.is_phrase(at, phrase) {
                self.notes.push(Note::missed(format!("A list cannot show only {what}.")));
                return Some(at + phrase.len());
            }
        }
        None
    }

    /// "created today", "added this week": the search does not support creation times.
    fn made(&mut self, at: usize) -> Option<usize> {
        if !matches!(self.word(at), "created" | "added" | "made" | "updated" | "changed") {
            return None;
        }
        let day = self.known.get(at + 1)?.as_ref().filter(|phrase| matches!(phrase.meaning, Meaning::Day { .. }))?;
        let end = day.end;
        self.notes.push(Note::missed("A list cannot be filtered by when tasks were created or changed: the newest come first."));
        self.listing.query.sort_by = Some(SortBy::CreatedAt);
        Some(end)
    }

    /// "between Monday and Friday", "from Monday to Friday".
    fn between(&mut self, at: usize) -> Option<usize> {
        let first_at = match self.word(at) {
            "between" => at + 1,
            "from" => at,
            _ => return None,
        };
        let (first, middle) = self.day_at(first_at)?;
        let second_at = if matches!(self.word(middle), "and" | "to" | "-") { middle + 1 } else { middle };
        let (second, end) = self.day_at(second_at)?;
        // "From Friday to Monday": the Monday after that Friday.
        let second = if second < first { shifted(second, 0, 7)? } else { second };
        let today = self.context.today();
        let text = format!("from {} to {}", tell::plain_date(first, today), tell::plain_date(second, today));
        if second < first { None } else { self.within(at, end, (first, second.tomorrow().ok()?), text) }
    }

    fn day_at(&self, at: usize) -> Option<(Date, usize)> {
        match self.known.get(at)?.as_ref()? {
            Phrase { meaning: Meaning::Day { day, .. }, end, .. } => {
                Some((moment::local(Some(day), TimeSaid::default(), self.context, &mut Vec::new())?.date(), *end))
            }
            _ => None,
        }
    }

    /// "#home", "tagged home and work", "with tag home".
    fn tagged(&mut self, at: usize) -> Option<usize> {
        if let Some((name, end)) = marks::tag_at(self.words, at, &self.context.tags) {
            self.add_tag(at, end, name);
            let is_any = self.word(end) == "or";
            if is_any {
                self.filter().tags_match = TagsMatch::Any;
            }
            return Some(end + usize::from(is_any));
        }
        let start = match self.word(at) {
            "tagged" | "labelled" | "labeled" => at + usize::from(self.word(at + 1) == "with" || self.word(at + 1) == "as"),
            "tag" | "tags" | "label" => at,
            _ => return None,
        };
        let mut next = start + 1;
        for _ in 0..TAGS_MAX {
            let name = self.word(next).trim_start_matches('#').to_owned();
            if name.is_empty() || is_one_of(FILLERS, &name) {
                break;
            }
            self.add_tag(next, next + 1, name);
            let after = next + 1;
            let is_more = self.words.get(after).is_some_and(|word| word.is_any(&["and", "or", ","]));
            if self.word(after) == "or" {
                self.filter().tags_match = TagsMatch::Any;
            }
            next = after + usize::from(is_more);
            if !is_more {
                break;
            }
        }
        Some(next)
    }

    fn add_tag(&mut self, at: usize, end: usize, name: String) {
        if let Err(invalid) = domain::task::tags(std::slice::from_ref(&name), "/tags") {
            self.notes.extend(
                invalid.errors().iter().map(|error| Note::missed(format!("\u{201c}{name}\u{201d} is not a tag: {}.", error.detail))),
            );
            return;
        }
        if !self.filter().tags.contains(&name) && self.filter().tags.len() < TAGS_MAX {
            self.part(at, end, Kind::Tag, name.clone());
            self.filter().tags.push(name);
        }
    }

    /// "high priority", "urgent", "!low".
    fn prioritised(&mut self, at: usize) -> Option<usize> {
        let (priority, end) = if let Some(Phrase { meaning: Meaning::Priority(priority), end, .. }) = self.known.get(at)? {
            (*priority, *end)
        } else {
            let hyphenated = self.word(at).strip_suffix("-priority").and_then(marks::level);
            let level = hyphenated.or_else(|| marks::level(self.word(at)))?;
            let is_named = hyphenated.is_none() && matches!(self.word(at + 1), "priority" | "prio");
            let is_level = hyphenated.is_some()
                || is_named
                || matches!(self.word(at), "urgent" | "important" | "critical")
                || self.is_task_word(at + 1);
            if !is_level {
                return None;
            }
            (level, at + 1 + usize::from(is_named))
        };
        self.filter().priority = Some(priority);
        Some(self.part(at, end, Kind::Priority, tell::priority(priority)))
    }

    /// "this week", "next month", "in the next 3 days", "last week".
    fn period(&mut self, at: usize) -> Option<usize> {
        let today = self.context.today();
        let start = at + usize::from(matches!(self.word(at), "in" | "for" | "during" | "within" | "over" | "on" | "by" | "due"));
        let start = start + usize::from(self.word(start) == "the");
        if matches!(self.word(start), "next" | "coming" | "following")
            && let Some((length, end)) =
                length(self.words, start + 1).filter(|(length, _)| length.minutes == 0 && !matches!(self.word(start + 1), "a" | "an"))
        {
            let last = shifted(today, length.months, length.days)?.tomorrow().ok()?;
            let text = self.sentence.get(bytes(self.words, &(start..end)))?.to_lowercase();
            return self.within(at, end, (today, last), format!("in the {text}"));
        }
        if let (Some(month), true) = (calendar::month(self.word(start)), start > at) {
            let first = calendar::date_of(None, month, 1, self.context)?;
            let this = self.context.today().first_of_month();
            let first = if this.month() == month { this } else { first };
            return self.within(at, start + 1, (first, shifted(first, 1, 0)?), format!("in {}", tell::month(month)));
        }
        let which = match self.word(start) {
            "this" => 0,
            "next" => 1,
            "last" | "past" => -1,
            _ => return None,
        };
        let monday = shifted(today, 0, -i32::from(today.weekday().to_monday_zero_offset()))?;
        let (first, last) = match self.word(start + 1) {
            "week" => (shifted(monday, 0, 7 * which)?, shifted(monday, 0, 7 * which + 7)?),
            "weekend" => (shifted(monday, 0, 7 * which + 5)?, shifted(monday, 0, 7 * which + 7)?),
            "month" => (shifted(today.first_of_month(), which, 0)?, shifted(today.first_of_month(), which + 1, 0)?),
            "year" => (shifted(today.first_of_year(), 12 * which, 0)?, shifted(today.first_of_year(), 12 * which + 12, 0)?),
            _ => return None,
        };
        let text = format!("{} {}", self.word(start), self.word(start + 1));
        self.within(at, start + 2, (first, last), text)
    }

    /// "today", "on Friday", "before 3 May", "by tomorrow".
    fn dated(&mut self, at: usize) -> Option<usize> {
        if let Some(Phrase { meaning: Meaning::Ahead(length), end, .. }) = self.known.get(at)?.as_ref().filter(|_| !self.is_search) {
            let (length, end) = (*length, *end);
            let day = self.context.tz().to_datetime(moment::ahead(length, self.context)?).date();
            self.filter().due_before = Some(Moment::At(self.midnight(day.tomorrow().ok()?)?));
            self.due = format!("due by {}", tell::plain_date(day, self.context.today()));
            return Some(self.part(at, end, Kind::Date, tell::date(day)));
        }
        let (day, role, end, note) = match self.known.get(at)?.as_ref()? {
            Phrase { meaning: Meaning::Day { day, .. }, role, end, note } => (day.clone(), *role, *end, note.clone()),
            _ => return None,
        };
        let date = moment::local(Some(&day), TimeSaid::default(), self.context, &mut Vec::new())?.date();
        // On a Friday, "what is due Friday" means today.
        let date = match day {
            crate::grammar::Day::Weekday(weekday) if weekday == self.context.today().weekday() => self.context.today(),
            // "completed on Monday" means the last Monday.
            crate::grammar::Day::Weekday(_) if self.filter().status == Some(Status::Completed) => shifted(date, 0, -7)?,
            _ => date,
        };
        self.notes.extend(note.map(Note::assumed));
        let said = tell::near_date(date, self.context.today());
        let day_said = tell::plain_date(date, self.context.today());
        let is_by = (at..end).any(|at| matches!(self.word(at), "by" | "until" | "till" | "til" | "up" | "no" | "not" | "through"));
        match role {
            Role::Before => {
                self.filter().due_before = Some(Moment::At(self.midnight(date)?));
                self.due = format!("due before {day_said}");
            }
            Role::Due | Role::Until if is_by => {
                self.filter().due_before = Some(Moment::At(self.midnight(date.tomorrow().ok()?)?));
                self.due = format!("due by {day_said}");
            }
            Role::After | Role::From => {
                let first = if role == Role::After && self.words[at].is("after") { date.tomorrow().ok()? } else { date };
                self.filter().due_after = Some(Moment::At(self.midnight(first)?));
                self.due = if first == date { format!("due from {day_said}") } else { format!("due after {day_said}") };
            }
            Role::Plain | Role::Due | Role::Until => return self.within(at, end, (date, date.tomorrow().ok()?), said),
        }
        Some(self.part(at, end, Kind::Date, tell::date(date)))
    }

    fn within(&mut self, at: usize, end: usize, (first, last): (Date, Date), text: String) -> Option<usize> {
        let (mut after, mut before) = (self.midnight(first)?, self.midnight(last)?);
        let mut text = text;
        let now = (self.filter().due_after, self.filter().due_before, self.due.starts_with("due "));
        if let (Some(Moment::At(from)), Some(Moment::At(to)), true) = now {
            // "today and tomorrow": both days.
            (after, before) = (after.min(from), before.max(to));
            text = format!("{} and {text}", self.due.trim_start_matches("due "));
        }
        self.filter().due_after = Some(Moment::At(after));
        self.filter().due_before = Some(Moment::At(before));
        self.due = format!("due {text}");
        Some(self.part(at, end, Kind::Date, text))
    }

    fn midnight(&self, date: Date) -> Option<Timestamp> {
        let start = date.to_zoned(self.context.tz().clone()).ok()?;
        Timestamp::new(start.timestamp()).ok()
    }

    /// Searches for a word that is none of these.
    fn other(&mut self, at: usize) -> usize {
        let word = &self.words[at];
        match word.kind {
            WordKind::Mark => {}
            WordKind::Quoted => {
                self.is_search = true;
                self.rest.extend(unquoted(self.sentence, word).map(str::to_owned));
            }
            WordKind::Word if self.is_search && is_one_of(SEARCH_FILLERS, &word.lower) => {}
            WordKind::Word if !self.is_search && is_one_of(FILLERS, &word.lower) => {
                if matches!(word.lower.as_str(), "many" | "count" | "number") {
                    self.listing.counts = true;
                }
                if let Some(text) = word.lower.strip_suffix("'s").filter(|day| matches!(*day, "today" | "tomorrow")) {
                    let today = self.context.today();
                    let date = if text == "today" { Some(today) } else { today.tomorrow().ok() };
                    let text = text.to_owned();
                    if let Some((date, next)) = date.and_then(|date| Some((date, date.tomorrow().ok()?))) {
                        self.within(at, at + 1, (date, next), text);
                    }
                }
            }
            WordKind::Word => {
                if let Some(text) = self.sentence.get(word.range.clone()) {
                    self.rest.push(text.to_owned());
                }
            }
        }
        at + 1
    }

    fn finish(mut self) -> Heard {
        self.listing.query.query = self.looked_for();
        self.move_to_completion();
        let has_words = self.listing.query.query.is_some();
        let filter = &mut self.listing.query.filters;
        if filter.status.is_none() && !self.wants_all && !has_words {
            filter.status = Some(Status::Pending);
        }
        if self.listing.query.sort_by.is_none() && !has_words {
            let by = if filter.status == Some(Status::Completed) { SortBy::UpdatedAt } else { SortBy::DueDate };
            self.listing.query.sort_by = Some(by);
        }
        self.listing.about = self.about();
        Heard { listing: self.listing, parts: self.parts, notes: self.notes }
    }

    /// Returns the search words, up to the limit of a search.
    fn looked_for(&mut self) -> Option<String> {
        let all = self.rest.join(" ").replace(char::is_control, " ");
        let words: Vec<&str> = all.split_whitespace().collect();
        let mut query = String::new();
        for word in words.iter().take(TERMS_MAX) {
            if query.chars().count() + 1 + word.chars().count() > QUERY_MAX {
                break;
            }
            if !query.is_empty() {
                query.push(' ');
            }
            query.push_str(word);
        }
        if words.len() > TERMS_MAX {
            self.notes.push(Note::missed(format!("A search has at most {TERMS_MAX} words: the others are left out.")));
        }
        (!query.is_empty()).then_some(query)
    }

    /// "What did I complete this week" concerns the completion, not the due date.
    fn move_to_completion(&mut self) {
        let filter = &mut self.listing.query.filters;
        if filter.status == Some(Status::Completed) {
            (filter.completed_after, filter.completed_before) = (filter.due_after.take(), filter.due_before.take());
            self.due = self.due.trim_start_matches("due ").to_owned();
        }
    }

    /// "open high-priority tasks tagged #home due today with “rent”".
    fn about(&self) -> String {
        let filter = &self.listing.query.filters;
        let mut words = Vec::new();
        match filter.status {
            Some(Status::Pending) if self.due == "overdue" => words.push("overdue".to_owned()),
            Some(Status::Pending) => words.push("open".to_owned()),
            Some(Status::Completed) => words.push("completed".to_owned()),
            None => {}
        }
        match filter.priority {
            Some(Priority::High) => words.push("high-priority".to_owned()),
            Some(Priority::Medium) => words.push("medium-priority".to_owned()),
            Some(Priority::Low) => words.push("low-priority".to_owned()),
            None => {}
        }
        words.push("tasks".to_owned());
        if !filter.tags.is_empty() {
            let link = if filter.tags_match == TagsMatch::Any { " or " } else { " and " };
            words.push(format!("tagged {}", filter.tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(link)));
        }
        if !self.due.is_empty() && self.due != "overdue" {
            words.push(self.due.clone());
        }
        if let Some(query) = &self.listing.query.query {
            words.push(format!("with \u{201c}{query}\u{201d}"));
        }
        words.join(" ")
    }
}

fn is_one_of(words: &str, word: &str) -> bool {
    words.split('|').any(|listed| listed == word)
}

fn shifted(date: Date, months: i32, days: i32) -> Option<Date> {
    date.checked_add(Span::new().try_months(months).ok()?.try_days(days).ok()?).ok()
}
