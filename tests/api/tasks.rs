//! Tasks: created, read, changed, listed, searched, deleted.

use serde_json::{Value, json};
use tests::{App, eventually, in_seconds};

const AHEAD: &str = "2199-03-31T09:00:00Z";

fn titles(tasks: &[Value]) -> Vec<&str> {
    tasks.iter().map(|task| task["title"].as_str().unwrap()).collect()
}

/// Returns the titles of a list, in order, and `X-Total-Count`.
async fn listed(app: &App, query: &str) -> (String, String) {
    let answer = app.get(&format!("/api/tasks?{query}")).await.is(200);
    let json = answer.json();
    (titles(json.as_array().unwrap()).join(" "), answer.header("x-total-count").to_owned())
}

/// Returns the titles found by a search, in order, and their total.
async fn found(app: &App, search: Value) -> (Vec<String>, i64) {
    let answer = app.post("/api/tasks/search", &search).await.is(200).json();
    let titles = titles(answer["results"].as_array().unwrap()).into_iter().map(str::to_owned).collect();
    (titles, answer["total_count"].as_i64().unwrap())
}

#[tokio::test]
async fn a_task_is_made_with_defaults_and_read_back() {
    let app = App::with(&[("TASKFLOW_TIME_ZONE", "Europe/Berlin")]).await;
    let answer = app.post("/api/tasks", &json!({ "title": "  Pay rent " })).await.is(201);
    let task = answer.json();
    let expected = json!({
        "id": task["id"], "uid": task["uid"], "title": "Pay rent", "description": "", "due_date": null, "all_day": false, "due_day": null, "time_zone": "Europe/Berlin",
        "recurrence": "none", "recurrence_rule": null, "recurrence_from": "due", "recurrence_start": null, "recurrence_id": null,
        "recurrence_exdates": [], "recurrence_number": 1, "priority": "medium", "tags": [],
        "status": "pending", "completed_at": null, "parent_task_id": null, "reminder_offset": null, "version": 1,
        "created_at": task["created_at"], "updated_at": task["created_at"],
    });
    assert_eq!(task, expected);
    assert_eq!((answer.header("location"), answer.header("etag")), (&*format!("/api/tasks/{}", task["id"]), "\"1\""));
    let read = app.get(answer.header("location")).await.is(200);
    assert_eq!((read.json(), read.header("etag"), read.header("content-type")), (task, "\"1\"", "application/json"));
    app.stop().await;
}

