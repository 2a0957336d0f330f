//! Recurring tasks.

use domain::event::{EventType, Topic};
use domain::routes;
use function::guard::Trust;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};
use tests::{App, eventually, moment, now};

use crate::doors::{deliver, function};

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// A wall-clock time in Berlin, in Taskflow's form.
fn at(time: DateTime) -> String {
    tests::written(time.to_zoned(berlin()).unwrap().timestamp())
}

pub(crate) async fn complete(app: &App, task: &Value) -> Value {
    app.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200).json()
}

/// Returns the occurrence that follows a task.
pub(crate) async fn child(app: &App, task: &Value) -> Option<Value> {
    let tasks = app.list("/api/tasks?limit=500").await;
    let mut children: Vec<Value> = tasks.into_iter().filter(|other| other["parent_task_id"] == task["id"]).collect();
    assert!(children.len() <= 1, "{children:?}");
    children.pop()
}

/// Completes a task, and returns the next occurrence.
pub(crate) async fn next(app: &App, task: &Value) -> Value {
    complete(app, task).await;
    eventually("the next occurrence", async || child(app, task).await).await
}

/// Completes the last task of a chain.
pub(crate) async fn last(app: &App, task: &Value) {
    complete(app, task).await;
    app.settled().await;
    assert_eq!(child(app, task).await, None);
}

#[tokio::test]
async fn monthly_stays_on_the_31st_and_at_nine_across_the_change_of_clocks() {
    let app = App::start().await;
    let due = date(2197, 1, 31).at(9, 0, 0, 0);
    let mut task =
        app.create(&json!({ "title": "Pay rent", "due_date": at(due), "time_zone": "Europe/Berlin", "recurrence": "monthly" })).await;
    for (month, day) in [(2, 28), (3, 31), (4, 30), (5, 31)] {
        task = next(&app, &task).await;
        assert_eq!(task["due_date"], at(date(2197, month, day).at(9, 0, 0, 0)), "{month}");
        assert_eq!(task["recurrence_start"], at(due));
    }
    // In winter that is 08:00 UTC, in summer 07:00.
    assert!(at(due).contains("T08:00") && task["due_date"].as_str().unwrap().contains("T07:00"));
    assert_eq!(task["recurrence_number"], 5);
    app.stop().await;
}

#[tokio::test]
async fn a_rule_skips_months_without_the_day() {
    let app = App::start().await;
    let due = date(2197, 1, 31).at(9, 0, 0, 0);
    let mut task = app.create(&json!({ "title": "Pay rent", "due_date": at(due), "time_zone": "Europe/Berlin", "recurrence_rule": "rrule:freq=monthly;bymonthday=31" })).await;
    assert_eq!((&task["recurrence"], &task["recurrence_rule"]), (&json!("custom"), &json!("FREQ=MONTHLY;BYMONTHDAY=31")));
    for month in [3, 5, 7, 8] {
        task = next(&app, &task).await;
        assert_eq!(task["due_date"], at(date(2197, month, 31).at(9, 0, 0, 0)));
    }
    let mut task = app
        .create(
            &json!({ "title": "Rest", "due_date": at(due), "time_zone": "Europe/Berlin", "recurrence_rule": "FREQ=MONTHLY;BYMONTHDAY=-1" }),
        )
        .await;
    for (month, day) in [(2, 28), (3, 31), (4, 30)] {
        task = next(&app, &task).await;
        assert_eq!(task["due_date"], at(date(2197, month, day).at(9, 0, 0, 0)));
    }
    app.stop().await;
}

#[tokio::test]
async fn daily_and_weekly_keep_their_time_of_day() {
    let app = App::start().await;
    // A week before the clocks go forward.
    let due = date(2199, 3, 30).at(9, 0, 0, 0);
    for (recurrence, days) in [("daily", 1), ("weekly", 7)] {
        let task =
            app.create(&json!({ "title": recurrence, "due_date": at(due), "time_zone": "Europe/Berlin", "recurrence": recurrence })).await;
        let second = next(&app, &task).await;
        assert_eq!(second["due_date"], at(due + days.days()));
        assert_eq!(next(&app, &second).await["due_date"], at(due + (2 * days).days()));
    }
    app.stop().await;
}

