//! Every row of the table of errors.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{App, in_seconds};

const TOKEN: &str = "hunter2-hunter2";
/// Requests an uncached answer.
const NEW: (&str, &str) = ("cache-control", "no-cache");

/// A due date in the distant future.
const AHEAD: &str = "2199-03-31T09:00:00Z";

#[tokio::test]
async fn malformed_json_is_400() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    for (method, path) in
        [("POST", "/api/tasks"), ("PUT", &one), ("POST", &format!("{one}/tags")), ("POST", "/api/tasks/search"), ("POST", "/api/reminders")]
    {
        for body in [&b"{"[..], b"{\"title\":}", b"nonsense", b"{\"title\":\"\xff\"}", b"{} {}", "{\"title\":\"\\ud800\"}".as_bytes()] {
            let answer = app.call(method, path, &[("content-type", "application/json")], body.to_vec()).await;
            assert!(answer.problem(400).is_empty(), "{answer:?}");
        }
    }
    assert_eq!(app.task(&task["id"]).await, task);
    app.stop().await;
}

#[tokio::test]
async fn an_id_in_the_path_that_is_no_integer_is_400() {
    let app = App::start().await;
    for id in ["abc", "1.5", "99999999999999999999", "1%00", "%FF", "-", "0x1"] {
        for (method, path, body) in [
            ("GET", format!("/api/tasks/{id}"), Value::Null),
            ("PUT", format!("/api/tasks/{id}"), json!({})),
            ("DELETE", format!("/api/tasks/{id}"), Value::Null),
            ("POST", format!("/api/tasks/{id}/complete"), Value::Null),
            ("POST", format!("/api/tasks/{id}/reopen"), Value::Null),
            ("PUT", format!("/api/tasks/{id}/priority"), json!({ "priority": "high" })),
            ("POST", format!("/api/tasks/{id}/tags"), json!({ "tags": ["a"] })),
            ("DELETE", format!("/api/tasks/{id}/tags"), json!({ "tags": ["a"] })),
            ("DELETE", format!("/api/reminders/{id}"), Value::Null),
            ("POST", format!("/api/notifications/{id}/read"), Value::Null),
        ] {
            assert!(app.send(method, &path, &[], &body).await.problem(400).is_empty());
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn headers_that_cannot_be_read_are_400() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    for tag in ["", "1", "\"1", "\"1\",", "W/1"] {
        let _ = app.send("PUT", &one, &[("if-match", tag)], &json!({ "title": "x" })).await.problem(400);
    }
    for key in ["", "  ", "k\tk", &"k".repeat(256)] {
        let _ = app.send("POST", "/api/tasks", &[("idempotency-key", key)], &json!({ "title": "x" })).await.problem(400);
    }
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "1");
    app.stop().await;
}

#[tokio::test]
async fn without_the_token_is_401() {
    let app = App::with(&[("TASKFLOW_API_TOKEN", TOKEN)]).await;
    let wrong = [
        format!("Bearer {TOKEN}x"),
        TOKEN.to_owned(),
        "Basic aHVudGVyMg==".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {}", &TOKEN[1..]),
    ];
    for (method, path, body) in [
        ("GET", "/api/tasks", Value::Null),
        ("POST", "/api/tasks", json!({ "title": "x" })),
        ("GET", "/api/tags", Value::Null),
        ("POST", "/api/tasks/search", json!({})),
        ("GET", "/api/tasks/1", Value::Null),
        ("PUT", "/api/tasks/1", json!({})),
        ("DELETE", "/api/tasks/1", Value::Null),
        ("POST", "/api/tasks/1/complete", Value::Null),
        ("GET", "/api/reminders", Value::Null),
        ("POST", "/api/reminders", json!({ "task_id": 1, "reminder_offset": "1 hour" })),
        ("GET", "/api/notifications", Value::Null),
        ("GET", "/api/audit", Value::Null),
        ("GET", "/ws/notifications", Value::Null),
        ("GET", "/metrics", Value::Null),
        ("POST", "/", json!({ "specversion": "1.0", "id": "1", "source": "/t", "type": "task.create", "data": { "title": "x" } })),
    ] {
        let answer = app.send(method, path, &[], &body).await;
        assert!(answer.problem(401).is_empty());
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        // In parallel, because each waits.
        let guesses = wrong.iter().map(async |wrong| app.send(method, path, &[("authorization", wrong)], &body).await);
        for answer in futures_util::future::join_all(guesses).await {
            assert!(answer.problem(401).is_empty());
        }
    }
    for path in ["/", "/assets/app.js", "/health", "/health/live", "/health/ready", "/openapi.json", "/asyncapi.json"] {
        let _ = app.get(path).await.is(200);
    }
    for right in [format!("Bearer {TOKEN}"), format!("bearer   {TOKEN}")] {
        let answer = app.call("GET", "/api/tasks", &[("authorization", &right)], "").await.is(200);
        assert_eq!(answer.header("x-total-count"), "0", "nothing was done for those without the token");
    }
    // The process's own deliveries need no caller's token.
    let headers = [("authorization", &*format!("Bearer {TOKEN}"))];
    let task = app
        .send("POST", "/api/tasks", &headers, &json!({ "title": "x", "due_date": AHEAD, "reminder_offset": "1 hour" }))
        .await
        .is(201)
        .json();
    app.settled().await;
    let reminders = app.call("GET", &format!("/api/reminders?task_id={}", task["id"]), &headers, "").await.is(200).json();
    assert_eq!(reminders.as_array().unwrap().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let app = App::start().await;
    for (method, path, body) in [
        ("GET", "/api/nothing", Value::Null),
        ("GET", "/api", Value::Null),
        ("GET", "/api/tasks//", Value::Null),
        ("GET", "/assets/nothing.js", Value::Null),
        ("GET", "/assets/%2e%2e%2fCargo.toml", Value::Null),
        ("GET", "/api/tasks/999", Value::Null),
        ("GET", "/api/tasks/-1", Value::Null),
        ("PUT", "/api/tasks/999", json!({ "title": "x" })),
        ("DELETE", "/api/tasks/999", Value::Null),
        ("POST", "/api/tasks/999/complete", Value::Null),
        ("POST", "/api/tasks/999/reopen", Value::Null),
        ("PUT", "/api/tasks/999/priority", json!({ "priority": "high" })),
        ("POST", "/api/tasks/999/tags", json!({ "tags": ["a"] })),
        ("DELETE", "/api/tasks/999/tags", json!({ "tags": ["a"] })),
        ("POST", "/api/reminders", json!({ "task_id": 999, "reminder_offset": "1 hour" })),
        ("DELETE", "/api/reminders/999", Value::Null),
        ("POST", "/api/notifications/999/read", Value::Null),
        ("POST", "/job/fire-reminder-1", Value::Null),
    ] {
        let answer = app.send(method, path, &[], &body).await;
        assert!(answer.problem(404).is_empty());
    }
    assert!(app.list("/api/reminders?task_id=999").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn another_method_is_405_with_allow() {
    let app = App::start().await;
    for (method, path, allowed) in [
        ("DELETE", "/api/tasks", "GET HEAD POST"),
        ("PATCH", "/api/tags", "GET HEAD"),
        ("POST", "/api/tasks/1", "DELETE GET HEAD PATCH PUT"),
        ("GET", "/api/tasks/1/complete", "POST"),
        ("POST", "/api/tasks/1/priority", "PUT"),
        ("GET", "/api/tasks/1/tags", "DELETE POST"),
        ("POST", "/api/tags", "GET HEAD"),
        ("PUT", "/api/reminders", "GET HEAD POST"),
        ("GET", "/api/reminders/1", "DELETE"),
        ("POST", "/health", "GET HEAD"),
        ("PUT", "/", "GET HEAD POST"),
        ("OPTIONS", "/api/tasks", "GET HEAD POST"),
        ("TRACE", "/api/audit", "GET HEAD"),
    ] {
        let answer = app.call(method, path, &[], "").await;
        assert!(answer.problem(405).is_empty());
        let mut methods: Vec<&str> = answer.header("allow").split(", ").collect();
        methods.sort_unstable();
        assert_eq!(methods.join(" "), allowed, "{method} {path}");
    }
    // A search uses POST; the word in the path is not a task's id.
    let _ = app.get("/api/tasks/search").await.problem(405);
    let head = app.call("HEAD", "/api/tasks", &[], "").await.is(200);
    assert_eq!((head.text.as_str(), head.header("x-total-count")), ("", "0"));
    app.stop().await;
}

#[tokio::test]
async fn a_call_with_the_key_of_a_call_in_progress_is_409() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    // Changes of the task must wait for this lock.
    let mut lock = app.store.pool().begin().await.unwrap();
    sqlx::query("SELECT 1 FROM tasks FOR UPDATE").execute(&mut *lock).await.unwrap();
    let (key, body) = (("idempotency-key", "one"), json!({ "title": "Pay the rent" }));
    let key = [key];
    let first = app.send("PUT", &one, &key, &body);
    let others = async {
        tests::eventually("the first call", async || {
            let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            let held: i64 = sqlx::query_scalar(sql).fetch_one(app.store.pool()).await.unwrap();
            (held > 0).then_some(())
        })
        .await;
        assert!(app.send("PUT", &one, &key, &body).await.problem(409).is_empty());
        // The key belongs to one method and path.
        let _ = app.send("POST", "/api/tasks", &key, &body).await.is(201);
        lock.rollback().await.unwrap();
    };
    let (first, ()) = tokio::join!(first, others);
    let first = first.is(200);
    let again = app.send("PUT", &one, &key, &body).await.is(200);
    assert_eq!((&again.text, again.header("etag")), (&first.text, first.header("etag")));
    assert_eq!(app.task(&task["id"]).await["version"], 2);
    app.stop().await;
}

#[tokio::test]
async fn a_reminder_of_a_completed_task_is_409() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD })).await;
    let _ = app.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
    let answer = app.post("/api/reminders", &json!({ "task_id": task["id"], "reminder_offset": "1 hour" })).await;
    assert!(answer.problem(409).is_empty());
    app.stop().await;
}

