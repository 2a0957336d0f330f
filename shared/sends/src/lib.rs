//! Shared code of the channels of reminders. A send never blocks a delivery: the consumer of reminder.triggered writes rows and jobs that are due now
//! ([`fired`], [`store::Unit::create_sends`]), and the job makes one attempt ([`Sender::run`]).
//!
//! - An attempt claims its row, waits for the receiver without a database connection, and settles the row together with the reminder.
//! - Retries are jobs, with pauses of 1, 4, 16, … seconds up to an hour, so that no function waits. They end when the send expires.
//! - A receiver gets a firing twice only if its answer, or this process, was lost. The second message then has the same id as the first.

pub mod connect;
pub mod push;

use std::sync::Arc;
use std::time::Duration;

use domain::event::ReminderEvent;
use domain::reminder::{ReminderStatus, ReminderType};
use domain::routes::Route;
use domain::task::Status;
use domain::{Reminder, Task, Timestamp};
use function::link::{Action, Link};
use function::span::Current;
use function::{App, Change, Delivery, Error, JobCall, Published};
use store::{Claimed, NewSend, Sending, Settled, found, send_job};
use tokio::sync::Semaphore;

/// How long a reminder is retried.
pub const DAY: Duration = Duration::from_hours(24);
/// Time limit of an attempt.
const ATTEMPT_MAX: Duration = Duration::from_secs(30);
/// How long an attempt holds its row. If it is killed, the next attempt starts after that.
const LEASE: Duration = Duration::from_secs(40);
/// How long a call waits for its turn. After that the scheduler retries.
const TURN_MAX: Duration = Duration::from_secs(15);
/// Pause after the first failure. It quadruples each time, so that after two minutes the function sleeps between attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// Maximum pause.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has the message.
    Sent,
    /// Another attempt may succeed.
    Retry {
        /// The error.
        error: String,
        /// The minimum pause that the receiver requested.
        after: Option<Duration>,
    },
    /// No further attempt will succeed.
    Failed(String),
}

impl Outcome {
    /// Creates a retry without a requested pause.
    pub fn retry(error: impl Into<String>) -> Self {
        Self::Retry { error: error.into(), after: None }
    }
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct Message {
    /// The attempt.
    pub send: Sending,
    /// The reminder and its task; `None` for an event or a test.
    pub about: Option<(Reminder, Task)>,
}

impl Message {
    /// Returns the headline.
    #[must_use]
    pub fn title(&self) -> &str {
        self.about.as_ref().map_or("This is a test", |(_, task)| &task.title)
    }

    /// Returns the due date as text for the user.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn body(&self, app: &App) -> Result<String, Error> {
        let Some((_, task)) = &self.about else { return Ok("Reminders reach this browser.".to_owned()) };
        let own = app.store()?.own_preferences().await?;
        Ok(task.due_text(own.zone_for(task)).unwrap_or_default())
    }

    /// Returns the paths of the links that answer the reminder; none for a test, or without `TASKFLOW_LINK_KEY`.
    #[must_use]
    pub fn links(&self, app: &App) -> Vec<(Action, String)> {
        let Some((reminder, _)) = &self.about else { return Vec::new() };
        let link = |action: Action| Some((action, Link::new(reminder.id, action, app.now()).path(&app.settings)?));
        Action::ALL.into_iter().filter_map(link).collect()
    }
}

/// Returns the reminder of this event, if it has fired, is not over, and uses this channel. The row decides, not the event.
///
/// # Errors
/// The database is unavailable, or the event cannot be read.
pub async fn fired(change: &mut Change, delivery: &Delivery, channel: ReminderType) -> Result<Option<Reminder>, Error> {
    let event: ReminderEvent = delivery.data()?;
    let reminder = found(change.unit.reminder(event.reminder_id).await)?;
    let goes_here = |reminder: &Reminder| match event.channels {
        Some(_) => reminder.delivery(channel).is_some(),
        // The previous release fired it.
        None => reminder.reminder_type.is_none_or(|own| own == channel) && change.app.settings.channels().contains(&channel),
    };
    let is_open = |reminder: &Reminder| match reminder.status {
        ReminderStatus::Pending => true,
        // Another channel was faster. A reminder that the previous release has sent is over.
        ReminderStatus::Sent => event.channels.is_some(),
        ReminderStatus::Failed | ReminderStatus::Cancelled => false,
    };
    Ok(reminder.filter(|reminder| reminder.triggered_at.is_some() && is_open(reminder) && goes_here(reminder)))
}

