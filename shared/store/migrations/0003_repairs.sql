-- What housekeeping needs to find the damage of a broker that lost events, and to leave alone what people removed.

-- Whether a task owes its next occurrence. True from its completion until the occurrence is made; false from then on, so that an occurrence that
-- somebody deletes is not made again. Null for tasks that are pending or do not recur, and for those completed before this migration: whether
-- their occurrence was made and deleted is not known. Triggers keep it, because the release before, which may still be running, does not know it.
ALTER TABLE tasks ADD COLUMN occurrence_owed boolean;

CREATE FUNCTION owe_occurrence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.occurrence_owed := CASE WHEN NEW.status = 'completed' AND NEW.recurrence <> 'none' THEN true END;
    RETURN NEW;
END
$$;

CREATE FUNCTION settle_occurrence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET occurrence_owed = false WHERE id = NEW.parent_task_id AND status = 'completed';
    RETURN NULL;
END
$$;

CREATE TRIGGER tasks_owe BEFORE UPDATE OF status ON tasks FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION owe_occurrence();
CREATE TRIGGER tasks_settle AFTER INSERT ON tasks FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION settle_occurrence();

CREATE INDEX tasks_owing ON tasks (id) WHERE occurrence_owed;

-- Tasks that have a reminder or should have one.
CREATE INDEX tasks_reminding ON tasks (id) WHERE status = 'pending' AND reminder_offset IS NOT NULL;
CREATE INDEX reminders_open ON reminders (task_id)
    WHERE (status = 'pending' AND triggered_at IS NULL) OR (cancelled_with_task AND NOT of_task);
-- Reminders that fired and of which notify has not said what became of them: few, and for a moment.
CREATE INDEX reminders_fired ON reminders (id) WHERE status = 'pending' AND triggered_at IS NOT NULL;
