//! Exactly-once processing: deliveries of events (inbox), commands by their (source, id), and calls by their `Idempotency-Key`.

use serde_json::Value;
use sqlx::Row;

use crate::changes::Turn;
use crate::error::Error;
use crate::sql::Time;
use crate::{Store, Unit};

/// Hours for which the response to a call with an `Idempotency-Key` is kept.
pub(crate) const KEPT_HOURS: i32 = 24;

/// A second delivery waits here until the first is committed (then it changes nothing) or rolled back (then it becomes the first).
const ARRIVED: &str = "INSERT INTO inbox (consumer, source, event_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const ANSWER: &str = "SELECT answer::text FROM inbox WHERE consumer = $1 AND source = $2 AND event_id = $3";
const REMEMBER: &str = "UPDATE inbox SET answer = $4::text::json WHERE consumer = $1 AND source = $2 AND event_id = $3";

/// Two statements, because the snapshot of the second must be taken after the lock.
const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock($1)";
const KEY: &str = "SELECT fingerprint, answer::text FROM idempotency_keys WHERE key = $1 AND method = $2 AND path = $3 \
     AND created_at > $4 - make_interval(hours => $5)";
const REMEMBER_KEY: &str = "INSERT INTO idempotency_keys (key, method, path, fingerprint, answer, created_at) \
     VALUES ($1, $2, $3, $4, $5::text::json, $6) ON CONFLICT (key, method, path) DO UPDATE \
     SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = excluded.created_at";

/// The state of a call with an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq)]
pub enum Idempotency {
    /// Not known: execute it, then call [`Unit::remember_idempotent`].
    New,
    /// It was executed, with this response.
    Replay(Value),
    /// Another call with the same key is in progress.
    InFlight,
    /// It was executed with another body.
    Mismatch,
}

/// An `Idempotency-Key` that a call of this process uses. Another call with it is refused immediately, instead of waiting for its turn for the task.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "it is held")] Turn);

impl Store {
    /// Claims an `Idempotency-Key` for a call of this method and path. Returns `None` if another call of this process holds it.
    #[must_use]
    pub fn claim_key(&self, key: &str, method: &str, path: &str) -> Option<Claim> {
        self.changes.try_turn(("idempotency_key", lock_number(Lock::Idempotency, &[key, method, path]))).map(Claim)
    }
}

impl Unit {
    /// Keeps a claim until the unit ends.
    pub fn keep(&mut self, claim: Option<Claim>) {
        self.claim = claim;
    }

    /// Returns true for the first delivery of this event to the consumer. After that, other units get false, unless this unit is rolled back.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn first_delivery(&mut self, consumer: &str, source: &str, event_id: &str) -> Result<bool, Error> {
        let query = sqlx::query(ARRIVED).bind(consumer).bind(source).bind(event_id).bind(Time(self.now()));
        Ok(query.execute(&mut *self.transaction).await?.rows_affected() == 1)
    }

    /// Returns the answer of a command that was executed before. Otherwise, this unit must execute it and call [`remember_answer`]; the same command
    /// on another connection waits here until this unit ends.
    ///
    /// [`remember_answer`]: Self::remember_answer
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn answered(&mut self, consumer: &str, source: &str, event_id: &str) -> Result<Option<Value>, Error> {
        if self.first_delivery(consumer, source, event_id).await? {
            return Ok(None);
        }
        let query = sqlx::query_scalar(ANSWER).bind(consumer).bind(source).bind(event_id);
        let answer: Option<String> = query.fetch_one(&mut *self.transaction).await?;
        // A unit that committed without an answer has nothing to return.
        Ok(Some(answer.map_or(Ok(Value::Null), |answer| serde_json::from_str(&answer)).map_err(Error::value)?))
    }

    /// Stores the answer of a command.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remember_answer(&mut self, consumer: &str, source: &str, event_id: &str, answer: &Value) -> Result<(), Error> {
        let query = sqlx::query(REMEMBER).bind(consumer).bind(source).bind(event_id).bind(answer.to_string());
        query.execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Returns the state of a call with this `Idempotency-Key` to this method and path. `fingerprint` is the hash of its body.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn idempotent(&mut self, key: &str, method: &str, path: &str, fingerprint: &[u8]) -> Result<Idempotency, Error> {
        let lock = lock_number(Lock::Idempotency, &[key, method, path]);
        if !sqlx::query_scalar(TRY_LOCK).bind(lock).fetch_one(&mut *self.transaction).await? {
            return Ok(Idempotency::InFlight);
        }
        let query = sqlx::query(KEY).bind(key).bind(method).bind(path).bind(Time(self.now())).bind(KEPT_HOURS);
        let Some(row) = query.fetch_optional(&mut *self.transaction).await? else { return Ok(Idempotency::New) };
        if row.try_get::<&[u8], _>(0)? != fingerprint {
            return Ok(Idempotency::Mismatch);
        }
        Ok(Idempotency::Replay(serde_json::from_str(row.try_get(1)?).map_err(Error::value)?))
    }

    /// Stores the response to a call that was [`Idempotency::New`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remember_idempotent(
        &mut self,
        key: &str,
        method: &str,
        path: &str,
        fingerprint: &[u8],
        answer: &Value,
    ) -> Result<(), Error> {
        let query = sqlx::query(REMEMBER_KEY).bind(key).bind(method).bind(path).bind(fingerprint).bind(answer.to_string());
        query.bind(Time(self.now())).execute(&mut *self.transaction).await?;
        Ok(())
    }
}

/// The purpose of an advisory lock.
#[derive(Clone, Copy)]
pub(crate) enum Lock {
    /// Drawing the next id of a notification.
    Notifications = 1,
    /// Executing a call with an `Idempotency-Key`.
    Idempotency = 2,
    /// Counting the subscribed browsers.
    Subscriptions = 3,
    /// Counting the app passwords.
    AppPasswords = 4,
}

/// Returns the number of an advisory lock: FNV-1a over its purpose and texts, so that all processes agree.
pub(crate) fn lock_number(lock: Lock, texts: &[&str]) -> i64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    let hash = [lock as u8].into_iter().chain(bytes).fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    hash.cast_signed()
}
