//! Invalid input: a clear answer, logged once, stored as a dead letter if it came from Kafka, without delaying anything else.

use std::collections::HashMap;
use std::time::Duration;

use dapr::dapr::proto::runtime::v1::app_callback_client::AppCallbackClient;
use dapr::dapr::proto::runtime::v1::topic_event_bulk_request_entry::Event;
use dapr::dapr::proto::runtime::v1::topic_event_response::TopicEventResponseStatus;
use dapr::dapr::proto::runtime::v1::{BindingEventRequest, JobEventRequest, TopicEventBulkRequest, TopicEventBulkRequestEntry};
use serde_json::{Value, json};
use tests::eventually;
use tests::stack::{API_TOKEN, APP_TOKEN, Options, Stack};
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn unknown_records_are_refused_or_become_dead_letters() {
    let (_folder, stack) = crate::stack(Options { tokens: true, ..Options::default() }).await;
    strangers_deliver_nothing(&stack).await;
    unknown_jobs_and_deliveries_are_reported(&stack).await;
    invalid_records_become_dead_letters_and_the_partition_continues(&stack).await;
    metrics_show_the_failures(&stack).await;
    a_record_that_fits_no_call_becomes_a_dead_letter(&stack).await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_records_over_pubsub_become_dead_letters() {
    let (_folder, stack) = crate::stack(Options { tokens: true, pubsub: true, ..Options::default() }).await;
    invalid_records_become_dead_letters_and_the_partition_continues(&stack).await;
    each_record_of_a_bulk_has_its_status(&stack).await;
    stack.stop().await;
}

async fn strangers_deliver_nothing(stack: &Stack) {
    let event =
        json!({ "specversion": "1.0", "id": "1", "source": "/e2e", "type": "task.create", "data": { "title": "not mine" } }).to_string();
    let bearer = format!("Bearer {API_TOKEN}");
    // A caller's token is not the sidecar's.
    for metadata in [None, Some(("dapr-api-token", "guess")), Some(("authorization", bearer.as_str()))] {
        for binding in ["gateway-task-commands", "record-audit-task-events"] {
            assert_eq!(deliver(stack, metadata, binding, &event).await, Code::Unauthenticated);
        }
        assert_eq!(job(stack, metadata, "housekeeping").await, Code::Unauthenticated);
    }
    // The sidecar's paths do not exist on the callers' port.
    for path in ["/deliveries/gateway/task-commands", "/job/housekeeping"] {
        let _ =
            stack.api.call("POST", path, &[("dapr-api-token", APP_TOKEN), ("authorization", &bearer)], event.clone()).await.problem(404);
    }
    let _ = stack.api.get("/api/tasks").await.problem(401);
    let _ = stack.api.call("GET", "/api/tasks", &[("authorization", &bearer)], "").await.is(200);
    let _ = stack.api.get("/metrics").await.problem(401);
    let _ = stack.api.get("/health").await.is(200);
    let refusals = stack.own.gateway.said().lines().filter(|line| line.contains("a delivery was refused")).count();
    assert_eq!(refusals, 1, "one word says it all");
}

async fn unknown_jobs_and_deliveries_are_reported(stack: &Stack) {
    let sidecar = Some(("dapr-api-token", APP_TOKEN));
    // 404 ends a job.
    for name in ["make-coffee", "make coffee", "", "../job/housekeeping"] {
        assert_eq!(job(stack, sidecar, name).await, Code::NotFound, "{name}");
    }
    for binding in ["make-coffee-task-events", "notify-task-events", "task-events", "", "a b"] {
        assert_eq!(deliver(stack, sidecar, binding, "{}").await, Code::NotFound, "{binding}");
    }
}

/// Delivers a record, as the sidecar does for a binding.
async fn deliver(stack: &Stack, metadata: Option<(&'static str, &str)>, binding: &str, record: &str) -> Code {
    let record = BindingEventRequest { name: binding.to_owned(), data: record.into(), metadata: HashMap::new() };
    let mut sidecar = AppCallbackClient::connect(stack.app_channel.clone()).await.unwrap();
    sidecar.on_binding_event(with(metadata, record)).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// Calls a job, as the sidecar does.
async fn job(stack: &Stack, metadata: Option<(&'static str, &str)>, name: &str) -> Code {
    let call = JobEventRequest { name: name.to_owned(), ..JobEventRequest::default() };
    let mut sidecar = AppCallbackClient::connect(stack.app_channel.clone()).await.unwrap();
    sidecar.on_job_event(with(metadata, call)).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

fn with<T>(metadata: Option<(&'static str, &str)>, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    if let Some((name, value)) = metadata {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}

async fn invalid_records_become_dead_letters_and_the_partition_continues(stack: &Stack) {
    let command =
        |id: &str, ty: &str, data: Value| json!({ "specversion": "1.0", "id": id, "source": "/e2e", "type": ty, "data": data }).to_string();
    let large = command("large", "task.create", json!({ "title": "large", "description": "x".repeat(600_000) }));
    let unknown_type = command("unknown-type", "task.explode", json!({}));
    let invalid = command("invalid", "task.create", json!({ "title": "" }));
    let no_id = json!({ "specversion": "1.0", "source": "/e2e", "type": "task.create", "data": { "title": "no id" } }).to_string();
    let good = command("good", "task.create", json!({ "title": "after the poison", "tags": ["survivor"] }));
    let records = ["not json", "[1, 2]", "{\"a\": 1}", &no_id, &unknown_type, &invalid, &large, &good];
    // One has a key and headers that no producer should write, because every path to Kafka limits them differently.
    let key = format!("hex:ff0afe{}", "ff".repeat(20_000));
    stack.kafka.produce("task-commands", &[(key.as_str(), "not json")]);
    stack.kafka.produce("task-commands", &records.map(|record| ("k", record)));
    let bearer = format!("Bearer {API_TOKEN}");
    eventually("the command behind the poison", async || {
        let answer = stack.api.call("GET", "/api/tasks?tags=survivor", &[("authorization", &bearer)], "").await.is(200);
        answer.json().as_array().is_some_and(|tasks| tasks.len() == 1).then_some(())
    })
    .await;
    // All except the valid one, and the one in another partition.
    let letters: Vec<Value> = eventually("a letter of each", async || {
        let letters = stack.kafka.records("dead-letters");
        (letters.len() >= records.len()).then(|| letters.into_iter().map(|record| record.value).collect())
    })
    .await;
    assert_eq!(letters.len(), records.len(), "{letters:?}");
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
    let told = stack.own.gateway.said().lines().filter(|line| line.contains("an event became a dead letter")).count();
    assert_eq!(told, letters.len(), "each is logged once");
}

async fn a_record_that_fits_no_call_becomes_a_dead_letter(stack: &Stack) {
    let sidecar = Some(("dapr-api-token", APP_TOKEN));
    let large = "x".repeat(20 * 1024 * 1024);
    assert_eq!(deliver(stack, sidecar, "gateway-task-commands", &large).await, Code::Ok, "else daprd brings it again");
    let letter = eventually("the letter of the record", async || {
        let letters = stack.kafka.records("dead-letters").into_iter().map(|record| record.value);
        letters.into_iter().find(|letter| letter["data"]["size"].as_u64() > Some(2 * 1024 * 1024))
    })
    .await;
    assert_eq!((&letter["type"], &letter["data"]["is_whole"]), (&json!("record.unreadable"), &json!(false)));
}

async fn each_record_of_a_bulk_has_its_status(stack: &Stack) {
    let command = |ty: &str, data: Value| {
        json!({ "specversion": "1.0", "id": format!("bulk-{ty}"), "source": "/e2e", "type": ty, "data": data }).to_string()
    };
    let records = [
        command("task.create", json!({ "title": "in bulk", "tags": ["bulk"] })),
        "not json".to_owned(),
        command("task.explode", json!({})),
    ];
    let mut sidecar = AppCallbackClient::connect(stack.app_channel.clone()).await.unwrap();
    let mut statuses = async |token: &str| -> Vec<(String, TopicEventResponseStatus)> {
        let entry = |(at, record): (usize, &String)| TopicEventBulkRequestEntry {
            entry_id: at.to_string(),
            event: Some(Event::Bytes(record.clone().into())),
            metadata: HashMap::from([("__key".to_owned(), (at % 2).to_string())]),
            ..TopicEventBulkRequestEntry::default()
        };
        let entries = records.iter().enumerate().map(entry).collect();
        let bulk = TopicEventBulkRequest { entries, path: "/deliveries/task-commands".to_owned(), ..TopicEventBulkRequest::default() };
        let answer = sidecar.on_bulk_topic_event(with(Some(("dapr-api-token", token)), bulk)).await.unwrap().into_inner();
        answer.statuses.into_iter().map(|status| (status.entry_id.clone(), status.status())).collect()
    };
    let each = |status: TopicEventResponseStatus| ["0", "1", "2"].map(|id| (id.to_owned(), status)).to_vec();
    assert_eq!(statuses("guess").await, each(TopicEventResponseStatus::Retry));
    assert_eq!(statuses(APP_TOKEN).await, each(TopicEventResponseStatus::Success), "an unreadable record becomes a dead letter");
    let bearer = format!("Bearer {API_TOKEN}");
    eventually("the task of the bulk", async || {
        let answer = stack.api.call("GET", "/api/tasks?tags=bulk", &[("authorization", &bearer)], "").await.is(200);
        answer.json().as_array().is_some_and(|tasks| tasks.len() == 1).then_some(())
    })
    .await;
}

async fn metrics_show_the_failures(stack: &Stack) {
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
