//! Notifications: stores them, sends them to open WebSockets, and lists them.

mod hub;
mod socket;

use std::sync::Arc;

use domain::event::{EventType, ReminderEvent};
use domain::query::ListNotifications;
use domain::reminder::ReminderType;
use domain::{Notification, Reminder, routes};
use function::{Answer, App, Change, Delivery, Error, Function, Published};
use http::{StatusCode, header};
use store::{Settled, found};

use crate::hub::Hub;

/// Maximum notifications of an answer.
const PAGE: i64 = 200;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    let hub = Arc::new(Hub::new());
    let watched = hub.clone();
    Function::new(routes::NOTIFY)
        .raw("watchNotifications", move |app, request| socket::watch(app, watched.clone(), request))
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
    // Changes of tasks are shown live and not stored.
    hub.update(delivery.event_type, &function::cloud_event::data(&delivery.event)?);
    Ok(Published::All)
}

/// Stores and shows the notification of a fired reminder, once per firing, because housekeeping announces a firing again if no channel has settled
/// it.
async fn remind(app: &Arc<App>, hub: &Hub, delivery: &Delivery) -> Result<Published, Error> {
    let event: ReminderEvent = delivery.data()?;
    let origin = app.origin_of(routes::NOTIFY.name, &delivery.event);
    let mut change = app.change_on(Some(("reminder_id", event.reminder_id)), origin, None).await?;
    let Some(reminder) = sends::fired(&mut change, delivery, ReminderType::Websocket).await? else { return Ok(Published::All) };
    if !change.unit.settle_channel(&reminder, ReminderType::Websocket, &Settled::Sent).await? {
        return Ok(Published::All);
    }
    let notification = keep(&mut change, &reminder).await?;
    let published = change.commit().await?;
    hub.notification(notification);
    Ok(published)
}

async fn keep(change: &mut Change, reminder: &Reminder) -> Result<Notification, Error> {
    let task = found(change.unit.task_or_trashed(reminder.task_id).await)?;
    let title = task.as_ref().map_or_else(|| format!("Task {}", reminder.task_id), |task| task.title.clone());
    let own = change.unit.own_preferences().await?;
    let body = task.as_ref().and_then(|task| task.due_text(own.zone_for(task))).unwrap_or_default();
    Ok(change.unit.create_notification(reminder.task_id, reminder.id, &title, &body).await?)
}
