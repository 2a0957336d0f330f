//! The tools over MCP: by a real client, and by handwritten requests that no real client sends.

use std::net::SocketAddr;

use futures_util::future::join_all;
use rmcp::model::{CallToolRequestParams, CallToolResult, ClientConfig};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};
use tests::{Answer, App};

const TOKEN: &str = "token-0123456789";
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");
const JSON: (&str, &str) = ("content-type", "application/json");

async fn client(address: SocketAddr, token: Option<&str>) -> RunningService<RoleClient, ClientConfig> {
    let config = StreamableHttpClientTransportConfig::with_uri(format!("http://{address}/mcp"));
    let config = match token {
        Some(token) => config.auth_header(token),
        None => config,
    };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let transport = StreamableHttpClientTransport::with_client(http, config);
    ClientConfig::default().serve(transport).await.unwrap()
}

async fn call(client: &RunningService<RoleClient, ClientConfig>, tool: &'static str, arguments: Value) -> CallToolResult {
    let Value::Object(arguments) = arguments else { panic!("{arguments}") };
    client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await.unwrap()
}

/// Returns the text of a result.
fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().unwrap().text
}

async fn by_hand(app: &App, headers: &[(&str, &str)], body: &str) -> Answer {
    app.call("POST", "/mcp", &[&[BOTH, JSON], headers].concat(), body.to_owned()).await
}

#[tokio::test]
async fn a_real_client_finds_the_tools_and_uses_them() {
    let app = App::with(&[("TASKFLOW_API_TOKEN", TOKEN), ("TASKFLOW_TIME_ZONE", "Europe/Berlin")]).await;
    let client = client(app.address, Some(TOKEN)).await;
    let server = client.peer_info().unwrap();
    assert_eq!(server.server_info.as_ref().unwrap().name, "taskflow");
    let tools = client.list_all_tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    for name in [
        "create_task",
        "list_tasks",
        "search_tasks",
        "get_task",
        "update_task",
        "complete_task",
        "delete_task",
        "set_priority",
        "add_tags",
        "schedule_reminder",
    ] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    let delete = tools.iter().find(|tool| tool.name == "delete_task").unwrap().annotations.clone().unwrap();
    assert_eq!((delete.read_only_hint, delete.destructive_hint), (Some(false), Some(true)));
    let task = json!({ "title": "Pay rent", "due_date": "2199-01-31T09:00:00", "recurrence": "monthly", "reminder_offset": "1 hour" });
    let created = call(&client, "create_task", task).await.structured_content.unwrap();
    assert_eq!(created["task"]["due_date"], "2199-01-31T09:00:00+01:00", "by the service's clock");
    let id = &created["task"]["id"];
    let found = call(&client, "search_tasks", json!({ "query": "rent" })).await;
    assert_eq!(found.structured_content.as_ref().unwrap()["total_count"], 1);
    assert_eq!(serde_json::from_str::<Value>(text(&found)).unwrap(), found.structured_content.unwrap(), "for clients that know text only");
    let listed = call(&client, "list_tasks", json!({ "tags": [], "status": "pending", "limit": 5 })).await.structured_content.unwrap();
    assert_eq!(listed["total_count"], 1);
    // A list tells tasks apart, and get_task tells the rest.
    let expected = json!([{ "id": id, "title": "Pay rent", "status": "pending", "priority": "medium", "due_date": "2199-01-31T09:00:00+01:00",
        "recurrence": "monthly", "reminder_offset": "1 hour" }]);
    assert_eq!(listed["tasks"], expected);
    let got = call(&client, "get_task", json!({ "task_id": id })).await.structured_content.unwrap();
    assert_eq!((&got["task"]["version"], &got["task"]["time_zone"]), (&json!(1), &json!("Europe/Berlin")));
    call(&client, "complete_task", json!({ "task_id": id })).await;
    // The model reads the function's refusal.
    let refused = call(&client, "create_task", json!({ "title": "" })).await;
    assert_eq!(refused.is_error, Some(true));
    assert!(text(&refused).contains("/title"), "{refused:?}");
    let missing = call(&client, "get_task", json!({ "task_id": 999_999 })).await;
    assert_eq!((missing.is_error, text(&missing)), (Some(true), "not found"));
    assert!(client.call_tool(CallToolRequestParams::new("make_coffee")).await.is_err());
    client.cancel().await.unwrap();
    // The same code has run as for a page: events, audit, the next occurrence.
    let headers = [("authorization", "Bearer token-0123456789")];
    app.settled().await;
    let audit = app.call("GET", &format!("/api/audit?task_id={id}"), &headers, "").await.is(200).json();
    assert!(audit.as_array().unwrap().iter().any(|entry| entry["event_type"] == "task.completed"));
    let tasks = app.call("GET", "/api/tasks?status=pending", &headers, "").await.is(200).json();
    assert_eq!(tasks[0]["parent_task_id"], *id);
    app.stop().await;
}

