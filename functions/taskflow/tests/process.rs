//! Taskflow as users run it: the real program on its embedded PostgreSQL, killed, stopped, started twice, misconfigured, locked.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::env;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use domain::Timestamp;
use domain::ambient::Clock;
use function::ambient::SystemClock;
use futures_util::StreamExt;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

/// Maximum wait before the test reports what it waited for.
const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

// The program.

/// A running Taskflow. Dropping it kills it, and its PostgreSQL stops by itself.
struct Taskflow {
    child: Child,
    url: String,
    log: Log,
}

/// Lines of a process's standard error.
type Log = Arc<Mutex<Vec<String>>>;

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("taskflow-").tempdir().unwrap()
}

/// Returns the program with the test's settings only.
fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taskflow"));
    for (name, _) in env::vars_os() {
        if name == "DATABASE_URL" || name.to_string_lossy().starts_with("TASKFLOW_") {
            command.env_remove(name);
        }
    }
    command.env("PORT", "0").env("RUST_LOG", "info").env("TASKFLOW_DATA_DIR", data);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Taskflow {
    async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Log::default();
        let url = within("Taskflow to start", async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let address = message(&line).strip_prefix("Taskflow is at ").map(str::to_owned);
                log.lock().unwrap().push(line);
                if let Some(address) = address {
                    return address;
                }
            }
            panic!("Taskflow ended instead of starting: {:#?}", log.lock().unwrap());
        });
        let url = url.await;
        let rest = log.clone();
        // The log is read to its end, so that the process can continue to write.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                rest.lock().unwrap().push(line);
            }
        });
        Self { child, url, log }
    }

    fn client(&self) -> Client {
        // reqwest needs a provider even for plain HTTP; another test may have installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(LIMIT).build().unwrap();
        Client { http, url: self.url.clone() }
    }

    async fn kill(&mut self) {
        self.child.start_kill().unwrap();
        within("a killed Taskflow", self.child.wait()).await.unwrap();
    }

    /// Stops it gracefully, as a service manager does.
    async fn stop(mut self) {
        signal("-TERM", self.child.id().unwrap()).await;
        let status = within("a graceful stop", self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}: {:#?}", self.log.lock().unwrap());
        self.assert_calm();
    }

    /// Fails if the log reports a panic, a dead letter or interrupted work.
    fn assert_calm(&self) {
        for line in self.log.lock().unwrap().iter() {
            assert!(
                ["panicked", "became a dead letter", "no attempts are left", "work was in progress", "did not wait for all deliveries"]
                    .iter()
                    .all(|bad| !line.contains(bad)),
                "{line}"
            );
        }
    }
}

/// Returns the message of a log line.
fn message(line: &str) -> String {
    let entry: Value = serde_json::from_str(line).unwrap_or_default();
    entry["message"].as_str().unwrap_or_default().to_owned()
}

async fn signal(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().await.unwrap().success());
}

/// Returns the only log line of a start that must fail.
async fn refused(mut command: Command) -> String {
    let Output { status, stderr, .. } = within("a start that fails", command.output()).await.unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    let errors: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    let errors: Vec<&Value> = errors.iter().filter(|entry| entry["level"] == "ERROR").collect();
    assert_eq!(errors.len(), 1, "it said {said:?}");
    assert!(!said.contains("hunter2"), "a secret is shown: {said}");
    errors[0]["message"].as_str().unwrap().to_owned()
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    within(what, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(POLL).await;
        }
    })
    .await
}

fn in_milliseconds(milliseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(SystemClock.now().as_microsecond() + milliseconds * 1_000).unwrap()
}

async fn until(moment: Timestamp) {
    let ahead = moment.as_microsecond() - SystemClock.now().as_microsecond();
    tokio::time::sleep(Duration::from_micros(ahead.try_into().unwrap_or(0))).await;
}

// Its callers.

