//! The manifests say what the table of routes says: each is a file, and its name is the component's. And what runs elsewhere than in tests (the
//! pipeline, dashboards, the commands of the documents) names what there is.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::event::Topic;
use domain::routes;
use function::metrics::Metrics;
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
        for (key, value) in [
            ("topics", topic.as_str()),
            ("consumerGroup", name),
            ("escapeHeaders", "true"),
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
        assert_eq!(spec["metadata"]["rawPayload"], "true");
        assert_eq!(spec["deadLetterTopic"], Topic::DeadLetters.as_str());
    }
}

/// The file at this path of the repository.
fn text(path: &str) -> String {
    let path = folder("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The manifest or list at this path of the repository.
fn yaml(path: &str) -> Value {
    serde_yaml_ng::from_str(&text(path)).unwrap()
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

/// The recipes of the justfile.
fn recipes() -> BTreeSet<String> {
    let justfile = text("justfile");
    let heads = justfile.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()) && !line.starts_with("set "));
    heads.map(|line| line.split([' ', ':']).next().unwrap().to_owned()).collect()
}

/// The recipes that these commands run.
fn run_by<'a>(commands: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let called = words.windows(2).filter(|pair| pair[0].trim_start_matches(['"', '(', '$', '`']) == "just");
        let called = called.map(|pair| pair[1].trim_end_matches(|last: char| !last.is_ascii_lowercase() && !last.is_ascii_digit()));
        // `just bench-…` stands for many, and so does `just` in a sentence.
        names.extend(called.filter(|name| !name.is_empty() && !name.contains('…')).map(ToOwned::to_owned));
    }
    names
}

/// Every value of this key, however deep it is.
fn values<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Mapping(map) => {
            for (own, value) in map {
                match value.as_str() {
                    Some(text) if own == key => found.push(text),
                    _ => values(value, key, found),
                }
            }
        }
        Value::Sequence(list) => list.iter().for_each(|value| values(value, key, found)),
        _ => {}
    }
}

#[test]
fn the_pipeline_runs_what_ci_runs_in_the_same_versions() {
    // What a hosted runner cannot do, and what stands for it there.
    const ELSEWHERE: [(&str, &str); 1] = [("cluster-e2e", "minikube-up")];
    let ci = text(".ci/run");
    let lines: Vec<&str> = ci.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let wanted = run_by(lines.iter().copied());
    assert!(wanted.len() > 15, "{wanted:?}");
    let (pipeline, as_text) = (yaml(".github/workflows/ci.yml"), text(".github/workflows/ci.yml"));
    let mut commands = Vec::new();
    values(&pipeline, "run", &mut commands);
    let run = run_by(commands.iter().flat_map(|command| command.lines()));
    for recipe in wanted {
        let there = ELSEWHERE.iter().find(|(own, _)| *own == recipe).map_or(recipe.as_str(), |(_, there)| *there);
        assert!(run.contains(there), ".ci/run runs `just {recipe}`, and .github/workflows/ci.yml does not run `just {there}`");
    }
    assert_eq!(run.difference(&recipes()).collect::<Vec<_>>(), Vec::<&String>::new(), "no such recipe");
    let pinned =
        lines.iter().flat_map(|line| line.split_whitespace()).filter_map(|word| word.split_once("==").or_else(|| word.split_once('@')));
    let mut count = 0;
    for (name, version) in pinned.filter(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit())) {
        let version = version.trim_end_matches([';', '}']);
        assert!(as_text.contains(version), ".ci/run takes {name} {version}, and .github/workflows/ci.yml another");
        count += 1;
    }
    assert!(count >= 5, "{count} versions");
}

