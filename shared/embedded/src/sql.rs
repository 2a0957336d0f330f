//! Storage of the ports in PostgreSQL: the schema `embedded`, and transactions that survive a restart of the database.

use sqlx::PgPool;
pub(crate) use store::begin;

/// Has its own schema, because the database of a cluster has none of these tables. The queues are small and their rows short-lived, so they
/// are vacuumed by count, not by share. The lock serialises two processes that start at the same time.
const SCHEMA: &str = "
SELECT pg_advisory_xact_lock(7203145229);
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS embedded;
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

/// Begins a normal transaction.
pub(crate) const BEGIN: &str = "BEGIN";
/// Begins a transaction that is repeated if it fails, or if a crash of the database undoes it. The bus has few connections, so it waits only briefly
/// for a lock.
macro_rules! begin_quick {
    ($more:literal) => {
        concat!("BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '50ms'", $more)
    };
}
pub(crate) use begin_quick;

pub(crate) const BEGIN_QUICK: &str = begin_quick!("");

/// Changes the tables of an earlier version. A column of the type `json` becomes text, because the database validated each value but never
/// read it.
const CHANGES: &str = "
DO $$ BEGIN
    IF (SELECT atttypid FROM pg_attribute WHERE attrelid = 'embedded.state'::regclass AND attname = 'value') = 'json'::regtype THEN
        ALTER TABLE embedded.state ALTER COLUMN value TYPE text;
    END IF;
    -- The store has these tables now. The previous release, which may still be running, uses them as views; a later release drops the views.
    IF (SELECT relkind FROM pg_class WHERE oid = to_regclass('embedded.deliveries')) = 'r' THEN
        LOCK TABLE embedded.deliveries, embedded.dead_letters IN ACCESS EXCLUSIVE MODE;
        INSERT INTO deliveries (id, consumer, key, topic, event, attempts, created_at)
            SELECT id, consumer, key, topic, event, attempts, created_at FROM embedded.deliveries ON CONFLICT DO NOTHING;
        INSERT INTO dead_letters (id, consumer, key, topic, event, attempts, last_error, created_at)
            SELECT id, consumer, key, topic, event, attempts, last_error, created_at FROM embedded.dead_letters ON CONFLICT DO NOTHING;
        DROP TABLE embedded.deliveries, embedded.dead_letters;
        CREATE VIEW embedded.deliveries AS SELECT id, consumer, key, topic, event, attempts, created_at FROM deliveries;
        CREATE VIEW embedded.dead_letters AS
            SELECT id, consumer, key, topic, event, attempts, last_error, created_at FROM dead_letters;
    END IF;
END $$;
";

/// Creates the tables of the ports in one process if they do not exist. The store's tables must exist.
///
/// # Errors
/// [`store::Error::Unavailable`].
pub(crate) async fn prepare(pool: &PgPool) -> Result<(), store::Error> {
    let change = |pool| async move {
        let mut transaction = begin(&pool, BEGIN).await?;
        sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
        sqlx::raw_sql(CHANGES).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    };
    store::migrating(pool, change).await
}

/// True if the database answers.
pub(crate) async fn answers(pool: &PgPool) -> bool {
    match begin(pool, BEGIN).await {
        Ok(transaction) => transaction.rollback().await.is_ok(),
        Err(_) => false,
    }
}