#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    url: String,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Client {
    async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: serde_json::from_slice(&response.bytes().await?).unwrap_or_default() })
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], None).await.unwrap()
    }

    async fn create(&self, task: &Value) -> Value {
        let answer = self.call(Method::POST, "/api/tasks", &[], Some(task)).await.unwrap();
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body
    }

    /// Returns all items of a list, page by page.
    async fn all(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let answer = self.get(&format!("{path}limit=500&offset={}", all.len())).await;
            let page = answer.body.as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
            if page.is_empty() {
                assert_eq!(answer.header("x-total-count"), all.len().to_string());
                return all;
            }
            all.extend(page);
        }
    }

    /// Returns all notifications, in order.
    async fn notifications(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map_or(0, id);
            let page = self.get(&format!("/api/notifications?after={after}")).await.body.as_array().unwrap().clone();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    async fn socket(&self, query: &str, protocols: Option<&str>) -> Result<(WebSocketStream<TcpStream>, HeaderMap), SocketError> {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut request = format!("ws://{host}/ws/notifications{query}").into_client_request().unwrap();
        if let Some(protocols) = protocols {
            request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        }
        let stream = TcpStream::connect(host).await.unwrap();
        let (socket, response) = tokio_tungstenite::client_async(request, stream).await?;
        Ok((socket, response.headers().clone()))
    }
}

fn id(entity: &Value) -> i64 {
    entity["id"].as_i64().unwrap_or_else(|| panic!("no id: {entity}"))
}

// Killed.

const ROUNDS: usize = 4;
const WORKERS: usize = 4;
const WORDS: [&str; 4] = ["rent", "milk", "garden", "letter"];

/// Random decisions, which need not be reproducible.
#[derive(Clone, Default)]
struct Dice(RandomState, u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.1 += 1;
        let mut hasher = self.0.build_hasher();
        hasher.write_u64(self.1);
        usize::try_from(hasher.finish() % u64::try_from(end).unwrap()).unwrap()
    }
}

/// The callers' requests and answers, across all starts of Taskflow.
#[derive(Default)]
struct Book {
    creates: Vec<Create>,
    /// Whether each task's completion was acknowledged.
    completions: BTreeMap<i64, bool>,
}

struct Create {
    body: Value,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    /// No answer yet.
    Nothing,
    /// The task exists.
    There(i64),
    /// Refused, because the time of its reminder had passed when the call was repeated.
    Refused,
}

impl Create {
    fn title(&self) -> &str {
        self.body["title"].as_str().unwrap()
    }
}

/// A caller that makes requests until Taskflow is gone.
struct Worker {
    name: String,
    client: Client,
    dice: Dice,
    book: Arc<Mutex<Book>>,
    answered: Arc<Semaphore>,
    is_over: Arc<AtomicBool>,
}

