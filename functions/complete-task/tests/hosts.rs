//! One function in its three hosts (hyper at `$PORT`, a Lambda function URL, mounted in one process), called by REST and by a structured, a binary
//! and a batched `CloudEvent`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::ambient::Ids;
use domain::command::CreateTask;
use domain::event::Origin;
use embedded::Process;
use embedded::testing::TestDatabase;
use function::ambient::{RandomIds, SystemClock};
use function::settings::Settings;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use store::{Store, Work};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot};

async fn database() -> (TestDatabase, Store) {
    let database = TestDatabase::new(|url| async move { Store::connect_lazy(&url, 1)?.migrate().await }).await.unwrap();
    let store = Store::connect_lazy(database.url(), 4).unwrap();
    (database, store)
}

/// Creates a task and returns its id.
async fn task(store: &Store) -> i64 {
    let now = domain::ambient::Clock::now(&SystemClock);
    let origin = Origin { function: "test", correlation_id: "test".to_owned(), traceparent: None };
    let work = Work { origin, now, ids: Arc::new(RandomIds), if_match: None };
    let mut unit = store.begin(work).await.unwrap();
    let command: CreateTask = serde_json::from_value(json!({ "title": "Pay rent" })).unwrap();
    let task = unit.create_task(command.draft(now, &domain::zone::Zone::utc()).unwrap()).await.unwrap();
    unit.commit().await.unwrap();
    task.id
}

/// An HTTP call and its response.
struct Call {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// The four ways to request the completion of a task.
fn calls(tasks: [i64; 4]) -> [Call; 4] {
    let event = |task: i64| json!({ "specversion": "1.0", "id": RandomIds.next().to_string(), "source": "/tests", "type": "task.complete", "data": { "task_id": task } });
    [
        Call { path: format!("/api/tasks/{}/complete", tasks[0]), headers: vec![], body: String::new() },
        Call {
            path: "/".to_owned(),
            headers: vec![("content-type", "application/cloudevents+json".to_owned())],
            body: event(tasks[1]).to_string(),
        },
        Call {
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("ce-specversion", "1.0".to_owned()),
                ("ce-id", RandomIds.next().to_string()),
                ("ce-source", "/tests".to_owned()),
                ("ce-type", "task.complete".to_owned()),
            ],
            body: json!({ "task_id": tasks[2] }).to_string(),
        },
        Call {
            path: "/".to_owned(),
            headers: vec![("content-type", "application/cloudevents-batch+json".to_owned())],
            body: json!([event(tasks[3]), event(i64::MAX)]).to_string(),
        },
    ]
}

/// Checks the responses to [`calls`].
fn check(answers: &[Value; 4], tasks: [i64; 4]) {
    assert_eq!((&answers[0]["id"], &answers[0]["status"]), (&json!(tasks[0]), &json!("completed")));
    for (answer, task) in [(&answers[1], tasks[1]), (&answers[2], tasks[2]), (&answers[3][0], tasks[3])] {
        assert_eq!(answer["type"], "task.completed", "{answer}");
        assert_eq!(answer["source"], "/taskflow/complete-task");
        assert_eq!(answer["data"]["task_data"]["id"], task);
        assert_eq!(answer["data"]["task_data"]["status"], "completed");
    }
    assert_eq!(answers[3][1]["type"], "task.complete.failed");
    assert_eq!(answers[3][1]["data"]["status"], 404);
}

async fn tasks(store: &Store) -> [i64; 4] {
    [task(store).await, task(store).await, task(store).await, task(store).await]
}

async fn call_url(base: &str, call: Call) -> Value {
    let response = send(base, call).await;
    assert!(response.status().is_success(), "{}", response.status());
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

async fn send(base: &str, call: Call) -> reqwest::Response {
    // The client needs a cryptography provider even without TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut request = reqwest::Client::new().post(format!("{base}{}", call.path)).body(call.body);
    for (name, value) in call.headers {
        request = request.header(name, value);
    }
    request.send().await.unwrap()
}

async fn call_all(base: &str, tasks: [i64; 4]) {
    let [rest, structured, binary, batch] = calls(tasks);
    let answers = [call_url(base, rest).await, call_url(base, structured).await, call_url(base, binary).await, call_url(base, batch).await];
    check(&answers, tasks);
}

fn program(database: &TestDatabase) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_complete-task"));
    command.env_clear().env("DATABASE_URL", database.url()).env("RUST_LOG", "info").kill_on_drop(true).stderr(Stdio::piped());
    command
}