/// Returns the send of a fired reminder, which expires after a day.
#[must_use]
pub fn of_reminder(reminder: &Reminder, channel: ReminderType) -> NewSend<'_> {
    let expires_at = reminder.triggered_at.unwrap_or(reminder.scheduled_at).after(DAY);
    NewSend { channel, key: reminder.task_id, reminder: Some(reminder), subscriptions: None, event: None, expires_at }
}

/// Makes the attempts of one channel.
pub struct Sender {
    route: Route,
    channel: ReminderType,
    turns: Semaphore,
}

impl Sender {
    /// Creates the sender for the jobs of this function, with this many parallel attempts.
    #[must_use]
    pub fn new(route: Route, channel: ReminderType, parallel: usize) -> Arc<Self> {
        Arc::new(Self { route, channel, turns: Semaphore::new(parallel) })
    }

    /// Makes the attempt of a job, if it is due, and stores the outcome. The job ends; a retry is a job of its own.
    ///
    /// # Errors
    /// The scheduler retries: the database is unavailable, another attempt is in progress, or there are too many.
    pub async fn run<A>(
        self: Arc<Self>,
        app: Arc<App>,
        call: JobCall,
        attempt: impl FnOnce(Arc<App>, Message) -> A + Send,
    ) -> Result<Published, Error>
    where
        A: Future<Output = Result<Outcome, Error>> + Send,
    {
        // A job without a send ends, because the scheduler would repeat an error without end.
        let Some(id) = call.id else { return Ok(Published::All) };
        let turn = tokio::time::timeout(TURN_MAX, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| Error::unavailable("a turn to send", "too many sends are waiting"))?;
        let send = match app.store()?.claim_send(id, self.channel, app.now(), LEASE).await? {
            Claimed::Yours(send) => *send,
            Claimed::Over => return Ok(Published::All),
            Claimed::Busy => return Err(Error::unavailable("the send", "another attempt is in progress")),
            Claimed::Later { key, at } => return self.call_later(&app, id, key, at).await,
        };
        let outcome = match self.message(&app, &send).await? {
            None => Settled::Cancelled,
            Some(message) => match tokio::time::timeout(ATTEMPT_MAX, attempt(app.clone(), message)).await {
                Ok(outcome) => settled(&send, outcome?, app.now()),
                Err(_) => settled(&send, Outcome::retry(format!("no answer within {} s", ATTEMPT_MAX.as_secs())), app.now()),
            },
        };
        tracing::debug!(send = id, function = self.route.name, attempts = send.attempts, ?outcome, "an attempt");
        self.settle(&app, &send, &outcome).await
    }

    /// Returns the message; `None` if the task is over, or the reminder was snoozed or moved.
    async fn message(&self, app: &App, send: &Sending) -> Result<Option<Message>, Error> {
        let Some((reminder_id, fired_at)) = send.firing else { return Ok(Some(Message { send: send.clone(), about: None })) };
        let reminder = found(app.store()?.reminder(reminder_id).await)?;
        let reminder = reminder.filter(|reminder| reminder.triggered_at == Some(fired_at) && reminder.status != ReminderStatus::Cancelled);
        let task = found(app.store()?.task(send.key).await)?.filter(|task| task.status == Status::Pending);
        Ok(reminder.zip(task).map(|about| Message { send: send.clone(), about: Some(about) }))
    }

