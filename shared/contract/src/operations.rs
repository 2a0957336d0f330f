//! Parameters, bodies and responses of each operation, by its id. The route has everything else.

use domain::app_password::{AppPassword, AppPasswordRef, CreateAppPassword, FeedKey, NewAppPassword};
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

/// How an operation is answered, which decides its possible errors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Reads or writes the database.
    Stored,
    /// Answers without the database: a page, a document, the service's health.
    Fixed,
    /// Becomes a WebSocket.
    Socket,
    /// Calls a model, which may be unavailable.
    Asking,
}

/// A body that callers send: its type's name, a reference to its schema, and the schema.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    pub(crate) name: fn() -> std::borrow::Cow<'static, str>,
    pub(crate) reference: Make,
    pub(crate) fields: Make,
}

/// Parameters, bodies and responses of an operation.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about an operation")]
#[derive(Clone, Copy)]
pub(crate) struct Types {
    pub(crate) summary: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) kind: Kind,
    pub(crate) query: Option<Make>,
    pub(crate) body: Option<Body>,
    pub(crate) answer: Option<(&'static [&'static str], Make)>,
    pub(crate) headers: &'static [&'static str],
    /// True if the body refers to something that may not exist.
    pub(crate) refers: bool,
    /// True if the resource may exist already; it is then returned with 200.
    pub(crate) may_be_there: bool,
    /// True if the number of resources is limited.
    pub(crate) may_be_full: bool,
    /// True if it answers 304 to a caller with a current copy.
    pub(crate) is_cached: bool,
    /// Response to a caller that accepts `text/event-stream`.
    pub(crate) stream: Option<Make>,
    /// Further description.
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

/// Description of the response's stream for callers.
const CHAT: &str = "The message and its answer are stored in the conversation. Deleting more than one task, or a task whose number the message does not \
    name, needs confirmation: the answer has a `question`, and the next message confirms it by `confirms`, or in plain words.

\
    A caller that accepts `text/event-stream` gets the answer as server-sent events whose data is JSON: first `conversation` \
    ({conversation_id}); then, in any order and number, `text` ({text}: the next piece of the response) and `action` (an Action, once it is done); last, \
    `done` (the complete ChatAnswer) or `problem` (a Problem with `conversation_id`). An invalid request is answered with a problem, \
    without a stream. Lines that begin with a colon keep the connection open. If the caller disconnects, the answer is still stored in the conversation.";

/// Description of the operation that imports a file.
const IMPORT: &str = "The body is the file itself, up to 64 MiB: Taskflow's own export, Todoist's or TickTick's CSV, Vikunja's zip, Tasks.json of Google \
    Takeout, or iCalendar. A job imports it; `GET /api/imports/{id}` shows the progress. Importing a file twice creates no task twice. Open pages receive \
    one event `tasks.imported` for up to 500 tasks.";

