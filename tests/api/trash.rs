//! Trash, undo, bulk changes, and tasks created twice.

use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};
use tests::{Answer, App, eventually, in_seconds, now, written};

const AHEAD: &str = "2199-03-31T09:00:00Z";

async fn restore(app: &App, task: &Value) -> Value {
    app.post(&format!("/api/tasks/{}/restore", task["id"]), &Value::Null).await.is(200).json()
}

async fn undo(app: &App, change_id: &str) -> Answer {
    app.post("/api/undo", &json!({ "change_id": change_id })).await
}

async fn undone(app: &App, change: &Answer) -> Value {
    undo(app, change.header("taskflow-change")).await.is(200).json()
}

async fn complete(app: &App, task: &Value) -> Answer {
    app.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200)
}

async fn child(app: &App, task: &Value) -> Option<Value> {
    app.list("/api/tasks?limit=500").await.into_iter().find(|other| other["parent_task_id"] == task["id"])
}

/// Returns the task without the fields that every change changes.
fn lasting(task: &Value) -> Value {
    let mut task = task.clone();
    for name in ["version", "updated_at"] {
        task[name] = Value::Null;
    }
    task
}

/// Returns the moment this many days ago, in Taskflow's form.
fn days_ago(days: i64) -> String {
    written(now() - SignedDuration::from_hours(24 * days))
}

#[tokio::test]
async fn a_deleted_task_is_in_the_trash_alone_and_comes_back_as_it_was() {
    let app = App::start().await;
    let first = app.create(&json!({ "title": "Old plan", "tags": ["home"] })).await;
    let task = app
        .create(&json!({ "title": "Pay rent", "description": "by transfer", "due_date": AHEAD, "recurrence": "monthly", "tags": ["home", "money"],
            "priority": "high", "reminder_offset": "1 hour" }))
        .await;
    app.reminder(&task["id"], "pending").await;
    for gone in [&first, &task] {
        let _ = app.delete(&format!("/api/tasks/{}", gone["id"])).await.is(204);
    }
    app.reminder(&task["id"], "cancelled").await;

    let one = format!("/api/tasks/{}", task["id"]);
    let _ = app.get(&one).await.problem(404);
    let _ = app.put(&one, &json!({ "title": "x" })).await.problem(404);
    let _ = app.delete(&one).await.problem(404);
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "0");
    assert_eq!(app.read("/api/tags").await, json!([]));
    assert_eq!(app.post("/api/tasks/search", &json!({ "query": "rent" })).await.is(200).json()["total_count"], 0);

    let trash = app.get("/api/trash").await.is(200);
    let listed = trash.json();
    assert_eq!((trash.header("x-total-count"), listed.as_array().unwrap().len()), ("2", 2));
    let mut last = listed[0].clone();
    assert!(last["deleted_at"].as_str() >= listed[1]["deleted_at"].as_str(), "the last one first");
    last.as_object_mut().unwrap().remove("deleted_at");
    assert_eq!(last, task, "as it was");
    assert_eq!(app.list("/api/trash?limit=1&offset=1").await[0]["id"], first["id"]);
    assert_eq!(app.get("/api/trash?limit=0").await.problem(422), ["/limit"]);

    let answer = app.post(&format!("{one}/restore"), &Value::Null).await.is(200);
    let back = answer.json();
    assert_eq!(lasting(&back), lasting(&task));
    assert!(back["version"].as_i64() > task["version"].as_i64() && answer.header("etag") != "\"1\"", "nobody takes it for the one before");
    assert_eq!(app.task(&task["id"]).await, back);
    app.reminder(&task["id"], "pending").await;
    assert_eq!(app.read("/api/tags").await, json!([{ "tag": "home", "count": 1 }, { "tag": "money", "count": 1 }]));
    assert_eq!(app.post("/api/tasks/search", &json!({ "query": "transfer" })).await.is(200).json()["total_count"], 1);
    assert_eq!(app.list("/api/trash").await.len(), 1);
    // Again: it is restored already, and nothing changes.
    let again = app.post(&format!("{one}/restore"), &Value::Null).await.is(200);
    assert_eq!((again.json(), again.header("taskflow-change")), (back, ""));
    let history = app.history(&task["id"]).await;
    assert_eq!(
        history,
        ["task.created", "reminder.scheduled", "task.deleted", "reminder.cancelled", "task.restored", "reminder.scheduled"],
        "its reminder goes and comes back with it"
    );
    let _ = app.post("/api/tasks/999/restore", &Value::Null).await.problem(404);

    let _ = app.delete("/api/trash").await.is(204);
    assert_eq!(app.list("/api/trash").await, Vec::<Value>::new());
    let _ = app.post(&format!("/api/tasks/{}/restore", first["id"]), &Value::Null).await.problem(404);
    assert_eq!(app.task(&task["id"]).await["title"], "Pay rent", "what is not in the trash stays");
    app.stop().await;
}

