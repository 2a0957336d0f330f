//! Calendar clients: CalDAV with app passwords, completion of a recurring task by each client, and the feed.
//!
//! The requests follow the clients' source code and documentation.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tests::{Answer, App, basic, between, eventually};

pub(crate) const HOME: &str = "/dav/calendars/tasks/";

/// A calendar client with its password.
pub(crate) struct Client<'a> {
    app: &'a App,
    authorization: String,
}

impl<'a> Client<'a> {
    pub(crate) async fn new(app: &'a App) -> Self {
        let made = app.post("/api/app-passwords", &json!({ "name": "phone" })).await.is(201).json();
        Self { app, authorization: basic(made["password"].as_str().unwrap()) }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: Vec<_> = headers.iter().copied().chain([("authorization", self.authorization.as_str())]).collect();
        self.app.call(method, path, &headers, body.to_owned()).await
    }

    pub(crate) async fn put(&self, name: &str, text: &str) -> Answer {
        self.call("PUT", &format!("{HOME}{name}"), &[("content-type", "text/calendar; charset=utf-8")], text).await
    }

    async fn get(&self, name: &str) -> String {
        self.call("GET", &format!("{HOME}{name}"), &[], "").await.is(200).text
    }

    /// Returns every resource, with its name, its ETag and its text.
    pub(crate) async fn everything(&self) -> String {
        let wanted =
            "<propfind xmlns=\"DAV:\"><prop><getetag/><C:calendar-data xmlns:C=\"urn:ietf:params:xml:ns:caldav\"/></prop></propfind>";
        self.call("PROPFIND", HOME, &[("depth", "1")], wanted).await.is(207).text
    }

    async fn report(&self, body: &str) -> Answer {
        self.call("REPORT", HOME, &[("depth", "1"), ("content-type", "application/xml")], body).await
    }

    /// Returns the names of the changes since a token, with a minus for deleted ones, and the next token.
    async fn sync(&self, token: &str) -> (Vec<String>, String) {
        let body = format!(
            "<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>"
        );
        let answer = self.report(&body).await.is(207);
        let mut names: Vec<String> = answer
            .text
            .split("<D:response>")
            .skip(1)
            .map(|response| {
                let name = between(response, HOME, "</D:href>");
                let gone = if response.contains("<D:status>HTTP/1.1 404 Not Found</D:status></D:response>") { "-" } else { "" };
                format!("{gone}{name}")
            })
            .collect();
        names.sort();
        (names, between(&answer.text, "<D:sync-token>", "</D:sync-token>").to_owned())
    }
}

fn todo(uid: &str, lines: &[&str]) -> String {
    let mut text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:+//IDN tasks.org//android-140602//EN\r\nBEGIN:VTODO\r\nDTSTAMP:20990101T000000Z\r\nUID:{uid}\r\n"
    );
    for line in lines {
        let _ = write!(text, "{line}\r\n");
    }
    text + "END:VTODO\r\nEND:VCALENDAR\r\n"
}

async fn tasks(app: &App) -> Vec<Value> {
    app.settled().await;
    app.list("/api/tasks?sort_by=created_at&order=asc").await
}

/// The pending and the completed tasks, as the days on which they are due.
async fn days(app: &App) -> (Vec<String>, Vec<String>) {
    let tasks = tasks(app).await;
    let of = |status: &str| {
        tasks.iter().filter(|task| task["status"] == status).map(|task| task["due_day"].as_str().unwrap_or_default().to_owned()).collect()
    };
    (of("pending"), of("completed"))
}

const DAILY: [&str; 4] = ["SUMMARY:Water the plants", "DUE;VALUE=DATE:20990301", "RRULE:FREQ=DAILY", "STATUS:NEEDS-ACTION"];

fn daily(due: &str, lines: &[&str]) -> String {
    let due = format!("DUE;VALUE=DATE:{due}");
    let all: Vec<&str> = [DAILY[0], due.as_str(), DAILY[2]].into_iter().chain(lines.iter().copied()).collect();
    todo("series-1", &all)
}

async fn with_series(app: &App) -> Client<'_> {
    let client = Client::new(app).await;
    let _ = client.put("series-1.ics", &daily("20990301", &["STATUS:NEEDS-ACTION"])).await.is(201);
    client
}

