//! Tasks as resources of calendar clients: their names, the texts that clients wrote, and the changes since a token.

use domain::{ReminderOffset, Task, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::error::Error;
use crate::sql::{Columns, Record, Time};
use crate::tasks::{COLUMNS, task_of};
use crate::{Store, Unit};

/// Maximum number of resources that one statement reads.
pub const RESOURCES_MAX: i64 = 200;
/// Maximum number of reminders of a task, besides its own, that a client sees.
pub const RESOURCE_REMINDERS_MAX: usize = 50;
/// Days for which tombstones are kept. A client that was offline for longer reads everything again.
pub const TOMBSTONE_DAYS: i32 = 180;
/// Maximum number of candidates for an occurrence that a client has created itself.
const CANDIDATES_MAX: i64 = 20;
/// Maximum number of earlier occurrences that a text may still mean.
const ANCESTORS_MAX: i64 = 20;

/// The tasks with their names for clients, as `found`.
const FOUND: &str = "tasks LEFT JOIN (SELECT task_id, name AS object_name, uid AS object_uid, written AS object_written, written_version AS \
     object_version FROM calendar_objects) AS object ON task_id = id";
/// The reminders are those that [`StoredReminder::goes_along`](domain::reminder::StoredReminder::goes_along) returns.
const OBJECT: &str = "coalesce(object_name, uid || '.ics'), coalesce(object_uid, uid::text), coalesce(object_written, ''), coalesce(object_version, 0), \
     ARRAY (SELECT reminder_offset FROM reminders r WHERE r.task_id = tasks.id AND NOT of_task AND (r.status <> 'cancelled' OR cancelled_with_task) \
     ORDER BY r.id)";
/// $1: names; $2: the uids among them.
const NAMED: &str = "id = ANY (ARRAY (SELECT task_id FROM calendar_objects WHERE name = ANY ($1) \
     UNION ALL SELECT id FROM tasks WHERE uid = ANY ($2) AND NOT EXISTS (SELECT FROM calendar_objects WHERE task_id = id)))";
const UID_TAKEN: &str = "SELECT coalesce(\
     (SELECT name FROM calendar_objects JOIN tasks ON id = task_id WHERE calendar_objects.uid = $1 LIMIT 1), \
     (SELECT tasks.uid || '.ics' FROM tasks WHERE tasks.uid = $2 AND NOT EXISTS (SELECT FROM calendar_objects WHERE task_id = id)))";
/// Frees the name, which a task in the trash may still have.
const TAKE_NAME: &str = "DELETE FROM calendar_objects WHERE name = $2 AND task_id <> $1";
const WRITE: &str = "INSERT INTO calendar_objects (task_id, name, uid, written, written_version) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (task_id) DO UPDATE SET name = excluded.name, uid = excluded.uid, written = excluded.written, written_version = excluded.written_version";
const FORGET: &str = "DELETE FROM calendar_objects WHERE name = $1";
const TOUCH: &str = "UPDATE tasks SET changed_in = pg_current_xact_id()::text::bigint WHERE id = $1";
const BURY: &str = "SELECT bury_resource($1)";
const SYNC: &str = "SELECT greatest((SELECT max(changed_in) FROM tasks), (SELECT max(changed_in) FROM calendar_tombstones), 0) + 1, \
     pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, \
     coalesce((SELECT max(changed_in) FROM calendar_tombstones WHERE deleted_at < $1 - make_interval(days => $2)), 0)";
const GONE: &str = "SELECT name FROM calendar_tombstones WHERE changed_in >= $1 ORDER BY name";
const ORPHANS: &str = "DELETE FROM calendar_objects WHERE NOT EXISTS (SELECT FROM tasks WHERE id = task_id) \
     AND NOT EXISTS (SELECT FROM trashed_tasks WHERE id = task_id)";
/// After a restore on another server, transaction numbers restart.
const RENUMBER: [&str; 2] = [
    "UPDATE tasks SET changed_in = pg_current_xact_id()::text::bigint WHERE changed_in > pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
    "UPDATE calendar_tombstones SET changed_in = pg_current_xact_id()::text::bigint \
     WHERE changed_in > pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
];

/// A task as a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// The task.
    pub task: Task,
    /// The last part of its path.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The last text of a client; empty if there is none.
    pub written: String,
    /// The version of the task that it was written for.
    pub written_version: i64,
    /// The reminders that were added by hand and not cancelled, normalized, each once; at most [`RESOURCE_REMINDERS_MAX`].
    pub reminders: Vec<ReminderOffset>,
}

