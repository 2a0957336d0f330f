//! The `AsyncAPI` document: topics, their messages, and the functions that send and receive them.

use domain::Notification;
use domain::event::{CommandType, EventType, TaskUpdate, Topic};
use domain::routes::{self, Route};
use domain::transfer::TasksImported;
use serde_json::{Map, Value, json};

use crate::cloud_event::{self, is_of_task, is_shown};
use crate::schemas::Schemas;

const CONTENT_TYPE: &str = "application/cloudevents+json";
/// Number of partitions of each topic.
const PARTITIONS: u32 = 3;

pub(crate) fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut messages = Map::new();
    let mut channels: Map<String, Value> =
        Topic::ALL.iter().map(|topic| (topic.as_str().to_owned(), channel(*topic, &mut messages, &mut schemas))).collect();
    let mut operations = Map::new();
    for route in routes::ALL {
        operations.extend(sends(route));
        operations.extend(receives(route));
    }
    operations.insert(
        "bus.send.dead-letters".to_owned(),
        operation("send", Topic::DeadLetters, &["any".to_owned()], "Stores events that a consumer could not process."),
    );
    channels.insert(SOCKET.to_owned(), socket(&mut messages, &mut schemas));
    for (name, action, own, summary) in [
        (
            "notify.send.notifications",
            "send",
            &["notification", "update", "imported", "pong"][..],
            "Sends notifications and changes to a page.",
        ),
        ("notify.receive.notifications", "receive", &["ping"][..], "Receives pings of a page."),
    ] {
        let own: Vec<String> = own.iter().map(|name| (*name).to_owned()).collect();
        operations.insert(name.to_owned(), on(action, SOCKET, &own, summary));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Taskflow events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "CloudEvents 1.0 in the structured JSON form. Events of one task stay in order: the partition key is the task's id. \
                Delivery is at least once; the id tells one event from another.",
            "license": { "name": "Apache-2.0" },
        },
        "servers": servers(),
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas.components(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "Required if TASKFLOW_API_TOKEN is set." },
            },
        },
    })
}

/// Servers: the Kafka broker, and the WebSocket.
fn servers() -> Value {
    json!({
        "kafka": {
            "host": "{broker}",
            "protocol": "kafka",
            "description": "The broker behind Dapr. Not used in one process.",
            "variables": { "broker": { "default": "localhost:9092", "description": "Host and port, as in Dapr's component." } },
        },
        "web": {
            "host": "{host}",
            "protocol": "ws",
            "description": "Taskflow's address; wss over HTTPS.",
            "variables": { "host": { "default": "localhost:8080" } },
            "security": [{ "$ref": "#/components/securitySchemes/token" }],
        },
    })
}

/// The channel of the WebSocket.
const SOCKET: &str = "notifications";

/// The WebSocket: its handshake and its frames.
fn socket(messages: &mut Map<String, Value>, schemas: &mut Schemas) -> Value {
    let notification = schemas.written::<Notification>();
    let update = schemas.written::<TaskUpdate>();
    let import = schemas.written::<TasksImported>();
    let of = |schema: &Value, name: &str| json!({ "$ref": format!("{}/properties/{name}", schema["$ref"].as_str().unwrap_or_default()) });
    let frame = |ty: &str, own: &[(&str, Value)]| {
        let mut properties = Map::from_iter([("type".to_owned(), json!({ "const": ty }))]);
        properties.extend(own.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())));
        let required: Vec<&String> = properties.keys().collect();
        json!({ "type": "object", "required": required, "properties": properties })
    };
    let shown = ["id", "event_type", "task_id", "reminder_id", "title", "body", "created_at"].map(|name| (name, of(&notification, name)));
    let changed = ["event_type", "task_id", "update_data"].map(|name| (name, of(&update, name)));
    let imported = ["import_id", "count"].map(|name| (name, of(&import, name)));
    let frames = [
        (
            "notification",
            "A reminder has fired. Stored for 90 days: a client that reconnects resumes after its last id.",
            frame("notification", &shown),
        ),
        ("update", "A task has changed. Sent once, and not stored.", frame("update", &changed)),
        ("imported", "Tasks were imported; a page reloads its list. Sent once, and not stored.", frame("imported", &imported)),
        ("ping", "Checks the connection. At most 4,096 bytes; a larger frame closes it with 1009.", frame("ping", &[])),
        ("pong", "The answer to a ping.", frame("pong", &[])),
    ];
    let mut of_channel = Map::new();
    for (name, summary, payload) in frames {
        let component = format!("{SOCKET}.{name}");
        of_channel.insert(name.to_owned(), json!({ "$ref": format!("#/components/messages/{component}") }));
        messages.insert(
            component,
            json!({ "name": name, "title": "A text frame", "summary": summary, "contentType": "application/json", "payload": payload }),
        );
    }
    let protocols = "taskflow; and, where a page cannot set Authorization, bearer.<the token in base64url, without padding>. The answer names taskflow. \
        A page of another origin gets 403, a handshake without the token 401, and one too many 503.";
    json!({
        "address": "/ws/notifications",
        "title": "Notifications and changes for pages",
        "description": "JSON text frames: everything that comes after the answer to the handshake, so open the socket, then list. The server sends a protocol-level ping every 30 s, and closes a connection that is silent for 75 s.",
        "servers": [{ "$ref": "#/servers/web" }],
        "messages": of_channel,
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {
                    "type": "object",
                    "properties": {
                        "after": { "type": "integer", "format": "int64", "description": "The client's last notification; later ones are sent first." },
                    },
                },
                "headers": {
                    "type": "object",
                    "properties": {
                        "Sec-WebSocket-Protocol": {
                            "type": "string",
                            "description": protocols,
                            "examples": ["taskflow", "taskflow, bearer.c2VjcmV0"],
                        },
                    },
                },
                "bindingVersion": "0.1.0",
            },
        },
    })
}

