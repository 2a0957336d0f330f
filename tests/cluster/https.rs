//! HTTPS from outside: the load balancer's Service, a certificate of a real authority, a function from zero.

use std::process::Command;

use crate::cluster::{API_TOKEN, all_gone, memory, repository};
use crate::figures::Figures;

/// The gateway behind a load balancer's address, with a certificate of Pebble. A roll-out during an open order places no second one.
pub(crate) async fn works_from_outside(figures: &mut Figures) {
    all_gone().await;
    let script = repository().join("tests/tools/cluster_https.sh");
    let running = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(script);
        command.env("OVERLAY", repository().join("tests/cluster/overlay")).env("TASKFLOW_API_TOKEN", API_TOKEN);
        command.status().unwrap()
    });
    let status = running.await.unwrap();
    assert!(status.success(), "HTTPS from outside: {status}");
    all_gone().await;
    for (container, used) in memory() {
        figures.row(
            format!("memory of {container} when idle, after HTTPS"),
            format!("{used:.1} MB"),
            if container == "gateway" { "10 MB" } else { "" },
        );
    }
}
