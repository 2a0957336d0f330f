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
