//! A task of another application, and its conversion: a valid Taskflow task, and notes about everything that it cannot represent.

use domain::audit::AuditLogEntry;
use domain::command::{CreateTask, Field};
use domain::offset::{OffsetUnit, ReminderOffset};
use domain::preferences::{DayStart, OwnPreferences};
use domain::recurrence::Rule;
use domain::reminder::{Reminder, ReminderStatus};
use domain::task::{DESCRIPTION_MAX, Draft, Frequency, Priority, RecurrenceFrom, Status, TAG_MAX, TAGS_MAX, TITLE_MAX, tag};
use domain::transfer::{ExportedReminder, ExportedTask, ImportNote, LastIds, NoteKind};
use domain::zone::Zone;
use domain::{Moment, Task, Timestamp, USER_ID};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Maximum number of notes per item.
const NOTES_MAX: usize = 20;

/// Settings of the conversion.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) now: Timestamp,
    /// The zone of dates without one.
    pub(crate) zone: Zone,
    pub(crate) day_start: DayStart,
}

/// The contents of a file.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// The head of Taskflow's own export.
    Head(LastIds, Box<OwnPreferences>),
    /// A task.
    Task(Box<ExportedTask>),
    /// A reminder whose task was deleted permanently.
    Reminder(Box<ExportedReminder>),
    /// An entry of the audit log.
    Audit(Box<AuditLogEntry>),
    /// An item that cannot be imported.
    Skipped,
}

/// An item with its position and its notes.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    /// The line, or the number of the item.
    pub(crate) line: i64,
    pub(crate) item: Item,
    pub(crate) notes: Vec<ImportNote>,
}

impl Read {
    pub(crate) fn new(line: i64, item: Item) -> Self {
        Self { line, item, notes: Vec::new() }
    }

    /// Adds notes about what cannot be imported with the item.
    pub(crate) fn without(mut self, title: &str, lost: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(lost.into_iter().map(|text| note(self.line, title, NoteKind::Changed, &text)));
        self
    }

    /// Creates an item that cannot be imported.
    pub(crate) fn skipped(line: i64, title: &str, why: impl Into<String>) -> Self {
        Self { line, item: Item::Skipped, notes: vec![note(line, title, NoteKind::Skipped, &why.into())] }
    }
}

fn note(line: i64, title: &str, kind: NoteKind, text: &str) -> ImportNote {
    let is_plain = |letter: &char| *letter != '\0';
    ImportNote {
        line,
        title: title.chars().filter(is_plain).take(TITLE_MAX).collect(),
        kind,
        text: text.chars().filter(is_plain).collect(),
    }
}

/// A task of another application.
#[derive(Clone, Debug, Default)]
pub(crate) struct Foreign {
    pub(crate) line: i64,
    /// Identifies it: `<format>:<id>`.
    pub(crate) key: String,
    /// Its own UUID, if it has one.
    pub(crate) uid: Option<Uuid>,
    pub(crate) title: String,
    pub(crate) description: String,
    /// More lines for the end of the description: content without a field.
    pub(crate) more: Vec<String>,
    pub(crate) due: Option<Moment>,
    pub(crate) zone: Option<Zone>,
    /// Its recurrence, if that needs no rule.
    pub(crate) frequency: Frequency,
    pub(crate) rule: Option<Rule>,
    /// Slots and days that the series excludes.
    pub(crate) exdates: Vec<Moment>,
    pub(crate) from_completion: bool,
    pub(crate) priority: Priority,
    pub(crate) tags: Vec<String>,
    /// The time between the reminder and the due date.
    pub(crate) reminders: Vec<ReminderOffset>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) is_completed: bool,
    pub(crate) created_at: Option<Timestamp>,
    /// What cannot be represented.
    pub(crate) notes: Vec<String>,
}