#[tokio::test]
async fn only_an_app_password_opens_the_calendar_and_only_over_a_private_connection() {
    let app = App::with(&[("TASKFLOW_LINK_KEY", "a-key-of-this-test"), ("TASKFLOW_HOSTS", "tasks.example.org")]).await;
    let refused = app.call("PROPFIND", "/dav/", &[], "").await;
    assert_eq!(refused.problem(401), [""; 0]);
    assert_eq!(refused.header("www-authenticate"), "Basic realm=\"Taskflow\", charset=\"UTF-8\"");
    let client = Client::new(&app).await;
    let options = client.call("OPTIONS", "/dav/", &[], "").await.is(200);
    assert!(options.header("dav").contains("calendar-access"), "{options:?}");
    assert!(options.header("allow").contains("REPORT"), "{options:?}");
    for authorization in [basic("guess"), basic("abcdefghjkmnpqrstuvwxyz023456789"), "Basic !".to_owned(), "Bearer x".to_owned()] {
        let _ = app.call("PROPFIND", "/dav/", &[("authorization", &authorization)], "").await.problem(401);
    }
    // With a host name and without TLS, anybody in between could read it.
    let headers = [("authorization", client.authorization.as_str()), ("host", "tasks.example.org")];
    let _ = app.call("PROPFIND", "/dav/", &headers, "").await.problem(403);
    let behind_tls = [headers[0], headers[1], ("x-forwarded-proto", "https")];
    let _ = app.call("PROPFIND", "/dav/", &behind_tls, "").await.is(207);
    let listed = app.list("/api/app-passwords").await;
    assert_eq!((listed.len(), &listed[0]["name"], &listed[0]["kind"]), (1, &json!("phone"), &json!("calendar")));
    assert!(listed[0]["used_at"].is_string() && listed[0].get("password").is_none(), "{listed:?}");
    let _ = app.delete(&format!("/api/app-passwords/{}", listed[0]["id"])).await.is(204);
    let _ = client.call("PROPFIND", "/dav/", &[], "").await.problem(401);
    assert_eq!(app.post("/api/app-passwords", &json!({ "name": " " })).await.problem(422), ["/name"]);
    app.stop().await;
}

#[tokio::test]
async fn a_client_finds_the_calendar_from_the_host_alone() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    // DAVx5: PROPFIND of the well-known path, and from there.
    let well_known = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = well_known.request("PROPFIND".parse().unwrap(), format!("http://{}/.well-known/caldav", app.address));
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (301, "/dav/"));
    let principal = "<?xml version='1.0' encoding='UTF-8' ?><propfind xmlns=\"DAV:\" xmlns:CAL=\"urn:ietf:params:xml:ns:caldav\"><prop><current-user-principal /></prop></propfind>";
    let found = client.call("PROPFIND", "/dav/", &[("depth", "0")], principal).await.is(207).text;
    assert!(found.contains("<D:current-user-principal><D:href>/dav/principal/</D:href>"), "{found}");
    let home = "<propfind xmlns=\"DAV:\"><prop><C:calendar-home-set xmlns:C=\"urn:ietf:params:xml:ns:caldav\"/><x:unknown xmlns:x=\"urn:x\"/></prop></propfind>";
    let found = client.call("PROPFIND", "/dav/principal/", &[("depth", "0")], home).await.is(207).text;
    assert!(found.contains("<C:calendar-home-set><D:href>/dav/calendars/</D:href>"), "{found}");
    assert!(found.contains("<x:unknown xmlns:x=\"urn:x\"/></D:prop><D:status>HTTP/1.1 404 Not Found"), "{found}");
    // Tasks.org needs displayname, Thunderbird resourcetype, and both the component.
    let list = "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:CS=\"http://calendarserver.org/ns/\"><prop><resourcetype/><displayname/>\
        <C:supported-calendar-component-set/><CS:getctag/><sync-token/><current-user-privilege-set/><supported-report-set/></prop></propfind>";
    let found = client.call("PROPFIND", "/dav/calendars/", &[("depth", "1")], list).await.is(207).text;
    for part in [
        "<D:href>/dav/calendars/tasks/</D:href>",
        "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>",
        "<D:displayname>Tasks</D:displayname>",
        "<C:comp name=\"VTODO\"/>",
        "<CS:getctag>urn:taskflow:sync:",
        "<D:sync-token>urn:taskflow:sync:",
        "<D:privilege><D:write/></D:privilege>",
        "<D:report><D:sync-collection/></D:report>",
    ] {
        assert!(found.contains(part), "{part} in {found}");
    }
    // Apple Reminders sets names and colours; it is refused, and continues.
    let patch = "<A:propertyupdate xmlns:A=\"DAV:\"><A:set><A:prop><D:calendar-color xmlns:D=\"http://apple.com/ns/ical/\">#FF</D:calendar-color></A:prop></A:set></A:propertyupdate>";
    let patched = client.call("PROPPATCH", HOME, &[], patch).await.is(207).text;
    assert!(patched.contains("calendar-color") && patched.contains("403 Forbidden"), "{patched}");
    app.stop().await;
}

