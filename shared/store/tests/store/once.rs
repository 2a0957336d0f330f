//! Exactly-once processing: events, commands, and calls with an `Idempotency-Key`.

use serde_json::json;
use store::{Idempotency, Unit};

use crate::database::fresh;
use crate::fixtures::{at, draft, work, work_at};
use crate::locks::waiting_statements;

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_the_first_once_and_again_after_a_rollback() {
    let store = fresh().await;
    let mut unit = store.begin(work()).await.unwrap();
    assert!(unit.first_delivery("record-audit", "/s", "e1").await.unwrap());
    assert!(!unit.first_delivery("record-audit", "/s", "e1").await.unwrap());
    assert!(unit.first_delivery("notify", "/s", "e1").await.unwrap());
    assert!(unit.first_delivery("notify", "/other", "e1").await.unwrap());
    drop(unit);
    let deliveries: Vec<_> = (0..6)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut unit = store.begin(work()).await.unwrap();
                let first = unit.first_delivery("notify", "/s", "e1").await.unwrap();
                unit.commit().await.unwrap();
                first
            })
        })
        .collect();
    let mut firsts = 0;
    for delivery in deliveries {
        firsts += usize::from(delivery.await.unwrap());
    }
    assert_eq!(firsts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_comes_twice_at_once_runs_once_and_is_answered_the_same() {
    let store = fresh().await;
    let calls: Vec<_> = (0..6)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut unit = store.begin(work()).await.unwrap();
                if let Some(answer) = unit.answered("create-task", "/cli", "c1").await.unwrap() {
                    return (false, answer);
                }
                unit.create_task(draft("once")).await.unwrap();
                waiting_statements(&store, 5).await;
                let answer = json!({ "b": number, "a": [1.5, null] });
                unit.remember_answer("create-task", "/cli", "c1", &answer).await.unwrap();
                unit.commit().await.unwrap();
                (true, answer)
            })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|(ran, _)| *ran).count(), 1);
    assert!(answers.windows(2).all(|pair| matches!(pair, [one, other] if one.1 == other.1)));
    assert_eq!(store.tasks(&crate::fixtures::list(|_| ())).await.unwrap().total_count, 1);
}

async fn ask(unit: &mut Unit, body: &[u8]) -> Idempotency {
    unit.idempotent("k", "POST", "/api/tasks", body).await.unwrap()
}

#[tokio::test]
async fn a_key_is_new_then_in_flight_then_replayed_for_a_day() {
    let store = fresh().await;
    let mut one = store.begin(work()).await.unwrap();
    let mut other = store.begin(work()).await.unwrap();
    assert_eq!(ask(&mut one, b"body").await, Idempotency::New);
    assert_eq!(ask(&mut other, b"body").await, Idempotency::InFlight);
    assert_eq!(other.idempotent("k", "POST", "/api/reminders", b"body").await.unwrap(), Idempotency::New);
    let answer = json!({ "status": 201, "body": "…" });
    one.remember_idempotent("k", "POST", "/api/tasks", b"body", &answer).await.unwrap();
    assert_eq!(ask(&mut other, b"body").await, Idempotency::InFlight);
    one.commit().await.unwrap();
    assert_eq!(ask(&mut other, b"body").await, Idempotency::Replay(answer));
    assert_eq!(ask(&mut other, b"another body").await, Idempotency::Mismatch);
    // This releases its lock on the key before it returns. A dropped unit releases it a moment later.
    other.commit().await.unwrap();
    let mut next_day = store.begin(work_at(at(24 * 3_600))).await.unwrap();
    assert_eq!(ask(&mut next_day, b"another body").await, Idempotency::New);
    next_day.remember_idempotent("k", "POST", "/api/tasks", b"another body", &json!(2)).await.unwrap();
    next_day.commit().await.unwrap();
    assert_eq!(ask(&mut store.begin(work_at(at(24 * 3_600))).await.unwrap(), b"another body").await, Idempotency::Replay(json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_one_of_parallel_calls_with_the_same_key_is_executed() {
    let store = fresh().await;
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut unit = store.begin(work()).await.unwrap();
                let known = ask(&mut unit, b"body").await;
                if known == Idempotency::New {
                    unit.create_task(draft("once")).await.unwrap();
                    unit.remember_idempotent("k", "POST", "/api/tasks", b"body", &json!("done")).await.unwrap();
                    unit.commit().await.unwrap();
                }
                known
            })
        })
        .collect();
    let mut new = 0;
    for call in calls {
        match call.await.unwrap() {
            Idempotency::New => new += 1,
            Idempotency::Replay(answer) => assert_eq!(answer, json!("done")),
            Idempotency::InFlight => {}
            Idempotency::Mismatch => panic!("the bodies are the same"),
        }
    }
    assert_eq!(new, 1);
    assert_eq!(store.tasks(&crate::fixtures::list(|_| ())).await.unwrap().total_count, 1);
}
