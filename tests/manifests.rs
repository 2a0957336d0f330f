//! Checks files that no compiler reads. Dapr components, Knative manifests and charts fit the platform, and name resources that exist. The pipeline,
//! dashboards and alerts name recipes and metrics that exist. `documents` checks the documents. The package `manifests` compares with the table of
//! routes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::event::Topic;
use domain::routes;
use function::metrics::Metrics;
use serde_yaml_ng::Value;

/// Returns the path of a folder of components.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("dapr-components").join(name)
}

/// Returns the resources of a folder by the names of their files.
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

/// Reads the file at this path of the repository.
fn text(path: &str) -> String {
    let path = folder("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads the manifest or list at this path of the repository.
fn yaml(path: &str) -> Value {
    serde_yaml_ng::from_str(&text(path)).unwrap()
}

/// Returns the value that a list of JSON patches sets at a path.
fn patched<'a>(operations: &'a Value, path: &str) -> &'a Value {
    let all = operations.as_sequence().unwrap();
    &all.iter().find(|operation| operation["path"] == path).unwrap_or_else(|| panic!("nothing at {path}"))["value"]
}

/// PostgreSQL keeps three connections for its superuser.
#[test]
fn all_instances_of_all_functions_fit_the_database() {
    const RESERVED: u32 = 3;
    const ROOM: u32 = 12;
    let server = text("platform/postgres/templates/postgres.yaml");
    let limit = server.split_once("max_connections=").unwrap().1.split(|letter: char| !letter.is_ascii_digit()).next().unwrap();
    let limit = limit.parse::<u32>().unwrap() - RESERVED;
    let functions: u32 = routes::ALL.iter().map(|route| route.scale * route.pool).sum();
    let state: u32 = metadata(&resources("common")["statestore"], "maxConns").unwrap().parse().unwrap();
    let migrate = 1;
    // A roll-out has two gateways.
    let gateways = 2 * routes::GATEWAY.pool;
    let sum = functions + state + migrate + gateways;
    assert!(sum + ROOM <= limit, "{functions} + {state} + {migrate} + {gateways} of {limit} connections leave no room for {ROOM} more");
    assert_eq!(routes::NOTIFY.scale, 1, "one instance holds all sockets");
}

/// Returns the folder `platform`, by the names of its files.
fn platform(folder_name: &str) -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(folder("../platform").join(folder_name)).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files
        .map(|path| {
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                serde_yaml_ng::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap(),
            )
        })
        .collect()
}

/// The releases of the platform.
fn charts() -> Value {
    yaml("platform/charts.json")
}

/// Millicores and MiB.
#[derive(Clone, Copy, Debug, Default)]
struct Requests {
    cpu: u64,
    memory: u64,
}

impl Requests {
    fn new(cpu: &Value, memory: &Value) -> Self {
        let number = |value: &Value, unit: &str| value.as_str().unwrap().strip_suffix(unit).unwrap().parse::<u64>().unwrap();
        Self { cpu: number(cpu, "m"), memory: number(memory, "Mi") }
    }

    fn times(self, count: u64) -> Self {
        Self { cpu: self.cpu * count, memory: self.memory * count }
    }

    fn plus(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, memory: self.memory + other.memory }
    }

    /// Adds up all requests in these values.
    fn of(value: &Value) -> Self {
        match value {
            Value::Mapping(map) => map.iter().fold(Self::default(), |sum, (key, value)| {
                sum.plus(if key == "requests" { Self::new(&value["cpu"], &value["memory"]) } else { Self::of(value) })
            }),
            Value::Sequence(list) => list.iter().fold(Self::default(), |sum, value| sum.plus(Self::of(value))),
            _ => Self::default(),
        }
    }
}