#[tokio::test]
async fn another_version_than_if_match_names_is_412() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "tags": ["home"] })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    let changes = [
        ("PUT", one.clone(), json!({ "title": "x" })),
        ("PUT", format!("{one}/priority"), json!({ "priority": "high" })),
        ("POST", format!("{one}/tags"), json!({ "tags": ["a"] })),
        ("DELETE", format!("{one}/tags"), json!({ "tags": ["home"] })),
        ("POST", format!("{one}/complete"), Value::Null),
        ("POST", format!("{one}/reopen"), Value::Null),
        ("DELETE", one.clone(), Value::Null),
    ];
    for (method, path, body) in &changes {
        for stale in ["\"2\"", "\"0\"", "W/\"1\"", "\"abc\"", "\"2\", \"3\""] {
            assert!(app.send(method, path, &[("if-match", stale)], body).await.problem(412).is_empty());
        }
    }
    assert_eq!(app.task(&task["id"]).await, task);
    for (version, (method, path, body)) in (1..).zip(&changes) {
        let (named, any) = (format!("\"77\", \"{version}\""), "*".to_owned());
        let tag = if version % 2 == 0 { any } else { named };
        let answer = app.send(method, path, &[("if-match", &tag)], body).await;
        assert!(answer.status < 300, "{answer:?}");
        if answer.status == 200 {
            assert_eq!(answer.header("etag"), format!("\"{}\"", version + 1));
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn more_than_256_kib_is_413() {
    const MAX: usize = 256 * 1024;
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    let json = [("content-type", "application/json")];
    for (method, path) in
        [("POST", "/api/tasks"), ("PUT", one.as_str()), ("POST", "/api/tasks/search"), ("POST", "/api/reminders"), ("POST", "/")]
    {
        for size in [MAX + 1, 2 * MAX] {
            assert!(app.call(method, path, &json, " ".repeat(size)).await.problem(413).is_empty());
        }
    }
    let mut body = json!({ "title": "as large as can be" }).to_string();
    body.extend(std::iter::repeat_n(' ', MAX - body.len()));
    let _ = app.call("POST", "/api/tasks", &json, body).await.is(201);
    app.stop().await;
}

#[tokio::test]
async fn another_content_type_is_415() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    let body = json!({ "title": "x", "tags": ["a"] }).to_string();
    for (method, path) in [
        ("POST", "/api/tasks"),
        ("PUT", one.as_str()),
        ("POST", &format!("{one}/tags")),
        ("POST", "/api/tasks/search"),
        ("POST", "/api/reminders"),
    ] {
        for headers in [
            &[("content-type", "text/plain")][..],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "application/jsonx")],
            &[],
        ] {
            assert!(app.call(method, path, headers, body.clone()).await.problem(415).is_empty());
        }
    }
    let _ = app
        .call("POST", "/api/tasks", &[("content-type", "Application/JSON; charset=utf-8")], json!({ "title": "x" }).to_string())
        .await
        .is(201);
    app.stop().await;
}

