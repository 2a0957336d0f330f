//! CloudEvents 1.0.2 as official SDKs, Knative and raw sockets send them: the HTTP binding and the core specification.

use serde_json::{Value, json};
use tests::{Answer, App};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

fn create(id: &str, title: &str) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": "task.create", "data": { "title": title } })
}

async fn structured(app: &App, event: &Value) -> Answer {
    app.call("POST", "/", &[("content-type", STRUCTURED)], event.to_string()).await
}

async fn binary(app: &App, attributes: &[(&str, &str)], content_type: &str, body: &str) -> Answer {
    let own = [("ce-specversion", "1.0"), ("ce-source", "/tests"), ("ce-type", "task.create")];
    let own = own.into_iter().filter(|(name, _)| attributes.iter().all(|(given, _)| given != name));
    let mut headers: Vec<_> = own.chain(attributes.iter().copied()).collect();
    headers.extend(Some(("content-type", content_type)).filter(|(_, value)| !value.is_empty()));
    app.call("POST", "/", &headers, body.to_owned()).await
}

#[tokio::test]
async fn a_header_value_is_unquoted_and_then_decoded() {
    let app = App::start().await;
    let plain = binary(&app, &[("ce-id", "Q3")], "application/json", r#"{"title":"once"}"#).await.is(200).json();
    for id in ["\"Q3\"", "\"Q\\3\"", "%513", "\"%513\""] {
        let again = binary(&app, &[("ce-id", id)], "application/json", r#"{"title":"once"}"#).await.is(200).json();
        assert_eq!(again, plain, "{id} is the same id");
    }
    let other = binary(&app, &[("ce-id", "\"say \\\"hi\\\" 100%25\"")], "application/json", r#"{"title":"twice"}"#).await.is(200).json();
    assert_eq!(other["causationid"], "say \"hi\" 100%");
    assert_eq!(app.list("/api/tasks").await.len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn data_that_looks_like_an_event_is_data() {
    let app = App::start().await;
    let body = r#"{"title":"x","specversion":"1.0"}"#;
    assert_eq!(binary(&app, &[("ce-id", "1")], "application/json", body).await.problem(422), ["/data/specversion"]);
    let whole = create("2", "whole").to_string();
    let pointers = binary(&app, &[("ce-id", "3")], "application/json", &whole).await.problem(422);
    assert!(pointers.iter().all(|pointer| pointer.starts_with("/data")), "{pointers:?}");
    app.stop().await;
}

#[tokio::test]
async fn an_envelope_is_checked_as_the_specification_says() {
    let app = App::start().await;
    for (member, values) in [
        ("id", vec![json!("a\nb"), json!("a\u{7f}b")]),
        ("source", vec![json!("not a uri"), json!("/a%zz"), json!("/a#b#c"), json!("a b"), json!("1:2"), json!("/[x]"), json!("/ä")]),
        ("subject", vec![json!(""), json!(5), json!("a\u{1}b")]),
        (
            "time",
            vec![json!("2027-01-01 09:00:00Z"), json!("2027-01-01"), json!("2027-01-01T09:00:00"), json!("soon"), json!(5), json!("")],
        ),
        ("dataschema", vec![json!(""), json!("/relative"), json!("not a uri"), json!(5)]),
        ("datacontenttype", vec![json!(""), json!("json"), json!("/"), json!(5)]),
        ("count", vec![json!(2_147_483_648_i64), json!(-2_147_483_649_i64), json!(1.5), json!({}), json!([1])]),
        ("fooBar", vec![json!("x")]),
        ("foo_bar", vec![json!("x")]),
        ("föö", vec![json!("x")]),
    ] {
        for value in values {
            let mut event = create("wrong", "x");
            event[member] = value;
            let answer = structured(&app, &event).await;
            assert_eq!(answer.problem(422), [format!("/{member}")], "{event}");
            for word in ["invalid type", "expected", "missing field", "relative URL", "premature", "chrono", "deserialize", "at line"] {
                assert!(!answer.text.contains(word), "a library's words: {}", answer.text);
            }
        }
    }
    let mut two = create("", "x");
    two["time"] = json!("soon");
    assert_eq!(structured(&app, &two).await.problem(422), ["/id", "/time"], "all of what is wrong");
    for (id, member, value) in [
        ("1", "source", json!("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66")),
        ("2", "source", json!("https://github.com/cloudevents?a=b#c")),
        ("3", "source", json!("mailto:ann@example.org")),
        ("4", "source", json!("1-555-123-4567")),
        ("5", "source", json!("http://[::1]:8080/x")),
        ("6", "time", json!("2027-01-01t09:00:00.123456789+02:00")),
        ("7", "count", json!(2_147_483_647)),
        ("8", "flag", json!(true)),
        ("9", "subject", Value::Null),
        ("10", "dataschema", json!("https://example.org/schema.json")),
        ("11", "datacontenttype", json!("application/vnd.tasks+json; charset=utf-8")),
        ("12", "myextension1", json!("\u{1F600}")),
    ] {
        let mut event = create(id, "fine");
        event[member] = value;
        let _ = structured(&app, &event).await.is(200);
    }
    app.stop().await;
}

#[tokio::test]
async fn one_bad_envelope_fails_its_own_item_alone() {
    let app = App::start().await;
    let mut no_source = create("b", "x");
    no_source.as_object_mut().unwrap().remove("source");
    let mut no_id = create("", "x");
    no_id["type"] = json!(5);
    let batch = json!([create("a", "first"), no_source, 5, no_id, create("c", "last")]);
    for path in ["/", "/batch"] {
        let answer = app.call("POST", path, &[("content-type", BATCH)], batch.to_string()).await.is(200);
        let answers = answer.json();
        let types: Vec<&str> = answers.as_array().unwrap().iter().map(|answer| answer["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["task.created", "task.create.failed", "unknown.failed", "unknown.failed", "task.created"]);
        for (index, status, pointers) in [(1, 422, vec!["/source"]), (2, 400, vec![]), (3, 422, vec!["/id", "/type"])] {
            let call = app.call("GET", "/", &[("accept", "text/html")], "").await;
            assert_eq!(call.problem_json(&answers[index]["data"], status), pointers, "{answers}");
        }
        assert_eq!((&answers[0]["causationid"], &answers[1]["causationid"]), (&json!("a"), &json!("b")));
    }
    assert_eq!(app.list("/api/tasks").await.len(), 2);
    assert!(app.call("POST", "/batch", &[("content-type", STRUCTURED)], create("d", "x").to_string()).await.problem(415).is_empty());
    app.stop().await;
}

#[tokio::test]
async fn base64_is_json_only_if_it_says_so() {
    let app = App::start().await;
    let mut event = create("1", "");
    event.as_object_mut().unwrap().remove("data");
    event["data_base64"] = json!("eyJ0aXRsZSI6IngifQ==");
    assert_eq!(structured(&app, &event).await.problem(422), ["/data"]);
    for content_type in ["text/plain", "application/octet-stream", "application/jsonx"] {
        event["datacontenttype"] = json!(content_type);
        assert_eq!(structured(&app, &event).await.problem(422), ["/data"], "{content_type}");
    }
    event["datacontenttype"] = json!("application/json");
    event["data_base64"] = json!("%%%");
    assert_eq!(structured(&app, &event).await.problem(422), ["/data_base64"]);
    event["data_base64"] = json!("eyJ0aXRsZSI6IngifQ==");
    event["data"] = json!({ "title": "y" });
    assert_eq!(structured(&app, &event).await.problem(422), ["/data_base64"]);
    event.as_object_mut().unwrap().remove("data");
    assert_eq!(structured(&app, &event).await.is(200).json()["data"]["task_data"]["title"], "x");
    app.stop().await;
}

#[tokio::test]
async fn unknown_codings_and_formats_are_415_and_a_repeated_attribute_is_refused() {
    let app = App::start().await;
    for content_type in
        ["application/cloudevents+avro", "application/cloudevents+xml", "application/cloudevents-batch+protobuf", "application/cloudevents"]
    {
        assert!(app.call("POST", "/", &[("content-type", content_type)], "{}").await.problem(415).is_empty(), "{content_type}");
        assert!(binary(&app, &[("ce-id", "1")], content_type, "{}").await.problem(415).is_empty(), "{content_type}");
    }
    for coding in ["gzip", "deflate"] {
        let headers = [("content-type", STRUCTURED), ("content-encoding", coding)];
        assert!(app.call("POST", "/", &headers, create("1", "x").to_string()).await.problem(415).is_empty());
    }
    for name in ["ce-id", "ce-type", "ce-subject"] {
        let twice = [("ce-id", "1"), (name, "task.create"), (name, "task.create")];
        let twice = if name == "ce-id" { &twice[..2] } else { &twice[..] };
        assert!(binary(&app, twice, "application/json", r#"{"title":"x"}"#).await.problem(400).is_empty(), "{name}");
    }
    for (name, pointer) in [("ce-foo-bar", "/foo-bar"), ("ce-data", "/data")] {
        assert_eq!(binary(&app, &[("ce-id", "1"), (name, "x")], "application/json", r#"{"title":"x"}"#).await.problem(422), [pointer]);
    }
    assert!(app.list("/api/tasks").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn an_answer_names_the_command_that_caused_it() {
    let app = App::start().await;
    let answer = structured(&app, &create("cause-1", "x")).await.is(200);
    assert_eq!(answer.json()["causationid"], "cause-1");
    assert_eq!(structured(&app, &create("cause-1", "x")).await.is(200).json(), answer.json(), "answered the same again");
    let batch = json!([create("cause-2", "y"), create("cause-3", "")]).to_string();
    let answers = app.call("POST", "/", &[("content-type", BATCH)], batch).await.is(200).json();
    assert_eq!((&answers[0]["causationid"], &answers[1]["causationid"]), (&json!("cause-2"), &json!("cause-3")));
    app.stop().await;
}
