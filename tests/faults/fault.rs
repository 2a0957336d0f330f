//! The faults.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tests::eventually;
use tests::stack::Stack;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long Kafka is away.
const KAFKA_AWAY: Duration = Duration::from_secs(30);
/// How long anything else is away.
const AWAY: Duration = Duration::from_millis(500);

/// What a fault leaves: tasks whose events were set aside.
type Struck<'a> = Pin<Box<dyn Future<Output = BTreeSet<i64>> + 'a>>;

/// A fault.
pub(crate) struct Fault {
    /// What `FAULTS` calls it.
    pub(crate) name: &'static str,
    /// What happens.
    pub(crate) what: &'static str,
    /// Does it, and undoes it.
    pub(crate) strike: for<'a> fn(&'a mut Stack) -> Struck<'a>,
}

/// All of them.
pub(crate) const FAULTS: &[Fault] = &[
    Fault { name: "functions", what: "kill -9 of each function, one after the other", strike: |stack| Box::pin(functions(stack)) },
    Fault { name: "gateway", what: "kill -9 of the gateway, ten times", strike: |stack| Box::pin(gateway(stack)) },
    Fault { name: "daprd", what: "kill -9 of daprd, twice", strike: |stack| Box::pin(daprd(stack)) },
    Fault { name: "scheduler", what: "kill -9 of the scheduler", strike: |stack| Box::pin(scheduler(stack)) },
    Fault { name: "scheduler-data", what: "loss of the scheduler's data", strike: |stack| Box::pin(async { scheduler_data(stack) }) },
    Fault { name: "kafka", what: "kill -9 of Kafka, back after 30 s", strike: |stack| Box::pin(kafka(stack)) },
    Fault { name: "postgres", what: "kill -9 of PostgreSQL", strike: |stack| Box::pin(postgres(stack)) },
    Fault {
        name: "everything",
        what: "kill -9 of gateway, daprd, scheduler, Kafka and PostgreSQL at once",
        strike: |stack| Box::pin(everything(stack)),
    },
    Fault {
        name: "duplicates",
        what: "every event of task-events and reminders delivered again",
        strike: |stack| Box::pin(async { duplicates(stack) }),
    },
    Fault { name: "poison", what: "records that are no events on every topic", strike: |stack| Box::pin(async { poison(stack) }) },
    Fault { name: "job", what: "job callbacks that fail for 4 s", strike: |stack| Box::pin(job(stack)) },
    Fault { name: "consumer", what: "a consumer that always fails", strike: |stack| Box::pin(consumer(stack)) },
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

/// Jobs fail for as long as somebody else answers at fire-reminder's address.
async fn job(stack: &mut Stack) -> BTreeSet<i64> {
    let (calls, impostor) = impostor(stack, "fire-reminder").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(calls.load(Ordering::SeqCst) > 0, "no job was called");
    impostor.abort();
    let _ = impostor.await;
    stack.function("fire-reminder").start_again();
    BTreeSet::new()
}

/// Everything that spawn-recurrence is asked fails, until two events have been given up.
async fn consumer(stack: &mut Stack) -> BTreeSet<i64> {
    let (_, impostor) = impostor(stack, "spawn-recurrence").await;
    let given_up = |stack: &Stack| {
        stack
            .own
            .gateway
            .said()
            .lines()
            .filter(|line| line.contains("an event was given up") && line.contains("spawn-recurrence") && line.contains("10"))
            .count()
    };
    let before = given_up(stack);
    tests::eventually_within(Duration::from_mins(3), "an event to be given up", async || (given_up(stack) >= before + 2).then_some(()))
        .await;
    impostor.abort();
    let _ = impostor.await;
    stack.function("spawn-recurrence").start_again();
    let records = stack.kafka.records("dead-letters");
    let letters = records.iter().map(|record| &record.value);
    let own = letters.filter(|letter| letter["consumer"] == "spawn-recurrence" && letter["attempts"] == 10);
    own.filter_map(|letter: &Value| letter["data"]["task_id"].as_i64()).collect()
}

/// Answers 500 in a function's place; how often it was called.
async fn impostor(stack: &mut Stack, name: &str) -> (Arc<AtomicUsize>, JoinHandle<()>) {
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
                let answer = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (calls, task)
}
