//! Anonymous callers: what they wake, and what probes and scrapes see if no token is set.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tests::Api;

use crate::cluster::{Cluster, all_gone, awake, gateway_pods, host_of, kubectl};
use crate::figures::Figures;

/// Requests of an anonymous caller, in turn, with their answers.
const PATHS: [(&str, u16); 4] = [("/", 200), ("/api/tasks", 401), ("/health", 200), ("/wp-login.php", 404)];
/// Seconds of anonymous requests, unless `CLUSTER_STRANGERS_SECONDS` is set.
const SECONDS: u64 = 600;
/// Statements of a gateway that reads its deliveries 1, 3 and 10 minutes after its start, two each time.
const LOOKS_OF_GATEWAY: u64 = 6;
/// Identifies each query of Taskflow's by its connection and beginning; statements that set up a connection do not count.
const QUERIES: &str = "SELECT pid::text || ' ' || query_start::text FROM pg_stat_activity \
     WHERE application_name = 'taskflow' AND pid <> pg_backend_pid() AND query_start IS NOT NULL AND query NOT LIKE 'SET %'";

/// One anonymous request per second wakes no function but health, and causes at most one database read per minute, besides the reads of a gateway
/// that has just started.
pub(crate) async fn wake_nobody(cluster: &Cluster, figures: &mut Figures) {
    all_gone().await;
    let seconds = std::env::var("CLUSTER_STRANGERS_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(SECONDS);
    eprintln!("a stranger asks for {seconds} s");
    let stranger = Api::new(cluster.api.address, None);
    let begin = tokio::time::Instant::now();
    let mut asked = 0;
    let asking = async {
        while begin.elapsed() < Duration::from_secs(seconds) {
            let (path, status) = PATHS[asked % PATHS.len()];
            let _ = stranger.get(path).await.is(status);
            asked += 1;
            tokio::time::sleep_until(begin + Duration::from_secs(asked as u64)).await;
        }
    };
    let look = async || sqlx::query_scalar::<_, String>(QUERIES).fetch_all(cluster.store.pool()).await.unwrap();
    let before: BTreeSet<String> = look().await.into_iter().collect();
    let (mut woken, mut queries) = (BTreeSet::new(), BTreeSet::new());
    let looking = async {
        loop {
            woken.extend(tokio::task::spawn_blocking(awake).await.unwrap());
            queries.extend(look().await.into_iter().filter(|query| !before.contains(query)));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = looking => {}
    }
    assert!(woken.iter().all(|name| name == "health"), "strangers woke {woken:?}");
    let minutes = seconds.div_ceil(60) + 1;
    assert!(u64::try_from(queries.len()).unwrap() <= minutes + LOOKS_OF_GATEWAY, "{} queries in {seconds} s: {queries:?}", queries.len());
    figures.row(format!("{asked} anonymous requests in {seconds} s: functions woken"), format!("{woken:?}"), "only health");
    figures.row("queries meanwhile", queries.len().to_string(), "one a minute");
}

/// Without a token, callers by an address or by the Service's name are answered: probes, scrapes, and callers in the cluster.
pub(crate) async fn probes_and_scrapes_are_green(cluster: &Cluster) {
    kubectl(&["wait", "deployment/gateway", "--for", "condition=Available", "--timeout", "1m"]);
    kubectl(&["wait", "ksvc", "--all", "--for", "condition=Ready", "--timeout", "2m"]);
    let pods = gateway_pods();
    assert!(!pods.is_empty());
    for pod in pods {
        let pod = Api::new(SocketAddr::new(pod, 8080), None);
        for path in ["/metrics", "/health/live", "/health/ready"] {
            let _ = pod.get(path).await.is(200);
        }
    }
    let full = host_of("gateway");
    for host in [full.as_str(), "gateway.taskflow.svc", "gateway.taskflow", "gateway"] {
        let _ = cluster.api.call("GET", "/metrics", &[("host", host)], "").await.is(200);
    }
    let _ = cluster.api.call("GET", "/metrics", &[("host", "evil.example")], "").await.problem(421);
    let _ = cluster.api.call("GET", "/health/live", &[("host", "evil.example")], "").await.is(200);
    let restarts =
        kubectl(&["get", "pods", "--selector", "app=gateway", "--output", "jsonpath={.items[*].status.containerStatuses[*].restartCount}"]);
    assert!(restarts.split(' ').all(|count| count == "0"), "a probe failed: {restarts}");
}
