//! Simulated users: they create tasks with reminders, create and complete recurring ones, and repeat unanswered calls.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::event::Topic;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tests::stack::{Record, Stack};
use tests::{Api, eventually, in_seconds};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::reach::Reach;

/// Number of users.
const PEOPLE: usize = 4;
/// Pause of each user after every task.
const PAUSE: Duration = Duration::from_millis(120);
/// How long a user retries a call: longer than any part is down.
const INSIST: Duration = Duration::from_mins(3);
/// Maximum time for all work after the fault; the scheduler alone needs half a minute.
const SETTLE: Duration = Duration::from_mins(4);
/// How long nothing may be added before the state counts as final, because a repeated effect comes late.
const QUIET: Duration = Duration::from_secs(5);

/// The acknowledged changes.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Every task.
    tasks: Vec<i64>,
    /// Recurring tasks that were completed.
    completed: Vec<i64>,
    /// Tasks with a reminder.
    reminded: Vec<i64>,
    /// Titles of tasks that were refused, because the reminder's time passed before a call was answered: none of them may exist.
    refused: Vec<String>,
    /// Number of retries.
    again: usize,
    /// Prefix of the titles.
    label: String,
}

/// A running load.
pub(crate) struct Load {
    stopping: CancellationToken,
    people: Vec<JoinHandle<Sent>>,
    label: String,
}

impl Load {
    pub(crate) fn start(stack: &Stack, label: &str) -> Self {
        let stopping = CancellationToken::new();
        let count = Arc::new(AtomicUsize::new(0));
        let people = (0..PEOPLE).map(|_| tokio::spawn(person(stack.api.address, label.to_owned(), count.clone(), stopping.clone())));
        Self { people: people.collect(), stopping, label: label.to_owned() }
    }

    pub(crate) async fn stop(self) -> Sent {
        self.stopping.cancel();
        let mut all = Sent { label: self.label, ..Sent::default() };
        for person in self.people {
            let sent = person.await.unwrap();
            all.tasks.extend(sent.tasks);
            all.completed.extend(sent.completed);
            all.reminded.extend(sent.reminded);
            all.refused.extend(sent.refused);
            all.again += sent.again;
        }
        all
    }
}

async fn person(address: SocketAddr, label: String, count: Arc<AtomicUsize>, stopping: CancellationToken) -> Sent {
    let api = Api::new(address, None);
    let mut sent = Sent::default();
    while !stopping.is_cancelled() {
        let n = count.fetch_add(1, Ordering::SeqCst);
        let title = format!("{label} {n}");
        let recurs = n.is_multiple_of(2);
        let body = if recurs {
            json!({ "title": title, "due_date": in_seconds(86_400), "recurrence": "daily" })
        } else {
            // Due while the load is running.
            json!({ "title": title, "due_date": in_seconds(3 + i64::try_from(n % 8).unwrap()), "reminder_offset": "0 minutes" })
        };
        let key = format!("{label}-{n}");
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let Some(task) = insist(&api, "/api/tasks", &headers, &body.to_string(), &mut sent.again).await else {
            sent.refused.push(title);
            continue;
        };
        let id = task["id"].as_i64().unwrap();
        sent.tasks.push(id);
        if recurs {
            insist(&api, &format!("/api/tasks/{id}/complete"), &[], "", &mut sent.again).await;
            sent.completed.push(id);
        } else {
            sent.reminded.push(id);
        }
        tokio::time::sleep(PAUSE).await;
    }
    sent
}

