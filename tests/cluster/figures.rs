//! Measurements on the cluster, each from zero.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Api, PushService, eventually_within, in_seconds, moment};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::cluster::{
    API_TOKEN, Cluster, NAMESPACE, all_gone, at_zero, awake, host_of, kubectl, kubectl_with, memory, node, pods, repository, url_of,
};
use crate::story::eventually_sent;

/// Number of measurements of each figure, unless `CLUSTER_ROUNDS` is set.
const ROUNDS: usize = 5;
/// Seconds between reminders, in which everything scales to zero again.
const APART: i64 = 45;
/// Seconds until the first one.
const AHEAD: i64 = 60;
/// Seconds by which a reminder's job calls early, as in `knative/base`.
const LEAD: i64 = 5;
/// Functions whose cold start is measured, each with a query. The gateway itself answers what needs none.
const COLD: [(&str, &str); 2] = [("list-tags", "/api/tags"), ("list-tasks", "/api/tasks")];
/// Time limit of opening a browser, and of a visit.
const VISIT: Duration = Duration::from_mins(1);

#[derive(Default)]
pub(crate) struct Figures {
    rows: Vec<(String, String, &'static str)>,
}

impl Figures {
    pub(crate) fn row(&mut self, what: impl Into<String>, figure: String, aim: &'static str) {
        let what = what.into();
        eprintln!("{what}: {figure} ({aim})");
        self.rows.push((what, figure, aim));
    }

