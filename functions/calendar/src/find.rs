//! Answers PROPFIND, PROPPATCH and the reports.

use std::sync::Arc;

use bytes::Bytes;
use function::body::{boxed, collect};
use function::{App, BoxError, Error, Request, Response};
use futures_util::TryStreamExt;
use futures_util::stream::try_unfold;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use store::Resources;

use crate::filter::Filter;
use crate::properties::{HOME, Node, PRINCIPAL, Wanted, gone, number, propstat, token};
use crate::resource::{missing, name, text};
use crate::xml::{CALDAV, DAV, Element, FOOT, HEAD, element, empty};
use crate::{CALENDAR, XML, access, answer, refusal, respond};

/// Number of resources of one multiget that are read at once.
const CHUNK: usize = 100;
/// Maximum size of a response whose length is known before it is sent.
const SMALL_MAX: usize = 64 * 1024;

/// Reads the body as XML.
async fn read(request: Request) -> Result<(http::request::Parts, Option<Element>), Error> {
    let (parts, body) = request.into_parts();
    let body = collect(body).await?;
    let malformed = |error: String| Error::Malformed(format!("the body: {error}"));
    let text = std::str::from_utf8(&body).map_err(|error| malformed(error.to_string()))?;
    let root = Element::read(text.trim_start_matches('\u{feff}')).map_err(|error| malformed(error.to_string()))?;
    Ok((parts, root))
}

/// True if the request includes the children of a collection. This is the default, and also true for infinity, because the tree has only one more
/// level.
fn has_children(headers: &HeaderMap) -> bool {
    headers.get("depth").is_none_or(|depth| depth != "0")
}

/// Returns the properties of a collection and its children, or of a resource.
pub(crate) async fn propfind(app: Arc<App>, request: Request) -> Result<Response, Error> {
    access::check(&app, request.headers()).await?;
    let (parts, root) = read(request).await?;
    let (wanted, children) = (Wanted::read(root.as_ref()), has_children(&parts.headers));
    let path = parts.uri.path();
    let slashed = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
    let now = app.store()?.sync_point(app.now()).await?;
    let nodes: Vec<Node<'_>> = match slashed.as_str() {
        "/dav/" if children => vec![Node::Root, Node::Principal, Node::Home],
        "/dav/" => vec![Node::Root],
        PRINCIPAL => vec![Node::Principal],
        HOME if children => vec![Node::Home, Node::Calendar(now)],
        HOME => vec![Node::Home],
        CALENDAR => {
            let first = Node::Calendar(now).response(&wanted);
            return if children { stream(app, Pages::all(wanted, None), first, String::new()).await } else { Ok(multistatus(&first)) };
        }
        _ => {
            let name = name(path).ok_or_else(|| missing(path))?;
            let found = app.store()?.resources_named(&[name]).await?;
            let resource = found.first().ok_or_else(|| missing(path))?;
            return Ok(multistatus(&Node::Resource(resource).response(&wanted)));
        }
    };
    Ok(multistatus(&nodes.iter().map(|node| node.response(&wanted)).collect::<String>()))
}

/// Refuses each property that a client wants to set: the calendar's name and colour are fixed.
pub(crate) async fn proppatch(app: Arc<App>, request: Request) -> Result<Response, Error> {
    access::check(&app, request.headers()).await?;
    let (parts, root) = read(request).await?;
    let steps = root.iter().flat_map(|root| &root.children).filter_map(|step| step.child(DAV, "prop"));
    let names: String = steps.flat_map(|prop| &prop.children).map(|property| empty(&property.namespace, &property.name)).collect();
    let href = element(DAV, "href", &crate::xml::text(parts.uri.path()));
    Ok(multistatus(&element(DAV, "response", &(href + &propstat(&names, "403 Forbidden")))))
}

/// Answers a report.
pub(crate) async fn report(app: Arc<App>, request: Request) -> Result<Response, Error> {
    access::check(&app, request.headers()).await?;
    let (parts, root) = read(request).await?;
    let root =
        root.ok_or_else(|| Error::Malformed("the body is empty; send a calendar-query, calendar-multiget or sync-collection".to_owned()))?;
    let wanted = Wanted::read(Some(&root));
    let is_calendar = parts.uri.path().trim_end_matches('/') == CALENDAR.trim_end_matches('/');
    match (root.namespace.as_str(), root.name.as_str()) {
        (CALDAV, "calendar-multiget") => multiget(&app, &wanted, &root).await,
        (CALDAV, "calendar-query") if is_calendar => {
            let filter = match root.child(CALDAV, "filter").map(Filter::read) {
                Some(None) => {
                    return Ok(refusal(StatusCode::FORBIDDEN, CALDAV, "supported-filter", "", "the filter has an unsupported part"));
                }
                filter => filter.flatten(),
            };
            stream(app, Pages { filter, ..Pages::all(wanted, None) }, String::new(), String::new()).await
        }
        (DAV, "sync-collection") if is_calendar => sync(app, wanted, &root).await,
        _ => Ok(refusal(
            StatusCode::FORBIDDEN,
            DAV,
            "supported-report",
            "",
            "the supported reports are calendar-query, calendar-multiget and sync-collection, on the calendar",
        )),
    }
}

