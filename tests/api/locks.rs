//! Rows that another database session has locked: callers that need them get a 503, and others are not affected.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tests::{App, eventually, in_seconds};
use tokio_util::sync::CancellationToken;

/// Callers that repeatedly request a change of the locked row.
const CALLERS: usize = 20;

/// Opens another session that holds the lock of this statement.
async fn lock(app: &App, sql: String) -> PgConnection {
    let mut other = PgConnection::connect(app.database_url()).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut other).await.unwrap();
    let locked = sqlx::query(AssertSqlSafe(sql)).execute(&mut other).await.unwrap();
    assert!(locked.rows_affected() > 0);
    other
}

/// Number of sessions of this database that wait for a lock.
pub(crate) async fn waiting(session: &mut PgConnection) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    sqlx::query_scalar(sql).fetch_one(session).await.unwrap()
}

/// Requests this change until it is stopped. Each answer is that of a locked row.
async fn insist(app: &App, stopping: &CancellationToken, method: &str, path: &str, body: &Value) {
    while !stopping.is_cancelled() {
        let answer = app.send(method, path, &[], body).await;
        assert!(answer.problem(503).is_empty());
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    }
}

/// Normal work meanwhile, with every other task.
async fn work(app: &App, locked: &Value) {
    for round in 0..4 {
        for path in ["/api/tasks", "/api/tags", "/api/reminders", "/api/notifications", "/api/audit"] {
            app.read(path).await;
        }
        assert_eq!(app.task(locked).await["id"], *locked, "it can be read");
        let _ = app.post("/api/tasks/search", &json!({ "query": "rent" })).await.is(200);
        let task = app.create(&json!({ "title": format!("rent {round}"), "due_date": in_seconds(3600), "recurrence": "monthly" })).await;
        let path = format!("/api/tasks/{}", task["id"]);
        let _ = app.put(&path, &json!({ "reminder_offset": "1 minute" })).await.is(200);
        let _ = app.post(&format!("{path}/complete"), &json!({})).await.is(200);
    }
}

/// Returns the attempts of pending deliveries.
async fn deliveries(app: &App) -> Vec<i32> {
    sqlx::query_scalar("SELECT attempts FROM deliveries").fetch_all(app.store.pool()).await.unwrap()
}

