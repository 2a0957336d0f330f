//! The table of functions. The gateway, the functions, the documents and the manifests read it. CONTRIBUTING.md lists the steps to add a function.

use std::time::Duration;

use serde_json::Value;

use crate::event::{CommandType, EventType, Topic};
use crate::reminder::ReminderType;
use crate::time::Timestamp;

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "defined by RFC 9110")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Propfind,
    Proppatch,
    Report,
}

impl Method {
    /// Returns the name in RFC 9110.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Propfind => "PROPFIND",
            Self::Proppatch => "PROPPATCH",
            Self::Report => "REPORT",
        }
    }
}

/// Access rule of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Callers with the bearer token, if one is set.
    Bearer,
    /// Callers with a signed link, whose last path segment is the credential.
    Link,
    /// Calendar clients, with an app password in `Authorization: Basic`. These calls are CalDAV, which OpenAPI cannot describe.
    AppPassword,
    /// Readers of the feed, with the credential in the query parameter `key`.
    FeedKey,
}

/// One operation of the REST API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its id in the OpenAPI document.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path; a name in braces is a field of the command or query.
    pub path: &'static str,
    /// Status code of success.
    pub success: u16,
    /// The equivalent command event.
    pub command: Option<CommandType>,
    /// Who may call it.
    pub access: Access,
    /// True if its body or its response is a file, which the gateway forwards while it arrives.
    pub is_streamed: bool,
}

impl Operation {
    const fn success(self, success: u16) -> Self {
        Self { success, ..self }
    }

    const fn obeys(self, command: CommandType) -> Self {
        Self { command: Some(command), ..self }
    }

    const fn streamed(self) -> Self {
        Self { is_streamed: true, ..self }
    }

    const fn public(self) -> Self {
        Self { access: Access::Public, ..self }
    }

    const fn link(self) -> Self {
        Self { access: Access::Link, ..self }
    }

    const fn feed_key(self) -> Self {
        Self { access: Access::FeedKey, ..self }
    }

    /// True if a call can change a task.
    #[must_use]
    pub const fn changes(&self) -> bool {
        !matches!(self.method, Method::Get | Method::Options | Method::Propfind | Method::Report)
    }
}

/// The events of one topic that a function consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The topic.
    pub topic: Topic,
    /// Types that it consumes. Others are acknowledged without waking the function.
    pub types: &'static [EventType],
    /// Events of these types that concern the function. Others are acknowledged without waking it.
    pub concern: Concern,
}

/// Selects the events that concern a consumer, by the task in their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Every event.
    All,
    /// Every event except task.created without a `reminder_offset`.
    Reminders,
    /// Events of recurring tasks.
    Recurring,
    /// Every event except the completion of a task without a due date, which has no pending reminder.
    Due,
    /// Events while a page is connected: they are shown live and never stored. Their data does not decide.
    Watched,
    /// Events of a reminder that uses this channel.
    Channel(ReminderType),
    /// Event types that the webhook receives. Their data does not decide.
    Posted,
}

/// Facts beyond an event's data that decide whether it concerns a consumer.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// True if a page may be watching live updates.
    pub is_watched: bool,
    /// Event types that the webhook receives; none if there is no webhook.
    pub posted: &'a [EventType],
}

impl Audience<'_> {
    /// An audience that every event concerns.
    pub const ALL: Self = Self { is_watched: true, posted: EventType::ALL };
}

impl Concern {
    /// True if an event with this data concerns the consumer. Unreadable data does, because the function reports what is wrong with it.
    #[must_use]
    pub fn is_met(self, ty: EventType, data: &Value, audience: Audience<'_>) -> bool {
        let field = |name: &str| data.get("task_data").and_then(|task| task.get(name));
        match self {
            Self::All => true,
            Self::Watched => audience.is_watched,
            Self::Posted => audience.posted.contains(&ty),
            // Earlier releases name no channels.
            Self::Channel(channel) => {
                let channels = data.get("channels").and_then(Value::as_array);
                channels.is_none_or(|channels| channels.iter().any(|own| own == channel.as_str()))
            }
            Self::Due => ty != EventType::TaskCompleted || field("due_date").is_none_or(|due| !due.is_null()),
            Self::Reminders => ty != EventType::TaskCreated || field("reminder_offset").is_none_or(|offset| !offset.is_null()),
            Self::Recurring => field("recurrence").is_none_or(|recurrence| recurrence != "none"),
        }
    }
}