/// Invalid tasks: the fields, and the pointers of the problem.
fn impossible_tasks() -> Vec<(Value, &'static str)> {
    let mut tasks = vec![
        (json!({}), "/title"),
        (json!({ "title": null }), "/title"),
        (json!({ "title": 5 }), "/title"),
        (json!({ "title": ["x"] }), "/title"),
        (json!({ "title": "" }), "/title"),
        (json!({ "title": " \u{3000}\t " }), "/title"),
        (json!({ "title": "é".repeat(201) }), "/title"),
        (json!({ "title": "a\u{7}b" }), "/title"),
        (json!({ "title": "a\nb" }), "/title"),
        (json!({ "title": "a\0b" }), "/title"),
        (json!({ "description": 5 }), "/description"),
        (json!({ "description": null }), "/description"),
        (json!({ "description": "é".repeat(10_001) }), "/description"),
        (json!({ "description": "a\0b" }), "/description"),
        (json!({ "time_zone": "Mars/Base" }), "/time_zone"),
        (json!({ "time_zone": "" }), "/time_zone"),
        (json!({ "time_zone": "../../etc/passwd" }), "/time_zone"),
        (json!({ "time_zone": "Europe/Berlin\0" }), "/time_zone"),
        (json!({ "time_zone": 1 }), "/time_zone"),
        (json!({ "priority": "urgent" }), "/priority"),
        (json!({ "priority": 1 }), "/priority"),
        (json!({ "tags": "home" }), "/tags"),
        (json!({ "tags": ["ok", 5] }), "/tags/1"),
        (json!({ "tags": ["ok", " "] }), "/tags/1"),
        (json!({ "tags": ["a,b"] }), "/tags/0"),
        (json!({ "tags": ["a\0b"] }), "/tags/0"),
        (json!({ "tags": ["a\u{1b}b"] }), "/tags/0"),
        (json!({ "tags": ["é".repeat(51)] }), "/tags/0"),
        (json!({ "tags": (0..21).map(|tag| tag.to_string()).collect::<Vec<_>>() }), "/tags"),
        (json!({ "recurrence": "daily" }), "/recurrence"),
        (json!({ "recurrence": "custom", "due_date": AHEAD }), "/recurrence"),
        (json!({ "recurrence": "yearly", "due_date": AHEAD }), "/recurrence"),
        (json!({ "recurrence": null }), "/recurrence"),
        (json!({ "recurrence_rule": "FREQ=DAILY" }), "/recurrence_rule"),
        (json!({ "recurrence_rule": "FREQ=DAILY", "recurrence": "daily", "due_date": AHEAD }), "/recurrence_rule"),
        (json!({ "recurrence_from": "yesterday" }), "/recurrence_from"),
        (json!({ "reminder_offset": "1 hour" }), "/reminder_offset"),
        (json!({ "reminder_offset": "1 hour", "due_date": in_seconds(-1) }), "/reminder_offset"),
        (json!({ "reminder_offset": "0 minutes", "due_date": "2020-01-01T00:00:00Z" }), "/reminder_offset"),
        (json!({ "colour": "red" }), "/colour"),
        (json!({ "status": "completed" }), "/status"),
        (json!({ "id": 7 }), "/id"),
        (json!({ "version": 7 }), "/version"),
        (json!({ "parent_task_id": 7 }), "/parent_task_id"),
        (json!({ "a/b~c": 1 }), "/a~1b~0c"),
    ];
    for due in [
        json!("tomorrow"),
        json!(""),
        json!("2026-02-30"),
        json!("2026-3-31"),
        json!("2026-03-31T09:00:00"),
        json!("2026-03-31T09:00Z"),
        json!("2026-02-30T09:00:00Z"),
        json!("0000-01-01T00:00:00Z"),
        json!("10000-01-01T00:00:00Z"),
        json!("2026-03-31T09:00:00+25:00"),
        json!(1_795_478_400),
        json!({}),
    ] {
        tasks.push((json!({ "due_date": due }), "/due_date"));
    }
    for offset in [
        json!("soon"),
        json!(""),
        json!("15"),
        json!("minutes"),
        json!("1000 minutes"),
        json!("-1 hours"),
        json!("1.5 hours"),
        json!("2 months"),
        json!(15),
    ] {
        tasks.push((json!({ "reminder_offset": offset, "due_date": AHEAD }), "/reminder_offset"));
    }
    for rule in [
        json!(""),
        json!("daily"),
        json!("FREQ=MINUTELY"),
        json!("INTERVAL=2"),
        json!("FREQ=DAILY;INTERVAL=0"),
        json!("FREQ=DAILY;INTERVAL=99999999999"),
        json!("FREQ=DAILY;COUNT=0"),
        json!("FREQ=DAILY;COUNT=2;UNTIL=22000101"),
        json!("FREQ=DAILY;UNTIL=soon"),
        json!("FREQ=DAILY;FREQ=DAILY"),
        json!("FREQ=DAILY;BYHOUR=9"),
        json!("FREQ=MONTHLY;BYMONTHDAY=32"),
        json!("FREQ=MONTHLY;BYMONTHDAY=0"),
        json!("FREQ=WEEKLY;BYDAY=XX"),
        json!("FREQ=WEEKLY;BYDAY=1MO"),
        json!("FREQ=DAILY;"),
        json!("FREQ=DAILY\0"),
        json!(5),
        json!(format!("FREQ=DAILY;{}", "X".repeat(5_000))),
    ] {
        tasks.push((json!({ "recurrence_rule": rule, "due_date": AHEAD }), "/recurrence_rule"));
    }
    tasks
}

