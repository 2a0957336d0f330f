//! Undo: reverts one change of a task, with the values that the change replaced.

use domain::Task;
use domain::change::ChangeId;
use domain::event::EventType;
use domain::task::Status;
use serde_json::{Map, Value};
use sqlx::Row;

use crate::Unit;
use crate::error::{Error, found};
use crate::sql::Time;

/// Days for which a change can be undone.
pub const UNDO_DAYS: i32 = 30;

/// A change, the number of later changes of its task, and whether one of them changed the same field.
const SELECT: &str = "SELECT made.event_type, made.previous::text, \
         (SELECT count(*) FROM changes AS later WHERE later.task_id = $1 AND later.version > $2), \
         EXISTS (SELECT FROM changes AS later CROSS JOIN jsonb_object_keys(later.previous) AS field \
             WHERE later.task_id = $1 AND later.version > $2 AND made.previous ? field) \
     FROM changes AS made WHERE made.task_id = $1 AND made.version = $2 AND made.created_at > $3 - make_interval(days => $4)";
const IS_RECENT: &str = "SELECT $1::timestamptz > $2 - make_interval(days => $3)";

/// A recorded change.
struct Noted {
    event_type: EventType,
    previous: Map<String, Value>,
    /// Number of later changes of the task.
    later: i64,
    /// True if one of them changed the same field.
    is_touched: bool,
}

impl Unit {
    /// Undoes a change, which is a change itself, and announces it. Returns the task as it is now or, if the undo has deleted it, as it last was.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the change does not exist or is too old; [`Error::InTheWay`]; [`Error::Stale`] if the caller means another version;
    /// [`Error::Unavailable`].
    pub async fn undo(&mut self, id: ChangeId) -> Result<Task, Error> {
        let Some(task) = found(self.task(id.task_id).await)? else { return self.undo_deletion(id).await };
        if id.is_creation() {
            return self.undo_creation(task).await;
        }
        let noted = self.noted(id).await?.ok_or(Error::NotFound)?;
        // The previous release, which may still be running, records no changes.
        let is_gapless = noted.later == task.version - id.version;
        match noted.event_type {
            EventType::TaskDeleted => Err(Error::InTheWay("the task was restored since")),
            EventType::TaskRestored if noted.later > 0 || !is_gapless => Err(Error::InTheWay("the task was changed since")),
            EventType::TaskRestored => self.delete(task).await,
            _ if noted.is_touched || !is_gapless => Err(Error::InTheWay("the same fields were changed since")),
            _ => match task.with_previous(noted.previous) {
                Ok(before) => self.save_as_before(&task, before).await,
                Err(_) => Err(Error::InTheWay("a later change depends on this one")),
            },
        }
    }

    async fn save_as_before(&mut self, task: &Task, before: Task) -> Result<Task, Error> {
        match (task.status, before.status) {
            (Status::Completed, Status::Pending) => self.take_back_completion(task, before).await,
            (Status::Pending, Status::Completed) => self.save_task(task, before, EventType::TaskCompleted).await,
            _ => self.save_task(task, before, EventType::TaskUpdated).await,
        }
    }

    async fn undo_creation(&mut self, task: Task) -> Result<Task, Error> {
        let query = sqlx::query_scalar(IS_RECENT).bind(Time(task.created_at)).bind(Time(self.now())).bind(UNDO_DAYS);
        if !query.fetch_one(&mut *self.transaction).await? {
            return Err(Error::NotFound);
        }
        if task.is_untouched() { self.delete(task).await } else { Err(Error::InTheWay("the task was changed since: delete it instead")) }
    }

    /// Undoes the deletion of a task.
    async fn undo_deletion(&mut self, id: ChangeId) -> Result<Task, Error> {
        let deleted = self.trashed(id.task_id).await?.version + 1;
        if id.version > deleted {
            return Err(Error::NotFound);
        }
        if id.version < deleted {
            return Err(Error::InTheWay("the task is in the trash: restore it first"));
        }
        self.restore_task(id.task_id).await
    }

    async fn delete(&mut self, task: Task) -> Result<Task, Error> {
        self.delete_task(&task).await?;
        Ok(task)
    }

    async fn noted(&mut self, id: ChangeId) -> Result<Option<Noted>, Error> {
        let query = sqlx::query(SELECT).bind(id.task_id).bind(id.version).bind(Time(self.now())).bind(UNDO_DAYS);
        let Some(row) = query.fetch_optional(&mut *self.transaction).await? else { return Ok(None) };
        Ok(Some(Noted {
            event_type: row.try_get::<&str, _>(0)?.parse().map_err(Error::value)?,
            previous: serde_json::from_str(row.try_get(1)?).map_err(Error::value)?,
            later: row.try_get(2)?,
            is_touched: row.try_get(3)?,
        }))
    }
}
