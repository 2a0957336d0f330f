//! Lists tasks: filtered, sorted, a page at a time, with the exact number in all.

use std::sync::Arc;

use domain::query::ListTasks;
use domain::routes;
use function::{Answer, App, Error, Function};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::LIST_TASKS).endpoint("listTasks", list)
}

async fn list(app: Arc<App>, query: ListTasks) -> Result<Answer, Error> {
    let today = app.today(query.filter.is_by_calendar()).await?;
    let query = query.checked(&today)?;
    Answer::page(&app.store()?.tasks(&query).await?, query.window)
}
