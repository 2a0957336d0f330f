//! Every entry point, and its access rules: names, pages, tokens, bodies.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::Timestamp;
use domain::ambient::Clock;
use domain::event::{EventType, Topic};
use domain::routes::{self, Access, Route};
use function::guard::Trust;
use function::service::Service;
use function::settings::Settings;
use function::{full, host};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use store::Store;
use tests::{App, PATIENCE, Woken};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const TOKEN: &str = "token-of-at-least-thirty-two-characters";
/// Secret shared by gateway and functions.
const SECRET: &str = "what-the-gateway-and-functions-share";
/// A task that does not exist: a call that passes the guard answers 404, and changes nothing.
const NOBODY: i64 = 999_999;

// Raw requests, because clients refuse to send what a guard must be tested with.

/// Sends these bytes, and returns status, head and body of the answer.
async fn raw(address: SocketAddr, head: &str, body: &str) -> (u16, HeaderMap, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = async {
        let mut buffer = vec![0; 16 * 1024];
        // An opened WebSocket stays open, so only its head is read.
        while !String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 101") {
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                read => answer.extend_from_slice(&buffer[..read]),
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())).collect();
    (status, headers, body.to_owned())
}

// The table.

/// The target of a request, and its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// `POST /` of the gateway.
    Command,
    /// The same with an event.
    Fact,
    /// `POST /` at a function's own URL.
    OwnCommand,
    /// The same with an event.
    OwnFact,
    /// `POST /` at a function URL of AWS Lambda, which checks the host itself.
    Lambda,
    /// The same with an event.
    LambdaFact,
    /// A changing REST call through the gateway.
    Change,
    /// The same at the function's own URL.
    OwnChange,
    /// A reading REST call.
    Read,
    /// `POST /dead-letters` with a fact that is not a stored letter.
    Letter,
    /// `POST /mcp`.
    Mcp,
    /// The WebSocket.
    Socket,
    /// A job at a function's own URL.
    Job,
}

const DOORS: [Door; 13] = [
    Door::Command,
    Door::Fact,
    Door::OwnCommand,
    Door::OwnFact,
    Door::Lambda,
    Door::LambdaFact,
    Door::Change,
    Door::OwnChange,
    Door::Read,
    Door::Letter,
    Door::Mcp,
    Door::Socket,
    Door::Job,
];

/// Declared type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Structured,
    Batch,
    Binary,
    Json,
    Text,
    OtherFormat,
    Unsaid,
}

const KINDS: [Kind; 7] = [Kind::Structured, Kind::Batch, Kind::Binary, Kind::Json, Kind::Text, Kind::OtherFormat, Kind::Unsaid];

/// Names of a call: header lines, and whether the name is ours.
const HOSTS: [(&str, Option<bool>); 12] = [
    ("Host: localhost:PORT\r\n", Some(true)),
    ("Host: 127.0.0.1:PORT\r\n", Some(true)),
    ("Host: [::1]\r\n", Some(true)),
    ("Host: Tasks.Example.org\r\n", Some(true)),
    ("Host: public.example.org.:443\r\n", Some(true)),
    ("Host: evil.example\r\n", Some(false)),
    ("Host: localhost.evil.example:PORT\r\n", Some(false)),
    ("Host: evil.example\r\nX-Forwarded-Host: localhost\r\n", Some(false)),
    ("", None),
    ("Host: localhost\r\nHost: localhost\r\n", None),
    ("Host: localhost, evil.example\r\n", None),
    ("Host: evil.example@localhost\r\n", None),
];

/// Calling pages: header lines, and whether they may call.
const PAGES: [(&str, bool); 9] = [
    ("", true),
    ("Origin: http://OWN\r\n", true),
    ("Origin: https://app.example.org\r\nSec-Fetch-Site: cross-site\r\n", true),
    ("Sec-Fetch-Site: same-origin\r\n", true),
    ("Sec-Fetch-Site: cross-site\r\n", false),
    ("Sec-Fetch-Site: same-site\r\n", false),
    ("Origin: https://other.example\r\n", false),
    ("Origin: null\r\n", false),
    ("Origin: http://OWN\r\nOrigin: https://other.example\r\n", false),
];

/// A name, a page, whether the caller has the token, and the declared type of the body.
type Case = ((&'static str, Option<bool>), (&'static str, bool), bool, Kind);