/// A free node holds everything at the worst moment: a roll-out while every instance of every old revision is awake, and one of every new one starts.
#[test]
fn a_roll_out_while_all_is_awake_fits_a_free_node() {
    // OKE leaves this of 2 processors and 12 GB: the kubelet reserves 70 m and about 2.7 GB. Oracle's own pods (CoreDNS, flannel, kube-proxy, the CSI
    // driver, proxymux) request about 400 m and 400 MiB.
    const ALLOCATABLE: Requests = Requests { cpu: 1_930, memory: 9_200 };
    const ORACLE: Requests = Requests { cpu: 400, memory: 400 };
    let mut platform = Requests::default();
    for release in charts().as_mapping().unwrap().keys() {
        let release = release.as_str().unwrap();
        for file in [format!("platform/values/{release}.yaml"), format!("platform/{release}/values.yaml")] {
            if folder("..").join(&file).exists() {
                platform = platform.plus(Requests::of(&yaml(&file)));
            }
        }
    }
    assert!(platform.cpu > 500 && platform.memory > 2_000, "the platform's requests were not found: {platform:?}");

    let every = yaml("knative/base/functions/every-function.yaml");
    let annotation = |what: &str| format!("/spec/template/metadata/annotations/queue.sidecar.serving.knative.dev~1{what}-resource-request");
    let own = &patched(&every, "/spec/template/spec/containers/0/resources")["requests"];
    let instance = Requests::new(&own["cpu"], &own["memory"])
        .plus(Requests::new(patched(&every, &annotation("cpu")), patched(&every, &annotation("memory"))));
    let old: u32 = routes::ALL.iter().map(|route| route.scale).sum();
    let functions = instance.times(u64::from(old) + u64::try_from(routes::ALL.len()).unwrap());

    let gateway = documents("knative/base/gateway.yaml").into_iter().find(|document| document["kind"] == "Deployment").unwrap();
    let annotations = &gateway["spec"]["template"]["metadata"]["annotations"];
    let daprd = Requests::new(&annotations["dapr.io/sidecar-cpu-request"], &annotations["dapr.io/sidecar-memory-request"]);
    let gateways = Requests::of(&gateway).plus(daprd).times(2);

    // The migration of the roll-out, and the daily backup, whose two containers run one after the other.
    let migrate = Requests::of(&documents("knative/base/migrate.yaml").remove(0));
    let backup = Requests::of(
        &documents("platform/backup/templates/backup.yaml").remove(0)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"],
    );
    let jobs = migrate.plus(backup);

    let sum = ORACLE.plus(platform).plus(functions).plus(gateways).plus(jobs);
    let report = format!(
        "platform {platform:?}, functions {functions:?}, gateways {gateways:?}, jobs {jobs:?}, Oracle {ORACLE:?}: {sum:?} of {ALLOCATABLE:?}"
    );
    // terraform/README.md has the sum in a table.
    let readme = text("terraform/README.md");
    let shown = |figure: u64| if figure < 1_000 { figure.to_string() } else { format!("{},{:03}", figure / 1_000, figure % 1_000) };
    for Requests { cpu, memory } in [platform, functions, gateways, jobs, sum] {
        let cells = [format!(" | {} | {} |", shown(cpu), shown(memory)), format!(" | **{}** | **{}** |", shown(cpu), shown(memory))];
        assert!(cells.iter().any(|cell| readme.contains(cell)), "terraform/README.md does not show {cpu} m and {memory} MiB: {report}");
    }
    assert!(sum.cpu <= ALLOCATABLE.cpu && sum.memory <= ALLOCATABLE.memory, "{report}");
    println!("{report}");
}

#[test]
fn every_topic_is_made() {
    let values = yaml("platform/kafka/values.yaml");
    let topics: BTreeSet<String> = values["topics"].as_mapping().unwrap().keys().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(topics, Topic::ALL.iter().map(ToString::to_string).collect());
    assert_eq!(values["partitions"], 3);
}

/// Returns the documents of a file of manifests. Template expressions become plain words.
fn documents(path: &str) -> Vec<Value> {
    let text: String = text(path).lines().filter(|line| !line.trim_start().starts_with("{{-")).fold(String::new(), |mut all, line| {
        all.push_str(&line.replace("{{", "\"").replace("}}", "\""));
        all.push('\n');
        all
    });
    text.split("\n---\n").map(|document| serde_yaml_ng::from_str(document).unwrap_or_else(|error| panic!("{path}: {error}"))).collect()
}

