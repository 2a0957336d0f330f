//! Lists and searches.
//!
//! One statement, and therefore one round trip, returns the page and the exact count. The count is a separate query next to the page: that is several
//! times cheaper than `count(*) OVER ()`, and lets the page use its index.
//!
//! There are two shapes. A list without conditions, or by status and priority, *walks* the index of its order and stops at the end of the page.
//! Everything else first *gathers* the hits through the index of the condition, in a materialised CTE: the count needs all of them anyway, and a
//! `LIMIT` cannot tempt the planner to walk an index of the order in search of a rare word.
//!
//! Both shapes work well with one plan for all values, so plans are made once per connection (`store.rs`, `SESSION`). Planning each search for a rare
//! word would cost more than running it. Status and priority, which do affect a plan, are part of the text, from a closed set of words; everything
//! else is a parameter.

use std::fmt::Write;
use std::time::Duration;

use domain::query::{DueEdge, DuePeriod, Order, SortBy, TagsMatch, TaskFilter, TaskQuery};
use domain::task::Status;
use domain::{Page, Task, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder, Row};

use crate::Store;
use crate::error::Error;
use crate::fold::{Term, whole_title};
use crate::sql::{Named, Time, rank};
use crate::tasks::{COLUMNS, task_of};

/// True for a task that is due on a day.
const IS_ALL_DAY: &str = "(due_day IS NOT NULL)";
/// Longer than the difference between the beginnings of the same day in any two zones.
const DAY_MARGIN: Duration = Duration::from_hours(30);
/// True for a task with a reminder of its own, or with one that waits.
const HAS_REMINDER: &str = "(reminder_offset IS NOT NULL OR EXISTS \
     (SELECT FROM reminders WHERE reminders.task_id = tasks.id AND reminders.status = 'pending' AND triggered_at IS NULL))";

impl Store {
    /// Returns a page of the matching tasks, and their number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tasks(&self, query: &TaskQuery) -> Result<Page<Task>, Error> {
        let rows = self
            .run_unbroken(|connection| {
                let mut sql = statement(query);
                Box::pin(async move { sql.build().fetch_all(connection).await })
            })
            .await?;
        page_of(&rows)
    }

    /// Returns the plan with which `PostgreSQL` (16 or later) runs [`tasks`](Self::tasks) for any parameters, one step per line.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn explain(&self, query: &TaskQuery) -> Result<String, Error> {
        let rows = self
            .run_unbroken(|connection| {
                let sql = AssertSqlSafe(format!("EXPLAIN (GENERIC_PLAN) {}", statement(query).sql().as_str()));
                Box::pin(async { sqlx::raw_sql(sql).fetch_all(connection).await })
            })
            .await?;
        rows.iter().try_fold(String::new(), |mut plan, row| {
            writeln!(plan, "{}", row.try_get::<&str, _>(0)?).map_err(Error::value)?;
            Ok(plan)
        })
    }
}

/// There is a row for each task of the page, or one row with only the count.
fn page_of(rows: &[PgRow]) -> Result<Page<Task>, Error> {
    let Some(first) = rows.first() else { return Ok(Page { items: Vec::new(), total_count: 0 }) };
    let total_count = first.try_get(0)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        if row.try_get::<Option<i64>, _>(1)?.is_some() {
            items.push(task_of(row, 1)?);
        }
    }
    Ok(Page { items, total_count })
}

fn statement(query: &TaskQuery) -> QueryBuilder<Postgres> {
    let terms: Vec<Term> = query.terms.iter().filter_map(|term| Term::new(term)).collect();
    let mut sql = QueryBuilder::new("");
    if terms.is_empty() && !is_selective(query) {
        walk(&mut sql, query);
    } else {
        gather(&mut sql, &terms, query);
    }
    sql
}

/// True if there are conditions other than status and priority ([`push_open`]). A walk along the order of a list cannot rely on them.
fn is_selective(query: &TaskQuery) -> bool {
    let closed = TaskFilter { status: query.filter.status, priority: query.filter.priority, ..TaskFilter::default() };
    has_condition(query, &closed)
}

/// True if there are conditions other than those of `without`.
fn has_condition(query: &TaskQuery, without: &TaskFilter) -> bool {
    let filter = TaskFilter { tags_match: query.filter.tags_match, ..without.clone() };
    query.filter != filter || is_untagged(&query.filter) || query.due != DuePeriod::Any || query.completed != (None, None)
}

/// True if the filter asks for tasks without tags.
fn is_untagged(filter: &TaskFilter) -> bool {
    filter.tags.is_empty() && filter.tags_match == TagsMatch::Exact
}

fn walk(sql: &mut QueryBuilder<Postgres>, query: &TaskQuery) {
    let place = Place::of(query.sort_by.unwrap_or_default());
    sql.push(format_args!("SELECT total, {COLUMNS} FROM ("));
    push_count(sql, &query.filter);
    sql.push(format_args!(") AS counted LEFT JOIN (SELECT {COLUMNS}, title_key FROM tasks WHERE true"));
    push_closed(sql, &query.filter);
    place.push_order(sql, [place.column, "due_day", "id"], query.order);
    push_window(sql, query);
    sql.push(") AS page ON true");
    place.push_order(sql, [place.column, "due_day", "id"], query.order);
}

