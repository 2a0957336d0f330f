//! Imports: the file in parts, the progress of the job, and the imported tasks, up to a few hundred per statement.
//!
//! A batch, its report and the progress are one transaction, so a killed job continues after the last batch.

use std::collections::HashMap;

use cloudevents::Event;
use domain::audit::AuditLogEntry;
use domain::event::{EventType, Topic};
use domain::query::Window;
use domain::reminder::{Delivery, ReminderStatus};
use domain::task::{Recurrence, Status};
use domain::transfer::{
    CalendarObject, ExportedReminder, ExportedTask, Import, ImportCounts, ImportFormat, ImportNote, ImportStatus, LastIds, NoteKind,
    TasksImported,
};
use domain::{Page, Reminder, Resource, Task, Timestamp, USER_ID};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::Error;
use crate::reminders::{COLUMNS as REMINDER_COLUMNS, reminder_of};
use crate::sql::{Columns, Named, Record, Time, rank};
use crate::tasks::{folded, title_key};
use crate::{Store, Unit};

/// Bytes of a part of a file. The last one may have fewer.
pub const PART: usize = 512 * 1024;
/// Maximum number of unfinished imports, because each keeps its file.
pub const IMPORTS_MAX: i64 = 10;
/// The key of an import's rows in the outbox. It belongs to no task.
const NO_TASK: i64 = 0;

macro_rules! columns {
    () => {
        "id, format, status, size, total, read, created, existing, skipped, notes, restores, preview::text, error, created_at, finished_at"
    };
}

const CREATE: &str = concat!(
    "INSERT INTO imports (user_id, format, status, created_at) \
     SELECT $1, $2, 'receiving', $3 WHERE (SELECT count(*) FROM imports WHERE status NOT IN ('done', 'failed')) < $4 RETURNING ",
    columns!()
);
const SELECT: &str = concat!("SELECT ", columns!(), " FROM imports WHERE id = $1");
const LOCK: &str = concat!("SELECT ", columns!(), " FROM imports WHERE id = $1 FOR UPDATE");
const WORKING: &str = "SELECT id FROM imports WHERE status IN ('checking', 'importing') ORDER BY id LIMIT $1";
const SAVE: &str = "UPDATE imports SET status = $2, size = $3, total = $4, read = $5, created = $6, existing = $7, skipped = $8, notes = $9, \
     restores = $10, preview = $11::text::json, error = $12, finished_at = $13 WHERE id = $1";
const DELETE: &str = "DELETE FROM imports WHERE id = $1";
/// Harmless if it runs twice.
const ADD_PART: &str = "INSERT INTO import_parts (import_id, part, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const PART_OF: &str = "SELECT bytes FROM import_parts WHERE import_id = $1 AND part = $2";
const DELETE_PARTS: &str = "DELETE FROM import_parts WHERE import_id = $1";
const DELETE_NOTES: &str = "DELETE FROM import_notes WHERE import_id = $1";
const ADD_NOTES: &str = "INSERT INTO import_notes (import_id, number, line, title, kind, text) \
     SELECT $1, $2 + r.place, r.line, r.title, r.kind, r.text \
     FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS r (line, title, kind, text, place)";
const NOTES: &str = "SELECT line, title, kind, text FROM import_notes WHERE import_id = $1 ORDER BY number LIMIT $2 OFFSET $3";
/// True for an unused Taskflow: no task, no reminder, no history.
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM tasks) AND NOT EXISTS (SELECT FROM trashed_tasks) AND NOT EXISTS (SELECT FROM reminders) \
     AND NOT EXISTS (SELECT FROM audit_log)";
