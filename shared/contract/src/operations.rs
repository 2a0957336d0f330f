//! What each operation of the routes takes and answers, by its id. Everything else about it is in the route.

use domain::audit::AuditLogEntry;
use domain::chat::{ChatAnswer, Conversation, ConversationRef, DraftTask, SendMessage};
use domain::command::{
    BulkTasks, CancelReminder, CreateTask, ScheduleReminder, SetPriority, SnoozeReminder, TagTask, TaskCommand, Undo, UpdateTask,
};
use domain::preferences::{Preferences, SetPreferences};
use domain::push::{NewSubscription, PushKey, Subscription, SubscriptionRef};
use domain::query::{
    CreateImport, Export, ImportRef, ListAudit, ListImportNotes, ListNotifications, ListOccurrences, ListReminders, ListTasks, ListTrash,
    SearchTasks,
};
use domain::schedule::Occurrence;
use domain::task::TrashedTask;
use domain::transfer::{Import, ImportNote};
use domain::{Notification, Reminder, Task};
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::schemas::{self, Schemas};

type Make = fn(&mut Schemas) -> Value;

/// Who answers, and so what can go wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Reads or writes the database.
    Stored,
    /// Answers from what it is: a page, a document, its health.
    Fixed,
    /// Becomes a WebSocket.
    Socket,
    /// Asks a model, which may be away.
    Asking,
}

/// A body that callers send: its type's name, a reference to its schema, and the schema itself.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    pub(crate) name: fn() -> std::borrow::Cow<'static, str>,
    pub(crate) reference: Make,
    pub(crate) fields: Make,
}

/// What an operation takes and answers.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about an operation")]
#[derive(Clone, Copy)]
pub(crate) struct Types {
    pub(crate) summary: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) kind: Kind,
    pub(crate) query: Option<Make>,
    pub(crate) body: Option<Body>,
    pub(crate) answer: Option<(&'static [&'static str], Make)>,
    pub(crate) headers: &'static [&'static str],
    /// Whether the body names something that may not be there.
    pub(crate) refers: bool,
    /// Whether what it makes may be there already: then that is answered, with 200.
    pub(crate) may_be_there: bool,
    /// Whether there may be as many as there can be.
    pub(crate) may_be_full: bool,
    /// Whether a caller that has it already is told so.
    pub(crate) is_cached: bool,
    /// What a caller gets that asks for `text/event-stream`.
    pub(crate) stream: Option<Make>,
    /// What else is to be said.
    pub(crate) description: Option<&'static str>,
}

const JSON: &[&str] = &["application/json"];

impl Types {
    const fn new(tag: &'static str, summary: &'static str) -> Self {
        Self {
            summary,
            tag,
            kind: Kind::Stored,
            query: None,
            body: None,
            answer: None,
            headers: &[],
            refers: false,
            may_be_there: false,
            may_be_full: false,
            is_cached: false,
            stream: None,
            description: None,
        }
    }

    const fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    const fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(Schemas::inline::<T>), ..self }
    }

    const fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(Body { name: T::schema_name, reference: Schemas::read::<T>, fields: Schemas::inline::<T> }), ..self }
    }

    const fn describes_body(self, body: Body) -> Self {
        Self { body: Some(body), ..self }
    }

    const fn refers(self) -> Self {
        Self { refers: true, ..self }
    }

    const fn or_there(self) -> Self {
        Self { may_be_there: true, ..self }
    }

    const fn limited(self) -> Self {
        Self { may_be_full: true, ..self }
    }

    const fn cached(self) -> Self {
        self.conditional().kind(Kind::Fixed)
    }

    const fn conditional(self) -> Self {
        Self { is_cached: true, ..self }
    }

    const fn answers<T: JsonSchema>(self) -> Self {
        self.with(JSON, Schemas::written::<T>)
    }

    const fn lists<T: JsonSchema>(self) -> Self {
        self.with(JSON, |schemas| json!({ "type": "array", "items": schemas.written::<T>() }))
    }

    const fn with(self, media_types: &'static [&'static str], make: Make) -> Self {
        Self { answer: Some((media_types, make)), ..self }
    }

    const fn streams(self, stream: Make) -> Self {
        Self { stream: Some(stream), ..self }
    }

    const fn describe(self, description: &'static str) -> Self {
        Self { description: Some(description), ..self }
    }

    const fn headers(self, headers: &'static [&'static str]) -> Self {
        Self { headers, ..self }
    }
}

