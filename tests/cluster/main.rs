//! Taskflow on a real cluster: Kubernetes, Knative and Dapr, the very manifests that are deployed, every function at zero before each step.
//!
//! It runs inside the network of the cluster (`just cluster-e2e`), with Kafka and PostgreSQL beside it, and takes the namespace `taskflow`.
//! Its figures are printed at the end. `CLUSTER_PARTS` names parts, where not all of them are
//! wanted: story, cold, reminders, recurrences, trouble.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cluster;
mod figures;
mod story;
mod trouble;

use cluster::Cluster;
use figures::Figures;

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_from_zero_and_goes_back_to_it() {
    let only = std::env::var("CLUSTER_PARTS").ok().filter(|parts| !parts.is_empty());
    let is_wanted = |part: &str| only.as_deref().is_none_or(|parts| parts.split(',').any(|own| own == part));
    let cluster = Cluster::start().await;
    let mut figures = Figures::default();
    cluster::manifests_are_accepted();
    if is_wanted("story") {
        story::tell(&cluster).await;
    }
    figures::measure(&cluster, &mut figures, is_wanted).await;
    if is_wanted("trouble") {
        trouble::is_told(&cluster).await;
    }
    cluster.stop().await;
    println!("{}", figures.table());
}
