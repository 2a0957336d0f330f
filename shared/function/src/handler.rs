//! A function and its handlers: typed async functions, stored in one form that every host can call.

use std::sync::Arc;

use domain::Resource;
use domain::event::{CommandType, EventType};
use domain::routes::{Access, Operation, Route};
use http::{HeaderName, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::input::{self, Params};
use crate::service::{Service, dispatch};
use crate::settings::{SettingError, Settings};
use crate::{Answer, App, BoxError, BoxFuture, Change, Delivery, Error, Published, Request, Response};

/// Header that identifies the change of a task, for `POST /api/undo`.
pub const CHANGE: HeaderName = HeaderName::from_static("taskflow-change");

/// The form of a command's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// As JSON, with this status.
    Rest(StatusCode),
    /// As an event of this type.
    Event(EventType),
}

/// The answer of a command.
pub(crate) enum Told {
    Answer(Answer),
    Event { subject: String, key: i64, data: Value },
}

/// A command whose data has been read; runs inside a change.
pub(crate) type Prepared = Box<dyn for<'a> FnOnce(&'a mut Change, Telling) -> BoxFuture<'a, Result<Told, Error>> + Send>;
pub(crate) type CommandHandler = Arc<dyn Fn(Value) -> Result<Prepared, Error> + Send + Sync>;
/// The input of an endpoint: the query string or the body, and the path.
pub(crate) struct Asked<'a> {
    pub(crate) query: Option<&'a str>,
    pub(crate) body: Option<Value>,
    pub(crate) params: &'a Params,
}
pub(crate) type EndpointHandler =
    Arc<dyn Fn(Arc<App>, Asked<'_>) -> Result<BoxFuture<'static, Result<Answer, Error>>, Error> + Send + Sync>;
pub(crate) type ConsumerHandler = Arc<dyn for<'a> Fn(&'a mut Change, Delivery) -> BoxFuture<'a, Result<(), Error>> + Send + Sync>;
pub(crate) type DeliveryHandler = Arc<dyn Fn(Arc<App>, Delivery) -> BoxFuture<'static, Result<Published, Error>> + Send + Sync>;
pub(crate) type JobHandler = Arc<dyn Fn(Arc<App>, JobCall) -> BoxFuture<'static, Result<Published, Error>> + Send + Sync>;
pub(crate) type StartHandler = Arc<dyn Fn(Arc<App>) -> BoxFuture<'static, ()> + Send + Sync>;
pub(crate) type OpenHandler = Arc<dyn Fn(Service) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;
pub(crate) type RawHandler = Arc<dyn Fn(Arc<App>, Request) -> BoxFuture<'static, Result<Response, Error>> + Send + Sync>;

pub(crate) type SettingsCheck = fn(&Settings) -> Result<(), SettingError>;

/// How a function handles deliveries.
#[derive(Clone)]
pub(crate) enum Consumer {
    /// In a transaction that also records the delivery.
    InChange(ConsumerHandler),
    /// By itself: the handler must handle a repeated delivery.
    OnItsOwn(DeliveryHandler),
}

/// The handler of a command: an `async fn(&mut Change, C) -> Result<T, Error>`.
pub trait CommandFn<'a, C, T>: Send + Sync {
    /// The future of the async function.
    type Future: Future<Output = Result<T, Error>> + Send + 'a;
    /// Calls the function.
    fn call(&self, change: &'a mut Change, command: C) -> Self::Future;
}

impl<'a, F, R, C, T> CommandFn<'a, C, T> for F
where
    F: Fn(&'a mut Change, C) -> R + Send + Sync,
    R: Future<Output = Result<T, Error>> + Send + 'a,
{
    type Future = R;

    fn call(&self, change: &'a mut Change, command: C) -> R {
        self(change, command)
    }
}

/// A call of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCall {
    /// The job's name: the function's, and an id if it has one.
    pub name: String,
    /// The id at the end of the name.
    pub id: Option<i64>,
}

