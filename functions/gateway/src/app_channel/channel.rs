//! Dapr's deliveries: Kafka records and job calls, each passed to the functions that consume it.
//!
//! daprd delivers one record of a partition at a time and waits for the answer, so no consumer may block a record: the crate `deliveries` stores a
//! row for a consumer that is slow, cold or failing. Only an unavailable database and a stop are answered with 503, after which daprd delivers the
//! record again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use cloudevents::{AttributesReader, Event};
use deliveries::{Arrival, Dispatcher, Start};
use domain::event::{CommandType, EventType, PARTITION_KEY, Topic};
use domain::routes::{self, Audience, FIRE_REMINDER, Job, NOTIFY, Route};
use function::call::{Caller, Failure};
use function::cloud_event::{self, Incoming};
use function::guard;
use function::ports::{Broker, Scheduler};
use function::{Answer, App, BoxError, BoxFuture, Error, Published, Request, Response, full};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value;
use store::Deliveries;
use tokio::sync::Semaphore;

use super::record::Record;
use crate::ahead::Ahead;
use crate::letter::{self, SIGNATURE};
use crate::polls::Polls;

/// Paths of records: `/deliveries/gateway/<topic>` by a binding, `/deliveries/<topic>` by pub/sub, for all consumers. The bindings of the previous
/// release deliver to `/deliveries/<consumer>/<topic>`, for one consumer.
pub(crate) const DELIVERIES: &str = "/deliveries/";
/// Path of job calls.
pub(crate) const JOBS: &str = "/job/";
/// The token that daprd sends with every call.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("dapr-api-token");
/// Maximum parallel calls of jobs to one function.
const PARALLEL: usize = 16;
/// Maximum parallel calls to fire-reminder. Many reminders are due at 09:00, and those of parallel calls fire in one transaction.
const PARALLEL_FIRING: usize = 256;
/// Maximum parallel calls to a function that sends to external receivers, and mostly waits for them.
const PARALLEL_SENDING: usize = 64;
/// Maximum early calls of fire-reminder. They have their own limit, so they cannot delay reminders that are due.
const PARALLEL_AHEAD: usize = 128;
/// Time after the start in which the age of a delivery is ignored. Deliveries may be old because the whole deployment was down, and parts of it may
/// still be starting.
const RETURN_MAX: Duration = Duration::from_hours(1);
/// Events that change the alarms of a task, which calendar clients see besides the tasks themselves.
const ALARMS: [EventType; 2] = [EventType::ReminderScheduled, EventType::ReminderCancelled];
/// Type of the event into which another app's daprd wraps data that is no event.
const WRAPPED: &str = "com.dapr.event.sent";

/// The app channel of the sidecar.
pub(crate) struct Channel {
    broker: Arc<dyn Broker>,
    pub(crate) scheduler: Arc<dyn Scheduler>,
    table: Deliveries,
    ahead_of_calls: Arc<Ahead>,
    polls: Arc<Polls>,
    caller: OnceLock<Arc<Caller>>,
    dispatcher: OnceLock<Arc<Dispatcher>>,
    permits: HashMap<&'static str, Semaphore>,
    ahead: Semaphore,
    refused: AtomicBool,
}

/// The consumers of a record.
enum Addressee {
    /// The function of the command in the record.
    Commanded,
    /// One consumer.
    One(&'static Route, Topic),
    /// All consumers of the topic.
    All(Topic),
}

impl Channel {
    pub(crate) fn new(
        broker: Arc<dyn Broker>,
        scheduler: Arc<dyn Scheduler>,
        table: Deliveries,
        (ahead_of_calls, polls): (Arc<Ahead>, Arc<Polls>),
    ) -> Self {
        let parallel = |route: &Route| match route.job {
            Some(Job::Sending) => PARALLEL_SENDING,
            _ if route.name == FIRE_REMINDER.name => PARALLEL_FIRING,
            _ => PARALLEL,
        };
        let permits = routes::ALL.iter().map(|route| (route.name, Semaphore::new(parallel(route)))).collect();
        let (ahead, refused) = (Semaphore::new(PARALLEL_AHEAD), AtomicBool::new(false));
        Self {
            broker,
            scheduler,
            table,
            ahead_of_calls,
            polls,
            caller: OnceLock::new(),
            dispatcher: OnceLock::new(),
            permits,
            ahead,
            refused,
        }
    }

    /// Starts deliveries from the table, until the stop.
    pub(crate) fn start(&self, app: &Arc<App>) {
        let dispatcher = self.dispatcher(app);
        app.background.spawn(dispatcher.clone().keep_loaded());
        app.background.spawn(dispatcher.clone().acknowledge());
        app.background.spawn(dispatcher.clone().publish_letters());
    }