#[tokio::test]
async fn a_restored_task_is_announced_and_a_command_restores_one() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let _ = app.delete(&format!("/api/tasks/{}", task["id"])).await.is(204);
    let command =
        json!({ "specversion": "1.0", "id": "r-1", "source": "/test", "type": "task.restore", "data": { "task_id": task["id"] } });
    let send =
        async || app.call("POST", "/", &[("content-type", "application/cloudevents+json")], command.to_string()).await.is(200).json();
    let answer = send().await;
    assert_eq!((&answer["type"], &answer["data"]["task_data"]["title"]), (&json!("task.restored"), &json!("Pay rent")));
    assert_eq!(send().await, answer, "once, and answered again");
    let stale = app.send("POST", &format!("/api/tasks/{}/restore", task["id"]), &[("if-match", "\"1\"")], &Value::Null).await;
    let _ = stale.problem(412);
    app.stop().await;
}

#[tokio::test]
async fn a_restored_occurrence_keeps_its_parent_unless_another_one_has_taken_its_place() {
    let app = App::start().await;
    let parent = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "recurrence": "monthly" })).await;
    complete(&app, &parent).await;
    let first = eventually("the next occurrence", async || child(&app, &parent).await).await;
    let one = format!("/api/tasks/{}", first["id"]);
    let _ = app.delete(&one).await.is(204);
    app.settled().await;
    assert_eq!(child(&app, &parent).await, None, "it is not made anew");
    assert_eq!(restore(&app, &first).await["parent_task_id"], parent["id"]);

    let _ = app.delete(&one).await.is(204);
    let _ = app.post(&format!("/api/tasks/{}/reopen", parent["id"]), &Value::Null).await.is(200);
    complete(&app, &parent).await;
    let second = eventually("another one", async || child(&app, &parent).await).await;
    assert_ne!(second["id"], first["id"]);
    let back = restore(&app, &first).await;
    assert_eq!((&back["parent_task_id"], &back["recurrence_start"]), (&Value::Null, &first["recurrence_start"]));
    assert_eq!(child(&app, &parent).await, Some(second));
    app.stop().await;
}

#[tokio::test]
async fn an_untouched_occurrence_that_reopening_deletes_is_gone_for_good() {
    let app = App::start().await;
    let parent = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "recurrence": "monthly" })).await;
    complete(&app, &parent).await;
    eventually("the next occurrence", async || child(&app, &parent).await).await;
    let _ = app.post(&format!("/api/tasks/{}/reopen", parent["id"]), &Value::Null).await.is(200);
    assert_eq!(app.list("/api/trash").await, Vec::<Value>::new());
    app.stop().await;
}

#[tokio::test]
async fn trash_and_changes_are_kept_for_thirty_days() {
    let app = App::start().await;
    let tasks = [app.create(&json!({ "title": "old" })).await, app.create(&json!({ "title": "young" })).await];
    for task in &tasks {
        let _ = app.delete(&format!("/api/tasks/{}", task["id"])).await.is(204);
    }
    let changed = app.create(&json!({ "title": "changed" })).await;
    let change = app.put(&format!("/api/tasks/{}", changed["id"]), &json!({ "title": "once more" })).await.is(200);
    app.sql("UPDATE trashed_tasks SET deleted_at = deleted_at - interval '30 days 1 minute' WHERE title = 'old'").await;
    app.sql("UPDATE trashed_tasks SET deleted_at = deleted_at - interval '29 days' WHERE title = 'young'").await;
    app.sql("UPDATE changes SET created_at = created_at - interval '30 days 1 minute'").await;
    app.kept_house().await;
    let left = app.list("/api/trash").await;
    assert_eq!((left.len(), &left[0]["title"]), (1, &json!("young")));
    assert!(left[0]["deleted_at"].as_str() < Some(&*days_ago(28)));
    let _ = undo(&app, change.header("taskflow-change")).await.problem(404);
    app.stop().await;
}

