//! The receivers of a stack's reminders: a push service with one browser, a mail server and a webhook.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tests::stack::Stack;
use tests::{MailServer, PushService, Webhook};
use tokio::sync::Mutex;

/// The name of a reminder in a Topic and in a Message-ID.
const REMINDER: &str = "reminder-";

/// The receivers.
pub(crate) struct Reach {
    /// The URL for pushes.
    pub(crate) push: PushService,
    mail: MailServer,
    webhook: Webhook,
    heard: Mutex<BTreeMap<(&'static str, i64), usize>>,
}

impl Reach {
    /// Starts receivers that accept everything.
    pub(crate) async fn start() -> Self {
        let (push, mail, webhook) = (PushService::start().await, MailServer::start().await, Webhook::start(200).await);
        Self { push, mail, webhook, heard: Mutex::default() }
    }

    /// Returns Taskflow's settings for them.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let own = [
            ("TASKFLOW_SMTP_URL", self.mail.url.clone()),
            ("TASKFLOW_SMTP_ROOTS", self.mail.roots.display().to_string()),
            ("TASKFLOW_MAIL_TO", "ann@example.org".to_owned()),
            ("TASKFLOW_WEBHOOK_URL", self.webhook.url.clone()),
        ];
        let push = PushService::settings().map(|(name, value)| (name, value.to_owned()));
        own.into_iter().chain(push).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Subscribes the browser.
    pub(crate) async fn subscribe(&self, stack: &Stack) {
        let _ = stack.api.post("/api/push/subscriptions", &self.push.browser("laptop")).await.is(201);
    }

    /// Returns how often each channel has delivered each reminder.
    pub(crate) async fn heard(&self) -> BTreeMap<(&'static str, i64), usize> {
        let mut heard = self.heard.lock().await;
        let pushes = self.push.taken().await.into_iter().map(|pushed| ("push", numbered(pushed.payload["tag"].as_str())));
        let mails =
            self.mail.taken().await.into_iter().map(|mail| ("email", numbered(mail.headers("message-id").first().map(String::as_str))));
        let posts = self.webhook.taken().await.into_iter().map(|(_, event): (_, Value)| ("webhook", event["data"]["reminder_id"].as_i64()));
        for (channel, reminder) in pushes.chain(mails).chain(posts) {
            *heard.entry((channel, reminder.unwrap())).or_default() += 1;
        }
        heard.clone()
    }

    /// From now on, the push service answers 503 and asks for this pause.
    pub(crate) fn refuse_pushes(&self, pause: Duration) {
        self.push.answer(503, Some(&pause.as_secs().to_string()));
    }

    /// From now on, the push service accepts pushes.
    pub(crate) fn take_pushes(&self) {
        self.push.answer(201, None);
    }
}

/// Returns the id in `reminder-7`, `<reminder-7-…>`.
fn numbered(name: Option<&str>) -> Option<i64> {
    let digits = name?.trim_start_matches('<').strip_prefix(REMINDER)?;
    digits.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}
