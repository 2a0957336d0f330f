-- The schema of Taskflow. docs/data-model.md tells why each column and each index is there.

-- Parts of words are found through trigrams.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    -- The title in lower case: what lists are sorted by.
    title_key text COLLATE "C" NOT NULL,
    description text NOT NULL CHECK (char_length(description) <= 10000),
    due_date timestamptz,
    time_zone text NOT NULL,
    recurrence text NOT NULL CHECK (recurrence IN ('none', 'daily', 'weekly', 'monthly', 'custom')),
    recurrence_rule text CHECK (char_length(recurrence_rule) <= 500),
    recurrence_from text NOT NULL CHECK (recurrence_from IN ('due', 'completion')),
    recurrence_start timestamptz,
    recurrence_number bigint NOT NULL CHECK (recurrence_number >= 1),
    -- 0 low, 1 medium, 2 high.
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 2),
    tags text[] NOT NULL CHECK (cardinality(tags) <= 20),
    status text NOT NULL CHECK (status IN ('pending', 'completed')),
    completed_at timestamptz,
    -- No foreign key: parents may be deleted.
    parent_task_id bigint,
    reminder_offset text,
    version bigint NOT NULL CHECK (version >= 1),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK ((recurrence = 'custom') = (recurrence_rule IS NOT NULL)),
    CHECK (due_date IS NOT NULL OR (recurrence = 'none' AND reminder_offset IS NULL)),
    CHECK ((status = 'completed') = (completed_at IS NOT NULL))
);

CREATE INDEX tasks_created ON tasks (created_at, id);
CREATE INDEX tasks_updated ON tasks (updated_at, id);
CREATE INDEX tasks_due ON tasks (due_date, id);
CREATE INDEX tasks_due_last_first ON tasks (due_date DESC NULLS LAST, id DESC);
CREATE INDEX tasks_title ON tasks (title_key, id);
CREATE INDEX tasks_priority ON tasks (priority, id);
CREATE INDEX tasks_priority_due ON tasks (priority, due_date, id);
CREATE INDEX tasks_status ON tasks (status, created_at, id);
CREATE INDEX tasks_tags ON tasks USING gin (tags) WITH (fastupdate = off);
CREATE UNIQUE INDEX tasks_parent ON tasks (parent_task_id) WHERE parent_task_id IS NOT NULL;

-- What tasks are found by, folded by the store. Apart from tasks, so that only a new text touches the index of trigrams.
CREATE TABLE task_search (
    task_id bigint PRIMARY KEY,
    folded_title text COLLATE "C" NOT NULL,
    folded_text text COLLATE "C" NOT NULL
);

-- A short pending list: new texts enter the index some dozens at a time, which more than doubles the rate of new tasks,
-- and a search reads a few pages more at most.
CREATE INDEX task_search_text ON task_search USING gin (folded_text gin_trgm_ops)
    WITH (fastupdate = on, gin_pending_list_limit = 128);

-- How many tasks there are, so that a list need not count them. The sum over the slots is exact; a backend writes to its own
-- slot, so that units do not wait for each other, and at its commit, so that it waits for nothing while it holds the slot.
CREATE TABLE task_counts (
    slot smallint PRIMARY KEY,
    pending bigint NOT NULL,
    completed bigint NOT NULL
) WITH (fillfactor = 50);

INSERT INTO task_counts SELECT slot, 0, 0 FROM generate_series(0, 63) AS slot;

CREATE FUNCTION count_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    more_pending integer := 0;
    more_completed integer := 0;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        IF NEW.status = 'pending' THEN more_pending := 1; ELSE more_completed := 1; END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF OLD.status = 'pending' THEN more_pending := more_pending - 1; ELSE more_completed := more_completed - 1; END IF;
    END IF;
    UPDATE task_counts SET pending = pending + more_pending, completed = completed + more_completed
        WHERE slot = pg_backend_pid() % 64;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER tasks_come_and_go AFTER INSERT OR DELETE ON tasks
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION count_task();
CREATE CONSTRAINT TRIGGER tasks_change_status AFTER UPDATE OF status ON tasks
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION count_task();

CREATE TABLE reminders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- No foreign key: the reminders of a deleted task stay, cancelled.
    task_id bigint NOT NULL,
    user_id bigint NOT NULL,
    scheduled_at timestamptz NOT NULL,
    triggered_at timestamptz,
    reminder_offset text NOT NULL,
    reminder_type text NOT NULL CHECK (reminder_type IN ('websocket', 'webhook')),
    status text NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'cancelled')),
    retry_count integer NOT NULL CHECK (retry_count >= 0),
    dapr_job_id text NOT NULL GENERATED ALWAYS AS ('fire-reminder-' || id::text) STORED,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    of_task boolean NOT NULL,
    cancelled_with_task boolean NOT NULL,
    CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
    CHECK (status = 'cancelled' OR NOT cancelled_with_task)
);

CREATE INDEX reminders_task ON reminders (task_id, id);
CREATE INDEX reminders_waiting ON reminders (id) WHERE status = 'pending' AND triggered_at IS NULL;

CREATE TABLE notifications (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    event_type text NOT NULL,
    task_id bigint NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    read_at timestamptz
);

CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id text NOT NULL UNIQUE,
    event_type text NOT NULL,
    task_id bigint NOT NULL,
    parent_task_id bigint,
    user_id bigint NOT NULL,
    event_data json NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX audit_log_task ON audit_log (task_id, id);
CREATE INDEX audit_log_type ON audit_log (event_type, id);
CREATE INDEX audit_log_parent ON audit_log (task_id, parent_task_id) WHERE parent_task_id IS NOT NULL;
CREATE INDEX audit_log_children ON audit_log (parent_task_id, task_id) WHERE parent_task_id IS NOT NULL;

-- What is to be published. Emptied as it is published, so it is small and all churn: vacuumed by count, not by share.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    -- The task: its rows are published in order.
    key bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('event', 'schedule-job', 'cancel-job')),
    topic text CHECK ((topic IS NOT NULL) = (kind = 'event')),
    name text NOT NULL,
    payload json CHECK ((payload IS NOT NULL) = (kind = 'event')),
    due_at timestamptz CHECK ((due_at IS NOT NULL) = (kind = 'schedule-job')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (key, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- What was delivered, so that it is done once; with the answer, where it was a command.
CREATE TABLE inbox (
    consumer text NOT NULL,
    source text NOT NULL,
    event_id text NOT NULL,
    answer json,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, source, event_id)
);

-- What calls with an Idempotency-Key were answered.
CREATE TABLE idempotency_keys (
    key text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    fingerprint bytea NOT NULL,
    answer json NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (key, method, path)
);
