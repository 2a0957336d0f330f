//! Reports the health of the service. The probes never query the database, because a serverless one would never sleep; /health checks everything.

use std::sync::Arc;
use std::time::Duration;

use domain::routes;
use function::{Answer, App, Error, Function};
use http::StatusCode;
use serde_json::json;

/// Time limit of a dependency's answer, after which it counts as unavailable.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::HEALTH).endpoint("health", health).endpoint("healthLive", live).endpoint("healthReady", ready)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {}

async fn health(app: Arc<App>, _: Ask) -> Result<Answer, Error> {
    let (database, publisher, state) =
        tokio::join!(in_time(database(&app)), tokio::time::timeout(PATIENCE, app.publisher.check()), in_time(app.state.check()));
    let (events, jobs) = publisher.map_or((false, false), |health| (health.events, health.jobs));
    let is_healthy = database && events && jobs && state;
    let word = |up| if up { "up" } else { "down" };
    let answer = Answer::json(&json!({
        "status": if is_healthy { "healthy" } else { "unhealthy" },
        "services": { "database": word(database), "events": word(events), "jobs": word(jobs), "state": word(state) },
    }))?;
    Ok(answer.status(if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }))
}

/// True if the database answers. The error is logged only, because callers need no token here.
async fn database(app: &App) -> bool {
    let answer = match app.store() {
        Ok(store) => store.ping().await.map_err(Error::from),
        Err(error) => Err(error),
    };
    if let Err(error) = &answer {
        error.log("/health");
    }
    answer.is_ok()
}

async fn in_time(check: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(PATIENCE, check).await.unwrap_or(false)
}

async fn live(_: Arc<App>, _: Ask) -> Result<Answer, Error> {
    Answer::json(&json!({ "status": "live" }))
}

async fn ready(app: Arc<App>, _: Ask) -> Result<Answer, Error> {
    let is_stopping = app.stopping.is_cancelled();
    let answer = Answer::json(&json!({ "status": if is_stopping { "stopping" } else { "ready" } }))?;
    Ok(answer.status(if is_stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }))
}
