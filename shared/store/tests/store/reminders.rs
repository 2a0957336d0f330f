//! Reminders: their outcomes, announcements and jobs.

use domain::event::{ReminderEvent, Topic};
use domain::query::ListReminders;
use domain::reminder::{Reminder, ReminderStatus, ReminderType};
use domain::routes;
use store::{Committed, Entry, Error, NewReminder, Store, Unit};

use crate::database::fresh;
use crate::fixtures::{at, work, work_at};

fn new(task_id: i64) -> NewReminder {
    NewReminder { task_id, scheduled_at: at(3_600), offset: "1 minutes".parse().unwrap(), channel: None, of_task: true }
}

/// Returns the name of a reminder's job, by which the gateway finds its function.
fn job_name(reminder_id: i64) -> String {
    format!("{}-{reminder_id}", routes::FIRE_REMINDER.name)
}

async fn made(store: &Store, task_id: i64) -> Reminder {
    let mut unit = store.begin(work()).await.unwrap();
    let reminder = unit.create_reminder(new(task_id)).await.unwrap();
    unit.commit().await.unwrap();
    reminder
}

async fn entries(store: &Store, key: i64) -> Vec<Entry> {
    let batch = store.lock_outbox(&[key], true).await.unwrap().unwrap();
    let entries = batch.rows().iter().map(|row| row.entry.clone()).collect();
    let ids: Vec<(i64, i64)> = batch.rows().iter().map(|row| (row.key, row.id)).collect();
    batch.done(&ids).await.unwrap();
    entries
}

fn types(committed: &Committed) -> Vec<String> {
    committed.events.iter().map(|event| cloudevents::AttributesReader::ty(event).to_owned()).collect()
}

#[tokio::test]
async fn a_new_reminder_is_announced_and_its_job_registered() {
    let store = fresh().await;
    let reminder = made(&store, 7).await;
    assert_eq!(reminder.dapr_job_id, job_name(reminder.id));
    assert_eq!((reminder.status, reminder.retry_count, reminder.scheduled_at), (ReminderStatus::Pending, 0, at(3_600)));
    let entries = entries(&store, 7).await;
    let [Entry::Event { topic: Topic::Reminders, payload, .. }, Entry::ScheduleJob { name, due_at }] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    let event: serde_json::Value = serde_json::from_str(payload).unwrap();
    assert_eq!(event.get("subject").unwrap(), &serde_json::json!(format!("reminder/{}", reminder.id)));
    assert_eq!(event.get("partitionkey").unwrap(), "7");
    let data: ReminderEvent = serde_json::from_value(event.get("data").unwrap().clone()).unwrap();
    assert_eq!((data.reminder_id, data.task_id), (reminder.id, 7));
    assert_eq!((name.as_str(), *due_at), (job_name(reminder.id).as_str(), at(3_600)));
}

async fn fire(unit: &mut Unit, id: i64) -> Reminder {
    let fired = unit.trigger_reminders(&[id], &[ReminderType::Websocket]).await.unwrap().pop().unwrap();
    unit.announce_firing(&fired).unwrap();
    fired
}

#[tokio::test]
async fn a_reminder_fires_and_is_sent_or_fails_or_comes_back() {
    let store = fresh().await;
    let reminder = made(&store, 7).await;
    let mut unit = store.begin(work_at(at(3_601))).await.unwrap();
    let fired = fire(&mut unit, reminder.id).await;
    assert_eq!((fired.triggered_at, fired.status), (Some(at(3_601)), ReminderStatus::Pending));
    assert_eq!(unit.count_retry(reminder.id).await.unwrap(), 1);
    assert_eq!(unit.count_retry(reminder.id).await.unwrap(), 2);
    let sent = unit.finish_reminder(&fired, ReminderStatus::Sent).await.unwrap();
    assert_eq!((sent.sent_at, sent.status, sent.retry_count), (Some(at(3_601)), ReminderStatus::Sent, 2));
    assert_eq!(types(&unit.commit().await.unwrap()), ["reminder.triggered", "reminder.triggered", "reminder.sent"]);

    let mut unit = store.begin(work()).await.unwrap();
    let again = unit.reschedule_reminder(&sent, at(9_000), "2 minutes".parse().unwrap()).await.unwrap();
    assert_eq!((again.scheduled_at, again.triggered_at, again.sent_at, again.retry_count), (at(9_000), None, None, 0));
    let failed = unit.finish_reminder(&again, ReminderStatus::Failed).await.unwrap();
    assert_eq!((failed.status, failed.sent_at), (ReminderStatus::Failed, None));
    assert_eq!(types(&unit.commit().await.unwrap()), ["reminder.scheduled", "reminder.failed"]);
}

