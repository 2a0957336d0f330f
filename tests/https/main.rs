//! HTTPS of the one process, with certificates of Pebble, a real ACME authority, and its DNS server, which maps every name to this machine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod authority;
mod client;

use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use tests::stack::{Program, Recipe, binaries, free_port};
use tests::{eventually, eventually_within};

use crate::authority::Authority;
use crate::client::{Client, Plain};

/// The names that are served.
const DOMAIN: &str = "tasks.test";
const OTHER: &str = "todo.test";
/// How long a certificate may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// The memory limit of the gateway's pod, in MB: knative/base/gateway.yaml.
const POD_MB: u64 = 128;
/// Nearly the maximum bytes of headers.
const HEADERS: usize = 15_000;
/// `listener::CONNECTIONS_MAX`.
const CONNECTIONS_MAX: usize = 2_000;

/// Taskflow with a domain.
struct Served {
    program: Program,
    client: Client,
    plain: Plain,
    port: u16,
}

/// Starts this program, whose HTTPS port the authority validates.
fn serve(program: &str, folder: &Path, authority: &Authority, settings: &[(&str, &str)]) -> Served {
    let (port, redirect) = (free_port(), free_port());
    let recipe = Recipe::new(program, &binaries().join(program), folder)
        .env("PORT", port.to_string())
        .env("TASKFLOW_BIND", "127.0.0.1")
        .env("TASKFLOW_DATA_DIR", folder.join("data").to_str().unwrap())
        .env("TASKFLOW_DOMAIN", format!("{DOMAIN}, {OTHER}"))
        .env("TASKFLOW_HTTPS_PORT", authority.tls_port.to_string())
        .env("TASKFLOW_HTTP_PORT", redirect.to_string())
        .env("TASKFLOW_ACME_DIRECTORY", &authority.directory)
        .env("TASKFLOW_ACME_EMAIL", "ann@example.org")
        .env("TASKFLOW_ACME_ROOTS", authority.roots.to_str().unwrap());
    let recipe = settings.iter().fold(recipe, |recipe, (name, value)| recipe.env(name, *value));
    Served { program: recipe.start(), client: Client::new(authority.tls_port), plain: Plain::new(redirect), port }
}

