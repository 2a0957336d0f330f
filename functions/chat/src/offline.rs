//! The assistant without a model: Taskflow's own reading of everyday sentences ([`language`]), done with the same tools.
//!
//! What to do with a sentence is a plain function (`Plan`) that asks for the results of calls as if they were there. Where one is not, the call is the
//! reply; in the next round the function runs again and finds it. So it needs no memory, and is the same each time.

use domain::chat::Assistant;
use domain::command::UpdateTask;
use domain::query::{Order, SearchTasks, SortBy, TagsMatch};
use domain::task::{Priority, Recurrence, Status};
use domain::zone::Zone;
use domain::{Task, Timestamp};
use function::BoxFuture;
use language::{Intent, Listing, Note, NoteKind, Reading, Reminders, Selection, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::content::{self, Content};
use crate::model::{Call, Model, ModelError, Prompt, Reply};
use crate::stream::Sink;

/// Calls of one reply; the rest come with the next.
const CALLS_MAX: usize = 25;
/// Tasks that "all …" can mean.
const MATCHING_MAX: usize = 100;
/// Tasks that are shown of a list.
const LISTED_MAX: usize = 20;
/// Tasks that are offered where a title fits several.
const OFFERED_MAX: usize = 5;

const HELP: &str = "\
I understand everyday sentences:

- **add** pay rent monthly on the 1st at 9 #home !high
- **what** is overdue? · what is due this week? · find rent
- **complete** 12 · reopen 12 · delete 12
- **move** 12 to Friday at 10 · rename 12 to Pay the rent
- **tag** 12 #home · set 12 to high
- **remind me** 1 hour before 12 · show my reminders";

/// The assistant without a model.
pub(crate) struct Offline;

impl Model for Offline {
    fn assistant(&self) -> Assistant {
        Assistant::Offline
    }

    fn reply<'a>(&'a self, prompt: &'a Prompt<'a>, sink: &'a mut Sink) -> BoxFuture<'a, Result<Reply, ModelError>> {
        Box::pin(async move {
            let turn: Vec<Value> = prompt.turn.iter().map(|content| content::read(content)).collect();
            let message = turn.first().and_then(|content| content["parts"][0]["text"].as_str()).unwrap_or_default();
            let reading = language::read(message, prompt.now, prompt.zone);
            let results = turn.iter().filter_map(|content| content["parts"].as_array()).flatten();
            let results = results.filter_map(|part| part.get("functionResponse").map(|response| &response["response"]));
            let plan = Plan { results: results.collect(), next: 0, now: prompt.now, zone: prompt.zone, history: prompt.history };
            match plan.answer(&reading) {
                Err(Stop::Call(calls)) => Ok(Reply { content: Some(of_calls(&calls)), text: String::new(), calls }),
                Ok(text) | Err(Stop::Say(text)) => {
                    sink.text(&text).await;
                    Ok(Reply { content: Some(content::of_model(&text)), text, calls: Vec::new() })
                }
            }
        })
    }
}

fn of_calls(calls: &[Call]) -> Content {
    let part = |call: &Call| json!({ "functionCall": { "name": call.name, "args": call.arguments } });
    content::raw(&json!({ "role": "model", "parts": calls.iter().map(part).collect::<Vec<_>>() }))
}

/// Why the plan goes no further now.
enum Stop {
    /// These calls have to be made first.
    Call(Vec<Call>),
    /// This is to be said instead.
    Say(String),
}

impl Stop {
    fn say(text: impl Into<String>) -> Self {
        Self::Say(text.into())
    }
}

/// What is to be done for a sentence.
struct Plan<'a> {
    /// The results of the calls that were made, in their order.
    results: Vec<&'a Value>,
    /// The result that is asked for next.
    next: usize,
    now: Timestamp,
    zone: &'a Zone,
    history: &'a [Content],
}

/// A task, as far as an answer tells of it: a list has no more, and leaves out what is not there.
#[derive(Deserialize)]
struct Seen {
    id: i64,
    title: String,
    #[serde(default)]
    description: String,
    due_date: Option<Timestamp>,
    #[serde(default)]
    recurrence: Recurrence,
    recurrence_rule: Option<String>,
    priority: Priority,
    #[serde(default)]
    tags: Vec<String>,
    status: Status,
    completed_at: Option<Timestamp>,
    reminder_offset: Option<String>,
}

/// Tasks that were looked for.
struct Found {
    tasks: Vec<Seen>,
    /// How many there are.
    total: usize,
    /// Whether these are all that are wanted.
    is_whole: bool,
}

