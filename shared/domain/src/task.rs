//! Tasks: their fields, limits, and the rules of changes.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::characters::is_invisible;
use crate::invalid::{Checks, Invalid};
use crate::moment::{Day, Moment};
use crate::offset::ReminderOffset;
use crate::recurrence::Rule;
use crate::time::Timestamp;
use crate::zone::Zone;

/// Maximum characters of a title, after trimming.
pub const TITLE_MAX: usize = 200;
/// Maximum characters of a description.
pub const DESCRIPTION_MAX: usize = 10_000;
/// Maximum tags of a task.
pub const TAGS_MAX: usize = 20;
/// Maximum characters of a tag, after trimming.
pub const TAG_MAX: usize = 50;
/// Maximum exclusions of a series: a year of days.
pub const EXDATES_MAX: usize = 366;

/// Priority of a task; ordered from low to high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Priority {
    /// Low.
    Low,
    /// The default.
    #[default]
    Medium,
    /// High.
    High,
}

/// Status of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Status {
    /// Not done yet.
    #[default]
    Pending,
    /// Done.
    Completed,
}

/// How often a task repeats, as callers may set it without a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Frequency {
    /// Never.
    #[default]
    None,
    /// Each day.
    Daily,
    /// Each week.
    Weekly,
    /// Each month, on the day of the first due date, or on the last day of a shorter month.
    Monthly,
}

/// How often a task repeats, as Taskflow returns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Recurrence {
    /// Never.
    #[default]
    None,
    /// Each day.
    Daily,
    /// Each week.
    Weekly,
    /// Each month.
    Monthly,
    /// By `recurrence_rule`.
    Custom,
}

impl From<Frequency> for Recurrence {
    fn from(frequency: Frequency) -> Self {
        match frequency {
            Frequency::None => Self::None,
            Frequency::Daily => Self::Daily,
            Frequency::Weekly => Self::Weekly,
            Frequency::Monthly => Self::Monthly,
        }
    }
}

/// What the next occurrence counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RecurrenceFrom {
    /// The due date, whenever the task is completed.
    #[default]
    Due,
    /// The completion.
    Completion,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Task {
    /// Assigned by the service.
    pub id: i64,
    /// A permanent id, which the client may choose. Nil in a draft whose uid the store assigns.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::uid")]
    pub uid: Uuid,
    /// What to do.
    pub title: String,
    /// Details.
    pub description: String,
    /// When it is due; for an all-day task, when its day begins in `time_zone`.
    pub due_date: Option<Timestamp>,
    /// True if it is due on a day rather than at a time. It is then overdue when the day has ended in `time_zone`.
    #[serde(default)]
    pub all_day: bool,
    /// The day, if it is all-day.
    pub due_day: Option<Day>,
    /// The IANA time zone of recurrence and reminders, which follow its wall clock.
    #[serde(deserialize_with = "crate::zone::kept")]
    #[schemars(with = "Zone")]
    pub time_zone: Zone,
    /// How often it repeats.
    pub recurrence: Recurrence,
    /// The RFC 5545 RRULE, if `recurrence` is custom.
    pub recurrence_rule: Option<Rule>,
    /// What the next occurrence counts from.
    pub recurrence_from: RecurrenceFrom,
    /// The first slot of the series (DTSTART of RFC 5545), if it recurs.
    pub recurrence_start: Option<Timestamp>,
    /// The series slot of this occurrence (RECURRENCE-ID of RFC 5545), if it recurs: its due date, unless that was moved.
    pub recurrence_id: Option<Timestamp>,
    /// Slots and days that the series excludes (EXDATE of RFC 5545).
    #[serde(default)]
    pub recurrence_exdates: Vec<Moment>,
    /// The place in the series, from 1. Skipped slots count.
    pub recurrence_number: i64,
    /// The priority.
    pub priority: Priority,
    /// Tags: lower-case, unique, in the given order.
    pub tags: Vec<String>,
    /// The status.
    pub status: Status,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// The task that this occurrence was spawned from.
    pub parent_task_id: Option<i64>,
    /// How long before the due date to remind.
    pub reminder_offset: Option<ReminderOffset>,
    /// Increases by one with each change; the ETag.
    pub version: i64,
    /// Set by the service.
    pub created_at: Timestamp,
    /// Set by the service with each change.
    pub updated_at: Timestamp,
}

