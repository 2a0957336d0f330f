//! Tags, priorities and reminders: "#home", "!high", "urgent", "remind me 1 hour before".

use domain::offset::{MAX_AMOUNT, OffsetUnit, ReminderOffset};
use domain::task::{Priority, TAG_MAX, TAGS_MAX};

use crate::grammar::{Context, DayPart, Meaning, Phrase, Scene, View};
use crate::numbers::{Length, length};
use crate::phrases::phrases;
use crate::words::{Word, WordKind, words};
use crate::{SENTENCE_MAX, calendar};

/// Returns the phrase that begins at `at`, if it is a tag, a priority or a reminder.
pub(crate) fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    tag(view, at).or_else(|| priority(view, at)).or_else(|| reminder(view, at))
}

/// Returns a tag's name: "#home" without the sign. "#1" is a number, not a tag.
pub(crate) fn tag_name(word: &str) -> Option<&str> {
    let name = word.strip_prefix('#')?;
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | '&' | '+' | '\'');
    let begins = name.starts_with(|c: char| c.is_alphanumeric());
    (begins && name.chars().any(char::is_alphabetic) && name.chars().all(is_inner)).then_some(name)
}

/// Returns the tag after a "#", and where it ends: "#home", `#"home office"`, and "#home office" if that tag exists.
pub(crate) fn tag_at(words: &[Word], at: usize, existing: &[String]) -> Option<(String, usize)> {
    let word = words.get(at)?;
    if let Some(name) = words.get(at + 1).filter(|next| word.is("#") && next.range.start == word.range.end).and_then(quoted_name) {
        return Some((name, at + 2));
    }
    let name = tag_name(word.plain()?)?;
    let spaced = |tag: &&String| {
        let mut rest = tag.split_whitespace().enumerate();
        let is_first = rest.next().is_some_and(|(_, first)| first == name);
        is_first && rest.clone().next().is_some() && rest.all(|(place, more)| words.get(at + place).and_then(Word::plain) == Some(more))
    };
    let longest = existing.iter().filter(spaced).max_by_key(|tag| tag.len());
    Some(longest.map_or_else(|| (name.to_owned(), at + 1), |tag| (tag.clone(), at + tag.split_whitespace().count())))
}

/// True if a "#" in a sentence may begin a tag of several words: "#home office", but not "#home tomorrow".
///
/// The existing tags ([`Scene::with_tags`]) then decide how it is read.
#[must_use]
pub fn spells_tags(sentence: &str, scene: &Scene) -> bool {
    let words = words(sentence);
    let is_word = |word: &Word| word.plain().is_some_and(|word| word.starts_with(char::is_alphabetic));
    let tags: Vec<usize> = (0..words.len()).filter(|at| words[*at].plain().and_then(tag_name).is_some()).collect();
    let is_led = |at: &usize| words.get(at + 1).is_some_and(is_word);
    if sentence.chars().nth(SENTENCE_MAX).is_some() || !tags.iter().any(is_led) {
        return false;
    }
    let (context, words) = (Context::new(scene), &words);
    let known = phrases(words, &context);
    let is_free = |at: &usize| View { words, known: &known, context: &context }.is_free(at + 1);
    tags.iter().any(|at| is_led(at) && !is_free(at))
}

/// Returns quoted text as a tag.
fn quoted_name(word: &Word) -> Option<String> {
    let mut characters = word.lower.chars();
    let is_quoted = word.kind == WordKind::Quoted && characters.next().is_some() && characters.next_back().is_some();
    is_quoted.then(|| characters.as_str().trim().to_owned()).filter(|name| !name.is_empty())
}

fn tag(view: View<'_>, at: usize) -> Option<Phrase> {
    let is_led = view.is(at, "with") && view.is_any(at + 1, &["tag", "tags"]);
    let start = if is_led { at + 2 } else { at };
    let Some((name, end)) = tag_at(view.words, start, &view.context.tags) else { return named_tags(view, at) };
    if name.chars().count() > TAG_MAX {
        let beginning: String = name.chars().take(12).collect();
        let note = format!("A tag has at most {TAG_MAX} characters: #{beginning}\u{2026} stays in the title.");
        return Some(Phrase::new(end, Meaning::Impossible).with_note(Some(note)));
    }
    Some(Phrase::new(end, Meaning::Tags(vec![name])))
}