/// Starts the program as Lambda does.
fn on_lambda(mut program: Command, runtime_api: &RuntimeApi) -> Command {
    program.env("AWS_LAMBDA_RUNTIME_API", runtime_api.address.to_string()).env("AWS_LAMBDA_FUNCTION_NAME", "complete-task");
    program.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    program
}

#[tokio::test]
async fn on_hyper_at_its_port() {
    let (database, store) = database().await;
    let mut child = program(&database).env("PORT", "0").env("TASKFLOW_BIND", "127.0.0.1").spawn().unwrap();
    let (address, _log) = listening(&mut child).await;
    call_all(&format!("http://{address}"), tasks(&store).await).await;

    terminate(&child).await;
    let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "a stop is graceful: {status}");
}

#[tokio::test]
async fn without_a_token_it_does_not_listen_for_other_machines() {
    let (database, _) = database().await;
    for bind in [None, Some("0.0.0.0")] {
        let mut command = program(&database);
        command.env("PORT", "0").envs(bind.map(|bind| ("TASKFLOW_BIND", bind)));
        let ended = tokio::time::timeout(Duration::from_secs(20), command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && said.contains("neither TASKFLOW_API_TOKEN nor APP_API_TOKEN is set"), "{said}");
    }
    let mut child = program(&database).env("PORT", "0").env("APP_API_TOKEN", "of-the-gateway").spawn().unwrap();
    let (address, _log) = listening(&mut child).await;
    assert!(address.ip().is_unspecified());
}

async fn terminate(child: &Child) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
}

/// Waits for the log line with the function's address, and returns it with the later lines.
async fn listening(child: &mut Child) -> (SocketAddr, mpsc::UnboundedReceiver<Value>) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["message"] == "listening" {
            let (said, log) = mpsc::unbounded_channel();
            // The pipe is read to its end, so that the function can continue to log.
            tokio::spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    let _ = said.send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
                }
            });
            return (entry["address"].as_str().unwrap().parse().unwrap(), log);
        }
    }
    panic!("the function ended without listening");
}

/// Returns the next log line with this message; earlier lines are added to `passed`.
async fn line(log: &mut mpsc::UnboundedReceiver<Value>, message: &str, passed: &mut Vec<Value>) -> Value {
    let reading = async {
        loop {
            let line = log.recv().await.unwrap();
            passed.push(line.clone());
            if line["message"].as_str().is_some_and(|said| said.contains(message)) {
                return line;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reading).await.unwrap_or_else(|_| panic!("waited in vain for {message:?}: {passed:?}"))
}

#[tokio::test]
async fn a_log_line_of_a_request_names_its_function_and_trace() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    // No database listens on this port. Even with few log lines, each names its function.
    let mut child = Command::new(env!("CARGO_BIN_EXE_complete-task"));
    let child = child.env_clear().env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").env("RUST_LOG", "warn,function::host=info");
    let mut child = child.env("PORT", "0").env("TASKFLOW_BIND", "127.0.0.1").kill_on_drop(true).stderr(Stdio::piped()).spawn().unwrap();
    let (address, mut log) = listening(&mut child).await;
    let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let structured = ("content-type", "application/cloudevents+json".to_owned());
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/tests", "type": "task.complete", "data": { "task_id": 1 },
        "correlationid": "corr-2", "traceparent": traceparent });
    let rest = vec![("x-correlation-id", "corr-1".to_owned()), ("traceparent", traceparent.clone())];
    for (path, headers, body, correlation) in
        [("/api/tasks/1/complete", rest, String::new(), "corr-1"), ("/", vec![structured], event.to_string(), "corr-2")]
    {
        let answer = send(&format!("http://{address}"), Call { path: path.to_owned(), headers, body }).await;
        assert_eq!(answer.status(), 503);
        let line = line(&mut log, "is not available", &mut Vec::new()).await;
        assert_eq!((&line["span"]["correlation_id"], &line["span"]["trace_id"]), (&json!(correlation), &json!(TRACE)), "{line}");
        assert_eq!(line["span"]["function"], "complete-task");
    }
}