#[tokio::test]
async fn answers_are_json_and_nothing_is_kept_between_requests() {
    let app = App::start().await;
    let answer = by_hand(&app, &[], LIST).await.is(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.json()["result"]["tools"].as_array().unwrap().len() > 10, "no session, no handshake");
    assert_eq!(answer.header("mcp-session-id"), "");
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let answer = by_hand(&app, &[], &initialize.to_string()).await.is(200);
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-06-18");
    assert!(answer.json()["result"]["capabilities"]["tools"].is_object());
    let many = join_all((0..8).map(|_| by_hand(&app, &[], LIST))).await;
    assert!(many.iter().all(|answer| answer.status == 200 && answer.json()["result"]["tools"].is_array()), "many calls at once");
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(by_hand(&app, &[], notification).await.is(202).text, "");
    assert_eq!(app.get("/mcp").await.is(405).header("allow"), "POST");
    let _ = app.delete("/mcp").await.is(405);
    let unknown = by_hand(&app, &[], r#"{"jsonrpc":"2.0","id":7,"method":"tools/unknown","params":{}}"#).await;
    assert_eq!((&unknown.json()["id"], &unknown.json()["error"]["code"]), (&json!(7), &json!(-32601)));
    // Invalid JSON and JSON that is no message have their own error codes. A body of another type is refused with 415.
    for (body, code, id) in [
        ("{", -32_700, Value::Null),
        ("", -32_700, Value::Null),
        ("[1, 2]", -32_600, Value::Null),
        (r#""hello""#, -32_600, Value::Null),
        (r#"{"id": 7, "method": "tools/list"}"#, -32_600, json!(7)),
    ] {
        let answer = by_hand(&app, &[], body).await.is(400);
        assert_eq!(answer.header("content-type"), "application/json");
        let answer = answer.json();
        assert_eq!((&answer["jsonrpc"], &answer["id"], &answer["error"]["code"]), (&json!("2.0"), &id, &json!(code)), "{body}: {answer}");
    }
    let _ = app.call("POST", "/mcp", &[BOTH, ("content-type", "text/plain")], LIST.to_owned()).await.is(415);
    let _ = by_hand(&app, &[], &format!("\"{}\"", "a".repeat(300 * 1024))).await.is(413);
    app.stop().await;
}

/// A request of JSON-RPC.
fn request(id: u32, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

#[tokio::test]
async fn bad_parameters_have_the_code_of_json_rpc() {
    let app = App::start().await;
    for (method, params) in [
        ("tools/call", json!({ "name": "make_coffee", "arguments": {} })),
        ("tools/call", json!({ "name": 7 })),
        ("tools/call", json!({ "arguments": {} })),
        ("tools/call", json!({ "name": "get_task", "arguments": [1] })),
        ("tools/call", json!([])),
        ("initialize", json!({ "protocolVersion": 1 })),
        ("initialize", json!({})),
    ] {
        let answer = by_hand(&app, &[], &request(7, method, &params).to_string()).await.is(200);
        let answer = answer.json();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32_602)), "{method} {params}: {answer}");
    }
    // A tool's refusal is part of its result, so that a model can read it.
    let params = json!({ "name": "get_task", "arguments": { "task_id": "seven" } });
    let answer = by_hand(&app, &[], &request(7, "tools/call", &params).to_string()).await.is(200).json();
    assert_eq!((&answer["result"]["isError"], &answer["error"]), (&json!(true), &Value::Null), "{answer}");
    app.stop().await;
}

#[tokio::test]
async fn messages_come_in_batches_where_the_version_of_the_protocol_has_them() {
    const BATCHED: (&str, &str) = ("mcp-protocol-version", "2025-03-26");
    let app = App::start().await;
    let list = request(2, "tools/list", &json!({}));
    let create = |id: u32, title: &str| request(id, "tools/call", &json!({ "name": "create_task", "arguments": { "title": title } }));
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let initialize = json!({ "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
    let messages = json!([
        create(1, "one"),
        list,
        notification,
        5,
        request(3, "tools/call", &json!({ "name": 7 })),
        request(4, "tools/unknown", &json!({})),
        request(5, "initialize", &initialize),
        create(6, "two"),
    ]);
    // Without a version, the one with batches applies.
    for (headers, tasks) in [(&[BATCHED][..], 2), (&[], 4)] {
        let answers = by_hand(&app, headers, &messages.to_string()).await.is(200);
        assert_eq!(answers.header("content-type"), "application/json");
        let answers = answers.json();
        let told: Vec<(&Value, &Value)> =
            answers.as_array().unwrap().iter().map(|answer| (&answer["id"], &answer["error"]["code"])).collect();
        let [none, null] = [&Value::Null, &Value::Null];
        let expected = [
            (&json!(1), none),
            (&json!(2), none),
            (null, &json!(-32_600)),
            (&json!(3), &json!(-32_602)),
            (&json!(4), &json!(-32_601)),
            (&json!(5), &json!(-32_600)),
            (&json!(6), none),
        ];
        assert_eq!(told, expected, "{answers}");
        assert!(answers[1]["result"]["tools"].is_array());
        assert_eq!(app.list("/api/tasks").await.len(), tasks, "each is done, in order");
    }
    assert_eq!(by_hand(&app, &[BATCHED], &json!([notification, notification]).to_string()).await.is(202).text, "");
    let many = json!(vec![create(1, "many"); 21]).to_string();
    for (headers, batch) in
        [(&[BATCHED][..], many.as_str()), (&[BATCHED], "[]"), (&[("mcp-protocol-version", "2025-06-18")], &messages.to_string())]
    {
        let answer = by_hand(&app, headers, batch).await.is(400).json();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32_600)), "{headers:?}: {answer}");
    }
    assert_eq!(app.list("/api/tasks").await.len(), 4, "a batch that is refused does nothing");
    app.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_cannot_call() {
    let app = App::with(&[("TASKFLOW_HOSTS", "tasks.example.org,10.0.0.7:8080")]).await;
    for (headers, status) in [
        (vec![("host", "localhost:8080")], 200),
        (vec![("host", "tasks.example.org")], 200),
        (vec![("host", "10.0.0.7:8080"), ("origin", "http://10.0.0.7:8080")], 200),
        (vec![("host", "localhost:6274"), ("origin", "http://localhost:6274")], 200),
        (vec![("host", "10.0.0.7:9090")], 200),
        (vec![("host", "localhost"), ("origin", "http://localhost:6274")], 403),
        (vec![("host", "tasks.example.org"), ("origin", "https://tasks.example.org")], 200),
        (vec![("host", "evil.example")], 421),
        (vec![("host", "evil.example"), ("x-forwarded-host", "localhost")], 421),
        (vec![("host", "localhost"), ("origin", "https://evil.example")], 403),
        (vec![("host", "localhost"), ("origin", "null")], 403),
    ] {
        let answer = by_hand(&app, &headers, LIST).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    app.stop().await;
    let app = App::start().await;
    let _ = by_hand(&app, &[("host", "evil.example")], LIST).await.is(421);
    app.stop().await;
}

#[tokio::test]
async fn the_token_is_required_and_sufficient() {
    let app = App::with(&[("TASKFLOW_API_TOKEN", TOKEN)]).await;
    assert!(by_hand(&app, &[], LIST).await.problem(401).is_empty());
    let token = ("authorization", "Bearer token-0123456789");
    let _ = by_hand(&app, &[token, ("host", "tasks.example.org"), ("origin", "https://tasks.example.org")], LIST).await.is(200);
    app.stop().await;
}