#[tokio::test]
async fn a_clients_text_becomes_a_task_and_is_returned_byte_for_byte() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    let text = todo(
        "7f3f2c1a-7c58-4f0f-9f55-0a1f6f6d7d11",
        &[
            "SUMMARY:Pay the rent\\, please",
            "DUE:20990301T090000Z",
            "PRIORITY:3",
            "CATEGORIES:Home",
            "STATUS:IN-PROCESS",
            "PERCENT-COMPLETE:30",
            "RELATED-TO;RELTYPE=PARENT:someone",
            "X-APPLE-SORT-ORDER:659",
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            "TRIGGER;RELATED=END:-PT15M",
            "END:VALARM",
        ],
    );
    let made = client.call("PUT", &format!("{HOME}rent%20one.ics"), &[("if-none-match", "*")], &text).await.is(201);
    let etag = made.header("etag").to_owned();
    assert!(!etag.is_empty(), "the text is kept as it is, so its ETag is known");
    assert_eq!(client.get("rent%20one.ics").await, text);
    let task = tasks(&app).await.remove(0);
    assert_eq!((&task["title"], &task["priority"], &task["tags"]), (&json!("Pay the rent, please"), &json!("high"), &json!(["home"])));
    assert_eq!((&task["uid"], &task["reminder_offset"]), (&json!("7f3f2c1a-7c58-4f0f-9f55-0a1f6f6d7d11"), &json!("15 minutes")));
    assert_eq!(app.history(&task["id"]).await.first().map(String::as_str), Some("task.created"), "audited like any other change");
    // An edit in Taskflow changes its own lines and no other.
    let _ = app.put(&format!("/api/tasks/{}", task["id"]), &json!({ "title": "Rent", "tags": [] })).await.is(200);
    let edited = client.get("rent%20one.ics").await;
    for (line, is_there) in [
        ("SUMMARY:Rent\r\n", true),
        ("CATEGORIES", false),
        ("PRIORITY:3\r\n", true),
        ("X-APPLE-SORT-ORDER:659\r\n", true),
        ("PERCENT-COMPLETE:30\r\n", true),
        ("RELATED-TO;RELTYPE=PARENT:someone\r\n", true),
        ("TRIGGER;RELATED=END:-PT15M\r\n", true),
    ] {
        assert_eq!(edited.contains(line), is_there, "{line} in {edited}");
    }
    // The client's copy is old now.
    let path = format!("{HOME}rent%20one.ics");
    let _ = client.call("PUT", &path, &[("if-match", &etag)], &text).await.problem(412);
    let _ = client.call("PUT", &path, &[("if-none-match", "*")], &text).await.problem(412);
    let _ = client.call("DELETE", &path, &[("if-match", &etag)], "").await.problem(412);
    // What only the client knows is kept, with a new ETag.
    let before = client.call("GET", &path, &[], "").await.header("etag").to_owned();
    let more = edited.replace("X-APPLE-SORT-ORDER:659", "X-APPLE-SORT-ORDER:7");
    let after = client.call("PUT", &path, &[("if-match", &before)], &more).await.is(204).header("etag").to_owned();
    assert!(!after.is_empty() && after != before, "{before} {after}");
    assert_eq!(client.get("rent%20one.ics").await, more);
    // Completed, and deleted into the trash.
    let done = more.replace("STATUS:IN-PROCESS", "STATUS:COMPLETED\r\nCOMPLETED:20260101T000000Z");
    let _ = client.put("rent%20one.ics", &done).await.is(204);
    assert_eq!(tasks(&app).await[0]["status"], "completed");
    let _ = client.call("DELETE", &path, &[], "").await.is(204);
    let _ = client.call("GET", &path, &[], "").await.problem(404);
    assert_eq!(app.list("/api/trash").await.len(), 1);
    // The same UID again is a new task.
    let _ = client.put("rent%20one.ics", &text).await.is(201);
    assert_eq!(client.get("rent%20one.ics").await, text);
    app.stop().await;
}

/// A VALARM with what a client keeps in it.
fn alarm(trigger: &str) -> String {
    format!(
        "BEGIN:VALARM\r\nUID:{trigger}\r\nACTION:DISPLAY\r\nTRIGGER{trigger}\r\nACKNOWLEDGED:20260101T000000Z\r\nX-MINE:1\r\nEND:VALARM"
    )
}

/// The offsets of a task's pending reminders.
async fn waiting(app: &App, task: &Value) -> Vec<String> {
    app.settled().await;
    let reminders = app.list(&format!("/api/reminders?task_id={}&status=pending", task["id"])).await;
    let mut offsets: Vec<String> = reminders.iter().map(|reminder| reminder["reminder_offset"].as_str().unwrap().to_owned()).collect();
    offsets.sort();
    offsets
}

