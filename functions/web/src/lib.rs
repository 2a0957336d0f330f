//! Serves the page and its assets, which are part of the binary, and the OpenAPI and AsyncAPI documents.
//!
//! Everything has an `ETag` and is asked for again each time (`no-cache`): a new version is seen at once, and what has not changed
//! costs a 304.

use std::fmt::Write;
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;
use domain::routes;
use function::{App, Error, Function, Request, Response, full};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

/// What the page may do: its own script, style, images and calls (which covers its own WebSocket), and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What anything else may do, if somebody opens it as a page: an SVG is a document of its own.
const POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'";

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::WEB).raw("page", page).raw("asset", asset).raw("openapi", openapi).raw("asyncapi", asyncapi)
}

/// Something to serve that does not change while the process runs.
struct Document {
    content_type: &'static str,
    policy: &'static str,
    body: Bytes,
    etag: String,
}

impl Document {
    fn new(content_type: &'static str, policy: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let etag = etag(&body);
        Self { content_type, policy, body, etag }
    }

    fn asset(content_type: &'static str, body: &'static [u8]) -> Self {
        Self::new(content_type, POLICY, Bytes::from_static(body))
    }

    /// The whole of it, or 304 for a caller that has it.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let is_known = is_known(asked, &self.etag);
        let mut response = Response::new(full(if is_known { Bytes::new() } else { self.body.clone() }));
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: &str| headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        set(header::ETAG, &self.etag);
        set(header::CACHE_CONTROL, "no-cache");
        set(header::CONTENT_SECURITY_POLICY, self.policy);
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::REFERRER_POLICY, "no-referrer");
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            set(header::CONTENT_TYPE, self.content_type);
        }
        response
    }
}

static PAGE: LazyLock<Document> =
    LazyLock::new(|| Document::new("text/html; charset=utf-8", PAGE_POLICY, Bytes::from_static(include_bytes!("../assets/index.html"))));

static ASSETS: LazyLock<[(&str, Document); 3]> = LazyLock::new(|| {
    [
        ("app.js", Document::asset("text/javascript; charset=utf-8", include_bytes!("../assets/app.js"))),
        ("style.css", Document::asset("text/css; charset=utf-8", include_bytes!("../assets/style.css"))),
        ("icon.svg", Document::asset("image/svg+xml", include_bytes!("../assets/icon.svg"))),
    ]
});

async fn page(_: Arc<App>, request: Request) -> Response {
    PAGE.answer(request.headers())
}

async fn asset(_: Arc<App>, request: Request) -> Response {
    let path = request.uri().path();
    let name = path.strip_prefix("/assets/").unwrap_or_default();
    match ASSETS.iter().find(|(own, _)| *own == name) {
        Some((_, document)) => document.answer(request.headers()),
        None => Error::NotFound(format!("there is nothing at {path}")).into_response(path),
    }
}

async fn openapi(_: Arc<App>, request: Request) -> Response {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| Document::new("application/json", POLICY, contract::openapi().to_string())).answer(request.headers())
}

async fn asyncapi(_: Arc<App>, request: Request) -> Response {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| Document::new("application/json", POLICY, contract::asyncapi().to_string())).answer(request.headers())
}

