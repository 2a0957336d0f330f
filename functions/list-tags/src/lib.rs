//! Lists the tags there are, each with the number of tasks that have it.

use std::sync::Arc;

use domain::routes;
use function::{Answer, App, Error, Function};

/// The function.
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