    fn dispatcher(&self, app: &Arc<App>) -> &Arc<Dispatcher> {
        self.dispatcher.get_or_init(|| {
            Dispatcher::new(Start {
                table: self.table.clone(),
                clock: app.clock.clone(),
                caller: self.caller(app).clone(),
                publisher: app.publisher.clone(),
                broker: Some(Arc::new(Signing { app: app.clone(), broker: self.broker.clone() })),
                return_max: RETURN_MAX,
                stopping: app.stopping.clone(),
                tracker: app.background.clone(),
            })
        })
    }

    /// Answers a call of the sidecar.
    pub(crate) async fn answer(&self, app: &Arc<App>, request: Request) -> Result<Response, Error> {
        self.authorize(app, request.headers())?;
        let path = request.uri().path().to_owned();
        match path.strip_prefix(DELIVERIES) {
            Some(name) => self.delivery(app, name, request).await,
            None => self.job(app, path.strip_prefix(JOBS).unwrap_or_default()).await,
        }
    }

    pub(crate) fn caller(&self, app: &App) -> &Arc<Caller> {
        self.caller.get_or_init(|| Arc::new(Caller::of(app)))
    }

    fn authorize(&self, app: &App, headers: &HeaderMap) -> Result<(), Error> {
        let (given, token) = (headers.get(TOKEN), &app.settings.app_api_token);
        if given.zip(token.as_ref()).is_some_and(|(given, token)| guard::is_same(given.as_bytes(), token.expose().as_bytes())) {
            return Ok(());
        }
        // The sidecar retries, so this is logged once.
        if !self.refused.swap(true, Ordering::Relaxed) {
            tracing::error!("a delivery was refused: its dapr-api-token is not APP_API_TOKEN");
        }
        Err(Error::Unauthorized)
    }

    async fn delivery(&self, app: &Arc<App>, name: &str, request: Request) -> Result<Response, Error> {
        let to = addressee(name).ok_or_else(|| Error::NotFound(format!("no function consumes {name}")))?;
        let (parts, body) = request.into_parts();
        let record = Record::read(name, &parts.headers, body).await?;
        match self.take(app, &to, &parts.headers, &record).await {
            Ok(()) => Ok(Response::new(full(""))),
            Err(error) => Err(Error::unavailable("the database", error)),
        }
    }

    async fn take(&self, app: &Arc<App>, to: &Addressee, headers: &HeaderMap, record: &Record) -> Result<(), sqlx::Error> {
        let incoming =
            if record.is_whole() { cloud_event::read_record(headers, &record.bytes) } else { Err(Error::TooLarge(record.bytes.len())) };
        let events = match incoming {
            Ok(Incoming::One(event)) if event.ty() == WRAPPED => return self.set_aside(app, to, record, "not a CloudEvent").await,
            Ok(Incoming::One(event)) => vec![*event],
            Ok(Incoming::Batch(_)) => return self.set_aside(app, to, record, "a batch of events; a record must be one event").await,
            Err(error) => return self.set_aside(app, to, record, &error.to_string()).await,
        };
        for event in events {
            self.event(app, to, &event, &record.key).await?;
        }
        Ok(())
    }

    /// Passes one event to the consumers that it concerns.
    async fn event(&self, app: &Arc<App>, to: &Addressee, event: &Event, record_key: &str) -> Result<(), sqlx::Error> {
        let partition_key = cloud_event::extension(event, PARTITION_KEY);
        let key = key(partition_key.as_deref().or(event.subject()).unwrap_or(record_key));
        let text = serde_json::to_string(event).map_err(|error| sqlx::Error::Encode(error.into()))?;
        if to.topic() == Topic::TaskEvents || ALARMS.iter().any(|ty| ty.as_str() == event.ty()) {
            self.polls.forget();
        }
        let consumers = match to {
            Addressee::Commanded => match event.ty().parse::<CommandType>() {
                Ok(command) => routes::of_command(command).into_iter().collect(),
                Err(unknown) => {
                    let error = format!("{unknown}: {}", event.ty());
                    return self.dispatcher(app).set_aside(crate::NAME, key, Topic::TaskCommands, &text, &error).await;
                }
            },
            Addressee::One(route, topic) => self.concerned(app, std::slice::from_ref(*route), *topic, event),
            Addressee::All(topic) => self.concerned(app, routes::ALL, *topic, event),
        };
        if consumers.is_empty() {
            return Ok(());
        }
        self.dispatcher(app).hand_over(Arrival { key, topic: to.topic(), event: Bytes::from(text), consumers }).await
    }

