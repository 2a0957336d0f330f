//! One message: calls the model and the tools that it requests, until there is an answer or a limit is reached, and stores everything in the
//! conversation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::chat::{Action, ActionStatus, Assistant, ChatAnswer, ConversationId, TaskCard};
use domain::routes::CHAT;
use domain::zone::Zone;
use domain::{ChangeId, Task};
use function::{App, BoxFuture, Error};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};
use language::Locale;
use serde_json::Map;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tools::{Caller, Failed, Tool};

use crate::action::{self, Told};
use crate::asking::{self, ASKED_MAX, Asking, Held, Kept};
use crate::call::{Call, Leave};
use crate::consent::{CREATED_MAX, Consent, is_yes};
use crate::content::{self, Content};
use crate::conversation::{self, Begun, Ended};
use crate::markdown;
use crate::model::{Model, ModelError, Prompt, Reply};
use crate::stream::{PARAGRAPH, Sink};

/// Time limit of a message, less than callers of this function wait, so that a slow model is reported as such.
const TURN_MAX: Duration = Duration::from_secs(40);
/// How long a running model call may continue after a stop was requested.
const STOP_MAX: Duration = Duration::from_secs(7);
/// Maximum rounds of tool calls before a model must answer.
const ROUNDS_MAX: usize = 10;
/// Maximum calls of one reply that are made.
const CALLS_MAX: usize = 30;
/// Maximum parallel calls: the number of database connections of a function.
const TOGETHER_MAX: usize = 4;
/// Maximum bytes of results that a model receives in one turn.
const RESULTS_MAX: usize = 160 * 1024;

/// A message to answer.
pub(crate) struct Asked {
    /// Its conversation.
    pub(crate) conversation_id: ConversationId,
    /// The user's text.
    pub(crate) text: String,
    /// The question that it confirms.
    pub(crate) confirms: Option<String>,
    /// The user's zone.
    pub(crate) zone: Zone,
    /// The user's locale, if known.
    pub(crate) locale: Option<Locale>,
}

/// The execution of one message.
pub(crate) struct Turn {
    app: Arc<App>,
    model: Arc<dyn Model>,
    tools: Caller,
    asked: Asked,
    deadline: Instant,
    /// Actions so far.
    actions: Vec<Action>,
    /// The message and what followed, for the model.
    contents: Vec<Content>,
    /// The answer so far.
    response: String,
    consent: Consent,
    /// Calls that wait for the user's confirmation.
    held: Vec<Held>,
    seen: usize,
}

impl Turn {
    /// Creates the turn of a message with these headers.
    pub(crate) fn new(app: Arc<App>, model: Arc<dyn Model>, headers: &HeaderMap, asked: Asked) -> Self {
        let tools = Caller::new(app.clone(), headers, asked.zone.clone());
        let consent = Consent::of(&asked.text);
        let contents = vec![content::of_user(&asked.text)];
        let deadline = Instant::now() + TURN_MAX;
        Self {
            app,
            model,
            tools,
            asked,
            deadline,
            actions: Vec::new(),
            contents,
            response: String::new(),
            consent,
            held: Vec::new(),
            seen: 0,
        }
    }