impl Worker {
    async fn run(mut self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let status = match self.dice.below(10) {
                0..5 => self.create().await,
                5..8 => self.complete().await,
                8 => self.create_again().await,
                _ => self.search().await,
            };
            match status {
                Ok(status) if status.is_server_error() || status == StatusCode::CONFLICT => tokio::time::sleep(POLL).await,
                Ok(_) => self.answered.add_permits(1),
                Err(_) => return,
            }
        }
    }

    async fn create(&mut self) -> Result<StatusCode, reqwest::Error> {
        let mut body = json!({ "tags": ["load"] });
        let kind = self.dice.below(4);
        if kind < 2 {
            body["due_date"] = in_milliseconds(i64::try_from(300 + self.dice.below(3_000)).unwrap()).to_string().into();
            body["reminder_offset"] = "0 minutes".into();
        }
        if kind == 0 {
            body["recurrence"] = "daily".into();
        }
        let word = WORDS[self.dice.below(WORDS.len())];
        let number = {
            let mut book = self.book.lock().unwrap();
            let number = book.creates.len();
            body["title"] = format!("{word} {} {number}", self.name).into();
            book.creates.push(Create { body, told: Told::Nothing });
            number
        };
        create(&self.client, &self.book, number).await
    }

    /// Repeats any earlier creation, answered or not.
    async fn create_again(&mut self) -> Result<StatusCode, reqwest::Error> {
        let count = self.book.lock().unwrap().creates.len();
        if count == 0 { Ok(StatusCode::OK) } else { create(&self.client, &self.book, self.dice.below(count)).await }
    }

    async fn complete(&mut self) -> Result<StatusCode, reqwest::Error> {
        let task = {
            let book = self.book.lock().unwrap();
            let there: Vec<i64> =
                book.creates.iter().filter_map(|create| if let Told::There(id) = create.told { Some(id) } else { None }).collect();
            if there.is_empty() { None } else { Some(there[self.dice.below(there.len())]) }
        };
        match task {
            Some(task) => complete(&self.client, &self.book, task).await,
            None => Ok(StatusCode::OK),
        }
    }

    async fn search(&mut self) -> Result<StatusCode, reqwest::Error> {
        let query = json!({ "query": WORDS[self.dice.below(WORDS.len())] });
        let answer = self.client.call(Method::POST, "/api/tasks/search", &[], Some(&query)).await?;
        assert!(answer.status == StatusCode::OK || answer.status == StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        Ok(answer.status)
    }
}

/// Requests a task with the same key each time, and records the answer.
async fn create(client: &Client, book: &Mutex<Book>, number: usize) -> Result<StatusCode, reqwest::Error> {
    let body = book.lock().unwrap().creates[number].body.clone();
    let answer = client.call(Method::POST, "/api/tasks", &[("idempotency-key", body["title"].as_str().unwrap())], Some(&body)).await?;
    let told = &mut book.lock().unwrap().creates[number].told;
    let news = match answer.status {
        StatusCode::CREATED => Told::There(id(&answer.body)),
        StatusCode::UNPROCESSABLE_ENTITY => Told::Refused,
        StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => *told,
        _ => panic!("{answer:?}"),
    };
    assert!(*told == Told::Nothing || *told == news, "{body}: first {told:?}, then {answer:?}");
    *told = news;
    Ok(answer.status)
}

async fn complete(client: &Client, book: &Mutex<Book>, task: i64) -> Result<StatusCode, reqwest::Error> {
    book.lock().unwrap().completions.entry(task).or_default();
    let answer = client.call(Method::POST, &format!("/api/tasks/{task}/complete"), &[], None).await?;
    match answer.status {
        StatusCode::OK => _ = book.lock().unwrap().completions.insert(task, true),
        StatusCode::SERVICE_UNAVAILABLE => {}
        _ => panic!("{answer:?}"),
    }
    Ok(answer.status)
}

/// Returns the process id of this folder's server, once it is known.
fn postmaster(data: &Path) -> Option<u32> {
    let file = fs::read_to_string(data.join("postgresql/data/postmaster.pid")).ok()?;
    let mut lines = file.lines();
    let (process, folder) = (lines.next()?.parse().ok()?, lines.next()?);
    let cluster = fs::canonicalize(data.join("postgresql/data")).unwrap();
    assert_eq!(Some(folder), cluster.to_str(), "another server");
    Some(process)
}

/// Connects to the embedded database directly.
async fn database(data: &Path) -> PgConnection {
    let home = data.join("postgresql");
    let password = fs::read_to_string(home.join("password")).unwrap();
    let options =
        PgConnectOptions::new_without_pgpass().socket(home).port(5432).username("taskflow").password(&password).database("taskflow");
    PgConnection::connect_with(&options.ssl_mode(PgSslMode::Disable)).await.unwrap()
}