#[tokio::test]
async fn spans_are_sent_before_the_process_ends() {
    let (database, store) = database().await;
    let mut collector = Collector::start(200).await;
    let child = &mut program(&database);
    let child = child.env("PORT", "0").env("TASKFLOW_BIND", "127.0.0.1").env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
    let mut child = child.spawn().unwrap();
    let (address, _log) = listening(&mut child).await;
    call_all(&format!("http://{address}"), tasks(&store).await).await;
    terminate(&child).await;
    assert!(tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap().success());
    assert!(collector.posts.try_recv().is_ok());
}

#[tokio::test]
async fn an_unavailable_collector_is_logged_once_and_delays_nothing() {
    let (database, store) = database().await;
    let mut collector = Collector::start(503).await;
    let child = &mut program(&database);
    let child = child.env("PORT", "0").env("TASKFLOW_BIND", "127.0.0.1").env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
    let mut child = child.spawn().unwrap();
    let (address, mut log) = listening(&mut child).await;
    let base = format!("http://{address}");
    // Each round answers the calls and sends spans: more often than one batch.
    for _ in 0..3 {
        call_all(&base, tasks(&store).await).await;
        for _ in 0..4 {
            tokio::time::timeout(Duration::from_mins(1), collector.posts.recv()).await.unwrap().unwrap();
        }
    }
    collector.status.store(200, Ordering::SeqCst);
    call_all(&base, tasks(&store).await).await;
    let mut passed = Vec::new();
    let again = line(&mut log, "traces are sent again", &mut passed).await;
    assert!(again["dropped"].as_u64().unwrap() >= 4, "{again}");
    let warnings: Vec<_> = passed.iter().filter(|line| line["level"] == "WARN").collect();
    assert_eq!(warnings.len(), 1, "{passed:?}");
    assert!(warnings[0]["message"].as_str().unwrap().starts_with("traces cannot be sent"), "{warnings:?}");
}

#[tokio::test]
async fn as_a_lambda_function_url() {
    let (database, store) = database().await;
    let runtime_api = RuntimeApi::start().await;
    let mut collector = Collector::start(200).await;
    let _child = on_lambda(program(&database), &runtime_api).env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url).spawn().unwrap();
    let tasks = tasks(&store).await;
    let [rest, structured, binary, batch] = calls(tasks);
    let mut answers = [const { Value::Null }; 4];
    for (answer, call) in answers.iter_mut().zip([rest, structured, binary, batch]) {
        *answer = runtime_api.invoke(call).await;
        // The platform freezes the process after each answer.
        assert!(collector.posts.try_recv().is_ok(), "its spans were sent before it answered");
    }
    check(&answers, tasks);
}

