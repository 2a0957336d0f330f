//! Import and export: the resource of an import, its report, and the document of Taskflow's own export.

use serde::{Deserialize, Serialize};

use crate::audit::AuditLogEntry;
use crate::event::EventType;
use crate::invalid::{Checks, Invalid};
use crate::moment::Day;
use crate::preferences::OwnPreferences;
use crate::recurrence::Rule;
use crate::reminder::{Reminder, ReminderStatus, StoredReminder};
use crate::task::{self, EXDATES_MAX, Priority, Recurrence, Status, Task};
use crate::time::Timestamp;

/// Tasks of a preview.
pub const PREVIEW_MAX: usize = 10;
/// The largest id that is restored: far above any that was given out, and far below the last one of a sequence.
const ID_MAX: i64 = 1_000_000_000_000_000;
/// The version of the document that [`ExportHead`] begins.
pub const EXPORT_VERSION: u32 = 1;

/// What wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ImportFormat {
    /// `GET /api/export?format=json`.
    Taskflow,
    /// Todoist's CSV of a project.
    Todoist,
    /// TickTick's CSV backup.
    Ticktick,
    /// The zip file of Vikunja's export.
    Vikunja,
    /// `Tasks.json` of Google Takeout.
    Takeout,
    /// Any iCalendar file with VTODOs.
    Ics,
}

impl ImportFormat {
    /// The formats, for people.
    pub const NAMES: &'static str = "taskflow, todoist, ticktick, vikunja, takeout or ics";
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ImportStatus {
    /// The file is on its way.
    Receiving,
    /// A job reads the file and changes nothing.
    Checking,
    /// The preview is there; `POST /api/imports/{id}/run` imports it.
    Checked,
    /// A job imports the file.
    Importing,
    /// Every task is there.
    Done,
    /// The file could not be read to its end; `error` says why.
    Failed,
}

impl ImportStatus {
    /// True if a job works on it.
    #[must_use]
    pub const fn is_working(self) -> bool {
        matches!(self, Self::Checking | Self::Importing)
    }
}

/// A task as an import would create it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PreviewTask {
    /// The line of the file, or the number of the item.
    pub line: i64,
    /// What is to be done.
    pub title: String,
    /// When it is due.
    pub due_date: Option<Timestamp>,
    /// The day on which it is due, if it is all-day.
    pub due_day: Option<Day>,
    /// How often it comes back.
    pub recurrence: Recurrence,
    /// The RFC 5545 RRULE, where `recurrence` is custom.
    pub recurrence_rule: Option<Rule>,
    /// How much it matters.
    pub priority: Priority,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether it is still to be done.
    pub status: Status,
}

impl PreviewTask {
    /// The task of this line.
    #[must_use]
    pub fn of(line: i64, task: &Task) -> Self {
        Self {
            line,
            title: task.title.clone(),
            due_date: task.due_date,
            due_day: task.due_day,
            recurrence: task.recurrence,
            recurrence_rule: task.recurrence_rule.clone(),
            priority: task.priority,
            tags: task.tags.clone(),
            status: task.status,
        }
    }
}

/// What an import has counted so far. A check counts what an import would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ImportCounts {
    /// Items that were read: tasks and, of Taskflow's own export, entries of the audit log and reminders without a task.
    pub read: i64,
    /// Tasks that were created.
    pub created: i64,
    /// Tasks that were there already, by their uid.
    pub existing: i64,
    /// Items that could not be imported; the report says why.
    pub skipped: i64,
}

/// An import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Import {
    /// Set by the service.
    pub id: i64,
    /// What wrote the file.
    pub format: ImportFormat,
    /// How far it is.
    pub status: ImportStatus,
    /// Number of bytes of the file.
    pub size: i64,
    /// Number of items of the file, once a check has counted them.
    pub total: Option<i64>,
    /// What was counted so far.
    #[serde(flatten)]
    pub counts: ImportCounts,
    /// Number of entries of the report.
    pub notes: i64,
    /// True if it restores an export of Taskflow into an empty one, with ids, audit log and preferences.
    pub restores: bool,
    /// The first tasks, once a check has read them; at most 10.
    #[schemars(length(max = 10))]
    pub preview: Vec<PreviewTask>,
    /// Why it failed.
    pub error: Option<String>,
    /// Set by the service.
    pub created_at: Timestamp,
    /// When it was done or failed.
    pub finished_at: Option<Timestamp>,
}

/// Whether an item of a report was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum NoteKind {
    /// It was imported, but for something that Taskflow cannot keep.
    Changed,
    /// It was not imported.
    Skipped,
}

/// One entry of the report of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ImportNote {
    /// The line of the file; of JSON, zip and iCalendar the number of the item.
    pub line: i64,
    /// The title of the item, as far as it has one.
    pub title: String,
    /// Whether the item was imported.
    pub kind: NoteKind,
    /// What could not be kept, for a person.
    pub text: String,
}

/// Data of `tasks.imported`: there are so many more tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TasksImported {
    /// The CloudEvent's type.
    pub event_type: EventType,
    /// The import.
    pub import_id: i64,
    /// Number of tasks that were created.
    pub count: i64,
    /// Whose they are.
    pub user_id: i64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Ties together everything one call caused.
    pub correlation_id: String,
}

/// The last ids of an exported Taskflow, so that ids which its audit log names are never given out again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastIds {
    /// Of tasks.
    pub tasks: i64,
    /// Of reminders.
    pub reminders: i64,
    /// Of the audit log.
    pub audit: i64,
}

impl LastIds {
    /// The same within what can be restored.
    #[must_use]
    pub fn bounded(self) -> Self {
        let bound = |id: i64| id.clamp(0, ID_MAX);
        Self { tasks: bound(self.tasks), reminders: bound(self.reminders), audit: bound(self.audit) }
    }
}

