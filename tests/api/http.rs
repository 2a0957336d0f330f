//! HTTP semantics (RFC 9110), and the headers of every answer.

use serde_json::{Value, json};
use tests::{Answer, App};

const AHEAD: &str = "2199-03-31T09:00:00Z";
const JSON: (&str, &str) = ("content-type", "application/json");

/// Returns the targets of a `Link` header by their relation.
fn links(answer: &Answer) -> Vec<(String, String)> {
    let link = |text: &str| {
        let (target, relation) = text.trim().split_once(">; rel=\"").unwrap();
        (relation.trim_end_matches('"').to_owned(), target.trim_start_matches('<').to_owned())
    };
    answer.header("link").split(", ").map(link).collect()
}

#[tokio::test]
async fn a_caller_with_a_current_copy_gets_304() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    for tags in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let answer = app.call("GET", &one, &[("if-none-match", tags)], "").await.is(304);
        assert_eq!((answer.header("etag"), answer.text.as_str(), answer.header("content-type")), ("\"1\"", "", ""), "{tags}");
        let _ = app.call("HEAD", &one, &[("if-none-match", tags)], "").await.is(304);
    }
    for tags in ["\"2\"", "\"\"", "\"other\""] {
        let _ = app.call("GET", &one, &[("if-none-match", tags)], "").await.is(200);
    }
    let title = json!({ "title": "Pay the rent" });
    for tags in ["*", "\"1\"", "W/\"1\""] {
        assert!(app.send("PUT", &one, &[("if-none-match", tags)], &title).await.problem(412).is_empty(), "{tags}");
    }
    let both = [("if-match", "\"1\", \"2\""), ("if-none-match", "\"1\"")];
    assert!(app.send("PUT", &one, &both, &title).await.problem(412).is_empty());
    assert!(app.send("PUT", &one, &[("if-none-match", "1")], &title).await.problem(400).is_empty());
    assert_eq!(app.send("PUT", &one, &[("if-none-match", "\"7\"")], &title).await.is(200).header("etag"), "\"2\"");
    assert_eq!(app.task(&task["id"]).await["version"], 2);
    app.stop().await;
}