/// Later rows get ids after the restored ones. A sequence never decreases.
const RESERVE: &str = "SELECT \
     CASE WHEN $1 > 0::bigint THEN setval('tasks_id_seq', greatest($1, (SELECT last_value FROM tasks_id_seq))) END, \
     CASE WHEN $2 > 0::bigint THEN setval('reminders_id_seq', greatest($2, (SELECT last_value FROM reminders_id_seq))) END, \
     CASE WHEN $3 > 0::bigint THEN setval('audit_log_id_seq', greatest($3, (SELECT last_value FROM audit_log_id_seq))) END";
const EXISTING: &str = "SELECT uid FROM tasks WHERE uid = ANY($1)";

const ADD_SEARCH: &str = "INSERT INTO task_search (task_id, folded_title, folded_text, folded_version) \
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])";
macro_rules! reminder_columns {
    () => {
        "task_id, user_id, scheduled_at, triggered_at, reminder_offset, channel, status, retry_count, created_at, sent_at, of_task, \
         cancelled_with_task, snoozed_from, channels, correlation_id, traceparent"
    };
}
const RESTORE_REMINDERS: &str = concat!(
    "INSERT INTO reminders (id, ",
    reminder_columns!(),
    ") OVERRIDING SYSTEM VALUE SELECT id, ",
    reminder_columns!(),
    " FROM json_populate_recordset(NULL::reminders, $1::text::json) ON CONFLICT (id) DO NOTHING"
);
/// Each name is unique. $2: so is each UID; only a restored task in the trash may have that of another.
const ADD_OBJECTS: &str = "INSERT INTO calendar_objects (task_id, name, uid, written, written_version) \
     SELECT task_id, name, uid, written, written_version FROM json_populate_recordset(NULL::calendar_objects, $1::text::json) AS new \
     WHERE NOT ($2 AND EXISTS (SELECT FROM calendar_objects WHERE uid = new.uid)) ON CONFLICT DO NOTHING";
const RESTORE_SENDS: &str = "INSERT INTO sends (channel, key, reminder_id, fired_at, status, attempts, error, next_at, expires_at, created_at, \
     sent_at, correlation_id) SELECT channel, key, reminder_id, fired_at, status, attempts, error, next_at, expires_at, created_at, sent_at, \
     correlation_id FROM json_populate_recordset(NULL::sends, $1::text::json)";
const ADD_AUDIT: &str = "INSERT INTO audit_log (event_id, event_type, task_id, parent_task_id, user_id, event_data, created_at) \
     SELECT r.event_id, r.event_type, r.task_id, NULL, $5, r.event_data::json, $6 \
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) WITH ORDINALITY AS r (event_id, event_type, task_id, event_data, place) \
     ORDER BY r.place";
const RESTORE_AUDIT: &str = "INSERT INTO audit_log (id, event_id, event_type, task_id, parent_task_id, user_id, event_data, created_at) \
     OVERRIDING SYSTEM VALUE SELECT r.id, r.event_id, r.event_type, r.task_id, r.parent_task_id, r.user_id, r.event_data::json, r.created_at \
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::timestamptz[]) \
     AS r (id, event_id, event_type, task_id, parent_task_id, user_id, event_data, created_at) ON CONFLICT DO NOTHING";

/// A table of tasks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Tasks,
    Trash,
}

/// The statement that inserts tasks from a JSON array. Its columns are those of the record, and the store's internal ones.
fn insert_tasks(table: Table, keeps_ids: bool) -> String {
    let own = Task::COLUMNS[usize::from(!keeps_ids)..].join(", ");
    let columns = format!("{own}, title_key, written_version, occurrence_owed{}", if table == Table::Trash { ", deleted_at" } else { "" });
    let name = if table == Table::Trash { "trashed_tasks" } else { "tasks" };
    let overriding = if keeps_ids && table == Table::Tasks { "OVERRIDING SYSTEM VALUE" } else { "" };
    let conflict = if table == Table::Tasks && !keeps_ids { "(uid)" } else { "" };
    format!(
        "INSERT INTO {name} ({columns}) {overriding} SELECT {columns} FROM json_populate_recordset(NULL::{name}, $1::text::json) \
         ON CONFLICT {conflict} DO NOTHING RETURNING id, uid"
    )
}

