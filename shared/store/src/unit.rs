//! The unit of work: one transaction, with the events and jobs that follow from it.

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

/// A unit that takes the last place waits for a lock for less time than others, because there are those who wait for its place, and in a
/// pool of one connection, reads too.
const BEGIN_LAST: &str = concat!(begin!(), "; SET LOCAL lock_timeout = '1s'");
/// A unit finds rows by their keys. The planner would scan a table that is almost empty, and keep that plan when it has grown.
const BEGIN: &str = begin!();

/// What a unit of work needs to know of the call that it serves.
#[derive(Clone)]
pub struct Work {
    /// Where its events come from.
    pub origin: Origin,
    /// The time of everything that it writes.
    pub now: Timestamp,
    /// Where its events get their ids.
    pub ids: Arc<dyn Ids>,
    /// Which version of a task the caller means to change; `None`: whichever there is.
    pub if_match: Option<IfMatch>,
}

/// The `If-Match` and `If-None-Match` of a call (RFC 9110).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: any version.
    Any,
    /// One of these.
    Versions(Vec<i64>),
    /// Any but these.
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

/// One transaction. Dropped without [`commit`](Self::commit), it never happened.
pub struct Unit {
    pub(crate) transaction: Transaction<'static, Postgres>,
    pub(crate) work: Work,
    pub(crate) outgoing: Outgoing,
    /// The last change of a task.
    pub(crate) made: Option<ChangeId>,
    /// Given back after the connection.
    _place: Place,
    pub(crate) claim: Option<Claim>,
}

/// What a committed unit left in the outbox.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// The rows, in order.
    pub rows: Vec<OutboxRow>,
    /// True if older rows of the same tasks wait there, which have to be published first.
    pub is_behind: bool,
    /// The events among the rows, in order.
    pub events: Vec<Event>,
}

impl Committed {
    /// The tasks whose rows are waiting to be published, each once.
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

    /// Begins a unit of work after the others of this process that are about the same subject, if there is one. Waits for them without a
    /// connection, and no longer than for one.
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

/// Begins a transaction, on another connection where the pool's was dead: after a restart of the database all of them are.
///
/// In a task of its own: where whoever asks goes away meanwhile, sqlx 0.9.0 leaves a connection in the pool that is inside a transaction
/// (its issue 4385), and what is written by it next is undone in the end.
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
    /// The time of everything that the unit writes.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.work.now
    }

    /// Where its events come from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.work.origin
    }

    /// The change that the unit has made of a task, if it has made any; the last one, if it has made several.
    #[must_use]
    pub fn made(&self) -> Option<ChangeId> {
        self.made
    }

    /// Has the events that the unit announces from now on come from elsewhere.
    pub fn set_origin(&mut self, origin: Origin) {
        self.work.origin = origin;
    }

    /// Writes the outbox and makes all of it last.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: whether it was committed is not known if the connection broke just then.
    pub async fn commit(mut self) -> Result<Committed, Error> {
        let committed = self.write_outbox().await?;
        self.transaction.commit().await?;
        Ok(committed)
    }
}