#[tokio::test]
async fn each_change_is_undone_and_the_undo_as_well() {
    let app = App::start().await;
    let task = app
        .create(&json!({ "title": "Pay rent", "description": "by transfer", "due_date": AHEAD, "recurrence_rule": "FREQ=WEEKLY", "tags": ["home"],
            "reminder_offset": "1 hour" }))
        .await;
    let one = format!("/api/tasks/{}", task["id"]);
    for (method, path, body) in [
        ("PUT", one.clone(), json!({ "title": "Pay the rent", "description": "", "priority": "high", "tags": [] })),
        ("PUT", one.clone(), json!({ "due_date": null, "recurrence": "none", "reminder_offset": null })),
        ("PUT", one.clone(), json!({ "due_date": "2199-04-02T09:00:00Z" })),
        ("PUT", one.clone(), json!({ "recurrence": "monthly", "time_zone": "Asia/Tokyo", "recurrence_from": "completion" })),
        ("PUT", format!("{one}/priority"), json!({ "priority": "low" })),
        ("POST", format!("{one}/tags"), json!({ "tags": ["a", "b"] })),
        ("DELETE", format!("{one}/tags"), json!({ "tags": ["home"] })),
        ("POST", format!("{one}/complete"), Value::Null),
        ("DELETE", one.clone(), Value::Null),
    ] {
        let before = app.task(&task["id"]).await;
        let change = app.send(method, &path, &[], &body).await;
        assert!(change.status < 300, "{change:?}");
        let after = app.get(&one).await;
        let answer = undo(&app, change.header("taskflow-change")).await.is(200);
        assert_eq!(lasting(&answer.json()), lasting(&before), "{method} {path} {body}");
        assert_eq!(answer.json(), app.task(&task["id"]).await);
        assert_eq!(answer.header("etag"), format!("\"{}\"", answer.json()["version"]));
        // Again, and the change is back.
        let again = undone(&app, &answer).await;
        if after.status == 200 {
            assert_eq!(lasting(&again), lasting(&after.json()), "{method} {path} {body}");
        } else {
            let _ = app.get(&one).await.problem(404);
            restore(&app, &task).await;
        }
        // Restores the task for the next round.
        let now = app.task(&task["id"]).await;
        let fields = ["title", "description", "due_date", "time_zone", "recurrence_from", "priority", "tags", "reminder_offset"];
        let mut back: serde_json::Map<String, Value> = fields.iter().map(|name| ((*name).to_owned(), task[name].clone())).collect();
        back.insert("recurrence_rule".to_owned(), task["recurrence_rule"].clone());
        if now["status"] == "completed" {
            let _ = app.post(&format!("{one}/reopen"), &Value::Null).await.is(200);
        }
        let _ = app.put(&one, &Value::Object(back)).await.is(200);
    }
    app.stop().await;
}

#[tokio::test]
async fn undoing_does_what_people_expect_of_it() {
    let app = App::start().await;
    // A creation: the task is in the trash.
    let made = app.post("/api/tasks", &json!({ "title": "by mistake" })).await.is(201);
    undone(&app, &made).await;
    let _ = app.get(made.header("location")).await.problem(404);
    assert_eq!(app.list("/api/trash").await.len(), 1);

    // A completion: pending again, without the next occurrence. A reopening: completed again, with it.
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "recurrence": "monthly" })).await;
    let done = complete(&app, &task).await;
    eventually("the next occurrence", async || child(&app, &task).await).await;
    let open = undone(&app, &done).await;
    assert_eq!((&open["status"], child(&app, &task).await), (&json!("pending"), None));
    complete(&app, &task).await;
    eventually("the next occurrence", async || child(&app, &task).await).await;
    let reopened = app.post(&format!("/api/tasks/{}/reopen", task["id"]), &Value::Null).await.is(200);
    assert_eq!(child(&app, &task).await, None);
    assert_eq!(undone(&app, &reopened).await["status"], "completed");
    eventually("the next occurrence", async || child(&app, &task).await).await;

    // A deletion: it is back, with its reminder.
    let reminded = app.create(&json!({ "title": "Call mum", "due_date": AHEAD, "reminder_offset": "1 hour" })).await;
    app.reminder(&reminded["id"], "pending").await;
    let gone = app.delete(&format!("/api/tasks/{}", reminded["id"])).await.is(204);
    app.reminder(&reminded["id"], "cancelled").await;
    undone(&app, &gone).await;
    app.reminder(&reminded["id"], "pending").await;
    app.stop().await;
}