/// Returns everything that is deployed: `knative`, and the templates of our charts.
fn deployed() -> Vec<(String, Value)> {
    let mut paths = Vec::new();
    let mut folders = vec!["knative/base".to_owned(), "platform".to_owned()];
    while let Some(path) = folders.pop() {
        for entry in std::fs::read_dir(folder("..").join(&path)).unwrap().map(|entry| entry.unwrap()) {
            let name = format!("{path}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                folders.push(name);
            } else if entry.path().extension().is_some_and(|extension| extension == "yaml")
                && (name.starts_with("knative/") || name.contains("/templates/"))
            {
                paths.push(name);
            }
        }
    }
    paths.into_iter().flat_map(|path| documents(&path).into_iter().map(move |document| (path.clone(), document))).collect()
}

/// Finds every value of these keys, at any depth, with the value itself.
fn find<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Mapping(map) => {
            for (own, value) in map {
                if own == key {
                    found.push(value);
                }
                find(value, key, found);
            }
        }
        Value::Sequence(list) => list.iter().for_each(|value| find(value, key, found)),
        _ => {}
    }
}

/// Kourier reads a target port as a number only, and makes it 0 if it is a name. A load balancer's health check needs one as well.
#[test]
fn target_ports_are_numbers() {
    let mut count = 0;
    for (path, document) in deployed() {
        if document["kind"] == "Service" && document["apiVersion"] == "v1" {
            for port in document["spec"]["ports"].as_sequence().unwrap() {
                assert!(port["targetPort"].is_u64(), "{path}: the target port of {:?} is not a number", port["name"]);
                count += 1;
            }
        }
        let mut policies = Vec::new();
        if document["kind"] == "NetworkPolicy" {
            find(&document, "port", &mut policies);
        }
        assert!(policies.iter().all(|port| port.is_u64()), "{path}: a policy names a port by its name");
    }
    assert!(count >= 4, "{count} ports");
}

