//! Lists tasks: filtered, sorted and paged, with the exact total.

use std::sync::Arc;

use domain::query::ListTasks;
use domain::routes;
use function::{Answer, App, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::LIST_TASKS).endpoint("listTasks", list)
}

async fn list(app: Arc<App>, query: ListTasks) -> Result<Answer, Error> {
    let today = app.today(query.filter.is_by_calendar()).await?;
    let query = query.checked(&today)?;
    Answer::page(&app.store()?.tasks(&query).await?, query.window)
}
