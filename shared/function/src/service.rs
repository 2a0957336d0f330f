//! The tower service of a function: asks the guard, finds the handler, reads the request, runs the change, and answers.
//!
//! Generic over the body, so that hyper, Lambda and the one process call the same code.

mod authorization;
pub(crate) mod dispatch;
mod events;
mod preconditions;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use domain::routes::Access;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use self::dispatch::{Paths, Target};
pub use self::events::failed_event;
use self::preconditions::{Once, if_match};
use crate::accept::{self, JSON};
use crate::app_password::Head;
use crate::body::{boxed, collect};
use crate::cloud_event::{self, ANSWERS, Incoming};
use crate::error::RETRY_AFTER_SECONDS;
use crate::guard::{self, Trust};
pub use crate::handler::CHANGE;
use crate::handler::{Asked, CommandHandler, EndpointHandler, JobHandler, OpenHandler, RawHandler, Telling, Told};
use crate::input::{self, Params, no_query};
use crate::span::{About, Span};
pub use crate::span::{CORRELATION, TRACEPARENT};
use crate::{Answer, App, BoxError, BoxFuture, Error, Function, JobCall, Published, Request, Response, full};

/// Header that reports waiting outbox rows to the gateway, which removes it and has them published.
pub const OUTBOX: HeaderName = HeaderName::from_static("taskflow-outbox");
/// The value of [`OUTBOX`].
pub(crate) const PENDING: HeaderValue = HeaderValue::from_static("pending");
/// Header with the function's name. A response without it came from an intermediary, not from a function.
pub const FUNCTION: HeaderName = HeaderName::from_static("taskflow-function");

/// A function, ready to be called.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    app: Arc<App>,
    function: Function,
    paths: Paths,
}

/// A request, read as far as its span needs.
enum Call {
    Command(CommandHandler, Request, Params, StatusCode),
    Endpoint(EndpointHandler, Request, Params),
    Raw(RawHandler, Request),
    Events(Incoming, Trust),
    Job(JobHandler, JobCall),
    /// A CORS preflight, which the guard answered.
    Answered(Response),
}

/// A function whose handlers do not match its route, or with an invalid setting of its own; detected when it is mounted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {problem}")]
pub struct MountError {
    function: &'static str,
    problem: String,
}

impl Service {
    /// Mounts a function.
    ///
    /// # Errors
    /// An operation has no handler, or a handler has no operation; one of the function's own settings is invalid.
    pub fn new(app: Arc<App>, function: Function) -> Result<Self, MountError> {
        let error = |problem| MountError { function: function.name, problem };
        let checked = function.check.map_or(Ok(()), |check| check(&app.settings));
        checked.map_err(|problem| error(problem.to_string()))?;
        let paths = Paths::new(&function).map_err(error)?;
        Ok(Self { inner: Arc::new(Inner { app, function, paths }) })
    }

    /// Returns the app.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.inner.app
    }

    /// Returns the other listeners.
    pub(crate) fn also_by(&self) -> Option<&OpenHandler> {
        self.inner.function.also_by.as_ref()
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.inner.function.name
    }

    /// Calls the function, if the [guard] permits the request. Every request except GET runs to its end even if the caller disconnects: hyper drops
    /// the future then, and a change must not be left half done.
    pub async fn handle(&self, mut request: Request) -> Response {
        let app = &self.inner.app;
        let trust = Trust::of(app, self.name(), &mut request);
        let reader = guard::reader(app, request.headers());
        let asked = request.method().clone();
        let is_head = asked == Method::HEAD;
        if is_head {
            *request.method_mut() = Method::GET;
        }
        let (inner, path) = (self.inner.clone(), request.uri().path().to_owned());
        let mut response = if request.method() == Method::GET {
            let answering = AssertUnwindSafe(inner.answer(asked, trust, request)).catch_unwind();
            answering.await.unwrap_or_else(|_| Error::internal("the handler panicked; the log has the message").into_response(&path))
        } else {
            let answering = app.background.spawn(async move { inner.answer(asked, trust, request).await });
            answering.await.unwrap_or_else(|error| Error::internal(error).into_response(&path))
        };
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().entry(header::RETRY_AFTER).or_insert(RETRY_AFTER_SECONDS.into());
        }
        response.headers_mut().insert(FUNCTION, HeaderValue::from_static(self.name()));
        guard::seal(app, trust, reader, response.headers_mut());
        if is_head { response.map(|_| full("")) } else { response }
    }
}

