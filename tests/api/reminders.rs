//! Reminders: created, moved, cancelled, restored, fired, delivered and failed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{App, Webhook, eventually, in_seconds, moment, now};

const AHEAD: &str = "2199-03-31T09:00:00Z";

async fn complete(app: &App, task: &Value) {
    let _ = app.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
}

async fn update(app: &App, task: &Value, change: Value) -> Value {
    app.put(&format!("/api/tasks/{}", task["id"]), &change).await.is(200).json()
}

/// Returns the only reminder of a task, once all events have been delivered.
async fn the_reminder(app: &App, task: &Value) -> Value {
    app.settled().await;
    let mut reminders = app.reminders(&task["id"]).await;
    assert_eq!(reminders.len(), 1, "{reminders:?}");
    reminders.remove(0)
}

/// Number of pending jobs of this reminder.
async fn jobs(app: &App, reminder: &Value) -> i64 {
    app.settled().await;
    let sql = "SELECT count(*) FROM embedded.jobs WHERE name = $1";
    sqlx::query_scalar(sql).bind(reminder["dapr_job_id"].as_str().unwrap()).fetch_one(app.store.pool()).await.unwrap()
}

#[tokio::test]
async fn a_reminder_follows_its_task() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "reminder_offset": " 15  Minutes" })).await;
    assert_eq!(task["reminder_offset"], "15 minutes");
    let first = the_reminder(&app, &task).await;
    let expected = json!({
        "id": first["id"], "task_id": task["id"], "user_id": 1, "scheduled_at": "2199-03-31T08:45:00.000000Z", "triggered_at": null,
        "reminder_offset": "15 minutes", "reminder_type": null, "deliveries": [], "status": "pending", "retry_count": 0,
        "dapr_job_id": format!("fire-reminder-{}", first["id"]), "created_at": first["created_at"], "sent_at": null,
    });
    assert_eq!(first, expected);
    assert_eq!(jobs(&app, &first).await, 1);

    update(&app, &task, json!({ "due_date": "2199-04-30T09:00:00Z" })).await;
    let moved = the_reminder(&app, &task).await;
    assert_eq!((&moved["id"], &moved["scheduled_at"]), (&first["id"], &json!("2199-04-30T08:45:00.000000Z")));
    update(&app, &task, json!({ "reminder_offset": "1 hour" })).await;
    let moved = the_reminder(&app, &task).await;
    assert_eq!((&moved["reminder_offset"], &moved["scheduled_at"]), (&json!("1 hour"), &json!("2199-04-30T08:00:00.000000Z")));
    // An unrelated change does not affect it.
    update(&app, &task, json!({ "title": "Pay the rent" })).await;
    assert_eq!(the_reminder(&app, &task).await, moved);

    complete(&app, &task).await;
    let cancelled = the_reminder(&app, &task).await;
    assert_eq!((&cancelled["status"], jobs(&app, &cancelled).await), (&json!("cancelled"), 0));
    let _ = app.post(&format!("/api/tasks/{}/reopen", task["id"]), &Value::Null).await.is(200);
    let back = the_reminder(&app, &task).await;
    assert_eq!((&back["status"], &back["scheduled_at"], jobs(&app, &back).await), (&json!("pending"), &moved["scheduled_at"], 1));

    let _ = app.delete(&format!("/api/tasks/{}", task["id"])).await.is(204);
    let gone = the_reminder(&app, &task).await;
    assert_eq!((&gone["status"], jobs(&app, &gone).await), (&json!("cancelled"), 0));
    assert_eq!(
        app.history(&task["id"]).await.iter().filter(|ty| ty.starts_with("reminder.")).collect::<Vec<_>>(),
        [
            "reminder.scheduled",
            "reminder.scheduled",
            "reminder.scheduled",
            "reminder.cancelled",
            "reminder.scheduled",
            "reminder.cancelled",
        ]
    );
    app.stop().await;
}

