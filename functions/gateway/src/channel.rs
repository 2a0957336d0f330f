//! What Dapr delivers: records of Kafka and calls of jobs, each handed to the function that wants it.
//!
//! daprd takes one record of a partition after the other and waits for the answer, so the tries of a record are counted here, while its
//! partition waits, and what fails for good leaves for `dead-letters`. Every record is answered 200 in the end: anything else has daprd
//! deliver it again, which is what a stop and a function that is away ask for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use cloudevents::{AttributesReader, Event};
use domain::event::{CommandType, EventType, Topic};
use domain::routes::{self, Concern, FIRE_REMINDER, NOTIFY, Route};
use function::call::{Caller, Failure, pause};
use function::cloud_event::{self, Incoming, STRUCTURED};
use function::ports::{Broker, Scheduler};
use function::{App, Error, Published, Request, Response, full};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::letter::{Letter, Why};

/// Where records are delivered: `/deliveries/<consumer>/<topic>` by the binding of that consumer, `/deliveries/<topic>` by pub/sub, for
/// all who want it.
pub(crate) const DELIVERIES: &str = "/deliveries/";
/// Where jobs call.
pub(crate) const JOBS: &str = "/job/";
/// The token that daprd sends with everything.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("dapr-api-token");
/// Calls to one function at once: many reminders are due at 09:00.
const PARALLEL: usize = 16;
/// Calls of fire-reminder at once, where it is woken ahead of time: those that wait for their moment hold up none that is due.
const PARALLEL_AHEAD: usize = 128;
/// Tries after which a record is given up: with the pauses between them, about a minute.
const ATTEMPTS_MAX: u32 = 10;
/// The first pause after a failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a record is held while its function or the broker is away, before daprd is asked to bring it again.
const HOLD_MAX: Duration = Duration::from_mins(10);
/// The type of what some other app's daprd makes of data that is no event, before it publishes it.
const WRAPPED: &str = "com.dapr.event.sent";

/// The app channel of the sidecar.
pub(crate) struct Channel {
    broker: Arc<dyn Broker>,
    pub(crate) scheduler: Arc<dyn Scheduler>,
    caller: OnceLock<Caller>,
    permits: HashMap<&'static str, Semaphore>,
    ahead: Semaphore,
    refused: AtomicBool,
}

/// Who wants a record.
enum Addressee {
    /// The function of the command in it.
    Commanded,
    /// One consumer.
    One(&'static Route, Topic),
    /// All who consume the topic.
    All(Topic),
}

/// Daprd is to bring the record again.
struct Again(String);

impl Channel {
    pub(crate) fn new(broker: Arc<dyn Broker>, scheduler: Arc<dyn Scheduler>) -> Self {
        let permits = routes::ALL.iter().map(|route| (route.name, Semaphore::new(PARALLEL))).collect();
        let ahead = Semaphore::new(PARALLEL_AHEAD);
        Self { broker, scheduler, caller: OnceLock::new(), permits, ahead, refused: AtomicBool::new(false) }
    }