/// Appends the number of tasks. For all tasks, or all of a status, it is stored (`task_counts`).
fn push_count(sql: &mut QueryBuilder<Postgres>, filter: &TaskFilter) {
    let kept = match (filter.priority, filter.status) {
        (Some(_), _) => {
            sql.push("SELECT count(*) AS total FROM tasks WHERE true");
            return push_closed(sql, filter);
        }
        (None, None) => "pending + completed",
        (None, Some(Status::Pending)) => "pending",
        (None, Some(Status::Completed)) => "completed",
    };
    sql.push(format_args!("SELECT sum({kept})::bigint AS total FROM task_counts"));
}

fn gather(sql: &mut QueryBuilder<Postgres>, terms: &[Term], query: &TaskQuery) {
    let place = query.sort_by.or(terms.is_empty().then(SortBy::default)).map(Place::of);
    push_hits(sql, terms, query, place);
    sql.push(format_args!(" SELECT total, {COLUMNS} FROM (SELECT count(*) AS total FROM hits) AS counted"));
    // The ids of the page are known before the tasks are read.
    let place = place.unwrap_or(Place { column: "", is_due: false });
    let place_day = if place.is_due { ", place_day" } else { "" };
    sql.push(format_args!(" LEFT JOIN (SELECT * FROM (SELECT hit, place{place_day} FROM hits"));
    place.push_order(sql, ["place", "place_day", "hit"], query.order);
    push_window(sql, query);
    sql.push(") AS best JOIN tasks ON id = hit) AS page ON true");
    place.push_order(sql, ["place", "place_day", "hit"], query.order);
}

/// Appends all matching tasks with the value that decides their place: a column, or their relevance.
fn push_hits(sql: &mut QueryBuilder<Postgres>, terms: &[Term], query: &TaskQuery, place: Option<Place>) {
    let needs_task = place.is_some() || has_condition(query, &TaskFilter::default());
    sql.push("WITH hits AS MATERIALIZED (SELECT ");
    sql.push(if needs_task { "id" } else { "task_id" }).push(" AS hit, ");
    match place {
        Some(place) => sql.push(place.column),
        None => push_relevance(sql, terms),
    };
    let is_due = place.is_some_and(|place| place.is_due);
    sql.push(if is_due { " AS place, due_day AS place_day FROM " } else { " AS place FROM " });
    sql.push(match (terms.is_empty(), needs_task) {
        (true, _) => "tasks",
        (false, true) => "task_search JOIN tasks ON id = task_id",
        (false, false) => "task_search",
    });
    sql.push(" WHERE true");
    for term in terms {
        if term.has_trigram() {
            sql.push(" AND folded_text LIKE ").push_bind(term.pattern());
        } else {
            // The whole index and then the table would be read. Reading only the table is cheaper.
            sql.push(" AND strpos(folded_text, ").push_bind(term.text().to_owned()).push(") > 0");
        }
    }
    push_closed(sql, &query.filter);
    push_open(sql, query);
    sql.push(")");
}

/// Appends how well a hit matches. The exact title is best; otherwise, each term counts 4 as a word of the title, 3 as the beginning of one, 2 as a
/// part of one, 1 in the description or the tags. A tag adds nothing, because all hits have it.
fn push_relevance<'s>(sql: &'s mut QueryBuilder<Postgres>, terms: &[Term]) -> &'s mut QueryBuilder<Postgres> {
    const EXACT: usize = 1_000;
    sql.push("CASE WHEN folded_title = ").push_bind(whole_title(terms)).push(format_args!(" THEN {EXACT} ELSE 0"));
    for term in terms.iter().filter(|term| !term.is_tag()) {
        let text = term.text();
        sql.push(" + CASE WHEN strpos(folded_title, ").push_bind(text.to_owned()).push(") = 0 THEN 1");
        sql.push(" WHEN strpos(folded_title, ").push_bind(format!(" {text} ")).push(") > 0 THEN 4");
        sql.push(" WHEN strpos(folded_title, ").push_bind(format!(" {text}")).push(") > 0 THEN 3 ELSE 2 END");
    }
    sql.push(" END")
}

/// Decides the place of a task in a list.
#[derive(Clone, Copy)]
struct Place {
    column: &'static str,
    /// True for the due date. Tasks without one come last, and an all-day task comes before the timed tasks of its day.
    is_due: bool,
}

impl Place {
    fn of(by: SortBy) -> Self {
        let column = match by {
            SortBy::CreatedAt => "created_at",
            SortBy::UpdatedAt => "updated_at",
            SortBy::DueDate => "due_date",
            SortBy::Priority => "priority",
            SortBy::Title => "title_key",
        };
        Self { column, is_due: by == SortBy::DueDate }
    }

