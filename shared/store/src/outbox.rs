//! The outbox: events and jobs that a unit writes in its transaction, and how a publisher takes them.
//!
//! A publisher takes the rows of one task (its key) in the order in which they were written, and locks them from the oldest on. If two
//! publish for the same task, one of them waits or gives up; it never overtakes.

use cloudevents::Event;
use domain::event::{EventType, Topic};
use domain::{Resource, Timestamp};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row, Transaction};

use crate::error::Error;
use crate::sql::{Columns, Time};
use crate::{Committed, Store, Unit};

/// Maximum number of rows that a publisher takes at once.
pub const BATCH_MAX: i64 = 500;

const EVENT: &str = "event";
const SCHEDULE_JOB: &str = "schedule-job";
const CANCEL_JOB: &str = "cancel-job";

/// `place` preserves the order within the unit. The statement does not see its own rows, so every row that it sees is older.
const INSERT: &str = "INSERT INTO outbox (key, kind, topic, name, payload, due_at, created_at) \
     SELECT r.key, r.kind, r.topic, r.name, r.payload::json, r.due_at, $7 \
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[]) \
     WITH ORDINALITY AS r (key, kind, topic, name, payload, due_at, place) ORDER BY r.place \
     RETURNING id, EXISTS (SELECT FROM outbox o WHERE o.key = ANY($1))";

/// If a commit is lost because `synchronous_commit` is off, rows are published again, nothing more. Rows are inserted and deleted all the time, so
/// the table is read by its index, which begins with the key: a scan would read every row that was deleted since the last vacuum.
const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL enable_seqscan = off";

macro_rules! take {
    ($how:literal) => {
        concat!(
            "SELECT id, key, kind, topic, name, payload::text, due_at, created_at FROM outbox WHERE key = ANY($1) \
             ORDER BY key, id LIMIT $2 FOR UPDATE",
            $how
        )
    };
}

const TAKE: &str = take!("");
const TAKE_NOW: &str = take!(" NOWAIT");
const DELETE: &str = "DELETE FROM outbox o USING unnest($1::bigint[], $2::bigint[]) AS r (key, id) WHERE o.key = r.key AND o.id = r.id";
const KEYS: &str = "SELECT key FROM outbox GROUP BY key ORDER BY min(id) LIMIT $1";
const DEPTH: &str = "SELECT count(*) FROM outbox";

/// What a unit has announced so far.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    keys: Vec<i64>,
    entries: Vec<Entry>,
    events: Vec<Event>,
}

impl Outgoing {
    fn push(&mut self, key: i64, entry: Entry) {
        self.keys.push(key);
        self.entries.push(entry);
    }
}

impl Unit {
    /// Announces an event when the unit commits. `key` is the task.
    ///
    /// # Errors
    /// [`Error::Value`]: the data cannot be represented in JSON.
    pub fn emit(&mut self, topic: Topic, ty: EventType, subject: &str, key: i64, data: &impl Serialize) -> Result<(), Error> {
        let event = self.work.origin.event(self.work.ids.next(), ty.as_str(), subject, key, self.work.now, data).map_err(Error::value)?;
        let payload = serde_json::to_string(&event).map_err(Error::value)?;
        self.outgoing.push(key, Entry::Event { topic, ty, payload });
        self.outgoing.events.push(event);
        Ok(())
    }

    /// Announces the current state of a resource when the unit commits.
    ///
    /// # Errors
    /// [`Error::Value`].
    pub(crate) fn tell(&mut self, topic: Topic, ty: EventType, resource: &impl Resource) -> Result<(), Error> {
        let data = resource.event(ty, self.now(), &self.work.origin.correlation_id);
        self.emit(topic, ty, &resource.subject(), resource.key(), &data)
    }

    /// Returns the unit's first event of this type.
    #[must_use]
    pub fn emitted(&self, ty: EventType) -> Option<Event> {
        use cloudevents::AttributesReader;
        self.outgoing.events.iter().find(|event| event.ty() == ty.as_str()).cloned()
    }

