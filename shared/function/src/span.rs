//! Spans: the place of a request in a trace (W3C Trace Context), and its attributes.
//!
//! Every request has a span, and so has every event of a batch. Its ids are in its log lines, in forwarded calls and in announced events, with or
//! without a collector. With a collector ([`Traces`](crate::otlp::Traces)), the span is sent when the work has ended. Handlers need not know of it:
//! it applies to everything that runs inside its `scope`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cloudevents::{AttributesReader, Event};
use domain::Timestamp;
use domain::ambient::Ids;
use domain::event::{Origin, TRACEPARENT as EXTENSION, Topic};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use opentelemetry::trace::{Link, SpanContext, SpanKind, Status, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use store::Cause;
use tracing::Instrument;
use uuid::Uuid;

use crate::{App, cloud_event};

/// Header with the caller's correlation id.
pub const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");
/// Header with the caller's span.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static CURRENT: Span;
}

/// Returns the origin of announced events: the current request, or a new one for work without a caller.
pub(crate) fn origin(app: &App, function: &'static str) -> Origin {
    let current = CURRENT.try_with(|span| Origin { function, ..span.origin() });
    current.unwrap_or_else(|_| {
        let correlation_id = app.ids.next().to_string();
        Origin { function, correlation_id, traceparent: Some(written(&within(&*app.ids, None))) }
    })
}

/// Adds the current request's span to the headers of a call; does nothing without one.
pub(crate) fn propagate(headers: &mut HeaderMap) {
    let _ = CURRENT.try_with(|span| span.propagate(headers));
}

/// Returns the origin of the events that an event causes.
pub(crate) fn origin_of_event(app: &App, function: &'static str, event: &Event) -> Origin {
    let correlation_id = correlation_of(event);
    let current = CURRENT.try_with(|span| written(&span.state().context));
    let traceparent = current.unwrap_or_else(|_| written(&within(&*app.ids, parent_of(event).as_ref())));
    Origin { function, correlation_id, traceparent: Some(traceparent) }
}

/// The span of the current request. Work that runs elsewhere, such as in a batch with other requests, carries it along.
#[derive(Clone)]
pub struct Current(Option<Span>);

impl Current {
    /// Returns the span of the current request, or an empty value outside of a request.
    #[must_use]
    pub fn get() -> Self {
        Self(CURRENT.try_with(Span::clone).ok())
    }

    /// Returns the origin of the events that this work announces. If an earlier change caused it, they continue that change's trace.
    #[must_use]
    pub fn origin(&self, app: &App, function: &'static str, cause: Option<Cause>) -> Origin {
        match (&self.0, cause) {
            (Some(span), cause) => {
                if let Some(cause) = cause {
                    span.resume(&cause);
                }
                Origin { function, ..span.origin() }
            }
            (None, Some(cause)) => Origin { function, correlation_id: cause.correlation_id, traceparent: Some(cause.traceparent) },
            (None, None) => origin(app, function),
        }
    }
}

/// Facts about work when it begins.
pub(crate) struct About {
    /// True if a collector is configured. Attributes are built only then.
    is_collected: bool,
    began: Timestamp,
    name: String,
    kind: SpanKind,
    parent: Option<SpanContext>,
    link: Option<SpanContext>,
    correlation_id: Option<String>,
    attributes: Vec<KeyValue>,
}

impl About {
    fn new(app: &App, kind: SpanKind, parent: Option<SpanContext>) -> Self {
        Self {
            is_collected: app.traces.are_collected(),
            began: app.now(),
            name: String::new(),
            kind,
            parent,
            link: None,
            correlation_id: None,
            attributes: Vec::new(),
        }
    }

    /// Describes a request by its head.
    pub(crate) fn request(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let correlation_id = text(CORRELATION).filter(|id| cloud_event::is_correlation_id(id)).map(str::to_owned);
        let mut about = Self { correlation_id, ..Self::new(app, SpanKind::Server, text(TRACEPARENT).and_then(read)) };
        if about.is_collected {
            // All unknown methods share one name, because each new name would be a new kind of span.
            let method = if is_known(method) { method.as_str() } else { "_OTHER" };
            method.clone_into(&mut about.name);
            about.tell("http.request.method", method.to_owned());
            about.tell("url.path", path.to_owned());
        }
        about
    }

    /// Describes an event of a batch.
    fn item(app: &App, batch: &Span, event: &Event, topic: Option<Topic>) -> Self {
        let mut about = Self::new(app, SpanKind::Consumer, Some(batch.state().context.clone()));
        about.event(event, topic);
        about
    }