    /// Returns all figures as a Markdown table.
    pub(crate) fn table(&self) -> String {
        let rows = self.rows.iter().map(|(what, figure, aim)| format!("| {what} | {figure} | {aim} |\n")).collect::<Vec<_>>().concat();
        format!("\n| figure | measured | aim |\n|---|---|---|\n{rows}")
    }
}

/// Measures the selected parts.
pub(crate) async fn measure(cluster: &Cluster, figures: &mut Figures, is_wanted: impl Fn(&str) -> bool) {
    if is_wanted("cold") {
        cold_starts(cluster, figures).await;
    }
    if is_wanted("reminders") {
        reminders(cluster, figures).await;
        pushes(cluster, figures).await;
    }
    if is_wanted("recurrences") {
        recurrences(cluster, figures).await;
    }
    if is_wanted("page") {
        page(cluster, figures).await;
    }
    idle(figures).await;
}

fn rounds() -> usize {
    std::env::var("CLUSTER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

/// Compares a function through the gateway with a one-line function with the same settings, called directly.
async fn cold_starts(cluster: &Cluster, figures: &mut Figures) {
    make_hello();
    let hello = Api::new(url_of("hello").await, None);
    let host = host_of("hello");
    let mut times = vec![Vec::new(); COLD.len() + 1];
    for round in 0..rounds() {
        all_gone().await;
        // Each comes first in turn, because the first call of a round finds the machine least prepared.
        for turn in 0..times.len() {
            let which = (round + turn) % times.len();
            let begin = Instant::now();
            let _ = match which.checked_sub(1) {
                None => hello.call("GET", "/", &[("host", &host)], "").await.is(200),
                Some(index) => cluster.api.get(COLD[index].1).await.is(200),
            };
            times[which].push(begin.elapsed());
        }
    }
    kubectl(&["delete", "ksvc", "hello"]);
    let floor = median(&mut times[0]);
    figures.row("cold start of the one-line function, median", milliseconds(floor), "the floor");
    for ((name, _), times) in COLD.iter().zip(&mut times[1..]) {
        let cold = median(times);
        let ratio = cold.as_secs_f64() / floor.as_secs_f64();
        figures.row(format!("cold start of {name} through the gateway, median"), format!("{}, {ratio:.2} ×", milliseconds(cold)), "1.2 ×");
    }
}

/// Creates the one-line function, with everything that the manifests set for a function.
fn make_hello() {
    let image = std::env::var("HELLO_IMAGE").unwrap_or_else(|_| panic!("HELLO_IMAGE is not set: see tests/tools/cluster.sh"));
    let mut service: Value = serde_json::from_str(&kubectl(&["get", "ksvc", "list-tags", "--output", "json"])).unwrap();
    service["metadata"] = json!({ "name": "hello", "namespace": NAMESPACE, "labels": service["metadata"]["labels"] });
    service["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
    service.as_object_mut().unwrap().remove("status");
    kubectl_with(&["apply", "--filename", "-"], &service.to_string());
    kubectl(&["wait", "ksvc/hello", "--for", "condition=Ready", "--timeout", "2m"]);
}

/// Creates tasks whose reminders fire at their due dates, so far apart that everything is at zero before each.
async fn reminded(cluster: &Cluster, title: &str) -> Vec<Value> {
    at_zero().await;
    let mut tasks = Vec::new();
    for index in 0..rounds() {
        let due = in_seconds(AHEAD + APART * i64::try_from(index).unwrap());
        let fields = json!({ "title": format!("{title} {index}"), "due_date": due, "reminder_offset": "0 minutes" });
        tasks.push(cluster.api.create(&fields).await);
    }
    tasks
}

/// Waits until everything is at zero. This must happen before the reminder of this task wakes a function.
async fn at_zero_before(task: &Value) {
    at_zero().await;
    let ahead = moment(&task["due_date"]).as_second() - tests::now().as_second();
    assert!(ahead > LEAD, "it took too long to be at zero: nothing is shown by this reminder");
}

async fn reminders(cluster: &Cluster, figures: &mut Figures) {
    let tasks = reminded(cluster, "reminder").await;
    for task in &tasks {
        at_zero_before(task).await;
        eventually_sent(cluster, task).await;
    }
    let mut late = Vec::new();
    for task in &tasks {
        let query = "SELECT (extract(epoch FROM n.created_at - r.scheduled_at) * 1000000)::bigint FROM notifications n JOIN reminders r USING (task_id) WHERE task_id = $1";
        let query = sqlx::query_scalar::<_, i64>(query).bind(task["id"].as_i64().unwrap());
        let microseconds = query.fetch_one(cluster.store.pool()).await.unwrap();
        late.push(Duration::from_micros(u64::try_from(microseconds).unwrap_or_else(|_| panic!("{microseconds} µs: too early"))));
    }
    figures.row("reminder from zero, how late its notification is, median / most", spread(&mut late), "500 ms");
}

/// Measures pushes from zero to the push service, which runs next to the cluster. New pods read its address, which is exempt from the
/// check, from the deployment's settings.
async fn pushes(cluster: &Cluster, figures: &mut Figures) {
    let push = PushService::start_at(node()).await;
    all_gone().await;
    kubectl(&["create", "configmap", "taskflow-settings", &format!("--from-literal=TASKFLOW_PUSH_TEST_ADDRESS={}", node())]);
    let subscription = cluster.api.post("/api/push/subscriptions", &push.browser("laptop")).await.is(201).json();
    let mut late = Vec::new();
    for task in reminded(cluster, "push").await {
        at_zero_before(&task).await;
        eventually_sent(cluster, &task).await;
        let pushed = push.pushed().await;
        assert_eq!(pushed.payload["task_id"], task["id"]);
        let early = || panic!("a push before its time: {pushed:?}");
        late.push(Duration::try_from(pushed.at.duration_since(moment(&task["due_date"]))).unwrap_or_else(|_| early()));
    }
    let _ = cluster.api.delete(&format!("/api/push/subscriptions/{}", subscription["id"])).await.is(204);
    kubectl(&["delete", "configmap", "taskflow-settings"]);
    assert_eq!(push.refusals(), Vec::<String>::new());
    figures.row("reminder from zero, how late its push is at the push service, median / most", spread(&mut late), "1 s");
}

/// Compares waking the consumers of a call ahead with not doing so, in turn.
async fn recurrences(cluster: &Cluster, figures: &mut Figures) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds() {
        for (index, is_ahead) in [false, true].into_iter().enumerate() {
            set_of_gateway(&format!("TASKFLOW_WAKE_AHEAD={is_ahead}"));
            at_zero().await;
            let task = json!({ "title": "again", "due_date": "2030-01-31T09:00:00Z", "recurrence": "daily" });
            let task = cluster.api.create(&task).await;
            all_gone().await;
            let begin = Instant::now();
            let _ = cluster.api.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
            eventually_within(Duration::from_mins(1), "the next occurrence", async || {
                let child = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM tasks WHERE parent_task_id = $1").bind(task["id"].as_i64());
                (child.fetch_one(cluster.store.pool()).await.unwrap() == 1).then_some(())
            })
            .await;
            times[index].push(begin.elapsed());
        }
    }
    set_of_gateway("TASKFLOW_WAKE_AHEAD-");
    let [mut without, mut ahead] = times;
    let what = "recurrence from zero, from the call that completes to the next occurrence, median";
    figures.row(format!("{what} / most, TASKFLOW_WAKE_AHEAD=false"), spread(&mut without), "");
    figures.row(format!("{what} / most, woken ahead"), against(&mut ahead, &mut without), "0.55 ×");
}

/// Sets or removes (`NAME-`) a variable of the gateway, and waits until the new gateway is ready.
fn set_of_gateway(variable: &str) {
    kubectl(&["set", "env", "deployment/gateway", variable]);
    kubectl(&["rollout", "status", "deployment/gateway", "--timeout", "2m"]);
}

/// Compares a first visit in a browser with the cold start of the one function that it needs, in turn.
async fn page(cluster: &Cluster, figures: &mut Figures) {
    let (mut visits, mut starts) = (Vec::new(), Vec::new());
    let _ = cluster.api.create(&json!({ "title": "on the page" })).await;
    for _ in 0..rounds() {
        all_gone().await;
        let begin = Instant::now();
        let _ = cluster.api.get("/api/tasks").await.is(200);
        starts.push(begin.elapsed());
        visits.push(visit(&format!("http://{}/", cluster.api.address)).await);
    }
    figures.row("cold start of list-tasks through the gateway, median / most", spread(&mut starts), "");
    let figure = against(&mut visits, &mut starts);
    figures.row("the page from zero, from the start of a first visit to tasks painted, median / most", figure, "1.2 ×");
}

/// Visits the page in a new browser as soon as everything is at zero. Returns the time until tasks were painted.
async fn visit(url: &str) -> Duration {
    let script = repository().join("tests/browser/from-zero.js");
    let mut browser = Command::new("node");
    browser.arg(script).args([url, API_TOKEN]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut browser = browser.spawn().unwrap_or_else(|error| panic!("node does not start: {error}"));
    let mut lines = BufReader::new(browser.stdout.take().unwrap()).lines();
    let mut line = async || tokio::time::timeout(VISIT, lines.next_line()).await.unwrap().unwrap();
    assert_eq!(line().await.as_deref(), Some("ready"), "no browser: its own output says why");
    all_gone().await;
    browser.stdin.take().unwrap().write_all(b"\n").await.unwrap();
    let milliseconds = line().await.unwrap_or_else(|| panic!("no task was painted: the browser's output says why"));
    assert!(browser.wait().await.unwrap().success());
    Duration::from_millis(milliseconds.parse().unwrap())
}

async fn idle(figures: &mut Figures) {
    all_gone().await;
    assert_eq!(awake(), Vec::<String>::new());
    figures.row("pods when idle", pods().join(", "), "the gateway's");
    for (container, used) in memory() {
        figures.row(format!("memory of {container} when idle"), format!("{used:.1} MB"), if container == "gateway" { "10 MB" } else { "" });
    }
}

/// Sorts the times, and returns the median.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Returns the median, the maximum and the number of the times.
fn spread(times: &mut [Duration]) -> String {
    let median = median(times);
    format!("{} / {} of {}", milliseconds(median), milliseconds(times[times.len() - 1]), times.len())
}

/// Returns the same, with the ratio of the median to that of others.
fn against(times: &mut [Duration], others: &mut [Duration]) -> String {
    let ratio = median(times).as_secs_f64() / median(others).as_secs_f64();
    format!("{}, {ratio:.2} ×", spread(times))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}