impl<B> tower_service::Service<http::Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.handle(request.map(boxed)).await) })
    }
}

impl Inner {
    /// `asked` is the method that the caller sent.
    fn answer(self: Arc<Self>, asked: Method, trust: Trust, mut request: Request) -> BoxFuture<'static, Response> {
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            let mut about = About::request(&self.app, &asked, &path, request.headers());
            let call = match guard::admit(&self.app, self.function.name, trust, &mut request) {
                Ok(None) => self.read(request, &path, trust, &mut about).await,
                Ok(Some(answer)) => Ok(Call::Answered(answer)),
                Err(error) => Err(error),
            };
            let span = Span::begin(&self.app, self.function.name, about);
            // Boxed because of its size.
            let answering = Box::pin(async {
                let response = match call {
                    Ok(call) => self.route(call, &span).await,
                    Err(error) => Err(error),
                };
                response.unwrap_or_else(|error| error.into_response(&path))
            });
            let mut response = span.scope(answering).await;
            span.answered(response.status());
            span.tell_correlation(response.headers_mut());
            response
        })
    }

    /// Finds the handler, and reads the request as far as its span needs.
    async fn read(&self, request: Request, path: &str, trust: Trust, about: &mut About) -> Result<Call, Error> {
        let found = self.paths.find(request.method(), path);
        let unknown = if self.paths.are_known { Access::Public } else { Access::Bearer };
        let access = found.as_ref().map_or(unknown, |found| found.entry.access);
        authorization::caller(&self.app, trust, access, Head::of(&request)).await?;
        let found = found?;
        about.route(found.route);
        input::is_plain(request.headers())?;
        acceptable(&found.entry.target, found.entry.success, request.headers())?;
        let (params, success) = (found.params()?, found.entry.success);
        Ok(match found.entry.target.clone() {
            Target::Raw(handler) => Call::Raw(handler, request),
            Target::Endpoint(handler) => Call::Endpoint(handler, request, params),
            Target::Command(handler) => Call::Command(handler, request, params, success),
            Target::Events => {
                let (parts, body) = request.into_parts();
                let incoming = cloud_event::read(&parts.headers, &collect(body).await?)?;
                if let Incoming::One(event) = &incoming {
                    about.event(event, self.topic(event));
                }
                Call::Events(incoming, trust)
            }
            Target::Job(handler) => {
                authorization::job(trust)?;
                let call = self.job_call(params)?;
                about.job(self.function.name, &call.name);
                Call::Job(handler, call)
            }
        })
    }

    async fn route(&self, call: Call, span: &Span) -> Result<Response, Error> {
        match call {
            Call::Answered(response) => Ok(response),
            Call::Raw(handler, mut request) => {
                // Forwarded requests carry the span.
                span.propagate(request.headers_mut());
                let wants = (request.method() == Method::GET).then(|| request.headers().get_all(header::ACCEPT).iter().cloned().collect());
                let response = handler(self.app.clone(), request).await?;
                match wants {
                    Some(wants) => as_wanted(wants, response),
                    None => Ok(response),
                }
            }
            Call::Endpoint(handler, request, params) => self.endpoint(&handler, request, &params).await,
            Call::Command(handler, request, params, success) => self.command(&handler, success, request, &params).await,
            Call::Events(Incoming::One(event), trust) => self.one(*event, trust).await,
            Call::Events(Incoming::Batch(events), trust) => self.batch(events, trust, span).await,
            Call::Job(handler, call) => {
                let published = handler(self.app.clone(), call).await?;
                Ok(Answer::empty(StatusCode::OK).telling(published).into())
            }
        }
    }

    async fn endpoint(&self, handler: &EndpointHandler, request: Request, params: &Params) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let is_get = parts.method == Method::GET;
        let body = if is_get {
            None
        } else {
            no_query(&parts.uri)?;
            input::expects_json(&parts.method, &parts.headers, &body)?;
            Some(input::object(&parts.method, &parts.headers, params, &collect(body).await?)?)
        };
        let answer = handler(self.app.clone(), Asked { query: parts.uri.query(), body, params })?.await?;
        Ok(if is_get { answer.to(&parts.uri, &parts.headers) } else { answer }.into())
    }

    async fn command(&self, handler: &CommandHandler, success: StatusCode, request: Request, params: &Params) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let if_match = if_match(&parts.headers)?;
        input::expects_json(&parts.method, &parts.headers, &body)?;
        let body = collect(body).await?;
        let mut fields = input::object(&parts.method, &parts.headers, params, &body)?;
        // Many clients and proxies drop the body of a DELETE.
        if parts.method == Method::DELETE {
            input::add_query(&mut fields, &parts.uri)?;
        } else {
            no_query(&parts.uri)?;
        }
        let content = [&*body, parts.uri.query().unwrap_or_default().as_bytes()].concat();
        let subject = input::subject(&fields);
        let prepared = handler(fields)?;
        let once = Once::read(&parts, &content)?;
        let claim = once.as_ref().map(|once| once.claim(&self.app)).transpose()?;
        let mut change = self.app.change_on(subject, self.app.origin(self.function.name), if_match).await?;
        change.unit.keep(claim);
        if let Some(once) = &once
            && let Some(answer) = once.answered(&mut change).await?
        {
            return Ok(answer.into());
        }
        let Told::Answer(answer) = prepared(&mut change, Telling::Rest(success)).await? else { return Err(Error::internal("no answer")) };
        if let Some(once) = &once {
            once.remember(&mut change, &answer).await?;
        }
        Ok(answer.telling(change.commit().await?).into())
    }

    fn job_call(&self, params: Params) -> Result<JobCall, Error> {
        let name = params.into_iter().map(|(_, name)| name).next().unwrap_or_default();
        let own = domain::routes::of_job(&name).filter(|route| route.name == self.function.name);
        own.ok_or_else(|| Error::NotFound(format!("no job of {} has this name", self.function.name)))?;
        let id = name.strip_prefix(self.function.name).and_then(|rest| rest.strip_prefix('-')).and_then(|id| id.parse().ok());
        Ok(JobCall { name, id })
    }
}

