//! Writes a resource: creates or changes a task, as the client means it.

use std::sync::Arc;
use std::time::Duration;

use domain::command::Field;
use domain::event::EventType;
use domain::routes;
use domain::task::{Recurrence, Status};
use domain::transfer::UID_MAX;
use domain::zone::Zone;
use domain::{Invalid, Moment, ReminderOffset, Task, Timestamp};
use function::body::collect;
use function::service::telling;
use function::{App, Error, Request, Response};
use http::StatusCode;
use icalendar::{Object, Refused, Stamp, Todo};
use store::{NewReminder, Resource, Unit, found};
use uuid::Uuid;

use crate::intent::{Alarms, Step, alarms, completed_slots, intent, is_same_occurrence, is_slot_of};
use crate::resource::{check_preconditions, etag, missing, name, path, subject, with_etag};
use crate::xml::{CALDAV, element, text};
use crate::{access, answer, refusal};

/// Maximum number of completed exceptions of one text that are applied.
const EXCEPTIONS_MAX: usize = 100;
/// How far apart a client and Taskflow may create the same occurrence.
const SAME: Duration = Duration::from_hours(24);

/// Creates or changes the task of a resource.
pub(crate) async fn put(app: Arc<App>, request: Request) -> Result<Response, Error> {
    access::check(&app, request.headers()).await?;
    let (parts, body) = request.into_parts();
    let name = name(parts.uri.path()).ok_or_else(|| missing(parts.uri.path()))?;
    let body = collect(body).await?;
    let object = match std::str::from_utf8(&body).map_err(|_| Refused::Malformed).and_then(Object::parse) {
        Ok(object) => object,
        Err(refused) => return Ok(refuse(refused)),
    };
    if object.uid().len() > UID_MAX {
        let detail = format!("the UID is longer than {UID_MAX} bytes");
        return Ok(refusal(StatusCode::FORBIDDEN, CALDAV, "valid-calendar-object-resource", "", &detail));
    }
    let mut change = app.change_on(subject(&name), app.origin(routes::CALENDAR.name), None).await?;
    let zone = change.preferences().await?.time_zone;
    let before = change.unit.resource(&name).await?;
    check_preconditions(&parts.headers, before.as_ref())?;
    let other = change.unit.resource_of_uid(object.uid()).await?.filter(|other| *other != name);
    if let Some(other) = other {
        let href = element(crate::xml::DAV, "href", &text(&path(&other)));
        return Ok(refusal(StatusCode::CONFLICT, CALDAV, "no-uid-conflict", &href, "another resource has this UID"));
    }
    let is_new = before.is_none();
    let mut writer = Writer { unit: &mut change.unit, name, object, zone };
    let written = match before {
        Some(before) => writer.update(before).await,
        None => writer.create().await,
    };
    let etag = match written {
        Ok(etag) => etag,
        Err(Error::Invalid(invalid)) => return Ok(refuse_task(&invalid)),
        Err(error) => return Err(error),
    };
    let published = change.commit().await?;
    let mut response = answer(if is_new { StatusCode::CREATED } else { StatusCode::NO_CONTENT }, "", String::new());
    // With an ETag, a client assumes that the stored text is exactly what it wrote (RFC 4791, section 5.3.4).
    if let Some(etag) = etag {
        with_etag(&mut response, &etag);
    }
    Ok(telling(response, published))
}

fn refuse(refused: Refused) -> Response {
    let condition = match refused {
        Refused::TooLarge => "max-resource-size",
        Refused::NoTodo => "supported-calendar-component",
        Refused::NotOneUid => "valid-calendar-object-resource",
        Refused::TooComplex | Refused::Malformed => "valid-calendar-data",
    };
    refusal(StatusCode::FORBIDDEN, CALDAV, condition, "", &refused.to_string())
}

fn refuse_task(invalid: &Invalid) -> Response {
    refusal(StatusCode::FORBIDDEN, CALDAV, "valid-calendar-data", "", &invalid.to_string())
}

/// A text that is being written to the database.
struct Writer<'a> {
    unit: &'a mut Unit,
    name: String,
    object: Object,
    zone: Zone,
}

