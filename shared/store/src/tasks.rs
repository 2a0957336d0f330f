//! Tasks: the row, and every statement that reads or writes one by its id. Lists and searches are in `search.rs`.

use std::sync::LazyLock;

use domain::change::{ChangeId, Difference, fields};
use domain::event::{EventType, TaskUpdate, Topic};
use domain::task::{Draft, Recurrence, Status};
use domain::{Moment, Resource, Task, Timestamp, USER_ID};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::Error;
use crate::fold::{fold, push_tag};
use crate::sql::{Bound, Columns, Record, Time, names, record};
use crate::{Store, Unit};

/// The fields of a task. Each is a column of the same name, except the rule: the previous release reads `recurrence_rule`.
macro_rules! fields {
    ($then:ident) => {
        $then! { Task: id, uid, title, description, due_date, due_day, time_zone, recurrence, recurrence_rule in rule, recurrence_from,
        recurrence_start, recurrence_id, recurrence_exdates, recurrence_number, priority, tags, status, completed_at, parent_task_id, reminder_offset, version, created_at, updated_at;
        all_day = due_day.is_some() }
    };
}

macro_rules! columns {
    () => {
        fields!(names)
    };
}

fields!(record);

/// The columns of the table `tasks` from which a [`Task`] is read, in order. The table has a few more, which are internal to the store.
pub const TASK_COLUMNS: &[&str] = Task::COLUMNS;

pub(crate) const COLUMNS: &str = columns!();

const SELECT: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1");
const SELECT_BY_UID: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE uid = $1");
pub(crate) const SELECT_TASKS: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = ANY($1)");
pub(crate) const SELECT_TRASHED: &str = concat!("SELECT ", columns!(), " FROM trashed_tasks WHERE id = $1 FOR UPDATE");
/// Searches the trash if the task is not found.
const SELECT_ANYWHERE: &str =
    concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1 UNION ALL SELECT ", columns!(), " FROM trashed_tasks WHERE id = $1 LIMIT 1");
pub(crate) const SELECT_TRASH: &str = concat!(
    "SELECT total, deleted_at, ",
    columns!(),
    " FROM (SELECT count(*) AS total FROM trashed_tasks) AS counted \
     LEFT JOIN (SELECT * FROM trashed_tasks ORDER BY deleted_at DESC, id DESC LIMIT $1 OFFSET $2) AS page ON true ORDER BY deleted_at DESC, id DESC"
);
/// Skips tasks that another session has locked.
pub(crate) const LOCK_MANY: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED");
const SELECT_FOR_UPDATE: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1 FOR UPDATE");
/// A completed task that owes its next occurrence. If nothing is known, because the task was completed before migration 3, only an event may claim
/// so: the occurrence may have been created and deleted.
const SELECT_OWED: &str =
    concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1 AND status = 'completed' AND occurrence_owed FOR UPDATE");
const SELECT_ANNOUNCED: &str =
    concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1 AND status = 'completed' AND occurrence_owed IS NOT FALSE FOR UPDATE");
const OWING: &str = "SELECT id, completed_at FROM tasks WHERE occurrence_owed AND id > $1 ORDER BY id LIMIT $2";
const SETTLE: &str = "UPDATE tasks SET occurrence_owed = false WHERE id = $1";
const SELECT_OCCURRENCE: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE parent_task_id = $1 FOR UPDATE");

/// The values of an insert or an update: all columns except the id, in order, the title's key, and the version a second time. The latter tells the
/// database that the writer knows all of these columns.
static VALUES: LazyLock<(String, String)> = LazyLock::new(|| {
    let columns = Task::COLUMNS[1..].join(", ");
    let values: Vec<String> = (1..=Task::COLUMNS.len()).map(|number| format!("${number}")).collect();
    let version = Task::COLUMNS.iter().position(|column| *column == "version").unwrap_or_default();
    (format!("{columns}, title_key, written_version"), format!("{}, ${version}", values.join(", ")))
});

