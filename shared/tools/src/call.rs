//! Calls a tool: builds the operation's request, sends it to the function, and reads the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::Task;
use domain::routes::{Method, Operation};
use domain::task::Recurrence;
use domain::zone::Zone;
use function::body::collect_within;
use function::error::Problem;
use function::service::{CHANGE, CORRELATION, OUTBOX, TRACEPARENT};
use function::settings::Secret;
use function::{App, Body, Error, Request, Response, full};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::registry::Tool;
use crate::times;

/// Default number of tasks of a list.
pub(crate) const LIMIT_DEFAULT: u64 = 20;
/// Maximum tasks of a list, so that a model can read it.
pub(crate) const LIMIT_MAX: u64 = 100;
/// Maximum characters of a description in a list; `get_task` returns all of it.
const SUMMARY_MAX: usize = 300;
/// Time limit of a tool, including a function's cold start.
const PATIENCE: Duration = Duration::from_secs(15);
/// Maximum bytes of an answer: more than a hundred tasks with the longest descriptions.
const ANSWER_MAX: usize = 8 * 1024 * 1024;
/// Header with the number of all matches.
const TOTAL_COUNT: &str = "x-total-count";

/// Calls tools with a caller's token, request and clock.
#[derive(Clone)]
pub struct Caller {
    app: Arc<App>,
    headers: HeaderMap,
    zone: Zone,
}

/// The result of a tool.
#[derive(Clone, Debug)]
pub struct Done {
    /// The output: an object, with times in the user's zone.
    pub output: Value,
    /// The tasks concerned, as the function returned them.
    pub tasks: Vec<Task>,
}

/// The error of a tool that did nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// The function's status, or that of a failed call.
    pub status: StatusCode,
    /// The reason, as text for users and models.
    pub detail: String,
    /// RFC 9457 problem details.
    pub problem: Value,
}

impl Caller {
    /// Creates a caller with the token and trace of these request headers.
    #[must_use]
    pub fn new(app: Arc<App>, asked: &HeaderMap, zone: Zone) -> Self {
        let mut headers = HeaderMap::new();
        for name in [TRACEPARENT, CORRELATION] {
            headers.extend(asked.get(&name).map(|value| (name, value.clone())));
        }
        // The host has checked the caller's token; functions require the same one.
        let token = app.settings.api_token.as_ref().map(Secret::expose);
        if let Some(mut value) = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok()) {
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Self { app, headers, zone }
    }

    /// Calls a tool with these arguments.
    ///
    /// # Errors
    /// The function's problem, or the reason why the function was not called.
    pub async fn call(&self, tool: &Tool, arguments: Map<String, Value>) -> Result<Done, Failed> {
        let (route, operation) = tool.target().ok_or_else(|| Failed::new(StatusCode::NOT_FOUND, "this tool has no function"))?;
        let request = self.request(operation, self.prepared(tool, arguments))?;
        let call = async {
            let response = self.app.functions.call(route, request).await;
            self.read(tool, response).await
        };
        let late = || {
            let detail = format!("no answer within {} s; read the data again to see whether it was done", PATIENCE.as_secs());
            Failed::new(StatusCode::GATEWAY_TIMEOUT, &detail)
        };
        tokio::time::timeout(PATIENCE, call).await.unwrap_or_else(|_| Err(late()))
    }

    /// Applies the user's zone and a model's limits to the arguments.
    fn prepared(&self, tool: &Tool, arguments: Map<String, Value>) -> Map<String, Value> {
        let mut arguments = Value::Object(arguments);
        times::with_offsets(&mut arguments, &self.zone);
        let Value::Object(mut arguments) = arguments else { return Map::new() };
        match tool.answer {
            // Limits the page to what a model can read. The function refuses a limit that is not a number.
            "tasks" => match arguments.get("limit").map(Value::as_u64) {
                None => drop(arguments.insert("limit".to_owned(), LIMIT_DEFAULT.into())),
                Some(Some(limit)) if limit > LIMIT_MAX => drop(arguments.insert("limit".to_owned(), LIMIT_MAX.into())),
                Some(_) => {}
            },
            "task" if tool.operation == "createTask" => {
                arguments.entry("time_zone").or_insert_with(|| self.zone.name().into());
            }
            _ => {}
        }
        arguments
    }

