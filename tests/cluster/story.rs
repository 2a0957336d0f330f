//! The user story, with every function at zero before each step.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Api, Socket, eventually, eventually_within, in_seconds, moment};

use crate::cluster::{API_TOKEN, Cluster, at_zero, awake, host_of, url_of};

/// Time in which no function may wake.
const QUIET: Duration = Duration::from_secs(30);
/// Number of tasks of the imported file.
const IMPORTED: i64 = 1_000;
/// How long an import may take, its cold starts included.
const PATIENCE: Duration = Duration::from_mins(2);
/// Seconds until a reminder that must find everything at zero.
const AHEAD: i64 = 60;

pub(crate) async fn tell(cluster: &Cluster) {
    at_zero().await;
    nothing_wakes_anything_by_itself().await;
    eprintln!("a task is made, found and searched");
    a_task_is_made_found_and_searched(cluster).await;
    eprintln!("a reminder finds everything at zero");
    a_reminder_finds_everything_at_zero(cluster).await;
    eprintln!("a page sees a reminder");
    a_page_sees_a_reminder(cluster).await;
    eprintln!("a recurring task comes again");
    a_recurring_task_comes_again(cluster).await;
    eprintln!("a command comes from Kafka");
    a_command_from_kafka_is_executed(cluster).await;
    eprintln!("a file is imported");
    a_file_is_imported_once(cluster).await;
    eprintln!("a function is called at its own URL");
    a_function_answers_at_its_own_url(cluster).await;
    at_zero().await;
    nothing_wakes_anything_by_itself().await;
}

/// The differences if callers need a token.
pub(crate) async fn tell_with_token(cluster: &Cluster) {
    let stranger = Api::new(cluster.api.address, None);
    let _ = stranger.get("/api/tasks").await.problem(401);
    eprintln!("with a token, a page sees a reminder");
    a_page_sees_a_reminder(cluster).await;
    eprintln!("with a token, a function is called at its own URL");
    a_function_answers_at_its_own_url(cluster).await;
    at_zero().await;
}

