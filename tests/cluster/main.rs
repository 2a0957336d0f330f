//! Taskflow on a real cluster: Kubernetes, Knative and Dapr, with the deployed manifests, and every function at zero before each step.
//!
//! It runs inside the network of the cluster (`just cluster-e2e`), with Kafka and PostgreSQL beside it, and uses the namespace `taskflow`. It prints
//! its figures at the end. `CLUSTER_PARTS` selects parts: story, https, strangers, cold, reminders, recurrences, page, trouble. The story runs without a
//! token, and all later parts with one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cluster;
mod figures;
mod https;
mod story;
mod strangers;
mod trouble;

use cluster::Cluster;
use figures::Figures;

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_from_zero_and_goes_back_to_it() {
    let only = std::env::var("CLUSTER_PARTS").ok().filter(|parts| !parts.is_empty());
    let is_wanted = |part: &str| only.as_deref().is_none_or(|parts| parts.split(',').any(|own| own == part));
    let mut cluster = Cluster::start().await;
    let mut figures = Figures::default();
    cluster::manifests_are_accepted();
    if is_wanted("story") {
        strangers::probes_and_scrapes_are_green(&cluster).await;
        story::tell(&cluster).await;
    }
    cluster.ask_for_token().await;
    story::tell_with_token(&cluster).await;
    if is_wanted("https") {
        https::works_from_outside(&mut figures).await;
    }
    if is_wanted("strangers") {
        strangers::wake_nobody(&cluster, &mut figures).await;
    }
    figures::measure(&cluster, &mut figures, is_wanted).await;
    if is_wanted("trouble") {
        trouble::is_told(&cluster).await;
    }
    cluster.stop().await;
    println!("{}", figures.table());
}