impl Plan<'_> {
    fn answer(mut self, reading: &Reading) -> Result<String, Stop> {
        let text = match &reading.intent {
            Intent::Create { task, .. } => {
                let made = self.call("create_task", json!(task))?;
                format!("Added {}.", self.told(&seen_of(&made)?))
            }
            Intent::List(listing) => self.list(listing)?,
            Intent::Get(target) => {
                let id = self.resolve(std::slice::from_ref(target), None)?;
                let found = self.call("get_task", json!({ "task_id": id[0] }))?;
                self.shown(&seen_of(&found)?)
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
            Intent::Greeting => format!("Hello! I am here and keep your tasks. {HELP}"),
            Intent::Thanks => "You are welcome. Say “help” for what else I understand.".to_owned(),
            Intent::Yes => "There is nothing to say yes to.".to_owned(),
            Intent::No => "Fine, I leave it.".to_owned(),
            Intent::Unclear => "I did not understand that. Say “help” for what I understand.".to_owned(),
        };
        Ok(with_notes(text, &reading.notes))
    }

    // --- Calls ------------------------------------------------------------------------------------------------------------

    /// The output of a call, or its problem's detail.
    fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Stop> {
        self.calls(&[(tool, arguments)])?.pop().unwrap_or_else(|| Err(String::new())).map_err(Stop::Say)
    }

    /// The outputs of calls, or their problems' details.
    fn calls(&mut self, calls: &[(&str, Value)]) -> Result<Vec<Result<Value, String>>, Stop> {
        let there = self.results.get(self.next..).unwrap_or_default();
        let missing: Vec<Call> = calls.iter().skip(there.len()).take(CALLS_MAX).map(|(tool, arguments)| call(tool, arguments)).collect();
        if !missing.is_empty() {
            return Err(Stop::Call(missing));
        }
        let outcomes = there.iter().take(calls.len()).map(|result| match result.get("output") {
            Some(output) => Ok(output.clone()),
            None => Err(result["error"]["detail"].as_str().unwrap_or("it did not work").to_owned()),
        });
        let outcomes = outcomes.collect();
        self.next += calls.len();
        Ok(outcomes)
    }

    // --- Which tasks ------------------------------------------------------------------------------------------------------

    /// The numbers of the tasks that are meant; `status` is what they have to be, where a title could mean others too.
    fn select(&mut self, which: &Selection, status: Option<&str>) -> Result<Vec<i64>, Stop> {
        match which {
            Selection::Tasks(targets) => self.resolve(targets, status),
            Selection::Matching(listing) => {
                let found = self.find(listing)?;
                let about = &listing.about;
                if !found.is_whole {
                    let total = listing.query.limit.map_or(found.total, wanted);
                    return Err(Stop::say(format!(
                        "There are {total} {about}: more than I change at once. Say which, so that it is fewer."
                    )));
                }
                if found.tasks.is_empty() {
                    return Err(Stop::say(format!("There are no {about}.")));
                }
                Ok(found.tasks.iter().map(|task| task.id).collect())
            }
        }
    }

    fn resolve(&mut self, targets: &[Target], status: Option<&str>) -> Result<Vec<i64>, Stop> {
        let mut ids = Vec::with_capacity(targets.len());
        for target in targets {
            let id = match target {
                Target::Id(id) => *id,
                Target::Title(title) => self.titled(title, status)?,
                Target::It => self.spoken_of()?,
            };
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn titled(&mut self, title: &str, status: Option<&str>) -> Result<i64, Stop> {
        let filters = status.map_or_else(|| json!({}), |status| json!({ "status": status }));
        let found = self.call("search_tasks", json!({ "query": title, "filters": filters, "limit": LISTED_MAX }))?;
        let tasks = tasks_of(&found)?;
        let exact: Vec<&Seen> = tasks.iter().filter(|task| task.title.eq_ignore_ascii_case(title)).collect();
        match (exact.as_slice(), tasks.as_slice()) {
            ([only], _) => Ok(only.id),
            ([], [only]) => Ok(only.id),
            (_, []) => Err(Stop::say(format!("I found no task “{title}”."))),
            (_, several) => {
                let lines: Vec<String> = several.iter().take(OFFERED_MAX).map(|task| format!("- {}", self.told(task))).collect();
                Err(Stop::say(format!("Which one do you mean? Name it by its number.\n\n{}", lines.join("\n"))))
            }
        }
    }

    /// "It": the one task that the last answer named.
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

    /// The tasks that a listing is about.
    fn find(&mut self, listing: &Listing) -> Result<Found, Stop> {
        let wanted = listing.query.limit.map(wanted);
        // The search does not know of the time of completion: what does not fit is left out here.
        let asked_for = wanted.filter(|_| listing.completed.is_none()).unwrap_or(MATCHING_MAX).min(MATCHING_MAX);
        let output = self.call("search_tasks", search(&listing.query, asked_for))?;
        let mut tasks = tasks_of(&output)?;
        let seen = tasks.len();
        let mut total = output["total_count"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(seen);
        let mut is_whole = seen == total;
        if let Some(period) = listing.completed {
            tasks.retain(|task| task.completed_at.is_some_and(|at| at >= period.from && at < period.to));
            total = tasks.len();
        }
        if let Some(wanted) = wanted {
            is_whole |= tasks.len() >= wanted;
            tasks.truncate(wanted);
        }
        Ok(Found { tasks, total, is_whole })
    }

    // --- What is done -----------------------------------------------------------------------------------------------------

    fn list(&mut self, listing: &Listing) -> Result<String, Stop> {
        let Found { tasks, total, .. } = self.find(listing)?;
        let about = &listing.about;
        match (total, listing.counts) {
            (0, _) => Ok(format!("There are no {about}.")),
            (1, true) => Ok(format!("There is 1 of your {about}.")),
            (total, true) => Ok(format!("There are {total} {about}.")),
            (total, false) => {
                // As many as were asked for, be it more than are shown otherwise.
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

    /// Calls a tool for each of the tasks, and tells what came of it.
    fn each(&mut self, tool: &str, which: &Selection, status: Option<&str>, verb: &str, more: &Value) -> Result<String, Stop> {
        let ids = self.select(which, status)?;
        let outcomes = self.calls(&ids.iter().map(|id| (tool, with_id(more, *id))).collect::<Vec<_>>())?;
        Ok(self.results_told(verb, &ids, outcomes))
    }

    fn results_told(&self, verb: &str, ids: &[i64], outcomes: Vec<Result<Value, String>>) -> String {
        let lines: Vec<String> = ids
            .iter()
            .zip(outcomes)
            .map(|(id, outcome)| match outcome.and_then(|output| Seen::deserialize(&output["task"]).map_err(|error| error.to_string())) {
                Ok(task) => format!("{verb} {}.", self.told(&task)),
                Err(detail) => format!("#{id}: {detail}."),
            })
            .collect();
        if lines.len() == 1 { lines.concat() } else { lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n") }
    }

    fn delete(&mut self, which: &Selection) -> Result<String, Stop> {
        let ids = self.select(which, None)?;
        let outcomes = self.calls(&ids.iter().map(|id| ("delete_task", json!({ "task_id": id }))).collect::<Vec<_>>())?;
        let (mut asked, mut lines) = (0, Vec::new());
        for (id, outcome) in ids.iter().zip(outcomes) {
            match outcome {
                Ok(output) if output["status"] == "asked" => asked += 1,
                Ok(_) => lines.push(format!("Deleted task {id}.")),
                Err(detail) => lines.push(format!("#{id}: {detail}.")),
            }
        }
        match asked {
            0 => {}
            1 => lines.push("Shall I delete it? Say **yes**, and it is gone for good; nothing is deleted yet.".to_owned()),
            asked => {
                lines.push(format!("Shall I delete these {asked} tasks? Say **yes**, and they are gone for good; nothing is deleted yet."));
            }
        }
        Ok(lines.join("\n"))
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
                    calls.push(("update_task", update_arguments(&update)));
                    called.push(*id);
                }
                Err(note) => lines.push(format!("#{id}: {}", note.text)),
            }
        }
        let outcomes = self.calls(&calls)?;
        let told = self.results_told("Changed", &called, outcomes);
        let all = std::iter::once(told).filter(|told| !told.is_empty()).chain(lines).collect::<Vec<_>>().join("\n");
        Ok(with_notes(all, &notes))
    }

    fn remind(&mut self, which: &Selection, offset: &str) -> Result<String, Stop> {
        let ids = self.select(which, Some("pending"))?;
        let outcomes = self
            .calls(&ids.iter().map(|id| ("schedule_reminder", json!({ "task_id": id, "reminder_offset": offset }))).collect::<Vec<_>>())?;
        let lines: Vec<String> = ids
            .iter()
            .zip(outcomes)
            .map(|(id, outcome)| match outcome {
                Ok(output) => format!("I remind you of task {id} {}.", self.at(&output["reminder"]["scheduled_at"])),
                Err(detail) => format!("#{id}: {detail}."),
            })
            .collect();
        Ok(lines.join("\n"))
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
        let lines: Vec<String> = ids
            .iter()
            .zip(outcomes)
            .map(|(id, outcome)| match outcome {
                Ok(_) => format!("Cancelled reminder {id}."),
                Err(detail) => format!("Reminder {id}: {detail}."),
            })
            .collect();
        Ok(lines.join("\n"))
    }

    fn tags(&mut self) -> Result<String, Stop> {
        let found = self.call("list_tags", json!({}))?;
        let tags = found["tags"].as_array().cloned().unwrap_or_default();
        if tags.is_empty() {
            return Ok("There are no tags yet.".to_owned());
        }
        let line = |tag: &Value| format!("- #{} ({})", tag["tag"].as_str().unwrap_or_default(), tag["count"]);
        Ok(format!("Tags:\n\n{}", tags.iter().map(line).collect::<Vec<_>>().join("\n")))
    }

    // --- How it is told ---------------------------------------------------------------------------------------------------

    /// A task in one line.
    fn told(&self, task: &Seen) -> String {
        let mut text = format!("“{}” (#{})", task.title, task.id);
        let mut more = Vec::new();
        if let Some(due) = task.due_date {
            more.push(format!("due {}", self.moment(due)));
        }
        if let Some(rule) = &task.recurrence_rule {
            more.push(format!("repeats {rule}"));
        } else if task.recurrence != Recurrence::None {
            more.push(word(&task.recurrence));
        }
        if task.priority != Priority::Medium {
            more.push(format!("{} priority", word(&task.priority)));
        }
        if let Some(offset) = &task.reminder_offset {
            more.push(format!("reminder {offset} before"));
        }
        more.extend(task.tags.iter().map(|tag| format!("#{tag}")));
        if !more.is_empty() {
            text.push_str(", ");
            text.push_str(&more.join(", "));
        }
        text
    }

    /// A task in full.
    fn shown(&self, task: &Seen) -> String {
        let status = if task.status == Status::Completed { "completed" } else { "pending" };
        let description = if task.description.is_empty() { String::new() } else { format!("\n\n{}", task.description) };
        format!("{}, {status}{description}", self.told(task))
    }

    fn at(&self, moment: &Value) -> String {
        moment.as_str().and_then(|moment| moment.parse().ok()).map_or_else(String::new, |moment| format!("on {}", self.moment(moment)))
    }

    fn moment(&self, moment: Timestamp) -> String {
        moment.get().to_zoned(self.zone.get().clone()).strftime("%a %-d %b %Y %H:%M").to_string()
    }
}

fn call(tool: &str, arguments: &Value) -> Call {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    // Where a field is null, it is left out; what null means for a change is said by the change itself.
    let keeps_null = tool == "update_task";
    Call { id: None, name: tool.to_owned(), arguments: arguments.into_iter().filter(|(_, value)| keeps_null || !value.is_null()).collect() }
}

fn with_id(more: &Value, id: i64) -> Value {
    let mut arguments = more.clone();
    arguments["task_id"] = id.into();
    arguments
}

/// A change as a tool takes it: the fields that are set.
fn update_arguments(update: &UpdateTask) -> Value {
    use domain::command::Field;
    fn set<T: Serialize>(fields: &mut Map<String, Value>, name: &str, field: &Field<T>) {
        if let Field::Set(value) = field {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    let mut fields = Map::new();
    fields.insert("task_id".to_owned(), update.task_id.into());
    set(&mut fields, "title", &update.title);
    set(&mut fields, "description", &update.description);
    set(&mut fields, "due_date", &update.due_date);
    set(&mut fields, "time_zone", &update.time_zone);
    set(&mut fields, "recurrence", &update.recurrence);
    set(&mut fields, "recurrence_rule", &update.recurrence_rule);
    set(&mut fields, "recurrence_from", &update.recurrence_from);
    set(&mut fields, "priority", &update.priority);
    set(&mut fields, "tags", &update.tags);
    set(&mut fields, "reminder_offset", &update.reminder_offset);
    Value::Object(fields)
}

/// A search as a tool takes it.
fn search(query: &SearchTasks, limit: usize) -> Value {
    let filter = &query.filters;
    let mut filters = Map::new();
    let mut set = |name: &str, value: Value| drop((!value.is_null()).then(|| filters.insert(name.to_owned(), value)));
    set("status", json!(filter.status));
    set("priority", json!(filter.priority));
    set("due_before", json!(filter.due_before));
    set("due_after", json!(filter.due_after));
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

/// How many tasks a sentence asks for.
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

/// What was taken for granted, and what was not understood.
fn with_notes(text: String, notes: &[Note]) -> String {
    let notes: Vec<String> = notes
        .iter()
        .map(|note| match note.kind {
            NoteKind::Assumed => format!("*{}*", note.text),
            NoteKind::Missed => note.text.clone(),
        })
        .collect();
    if notes.is_empty() { text } else { format!("{text}\n\n{}", notes.join("\n")) }
}