/// One Taskflow function: its route and its handlers.
#[derive(Clone)]
pub struct Function {
    pub(crate) name: &'static str,
    pub(crate) route: Route,
    pub(crate) commands: Vec<(CommandType, CommandHandler)>,
    pub(crate) endpoints: Vec<(&'static str, EndpointHandler)>,
    pub(crate) raw: Vec<(&'static str, RawHandler)>,
    pub(crate) consumer: Option<Consumer>,
    pub(crate) job: Option<JobHandler>,
    pub(crate) check: Option<SettingsCheck>,
    /// Additional paths, and their access rules.
    pub(crate) paths: Vec<(Method, &'static str, Access, RawHandler)>,
    pub(crate) fallback: Option<RawHandler>,
    pub(crate) at_start: Option<StartHandler>,
    pub(crate) also_by: Option<OpenHandler>,
}

impl Function {
    /// Creates a function without handlers.
    #[must_use]
    pub fn new(route: Route) -> Self {
        Self {
            name: route.name,
            route,
            commands: Vec::new(),
            endpoints: Vec::new(),
            raw: Vec::new(),
            consumer: None,
            job: None,
            check: None,
            paths: Vec::new(),
            fallback: None,
            at_start: None,
            also_by: None,
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns its entry in the table of functions.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Handles a command, over REST and as an event, in one transaction that is committed if the handler succeeds.
    #[must_use]
    pub fn command<C, T, H>(mut self, ty: CommandType, handler: H) -> Self
    where
        C: DeserializeOwned + Send + 'static,
        T: Resource + 'static,
        H: for<'a> CommandFn<'a, C, T> + 'static,
    {
        let handler = Arc::new(handler);
        self.commands.push((
            ty,
            Arc::new(move |value| {
                let command: C = input::read(value, "")?;
                let handler = handler.clone();
                Ok(Box::new(move |change: &mut Change, telling| {
                    Box::pin(async move {
                        let result = handler.call(change, command).await?;
                        tell(change, &result, telling)
                    })
                }))
            }),
        ));
        self
    }

    /// Handles an operation that announces nothing: reads the query string, or the body if there is one.
    #[must_use]
    pub fn endpoint<Q, F>(mut self, operation: &'static str, handler: impl Fn(Arc<App>, Q) -> F + Send + Sync + 'static) -> Self
    where
        Q: DeserializeOwned,
        F: Future<Output = Result<Answer, Error>> + Send + 'static,
    {
        self.endpoints.push((
            operation,
            Arc::new(move |app, asked| {
                let question: Q = match asked.body {
                    Some(body) => input::read(body, "")?,
                    None => input::query(asked.query, asked.params)?,
                };
                Ok(Box::pin(handler(app, question)))
            }),
        ));
        self
    }

    /// Handles an operation with the raw HTTP request.
    #[must_use]
    pub fn raw<F>(mut self, operation: &'static str, handler: impl Fn(Arc<App>, Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response, Error>> + Send + 'static,
    {
        self.raw.push((operation, Arc::new(move |app, request| Box::pin(handler(app, request)))));
        self
    }

    /// Handles an operation of another function with the raw HTTP request.
    #[must_use]
    pub fn operation<F>(self, operation: &'static Operation, handler: impl Fn(Arc<App>, Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response, Error>> + Send + 'static,
    {
        self.path_for(dispatch::method(operation.method), operation.path, operation.access, handler)
    }

    /// Handles a path outside of the function's route with the raw HTTP request. Open paths need no token.
    #[must_use]
    pub fn path<F>(
        self,
        method: Method,
        path: &'static str,
        is_open: bool,
        handler: impl Fn(Arc<App>, Request) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response, Error>> + Send + 'static,
    {
        self.path_for(method, path, if is_open { Access::Public } else { Access::Bearer }, handler)
    }

    fn path_for<F>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        handler: impl Fn(Arc<App>, Request) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response, Error>> + Send + 'static,
    {
        self.paths.push((method, path, access, Arc::new(move |app, request| Box::pin(handler(app, request)))));
        self
    }

    /// Consumes events in one transaction, each once: a repeated delivery is acknowledged and has no effect.
    #[must_use]
    pub fn consumer<H>(mut self, handler: H) -> Self
    where
        H: for<'a> CommandFn<'a, Delivery, ()> + 'static,
    {
        let handler = Arc::new(handler);
        self.consumer = Some(Consumer::InChange(Arc::new(move |change, delivery| {
            let handler = handler.clone();
            Box::pin(async move { handler.call(change, delivery).await })
        })));
        self
    }

    /// Consumes events without a transaction: the handler must tolerate repeated deliveries, and returns whether its events were published.
    #[must_use]
    pub fn deliver<F>(mut self, handler: impl Fn(Arc<App>, Delivery) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Published, Error>> + Send + 'static,
    {
        self.consumer = Some(Consumer::OnItsOwn(Arc::new(move |app, delivery| Box::pin(handler(app, delivery)))));
        self
    }

    /// Handles calls of jobs; returns whether its events were published.
    #[must_use]
    pub fn job<F>(mut self, handler: impl Fn(Arc<App>, JobCall) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Published, Error>> + Send + 'static,
    {
        self.job = Some(Arc::new(move |app, call| Box::pin(handler(app, call))));
        self
    }

    /// Checks the settings that only this function reads ([`Settings::own`]); an invalid value stops the start.
    #[must_use]
    pub fn settings(self, check: fn(&Settings) -> Result<(), SettingError>) -> Self {
        Self { check: Some(check), ..self }
    }

    /// Runs beside the function until the stop, which it must observe, if the function has its own process.
    #[must_use]
    pub fn at_start<F>(mut self, handler: impl Fn(Arc<App>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.at_start = Some(Arc::new(move |app| Box::pin(handler(app))));
        self
    }

    /// Serves callers by other means beside the plain port, until the stop. Called once, by a host that listens itself.
    #[must_use]
    pub fn also_by<F>(mut self, open: impl Fn(Service) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.also_by = Some(Arc::new(move |service| Box::pin(open(service))));
        self
    }

    /// Handles every request that no other handler accepts. The host then checks no token; the handler must.
    #[must_use]
    pub fn fallback<F>(mut self, handler: impl Fn(Arc<App>, Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response, Error>> + Send + 'static,
    {
        self.fallback = Some(Arc::new(move |app, request| Box::pin(handler(app, request))));
        self
    }
}

/// Answers a creation with 201, or with 200 if the resource existed and nothing has changed.
fn answer(change: &Change, result: &impl Resource, status: StatusCode) -> Result<Answer, Error> {
    let made = change.unit.made();
    let is_there = status == StatusCode::CREATED && made.is_none() && result.version().is_some();
    let answer = Answer::resource(result, if is_there { StatusCode::OK } else { status })?;
    Ok(match made {
        Some(made) => answer.header(CHANGE, made.to_string()),
        None => answer,
    })
}

fn tell(change: &Change, result: &impl Resource, telling: Telling) -> Result<Told, Error> {
    Ok(match telling {
        Telling::Rest(status) => Told::Answer(answer(change, result, status)?),
        Telling::Event(ty) => {
            let data = result.event(ty, change.now(), &change.unit.origin().correlation_id);
            Told::Event { subject: result.subject(), key: result.key(), data: serde_json::to_value(data)? }
        }
    })
}