/// The resources to read: those with ids after `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// If set, only those that have changed since this number.
    pub since: Option<i64>,
    /// The id of the last task that was read.
    pub after: i64,
}

/// The sync position of a client: a transaction number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncPoint {
    /// All changes below this number have been seen.
    pub now: i64,
    /// The number after that of the last change. It is higher than `now` while a transaction is open that may commit below it.
    pub next: i64,
    /// No transaction has this number yet. A token with a higher one comes from another database.
    pub end: i64,
    /// Deletions below this number have been pruned. A token with a lower one comes from a client that was offline for too long.
    pub floor: i64,
}

impl SyncPoint {
    /// True if the changes since this number are still known.
    #[must_use]
    pub fn is_known(&self, number: i64) -> bool {
        number > 0 && (self.floor..=self.end).contains(&number)
    }
}

fn select(condition: &str) -> String {
    format!("SELECT {COLUMNS}, {OBJECT} FROM {FOUND} WHERE {condition}")
}

fn resource_of(row: &PgRow) -> Result<Resource, sqlx::Error> {
    let mut columns = Columns::from(row, Task::COLUMNS.len());
    Ok(Resource {
        task: task_of(row, 0)?,
        name: columns.get()?,
        uid: columns.get()?,
        written: columns.get()?,
        written_version: columns.get()?,
        reminders: reminders_of(&columns.get::<Vec<String>>()?)?,
    })
}

fn reminders_of(texts: &[String]) -> Result<Vec<ReminderOffset>, sqlx::Error> {
    let offsets: Result<Vec<_>, _> = texts.iter().map(|text| text.parse()).collect();
    let mut reminders = ReminderOffset::distinct(offsets.map_err(|error| sqlx::Error::Decode(Box::new(error)))?);
    reminders.truncate(RESOURCE_REMINDERS_MAX);
    Ok(reminders)
}

/// Returns the uids in names of tasks that no client has named.
fn uids(names: &[String]) -> Vec<Uuid> {
    names.iter().filter_map(|name| name.strip_suffix(".ics")?.parse().ok()).collect()
}

impl Store {
    /// Returns a page of resources, ordered by the tasks' ids; at most [`RESOURCES_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn resources(&self, which: Resources) -> Result<Vec<Resource>, Error> {
        let sql = select("id > $1 AND ($2::bigint IS NULL OR changed_in >= $2) ORDER BY id LIMIT $3");
        let rows = self
            .run_unbroken(|connection| {
                let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(which.after).bind(which.since).bind(RESOURCES_MAX);
                Box::pin(query.fetch_all(connection))
            })
            .await?;
        Ok(rows.iter().map(resource_of).collect::<Result<_, _>>()?)
    }

    /// Returns those of these resources that exist.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn resources_named(&self, names: &[String]) -> Result<Vec<Resource>, Error> {
        let sql = select(NAMED);
        let rows = self
            .run_unbroken(|connection| {
                Box::pin(sqlx::query(AssertSqlSafe(sql.clone())).bind(names.to_vec()).bind(uids(names)).fetch_all(connection))
            })
            .await?;
        Ok(rows.iter().map(resource_of).collect::<Result<_, _>>()?)
    }

    /// Returns the sync position of a client that reads everything from now on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sync_point(&self, now: Timestamp) -> Result<SyncPoint, Error> {
        let row =
            self.run_unbroken(|connection| Box::pin(sqlx::query(SYNC).bind(Time(now)).bind(TOMBSTONE_DAYS).fetch_one(connection))).await?;
        let (next, open, end, floor): (i64, i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        // If no transaction is open that may commit below it, the number stays the same until something changes.
        Ok(SyncPoint { now: next.min(open), next, end, floor })
    }

    /// Returns the names of resources that were deleted since this number and do not exist again.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn resources_gone(&self, since: i64) -> Result<Vec<String>, Error> {
        let names: Vec<String> =
            self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(GONE).bind(since).fetch_all(connection))).await?;
        let there = self.resources_named(&names).await?;
        Ok(names.into_iter().filter(|name| there.iter().all(|resource| resource.name != *name)).collect())
    }

    /// Deletes the names of permanently deleted tasks, and renumbers rows that come from another server.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tidy_calendars(&self) -> Result<(), Error> {
        for sql in RENUMBER.into_iter().chain([ORPHANS]) {
            self.run_unbroken(|connection| Box::pin(sqlx::query(sql).execute(connection))).await?;
        }
        Ok(())
    }
}