/// Retries the call until it succeeds, or until a retry is refused because the reminder's time passed while no call was answered.
async fn insist(api: &Api, path: &str, headers: &[(&str, &str)], body: &str, again: &mut usize) -> Option<Value> {
    let begin = Instant::now();
    let mut is_retry = false;
    loop {
        match api.try_call("POST", path, headers, body.to_owned()).await {
            Ok(answer) if answer.status < 300 => return Some(answer.json()),
            Ok(answer) if is_retry && answer.status == 422 && answer.problem(422) == ["/reminder_offset"] => return None,
            answer => assert!(begin.elapsed() < INSIST, "{path}: {answer:?}"),
        }
        is_retry = true;
        *again += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The final state.
#[derive(Debug, Default)]
pub(crate) struct Account {
    tasks: usize,
    completed: usize,
    reminded: usize,
    again: usize,
    lost: Vec<String>,
    doubled: Vec<String>,
    /// Number of messages that a receiver got more than once.
    repeated: usize,
    letters: usize,
}

impl Account {
    /// Waits until everything exists, or nothing is added any more, and counts. `letters` are consumers whose events may be dead letters instead.
    pub(crate) async fn settle(stack: &Stack, reach: Option<&Reach>, sent: &Sent, set_aside: BTreeSet<i64>) -> Self {
        let begin = Instant::now();
        let pool = stack.store.pool();
        let mut quiet = Instant::now();
        let mut last = (0, 0);
        loop {
            let account = Self::count(pool, reach, sent, &set_aside).await;
            let now = (account.lost.len(), account.doubled.len());
            if now != last {
                (quiet, last) = (Instant::now(), now);
            }
            if (account.lost.is_empty() && quiet.elapsed() > QUIET) || begin.elapsed() > SETTLE {
                return account;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn count(pool: &PgPool, reach: Option<&Reach>, sent: &Sent, set_aside: &BTreeSet<i64>) -> Self {
        let mut account = Self {
            tasks: sent.tasks.len(),
            completed: sent.completed.len(),
            reminded: sent.reminded.len(),
            again: sent.again,
            ..Self::default()
        };
        account.letters = set_aside.len();
        // Connections that a fault broke are detected by use.
        let per = async |sql: &'static str| -> Vec<(i64, i64)> {
            eventually("the database", async || sqlx::query_as(sql).fetch_all(pool).await.ok()).await
        };
        let made = per("SELECT id, 1::bigint FROM tasks").await;
        let created = per("SELECT task_id, count(*) FROM audit_log WHERE event_type = 'task.created' GROUP BY 1").await;
        let completed = per("SELECT task_id, count(*) FROM audit_log WHERE event_type = 'task.completed' GROUP BY 1").await;
        let children = per("SELECT parent_task_id, count(*) FROM tasks WHERE parent_task_id IS NOT NULL GROUP BY 1").await;
        let announced =
            per("SELECT t.parent_task_id, count(*) FROM tasks t JOIN audit_log a ON a.task_id = t.id AND a.event_type = 'task.created' \
             WHERE t.parent_task_id IS NOT NULL GROUP BY 1")
            .await;
        let triggered = per("SELECT task_id, count(*) FROM audit_log WHERE event_type = 'reminder.triggered' GROUP BY 1").await;
        let shown = per("SELECT task_id, count(*) FROM notifications GROUP BY 1").await;
        let told = per("SELECT task_id, count(*) FROM reminders WHERE status = 'sent' GROUP BY 1").await;
        for (what, wanted, found) in [
            ("task", &sent.tasks, made),
            ("task.created", &sent.tasks, created),
            ("task.completed", &sent.completed, completed),
            ("occurrence", &sent.completed, children),
            ("announced occurrence", &sent.completed, announced),
            ("reminder.triggered", &sent.reminded, triggered),
            ("notification", &sent.reminded, shown),
            ("reminder that is sent", &sent.reminded, told),
        ] {
            for id in wanted {
                let count = found.iter().find(|(own, _)| own == id).map_or(0, |(_, count)| *count);
                match count {
                    0 if set_aside.contains(id) && what.ends_with("occurrence") => {}
                    0 => account.lost.push(format!("{what} {id}")),
                    1 => {}
                    _ => account.doubled.push(format!("{what} {id}: {count}")),
                }
            }
        }
        if let Some(reach) = reach {
            account.count_messages(pool, reach, sent).await;
        }
        let titles: Vec<(String, i64)> = sqlx::query_as(
            "SELECT title, count(*) FROM tasks WHERE parent_task_id IS NULL AND starts_with(title, $1) GROUP BY 1 HAVING count(*) > 1",
        )
        .bind(format!("{} ", sent.label))
        .fetch_all(pool)
        .await
        .unwrap();
        account.doubled.extend(titles.into_iter().map(|(title, count)| format!("{title:?}: {count}")));
        let existing: Vec<String> =
            sqlx::query_scalar("SELECT title FROM tasks WHERE title = ANY($1)").bind(&sent.refused).fetch_all(pool).await.unwrap();
        account.doubled.extend(existing.into_iter().map(|title| format!("{title:?}: refused, but created")));
        for table in ["outbox", "deliveries"] {
            let waiting: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(pool).await.unwrap();
            if waiting > 0 {
                account.lost.push(format!("{waiting} rows still in {table}"));
            }
        }
        account
    }

    /// Counts what the channels sent, then what their receivers got, because a message is received before its row says sent.
    async fn count_messages(&mut self, pool: &PgPool, reach: &Reach, sent: &Sent) {
        const SENDS: &str = "SELECT r.task_id, r.id, count(s.id) FROM reminders r \
             LEFT JOIN sends s ON s.reminder_id = r.id AND s.channel = $1 AND s.status = 'sent' GROUP BY 1, 2";
        for channel in ["push", "email", "webhook"] {
            let rows: Vec<(i64, i64, i64)> =
                eventually("the database", async || sqlx::query_as(SENDS).bind(channel).fetch_all(pool).await.ok()).await;
            let heard = reach.heard().await;
            for (task, reminder, count) in rows.into_iter().filter(|(task, ..)| sent.reminded.contains(task)) {
                let received = heard.get(&(channel, reminder)).copied().unwrap_or(0);
                match (count, received) {
                    (1, 1..) => self.repeated += received - 1,
                    (0 | 1, _) => self.lost.push(format!("{channel} {task}: {count} sent, {received} received")),
                    _ => self.doubled.push(format!("{channel} {task}: {count} sent")),
                }
            }
        }
    }

    /// Locates each lost event: the records in Kafka, and record-audit's offset.
    pub(crate) fn places(&self, stack: &Stack) -> Vec<String> {
        let mut places = Vec::new();
        for topic in [Topic::TaskEvents, Topic::Reminders] {
            let of_topic = |lost: &&String| {
                lost.split_once(' ')
                    .is_some_and(|(what, _)| what.contains('.') && (topic == Topic::Reminders) == what.starts_with("reminder."))
            };
            let lost: Vec<&String> = self.lost.iter().filter(of_topic).collect();
            if lost.is_empty() {
                continue;
            }
            let records = stack.kafka.records(topic.as_str());
            let committed = stack.kafka.committed(topic.as_str(), &format!("record-audit-{topic}"));
            for event in lost {
                let (ty, id) = event.split_once(' ').unwrap();
                let is_it = |record: &&Record| record.key == id && record.value["type"] == ty;
                let found: Vec<String> =
                    records.iter().filter(is_it).map(|record| format!("{}/{}", record.partition, record.offset)).collect();
                places.push(format!("{event}: in {topic} at {found:?}; record-audit has committed {committed:?}"));
            }
        }
        places
    }

    pub(crate) fn row(&self) -> String {
        let Self { tasks, completed, reminded, again, lost, doubled, repeated, letters } = self;
        format!("| {tasks} | {completed} | {reminded} | {again} | {} | {} | {repeated} | {letters} |", lost.len(), doubled.len())
    }

    pub(crate) fn must_be_clean(&self, name: &str) {
        assert!(self.lost.is_empty() && self.doubled.is_empty(), "{name}: {self:?}");
        assert!(self.tasks > 20 && self.completed > 0 && self.reminded > 0, "{name}: hardly any load: {self:?}");
    }
}
