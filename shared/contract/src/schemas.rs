//! Collects JSON Schemas (draft 2020-12) of the types as the components of a document.

use domain::Timestamp;
use domain::schema::{constants_as_enum, null_as_type};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The schemas of one document.
pub(crate) struct Schemas {
    /// Schemas of requests: fields with a default may be left out.
    read: SchemaGenerator,
    /// Schemas of responses: every field is present.
    written: SchemaGenerator,
    own: Map<String, Value>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        let written = settings.clone().for_serialize().into_generator();
        Self { read: settings.for_deserialize().into_generator(), written, own: Map::new() }
    }

    /// Returns a reference to the schema of a request type.
    pub(crate) fn read<T: JsonSchema>(&mut self) -> Value {
        self.read.subschema_for::<T>().to_value()
    }

    /// Returns a reference to the schema of a response type.
    pub(crate) fn written<T: JsonSchema>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }

    /// Returns the schema of a request type itself, for a parameter list or a body without the fields of the path.
    pub(crate) fn inline<T: JsonSchema>(&mut self) -> Value {
        let mut schema = T::json_schema(&mut self.read).to_value();
        tidy(&mut schema);
        bound(&mut schema);
        schema
    }

    /// Adds a schema that belongs to no type.
    pub(crate) fn define(&mut self, name: &str, schema: Value) -> Value {
        self.own.insert(name.to_owned(), schema);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// Returns all collected schemas, by name.
    pub(crate) fn components(mut self) -> Value {
        let mut all = self.read.take_definitions(true);
        all.values_mut().for_each(bound);
        all.values_mut().for_each(tell_defaults);
        all.extend(self.written.take_definitions(true));
        all.extend(self.own);
        all.values_mut().for_each(tidy);
        all.sort_keys();
        Value::Object(all)
    }
}

/// Rewrites a schema into forms that most tools read: `enum` instead of a choice of constants, a list of types instead of a choice with null, no
/// Rust-only formats, and no null as a default.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(fields) => {
            fields.values_mut().for_each(tidy);
            if fields.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
                fields.remove("format");
            }
            // Left out differs from null, but schemars writes null for a default that has no JSON form.
            if fields.get("default") == Some(&Value::Null) {
                fields.remove("default");
            }
            constants_as_enum(fields);
            null_as_type(fields);
        }
        _ => {}
    }
}

/// Adds the range of an integer's format, because many readers ignore the format.
fn bound(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(bound),
        Value::Object(fields) => {
            fields.values_mut().for_each(bound);
            if fields.get("format").and_then(Value::as_str) == Some("int64") {
                fields.entry("minimum").or_insert(i64::MIN.into());
                fields.entry("maximum").or_insert(i64::MAX.into());
            }
        }
        _ => {}
    }
}

/// Moves a field's default into its description. Client generators treat a field with a `default` as always present, and make callers send it.
pub(crate) fn tell_defaults(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tell_defaults),
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                for property in properties.values_mut().filter_map(Value::as_object_mut) {
                    // Null stands for a field that is left out, which the description explains.
                    let Some(default) = property.remove("default").filter(|default| !default.is_null()) else { continue };
                    let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
                    let told = format!("{description} The default is {default}.").trim_start().to_owned();
                    property.insert("description".to_owned(), told.into());
                }
            }
            fields.values_mut().for_each(tell_defaults);
        }
        _ => {}
    }
}

/// Returns the schema without null, which a query string cannot express.
pub(crate) fn without_null(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        for list in ["type", "enum", "anyOf"] {
            if let Some(Value::Array(items)) = fields.get_mut(list) {
                items.retain(|item| !item.is_null() && item != "null" && item.get("type") != Some(&"null".into()));
            }
        }
        if let Some([ty]) = fields.get("type").and_then(Value::as_array).map(Vec::as_slice) {
            let ty = ty.clone();
            fields.insert("type".to_owned(), ty);
        }
        if let Some([Value::Object(only)]) = fields.get("anyOf").and_then(Value::as_array).map(Vec::as_slice) {
            let only = only.clone();
            fields.remove("anyOf");
            fields.extend(only);
        }
    }
    schema
}

