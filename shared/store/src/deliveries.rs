//! The tables of events that consumers have not accepted yet: `deliveries`, and `dead_letters` for those that were given up.
//!
//! One program at a time delivers from them: the single process, or the gateway. During a roll-out, two gateways may; the inbox of each consumer
//! makes that harmless.

use domain::Timestamp;
use domain::event::Topic;
use sqlx::{FromRow, PgPool, Postgres, Transaction};

use crate::sql::Time;
use crate::unit::begin;

/// Begins a transaction whose loss is harmless, because its work is repeated. Does not wait for the disk, and only briefly for a lock.
const BEGIN_QUICK: &str = "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '50ms'";
const BEGIN: &str = "BEGIN";

/// Ids come from the sequence of the outbox, so that rows of the two tables never share one.
const INSERT: &str = "INSERT INTO deliveries (id, consumer, key, topic, event, created_at) \
     SELECT nextval(pg_get_serial_sequence('outbox', 'id')), consumer, $2, $3, $4::text::json, $5 FROM unnest($1::text[]) AS consumer \
     RETURNING id, consumer";
const LOAD: &str = "SELECT id, consumer, key, topic, event::text AS event, attempts, not_before, created_at \
     FROM deliveries WHERE id > $1 AND consumer = ANY($2) ORDER BY id, consumer LIMIT $3";
const DELETE: &str = "DELETE FROM deliveries d USING unnest($1::bigint[], $2::text[]) AS r (id, consumer) \
     WHERE d.id = r.id AND d.consumer = r.consumer";
const COUNT: &str = "UPDATE deliveries SET attempts = attempts + 1, not_before = $3 WHERE id = $1 AND consumer = $2 RETURNING attempts";
const GIVE_UP: &str = "WITH gone AS (DELETE FROM deliveries WHERE id = $1 AND consumer = $2 RETURNING id, consumer, key, topic, event) \
     INSERT INTO dead_letters (id, consumer, key, topic, event, attempts, last_error, published, created_at) \
     SELECT id, consumer, key, topic, event, $3, $4, $5, $6 FROM gone \
     ON CONFLICT (id, consumer) DO UPDATE SET attempts = EXCLUDED.attempts, last_error = EXCLUDED.last_error, \
         published = EXCLUDED.published, created_at = EXCLUDED.created_at";
const SET_ASIDE: &str = "INSERT INTO dead_letters (id, consumer, key, topic, event, attempts, last_error, published, created_at) \
     VALUES (nextval(pg_get_serial_sequence('outbox', 'id')), $1, $2, $3, $4::text::json, $5, $6, $7, $8)";
macro_rules! letters {
    ($which:literal) => {
        concat!("SELECT id, consumer, topic, key, event::text AS event, attempts, last_error, created_at FROM dead_letters WHERE ", $which)
    };
}
const LETTERS: &str = letters!("(id, consumer) > ($1, $2) ORDER BY id, consumer LIMIT $3");
/// `->>` fails for a document that contains NUL, which no consumer accepts.
macro_rules! one_letter {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "consumer = $1 AND CASE WHEN strpos(event::text, '\\u0000') > 0 THEN false ELSE event->>'source' = $2 AND event->>'id' = $3 END",
            $after
        )
    };
}
const LETTER: &str = one_letter!(
    "SELECT id, consumer, topic, key, event::text AS event, attempts, last_error, created_at FROM dead_letters WHERE ",
    " ORDER BY id LIMIT 1"
);
const UNPUBLISHED: &str = letters!("NOT published ORDER BY id, consumer LIMIT $1");
const PUBLISHED: &str = "UPDATE dead_letters SET published = true WHERE id = $1 AND consumer = $2";
const LETTERS_COUNT: &str = "SELECT count(*) FROM dead_letters";
const FORGET: &str = one_letter!("DELETE FROM dead_letters WHERE ", "");

/// A delivery that waits for its consumer.
#[derive(Clone, Debug, FromRow)]
pub struct Delivery {
    /// Increases in the order of arrival.
    pub id: i64,
    /// The function that consumes it.
    pub consumer: String,
    /// The task.
    pub key: i64,
    /// Its topic.
    pub topic: String,
    /// The event in the structured JSON form of `CloudEvents`.
    pub event: String,
    /// Number of failed attempts so far.
    pub attempts: i32,
    /// When the next attempt may be made; `None` before the first failure.
    pub not_before: Option<Time>,
    /// When it arrived.
    #[sqlx(try_from = "Time")]
    pub created_at: Timestamp,
}

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct DeadLetter {
    /// The id of the delivery.
    pub id: i64,
    /// The function that did not accept it.
    pub consumer: String,
    /// Its topic.
    pub topic: String,
    /// The task.
    pub key: i64,
    /// The event in the structured JSON form of `CloudEvents`.
    pub event: String,
    /// Number of attempts.
    pub attempts: i32,
    /// The function's last answer.
    pub last_error: String,
    /// When it was given up.
    #[sqlx(try_from = "Time")]
    pub created_at: Timestamp,
}