/// Returns the row of a task, by column.
fn row_of(exported: &ExportedTask) -> Result<Value, Error> {
    let task = &exported.task;
    let mut row = serde_json::to_value(task).map_err(Error::value)?;
    row["rule"] = row["recurrence_rule"].take();
    row["priority"] = rank(task.priority).into();
    row["title_key"] = title_key(&task.title).into();
    row["written_version"] = task.version.into();
    row["occurrence_owed"] = json!(exported.occurrence_owed);
    row["deleted_at"] = json!(exported.deleted_at);
    Ok(row)
}

impl Store {
    /// Creates an import, whose file follows. Returns `None` if too many are unfinished.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_import(&self, format: ImportFormat, now: Timestamp) -> Result<Option<Import>, Error> {
        let query = sqlx::query(CREATE).bind(USER_ID).bind(format.name()).bind(Time(now)).bind(IMPORTS_MAX);
        query.fetch_optional(self.pool()).await?.map(|row| import_of(&row)).transpose()
    }

    /// Stores a part of the file of an import.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn add_import_part(&self, id: i64, part: i32, bytes: &[u8]) -> Result<(), Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query(ADD_PART).bind(id).bind(part).bind(bytes).execute(connection))).await.map(drop)
    }

    /// Returns a part of the file of an import.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the import is finished; [`Error::Unavailable`].
    pub async fn import_part(&self, id: i64, part: i32) -> Result<Vec<u8>, Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(PART_OF).bind(id).bind(part).fetch_one(connection))).await
    }

    /// Returns an import.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn import(&self, id: i64) -> Result<Import, Error> {
        import_of(&self.run_unbroken(|connection| Box::pin(sqlx::query(SELECT).bind(id).fetch_one(connection))).await?)
    }

    /// Deletes an import with its file and its report. Does nothing if it does not exist.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_import(&self, id: i64) -> Result<(), Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query(DELETE).bind(id).execute(connection))).await.map(drop)
    }

    /// Returns a page of the report of an import, in the order of the file.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn import_notes(&self, id: i64, window: Window) -> Result<Page<ImportNote>, Error> {
        let total_count = self.import(id).await?.notes;
        let rows = self
            .run_unbroken(|connection| Box::pin(sqlx::query(NOTES).bind(id).bind(window.limit).bind(window.offset).fetch_all(connection)))
            .await?;
        let note = |row: &PgRow| {
            let mut columns = Columns::from(row, 0);
            Ok(ImportNote { line: columns.get()?, title: columns.get()?, kind: columns.get()?, text: columns.get()? })
        };
        Ok(Page { items: rows.iter().map(note).collect::<Result<_, Error>>()?, total_count })
    }

    /// Returns the ids of imports that need a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn working_imports(&self) -> Result<Vec<i64>, Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(WORKING).bind(IMPORTS_MAX).fetch_all(connection))).await
    }
}

