//! Publishes events to Kafka: through an output binding per topic, or through pub/sub.

use std::collections::HashMap;

use dapr::client::{InvokeBindingRequest, PublishEventRequest};
use domain::event::Topic;
use function::ports::Broker;
use function::settings::EventsBy;
use function::{BoxError, BoxFuture};

use crate::{Sidecar, SidecarError};

/// The pub/sub component.
pub(crate) const PUBSUB: &str = "kafka-pubsub";
/// Metadata that becomes the key of the Kafka record; `key` does not.
const PARTITION_KEY: &str = "partitionKey";
/// Content type of events that the sidecar forwards unchanged. It wraps any other type into an event of its own.
const STRUCTURED: &str = "application/cloudevents+json";

/// The port [`Broker`] over Dapr. The output binding of a topic has the topic's name.
#[derive(Clone)]
pub struct Events {
    sidecar: Sidecar,
    by: EventsBy,
}

impl Events {
    /// Creates the port over this sidecar.
    #[must_use]
    pub fn new(sidecar: Sidecar, by: EventsBy) -> Self {
        Self { sidecar, by }
    }

    /// Returns the component that accepts the events of this topic.
    pub(crate) fn component(&self, topic: Topic) -> &'static str {
        match self.by {
            EventsBy::Bindings => topic.as_str(),
            EventsBy::PubSub => PUBSUB,
        }
    }

    pub(crate) async fn publish(&self, topic: Topic, key: &str, event: &str) -> Result<(), SidecarError> {
        let metadata = HashMap::from([(PARTITION_KEY.to_owned(), key.to_owned())]);
        let (name, data) = (self.component(topic).to_owned(), event.as_bytes().to_vec());
        match self.by {
            EventsBy::Bindings => {
                let request = InvokeBindingRequest { name, data, metadata, operation: "create".to_owned() };
                self.sidecar.call(async |mut client| client.invoke_binding(request).await).await.map(drop)
            }
            EventsBy::PubSub => {
                let (topic, data_content_type) = (topic.as_str().to_owned(), STRUCTURED.to_owned());
                let request = PublishEventRequest { pubsub_name: name, topic, data, data_content_type, metadata };
                self.sidecar.call(async |mut client| client.publish_event(request).await).await
            }
        }
    }
}

impl Broker for Events {
    fn send<'a>(&'a self, topic: Topic, key: &'a str, event: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { Ok(self.publish(topic, key, event).await?) })
    }
}
