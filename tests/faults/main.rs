//! Faults under load on real PostgreSQL, Kafka, Dapr scheduler and daprd. At the end, every acknowledged task, event, occurrence and reminder is
//! accounted for, with exactly one effect. Where reminders are pushed, mailed and posted, each is received at least once, and again only if an answer
//! was lost.
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

use crate::fault::{FAULTS, Fault, REACHING};
use crate::load::{Account, Load};
use crate::reach::Reach;

/// How long the load runs before the fault, and at least after it.
const AROUND: Duration = Duration::from_secs(4);

/// Number of parallel stacks: most of a fault's time is spent waiting for a killed process.
const STACKS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_is_done_twice() {
    let only = std::env::var("FAULTS").ok().filter(|names| !names.is_empty());
    let is_wanted = |fault: &&Fault| only.as_deref().is_none_or(|names| names.split(',').any(|own| own == fault.name));
    let on_pages: Vec<&'static Fault> = FAULTS.iter().filter(is_wanted).collect();
    let reaching: Vec<&'static Fault> = REACHING.iter().filter(is_wanted).collect();
    let names: Vec<_> = FAULTS.iter().chain(REACHING).map(|fault| fault.name).collect();
    assert!(on_pages.len() + reaching.len() > 0, "FAULTS names none of {names:?}");
    let mut table = on_stacks(&on_pages, false).await;
    table.extend(on_stacks(&reaching, true).await);
    println!(
        "\n| fault | tasks | completions | reminders | answers that failed and were asked again | lost | doubled | messages that came again \
         | dead letters |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (fault, account) in &table {
        println!("| {} {}", fault.what, account.row());
    }
    for (fault, account) in &table {
        account.must_be_clean(fault.name);
    }
}

/// Runs these faults on parallel stacks. `reaches`: the stacks push, mail and post reminders.
async fn on_stacks(wanted: &[&'static Fault], reaches: bool) -> Vec<(&'static Fault, Account)> {
    let next = AtomicUsize::new(0);
    let stacks = (0..STACKS.min(wanted.len())).map(|_| on_a_stack(wanted, &next, reaches));
    let mut accounts: Vec<(usize, Account)> = futures_util::future::join_all(stacks).await.into_iter().flatten().collect();
    accounts.sort_by_key(|(place, _)| *place);
    accounts.into_iter().map(|(place, account)| (wanted[place], account)).collect()
}

/// Runs one fault after the other on its own stack, and returns the results with their positions.
async fn on_a_stack(wanted: &[&'static Fault], next: &AtomicUsize, reaches: bool) -> Vec<(usize, Account)> {
    let folder = tempfile::tempdir().unwrap();
    let pubsub = std::env::var("TASKFLOW_EVENTS").is_ok_and(|events| events == "pubsub");
    let reach = Reach::start().await;
    let env = if reaches { reach.settings() } else { Vec::new() };
    let mut stack = Stack::start(folder.path(), &Options { pubsub, env, ..Options::default() }).await;
    if reaches {
        reach.subscribe(&stack).await;
    }
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
        let account = Account::settle(&stack, reaches.then_some(&reach), &sent, letters).await;
        eprintln!("{}: {account:?}, {} s", fault.name, begin.elapsed().as_secs());
        for place in account.places(&stack) {
            eprintln!("{place}");
        }
        accounts.push((place, account));
    }
    stack.stop().await;
    accounts
}
