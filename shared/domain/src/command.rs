//! What callers can ask for: the data of command events, which is the REST body plus the ids of the path.

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

/// A field of a change: left out, or given. `null` is a value only where `T` is an `Option`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Field<T> {
    /// Left out: stays as it is.
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

    /// The value given, or this one.
    pub fn unwrap_or(self, default: T) -> T {
        self.unwrap_or_else(|| default)
    }

    /// The value given, or what this makes.
    pub fn unwrap_or_else(self, default: impl FnOnce() -> T) -> T {
        match self {
            Self::Keep => default(),
            Self::Set(value) => value,
        }
    }

    /// Whether it was left out.
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
    /// A UUID of the client's own. If there is a task with it already, that one is answered, and nothing is made.
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
    /// Whether it is due on a day, and not at a time of it: an instant then means its date in `time_zone`.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub all_day: Field<bool>,
    /// An IANA time zone; the user's own where left out.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub time_zone: Field<Zone>,
    /// How often it comes back; anything but none needs a due date.
    #[serde(default)]
    pub recurrence: Frequency,
    /// An RFC 5545 RRULE, instead of `recurrence`; needs a due date.
    #[serde(default)]
    pub recurrence_rule: Option<Rule>,
    /// What the next occurrence is counted from.
    #[serde(default)]
    pub recurrence_from: RecurrenceFrom,
    /// The first slot of the series (DTSTART), which this occurrence then stands for; the due date where left out.
    #[serde(default, skip_serializing_if = "Field::is_keep")]
    pub recurrence_start: Field<Moment>,
    /// Slots, and days whose slots, the series leaves out (EXDATE); at most 366.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 366))]
    pub recurrence_exdates: Vec<Moment>,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
    /// At most 20; trimmed, lower-cased, each kept once.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Vec<String>,
    /// How long before the due date to remind, such as "15 minutes", "1 hour", "2 days" or PT1H; needs a due date that is still ahead.
    #[serde(default)]
    pub reminder_offset: Option<ReminderOffset>,
}

/// `task.update`, `PUT /api/tasks/{id}`: fields left out stay.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTask {
    /// The task.
    pub task_id: i64,
    /// 1 to 200 characters after trimming; no control characters.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::title")]
    pub title: Field<String>,
    /// At most 10,000 characters.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::description")]
    pub description: Field<String>,
    /// When it is due; a date without a time makes it all-day; null clears it. Of a series, this occurrence is moved and no other.
    #[serde(default)]
    pub due_date: Field<Option<Moment>>,
    /// Whether it is due on a day, and not at a time of it: an instant then means its date in `time_zone`.
    #[serde(default)]
    pub all_day: Field<bool>,
    /// An IANA time zone. An all-day task keeps its date.
    #[serde(default)]
    pub time_zone: Field<Zone>,
    /// How often it comes back; replaces a rule.
    #[serde(default)]
    pub recurrence: Field<Frequency>,
    /// An RFC 5545 RRULE, instead of `recurrence`; null clears it.
    #[serde(default)]
    pub recurrence_rule: Field<Option<Rule>>,
    /// What the next occurrence is counted from.
    #[serde(default)]
    pub recurrence_from: Field<RecurrenceFrom>,
    /// The first slot of a new series (DTSTART), to which this occurrence is moved. COUNT keeps the number that was left.
    #[serde(default)]
    pub recurrence_start: Field<Moment>,
    /// Slots, and days whose slots, the series leaves out (EXDATE): the new list, all of it; at most 366.
    #[serde(default)]
    #[schemars(length(max = 366))]
    pub recurrence_exdates: Field<Vec<Moment>>,
    /// How much it matters.
    #[serde(default)]
    pub priority: Field<Priority>,
    /// The new tags, all of them.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Field<Vec<String>>,
    /// How long before the due date to remind, such as "15 minutes", "1 hour", "2 days" or PT1H; null clears it.
    #[serde(default)]
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
    /// Returns the task asked for, if every field and their combination are allowed: an empty task, changed.
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
    /// Changes the task as asked; fields left out stay.
    ///
    /// A new due date moves this occurrence alone; a new `recurrence_start` or recurrence begins a new series.
    ///
    /// # Errors
    /// Every field that breaks a rule, of the task as it would become.
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
            checks.require(!is_new || is_ahead, "/reminder_offset", "the due_date has passed: there is nothing to remind of");
        }
        checks.finish(changed)
    }
}

/// Names the task of `task.complete`, `task.reopen`, `task.skip`, `task.delete` and `task.restore`, which need nothing else.
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
    /// The `Taskflow-Change` of the response to the change that is to be taken back.
    pub change_id: ChangeId,
}

/// `task.set-priority`, `PUT /api/tasks/{id}/priority`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPriority {
    /// The task.
    pub task_id: i64,
    /// How much it matters.
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