#[tokio::test]
async fn alarms_are_reminders() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    let (first, second, later) = (alarm(";RELATED=END:-PT15M"), alarm(";RELATED=END:-P1D"), alarm(";RELATED=END:PT5M"));
    let text = |alarms: &[&str]| todo("a", &[&["SUMMARY:A", "DUE:20990301T090000Z"], alarms].concat());
    let _ = client.put("a.ics", &text(&[&first, &second, &later])).await.is(201);
    assert_eq!(client.get("a.ics").await, text(&[&first, &second, &later]), "with the one after the due date, which is no reminder");
    let task = tasks(&app).await.remove(0);
    assert_eq!(
        (&task["reminder_offset"], waiting(&app, &task).await),
        (&json!("15 minutes"), vec!["1 day".to_owned(), "15 minutes".to_owned()])
    );
    let _ = client.put("a.ics", &text(&[&second, &first])).await.is(204);
    assert_eq!(
        (client.get("a.ics").await, waiting(&app, &task).await.len()),
        (text(&[&second, &first]), 2),
        "in another order, they are the same"
    );
    // A change of one changes no other.
    let third = alarm(";RELATED=END:-PT2H");
    let _ = client.put("a.ics", &text(&[&third, &first])).await.is(204);
    assert_eq!(waiting(&app, &task).await, ["15 minutes", "2 hours"]);
    let _ = app.put(&format!("/api/tasks/{}", task["id"]), &json!({ "reminder_offset": "1 hour" })).await.is(200);
    let moved = client.get("a.ics").await;
    assert!(moved.contains(&third) && moved.contains(&first.replace("END:-PT15M\r\nACK", "END:-PT1H\r\nACK")), "{moved}");
    let _ = client.put("a.ics", &text(&[&first])).await.is(204);
    assert_eq!(waiting(&app, &task).await, ["15 minutes"]);
    let _ = client.put("a.ics", &text(&[])).await.is(204);
    assert!(waiting(&app, &task).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn reminders_that_were_added_in_taskflow_are_alarms() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    let task = app.create(&json!({ "title": "Call", "due_date": "2099-03-01T09:00:00Z", "reminder_offset": "60 minutes" })).await;
    app.settled().await;
    let name = format!("{}.ics", task["uid"].as_str().unwrap());
    let (path, (_, token)) = (format!("{HOME}{name}"), client.sync("").await);
    let plain = client.call("GET", &path, &[], "").await.is(200);
    let add = async |offset: &str| {
        let new = json!({ "task_id": task["id"], "reminder_offset": offset, "reminder_type": "websocket" });
        app.post("/api/reminders", &new).await.is(201).json()
    };
    let (day, week) = (add("1 day").await, add("1 week").await);
    let read = client.call("GET", &path, &[], "").await.is(200);
    let triggers = |text: &str| -> Vec<String> {
        text.split("TRIGGER;RELATED=END:").skip(1).map(|rest| rest.split("\r\n").next().unwrap().to_owned()).collect()
    };
    assert_eq!(triggers(&read.text), ["-PT1H", "-P1D", "-P1W"], "{}", read.text);
    assert_ne!(read.header("etag"), plain.header("etag"));
    assert_eq!(client.sync(&token).await.0, std::slice::from_ref(&name), "clients learn of it");
    // Written as it was read, nothing changes.
    let same = client.call("PUT", &path, &[("if-match", read.header("etag"))], &read.text).await.is(204);
    assert_eq!(same.header("etag"), read.header("etag"));
    assert_eq!((app.task(&task["id"]).await, waiting(&app, &task).await.len()), (task.clone(), 3));
    assert_eq!(client.get(&name).await, read.text);
    // The client deletes one, and keeps something in another.
    let kept = read.text.replace("TRIGGER;RELATED=END:-P1W\r\n", "TRIGGER;RELATED=END:-P1W\r\nX-MINE:1\r\n");
    let day_alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Call\r\nTRIGGER;RELATED=END:-P1D\r\nEND:VALARM\r\n";
    assert!(kept.contains(day_alarm), "{kept}");
    let _ = client.put(&name, &kept.replace(day_alarm, "")).await.is(204);
    assert_eq!(waiting(&app, &task).await, ["1 week", "60 minutes"]);
    assert_eq!(app.list("/api/reminders?status=cancelled").await.remove(0)["id"], day["id"]);
    let before = client.get(&name).await;
    assert!(before.contains("X-MINE:1") && !before.contains("-P1D"), "{before}");
    // Cancelled in Taskflow, its alarm goes, and the rest of the text stays.
    let (_, token) = client.sync("").await;
    let _ = app.delete(&format!("/api/reminders/{}", week["id"])).await.is(204);
    assert_eq!(triggers(&client.get(&name).await), ["-PT1H"]);
    assert_eq!(client.sync(&token).await.0, [name]);
    app.stop().await;
}

#[tokio::test]
async fn alarms_stay_with_a_series_and_with_overdue_tasks() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    let (first, second) = (alarm(";RELATED=END:-PT15M"), alarm(";RELATED=END:-P1D"));
    let series = |due: &str| daily(due, &["STATUS:NEEDS-ACTION", &first, &second]);
    let _ = client.put("series-1.ics", &series("20990301")).await.is(201);
    let task = tasks(&app).await.remove(0);
    let _ = app.post("/api/reminders", &json!({ "task_id": task["id"], "reminder_offset": "2 days" })).await.is(201);
    let read = client.get("series-1.ics").await;
    assert_eq!(read.matches("BEGIN:VALARM").count(), 3, "{read}");
    // Tasks.org rolls it, twice.
    for _ in 0..2 {
        let _ = client.put("series-1.ics", &read.replace("20990301\r\nRRULE", "20990302\r\nRRULE")).await.is(204);
        assert_eq!(days(&app).await, (vec!["2099-03-02".to_owned()], vec!["2099-03-01".to_owned()]));
    }
    let next = tasks(&app).await.into_iter().find(|task| task["status"] == "pending").unwrap();
    assert_eq!(waiting(&app, &next).await, ["1 day", "15 minutes", "2 days"]);
    let text = client.get("series-1.ics").await;
    assert!(text.contains(&first) && text.contains(&second) && text.matches("BEGIN:VALARM").count() == 3, "{text}");
    // Completed in Taskflow, the next occurrence has the same alarms.
    let _ = app.post(&format!("/api/tasks/{}/complete", next["id"]), &Value::Null).await.is(200);
    app.settled().await;
    assert_eq!(client.get("series-1.ics").await.matches("BEGIN:VALARM").count(), 3);
    // Those of an overdue task stay, too, and remind once it is moved ahead.
    let overdue = todo("late", &["SUMMARY:Late", "DUE:20200301T090000Z", &first, &second]);
    let _ = client.put("late.ics", &overdue).await.is(201);
    let late = tasks(&app).await.into_iter().find(|task| task["title"] == "Late").unwrap();
    assert_eq!((client.get("late.ics").await, waiting(&app, &late).await.len()), (overdue, 0));
    let _ = app.put(&format!("/api/tasks/{}", late["id"]), &json!({ "due_date": "2099-03-01T09:00:00Z" })).await.is(200);
    assert_eq!(waiting(&app, &late).await, ["1 day", "15 minutes"]);
    let _ = app.put(&format!("/api/tasks/{}", late["id"]), &json!({ "due_date": "2020-03-01T09:00:00Z" })).await.is(200);
    assert!(waiting(&app, &late).await.is_empty());
    let text = client.get("late.ics").await;
    assert!(text.contains(&first) && text.contains(&second), "{text}");
    app.stop().await;
}

