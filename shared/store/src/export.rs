//! Reads an export: pages by id, each with one statement, so that a slow caller holds no connection and no snapshot.

use std::collections::HashMap;

use domain::audit::AuditLogEntry;
use domain::reminder::StoredReminder;
use domain::transfer::{CalendarObject, ExportedTask, LastIds};
use sqlx::Row;

use crate::Store;
use crate::audit::entry_of;
use crate::error::Error;
use crate::reminders::{SELECT_OF_TASKS, SELECT_WITHOUT_TASK, reminder_of};
use crate::sql::Time;
use crate::tasks::{COLUMNS, task_of};

/// Rows of a page.
pub const EXPORT_PAGE: i64 = 500;

const LAST_IDS: &str = "SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tasks_id_seq), \
     (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM reminders_id_seq), \
     (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_log_id_seq)";

const OBJECTS: &str = "SELECT task_id, name, uid, written, written_version FROM calendar_objects WHERE task_id = ANY ($1)";

/// The first column is where [`entry_of`] expects a count.
const AUDIT: &str = "SELECT 0::bigint, id, event_id, event_type, task_id, parent_task_id, user_id, event_data::text, created_at \
     FROM audit_log WHERE id > $1 ORDER BY id LIMIT $2";

impl Store {
    /// Returns the last assigned ids.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn last_ids(&self) -> Result<LastIds, Error> {
        let row = self.run_unbroken(|connection| Box::pin(sqlx::query(LAST_IDS).fetch_one(connection))).await?;
        Ok(LastIds { tasks: row.try_get(0)?, reminders: row.try_get(1)?, audit: row.try_get(2)? })
    }

    /// Returns tasks with ids after `after`, in order, including those in the trash, each with its reminders and its calendar object; at most
    /// [`EXPORT_PAGE`]. A task is on exactly one page, even if it moves to the trash or back meanwhile.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn export_tasks(&self, after: i64) -> Result<Vec<ExportedTask>, Error> {
        let sql = format!(
            "SELECT * FROM ((SELECT NULL::timestamptz AS deleted_at, occurrence_owed, {COLUMNS} FROM tasks WHERE id > $1 ORDER BY id LIMIT $2) \
             UNION ALL (SELECT deleted_at, occurrence_owed, {COLUMNS} FROM trashed_tasks WHERE id > $1 ORDER BY id LIMIT $2)) AS every \
             ORDER BY id LIMIT $2"
        );
        let rows = self
            .run_unbroken(|connection| {
                Box::pin(sqlx::query(sqlx::AssertSqlSafe(sql.clone())).bind(after).bind(EXPORT_PAGE).fetch_all(connection))
            })
            .await?;
        let mut tasks = Vec::with_capacity(rows.len());
        for row in &rows {
            let deleted_at = row.try_get::<Option<Time>, _>(0)?.map(|time| time.0);
            let (task, occurrence_owed) = (task_of(row, 2)?, row.try_get(1)?);
            tasks.push(ExportedTask { task, deleted_at, occurrence_owed, reminders: Vec::new(), calendar_object: None });
        }
        let ids: Vec<i64> = tasks.iter().map(|task| task.task.id).collect();
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(SELECT_OF_TASKS).bind(&ids).fetch_all(connection))).await?;
        let mut reminders: HashMap<i64, Vec<_>> = HashMap::new();
        for row in &rows {
            let stored = reminder_of(row)?;
            reminders.entry(stored.reminder.task_id).or_default().push(stored.into());
        }
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(OBJECTS).bind(&ids).fetch_all(connection))).await?;
        let mut objects = HashMap::new();
        for row in &rows {
            let (name, uid, written, written_version) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
            objects.insert(row.try_get::<i64, _>(0)?, CalendarObject { name, uid, written, written_version });
        }
        for task in &mut tasks {
            task.reminders = reminders.remove(&task.task.id).unwrap_or_default();
            task.calendar_object = objects.remove(&task.task.id);
        }
        Ok(tasks)
    }

    /// Returns reminders with ids after `after`, in order, whose task was deleted permanently; at most [`EXPORT_PAGE`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn export_reminders(&self, after: i64) -> Result<Vec<StoredReminder>, Error> {
        let rows = self
            .run_unbroken(|connection| Box::pin(sqlx::query(SELECT_WITHOUT_TASK).bind(after).bind(EXPORT_PAGE).fetch_all(connection)))
            .await?;
        Ok(rows.iter().map(reminder_of).collect::<Result<_, _>>()?)
    }

    /// Returns entries of the audit log with ids after `after`, in order; at most [`EXPORT_PAGE`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn export_audit(&self, after: i64) -> Result<Vec<AuditLogEntry>, Error> {
        let rows = self.run_unbroken(|connection| Box::pin(sqlx::query(AUDIT).bind(after).bind(EXPORT_PAGE).fetch_all(connection))).await?;
        rows.iter().filter_map(|row| entry_of(row).transpose()).collect()
    }
}