impl Foreign {
    /// Adds a note that something cannot be represented.
    pub(crate) fn cannot(&mut self, text: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text.into());
        }
    }

    /// Converts it to an item.
    pub(crate) fn read(mut self, scene: &Scene) -> Read {
        let line = self.line;
        self.fit_text();
        self.fit_tags();
        self.fit_schedule();
        let uid = self.uid.unwrap_or_else(|| uid_of(&self.key));
        let zone = self.zone.clone().unwrap_or_else(|| scene.zone.clone());
        let create = CreateTask {
            uid: Some(uid),
            title: self.title.clone(),
            description: std::mem::take(&mut self.description),
            due_date: self.due,
            time_zone: Field::Set(zone.clone()),
            recurrence: self.frequency,
            recurrence_rule: self.rule.clone(),
            recurrence_exdates: if self.recurs() { std::mem::take(&mut self.exdates) } else { Vec::new() },
            recurrence_from: if self.from_completion { RecurrenceFrom::Completion } else { RecurrenceFrom::Due },
            priority: self.priority,
            tags: std::mem::take(&mut self.tags),
            ..CreateTask::default()
        };
        let draft = match create.draft(scene.now, &zone) {
            Ok(draft) => draft,
            Err(invalid) => return Read::skipped(line, &self.title, told(&invalid)),
        };
        let task = self.complete(draft, scene.now);
        let (task, reminders) = self.remind(task, scene);
        let notes = self.notes.iter().map(|text| note(line, &self.title, NoteKind::Changed, text)).collect();
        let occurrence_owed = store::owed_of(&task);
        let task = ExportedTask { task, deleted_at: None, occurrence_owed, reminders, calendar_object: None };
        Read { line, item: Item::Task(Box::new(task)), notes }
    }

    /// Shortens title and description to their limits. The rest of a long title goes to the description.
    fn fit_text(&mut self) {
        let title: String = self.title.split(|letter: char| letter.is_control()).map(str::trim).collect::<Vec<_>>().join(" ");
        let title = title.trim();
        if title.is_empty() {
            "Untitled".clone_into(&mut self.title);
            self.cannot("it has no title");
        } else if title.chars().count() > TITLE_MAX {
            let cut: String = title.chars().take(TITLE_MAX - 1).collect();
            let whole = title.to_owned();
            self.title = format!("{}…", cut.trim_end());
            self.description = if self.description.is_empty() { whole } else { format!("{whole}\n\n{}", self.description) };
            self.cannot(format!("the title is longer than {TITLE_MAX} characters: all of it is in the description"));
        } else {
            title.clone_into(&mut self.title);
        }
        let more = std::mem::take(&mut self.more);
        if !more.is_empty() {
            let before = if self.description.is_empty() { "" } else { "\n\n" };
            self.description = format!("{}{before}{}", self.description, more.join("\n"));
        }
        self.description.retain(|letter| letter != '\0');
        if self.description.chars().count() > DESCRIPTION_MAX {
            self.description = self.description.chars().take(DESCRIPTION_MAX).collect();
            self.cannot(format!("the description is longer than {DESCRIPTION_MAX} characters: its end is cut off"));
        }
    }

    fn fit_tags(&mut self) {
        let mut tags: Vec<String> = Vec::new();
        for own in std::mem::take(&mut self.tags) {
            let plain: String = own.chars().map(|letter| if letter == ',' || letter.is_control() { ' ' } else { letter }).collect();
            let plain = tag(&plain.split_whitespace().collect::<Vec<_>>().join(" "));
            let cut: String = plain.chars().take(TAG_MAX).collect();
            if cut.chars().all(domain::characters::is_invisible) {
                continue;
            }
            if cut != plain {
                self.cannot(format!("the tag “{plain}” is longer than {TAG_MAX} characters"));
            }
            let cut = tag(&cut);
            if !tags.contains(&cut) {
                tags.push(cut);
            }
        }
        if tags.len() > TAGS_MAX {
            self.cannot(format!("it has more than {TAGS_MAX} tags: left out are {}", tags[TAGS_MAX..].join(", ")));
            tags.truncate(TAGS_MAX);
        }
        self.tags = tags;
    }

    /// A recurrence needs a due date, and an hourly one a time.
    fn fit_schedule(&mut self) {
        let plain = match self.rule.as_ref().map(ToString::to_string).as_deref() {
            Some("FREQ=DAILY") => Frequency::Daily,
            Some("FREQ=WEEKLY") => Frequency::Weekly,
            _ => Frequency::None,
        };
        if plain != Frequency::None {
            (self.rule, self.frequency) = (None, plain);
        }
        let is_hourly = self.rule.as_ref().is_some_and(Rule::is_hourly);
        if self.due.is_none() && self.recurs() {
            self.cannot("it repeats but has no due date: the repetition is left out");
            (self.rule, self.frequency) = (None, Frequency::None);
        } else if is_hourly && matches!(self.due, Some(Moment::On(_))) {
            self.cannot("it repeats by the hour but has no time: the repetition is left out");
            self.rule = None;
        }
    }

    fn recurs(&self) -> bool {
        self.rule.is_some() || self.frequency != Frequency::None
    }

    fn complete(&self, draft: Draft, now: Timestamp) -> Task {
        let created_at = self.created_at.filter(|created| *created <= now).unwrap_or(now);
        let task = draft.created(0, now);
        let task = Task { created_at, ..task };
        if !self.is_completed {
            return task;
        }
        Task { status: Status::Completed, completed_at: Some(self.completed_at.filter(|at| *at <= now).unwrap_or(now)), ..task }
    }

    /// The first reminder becomes the task's own; others are added as if by hand.
    fn remind(&mut self, mut task: Task, scene: &Scene) -> (Task, Vec<ExportedReminder>) {
        let mut offsets = std::mem::take(&mut self.reminders);
        let mut seen = Vec::new();
        offsets.retain(|offset| {
            !seen.contains(offset) && {
                seen.push(*offset);
                true
            }
        });
        if offsets.is_empty() || task.status == Status::Completed {
            return (task, Vec::new());
        }
        if !task.is_due_after(scene.now) {
            self.cannot(if task.due_date.is_some() {
                "it is overdue: its reminder is left out"
            } else {
                "it has no due date: its reminder is left out"
            });
            return (task, Vec::new());
        }
        task.reminder_offset = offsets.first().copied();
        let reminder = |(place, offset): (usize, &ReminderOffset)| {
            let scheduled_at = task.reminder_at(*offset, scene.day_start)?;
            Some(ExportedReminder {
                reminder: Reminder {
                    id: 0,
                    task_id: 0,
                    user_id: USER_ID,
                    scheduled_at,
                    triggered_at: None,
                    reminder_offset: *offset,
                    reminder_type: None,
                    status: ReminderStatus::Pending,
                    retry_count: 0,
                    dapr_job_id: String::new(),
                    created_at: scene.now,
                    sent_at: None,
                    deliveries: Vec::new(),
                },
                of_task: place == 0,
                cancelled_with_task: false,
                snoozed_from: None,
            })
        };
        let reminders = offsets.iter().enumerate().filter_map(reminder).collect();
        (task, reminders)
    }
}

