//! The faults.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::stack::{APP_TOKEN, Stack};
use tests::{Api, eventually, in_seconds};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::reach::Reach;

/// How long Kafka is down.
const KAFKA_AWAY: Duration = Duration::from_secs(30);
/// How long a row is locked.
const LOCKED: Duration = Duration::from_secs(150);
/// Callers that request changes of the locked row.
const CALLERS: usize = 16;
/// How long other parts are down.
const AWAY: Duration = Duration::from_millis(500);

/// The consumer that fails or hangs while others work, and for how long.
const SLOW: &str = "spawn-recurrence";
const SLOW_FOR: Duration = Duration::from_secs(30);
const FAILED: &str = "500 Internal Server Error";

/// Callers of housekeeping: a call waits for events in transit, and under load there always are some.
const KEEPERS: usize = 4;
/// Reminders that are moved while housekeeping is called.
const MOVED: i64 = 60;
/// Maximum lateness on a busy machine: little compared with the hour by which the reminder was moved.
const LATE_SECONDS: f64 = 5.0;

/// Functions that send reminders.
const SENDERS: [&str; 3] = ["push-reminder", "mail-reminder", "post-webhook"];
/// Number of pushes whose retries the scheduler loses.
const RETRIES: i64 = 100;
/// The pause that the push service asks for.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long the push service hangs.
const HANGS: Duration = Duration::from_mins(1);
/// Maximum time for all pushes to arrive afterwards; the longest pause before a retry is 64 s plus a quarter.
const SETTLED_WITHIN: Duration = Duration::from_mins(3);

/// The result of a fault: tasks whose events became dead letters.
type Struck<'a> = Pin<Box<dyn Future<Output = BTreeSet<i64>> + 'a>>;

/// A fault.
pub(crate) struct Fault {
    /// Its name in `FAULTS`.
    pub(crate) name: &'static str,
    /// Its description.
    pub(crate) what: &'static str,
    /// Causes and reverts it.
    pub(crate) strike: for<'a> fn(&'a mut Stack, &'a Reach) -> Struck<'a>,
}

/// Faults of a deployment whose reminders are shown only on pages.
pub(crate) const FAULTS: &[Fault] = &[
    Fault { name: "functions", what: "kill -9 of each function, one after the other", strike: |stack, _| Box::pin(functions(stack)) },
    Fault { name: "gateway", what: "kill -9 of the gateway, ten times", strike: |stack, _| Box::pin(gateway(stack)) },
    Fault { name: "daprd", what: "kill -9 of daprd, twice", strike: |stack, _| Box::pin(daprd(stack)) },
    Fault { name: "scheduler", what: "kill -9 of the scheduler", strike: |stack, _| Box::pin(scheduler(stack)) },
    Fault { name: "scheduler-data", what: "loss of the scheduler's data", strike: |stack, _| Box::pin(async { scheduler_data(stack) }) },
    Fault { name: "kafka", what: "kill -9 of Kafka, back after 30 s", strike: |stack, _| Box::pin(kafka(stack)) },
    Fault { name: "postgres", what: "kill -9 of PostgreSQL", strike: |stack, _| Box::pin(postgres(stack)) },
    Fault { name: "row", what: "a database row locked for 150 s", strike: |stack, _| Box::pin(row(stack)) },
    Fault {
        name: "everything",
        what: "kill -9 of gateway, daprd, scheduler, Kafka and PostgreSQL at once",
        strike: |stack, _| Box::pin(everything(stack)),
    },
    Fault {
        name: "duplicates",
        what: "every event of task-events and reminders delivered again",
        strike: |stack, _| Box::pin(async { duplicates(stack) }),
    },
    Fault { name: "poison", what: "records that are no events on every topic", strike: |stack, _| Box::pin(async { poison(stack) }) },
    Fault { name: "job", what: "job callbacks that fail for 4 s", strike: |stack, _| Box::pin(job(stack)) },
    Fault { name: "consumer", what: "a consumer that always fails", strike: |stack, _| Box::pin(consumer(stack)) },
    Fault { name: "failing", what: "a consumer that answers 503 for 30 s", strike: |stack, _| Box::pin(failing(stack)) },
    Fault { name: "hanging", what: "a consumer that hangs for 30 s", strike: |stack, _| Box::pin(hanging(stack)) },
    Fault {
        name: "waiting",
        what: "kill -9 of the gateway, three times, while deliveries wait",
        strike: |stack, _| Box::pin(waiting(stack)),
    },
    Fault { name: "rescheduling", what: "housekeeping against rescheduling", strike: |stack, _| Box::pin(rescheduling(stack)) },
];

