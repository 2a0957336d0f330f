//! Metrics of a process in Prometheus's text format: calls, deliveries, dead letters, and reminder lateness.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of a call's duration, in seconds.
const CALL_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Upper bounds of a reminder's lateness, in seconds.
const LATE_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0];

/// Labels of a call: function, method and status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    function: &'static str,
    method: &'static str,
    status: u16,
}

/// Label of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    function: &'static str,
}

/// Labels of a delivery: consumer and result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    function: &'static str,
    outcome: &'static str,
}

/// The metrics of a process.
pub struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    call_seconds: Family<Of, Histogram, fn() -> Histogram>,
    deliveries: Family<Delivered, Counter>,
    dead_letters: Family<Of, Counter>,
    lateness: Histogram,
    outbox: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("taskflow");
        let calls = Family::default();
        let call_seconds = Family::new_with_constructor((|| Histogram::new(CALL_SECONDS)) as fn() -> Histogram);
        let (deliveries, dead_letters, outbox) = (Family::default(), Family::default(), Gauge::default());
        let lateness = Histogram::new(LATE_SECONDS);
        registry.register("http_requests", "Calls by function, method and status", calls.clone());
        registry.register_with_unit("http_request_duration", "Duration of calls", Unit::Seconds, call_seconds.clone());
        registry.register("deliveries", "Deliveries of events and jobs to functions, by result", deliveries.clone());
        registry.register("dead_letters", "Dead letters", dead_letters.clone());
        registry.register_with_unit("reminder_lateness", "Lateness of reminders", Unit::Seconds, lateness.clone());
        registry.register("outbox_depth", "Rows in the outbox; 1 while any wait, if the gateway has no database", outbox.clone());
        Self { registry, calls, call_seconds, deliveries, dead_letters, lateness, outbox }
    }
}

impl Metrics {
    /// Counts an answered call.
    pub fn call(&self, function: &'static str, method: &http::Method, status: http::StatusCode, took: Duration) {
        let method = match method.as_str() {
            "GET" | "HEAD" => "GET",
            "POST" => "POST",
            "PUT" => "PUT",
            "DELETE" => "DELETE",
            // A label has few values.
            _ => "other",
        };
        self.calls.get_or_create(&Call { function, method, status: status.as_u16() }).inc();
        self.call_seconds.get_or_create(&Of { function }).observe(took.as_secs_f64());
    }

    /// Counts a delivery of an event or job, successful or not.
    pub fn delivery(&self, function: &'static str, is_taken: bool) {
        let outcome = if is_taken { "taken" } else { "failed" };
        self.deliveries.get_or_create(&Delivered { function, outcome }).inc();
    }

    /// Counts a dead letter.
    pub fn dead_letter(&self, function: &'static str) {
        self.dead_letters.get_or_create(&Of { function }).inc();
    }

    /// Records a reminder that fired this late.
    pub fn late(&self, late: Duration) {
        self.lateness.observe(late.as_secs_f64());
    }

    /// Sets the number of outbox rows.
    pub fn outbox(&self, depth: i64) {
        self.outbox.set(depth);
    }

    /// Returns all metrics as text.
    ///
    /// # Errors
    /// A metric cannot be written.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