/// Tasks that one call changes, at most.
pub const BULK_MAX: usize = 500;

/// What is done to each task of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum BulkAction {
    /// Changes the fields given.
    #[default]
    Update,
    /// Completes it.
    Complete,
    /// Reopens it.
    Reopen,
    /// Moves it to the trash.
    Delete,
    /// Brings it back from the trash.
    Restore,
    /// Adds the tags of `fields` to those that it has.
    AddTags,
    /// Removes the tags of `fields`.
    RemoveTags,
}

/// `POST /api/tasks/bulk`: the same change of many tasks.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkTasks {
    /// The tasks, each once.
    #[schemars(length(min = 1, max = 500), extend("uniqueItems" = true))]
    pub ids: Vec<i64>,
    /// What is done to each of them.
    #[serde(default)]
    pub action: BulkAction,
    /// The new values, as `PUT /api/tasks/{id}` takes them; for update, and the tags alone for `add_tags` and `remove_tags`.
    #[serde(default)]
    pub fields: Option<BulkFields>,
}

/// The fields of a change of tasks that are named elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BulkFields(pub UpdateTask);

impl BulkTasks {
    /// The change, if its parts fit each other.
    ///
    /// # Errors
    /// Too many tasks, or none; one named twice; an action without the fields that it needs, or with others.
    pub fn checked(self) -> Result<Self, Invalid> {
        let mut checks = Checks::new();
        checks.require((1..=BULK_MAX).contains(&self.ids.len()), "/ids", format_args!("1 to {BULK_MAX} tasks"));
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        checks.require(ids.len() == self.ids.len(), "/ids", "each task once");
        let fields = self.fields.as_ref().map(|fields| &fields.0);
        match self.action {
            BulkAction::Update => {
                let changes = fields.is_some_and(|fields| *fields != UpdateTask::default());
                checks.require(changes, "/fields", "is missing: what is to be changed?");
            }
            BulkAction::AddTags | BulkAction::RemoveTags => {
                let alone = fields.is_some_and(|fields| {
                    !fields.tags.is_keep() && *fields == UpdateTask { tags: fields.tags.clone(), ..UpdateTask::default() }
                });
                checks.require(alone, "/fields", "tags, and nothing else");
            }
            BulkAction::Complete | BulkAction::Reopen | BulkAction::Delete | BulkAction::Restore => {
                checks.require(fields.is_none(), "/fields", "only update, add_tags and remove_tags have fields");
            }
        }
        checks.finish(self)
    }

    /// The change of one of its tasks.
    #[must_use]
    pub fn update(&self, task_id: i64) -> UpdateTask {
        UpdateTask { task_id, ..self.fields.clone().unwrap_or_default().0 }
    }

    /// The tags of its fields.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.update(0).tags.unwrap_or(Vec::new())
    }
}

/// Reads the fields of [`UpdateTask`] without its task. `#[serde(flatten)]` would lose which field is wrong.
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

/// The fields of a map after a task that it does not name.
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
        schema.insert("description".to_owned(), "Fields of a task; those left out stay.".into());
        schema
    }
}

/// `reminder.schedule`, `POST /api/reminders`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleReminder {
    /// The task; pending, with a due date that is still ahead.
    pub task_id: i64,
    /// How long before the due date to remind, such as "15 minutes", "1 hour", "2 days" or PT1H.
    pub reminder_offset: ReminderOffset,
    /// The one channel to use; every configured channel if it is left out.
    #[serde(default)]
    pub reminder_type: Option<ReminderType>,
}

/// `reminder.snooze`, `POST /api/reminders/{id}/snooze`: has `for` or `until`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeReminder {
    /// The reminder, of a task that is pending.
    pub reminder_id: i64,
    /// How long from now to remind again.
    #[serde(default, rename = "for")]
    pub pause: Option<ReminderOffset>,
    /// When to remind again.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl SnoozeReminder {
    /// Returns when to remind again; days and weeks are those of `zone`.
    ///
    /// # Errors
    /// Neither `for` nor `until`, or both; a moment that is not ahead.
    pub fn at(&self, now: Timestamp, zone: &Zone) -> Result<Timestamp, Invalid> {
        let (field, at) = match (self.pause, self.until) {
            (Some(pause), None) => ("/for", pause.after(now.get(), zone.get()).and_then(|at| Timestamp::new(at).ok())),
            (None, Some(until)) => ("/until", Some(until)),
            _ => return Err(Invalid::field("", "give either for, such as \"10 minutes\", or until, such as \"2027-01-05T09:00:00Z\"")),
        };
        at.filter(|at| *at > now).ok_or_else(|| Invalid::field(field, "not after now"))
    }
}

/// `reminder.cancel`, `DELETE /api/reminders/{id}`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelReminder {
    /// The reminder.
    pub reminder_id: i64,
}
