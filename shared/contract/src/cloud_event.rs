//! `CloudEvents` 1.0 in structured JSON form: the envelope, and its data by type.

use domain::event::{CommandType, EventType, ReminderEvent, TaskEvent, TaskUpdate};
use domain::routes;
use domain::transfer::TasksImported;
use serde_json::{Map, Value, json};

use crate::operations;
use crate::schemas::{Schemas, timestamp};

/// Maximum characters of an event's id, source or type.
const ATTRIBUTE_MAX: usize = 1024;

/// Returns the schema of a command's data: the body of its operation, with the fields of the path.
fn command_data(command: CommandType, schemas: &mut Schemas) -> Option<Value> {
    let mut all = routes::of_command(command)?.operations.iter();
    let operation = all.find(|operation| operation.command == Some(command))?;
    Some((operations::types(operation.id)?.body?.reference)(schemas))
}

/// Returns the kind of object that an event describes, as in its subject.
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

/// True if an event describes tasks; the others describe a reminder.
pub(crate) fn is_of_task(event: EventType) -> bool {
    subject(event) != "reminder"
}

/// True if pages receive the event on task-updates.
pub(crate) fn is_shown(event: EventType) -> bool {
    is_of_task(event) || event == EventType::ReminderTriggered
}

/// Returns the name of a component, such as `TaskCreate` for `task.create`.
fn pascal(name: &str) -> String {
    let mut pascal = String::with_capacity(name.len());
    for word in name.split(['.', '-']) {
        let mut letters = word.chars();
        pascal.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        pascal.push_str(letters.as_str());
    }
    pascal
}

/// Returns the attributes that every event has.
fn attributes() -> Map<String, Value> {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "maxLength": ATTRIBUTE_MAX, "pattern": "^[^\\u0000]*$", "description": description });
    let attributes = [
        ("specversion", json!({ "const": "1.0" })),
        ("id", text("Identifies the event together with source. A command runs once per source and id.")),
        (
            "source",
            json!({ "type": "string", "format": "uri-reference", "minLength": 1, "maxLength": ATTRIBUTE_MAX, "description": "Who speaks." }),
        ),
        ("type", text("The type of the event or command.")),
    ];
    attributes.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// Returns the schema of a command as any producer may send it, with the attributes that `CloudEvents` requires.
pub(crate) fn command(command: CommandType, schemas: &mut Schemas) -> Value {
    let data = command_data(command, schemas);
    let mut properties = attributes();
    properties.insert("type".to_owned(), json!({ "const": command.as_str() }));
    properties.insert("datacontenttype".to_owned(), json!({ "const": "application/json" }));
    properties.insert(
        "correlationid".to_owned(),
        json!({ "type": "string", "description": "Identifies everything one call caused; the event's id if left out." }),
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

/// Returns the schema of an event on task-events or reminders.
pub(crate) fn event(event: EventType, schemas: &mut Schemas) -> Value {
    let subject = subject(event);
    let data = match subject {
        "task" => schemas.written::<TaskEvent>(),
        "import" => schemas.written::<TasksImported>(),
        _ => schemas.written::<ReminderEvent>(),
    };
    announced(event, "Event", subject, data, schemas)
}

/// Returns the schema of an event on task-updates. It describes tasks, even if a reminder caused it.
pub(crate) fn update(event: EventType, schemas: &mut Schemas) -> Value {
    let (subject, data) = match event {
        EventType::TasksImported => ("import", schemas.written::<TasksImported>()),
        _ => ("task", schemas.written::<TaskUpdate>()),
    };
    announced(event, "Update", subject, data, schemas)
}

/// Returns the schema of an event as Taskflow announces it. `kind` ends the component's name.
fn announced(event: EventType, kind: &str, subject: &str, data: Value, schemas: &mut Schemas) -> Value {
    let mut properties = attributes();
    let time = timestamp(schemas);
    let own = [
        ("id", json!({ "type": "string", "format": "uuid", "description": "A UUIDv7." })),
        ("source", json!({ "type": "string", "pattern": "^/taskflow/[a-z-]+$", "description": "The function that announces." })),
        ("type", json!({ "const": event.as_str() })),
        ("subject", json!({ "type": "string", "pattern": format!("^{subject}/[0-9]+$") })),
        ("time", time),
        ("datacontenttype", json!({ "const": "application/json" })),
        ("correlationid", json!({ "type": "string", "description": "Identifies everything one call caused." })),
        ("causationid", json!({ "type": "string", "description": "In the answer to a command: the command's id." })),
        (
            "partitionkey",
            json!({ "type": "string", "pattern": "^[0-9]+$", "description": "The task's id, and the Kafka key. Events of one task stay in order." }),
        ),
        ("traceparent", json!({ "type": "string", "description": "W3C Trace Context." })),
        ("data", data),
    ];
    properties.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    let schema = json!({
        "type": "object",
        "description": format!("The event {event}, as a CloudEvent."),
        "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "correlationid", "partitionkey", "data"],
        "properties": properties,
    });
    schemas.define(&format!("{}{kind}", pascal(event.as_str())), schema)
}

/// Returns the schema of any event, such as a dead letter.
pub(crate) fn any(schemas: &mut Schemas) -> Value {
    let schema = json!({
        "type": "object",
        "description": "Any CloudEvent 1.0.",
        "required": ["specversion", "id", "source", "type"],
        "properties": attributes(),
    });
    schemas.define("CloudEvent", schema)
}