/// Returns the schema of an id in a path.
pub(crate) fn id() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": i64::MAX })
}

/// Returns the schema of RFC 9457 problem details, as `function::error` creates them.
pub(crate) fn problem(schemas: &mut Schemas) -> Value {
    let errors = schemas.written::<domain::FieldError>();
    schemas.define(
        "Problem",
        json!({
            "type": "object",
            "description": "RFC 9457 problem details.",
            "required": ["type", "title", "status", "detail", "instance"],
            "properties": {
                "type": { "const": "about:blank", "description": "The status is the kind of problem." },
                "title": { "type": "string", "description": "The reason phrase of the status." },
                "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status." },
                "detail": { "type": "string", "description": "What is wrong, as text for the user." },
                "instance": { "type": "string", "description": "The path of the request." },
                "errors": { "type": "array", "minItems": 1, "items": errors, "description": "With 422: each invalid field." },
            },
        }),
    )
}

/// Returns the schema of a tag with the number of tasks that have it.
pub(crate) fn tag_count(schemas: &mut Schemas) -> Value {
    schemas.define(
        "TagCount",
        json!({
            "type": "object",
            "description": "A tag with the number of tasks that have it.",
            "required": ["tag", "count"],
            "properties": {
                "tag": { "type": "string", "description": "The tag." },
                "count": { "type": "integer", "format": "int64", "minimum": 1, "description": "Number of tasks with the tag, pending and completed." },
            },
        }),
    )
}

/// Returns the schema of a bulk change's results.
pub(crate) fn bulk_results(schemas: &mut Schemas) -> Value {
    let (task, change_id, problem) = (schemas.written::<domain::Task>(), schemas.written::<domain::ChangeId>(), problem(schemas));
    let status = "The status of an equivalent call for this task alone.";
    let item = schemas.define(
        "BulkResult",
        json!({
            "type": "object",
            "description": "The result for one task.",
            "required": ["id", "status"],
            "properties": {
                "id": { "type": "integer", "format": "int64", "description": "The task." },
                "status": { "type": "integer", "minimum": 200, "maximum": 599, "description": status },
                "task": task,
                "change_id": change_id,
                "problem": problem,
            },
        }),
    );
    schemas.define(
        "BulkResults",
        json!({
            "type": "object",
            "description": "One result per task, in the order of the request.",
            "required": ["results"],
            "properties": { "results": { "type": "array", "items": item, "description": "The results." } },
        }),
    )
}

/// Returns the schema of a page of search results.
pub(crate) fn search_results(schemas: &mut Schemas) -> Value {
    let task = schemas.written::<domain::Task>();
    schemas.define(
        "SearchResults",
        json!({
            "type": "object",
            "description": "A page of search results.",
            "required": ["results", "total_count"],
            "properties": {
                "results": { "type": "array", "items": task, "description": "The tasks of the page, in order." },
                "total_count": { "type": "integer", "format": "int64", "minimum": 0, "description": "Exact number of matching tasks on all pages." },
            },
        }),
    )
}

/// Returns the schema of the health report.
pub(crate) fn health(schemas: &mut Schemas) -> Value {
    let state = json!({ "type": "string", "enum": ["up", "down"] });
    schemas.define(
        "Health",
        json!({
            "type": "object",
            "description": "Health of the service and its dependencies.",
            "required": ["status", "services"],
            "properties": {
                "status": { "type": "string", "enum": ["healthy", "unhealthy"] },
                "services": {
                    "type": "object",
                    "required": ["database", "events", "jobs", "state"],
                    "properties": { "database": state, "events": state, "jobs": state, "state": state },
                },
            },
        }),
    )
}

/// Returns the schema of the liveness report.
pub(crate) fn liveness(schemas: &mut Schemas) -> Value {
    schemas.define(
        "Liveness",
        json!({
            "type": "object",
            "description": "The process is running.",
            "required": ["status"],
            "properties": { "status": { "const": "live" } },
        }),
    )
}

