//! Both releases at the same time on one database, as during a roll-out: each sees the other's work, and nothing is lost or doubled.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::PgPool;
use tests::{Api, eventually, in_seconds};

use crate::week::{self, complete};
use crate::{Taskflow, empty, number};

/// Series that both releases complete at the same moment.
const AT_ONCE: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn both_releases_work_side_by_side_and_nothing_is_lost_or_done_twice() {
    let (database, pool) = empty().await;
    let folder = tempfile::tempdir().unwrap();
    let mut old = Taskflow::old(folder.path(), database.url()).await;
    week::week(&mut old, &pool).await;
    let before = tasks(&old.api).await;
    // Migrates while the previous release runs.
    let mut new = Taskflow::new(folder.path(), database.url()).await;
    let after = tasks(&new.api).await;
    assert!(!before.is_empty() && before.len() == after.len());
    for (before, after) in before.iter().zip(&after) {
        holds(after, before);
    }
    for (writer, other) in [(&old.api, &new.api), (&new.api, &old.api)] {
        a_task_of_one_release_is_a_task_of_the_other(writer, other).await;
        a_series_of_one_release_continues_in_the_other(writer, other).await;
        a_reminder_of_one_fires_once(writer, other).await;
    }
    the_next_release_alone_knows_days_and_hours(&old.api, &new.api).await;
    refused_events_are_accepted_when_they_are_replayed(&new.api).await;
    both_at_once(&old.api, &new.api).await;

    // The end of the roll-out, in the middle of work.
    let last = old.api.create(&json!({ "title": "The last", "due_date": in_seconds(3_600), "recurrence": "daily" })).await;
    complete(&old.api, &last).await;
    old.program.kill();
    new.program.stop();
    new.start_again().await;
    the_only_occurrence(&new.api, &last).await;
    week::settled(&pool).await;
    nothing_is_doubled(&pool).await;
    assert!(new.api.list("/dead-letters").await.is_empty());
}

/// Every task, in order.
async fn tasks(api: &Api) -> Vec<Value> {
    api.list("/api/tasks?limit=500&sort_by=created_at&order=asc").await
}

/// Fails unless a task has every field of another one unchanged; it may have more.
fn holds(task: &Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        let value = if name == "tags" { tests::composed(value) } else { value.clone() };
        assert_eq!(task[name], value, "{name} of {task}");
    }
}

async fn same(one: &Api, other: &Api, id: &Value) -> Value {
    let (one, other) = (one.task(id).await, other.task(id).await);
    let (less, more) = if one.as_object().unwrap().len() < other.as_object().unwrap().len() { (&one, &other) } else { (&other, &one) };
    holds(more, less);
    more.clone()
}

async fn history(api: &Api, task: &Value) -> Vec<String> {
    let entries = api.list(&format!("/api/audit?task_id={}&limit=500", task["id"])).await;
    entries.iter().rev().map(|entry| entry["event_type"].as_str().unwrap().to_owned()).collect()
}

async fn heard(api: &Api, task: &Value, types: &[&str]) {
    eventually(&format!("{types:?} of {task}"), async || {
        let history = history(api, task).await;
        assert!(history.len() <= types.len(), "{history:?}");
        (history.len() == types.len()).then_some(())
    })
    .await;
    let (mut heard, mut expected) = (history(api, task).await, types.to_vec());
    heard.sort();
    expected.sort_unstable();
    assert_eq!(heard, expected);
}

async fn a_task_of_one_release_is_a_task_of_the_other(writer: &Api, other: &Api) {
    let task =
        writer.create(&json!({ "title": "Parcel for Zoë", "tags": ["post"], "due_date": in_seconds(86_400), "priority": "low" })).await;
    let (id, path) = (&task["id"], format!("/api/tasks/{}", task["id"]));
    same(writer, other, id).await;
    for api in [writer, other] {
        let found = api.post("/api/tasks/search", &json!({ "query": "parcel" })).await.is(200).json();
        assert!(found["results"].as_array().unwrap().iter().any(|found| found["id"] == *id), "{found}");
        assert!(api.list("/api/tasks?tags=post&limit=500").await.iter().any(|found| found["id"] == *id));
        assert!(api.list("/api/tags").await.iter().any(|tag| tag["tag"] == "post"));
    }
    let _ = other.put(&path, &json!({ "title": "Parcel for Ada" })).await.is(200);
    let _ = writer.send("PUT", &path, &[("if-match", "\"1\"")], &json!({ "title": "Stale" })).await.is(412);
    let _ = writer.put(&format!("{path}/priority"), &json!({ "priority": "high" })).await.is(200);
    let _ = other.post(&format!("{path}/tags"), &json!({ "tags": ["gift"] })).await.is(200);
    let _ = writer.post(&format!("{path}/complete"), &Value::Null).await.is(200);
    let _ = other.post(&format!("{path}/reopen"), &Value::Null).await.is(200);
    let whole = same(writer, other, id).await;
    assert_eq!((&whole["title"], &whole["priority"], &whole["tags"]), (&json!("Parcel for Ada"), &json!("high"), &json!(["post", "gift"])));
    assert_eq!((&whole["status"], &whole["version"]), (&json!("pending"), &json!(6)));
    let _ = other.delete(&path).await.is(204);
    let _ = writer.get(&path).await.is(404);
    let changes = ["task.created", "task.updated", "task.updated", "task.updated", "task.completed", "task.updated", "task.deleted"];
    heard(other, &task, &changes).await;
    heard(writer, &task, &changes).await;
}