/// Returns the number of failed deliveries.
async fn failed(app: &App) -> u64 {
    let metrics = app.get("/metrics").await.is(200);
    let failed = metrics.text.lines().filter(|line| line.starts_with("taskflow_deliveries_total") && line.contains("failed"));
    failed.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

/// Delivers the task's creation to its consumers again.
async fn announce_again(app: &App, task: &Value) {
    let sql = format!(
        "INSERT INTO outbox (key, kind, topic, name, payload, created_at) SELECT task_id, 'event', 'task-events', event_type, \
         (event_data::jsonb || '{{\"id\": \"again\"}}')::json, now() FROM audit_log WHERE task_id = {task} AND event_type = 'task.created'"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(app.store.pool()).await.unwrap();
}

async fn with_a_locked_task(pool: &str) {
    let app = App::with(&[("TASKFLOW_DB_POOL", pool)]).await;
    let fields = json!({ "title": "locked", "due_date": in_seconds(86_400), "reminder_offset": "1 hour" });
    let locked = app.create(&fields).await["id"].clone();
    let other = app.create(&json!({ "title": "other" })).await["id"].clone();
    app.settled().await;
    let session = lock(&app, format!("SELECT FROM tasks WHERE id = {locked} FOR UPDATE")).await;
    announce_again(&app, &locked).await;

    let stopping = CancellationToken::new();
    let path = format!("/api/tasks/{locked}");
    let body = json!({ "title": "wanted" });
    let callers = futures_util::future::join_all((0..CALLERS).map(|_| insist(&app, &stopping, "PUT", &path, &body)));
    let others = async {
        let _ = app.put(&format!("/api/tasks/{other}/priority"), &json!({ "priority": "high" })).await.is(200);
        work(&app, &locked).await;
        // All deliveries succeed except the one that needs the row, which uses no attempt however often it is tried.
        let only_it_waits = async || (deliveries(&app).await == [0] && failed(&app).await >= 3).then_some(());
        eventually("the other deliveries", only_it_waits).await;
        stopping.cancel();
    };
    tokio::join!(callers, others);

    session.close().await.unwrap();
    let _ = app.put(&path, &body).await.is(200);
    app.settled().await;
    assert_eq!(app.list("/dead-letters").await, Vec::<Value>::new());
    assert_eq!(app.list("/api/tasks").await.iter().filter(|task| !task["parent_task_id"].is_null()).count(), 4, "the occurrences");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_task_is_503_and_nothing_else_is_with_one_connection() {
    with_a_locked_task("1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_task_is_503_and_nothing_else_is_with_two_connections() {
    with_a_locked_task("2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_task_is_503_and_nothing_else_is_with_four_connections() {
    with_a_locked_task("4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_task_is_503_and_nothing_else_is_with_as_many_connections_as_by_default() {
    with_a_locked_task("16").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_of_any_table_is_503_for_its_callers_only() {
    let app = App::with(&[("TASKFLOW_DB_POOL", "4")]).await;
    let task = app.create(&json!({ "title": "rent", "due_date": in_seconds(1), "reminder_offset": "0 minutes" })).await["id"].clone();
    let notification = eventually("the notification", async || app.list("/api/notifications").await.pop()).await["id"].clone();
    let later = json!({ "title": "later", "due_date": in_seconds(86_400), "reminder_offset": "1 hour" });
    let later = app.create(&later).await["id"].clone();
    let reminder = app.reminder(&later, "pending").await["id"].clone();
    let _ = app.post("/api/chat", &json!({ "message": "what is overdue?", "conversation_id": "conversation" })).await.is(200);
    app.settled().await;
    for (sql, method, path, body) in [
        (format!("SELECT FROM reminders WHERE id = {reminder} FOR UPDATE"), "DELETE", format!("/api/reminders/{reminder}"), Value::Null),
        ("SELECT FROM notifications FOR UPDATE".to_owned(), "POST", format!("/api/notifications/{notification}/read"), Value::Null),
        ("SELECT FROM embedded.state FOR UPDATE".to_owned(), "DELETE", "/api/chat/conversation".to_owned(), Value::Null),
        ("SELECT FROM task_search FOR UPDATE".to_owned(), "PUT", format!("/api/tasks/{task}"), json!({ "title": "found" })),
    ] {
        let session = lock(&app, sql).await;
        let stopping = CancellationToken::new();
        let callers = futures_util::future::join_all((0..CALLERS).map(|_| insist(&app, &stopping, method, &path, &body)));
        let others = async {
            work(&app, &task).await;
            stopping.cancel();
        };
        tokio::join!(callers, others);
        session.close().await.unwrap();
        assert!(app.send(method, &path, &[], &body).await.status < 300, "{path}");
    }
    app.settled().await;
    assert_eq!(app.list("/dead-letters").await, Vec::<Value>::new());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_is_503_for_its_readers_and_disconnected_callers_hold_no_connection() {
    let app = App::with(&[("TASKFLOW_DB_POOL", "1")]).await;
    let task = app.create(&json!({ "title": "rent" })).await["id"].clone();
    app.settled().await;
    let mut session = PgConnection::connect(app.database_url()).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE tasks").execute(&mut session).await.unwrap();
    let _ = app.get("/api/tasks").await.problem(503);
    for _ in 0..5 {
        tokio::select! {
            biased;
            _ = app.get("/api/tasks") => {}
            () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {}
        }
    }
    app.read("/api/reminders").await;
    session.close().await.unwrap();
    assert_eq!(app.task(&task).await["id"], task);
    app.stop().await;
}

#[tokio::test]
async fn a_bulk_change_skips_only_the_locked_task() {
    let app = App::start().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(app.create(&json!({ "title": format!("rent {number}") })).await["id"].clone());
    }
    let other = lock(&app, format!("SELECT FROM tasks WHERE id = {} FOR UPDATE", ids[1])).await;
    let answer = app.post("/api/tasks/bulk", &json!({ "ids": ids, "action": "complete" })).await.is(200).json();
    let statuses: Vec<&Value> = answer["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, [200, 503, 200]);
    other.close().await.unwrap();
    assert_eq!(app.task(&ids[1]).await["status"], "pending");
    app.stop().await;
}
