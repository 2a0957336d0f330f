//! What callers can look for: filters, sorting, paging, and the words of a search.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::invalid::{Checks, Invalid};
use crate::moment::{Day, Moment};
use crate::reminder::ReminderStatus;
use crate::task::{self, Priority, Status};
use crate::time::Timestamp;
use crate::transfer::ImportFormat;
use crate::zone::Zone;

/// Items of a page, where the caller does not say.
pub const LIMIT_DEFAULT: u32 = 50;
/// Items of a page, at most.
pub const LIMIT_MAX: u32 = 500;
/// Occurrences to come, where the caller does not say.
const OCCURRENCES_DEFAULT: u32 = 10;
/// Occurrences to come, at most.
const OCCURRENCES_MAX: usize = 100;
/// How deep paging goes: far beyond any task list, and it keeps one request from walking an index for ever.
pub const OFFSET_MAX: u32 = 10_000_000;
/// Characters of a search.
pub const QUERY_MAX: usize = 500;
/// Words of a search that are looked for.
pub const TERMS_MAX: usize = 16;

/// How the tags of a filter are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum TagsMatch {
    /// The task has all of them.
    #[default]
    All,
    /// The task has at least one of them.
    Any,
    /// The task has them and no other; without any, only tasks that have none.
    Exact,
}

/// When a task is due, as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Due {
    /// It has no due date.
    None,
    /// It is pending, and its due date has passed.
    Overdue,
    /// Today.
    Today,
    /// Tomorrow.
    Tomorrow,
    /// Today or on one of the six days after.
    Week,
}

/// One end of a period: a moment, and the day that begins then, if it stands for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueEdge {
    /// The moment, for tasks that are due at a time.
    pub at: Timestamp,
    /// The day, for tasks that are due on a day; they go by the moment at which their day begins where there is none.
    pub day: Option<Day>,
}

/// When the tasks of a query are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuePeriod {
    /// At any time, or never.
    #[default]
    Any,
    /// Never.
    Never,
    /// At the first edge or later, and before the second one.
    Within(Option<DueEdge>, Option<DueEdge>),
}

/// The user's clock and calendar, by which a query is read.
#[derive(Clone, Debug)]
pub struct Today {
    /// The time.
    pub now: Timestamp,
    /// The user's time zone.
    pub zone: Zone,
}

impl Today {
    /// The day that begins so many days after today.
    fn day(&self, after: i32) -> Option<DueEdge> {
        let today = Day::at(self.now, &self.zone)?.get();
        self.edge(Moment::On(Day::new(today.checked_add(jiff::Span::new().days(after)).ok()?)?))
    }

    fn edge(&self, limit: Moment) -> Option<DueEdge> {
        match limit {
            Moment::At(at) => Some(DueEdge { at, day: None }),
            Moment::On(day) => Some(DueEdge { at: day.begins(&self.zone)?, day: Some(day) }),
        }
    }
}

impl TaskFilter {
    /// True if it depends on the user's time zone what matches.
    #[must_use]
    pub fn is_by_calendar(&self) -> bool {
        let limits = [self.due_after, self.due_before, self.completed_after, self.completed_before];
        let is_day = |limit: &Option<Moment>| matches!(limit, Some(Moment::On(_)));
        self.due.is_some_and(|due| due != Due::None) || limits.iter().any(is_day)
    }

    /// Takes the conditions on the due date out of the filter: when that is by this clock. A day at the end of the calendar limits nothing.
    fn take_due(&mut self, today: &Today) -> DuePeriod {
        let [mut from, mut to] = [self.due_after.take(), self.due_before.take()].map(|limit| limit.and_then(|limit| today.edge(limit)));
        let (first, last) = match self.due.take() {
            None => (None, None),
            Some(Due::None) if from.is_some() || to.is_some() => return DuePeriod::NOTHING,
            Some(Due::None) => return DuePeriod::Never,
            Some(Due::Overdue) if self.status == Some(Status::Completed) => return DuePeriod::NOTHING,
            Some(Due::Overdue) => {
                self.status = Some(Status::Pending);
                (None, today.day(0).map(|begun| DueEdge { at: today.now, ..begun }))
            }
            Some(Due::Today) => (today.day(0), today.day(1)),
            Some(Due::Tomorrow) => (today.day(1), today.day(2)),
            Some(Due::Week) => (today.day(0), today.day(7)),
        };
        from = from.max(first);
        to = to.into_iter().chain(last).min();
        if from.is_none() && to.is_none() { DuePeriod::Any } else { DuePeriod::Within(from, to) }
    }

