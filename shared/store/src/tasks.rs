//! Tasks: the row, and every statement that writes or reads one by its id. Lists and searches are in `search.rs`.

use domain::event::{EventType, TaskEvent, TaskUpdate, Topic, changed_fields};
use domain::task::Draft;
use domain::{Task, USER_ID};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

use crate::error::Error;
use crate::fold::fold;
use crate::sql::{Columns, Named, Time, priority, rank};
use crate::{Store, Unit};

/// The columns of a task, in the order of [`task_of`].
macro_rules! columns {
    () => {
        "id, title, description, due_date, time_zone, recurrence, recurrence_rule, recurrence_from, recurrence_start, \
         recurrence_number, priority, tags, status, completed_at, parent_task_id, reminder_offset, version, created_at, updated_at"
    };
}

pub(crate) const COLUMNS: &str = columns!();

const SELECT: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1");
const SELECT_FOR_UPDATE: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1 FOR UPDATE");
const SELECT_OCCURRENCE: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE parent_task_id = $1 FOR UPDATE");

/// One statement, so one round trip, for the task and what it is found by.
macro_rules! insert {
    ($on_conflict:literal) => {
        concat!(
            "WITH created AS (INSERT INTO tasks (title, title_key, description, due_date, time_zone, recurrence, recurrence_rule, ",
            "recurrence_from, recurrence_start, recurrence_number, priority, tags, status, parent_task_id, reminder_offset, version, ",
            "created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'pending', $13, $14, 1, $15, $15) ",
            $on_conflict,
            " RETURNING id), found_by AS (INSERT INTO task_search (task_id, folded_title, folded_text) SELECT id, $16, $17 FROM created) ",
            "SELECT id FROM created"
        )
    };
}

const INSERT: &str = insert!("");
const INSERT_OCCURRENCE: &str = insert!("ON CONFLICT (parent_task_id) WHERE parent_task_id IS NOT NULL DO NOTHING");

macro_rules! update {
    ($found_by:literal) => {
        concat!(
            $found_by,
            "UPDATE tasks SET title = $2, title_key = $3, description = $4, due_date = $5, time_zone = $6, recurrence = $7, ",
            "recurrence_rule = $8, recurrence_from = $9, recurrence_start = $10, recurrence_number = $11, priority = $12, tags = $13, ",
            "status = $14, completed_at = $15, parent_task_id = $16, reminder_offset = $17, version = $18, updated_at = $19 ",
            "WHERE id = $1 AND version = $18 - 1"
        )
    };
}

/// What a task is found by is a table of its own, so that completing or tagging it does not touch the index of trigrams.
const UPDATE: &str = update!("");
const UPDATE_TEXT: &str = update!("WITH found_by AS (UPDATE task_search SET folded_title = $20, folded_text = $21 WHERE task_id = $1) ");

const DELETE: &str = "WITH found_by AS (DELETE FROM task_search WHERE task_id = $1) DELETE FROM tasks WHERE id = $1";

/// Tags that [`Store::tags`] answers at most.
pub const TAGS_MAX: i64 = 10_000;

const TAGS: &str = "SELECT tag, count(*) FROM tasks CROSS JOIN unnest(tags) AS tag GROUP BY tag \
     ORDER BY count(*) DESC, tag COLLATE \"C\" LIMIT $1";

/// A tag and how many tasks have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// Tasks that have it, pending and completed.
    pub count: i64,
}

impl Store {
    /// The task.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn task(&self, id: i64) -> Result<Task, Error> {
        let row = self.read(|connection| Box::pin(sqlx::query(SELECT).bind(id).fetch_one(connection))).await?;
        Ok(task_of(&row, 0)?)
    }

    /// The tags in use, the most used first, at most [`TAGS_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tags(&self) -> Result<Vec<TagCount>, Error> {
        let rows = self.read(|connection| Box::pin(sqlx::query(TAGS).bind(TAGS_MAX).fetch_all(connection))).await?;
        rows.iter().map(|row| Ok(TagCount { tag: row.try_get(0)?, count: row.try_get(1)? })).collect()
    }
}