async fn nothing_wakes_anything_by_itself() {
    let begin = tokio::time::Instant::now();
    while begin.elapsed() < QUIET {
        assert_eq!(awake(), Vec::<String>::new(), "something woke it");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn a_task_is_made_found_and_searched(cluster: &Cluster) {
    let task = cluster.api.create(&json!({ "title": "sleep well", "tags": ["zero"] })).await;
    at_zero().await;
    assert_eq!(cluster.api.task(&task["id"]).await["title"], "sleep well");
    at_zero().await;
    assert_eq!(cluster.api.list("/api/tasks?tags=zero").await.len(), 1);
    at_zero().await;
    let found = cluster.api.post("/api/tasks/search", &json!({ "query": "sleep" })).await.is(200).json();
    assert_eq!(found["total_count"], 1);
    // Its events arrived, although no consumer was running.
    assert_eq!(count(cluster, "SELECT count(*) FROM audit_log WHERE event_type = 'task.created'").await, 1);
}

async fn a_reminder_finds_everything_at_zero(cluster: &Cluster) {
    at_zero().await;
    let task = cluster.api.create(&json!({ "title": "stretch", "due_date": in_seconds(AHEAD), "reminder_offset": "0 minutes" })).await;
    cluster.api.reminder(&task["id"], "pending").await;
    at_zero().await;
    assert!(tests::now() < moment(&task["due_date"]), "it took too long to be at zero: nothing is shown by this");
    eventually_sent(cluster, &task).await;
}

async fn a_page_sees_a_reminder(cluster: &Cluster) {
    at_zero().await;
    let mut socket = Socket::open(&cluster.api, None).await;
    let task = cluster.api.create(&json!({ "title": "look up", "due_date": in_seconds(12), "reminder_offset": "0 minutes" })).await;
    let frame = socket.frame_of("notification").await;
    assert_eq!((&frame["title"], &frame["task_id"]), (&json!("look up"), &task["id"]));
}

async fn a_recurring_task_comes_again(cluster: &Cluster) {
    at_zero().await;
    let body = json!({ "title": "pay rent", "due_date": "2030-01-31T09:00:00Z", "recurrence": "monthly" });
    let task = cluster.api.create(&body).await;
    at_zero().await;
    let _ = cluster.api.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
    let child = eventually("the next occurrence", async || {
        let pending = cluster.api.list("/api/tasks?status=pending").await;
        pending.into_iter().find(|other| other["parent_task_id"] == task["id"])
    })
    .await;
    assert_eq!(moment(&child["due_date"]), "2030-02-28T09:00:00Z".parse().unwrap());
}

async fn a_command_from_kafka_is_executed(cluster: &Cluster) {
    at_zero().await;
    let command =
        json!({ "specversion": "1.0", "id": "1", "source": "/cluster", "type": "task.create", "data": { "title": "from Kafka" } });
    cluster.kafka.produce("task-commands", &[("a", &command.to_string())]);
    eventually("the task of the command", async || {
        (count(cluster, "SELECT count(*) FROM tasks WHERE title = 'from Kafka'").await == 1).then_some(())
    })
    .await;
}

/// The file is larger than the body of any other call.
async fn a_file_is_imported_once(cluster: &Cluster) {
    at_zero().await;
    let head = "TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,DATE,DATE_LANG\n";
    let line = |number| format!("task,Imported {number},{},4,1,2030-02-01,en\n", "x".repeat(300));
    let file = head.to_owned() + &(0..IMPORTED).map(line).collect::<String>();
    assert!(file.len() > 256 * 1024, "it is too small to show anything");
    for _ in 0..2 {
        let import = cluster.api.call("POST", "/api/imports", &[], file.clone()).await.is(202).json();
        let done = eventually_within(PATIENCE, "the import", async || {
            let import = cluster.api.get(&format!("/api/imports/{}", import["id"])).await.is(200).json();
            (import["status"] != "receiving" && import["status"] != "importing").then_some(import)
        })
        .await;
        assert_eq!((&done["status"], &done["read"]), (&json!("done"), &json!(IMPORTED)), "{done}");
        assert_eq!(count(cluster, "SELECT count(*) FROM tasks WHERE title LIKE 'Imported %'").await, IMPORTED);
    }
}

async fn a_function_answers_at_its_own_url(cluster: &Cluster) {
    at_zero().await;
    let address = url_of("create-task").await;
    let has_token =
        cluster.api.get("/metrics").await.status == 200 && Api::new(cluster.api.address, None).get("/metrics").await.status == 401;
    let own = if has_token { Api::with_token(address, API_TOKEN) } else { Api::new(address, None) };
    let id = if has_token { "own-url-2" } else { "own-url-1" };
    let host = host_of("create-task");
    let headers = [
        ("host", host.as_str()),
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", id),
        ("ce-source", "/cluster"),
        ("ce-type", "task.create"),
    ];
    let made = async || count(cluster, "SELECT count(*) FROM tasks WHERE title = 'by its own URL'").await;
    let before = made().await;
    let reply = own.call("POST", "/", &headers, json!({ "title": "by its own URL" }).to_string()).await.is(200).json();
    assert_eq!((&reply["type"], &reply["source"]), (&json!("task.created"), &json!("/taskflow/create-task")));
    // Its own host checks the token, whatever the call's path.
    if has_token {
        let stranger = Api::new(own.address, None);
        let _ = stranger.call("POST", "/", &headers, "{}").await.problem(401);
    } else {
        let rebound = [&[("host", "evil.example")][..], &headers[1..]].concat();
        // The ingress may not know such a host, and then answers itself.
        assert!(matches!(own.call("POST", "/", &rebound, "{}").await.status, 404 | 421));
    }
    // Facts and jobs come through the gateway alone.
    let fact: Vec<_> = headers.iter().map(|(name, value)| (*name, if *name == "ce-type" { "task.completed" } else { value })).collect();
    let _ = own.call("POST", "/", &fact, json!({ "task_id": 1 }).to_string()).await.problem(403);
    assert_eq!(made().await, before + 1);
}

/// Waits until the reminder of a task is sent, without waking functions.
pub(crate) async fn eventually_sent(cluster: &Cluster, task: &Value) {
    let id = task["id"].as_i64().unwrap();
    tests::eventually_within(Duration::from_mins(3), "the reminder to be sent", async || {
        let sent = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM reminders WHERE task_id = $1 AND status = 'sent'").bind(id);
        (sent.fetch_one(cluster.store.pool()).await.unwrap() == 1).then_some(())
    })
    .await;
}

pub(crate) async fn count(cluster: &Cluster, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(cluster.store.pool()).await.unwrap()
}
