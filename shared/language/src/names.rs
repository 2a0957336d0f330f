//! Names that contain a date: "Friday Night Lights", "Yesterday". Every word of such a name is capitalised.

use crate::calendar;
use crate::grammar::{Meaning, Phrase, View};
use crate::words::{Case, WordKind};

/// Words that precede the title of a work.
const BEFORE_WORKS: [&str; 16] = [
    "watch", "watching", "rewatch", "see", "read", "reread", "play", "stream", "hear", "sing", "called", "titled", "named", "about",
    "album", "film",
];

/// Returns the phrase, or a title word if it is part of a name.
pub(crate) fn unless_named(view: View<'_>, at: usize, phrase: Phrase) -> Phrase {
    if !phrase.meaning.says_when() || !is_name(view, at, phrase.end) {
        return phrase;
    }
    let words = view.words[at..phrase.end].iter().map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ");
    let note = format!("\u{201c}{words}\u{201d} is read as a name, because of its capitals: it stays in the title.");
    Phrase::new(phrase.end, Meaning::Name).with_note(Some(note))
}

fn is_name(view: View<'_>, at: usize, end: usize) -> bool {
    let is_capital = |at: usize| view.words.get(at).is_some_and(|word| word.kind == WordKind::Word && word.case == Case::Capital);
    if !(at..end).all(is_capital) {
        return false;
    }
    // "Friday Night Lights", but "Friday At 5".
    if is_capital(end) && !view.is_free(end) {
        return true;
    }
    // "listen to Yesterday", "watch Ruby Tuesday": a weekday or month alone is always capitalised, so it is no sign of a name.
    let run = (0..at).rev().take_while(|at| is_capital(*at)).count();
    let first = at - run;
    let is_work = |first: usize| {
        view.is_any(first.wrapping_sub(1), &BEFORE_WORKS)
            || view.before(first) == "to" && view.is_any(first.wrapping_sub(2), &["listen", "listening"])
    };
    let is_day = calendar::weekday(view.word(at)).is_some() || calendar::month(view.word(at)).is_some();
    // The verb may begin the sentence and be capitalised.
    let begins = (first..at).find(|place| is_work(place + 1)).map_or(first, |place| place + 1);
    let is_lone_day = is_day && begins == at && end == at + 1;
    let is_inner =
        at > 0 && !is_day && view.words[at - 1].kind == WordKind::Word && !view.is_free(end) && view.words[at - 1].case == Case::Other;
    is_work(begins) && !is_lone_day || is_inner
}
