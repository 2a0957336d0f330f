//! A week of a user's work on the previous release. A day passes by moving every time in the database one day back.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, PgPool};
use tests::{Api, eventually, in_seconds};

use crate::{Taskflow, number};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const DAYS: i64 = 7;

const AGE: &str = "DO $$ DECLARE place record; BEGIN
    FOR place IN SELECT table_schema, table_name, string_agg(format('%I = %I - interval ''1 day''', column_name, column_name), ', ') AS moves
        FROM information_schema.columns
        WHERE table_schema IN ('public', 'embedded') AND table_name <> '_sqlx_migrations' AND data_type = 'timestamp with time zone'
        GROUP BY table_schema, table_name
    LOOP EXECUTE format('UPDATE %I.%I SET %s', place.table_schema, place.table_name, place.moves); END LOOP;
END $$";
const WAITING: &str = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM embedded.deliveries)";

/// The body of a repeated call: the same key, or the same source and id, must have no second effect, in the new release either.
const ONCE: &str = r#"{"title":"Once, by its key"}"#;

/// A command event that creates a task.
fn command() -> Value {
    json!({
        "specversion": "1.0", "id": "of-the-week", "source": "/tests", "type": "task.create", "datacontenttype": "application/json",
        "data": { "title": "Once, by its id" },
    })
}

/// The row has another type than the event, because the bus would drop it otherwise.
const UNKNOWN: &str = "INSERT INTO outbox (key, kind, topic, name, payload, created_at) \
     VALUES (999, 'event', 'task-events', 'task.created', $1::text::json, now())";

/// An event of the new release with a type that this one refuses.
fn unknown() -> Value {
    let moment = "2026-01-01T00:00:00.000000Z";
    json!({
        "specversion": "1.0", "id": "of-the-next-release", "source": "/taskflow/trash", "type": "task.restored", "subject": "task/999",
        "datacontenttype": "application/json", "partitionkey": "999", "correlationid": "of-the-next-release", "time": moment,
        "data": {
            "event_type": "task.restored", "task_id": 999, "user_id": 1, "timestamp": moment, "correlation_id": "of-the-next-release",
            "task_data": {
                "id": 999, "title": "Restored", "description": "", "due_date": null, "all_day": false, "due_day": null, "time_zone": "UTC",
                "recurrence": "none", "recurrence_rule": null, "recurrence_from": "due", "recurrence_start": null, "recurrence_id": null,
                "recurrence_exdates": [], "recurrence_number": 1, "priority": "medium", "tags": [], "status": "pending", "completed_at": null,
                "parent_task_id": null, "reminder_offset": null, "uid": "f92ad7b5-b142-4dba-a3c0-c2eca1190d47", "version": 3,
                "created_at": moment, "updated_at": moment,
            },
        },
    })
}

/// The recurring tasks of the week.
struct Plan {
    water: Value,
    standup: Value,
    rent: Value,
    stretch: Value,
    report: Value,
    plain: Value,
    over: Value,
}

/// Waits until nothing is pending.
pub(crate) async fn settled(pool: &PgPool) {
    eventually("nothing that waits", async || (number(pool, WAITING).await == 0).then_some(())).await;
}

/// Lets a week pass. Afterwards the previous release still runs, and nothing is pending.
pub(crate) async fn week(old: &mut Taskflow, pool: &PgPool) {
    let mut plan = first_day(&old.api).await;
    for day in 1..DAYS {
        settled(pool).await;
        old.program.stop();
        sqlx::raw_sql(AGE).execute(pool).await.unwrap();
        if day == DAYS - 1 {
            sqlx::query(UNKNOWN).bind(unknown().to_string()).execute(pool).await.unwrap();
        }
        old.start_again().await;
        plan.day(&old.api, day).await;
    }
    settled(pool).await;
    assert!(number(pool, "SELECT count(*) FROM embedded.dead_letters").await > 0);
}