/// Returns the schema of the readiness report.
pub(crate) fn readiness(schemas: &mut Schemas) -> Value {
    schemas.define(
        "Readiness",
        json!({
            "type": "object",
            "description": "True if the process accepts requests.",
            "required": ["status"],
            "properties": { "status": { "type": "string", "enum": ["ready", "stopping"] } },
        }),
    )
}

/// Returns the schema of a parsed line.
pub(crate) fn drafted(schemas: &mut Schemas) -> Value {
    let task = schemas.read::<domain::command::CreateTask>();
    let text = |description: &str| json!({ "type": "string", "description": description });
    schemas.define(
        "Draft",
        json!({
            "type": "object",
            "description": "The result of parsing a line.",
            "required": ["task", "parts", "notes"],
            "properties": {
                "task": {
                    "anyOf": [task, { "type": "null" }],
                    "description": "The task, in the form of POST /api/tasks; null if the line names none.",
                },
                "parts": {
                    "type": "array",
                    "description": "The understood parts, in the order of the line.",
                    "items": {
                        "type": "object",
                        "required": ["start", "end", "kind", "meaning"],
                        "properties": {
                            "start": { "type": "integer", "minimum": 0, "description": "Start offset in UTF-16 code units, as in JavaScript." },
                            "end": { "type": "integer", "minimum": 0, "description": "End offset in UTF-16 code units, exclusive." },
                            "kind": { "type": "string", "enum": ["date", "time", "recurrence", "tag", "priority", "reminder", "task"] },
                            "meaning": text("The meaning, in a few words."),
                        },
                    },
                },
                "notes": {
                    "type": "array",
                    "description": "Notes on the result for the user.",
                    "items": {
                        "type": "object",
                        "required": ["kind", "text"],
                        "properties": {
                            "kind": { "type": "string", "enum": ["assumed", "missed"], "description": "Assumed, or not understood." },
                            "text": text("One sentence."),
                        },
                    },
                },
            },
        }),
    )
}

/// Returns the schema of a streamed answer.
pub(crate) fn chat_events(_: &mut Schemas) -> Value {
    json!({ "type": "string", "description": "Server-sent events: conversation, text, action, done, problem." })
}

/// Returns the schema of a JSON-RPC 2.0 message or batch.
pub(crate) fn mcp_message(schemas: &mut Schemas) -> Value {
    let fields = mcp_fields(schemas);
    let message = schemas.define("McpMessage", fields);
    json!({ "anyOf": [message, { "type": "array", "minItems": 1, "maxItems": 20, "items": message }] })
}

/// Returns the schema of a JSON-RPC 2.0 message.
pub(crate) fn mcp_fields(_: &mut Schemas) -> Value {
    json!({
        "type": "object",
        "description": "A JSON-RPC 2.0 request, or a notification, which has no id.",
        "required": ["jsonrpc", "method"],
        "properties": {
            "jsonrpc": { "const": "2.0" },
            "id": { "description": "Id of the request: a string or an integer." },
            "method": { "type": "string", "examples": ["tools/list", "tools/call"], "description": "The method." },
            "params": { "type": "object", "description": "The parameters of the method." },
        },
    })
}

/// Returns the schema of a JSON-RPC 2.0 response or batch.
pub(crate) fn mcp_answer(schemas: &mut Schemas) -> Value {
    let error = json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": { "code": { "type": "integer" }, "message": { "type": "string" }, "data": {} },
    });
    let answer = schemas.define(
        "McpAnswer",
        json!({
            "type": "object",
            "description": "A JSON-RPC 2.0 response: result or error.",
            "required": ["jsonrpc", "id"],
            "properties": { "jsonrpc": { "const": "2.0" }, "id": { "description": "The request's id; null if it was unreadable." }, "result": { "type": "object" }, "error": error },
        }),
    );
    json!({ "anyOf": [answer, { "type": "array", "items": answer }] })
}

/// Returns the schema of one of the two documents.
pub(crate) fn any_object(_: &mut Schemas) -> Value {
    json!({ "type": "object" })
}

/// Returns the schema of a timestamp in a response.
pub(crate) fn timestamp(schemas: &mut Schemas) -> Value {
    schemas.written::<Timestamp>()
}
