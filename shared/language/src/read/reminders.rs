//! Reminders: scheduling, listing, cancelling.

use std::ops::Range;

use domain::offset::{OffsetUnit, ReminderOffset};
use domain::reminder::ReminderStatus;

use super::which::number;
use super::{Intent, Named, Reader, Reading, Reminders, Selection};
use crate::draft::Heard;
use crate::listing::Listing;
use crate::numbers::length;
use crate::part::{Kind, Note};
use crate::{marks, tell};

impl Reader<'_> {
    pub(super) fn reminders(self, from: usize) -> Option<Reading> {
        self.list_reminders(from).or_else(|| self.cancel_reminders(from)).or_else(|| self.remind(from))
    }

    /// "list reminders", "show the reminders of 12", "failed reminders", "what reminders do I have?".
    pub(super) fn list_reminders(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let start = self.after(from, "list|show me|show|what|which|get|display|see|view|any|do i have|what are|give me").unwrap_or(from);
        let start = self.skip(self.skip(self.skip(start, "are"), "all|any"), "my|the|of");
        let (status, noun) = match self.word(start) {
            "failed" => (Some(ReminderStatus::Failed), start + 1),
            "sent" | "delivered" | "past" => (Some(ReminderStatus::Sent), start + 1),
            "cancelled" | "canceled" => (Some(ReminderStatus::Cancelled), start + 1),
            "pending" | "waiting" | "upcoming" | "open" | "coming" => (Some(ReminderStatus::Pending), start + 1),
            "all" => (None, start + 1),
            _ => (None, start),
        };
        if self.word(noun) != "reminders" && !(self.word(noun) == "reminder" && start > from) {
            return None;
        }
        let after = self.skip(noun + 1, "of|for|on");
        if let Some(named) = self.targets(after) {
            let Selection::Tasks(targets) = &named.which else { return None };
            let of = targets.first().cloned();
            return Some(self.act(named, to, |_| Intent::ListReminders { of, status }));
        }
        let rest = self.plain(after.min(to)..to);
        let is_known = rest.is_empty()
            || matches!(
                rest.as_str(),
                "do i have" | "are there" | "have failed" | "failed" | "are pending" | "are waiting" | "are set" | "there are" | "i have"
            );
        let status = if rest.ends_with("failed") { Some(ReminderStatus::Failed) } else { status };
        if after > noun + 1 && !is_known {
            return self.titled(after, to).map(|named| {
                let Selection::Tasks(targets) = &named.which else { return Reading::of(Intent::ListReminders { of: None, status }) };
                let of = targets.first().cloned();
                self.act(named, to, |_| Intent::ListReminders { of, status })
            });
        }
        is_known.then(|| Reading::of(Intent::ListReminders { of: None, status }))
    }

    /// "cancel the reminder of 12", "cancel reminder 5", "don't remind me of 12".
    pub(super) fn cancel_reminders(self, from: usize) -> Option<Reading> {
        let to = self.end();
        let stop = "don't remind me of|don't remind me about|do not remind me of|do not remind me about|stop reminding me of|stop \
            reminding me about|no reminder for|no reminders for";
        if let Some(start) = self.after(from, stop) {
            return self.tasks(start, to).map(|named| self.act(named, to, |which| Intent::CancelReminders(Reminders::Of(which))));
        }
        let start = self.after(from, "cancel|remove|delete|drop|clear|turn off|stop|unset")?;
        let start = self.skip(self.skip(start, "all"), "the|my|any");
        if !matches!(self.word(start), "reminder" | "reminders") {
            return None;
        }
        let link = self.skip(start + 1, "of|for|from|on|about");
        if link == start + 1 {
            if let Some(id) = number(self.word(link).trim_start_matches('#')).filter(|_| self.is_end(link + 1)) {
                let part = self.part(link..link + 1, Kind::Reminder, format!("reminder {id}"));
                return Some(Reading::of(Intent::CancelReminders(Reminders::Number(id))).with_parts(vec![part]));
            }
            let all = Listing { about: "all tasks".to_owned(), ..Listing::default() };
            let is_all = self.word(start) == "reminders" && self.is_end(link);
            return Some(if is_all {
                Reading::of(Intent::CancelReminders(Reminders::Of(Selection::Matching(Box::new(all)))))
            } else {
                Reading::unclear(
                    "Which reminder? Say \u{201c}cancel the reminder of 12\u{201d} with the task's number, or \u{201c}cancel reminder \
                        5\u{201d} with its own.",
                )
            });
        }
        self.tasks(link, to).map(|named| self.act(named, to, |which| Intent::CancelReminders(Reminders::Of(which))))
    }

    /// "remind me 1 hour before 12", "remind me of 12 30 minutes before", "add a reminder to 12: 1 day".
    pub(super) fn remind(self, from: usize) -> Option<Reading> {
        let to = self.end();
        if let Some(start) = self.after(from, "remind me|alert me|notify me") {
            if let Some((offset, end)) = self.offset(start) {
                let link = self.after(end, "before|ahead of|in advance of|prior to")?;
                // "2 days before 31 May to pay taxes" names a day, not task 31.
                let by_number =
                    self.targets(link).filter(|named| self.is_end(self.after(named.end, "is due|starts|begins").unwrap_or(named.end)));
                let named = by_number.or_else(|| if self.is_like_a_task(link) { None } else { self.titled(link, to) })?;
                return Some(self.reminded(named, offset, start..end));
            }
            let link = self.skip(start, "of|about|for");
            if link == start {
                return None;
            }
            return self.targets(link).map(|named| self.remind_of(named, to)).or_else(|| self.remind_of_title(link));
        }
        let start = self.after(from, "set|add|create|schedule|make")?;
        let start = self.skip(start, "a|the|another");
        // "a 1 hour reminder for 12".
        if let Some((offset, end)) = self.offset(start) {
            let link = self.skip(self.after(end, "reminder")?, "for|to|on|of");
            return self.targets(link).map(|named| self.reminded(named, offset, start..end));
        }
        let noun = self.after(start, "reminder|reminders")?;
        if let Some((offset, end)) = self.offset(noun) {
            let link = self.skip(self.skip(end, "before"), "for|to|of");
            return self.targets(link).map(|named| self.reminded(named, offset, noun..end));
        }
        let link = self.skip(noun, "for|to|on|of|about");
        if let Some(named) = self.targets(link).filter(|_| link > noun) {
            return Some(self.remind_of(named, to));
        }
        if self.is_one(noun, "of") && !self.is_like_a_task(link) && !(link..to).any(|at| self.word(at) == "to") {
            return self.titled(link, to).map(|named| self.remind_of(named, to));
        }
        // "set the reminder of pay rent to 1 hour".
        let value = (link + 1..to).rev().find(|at| self.word(*at) == "to").filter(|_| self.is_one(noun, "of|for|on"))?;
        let (offset, end) = self.offset(value + 1).filter(|(_, end)| self.is_end(self.skip(*end, "before")))?;
        let named = self.titled(link, value)?;
        Some(self.reminded(Named { end: self.skip(end, "before"), ..named }, offset, value + 1..end))
    }

    /// "remind me about pay rent 2 days before".
    fn remind_of_title(self, at: usize) -> Option<Reading> {
        let heard = Heard::new(self.words, at, self.context);
        let offset = heard.reminder()?;
        let place = heard.found.get(heard.said.reminder?)?.words.clone();
        let is_known = heard.found.len() == 1 && self.is_end(place.end);
        let named = self.titled(at, place.start).filter(|_| is_known)?;
        Some(self.reminded(Named { end: place.end, ..named }, offset, place))
    }

    /// Words after the task: "30 minutes before", or none for the due time.
    pub(super) fn remind_of(self, named: Named, to: usize) -> Reading {
        let begin = self.skip(named.end, ":|,|-");
        let begin = self.skip(begin, "at|for|to|is");
        if self.is_end(begin) {
            let note = Note::assumed("The reminder comes when the task is due; \u{201c}1 hour before\u{201d} would be earlier.");
            return match ReminderOffset::new(0, OffsetUnit::Minute) {
                Ok(offset) => self.reminded(named, offset, begin..begin).with_notes(vec![note]),
                Err(_) => Reading::of(Intent::Unclear),
            };
        }
        if let Some((offset, end)) = self.offset(begin) {
            let after = self.skip(self.skip(end, "before|ahead|early|earlier|prior"), "it|it's");
            self.reminded(Named { end: self.skip(after, "due"), ..named }, offset, begin..end)
        } else {
            let text = self.text(begin..to).to_owned();
            Reading::unclear(format!(
                "How long before? \u{201c}{text}\u{201d} is no length of time, such as \u{201c}30 minutes\u{201d}, \
                \u{201c}1 hour\u{201d} or \u{201c}2 days\u{201d}."
            ))
            .with_parts(named.parts)
        }
    }

    pub(super) fn reminded(self, named: Named, offset: ReminderOffset, range: Range<usize>) -> Reading {
        let part = (!range.is_empty()).then(|| self.part(range, Kind::Reminder, tell::offset(offset)));
        let end = named.end.max(self.after(named.end, "is due|starts|begins").unwrap_or(named.end));
        self.act(Named { end, ..named }, self.end(), |which| Intent::Remind { which, offset }).with_parts(part.into_iter().collect())
    }

    /// "1 hour", "an hour", "a day".
    pub(super) fn offset(&self, at: usize) -> Option<(ReminderOffset, usize)> {
        let (length, end) = length(self.words, at)?;
        Some((marks::offset(length)?, end))
    }
}
