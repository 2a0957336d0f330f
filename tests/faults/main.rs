//! Faults under load on real PostgreSQL, Kafka, Dapr scheduler and daprd. At the end, every acknowledged task, event, occurrence and reminder is
//! accounted for, with exactly one effect. Each reminder is pushed, mailed and posted at least once, and again only if an answer was lost.
//!
//! `FAULTS=kafka,daprd` selects faults, and `TASKFLOW_EVENTS=pubsub` uses pub/sub instead of bindings. The test prints a table of what was sent, lost
//! and doubled.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fault;
mod load;
mod reach;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tests::stack::{Options, Stack};
use tokio::time::Instant;

use crate::fault::{FAULTS, Fault};
use crate::load::{Account, Load};
use crate::reach::Reach;

/// How long the load runs before the fault, and at least after it.
const AROUND: Duration = Duration::from_secs(4);

/// Number of parallel stacks: most of a fault's time is spent waiting for a killed process.
const STACKS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_is_done_twice() {
    let only = std::env::var("FAULTS").ok().filter(|names| !names.is_empty());
    let is_wanted = |name: &str| only.as_deref().is_none_or(|names| names.split(',').any(|own| own == name));
    let wanted: Vec<&Fault> = FAULTS.iter().filter(|fault| is_wanted(fault.name)).collect();
    assert!(!wanted.is_empty(), "FAULTS names none of {:?}", FAULTS.iter().map(|fault| fault.name).collect::<Vec<_>>());
    let next = AtomicUsize::new(0);
    let stacks = (0..STACKS.min(wanted.len())).map(|_| on_a_stack(&wanted, &next));
    let mut table: Vec<(usize, Account)> = futures_util::future::join_all(stacks).await.into_iter().flatten().collect();
    table.sort_by_key(|(place, _)| *place);
    println!(
        "\n| fault | tasks | completions | reminders | answers that failed and were asked again | lost | doubled | messages that came again | dead letters |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (place, account) in &table {
        println!("| {} {}", wanted[*place].what, account.row());
    }
    for (place, account) in &table {
        account.must_be_clean(wanted[*place].name);
    }
}

/// Runs one fault after the other on its own stack, and returns the results with their positions.
async fn on_a_stack(wanted: &[&Fault], next: &AtomicUsize) -> Vec<(usize, Account)> {
    let folder = tempfile::tempdir().unwrap();
    let pubsub = std::env::var("TASKFLOW_EVENTS").is_ok_and(|events| events == "pubsub");
    let reach = Reach::start().await;
    let mut stack = Stack::start(folder.path(), &Options { pubsub, env: reach.settings(), ..Options::default() }).await;
    reach.subscribe(&stack).await;
    let mut accounts = Vec::new();
    loop {
        let place = next.fetch_add(1, Ordering::SeqCst);
        let Some(fault) = wanted.get(place) else { break };
        let begin = Instant::now();
        eprintln!("{}: {}", fault.name, fault.what);
        let load = Load::start(&stack, fault.name);
        tokio::time::sleep(AROUND).await;
        let letters = (fault.strike)(&mut stack, &reach).await;
        stack.wait().await;
        tokio::time::sleep(AROUND).await;
        let sent = load.stop().await;
        let account = Account::settle(&stack, &reach, &sent, letters).await;
        eprintln!("{}: {account:?}, {} s", fault.name, begin.elapsed().as_secs());
        for place in account.places(&stack) {
            eprintln!("{place}");
        }
        accounts.push((place, account));
    }
    stack.stop().await;
    accounts
}