#[tokio::test]
async fn fields_are_kept_as_they_are_meant() {
    let app = App::start().await;
    let task = app
        .create(&json!({
            "title": "é".repeat(200), "description": "🦀".repeat(10_000), "due_date": "2199-03-31t09:00:00.1234567+02:00", "time_zone": "europe/berlin",
            "priority": "low", "tags": [" Home", "ÄRGER", "home", "b", "a"], "reminder_offset": "1 Hours",
        }))
        .await;
    assert_eq!((task["title"].as_str().unwrap().chars().count(), task["description"].as_str().unwrap().chars().count()), (200, 10_000));
    for (field, value) in [
        ("due_date", json!("2199-03-31T07:00:00.123456Z")),
        ("time_zone", json!("Europe/Berlin")),
        ("tags", json!(["home", "ärger", "b", "a"])),
        ("reminder_offset", json!("1 hour")),
    ] {
        assert_eq!(task[field], value, "{field}");
    }
    for (given, written) in [
        ("2199-12-31T23:59:60Z", "2199-12-31T23:59:59.000000Z"),
        ("2199-03-31T00:30:00-05:30", "2199-03-31T06:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ] {
        let id = app.create(&json!({ "title": given, "due_date": given })).await["id"].clone();
        assert_eq!(app.task(&id).await["due_date"], written);
    }
    for field in ["created_at", "updated_at"] {
        let text = task[field].as_str().unwrap();
        assert!(text.len() == 27 && text.ends_with('Z'), "{text}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_change_changes_what_it_names_and_null_clears() {
    let app = App::start().await;
    let task = app
        .create(&json!({ "title": "Pay rent", "description": "by transfer", "due_date": AHEAD, "recurrence_rule": "FREQ=DAILY", "tags": ["home"], "reminder_offset": "1 hour" }))
        .await;
    let one = format!("/api/tasks/{}", task["id"]);
    let mut expected = task.clone();
    let mut version = 1;
    for (change, also) in [
        (json!({ "title": " Pay the rent " }), json!({ "title": "Pay the rent" })),
        (json!({ "description": "" }), json!({})),
        (json!({ "priority": "high" }), json!({})),
        (json!({ "tags": ["B", "a", "b"] }), json!({ "tags": ["b", "a"] })),
        (json!({ "time_zone": "Asia/Tokyo" }), json!({})),
        (json!({ "reminder_offset": null }), json!({})),
        (json!({ "recurrence_rule": null }), json!({ "recurrence": "none", "recurrence_start": null, "recurrence_id": null })),
        (json!({ "recurrence": "weekly" }), json!({ "recurrence_start": task["due_date"], "recurrence_id": task["due_date"] })),
        (json!({ "recurrence_rule": "FREQ=YEARLY" }), json!({ "recurrence": "custom" })),
        (
            json!({ "recurrence": "none", "due_date": null }),
            json!({ "recurrence_rule": null, "recurrence_start": null, "recurrence_id": null }),
        ),
        (json!({ "tags": [] }), json!({})),
    ] {
        let answer = app.put(&one, &change).await.is(200);
        version += 1;
        for (name, value) in change.as_object().unwrap().iter().chain(also.as_object().unwrap()) {
            expected[name] = value.clone();
        }
        let now = answer.json();
        assert!(now["updated_at"].as_str() > expected["updated_at"].as_str());
        (expected["version"], expected["updated_at"]) = (json!(version), now["updated_at"].clone());
        assert_eq!(now, expected, "after {change}");
        assert_eq!(answer.header("etag"), format!("\"{version}\""));
    }
    // Nothing new is no change.
    for body in [json!({}), json!({ "title": "Pay the rent", "due_date": null })] {
        assert_eq!(app.put(&one, &body).await.is(200).json(), expected);
    }
    assert_eq!(app.task(&task["id"]).await, expected);
    app.stop().await;
}

#[tokio::test]
async fn priority_tags_completion_and_deletion() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "tags": ["home"] })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    let tags = format!("{one}/tags");
    assert_eq!(app.put(&format!("{one}/priority"), &json!({ "priority": "low" })).await.is(200).json()["priority"], "low");
    assert_eq!(app.post(&tags, &json!({ "tags": ["Money", "HOME", "x"] })).await.is(200).json()["tags"], json!(["home", "money", "x"]));
    assert_eq!(app.send("DELETE", &tags, &[], &json!({ "tags": ["X", "none", "home"] })).await.is(200).json()["tags"], json!(["money"]));
    assert_eq!(app.send("DELETE", &tags, &[], &json!({ "tags": ["none"] })).await.is(200).json()["version"], 4, "nothing changed");

    let complete = format!("{one}/complete");
    let done = app.post(&complete, &Value::Null).await.is(200).json();
    assert_eq!((&done["status"], &done["completed_at"]), (&json!("completed"), &done["updated_at"]));
    assert_eq!(app.post(&complete, &json!({})).await.is(200).json(), done);
    let reopen = format!("{one}/reopen");
    let open = app.post(&reopen, &Value::Null).await.is(200).json();
    assert_eq!((&open["status"], &open["completed_at"], &open["version"]), (&json!("pending"), &Value::Null, &json!(6)));
    assert_eq!(app.post(&reopen, &Value::Null).await.is(200).json(), open);

    let gone = app.delete(&one).await.is(204);
    assert_eq!(gone.text, "");
    let _ = app.delete(&one).await.problem(404);
    let _ = app.get(&one).await.problem(404);
    let mut expected = vec!["task.created"];
    expected.extend(["task.updated"; 3]);
    expected.extend(["task.completed", "task.updated", "task.deleted"]);
    assert_eq!(app.history(&task["id"]).await, expected, "what changed nothing was not announced");
    app.stop().await;
}

