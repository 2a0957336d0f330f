//! Single occurrences and series: moves, exclusions, and inherited fields.

use serde_json::{Value, json};
use tests::{App, eventually};

use crate::recurrence::{child, complete, last, next};

async fn change(app: &App, task: &Value, fields: Value) -> Value {
    app.put(&format!("/api/tasks/{}", task["id"]), &fields).await.is(200).json()
}

async fn skip(app: &App, task: &Value) -> Value {
    app.post(&format!("/api/tasks/{}/skip", task["id"]), &Value::Null).await.is(200).json()
}

/// Returns the next due dates.
async fn occurrences(app: &App, task: &Value, limit: u32) -> Vec<String> {
    let occurrences = app.list(&format!("/api/tasks/{}/occurrences?limit={limit}", task["id"])).await;
    occurrences.iter().map(|occurrence| occurrence["due_date"].as_str().unwrap().to_owned()).collect()
}

fn at_nine(dates: &[&str]) -> Vec<String> {
    dates.iter().map(|date| format!("{date}T09:00:00.000000Z")).collect()
}

#[tokio::test]
async fn a_new_due_date_moves_this_occurrence_alone() {
    let app = App::start().await;
    let rent = app.create(&json!({ "title": "Rent", "due_date": "2197-02-01T09:00:00Z", "recurrence": "monthly" })).await;
    assert_eq!(rent["recurrence_id"], rent["due_date"]);
    let moved = change(&app, &rent, json!({ "due_date": "2197-02-03T18:00:00Z" })).await;
    for field in ["recurrence_start", "recurrence_id", "recurrence_number"] {
        assert_eq!(moved[field], rent[field], "{field}");
    }
    assert_eq!(occurrences(&app, &moved, 2).await, at_nine(&["2197-03-01", "2197-04-01"]));
    let march = next(&app, &moved).await;
    assert_eq!((&march["due_date"], &march["recurrence_number"]), (&json!("2197-03-01T09:00:00.000000Z"), &json!(2)));
    // A Monday's task moved to the Friday before does not return on that Monday.
    let monday =
        app.create(&json!({ "title": "Mondays", "due_date": "2197-01-02T09:00:00Z", "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO" })).await;
    let friday = change(&app, &monday, json!({ "due_date": "2196-12-30T09:00:00Z" })).await;
    assert_eq!(next(&app, &friday).await["due_date"], "2197-01-09T09:00:00.000000Z");
    app.stop().await;
}

#[tokio::test]
async fn a_new_start_moves_the_series_and_count_keeps_the_remaining_number() {
    let app = App::start().await;
    let first =
        app.create(&json!({ "title": "Course", "due_date": "2197-01-02T09:00:00Z", "recurrence_rule": "FREQ=DAILY;COUNT=4" })).await;
    let second = next(&app, &first).await;
    let moved = change(&app, &second, json!({ "recurrence_start": "2197-02-10T10:00:00Z" })).await;
    let start = json!("2197-02-10T10:00:00.000000Z");
    assert_eq!((&moved["due_date"], &moved["recurrence_start"], &moved["recurrence_id"]), (&start, &start, &start));
    assert_eq!((&moved["recurrence_number"], &moved["recurrence_rule"]), (&json!(1), &json!("FREQ=DAILY;COUNT=3")));
    // The same start again is not another series.
    assert_eq!(change(&app, &moved, json!({ "recurrence_start": "2197-02-10T10:00:00Z" })).await, moved);
    // A due date given with it belongs to this occurrence; a day keeps the time.
    let apart = change(&app, &moved, json!({ "recurrence_start": "2197-03-01", "due_date": "2197-03-05T08:00:00Z" })).await;
    assert_eq!(
        (&apart["recurrence_id"], &apart["due_date"]),
        (&json!("2197-03-01T08:00:00.000000Z"), &json!("2197-03-05T08:00:00.000000Z"))
    );
    let third = next(&app, &apart).await;
    last(&app, &next(&app, &third).await).await;
    // Another rule starts at the slot, or at a due date given with it.
    let rent = app.create(&json!({ "title": "Rent", "due_date": "2197-02-01T09:00:00Z", "recurrence": "monthly" })).await;
    change(&app, &rent, json!({ "due_date": "2197-02-03T09:00:00Z" })).await;
    let quarterly = change(&app, &rent, json!({ "recurrence_rule": "FREQ=MONTHLY;INTERVAL=3" })).await;
    assert_eq!((&quarterly["due_date"], &quarterly["recurrence_start"]), (&json!("2197-02-03T09:00:00.000000Z"), &rent["due_date"]));
    let weekly = change(&app, &rent, json!({ "recurrence": "weekly", "due_date": "2197-02-05T09:00:00Z" })).await;
    assert_eq!(weekly["recurrence_start"], weekly["due_date"]);
    let once = change(&app, &rent, json!({ "recurrence": "none" })).await;
    assert_eq!((&once["recurrence_start"], &once["recurrence_id"]), (&Value::Null, &Value::Null));
    let none = app.put(&format!("/api/tasks/{}", rent["id"]), &json!({ "recurrence_start": "2197-02-05T09:00:00Z" })).await;
    assert_eq!(none.problem(422), ["/recurrence_start"]);
    app.stop().await;
}