#[tokio::test]
async fn an_alarm_at_a_fixed_time_moves_with_its_task() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    let fixed = alarm(";VALUE=DATE-TIME:20990301T080000Z");
    let text = todo("a", &["SUMMARY:A", "DUE:20990301T090000Z", &fixed]);
    let _ = client.put("a.ics", &text).await.is(201);
    assert_eq!(client.get("a.ics").await, text);
    let task = tasks(&app).await.remove(0);
    assert_eq!(task["reminder_offset"], "1 hour");
    let _ = app.put(&format!("/api/tasks/{}", task["id"]), &json!({ "due_date": "2099-03-05T09:00:00Z" })).await.is(200);
    let moved = client.get("a.ics").await;
    assert!(moved.contains(&fixed.replace("TRIGGER;VALUE=DATE-TIME:20990301T080000Z", "TRIGGER;RELATED=END:-PT1H")), "{moved}");
    let _ = client.put("a.ics", &moved).await.is(204);
    assert_eq!(app.task(&task["id"]).await["reminder_offset"], "1 hour");
    app.stop().await;
}

#[tokio::test]
async fn reports_return_the_requested_resources() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    let own = app.create(&json!({ "title": "From the page <1>", "due_date": "2099-03-01" })).await;
    let own = format!("{}.ics", own["uid"].as_str().unwrap());
    let _ = client.put("a.ics", &todo("a", &["SUMMARY:From a client", "STATUS:COMPLETED", "COMPLETED:20260101T000000Z"])).await.is(201);
    // Tasks.org: ETags of all VTODOs, then a multiget.
    let query = |inner: &str| {
        format!(
            "<C:calendar-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns=\"DAV:\"><prop><getetag/></prop><C:filter><C:comp-filter name=\"VCALENDAR\">{inner}</C:comp-filter></C:filter></C:calendar-query>"
        )
    };
    let all = client.report(&query("<C:comp-filter name=\"VTODO\"/>")).await.is(207).text;
    assert!(all.contains(&own) && all.contains("/a.ics") && all.matches("<D:getetag>").count() == 2, "{all}");
    let open = client
        .report(&query(
            "<C:comp-filter name=\"VTODO\"><C:prop-filter name=\"COMPLETED\"><C:is-not-defined/></C:prop-filter></C:comp-filter>",
        ))
        .await;
    assert!(open.text.contains(&own) && !open.text.contains("/a.ics"), "{}", open.text);
    let events = client.report(&query("<C:comp-filter name=\"VEVENT\"/>")).await.is(207).text;
    assert!(!events.contains("<D:response>"), "{events}");
    let odd = client.report(&query("<C:comp-filter name=\"VTODO\"><C:prop-filter name=\"X\"><C:text-match collation=\"i;x\">a</C:text-match></C:prop-filter></C:comp-filter>")).await;
    assert!(odd.is(403).text.contains("<C:supported-filter>"));
    let multiget = format!(
        "<C:calendar-multiget xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns=\"DAV:\"><prop><getetag/><C:calendar-data/></prop><href>{HOME}{own}</href><href>{HOME}missing.ics</href></C:calendar-multiget>"
    );
    let found = client.report(&multiget).await.is(207).text;
    assert!(
        found.contains("SUMMARY:From the page &lt;1&gt;&#13;") && found.contains("missing.ics</D:href><D:status>HTTP/1.1 404 Not Found"),
        "{found}"
    );
    let unknown = client.report("<D:expand-property xmlns:D=\"DAV:\"/>").await.is(403);
    assert!(unknown.text.contains("<D:supported-report>"));
    app.stop().await;
}

