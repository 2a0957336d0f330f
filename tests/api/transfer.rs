//! Import and export: every format, its report, existing tasks, and an export that restores everything.

use serde_json::{Value, json};
use tests::{App, Socket, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::calendars::{Client, HOME};

const AHEAD: &str = "2199-03-31T09:00:00Z";

/// Sends a file, and waits until its job is finished.
async fn import(app: &App, query: &str, file: impl Into<reqwest::Body>) -> Value {
    let answer = app.call("POST", &format!("/api/imports{query}"), &[], file).await.is(202);
    let import = answer.json();
    assert_eq!(answer.header("location"), format!("/api/imports/{}", import["id"]));
    over(app, &import).await
}

async fn over(app: &App, import: &Value) -> Value {
    let path = format!("/api/imports/{}", import["id"]);
    eventually("the end of an import", async || {
        let now = app.read(&path).await;
        (now["status"] != "checking" && now["status"] != "importing").then_some(now)
    })
    .await
}

fn counts(import: &Value) -> [i64; 4] {
    ["read", "created", "existing", "skipped"].map(|name| import[name].as_i64().unwrap())
}

async fn report(app: &App, import: &Value) -> Vec<Value> {
    app.list(&format!("/api/imports/{}/report?limit=500", import["id"])).await
}

/// Returns a Todoist CSV with this many tasks.
fn todoist(count: usize) -> String {
    let rows = (0..count).map(|number| format!("task,Task {number},,1,1,2199-01-05,en\n"));
    std::iter::once("TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,DATE,DATE_LANG\n".to_owned()).chain(rows).collect()
}

/// Everything that a user can see.
async fn everything(app: &App) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "/api/tasks?limit=500&sort_by=created_at&order=asc",
        "/api/trash?limit=500",
        "/api/reminders",
        "/api/audit?limit=500",
        "/api/preferences",
        "/api/tags",
    ] {
        all.push(app.read(path).await);
    }
    all
}

fn without_time(export: &str) -> Value {
    let mut export: Value = serde_json::from_str(export).unwrap();
    assert!(export["exported_at"].take().is_string());
    export
}