#[tokio::test]
async fn after_a_holiday_nothing_piles_up() {
    let app = App::start().await;
    let start = now() - SignedDuration::from_hours(24 * 10 + 5);
    let task = app.create(&json!({ "title": "Water", "due_date": tests::written(start), "recurrence": "daily" })).await;
    let following = next(&app, &task).await;
    let due = moment(&following["due_date"]);
    let completed = moment(&app.task(&task["id"]).await["completed_at"]);
    assert!(due > completed && due.duration_since(completed) <= SignedDuration::from_hours(24), "{following}");
    assert_eq!(due.duration_since(moment(&task["due_date"])).as_secs() % 86_400, 0, "still at its time of day");
    // Completed early, the next one is the one after it.
    let after = next(&app, &following).await;
    assert_eq!(moment(&after["due_date"]).duration_since(due), SignedDuration::from_hours(24));
    app.stop().await;
}

#[tokio::test]
async fn from_completion_it_is_counted_from_the_day_it_was_done() {
    let app = App::start().await;
    let start = now() - SignedDuration::from_hours(24 * 10 + 5);
    let task = app
        .create(&json!({ "title": "Water", "due_date": tests::written(start), "recurrence": "weekly", "recurrence_from": "completion" }))
        .await;
    let following = next(&app, &task).await;
    let completed = moment(&app.task(&task["id"]).await["completed_at"]).to_zoned(TimeZone::UTC);
    let due = moment(&following["due_date"]).to_zoned(TimeZone::UTC);
    assert_eq!(due.date(), completed.date() + 7.days());
    assert_eq!(due.time(), moment(&task["due_date"]).to_zoned(TimeZone::UTC).time());
    assert_eq!(following["recurrence_from"], "completion");
    app.stop().await;
}

#[tokio::test]
async fn count_and_until_end_the_chain() {
    let app = App::start().await;
    let due = "2197-01-01T09:00:00Z";
    let first = app.create(&json!({ "title": "Three times", "due_date": due, "recurrence_rule": "FREQ=DAILY;COUNT=3" })).await;
    let second = next(&app, &first).await;
    let third = next(&app, &second).await;
    last(&app, &third).await;
    let first = app.create(&json!({ "title": "Until", "due_date": due, "recurrence_rule": "FREQ=DAILY;UNTIL=21970102T090000Z" })).await;
    let second = next(&app, &first).await;
    last(&app, &second).await;
    // Occurrences skipped during a holiday count.
    let start = tests::written(now() - SignedDuration::from_hours(24 * 5));
    let first = app.create(&json!({ "title": "Missed", "due_date": start, "recurrence_rule": "FREQ=DAILY;COUNT=3" })).await;
    last(&app, &first).await;
    let once = app.create(&json!({ "title": "Once", "due_date": due })).await;
    last(&app, &once).await;
    app.stop().await;
}

