//! Empties the outbox, for changes whose own publishing did not come to its end.

use std::sync::Arc;

use domain::routes;
use function::{App, Error, Function, JobCall, Published};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::PUBLISH_EVENTS).job(publish)
}

/// Says whether the outbox is empty, and fails where it could not be emptied: its caller calls again, at once or after a while.
async fn publish(app: Arc<App>, _: JobCall) -> Result<Published, Error> {
    match app.publisher.publish_all().await {
        Ok(is_empty) => Ok(if is_empty { Published::All } else { Published::Pending }),
        Err(error) => Err(Error::unavailable("the broker", error)),
    }
}
