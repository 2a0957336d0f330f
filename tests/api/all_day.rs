//! All-day tasks, and the preferences that they follow.

use jiff::civil::date;
use rmcp::ServiceExt;
use serde_json::{Value, json};
use tests::{App, Socket, eventually};

use crate::recurrence::{child, next};

async fn change(app: &App, task: &Value, fields: Value) -> Value {
    app.put(&format!("/api/tasks/{}", task["id"]), &fields).await.is(200).json()
}

/// Returns the fields that give the due date.
fn due(task: &Value) -> [&Value; 3] {
    [&task["all_day"], &task["due_day"], &task["due_date"]]
}

#[tokio::test]
async fn a_date_is_a_day_and_stays_one() {
    let app = App::with(&[("TASKFLOW_TIME_ZONE", "Europe/Berlin")]).await;
    let task = app.create(&json!({ "title": "Tax", "due_date": "2197-01-05" })).await;
    assert_eq!(due(&task), [&json!(true), &json!("2197-01-05"), &json!("2197-01-04T23:00:00.000000Z")]);
    assert_eq!(app.task(&task["id"]).await, task);
    let there = change(&app, &task, json!({ "time_zone": "America/New_York" })).await;
    assert_eq!(due(&there), [&json!(true), &json!("2197-01-05"), &json!("2197-01-05T05:00:00.000000Z")]);
    // An instant with all_day means its date in the zone; without all_day it is a time.
    let evening = change(&app, &task, json!({ "due_date": "2197-01-08T02:00:00Z", "all_day": true })).await;
    assert_eq!(due(&evening), [&json!(true), &json!("2197-01-07"), &json!("2197-01-07T05:00:00.000000Z")]);
    let timed = change(&app, &task, json!({ "due_date": "2197-01-08T02:00:00Z" })).await;
    assert_eq!(due(&timed), [&json!(false), &Value::Null, &json!("2197-01-08T02:00:00.000000Z")]);
    let day = change(&app, &task, json!({ "all_day": true })).await;
    assert_eq!(day["due_day"], "2197-01-07");
    let midnight = change(&app, &task, json!({ "all_day": false })).await;
    assert_eq!(due(&midnight), [&json!(false), &Value::Null, &json!("2197-01-07T05:00:00.000000Z")]);
    let none = change(&app, &day, json!({ "due_date": null })).await;
    assert_eq!(due(&none), [&json!(false), &Value::Null, &Value::Null]);
    for (fields, pointer) in [
        (json!({ "due_date": "2197-01-05", "all_day": false }), "/all_day"),
        (json!({ "all_day": true }), "/all_day"),
        (json!({ "due_date": "2197-02-29" }), "/due_date"),
        (json!({ "due_date": "0001-01-01", "time_zone": "Asia/Tokyo" }), "/due_date"),
        (json!({ "due_day": "2197-01-05" }), "/due_day"),
    ] {
        assert_eq!(app.put(&format!("/api/tasks/{}", task["id"]), &fields).await.problem(422), [pointer], "{fields}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_day_and_a_time_change_places_and_the_series_follows() {
    let app = App::start().await;
    let fields = json!({ "title": "Run", "due_date": "2197-01-02T06:30:00Z", "time_zone": "Europe/Berlin", "recurrence": "weekly" });
    let second = next(&app, &app.create(&fields).await).await;
    let day = change(&app, &second, json!({ "all_day": true })).await;
    assert_eq!((&day["due_day"], &day["recurrence_number"]), (&json!("2197-01-09"), &json!(2)));
    assert_eq!((&day["recurrence_start"], &day["recurrence_id"]), (&json!("2197-01-01T23:00:00.000000Z"), &day["due_date"]));
    // A change of the zone moves the days of the series.
    let there = change(&app, &day, json!({ "time_zone": "Asia/Tokyo" })).await;
    assert_eq!((&there["due_day"], &there["recurrence_start"]), (&json!("2197-01-09"), &json!("2197-01-01T15:00:00.000000Z")));
    let timed = change(&app, &there, json!({ "due_date": "2197-01-10T08:00:00+09:00" })).await;
    assert_eq!(timed["recurrence_id"], "2197-01-08T23:00:00.000000Z", "the slot keeps its day, at the time that is new");
    assert_eq!(next(&app, &timed).await["due_date"], "2197-01-15T23:00:00.000000Z");
    // Half past six in Berlin becomes half past six in Tokyo, for the whole series. A zone alone leaves the instants unchanged.
    let run = app.create(&fields).await;
    let there = change(&app, &run, json!({ "time_zone": "Asia/Tokyo", "due_date": "2197-01-02T07:30:00+09:00" })).await;
    assert_eq!((&there["recurrence_start"], &there["recurrence_id"]), (&there["due_date"], &there["due_date"]));
    let utc = change(&app, &there, json!({ "time_zone": "UTC" })).await;
    assert_eq!([&utc["due_date"], &utc["recurrence_id"], &utc["recurrence_start"]], [&there["due_date"]; 3]);
    app.stop().await;
}

#[tokio::test]
async fn preferences_are_the_defaults_of_callers() {
    let app = App::with(&[("TASKFLOW_TIME_ZONE", "Europe/Berlin")]).await;
    let service = json!({ "time_zone": "Europe/Berlin", "locale": null, "day_start": "09:00", "updated_at": null });
    assert_eq!(app.read("/api/preferences").await, service);
    let own = app.put("/api/preferences", &json!({ "time_zone": "asia/tokyo", "locale": "en-GB" })).await.is(200).json();
    assert_eq!((&own["time_zone"], &own["locale"], &own["day_start"]), (&json!("Asia/Tokyo"), &json!("en-GB"), &json!("09:00")));
    let later = app.put("/api/preferences", &json!({ "day_start": "07:30" })).await.is(200).json();
    assert_eq!((&later["time_zone"], &later["day_start"]), (&json!("Asia/Tokyo"), &json!("07:30")));
    assert_eq!(app.read("/api/preferences").await, later);
    let task = app.create(&json!({ "title": "Tax", "due_date": "2197-01-05" })).await;
    assert_eq!((&task["time_zone"], &task["due_date"]), (&json!("Asia/Tokyo"), &json!("2197-01-04T15:00:00.000000Z")));
    let said = app.post("/api/chat", &json!({ "message": "add dentist on 6 January 2197 at 9:00" })).await.is(200).json();
    assert_eq!(app.task(&said["actions"][0]["task_id"]).await["due_date"], "2197-01-06T00:00:00.000000Z", "{said}");
    for (fields, pointer) in [
        (json!({ "time_zone": "Mars/Base" }), "/time_zone"),
        (json!({ "locale": "en GB" }), "/locale"),
        (json!({ "day_start": "25:00" }), "/day_start"),
        (json!({ "filters": [{ "name": " ", "query": "" }] }), "/filters"),
        (json!({ "filters": vec![json!({ "name": "x", "query": "" }); 51] }), "/filters"),
        (json!({ "colour": "red" }), "/colour"),
    ] {
        assert_eq!(app.put("/api/preferences", &fields).await.problem(422), [pointer], "{fields}");
    }
    let filters = json!([{ "name": "Urgent", "query": "priority=high" }, { "name": "Home", "query": "tags=home" }]);
    let saved = app.put("/api/preferences", &json!({ "filters": filters })).await.is(200).json();
    assert_eq!((&saved["filters"], &saved["day_start"]), (&filters, &json!("07:30")));
    assert_eq!(app.read("/api/preferences").await["filters"], filters);
    let none = app.put("/api/preferences", &json!({ "filters": [] })).await.is(200).json();
    assert_eq!(none.get("filters"), None);
    let back = app.put("/api/preferences", &json!({ "time_zone": null, "locale": null, "day_start": null })).await.is(200).json();
    assert_eq!((&back["time_zone"], &back["locale"], &back["day_start"]), (&json!("Europe/Berlin"), &Value::Null, &json!("09:00")));
    app.stop().await;
}

#[tokio::test]
async fn reminders_of_a_day_count_from_its_start_and_follow_it() {
    let app = App::start().await;
    let task =
        app.create(&json!({ "title": "Tax", "due_date": "2197-01-05", "time_zone": "Europe/Berlin", "reminder_offset": "1 day" })).await;
    assert_eq!(app.reminder(&task["id"], "pending").await["scheduled_at"], "2197-01-04T08:00:00.000000Z");
    let by_hand = app.post("/api/reminders", &json!({ "task_id": task["id"], "reminder_offset": "90 minutes" })).await.is(201).json();
    assert_eq!(by_hand["scheduled_at"], "2197-01-05T06:30:00.000000Z");
    let timed = app.create(&json!({ "title": "Call", "due_date": "2197-01-05T12:00:00Z", "reminder_offset": "1 hour" })).await;
    let _ = app.put("/api/preferences", &json!({ "day_start": "06:00" })).await.is(200);
    eventually("the reminders at the new start", async || {
        let at: Vec<Value> = app.reminders(&task["id"]).await.iter().map(|reminder| reminder["scheduled_at"].clone()).collect();
        (at == ["2197-01-05T03:30:00.000000Z", "2197-01-04T05:00:00.000000Z"]).then_some(())
    })
    .await;
    assert_eq!(app.reminder(&timed["id"], "pending").await["scheduled_at"], "2197-01-05T11:00:00.000000Z");
    app.stop().await;
}

#[tokio::test]
async fn a_day_is_not_overdue_before_it_has_ended() {
    // Ten o'clock in Berlin.
    let app = App::at("2027-01-05T09:00:00Z", &[("TASKFLOW_TIME_ZONE", "Europe/Berlin")]).await;
    let today = app.create(&json!({ "title": "Today", "due_date": "2027-01-05", "reminder_offset": "0 minutes" })).await;
    // Nine o'clock has passed, but the day has not: the reminder fires at once.
    app.reminder(&today["id"], "sent").await;
    let late = json!({ "title": "Late", "due_date": "2027-01-04", "reminder_offset": "0 minutes" });
    assert_eq!(app.post("/api/tasks", &late).await.problem(422), ["/reminder_offset"]);
    let told = app.list("/api/notifications").await;
    assert_eq!(told[0]["body"], "Due Tuesday, 5 January 2027", "no time is told");
    app.stop().await;
}

/// Midnight of 4 November 2018 does not exist in São Paulo: the clock went from 23:59:59 to 01:00.
#[tokio::test]
async fn a_day_that_begins_at_one_oclock_is_the_same_day_everywhere() {
    let app = App::at("2018-11-02T12:00:00Z", &[("TASKFLOW_TIME_ZONE", "America/Sao_Paulo")]).await;
    let mut socket = Socket::open(&app, None).await;
    let config =
        rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig::with_uri(format!("http://{}/mcp", app.address));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let transport = rmcp::transport::StreamableHttpClientTransport::with_client(http, config);
    let client = rmcp::model::ClientConfig::default().serve(transport).await.unwrap();

    let task = app.create(&json!({ "title": "Feira", "due_date": "2018-11-03", "recurrence": "daily", "reminder_offset": "1 hour" })).await;
    let third = [&json!(true), &json!("2018-11-03"), &json!("2018-11-03T03:00:00.000000Z")];
    assert_eq!(due(&task), third);
    let update = socket.frame_of("update").await;
    assert_eq!(due(&update["update_data"]), third);
    let fourth = next(&app, &task).await;
    let without_midnight = [&json!(true), &json!("2018-11-04"), &json!("2018-11-04T03:00:00.000000Z")];
    assert_eq!(due(&fourth), without_midnight, "01:00 in the summer that begins");
    assert_eq!(fourth["recurrence_id"], fourth["due_date"]);
    assert_eq!(app.reminder(&fourth["id"], "pending").await["scheduled_at"], "2018-11-04T10:00:00.000000Z", "eight o'clock");
    app.settled().await;
    let event = app.list(&format!("/api/audit?event_type=task.created&task_id={}", fourth["id"])).await.remove(0)["event_data"]["data"]["task_data"].clone();
    assert_eq!(due(&event), without_midnight);
    // Texts for users.
    let said = app.post("/api/chat", &json!({ "message": format!("show {}", fourth["id"]) })).await.is(200).json();
    assert!(said["response"].as_str().unwrap().contains("due Sun 4 Nov 2018"), "{said}");
    assert!(!said["response"].as_str().unwrap().contains(":00"), "no time is told: {said}");
    let arguments = json!({ "task_id": fourth["id"] }).as_object().cloned().unwrap();
    let call = rmcp::model::CallToolRequestParams::new("get_task").with_arguments(arguments.clone());
    let got = client.call_tool(call).await.unwrap().structured_content.unwrap();
    assert_eq!((&got["task"]["due_date"], &got["task"]["all_day"]), (&json!("2018-11-04"), &json!(true)));
    let call = rmcp::model::CallToolRequestParams::new("list_occurrences").with_arguments(arguments);
    let got = client.call_tool(call).await.unwrap().structured_content.unwrap();
    assert_eq!(got["occurrences"][0]["due_day"], "2018-11-05", "{got}");
    // To the trash and back.
    let path = format!("/api/tasks/{}", fourth["id"]);
    let _ = app.delete(&path).await.is(204);
    assert_eq!(due(&app.list("/api/trash").await[0]), without_midnight);
    let restored = app.post(&format!("{path}/restore"), &Value::Null).await.is(200).json();
    assert_eq!((due(&restored), &restored["recurrence_id"]), (without_midnight, &fourth["recurrence_id"]));
    assert_eq!(app.reminder(&fourth["id"], "pending").await["scheduled_at"], "2018-11-04T10:00:00.000000Z");
    // On, and back again.
    let fifth = next(&app, &fourth).await;
    assert_eq!(due(&fifth), [&json!(true), &json!("2018-11-05"), &json!("2018-11-05T02:00:00.000000Z")]);
    let reopened = app.post(&format!("/api/tasks/{}/reopen", fourth["id"]), &Value::Null).await.is(200).json();
    assert_eq!(due(&reopened), without_midnight);
    app.settled().await;
    assert_eq!(child(&app, &fourth).await, None, "nobody had touched the next one");
    assert_eq!(due(&next(&app, &reopened).await)[1], &json!(date(2018, 11, 5).to_string()));
    client.cancel().await.unwrap();
    app.stop().await;
}