    /// Takes the conditions on the completion out of the filter.
    fn take_completed(&mut self, today: &Today) -> (Option<Timestamp>, Option<Timestamp>) {
        let at = |limit: &mut Option<Moment>| limit.take().and_then(|limit| today.edge(limit)).map(|edge| edge.at);
        (at(&mut self.completed_after), at(&mut self.completed_before))
    }
}

impl DuePeriod {
    /// A period without a moment in it.
    const NOTHING: Self = {
        let edge = Some(DueEdge { at: Timestamp::EPOCH, day: None });
        Self::Within(edge, edge)
    };
}

/// What a list is sorted by. Missing due dates come last, ties go by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SortBy {
    /// When it was made.
    #[default]
    CreatedAt,
    /// When it was changed.
    UpdatedAt,
    /// When it is due.
    DueDate,
    /// By rank, not by letter.
    Priority,
    /// By letter.
    Title,
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Order {
    /// Smallest, oldest or A first.
    Asc,
    /// Greatest, newest or Z first.
    Desc,
}

impl SortBy {
    /// The order where the caller names none: what is new or matters most first, what is due or spelled first first.
    #[must_use]
    pub fn default_order(self) -> Order {
        match self {
            Self::CreatedAt | Self::UpdatedAt | Self::Priority => Order::Desc,
            Self::DueDate | Self::Title => Order::Asc,
        }
    }
}

/// Which tasks: all conditions hold at once.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaskFilter {
    /// Only tasks of this status.
    pub status: Option<Status>,
    /// Only tasks of this priority.
    pub priority: Option<Priority>,
    /// Only tasks with these tags.
    #[serde(deserialize_with = "tags")]
    #[schemars(schema_with = "crate::schema::tags")]
    pub tags: Vec<String>,
    /// How `tags` are compared.
    pub tags_match: TagsMatch,
    /// Only tasks that are due so, by the user's clock and calendar.
    pub due: Option<Due>,
    /// Only tasks due before this moment, or before this day.
    pub due_before: Option<Moment>,
    /// Only tasks due at this moment or later, or on this day or later.
    pub due_after: Option<Moment>,
    /// Only tasks that are due on a day, or only others.
    pub all_day: Option<bool>,
    /// Only tasks that recur, or only others.
    pub recurring: Option<bool>,
    /// Only tasks with a reminder that is set or waits, or only others.
    pub has_reminder: Option<bool>,
    /// Only tasks completed before this moment, or before this day.
    pub completed_before: Option<Moment>,
    /// Only tasks completed at this moment or later, or on this day or later.
    pub completed_after: Option<Moment>,
    /// Only tasks with this id or a higher one.
    pub id_from: Option<i64>,
    /// Only tasks with this id or a lower one.
    pub id_to: Option<i64>,
}

/// `GET /api/tasks`: a query string, so the tags are separated by commas.
#[derive(Clone, Debug, Default, schemars::JsonSchema)]
#[schemars(transform = crate::schema::comma_tags)]
pub struct ListTasks {
    /// Which tasks.
    #[schemars(flatten)]
    pub filter: TaskFilter,
    /// What comes first.
    #[schemars(default)]
    pub sort_by: SortBy,
    /// Which end comes first.
    pub order: Option<Order>,
    /// Tasks on a page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Tasks to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

/// `POST /api/tasks/search`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchTasks {
    /// Words, beginnings or parts of words; a task matches that has all of them in its title, description or tags. `#work` is the tag work,
    /// `#"home office"` one with a space.
    #[schemars(schema_with = "crate::schema::query")]
    pub query: Option<String>,
    /// Which tasks to look at.
    #[serde(deserialize_with = "object")]
    pub filters: TaskFilter,
    /// What comes first; the best match where left out.
    pub sort_by: Option<SortBy>,
    /// Which end comes first.
    pub order: Option<Order>,
    /// Tasks on a page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Tasks to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

/// `GET /api/trash`.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListTrash {
    /// Tasks on a page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Tasks to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

/// `POST /api/imports`.
#[derive(Clone, Copy, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CreateImport {
    /// What wrote the file; found out from its first lines where left out.
    pub format: Option<ImportFormat>,
    /// With true, the file is read, and nothing is imported before `POST /api/imports/{id}/run`.
    pub dry_run: bool,
}

/// `GET /api/imports/{id}` and `POST /api/imports/{id}/run`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRef {
    /// The import.
    pub import_id: i64,
}

/// `GET /api/imports/{id}/report`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListImportNotes {
    /// The import.
    pub import_id: i64,
    /// Entries on a page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Entries to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