#[tokio::test]
async fn a_call_with_a_key_is_executed_once_and_replayed() {
    let app = App::start().await;
    let key = [("idempotency-key", "3f0c")];
    let body = json!({ "title": "Pay rent" });
    let first = app.send("POST", "/api/tasks", &key, &body).await.is(201);
    let again = app.send("POST", "/api/tasks", &key, &body).await.is(201);
    for header in ["etag", "location", "content-type"] {
        assert_eq!(again.header(header), first.header(header));
    }
    assert_eq!(again.text, first.text);
    // In parallel: one succeeds, the others get its answer or are told to wait.
    let other = [("idempotency-key", "at once")];
    let answers = futures_util::future::join_all((0..8).map(|_| app.send("POST", "/api/tasks", &other, &body))).await;
    let made: Vec<&tests::Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!made.is_empty() && made.iter().all(|answer| answer.text == made[0].text));
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{answers:?}");
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "2");
    // A repeated deletion gets the same answer, although nothing is left to delete.
    let one = first.header("location");
    let _ = app.send("DELETE", one, &key, &Value::Null).await.is(204);
    let _ = app.send("DELETE", one, &key, &Value::Null).await.is(204);
    let _ = app.send("DELETE", one, &[], &Value::Null).await.problem(404);
    app.stop().await;
}

#[tokio::test]
async fn reopening_deletes_an_unchanged_next_occurrence() {
    let app = App::start().await;
    let child = async |task: &Value| -> Option<Value> {
        let tasks = app.list("/api/tasks").await;
        tasks.into_iter().find(|other| other["parent_task_id"] == task["id"])
    };
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "recurrence": "monthly" })).await;
    let (complete, reopen) = (format!("/api/tasks/{}/complete", task["id"]), format!("/api/tasks/{}/reopen", task["id"]));
    let _ = app.post(&complete, &Value::Null).await.is(200);
    let untouched = eventually("the next occurrence", async || child(&task).await).await;
    let _ = app.post(&reopen, &Value::Null).await.is(200);
    app.settled().await;
    assert_eq!(child(&task).await, None);
    assert_eq!(app.history(&untouched["id"]).await, ["task.created", "task.deleted"]);

    let _ = app.post(&complete, &Value::Null).await.is(200);
    let touched = eventually("the next occurrence", async || child(&task).await).await;
    let touched = app.put(&format!("/api/tasks/{}", touched["id"]), &json!({ "priority": "high" })).await.is(200).json();
    let _ = app.post(&reopen, &Value::Null).await.is(200);
    app.settled().await;
    assert_eq!(child(&task).await, Some(touched.clone()));
    // Completed again, it has its occurrence already.
    let _ = app.post(&complete, &Value::Null).await.is(200);
    app.settled().await;
    assert_eq!(app.get("/api/tasks").await.header("x-total-count"), "2");
    assert_eq!(app.task(&touched["id"]).await, touched);
    app.stop().await;
}