static INSERT: LazyLock<String> = LazyLock::new(|| insert(""));
static INSERT_NEW: LazyLock<String> = LazyLock::new(|| insert("ON CONFLICT (uid) DO NOTHING"));
static INSERT_OCCURRENCE: LazyLock<String> =
    LazyLock::new(|| insert("ON CONFLICT (parent_task_id) WHERE parent_task_id IS NOT NULL DO NOTHING"));

/// One statement, and therefore one round trip, for the task and its search text.
fn insert(on_conflict: &str) -> String {
    let ((columns, values), next) = (&*VALUES, Task::COLUMNS.len() + 1);
    format!(
        "WITH created AS (INSERT INTO tasks ({columns}) VALUES ({values}) {on_conflict} RETURNING id, version), \
         found_by AS (INSERT INTO task_search (task_id, folded_title, folded_text, folded_version) \
             SELECT id, ${next}, ${}, version FROM created) \
         SELECT id FROM created",
        next + 1
    )
}

/// The search text is a table of its own, so that completing or moving a task does not touch the trigram index.
static UPDATE: LazyLock<String> = LazyLock::new(|| update(false));
static UPDATE_TEXT: LazyLock<String> = LazyLock::new(|| update(true));

/// One statement, and therefore one round trip, for the task, the values that it replaces, and its search text if that changes.
fn update(text: bool) -> String {
    let ((columns, values), next) = (&*VALUES, Task::COLUMNS.len() + 1);
    let (version, event, previous, title, folded) = (next + 1, next + 2, next + 3, next + 4, next + 5);
    let found_by = if text {
        format!(
            ", found_by AS (UPDATE task_search SET folded_title = ${title}, folded_text = ${folded}, folded_version = changed.version \
             FROM changed WHERE task_id = changed.id)"
        )
    } else {
        String::new()
    };
    format!(
        "WITH changed AS (UPDATE tasks SET ({columns}) = ROW ({values}) WHERE id = ${next} AND version = ${version} \
             RETURNING id, version, updated_at){found_by} \
         INSERT INTO changes (task_id, version, event_type, previous, created_at) \
         SELECT id, version, ${event}, ${previous}::text::jsonb, updated_at FROM changed"
    )
}

/// Deletes a task permanently.
const PURGE: &str = "WITH found_by AS (DELETE FROM task_search WHERE task_id = $1) DELETE FROM tasks WHERE id = $1";

/// Maximum number of tags that [`Store::tags`] returns.
pub const TAGS_MAX: i64 = 10_000;

/// The stored counts, and the changes that are not added to them yet. Exact in every snapshot.
const TAGS: &str = "SELECT tag, sum(tasks)::bigint FROM (SELECT tag, tasks FROM tag_counts UNION ALL SELECT tag, tasks FROM tag_changes) AS known \
     GROUP BY tag HAVING sum(tasks) > 0 ORDER BY 2 DESC, tag COLLATE \"C\" LIMIT $1";

/// A tag, and how many tasks have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// Number of tasks with it, pending and completed.
    pub count: i64,
}

impl Store {
    /// Returns a task.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn task(&self, id: i64) -> Result<Task, Error> {
        let row = self.run_unbroken(|connection| Box::pin(sqlx::query(SELECT).bind(id).fetch_one(connection))).await?;
        Ok(task_of(&row, 0)?)
    }

    /// Returns completed tasks that owe their next occurrence, with ids after `after`, in order, and the time of each completion.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn owing_tasks(&self, after: i64, limit: i64) -> Result<Vec<(i64, Timestamp)>, Error> {
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(OWING).bind(after).bind(limit).fetch_all(connection))).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<Time, _>(1)?.0))).collect()
    }

    /// Returns the tags in use, most used first, at most [`TAGS_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tags(&self) -> Result<Vec<TagCount>, Error> {
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(TAGS).bind(TAGS_MAX).fetch_all(connection))).await?;
        rows.iter().map(|row| Ok(TagCount { tag: row.try_get(0)?, count: row.try_get(1)? })).collect()
    }
}

