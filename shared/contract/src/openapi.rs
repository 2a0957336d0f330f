//! The `OpenAPI` document: each operation with its parameters, bodies and all responses.

use domain::event::{CommandType, EventType};
use domain::routes::{self, Access, IDS, Operation};
use serde_json::{Map, Value, json};

use crate::cloud_event;
use crate::operations::{Kind, Types, types};
use crate::schemas::{Schemas, id, problem, tell_defaults, without_null};

/// Problems that can occur, except 500: status, component, description.
const PROBLEMS: &[(u16, &str, &str)] = &[
    (400, "Malformed", "Malformed JSON, an id in the path that is not an integer, or an unreadable header."),
    (401, "Unauthorized", "The token is missing or wrong, and the service requires one."),
    (403, "Forbidden", "A page of another origin requests a change, or a caller sends a fact."),
    (404, "NotFound", "Not found."),
    (406, "NotAcceptable", "Accept excludes the type of the response."),
    (408, "Timeout", "The body did not arrive in time."),
    (409, "Conflict", "A request with the same Idempotency-Key is in progress, or the task is completed."),
    (412, "PreconditionFailed", "The task's version does not meet If-Match or If-None-Match."),
    (413, "TooLarge", "The body is larger than 256 KiB."),
    (415, "UnsupportedMediaType", "The body is of another type, or has a Content-Encoding."),
    (421, "Misdirected", "No token is set, and the host is not a name of this service."),
    (422, "Invalid", "A field or a query value is invalid or unknown."),
    (426, "UpgradeRequired", "This path accepts WebSocket handshakes only."),
    (502, "BadGateway", "The model's answer was unusable, or it refused to answer."),
    (503, "Unavailable", "A dependency is unavailable; retry later."),
    (504, "GatewayTimeout", "The model did not answer in time."),
];

pub(crate) fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    let mut add = |path: &str, method: &str, operation: Value| {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method.to_ascii_lowercase()] = operation;
    };
    for route in routes::ALL {
        for own in route.operations {
            if let Some(types) = types(own.id) {
                add(own.path, own.method.as_str(), operation(own, &types, &mut schemas));
            }
        }
    }
    add("/", "POST", send_event(&mut schemas));
    add("/batch", "POST", send_batch(&mut schemas));
    add("/metrics", "GET", metrics());
    add("/dead-letters", "GET", dead_letters(&mut schemas));
    add("/dead-letters", "POST", replay(&mut schemas));
    let responses = responses(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Taskflow",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Tasks, reminders and their events.",
            "description": "Errors are RFC 9457 problems. Times are read as RFC 3339 with any offset and written as UTC with Z and microseconds. \
                Each change can also be asked for by a CloudEvent: see POST / and the AsyncAPI document at /asyncapi.json.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "responses": responses,
            "headers": headers(),
            "parameters": parameters(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "Required if TASKFLOW_API_TOKEN is set." } },
        },
    })
}

fn tags() -> Value {
    let tags = [
        ("tasks", "Tasks."),
        ("tags", "Tags of tasks."),
        ("reminders", "Reminders of tasks."),
        ("notifications", "Notifications and changes for pages."),
        ("audit", "The audit log."),
        ("transfer", "Import of tasks from files of other applications, and export of everything."),
        ("assistant", "The assistant, and its tools for MCP clients."),
        ("events", "CloudEvents in, CloudEvents out."),
        ("health", "Health of the service."),
        ("web", "The page and the documents."),
    ];
    tags.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect()
}

/// The pages that explain why a link did nothing.
fn link_pages() -> impl Iterator<Item = (String, Value)> {
    let pages = [
        ("401", "The link's signature is invalid."),
        ("409", "Nothing was changed; the page gives the reason."),
        ("410", "The link has expired."),
    ];
    let page = |description| json!({ "description": description, "content": { "text/html": { "schema": { "type": "string" } } } });
    pages.into_iter().map(move |(status, description)| (status.to_owned(), page(description)))
}