async fn a_series_of_one_release_continues_in_the_other(writer: &Api, other: &Api) {
    let fields = json!({
        "title": "Feed the cat", "due_date": in_seconds(3_600), "time_zone": "Europe/Berlin", "recurrence_rule": "FREQ=DAILY;COUNT=3",
        "reminder_offset": "10 minutes",
    });
    let first = writer.create(&fields).await;
    writer.reminder(&first["id"], "pending").await;
    complete(other, &first).await;
    let second = the_only_occurrence(writer, &first).await;
    assert_eq!((&second["recurrence_number"], &second["title"]), (&json!(2), &first["title"]));
    other.reminder(&first["id"], "cancelled").await;
    other.reminder(&second["id"], "pending").await;
    // Back, and on again.
    let _ = writer.post(&format!("/api/tasks/{}/reopen", first["id"]), &Value::Null).await.is(200);
    let _ = other.get(&format!("/api/tasks/{}", second["id"])).await.is(404);
    complete(writer, &first).await;
    let second = the_only_occurrence(other, &first).await;
    complete(writer, &second).await;
    let third = the_only_occurrence(other, &second).await;
    assert_eq!(third["recurrence_number"], 3);
    complete(other, &third).await;
    heard(writer, &third, &["task.created", "reminder.scheduled", "task.completed", "reminder.cancelled"]).await;
    assert!(occurrences(writer, &third).await.is_empty(), "the count ends it");
}

async fn occurrences(api: &Api, parent: &Value) -> Vec<Value> {
    api.list("/api/tasks?limit=500").await.into_iter().filter(|task| task["parent_task_id"] == parent["id"]).collect()
}

async fn the_only_occurrence(api: &Api, parent: &Value) -> Value {
    eventually("the next occurrence", async || {
        let mut next = occurrences(api, parent).await;
        assert!(next.len() <= 1, "{next:?}");
        next.pop()
    })
    .await
}

async fn a_reminder_of_one_fires_once(writer: &Api, other: &Api) {
    let task = writer.create(&json!({ "title": "Tea", "due_date": in_seconds(2), "reminder_offset": "0 minutes" })).await;
    for api in [other, writer] {
        api.reminder(&task["id"], "sent").await;
        let shown = api.list("/api/notifications").await;
        assert_eq!(shown.iter().filter(|shown| shown["task_id"] == task["id"]).count(), 1, "{shown:?}");
    }
    heard(other, &task, &["task.created", "reminder.scheduled", "reminder.triggered", "reminder.sent"]).await;
    // One that is moved by the other release, and one that it cancels.
    let later = json!({ "title": "Later", "due_date": in_seconds(86_400), "reminder_offset": "1 hour" });
    let moved = writer.create(&later).await;
    writer.reminder(&moved["id"], "pending").await;
    let due = in_seconds(172_800);
    let _ = other.put(&format!("/api/tasks/{}", moved["id"]), &json!({ "due_date": due, "reminder_offset": "0 minutes" })).await.is(200);
    eventually("a reminder that has moved", async || (writer.reminders(&moved["id"]).await[0]["scheduled_at"] == json!(due)).then_some(()))
        .await;
    complete(other, &moved).await;
    writer.reminder(&moved["id"], "cancelled").await;
}

