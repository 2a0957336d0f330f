//! Traces, as a collector receives them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use domain::routes::{self, Route};
use function::call::Caller;
use function::guard::Trust;
use function::ports::Functions;
use function::service::Service;
use function::settings::Settings;
use function::{Answer, BoxFuture, Delivery, Error, Function, JobCall, Published, Response, full};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tests::{App, Collected, Collector, Socket, in_seconds};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn parent(trace: &str, span: &str) -> String {
    format!("00-{trace}-{span}-01")
}

/// Returns the only span with this service and name, and this event type if given.
#[track_caller]
fn find<'a>(spans: &'a [Collected], service: &str, name: &str, event: &str) -> &'a Collected {
    let is = |span: &&Collected| (&*span.service, &*span.name, span.attribute("cloudevents.event_type")) == (service, name, event);
    let mut found = spans.iter().filter(is);
    let span = found.next().unwrap_or_else(|| panic!("no {service} {name} {event} in {spans:#?}"));
    let other = found.next();
    assert!(other.is_none(), "two of {service} {name} {event}: {span:#?} and {other:#?}");
    span
}

/// Returns the spans of the trace, without attempts that a busy database refused; each was retried.
fn of_trace(collector: &Collector) -> Vec<Collected> {
    let mut spans = collector.trace(TRACE);
    spans.retain(|span| span.attribute("http.response.status_code") != "503");
    spans
}

#[tokio::test]
async fn one_trace_leads_from_the_call_to_the_reminder_on_the_page() {
    let collector = Collector::start().await;
    let app = App::with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]).await;
    // Housekeeping registers the jobs of pending reminders again, which would then belong to its trace.
    app.kept_house().await;
    let mut socket = Socket::open(&app, None).await;
    let headers = [("x-correlation-id", "corr-1"), ("traceparent", &*parent(TRACE, CALLER))];
    let body = json!({ "title": "Pay rent", "due_date": in_seconds(3600), "reminder_offset": "1 hour" });
    let task = app.send("POST", "/api/tasks", &headers, &body).await.is(201).json();
    assert_eq!(socket.frame_of("notification").await["task_id"], task["id"]);
    app.reminder(&task["id"], "sent").await;
    app.settled().await;
    let entries = app.list(&format!("/api/audit?task_id={}", task["id"])).await;
    app.stop().await;

    let spans = of_trace(&collector);
    let id = |service, name, event| find(&spans, service, name, event).id.clone();
    let gateway = id("gateway", "POST /api/tasks", "");
    let create = id("create-task", "POST /api/tasks", "");
    let schedule = id("schedule-reminder", "process task-events", "task.created");
    let fire = id("fire-reminder", "job fire-reminder", "");
    let remind = id("notify", "process reminders", "reminder.triggered");
    let parents = [
        ("gateway", "POST /api/tasks", "", CALLER),
        ("create-task", "POST /api/tasks", "", &gateway),
        ("notify", "process task-updates", "task.created", &create),
        ("record-audit", "process task-events", "task.created", &create),
        ("schedule-reminder", "process task-events", "task.created", &create),
        ("record-audit", "process reminders", "reminder.scheduled", &schedule),
        ("fire-reminder", "job fire-reminder", "", &schedule),
        ("notify", "process reminders", "reminder.triggered", &fire),
        ("record-audit", "process reminders", "reminder.triggered", &fire),
        ("record-audit", "process reminders", "reminder.sent", &remind),
    ];
    for (service, name, event, parent) in parents {
        let span = find(&spans, service, name, event);
        assert_eq!((&*span.parent, span.attribute("taskflow.correlation_id")), (parent, "corr-1"), "{span:?}");
        assert!(!span.is_error && span.links.is_empty() && span.nanoseconds > 0, "{span:?}");
    }
    assert_eq!(spans.len(), parents.len(), "{spans:#?}");

    // Each event carries the ids of the work that announced it.
    let writers = BTreeMap::from([
        ("task.created", &create),
        ("reminder.scheduled", &schedule),
        ("reminder.triggered", &fire),
        ("reminder.sent", &remind),
    ]);
    assert_eq!(entries.len(), writers.len());
    for entry in entries {
        let event = &entry["event_data"];
        assert_eq!(event["traceparent"], parent(TRACE, writers[event["type"].as_str().unwrap()]));
        assert_eq!(event["correlationid"], "corr-1");
    }
}