#[tokio::test]
async fn a_skipped_occurrence_is_not_completed() {
    let app = App::start().await;
    let task = app
        .create(&json!({ "title": "Water", "due_date": "2197-01-02T09:00:00Z", "recurrence_rule": "FREQ=DAILY;INTERVAL=2;COUNT=3" }))
        .await;
    let skipped = skip(&app, &task).await;
    assert_eq!(
        (&skipped["id"], &skipped["status"], &skipped["due_date"]),
        (&task["id"], &json!("pending"), &json!("2197-01-04T09:00:00.000000Z"))
    );
    assert_eq!((&skipped["recurrence_id"], &skipped["recurrence_number"]), (&skipped["due_date"], &json!(2)));
    let last = skip(&app, &task).await;
    assert_eq!(occurrences(&app, &last, 5).await, Vec::<String>::new());
    let path = format!("/api/tasks/{}/skip", task["id"]);
    assert_eq!(app.post(&path, &Value::Null).await.problem(422), ["/task_id"], "the last one");
    complete(&app, &last).await;
    assert_eq!(app.post(&path, &Value::Null).await.problem(409), Vec::<String>::new());
    let once = app.create(&json!({ "title": "Once", "due_date": "2197-01-02T09:00:00Z" })).await;
    assert_eq!(app.post(&format!("/api/tasks/{}/skip", once["id"]), &Value::Null).await.problem(422), ["/task_id"]);
    assert_eq!(app.post("/api/tasks/9999/skip", &Value::Null).await.status, 404);
    // As an event, the answer is the changed task.
    let daily = app.create(&json!({ "title": "Daily", "due_date": "2197-01-02T09:00:00Z", "recurrence": "daily" })).await;
    let command = json!({
        "specversion": "1.0", "id": "skip-1", "source": "/tests", "type": "task.skip", "datacontenttype": "application/json",
        "data": { "task_id": daily["id"] },
    });
    let answer = app.call("POST", "/", &[("content-type", "application/cloudevents+json")], command.to_string()).await.is(200).json();
    assert_eq!(
        (&answer["type"], &answer["data"]["task_data"]["due_date"]),
        (&json!("task.updated"), &json!("2197-01-03T09:00:00.000000Z"))
    );
    // An overdue one moves to a future date.
    let old = app.create(&json!({ "title": "Old", "due_date": "2020-01-02T09:00:00Z", "recurrence": "daily" })).await;
    let ahead = skip(&app, &old).await;
    assert!(tests::moment(&ahead["due_date"]) > tests::now());
    assert!(ahead["recurrence_number"].as_i64().unwrap() > 2_000, "slots that were passed over count: {ahead}");
    for limit in ["0", "101", "x"] {
        assert_eq!(app.get(&format!("/api/tasks/{}/occurrences?limit={limit}", old["id"])).await.problem(422), ["/limit"]);
    }
    assert_eq!(occurrences(&app, &once, 5).await, Vec::<String>::new());
    app.stop().await;
}

#[tokio::test]
async fn an_interval_counts_from_the_completion_alone() {
    let app = App::at("2026-11-28T15:00:00Z", &[]).await;
    let filter = json!({
        "title": "Filter", "due_date": "2026-12-27T09:00:00Z", "recurrence_rule": "FREQ=DAILY;INTERVAL=30", "recurrence_from": "completion",
    });
    let filter = app.create(&filter).await;
    assert_eq!(next(&app, &filter).await["due_date"], "2026-12-28T09:00:00.000000Z");
    // Monday's task, done on the Saturday before, is not due again on that Monday.
    let monday = json!({
        "title": "Monday", "due_date": "2026-11-30T09:00:00Z", "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO", "recurrence_from": "completion",
    });
    let monday = app.create(&monday).await;
    assert_eq!(next(&app, &monday).await["due_date"], "2026-12-07T09:00:00.000000Z");
    app.stop().await;
}