#[test]
fn the_pipeline_takes_others_actions_by_digest_and_few_rights() {
    let files = |folder_name: &str| -> BTreeSet<PathBuf> {
        std::fs::read_dir(folder("..").join(folder_name)).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let workflows: Vec<PathBuf> = files(".github/workflows").into_iter().collect();
    let actions = files(".github/actions").into_iter().map(|path| path.join("action.yml"));
    for path in workflows.iter().cloned().chain(actions) {
        let file: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut used = Vec::new();
        values(&file, "uses", &mut used);
        for action in used.iter().filter(|action| !action.starts_with("./")) {
            let digest = action.split_once('@').map(|(_, digest)| digest).unwrap_or_default();
            let is_digest = digest.len() == 40 && digest.chars().all(|digit| digit.is_ascii_hexdigit());
            assert!(is_digest, "{}: {action} may become another one", path.display());
        }
    }
    for path in workflows {
        let file: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let rights = file["permissions"].as_mapping().unwrap_or_else(|| panic!("{}: without permissions, all", path.display()));
        assert!(rights.values().all(|right| right == "read"), "{}: a right to write is for the job that needs it", path.display());
        for (name, job) in file["jobs"].as_mapping().unwrap() {
            assert!(job["timeout-minutes"].is_u64(), "{}: {name:?} may run for hours", path.display());
        }
    }
}

#[test]
fn dapr_and_kafka_are_of_one_version_everywhere() {
    let fetched = text(".github/actions/stack/fetch.sh");
    let version = |name: &str| fetched.split_once(&format!(" {name}=")).unwrap().1.split_whitespace().next().unwrap().to_owned();
    for (name, files) in [
        ("dapr", ["terraform/main.tf", "knative/scripts/minikube-up.sh"].as_slice()),
        ("kafka", &["terraform/main.tf", "knative/overlays/minikube/platform/kafka.yaml", "compose.yaml"]),
    ] {
        for file in files {
            let version = version(name);
            assert!(text(file).contains(&version), "{name} is {version} in the pipeline's tests, and another in {file}");
        }
    }
}

#[test]
fn every_recipe_that_a_document_names_exists() {
    let recipes = recipes();
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "docs/runbook.md",
        "docs/data-model.md",
        "knative/README.md",
        "terraform/README.md",
        "tests/README.md",
    ] {
        let all = text(document);
        // Fences first: what is left has code between single ticks.
        let (fenced, prose): (Vec<_>, Vec<_>) = all.split("```").enumerate().partition(|(at, _)| at % 2 == 1);
        let spans = prose.iter().flat_map(|(_, part)| part.split('`').skip(1).step_by(2));
        let named = run_by(fenced.iter().flat_map(|(_, part)| part.lines()).chain(spans));
        assert_eq!(named.difference(&recipes).collect::<Vec<_>>(), Vec::<&String>::new(), "{document} names recipes that there are not");
    }
}

/// The metrics that a gateway shows, and their labels.
fn exposed() -> (BTreeSet<String>, BTreeSet<String>) {
    let metrics = Metrics::default();
    metrics.call("get-task", &http::Method::GET, http::StatusCode::OK, Duration::from_millis(1));
    metrics.delivery("notify", true);
    metrics.dead_letter("notify");
    metrics.reminder(1);
    metrics.outbox(1);
    let text = metrics.text().unwrap();
    let (mut names, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        names.insert(line.split(['{', ' ']).next().unwrap().to_owned());
        labels.extend(matched(line));
    }
    (names, labels)
}

/// The labels that stand in braces, or after `by`.
fn matched(expression: &str) -> Vec<String> {
    let parts = |open: &str, close: char| -> Vec<String> {
        let lists = expression.split(open).skip(1).map(|rest| rest.split(close).next().unwrap());
        lists.flat_map(|list| list.split(',')).map(|item| item.split(['=', '!']).next().unwrap().trim().to_owned()).collect()
    };
    [parts("{", '}'), parts("by (", ')')].concat()
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_there_are() {
    let (names, labels) = exposed();
    let (dashboard, alerts) = (yaml("docs/monitoring/dashboard.json"), yaml("docs/monitoring/alerts.yaml"));
    let (mut shown, mut watched) = (Vec::new(), Vec::new());
    values(&dashboard, "expr", &mut shown);
    values(&alerts, "expr", &mut watched);
    let mut asked = BTreeSet::new();
    for expression in shown.iter().chain(&watched) {
        let own =
            expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| word.starts_with("taskflow_"));
        let own: BTreeSet<String> = own.map(ToOwned::to_owned).collect();
        assert!(!own.is_empty() || expression.starts_with("up{"), "{expression} asks for nothing of Taskflow");
        assert_eq!(own.difference(&names).collect::<Vec<_>>(), Vec::<&String>::new(), "no such metric: {expression}");
        for label in matched(expression).iter().filter(|_| !own.is_empty()) {
            assert!(labels.contains(label), "no metric has the label {label}: {expression}");
        }
        assert_eq!(expression.matches('(').count(), expression.matches(')').count(), "{expression}");
        asked.extend(own);
    }
    // Sum and count of a histogram say nothing that its buckets do not.
    let unseen: Vec<&String> = names.difference(&asked).filter(|name| !name.ends_with("_sum") && !name.ends_with("_count")).collect();
    assert_eq!(unseen, Vec::<&String>::new(), "metrics that nobody looks at");
    let mut parts = Vec::new();
    values(&alerts, "runbook", &mut parts);
    assert_eq!(parts.len(), watched.len(), "every alert says where the runbook says what to do");
    let runbook = text("docs/runbook.md");
    for part in parts {
        assert!(runbook.contains(&format!("\n## {part}\n")), "docs/runbook.md has no part {part}");
    }
}