#[tokio::test]
async fn a_reminder_that_is_moved_belongs_to_the_change_that_moved_it() {
    let collector = Collector::start().await;
    let app = App::with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]).await;
    // Housekeeping registers the jobs of pending reminders again, which would then belong to its trace.
    app.kept_house().await;
    let task = app.create(&json!({ "title": "Pay rent", "due_date": "2199-03-31T09:00:00Z", "reminder_offset": "1 hour" })).await;
    app.reminder(&task["id"], "pending").await;
    let headers = [("traceparent", &*parent(TRACE, CALLER))];
    let body = json!({ "due_date": in_seconds(3600) });
    let _ = app.send("PUT", &format!("/api/tasks/{}", task["id"]), &headers, &body).await.is(200);
    app.reminder(&task["id"], "sent").await;
    app.stop().await;

    let spans = of_trace(&collector);
    let schedule = find(&spans, "schedule-reminder", "process task-events", "task.updated");
    assert_eq!(find(&spans, "fire-reminder", "job fire-reminder", "").parent, schedule.id);
    let update = find(&spans, "update-task", "PUT /api/tasks/{task_id}", "");
    assert_eq!(schedule.parent, update.id);
    assert_eq!(update.attribute("url.path"), format!("/api/tasks/{}", task["id"]));
}

/// Creates an app without a database.
fn world(collector: &Collector) -> function::App {
    let lookup = |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| collector.url.clone());
    function::App::alone(Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap()).unwrap()
}

/// Mounts a function in such an app.
fn alone(collector: &Collector, function: Function) -> Service {
    Service::new(Arc::new(world(collector)), function).unwrap()
}

