//! Decides which changes a model may make without confirmation. Code decides this, so a manipulated model cannot.
//!
//! In one turn a model may delete one task, whose number the user's message must name. It may change or complete one task that the message does not
//! name, and any that it does ([`language::naming`]). Anything more becomes a question in the conversation, which only the user's next message can
//! confirm, by the question's id or in plain words. A model cannot do that, because it cannot send a message as the user.

use std::collections::BTreeSet;

use language::Naming;

use crate::asking::Asking;

/// Maximum tasks created for one message.
pub(crate) const CREATED_MAX: usize = 50;

/// Words that confirm anything, in lower case and without punctuation, separated by bars.
const YES: &str = "y|yes|yep|yeah|yup|sure|ok|okay|confirm|confirmed|do it|go ahead|please do|yes please|yes do it|yes do|yes go ahead|yes all|\
    yes all of them|all of them|ja|ja bitte|jawohl|oui|sí|si|sì|sim|tak|da|да|evet|hai|はい|是|是的|好|네|نعم|हाँ";
/// Words that may surround the verb of a yes that repeats the question: "yes, delete them all, please".
const YES_AROUND: &str = "yes|ok|okay|sure|please|it|them|all|of|these|those|this|that|everything|both|tasks|task|the|as|a|now";

/// Consent of the user's message in this turn.
pub(crate) struct Consent {
    named: Naming,
    deleted: usize,
    /// Tasks created in this turn, which may be changed.
    created: BTreeSet<i64>,
    /// Tasks that were changed although not named.
    changed: BTreeSet<i64>,
}

impl Consent {
    /// Reads the consent of a message.
    pub(crate) fn of(message: &str) -> Self {
        Self { named: language::naming(message), deleted: 0, created: BTreeSet::new(), changed: BTreeSet::new() }
    }

    /// True if all tasks that one reply wants to delete may be deleted without confirmation.
    pub(crate) fn allows_deleting(&self, tasks: &BTreeSet<i64>) -> bool {
        self.deleted == 0 && tasks.len() == 1 && tasks.is_subset(&self.named.delete)
    }

    /// True if a reply that wants to change these tasks may change this one without confirmation.
    pub(crate) fn allows_changing(&self, task: i64, tasks: &BTreeSet<i64>) -> bool {
        let unnamed = tasks.iter().filter(|task| !self.is_named(**task)).chain(&self.changed).collect::<BTreeSet<_>>().len();
        self.is_named(task) || self.changed.contains(&task) || unnamed <= 1
    }

    fn is_named(&self, task: i64) -> bool {
        self.named.change.contains(&task) || self.created.contains(&task)
    }

    /// True if another task may be created.
    pub(crate) fn allows_creating(&self) -> bool {
        self.created.len() < CREATED_MAX
    }

    /// Records that this task was created.
    pub(crate) fn note_created(&mut self, task: i64) {
        self.created.insert(task);
    }

    /// Records that a task was deleted.
    pub(crate) fn note_deleted(&mut self) {
        self.deleted += 1;
    }

    /// Records that a task was changed, or may have been.
    pub(crate) fn note_changed(&mut self, task: i64) {
        if !self.is_named(task) {
            self.changed.insert(task);
        }
    }
}