/// Refuses a call whose response type the caller does not accept, before anything is done. Raw handlers check this themselves, except for GET.
fn acceptable(target: &Target, success: StatusCode, headers: &http::HeaderMap) -> Result<(), Error> {
    match target {
        Target::Command(_) | Target::Endpoint(_) if success != StatusCode::NO_CONTENT => accept::require(headers, &[JSON]),
        Target::Events => accept::require(headers, &ANSWERS),
        _ => Ok(()),
    }
}

/// Returns the response to a GET, unless the caller does not accept it.
fn as_wanted(wants: Vec<HeaderValue>, response: Response) -> Result<Response, Error> {
    let wants: http::HeaderMap = wants.into_iter().map(|value| (header::ACCEPT, value)).collect();
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(input::media_type);
    let is_taken = response.status() != StatusCode::OK || media_type.is_none_or(|media_type| accept::accepts(&wants, &media_type));
    if is_taken { Ok(response) } else { Err(Error::NotAcceptable("another type")) }
}

/// Like [`Answer::telling`], for a raw response.
#[must_use]
pub fn telling(mut response: Response, published: Published) -> Response {
    if published == Published::Pending {
        response.headers_mut().insert(OUTBOX, PENDING);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use domain::routes;
    use http_body_util::BodyExt;

    use super::*;
    use crate::settings::Settings;

    #[derive(serde::Deserialize)]
    struct Nothing {}

    #[tokio::test]
    async fn a_panic_is_a_problem_and_not_the_end_of_a_connection() {
        let settings = Settings::read(&|_| None, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        let panics = |_: Arc<App>, _: Nothing| async {
            assert!(std::hint::black_box(false), "as asked");
            Ok(Answer::empty(StatusCode::OK))
        };
        let service =
            Service::new(Arc::new(App::alone(settings).unwrap()), Function::new(routes::LIST_TAGS).endpoint("listTags", panics)).unwrap();
        for method in [Method::GET, Method::HEAD] {
            let request =
                http::Request::builder().method(&method).uri("/api/tags").header(header::HOST, "localhost").body(full("")).unwrap();
            let (parts, body) = service.handle(request).await.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            assert_eq!((parts.status, body.is_empty()), (StatusCode::INTERNAL_SERVER_ERROR, method == Method::HEAD), "{method}");
            assert!(!String::from_utf8_lossy(&body).contains("as asked"));
        }
    }
}
