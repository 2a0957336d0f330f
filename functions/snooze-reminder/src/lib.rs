//! Snoozes reminders, and handles the links in mails and on notifications.
//!
//! A GET of a link changes nothing, because mail scanners follow links: it shows a page with one button. Each link works once, and afterwards shows
//! what it did.

use std::sync::Arc;

use domain::command::SnoozeReminder;
use domain::event::CommandType;
use domain::reminder::{ReminderStatus, StoredReminder};
use domain::task::Status;
use domain::{Reminder, Task, routes};
use function::link::{self, Action, Link, page};
use function::service::telling;
use function::{App, Change, Error, Function, Request, Response};
use http::StatusCode;
use store::found;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::SNOOZE_REMINDER).command(CommandType::ReminderSnooze, snooze).raw("showAnswer", show).raw("giveAnswer", give)
}

async fn snooze(change: &mut Change, command: SnoozeReminder) -> Result<Reminder, Error> {
    let (stored, task) = reminder_and_task(change, command.reminder_id).await?.ok_or(store::Error::NotFound)?;
    let at = command.at(change.now(), &task.time_zone)?;
    if let Some(why) = why_not(&stored, &task) {
        return Err(Error::Conflict(why.to_owned()));
    }
    Ok(change.unit.snooze_reminder(&stored, at).await?)
}

/// Returns the reminder and its task, both locked in the common order. `None` if one of them does not exist.
async fn reminder_and_task(change: &mut Change, reminder_id: i64) -> Result<Option<(StoredReminder, Task)>, Error> {
    let Some(reminder) = found(change.unit.reminder_unlocked(reminder_id).await)? else { return Ok(None) };
    let Some(task) = found(change.unit.task(reminder.task_id).await)? else { return Ok(None) };
    Ok(Some((change.unit.stored_reminder(reminder_id).await?, task)))
}

fn why_not(stored: &StoredReminder, task: &Task) -> Option<&'static str> {
    if task.status == Status::Completed {
        return Some("the task is completed");
    }
    (stored.reminder.status == ReminderStatus::Cancelled).then_some("the reminder is cancelled")
}

/// Shows what a link would do, or what it did.
async fn show(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Some(link) = Link::read(request.uri().path(), &app.settings) else { return Ok(link::refused()) };
    if let Some(outcome) = app.store()?.link_outcome(key(&link)).await? {
        return Ok(done(&outcome));
    }
    if link.expires_at < app.now() {
        return Ok(expired());
    }
    let title = title(&app, &link).await?;
    let (text, button) = match link.action {
        Action::Complete => (format!("Complete “{title}”?"), "Complete".to_owned()),
        snooze => (format!("Remind you of “{title}” again in {}?", snooze.title()), format!("Remind me in {}", snooze.title())),
    };
    Ok(page(StatusCode::OK, "Taskflow", &text, Some(&button)))
}

async fn title(app: &App, link: &Link) -> Result<String, Error> {
    let Some(reminder) = found(app.store()?.reminder(link.reminder_id).await)? else { return Ok("a task that is gone".to_owned()) };
    let task = found(app.store()?.task(reminder.task_id).await)?;
    Ok(task.map_or_else(|| format!("task {}", reminder.task_id), |task| task.title))
}

/// Executes a link, once. Its use and its effect are one transaction.
async fn give(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Some(link) = Link::read(request.uri().path(), &app.settings) else { return Ok(link::refused()) };
    let subject = Some(("reminder_id", link.reminder_id));
    let mut change = app.change_on(subject, app.origin(routes::SNOOZE_REMINDER.name), None).await?;
    let both = reminder_and_task(&mut change, link.reminder_id).await?;
    if let Some(outcome) = change.unit.link_outcome(key(&link)).await? {
        return Ok(done(&outcome));
    }
    if link.expires_at < app.now() {
        return Ok(expired());
    }
    let Some((stored, task)) = both else { return Ok(gone("The task is in the trash or gone.")) };
    let outcome = match link.action.pause() {
        None if task.status == Status::Completed => format!("“{}” was completed already.", task.title),
        None => format!("“{}” is completed.", change.unit.complete_task(task).await?.title),
        Some(pause) => {
            if let Some(why) = why_not(&stored, &task) {
                return Ok(gone(&format!("There is nothing to remind of: {why}.")));
            }
            let command = SnoozeReminder { reminder_id: link.reminder_id, pause: Some(pause), until: None };
            let at = command.at(change.now(), &task.time_zone)?;
            change.unit.snooze_reminder(&stored, at).await?;
            let at = at.get().to_zoned(change.unit.own_preferences().await?.zone_for(&task).get().clone());
            format!("You will be reminded of “{}” at {}.", task.title, at.strftime("%H:%M %Z"))
        }
    };
    change.unit.use_link(key(&link), &outcome).await?;
    let published = change.commit().await?;
    Ok(telling(done(&outcome), published))
}

fn key(link: &Link) -> store::LinkKey<'static> {
    (link.reminder_id, link.action.as_str(), link.expires_at)
}

fn done(outcome: &str) -> Response {
    page(StatusCode::OK, "Done", outcome, None)
}

fn expired() -> Response {
    page(StatusCode::GONE, "This link has expired", "Links work for one day.", None)
}

fn gone(why: &str) -> Response {
    page(StatusCode::CONFLICT, "Nothing was changed", why, None)
}
