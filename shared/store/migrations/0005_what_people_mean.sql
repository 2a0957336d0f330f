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
