//! Finds the phrases of a sentence, from right to left.
//!
//! Whether "1/2" is a date depends on the next word, so later words are read first. Each kind of phrase reads each word once, so the work is linear
//! in the length of the sentence.

use crate::grammar::{Context, Meaning, Phrase, View};
use crate::names::unless_named;
use crate::words::{Word, WordKind};
use crate::{calendar, clock, marks, recur, zones};

/// Returns, for each word, the phrase that begins there.
pub(crate) fn phrases(words: &[Word], context: &Context) -> Vec<Option<Phrase>> {
    let mut known: Vec<Option<Phrase>> = vec![None; words.len()];
    for at in (0..words.len()).rev() {
        let phrase = phrase(View { words, known: &known, context }, at);
        known[at] = phrase;
    }
    known
}

/// Returns the longest phrase that begins at this word; if two are equally long, that of the first kind.
fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    view.words.get(at).filter(|word| word.kind != WordKind::Quoted)?;
    let kinds = [marks::phrase, recur::phrase, calendar::phrase, clock::phrase, zones::phrase];
    let found = kinds.iter().filter_map(|kind| kind(view, at)).filter(|phrase| phrase.end > at);
    // If one kind reads a title word and another a phrase, the phrase wins.
    let is_better = |next: &Phrase, best: &Phrase| next.end > best.end || next.end == best.end && best.meaning == Meaning::Word;
    found.reduce(|best, next| if is_better(&next, &best) { next } else { best }).map(|phrase| unless_named(view, at, phrase))
}