    /// Appends `ORDER BY`. Ties are ordered by id in the same direction, so that one index serves both directions. Only due dates need two indexes,
    /// because missing ones come last in both. The columns are those of the place, of the day for due dates, and of the id.
    fn push_order(self, sql: &mut QueryBuilder<Postgres>, [column, day, id]: [&'static str; 3], order: Order) {
        let direction = match order {
            Order::Asc => "ASC",
            Order::Desc => "DESC",
        };
        sql.push(format_args!(" ORDER BY {column} {direction}"));
        if self.is_due {
            sql.push(format_args!(" NULLS LAST, {day} {direction}"));
        }
        sql.push(format_args!(", {id} {direction}"));
    }
}

fn push_window(sql: &mut QueryBuilder<Postgres>, query: &TaskQuery) {
    sql.push(" LIMIT ").push_bind(query.window.limit).push(" OFFSET ").push_bind(query.window.offset);
}

/// Appends the conditions whose values are a closed set. They are part of the text, so that the plan knows how rare each is.
fn push_closed(sql: &mut QueryBuilder<Postgres>, filter: &TaskFilter) {
    if let Some(status) = filter.status {
        sql.push(format_args!(" AND status = '{}'", status.name()));
    }
    if let Some(priority) = filter.priority {
        sql.push(format_args!(" AND priority = {}::smallint", rank(priority)));
    }
}

fn push_period(sql: &mut QueryBuilder<Postgres>, column: &'static str, from: Option<Timestamp>, to: Option<Timestamp>) {
    if from.is_some() || to.is_some() {
        // Always has both ends: a plan for any values takes a range with two ends for a short one, and uses the index.
        sql.push(format_args!(" AND {column} >= coalesce(")).push_bind(from.map(Time)).push(", '-infinity'::timestamptz)");
        sql.push(format_args!(" AND {column} < coalesce(")).push_bind(to.map(Time)).push(", 'infinity'::timestamptz)");
    }
}

/// Appends the condition that a task is due in a period. This is the only place that defines "due" for a row. An all-day task is matched by its day,
/// whatever zone the day begins in; the period of instants around it is for the index.
fn push_due(sql: &mut QueryBuilder<Postgres>, due: DuePeriod) {
    let (from, to) = match due {
        DuePeriod::Any => return,
        DuePeriod::Never => {
            sql.push(" AND due_date IS NULL");
            return;
        }
        DuePeriod::Within(from, to) => (from, to),
    };
    let margin = |edge: DueEdge| if edge.day.is_some() { DAY_MARGIN } else { Duration::ZERO };
    push_period(sql, "due_date", from.map(|edge| edge.at.before(margin(edge))), to.map(|edge| edge.at.after(margin(edge))));
    for (edge, is_met) in [(from, ">="), (to, "<")] {
        if let Some(DueEdge { at, day: Some(day) }) = edge {
            sql.push(format_args!(" AND CASE WHEN due_day IS NULL THEN due_date {is_met} ")).push_bind(Time(at));
            sql.push(format_args!(" ELSE due_day {is_met} ")).push_bind(day.to_string()).push("::text::date END");
        }
    }
}

/// Appends a condition, or its negation.
fn push_whether(sql: &mut QueryBuilder<Postgres>, wanted: Option<bool>, condition: &'static str) {
    match wanted {
        None => {}
        Some(true) => drop(sql.push(format_args!(" AND {condition}"))),
        Some(false) => drop(sql.push(format_args!(" AND NOT {condition}"))),
    }
}

fn push_open(sql: &mut QueryBuilder<Postgres>, query: &TaskQuery) {
    let filter = &query.filter;
    push_due(sql, query.due);
    push_period(sql, "completed_at", query.completed.0, query.completed.1);
    push_whether(sql, filter.all_day, IS_ALL_DAY);
    push_whether(sql, filter.recurring, "(recurrence <> 'none')");
    push_whether(sql, filter.has_reminder, HAS_REMINDER);
    if filter.id_from.is_some() || filter.id_to.is_some() {
        sql.push(" AND id BETWEEN ")
            .push_bind(filter.id_from.unwrap_or(i64::MIN))
            .push(" AND ")
            .push_bind(filter.id_to.unwrap_or(i64::MAX));
    }
    if filter.tags.is_empty() && !is_untagged(filter) {
        return;
    }
    let tags = filter.tags.clone();
    match filter.tags_match {
        TagsMatch::All => sql.push(" AND tags @> ").push_bind(tags),
        TagsMatch::Any => sql.push(" AND tags && ").push_bind(tags),
        // Neither side has duplicates: the same number, and all of them, means the same set.
        TagsMatch::Exact => {
            let count = i32::try_from(tags.len()).unwrap_or(i32::MAX);
            sql.push(" AND tags @> ").push_bind(tags).push(" AND cardinality(tags) = ").push_bind(count)
        }
    };
}