/// Calls a function, and returns the status.
async fn call(service: &Service, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> u16 {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = request.body(full(body)).unwrap();
    request.extensions_mut().insert(Trust::Delivery);
    service.handle(request).await.status().as_u16()
}

/// Consumes the audit's events, and refuses some.
fn audit() -> Function {
    let take = |_, delivery: Delivery| async move {
        let data = function::cloud_event::data(&delivery.event)?;
        if data["no"] == true { Err(Error::Conflict("no".to_owned())) } else { Ok(Published::All) }
    };
    let list = |_, _: Value| async { Answer::json(&"all") };
    Function::new(routes::RECORD_AUDIT).endpoint("listAudit", list).deliver(take)
}

fn event(id: &str, data: &Value, traceparent: Option<String>) -> Value {
    let mut event =
        json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": "task.created", "subject": "task/7", "data": data });
    if let Some(traceparent) = traceparent {
        event["traceparent"] = traceparent.into();
    }
    event
}

#[tokio::test]
async fn a_span_has_its_method_route_and_status() {
    let collector = Collector::start().await;
    let service = alone(&collector, audit());
    let headers = [("traceparent", &*parent(TRACE, CALLER))];
    assert_eq!(call(&service, "GET", "/api/audit", &headers, &Value::Null).await, 200);
    assert_eq!(call(&service, "HEAD", "/api/audit", &headers, &Value::Null).await, 200);
    assert_eq!(call(&service, "POST", "/api/audit", &headers, &Value::Null).await, 405);
    assert_eq!(call(&service, "BREW", "/coffee", &headers, &Value::Null).await, 404);
    // A caller that asks for no record gets none.
    assert_eq!(call(&service, "GET", "/api/audit", &[("traceparent", &format!("00-{TRACE}-{CALLER}-00"))], &Value::Null).await, 200);
    assert_eq!(call(&service, "GET", "/api/audit", &[("x-correlation-id", "alone")], &Value::Null).await, 200);
    service.app().traces.flush().await;

    let spans = collector.trace(TRACE);
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            (&*span.name, span.attribute("http.request.method"), span.attribute("http.route"), span.attribute("http.response.status_code"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("GET /api/audit", "GET", "/api/audit", "200"),
            ("HEAD /api/audit", "HEAD", "/api/audit", "200"),
            ("POST", "POST", "", "405"),
            ("_OTHER", "_OTHER", "", "404"),
        ]
    );
    for span in &spans {
        assert_eq!((span.kind.as_str_name(), &*span.service, &*span.parent), ("SPAN_KIND_SERVER", "record-audit", CALLER));
        assert!(!span.is_error, "a caller's fault is no error: {span:?}");
    }
    let all = collector.spans();
    let alone: Vec<_> = all.iter().filter(|span| span.trace != TRACE).collect();
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert_eq!((&*alone[0].parent, alone[0].attribute("taskflow.correlation_id")), ("", "alone"));
}

#[tokio::test]
async fn a_delivery_is_part_of_the_work_that_announced_the_event() {
    let collector = Collector::start().await;
    let service = alone(&collector, audit());
    let structured = ("content-type", "application/cloudevents+json");
    let writer = "00f067aa0ba902b7";
    let written = |id: &str| event(id, &json!({}), Some(parent(TRACE, writer)));
    // A broker without the event's trace; one with it; a delivery of an event without a trace.
    let other = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert_eq!(call(&service, "POST", "/", &[structured, ("traceparent", &parent(other, CALLER))], &written("1")).await, 200);
    assert_eq!(call(&service, "POST", "/", &[structured, ("traceparent", &parent(TRACE, CALLER))], &written("2")).await, 200);
    let without = event("3", &json!({}), None);
    assert_eq!(call(&service, "POST", "/", &[structured, ("traceparent", &parent(other, CALLER))], &without).await, 200);
    let refused = event("4", &json!({ "no": true }), Some(parent(TRACE, writer)));
    assert_eq!(call(&service, "POST", "/", &[structured], &refused).await, 409);
    service.app().traces.flush().await;

    let spans = collector.spans();
    let of = |id: &str| spans.iter().find(|span| span.attribute("messaging.message.id") == id).unwrap();
    assert_eq!((&*of("1").trace, &*of("1").parent, &*of("1").links), (TRACE, writer, &[(other.to_owned(), CALLER.to_owned())][..]));
    assert_eq!((&*of("2").trace, &*of("2").parent, &*of("2").links), (TRACE, CALLER, &[][..]));
    assert_eq!((&*of("3").trace, &*of("3").parent, of("3").attribute("taskflow.correlation_id")), (other, CALLER, "3"));
    assert!(of("4").is_error && !of("1").is_error);
    for (name, value) in [
        ("messaging.destination.name", "task-events"),
        ("messaging.operation.type", "process"),
        ("cloudevents.event_source", "/tests"),
        ("cloudevents.event_subject", "task/7"),
        ("http.request.method", "POST"),
        ("http.route", "/"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(of("1").attribute(name), value, "{name}");
    }
    assert_eq!((of("1").kind.as_str_name(), &*of("1").name), ("SPAN_KIND_CONSUMER", "process task-events"));
}

#[tokio::test]
async fn each_event_of_a_batch_has_a_span_of_its_own() {
    let collector = Collector::start().await;
    let service = alone(&collector, audit());
    let writer = "00f067aa0ba902b7";
    let batch = json!([event("1", &json!({}), Some(parent(TRACE, writer))), event("2", &json!({ "no": true }), None)]);
    assert_eq!(call(&service, "POST", "/", &[("content-type", "application/cloudevents-batch+json")], &batch).await, 200);
    service.app().traces.flush().await;

    let spans = collector.spans();
    let request = find(&spans, "record-audit", "POST /", "");
    assert_eq!((&*request.parent, request.kind.as_str_name()), ("", "SPAN_KIND_SERVER"));
    let of = |id: &str| spans.iter().find(|span| span.attribute("messaging.message.id") == id).unwrap();
    let link = (request.trace.clone(), request.id.clone());
    assert_eq!((&*of("1").trace, &*of("1").parent, &*of("1").links), (TRACE, writer, &[link][..]));
    assert_eq!((&of("2").trace, &of("2").parent), (&request.trace, &request.id));
    assert!(of("2").is_error && !of("1").is_error && !request.is_error);
    assert_eq!(spans.len(), 3);
}

#[tokio::test]
async fn announced_events_belong_to_the_request() {
    let collector = Collector::start().await;
    // The handler of a job learns about its request only through its scope.
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let keep = move |app: Arc<function::App>, _: JobCall| {
        let told = told.clone();
        async move {
            let _ = told.send(app.origin("housekeeping"));
            Ok(Published::All)
        }
    };
    let service = alone(&collector, Function::new(routes::HOUSEKEEPING).job(keep));
    let headers = [("traceparent", &*parent(TRACE, CALLER)), ("x-correlation-id", "corr-1")];
    assert_eq!(call(&service, "POST", "/job/housekeeping", &headers, &Value::Null).await, 200);
    service.app().traces.flush().await;
    let spans = collector.spans();
    let span = find(&spans, "housekeeping", "job housekeeping", "");
    let origin = heard.recv().await.unwrap();
    assert_eq!((origin.traceparent, &*origin.correlation_id), (Some(parent(TRACE, &span.id)), "corr-1"));
    assert_eq!((span.attribute("taskflow.job"), &*span.parent), ("housekeeping", CALLER));
}

/// Another function that records its calls.
struct Other(tokio::sync::mpsc::UnboundedSender<http::HeaderMap>);

impl Functions for Other {
    fn call(&self, _: &Route, request: function::Request) -> BoxFuture<'_, Response> {
        let _ = self.0.send(request.headers().clone());
        Box::pin(async { Response::new(full("")) })
    }
}

#[tokio::test]
async fn a_called_function_gets_the_trace_of_its_caller() {
    let collector = Collector::start().await;
    let (other, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let pass_on = |app: Arc<function::App>, _: JobCall| async move {
        let posted = Caller::of(&app).post(&routes::NOTIFY, "/", None, Bytes::new()).await;
        posted.map_err(|failure| Error::internal(failure.text))
    };
    let function = Function::new(routes::HOUSEKEEPING).job(pass_on);
    let app = function::App { functions: Arc::new(Other(other)), ..world(&collector) };
    let service = Service::new(Arc::new(app), function).unwrap();
    let headers = [("traceparent", &*parent(TRACE, CALLER)), ("x-correlation-id", "corr-1")];
    assert_eq!(call(&service, "POST", "/job/housekeeping", &headers, &Value::Null).await, 200);
    service.app().traces.flush().await;
    let span = find(&collector.spans(), "housekeeping", "job housekeeping", "").clone();
    let headers = heard.recv().await.unwrap();
    assert_eq!(headers["traceparent"], parent(TRACE, &span.id));
    assert_eq!(headers["x-correlation-id"], "corr-1");
}

#[tokio::test]
async fn failed_work_has_an_error_span() {
    let collector = Collector::start().await;
    // There is no database, so it is unavailable.
    let find_task = |app: Arc<function::App>, _: Value| async move { app.store().map(|_| Answer::empty(StatusCode::OK)) };
    let service = alone(&collector, Function::new(routes::GET_TASK).endpoint("getTask", find_task).endpoint("listOccurrences", find_task));
    assert_eq!(call(&service, "GET", "/api/tasks/7", &[], &Value::Null).await, 503);
    service.app().traces.flush().await;
    let panics = |_: Arc<function::App>, _: JobCall| async { panic!("on purpose") };
    let service = alone(&collector, Function::new(routes::HOUSEKEEPING).job(panics));
    assert_eq!(call(&service, "POST", "/job/housekeeping", &[], &Value::Null).await, 500);
    service.app().traces.flush().await;
    let spans = collector.spans();
    let away = find(&spans, "get-task", "GET /api/tasks/{task_id}", "");
    assert!(away.is_error, "{away:?}");
    assert_eq!((away.attribute("error.type"), away.attribute("http.response.status_code")), ("503", "503"));
    assert!(find(&spans, "housekeeping", "job housekeeping", "").is_error);
}
