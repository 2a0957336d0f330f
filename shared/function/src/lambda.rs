//! AWS Lambda: the same service behind a function URL.

use http_body_util::BodyExt;
use lambda_http::tower::service_fn;

use crate::service::{Service, boxed};

/// Serves a function URL until the runtime ends. Needs the variables of the Lambda runtime, which the platform sets.
///
/// # Errors
/// The Runtime API is away.
pub(crate) async fn serve(service: Service) -> Result<(), lambda_http::Error> {
    lambda_http::run(service_fn(move |request: lambda_http::Request| {
        let service = service.clone();
        async move {
            let response = service.handle(request.map(boxed)).await;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            // Between two invocations the process is frozen, and nothing is sent: whoever collects traces pays with this wait for
            // having them at once.
            service.app().traces.flush().await;
            // lambda_http sends text as it is and anything else as base64, by the content type.
            Ok::<_, lambda_http::Error>(http::Response::from_parts(parts, lambda_http::Body::from(body.to_vec())))
        }
    }))
    .await
}