/// "tagged home and garden", "with the tags home, work", ", tag home": the words up to the first that does not stand free.
fn named_tags(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = match view.word(at) {
        "tagged" | "labelled" | "labeled" => view.skip(at + 1, &["with", "as"]),
        "with" => {
            let noun = view.skip(at + 1, &["the"]);
            if view.is_any(noun, &["tag", "tags"]) { noun + 1 } else { return None }
        }
        "tag" | "tags" if at > 0 && view.words[at - 1].kind == WordKind::Mark => at + 1,
        _ => return None,
    };
    let mut names: Vec<String> = Vec::new();
    let (mut next, mut end) = (view.skip(start, &[":"]), at);
    while names.len() < TAGS_MAX {
        let quoted = view.words.get(next).and_then(quoted_name);
        let name = quoted.as_deref().unwrap_or_else(|| view.word(next).trim_start_matches('#'));
        let is_name = !name.is_empty()
            && name.chars().count() <= TAG_MAX
            && view.known(next).is_none_or(|phrase| matches!(phrase.meaning, Meaning::Tags(_)));
        if !is_name || !view.is_free(next + 1) || view.is_any(next, &["and", "the", "on", "at", "by", "for"]) {
            break;
        }
        names.push(name.to_owned());
        end = next + 1;
        next = view.skip(view.skip(end, &[","]), &["and", "&"]);
        if next == end {
            break;
        }
    }
    (!names.is_empty()).then(|| Phrase::new(end, Meaning::Tags(names)))
}

/// "high", "low", "medium".
pub(crate) fn level(word: &str) -> Option<Priority> {
    match word {
        "high" | "highest" | "top" | "urgent" | "important" | "critical" => Some(Priority::High),
        "medium" | "normal" | "middle" | "default" => Some(Priority::Medium),
        "low" | "lowest" | "unimportant" | "minor" => Some(Priority::Low),
        _ => None,
    }
}

fn priority(view: View<'_>, at: usize) -> Option<Phrase> {
    let found = |end, level| Some(Phrase::new(end, Meaning::Priority(level)));
    let word = view.word(at);
    if let Some(sign) = word.strip_prefix('!') {
        let level = match sign {
            "1" | "!" | "!!" | "h" | "hi" => Some(Priority::High),
            "2" | "m" | "med" => Some(Priority::Medium),
            "3" | "l" | "lo" => Some(Priority::Low),
            sign => level(sign),
        };
        return found(at + 1, level?);
    }
    let start = view.skip(at, &["with"]);
    let start = if start > at { view.skip(start, &["a"]) } else { start };
    let first = view.word(start);
    if let (Some(level), true) = (level(first), view.is_any(start + 1, &["priority", "prio"])) {
        let is_led = start > at;
        return if is_led || view.is_free(start + 2) { found(start + 2, level) } else { None };
    }
    if matches!(first, "priority" | "prio") {
        let value = if view.is_any(start + 1, &[":", "is"]) { start + 2 } else { start + 1 };
        let level = level(view.word(value)).filter(|_| view.is_free(value + 1))?;
        return found(value + 1, level);
    }
    let is_open = |word: &str| word.is_empty() || at == 0;
    match word {
        "urgent" | "urgently" | "asap" => {
            // "urgent: call the bank", "call the bank, urgent"; never "urgent care".
            let stands_out = view.is_end(at + 1)
                || view.known(at + 1).is_some()
                || (view.is_any(at + 1, &[":", ",", "-", "!"]) && is_open(view.before(at)));
            let is_noun = view.is_any(at.wrapping_sub(1), &["the", "an", "is", "not"]);
            if stands_out && !is_noun { found(at + 1, Priority::High) } else { None }
        }
        "p1" | "p2" | "p3" | "p4" if view.is_end(at + 1) || view.known(at + 1).is_some() => {
            let level = [Priority::High, Priority::Medium, Priority::Low, Priority::Low];
            found(at + 1, *level.get(usize::from(word.as_bytes()[1] - b'1'))?)
        }
        _ => None,
    }
}

