//! Who answers what: the one table that the gateway, the functions, the documents and the manifests read.
//!
//! To add a function: a folder in `functions/`, a [`Route`] here and in [`ALL`], and the types of its operations in
//! `contract`. Tests tell what is missing.

use serde_json::Value;

use crate::event::{CommandType, EventType, Topic};

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "RFC 9110 says what they mean")]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    /// The name as RFC 9110 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One call of the REST API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name in the OpenAPI document.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path; a name in braces is a field of the command or the query.
    pub path: &'static str,
    /// The status of success.
    pub success: u16,
    /// The command event that asks for the same.
    pub command: Option<CommandType>,
    /// Whether it is answered without the token.
    pub public: bool,
}

/// The events of one topic that a function consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The topic.
    pub topic: Topic,
    /// The types it wants; others are acknowledged without waking it.
    pub types: &'static [EventType],
    /// Of these types, the events that it has nothing to do for are acknowledged without waking it, too.
    pub concern: Concern,
}

/// Which events make a difference to a consumer, by the task in their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// All of them.
    All,
    /// Not those of a new task without a `reminder_offset`.
    Reminders,
    /// Those of a task that recurs.
    Recurring,
    /// Not the completion of a task without a due date, for it has no reminder that waits.
    Due,
    /// Those that come while somebody watches: they are shown live and kept nowhere. Their data does not tell.
    Watched,
}

impl Concern {
    /// Whether an event with this data makes a difference. Data that cannot be read does: the function says what is wrong with it.
    #[must_use]
    pub fn is_met(self, ty: EventType, data: &Value) -> bool {
        let field = |name: &str| data.get("task_data").and_then(|task| task.get(name));
        match self {
            Self::All | Self::Watched => true,
            Self::Due => ty != EventType::TaskCompleted || field("due_date").is_none_or(|due| !due.is_null()),
            Self::Reminders => ty != EventType::TaskCreated || field("reminder_offset").is_none_or(|offset| !offset.is_null()),
            Self::Recurring => field("recurrence").is_none_or(|recurrence| recurrence != "none"),
        }
    }
}

/// One function: what it answers and what it consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Folder, package, binary, Knative Service, image and `service.name`.
    pub name: &'static str,
    /// The calls it answers.
    pub operations: &'static [Operation],
    /// The events it consumes.
    pub consumes: &'static [Subscription],
    /// Whether jobs call it: `POST /job/<name>` or `POST /job/<name>-<id>`.
    pub job: bool,
}

impl Route {
    const fn new(name: &'static str) -> Self {
        Self { name, operations: &[], consumes: &[], job: false }
    }

    const fn operations(self, operations: &'static [Operation]) -> Self {
        Self { operations, ..self }
    }

    const fn consumes(self, consumes: &'static [Subscription]) -> Self {
        Self { consumes, ..self }
    }

    const fn job(self) -> Self {
        Self { job: true, ..self }
    }

    /// The commands it obeys.
    pub fn commands(&self) -> impl Iterator<Item = CommandType> {
        self.operations.iter().filter_map(|operation| operation.command)
    }

    /// Whether it has something to do for an event of this type and data, whichever topic it came from.
    #[must_use]
    pub fn is_concerned(&self, ty: EventType, data: &Value) -> bool {
        self.consumes.iter().any(|subscription| subscription.types.contains(&ty) && subscription.concern.is_met(ty, data))
    }

    /// Under which subscription it wants events of this type from this topic, if it does.
    #[must_use]
    pub fn wants(&self, topic: Topic, ty: EventType) -> Option<&Subscription> {
        self.consumes.iter().find(|subscription| subscription.topic == topic && subscription.types.contains(&ty))
    }
}

const fn get(id: &'static str, path: &'static str) -> Operation {
    Operation { id, method: Method::Get, path, success: 200, command: None, public: false }
}

const fn public(id: &'static str, path: &'static str) -> Operation {
    Operation { public: true, ..get(id, path) }
}

const fn command(id: &'static str, method: Method, path: &'static str, success: u16, command: CommandType) -> Operation {
    Operation { id, method, path, success, command: Some(command), public: false }
}

const TASK_TYPES: &[EventType] = &[EventType::TaskCreated, EventType::TaskUpdated, EventType::TaskCompleted, EventType::TaskDeleted];
const REMINDER_TYPES: &[EventType] = &[
    EventType::ReminderScheduled,
    EventType::ReminderTriggered,
    EventType::ReminderSent,
    EventType::ReminderFailed,
    EventType::ReminderCancelled,
];

const fn on(topic: Topic, types: &'static [EventType]) -> Subscription {
    Subscription { topic, types, concern: Concern::All }
}

const fn only(concern: Concern, topic: Topic, types: &'static [EventType]) -> Subscription {
    Subscription { topic, types, concern }
}

/// Makes a task.
pub const CREATE_TASK: Route =
    Route::new("create-task").operations(&[command("createTask", Method::Post, "/api/tasks", 201, CommandType::TaskCreate)]);
