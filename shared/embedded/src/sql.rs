//! How the ports keep things in PostgreSQL: the schema `embedded`, moments, and transactions that outlive a restart of the database.

use domain::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, PgPool, Postgres, Type};
pub(crate) use store::begin;

/// Its own schema, so that the database of a cluster, which has none of this, looks the same otherwise.
/// Queues are small and all churn: vacuumed by count, not by share. The lock is for two processes that start at once.
const SCHEMA: &str = "
SELECT pg_advisory_xact_lock(7203145229);
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS embedded;
CREATE TABLE IF NOT EXISTS embedded.deliveries (
    id bigint NOT NULL,
    consumer text NOT NULL,
    key bigint NOT NULL,
    topic text NOT NULL,
    event json NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id, consumer)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE TABLE IF NOT EXISTS embedded.dead_letters (
    id bigint NOT NULL,
    consumer text NOT NULL,
    key bigint NOT NULL,
    topic text NOT NULL,
    event json NOT NULL,
    attempts integer NOT NULL,
    last_error text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id, consumer)
);
CREATE TABLE IF NOT EXISTS embedded.jobs (
    name text PRIMARY KEY,
    due_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX IF NOT EXISTS jobs_next ON embedded.jobs (next_at, name);
CREATE SEQUENCE IF NOT EXISTS embedded.state_etag;
CREATE TABLE IF NOT EXISTS embedded.state (
    key text PRIMARY KEY,
    value text NOT NULL,
    etag bigint NOT NULL,
    expires_at timestamptz
);
CREATE INDEX IF NOT EXISTS state_expires ON embedded.state (expires_at) WHERE expires_at IS NOT NULL;
";

/// A transaction like any other.
pub(crate) const BEGIN: &str = "BEGIN";
/// A transaction that need not survive a crash of the database: it is done again, and doing it again does no harm.
pub(crate) const BEGIN_QUICK: &str = "BEGIN; SET LOCAL synchronous_commit = off";
/// 2000-01-01T00:00:00Z, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Where an earlier version has left it otherwise. JSON was checked, at each write, by a database that never looks into it.
const CHANGES: &str = "
DO $$ BEGIN
    IF (SELECT atttypid FROM pg_attribute WHERE attrelid = 'embedded.state'::regclass AND attname = 'value') = 'json'::regtype THEN
        ALTER TABLE embedded.state ALTER COLUMN value TYPE text;
    END IF;
END $$;
";

/// Creates the tables of the ports in one process, where they are not there yet. The tables of the store have to be.
///
/// # Errors
/// [`store::Error::Unavailable`].
pub(crate) async fn prepare(pool: &PgPool) -> Result<(), store::Error> {
    let mut transaction = begin(pool, BEGIN).await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
    sqlx::raw_sql(CHANGES).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Whether the database answers.
pub(crate) async fn answers(pool: &PgPool) -> bool {
    match begin(pool, BEGIN).await {
        Ok(transaction) => transaction.rollback().await.is_ok(),
        Err(_) => false,
    }
}

/// A moment as `timestamptz`: microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(pub(crate) i64);

impl Micros {
    /// So much later.
    pub(crate) fn plus(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<Timestamp> for Micros {
    fn from(moment: Timestamp) -> Self {
        Self(moment.as_microsecond())
    }
}

impl Type<Postgres> for Micros {
    fn type_info() -> PgTypeInfo {
        // By number: a name would cost each connection a look-up.
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl Encode<'_, Postgres> for Micros {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0.saturating_sub(POSTGRES_EPOCH), buffer)
    }
}

impl Decode<'_, Postgres> for Micros {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("a time in text form".into());
        }
        let microseconds: i64 = Decode::<Postgres>::decode(value)?;
        Ok(Self(microseconds.saturating_add(POSTGRES_EPOCH)))
    }
}