impl Writer<'_> {
    /// Changes the task of a resource. Returns its ETag, if the text is exactly what clients will read.
    async fn update(&mut self, before: Resource) -> Result<Option<String>, Error> {
        let mut ancestors = self.unit.ancestors(&before.task).await?;
        let mut task = before.task.clone();
        // The task was completed a moment ago, and its next occurrence does not exist yet: the client means the series.
        if task.status == Status::Completed
            && task.recurrence != Recurrence::None
            && let Some(next) = self.unit.spawn_owed(task.id).await?
        {
            ancestors.insert(0, std::mem::replace(&mut task, next));
        }
        let begun = task.clone();
        let mut is_moved = false;
        for (slot, at) in completed_slots(&self.object.exceptions(&task.time_zone)).into_iter().take(EXCEPTIONS_MAX) {
            if task.recurrence != Recurrence::None && is_slot_of(&task, slot) {
                let (done, next) = self.complete(task, at, None).await?;
                is_moved = true;
                let Some(next) = next else {
                    task = done;
                    break;
                };
                ancestors.insert(0, done);
                task = next;
            }
        }
        if let Some(mut todo) = self.object.todo(&task.time_zone).filter(|todo| todo.recurrence_id.is_none()) {
            if is_moved && todo.due == begun.due() {
                // The main component shows the state before the exceptions.
                (todo.due, todo.status, todo.rule) = (task.due(), task.status, Todo::of(&task).rule);
            }
            let alarms = alarms(task.reminder_offset, &before.reminders, &todo.reminders());
            todo.reminder = alarms.own;
            let is_over = self.apply(&task, &ancestors, &todo).await?;
            // Without a due date, alarms mean nothing.
            if !is_over && todo.due.is_some() {
                self.remind(&alarms).await?;
            }
        }
        self.keep(Some(&before)).await
    }

    /// Changes a task as its text means it. Returns true if the text is about an earlier occurrence.
    async fn apply(&mut self, task: &Task, ancestors: &[Task], todo: &Todo) -> Result<bool, Error> {
        let intent = intent(task, ancestors, todo, self.unit.now());
        // A due date in the past needs no new reminder, but the client's alarm must stay.
        let mut base = task.clone();
        intent.reminder.write_to(&mut base.reminder_offset);
        if matches!(intent.update.due_date, Field::Set(None)) {
            base.reminder_offset = None;
        }
        let changed = intent.update.apply(&base, self.unit.now())?;
        let saved = self.unit.save_task(task, changed, EventType::TaskUpdated).await?;
        match intent.step {
            Step::Stay => {}
            Step::Complete(at) => drop(self.complete(saved, at, None).await?),
            Step::Roll(due) => drop(self.complete(saved, None, Some(due)).await?),
            Step::Reopen => drop(self.unit.reopen_task(saved).await?),
        }
        Ok(intent.is_over)
    }

    /// Completes a task, and has its next occurrence created, unless the client has created it already.
    async fn complete(&mut self, task: Task, at: Option<Timestamp>, due: Option<Moment>) -> Result<(Task, Option<Task>), Error> {
        let at = at.filter(|at| *at >= task.created_at).unwrap_or_else(|| self.unit.now());
        let done = self.unit.complete_task_at(task, at).await?;
        let Some(next) = done.next_occurrence() else { return Ok((done, None)) };
        let expected = Todo { due: due.or(next.0.due()), ..Todo::of(&next.0) };
        let candidates = self.namesakes(&done.title).await?;
        let own = candidates.into_iter().find(|candidate| {
            let task = &candidate.task;
            let is_clients = task.parent_task_id.is_none() && !candidate.written.is_empty() && task.id > done.id;
            is_clients && task.status == Status::Pending && task.is_untouched() && is_same_occurrence(task, &expected)
        });
        if let Some(own) = own {
            let own = self.unit.task(own.task.id).await?;
            self.unit.adopt_occurrence(&done, &own).await?;
            Ok((done, None))
        } else {
            let next = self.unit.spawn_next(&done, due).await?;
            Ok((done, next))
        }
    }

    async fn namesakes(&mut self, title: &str) -> Result<Vec<Resource>, Error> {
        let after = self.unit.now().before(SAME);
        Ok(self.unit.namesakes(title, after).await?)
    }

    /// Creates the task of a new resource, unless the text is about an occurrence that Taskflow has just created.
    async fn create(&mut self) -> Result<Option<String>, Error> {
        let todo = self.object.todo(&self.zone).ok_or_else(|| Error::Malformed("no VTODO".to_owned()))?;
        if !self.take_over_next(&todo).await? && !self.take_over_done(&todo).await? {
            self.create_task(&todo).await?;
        }
        self.keep(None).await
    }

    async fn create_task(&mut self, todo: &Todo) -> Result<(), Error> {
        let now = self.unit.now();
        let mut draft = Todo { reminder: None, ..todo.clone() }.create().draft(now, &self.zone)?;
        draft.0.reminder_offset = todo.reminder.filter(|_| draft.0.due_date.is_some());
        let mut task = self.unit.create_task(draft.clone()).await?;
        if self.unit.made().is_none() {
            // Another resource has this uid.
            draft.0.uid = Uuid::nil();
            task = self.unit.create_task(draft).await?;
        }
        // Before it is completed, because the next occurrence takes the name.
        self.write(&task, task.version).await?;
        self.remind(&alarms(None, &[], &todo.reminders())).await?;
        if todo.status == Status::Completed {
            self.complete(task, todo.completed_at, None).await?;
        }
        Ok(())
    }

    /// Adds and cancels reminders besides the task's own, as the client's alarms say.
    async fn remind(&mut self, alarms: &Alarms) -> Result<(), Error> {
        if alarms.added.is_empty() && alarms.removed.is_empty() {
            return Ok(());
        }
        let Some(Resource { task, .. }) = self.unit.resource(&self.name).await? else { return Ok(()) };
        let mut there: Vec<ReminderOffset> = Vec::new();
        for stored in self.unit.reminders_of(task.id).await? {
            let Some(offset) = stored.goes_along().map(ReminderOffset::normalized) else { continue };
            if alarms.removed.contains(&offset) {
                self.unit.cancel_reminder(&stored.reminder, false).await?;
            } else {
                there.push(offset);
            }
        }
        let is_ahead = task.status == Status::Pending && task.is_due_after(self.unit.now());
        let day_start = self.unit.day_start_of(Some(&task)).await?;
        for offset in alarms.added.iter().copied().filter(|offset| !there.contains(offset)) {
            if let Some(at) = task.reminder_at(offset, day_start) {
                let new = NewReminder { task_id: task.id, scheduled_at: at, offset, channel: None, of_task: false };
                self.unit.add_reminder(new, is_ahead).await?;
            }
        }
        Ok(())
    }

    /// The client completed an occurrence and creates the next one itself, but Taskflow has already created it: that one gets the client's name, and
    /// the completed one keeps its own.
    async fn take_over_next(&mut self, todo: &Todo) -> Result<bool, Error> {
        if todo.status == Status::Completed || todo.rule.is_none() {
            return Ok(false);
        }
        let candidates = self.namesakes(&todo.title).await?;
        let made = candidates.into_iter().find(|candidate| {
            let task = &candidate.task;
            task.parent_task_id.is_some() && task.status == Status::Pending && task.is_untouched() && is_same_occurrence(task, todo)
        });
        let Some(made) = made else { return Ok(false) };
        let Some(parent) = found(self.unit.resource_of_task(made.task.parent_task_id.unwrap_or_default()).await)? else { return Ok(false) };
        self.unit.drop_resource_name(&parent.name).await?;
        self.unit.write_resource(&Resource { name: made.name, uid: made.uid, ..parent }).await?;
        self.write(&made.task, made.task.version).await?;
        Ok(true)
    }

    /// The client moved a series forward and creates a copy of the completed occurrence (Apple Reminders), but Taskflow already has it: it gets the
    /// client's name.
    async fn take_over_done(&mut self, todo: &Todo) -> Result<bool, Error> {
        if todo.status != Status::Completed || todo.rule.is_some() {
            return Ok(false);
        }
        let candidates = self.namesakes(&todo.title).await?;
        let done = candidates.into_iter().find(|candidate| {
            let task = &candidate.task;
            let is_own = candidate.name.starts_with(&format!("{}-", task.id));
            is_own && task.status == Status::Completed && task.recurrence != Recurrence::None && task.due() == todo.due
        });
        let Some(done) = done else { return Ok(false) };
        self.unit.drop_resource_name(&done.name).await?;
        self.write(&done.task, done.task.version).await?;
        Ok(true)
    }

    async fn write(&mut self, task: &Task, written_version: i64) -> Result<(), Error> {
        let resource = Resource {
            task: task.clone(),
            name: self.name.clone(),
            uid: self.object.uid().to_owned(),
            written: self.object.to_string(),
            written_version,
            reminders: Vec::new(),
        };
        Ok(self.unit.write_resource(&resource).await?)
    }

    /// Stores the text with the task that has the name now. Returns its ETag, if the text means exactly that task.
    async fn keep(&mut self, before: Option<&Resource>) -> Result<Option<String>, Error> {
        let Some(mut now) = self.unit.resource(&self.name).await? else { return Err(missing(&self.name)) };
        let (written, text) = (self.object.to_string(), crate::resource::text(&now));
        let is_unchanged = before.is_some_and(|before| before.task == now.task);
        // Writes nothing if the text is the one that clients read, or the one that was written before.
        if is_unchanged && (text == written || before.is_some_and(|before| before.written == written)) {
            return Ok((text == written).then(|| etag(&now)));
        }
        if is_unchanged {
            now.task = self.unit.touch_task(&now.task).await?;
        }
        let stamp = Stamp { uid: self.object.uid(), changes: 0, reminders: &now.reminders };
        let is_same = self.object.with(&now.task, stamp) == written;
        // If the text means something else than the task, the stored version is older than the task, so that reads apply Taskflow's changes
        // to the text.
        self.write(&now.task, now.task.version - i64::from(!is_same)).await?;
        Ok(is_same.then(|| etag(&now)))
    }
}
