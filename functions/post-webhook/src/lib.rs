//! Posts reminders, and the other events in `TASKFLOW_WEBHOOK_EVENTS`, to a webhook: CloudEvents in their structured JSON form, signed according to
//! Standard Webhooks (standardwebhooks.com). A retry posts the same bytes with the same `webhook-id`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::event::{EventType, ReminderEvent, TaskEvent};
use domain::reminder::ReminderType;
use domain::routes::{self, WEBHOOK_SECRET, WEBHOOK_TOKEN, WEBHOOK_URL};
use domain::transfer::TasksImported;
use function::cloud_event::STRUCTURED;
use function::settings::{SettingError, Settings};
use function::{App, Change, Delivery, Error, Function};
use http::{StatusCode, header};
use ring::hmac;
use sends::connect::{self, Answered};
use sends::{DAY, Message, Outcome, Sender};
use store::NewSend;
use tokio::sync::OnceCell;

const CHANNEL: ReminderType = ReminderType::Webhook;
/// Maximum number of concurrent posts.
const PARALLEL: usize = 16;
/// The key of events that belong to no task.
const NO_TASK: i64 = 0;
/// The prefix of a secret.
const SECRET: &str = "whsec_";
/// Number of bytes of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    let sender = Sender::new(routes::POST_WEBHOOK, CHANNEL, PARALLEL);
    Function::new(routes::POST_WEBHOOK)
        .settings(|settings| key(settings).map(drop))
        .consumer(take)
        .job(move |app, call| sender.clone().run(app, call, post))
}

/// Stores the event, and schedules its post.
async fn take(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event = serde_json::to_string(&delivery.event)?;
    if delivery.event_type == EventType::ReminderTriggered {
        if let Some(reminder) = sends::fired(change, &delivery, CHANNEL).await? {
            change.unit.create_sends(&NewSend { event: Some(&event), ..sends::of_reminder(&reminder, CHANNEL) }).await?;
        }
        return Ok(());
    }
    let key = match delivery.event_type.as_str().split_once('.') {
        Some(("task", _)) => delivery.data::<TaskEvent>()?.task_id,
        Some(("tasks", _)) => {
            delivery.data::<TasksImported>()?;
            NO_TASK
        }
        _ => delivery.data::<ReminderEvent>()?.task_id,
    };
    if !change.app.settings.posted().contains(&delivery.event_type) {
        return Ok(());
    }
    let expires_at = change.now().after(DAY);
    let send = NewSend { channel: CHANNEL, key, reminder: None, subscriptions: None, event: Some(&event), expires_at };
    change.unit.create_sends(&send).await?;
    Ok(())
}

async fn post(app: Arc<App>, message: Message) -> Result<Outcome, Error> {
    let settings = &app.settings;
    let (Some(url), Some(event)) = (settings.own(WEBHOOK_URL.name), message.send.event) else {
        return Ok(Outcome::Failed("TASKFLOW_WEBHOOK_URL is not set".to_owned()));
    };
    let mut request = client().await?.post(url).header(header::CONTENT_TYPE, STRUCTURED);
    if let Some(token) = settings.own(WEBHOOK_TOKEN.name) {
        request = request.bearer_auth(token);
    }
    let key = key(settings).map_err(Error::internal)?;
    for (name, value) in signed(&event, app.now(), key.as_ref())? {
        request = request.header(name, value);
    }
    Ok(match connect::send(request.body(event), app.now()).await {
        Err(outcome) => outcome,
        Ok(Answered { status, .. }) if status.is_success() => Outcome::Sent,
        Ok(Answered { status: status @ StatusCode::GONE, .. }) => Outcome::Failed(status.to_string()),
        // This includes redirects: the operator has set the URL.
        Ok(answered) => answered.retry(),
    })
}

/// Returns the headers of Standard Webhooks. Without a key, there is no signature.
fn signed(event: &str, now: Timestamp, key: Option<&hmac::Key>) -> Result<Vec<(&'static str, String)>, Error> {
    let id = serde_json::from_str::<serde_json::Value>(event)?["id"].as_str().unwrap_or_default().to_owned();
    let time = now.get().as_second().to_string();
    let signature = key.map(|key| {
        let signature = hmac::sign(key, format!("{id}.{time}.{event}").as_bytes());
        ("webhook-signature", format!("v1,{}", STANDARD.encode(signature)))
    });
    Ok([("webhook-id", id), ("webhook-timestamp", time)].into_iter().chain(signature).collect())
}

fn key(settings: &Settings) -> Result<Option<hmac::Key>, SettingError> {
    let Some(secret) = settings.own(WEBHOOK_SECRET.name) else { return Ok(None) };
    let bytes =
        secret.strip_prefix(SECRET).and_then(|secret| STANDARD.decode(secret).ok()).filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
    let problem = || SettingError { name: WEBHOOK_SECRET.name, problem: "not whsec_ and 24 to 64 bytes as base64".to_owned() };
    bytes.map(|bytes| Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))).ok_or_else(problem)
}

/// Returns the process's only client. It is created with the first post.
async fn client() -> Result<&'static reqwest::Client, Error> {
    static CLIENT: OnceCell<reqwest::Client> = OnceCell::const_new();
    CLIENT.get_or_try_init(async || connect::client(|builder| builder)).await.map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example from the libraries of the Standard Webhooks specification.
    #[test]
    fn the_signature_is_the_one_of_standard_webhooks() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let signature = hmac::sign(&key, br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#);
        assert_eq!(STANDARD.encode(signature), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let now = Timestamp::from_microsecond(1_614_265_330_000_000).unwrap();
        let event = r#"{"id":"msg_p5jXN8AQM9LWM0D4loKWxJek"}"#;
        let headers = signed(event, now, Some(&key)).unwrap();
        let own = hmac::sign(&key, format!("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{event}").as_bytes());
        assert_eq!(
            headers,
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
                ("webhook-timestamp", "1614265330".to_owned()),
                ("webhook-signature", format!("v1,{}", STANDARD.encode(own))),
            ]
        );
        assert_eq!(signed(event, now, None).unwrap().len(), 2);
    }
}