    /// Returns the consumers of such events that this event concerns.
    fn concerned(&self, app: &App, consumers: &'static [Route], topic: Topic, event: &Event) -> Vec<&'static Route> {
        // No function consumes a type that Taskflow does not define.
        let Ok(ty) = event.ty().parse::<EventType>() else { return Vec::new() };
        let data = cloud_event::data(event).unwrap_or_default();
        self.ahead_of_calls.learn(topic, ty, &data, app.settings.posted());
        let audience = Audience { is_watched: app.functions.sockets() != Some(0), posted: app.settings.posted() };
        consumers.iter().filter(|route| route.has_to_do(topic, ty, &data, audience)).collect()
    }

    /// Stores a record that is no event as a dead letter.
    async fn set_aside(&self, app: &Arc<App>, to: &Addressee, record: &Record, error: &str) -> Result<(), sqlx::Error> {
        let event = record.wrapped(app).to_string();
        self.dispatcher(app).set_aside(crate::NAME, key(&record.key), to.topic(), &event, error).await
    }

    /// Calls a job. A job ends with 200 or 404; after any other status it is called again.
    async fn job(&self, app: &Arc<App>, name: &str) -> Result<Response, Error> {
        let Some(route) = routes::of_job(name) else {
            tracing::warn!(name, "the scheduler called a job that no function has; the job ends");
            return Err(Error::NotFound(format!("no function has the job {name}")));
        };
        if is_ahead(app, route) {
            // fire-reminder wakes the functions that the reminder needs. Nearly all need this one, so it starts at the same time.
            app.wake(&NOTIFY);
        }
        match self.post(app, route, &format!("{JOBS}{name}"), None, Bytes::new()).await {
            Ok(()) => Ok(Response::new(full(""))),
            Err(failure) => {
                tracing::debug!(name, error = %failure.text, "a job failed");
                // A 404 would end the job.
                let status = failure.status.filter(StatusCode::is_server_error).unwrap_or(StatusCode::BAD_GATEWAY);
                Ok(Answer::empty(status).into())
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
        // After a broken call the state of the outbox is unknown.
        if !matches!(result, Ok(Published::All)) {
            crate::see_to_outbox(app);
        }
        result.map(drop)
    }
}

/// Publishes dead letters with the gateway's signature. Only signed letters are replayed from Kafka.
struct Signing {
    app: Arc<App>,
    broker: Arc<dyn Broker>,
}

impl Broker for Signing {
    fn send<'a>(&'a self, topic: Topic, key: &'a str, event: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let mut letter: Value = serde_json::from_str(event)?;
            letter[SIGNATURE] = letter::signature(&self.app, &letter).into();
            self.broker.send(topic, key, &letter.to_string()).await
        })
    }
}

/// True if the function is called early and waits.
fn is_ahead(app: &App, route: &Route) -> bool {
    route.name == FIRE_REMINDER.name && !app.settings.wake_lead.is_zero()
}

/// Returns the key of an event's rows: the task's id, or for other events a stable number.
fn key(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        digest.as_ref().first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
    })
}

impl Addressee {
    fn topic(&self) -> Topic {
        match self {
            Self::Commanded => Topic::TaskCommands,
            Self::One(_, topic) | Self::All(topic) => *topic,
        }
    }
}

/// Parses the consumer and the topic from a delivery path: `<consumer>/<topic>`, or `<topic>`.
fn addressee(path: &str) -> Option<Addressee> {
    let (name, topic) = path.split_once('/').map_or((None, path), |(name, topic)| (Some(name), topic));
    let topic = topic.parse::<Topic>().ok()?;
    let consumes = |route: &&Route| route.consumes.iter().any(|subscription| subscription.topic == topic);
    match name {
        None | Some(crate::NAME) if topic == Topic::TaskCommands => Some(Addressee::Commanded),
        None | Some(crate::NAME) => routes::ALL.iter().any(|route| consumes(&route)).then_some(Addressee::All(topic)),
        Some(name) => routes::ALL.iter().find(|route| route.name == name && consumes(route)).map(|route| Addressee::One(route, topic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The consumer and the topic of a path: "all", "commanded" or a function's name.
    fn read(path: &str) -> Option<(&'static str, Topic)> {
        let to = addressee(path)?;
        let name = match &to {
            Addressee::Commanded => "commanded",
            Addressee::One(route, _) => route.name,
            Addressee::All(_) => "all",
        };
        Some((name, to.topic()))
    }

    #[test]
    fn a_delivery_path_names_the_consumers() {
        for (path, to) in [
            ("task-events", Some(("all", Topic::TaskEvents))),
            ("gateway/reminders", Some(("all", Topic::Reminders))),
            ("task-commands", Some(("commanded", Topic::TaskCommands))),
            ("gateway/task-commands", Some(("commanded", Topic::TaskCommands))),
            ("record-audit/task-events", Some(("record-audit", Topic::TaskEvents))),
            ("record-audit/task-updates", None),
            ("list-tasks/task-events", None),
            ("nobody/task-events", None),
            ("dead-letters", None),
            ("task-events/notify", None),
            ("", None),
        ] {
            assert_eq!(read(path), to, "{path:?}");
        }
    }

    #[test]
    fn rows_are_keyed_by_task_or_by_a_stable_number() {
        assert_eq!(key("42"), 42);
        assert_eq!(key("not a number"), key("not a number"));
        assert_ne!(key("not a number"), key("another text"));
    }
}