/// How jobs call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// On request of a change or the gateway: `POST /job/<name>-<id>` or `POST /job/<name>`.
    OnCall,
    /// As `OnCall`, and each call sends something to an external receiver, which may hang.
    Sending,
    /// At the start, after the scheduler lost its jobs, and periodically: `POST /job/<name>`.
    Every(Duration),
}

/// An environment variable that only some functions read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// Its key in the secret `taskflow-secrets`, if it may come from there.
    pub secret: Option<&'static str>,
    /// True if its value is an http or https URL.
    pub is_url: bool,
    /// True if the one process generates 32 random bytes at its first start, as base64url, and stores them in the data folder.
    pub is_made: bool,
}

impl Setting {
    const fn new(name: &'static str) -> Self {
        Self { name, secret: None, is_url: false, is_made: false }
    }

    const fn secret(self, key: &'static str) -> Self {
        Self { secret: Some(key), ..self }
    }

    const fn url(self) -> Self {
        Self { is_url: true, ..self }
    }

    const fn made(self) -> Self {
        Self { is_made: true, ..self }
    }
}

/// URL that events are posted to.
pub const WEBHOOK_URL: Setting = Setting::new("TASKFLOW_WEBHOOK_URL").url();
/// Bearer token for the webhook's receiver.
pub const WEBHOOK_TOKEN: Setting = Setting::new("TASKFLOW_WEBHOOK_TOKEN").secret("webhook-token");
/// The key of the webhook's signatures (Standard Webhooks).
pub const WEBHOOK_SECRET: Setting = Setting::new("TASKFLOW_WEBHOOK_SECRET").secret("webhook-secret");
/// The mail server.
pub const SMTP_URL: Setting = Setting::new("TASKFLOW_SMTP_URL").secret("smtp-url");
/// PEM file with more roots for the mail server's certificate.
pub const SMTP_ROOTS: Setting = Setting::new("TASKFLOW_SMTP_ROOTS");
/// Recipient of reminder mail.
pub const MAIL_TO: Setting = Setting::new("TASKFLOW_MAIL_TO");
/// Sender of reminder mail; [`MAIL_TO`] if not set.
pub const MAIL_FROM: Setting = Setting::new("TASKFLOW_MAIL_FROM");
/// The private key of Web Push (VAPID, RFC 8292): 32 bytes as base64url.
pub const VAPID_KEY: Setting = Setting::new("TASKFLOW_VAPID_KEY").secret("vapid-key").made();
/// For tests: one address to which pushes go although it is not public, over http as well.
pub const PUSH_TEST_ADDRESS: Setting = Setting::new("TASKFLOW_PUSH_TEST_ADDRESS");
/// The key that signs links.
pub const LINK_KEY: Setting = Setting::new("TASKFLOW_LINK_KEY").secret("link-key").made();
/// Settings that decide which channels are configured.
const CHANNELS: &[Setting] = &[WEBHOOK_URL, SMTP_URL, MAIL_TO, VAPID_KEY];

/// Number of days for which the audit log is kept; without end if not set.
pub const AUDIT_DAYS: Setting = Setting::new("TASKFLOW_AUDIT_DAYS");

/// Fields that are ids: integers, also in a path. Changes of the same id are serialised.
pub const IDS: [&str; 6] = ["task_id", "reminder_id", "notification_id", "subscription_id", "app_password_id", "import_id"];
/// Fields that are lists, also in a query string: comma-separated, or repeated.
pub const LISTS: [&str; 1] = ["tags"];