#[tokio::test]
async fn an_export_restores_everything_into_an_empty_taskflow() {
    let app = App::start().await;
    let filters = json!([{ "name": "Urgent", "query": "priority=high" }]);
    let preferences = json!({ "time_zone": "Europe/Berlin", "day_start": "08:00", "filters": filters });
    let _ = app.put("/api/preferences", &preferences).await.is(200);
    let plain = app.create(&json!({ "title": "Übung “1”", "description": "a\n\"b\"", "tags": ["home", "ä"], "priority": "high" })).await;
    let series = app
        .create(&json!({ "title": "Pay rent", "due_date": "2199-01-31", "recurrence_rule": "FREQ=MONTHLY;BYMONTHDAY=-1", "reminder_offset": "1 day",
            "recurrence_exdates": ["2199-03-31"] }))
        .await;
    app.reminder(&series["id"], "pending").await;
    let _ = app.post("/api/reminders", &json!({ "task_id": series["id"], "reminder_offset": "2 hours" })).await.is(201);
    let _ = app.post(&format!("/api/tasks/{}/complete", series["id"]), &Value::Null).await.is(200);
    let due = app.create(&json!({ "title": "Soon", "due_date": tests::in_seconds(2), "reminder_offset": "0 minutes" })).await;
    app.reminder(&due["id"], "sent").await;
    let gone = app.create(&json!({ "title": "Gone", "due_date": AHEAD, "reminder_offset": "1 hour" })).await;
    app.reminder(&gone["id"], "pending").await;
    let lost = app.create(&json!({ "title": "Lost for good", "due_date": AHEAD, "reminder_offset": "1 hour" })).await;
    app.reminder(&lost["id"], "pending").await;
    let _ = app.delete(&format!("/api/tasks/{}", lost["id"])).await.is(204);
    let _ = app.delete("/api/trash").await.is(204);
    let _ = app.delete(&format!("/api/tasks/{}", gone["id"])).await.is(204);
    let _ = app.put(&format!("/api/tasks/{}", plain["id"]), &json!({ "title": "Übung 2" })).await.is(200);
    // A series and a deleted task that a calendar client wrote, and an edit since.
    let client = Client::new(&app).await;
    let todo = |uid: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:{uid}\r\nX-MINE;A=\"b:c\":1\r\n\
             DUE;VALUE=DATE:21990131\r\nRRULE:FREQ=DAILY\r\nBEGIN:VALARM\r\nTRIGGER;RELATED=END:-P1D\r\nX-MINE:1\r\nEND:VALARM\r\nEND:VTODO\r\n\
             END:VCALENDAR\r\n"
        )
    };
    for name in ["series.ics", "trash.ics"] {
        let _ = client.put(name, &todo(name)).await.is(201);
    }
    let done = todo("series.ics").replace("DUE;", "STATUS:COMPLETED\r\nDUE;");
    let _ = client.put("series.ics", &done).await.is(204);
    let _ = client.call("DELETE", &format!("{HOME}trash.ics"), &[], "").await.is(204);
    app.settled().await;
    let resources = client.everything().await;
    assert_eq!(resources.matches("X-MINE;A=").count(), 2, "the completed occurrence and the next: {resources}");
    let answer = app.get("/api/export").await.is(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.header("content-disposition").contains(".json"));
    let before = everything(&app).await;
    app.stop().await;

    let restored = App::start().await;
    restored.kept_house().await;
    let done = import(&restored, "", answer.text.clone()).await;
    assert_eq!(
        (&done["status"], &done["restores"], &done["skipped"], &done["error"]),
        (&json!("done"), &json!(true), &json!(0), &Value::Null)
    );
    restored.settled().await;
    assert_eq!(everything(&restored).await, before);
    assert_eq!(without_time(&restored.get("/api/export").await.text), without_time(&answer.text));
    let client = Client::new(&restored).await;
    assert_eq!(client.everything().await, resources);
    // A deleted task comes back with its resource.
    let trashed = restored.list("/api/trash").await.into_iter().find(|task| task["title"] == "trash.ics").unwrap();
    let _ = restored.post(&format!("/api/tasks/{}/restore", trashed["id"]), &Value::Null).await.is(200);
    assert!(client.everything().await.contains("/trash.ics</D:href>"));
    let _ = restored.delete(&format!("/api/tasks/{}", trashed["id"])).await.is(204);

    // It continues from there: ids in the history are not assigned again, a series gets its next occurrence, and the search works.
    let next = restored.create(&json!({ "title": "Next" })).await;
    assert!(next["id"].as_i64() > lost["id"].as_i64());
    let found: Value = restored.post("/api/tasks/search", &json!({ "query": "übung" })).await.is(200).json();
    assert_eq!(found["total_count"], 1);
    let recurring = restored.list("/api/tasks?status=pending&recurring=true").await;
    let child = recurring.into_iter().find(|task| task["parent_task_id"] == series["id"]).unwrap();
    let _ = restored.post(&format!("/api/tasks/{}/complete", child["id"]), &Value::Null).await.is(200);
    eventually("the occurrence after the restored one", async || {
        restored.list("/api/tasks?status=pending&recurring=true").await.into_iter().find(|task| task["parent_task_id"] == child["id"])
    })
    .await;

    // The second import meets a Taskflow that is not empty: existing tasks stay, and nothing is duplicated.
    let again = import(&restored, "", answer.text).await;
    assert_eq!((&again["status"], &again["restores"], &again["created"]), (&json!("done"), &json!(false), &json!(0)));
    restored.stop().await;
}

#[tokio::test]
async fn an_import_beside_other_tasks_keeps_what_clients_wrote() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:a\r\nSUMMARY:A\r\nX-MINE:1\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
    let _ = client.put("a.ics", text).await.is(201);
    let export = app.get("/api/export").await.is(200).text;
    app.stop().await;
    // An export of a release that did not have it.
    let mut older: Value = serde_json::from_str(&export).unwrap();
    assert!(older["tasks"][0].as_object_mut().unwrap().remove("calendar_object").is_some());
    for (file, name) in [(export, "a.ics".to_owned()), (older.to_string(), format!("{}.ics", older["tasks"][0]["uid"].as_str().unwrap()))] {
        let app = App::start().await;
        let _ = app.create(&json!({ "title": "Here" })).await;
        assert_eq!(import(&app, "", file).await["created"], 1);
        let client = Client::new(&app).await;
        let read = client.call("GET", &format!("{HOME}{name}"), &[], "").await.is(200).text;
        assert_eq!((read == text, read.contains("SUMMARY:A\r\n")), (name == "a.ics", true), "{read}");
        app.stop().await;
    }
}