    /// Sets the path in the table of routes.
    pub(crate) fn route(&mut self, route: Option<&'static str>) {
        if self.is_collected
            && let Some(route) = route
        {
            self.name.push(' ');
            self.name.push_str(route);
            self.tell("http.route", route);
        }
    }

    /// Sets the handled event; `topic` is its topic. The event's origin becomes the parent, because the request may come from a broker without a
    /// trace. If the request's caller belongs to the same trace, the caller becomes the parent, because it is nearer.
    pub(crate) fn event(&mut self, event: &Event, topic: Option<Topic>) {
        self.kind = SpanKind::Consumer;
        self.correlation_id = Some(correlation_of(event));
        if let Some(writer) = parent_of(event)
            && self.parent.as_ref().is_none_or(|caller| caller.trace_id() != writer.trace_id())
        {
            self.link = self.parent.replace(writer);
        }
        if self.is_collected {
            self.name = format!("process {}", topic.map_or("unknown", Topic::as_str));
            self.tell("messaging.system", "cloudevents");
            self.tell("messaging.operation.name", "process");
            self.tell("messaging.operation.type", "process");
            if let Some(topic) = topic {
                self.tell("messaging.destination.name", topic.as_str());
            }
            self.tell("messaging.message.id", event.id().to_owned());
            self.tell("cloudevents.event_type", event.ty().to_owned());
            self.tell("cloudevents.event_source", event.source().clone());
            if let Some(subject) = event.subject() {
                self.tell("cloudevents.event_subject", subject.to_owned());
            }
        }
    }

    /// Sets the calling job.
    pub(crate) fn job(&mut self, function: &'static str, job: &str) {
        self.kind = SpanKind::Consumer;
        if self.is_collected {
            self.name = format!("job {function}");
            self.tell("messaging.operation.type", "process");
            self.tell("taskflow.job", job.to_owned());
        }
    }

    fn tell(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(name, value));
    }
}

/// Work in progress. It ends with the last clone, and is sent then if there is a collector.
#[derive(Clone)]
pub(crate) struct Span(Arc<Work>);

struct Work {
    app: Arc<App>,
    function: &'static str,
    log: tracing::Span,
    state: Mutex<State>,
}

struct State {
    about: About,
    context: SpanContext,
    correlation_id: String,
    status: Status,
}

impl Span {
    /// Begins the span of a function's work.
    pub(crate) fn begin(app: &Arc<App>, function: &'static str, mut about: About) -> Self {
        let context = within(&*app.ids, about.parent.as_ref());
        let correlation_id = about.correlation_id.take().unwrap_or_else(|| match &about.parent {
            Some(_) => app.ids.next().to_string(),
            // A trace that begins here supplies the correlation id.
            None => Uuid::from_bytes(context.trace_id().to_bytes()).to_string(),
        });
        // A span of the error level exists with every filter of RUST_LOG.
        let log = tracing::error_span!(parent: None, "request", function, correlation_id, trace_id = %context.trace_id());
        let state = Mutex::new(State { about, context, correlation_id, status: Status::Unset });
        Self(Arc::new(Work { app: app.clone(), function, log, state }))
    }

    /// Begins the span of an event of a batch.
    pub(crate) fn item(&self, event: &Event, topic: Option<Topic>) -> Self {
        let Work { app, function, .. } = &*self.0;
        Self::begin(app, function, About::item(app, self, event, topic))
    }

