//! The ports over the real sidecar: the result of each call, where the documentation may differ from the wire.

use std::net::Ipv4Addr;
use std::time::Duration;

use domain::event::Topic;
use function::ports::{Broker, Scheduler, State, StateError, Stored};
use function::settings::{EventsBy, Settings};
use serde_json::json;
use sidecar::{Events, Jobs, Sidecar, StateStore};
use tests::stack::{DAPR_TOKEN, Options, Stack};

fn sidecar(stack: &Stack, token: Option<&str>) -> Sidecar {
    let lookup = |name: &str| match name {
        "DAPR_GRPC_ENDPOINT" => Some(stack.dapr_grpc.clone()),
        "DAPR_API_TOKEN" => token.map(str::to_owned),
        _ => None,
    };
    Sidecar::new(&Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap()).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn state_jobs_and_events_through_the_sidecar() {
    let (_folder, mut stack) = crate::stack(Options { tokens: true, ..Options::default() }).await;
    let own = sidecar(&stack, Some(DAPR_TOKEN));
    state(&StateStore::new(own.clone())).await;
    jobs(&Jobs::new(own.clone(), Duration::ZERO)).await;
    let events = Events::new(own.clone(), EventsBy::Bindings);
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/e2e", "type": "of.nobody" }).to_string();
    events.send(Topic::DeadLetters, "key", &event).await.unwrap();
    let found = stack.kafka.records("dead-letters");
    assert!(found.iter().any(|record| record.key == "key" && record.value["type"] == "of.nobody"), "{found:?}");

    // Without the token nothing happens.
    let stranger = sidecar(&stack, None);
    assert!(StateStore::new(stranger.clone()).get("a").await.is_err());
    assert!(Jobs::new(stranger.clone(), Duration::ZERO).has_job("housekeeping").await.is_err());
    assert!(Events::new(stranger, EventsBy::Bindings).send(Topic::DeadLetters, "key", &event).await.is_err());

    // Without the scheduler, jobs cannot be looked up; without the sidecar, nothing can.
    stack.scheduler.kill();
    let jobs = Jobs::new(own.clone(), Duration::ZERO);
    assert!(jobs.has_job("housekeeping").await.is_err());
    stack.daprd.kill();
    assert!(jobs.has_job("housekeeping").await.is_err());
    assert!(!StateStore::new(own).check().await);
    stack.stop().await;
}

async fn state(state: &StateStore) {
    assert!(state.check().await);
    assert!(state.get("a").await.unwrap().is_none());
    let first = r#"{ "n":1.0, "a": "b\u0000" }"#;
    state.set("a", first, None, None).await.unwrap();
    let Stored { value, etag } = state.get("a").await.unwrap().unwrap();
    assert_eq!(value, first, "as it was written, to the letter");
    assert!(matches!(state.set("a", "2", None, None).await, Err(StateError::Stale)), "there is a value already");
    state.set("a", r#"{"n":2}"#, Some(&etag), None).await.unwrap();
    assert!(matches!(state.set("a", "3", Some(&etag), None).await, Err(StateError::Stale)), "somebody else wrote it");
    assert!(matches!(state.set("a", "3", Some("not an ETag"), None).await, Err(StateError::Stale)));
    assert_eq!(state.get("a").await.unwrap().unwrap().value, r#"{"n":2}"#);
    state.delete("a").await.unwrap();
    state.delete("a").await.unwrap();
    assert!(state.get("a").await.unwrap().is_none());
    state.set("b", r#""short""#, None, Some(Duration::from_secs(1))).await.unwrap();
    tests::eventually("the value to expire", async || state.get("b").await.unwrap().is_none().then_some(())).await;
    state.set("b", r#""again""#, None, None).await.unwrap();
}

async fn jobs(jobs: &Jobs) {
    tests::eventually("the gateway to register it", async || jobs.has_job("housekeeping").await.unwrap().then_some(())).await;
    assert!(!jobs.has_job("fire-reminder-404").await.unwrap());
    jobs.repeat_job("publish-events", Duration::from_hours(24)).await.unwrap();
    jobs.repeat_job("publish-events", Duration::from_hours(12)).await.unwrap();
    assert!(jobs.has_job("publish-events").await.unwrap());
}