/// Those of a deployment that also pushes, mails and posts reminders.
pub(crate) const REACHING: &[Fault] = &[
    Fault {
        name: "channels",
        what: "kill -9 of each function that sends reminders, ten times",
        strike: |stack, _| Box::pin(channels(stack)),
    },
    Fault {
        name: "retries",
        what: "loss of the scheduler's data while 100 pushes wait for their retry",
        strike: |stack, reach| Box::pin(retries(stack, reach)),
    },
    Fault { name: "push-hangs", what: "a push service that hangs for 60 s", strike: |stack, reach| Box::pin(push_hangs(stack, reach)) },
];

async fn functions(stack: &mut Stack) -> BTreeSet<i64> {
    let names: Vec<_> = stack.own.functions.keys().copied().collect();
    for name in names {
        let function = stack.function(name);
        function.kill();
        tokio::time::sleep(AWAY).await;
        function.start_again();
    }
    BTreeSet::new()
}

async fn gateway(stack: &mut Stack) -> BTreeSet<i64> {
    for _ in 0..10 {
        stack.own.gateway.kill();
        tokio::time::sleep(AWAY).await;
        stack.own.gateway.start_again();
        stack.wait().await;
    }
    BTreeSet::new()
}

async fn daprd(stack: &mut Stack) -> BTreeSet<i64> {
    for _ in 0..2 {
        stack.daprd.kill();
        tokio::time::sleep(AWAY).await;
        stack.daprd.start_again();
        stack.wait_for_daprd().await;
    }
    BTreeSet::new()
}

async fn scheduler(stack: &mut Stack) -> BTreeSet<i64> {
    stack.scheduler.kill();
    tokio::time::sleep(AWAY).await;
    stack.scheduler.start_again();
    BTreeSet::new()
}

fn scheduler_data(stack: &mut Stack) -> BTreeSet<i64> {
    stack.lose_scheduler_data();
    BTreeSet::new()
}

async fn kafka(stack: &mut Stack) -> BTreeSet<i64> {
    stack.kafka.kill(KAFKA_AWAY).await;
    BTreeSet::new()
}

async fn postgres(stack: &mut Stack) -> BTreeSet<i64> {
    stack.kill_postgres(AWAY).await;
    BTreeSet::new()
}

/// Another session locks a task that callers want to change, and for which a consumer has an event. Other callers are not affected, and no event
/// becomes a dead letter.
async fn row(stack: &mut Stack) -> BTreeSet<i64> {
    let letters = stack.kafka.records("dead-letters").len();
    let fields = json!({ "title": "locked", "due_date": in_seconds(86_400), "reminder_offset": "1 hour" });
    let locked = stack.api.create(&fields).await["id"].as_i64().unwrap();
    let other = stack.api.create(&json!({ "title": "other" })).await["id"].as_i64().unwrap();
    let path = format!("/api/audit?task_id={locked}&event_type=task.created");
    let mut event = eventually("the event", async || stack.api.list(&path).await.pop()).await["event_data"].take();
    let mut session = PgConnection::connect(stack.database_url()).await.unwrap();
    let mut transaction = session.begin().await.unwrap();
    sqlx::query("SELECT FROM tasks WHERE id = $1 FOR UPDATE").bind(locked).execute(&mut *transaction).await.unwrap();
    event["id"] = "again".into();
    stack.kafka.produce("task-events", &[(&locked.to_string(), &event.to_string())]);

    let address = stack.api.address;
    let begin = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            tokio::spawn(async move {
                while begin.elapsed() < LOCKED {
                    assert_eq!(change(address, locked).await, 503);
                }
            })
        })
        .collect();
    while begin.elapsed() < LOCKED {
        assert_eq!(change(address, other).await, 200, "another task, after {:?}", begin.elapsed());
        for path in [format!("/api/tasks/{locked}"), "/api/tasks".to_owned(), "/api/reminders".to_owned()] {
            stack.api.read(&path).await;
        }
        tokio::time::sleep(AWAY).await;
    }
    for caller in callers {
        caller.await.unwrap();
    }
    transaction.rollback().await.unwrap();
    assert_eq!(change(address, locked).await, 200);
    let taken = "SELECT count(*) FROM inbox WHERE consumer = 'schedule-reminder' AND event_id = 'again'";
    let is_taken = async || (sqlx::query_scalar::<_, i64>(taken).fetch_one(&mut session).await.unwrap() == 1).then_some(());
    eventually("the consumer to take its event", is_taken).await;
    assert_eq!(stack.kafka.records("dead-letters").len(), letters, "no event becomes a dead letter");
    BTreeSet::new()
}