#[tokio::test]
async fn a_task_that_breaks_a_rule_is_422_and_points_at_the_field() {
    let app = App::start().await;
    for (mut task, pointer) in impossible_tasks() {
        let fields = task.as_object_mut().unwrap();
        if pointer != "/title" {
            fields.insert("title".to_owned(), json!("Pay rent"));
        }
        let answer = app.post("/api/tasks", &task).await;
        assert_eq!(answer.problem(422), [pointer], "{task}");
        // The same as a command event, with pointers into it.
        let event = json!({ "specversion": "1.0", "id": "one", "source": "/tests", "type": "task.create", "data": task });
        let answer = app.call("POST", "/", &[("content-type", "application/cloudevents+json")], event.to_string()).await;
        assert_eq!(answer.problem(422), [format!("/data{pointer}")], "{task}");
    }
    for body in ["[]", "null", "5", "\"title\""] {
        let answer = app.call("POST", "/api/tasks", &[("content-type", "application/json")], body).await;
        assert_eq!(answer.problem(422), [""], "{body}");
    }
    let answer = app.post("/api/tasks", &json!({ "title": "", "tags": [""], "recurrence": "daily", "reminder_offset": "1 hour" })).await;
    assert_eq!(answer.problem(422), ["/title", "/tags/0", "/recurrence", "/reminder_offset"], "all of it is told at once");
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "0");
    app.stop().await;
}