    /// Answers the message.
    ///
    /// # Errors
    /// The conversation cannot be stored, and nothing was done; or the model failed, and the conversation has the message, the actions and the
    /// reason.
    pub(crate) fn answer(self, sink: &mut Sink) -> BoxFuture<'_, Result<ChatAnswer, Error>> {
        // Boxed because of its size.
        Box::pin(self.run(sink))
    }

    async fn run(mut self, sink: &mut Sink) -> Result<ChatAnswer, Error> {
        let assistant = self.model.assistant();
        let begun = conversation::begin(&self.app, &self.asked.conversation_id, &self.asked.text, assistant).await?;
        let outcome = match begun.asked.as_ref().filter(|asking| self.says_yes(asking)) {
            Some(asking) => {
                self.carry_out(&asking.calls, sink).await;
                Ok(())
            }
            None => self.converse(&begun, sink).await,
        };
        // The user has not seen this question, so it is not stored.
        let held = std::mem::take(&mut self.held);
        let asking = outcome.is_ok().then(|| asking::asking(held, self.app.ids.next().to_string())).flatten();
        let ended = self.ended(outcome.as_ref().err(), asking.clone());
        self.keep(begun, ended).await;
        outcome?;
        Ok(ChatAnswer {
            response: self.response,
            conversation_id: self.asked.conversation_id,
            actions: self.actions,
            assistant,
            question: asking.map(|asking| asking.question),
        })
    }

    fn says_yes(&self, asking: &Asking) -> bool {
        match &self.asked.confirms {
            Some(id) => *id == asking.question.id,
            None => is_yes(&self.asked.text, asking),
        }
    }

    /// Makes the calls that the user has confirmed, without a model.
    async fn carry_out(&mut self, calls: &[Kept], sink: &mut Sink) {
        for Kept { tool, arguments } in calls {
            let call = Call { id: None, name: tool.clone(), arguments: arguments.clone(), leave: Leave::Given };
            let told = self.change(&call, call.task_id()).await;
            self.note(told, sink).await;
        }
        let is_done = |action: &&Action| action.status == ActionStatus::Done;
        let line = |action: &Action| format!("\n- {}: {}", action.task_id.map_or_else(String::new, |id| format!("#{id}")), action.detail);
        let lines = self.actions.iter().filter(|action| !is_done(action)).map(line).collect::<Vec<_>>().concat();
        let first = match self.actions.as_slice() {
            [only] if is_done(&only) => only.detail.clone(),
            all => action::summary(all),
        };
        self.say(&markdown::text(&format!("{first}{lines}")), sink).await;
        self.contents.push(content::of_model(&self.response));
    }

    /// Makes a call that changes data, and records its effect for later calls.
    async fn change(&mut self, call: &Call, subject: Option<i64>) -> Told {
        if let Some(refusal) = self.refusal(call) {
            return refusal;
        }
        let Some(tool) = tools::of(&call.name) else { return Self::not_called(call, "there is no such tool") };
        match tool.name {
            "create_task" if !self.consent.allows_creating() => {
                return Self::not_called(call, &format!("at most {CREATED_MAX} tasks are created for one message"));
            }
            "delete_task" => {
                let told = self.delete(tool, call).await;
                if told.action.status == ActionStatus::Done {
                    self.consent.note_deleted();
                }
                return told;
            }
            _ => {}
        }
        match self.tools.call(tool, call.arguments.clone()).await {
            Ok(done) => {
                match (subject, done.tasks.first()) {
                    (Some(task), _) => self.consent.note_changed(task),
                    (None, Some(created)) => self.consent.note_created(created.id),
                    (None, None) => {}
                }
                action::done(tool, &call.arguments, done, None)
            }
            Err(failed) => {
                // A call that broke off may have taken effect.
                if let Some(task) = subject.filter(|_| failed.status.is_server_error()) {
                    self.consent.note_changed(task);
                }
                action::failed(tool.name, true, &call.arguments, &failed)
            }
        }
    }

    async fn delete(&self, tool: &'static Tool, call: &Call) -> Told {
        let Some(id) = call.task_id() else { return Self::not_called(call, "/task_id: is missing") };
        let arguments = Map::from_iter([("task_id".to_owned(), id.into())]);
        let deleted = async {
            let before = self.task(id).await?;
            let done = self.tools.call(tool, arguments.clone()).await?;
            Ok(action::done(tool, &arguments, done, Some(&before)))
        };
        deleted.await.unwrap_or_else(|failed| action::failed(tool.name, true, &arguments, &failed))
    }

    /// Returns the current task.
    async fn task(&self, id: i64) -> Result<Task, Failed> {
        let get = tools::of("get_task").ok_or_else(|| Failed::new(StatusCode::NOT_FOUND, "there is no get_task"))?;
        let done = self.tools.call(get, Map::from_iter([("task_id".to_owned(), id.into())])).await?;
        done.tasks.into_iter().next().ok_or_else(|| Failed::new(StatusCode::BAD_GATEWAY, "get_task returned no task"))
    }

    /// Calls the model and the tools that it requests, until it requests none.
    async fn converse(&mut self, begun: &Begun, sink: &mut Sink) -> Result<(), ModelError> {
        for round in 0..=ROUNDS_MAX {
            let may_call = round < ROUNDS_MAX;
            sink.paragraph();
            let reply = self.reply(begun, may_call, sink).await?;
            self.add_text(&reply.text);
            self.contents.extend(reply.content);
            if let Some(told) = &reply.told {
                self.show(told, sink).await;
            }
            if reply.calls.is_empty() || !may_call {
                return self.finish(sink).await;
            }
            let results = self.call(reply.calls, sink).await;
            self.contents.push(content::of_results(&results));
        }
        Ok(())
    }

    async fn reply(&self, begun: &Begun, may_call: bool, sink: &mut Sink) -> Result<Reply, ModelError> {
        let Asked { zone, locale, .. } = &self.asked;
        let prompt = Prompt { history: &begun.history, turn: &self.contents, now: begun.at(), zone, locale: locale.as_ref(), may_call };
        let stopped = async {
            self.app.stopping.cancelled().await;
            tokio::time::sleep(STOP_MAX).await;
        };
        tokio::select! {
            reply = self.model.reply(&prompt, sink) => reply,
            () = tokio::time::sleep_until(self.deadline) => Err(ModelError::Late),
            () = stopped => Err(ModelError::Away { retry_after: None, source: "this process stops".into() }),
        }
    }

    /// The model's last text is the answer. Without text, the summary of the actions is.
    async fn finish(&mut self, sink: &mut Sink) -> Result<(), ModelError> {
        if self.response.is_empty() {
            if self.actions.is_empty() {
                return Err(ModelError::Garbage("neither text nor a tool call".into()));
            }
            let text = self.actions.iter().map(|action| action.detail.as_str()).collect::<Vec<_>>().join("\n");
            self.say(&markdown::text(&text), sink).await;
            self.contents.push(content::of_model(&self.response));
        }
        Ok(())
    }

    /// Adds text that the caller has received, as a paragraph, as the sink does.
    fn add_text(&mut self, text: &str) {
        if !self.response.is_empty() && !text.is_empty() {
            self.response.push_str(PARAGRAPH);
        }
        self.response.push_str(text);
    }

    async fn say(&mut self, text: &str, sink: &mut Sink) {
        self.add_text(text);
        sink.text(text).await;
    }

    /// Makes the calls of one reply. Consecutive reads run in parallel; each change runs by itself, in order.
    async fn call(&mut self, calls: Vec<Call>, sink: &mut Sink) -> Vec<(Call, Box<RawValue>)> {
        let (made, left) = calls.split_at(calls.len().min(CALLS_MAX));
        let subjects = self.subjects(made).await;
        let waits = self.waits(made, &subjects);
        let mut results = Vec::with_capacity(calls.len());
        for group in made.chunk_by(|one, next| one.looks() && next.looks()).flat_map(|group| group.chunks(TOGETHER_MAX)) {
            if let [call] = group {
                let at = results.len();
                let told = match (call.looks(), subjects[at]) {
                    (true, _) => self.look(call).await,
                    (_, None) if call.has_subject() => {
                        Self::not_called(call, "the id of the task or reminder is missing or not a whole number")
                    }
                    (_, subject) if waits[at] => self.hold(call, subject).await,
                    (_, subject) => self.change(call, subject).await,
                };
                results.push(self.note(told, sink).await);
                continue;
            }
            let looked = join_all(group.iter().map(|call| self.look(call))).await;
            for (call, told) in group.iter().zip(looked) {
                // The previous results may have reached the limit.
                let told = self.refusal(call).unwrap_or(told);
                results.push(self.note(told, sink).await);
            }
        }
        for call in left {
            let told = Self::not_called(call, &format!("at most {CALLS_MAX} calls are made per reply; call it again"));
            results.push(self.note(told, sink).await);
        }
        calls.into_iter().zip(results).collect()
    }

    /// Returns the task that each call changes. An unknown reminder counts as its own task.
    async fn subjects(&self, calls: &[Call]) -> Vec<Option<i64>> {
        let cancelled = |call: &Call| call.number("reminder_id").filter(|_| call.name == "cancel_reminder");
        let mut reminders = Vec::new();
        if calls.iter().any(|call| cancelled(call).is_some())
            && let Some(list) = tools::of("list_reminders")
            && let Ok(done) = self.tools.call(list, Map::from_iter([("status".to_owned(), "pending".into())])).await
        {
            let found = done.output["reminders"].as_array().cloned().unwrap_or_default();
            reminders = found.iter().filter_map(|reminder| Some((reminder["id"].as_i64()?, reminder["task_id"].as_i64()?))).collect();
        }
        let of_reminder = |id: i64| reminders.iter().find(|(reminder, _)| *reminder == id).map_or(-id, |(_, task)| *task);
        let subject = |call: &Call| match call.name.as_str() {
            "cancel_reminder" => cancelled(call).map(of_reminder),
            _ => call.task_id().filter(|_| call.has_subject()),
        };
        calls.iter().map(subject).collect()
    }

    /// Returns which of these calls need confirmation.
    fn waits(&self, calls: &[Call], subjects: &[Option<i64>]) -> Vec<bool> {
        let is_delete = Call::deletes;
        let of = |deletes: bool| {
            let wanted = calls.iter().zip(subjects).filter(|(call, _)| call.leave == Leave::OfMessage && is_delete(call) == deletes);
            wanted.filter_map(|(_, subject)| *subject).collect::<BTreeSet<i64>>()
        };
        let (deleted, changed) = (of(true), of(false));
        let may_delete = self.held.is_empty() && self.consent.allows_deleting(&deleted);
        let waits = |(call, subject): (&Call, &Option<i64>)| match (call.leave, subject) {
            (Leave::Asked, _) => true,
            (Leave::Given, _) | (Leave::OfMessage, None) => false,
            (Leave::OfMessage, Some(_)) if is_delete(call) => !may_delete,
            (Leave::OfMessage, Some(task)) => !self.consent.allows_changing(*task, &changed),
        };
        calls.iter().zip(subjects).map(waits).collect()
    }

    /// Returns why a call is not made now, if it is not.
    fn refusal(&self, call: &Call) -> Option<Told> {
        if self.seen >= RESULTS_MAX {
            return Some(Self::not_called(call, "the read limit of this message is reached; answer with what is known"));
        }
        let is_late = Instant::now() >= self.deadline;
        is_late.then(|| Self::not_called(call, "the time limit of this message is reached"))
    }

    /// Makes a call that only reads.
    async fn look(&self, call: &Call) -> Told {
        if let Some(refusal) = self.refusal(call) {
            return refusal;
        }
        let Some(tool) = tools::of(&call.name) else { return Self::not_called(call, "there is no such tool") };
        match self.tools.call(tool, call.arguments.clone()).await {
            Ok(done) => action::done(tool, &call.arguments, done, None),
            Err(failed) => action::failed(tool.name, false, &call.arguments, &failed),
        }
    }

    /// Adds a call to the question for the user.
    async fn hold(&mut self, call: &Call, subject: Option<i64>) -> Told {
        if let Some(refusal) = self.refusal(call) {
            return refusal;
        }
        let Some(tool) = tools::of(&call.name) else { return Self::not_called(call, "there is no such tool") };
        let task = match subject {
            None => None,
            Some(id) => match self.task(id).await {
                Ok(task) => Some(TaskCard::from(&task)),
                Err(failed) => return action::failed(tool.name, true, &call.arguments, &failed),
            },
        };
        let held = Held { tool, arguments: call.arguments.clone(), task };
        let told = action::asked(&held);
        let is_known = self.held.iter().any(|known| known.tool.name == tool.name && known.arguments == held.arguments);
        if !is_known {
            if !asking::has_room(&self.held, &held) {
                return Self::not_called(call, &format!("at most {ASKED_MAX} changes can be confirmed at once"));
            }
            self.held.push(held);
        }
        told
    }

    fn not_called(call: &Call, detail: &str) -> Told {
        let changes = tools::of(&call.name).is_some_and(Tool::changes);
        action::failed(&call.name, changes, &call.arguments, &Failed::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
    }

    /// Records a call's result and reports it to the caller. Returns the part that the model receives.
    async fn note(&mut self, told: Told, sink: &mut Sink) -> Box<RawValue> {
        if told.action.changes || !self.knows_what_it_tells() {
            sink.action(&told.action).await;
        }
        self.actions.push(told.action);
        self.seen += told.result.get().len();
        told.result
    }

    /// True if this model names the tasks of its text ([`Reply::told`]). Only these tasks of its reads are shown with the text.
    fn knows_what_it_tells(&self) -> bool {
        self.model.assistant() == Assistant::Offline
    }

    /// Shows the read tasks that the text names, and no others.
    async fn show(&mut self, told: &[i64], sink: &mut Sink) {
        for action in self.actions.iter_mut().filter(|action| !action.changes) {
            action.tasks.retain(|task| told.contains(&task.id));
            sink.action(action).await;
        }
    }

    fn ended(&mut self, error: Option<&ModelError>, asked: Option<Asking>) -> Ended {
        let mut contents = std::mem::take(&mut self.contents);
        if self.model.assistant() == Assistant::Offline {
            // Calls without a model are not shown to a model later.
            contents = vec![content::of_user(&self.asked.text), content::of_model(&self.response)];
        }
        if let Some(error) = error {
            // Without actions, the message had no effect, so the model need not see it again. With actions, it must.
            if self.actions.is_empty() {
                contents.clear();
            } else {
                contents.push(content::of_model(&format!("(The answer was interrupted here: {error}.)")));
            }
        }
        let (response, actions) = (self.response.clone(), self.actions.clone());
        Ended { response, actions, problem: error.map(ToString::to_string), contents, asked }
    }

    /// Stores the turn. If that fails, the actions are reported nevertheless, because they were made.
    async fn keep(&self, begun: Begun, ended: Ended) {
        if let Err(error) = conversation::end(&self.app, &self.asked.conversation_id, begun, ended).await {
            error.log(CHAT.name);
        }
    }
}