async fn change(address: SocketAddr, task: i64) -> u16 {
    let api = Api::new(address, None);
    api.put(&format!("/api/tasks/{task}"), &json!({ "description": "changed" })).await.status
}

async fn everything(stack: &mut Stack) -> BTreeSet<i64> {
    for program in [&mut stack.own.gateway, &mut stack.daprd, &mut stack.scheduler, &mut stack.kafka.program] {
        program.kill();
    }
    stack.kill_postgres(AWAY).await;
    stack.kafka.program.start_again();
    stack.kafka.wait().await;
    for program in [&mut stack.scheduler, &mut stack.own.gateway, &mut stack.daprd] {
        program.start_again();
    }
    BTreeSet::new()
}

fn duplicates(stack: &mut Stack) -> BTreeSet<i64> {
    for topic in ["task-events", "reminders"] {
        let records = stack.kafka.records(topic);
        let texts: Vec<(String, String)> = records.into_iter().map(|record| (record.key, record.value.to_string())).collect();
        let records: Vec<(&str, &str)> = texts.iter().map(|(key, event)| (key.as_str(), event.as_str())).collect();
        stack.kafka.produce(topic, &records);
    }
    BTreeSet::new()
}

fn poison(stack: &mut Stack) -> BTreeSet<i64> {
    let nameless = json!({ "specversion": "1.0", "type": "task.created", "source": "/faults" }).to_string();
    let empty = json!({ "specversion": "1.0", "id": "empty", "type": "task.completed", "source": "/faults", "data": { "event_type": "task.completed" } }).to_string();
    for topic in ["task-events", "reminders", "task-updates", "task-commands"] {
        let records: Vec<(String, &str)> = (0..12)
            .map(|key| key.to_string())
            .chain(["hex:ff00fe".to_owned()])
            .flat_map(|key| ["not json", "", "\u{1}\u{2}", &nameless, &empty].map(|value| (key.clone(), value)))
            .collect();
        let records: Vec<(&str, &str)> = records.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        stack.kafka.produce(topic, &records);
    }
    BTreeSet::new()
}

/// Jobs fail while another program answers at fire-reminder's address.
async fn job(stack: &mut Stack) -> BTreeSet<i64> {
    let (calls, impostor) = impostor(stack, "fire-reminder", FAILED).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(calls.load(Ordering::SeqCst) > 0, "no job was called");
    end(stack, "fire-reminder", impostor).await;
    BTreeSet::new()
}

/// All calls of spawn-recurrence fail, until two events have become dead letters.
async fn consumer(stack: &mut Stack) -> BTreeSet<i64> {
    let (_, impostor) = impostor(stack, SLOW, FAILED).await;
    let given_up = |stack: &Stack| {
        stack
            .own
            .gateway
            .said()
            .lines()
            .filter(|line| line.contains("an event became a dead letter") && line.contains("spawn-recurrence") && line.contains("10"))
            .count()
    };
    let before = given_up(stack);
    tests::eventually_within(Duration::from_mins(3), "an event to become a dead letter", async || {
        (given_up(stack) >= before + 2).then_some(())
    })
    .await;
    end(stack, SLOW, impostor).await;
    let records = stack.kafka.records("dead-letters");
    let letters = records.iter().map(|record| &record.value);
    let own = letters.filter(|letter| letter["consumer"] == "spawn-recurrence" && letter["attempts"] == 10);
    own.filter_map(|letter: &Value| letter["data"]["task_id"].as_i64()).collect()
}

