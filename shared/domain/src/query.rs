//! Queries of callers: filters, sorting, paging, and the words of a search.

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

/// Default number of items of a page.
pub const LIMIT_DEFAULT: u32 = 50;
/// Maximum items of a page.
pub const LIMIT_MAX: u32 = 500;
/// Default number of future occurrences.
const OCCURRENCES_DEFAULT: u32 = 10;
/// Maximum future occurrences.
const OCCURRENCES_MAX: usize = 100;
/// Maximum offset of a page. It exceeds any task list, and limits how far one request scans an index.
pub const OFFSET_MAX: u32 = 10_000_000;
/// Maximum characters of a search.
pub const QUERY_MAX: usize = 500;
/// Maximum words of a search.
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
    /// The task has exactly these tags. An empty list means tasks without tags.
    Exact,
}

/// When a task is due, in the user's zone.
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

/// One end of a period: a moment, and the day that begins there, if it is the start of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueEdge {
    /// The moment, for tasks that are due at a time.
    pub at: Timestamp,
    /// The day, for all-day tasks. If there is none, all-day tasks are compared by the moment at which their day begins.
    pub day: Option<Day>,
}

/// Due dates of the tasks of a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuePeriod {
    /// Any due date, or none.
    #[default]
    Any,
    /// No due date.
    Never,
    /// From the first edge, inclusive, to the second, exclusive.
    Within(Option<DueEdge>, Option<DueEdge>),
}

/// The user's clock and time zone, which a query is evaluated by.
#[derive(Clone, Debug)]
pub struct Today {
    /// The current time.
    pub now: Timestamp,
    /// The user's time zone.
    pub zone: Zone,
}

impl Today {
    /// Returns the beginning of the day that is this many days after today.
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
    /// True if the result depends on the user's time zone.
    #[must_use]
    pub fn is_by_calendar(&self) -> bool {
        let limits = [self.due_after, self.due_before, self.completed_after, self.completed_before];
        let is_day = |limit: &Option<Moment>| matches!(limit, Some(Moment::On(_)));
        self.due.is_some_and(|due| due != Due::None) || limits.iter().any(is_day)
    }

    /// Removes the conditions on the due date from the filter, and returns the period that they describe. A day at the end of the calendar sets no
    /// limit.
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

    /// Removes the conditions on the completion from the filter, and returns the period that they describe.
    fn take_completed(&mut self, today: &Today) -> (Option<Timestamp>, Option<Timestamp>) {
        let at = |limit: &mut Option<Moment>| limit.take().and_then(|limit| today.edge(limit)).map(|edge| edge.at);
        (at(&mut self.completed_after), at(&mut self.completed_before))
    }
}

impl DuePeriod {
    /// A period that contains no moment.
    const NOTHING: Self = {
        let edge = Some(DueEdge { at: Timestamp::EPOCH, day: None });
        Self::Within(edge, edge)
    };
}

/// Sort key of a list. Missing due dates come last; ties are sorted by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SortBy {
    /// Creation time.
    #[default]
    CreatedAt,
    /// Time of the last change.
    UpdatedAt,
    /// Due date.
    DueDate,
    /// Priority, by rank.
    Priority,
    /// Title.
    Title,
}

/// Sort direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Order {
    /// Ascending: smallest, oldest or A first.
    Asc,
    /// Descending: greatest, newest or Z first.
    Desc,
}

impl SortBy {
    /// Returns the default order of a key: descending for times and priority, ascending for due date and title.
    #[must_use]
    pub fn default_order(self) -> Order {
        match self {
            Self::CreatedAt | Self::UpdatedAt | Self::Priority => Order::Desc,
            Self::DueDate | Self::Title => Order::Asc,
        }
    }
}

/// Conditions that tasks must meet, all of them.
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
    /// How `tags` is compared.
    pub tags_match: TagsMatch,
    /// Only tasks due in this period, in the user's zone.
    pub due: Option<Due>,
    /// Only tasks due before this moment, or before this day.
    pub due_before: Option<Moment>,
    /// Only tasks due at this moment or later, or on this day or later.
    pub due_after: Option<Moment>,
    /// True for all-day tasks only, false for the others only.
    pub all_day: Option<bool>,
    /// True for recurring tasks only, false for the others only.
    pub recurring: Option<bool>,
    /// True for tasks with a reminder that is set or pending only, false for the others only.
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

