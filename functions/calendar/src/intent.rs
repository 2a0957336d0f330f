//! Interprets the text that a client writes. This is pure, so the behaviour of each client is one line of a test.
//!
//! Clients complete an occurrence of a series in four ways: they move DUE forward on the same UID (Tasks.org), write an exception with RECURRENCE-ID
//! (jtx Board, Thunderbird), complete the task and create the next one themselves (Evolution), or complete the master (Nextcloud Tasks). Many send no
//! If-Match, so a text may also be about an earlier occurrence: its changes have already been made, and must not be made twice.

use domain::command::{Field, UpdateTask};
use domain::recurrence::Rule;
use domain::task::{Frequency, Recurrence, RecurrenceFrom, Status};
use domain::zone::Zone;
use domain::{Moment, ReminderOffset, Task, Timestamp};
use icalendar::Todo;

/// The changes of a text to a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Intent {
    /// The changed fields.
    pub(crate) update: UpdateTask,
    /// The reminder, if it changes.
    pub(crate) reminder: Field<Option<ReminderOffset>>,
    /// The change of the status.
    pub(crate) step: Step,
    /// True if the text is about an earlier occurrence. Its alarms change nothing.
    pub(crate) is_over: bool,
}

/// The change of a task's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// No change.
    Stay,
    /// The task is completed, at this time if the client sets one.
    Complete(Option<Timestamp>),
    /// The task is completed, and the client expects this due date for the next occurrence.
    Roll(Moment),
    /// The task becomes pending again.
    Reopen,
}

/// Returns the meaning of a task's text. `ancestors` are the earlier occurrences, the last one first. `now` is when the text was received.
pub(crate) fn intent(task: &Task, ancestors: &[Task], todo: &Todo, now: Timestamp) -> Intent {
    let is = Todo::of(task);
    let recurs = task.recurrence != Recurrence::None;
    let is_over = recurs && is_about_the_past(task, ancestors, todo);
    let step = match (task.status, todo.status) {
        _ if is_over => Step::Stay,
        (Status::Pending, Status::Completed) => Step::Complete(todo.completed_at),
        (Status::Completed, Status::Pending) => Step::Reopen,
        (Status::Pending, Status::Pending) if recurs => rolled(task, todo, now).map_or(Step::Stay, Step::Roll),
        _ => Step::Stay,
    };
    // With a completion, the client sends its idea of the next occurrence: its date, its count, or no rule at all.
    let keeps_series = is_over || (recurs && matches!(step, Step::Complete(_) | Step::Roll(_)));
    let mut update = UpdateTask {
        task_id: task.id,
        title: changed(&is.title, &todo.title),
        description: changed(&is.description, &todo.description),
        priority: changed(&is.priority, &todo.priority),
        tags: changed(&is.tags, &todo.tags),
        ..UpdateTask::default()
    };
    if !keeps_series {
        series(&mut update, task, &is, todo);
    }
    Intent { update, reminder: if is_over { Field::Keep } else { changed(&is.reminder, &todo.reminder) }, step, is_over }
}

/// What the alarms of a text mean for the reminders of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alarms {
    /// The task's own reminder.
    pub(crate) own: Option<ReminderOffset>,
    /// Other reminders to add.
    pub(crate) added: Vec<ReminderOffset>,
    /// Other reminders to cancel.
    pub(crate) removed: Vec<ReminderOffset>,
}

/// Compares the reminders of a text with a task's own reminder and its others. The own one stays if the text has it. Otherwise the first new one
/// becomes the own.
pub(crate) fn alarms(own: Option<ReminderOffset>, others: &[ReminderOffset], wanted: &[ReminderOffset]) -> Alarms {
    let own = own.map(ReminderOffset::normalized).filter(|own| wanted.contains(own));
    let own = own.or_else(|| wanted.iter().copied().find(|offset| !others.contains(offset)));
    Alarms {
        own,
        added: wanted.iter().copied().filter(|offset| Some(*offset) != own && !others.contains(offset)).collect(),
        removed: others.iter().copied().filter(|offset| !wanted.contains(offset)).collect(),
    }
}

