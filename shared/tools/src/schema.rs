//! JSON Schemas of the arguments, from the operations' types: without references, and with keywords that models know.

use domain::schedule::Occurrence;
use domain::schema::{constants_as_enum, null_as_type};
use domain::{Reminder, Task};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::call::{LIMIT_DEFAULT, LIMIT_MAX};

/// Keywords that models know. The function checks the rest of a rule when the tool is called.
const KNOWN: &[&str] = &[
    "type",
    "title",
    "description",
    "enum",
    "format",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "properties",
    "required",
    "additionalProperties",
    "anyOf",
    "default",
];

/// Returns the schema of a request type.
pub(crate) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    let Value::Object(mut fields) = schema else { return nothing() };
    // The type's own name and description are about REST and events.
    fields.remove("title");
    fields.remove("description");
    fields.entry("properties").or_insert_with(|| json!({}));
    fields.insert("additionalProperties".to_owned(), false.into());
    Value::Object(fields)
}

/// Returns the schema of a list's arguments: a page that a model can read, and tags as a list, which a query string separates by commas.
pub(crate) fn list<T: JsonSchema>() -> Value {
    let mut schema = of::<T>();
    let properties = &mut schema["properties"];
    properties["limit"] = json!({
        "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT, "description": "Tasks on a page.",
    });
    if properties.get("tags").is_some() {
        properties["tags"] = json!({ "type": "array", "items": { "type": "string" }, "description": "Only tasks with these tags." });
    }
    schema
}

/// Returns the schema of a tool's output under this field. Absent fields are omitted, and times are in the user's zone, so few fields are required.
pub(crate) fn output(answer: &str, changes: bool) -> Value {
    let list = |items: Value| json!({ "type": "array", "items": items });
    let (own, total) = match answer {
        "task" => (written::<Task>(), false),
        "tasks" => (list(written::<Task>()), true),
        "reminder" => (written::<Reminder>(), false),
        "reminders" => (list(written::<Reminder>()), false),
        "occurrences" => (list(written::<Occurrence>()), false),
        "tags" => {
            let count = json!({ "tag": { "type": "string" }, "count": { "type": "integer", "description": "Tasks that have it." } });
            (list(json!({ "type": "object", "properties": count })), false)
        }
        // A deletion only returns true.
        _ => (json!({ "type": "boolean" }), false),
    };
    let mut schema = json!({ "type": "object", "properties": { answer: own }, "required": [answer] });
    if total {
        schema["properties"]["total_count"] = json!({ "type": "integer", "description": "Tasks that match, on all pages." });
        schema["required"] = json!([answer, "total_count"]);
    }
    if changes {
        schema["properties"]["change_id"] = json!({ "type": "string", "description": "Names the change, for undo_change." });
    }
    schema
}

/// Returns the schema of a response type, as a model sees it.
fn written<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    loosen(&mut schema);
    schema
}

/// Removes rules that hold for REST responses only.
fn loosen(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(loosen),
        Value::Object(fields) => {
            for name in [
                "required",
                "format",
                "additionalProperties",
                "minLength",
                "maxLength",
                "minimum",
                "maximum",
                "minItems",
                "maxItems",
                "default",
            ] {
                // A property may have this name; a rule is not a schema.
                if fields.get(name).is_some_and(|rule| !rule.is_object()) {
                    fields.remove(name);
                }
            }
            fields.values_mut().for_each(loosen);
        }
        _ => {}
    }
}

/// Returns the schema of no arguments.
pub(crate) fn nothing() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

fn tidy(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    constants_as_enum(fields);
    null_as_type(fields);
    // Removes Rust-only formats, and null as a default without a JSON form.
    let is_known_format = |format: &Value| matches!(format.as_str(), Some("date-time" | "int64"));
    if fields.get("format").is_some_and(|format| !is_known_format(format)) {
        fields.remove("format");
    }
    if fields.get("default").is_some_and(Value::is_null) {
        fields.remove("default");
    }
    fields.retain(|name, _| KNOWN.contains(&name.as_str()));
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(name) {
            tidy(inner);
        }
    }
    if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
        choices.iter_mut().for_each(tidy);
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(tidy);
    }
}
