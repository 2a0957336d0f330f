//! Notifications: stores them, sends them to open WebSockets, and lists them.

mod hub;
mod socket;

use std::sync::Arc;

use domain::event::{EventType, ReminderEvent};
use domain::query::ListNotifications;
use domain::reminder::ReminderType;
use domain::zone::Zone;
use domain::{Notification, Reminder, Task, routes};
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
    let zone = change.preferences().await?.time_zone;
    let body = task.as_ref().and_then(|task| due_text(task, &zone)).unwrap_or_default();
    Ok(change.unit.create_notification(reminder.task_id, reminder.id, &title, &body).await?)
}

/// Returns when a task is due in the user's zone; an all-day task has no time.
fn due_text(task: &Task, zone: &Zone) -> Option<String> {
    if let Some(day) = task.due_day {
        return Some(format!("Due {}", day.get().strftime("%A, %-d %B %Y")));
    }
    let due = task.due_date?.get().to_zoned(zone.get().clone());
    Some(format!("Due {}", due.strftime("%A, %-d %B %Y, %H:%M %Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_due_date_is_told_in_the_users_zone() {
        let zone: Zone = "Asia/Tokyo".parse().unwrap();
        let timed = Task { due_date: Some("2027-01-31T20:30:00Z".parse().unwrap()), ..Task::default() };
        assert_eq!(due_text(&timed, &zone).unwrap(), "Due Monday, 1 February 2027, 05:30 JST");
        let all_day = Task { due_day: Some("2027-01-31".parse().unwrap()), ..timed };
        assert_eq!(due_text(&all_day, &zone).unwrap(), "Due Sunday, 31 January 2027");
        assert_eq!(due_text(&Task::default(), &zone), None);
    }
}
