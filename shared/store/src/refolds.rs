//! Folds texts again that an earlier release has folded: those from before the migration, and those that it still writes while both releases run.

use domain::task::tags;

use crate::Store;
use crate::error::Error;
use crate::tasks::{LOCK_MANY, folded, task_of};

/// Tasks that one transaction folds. Changes of these tasks wait meanwhile.
const BATCH: i64 = 500;
/// Transactions of a migration, so that many tasks do not delay a start. Housekeeping does the rest.
const MIGRATION_BATCHES: usize = 20;
/// Transactions of one call. The next day's call does the rest.
const BATCHES_MAX: usize = 2_000;

const NOTED: &str = "SELECT task_id FROM task_refolds ORDER BY task_id LIMIT $1 FOR UPDATE SKIP LOCKED";
const REFOLD: &str = "UPDATE task_search SET folded_title = f.title, folded_text = f.text, folded_version = f.version \
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS f (id, version, title, text) WHERE task_id = f.id";
/// The same tags, in another spelling. This is not a change to announce.
const RETAG: &str = "UPDATE tasks SET tags = $2 WHERE id = $1";
const DONE: &str = "DELETE FROM task_refolds AS r WHERE task_id = ANY($1) \
     OR (task_id = ANY($2) AND NOT EXISTS (SELECT FROM tasks WHERE id = r.task_id))";

impl Store {
    /// Folds the recorded tasks again, up to a limit. Returns their number.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; what was folded before the error stays.
    pub async fn refold(&self) -> Result<u64, Error> {
        self.refold_batches(BATCHES_MAX).await
    }

    /// Folds as many tasks as one migration may fold.
    pub(crate) async fn refold_first(&self) -> Result<(), Error> {
        match self.refold_batches(MIGRATION_BATCHES).await {
            // Another process is folding.
            Err(error) if error.is_lock() => Ok(()),
            result => result.map(drop),
        }
    }

    async fn refold_batches(&self, batches: usize) -> Result<u64, Error> {
        let mut refolded = 0;
        for _ in 0..batches {
            let done = self.refold_batch().await?;
            refolded += done;
            if done == 0 {
                break;
            }
        }
        Ok(refolded)
    }

    /// Leaves a task that another session has locked to the next call.
    async fn refold_batch(&self) -> Result<u64, Error> {
        let mut transaction = self.transaction("BEGIN").await?;
        let noted: Vec<i64> = sqlx::query_scalar(NOTED).bind(BATCH).fetch_all(&mut *transaction).await?;
        if noted.is_empty() {
            return Ok(0);
        }
        let rows = sqlx::query(LOCK_MANY).bind(&noted).fetch_all(&mut *transaction).await?;
        let (mut ids, mut versions, mut titles, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut retagged = Vec::new();
        for row in &rows {
            let mut task = task_of(row, 0)?;
            if let Ok(tags) = tags(&task.tags, "")
                && tags != task.tags
            {
                task.tags = tags;
                retagged.push((task.id, task.tags.clone()));
            }
            let (title, text) = folded(&task);
            ids.push(task.id);
            versions.push(task.version);
            titles.push(title);
            texts.push(text);
        }
        sqlx::query(REFOLD).bind(&ids).bind(versions).bind(titles).bind(texts).execute(&mut *transaction).await?;
        for (id, tags) in retagged {
            sqlx::query(RETAG).bind(id).bind(tags).execute(&mut *transaction).await?;
        }
        let done = sqlx::query(DONE).bind(&ids).bind(&noted).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }
}