#[tokio::test]
async fn a_lambda_function_url_checks_page_token_and_body_and_never_takes_a_fact() {
    const TOKEN: &str = "token-of-at-least-thirty-two-characters";
    let (database, store) = database().await;
    let event = |ty: &str| json!({ "specversion": "1.0", "id": "1", "source": "/tests", "type": ty, "data": { "task_id": i64::MAX } });
    for token in [false, true] {
        let runtime_api = RuntimeApi::start().await;
        let mut child = on_lambda(program(&database), &runtime_api);
        // The gateway's secret does not make a caller the gateway here.
        let child = child.env("APP_API_TOKEN", "what-the-gateway-knows").env("TASKFLOW_ORIGINS", "https://app.example.org");
        let _child = if token { child.env("TASKFLOW_API_TOKEN", TOKEN) } else { child }.spawn().unwrap();
        for (host, page, may) in [
            // AWS routes by the function's name, so there is no other check.
            ("x.lambda-url.test", None, true),
            ("custom.example.org", None, true),
            ("x.lambda-url.test", Some("https://x.lambda-url.test"), true),
            ("x.lambda-url.test", Some("https://app.example.org"), true),
            ("x.lambda-url.test", Some("https://evil.example"), false),
            ("x.lambda-url.test", Some("null"), false),
        ] {
            for has_token in [false, true] {
                for (path, content_type, body, passed) in [
                    ("/api/tasks/9223372036854775807/complete", "application/json", "{}".to_owned(), 404),
                    ("/api/tasks/9223372036854775807/complete", "text/plain", "{}".to_owned(), 415),
                    ("/", "application/cloudevents+json", event("task.complete").to_string(), 404),
                    ("/", "application/cloudevents+json", event("task.completed").to_string(), 403),
                    ("/", "application/cloudevents-batch+json", json!([event("task.completed")]).to_string(), 200),
                    ("/", "application/json", event("task.complete").to_string(), 415),
                    ("/", "text/plain", event("task.complete").to_string(), 415),
                ] {
                    let mut headers = vec![("host", host.to_owned()), ("content-type", content_type.to_owned())];
                    headers.push(("taskflow-gateway", "delivery what-the-gateway-knows".to_owned()));
                    headers.extend(page.map(|page| ("origin", page.to_owned())));
                    headers.extend(has_token.then(|| ("authorization", format!("Bearer {TOKEN}"))));
                    let expected = match (may, token && !has_token) {
                        (false, _) => 403,
                        (true, true) => 401,
                        (true, false) => passed,
                    };
                    let call = Call { path: path.to_owned(), headers, body };
                    let answer = runtime_api.answer(&RuntimeApi::function_url(&call)).await;
                    assert_eq!(answer["statusCode"], expected, "{token} {:?} {path} {content_type}: {answer}", call.headers);
                    assert_eq!(answer["headers"]["cache-control"], "no-store", "{answer}");
                    if (expected, content_type) == (200, "application/cloudevents-batch+json") {
                        let answers: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
                        assert_eq!(answers[0]["data"]["status"], 403, "{answers}");
                    }
                }
            }
        }
        // IAM authorises an invocation, and an invocation may be a fact; this function consumes none.
        let taken = runtime_api.answer(&event("task.completed")).await;
        assert_ne!(taken["status"], 403, "{taken}");
    }
    store.pool().close().await;
}

#[tokio::test]
async fn as_a_target_of_eventbridge() {
    let (database, store) = database().await;
    let runtime_api = RuntimeApi::start().await;
    // IAM authorises invocations; a function URL checks the token.
    let _child = on_lambda(program(&database), &runtime_api).env("TASKFLOW_API_TOKEN", "token-of-a-url").spawn().unwrap();
    let [first, ..] = tasks(&store).await;
    let envelope = |detail: Value| {
        json!({
            "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "task.complete", "source": "shop",
            "account": "111122223333", "time": "2027-01-31T09:00:00Z", "region": "eu-central-1", "resources": [], "detail": detail,
        })
    };
    let reply = runtime_api.answer(&envelope(json!({ "task_id": first }))).await;
    assert_eq!((&reply["type"], &reply["data"]["task_data"]["status"]), (&json!("task.completed"), &json!("completed")), "{reply}");
    // The platform retries a failed event: it runs once and gets the same answer.
    assert_eq!(runtime_api.answer(&envelope(json!({ "task_id": first }))).await, reply);
    let another = |detail: Value| {
        let mut event = envelope(detail);
        event["id"] = "ba7e8feb-b491-4cf7-a9f1-bf3703467718".into();
        event
    };
    for (refused, status) in [
        (json!({ "neither": "event" }), "422"),
        (another(json!({ "task_id": "seven" })), "422"),
        (another(json!({ "task_id": 999_999 })), "404"),
        (json!("text"), "400"),
    ] {
        let failed = runtime_api.answer(&refused).await;
        assert!(failed["error"]["errorMessage"].as_str().is_some_and(|message| message.starts_with(status)), "{refused}: {failed}");
    }
}

