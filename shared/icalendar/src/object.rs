//! A calendar object resource (RFC 4791, section 4.1): a task, or a series with exceptions, with one UID.

use domain::zone::Zone;
use domain::{Moment, ReminderOffset, Task, Timestamp};

use crate::document::{Component, Document, Item, Refused};
use crate::read::Todo;
use crate::write;

/// What an object contains besides the task: its identity, the number of changes, and further reminders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// UID.
    pub uid: &'a str,
    /// Number of changes of the task since the client wrote the text. With none, the text is written unchanged if it means the task.
    pub changes: i64,
    /// The reminders besides the task's own. Each is a VALARM.
    pub reminders: &'a [ReminderOffset],
}

/// The text of a resource, parsed into its components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    document: Document,
    uid: String,
}

impl Object {
    /// Reads the text that a client wrote.
    ///
    /// # Errors
    /// [`Refused`]: it is not iCalendar, has no VTODO, or not exactly one UID.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let document = Document::parse(text)?;
        let zone = Zone::utc();
        let mut uids: Vec<Option<String>> =
            document.root.components("VTODO").filter_map(|component| Todo::read(component, &zone)).map(|todo| todo.uid).collect();
        if uids.is_empty() {
            return Err(Refused::NoTodo);
        }
        uids.dedup();
        match <[Option<String>; 1]>::try_from(uids) {
            Ok([Some(uid)]) => Ok(Self { document, uid }),
            _ => Err(Refused::NotOneUid),
        }
    }

    /// Creates the object of a task that no client has written.
    #[must_use]
    pub fn empty(task: &Task, uid: &str) -> Self {
        let mut todo = Component::new("VTODO");
        for line in [format!("UID:{}", crate::document::escape(uid)), format!("DTSTAMP:{}", write::utc(task.updated_at))] {
            todo.items.push(Item::Line(crate::document::fold(&line)));
        }
        let mut root = Component::new("VCALENDAR");
        root.items = vec![Item::Line("VERSION:2.0".to_owned()), Item::Line(format!("PRODID:{}", write::PRODUCT)), Item::Component(todo)];
        Self { document: Document { root }, uid: uid.to_owned() }
    }

    /// Returns the UID of all of its VTODOs.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Returns the meaning of its main VTODO: the one without a RECURRENCE-ID, or otherwise the first.
    #[must_use]
    pub fn todo(&self, zone: &Zone) -> Option<Todo> {
        let all: Vec<Todo> = self.todos(zone).collect();
        all.iter().find(|todo| todo.recurrence_id.is_none()).or(all.first()).cloned()
    }

    /// Returns the meaning of its exceptions, by their slots. Each `recurrence_id` is the due date of the slot in the series.
    #[must_use]
    pub fn exceptions(&self, zone: &Zone) -> Vec<Todo> {
        let main = self.todo(zone);
        let mut exceptions: Vec<Todo> = self.todos(zone).filter(|todo| todo.recurrence_id.is_some()).collect();
        for exception in &mut exceptions {
            exception.recurrence_id = exception.recurrence_id.map(|slot| due_of_slot(slot, main.as_ref(), zone));
        }
        exceptions.sort_by_key(|todo| todo.recurrence_id.and_then(|slot| slot.instant(zone)));
        exceptions
    }

    fn todos<'a>(&'a self, zone: &'a Zone) -> impl Iterator<Item = Todo> + 'a {
        self.document.root.components("VTODO").filter_map(|component| Todo::read(component, zone))
    }

    /// Returns the text with the task written into it. A line stays as the client wrote it if it still means the same. Omits exceptions of slots
    /// before the task's own, because those occurrences are in the past.
    #[must_use]
    pub fn with(&self, task: &Task, stamp: Stamp<'_>) -> String {
        let mut document = self.document.clone();
        let mut has_changed = stamp.changes != 0;
        if let Some(slot) = task.slot().filter(|_| task.rule_from_here().is_some()) {
            has_changed |= drop_past(&mut document.root, slot, &task.time_zone);
        }
        if let Some(main) = main_mut(&mut document.root) {
            has_changed |= write::task(main, task, stamp, has_changed);
        }
        if !has_changed {
            return self.document.to_string();
        }
        write::add_timezones(&mut document.root, task);
        document.to_string()
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.document.fmt(out)
    }
}

fn main_mut(root: &mut Component) -> Option<&mut Component> {
    let mut todos: Vec<&mut Component> = root
        .items
        .iter_mut()
        .filter_map(|item| match item {
            Item::Component(component) if component.name == "VTODO" => Some(component),
            _ => None,
        })
        .collect();
    let at = todos.iter().position(|todo| todo.lines("RECURRENCE-ID").next().is_none()).unwrap_or(0);
    (at < todos.len()).then(|| todos.swap_remove(at))
}

/// Returns the due date of a slot, because RECURRENCE-ID counts from DTSTART and Taskflow's slots from the due date.
fn due_of_slot(slot: Moment, main: Option<&Todo>, zone: &Zone) -> Moment {
    let Some((start, due)) = main.and_then(|main| main.start.zip(main.due)) else { return slot };
    let moved = match (slot, start, due) {
        (Moment::On(slot), Moment::On(start), Moment::On(due)) => {
            slot.get().checked_add(due.get() - start.get()).ok().and_then(domain::Day::new).map(Moment::On)
        }
        (Moment::At(slot), Moment::At(start), Moment::At(due)) => {
            let local = |at: Timestamp| zone.get().to_datetime(at.get());
            let at = local(slot).checked_add(local(start).duration_until(local(due))).ok();
            at.and_then(|at| domain::Day::new(at.date())?.at_time(at.time(), zone)).map(Moment::At)
        }
        _ => None,
    };
    moved.unwrap_or(slot)
}

/// Removes exceptions of slots before this one. Returns true if there was one.
fn drop_past(root: &mut Component, slot: Timestamp, zone: &Zone) -> bool {
    let before = root.items.len();
    let main = root.components("VTODO").filter_map(|todo| Todo::read(todo, zone)).find(|todo| todo.recurrence_id.is_none());
    let has_main = main.is_some();
    root.items.retain(|item| match item {
        Item::Component(component) if has_main && component.name == "VTODO" => {
            let own = Todo::read(component, zone).and_then(|todo| todo.recurrence_id);
            own.and_then(|own: Moment| due_of_slot(own, main.as_ref(), zone).instant(zone)).is_none_or(|own| own >= slot)
        }
        _ => true,
    });
    root.items.len() != before
}
