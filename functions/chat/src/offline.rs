//! The offline assistant: parses everyday sentences ([`language`]) and executes them with the same tools.
//!
//! The reaction to a sentence is a plain function (`Plan`) that reads the results of calls as if they were there. If one is missing, the call becomes
//! the reply; in the next round the function runs again and finds it. So it needs no state, and is deterministic.

use domain::chat::Assistant;
use domain::command::CreateTask;
use domain::query::{Order, SearchTasks, SortBy, TERMS_MAX, TagsMatch};
use domain::recurrence::Rule;
use domain::task::{Priority, Recurrence, Status};
use domain::zone::Zone;
use domain::{Moment, Task, Timestamp};
use function::BoxFuture;
use language::{FEW_MAX, Intent, Listing, Locale, Note, NoteKind, Reading, Reminders, Scene, Selection, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::{Call, Leave};
use crate::content::{self, Content};
use crate::markdown;
use crate::model::{Model, ModelError, Prompt, Reply};
use crate::stream::Sink;
use crate::tag_names;

/// Maximum calls of one reply; the rest follow with the next.
const CALLS_MAX: usize = 25;
/// Maximum tasks that "all …" can mean.
const MATCHING_MAX: usize = 100;
/// Maximum tasks shown of a list.
const LISTED_MAX: usize = 20;
/// Maximum tasks offered if a title fits several.
const OFFERED_MAX: usize = 5;

const HELP: &str = "\
I understand everyday sentences:

- **add** pay rent monthly on the 1st at 9 #home !high
- **what** is overdue? · what is due this week? · find rent
- **complete** 12 · reopen 12 · delete 12
- **move** 12 to Friday at 10 · rename 12 to Pay the rent
- **tag** 12 #home · set 12 to high
- **remind me** 1 hour before 12 · show my reminders";

/// The offline assistant.
pub(crate) struct Offline;

impl Model for Offline {
    fn assistant(&self) -> Assistant {
        Assistant::Offline
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt<'a>, sink: &'a mut Sink) -> BoxFuture<'a, Result<Reply, ModelError>> {
        Box::pin(async move {
            let turn: Vec<Value> = prompt.turn.iter().map(|content| content::read(content)).collect();
            let message = turn.first().and_then(|content| content["parts"][0]["text"].as_str()).unwrap_or_default();
            let results = turn.iter().filter_map(|content| content["parts"].as_array()).flatten();
            let results = results.filter_map(|part| part.get("functionResponse").map(|response| &response["response"]));
            let mut plan = Plan {
                results: results.collect(),
                next: 0,
                leave: Leave::Given,
                told: Vec::new(),
                now: prompt.now,
                zone: prompt.zone,
                locale: prompt.locale,
                history: prompt.history,
            };
            let scene = Scene::new(prompt.now, prompt.zone).in_locale(prompt.locale.cloned());
            match plan.reading(message, scene).and_then(|reading| plan.answer(&reading)) {
                Err(Stop::Call(calls)) => Ok(Reply { content: Some(of_calls(&calls)), text: String::new(), calls, told: None }),
                Ok(text) | Err(Stop::Say(text) | Stop::Missing(text)) => {
                    sink.text(&text).await;
                    Ok(Reply { content: Some(content::of_model(&text)), text, calls: Vec::new(), told: Some(plan.told) })
                }
            }
        })
    }
}

fn of_calls(calls: &[Call]) -> Content {
    let part = |call: &Call| json!({ "functionCall": { "name": call.name, "args": call.arguments } });
    content::raw(&json!({ "role": "model", "parts": calls.iter().map(part).collect::<Vec<_>>() }))
}

/// Why the plan stops here.
enum Stop {
    /// These calls must be made first.
    Call(Vec<Call>),
    /// The answer.
    Say(String),
    /// There is no task with this title; the text says so.
    Missing(String),
}

impl Stop {
    fn say(text: impl Into<String>) -> Self {
        Self::Say(text.into())
    }
}

/// The execution of a sentence.
struct Plan<'a> {
    /// Results of the calls so far, in order.
    results: Vec<&'a Value>,
    /// Index of the next result.
    next: usize,
    /// Consent for the next changes.
    leave: Leave,
    /// Tasks that the answer names.
    told: Vec<i64>,
    now: Timestamp,
    zone: &'a Zone,
    locale: Option<&'a Locale>,
    history: &'a [Content],
}

