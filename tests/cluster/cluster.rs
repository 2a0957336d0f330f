//! The cluster with Taskflow: Kafka and PostgreSQL beside it, the usual roll-out, and the number of instances.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use domain::routes;
use embedded::postgres::Postgres;
use serde_json::Value;
use store::Store;
use tempfile::TempDir;
use tests::stack::{Kafka, part};
use tests::{Api, Proxy, VAPID_KEY, eventually, eventually_within};

/// The namespace, as in the overlays.
pub(crate) const NAMESPACE: &str = "taskflow";
/// The token of callers.
pub(crate) const API_TOKEN: &str = "cluster-api-token-that-nobody-guesses";
const DAPR_TOKEN: &str = "cluster-dapr-token";
const APP_TOKEN: &str = "cluster-app-token";
/// Time in which functions scale to zero: Knative's window and grace period, and further functions that were woken.
const TO_ZERO: Duration = Duration::from_mins(3);
/// Minimum interval of kubectl calls.
const LOOK: Duration = Duration::from_secs(1);
/// Time limit of deleting a namespace.
const TO_GO: Duration = Duration::from_mins(2);

/// The running deployment.
pub(crate) struct Cluster {
    /// The gateway's API, without a token until [`Cluster::ask_for_token`].
    pub(crate) api: Api,
    /// Kafka, beside the cluster.
    pub(crate) kafka: Kafka,
    /// The database, which wakes no function.
    pub(crate) store: Store,
    /// The address of the database, for pods.
    pub(crate) database_url: String,
    _proxy: Proxy,
    postgres: Postgres,
    _folder: TempDir,
}

impl Cluster {
    /// Starts Kafka and PostgreSQL on the node's address, and rolls Taskflow out without a token for callers.
    pub(crate) async fn start() -> Self {
        let node = node();
        let images = variable("IMAGES");
        let folder = tempfile::tempdir().unwrap();
        let kafka = Kafka::start(&part("KAFKA_LIBS"), folder.path(), node);
        let postgres = Postgres::start(&folder.path().join("database")).await.unwrap();
        let proxy = Proxy::start_at(postgres.url(), node).await;
        let database_url = proxy.url().to_owned();
        kafka.wait().await;
        clear().await;
        make_secrets(&kafka.address, &database_url);
        roll_out(&images, "1");
        let address: IpAddr = kubectl(&["get", "service", "gateway", "--output", "jsonpath={.spec.clusterIP}"]).parse().unwrap();
        let api = Api::new(SocketAddr::new(address, 80), None);
        let store = Store::connect_lazy(&database_url, 2).unwrap();
        Self { api, kafka, store, database_url, _proxy: proxy, postgres, _folder: folder }
    }

    /// Requires the token from now on: adds it to the secret, and restarts every program.
    pub(crate) async fn ask_for_token(&mut self) {
        secret(&self.kafka.address, &self.database_url, API_TOKEN);
        roll_out(&variable("IMAGES"), "2");
        self.api = Api::with_token(self.api.address, API_TOKEN);
        all_gone().await;
    }

    /// Removes Taskflow, and stops the parts beside the cluster.
    pub(crate) async fn stop(mut self) {
        clear().await;
        self.store.pool().close().await;
        self.kafka.program.stop();
        self.postgres.stop().await.unwrap();
    }
}

/// Returns the address of this machine that pods reach.
pub(crate) fn node() -> Ipv4Addr {
    variable("CLUSTER_NODE").parse().unwrap_or_else(|_| panic!("CLUSTER_NODE is not an address"))
}