    fn request(&self, operation: &Operation, mut arguments: Map<String, Value>) -> Result<Request, Failed> {
        let mut uri = String::with_capacity(operation.path.len());
        for part in operation.path.split('/').skip(1) {
            uri.push('/');
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                None => uri.push_str(part),
                Some(name) => {
                    let value = arguments.remove(name).ok_or_else(|| Failed::of_field(name, "is missing"))?;
                    let value = plain(&value).ok_or_else(|| Failed::of_field(name, "is not a number"))?;
                    uri.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
                }
            }
        }
        let mut request = http::Request::builder().method(operation.method.as_str());
        let body = if operation.method == Method::Get {
            let query = query(&arguments)?;
            if !query.is_empty() {
                uri.extend(["?", &query]);
            }
            String::new()
        } else if arguments.is_empty() {
            String::new()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Value::Object(arguments).to_string()
        };
        let mut request = request
            .uri(uri)
            .body(full(body))
            .map_err(|_| Failed::new(StatusCode::BAD_REQUEST, "the arguments do not form a valid request"))?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }

    async fn read(&self, tool: &Tool, response: Response) -> Result<Done, Failed> {
        let (parts, body) = response.into_parts();
        // After a broken call the state of the outbox is unknown.
        let broke_off = matches!(parts.status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
        if parts.headers.contains_key(OUTBOX) || (tool.changes() && broke_off) {
            self.see_to_outbox();
        }
        let body = collect(body).await?;
        if !parts.status.is_success() {
            return Err(Failed::read(parts.status, &body));
        }
        let total = parts.headers.get(TOTAL_COUNT).and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
        let done = match parts.status {
            StatusCode::NO_CONTENT => Ok(Done { output: json!({ tool.answer: true }), tasks: Vec::new() }),
            _ => self.done(tool, &body, total),
        };
        let mut done = done.map_err(|_| Failed::new(StatusCode::BAD_GATEWAY, "the function's answer is not valid JSON"))?;
        // The argument of undo_change.
        if let Some(change) = parts.headers.get(&CHANGE).and_then(|change| change.to_str().ok()) {
            done.output["change_id"] = change.into();
        }
        Ok(done)
    }

    fn done(&self, tool: &Tool, body: &[u8], total: Option<i64>) -> Result<Done, serde_json::Error> {
        let (mut output, tasks) = match tool.answer {
            "task" => {
                let value: Value = serde_json::from_slice(body)?;
                // The change is made, even if the answer cannot be read as a task.
                let task = Task::deserialize(&value).ok();
                let mut output = json!({ "task": value });
                // A model sees a day as a day, not as the midnight at which it begins.
                if let Some(day) = task.as_ref().and_then(|task| task.due_day) {
                    output["task"]["due_date"] = json!(day);
                }
                (output, task.into_iter().collect())
            }
            "tasks" => {
                let Page { results, total_count } = Page::read(body, total)?;
                let listed: Vec<Value> = results.iter().map(|task| listed(task, &self.zone)).collect();
                (json!({ "tasks": listed, "total_count": total_count }), results)
            }
            name => (json!({ name: serde_json::from_slice::<Value>(body)? }), Vec::new()),
        };
        without_null(&mut output);
        times::in_zone(&mut output, &self.zone);
        Ok(Done { output, tasks })
    }

    /// Empties the outbox if the function could not publish. A caller that bypasses the gateway must do this itself.
    fn see_to_outbox(&self) {
        let app = self.app.clone();
        self.app.background.spawn(async move {
            if let Err(error) = app.publisher.publish_all().await {
                tracing::debug!(%error, "the outbox could not be emptied yet");
            }
        });
    }
}

