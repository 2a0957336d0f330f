//! Manifests and lists derived from the table of functions ([`domain::routes`]).
//!
//! A file is either written completely, with [`HEADER`] as its first line, or it has one part between `BEGIN` and `END`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use domain::event::Topic;
use domain::routes::{self, Route};

macro_rules! notice {
    () => {
        "Written by `just manifests` from shared/domain/src/routes.rs; edits are lost."
    };
}

/// First line of a file that is written completely.
pub const HEADER: &str = concat!("# ", notice!());
/// End of the line before a written part.
const BEGIN: &str = notice!();
/// End of the line after it.
const END: &str = "End of what `just manifests` writes.";

/// Returns the root of the repository: the nearest folder with a justfile, from the working directory upwards. A path from the build would be wrong
/// in a copy of the repository that shares its build folder.
#[must_use]
pub fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    here.ancestors().find(|folder| folder.join("justfile").is_file()).unwrap_or(&here).to_owned()
}

/// Files by their paths in the repository.
pub type Files = BTreeMap<String, String>;

/// Returns every file that is written completely or in part, with its intended content.
///
/// # Errors
/// A file cannot be read, or lacks the lines around its part.
pub fn outputs() -> io::Result<Files> {
    let mut files = Files::new();
    let names: BTreeSet<&str> = routes::ALL.iter().map(|route| route.name).collect();
    for route in routes::ALL {
        files.insert(format!("knative/base/functions/{}.yaml", route.name), service(route));
    }
    files.insert("knative/base/functions/kustomization.yaml".to_owned(), services(&names));

    let consumed = routes::ALL.iter().flat_map(|route| route.consumes).map(|subscription| subscription.topic);
    let consumed: Vec<Topic> = consumed.chain([Topic::TaskCommands]).collect();
    let outputs = Topic::ALL.iter().copied().filter(|topic| *topic != Topic::TaskCommands).map(output);
    let bindings: Files = consumed.iter().copied().map(input).chain(outputs).collect();
    let subscriptions: Files = consumed.into_iter().map(subscription).collect();
    for (folder, title, components, by_hand) in
        [("bindings", "bindings", bindings, None), ("pubsub", "pub/sub", subscriptions, Some("kafka-pubsub"))]
    {
        let resources = components.keys().map(String::as_str).chain(by_hand);
        files.insert(format!("dapr-components/{folder}/kustomization.yaml"), components_of(title, &resources.collect()));
        files.extend(components.into_iter().map(|(name, text)| (format!("dapr-components/{folder}/{name}.yaml"), text)));
    }

    let images: BTreeSet<&str> = names.iter().copied().chain([routes::GATEWAY.name, "migrate"]).collect();
    part(&mut files, "docker-bake.hcl", &lines(images, |name| format!("    \"{name}\",\n")))?;
    part(&mut files, "terraform/examples/lambda/variables.tf", &lines(lambda(), |name| format!("    \"{name}\",\n")))?;
    let workspace = read("Cargo.toml")?;
    let dependency = |name: &str| {
        // The workspace also lists functions that other crates depend on.
        let is_shared = workspace.contains(&format!("\n{name} = {{ path = "));
        if is_shared {
            format!("{name}.workspace = true\n")
        } else {
            format!("{name} = {{ path = \"../{name}\", default-features = false }}\n")
        }
    };
    part(&mut files, "functions/taskflow/Cargo.toml", &lines(names.clone(), dependency))?;
    let crates = lines(names, |name| format!("        {}::function(),\n", name.replace('-', "_")));
    part(&mut files, "functions/taskflow/src/lib.rs", &crates)?;
    Ok(files)
}

/// Returns the outputs that differ from the repository's files, and files of functions that no longer exist.
///
/// # Errors
/// As [`outputs`].
pub fn stale() -> io::Result<(Files, Vec<String>)> {
    let mut outputs = outputs()?;
    let mut gone = Vec::new();
    for folder in ["knative/base/functions", "dapr-components/bindings", "dapr-components/pubsub"] {
        for entry in std::fs::read_dir(root().join(folder))? {
            let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            if !outputs.contains_key(&path) && read(&path)?.starts_with(HEADER) {
                gone.push(path);
            }
        }
    }
    outputs.retain(|path, text| read(path).ok().as_ref() != Some(text));
    Ok((outputs, gone))
}

/// Returns the functions for AWS Lambda.
pub fn lambda() -> impl Iterator<Item = &'static str> {
    let names: BTreeSet<&str> = routes::ALL.iter().filter(|route| route.is_on_lambda()).map(|route| route.name).collect();
    names.into_iter()
}

/// Reads a file of the repository.
///
/// # Errors
/// The file cannot be read; the message names it.
pub fn read(path: &str) -> io::Result<String> {
    std::fs::read_to_string(root().join(path)).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}

/// Adds a file whose part between [`BEGIN`] and [`END`] is this text.
fn part(files: &mut Files, path: &str, text: &str) -> io::Result<()> {
    let present = read(path)?;
    let lost = || io::Error::other(format!("{path}: the lines {BEGIN:?} and {END:?} are missing"));
    let (before, rest) = present.split_once(&format!("{BEGIN}\n")).ok_or_else(lost)?;
    let (_, after) = rest.split_once(END).ok_or_else(lost)?;
    let indent = before.lines().last().unwrap_or_default();
    files.insert(path.to_owned(), format!("{before}{BEGIN}\n{text}{indent}{END}{after}"));
    Ok(())
}