fn channel(topic: Topic, messages: &mut Map<String, Value>, schemas: &mut Schemas) -> Value {
    let is_home = |event| home(event) == topic;
    let (description, own) = match topic {
        Topic::TaskEvents => ("Changes of tasks.", announced("An event", is_home, cloud_event::event, schemas)),
        Topic::Reminders => ("Changes of reminders.", announced("An event", is_home, cloud_event::event, schemas)),
        Topic::TaskUpdates => ("Live changes for open pages.", announced("A change for pages", is_shown, cloud_event::update, schemas)),
        Topic::TaskCommands => ("Commands from any producer. Each runs once per source and id.", commands(schemas)),
        Topic::DeadLetters => (
            "Events that a consumer could not process, unchanged, with the consumer's name, the attempts and the last error as extensions.",
            vec![("any".to_owned(), "Any CloudEvent", cloud_event::any(schemas))],
        ),
    };
    let mut of_channel = Map::new();
    for (name, title, payload) in own {
        let component = format!("{topic}.{name}");
        of_channel.insert(name.clone(), json!({ "$ref": format!("#/components/messages/{component}") }));
        let key = json!({ "type": "string", "description": "The task's id." });
        let message = json!({
            "name": name,
            "title": title,
            "contentType": CONTENT_TYPE,
            "payload": payload,
            "bindings": { "kafka": { "key": key, "bindingVersion": "0.5.0" } },
        });
        messages.insert(component, message);
    }
    json!({
        "address": topic.as_str(),
        "description": description,
        "servers": [{ "$ref": "#/servers/kafka" }],
        "messages": of_channel,
        "bindings": { "kafka": { "topic": topic.as_str(), "partitions": PARTITIONS, "replicas": 1, "bindingVersion": "0.5.0" } },
    })
}

type Message = (String, &'static str, Value);

fn announced(
    title: &'static str,
    is_there: impl Fn(EventType) -> bool,
    schema: fn(EventType, &mut Schemas) -> Value,
    schemas: &mut Schemas,
) -> Vec<Message> {
    let own = EventType::ALL.iter().filter(|event| is_there(**event));
    own.map(|event| (event.as_str().to_owned(), title, schema(*event, schemas))).collect()
}

fn commands(schemas: &mut Schemas) -> Vec<Message> {
    CommandType::ALL.iter().map(|command| (command.as_str().to_owned(), "A command", cloud_event::command(*command, schemas))).collect()
}

/// Returns the topic that an event is announced on.
fn home(event: EventType) -> Topic {
    if is_of_task(event) { Topic::TaskEvents } else { Topic::Reminders }
}

fn sends(route: &Route) -> Vec<(String, Value)> {
    let events: Vec<EventType> = route.announced().collect();
    let on = |topic: Topic, is_there: &dyn Fn(EventType) -> bool| {
        let names: Vec<String> = events.iter().filter(|event| is_there(**event)).map(ToString::to_string).collect();
        let name = format!("{}.send.{topic}", route.name);
        (!names.is_empty()).then(|| (name, operation("send", topic, &names, &format!("Events that {} publishes.", route.name))))
    };
    let topics = [
        on(Topic::TaskEvents, &|event| home(event) == Topic::TaskEvents),
        on(Topic::Reminders, &|event| home(event) == Topic::Reminders),
        on(Topic::TaskUpdates, &is_shown),
    ];
    topics.into_iter().flatten().collect()
}

fn receives(route: &Route) -> Vec<(String, Value)> {
    let mut operations: Vec<(String, Value)> = Vec::new();
    for subscription in route.consumes {
        let names: Vec<String> = subscription.types.iter().map(ToString::to_string).collect();
        let name = format!("{}.receive.{}", route.name, subscription.topic);
        operations.push((name, operation("receive", subscription.topic, &names, &format!("Events that {} consumes.", route.name))));
    }
    let commands: Vec<String> = route.commands().map(|command| command.to_string()).collect();
    if !commands.is_empty() {
        let name = format!("{}.receive.{}", route.name, Topic::TaskCommands);
        operations.push((name, operation("receive", Topic::TaskCommands, &commands, &format!("Commands that {} executes.", route.name))));
    }
    operations
}

fn operation(action: &str, topic: Topic, messages: &[String], summary: &str) -> Value {
    on(action, topic.as_str(), messages, summary)
}

fn on(action: &str, channel: &str, messages: &[String], summary: &str) -> Value {
    let messages: Vec<Value> = messages.iter().map(|name| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") })).collect();
    json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") }, "summary": summary, "messages": messages })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_announced_by_a_function() {
        for event in EventType::ALL {
            assert!(
                routes::ALL.iter().any(|route| route.announced().any(|announced| announced == *event)),
                "no route in shared/domain/src/routes.rs announces {event}"
            );
        }
    }

    #[test]
    fn every_consumed_event_is_on_its_topic() {
        let document = document();
        for subscription in routes::ALL.iter().flat_map(|route| route.consumes) {
            for ty in subscription.types {
                assert!(
                    document["channels"][subscription.topic.as_str()]["messages"].get(ty.as_str()).is_some(),
                    "{ty} on {}",
                    subscription.topic
                );
            }
        }
    }
}
