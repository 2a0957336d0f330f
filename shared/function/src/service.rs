//! The one tower service of a function: finds the handler, checks the token, reads the request, runs the change, answers.
//!
//! Generic over the body, so that hyper, Lambda and the one process call the same code.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cloudevents::{AttributesReader, Event};
use domain::Invalid;
use domain::event::{CommandType, EventType, Origin, Topic};
use domain::routes::Operation;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{Idempotency, IfMatch};

use crate::cloud_event::{self, Incoming, STRUCTURED};
use crate::handler::{Asked, CommandHandler, Consumer, EndpointHandler, JobHandler, RawHandler, Telling, Told};
use crate::input::{self, Params};
use crate::span::{self, About, Span};
pub use crate::span::{CORRELATION, TRACEPARENT};
use crate::{Answer, App, Body, BoxError, BoxFuture, Delivery, Error, Function, JobCall, Published, Request, Response, full};

/// Bytes of a body, at most.
pub const BODY_MAX: usize = 256 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Characters of an idempotency key, at most.
const IDEMPOTENCY_KEY_MAX: usize = 255;
/// Tells the gateway that something waits in the outbox; it strips the header and sees to it.
pub const OUTBOX: HeaderName = HeaderName::from_static("taskflow-outbox");
/// The function that answers. What has no such header was said by somebody on the way, whatever its status.
pub const FUNCTION: HeaderName = HeaderName::from_static("taskflow-function");
/// Where jobs call.
const JOB_PATH: &str = "/job/{name}";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A function, ready to be called.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    app: Arc<App>,
    function: Function,
    paths: matchit::Router<Vec<Entry>>,
}

/// What a method of a path leads to.
struct Entry {
    method: Method,
    operation: Option<Operation>,
    target: Target,
}

#[derive(Clone)]
enum Target {
    Command(CommandHandler),
    Endpoint(EndpointHandler),
    Raw(RawHandler),
    Events,
    Job(JobHandler),
}

/// What a request leads to.
struct Found {
    target: Target,
    route: Option<&'static str>,
    params: Params,
    success: StatusCode,
}

/// A request, read as far as is needed to say whose it is.
enum Call {
    Command(CommandHandler, Request, Params, StatusCode),
    Endpoint(EndpointHandler, Request, Params),
    Raw(RawHandler, Request),
    Events(Incoming),
    Job(JobHandler, JobCall),
}