impl Served {
    /// Waits for the certificate and returns its serial number.
    async fn certificate(&mut self, name: &str) -> Vec<u8> {
        let (client, program) = (&self.client, &mut self.program);
        eventually_within(PATIENCE, "a certificate", async || {
            program.must_run();
            client.serial(name).await
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_served_over_https_and_a_restart_asks_the_authority_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut authority = Authority::start(folder.path(), &authority::Options::default()).await;
    let mut served = serve("taskflow", folder.path(), &authority, &[("TASKFLOW_FUNCTION_HOSTS", "true")]);
    let serial = served.certificate(DOMAIN).await;
    served.client.trust(&authority.issuer().await);
    assert_eq!(authority.orders(), 1, "one certificate has all names");

    for name in [DOMAIN, OTHER, "create-task.tasks.test", "list-tasks.todo.test"] {
        assert_eq!(served.client.serial(name).await.unwrap(), serial, "{name}");
    }
    // Old and new TLS, HTTP/1.1 and HTTP/2: the page, with HSTS.
    for (version, protocol) in
        [(&rustls::version::TLS12, "http/1.1"), (&rustls::version::TLS13, "http/1.1"), (&rustls::version::TLS13, "h2")]
    {
        let answer = served.client.get(DOMAIN, "/", version, protocol).await;
        assert_eq!(answer.status(), 200, "{protocol}");
        assert!(answer.headers()["strict-transport-security"].to_str().unwrap().starts_with("max-age=31536000"));
        assert!(answer.body().contains("<title>"), "{}", answer.body());
    }
    // A page of this origin may open the WebSocket; one of another origin may not.
    assert_eq!(served.client.websocket(DOMAIN, &format!("https://{DOMAIN}:{}", authority.tls_port)).await, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(served.client.websocket(DOMAIN, "https://evil.example").await, StatusCode::FORBIDDEN);
    // Names that are not ours.
    let stranger = Client::new(authority.tls_port);
    assert_eq!(stranger.get("evil.test", "/api/tasks", &rustls::version::TLS13, "h2").await.status(), 421);

    // A function's own name leads to that function only.
    let call =
        |name: &'static str, method: &'static str, path: &'static str, body: &'static str| served.client.call(name, method, path, body);
    let created = call("create-task.tasks.test", "POST", "/api/tasks", r#"{"title":"by its own name"}"#).await;
    assert_eq!(created.status(), 201, "{}", created.body());
    assert!(call("list-tasks.tasks.test", "GET", "/api/tasks", "").await.body().contains("by its own name"));
    assert_eq!(call("list-tasks.tasks.test", "GET", "/api/tags", "").await.status(), 404);
    assert_eq!(stranger.call("spawn-recurrence.tasks.test", "GET", "/", "").await.status(), 421, "callers have no business there");
    let command = r#"{"specversion":"1.0","id":"1","source":"/tests","type":"task.create","data":{"title":"by event"}}"#;
    assert_eq!(served.client.event("create-task.tasks.test", command).await.status(), 200);
    assert_eq!(served.client.event("complete-task.tasks.test", command).await.status(), 404);

    // The plain port redirects, and keeps method, path and query; the port for probes does not redirect.
    for (host, target) in [(DOMAIN, DOMAIN), (OTHER, OTHER), ("evil.test", DOMAIN), ("127.0.0.1", DOMAIN)] {
        let answer = served.plain.get(host, "/api/tasks?limit=1").await;
        assert_eq!(
            (answer.status(), answer.headers()["location"].to_str().unwrap()),
            (StatusCode::PERMANENT_REDIRECT, &*format!("https://{target}/api/tasks?limit=1"))
        );
    }
    assert_eq!(Plain::new(served.port).get("localhost", "/health/live").await.status(), 200);

    // Account and certificate are stored.
    let requests = authority.requests();
    served.program.kill();
    served.program.start_again();
    assert_eq!(served.certificate(DOMAIN).await, serial);
    authority.stop();
    served.program.kill();
    served.program.start_again();
    assert_eq!(served.certificate(DOMAIN).await, serial, "even without the authority");
    assert_eq!(authority.requests(), requests);
    served.program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_an_order_leaves_it_to_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut authority = Authority::start(folder.path(), &authority::Options { held: true, ..Default::default() }).await;
    let mut served = serve("gateway", folder.path(), &authority, &[]);
    authority.checks().await;
    served.program.stop();
    served.program.start_again();
    eventually("the process", async || Plain::new(served.port).try_get("localhost", "/health/live").await).await;
    authority.let_checks_through();
    let _ = served.certificate(DOMAIN).await;
    assert_eq!(authority.orders(), 1, "the same order");
    served.program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_failed_during_downtime_is_retried_immediately() {
    let folder = tempfile::tempdir().unwrap();
    let mut authority = Authority::start(folder.path(), &authority::Options { held: true, ..Default::default() }).await;
    let mut served = serve("gateway", folder.path(), &authority, &[]);
    authority.checks().await;
    served.program.kill();
    authority.let_checks_through();
    authority.refuses().await;
    served.program.start_again();
    // Soon: the pause after a failure is longer than that.
    let client = &served.client;
    let _ = eventually("a certificate", async || client.serial(DOMAIN).await).await;
    assert_eq!(authority.orders(), 2);
    served.program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_in_time_and_calls_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::start(folder.path(), &authority::Options { validity_seconds: 30, ..Default::default() }).await;
    let mut served = serve("gateway", folder.path(), &authority, &[]);
    let first = served.certificate(DOMAIN).await;
    served.client.trust(&authority.issuer().await);
    let client = &served.client;
    eventually_within(PATIENCE, "another certificate", async || {
        // Every handshake meanwhile gets a valid certificate.
        assert_eq!(client.get(DOMAIN, "/health/live", &rustls::version::TLS13, "h2").await.status(), 200);
        (client.serial(DOMAIN).await? != first).then_some(())
    })
    .await;
    served.program.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_see_the_authoritys_refusal_and_retries_are_rare() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::start(folder.path(), &authority::Options::default()).await;
    let mut served = serve("gateway", folder.path(), &authority, &[("TASKFLOW_DOMAIN", authority::BLOCKED)]);
    let plain = &served.plain;
    let told = eventually("the reason", async || {
        let answer = plain.try_get(authority::BLOCKED, "/").await?;
        assert_eq!((answer.status(), answer.headers()["retry-after"].to_str().unwrap()), (StatusCode::SERVICE_UNAVAILABLE, "10"));
        answer.body().contains("failed").then(|| answer.body().clone())
    })
    .await;
    assert!(told.contains("waiting for the certificate of") && told.contains(authority::BLOCKED), "{told}");
    assert_eq!(Plain::new(served.port).get("localhost", "/health/live").await.status(), 200, "nothing else waits");
    let orders = authority.orders();
    served.program.stop();
    served.program.start_again();
    eventually("the process", async || Plain::new(served.port).try_get("localhost", "/health/live").await).await;
    eventually("the reason", async || plain.try_get(authority::BLOCKED, "/").await.filter(|answer| answer.body().contains("failed"))).await;
    assert_eq!(authority.orders(), orders, "a restart does not ask again");
    served.program.stop();
    let said = served.program.said();
    assert_eq!(said.matches("HTTPS has no new certificate").count(), 2, "once at each start: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_at_once_fits_the_memory_of_the_pod() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::start(folder.path(), &authority::Options::default()).await;
    let mut served = serve("gateway", folder.path(), &authority, &[]);
    let _ = served.certificate(DOMAIN).await;
    let mut open = Vec::new();
    for n in 0..CONNECTIONS_MAX {
        let protocol = if n % 2 == 0 { "h2" } else { "http/1.1" };
        open.push(served.client.hold(DOMAIN, protocol).await);
    }
    drop(open);
    // Callers that send endless headers, which cost more than a call.
    let mut slow = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        slow.push(served.client.begin(DOMAIN, HEADERS).await);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.program.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_mb = peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024;
    eprintln!("{CONNECTIONS_MAX} connections of HTTPS: {peak_mb} MB at the most, of {POD_MB}");
    assert!(peak_mb < POD_MB, "{peak_mb} MB");
    drop(slow);
    served.program.stop();
}