/// One function: what calls it, what it announces, and what it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Folder, package, binary, Knative Service, image and `service.name`.
    pub name: &'static str,
    /// Operations that it answers.
    pub operations: &'static [Operation],
    /// Events that it consumes.
    pub consumes: &'static [Subscription],
    /// Events that it announces besides the answers to its commands: see [`Route::announced`].
    pub announces: &'static [EventType],
    /// How jobs call it, if they do.
    pub job: Option<Job>,
    /// Settings that only some functions read.
    pub settings: &'static [Setting],
    /// Maximum number of instances.
    pub scale: u32,
    /// Maximum number of database connections per instance, unless `TASKFLOW_DB_POOL` is set.
    pub pool: u32,
    /// True if AWS Lambda cannot run it, because it holds connections open or calls other functions, or if it has no purpose there.
    pub cluster_only: bool,
}

impl Route {
    /// Creates a route off the hot path; see [`Route::scale`].
    const fn new(name: &'static str) -> Self {
        Self { name, operations: &[], consumes: &[], announces: &[], job: None, settings: &[], scale: 1, pool: 1, cluster_only: false }
    }

    const fn operations(self, operations: &'static [Operation]) -> Self {
        Self { operations, ..self }
    }

    const fn consumes(self, consumes: &'static [Subscription]) -> Self {
        Self { consumes, ..self }
    }

    const fn announces(self, announces: &'static [EventType]) -> Self {
        Self { announces, ..self }
    }

    const fn job(self, job: Job) -> Self {
        Self { job: Some(job), ..self }
    }

    const fn settings(self, settings: &'static [Setting]) -> Self {
        Self { settings, ..self }
    }

    /// Puts the function on the hot path, with this many instances and connections per instance.
    const fn scale(self, scale: u32, pool: u32) -> Self {
        Self { scale, pool, ..self }
    }

    const fn cluster_only(self) -> Self {
        Self { cluster_only: true, ..self }
    }

    /// True if callers call it, not only the bus and the scheduler.
    #[must_use]
    pub const fn has_callers(&self) -> bool {
        !self.operations.is_empty()
    }

    /// True if it can run on AWS Lambda, where callers reach it, but jobs and records do not.
    #[must_use]
    pub const fn is_on_lambda(&self) -> bool {
        self.has_callers() && !self.cluster_only
    }

    /// Returns all events that it announces, each once, in the order of [`EventType::ALL`].
    pub fn announced(&self) -> impl Iterator<Item = EventType> {
        let announces = |event: &EventType| {
            self.announces.contains(event)
                || self.commands().any(|command| {
                    let (answer, others) = command.answers();
                    answer == *event || others.contains(event)
                })
        };
        EventType::ALL.iter().copied().filter(announces)
    }

    /// Returns the commands that it handles, each once.
    pub fn commands(&self) -> impl Iterator<Item = CommandType> {
        let is_first = |at: usize| self.operations[..at].iter().all(|before| before.command != self.operations[at].command);
        self.operations.iter().enumerate().filter(move |(at, _)| is_first(*at)).filter_map(|(_, operation)| operation.command)
    }

    /// True if an event of this type and data concerns it, from any topic.
    #[must_use]
    pub fn is_concerned(&self, ty: EventType, data: &Value, audience: Audience<'_>) -> bool {
        self.consumes.iter().any(|subscription| subscription.types.contains(&ty) && subscription.concern.is_met(ty, data, audience))
    }

    /// True if it subscribes to such events of this topic, and this one concerns it.
    #[must_use]
    pub fn has_to_do(&self, topic: Topic, ty: EventType, data: &Value, audience: Audience<'_>) -> bool {
        self.wants(topic, ty).is_some_and(|subscription| subscription.concern.is_met(ty, data, audience))
    }

    /// Returns how late a reminder fired, if this event announces its firing to notify.
    #[must_use]
    pub fn lateness(&self, event: &[u8]) -> Option<Duration> {
        if self.name != NOTIFY.name {
            return None;
        }
        let event: Value = serde_json::from_slice(event).ok()?;
        let time = |name: &str| event["data"][name].as_str()?.parse::<Timestamp>().ok();
        let is_triggered = event["type"] == EventType::ReminderTriggered.as_str();
        Some(time("timestamp")?.since(time("scheduled_at").filter(|_| is_triggered)?))
    }

