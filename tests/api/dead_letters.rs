//! Dead letters: listed, and replayed.

use serde_json::{Value, json};
use tests::{App, eventually, in_seconds};

/// Prevents the occurrence, and leaves its delivery one attempt.
const BREAK: &str = "CREATE FUNCTION no_occurrence() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is full'; END $$;
    CREATE TRIGGER no_occurrence BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.parent_task_id IS NOT NULL) EXECUTE FUNCTION no_occurrence();
    ALTER TABLE deliveries ALTER attempts SET DEFAULT 8;";
const MEND: &str = "DROP TRIGGER no_occurrence ON tasks; ALTER TABLE deliveries ALTER attempts SET DEFAULT 0;";

const LETTER: &[(&str, &str)] = &[("content-type", "application/cloudevents+json")];

async fn letters(app: &App) -> Vec<Value> {
    let answer = app.get("/dead-letters").await.is(200);
    assert_eq!(answer.header("content-type"), "application/cloudevents-batch+json");
    let letters = answer.json().as_array().unwrap().clone();
    assert_eq!(answer.header("x-total-count"), letters.len().to_string());
    letters
}

/// Returns a completed recurring task whose next occurrence failed, and the dead letter.
async fn given_up(app: &App) -> (Value, Value) {
    let task = app.create(&json!({ "title": "rent", "due_date": in_seconds(3600), "recurrence": "monthly" })).await;
    app.settled().await;
    app.sql(BREAK).await;
    let _ = app.post(&format!("/api/tasks/{}/complete", task["id"]), &json!({})).await.is(200);
    let letter = eventually("a dead letter", async || letters(app).await.pop()).await;
    (task, letter)
}

async fn occurrences(app: &App, parent: &Value) -> usize {
    app.list("/api/tasks").await.iter().filter(|task| task["parent_task_id"] == *parent).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_and_replayed_after_the_fault() {
    let app = App::start().await;
    let (task, letter) = given_up(&app).await;
    assert_eq!((&letter["consumer"], &letter["attempts"]), (&json!("spawn-recurrence"), &json!(10)));
    assert_eq!((&letter["type"], &letter["data"]["task_id"]), (&json!("task.completed"), &task["id"]));
    assert!(letter["lasterror"].as_str().unwrap().starts_with("500"), "{letter}");

    // Still broken: the answer is the consumer's problem, and the letter stays.
    let _ = app.call("POST", "/dead-letters", LETTER, letter.to_string()).await.problem(500);
    assert_eq!(letters(&app).await.len(), 1);

    app.sql(MEND).await;
    // The stored letter is delivered, even if the caller changes its copy.
    let mut forged = letter.clone();
    forged["data"]["task_id"] = json!(77);
    let _ = app.call("POST", "/dead-letters", LETTER, forged.to_string()).await.is(204);
    let _ = app.call("POST", "/dead-letters", LETTER, letter.to_string()).await.problem(403);
    assert_eq!(letters(&app).await, Vec::<Value>::new());
    app.settled().await;
    assert_eq!(occurrences(&app, &task["id"]).await, 1, "taken twice, done once");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_only_to_its_own_consumer() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "rent" })).await;
    let completed = json!({
        "specversion": "1.0", "id": "1", "source": "/elsewhere", "type": "task.completed", "consumer": "record-audit", "attempts": 3,
        "partitionkey": task["id"].to_string(), "lasterror": "503", "time": in_seconds(0),
        "data": { "event_type": "task.completed", "task_id": task["id"], "task_data": task, "user_id": 1, "timestamp": in_seconds(0), "correlation_id": "c" },
    });
    let with = |name: &str, value: Value| {
        let mut letter = completed.clone();
        letter[name] = value;
        letter.to_string()
    };
    for (letter, pointer) in [
        (with("consumer", json!("make-coffee")), "/consumer"),
        (with("consumer", json!("web")), "/consumer"),
        (with("consumer", Value::Null), "/consumer"),
        (with("type", json!("task.complete")), "/consumer"),
        (with("type", json!("record.unreadable")), "/type"),
    ] {
        assert_eq!(app.call("POST", "/dead-letters", LETTER, letter).await.problem(422), [pointer]);
    }
    let _ = app.call("POST", "/dead-letters", LETTER, "not an event").await.problem(400);
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let _ = app.call("POST", "/dead-letters", &batch, format!("[{completed}]")).await.problem(422);
    let _ = app.call("PUT", "/dead-letters", LETTER, completed.to_string()).await.problem(405);

    // This one was never stored: it is a fact from a caller.
    let _ = app.call("POST", "/dead-letters", LETTER, completed.to_string()).await.problem(403);
    app.settled().await;
    let heard = app.list(&format!("/api/audit?task_id={}&event_type=task.completed", task["id"])).await;
    assert_eq!(heard.len(), 0);
    app.stop().await;
}

#[tokio::test]
async fn only_callers_with_the_token_get_them() {
    let app = App::with(&[("TASKFLOW_API_TOKEN", "letters-token")]).await;
    let _ = app.call("GET", "/dead-letters", &[("authorization", "Bearer guess")], "").await.problem(401);
    let _ = app.call("POST", "/dead-letters", &[("authorization", "Bearer guess")], "{}").await.problem(401);
    let _ = app.call("GET", "/dead-letters", &[("authorization", "Bearer letters-token")], "").await.is(200);
    app.stop().await;
}
