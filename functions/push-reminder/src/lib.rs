//! Sends reminders to every subscribed browser: Web Push (RFC 8030), encrypted for the browser (RFC 8291), signed by the service (RFC 8292).
//!
//! The page's service worker shows the payload (`sw-push.js`). All pushes of a reminder have the same Topic, so a push service replaces an earlier
//! one that it still holds.

use std::sync::Arc;
use std::time::Duration;

use domain::query::{Due, ListTasks, TaskFilter};
use domain::reminder::ReminderType;
use domain::routes::{self, MAIL_TO};
use function::settings::Settings;
use function::{App, Change, Delivery, Error, Function};
use http::{StatusCode, header};
use sends::connect::{self, Answered, PublicOnly};
use sends::push::{Receiver, VapidKey, addresses, vapid_key};
use sends::{Message, Outcome, Sender};
use serde_json::{Value, json};
use store::{NewSend, Settled, found};
use tokio::sync::OnceCell;

const CHANNEL: ReminderType = ReminderType::Push;
/// Maximum number of concurrent pushes.
const PARALLEL: usize = 64;
/// How long a push service keeps a push for an offline browser, and how long Taskflow retries.
const LIFE: Duration = Duration::from_hours(12);
/// The contact for push services, unless the settings have one.
const CONTACT: &str = "https://localhost";

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    let sender = Sender::new(routes::PUSH_REMINDER, CHANNEL, PARALLEL);
    let pusher: Arc<OnceCell<Pusher>> = Arc::default();
    Function::new(routes::PUSH_REMINDER)
        .settings(|settings| {
            addresses(settings)?;
            vapid_key(settings).map(drop)
        })
        .consumer(take)
        .job(move |app, call| {
            let pusher = pusher.clone();
            sender.clone().run(app, call, |app, message| push(app, pusher, message))
        })
}

/// Schedules a push to every browser.
async fn take(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let Some(reminder) = sends::fired(change, &delivery, CHANNEL).await? else { return Ok(()) };
    let subscriptions = change.unit.subscription_ids().await?;
    if subscriptions.is_empty() {
        change.unit.settle_channel(&reminder, CHANNEL, &Settled::Failed("no browser is subscribed".to_owned())).await?;
        return Ok(());
    }
    let expires_at = reminder.triggered_at.unwrap_or(reminder.scheduled_at).after(LIFE);
    let send = NewSend { subscriptions: Some(subscriptions), expires_at, ..sends::of_reminder(&reminder, CHANNEL) };
    change.unit.create_sends(&send).await?;
    Ok(())
}

async fn push(app: Arc<App>, pusher: Arc<OnceCell<Pusher>>, message: Message) -> Result<Outcome, Error> {
    let pusher = pusher.get_or_try_init(async || Pusher::new(&app.settings)).await?;
    let Some(id) = message.send.subscription_id else { return Ok(Outcome::Failed("a push without a browser".to_owned())) };
    let Some(receiver) = found(app.store()?.push_receiver(id).await)? else {
        return Ok(Outcome::Failed("the browser is not subscribed any more".to_owned()));
    };
    let receiver = match Receiver::read(&receiver, pusher.addresses) {
        Ok(receiver) => receiver,
        Err(error) => return Ok(Outcome::Failed(error.to_string())),
    };
    let mut answer = pusher.post(&app, &receiver, &message, &payload(&app, &message).await?).await?;
    if matches!(answer, Ok(Answered { status: StatusCode::PAYLOAD_TOO_LARGE, .. })) {
        answer = pusher.post(&app, &receiver, &message, &short(&message)).await?;
    }
    Ok(match answer {
        Err(outcome) => outcome,
        Ok(Answered { status, .. }) if status.is_success() => Outcome::Sent,
        Ok(Answered { status: status @ (StatusCode::NOT_FOUND | StatusCode::GONE), .. }) => {
            let mut change = app.change(app.origin(routes::PUSH_REMINDER.name), None).await?;
            change.unit.delete_subscription(id).await?;
            change.commit().await?;
            Outcome::Failed(format!("{status}: the browser has ended its subscription"))
        }
        Ok(answered @ Answered { status, .. }) if is_passing(status) => answered.retry(),
        Ok(Answered { status, .. }) => Outcome::Failed(status.to_string()),
    })
}

/// True if a retry of the same push may succeed.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
}

/// Returns what the service worker shows, the links of its buttons, and the application's badge.
async fn payload(app: &App, message: &Message) -> Result<Value, Error> {
    let actions =
        message.links(app).into_iter().map(|(action, path)| json!({ "action": action.as_str(), "title": action.title(), "url": path }));
    let actions: Vec<Value> = actions.collect();
    let mut payload = short(message);
    payload["title"] = message.title().into();
    payload["body"] = message.body(app).await?.into();
    payload["actions"] = actions.into();
    payload["overdue"] = overdue(app).await?.into();
    Ok(payload)
}

/// Returns the number of overdue tasks.
async fn overdue(app: &App) -> Result<i64, Error> {
    let filter = TaskFilter { due: Some(Due::Overdue), ..TaskFilter::default() };
    let query = ListTasks { filter, limit: Some(1), ..ListTasks::default() };
    let today = app.today(query.filter.is_by_calendar()).await?;
    Ok(app.store()?.tasks(&query.checked(&today)?).await?.total_count)
}

/// Returns a short payload, for push services with a low limit.
fn short(message: &Message) -> Value {
    let task_id = message.about.as_ref().map(|(_, task)| task.id);
    json!({ "tag": topic(message), "task_id": task_id })
}

/// Returns at most 32 characters of base64url (RFC 8030, section 5.4).
fn topic(message: &Message) -> String {
    message.about.as_ref().map_or_else(|| "test".to_owned(), |(reminder, _)| format!("reminder-{}", reminder.id))
}

/// What every push needs. Created with the first push.
struct Pusher {
    client: reqwest::Client,
    addresses: PublicOnly,
    key: VapidKey,
    contact: String,
}

impl Pusher {
    fn new(settings: &Settings) -> Result<Self, Error> {
        let addresses = addresses(settings).map_err(Error::internal)?;
        let key = vapid_key(settings).map_err(Error::internal)?.ok_or_else(|| Error::internal("TASKFLOW_VAPID_KEY is not set"))?;
        Ok(Self { client: addresses.client().map_err(Error::internal)?, addresses, key, contact: contact(settings) })
    }

    async fn post(&self, app: &App, receiver: &Receiver, message: &Message, payload: &Value) -> Result<Result<Answered, Outcome>, Error> {
        let now = app.now();
        let body = receiver.encrypt(payload.to_string().as_bytes()).map_err(Error::internal)?;
        let authorization = self.key.authorization(&receiver.endpoint, &self.contact, now).map_err(Error::internal)?;
        let request = self
            .client
            .post(receiver.endpoint.clone())
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header("TTL", message.send.expires_at.since(now).as_secs())
            .header("Urgency", "high")
            .header("Topic", topic(message))
            .body(body);
        Ok(connect::send(request, now).await)
    }
}

/// Returns the contact for push services. Some refuse a push without a real address.
fn contact(settings: &Settings) -> String {
    let mail_to = settings.own(MAIL_TO.name).map(|to| to.rsplit('<').next().unwrap_or(to).trim_end_matches('>').trim());
    let mail = settings.https.email.as_deref().or(mail_to).filter(|mail| mail.contains('@') && !mail.contains([',', ' ']));
    let url = settings.url.clone().filter(|url| url.starts_with("https://"));
    mail.map(|mail| format!("mailto:{mail}")).or(url).unwrap_or_else(|| CONTACT.to_owned())
}
