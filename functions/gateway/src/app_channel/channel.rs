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
use domain::Timestamp;
use domain::event::{CommandType, EventType, Topic};
use domain::routes::{self, Concern, FIRE_REMINDER, NOTIFY, Route};
use function::call::{Caller, Failure, Next, Tries, pause};
use function::cloud_event::{self, Incoming, STRUCTURED};
use function::guard;
use function::ports::{Broker, Scheduler};
use function::{Answer, App, Error, Published, Request, Response, full};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::letter::{Letter, Record, Why};

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
/// The first pause after the broker did not take a dead letter; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a record is held while its function or the broker is away, before daprd is asked to bring it again.
const HOLD_MAX: Duration = Duration::from_mins(10);
/// How long after the first record the age of a record says nothing: it may be old because the whole deployment was down, and not all of
/// it is back.
const RETURN_MAX: Duration = Duration::from_hours(1);
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
    /// When the first record came.
    begin: OnceLock<Timestamp>,
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

/// Since when a record may have been waiting for its consumer.
#[derive(Clone, Copy)]
struct Since {
    /// When Kafka got it. Not the event's own time, which any producer may make up or leave out.
    written: Timestamp,
    /// When the gateway got the first one.
    begin: Timestamp,
}

impl Since {
    /// How old the record is; nothing in the gateway's first hour.
    fn age(self, now: Timestamp) -> Duration {
        if now.since(self.begin) < RETURN_MAX { Duration::ZERO } else { now.since(self.written) }
    }
}

impl Channel {
    pub(crate) fn new(broker: Arc<dyn Broker>, scheduler: Arc<dyn Scheduler>) -> Self {
        let permits = routes::ALL.iter().map(|route| (route.name, Semaphore::new(PARALLEL))).collect();
        let ahead = Semaphore::new(PARALLEL_AHEAD);
        Self { broker, scheduler, caller: OnceLock::new(), permits, ahead, refused: AtomicBool::new(false), begin: OnceLock::new() }
    }

    /// Answers a call of the sidecar's.
    pub(crate) async fn answer(&self, app: &Arc<App>, request: Request) -> Result<Response, Error> {
        self.authorize(app, request.headers())?;
        let path = request.uri().path().to_owned();
        match path.strip_prefix(DELIVERIES) {
            Some(name) => self.delivery(app, name, request).await,
            None => self.job(app, path.strip_prefix(JOBS).unwrap_or_default()).await,
        }
    }

    pub(crate) fn caller(&self, app: &App) -> &Caller {
        self.caller.get_or_init(|| Caller::of(app))
    }