    /// Answers a call of the sidecar's.
    pub(crate) async fn answer(&self, app: &Arc<App>, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        let result = match (self.authorize(app, request.headers()), path.strip_prefix(DELIVERIES)) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(name)) => self.delivery(app, name, request).await,
            (Ok(()), None) => self.job(app, path.strip_prefix(JOBS).unwrap_or_default()).await,
        };
        result.unwrap_or_else(|error| error.into_response(&path))
    }

    pub(crate) fn caller(&self, app: &App) -> &Caller {
        self.caller.get_or_init(|| Caller::of(app))
    }

    fn authorize(&self, app: &App, headers: &HeaderMap) -> Result<(), Error> {
        let Some(token) = &app.settings.app_api_token else { return Ok(()) };
        if headers.get(TOKEN).is_some_and(|given| function::service::is_same(given.as_bytes(), token.expose().as_bytes())) {
            return Ok(());
        }
        // The sidecar tries again and again; one word says it all.
        if !self.refused.swap(true, Ordering::Relaxed) {
            tracing::error!("a delivery was refused: its dapr-api-token is not APP_API_TOKEN");
        }
        Err(Error::Unauthorized)
    }

    async fn delivery(&self, app: &Arc<App>, name: &str, request: Request) -> Result<Response, Error> {
        let to = addressee(name).ok_or_else(|| Error::NotFound(format!("nobody consumes {name}")))?;
        let (parts, body) = request.into_parts();
        let record = crate::letter::Record::read(name, &parts.headers, body).await?;
        match self.take(app, &to, &parts.headers, &record).await {
            Ok(()) => Ok(Response::new(full(""))),
            Err(Again(why)) => Err(Error::unavailable("the consumer", why)),
        }
    }

    async fn take(&self, app: &Arc<App>, to: &Addressee, headers: &HeaderMap, record: &crate::letter::Record) -> Result<(), Again> {
        let incoming = if record.is_whole() { cloud_event::read(headers, &record.bytes) } else { Err(Error::TooLarge(record.bytes.len())) };
        let events = match incoming {
            Ok(Incoming::One(event)) if event.ty() == WRAPPED => {
                return self.set_aside(app, Letter::of_record(app, record, "not a CloudEvent")).await;
            }
            Ok(Incoming::One(event)) => vec![*event],
            Ok(Incoming::Batch(events)) => events,
            Err(error) => return self.set_aside(app, Letter::of_record(app, record, &error.to_string())).await,
        };
        for event in events {
            self.event(app, to, event).await?;
        }
        Ok(())
    }

    /// Hands one event to those who want it and have something to do for it.
    async fn event(&self, app: &Arc<App>, to: &Addressee, event: Event) -> Result<(), Again> {
        let consumers = match to {
            Addressee::Commanded => match event.ty().parse::<CommandType>() {
                Ok(command) => routes::of_command(command).into_iter().collect(),
                Err(unknown) => {
                    let why = Why { consumer: crate::NAME, attempts: 1, error: format!("{unknown}: {}", event.ty()) };
                    return self.set_aside(app, Letter::of_event(&event, &why)).await;
                }
            },
            Addressee::One(route, topic) => concerned(app, std::slice::from_ref(route), *topic, &event),
            Addressee::All(topic) => concerned(app, &routes::ALL.iter().collect::<Vec<_>>(), *topic, &event),
        };
        if consumers.is_empty() {
            return Ok(());
        }
        let body = Bytes::from(serde_json::to_vec(&event).map_err(|error| Again(error.to_string()))?);
        let handed = consumers.into_iter().map(|route| self.hand_over(app, route, &event, body.clone()));
        futures_util::future::join_all(handed).await.into_iter().collect()
    }

    /// Tries until the function has taken it, or it is given up.
    async fn hand_over(&self, app: &Arc<App>, route: &'static Route, event: &Event, body: Bytes) -> Result<(), Again> {
        let begin = Instant::now();
        let (mut failures, mut attempts) = (0, 0);
        loop {
            let failure = match self.post(app, route, "/", Some(STRUCTURED), body.clone()).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            tracing::debug!(consumer = route.name, id = event.id(), error = %failure.text, "a delivery failed");
            failures += 1;
            attempts += u32::from(!is_away(&failure));
            if failure.is_final() || attempts >= ATTEMPTS_MAX {
                app.metrics.dead_letter(route.name);
                let why = Why { consumer: route.name, attempts, error: failure.text };
                return self.set_aside(app, Letter::of_event(event, &why)).await;
            }
            if begin.elapsed() > HOLD_MAX {
                return Err(Again(failure.text));
            }
            rest(app, failures - 1).await?;
        }
    }

    /// Publishes a dead letter: only when the broker has it may the record go.
    async fn set_aside(&self, app: &Arc<App>, letter: Letter) -> Result<(), Again> {
        tracing::error!(consumer = letter.consumer, id = letter.id, attempts = letter.attempts, error = %letter.error, "an event was given up: it is in dead-letters");
        let begin = Instant::now();
        let mut failures = 0;
        while let Err(error) = self.broker.send(Topic::DeadLetters, &letter.key, &letter.event).await {
            if failures == 0 {
                tracing::warn!(%error, "a dead letter waits for the broker");
            }
            if begin.elapsed() > HOLD_MAX {
                return Err(Again(error.to_string()));
            }
            failures += 1;
            rest(app, failures - 1).await?;
        }
        Ok(())
    }

    /// A job ends with an answer of 200 or 404; with anything else it is called again.
    async fn job(&self, app: &Arc<App>, name: &str) -> Result<Response, Error> {
        let Some(route) = routes::of_job(name) else {
            tracing::warn!(name, "a job that no function has: it is not called again");
            return Err(Error::NotFound(format!("no function has the job {name}")));
        };
        if is_ahead(app, route) {
            wake_notify(app);
        }
        match self.post(app, route, &format!("{JOBS}{name}"), None, Bytes::new()).await {
            Ok(()) => Ok(Response::new(full(""))),
            Err(failure) => {
                tracing::debug!(name, error = %failure.text, "a job failed");
                let mut response = Response::new(full(""));
                // A 404 would end the job.
                *response.status_mut() = failure.status.filter(StatusCode::is_server_error).unwrap_or(StatusCode::BAD_GATEWAY);
                Ok(response)
            }
        }
    }

    async fn post(
        &self,
        app: &Arc<App>,
        route: &Route,
        path: &str,
        content_type: Option<&'static str>,
        body: Bytes,
    ) -> Result<(), Failure> {
        let permits = if is_ahead(app, route) { Some(&self.ahead) } else { self.permits.get(route.name) };
        let permit = match permits {
            Some(permits) => permits.acquire().await.ok(),
            None => None,
        };
        let result = self.caller(app).post(route, path, content_type, body).await;
        drop(permit);
        // After a call that broke off nobody knows what is in the outbox.
        if !matches!(result, Ok(Published::All)) {
            crate::see_to_outbox(app);
        }
        result.map(drop)
    }
}