/// Returns the slots of completed exceptions, in order. Each is one completion, if its occurrence is next.
pub(crate) fn completed_slots(exceptions: &[Todo]) -> Vec<(Moment, Option<Timestamp>)> {
    let completed = exceptions.iter().filter(|exception| exception.status == Status::Completed);
    completed.filter_map(|exception| Some((exception.recurrence_id?, exception.completed_at))).collect()
}

/// True if this is the slot of the task.
pub(crate) fn is_slot_of(task: &Task, slot: Moment) -> bool {
    task.status == Status::Pending
        && match slot {
            Moment::At(at) => task.slot() == Some(at) || task.due_date == Some(at),
            Moment::On(_) => slot.day(&task.time_zone) == task.slot().and_then(|at| Moment::At(at).day(&task.time_zone)),
        }
}

/// True if two tasks are the same occurrence of the same series: one created by Taskflow, and one by a client.
pub(crate) fn is_same_occurrence(task: &Task, todo: &Todo) -> bool {
    let is = Todo::of(task);
    is.title == todo.title && is.due == todo.due && is_same_rule(is.rule.as_ref(), todo.rule.as_ref())
}

fn is_same_rule(one: Option<&Rule>, other: Option<&Rule>) -> bool {
    let uncounted = |rule: Option<&Rule>| rule.cloned().map(|rule| rule.with_count(1));
    uncounted(one) == uncounted(other)
}

fn changed<T: Clone + PartialEq>(is: &T, wanted: &T) -> Field<T> {
    if is == wanted { Field::Keep } else { Field::Set(wanted.clone()) }
}

/// True if the text is about an earlier occurrence: it has that occurrence's due date, or a slot between that one and the next, which Taskflow has
/// skipped.
fn is_about_the_past(task: &Task, ancestors: &[Task], todo: &Todo) -> bool {
    let Some(due) = todo.due.filter(|due| Some(*due) != task.due()) else { return false };
    let is_slot = |ancestor: &Task| matches!(due, Moment::At(at) if ancestor.slot() == Some(at));
    if ancestors.iter().any(|ancestor| ancestor.due() == Some(due) || is_slot(ancestor)) {
        return true;
    }
    let is_before = due.instant(&task.time_zone).zip(task.slot()).is_some_and(|(due, slot)| due < slot);
    is_before && ancestors.first().is_some_and(|parent| parent.has_later_occurrence(due))
}

/// Returns the due date of the next occurrence, if the client has moved the task to it.
fn rolled(task: &Task, todo: &Todo, now: Timestamp) -> Option<Moment> {
    let due = todo.due.filter(|due| Some(*due) != task.due() && is_same_rule(Todo::of(task).rule.as_ref(), todo.rule.as_ref()))?;
    let is_next = match task.recurrence_from {
        RecurrenceFrom::Due => task.has_later_occurrence(due),
        RecurrenceFrom::Completion => {
            let done = Task { status: Status::Completed, completed_at: Some(now), ..task.clone() };
            let next = done.next_occurrence().and_then(|next| next.0.due()?.day(&task.time_zone));
            next.is_some() && next == due.day(&task.time_zone)
        }
    };
    is_next.then_some(due)
}