impl Unit {
    /// Returns the resource of this name. Its task is locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn resource(&mut self, name: &str) -> Result<Option<Resource>, Error> {
        let names = vec![name.to_owned()];
        let sql = select(NAMED);
        // A concurrently created occurrence takes the name. The second read finds it.
        for _ in 0..3 {
            let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(names.clone()).bind(uids(&names));
            let Some(row) = query.fetch_optional(&mut *self.transaction).await? else { return Ok(None) };
            let found = resource_of(&row)?;
            let Some(task) = crate::found(self.task(found.task.id).await)? else { return Ok(None) };
            let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(names.clone()).bind(uids(&names));
            let again = query.fetch_optional(&mut *self.transaction).await?.map(|row| resource_of(&row)).transpose()?;
            if let Some(again) = again.filter(|again| again.task.id == task.id) {
                return Ok(Some(Resource { task, ..again }));
            }
        }
        Err(Error::InTheWay("the series is changing; retry"))
    }

    /// Returns the name of the resource with this UID, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn resource_of_uid(&mut self, uid: &str) -> Result<Option<String>, Error> {
        let query = sqlx::query_scalar(UID_TAKEN).bind(uid).bind(uid.parse::<Uuid>().ok());
        Ok(query.fetch_one(&mut *self.transaction).await?)
    }

    /// Stores a client's name for a task, and the text that it wrote.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn write_resource(&mut self, resource: &Resource) -> Result<(), Error> {
        sqlx::query(TAKE_NAME).bind(resource.task.id).bind(&resource.name).execute(&mut *self.transaction).await?;
        let query = sqlx::query(WRITE).bind(resource.task.id).bind(&resource.name).bind(&resource.uid);
        query.bind(&resource.written).bind(resource.written_version).execute(&mut *self.transaction).await?;
        self.touch_resource(resource.task.id).await
    }

    /// Makes clients read a resource again. The unit holds its task.
    pub(crate) async fn touch_resource(&mut self, task_id: i64) -> Result<(), Error> {
        sqlx::query(TOUCH).bind(task_id).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Removes a name. For clients, the resource is deleted, unless another task takes the name in this unit.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn drop_resource_name(&mut self, name: &str) -> Result<(), Error> {
        sqlx::query(FORGET).bind(name).execute(&mut *self.transaction).await?;
        sqlx::query(BURY).bind(name).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Returns the resource of a task.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn resource_of_task(&mut self, id: i64) -> Result<Resource, Error> {
        let query = sqlx::query(AssertSqlSafe(select("id = $1"))).bind(id);
        Ok(resource_of(&query.fetch_one(&mut *self.transaction).await?)?)
    }

    /// Returns the earlier occurrences, the last one first; at most 20.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ancestors(&mut self, task: &Task) -> Result<Vec<Task>, Error> {
        let mut ancestors: Vec<Task> = Vec::new();
        let mut parent = task.parent_task_id;
        while let Some(id) = parent.filter(|_| ancestors.len() < usize::try_from(ANCESTORS_MAX).unwrap_or_default()) {
            let Some(task) = crate::found(self.task_or_trashed(id).await)? else { break };
            parent = task.parent_task_id;
            ancestors.push(task);
        }
        Ok(ancestors)
    }

    /// Returns tasks of the last day with this title, newest first: a client and Taskflow may both have created the same occurrence.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn namesakes(&mut self, title: &str, after: Timestamp) -> Result<Vec<Resource>, Error> {
        let sql = select("title = $1 AND updated_at > $2 ORDER BY id DESC LIMIT $3");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(title).bind(Time(after)).bind(CANDIDATES_MAX);
        let rows = query.fetch_all(&mut *self.transaction).await?;
        Ok(rows.iter().map(resource_of).collect::<Result<_, _>>()?)
    }
}
