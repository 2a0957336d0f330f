//! The audit log: every event, once, permanently.

use domain::audit::AuditLogEntry;
use domain::event::EventType;
use domain::query::{ListAudit, Window};
use domain::{Page, Timestamp, USER_ID};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};

use crate::Store;
use crate::error::Error;
use crate::sql::{Columns, Time};

/// `place` preserves the order of the entries.
const INSERT: &str = "INSERT INTO audit_log (event_id, event_type, task_id, parent_task_id, user_id, event_data, created_at) \
     SELECT e.event_id, e.event_type, e.task_id, e.parent_task_id, $5, e.event::json, e.created_at \
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $6::text[], $7::timestamptz[]) \
     WITH ORDINALITY AS e (event_id, event_type, task_id, parent_task_id, event, created_at, place) ORDER BY e.place \
     ON CONFLICT (event_id) DO NOTHING";

/// The tasks of a chain: up to the first one, then down from all of these. The log itself knows the parent of each task, so deleted tasks
/// are found as well. UNION drops rows that were seen before, so the recursion ends.
const CHAIN_FROM: &str = "up AS (SELECT ";
const CHAIN_REST: &str = "::bigint AS task_id \
     UNION SELECT a.parent_task_id FROM up JOIN audit_log a ON a.task_id = up.task_id WHERE a.parent_task_id IS NOT NULL), \
     chain AS (SELECT task_id FROM up \
     UNION SELECT a.task_id FROM chain JOIN audit_log a ON a.parent_task_id = chain.task_id), ";

/// The entries of these tasks. An event that arrived late is placed by its task's version: the entries of a task keep the positions at which they
/// arrived, but in the order of its versions. A deletion creates a version that its event does not have yet. An event of a reminder belongs to the
/// newest version that was known when it arrived. A document with a NUL, which no task has, cannot be read as JSON.
const BY_VERSION: &str = "known AS (SELECT id, task_id, event_type, CASE WHEN strpos(event_data::text, '\\u0000') = 0 \
         THEN substring(event_data #>> '{data,task_data,version}' FROM '^[0-9]{1,18}$')::bigint + (event_type = 'task.deleted')::int END AS version \
         FROM audit_log WHERE task_id IN (SELECT task_id FROM chain)), \
     placed AS (SELECT id, task_id, event_type, row_number() OVER (PARTITION BY task_id ORDER BY id) AS came, \
         row_number() OVER (PARTITION BY task_id ORDER BY made, id) AS place \
         FROM (SELECT known.*, coalesce(version, max(version) OVER (PARTITION BY task_id ORDER BY id), 0) AS made FROM known) AS ranked), \
     entries AS (SELECT own.id, own.event_type, at.id AS shown FROM placed own JOIN placed at ON at.task_id = own.task_id AND at.came = own.place) ";
const AS_THEY_CAME: &str = "entries AS NOT MATERIALIZED (SELECT id, event_type, id AS shown FROM audit_log) ";

/// An event to keep in the log.
#[derive(Clone, Debug)]
pub struct NewAuditEntry {
    /// The event's id. The log contains each id once.
    pub event_id: String,
    /// Its type.
    pub event_type: EventType,
    /// The task.
    pub task_id: i64,
    /// The task from which it was created.
    pub parent_task_id: Option<i64>,
    /// The whole event, in the structured JSON form of `CloudEvents`.
    pub event: String,
    /// The time of the entry.
    pub created_at: Timestamp,
}

impl Store {
    /// Returns a page of the log, newest first. For one task, its events are in the order of its versions. With `chain`, the page includes every task
    /// in the chain of the task.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn audit(&self, query: &ListAudit, window: Window) -> Result<Page<AuditLogEntry>, Error> {
        let rows = self
            .run_unbroken(|connection| {
                let mut sql = page(query, window);
                Box::pin(async move { sql.build().fetch_all(connection).await })
            })
            .await?;
        let total_count = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        let items = rows.iter().filter_map(|row| entry_of(row).transpose()).collect::<Result<_, _>>()?;
        Ok(Page { items, total_count })
    }

    /// Writes events to the log, in this order, except those that it already contains. One statement writes all of them or none, so the inbox needs
    /// no row.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record(&self, entries: &[NewAuditEntry]) -> Result<(), Error> {
        self.run_unbroken(|connection| {
            let (ids, types): (Vec<_>, Vec<_>) = entries.iter().map(|entry| (entry.event_id.as_str(), entry.event_type.as_str())).unzip();
            let (tasks, parents): (Vec<_>, Vec<_>) = entries.iter().map(|entry| (entry.task_id, entry.parent_task_id)).unzip();
            let (events, times): (Vec<_>, Vec<_>) = entries.iter().map(|entry| (entry.event.as_str(), Time(entry.created_at))).unzip();
            let query = sqlx::query(INSERT).bind(ids).bind(types).bind(tasks).bind(parents).bind(USER_ID).bind(events).bind(times);
            Box::pin(async { query.execute(connection).await.map(drop) })
        })
        .await
    }
}

/// Returns one statement for the page and the count: a row for each entry, or one row with only the count.
fn page(query: &ListAudit, window: Window) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("WITH RECURSIVE ");
    match query.task_id {
        Some(task_id) if query.chain => sql.push(CHAIN_FROM).push_bind(task_id).push(CHAIN_REST).push(BY_VERSION),
        Some(task_id) => sql.push("chain AS (SELECT ").push_bind(task_id).push("::bigint AS task_id), ").push(BY_VERSION),
        None => sql.push(AS_THEY_CAME),
    };
    sql.push(
        "SELECT total, log.id, event_id, event_type, task_id, parent_task_id, user_id, event_data::text, created_at \
         FROM (SELECT count(*) AS total FROM entries",
    );
    push_filter(&mut sql, query);
    sql.push(") AS counted LEFT JOIN (SELECT id, shown FROM entries");
    push_filter(&mut sql, query);
    sql.push(" ORDER BY shown DESC LIMIT ").push_bind(window.limit).push(" OFFSET ").push_bind(window.offset);
    sql.push(") AS page ON true LEFT JOIN audit_log AS log ON log.id = page.id ORDER BY shown DESC");
    sql
}

fn push_filter(sql: &mut QueryBuilder<Postgres>, query: &ListAudit) {
    if let Some(event_type) = query.event_type {
        sql.push(" WHERE event_type = ").push_bind(event_type.as_str());
    }
}

/// Returns the entry of a row of [`page`], if it has one.
pub(crate) fn entry_of(row: &PgRow) -> Result<Option<AuditLogEntry>, Error> {
    let mut columns = Columns::from(row, 1);
    let Some(id) = columns.get()? else { return Ok(None) };
    Ok(Some(AuditLogEntry {
        id,
        event_id: columns.get()?,
        event_type: columns.get()?,
        task_id: columns.get()?,
        parent_task_id: columns.get()?,
        user_id: columns.get()?,
        event_data: serde_json::from_str(columns.borrowed()?).map_err(Error::value)?,
        created_at: columns.get()?,
    }))
}
