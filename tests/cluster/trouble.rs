//! Faults and their diagnosis: callers get a clear problem, and `just doctor` names the cause.

use std::time::Duration;

use serde_json::{Value, json};
use tests::eventually_within;

use crate::cluster::{API_TOKEN, Cluster, at_zero, doctor, kubectl, kubectl_with, secret};

/// Requests an uncached answer.
const NEW: (&str, &str) = ("cache-control", "no-cache");
/// Time limit of Knative's detection: its deadline for a revision, and a margin.
const TO_FIND_OUT: Duration = Duration::from_mins(4);
/// Time limit of Kubernetes' removal of a deleted function's objects: on a busy machine its garbage collector lags by minutes.
const TO_REMOVE: Duration = Duration::from_mins(8);

pub(crate) async fn is_told(cluster: &Cluster) {
    at_zero().await;
    let said = doctor();
    assert!(said.contains("no problems found"), "{said}");
    let _ = cluster.api.get("/api/unknown").await.problem(404);
    eprintln!("a function is missing");
    a_deleted_function(cluster).await;
    eprintln!("an image is missing, a program exits at its start");
    a_missing_image_and_a_program_that_exits(cluster).await;
    eprintln!("a database refuses the login");
    a_database_that_refuses_the_login(cluster).await;
    eprintln!("the database address is invalid");
    an_invalid_database_url(cluster).await;
}

async fn a_deleted_function(cluster: &Cluster) {
    let mut service = ksvc("list-tags");
    kubectl(&["delete", "ksvc", "list-tags"]);
    // Knative holds a call that arrives while it removes the function.
    let answer = eventually_within(TO_REMOVE, "the function to be missed", async || {
        cluster.api.try_call("GET", "/api/tags", &[], "").await.ok().filter(|answer| answer.status == 503)
    })
    .await;
    let _ = answer.problem(503);
    assert!(doctor().contains("function list-tags does not exist"), "{}", doctor());
    service["metadata"] = json!({ "name": "list-tags", "labels": service["metadata"]["labels"] });
    apply(&service);
    ready("list-tags");
}

/// The previous release keeps working in both cases.
async fn a_missing_image_and_a_program_that_exits(cluster: &Cluster) {
    for (name, change) in [
        ("list-tags", json!([{ "op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "dev.local/nothing:none" }])),
        (
            "list-tasks",
            json!([{ "op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": { "name": "TASKFLOW_TIME_ZONE", "value": "Mars/Base" } }]),
        ),
    ] {
        kubectl(&["patch", "ksvc", name, "--type", "json", "--patch", &change.to_string()]);
    }
    let mut said = String::new();
    eventually_within(TO_FIND_OUT, "the doctor to find both", async || {
        said = doctor();
        let finds = |word: &str| said.contains(word);
        (finds("dev.local/nothing:none") && finds("TASKFLOW_TIME_ZONE") && finds("Mars/Base")).then_some(())
    })
    .await;
    eprintln!("{said}");
    let _ = cluster.api.get("/api/tags").await.is(200);
    let _ = cluster.api.get("/api/tasks").await.is(200);
    for name in ["list-tags", "list-tasks"] {
        let _ = kubectl(&["delete", "ksvc", name]);
    }
}

async fn a_database_that_refuses_the_login(cluster: &Cluster) {
    at_zero().await;
    let (before, at) = cluster.database_url.split_once('@').unwrap();
    let user = before.rsplit_once(':').unwrap().0;
    secret(&cluster.kafka.address, &format!("{user}:wrong@{at}"), API_TOKEN);
    let health = cluster.api.call("GET", "/health", &[NEW], "").await.is(503).json();
    assert_eq!((&health["status"], &health["services"]["database"]), (&json!("unhealthy"), &json!("down")), "{health}");
    let _ = cluster.api.get("/api/reminders").await.problem(503);
    let said = doctor();
    eprintln!("{said}");
    // daprd stores conversations in the same database. After its retries it ends with the reason, and the gateway's pod is not ready.
    let by_health = said.contains("/health: database is down") && said.contains("neon-connection-string");
    assert!(by_health || said.contains("password authentication failed"), "{said}");
    assert!(!said.contains(":wrong@"), "a secret was shown: {said}");
}

/// Every function ends at its start, so a call waits as long as Knative holds it, and then fails.
async fn an_invalid_database_url(cluster: &Cluster) {
    at_zero().await;
    secret(&cluster.kafka.address, "no URL at all", API_TOKEN);
    let (answer, said) = tokio::join!(cluster.api.try_call("GET", "/health", &[NEW], ""), tokio::task::spawn_blocking(doctor));
    let said = said.unwrap();
    eprintln!("{answer:?}\n{said}");
    // Once daprd has ended, the gateway's pod is not ready, and nothing accepts connections.
    if let Ok(answer) = answer {
        assert!(matches!(answer.status, 502..=504), "{answer:?}");
        let _ = answer.problem(answer.status);
    }
    assert!(said.contains("neon-connection-string is not of the form"), "{said}");
    // daprd stores conversations at the same address, and ends first; whether a function was woken and ended too depends on timing.
    assert!(said.contains("/health does not answer") && said.contains("statestore"), "{said}");
    assert!(!said.contains("no URL at all") && !said.contains(API_TOKEN), "a secret was shown: {said}");
}

fn ksvc(name: &str) -> Value {
    let mut service: Value = serde_json::from_str(&kubectl(&["get", "ksvc", name, "--output", "json"])).unwrap();
    service.as_object_mut().unwrap().remove("status");
    service
}

fn apply(service: &Value) {
    kubectl_with(&["apply", "--filename", "-"], &service.to_string());
}

fn ready(name: &str) {
    kubectl(&["wait", &format!("ksvc/{name}"), "--for", "condition=Ready", "--timeout", "2m"]);
}