/// A function whose route and handlers do not fit together; found when it is mounted.
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
    /// An operation without a handler, or a handler without an operation.
    pub fn new(app: Arc<App>, function: Function) -> Result<Self, MountError> {
        let paths = paths(&function).map_err(|problem| MountError { function: function.name, problem })?;
        Ok(Self { inner: Arc::new(Inner { app, function, paths }) })
    }

    /// The world it was mounted in.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.inner.app
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.inner.function.name
    }

    /// Calls the function. Everything but GET runs to its end even if the caller hangs up: hyper drops the future then, and half a
    /// change must not depend on who is still listening.
    pub async fn handle(&self, mut request: Request) -> Response {
        let asked = request.method().clone();
        let is_head = asked == Method::HEAD;
        if is_head {
            *request.method_mut() = Method::GET;
        }
        let inner = self.inner.clone();
        let mut response = if request.method() == Method::GET {
            inner.answer(asked, request).await
        } else {
            let path = request.uri().path().to_owned();
            match self.inner.app.background.spawn(async move { inner.answer(asked, request).await }).await {
                Ok(response) => response,
                Err(error) => Error::internal(error).into_response(&path),
            }
        };
        response.headers_mut().insert(FUNCTION, HeaderValue::from_static(self.name()));
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

/// Any body as ours.
pub fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

fn paths(function: &Function) -> Result<matchit::Router<Vec<Entry>>, String> {
    let mut entries: Vec<(&'static str, Vec<Entry>)> = Vec::new();
    let mut add = |path: &'static str, entry: Entry| match entries.iter_mut().find(|(own, _)| *own == path) {
        Some((_, list)) => list.push(entry),
        None => entries.push((path, vec![entry])),
    };
    for operation in function.route.operations {
        let target = target(function, operation).ok_or_else(|| format!("nothing answers {}", operation.id))?;
        let method = Method::from_bytes(operation.method.as_str().as_bytes()).map_err(|error| error.to_string())?;
        add(operation.path, Entry { method, operation: Some(*operation), target });
    }
    if !function.commands.is_empty() || function.consumer.is_some() {
        add("/", Entry { method: Method::POST, operation: None, target: Target::Events });
    }
    if let Some(job) = &function.job {
        add(JOB_PATH, Entry { method: Method::POST, operation: None, target: Target::Job(job.clone()) });
    }
    let handlers = function.commands.len() + function.endpoints.len() + function.raw.len();
    if handlers != function.route.operations.len() {
        return Err("a handler answers no operation of the route".to_owned());
    }
    if function.consumer.is_some() == function.route.consumes.is_empty() || function.job.is_some() != function.route.job {
        return Err("its consumer or its job is not what the route says".to_owned());
    }
    let mut paths = matchit::Router::new();
    for (path, list) in entries {
        paths.insert(path, list).map_err(|error| error.to_string())?;
    }
    Ok(paths)
}

fn target(function: &Function, operation: &Operation) -> Option<Target> {
    if let Some(command) = operation.command {
        return function.commands.iter().find(|(ty, _)| *ty == command).map(|(_, handler)| Target::Command(handler.clone()));
    }
    let endpoint = function.endpoints.iter().find(|(id, _)| *id == operation.id).map(|(_, handler)| Target::Endpoint(handler.clone()));
    endpoint.or_else(|| function.raw.iter().find(|(id, _)| *id == operation.id).map(|(_, handler)| Target::Raw(handler.clone())))
}

impl Inner {
    /// `asked` is the method as the caller named it.
    fn answer(self: Arc<Self>, asked: Method, request: Request) -> BoxFuture<'static, Response> {
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            let mut about = About::request(&self.app, &asked, &path, request.headers());
            let call = self.read(request, &path, &mut about).await;
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
    async fn read(&self, request: Request, path: &str, about: &mut About) -> Result<Call, Error> {
        let Found { target, route, params, success } = self.find(&request, path)?;
        about.route(|| route.or_else(|| span::route_of(request.method(), path)));
        Ok(match target {
            Target::Raw(handler) => Call::Raw(handler, request),
            Target::Endpoint(handler) => Call::Endpoint(handler, request, params),
            Target::Command(handler) => Call::Command(handler, request, params, success),
            Target::Events => {
                let (parts, body) = request.into_parts();
                let incoming = cloud_event::read(&parts.headers, &collect(body).await?)?;
                if let Incoming::One(event) = &incoming {
                    about.event(event, self.topic(event));
                }
                Call::Events(incoming)
            }
            Target::Job(handler) => {
                let call = self.job_call(params)?;
                about.job(self.function.name, &call.name);
                Call::Job(handler, call)
            }
        })
    }

    async fn route(&self, call: Call, span: &Span) -> Result<Response, Error> {
        match call {
            Call::Raw(handler, mut request) => {
                // Whoever passes the request on passes on whose it is.
                span.propagate(request.headers_mut());
                Ok(handler(self.app.clone(), request).await)
            }
            Call::Endpoint(handler, request, params) => self.endpoint(&handler, request, &params).await,
            Call::Command(handler, request, params, success) => self.command(&handler, success, request, &params).await,
            Call::Events(Incoming::One(event)) => self.one(*event).await,
            Call::Events(Incoming::Batch(events)) => self.batch(events, span).await,
            Call::Job(handler, call) => {
                let published = handler(self.app.clone(), call).await?;
                Ok(outbox_header(Answer::empty(StatusCode::OK).into(), published))
            }
        }
    }

    /// What a request leads to, if its caller may go there.
    fn find(&self, request: &Request, path: &str) -> Result<Found, Error> {
        let found = self.paths.at(path).ok();
        let entry = found.as_ref().and_then(|found| found.value.iter().find(|entry| entry.method == *request.method()));
        if let (None, Some(fallback)) = (entry, &self.function.fallback) {
            return Ok(Found { target: Target::Raw(fallback.clone()), route: None, params: Params::new(), success: StatusCode::OK });
        }
        if !entry.and_then(|entry| entry.operation).is_some_and(|operation| operation.public) {
            authorize(&self.app, request.headers())?;
        }
        let found = found.ok_or_else(|| Error::NotFound(format!("there is nothing at {path}")))?;
        let entry = entry.ok_or_else(|| Error::MethodNotAllowed(allow(found.value)))?;
        let route = match (&entry.target, entry.operation) {
            (_, Some(operation)) => operation.path,
            (Target::Job(_), None) => JOB_PATH,
            (_, None) => "/",
        };
        let success = entry.operation.and_then(|operation| StatusCode::from_u16(operation.success).ok()).unwrap_or(StatusCode::OK);
        Ok(Found { target: entry.target.clone(), route: Some(route), params: params(route, &found.params)?, success })
    }

    async fn endpoint(&self, handler: &EndpointHandler, request: Request, params: &Params) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let body = if parts.method == Method::GET {
            None
        } else {
            no_query(&parts)?;
            Some(input::object(&parts.headers, params, &collect(body).await?)?)
        };
        let answering = handler(self.app.clone(), Asked { query: parts.uri.query(), body, params })?;
        Ok(answering.await?.into())
    }

    async fn command(&self, handler: &CommandHandler, success: StatusCode, request: Request, params: &Params) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        let body = collect(body).await?;
        no_query(&parts)?;
        let prepared = handler(input::object(&parts.headers, params, &body)?)?;
        let if_match = if_match(&parts.headers)?;
        let once = idempotency_key(&parts.headers)?.map(|key| (key, Sha256::digest(&body).to_vec()));
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let mut change = self.app.change(self.app.origin(self.function.name), if_match).await?;
        if let Some((key, fingerprint)) = &once {
            match change.idempotent(key, method, path, fingerprint).await? {
                Idempotency::New => {}
                Idempotency::Replay(kept) => {
                    return Answer::from_value(&kept)
                        .map(Into::into)
                        .ok_or_else(|| Error::internal("an answer that was kept cannot be read"));
                }
                Idempotency::InFlight => return Err(Error::Conflict("a request with this Idempotency-Key is under way".to_owned())),
                Idempotency::Mismatch => return Err(Invalid::field("", "this Idempotency-Key was used with another body").into()),
            }
        }
        let Told::Answer(answer) = prepared(&mut change, Telling::Rest(success)).await? else { return Err(Error::internal("no answer")) };
        if let Some((key, fingerprint)) = &once {
            change.remember_idempotent(key, method, path, fingerprint, &answer.to_value()).await?;
        }
        Ok(outbox_header(answer.into(), change.commit().await?))
    }

    async fn one(&self, event: Event) -> Result<Response, Error> {
        let (answer, published) = self.event(event).await?;
        let response = match answer {
            Some(event) => with_type(&event, STRUCTURED)?,
            None => Answer::empty(StatusCode::OK).into(),
        };
        Ok(outbox_header(response, published))
    }

    /// In order, each in a transaction and a span of its own; one that fails does not undo the others.
    async fn batch(&self, events: Vec<Event>, span: &Span) -> Result<Response, Error> {
        let mut answers: Vec<Event> = Vec::new();
        let mut all = Published::All;
        for event in events {
            let span = span.item(&event, self.topic(&event));
            let taking = Box::pin(async {
                match self.event(event.clone()).await {
                    Ok(taken) => Ok::<_, Error>(taken),
                    Err(error) => {
                        span.failed(error.status());
                        Ok((Some(self.failed(&event, &error)?), Published::All))
                    }
                }
            });
            let (answer, published) = span.scope(taking).await?;
            answers.extend(answer);
            all = all.and(published);
        }
        Ok(outbox_header(with_type(&answers, cloud_event::BATCH)?, all))
    }

    /// Where such an event travels, as far as this function knows: it takes one type from one topic only.
    fn topic(&self, event: &Event) -> Option<Topic> {
        if event.ty().parse::<CommandType>().is_ok() {
            return Some(Topic::TaskCommands);
        }
        let ty = event.ty().parse::<EventType>().ok()?;
        self.function.route.consumes.iter().find(|subscription| subscription.types.contains(&ty)).map(|subscription| subscription.topic)
    }

    /// Takes one event: a command is obeyed and answered by an event, any other is consumed and acknowledged.
    async fn event(&self, event: Event) -> Result<(Option<Event>, Published), Error> {
        if let Ok(command) = event.ty().parse::<CommandType>() {
            let handler = self.function.commands.iter().find(|(ty, _)| *ty == command).map(|(_, handler)| handler.clone());
            let handler = handler.ok_or_else(|| Invalid::field("/type", format_args!("{} does not obey {command}", self.function.name)))?;
            let (answer, published) = self.command_event(&handler, command, &event).await?;
            return Ok((Some(answer), published));
        }
        let event_type = event.ty().parse::<EventType>().map_err(|unknown| Invalid::field("/type", unknown))?;
        let data = cloud_event::data(&event).unwrap_or_default();
        let is_concerned = self.function.route.is_concerned(event_type, &data);
        let Some(consumer) = self.function.consumer.as_ref().filter(|_| is_concerned) else { return Ok((None, Published::All)) };
        Ok((None, self.consume(consumer, Delivery { event, event_type }).await?))
    }

    async fn command_event(&self, handler: &CommandHandler, command: CommandType, event: &Event) -> Result<(Event, Published), Error> {
        let data = cloud_event::data(event)?;
        if !data.is_object() {
            return Err(Invalid::field("/data", "not a JSON object").into());
        }
        let prepared = handler(data).map_err(under_data)?;
        let origin = cloud_event::origin(&self.app, self.function.name, event);
        let mut change = self.app.change(origin, None).await?;
        let (source, id) = (event.source().clone(), event.id());
        if let Some(answer) = change.answered(self.function.name, &source, id).await? {
            return Ok((serde_json::from_value(answer)?, Published::All));
        }
        let answer = command.answer();
        let Told::Event { subject, key, data } = prepared(&mut change, Telling::Event(answer)).await.map_err(under_data)? else {
            return Err(Error::internal("no event"));
        };
        let announced = change.emitted(answer);
        let answer = match announced {
            Some(event) => event,
            None => change.origin().event(self.app.ids.next(), answer.as_str(), &subject, key, change.now(), &data)?,
        };
        change.remember_answer(self.function.name, &source, id, &serde_json::to_value(&answer)?).await?;
        Ok((answer, change.commit().await?))
    }

    async fn consume(&self, consumer: &Consumer, delivery: Delivery) -> Result<Published, Error> {
        let handler = match consumer {
            Consumer::OnItsOwn(handler) => return handler(self.app.clone(), delivery).await,
            Consumer::InChange(handler) => handler,
        };
        let origin = cloud_event::origin(&self.app, self.function.name, &delivery.event);
        let mut change = self.app.change(origin, None).await?;
        if !change.first_delivery(self.function.name, delivery.event.source(), delivery.event.id()).await? {
            return Ok(Published::All);
        }
        handler(&mut change, delivery).await?;
        change.commit().await
    }

    fn job_call(&self, params: Params) -> Result<JobCall, Error> {
        let name = params.into_iter().map(|(_, name)| name).next().unwrap_or_default();
        let own = domain::routes::of_job(&name).filter(|route| route.name == self.function.name);
        own.ok_or_else(|| Error::NotFound(format!("no job of {} has this name", self.function.name)))?;
        let id = name.strip_prefix(self.function.name).and_then(|rest| rest.strip_prefix('-')).and_then(|id| id.parse().ok());
        Ok(JobCall { name, id })
    }

    fn failed(&self, event: &Event, error: &Error) -> Result<Event, Error> {
        let origin = cloud_event::origin(&self.app, self.function.name, event);
        failed_event(&self.app, &origin, event, &json!(error.problem("/")))
    }
}