fn series(update: &mut UpdateTask, task: &Task, is: &Todo, todo: &Todo) {
    update.due_date = changed(&is.due, &todo.due);
    // A completed occurrence is written without its rule.
    if task.status == Status::Completed {
        return;
    }
    if let Some(zone) = todo.zone.as_ref().filter(|zone| **zone != task.time_zone) {
        update.time_zone = Field::Set(Zone::clone(zone));
    }
    // An unsupported rule is kept only in the text.
    let is_odd = todo.rule_error.is_some() && is.rule.is_none();
    if is.rule != todo.rule && !is_odd {
        let wanted = todo.create();
        if wanted.recurrence == Frequency::None && wanted.recurrence_rule.is_some() {
            update.recurrence_rule = Field::Set(wanted.recurrence_rule);
        } else {
            update.recurrence = Field::Set(wanted.recurrence);
        }
    }
    if todo.rule.is_some() {
        update.recurrence_from = changed(&is.recurrence_from, &todo.recurrence_from);
        let is_same = is.exdates.len() == todo.exdates.len() && is.exdates.iter().all(|own| todo.exdates.contains(own));
        if !is_same {
            update.recurrence_exdates = Field::Set(todo.exdates.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::command::CreateTask;

    use super::*;

    fn now() -> Timestamp {
        "2027-01-04T10:00:00Z".parse().unwrap()
    }

    fn task(due: &str, fields: &str) -> Task {
        let json = format!(r#"{{ "title": "Water", "due_date": "{due}", {fields} }}"#);
        let command: CreateTask = serde_json::from_str(&json).unwrap();
        command.draft("2027-01-01T00:00:00Z".parse().unwrap(), &Zone::utc()).unwrap().created(1, now())
    }

    fn done(task: &Task, at: &str) -> Task {
        Task { status: Status::Completed, completed_at: Some(at.parse().unwrap()), ..task.clone() }
    }

    fn next(task: &Task, at: &str) -> Task {
        done(task, at).next_occurrence().unwrap().created(2, now())
    }

    fn todo(due: &str, like: &Task) -> Todo {
        Todo { due: Some(due.parse().unwrap()), zone: None, ..Todo::of(like) }
    }

    #[test]
    fn a_due_date_that_rolled_to_an_occurrence_completes() {
        let monday = task("2027-01-04T09:00:00Z", r#""recurrence": "daily""#);
        for (due, step) in [
            ("2027-01-05T09:00:00Z", Step::Roll("2027-01-05T09:00:00Z".parse().unwrap())),
            ("2027-01-07T09:00:00Z", Step::Roll("2027-01-07T09:00:00Z".parse().unwrap())),
            // If the task was moved by hand, it is in no slot.
            ("2027-01-05T11:00:00Z", Step::Stay),
            ("2027-01-03T09:00:00Z", Step::Stay),
            ("2027-01-04T09:00:00Z", Step::Stay),
        ] {
            let intent = intent(&monday, &[], &todo(due, &monday), now());
            assert_eq!(intent.step, step, "{due}");
            assert_eq!(intent.update.due_date.is_keep(), step != Step::Stay || due == "2027-01-04T09:00:00Z", "{due}");
        }
    }

    #[test]
    fn a_roll_counts_down_without_changing_the_rule() {
        let first = task("2027-01-04", r#""recurrence_rule": "FREQ=DAILY;COUNT=5""#);
        let rolled = Todo { rule: Some("FREQ=DAILY;COUNT=4".parse().unwrap()), ..todo("2027-01-05", &first) };
        let intent = intent(&first, &[], &rolled, now());
        assert_eq!(intent.step, Step::Roll("2027-01-05".parse().unwrap()));
        assert_eq!(intent.update, UpdateTask { task_id: 1, ..UpdateTask::default() });
    }

    #[test]
    fn a_text_about_an_occurrence_that_is_over_completes_nothing() {
        let monday = task("2027-01-04T09:00:00Z", r#""recurrence": "daily""#);
        // Completed on Thursday, so the days between were skipped.
        let friday = next(&monday, "2027-01-07T12:00:00Z");
        assert_eq!(friday.due().unwrap().to_string(), "2027-01-08T09:00:00.000000Z");
        let over = [done(&monday, "2027-01-07T12:00:00Z")];
        for due in ["2027-01-04T09:00:00Z", "2027-01-05T09:00:00Z", "2027-01-07T09:00:00Z"] {
            for status in [Status::Pending, Status::Completed] {
                let sent = Todo { status, title: "Water it".to_owned(), ..todo(due, &monday) };
                let intent = intent(&friday, &over, &sent, now());
                assert_eq!((intent.step, intent.update.due_date.is_keep()), (Step::Stay, true), "{due} {status:?}");
                assert_eq!(intent.update.title, Field::Set("Water it".to_owned()), "the rest is an edit like any other");
            }
        }
        let sent = Todo { status: Status::Completed, ..todo("2027-01-08T09:00:00Z", &friday) };
        assert_eq!(intent(&friday, &over, &sent, now()).step, Step::Complete(None));
    }

    #[test]
    fn a_completed_master_keeps_its_series_even_without_its_rule() {
        let first = task("2027-01-04", r#""recurrence": "weekly""#);
        let sent = Todo { status: Status::Completed, completed_at: Some(now()), rule: None, ..Todo::of(&first) };
        let intent = intent(&first, &[], &sent, now());
        assert_eq!(intent.step, Step::Complete(Some(now())));
        assert!(intent.update.recurrence.is_keep() && intent.update.recurrence_rule.is_keep());
    }

    #[test]
    fn from_completion_a_roll_is_known_by_its_day() {
        let first = task("2027-01-01T09:00:00Z", r#""recurrence": "weekly", "recurrence_from": "completion""#);
        assert_eq!(
            intent(&first, &[], &todo("2027-01-11T09:00:00Z", &first), now()).step,
            Step::Roll("2027-01-11T09:00:00Z".parse().unwrap())
        );
        assert_eq!(intent(&first, &[], &todo("2027-01-08T09:00:00Z", &first), now()).step, Step::Stay);
    }

    #[test]
    fn alarms_add_and_cancel_reminders() {
        let offsets = |list: &str| -> Vec<ReminderOffset> { list.split_terminator(", ").map(|text| text.parse().unwrap()).collect() };
        for (own, others, wanted, result) in [
            ("", "", "1 day, 1 hour", ("1 day", "1 hour", "")),
            ("1 hour", "1 day", "1 day, 1 hour", ("1 hour", "", "")),
            ("60 minutes", "1 day", "1 hour, 1 day", ("1 hour", "", "")),
            ("", "1 day", "1 day", ("", "", "")),
            ("", "1 day", "1 day, 1 hour", ("1 hour", "", "")),
            ("1 hour", "1 day", "1 day, 2 hours", ("2 hours", "", "")),
            ("1 hour", "1 day", "1 hour, 2 days", ("1 hour", "2 days", "1 day")),
            ("1 hour", "1 hour, 1 day", "1 day", ("", "", "1 hour")),
            ("1 hour", "1 day", "", ("", "", "1 day")),
        ] {
            let found = alarms(offsets(own).first().copied(), &offsets(others), &offsets(wanted));
            let (own_now, added, removed) = result;
            let expected = Alarms { own: offsets(own_now).first().copied(), added: offsets(added), removed: offsets(removed) };
            assert_eq!(found, expected, "{own} + {others} to {wanted}");
        }
    }

    #[test]
    fn an_edit_sets_what_differs() {
        let plain = Task {
            recurrence: Recurrence::None,
            recurrence_start: None,
            recurrence_id: None,
            ..task("2027-01-04", r#""recurrence": "daily""#)
        };
        let sent =
            Todo { rule: Some("FREQ=WEEKLY;BYDAY=MO".parse().unwrap()), tags: vec!["home".to_owned()], ..todo("2027-01-05", &plain) };
        let intent = intent(&plain, &[], &sent, now());
        assert_eq!(
            intent.update,
            UpdateTask {
                task_id: 1,
                due_date: Field::Set(Some("2027-01-05".parse().unwrap())),
                recurrence_rule: Field::Set(Some("FREQ=WEEKLY;BYDAY=MO".parse().unwrap())),
                tags: Field::Set(vec!["home".to_owned()]),
                ..UpdateTask::default()
            }
        );
        assert_eq!(super::intent(&plain, &[], &Todo::of(&plain), now()).update, UpdateTask { task_id: 1, ..UpdateTask::default() });
    }
}