impl Failed {
    /// Creates an error before any function was called.
    #[must_use]
    pub fn new(status: StatusCode, detail: &str) -> Self {
        let problem = json!({ "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail });
        Self { status, detail: detail.to_owned(), problem }
    }

    fn of_field(name: &str, detail: &str) -> Self {
        let mut failed = Self::new(StatusCode::UNPROCESSABLE_ENTITY, &format!("/{name}: {detail}"));
        failed.problem["errors"] = json!([{ "pointer": format!("/{name}"), "detail": detail }]);
        failed
    }

    /// Reads a function's problem.
    fn read(status: StatusCode, body: &[u8]) -> Self {
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else { return Self::new(status, "the function failed") };
        let detail = problem.detail.clone();
        Self { status, detail, problem: json!(problem) }
    }
}

async fn collect(body: Body) -> Result<Bytes, Failed> {
    collect_within(ANSWER_MAX, body).await.map_err(|error| {
        let why = if matches!(error, Error::TooLarge(_)) { "it is too long" } else { "it is incomplete" };
        Failed::new(StatusCode::BAD_GATEWAY, &format!("the answer could not be read: {why}"))
    })
}

/// Returns the form of a value in a path or a query string.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(is) => Some(is.to_string()),
        // For a caller whose language has one number type, 5.0 is 5.
        #[expect(clippy::cast_possible_truncation, reason = "a whole number in range")]
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => Some((float as i64).to_string()),
            _ => Some(number.to_string()),
        },
        _ => None,
    }
}

/// Returns the query string; null leaves a parameter out, commas separate a list.
fn query(arguments: &Map<String, Value>) -> Result<String, Failed> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in arguments {
        let text = match value {
            Value::Null => continue,
            Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
            value => plain(value),
        };
        query.append_pair(name, &text.ok_or_else(|| Failed::of_field(name, "is not text, a number or a list of them"))?);
    }
    Ok(query.finish())
}

/// A page of tasks: the search's answer, or a list, whose total is in a header.
#[derive(Deserialize)]
struct Page {
    results: Vec<Task>,
    total_count: Option<i64>,
}

impl Page {
    fn read(body: &[u8], total_count: Option<i64>) -> Result<Self, serde_json::Error> {
        if body.first() == Some(&b'[') {
            return Ok(Self { results: serde_json::from_slice(body)?, total_count });
        }
        serde_json::from_slice(body)
    }
}

/// Returns a task in a list, reduced to what distinguishes it. A model reads each word again with each following message; `get_task` returns the
/// rest.
fn listed(task: &Task, zone: &Zone) -> Value {
    let mut fields = json!({ "id": task.id, "title": task.title, "status": task.status, "priority": task.priority });
    let mut set = |name: &str, value: Value| fields[name] = value;
    let mut description = task.description.chars();
    let mut summary: String = description.by_ref().take(SUMMARY_MAX).collect();
    if description.next().is_some() {
        summary.push('…');
    }
    if !summary.is_empty() {
        set("description", summary.into());
    }
    if !task.tags.is_empty() {
        set("tags", json!(task.tags));
    }
    if task.recurrence != Recurrence::None {
        set("recurrence", json!(task.recurrence));
    }
    if task.time_zone != *zone && task.due_date.is_some() && !task.all_day {
        set("time_zone", json!(task.time_zone));
    }
    for (name, value) in [
        ("due_date", json!(task.due())),
        ("recurrence_rule", json!(task.recurrence_rule)),
        ("reminder_offset", json!(task.reminder_offset)),
        ("completed_at", json!(task.completed_at)),
        ("parent_task_id", json!(task.parent_task_id)),
    ] {
        if !value.is_null() {
            set(name, value);
        }
    }
    fields
}

/// Removes absent fields, because a model reads each word.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(without_null);
        }
        _ => {}
    }
}
