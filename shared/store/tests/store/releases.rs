//! The previous release, which runs next to this one during a roll-out and after a rollback: its statements on today's database.

use domain::event::EventType;
use domain::query::{Order, SortBy};
use domain::task::{Draft, Recurrence};
use domain::{Moment, Task, Timestamp};
use embedded::testing::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::Store;

use crate::database::fresh;
use crate::fixtures::{at, create, draft, list, search, titles, work_at};

/// The columns that the previous release knows, without the id, as it names them in each statement that writes.
const COLUMNS: [&str; 19] = [
    "title",
    "description",
    "due_date",
    "time_zone",
    "recurrence",
    "recurrence_rule",
    "recurrence_from",
    "recurrence_start",
    "recurrence_number",
    "priority",
    "tags",
    "status",
    "completed_at",
    "parent_task_id",
    "reminder_offset",
    "version",
    "created_at",
    "updated_at",
    "title_key",
];

/// Values of columns, as SQL.
type Values<'a> = &'a [(&'a str, &'a str)];

fn values(own: Values<'_>, otherwise: impl Fn(&str) -> String) -> String {
    let value =
        |column: &str| own.iter().find(|(name, _)| *name == column).map_or_else(|| otherwise(column), |(_, value)| (*value).to_owned());
    COLUMNS.map(value).join(", ")
}

