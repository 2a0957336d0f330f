//! AWS Lambda: the same service behind a function URL, an API of API Gateway or a load balancer, and for invocations with events by `EventBridge`, an
//! SQS queue, or the API of Lambda.

use http::{HeaderValue, Method, header};
use http_body_util::BodyExt;
use lambda_http::request::RequestContext;
use lambda_http::tower::service_fn;
use lambda_http::{Body, RequestExt};
use serde_json::{Map, Value, json};

use crate::body::boxed;
use crate::cloud_event::STRUCTURED;
use crate::guard::Trust;
use crate::service::Service;
use crate::{Request, full};

/// Suffix of the name of an ordered queue (SQS FIFO).
const FIFO: &str = ".fifo";

/// Serves until the runtime ends. Needs the variables of the Lambda runtime, which the platform sets.
///
/// # Errors
/// The Runtime API is unavailable.
pub(crate) async fn serve(service: Service) -> Result<(), lambda_http::Error> {
    lambda_http::run(service_fn(move |request: lambda_http::Request| {
        let service = service.clone();
        async move {
            let answer = if matches!(request.request_context_ref(), Some(RequestContext::PassThrough)) {
                invoked(&service, serde_json::from_slice(request.body().as_ref()).unwrap_or_default()).await
            } else {
                called(&service, request).await
            };
            // The process is frozen between invocations, and sends nothing then. With a collector, each invocation waits for its spans to be sent.
            service.app().traces.flush().await;
            answer
        }
    }))
    .await
}

type Answer = Result<http::Response<Body>, lambda_http::Error>;

/// Handles an HTTP call: of a function URL, an HTTP or REST API, or a load balancer.
async fn called(service: &Service, mut request: lambda_http::Request) -> Answer {
    // For a REST API, lambda_http prefixes the path with the stage, as in the URL.
    if matches!(request.request_context_ref(), Some(RequestContext::ApiGatewayV1(_))) {
        let path = request.raw_http_path().to_owned();
        let path = request.uri().query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path.parse()?);
        *request.uri_mut() = http::Uri::from_parts(parts)?;
    }
    let mut request = request.map(boxed);
    request.extensions_mut().insert(Trust::Named);
    let (parts, body) = service.handle(request).await.into_parts();
    // lambda_http sends text unchanged and other types as base64, depending on the content type.
    Ok(http::Response::from_parts(parts, Body::from(body.collect().await?.to_bytes().to_vec())))
}

/// Handles an invocation with an event, or with the messages of a queue.
async fn invoked(service: &Service, payload: Value) -> Answer {
    let Some(messages) = messages(&payload) else {
        let (parts, text) = take(service, payload).await?;
        // The invoker would count an answer as a success, and the event would be lost. After an error, the invoker retries as configured,
        // and finally stores the event as a dead letter.
        if !parts.status.is_success() {
            return Err(lambda_http::Error::from(format!("{} {text}", parts.status)));
        }
        return Ok(http::Response::from_parts(parts, Body::from(text)));
    };
    let mut failures = Vec::new();
    for message in messages {
        // After a failure, later messages of an ordered queue have to wait.
        let is_behind = !failures.is_empty() && message["eventSourceARN"].as_str().is_some_and(|queue| queue.ends_with(FIFO));
        if is_behind || !take_message(service, message).await? {
            failures.push(json!({ "itemIdentifier": message["messageId"] }));
        }
    }
    Ok(http::Response::new(Body::from(json!({ "batchItemFailures": failures }).to_string())))
}

/// Returns the messages of SQS, if the payload has any. The event source mapping needs `ReportBatchItemFailures`.
fn messages(payload: &Value) -> Option<&Vec<Value>> {
    let records = payload.get("Records")?.as_array()?;
    records.iter().all(|record| record["eventSource"] == "aws:sqs" && record["messageId"].is_string()).then_some(records)
}

async fn take_message(service: &Service, message: &Value) -> Result<bool, lambda_http::Error> {
    let event = message["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let (parts, text) = take(service, event).await?;
    if !parts.status.is_success() {
        tracing::error!(status = %parts.status, answer = text, message = %message["messageId"], "a message could not be handled");
    }
    Ok(parts.status.is_success())
}

/// Passes an event to the function. IAM authorises invocations, so an event needs no token and may be a fact.
async fn take(service: &Service, payload: Value) -> Result<(http::response::Parts, String), lambda_http::Error> {
    let mut request = Request::new(full(cloud_event(payload).to_string()));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(STRUCTURED));
    request.extensions_mut().insert(Trust::Delivery);
    let (parts, body) = service.handle(request).await.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((parts, String::from_utf8_lossy(&body).into_owned()))
}

/// True if a value has the required attributes of an event.
fn is_event(value: &Value) -> bool {
    ["specversion", "id", "source", "type"].iter().all(|name| value[name].is_string())
}

/// Converts an `EventBridge` event (`detail-type` is the type) to a `CloudEvent`. A value that is one already, by itself or as `detail`, is
/// unchanged.
fn cloud_event(payload: Value) -> Value {
    let Value::Object(mut envelope) = payload else { return payload };
    let (Some(ty), Some(detail)) = (envelope.remove("detail-type"), envelope.remove("detail")) else { return Value::Object(envelope) };
    if is_event(&detail) {
        return detail;
    }
    let mut event = Map::new();
    event.insert("specversion".to_owned(), "1.0".into());
    event.insert("type".to_owned(), ty);
    for name in ["id", "source", "time"] {
        event.extend(envelope.remove(name).map(|value| (name.to_owned(), value)));
    }
    event.insert("data".to_owned(), detail);
    Value::Object(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_eventbridge_is_a_cloud_event() {
        let envelope = json!({
            "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "task.complete", "source": "shop",
            "account": "111122223333", "time": "2027-01-31T09:00:00Z", "region": "eu-central-1", "resources": [], "detail": { "task_id": 7 },
        });
        let event = json!({
            "specversion": "1.0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "type": "task.complete", "source": "shop",
            "time": "2027-01-31T09:00:00Z", "data": { "task_id": 7 },
        });
        assert_eq!(cloud_event(envelope.clone()), event);
        assert_eq!(cloud_event(event.clone()), event);
        let mut with_whole = envelope;
        with_whole["detail"] = event.clone();
        assert_eq!(cloud_event(with_whole), event);
        assert_eq!(cloud_event(json!([1])), json!([1]));
        // Data with a member of that name is still data.
        let mut with_member = json!({ "detail-type": "task.create", "source": "shop", "id": "1", "detail": { "specversion": "2" } });
        assert_eq!(cloud_event(with_member.take())["data"], json!({ "specversion": "2" }));
    }
}
