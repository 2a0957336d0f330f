//! Orders that the grammar cannot read completely. They never become a task without asking.
//!
//! One rule replaces a list of sentences. If a sentence begins with a verb about tasks, lists, reminders or settings and no command has read it, its
//! object decides. Without an object, with a pronoun or with a task's number ("archive it", "duplicate 12") it is an order: the answer suggests an
//! alternative. With a verb that rarely begins a task ("snooze the dentist"), a word about tasks ("export my tasks") or the form of a change ("mark
//! rent as paid"), it could be either, and the user is asked. With any other object it is a task ("cancel the gym membership"), unless a task has the
//! object as its title, in which case the user is asked too.

use super::{Intent, Reader, Reading, Selection, Target, is_free};
use crate::draft::{Heard, Scope};
use crate::grammar::Meaning;
use crate::words::WordKind;

/// Verbs of orders, longest first among common beginnings, and the suggested alternative.
struct Order {
    verbs: &'static str,
    /// True if they also begin everyday tasks.
    is_everyday: bool,
    instead: &'static str,
}

const MOVE: &str = "To move a task, say \u{201c}move 12 to Friday\u{201d} or \u{201c}postpone 12 by 2 days\u{201d}.";
const SHOW: &str = "To show a part of the list, say \u{201c}show overdue tasks\u{201d} or \u{201c}show my tasks by priority\u{201d}.";
const DELETE: &str = "To delete tasks, say \u{201c}delete 12\u{201d} or \u{201c}delete all completed tasks\u{201d}.";
const CHANGE: &str =
    "To change a task, say \u{201c}complete 12\u{201d}, \u{201c}set 12 to high\u{201d} or \u{201c}move 12 to Friday\u{201d}.";
const SILENCE: &str =
    "To end a reminder, say \u{201c}cancel the reminder of 12\u{201d}; to end a recurrence, \u{201c}stop repeating 12\u{201d}.";
const ELSE: &str = "Say \u{201c}help\u{201d} to see what it understands.";

const ORDERS: &[Order] = &[
    Order {
        verbs: "undo|redo|revert",
        is_everyday: false,
        instead: "It cannot undo a change. To reopen a completed task, say \u{201c}reopen 12\u{201d}.",
    },
    Order { verbs: "snooze|unsnooze|postpone|put off|defer|delay|reschedule|skip", is_everyday: false, instead: MOVE },
    Order { verbs: "push back|push|move|bring forward|bring|shift|advance|bump", is_everyday: true, instead: MOVE },
    Order { verbs: "group|ungroup|filter|unhide", is_everyday: false, instead: SHOW },
    Order { verbs: "sort|hide|print", is_everyday: true, instead: SHOW },
    Order { verbs: "archive|unarchive", is_everyday: false, instead: DELETE },
    Order { verbs: "delete|erase", is_everyday: false, instead: DELETE },
    Order { verbs: "clear|empty|purge|remove|trash|discard|drop|clean up|get rid of|throw away", is_everyday: true, instead: DELETE },
    Order {
        verbs: "tag|untag|unlabel",
        is_everyday: false,
        instead: "To add tags, say \u{201c}tag 12 with home\u{201d}; to remove them, \u{201c}untag 12 home\u{201d}.",
    },
    Order { verbs: "rename|retitle", is_everyday: false, instead: "To rename a task, say \u{201c}rename 12 to Pay the rent\u{201d}." },
    Order { verbs: "unmark|reopen|uncomplete|uncheck|untick", is_everyday: false, instead: CHANGE },
    Order {
        verbs: "mark|set|change|update|edit|make|give|raise|lower|label|flag|complete|finish|close|check off|check|tick off|tick|resolve",
        is_everyday: true,
        instead: CHANGE,
    },
    Order { verbs: "mute|unmute|unsubscribe", is_everyday: false, instead: SILENCE },
    Order {
        verbs: "cancel|stop|pause|resume|turn off|turn on|switch off|switch on|switch to|enable|disable",
        is_everyday: true,
        instead: SILENCE,
    },
    Order { verbs: "duplicate|merge|assign|unassign|pin|unpin|star|unstar|log out|sign out", is_everyday: false, instead: ELSE },
    Order {
        verbs: "copy|clone|split|share|export|import|restore|link|attach|sync|delegate|convert|put|turn",
        is_everyday: true,
        instead: ELSE,
    },
];