#[tokio::test]
async fn a_cancelled_reminder_knows_whether_it_went_with_its_task() {
    let store = fresh().await;
    let (one, other) = (made(&store, 7).await, made(&store, 7).await);
    entries(&store, 7).await;
    let mut unit = store.begin(work()).await.unwrap();
    unit.cancel_reminder(&one, true).await.unwrap();
    unit.cancel_reminder(&other, false).await.unwrap();
    let kept = unit.reminders_of(7).await.unwrap();
    let facts: Vec<_> = kept.iter().map(|kept| (kept.reminder.id, kept.reminder.status, kept.of_task, kept.cancelled_with_task)).collect();
    assert_eq!(facts, [(one.id, ReminderStatus::Cancelled, true, true), (other.id, ReminderStatus::Cancelled, true, false)]);
    unit.commit().await.unwrap();
    let entries = entries(&store, 7).await;
    assert!(matches!(entries.get(1), Some(Entry::CancelJob { name }) if *name == one.dapr_job_id), "{entries:?}");
    let mut unit = store.begin(work()).await.unwrap();
    unit.reschedule_reminder(&one, at(1), one.reminder_offset).await.unwrap();
    assert!(!unit.reminders_of(7).await.unwrap().first().unwrap().cancelled_with_task);
}

#[tokio::test]
async fn reminders_are_listed_newest_first_and_the_waiting_ones_by_id() {
    let store = fresh().await;
    let (one, two, three) = (made(&store, 7).await, made(&store, 8).await, made(&store, 7).await);
    let mut unit: Unit = store.begin(work()).await.unwrap();
    let fired = fire(&mut unit, two.id).await;
    let cancelled = unit.cancel_reminder(&three, false).await.unwrap();
    unit.commit().await.unwrap();
    let listed = async |task_id, status| store.reminders(&ListReminders { task_id, status }).await.unwrap();
    assert_eq!(listed(None, None).await, [cancelled.clone(), fired.clone(), one.clone()]);
    assert_eq!(listed(Some(7), None).await, [cancelled, one.clone()]);
    assert_eq!(listed(Some(7), Some(ReminderStatus::Pending)).await, std::slice::from_ref(&one));
    let mut unit = store.begin(work()).await.unwrap();
    assert_eq!(unit.waiting_reminders(0, 10).await.unwrap(), std::slice::from_ref(&one));
    assert!(unit.waiting_reminders(one.id, 10).await.unwrap().is_empty());
    assert!(store.has_waiting_reminder(7).await.unwrap());
    assert!(!store.has_waiting_reminder(8).await.unwrap(), "it fired");
    assert!(!store.has_waiting_reminder(9).await.unwrap());
}

#[tokio::test]
async fn a_reminder_that_is_not_there_is_not_found() {
    let store = fresh().await;
    let mut unit = store.begin(work()).await.unwrap();
    assert!(matches!(unit.reminder(404).await, Err(Error::NotFound)));
    assert!(unit.due_reminders(&[404]).await.unwrap().is_empty());
    assert!(unit.trigger_reminders(&[404], &[ReminderType::Websocket]).await.unwrap().is_empty());
    assert!(matches!(unit.count_retry(404).await, Err(Error::NotFound)));
    assert!(unit.reminders_of(404).await.unwrap().is_empty());
}