impl Unit {
    /// The task, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Stale`] if the caller means another version; [`Error::Unavailable`].
    pub async fn task(&mut self, id: i64) -> Result<Task, Error> {
        let row = sqlx::query(SELECT_FOR_UPDATE).bind(id).fetch_one(&mut *self.transaction).await?;
        let task = task_of(&row, 0)?;
        match &self.work.if_match {
            Some(if_match) if !if_match.matches(task.version) => Err(Error::Stale),
            _ => Ok(task),
        }
    }

    /// The task as it is, not locked: for a unit that holds what others lock after the task.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn task_unlocked(&mut self, id: i64) -> Result<Task, Error> {
        let row = sqlx::query(SELECT).bind(id).fetch_one(&mut *self.transaction).await?;
        Ok(task_of(&row, 0)?)
    }

    /// The occurrence that was spawned from this task, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn occurrence_of(&mut self, parent: i64) -> Result<Option<Task>, Error> {
        let row = sqlx::query(SELECT_OCCURRENCE).bind(parent).fetch_optional(&mut *self.transaction).await?;
        Ok(row.map(|row| task_of(&row, 0)).transpose()?)
    }

    /// Keeps a new task and announces it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_task(&mut self, draft: Draft) -> Result<Task, Error> {
        let row = self.insert(INSERT, &draft).fetch_one(&mut *self.transaction).await?;
        self.created(row.try_get(0)?, draft)
    }

    /// Keeps a new occurrence and announces it. `None` if its parent already has one, or gets one at this moment.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_occurrence(&mut self, draft: Draft) -> Result<Option<Task>, Error> {
        match self.insert(INSERT_OCCURRENCE, &draft).fetch_optional(&mut *self.transaction).await? {
            Some(row) => self.created(row.try_get(0)?, draft).map(Some),
            None => Ok(None),
        }
    }

    /// Keeps a change of a task that the unit has locked, and announces it. Nothing changed: `before`, and no event.
    ///
    /// The version and the time of the change are set here, whatever `after` says.
    ///
    /// # Errors
    /// [`Error::Stale`] if `before` is not what is kept; [`Error::Unavailable`].
    pub async fn save_task(&mut self, before: &Task, after: Task, announce: EventType) -> Result<Task, Error> {
        let mut after =
            Task { id: before.id, version: before.version, created_at: before.created_at, updated_at: before.updated_at, ..after };
        if after == *before {
            return Ok(after);
        }
        after.version = before.version + 1;
        after.updated_at = self.now();
        let new_text = after.title != before.title || after.description != before.description;
        let mut query = update_values(sqlx::query(if new_text { UPDATE_TEXT } else { UPDATE }), &after);
        if new_text {
            let (title, text) = folded(&after.title, &after.description);
            query = query.bind(title).bind(text);
        }
        if query.execute(&mut *self.transaction).await?.rows_affected() == 0 {
            return Err(Error::Stale);
        }
        self.announce(announce, &after, changed_fields(Some(before), &after))?;
        Ok(after)
    }

    /// Deletes a task that the unit has locked, and announces it as it last was. Its reminders stay, for their consumers
    /// to cancel.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is gone already; [`Error::Unavailable`].
    pub async fn delete_task(&mut self, task: &Task) -> Result<(), Error> {
        if sqlx::query(DELETE).bind(task.id).execute(&mut *self.transaction).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        self.announce(EventType::TaskDeleted, task, Map::new())
    }

    fn insert(&self, sql: &'static str, draft: &Draft) -> Query<'static, sqlx::Postgres, PgArguments> {
        let (title, text) = folded(&draft.title, &draft.description);
        sqlx::query(sql)
            .bind(draft.title.clone())
            .bind(title_key(&draft.title))
            .bind(draft.description.clone())
            .bind(draft.due_date.map(Time))
            .bind(draft.time_zone.name().to_owned())
            .bind(draft.recurrence.name())
            .bind(draft.recurrence_rule.as_ref().map(ToString::to_string))
            .bind(draft.recurrence_from.name())
            .bind(draft.recurrence_start.map(Time))
            .bind(draft.recurrence_number)
            .bind(rank(draft.priority))
            .bind(draft.tags.clone())
            .bind(draft.parent_task_id)
            .bind(draft.reminder_offset.map(|offset| offset.to_string()))
            .bind(Time(self.now()))
            .bind(title)
            .bind(text)
    }

    fn created(&mut self, id: i64, draft: Draft) -> Result<Task, Error> {
        let task = Task::created(id, draft, self.now());
        self.announce(EventType::TaskCreated, &task, changed_fields(None, &task))?;
        Ok(task)
    }

    /// Tells the consumers (task-events) and the pages (task-updates) of a task.
    fn announce(&mut self, event_type: EventType, task: &Task, update_data: Map<String, Value>) -> Result<(), Error> {
        let subject = format!("task/{}", task.id);
        let event = TaskEvent {
            event_type,
            task_id: task.id,
            task_data: task.clone(),
            user_id: USER_ID,
            timestamp: self.now(),
            correlation_id: self.origin().correlation_id.clone(),
        };
        self.emit(Topic::TaskEvents, event_type, &subject, task.id, &event)?;
        self.announce_update(event_type, &subject, task.id, update_data)
    }

    /// Tells the pages (task-updates).
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

fn update_values<'q>(query: Query<'q, sqlx::Postgres, PgArguments>, task: &'q Task) -> Query<'q, sqlx::Postgres, PgArguments> {
    query
        .bind(task.id)
        .bind(&task.title)
        .bind(title_key(&task.title))
        .bind(&task.description)
        .bind(task.due_date.map(Time))
        .bind(task.time_zone.name())
        .bind(task.recurrence.name())
        .bind(task.recurrence_rule.as_ref().map(ToString::to_string))
        .bind(task.recurrence_from.name())
        .bind(task.recurrence_start.map(Time))
        .bind(task.recurrence_number)
        .bind(rank(task.priority))
        .bind(&task.tags)
        .bind(task.status.name())
        .bind(task.completed_at.map(Time))
        .bind(task.parent_task_id)
        .bind(task.reminder_offset.map(|offset| offset.to_string()))
        .bind(task.version)
        .bind(Time(task.updated_at))
}

/// What titles are sorted by: letters without regard to case.
fn title_key(title: &str) -> String {
    title.to_lowercase()
}

/// What a task is found by: its folded title, and that with the folded description behind it. No term spans the two.
fn folded(title: &str, description: &str) -> (String, String) {
    let title = fold(title);
    let text = format!("{title}\n{}", fold(description));
    (title, text)
}

/// The task of a row that has [`COLUMNS`] from `first` on.
pub(crate) fn task_of(row: &PgRow, first: usize) -> Result<Task, sqlx::Error> {
    let mut columns = Columns::from(row, first);
    Ok(Task {
        id: columns.get()?,
        title: columns.get()?,
        description: columns.get()?,
        due_date: columns.optional_time()?,
        time_zone: columns.parsed()?,
        recurrence: columns.named()?,
        recurrence_rule: columns.optional_parsed()?,
        recurrence_from: columns.named()?,
        recurrence_start: columns.optional_time()?,
        recurrence_number: columns.get()?,
        priority: priority(columns.get()?)?,
        tags: columns.get()?,
        status: columns.named()?,
        completed_at: columns.optional_time()?,
        parent_task_id: columns.get()?,
        reminder_offset: columns.optional_parsed()?,
        version: columns.get()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
    })
}