/// True if no work is in progress or due.
const IS_QUIET: &str = "SELECT NOT EXISTS (SELECT FROM outbox) AND NOT EXISTS (SELECT FROM deliveries) \
     AND NOT EXISTS (SELECT FROM embedded.jobs WHERE due_at < now() + interval '1 hour') \
     AND NOT EXISTS (SELECT FROM reminders WHERE status = 'pending' AND scheduled_at < now() + interval '1 hour')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_dash_nine_loses_nothing() {
    let folder = folder();
    let book = Arc::new(Mutex::new(Book::default()));
    let mut dice = Dice::default();
    for round in 0..ROUNDS {
        if round % 2 == 1 {
            let mut starting = program(folder.path()).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(dice.below(400).try_into().unwrap())).await;
            starting.start_kill().unwrap();
            starting.wait().await.unwrap();
        }
        let mut taskflow = Taskflow::start(program(folder.path())).await;
        let (answered, is_over) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(false)));
        let workers: Vec<JoinHandle<()>> = (0..WORKERS)
            .map(|number| {
                let (book, answered, is_over) = (book.clone(), answered.clone(), is_over.clone());
                let name = format!("{round} {number}");
                tokio::spawn(Worker { name, client: taskflow.client(), dice: Dice::default(), book, answered, is_over }.run())
            })
            .collect();
        let enough = u32::try_from(20 + dice.below(60)).unwrap();
        within("answers", answered.acquire_many(enough)).await.unwrap().forget();
        let server = postmaster(folder.path()).unwrap();
        if round % 3 > 0 {
            signal("-KILL", server).await;
        }
        if round % 3 == 2 {
            let another = async || postmaster(folder.path()).filter(|process| *process != server);
            eventually("Taskflow to start its database again", another).await;
            answered.forget_permits(usize::MAX);
            within("answers of the next database", answered.acquire_many(enough)).await.unwrap().forget();
        }
        taskflow.kill().await;
        is_over.store(true, Ordering::SeqCst);
        for worker in workers {
            within("a worker", worker).await.unwrap();
        }
        taskflow.assert_calm();
    }

    let taskflow = Taskflow::start(program(folder.path())).await;
    let client = taskflow.client();
    ask_for_the_rest(&client, &book).await;
    let mut database = database(folder.path()).await;
    let quiet = async |database: &mut PgConnection| sqlx::query_scalar::<_, bool>(IS_QUIET).fetch_one(database).await.unwrap();
    within("everything to be delivered and every reminder to fire", async {
        while !quiet(&mut database).await {
            tokio::time::sleep(POLL).await;
        }
    })
    .await;
    let dead_letters: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letters").fetch_one(&mut database).await.unwrap();
    database.close().await.unwrap();
    let found = Found::read(&client).await;
    let mut problems = found.problems(&book.lock().unwrap());
    problems.extend((dead_letters > 0).then(|| format!("{dead_letters} dead letters")));
    let summary = found.summary(&book.lock().unwrap());
    println!("{ROUNDS} kills: {summary}");
    assert!(problems.is_empty(), "{summary}\n{:#?}", problems.iter().take(10).collect::<Vec<_>>());
    taskflow.stop().await;
}

/// Repeats all requests without an answer.
async fn ask_for_the_rest(client: &Client, book: &Mutex<Book>) {
    let creates: Vec<usize> = {
        let book = book.lock().unwrap();
        (0..book.creates.len()).filter(|number| book.creates[*number].told == Told::Nothing).collect()
    };
    for number in creates {
        let status = create(client, book, number).await.unwrap();
        assert!(matches!(status, StatusCode::CREATED | StatusCode::UNPROCESSABLE_ENTITY), "{status}");
    }
    let completions: Vec<i64> = book.lock().unwrap().completions.iter().filter(|(_, is_told)| !**is_told).map(|(id, _)| *id).collect();
    for task in completions {
        assert_eq!(complete(client, book, task).await.unwrap(), StatusCode::OK);
    }
}

/// The final state.
struct Found {
    tasks: HashMap<i64, Value>,
    titles: HashMap<String, Vec<i64>>,
    children: HashMap<i64, usize>,
    created: HashMap<i64, usize>,
    completed: HashMap<i64, usize>,
    reminders: HashMap<i64, Vec<Value>>,
    notifications: HashMap<i64, usize>,
}

