-- What calendar clients need: app passwords, the key of the feed, what a client calls a task and wrote of it, and what has changed since a token.

-- Passwords of calendar clients, and keys of the feed. Kept as SHA-256: they are random, so no slow hash is needed.
CREATE TABLE app_passwords (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('calendar', 'feed')),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    digest bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    -- When it was last used, to the hour.
    used_at timestamptz
);

-- The transaction that changed the row last. A token of a client is such a number, and a row is new to the client from that number on: so a
-- transaction that commits late is not missed. Whoever changes a row does not write it, the release before neither: a trigger does.
ALTER TABLE tasks ADD COLUMN changed_in bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
ALTER TABLE trashed_tasks ADD COLUMN changed_in bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
CREATE INDEX tasks_changed_in ON tasks (changed_in);

CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END
$$;

CREATE TRIGGER tasks_note_change BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (NEW.version <> OLD.version OR NEW.occurrence_owed IS DISTINCT FROM OLD.occurrence_owed) EXECUTE FUNCTION note_change();
-- A row that comes back from the trash has the number of its last change.
CREATE TRIGGER tasks_note_restored BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.version > 1) EXECUTE FUNCTION note_change();

-- The resource of a task that a client wrote, or whose series has moved on. Any other task is the resource `<uid>.ics`, with its uid as UID.
-- The resource of a series stays with the occurrence that is pending; one that is completed gets a resource of its own.
CREATE TABLE calendar_objects (
    -- No foreign key: the row of a deleted task stays, for its restore.
    task_id bigint PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE CHECK (char_length(name) <= 250),
    uid text COLLATE "C" NOT NULL,
    -- The iCalendar text that a client wrote last; empty if none did.
    written text NOT NULL,
    -- The version of the task that it was written for: SEQUENCE counts the changes since.
    written_version bigint NOT NULL
);

CREATE INDEX calendar_objects_uid ON calendar_objects (uid);

-- Resources that are gone, for half a year: a token that old is refused.
CREATE TABLE calendar_tombstones (
    name text COLLATE "C" PRIMARY KEY,
    changed_in bigint NOT NULL,
    deleted_at timestamptz NOT NULL
);

CREATE INDEX calendar_tombstones_changed_in ON calendar_tombstones (changed_in);

CREATE FUNCTION bury_resource(gone text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO calendar_tombstones (name, changed_in, deleted_at) VALUES (gone, pg_current_xact_id()::text::bigint, now())
        ON CONFLICT (name) DO UPDATE SET changed_in = excluded.changed_in, deleted_at = excluded.deleted_at
$$;

-- A next occurrence takes the resource of its parent, and the parent gets one of its own.
CREATE FUNCTION hand_over_resource() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent tasks%ROWTYPE;
    resource calendar_objects%ROWTYPE;
BEGIN
    SELECT * INTO parent FROM tasks WHERE id = NEW.parent_task_id;
    IF NOT FOUND OR EXISTS (SELECT FROM calendar_objects WHERE task_id = NEW.id) THEN
        RETURN NULL;
    END IF;
    DELETE FROM calendar_objects WHERE task_id = parent.id RETURNING * INTO resource;
    IF NOT FOUND THEN
        resource := (parent.id, parent.uid || '.ics', parent.uid::text, '', 0);
    END IF;
    INSERT INTO calendar_objects VALUES
        (NEW.id, resource.name, resource.uid, resource.written, resource.written_version - parent.version),
        (parent.id, parent.id || '-' || left(resource.name, 220), parent.id || '-' || resource.uid, resource.written, resource.written_version);
    RETURN NULL;
END
$$;

CREATE TRIGGER tasks_hand_over AFTER INSERT ON tasks FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION hand_over_resource();

-- A task that is gone leaves a tombstone. An occurrence that was taken back gives its resource to its parent.
CREATE FUNCTION leave_resource() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    resource calendar_objects%ROWTYPE;
    former calendar_objects%ROWTYPE;
BEGIN
    SELECT * INTO resource FROM calendar_objects WHERE task_id = OLD.id;
    PERFORM bury_resource(coalesce(resource.name, OLD.uid || '.ics'));
    IF resource.name IS NOT NULL AND NOT EXISTS (SELECT FROM trashed_tasks WHERE id = OLD.id) THEN
        DELETE FROM calendar_objects WHERE task_id = OLD.id;
        DELETE FROM calendar_objects WHERE task_id = OLD.parent_task_id RETURNING * INTO former;
        IF FOUND THEN
            PERFORM bury_resource(former.name);
            INSERT INTO calendar_objects VALUES (former.task_id, resource.name, resource.uid, resource.written, former.written_version);
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER tasks_leave AFTER DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION leave_resource();