/// Whether it is called ahead of its time, and waits.
fn is_ahead(app: &App, route: &Route) -> bool {
    route.name == FIRE_REMINDER.name && !app.settings.wake_lead.is_zero()
}

/// Any request wakes it; what it answers does not matter.
fn wake_notify(app: &Arc<App>) {
    let mut request = Request::new(full(""));
    *request.method_mut() = Method::HEAD;
    let functions = app.functions.clone();
    app.background.spawn(async move { functions.call(&NOTIFY, request).await });
}

/// A function that is down or asks for patience: that is not the record's fault.
fn is_away(failure: &Failure) -> bool {
    matches!(failure.status, Some(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS))
}

async fn rest(app: &App, failures: u32) -> Result<(), Again> {
    tokio::select! {
        () = tokio::time::sleep(pause(failures, PAUSE)) => Ok(()),
        () = app.stopping.cancelled() => Err(Again("the gateway is stopping".to_owned())),
    }
}

/// Whom a delivery is for: `<consumer>/<topic>`, or `<topic>`.
fn addressee(path: &str) -> Option<Addressee> {
    let (name, topic) = path.split_once('/').map_or((None, path), |(name, topic)| (Some(name), topic));
    let topic = topic.parse::<Topic>().ok()?;
    let consumes = |route: &&Route| route.consumes.iter().any(|subscription| subscription.topic == topic);
    match name {
        None | Some(crate::NAME) if topic == Topic::TaskCommands => Some(Addressee::Commanded),
        None => routes::ALL.iter().any(|route| consumes(&route)).then_some(Addressee::All(topic)),
        Some(name) => routes::ALL.iter().find(|route| route.name == name && consumes(route)).map(|route| Addressee::One(route, topic)),
    }
}

/// Those of the consumers who want such an event from this topic, and have something to do for this one.
fn concerned(app: &App, consumers: &[&'static Route], topic: Topic, event: &Event) -> Vec<&'static Route> {
    // A type that is none of ours is nobody's business here.
    let Ok(ty) = event.ty().parse::<EventType>() else { return Vec::new() };
    let data = cloud_event::data(event).unwrap_or_default();
    let is_watched = app.functions.sockets() != Some(0);
    let has_to_do = |route: &&Route| {
        let concern = route.wants(topic, ty).map(|subscription| subscription.concern);
        concern.is_some_and(|concern| concern.is_met(ty, &data) && (is_watched || concern != Concern::Watched))
    };
    consumers.iter().copied().filter(has_to_do).collect()
}