/// Returns the equivalent offset, if the length has one unit and a valid amount.
pub(crate) fn offset(length: Length) -> Option<ReminderOffset> {
    if length.months != 0 || (length.days != 0 && length.minutes != 0) {
        return None;
    }
    let (amount, units) = if length.days != 0 {
        (length.days, [(7, OffsetUnit::Week), (1, OffsetUnit::Day)])
    } else {
        (length.minutes, [(60, OffsetUnit::Hour), (1, OffsetUnit::Minute)])
    };
    units
        .into_iter()
        .filter(|(size, _)| amount % size == 0 && (amount != 0 || *size == 1))
        .find_map(|(size, unit)| u16::try_from(amount / size).ok().filter(|amount| *amount <= MAX_AMOUNT).map(|amount| (amount, unit)))
        .and_then(|(amount, unit)| ReminderOffset::new(amount, unit).ok())
}

/// Returns the offset of a reminder at the due time.
pub(crate) fn at_due_time() -> Option<ReminderOffset> {
    ReminderOffset::new(0, OffsetUnit::Minute).ok()
}

const NO_OFFSET: &str = "A reminder needs a number of minutes, hours, days or weeks before the due date: this one stays in the title.";

/// "remind me 1 hour before", "with a reminder 15 min before", "30 minutes before", "remind me the day before".
fn reminder(view: View<'_>, at: usize) -> Option<Phrase> {
    let (lead, start) = reminder_lead(view, at);
    let is_led = lead > at;
    // "remind me" may have been skipped, because it is the sentence's intent.
    let is_led = is_led || view.before(at) == "me" && view.is_any(at.wrapping_sub(2), &["remind", "alert", "notify", "ping"]);
    if is_led && view.is_any(start, &["the", "one", "a"]) && view.is_phrase(start + 1, &["day", "before"]) {
        return Some(Phrase::new(before_end(view, start + 3), Meaning::Reminder(ReminderOffset::new(1, OffsetUnit::Day).ok()?)));
    }
    if let Some(end) = no_reminder(view, at) {
        return Some(Phrase::new(end, Meaning::NoReminder));
    }
    if let Some(end) = before_it(view, start).filter(|end| view.is_free(*end) && (calendar::ends_date(view, at) || ends_time(view, at))) {
        let unit = if view.is(start + 1, "week") { OffsetUnit::Week } else { OffsetUnit::Day };
        return Some(Phrase::new(end, Meaning::Reminder(ReminderOffset::new(1, unit).ok()?)));
    }
    let when_due = [&["when", "it", "is", "due"][..], &["when", "it's", "due"], &["when", "due"], &["when", "it", "starts"]];
    if let Some(words) = when_due.iter().find(|words| is_led && view.is_phrase(start, words)) {
        return Some(Phrase::new(start + words.len(), Meaning::Reminder(at_due_time()?)));
    }
    if lead > at
        && view.is_any(start, &["twice", "thrice", "after", "afterwards", "later", "again", "when", "if", "until", "unless", "often"])
    {
        return Some(Phrase::new(start + 1, Meaning::Impossible).with_note(Some(NO_OFFSET.to_owned())));
    }
    if is_led && view.is_any(start, &["then", "on"]) && (view.is(start, "then") || view.is(start + 1, "time")) {
        let end = if view.is(start, "then") { start + 1 } else { start + 2 };
        return Some(Phrase::new(end, Meaning::Reminder(at_due_time()?)));
    }
    if let Some((length, end)) = length(view.words, start) {
        if is_led && view.is_any(end, &["after", "afterwards", "later"]) {
            return Some(Phrase::new(end + 1, Meaning::Impossible).with_note(Some(NO_OFFSET.to_owned())));
        }
        let is_before = view.is_any(end, &["before", "beforehand", "ahead", "early", "earlier", "prior", "in"]) && !view.is(end, "in");
        let is_advance = view.is_phrase(end, &["in", "advance"]);
        let end = if is_advance {
            end + 2
        } else if is_before {
            before_end(view, end + 1)
        } else if is_led && view.is_any(start.wrapping_sub(1), &["reminder", ":"]) && view.is_free(end) {
            end
        } else {
            return None;
        };
        // "in 3 days before …" is not a reminder.
        if !is_led && (!view.is_free(end) || view.is_any(start.wrapping_sub(1), &["in", "within"])) {
            return None;
        }
        return Some(match offset(length) {
            Some(offset) => Phrase::new(end, Meaning::Reminder(offset)),
            None => Phrase::new(end, Meaning::Impossible).with_note(Some(NO_OFFSET.to_owned())),
        });
    }
    if is_led && view.is(start, "the") && DayPart::named(view.word(start + 1)).is_some() && view.is(start + 2, "before") {
        return Some(Phrase::new(start + 3, Meaning::Impossible).with_note(Some(NO_OFFSET.to_owned())));
    }
    let is_timed = view.known(lead).is_some_and(|next| next.meaning.says_when());
    let is_alone = is_led && (view.is_end(lead) || is_timed || view.known(lead).is_some() || view.words[lead].kind == WordKind::Mark);
    let is_order = view.is_any(at, &["remind", "and", "with", "alert", "notify", "ping"]);
    if is_alone && (is_order || is_timed) { Some(Phrase::new(lead, Meaning::Reminder(at_due_time()?))) } else { None }
}