/// The load balancer leads to ports that the gateway listens on, which a policy lets in.
#[test]
fn the_load_balancer_leads_to_the_gateway() {
    let service = documents("platform/gateway-public/templates/service.yaml").remove(0);
    let ports: BTreeMap<u64, u64> = service["spec"]["ports"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|port| (port["port"].as_u64().unwrap(), port["targetPort"].as_u64().unwrap()))
        .collect();
    assert_eq!(service["spec"]["type"], "LoadBalancer");
    let gateway = documents("knative/base/gateway.yaml").into_iter().find(|document| document["kind"] == "Deployment").unwrap();
    let template = &gateway["spec"]["template"];
    let label = &service["spec"]["selector"]["app"];
    assert_eq!(label, &template["metadata"]["labels"]["app"]);
    let container = &template["spec"]["containers"][0];
    let setting = |name: &str| -> u64 {
        let all = container["env"].as_sequence().unwrap();
        all.iter().find(|entry| entry["name"] == name).unwrap()["value"].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(ports, BTreeMap::from([(443, setting("TASKFLOW_HTTPS_PORT")), (80, setting("TASKFLOW_HTTP_PORT"))]));
    let listens: BTreeSet<u64> =
        container["ports"].as_sequence().unwrap().iter().map(|port| port["containerPort"].as_u64().unwrap()).collect();
    let policy = documents("knative/base/network.yaml").into_iter().find(|document| document["metadata"]["name"] == "gateway").unwrap();
    let mut open = Vec::new();
    find(&policy, "port", &mut open);
    assert_eq!(listens, open.into_iter().map(|port| port.as_u64().unwrap()).collect());
}

/// The gateway gets its certificate itself, so no ingress may stand before it. An ingress that redirects would answer the first challenge
/// with a redirect. One that rewrites the Host would make every page one of another origin.
#[test]
fn nothing_stands_before_the_gateway() {
    let serving = documents("platform/knative-serving/templates/serving.yaml").remove(0);
    assert_eq!(serving["spec"]["ingress"]["kourier"]["service-type"], "ClusterIP", "Kourier has an address inside the cluster only");
    let network = serving["spec"]["config"]["network"].as_mapping().unwrap();
    let keys: Vec<&str> = network.keys().map(|key| key.as_str().unwrap()).collect();
    assert_eq!(keys, ["ingress-class"], "Knative has neither certificates nor redirects");
    assert_eq!(serving["spec"]["config"].as_mapping().unwrap().len(), 1);
    let releases = charts();
    assert!(releases.get("cert-manager").is_none());
    for (path, document) in deployed() {
        let kind = document["kind"].as_str().unwrap_or_default();
        assert!(!["DomainMapping", "ClusterIssuer", "Issuer", "Certificate", "Ingress"].contains(&kind), "{path}: {kind}");
    }
}

/// Terraform and `minikube-up.sh` create each namespace, `Secret` and `ConfigMap` that a manifest names; manifests create each `ServiceAccount`.
#[test]
fn every_resource_that_a_manifest_names_is_created() {
    let namespaces: BTreeSet<String> =
        documents("platform/namespaces.yaml").iter().map(|document| document["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    let wanted: BTreeSet<String> =
        charts().as_mapping().unwrap().values().map(|release| release["namespace"].as_str().unwrap().to_owned()).collect();
    assert_eq!(namespaces, wanted, "a namespace that no release is in, or the other way round");

    let (mut secrets, mut accounts, mut maps) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut own_accounts, mut own_maps) = (BTreeSet::new(), BTreeSet::new());
    for (_, document) in deployed() {
        let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        match document["kind"].as_str() {
            Some("ServiceAccount") => own_accounts.extend([name]),
            Some("ConfigMap") => own_maps.extend([name]),
            _ => {}
        }
        let named = |key: &str| -> Vec<String> {
            let mut found = Vec::new();
            find(&document, key, &mut found);
            found.into_iter().filter_map(|reference| reference["name"].as_str().map(ToOwned::to_owned)).collect()
        };
        secrets.extend(named("secretKeyRef"));
        maps.extend(["configMapKeyRef", "configMapRef", "configMap"].into_iter().flat_map(named));
        let mut found = Vec::new();
        find(&document, "serviceAccountName", &mut found);
        accounts.extend(found.into_iter().map(|account| account.as_str().unwrap().to_owned()));
        for key in ["dapr.io/api-token-secret", "dapr.io/app-token-secret"] {
            let mut found = Vec::new();
            find(&document, key, &mut found);
            secrets.extend(found.into_iter().map(|secret| secret.as_str().unwrap().to_owned()));
        }
        if document["kind"] == "Role" {
            let mut found = Vec::new();
            find(&document, "resourceNames", &mut found);
            secrets.extend(found.into_iter().flat_map(|names| names.as_sequence().unwrap()).map(|name| name.as_str().unwrap().to_owned()));
        }
    }
    assert!(secrets.contains("taskflow-certificate") && secrets.contains("postgres") && secrets.contains("backup"), "{secrets:?}");
    assert_eq!(accounts, own_accounts, "a ServiceAccount that nothing makes, or that nothing uses");

    let terraform = ["taskflow", "database", "backup"].map(|module| text(&format!("terraform/modules/{module}/main.tf"))).concat();
    let minikube = text("knative/scripts/minikube-up.sh");
    for secret in &secrets {
        let made = terraform.contains(&format!("\"{secret}\""));
        assert!(made, "no module of Terraform makes the Secret {secret}");
        // Minikube has no object store.
        let made = secret == "backup" || minikube.contains(&format!(" {secret} ")) || minikube.contains(&format!(" {secret}\n"));
        assert!(made, "minikube-up.sh does not make the Secret {secret}");
    }
    for map in maps.difference(&own_maps) {
        assert_eq!(map, "taskflow-settings", "nothing makes the ConfigMap {map}");
        assert!(terraform.contains(map.as_str()));
    }
}

/// The gateway may read and write the Secret of its certificate, and daprd may read the one of Taskflow.
#[test]
fn the_gateway_has_few_rights() {
    let documents = documents("knative/base/gateway.yaml");
    let of = |kind: &str| documents.iter().filter(|document| document["kind"] == kind).collect::<Vec<_>>();
    let rules: Vec<&Value> = of("Role").into_iter().flat_map(|role| role["rules"].as_sequence().unwrap()).collect();
    let rights: BTreeSet<String> = rules
        .iter()
        .map(|rule| {
            let words =
                |key: &str| rule[key].as_sequence().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(",");
            format!("{} {} {}", words("verbs"), words("resources"), words("resourceNames"))
        })
        .collect();
    assert_eq!(rights, BTreeSet::from(["get secrets taskflow-secrets".to_owned(), "get,update secrets taskflow-certificate".to_owned()]));
    let bound: BTreeSet<&str> = of("RoleBinding").iter().map(|binding| binding["roleRef"]["name"].as_str().unwrap()).collect();
    assert_eq!(bound, of("Role").iter().map(|role| role["metadata"]["name"].as_str().unwrap()).collect());
}

/// The values of Oracle Cloud are those of a release, and name a disk of Terraform's.
#[test]
fn a_disk_is_claimed_in_its_own_size() {
    let disks = yaml("platform/disks.json");
    for (name, values) in platform("oke") {
        let storage = &values["storage"];
        assert_eq!(storage["class"].as_str(), Some(format!("disk-{name}").as_str()));
        assert_eq!(storage["size"].as_str(), Some(format!("{}Gi", disks[name.as_str()].as_u64().unwrap()).as_str()));
    }
    assert_eq!(platform("oke").len(), disks.as_mapping().unwrap().len());
    // The smallest boot volume is as large as the smallest disk: 50 GB.
    let sum = 50 + disks.as_mapping().unwrap().values().map(|size| size.as_u64().unwrap()).sum::<u64>();
    assert!(
        text("terraform/README.md").contains(&format!("| sum | **{sum}** |\n")),
        "terraform/README.md does not show {sum} GB of block storage"
    );
    let releases = charts();
    for name in platform("values").keys().chain(platform("oke").keys()) {
        assert!(releases.get(name.as_str()).is_some(), "values of {name}, which is no release");
    }
}

/// A tag may move. `just pin-images` writes the digests.
#[test]
fn base_images_are_pinned_by_digest() {
    let file = text("Dockerfile");
    let stages: BTreeSet<&str> =
        file.lines().filter(|line| line.starts_with("FROM ")).filter_map(|line| line.split(" AS ").nth(1)).collect();
    let images: Vec<&str> = file
        .lines()
        .filter(|line| line.starts_with("FROM "))
        .map(|line| line.split_whitespace().skip(1).find(|word| !word.starts_with("--")).unwrap())
        .filter(|image| !stages.contains(image))
        .collect();
    assert!(images.len() >= 2, "{images:?}");
    for image in images {
        let digest = image.split_once("@sha256:").map(|(_, digest)| digest).unwrap_or_default();
        assert!(
            digest.len() == 64 && digest.chars().all(|digit| digit.is_ascii_hexdigit()),
            "{image} may become another one: just pin-images"
        );
    }
    let toolchain = text("rust-toolchain.toml");
    let rust = toolchain.split_once("channel = \"").unwrap().1.split('"').next().unwrap();
    assert!(
        file.contains(&format!(" rust:{rust}-slim")) && file.contains(&format!("RUSTUP_TOOLCHAIN={rust}\n")),
        "the image has another Rust than {rust}"
    );
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
    // Recipes that a hosted runner cannot run, and their replacements.
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
    for (name, files) in
        [("dapr", ["platform/charts.json"].as_slice()), ("kafka", &["platform/kafka/templates/kafka.yaml", "compose.yaml"])]
    {
        for file in files {
            let version = version(name);
            assert!(text(file).contains(&version), "{name} is {version} in the pipeline's tests, and another in {file}");
        }
    }
}

/// The metrics that a gateway shows, and their labels.
fn exposed() -> (BTreeSet<String>, BTreeSet<String>) {
    let metrics = Metrics::default();
    metrics.call("get-task", &http::Method::GET, http::StatusCode::OK, Duration::from_millis(1));
    metrics.delivery("notify", true);
    metrics.dead_letter("notify");
    metrics.late(Duration::from_micros(1));
    metrics.outbox(1);
    let text = metrics.text().unwrap();
    let (mut names, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        names.insert(line.split(['{', ' ']).next().unwrap().to_owned());
        labels.extend(matched(line));
    }
    (names, labels)
}

/// Returns the labels in braces, or after `by`.
fn matched(expression: &str) -> Vec<String> {
    let parts = |open: &str, close: char| -> Vec<String> {
        let lists = expression.split(open).skip(1).map(|rest| rest.split(close).next().unwrap());
        lists.flat_map(|list| list.split(',')).map(|item| item.split(['=', '!']).next().unwrap().trim().to_owned()).collect()
    };
    [parts("{", '}'), parts("by (", ')')].concat()
}

#[test]
fn dashboard_and_alerts_use_existing_metrics() {
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
    // The sum and count of a histogram add nothing to its buckets.
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
