//! Any iCalendar file with VTODOs (RFC 5545). A component is interpreted like in the function calendar.

use std::io;

use icalendar::{Kind, Splitter, Todo};
use uuid::Uuid;

use super::{Ended, Namesakes, Sink};
use crate::item::{Foreign, Read, Scene};

/// Bytes per read.
const PIECE: usize = 64 * 1024;

pub(super) fn read(mut file: impl io::Read, scene: &Scene, sink: &mut Sink) -> Result<(), Ended> {
    let mut splitter = Splitter::default();
    let mut namesakes = Namesakes::default();
    let mut bytes = vec![0; PIECE];
    loop {
        let length = file.read(&mut bytes).map_err(|error| Ended::Wrong(format!("it cannot be read: {error}")))?;
        let pieces = if length == 0 { std::mem::take(&mut splitter).finish() } else { splitter.push(&bytes[..length]) };
        for (line, component) in pieces {
            let line = i64::try_from(line).unwrap_or(i64::MAX);
            sink(match component {
                Ok(component) => match Todo::read(&component, &scene.zone) {
                    Some(todo) => task(line, todo, &mut namesakes, scene),
                    None => Read::skipped(line, "", "it cannot be read"),
                },
                Err(refused) => Read::skipped(line, "", refused.to_string()),
            })?;
        }
        if length == 0 {
            return Ok(());
        }
    }
}

fn task(line: i64, todo: Todo, namesakes: &mut Namesakes, scene: &Scene) -> Read {
    if todo.kind == Kind::Event {
        return Read::skipped(line, &todo.title, "it is an event, not a task");
    }
    if todo.recurrence_id.is_some() {
        return Read::skipped(line, &todo.title, "it is a changed occurrence of a series: the series is imported without the change");
    }
    let (create, reminders) = (todo.create(), todo.reminders());
    let mut task = Foreign {
        line,
        key: match &todo.uid {
            Some(uid) => format!("ics:{uid}"),
            None => namesakes.key("ics", &[&todo.title]),
        },
        uid: create.uid.filter(|uid: &Uuid| !uid.is_nil()),
        title: todo.title,
        description: todo.description,
        due: todo.due,
        zone: todo.zone,
        frequency: create.recurrence,
        rule: create.recurrence_rule,
        exdates: todo.exdates,
        from_completion: todo.recurrence_from == domain::task::RecurrenceFrom::Completion,
        priority: todo.priority,
        tags: todo.tags,
        reminders,
        is_completed: todo.status == domain::task::Status::Completed,
        completed_at: todo.completed_at,
        created_at: todo.created_at,
        ..Foreign::default()
    };
    if let Some(error) = todo.rule_error {
        task.cannot(format!("its repetition is left out: {error}"));
    }
    if todo.related_to.is_some() {
        task.cannot("its relation to another task is left out");
    }
    task.read(scene)
}