#[tokio::test]
async fn a_later_change_of_the_same_fields_prevents_an_undo() {
    let app = App::start().await;
    let made = app.post("/api/tasks", &json!({ "title": "a" })).await.is(201);
    let one = made.header("location").to_owned();
    let title = app.put(&one, &json!({ "title": "b" })).await.is(200);
    let priority = app.put(&one, &json!({ "priority": "high" })).await.is(200);
    // Changes of other fields do not prevent it.
    assert_eq!(undone(&app, &title).await["title"], "a");
    let _ = undo(&app, title.header("taskflow-change")).await.problem(409);
    let again = app.put(&one, &json!({ "title": "c" })).await.is(200);
    // Nor may a value that another change restored be undone: the field was touched.
    let _ = app.put(&one, &json!({ "title": "d" })).await.is(200);
    let _ = app.put(&one, &json!({ "title": "c" })).await.is(200);
    let _ = undo(&app, again.header("taskflow-change")).await.problem(409);
    let _ = undo(&app, made.header("taskflow-change")).await.problem(409);
    assert_eq!(undone(&app, &priority).await["priority"], "medium");
    // A field that a later change needs.
    let due = app.put(&one, &json!({ "due_date": AHEAD })).await.is(200);
    let _ = app.put(&one, &json!({ "recurrence": "daily" })).await.is(200);
    let _ = undo(&app, due.header("taskflow-change")).await.problem(409);
    // Deleted or restored since.
    let last = app.put(&one, &json!({ "description": "x" })).await.is(200);
    let gone = app.delete(&one).await.is(204);
    let _ = undo(&app, last.header("taskflow-change")).await.problem(409);
    let _ = app.post(&format!("{one}/restore"), &Value::Null).await.is(200);
    let _ = undo(&app, gone.header("taskflow-change")).await.problem(409);
    assert_eq!(undone(&app, &last).await["description"], "");
    for (change_id, status) in [("x", 422), ("1-", 422), ("1-99", 404), ("999-2", 404), ("999-1", 404)] {
        assert_eq!(undo(&app, change_id).await.status, status, "{change_id}");
    }
    assert_eq!(app.post("/api/undo", &json!({})).await.problem(422), ["/change_id"]);
    // Nothing changed, so there is nothing to undo.
    assert_eq!(app.put(&one, &json!({ "title": "c" })).await.is(200).header("taskflow-change"), "");
    app.stop().await;
}

#[tokio::test]
async fn an_undo_event_is_answered_by_the_resulting_event() {
    let app = App::start().await;
    let made = app.post("/api/tasks", &json!({ "title": "by mistake" })).await.is(201);
    let command = |id: &str, change: &str| json!({ "specversion": "1.0", "id": id, "source": "/test", "type": "task.undo", "data": { "change_id": change } });
    let renamed = app.put(made.header("location"), &json!({ "title": "renamed" })).await.is(200);
    let gone = app.delete(made.header("location")).await.is(204);
    for (change, ty) in [(&gone, "task.restored"), (&renamed, "task.updated")] {
        let body = command(ty, change.header("taskflow-change")).to_string();
        let answer = app.call("POST", "/", &[("content-type", "application/cloudevents+json")], body).await.is(200).json();
        assert_eq!(answer["type"], ty, "{answer}");
    }
    app.stop().await;
}