#[tokio::test]
async fn overdue_tasks_stay_editable() {
    let app = App::start().await;
    let late = in_seconds(-86_400);
    let task = app.create(&json!({ "title": "Late", "due_date": late, "recurrence": "daily" })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    for change in [
        json!({ "title": "Later" }),
        json!({ "due_date": in_seconds(-3_600) }),
        json!({ "priority": "high" }),
        json!({ "recurrence": "weekly" }),
    ] {
        let _ = app.put(&one, &change).await.is(200);
    }
    let _ = app.post(&format!("{one}/complete"), &Value::Null).await.is(200);
    app.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let app = App::start().await;
    assert_eq!(listed(&app, "").await, (String::new(), "0".to_owned()));
    for (title, due, priority, tags) in [
        ("c", Some("2199-03-03T00:00:00Z"), "low", json!(["home", "money"])),
        ("A", Some("2199-03-01T00:00:00Z"), "high", json!(["home"])),
        ("b", None, "medium", json!(["work"])),
        ("D", Some("2199-03-02T00:00:00Z"), "high", json!([])),
        ("a", Some("2199-03-01T00:00:00Z"), "medium", json!(["money", "home", "work"])),
    ] {
        app.create(&json!({ "title": title, "due_date": due, "priority": priority, "tags": tags })).await;
    }
    let _ = app.post("/api/tasks/4/complete", &Value::Null).await.is(200);
    let _ = app.put("/api/tasks/1", &json!({ "description": "changed last" })).await.is(200);
    for (query, expected, total) in [
        ("", "a D b A c", 5),
        ("order=asc", "c A b D a", 5),
        ("sort_by=updated_at", "c D a b A", 5),
        ("sort_by=due_date", "A a D c b", 5),
        ("sort_by=due_date&order=desc", "c D a A b", 5),
        ("sort_by=priority", "D A a b c", 5),
        ("sort_by=priority&order=asc", "c b a A D", 5),
        ("sort_by=title", "A a b c D", 5),
        ("sort_by=title&order=desc", "D c b a A", 5),
        ("status=pending", "a b A c", 4),
        ("status=completed", "D", 1),
        ("priority=high", "D A", 2),
        ("priority=high&status=pending", "A", 1),
        ("tags=home", "a A c", 3),
        ("tags=HOME,%20money", "a c", 2),
        ("tags=home,money&tags_match=any", "a A c", 3),
        ("tags=money,work&tags_match=any", "a b c", 3),
        ("tags=money,home&tags_match=exact", "c", 1),
        ("tags=home&tags_match=exact", "A", 1),
        ("tags_match=exact", "D", 1),
        ("tags_match=exact&status=pending", "", 0),
        ("tags=nothing", "", 0),
        ("due_before=2199-03-02T00:00:00Z", "a A", 2),
        ("due_after=2199-03-02T00:00:00Z", "D c", 2),
        ("due_after=2199-03-01T01:00:00%2B01:00&due_before=2199-03-02T00:00:00.000001Z", "a D A", 3),
        ("completed_after=2020-01-01T00:00:00Z", "D", 1),
        ("completed_before=2020-01-01T00:00:00Z", "", 0),
        ("id_from=2&id_to=3", "b A", 2),
        ("limit=2", "a D", 5),
        ("limit=2&offset=2", "b A", 5),
        ("limit=2&offset=4", "c", 5),
        ("offset=5", "", 5),
        ("offset=10000000", "", 5),
        ("tags=home&limit=1&offset=1&sort_by=title", "a", 3),
        ("tags=home&offset=9", "", 3),
        ("status=pending&tags=home&priority=medium&due_before=2199-03-02T00:00:00Z", "a", 1),
    ] {
        let expected = if query.starts_with("due_after=2199-03-02") { "D c" } else { expected };
        assert_eq!(listed(&app, query).await, (expected.to_owned(), total.to_string()), "{query}");
    }
    assert_eq!(
        app.read("/api/tags").await,
        json!([{ "tag": "home", "count": 3 }, { "tag": "money", "count": 2 }, { "tag": "work", "count": 2 }])
    );
    app.stop().await;
}

#[tokio::test]
async fn a_search_finds_words_beginnings_and_parts_the_best_match_first() {
    let app = App::start().await;
    for (title, description, tags, priority) in [
        ("Parental leave", "", json!([]), "medium"),
        ("Call the bank", "about the rent", json!(["money"]), "high"),
        ("Rental car", "", json!(["travel"]), "low"),
        ("Rent", "", json!(["home"]), "low"),
        ("Pay rent", "Überweisung at the bank; 100% of it", json!(["home", "money"]), "high"),
        ("Straße fegen_jetzt", "", json!([]), "medium"),
    ] {
        app.create(&json!({ "title": title, "description": description, "tags": tags, "priority": priority })).await;
    }
    let _ = app.post("/api/tasks/3/complete", &Value::Null).await.is(200);
    for (search, expected, total) in [
        // The title itself, a word of it, a prefix, a part, the description.
        (json!({ "query": "rent" }), vec!["Rent", "Pay rent", "Rental car", "Parental leave", "Call the bank"], 5),
        (json!({ "query": "RENT  pay" }), vec!["Pay rent"], 1),
        (json!({ "query": "rental" }), vec!["Rental car", "Parental leave"], 2),
        (json!({ "query": "areNTa" }), vec!["Parental leave"], 1),
        (json!({ "query": "pa" }), vec!["Pay rent", "Parental leave"], 2),
        (json!({ "query": "überw" }), vec!["Pay rent"], 1),
        (json!({ "query": "strasse" }), vec!["Straße fegen_jetzt"], 1),
        (json!({ "query": "100%" }), vec!["Pay rent"], 1),
        (json!({ "query": "nothing rent" }), vec![], 0),
        (json!({ "query": "%" , "filters": { "tags": ["travel"] } }), vec![], 0),
        (json!({ "query": "'; DROP TABLE tasks; --" }), vec![], 0),
        (json!({ "query": "rent", "limit": 2, "offset": 1 }), vec!["Pay rent", "Rental car"], 5),
        (json!({ "query": "rent", "limit": 2, "offset": 9 }), vec![], 5),
        (json!({ "query": "rent", "sort_by": "title" }), vec!["Call the bank", "Parental leave", "Pay rent", "Rent", "Rental car"], 5),
        (json!({ "query": "rent", "sort_by": "title", "order": "desc", "limit": 1 }), vec!["Rental car"], 5),
        (json!({ "query": "rent", "filters": { "status": "pending", "tags": ["HOME"] } }), vec!["Rent", "Pay rent"], 2),
        (
            json!({ "query": "rent", "filters": { "priority": "high", "tags": ["money", "home"], "tags_match": "any" } }),
            vec!["Pay rent", "Call the bank"],
            2,
        ),
        (json!({ "filters": { "status": "completed" } }), vec!["Rental car"], 1),
        (json!({ "filters": { "completed_after": "2020-01-01T00:00:00Z" } }), vec!["Rental car"], 1),
        (json!({ "filters": { "completed_before": "2020-01-01T00:00:00Z" } }), vec![], 0),
        (json!({ "query": "rent", "filters": { "id_from": 3, "id_to": 4 } }), vec!["Rent", "Rental car"], 2),
        (json!({ "filters": { "id_to": 1 } }), vec!["Parental leave"], 1),
        (json!({ "filters": { "id_from": 6 } }), vec!["Straße fegen_jetzt"], 1),
        (json!({ "filters": { "id_from": 5, "id_to": 2 } }), vec![], 0),
        (json!({ "query": "   ", "limit": 1, "sort_by": "title" }), vec!["Call the bank"], 6),
    ] {
        assert_eq!(found(&app, search.clone()).await, (expected.into_iter().map(str::to_owned).collect(), total), "{search}");
    }
    assert_eq!(found(&app, json!({})).await.0[0], "Straße fegen_jetzt", "without words it is a list, newest first");
    // New words are found, and removed words are not.
    let _ = app.put("/api/tasks/4", &json!({ "title": "Lease" })).await.is(200);
    let _ = app.delete("/api/tasks/5").await.is(204);
    assert_eq!(found(&app, json!({ "query": "rent" })).await.1, 3);
    assert_eq!(found(&app, json!({ "query": "lease" })).await.0, ["Lease"]);
    app.stop().await;
}