/// Returns the expected status. Names are checked first, then pages, then the token, and then the request.
fn expected(door: Door, is_own: Option<bool>, may: bool, token: bool, has_token: bool, kind: Kind) -> u16 {
    match is_own {
        None => return 400,
        Some(false) if !token && !is_lambda(door) => return 421,
        Some(_) => {}
    }
    if door != Door::Read && !may {
        return 403;
    }
    if token && !has_token {
        return 401;
    }
    let is_json = matches!(kind, Kind::Json | Kind::Binary);
    let is_event = matches!(kind, Kind::Structured | Kind::Binary);
    match door {
        Door::Read => 200,
        Door::Socket => 101,
        Door::Mcp if is_json => 200,
        Door::Change | Door::OwnChange if is_json => 404,
        Door::Letter if kind == Kind::Batch => 422,
        Door::Command | Door::OwnCommand | Door::Lambda | Door::Fact | Door::OwnFact | Door::LambdaFact if kind == Kind::Batch => 200,
        Door::Command | Door::OwnCommand | Door::Lambda if is_event => 404,
        Door::Fact | Door::OwnFact | Door::LambdaFact | Door::Letter if is_event => 403,
        Door::Job => 403,
        _ => 415,
    }
}

fn is_lambda(door: Door) -> bool {
    matches!(door, Door::Lambda | Door::LambdaFact)
}

fn is_fact(door: Door) -> bool {
    matches!(door, Door::Fact | Door::OwnFact | Door::LambdaFact | Door::Letter)
}

/// Sends the same request through AWS Lambda, and returns the answer.
async fn invoked(service: &Service, head: &str, body: &str) -> (u16, HeaderMap) {
    let mut lines = head.lines();
    let mut line = lines.next().unwrap().split(' ');
    let request = http::Request::builder().method(line.next().unwrap()).uri(line.next().unwrap());
    let request = lines.filter_map(|line| line.split_once(": ")).fold(request, |request, (name, value)| request.header(name, value));
    let mut request = request.body(full(body.to_owned())).unwrap();
    request.extensions_mut().insert(Trust::Named);
    let answer = service.handle(request).await;
    (answer.status().as_u16(), answer.headers().clone())
}

fn data(door: Door) -> Value {
    if is_fact(door) { json!({ "event_type": "task.completed", "task_id": NOBODY }) } else { json!({ "task_id": NOBODY }) }
}

fn ty(door: Door) -> &'static str {
    if is_fact(door) { "task.completed" } else { "task.complete" }
}

fn body(door: Door, kind: Kind) -> String {
    let event =
        json!({ "specversion": "1.0", "id": "1", "source": "/tests", "type": ty(door), "consumer": "record-audit", "data": data(door) });
    match (door, kind) {
        (Door::Read | Door::Socket | Door::Job, _) => String::new(),
        (Door::Change | Door::OwnChange, _) => "{}".to_owned(),
        (Door::Mcp, _) => json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string(),
        (_, Kind::Batch) => json!([event]).to_string(),
        (_, Kind::Binary) => data(door).to_string(),
        _ => event.to_string(),
    }
}

fn said(door: Door, kind: Kind) -> String {
    match kind {
        Kind::Structured => format!("Content-Type: {STRUCTURED}; charset=utf-8\r\n"),
        Kind::Batch => format!("Content-Type: {BATCH}\r\n"),
        Kind::Binary => format!(
            "Content-Type: application/json\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /tests\r\nce-consumer: record-audit\r\nce-type: {}\r\n",
            ty(door)
        ),
        Kind::Json => "Content-Type: application/json\r\n".to_owned(),
        Kind::Text => "Content-Type: text/plain\r\n".to_owned(),
        Kind::OtherFormat => "Content-Type: application/cloudevents+avro\r\n".to_owned(),
        Kind::Unsaid => String::new(),
    }
}