/// Words about tasks and their properties.
const TASK_WORDS: &str = "task|tasks|todo|todos|to-do|to-dos|subtask|subtasks|reminder|reminders|notification|notifications|tag|tags|priority|\
    priorities|prio|recurrence|due|deadline|overdue|completed|reminding|\
    language|timezone|theme|settings|sound|sounds";
/// Fields, as in "set the status of rent to paid".
const FIELDS: &str = "priority|prio|title|name|description|note|date|time|status|state|colour|color|tag|reminder|repeat";
/// Maximum orders searched for in one sentence.
const ORDERS_MAX: usize = 8;

impl Reader<'_> {
    /// Returns the reading of an order that no command has read.
    pub(super) fn beyond(self, from: usize) -> Option<Reading> {
        self.denied(from).or_else(|| self.several_orders(from)).or_else(|| self.without_verb(from)).or_else(|| self.unreadable(from))
    }

    /// Adds the task that a sentence could be instead: "finish essay", if there is no task "essay".
    pub(super) fn with_task(self, reading: Reading, from: usize) -> Reading {
        let is_titled = match &reading.intent {
            Intent::Complete(which) | Intent::Delete(which) | Intent::Update { which, .. } | Intent::SetPriority { which, .. } => {
                matches!(which, Selection::Tasks(targets) if matches!(targets.as_slice(), [Target::Title(_)]))
            }
            _ => false,
        };
        if is_titled && (self.is_one(from, "delete") || self.order(from).is_some_and(|(order, _)| order.is_everyday)) {
            return Reading { or_task: self.as_task(from), ..reading };
        }
        reading
    }

    fn order(&self, from: usize) -> Option<(&'static Order, usize)> {
        ORDERS.iter().find_map(|order| Some((order, self.after(from, order.verbs)?)))
    }

    /// "delete all but 3": exceptions are not understood, so nothing is done.
    pub(super) fn excepted(self, from: usize) -> Option<Reading> {
        let (order, start) = self.order(from)?;
        let all = (start..self.end()).find(|at| self.is_one(*at, "all|everything|every|each"))?;
        // "every day except Sunday" is read with its exception.
        let found = Heard::new(self.words, start, self.context).found;
        let is_limit = |at: usize| found.iter().any(|found| matches!(found.phrase.meaning, Meaning::Limit(_)) && found.words.contains(&at));
        let is_exception = |at: usize| !is_limit(at) && self.is_exception(at);
        (all + 1..self.end()).any(is_exception).then(|| {
            let instead = "Exceptions are not understood: name the tasks, such as \u{201c}all tasks tagged home\u{201d}.";
            if order.is_everyday { self.asked(from, instead) } else { Reading::unclear(instead) }
        })
    }

    fn is_exception(&self, at: usize) -> bool {
        self.is_one(at, "but|except|excepting|excluding|besides") || self.after(at, "apart from|other than").is_some()
    }

    /// "don't delete 12" requests nothing.
    fn denied(self, from: usize) -> Option<Reading> {
        let start = self.after(from, "don't|do not|never")?;
        self.command_at(start).filter(|reading| reading.intent.changes()).map(|_| Reading::of(Intent::No))
    }

    /// "move the dentist to Friday and tag it health": two orders.
    fn several_orders(self, from: usize) -> Option<Reading> {
        let joints = (from + 1..self.end()).filter(|at| self.is_one(*at, "and|then|but") || self.skip(*at, ",|;") > *at).take(ORDERS_MAX);
        let first = |joint: usize| Reader { words: self.words.get(..joint).unwrap_or(self.words), ..self };
        let joint = joints.into_iter().find(|joint| first(*joint).command_at(from).is_some_and(|reading| reading.intent.changes()))?;
        Some(Reading::unclear(format!("One command at a time: say \u{201c}{}\u{201d} first.", self.text(from..joint))))
    }

    /// "every overdue task to Bob".
    fn without_verb(self, from: usize) -> Option<Reading> {
        let is_bulk =
            self.is_one(from, "all|every|each|everything") && (from..self.end()).any(|at| self.is_one(at, "task|todo|to-do|overdue"));
        is_bulk.then(|| self.asked(from, MOVE))
    }

    fn unreadable(self, from: usize) -> Option<Reading> {
        let (order, start) = self.order(from)?;
        // "delete 3pm": without the time nothing but the verb is left.
        let is_verb_only =
            !order.is_everyday && self.as_task(from).is_none_or(|task| task.title.eq_ignore_ascii_case(self.text(from..start)));
        if is_verb_only || self.is_about_a_task(start) {
            return Some(Reading::unclear(format!(
                "That is beyond the offline assistant. {} To add it as a task, say \u{201c}add\u{201d} before it.",
                order.instead
            )));
        }
        if !order.is_everyday || self.is_like_an_order(from, start) {
            return Some(self.asked(from, order.instead));
        }
        let mut reading = self.drafted(&Scope { from, lead: from..from, reminds: false, priority: None }, false);
        let object = self.object(start);
        if let Intent::Create { unless, .. } = &mut reading.intent {
            *unless = object;
        }
        Some(reading)
    }

    /// Returns an unclear reading, with a task to confirm.
    fn asked(self, from: usize, instead: &str) -> Reading {
        let or_task = self.as_task(from);
        Reading { or_task, ..Reading::unclear(format!("That is beyond the offline assistant. {instead}")) }
    }

    /// True for objects that only an order has: none, "it", "everything", "12".
    fn is_about_a_task(&self, start: usize) -> bool {
        let at = self.skip(start, "the|my");
        self.is_end(at)
            || self.is_one(at, "it|them")
            || (self.is_one(at, "this|that|these|those|everything|all") && self.is_led(at + 1))
            || self
                .targets(at)
                .is_some_and(|named| named.which.is_by_number() && (is_free(self.words, named.end) || self.is_led(named.end)))
    }

    /// True if an object ends here: at the end of the sentence, or before the change or its time.
    fn is_led(&self, end: usize) -> bool {
        let is_link = self.is_one(end, "to|with|as|by|for|from|into|in|on|off|under|between|at|until");
        self.is_end(end) || is_link || Heard::new(self.words, end, self.context).found.iter().any(|found| found.words.start == end)
    }

    /// True for words about tasks, or the form of a change: "mark … as …", "push … back", "set the status of … to …".
    fn is_like_an_order(&self, from: usize, start: usize) -> bool {
        let to = self.end();
        let has = |words: &str| (start..to).find(|at| self.is_one(*at, words));
        let things = "my list|the list|this list|the chat|this chat|the conversation|this conversation|dark mode|light mode|time zone";
        let list = (start..to).any(|at| self.after(at, things).is_some_and(|end| self.is_led(end)));
        let marks = self.is_one(from, "mark|flag") && has("as").is_some_and(|at| !self.is_one(at + 1, "soon|well|many|much"));
        let pushes = self.is_one(from, "push") && has("back|forward").is_some();
        let noun = self.skip(start, "the");
        let sets = self.is_one(noun, FIELDS) && self.is_one(noun + 1, "of|for|on") && has("to|as").is_some();
        list || marks || pushes || sets || has(TASK_WORDS).is_some()
    }

    /// Returns the possible title of a task: "the gym" of "cancel the gym tomorrow".
    fn object(&self, start: usize) -> Option<String> {
        let start = self.skip(self.skip(start, "up|off|out|down|over|away|in|on|back"), "the|my|our|a|an|all");
        let start = self.skip(start, "the|my|our");
        let mut found = Heard::new(self.words, start, self.context).found;
        found.retain(|found| !matches!(found.phrase.meaning, Meaning::Impossible | Meaning::Word | Meaning::Name));
        let level = self.level_at_end();
        let ends = |at: &usize| {
            let is_mark = self.words[*at].kind == WordKind::Mark;
            let is_over = self.is_one(*at, "with|to|from|in|on|at|for|by|of|into|as|before|after|and|back|forward|off|out|away|up");
            is_mark || is_over || level == Some(*at) || found.iter().any(|found| found.words.start == *at)
        };
        let end = (start..self.words.len()).find(ends).unwrap_or(self.words.len());
        let object = self.text(start..end).trim();
        (start < end && !object.is_empty()).then(|| object.to_owned())
    }
}