#[tokio::test]
async fn as_the_consumer_of_a_queue() {
    let (database, store) = database().await;
    let runtime_api = RuntimeApi::start().await;
    let _child = on_lambda(program(&database), &runtime_api).spawn().unwrap();
    let [first, second, ..] = tasks(&store).await;
    let event = |task: i64| {
        json!({ "specversion": "1.0", "id": format!("m-{task}"), "source": "/shop", "type": "task.complete", "data": { "task_id": task } })
            .to_string()
    };
    let message = |id: &str, queue: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {}, "md5OfBody": "x",
            "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{queue}"), "awsRegion": "eu-central-1",
        })
    };
    let standard = |id: &str, body: &str| message(id, "commands", body);
    let batch = json!({ "Records": [standard("a", &event(999_999)), standard("b", "no JSON"), standard("c", &event(first))] });
    let failures = json!({ "batchItemFailures": [{ "itemIdentifier": "a" }, { "itemIdentifier": "b" }] });
    assert_eq!(runtime_api.answer(&batch).await, failures, "the others are done");
    assert_eq!(runtime_api.answer(&json!({ "Records": [standard("c", &event(first))] })).await, json!({ "batchItemFailures": [] }));
    // In a FIFO queue, messages after a failure wait.
    let ordered = |id: &str, body: &str| message(id, "commands.fifo", body);
    let batch = json!({ "Records": [ordered("d", &event(999_999)), ordered("e", &event(second))] });
    let failures = json!({ "batchItemFailures": [{ "itemIdentifier": "d" }, { "itemIdentifier": "e" }] });
    assert_eq!(runtime_api.answer(&batch).await, failures);
    assert_eq!(store.task(second).await.unwrap().status, domain::task::Status::Pending);
    store.pool().close().await;
}

#[tokio::test]
async fn behind_a_rest_api_and_a_load_balancer() {
    let (database, store) = database().await;
    let runtime_api = RuntimeApi::start().await;
    let _child = on_lambda(program(&database), &runtime_api).spawn().unwrap();
    let [first, second, ..] = tasks(&store).await;
    let rest = |task: i64| {
        json!({
            "resource": "/{proxy+}", "path": format!("/api/tasks/{task}/complete"), "httpMethod": "POST",
            "headers": { "Host": "x.execute-api.test" }, "multiValueHeaders": { "Host": ["x.execute-api.test"] },
            "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null, "stageVariables": null,
            "requestContext": {
                "accountId": "123456789012", "apiId": "x", "domainName": "x.execute-api.test", "httpMethod": "POST",
                "identity": { "sourceIp": "127.0.0.1", "userAgent": "tests" }, "path": format!("/prod/api/tasks/{task}/complete"),
                "protocol": "HTTP/1.1", "requestId": "1", "requestTimeEpoch": 1_583_348_638_390_i64, "resourceId": "r",
                "resourcePath": "/{proxy+}", "stage": "prod",
            },
            "body": null, "isBase64Encoded": false,
        })
    };
    let balancer = |task: i64| {
        json!({
            "requestContext": { "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/tasks/abc" } },
            "httpMethod": "POST", "path": format!("/api/tasks/{task}/complete"), "queryStringParameters": {},
            "headers": { "host": "x.elb.test", "x-forwarded-proto": "https" }, "body": "", "isBase64Encoded": false,
        })
    };
    for (name, call, missing) in [("REST", rest(first), rest(999_999)), ("balancer", balancer(second), balancer(999_999))] {
        let answer = runtime_api.answer(&call).await;
        assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(false)), "{name}: {answer}");
        let task: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(task["status"], "completed", "{name}");
        assert_eq!(answer["multiValueHeaders"]["content-type"], json!(["application/json"]), "{name}: {answer}");
        let answer = runtime_api.answer(&missing).await;
        assert_eq!(answer["statusCode"], 404, "{name}: {answer}");
        let is_right = name != "balancer" || answer["statusDescription"].as_str().is_some_and(|text| text.starts_with("404"));
        assert!(is_right, "{answer}");
    }
    store.pool().close().await;
}

#[tokio::test]
async fn an_event_that_lambda_could_not_take_is_an_invocation_error() {
    let runtime_api = RuntimeApi::start().await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_complete-task"));
    // Nothing listens there.
    program.env_clear().env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").kill_on_drop(true);
    let _child = on_lambda(program, &runtime_api).spawn().unwrap();
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/tests", "type": "task.complete", "data": { "task_id": 1 } });
    let failed = runtime_api.answer(&event).await;
    assert!(failed["error"]["errorMessage"].as_str().is_some_and(|message| message.starts_with("503")), "{failed}");
    // A function URL has a caller that sees the error.
    let call = Call { path: "/api/tasks/1/complete".to_owned(), headers: vec![], body: String::new() };
    assert_eq!(runtime_api.answer(&RuntimeApi::function_url(&call)).await["statusCode"], 503);
}