    /// Returns its subscription to events of this type and topic, if it has one.
    #[must_use]
    pub fn wants(&self, topic: Topic, ty: EventType) -> Option<&Subscription> {
        self.consumes.iter().find(|subscription| subscription.topic == topic && subscription.types.contains(&ty))
    }
}

const fn operation(method: Method, id: &'static str, path: &'static str) -> Operation {
    Operation { id, method, path, success: 200, command: None, access: Access::Bearer, is_streamed: false }
}

const fn get(id: &'static str, path: &'static str) -> Operation {
    operation(Method::Get, id, path)
}

const fn post(id: &'static str, path: &'static str) -> Operation {
    operation(Method::Post, id, path)
}

const fn put(id: &'static str, path: &'static str) -> Operation {
    operation(Method::Put, id, path)
}

const fn patch(id: &'static str, path: &'static str) -> Operation {
    operation(Method::Patch, id, path)
}

const fn delete(id: &'static str, path: &'static str) -> Operation {
    operation(Method::Delete, id, path)
}

/// A call of CalDAV.
const fn dav(method: Method, id: &'static str, path: &'static str) -> Operation {
    Operation { access: Access::AppPassword, ..operation(method, id, path) }
}

/// The root of CalDAV. The principal, the home, the calendar and its resources are below it.
pub const DAV_ROOT: &str = "/dav/";
/// The well-known path that leads clients to [`DAV_ROOT`] (RFC 6764).
pub const WELL_KNOWN_CALDAV: &str = "/.well-known/caldav";
/// The path of app passwords.
pub const APP_PASSWORDS: &str = "/api/app-passwords";
const DAV_PATH: &str = "/dav/{*path}";
const DAV_SINGLE: &str = "/dav";

const DAY: Duration = Duration::from_hours(24);
const TASK_TYPES: &[EventType] =
    &[EventType::TaskCreated, EventType::TaskUpdated, EventType::TaskCompleted, EventType::TaskDeleted, EventType::TaskRestored];
const REMINDER_TYPES: &[EventType] = &[
    EventType::ReminderScheduled,
    EventType::ReminderTriggered,
    EventType::ReminderSent,
    EventType::ReminderFailed,
    EventType::ReminderCancelled,
];

/// Events by which a channel settles a reminder.
const SETTLED: &[EventType] = &[EventType::ReminderSent, EventType::ReminderFailed, EventType::ReminderCancelled];

const fn on(topic: Topic, types: &'static [EventType]) -> Subscription {
    Subscription { topic, types, concern: Concern::All }
}

const fn only(concern: Concern, topic: Topic, types: &'static [EventType]) -> Subscription {
    Subscription { topic, types, concern }
}

