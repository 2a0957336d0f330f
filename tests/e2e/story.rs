//! A task from its creation to its next occurrence: events over Kafka, the reminder as a job, everything on the page.

use domain::routes::FIRE_REMINDER;
use function::ports::Scheduler;
use function::settings::Settings;
use jiff::{SignedDuration, tz::TimeZone};
use serde_json::{Value, json};
use sidecar::{Jobs, Sidecar};
use tests::stack::{Options, Stack};
use tests::{Socket, eventually, in_seconds, moment, now};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_over_bindings_and_direct_urls() {
    tell(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_over_pubsub_and_service_invocation() {
    tell(Options { pubsub: true, invocation: true, ..Options::default() }).await;
}

async fn tell(options: Options) {
    let (_folder, stack) = crate::stack(options).await;
    live_updates_wake_nothing_without_an_open_page(&stack).await;
    let mut socket = Socket::open(&stack.api, None).await;
    a_reminder_is_on_the_page_at_its_time(&stack, &mut socket).await;
    a_monthly_task_on_the_31st_comes_again(&stack).await;
    completing_cancels_the_reminder_and_its_job(&stack).await;
    a_command_from_kafka_is_executed_once(&stack).await;
    a_change_is_shown_live(&stack, &mut socket).await;
    missed_notifications_arrive_after_a_reconnect(&stack).await;
    stack.stop().await;
}

/// Live changes wake notify only while a WebSocket is open.
async fn live_updates_wake_nothing_without_an_open_page(stack: &Stack) {
    for n in 0..5 {
        let task = stack.api.create(&json!({ "title": format!("unwatched {n}") })).await;
        let path = format!("/api/audit?task_id={}", task["id"]);
        eventually("its audit", async || (!stack.api.get(&path).await.json().as_array().unwrap().is_empty()).then_some(())).await;
    }
    let metrics = stack.api.get("/metrics").await.text;
    let deliveries =
        |function: &str| metrics.lines().filter(|line| line.starts_with("taskflow_deliveries_total") && line.contains(function)).count();
    assert!(deliveries("record-audit") > 0, "{metrics}");
    assert_eq!(deliveries("notify"), 0, "{metrics}");
}

async fn a_reminder_is_on_the_page_at_its_time(stack: &Stack, socket: &mut Socket) {
    let due = in_seconds(4);
    let task = stack.api.create(&json!({ "title": "water the plants", "due_date": due, "reminder_offset": "0 minutes" })).await;
    let reminder = stack.api.reminder(&task["id"], "pending").await;
    assert_eq!(reminder["scheduled_at"], task["due_date"]);
    let frame = socket.frame_of("notification").await;
    let late = now().duration_since(moment(&task["due_date"]));
    assert_eq!((&frame["title"], &frame["task_id"]), (&json!("water the plants"), &task["id"]));
    assert!(late >= SignedDuration::ZERO, "{late:?} too early");
    eprintln!("the reminder was on the page {} ms after its time", late.as_millis());
    stack.api.reminder(&task["id"], "sent").await;
    history(stack, &task["id"], &["task.created", "reminder.scheduled", "reminder.triggered", "reminder.sent"]).await;
}

/// 31 October 2026, 09:00 in Berlin, is before the clock change, and 30 November after it.
async fn a_monthly_task_on_the_31st_comes_again(stack: &Stack) {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let year = now().to_zoned(zone.clone()).year() + 1;
    let due = format!("{year}-10-31T09:00:00+01:00");
    let body =
        json!({ "title": "pay rent", "due_date": due, "time_zone": "Europe/Berlin", "recurrence": "monthly", "reminder_offset": "1 hour" });
    let task = stack.api.create(&body).await;
    stack.api.reminder(&task["id"], "pending").await;
    let _ = stack.api.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
    let child = eventually("the next occurrence", async || {
        stack.api.list("/api/tasks?status=pending").await.into_iter().find(|other| other["parent_task_id"] == task["id"])
    })
    .await;
    let local = moment(&child["due_date"]).to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string();
    assert_eq!(local, format!("{year}-11-30 09:00"));
    let reminder = stack.api.reminder(&child["id"], "pending").await;
    assert_eq!(moment(&child["due_date"]).duration_since(moment(&reminder["scheduled_at"])), SignedDuration::from_hours(1));
    stack.api.reminder(&task["id"], "cancelled").await;
    history(stack, &task["id"], &["task.created", "reminder.scheduled", "task.completed", "reminder.cancelled"]).await;
    let chain = stack.api.list(&format!("/api/audit?task_id={}&chain=true", task["id"])).await;
    assert!(chain.iter().any(|entry| entry["task_id"] == child["id"]), "{chain:?}");
}

async fn completing_cancels_the_reminder_and_its_job(stack: &Stack) {
    let jobs = jobs(stack);
    let task = stack.api.create(&json!({ "title": "call back", "due_date": in_seconds(3600), "reminder_offset": "5 minutes" })).await;
    let reminder = stack.api.reminder(&task["id"], "pending").await;
    let job = format!("{}-{}", FIRE_REMINDER.name, reminder["id"]);
    assert_eq!(reminder["dapr_job_id"], job.as_str());
    eventually("the job", async || jobs.has_job(&job).await.unwrap().then_some(())).await;
    let _ = stack.api.delete(&format!("/api/tasks/{}", task["id"])).await.is(204);
    eventually("no job", async || (!jobs.has_job(&job).await.unwrap()).then_some(())).await;
}

async fn a_command_from_kafka_is_executed_once(stack: &Stack) {
    let command = json!({
        "specversion": "1.0", "id": "from-kafka-1", "source": "/e2e", "type": "task.create", "datacontenttype": "application/json",
        "data": { "title": "from Kafka", "tags": ["Kafka"] },
    })
    .to_string();
    stack.kafka.produce("task-commands", &[("a", &command), ("a", &command)]);
    let found = async || {
        let found = stack.api.list("/api/tasks?tags=kafka").await;
        (!found.is_empty()).then_some(found)
    };
    eventually("the task of the command", found).await;
    // A repeated command of the same source and id gets the same answer without effect; a later one on the same key shows that it was handled.
    let after = json!({
        "specversion": "1.0", "id": "from-kafka-2", "source": "/e2e", "type": "task.create", "data": { "title": "after it", "tags": ["after"] },
    })
    .to_string();
    stack.kafka.produce("task-commands", &[("a", &after)]);
    eventually("the task after it", async || (!stack.api.list("/api/tasks?tags=after").await.is_empty()).then_some(())).await;
    assert_eq!(stack.api.list("/api/tasks?tags=kafka").await.len(), 1);
}

async fn a_change_is_shown_live(stack: &Stack, socket: &mut Socket) {
    let task = stack.api.create(&json!({ "title": "draft" })).await;
    let _ = stack.api.put(&format!("/api/tasks/{}", task["id"]), &json!({ "title": "final" })).await.is(200);
    let frame = eventually("the update", async || {
        let frame = socket.frame_of("update").await;
        (frame["event_type"] == "task.updated" && frame["task_id"] == task["id"]).then_some(frame)
    })
    .await;
    assert_eq!(frame["update_data"]["title"], "final");
}

async fn missed_notifications_arrive_after_a_reconnect(stack: &Stack) {
    let last = stack.api.list("/api/notifications").await.iter().filter_map(|notification| notification["id"].as_i64()).max().unwrap_or(0);
    let task = stack.api.create(&json!({ "title": "missed", "due_date": in_seconds(2), "reminder_offset": "0 minutes" })).await;
    stack.api.reminder(&task["id"], "sent").await;
    let mut socket = Socket::open(&stack.api, Some(last)).await;
    let frame = socket.frame_of("notification").await;
    assert_eq!((&frame["title"], frame["id"].as_i64()), (&json!("missed"), Some(last + 1)));
}

/// The audit log has these types of a task's events, in the order of any topic.
async fn history(stack: &Stack, task: &Value, wanted: &[&str]) {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    let mut found = Vec::new();
    eventually(&format!("{wanted:?} in the audit log"), async || {
        let entries = stack.api.list(&format!("/api/audit?task_id={task}")).await;
        found = entries.iter().map(|entry| entry["event_type"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        found.sort_unstable();
        (found.len() >= wanted.len()).then_some(())
    })
    .await;
    assert_eq!(found, wanted);
}

fn jobs(stack: &Stack) -> Jobs {
    let lookup = |name: &str| (name == "DAPR_GRPC_ENDPOINT").then(|| stack.dapr_grpc.clone());
    let settings = Settings::read(&lookup, std::net::Ipv4Addr::LOCALHOST.into()).unwrap();
    Jobs::new(Sidecar::new(&settings).unwrap().unwrap(), settings.wake_lead)
}