/// Lists tasks.
pub const LIST_TASKS: Route = Route::new("list-tasks").operations(&[get("listTasks", "/api/tasks")]);
/// Answers one task.
pub const GET_TASK: Route = Route::new("get-task").operations(&[get("getTask", "/api/tasks/{task_id}")]);
/// Changes a task.
pub const UPDATE_TASK: Route =
    Route::new("update-task").operations(&[command("updateTask", Method::Put, "/api/tasks/{task_id}", 200, CommandType::TaskUpdate)]);
/// Deletes a task.
pub const DELETE_TASK: Route =
    Route::new("delete-task").operations(&[command("deleteTask", Method::Delete, "/api/tasks/{task_id}", 204, CommandType::TaskDelete)]);
/// Completes a task.
pub const COMPLETE_TASK: Route = Route::new("complete-task").operations(&[command(
    "completeTask",
    Method::Post,
    "/api/tasks/{task_id}/complete",
    200,
    CommandType::TaskComplete,
)]);
/// Reopens a task.
pub const REOPEN_TASK: Route = Route::new("reopen-task").operations(&[command(
    "reopenTask",
    Method::Post,
    "/api/tasks/{task_id}/reopen",
    200,
    CommandType::TaskReopen,
)]);
/// Sets a task's priority.
pub const SET_PRIORITY: Route = Route::new("set-priority").operations(&[command(
    "setPriority",
    Method::Put,
    "/api/tasks/{task_id}/priority",
    200,
    CommandType::TaskSetPriority,
)]);
/// Adds and removes a task's tags.
pub const TAG_TASK: Route = Route::new("tag-task").operations(&[
    command("addTags", Method::Post, "/api/tasks/{task_id}/tags", 200, CommandType::TaskAddTags),
    command("removeTags", Method::Delete, "/api/tasks/{task_id}/tags", 200, CommandType::TaskRemoveTags),
]);
/// Lists tags.
pub const LIST_TAGS: Route = Route::new("list-tags").operations(&[get("listTags", "/api/tags")]);
/// Searches tasks.
pub const SEARCH_TASKS: Route =
    Route::new("search-tasks").operations(&[Operation { method: Method::Post, ..get("searchTasks", "/api/tasks/search") }]);
/// Writes a task's reminders.
pub const SCHEDULE_REMINDER: Route = Route::new("schedule-reminder")
    .operations(&[command("scheduleReminder", Method::Post, "/api/reminders", 201, CommandType::ReminderSchedule)])
    .consumes(&[only(Concern::Reminders, Topic::TaskEvents, &[EventType::TaskCreated, EventType::TaskUpdated])]);
/// Lists reminders.
pub const LIST_REMINDERS: Route = Route::new("list-reminders").operations(&[get("listReminders", "/api/reminders")]);
/// Cancels reminders.
pub const CANCEL_REMINDER: Route = Route::new("cancel-reminder")
    .operations(&[command("cancelReminder", Method::Delete, "/api/reminders/{reminder_id}", 204, CommandType::ReminderCancel)])
    .consumes(&[only(Concern::Due, Topic::TaskEvents, &[EventType::TaskCompleted, EventType::TaskDeleted])]);
/// Fires a reminder at its time.
pub const FIRE_REMINDER: Route = Route::new("fire-reminder").job();
/// Shows and delivers notifications.
pub const NOTIFY: Route = Route::new("notify")
    .operations(&[
        get("watchNotifications", "/ws/notifications"),
        get("listNotifications", "/api/notifications"),
        Operation { method: Method::Post, success: 204, ..get("readNotification", "/api/notifications/{notification_id}/read") },
    ])
    .consumes(&[on(Topic::Reminders, &[EventType::ReminderTriggered]), only(Concern::Watched, Topic::TaskUpdates, TASK_TYPES)]);
/// Creates the next occurrence of a task.
pub const SPAWN_RECURRENCE: Route =
    Route::new("spawn-recurrence").consumes(&[only(Concern::Recurring, Topic::TaskEvents, &[EventType::TaskCompleted])]);
/// Keeps the audit log.
pub const RECORD_AUDIT: Route = Route::new("record-audit")
    .operations(&[get("listAudit", "/api/audit")])
    .consumes(&[on(Topic::TaskEvents, TASK_TYPES), on(Topic::Reminders, REMINDER_TYPES)]);