/// Returns the entry of an operation.
#[expect(clippy::too_many_lines, reason = "a table with an entry per operation")]
pub(crate) fn types(id: &str) -> Option<Types> {
    const TASK: &[&str] = &["ETag", "Taskflow-Change"];
    const PAGE: &[&str] = &["X-Total-Count", "Link"];
    let text: Make = |_| json!({ "type": "string" });
    Some(match id {
        "createTask" => Types::new("tasks", "Creates a task; an existing task with this uid is returned with 200")
            .body::<CreateTask>()
            .answers::<Task>()
            .headers(&["ETag", "Location", "Taskflow-Change"])
            .or_there(),
        "listTasks" => Types::new("tasks", "Lists tasks").query::<ListTasks>().lists::<Task>().headers(PAGE),
        "getTask" => Types::new("tasks", "Returns a task").answers::<Task>().headers(&["ETag"]).conditional(),
        "listOccurrences" => {
            Types::new("tasks", "Lists the next due dates").query::<ListOccurrences>().lists::<Occurrence>()
        }
        "skipTask" => Types::new("tasks", "Moves a task to its next occurrence without completing it")
            .body::<TaskCommand>()
            .answers::<Task>()
            .headers(TASK),
        "getPreferences" => Types::new("preferences", "Returns the preferences").answers::<Preferences>(),
        "setPreferences" => {
            Types::new("preferences", "Sets preferences; fields left out stay unchanged").body::<SetPreferences>().answers::<Preferences>()
        }
        "updateTask" => Types::new("tasks", "Changes a task; fields left out stay unchanged").body::<UpdateTask>().answers::<Task>().headers(TASK),
        "patchTask" => Types::new("tasks", "Changes a task by a merge patch (RFC 7396), as PUT does")
            .body::<UpdateTask>()
            .answers::<Task>()
            .headers(TASK),
        "deleteTask" => Types::new("tasks", "Moves a task to the trash").body::<TaskCommand>().headers(&["Taskflow-Change"]),
        "restoreTask" => Types::new("tasks", "Restores a task from the trash; a task that is not in the trash is returned unchanged")
            .body::<TaskCommand>()
            .answers::<Task>()
            .headers(TASK),
        "listTrash" => Types::new("tasks", "Lists the tasks deleted in the last 30 days, newest first")
            .query::<ListTrash>()
            .lists::<TrashedTask>()
            .headers(PAGE),
        "emptyTrash" => Types::new("tasks", "Empties the trash permanently"),
        "bulkTasks" => Types::new("tasks", "Changes many tasks, and returns a result for each, in the order of the request")
            .body::<BulkTasks>()
            .with(JSON, schemas::bulk_results),
        "undo" => {
            Types::new("tasks", "Undoes a change of a task; 409 if a later change touched the same fields")
                .body::<Undo>()
                .refers()
                .answers::<Task>()
                .headers(TASK)
        }
        "completeTask" => {
            Types::new("tasks", "Completes a task; a completed task is returned unchanged").body::<TaskCommand>().answers::<Task>().headers(TASK)
        }
        "reopenTask" => Types::new("tasks", "Reopens a completed task").body::<TaskCommand>().answers::<Task>().headers(TASK),
        "setPriority" => Types::new("tasks", "Sets a task's priority").body::<SetPriority>().answers::<Task>().headers(TASK),
        "addTags" => Types::new("tags", "Adds tags to a task").body::<TagTask>().answers::<Task>().headers(TASK),
        "removeTags" => Types::new("tags", "Removes the tags of the body, or of the query string for clients that send no body")
            .query::<TagTask>()
            .body::<TagTask>()
            .answers::<Task>()
            .headers(TASK),
        "listTags" => Types::new("tags", "Lists the tags of all tasks")
            .with(JSON, |schemas| json!({ "type": "array", "items": schemas::tag_count(schemas) })),
        "searchTasks" => {
            Types::new("tasks", "Searches titles, descriptions and tags").body::<SearchTasks>().with(JSON, schemas::search_results)
        }
        "scheduleReminder" => {
            Types::new("reminders", "Schedules a reminder of a task").body::<ScheduleReminder>().refers().answers::<Reminder>().headers(&["Location"])
        }
        "listReminders" => Types::new("reminders", "Lists reminders").query::<ListReminders>().lists::<Reminder>(),
        "cancelReminder" => Types::new("reminders", "Cancels a reminder").body::<CancelReminder>(),
        "snoozeReminder" => Types::new("reminders", "Snoozes a reminder").body::<SnoozeReminder>().answers::<Reminder>(),
        "showAnswer" => {
            Types::new("reminders", "Shows a page with a button for a signed link of a mail or a notification; changes nothing")
                .with(&["text/html"], text)
        }
        "giveAnswer" => Types::new("reminders", "Executes a signed link, once: completes the task, or snoozes the reminder")
            .with(&["text/html"], text),
        "getPushKey" => Types::new("push", "Returns the public key that browsers subscribe with").answers::<PushKey>(),
        "listSubscriptions" => Types::new("push", "Lists the browsers that receive pushes").lists::<Subscription>(),
        "createSubscription" => Types::new("push", "Subscribes a browser to pushes; an existing subscription is returned with 200")
            .body::<NewSubscription>()
            .answers::<Subscription>()
            .headers(&["Location"])
            .or_there()
            .limited(),
        "deleteSubscription" => {
            Types::new("push", "Unsubscribes a browser; succeeds if it is not subscribed").body::<SubscriptionRef>()
        }
        "listAppPasswords" => Types::new("calendar", "Lists the app passwords of calendar clients and the keys of the feed").lists::<AppPassword>(),
        "createAppPassword" => Types::new("calendar", "Creates an app password, or a key of the feed, and shows it once")
            .body::<CreateAppPassword>()
            .answers::<NewAppPassword>()
            .headers(&["Location"])
            .limited(),
        "deleteAppPassword" => {
            Types::new("calendar", "Revokes an app password, or a key of the feed. Succeeds if it does not exist").body::<AppPasswordRef>()
        }
        "getFeed" => Types::new("calendar", "Returns due tasks as events, for read-only calendars")
            .query::<FeedKey>()
            .with(&["text/calendar"], text)
            .headers(&["ETag"])
            .conditional(),
        "testSubscription" => Types::new("push", "Sends a test push to a browser").body::<SubscriptionRef>(),
        "watchNotifications" => {
            Types::new("notifications", "Opens a WebSocket that sends notifications and changes as JSON text frames")
                .kind(Kind::Socket)
                .query::<ListNotifications>()
        }
        "listNotifications" => Types::new("notifications", "Lists notifications").query::<ListNotifications>().lists::<Notification>(),
        "readNotification" => Types::new("notifications", "Marks a notification as read"),
        "listAudit" => Types::new("audit", "Lists the audit log").query::<ListAudit>().lists::<AuditLogEntry>().headers(PAGE),
        "createImport" => Types::new("transfer", "Imports a file")
            .describe(IMPORT)
            .query::<CreateImport>()
            .answers::<Import>()
            .headers(&["Location"])
            .limited(),
        "getImport" => Types::new("transfer", "Returns the progress of an import").answers::<Import>(),
        "listImportNotes" => Types::new("transfer", "Lists what an import could not keep, by line")
            .query::<ListImportNotes>()
            .lists::<ImportNote>()
            .headers(PAGE),
        "runImport" => Types::new("transfer", "Imports the file of a preview. Returns an import that has already run unchanged")
            .body::<ImportRef>()
            .answers::<Import>()
            .limited(),
        "export" => Types::new("transfer", "Returns everything as a file: JSON for `POST /api/imports`, or the tasks as CSV or iCalendar")
            .query::<Export>()
            .with(&["application/json", "text/csv", "text/calendar"], text),
        "chat" => Types::new("assistant", "Sends a message to the assistant")
            .kind(Kind::Asking)
            .describe(CHAT)
            .body::<SendMessage>()
            .answers::<ChatAnswer>()
            .streams(schemas::chat_events),
        "draftTask" => Types::new("assistant", "Parses a line as a draft of a task, and lists what was understood, assumed and missed")
            .kind(Kind::Fixed)
            .body::<DraftTask>()
            .with(JSON, schemas::drafted),
        "getConversation" => Types::new("assistant", "Returns a conversation").answers::<Conversation>(),
        "deleteConversation" => Types::new("assistant", "Deletes a conversation; succeeds if it does not exist").body::<ConversationRef>(),
        "mcp" => Types::new("assistant", "The assistant's tools, as an MCP server: streamable HTTP, without sessions")
            .kind(Kind::Fixed)
            .describe(
                "JSON-RPC 2.0 as the Model Context Protocol has it. A request is answered as JSON, a notification with 202. Version 2025-03-26 has \
                 batches: up to 20 messages as an array.",
            )
            .describes_body(Body { name: || "McpMessage".into(), reference: schemas::mcp_message, fields: schemas::mcp_fields })
            .with(JSON, schemas::mcp_answer),
        "health" => Types::new("health", "Reports the health of the service and its dependencies")
            .kind(Kind::Fixed)
            .describe(
                "The result may be up to a minute old; Age is its age in seconds. Cache-Control: no-cache, with the token, checks again.",
            )
            .with(JSON, schemas::health),
        "healthLive" => Types::new("health", "Reports that the process is running").kind(Kind::Fixed).with(JSON, schemas::liveness),
        "healthReady" => Types::new("health", "Reports whether the process accepts requests").kind(Kind::Fixed).with(JSON, schemas::readiness),
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
    use domain::routes::{Access, WELL_KNOWN_CALDAV};

    use super::*;

    #[test]
    fn every_operation_has_an_entry() {
        let operations = domain::routes::ALL.iter().flat_map(|route| route.operations);
        // OpenAPI cannot describe CalDAV.
        let described = operations.filter(|operation| operation.access != Access::AppPassword && operation.path != WELL_KNOWN_CALDAV);
        let missing: Vec<&str> = described.map(|operation| operation.id).filter(|id| types(id).is_none()).collect();
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