/// Returns the uid for this key: a `UUIDv8` of its SHA-256. This must never change, or a repeated import would create its tasks again.
pub(crate) fn uid_of(key: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    uuid::Builder::from_custom_bytes(std::array::from_fn(|at| digest[at])).into_uuid()
}

/// Returns what is wrong with an item, as a text for the user.
pub(crate) fn told(invalid: &domain::Invalid) -> String {
    let errors: Vec<String> =
        invalid.errors().iter().map(|error| format!("{}: {}", error.pointer.trim_start_matches('/'), error.detail)).collect();
    errors.join("; ")
}

/// Returns an offset of this many minutes before the due date, in the largest exact unit. `None` below zero and above 999 weeks.
pub(crate) fn offset_of(minutes: i64) -> Option<ReminderOffset> {
    let units = [(10_080, OffsetUnit::Week), (1_440, OffsetUnit::Day), (60, OffsetUnit::Hour), (1, OffsetUnit::Minute)];
    let unit = units.into_iter().find(|(length, _)| minutes % length == 0 && minutes > 0).unwrap_or((1, OffsetUnit::Minute));
    ReminderOffset::new(u16::try_from(minutes / unit.0).ok()?, unit.1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_same_uid_in_each_release() {
        assert_eq!(uid_of("todoist:1").to_string(), "90529e6a-aa90-8b7f-9d0a-4e7a8c659b47");
        assert_ne!(uid_of("todoist:1"), uid_of("ticktick:1"));
    }

    #[test]
    fn an_offset_is_told_in_the_largest_unit() {
        for (minutes, told) in
            [(0, "0 minutes"), (15, "15 minutes"), (60, "1 hour"), (90, "90 minutes"), (2_880, "2 days"), (10_080, "1 week")]
        {
            assert_eq!(offset_of(minutes).map(|offset| offset.to_string()).as_deref(), Some(told));
        }
        assert_eq!((offset_of(-1), offset_of(i64::MAX)), (None, None));
    }
}