async fn multiget(app: &App, wanted: &Wanted, root: &Element) -> Result<Response, Error> {
    let hrefs: Vec<&str> = root.children.iter().filter(|child| child.is(DAV, "href")).map(|href| href.text.trim()).collect();
    let mut body = String::new();
    for hrefs in hrefs.chunks(CHUNK) {
        // Some clients send whole URLs.
        let path = |href: &str| href.parse::<http::Uri>().map_or_else(|_| href.to_owned(), |uri| uri.path().to_owned());
        let names: Vec<Option<String>> = hrefs.iter().map(|href| name(&path(href))).collect();
        let known: Vec<String> = names.iter().flatten().cloned().collect();
        let found = app.store()?.resources_named(&known).await?;
        for (href, name) in hrefs.iter().zip(names) {
            let resource = found.iter().find(|resource| Some(&resource.name) == name.as_ref());
            body += &resource.map_or_else(|| gone(href), |resource| Node::Resource(resource).response(wanted));
        }
    }
    Ok(multistatus(&body))
}

/// Returns the changes since a token, or everything without one.
async fn sync(app: Arc<App>, wanted: Wanted, root: &Element) -> Result<Response, Error> {
    let given = root.child(DAV, "sync-token").map(|token| token.text.trim()).filter(|token| !token.is_empty());
    let point = app.store()?.sync_point(app.now()).await?;
    let since = given.map(|given| number(given).filter(|number| point.is_known(*number)));
    let since = match since {
        Some(None) => {
            return Ok(refusal(
                StatusCode::FORBIDDEN,
                DAV,
                "valid-sync-token",
                "",
                "this token is not of this calendar; read everything again",
            ));
        }
        Some(since) => since,
        None => None,
    };
    let deleted = match since {
        Some(since) => app.store()?.resources_gone(since).await?,
        None => Vec::new(),
    };
    if let Some(limit) = limit(root)?
        && (deleted.len() > limit || exceed(&app, since, limit - deleted.len()).await?)
    {
        let detail = "there are more results than the limit, and they cannot be cut; send no limit";
        return Ok(refusal(StatusCode::INSUFFICIENT_STORAGE, DAV, "number-of-matches-within-limits", "", detail));
    }
    let first = deleted.iter().map(|name| gone(&crate::resource::path(name))).collect();
    let last = element(DAV, "sync-token", &crate::xml::text(&token(point)));
    stream(app, Pages::all(wanted, since), first, last).await
}

/// Returns the maximum number of results that a client wants (RFC 6578, section 3.7).
fn limit(root: &Element) -> Result<Option<usize>, Error> {
    let Some(limit) = root.child(DAV, "limit") else { return Ok(None) };
    let number = limit.child(DAV, "nresults").and_then(|number| number.text.trim().parse().ok()).filter(|number| *number > 0);
    number.map(Some).ok_or_else(|| Error::Malformed("the limit needs an nresults of 1 or more".to_owned()))
}

/// True if more than `most` resources have changed since this number.
async fn exceed(app: &App, since: Option<i64>, most: usize) -> Result<bool, Error> {
    let (mut after, mut count) = (0, 0);
    while count <= most {
        let page = app.store()?.resources(Resources { since, after }).await?;
        let Some(last) = page.last() else { return Ok(false) };
        (after, count) = (last.task.id, count + page.len());
    }
    Ok(true)
}

fn multistatus(responses: &str) -> Response {
    answer(StatusCode::MULTI_STATUS, XML, format!("{HEAD}{responses}{FOOT}"))
}

/// The resources of a response, read page by page while it is sent.
struct Pages {
    wanted: Wanted,
    filter: Option<Filter>,
    since: Option<i64>,
    after: i64,
}

impl Pages {
    fn all(wanted: Wanted, since: Option<i64>) -> Self {
        Self { wanted, filter: None, since, after: 0 }
    }

    /// Returns the next page, or `None` after the last one.
    async fn next(&mut self, app: &App) -> Result<Option<String>, Error> {
        let page = app.store()?.resources(Resources { since: self.since, after: self.after }).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = last.task.id;
        let now = app.now();
        let meets =
            |resource: &&store::Resource| self.filter.as_ref().is_none_or(|filter| filter.meets(&text(resource), &resource.task, now));
        Ok(Some(page.iter().filter(meets).map(|resource| Node::Resource(resource).response(&self.wanted)).collect()))
    }
}

/// Returns a multistatus. A small one is sent at once, with its length, so that the gateway can buffer it. A larger one is sent while its pages are
/// read, so memory holds one page, however many tasks there are.
async fn stream(app: Arc<App>, mut pages: Pages, first: String, last: String) -> Result<Response, Error> {
    let (mut begin, end) = (first, last + FOOT);
    while begin.len() < SMALL_MAX {
        match pages.next(&app).await? {
            Some(chunk) => begin += &chunk,
            None => return Ok(answer(StatusCode::MULTI_STATUS, XML, format!("{HEAD}{begin}{end}"))),
        }
    }
    let reading = (Some(HEAD.to_owned() + &begin), Some((app, pages)), Some(end));
    let chunks = try_unfold(reading, |(mut ready, mut reading, mut end)| async move {
        if let Some(chunk) = ready.take() {
            return Ok::<_, BoxError>(Some((chunk, (None, reading, end))));
        }
        if let Some((app, mut pages)) = reading.take()
            && let Some(chunk) = pages.next(&app).await?
        {
            return Ok(Some((chunk, (None, Some((app, pages)), end))));
        }
        Ok(end.take().map(|chunk| (chunk, (None, None, None))))
    });
    let body = boxed(StreamBody::new(chunks.map_ok(|chunk| Frame::data(Bytes::from(chunk)))));
    Ok(respond(StatusCode::MULTI_STATUS, XML, body))
}