/// One consumer is unavailable, without an effect on others.
async fn failing(stack: &mut Stack) -> BTreeSet<i64> {
    let (calls, impostor) = impostor(stack, SLOW, "503 Service Unavailable").await;
    others_go_on(stack).await;
    assert!(calls.load(Ordering::SeqCst) > 0, "it was never called");
    end(stack, SLOW, impostor).await;
    BTreeSet::new()
}

/// One consumer accepts calls and never answers, without an effect on others.
async fn hanging(stack: &mut Stack) -> BTreeSet<i64> {
    stack.function(SLOW).signal("STOP");
    others_go_on(stack).await;
    stack.function(SLOW).signal("CONT");
    BTreeSet::new()
}

/// The other consumers accept events while one does not.
async fn others_go_on(stack: &Stack) {
    let begin = Instant::now();
    while begin.elapsed() < SLOW_FOR {
        let task =
            stack.api.create(&json!({ "title": "meanwhile", "due_date": in_seconds(86_400), "recurrence": "daily" })).await["id"].take();
        let _ = stack.api.call("POST", &format!("/api/tasks/{task}/complete"), &[], "").await.is(200);
        let path = format!("/api/audit?task_id={task}&event_type=task.completed");
        let _ = eventually("the audit log to have it", async || stack.api.list(&path).await.pop()).await;
    }
    assert!(rows(stack).await > 0, "deliveries wait for the one that does not");
}

async fn rows(stack: &Stack) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM deliveries").fetch_one(stack.store.pool()).await.unwrap()
}

async fn waiting(stack: &mut Stack) -> BTreeSet<i64> {
    let (_, impostor) = impostor(stack, SLOW, "503 Service Unavailable").await;
    for _ in 0..3 {
        eventually("deliveries to wait", async || (rows(stack).await > 5).then_some(())).await;
        stack.own.gateway.kill();
        tokio::time::sleep(AWAY).await;
        stack.own.gateway.start_again();
        eventually("the gateway", async || stack.api.try_call("GET", "/health/live", &[], String::new()).await.ok()).await;
    }
    end(stack, SLOW, impostor).await;
    BTreeSet::new()
}

/// Restores the function.
async fn end(stack: &mut Stack, name: &str, impostor: JoinHandle<()>) {
    impostor.abort();
    let _ = impostor.await;
    stack.function(name).start_again();
}

/// Reminders are moved an hour earlier while housekeeping is called continuously.
async fn rescheduling(stack: &mut Stack) -> BTreeSet<i64> {
    const FIRED: &str = "SELECT count(*), count(DISTINCT task_id), max(extract(epoch FROM triggered_at - scheduled_at))::float8 \
         FROM reminders JOIN notifications USING (task_id) WHERE task_id = ANY($1)";
    let port: u16 = stack.function("housekeeping").variable("PORT").parse().unwrap();
    let letters = stack.kafka.records("dead-letters").len();
    let stop = CancellationToken::new();
    let keepers = (0..KEEPERS).map(|_| {
        let (house, stop) = (Api::new((Ipv4Addr::LOCALHOST, port).into(), None), stop.clone());
        // The header of the gateway's job calls.
        let delivery = format!("delivery {APP_TOKEN}");
        tokio::spawn(async move {
            let mut calls = 0;
            while !stop.is_cancelled() {
                let _ = house.call("POST", "/job/housekeeping", &[("taskflow-gateway", &*delivery)], "").await.is(200);
                calls += 1;
            }
            calls
        })
    });
    let keepers: Vec<_> = keepers.collect();
    let mut moved = Vec::new();
    for n in 0..MOVED {
        let fields = json!({ "title": format!("moved {n}"), "due_date": in_seconds(3_600), "reminder_offset": "0 minutes" });
        let task = stack.api.create(&fields).await;
        stack.api.reminder(&task["id"], "pending").await;
        let _ = stack.api.put(&format!("/api/tasks/{}", task["id"]), &json!({ "due_date": in_seconds(3 + n % 5) })).await.is(200);
        moved.push(task["id"].as_i64().unwrap());
    }
    for task in &moved {
        stack.api.reminder(&json!(task), "sent").await;
    }
    stop.cancel();
    let calls: i64 = futures_util::future::join_all(keepers).await.into_iter().map(Result::unwrap).sum();
    let (shown, tasks, late): (i64, i64, f64) = sqlx::query_as(FIRED).bind(&moved).fetch_one(stack.store.pool()).await.unwrap();
    eprintln!("rescheduling: {calls} calls of housekeeping, {MOVED} reminders moved, the latest {late:.3} s late");
    assert_eq!((shown, tasks), (MOVED, MOVED), "each is shown once");
    assert!(late < LATE_SECONDS, "{late} s late");
    assert_eq!(stack.kafka.records("dead-letters").len(), letters);
    BTreeSet::new()
}