/// What the document of an export begins with. `tasks`, `reminders` and `audit` follow: lists of [`ExportedTask`], of [`ExportedReminder`] whose
/// task is gone for good, and of [`AuditLogEntry`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportHead {
    /// [`EXPORT_VERSION`].
    pub taskflow: u32,
    /// When it was written.
    pub exported_at: Timestamp,
    /// The last ids.
    pub last_ids: LastIds,
    /// What the user prefers.
    pub preferences: OwnPreferences,
}

/// A reminder with what no caller sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportedReminder {
    /// The reminder.
    #[serde(flatten)]
    pub reminder: Reminder,
    /// True if it comes from the task's own `reminder_offset`.
    pub of_task: bool,
    /// True if it was cancelled because its task was completed or deleted.
    pub cancelled_with_task: bool,
    /// If somebody snoozed it, when its task would have it fire.
    pub snoozed_from: Option<Timestamp>,
}

impl From<StoredReminder> for ExportedReminder {
    fn from(stored: StoredReminder) -> Self {
        let StoredReminder { reminder, of_task, cancelled_with_task, snoozed_from } = stored;
        Self { reminder, of_task, cancelled_with_task, snoozed_from }
    }
}

impl ExportedReminder {
    /// The same, if the database can keep it.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn checked(self) -> Result<Self, Invalid> {
        let Self { reminder, cancelled_with_task, .. } = &self;
        let mut checks = Checks::new();
        checks.require((1..=ID_MAX).contains(&reminder.id), "/id", format_args!("1 to {ID_MAX}"));
        checks.require(reminder.task_id >= 1, "/task_id", "1 or more");
        checks.require(reminder.retry_count >= 0, "/retry_count", "0 or more");
        let is_sent = reminder.status == ReminderStatus::Sent;
        checks.require(is_sent == reminder.sent_at.is_some(), "/sent_at", "there if the status is sent");
        let is_cancelled = reminder.status == ReminderStatus::Cancelled;
        checks.require(is_cancelled || !cancelled_with_task, "/cancelled_with_task", "false unless the status is cancelled");
        let is_plain = reminder.deliveries.iter().all(|delivery| delivery.error.as_deref().is_none_or(is_plain));
        checks.require(is_plain, "/deliveries", "no NUL character");
        let is_told = |delivery: &crate::reminder::Delivery| (delivery.status == ReminderStatus::Sent) == delivery.sent_at.is_some();
        checks.require(reminder.deliveries.iter().all(is_told), "/deliveries", "sent_at if the status is sent");
        checks.finish(())?;
        Ok(self)
    }
}

/// A task with its reminders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportedTask {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// When it was deleted, if it is in the trash.
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
    /// True if it was completed and its next occurrence is yet to be created.
    #[serde(default)]
    pub occurrence_owed: Option<bool>,
    /// All of its reminders, whatever became of them.
    #[serde(default)]
    pub reminders: Vec<ExportedReminder>,
}

impl ExportedTask {
    /// The same, if it keeps to the rules of a task.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn checked(self) -> Result<Self, Invalid> {
        let Self { task, .. } = &self;
        let mut checks = Checks::new();
        let title = checks.take(task::title(&task.title));
        checks.take(task::description(task.description.clone()));
        let tags = checks.take(task::tags(&task.tags, "/tags"));
        checks.require(title == task.title, "/title", "without spaces at the ends");
        checks.require(tags == task.tags, "/tags", "in lower case, each once");
        checks.require(!task.uid.is_nil(), "/uid", "not the nil UUID");
        checks.require((1..=ID_MAX).contains(&task.id), "/id", format_args!("1 to {ID_MAX}"));
        checks.require(task.version >= 1, "/version", "1 or more");
        checks.require(task.recurrence_number >= 1, "/recurrence_number", "1 or more");
        checks.require(task.recurrence_exdates.len() <= EXDATES_MAX, "/recurrence_exdates", format_args!("at most {EXDATES_MAX}"));
        let is_custom = task.recurrence == Recurrence::Custom;
        checks.require(is_custom == task.recurrence_rule.is_some(), "/recurrence_rule", "there if recurrence is custom");
        task.check_recurrence(&mut checks);
        let has_due = task.due_date.is_some();
        checks.require(has_due || task.reminder_offset.is_none(), "/reminder_offset", "a reminder needs a due_date");
        checks.require(has_due || task.due_day.is_none(), "/due_day", "an all-day task needs a due_date");
        checks.require(task.all_day == task.due_day.is_some(), "/all_day", "true if there is a due_day");
        let is_completed = task.status == Status::Completed;
        checks.require(is_completed == task.completed_at.is_some(), "/completed_at", "there if the status is completed");
        checks.finish(())?;
        let reminders = self.reminders.into_iter().map(ExportedReminder::checked).collect::<Result<_, _>>()?;
        Ok(Self { reminders, ..self })
    }
}

/// Returns an entry of the audit log, if the database can keep it.
///
/// # Errors
/// A text with a NUL character; an id below 1.
pub fn checked_entry(entry: AuditLogEntry) -> Result<AuditLogEntry, Invalid> {
    let mut checks = Checks::new();
    checks.require((1..=ID_MAX).contains(&entry.id), "/id", format_args!("1 to {ID_MAX}"));
    checks.require(is_plain(&entry.event_id) && !entry.event_id.is_empty(), "/event_id", "not empty, and no NUL character");
    checks.finish(())?;
    Ok(entry)
}

fn is_plain(text: &str) -> bool {
    !text.contains('\0')
}