/// Returns a required variable.
fn variable(name: &str) -> String {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.unwrap_or_else(|| panic!("{name} is not set: `just cluster-e2e` runs this inside the cluster's network, see tests/README.md"))
}

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns kubectl's output and status. The namespace is Taskflow's, unless the arguments name another.
pub(crate) fn try_kubectl(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new("kubectl");
    command.args(["--namespace", NAMESPACE]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("kubectl does not start: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Returns kubectl's output; fails on an error.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    kubectl_with(arguments, "")
}

/// The same, with this input.
pub(crate) fn kubectl_with(arguments: &[&str], input: &str) -> String {
    let output = try_kubectl(arguments, input);
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&kubectl(&[arguments, &["--output", "json"]].concat())).unwrap()
}

/// Deletes the remains of an earlier run, and waits until they are gone.
async fn clear() {
    let _ = try_kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false"], "");
    eventually_within(TO_GO, "the namespace to go", async || {
        (!try_kubectl(&["get", "namespace", NAMESPACE], "").status.success()).then_some(())
    })
    .await;
}

fn make_secrets(kafka: &str, database_url: &str) {
    kubectl(&["create", "namespace", NAMESPACE]);
    secret(kafka, database_url, "");
    for (name, token) in [("dapr-api-token", DAPR_TOKEN), ("app-api-token", APP_TOKEN)] {
        kubectl(&["create", "secret", "generic", name, &format!("--from-literal=token={token}")]);
    }
    kubectl(&["create", "secret", "generic", "taskflow-certificate"]);
}

/// Writes taskflow-secrets, replacing an existing one.
pub(crate) fn secret(kafka: &str, database_url: &str, api_token: &str) {
    let values = [
        format!("--from-literal=api-token={api_token}"),
        format!("--from-literal=neon-connection-string={database_url}"),
        format!("--from-literal=redpanda-bootstrap-servers={kafka}"),
        format!("--from-literal=vapid-key={VAPID_KEY}"),
        "--from-literal=link-key=cluster-link-key".to_owned(),
    ];
    let create = ["create", "secret", "generic", "taskflow-secrets", "--dry-run=client", "--output=yaml"];
    let arguments: Vec<&str> = create.into_iter().chain(values.iter().map(String::as_str)).collect();
    kubectl_with(&["apply", "--filename", "-"], &kubectl(&arguments));
}

/// Rolls out as Terraform, the pipeline and Minikube do.
fn roll_out(images: &str, rotation: &str) {
    let mut command = Command::new(repository().join("terraform/scripts/rollout.sh"));
    let status = command
        .env("OVERLAY", repository().join("tests/cluster/overlay"))
        .env("IMAGES", images)
        .env("SECRETS_ROTATION", rotation)
        .status()
        .unwrap();
    if !status.success() {
        eprintln!("{}", doctor());
        panic!("the roll-out failed: {status}");
    }
}

/// Returns the output of `just doctor`.
pub(crate) fn doctor() -> String {
    let output = Command::new(repository().join("knative/scripts/doctor.sh")).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Renders a chart of `platform` with the values of Oracle Cloud.
fn chart(name: &str, namespace: &str) -> String {
    let platform = repository().join("platform");
    let mut command = Command::new("helm");
    command.args(["template", name, "--namespace", namespace]).arg(platform.join(name));
    let values = platform.join("oke").join(name).with_extension("yaml");
    if values.exists() {
        command.arg("--values").arg(values);
    }
    let output = command.output().unwrap_or_else(|error| panic!("helm does not start: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The server accepts every overlay, and every chart of ours whose types it knows; Strimzi's are not in this cluster.
pub(crate) fn manifests_are_accepted() {
    for (name, namespace) in
        [("gateway-public", NAMESPACE), ("backup", NAMESPACE), ("postgres", "postgres"), ("knative-serving", "knative-serving")]
    {
        let arguments = ["--namespace", namespace, "apply", "--dry-run=server", "--validate=strict", "--filename", "-"];
        let accepted = kubectl_with(&arguments, &chart(name, namespace));
        assert!(accepted.contains("(server dry run)"), "{name}: {accepted}");
    }
    for overlay in ["minikube", "oke", "oke-redpanda"] {
        let folder = repository().join("knative/overlays").join(overlay);
        let rendered = kubectl(&["kustomize", folder.to_str().unwrap()]);
        // A Job cannot be changed, so it is tried under another name.
        let rendered = rendered.replace(
            "kind: Job\nmetadata:\n  labels:\n    app.kubernetes.io/part-of: taskflow\n  name: migrate\n",
            "kind: Job\nmetadata:\n  name: migrate-again\n",
        );
        let accepted = kubectl_with(&["apply", "--dry-run=server", "--filename", "-"], &rendered);
        let functions = accepted.lines().filter(|line| line.starts_with("service.serving.knative.dev/")).count();
        assert_eq!(functions, routes::ALL.len(), "{overlay}: {accepted}");
    }
}

/// Returns the number of instances that Knative wants of each function.
pub(crate) fn instances() -> BTreeMap<String, u64> {
    let deployments = json(&["get", "deployments", "--selector", "serving.knative.dev/service"]);
    let mut instances = BTreeMap::new();
    for deployment in deployments["items"].as_array().unwrap() {
        let name = deployment["metadata"]["labels"]["serving.knative.dev/service"].as_str().unwrap().to_owned();
        *instances.entry(name).or_default() += deployment["spec"]["replicas"].as_u64().unwrap();
    }
    instances
}

/// Returns the running functions.
pub(crate) fn awake() -> Vec<String> {
    instances().into_iter().filter(|(_, count)| *count > 0).map(|(name, _)| name).collect()
}

/// Waits until no function is running.
pub(crate) async fn at_zero() {
    slowly("every function to be at zero", || awake().is_empty()).await;
}

/// Waits until nothing is left of any function, because an ending instance slows a starting one.
pub(crate) async fn all_gone() {
    at_zero().await;
    slowly("the last pods to go", || pods() == ["gateway"]).await;
}

/// Waits for this with few checks, because kubectl takes processor time from the measurement.
async fn slowly(what: &str, is_so: impl Fn() -> bool) {
    eventually_within(TO_ZERO, what, async || {
        if is_so() {
            return Some(());
        }
        tokio::time::sleep(LOOK).await;
        None
    })
    .await;
}

/// Returns the running pods of functions and gateway.
pub(crate) fn pods() -> Vec<String> {
    let pods = json(&["get", "pods", "--field-selector", "status.phase!=Succeeded,status.phase!=Failed"]);
    let labels = pods["items"].as_array().unwrap().iter().map(|pod| pod["metadata"]["labels"].clone());
    labels.map(|labels| labels["serving.knative.dev/service"].as_str().or(labels["app"].as_str()).unwrap_or("?").to_owned()).collect()
}

/// Returns the memory in use, in MB, of each container of the running pods.
pub(crate) fn memory() -> BTreeMap<String, f64> {
    let summary: Value = serde_json::from_str(&kubectl(&["get", "--raw", "/api/v1/nodes/node/proxy/stats/summary"])).unwrap();
    let pods = summary["pods"].as_array().unwrap().iter().filter(|pod| pod["podRef"]["namespace"] == NAMESPACE);
    let containers = pods.flat_map(|pod| pod["containers"].as_array().cloned().unwrap_or_default());
    containers
        .filter_map(|container| {
            let bytes = container["memory"]["workingSetBytes"].as_f64()?;
            Some((container["name"].as_str()?.to_owned(), bytes / 1_000_000.0))
        })
        .collect()
}

/// Returns the addresses of the gateway's ready pods.
pub(crate) fn gateway_pods() -> Vec<IpAddr> {
    let endpoints = json(&["get", "endpoints", "gateway"]);
    let addresses =
        endpoints["subsets"].as_array().unwrap().iter().flat_map(|subset| subset["addresses"].as_array().cloned().unwrap_or_default());
    addresses.map(|address| address["ip"].as_str().unwrap().parse().unwrap()).collect()
}

/// Returns the address of a function's own URL inside the cluster.
pub(crate) async fn url_of(function: &str) -> SocketAddr {
    let host = host_of(function);
    eventually(&format!("an address of {host}"), async || {
        let mut found = tokio::net::lookup_host((host.as_str(), 80)).await.ok()?;
        found.next()
    })
    .await
}

/// Returns the host of a function's own URL inside the cluster.
pub(crate) fn host_of(function: &str) -> String {
    format!("{function}.{NAMESPACE}.svc.cluster.local")
}
