//! Qualifiers of dates: a phrase is read completely with them, or stays in the title with a note.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use language::{Draft, Scene, draft};

/// Phrases for dates, times and recurrences, of every kind.
const PHRASES: &[&str] = &[
    "tomorrow",
    "today",
    "friday",
    "on friday",
    "next friday",
    "this evening",
    "next week",
    "24 december",
    "on 24/12",
    "9-jan-2027",
    "2027-01-09",
    "the 15th",
    "on the 15th",
    "in 3 days",
    "in december",
    "the day after tomorrow",
    "end of the month",
    "at 9",
    "5pm",
    "noon",
    "at 17:00",
    "at 9am in tokyo",
    "every day",
    "daily",
    "every friday",
    "every monday and thursday",
    "on mondays",
    "weekdays",
    "every weekend",
    "every 2 weeks",
    "every 2 hours",
    "hourly",
    "every friday the 13th",
    "monthly",
    "every month",
    "every 15th",
    "the last friday of every month",
    "every january",
    "every year",
];

/// Phrases that begin with a day, a month or a unit, which can be counted.
const COUNTED: &[&str] = &["friday", "fridays", "monday", "weekdays", "24 december", "mondays and thursdays"];

/// Words that negate, widen or move the following phrase.
const BEFORE: &[&str] = &[
    "not",
    "never",
    "except",
    "excluding",
    "but",
    "but not",
    "without",
    "unless",
    "besides",
    "other than",
    "rather than",
    "no earlier than",
    "or",
    "nor",
    "neither",
    "since",
    "up to",
    "nearly",
    "earliest",
];
/// Words that count the following days.
const COUNTING: &[&str] =
    &["second", "third", "2nd", "last", "previous", "past", "other", "any", "some", "each", "both", "every second", "all", "few"];
/// Words that join two phrases.
const BETWEEN: &[&str] = &[
    "and",
    "or",
    "but not",
    "but",
    "except",
    "except on",
    "without",
    "not",
    "not on",
    "and not",
    "until",
    "from",
    "to",
    "through",
    "other than",
    "apart from",
    "excluding",
    ",",
    "and every",
    "or every",
    "unless",
    "only",
    "before",
    "after",
    "/",
    "plus",
    "instead of",
    "rather than",
    "but not before",
    "not after",
];
/// Words that move or widen the preceding phrase.
const AFTER: &[&str] = &["ago", "onwards", "or so", "or later", "or earlier", "hence", "or sooner", "or two", "after"];
/// Words that end or limit a recurrence and are unknown to the grammar.
const LIMITS: &[&str] = &[
    "except holidays",
    "until I retire",
    "until further notice",
    "unless it rains",
    "excluding school holidays",
    "if it rains",
    "during the holidays",
    "in summer",
    "for a while",
    "but not during vacations",
    "when I am home",
    "except when it snows",
    "without holidays",
    "other than bank holidays",
];

fn drafted(sentence: &str) -> Draft {
    let zone = "Europe/Berlin".parse().expect("a zone");
    draft(sentence, &Scene::new("2026-11-25T14:00:00Z".parse().expect("a time"), &zone))
}

/// True if these words were read completely, or stay in the title with a note. For a range of days or times, the first is used, with a
/// note.
fn is_whole(sentence: &str, words: &str) -> bool {
    let draft = drafted(sentence);
    let start = sentence.rfind(words).expect("the words are in the sentence");
    let is_letter = |at: usize| sentence[at..].starts_with(char::is_alphanumeric);
    let is_read = |at: usize| draft.parts.iter().any(|part| part.range.contains(&at));
    let read = (start..start + words.len()).filter(|at| sentence.is_char_boundary(*at) && is_letter(*at)).all(is_read);
    let is_first = draft.notes.iter().any(|note| note.text.starts_with("A task has one"));
    let title = draft.task.map(|task| task.title).unwrap_or_default();
    read || is_first || title.contains(words) && !draft.notes.is_empty()
}

#[test]
fn two_phrases_that_are_joined_are_read_together_or_not_at_all() {
    let pairs = PHRASES.iter().flat_map(|first| PHRASES.iter().map(move |second| (first, second)));
    let sentences = pairs.flat_map(|(first, second)| BETWEEN.iter().map(move |joint| format!("{first} {joint} {second}")));
    let rests = ["", " at 9", " #home", " !high", ""];
    let torn: Vec<String> = sentences
        .zip(rests.into_iter().cycle())
        .filter(|(words, rest)| !is_whole(&format!("call mum {words}{rest}"), words))
        .map(|(words, rest)| words + rest)
        .collect();
    assert!(torn.is_empty(), "{} are torn: {torn:#?}", torn.len());
}

#[test]
fn a_phrase_is_read_with_the_words_before_it_or_not_at_all() {
    let denied = BEFORE.iter().flat_map(|before| PHRASES.iter().map(move |phrase| format!("{before} {phrase}")));
    let counted = COUNTING.iter().flat_map(|before| COUNTED.iter().map(move |phrase| format!("{before} {phrase}")));
    let led = denied
        .chain(counted)
        .flat_map(|words| [format!("call mum {words}"), format!("call mum {words} #home"), format!("call mum on the {words}")]);
    let torn: Vec<String> = led
        .filter(|sentence| {
            !is_whole(sentence, sentence.trim_start_matches("call mum on the ").trim_start_matches("call mum ").trim_end_matches(" #home"))
        })
        .collect();
    assert!(torn.is_empty(), "{} are torn: {torn:#?}", torn.len());
}

#[test]
fn a_phrase_is_read_with_the_words_after_it_or_not_at_all() {
    let is_repeat =
        |phrase: &&&str| drafted(&format!("call mum {phrase}")).parts.iter().any(|part| part.kind == language::Kind::Recurrence);
    let moved = AFTER.iter().flat_map(|after| PHRASES.iter().map(move |phrase| format!("{phrase} {after}")));
    let limited = LIMITS.iter().flat_map(|limit| PHRASES.iter().filter(is_repeat).map(move |phrase| format!("{phrase} {limit}")));
    let torn: Vec<String> = moved.chain(limited).filter(|words| !is_whole(&format!("call mum {words}"), words)).collect();
    assert!(torn.is_empty(), "{} are torn: {torn:#?}", torn.len());
}