fn line(door: Door) -> String {
    let line = match door {
        Door::Command | Door::Fact | Door::OwnCommand | Door::OwnFact | Door::Lambda | Door::LambdaFact => "POST / HTTP/1.1\r\n".to_owned(),
        Door::Change | Door::OwnChange => format!("POST /api/tasks/{NOBODY}/complete HTTP/1.1\r\n"),
        Door::Read => "GET /api/tasks HTTP/1.1\r\n".to_owned(),
        Door::Letter => "POST /dead-letters HTTP/1.1\r\n".to_owned(),
        Door::Mcp => "POST /mcp HTTP/1.1\r\nAccept: application/json, text/event-stream\r\n".to_owned(),
        Door::Job => format!("POST /job/fire-reminder-{NOBODY} HTTP/1.1\r\n"),
        Door::Socket => "GET /ws/notifications HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            .to_owned(),
    };
    if door == Door::Socket { format!("{line}Connection: upgrade\r\n") } else { line }
}

/// A function that listens by itself.
struct Own {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Mounts a function with its own app on this database.
pub(crate) fn function(name: &str, settings: &[(&str, &str)], url: &str) -> Service {
    let lookup = |name: &str| settings.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
    let settings = Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap();
    let app = function::App { store: Some(Store::connect_lazy(url, 2).unwrap()), ..function::App::alone(settings).unwrap() };
    let function = taskflow::functions().into_iter().find(|function| function.name() == name).unwrap();
    Service::new(Arc::new(app), function).unwrap()
}

impl Own {
    async fn start(name: &str, settings: &[(&str, &str)], url: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(host::serve(listener, function(name, settings, url), async move { drop(stopped.await) }));
        Self { address, stop, serving }
    }