impl Call {
    /// True if the call only reads.
    fn looks(&self) -> bool {
        tools::of(&self.name).is_some_and(|tool| !tool.changes())
    }

    /// True if it changes something that exists.
    fn has_subject(&self) -> bool {
        tools::of(&self.name).is_some_and(|tool| tool.changes() && (tool.effect != tools::Effect::Adds || self.undone().is_some()))
    }

    /// Returns the change that it undoes.
    fn undone(&self) -> Option<ChangeId> {
        self.arguments.get("change_id")?.as_str()?.parse().ok()
    }

    /// True if it deletes a task, also by undoing its creation.
    fn deletes(&self) -> bool {
        self.name == "delete_task" || self.undone().is_some_and(ChangeId::is_creation)
    }

    /// Returns the task concerned.
    fn task_id(&self) -> Option<i64> {
        self.number("task_id").or_else(|| self.undone().map(|change| change.task_id))
    }

    /// Returns a whole number. Languages with one number type may send 5.0.
    fn number(&self, name: &str) -> Option<i64> {
        let id = self.arguments.get(name)?;
        #[expect(clippy::cast_possible_truncation, reason = "a whole number in range")]
        id.as_i64().or_else(|| id.as_f64().filter(|id| id.fract() == 0.0 && id.abs() < 9e15).map(|id| id as i64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use domain::chat::Assistant;
    use domain::routes::Route;
    use function::ports::{Functions, State, StateError, Stored};
    use function::settings::Settings;
    use serde_json::Value;
    use tokio::sync::Notify;

    use super::*;

    /// Values in memory, with numbers as `ETags`.
    #[derive(Default)]
    struct Memory {
        values: Mutex<HashMap<String, (String, u64)>>,
        /// Number of writes whose answers are lost: the caller sees a conflict.
        loses: AtomicUsize,
    }

    impl State for Memory {
        fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StateError>> {
            let found = self.values.lock().unwrap().get(key).map(|(value, etag)| Stored { value: value.clone(), etag: etag.to_string() });
            Box::pin(std::future::ready(Ok(found)))
        }

        fn set<'a>(
            &'a self,
            key: &'a str,
            value: &'a str,
            etag: Option<&'a str>,
            _: Option<Duration>,
        ) -> BoxFuture<'a, Result<(), StateError>> {
            let mut values = self.values.lock().unwrap();
            let now = values.get(key).map(|(_, etag)| *etag);
            let is_current = now.map(|etag| etag.to_string()).as_deref() == etag;
            if is_current {
                values.insert(key.to_owned(), (value.to_owned(), now.unwrap_or_default() + 1));
            }
            let is_lost = self.loses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            Box::pin(std::future::ready(if is_current && !is_lost { Ok(()) } else { Err(StateError::Stale) }))
        }

        fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
            self.values.lock().unwrap().remove(key);
            Box::pin(std::future::ready(Ok(())))
        }

        fn check(&self) -> BoxFuture<'_, bool> {
            Box::pin(std::future::ready(true))
        }
    }

    /// Calls these tools, then ends.
    struct Calls(&'static [&'static str]);

    impl Model for Calls {
        fn assistant(&self) -> Assistant {
            Assistant::Gemini
        }

        fn reply<'a>(&'a self, prompt: &'a Prompt<'a>, _: &'a mut Sink) -> BoxFuture<'a, Result<Reply, ModelError>> {
            let names = if prompt.turn.len() == 1 { self.0 } else { &[] };
            let call = |name: &&str| Call {
                id: None,
                name: (*name).to_owned(),
                arguments: Map::from_iter([("task_id".to_owned(), 1.into())]),
                leave: Leave::Given,
            };
            let text = if names.is_empty() { "Done." } else { "" };
            let reply = Reply { content: None, text: text.to_owned(), calls: names.iter().map(call).collect(), told: None };
            Box::pin(std::future::ready(Ok(reply)))
        }
    }

    /// Functions that answer once this many are called in parallel, and record the maximum.
    struct Together {
        waits_for: usize,
        under_way: AtomicUsize,
        most: AtomicUsize,
        come: Notify,
    }

    impl Functions for Together {
        fn call(&self, _: &Route, _: function::Request) -> BoxFuture<'_, function::Response> {
            Box::pin(async {
                let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
                if self.most.fetch_max(now, Ordering::Relaxed).max(now) >= self.waits_for {
                    self.come.notify_waiters();
                } else {
                    self.come.notified().await;
                }
                self.under_way.fetch_sub(1, Ordering::Relaxed);
                function::Response::new(function::full("[]"))
            })
        }
    }

    /// Never replies.
    struct Silent;

    impl Model for Silent {
        fn assistant(&self) -> Assistant {
            Assistant::Gemini
        }

        fn reply<'a>(&'a self, _: &'a Prompt<'a>, _: &'a mut Sink) -> BoxFuture<'a, Result<Reply, ModelError>> {
            Box::pin(std::future::pending())
        }
    }

    fn app() -> Arc<App> {
        let settings = Settings::read(&|_| None, std::net::Ipv4Addr::LOCALHOST.into()).unwrap();
        Arc::new(App { state: Arc::new(Memory::default()), ..App::alone(settings).unwrap() })
    }

    fn turn(app: &Arc<App>) -> Turn {
        turn_of(app, Arc::new(Silent))
    }

    fn turn_of(app: &Arc<App>, model: Arc<dyn Model>) -> Turn {
        let conversation_id = "conversation".parse().unwrap();
        let asked = Asked { conversation_id, text: "hello".to_owned(), confirms: None, zone: Zone::utc(), locale: None };
        Turn::new(app.clone(), model, &HeaderMap::new(), asked)
    }

    async fn problem(app: &App) -> Value {
        let kept = conversation::read(app, &"conversation".parse().unwrap()).await.unwrap().unwrap();
        let shown = kept.shown("conversation".parse().unwrap()).unwrap();
        serde_json::to_value(shown).unwrap()["history"][0]["problem"].clone()
    }

    #[tokio::test(start_paused = true)]
    async fn reads_run_in_parallel_and_changes_one_by_one() {
        for (calls, together) in [
            (&["list_tags", "list_reminders", "list_tags", "list_reminders", "list_tags"][..], TOGETHER_MAX),
            (&["list_tags", "complete_task", "complete_task", "list_tags"][..], 1),
            (&["complete_task", "list_tags", "list_reminders", "complete_task"][..], 2),
        ] {
            let functions = Arc::new(Together { waits_for: together, under_way: 0.into(), most: 0.into(), come: Notify::new() });
            let app = App { functions: functions.clone(), ..Arc::into_inner(app()).unwrap() };
            // If a call waits for more parallel calls than are made, it fails after a while.
            let answer = turn_of(&Arc::new(app), Arc::new(Calls(calls))).answer(&mut Sink::none()).await.unwrap();
            let made: Vec<&str> = answer.actions.iter().map(|action| action.tool.as_str()).collect();
            assert_eq!((made.as_slice(), functions.most.load(Ordering::Relaxed)), (calls, together), "in their order");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_whose_answer_was_lost_is_not_done_twice() {
        let state = Arc::new(Memory { loses: 2.into(), ..Memory::default() });
        let app = Arc::new(App { state, ..Arc::into_inner(app()).unwrap() });
        let answer = turn_of(&app, Arc::new(Calls(&[]))).answer(&mut Sink::none()).await.unwrap();
        let kept = conversation::read(&app, &answer.conversation_id).await.unwrap().unwrap();
        let history = kept.shown(answer.conversation_id).unwrap().history;
        assert_eq!((history.len(), history[0].response.as_str()), (1, "Done."));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreadable_conversation_is_replaced() {
        let app = app();
        app.state.set("chat-conversation", r#"{"history":"of another time"}"#, None, None).await.unwrap();
        let answer = turn_of(&app, Arc::new(Calls(&[]))).answer(&mut Sink::none()).await.unwrap();
        assert_eq!(answer.response, "Done.");
        assert!(problem(&app).await.is_null());
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_does_not_answer_times_out() {
        let app = app();
        let began = Instant::now();
        let error = turn(&app).answer(&mut Sink::none()).await.unwrap_err();
        assert_eq!((error.status(), began.elapsed()), (StatusCode::GATEWAY_TIMEOUT, TURN_MAX));
        assert_eq!(problem(&app).await, "Gemini did not answer in time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_of_the_process_ends_what_waits_and_keeps_the_message() {
        let app = app();
        let answering = tokio::spawn({
            let app = app.clone();
            async move { turn(&app).answer(&mut Sink::none()).await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        app.stopping.cancel();
        let began = Instant::now();
        let error = answering.await.unwrap().unwrap_err();
        assert_eq!((error.status(), began.elapsed()), (StatusCode::SERVICE_UNAVAILABLE, STOP_MAX));
        assert!(problem(&app).await.as_str().unwrap().contains("not available"));
    }
}
