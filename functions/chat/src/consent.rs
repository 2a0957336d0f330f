//! What is deleted only after the user was asked: decided here, whatever a model says or was made to say.
//!
//! One task whose number the user's own message names is deleted at once. More than one, or one that the message does not name, is asked: the
//! question is kept in the conversation, and only the user's next message can say yes to it, by the question's id or in plain words. A model
//! has no part in that: it cannot send a message of the user.

use std::collections::BTreeSet;

/// Tasks that one question can be about.
pub(crate) const ASKED_MAX: usize = 100;

/// What is a yes and nothing else, in lower case and without punctuation.
const YES: &[&str] = &[
    "y",
    "yes",
    "yep",
    "yeah",
    "yup",
    "sure",
    "ok",
    "okay",
    "confirm",
    "confirmed",
    "do it",
    "go ahead",
    "please do",
    "yes please",
    "yes do it",
    "yes go ahead",
    "yes delete",
    "yes delete it",
    "yes delete them",
    "delete it",
    "delete them",
    "ja",
    "ja bitte",
    "jawohl",
    "oui",
    "sí",
    "si",
    "sì",
    "sim",
    "tak",
    "da",
    "да",
    "evet",
    "hai",
    "はい",
    "是",
    "是的",
    "好",
    "네",
    "نعم",
    "हाँ",
];

/// What the user's message of this turn allows.
pub(crate) struct Consent {
    named: BTreeSet<i64>,
    deleted: usize,
}

impl Consent {
    /// As this message allows.
    pub(crate) fn of(message: &str) -> Self {
        let numbers = message.split(|char: char| !char.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
        Self { named: numbers.collect(), deleted: 0 }
    }

    /// Whether these deletions, all that one reply asks for, may be done at once.
    pub(crate) fn allows(&self, tasks: &[i64]) -> bool {
        matches!(tasks, [task] if self.deleted == 0 && self.named.contains(task))
    }

    /// A deletion was done.
    pub(crate) fn note(&mut self) {
        self.deleted += 1;
    }
}

/// Whether a message is a yes and nothing else.
pub(crate) fn is_yes(message: &str) -> bool {
    let words: Vec<String> = message
        .split_whitespace()
        .map(|word| word.trim_matches(|char: char| !char.is_alphanumeric() && !is_mark(char)).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    YES.contains(&words.join(" ").as_str())
}

/// A mark that belongs to the letter before it, as in हाँ.
fn is_mark(char: char) -> bool {
    ('\u{0900}'..='\u{097F}').contains(&char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_that_the_message_names_is_deleted_at_once_and_only_one() {
        let mut consent = Consent::of("delete 12, not 3");
        assert!(consent.allows(&[12]));
        assert!(!consent.allows(&[7]), "nobody named it");
        assert!(!consent.allows(&[12, 3]), "more than one is asked");
        assert!(!consent.allows(&[]));
        consent.note();
        assert!(!consent.allows(&[3]), "one after the other is more than one, too");
        assert!(!Consent::of("delete the dentist").allows(&[1]));
        assert!(Consent::of("lösche #12!").allows(&[12]));
        assert!(!Consent::of("delete 99999999999999999999").allows(&[9]));
    }

    #[test]
    fn a_yes_is_a_yes_and_nothing_else() {
        for message in ["yes", "Yes!", " Yes, please. ", "OK", "do it", "Ja.", "Sí", "да", "はい", "हाँ"] {
            assert!(is_yes(message), "{message}");
        }
        for message in ["", "no", "yes but not 12", "yes, and complete 3", "is it ok?", "delete 12", "yesterday", "not ok", "…"] {
            assert!(!is_yes(message), "{message}");
        }
    }
}
