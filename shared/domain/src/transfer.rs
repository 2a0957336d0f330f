//! Import and export: the resource of an import, its report, and the document of Taskflow's own export.

use serde::{Deserialize, Serialize};

use crate::audit::AuditLogEntry;
use crate::event::EventType;
use crate::invalid::{Checks, Invalid};
use crate::moment::Day;
use crate::offset::ReminderOffset;
use crate::preferences::OwnPreferences;
use crate::recurrence::Rule;
use crate::reminder::{Reminder, ReminderStatus, StoredReminder};
use crate::task::{self, EXDATES_MAX, Priority, Recurrence, Status, Task};
use crate::time::Timestamp;

/// Number of tasks in a preview.
pub const PREVIEW_MAX: usize = 10;
/// The largest id that is restored: far above any assigned id, and far below the last one of a sequence.
const ID_MAX: i64 = 1_000_000_000_000_000;
/// Maximum number of characters of the name of a calendar resource.
pub const RESOURCE_NAME_MAX: usize = 250;
/// Maximum number of bytes of the UID that a calendar client writes. An index contains it.
pub const UID_MAX: usize = 1_000;
/// The version of the document that begins with [`ExportHead`].
pub const EXPORT_VERSION: u32 = 1;

/// The application that wrote a file.
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
    /// The formats, for messages.
    pub const NAMES: &'static str = "taskflow, todoist, ticktick, vikunja, takeout or ics";
}

/// The state of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ImportStatus {
    /// The file is being received.
    Receiving,
    /// A job reads the file without changing anything.
    Checking,
    /// The preview is ready; `POST /api/imports/{id}/run` imports it.
    Checked,
    /// A job imports the file.
    Importing,
    /// Every task is imported.
    Done,
    /// The file could not be read to its end; `error` has the reason.
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
    /// The title.
    pub title: String,
    /// The due date.
    pub due_date: Option<Timestamp>,
    /// The due day of an all-day task.
    pub due_day: Option<Day>,
    /// Its recurrence.
    pub recurrence: Recurrence,
    /// The RFC 5545 RRULE, if `recurrence` is custom.
    pub recurrence_rule: Option<Rule>,
    /// Its priority.
    pub priority: Priority,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its status.
    pub status: Status,
}

impl PreviewTask {
    /// Returns the preview of a task at this line.
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

/// Counters of an import. A check counts what an import would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ImportCounts {
    /// Items that were read: tasks and, in Taskflow's own export, entries of the audit log and reminders without a task.
    pub read: i64,
    /// Tasks that were created.
    pub created: i64,
    /// Tasks that already existed, by their uid.
    pub existing: i64,
    /// Items that could not be imported; the report has the reasons.
    pub skipped: i64,
}

/// An import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Import {
    /// Set by the service.
    pub id: i64,
    /// The application that wrote the file.
    pub format: ImportFormat,
    /// The state.
    pub status: ImportStatus,
    /// Number of bytes of the file.
    pub size: i64,
    /// Number of items of the file, once a check has counted them.
    pub total: Option<i64>,
    /// The counters so far.
    #[serde(flatten)]
    pub counts: ImportCounts,
    /// Number of entries of the report.
    pub notes: i64,
    /// True if it restores an export of Taskflow into an empty one, with ids, audit log and preferences.
    pub restores: bool,
    /// The first tasks, once a check has read them; at most 10.
    #[schemars(length(max = 10))]
    pub preview: Vec<PreviewTask>,
    /// The reason of its failure.
    pub error: Option<String>,
    /// Set by the service.
    pub created_at: Timestamp,
    /// Time of its end.
    pub finished_at: Option<Timestamp>,
}

/// Outcome of an item in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum NoteKind {
    /// It was imported, except for something that Taskflow cannot represent.
    Changed,
    /// Not imported.
    Skipped,
}

/// One entry of the report of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ImportNote {
    /// The line of the file; in JSON, zip and iCalendar, the number of the item.
    pub line: i64,
    /// The title of the item, if it has one.
    pub title: String,
    /// The outcome.
    pub kind: NoteKind,
    /// What could not be imported, as a text for the user.
    pub text: String,
}

/// Data of `tasks.imported`: this many tasks were added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TasksImported {
    /// The CloudEvent's type.
    pub event_type: EventType,
    /// The import.
    pub import_id: i64,
    /// Number of tasks that were created.
    pub count: i64,
    /// The owner's id.
    pub user_id: i64,
    /// Time of the import.
    pub timestamp: Timestamp,
    /// Connects everything that one call caused.
    pub correlation_id: String,
}

/// The last ids of an exported Taskflow, so that ids in its audit log are never assigned again.
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
    /// Returns the same ids, limited to those that can be restored.
    #[must_use]
    pub fn bounded(self) -> Self {
        let bound = |id: i64| id.clamp(0, ID_MAX);
        Self { tasks: bound(self.tasks), reminders: bound(self.reminders), audit: bound(self.audit) }
    }
}

/// The beginning of an export. `tasks`, `reminders` and `audit` follow: lists of [`ExportedTask`], of [`ExportedReminder`] whose task was deleted
/// permanently, and of [`AuditLogEntry`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportHead {
    /// [`EXPORT_VERSION`].
    pub taskflow: u32,
    /// Time of the export.
    pub exported_at: Timestamp,
    /// The last ids.
    pub last_ids: LastIds,
    /// The user's preferences.
    pub preferences: OwnPreferences,
}