async fn channels(stack: &mut Stack) -> BTreeSet<i64> {
    for _ in 0..10 {
        for name in SENDERS {
            let function = stack.function(name);
            function.kill();
            tokio::time::sleep(AWAY / 5).await;
            function.start_again();
        }
        // A sender that is killed at its start has not sent anything.
        tokio::time::sleep(AWAY).await;
    }
    BTreeSet::new()
}

/// The push service is overloaded, and the scheduler loses the retries. Housekeeping registers them again from the rows.
async fn retries(stack: &mut Stack, reach: &Reach) -> BTreeSet<i64> {
    const WAITING: &str = "SELECT count(*) FROM sends WHERE channel = 'push' AND status = 'pending' AND attempts > 0 AND key = ANY($1)";
    reach.refuse_pushes(RETRY_AFTER);
    let tasks = remind(stack, RETRIES).await;
    let waiting = async || {
        let count: i64 = sqlx::query_scalar(WAITING).bind(&tasks).fetch_one(stack.store.pool()).await.ok()?;
        (count == RETRIES).then_some(())
    };
    tests::eventually_within(SETTLED_WITHIN, "every push to wait for its retry", waiting).await;
    stack.lose_scheduler_data();
    reach.take_pushes();
    all_pushed(stack, reach, &tasks).await;
    BTreeSet::new()
}

/// The push service accepts calls but does not answer. The other channels deliver every reminder meanwhile.
async fn push_hangs(stack: &mut Stack, reach: &Reach) -> BTreeSet<i64> {
    const PUSHED: &str = "SELECT count(*) FROM sends WHERE channel = 'push' AND status = 'sent' AND key = ANY($1)";
    reach.push.delay(HANGS);
    let begin = Instant::now();
    let mut tasks = Vec::new();
    while begin.elapsed() < HANGS {
        let reminded = remind(stack, 1).await;
        stack.api.reminder(&json!(reminded[0]), "sent").await;
        tasks.extend(reminded);
        tokio::time::sleep(AWAY).await;
    }
    let pushed: i64 = sqlx::query_scalar(PUSHED).bind(&tasks).fetch_one(stack.store.pool()).await.unwrap();
    assert_eq!(pushed, 0, "the push service did not hang");
    reach.push.delay(Duration::ZERO);
    all_pushed(stack, reach, &tasks).await;
    BTreeSet::new()
}

/// Creates tasks whose reminders fire at once.
async fn remind(stack: &Stack, count: i64) -> Vec<i64> {
    let mut tasks = Vec::new();
    for n in 0..count {
        let fields = json!({ "title": format!("reminded {n}"), "due_date": in_seconds(1_800), "reminder_offset": "1 hour" });
        tasks.push(stack.api.create(&fields).await["id"].as_i64().unwrap());
    }
    tasks
}

/// Waits until the browser has received a push of each of these tasks.
async fn all_pushed(stack: &Stack, reach: &Reach, tasks: &[i64]) {
    let reminders: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM reminders WHERE task_id = ANY($1)").bind(tasks).fetch_all(stack.store.pool()).await.unwrap();
    assert_eq!(reminders.len(), tasks.len());
    let all = async || {
        let heard = reach.heard().await;
        reminders.iter().all(|id| heard.contains_key(&("push", *id))).then_some(())
    };
    tests::eventually_within(SETTLED_WITHIN, "a push of each reminder", all).await;
}

/// Answers with this status in a function's place. Returns the number of calls.
async fn impostor(stack: &mut Stack, name: &str, status: &'static str) -> (Arc<AtomicUsize>, JoinHandle<()>) {
    let port: u16 = stack.function(name).variable("PORT").parse().unwrap();
    stack.function(name).kill();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = eventually("the address of the function", async || TcpListener::bind(address).await.ok()).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let task = tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                let _ = stream.read(&mut buffer).await;
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (calls, task)
}
