//! Reminders on the real parts: by push, mail and webhook, many at the same time, with processes killed meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tests::stack::{Options, Stack};
use tests::{MailServer, PushService, Webhook, eventually_within, in_seconds, moment, now};

/// Maximum wait: retries have pauses, and a killed scheduler needs half a minute to become leader again.
const PATIENCE: Duration = Duration::from_mins(4);
const SUBSCRIPTIONS: &str = "/api/push/subscriptions";
/// Reminders whose retries are pending while the scheduler loses its data.
const WAITING: usize = 100;
/// Reminders of one instant.
const MANY: usize = 1_000;

fn options(more: &[(&str, &str)]) -> Options {
    let env = PushService::settings().iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Options { env, ..Options::default() }
}

/// Creates tasks whose reminders fire in so many seconds. On a slow machine, those that are created later fire at once.
async fn create(stack: &Stack, count: usize, seconds: i64) {
    let due = in_seconds(seconds + 3_600);
    let tasks: Vec<Value> =
        (0..count).map(|number| json!({ "title": format!("Task {number}"), "due_date": due, "reminder_offset": "1 hour" })).collect();
    // create-task has 2 connections, and a call that waits 3 s for one is refused.
    for tasks in tasks.chunks(4) {
        futures_util::future::join_all(tasks.iter().map(|task| stack.api.create(task))).await;
    }
}

/// Returns the number of pushes per reminder.
async fn pushes(push: &PushService) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    while push.waiting().await > 0 {
        *counts.entry(push.pushed().await.headers["topic"].to_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_reaches_every_channel_and_is_answered_from_there() {
    let (push, server, webhook) = (PushService::start().await, MailServer::start().await, Webhook::start(200).await);
    let more = [
        ("TASKFLOW_SMTP_URL", server.url.as_str()),
        ("TASKFLOW_SMTP_ROOTS", server.roots.to_str().unwrap()),
        ("TASKFLOW_MAIL_TO", "ann@example.org"),
        ("TASKFLOW_WEBHOOK_URL", webhook.url.as_str()),
        ("TASKFLOW_WEBHOOK_EVENTS", "reminder.triggered,task.completed"),
        ("TASKFLOW_URL", "https://tasks.example.org"),
    ];
    let (_folder, stack) = crate::stack(options(&more)).await;
    let _ = stack.api.post(SUBSCRIPTIONS, &push.browser("laptop")).await.is(201);
    let due = in_seconds(4);
    let task = stack.api.create(&json!({ "title": "water the plants", "due_date": due, "reminder_offset": "0 minutes" })).await;
    let pushed = push.pushed().await;
    eprintln!("the push service had it {} ms after its time", now().duration_since(moment(&task["due_date"])).as_millis());
    assert_eq!((&pushed.payload["title"], push.refusals()), (&json!("water the plants"), Vec::new()));
    assert_eq!(server.mail().await.headers("subject"), ["Reminder: water the plants"]);
    assert_eq!(webhook.post().await.1["type"], "reminder.triggered");
    let delivered = eventually_within(PATIENCE, "every channel", async || {
        let reminder = stack.api.reminders(&task["id"]).await.pop()?;
        let is_sent = reminder["deliveries"].as_array()?.iter().all(|delivery| delivery["status"] == "sent");
        is_sent.then_some(reminder)
    })
    .await;
    let types: Vec<&Value> = delivered["deliveries"].as_array().unwrap().iter().map(|delivery| &delivery["type"]).collect();
    assert_eq!(
        (types, &delivered["status"]),
        (vec![&json!("websocket"), &json!("push"), &json!("email"), &json!("webhook")], &json!("sent"))
    );

    let complete = pushed.payload["actions"][0]["url"].as_str().unwrap();
    let _ = stack.api.get(complete).await.is(200);
    let _ = stack.api.call("GET", &format!("{complete}A"), &[], "").await.is(401);
    assert_eq!(stack.api.task(&task["id"]).await["status"], "pending");
    let _ = stack.api.call("POST", complete, &[], "").await.is(200);
    assert_eq!(stack.api.task(&task["id"]).await["status"], "completed");
    assert_eq!(webhook.post().await.1["type"], "task.completed");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_survive_the_loss_of_the_schedulers_data_and_the_kill_of_their_function() {
    let push = PushService::start().await;
    let (_folder, mut stack) = crate::stack(options(&[])).await;
    let _ = stack.api.post(SUBSCRIPTIONS, &push.browser("laptop")).await.is(201);
    push.answer(503, None);
    create(&stack, WAITING, 5).await;
    let failed = "SELECT count(*) FROM sends WHERE channel = 'push' AND status = 'pending' AND attempts > 0";
    let waiting = async |stack: &Stack| -> i64 { sqlx::query_scalar(failed).fetch_one(stack.store.pool()).await.unwrap() };
    eventually_within(PATIENCE, "retries that wait", async || (waiting(&stack).await == i64::try_from(WAITING).unwrap()).then_some(()))
        .await;
    stack.lose_scheduler_data();
    push.answer(201, None);
    push.delay(Duration::from_millis(300));
    stack.wait().await;
    // Killed while it sends: pending attempts are repeated after their lease.
    eventually_within(PATIENCE, "the first pushes", async || (push.waiting().await > 5).then_some(())).await;
    stack.function("push-reminder").kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stack.function("push-reminder").start_again();
    let sent = "SELECT count(*) FROM reminders WHERE status = 'sent'";
    eventually_within(PATIENCE, "every reminder", async || {
        let count: i64 = sqlx::query_scalar(sent).fetch_one(stack.store.pool()).await.unwrap();
        (count == i64::try_from(WAITING).unwrap()).then_some(())
    })
    .await;
    let counts = pushes(&push).await;
    let doubled = counts.values().filter(|count| **count > 1).count();
    eprintln!("{WAITING} retries: {} reached the browser, {doubled} of them twice", counts.len());
    assert_eq!(counts.len(), WAITING, "none is lost");
    assert!(counts.values().all(|count| *count <= 2), "{counts:?}");
    assert!(doubled <= 64, "only those whose answer was lost with the function come twice: {doubled}");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_reminders_at_one_instant_are_all_pushed() {
    let push = PushService::start().await;
    push.delay(Duration::from_millis(300));
    let (_folder, stack) = crate::stack(options(&[])).await;
    let _ = stack.api.post(SUBSCRIPTIONS, &push.browser("laptop")).await.is(201);
    let instant = moment(&json!(in_seconds(60)));
    create(&stack, MANY, 60).await;
    let instant = instant.max(now());
    eventually_within(PATIENCE, "a thousand pushes", async || (push.waiting().await >= MANY).then_some(())).await;
    let took = now().duration_since(instant);
    eprintln!("{MANY} pushes of 300 ms took {} ms on Dapr and Kafka", took.as_millis());
    assert!(pushes(&push).await.values().all(|count| *count == 1), "each once");
    stack.stop().await;
}