impl Found {
    async fn read(client: &Client) -> Self {
        let tasks: HashMap<i64, Value> = client.all("/api/tasks?").await.into_iter().map(|task| (id(&task), task)).collect();
        let mut titles: HashMap<String, Vec<i64>> = HashMap::new();
        for (id, task) in tasks.iter().filter(|(_, task)| task["parent_task_id"].is_null()) {
            titles.entry(task["title"].as_str().unwrap().to_owned()).or_default().push(*id);
        }
        let mut reminders = HashMap::new();
        for (id, _) in tasks.iter().filter(|(_, task)| !task["reminder_offset"].is_null()) {
            reminders.insert(*id, client.get(&format!("/api/reminders?task_id={id}")).await.body.as_array().unwrap().clone());
        }
        Self {
            children: count(tasks.values(), "parent_task_id"),
            created: count(&client.all("/api/audit?event_type=task.created&").await, "task_id"),
            completed: count(&client.all("/api/audit?event_type=task.completed&").await, "task_id"),
            notifications: count(&client.notifications().await, "task_id"),
            tasks,
            titles,
            reminders,
        }
    }

    /// Returns the differences from the expected state.
    fn problems(&self, book: &Book) -> Vec<String> {
        let mut problems = Vec::new();
        for create in &book.creates {
            let found = self.titles.get(create.title()).map_or(&[][..], Vec::as_slice);
            let is_right = match create.told {
                Told::There(id) => found == [id],
                Told::Refused => found.is_empty(),
                Told::Nothing => false,
            };
            problems.extend((!is_right).then(|| format!("{}: told {:?}, found {found:?}", create.title(), create.told)));
        }
        for (id, task) in &self.tasks {
            let is_completed = task["status"] == "completed";
            let mut expect = |what: &str, found: Option<&usize>, expected: bool| {
                let found = found.copied().unwrap_or_default();
                problems.extend(
                    (found != usize::from(expected)).then(|| format!("task {id}: {found} {what}, not {}: {task}", usize::from(expected))),
                );
            };
            expect("completions", Some(&usize::from(is_completed)), book.completions.contains_key(id));
            expect("next occurrences", self.children.get(id), is_completed && task["recurrence"] != "none");
            expect("task.created in the audit log", self.created.get(id), true);
            expect("task.completed in the audit log", self.completed.get(id), is_completed);
            let reminders = self.reminders.get(id).map_or(&[][..], Vec::as_slice);
            // A task that was completed before its reminder was written has none.
            let has_reminder = !(task["reminder_offset"].is_null() || is_completed && reminders.is_empty());
            expect("reminders", Some(&reminders.len()), has_reminder);
            expect("notifications", self.notifications.get(id), reminders.iter().any(|reminder| reminder["status"] == "sent"));
            for reminder in reminders {
                let is_occurrence = !task["parent_task_id"].is_null();
                let is_right = match reminder["status"].as_str() {
                    Some("sent") => !is_occurrence,
                    Some("cancelled") => is_completed,
                    Some("pending") => is_occurrence,
                    _ => false,
                };
                expect("wrong reminders", Some(&usize::from(!is_right)), false);
            }
        }
        let strangers: HashSet<&i64> =
            self.created.keys().chain(self.notifications.keys()).filter(|id| !self.tasks.contains_key(id)).collect();
        problems.extend((!strangers.is_empty()).then(|| format!("announced, and not there: {strangers:?}")));
        problems
    }

