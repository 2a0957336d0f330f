//! The trash: deleted tasks in a table of their own, which lists, counts, searches and earlier releases do not read.

use domain::change::{ChangeId, fields};
use domain::event::EventType;
use domain::query::Window;
use domain::task::TrashedTask;
use domain::{Page, Task, Timestamp};
use serde_json::json;
use sqlx::Row;

use crate::error::{Error, found};
use crate::sql::Time;
use crate::tasks::{SELECT_TRASH, SELECT_TRASHED, folded, task_of};
use crate::{Store, Unit};

/// Days for which a deleted task is kept.
pub const TRASH_DAYS: i32 = 30;
/// Rows that one statement deletes when the trash is emptied.
const BATCH: i64 = 5_000;

/// Moves the whole row. `trashed_tasks` has the time of the deletion, followed by the columns of `tasks` in their order, so columns that a later
/// migration adds are moved as well.
const TRASH: &str = "WITH found_by AS (DELETE FROM task_search WHERE task_id = $1), \
     gone AS (DELETE FROM tasks WHERE id = $1 RETURNING *), \
     trashed AS (INSERT INTO trashed_tasks SELECT $2, gone.* FROM gone RETURNING id, version) \
     INSERT INTO changes (task_id, version, event_type, previous, created_at) SELECT id, version + 1, $3, '{}', $2 FROM trashed";

/// Moves the row by the names of its columns, and replaces the columns that $2 has.
const RESTORE: &str = "WITH back AS (DELETE FROM trashed_tasks WHERE id = $1 RETURNING *), \
     restored AS (INSERT INTO tasks OVERRIDING SYSTEM VALUE \
         SELECT task.* FROM back, jsonb_populate_record(NULL::tasks, to_jsonb(back) || $2::text::jsonb) AS task \
         RETURNING id, version, updated_at), \
     found_by AS (INSERT INTO task_search (task_id, folded_title, folded_text, folded_version) SELECT id, $3, $4, version FROM restored) \
     INSERT INTO changes (task_id, version, event_type, previous, created_at) SELECT id, version, $5, '{}', updated_at FROM restored";

const LOCK_PARENT: &str = "SELECT FROM tasks WHERE id = $1 FOR UPDATE";
const IS_TAKEN: &str = "SELECT EXISTS (SELECT FROM tasks WHERE parent_task_id = $1), EXISTS (SELECT FROM tasks WHERE uid = $2)";
const EMPTY: &str = "DELETE FROM trashed_tasks WHERE ctid = ANY (ARRAY \
     (SELECT ctid FROM trashed_tasks WHERE deleted_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))";

impl Store {
    /// Returns a page of the trash, last deleted first, and the number of tasks in it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn trash(&self, window: Window) -> Result<Page<TrashedTask>, Error> {
        let rows = self
            .run_unbroken(|connection| Box::pin(sqlx::query(SELECT_TRASH).bind(window.limit).bind(window.offset).fetch_all(connection)))
            .await?;
        let total_count = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            // There is a row for each task of the page, or one row with only the count.
            if let Some(Time(deleted_at)) = row.try_get(1)? {
                items.push(TrashedTask { deleted_at, task: task_of(row, 2)? });
            }
        }
        Ok(Page { items, total_count })
    }

    /// Deletes everything that is in the trash at `now`, permanently.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; what was deleted before the error stays deleted.
    pub async fn empty_trash(&self, now: Timestamp) -> Result<(), Error> {
        loop {
            let done = self.run_unbroken(|connection| Box::pin(sqlx::query(EMPTY).bind(Time(now)).bind(BATCH).execute(connection))).await?;
            if done.rows_affected() < BATCH.unsigned_abs() {
                return Ok(());
            }
        }
    }
}

impl Unit {
    /// Returns a deleted task, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not in the trash; [`Error::Stale`] if the caller means another version; [`Error::Unavailable`].
    pub(crate) async fn trashed(&mut self, id: i64) -> Result<Task, Error> {
        let row = sqlx::query(SELECT_TRASHED).bind(id).fetch_one(&mut *self.transaction).await?;
        self.if_match(task_of(&row, 0)?)
    }

    /// Moves the row of a task to the trash. Like every change, this creates a version, but no caller sees it.
    pub(crate) async fn trash(&mut self, task: &Task) -> Result<(), Error> {
        let query = sqlx::query(TRASH).bind(task.id).bind(Time(self.now())).bind(EventType::TaskDeleted.as_str());
        if query.execute(&mut *self.transaction).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        self.made = Some(ChangeId { task_id: task.id, version: task.version + 1 });
        Ok(())
    }

    /// Restores a task from the trash with its id, and announces it. A task that is not deleted stays unchanged.
    ///
    /// If its parent has another occurrence by now, it is restored without a parent. If another task has its uid by now, it gets a new one.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Stale`] if the caller means another version; [`Error::Unavailable`].
    pub async fn restore_task(&mut self, id: i64) -> Result<Task, Error> {
        if let Some(task) = found(self.task(id).await)? {
            return Ok(task);
        }
        let Some(trashed) = found(self.trashed(id).await)? else {
            // Another caller has just restored it, or it never existed.
            return self.task(id).await;
        };
        if let Some(parent) = trashed.parent_task_id {
            // The creation of an occurrence locks its parent.
            sqlx::query(LOCK_PARENT).bind(parent).fetch_optional(&mut *self.transaction).await?;
        }
        let taken = sqlx::query(IS_TAKEN).bind(trashed.parent_task_id).bind(trashed.uid).fetch_one(&mut *self.transaction).await?;
        let (has_successor, has_namesake): (bool, bool) = (taken.try_get(0)?, taken.try_get(1)?);
        let task = Task {
            parent_task_id: trashed.parent_task_id.filter(|_| !has_successor),
            uid: if has_namesake { self.work.ids.next() } else { trashed.uid },
            // The deletion also created a version.
            version: trashed.version + 2,
            updated_at: self.now(),
            ..trashed
        };
        // `due_date`: the previous release may have changed the zone of an all-day task without updating the instant.
        let changed = json!({
            "parent_task_id": task.parent_task_id,
            "uid": task.uid,
            "due_date": task.due_date,
            "version": task.version,
            "written_version": task.version,
            "updated_at": task.updated_at,
        });
        let (title, text) = folded(&task);
        let query = sqlx::query(RESTORE).bind(id).bind(changed.to_string()).bind(title).bind(text);
        if query.bind(EventType::TaskRestored.as_str()).execute(&mut *self.transaction).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        self.made = Some(ChangeId { task_id: id, version: task.version });
        self.announce(EventType::TaskRestored, &task, fields(&task))?;
        Ok(task)
    }
}