impl ListImportNotes {
    /// The page asked for.
    ///
    /// # Errors
    /// Every value out of range.
    pub fn window(&self) -> Result<Window, Invalid> {
        ListTrash { limit: self.limit, offset: self.offset }.window()
    }
}

/// `GET /api/export`.
#[derive(Clone, Copy, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Export {
    /// The form of the file.
    pub format: ExportFormat,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ExportFormat {
    /// Everything, for `POST /api/imports`.
    #[default]
    Json,
    /// The tasks, for a spreadsheet.
    Csv,
    /// The tasks as VTODOs, for other applications.
    Ics,
}

/// `GET /api/tasks/{id}/occurrences`.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListOccurrences {
    /// The task.
    pub task_id: i64,
    /// Due dates to answer.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100), extend("default" = 10))]
    pub limit: Option<u32>,
}

impl ListOccurrences {
    /// How many due dates to answer.
    ///
    /// # Errors
    /// A limit out of range.
    pub fn limit(&self) -> Result<usize, Invalid> {
        let limit = self.limit.unwrap_or(OCCURRENCES_DEFAULT);
        let limit = usize::try_from(limit).ok().filter(|limit| (1..=OCCURRENCES_MAX).contains(limit));
        limit.ok_or_else(|| Invalid::field("/limit", format_args!("1 to {OCCURRENCES_MAX}")))
    }
}

/// `GET /api/reminders`.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListReminders {
    /// Only reminders of this task.
    pub task_id: Option<i64>,
    /// Only reminders of this status.
    pub status: Option<ReminderStatus>,
}

/// `GET /api/notifications`.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListNotifications {
    /// Only notifications after this id.
    pub after: Option<i64>,
}

/// `GET /api/audit`.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListAudit {
    /// Only entries of this task.
    pub task_id: Option<i64>,
    /// With `task_id`: entries of every occurrence in its chain.
    pub chain: bool,
    /// Only entries of this event type, such as `task.completed`.
    pub event_type: Option<crate::event::EventType>,
    /// Entries on a page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Entries to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

/// The piece of a list to answer: checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// 1 to [`LIMIT_MAX`].
    pub limit: i64,
    /// 0 to [`OFFSET_MAX`].
    pub offset: i64,
}

impl Window {
    fn new(limit: Option<u32>, offset: Option<u32>, checks: &mut Checks) -> Self {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        let offset = offset.unwrap_or(0);
        checks.require((1..=LIMIT_MAX).contains(&limit), "/limit", format_args!("1 to {LIMIT_MAX}"));
        checks.require(offset <= OFFSET_MAX, "/offset", format_args!("0 to {OFFSET_MAX}"));
        Self { limit: limit.into(), offset: offset.into() }
    }
}

/// A search or a list, checked and ready for the store. A list is a search without terms.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskQuery {
    /// Lower-case words, each once; a task matches that contains all of them. One that begins with `#` is a tag.
    pub terms: Vec<String>,
    /// Which tasks to look at; tags as they are kept, and nothing about dates.
    pub filter: TaskFilter,
    /// When they are due.
    pub due: DuePeriod,
    /// When they were completed: at the first moment or later, and before the second one.
    pub completed: (Option<Timestamp>, Option<Timestamp>),
    /// What comes first; `None` is relevance.
    pub sort_by: Option<SortBy>,
    /// Which end comes first.
    pub order: Order,
    /// Which page.
    pub window: Window,
}

impl ListTasks {
    /// The query, if its values are in range.
    ///
    /// # Errors
    /// Every value out of range.
    pub fn checked(self, today: &Today) -> Result<TaskQuery, Invalid> {
        let mut checks = Checks::new();
        let window = Window::new(self.limit, self.offset, &mut checks);
        let tags = checks.take(task::tags(&self.filter.tags, "/tags"));
        let mut filter = TaskFilter { tags, ..self.filter };
        let (due, completed) = (filter.take_due(today), filter.take_completed(today));
        let order = self.order.unwrap_or(self.sort_by.default_order());
        checks.finish(TaskQuery { terms: Vec::new(), filter, due, completed, sort_by: Some(self.sort_by), order, window })
    }
}

impl SearchTasks {
    /// The query, if its values are in range. Without words it is a list, newest first.
    ///
    /// # Errors
    /// Every value out of range.
    pub fn checked(self, today: &Today) -> Result<TaskQuery, Invalid> {
        let mut checks = Checks::new();
        let window = Window::new(self.limit, self.offset, &mut checks);
        let tags = checks.take(task::tags(&self.filters.tags, "/filters/tags"));
        let mut filter = TaskFilter { tags, ..self.filters };
        let (due, completed) = (filter.take_due(today), filter.take_completed(today));
        let terms = checks.take(terms(self.query.as_deref().unwrap_or_default()));
        let sort_by = self.sort_by.or_else(|| terms.is_empty().then(SortBy::default));
        let order = self.order.unwrap_or(sort_by.map_or(Order::Desc, SortBy::default_order));
        checks.finish(TaskQuery { terms, filter, due, completed, sort_by, order, window })
    }
}

