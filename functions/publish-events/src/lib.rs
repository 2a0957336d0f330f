//! Publishes the outbox, for changes that could not publish themselves.

use std::sync::Arc;

use domain::routes;
use function::{App, Error, Function, JobCall, Published};

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::PUBLISH_EVENTS).job(publish)
}

/// Reports whether the outbox is empty. Fails if it could not be emptied; the caller then retries.
async fn publish(app: Arc<App>, _: JobCall) -> Result<Published, Error> {
    match app.publisher.publish_all().await {
        Ok(is_empty) => Ok(if is_empty { Published::All } else { Published::Pending }),
        Err(error) => Err(Error::unavailable("the broker", error)),
    }
}
