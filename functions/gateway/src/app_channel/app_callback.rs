//! The app channel of the sidecar: Dapr's gRPC service `AppCallback` (`dapr/proto/runtime/v1/appcallback.proto`). Its calls become requests to the
//! service behind it, and the statuses of the answers become gRPC statuses.
//!
//! The channel is not HTTP, because daprd 1.18 loses records over HTTP. All its calls to the app share the handler of a pipeline, so daprd
//! may report the failure of one call to another. If no failure reaches a call, daprd treats it as a 200. When the app was killed under
//! load, daprd acknowledged records and jobs that the app never received.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use dapr::dapr::proto::runtime::v1::topic_event_bulk_request_entry::Event;
use dapr::dapr::proto::runtime::v1::topic_event_response::TopicEventResponseStatus;
use dapr::dapr::proto::runtime::v1::{
    BindingEventRequest, BindingEventResponse, JobEventRequest, JobEventResponse, TopicEventBulkRequest, TopicEventBulkRequestEntry,
    TopicEventBulkResponse, TopicEventBulkResponseEntry, TopicEventRequest, TopicEventResponse,
};
use domain::event::Topic;
use domain::routes::GATEWAY;
use function::body::collect;
use function::guard::Trust;
use function::service::{Service, TRACEPARENT};
use function::{App, Function, Request, Response, full, host};
use futures_util::stream::{self, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::GracefulShutdown;
use prost::Message;
use tokio::net::TcpListener;
use tonic::server::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::channel::{Channel, DELIVERIES, JOBS, TOKEN};
use super::oversize::{DECODED_MAX, Records, bounded};

/// Maximum deliveries in progress on one connection; daprd opens another connection for each hundred.
const STREAMS_MAX: u32 = 1024;
/// Maximum bytes of a call's metadata, which has the key and the headers of a pub/sub record: up to an escaped Kafka record.
const METADATA_MAX: u32 = 16 * 1024 * 1024;
/// The data fields of records in `BindingEventRequest`, `TopicEventRequest` and the entries of `TopicEventBulkRequest`. The data of a
/// `JobEventRequest` is not read.
const BINDING: Records = Records::One { data: 2 };
const TOPIC: Records = Records::One { data: 7 };
const JOB: Records = Records::One { data: 0 };
const BULK: Records = Records::Many { entries: 2, data: 2 };
/// Maximum records of a bulk that are handed over in parallel.
const LANES_MAX: usize = 64;
/// Metadata with a record's key.
const KEY: &str = "__key";
/// Maximum characters of a refusal's message.
const DETAIL_MAX: usize = 500;

type Answer = http::Response<tonic::body::Body>;

/// Serves the sidecar's calls until the stop, then waits for calls in progress.
pub(crate) async fn serve(listener: TcpListener, app: Arc<App>, channel: Arc<Channel>) {
    let stopping = app.stopping.clone();
    let function = Function::new(GATEWAY).fallback(move |app, request| {
        let channel = channel.clone();
        async move { channel.answer(&app, request).await }
    });
    let service = match Service::new(app, function) {
        Ok(service) => service,
        Err(error) => return tracing::error!(%error, "the sidecar's port cannot be served"),
    };
    let graceful = GracefulShutdown::new();
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.max_concurrent_streams(STREAMS_MAX).max_header_list_size(METADATA_MAX);
    loop {
        let stream = tokio::select! {
            stream = host::accept(&listener) => stream,
            () = stopping.cancelled() => break,
        };
        let service = service.clone();
        let call = hyper::service::service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(answer(service, request).await) }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), call));
        tokio::spawn(async move {
            // A disconnect of the sidecar is not an error here.
            let _ = connection.await;
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn answer(service: Service, request: http::Request<Incoming>) -> Answer {
    match request.uri().path() {
        "/dapr.proto.runtime.v1.AppCallback/OnBindingEvent" => {
            unary::<_, BindingEventResponse>(service, request, BINDING, of_binding).await
        }
        "/dapr.proto.runtime.v1.AppCallback/OnBulkTopicEvent" => bulk(service, request).await,
        // A subscription without bulk, because daprd drops records of a method that the app does not implement.
        "/dapr.proto.runtime.v1.AppCallback/OnTopicEvent" => unary::<_, TopicEventResponse>(service, request, TOPIC, of_topic).await,
        "/dapr.proto.runtime.v1.AppCallback/OnJobEvent" | "/dapr.proto.runtime.v1.AppCallbackAlpha/OnJobEventAlpha1" => {
            unary::<_, JobEventResponse>(service, request, JOB, of_job).await
        }
        other => Status::unimplemented(other).into_http(),
    }
}

/// Answers a call with an empty message if the service accepts it.
async fn unary<Q, A>(
    service: Service,
    request: http::Request<Incoming>,
    records: Records,
    read: fn(Q, &HeaderMap) -> Option<Request>,
) -> Answer
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    let request = match bounded(request, records).await {
        Ok(request) => request,
        Err(refusal) => return refusal.into_http(),
    };
    let taking = tower::service_fn(|asked: tonic::Request<Q>| {
        let service = service.clone();
        async move {
            let (metadata, _, asked) = asked.into_parts();
            let request =
                read(asked, &metadata.into_headers()).ok_or_else(|| Status::not_found("no binding, topic or job has this name"))?;
            match refusal(service.handle(request).await).await {
                None => Ok(tonic::Response::new(A::default())),
                Some(refusal) => Err(refusal),
            }
        }
    });
    let codec = ProstCodec::<A, Q>::default();
    Grpc::new(codec).apply_max_message_size_config(Some(DECODED_MAX), None).unary(taking, request).await
}

/// Answers the records of a bulk, with a status for each. Records of different keys are handed over in parallel. Those of one key are handed over in
/// order, up to the first that is not accepted.
async fn bulk(service: Service, request: http::Request<Incoming>) -> Answer {
    let request = match bounded(request, BULK).await {
        Ok(request) => request,
        Err(refusal) => return refusal.into_http(),
    };
    let taking = tower::service_fn(|asked: tonic::Request<TopicEventBulkRequest>| {
        let service = service.clone();
        async move {
            let (metadata, _, bulk) = asked.into_parts();
            let (metadata, path) = (metadata.into_headers(), bulk.path);
            let ids: Vec<String> = bulk.entries.iter().map(|entry| entry.entry_id.clone()).collect();
            let mut lanes: HashMap<String, Vec<TopicEventBulkRequestEntry>> = HashMap::new();
            for entry in bulk.entries {
                lanes.entry(entry.metadata.get(KEY).cloned().unwrap_or_default()).or_default().push(entry);
            }
            let taken = stream::iter(lanes.into_values()).map(|lane| take(&service, &path, &metadata, lane));
            let taken: HashSet<String> = taken.buffer_unordered(LANES_MAX).flat_map(stream::iter).collect().await;
            let status = |id: &String| if taken.contains(id) { TopicEventResponseStatus::Success } else { TopicEventResponseStatus::Retry };
            let statuses = ids.into_iter().map(|id| TopicEventBulkResponseEntry { status: status(&id).into(), entry_id: id }).collect();
            Ok(tonic::Response::new(TopicEventBulkResponse { statuses }))
        }
    });
    let codec = ProstCodec::<TopicEventBulkResponse, TopicEventBulkRequest>::default();
    Grpc::new(codec).apply_max_message_size_config(Some(DECODED_MAX), None).unary(taking, request).await
}

/// Hands over the records of one key, and returns the ids of the accepted ones.
async fn take(service: &Service, path: &str, metadata: &HeaderMap, lane: Vec<TopicEventBulkRequestEntry>) -> Vec<String> {
    let mut taken = Vec::with_capacity(lane.len());
    for entry in lane {
        let id = entry.entry_id.clone();
        let Some(request) = of_entry(entry, path, metadata) else { break };
        if refusal(service.handle(request).await).await.is_some() {
            break;
        }
        taken.push(id);
    }
    taken
}

/// Reads a record delivered by the binding `<consumer>-<topic>`.
fn of_binding(binding: BindingEventRequest, metadata: &HeaderMap) -> Option<Request> {
    let name = binding.name;
    let consumer = |topic: &Topic| name.strip_suffix(topic.as_str())?.strip_suffix('-').map(|consumer| format!("{consumer}/{topic}"));
    let delivery = Topic::ALL.iter().find_map(consumer)?;
    request(&format!("{DELIVERIES}{delivery}"), with_record(of_sidecar(metadata), as_text(&binding.metadata)), binding.data)
}

/// Reads a record of a subscription with `rawPayload`, unchanged from Kafka.
fn of_topic(event: TopicEventRequest, metadata: &HeaderMap) -> Option<Request> {
    let of_record = metadata.iter().filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?)));
    request(&event.path, with_record(of_sidecar(metadata), of_record), event.data)
}

