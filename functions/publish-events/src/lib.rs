//! Empties the outbox, for changes whose own publishing did not come to its end.

use std::sync::Arc;

use domain::routes;
use function::{App, Error, Function, JobCall};

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::PUBLISH_EVENTS).job(publish)
}

/// Fails until the outbox is empty, so that its caller calls again.
async fn publish(app: Arc<App>, _: JobCall) -> Result<(), Error> {
    match app.publisher.publish_all().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::unavailable("the outbox is not empty yet: the broker", "more than one call may take")),
        Err(error) => Err(Error::unavailable("the broker", error)),
    }
}
