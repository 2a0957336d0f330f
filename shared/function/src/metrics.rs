//! What a process counts, in the text format of Prometheus: calls, deliveries, dead letters, and how late reminders are.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The upper bounds of the seconds that a call takes.
const CALL_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The upper bounds of the seconds that a reminder is late.
const LATE_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0];

/// A call by its function, method and status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    function: &'static str,
    method: &'static str,
    status: u16,
}

/// Something of one function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    function: &'static str,
}

/// A delivery by its consumer and how it ended.
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
        registry.register_with_unit("http_request_duration", "How long calls took", Unit::Seconds, call_seconds.clone());
        registry.register("deliveries", "Events and jobs that were handed to functions, by how that ended", deliveries.clone());
        registry.register("dead_letters", "Events that were given up", dead_letters.clone());
        registry.register_with_unit("reminder_lateness", "How late reminders were triggered", Unit::Seconds, lateness.clone());
        registry.register("outbox_depth", "Rows in the outbox; beside a gateway without a database, 1 while any wait", outbox.clone());
        Self { registry, calls, call_seconds, deliveries, dead_letters, lateness, outbox }
    }
}

impl Metrics {
    /// A call was answered.
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

    /// An event or a job was handed to a function, or could not be.
    pub fn delivery(&self, function: &'static str, is_taken: bool) {
        let outcome = if is_taken { "taken" } else { "failed" };
        self.deliveries.get_or_create(&Delivered { function, outcome }).inc();
    }

    /// An event was given up.
    pub fn dead_letter(&self, function: &'static str) {
        self.dead_letters.get_or_create(&Of { function }).inc();
    }

    /// Counts something that happened this long after its time.
    pub fn late(&self, late: Duration) {
        self.lateness.observe(late.as_secs_f64());
    }

    /// How much is in the outbox.
    pub fn outbox(&self, depth: i64) {
        self.outbox.set(depth);
    }

    /// All of it, as text.
    ///
    /// # Errors
    /// A metric that cannot be written.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
