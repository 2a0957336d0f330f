//! Events that are out of order, repeated or forged: a consumer does what the rows confirm.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::Functions;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Creates a recurring task with a reminder, and returns it with its undelivered event.
async fn recurring(functions: &Functions) -> (Value, Value) {
    let fields = json!({ "title": "Water", "due_date": functions.after(HOUR), "recurrence": "daily", "reminder_offset": "0 minutes" });
    let task = functions.create(&fields).await;
    let created = functions.announced().await.into_iter().find(|event| event["type"] == "task.created");
    (task, created.unwrap())
}

/// Returns an event of this type with this task data.
fn told(event: &Value, id: &str, ty: &str, task_data: &Value) -> Value {
    let mut told = event.clone();
    (told["id"], told["type"]) = (json!(id), json!(ty));
    (told["data"]["event_type"], told["data"]["task_data"]) = (json!(ty), task_data.clone());
    told["data"]["task_id"] = task_data["id"].clone();
    told
}

async fn act(functions: &Functions, action: &str, task: &Value) {
    functions.done(&format!("{action}-task"), "POST", &format!("/api/tasks/{}/{action}", task["id"]), &Value::Null).await;
}

async fn statuses(functions: &Functions, task: &Value) -> Vec<String> {
    functions.reminders(task).await.iter().map(|reminder| reminder["status"].as_str().unwrap().to_owned()).collect()
}

async fn notifications(functions: &Functions) -> usize {
    functions.done("notify", "GET", "/api/notifications", &Value::Null).await.as_array().unwrap().len()
}

#[tokio::test]
async fn reminders_are_cancelled_only_with_a_task_that_is_over() {
    let functions = Functions::start().await;
    let (task, created) = recurring(&functions).await;
    functions.deliver("schedule-reminder", &created).await;
    for ty in ["task.completed", "task.deleted"] {
        functions.deliver("cancel-reminder", &told(&created, ty, ty, &task)).await;
        assert_eq!(statuses(&functions, &task).await, ["pending"], "{ty} of a pending task");
    }
    act(&functions, "complete", &task).await;
    act(&functions, "reopen", &task).await;
    for event in functions.announced().await.iter().rev().filter(|event| event["type"] == "task.completed") {
        functions.deliver("cancel-reminder", event).await;
    }
    assert_eq!(statuses(&functions, &task).await, ["pending"], "reopened before anybody heard of its completion");
    act(&functions, "complete", &task).await;
    functions.deliver("cancel-reminder", &told(&created, "late", "task.deleted", &task)).await;
    assert_eq!(statuses(&functions, &task).await, ["cancelled"], "it is over, whichever event says so");
    functions.stop().await;
}

#[tokio::test]
async fn an_occurrence_is_made_only_of_a_task_that_is_completed() {
    let functions = Functions::start().await;
    let (task, created) = recurring(&functions).await;
    let mut completed = task.clone();
    (completed["status"], completed["completed_at"]) = (json!("completed"), json!(functions.after(SignedDuration::ZERO)));
    functions.deliver("spawn-recurrence", &told(&created, "pending", "task.completed", &completed)).await;
    let mut unknown = completed.clone();
    unknown["id"] = json!(77);
    functions.deliver("spawn-recurrence", &told(&created, "unknown", "task.completed", &unknown)).await;
    act(&functions, "complete", &task).await;
    let heard = functions.announced().await.remove(0);
    act(&functions, "reopen", &task).await;
    functions.deliver("spawn-recurrence", &heard).await;
    assert_eq!(functions.tasks().await.len(), 1);
    act(&functions, "complete", &task).await;
    functions.deliver("spawn-recurrence", &told(&created, "in the end", "task.completed", &completed)).await;
    functions.deliver("spawn-recurrence", &heard).await;
    assert_eq!(functions.tasks().await.len(), 2);
    functions.stop().await;
}

#[tokio::test]
async fn a_reminder_is_written_as_the_task_is_now() {
    let functions = Functions::start().await;
    let (task, created) = recurring(&functions).await;
    functions.done("update-task", "PUT", &format!("/api/tasks/{}", task["id"]), &json!({ "due_date": functions.after(HOUR * 5) })).await;
    let updated = functions.announced().await.remove(0);
    for event in [&updated, &created, &told(&created, "again", "task.created", &task)] {
        functions.deliver("schedule-reminder", event).await;
        let reminders = functions.reminders(&task).await;
        assert_eq!((reminders.len(), &reminders[0]["scheduled_at"]), (1, &json!(functions.after(HOUR * 5))));
    }
    // No reminder is written for a completed task, or for a due date in the past, even if an old event contradicts that.
    let (over, created) = recurring(&functions).await;
    act(&functions, "complete", &over).await;
    functions.deliver("schedule-reminder", &created).await;
    assert!(functions.reminders(&over).await.is_empty());
    let (past, mut created) = recurring(&functions).await;
    functions.done("update-task", "PUT", &format!("/api/tasks/{}", past["id"]), &json!({ "due_date": functions.after(-HOUR) })).await;
    created["data"]["timestamp"] = json!("1999-01-01T00:00:00Z");
    functions.deliver("schedule-reminder", &created).await;
    assert!(functions.reminders(&past).await.is_empty());
    let mut unknown = task.clone();
    unknown["id"] = json!(77);
    functions.deliver("schedule-reminder", &told(&created, "unknown", "task.created", &unknown)).await;
    assert!(functions.reminders(&unknown).await.is_empty());
    functions.stop().await;
}