    fn summary(&self, book: &Book) -> String {
        let told = |create: &&Create| matches!(create.told, Told::There(_));
        let times = |create: &Create| self.titles.get(create.title()).map_or(0, Vec::len);
        let acknowledged = book.creates.iter().filter(told).count();
        let lost = book.creates.iter().filter(told).filter(|create| times(create) == 0).count();
        let doubled = book.creates.iter().filter(|create| times(create) > 1).count();
        let refused = book.creates.iter().filter(|create| create.told == Told::Refused).count();
        let completions = book.completions.len();
        let undone = book.completions.keys().filter(|id| self.tasks.get(id).is_none_or(|task| task["status"] != "completed")).count();
        let (occurrences, notifications): (usize, usize) = (self.children.values().sum(), self.notifications.values().sum());
        format!(
            "{acknowledged} tasks acknowledged ({lost} lost, {doubled} doubled, {refused} refused), {completions} completions acknowledged \
             ({undone} lost), {occurrences} next occurrences, {notifications} reminders sent"
        )
    }
}

/// Counts entities by the number in a field.
fn count<'a>(entities: impl IntoIterator<Item = &'a Value>, field: &str) -> HashMap<i64, usize> {
    let mut counts = HashMap::new();
    for id in entities.into_iter().filter_map(|entity| entity[field].as_i64()) {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

// Started and stopped.

#[test]
fn cargo_run_needs_no_name() {
    let cargo = std::process::Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output();
    let metadata: Value = serde_json::from_slice(&cargo.unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let defaults: Vec<&str> = packages.iter().filter_map(|package| package["default_run"].as_str()).collect();
    assert_eq!(defaults, ["taskflow"], "with a second default-run, cargo cannot tell what to run");
}

#[test]
fn the_one_process_links_no_dapr() {
    let arguments = ["tree", "--offline", "--package", "taskflow", "--edges", "normal", "--prefix", "none"];
    let tree = std::process::Command::new(env!("CARGO")).args(arguments).output().unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: HashSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("gateway"), "{tree}");
    let dapr: Vec<&&str> = ["dapr", "sidecar", "tonic"].iter().filter(|name| names.contains(**name)).collect();
    assert!(dapr.is_empty(), "taskflow depends on {dapr:?}: a function is listed without `default-features = false`");
}

#[tokio::test]
async fn silent_callers_do_not_use_up_the_descriptors() {
    let data = folder();
    let own = program(data.path());
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -Sn 1024; exec \"$0\""])
        .arg(env!("CARGO_BIN_EXE_taskflow"))
        .envs(own.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let taskflow = Taskflow::start(command).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", taskflow.child.id().unwrap())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let files: Vec<u64> = files.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(files[0], files[1].min(20_000), "{limits}");
    taskflow.stop().await;
}

#[tokio::test]
async fn a_second_start_on_the_same_data_says_so() {
    let folder = folder();
    let first = Taskflow::start(program(folder.path())).await;
    let client = first.client();
    let task = client.create(&json!({ "title": "Pay rent" })).await;

    let said = refused(program(folder.path())).await;
    let data = folder.path().to_str().unwrap();
    for expected in ["another Taskflow is using", data, "stop it first", "TASKFLOW_DATA_DIR"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }

    assert_eq!(client.get(&format!("/api/tasks/{}", id(&task))).await.body, task, "the first goes on");
    client.create(&json!({ "title": "Water the garden" })).await;
    first.stop().await;
}

#[tokio::test]
async fn stop_and_start_keeps_everything() {
    let folder = folder();
    let first = Taskflow::start(program(folder.path())).await;
    let client = first.client();
    let plain = client.create(&json!({ "title": "Pay rent", "description": "every month", "tags": ["home"], "priority": "high" })).await;
    let due = in_milliseconds(6_000);
    let reminded = client.create(&json!({ "title": "Leave", "due_date": due.to_string(), "reminder_offset": "0 minutes" })).await;
    let reminders = format!("/api/reminders?task_id={}", id(&reminded));
    eventually("the reminder", async || client.get(&reminders).await.body.get(0).cloned()).await;

    let (mut socket, _) = client.socket("", None).await.unwrap();
    first.stop().await;
    let goodbye = within("the socket's end", async {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Close(frame) => return frame.unwrap(),
                other => drop(other),
            }
        }
    });
    assert_eq!(goodbye.await.code, CloseCode::Away);
    assert!(SystemClock.now() < due, "the stop took so long that the reminder may have fired before it");

    until(due).await;
    let second = Taskflow::start(program(folder.path())).await;
    let client = second.client();
    let started = SystemClock.now();
    assert_eq!(client.get(&format!("/api/tasks/{}", id(&plain))).await.body, plain);
    assert_eq!(client.get(&format!("/api/tasks/{}", id(&reminded))).await.body, reminded);
    let (mut socket, _) = client.socket("?after=0", None).await.unwrap();
    let frame: Value = serde_json::from_str(within("the notification", socket.next()).await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(
        (&frame["type"], &frame["event_type"], &frame["task_id"]),
        (&json!("notification"), &json!("reminder.triggered"), &reminded["id"])
    );
    let late = SystemClock.now().as_microsecond() - started.as_microsecond();
    assert!(late < 5_000_000, "an overdue reminder fires at once, not {late} µs after the start");

    let notifications = client.notifications().await;
    assert_eq!(notifications.len(), 1, "{notifications:?}");
    assert_eq!((&notifications[0]["task_id"], &notifications[0]["title"]), (&reminded["id"], &json!("Leave")));
    assert_eq!(client.get(&reminders).await.body[0]["status"], "sent");
    second.stop().await;
}