    fn authorize(&self, app: &App, headers: &HeaderMap) -> Result<(), Error> {
        let (given, token) = (headers.get(TOKEN), &app.settings.app_api_token);
        if given.zip(token.as_ref()).is_some_and(|(given, token)| guard::is_same(given.as_bytes(), token.expose().as_bytes())) {
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
        let record = Record::read(name, &parts.headers, body).await?;
        match self.take(app, &to, &parts.headers, &record).await {
            Ok(()) => Ok(Response::new(full(""))),
            Err(Again(why)) => Err(Error::unavailable("the consumer", why)),
        }
    }

    async fn take(&self, app: &Arc<App>, to: &Addressee, headers: &HeaderMap, record: &Record) -> Result<(), Again> {
        let incoming =
            if record.is_whole() { cloud_event::read_record(headers, &record.bytes) } else { Err(Error::TooLarge(record.bytes.len())) };
        let events = match incoming {
            Ok(Incoming::One(event)) if event.ty() == WRAPPED => {
                return self.set_aside(app, Letter::of_record(app, record, "not a CloudEvent")).await;
            }
            Ok(Incoming::One(event)) => vec![*event],
            Ok(Incoming::Batch(events)) => events,
            Err(error) => return self.set_aside(app, Letter::of_record(app, record, &error.to_string())).await,
        };
        let begin = *self.begin.get_or_init(|| app.now());
        for event in events {
            self.event(app, to, event, Since { begin, written: record.written.unwrap_or(begin) }).await?;
        }
        Ok(())
    }

    /// Hands one event to those who want it and have something to do for it.
    async fn event(&self, app: &Arc<App>, to: &Addressee, event: Event, since: Since) -> Result<(), Again> {
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
        let handed = consumers.into_iter().map(|route| self.hand_over(app, route, &event, body.clone(), since));
        futures_util::future::join_all(handed).await.into_iter().collect()
    }

    /// Tries until the function has taken it, or it is given up.
    async fn hand_over(&self, app: &Arc<App>, route: &'static Route, event: &Event, body: Bytes, since: Since) -> Result<(), Again> {
        let begin = Instant::now();
        let mut tries = Tries::default();
        loop {
            let failure = match self.post(app, route, "/", Some(STRUCTURED), body.clone()).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            tracing::debug!(consumer = route.name, id = event.id(), error = %failure.text, "a delivery failed");
            match failure.next(tries, since.age(app.now())) {
                Next::Retry => tries.attempts += 1,
                Next::Wait => tries.uncounted += 1,
                Next::GiveUp => {
                    app.metrics.dead_letter(route.name);
                    let why = Why { consumer: route.name, attempts: tries.attempts + 1, error: failure.text };
                    return self.set_aside(app, Letter::of_event(event, &why)).await;
                }
            }
            if begin.elapsed() > HOLD_MAX {
                return Err(Again(failure.text));
            }
            rest(app, tries.pause()).await?;
        }
    }

    /// Publishes a dead letter: only when the broker has it may the record go.
    async fn set_aside(&self, app: &Arc<App>, letter: Letter) -> Result<(), Again> {
        tracing::error!(consumer = letter.consumer, id = letter.id, attempts = letter.attempts, error = %letter.error, "an event was given up: it is in dead-letters");
        let event = letter.signed(app);
        let begin = Instant::now();
        let mut failures = 0;
        while let Err(error) = self.broker.send(Topic::DeadLetters, &letter.key, &event).await {
            if failures == 0 {
                tracing::warn!(%error, "a dead letter waits for the broker");
            }
            if begin.elapsed() > HOLD_MAX {
                return Err(Again(error.to_string()));
            }
            failures += 1;
            rest(app, pause(failures - 1, PAUSE)).await?;
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

async fn rest(app: &App, pause: Duration) -> Result<(), Again> {
    tokio::select! {
        () = tokio::time::sleep(pause) => Ok(()),
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Mutex;

    use domain::ambient::Clock;
    use domain::routes::RECORD_AUDIT;
    use function::BoxFuture;
    use function::ports::Functions;
    use function::settings::Settings;
    use http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "what-daprd-brings";
    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);

    /// A clock that goes as the runtime's does, which a test has paused.
    struct Paused(Instant);

    impl Paused {
        fn at(elapsed: Duration) -> Timestamp {
            const BEGIN: i64 = 1_800_000_000_000_000;
            Timestamp::from_microsecond(BEGIN + i64::try_from(elapsed.as_micros()).unwrap()).unwrap()
        }
    }

    impl Clock for Paused {
        fn now(&self) -> Timestamp {
            Self::at(self.0.elapsed())
        }
    }

    /// A function that answers so, and a broker that keeps what it gets.
    struct Fake {
        answer: Box<dyn Fn(Duration) -> StatusCode + Send + Sync>,
        begin: Instant,
        letters: Mutex<Vec<Value>>,
    }

    impl Functions for Fake {
        fn call(&self, _: &Route, _: Request) -> BoxFuture<'_, Response> {
            let mut response = Response::new(full(""));
            *response.status_mut() = (self.answer)(self.begin.elapsed());
            Box::pin(async { response })
        }
    }

    impl Broker for Fake {
        fn send<'a>(&'a self, topic: Topic, _: &'a str, event: &'a str) -> BoxFuture<'a, Result<(), function::BoxError>> {
            assert_eq!(topic, Topic::DeadLetters);
            self.letters.lock().unwrap().push(serde_json::from_str(event).unwrap());
            Box::pin(async { Ok(()) })
        }
    }

    impl Scheduler for Fake {
        fn has_job<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, function::BoxError>> {
            Box::pin(async { Ok(true) })
        }

        fn repeat_job<'a>(&'a self, _: &'a str, _: Duration) -> BoxFuture<'a, Result<(), function::BoxError>> {
            Box::pin(async { Ok(()) })
        }
    }

    struct Gateway {
        app: Arc<App>,
        channel: Channel,
        fake: Arc<Fake>,
    }

    impl Gateway {
        fn new(answer: impl Fn(Duration) -> StatusCode + Send + Sync + 'static) -> Self {
            let begin = Instant::now();
            let fake = Arc::new(Fake { answer: Box::new(answer), begin, letters: Mutex::default() });
            let lookup = |name: &str| (name == "APP_API_TOKEN").then(|| SECRET.to_owned());
            let settings = Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap();
            let app = App { functions: fake.clone(), clock: Arc::new(Paused(begin)), ..App::alone(settings).unwrap() };
            Self { app: Arc::new(app), channel: Channel::new(fake.clone(), fake.clone()), fake }
        }

        /// Delivers a record that Kafka got at this time, as daprd does; true if it may go.
        async fn deliver(&self, written: Timestamp) -> bool {
            let event = json!({ "specversion": "1.0", "id": "1", "source": "/tests", "type": "task.created", "data": {} });
            let mut request = Request::new(full(event.to_string()));
            *request.uri_mut() = format!("{DELIVERIES}{}/task-events", RECORD_AUDIT.name).parse().unwrap();
            request.headers_mut().insert(TOKEN, HeaderValue::from_static(SECRET));
            request.headers_mut().insert("__timestamp", (written.as_microsecond() / 1000).into());
            let status = self.channel.answer(&self.app, request).await.map_or_else(|error| error.status(), |response| response.status());
            assert!(matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE), "{status}");
            status == StatusCode::OK
        }

        /// The same, as often as it takes; how long that is.
        async fn deliver_until_it_goes(&self, written: Timestamp) -> Duration {
            while !self.deliver(written).await {}
            self.fake.begin.elapsed()
        }

        fn letters(&self) -> Vec<(Value, Value)> {
            let letters = self.fake.letters.lock().unwrap();
            letters.iter().map(|letter| (letter["consumer"].clone(), letter["attempts"].clone())).collect()
        }
    }

