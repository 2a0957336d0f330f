//! Lists tasks: filtered, sorted, a page at a time, with the exact number in all.

use std::sync::Arc;

use domain::query::ListTasks;
use domain::routes;
use function::{Answer, App, Error, Function};
use http::HeaderName;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::LIST_TASKS).endpoint("listTasks", list)
}

async fn list(app: Arc<App>, query: ListTasks) -> Result<Answer, Error> {
    let today = app.today(query.filter.is_by_calendar()).await?;
    let page = app.store()?.tasks(&query.checked(&today)?).await?;
    Ok(Answer::json(&page.items)?.header(TOTAL_COUNT, page.total_count))
}
