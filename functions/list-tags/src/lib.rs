//! Lists all tags, with the number of tasks that have each.

use std::sync::Arc;

use domain::routes;
use function::{Answer, App, Error, Function};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::LIST_TAGS).endpoint("listTags", list)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ListTags {}

async fn list(app: Arc<App>, _: ListTags) -> Result<Answer, Error> {
    Answer::json(&app.store()?.tags().await?)
}