/// A strong tag: the SHA-256 of the content.
fn etag(body: &[u8]) -> String {
    let mut tag = String::with_capacity(66);
    tag.push('"');
    for byte in Sha256::digest(body) {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Whether `If-None-Match` names this tag; weak and strong tags compare alike (RFC 9110, 13.1.2).
fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let values = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use function::BoxError;
    use function::service::Service;
    use function::settings::Settings;
    use http_body_util::BodyExt;
    use std::net::{IpAddr, Ipv4Addr};

    const INDEX: &str = include_str!("../assets/index.html");
    const SCRIPT: &str = include_str!("../assets/app.js");

    fn service(token: Option<&str>) -> Result<Service, BoxError> {
        let lookup = |name: &str| token.filter(|_| name == "TASKFLOW_API_TOKEN").map(str::to_owned);
        let settings = Settings::read(&lookup, IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        Ok(Service::new(Arc::new(App::alone(settings)?), function())?)
    }

    async fn get(service: &Service, path: &str, if_none_match: Option<&str>) -> Result<(StatusCode, HeaderMap, String), BoxError> {
        let mut request = http::Request::get(path);
        if let Some(tags) = if_none_match {
            request = request.header(header::IF_NONE_MATCH, tags);
        }
        let (parts, body) = service.handle(request.body(full(""))?).await.into_parts();
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        Ok((parts.status, parts.headers, body))
    }

    fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[tokio::test]
    async fn everything_has_its_type_and_a_tag_and_is_not_sent_twice() -> Result<(), BoxError> {
        let service = service(None)?;
        for (path, content_type) in [
            ("/", "text/html; charset=utf-8"),
            ("/assets/app.js", "text/javascript; charset=utf-8"),
            ("/assets/style.css", "text/css; charset=utf-8"),
            ("/assets/icon.svg", "image/svg+xml"),
            ("/openapi.json", "application/json"),
            ("/asyncapi.json", "application/json"),
        ] {
            let (status, headers, body) = get(&service, path, None).await?;
            assert_eq!((status, value(&headers, &header::CONTENT_TYPE)), (StatusCode::OK, content_type), "{path}");
            assert_eq!(value(&headers, &header::CACHE_CONTROL), "no-cache", "{path}");
            assert_eq!(value(&headers, &header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
            assert!(value(&headers, &header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; "), "{path}");
            assert!(!body.is_empty(), "{path}");
            let tag = value(&headers, &header::ETAG);
            for tags in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
                let (status, headers, body) = get(&service, path, Some(&tags)).await?;
                assert_eq!((status, value(&headers, &header::ETAG), body.as_str()), (StatusCode::NOT_MODIFIED, tag, ""), "{path} {tags}");
            }
            assert_eq!(get(&service, path, Some("\"other\"")).await?.0, StatusCode::OK, "{path}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_is_not_there_is_a_problem() -> Result<(), BoxError> {
        let service = service(None)?;
        for path in ["/assets/index.html", "/assets/nothing.js", "/assets/..%2Fapp.js", "/assets/app.js/"] {
            let (status, headers, _) = get(&service, path, None).await?;
            assert_eq!((status, value(&headers, &header::CONTENT_TYPE)), (StatusCode::NOT_FOUND, "application/problem+json"), "{path}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn the_page_needs_no_token_and_the_documents_do() -> Result<(), BoxError> {
        let service = service(Some("correct-horse"))?;
        for path in ["/", "/assets/app.js"] {
            assert_eq!(get(&service, path, None).await?.0, StatusCode::OK, "{path}");
        }
        for path in ["/openapi.json", "/asyncapi.json"] {
            assert_eq!(get(&service, path, None).await?.0, StatusCode::UNAUTHORIZED, "{path}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_the_page_asks_for_is_served() -> Result<(), BoxError> {
        let service = service(None)?;
        let paths: Vec<String> =
            INDEX.split("\"/assets/").skip(1).filter_map(|rest| rest.split('"').next()).map(|name| format!("/assets/{name}")).collect();
        assert!(paths.len() >= 3, "{paths:?}");
        for path in paths {
            assert_eq!(get(&service, &path, None).await?.0, StatusCode::OK, "{path}");
        }
        Ok(())
    }

    #[test]
    fn the_page_keeps_to_its_policy() {
        for inline in ["<style", " style=", " onclick=", " onload=", " onsubmit=", "javascript:", "http://", "https://"] {
            assert!(!INDEX.contains(inline), "{inline}");
        }
        assert_eq!(INDEX.matches("<script").count(), INDEX.matches("<script type=\"module\" src=\"/assets/").count());
        for unsafe_call in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
            assert!(!SCRIPT.contains(unsafe_call), "{unsafe_call}");
        }
    }
}
