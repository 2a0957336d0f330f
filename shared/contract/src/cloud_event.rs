//! `CloudEvents` 1.0 in the structured JSON form: the envelope, and what it carries by type.

use domain::event::{CommandType, EventType, ReminderEvent, TaskEvent, TaskUpdate};
use domain::routes;
use domain::transfer::TasksImported;
use serde_json::{Map, Value, json};

use crate::operations;
use crate::schemas::{Schemas, timestamp};

/// Characters of an event's id, source or type, at most.
const ATTRIBUTE_MAX: usize = 1024;

/// The data of a command: the body of its operation, with the fields of the path.
fn command_data(command: CommandType, schemas: &mut Schemas) -> Option<Value> {
    let mut all = routes::of_command(command)?.operations.iter();
    let operation = all.find(|operation| operation.command == Some(command))?;
    Some((operations::types(operation.id)?.body?.reference)(schemas))
}

/// What an event tells of, as its subject names it.
fn subject(event: EventType) -> &'static str {
    match event {
        EventType::TaskCreated | EventType::TaskUpdated | EventType::TaskCompleted | EventType::TaskDeleted | EventType::TaskRestored => {
            "task"
        }
        EventType::TasksImported => "import",
        EventType::ReminderScheduled
        | EventType::ReminderTriggered
        | EventType::ReminderSent
        | EventType::ReminderFailed
        | EventType::ReminderCancelled => "reminder",
    }
}

/// Whether an event tells of tasks; the others tell of a reminder.
pub(crate) fn is_of_task(event: EventType) -> bool {
    subject(event) != "reminder"
}

/// Whether pages hear of it on task-updates.
pub(crate) fn is_shown(event: EventType) -> bool {
    is_of_task(event) || event == EventType::ReminderTriggered
}

/// The data of an event on task-events or reminders.
pub(crate) fn event_data(event: EventType, schemas: &mut Schemas) -> Value {
    match subject(event) {
        "task" => schemas.written::<TaskEvent>(),
        "import" => schemas.written::<TasksImported>(),
        _ => schemas.written::<ReminderEvent>(),
    }
}

/// The data of an event on task-updates.
pub(crate) fn update_data(event: EventType, schemas: &mut Schemas) -> Value {
    if event == EventType::TasksImported { schemas.written::<TasksImported>() } else { schemas.written::<TaskUpdate>() }
}

/// A name for a component, such as `TaskCreate` for `task.create`.
pub(crate) fn pascal(name: &str) -> String {
    let mut pascal = String::with_capacity(name.len());
    for word in name.split(['.', '-']) {
        let mut letters = word.chars();
        pascal.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        pascal.push_str(letters.as_str());
    }
    pascal
}

/// What is the same for any event from anywhere.
fn attributes() -> Map<String, Value> {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "maxLength": ATTRIBUTE_MAX, "pattern": "^[^\\u0000]*$", "description": description });
    let attributes = [
        ("specversion", json!({ "const": "1.0" })),
        ("id", text("With source: which event it is. A command is done once for each.")),
        (
            "source",
            json!({ "type": "string", "format": "uri-reference", "minLength": 1, "maxLength": ATTRIBUTE_MAX, "description": "Who speaks." }),
        ),
        ("type", text("What happened, or what is asked for.")),
    ];
    attributes.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A command as any producer may send it: the bare minimum that `CloudEvents` asks for.
pub(crate) fn command(command: CommandType, schemas: &mut Schemas) -> Value {
    let data = command_data(command, schemas);
    let mut properties = attributes();
    properties.insert("type".to_owned(), json!({ "const": command.as_str() }));
    properties.insert("datacontenttype".to_owned(), json!({ "const": "application/json" }));
    properties.insert(
        "correlationid".to_owned(),
        json!({ "type": "string", "description": "Ties together everything one call caused; the id where left out." }),
    );
    properties.insert("data".to_owned(), data.unwrap_or_default());
    let schema = json!({
        "type": "object",
        "description": format!("The command {command}, as a CloudEvent. Other attributes and extensions are allowed."),
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": properties,
    });
    schemas.define(&format!("{}Command", pascal(command.as_str())), schema)
}

/// An event as Taskflow announces it. `name` is the component's.
pub(crate) fn event(name: &str, event: EventType, data: &Value, schemas: &mut Schemas) -> Value {
    let subject = match subject(event) {
        "reminder" if name.ends_with("Update") => "task",
        subject => subject,
    };
    let mut properties = attributes();
    let time = timestamp(schemas);
    let own = [
        ("id", json!({ "type": "string", "format": "uuid", "description": "A UUIDv7." })),
        ("source", json!({ "type": "string", "pattern": "^/taskflow/[a-z-]+$", "description": "The function that speaks." })),
        ("type", json!({ "const": event.as_str() })),
        ("subject", json!({ "type": "string", "pattern": format!("^{subject}/[0-9]+$") })),
        ("time", time),
        ("datacontenttype", json!({ "const": "application/json" })),
        ("correlationid", json!({ "type": "string", "description": "Ties together everything one call caused." })),
        ("causationid", json!({ "type": "string", "description": "In the answer to a command: the command's id." })),
        (
            "partitionkey",
            json!({ "type": "string", "pattern": "^[0-9]+$", "description": "The task's id, and the Kafka key: events of one task stay in order." }),
        ),
        ("traceparent", json!({ "type": "string", "description": "W3C Trace Context." })),
        ("data", data.clone()),
    ];
    properties.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    let schema = json!({
        "type": "object",
        "description": format!("The event {event}, as a CloudEvent."),
        "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "correlationid", "partitionkey", "data"],
        "properties": properties,
    });
    schemas.define(name, schema)
}

/// Any event, such as those among the dead letters.
pub(crate) fn any(schemas: &mut Schemas) -> Value {
    let schema = json!({
        "type": "object",
        "description": "Any CloudEvent 1.0.",
        "required": ["specversion", "id", "source", "type"],
        "properties": attributes(),
    });
    schemas.define("CloudEvent", schema)
}
