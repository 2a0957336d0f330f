//! A collector of traces.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use tokio::net::TcpListener;

use crate::serve;

/// A small OpenTelemetry collector: accepts spans over OTLP, as protobuf over HTTP, and stores them.
pub struct Collector {
    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub url: String,
    spans: Arc<Mutex<Vec<Collected>>>,
}

/// A span, with its ids in the form of W3C Trace Context.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The attribute `service.name` of its resource.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its trace id.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The id of its parent span, or "".
    pub parent: String,
    /// Its kind.
    pub kind: SpanKind,
    /// True if the work failed.
    pub is_error: bool,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// Linked traces and spans.
    pub links: Vec<(String, String)>,
    /// Its duration in nanoseconds.
    pub nanoseconds: u64,
}

impl Collected {
    /// Returns an attribute, or "".
    #[must_use]
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

impl Collector {
    /// Starts a collector.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = spans.clone();
        serve(listener, move |request| take(request, kept.clone()));
        Self { url, spans }
    }

    /// Returns the spans received so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Collected> {
        self.spans.lock().unwrap().clone()
    }

    /// Returns the spans of this trace received so far.
    #[must_use]
    pub fn trace(&self, trace: &str) -> Vec<Collected> {
        self.spans().into_iter().filter(|span| span.trace == trace).collect()
    }
}

async fn take(request: Request<Incoming>, kept: Arc<Mutex<Vec<Collected>>>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/traces"));
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let export = ExportTraceServiceRequest::decode(body).unwrap();
    for of_resource in export.resource_spans {
        let resource = attributes(of_resource.resource.unwrap().attributes);
        for span in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
            kept.lock().unwrap().push(collected(resource["service.name"].clone(), span));
        }
    }
    Ok(Response::new(Full::default()))
}

fn collected(service: String, span: Span) -> Collected {
    let kind = span.kind();
    Collected {
        service,
        kind,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        is_error: span.status.is_some_and(|status| status.code() == StatusCode::Error),
        attributes: attributes(span.attributes),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        nanoseconds: span.end_time_unix_nano.checked_sub(span.start_time_unix_nano).unwrap(),
        name: span.name,
    }
}

fn attributes(list: Vec<KeyValue>) -> BTreeMap<String, String> {
    list.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