/// Empties the outbox.
pub const PUBLISH_EVENTS: Route = Route::new("publish-events").job();
/// Reconciles reminders with jobs, and prunes what is old.
pub const HOUSEKEEPING: Route = Route::new("housekeeping").job();
/// The assistant: takes messages, keeps conversations, drafts tasks.
pub const CHAT: Route = Route::new("chat").operations(&[
    Operation { method: Method::Post, ..get("chat", "/api/chat") },
    Operation { method: Method::Post, ..get("draftTask", "/api/chat/draft") },
    get("getConversation", "/api/chat/{conversation_id}"),
    Operation { method: Method::Delete, success: 204, ..get("deleteConversation", "/api/chat/{conversation_id}") },
]);
/// The assistant's tools, as an MCP server.
pub const MCP: Route = Route::new("mcp").operations(&[Operation { method: Method::Post, ..get("mcp", "/mcp") }]);
/// Says how the service is.
pub const HEALTH: Route = Route::new("health").operations(&[
    public("health", "/health"),
    public("healthLive", "/health/live"),
    public("healthReady", "/health/ready"),
]);
/// Serves the page and the documents.
pub const WEB: Route = Route::new("web").operations(&[
    public("page", "/"),
    public("asset", "/assets/{name}"),
    get("openapi", "/openapi.json"),
    get("asyncapi", "/asyncapi.json"),
]);

/// Finds the function for everything from outside. Nobody routes to it.
pub const GATEWAY: Route = Route::new("gateway");

/// Every function that callers, events or jobs reach. The gateway, `migrate` and `taskflow` are not among them: nobody routes to them.
pub const ALL: &[Route] = &[
    CREATE_TASK,
    LIST_TASKS,
    GET_TASK,
    UPDATE_TASK,
    DELETE_TASK,
    COMPLETE_TASK,
    REOPEN_TASK,
    SET_PRIORITY,
    TAG_TASK,
    LIST_TAGS,
    SEARCH_TASKS,
    SCHEDULE_REMINDER,
    LIST_REMINDERS,
    CANCEL_REMINDER,
    FIRE_REMINDER,
    NOTIFY,
    SPAWN_RECURRENCE,
    RECORD_AUDIT,
    PUBLISH_EVENTS,
    HOUSEKEEPING,
    CHAT,
    MCP,
    HEALTH,
    WEB,
];

/// The function that a job calls, by the job's name: `<function>` or `<function>-<id>`.
#[must_use]
pub fn of_job(name: &str) -> Option<&'static Route> {
    ALL.iter().filter(|route| route.job).find(|route| {
        name.strip_prefix(route.name).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
        })
    })
}

/// The function that obeys a command.
#[must_use]
pub fn of_command(command: CommandType) -> Option<&'static Route> {
    ALL.iter().find(|route| route.commands().any(|own| own == command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_one_function() {
        for command in CommandType::ALL {
            let owners = ALL.iter().filter(|route| route.commands().any(|own| own == *command)).count();
            assert_eq!(owners, 1, "{command}");
        }
    }

    #[test]
    fn no_two_operations_share_a_path_and_method_or_a_name() {
        let mut calls: Vec<_> = ALL.iter().flat_map(|route| route.operations).map(|operation| (operation.path, operation.method)).collect();
        let mut names: Vec<_> = ALL.iter().flat_map(|route| route.operations).map(|operation| operation.id).collect();
        let (all_calls, all_names) = (calls.len(), names.len());
        calls.sort_unstable();
        calls.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((calls.len(), names.len()), (all_calls, all_names));
    }

    #[test]
    fn a_consumer_is_not_woken_for_what_makes_no_difference_to_it() {
        let task = |fields: Value| serde_json::json!({ "task_data": fields });
        let plain = task(serde_json::json!({ "reminder_offset": null, "recurrence": "none", "due_date": null }));
        let both = task(serde_json::json!({ "reminder_offset": "1 hour", "recurrence": "daily", "due_date": "2027-01-31T08:00:00Z" }));
        assert!(!SCHEDULE_REMINDER.is_concerned(EventType::TaskCreated, &plain));
        assert!(SCHEDULE_REMINDER.is_concerned(EventType::TaskUpdated, &plain), "its reminder may have to go");
        assert!(!SPAWN_RECURRENCE.is_concerned(EventType::TaskCompleted, &plain));
        assert!(!CANCEL_REMINDER.is_concerned(EventType::TaskCompleted, &plain));
        assert!(CANCEL_REMINDER.is_concerned(EventType::TaskDeleted, &plain), "the change that took its due date may still be on its way");
        for data in [&both, &Value::Null] {
            assert!(SCHEDULE_REMINDER.is_concerned(EventType::TaskCreated, data));
            assert!(SPAWN_RECURRENCE.is_concerned(EventType::TaskCompleted, data));
            assert!(CANCEL_REMINDER.is_concerned(EventType::TaskCompleted, data));
        }
        assert!(RECORD_AUDIT.is_concerned(EventType::TaskCreated, &plain));
    }

    #[test]
    fn a_job_finds_its_function_by_its_name() {
        assert_eq!(of_job("fire-reminder-42").map(|route| route.name), Some("fire-reminder"));
        assert_eq!(of_job("housekeeping").map(|route| route.name), Some("housekeeping"));
        for name in ["", "fire-reminder-", "fire-reminder-x", "fire-reminder42", "create-task-1"] {
            assert_eq!(of_job(name), None, "{name}");
        }
    }
}