#[tokio::test]
async fn a_sync_token_lists_changes_and_deletions() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    let (names, token) = client.sync("").await;
    assert!(names.is_empty(), "{names:?}");
    assert_eq!(client.sync(&token).await, (Vec::new(), token.clone()), "a quiet calendar has the same token");
    let _ = client.put("a.ics", &todo("a", &["SUMMARY:A"])).await.is(201);
    let _ = client.put("b.ics", &todo("b", &["SUMMARY:B"])).await.is(201);
    app.settled().await;
    let (names, second) = client.sync(&token).await;
    assert_eq!(names, ["a.ics", "b.ics"]);
    let task = tasks(&app).await.remove(0);
    let _ = app.put(&format!("/api/tasks/{}", task["id"]), &json!({ "title": "A2" })).await.is(200);
    let _ = client.call("DELETE", &format!("{HOME}b.ics"), &[], "").await.is(204);
    app.settled().await;
    let (names, third) = client.sync(&second).await;
    assert_eq!(names, ["-b.ics", "a.ics"]);
    // An old token still works, and after a restore, deleted resources are listed as changed.
    let trashed = app.list("/api/trash").await.remove(0);
    let _ = app.post(&format!("/api/tasks/{}/restore", trashed["id"]), &Value::Null).await.is(200);
    app.settled().await;
    // A change made while another transaction was open may be listed twice.
    let names = client.sync(&third).await.0;
    assert!(names.contains(&"b.ics".to_owned()) && !names.contains(&"-b.ics".to_owned()), "{names:?}");
    assert_eq!(client.sync(&token).await.0, ["a.ics", "b.ics"]);
    for token in ["urn:taskflow:sync:999999999999.1", "urn:taskflow:sync:0.0", "urn:taskflow:sync:5", "http://example.org/1"] {
        let body = format!("<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><prop><getetag/></prop></sync-collection>");
        assert!(client.report(&body).await.is(403).text.contains("<D:valid-sync-token>"), "{token}");
    }
    // Results cannot be cut, so a limit below their number is refused (RFC 6578, section 3.6).
    let limited = |token: &str, most: &str| {
        format!(
            "<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><limit><nresults>{most}</nresults></limit>\
             <prop><getetag/></prop></sync-collection>"
        )
    };
    for token in ["", token.as_str()] {
        let refused = client.report(&limited(token, "1")).await.is(507);
        assert!(refused.text.contains("<D:number-of-matches-within-limits>"), "{}", refused.text);
        assert_eq!(client.report(&limited(token, "2")).await.is(207).text.matches("<D:response>").count(), 2);
    }
    for most in ["0", "-1", "many", ""] {
        let _ = client.report(&limited("", most)).await.is(400);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_due_date_that_rolls_forward_completes_an_occurrence_once() {
    let app = App::start().await;
    let client = with_series(&app).await;
    // Tasks.org: the same UID with the next due date, without If-Match, and once more because the answer was lost.
    for _ in 0..2 {
        let _ = client.put("series-1.ics", &daily("20990302", &["STATUS:NEEDS-ACTION"])).await.is(204);
        assert_eq!(days(&app).await, (vec!["2099-03-02".to_owned()], vec!["2099-03-01".to_owned()]));
    }
    assert!(client.get("series-1.ics").await.contains("DUE;VALUE=DATE:20990302\r\n"));
    // Completed in Taskflow meanwhile: if the client moves the same occurrence forward, no second one is completed.
    let pending = tasks(&app).await.into_iter().find(|task| task["status"] == "pending").unwrap();
    let _ = app.post(&format!("/api/tasks/{}/complete", pending["id"]), &Value::Null).await.is(200);
    let _ = client.put("series-1.ics", &daily("20990303", &["STATUS:NEEDS-ACTION", "X-MINE:1"])).await.is(204);
    assert_eq!(days(&app).await, (vec!["2099-03-03".to_owned()], vec!["2099-03-01".to_owned(), "2099-03-02".to_owned()]));
    assert!(client.get("series-1.ics").await.contains("X-MINE:1\r\n"));
    // Moved by hand to a time that is no occurrence: moved, and nothing completed. The next occurrence does not follow it.
    let _ = client.put("series-1.ics", &todo("series-1", &[DAILY[0], "DUE:20990303T170000Z", DAILY[2]])).await.is(204);
    assert_eq!(days(&app).await.1.len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn an_exception_that_is_completed_completes_its_occurrence_once() {
    let app = App::start().await;
    let client = with_series(&app).await;
    // jtx Board and Thunderbird: the master stays, and an exception of the slot is completed.
    let exception = |day: &str| {
        let master = daily("20990301", &["STATUS:NEEDS-ACTION"]);
        let exception = format!(
            "BEGIN:VTODO\r\nUID:series-1\r\nDTSTAMP:20990101T000000Z\r\nRECURRENCE-ID;VALUE=DATE:{day}\r\nSUMMARY:Water the plants\r\nDUE;VALUE=DATE:{day}\r\nSTATUS:COMPLETED\r\nCOMPLETED:20990101T000000Z\r\nEND:VTODO\r\n"
        );
        master.replace("END:VCALENDAR\r\n", &(exception + "END:VCALENDAR\r\n"))
    };
    for _ in 0..2 {
        let _ = client.put("series-1.ics", &exception("20990301")).await.is(204);
        assert_eq!(days(&app).await, (vec!["2099-03-02".to_owned()], vec!["2099-03-01".to_owned()]));
    }
    let text = client.get("series-1.ics").await;
    assert!(text.contains("DUE;VALUE=DATE:20990302\r\n") && !text.contains("RECURRENCE-ID"), "{text}");
    // RECURRENCE-ID counts from DTSTART, which need not be the due date.
    let spread = |text: &str| {
        text.replace("DUE;VALUE=DATE:20990301", "DTSTART;VALUE=DATE:20990228\r\nDUE;VALUE=DATE:20990301").replace("series-1", "series-2")
    };
    let _ = client.put("series-2.ics", &spread(&daily("20990301", &["STATUS:NEEDS-ACTION"]))).await.is(201);
    let done = spread(&exception("20990301")).replace("RECURRENCE-ID;VALUE=DATE:20990301", "RECURRENCE-ID;VALUE=DATE:20990228");
    let _ = client.put("series-2.ics", &done).await.is(204);
    assert_eq!(days(&app).await.1.len(), 2);
    let text = client.get("series-2.ics").await;
    assert!(text.contains("DTSTART;VALUE=DATE:20990301\r\nDUE;VALUE=DATE:20990302\r\n"), "{text}");
    let _ = client.call("DELETE", &format!("{HOME}series-2.ics"), &[], "").await.is(204);
    // An exception of a later slot is kept until its occurrence is pending.
    let _ = client.put("series-1.ics", &exception("20990305")).await.is(204);
    assert_eq!(days(&app).await.1.len(), 2);
    assert!(client.get("series-1.ics").await.contains("RECURRENCE-ID;VALUE=DATE:20990305\r\n"));
    app.stop().await;
}

#[tokio::test]
async fn a_completed_master_continues_its_series() {
    let app = App::start().await;
    let client = with_series(&app).await;
    // Nextcloud Tasks: STATUS of the whole series.
    for _ in 0..2 {
        let _ = client
            .put("series-1.ics", &daily("20990301", &["STATUS:COMPLETED", "PERCENT-COMPLETE:100", "COMPLETED:20990101T000000Z"]))
            .await
            .is(204);
        assert_eq!(days(&app).await, (vec!["2099-03-02".to_owned()], vec!["2099-03-01".to_owned()]));
    }
    let text = client.get("series-1.ics").await;
    assert!(text.contains("STATUS:NEEDS-ACTION") && text.contains("DUE;VALUE=DATE:20990302") && !text.contains("COMPLETED:2099"), "{text}");
    // The completed occurrence is a resource of its own.
    let (names, _) = client.sync("").await;
    assert_eq!(names.len(), 2, "{names:?}");
    let done = names.iter().find(|name| name.as_str() != "series-1.ics").unwrap();
    let text = client.get(done).await;
    assert!(text.contains("STATUS:COMPLETED") && text.contains("DUE;VALUE=DATE:20990301"), "{text}");
    app.stop().await;
}

#[tokio::test]
async fn a_client_that_creates_the_next_occurrence_itself_makes_no_second_one() {
    for is_new_first in [false, true] {
        let app = App::start().await;
        let client = with_series(&app).await;
        // Evolution: the old UID is completed, and a new UID has the next due date.
        let done = daily("20990301", &["STATUS:COMPLETED", "COMPLETED:20990101T000000Z"]);
        let next = daily("20990302", &["STATUS:NEEDS-ACTION"]).replace("UID:series-1", "UID:series-2");
        if is_new_first {
            let _ = client.put("series-2.ics", &next).await.is(201);
            let _ = client.put("series-1.ics", &done).await.is(204);
        } else {
            let _ = client.put("series-1.ics", &done).await.is(204);
            let _ = client.put("series-2.ics", &next).await.is(201);
        }
        assert_eq!(days(&app).await, (vec!["2099-03-02".to_owned()], vec!["2099-03-01".to_owned()]), "{is_new_first}");
        assert!(client.get("series-1.ics").await.contains("STATUS:COMPLETED"));
        assert!(client.get("series-2.ics").await.contains("DUE;VALUE=DATE:20990302"));
        // Both once more.
        let _ = client.put("series-1.ics", &done).await.is(204);
        let _ = client.put("series-2.ics", &next).await.is(204);
        assert_eq!(days(&app).await, (vec!["2099-03-02".to_owned()], vec!["2099-03-01".to_owned()]), "{is_new_first}");
        app.stop().await;
    }
}

#[tokio::test]
async fn a_reopened_task_gets_its_resource_back() {
    let app = App::start().await;
    let client = with_series(&app).await;
    let task = tasks(&app).await.remove(0);
    let (_, token) = client.sync("").await;
    let _ = app.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
    app.settled().await;
    let (names, second) = client.sync(&token).await;
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(client.get("series-1.ics").await.contains("20990302"));
    let _ = app.post(&format!("/api/tasks/{}/reopen", task["id"]), &Value::Null).await.is(200);
    app.settled().await;
    let (names, _) = client.sync(&second).await;
    assert!(names.contains(&"series-1.ics".to_owned()) && names.iter().any(|name| name.starts_with('-')), "{names:?}");
    assert!(client.get("series-1.ics").await.contains("DUE;VALUE=DATE:20990301"));
    app.stop().await;
}

#[tokio::test]
async fn invalid_or_too_large_calendar_objects_are_refused() {
    let app = App::start().await;
    let client = Client::new(&app).await;
    for (text, condition) in [
        ("no calendar", "valid-calendar-data"),
        ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "supported-calendar-component"),
        ("BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nSUMMARY:x\r\nEND:VTODO\r\nEND:VCALENDAR\r\n", "valid-calendar-object-resource"),
        (&todo(&"x".repeat(1_001), &[]), "valid-calendar-object-resource"),
        (&todo("x", &["SUMMARY:\0"]), "valid-calendar-data"),
    ] {
        assert!(client.put("x.ics", text).await.is(403).text.contains(&format!("<C:{condition}>")), "{condition}");
    }
    let _ = client.put("a.ics", &todo("a", &["SUMMARY:A"])).await.is(201);
    let taken = client.put("b.ics", &todo("a", &["SUMMARY:A"])).await.is(409);
    assert!(taken.text.contains("<C:no-uid-conflict><D:href>/dav/calendars/tasks/a.ics</D:href>"), "{}", taken.text);
    let _ = client.put("x.ics", &"X".repeat(10_000_000)).await.problem(413);
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><propfind xmlns=\"DAV:\"><prop>&b;</prop></propfind>";
    let deep = "<a>".repeat(1_000);
    for body in [bomb, &deep, "<propfind", "<a>&xxe;</a>"] {
        let _ = client.call("PROPFIND", HOME, &[], body).await.problem(400);
        let _ = client.call("REPORT", HOME, &[], body).await.problem(400);
    }
    let _ = client.call("PROPFIND", HOME, &[], &format!("<a>{}</a>", " ".repeat(10_000_000))).await.problem(413);
    let _ = client.call("DELETE", HOME, &[], "").await.problem(403);
    let _ = client.call("GET", &format!("{HOME}..%2F..%2Fapi"), &[], "").await.problem(404);
    let _ = client.call("MKCALENDAR", "/dav/calendars/other/", &[], "").await.problem(405);
    app.stop().await;
}

#[tokio::test]
async fn the_feed_has_due_tasks_as_events() {
    let app = App::with(&[("TASKFLOW_TIME_ZONE", "Europe/Berlin")]).await;
    let timed = app.create(&json!({ "title": "Call, with; marks", "due_date": "2099-03-01T09:00:00Z", "recurrence": "weekly", "description": "äöü".repeat(60) })).await;
    let _ = app.create(&json!({ "title": "Day", "due_date": "2099-03-02", "tags": ["home"] })).await;
    let _ = app.create(&json!({ "title": "Some day" })).await;
    let _ = app.get("/calendar.ics").await.problem(401);
    let made = app.post("/api/app-passwords", &json!({ "name": "Google", "kind": "feed" })).await.is(201).json();
    let path = format!("/calendar.ics?key={}", made["password"].as_str().unwrap());
    let feed = app.get(&path).await.is(200);
    assert_eq!(feed.header("content-type"), "text/calendar; charset=utf-8");
    let text = &feed.text;
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
    for part in [
        "X-WR-CALNAME:Taskflow\r\n",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n",
        "X-PUBLISHED-TTL:PT1H\r\n",
        "SUMMARY:Call\\, with\\; marks\r\n",
        "DTSTART;TZID=Europe/Berlin:20990301T100000\r\n",
        "RRULE:FREQ=WEEKLY\r\n",
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n",
        "DTSTART;VALUE=DATE:20990302\r\n",
        "DTEND;VALUE=DATE:20990303\r\n",
        "CATEGORIES:home\r\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 2);
    assert_eq!(text.matches("BEGIN:VTIMEZONE").count(), 1);
    // Transactions of other databases on the same server are part of the ETag.
    let etag = eventually("a feed that is unchanged", async || {
        let etag = app.get(&path).await.is(200).header("etag").to_owned();
        (app.call("GET", &path, &[("if-none-match", &etag)], "").await.status == 304).then_some(etag)
    })
    .await;
    // The next occurrence is the same event, later.
    let uid = between(text, "UID:", "\r\n").to_owned();
    let _ = app.post(&format!("/api/tasks/{}/complete", timed["id"]), &Value::Null).await.is(200);
    app.settled().await;
    let later = app.call("GET", &path, &[("if-none-match", &etag)], "").await.is(200).text;
    assert!(later.contains(&format!("UID:{uid}\r\n")) && later.contains("DTSTART;TZID=Europe/Berlin:20990308T100000"), "{later}");
    // The key reads the feed and nothing else; an app password does not read it.
    let _ = app.call("PROPFIND", "/dav/", &[("authorization", &basic(made["password"].as_str().unwrap()))], "").await.problem(401);
    let password = app.post("/api/app-passwords", &json!({ "name": "phone" })).await.is(201).json();
    let _ = app.get(&format!("/calendar.ics?key={}", password["password"].as_str().unwrap())).await.problem(401);
    let _ = app.delete(&format!("/api/app-passwords/{}", made["id"])).await.is(204);
    let _ = app.get(&path).await.problem(401);
    app.stop().await;
}