/// The previous release keeps what only the new one knows, and works with it as far as it understands it.
async fn the_next_release_alone_knows_days_and_hours(old: &Api, new: &Api) {
    let day = json!({ "title": "All day", "due_date": "2031-03-03", "time_zone": "Europe/Berlin", "recurrence": "weekly" });
    let hourly = json!({ "title": "Every 8 hours", "due_date": in_seconds(86_400), "recurrence_rule": "FREQ=HOURLY;INTERVAL=8" });
    let (day, hourly) = (new.create(&day).await, new.create(&hourly).await);
    assert_eq!(tasks(old).await.len(), tasks(new).await.len(), "the previous release lists them all");
    for task in [&day, &hourly] {
        let path = format!("/api/tasks/{}", task["id"]);
        let _ = old.put(&path, &json!({ "description": "seen" })).await.is(200);
        let mut seen = new.read(&path).await;
        for own in ["description", "version", "updated_at"] {
            seen[own] = task[own].clone();
        }
        assert_eq!(&seen, task);
    }
    complete(old, &day).await;
    let next = the_only_occurrence(new, &day).await;
    assert_eq!((&next["all_day"], &next["due_day"]), (&json!(true), &json!("2031-03-10")));
    complete(old, &hourly).await;
    let next = the_only_occurrence(new, &hourly).await;
    assert_eq!(next["recurrence_rule"], "FREQ=HOURLY;INTERVAL=8");
    // Trash, restore and undo belong to the new release; their result is a task for both.
    let task = old.create(&json!({ "title": "Thrown away" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let _ = new.delete(&path).await.is(204);
    let _ = old.get(&path).await.is(404);
    let _ = new.post(&format!("{path}/restore"), &Value::Null).await.is(200);
    complete(old, &task).await;
    assert_eq!(same(old, new, &task["id"]).await["status"], "completed");
    heard(new, &task, &["task.created", "task.deleted", "task.restored", "task.completed"]).await;
}

/// The previous release refuses events of unknown types. They are stored, and the new release accepts them.
async fn refused_events_are_accepted_when_they_are_replayed(new: &Api) {
    let unknown = json!({ "id": 999 });
    assert!(history(new, &unknown).await.is_empty());
    let letters = new.list("/dead-letters").await;
    assert!(letters.iter().any(|letter| letter["consumer"] == "record-audit"), "{letters:?}");
    for letter in letters {
        assert_eq!(letter["id"], "of-the-next-release", "{letter}");
        let _ = new.call("POST", "/dead-letters", &[("content-type", "application/cloudevents+json")], letter.to_string()).await.is(204);
    }
    assert!(new.list("/dead-letters").await.is_empty());
    assert_eq!(history(new, &unknown).await, ["task.restored"]);
}

/// Both releases complete the same series at the same moment.
async fn both_at_once(old: &Api, new: &Api) {
    let fields = json!({ "title": "Both", "due_date": in_seconds(3_600), "recurrence": "daily", "reminder_offset": "5 minutes" });
    let mut series = Vec::new();
    for place in 0..AT_ONCE {
        series.push(if place % 2 == 0 { old.create(&fields).await } else { new.create(&fields).await });
    }
    // A caller that finds the row locked for too long must retry.
    let patiently = async |api: &Api, task: &Value| {
        let path = format!("/api/tasks/{}/complete", task["id"]);
        eventually("a completion", async || match api.post(&path, &Value::Null).await {
            answer if answer.status == 503 => None,
            answer => Some(answer.is(200)),
        })
        .await
    };
    let both = async |task: &Value| {
        let _ = tokio::join!(patiently(old, task), patiently(new, task));
    };
    futures_util::future::join_all(series.iter().map(both)).await;
    for task in &series {
        let next = the_only_occurrence(new, task).await;
        new.reminder(&next["id"], "pending").await;
        old.reminder(&task["id"], "cancelled").await;
        heard(new, task, &["task.created", "reminder.scheduled", "task.completed", "reminder.cancelled"]).await;
    }
}

/// Checks in the database that nothing is doubled, because the API does not show it.
async fn nothing_is_doubled(pool: &PgPool) {
    for (what, sql) in BTreeMap::from([
        ("notifications of an event", "SELECT count(*) - count(DISTINCT (task_id, body, created_at)) FROM notifications"),
        ("occurrences of a task", "SELECT count(*) - count(DISTINCT parent_task_id) FROM tasks WHERE parent_task_id IS NOT NULL"),
        (
            "pending reminders of a task's own",
            "SELECT count(*) - count(DISTINCT task_id) FROM reminders WHERE of_task AND status = 'pending'",
        ),
        ("entries of the log", "SELECT count(*) - count(DISTINCT event_id) FROM audit_log"),
    ]) {
        assert_eq!(number(pool, sql).await, 0, "{what}");
    }
}