#[tokio::test]
async fn clearing_the_offset_or_the_due_date_cancels_and_setting_it_makes_another() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD })).await;
    app.settled().await;
    assert!(app.reminders(&task["id"]).await.is_empty());
    update(&app, &task, json!({ "reminder_offset": "1 day" })).await;
    assert_eq!(the_reminder(&app, &task).await["status"], "pending");
    update(&app, &task, json!({ "reminder_offset": null, "due_date": null })).await;
    assert_eq!(the_reminder(&app, &task).await["status"], "cancelled");
    update(&app, &task, json!({ "reminder_offset": "2 days", "due_date": AHEAD })).await;
    app.settled().await;
    let statuses: Vec<Value> = app.reminders(&task["id"]).await.into_iter().map(|reminder| reminder["status"].clone()).collect();
    assert_eq!(statuses, ["pending", "cancelled"]);
    // Moved into the past, it is cancelled.
    update(&app, &task, json!({ "due_date": in_seconds(-3600) })).await;
    app.settled().await;
    assert!(app.list(&format!("/api/reminders?task_id={}&status=pending", task["id"])).await.is_empty());
    assert!(app.list("/api/notifications").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn days_and_weeks_keep_the_wall_clock_of_the_tasks_zone() {
    let app = App::with(&[("TASKFLOW_TIME_ZONE", "Europe/Berlin")]).await;
    // The clocks go forward on 2199-03-31 in Berlin: 09:00 is 07:00Z from then on, and 08:00Z before.
    let task = app.create(&json!({ "title": "Pay rent", "due_date": "2199-04-01T09:00:00+02:00", "reminder_offset": "1 day" })).await;
    assert_eq!((&task["time_zone"], &task["due_date"]), (&json!("Europe/Berlin"), &json!("2199-04-01T07:00:00.000000Z")));
    for (offset, at) in [
        ("1 day", "2199-03-31T07:00:00.000000Z"),
        ("2 days", "2199-03-30T08:00:00.000000Z"),
        ("1 week", "2199-03-25T08:00:00.000000Z"),
        ("48 hours", "2199-03-30T07:00:00.000000Z"),
    ] {
        update(&app, &task, json!({ "reminder_offset": offset })).await;
        assert_eq!(the_reminder(&app, &task).await["scheduled_at"], at, "{offset}");
    }
    app.stop().await;
}

#[tokio::test]
async fn reminders_are_asked_for_and_cancelled_one_by_one() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "reminder_offset": "1 day" })).await;
    let own = the_reminder(&app, &task).await;
    let ask = json!({ "task_id": task["id"], "reminder_offset": "2 hours" });
    let answer = app.post("/api/reminders", &ask).await.is(201);
    let asked = answer.json();
    assert_eq!((&asked["scheduled_at"], &asked["status"]), (&json!("2199-03-31T07:00:00.000000Z"), &json!("pending")));
    assert_eq!(app.read(answer.header("location")).await, json!([asked, own]));
    assert_eq!(app.post("/api/reminders", &ask).await.is(201).json()["id"], asked["id"], "asked for twice, there is one");
    let _ = app.delete(&format!("/api/reminders/{}", asked["id"])).await.is(204);
    let _ = app.delete(&format!("/api/reminders/{}", asked["id"])).await.is(204);
    app.settled().await;
    assert_eq!(app.list("/api/reminders?status=cancelled").await.len(), 1);
    // Cancelled by a caller, it does not return with its task; the task's own does.
    complete(&app, &task).await;
    app.settled().await;
    let _ = app.post(&format!("/api/tasks/{}/reopen", task["id"]), &Value::Null).await.is(200);
    app.settled().await;
    let pending = app.list("/api/reminders?status=pending").await;
    assert_eq!((pending.len(), &pending[0]["id"]), (1, &own["id"]));
    // Both follow a due date.
    let again = app.post("/api/reminders", &ask).await.is(201).json();
    update(&app, &task, json!({ "due_date": "2199-05-01T09:00:00Z" })).await;
    app.settled().await;
    let moved: Vec<Value> =
        app.list("/api/reminders?status=pending").await.into_iter().map(|reminder| reminder["scheduled_at"].clone()).collect();
    assert_eq!(moved, ["2199-05-01T07:00:00.000000Z", "2199-04-30T09:00:00.000000Z"]);
    assert_ne!(again["id"], asked["id"]);
    app.stop().await;
}

