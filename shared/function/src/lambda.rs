//! AWS Lambda: the same service behind a function URL, and for whoever invokes the function with an event: `EventBridge`, or a caller of the
//! API of Lambda.

use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use lambda_http::request::RequestContext;
use lambda_http::tower::service_fn;
use lambda_http::{Body, RequestExt};
use serde_json::{Map, Value};

use crate::body::boxed;
use crate::cloud_event::STRUCTURED;
use crate::guard::Trust;
use crate::service::Service;
use crate::{Request, full};

/// Serves until the runtime ends. Needs the variables of the Lambda runtime, which the platform sets.
///
/// # Errors
/// The Runtime API is away.
pub(crate) async fn serve(service: Service) -> Result<(), lambda_http::Error> {
    lambda_http::run(service_fn(move |request: lambda_http::Request| {
        let service = service.clone();
        async move {
            let is_event = matches!(request.request_context_ref(), Some(RequestContext::PassThrough));
            let (mut request, trust) = if is_event { (event(request.body()), Trust::Delivery) } else { (request.map(boxed), Trust::Named) };
            request.extensions_mut().insert(trust);
            let response = service.handle(request).await;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            // Between two invocations the process is frozen, and nothing is sent: whoever collects traces pays with this wait for
            // having them at once.
            service.app().traces.flush().await;
            if !is_event {
                // lambda_http sends text as it is and anything else as base64, by the content type.
                return Ok(http::Response::from_parts(parts, Body::from(body.to_vec())));
            }
            let text = String::from_utf8_lossy(&body).into_owned();
            if parts.status.is_server_error() {
                // As an answer it would be a success, and the event lost. As an error it is tried again, as the invoker's settings say.
                return Err(lambda_http::Error::from(format!("{} {text}", parts.status)));
            }
            if parts.status != StatusCode::OK {
                tracing::error!(status = %parts.status, answer = text, "an event was refused; it would be the next time, too");
            }
            Ok(http::Response::from_parts(parts, Body::from(text)))
        }
    }))
    .await
}

/// The request that an event is. IAM says who may invoke the function, so an event needs no token and may be a fact.
fn event(payload: &Body) -> Request {
    let payload = serde_json::from_slice(payload.as_ref()).unwrap_or_default();
    let mut request = Request::new(full(cloud_event(payload).to_string()));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(STRUCTURED));
    request
}

/// The event of `EventBridge` (`detail-type` is the type) as a `CloudEvent`. What is one already, by itself or as `detail`, is taken as it is.
fn cloud_event(payload: Value) -> Value {
    let Value::Object(mut envelope) = payload else { return payload };
    let (Some(ty), Some(detail)) = (envelope.remove("detail-type"), envelope.remove("detail")) else { return Value::Object(envelope) };
    if detail.get("specversion").is_some() {
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
    use serde_json::json;

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
    }
}
