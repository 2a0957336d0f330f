//! The tasks that a message names by number, which a model may change without confirmation.
//!
//! A model reads messages of any kind and language, and text in a task may manipulate it. Therefore, only numbers that cannot mean anything
//! else count: `#12`, or a number beside a verb at the beginning of an order ("delete 12", "complete 3 and 4"). A time, date, amount or
//! place ("move the meeting to 3 pm", "the last 3 tasks", "room 3") names no task, and neither does a negation, an exception or a question.

use std::collections::BTreeSet;

use crate::read::{after_politeness, is_free, is_question, number};
use crate::words::{Word, WordKind, after, skip, words};

/// Tasks by the change that a message requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// To be deleted.
    pub delete: BTreeSet<i64>,
    /// To be changed or completed.
    pub change: BTreeSet<i64>,
}

/// Verbs of deletion; among verbs with a common beginning, the longest first.
const DELETES: &str = "delete|remove|erase|trash|discard|drop|purge|clear|clean up|get rid of|throw away|deleted|removed|deleting|removing";
/// Verbs of orders to change or complete.
const CHANGES: &str = "complete|completed|finish|finished with|finished|close out|close|check off|check|tick off|tick|cross off|resolve|done with|\
    done|mark|set|flag|reopen|re-open|uncomplete|uncheck|untick|undo|restore|move|reschedule|postpone|delay|push back|push|defer|snooze|shift|\
    bring forward|bring|advance|update|change|edit|make|rename|retitle|describe|tag|untag|label|unlabel|prioritize|prioritise|deprioritize|\
    deprioritise|give|repeat|schedule|remind me of|remind me about|i finished|i've finished|i have finished|i completed|i've completed|\
    i have completed|i did|i've done|i have done|i'm done with|i am done with";
/// Words that ask or add: their tasks stay unchanged.
const LOOKS: &str =
    "show|list|find|search|open|view|see|get|read|what|what's|when|where|which|who|why|how|tell|explain|is|are|add|create|new";
/// Words that may follow the numbers of changed tasks, besides the common ones: "move 3 to Friday".
const CHANGED: &str = "to|by|with|as|for|until|till|back|forward|up|is|are|due|high|low|medium|urgent|weekly|daily|monthly|yearly|every";
/// Nouns between a verb and numbers: "delete the tasks no. 3 and 5".
const NOUNS: &str = "task|tasks|todo|todos|to-do|to-dos|item|items|number|numbers|no|nr|id|ids";
/// Words that negate or except what follows.
const DENIALS: &str = "not|never|no|nor|neither|don't|dont|doesn't|isn't|shouldn't|can't|won't|without|except|excepting|excluding|but|besides|unless|\
    instead|rather|than|keep|leave|save|ignore|nicht|nie|kein|keine|außer|ausser|ohne|behalte|pas|jamais|sauf|sans|nunca|excepto|salvo|sin|non|\
    mai|tranne|não|exceto|nie|oprócz|не|кроме";
/// Maximum orders per sentence.
const ORDERS_MAX: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Delete,
    Change,
    Look,
}

/// Returns the tasks that a message names by number.
#[must_use]
pub fn naming(message: &str) -> Naming {
    let mut naming = Naming::default();
    for line in message.lines() {
        let words = words(line);
        let mut rest = words.as_slice();
        while !rest.is_empty() {
            let end = sentence_end(rest);
            let (sentence, after) = rest.split_at(end);
            rest = after;
            let start = after_politeness(sentence, 0, sentence.len());
            // "Can you delete 3?" is an order, "can you tell whether to delete #3?" is not.
            let is_order =
                !sentence.last().is_some_and(|word| word.is("?")) || verb_at(sentence, start).is_some_and(|(deed, _)| deed != Deed::Look);
            if is_order && !is_question(sentence, start) {
                naming.by_verb(sentence);
                naming.by_sign(sentence);
            }
        }
    }
    naming
}

