//! Serves the page and its assets, which are part of the binary, and the OpenAPI and AsyncAPI documents.
//!
//! Every response has an `ETag` and `no-cache`: a new version is visible at once, and an unchanged one costs a 304. The files of `assets/` are sent
//! compressed to callers that accept it, scripts and the style sheet without comments; `build.rs` prepares both. A debug build serves the current
//! content of an edited file.

mod prepare;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::routes;
use function::accept::is_known;
use function::{App, Error, Function, Request, Response, full};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use prepare::{PAGE, WORKER};
use sha2::{Digest, Sha256};

/// Policy of files that a browser may open as documents, such as SVG. Scripts, styles and pixels are not documents and have no policy, because a
/// first visit loads many of them.
const POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'";
/// Policy of the service worker: load its other script, call this service, show notifications with its own pictures.
const WORKER_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'";
/// Endings of files that are never documents.
const NO_DOCUMENTS: [&str; 4] = [".js", ".css", ".png", ".webmanifest"];
/// Bytes of the SHA-256 in a tag: enough to distinguish two contents of one file, and short in every response.
const TAG_BYTES: usize = 8;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::WEB).raw("page", page).raw("worker", worker).raw("asset", asset).raw("openapi", openapi).raw("asyncapi", asyncapi)
}

/// One form of a document, plain or compressed, with its own tag.
struct Form {
    /// Its `Content-Encoding`; `None` for the plain form.
    coding: Option<&'static str>,
    body: Bytes,
    etag: String,
}

impl Form {
    fn new(coding: Option<&'static str>, body: Bytes) -> Self {
        let etag = etag(&body);
        Self { coding, body, etag }
    }
}

/// A document that does not change while the process runs.
struct Document {
    content_type: &'static str,
    policy: Option<Cow<'static, str>>,
    plain: Form,
    /// Compressed forms, smallest first.
    compressed: Vec<Form>,
}

impl Document {
    fn made(content_type: &'static str, body: String) -> Self {
        Self { content_type, policy: Some(POLICY.into()), plain: Form::new(None, body.into()), compressed: Vec::new() }
    }

    fn asset(name: &str, plain: Bytes, compressed: &[(&'static str, &'static [u8])]) -> Self {
        let forms = compressed.iter().filter(|(_, body)| !body.is_empty());
        let compressed = forms.map(|(coding, body)| Form::new(Some(coding), Bytes::from_static(body))).collect();
        let is_document = !NO_DOCUMENTS.iter().any(|ending| name.ends_with(ending));
        let policy = match name {
            PAGE => Some(page_policy(&plain).into()),
            WORKER => Some(WORKER_POLICY.into()),
            _ => is_document.then(|| POLICY.into()),
        };
        Self { content_type: content_type(name), policy, plain: Form::new(None, plain), compressed }
    }

    /// Returns the document, or 304 for a caller that has it.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let form = self.compressed.iter().find(|form| form.coding.is_some_and(|coding| takes(asked, coding))).unwrap_or(&self.plain);
        let is_known = is_known(asked, &form.etag);
        let mut response = Response::new(full(if is_known { Bytes::new() } else { form.body.clone() }));
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: &str| headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        set(header::ETAG, &form.etag);
        set(header::CACHE_CONTROL, "no-cache");
        self.policy.iter().for_each(|policy| set(header::CONTENT_SECURITY_POLICY, policy));
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        // Not `no-referrer`: with that, some browsers send `Origin: null` even to the page's own origin, and the guard refuses it.
        if self.policy.is_some() {
            set(header::REFERRER_POLICY, "same-origin");
        }
        if !self.compressed.is_empty() {
            set(header::VARY, "Accept-Encoding");
        }
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        set(header::CONTENT_TYPE, self.content_type);
        if let Some(coding) = form.coding {
            set(header::CONTENT_ENCODING, coding);
        }
        response
    }
}

static ASSETS: LazyLock<HashMap<&str, Document>> = LazyLock::new(|| {
    let files = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
    let document = |name, plain, brotli, gzip| (name, Document::asset(name, Bytes::from_static(plain), &[("br", brotli), ("gzip", gzip)]));
    files.into_iter().map(|(name, plain, brotli, gzip)| document(name, plain, brotli, gzip)).collect()
});

