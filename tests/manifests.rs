//! The manifests say what the table of routes says: each is a file, and its name is the component's.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use domain::event::Topic;
use domain::routes;
use serde_yaml_ng::Value;

/// Where one folder's resources are.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("dapr-components").join(name)
}

/// The resources of a folder by the names of their files.
fn resources(name: &str) -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let named = files.map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), serde_yaml_ng::from_str(&text).unwrap())
    });
    named.filter(|(name, _)| name != "kustomization").collect()
}

fn metadata<'a>(component: &'a Value, name: &str) -> Option<&'a str> {
    let all = component["spec"]["metadata"].as_sequence()?;
    all.iter().find(|item| item["name"] == name)?["value"].as_str()
}

fn consumed() -> BTreeSet<Topic> {
    routes::ALL.iter().flat_map(|route| route.consumes).map(|subscription| subscription.topic).collect()
}

#[test]
fn a_file_is_a_component_of_its_name_and_the_folder_lists_it() {
    for name in ["bindings", "pubsub", "common", "configuration"] {
        let list: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(folder(name).join("kustomization.yaml")).unwrap()).unwrap();
        let listed: BTreeSet<&str> =
            list["resources"].as_sequence().unwrap().iter().filter_map(|item| item.as_str()?.strip_suffix(".yaml")).collect();
        let resources = resources(name);
        assert_eq!(listed, resources.keys().map(String::as_str).collect(), "{name}");
        for (file, resource) in resources {
            if resource["kind"] == "Component" || resource["kind"] == "Subscription" {
                assert_eq!(resource["metadata"]["name"], file.as_str());
            }
            if resource["kind"] != "Configuration" {
                assert_eq!(
                    resource["scopes"].as_sequence().map(|scopes| scopes.iter().filter_map(Value::as_str).collect()),
                    Some(vec!["taskflow"]),
                    "{file}"
                );
            }
        }
    }
}

#[test]
fn every_consumer_has_a_binding_for_each_of_its_topics_and_every_topic_one_to_publish_by() {
    let own = routes::ALL.iter().flat_map(|route| route.consumes.iter().map(|subscription| (route.name, subscription.topic)));
    let wanted: BTreeSet<_> =
        own.chain([(routes::GATEWAY.name, Topic::TaskCommands)]).map(|(name, topic)| format!("{name}-{topic}")).collect();
    let bindings = resources("bindings");
    let (inputs, outputs): (BTreeMap<_, _>, BTreeMap<_, _>) =
        bindings.into_iter().partition(|(_, binding)| metadata(binding, "direction") == Some("input"));
    assert_eq!(inputs.keys().cloned().collect::<BTreeSet<_>>(), wanted);
    for (name, binding) in &inputs {
        let topic = Topic::ALL.iter().find(|topic| name.ends_with(&format!("-{topic}"))).unwrap();
        let consumer = name.strip_suffix(&format!("-{topic}")).unwrap();
        let route = format!("/deliveries/{consumer}/{topic}");
        for (key, value) in [
            ("topics", topic.as_str()),
            ("consumerGroup", name),
            ("route", &route),
            ("initialOffset", "oldest"),
            ("consumeRetryEnabled", "true"),
            ("backOffPolicy", "constant"),
            ("backOffMaxRetries", "-1"),
        ] {
            assert_eq!(metadata(binding, key), Some(value), "{name}: {key}");
        }
    }
    // Commands come from others.
    let published: BTreeSet<String> = Topic::ALL.iter().filter(|topic| **topic != Topic::TaskCommands).map(ToString::to_string).collect();
    assert_eq!(outputs.keys().cloned().collect::<BTreeSet<_>>(), published);
    for (name, binding) in &outputs {
        assert_eq!((metadata(binding, "publishTopic"), metadata(binding, "direction")), (Some(name.as_str()), Some("output")));
    }
}

#[test]
fn every_topic_that_is_consumed_has_a_subscription_that_sets_aside() {
    let subscriptions: BTreeMap<_, _> =
        resources("pubsub").into_iter().filter(|(_, resource)| resource["kind"] == "Subscription").collect();
    let wanted: BTreeSet<_> = consumed().into_iter().chain([Topic::TaskCommands]).map(|topic| format!("{topic}-subscription")).collect();
    assert_eq!(subscriptions.keys().cloned().collect::<BTreeSet<_>>(), wanted);
    for (name, subscription) in subscriptions {
        let topic = name.strip_suffix("-subscription").unwrap();
        let spec = &subscription["spec"];
        assert_eq!(spec["topic"], topic);
        assert_eq!(spec["routes"]["default"], format!("/deliveries/{topic}").as_str());
        assert_eq!(spec["deadLetterTopic"], Topic::DeadLetters.as_str());
    }
}