#[tokio::test]
async fn a_reminder_is_shown_only_if_it_fired_and_once() {
    let functions = Functions::start().await;
    let (task, created) = recurring(&functions).await;
    functions.deliver("schedule-reminder", &created).await;
    let mut triggered = functions.announced().await.remove(0);
    triggered["type"] = json!("reminder.triggered");
    triggered["data"]["event_type"] = triggered["type"].clone();
    let mut unknown = triggered.clone();
    (unknown["id"], unknown["data"]["reminder_id"]) = (json!("unknown"), json!(77));
    for event in [&triggered, &unknown] {
        functions.deliver("notify", event).await;
    }
    assert_eq!((notifications(&functions).await, statuses(&functions, &task).await), (0, vec!["pending".to_owned()]));

    functions.pass(HOUR);
    assert_eq!(functions.job(functions.reminders(&task).await[0]["dapr_job_id"].as_str().unwrap()).await, 200);
    let fired = functions.announced().await.remove(0);
    for id in [fired["id"].clone(), json!("another"), fired["id"].clone()] {
        triggered["id"] = id;
        functions.deliver("notify", &triggered).await;
        assert_eq!((notifications(&functions).await, statuses(&functions, &task).await), (1, vec!["sent".to_owned()]));
    }

    let (other, created) = recurring(&functions).await;
    functions.deliver("schedule-reminder", &created).await;
    act(&functions, "complete", &other).await;
    functions.deliver_all(functions.announced().await).await;
    let reminder = functions.reminders(&other).await.remove(0);
    (triggered["id"], triggered["data"]["reminder_id"]) = (json!("cancelled"), reminder["id"].clone());
    functions.deliver("notify", &triggered).await;
    assert_eq!((notifications(&functions).await, &reminder["status"]), (1, &json!("cancelled")));
    functions.stop().await;
}

#[tokio::test]
async fn the_log_keeps_each_event_once_and_shows_those_of_a_task_by_its_versions() {
    let functions = Functions::start().await;
    let (task, created) = recurring(&functions).await;
    act(&functions, "complete", &task).await;
    let completed = functions.announced().await.remove(0);
    for event in [&completed, &created, &completed] {
        functions.deliver("record-audit", event).await;
    }
    let entries = functions.done("record-audit", "GET", &format!("/api/audit?task_id={}", task["id"]), &Value::Null).await;
    let kept: Vec<&Value> = entries.as_array().unwrap().iter().rev().map(|entry| &entry["event_data"]).collect();
    assert_eq!(kept, [&created, &completed]);
    functions.stop().await;
}

#[tokio::test]
async fn an_outage_never_fails_a_reminder_but_its_own_failures_do() {
    let functions = Functions::start().await;
    let (task, created) = recurring(&functions).await;
    functions.deliver("schedule-reminder", &created).await;
    functions.pass(HOUR);
    let job = functions.reminders(&task).await[0]["dapr_job_id"].as_str().unwrap().to_owned();
    functions
        .sql(
            "CREATE TABLE trouble AS SELECT ''::text AS code; \
             CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'trouble' USING ERRCODE = (SELECT code FROM trouble); END $$; \
             CREATE TRIGGER trouble BEFORE UPDATE OF triggered_at ON reminders FOR EACH ROW EXECUTE FUNCTION trouble()",
        )
        .await;
    let become_of = async |code: &str| {
        sqlx::query("UPDATE trouble SET code = $1").bind(code).execute(functions.store.pool()).await.unwrap();
        let status = functions.job(&job).await;
        let reminder = functions.reminders(&task).await.remove(0);
        (status, reminder["status"].as_str().unwrap().to_owned(), reminder["retry_count"].as_i64().unwrap())
    };
    // No connection, none free, lock timeout, deadlock, serialisation failure, shutdown.
    for code in ["08006", "53300", "55P03", "40P01", "40001", "57P01"] {
        for _ in 0..6 {
            assert_eq!(become_of(code).await, (503, "pending".to_owned(), 0), "{code}");
        }
    }
    // Its own failures, with an outage between them.
    for failures in 1..5 {
        assert_eq!(become_of("P0001").await, (500, "pending".to_owned(), failures));
        assert_eq!(become_of("53300").await, (503, "pending".to_owned(), failures));
    }
    assert_eq!(become_of("P0001").await, (200, "failed".to_owned(), 5));
    functions.stop().await;
}
