//! The unit of work: one transaction, with its events and jobs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cloudevents::Event;
use domain::Timestamp;
use domain::ambient::Ids;
use domain::change::ChangeId;
use domain::event::Origin;
use sqlx::{PgPool, Postgres, Transaction};

use crate::Store;
use crate::changes::{Place, Subject};
use crate::error::Error;
use crate::once::Claim;
use crate::outbox::{OutboxRow, Outgoing};
use crate::store::unbroken_noting;

macro_rules! begin {
    () => {
        "BEGIN; SET LOCAL enable_seqscan = off"
    };
}

/// A unit that takes the last place waits for a lock for a shorter time, because other changes wait for its place and, in a pool with one connection,
/// reads do too.
const BEGIN_LAST: &str = concat!(begin!(), "; SET LOCAL lock_timeout = '1s'");
/// A unit finds rows by their keys. Otherwise, the planner would scan a table that is almost empty, and keep that plan after the table has grown.
const BEGIN: &str = begin!();

/// What a unit of work needs to know about the call that it serves.
#[derive(Clone)]
pub struct Work {
    /// The origin of its events.
    pub origin: Origin,
    /// The timestamp of everything that it writes.
    pub now: Timestamp,
    /// Creates the ids of its events.
    pub ids: Arc<dyn Ids>,
    /// The version of a task that the caller wants to change. `None`: any version.
    pub if_match: Option<IfMatch>,
}

/// The `If-Match` and `If-None-Match` of a call (RFC 9110).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: any version.
    Any,
    /// One of these versions.
    Versions(Vec<i64>),
    /// Any version except these.
    Except(Vec<i64>),
}

impl IfMatch {
    pub(crate) fn matches(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
            Self::Except(versions) => !versions.contains(&version),
        }
    }
}

/// One transaction. It is rolled back if it is dropped without [`commit`](Self::commit).
pub struct Unit {
    pub(crate) transaction: Transaction<'static, Postgres>,
    pub(crate) work: Work,
    pub(crate) outgoing: Outgoing,
    /// The last change of a task.
    pub(crate) made: Option<ChangeId>,
    /// Released after the connection.
    _place: Place,
    pub(crate) claim: Option<Claim>,
}

/// The rows that a committed unit left in the outbox.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// The rows, in order.
    pub rows: Vec<OutboxRow>,
    /// True if older rows of the same tasks wait in the outbox, which must be published first.
    pub is_behind: bool,
    /// The events among the rows, in order.
    pub events: Vec<Event>,
}

impl Committed {
    /// Returns the tasks whose rows wait to be published, without duplicates.
    #[must_use]
    pub fn keys(&self) -> Vec<i64> {
        let mut keys: Vec<i64> = Vec::new();
        for row in &self.rows {
            if !keys.contains(&row.key) {
                keys.push(row.key);
            }
        }
        keys
    }
}

impl Store {
    /// Begins a unit of work.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin(&self, work: Work) -> Result<Unit, Error> {
        self.begin_on(None, work).await
    }

    /// Begins a unit of work after the other units of this process with the same subject, if there are any. Waits for them without a connection, and
    /// no longer than for a connection.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_on(&self, subject: Option<Subject>, work: Work) -> Result<Unit, Error> {
        let place = self.changes.place(subject).await?;
        let transaction = self.transaction(if place.is_last { BEGIN_LAST } else { BEGIN }).await?;
        Ok(Unit { transaction, work, outgoing: Outgoing::default(), made: None, _place: place, claim: None })
    }

    pub(crate) async fn transaction(&self, how: &'static str) -> Result<Transaction<'static, Postgres>, Error> {
        Ok(begin_noting(self.pool(), how, self.broke.clone()).await?)
    }
}

/// Begins a transaction. If the pool's connection is dead, it uses another: after a restart of the database, all of them are dead.
///
/// Runs in a task of its own. Otherwise, if the caller is cancelled, sqlx 0.9.0 leaves a connection in the pool that is inside a transaction (its
/// issue 4385), and what is written on it next is rolled back in the end.
///
/// # Errors
/// Those of the database; [`sqlx::Error::WorkerCrashed`] while the runtime stops.
pub async fn begin(pool: &PgPool, how: &'static str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    begin_noting(pool, how, Arc::default()).await
}

async fn begin_noting(pool: &PgPool, how: &'static str, broke: Arc<AtomicBool>) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move { unbroken_noting(&pool, &broke, || pool.begin_with(how)).await });
    beginning.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

impl Unit {
    /// Returns the timestamp of everything that the unit writes.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.work.now
    }

    /// Returns the origin of its events.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.work.origin
    }

    /// Returns the unit's last change of a task, if there is one.
    #[must_use]
    pub fn made(&self) -> Option<ChangeId> {
        self.made
    }

    /// Changes the origin of the events that the unit announces from now on.
    pub fn set_origin(&mut self, origin: Origin) {
        self.work.origin = origin;
    }

    /// Writes the outbox, and commits.
    ///
    /// # Errors
    /// [`Error::Unavailable`]. If the connection broke during the commit, it is unknown whether the transaction was committed.
    pub async fn commit(mut self) -> Result<Committed, Error> {
        let committed = self.write_outbox().await?;
        self.transaction.commit().await?;
        Ok(committed)
    }
}
