-- What people mean by a date and by an occurrence: days without a time, the slot that an occurrence stands for, the dates that a series leaves
-- out, rules by the hour, and each user's preferences.

ALTER TABLE tasks
    -- The day of an all-day task. Then the day is the source of truth, and due_date is the instant at which it begins in time_zone.
    ADD COLUMN due_day date,
    -- RECURRENCE-ID: the slot of the series that this occurrence stands for. Null where the task does not recur.
    ADD COLUMN recurrence_id timestamptz,
    -- EXDATE: instants and days, as they are answered.
    ADD COLUMN recurrence_exdates text[] NOT NULL DEFAULT '{}' CHECK (cardinality(recurrence_exdates) <= 366),
    -- The rule. recurrence_rule is what the release before reads of it.
    ADD COLUMN rule text CHECK (char_length(rule) <= 500),
    -- The version that a writer of this release, or a later one, wrote. If it is not the version, the release before wrote last.
    ADD COLUMN written_version bigint,
    ADD CHECK (due_day IS NULL OR due_date IS NOT NULL);

UPDATE tasks SET rule = recurrence_rule, recurrence_id = due_date WHERE recurrence <> 'none';

-- Makes the rows of the release before, which may still be running, mean what it means by them, and those of this release readable to it.
CREATE FUNCTION translate_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent tasks%ROWTYPE;
BEGIN
    IF NEW.written_version = NEW.version THEN
        -- The release before reads no HOURLY: a row that has it would break each of its lists.
        NEW.recurrence_rule := CASE WHEN NEW.rule LIKE 'FREQ=HOURLY%' THEN 'FREQ=DAILY' ELSE NEW.rule END;
    ELSIF TG_OP = 'INSERT' THEN
        NEW.rule := NEW.recurrence_rule;
        NEW.recurrence_id := CASE WHEN NEW.recurrence <> 'none' THEN NEW.due_date END;
        -- The next occurrence inherits what its writer did not see.
        SELECT * INTO parent FROM tasks WHERE id = NEW.parent_task_id;
        IF FOUND THEN
            NEW.recurrence_exdates := parent.recurrence_exdates;
            IF NEW.recurrence_rule = parent.recurrence_rule THEN
                NEW.rule := parent.rule;
            END IF;
            IF parent.due_day IS NOT NULL THEN
                BEGIN
                    NEW.due_day := (NEW.due_date AT TIME ZONE NEW.time_zone)::date;
                EXCEPTION WHEN invalid_parameter_value THEN
                    -- A zone that PostgreSQL does not know: the occurrence has a time.
                    NEW.due_day := NULL;
                END;
            END IF;
        END IF;
    ELSE
        IF NEW.recurrence_rule IS DISTINCT FROM OLD.recurrence_rule THEN
            NEW.rule := NEW.recurrence_rule;
        END IF;
        IF NEW.due_date IS DISTINCT FROM OLD.due_date THEN
            NEW.due_day := NULL;
        END IF;
        -- To the release before, another due date, zone or rule begins a series at the due date.
        IF NEW.due_date IS DISTINCT FROM OLD.due_date OR NEW.recurrence_start IS DISTINCT FROM OLD.recurrence_start THEN
            NEW.recurrence_id := CASE WHEN NEW.recurrence <> 'none' THEN NEW.due_date END;
        END IF;
        IF NEW.recurrence = 'none' THEN
            NEW.recurrence_exdates := '{}';
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tasks_translate_new BEFORE INSERT ON tasks FOR EACH ROW
    WHEN (NEW.written_version IS DISTINCT FROM NEW.version OR NEW.rule IS NOT NULL) EXECUTE FUNCTION translate_task();
CREATE TRIGGER tasks_translate BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (NEW.written_version IS DISTINCT FROM NEW.version OR NEW.rule IS NOT NULL OR NEW.recurrence_rule IS NOT NULL)
    EXECUTE FUNCTION translate_task();

-- An all-day task comes before the timed tasks of its day, also one of midnight.
DROP INDEX tasks_due, tasks_due_last_first;
CREATE INDEX tasks_due ON tasks (due_date, due_day, id);
CREATE INDEX tasks_due_last_first ON tasks (due_date DESC NULLS LAST, due_day DESC, id DESC);

-- The tasks whose reminders follow the start of the day.
CREATE INDEX tasks_all_day ON tasks (id) WHERE status = 'pending' AND due_day IS NOT NULL;

-- What a user prefers; no row until somebody says so. A null is what the service's settings say.
CREATE TABLE preferences (
    user_id bigint PRIMARY KEY,
    time_zone text,
    locale text CHECK (char_length(locale) <= 35),
    day_start text CHECK (char_length(day_start) = 5),
    updated_at timestamptz NOT NULL
);
-- What a client calls a task, before the service has given it an id. The default is for the release before, which may still be running and does
-- not write it.
ALTER TABLE tasks ADD COLUMN uid uuid NOT NULL DEFAULT gen_random_uuid();