async fn bulk(app: &App, body: &Value) -> Vec<Value> {
    let answer = app.post("/api/tasks/bulk", body).await.is(200).json();
    answer["results"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<i64> {
    results.iter().map(|result| result["status"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn many_tasks_are_changed_by_one_call_each_with_its_own_result() {
    let app = App::start().await;
    let mut ids = Vec::new();
    for number in 0..120 {
        ids.push(app.create(&json!({ "title": format!("task {number}"), "tags": ["x"] })).await["id"].as_i64().unwrap());
    }
    let mut asked = ids.clone();
    asked.reverse();
    asked.push(9_999);
    let results = bulk(&app, &json!({ "ids": asked, "action": "complete" })).await;
    assert_eq!(results.iter().map(|result| result["id"].as_i64().unwrap()).collect::<Vec<_>>(), asked, "in the order of the call");
    assert!(results[..120].iter().all(|result| result["status"] == 200 && result["task"]["status"] == "completed"), "{results:?}");
    assert_eq!((&results[120]["status"], &results[120]["problem"]["status"]), (&json!(404), &json!(404)));
    // Again: nothing changes, and there is nothing to undo.
    let again = bulk(&app, &json!({ "ids": [ids[0]], "action": "complete" })).await;
    assert_eq!((&again[0]["task"]["version"], again[0].get("change_id")), (&json!(2), None));
    let undone = undo(&app, results[119]["change_id"].as_str().unwrap()).await.is(200).json();
    assert_eq!((undone["id"].as_i64().unwrap(), &undone["status"]), (ids[0], &json!("pending")));

    let some = &ids[..3];
    let tagged = bulk(&app, &json!({ "ids": some, "action": "add_tags", "fields": { "tags": ["Y"] } })).await;
    assert!(tagged.iter().all(|result| result["task"]["tags"] == json!(["x", "y"])));
    let untagged = bulk(&app, &json!({ "ids": some, "action": "remove_tags", "fields": { "tags": ["x"] } })).await;
    assert!(untagged.iter().all(|result| result["task"]["tags"] == json!(["y"])));
    let changed = bulk(&app, &json!({ "ids": some, "fields": { "due_date": AHEAD, "priority": "high" } })).await;
    assert!(changed.iter().all(|result| result["task"]["priority"] == "high"));
    let _ = app.put(&format!("/api/tasks/{}", ids[1]), &json!({ "recurrence": "daily" })).await.is(200);
    // One of them is invalid: the others change.
    assert_eq!(statuses(&bulk(&app, &json!({ "ids": some, "fields": { "due_date": null } })).await), [200, 422, 200]);
    assert_eq!(statuses(&bulk(&app, &json!({ "ids": some, "action": "reopen" })).await), [200, 200, 200]);
    assert_eq!(statuses(&bulk(&app, &json!({ "ids": some, "action": "delete" })).await), [204, 204, 204]);
    assert_eq!(statuses(&bulk(&app, &json!({ "ids": some, "action": "delete" })).await), [404, 404, 404]);
    assert_eq!(statuses(&bulk(&app, &json!({ "ids": [ids[0], 9_999, ids[1]], "action": "restore" })).await), [200, 404, 200]);
    assert_eq!(app.list("/api/trash").await.len(), 1);
    app.settled().await;
    let history = app.history(&json!(ids[0])).await;
    assert_eq!(history.iter().filter(|ty| *ty == "task.completed").count(), 1, "each change is announced: {history:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_call_for_many_tasks_that_makes_no_sense_changes_none() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "a" })).await;
    let many: Vec<i64> = (1..=501).collect();
    for (body, pointer) in [
        (json!({ "ids": [], "action": "complete" }), "/ids"),
        (json!({ "ids": many, "action": "complete" }), "/ids"),
        (json!({ "ids": [1, 1], "action": "complete" }), "/ids"),
        (json!({ "ids": ["a"], "action": "complete" }), "/ids/0"),
        (json!({ "action": "complete" }), "/ids"),
        (json!({ "ids": [1], "action": "explode" }), "/action"),
        (json!({ "ids": [1] }), "/fields"),
        (json!({ "ids": [1], "fields": {} }), "/fields"),
        (json!({ "ids": [1], "action": "complete", "fields": { "title": "x" } }), "/fields"),
        (json!({ "ids": [1], "action": "add_tags", "fields": { "title": "x" } }), "/fields"),
        (json!({ "ids": [1], "fields": { "colour": "red" } }), "/fields/colour"),
        (json!({ "ids": [1], "fields": { "title": 7 } }), "/fields/title"),
        (json!({ "ids": [1], "fields": { "task_id": 7, "title": "x" } }), "/fields/task_id"),
    ] {
        assert_eq!(app.post("/api/tasks/bulk", &body).await.problem(422), [pointer], "{body}");
    }
    assert_eq!(app.task(&task["id"]).await, task);
    app.stop().await;
}

#[tokio::test]
async fn a_task_made_twice_with_its_own_uid_is_one() {
    let app = App::start().await;
    let uid = "7f0c9c1e-3b60-4b0a-9a3b-0d9b1c2d3e4f";
    let first = app.post("/api/tasks", &json!({ "title": "Pay rent", "uid": uid.to_uppercase() })).await.is(201);
    assert_eq!(first.json()["uid"], uid);
    let again = app.post("/api/tasks", &json!({ "title": "Pay the rent", "uid": uid })).await.is(200);
    assert_eq!((again.json(), again.header("etag"), again.header("taskflow-change")), (first.json(), "\"1\"", ""));
    // In parallel: one creates it.
    let other = json!({ "title": "at once", "uid": "7f0c9c1e-3b60-4b0a-9a3b-000000000001" });
    let answers = futures_util::future::join_all((0..8).map(|_| app.post("/api/tasks", &other))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 201) && answer.json()["id"] == answers[0].json()["id"], "{answers:?}");
    }
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "2");
    // Without a uid, each task gets its own.
    let (one, two) = (app.create(&json!({ "title": "a" })).await, app.create(&json!({ "title": "a", "uid": null })).await);
    assert!(one["uid"].is_string() && one["uid"] != two["uid"]);
    for bad in [json!("x"), json!(7), json!("00000000-0000-0000-0000-000000000000")] {
        assert_eq!(app.post("/api/tasks", &json!({ "title": "a", "uid": bad })).await.problem(422), ["/uid"]);
    }
    assert_eq!(app.put("/api/tasks/1", &json!({ "uid": uid })).await.problem(422), ["/uid"], "it is the same for good");

    // Deleted and created again, there are two; the restored one gets a new uid.
    let _ = app.delete("/api/tasks/1").await.is(204);
    let anew = app.post("/api/tasks", &json!({ "title": "Pay rent", "uid": uid })).await.is(201).json();
    let back = restore(&app, &first.json()).await;
    assert!(back["uid"] != uid && anew["uid"] == uid && back["id"] == 1);
    app.stop().await;
}

#[tokio::test]
async fn an_occurrence_has_a_uid_of_its_own() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "recurrence": "monthly" })).await;
    complete(&app, &task).await;
    let next = eventually("the next occurrence", async || child(&app, &task).await).await;
    assert_ne!(next["uid"], task["uid"]);
    app.stop().await;
}

