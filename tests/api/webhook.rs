//! The webhook: posts and their signatures, and receivers that are unavailable, redirect, or unsubscribe.

use jiff::SignedDuration;
use ring::hmac;
use serde_json::{Value, json};
use tests::{App, Functions, Webhook, in_seconds};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Returns a fired reminder whose post to this URL is pending.
async fn fired(url: &str) -> (Functions, Value) {
    let functions = Functions::with(&[("TASKFLOW_WEBHOOK_URL", url)]).await;
    let task = functions.fired("Pay rent").await;
    (functions, task)
}

async fn delivered(functions: &Functions, task: &Value) -> Value {
    let reminder = functions.reminders(task).await.remove(0);
    reminder["deliveries"].as_array().unwrap().iter().find(|delivery| delivery["type"] == "webhook").unwrap().clone()
}

#[tokio::test]
async fn posts_are_signed_and_carry_the_token() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let webhook = Webhook::start(204).await;
    let settings = [
        ("TASKFLOW_WEBHOOK_URL", webhook.url.as_str()),
        ("TASKFLOW_WEBHOOK_SECRET", SECRET),
        ("TASKFLOW_WEBHOOK_TOKEN", "a-token"),
        ("TASKFLOW_WEBHOOK_EVENTS", "task.completed, reminder.triggered, reminder.sent"),
    ];
    let app = App::with(&settings).await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
    let mut types = Vec::new();
    for completes in [false, true, false] {
        if completes {
            let _ = app.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
        }
        let (headers, event) = webhook.post().await;
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("content-type"), header("authorization")),
            ("application/cloudevents+json".to_owned(), "Bearer a-token".to_owned())
        );
        assert_eq!(header("webhook-id"), event["id"]);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap());
        let signed = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), webhook.last_body());
        let signature = header("webhook-signature");
        hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap()).unwrap();
        types.push(event["type"].as_str().unwrap().to_owned());
    }
    types.sort_unstable();
    assert_eq!(types, ["reminder.sent", "reminder.triggered", "task.completed"]);
    app.settled().await;
    assert_eq!(webhook.waiting().await, 0, "no other types, and each once");
    app.stop().await;
}

#[tokio::test]
async fn a_receiver_that_was_unavailable_gets_the_same_event_later() {
    let webhook = Webhook::start(500).await;
    let (functions, task) = fired(&webhook.url).await;
    assert_eq!(functions.call_due("post-webhook").await.0, [200]);
    let (first_headers, first) = webhook.post().await;
    let waiting = delivered(&functions, &task).await;
    assert_eq!((&waiting["status"], &waiting["error"]), (&json!("pending"), &json!("500 Internal Server Error")));
    webhook.answer(200);
    functions.pass(SignedDuration::from_secs(2));
    let (_, events) = functions.call_due("post-webhook").await;
    let (second_headers, second) = webhook.post().await;
    assert_eq!((&first, &first_headers["webhook-id"]), (&second, &second_headers["webhook-id"]));
    assert!(events.iter().any(|event| event["type"] == "reminder.sent" && event["data"]["reminder_type"] == "webhook"), "{events:?}");
    let sent = functions.reminders(&task).await.remove(0);
    assert_eq!(
        (&sent["status"], &sent["retry_count"], &delivered(&functions, &task).await["attempts"]),
        (&json!("sent"), &json!(1), &json!(2))
    );
    functions.stop().await;
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let (webhook, elsewhere) = (Webhook::start(200).await, Webhook::start(200).await);
    for status in [301, 302, 303, 307, 308] {
        webhook.answer_with(status, "location", &elsewhere.url);
        let (functions, task) = fired(&webhook.url).await;
        functions.call_due("post-webhook").await;
        webhook.post().await;
        let waiting = delivered(&functions, &task).await;
        assert_eq!(waiting["status"], "pending", "{waiting}");
        assert!(waiting["error"].as_str().unwrap().starts_with(&status.to_string()), "{waiting}");
        functions.stop().await;
    }
    assert_eq!(elsewhere.waiting().await, 0);
}

#[tokio::test]
async fn a_receiver_can_request_a_pause_or_unsubscribe() {
    let webhook = Webhook::start(200).await;
    webhook.answer_with(429, "retry-after", "300");
    let (functions, task) = fired(&webhook.url).await;
    functions.call_due("post-webhook").await;
    webhook.answer(200);
    functions.pass(SignedDuration::from_secs(299));
    assert_eq!(functions.call_due("post-webhook").await.0, [0_u16; 0]);
    functions.pass(SignedDuration::from_secs(1));
    assert_eq!(functions.call_due("post-webhook").await.0, [200]);
    assert_eq!(delivered(&functions, &task).await["status"], "sent");
    functions.stop().await;

    webhook.answer(410);
    let (functions, task) = fired(&webhook.url).await;
    let (_, events) = functions.call_due("post-webhook").await;
    let failed = delivered(&functions, &task).await;
    assert_eq!((&failed["status"], &failed["error"], &failed["attempts"]), (&json!("failed"), &json!("410 Gone"), &json!(1)));
    assert!(events.iter().any(|event| event["type"] == "reminder.failed" && event["data"]["reminder_type"] == "webhook"), "{events:?}");
    assert_eq!(functions.reminders(&task).await[0]["status"], "failed");
    functions.stop().await;
}

#[tokio::test]
async fn a_send_expires_after_a_day_and_no_error_shows_a_secret() {
    let webhook = Webhook::start(503).await;
    let (functions, task) = fired(&webhook.url).await;
    for _ in 0..60 {
        functions.call_due("post-webhook").await;
        functions.pass(SignedDuration::from_mins(30));
    }
    let failed = delivered(&functions, &task).await;
    assert_eq!(failed["status"], "failed");
    assert!(failed["error"].as_str().unwrap().starts_with("gave up after "), "{failed}");
    assert!(!failed.to_string().contains("hook-secret"), "{failed}");
    functions.stop().await;
    // No server listens on this port.
    let (functions, task) = fired("http://127.0.0.1:9/hook?key=hook-secret").await;
    functions.call_due("post-webhook").await;
    let waiting = delivered(&functions, &task).await;
    assert_eq!(waiting["status"], "pending");
    assert!(waiting["error"].as_str().is_some_and(|error| !error.contains("hook-secret") && !error.is_empty()), "{waiting}");
    functions.stop().await;
}