impl Unit {
    /// Returns a task, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Stale`] if the caller means another version; [`Error::Unavailable`].
    pub async fn task(&mut self, id: i64) -> Result<Task, Error> {
        let row = sqlx::query(SELECT_FOR_UPDATE).bind(id).fetch_one(&mut *self.transaction).await?;
        self.if_match(task_of(&row, 0)?)
    }

    /// Returns the task, if it has a version that the caller means.
    pub(crate) fn if_match(&self, task: Task) -> Result<Task, Error> {
        match &self.work.if_match {
            Some(if_match) if !if_match.matches(task.version) => Err(Error::Stale),
            _ => Ok(task),
        }
    }

    /// Returns a task without locking it, for a unit that holds rows that others lock after the task.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn task_unlocked(&mut self, id: i64) -> Result<Task, Error> {
        let row = sqlx::query(SELECT).bind(id).fetch_one(&mut *self.transaction).await?;
        Ok(task_of(&row, 0)?)
    }

    /// Returns a task, or if it is in the trash, the task as it was. Does not lock it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn task_or_trashed(&mut self, id: i64) -> Result<Task, Error> {
        let row = sqlx::query(SELECT_ANYWHERE).bind(id).fetch_one(&mut *self.transaction).await?;
        Ok(task_of(&row, 0)?)
    }

    /// Returns those of these tasks that exist and that no other session has locked, ordered by id, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tasks(&mut self, ids: &[i64]) -> Result<Vec<Task>, Error> {
        let rows = sqlx::query(LOCK_MANY).bind(ids).fetch_all(&mut *self.transaction).await?;
        Ok(rows.iter().map(|row| task_of(row, 0)).collect::<Result<_, _>>()?)
    }

    /// Returns the occurrence that was created from this task, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn occurrence_of(&mut self, parent: i64) -> Result<Option<Task>, Error> {
        let row = sqlx::query(SELECT_OCCURRENCE).bind(parent).fetch_optional(&mut *self.transaction).await?;
        Ok(row.map(|row| task_of(&row, 0)).transpose()?)
    }

    /// Creates a task and announces it. If a task with the same uid exists, returns that one, and announces nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_task(&mut self, draft: Draft) -> Result<Task, Error> {
        let uid = draft.0.uid;
        // A uid of our own is new, and a statement without a conflict check is faster.
        let sql: &'static str = if uid.is_nil() { &INSERT } else { &INSERT_NEW };
        if let Some(task) = self.insert(sql, draft).await? {
            return Ok(task);
        }
        let row = sqlx::query(SELECT_BY_UID).bind(uid).fetch_one(&mut *self.transaction).await?;
        Ok(task_of(&row, 0)?)
    }

    /// Creates the next occurrence of a task whose completion was announced by an event. Returns `None` if the task is not completed, if its
    /// occurrence was created before (even if it no longer exists), or if its series has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn spawn_announced(&mut self, id: i64) -> Result<Option<Task>, Error> {
        self.spawn(SELECT_ANNOUNCED, id).await
    }

    /// Does the same without an event: creates the occurrence only if the row records that it is owed.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn spawn_owed(&mut self, id: i64) -> Result<Option<Task>, Error> {
        self.spawn(SELECT_OWED, id).await
    }

    /// Creates the next occurrence of a task that the unit has just completed, at this due date if the series has such an occurrence. `None` if its
    /// chain has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn spawn_next(&mut self, done: &Task, due: Option<Moment>) -> Result<Option<Task>, Error> {
        match due.and_then(|due| done.next_occurrence_at(due)) {
            None => self.spawn_owed(done.id).await,
            Some(draft) => {
                let next = self.create_occurrence(draft).await?;
                if let Some(next) = &next {
                    self.carry_reminders(done.id, next).await?;
                }
                Ok(next)
            }
        }
    }

    /// Makes a task that a client has created the next occurrence of a completed task.
    ///
    /// # Errors
    /// [`Error::Stale`] if `next` is not what is stored; [`Error::Unavailable`].
    pub async fn adopt_occurrence(&mut self, done: &Task, next: &Task) -> Result<Task, Error> {
        sqlx::query(SETTLE).bind(done.id).execute(&mut *self.transaction).await?;
        let adopted = Task { parent_task_id: Some(done.id), recurrence_number: done.recurrence_number.saturating_add(1), ..next.clone() };
        self.save_task(next, adopted, EventType::TaskUpdated).await
    }

    async fn spawn(&mut self, select: &'static str, id: i64) -> Result<Option<Task>, Error> {
        let Some(row) = sqlx::query(select).bind(id).fetch_optional(&mut *self.transaction).await? else { return Ok(None) };
        let next = match task_of(&row, 0)?.next_occurrence() {
            Some(draft) => self.create_occurrence(draft).await?,
            None => None,
        };
        match &next {
            Some(next) => self.carry_reminders(id, next).await?,
            // If there is a new occurrence, a trigger does this.
            None => {
                sqlx::query(SETTLE).bind(id).execute(&mut *self.transaction).await?;
            }
        }
        Ok(next)
    }

    /// Creates an occurrence and announces it. Returns `None` if its parent already has one, or gets one at this moment.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_occurrence(&mut self, draft: Draft) -> Result<Option<Task>, Error> {
        self.insert(&INSERT_OCCURRENCE, Draft(Task { uid: Uuid::nil(), ..draft.0 })).await
    }

    /// Saves a change of a task that the unit has locked, and announces it. If nothing changed, returns `before`, without an event.
    ///
    /// The version and the time of the change are set here. Id, uid and creation time never change, whatever `after` says.
    ///
    /// # Errors
    /// [`Error::Stale`] if `before` is not what is stored; [`Error::Unavailable`].
    pub async fn save_task(&mut self, before: &Task, after: Task, announce: EventType) -> Result<Task, Error> {
        let after = Task {
            id: before.id,
            uid: before.uid,
            version: before.version,
            created_at: before.created_at,
            updated_at: before.updated_at,
            ..after
        };
        if after == *before { Ok(after) } else { self.save_changed(before, after, announce).await }
    }

    /// Creates a version of a task without changed fields, after a change that only calendar clients see.
    ///
    /// # Errors
    /// [`Error::Stale`] if `task` is not what is stored; [`Error::Unavailable`].
    pub async fn touch_task(&mut self, task: &Task) -> Result<Task, Error> {
        self.save_changed(task, task.clone(), EventType::TaskUpdated).await
    }

    async fn save_changed(&mut self, before: &Task, mut after: Task, announce: EventType) -> Result<Task, Error> {
        after.version = before.version + 1;
        after.updated_at = self.now();
        let difference = Difference::between(before, &after);
        let is_found_otherwise = after.title != before.title || after.description != before.description || after.tags != before.tags;
        let sql: &'static str = if is_found_otherwise { &UPDATE_TEXT } else { &UPDATE };
        let query = with_values(sql, &after).bind(after.id).bind(before.version);
        let mut query = query.bind(announce.as_str()).bind(Value::Object(difference.before).to_string());
        if is_found_otherwise {
            let (title, text) = folded(&after);
            query = query.bind(title).bind(text);
        }
        if query.execute(&mut *self.transaction).await?.rows_affected() == 0 {
            return Err(Error::Stale);
        }
        self.made = Some(ChangeId { task_id: after.id, version: after.version });
        self.announce(announce, &after, difference.after)?;
        Ok(after)
    }

    /// Completes a task that the unit has locked. A completed task stays unchanged.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn complete_task(&mut self, task: Task) -> Result<Task, Error> {
        let now = self.now();
        self.complete_task_at(task, now).await
    }

    /// Completes a task with this time of completion, or now if that is earlier.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn complete_task_at(&mut self, task: Task, at: Timestamp) -> Result<Task, Error> {
        if task.status == Status::Completed {
            return Ok(task);
        }
        let completed = Task { status: Status::Completed, completed_at: Some(at.min(self.now())), ..task.clone() };
        self.save_task(&task, completed, EventType::TaskCompleted).await
    }

    /// Reopens a task that the unit has locked. A pending task stays unchanged.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reopen_task(&mut self, task: Task) -> Result<Task, Error> {
        let reopened = Task { status: Status::Pending, completed_at: None, ..task.clone() };
        self.take_back_completion(&task, reopened).await
    }

    /// Saves a change that makes a completed task pending again. Its next occurrence is deleted permanently if it was not changed.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(crate) async fn take_back_completion(&mut self, task: &Task, reopened: Task) -> Result<Task, Error> {
        if task.status == Status::Completed
            && let Some(next) = self.occurrence_of(task.id).await?
            && next.is_untouched()
        {
            sqlx::query(PURGE).bind(next.id).execute(&mut *self.transaction).await?;
            self.announce(EventType::TaskDeleted, &next, Map::new())?;
        }
        self.save_task(task, reopened, EventType::TaskUpdated).await
    }

    /// Moves a task that the unit has locked to the trash, and announces it as it last was. Its reminders stay; their consumers cancel them. If it
    /// still owes its next occurrence, that is created first, so that the series continues.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is deleted already; [`Error::Unavailable`].
    pub async fn delete_task(&mut self, task: &Task) -> Result<(), Error> {
        if task.status == Status::Completed && task.recurrence != Recurrence::None {
            self.spawn_owed(task.id).await?;
        }
        self.trash(task).await?;
        self.announce(EventType::TaskDeleted, task, Map::new())
    }

    /// Creates a task and announces it, unless the statement finds a conflict.
    async fn insert(&mut self, sql: &'static str, draft: Draft) -> Result<Option<Task>, Error> {
        let mut task = draft.created(0, self.now());
        if task.uid.is_nil() {
            task.uid = self.work.ids.next();
        }
        let (title, text) = folded(&task);
        let query = with_values(sql, &task).bind(title).bind(text);
        let Some(row) = query.fetch_optional(&mut *self.transaction).await? else { return Ok(None) };
        let task = Task { id: row.try_get(0)?, ..task };
        self.made = Some(ChangeId { task_id: task.id, version: task.version });
        self.announce(EventType::TaskCreated, &task, fields(&task))?;
        Ok(Some(task))
    }

    /// Announces a task to consumers (`task-events`) and pages (`task-updates`).
    pub(crate) fn announce(&mut self, event_type: EventType, task: &Task, update_data: Map<String, Value>) -> Result<(), Error> {
        self.tell(Topic::TaskEvents, event_type, task)?;
        self.announce_update(event_type, &task.subject(), task.id, update_data)
    }

    /// Announces a task to pages (`task-updates`).
    pub(crate) fn announce_update(
        &mut self,
        event_type: EventType,
        subject: &str,
        task_id: i64,
        update_data: Map<String, Value>,
    ) -> Result<(), Error> {
        let update = TaskUpdate {
            event_type,
            task_id,
            update_data,
            user_id: USER_ID,
            timestamp: self.now(),
            correlation_id: self.origin().correlation_id.clone(),
        };
        self.emit(Topic::TaskUpdates, event_type, subject, task_id, &update)
    }
}

/// Returns a statement with the values that [`VALUES`] names.
fn with_values(sql: &'static str, task: &Task) -> Bound {
    task.bind(sqlx::query(sql)).bind(title_key(&task.title))
}

/// Returns the key by which titles are sorted: case-insensitive.
pub(crate) fn title_key(title: &str) -> String {
    title.to_lowercase()
}

/// Returns the search text of a task: its folded title, and the title with the folded description and tags appended. No term spans two of them.
pub(crate) fn folded(task: &Task) -> (String, String) {
    let title = fold(&task.title);
    let mut text = format!("{title}\n{}", fold(&task.description));
    for tag in &task.tags {
        push_tag(tag, &mut text);
    }
    (title, text)
}

/// Returns the task of a row that has [`COLUMNS`] from `first` on.
pub(crate) fn task_of(row: &PgRow, first: usize) -> Result<Task, sqlx::Error> {
    Ok(Task::read(&mut Columns::from(row, first))?.with_day_kept())
}