#[tokio::test]
async fn tasks_are_filtered_by_when_they_are_due_in_the_users_zone() {
    let app = App::with(&[("TASKFLOW_TIME_ZONE", "Pacific/Auckland")]).await;
    let zone = jiff::tz::TimeZone::get("Pacific/Auckland").unwrap();
    let today = now().to_zoned(zone.clone()).date();
    let at = |days: i32, hour: i8| {
        written(today.checked_add(days.days()).unwrap().at(hour, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp())
    };
    for (title, due) in [
        ("never", None),
        ("yesterday", Some(at(-1, 12))),
        ("first", Some(at(0, 0))),
        ("last", Some(written(today.at(23, 59, 59, 0).to_zoned(zone.clone()).unwrap().timestamp()))),
        ("tomorrow", Some(at(1, 0))),
        ("sixth", Some(at(6, 23))),
        ("seventh", Some(at(7, 0))),
    ] {
        app.create(&json!({ "title": title, "due_date": due })).await;
    }
    let done = app.create(&json!({ "title": "done", "due_date": in_seconds(-86_400) })).await;
    complete(&app, &done).await;
    let found = async |query: &str| {
        let tasks = app.list(&format!("/api/tasks?sort_by=due_date&{query}")).await;
        tasks.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let day = |days: i32| today.checked_add(days.days()).unwrap();
    for (query, expected) in [
        ("due=none".to_owned(), "never"),
        ("due=today".to_owned(), "first last"),
        ("due=tomorrow".to_owned(), "tomorrow"),
        ("due=week".to_owned(), "first last tomorrow sixth"),
        ("due=none&due_after=2020-01-01".to_owned(), ""),
        ("due=overdue&status=completed".to_owned(), ""),
        ("due=today&status=completed".to_owned(), ""),
        (format!("due_before={}&status=pending", day(0)), "yesterday"),
        (format!("due_after={}", day(1)), "tomorrow sixth seventh"),
        (format!("due_after={}&due_before={}", day(0), day(1)), "first last"),
        (format!("due=week&due_after={}", day(1)), "tomorrow sixth"),
        (format!("due=week&due_before={}", at(0, 1).replace('+', "%2B")), "first"),
        ("all_day=false&due=tomorrow".to_owned(), "tomorrow"),
    ] {
        assert_eq!(found(&query).await, expected, "{query}");
    }
    let overdue = found("due=overdue").await;
    assert!(overdue.starts_with("yesterday first") && !overdue.contains("done") && !overdue.contains("tomorrow"), "{overdue}");
    let searched = app.post("/api/tasks/search", &json!({ "query": "tom", "filters": { "due": "tomorrow" } })).await.is(200).json();
    assert_eq!(searched["total_count"], 1);
    for (query, pointer) in [("due=someday", "/due"), ("due_before=2026-02-30", "/due_before"), ("due_after=2026-3-1", "/due_after")] {
        assert_eq!(app.get(&format!("/api/tasks?{query}")).await.problem(422), [pointer]);
    }
    app.stop().await;
}

#[tokio::test]
async fn tasks_are_filtered_by_recurrence_and_reminders() {
    let app = App::start().await;
    app.create(&json!({ "title": "plain" })).await;
    app.create(&json!({ "title": "recurs", "due_date": AHEAD, "recurrence": "daily" })).await;
    app.create(&json!({ "title": "reminds", "due_date": AHEAD, "reminder_offset": "1 hour" })).await;
    let by_hand = app.create(&json!({ "title": "by hand", "due_date": AHEAD })).await;
    let reminder = app.post("/api/reminders", &json!({ "task_id": by_hand["id"], "reminder_offset": "1 day" })).await.is(201).json();
    let found = async |query: &str| {
        let tasks = app.list(&format!("/api/tasks?sort_by=title&{query}")).await;
        tasks.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(", ")
    };
    for (query, expected) in [
        ("recurring=true", "recurs"),
        ("recurring=false", "by hand, plain, reminds"),
        ("has_reminder=true", "by hand, reminds"),
        ("has_reminder=false", "plain, recurs"),
        ("has_reminder=true&recurring=true", ""),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
    let _ = app.delete(&format!("/api/reminders/{}", reminder["id"])).await.is(204);
    assert_eq!(found("has_reminder=true").await, "reminds");
    assert_eq!(app.get("/api/tasks?recurring=perhaps").await.problem(422), ["/recurring"]);
    app.stop().await;
}

#[tokio::test]
async fn a_search_folds_accents_and_finds_tags() {
    let app = App::start().await;
    for (title, tags) in [
        ("Read Saint-Exupéry", json!(["Bücher"])),
        ("Lire Exupe\u{301}ry", json!([])),
        ("Øresund to Łódź", json!(["home office"])),
        ("Read about #work", json!([])),
        ("Report", json!(["work", "café"])),
        ("Plan", json!(["workshop"])),
    ] {
        app.create(&json!({ "title": title, "tags": tags })).await;
    }
    let found = async |query: &str| {
        let answer = app.post("/api/tasks/search", &json!({ "query": query, "sort_by": "title" })).await.is(200).json();
        answer["results"].as_array().unwrap().iter().map(|task| task["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("exupery", vec![2, 1]),
        ("EXUPÉRY", vec![2, 1]),
        ("exupe\u{301}ry", vec![2, 1]),
        ("oresund", vec![3]),
        ("ØRESUND lodz", vec![3]),
        ("bucher", vec![1]),
        ("office", vec![3]),
        ("#work", vec![5]),
        ("#WORK report", vec![5]),
        ("#cafe", vec![5]),
        ("#\"home office\"", vec![3]),
        ("#home", vec![]),
        ("#work #cafe", vec![5]),
        ("#work plan", vec![]),
        ("work", vec![6, 4, 5]),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
    // Changed tags are found in their new form.
    let _ = app.post("/api/tasks/6/tags", &json!({ "tags": ["garden"] })).await.is(200);
    let _ = app.send("DELETE", "/api/tasks/5/tags", &[], &json!({ "tags": ["work"] })).await.is(200);
    assert_eq!((found("#garden").await, found("#work").await), (vec![6], vec![]));
    app.stop().await;
}

#[tokio::test]
async fn the_same_letters_are_the_same_tag_and_an_invisible_title_is_refused() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "a", "tags": ["Cafe\u{301}", "café", "CAFÉ"] })).await;
    assert_eq!(task["tags"], json!(["café"]));
    assert_eq!(app.get("/api/tasks?tags=cafe%CC%81").await.header("x-total-count"), "1");
    let _ = app.send("DELETE", "/api/tasks/1/tags", &[], &json!({ "tags": ["cafe\u{301}"] })).await.is(200);
    assert_eq!(app.task(&json!(1)).await["tags"], json!([]));
    for invisible in ["\u{200b}", "\u{feff}\u{2060}", "\u{ad}", "\u{3164}", "\u{2800}", " \u{200d} ", "\u{e0020}", "\u{202e}"] {
        assert_eq!(app.post("/api/tasks", &json!({ "title": invisible })).await.problem(422), ["/title"], "{invisible:?}");
        assert_eq!(app.put("/api/tasks/1", &json!({ "title": invisible })).await.problem(422), ["/title"], "{invisible:?}");
        assert_eq!(app.put("/api/tasks/1", &json!({ "tags": [invisible] })).await.problem(422), ["/tags/0"], "{invisible:?}");
    }
    for visible in ["👨\u{200d}👩\u{200d}👧", "\u{200b}a", "می\u{200c}خواهم"] {
        assert_eq!(app.create(&json!({ "title": visible })).await["title"], visible);
    }
    app.stop().await;
}

#[tokio::test]
async fn an_occurrence_comes_back_with_its_place_in_the_series() {
    let app = App::start().await;
    let hourly =
        json!({ "title": "hourly", "due_date": AHEAD, "recurrence_rule": "FREQ=HOURLY;INTERVAL=6", "recurrence_exdates": ["2199-04-01"] });
    let all_day = json!({ "title": "all day", "due_date": "2199-03-31", "recurrence": "daily", "recurrence_exdates": ["2199-04-02"] });
    for (task, moved) in [(hourly, "2199-03-31T10:00:00Z"), (all_day, "2199-04-01")] {
        let task = app.create(&task).await;
        let path = format!("/api/tasks/{}", task["id"]);
        let change = app.send("PUT", &path, &[], &json!({ "due_date": moved })).await.is(200);
        let before = change.json();
        let _ = app.delete(&path).await.is(204);
        assert_eq!(lasting(&restore(&app, &task).await), lasting(&before));
        assert_eq!(lasting(&app.read(&path).await), lasting(&before), "as it is kept");
        assert_eq!(lasting(&undone(&app, &change).await), lasting(&task), "and as it was before it was moved");
        assert_eq!(lasting(&app.read(&path).await), lasting(&task));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_day_that_became_a_time_is_a_day_again_after_an_undo() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "taxes", "due_date": "2199-03-31", "reminder_offset": "1 day" })).await;
    let change = app.send("PUT", &format!("/api/tasks/{}", task["id"]), &[], &json!({ "due_date": AHEAD })).await.is(200);
    assert_eq!((&change.json()["all_day"], &change.json()["due_day"]), (&json!(false), &Value::Null));
    assert_eq!(lasting(&undone(&app, &change).await), lasting(&task));
    app.stop().await;
}