/// Defines a constant for each function, and [`ALL`].
macro_rules! routes {
    ($($(#[$doc:meta])* $name:ident = $route:expr;)+) => {
        $($(#[$doc])* pub const $name: Route = $route;)+

        /// Every function that callers, events or jobs reach. The gateway, `migrate` and `taskflow` are not included.
        pub const ALL: &[Route] = &[$($name),+];
    };
}

routes! {
    /// Creates a task.
    CREATE_TASK = Route::new("create-task")
        .operations(&[post("createTask", "/api/tasks").success(201).obeys(CommandType::TaskCreate)])
        .scale(2, 2);
    /// Lists tasks.
    LIST_TASKS = Route::new("list-tasks").operations(&[get("listTasks", "/api/tasks")]).scale(2, 2);
    /// Returns one task, and its next due dates.
    GET_TASK = Route::new("get-task")
        .operations(&[get("getTask", "/api/tasks/{task_id}"), get("listOccurrences", "/api/tasks/{task_id}/occurrences")])
        .scale(2, 2);
    /// Changes a task.
    UPDATE_TASK = Route::new("update-task")
        .operations(&[
            put("updateTask", "/api/tasks/{task_id}").obeys(CommandType::TaskUpdate),
            patch("patchTask", "/api/tasks/{task_id}").obeys(CommandType::TaskUpdate),
        ])
        .scale(2, 2);
    /// Moves a task to the trash, and creates its next occurrence if that is still missing.
    DELETE_TASK = Route::new("delete-task")
        .operations(&[delete("deleteTask", "/api/tasks/{task_id}").success(204).obeys(CommandType::TaskDelete)])
        .announces(&[EventType::TaskCreated, EventType::ReminderScheduled]);
    /// Completes a task.
    COMPLETE_TASK = Route::new("complete-task")
        .operations(&[post("completeTask", "/api/tasks/{task_id}/complete").obeys(CommandType::TaskComplete)])
        .scale(2, 2);
    /// Reopens a task, and deletes the occurrence that its completion created, unless it was changed.
    REOPEN_TASK = Route::new("reopen-task")
        .operations(&[post("reopenTask", "/api/tasks/{task_id}/reopen").obeys(CommandType::TaskReopen)])
        .announces(&[EventType::TaskDeleted]);
    /// Changes many tasks.
    BULK_TASKS = Route::new("bulk-tasks").operations(&[post("bulkTasks", "/api/tasks/bulk")]).announces(TASK_TYPES);
    /// Lists, restores and empties the trash.
    TRASH = Route::new("trash").operations(&[
        get("listTrash", "/api/trash"),
        post("restoreTask", "/api/tasks/{task_id}/restore").obeys(CommandType::TaskRestore),
        delete("emptyTrash", "/api/trash").success(204),
    ]);
    /// Undoes a change of a task.
    UNDO = Route::new("undo").operations(&[post("undo", "/api/undo").obeys(CommandType::TaskUndo)]).announces(&[EventType::TaskCreated]);
    /// Moves a task to its next occurrence.
    SKIP_TASK = Route::new("skip-task")
        .operations(&[post("skipTask", "/api/tasks/{task_id}/skip").obeys(CommandType::TaskSkip)])
        .announces(&[EventType::ReminderScheduled]);
    /// Sets a task's priority.
    SET_PRIORITY = Route::new("set-priority")
        .operations(&[put("setPriority", "/api/tasks/{task_id}/priority").obeys(CommandType::TaskSetPriority)]);
    /// Adds and removes a task's tags.
    TAG_TASK = Route::new("tag-task").operations(&[
        post("addTags", "/api/tasks/{task_id}/tags").obeys(CommandType::TaskAddTags),
        delete("removeTags", "/api/tasks/{task_id}/tags").obeys(CommandType::TaskRemoveTags),
    ]);
    /// Lists tags.
    LIST_TAGS = Route::new("list-tags").operations(&[get("listTags", "/api/tags")]);
    /// Searches tasks.
    SEARCH_TASKS = Route::new("search-tasks").operations(&[post("searchTasks", "/api/tasks/search")]).scale(2, 2);
    /// Writes a task's reminders.
    SCHEDULE_REMINDER = Route::new("schedule-reminder")
        .operations(&[post("scheduleReminder", "/api/reminders").success(201).obeys(CommandType::ReminderSchedule)])
        .consumes(&[only(
            Concern::Reminders,
            Topic::TaskEvents,
            &[EventType::TaskCreated, EventType::TaskUpdated, EventType::TaskRestored],
        )])
        .announces(&[EventType::ReminderCancelled])
        .settings(CHANNELS)
        .scale(1, 2);
    /// Lists reminders.
    LIST_REMINDERS = Route::new("list-reminders").operations(&[get("listReminders", "/api/reminders")]);
    /// Cancels reminders.
    CANCEL_REMINDER = Route::new("cancel-reminder")
        .operations(&[delete("cancelReminder", "/api/reminders/{reminder_id}").success(204).obeys(CommandType::ReminderCancel)])
        .consumes(&[only(Concern::Due, Topic::TaskEvents, &[EventType::TaskCompleted, EventType::TaskDeleted])])
        .announces(&[EventType::ReminderScheduled]);
    /// Snoozes a reminder, and executes the links of mails and notifications.
    SNOOZE_REMINDER = Route::new("snooze-reminder")
        .operations(&[
            post("snoozeReminder", "/api/reminders/{reminder_id}/snooze").obeys(CommandType::ReminderSnooze),
            get("showAnswer", "/answer/{link}").link(),
            post("giveAnswer", "/answer/{link}").link(),
        ])
        .announces(&[EventType::TaskCompleted])
        .settings(&[LINK_KEY]);
    /// Fires a reminder at its time.
    FIRE_REMINDER = Route::new("fire-reminder")
        .announces(&[EventType::ReminderTriggered, EventType::ReminderFailed, EventType::ReminderCancelled])
        .job(Job::OnCall)
        .settings(CHANNELS)
        .scale(2, 2);
    /// Stores and shows notifications. One instance holds every socket.
    NOTIFY = Route::new("notify")
        .operations(&[
            get("watchNotifications", "/ws/notifications"),
            get("listNotifications", "/api/notifications"),
            post("readNotification", "/api/notifications/{notification_id}/read").success(204),
        ])
        .consumes(&[
            only(Concern::Channel(ReminderType::Websocket), Topic::Reminders, &[EventType::ReminderTriggered]),
            only(Concern::Watched, Topic::TaskUpdates, TASK_TYPES),
            only(Concern::Watched, Topic::TaskUpdates, &[EventType::TasksImported]),
        ])
        .announces(&[EventType::ReminderSent])
        .scale(1, 2)
        .cluster_only();
    /// Pushes reminders to subscribed browsers.
    PUSH_REMINDER = Route::new("push-reminder")
        .consumes(&[only(Concern::Channel(ReminderType::Push), Topic::Reminders, &[EventType::ReminderTriggered])])
        .announces(SETTLED)
        .job(Job::Sending)
        .settings(&[VAPID_KEY, LINK_KEY, MAIL_TO, PUSH_TEST_ADDRESS])
        .scale(1, 2);
    /// Mails reminders.
    MAIL_REMINDER = Route::new("mail-reminder")
        .consumes(&[only(Concern::Channel(ReminderType::Email), Topic::Reminders, &[EventType::ReminderTriggered])])
        .announces(SETTLED)
        .job(Job::Sending)
        .settings(&[SMTP_URL, SMTP_ROOTS, MAIL_TO, MAIL_FROM, LINK_KEY]);
    /// Posts reminders and other events to a webhook.
    POST_WEBHOOK = Route::new("post-webhook")
        .consumes(&[
            only(Concern::Channel(ReminderType::Webhook), Topic::Reminders, &[EventType::ReminderTriggered]),
            only(Concern::Posted, Topic::Reminders, &[
                EventType::ReminderScheduled,
                EventType::ReminderSent,
                EventType::ReminderFailed,
                EventType::ReminderCancelled,
            ]),
            only(Concern::Posted, Topic::TaskEvents, TASK_TYPES),
            only(Concern::Posted, Topic::TaskEvents, &[EventType::TasksImported]),
        ])
        .announces(SETTLED)
        .job(Job::Sending)
        .settings(&[WEBHOOK_URL, WEBHOOK_TOKEN, WEBHOOK_SECRET]);
    /// Creates the next occurrence of a task.
    SPAWN_RECURRENCE = Route::new("spawn-recurrence")
        .consumes(&[only(Concern::Recurring, Topic::TaskEvents, &[EventType::TaskCompleted])])
        .announces(&[EventType::TaskCreated, EventType::ReminderScheduled])
        .scale(1, 2);
    /// Appends events to the audit log.
    RECORD_AUDIT = Route::new("record-audit")
        .operations(&[get("listAudit", "/api/audit")])
        .consumes(&[on(Topic::TaskEvents, TASK_TYPES), on(Topic::Reminders, REMINDER_TYPES)])
        .scale(1, 2);
    /// Empties the outbox.
    PUBLISH_EVENTS = Route::new("publish-events").job(Job::OnCall);
    /// Repairs what the scheduler and the broker lost, and deletes old rows.
    HOUSEKEEPING = Route::new("housekeeping")
        .announces(&[EventType::TaskCreated, EventType::ReminderScheduled, EventType::ReminderTriggered, EventType::ReminderCancelled])
        .job(Job::Every(DAY))
        .settings(&[AUDIT_DAYS]);
    /// Stores preferences and the browsers that receive pushes.
    PREFERENCES = Route::new("preferences")
        .operations(&[
            get("getPreferences", "/api/preferences"),
            put("setPreferences", "/api/preferences"),
            get("getPushKey", "/api/push/key"),
            get("listSubscriptions", "/api/push/subscriptions"),
            post("createSubscription", "/api/push/subscriptions").success(201),
            delete("deleteSubscription", "/api/push/subscriptions/{subscription_id}").success(204),
            post("testSubscription", "/api/push/subscriptions/{subscription_id}/test").success(202),
            get("listAppPasswords", APP_PASSWORDS),
            post("createAppPassword", APP_PASSWORDS).success(201),
            delete("deleteAppPassword", "/api/app-passwords/{app_password_id}").success(204),
        ])
        .announces(&[EventType::ReminderScheduled, EventType::ReminderCancelled])
        .job(Job::OnCall)
        .settings(&[VAPID_KEY, PUSH_TEST_ADDRESS, LINK_KEY]);
    /// Tasks as a calendar: CalDAV, and a feed.
    CALENDAR = Route::new("calendar")
        .operations(&[
            get("getFeed", "/calendar.ics").feed_key(),
            get("findCalendar", WELL_KNOWN_CALDAV).public().success(301),
            Operation { access: Access::Public, ..dav(Method::Propfind, "davFindCalendar", WELL_KNOWN_CALDAV) },
            dav(Method::Options, "davRootOptions", DAV_SINGLE),
            dav(Method::Propfind, "davRootPropfind", DAV_SINGLE),
            dav(Method::Options, "davOptions", DAV_PATH),
            dav(Method::Propfind, "davPropfind", DAV_PATH),
            dav(Method::Proppatch, "davProppatch", DAV_PATH),
            dav(Method::Report, "davReport", DAV_PATH),
            dav(Method::Get, "davGet", DAV_PATH),
            dav(Method::Put, "davPut", DAV_PATH),
            dav(Method::Delete, "davDelete", DAV_PATH),
        ])
        .announces(&[
            EventType::TaskCreated,
            EventType::TaskUpdated,
            EventType::TaskCompleted,
            EventType::TaskDeleted,
            EventType::ReminderScheduled,
            EventType::ReminderCancelled,
        ])
        .settings(&[LINK_KEY]);
    /// Imports tasks from files, and exports everything.
    TRANSFER = Route::new("transfer")
        .operations(&[
            post("createImport", "/api/imports").success(202).streamed(),
            get("getImport", "/api/imports/{import_id}"),
            get("listImportNotes", "/api/imports/{import_id}/report"),
            post("runImport", "/api/imports/{import_id}/run").success(202),
            get("export", "/api/export").streamed(),
        ])
        .announces(&[EventType::TasksImported])
        .job(Job::OnCall)
        .scale(1, 2)
        .cluster_only();
    /// The assistant: answers messages, stores conversations, drafts tasks.
    CHAT = Route::new("chat")
        .operations(&[
            post("chat", "/api/chat"),
            post("draftTask", "/api/chat/draft"),
            get("getConversation", "/api/chat/{conversation_id}"),
            delete("deleteConversation", "/api/chat/{conversation_id}").success(204),
        ])
        .settings(&[
            Setting::new("GEMINI_API_KEY").secret("gemini-api-key"),
            Setting::new("GEMINI_MODEL"),
            Setting::new("GEMINI_BASE_URL").url(),
        ])
        .cluster_only();
    /// The assistant's tools, as an MCP server.
    MCP = Route::new("mcp").operations(&[post("mcp", "/mcp")]).cluster_only();
    /// Reports the health of the service.
    HEALTH = Route::new("health").operations(&[
        get("health", "/health").public(),
        get("healthLive", "/health/live").public(),
        get("healthReady", "/health/ready").public(),
    ]);
    /// Serves the page and the documents.
    WEB = Route::new("web")
        .operations(&[
            get("page", "/").public(),
            get("worker", "/sw.js").public(),
            get("asset", "/assets/{name}").public(),
            get("openapi", "/openapi.json").public(),
            get("asyncapi", "/asyncapi.json").public(),
        ])
        .cluster_only();
}

/// Routes every call from outside to its function. It has no route of its own.
pub const GATEWAY: Route = Route::new("gateway").settings(&[LINK_KEY]).scale(1, 2);

/// Returns the function of a job, by the job's name: `<function>` or `<function>-<id>`.
#[must_use]
pub fn of_job(name: &str) -> Option<&'static Route> {
    ALL.iter().filter(|route| route.job.is_some()).find(|route| {
        name.strip_prefix(route.name).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
        })
    })
}

/// Returns the functions whose jobs send something to an external receiver.
pub fn sending() -> impl Iterator<Item = &'static Route> {
    ALL.iter().filter(|route| route.job == Some(Job::Sending))
}