/// Returns where the first sentence ends, punctuation included. The full stop of "no. 3" does not end it.
fn sentence_end(words: &[Word]) -> usize {
    let ends = |at: &usize| {
        let is_mark = words[*at].kind == WordKind::Mark && words[*at].is_any(&[".", "!", "?", ";", "\u{2026}"]);
        let is_short = *at > 0 && words[*at].is(".") && words[*at - 1].is_any(&["no", "nr"]) && id_at(words, *at + 1).is_some();
        is_mark && !is_short
    };
    (0..words.len()).find(ends).map_or(words.len(), |last| last + 1)
}

/// Returns the number of a task: "12", "#12".
fn id_at(words: &[Word], at: usize) -> Option<i64> {
    let word = words.get(at)?.plain()?;
    number(word.strip_prefix('#').unwrap_or(word))
}

fn verb_at(words: &[Word], at: usize) -> Option<(Deed, usize)> {
    let lists = [(Deed::Delete, DELETES), (Deed::Change, CHANGES), (Deed::Look, LOOKS)];
    lists.into_iter().find_map(|(deed, verbs)| Some((deed, after(words, at, verbs)?)))
}

/// "the tasks 3, 4 and 5": returns the numbers and where they end; `None` if one of them counts something else.
fn numbers(words: &[Word], at: usize, deed: Deed) -> Option<(Vec<i64>, usize)> {
    let article = skip(words, at, "the|my|:");
    let mut next = noun(words, article);
    if next == article {
        next = skip(words, at, ":");
    }
    let mut ids = Vec::new();
    let mut end = next;
    while let Some(id) = id_at(words, next) {
        ids.push(id);
        end = next + 1;
        let comma = skip(words, end, ",");
        next = noun(words, skip(words, comma, "and|&|plus"));
    }
    let is_free = is_free(words, end) || (deed == Deed::Change && skip(words, end, CHANGED) > end);
    (is_free && !ids.is_empty()).then_some((ids, end))
}

/// Returns the position after "task", "task no.", "number".
fn noun(words: &[Word], at: usize) -> usize {
    let end = skip(words, skip(words, at, NOUNS), "number|no|nr|id");
    if end > at { skip(words, end, ".|#|:") } else { at }
}

impl Naming {
    fn add(&mut self, deed: Deed, ids: impl IntoIterator<Item = i64>) {
        match deed {
            Deed::Delete => self.delete.extend(ids),
            Deed::Change => self.change.extend(ids),
            Deed::Look => {}
        }
    }

    /// "complete 3 and 4, then delete 5": orders from the beginning of the sentence, each with numbers only.
    fn by_verb(&mut self, words: &[Word]) {
        let mut at = after_politeness(words, 0, words.len());
        for _ in 0..ORDERS_MAX {
            let Some((deed, start)) = verb_at(words, at) else { return };
            let Some((ids, end)) = numbers(words, start, deed) else { return };
            self.add(deed, ids);
            at = after_politeness(words, skip(words, end, ",|:"), words.len());
            if at == end {
                return;
            }
        }
    }