fn operation(operation: &Operation, types: &Types, schemas: &mut Schemas) -> Value {
    let names: Vec<&str> = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let mut body = types.body.and_then(|body| request_body(&(body.name)(), body.reference, body.fields, &names, schemas));
    if let Some(body) = &mut body {
        if operation.method == routes::Method::Patch {
            body["content"]["application/merge-patch+json"] = body["content"]["application/json"].clone();
        }
        if operation.method == routes::Method::Delete {
            body["required"] = false.into();
        }
    }
    if operation.is_streamed && operation.method == routes::Method::Post {
        body = Some(
            json!({ "required": true, "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } } }),
        );
    }
    let mut parameters: Vec<Value> = names.iter().map(|name| path_parameter(name)).collect();
    if let Some(query) = types.query {
        let is_of_path = |parameter: &Value| names.iter().any(|name| parameter["name"] == *name);
        parameters.extend(query_parameters(&query(schemas)).into_iter().filter(|parameter| !is_of_path(parameter)));
    }
    let is_change_of_task = operation.command.is_some() && names.contains(&"task_id");
    if operation.command.is_some() {
        parameters.push(parameter("Idempotency-Key"));
        if is_change_of_task {
            parameters.push(parameter("If-Match"));
            parameters.push(parameter("If-None-Match"));
        }
    }
    if matches!(types.kind, Kind::Stored | Kind::Asking) {
        parameters.push(parameter("X-Correlation-Id"));
    }

    let mut problems: Vec<u16> = Vec::new();
    let mut can = |happens: bool, statuses: &[u16]| problems.extend(statuses.iter().filter(|_| happens));
    let has_id = names.iter().any(|name| IDS.contains(name));
    can(types.kind == Kind::Socket, &[400, 422, 426]);
    can(has_id || body.is_some() || operation.command.is_some(), &[400]);
    can(matches!(operation.access, Access::Bearer | Access::FeedKey), &[401]);
    can(types.answer.is_some(), &[406]);
    can(operation.method != routes::Method::Get || types.kind == Kind::Socket || operation.access == Access::FeedKey, &[403]);
    can(!operation.path.starts_with("/health/"), &[421]);
    can(!names.is_empty() || types.refers, &[404]);
    can(body.is_some(), &[408, 413, 415]);
    can(operation.command.is_some() || types.may_be_full, &[409]);
    can(is_change_of_task, &[412]);
    can(
        names.contains(&CONVERSATION)
            || operation.command.is_some()
            || body.is_some()
            || (types.kind == Kind::Stored && operation.method == routes::Method::Get),
        &[422],
    );
    can(types.tag == "health", &[422]);
    can(types.kind == Kind::Stored, &[503]);
    can(types.kind == Kind::Asking, &[502, 503, 504]);

    let mut answers = Map::new();
    answers.insert(operation.success.to_string(), success(types, schemas));
    if types.may_be_there {
        let there = Types { headers: if types.headers.contains(&"ETag") { &["ETag"] } else { &[] }, ..*types };
        answers.insert("200".to_owned(), success(&there, schemas));
    }
    if operation.access == Access::Link {
        answers.extend(link_pages());
    }
    if types.kind == Kind::Socket {
        answers.clear();
        answers.insert("101".to_owned(), json!({ "description": "The WebSocket is open." }));
    }
    if types.is_cached {
        parameters.push(parameter("If-None-Match-Of-Read"));
        answers.insert("304".to_owned(), json!({ "description": "The caller's copy is current." }));
    }
    if matches!(operation.id, "health" | "healthReady") {
        let mut unhealthy = success(types, schemas);
        unhealthy["description"] = "A dependency is unavailable.".into();
        answers.insert("503".to_owned(), unhealthy);
    }
    with_problems(&mut answers, &problems);

    let mut operation = json!({
        "operationId": operation.id,
        "summary": types.summary,
        "tags": [types.tag],
        "security": if operation.access == Access::Bearer { optional_token() } else { json!([]) },
        "responses": answers,
    });
    if let Some(description) = types.description {
        operation["description"] = description.into();
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = body {
        operation["requestBody"] = body;
    }
    operation
}

/// Security requirement of a token that is needed only if the settings have one.
fn optional_token() -> Value {
    json!([{ "token": [] }, {}])
}

fn with_problems(answers: &mut Map<String, Value>, problems: &[u16]) {
    for (status, name, _) in PROBLEMS {
        if problems.contains(status) {
            answers.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        }
    }
    answers.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Internal" }));
}

/// The only path parameter that is text with its own format.
const CONVERSATION: &str = "conversation_id";

fn path_parameter(name: &str) -> Value {
    let schema = match name {
        CONVERSATION => json!({ "$ref": "#/components/schemas/ConversationId" }),
        name if IDS.contains(&name) => id(),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn query_parameters(fields: &Value) -> Vec<Value> {
    let properties = fields["properties"].as_object().into_iter().flatten();
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = without_null(schema.clone());
        // A list may also be repeated once per value. Taskflow itself writes commas.
        let is_list = schema.get("type").is_some_and(|ty| ty == "array");
        let description = schema.as_object_mut().and_then(|fields| fields.remove("description"));
        if let Some(fields) = schema.as_object_mut().filter(|fields| fields.get("default").is_some_and(Value::is_array)) {
            // A list that is text in a query string has no default: the parameter is left out.
            fields.remove("default");
        }
        let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
        if let Some(description) = description {
            parameter["description"] = description;
        }
        if is_list {
            parameter["style"] = "form".into();
            parameter["explode"] = false.into();
        }
        parameter
    };
    properties.map(parameter).collect()
}

/// Returns the body of an operation: the fields of its type that are not in the path. `None` if there are none.
fn request_body(
    name: &str,
    reference: fn(&mut Schemas) -> Value,
    fields: fn(&mut Schemas) -> Value,
    path: &[&str],
    schemas: &mut Schemas,
) -> Option<Value> {
    let mut schema = fields(schemas);
    tell_defaults(&mut schema);
    let is_of_path = |field: &str| path.contains(&field);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|field, _| !is_of_path(field));
        if properties.is_empty() {
            return None;
        }
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|field| !field.as_str().is_some_and(is_of_path));
    }
    let required = schema["required"].as_array().is_some_and(|required| !required.is_empty());
    if !required && let Some(fields) = schema.as_object_mut() {
        fields.remove("required");
    }
    let reference = if path.is_empty() { reference(schemas) } else { schemas.define(&format!("{name}Body"), schema) };
    // An empty body counts as an object without fields, which suffices if none is required.
    Some(json!({ "required": required, "content": { "application/json": { "schema": reference } } }))
}

fn success(types: &Types, schemas: &mut Schemas) -> Value {
    let mut response = json!({ "description": if types.answer.is_some() { "The answer." } else { "Done." } });
    if let Some((media_types, make)) = types.answer {
        let schema = make(schemas);
        // If there are several types, the schema describes the text types, and JSON gets an empty schema.
        let content = |media_type: &str| {
            let schema = if media_types.len() > 1 && media_type == "application/json" { json!({}) } else { schema.clone() };
            (media_type.to_owned(), json!({ "schema": schema }))
        };
        response["content"] = media_types.iter().map(|media_type| content(media_type)).collect::<Map<_, _>>().into();
    }
    if let Some(stream) = types.stream {
        response["content"]["text/event-stream"] = json!({ "schema": stream(schemas) });
    }
    let headers = types.headers.iter().chain(&["X-Correlation-Id"]);
    response["headers"] =
        headers.map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect::<Map<_, _>>().into();
    response
}

fn headers() -> Value {
    json!({
        "ETag": { "description": "The task's version.", "required": true, "schema": { "type": "string", "pattern": "^\"[0-9]+\"$" } },
        "Taskflow-Change": {
            "description": "Identifies the change, for POST /api/undo; absent if nothing changed.",
            "schema": { "$ref": "#/components/schemas/ChangeId" },
        },
        "Location": { "description": "The path of the created resource.", "required": true, "schema": { "type": "string", "format": "uri-reference", "pattern": "^/api/" } },
        "X-Total-Count": { "description": "Number of items on all pages.", "required": true, "schema": { "type": "integer", "format": "int64", "minimum": 0 } },
        "Link": {
            "description": "The first, previous, next and last page, if they exist (RFC 8288).",
            "required": true,
            "schema": { "type": "string", "examples": ["</api/tasks?limit=50&offset=50>; rel=\"next\""] },
        },
        "X-Correlation-Id": {
            "description": "Identifies everything this call caused: the caller's id, or a generated one.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[!-~]{1,128}$" },
        },
        "Retry-After": { "description": "Seconds to wait before a retry.", "required": true, "schema": { "type": "integer", "minimum": 0 } },
        "WWW-Authenticate": { "description": "The required credential.", "required": true, "schema": { "type": "string", "pattern": "^(Bearer|Basic )" } },
    })
}

fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

fn parameters() -> Value {
    // RFC 9110, section 8.8.3, in ASCII and without the comma, which separates tags.
    const TAG: &str = r#"(W/)?"[!#-+\--~]*""#;
    let tags = || json!({ "type": "string", "minLength": 1, "pattern": format!("^(\\*|{TAG}(, ?{TAG})*)$"), "examples": ["*", "\"1\""] });
    let header = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "header", "description": description, "schema": schema });
    let attribute = |name: &str, description: &str| header(name, description, json!({ "type": "string" }));
    json!({
        "If-Match": header(
            "If-Match",
            "Makes the change only if the task has one of these ETags.",
            tags(),
        ),
        "Idempotency-Key": header(
            "Idempotency-Key",
            "Makes the change once: for 24 hours the same key, method and path get the same response.",
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$" }),
        ),
        "X-Correlation-Id": attribute(
            "X-Correlation-Id",
            "Identifies everything this call causes: 1 to 128 visible ASCII characters; other values are ignored.",
        ),
        "If-None-Match": header(
            "If-None-Match",
            "Makes the change only if the task has none of these ETags.",
            tags(),
        ),
        // Anything that is not an ETag is ignored here: the caller gets the whole response.
        "If-None-Match-Of-Read": attribute("If-None-Match", "ETags that the caller has: if one matches, the response is 304."),
        "ce-specversion": attribute("ce-specversion", "Binary mode: 1.0."),
        "ce-id": attribute("ce-id", "Binary mode: the event's id."),
        "ce-source": attribute("ce-source", "Binary mode: who speaks."),
        "ce-type": attribute("ce-type", "Binary mode: the event's type."),
    })
}

