//! Housekeeping: what it repairs after a scheduler or a broker lost its data, what it leaves alone, and concurrent changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::event::Origin;
use function::ambient::RandomIds;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::{Store, Work};
use tests::{Functions, eventually};

use crate::locks::waiting;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Creates a task that is due in this many hours, with a reminder at that time.
async fn reminded(functions: &Functions, hours: i64) -> Value {
    let due = functions.after(HOUR * i32::try_from(hours).unwrap());
    functions.create(&json!({ "title": "Pay rent", "due_date": due, "reminder_offset": "0 minutes" })).await
}

async fn update(functions: &Functions, task: &Value, change: Value) {
    functions.done("update-task", "PUT", &path(task), &change).await;
}

async fn act(functions: &Functions, function: &str, task: &Value) {
    let action = function.split_once('-').unwrap().0;
    functions.done(function, "POST", &format!("{}/{action}", path(task)), &Value::Null).await;
}

async fn delete(functions: &Functions, task: &Value) {
    functions.done("delete-task", "DELETE", &path(task), &Value::Null).await;
}

fn path(task: &Value) -> String {
    format!("/api/tasks/{}", task["id"])
}

/// Returns the only reminder of a task.
async fn the_reminder(functions: &Functions, task: &Value) -> Value {
    let mut reminders = functions.reminders(task).await;
    assert_eq!(reminders.len(), 1, "{reminders:?}");
    reminders.remove(0)
}

/// Delivers every announced event.
async fn deliver(functions: &Functions) {
    functions.deliver_all(functions.announced().await).await;
}

async fn occurrences(functions: &Functions, parent: &Value) -> Vec<Value> {
    functions.tasks().await.into_iter().filter(|task| task["parent_task_id"] == parent["id"]).collect()
}

/// Another session that blocks inserts into the outbox while the reminder has its old time.
async fn hold_the_outbox(functions: &Functions, reminder: &Value) -> PgConnection {
    let (id, old) = (&reminder["id"], reminder["scheduled_at"].as_str().unwrap());
    let hold = format!(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF (SELECT scheduled_at = '{old}' FROM reminders WHERE id = {id}) THEN PERFORM pg_advisory_xact_lock_shared(7); END IF; RETURN NULL; END $$; \
         CREATE TRIGGER hold BEFORE INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION hold()"
    );
    sqlx::raw_sql(AssertSqlSafe(hold)).execute(functions.store.pool()).await.unwrap();
    let mut session = PgConnection::connect(functions.database_url()).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(7)").execute(&mut session).await.unwrap();
    session
}

