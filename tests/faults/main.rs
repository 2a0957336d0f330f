//! What may go wrong while people work, on real PostgreSQL, Kafka, Dapr scheduler and daprd: each fault under load, and at the end every
//! acknowledged task, event, occurrence and reminder accounted for, exactly once in effect.
//!
//! `FAULTS=kafka,daprd` runs only those. A table of what was sent, lost and doubled is printed at the end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fault;
mod load;

use std::time::Duration;

use tests::stack::{Options, Stack};

use crate::fault::FAULTS;
use crate::load::{Account, Load};

/// How long the load runs before the fault, and at least after it.
const AROUND: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_is_done_twice() {
    let only = std::env::var("FAULTS").ok().filter(|names| !names.is_empty());
    let is_wanted = |name: &str| only.as_deref().is_none_or(|names| names.split(',').any(|own| own == name));
    let folder = tempfile::tempdir().unwrap();
    let mut stack = Stack::start(folder.path(), &Options::default()).await;
    let mut table = Vec::new();
    for fault in FAULTS.iter().filter(|fault| is_wanted(fault.name)) {
        eprintln!("{}: {}", fault.name, fault.what);
        let load = Load::start(&stack, fault.name);
        tokio::time::sleep(AROUND).await;
        let letters = (fault.strike)(&mut stack).await;
        stack.wait().await;
        tokio::time::sleep(AROUND).await;
        let sent = load.stop().await;
        let account = Account::settle(&stack, &sent, letters).await;
        eprintln!("{account:?}");
        for place in account.places(&stack) {
            eprintln!("{place}");
        }
        table.push((fault, account));
    }
    println!("\n| fault | tasks | completions | reminders | answers that failed and were asked again | lost | doubled | dead letters |");
    println!("|---|---|---|---|---|---|---|---|");
    for (fault, account) in &table {
        println!("| {} {}", fault.what, account.row());
    }
    for (fault, account) in &table {
        account.must_be_clean(fault.name);
    }
    assert!(!table.is_empty(), "FAULTS names none of {:?}", FAULTS.iter().map(|fault| fault.name).collect::<Vec<_>>());
    stack.stop().await;
}