#[tokio::test]
async fn a_page_leads_to_the_others() {
    let app = App::start().await;
    for title in ["a", "b", "c", "d", "e"] {
        app.create(&json!({ "title": title, "tags": ["x y"] })).await;
    }
    let mut path = "/api/tasks?sort_by=title&tags=x%20y&limit=2".to_owned();
    let mut titles = Vec::new();
    loop {
        let page = app.get(&path).await.is(200);
        let links = links(&page);
        assert!(links.iter().all(|(_, target)| target.starts_with("/api/tasks?sort_by=title&tags=x%20y&limit=2&offset=")), "{links:?}");
        titles.extend(page.json().as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()));
        let find = |name: &str| links.iter().find(|(relation, _)| relation == name).map(|(_, target)| target.clone());
        assert!(find("first").unwrap().ends_with("offset=0") && find("last").unwrap().ends_with("offset=4"));
        assert_eq!(find("prev").is_some(), path.contains("offset="));
        match find("next") {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(titles, ["a", "b", "c", "d", "e"]);
    app.settled().await;
    let _ = app.delete("/api/tasks/1").await.is(204);
    for (path, relations) in [
        ("/api/audit?limit=1", vec!["first", "next", "last"]),
        ("/api/trash", vec!["first", "last"]),
        ("/api/tasks?status=completed", vec!["first", "last"]),
    ] {
        let page = app.get(path).await.is(200);
        assert_eq!(links(&page).into_iter().map(|(relation, _)| relation).collect::<Vec<_>>(), relations, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn every_answer_names_its_correlation() {
    let app = App::start().await;
    let mine = ("x-correlation-id", "mine-1");
    for (method, path, status) in [("GET", "/api/tasks", 200), ("GET", "/api/nothing", 404), ("POST", "/api/tasks", 422), ("GET", "/", 200)]
    {
        assert_eq!(app.call(method, path, &[mine], "").await.is(status).header("x-correlation-id"), "mine-1", "{method} {path}");
        assert!(!app.call(method, path, &[], "").await.header("x-correlation-id").is_empty(), "{method} {path}");
    }
    // The answer's ids are those of the events.
    let created = app.post("/api/tasks", &json!({ "title": "Pay rent" })).await.is(201);
    app.settled().await;
    let entry = app.list("/api/audit").await.remove(0);
    assert_eq!(entry["event_data"]["correlationid"], created.header("x-correlation-id"));
    app.stop().await;
}

#[tokio::test]
async fn an_unavailable_dependency_sends_retry_after() {
    let app = App::behind_a_proxy().await;
    app.create(&json!({ "title": "Pay rent" })).await;
    app.settled().await;
    app.proxy.as_ref().unwrap().cut().await;
    for (method, path) in
        [("GET", "/api/tasks"), ("GET", "/api/tasks/1"), ("POST", "/api/tasks/1/complete"), ("GET", "/health"), ("GET", "/api/tags")]
    {
        let answer = app.call(method, path, &[("cache-control", "no-cache")], "").await.is(503);
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{method} {path}: {answer:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_task_is_changed_by_a_merge_patch() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": AHEAD, "reminder_offset": "1 hour", "tags": ["home"] })).await;
    let one = format!("/api/tasks/{}", task["id"]);
    for content_type in ["application/merge-patch+json", "Application/Merge-Patch+JSON; charset=utf-8", "application/json"] {
        let patch = json!({ "title": content_type, "reminder_offset": null });
        let answer = app.call("PATCH", &one, &[("content-type", content_type)], patch.to_string()).await.is(200);
        let changed = answer.json();
        assert_eq!(
            (&changed["title"], &changed["reminder_offset"], &changed["tags"]),
            (&json!(content_type), &Value::Null, &json!(["home"]))
        );
        assert_eq!(answer.header("etag"), format!("\"{}\"", changed["version"]));
        assert!(!answer.header("taskflow-change").is_empty());
    }
    for content_type in ["application/json-patch+json", "text/plain", ""] {
        assert!(app.call("PATCH", &one, &[("content-type", content_type)], "{}").await.problem(415).is_empty(), "{content_type}");
    }
    assert!(app.call("PUT", &one, &[("content-type", "application/merge-patch+json")], "{}").await.problem(415).is_empty());
    assert_eq!(app.send("PATCH", &one, &[], &json!({ "colour": "red" })).await.problem(422), ["/colour"]);
    assert!(app.send("PATCH", &one, &[("if-match", "\"1\"")], &json!({ "title": "x" })).await.problem(412).is_empty());
    let key = ("idempotency-key", "patch-1");
    let first = app.send("PATCH", &one, &[key], &json!({ "title": "once" })).await.is(200).json();
    assert_eq!(app.send("PATCH", &one, &[key], &json!({ "title": "once" })).await.is(200).json(), first);
    assert_eq!(app.call("TRACE", &one, &[], "").await.is(405).header("allow"), "GET, PUT, PATCH, DELETE, HEAD");
    app.stop().await;
}

#[tokio::test]
async fn tags_are_removed_by_a_query_and_asked_for_by_name_and_name_again() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent", "tags": ["a", "b", "c", "d", "e f"] })).await;
    let tags = format!("/api/tasks/{}/tags", task["id"]);
    for (path, count) in [
        ("/api/tasks?tags=a&tags=b", 1),
        ("/api/tasks?tags=a,b&tags=c", 1),
        ("/api/tasks?tags=a&tags=z", 0),
        ("/api/tasks?tags=a&status=pending&tags=z&tags_match=any", 1),
    ] {
        assert_eq!(app.list(path).await.len(), count, "{path}");
    }
    assert_eq!(app.get("/api/tasks?status=pending&status=completed").await.problem(422), ["/status"]);
    assert_eq!(app.delete(&format!("{tags}?tags=a,b")).await.is(200).json()["tags"], json!(["c", "d", "e f"]));
    assert_eq!(app.delete(&format!("{tags}?tags=c&tags=e%20f")).await.is(200).json()["tags"], json!(["d"]));
    assert_eq!(app.send("DELETE", &tags, &[], &json!({ "tags": ["d"] })).await.is(200).json()["tags"], json!([]));
    assert_eq!(app.delete(&tags).await.problem(422), ["/tags"]);
    assert_eq!(app.delete(&format!("{tags}?tags=a&colour=red")).await.problem(422), ["/colour"]);
    assert_eq!(app.delete(&format!("/api/tasks/{}?force=true", task["id"])).await.problem(422), ["/force"]);
    app.stop().await;
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let app = App::start().await;
    let task = app.send("POST", "/api/tasks/", &[], &json!({ "title": "Pay rent" })).await.is(201).json();
    for path in ["/api/tasks/", "/api/tasks/1/", "/api/tags/", "/health/", "/health/live/", "/openapi.json/", "/api/tasks/?limit=1"] {
        let _ = app.get(path).await.is(200);
    }
    let _ = app.post(&format!("/api/tasks/{}/complete/", task["id"]), &Value::Null).await.is(200);
    for path in ["/api/tasks//", "//", "/api/", "/api/tasks/1/2/"] {
        assert!(app.get(path).await.problem(404).is_empty(), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_accept_that_cannot_be_met_is_refused_before_anything_is_done() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "Pay rent" })).await;
    let complete = format!("/api/tasks/{}/complete", task["id"]);
    for accept in ["text/html", "image/*", "application/json;q=0", "application/xml, text/plain"] {
        for (method, path) in
            [("GET", "/api/tasks"), ("POST", &*complete), ("GET", "/health"), ("GET", "/openapi.json"), ("GET", "/metrics")]
        {
            if (path, accept) != ("/metrics", "application/json;q=0") {
                assert!(app.call(method, path, &[("accept", accept)], "").await.problem(406).is_empty(), "{method} {path} {accept}");
            }
        }
        let message = json!({ "message": "hello" }).to_string();
        assert!(app.call("POST", "/api/chat", &[JSON, ("accept", accept)], message).await.problem(406).is_empty());
        let event = json!({ "specversion": "1.0", "id": accept, "source": "/t", "type": "task.create", "data": { "title": "x" } });
        let headers = [("content-type", "application/cloudevents+json"), ("accept", accept)];
        if accept != "application/json;q=0" {
            assert!(app.call("POST", "/", &headers, event.to_string()).await.problem(406).is_empty());
        }
    }
    assert_eq!(app.task(&task["id"]).await["version"], 1);
    for accept in ["application/json", "*/*", "text/html, application/*;q=0.1", "application/json;q=0.2, text/html", ""] {
        let _ = app.call("GET", "/api/tasks", &[("accept", accept)], "").await.is(200);
    }
    // Without a response body there is no type to accept.
    let _ = app.call("DELETE", "/api/tasks/1", &[("accept", "text/html")], "").await.is(204);
    let _ = app.call("GET", "/", &[("accept", "text/html")], "").await.is(200);
    // The answer to a refused caller is not cached for the next.
    let _ = app.get("/health").await.is(200);
    app.stop().await;
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_take_that() {
    use std::io::Read;
    let app = App::start().await;
    let description = "All work and no play makes Jack a dull boy. ".repeat(200);
    let task = app.create(&json!({ "title": "Write", "description": description })).await;
    let one = format!("http://{}/api/tasks/{}", app.address, task["id"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |url: &str, accepted: &str| {
        let response = client.get(url).header("accept-encoding", accepted).send().await.unwrap();
        let coding = response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        let varies =
            response.headers().get_all("vary").iter().any(|value| value.to_str().unwrap().to_ascii_lowercase().contains("accept-encoding"));
        let etag = response.headers().get("etag").map(|value| value.to_str().unwrap().to_owned());
        (coding, varies, etag, response.bytes().await.unwrap())
    };
    for (accepted, coding) in [("br", "br"), ("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"), ("br;q=0, gzip", "gzip")] {
        let (found, varies, etag, body) = get(&one, accepted).await;
        assert_eq!((found.as_deref(), varies, etag.as_deref()), (Some(coding), true, Some("\"1\"")), "{accepted}");
        assert!(body.len() < 1_000, "{accepted}: {}", body.len());
        let mut plain = Vec::new();
        match coding {
            "br" => brotli::Decompressor::new(&*body, 4096).read_to_end(&mut plain).unwrap(),
            _ => flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).unwrap(),
        };
        assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap(), task, "{accepted}");
    }
    for accepted in ["identity", "br;q=0, gzip;q=0", "unknown"] {
        assert_eq!(get(&one, accepted).await.0, None, "{accepted}");
    }
    let short = format!("http://{}/api/tags", app.address);
    assert_eq!(get(&short, "br, gzip").await.0, None, "a short answer is sent as it is");
    app.stop().await;
}

#[tokio::test]
async fn a_zone_is_a_place_and_an_unknown_one_breaks_no_list() {
    let app = App::start().await;
    for zone in ["localtime", "posixrules", "Factory", "Etc/Unknown", "posix/UTC", "EST5EDT4,M3.2.0,M11.1.0"] {
        assert_eq!(app.post("/api/tasks", &json!({ "title": "x", "time_zone": zone })).await.problem(422), ["/time_zone"], "{zone}");
        assert_eq!(app.put("/api/preferences", &json!({ "time_zone": zone })).await.problem(422), ["/time_zone"], "{zone}");
    }
    app.create(&json!({ "title": "known", "due_date": AHEAD })).await;
    app.create(&json!({ "title": "newer", "due_date": AHEAD, "recurrence": "daily" })).await;
    app.sql("UPDATE tasks SET time_zone = 'Mars/Base' WHERE title = 'newer'").await;
    let zones: Vec<Value> = app.list("/api/tasks?sort_by=title").await.into_iter().map(|task| task["time_zone"].clone()).collect();
    assert_eq!(zones, ["UTC", "Mars/Base"]);
    let _ = app.get("/api/tasks/2/occurrences").await.is(200);
    let renamed = app.put("/api/tasks/2", &json!({ "title": "renamed" })).await.is(200).json();
    assert_eq!(renamed["time_zone"], "Mars/Base", "what this build does not know is kept");
    app.stop().await;
}

#[tokio::test]
async fn the_documents_are_public() {
    let app = App::with(&[("TASKFLOW_API_TOKEN", "token-0123456789")]).await;
    for path in ["/openapi.json", "/asyncapi.json"] {
        assert!(app.get(path).await.is(200).json()["info"]["title"].is_string(), "{path}");
    }
    assert!(app.get("/api/tasks").await.problem(401).is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_body_with_a_coding_is_not_read() {
    let app = App::start().await;
    for coding in ["gzip", "br", "identity, gzip", "x"] {
        for (method, path) in [("POST", "/api/tasks"), ("PUT", "/api/tasks/1"), ("POST", "/"), ("POST", "/mcp"), ("POST", "/api/chat")] {
            let answer = app.call(method, path, &[JSON, ("content-encoding", coding)], "{}").await;
            assert!(answer.problem(415).is_empty(), "{method} {path} {coding}");
            assert_eq!(answer.header("accept-encoding"), "identity");
        }
    }
    let _ = app.call("POST", "/api/tasks", &[JSON, ("content-encoding", "identity")], r#"{"title":"x"}"#).await.is(201);
    let patterns = app.read("/openapi.json").await;
    let pattern = patterns["components"]["parameters"]["If-Match"]["schema"]["pattern"].as_str().unwrap().to_owned();
    assert!(pattern.contains(r"\--~"), "every character of RFC 9110 but the comma: {pattern}");
    app.stop().await;
}
