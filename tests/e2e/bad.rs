//! What does not belong: a clear answer, logged once, set aside where it came from Kafka, and nothing else waits behind it.

use std::time::Duration;

use serde_json::{Value, json};
use tests::eventually;
use tests::stack::{API_TOKEN, APP_TOKEN, Options, Stack};

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_is_refused_or_set_aside() {
    let (_folder, stack) = crate::stack(Options { tokens: true, ..Options::default() }).await;
    strangers_deliver_nothing(&stack).await;
    unknown_jobs_and_deliveries_are_told(&stack).await;
    poison_is_set_aside_and_the_partition_goes_on(&stack).await;
    metrics_tell_of_it(&stack).await;
    stack.stop().await;
}

async fn strangers_deliver_nothing(stack: &Stack) {
    let event =
        json!({ "specversion": "1.0", "id": "1", "source": "/e2e", "type": "task.create", "data": { "title": "not mine" } }).to_string();
    let bearer = format!("Bearer {API_TOKEN}");
    for path in ["/deliveries/gateway/task-commands", "/deliveries/record-audit/task-events", "/job/housekeeping"] {
        let _ = stack.api.call("POST", path, &[], event.clone()).await.problem(401);
        let _ = stack.api.call("POST", path, &[("dapr-api-token", "guess")], event.clone()).await.problem(401);
        // A caller's token is not the sidecar's.
        let _ = stack.api.call("POST", path, &[("authorization", &bearer)], event.clone()).await.problem(401);
    }
    let _ = stack.api.get("/api/tasks").await.problem(401);
    let _ = stack.api.call("GET", "/api/tasks", &[("authorization", &bearer)], "").await.is(200);
    let _ = stack.api.get("/metrics").await.problem(401);
    let _ = stack.api.get("/health").await.is(200);
    let refusals = stack.own.gateway.said().lines().filter(|line| line.contains("a delivery was refused")).count();
    assert_eq!(refusals, 1, "one word says it all");
}

async fn unknown_jobs_and_deliveries_are_told(stack: &Stack) {
    let sidecar = [("dapr-api-token", APP_TOKEN)];
    let _ = stack.api.call("POST", "/job/make-coffee", &sidecar, "").await.problem(404);
    let _ = stack.api.call("POST", "/deliveries/make-coffee/task-events", &sidecar, "{}").await.problem(404);
    let _ = stack.api.call("POST", "/deliveries/notify/task-events", &sidecar, "{}").await.problem(404);
    let _ = stack.api.call("GET", "/deliveries/notify/reminders", &sidecar, "").await.problem(405);
    let _ = stack.api.call("OPTIONS", "/deliveries/notify/reminders", &[], "").await.is(200);
    let _ = stack.api.call("OPTIONS", "/deliveries/make-coffee/reminders", &[], "").await.problem(404);
}

async fn poison_is_set_aside_and_the_partition_goes_on(stack: &Stack) {
    let command =
        |id: &str, ty: &str, data: Value| json!({ "specversion": "1.0", "id": id, "source": "/e2e", "type": ty, "data": data }).to_string();
    let large = command("large", "task.create", json!({ "title": "large", "description": "x".repeat(600_000) }));
    let unknown_type = command("unknown-type", "task.explode", json!({}));
    let invalid = command("invalid", "task.create", json!({ "title": "" }));
    let no_id = json!({ "specversion": "1.0", "source": "/e2e", "type": "task.create", "data": { "title": "no id" } }).to_string();
    let good = command("good", "task.create", json!({ "title": "after the poison", "tags": ["survivor"] }));
    let records = ["not json", "[1, 2]", "{\"a\": 1}", &no_id, &unknown_type, &invalid, &large, &good];
    stack.kafka.produce("task-commands", &records.map(|record| ("k", record)));
    let bearer = format!("Bearer {API_TOKEN}");
    eventually("the command behind the poison", async || {
        let answer = stack.api.call("GET", "/api/tasks?tags=survivor", &[("authorization", &bearer)], "").await.is(200);
        answer.json().as_array().is_some_and(|tasks| tasks.len() == 1).then_some(())
    })
    .await;
    let letters: Vec<Value> = stack.kafka.records("dead-letters").into_iter().map(|record| record.value).collect();
    assert_eq!(letters.len(), records.len() - 1, "{letters:?}");
    let of = |id: &str| letters.iter().find(|letter| letter["id"] == id).unwrap_or_else(|| panic!("no letter {id}: {letters:?}"));
    assert_eq!((&of("invalid")["consumer"], &of("invalid")["attempts"]), (&json!("create-task"), &json!(1)));
    assert_eq!(of("invalid")["data"], json!({ "title": "" }), "as it came");
    assert!(of("invalid")["lasterror"].as_str().unwrap().contains("title"), "{}", of("invalid"));
    assert_eq!((&of("large")["consumer"], &of("large")["type"]), (&json!("create-task"), &json!("task.create")));
    assert!(of("unknown-type")["lasterror"].as_str().unwrap().contains("task.explode"));
    let unreadable: Vec<&Value> = letters.iter().filter(|letter| letter["type"] == "record.unreadable").collect();
    let texts: Vec<&str> = unreadable.iter().map(|letter| letter["data"]["text"].as_str().unwrap()).collect();
    for text in ["not json", "[1, 2]", "{\"a\": 1}"] {
        assert!(texts.iter().any(|found| found.replace(' ', "") == text.replace(' ', "")), "{text}: {texts:?}");
    }
    assert!(unreadable.iter().all(|letter| letter["consumer"] == "gateway"), "{unreadable:?}");
    let told = stack.own.gateway.said().lines().filter(|line| line.contains("an event was given up")).count();
    assert_eq!(told, letters.len(), "each is logged once");
}

async fn metrics_tell_of_it(stack: &Stack) {
    let bearer = format!("Bearer {API_TOKEN}");
    tokio::time::timeout(Duration::from_secs(10), async {
        let text = stack.api.call("GET", "/metrics", &[("authorization", &bearer)], "").await.is(200).text;
        for wanted in
            ["taskflow_dead_letters_total{function=\"create-task\"} 2", "taskflow_http_requests_total{", "taskflow_outbox_depth 0"]
        {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
    })
    .await
    .unwrap();
}