/// `GET /api/tasks`. In a query string, commas separate the tags.
#[derive(Clone, Debug, Default, schemars::JsonSchema)]
#[schemars(transform = crate::schema::comma_tags)]
pub struct ListTasks {
    /// Conditions on the tasks.
    #[schemars(flatten)]
    pub filter: TaskFilter,
    /// Sort key.
    #[schemars(default)]
    pub sort_by: SortBy,
    /// Sort direction; depends on the key if left out.
    pub order: Option<Order>,
    /// Maximum tasks of the page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Number of tasks to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

/// `POST /api/tasks/search`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchTasks {
    /// Words, prefixes or parts of words. A task matches if its title, description or tags contain all of them. `#work` is the tag work,
    /// `#"home office"` a tag with a space.
    #[schemars(schema_with = "crate::schema::query")]
    pub query: Option<String>,
    /// Conditions on the tasks.
    #[serde(deserialize_with = "object")]
    pub filters: TaskFilter,
    /// Sort key; relevance if left out.
    pub sort_by: Option<SortBy>,
    /// Sort direction; depends on the key if left out.
    pub order: Option<Order>,
    /// Maximum tasks of the page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Number of tasks to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

/// `GET /api/trash`.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListTrash {
    /// Maximum tasks of the page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Number of tasks to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

/// `POST /api/imports`.
#[derive(Clone, Copy, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CreateImport {
    /// The application that wrote the file. Detected from its first lines if left out.
    pub format: Option<ImportFormat>,
    /// If true, the file is only checked; `POST /api/imports/{id}/run` imports it.
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
    /// Maximum entries of the page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Number of entries to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

impl ListImportNotes {
    /// Returns the requested page.
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
    /// The format of the file.
    pub format: ExportFormat,
}

/// The format of an export.
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
    /// Maximum due dates to return.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100), extend("default" = 10))]
    pub limit: Option<u32>,
}

impl ListOccurrences {
    /// Returns the maximum number of due dates.
    ///
    /// # Errors
    /// The limit is out of range.
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
    /// Maximum entries of the page.
    #[schemars(range(min = 1, max = 500), extend("default" = 50))]
    pub limit: Option<u32>,
    /// Number of entries to skip.
    #[schemars(range(min = 0, max = 10_000_000), extend("default" = 0))]
    pub offset: Option<u32>,
}

/// A validated page of a list.
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

/// A validated search or list, ready for the store. A list is a search without terms.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskQuery {
    /// Unique lower-case words; a task matches if it contains all of them. A word that begins with `#` is a tag.
    pub terms: Vec<String>,
    /// Conditions on the tasks: tags in stored form, and no dates.
    pub filter: TaskFilter,
    /// Period of the due date.
    pub due: DuePeriod,
    /// Period of the completion: first moment inclusive, second exclusive.
    pub completed: (Option<Timestamp>, Option<Timestamp>),
    /// Sort key; `None` is relevance.
    pub sort_by: Option<SortBy>,
    /// Sort direction.
    pub order: Order,
    /// The page.
    pub window: Window,
}

impl ListTasks {
    /// Returns the query if its values are in range.
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
    /// Returns the query if its values are in range. Without words it is a list, newest first.
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
    /// Returns the requested page.
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
    /// Returns the requested page.
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

/// Returns the unique lower-case words of a search.
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

/// Splits a search at its spaces, except inside the quotation marks of a tag, which are removed: `#"home office"` becomes `#home office`.
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

/// Accepts JSON objects only. Derived structs would also accept a list of their fields in order.
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

/// Reads tags from a list, or from comma-separated text of a query string.
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

        // JSON does not reach this: its text is no sequence.
        fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
        }
    }
    deserializer.deserialize_seq(Tags)
}

/// Reads the page's own fields and passes the others to the filter. `#[serde(flatten)]` would lose the path of an invalid field.
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
