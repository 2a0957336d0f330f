//! Answers to reminders: snoozing by a call, and by signed links that work once.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{Answer, App, PushService, eventually, in_seconds, moment, now};

async fn fired(app: &App) -> (Value, Value) {
    let task = app.create(&json!({ "title": "Pay <rent>", "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
    let reminder = app.reminder(&task["id"], "sent").await;
    app.settled().await;
    (task, reminder)
}

async fn snooze(app: &App, reminder: &Value, command: &Value) -> Answer {
    app.post(&format!("/api/reminders/{}/snooze", reminder["id"]), command).await
}

/// Returns the paths of the links in a push.
async fn links(push: &PushService) -> Vec<String> {
    let payload = push.pushed().await.payload;
    payload["actions"].as_array().unwrap().iter().map(|action| action["url"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_snoozed_reminder_fires_again_at_its_new_time() {
    let app = App::start().await;
    let (task, reminder) = fired(&app).await;
    let before = now();
    let snoozed = snooze(&app, &reminder, &json!({ "for": "10 minutes" })).await.is(200).json();
    let at = moment(&snoozed["scheduled_at"]);
    assert!(at >= before + SignedDuration::from_mins(10) && at <= now() + SignedDuration::from_mins(10), "{snoozed}");
    assert_eq!((&snoozed["status"], &snoozed["triggered_at"], &snoozed["deliveries"]), (&json!("pending"), &Value::Null, &json!([])));
    // A change without the due date keeps the snooze, also after the due date.
    let change = json!({ "title": "Pay the rent", "priority": "high" });
    let _ = app.put(&format!("/api/tasks/{}", task["id"]), &change).await.is(200);
    app.settled().await;
    assert_eq!(app.reminders(&task["id"]).await, std::slice::from_ref(&snoozed), "and there is no other");
    let again = snooze(&app, &reminder, &json!({ "until": in_seconds(1) })).await.is(200).json();
    let sent = app.reminder(&task["id"], "sent").await;
    assert_eq!((&sent["id"], &sent["scheduled_at"]), (&reminder["id"], &again["scheduled_at"]));
    app.settled().await;
    assert_eq!(app.list("/api/notifications").await.len(), 2);
    let history = app.history(&task["id"]).await;
    assert_eq!(history.iter().filter(|ty| *ty == "reminder.scheduled").count(), 3, "{history:?}");
    // Moved with its task, it follows the task again.
    let _ = app.put(&format!("/api/tasks/{}", task["id"]), &json!({ "due_date": "2199-03-31T09:00:00Z" })).await.is(200);
    app.settled().await;
    let pending = app.list(&format!("/api/reminders?task_id={}&status=pending", task["id"])).await;
    assert_eq!(pending.iter().map(|reminder| &reminder["scheduled_at"]).collect::<Vec<_>>(), ["2199-03-31T08:00:00.000000Z"]);
    app.stop().await;
}

#[tokio::test]
async fn a_snooze_outlives_the_due_date_and_ends_with_the_task() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": in_seconds(1), "reminder_offset": "0 minutes" })).await;
    let reminder = app.reminder(&task["id"], "sent").await;
    let snoozed = snooze(&app, &reminder, &json!({ "for": "1 hour" })).await.is(200).json();
    let _ = app.put(&format!("/api/tasks/{}", task["id"]), &json!({ "title": "Pay it now" })).await.is(200);
    app.settled().await;
    assert_eq!(app.reminders(&task["id"]).await, std::slice::from_ref(&snoozed), "overdue, and still to come");
    let _ = app.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
    app.settled().await;
    assert_eq!(app.reminders(&task["id"]).await[0]["status"], "cancelled");
    let _ = snooze(&app, &reminder, &json!({ "for": "1 hour" })).await.problem(409);
    app.stop().await;
}

#[tokio::test]
async fn a_snooze_says_for_how_long_or_until_when() {
    let app = App::start().await;
    let (_, reminder) = fired(&app).await;
    for (command, pointer) in [
        (json!({}), ""),
        (json!({ "for": "10 minutes", "until": in_seconds(60) }), ""),
        (json!({ "for": "0 minutes" }), "/for"),
        (json!({ "for": "soon" }), "/for"),
        (json!({ "for": "1000 hours" }), "/for"),
        (json!({ "until": in_seconds(-60) }), "/until"),
        (json!({ "until": "tomorrow" }), "/until"),
        (json!({ "minutes": 10 }), "/minutes"),
    ] {
        assert_eq!(snooze(&app, &reminder, &command).await.problem(422), [pointer], "{command}");
    }
    let _ = app.post("/api/reminders/404404/snooze", &json!({ "for": "1 hour" })).await.problem(404);
    let _ = app.post("/api/reminders/x/snooze", &json!({ "for": "1 hour" })).await.problem(400);
    let event = json!({
        "specversion": "1.0", "id": "snooze-1", "source": "/tests", "type": "reminder.snooze", "datacontenttype": "application/json",
        "data": { "reminder_id": reminder["id"], "for": "2 hours" },
    });
    let answer = app.call("POST", "/", &[("content-type", "application/cloudevents+json")], event.to_string()).await.is(200).json();
    assert_eq!((&answer["type"], &answer["data"]["status"]), (&json!("reminder.scheduled"), &json!("pending")));
    app.stop().await;
}

#[tokio::test]
async fn a_link_shows_a_button_does_its_work_once_and_says_what_it_did() {
    let push = PushService::start().await;
    let app = App::with(&PushService::settings()).await;
    let _ = app.post("/api/push/subscriptions", &push.browser("laptop")).await.is(201);
    let (task, reminder) = fired(&app).await;
    let [complete, ten_minutes, _]: [String; 3] = links(&push).await.try_into().unwrap();
    for _ in 0..2 {
        let shown = app.get(&ten_minutes).await.is(200);
        assert_eq!(shown.text.matches("<button>").count(), 1);
        assert!(shown.text.contains("Pay &lt;rent&gt;") && !shown.text.contains("<rent>"), "{}", shown.text);
        assert_eq!(shown.header("referrer-policy"), "same-origin");
        let policy = shown.header("content-security-policy");
        assert!(policy.contains("form-action 'self'") && policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(app.reminders(&task["id"]).await[0]["status"], "sent", "a mail scanner looks at links and changes nothing");
    }
    let origin = format!("http://{}", app.address);
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
    let done = app.call("POST", &ten_minutes, &form, "").await.is(200);
    assert!(done.text.contains("You will be reminded of") && !done.text.contains("<button>"), "{}", done.text);
    let snoozed = app.reminders(&task["id"]).await.remove(0);
    assert_eq!((&snoozed["id"], &snoozed["status"]), (&reminder["id"], &json!("pending")));
    assert!(moment(&snoozed["scheduled_at"]) > now() + SignedDuration::from_mins(9));
    // Pressed again, it shows what it did.
    let again = app.call("POST", &ten_minutes, &form, "").await.is(200);
    assert_eq!((again.text.as_str(), app.get(&ten_minutes).await.is(200).text.as_str()), (done.text.as_str(), done.text.as_str()));
    assert_eq!(app.reminders(&task["id"]).await, [snoozed]);

    let _ = app.call("POST", &complete, &form, "").await.is(200);
    assert_eq!(app.task(&task["id"]).await["status"], "completed");
    let version = app.task(&task["id"]).await["version"].clone();
    let again = app.call("POST", &complete, &form, "").await.is(200);
    assert!(again.text.contains("is completed"), "{}", again.text);
    assert_eq!(app.task(&task["id"]).await["version"], version);
    app.stop().await;
}

#[tokio::test]
async fn a_link_that_is_pressed_in_parallel_works_once() {
    let push = PushService::start().await;
    let app = App::with(&PushService::settings()).await;
    let _ = app.post("/api/push/subscriptions", &push.browser("laptop")).await.is(201);
    let (task, _) = fired(&app).await;
    let [_, _, hour]: [String; 3] = links(&push).await.try_into().unwrap();
    let pressed = futures_util::future::join_all((0..8).map(|_| app.call("POST", &hour, &[], ""))).await;
    let texts: std::collections::BTreeSet<String> = pressed.into_iter().map(|answer| answer.is(200).text).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let history = app.history(&task["id"]).await;
    assert_eq!(history.iter().filter(|ty| *ty == "reminder.scheduled").count(), 2, "{history:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_link_that_is_guessed_changed_or_old_does_nothing() {
    let push = PushService::start().await;
    let mut settings = PushService::settings().to_vec();
    settings.push(("TASKFLOW_API_TOKEN", "a-token-that-nobody-guesses"));
    let app = App::with(&settings).await;
    let bearer = [("authorization", "Bearer a-token-that-nobody-guesses"), ("content-type", "application/json")];
    let _ = app.call("POST", "/api/push/subscriptions", &bearer, push.browser("laptop").to_string()).await.is(201);
    let new = json!({ "title": "Pay rent", "due_date": in_seconds(600), "reminder_offset": "1 hour" });
    let task = app.call("POST", "/api/tasks", &bearer, new.to_string()).await.is(201).json();
    let [complete, ten_minutes, _]: [String; 3] = links(&push).await.try_into().unwrap();
    let signature = complete.rsplit('.').next().unwrap();
    let guesses = [
        format!("/answer/1.complete.4000000000.{}", "A".repeat(43)),
        format!("{}.{signature}", ten_minutes.rsplit_once('.').unwrap().0),
        complete.replace(".complete.", ".snooze-1h."),
        complete.replacen("/answer/", "/answer/9", 1),
        complete[..complete.len() - 1].to_owned(),
        format!("{complete}A"),
        "/answer/x".to_owned(),
    ];
    for guess in &guesses {
        for method in ["GET", "POST"] {
            let refused = app.call(method, guess, &[], "").await.is(401);
            assert!(refused.text.contains("This link does not work"), "{method} {guess}: {}", refused.text);
        }
    }
    // A page of another origin may not press it.
    let _ = app.call("POST", &complete, &[("origin", "https://evil.example")], "").await.problem(403);
    let _ = app.call("POST", &complete, &[("origin", "null")], "").await.problem(403);
    let status = app.call("GET", &format!("/api/tasks/{}", task["id"]), &bearer, "").await.is(200).json()["status"].clone();
    assert_eq!(status, "pending");
    // The link is the credential: it needs no token.
    let _ = app.get(&complete).await.is(200);
    let _ = app.call("POST", &complete, &[], "").await.is(200);
    app.stop().await;

    // A day later.
    let (push, later) = (PushService::start().await, now() + SignedDuration::from_hours(25));
    let app = App::at(&later.to_string(), &PushService::settings()).await;
    let _ = app.post("/api/push/subscriptions", &push.browser("laptop")).await.is(201);
    let task = app
        .create(
            &json!({ "title": "Pay rent", "due_date": (later + SignedDuration::from_secs(600)).to_string(), "reminder_offset": "1 hour" }),
        )
        .await;
    let reminder = eventually("a reminder", async || app.reminders(&task["id"]).await.pop()).await;
    let lookup = |name: &str| PushService::settings().iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
    let settings = function::settings::Settings::read(&lookup, std::net::Ipv4Addr::LOCALHOST.into()).unwrap();
    let link = function::link::Link::new(
        reminder["id"].as_i64().unwrap(),
        function::link::Action::Complete,
        domain::Timestamp::new(now()).unwrap(),
    );
    let old = link.path(&settings).unwrap();
    for method in ["GET", "POST"] {
        let expired = app.call(method, &old, &[], "").await.is(410);
        assert!(expired.text.contains("This link has expired"), "{}", expired.text);
    }
    assert_eq!(app.task(&task["id"]).await["status"], "pending");
    app.stop().await;
}
