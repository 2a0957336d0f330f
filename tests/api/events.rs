//! CloudEvents in, CloudEvents out.

use serde_json::{Value, json};
use tests::{Answer, App, Socket, in_seconds};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const AHEAD: &str = "2199-03-31T09:00:00Z";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn event(id: &str, ty: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": ty, "data": data })
}

async fn structured(app: &App, event: &Value) -> Answer {
    app.call("POST", "/", &[("content-type", STRUCTURED)], event.to_string()).await
}

/// Sends a command, and returns the answering event.
async fn obeyed(app: &App, id: &str, ty: &str, data: &Value) -> Value {
    let answer = structured(app, &event(id, ty, data)).await.is(200);
    assert_eq!(answer.header("content-type"), STRUCTURED);
    answer.json()
}

#[tokio::test]
async fn every_command_is_executed_and_answered_by_its_event() {
    let app = App::start().await;
    let answer = obeyed(&app, "1", "task.create", &json!({ "title": "Pay rent", "due_date": AHEAD, "tags": ["Home"] })).await;
    for (member, value) in [
        ("specversion", json!("1.0")),
        ("type", json!("task.created")),
        ("source", json!("/taskflow/create-task")),
        ("subject", json!("task/1")),
        ("partitionkey", json!("1")),
        ("correlationid", json!("1")),
        ("datacontenttype", json!("application/json")),
    ] {
        assert_eq!(answer[member], value, "{member} of {answer}");
    }
    assert_eq!(answer["id"].as_str().unwrap().as_bytes()[14], b'7', "a UUIDv7: {answer}");
    let data = &answer["data"];
    assert_eq!(
        (&data["event_type"], &data["task_id"], &data["user_id"], &data["correlation_id"]),
        (&json!("task.created"), &json!(1), &json!(1), &json!("1"))
    );
    assert_eq!(data["task_data"], app.task(&json!(1)).await, "the task as REST answers it");
    assert!(data["timestamp"].is_string());

    for (id, ty, data, answered, change) in [
        ("2", "task.update", json!({ "task_id": 1, "title": "Pay the rent" }), "task.updated", ("title", json!("Pay the rent"))),
        ("3", "task.set-priority", json!({ "task_id": 1, "priority": "high" }), "task.updated", ("priority", json!("high"))),
        ("4", "task.add-tags", json!({ "task_id": 1, "tags": ["Money"] }), "task.updated", ("tags", json!(["home", "money"]))),
        ("5", "task.remove-tags", json!({ "task_id": 1, "tags": ["home"] }), "task.updated", ("tags", json!(["money"]))),
    ] {
        let answer = obeyed(&app, id, ty, &data).await;
        assert_eq!((&answer["type"], &answer["data"]["task_data"][change.0]), (&json!(answered), &change.1), "{answer}");
    }
    let answer = obeyed(&app, "6", "reminder.schedule", &json!({ "task_id": 1, "reminder_offset": "1 hour" })).await;
    let reminder = answer["data"]["reminder_id"].clone();
    assert_eq!((&answer["type"], &answer["subject"]), (&json!("reminder.scheduled"), &json!(format!("reminder/{reminder}"))));
    assert_eq!((&answer["data"]["scheduled_at"], &answer["data"]["status"]), (&json!("2199-03-31T08:00:00.000000Z"), &json!("pending")));
    let answer = obeyed(&app, "7", "reminder.cancel", &json!({ "reminder_id": reminder })).await;
    assert_eq!((&answer["type"], &answer["data"]["status"]), (&json!("reminder.cancelled"), &json!("cancelled")));
    let answer = obeyed(&app, "8", "task.complete", &json!({ "task_id": 1 })).await;
    assert_eq!((&answer["type"], &answer["data"]["task_data"]["status"]), (&json!("task.completed"), &json!("completed")));
    let answer = obeyed(&app, "9", "task.reopen", &json!({ "task_id": 1 })).await;
    assert_eq!((&answer["type"], &answer["data"]["task_data"]["status"]), (&json!("task.updated"), &json!("pending")));
    let answer = obeyed(&app, "10", "task.delete", &json!({ "task_id": 1 })).await;
    assert_eq!((&answer["type"], &answer["data"]["task_data"]["version"]), (&json!("task.deleted"), &json!(7)));
    let _ = app.get("/api/tasks/1").await.problem(404);

    let history = app.history(&json!(1)).await;
    let mut expected = vec!["task.created"];
    expected.extend(["task.updated"; 4]);
    expected.extend(["reminder.scheduled", "reminder.cancelled", "task.completed", "task.updated", "task.deleted"]);
    assert_eq!(history, expected);
    app.stop().await;
}