/// Returns the current content of a file that was edited after the build.
fn edited(name: &str) -> Option<Document> {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets"));
    let is_there = prepare::names(folder).ok()?.iter().any(|own| own == name);
    let now = is_there.then(|| prepare::file(folder, name).ok()).flatten()?;
    ASSETS.get(name).is_none_or(|built| built.plain.body != now).then(|| Document::asset(name, now.into(), &[]))
}

/// Returns the policy of the page. It allows the page's own scripts (the inline one by its hash, CSP 3, section 2.3.1), style, images and calls,
/// which includes its WebSocket, and nothing else. No script may turn text into markup. The one Trusted Types policy permits the service worker.
fn page_policy(page: &[u8]) -> String {
    let page = String::from_utf8_lossy(page);
    let inline = page.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>")).map_or("", |(script, _)| script);
    let hash = BASE64_STANDARD.encode(Sha256::digest(inline));
    format!(
        "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types taskflow-worker"
    )
}

/// Returns the media type by the ending of a file's name.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        // Browsers decode scripts of pages and workers as UTF-8, with any charset here.
        Some("js") => "text/javascript",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn find(name: &str, request: &Request) -> Result<Response, Error> {
    if cfg!(debug_assertions)
        && let Some(document) = edited(name)
    {
        return Ok(document.answer(request.headers()));
    }
    let document = ASSETS.get(name).ok_or_else(|| Error::NotFound(format!("no file has the path {}", request.uri().path())))?;
    Ok(document.answer(request.headers()))
}

async fn page(_: Arc<App>, request: Request) -> Result<Response, Error> {
    find(PAGE, &request)
}

async fn worker(_: Arc<App>, request: Request) -> Result<Response, Error> {
    find(WORKER, &request)
}

async fn asset(_: Arc<App>, request: Request) -> Result<Response, Error> {
    // Over HTTP, the page is only at / and the worker only at /sw.js.
    find(request.uri().path().strip_prefix("/assets/").filter(|name| ![PAGE, WORKER].contains(name)).unwrap_or_default(), &request)
}

async fn openapi(_: Arc<App>, request: Request) -> Result<Response, Error> {
    static DOCUMENT: LazyLock<Document> = LazyLock::new(|| Document::made("application/json", contract::openapi().to_string()));
    Ok(DOCUMENT.answer(request.headers()))
}

async fn asyncapi(_: Arc<App>, request: Request) -> Result<Response, Error> {
    static DOCUMENT: LazyLock<Document> = LazyLock::new(|| Document::made("application/json", contract::asyncapi().to_string()));
    Ok(DOCUMENT.answer(request.headers()))
}

