//! Shows and delivers notifications: keeps them, pushes them to open WebSockets, posts them to the webhook if there is one, and says
//! what became of the reminder.

mod hub;
mod socket;
mod webhook;

use std::sync::Arc;

use cloudevents::AttributesReader;
use domain::event::{EventType, ReminderEvent};
use domain::query::ListNotifications;
use domain::reminder::{ReminderStatus, ReminderType};
use domain::{Notification, Reminder, Task, routes};
use function::{Answer, App, Change, Delivery, Error, Function, Published};
use http::StatusCode;

use crate::hub::Hub;

/// Notifications of one answer, at most.
const PAGE: i64 = 200;
/// Posts to the webhook before the reminder is given up.
const POSTS_MAX: i32 = 5;

/// The function.
#[must_use]
pub fn function() -> Function {
    let hub = Arc::new(Hub::new());
    let watched = hub.clone();
    Function::new(routes::NOTIFY)
        .raw("watchNotifications", move |app, request| std::future::ready(socket::watch(app, &watched, request)))
        .endpoint("listNotifications", list)
        .endpoint("readNotification", read)
        .deliver(move |app, delivery| take(app, hub.clone(), delivery))
}

async fn list(app: Arc<App>, query: ListNotifications) -> Result<Answer, Error> {
    Answer::json(&app.store()?.notifications(query.after, PAGE).await?)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadNotification {
    notification_id: i64,
}

async fn read(app: Arc<App>, command: ReadNotification) -> Result<Answer, Error> {
    let mut change = app.change(app.origin(routes::NOTIFY.name), None).await?;
    change.read_notification(command.notification_id).await?;
    change.commit().await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

async fn take(app: Arc<App>, hub: Arc<Hub>, delivery: Delivery) -> Result<Published, Error> {
    if delivery.event_type == EventType::ReminderTriggered {
        return remind(&app, &hub, &delivery).await;
    }
    // Changes of tasks are shown live and kept nowhere.
    hub.update(&function::cloud_event::data(&delivery.event)?);
    Ok(Published::All)
}

async fn remind(app: &Arc<App>, hub: &Hub, delivery: &Delivery) -> Result<Published, Error> {
    let event: ReminderEvent = delivery.data()?;
    let origin = function::cloud_event::origin(app, routes::NOTIFY.name, &delivery.event);
    let mut change = app.change(origin.clone(), None).await?;
    let is_first = change.first_delivery(routes::NOTIFY.name, delivery.event.source(), delivery.event.id()).await?;
    let reminder = found(change.reminder(event.reminder_id).await)?;
    let waits_for_post = reminder
        .as_ref()
        .is_some_and(|reminder| reminder.reminder_type == ReminderType::Webhook && reminder.status == ReminderStatus::Pending);
    let mut published = Published::All;
    if is_first {
        let notification = keep(&mut change, &event).await?;
        if let Some(reminder) = reminder.as_ref().filter(|_| !waits_for_post) {
            change.finish_reminder(reminder, ReminderStatus::Sent).await?;
        }
        published = change.commit().await?;
        hub.notification(notification);
    } else {
        drop(change);
    }
    match reminder.filter(|_| waits_for_post) {
        Some(reminder) => Ok(published.and(post(app, delivery, &reminder).await?)),
        None => Ok(published),
    }
}

async fn keep(change: &mut Change, event: &ReminderEvent) -> Result<Notification, Error> {
    let task = found(change.task_unlocked(event.task_id).await)?;
    let title = task.as_ref().map_or_else(|| format!("Task {}", event.task_id), |task| task.title.clone());
    let body = task.as_ref().and_then(due_text).unwrap_or_default();
    Ok(change.create_notification(EventType::ReminderTriggered, event.task_id, &title, &body).await?)
}

/// When a task is due, on its own wall clock.
fn due_text(task: &Task) -> Option<String> {
    let due = task.due_date?.get().to_zoned(task.time_zone.get().clone());
    Some(format!("Due {}", due.strftime("%A, %-d %B %Y, %H:%M %Z")))
}

/// Posts to the webhook, and says what became of it; an error has the delivery come again.
async fn post(app: &Arc<App>, delivery: &Delivery, reminder: &Reminder) -> Result<Published, Error> {
    let posted = webhook::post(app.settings.webhook_url.as_deref(), &delivery.event).await;
    let origin = function::cloud_event::origin(app, routes::NOTIFY.name, &delivery.event);
    let mut change = app.change(origin, None).await?;
    let reminder = change.reminder(reminder.id).await?;
    if reminder.status != ReminderStatus::Pending {
        return Ok(Published::All);
    }
    let Err(error) = posted else {
        change.finish_reminder(&reminder, ReminderStatus::Sent).await?;
        return change.commit().await;
    };
    let is_last = change.count_retry(reminder.id).await? >= POSTS_MAX;
    if is_last {
        let reminder = change.reminder(reminder.id).await?;
        change.finish_reminder(&reminder, ReminderStatus::Failed).await?;
    }
    let published = change.commit().await?;
    if is_last {
        tracing::warn!(reminder = reminder.id, %error, "the webhook was given up");
        return Ok(published);
    }
    Err(Error::unavailable("the webhook", error))
}

fn found<T>(result: Result<T, store::Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(store::Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