#[tokio::test]
async fn importing_a_file_twice_doubles_nothing() {
    let app = App::start().await;
    let mut socket = Socket::open(&app, None).await;
    let file = todoist(1_200);
    let first = import(&app, "", file.clone()).await;
    assert_eq!((&first["format"], counts(&first)), (&json!("todoist"), [1_200, 1_200, 0, 0]));
    for count in [500, 500, 200] {
        let frame = socket.frame_of("imported").await;
        assert_eq!((&frame["import_id"], &frame["count"]), (&first["id"], &json!(count)));
    }
    let again = import(&app, "", file).await;
    assert_eq!(counts(&again), [1_200, 0, 1_200, 0]);
    assert_eq!(app.get("/api/tasks?limit=1").await.header("x-total-count"), "1200");
    let task = app.list("/api/tasks?limit=1&sort_by=title").await.remove(0);
    assert_eq!(
        (&task["title"], &task["due_day"], &task["priority"], &task["version"]),
        (&json!("Task 0"), &json!("2199-01-05"), &json!("high"), &json!(1))
    );
    assert_eq!(app.history(&task["id"]).await, ["task.created"]);
    assert!(app.list("/dead-letters").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_preview_changes_nothing_before_it_is_run() {
    let app = App::start().await;
    let _ = app.create(&json!({ "title": "Here" })).await;
    let file = format!("{}task,Under it,,4,2,,\ntask,Termin,,4,1,jeden Montag,de\n", todoist(12));
    let checked = import(&app, "?dry_run=true", file.clone()).await;
    assert_eq!((&checked["status"], &checked["total"], counts(&checked)), (&json!("checked"), &json!(14), [14, 14, 0, 0]));
    assert_eq!((checked["preview"].as_array().unwrap().len(), &checked["preview"][0]["title"]), (10, &json!("Task 0")));
    let told = report(&app, &checked).await;
    assert_eq!(
        told.iter().map(|note| (note["line"].as_i64().unwrap(), note["kind"].as_str().unwrap())).collect::<Vec<_>>(),
        [(14, "changed"), (15, "changed")]
    );
    assert_eq!(app.list("/api/tasks").await.len(), 1);

    let run = format!("/api/imports/{}/run", checked["id"]);
    let done = over(&app, &app.post(&run, &Value::Null).await.is(202).json()).await;
    assert_eq!((&done["status"], counts(&done), &done["total"]), (&json!("done"), [14, 14, 0, 0], &json!(14)));
    assert_eq!(report(&app, &done).await, told);
    let page = app.get(&format!("/api/imports/{}/report?limit=1", checked["id"])).await.is(200);
    assert_eq!((page.header("x-total-count"), page.json().as_array().unwrap().len()), ("2", 1));
    assert_eq!(app.post(&run, &Value::Null).await.is(202).json()["status"], "done");
    assert_eq!(app.list("/api/tasks").await.len(), 15);

    let again = import(&app, "?dry_run=true", file).await;
    assert_eq!(counts(&again), [14, 0, 14, 0]);
    app.stop().await;
}

#[tokio::test]
async fn reminders_and_the_audit_log_are_written_with_the_tasks() {
    let app = App::start().await;
    let file = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTODO\r\nUID:1@x\r\nSUMMARY:Dentist\r\nDUE:{}\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER;RELATED=END:-PT1H\r\n\
         END:VALARM\r\nEND:VTODO\r\nBEGIN:VTODO\r\nUID:2@x\r\nSUMMARY:Done\r\nSTATUS:COMPLETED\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
        "21990331T090000Z"
    );
    assert_eq!(counts(&import(&app, "", file).await), [2, 2, 0, 0]);
    let task = app.list("/api/tasks?status=pending").await.remove(0);
    assert_eq!((&task["title"], &task["reminder_offset"]), (&json!("Dentist"), &json!("1 hour")));
    let reminder = app.reminder(&task["id"], "pending").await;
    assert_eq!(reminder["scheduled_at"], "2199-03-31T08:00:00.000000Z");
    assert_eq!(app.history(&task["id"]).await, ["task.created", "reminder.scheduled"]);
    // It is a task like any other: a change moves its reminder.
    let _ = app.put(&format!("/api/tasks/{}", task["id"]), &json!({ "due_date": "2199-04-01T09:00:00Z" })).await.is(200);
    eventually("the reminder at its new time", async || {
        app.reminders(&task["id"]).await.into_iter().find(|own| own["scheduled_at"] == "2199-04-01T08:00:00.000000Z")
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn an_import_resumes_where_it_stopped() {
    const COUNT: usize = 4_000;
    let app = App::start().await;
    let started = app.call("POST", "/api/imports", &[], todoist(COUNT)).await.is(202).json();
    eventually("the first batch", async || (app.read(&format!("/api/imports/{}", started["id"])).await["read"] != 0).then_some(())).await;
    let database = app.end().await;
    let app = App::on_database(database, &tests::written(tests::now()), &[]).await;
    let done = over(&app, &started).await;
    let count = i64::try_from(COUNT).unwrap();
    assert_eq!((&done["status"], counts(&done)), (&json!("done"), [count, count, 0, 0]));
    assert_eq!(app.get("/api/tasks?limit=1").await.header("x-total-count"), COUNT.to_string());
    app.stop().await;
}

#[tokio::test]
async fn an_export_for_others_has_the_tasks() {
    let app = App::start().await;
    for (title, rest) in [
        ("=1+1, \"quoted\"", json!({ "tags": ["a", "b"] })),
        ("Pay rent", json!({ "due_date": "2199-01-31T09:00:00+01:00", "time_zone": "Europe/Berlin", "recurrence": "daily" })),
    ] {
        let mut task = json!({ "title": title });
        task.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        app.create(&task).await;
    }
    let csv = app.get("/api/export?format=csv").await.is(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!((lines.len(), lines[0].split(',').nth(2)), (3, Some("title")));
    assert!(lines[1].contains("\"=1+1, \"\"quoted\"\"\"") && lines[1].contains("\"a, b\""), "{}", lines[1]);
    let ics = app.get("/api/export?format=ics").await.is(200);
    assert_eq!(ics.text.matches("BEGIN:VTODO").count(), 2);
    assert_eq!((ics.text.matches("BEGIN:VCALENDAR").count(), ics.text.matches("TZID:Europe/Berlin").count()), (1, 1), "{}", ics.text);
    // Each task is identified by its uid.
    assert_eq!(counts(&import(&app, "", ics.text).await), [2, 0, 2, 0]);
    assert_eq!(app.get("/api/export?format=xml").await.problem(422), ["/format"]);
    app.stop().await;
}

#[tokio::test]
async fn every_reminder_is_in_a_calendar_file() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Dentist", "due_date": AHEAD, "reminder_offset": "1 hour" })).await;
    let _ = app.post("/api/reminders", &json!({ "task_id": task["id"], "reminder_offset": "1 day" })).await.is(201);
    let file = app.get("/api/export?format=ics").await.is(200).text;
    app.stop().await;
    let app = App::start().await;
    assert_eq!(counts(&import(&app, "", file).await), [1, 1, 0, 0]);
    let mut offsets: Vec<Value> =
        app.list("/api/reminders?status=pending").await.iter().map(|own| own["reminder_offset"].clone()).collect();
    offsets.sort_by_key(ToString::to_string);
    assert_eq!(offsets, ["1 day", "1 hour"]);
    app.stop().await;
}

#[tokio::test]
async fn an_export_arrives_whole_when_it_is_compressed() {
    use std::io::Read;
    let app = App::start().await;
    let _ = app.create(&json!({ "title": "Keep me" })).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for format in ["json", "csv", "ics"] {
        let url = format!("http://{}/api/export?format={format}", app.address);
        let response = client.get(url).header("accept-encoding", "br").send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "br", "{format}");
        let (body, mut plain) = (response.bytes().await.unwrap(), String::new());
        brotli::Decompressor::new(&*body, 4096).read_to_string(&mut plain).unwrap();
        assert!(plain.contains("Keep me"), "{format}: {plain}");
    }
    app.stop().await;
}

#[tokio::test]
async fn unreadable_files_are_refused_with_the_reason() {
    let app = App::start().await;
    assert_eq!(app.call("POST", "/api/imports", &[], "a,b\n1,2\n").await.problem(422), ["/format"]);
    assert_eq!(app.call("POST", "/api/imports", &[], "").await.problem(422), ["/format"]);
    assert_eq!(app.call("POST", "/api/imports?format=excel", &[], "x").await.problem(422), ["/format"]);
    let _ = app.get("/api/imports/999").await.problem(404);
    let _ = app.get("/api/imports/999/report").await.problem(404);
    let _ = app.post("/api/imports/999/run", &Value::Null).await.problem(404);

    let broken = import(&app, "?format=vikunja", "PK\u{3}\u{4} and nothing else").await;
    assert_eq!(broken["status"], "failed");
    assert!(broken["error"].as_str().is_some_and(|error| error.contains("zip")), "{broken}");
    let _ = app.post(&format!("/api/imports/{}/run", broken["id"]), &Value::Null).await.problem(409);

    // More than other calls may send, and at most the limit of a file.
    let long = (0..300).map(|number| format!("task,Long {number},{},1,1,,\n", "x".repeat(9_000))).collect::<Vec<_>>().concat();
    let file = format!("{}{long}", todoist(1));
    assert_eq!(counts(&import(&app, "", file).await), [301, 301, 0, 0]);
    // An item has its limit, too. Nothing of its batch is imported.
    let endless = import(&app, "", format!("{}task,Endless,{},1,1,,\n", todoist(2), "x".repeat(3 * 1024 * 1024))).await;
    assert_eq!((&endless["status"], &endless["created"]), (&json!("failed"), &json!(0)));
    assert!(endless["error"].as_str().is_some_and(|error| error.contains("larger than")), "{endless}");
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream
        .write_all(format!("POST /api/imports HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", 64 * 1024 * 1024 + 1).as_bytes())
        .await
        .unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    app.stop().await;
}