/// Returns the position after "don't remind me", "no reminder", "without a reminder".
fn no_reminder(view: View<'_>, at: usize) -> Option<usize> {
    let start = view.skip(at, &["and", "but"]);
    let all = [
        &["don't", "remind", "me"][..],
        &["dont", "remind", "me"],
        &["do", "not", "remind", "me"],
        &["without", "a", "reminder"],
        &["without", "reminder"],
        &["without", "reminders"],
        &["no", "reminder"],
        &["no", "reminders"],
    ];
    all.iter().find(|words| view.is_phrase(start, words)).map(|words| start + words.len()).filter(|end| at > 0 && view.is_free(*end))
}

/// Returns the position after "the day before", "the week before".
fn before_it(view: View<'_>, at: usize) -> Option<usize> {
    let is_before = view.is(at, "the") && view.is_any(at + 1, &["day", "week"]) && view.is(at + 2, "before");
    is_before.then(|| before_end(view, at + 3))
}

/// True if a day or a time of day ends before this word.
fn ends_time(view: View<'_>, at: usize) -> bool {
    let word = view.before(at);
    let is_clock = word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(|c: char| c.is_ascii_digit() || c == 'm');
    calendar::is_day_word(word) || is_clock || matches!(word, "am" | "pm" | "noon" | "week" | "month")
}

/// Returns where "remind me", "and remind me", "with a reminder" or "reminder:" ends, without and with the words that follow it: "reminder at".
fn reminder_lead(view: View<'_>, at: usize) -> (usize, usize) {
    let start = view.skip(at, &["and", "with", "please"]);
    for words in [
        &["remind", "me", "about", "it"][..],
        &["remind", "me", "of", "it"],
        &["remind", "me"],
        &["alert", "me"],
        &["notify", "me"],
        &["ping", "me"],
        &["set", "a", "reminder"],
        &["a", "reminder"],
        &["reminder"],
        &["remind"],
    ] {
        if view.is_phrase(start, words) {
            let end = start + words.len();
            // "a reminder for 1 hour before", "reminder: 15 minutes".
            return (end, view.skip(view.skip(end, &[":", "-"]), &["for", "of", "at"]));
        }
    }
    (at, at)
}

/// "before it", "before it's due", "before the due date".
fn before_end(view: View<'_>, end: usize) -> usize {
    for words in [
        &["the", "due", "date"][..],
        &["the", "due", "time"],
        &["it", "is", "due"],
        &["it's", "due"],
        &["it", "starts"],
        &["the", "start"],
        &["of", "time"],
        &["it"],
    ] {
        if view.is_phrase(end, words) {
            return end + words.len();
        }
    }
    end
}
