//! The manifests say what the table of routes says: each is a file, and its name is the component's.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

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

/// The manifest or list at this path of the repository.
fn yaml(path: &str) -> Value {
    let path = folder("..").join(path);
    serde_yaml_ng::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_sequence().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn every_function_is_a_knative_service_and_nothing_else_is() {
    let list = yaml("knative/base/functions/kustomization.yaml");
    let listed: BTreeSet<&str> = texts(&list["resources"]).into_iter().map(|file| file.strip_suffix(".yaml").unwrap()).collect();
    assert_eq!(listed, routes::ALL.iter().map(|route| route.name).collect(), "knative/base/functions/kustomization.yaml");
    let files = std::fs::read_dir(folder("../knative/base/functions")).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let beside = ["kustomization", "every-function"];
    assert_eq!(files.iter().map(String::as_str).collect::<BTreeSet<_>>(), listed.iter().copied().chain(beside).collect());
    for name in listed {
        let service = yaml(&format!("knative/base/functions/{name}.yaml"));
        assert_eq!((&service["apiVersion"], &service["kind"]), (&"serving.knative.dev/v1".into(), &"Service".into()), "{name}");
        let image = &service["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!((&service["metadata"]["name"], image), (&name.into(), &name.into()), "one name everywhere");
    }
}

#[test]
fn every_program_has_an_image() {
    let bake = std::fs::read_to_string(folder("../docker-bake.hcl")).unwrap();
    let list = bake.split_once("matrix = { program = [").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
    let images: BTreeSet<&str> = list.split(',').map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty()).collect();
    let own = [routes::GATEWAY.name, "migrate"];
    assert_eq!(images, routes::ALL.iter().map(|route| route.name).chain(own).collect(), "docker-bake.hcl");
}

/// The value that a list of JSON patches gives a path.
fn patched<'a>(operations: &'a Value, path: &str) -> &'a Value {
    let all = operations.as_sequence().unwrap();
    &all.iter().find(|operation| operation["path"] == path).unwrap_or_else(|| panic!("nothing at {path}"))["value"]
}

/// The smallest server that Taskflow is deployed with (Minikube's; Neon's smallest has more) takes 100 connections, and keeps three for its
/// superuser.
#[test]
fn all_instances_of_all_functions_fit_the_database() {
    const CONNECTIONS: u64 = 100 - 3;
    const MAX_SCALE: &str = "autoscaling.knative.dev/max-scale";
    let every = yaml("knative/base/functions/every-function.yaml");
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let scale = number(&patched(&every, "/spec/template/metadata")["annotations"][MAX_SCALE]);
    let list = yaml("knative/base/functions/kustomization.yaml");
    let own: BTreeMap<&str, u64> = list["patches"]
        .as_sequence()
        .unwrap()
        .iter()
        .filter_map(|patch| {
            let name = patch["target"]["name"].as_str()?;
            let operations: Value = serde_yaml_ng::from_str(patch["patch"].as_str()?).unwrap();
            let path = format!("/spec/template/metadata/annotations/{}", MAX_SCALE.replace('/', "~1"));
            let operation = operations.as_sequence().unwrap().iter().find(|operation| operation["path"] == path.as_str())?.clone();
            Some((name, number(&operation["value"])))
        })
        .collect();
    assert_eq!(own.get(routes::NOTIFY.name), Some(&1), "one instance holds all sockets");
    let pool = number(&yaml("knative/base/settings.yaml")["data"]["TASKFLOW_DB_POOL"]);
    // The page needs no database.
    let functions = routes::ALL.iter().filter(|route| route.name != routes::WEB.name);
    let functions: u64 = functions.map(|route| own.get(route.name).unwrap_or(&scale) * pool).sum();
    let state = number(metadata(&resources("common")["statestore"], "maxConns").map(Value::from).as_ref().unwrap());
    let migrate = 1;
    assert!(functions + state + migrate <= CONNECTIONS, "{functions} + {state} + {migrate} connections do not fit {CONNECTIONS}");
}

/// A node that is free of charge has two processors and 12 GB, of which the platform asks for about a half.
#[test]
fn all_functions_at_once_fit_a_free_node() {
    const MILLICORES: u64 = 700;
    const MEBIBYTES: u64 = 4096;
    let every = yaml("knative/base/functions/every-function.yaml");
    let number = |value: &Value, unit: &str| value.as_str().unwrap().strip_suffix(unit).unwrap().parse::<u64>().unwrap();
    let requests = &patched(&every, "/spec/template/spec/containers/0/resources")["requests"];
    let annotations = &patched(&every, "/spec/template/metadata")["annotations"];
    let sidecar = |what: &str| annotations[format!("queue.sidecar.serving.knative.dev/{what}-resource-request").as_str()].clone();
    let count = u64::try_from(routes::ALL.len()).unwrap();
    assert!(count * (number(&requests["cpu"], "m") + number(&sidecar("cpu"), "m")) <= MILLICORES);
    assert!(count * (number(&requests["memory"], "Mi") + number(&sidecar("memory"), "Mi")) <= MEBIBYTES);
}

#[test]
fn every_topic_is_made_in_minikube() {
    let all = std::fs::read_to_string(folder("../knative/overlays/minikube/platform/kafka.yaml")).unwrap();
    let documents = all.split("\n---\n").map(|document| serde_yaml_ng::from_str::<Value>(document).unwrap());
    let topics = documents.filter(|document| document["kind"] == "KafkaTopic");
    let topics: BTreeMap<String, Value> =
        topics.map(|topic| (topic["metadata"]["name"].as_str().unwrap().to_owned(), topic["spec"].clone())).collect();
    assert_eq!(topics.keys().cloned().collect::<BTreeSet<_>>(), Topic::ALL.iter().map(ToString::to_string).collect());
    assert!(topics.values().all(|spec| spec["partitions"] == 3 && spec["replicas"] == 1));
}