#[tokio::test]
async fn a_command_is_structured_or_binary_by_its_content_type() {
    let app = App::start().await;
    let data = json!({ "title": "Bezahle die Miete – €" });
    let binary = [
        ("content-type", "application/json; charset=utf-8"),
        ("ce-specversion", "1.0"),
        ("ce-id", "a%20b"),
        ("ce-source", "/tests"),
        ("ce-type", "task.create"),
        ("ce-correlationid", "binary"),
    ];
    let answers = [
        app.call("POST", "/", &binary, data.to_string()).await,
        app.call(
            "POST",
            "/",
            &[("content-type", "APPLICATION/CloudEvents+JSON; charset=UTF-8")],
            event("cased", "task.create", &data).to_string(),
        )
        .await,
    ];
    for (answer, correlation) in answers.into_iter().zip(["binary", "cased"]) {
        let answer = answer.is(200).json();
        assert_eq!((&answer["data"]["task_data"]["title"], &answer["correlationid"]), (&data["title"], &json!(correlation)));
    }
    // The id of the binary event was percent-encoded: it is the same command as this one.
    let again = obeyed(&app, "a b", "task.create", &data).await;
    assert_eq!(again["correlationid"], "binary");
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "2");
    app.stop().await;
}

#[tokio::test]
async fn a_command_is_done_once_per_source_and_id_and_answered_the_same() {
    let app = App::start().await;
    let create = event("one", "task.create", &json!({ "title": "Pay rent" }));
    let first = structured(&app, &create).await.is(200);
    let answers = futures_util::future::join_all((0..8).map(|_| structured(&app, &create))).await;
    for again in answers {
        assert_eq!(again.is(200).json(), first.json());
    }
    // Eight in parallel, before any was answered.
    let other = event("two", "task.create", &json!({ "title": "Rest" }));
    let answers = futures_util::future::join_all((0..8).map(|_| structured(&app, &other))).await;
    let answers: Vec<Value> = answers.into_iter().map(|answer| answer.is(200).json()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "2");
    // Another source with the same id: another command.
    let mut elsewhere = create.clone();
    elsewhere["source"] = json!("/elsewhere");
    assert_ne!(structured(&app, &elsewhere).await.is(200).json()["data"]["task_id"], first.json()["data"]["task_id"]);
    // A failed command was not executed, and can be later.
    let complete = event("later", "task.complete", &json!({ "task_id": 4 }));
    let _ = structured(&app, &complete).await.problem(404);
    app.create(&json!({ "title": "Later" })).await;
    assert_eq!(structured(&app, &complete).await.is(200).json()["data"]["task_id"], 4);
    app.stop().await;
}

