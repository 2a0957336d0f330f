//! Sends spans to an OpenTelemetry collector: OTLP over HTTP, as protobuf.
//!
//! A finished span enters a queue. One task, started with the first span, sends the queue in batches. If the collector is unavailable or slow, spans
//! are lost, but no request fails or waits: a span that finds the queue full is dropped. This is logged once, and once more when spans are sent
//! again.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::BoxError;
use crate::body::{boxed, collect_within};
use crate::error::Chain;

/// Maximum spans in the queue; more are dropped.
const QUEUE_MAX: usize = 2048;
/// Maximum spans sent together.
const BATCH_MAX: usize = 512;
/// How long the first span of a batch waits for others.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// Time limit of the collector's answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Time limit of sending a batch.
const TRY_MAX: Duration = Duration::from_secs(10);
/// Maximum bytes of the collector's answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Time limit of a flush.
const FLUSH_MAX: Duration = Duration::from_secs(2);
/// Path for traces, appended to the configured endpoint.
const PATH: &str = "/v1/traces";

/// Destination of spans: a collector, or none.
#[derive(Debug, Default)]
pub struct Traces {
    endpoint: Option<String>,
    queue: OnceLock<mpsc::Sender<Message>>,
    health: Arc<Health>,
}

#[derive(Debug)]
enum Message {
    /// A span of this service.
    Span(&'static str, Box<SpanData>),
    /// Dropped when everything before it was sent or given up.
    Flush(oneshot::Sender<()>),
}

/// State of the collector.
#[derive(Debug, Default)]
struct Health {
    away: AtomicBool,
    dropped: AtomicU64,
}

impl Traces {
    /// Sends to the collector at this URL (`OTEL_EXPORTER_OTLP_ENDPOINT`), or nowhere. Connects, starts and allocates nothing before the first span.
    #[must_use]
    pub fn to(endpoint: Option<&str>) -> Self {
        let endpoint = endpoint.map(|url| format!("{}{PATH}", url.trim_end_matches('/')));
        Self { endpoint, ..Self::default() }
    }

    /// True if there is a collector.
    pub(crate) fn are_collected(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Queues a span of a service.
    pub(crate) fn put(&self, service: &'static str, span: SpanData) {
        let (Some(endpoint), Ok(runtime)) = (&self.endpoint, Handle::try_current()) else { return };
        let queue = self.queue.get_or_init(|| {
            let (queue, waiting) = mpsc::channel(QUEUE_MAX);
            let sending = Sending { endpoint: endpoint.clone(), health: self.health.clone(), client: None, exporters: HashMap::new() };
            runtime.spawn(sending.run(waiting));
            queue
        });
        if let Err(TrySendError::Full(_)) = queue.try_send(Message::Span(service, Box::new(span))) {
            self.health.overrun();
        }
    }

    /// Waits until every earlier span was sent or given up; at most 2 s, and not at all while the collector is unavailable.
    pub async fn flush(&self) {
        let Some(queue) = self.queue.get() else { return };
        if self.health.away.load(Ordering::Relaxed) {
            return;
        }
        let (flushed, done) = oneshot::channel();
        let flush = async {
            if queue.send(Message::Flush(flushed)).await.is_ok() {
                let _ = done.await;
            }
        };
        let _ = tokio::time::timeout(FLUSH_MAX, flush).await;
    }
}

/// The sending task.
struct Sending {
    endpoint: String,
    health: Arc<Health>,
    client: Option<Arc<Client>>,
    /// One exporter per service, because functions of one process are services of their own.
    exporters: HashMap<&'static str, SpanExporter>,
}

/// Spans by service, and the flushes that wait for them.
#[derive(Default)]
struct Batch {
    services: HashMap<&'static str, Vec<SpanData>>,
    count: usize,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, message: Message) {
        match message {
            Message::Span(service, span) => {
                self.services.entry(service).or_default().push(*span);
                self.count += 1;
            }
            Message::Flush(flush) => self.flushes.push(flush),
        }
    }