fn responses(schemas: &mut Schemas) -> Value {
    let content = json!({ "application/problem+json": { "schema": problem(schemas) } });
    let mut responses = Map::new();
    for (status, name, description) in PROBLEMS {
        let mut response = json!({ "description": description, "content": content });
        let header = match status {
            401 => Some("WWW-Authenticate"),
            503 => Some("Retry-After"),
            _ => None,
        };
        if let Some(header) = header {
            response["headers"] = json!({ header: { "$ref": format!("#/components/headers/{header}") } });
        }
        responses.insert((*name).to_owned(), response);
    }
    responses.insert("Internal".to_owned(), json!({ "description": "Internal error.", "content": content }));
    responses.into()
}

/// `POST /`, which is in no route: the gateway and every function accept `CloudEvents` there.
fn send_event(schemas: &mut Schemas) -> Value {
    let commands = CommandType::ALL.iter().map(|command| cloud_event::command(*command, schemas));
    let known: Vec<Value> = commands.collect();
    let told: Vec<Value> = EventType::ALL.iter().map(|event| cloud_event::event(*event, schemas)).collect();
    let incoming = schemas.define("IncomingEvent", json!({ "description": "A command, by its type.", "anyOf": known }));
    let outgoing = schemas.define("OutgoingEvent", json!({ "description": "An event, by its type.", "oneOf": told }));
    let data = json!({ "type": "object", "description": "Binary mode: the data. The attributes are in the ce-… headers." });
    let parameters = ["ce-specversion", "ce-id", "ce-source", "ce-type"].map(parameter);
    let mut answers = Map::new();
    answers.insert(
        "200".to_owned(),
        json!({
            "description": "The event that the command caused.",
            "headers": { "X-Correlation-Id": { "$ref": "#/components/headers/X-Correlation-Id" } },
            "content": { "application/cloudevents+json": { "schema": outgoing } },
        }),
    );
    answers.insert("204".to_owned(), json!({ "description": "The event was accepted. It has no answer." }));
    with_problems(&mut answers, &[400, 401, 403, 404, 406, 408, 409, 413, 415, 421, 422, 503]);
    json!({
        "operationId": "sendEvent",
        "summary": "Runs a command: a CloudEvent in structured or binary mode",
        "description": "A command does what the call of the REST API does, once for each source and id. The content type says which mode it is; \
            application/cloudevents-batch+json is taken as by POST /batch. Facts, such as task.completed, come from Taskflow alone: they are \
            403 here.",
        "tags": ["events"],
        "security": optional_token(),
        "parameters": parameters,
        "requestBody": {
            "required": true,
            "content": {
                "application/cloudevents+json": { "schema": incoming },
                "application/json": { "schema": data, "example": { "title": "Water the plants" } },
            },
        },
        "responses": answers,
    })
}