#[tokio::test]
async fn all_day_tasks_are_filtered_by_their_day_in_the_users_own_zone() {
    let app = App::with(&[("TASKFLOW_TIME_ZONE", "UTC")]).await;
    // This zone is a day ahead of the zones to its west.
    let _ = app.send("PUT", "/api/preferences", &[], &json!({ "time_zone": "Pacific/Kiritimati" })).await.is(200);
    let today = now().to_zoned(jiff::tz::TimeZone::get("Pacific/Kiritimati").unwrap()).date();
    let day = |days: i32| today.checked_add(days.days()).unwrap();
    for (title, days, zone) in [
        ("yesterday", -1, "Pacific/Pago_Pago"),
        ("here", 0, "Pacific/Kiritimati"),
        ("elsewhere", 0, "Pacific/Pago_Pago"),
        ("tomorrow", 1, "Pacific/Kiritimati"),
    ] {
        app.create(&json!({ "title": title, "due_date": day(days).to_string(), "time_zone": zone })).await;
    }
    app.create(&json!({ "title": "timed", "due_date": in_seconds(-172_800) })).await;
    let found = async |query: &str| {
        let tasks = app.list(&format!("/api/tasks?sort_by=title&order=asc&{query}")).await;
        tasks.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (query, expected) in [
        ("due=today".to_owned(), "elsewhere here"),
        ("due=tomorrow".to_owned(), "tomorrow"),
        ("due=overdue".to_owned(), "timed yesterday"),
        ("due=overdue&all_day=true".to_owned(), "yesterday"),
        ("all_day=false".to_owned(), "timed"),
        (format!("all_day=true&due_after={}&due_before={}", day(0), day(1)), "elsewhere here"),
    ] {
        assert_eq!(found(&query).await, expected, "{query}");
    }
    app.stop().await;
}