/// Returns a strong tag: the beginning of the content's SHA-256.
fn etag(body: &[u8]) -> String {
    let mut tag = String::with_capacity(2 * TAG_BYTES + 2);
    tag.push('"');
    for byte in Sha256::digest(body).iter().take(TAG_BYTES) {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// True if `Accept-Encoding` names this coding (RFC 9110, section 12.5.3). Without the header, only the plain form is safe.
fn takes(asked: &HeaderMap, coding: &str) -> bool {
    let values = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|accepted| {
        let mut parts = accepted.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        is_named && weight.is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use function::BoxError;
    use function::service::Service;
    use function::settings::Settings;
    use http_body_util::BodyExt;
    use std::net::{IpAddr, Ipv4Addr};

    /// The page as it is sent.
    static INDEX: LazyLock<String> = LazyLock::new(|| String::from_utf8_lossy(&ASSETS[PAGE].plain.body).into_owned());
    /// Maximum compressed bytes of a first visit.
    const FIRST_LOAD_MAX: usize = 60 * 1024;
    /// Maximum compressed bytes of everything that the worker caches, with headers.
    const EVERYTHING_MAX: usize = 95 * 1024;

    /// Headers that hyper adds to a response.
    const OF_HYPER: &str = "content-length: 1234\r\ndate: Sun, 29 Nov 2026 16:59:36 GMT\r\n";

    /// Returns the name and the text of every script.
    fn scripts() -> Vec<(&'static str, String)> {
        let scripts = ASSETS.iter().filter(|(_, document)| document.content_type.starts_with("text/javascript"));
        scripts.map(|(name, document)| (*name, String::from_utf8_lossy(&document.plain.body).into_owned())).collect()
    }

    fn service(token: Option<&str>) -> Result<Service, BoxError> {
        let lookup = |name: &str| token.filter(|_| name == "TASKFLOW_API_TOKEN").map(str::to_owned);
        let settings = Settings::read(&lookup, IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        Ok(Service::new(Arc::new(App::alone(settings)?), function())?)
    }

    async fn ask(service: &Service, path: &str, headers: &[(HeaderName, &str)]) -> Result<(StatusCode, HeaderMap, Bytes), BoxError> {
        let request = headers
            .iter()
            .fold(http::Request::get(path).header(header::HOST, "localhost"), |request, (name, value)| request.header(name, *value));
        let (parts, body) = service.handle(request.body(full(""))?).await.into_parts();
        Ok((parts.status, parts.headers, body.collect().await?.to_bytes()))
    }

    async fn get(service: &Service, path: &str, if_none_match: Option<&str>) -> Result<(StatusCode, HeaderMap, String), BoxError> {
        let headers: Vec<_> = if_none_match.map(|tags| (header::IF_NONE_MATCH, tags)).into_iter().collect();
        let (status, headers, body) = ask(service, path, &headers).await?;
        Ok((status, headers, String::from_utf8(body.to_vec())?))
    }

    fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[tokio::test]
    async fn everything_has_its_type_and_a_tag_and_is_not_sent_twice() -> Result<(), BoxError> {
        let service = service(None)?;
        for (path, content_type) in [
            ("/", "text/html; charset=utf-8"),
            ("/sw.js", "text/javascript"),
            ("/assets/app.js", "text/javascript"),
            ("/assets/style.css", "text/css; charset=utf-8"),
            ("/assets/icon.svg", "image/svg+xml"),
            ("/openapi.json", "application/json"),
            ("/asyncapi.json", "application/json"),
        ] {
            let (status, headers, body) = get(&service, path, None).await?;
            assert_eq!((status, value(&headers, &header::CONTENT_TYPE)), (StatusCode::OK, content_type), "{path}");
            assert_eq!(value(&headers, &header::CACHE_CONTROL), "no-cache", "{path}");
            assert_eq!(value(&headers, &header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
            let is_document = path == "/sw.js" || !NO_DOCUMENTS.iter().any(|ending| path.ends_with(ending));
            assert_eq!(value(&headers, &header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; "), is_document, "{path}");
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

    fn unpacked(coding: &str, body: &[u8]) -> Result<Vec<u8>, BoxError> {
        use std::io::Read;
        let mut unpacked = Vec::new();
        match coding {
            "br" => brotli::BrotliDecompress(&mut &body[..], &mut unpacked)?,
            "gzip" => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut unpacked)?),
            other => return Err(other.into()),
        }
        Ok(unpacked)
    }

    #[tokio::test]
    async fn callers_that_accept_it_get_compressed_files() -> Result<(), BoxError> {
        let service = service(None)?;
        for path in ["/", "/assets/app.js", "/assets/style.css", "/assets/icon.svg", "/assets/manifest.webmanifest"] {
            let (_, plain_headers, plain) = ask(&service, path, &[]).await?;
            assert!(plain_headers.get(header::CONTENT_ENCODING).is_none(), "{path}");
            for (accepted, coding) in [("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"), ("br;q=0, GZIP;q=0.5", "gzip"), ("BR", "br")] {
                let (_, headers, body) = ask(&service, path, &[(header::ACCEPT_ENCODING, accepted)]).await?;
                assert_eq!(
                    (value(&headers, &header::CONTENT_ENCODING), value(&headers, &header::VARY)),
                    (coding, "Accept-Encoding"),
                    "{path}"
                );
                assert!(body.len() < plain.len(), "{path}");
                assert_eq!(unpacked(coding, &body)?, plain, "{path} {coding}");
                let tag = value(&headers, &header::ETAG).to_owned();
                assert_ne!(tag, value(&plain_headers, &header::ETAG), "two forms, two tags: {path}");
                let again = ask(&service, path, &[(header::ACCEPT_ENCODING, accepted), (header::IF_NONE_MATCH, &tag)]).await?;
                assert_eq!((again.0, again.2.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
            }
            for accepted in ["identity", "gzip;q=0", "gzip;q=a lot", "zstd"] {
                let (_, headers, body) = ask(&service, path, &[(header::ACCEPT_ENCODING, accepted)]).await?;
                assert!(headers.get(header::CONTENT_ENCODING).is_none() && body == plain, "{path} {accepted}");
            }
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_first_visit_is_small() -> Result<(), BoxError> {
        let service = service(None)?;
        let mut bytes = ask(&service, "/", &[(header::ACCEPT_ENCODING, "gzip")]).await?.2.len();
        for path in linked() {
            bytes += ask(&service, &path, &[(header::ACCEPT_ENCODING, "gzip")]).await?.2.len();
        }
        assert!(bytes <= FIRST_LOAD_MAX, "{bytes} bytes");
        Ok(())
    }

    #[tokio::test]
    async fn everything_together_is_small() -> Result<(), BoxError> {
        let service = service(None)?;
        let worker = get(&service, "/sw.js", None).await?.2;
        let (_, list) = worker.split_once("const FILES = {").ok_or("the worker has no list")?;
        let (list, _) = list.split_once("};").ok_or("the list has no end")?;
        let mut paths: Vec<_> = list.split(',').filter_map(|entry| entry.split('"').nth(1)).collect();
        assert!(paths.contains(&"/") && paths.contains(&"/assets/app.js") && !paths.contains(&"/assets/sw.js"), "{paths:?}");
        paths.push("/sw.js");
        let mut bytes = 0;
        for path in paths {
            let (status, headers, body) = ask(&service, path, &[(header::ACCEPT_ENCODING, "br")]).await?;
            assert_eq!(status, StatusCode::OK, "{path}");
            let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + ": \r\n".len();
            bytes += body.len() + headers.iter().map(line).sum::<usize>() + OF_HYPER.len();
        }
        assert!(bytes <= EVERYTHING_MAX, "{bytes} bytes");
        Ok(())
    }

    #[tokio::test]
    async fn the_worker_is_served_where_it_sees_the_whole_page() -> Result<(), BoxError> {
        let service = service(None)?;
        let (_, headers, body) = get(&service, "/sw.js", None).await?;
        assert_eq!(value(&headers, &header::CONTENT_SECURITY_POLICY), WORKER_POLICY);
        assert!(!body.contains("const FILES = {};"), "the worker has the list of files");
        let (_, headers, _) = get(&service, "/", None).await?;
        let policy = value(&headers, &header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.contains("require-trusted-types-for 'script'; trusted-types taskflow-worker") && !policy.contains("unsafe"),
            "{policy}"
        );
        Ok(())
    }

    #[test]
    fn scripts_are_sent_without_comments_and_types_line_by_line() -> Result<(), BoxError> {
        for (name, sent) in scripts() {
            let written = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name))?;
            assert_eq!(sent.lines().count(), written.lines().count(), "{name}: lines keep their numbers");
            for (sent, written) in sent.lines().zip(written.lines()) {
                // The build inserts the worker's list of files.
                if sent == written.trim() || written.starts_with("const FILES") {
                    continue;
                }
                let is_comment = ["//", "/**", "*"].iter().any(|sign| written.trim_start().starts_with(sign));
                let mut letters = written.chars();
                let is_typed = written.contains("/** @") && !sent.is_empty() && sent.chars().all(|letter| letters.any(|own| own == letter));
                assert!(is_typed || (sent.is_empty() && is_comment), "{name}: {written}");
            }
            let spans_lines = written.lines().any(|line| !line.contains('/') && line.matches('`').count() % 2 == 1);
            assert!(!spans_lines, "{name}: its indentation would be lost");
            assert!(!sent.contains("\n//") && !sent.contains("/**"), "{name}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_missing_resource_is_a_problem() -> Result<(), BoxError> {
        let service = service(None)?;
        for path in
            ["/assets/index.html", "/assets/sw.js", "/assets/first.js", "/assets/nothing.js", "/assets/..%2Fapp.js", "/assets/app.js/"]
        {
            let (status, headers, _) = get(&service, path, None).await?;
            assert_eq!((status, value(&headers, &header::CONTENT_TYPE)), (StatusCode::NOT_FOUND, "application/problem+json"), "{path}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn the_page_and_the_documents_need_no_token() -> Result<(), BoxError> {
        let service = service(Some("correct-horse"))?;
        for path in ["/", "/sw.js", "/assets/app.js", "/openapi.json", "/asyncapi.json"] {
            assert_eq!(get(&service, path, None).await?.0, StatusCode::OK, "{path}");
        }
        Ok(())
    }

    /// Returns the paths of everything that the page names.
    fn linked() -> Vec<String> {
        INDEX.split("\"/assets/").skip(1).filter_map(|rest| rest.split('"').next()).map(|name| format!("/assets/{name}")).collect()
    }

    /// Returns the modules that a script imports statically, and those that it imports on demand or for types.
    fn imports(script: &str) -> (Vec<&str>, Vec<&str>) {
        let names = |before: &str| -> Vec<&str> {
            let found = script.split(before).skip(1).filter_map(|rest| rest.split('\'').next());
            found.filter_map(|name| name.strip_prefix("./")).collect()
        };
        (names(" from '"), names("import('"))
    }

    #[tokio::test]
    async fn every_file_of_the_page_is_served() -> Result<(), BoxError> {
        let service = service(None)?;
        let mut paths = linked();
        for (_, script) in scripts() {
            let (now, later) = imports(&script);
            paths.extend(now.into_iter().chain(later).map(|name| format!("/assets/{name}")));
        }
        let manifest = ASSETS.get("manifest.webmanifest").map(|document| document.plain.body.clone()).unwrap_or_default();
        paths.extend(
            String::from_utf8_lossy(&manifest)
                .split("\"/assets/")
                .skip(1)
                .filter_map(|rest| Some(format!("/assets/{}", rest.split('"').next()?))),
        );
        assert!(paths.len() >= 30, "{paths:?}");
        for path in paths {
            assert_eq!(ask(&service, &path, &[]).await?.0, StatusCode::OK, "{path}");
        }
        Ok(())
    }

    #[test]
    fn the_page_preloads_its_first_modules() {
        let scripts: HashMap<_, _> = scripts().into_iter().collect();
        let mut needed = vec!["app.js"];
        let mut at = 0;
        while let Some(name) = needed.get(at) {
            let next = scripts.get(name).map(|script| imports(script).0).unwrap_or_default();
            needed.extend(next.into_iter().filter(|name| !needed.contains(name)).collect::<std::collections::BTreeSet<_>>());
            at += 1;
        }
        for name in &needed {
            assert!(INDEX.contains(&format!("<link rel=\"modulepreload\" href=\"/assets/{name}\">")), "{name} is not preloaded");
        }
        assert_eq!(INDEX.matches("modulepreload").count(), needed.len(), "preloaded without need");
    }

    #[test]
    fn the_page_keeps_to_its_policy() {
        for inline in ["<style", " style=", " onclick=", " onload=", " onsubmit=", "javascript:", "http://", "https://"] {
            assert!(!INDEX.contains(inline), "{inline}");
        }
        assert_eq!(INDEX.matches("<script").count(), 2);
        assert!(
            INDEX.contains("<script>(() => {\n") && INDEX.contains("<script type=\"module\" src=\"/assets/app.js\"></script>\n</template>")
        );
        for (name, script) in scripts() {
            for unsafe_call in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setHTML", "parseHTML"]
            {
                assert!(!script.contains(unsafe_call), "{name}: {unsafe_call}");
            }
        }
    }
}