/// How a delivery ended without success.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// Number of attempts.
    pub attempts: i32,
    /// The function's last answer.
    pub error: &'a str,
    /// True if a broker receives it as well.
    pub has_broker: bool,
    /// The time.
    pub now: Timestamp,
}

/// The deliveries and the dead letters of a database.
#[derive(Clone, Debug)]
pub struct Deliveries {
    pool: PgPool,
}

impl Deliveries {
    /// Returns the tables on this pool.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Stores an event for these consumers. Returns the id of each delivery. It is durable when this returns.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn keep(
        &self,
        consumers: &[&str],
        key: i64,
        topic: Topic,
        event: &str,
        now: Timestamp,
    ) -> Result<Vec<(i64, String)>, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query_as(INSERT).bind(consumers).bind(key).bind(topic.as_str()).bind(event).bind(Time(now));
        let kept = query.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(kept)
    }

    /// Returns the waiting deliveries of these consumers with ids after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn load(&self, after: i64, consumers: &[&str], limit: i64) -> Result<Vec<Delivery>, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query_as(LOAD).bind(after).bind(consumers).bind(limit);
        let rows = query.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Deletes accepted deliveries. A loss of this change is harmless: they are delivered again.
    ///
    /// # Errors
    /// Those of the database; another session has locked one of the rows.
    pub async fn delete(&self, ids: &[i64], consumers: &[&str]) -> Result<(), sqlx::Error> {
        let mut transaction = begin(&self.pool, BEGIN_QUICK).await?;
        sqlx::query(DELETE).bind(ids).bind(consumers).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Counts a failed attempt. Returns the number of attempts, or `None` if the delivery is gone.
    ///
    /// # Errors
    /// Those of the database; another session has locked the row.
    pub async fn count(&self, id: i64, consumer: &str, not_before: Timestamp) -> Result<Option<i32>, sqlx::Error> {
        let mut transaction = begin(&self.pool, BEGIN_QUICK).await?;
        let query = sqlx::query_scalar(COUNT).bind(id).bind(consumer).bind(Time(not_before));
        let attempts = query.fetch_optional(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(attempts)
    }

    /// Converts a delivery to a dead letter.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn give_up(&self, id: i64, consumer: &str, end: End<'_>) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query(GIVE_UP).bind(id).bind(consumer).bind(end.attempts).bind(end.error);
        query.bind(end.has_broker.then_some(false)).bind(Time(end.now)).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Stores a dead letter that was never a delivery.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn set_aside(&self, consumer: &str, key: i64, topic: Topic, event: &str, end: End<'_>) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query(SET_ASIDE).bind(consumer).bind(key).bind(topic.as_str()).bind(event).bind(end.attempts).bind(end.error);
        query.bind(end.has_broker.then_some(false)).bind(Time(end.now)).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Returns dead letters, oldest first, at most `limit`; with `after`, only later ones.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn letters(&self, after: Option<&DeadLetter>, limit: i64) -> Result<Vec<DeadLetter>, sqlx::Error> {
        let (id, consumer) = after.map_or((i64::MIN, ""), |letter| (letter.id, letter.consumer.as_str()));
        let mut transaction = self.begin().await?;
        let letters = sqlx::query_as(LETTERS).bind(id).bind(consumer).bind(limit).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(letters)
    }

    /// Returns the number of dead letters.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn letters_count(&self) -> Result<i64, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let count = sqlx::query_scalar(LETTERS_COUNT).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(count)
    }

    /// Returns the dead letter of this consumer whose event has this source and id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn letter(&self, consumer: &str, source: &str, id: &str) -> Result<Option<DeadLetter>, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let letter = sqlx::query_as(LETTER).bind(consumer).bind(source).bind(id).fetch_optional(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(letter)
    }

    /// Deletes a dead letter after a successful replay. Does nothing if it is gone.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget(&self, consumer: &str, source: &str, id: &str) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        sqlx::query(FORGET).bind(consumer).bind(source).bind(id).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Returns dead letters that were not published to the broker yet, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn unpublished(&self, limit: i64) -> Result<Vec<DeadLetter>, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let letters = sqlx::query_as(UNPUBLISHED).bind(limit).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(letters)
    }

    /// Records that a dead letter was published to the broker.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn published(&self, letter: &DeadLetter) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        sqlx::query(PUBLISHED).bind(letter.id).bind(&letter.consumer).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        begin(&self.pool, BEGIN).await
    }
}