impl Unit {
    /// Returns an import, locked until the unit ends.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn import(&mut self, id: i64) -> Result<Import, Error> {
        import_of(&sqlx::query(LOCK).bind(id).fetch_one(&mut *self.transaction).await?)
    }

    /// Stores the progress of an import. When it is finished, its file is deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn save_import(&mut self, import: &Import) -> Result<(), Error> {
        let preview = serde_json::to_string(&import.preview).map_err(Error::value)?;
        let ImportCounts { read, created, existing, skipped } = import.counts;
        let query = sqlx::query(SAVE).bind(import.id).bind(import.status.name()).bind(import.size).bind(import.total);
        let query = query.bind(read).bind(created).bind(existing).bind(skipped).bind(import.notes).bind(import.restores);
        let query = query.bind(preview).bind(&import.error).bind(import.finished_at.map(Time));
        query.execute(&mut *self.transaction).await?;
        if import.finished_at.is_some() {
            sqlx::query(DELETE_PARTS).bind(import.id).execute(&mut *self.transaction).await?;
        }
        Ok(())
    }

    /// Deletes the report of an import, before it is checked or run again.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clear_import_notes(&mut self, id: i64) -> Result<(), Error> {
        sqlx::query(DELETE_NOTES).bind(id).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Adds to the report of an import.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn add_import_notes(&mut self, import: &mut Import, notes: &[ImportNote]) -> Result<(), Error> {
        if notes.is_empty() {
            return Ok(());
        }
        let lines: Vec<i64> = notes.iter().map(|note| note.line).collect();
        let titles: Vec<&str> = notes.iter().map(|note| note.title.as_str()).collect();
        let kinds: Vec<String> = notes.iter().map(|note| note.kind.name()).collect();
        let texts: Vec<&str> = notes.iter().map(|note| note.text.as_str()).collect();
        let query = sqlx::query(ADD_NOTES).bind(import.id).bind(import.notes).bind(lines).bind(titles).bind(kinds).bind(texts);
        query.execute(&mut *self.transaction).await?;
        import.notes += i64::try_from(notes.len()).unwrap_or(i64::MAX);
        Ok(())
    }

    /// True if this Taskflow is unused, so that an export can be restored unchanged.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_unused(&mut self) -> Result<bool, Error> {
        Ok(sqlx::query_scalar(IS_EMPTY).fetch_one(&mut *self.transaction).await?)
    }

    /// Makes new rows get ids after these.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reserve_ids(&mut self, last: LastIds) -> Result<(), Error> {
        sqlx::query(RESERVE).bind(last.tasks).bind(last.reminders).bind(last.audit).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Returns which of these uids tasks have.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn existing_uids(&mut self, uids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        Ok(sqlx::query_scalar(EXISTING).bind(uids).fetch_all(&mut *self.transaction).await?)
    }

    /// Creates tasks with their reminders and their entries in the audit log, and announces their number with one event. Returns that number. Skips
    /// tasks whose uid already exists.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn import_tasks(&mut self, import_id: i64, tasks: &[ExportedTask]) -> Result<i64, Error> {
        let created = self.insert_tasks(Table::Tasks, false, tasks).await?;
        let mut ids: HashMap<Uuid, i64> = created.into_iter().collect();
        let mut audit = Vec::with_capacity(ids.len());
        let (mut reminders, mut objects) = (Vec::new(), Vec::new());
        let mut count = 0;
        for exported in tasks {
            // A uid that occurs twice was imported the first time.
            let Some(id) = ids.remove(&exported.task.uid) else { continue };
            count += 1;
            let task = Task { id, ..exported.task.clone() };
            audit.push((id, EventType::TaskCreated, self.event_of(EventType::TaskCreated, &task)?));
            reminders.extend(exported.reminders.iter().map(|own| (id, own)));
            objects.extend(exported.calendar_object.iter().map(|own| (id, own)));
        }
        self.add_objects(&objects, true).await?;
        for reminder in self.insert_reminders(&reminders).await? {
            audit.push((reminder.task_id, EventType::ReminderScheduled, self.event_of(EventType::ReminderScheduled, &reminder)?));
            self.schedule_job(&reminder.dapr_job_id, reminder.task_id, reminder.scheduled_at);
        }
        self.add_audit(&audit).await?;
        self.announce_import(import_id, count)?;
        Ok(count)
    }

    /// Restores tasks unchanged, with their ids and reminders. Returns their number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn restore_tasks(&mut self, import_id: i64, tasks: Vec<ExportedTask>) -> Result<i64, Error> {
        let last = tasks.iter().map(|task| task.task.id).max();
        self.reserve_ids(LastIds { tasks: last.unwrap_or_default(), ..LastIds::default() }).await?;
        // Before the tasks, because an occurrence without a calendar object takes that of its parent.
        let objects: Vec<_> = tasks.iter().filter_map(|task| Some((task.task.id, task.calendar_object.as_ref()?))).collect();
        self.add_objects(&objects, false).await?;
        let mut count = 0;
        let (trashed, kept): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.deleted_at.is_some());
        for (table, tasks) in [(Table::Tasks, kept), (Table::Trash, trashed)] {
            if tasks.is_empty() {
                continue;
            }
            let restored: HashMap<Uuid, i64> = self.insert_tasks(table, true, &tasks).await?.into_iter().collect();
            count += i64::try_from(restored.len()).unwrap_or(i64::MAX);
            let is_restored = |task: &ExportedTask| restored.contains_key(&task.task.uid);
            let reminders = tasks.into_iter().filter(is_restored).flat_map(|task| task.reminders);
            self.restore_reminders(&reminders.collect::<Vec<_>>()).await?;
        }
        self.announce_import(import_id, count)?;
        Ok(count)
    }

    /// Restores reminders unchanged, with their ids, the outcome on each channel, and their jobs. If one was being sent during the export,
    /// housekeeping sends it again.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn restore_reminders(&mut self, reminders: &[ExportedReminder]) -> Result<(), Error> {
        if reminders.is_empty() {
            return Ok(());
        }
        let last = reminders.iter().map(|own| own.reminder.id).max();
        self.reserve_ids(LastIds { reminders: last.unwrap_or_default(), ..LastIds::default() }).await?;
        let correlation_id = self.work.origin.correlation_id.clone();
        let rows: Vec<Value> = reminders.iter().map(|own| reminder_row(own, own.reminder.task_id, &correlation_id)).collect();
        let rows = Value::Array(rows).to_string();
        sqlx::query(RESTORE_REMINDERS).bind(rows).execute(&mut *self.transaction).await?;
        let sends: Vec<Value> = reminders.iter().flat_map(|own| sends_of(&own.reminder, &correlation_id)).collect();
        if !sends.is_empty() {
            sqlx::query(RESTORE_SENDS).bind(Value::Array(sends).to_string()).execute(&mut *self.transaction).await?;
        }
        for ExportedReminder { reminder, .. } in reminders {
            if reminder.is_waiting() {
                self.schedule_job(&format!("fire-reminder-{}", reminder.id), reminder.task_id, reminder.scheduled_at);
            }
        }
        Ok(())
    }

    /// Restores entries of the audit log exactly, with their ids.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn restore_audit(&mut self, entries: &[AuditLogEntry]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        self.reserve_ids(LastIds { audit: ids.iter().copied().max().unwrap_or_default(), ..LastIds::default() }).await?;
        let event_ids: Vec<&str> = entries.iter().map(|entry| entry.event_id.as_str()).collect();
        let types: Vec<&str> = entries.iter().map(|entry| entry.event_type.as_str()).collect();
        let tasks: Vec<i64> = entries.iter().map(|entry| entry.task_id).collect();
        let parents: Vec<Option<i64>> = entries.iter().map(|entry| entry.parent_task_id).collect();
        let users: Vec<i64> = entries.iter().map(|entry| entry.user_id).collect();
        let data: Vec<String> = entries.iter().map(|entry| entry.event_data.to_string()).collect();
        let created: Vec<Time> = entries.iter().map(|entry| Time(entry.created_at)).collect();
        let query = sqlx::query(RESTORE_AUDIT).bind(ids).bind(event_ids).bind(types).bind(tasks).bind(parents).bind(users).bind(data);
        query.bind(created).execute(&mut *self.transaction).await?;
        Ok(())
    }

    async fn add_objects(&mut self, objects: &[(i64, &CalendarObject)], has_own_uids: bool) -> Result<(), Error> {
        if objects.is_empty() {
            return Ok(());
        }
        let row = |(task_id, own): &(i64, &CalendarObject)| {
            let CalendarObject { name, uid, written, written_version } = own;
            json!({ "task_id": task_id, "name": name, "uid": uid, "written": written, "written_version": written_version })
        };
        let rows = Value::Array(objects.iter().map(row).collect()).to_string();
        sqlx::query(ADD_OBJECTS).bind(rows).bind(has_own_uids).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Inserts tasks. Returns the id and uid of each new one.
    async fn insert_tasks(&mut self, table: Table, keeps_ids: bool, tasks: &[ExportedTask]) -> Result<Vec<(Uuid, i64)>, Error> {
        let rows = tasks.iter().map(row_of).collect::<Result<Vec<_>, _>>()?;
        let sql = sqlx::AssertSqlSafe(insert_tasks(table, keeps_ids));
        let inserted = sqlx::query(sql).bind(Value::Array(rows).to_string()).fetch_all(&mut *self.transaction).await?;
        let inserted = inserted.iter().map(|row| Ok((row.try_get(1)?, row.try_get(0)?))).collect::<Result<Vec<(Uuid, i64)>, Error>>()?;
        if table == Table::Tasks {
            // Of two tasks with the same uid, the first one is inserted.
            let by_uid: HashMap<Uuid, &Task> = tasks.iter().rev().map(|task| (task.task.uid, &task.task)).collect();
            let found = inserted.iter().filter_map(|(uid, id)| Some((*id, folded(by_uid.get(uid)?), by_uid.get(uid)?.version)));
            let (mut ids, mut titles, mut texts, mut versions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (id, (title, text), version) in found {
                ids.push(id);
                titles.push(title);
                texts.push(text);
                versions.push(version);
            }
            let query = sqlx::query(ADD_SEARCH).bind(ids).bind(titles).bind(texts).bind(versions);
            query.execute(&mut *self.transaction).await?;
        }
        Ok(inserted)
    }

    async fn insert_reminders(&mut self, reminders: &[(i64, &ExportedReminder)]) -> Result<Vec<Reminder>, Error> {
        if reminders.is_empty() {
            return Ok(Vec::new());
        }
        let correlation_id = &self.work.origin.correlation_id;
        let rows: Vec<Value> = reminders.iter().map(|(task_id, own)| reminder_row(own, *task_id, correlation_id)).collect();
        let sql = format!(
            "INSERT INTO reminders ({0}) SELECT {0} FROM json_populate_recordset(NULL::reminders, $1::text::json) RETURNING {REMINDER_COLUMNS}",
            reminder_columns!()
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(Value::Array(rows).to_string());
        let rows = query.fetch_all(&mut *self.transaction).await?;
        Ok(rows.iter().map(|row| reminder_of(row).map(|stored| stored.reminder)).collect::<Result<_, _>>()?)
    }

    async fn add_audit(&mut self, entries: &[(i64, EventType, Event)]) -> Result<(), Error> {
        use cloudevents::AttributesReader;
        if entries.is_empty() {
            return Ok(());
        }
        let event_ids: Vec<&str> = entries.iter().map(|(_, _, event)| event.id()).collect();
        let types: Vec<&str> = entries.iter().map(|(_, ty, _)| ty.as_str()).collect();
        let tasks: Vec<i64> = entries.iter().map(|(task_id, ..)| *task_id).collect();
        let data = entries.iter().map(|(_, _, event)| serde_json::to_string(event).map_err(Error::value)).collect::<Result<Vec<_>, _>>()?;
        let query = sqlx::query(ADD_AUDIT).bind(event_ids).bind(types).bind(tasks).bind(data).bind(USER_ID).bind(Time(self.now()));
        query.execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Returns an event about the current state of a resource, for the audit log only.
    fn event_of(&self, ty: EventType, resource: &impl Resource) -> Result<Event, Error> {
        let (origin, now) = (&self.work.origin, self.work.now);
        let data = resource.event(ty, now, &origin.correlation_id);
        origin.event(self.work.ids.next(), ty.as_str(), &resource.subject(), resource.key(), now, &data).map_err(Error::value)
    }

    /// Announces to pages (`task-updates`) and the webhook (`task-events`) that tasks were imported.
    fn announce_import(&mut self, import_id: i64, count: i64) -> Result<(), Error> {
        if count == 0 {
            return Ok(());
        }
        let event_type = EventType::TasksImported;
        let correlation_id = self.work.origin.correlation_id.clone();
        let data = TasksImported { event_type, import_id, count, user_id: USER_ID, timestamp: self.now(), correlation_id };
        for topic in [Topic::TaskEvents, Topic::TaskUpdates] {
            self.emit(topic, event_type, &format!("import/{import_id}"), NO_TASK, &data)?;
        }
        Ok(())
    }
}

/// Returns the row of a reminder, by column.
fn reminder_row(own: &ExportedReminder, task_id: i64, correlation_id: &str) -> Value {
    let reminder = &own.reminder;
    let channels: Vec<&str> = reminder.deliveries.iter().map(|delivery| delivery.channel.as_str()).collect();
    json!({
        "id": reminder.id,
        "task_id": task_id,
        "user_id": USER_ID,
        "scheduled_at": reminder.scheduled_at,
        "triggered_at": reminder.triggered_at,
        "reminder_offset": reminder.reminder_offset.to_string(),
        "channel": reminder.reminder_type,
        "status": reminder.status,
        "retry_count": reminder.retry_count,
        "created_at": reminder.created_at,
        "sent_at": reminder.sent_at,
        "of_task": own.of_task,
        "cancelled_with_task": own.cancelled_with_task,
        "snoozed_from": own.snoozed_from,
        "channels": reminder.triggered_at.map(|_| channels),
        "correlation_id": correlation_id,
    })
}

/// Returns the outcome of a firing on each channel, as rows of `sends`. A delivery in progress has no row: housekeeping sends it again.
fn sends_of(reminder: &Reminder, correlation_id: &str) -> Vec<Value> {
    let Some(fired_at) = reminder.triggered_at else { return Vec::new() };
    let settled = reminder.deliveries.iter().filter(|delivery| delivery.status != ReminderStatus::Pending);
    let send = |delivery: &Delivery| {
        json!({
            "channel": delivery.channel,
            "key": reminder.task_id,
            "reminder_id": reminder.id,
            "fired_at": fired_at,
            "status": delivery.status,
            "attempts": delivery.attempts,
            "error": delivery.error,
            "next_at": fired_at,
            "expires_at": fired_at,
            "created_at": fired_at,
            "sent_at": delivery.sent_at,
            "correlation_id": correlation_id,
        })
    };
    settled.map(send).collect()
}

/// Returns whether a task from another application owes its next occurrence. A completed task owes none, because its successor is in the
/// file.
#[must_use]
pub fn owed_of(task: &Task) -> Option<bool> {
    (task.status == Status::Completed && task.recurrence != Recurrence::None).then_some(false)
}

fn import_of(row: &PgRow) -> Result<Import, Error> {
    let mut columns = Columns::from(row, 0);
    let (id, format, status, size, total) = (columns.get()?, columns.get()?, columns.get()?, columns.get()?, columns.get()?);
    let counts = ImportCounts { read: columns.get()?, created: columns.get()?, existing: columns.get()?, skipped: columns.get()? };
    let (notes, restores) = (columns.get()?, columns.get()?);
    let preview = serde_json::from_str(columns.borrowed()?).map_err(Error::value)?;
    let (error, created_at, finished_at) = (columns.get()?, columns.get()?, columns.get()?);
    Ok(Import { id, format, status, size, total, counts, notes, restores, preview, error, created_at, finished_at })
}

impl Named for ImportFormat {}
impl Named for ImportStatus {}
impl Named for NoteKind {}