/// A deleted task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrashedTask {
    /// The task before its deletion.
    #[serde(flatten)]
    pub task: Task,
    /// When it was deleted. It stays in the trash for 30 days.
    pub deleted_at: Timestamp,
}

/// A validated task that is not stored yet. The store sets its id, version and times.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft(pub Task);

impl Draft {
    /// Returns an empty task in this time zone: pending, and the first of its chain.
    #[must_use]
    pub fn new(time_zone: Zone) -> Self {
        Self(Task { time_zone, recurrence_number: 1, ..Task::default() })
    }

    /// Returns the task as the store creates it.
    #[must_use]
    pub fn created(self, id: i64, now: Timestamp) -> Task {
        Task { id, version: 1, created_at: now, updated_at: now, ..self.0 }
    }
}

impl Task {
    /// True if the task was not changed since its creation, because each change increases the version.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.version == 1
    }

    /// Returns the same task with more tags.
    ///
    /// # Errors
    /// A tag is invalid, or there would be more than [`TAGS_MAX`].
    pub fn with_tags(&self, added: &[String]) -> Result<Self, Invalid> {
        let added = tags(added, "/tags")?;
        let all: Vec<String> = self.tags.iter().cloned().chain(added).collect();
        Ok(Self { tags: tags(&all, "/tags")?, ..self.clone() })
    }

    /// Returns the same task without these tags.
    ///
    /// # Errors
    /// A tag is invalid.
    pub fn without_tags(&self, removed: &[String]) -> Result<Self, Invalid> {
        let removed = tags(removed, "/tags")?;
        let mut task = self.clone();
        task.tags.retain(|tag| !removed.contains(tag));
        Ok(task)
    }
}

/// Returns a title, trimmed.
///
/// # Errors
/// The title is empty, invisible, longer than [`TITLE_MAX`], or has control characters.
pub fn title(text: &str) -> Result<String, Invalid> {
    let title = text.trim();
    let length = title.chars().count();
    if length == 0 || length > TITLE_MAX {
        return Err(Invalid::field("/title", format_args!("1 to {TITLE_MAX} characters, without spaces at the ends")));
    }
    if title.chars().all(is_invisible) {
        return Err(Invalid::field("/title", "at least one visible character"));
    }
    if title.chars().any(char::is_control) {
        return Err(Invalid::field("/title", "no control characters"));
    }
    Ok(title.to_owned())
}

pub(crate) fn description(text: String) -> Result<String, Invalid> {
    if text.chars().count() > DESCRIPTION_MAX {
        return Err(Invalid::field("/description", format_args!("at most {DESCRIPTION_MAX} characters")));
    }
    if text.contains('\0') {
        return Err(Invalid::field("/description", "no NUL character"));
    }
    Ok(text)
}

/// Returns tags in stored form: trimmed, lower-cased, composed (NFC), unique, in the given order.
///
/// # Errors
/// A tag is empty, invisible or too long, or has a comma or a control character; there are more than [`TAGS_MAX`]. `pointer` names the list.
pub fn tags(list: &[String], pointer: &str) -> Result<Vec<String>, Invalid> {
    let mut checks = Checks::new();
    let mut tags: Vec<String> = Vec::with_capacity(list.len().min(TAGS_MAX));
    for (index, text) in list.iter().enumerate() {
        let tag = tag(text);
        let length = tag.chars().count();
        let pointer = format!("{pointer}/{index}");
        checks.require((1..=TAG_MAX).contains(&length), &pointer, format_args!("1 to {TAG_MAX} characters"));
        checks.require(length == 0 || !tag.chars().all(is_invisible), &pointer, "at least one visible character");
        // A comma separates tags in a query string.
        checks.require(!tag.contains(|c: char| c == ',' || c.is_control()), &pointer, "no comma and no control characters");
        if tags.len() <= TAGS_MAX && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    checks.require(tags.len() <= TAGS_MAX, pointer, format_args!("at most {TAGS_MAX} tags"));
    checks.finish(tags)
}

/// Returns a tag in stored form: trimmed, lower-case, composed (NFC), so that the same letters are the same tag.
#[must_use]
pub fn tag(text: &str) -> String {
    text.trim().to_lowercase().nfc().collect()
}
