//! The `AsyncAPI` document: topics, what travels on them, and which function says and hears what.

use domain::event::{CommandType, EventType, Topic};
use domain::routes::{self, Route};
use serde_json::{Map, Value, json};

use crate::cloud_event::{self, is_of_task, is_shown, pascal};
use crate::schemas::Schemas;

const CONTENT_TYPE: &str = "application/cloudevents+json";
/// What the topics are made with.
const PARTITIONS: u32 = 3;

pub(crate) fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut messages = Map::new();
    let channels: Map<String, Value> =
        Topic::ALL.iter().map(|topic| (topic.as_str().to_owned(), channel(*topic, &mut messages, &mut schemas))).collect();
    let mut operations = Map::new();
    for route in routes::ALL {
        operations.extend(sends(route));
        operations.extend(receives(route));
    }
    operations.insert(
        "bus.send.dead-letters".to_owned(),
        operation("send", Topic::DeadLetters, &["any".to_owned()], "Sets aside what a consumer could not take."),
    );
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Taskflow events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "CloudEvents 1.0 in the structured JSON form. Events of one task stay in order: the partition key is the task's id. \
                Delivery is at least once; the id tells one event from another.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas.components() },
    })
}

fn channel(topic: Topic, messages: &mut Map<String, Value>, schemas: &mut Schemas) -> Value {
    let (description, own) = match topic {
        Topic::TaskEvents => ("What happened to tasks.", happened(topic, schemas)),
        Topic::Reminders => ("What happened to reminders.", happened(topic, schemas)),
        Topic::TaskUpdates => ("What pages show live.", updates(schemas)),
        Topic::TaskCommands => ("What callers ask for: from any producer, each done once for its source and id.", commands(schemas)),
        Topic::DeadLetters => (
            "What a consumer could not take: the event as it came, with the consumer's name, the attempts and the last error as extensions.",
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
        "messages": of_channel,
        "bindings": { "kafka": { "topic": topic.as_str(), "partitions": PARTITIONS, "replicas": 1, "bindingVersion": "0.5.0" } },
    })
}

type Message = (String, &'static str, Value);

fn happened(topic: Topic, schemas: &mut Schemas) -> Vec<Message> {
    let own = EventType::ALL.iter().filter(|event| home(**event) == topic);
    own.map(|event| {
        let data = cloud_event::event_data(*event, schemas);
        let payload = cloud_event::event(&format!("{}Event", pascal(event.as_str())), *event, &data, schemas);
        (event.as_str().to_owned(), "What happened", payload)
    })
    .collect()
}

fn updates(schemas: &mut Schemas) -> Vec<Message> {
    let own = EventType::ALL.iter().filter(|event| is_shown(**event));
    own.map(|event| {
        let data = cloud_event::update_data(schemas);
        let payload = cloud_event::event(&format!("{}Update", pascal(event.as_str())), *event, &data, schemas);
        (event.as_str().to_owned(), "What a page shows", payload)
    })
    .collect()
}

fn commands(schemas: &mut Schemas) -> Vec<Message> {
    CommandType::ALL
        .iter()
        .map(|command| (command.as_str().to_owned(), "What is asked for", cloud_event::command(*command, schemas)))
        .collect()
}

/// The topic where an event is announced.
fn home(event: EventType) -> Topic {
    if is_of_task(event) { Topic::TaskEvents } else { Topic::Reminders }
}

fn sends(route: &Route) -> Vec<(String, Value)> {
    let events: Vec<EventType> = route.announced().collect();
    let on = |topic: Topic, is_there: &dyn Fn(EventType) -> bool| {
        let names: Vec<String> = events.iter().filter(|event| is_there(**event)).map(ToString::to_string).collect();
        let name = format!("{}.send.{topic}", route.name);
        (!names.is_empty()).then(|| (name, operation("send", topic, &names, &format!("What {} announces.", route.name))))
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
        operations.push((name, operation("receive", subscription.topic, &names, &format!("What {} hears.", route.name))));
    }
    let commands: Vec<String> = route.commands().map(|command| command.to_string()).collect();
    if !commands.is_empty() {
        let name = format!("{}.receive.{}", route.name, Topic::TaskCommands);
        operations.push((name, operation("receive", Topic::TaskCommands, &commands, &format!("What {} obeys.", route.name))));
    }
    operations
}

fn operation(action: &str, topic: Topic, messages: &[String], summary: &str) -> Value {
    let messages: Vec<Value> = messages.iter().map(|name| json!({ "$ref": format!("#/channels/{topic}/messages/{name}") })).collect();
    json!({ "action": action, "channel": { "$ref": format!("#/channels/{topic}") }, "summary": summary, "messages": messages })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_announced_by_somebody() {
        for event in EventType::ALL {
            assert!(
                routes::ALL.iter().any(|route| route.announced().any(|announced| announced == *event)),
                "no route in shared/domain/src/routes.rs announces {event}"
            );
        }
    }

    #[test]
    fn what_is_consumed_is_on_the_topic() {
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