/// What a caller needs to know to read the stream of an answer.
const CHAT: &str = "The message is kept, and its answer, in the conversation. Deleting more than one task, or one that the message does not name by its number, is \
    asked first: the answer has a `question`, and the next message says yes to it by `confirms`, or in plain words.\n\n\
    A caller that accepts `text/event-stream` gets the answer as it comes, as server-sent events whose data is JSON: first `conversation` \
    ({conversation_id}); then, in any order and number, `text` ({text}: the next piece of the response) and `action` (an Action, once it is done); last, \
    `done` (the ChatAnswer, whole) or `problem` (a Problem, with `conversation_id` besides). What is wrong with the request itself is answered as a problem, \
    without a stream. Lines that begin with a colon keep the connection open. A caller that hangs up stops nothing: the conversation has the answer.";

/// What a caller needs to know to send a file.
const IMPORT: &str = "The body is the file itself, up to 64 MiB: Taskflow's own export, Todoist's or TickTick's CSV, Vikunja's zip, Tasks.json of Google \
    Takeout, or iCalendar. A job imports it; `GET /api/imports/{id}` says how far it is. Importing a file twice creates no task twice. Open pages get \
    one event `tasks.imported` for up to 500 tasks.";

/// The entry of an operation.
#[expect(clippy::too_many_lines, reason = "a table, with an entry for each operation")]
pub(crate) fn types(id: &str) -> Option<Types> {
    const TASK: &[&str] = &["ETag", "Taskflow-Change"];
    const PAGE: &[&str] = &["X-Total-Count", "Link"];
    let text: Make = |_| json!({ "type": "string" });
    Some(match id {
        "createTask" => Types::new("tasks", "Makes a task; one with this uid that is there already is answered with 200")
            .body::<CreateTask>()
            .answers::<Task>()
            .headers(&["ETag", "Location", "Taskflow-Change"])
            .or_there(),
        "listTasks" => Types::new("tasks", "Lists tasks").query::<ListTasks>().lists::<Task>().headers(PAGE),
        "getTask" => Types::new("tasks", "Answers a task").answers::<Task>().headers(&["ETag"]).conditional(),
        "listOccurrences" => {
            Types::new("tasks", "Lists when the occurrences after this one are due").query::<ListOccurrences>().lists::<Occurrence>()
        }
        "skipTask" => Types::new("tasks", "Moves a task on to its next occurrence, with nothing completed")
            .body::<TaskCommand>()
            .answers::<Task>()
            .headers(TASK),
        "getPreferences" => Types::new("preferences", "Answers what the user prefers").answers::<Preferences>(),
        "setPreferences" => {
            Types::new("preferences", "Sets what the user prefers: fields left out stay").body::<SetPreferences>().answers::<Preferences>()
        }
        "updateTask" => Types::new("tasks", "Changes a task: fields left out stay").body::<UpdateTask>().answers::<Task>().headers(TASK),
        "patchTask" => Types::new("tasks", "Changes a task by a merge patch (RFC 7396), as PUT does")
            .body::<UpdateTask>()
            .answers::<Task>()
            .headers(TASK),
        "deleteTask" => Types::new("tasks", "Moves a task to the trash").body::<TaskCommand>().headers(&["Taskflow-Change"]),
        "restoreTask" => Types::new("tasks", "Brings a task back from the trash; one that is not there is answered as it is")
            .body::<TaskCommand>()
            .answers::<Task>()
            .headers(TASK),
        "listTrash" => Types::new("tasks", "Lists the tasks of the last 30 days that were deleted, the last one first")
            .query::<ListTrash>()
            .lists::<TrashedTask>()
            .headers(PAGE),
        "emptyTrash" => Types::new("tasks", "Deletes what is in the trash, for good"),
        "bulkTasks" => Types::new("tasks", "Changes many tasks: a result for each, in the order of the call")
            .body::<BulkTasks>()
            .with(JSON, schemas::bulk_results),
        "undo" => {
            Types::new("tasks", "Takes back one change of a task, which is a change itself; 409 if a later one touched the same fields")
                .body::<Undo>()
                .refers()
                .answers::<Task>()
                .headers(TASK)
        }
        "completeTask" => {
            Types::new("tasks", "Completes a task; a completed one is answered again").body::<TaskCommand>().answers::<Task>().headers(TASK)
        }
        "reopenTask" => Types::new("tasks", "Reopens a completed task").body::<TaskCommand>().answers::<Task>().headers(TASK),
        "setPriority" => Types::new("tasks", "Sets a task's priority").body::<SetPriority>().answers::<Task>().headers(TASK),
        "addTags" => Types::new("tags", "Adds tags to a task").body::<TagTask>().answers::<Task>().headers(TASK),
        "removeTags" => Types::new("tags", "Removes tags from a task: those of the body, or of the query string for clients that send no body")
            .query::<TagTask>()
            .body::<TagTask>()
            .answers::<Task>()
            .headers(TASK),
        "listTags" => Types::new("tags", "Lists the tags that tasks have")
            .with(JSON, |schemas| json!({ "type": "array", "items": schemas::tag_count(schemas) })),
        "searchTasks" => {
            Types::new("tasks", "Searches titles, descriptions and tags").body::<SearchTasks>().with(JSON, schemas::search_results)
        }
        "scheduleReminder" => {
            Types::new("reminders", "Reminds of a task").body::<ScheduleReminder>().refers().answers::<Reminder>().headers(&["Location"])
        }
        "listReminders" => Types::new("reminders", "Lists reminders").query::<ListReminders>().lists::<Reminder>(),
        "cancelReminder" => Types::new("reminders", "Cancels a reminder").body::<CancelReminder>(),
        "snoozeReminder" => Types::new("reminders", "Has a reminder fire again later").body::<SnoozeReminder>().answers::<Reminder>(),
        "showAnswer" => {
            Types::new("reminders", "Shows what a signed link of a mail or a notification does, with a button; changes nothing")
                .with(&["text/html"], text)
        }
        "giveAnswer" => Types::new("reminders", "Does what a signed link says, once: completes the task, or snoozes the reminder")
            .with(&["text/html"], text),
        "getPushKey" => Types::new("push", "Answers the key that browsers subscribe with").answers::<PushKey>(),
        "listSubscriptions" => Types::new("push", "Lists the browsers that get pushes").lists::<Subscription>(),
        "createSubscription" => Types::new("push", "Has a browser get pushes; one that is there already is answered with 200")
            .body::<NewSubscription>()
            .answers::<Subscription>()
            .headers(&["Location"])
            .or_there()
            .limited(),
        "deleteSubscription" => {
            Types::new("push", "Has a browser get no more pushes; one that is not there is fine").body::<SubscriptionRef>()
        }
        "testSubscription" => Types::new("push", "Sends a test to a browser").body::<SubscriptionRef>(),
        "watchNotifications" => {
            Types::new("notifications", "Shows notifications and changes as they come: a WebSocket with JSON text frames")
                .kind(Kind::Socket)
                .query::<ListNotifications>()
        }
        "listNotifications" => Types::new("notifications", "Lists notifications").query::<ListNotifications>().lists::<Notification>(),
        "readNotification" => Types::new("notifications", "Marks a notification as read"),
        "listAudit" => Types::new("audit", "Lists what happened").query::<ListAudit>().lists::<AuditLogEntry>().headers(PAGE),
        "createImport" => Types::new("transfer", "Imports a file")
            .describe(IMPORT)
            .query::<CreateImport>()
            .answers::<Import>()
            .headers(&["Location"])
            .limited(),
        "getImport" => Types::new("transfer", "Answers how far an import is").answers::<Import>(),
        "listImportNotes" => Types::new("transfer", "Lists what an import could not keep, by line")
            .query::<ListImportNotes>()
            .lists::<ImportNote>()
            .headers(PAGE),
        "runImport" => Types::new("transfer", "Imports the file of a preview; one that is imported already is answered as it is")
            .body::<ImportRef>()
            .answers::<Import>()
            .limited(),
        "export" => Types::new("transfer", "Answers everything as a file: JSON for `POST /api/imports`, or the tasks as CSV or iCalendar")
            .query::<Export>()
            .with(&["application/json", "text/csv", "text/calendar"], text),
        "chat" => Types::new("assistant", "Says something to the assistant")
            .kind(Kind::Asking)
            .describe(CHAT)
            .body::<SendMessage>()
            .answers::<ChatAnswer>()
            .streams(schemas::chat_events),
        "draftTask" => Types::new("assistant", "Reads a line as a task, without making one: what it understood, assumed and missed")
            .kind(Kind::Fixed)
            .body::<DraftTask>()
            .with(JSON, schemas::drafted),
        "getConversation" => Types::new("assistant", "Answers a conversation").answers::<Conversation>(),
        "deleteConversation" => Types::new("assistant", "Forgets a conversation; one that is not there is fine").body::<ConversationRef>(),
        "mcp" => Types::new("assistant", "The assistant's tools, as an MCP server: streamable HTTP, without sessions")
            .kind(Kind::Fixed)
            .describe(
                "JSON-RPC 2.0 as the Model Context Protocol has it. A request is answered as JSON, a notification with 202. Version 2025-03-26 has \
                 batches: up to 20 messages as an array.",
            )
            .describes_body(Body { name: || "McpMessage".into(), reference: schemas::mcp_message, fields: schemas::mcp_fields })
            .with(JSON, schemas::mcp_answer),
        "health" => Types::new("health", "Says how the service and what it needs are")
            .kind(Kind::Fixed)
            .describe(
                "As it was within the last minute; Age says how many seconds ago. Cache-Control: no-cache, with the token, asks anew.",
            )
            .with(JSON, schemas::health),
        "healthLive" => Types::new("health", "Says that the process answers").kind(Kind::Fixed).with(JSON, schemas::liveness),
        "healthReady" => Types::new("health", "Says whether the process takes requests").kind(Kind::Fixed).with(JSON, schemas::readiness),
        "page" => Types::new("web", "The web page").cached().with(&["text/html"], text),
        "worker" => Types::new("web", "The service worker of the web page").cached().with(&["text/javascript"], text),
        "asset" => Types::new("web", "A file of the web page").cached().with(&["text/css", "text/javascript", "image/svg+xml"], text),
        "openapi" => Types::new("web", "This document").cached().with(JSON, schemas::any_object),
        "asyncapi" => Types::new("web", "The events and commands, as an AsyncAPI document").cached().with(JSON, schemas::any_object),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_an_entry() {
        let operations = domain::routes::ALL.iter().flat_map(|route| route.operations);
        let missing: Vec<&str> = operations.map(|operation| operation.id).filter(|id| types(id).is_none()).collect();
        assert!(missing.is_empty(), "types() in shared/contract/src/operations.rs has no entry for {missing:?}");
    }

    #[test]
    fn every_command_has_data() {
        let operations = domain::routes::ALL.iter().flat_map(|route| route.operations).filter(|operation| operation.command.is_some());
        let missing: Vec<&str> =
            operations.map(|operation| operation.id).filter(|id| types(id).is_none_or(|types| types.body.is_none())).collect();
        assert!(missing.is_empty(), "types() in shared/contract/src/operations.rs has no body for {missing:?}");
    }
}
