//! Browsers that receive pushes.

use std::sync::Arc;
use std::time::Duration;

use domain::Invalid;
use domain::push::{NewSubscription, PushKey, PushReceiver, SubscriptionRef};
use domain::reminder::ReminderType;
use domain::routes;
use function::{Answer, App, Error, Function};
use http::{StatusCode, header};
use sends::push::{PushError, Receiver, addresses, vapid_key};
use store::NewSend;

use crate::NO_TASK;

/// Path of the browsers.
const PATH: &str = "/api/push/subscriptions";
/// How long a test push is retried; the user waits for it.
const TEST: Duration = Duration::from_hours(1);

/// Adds the operations of this file to the function.
pub(crate) fn with_subscriptions(function: Function) -> Function {
    function
        .settings(|settings| {
            addresses(settings)?;
            vapid_key(settings).map(drop)
        })
        .endpoint("getPushKey", key)
        .endpoint("listSubscriptions", list)
        .endpoint("createSubscription", create)
        .endpoint("deleteSubscription", delete)
        .endpoint("testSubscription", test)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn key(app: Arc<App>, _: Nothing) -> Result<Answer, Error> {
    let key = vapid_key(&app.settings).map_err(Error::internal)?;
    let key = key.ok_or_else(|| Error::NotFound("Web Push is not configured: TASKFLOW_VAPID_KEY is not set".to_owned()))?;
    Answer::json(&PushKey { public_key: key.public_key() })
}

async fn list(app: Arc<App>, _: Nothing) -> Result<Answer, Error> {
    Answer::json(&app.store()?.subscriptions().await?)
}

/// Stores a browser. A repeated subscription is answered with 200.
async fn create(app: Arc<App>, new: NewSubscription) -> Result<Answer, Error> {
    check(&app, &new)?;
    let mut change = app.change(app.origin(routes::PREFERENCES.name), None).await?;
    let (subscription, is_new) = change.unit.save_subscription(&new).await?;
    let answer = Answer::json(&subscription)?.status(if is_new { StatusCode::CREATED } else { StatusCode::OK });
    let published = change.commit().await?;
    Ok(if is_new { answer.header(header::LOCATION, PATH) } else { answer }.telling(published))
}

/// Refuses a subscription that no push could reach.
fn check(app: &App, new: &NewSubscription) -> Result<(), Error> {
    const ENDPOINT_MAX: usize = 2048;
    let receiver = PushReceiver { endpoint: new.endpoint.clone(), p256dh: new.keys.p256dh.clone(), auth: new.keys.auth.clone() };
    let addresses = addresses(&app.settings).map_err(Error::internal)?;
    let pointer = |error: &PushError| match error {
        PushError::PublicKey => "/keys/p256dh",
        PushError::Secret => "/keys/auth",
        _ => "/endpoint",
    };
    if new.endpoint.len() > ENDPOINT_MAX {
        return Err(Invalid::field("/endpoint", format_args!("longer than {ENDPOINT_MAX} characters")).into());
    }
    Receiver::read(&receiver, addresses).map(drop).map_err(|error| Invalid::field(pointer(&error), error).into())
}

/// Removes a browser; succeeds if it does not exist.
async fn delete(app: Arc<App>, command: SubscriptionRef) -> Result<Answer, Error> {
    let mut change = app.change(app.origin(routes::PREFERENCES.name), None).await?;
    change.unit.delete_subscription(command.subscription_id).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT).telling(change.commit().await?))
}

/// Requests a test push from push-reminder.
async fn test(app: Arc<App>, command: SubscriptionRef) -> Result<Answer, Error> {
    let mut change = app.change(app.origin(routes::PREFERENCES.name), None).await?;
    let ids = change.unit.subscription_ids().await?;
    if !ids.contains(&command.subscription_id) {
        return Err(store::Error::NotFound.into());
    }
    let send = NewSend {
        channel: ReminderType::Push,
        key: NO_TASK,
        reminder: None,
        subscriptions: Some(vec![command.subscription_id]),
        event: None,
        expires_at: change.now().after(TEST),
    };
    change.unit.create_sends(&send).await?;
    Ok(Answer::empty(StatusCode::ACCEPTED).telling(change.commit().await?))
}