/// The fields of a task that answers use. A list has no more, and omits absent ones.
#[derive(Deserialize)]
struct Seen {
    id: i64,
    title: String,
    #[serde(default)]
    description: String,
    due_date: Option<Moment>,
    #[serde(default)]
    recurrence: Recurrence,
    recurrence_rule: Option<String>,
    priority: Priority,
    #[serde(default)]
    tags: Vec<String>,
    status: Status,
    reminder_offset: Option<String>,
}

/// Tasks that were found.
struct Found {
    tasks: Vec<Seen>,
    /// Their total number.
    total: usize,
    /// True if these are all matches.
    is_whole: bool,
}

impl Plan<'_> {
    /// Parses the message; "#home office" needs the existing tags.
    fn reading(&mut self, message: &str, scene: Scene) -> Result<Reading, Stop> {
        let scene = if language::spells_tags(message, &scene) {
            let found = self.calls(&[("list_tags", json!({}))])?;
            scene.with_tags(found.into_iter().flatten().flat_map(|output| tag_names(&output)).collect())
        } else {
            scene
        };
        let reading = language::read(message, &scene);
        self.leave = if reading.is_question { Leave::Asked } else { Leave::Given };
        Ok(reading)
    }

    fn answer(&mut self, reading: &Reading) -> Result<String, Stop> {
        match (self.act(reading), &reading.or_task) {
            (Err(Stop::Missing(text)), Some(task)) => self.offer(&text, task),
            (done, _) => done,
        }
    }

    fn act(&mut self, reading: &Reading) -> Result<String, Stop> {
        let text = match &reading.intent {
            Intent::Create { task, unless, .. } => self.create(task, unless.as_deref())?,
            Intent::List(listing) => self.list(listing)?,
            Intent::Get(target) => {
                let id = self.resolve(std::slice::from_ref(target), None)?;
                let found = self.call("get_task", json!({ "task_id": id[0] }))?;
                let task = seen_of(&found)?;
                self.told.push(task.id);
                self.shown(&task)
            }
            Intent::Complete(which) => self.each("complete_task", which, Some("pending"), "Completed", &json!({}))?,
            Intent::Reopen(which) => self.each("reopen_task", which, Some("completed"), "Reopened", &json!({}))?,
            Intent::Delete(which) => self.delete(which)?,
            Intent::Update { which, change } => self.update(which, change)?,
            Intent::SetPriority { which, priority } => {
                self.each("set_priority", which, None, "Set the priority of", &json!({ "priority": priority }))?
            }
            Intent::AddTags { which, tags } => self.each("add_tags", which, None, "Tagged", &json!({ "tags": tags }))?,
            Intent::RemoveTags { which, tags } => self.each("remove_tags", which, None, "Untagged", &json!({ "tags": tags }))?,
            Intent::Remind { which, offset } => self.remind(which, &offset.to_string())?,
            Intent::ListReminders { of, status } => self.reminders(of.as_ref(), json!(status))?,
            Intent::CancelReminders(which) => self.cancel(which)?,
            Intent::ListTags => self.tags()?,
            Intent::Help => HELP.to_owned(),
            Intent::Greeting => format!("Hello! I manage your tasks. {HELP}"),
            Intent::Thanks => "You are welcome. Say “help” to see what else I understand.".to_owned(),
            Intent::Yes => "There is no open question to confirm.".to_owned(),
            Intent::No => "Fine, I leave it.".to_owned(),
            Intent::Unclear if reading.or_task.is_some() => return Err(Stop::Missing(with_notes(String::new(), &reading.notes))),
            Intent::Unclear => "I did not understand that. Say “help” to see what I understand.".to_owned(),
        };
        Ok(with_notes(text, &reading.notes))
    }

    /// Adds a task. Asks the user first if the sentence could be about an existing one.
    fn create(&mut self, task: &CreateTask, unless: Option<&str>) -> Result<String, Stop> {
        let rival = match unless.filter(|title| title.split_whitespace().count() <= TERMS_MAX) {
            Some(title) => self.called(title)?,
            None => None,
        };
        if let Some(rival) = rival {
            self.told.push(rival.id);
            return self.offer(&format!("There is a task {}, but I did not understand what to do with it.", self.told(&rival)), task);
        }
        self.leave = Leave::Given;
        let made = self.call("create_task", json!(task))?;
        Ok(format!("Added {}.", self.told(&seen_of(&made)?)))
    }

    /// Asks whether to add a task, with the reason for asking.
    fn offer(&mut self, why: &str, task: &CreateTask) -> Result<String, Stop> {
        self.leave = Leave::Asked;
        self.call("create_task", json!(task))?;
        Ok(format!("{why}\n\nAdd “{}” as a task? Say **yes** to add it.", markdown::text(&task.title)))
    }

    // --- Calls ------------------------------------------------------------------------------------------------------------

    /// Returns the output of a call, or its problem's detail.
    fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Stop> {
        self.calls(&[(tool, arguments)])?.pop().unwrap_or_else(|| Err(String::new())).map_err(Stop::Say)
    }

    /// Returns the outputs of calls, or their problems' details.
    fn calls(&mut self, calls: &[(&str, Value)]) -> Result<Vec<Result<Value, String>>, Stop> {
        let there = self.results.get(self.next..).unwrap_or_default();
        let missing: Vec<Call> =
            calls.iter().skip(there.len()).take(CALLS_MAX).map(|(tool, arguments)| call(tool, arguments, self.leave)).collect();
        if !missing.is_empty() {
            return Err(Stop::Call(missing));
        }
        let outcomes = there.iter().take(calls.len()).map(|result| match result.get("output") {
            Some(output) => Ok(output.clone()),
            None => Err(result["error"]["detail"].as_str().unwrap_or("the change failed").to_owned()),
        });
        let outcomes = outcomes.collect();
        self.next += calls.len();
        Ok(outcomes)
    }

    // --- Selection --------------------------------------------------------------------------------------------------------

    /// Returns the numbers of the selected tasks; `status` restricts tasks selected by title.
    fn select(&mut self, which: &Selection, status: Option<&str>) -> Result<Vec<i64>, Stop> {
        match which {
            Selection::Tasks(targets) => self.resolve(targets, status),
            Selection::Matching(listing) => {
                let found = self.find(listing)?;
                let about = &listing.about;
                if !found.is_whole {
                    let total = listing.query.limit.map_or(found.total, wanted);
                    return Err(too_many(total, about));
                }
                if found.tasks.is_empty() {
                    return Err(Stop::say(format!("There are no {about}.")));
                }
                if found.tasks.len() > FEW_MAX {
                    self.leave = Leave::Asked;
                }
                Ok(found.tasks.iter().map(|task| task.id).collect())
            }
        }
    }

    fn resolve(&mut self, targets: &[Target], status: Option<&str>) -> Result<Vec<i64>, Stop> {
        let mut ids = Vec::with_capacity(targets.len());
        for target in targets {
            let found = match target {
                Target::Id(id) => vec![*id],
                Target::Span(first, last) => self.numbered(*first, *last, status)?,
                Target::Title(title) => vec![self.titled(title, status)?],
                Target::It => vec![self.spoken_of()?],
            };
            for id in found {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        Ok(ids)
    }

    /// Returns the existing tasks in this range of numbers. Their changes always need confirmation.
    fn numbered(&mut self, first: i64, last: i64, status: Option<&str>) -> Result<Vec<i64>, Stop> {
        let filters = json!({ "id_from": first, "id_to": last, "status": status });
        let found = self.call(
            "search_tasks",
            json!({ "filters": without_null(filters), "sort_by": "created_at", "order": "asc", "limit": MATCHING_MAX }),
        )?;
        let tasks = tasks_of(&found)?;
        let about = format!("{}tasks from {first} to {last}", status.map_or(String::new(), |status| format!("{status} ")));
        let total = total_of(&found, tasks.len());
        if total > tasks.len() {
            return Err(too_many(total, &about));
        }
        if tasks.is_empty() {
            return Err(Stop::say(format!("There are no {about}.")));
        }
        self.leave = Leave::Asked;
        Ok(tasks.iter().map(|task| task.id).collect())
    }

    /// Returns an open task whose title begins with these words.
    fn called(&mut self, title: &str) -> Result<Option<Seen>, Stop> {
        let found = self.call("search_tasks", json!({ "query": title, "filters": { "status": "pending" }, "limit": OFFERED_MAX }))?;
        let title = title.to_lowercase();
        let is_called =
            |task: &Seen| task.title.to_lowercase().strip_prefix(&title).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
        Ok(tasks_of(&found)?.into_iter().find(is_called))
    }

    fn titled(&mut self, title: &str, status: Option<&str>) -> Result<i64, Stop> {
        let filters = status.map_or_else(|| json!({}), |status| json!({ "status": status }));
        let found = self.call("search_tasks", json!({ "query": title, "filters": filters, "limit": OFFERED_MAX }))?;
        let tasks = tasks_of(&found)?;
        let exact: Vec<&Seen> = tasks.iter().filter(|task| task.title.eq_ignore_ascii_case(title)).collect();
        match (exact.as_slice(), tasks.as_slice()) {
            ([only], _) => Ok(only.id),
            ([], [only]) => Ok(only.id),
            (_, []) => Err(Stop::Missing(format!("I found no task “{}”.", markdown::text(title)))),
            (_, several) => {
                self.told.extend(several.iter().map(|task| task.id));
                let lines: Vec<String> = several.iter().map(|task| format!("- {}", self.told(task))).collect();
                Err(Stop::say(format!("Which one do you mean? Name it by its number.\n\n{}", lines.join("\n"))))
            }
        }
    }

    /// Resolves "it": the only task that the last answer named.
    fn spoken_of(&self) -> Result<i64, Stop> {
        let contents = self.history.iter().rev().map(|content| content::read(content));
        let last = contents.into_iter().find(|content| content["role"] == "model" && content["parts"][0]["text"].is_string());
        let last = last.as_ref();
        let text = last.and_then(|content| content["parts"][0]["text"].as_str()).unwrap_or_default();
        let mut ids: Vec<i64> = text.split("(#").skip(1).filter_map(|rest| rest.split(')').next()?.parse().ok()).collect();
        ids.dedup();
        match ids.as_slice() {
            [only] => Ok(*only),
            _ => Err(Stop::say("Which task do you mean? Name it by its number, such as 12.")),
        }
    }

    /// Returns the tasks of a listing.
    fn find(&mut self, listing: &Listing) -> Result<Found, Stop> {
        let wanted = listing.query.limit.map(wanted);
        let output = self.call("search_tasks", search(&listing.query, wanted.unwrap_or(MATCHING_MAX).min(MATCHING_MAX)))?;
        let tasks = tasks_of(&output)?;
        let total = total_of(&output, tasks.len());
        let is_whole = tasks.len() == total || wanted.is_some_and(|wanted| tasks.len() >= wanted);
        Ok(Found { tasks, total, is_whole })
    }

    // --- Actions ----------------------------------------------------------------------------------------------------------

    fn list(&mut self, listing: &Listing) -> Result<String, Stop> {
        let Found { tasks, total, .. } = self.find(listing)?;
        self.told.extend(tasks.iter().map(|task| task.id));
        let about = &listing.about;
        match (total, listing.counts) {
            (0, _) => Ok(format!("There are no {about}.")),
            (total, true) => Ok(counted(total, about)),
            (total, false) => {
                // As many as requested, even if more than usually shown.
                let shown = if listing.query.limit.is_some() { MATCHING_MAX } else { LISTED_MAX };
                let lines: Vec<String> = tasks.iter().take(shown).map(|task| format!("- {}", self.told(task))).collect();
                let (part, more) = match (total.saturating_sub(lines.len()), listing.query.limit) {
                    (0, _) => (String::new(), String::new()),
                    (_, Some(_)) if lines.len() == 1 => (format!(", the first of {total}"), String::new()),
                    (_, Some(_)) => (format!(", the first {} of {total}", lines.len()), String::new()),
                    (left, None) => (String::new(), format!("\n\nand {left} more.")),
                };
                let mut head = about.chars();
                let head: String = head.next().map(|first| first.to_uppercase().collect::<String>() + head.as_str()).unwrap_or_default();
                Ok(format!("{head}{part}:\n\n{}{more}", lines.join("\n")))
            }
        }
    }

    /// Calls a tool for each of the tasks, and reports the results.
    fn each(&mut self, tool: &str, which: &Selection, status: Option<&str>, verb: &str, more: &Value) -> Result<String, Stop> {
        let ids = self.select(which, status)?;
        let outcomes = self.calls(&ids.iter().map(|id| (tool, with_id(more, *id))).collect::<Vec<_>>())?;
        Ok(told(tool, &ids, outcomes, |id, output| match seen_of(output) {
            Ok(task) => format!("{verb} {}.", self.told(&task)),
            Err(_) => format!("{verb} #{id}."),
        }))
    }

    fn delete(&mut self, which: &Selection) -> Result<String, Stop> {
        let ids = self.select(which, None)?;
        // One place decides for all deletions whether the user must confirm.
        if self.leave == Leave::Given {
            self.leave = Leave::OfMessage;
        }
        let outcomes = self.calls(&ids.iter().map(|id| ("delete_task", json!({ "task_id": id }))).collect::<Vec<_>>())?;
        Ok(told("delete_task", &ids, outcomes, |id, _| format!("Deleted task {id}.")))
    }

    fn update(&mut self, which: &Selection, change: &language::Change) -> Result<String, Stop> {
        let ids = self.select(which, None)?;
        let found = self.calls(&ids.iter().map(|id| ("get_task", json!({ "task_id": id }))).collect::<Vec<_>>())?;
        let (mut calls, mut called, mut lines, mut notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (id, outcome) in ids.iter().zip(found) {
            let task = match outcome {
                Ok(output) => task_of(&output)?,
                Err(detail) => {
                    lines.push(format!("#{id}: {detail}."));
                    continue;
                }
            };
            match change.update(&task, self.now) {
                Ok((update, own)) => {
                    notes.extend(own);
                    calls.push(("update_task", json!(update)));
                    called.push(*id);
                }
                Err(note) => lines.push(format!("#{id}: {}", note.text)),
            }
        }
        let outcomes = self.calls(&calls)?;
        let told = told("update_task", &called, outcomes, |id, output| match seen_of(output) {
            Ok(task) => format!("Changed {}.", self.told(&task)),
            Err(_) => format!("Changed #{id}."),
        });
        let all = std::iter::once(told).filter(|told| !told.is_empty()).chain(lines).collect::<Vec<_>>().join("\n");
        Ok(with_notes(all, &notes))
    }

    fn remind(&mut self, which: &Selection, offset: &str) -> Result<String, Stop> {
        let ids = self.select(which, Some("pending"))?;
        let outcomes = self
            .calls(&ids.iter().map(|id| ("schedule_reminder", json!({ "task_id": id, "reminder_offset": offset }))).collect::<Vec<_>>())?;
        let done = |id: i64, output: &Value| format!("I remind you of task {id} {}.", self.at(&output["reminder"]["scheduled_at"]));
        Ok(told("schedule_reminder", &ids, outcomes, done))
    }

    fn reminders(&mut self, of: Option<&Target>, status: Value) -> Result<String, Stop> {
        let mut arguments = json!({});
        if let Some(target) = of {
            arguments["task_id"] = self.resolve(std::slice::from_ref(target), None)?[0].into();
        }
        if !status.is_null() {
            arguments["status"] = status;
        }
        let found = self.call("list_reminders", arguments)?;
        let reminders = found["reminders"].as_array().cloned().unwrap_or_default();
        if reminders.is_empty() {
            return Ok("There are no such reminders.".to_owned());
        }
        let line = |reminder: &Value| {
            let status = reminder["status"].as_str().unwrap_or_default();
            format!("- reminder {}: task {} {}, {status}", reminder["id"], reminder["task_id"], self.at(&reminder["scheduled_at"]))
        };
        let lines: Vec<String> = reminders.iter().take(LISTED_MAX).map(line).collect();
        let more = reminders.len().saturating_sub(lines.len());
        Ok(format!("Reminders:\n\n{}{}", lines.join("\n"), if more > 0 { format!("\n\nand {more} more.") } else { String::new() }))
    }

    fn cancel(&mut self, which: &Reminders) -> Result<String, Stop> {
        let ids: Vec<i64> = match which {
            Reminders::Number(id) => vec![*id],
            Reminders::Of(selection) => {
                let tasks = self.select(selection, None)?;
                let found = self
                    .calls(&tasks.iter().map(|id| ("list_reminders", json!({ "task_id": id, "status": "pending" }))).collect::<Vec<_>>())?;
                let found = found.into_iter().flatten().filter_map(|output| output["reminders"].as_array().cloned()).flatten();
                found.filter_map(|reminder| reminder["id"].as_i64()).collect()
            }
        };
        if ids.is_empty() {
            return Ok("There is no reminder to cancel.".to_owned());
        }
        let outcomes = self.calls(&ids.iter().map(|id| ("cancel_reminder", json!({ "reminder_id": id }))).collect::<Vec<_>>())?;
        Ok(told("cancel_reminder", &ids, outcomes, |id, _| format!("Cancelled reminder {id}.")))
    }

    fn tags(&mut self) -> Result<String, Stop> {
        let found = self.call("list_tags", json!({}))?;
        let tags = found["tags"].as_array().cloned().unwrap_or_default();
        if tags.is_empty() {
            return Ok("There are no tags yet.".to_owned());
        }
        let line = |tag: &Value| format!("- #{} ({})", markdown::text(tag["tag"].as_str().unwrap_or_default()), tag["count"]);
        Ok(format!("Tags:\n\n{}", tags.iter().map(line).collect::<Vec<_>>().join("\n")))
    }

    // --- Answers ----------------------------------------------------------------------------------------------------------

    /// Returns a task in one line.
    fn told(&self, task: &Seen) -> String {
        let mut text = format!("“{}” (#{})", markdown::text(&task.title), task.id);
        let mut more = Vec::new();
        if let Some(due) = task.due_date {
            more.push(format!("due {}", self.due(due)));
        }
        if let Some(rule) = &task.recurrence_rule {
            more.push(format!("repeats {}", rule.parse::<Rule>().map_or_else(|_| "by a rule".to_owned(), |rule| rule.in_words())));
        } else if task.recurrence != Recurrence::None {
            more.push(word(&task.recurrence));
        }
        if task.priority != Priority::Medium {
            more.push(format!("{} priority", word(&task.priority)));
        }
        if let Some(offset) = &task.reminder_offset {
            more.push(format!("reminder {offset} before"));
        }
        more.extend(task.tags.iter().map(|tag| format!("#{}", markdown::text(tag))));
        if !more.is_empty() {
            text.push_str(", ");
            text.push_str(&more.join(", "));
        }
        text
    }

    /// Returns a task in full.
    fn shown(&self, task: &Seen) -> String {
        let status = if task.status == Status::Completed { "completed" } else { "pending" };
        let description = if task.description.is_empty() { String::new() } else { format!("\n\n{}", markdown::text(&task.description)) };
        format!("{}, {status}{description}", self.told(task))
    }

    fn at(&self, moment: &Value) -> String {
        moment.as_str().and_then(|moment| moment.parse().ok()).map_or_else(String::new, |moment| format!("on {}", self.moment(moment)))
    }

    fn due(&self, due: Moment) -> String {
        match due {
            Moment::At(instant) => self.moment(instant),
            Moment::On(day) => day.get().strftime("%a %-d %b %Y").to_string(),
        }
    }

    fn moment(&self, moment: Timestamp) -> String {
        let local = moment.get().to_zoned(self.zone.get().clone());
        let time = self.locale.map_or("%H:%M", Locale::time_format);
        format!("{} {}", local.strftime("%a %-d %b %Y"), local.strftime(time))
    }
}

fn call(tool: &str, arguments: &Value, leave: Leave) -> Call {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    // Null fields are omitted, except in a change, where null has a meaning.
    let keeps_null = tool == "update_task";
    let arguments = arguments.into_iter().filter(|(_, value)| keeps_null || !value.is_null()).collect();
    Call { id: None, name: tool.to_owned(), arguments, leave }
}

/// Returns a line per task or reminder with the result of its call, and the question if there is one.
fn told(tool: &str, ids: &[i64], outcomes: Vec<Result<Value, String>>, done: impl Fn(i64, &Value) -> String) -> String {
    let (mut asked, mut lines) = (0, Vec::new());
    for (id, outcome) in ids.iter().zip(outcomes) {
        match outcome {
            Ok(output) if output["status"] == "asked" => asked += 1,
            Ok(output) => lines.push(done(*id, &output)),
            Err(detail) => lines.push(format!("#{id}: {detail}.")),
        }
    }
    if lines.len() > 1 {
        lines = lines.iter().map(|line| format!("- {line}")).collect();
    }
    if asked > 0 {
        let deed = match tool {
            "complete_task" => "complete",
            "reopen_task" => "reopen",
            "delete_task" => "delete",
            "set_priority" => "set the priority of",
            "add_tags" => "tag",
            "remove_tags" => "untag",
            "schedule_reminder" => "set a reminder of",
            "cancel_reminder" => "cancel",
            _ => "change",
        };
        let noun = if tool == "cancel_reminder" { "reminder" } else { "task" };
        let what = if asked == 1 { format!("this {noun}") } else { format!("these {asked} {noun}s") };
        lines.push(format!("Shall I {deed} {what}? Nothing has changed yet; say **yes** to do it."));
    }
    lines.join("\n")
}

/// Returns the answer for more tasks than are changed at once.
fn too_many(total: usize, about: &str) -> Stop {
    Stop::say(format!("There are {total} {about}. That is more than I can change at once. Name fewer tasks."))
}

/// Returns a count such as "There is 1 open task due today." or "You completed 3 tasks yesterday."
fn counted(total: usize, about: &str) -> String {
    let about = if total == 1 { about.replacen("tasks", "task", 1) } else { about.to_owned() };
    match about.strip_prefix("completed ") {
        Some(about) => format!("You completed {total} {about}."),
        None => format!("There {} {total} {about}.", if total == 1 { "is" } else { "are" }),
    }
}

/// Returns the total number of matches, of which this page was returned.
fn total_of(output: &Value, seen: usize) -> usize {
    output["total_count"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(seen)
}

fn without_null(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

fn with_id(more: &Value, id: i64) -> Value {
    let mut arguments = more.clone();
    arguments["task_id"] = id.into();
    arguments
}

/// Returns a search in a tool's form.
fn search(query: &SearchTasks, limit: usize) -> Value {
    let filter = &query.filters;
    let mut filters = Map::new();
    let mut set = |name: &str, value: Value| drop((!value.is_null()).then(|| filters.insert(name.to_owned(), value)));
    set("status", json!(filter.status));
    set("priority", json!(filter.priority));
    set("due", json!(filter.due));
    set("due_before", json!(filter.due_before));
    set("due_after", json!(filter.due_after));
    set("completed_before", json!(filter.completed_before));
    set("completed_after", json!(filter.completed_after));
    set("id_from", json!(filter.id_from));
    set("id_to", json!(filter.id_to));
    if !filter.tags.is_empty() {
        set("tags", json!(filter.tags));
        set("tags_match", tags_match(filter.tags_match).into());
    }
    let mut arguments = json!({ "filters": filters, "limit": limit });
    if let Some(words) = query.query.as_deref().filter(|words| !words.is_empty()) {
        arguments["query"] = words.into();
    }
    if let Some(sort_by) = query.sort_by {
        arguments["sort_by"] = sort_name(sort_by).into();
    }
    if let Some(order) = query.order {
        arguments["order"] = if order == Order::Asc { "asc" } else { "desc" }.into();
    }
    arguments
}

/// Returns the number of tasks that a sentence requests.
fn wanted(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn sort_name(sort_by: SortBy) -> &'static str {
    match sort_by {
        SortBy::CreatedAt => "created_at",
        SortBy::UpdatedAt => "updated_at",
        SortBy::DueDate => "due_date",
        SortBy::Priority => "priority",
        SortBy::Title => "title",
    }
}

fn tags_match(tags_match: TagsMatch) -> &'static str {
    match tags_match {
        TagsMatch::All => "all",
        TagsMatch::Any => "any",
        TagsMatch::Exact => "exact",
    }
}

fn task_of(output: &Value) -> Result<Task, Stop> {
    Task::deserialize(&output["task"]).map_err(|_| Stop::say("Something went wrong: the task cannot be read."))
}

fn seen_of(output: &Value) -> Result<Seen, Stop> {
    Seen::deserialize(&output["task"]).map_err(|_| Stop::say("Something went wrong: the task cannot be read."))
}

fn tasks_of(output: &Value) -> Result<Vec<Seen>, Stop> {
    Vec::deserialize(&output["tasks"]).map_err(|_| Stop::say("Something went wrong: the tasks cannot be read."))
}

fn word(value: &impl Serialize) -> String {
    json!(value).as_str().unwrap_or_default().to_owned()
}

/// Appends notes about assumptions and unknown words.
fn with_notes(text: String, notes: &[Note]) -> String {
    let notes: Vec<String> = notes
        .iter()
        .map(|note| match note.kind {
            NoteKind::Assumed => format!("*{}*", note.text),
            NoteKind::Missed => note.text.clone(),
        })
        .collect();
    match (notes.is_empty(), text.is_empty()) {
        (true, _) => text,
        (false, true) => notes.join("\n"),
        (false, false) => format!("{text}\n\n{}", notes.join("\n")),
    }
}
