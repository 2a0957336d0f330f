-- How the release before laid out the schema of the one process.
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