#[tokio::test]
async fn a_reminder_fires_at_its_time_is_sent_and_shown() {
    let app = App::with(&[("TASKFLOW_TIME_ZONE", "Europe/Berlin")]).await;
    let due: Timestamp = now() + SignedDuration::from_secs(3_602);
    let task = app.create(&json!({ "title": "Pay rent", "due_date": due.to_string(), "reminder_offset": "1 hour" })).await;
    let sent = app.reminder(&task["id"], "sent").await;
    let lateness = moment(&sent["triggered_at"]).duration_since(moment(&sent["scheduled_at"]));
    assert!(lateness >= SignedDuration::ZERO, "before its time: {sent}");
    assert!(lateness < SignedDuration::from_secs(10), "not to the second, which the benchmarks measure, but not lost either: {sent}");
    assert!(moment(&sent["sent_at"]) >= moment(&sent["triggered_at"]));
    assert_eq!(sent["retry_count"], 0);
    let notifications = app.list("/api/notifications").await;
    let due = due.to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    let expected = json!([{
        "id": notifications[0]["id"], "event_type": "reminder.triggered", "task_id": task["id"], "reminder_id": sent["id"], "title": "Pay rent",
        "body": format!("Due {}", due.strftime("%A, %-d %B %Y, %H:%M %Z")), "created_at": notifications[0]["created_at"], "read_at": null,
    }]);
    assert_eq!(json!(notifications), expected);

    let read = format!("/api/notifications/{}/read", notifications[0]["id"]);
    let _ = app.post(&read, &Value::Null).await.is(204);
    let read_at = app.list("/api/notifications").await[0]["read_at"].clone();
    assert!(moment(&read_at) <= now());
    let _ = app.post(&read, &Value::Null).await.is(204);
    assert_eq!(app.list("/api/notifications").await[0]["read_at"], read_at, "the first time counts");
    assert!(app.list(&format!("/api/notifications?after={}", notifications[0]["id"])).await.is_empty());

    assert_eq!(app.history(&task["id"]).await, ["task.created", "reminder.scheduled", "reminder.triggered", "reminder.sent"]);
    // Its task may change and end: a sent reminder stays sent.
    update(&app, &task, json!({ "title": "Paid" })).await;
    complete(&app, &task).await;
    assert_eq!(the_reminder(&app, &task).await, sent);
    assert_eq!(app.list("/api/notifications").await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn many_that_are_due_at_once_need_no_more_connections_than_there_are() {
    let app = App::with(&[("TASKFLOW_DB_POOL", "1")]).await;
    for title in ["one", "two", "three"] {
        app.create(&json!({ "title": title, "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
    }
    let sent =
        eventually("three reminders", async || Some(app.list("/api/reminders?status=sent").await).filter(|sent| sent.len() == 3)).await;
    assert!(sent.iter().all(|reminder| reminder["retry_count"] == 0), "{sent:?}");
    assert_eq!(app.list("/api/notifications").await.len(), 3);
    app.stop().await;
}

#[tokio::test]
async fn a_due_date_ahead_whose_reminder_time_has_passed_fires_at_once() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
    let sent = app.reminder(&task["id"], "sent").await;
    assert!(moment(&sent["scheduled_at"]) < moment(&sent["created_at"]));
    let other = app.create(&json!({ "title": "Rest", "due_date": in_seconds(600) })).await;
    let _ = app.post("/api/reminders", &json!({ "task_id": other["id"], "reminder_offset": "1 day" })).await.is(201);
    app.reminder(&other["id"], "sent").await;
    // Moved to later, it fires again at the new time.
    update(&app, &task, json!({ "due_date": AHEAD })).await;
    app.settled().await;
    let statuses: Vec<Value> = app.reminders(&task["id"]).await.into_iter().map(|reminder| reminder["status"].clone()).collect();
    assert_eq!(statuses, ["pending", "sent"]);
    app.stop().await;
}

#[tokio::test]
async fn a_reminder_at_the_due_date_itself_fires_and_overdue_tasks_stay_editable() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": in_seconds(2), "reminder_offset": "0 minutes" })).await;
    let sent = app.reminder(&task["id"], "sent").await;
    assert_eq!(sent["scheduled_at"], task["due_date"]);
    eventually("the due date", async || (moment(&task["due_date"]) < now()).then_some(())).await;
    let changed =
        update(&app, &task, json!({ "title": "Pay it now", "priority": "high", "tags": ["late"], "reminder_offset": "0 minutes" })).await;
    assert_eq!((&changed["title"], &changed["version"]), (&json!("Pay it now"), &json!(2)));
    // A new reminder for a past time is refused.
    let refused = app.put(&format!("/api/tasks/{}", task["id"]), &json!({ "reminder_offset": "1 minute" })).await;
    assert_eq!(refused.problem(422), ["/reminder_offset"]);
    update(&app, &task, json!({ "reminder_offset": null })).await;
    assert_eq!(the_reminder(&app, &task).await, sent);
    app.stop().await;
}

#[tokio::test]
async fn a_reminder_that_cannot_fire_ends_as_failed_and_is_announced() {
    let app = App::start().await;
    app.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'SELECT secret'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE OF triggered_at ON reminders FOR EACH ROW WHEN (NEW.triggered_at IS NOT NULL) EXECUTE FUNCTION refuse();",
    )
    .await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
    let failed = app.reminder(&task["id"], "failed").await;
    assert_eq!((&failed["retry_count"], &failed["triggered_at"], &failed["sent_at"]), (&json!(5), &Value::Null, &Value::Null));
    assert_eq!(app.list("/api/reminders?status=failed").await, std::slice::from_ref(&failed));
    assert_eq!(app.history(&task["id"]).await, ["task.created", "reminder.scheduled", "reminder.failed"]);
    let entry = app.list("/api/audit?event_type=reminder.failed").await.remove(0);
    assert_eq!((&entry["event_data"]["data"]["reminder_id"], &entry["event_data"]["data"]["retry_count"]), (&failed["id"], &json!(5)));
    eventually("the end of its job", async || (jobs(&app, &failed).await == 0).then_some(())).await;
    assert!(app.list("/api/notifications").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_webhook_gets_the_event() {
    let webhook = Webhook::start(204).await;
    let app = App::with(&[("TASKFLOW_WEBHOOK_URL", &webhook.url)]).await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
    let (headers, event) = webhook.post().await;
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    for (member, value) in [
        ("specversion", json!("1.0")),
        ("type", json!("reminder.triggered")),
        ("source", json!("/taskflow/fire-reminder")),
        ("subject", json!("reminder/1")),
        ("partitionkey", json!(task["id"].to_string())),
        ("datacontenttype", json!("application/json")),
    ] {
        assert_eq!(event[member], value, "{event}");
    }
    assert_eq!((&event["data"]["task_id"], &event["data"]["reminder_offset"]), (&task["id"], &json!("1 hour")));
    let sent = app.reminder(&task["id"], "sent").await;
    assert_eq!((&sent["reminder_type"], &sent["retry_count"]), (&Value::Null, &json!(0)));
    app.settled().await;
    assert_eq!(webhook.waiting().await, 0, "posted once");
    assert_eq!(app.list("/api/notifications").await.len(), 1);
    app.stop().await;
}