    async fn settle(&self, app: &Arc<App>, send: &Sending, outcome: &Settled) -> Result<Published, Error> {
        let subject = send.firing.map(|(reminder_id, _)| ("reminder_id", reminder_id));
        let mut change = app.change_on(subject, app.origin(self.route.name), None).await?;
        change.resume(&Current::get(), send.cause.clone());
        change.unit.settle_send(send, outcome).await?;
        if let (Settled::Sent, Some(id)) = (outcome, send.subscription_id) {
            change.unit.touch_subscription(id).await?;
        }
        change.commit().await
    }

    async fn call_later(&self, app: &Arc<App>, id: i64, key: i64, at: Timestamp) -> Result<Published, Error> {
        let mut change = app.change(app.origin(self.route.name), None).await?;
        if let Some(job) = send_job(self.channel, id) {
            change.unit.schedule_job(&job, key, at);
        }
        change.commit().await
    }
}

/// Decides what follows from an attempt.
fn settled(send: &Sending, outcome: Outcome, now: Timestamp) -> Settled {
    match outcome {
        Outcome::Sent => Settled::Sent,
        Outcome::Failed(error) => Settled::Failed(error),
        Outcome::Retry { error, after } => {
            let at = now.after(pause(send.attempts, send.id).max(after.unwrap_or_default()));
            if at < send.expires_at {
                Settled::Again { at, error }
            } else {
                Settled::Failed(format!("gave up after {} attempts: {error}", send.attempts))
            }
        }
    }
}

/// Returns the pause after this many attempts. It is up to a quarter longer, depending on the send, so that sends that failed together are not
/// retried together.
fn pause(attempts: u32, id: i64) -> Duration {
    let pause = PAUSE.saturating_mul(4_u32.saturating_pow(attempts.saturating_sub(1))).min(PAUSE_MAX);
    let share = u32::try_from(id.rem_euclid(64)).unwrap_or_default();
    pause + pause / 256 * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_microsecond(seconds * 1_000_000).unwrap()
    }

    fn send(attempts: u32) -> Sending {
        Sending {
            id: 64,
            channel: ReminderType::Webhook,
            key: 1,
            firing: None,
            subscription_id: None,
            event: None,
            attempts,
            expires_at: at(86_400),
            cause: None,
        }
    }

    #[test]
    fn pauses_grow_to_an_hour() {
        let pauses: Vec<u64> = (1..=9).map(|attempts| pause(attempts, 64).as_secs()).collect();
        assert_eq!(pauses, [1, 4, 16, 64, 256, 1_024, 3_600, 3_600, 3_600]);
        // After two minutes of failures, a function sleeps between two attempts: a pod ends a minute and a half after its last call.
        let ends: u64 = pauses
            .iter()
            .scan(0, |sum, pause| {
                *sum += pause;
                Some(*sum)
            })
            .take_while(|sum| *sum < 120)
            .count()
            .try_into()
            .unwrap();
        assert!(pause(u32::try_from(ends).unwrap() + 1, 64) > Duration::from_mins(2));
        assert!((0..64).all(|id| pause(3, id) >= Duration::from_secs(16) && pause(3, id) <= Duration::from_secs(20)));
    }

    #[test]
    fn a_receiver_can_request_a_longer_pause_until_the_send_expires() {
        let retry = |after: Option<u64>| Outcome::Retry { error: "429".to_owned(), after: after.map(Duration::from_secs) };
        let again = |seconds| Settled::Again { at: at(seconds), error: "429".to_owned() };
        assert_eq!(settled(&send(1), retry(None), at(0)), again(1));
        assert_eq!(settled(&send(1), retry(Some(120)), at(0)), again(120));
        assert_eq!(settled(&send(4), retry(Some(2)), at(0)), again(64));
        let given_up = Settled::Failed("gave up after 9 attempts: 429".to_owned());
        assert_eq!(settled(&send(9), retry(None), at(83_000)), given_up);
        assert_eq!(settled(&send(1), Outcome::Failed("410".to_owned()), at(0)), Settled::Failed("410".to_owned()));
    }
}