    fn is_full(&self) -> bool {
        self.count >= BATCH_MAX || !self.flushes.is_empty()
    }
}

impl Sending {
    /// Runs until the queue is closed.
    async fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        while let Some(first) = waiting.recv().await {
            let until = Instant::now() + BATCH_TIME;
            let mut batch = Batch::default();
            batch.add(first);
            while !batch.is_full()
                && let Ok(Some(message)) = tokio::time::timeout_at(until, waiting.recv()).await
            {
                batch.add(message);
            }
            for (service, spans) in batch.services.drain() {
                self.send(service, spans).await;
            }
        }
    }

    async fn send(&mut self, service: &'static str, spans: Vec<SpanData>) {
        let count = spans.len();
        let sent = match self.exporter(service) {
            Ok(exporter) => exporter.export(spans).await.is_ok(),
            Err(error) => {
                self.health.failed(&Chain::of(error.as_ref()));
                false
            }
        };
        if !sent {
            self.health.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    fn exporter(&mut self, service: &'static str) -> Result<&SpanExporter, BoxError> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(Arc::new(Client::new(&self.endpoint, self.health.clone())?)).clone(),
        };
        Ok(match self.exporters.entry(service) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(exporter(&self.endpoint, client, service)?),
        })
    }
}

fn exporter(endpoint: &str, client: Arc<Client>, service: &'static str) -> Result<SpanExporter, BoxError> {
    let exporter = SpanExporter::builder().with_http().with_shared_http_client(client).with_endpoint(endpoint);
    let mut exporter = exporter.with_protocol(Protocol::HttpBinary).with_timeout(TRY_MAX).build()?;
    exporter.set_resource(&Resource::builder().with_service_name(service).build());
    Ok(exporter)
}

/// The client of the collector, which sees why a call failed.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    health: Arc<Health>,
}

impl Client {
    fn new(endpoint: &str, health: Arc<Health>) -> Result<Self, BoxError> {
        // Another part of this process may have installed one already; then that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(ANSWER_MAX).redirect(reqwest::redirect::Policy::none());
        // The machine's certificates use a megabyte, so they are loaded only for https.
        let http = if endpoint.starts_with("https:") { http } else { http.tls_certs_only([]) };
        Ok(Self { http: http.build()?, health })
    }

    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, BoxError> {
        // The URL may hold a secret, so it is removed from the error, which is logged.
        let response = self.http.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
        let (parts, body) = http::Response::from(response).into_parts();
        Ok(http::Response::from_parts(parts, collect_within(ANSWER_BYTES_MAX, boxed(body)).await?))
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let answer = self.call(request).await;
        match &answer {
            Ok(answer) if answer.status().is_success() => self.health.succeeded(),
            Ok(answer) => self.health.failed(&format_args!("the collector answered {}", answer.status())),
            Err(error) => self.health.failed(&Chain::of(error.as_ref())),
        }
        answer
    }
}

impl Health {
    fn failed(&self, error: &dyn fmt::Display) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "traces cannot be sent; spans are dropped until the collector answers");
        }
    }

    fn overrun(&self) {
        if self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the queue of spans is full; some are dropped");
        }
    }

    fn succeeded(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(dropped = self.dropped.swap(0, Ordering::Relaxed), "traces are sent again");
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanKind, Status};
    use opentelemetry::{InstrumentationScope, SpanId};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use std::time::SystemTime;

    use super::*;

    fn span() -> SpanData {
        SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Server,
            name: "GET /".into(),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[tokio::test]
    async fn spans_beyond_the_queues_limit_are_dropped() {
        let traces = Traces::to(Some("http://127.0.0.1:1/"));
        // The task that empties the queue runs only when this one waits.
        for _ in 0..QUEUE_MAX + 3 {
            traces.put("function", span());
        }
        assert_eq!(traces.health.dropped.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn nothing_starts_without_a_collector_or_a_runtime() {
        for traces in [Traces::to(None), Traces::to(Some("http://127.0.0.1:1"))] {
            traces.put("function", span());
            assert!(traces.queue.get().is_none());
        }
        assert_eq!(Traces::to(Some("http://collector:4318/")).endpoint.as_deref(), Some("http://collector:4318/v1/traces"));
    }
}
