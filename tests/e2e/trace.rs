//! Everything that one call causes has one trace and one correlation id, through Kafka, the scheduler and back.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::stack::Options;
use tests::{Collector, Socket, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread")]
async fn one_call_is_one_trace_and_one_correlation_through_all_it_causes() {
    let collector = Collector::start().await;
    let env = vec![("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.url.clone())];
    let (_folder, stack) = crate::stack(Options { env, ..Options::default() }).await;
    let mut socket = Socket::open(&stack.api, None).await;
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("traceparent", traceparent.as_str()), ("x-correlation-id", "story-1"), ("content-type", "application/json")];
    let task = json!({ "title": "traced", "due_date": tests::in_seconds(3), "recurrence": "daily", "reminder_offset": "0 minutes" });
    let task = stack.api.call("POST", "/api/tasks", &headers, task.to_string()).await.is(201).json();
    assert_eq!(socket.frame_of("notification").await["task_id"], task["id"]);
    stack.api.reminder(&task["id"], "sent").await;
    let _ = stack.api.call("POST", &format!("/api/tasks/{}/complete", task["id"]), &headers, "").await.is(200);
    let child = eventually("the next occurrence", async || {
        stack.api.list("/api/tasks?status=pending").await.into_iter().find(|other| other["parent_task_id"] == task["id"])
    })
    .await;
    stack.api.reminder(&child["id"], "pending").await;

    let entries = eventually("all of it in the audit log", async || {
        let mut entries = stack.api.list(&format!("/api/audit?task_id={}", task["id"])).await;
        entries.extend(stack.api.list(&format!("/api/audit?task_id={}", child["id"])).await);
        // Created, scheduled, triggered, sent, completed; created, scheduled.
        (entries.len() >= 7).then_some(entries)
    })
    .await;
    for entry in &entries {
        let event: &Value = &entry["event_data"];
        assert_eq!(event["correlationid"], "story-1", "{event}");
        assert!(event["traceparent"].as_str().unwrap().contains(TRACE), "{event}");
    }

    // Every process sends its own spans; all belong to one trace, and each except the first has a parent in it.
    let wanted = BTreeSet::from(
        ["gateway", "create-task", "schedule-reminder", "fire-reminder", "notify", "complete-task", "spawn-recurrence", "record-audit"]
            .map(str::to_owned),
    );
    let spans = eventually("the spans of every process", async || {
        let spans = collector.trace(TRACE);
        let services: BTreeSet<String> = spans.iter().map(|span| span.service.clone()).collect();
        wanted.is_subset(&services).then_some(spans)
    })
    .await;
    assert!(spans.iter().all(|span| span.attribute("taskflow.correlation_id") == "story-1" && !span.is_error), "{spans:#?}");
    let fired = spans.iter().find(|span| span.service == "fire-reminder").unwrap();
    let shown = spans.iter().find(|span| span.service == "notify" && span.attribute("cloudevents.event_type") == "reminder.triggered");
    assert_eq!(shown.unwrap().parent, fired.id);
    stack.stop().await;
}
