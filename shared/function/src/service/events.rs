//! Events: one or a batch, each a command or a delivery.

use cloudevents::{AttributesReader, Event};
use domain::Invalid;
use domain::event::{CAUSATION_ID, CommandType, EventType, Origin, Topic};
use domain::routes::Audience;
use http::StatusCode;
use serde_json::{Value, json};
use store::Subject;

use super::{Inner, authorization, telling};
use crate::cloud_event::{self, Refused, STRUCTURED};
use crate::guard::Trust;
use crate::handler::{CommandHandler, Consumer, Telling, Told};
use crate::span::Span;
use crate::{Answer, App, Delivery, Error, Published, Response, input};

impl Inner {
    pub(super) async fn one(&self, event: Event, trust: Trust) -> Result<Response, Error> {
        let (answer, published) = self.event(event, trust).await?;
        let answer = match answer {
            Some(event) => Answer::of(STRUCTURED, serde_json::to_vec(&event)?),
            // 200 is an acknowledgement for brokers; 204 tells a caller that there is no body (HTTP binding, section 3.1).
            None if trust >= Trust::Delivery => Answer::empty(StatusCode::OK),
            None => Answer::empty(StatusCode::NO_CONTENT),
        };
        Ok(telling(answer.into(), published))
    }

    /// Handles the items in order, each in its own transaction and span; a failed one does not undo the others.
    pub(super) async fn batch(&self, events: Vec<Result<Event, Refused>>, trust: Trust, span: &Span) -> Result<Response, Error> {
        let mut answers: Vec<Event> = Vec::new();
        let mut all = Published::All;
        for item in events {
            let (event, refused) = match item {
                Ok(event) => (event, None),
                Err(Refused { event, error }) => (*event, Some(error)),
            };
            let span = span.item(&event, self.topic(&event));
            let taking = Box::pin(async {
                let taken = match refused {
                    Some(error) => Err(error),
                    None => self.event(event.clone(), trust).await,
                };
                match taken {
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
        Ok(telling(Answer::of(cloud_event::BATCH, serde_json::to_vec(&answers)?).into(), all))
    }

    /// Returns the topic of such an event, which this function consumes from one topic only.
    pub(super) fn topic(&self, event: &Event) -> Option<Topic> {
        if event.ty().parse::<CommandType>().is_ok() {
            return Some(Topic::TaskCommands);
        }
        let ty = event.ty().parse::<EventType>().ok()?;
        self.function.route.consumes.iter().find(|subscription| subscription.types.contains(&ty)).map(|subscription| subscription.topic)
    }

    /// Handles one event: a command runs and is answered by an event, any other event is consumed and acknowledged.
    async fn event(&self, event: Event, trust: Trust) -> Result<(Option<Event>, Published), Error> {
        if let Ok(command) = event.ty().parse::<CommandType>() {
            let handler = self.function.commands.iter().find(|(ty, _)| *ty == command).map(|(_, handler)| handler.clone());
            let handler =
                handler.ok_or_else(|| Invalid::field("/type", format_args!("{} does not handle {command}", self.function.name)))?;
            let (answer, published) = self.command_event(&handler, command, &event).await?;
            return Ok((Some(answer), published));
        }
        let event_type = event.ty().parse::<EventType>().map_err(|unknown| Invalid::field("/type", unknown))?;
        authorization::fact(trust, event_type)?;
        let data = cloud_event::data(&event).unwrap_or_default();
        let is_concerned = self.function.route.is_concerned(event_type, &data, Audience::ALL);
        let Some(consumer) = self.function.consumer.as_ref().filter(|_| is_concerned) else { return Ok((None, Published::All)) };
        Ok((None, self.consume(consumer, input::subject(&data), Delivery { event, event_type }).await?))
    }

    async fn command_event(&self, handler: &CommandHandler, command: CommandType, event: &Event) -> Result<(Event, Published), Error> {
        let data = cloud_event::data(event)?;
        if !data.is_object() {
            return Err(Invalid::field("/data", "not a JSON object").into());
        }
        let subject = input::subject(&data);
        let prepared = handler(data).map_err(under_data)?;
        let origin = self.app.origin_of(self.function.name, event);
        let mut change = self.app.change_on(subject, origin, None).await?;
        let (source, id) = (event.source().clone(), event.id());
        if let Some(answer) = change.unit.answered(self.function.name, &source, id).await? {
            return Ok((serde_json::from_value(answer)?, Published::All));
        }
        let answer = command.answer();
        let Told::Event { subject, key, data } = prepared(&mut change, Telling::Event(answer)).await.map_err(under_data)? else {
            return Err(Error::internal("no event"));
        };
        let others = command.answers().1.iter().copied();
        let announced = std::iter::once(answer).chain(others).find_map(|ty| change.unit.emitted(ty));
        let mut answer = match announced {
            Some(event) => event,
            None => change.unit.origin().event(self.app.ids.next(), answer.as_str(), &subject, key, change.now(), &data)?,
        };
        answer.set_extension(CAUSATION_ID, id);
        change.unit.remember_answer(self.function.name, &source, id, &serde_json::to_value(&answer)?).await?;
        Ok((answer, change.commit().await?))
    }

    async fn consume(&self, consumer: &Consumer, subject: Option<Subject>, delivery: Delivery) -> Result<Published, Error> {
        let handler = match consumer {
            Consumer::OnItsOwn(handler) => return handler(self.app.clone(), delivery).await,
            Consumer::InChange(handler) => handler,
        };
        let origin = self.app.origin_of(self.function.name, &delivery.event);
        let mut change = self.app.change_on(subject, origin, None).await?;
        if !change.unit.first_delivery(self.function.name, delivery.event.source(), delivery.event.id()).await? {
            return Ok(Published::All);
        }
        handler(&mut change, delivery).await?;
        change.commit().await
    }

    fn failed(&self, event: &Event, error: &Error) -> Result<Event, Error> {
        let origin = self.app.origin_of(self.function.name, event);
        failed_event(&self.app, &origin, event, &json!(error.problem("/")))
    }
}

/// Returns the event that answers a failed item of a batch: `<type>.failed`, with the problem as data.
///
/// # Errors
/// A value has no JSON form.
pub fn failed_event(app: &App, origin: &Origin, event: &Event, problem: &Value) -> Result<Event, Error> {
    let subject = event.subject().unwrap_or_else(|| event.id());
    let mut failed = origin.event(app.ids.next(), &format!("{}.failed", event.ty()), subject, 0, app.now(), problem)?;
    failed.set_extension(CAUSATION_ID, event.id());
    Ok(failed)
}

/// Makes the pointers of an error relative to the event.
fn under_data(error: Error) -> Error {
    match error {
        Error::Invalid(invalid) => Error::Invalid(invalid.under("/data")),
        error => error,
    }
}