    async fn stop(self) {
        drop(self.stop);
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_point_checks_name_page_token_and_body_in_that_order() {
    const NAMES: [(&str, &str); 3] = [
        ("TASKFLOW_HOSTS", "tasks.example.org"),
        ("TASKFLOW_DOMAIN", "public.example.org"),
        ("TASKFLOW_ORIGINS", "https://app.example.org"),
    ];
    for token in [false, true] {
        let settings: Vec<_> = NAMES.into_iter().chain(token.then_some(("TASKFLOW_API_TOKEN", TOKEN))).collect();
        let app = App::with(&settings).await;
        let complete = Own::start("complete-task", &settings, app.database_url()).await;
        let audit = Own::start("record-audit", &settings, app.database_url()).await;
        let fire = Own::start("fire-reminder", &settings, app.database_url()).await;
        let invoke = ["complete-task", "record-audit"].map(|name| function(name, &settings, app.database_url()));
        let mut wrong = Vec::new();
        let mut asked = 0;
        for door in DOORS {
            let address = match door {
                Door::OwnCommand | Door::OwnChange => complete.address,
                Door::OwnFact => audit.address,
                Door::Job => fire.address,
                _ => app.address,
            };
            let kinds = if matches!(door, Door::Read | Door::Socket | Door::Job) { &[Kind::Unsaid][..] } else { &KINDS };
            for ((host, is_own), (page, may), has_token, kind) in cases(kinds, token) {
                let host = host.replace("PORT", &address.port().to_string());
                let own = host.split(['\r', ' ']).nth(1).unwrap_or_default().to_owned();
                let page = page.replace("OWN", own.trim_end_matches('.'));
                let bearer = if has_token { format!("Authorization: Bearer {TOKEN}\r\n") } else { String::new() };
                let head = format!("{}{host}{page}{bearer}{}", line(door), said(door, kind));
                let (status, headers) = if is_lambda(door) {
                    invoked(&invoke[usize::from(is_fact(door))], &head, &body(door, kind)).await
                } else {
                    let (status, headers, _) = raw(address, &head, &body(door, kind)).await;
                    (status, headers)
                };
                let expected = expected(door, is_own, may, token, has_token, kind);
                asked += 1;
                let is_sealed = status == 101 || (headers["cache-control"] == "no-store" && headers["x-content-type-options"] == "nosniff");
                if status != expected || !is_sealed {
                    wrong.push(format!("{door:?} {kind:?}: {status} instead of {expected}, token asked for: {token}\n{head}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {asked}: {}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
        let taken: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_log").fetch_one(app.store.pool()).await.unwrap();
        assert_eq!(taken, 0, "no fact was taken");
        for own in [complete, audit, fire] {
            own.stop().await;
        }
        app.stop().await;
    }
}

/// Every combination of name, page, token and body.
fn cases(kinds: &[Kind], token: bool) -> impl Iterator<Item = Case> {
    let tokens = if token { &[true, false][..] } else { &[false] };
    let with_pages = HOSTS.into_iter().flat_map(|host| PAGES.into_iter().map(move |page| (host, page)));
    with_pages.flat_map(move |(host, page)| tokens.iter().flat_map(move |has| kinds.iter().map(move |kind| (host, page, *has, *kind))))
}

#[tokio::test]
async fn the_name_in_the_request_line_counts_and_probes_are_answered_by_any() {
    let app = App::start().await;
    for (head, status) in [
        // The absolute form, whose authority replaces Host (RFC 9112, section 3.2.2).
        ("GET http://evil.example/api/tasks HTTP/1.1\r\nHost: localhost\r\n", 421),
        ("GET http://localhost/api/tasks HTTP/1.1\r\nHost: evil.example\r\n", 200),
        ("GET http://localhost/api/tasks HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /health/live HTTP/1.1\r\nHost: evil.example\r\n", 200),
        ("GET /health/ready HTTP/1.1\r\nHost: evil.example\r\n", 200),
        ("GET /health/live HTTP/1.1\r\n", 400),
        ("GET /health HTTP/1.1\r\nHost: evil.example\r\n", 421),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n", 421),
        ("GET /api/tasks HTTP/1.0\r\n", 421),
        ("GET /api/tasks HTTP/1.0\r\nHost: localhost\r\n", 200),
    ] {
        assert_eq!(raw(app.address, head, "").await.0, status, "{head}");
    }
    // HTTP/2 uses :authority instead.
    let service = function("list-tasks", &[], app.database_url());
    for (authority, status) in [("localhost", 200), ("evil.example", 421), ("127.0.0.1:8080", 200)] {
        let request = http::Request::get(format!("http://{authority}/api/tasks")).version(http::Version::HTTP_2);
        assert_eq!(service.handle(request.body(full("")).unwrap()).await.status(), status, "{authority}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_function_in_a_cluster_answers_to_the_names_of_its_service() {
    const SETTINGS: &[(&str, &str)] = &[("TASKFLOW_FUNCTION_URL", "http://{function}.taskflow.svc.cluster.local")];
    let app = App::start().await;
    let service = function("list-tasks", SETTINGS, app.database_url());
    for (host, status) in [
        ("list-tasks.taskflow.svc.cluster.local", 200),
        ("list-tasks.taskflow.svc", 200),
        ("list-tasks.taskflow", 200),
        ("list-tasks", 200),
        ("list-tasks.taskflow.svc.cluster.local.evil.example", 421),
        ("list-tasks.evil.example", 421),
        ("get-task.taskflow.svc.cluster.local", 421),
        ("list", 421),
    ] {
        let request = http::Request::get("/api/tasks").header("host", host).body(full("")).unwrap();
        assert_eq!(service.handle(request).await.status(), status, "{host}");
    }
    app.stop().await;
}

#[tokio::test]
async fn pages_that_the_settings_name_may_call_and_read() {
    let app = App::with(&[("TASKFLOW_ORIGINS", "https://app.example.org, http://localhost:5173"), ("TASKFLOW_API_TOKEN", TOKEN)]).await;
    let welcome = ("origin", "http://localhost:5173");
    let asks = [("access-control-request-method", "PUT"), ("access-control-request-headers", "authorization, if-match")];
    let answer = app.call("OPTIONS", "/api/tasks/1", &[&[welcome][..], &asks].concat(), "").await.is(204);
    for (name, value) in [
        ("access-control-allow-origin", "http://localhost:5173"),
        ("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("access-control-allow-headers", "authorization, if-match"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let stranger = ("origin", "https://evil.example");
    let refused = app.call("OPTIONS", "/api/tasks/1", &[&[stranger][..], &asks].concat(), "").await;
    assert_eq!((refused.problem(403).len(), refused.header("access-control-allow-origin")), (0, ""));

    let bearer = ("authorization", &*format!("Bearer {TOKEN}"));
    let created = app.send("POST", "/api/tasks", &[welcome, bearer], &json!({ "title": "x" })).await.is(201);
    let listed = app.call("GET", "/api/tasks", &[welcome, bearer], "").await.is(200);
    // A page must be able to read its error, too.
    let nobody = app.call("GET", "/api/tasks", &[welcome], "").await.is(401);
    for answer in [created, listed, nobody] {
        assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173");
        assert_eq!(answer.header("access-control-expose-headers"), "ETag, Location, X-Total-Count, Link, Taskflow-Change");
        assert_eq!(answer.headers.get_all("vary").iter().filter(|value| *value == "Origin").count(), 1);
    }
    let listed = app.call("GET", "/api/tasks", &[stranger, bearer], "").await.is(200);
    assert_eq!(listed.header("access-control-allow-origin"), "", "a page that is not named reads nothing");
    app.stop().await;
}

#[tokio::test]
async fn every_answer_forbids_caching_and_sniffing() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "x" })).await;
    for (method, path) in [
        ("GET", "/api/tasks"),
        ("GET", "/api/tags"),
        ("GET", "/api/nothing"),
        ("PATCH", "/api/tags"),
        ("GET", "/health"),
        ("GET", "/health/live"),
        ("GET", "/metrics"),
        ("GET", "/dead-letters"),
        ("HEAD", "/api/tasks"),
        ("DELETE", &format!("/api/tasks/{}", task["id"])),
    ] {
        let answer = app.call(method, path, &[], "").await;
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"), "{method} {path}");
    }
    for path in ["/", "/assets/app.js"] {
        let answer = app.get(path).await.is(200);
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-cache", "nosniff"), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_token_waits_and_the_right_one_does_not() {
    let app = App::with(&[("TASKFLOW_API_TOKEN", TOKEN)]).await;
    let mut waited = Vec::new();
    for _ in 0..4 {
        let begin = tokio::time::Instant::now();
        let _ = app.call("GET", "/api/tasks", &[("authorization", "Bearer guess")], "").await.problem(401);
        waited.push(begin.elapsed().as_millis());
    }
    for (failures, waited) in waited.iter().enumerate() {
        assert!(*waited >= 50 << failures, "{failures} failures before: {waited} ms");
    }
    // While others guess.
    let guess = app.call("GET", "/api/tasks", &[("authorization", "Bearer guess")], "");
    let right = async {
        let _ = app.call("GET", "/api/tasks", &[("authorization", &format!("Bearer {TOKEN}"))], "").await.is(200);
        // No token is not a guess.
        let _ = app.get("/api/tasks").await.problem(401);
    };
    tokio::select! {
        biased;
        () = right => {}
        _ = guess => panic!("whoever guesses was answered before the others"),
    }
    app.stop().await;
}

// Facts and jobs.

/// Delivers an event to a function with this trust.
pub(crate) async fn deliver(service: &Service, headers: &[(&str, String)], trust: Option<Trust>, event: &Value) -> (StatusCode, Value) {
    let mut request = http::Request::post("/").header("host", "localhost").header("content-type", STRUCTURED);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let mut request = request.body(full(event.to_string())).unwrap();
    if let Some(trust) = trust {
        request.extensions_mut().insert(trust);
    }
    let (parts, body) = service.handle(request).await.into_parts();
    (parts.status, serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or_default())
}

fn fact(ty: &str, task: &Value) -> Value {
    let data = json!({ "event_type": ty, "task_id": task["id"], "task_data": task, "user_id": 1, "timestamp": "2027-01-05T09:00:00Z", "correlation_id": "c" });
    json!({ "specversion": "1.0", "id": ty, "source": "/tests", "type": ty, "data": data })
}

#[tokio::test]
async fn a_function_accepts_facts_and_jobs_only_with_the_gateways_secret() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "x" })).await;
    app.settled().await;
    let settings = [("APP_API_TOKEN", SECRET)];
    let audit = function("record-audit", &settings, app.database_url());
    let fire = function("fire-reminder", &settings, app.database_url());
    let completed = fact("task.completed", &task);
    let mark = |text: &str| vec![("taskflow-gateway", text.to_owned())];
    for (headers, status) in [
        (vec![], 403),
        (mark("delivery guess"), 403),
        (mark("delivery "), 403),
        (mark(SECRET), 403),
        (mark(&format!("checked {SECRET}")), 403),
        (vec![("authorization", format!("Bearer {SECRET}"))], 403),
        (vec![("dapr-api-token", SECRET.to_owned())], 403),
        (mark(&format!("delivery {SECRET}")), 200),
    ] {
        let (answered, problem) = deliver(&audit, &headers, None, &completed).await;
        assert_eq!(answered, status, "{headers:?}: {problem}");
        if status == 403 {
            assert!(problem["detail"].as_str().unwrap().contains("task.completed is an event that only Taskflow announces"), "{problem}");
        }
        let job = headers.iter().fold(http::Request::post("/job/fire-reminder-7"), |job, (name, value)| job.header(*name, value));
        let job = job.header("host", "localhost").body(full("")).unwrap();
        assert_eq!(fire.handle(job).await.status(), status, "{headers:?}");
    }
    // Without a secret, no delivery is trusted.
    let (answered, _) = deliver(&function("record-audit", &[], app.database_url()), &mark("delivery "), None, &completed).await;
    assert_eq!(answered, 403);
    // A function on AWS Lambda: its URL never accepts facts; an invocation does.
    for (trust, status) in [(Trust::Named, 403), (Trust::Delivery, 200)] {
        let other = fact("task.deleted", &task);
        assert_eq!(deliver(&audit, &mark(&format!("delivery {SECRET}")), Some(trust), &other).await.0, status, "{trust:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn facts_from_outside_are_refused_with_a_problem() {
    let app = App::with(&[("APP_API_TOKEN", SECRET)]).await;
    let task =
        app.create(&json!({ "title": "x", "due_date": "2199-01-05T09:00:00Z", "recurrence": "daily", "reminder_offset": "1 hour" })).await;
    let reminder = app.reminder(&task["id"], "pending").await;
    app.settled().await;
    let before = app.list("/api/audit").await.len();
    for ty in EventType::ALL {
        let fact = fact(ty.as_str(), &task);
        // Not even a caller with the gateway's secret: the gateway accepts it from no caller.
        for headers in
            [vec![("content-type", STRUCTURED)], vec![("content-type", STRUCTURED), ("taskflow-gateway", &*format!("delivery {SECRET}"))]]
        {
            let answer = app.call("POST", "/", &headers, fact.to_string()).await;
            assert!(answer.problem(403).is_empty());
            assert!(answer.json()["detail"].as_str().unwrap().contains("only Taskflow announces"), "{answer:?}");
        }
        let answer = app.call("POST", "/", &[("content-type", BATCH)], json!([fact]).to_string()).await.is(200).json();
        assert_eq!((&answer[0]["type"], &answer[0]["data"]["status"]), (&json!(format!("{ty}.failed")), &json!(403)));
    }
    app.settled().await;
    assert_eq!(app.list("/api/audit").await.len(), before);
    assert_eq!(app.list("/api/tasks").await.len(), 1, "no occurrence of a task that nobody completed");
    assert_eq!(app.reminder(&task["id"], "pending").await["id"], reminder["id"]);
    app.stop().await;
}

#[tokio::test]
async fn a_fact_of_wrong_data_is_refused_and_never_breaks_a_consumer() {
    let app = App::start().await;
    let task = app.create(&json!({ "title": "x", "due_date": "2199-01-05T09:00:00Z", "recurrence": "daily" })).await;
    app.settled().await;
    for route in routes::ALL.iter().filter(|route| !route.consumes.is_empty()) {
        let service = function(route.name, &[], app.database_url());
        let wanted = EventType::ALL.iter().filter(|ty| Topic::ALL.iter().any(|topic| route.wants(*topic, **ty).is_some()));
        for ty in wanted {
            for data in [json!({}), json!([]), json!({ "task_id": "1" }), json!({ "task_id": 1.5, "task_data": {} })] {
                let mut fact = fact(ty.as_str(), &task);
                fact["data"] = data;
                // Live updates are forwarded unchanged.
                let expected = if is_read(route, *ty) { 422 } else { 200 };
                assert_eq!(deliver(&service, &[], Some(Trust::Delivery), &fact).await.0, expected, "{} {fact}", route.name);
            }
            // A task that does not exist, with invalid data.
            for (field, value) in [
                ("title", json!("a\0b")),
                ("title", json!("")),
                ("title", json!("x".repeat(300))),
                ("tags", json!(["a\0b"])),
                ("description", json!("a\0b")),
            ] {
                let mut forged = task.clone();
                forged["id"] = json!(77);
                forged["status"] = json!("completed");
                forged[field] = value;
                let mut fact = fact(ty.as_str(), &forged);
                fact["id"] = json!(format!("{ty} {field} {}", forged[field]));
                let (status, answer) = deliver(&service, &[], Some(Trust::Delivery), &fact).await;
                assert!(!status.is_server_error(), "{} {field}: {answer}", route.name);
            }
        }
    }
    app.stop().await;
}

/// True if a consumer uses the data of such a fact other than to show it.
fn is_read(route: &Route, ty: EventType) -> bool {
    Topic::ALL.iter().any(|topic| *topic != Topic::TaskUpdates && route.wants(*topic, ty).is_some())
}

// What the gateway forwards.

/// A clock that tests advance.
#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

fn gateway(settings: &[(&str, &str)], clock: Arc<Hands>) -> (Service, Arc<Woken>) {
    let lookup = |name: &str| settings.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
    let settings = Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap();
    let woken = Arc::new(Woken::default());
    let app = function::App { functions: woken.clone(), clock, ..function::App::alone(settings).unwrap() };
    (Service::new(Arc::new(app), taskflow::gateway()).unwrap(), woken)
}

async fn ask(gateway: &Service, method: &str, path: &str, headers: &[(&str, &str)]) -> StatusCode {
    let request =
        headers.iter().fold(http::Request::builder().method(method).uri(path), |request, (name, value)| request.header(*name, *value));
    gateway.handle(request.header("host", "localhost").body(full("")).unwrap()).await.status()
}

#[tokio::test]
async fn an_anonymous_caller_wakes_only_health_once_a_minute() {
    let clock = Arc::new(Hands::default());
    let (gateway, woken) = gateway(&[("TASKFLOW_API_TOKEN", TOKEN)], clock.clone());
    let paths = |path: &str| {
        path.replace("{task_id}", "1").replace("{reminder_id}", "1").replace("{notification_id}", "1").replace("{name}", "app.js")
    };
    for second in 0..150 {
        for operation in routes::ALL.iter().flat_map(|route| route.operations) {
            let status = ask(&gateway, operation.method.as_str(), &paths(operation.path), &[]).await;
            let expected = match operation.access {
                Access::Public if operation.path == routes::WELL_KNOWN_CALDAV => StatusCode::MOVED_PERMANENTLY,
                Access::Public => StatusCode::OK,
                _ => StatusCode::UNAUTHORIZED,
            };
            assert_eq!(status, expected, "{} after {second} s", operation.id);
        }
        for (method, path) in [("POST", "/"), ("GET", "/metrics"), ("GET", "/dead-letters"), ("POST", "/dead-letters")] {
            assert_eq!(ask(&gateway, method, path, &[]).await, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
        for path in ["/wp-login.php", "/.env", "/api", "/job/housekeeping", "/deliveries/record-audit/task-events"] {
            assert_eq!(ask(&gateway, "GET", path, &[("cache-control", "no-cache")]).await, StatusCode::NOT_FOUND, "{path}");
        }
        // Only callers with the token cause a new check.
        assert_eq!(ask(&gateway, "GET", "/health", &[("cache-control", "no-cache")]).await, StatusCode::OK);
        clock.0.fetch_add(1_000_000, Ordering::SeqCst);
    }
    assert_eq!(*woken.0.lock().unwrap(), ["health", "health", "health"], "150 s are three minutes begun");
}

#[tokio::test]
async fn a_caller_with_the_token_gets_an_uncached_report_and_parallel_callers_cause_one_call() {
    let bearer = format!("Bearer {TOKEN}");
    let (gateway, woken) = gateway(&[("TASKFLOW_API_TOKEN", TOKEN)], Arc::default());
    futures_util::future::join_all((0..50).map(|_| ask(&gateway, "GET", "/health", &[]))).await;
    assert_eq!(woken.0.lock().unwrap().len(), 1);
    let fresh = [("cache-control", "max-age=0, no-cache"), ("authorization", bearer.as_str())];
    assert_eq!(ask(&gateway, Method::HEAD.as_str(), "/health", &fresh).await, StatusCode::OK);
    assert_eq!(woken.0.lock().unwrap().len(), 2);
    assert_eq!(ask(&gateway, "GET", "/health?colour=red", &[]).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(woken.0.lock().unwrap().len(), 2);
}