/// A reminder with its internal fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportedReminder {
    /// The reminder.
    #[serde(flatten)]
    pub reminder: Reminder,
    /// True if it comes from the task's own `reminder_offset`.
    pub of_task: bool,
    /// True if it was cancelled because its task was completed or deleted.
    pub cancelled_with_task: bool,
    /// For a snoozed reminder, the time at which it would fire without the snooze.
    pub snoozed_from: Option<Timestamp>,
}

impl From<StoredReminder> for ExportedReminder {
    fn from(stored: StoredReminder) -> Self {
        let StoredReminder { reminder, of_task, cancelled_with_task, snoozed_from } = stored;
        Self { reminder, of_task, cancelled_with_task, snoozed_from }
    }
}

impl From<ExportedReminder> for StoredReminder {
    fn from(exported: ExportedReminder) -> Self {
        let ExportedReminder { reminder, of_task, cancelled_with_task, snoozed_from } = exported;
        Self { reminder, of_task, cancelled_with_task, snoozed_from }
    }
}

impl ExportedReminder {
    /// Returns the same as [`StoredReminder::goes_along`].
    #[must_use]
    pub fn goes_along(&self) -> Option<ReminderOffset> {
        StoredReminder::from(self.clone()).goes_along()
    }

    /// Returns the same reminder, if it can be stored.
    ///
    /// # Errors
    /// Every invalid field.
    pub fn checked(self) -> Result<Self, Invalid> {
        let Self { reminder, cancelled_with_task, .. } = &self;
        let mut checks = Checks::new();
        checks.require((1..=ID_MAX).contains(&reminder.id), "/id", format_args!("1 to {ID_MAX}"));
        checks.require(reminder.task_id >= 1, "/task_id", "1 or more");
        checks.require(reminder.retry_count >= 0, "/retry_count", "0 or more");
        let is_sent = reminder.status == ReminderStatus::Sent;
        checks.require(is_sent == reminder.sent_at.is_some(), "/sent_at", "required if the status is sent, otherwise not allowed");
        let is_cancelled = reminder.status == ReminderStatus::Cancelled;
        checks.require(is_cancelled || !cancelled_with_task, "/cancelled_with_task", "false unless the status is cancelled");
        let is_plain = reminder.deliveries.iter().all(|delivery| delivery.error.as_deref().is_none_or(is_plain));
        checks.require(is_plain, "/deliveries", "no NUL character");
        let is_told = |delivery: &crate::reminder::Delivery| (delivery.status == ReminderStatus::Sent) == delivery.sent_at.is_some();
        checks.require(
            reminder.deliveries.iter().all(is_told),
            "/deliveries",
            "sent_at is required if the status is sent, otherwise not allowed",
        );
        checks.finish(())?;
        Ok(self)
    }
}

/// The resource of a task for calendar clients, if a client wrote it or its series has moved on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarObject {
    /// The last part of its path.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The last text of a client; empty if there is none.
    pub written: String,
    /// The version of the task that the text was written for.
    pub written_version: i64,
}

impl CalendarObject {
    /// Returns the same object, if it can be stored.
    ///
    /// # Errors
    /// Every invalid field.
    pub fn checked(self) -> Result<Self, Invalid> {
        let mut checks = Checks::new();
        checks.require(
            is_resource_name(&self.name),
            "/name",
            format_args!("1 to {RESOURCE_NAME_MAX} characters, without / and control characters"),
        );
        // The UIDs of completed occurrences have prefixes.
        let is_uid = (1..=2 * UID_MAX).contains(&self.uid.len()) && is_plain(&self.uid);
        checks.require(is_uid, "/uid", format_args!("1 to {} bytes, without NUL", 2 * UID_MAX));
        checks.require(is_plain(&self.written), "/written", "no NUL character");
        checks.require((-ID_MAX..=ID_MAX).contains(&self.written_version), "/written_version", format_args!("-{ID_MAX} to {ID_MAX}"));
        checks.finish(self)
    }
}

/// True if a resource can have this name.
#[must_use]
pub fn is_resource_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= RESOURCE_NAME_MAX && !name.contains('/') && !name.chars().any(char::is_control)
}

/// A task with its reminders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportedTask {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// Time of its deletion, if it is in the trash.
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
    /// True if it was completed and its next occurrence does not exist yet.
    #[serde(default)]
    pub occurrence_owed: Option<bool>,
    /// All of its reminders, of any status.
    #[serde(default)]
    pub reminders: Vec<ExportedReminder>,
    /// Its resource, if it is not the one that every task has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar_object: Option<CalendarObject>,
}

impl ExportedTask {
    /// Returns the same task, if it is valid.
    ///
    /// # Errors
    /// Every invalid field.
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
        checks.require(
            is_custom == task.recurrence_rule.is_some(),
            "/recurrence_rule",
            "required if recurrence is custom, otherwise not allowed",
        );
        task.check_recurrence(&mut checks);
        let has_due = task.due_date.is_some();
        checks.require(has_due || task.reminder_offset.is_none(), "/reminder_offset", "a reminder needs a due_date");
        checks.require(has_due || task.due_day.is_none(), "/due_day", "an all-day task needs a due_date");
        checks.require(task.all_day == task.due_day.is_some(), "/all_day", "true if due_day is set, otherwise false");
        let is_completed = task.status == Status::Completed;
        checks.require(
            is_completed == task.completed_at.is_some(),
            "/completed_at",
            "required if the status is completed, otherwise not allowed",
        );
        checks.finish(())?;
        let reminders = self.reminders.into_iter().map(ExportedReminder::checked).collect::<Result<_, _>>()?;
        Ok(Self { reminders, ..self })
    }
}

/// Returns an entry of the audit log, if it can be stored.
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
