//! Shows and delivers notifications: keeps them, pushes them to open WebSockets, posts them to the webhook if there is one, and says
//! what became of the reminder.

mod hub;
mod socket;
mod webhook;

use std::sync::Arc;

use domain::event::{EventType, ReminderEvent};
use domain::query::ListNotifications;
use domain::reminder::{ReminderStatus, ReminderType};
use domain::zone::Zone;
use domain::{Notification, Reminder, Task, routes};
use function::{Answer, App, Change, Delivery, Error, Function, Published};
use http::{StatusCode, header};
use store::found;

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
    let notifications = app.store()?.notifications(query.after, PAGE).await?;
    let answer = Answer::json(&notifications)?;
    let is_full = notifications.len() == usize::try_from(PAGE).unwrap_or(0);
    Ok(match (query.after, notifications.last()) {
        (Some(_), Some(last)) if is_full => answer.header(header::LINK, format!("</api/notifications?after={}>; rel=\"next\"", last.id)),
        _ => answer,
    })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadNotification {
    notification_id: i64,
}

async fn read(app: Arc<App>, command: ReadNotification) -> Result<Answer, Error> {
    let subject = Some(("notification_id", command.notification_id));
    let mut change = app.change_on(subject, app.origin(routes::NOTIFY.name), None).await?;
    change.unit.read_notification(command.notification_id).await?;
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

/// Keeps the notification of a reminder that fired, and shows it.
///
/// The row decides, whatever the event says: a reminder that has not fired, or that was settled since, announces nothing.
async fn remind(app: &Arc<App>, hub: &Hub, delivery: &Delivery) -> Result<Published, Error> {
    let event: ReminderEvent = delivery.data()?;
    let origin = app.origin_of(routes::NOTIFY.name, &delivery.event);
    let mut change = app.change_on(Some(("reminder_id", event.reminder_id)), origin, None).await?;
    let reminder = found(change.unit.reminder(event.reminder_id).await)?.filter(|reminder| reminder.status == ReminderStatus::Pending);
    let Some((fired_at, reminder)) = reminder.and_then(|reminder| Some((reminder.triggered_at?, reminder))) else {
        return Ok(Published::All);
    };
    let waits_for_post = reminder.reminder_type == ReminderType::Webhook;
    let subject = format!("reminder/{}", reminder.id);
    let mut published = Published::All;
    // Once for each firing, not for each event: housekeeping announces a firing again if nothing became of it. Without a post the row itself
    // tells, for it is settled together with the notification.
    if !waits_for_post || change.unit.first_delivery(routes::NOTIFY.name, &subject, &fired_at.to_string()).await? {
        let notification = keep(&mut change, &reminder).await?;
        if !waits_for_post {
            change.unit.finish_reminder(&reminder, ReminderStatus::Sent).await?;
        }
        published = change.commit().await?;
        hub.notification(notification);
    } else {
        drop(change);
    }
    if waits_for_post { Ok(published.and(post(app, delivery, &reminder).await?)) } else { Ok(published) }
}

async fn keep(change: &mut Change, reminder: &Reminder) -> Result<Notification, Error> {
    let task = found(change.unit.task_or_trashed(reminder.task_id).await)?;
    let title = task.as_ref().map_or_else(|| format!("Task {}", reminder.task_id), |task| task.title.clone());
    let zone = change.preferences().await?.time_zone;
    let body = task.as_ref().and_then(|task| due_text(task, &zone)).unwrap_or_default();
    Ok(change.unit.create_notification(EventType::ReminderTriggered, reminder.task_id, &title, &body).await?)
}

/// When a task is due, on the wall clock of its user; an all-day task has no time.
fn due_text(task: &Task, zone: &Zone) -> Option<String> {
    if let Some(day) = task.due_day {
        return Some(format!("Due {}", day.get().strftime("%A, %-d %B %Y")));
    }
    let due = task.due_date?.get().to_zoned(zone.get().clone());
    Some(format!("Due {}", due.strftime("%A, %-d %B %Y, %H:%M %Z")))
}

/// Posts to the webhook, and says what became of it; an error has the delivery come again.
async fn post(app: &Arc<App>, delivery: &Delivery, reminder: &Reminder) -> Result<Published, Error> {
    let posted = webhook::post(app.settings.own(routes::WEBHOOK_URL.name), &delivery.event).await;
    let origin = app.origin_of(routes::NOTIFY.name, &delivery.event);
    let mut change = app.change(origin, None).await?;
    let reminder = change.unit.reminder(reminder.id).await?;
    if reminder.status != ReminderStatus::Pending {
        return Ok(Published::All);
    }
    let Err(error) = posted else {
        change.unit.finish_reminder(&reminder, ReminderStatus::Sent).await?;
        return change.commit().await;
    };
    let is_last = change.unit.count_retry(reminder.id).await? >= POSTS_MAX;
    if is_last {
        let reminder = change.unit.reminder(reminder.id).await?;
        change.unit.finish_reminder(&reminder, ReminderStatus::Failed).await?;
    }
    let published = change.commit().await?;
    if is_last {
        tracing::warn!(reminder = reminder.id, %error, "the webhook was given up");
        return Ok(published);
    }
    Err(Error::unavailable("the webhook", error))
}