/// The event that answers an item of a batch that failed: `<type>.failed`, with the problem as data.
///
/// # Errors
/// A value that has no JSON form.
pub fn failed_event(app: &App, origin: &Origin, event: &Event, problem: &Value) -> Result<Event, Error> {
    let subject = event.subject().unwrap_or_else(|| event.id());
    Ok(origin.event(app.ids.next(), &format!("{}.failed", event.ty()), subject, 0, app.now(), problem)?)
}

fn with_type(value: &impl serde::Serialize, content_type: &'static str) -> Result<Response, Error> {
    let mut response = Response::new(full(serde_json::to_vec(value)?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

/// An error of a command event points into the event.
fn under_data(error: Error) -> Error {
    match error {
        Error::Invalid(invalid) => Error::Invalid(invalid.under("/data")),
        error => error,
    }
}

fn outbox_header(mut response: Response, published: Published) -> Response {
    if published == Published::Pending {
        response.headers_mut().insert(OUTBOX, HeaderValue::from_static("pending"));
    }
    response
}

fn allow(entries: &[Entry]) -> String {
    let mut methods: Vec<&str> = entries.iter().map(|entry| entry.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

fn params(path: &'static str, found: &matchit::Params<'_, '_>) -> Result<Params, Error> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let text = percent_encoding::percent_decode_str(found.get(name).unwrap_or_default()).decode_utf8();
            let text = text.map_err(|_| Error::Malformed(format!("{name} in the path is not UTF-8")))?;
            Ok((name, text.into_owned()))
        })
        .collect()
}

/// A call with a body takes no query string: a misplaced field must not be lost in silence.
fn no_query(parts: &Parts) -> Result<(), Error> {
    match parts.uri.query().and_then(|query| form_urlencoded::parse(query.as_bytes()).next().map(|(name, _)| name.into_owned())) {
        None => Ok(()),
        Some(name) => Err(Invalid::field(format!("/{name}"), "unknown query parameter").into()),
    }
}

/// A JSON body as a type, for a handler that has the request to itself; and the rest of the request.
///
/// # Errors
/// What is wrong with it.
pub async fn question<T: serde::de::DeserializeOwned>(request: Request) -> Result<(Parts, T), Error> {
    let (parts, body) = request.into_parts();
    no_query(&parts)?;
    let fields = input::object(&parts.headers, &Params::new(), &collect(body).await?)?;
    Ok((parts, input::read(fields, "")?))
}

/// The body, if it is small enough and comes in time.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Timeout`], [`Error::Malformed`] if it broke off.
pub async fn collect(body: Body) -> Result<Bytes, Error> {
    tokio::time::timeout(BODY_TIMEOUT, collect_in_time(body)).await.map_err(|_| Error::Timeout)?
}

async fn collect_in_time(mut body: Body) -> Result<Bytes, Error> {
    // Usually there is one piece: it is taken as it is.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Error::Malformed("the body broke off".to_owned()))?.into_data() else { continue };
        if first.len() + all.len() + data.len() > BODY_MAX {
            return Err(Error::TooLarge(BODY_MAX));
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Error> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let malformed = || Error::Malformed("If-Match is not a list of ETags".to_owned());
    let text = value.to_str().map_err(|_| malformed())?.trim();
    if text == "*" {
        return Ok(Some(IfMatch::Any));
    }
    let tags = text.split(',').map(|tag| {
        let tag = tag.trim();
        let opaque = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(malformed)?;
        // A strong comparison never matches a weak tag, and a tag that is no version was never ours.
        Ok(if tag.starts_with('W') { None } else { opaque.parse::<i64>().ok() })
    });
    let tags: Vec<Option<i64>> = tags.collect::<Result<_, Error>>()?;
    Ok(Some(IfMatch::Versions(tags.into_iter().flatten().collect())))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    // `to_str` takes a tab within the text for a visible character.
    let is_printable = |byte: u8| matches!(byte, b' '..=b'~');
    let key = value.to_str().ok().map(str::trim);
    key.filter(|key| (1..=IDEMPOTENCY_KEY_MAX).contains(&key.len()) && key.bytes().all(is_printable))
        .map(|key| Some(key.to_owned()))
        .ok_or_else(|| Error::Malformed(format!("Idempotency-Key is not 1 to {IDEMPOTENCY_KEY_MAX} printable ASCII characters")))
}

/// Checks the caller's token, if the settings ask for one: `Authorization: Bearer <token>`, or for a WebSocket, whose headers a page
/// cannot set, the subprotocol `bearer.<base64url>`.
///
/// # Errors
/// [`Error::Unauthorized`].
pub fn authorize(app: &App, headers: &HeaderMap) -> Result<(), Error> {
    use base64::Engine;
    let Some(token) = &app.settings.api_token else { return Ok(()) };
    let is_token = |given: &[u8]| is_same(given, token.expose().as_bytes());
    let bearer = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let bearer =
        bearer.filter(|value| value.len() > 7 && value[..7].eq_ignore_ascii_case(b"bearer ")).map(|value| value[7..].trim_ascii().to_vec());
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let subprotocol = protocols.flat_map(|value| value.split(',')).find_map(|protocol| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(protocol.trim().strip_prefix("bearer.")?.trim_end_matches('=')).ok()
    });
    if bearer.or(subprotocol).is_some_and(|given| is_token(&given)) { Ok(()) } else { Err(Error::Unauthorized) }
}

/// Compares secrets in a time that does not tell how much of them is the same.
#[must_use]
pub fn is_same(given: &[u8], secret: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    given.ct_eq(secret).into()
}