/// Returns the function that a channel of reminders wakes.
#[must_use]
pub const fn of_channel(channel: ReminderType) -> &'static Route {
    match channel {
        ReminderType::Websocket => &NOTIFY,
        ReminderType::Push => &PUSH_REMINDER,
        ReminderType::Email => &MAIL_REMINDER,
        ReminderType::Webhook => &POST_WEBHOOK,
    }
}

/// Returns the functions whose jobs repeat, with their periods.
pub fn repeating() -> impl Iterator<Item = (&'static Route, Duration)> {
    ALL.iter().filter_map(|route| match route.job {
        Some(Job::Every(period)) => Some((route, period)),
        _ => None,
    })
}

/// Returns the function that handles a command.
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
    fn a_consumer_is_not_woken_for_events_that_do_not_concern_it() {
        let task = |fields: Value| serde_json::json!({ "task_data": fields });
        let plain = task(serde_json::json!({ "reminder_offset": null, "recurrence": "none", "due_date": null }));
        let both = task(serde_json::json!({ "reminder_offset": "1 hour", "recurrence": "daily", "due_date": "2027-01-31T08:00:00Z" }));
        assert!(!SCHEDULE_REMINDER.is_concerned(EventType::TaskCreated, &plain, Audience::ALL));
        assert!(SCHEDULE_REMINDER.is_concerned(EventType::TaskUpdated, &plain, Audience::ALL), "its reminder may have to go");
        assert!(!SPAWN_RECURRENCE.is_concerned(EventType::TaskCompleted, &plain, Audience::ALL));
        assert!(!CANCEL_REMINDER.is_concerned(EventType::TaskCompleted, &plain, Audience::ALL));
        assert!(
            CANCEL_REMINDER.is_concerned(EventType::TaskDeleted, &plain, Audience::ALL),
            "the change that took its due date may still be on its way"
        );
        for data in [&both, &Value::Null] {
            assert!(SCHEDULE_REMINDER.is_concerned(EventType::TaskCreated, data, Audience::ALL));
            assert!(SPAWN_RECURRENCE.is_concerned(EventType::TaskCompleted, data, Audience::ALL));
            assert!(CANCEL_REMINDER.is_concerned(EventType::TaskCompleted, data, Audience::ALL));
        }
        assert!(RECORD_AUDIT.is_concerned(EventType::TaskCreated, &plain, Audience::ALL));
        let fired = serde_json::json!({ "channels": ["websocket", "email"] });
        let concerned = [NOTIFY, PUSH_REMINDER, MAIL_REMINDER, POST_WEBHOOK]
            .map(|route| route.is_concerned(EventType::ReminderTriggered, &fired, Audience::ALL));
        assert_eq!(concerned, [true, false, true, false]);
        assert!(
            PUSH_REMINDER.is_concerned(EventType::ReminderTriggered, &Value::Null, Audience::ALL),
            "an earlier release names no channels"
        );
        let has_to_do = |posted: &[EventType]| {
            let audience = Audience { is_watched: false, posted };
            POST_WEBHOOK.has_to_do(Topic::TaskEvents, EventType::TaskCompleted, &plain, audience)
        };
        assert_eq!([has_to_do(&[]), has_to_do(&[EventType::TaskCompleted])], [false, true]);
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