/// Moves a reminder, as schedule-reminder does.
async fn reschedule(store: &Store, id: i64, at: &str) {
    let origin = Origin { function: "schedule-reminder", correlation_id: "moved".to_owned(), traceparent: None };
    let at: domain::Timestamp = at.parse().unwrap();
    let mut unit = store.begin(Work { origin, now: at, ids: Arc::new(RandomIds), if_match: None }).await.unwrap();
    let reminder = unit.reminder(id).await.unwrap();
    unit.reschedule_reminder(&reminder, at, reminder.reminder_offset).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_that_is_moved_meanwhile_has_its_job_at_the_new_time() {
    let functions = Functions::start().await;
    let task = reminded(&functions, 3).await;
    deliver(&functions).await;
    let reminder = the_reminder(&functions, &task).await;
    let (id, sooner) = (reminder["id"].as_i64().unwrap(), functions.after(HOUR * 2));

    // Housekeeping has read the reminder and is about to write its job.
    let mut session = hold_the_outbox(&functions, &reminder).await;
    let moving = async {
        eventually("housekeeping to wait", async || (waiting(&mut session).await == 1).then_some(())).await;
        let (store, at) = (functions.store.clone(), sooner.clone());
        let moving = tokio::spawn(async move { reschedule(&store, id, &at).await });
        // Either it is done, or it waits for housekeeping.
        eventually("the reminder to be moved", async || (moving.is_finished() || waiting(&mut session).await == 2).then_some(())).await;
        sqlx::query("SELECT pg_advisory_unlock(7)").execute(&mut session).await.unwrap();
        moving.await.unwrap();
    };
    tokio::join!(functions.keep_house(), moving);
    assert_eq!(the_reminder(&functions, &task).await["scheduled_at"], sooner);
    assert_eq!(functions.job_at(&reminder).await, Some(sooner), "an hour late otherwise");
    session.close().await.unwrap();
    functions.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn housekeeping_does_not_deadlock_with_changes_and_keeps_their_times() {
    let functions = Functions::start().await;
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let task = reminded(&functions, 3).await;
        functions.done("schedule-reminder", "POST", "/api/reminders", &json!({ "task_id": task["id"], "reminder_offset": "1 hour" })).await;
        tasks.push(task);
    }
    deliver(&functions).await;
    let change = async |person: usize| {
        for round in 0..12 {
            let task = &tasks[(person * 5 + round) % tasks.len()];
            match (person + round) % 3 {
                0 => act(&functions, "complete-task", task).await,
                1 => act(&functions, "reopen-task", task).await,
                _ => {
                    let hours = i32::try_from(3 + person + round).unwrap();
                    update(&functions, task, json!({ "due_date": functions.after(HOUR * hours) })).await;
                }
            }
        }
    };
    let bus = async || {
        for _ in 0..12 {
            deliver(&functions).await;
        }
    };
    let keep = async || {
        for _ in 0..12 {
            functions.keep_house().await;
        }
    };
    // Each of these fails the test if the database refuses it, as it does in a deadlock.
    tokio::join!(change(0), change(1), change(2), bus(), keep(), keep());
    deliver(&functions).await;
    for task in functions.tasks().await {
        let is_pending = task["status"] == "pending";
        let reminders = functions.reminders(&task).await;
        assert_eq!(reminders.iter().filter(|reminder| reminder["status"] == "pending").count(), if is_pending { 2 } else { 0 });
        for reminder in reminders {
            let at = functions.job_at(&reminder).await;
            assert_eq!(at.as_deref(), reminder["scheduled_at"].as_str().filter(|_| is_pending), "{reminder}");
        }
    }
    functions.stop().await;
}

#[tokio::test]
async fn a_scheduler_that_lost_its_data_gets_every_job_again() {
    let functions = Functions::start().await;
    // More than a page.
    sqlx::raw_sql(
        "INSERT INTO tasks (title, title_key, description, due_date, time_zone, recurrence, recurrence_from, recurrence_number, priority, tags, \
         status, reminder_offset, version, created_at, updated_at) SELECT 'x', 'x', '', now() + interval '1 day', 'UTC', 'none', 'due', 1, 1, '{}', \
         'pending', '1 hour', 1, now() - interval '1 day', now() - interval '1 day' FROM generate_series(1, 450); \
         INSERT INTO reminders (task_id, user_id, scheduled_at, reminder_offset, reminder_type, status, retry_count, created_at, of_task, \
         cancelled_with_task) SELECT id, 1, due_date - interval '1 hour', '1 hour', 'websocket', 'pending', 0, now(), true, false FROM tasks",
    )
    .execute(functions.store.pool())
    .await
    .unwrap();
    functions.keep_house().await;
    assert_eq!(functions.announced().await, Vec::<Value>::new(), "jobs are no events");
    let reminders = functions.done("list-reminders", "GET", "/api/reminders", &Value::Null).await;
    for reminder in reminders.as_array().unwrap() {
        assert_eq!(functions.job_at(reminder).await.as_deref(), reminder["scheduled_at"].as_str());
    }
    assert_eq!(reminders.as_array().unwrap().len(), 450);
    functions.stop().await;
}

#[tokio::test]
async fn a_reminder_is_repaired_after_lost_events() {
    let functions = Functions::start().await;
    let later = functions.after(HOUR * 9);
    // Lost events of a task after its creation, and the resulting status of its reminder.
    for (lost, status) in [
        ("nothing", "pending"),
        ("move", "pending"),
        ("clear offset", "cancelled"),
        ("clear due", "cancelled"),
        ("past due", "cancelled"),
        ("complete", "cancelled"),
        ("delete", "cancelled"),
        ("complete and reopen", "pending"),
    ] {
        let task = reminded(&functions, 3).await;
        deliver(&functions).await;
        match lost {
            "move" => update(&functions, &task, json!({ "due_date": later })).await,
            "clear offset" => update(&functions, &task, json!({ "reminder_offset": null })).await,
            "clear due" => update(&functions, &task, json!({ "reminder_offset": null, "due_date": null })).await,
            "past due" => update(&functions, &task, json!({ "due_date": functions.after(-HOUR) })).await,
            "complete" => act(&functions, "complete-task", &task).await,
            "delete" => delete(&functions, &task).await,
            "complete and reopen" => {
                act(&functions, "complete-task", &task).await;
                deliver(&functions).await;
                assert_eq!(the_reminder(&functions, &task).await["status"], "cancelled");
                act(&functions, "reopen-task", &task).await;
            }
            _ => {}
        }
        let late = functions.announced().await;
        functions.keep_house().await;
        let reminder = the_reminder(&functions, &task).await;
        let at = if lost == "move" { later.as_str() } else { task["due_date"].as_str().unwrap() };
        assert_eq!((&reminder["status"], &reminder["scheduled_at"]), (&json!(status), &json!(at)), "{lost}");
        let job = functions.job_at(&reminder).await;
        assert_eq!(job.as_deref(), (status == "pending").then_some(at), "{lost}");
        // The event was only late.
        functions.deliver_all(late).await;
        functions.keep_house().await;
        assert_eq!(the_reminder(&functions, &task).await, reminder, "{lost}");
    }
    functions.stop().await;
}

#[tokio::test]
async fn a_reminder_that_was_never_written_is_written_once() {
    let functions = Functions::start().await;
    let task = reminded(&functions, 3).await;
    let late = functions.announced().await;
    functions.keep_house().await;
    let reminder = the_reminder(&functions, &task).await;
    assert_eq!(
        (&reminder["status"], &reminder["scheduled_at"], &reminder["reminder_offset"]),
        (&json!("pending"), &task["due_date"], &json!("0 minutes"))
    );
    let announced = functions.announced().await;
    assert_eq!(announced.iter().map(|event| &event["type"]).collect::<Vec<_>>(), ["reminder.scheduled"]);
    assert_eq!(functions.job_at(&reminder).await.as_deref(), task["due_date"].as_str());
    for _ in 0..2 {
        functions.deliver_all(late.clone()).await;
        functions.keep_house().await;
        assert_eq!(the_reminder(&functions, &task).await, reminder);
    }
    // A reminder created by a call follows its task, too.
    let plain = functions.create(&json!({ "title": "x", "due_date": functions.after(HOUR * 3) })).await;
    functions.done("schedule-reminder", "POST", "/api/reminders", &json!({ "task_id": plain["id"], "reminder_offset": "1 hour" })).await;
    let (due, at) = (functions.after(HOUR * 4), functions.after(HOUR * 3));
    update(&functions, &plain, json!({ "due_date": due })).await;
    functions.lose_events().await;
    functions.keep_house().await;
    assert_eq!(the_reminder(&functions, &plain).await["scheduled_at"], at);
    act(&functions, "complete-task", &plain).await;
    deliver(&functions).await;
    act(&functions, "reopen-task", &plain).await;
    functions.lose_events().await;
    functions.keep_house().await;
    assert_eq!(the_reminder(&functions, &plain).await["status"], "pending");
    functions.stop().await;
}

#[tokio::test]
async fn many_tasks_whose_reminders_were_lost_all_get_them() {
    let functions = Functions::start().await;
    let mut tasks = BTreeSet::new();
    for _ in 0..230 {
        tasks.insert(reminded(&functions, 3).await["id"].as_i64().unwrap());
    }
    functions.lose_events().await;
    functions.keep_house().await;
    let reminders = functions.done("list-reminders", "GET", "/api/reminders?status=pending", &Value::Null).await;
    let of_tasks: Vec<i64> = reminders.as_array().unwrap().iter().map(|reminder| reminder["task_id"].as_i64().unwrap()).collect();
    assert_eq!((of_tasks.len(), of_tasks.into_iter().collect::<BTreeSet<_>>()), (230, tasks));
    functions.stop().await;
}

#[tokio::test]
async fn a_reminder_that_is_over_does_not_come_back() {
    let functions = Functions::start().await;
    // Cancelled by hand.
    let cancelled = reminded(&functions, 3).await;
    deliver(&functions).await;
    let id = the_reminder(&functions, &cancelled).await["id"].clone();
    functions.done("cancel-reminder", "DELETE", &format!("/api/reminders/{id}"), &Value::Null).await;
    // Sent, and failed, with the due date still ahead.
    let (sent, failed) = (reminded(&functions, 3).await, reminded(&functions, 3).await);
    for task in [&sent, &failed] {
        update(&functions, task, json!({ "reminder_offset": "1 hour" })).await;
    }
    deliver(&functions).await;
    functions.pass(HOUR * 2);
    let job = |reminder: &Value| reminder["dapr_job_id"].as_str().unwrap().to_owned();
    assert_eq!(functions.job(&job(&the_reminder(&functions, &sent).await)).await, 200);
    deliver(&functions).await;
    functions.sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; \
        CREATE TRIGGER refuse BEFORE UPDATE OF triggered_at ON reminders FOR EACH ROW WHEN (NEW.triggered_at IS NOT NULL) EXECUTE FUNCTION refuse()").await;
    let failing = job(&the_reminder(&functions, &failed).await);
    while functions.job(&failing).await != 200 {}
    deliver(&functions).await;
    // Changed after it was due: no reminder.
    let overdue = functions.create(&json!({ "title": "x", "due_date": functions.after(HOUR) })).await;
    functions.pass(HOUR * 2);
    update(&functions, &overdue, json!({ "title": "y" })).await;
    functions.sql("UPDATE tasks SET reminder_offset = '0 minutes' WHERE title = 'y'").await;
    functions.lose_events().await;

    functions.keep_house().await;
    for (task, status) in [(&cancelled, "cancelled"), (&sent, "sent"), (&failed, "failed")] {
        assert_eq!(the_reminder(&functions, task).await["status"], status);
    }
    assert!(functions.reminders(&overdue).await.is_empty());
    assert_eq!(functions.announced().await, Vec::<Value>::new());
    functions.stop().await;
}

#[tokio::test]
async fn a_missing_reminder_is_written_late_but_not_if_it_is_useless() {
    let functions = Functions::start().await;
    let (old, recent) = (reminded(&functions, 1).await, reminded(&functions, 7 * 24).await);
    functions.lose_events().await;
    functions.pass(HOUR * (7 * 24 + 2));
    functions.keep_house().await;
    assert!(functions.reminders(&old).await.is_empty());
    let late = the_reminder(&functions, &recent).await;
    assert_eq!((&late["status"], functions.job_at(&late).await.as_deref()), (&json!("pending"), recent["due_date"].as_str()));
    functions.stop().await;
}

#[tokio::test]
async fn a_completed_task_whose_occurrence_was_never_made_gets_it_once() {
    let functions = Functions::start().await;
    let daily = |count: Option<i64>| {
        let rule = count.map_or("FREQ=DAILY".to_owned(), |count| format!("FREQ=DAILY;COUNT={count}"));
        json!({ "title": "Water", "due_date": functions.after(HOUR), "recurrence_rule": rule, "reminder_offset": "0 minutes" })
    };
    let (lost, ended, reopened) =
        (functions.create(&daily(None)).await, functions.create(&daily(Some(1))).await, functions.create(&daily(None)).await);
    deliver(&functions).await;
    let next_due = functions.after(HOUR * 25);
    for task in [&lost, &ended, &reopened] {
        act(&functions, "complete-task", task).await;
    }
    act(&functions, "reopen-task", &reopened).await;
    let late = functions.announced().await;
    functions.keep_house().await;
    let next = occurrences(&functions, &lost).await;
    assert_eq!((next.len(), &next[0]["due_date"], &next[0]["recurrence_number"]), (1, &json!(next_due), &json!(2)));
    assert!(occurrences(&functions, &ended).await.is_empty() && occurrences(&functions, &reopened).await.is_empty());
    // It is announced like any other, so its own reminder follows.
    deliver(&functions).await;
    assert_eq!(the_reminder(&functions, &next[0]).await["scheduled_at"], next[0]["due_date"]);
    for _ in 0..2 {
        functions.deliver_all(late.clone()).await;
        functions.keep_house().await;
        assert_eq!(functions.tasks().await.len(), 4);
    }
    functions.stop().await;
}

#[tokio::test]
async fn a_deleted_occurrence_is_not_created_again() {
    let functions = Functions::start().await;
    let recurring = async || functions.create(&json!({ "title": "Water", "due_date": functions.after(HOUR), "recurrence": "daily" })).await;
    let task = recurring().await;
    act(&functions, "complete-task", &task).await;
    let mut completed = functions.announced().await.into_iter().find(|event| event["type"] == "task.completed").unwrap();
    functions.deliver("spawn-recurrence", &completed).await;
    let next = occurrences(&functions, &task).await.remove(0);
    delete(&functions, &next).await;
    functions.lose_events().await;
    functions.keep_house().await;
    // The event again, and another one with the same content.
    for id in [completed["id"].clone(), json!("another")] {
        completed["id"] = id;
        functions.deliver("spawn-recurrence", &completed).await;
    }
    assert!(occurrences(&functions, &task).await.is_empty());
    // Reopened and completed again, it owes an occurrence again.
    act(&functions, "reopen-task", &task).await;
    act(&functions, "complete-task", &task).await;
    functions.lose_events().await;
    functions.keep_house().await;
    assert_eq!(occurrences(&functions, &task).await.len(), 1);

    // The completed task is deleted before its completion was delivered: its chain continues.
    let gone = recurring().await;
    act(&functions, "complete-task", &gone).await;
    delete(&functions, &gone).await;
    let late = functions.announced().await;
    assert_eq!(occurrences(&functions, &gone).await.len(), 1);
    functions.deliver_all(late).await;
    functions.keep_house().await;
    assert_eq!(occurrences(&functions, &gone).await.len(), 1);
    functions.stop().await;
}

#[tokio::test]
async fn a_reminder_that_fired_and_was_never_shown_is_announced_again() {
    let functions = Functions::start().await;
    let task = reminded(&functions, 1).await;
    deliver(&functions).await;
    functions.pass(HOUR);
    let job = the_reminder(&functions, &task).await["dapr_job_id"].as_str().unwrap().to_owned();
    assert_eq!(functions.job(&job).await, 200);
    let lost = functions.announced().await;
    functions.keep_house().await;
    assert_eq!(functions.announced().await, Vec::<Value>::new(), "it may still be on its way");
    functions.pass(HOUR * 2);
    functions.keep_house().await;
    let again = functions.announced().await;
    assert_eq!(again.iter().map(|event| &event["type"]).collect::<Vec<_>>(), ["reminder.triggered"]);
    functions.deliver_all(again).await;
    functions.deliver_all(lost).await;
    functions.keep_house().await;
    assert_eq!(functions.announced().await, Vec::<Value>::new());
    assert_eq!(the_reminder(&functions, &task).await["status"], "sent");
    let shown = functions.done("notify", "GET", "/api/notifications", &Value::Null).await;
    assert_eq!(shown.as_array().unwrap().len(), 1);
    functions.stop().await;
}

#[tokio::test]
async fn a_firing_that_is_announced_again_is_shown_and_sent_once() {
    // No server listens on this port.
    let functions = Functions::with(&[("TASKFLOW_WEBHOOK_URL", "http://127.0.0.1:9/")]).await;
    let task = reminded(&functions, 1).await;
    deliver(&functions).await;
    functions.pass(HOUR);
    let job = the_reminder(&functions, &task).await["dapr_job_id"].as_str().unwrap().to_owned();
    assert_eq!(functions.job(&job).await, 200);
    let fired = functions.announced().await;
    // notify received it, post-webhook did not.
    assert_eq!(functions.call("notify", "POST", "/", &fired[0]).await.0, 200);
    functions.pass(HOUR * 2);
    functions.keep_house().await;
    let again = functions.announced().await;
    assert_ne!(again[0]["id"], fired[0]["id"]);
    functions.deliver_all(again).await;
    functions.deliver_all(fired).await;
    let shown = functions.done("notify", "GET", "/api/notifications", &Value::Null).await;
    assert_eq!(shown.as_array().unwrap().len(), 1);
    let sends: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sends WHERE channel = 'webhook'").fetch_one(functions.store.pool()).await.unwrap();
    assert_eq!(sends, 1);
    functions.announced().await;
    functions.pass(HOUR * 2);
    functions.keep_house().await;
    assert_eq!(functions.announced().await, Vec::<Value>::new(), "the channel has heard of it, and sees to the rest");
    functions.stop().await;
}