#[tokio::test]
async fn a_series_omits_its_exclusions() {
    let app = App::start().await;
    let fields = json!({
        "title": "Course", "due_date": "2197-01-02T09:00:00Z", "recurrence_rule": "FREQ=DAILY;COUNT=6",
        "recurrence_exdates": ["2197-01-03", "2197-01-05T10:00:00+01:00", "2197-01-06T10:00:00Z", "2197-01-03"],
    });
    let task = app.create(&fields).await;
    assert_eq!(task["recurrence_exdates"], json!(["2197-01-03", "2197-01-05T09:00:00.000000Z", "2197-01-06T10:00:00.000000Z"]));
    assert_eq!(occurrences(&app, &task, 9).await, at_nine(&["2197-01-04", "2197-01-06", "2197-01-07"]));
    let second = next(&app, &task).await;
    assert_eq!((&second["recurrence_exdates"], &second["recurrence_number"]), (&task["recurrence_exdates"], &json!(3)));
    let all = change(&app, &second, json!({ "recurrence_exdates": [] })).await;
    assert_eq!(occurrences(&app, &all, 9).await, at_nine(&["2197-01-05", "2197-01-06", "2197-01-07"]));
    let many: Vec<String> = (0..367).map(|hour| format!("2197-01-{:02}T{:02}:00:00Z", hour / 24 + 1, hour % 24)).collect();
    for (fields, pointer) in [
        (json!({ "recurrence_exdates": many }), "/recurrence_exdates"),
        (json!({ "recurrence_exdates": ["tomorrow"] }), "/recurrence_exdates/0"),
        (json!({ "recurrence_rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" }), "/recurrence_rule"),
        (json!({ "recurrence_rule": "FREQ=DAILY;UNTIL=21960101" }), "/recurrence_rule"),
        (json!({ "recurrence_rule": "FREQ=HOURLY", "all_day": true }), "/recurrence_rule"),
        (json!({ "recurrence_rule": "FREQ=HOURLY", "due_date": "2197-01-02" }), "/recurrence_rule"),
        (json!({ "recurrence_rule": "FREQ=HOURLY;BYSETPOS=1;BYDAY=MO" }), "/recurrence_rule"),
    ] {
        assert_eq!(app.put(&format!("/api/tasks/{}", all["id"]), &fields).await.problem(422), [pointer], "{fields}");
    }
    let plain = json!({ "title": "Once", "due_date": "2197-01-02T09:00:00Z", "recurrence_exdates": ["2197-01-03"] });
    assert_eq!(app.post("/api/tasks", &plain).await.problem(422), ["/recurrence_exdates"]);
    let pills = app
        .create(&json!({ "title": "Pills", "due_date": "2197-01-02T09:00:00Z", "recurrence_rule": "FREQ=HOURLY;INTERVAL=8;BYMONTH=1" }))
        .await;
    assert_eq!(next(&app, &pills).await["due_date"], "2197-01-02T17:00:00.000000Z");
    app.stop().await;
}

#[tokio::test]
async fn reminders_added_by_hand_go_along() {
    let app = App::start().await;
    let task = json!({ "title": "Rent", "due_date": "2197-02-01T09:00:00Z", "recurrence": "monthly", "reminder_offset": "1 hour" });
    let task = app.create(&task).await;
    app.settled().await;
    for offset in ["1 day", "2 hours", "10 minutes"] {
        let _ = app.post("/api/reminders", &json!({ "task_id": task["id"], "reminder_offset": offset })).await.is(201);
    }
    let unwanted = app.reminders(&task["id"]).await.into_iter().find(|reminder| reminder["reminder_offset"] == "10 minutes").unwrap();
    let _ = app.delete(&format!("/api/reminders/{}", unwanted["id"])).await.is(204);
    let following = next(&app, &task).await;
    let waiting = async |task: &Value| {
        let mut times: Vec<String> = app
            .reminders(&task["id"])
            .await
            .iter()
            .filter(|reminder| reminder["status"] == "pending")
            .map(|reminder| reminder["scheduled_at"].as_str().unwrap().to_owned())
            .collect();
        times.sort_unstable();
        (times.len() == 3).then_some(times)
    };
    let times = eventually("three reminders", async || waiting(&following).await).await;
    let expected = ["2197-02-28T09:00:00.000000Z", "2197-03-01T07:00:00.000000Z", "2197-03-01T08:00:00.000000Z"];
    assert_eq!(times, expected);
    let skipped = skip(&app, &following).await;
    app.settled().await;
    let times = eventually("three reminders", async || waiting(&skipped).await).await;
    assert_eq!(times, ["2197-03-31T09:00:00.000000Z", "2197-04-01T07:00:00.000000Z", "2197-04-01T08:00:00.000000Z"]);
    // A sent reminder returns with the next occurrence.
    app.sql("UPDATE reminders SET status = 'sent', triggered_at = now(), sent_at = now() WHERE status = 'pending' AND reminder_offset = '1 day'").await;
    let skipped = skip(&app, &skipped).await;
    app.settled().await;
    assert_eq!(eventually("three reminders", async || waiting(&skipped).await).await[0], "2197-04-30T09:00:00.000000Z");
    assert_eq!(child(&app, &following).await, None);
    app.stop().await;
}