/// Reads such a record from a bulk.
fn of_entry(entry: TopicEventBulkRequestEntry, path: &str, metadata: &HeaderMap) -> Option<Request> {
    let data = match entry.event {
        Some(Event::Bytes(bytes)) => bytes,
        Some(Event::CloudEvent(event)) => event.data,
        // It did not fit. daprd delivers it again.
        None => return None,
    };
    request(path, with_record(of_sidecar(metadata), as_text(&entry.metadata)), data)
}

fn of_job(job: JobEventRequest, metadata: &HeaderMap) -> Option<Request> {
    let name = job.name;
    request(&format!("{JOBS}{name}"), of_sidecar(metadata), Vec::new())
}

fn request(path: &str, headers: HeaderMap, body: Vec<u8>) -> Option<Request> {
    let mut request = http::Request::builder().method(Method::POST).uri(path).body(full(Bytes::from(body))).ok()?;
    *request.headers_mut() = headers;
    // The channel checks the sidecar's token instead.
    request.extensions_mut().insert(Trust::Checked);
    Some(request)
}

/// Returns the sidecar's own headers of the call: the trace, and its token, which it appends after a record header of the same name.
fn of_sidecar(metadata: &HeaderMap) -> HeaderMap {
    let token = metadata.get_all(TOKEN).iter().next_back().map(|token| (TOKEN, token.clone()));
    let trace = metadata.get(TRACEPARENT).map(|trace| (TRACEPARENT, trace.clone()));
    token.into_iter().chain(trace).collect()
}

/// Adds the record's own metadata: its position in Kafka, and the attributes of an event in binary mode. The components escape values as in a query
/// string; HTTP uses percent-encoding. Metadata that does not fit into headers is not an event's.
fn with_record<'a>(mut headers: HeaderMap, metadata: impl Iterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    for (name, value) in metadata {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value.replace('+', "%20"))) else { continue };
        if ["__", "ce_", "ce-"].iter().any(|prefix| name.as_str().starts_with(prefix)) {
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

fn as_text(metadata: &HashMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Returns why the service refused. A job with 404 is not called again; a record is delivered again after any refusal.
async fn refusal(response: Response) -> Option<Status> {
    let status = response.status();
    let code = match status {
        _ if status.is_success() => return None,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        _ => Code::Internal,
    };
    let said = collect(response.into_body()).await.unwrap_or_default();
    let said: String = String::from_utf8_lossy(&said).chars().take(DETAIL_MAX).collect();
    Some(Status::new(code, format!("{status} {said}")))
}