#[tokio::test]
async fn a_batch_is_done_in_order_each_in_a_transaction_of_its_own() {
    let app = App::start().await;
    let batch = json!([
        event("1", "task.create", &json!({ "title": "Pay rent" })),
        event("2", "task.complete", &json!({ "task_id": 1 })),
        event("3", "task.complete", &json!({ "task_id": 99 })),
        event("4", "task.create", &json!({ "title": "" })),
        event("5", "task.create", &json!({ "titel": "x" })),
        event("6", "task.explode", &json!({ "task_id": 1 })),
        event("7", "task.reopen", &json!({ "task_id": 1 })),
        event("1", "task.create", &json!({ "title": "Pay rent" })),
    ]);
    let answer = app.call("POST", "/", &[("content-type", BATCH)], batch.to_string()).await.is(200);
    assert_eq!(answer.header("content-type"), BATCH);
    let answers: Vec<Value> = serde_json::from_str(&answer.text).unwrap();
    let types: Vec<&str> = answers.iter().map(|answer| answer["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "task.created",
            "task.completed",
            "task.complete.failed",
            "task.create.failed",
            "task.create.failed",
            "task.explode.failed",
            "task.updated",
            "task.created",
        ]
    );
    for (index, status, pointer) in [(2, 404, None), (3, 422, Some("/data/title")), (4, 422, None), (5, 422, Some("/type"))] {
        let pointers = answer.problem_json(&answers[index]["data"], status);
        assert!(pointer.is_none_or(|pointer| pointers == [pointer]), "{pointers:?}");
        assert_eq!((&answers[index]["specversion"], &answers[index]["correlationid"]), (&json!("1.0"), &json!((index + 1).to_string())));
    }
    assert_eq!(answers[7], answers[0]);
    let tasks = app.list("/api/tasks").await;
    assert_eq!((tasks.len(), &tasks[0]["status"], &tasks[0]["version"]), (1, &json!("pending"), &json!(3)));
    assert!(app.call("POST", "/", &[("content-type", BATCH)], "[]").await.is(200).json().as_array().unwrap().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let app = App::start().await;
    let good = event("1", "task.create", &json!({ "title": "x" }));
    for (member, values) in [
        ("id", vec![Value::Null, json!(""), json!(5), json!("a\0b"), json!("x".repeat(2_000))]),
        ("source", vec![Value::Null, json!(""), json!(5), json!("a\0b"), json!("x".repeat(2_000))]),
        ("type", vec![Value::Null, json!(""), json!(5), json!("task.explode"), json!("task.create.failed")]),
        ("specversion", vec![Value::Null, json!("0.3"), json!("1.1"), json!("2.0"), json!(1.0)]),
    ] {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(member);
        let wrong = values.into_iter().map(|value| {
            let mut wrong = good.clone();
            wrong[member] = value;
            wrong
        });
        for wrong in wrong.chain([without]) {
            assert_eq!(structured(&app, &wrong).await.problem(422), [format!("/{member}")], "{wrong}");
            let answer = app.call("POST", "/", &[("content-type", BATCH)], json!([good, wrong]).to_string()).await;
            let answer = answer.is(200);
            assert_eq!(answer.json()[0]["type"], "task.created");
            assert_eq!(answer.problem_json(&answer.json()[1]["data"], 422), [format!("/{member}")], "a matter of that item alone: {wrong}");
        }
    }
    for data in [json!(null), json!([]), json!("x"), json!(5)] {
        let answer = structured(&app, &event("2", "task.create", &data)).await;
        assert_eq!(answer.problem(422), ["/data"], "{data}");
    }
    let mut bare = event("3", "task.create", &json!({}));
    bare.as_object_mut().unwrap().remove("data");
    assert_eq!(structured(&app, &bare).await.problem(422), ["/data"]);
    for (content_type, body) in [
        (STRUCTURED, ""),
        (STRUCTURED, "{"),
        (STRUCTURED, "[]"),
        (STRUCTURED, "5"),
        (BATCH, ""),
        (BATCH, "{}"),
        (BATCH, "[5]"),
        (BATCH, "[{]"),
    ] {
        let answer = app.call("POST", "/", &[("content-type", content_type)], body).await;
        assert!(answer.problem(400).is_empty(), "{content_type} {body}");
    }
    // Nothing else is an event, whatever the body holds, including Kafka's header names.
    let kafka = [("ce_specversion", "1.0"), ("ce_id", "k"), ("ce_source", "/tests"), ("ce_type", "task.create")];
    for content_type in ["application/json", "text/plain", "application/cloudevents", "application/cloudevents+xml", ""] {
        for body in [good.to_string(), "{}".to_owned(), String::new()] {
            let headers: Vec<_> = [("content-type", content_type)].into_iter().chain(kafka).collect();
            assert!(app.call("POST", "/", &headers, body).await.problem(415).is_empty(), "{content_type}");
        }
    }
    let many: Vec<Value> =
        (0..1_001).map(|id| json!({ "specversion": "1.0", "id": id.to_string(), "source": "/t", "type": "task.create" })).collect();
    let _ = app.call("POST", "/", &[("content-type", BATCH)], json!(many).to_string()).await.problem(422);
    let binary =
        [("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-id", "b"), ("ce-source", "/t"), ("ce-type", "task.create")];
    assert!(app.call("POST", "/", &binary, "{").await.problem(400).is_empty());
    assert_eq!(app.call("POST", "/", &binary[..4], "{}").await.problem(422), ["/type"]);
    assert_eq!(app.call("POST", "/", &binary, "").await.problem(422), ["/data"]);
    app.stop().await;
}

#[tokio::test]
async fn the_callers_correlation_and_trace_go_through_to_every_event() {
    let app = App::start().await;
    let headers = [("x-correlation-id", "corr-1"), ("traceparent", TRACE)];
    let body = json!({ "title": "Pay rent", "due_date": AHEAD, "recurrence": "monthly", "reminder_offset": "1 hour" });
    let task = app.send("POST", "/api/tasks", &headers, &body).await.is(201).json();
    app.settled().await;
    let _ = app.send("POST", &format!("/api/tasks/{}/complete", task["id"]), &headers, &Value::Null).await.is(200);
    app.settled().await;
    let entries = app.list(&format!("/api/audit?task_id={}&chain=true", task["id"])).await;
    let mut types: Vec<&str> = entries.iter().map(|entry| entry["event_type"].as_str().unwrap()).collect();
    types.sort_unstable();
    // The first occurrence, its reminder and completion, and the second occurrence with its reminder.
    assert_eq!(types, ["reminder.cancelled", "reminder.scheduled", "reminder.scheduled", "task.completed", "task.created", "task.created"]);
    for entry in entries {
        let event = &entry["event_data"];
        assert_eq!((&event["id"], &event["type"]), (&entry["event_id"], &entry["event_type"]), "the whole event is kept");
        assert_eq!((&event["correlationid"], &event["data"]["correlation_id"]), (&json!("corr-1"), &json!("corr-1")), "{event}");
        let trace = event["traceparent"].as_str().unwrap();
        assert_eq!((&trace[..35], &trace[53..]), (&TRACE[..35], "01"));
        assert_ne!(trace, TRACE, "a span of its own");
    }
    // Invalid values are replaced.
    for (correlation, trace) in [("with space", "nonsense"), (&*"x".repeat(129), "00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    {
        let headers = [("x-correlation-id", correlation), ("traceparent", trace)];
        let task = app.send("POST", "/api/tasks", &headers, &json!({ "title": "x" })).await.is(201).json();
        app.settled().await;
        let event = app.list(&format!("/api/audit?task_id={}", task["id"])).await.remove(0)["event_data"].clone();
        assert_ne!(event["correlationid"], correlation);
        assert_ne!(event["traceparent"], trace);
    }
    app.stop().await;
}

#[tokio::test]
async fn changes_of_tasks_reach_open_sockets_live() {
    let app = App::start().await;
    let mut socket = Socket::open(&app, None).await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": in_seconds(3600) })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    let frame = socket.frame().await;
    assert_eq!((&frame["type"], &frame["event_type"], &frame["task_id"]), (&json!("update"), &json!("task.created"), &task["id"]));
    assert_eq!(frame["update_data"], task, "all fields are new");

    let _ = app.put(&one, &json!({ "title": "Pay the rent" })).await.is(200);
    let frame = socket.frame().await;
    assert_eq!(frame["event_type"], "task.updated");
    let changed: Vec<&String> = frame["update_data"].as_object().unwrap().keys().collect();
    assert_eq!(changed, ["title", "updated_at", "version"]);
    assert_eq!(frame["update_data"]["title"], "Pay the rent");

    // Nothing changes, so nothing is announced.
    let _ = app.put(&one, &json!({ "title": " Pay the rent " })).await.is(200);
    let _ = app.post(&format!("{one}/complete"), &Value::Null).await.is(200);
    let frame = socket.frame().await;
    assert_eq!((&frame["event_type"], &frame["update_data"]["status"]), (&json!("task.completed"), &json!("completed")));
    let _ = app.delete(&one).await.is(204);
    let frame = socket.frame().await;
    assert_eq!((&frame["event_type"], &frame["update_data"]), (&json!("task.deleted"), &json!({})));
    app.stop().await;
}