#[tokio::test]
async fn a_change_that_breaks_a_rule_is_422_and_changes_nothing() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "recurrence": "monthly", "reminder_offset": "1 day" })).await;
    let plain = app.create(&json!({ "title": "Rest", "tags": (0..20).map(|tag| tag.to_string()).collect::<Vec<_>>() })).await;
    let (one, other) = (format!("/api/tasks/{}", task["id"]), format!("/api/tasks/{}", plain["id"]));
    for (method, path, body, pointers) in [
        ("PUT", one.clone(), json!({ "title": null }), vec!["/title"]),
        ("PUT", one.clone(), json!({ "title": "" }), vec!["/title"]),
        ("PUT", one.clone(), json!({ "tags": null }), vec!["/tags"]),
        ("PUT", one.clone(), json!({ "priority": null }), vec!["/priority"]),
        ("PUT", one.clone(), json!({ "time_zone": null }), vec!["/time_zone"]),
        ("PUT", one.clone(), json!({ "description": null }), vec!["/description"]),
        ("PUT", one.clone(), json!({ "due_date": null }), vec!["/recurrence", "/reminder_offset"]),
        ("PUT", one.clone(), json!({ "due_date": null, "recurrence": "none" }), vec!["/reminder_offset"]),
        ("PUT", one.clone(), json!({ "recurrence": "custom" }), vec!["/recurrence"]),
        ("PUT", one.clone(), json!({ "recurrence": "daily", "recurrence_rule": "FREQ=DAILY" }), vec!["/recurrence_rule"]),
        ("PUT", one.clone(), json!({ "reminder_offset": "2 days", "due_date": in_seconds(-60) }), vec!["/reminder_offset"]),
        ("PUT", one.clone(), json!({ "status": "completed" }), vec!["/status"]),
        ("PUT", one.clone(), json!({ "task_id": 7 }), vec!["/task_id"]),
        ("PUT", other.clone(), json!({ "recurrence": "daily" }), vec!["/recurrence"]),
        ("PUT", other.clone(), json!({ "reminder_offset": "1 hour" }), vec!["/reminder_offset"]),
        ("PUT", format!("{one}/priority"), json!({}), vec!["/priority"]),
        ("PUT", format!("{one}/priority"), json!({ "priority": "urgent" }), vec!["/priority"]),
        ("PUT", format!("{one}/priority"), json!({ "priority": "high", "colour": 1 }), vec!["/colour"]),
        ("POST", format!("{one}/tags"), json!({}), vec!["/tags"]),
        ("POST", format!("{one}/tags"), json!({ "tags": [""] }), vec!["/tags/0"]),
        ("POST", format!("{other}/tags"), json!({ "tags": ["one more"] }), vec!["/tags"]),
        ("DELETE", format!("{one}/tags"), Value::Null, vec!["/tags"]),
        ("DELETE", format!("{one}/tags"), json!({ "tags": ["a\0"] }), vec!["/tags/0"]),
        ("POST", format!("{one}/complete"), json!({ "colour": 1 }), vec!["/colour"]),
        ("DELETE", one.clone(), json!({ "colour": 1 }), vec!["/colour"]),
        ("POST", "/api/reminders".to_owned(), json!({ "task_id": task["id"] }), vec!["/reminder_offset"]),
        ("POST", "/api/reminders".to_owned(), json!({ "reminder_offset": "1 hour" }), vec!["/task_id"]),
        ("POST", "/api/reminders".to_owned(), json!({ "task_id": "1", "reminder_offset": "1 hour" }), vec!["/task_id"]),
        ("POST", "/api/reminders".to_owned(), json!({ "task_id": 1.5, "reminder_offset": "1 hour" }), vec!["/task_id"]),
        (
            "POST",
            "/api/reminders".to_owned(),
            json!({ "task_id": 9_223_372_036_854_775_808_u64, "reminder_offset": "1 hour" }),
            vec!["/task_id"],
        ),
        ("POST", "/api/reminders".to_owned(), json!({ "task_id": task["id"], "reminder_offset": "soon" }), vec!["/reminder_offset"]),
        ("POST", "/api/reminders".to_owned(), json!({ "task_id": plain["id"], "reminder_offset": "1 hour" }), vec!["/task_id"]),
    ] {
        let answer = app.send(method, &path, &[], &body).await;
        assert_eq!(answer.problem(422), pointers, "{method} {path} {body}");
    }
    let overdue = app.create(&json!({ "title": "Late", "due_date": in_seconds(-60) })).await;
    let answer = app.post("/api/reminders", &json!({ "task_id": overdue["id"], "reminder_offset": "1 hour" })).await;
    assert_eq!(answer.problem(422), ["/task_id"]);
    assert_eq!((app.task(&task["id"]).await, app.task(&plain["id"]).await), (task, plain));
    app.stop().await;
}