#[tokio::test]
async fn the_child_inherits_and_its_reminder_follows() {
    let app = App::start().await;
    let fields = json!({
        "title": "Pay rent", "description": "by transfer", "priority": "high", "tags": ["home", "money"], "time_zone": "Europe/Berlin",
        "due_date": at(date(2199, 3, 30).at(9, 0, 0, 0)), "recurrence_rule": "FREQ=DAILY;INTERVAL=2", "recurrence_from": "due", "reminder_offset": "1 day",
    });
    let task = app.create(&fields).await;
    app.settled().await;
    let child = next(&app, &task).await;
    for field in [
        "title",
        "description",
        "priority",
        "tags",
        "time_zone",
        "recurrence",
        "recurrence_rule",
        "recurrence_from",
        "reminder_offset",
        "recurrence_start",
    ] {
        assert_eq!(child[field], task[field], "{field}");
    }
    assert_eq!((&child["status"], &child["version"], &child["completed_at"]), (&json!("pending"), &json!(1), &Value::Null));
    assert_eq!(app.reminder(&task["id"], "cancelled").await["scheduled_at"], at(date(2199, 3, 29).at(9, 0, 0, 0)));
    assert_eq!(app.reminder(&child["id"], "pending").await["scheduled_at"], at(date(2199, 3, 31).at(9, 0, 0, 0)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_completions_create_one_next_occurrence() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": "2197-01-31T09:00:00Z", "recurrence": "monthly" })).await;
    let path = format!("/api/tasks/{}/complete", task["id"]);
    let answers = futures_util::future::join_all((0..8).map(|_| app.post(&path, &Value::Null))).await;
    let answers: Vec<Value> = answers.into_iter().map(|answer| answer.is(200).json()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "completed once, answered alike: {answers:?}");
    app.settled().await;
    let only = child(&app, &task).await.unwrap();
    // The same event again, and another one with the same content.
    let entry = app.list("/api/audit?event_type=task.completed").await.remove(0);
    let mut event = entry["event_data"].clone();
    for id in [event["id"].clone(), json!("another")] {
        event["id"] = id;
        for route in routes::ALL.iter().filter(|route| route.wants(Topic::TaskEvents, EventType::TaskCompleted).is_some()) {
            let consumer = function(route.name, &[], app.database_url());
            assert_eq!(deliver(&consumer, &[], Some(Trust::Delivery), &event).await.0, 200, "{}", route.name);
        }
    }
    app.settled().await;
    assert_eq!(child(&app, &task).await.unwrap(), only);
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "2");
    assert_eq!(app.history(&only["id"]).await, ["task.created"]);
    app.stop().await;
}

#[tokio::test]
async fn the_audit_of_a_chain_shows_all_of_it() {
    let app = App::start().await;
    let first = app.create(&json!({ "title": "Pay rent", "due_date": "2197-01-31T09:00:00Z", "recurrence": "monthly" })).await;
    let other = app.create(&json!({ "title": "Rest" })).await;
    let second = next(&app, &first).await;
    let third = next(&app, &second).await;
    let _ = app.delete(&format!("/api/tasks/{}", third["id"])).await.is(204);
    app.settled().await;
    for task in [&first, &second, &third] {
        let answer = app.get(&format!("/api/audit?chain=true&task_id={}", task["id"])).await.is(200);
        let entries = answer.json();
        let mut types: Vec<(i64, &str)> = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["task_id"].as_i64().unwrap(), entry["event_type"].as_str().unwrap()))
            .collect();
        types.sort_unstable();
        let [one, two, three] = [&first, &second, &third].map(|task| task["id"].as_i64().unwrap());
        let expected = [
            (one, "task.completed"),
            (one, "task.created"),
            (two, "task.completed"),
            (two, "task.created"),
            (three, "task.created"),
            (three, "task.deleted"),
        ];
        assert_eq!(types, expected, "of {}", task["id"]);
        assert_eq!(answer.header("x-total-count"), "6");
    }
    assert_eq!(app.list(&format!("/api/audit?chain=true&task_id={}", other["id"])).await.len(), 1);
    // Events of different tasks are recorded in no particular order; each is on one page.
    let mut paged = Vec::new();
    for offset in 0..3 {
        let path = format!("/api/audit?chain=true&task_id={}&event_type=task.created&limit=1&offset={offset}", first["id"]);
        let page = app.get(&path).await.is(200);
        assert_eq!(page.header("x-total-count"), "3");
        paged.push(page.json()[0]["task_id"].as_i64());
    }
    paged.sort_unstable();
    assert_eq!(paged, [&first, &second, &third].map(|task| task["id"].as_i64()));
    app.stop().await;
}
