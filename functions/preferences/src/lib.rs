//! Stores the user's preferences: default zone, locale, day start and saved lists.
//!
//! Also stores the browsers that receive pushes (`push.rs`) and app passwords (`app_passwords.rs`).
//!
//! Reminders of all-day tasks count from the day start. If it changes, a job moves them, one task at a time because there may be many.

mod app_passwords;
mod push;

use std::sync::Arc;

use domain::preferences::SetPreferences;
use domain::routes;
use function::{Answer, App, Error, Function, JobCall, Published};

/// Maximum tasks read at once.
const PAGE: i64 = 200;
/// Key of the job's outbox row, which belongs to no task.
const NO_TASK: i64 = 0;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    app_passwords::with_app_passwords(push::with_subscriptions(Function::new(routes::PREFERENCES)))
        .endpoint("getPreferences", get)
        .endpoint("setPreferences", set)
        .job(follow_day_start)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct GetPreferences {}

async fn get(app: Arc<App>, _: GetPreferences) -> Result<Answer, Error> {
    app.store()?;
    Answer::json(&app.preferences().await?)
}

async fn set(app: Arc<App>, command: SetPreferences) -> Result<Answer, Error> {
    let mut change = app.change(app.origin(routes::PREFERENCES.name), None).await?;
    let before = change.unit.own_preferences().await?;
    let own = command.apply(&before, change.now());
    change.unit.save_preferences(&own).await?;
    if own.day_start.unwrap_or_default() != before.day_start.unwrap_or_default() {
        change.unit.schedule_job(routes::PREFERENCES.name, NO_TASK, change.now());
    }
    let answer = Answer::json(&own.or(&app.settings.time_zone))?;
    Ok(answer.telling(change.commit().await?))
}

/// Aligns the reminders of all-day tasks with the day start.
async fn follow_day_start(app: Arc<App>, _: JobCall) -> Result<Published, Error> {
    let (mut last, mut published) = (0, Published::All);
    loop {
        let ids = app.store()?.tasks_reminded_by_day(last, PAGE).await?;
        let Some(newest) = ids.last() else { return Ok(published) };
        last = *newest;
        for id in ids {
            let mut change = app.change_on(Some(("task_id", id)), app.origin(routes::PREFERENCES.name), None).await?;
            change.unit.align_reminders(id).await?;
            published = published.and(change.commit().await?);
        }
    }
}