/// Works while consumers, and then the bus, cannot write, and kills the previous release: events remain in the outbox and as deliveries. Returns its
/// earlier answers.
pub(crate) async fn left_behind(old: &mut Taskflow, pool: &PgPool, database_url: &str) -> Value {
    week(old, pool).await;
    let repeats = repeats(&old.api).await;
    let mut lock = PgConnection::connect(database_url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE inbox IN SHARE MODE").execute(&mut lock).await.unwrap();
    let pending = old.api.list("/api/tasks?status=pending&limit=500").await;
    let titled = |title: &str| pending.iter().find(|task| task["title"] == title).unwrap();
    let (water, standup) = (titled("Water the plants"), titled("Stand-up"));
    complete(&old.api, water).await;
    let late = old.api.create(&json!({ "title": "Late", "due_date": in_seconds(3 * DAY), "reminder_offset": "1 hour" })).await;
    eventually("deliveries that wait", async || {
        (number(pool, "SELECT count(DISTINCT key) FROM embedded.deliveries").await == 2).then_some(())
    })
    .await;
    let mut bus = PgConnection::connect(database_url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE embedded.deliveries IN SHARE MODE").execute(&mut bus).await.unwrap();
    complete(&old.api, standup).await;
    let answers = answers(&old.api).await;
    old.program.kill();
    for connection in [lock, bus] {
        connection.close().await.unwrap();
    }
    assert!(number(pool, "SELECT count(*) FROM outbox").await > 0);
    json!({ "answers": answers, "repeats": repeats, "owed": [water["id"], standup["id"]], "unheard": late["id"] })
}

/// Returns what callers see.
async fn answers(api: &Api) -> Value {
    json!({
        "taken_at": in_seconds(0),
        "tasks": api.list("/api/tasks?limit=500&sort_by=created_at&order=asc").await,
        "reminders": api.list("/api/reminders").await,
        "notifications": api.list("/api/notifications").await,
        "tags": api.list("/api/tags").await,
        "conversation": api.read("/api/chat/of-the-week").await,
    })
}

/// Returns the answers to repeated calls.
async fn repeats(api: &Api) -> Value {
    let once = api.call("POST", "/api/tasks", &[("idempotency-key", "of-the-week"), ("content-type", "application/json")], ONCE).await;
    let command = api.call("POST", "/", &[("content-type", "application/cloudevents+json")], command().to_string()).await;
    json!({ "once": once.is(201).json(), "command": command.is(200).json() })
}

pub(crate) async fn complete(api: &Api, task: &Value) {
    let _ = api.post(&format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await.is(200);
}

async fn first_day(api: &Api) -> Plan {
    let due = |seconds: i64| in_seconds(seconds);
    // Its reminder fires on the third day.
    api.create(&json!({ "title": "Dentist", "due_date": due(3 * DAY + HOUR / 2), "reminder_offset": "1 hour", "priority": "high" })).await;
    api.create(&json!({ "title": "Lire Saint-Exupe\u{301}ry", "description": "ß, ø and ł", "tags": ["cafe\u{301}", "home"] })).await;
    let water = json!({
        "title": "Water the plants", "due_date": due(HOUR), "time_zone": "Europe/Berlin", "recurrence": "daily", "reminder_offset": "15 minutes",
        "tags": ["home"],
    });
    let standup = json!({
        "title": "Stand-up", "due_date": due(HOUR), "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=6", "time_zone": "America/New_York",
    });
    let rent = json!({
        "title": "Pay rent", "due_date": due(2 * DAY), "recurrence_rule": "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=9", "reminder_offset": "1 day",
    });
    let stretch = json!({ "title": "Stretch", "due_date": due(HOUR), "recurrence": "daily", "recurrence_from": "completion" });
    let plan = Plan {
        water: api.create(&water).await,
        standup: api.create(&standup).await,
        rent: api.create(&rent).await,
        stretch: api.create(&stretch).await,
        report: api.create(&json!({ "title": "Report", "due_date": due(2 * DAY), "recurrence": "weekly" })).await,
        plain: api.create(&json!({ "title": "Plain" })).await,
        over: api.create(&json!({ "title": "Over" })).await,
    };
    let by_hand = json!({ "task_id": plan.rent["id"], "reminder_offset": "2 hours" });
    let _ = api.post("/api/reminders", &by_hand).await.is(201);
    let unwanted = api.post("/api/reminders", &json!({ "task_id": plan.report["id"], "reminder_offset": "3 hours" })).await.is(201).json();
    let _ = api.delete(&format!("/api/reminders/{}", unwanted["id"])).await.is(204);
    let _ = api.post("/api/chat", &json!({ "message": "add buy milk", "conversation_id": "of-the-week" })).await.is(200);
    plan
}

impl Plan {
    /// Waters the plants each day; other tasks have their days.
    async fn day(&mut self, api: &Api, day: i64) {
        self.water = completed(api, &self.water).await;
        match day {
            1 => {
                self.standup = completed(api, &self.standup).await;
                complete(api, &self.plain).await;
                let key = [("idempotency-key", "of-the-week"), ("content-type", "application/json")];
                let _ = api.call("POST", "/api/tasks", &key, ONCE).await.is(201);
                let _ = api.call("POST", "/", &[("content-type", "application/cloudevents+json")], command().to_string()).await.is(200);
            }
            2 => {
                self.stretch = completed(api, &self.stretch).await;
                let _ = api.post(&format!("/api/tasks/{}/reopen", self.plain["id"]), &Value::Null).await.is(200);
                let _ = api.delete(&format!("/api/tasks/{}", self.over["id"])).await.is(204);
            }
            3 => {
                let next = completed(api, &self.report).await;
                let _ = api.post(&format!("/api/tasks/{}/reopen", self.report["id"]), &Value::Null).await.is(200);
                let _ = api.get(&format!("/api/tasks/{}", next["id"])).await.is(404);
                let fired = eventually("a reminder that fired", async || api.list("/api/notifications").await.into_iter().next()).await;
                let _ = api.post(&format!("/api/notifications/{}/read", fired["id"]), &Value::Null).await.is(204);
            }
            4 => {
                self.rent = completed(api, &self.rent).await;
                let tags = format!("/api/tasks/{}/tags", self.rent["id"]);
                let _ = api.post(&tags, &json!({ "tags": ["money", "home"] })).await.is(200);
            }
            _ => self.standup = completed(api, &self.standup).await,
        }
    }
}

/// Completes a recurring task, and returns its next occurrence.
async fn completed(api: &Api, task: &Value) -> Value {
    complete(api, task).await;
    eventually("the next occurrence", async || {
        api.list("/api/tasks?status=pending&limit=500").await.into_iter().find(|next| next["parent_task_id"] == task["id"])
    })
    .await
}
