//! Lists reminders, of one task or of all, newest first.

use std::sync::Arc;

use domain::query::ListReminders;
use domain::routes;
use function::{Answer, App, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::LIST_REMINDERS).endpoint("listReminders", list)
}

async fn list(app: Arc<App>, query: ListReminders) -> Result<Answer, Error> {
    Answer::json(&app.store()?.reminders(&query).await?)
}
