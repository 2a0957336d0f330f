//! Commands of callers: the data of command events, which is the REST body plus the ids of the path.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::change::ChangeId;
use crate::invalid::{Checks, Invalid};
use crate::moment::Moment;
use crate::offset::ReminderOffset;
use crate::recurrence::Rule;
use crate::reminder::ReminderType;
use crate::schedule::Schedule;
use crate::task::{self, Draft, Frequency, Priority, RecurrenceFrom, Task};
use crate::time::Timestamp;
use crate::zone::Zone;

/// A field of a change: left out, or given. `null` is a valid value only if `T` is an `Option`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Field<T> {
    /// Left out: the field stays unchanged.
    #[default]
    Keep,
    /// The new value.
    Set(T),
}

impl<T> Field<T> {
    /// Overwrites `target` if the field was given.
    pub fn write_to(self, target: &mut T) {
        if let Self::Set(value) = self {
            *target = value;
        }
    }

    /// Returns the value given, or this default.
    pub fn unwrap_or(self, default: T) -> T {
        self.unwrap_or_else(|| default)
    }

    /// Returns the value given, or the result of this function.
    pub fn unwrap_or_else(self, default: impl FnOnce() -> T) -> T {
        match self {
            Self::Keep => default(),
            Self::Set(value) => value,
        }
    }

    /// True if the field was left out.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Set)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

/// `task.create`, `POST /api/tasks`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTask {
    /// A UUID that the client chooses. If a task with it exists, that task is returned and none is created.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::new_uid")]
    pub uid: Option<Uuid>,
    /// 1 to 200 characters after trimming; no control characters.
    #[schemars(schema_with = "crate::schema::title")]
    pub title: String,
    /// At most 10,000 characters.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::description")]
    pub description: String,
    /// When it is due; a date without a time makes it all-day.
    #[serde(default)]
    pub due_date: Option<Moment>,
    /// True if the task is due on a day rather than at a time. An instant then means its date in `time_zone`.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub all_day: Field<bool>,
    /// An IANA time zone; the user's preference if left out.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub time_zone: Field<Zone>,
    /// How often the task repeats. Every value except none needs a due date.
    #[serde(default)]
    pub recurrence: Frequency,
    /// An RFC 5545 RRULE, instead of `recurrence`; needs a due date.
    #[serde(default)]
    pub recurrence_rule: Option<Rule>,
    /// What the next occurrence counts from.
    #[serde(default)]
    pub recurrence_from: RecurrenceFrom,
    /// The first slot of the series (DTSTART), which is then this occurrence's slot; the due date if left out.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub recurrence_start: Field<Moment>,
    /// Slots and days that the series excludes (EXDATE); at most 366.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 366))]
    pub recurrence_exdates: Vec<Moment>,
    /// The priority.
    #[serde(default)]
    pub priority: Priority,
    /// At most 20 tags. They are trimmed, lower-cased and de-duplicated.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Vec<String>,
    /// How long before the due date to remind, such as "15 minutes", "1 hour", "2 days" or PT1H. Needs a due date in the future.
    #[serde(default)]
    pub reminder_offset: Option<ReminderOffset>,
}

/// `task.update`, `PUT /api/tasks/{id}`: fields left out stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTask {
    /// The task.
    pub task_id: i64,
    /// 1 to 200 characters after trimming; no control characters.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    #[schemars(schema_with = "crate::schema::title")]
    pub title: Field<String>,
    /// At most 10,000 characters.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    #[schemars(schema_with = "crate::schema::description")]
    pub description: Field<String>,
    /// When it is due. A date without a time makes it all-day; null clears it. In a series, only this occurrence moves.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub due_date: Field<Option<Moment>>,
    /// True if the task is due on a day rather than at a time. An instant then means its date in `time_zone`.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub all_day: Field<bool>,
    /// An IANA time zone. An all-day task keeps its date.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub time_zone: Field<Zone>,
    /// How often the task repeats; replaces a rule.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub recurrence: Field<Frequency>,
    /// An RFC 5545 RRULE, instead of `recurrence`; null clears it.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub recurrence_rule: Field<Option<Rule>>,
    /// What the next occurrence counts from.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub recurrence_from: Field<RecurrenceFrom>,
    /// The first slot of a new series (DTSTART); this occurrence moves to it. COUNT keeps the number of remaining slots.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub recurrence_start: Field<Moment>,
    /// Slots and days that the series excludes (EXDATE): the complete new list; at most 366.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    #[schemars(length(max = 366))]
    pub recurrence_exdates: Field<Vec<Moment>>,
    /// The priority.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub priority: Field<Priority>,
    /// The complete new list of tags.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Field<Vec<String>>,
    /// How long before the due date to remind, such as "15 minutes", "1 hour", "2 days" or PT1H; null clears it.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub reminder_offset: Field<Option<ReminderOffset>>,
}

