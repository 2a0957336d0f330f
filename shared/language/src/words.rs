//! Splits a sentence into words with their positions.

use std::ops::Range;

/// A word, a punctuation mark, or quoted text.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    /// Lower case, with straight apostrophes.
    pub(crate) lower: String,
    /// Byte range in the sentence.
    pub(crate) range: Range<usize>,
    pub(crate) kind: WordKind,
    pub(crate) case: Case,
}

/// The capitalisation of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// "Friday".
    Capital,
    /// "EST", and "I".
    Upper,
    /// "friday", "9am", and words without letters.
    Other,
}

impl Case {
    fn of(text: &str) -> Self {
        let mut letters = text.chars().filter(|c| c.is_alphabetic());
        match (letters.next(), letters.next()) {
            (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() && text.starts_with(first) => Self::Capital,
            (Some(first), _) if first.is_uppercase() && letters.all(char::is_uppercase) => Self::Upper,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WordKind {
    Word,
    /// Punctuation at the edge of a word, or by itself.
    Mark,
    /// Quoted text, with its quotation marks.
    Quoted,
}

impl Word {
    fn new(sentence: &str, range: Range<usize>, kind: WordKind) -> Self {
        let text = &sentence[range.clone()];
        Self { lower: text.to_lowercase().replace(['\u{2019}', '\u{2018}'], "'"), case: Case::of(text), range, kind }
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind != WordKind::Quoted && self.lower == word
    }

    pub(crate) fn is_any(&self, words: &[&str]) -> bool {
        self.kind != WordKind::Quoted && words.contains(&self.lower.as_str())
    }

    /// Returns the word, unless it is quoted.
    pub(crate) fn plain(&self) -> Option<&str> {
        (self.kind == WordKind::Word).then_some(self.lower.as_str())
    }
}

/// Returns the position after the first of these phrases, separated by bars, at `at`.
pub(crate) fn after(words: &[Word], at: usize, phrases: &str) -> Option<usize> {
    phrases.split('|').find_map(|phrase| {
        let mut end = at;
        for word in phrase.split(' ') {
            words.get(end).filter(|found| found.is(word))?;
            end += 1;
        }
        Some(end)
    })
}

/// Returns the position after one of these words, separated by bars, at `at`; else `at`.
pub(crate) fn skip(words: &[Word], at: usize, listed: &str) -> usize {
    words.get(at).filter(|found| listed.split('|').any(|word| found.is(word))).map_or(at, |_| at + 1)
}

const OPENING: &[char] = &['(', '[', '{', ',', ';', ':', '.', '?', '\u{2026}', '\'', '`', '*'];
const CLOSING: &[char] = &['.', ',', ';', ':', '!', '?', ')', ']', '}', '\u{2026}', '\'', '`', '*'];

/// The words of a sentence, in order.
pub(crate) fn words(sentence: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(next) = sentence[at..].chars().next() {
        if next.is_whitespace() {
            at += next.len_utf8();
        } else if let Some(end) = quoted(sentence, at) {
            words.push(Word::new(sentence, at..end, WordKind::Quoted));
            at = end;
        } else {
            let end = chunk_end(sentence, at);
            split(sentence, at..end, &mut words);
            at = end;
        }
    }
    words
}

/// Returns where the quotation that begins here ends; `None` if there is none.
fn quoted(sentence: &str, at: usize) -> Option<usize> {
    let opening = sentence[at..].chars().next()?;
    let closing = closing_quote(opening)?;
    let inside = at + opening.len_utf8();
    let length = sentence[inside..].find(closing)?;
    let is_blank = sentence[inside..inside + length].trim().is_empty();
    (!is_blank).then(|| inside + length + closing.len_utf8())
}

fn closing_quote(opening: char) -> Option<char> {
    match opening {
        '"' => Some('"'),
        '\u{201c}' | '\u{201e}' => Some('\u{201d}'),
        '\u{ab}' => Some('\u{bb}'),
        _ => None,
    }
}

/// Returns the end of a chunk: the next space, or the next quotation.
fn chunk_end(sentence: &str, at: usize) -> usize {
    let ends = |(index, character): (usize, char)| {
        let is_quotation = index > 0 && quoted(sentence, at + index).is_some();
        (character.is_whitespace() || is_quotation).then_some(at + index)
    };
    sentence[at..].char_indices().find_map(ends).unwrap_or(sentence.len())
}

/// Splits a chunk without spaces into a word and the punctuation at its edges.
fn split(sentence: &str, chunk: Range<usize>, words: &mut Vec<Word>) {
    let mut range = chunk.clone();
    while let Some(mark) = sentence[range.clone()].chars().next().filter(|c| opens(*c, &sentence[range.clone()])) {
        let end = range.start + mark.len_utf8();
        words.push(Word::new(sentence, range.start..end, WordKind::Mark));
        range.start = end;
    }
    let mut marks = Vec::new();
    while let Some(mark) = sentence[range.clone()].chars().next_back().filter(|c| closes(*c, &sentence[range.clone()])) {
        let start = range.end - mark.len_utf8();
        marks.push(Word::new(sentence, start..range.end, WordKind::Mark));
        range.end = start;
    }
    if let Some(key) = key_end(&sentence[range.clone()]).map(|length| range.start + length) {
        words.push(Word::new(sentence, range.start..key, WordKind::Word));
        words.push(Word::new(sentence, key..key + 1, WordKind::Mark));
        split(sentence, key + 1..range.end, words);
        range = range.end..range.end;
    }
    // "friday@17:00".
    if let Some((day, time)) = sentence[range.clone()].split_once('@')
        && AT_WORDS.iter().any(|word| word.eq_ignore_ascii_case(day))
        && time.starts_with(|c: char| c.is_ascii_digit())
    {
        words.push(Word::new(sentence, range.start..range.start + day.len(), WordKind::Word));
        range.start += day.len();
        return split(sentence, range.start..chunk.end, words);
    }
    if let Some(offset) = offset_start(&sentence[range.clone()]).map(|length| range.start + length) {
        words.push(Word::new(sentence, range.start..offset, WordKind::Word));
        range.start = offset;
    }
    if !range.is_empty() {
        let is_mark = sentence[range.clone()].chars().all(|c| matches!(c, '-' | '\u{2013}' | '\u{2014}' | '&' | '/' | '|'));
        let kind = if is_mark { WordKind::Mark } else { WordKind::Word };
        words.push(Word::new(sentence, range, kind));
    }
    words.extend(marks.into_iter().rev());
}

/// Keys that lead to a date, a time or how often: "due:tomorrow".
const KEYS: [&str; 14] =
    ["due", "deadline", "date", "when", "on", "by", "at", "time", "start", "starting", "until", "every", "remind", "repeat"];

/// Returns the length of the key of "due:tomorrow".
fn key_end(chunk: &str) -> Option<usize> {
    let (key, value) = chunk.split_once(':')?;
    let is_key = KEYS.iter().any(|known| known.eq_ignore_ascii_case(key));
    (is_key && value.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '+' | '@'))).then_some(key.len())
}

/// Returns where the offset of "17:00+02:00" or "17:00Z" begins, so that it becomes a separate word. A full date keeps its offset.
fn offset_start(chunk: &str) -> Option<usize> {
    let at = chunk.find(['+', 'Z', 'z'])?;
    let (time, offset) = chunk.split_at(at);
    let is_time = time.contains(':') && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
        || time.ends_with(['m', 'M']) && time.starts_with(|c: char| c.is_ascii_digit());
    let is_offset = offset.len() == 1 && !offset.starts_with('+')
        || offset.len() > 1 && offset[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    (is_time && is_offset).then_some(at)
}

/// Days and times that an "@" leads to.
const AT_WORDS: [&str; 25] = [
    "today",
    "tomorrow",
    "tmrw",
    "tonight",
    "noon",
    "midday",
    "midnight",
    "eod",
    "monday",
    "mon",
    "tuesday",
    "tue",
    "tues",
    "wednesday",
    "wed",
    "thursday",
    "thu",
    "thurs",
    "friday",
    "fri",
    "saturday",
    "sat",
    "sunday",
    "sun",
    "weekend",
];

/// "@7pm" is "@" and "7pm", "@friday" is "@" and "friday"; "@anna" is one word.
fn opens(mark: char, chunk: &str) -> bool {
    let is_when =
        |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit()) || AT_WORDS.iter().any(|word| word.eq_ignore_ascii_case(rest));
    let is_at_time = mark == '@' && is_when(chunk[1..].trim_end_matches(CLOSING));
    is_at_time || OPENING.contains(&mark) || mark == '/' && is_lone_slash(chunk)
}

/// "24.12." and "p.m." keep their full stop.
fn closes(mark: char, chunk: &str) -> bool {
    let is_part = mark == '.' && (chunk.ends_with(".m.") || is_dotted_date(chunk));
    !is_part && CLOSING.contains(&mark) || mark == '/' && is_lone_slash(chunk)
}

/// True for the slash of "Friday/ Saturday", but not of a path or an address.
fn is_lone_slash(chunk: &str) -> bool {
    chunk.len() > 1 && chunk.matches('/').count() == 1
}

/// "24.12.": a day and a month, each with its full stop.
pub(crate) fn is_dotted_date(text: &str) -> bool {
    let mut fields = text.split('.');
    let is_number =
        |field: Option<&str>| field.is_some_and(|field| (1..=2).contains(&field.len()) && field.bytes().all(|b| b.is_ascii_digit()));
    is_number(fields.next()) && is_number(fields.next()) && fields.next() == Some("") && fields.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_up(sentence: &str) -> Vec<&str> {
        words(sentence).into_iter().map(|word| &sentence[word.range]).collect()
    }

    #[test]
    fn punctuation_is_separate_unless_it_belongs_to_a_word() {
        assert_eq!(split_up("Call mum, tomorrow!"), ["Call", "mum", ",", "tomorrow", "!"]);
        assert_eq!(split_up("on 24.12. at 5 p.m. (#home)"), ["on", "24.12.", "at", "5", "p.m.", "(", "#home", ")"]);
        assert_eq!(split_up("gym @7pm with @anna"), ["gym", "@", "7pm", "with", "@anna"]);
        assert_eq!(split_up("gym @Friday, due:tomorrow"), ["gym", "@", "Friday", ",", "due", ":", "tomorrow"]);
        assert_eq!(split_up("at 17:00+02:00 or 5:30pm+2, 17:00Z"), ["at", "17:00", "+02:00", "or", "5:30pm", "+2", ",", "17:00", "Z"]);
        assert_eq!(split_up("2026-12-24T18:00Z http://a.b note:x at:"), ["2026-12-24T18:00Z", "http://a.b", "note:x", "at", ":"]);
        assert_eq!(split_up("mon/ tue /wed 24/12 http://a.b/ /a/"), ["mon", "/", "tue", "/", "wed", "24/12", "http://a.b/", "/a/"]);
    }

    #[test]
    fn a_quotation_is_one_word_and_an_open_one_is_not() {
        assert_eq!(split_up("add \"a b\" now"), ["add", "\"a b\"", "now"]);
        assert_eq!(split_up("5\" pipe"), ["5\"", "pipe"]);
        assert_eq!(split_up("„x y” z“"), ["„x y”", "z“"]);
    }
}