// Started wrongly.

#[tokio::test]
async fn a_port_in_use_is_reported_before_anything_starts() {
    let folder = folder();
    let data = folder.path().join("data");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = program(&data);
    command.env("PORT", &port);
    let said = refused(command).await;
    assert!(said.contains(&format!("127.0.0.1:{port}")) && said.contains("PORT"), "{said}");
    assert!(!data.exists());
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named_and_no_secret_is_shown() {
    let folder = folder();
    let data = folder.path().join("data");
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for (name, value) in [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("TASKFLOW_BIND", "everywhere"),
        ("TASKFLOW_TIME_ZONE", "Mars/Base"),
        ("TASKFLOW_API_TOKEN", "hunter2"),
        ("TASKFLOW_API_TOKEN", ""),
        ("TASKFLOW_DOMAIN", "10.0.0.7"),
        ("TASKFLOW_ORIGINS", "*"),
        ("TASKFLOW_DB_POOL", "0"),
        ("TASKFLOW_WAKE_LEAD", "soon"),
        ("TASKFLOW_WEBHOOK_URL", "ftp://me:hunter2@example.org"),
        ("DATABASE_URL", "hunter2"),
        ("DATABASE_URL", "postgres://me:hunter2@localhost:port/taskflow"),
        ("DATABASE_URL", &format!("postgres://me:hunter2@{closed}/taskflow")),
        ("RUST_LOG", "taskflow=loud"),
    ] {
        let mut command = program(&data);
        command.env(name, value);
        let said = refused(command).await;
        assert!(said.starts_with(&format!("{name}: ")), "{name}={value}: {said}");
    }
    assert!(!data.exists(), "a database was started for nothing");
}

// Locked.

#[tokio::test]
async fn other_machines_are_let_in_only_with_a_token() {
    let folder = folder();
    let data = folder.path().join("data");
    for bind in ["0.0.0.0", "::", "192.0.2.7", "::ffff:192.0.2.7"] {
        let mut command = program(&data);
        command.env("TASKFLOW_BIND", bind);
        let said = refused(command).await;
        assert!(said.starts_with(&format!("TASKFLOW_BIND is {bind} but TASKFLOW_API_TOKEN is not set; set a token")), "{said}");
    }
    assert!(!data.exists(), "a database was started for nothing");
    let mut command = program(&data);
    command.env("TASKFLOW_BIND", "::ffff:127.0.0.1");
    let taskflow = Taskflow::start(command).await;
    let said = taskflow.log.lock().unwrap().join("\n");
    assert!(said.contains("set TASKFLOW_API_TOKEN and TASKFLOW_BIND to allow other machines"), "{said}");
    taskflow.stop().await;
    let mut command = program(&data);
    command.env("TASKFLOW_BIND", "0.0.0.0").env("TASKFLOW_API_TOKEN", "hunter22");
    let taskflow = Taskflow::start(command).await;
    let said = taskflow.log.lock().unwrap().join("\n");
    assert!(said.contains("TASKFLOW_API_TOKEN is shorter than 32 characters"), "{said}");
    assert!(!said.contains("to allow other machines") && !said.contains("hunter22"), "{said}");
    taskflow.stop().await;
}

#[tokio::test]
async fn the_token_keeps_others_out() {
    const TOKEN: &str = "correct-horse-battery/staple+";
    let folder = folder();
    let mut command = program(folder.path());
    command.env("TASKFLOW_API_TOKEN", TOKEN);
    let taskflow = Taskflow::start(command).await;
    let client = taskflow.client();
    let bearer = format!("Bearer {TOKEN}");
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/tests", "type": "task.create", "data": { "title": "Pay rent" } });
    let structured = ("content-type", "application/cloudevents+json");

    for (method, path) in [
        (Method::GET, "/api/tasks"),
        (Method::POST, "/api/tasks"),
        (Method::GET, "/api/tasks/1"),
        (Method::DELETE, "/api/tasks/1"),
        (Method::POST, "/api/tasks/search"),
        (Method::GET, "/api/reminders"),
        (Method::GET, "/api/notifications"),
        (Method::GET, "/api/audit"),
        (Method::POST, "/"),
        (Method::GET, "/metrics"),
        (Method::GET, "/ws/notifications"),
    ] {
        for headers in [&[][..], &[("authorization", "Bearer wrong-horse-battery")], &[("authorization", TOKEN)]] {
            let answer = client.call(method.clone(), path, headers, None).await.unwrap();
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} {headers:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}: {answer:?}");
            assert_eq!(answer.body["status"], 401, "{method} {path}");
        }
    }
    for path in ["/", "/assets/app.js", "/health", "/health/live", "/health/ready", "/openapi.json", "/asyncapi.json"] {
        assert_eq!(client.get(path).await.status, StatusCode::OK, "{path}");
    }
    let call = async |method, path, body| client.call(method, path, &[("authorization", &bearer)], body).await.unwrap().status;
    let task = json!({ "title": "Pay rent" });
    assert_eq!(call(Method::POST, "/api/tasks", Some(&task)).await, StatusCode::CREATED);
    assert_eq!(call(Method::GET, "/api/tasks", None).await, StatusCode::OK);
    assert_eq!(call(Method::GET, "/metrics", None).await, StatusCode::OK);
    let request = client.http.post(format!("{}/", client.url)).header(structured.0, structured.1).header("authorization", &bearer);
    assert_eq!(request.body(event.to_string()).send().await.unwrap().status(), StatusCode::OK);
    // The functions deliver to each other with the token too.
    let audit = async || {
        let answer = client.call(Method::GET, "/api/audit?event_type=task.created", &[("authorization", &bearer)], None).await.unwrap();
        (answer.header("x-total-count") == "2").then_some(())
    };
    eventually("the audit log", audit).await;

    let coded = |token: &str| format!("taskflow, bearer.{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token));
    let (_socket, headers) = client.socket("", Some(&coded(TOKEN))).await.unwrap();
    assert_eq!(headers.get("sec-websocket-protocol").unwrap(), "taskflow");
    for protocols in [None, Some("taskflow"), Some(&*coded("wrong-horse-battery"))] {
        match client.socket("", protocols).await {
            Err(SocketError::Http(response)) => assert_eq!(response.status(), StatusCode::UNAUTHORIZED),
            other => panic!("{protocols:?}: {other:?}"),
        }
    }
    assert!(taskflow.log.lock().unwrap().iter().all(|line| !line.contains(TOKEN)));
    taskflow.stop().await;
}