impl ListTrash {
    /// The page asked for.
    ///
    /// # Errors
    /// Every value out of range.
    pub fn window(&self) -> Result<Window, Invalid> {
        let mut checks = Checks::new();
        let window = Window::new(self.limit, self.offset, &mut checks);
        checks.finish(window)
    }
}

impl ListAudit {
    /// The page asked for.
    ///
    /// # Errors
    /// Every value out of range; a chain without a task.
    pub fn window(&self) -> Result<Window, Invalid> {
        let mut checks = Checks::new();
        let window = Window::new(self.limit, self.offset, &mut checks);
        checks.require(!self.chain || self.task_id.is_some(), "/chain", "a chain needs a task_id");
        checks.finish(window)
    }
}

/// The words of a search: lower-case, each once.
///
/// # Errors
/// More than [`QUERY_MAX`] characters or [`TERMS_MAX`] words, or a NUL character.
pub fn terms(query: &str) -> Result<Vec<String>, Invalid> {
    let mut checks = Checks::new();
    checks.require(query.chars().count() <= QUERY_MAX, "/query", format_args!("at most {QUERY_MAX} characters"));
    checks.require(!query.contains('\0'), "/query", "no NUL character");
    let mut terms: Vec<String> = Vec::new();
    for word in words(query) {
        let word = word.to_lowercase();
        if terms.len() <= TERMS_MAX && !terms.contains(&word) {
            terms.push(word);
        }
    }
    checks.require(terms.len() <= TERMS_MAX, "/query", format_args!("at most {TERMS_MAX} words"));
    checks.finish(terms)
}

/// Splits a search at its spaces, but for those of a tag in quotation marks, which it takes off: `#"home office"` is `#home office`.
fn words(query: &str) -> impl Iterator<Item = String> {
    let mut rest = query.trim_start();
    std::iter::from_fn(move || {
        let quoted = rest.strip_prefix("#\"").and_then(|rest| rest.split_once('"')).filter(|(tag, _)| !tag.trim().is_empty());
        let (word, after) = if let Some((tag, after)) = quoted {
            (format!("#{}", tag.trim()), after)
        } else {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            (word.to_owned(), after)
        };
        rest = after.trim_start();
        (!word.is_empty()).then_some(word)
    })
}

/// Derived structs also read a list, field by field in their order; an API takes objects only.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TaskFilter, D::Error> {
    struct Object;
    impl<'de> Visitor<'de> for Object {
        type Value = TaskFilter;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TaskFilter, A::Error> {
            TaskFilter::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Object)
}

/// Tags as a list, or in a query string separated by commas.
fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Tags;
    impl<'de> Visitor<'de> for Tags {
        type Value = Vec<String>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<String>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(list))
        }

        // JSON never comes here: its text is no sequence.
        fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
        }
    }
    deserializer.deserialize_seq(Tags)
}

/// Reads the fields of the page itself and leaves the others to the filter. `#[serde(flatten)]` would lose which field is wrong.
impl<'de> Deserialize<'de> for ListTasks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = ListTasks;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ListTasks, A::Error> {
                let mut conditions = Conditions { map, list: ListTasks::default(), seen: Vec::new() };
                let filter = TaskFilter::deserialize(MapAccessDeserializer::new(&mut conditions))?;
                Ok(ListTasks { filter, ..conditions.list })
            }
        }
        deserializer.deserialize_map(List)
    }
}

struct Conditions<A> {
    map: A,
    list: ListTasks,
    seen: Vec<&'static str>,
}

impl<'de, A: MapAccess<'de>> Conditions<A> {
    fn value<T: Deserialize<'de>>(&mut self, name: &'static str) -> Result<T, A::Error> {
        if self.seen.contains(&name) {
            return Err(serde::de::Error::duplicate_field(name));
        }
        self.seen.push(name);
        self.map.next_value()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut Conditions<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            match name.as_str() {
                "sort_by" => self.list.sort_by = self.value("sort_by")?,
                "order" => self.list.order = self.value("order")?,
                "limit" => self.list.limit = self.value("limit")?,
                "offset" => self.list.offset = self.value("offset")?,
                _ => return seed.deserialize(name.into_deserializer()).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