impl From<CreateTask> for UpdateTask {
    fn from(create: CreateTask) -> Self {
        Self {
            task_id: 0,
            title: Field::Set(create.title),
            description: Field::Set(create.description),
            due_date: Field::Set(create.due_date),
            all_day: create.all_day,
            time_zone: create.time_zone,
            recurrence: Field::Set(create.recurrence),
            recurrence_rule: Field::Set(create.recurrence_rule),
            recurrence_from: Field::Set(create.recurrence_from),
            recurrence_start: create.recurrence_start,
            recurrence_exdates: Field::Set(create.recurrence_exdates),
            priority: Field::Set(create.priority),
            tags: Field::Set(create.tags),
            reminder_offset: Field::Set(create.reminder_offset),
        }
    }
}

impl CreateTask {
    /// Returns the task to create, if every field and their combination are valid.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn draft(self, now: Timestamp, default_zone: &Zone) -> Result<Draft, Invalid> {
        let mut checks = Checks::new();
        checks.require(self.uid != Some(Uuid::nil()), "/uid", "not the nil UUID");
        let uid = self.uid.unwrap_or_default();
        let task = checks.take(UpdateTask::from(self).apply(&Draft::new(default_zone.clone()).0, now));
        checks.finish(Draft(Task { uid, ..task }))
    }
}

impl UpdateTask {
    /// Returns the changed task; fields left out stay unchanged.
    ///
    /// A new due date moves this occurrence alone. A new `recurrence_start` or recurrence starts a new series.
    ///
    /// # Errors
    /// Every field of the resulting task that breaks a rule.
    pub fn apply(self, task: &Task, now: Timestamp) -> Result<Task, Invalid> {
        let mut checks = Checks::new();
        let mut changed = task.clone();
        if let Field::Set(text) = &self.title {
            changed.title = checks.take(task::title(text));
        }
        if let Field::Set(text) = self.description {
            changed.description = checks.take(task::description(text));
        }
        if let Field::Set(list) = &self.tags {
            changed.tags = checks.take(task::tags(list, "/tags"));
        }
        self.priority.write_to(&mut changed.priority);
        self.reminder_offset.write_to(&mut changed.reminder_offset);
        let schedule = Schedule {
            due_date: self.due_date,
            all_day: self.all_day,
            time_zone: self.time_zone,
            recurrence: self.recurrence,
            recurrence_rule: self.recurrence_rule,
            recurrence_from: self.recurrence_from,
            recurrence_start: self.recurrence_start,
            recurrence_exdates: self.recurrence_exdates,
        };
        schedule.apply(&mut changed, &mut checks);
        if changed.reminder_offset.is_some() {
            let is_new = changed.reminder_offset != task.reminder_offset;
            checks.require(changed.due_date.is_some(), "/reminder_offset", "a reminder needs a due_date");
            let is_ahead = changed.due_date.is_none() || changed.is_due_after(now);
            checks.require(!is_new || is_ahead, "/reminder_offset", "the due_date is in the past; use a later one, or no reminder_offset");
        }
        checks.finish(changed)
    }
}

/// Names the task of `task.complete`, `task.reopen`, `task.skip`, `task.delete` and `task.restore`, which have no other data.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskCommand {
    /// The task.
    pub task_id: i64,
}

/// `task.complete`, `POST /api/tasks/{id}/complete`.
pub type CompleteTask = TaskCommand;
/// `task.reopen`, `POST /api/tasks/{id}/reopen`.
pub type ReopenTask = TaskCommand;
/// `task.skip`, `POST /api/tasks/{id}/skip`.
pub type SkipTask = TaskCommand;
/// `task.delete`, `DELETE /api/tasks/{id}`.
pub type DeleteTask = TaskCommand;
/// `task.restore`, `POST /api/tasks/{id}/restore`.
pub type RestoreTask = TaskCommand;

/// `task.undo`, `POST /api/undo`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The `Taskflow-Change` header of the response to the change to undo.
    pub change_id: ChangeId,
}

/// `task.set-priority`, `PUT /api/tasks/{id}/priority`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPriority {
    /// The task.
    pub task_id: i64,
    /// The new priority.
    pub priority: Priority,
}

/// `task.add-tags` and `task.remove-tags`, `POST` and `DELETE /api/tasks/{id}/tags`.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagTask {
    /// The task.
    pub task_id: i64,
    /// The tags to add or to remove.
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Vec<String>,
}

/// Maximum tasks that one call changes.
pub const BULK_MAX: usize = 500;

/// What a bulk call does to each task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum BulkAction {
    /// Changes the given fields.
    #[default]
    Update,
    /// Completes it.
    Complete,
    /// Reopens it.
    Reopen,
    /// Moves it to the trash.
    Delete,
    /// Restores it from the trash.
    Restore,
    /// Adds the tags of `fields`.
    AddTags,
    /// Removes the tags of `fields`.
    RemoveTags,
}

/// `POST /api/tasks/bulk`: the same change of many tasks.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkTasks {
    /// The tasks, each listed once.
    #[schemars(length(min = 1, max = 500), extend("uniqueItems" = true))]
    pub ids: Vec<i64>,
    /// What to do to each task.
    #[serde(default)]
    pub action: BulkAction,
    /// The new values, as in `PUT /api/tasks/{id}`. Required for update; for `add_tags` and `remove_tags`, tags only.
    #[serde(default)]
    pub fields: Option<BulkFields>,
}

