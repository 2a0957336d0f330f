//! The phrases of a sentence: what stands at each word, found from right to left.
//!
//! Whether "1/2" is a date depends on what follows it, so that the words after a phrase are always read before it. Each word is
//! looked at once by each kind of phrase, so that the work grows with the length of the sentence and no faster.

use crate::grammar::{Context, Meaning, Phrase, View};
use crate::names::unless_named;
use crate::words::{Word, WordKind};
use crate::{calendar, clock, marks, recur, zones};

/// At each word, the phrase that begins there.
pub(crate) fn phrases(words: &[Word], context: &Context) -> Vec<Option<Phrase>> {
    let mut known: Vec<Option<Phrase>> = vec![None; words.len()];
    for at in (0..words.len()).rev() {
        let phrase = phrase(View { words, known: &known, context }, at);
        known[at] = phrase;
    }
    known
}

/// The longest phrase that begins at this word; of equally long ones the first kind.
fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    view.words.get(at).filter(|word| word.kind != WordKind::Quoted)?;
    let kinds = [marks::phrase, recur::phrase, calendar::phrase, clock::phrase, zones::phrase];
    let found = kinds.iter().filter_map(|kind| kind(view, at)).filter(|phrase| phrase.end > at);
    // What is a word to one kind may be a phrase of another.
    let is_better = |next: &Phrase, best: &Phrase| next.end > best.end || next.end == best.end && best.meaning == Meaning::Word;
    found.reduce(|best, next| if is_better(&next, &best) { next } else { best }).map(|phrase| unless_named(view, at, phrase))
}