    fn letter(attempts: u32) -> (Value, Value) {
        (json!(RECORD_AUDIT.name), json!(attempts))
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_always_fails_gets_ten_attempts() {
        let gateway = Gateway::new(|_| StatusCode::INTERNAL_SERVER_ERROR);
        assert!(gateway.deliver(Paused::at(Duration::ZERO)).await);
        assert_eq!(gateway.letters(), [letter(10)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_waits_for_a_function_that_is_unavailable_whatever_says_so() {
        for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::BAD_GATEWAY, StatusCode::TOO_MANY_REQUESTS, StatusCode::GATEWAY_TIMEOUT]
        {
            let gateway = Gateway::new(move |elapsed| if elapsed < 23 * HOUR { status } else { StatusCode::OK });
            assert!(gateway.deliver_until_it_goes(Paused::at(Duration::ZERO)).await >= 23 * HOUR);
            assert_eq!(gateway.letters(), [], "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_does_not_wait_for_longer_than_a_day_and_those_behind_it_not_for_a_day_each() {
        let gateway = Gateway::new(|_| StatusCode::SERVICE_UNAVAILABLE);
        for hour in 0..3 {
            let waited = gateway.deliver_until_it_goes(Paused::at(hour * HOUR)).await;
            assert!((DAY..DAY + HOUR).contains(&waited.saturating_sub(hour * HOUR)), "{waited:?}");
        }
        assert_eq!(gateway.letters(), [letter(1), letter(1), letter(1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_record_waits_while_the_deployment_comes_back() {
        let back = Duration::from_mins(30);
        let gateway = Gateway::new(move |elapsed| if elapsed < back { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK });
        let friday = Timestamp::from_microsecond(Paused::at(Duration::ZERO).as_microsecond() - 3 * 86_400_000_000).unwrap();
        assert!(gateway.deliver_until_it_goes(friday).await >= back);
        assert_eq!(gateway.letters(), []);
    }
}
