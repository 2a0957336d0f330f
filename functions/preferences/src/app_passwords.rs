//! App passwords of calendar clients, and the keys of the feed.

use std::sync::Arc;

use domain::app_password::{AppPasswordRef, CreateAppPassword, NewAppPassword};
use domain::routes;
use function::app_password::AppSecret;
use function::{Answer, App, Error, Function};
use http::{StatusCode, header};

/// Their path.
const PATH: &str = "/api/app-passwords";

/// Adds the operations of this file to the function.
pub(crate) fn with_app_passwords(function: Function) -> Function {
    function.endpoint("listAppPasswords", list).endpoint("createAppPassword", create).endpoint("deleteAppPassword", delete)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn list(app: Arc<App>, _: Nothing) -> Result<Answer, Error> {
    Answer::json(&app.store()?.app_passwords().await?)
}

/// Creates a secret. This response is the only one that shows it.
async fn create(app: Arc<App>, command: CreateAppPassword) -> Result<Answer, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(Error::internal)?;
    let secret = AppSecret::new(random, &app.settings);
    let name = command.name()?;
    let mut change = app.change(app.origin(routes::PREFERENCES.name), None).await?;
    let app_password = change.unit.save_app_password(name, command.kind, &secret.digest()).await?;
    let answer = Answer::json(&NewAppPassword { app_password, password: secret.expose().to_owned() })?;
    let answer = answer.status(StatusCode::CREATED).header(header::LOCATION, PATH);
    Ok(answer.telling(change.commit().await?))
}

/// Revokes one. Does nothing if it does not exist.
async fn delete(app: Arc<App>, command: AppPasswordRef) -> Result<Answer, Error> {
    if command.app_password_id < 1 {
        return Err(Error::NotFound("no app password has this id".to_owned()));
    }
    let mut change = app.change(app.origin(routes::PREFERENCES.name), None).await?;
    change.unit.delete_app_password(command.app_password_id).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT).telling(change.commit().await?))
}