fn lines<'a>(names: impl IntoIterator<Item = &'a str>, line: impl Fn(&str) -> String) -> String {
    names.into_iter().map(line).collect()
}

fn service(route: &Route) -> String {
    let Route { name, scale, .. } = route;
    format!(
        r#"{HEADER}
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: {name}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/max-scale: "{scale}"
    spec:
      containers:
        - image: {name}
"#
    )
}

fn services(names: &BTreeSet<&str>) -> String {
    let resources = lines(names.iter().copied(), |name| format!("  - {name}.yaml\n"));
    format!(
        "{HEADER}
# A file for each function, file name = function. every-function.yaml has what all of them share; ../kustomization.yaml patches single ones.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
{resources}patches:
  - path: every-function.yaml
    target: {{ group: serving.knative.dev, kind: Service }}
"
    )
}

fn components_of(title: &str, names: &BTreeSet<&str>) -> String {
    let resources = lines(names.iter().copied(), |name| format!("  - {name}.yaml\n"));
    format!(
        "{HEADER}
# Events over {title}, with what both ways need.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../common
{resources}"
    )
}

/// Returns the component of a Kafka binding; `metadata` depends on its direction.
fn binding(name: &str, description: &str, metadata: &str) -> String {
    format!(
        r#"{HEADER}
# {description}
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: {name}
  labels: {{ taskflow.part: kafka }}
spec:
  type: bindings.kafka
  version: v1
  metadata:
    - name: brokers
      secretKeyRef: {{ name: KAFKA_BROKERS, key: KAFKA_BROKERS }}
    - {{ name: authType, value: none }}
    - {{ name: version, value: "3.6.0" }}
{metadata}auth:
  secretStore: local-env
scopes: [taskflow]
"#
    )
}

/// Returns the consumer group of a topic: one of the groups that the releases with a binding per consumer used, so the gateway continues where that
/// consumer was. For task-events and reminders it is record-audit's, whose losses could not be repaired; housekeeping repairs what the other
/// consumers have not read.
fn group(topic: Topic) -> &'static str {
    match topic {
        Topic::TaskEvents => "record-audit-task-events",
        Topic::Reminders => "record-audit-reminders",
        Topic::TaskUpdates => "notify-task-updates",
        Topic::TaskCommands => "gateway-task-commands",
        Topic::DeadLetters => "gateway-dead-letters",
    }
}

fn input(topic: Topic) -> (String, String) {
    let name = format!("{}-{topic}", routes::GATEWAY.name);
    let description = if topic == Topic::TaskCommands {
        "Commands of any producer: the gateway finds the function by the type.".to_owned()
    } else {
        format!("{topic}, each record once: the gateway hands it to all who consume it.")
    };
    let group = group(topic);
    let metadata = format!(
        r#"    - {{ name: topics, value: {topic} }}
    - {{ name: consumerGroup, value: {group} }}
    - {{ name: direction, value: input }}
    # A key or a header may hold any bytes; a name of a header that gRPC has no place for is passed over.
    - {{ name: escapeHeaders, value: "true" }}
    - {{ name: excludeHeaderMetaRegex, value: "[^0-9A-Za-z._-]|^$" }}
    # A group that is new starts at the beginning, not at what comes next.
    - {{ name: initialOffset, value: oldest }}
    # Without these the record after one that failed commits past it. The gateway refuses a record only while the database is unavailable.
    - {{ name: consumeRetryEnabled, value: "true" }}
    - {{ name: backOffPolicy, value: constant }}
    - {{ name: backOffDuration, value: 1s }}
    - {{ name: backOffMaxRetries, value: "-1" }}
"#
    );
    let text = binding(&name, &description, &metadata);
    (name, text)
}

fn output(topic: Topic) -> (String, String) {
    let description = match topic {
        Topic::TaskEvents => "What happened to tasks.",
        Topic::Reminders => "What happened to reminders.",
        Topic::TaskUpdates => "What pages show live.",
        Topic::TaskCommands => "What callers ask for.",
        Topic::DeadLetters => "What a consumer could not take.",
    };
    let metadata = format!("    - {{ name: publishTopic, value: {topic} }}\n    - {{ name: direction, value: output }}\n");
    (topic.to_string(), binding(topic.as_str(), description, &metadata))
}

fn subscription(topic: Topic) -> (String, String) {
    let name = format!("{topic}-subscription");
    let text = format!(
        r#"{HEADER}
# {topic} over pub/sub, to all who consume it.
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: {name}
spec:
  pubsubname: kafka-pubsub
  topic: {topic}
  routes:
    default: /deliveries/{topic}
  deadLetterTopic: dead-letters
  # Delivers the records of a partition together: one call for all that arrived within the time.
  bulkSubscribe: {{ enabled: true, maxMessagesCount: 10, maxAwaitDurationMs: 20 }}
  # As it is in Kafka: the gateway reads records of bindings and of pub/sub alike.
  metadata: {{ rawPayload: "true" }}
scopes: [taskflow]
"#
    );
    (name, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_output_is_stale() {
        let (changed, gone) = stale().unwrap();
        let paths: Vec<String> = changed.into_keys().chain(gone).collect();
        assert!(paths.is_empty(), "the table of functions says something else than these files; run `just manifests`: {paths:#?}");
    }
}