/// Fields of a change whose tasks are named elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BulkFields(pub UpdateTask);

impl BulkTasks {
    /// Returns the change if its parts fit together.
    ///
    /// # Errors
    /// No task or too many; a task listed twice; an action without the fields that it needs, or with other fields.
    pub fn checked(self) -> Result<Self, Invalid> {
        let mut checks = Checks::new();
        checks.require((1..=BULK_MAX).contains(&self.ids.len()), "/ids", format_args!("1 to {BULK_MAX} tasks"));
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        checks.require(ids.len() == self.ids.len(), "/ids", "lists a task twice; list each task once");
        let fields = self.fields.as_ref().map(|fields| &fields.0);
        match self.action {
            BulkAction::Update => {
                let changes = fields.is_some_and(|fields| *fields != UpdateTask::default());
                checks.require(changes, "/fields", "missing; update needs the fields to change");
            }
            BulkAction::AddTags | BulkAction::RemoveTags => {
                let alone = fields.is_some_and(|fields| {
                    !fields.tags.is_keep() && *fields == UpdateTask { tags: fields.tags.clone(), ..UpdateTask::default() }
                });
                checks.require(alone, "/fields", "must have tags and no other field");
            }
            BulkAction::Complete | BulkAction::Reopen | BulkAction::Delete | BulkAction::Restore => {
                checks.require(fields.is_none(), "/fields", "only update, add_tags and remove_tags have fields");
            }
        }
        checks.finish(self)
    }

    /// Returns the change of one of the tasks.
    #[must_use]
    pub fn update(&self, task_id: i64) -> UpdateTask {
        UpdateTask { task_id, ..self.fields.clone().unwrap_or_default().0 }
    }

    /// Returns the tags of the fields.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.update(0).tags.unwrap_or(Vec::new())
    }
}

/// Reads the fields of [`UpdateTask`] without a task id. `#[serde(flatten)]` would lose the path of an invalid field.
impl<'de> Deserialize<'de> for BulkFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = BulkFields;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BulkFields, A::Error> {
                UpdateTask::deserialize(MapAccessDeserializer::new(WithTask { map, stage: Stage::Name })).map(BulkFields)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Supplies a task id before the fields of a map.
struct WithTask<A> {
    map: A,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Name,
    Value,
    Rest,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithTask<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if self.stage == Stage::Rest {
            return self.map.next_key_seed(seed);
        }
        self.stage = Stage::Value;
        seed.deserialize("task_id".into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        if self.stage == Stage::Rest {
            return self.map.next_value_seed(seed);
        }
        self.stage = Stage::Rest;
        seed.deserialize(0_i64.into_deserializer())
    }
}

impl schemars::JsonSchema for BulkFields {
    fn schema_name() -> Cow<'static, str> {
        "TaskFields".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = UpdateTask::json_schema(generator);
        if let Some(fields) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
            fields.remove("task_id");
        }
        schema.remove("required");
        schema.insert("description".to_owned(), "Fields of a task; fields left out stay unchanged.".into());
        schema
    }
}

/// `reminder.schedule`, `POST /api/reminders`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleReminder {
    /// The task. It must be pending and have a due date in the future.
    pub task_id: i64,
    /// How long before the due date to remind, such as "15 minutes", "1 hour", "2 days" or PT1H.
    pub reminder_offset: ReminderOffset,
    /// The channel to use; every configured channel if left out.
    #[serde(default)]
    pub reminder_type: Option<ReminderType>,
}

/// `reminder.snooze`, `POST /api/reminders/{id}/snooze`: needs either `for` or `until`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeReminder {
    /// The reminder. Its task must be pending.
    pub reminder_id: i64,
    /// How long from now to remind again, such as "10 minutes".
    #[serde(default, rename = "for")]
    pub pause: Option<ReminderOffset>,
    /// When to remind again.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl SnoozeReminder {
    /// Returns when to remind again. Days and weeks follow the wall clock of `zone`.
    ///
    /// # Errors
    /// Neither or both of `for` and `until` are given, or the time is not in the future.
    pub fn at(&self, now: Timestamp, zone: &Zone) -> Result<Timestamp, Invalid> {
        let (field, at) = match (self.pause, self.until) {
            (Some(pause), None) => ("/for", pause.after(now.get(), zone.get()).and_then(|at| Timestamp::new(at).ok())),
            (None, Some(until)) => ("/until", Some(until)),
            _ => return Err(Invalid::field("", "give either for, such as \"10 minutes\", or until, such as \"2027-01-05T09:00:00Z\"")),
        };
        at.filter(|at| *at > now).ok_or_else(|| Invalid::field(field, "not in the future"))
    }
}

/// `reminder.cancel`, `DELETE /api/reminders/{id}`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelReminder {
    /// The reminder.
    pub reminder_id: i64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_written_with_the_fields_that_it_sets() {
        let update = UpdateTask { task_id: 1, title: Field::Set("Rest".to_owned()), due_date: Field::Set(None), ..UpdateTask::default() };
        assert_eq!(json!(update), json!({ "task_id": 1, "title": "Rest", "due_date": null }));
    }
}