    /// Registers a job when the unit commits. It replaces any job of the same name. `key` is the task.
    pub fn schedule_job(&mut self, name: &str, key: i64, due_at: Timestamp) {
        self.outgoing.push(key, Entry::ScheduleJob { name: name.to_owned(), due_at });
    }

    /// Removes a job when the unit commits. `key` is the task.
    pub fn cancel_job(&mut self, name: &str, key: i64) {
        self.outgoing.push(key, Entry::CancelJob { name: name.to_owned() });
    }

    /// Writes the outbox, and returns the rows as the commit leaves them.
    pub(crate) async fn write_outbox(&mut self) -> Result<Committed, Error> {
        let Outgoing { keys, entries, events } = std::mem::take(&mut self.outgoing);
        if keys.is_empty() {
            return Ok(Committed::default());
        }
        let created_at = self.work.now;
        let columns: Vec<_> = entries.iter().map(Entry::columns).collect();
        let kinds: Vec<&str> = columns.iter().map(|columns| columns.kind).collect();
        let topics: Vec<Option<&str>> = columns.iter().map(|columns| columns.topic.map(Topic::as_str)).collect();
        let names: Vec<&str> = columns.iter().map(|columns| columns.name).collect();
        let payloads: Vec<Option<&str>> = columns.iter().map(|columns| columns.payload).collect();
        let due: Vec<Option<Time>> = columns.iter().map(|columns| columns.due_at.map(Time)).collect();
        let query = sqlx::query_as(INSERT).bind(&keys).bind(kinds).bind(topics).bind(names).bind(payloads).bind(due).bind(Time(created_at));
        let written: Vec<(i64, bool)> = query.fetch_all(&mut *self.transaction).await?;
        let is_behind = written.iter().any(|(_, is_behind)| *is_behind);
        let rows = written.into_iter().zip(keys).zip(entries);
        let rows = rows.map(|(((id, _), key), entry)| OutboxRow { id, key, entry, created_at }).collect();
        Ok(Committed { rows, is_behind, events })
    }
}

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Increases along the rows of one task.
    pub id: i64,
    /// The task.
    pub key: i64,
    /// The work to do.
    pub entry: Entry,
    /// When it was written.
    pub created_at: Timestamp,
}

/// The work of a publisher.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Publish an event.
    Event {
        /// The topic.
        topic: Topic,
        /// The event's type.
        ty: EventType,
        /// The event in the structured JSON form of `CloudEvents`, ready to send.
        payload: String,
    },
    /// Register a job. It replaces any job of the same name.
    ScheduleJob {
        /// The job.
        name: String,
        /// When it is called.
        due_at: Timestamp,
    },
    /// Remove a job, if it exists.
    CancelJob {
        /// The job.
        name: String,
    },
}

/// A row of the outbox without its id, task and time.
struct EntryColumns<'a> {
    kind: &'static str,
    topic: Option<Topic>,
    name: &'a str,
    payload: Option<&'a str>,
    due_at: Option<Timestamp>,
}

impl Entry {
    fn columns(&self) -> EntryColumns<'_> {
        match self {
            Self::Event { topic, ty, payload } => {
                EntryColumns { kind: EVENT, topic: Some(*topic), name: ty.as_str(), payload: Some(payload), due_at: None }
            }
            Self::ScheduleJob { name, due_at } => {
                EntryColumns { kind: SCHEDULE_JOB, topic: None, name, payload: None, due_at: Some(*due_at) }
            }
            Self::CancelJob { name } => EntryColumns { kind: CANCEL_JOB, topic: None, name, payload: None, due_at: None },
        }
    }
}

/// The oldest rows of some tasks, locked: no other publisher handles these tasks until this is done or dropped.
pub struct OutboxBatch {
    transaction: Transaction<'static, Postgres>,
    rows: Vec<OutboxRow>,
}