CREATE UNIQUE INDEX tasks_uid ON tasks (uid);

-- Deleted tasks, for 30 days: no index, count, search or earlier release sees them. The columns after the first are those of tasks, in the same
-- order: a row moves as a whole, and a migration that adds a column to tasks adds it here as well.
CREATE TABLE trashed_tasks (
    deleted_at timestamptz NOT NULL,
    LIKE tasks,
    PRIMARY KEY (id)
);

CREATE INDEX trashed_tasks_deleted ON trashed_tasks (deleted_at, id);

-- What each change of a task replaced, for 30 days: enough to take it back. A change is known by the task and the version that it made. A creation
-- replaces nothing, so it has no row.
CREATE TABLE changes (
    task_id bigint NOT NULL,
    version bigint NOT NULL,
    event_type text NOT NULL,
    -- The changed fields as they were, in the form of REST.
    previous jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, version)
);

-- The version of the task that a row of task_search was written of. The release before folds otherwise and leaves this as it is, so triggers know
-- its rows by that, and note them in task_refolds. Housekeeping folds those anew.
ALTER TABLE task_search ADD COLUMN folded_version bigint NOT NULL DEFAULT 0;

CREATE TABLE task_refolds (
    task_id bigint PRIMARY KEY
);

-- ASCII without tags is folded as before.
INSERT INTO task_refolds
    SELECT id FROM tasks
    WHERE tags <> '{}' OR octet_length(title) <> char_length(title) OR octet_length(description) <> char_length(description);

CREATE FUNCTION note_refold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO task_refolds VALUES (NEW.task_id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER task_search_made AFTER INSERT ON task_search
    FOR EACH ROW WHEN (NEW.folded_version = 0) EXECUTE FUNCTION note_refold();
CREATE TRIGGER task_search_changed AFTER UPDATE ON task_search
    FOR EACH ROW WHEN (NEW.folded_version = OLD.folded_version) EXECUTE FUNCTION note_refold();

-- How many tasks have each tag, so that a list of tags need not read the tasks: the counts, and what is yet to be added to them. A change appends,
-- so two changes never wait for each other, however popular a tag is. Now and then one of them adds up what was appended, unless another is at it.
CREATE TABLE tag_counts (
    tag text COLLATE "C" PRIMARY KEY,
    tasks bigint NOT NULL
) WITH (fillfactor = 50);

-- All churn: vacuumed by count, not by share.
CREATE TABLE tag_changes (
    tag text COLLATE "C" NOT NULL,
    tasks integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE FUNCTION add_up_tags() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Only one adds up at a time, so nobody waits for a row of tag_counts. Two numbers: those of once.rs are one.
    IF pg_try_advisory_xact_lock(3, 0) THEN
        WITH taken AS (
            DELETE FROM tag_changes WHERE ctid = ANY (ARRAY (SELECT ctid FROM tag_changes LIMIT 20000)) RETURNING tag, tasks
        )
        INSERT INTO tag_counts AS known (tag, tasks)
            SELECT tag, sum(tasks) FROM taken GROUP BY tag HAVING sum(tasks) <> 0
            ON CONFLICT (tag) DO UPDATE SET tasks = known.tasks + excluded.tasks;
    END IF;
END
$$;

CREATE FUNCTION count_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO tag_changes SELECT tag, 1 FROM unnest(NEW.tags) AS tag;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO tag_changes SELECT tag, -1 FROM unnest(OLD.tags) AS tag;
    ELSE
        INSERT INTO tag_changes
            SELECT tag, 1 FROM unnest(NEW.tags) AS tag WHERE tag <> ALL (OLD.tags)
            UNION ALL SELECT tag, -1 FROM unnest(OLD.tags) AS tag WHERE tag <> ALL (NEW.tags);
        -- Tags are searched, too. This release has noted the version by now.
        INSERT INTO task_refolds SELECT task_id FROM task_search WHERE task_id = NEW.id AND folded_version < NEW.version ON CONFLICT DO NOTHING;
    END IF;
    IF random() < 1.0 / 256 THEN
        PERFORM add_up_tags();
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER tasks_tagged AFTER INSERT ON tasks
    FOR EACH ROW WHEN (NEW.tags <> '{}') EXECUTE FUNCTION count_tags();
CREATE TRIGGER tasks_retagged AFTER UPDATE OF tags ON tasks
    FOR EACH ROW WHEN (NEW.tags <> OLD.tags) EXECUTE FUNCTION count_tags();
CREATE TRIGGER tasks_untagged AFTER DELETE ON tasks
    FOR EACH ROW WHEN (OLD.tags <> '{}') EXECUTE FUNCTION count_tags();

INSERT INTO tag_counts SELECT tag, count(*) FROM tasks CROSS JOIN unnest(tags) AS tag GROUP BY tag;