    /// `#12`, for the verb before or after it; in another language for any change.
    fn by_sign(&mut self, words: &[Word]) {
        let verbs: Vec<(usize, Deed)> = (0..words.len()).filter_map(|at| Some((at, verb_at(words, at)?.0))).collect();
        let denial = (0..words.len()).find(|at| skip(words, *at, DENIALS) > *at);
        for at in 0..words.len() {
            if !words[at].lower.starts_with('#') {
                continue;
            }
            let Some(id) = id_at(words, at) else { continue };
            let before = verbs.iter().rfind(|(verb, _)| *verb < at);
            let deed = before.or_else(|| verbs.iter().find(|(_, deed)| *deed != Deed::Look)).map(|(_, deed)| *deed);
            let is_denied = denial.is_some_and(|denial| denial < at || deed.is_none());
            match deed {
                _ if is_denied => {}
                Some(deed) => self.add(deed, [id]),
                None => [Deed::Delete, Deed::Change].into_iter().for_each(|deed| self.add(deed, [id])),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(set: &BTreeSet<i64>) -> Vec<i64> {
        set.iter().copied().collect()
    }

    #[test]
    fn a_number_beside_a_verb_names_a_task() {
        for (message, delete, change) in [
            ("delete 3", &[3][..], &[][..]),
            ("Delete 3!", &[3], &[]),
            ("please delete task 3.", &[3], &[]),
            ("could you please delete the task 3?", &[3], &[]),
            ("remove tasks 3 and 5", &[3, 5], &[]),
            ("delete 3, 4 and 5", &[3, 4, 5], &[]),
            ("delete 3, 4, and task 5 please", &[3, 4, 5], &[]),
            ("get rid of 12", &[12], &[]),
            ("delete no. 3", &[3], &[]),
            ("delete task number 3", &[3], &[]),
            ("delete 12, not 3", &[12], &[]),
            ("I am done here. Delete 3. Thanks!", &[3], &[]),
            ("hello\ndelete 3", &[3], &[]),
            ("complete 3 and 4", &[], &[3, 4]),
            ("complete 3 and delete 4", &[4], &[3]),
            ("complete 1 and tag 2", &[], &[1, 2]),
            ("complete 3, then delete 4 and 5", &[4, 5], &[3]),
            ("move 3 and 4 to Friday", &[], &[3, 4]),
            ("mark 3 and 4 as done", &[], &[3, 4]),
            ("tag 3 with home", &[], &[3]),
            ("I finished 3 and 4", &[], &[3, 4]),
            ("l\u{f6}sche #12!", &[12], &[12]),
            ("#3 kann weg", &[3], &[3]),
            ("#3 should be deleted", &[3], &[]),
            ("complete #3 and delete (#4)", &[4], &[3]),
            ("move #3 to Friday", &[], &[3]),
            ("#3 is done", &[], &[3]),
        ] {
            let naming = naming(message);
            assert_eq!((ids(&naming.delete).as_slice(), ids(&naming.change).as_slice()), (delete, change), "{message}");
        }
    }

    #[test]
    fn a_number_of_anything_else_names_none() {
        for message in [
            "move the meeting to 3 pm",
            "delete the 3 pm meeting",
            "delete 3pm",
            "delete the last 3 tasks",
            "delete 3 tasks",
            "delete 3 and 4 old mails",
            "remove 2 of them",
            "delete 3 or 4",
            "delete 3-5",
            "delete 3 - 5",
            "delete 3/4",
            "delete 3 to 5",
            "delete 3rd",
            "delete what is due on the 3rd",
            "delete 3.5",
            "delete 3:00",
            "delete 3%",
            "delete \u{20ac}3",
            "delete !3",
            "delete at 3",
            "delete it in 3 days",
            "delete it 3 times",
            "delete room 3",
            "delete version 2",
            "delete everything before 3",
            "delete \u{663}",
            "delete \u{ff13}",
            "delete \u{201c}3\u{201d}",
            "delete 99999999999999999999",
            "delete the dentist",
            "don't delete 3",
            "do not, whatever I say, delete 3",
            "delete all but 3",
            "delete everything except #3",
            "delete all, not #3",
            "l\u{f6}sche alles au\u{df}er #3",
            "#3 nicht l\u{f6}schen",
            "delete 3?",
            "should I delete 3?",
            "should I delete #3?",
            "can you tell me whether to delete 3?",
            "can you tell me whether to delete #3?",
            "how do I delete 3",
            "remind me to delete 3 tomorrow",
            "add a task to delete 3 and 4",
            "add buy milk and delete 3",
            "rename it to delete 3",
            "what is due in 3 days?",
            "show #3",
            "tell me about #3",
            "is #3 overdue",
            "",
        ] {
            let naming = naming(message);
            assert!(naming.delete.is_empty(), "{message}: {naming:?}");
        }
        for message in ["move 3 meetings to Friday", "complete 3 reports", "complete 3-5", "push it 3 days", "complete all but #3"] {
            assert!(naming(message).change.is_empty(), "{message}");
        }
    }
}