impl OutboxBatch {
    /// Returns the rows, those of a task in the order in which they must be published, at most [`BATCH_MAX`]. Empty if everything is published.
    #[must_use]
    pub fn rows(&self) -> &[OutboxRow] {
        &self.rows
    }

    /// True if there may be more rows of these tasks than fit into one batch.
    #[must_use]
    pub fn is_full(&self) -> bool {
        i64::try_from(self.rows.len()) == Ok(BATCH_MAX)
    }

    /// Deletes the published rows (keys and ids), and releases the others.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: they will be published again.
    pub async fn done(mut self, published: &[(i64, i64)]) -> Result<(), Error> {
        if !published.is_empty() {
            delete_published(&mut self.transaction, published).await?;
        }
        Ok(self.transaction.commit().await?)
    }
}

impl Store {
    /// Takes the rows of some tasks in order to publish them. With `wait`, waits for other publishers of these tasks, up to the lock timeout.
    ///
    /// Returns `None` if another publisher holds some of them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn lock_outbox(&self, keys: &[i64], wait: bool) -> Result<Option<OutboxBatch>, Error> {
        let mut transaction = self.transaction(BEGIN).await?;
        let query = sqlx::query(if wait { TAKE } else { TAKE_NOW }).bind(keys).bind(BATCH_MAX);
        let rows = match query.fetch_all(&mut *transaction).await.map_err(Error::from) {
            Ok(rows) => rows,
            Err(error) if error.is_lock() => return Ok(None),
            Err(error) => return Err(error),
        };
        let rows = rows.iter().map(row_of).collect::<Result<_, _>>()?;
        Ok(Some(OutboxBatch { transaction, rows }))
    }

    /// Deletes rows (keys and ids) that were published right after the commit that wrote them.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: they will be published again.
    pub async fn delete_published(&self, published: &[(i64, i64)]) -> Result<(), Error> {
        let mut transaction = self.transaction(BEGIN).await?;
        delete_published(&mut transaction, published).await?;
        Ok(transaction.commit().await?)
    }

    /// Returns tasks whose rows wait to be published, the longest waiting first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn outbox_keys(&self, limit: i64) -> Result<Vec<i64>, Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(KEYS).bind(limit).fetch_all(connection))).await
    }

    /// Returns the number of rows that wait to be published.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn outbox_depth(&self) -> Result<i64, Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query_scalar(DEPTH).fetch_one(connection))).await
    }
}

/// Deletes published rows (keys and ids) in the caller's transaction. Run it with `enable_seqscan` off, because the table is full of deleted rows.
///
/// # Errors
/// Those of the database; another session has locked one of the rows.
pub async fn delete_published(connection: &mut PgConnection, published: &[(i64, i64)]) -> Result<(), sqlx::Error> {
    let (keys, ids): (Vec<i64>, Vec<i64>) = published.iter().copied().unzip();
    sqlx::query(DELETE).bind(keys).bind(ids).execute(connection).await.map(drop)
}

fn row_of(row: &PgRow) -> Result<OutboxRow, sqlx::Error> {
    let mut columns = Columns::from(row, 0);
    let (id, key) = (columns.get()?, columns.get()?);
    let kind: &str = columns.borrowed()?;
    let topic: Option<Topic> = columns.get()?;
    let name: String = columns.get()?;
    let payload: Option<String> = columns.get()?;
    let due_at: Option<Timestamp> = columns.get()?;
    let entry = match (kind, topic, payload, due_at) {
        (EVENT, Some(topic), Some(payload), _) => {
            Entry::Event { topic, ty: name.parse().map_err(|error: domain::event::Unknown| sqlx::Error::Decode(Box::new(error)))?, payload }
        }
        (SCHEDULE_JOB, _, _, Some(due_at)) => Entry::ScheduleJob { name, due_at },
        (CANCEL_JOB, ..) => Entry::CancelJob { name },
        _ => return Err(sqlx::Error::Decode("a row of the outbox has no content".into())),
    };
    Ok(OutboxRow { id, key, entry, created_at: row.try_get::<Time, _>(7)?.0 })
}