#[tokio::test]
async fn mounted_in_the_one_process() {
    let (database, store) = database().await;
    let settings = Settings::read(&|_| None, Ipv4Addr::LOCALHOST.into()).unwrap();
    let process = Process::start(settings, store.clone(), gateway::function(), vec![complete_task::function()]).await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(process.serve(listener, async move { drop(stopped.await) }));
    call_all(&format!("http://{address}"), tasks(&store).await).await;
    drop(stop);
    serving.await.unwrap();
    store.pool().close().await;
    drop(database);
}

/// Accepts spans and records their arrival; `tests/api` reads them.
struct Collector {
    url: String,
    status: Arc<AtomicU16>,
    posts: mpsc::UnboundedReceiver<()>,
}

impl Collector {
    /// Starts a collector that answers with this status.
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(status));
        let (posted, posts) = mpsc::unbounded_channel();
        let answered = status.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (posted, answered) = (posted.clone(), answered.clone());
                let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (posted, answered) = (posted.clone(), answered.load(Ordering::SeqCst));
                    async move {
                        assert_eq!(request.uri().path(), "/v1/traces");
                        let _ = request.into_body().collect().await;
                        let _ = posted.send(());
                        http::Response::builder().status(answered).body(http_body_util::Empty::<Bytes>::new())
                    }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(hyper_util::rt::TokioIo::new(stream), service));
            }
        });
        Self { url, status, posts }
    }
}

/// A small server for the documented Lambda Runtime API: one invocation at a time.
struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::Sender<Value>,
    answers: Mutex<mpsc::Receiver<Value>>,
}

impl RuntimeApi {
    async fn start() -> Self {
        let (invocations, next) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(1);
        let next = Arc::new(Mutex::new(next));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (next, answer) = (next.clone(), answer.clone());
                let service = hyper::service::service_fn(move |request| runtime_api(request, next.clone(), answer.clone()));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(hyper_util::rt::TokioIo::new(stream), service));
            }
        });
        Self { address, invocations, answers: Mutex::new(answers) }
    }

    /// Invokes the function as a function URL does (payload format 2.0), and returns the body of the answer.
    async fn invoke(&self, call: Call) -> Value {
        let answer = self.answer(&Self::function_url(&call)).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert_eq!(answer["isBase64Encoded"], false);
        serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
    }

    fn function_url(call: &Call) -> Value {
        let headers: serde_json::Map<String, Value> = call.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let time = json!({ "method": "POST", "path": call.path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test" });
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": call.path, "rawQueryString": "", "headers": headers,
            "requestContext": { "accountId": "anonymous", "apiId": "x", "domainName": "x.lambda-url.test", "domainPrefix": "x", "http": time,
                "requestId": "x", "routeKey": "$default", "stage": "$default", "time": "24/Nov/2026:00:00:00 +0000", "timeEpoch": 1_795_478_400_000_i64 },
            "body": call.body, "isBase64Encoded": false,
        })
    }

    /// Invokes the function with this payload, and returns its answer, or the invocation's error.
    async fn answer(&self, payload: &Value) -> Value {
        self.invocations.send(payload.clone()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), async { self.answers.lock().await.recv().await }).await.unwrap().unwrap()
    }
}

async fn runtime_api(
    request: http::Request<hyper::body::Incoming>,
    next: Arc<Mutex<mpsc::Receiver<Value>>>,
    answer: mpsc::Sender<Value>,
) -> Result<http::Response<http_body_util::Full<Bytes>>, http::Error> {
    let path = request.uri().path().to_owned();
    if path == "/2018-06-01/runtime/invocation/next" {
        let Some(event) = next.lock().await.recv().await else { return http::Response::builder().status(500).body(Bytes::new().into()) };
        return http::Response::builder()
            .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .header("lambda-runtime-deadline-ms", "4102444800000")
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:complete-task")
            .header("content-type", "application/json")
            .body(Bytes::from(event.to_string()).into());
    }
    let end = path.strip_prefix("/2018-06-01/runtime/invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/").unwrap().to_owned();
    assert!(end == "response" || end == "error", "{end}");
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let _ = answer.send(if end == "error" { json!({ "error": body }) } else { body }).await;
    http::Response::builder().status(202).body(Bytes::new().into())
}