/// `POST /batch` accepts the batches of `POST /`. It is a separate operation for clients that know one body type per operation.
fn send_batch(schemas: &mut Schemas) -> Value {
    let (incoming, outgoing) = (reference("IncomingEvent"), reference("OutgoingEvent"));
    let item_failed = failed(schemas);
    let mut answers = Map::new();
    answers.insert(
        "200".to_owned(),
        json!({
            "description": "The resulting events, in order. A failed item has an event of type `<type>.failed`.",
            "headers": { "X-Correlation-Id": { "$ref": "#/components/headers/X-Correlation-Id" } },
            "content": { "application/cloudevents-batch+json": { "schema": { "type": "array", "items": { "anyOf": [outgoing, item_failed] } } } },
        }),
    );
    with_problems(&mut answers, &[400, 401, 403, 406, 408, 413, 415, 421, 422, 503]);
    json!({
        "operationId": "sendBatch",
        "summary": "Runs a batch of commands, in order",
        "description": "Each item has its own transaction; a failed item does not undo the others. At most 1,000 items.",
        "tags": ["events"],
        "security": optional_token(),
        "requestBody": {
            "required": true,
            "content": { "application/cloudevents-batch+json": { "schema": { "type": "array", "maxItems": 1000, "items": incoming } } },
        },
        "responses": answers,
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn metrics() -> Value {
    let content = json!({ "application/openmetrics-text": { "schema": { "type": "string" } } });
    let mut answers = Map::from_iter([("200".to_owned(), json!({ "description": "Metrics as OpenMetrics text", "content": content }))]);
    with_problems(&mut answers, &[401, 421]);
    json!({
        "operationId": "metrics",
        "summary": "Returns the gateway's metrics: calls, deliveries, dead letters, the outbox, reminder lateness",
        "tags": ["health"],
        "security": optional_token(),
        "responses": answers,
    })
}

fn dead_letters(schemas: &mut Schemas) -> Value {
    let letter = dead_letter(schemas);
    let content = json!({ "application/cloudevents-batch+json": { "schema": { "type": "array", "maxItems": 500, "items": letter } } });
    let total = json!({ "X-Total-Count": { "$ref": "#/components/headers/X-Total-Count" } });
    let told = json!({ "description": "The oldest 500 of them.", "headers": total, "content": content });
    let mut answers = Map::from_iter([("200".to_owned(), told)]);
    with_problems(&mut answers, &[401, 404, 421, 503]);
    json!({
        "operationId": "listDeadLetters",
        "summary": "Lists the dead letters",
        "description": "They are kept for 90 days. Behind Dapr the Kafka topic dead-letters has them as well. A gateway without a sidecar \
            delivers no events and answers 404.",
        "tags": ["events"],
        "security": optional_token(),
        "responses": answers,
    })
}

fn replay(schemas: &mut Schemas) -> Value {
    let letter = dead_letter(schemas);
    let mut answers = Map::from_iter([("204".to_owned(), json!({ "description": "The consumer has accepted it, now or earlier." }))]);
    with_problems(&mut answers, &[400, 401, 403, 404, 408, 409, 413, 415, 421, 422, 503]);
    json!({
        "operationId": "replayDeadLetter",
        "summary": "Delivers a dead letter to its consumer again",
        "description": "Once, in effect: a consumer remembers for 15 days what it has taken. Only what Taskflow set aside is \
            delivered, anything else is 403; any other problem is the consumer's.",
        "tags": ["events"],
        "security": optional_token(),
        "requestBody": { "required": true, "content": { "application/cloudevents+json": { "schema": letter } } },
        "responses": answers,
    })
}

fn dead_letter(schemas: &mut Schemas) -> Value {
    let envelope = cloud_event::any(schemas);
    schemas.define(
        "DeadLetter",
        json!({
            "description": "An event, with the consumer that could not process it and the reason.",
            "allOf": [envelope],
            "type": "object",
            "required": ["consumer"],
            "properties": {
                "consumer": { "type": "string", "description": "The function that could not process it." },
                "attempts": { "type": "integer", "minimum": 0, "description": "Number of attempts." },
                "lasterror": { "type": "string", "description": "The last error." },
            },
        }),
    )
}

fn failed(schemas: &mut Schemas) -> Value {
    let envelope = cloud_event::any(schemas);
    let problem = problem(schemas);
    schemas.define(
        "FailedEvent",
        json!({
            "description": "An item of a batch that failed.",
            "allOf": [envelope],
            "type": "object",
            "required": ["data"],
            "properties": { "type": { "type": "string", "pattern": "\\.failed$" }, "data": problem },
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for document in [crate::openapi(), crate::asyncapi()] {
            let mut found = Vec::new();
            references(&document, &mut found);
            for reference in found {
                assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            }
        }
    }

    #[test]
    fn a_body_has_no_field_of_the_path_and_refuses_unknown_ones() {
        let document = document();
        let schema = &document["components"]["schemas"]["UpdateTaskBody"];
        assert_eq!(schema["additionalProperties"], false);
        assert!(schema["properties"].get("title").is_some());
        assert!(schema["properties"].get("task_id").is_none());
        assert!(schema.get("required").is_none());
        assert!(document["paths"]["/api/tasks/{task_id}/complete"]["post"].get("requestBody").is_none());
    }

    #[test]
    fn an_answered_task_has_all_its_fields() {
        let document = document();
        let task = &document["components"]["schemas"]["Task"];
        assert_eq!(task["required"].as_array().map(Vec::len), task["properties"].as_object().map(Map::len));
        assert_eq!(task["properties"]["parent_task_id"]["type"], json!(["integer", "null"]));
    }

    #[test]
    fn no_field_of_a_request_has_to_be_sent_because_it_has_a_default() {
        let document = document();
        let task = &document["components"]["schemas"]["CreateTask"];
        assert_eq!(task["required"], json!(["title"]));
        assert!(task["properties"]["priority"].get("default").is_none(), "{task}");
        assert!(
            task["properties"]["priority"]["description"].as_str().is_some_and(|text| text.ends_with("The default is \"medium\".")),
            "{task}"
        );
    }

    #[test]
    fn a_query_has_no_null() {
        let document = document();
        let parameters = document["paths"]["/api/tasks"]["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let status = parameters.iter().find(|parameter| parameter["name"] == "status").cloned().unwrap_or_default();
        assert_eq!(status["schema"], json!({ "type": "string", "enum": ["pending", "completed"] }));
    }
}
