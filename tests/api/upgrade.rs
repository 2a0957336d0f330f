//! The upgrade from the previous release: the data of a week's work is preserved, and unfinished work is done once.
//!
//! `upgrade/data.sql` has the rows of a database on which that release worked for a week and was then killed, `upgrade/answers.json` its answers.
//! `just upgrade-dump` writes both. `tests/upgrade` runs both releases at the same time.

use embedded::testing::TestDatabase;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tests::App;

const ANSWERS: &str = include_str!("upgrade/answers.json");
const EMBEDDED: &str = include_str!("upgrade/embedded.sql");
const DATA: &str = include_str!("upgrade/data.sql");
/// The newest migration of the previous release.
const SCHEMA: i64 = 2;
/// Writes the rows unchanged, without triggers. The migrations have written the slots of the counts.
const AS_THEY_WERE: &str = "SET session_replication_role = replica; TRUNCATE task_counts";
/// The week's records again, as a broker delivers them to new consumer groups.
const AGAIN: &str = "INSERT INTO outbox (key, kind, topic, name, payload, created_at) \
     SELECT task_id, 'event', CASE WHEN event_type LIKE 'task.%' THEN 'task-events' ELSE 'reminders' END, event_type, event_data, created_at \
     FROM audit_log ORDER BY id";

/// Creates the database that the previous release left.
async fn left_behind() -> (TestDatabase, Value) {
    let prepare = async |url: String| -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect(&url).await?;
        sqlx::migrate!("../shared/store/migrations").run_to(SCHEMA, &mut connection).await?;
        let sql = [EMBEDDED, AS_THEY_WERE, ";", DATA].concat();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        connection.close().await
    };
    (TestDatabase::new(prepare).await.unwrap(), serde_json::from_str(ANSWERS).unwrap())
}

/// Returns what callers see.
async fn all(app: &App) -> [Vec<Value>; 5] {
    app.kept_house().await;
    app.settled().await;
    [
        app.list("/api/tasks?limit=500&sort_by=created_at&order=asc").await,
        app.list("/api/reminders").await,
        app.list("/api/notifications").await,
        app.list("/api/audit?limit=500").await,
        app.list("/api/tags").await,
    ]
}

/// Fails unless each of these exists unchanged, except for additional fields. Returns the other items.
fn others(now: &[Value], before: &Value) -> Vec<Value> {
    let before = before.as_array().unwrap();
    assert!(!before.is_empty());
    for item in before {
        let same = now.iter().find(|same| same["id"] == item["id"]).unwrap_or_else(|| panic!("gone: {item}"));
        for (name, value) in item.as_object().unwrap() {
            let value = match name.as_str() {
                "tags" => tests::composed(value),
                // The previous release stored `websocket` for most reminders. This release reads it as every configured channel.
                "reminder_type" if value == "websocket" => Value::Null,
                _ => value.clone(),
            };
            assert_eq!(same[name], value, "{name} of {same}");
        }
    }
    now.iter().filter(|item| before.iter().all(|same| same["id"] != item["id"])).cloned().collect()
}

/// True if an answer contains all of an earlier one; it may have more fields.
fn has_all(now: &Value, before: &Value) -> bool {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            before.iter().all(|(name, value)| now.get(name).is_some_and(|now| has_all(now, value)))
        }
        (Value::Array(now), Value::Array(before)) => {
            now.len() == before.len() && now.iter().zip(before).all(|(now, before)| has_all(now, before))
        }
        _ => now == before,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_the_previous_release_is_kept_and_its_unfinished_work_is_done_once() {
    let (database, left) = left_behind().await;
    let (before, now) = (&left["answers"], left["answers"]["taken_at"].as_str().unwrap());
    let app = App::on_database(database, now, &[]).await;
    let seen = all(&app).await;
    let [tasks, reminders, notifications, log, tags] = &seen;

    // Tasks completed without their consequence have their occurrence now, and a new task its reminder.
    let mut parents: Vec<Value> = others(tasks, &before["tasks"]).iter().map(|task| task["parent_task_id"].clone()).collect();
    parents.sort_by_key(Value::as_i64);
    let mut owed = left["owed"].as_array().unwrap().clone();
    owed.sort_by_key(Value::as_i64);
    assert_eq!(parents, owed);
    assert!(tasks.iter().all(|task| task["all_day"] == false && task["due_day"].is_null() && task["uid"].is_string()), "{tasks:?}");
    let late = app.reminders(&left["unheard"]).await;
    assert_eq!((late.len(), &late[0]["status"]), (1, &json!("pending")));
    let is_over = |reminder: &&Value| reminder["status"] != "pending";
    let over: Vec<Value> = before["reminders"].as_array().unwrap().iter().filter(is_over).cloned().collect();
    assert!(others(reminders, &json!(over)).iter().all(|reminder| reminder["status"] == "pending" || owed.contains(&reminder["task_id"])));
    let waits = before["reminders"].as_array().unwrap().iter().filter(|reminder| reminder["status"] == "pending");
    let is_owed = |reminder: &&Value| owed.contains(&reminder["task_id"]);
    for reminder in waits.filter(is_owed) {
        assert_eq!(app.reminders(&reminder["task_id"]).await[0]["status"], "cancelled");
    }
    assert!(others(notifications, &before["notifications"]).is_empty());
    // The created occurrences have tags as well.
    let of_tasks = |tag: &Value| tasks.iter().filter(|task| task["tags"].as_array().unwrap().contains(tag)).count();
    assert!(
        before["tags"].as_array().unwrap().len() == tags.len() && tags.iter().all(|tag| tag["count"] == of_tasks(&tag["tag"])),
        "{tags:?}"
    );
    let conversation = app.read("/api/chat/of-the-week").await;
    assert!(has_all(&conversation, &before["conversation"]), "{conversation}");
    let text = "/api/tasks/search";
    for query in ["exupery", "ß", "#cafe", "plants"] {
        let found = app.post(text, &json!({ "query": query })).await.is(200).json();
        assert_ne!(found["total_count"], 0, "{query}");
    }
    for ty in
        ["task.created", "task.updated", "task.completed", "task.deleted", "reminder.triggered", "reminder.sent", "reminder.cancelled"]
    {
        assert!(log.iter().any(|entry| entry["event_type"] == ty), "{ty}");
    }

    // A repeated call has no second effect, even if the previous release handled the first.
    let key = [("idempotency-key", "of-the-week"), ("content-type", "application/json")];
    let once = app.call("POST", "/api/tasks", &key, r#"{"title":"Once, by its key"}"#).await.is(201).json();
    assert_eq!(once["id"], left["repeats"]["once"]["id"]);
    let command = &left["repeats"]["command"];
    let again = json!({
        "specversion": "1.0", "id": "of-the-week", "source": "/tests", "type": "task.create", "datacontenttype": "application/json",
        "data": { "title": "Once, by its id" },
    });
    let again = app.call("POST", "/", &[("content-type", "application/cloudevents+json")], again.to_string()).await.is(200).json();
    assert_eq!(again["data"]["task_id"], command["data"]["task_id"]);
    let letters = app.list("/dead-letters").await;
    assert!(!letters.is_empty() && letters.iter().all(|letter| letter["id"] == "of-the-next-release"), "{letters:?}");
    sqlx::raw_sql(AGAIN).execute(app.store.pool()).await.unwrap();
    let app = App::on_database(app.end().await, now, &[]).await;
    let after = all(&app).await;
    for (after, before) in after.iter().zip(&seen) {
        assert_eq!(after, before);
    }
    assert_eq!(app.list("/dead-letters").await, letters);
    app.stop().await;
}