#[tokio::test]
async fn a_query_out_of_range_or_unknown_is_422() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=501", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=", "/limit"),
        ("limit=99999999999999999999", "/limit"),
        ("limit=1&limit=2", "/limit"),
        ("offset=-1", "/offset"),
        ("offset=10000001", "/offset"),
        ("offset=4294967296", "/offset"),
        ("status=done", "/status"),
        ("status=", "/status"),
        ("priority=1", "/priority"),
        ("sort_by=id", "/sort_by"),
        ("order=up", "/order"),
        ("tags_match=some", "/tags_match"),
        ("tags=a%00b", "/tags/0"),
        ("due_before=tomorrow", "/due_before"),
        ("due_after=2026-03-32", "/due_after"),
        ("completed_after=yesterday", "/completed_after"),
        ("id_from=first", "/id_from"),
        ("limit=1&limit=2", "/limit"),
        ("status=pending&status=pending", "/status"),
        ("colour=red", "/colour"),
        ("limit=1&Status=pending", "/Status"),
    ] {
        assert_eq!(app.get(&format!("/api/tasks?{query}")).await.problem(422), [pointer], "{query}");
    }
    for (path, pointer) in [
        ("/api/tags?colour=red", "/colour"),
        (&*format!("{one}?colour=red"), "/colour"),
        ("/api/reminders?task_id=abc", "/task_id"),
        ("/api/reminders?task_id=9223372036854775808", "/task_id"),
        ("/api/reminders?status=done", "/status"),
        ("/api/reminders?colour=red", "/colour"),
        ("/api/notifications?after=abc", "/after"),
        ("/api/notifications?after=9223372036854775808", "/after"),
        ("/api/notifications?colour=red", "/colour"),
        ("/api/audit?limit=0", "/limit"),
        ("/api/audit?chain=true", "/chain"),
        ("/api/audit?chain=maybe&task_id=1", "/chain"),
        ("/api/audit?event_type=task.exploded", "/event_type"),
        ("/api/audit?colour=red", "/colour"),
        ("/health?colour=red", "/colour"),
    ] {
        assert_eq!(app.get(path).await.problem(422), [pointer], "{path}");
    }
    for (method, path, body) in [
        ("POST", "/api/tasks".to_owned(), json!({ "title": "x" })),
        ("PUT", one.clone(), json!({ "title": "x" })),
        ("DELETE", one.clone(), Value::Null),
        ("POST", format!("{one}/complete"), Value::Null),
        ("POST", "/api/tasks/search".to_owned(), json!({})),
        ("POST", "/api/notifications/1/read".to_owned(), Value::Null),
    ] {
        let answer = app.send(method, &format!("{path}?colour=red"), &[], &body).await;
        assert_eq!(answer.problem(422), ["/colour"], "{method} {path}");
    }
    for (search, pointer) in [
        (json!({ "query": 5 }), "/query"),
        (json!({ "query": "a\0b" }), "/query"),
        (json!({ "query": "é".repeat(501) }), "/query"),
        (json!({ "query": (0..17).map(|word| word.to_string()).collect::<Vec<_>>().join(" ") }), "/query"),
        (json!({ "filters": { "colour": 1 } }), "/filters/colour"),
        (json!({ "filters": { "status": "done" } }), "/filters/status"),
        (json!({ "filters": { "tags": ["ok", "a\0b"] } }), "/filters/tags/1"),
        (json!({ "filters": { "tags": "ok" } }), "/filters/tags"),
        (json!({ "filters": { "due_before": "tomorrow" } }), "/filters/due_before"),
        (json!({ "filters": [] }), "/filters"),
        (json!({ "sort_by": "id" }), "/sort_by"),
        (json!({ "order": 1 }), "/order"),
        (json!({ "limit": 0 }), "/limit"),
        (json!({ "limit": 501 }), "/limit"),
        (json!({ "limit": "10" }), "/limit"),
        (json!({ "limit": 4_294_967_296_u64 }), "/limit"),
        (json!({ "offset": -1 }), "/offset"),
        (json!({ "offset": 1.5 }), "/offset"),
        (json!({ "colour": 1 }), "/colour"),
    ] {
        assert_eq!(app.post("/api/tasks/search", &search).await.problem(422), [pointer], "{search}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_key_with_another_body_is_422() {
    let app = App::start().await;
    let key = [("idempotency-key", "one")];
    let _ = app.send("POST", "/api/tasks", &key, &json!({ "title": "Pay rent" })).await.is(201);
    assert_eq!(app.send("POST", "/api/tasks", &key, &json!({ "title": "Rest" })).await.problem(422), [""]);
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "1");
    // A refused call is not stored: the key is free.
    let other = [("idempotency-key", "two")];
    let _ = app.send("POST", "/api/tasks", &other, &json!({ "title": "" })).await.problem(422);
    let _ = app.send("POST", "/api/tasks", &other, &json!({ "title": "Rest" })).await.is(201);
    app.stop().await;
}