/// Creates a task like the previous release. Returns its id.
pub(crate) async fn insert(store: &Store, own: Values<'_>) -> i64 {
    let otherwise = |column: &str| match column {
        "title" | "title_key" => "'before'",
        "description" => "''",
        "time_zone" => "'UTC'",
        "recurrence" => "'none'",
        "recurrence_from" => "'due'",
        "recurrence_number" | "priority" | "version" => "1",
        "tags" => "'{}'",
        "status" => "'pending'",
        "created_at" | "updated_at" => "'2026-01-01T00:00:00Z'",
        _ => "NULL",
    };
    let sql = format!(
        "WITH created AS (INSERT INTO tasks ({}) VALUES ({}) ON CONFLICT (parent_task_id) WHERE parent_task_id IS NOT NULL DO NOTHING RETURNING id), \
         found_by AS (INSERT INTO task_search (task_id, folded_title, folded_text) SELECT id, '', '' FROM created) SELECT id FROM created",
        COLUMNS.join(", "),
        values(own, |column| otherwise(column).to_owned())
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(store.pool()).await.unwrap()
}

/// Changes a task like the previous release: it writes every column that it knows, most of them unchanged.
pub(crate) async fn update(store: &Store, id: i64, own: Values<'_>) {
    let values = values(own, |column| if column == "version" { "version + 1".to_owned() } else { column.to_owned() });
    let sql = format!("UPDATE tasks SET ({}) = ROW ({values}) WHERE id = {id} RETURNING id", COLUMNS.join(", "));
    let _: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(store.pool()).await.unwrap();
}

/// Returns what the previous release reads of a rule.
async fn rule_before(store: &Store, id: i64) -> Option<String> {
    sqlx::query_scalar("SELECT recurrence_rule FROM tasks WHERE id = $1").bind(id).fetch_one(store.pool()).await.unwrap()
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Every Monday in Berlin from 4 January 2027 on, all day.
fn mondays() -> Draft {
    let start = moment("2027-01-03T23:00:00Z");
    Draft(Task {
        due_date: start,
        all_day: true,
        due_day: Some("2027-01-04".parse().unwrap()),
        time_zone: "Europe/Berlin".parse().unwrap(),
        recurrence: Recurrence::Custom,
        recurrence_rule: Some("FREQ=WEEKLY;BYDAY=MO".parse().unwrap()),
        recurrence_start: start,
        recurrence_id: start,
        recurrence_exdates: vec!["2027-01-11".parse().unwrap()],
        ..draft("Mondays").0
    })
}

async fn save(store: &Store, id: i64, change: impl FnOnce(&Task) -> Task) -> Task {
    let mut unit = store.begin(work_at(at(60))).await.unwrap();
    let before = unit.task(id).await.unwrap();
    let saved = unit.save_task(&before, change(&before), EventType::TaskUpdated).await.unwrap();
    unit.commit().await.unwrap();
    saved
}

#[tokio::test]
async fn rows_of_the_previous_release_mean_the_same_after_the_migration() {
    let old = |url: String| async move { sqlx::migrate!("./migrations").run_to(4, &mut PgConnection::connect(&url).await?).await };
    let database = TestDatabase::new(old).await.unwrap();
    let store = Store::connect_lazy(database.url(), 4).unwrap();
    let rent = insert(
        &store,
        &[
            ("title", "'rent'"),
            ("due_date", "'2027-03-01T08:00:00Z'"),
            ("recurrence", "'custom'"),
            ("recurrence_rule", "'FREQ=MONTHLY;BYMONTHDAY=1;COUNT=9'"),
            ("recurrence_start", "'2027-01-01T08:00:00Z'"),
            ("recurrence_number", "3"),
        ],
    )
    .await;
    let plain = insert(&store, &[("title", "'plain'"), ("due_date", "'2027-03-01T08:00:00Z'")]).await;
    store.migrate().await.unwrap();
    let task = store.task(rent).await.unwrap();
    assert_eq!((task.recurrence_id, task.due_day, task.all_day), (task.due_date, None, false));
    assert_eq!(task.recurrence_rule, Some("FREQ=MONTHLY;BYMONTHDAY=1;COUNT=9".parse().unwrap()));
    let next = Task { completed_at: moment("2027-03-02T08:00:00Z"), ..task }.next_occurrence().unwrap().0;
    assert_eq!((next.due_date, next.recurrence_number), (moment("2027-04-01T08:00:00Z"), 4));
    let task = store.task(plain).await.unwrap();
    assert_eq!((task.recurrence_id, task.recurrence_rule, task.recurrence_exdates), (None, None, Vec::new()));
    store.pool().close().await;
}

#[tokio::test]
async fn a_row_of_the_previous_release_is_a_complete_task() {
    let store = fresh().await;
    let daily = [
        ("due_date", "'2027-01-01T08:00:00Z'"),
        ("recurrence", "'custom'"),
        ("recurrence_rule", "'FREQ=DAILY'"),
        ("recurrence_start", "'2027-01-01T08:00:00Z'"),
    ];
    let id = insert(&store, &daily).await;
    let task = store.task(id).await.unwrap();
    assert_eq!((task.recurrence_id, task.recurrence_rule), (task.due_date, Some("FREQ=DAILY".parse().unwrap())));
    // To the previous release, another due date means another series.
    update(&store, id, &[("due_date", "'2027-01-03T09:00:00Z'"), ("recurrence_start", "'2027-01-03T09:00:00Z'")]).await;
    let task = store.task(id).await.unwrap();
    assert_eq!((task.recurrence_start, task.recurrence_id), (task.due_date, task.due_date));
    update(&store, id, &[("recurrence_rule", "'FREQ=DAILY;INTERVAL=2'")]).await;
    assert_eq!(store.task(id).await.unwrap().recurrence_rule, Some("FREQ=DAILY;INTERVAL=2".parse().unwrap()));
    update(&store, id, &[("recurrence", "'none'"), ("recurrence_rule", "NULL"), ("recurrence_start", "NULL")]).await;
    let task = store.task(id).await.unwrap();
    assert_eq!((task.recurrence, task.recurrence_rule, task.recurrence_id), (Recurrence::None, None, None));
}

#[tokio::test]
async fn a_change_by_the_previous_release_keeps_fields_that_it_does_not_know() {
    let store = fresh().await;
    let task = create(&store, mondays()).await;
    // This release moves the occurrence; then the previous one renames it.
    let moved = save(&store, task.id, |task| Task {
        due_date: moment("2027-01-07T23:00:00Z"),
        due_day: Some("2027-01-08".parse().unwrap()),
        ..task.clone()
    })
    .await;
    update(&store, task.id, &[("title", "'renamed'"), ("title_key", "'renamed'")]).await;
    let renamed = store.task(task.id).await.unwrap();
    assert_eq!(renamed, Task { title: "renamed".to_owned(), version: 3, ..moved });
    // And completes it: its occurrence inherits the day, the exclusions and the rule.
    update(&store, task.id, &[("status", "'completed'"), ("completed_at", "'2027-01-08T12:00:00Z'")]).await;
    let parent = task.id.to_string();
    let next = insert(
        &store,
        &[
            ("due_date", "'2027-01-17T23:00:00Z'"),
            ("time_zone", "'Europe/Berlin'"),
            ("recurrence", "'custom'"),
            ("recurrence_rule", "'FREQ=WEEKLY;BYDAY=MO'"),
            ("recurrence_start", "'2027-01-03T23:00:00Z'"),
            ("recurrence_number", "2"),
            ("parent_task_id", &parent),
        ],
    )
    .await;
    let next = store.task(next).await.unwrap();
    assert_eq!((next.all_day, next.due_day), (true, Some("2027-01-18".parse().unwrap())));
    assert_eq!((next.recurrence_id, next.recurrence_exdates), (next.due_date, vec!["2027-01-11".parse::<Moment>().unwrap()]));
}

#[tokio::test]
async fn a_due_date_that_the_previous_release_sets_is_a_time_and_its_zone_change_keeps_the_day() {
    let store = fresh().await;
    let task = create(&store, mondays()).await;
    update(&store, task.id, &[("time_zone", "'America/New_York'"), ("recurrence_start", "due_date")]).await;
    let there = store.task(task.id).await.unwrap();
    let begins = moment("2027-01-04T05:00:00Z");
    assert_eq!((there.due_day, there.due_date, there.recurrence_start, there.recurrence_id), (task.due_day, begins, begins, begins));
    let saved = save(&store, task.id, |task| Task { title: "written anew".to_owned(), ..task.clone() }).await;
    assert_eq!(store.task(task.id).await.unwrap(), saved, "what is written next holds for all");
    let kept: Option<String> = sqlx::query_scalar("SELECT due_date::text FROM tasks").fetch_one(store.pool()).await.unwrap();
    assert!(kept.unwrap().starts_with("2027-01-04 05:00"));
    update(&store, task.id, &[("due_date", "'2027-01-06T10:00:00Z'"), ("recurrence_start", "'2027-01-06T10:00:00Z'")]).await;
    let timed = store.task(task.id).await.unwrap();
    assert_eq!((timed.all_day, timed.due_day, timed.due_date), (false, None, moment("2027-01-06T10:00:00Z")));
    assert_eq!((timed.recurrence_start, timed.recurrence_id), (timed.due_date, timed.due_date));
}

#[tokio::test]
async fn the_previous_release_reads_no_rule_that_it_does_not_support() {
    let store = fresh().await;
    let due = moment("2027-01-01T08:00:00Z");
    let hourly = Task {
        due_date: due,
        recurrence: Recurrence::Custom,
        recurrence_rule: Some("FREQ=HOURLY;INTERVAL=8".parse().unwrap()),
        recurrence_start: due,
        recurrence_id: due,
        ..draft("pills").0
    };
    let task = create(&store, Draft(hourly)).await;
    assert_eq!(rule_before(&store, task.id).await.as_deref(), Some("FREQ=DAILY"));
    update(&store, task.id, &[("title", "'renamed'")]).await;
    assert_eq!(store.task(task.id).await.unwrap().recurrence_rule, task.recurrence_rule, "a change of something else keeps the rule");
    // Either release replaces it.
    save(&store, task.id, |task| Task { recurrence_rule: Some("FREQ=DAILY".parse().unwrap()), ..task.clone() }).await;
    assert_eq!(store.task(task.id).await.unwrap().recurrence_rule, Some("FREQ=DAILY".parse().unwrap()));
    save(&store, task.id, |before| Task { recurrence_rule: task.recurrence_rule.clone(), ..before.clone() }).await;
    update(&store, task.id, &[("recurrence_rule", "'FREQ=WEEKLY'")]).await;
    assert_eq!(store.task(task.id).await.unwrap().recurrence_rule, Some("FREQ=WEEKLY".parse().unwrap()));
    save(&store, task.id, |task| Task {
        recurrence: Recurrence::None,
        recurrence_rule: None,
        recurrence_start: None,
        recurrence_id: None,
        ..task.clone()
    })
    .await;
    assert_eq!(rule_before(&store, task.id).await, None);
}

#[tokio::test]
async fn an_all_day_task_comes_before_the_timed_ones_of_its_day() {
    let store = fresh().await;
    let midnight = moment("2027-01-04T00:00:00Z");
    for (title, due_date, due_day) in [
        ("at midnight", midnight, None),
        ("all day", midnight, Some("2027-01-04".parse().unwrap())),
        ("the evening before", moment("2027-01-03T23:59:00Z"), None),
        ("no date", None, None),
    ] {
        let description = "to do".to_owned();
        create(&store, Draft(Task { due_date, due_day, all_day: due_day.is_some(), description, ..draft(title).0 })).await;
    }
    let by_due = |order: Order| list(move |list| (list.sort_by, list.order) = (SortBy::DueDate, Some(order)));
    let ahead = ["the evening before", "all day", "at midnight", "no date"];
    assert_eq!(titles(&store, &by_due(Order::Asc)).await, ahead);
    assert_eq!(titles(&store, &by_due(Order::Desc)).await, ["at midnight", "all day", "the evening before", "no date"]);
    let found = search("do", |search| (search.sort_by, search.order) = (Some(SortBy::DueDate), Some(Order::Asc)));
    assert_eq!(titles(&store, &found).await, ahead);
}

/// The columns of a reminder that the previous release reads, and what it writes: its one type of channel meant that a webhook was configured.
#[tokio::test]
async fn reminders_of_both_releases_are_read_by_both() {
    let store = fresh().await;
    let before = "INSERT INTO reminders (task_id, user_id, scheduled_at, reminder_offset, reminder_type, status, retry_count, created_at, of_task, \
         cancelled_with_task) VALUES (7, 1, '2026-01-01', '1 hour', 'webhook', 'pending', 0, '2026-01-01', true, false) RETURNING id";
    let theirs: i64 = sqlx::query_scalar(before).fetch_one(store.pool()).await.unwrap();
    let read = store.reminder(theirs).await.unwrap();
    assert_eq!((read.reminder_type, read.deliveries), (None, Vec::new()), "every configured channel");

    let mut unit = store.begin(crate::fixtures::work()).await.unwrap();
    let new = store::NewReminder {
        task_id: 7,
        scheduled_at: at(60),
        offset: "1 hour".parse().unwrap(),
        channel: Some(domain::reminder::ReminderType::Email),
        of_task: false,
    };
    let ours = unit.create_reminder(new).await.unwrap();
    unit.commit().await.unwrap();
    let read: String =
        sqlx::query_scalar("SELECT reminder_type FROM reminders WHERE id = $1").bind(ours.id).fetch_one(store.pool()).await.unwrap();
    assert_eq!(read, "websocket", "the previous release knows this one, and shows it on the page");
    // It fires, and the previous release settles it. There are no sends, which is correct.
    let fired = "UPDATE reminders SET triggered_at = '2026-01-01', status = 'sent', sent_at = '2026-01-01' WHERE id = $1";
    sqlx::query(fired).bind(ours.id).execute(store.pool()).await.unwrap();
    let read = store.reminder(ours.id).await.unwrap();
    assert_eq!((read.status, read.deliveries), (domain::reminder::ReminderStatus::Sent, Vec::new()));
}