/// True if a message confirms this question, and says nothing else.
pub(crate) fn is_yes(message: &str, asking: &Asking) -> bool {
    let words: Vec<String> = message
        .split_whitespace()
        .map(|word| word.trim_matches(|char: char| !char.is_alphanumeric() && !is_mark(char)).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let is_listed = |list: &str, text: &str| list.split('|').any(|listed| listed == text);
    let verbs = asking.calls.iter().map(|call| match call.tool.as_str() {
        "delete_task" => "delete|remove",
        "complete_task" => "complete|finish",
        "reopen_task" => "reopen",
        "restore_task" => "restore",
        "undo_change" => "undo",
        "skip_task" => "skip",
        "create_task" => "add|create",
        "cancel_reminder" => "cancel",
        _ => "change|update",
    });
    let verbs: BTreeSet<&str> = verbs.collect();
    let is_verb = |word: &String| verbs.iter().any(|verbs| is_listed(verbs, word));
    let repeats = || words.iter().any(is_verb) && words.iter().all(|word| is_verb(word) || is_listed(YES_AROUND, word));
    is_listed(YES, &words.join(" ")) || (!message.contains('?') && verbs.len() == 1 && repeats())
}

/// True for a mark that belongs to the letter before it, as in हाँ.
fn is_mark(char: char) -> bool {
    ('\u{0900}'..='\u{097F}').contains(&char)
}

#[cfg(test)]
mod tests {
    use domain::chat::Question;
    use serde_json::Map;

    use super::*;
    use crate::asking::Kept;

    fn set(tasks: &[i64]) -> BTreeSet<i64> {
        tasks.iter().copied().collect()
    }

    #[test]
    fn one_task_that_the_message_names_is_deleted_at_once_and_only_one() {
        let mut consent = Consent::of("delete 12, not 3");
        assert!(consent.allows_deleting(&set(&[12])));
        assert!(!consent.allows_deleting(&set(&[7])), "nobody named it");
        assert!(!consent.allows_deleting(&set(&[12, 3])), "more than one is asked");
        assert!(!consent.allows_deleting(&set(&[])));
        consent.note_deleted();
        assert!(!consent.allows_deleting(&set(&[12])), "one after the other is more than one, too");
        assert!(!Consent::of("delete the dentist").allows_deleting(&set(&[1])));
        assert!(!Consent::of("move the meeting to 3 pm").allows_deleting(&set(&[3])));
        assert!(!Consent::of("complete 3").allows_deleting(&set(&[3])), "named for something else");
        assert!(Consent::of("lösche #12!").allows_deleting(&set(&[12])));
    }

    #[test]
    fn one_task_is_changed_at_once_and_more_only_if_the_message_names_them() {
        let mut consent = Consent::of("complete 3 and 4, and tag what is about rent");
        assert!(consent.allows_changing(7, &set(&[7])), "one");
        assert!(!consent.allows_changing(7, &set(&[7, 8])), "two in one reply");
        assert!(consent.allows_changing(3, &set(&[3, 4, 7, 8])) && consent.allows_changing(4, &set(&[3, 4])), "named");
        consent.note_changed(3);
        consent.note_changed(7);
        assert!(consent.allows_changing(7, &set(&[7])), "the same again");
        assert!(!consent.allows_changing(8, &set(&[8])), "a second one, later");
        assert!(consent.allows_changing(4, &set(&[4])));
        consent.note_created(9);
        assert!(consent.allows_changing(9, &set(&[9])), "made in this turn");
    }

    fn asking(tools: &[&str]) -> Asking {
        let question = Question { id: "1".to_owned(), text: String::new(), tasks: Vec::new(), count: 1 };
        let calls = tools.iter().map(|tool| Kept { tool: (*tool).to_owned(), arguments: Map::new() }).collect();
        Asking { question, calls }
    }

    #[test]
    fn a_yes_is_a_yes_and_nothing_else() {
        let delete = asking(&["delete_task", "delete_task"]);
        for message in [
            "yes",
            "Yes!",
            " Yes, please. ",
            "OK",
            "do it",
            "Ja.",
            "Sí",
            "да",
            "はい",
            "हाँ",
            "delete them",
            "Yes, delete them all, please!",
            "all of them",
        ] {
            assert!(is_yes(message, &delete), "{message}");
        }
        for message in [
            "",
            "no",
            "yes but not 12",
            "yes, and complete 3",
            "is it ok?",
            "delete 12",
            "delete them?",
            "don't delete them",
            "complete them",
            "yesterday",
            "not ok",
            "…",
            "please",
            "all",
        ] {
            assert!(!is_yes(message, &delete), "{message}");
        }
        assert!(is_yes("complete them", &asking(&["complete_task"])) && is_yes("add it as a task", &asking(&["create_task"])));
        assert!(!is_yes("delete them", &asking(&["complete_task"])), "a yes to another question");
        assert!(!is_yes("delete them", &asking(&["delete_task", "complete_task"])), "half of the question");
    }
}