/// Makes a call of each kind that needs the database.
async fn calls_are_503(app: &App) {
    let calls = [
        ("GET", "/api/tasks", Value::Null),
        ("GET", "/api/tasks/1", Value::Null),
        ("GET", "/api/tags", Value::Null),
        ("POST", "/api/tasks", json!({ "title": "x" })),
        ("PUT", "/api/tasks/1", json!({ "title": "x" })),
        ("DELETE", "/api/tasks/1", Value::Null),
        ("POST", "/api/tasks/1/complete", Value::Null),
        ("POST", "/api/tasks/search", json!({ "query": "x" })),
        ("GET", "/api/reminders", Value::Null),
        ("GET", "/api/notifications", Value::Null),
        ("GET", "/api/audit", Value::Null),
    ];
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/t", "type": "task.create", "data": { "title": "x" } });
    let answers = calls.iter().map(|(method, path, body)| app.send(method, path, &[], body));
    let (mut answers, answer) = tokio::join!(
        futures_util::future::join_all(answers),
        app.call("POST", "/", &[("content-type", "application/cloudevents+json")], event.to_string())
    );
    answers.push(answer);
    for answer in answers {
        assert!(answer.problem(503).is_empty());
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    }
    let health = app.call("GET", "/health", &[NEW], "").await.is(503).json();
    assert_eq!(health["status"], "unhealthy");
    for service in ["database", "events", "jobs", "state"] {
        assert_eq!(health["services"][service], "down", "{service}");
    }
    // The probes do not query the database, and invalid requests are refused without it.
    for path in ["/health/live", "/health/ready", "/"] {
        let _ = app.get(path).await.is(200);
    }
    let _ = app.post("/api/tasks", &json!({ "title": 5 })).await.problem(422);
}

#[tokio::test]
async fn an_unavailable_database_is_503_until_it_returns() {
    let app = App::behind_a_proxy().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    assert_eq!(
        app.read("/health").await,
        json!({ "status": "healthy", "services": { "database": "up", "events": "up", "jobs": "up", "state": "up" } })
    );
    let proxy = app.proxy.as_ref().unwrap();
    proxy.cut().await;
    calls_are_503(&app).await;
    proxy.restore().await;
    assert_eq!(app.task(&task["id"]).await, task);
    tests::eventually("health", async || (app.call("GET", "/health", &[NEW], "").await.status == 200).then_some(())).await;
    // Events flow again, too.
    let next = app.create(&json!({ "title": "Rest" })).await;
    assert_eq!(app.history(&next["id"]).await, ["task.created"]);
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_503() {
    let app = App::start().await;
    let (server, rest) = app.database_url().rsplit_once('/').unwrap();
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut connection = PgConnection::connect(&format!("{server}/postgres?{query}")).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut connection).await.unwrap();
    calls_are_503(&app).await;
    app.stop().await;
}
