//! The one tower service of a function: has the guard check the request, finds the handler, reads the request, runs the change, answers.
//!
//! Generic over the body, so that hyper, Lambda and the one process call the same code.

mod authorization;
pub(crate) mod dispatch;
mod events;
mod preconditions;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};

use self::dispatch::{Paths, Target};
pub use self::events::failed_event;
use self::preconditions::{Once, if_match};
use crate::body::{boxed, collect};
use crate::cloud_event::{self, Incoming};
use crate::guard::{self, Trust};
pub use crate::handler::CHANGE;
use crate::handler::{Asked, CommandHandler, EndpointHandler, JobHandler, OpenHandler, RawHandler, Telling, Told};
use crate::input::{self, Params, no_query};
use crate::span::{About, Span};
pub use crate::span::{CORRELATION, TRACEPARENT};
use crate::{Answer, App, BoxError, BoxFuture, Error, Function, JobCall, Published, Request, Response, full};

/// Tells the gateway that something waits in the outbox; it strips the header and sees to it.
pub const OUTBOX: HeaderName = HeaderName::from_static("taskflow-outbox");
/// The function that answers. What has no such header was said by somebody on the way, whatever its status.
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

/// A request, read as far as is needed to say whose it is.
enum Call {
    Command(CommandHandler, Request, Params, StatusCode),
    Endpoint(EndpointHandler, Request, Params),
    Raw(RawHandler, Request),
    Events(Incoming, Trust),
    Job(JobHandler, JobCall),
    /// A preflight of CORS, which the guard answered.
    Answered(Response),
}

/// A function whose route and handlers do not fit together, or whose own settings cannot be used; found when it is mounted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {problem}")]
pub struct MountError {
    function: &'static str,
    problem: String,
}

impl Service {
    /// The function in its world.
    ///
    /// # Errors
    /// An operation without a handler, or a handler without an operation; a setting of its own that cannot be used.
    pub fn new(app: Arc<App>, function: Function) -> Result<Self, MountError> {
        let error = |problem| MountError { function: function.name, problem };
        let checked = function.check.map_or(Ok(()), |check| check(&app.settings));
        checked.map_err(|problem| error(problem.to_string()))?;
        let paths = Paths::new(&function).map_err(error)?;
        Ok(Self { inner: Arc::new(Inner { app, function, paths }) })
    }

    /// The world it was mounted in.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.inner.app
    }

    /// How callers reach it beside the plain port.
    pub(crate) fn also_by(&self) -> Option<&OpenHandler> {
        self.inner.function.also_by.as_ref()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.inner.function.name
    }

    /// Calls the function, if the [guard] lets the request pass. Everything but GET runs to its end even if the caller hangs up:
    /// hyper drops the future then, and half a change must not depend on who is still listening.
    pub async fn handle(&self, mut request: Request) -> Response {
        let app = &self.inner.app;
        let trust = Trust::of(app, self.name(), &mut request);
        let reader = guard::reader(app, request.headers());
        let asked = request.method().clone();
        let is_head = asked == Method::HEAD;
        if is_head {
            *request.method_mut() = Method::GET;
        }
        let inner = self.inner.clone();
        let mut response = if request.method() == Method::GET {
            inner.answer(asked, trust, request).await
        } else {
            let path = request.uri().path().to_owned();
            match app.background.spawn(async move { inner.answer(asked, trust, request).await }).await {
                Ok(response) => response,
                Err(error) => Error::internal(error).into_response(&path),
            }
        };
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
    /// `asked` is the method as the caller named it.
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
            // Boxed: it is large, and would be there once more inside the scope.
            let answering = Box::pin(async {
                let response = match call {
                    Ok(call) => self.route(call, &span).await,
                    Err(error) => Err(error),
                };
                response.unwrap_or_else(|error| error.into_response(&path))
            });
            let response = span.scope(answering).await;
            span.answered(response.status());
            response
        })
    }

    /// Finds the handler, and reads the request as far as its span has to know.
    async fn read(&self, request: Request, path: &str, trust: Trust, about: &mut About) -> Result<Call, Error> {
        let found = self.paths.find(request.method(), path);
        let is_open = found.as_ref().map_or(self.paths.are_known, |found| found.entry.is_open);
        authorization::caller(&self.app, trust, is_open, request.headers()).await?;
        let found = found?;
        about.route(found.route);
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
                // Whoever passes the request on passes on whose it is.
                span.propagate(request.headers_mut());
                handler(self.app.clone(), request).await
            }
            Call::Endpoint(handler, request, params) => self.endpoint(&handler, request, &params).await,
            Call::Command(handler, request, params, success) => self.command(&handler, success, request, &params).await,
            Call::Events(Incoming::One(event), trust) => self.one(*event, trust).await,
            Call::Events(Incoming::Batch(events), trust) => self.batch(events, trust, span).await,
            Call::Job(handler, call) => {
                let published = handler(self.app.clone(), call).await?;
                Ok(telling(Answer::empty(StatusCode::OK).into(), published))
            }
        }
    }

    async fn endpoint(&self, handler: &EndpointHandler, request: Request, params: &Params) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let body = if parts.method == Method::GET {
            None
        } else {
            no_query(&parts.uri)?;
            Some(input::object(&parts.headers, params, &collect(body).await?)?)
        };
        let answering = handler(self.app.clone(), Asked { query: parts.uri.query(), body, params })?;
        Ok(answering.await?.into())
    }

    async fn command(&self, handler: &CommandHandler, success: StatusCode, request: Request, params: &Params) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let body = collect(body).await?;
        no_query(&parts.uri)?;
        let fields = input::object(&parts.headers, params, &body)?;
        let subject = input::subject(&fields);
        let prepared = handler(fields)?;
        let if_match = if_match(&parts.headers)?;
        let once = Once::read(&parts, &body)?;
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
        Ok(telling(answer.into(), change.commit().await?))
    }

    fn job_call(&self, params: Params) -> Result<JobCall, Error> {
        let name = params.into_iter().map(|(_, name)| name).next().unwrap_or_default();
        let own = domain::routes::of_job(&name).filter(|route| route.name == self.function.name);
        own.ok_or_else(|| Error::NotFound(format!("no job of {} has this name", self.function.name)))?;
        let id = name.strip_prefix(self.function.name).and_then(|rest| rest.strip_prefix('-')).and_then(|id| id.parse().ok());
        Ok(JobCall { name, id })
    }
}

/// The answer of a call that has changed something: it tells the gateway if something waits in the outbox.
#[must_use]
pub fn telling(mut response: Response, published: Published) -> Response {
    if published == Published::Pending {
        response.headers_mut().insert(OUTBOX, HeaderValue::from_static("pending"));
    }
    response
}