    /// Runs the work inside the span.
    pub(crate) async fn scope<T>(&self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), work.instrument(self.0.log.clone())).await
    }

    /// Returns the origin of announced events.
    fn origin(&self) -> Origin {
        let state = self.state();
        Origin { function: self.0.function, correlation_id: state.correlation_id.clone(), traceparent: Some(written(&state.context)) }
    }

    /// Adds the span to the headers of a forwarded request.
    pub(crate) fn propagate(&self, headers: &mut HeaderMap) {
        let state = self.state();
        for (name, value) in [(TRACEPARENT, written(&state.context)), (CORRELATION, state.correlation_id.clone())] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }

    /// Adds the correlation id to the response.
    pub(crate) fn tell_correlation(&self, headers: &mut HeaderMap) {
        let state = self.state();
        let id = Some(&state.correlation_id).filter(|id| cloud_event::is_correlation_id(id));
        if let Some(id) = id.and_then(|id| HeaderValue::try_from(id).ok()) {
            headers.insert(CORRELATION, id);
        }
    }

    /// Records the response's status.
    pub(crate) fn answered(&self, status: StatusCode) {
        let mut state = self.state();
        if state.about.is_collected {
            state.about.tell("http.response.status_code", i64::from(status.as_u16()));
        }
        state.ended(status);
    }

    /// Records that an event of a batch failed.
    pub(crate) fn failed(&self, status: StatusCode) {
        self.state().ended(status);
    }

    /// Continues the trace of an earlier change.
    fn resume(&self, cause: &Cause) {
        let Some(parent) = read(&cause.traceparent) else { return };
        let mut state = self.state();
        let context = SpanContext::new(parent.trace_id(), state.context.span_id(), parent.trace_flags(), false, TraceState::NONE);
        self.0.log.record("trace_id", tracing::field::display(context.trace_id()));
        self.0.log.record("correlation_id", &*cause.correlation_id);
        state.context = context;
        state.correlation_id.clone_from(&cause.correlation_id);
        if let Some(caller) = state.about.parent.replace(parent) {
            state.about.link.get_or_insert(caller);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A caller's error is not an error of the work; a failed delivery is.
    fn ended(&mut self, status: StatusCode) {
        let is_caller = self.about.kind == SpanKind::Server;
        if status.is_server_error() || (!is_caller && status.is_client_error()) {
            self.status = Status::error("");
            if self.about.is_collected {
                self.about.tell("error.type", status.as_str().to_owned());
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.about.is_collected || !state.context.is_sampled() {
            return;
        }
        if std::thread::panicking() {
            state.status = Status::error("panicked");
        }
        state.about.tell("taskflow.correlation_id", state.correlation_id.clone());
        let mut links = SpanLinks::default();
        links.links.extend(state.about.link.take().map(Link::with_context));
        let parent = state.about.parent.take();
        let span = SpanData {
            span_context: state.context.clone(),
            parent_span_id: parent.as_ref().map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: parent.is_some_and(|parent| parent.is_remote()),
            span_kind: state.about.kind.clone(),
            name: std::mem::take(&mut state.about.name).into(),
            start_time: system_time(state.about.began),
            end_time: system_time(self.app.now()),
            attributes: std::mem::take(&mut state.about.attributes),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: std::mem::replace(&mut state.status, Status::Unset),
            instrumentation_scope: InstrumentationScope::builder("taskflow").with_version(env!("CARGO_PKG_VERSION")).build(),
        };
        self.app.traces.put(self.function, span);
    }
}

fn is_known(method: &Method) -> bool {
    [&Method::GET, &Method::HEAD, &Method::POST, &Method::PUT, &Method::DELETE, &Method::PATCH, &Method::OPTIONS].contains(&method)
}

/// Returns the correlation id of the call that caused this event.
pub(crate) fn correlation_of(event: &Event) -> String {
    let own = cloud_event::extension(event, domain::event::CORRELATION_ID);
    own.filter(|id| cloud_event::is_correlation_id(id)).unwrap_or_else(|| event.id().to_owned())
}

fn parent_of(event: &Event) -> Option<SpanContext> {
    read(&cloud_event::extension(event, EXTENSION)?)
}

/// Creates a span inside this one, or in a new trace.
fn within(ids: &dyn Ids, parent: Option<&SpanContext>) -> SpanContext {
    // The low half of a UUIDv7 is random, as a span id must be.
    let [_, _, _, _, _, _, _, _, span @ ..] = ids.next().into_bytes();
    let (trace, flags) = match parent {
        Some(parent) => (parent.trace_id(), parent.trace_flags()),
        None => (TraceId::from_bytes(ids.next().into_bytes()), TraceFlags::SAMPLED),
    };
    SpanContext::new(trace, SpanId::from_bytes(span), flags, false, TraceState::NONE)
}

/// Writes W3C Trace Context, version 00: `00-<32 hex>-<16 hex>-<2 hex>`.
fn written(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags())
}

/// Parses the same form: lower case, and no id of zeros.
fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let is_hex = |part: &&str| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        parts.next().filter(is_hex)
    };
    let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    if version != "00" || parts.next().is_some() {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let context = SpanContext::new(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

fn system_time(moment: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(moment.as_microsecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::RandomIds;

    #[test]
    fn a_trace_context_is_read_as_it_is_written() {
        let parent = read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        let child = within(&RandomIds, Some(&parent));
        assert_eq!((child.trace_id(), child.is_sampled()), (parent.trace_id(), true));
        assert_ne!(child.span_id(), parent.span_id());
        assert_eq!(read(&written(&child)).unwrap().span_id(), child.span_id());
        assert!(!within(&RandomIds, read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").as_ref()).is_sampled());
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-01",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
