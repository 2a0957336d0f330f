//! Metrics, as Prometheus reads them.

use serde_json::json;
use tests::{App, eventually, in_seconds};

#[tokio::test]
async fn calls_deliveries_dead_letters_and_lateness_are_counted() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "counted", "due_date": in_seconds(1), "reminder_offset": "0 minutes" })).await;
    app.reminder(&task["id"], "sent").await;
    let _ = app.get("/api/tasks/4711").await.is(404);
    app.settled().await;
    let wanted = [
        "taskflow_http_requests_total{function=\"create-task\",method=\"POST\",status=\"201\"} 1",
        "taskflow_http_requests_total{function=\"get-task\",method=\"GET\",status=\"404\"} 1",
        "taskflow_http_request_duration_seconds_count{function=\"create-task\"} 1",
        "taskflow_deliveries_total{function=\"fire-reminder\",outcome=\"taken\"} 1",
        "taskflow_reminder_lateness_seconds_count 1",
        "taskflow_outbox_depth 0",
    ];
    eventually("all of it to be counted", async || {
        let answer = app.get("/metrics").await.is(200);
        assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{answer:?}");
        wanted.iter().all(|line| answer.text.lines().any(|own| own == *line)).then_some(())
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn only_callers_with_the_token_get_them() {
    let app = App::with(&[("TASKFLOW_API_TOKEN", "metrics-token")]).await;
    let _ = app.get("/metrics").await.problem(401);
    let _ = app.call("GET", "/metrics", &[("authorization", "Bearer metrics-token")], "").await.is(200);
    let _ = app.call("POST", "/metrics", &[("authorization", "Bearer metrics-token")], "").await.problem(405);
    app.stop().await;
}
