//! Searches tasks by words, prefixes and parts of words, most relevant first.

use std::sync::Arc;

use domain::query::SearchTasks;
use domain::{Task, routes};
use function::{Answer, App, Error, Function};
use serde::Serialize;

/// A page of results.
#[derive(Serialize)]
struct Found {
    results: Vec<Task>,
    total_count: i64,
}

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SEARCH_TASKS).endpoint("searchTasks", search)
}

async fn search(app: Arc<App>, query: SearchTasks) -> Result<Answer, Error> {
    let today = app.today(query.filters.is_by_calendar()).await?;
    let page = app.store()?.tasks(&query.checked(&today)?).await?;
    Answer::json(&Found { results: page.items, total_count: page.total_count })
}
