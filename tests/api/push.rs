//! Web Push: subscriptions, pushes, and a push service that misbehaves.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{App, Functions, PushService, VAPID_PUBLIC, Webhook, eventually, eventually_within, in_seconds, moment, now};
use tokio::net::TcpListener;

const SUBSCRIPTIONS: &str = "/api/push/subscriptions";

/// Creates a task whose reminder fires at once.
async fn remind(app: &App, title: &str) -> Value {
    app.create(&json!({ "title": title, "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await
}

async fn subscribe(app: &App, push: &PushService, name: &str) -> Value {
    app.post(SUBSCRIPTIONS, &push.browser(name)).await.is(201).json()
}

/// Returns a reminder's delivery on this channel.
fn delivery<'a>(reminder: &'a Value, channel: &str) -> &'a Value {
    let all = reminder["deliveries"].as_array().unwrap();
    all.iter().find(|delivery| delivery["type"] == channel).unwrap_or_else(|| panic!("no {channel}: {reminder}"))
}

/// Returns functions with a subscribed browser, and a fired reminder with pending sends.
async fn fired(push: &PushService) -> (Functions, Value) {
    let functions = Functions::with(&PushService::settings()).await;
    functions.done("preferences", "POST", SUBSCRIPTIONS, &push.browser("laptop")).await;
    let task = functions.fired("Pay rent").await;
    (functions, task)
}

async fn the_reminder(functions: &Functions, task: &Value) -> Value {
    functions.reminders(task).await.remove(0)
}

#[tokio::test]
async fn every_subscribed_browser_gets_a_reminder() {
    let push = PushService::start().await;
    let app = App::with(&PushService::settings()).await;
    assert_eq!(app.read("/api/push/key").await, json!({ "public_key": VAPID_PUBLIC }));
    let (laptop, phone) = (subscribe(&app, &push, "laptop").await, subscribe(&app, &push, "phone").await);
    let task = remind(&app, "Pay rent “now” ✓").await;
    let sent = app.reminder(&task["id"], "sent").await;
    let mut pushed = vec![push.pushed().await, push.pushed().await];
    pushed.sort_by(|one, other| one.browser.cmp(&other.browser));
    assert_eq!(pushed.iter().map(|pushed| pushed.browser.as_str()).collect::<Vec<_>>(), ["laptop", "phone"]);
    for pushed in &pushed {
        let header = |name: &str| pushed.headers[name].to_str().unwrap().to_owned();
        assert_eq!((header("urgency"), header("topic")), ("high".to_owned(), format!("reminder-{}", sent["id"])));
        assert!((43_100..=43_200).contains(&header("ttl").parse().unwrap()), "12 hours: {}", header("ttl"));
        let payload = &pushed.payload;
        assert_eq!((&payload["title"], &payload["task_id"]), (&json!("Pay rent “now” ✓"), &task["id"]));
        assert!(payload["body"].as_str().unwrap().starts_with("Due "), "{payload}");
        let titles: Vec<&Value> = payload["actions"].as_array().unwrap().iter().map(|action| &action["title"]).collect();
        assert_eq!(titles, ["Complete", "10 minutes", "1 hour"]);
    }
    assert_eq!(push.refusals(), Vec::<String>::new());
    let delivered = delivery(&sent, "push");
    assert_eq!((&delivered["status"], &delivered["error"]), (&json!("sent"), &Value::Null));
    assert_eq!(delivery(&sent, "websocket")["status"], "sent", "the page shows it as well");
    app.settled().await;
    let entries = app.list("/api/audit?event_type=reminder.sent").await;
    assert_eq!(entries.iter().map(|entry| &entry["event_data"]["data"]["reminder_type"]).collect::<Vec<_>>(), ["push"], "once");
    let listed = eventually("both pushes, settled", async || {
        Some(app.list(SUBSCRIPTIONS).await).filter(|listed| listed.iter().all(|browser| browser["sent_at"].is_string()))
    })
    .await;
    assert_eq!(listed.iter().map(|browser| &browser["id"]).collect::<Vec<_>>(), [&laptop["id"], &phone["id"]]);
    assert!(listed.iter().all(|browser| moment(&browser["sent_at"]) <= now()), "{listed:?}");
    assert!(!json!(listed).to_string().contains("127.0.0.1"), "nobody learns where a browser gets its pushes: {listed:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_reminder_tells_the_time_in_the_users_zone_or_else_in_the_tasks() {
    let push = PushService::start().await;
    let app = App::with(&PushService::settings()).await;
    subscribe(&app, &push, "laptop").await;
    for (own, short) in [(json!(null), "JST"), (json!("Africa/Nairobi"), "EAT")] {
        drop(app.put("/api/preferences", &json!({ "time_zone": own })).await.is(200));
        let reminding = json!({ "title": "Call Mum", "due_date": in_seconds(600), "reminder_offset": "1 hour", "time_zone": "Asia/Tokyo" });
        let task = app.create(&reminding).await;
        app.reminder(&task["id"], "sent").await;
        let pushed = push.pushed().await.payload["body"].clone();
        assert!(pushed.as_str().unwrap().ends_with(short), "{pushed}");
        let shown = eventually("the notification", async || {
            app.list("/api/notifications").await.into_iter().find(|shown| shown["task_id"] == task["id"])
        })
        .await;
        assert_eq!(shown["body"], pushed, "the page and a push say the same");
    }
    app.stop().await;
}

#[tokio::test]
async fn browsers_are_kept_tested_and_removed() {
    let push = PushService::start().await;
    let app = App::with(&PushService::settings()).await;
    let laptop = subscribe(&app, &push, "laptop").await;
    assert_eq!(app.post(SUBSCRIPTIONS, &push.browser("laptop")).await.is(200).json()["id"], laptop["id"], "the same browser");
    let own = format!("{SUBSCRIPTIONS}/{}", laptop["id"]);
    let _ = app.post(&format!("{own}/test"), &Value::Null).await.is(202);
    let pushed = push.pushed().await;
    assert_eq!((&pushed.payload["title"], &pushed.payload["tag"]), (&json!("This is a test"), &json!("test")));
    for number in 1..20 {
        subscribe(&app, &push, &format!("browser {number}").replace(' ', "-")).await;
    }
    let refused = app.post(SUBSCRIPTIONS, &push.browser("one-too-many")).await;
    assert!(refused.problem(409).is_empty());
    let _ = app.delete(&own).await.is(204);
    let _ = app.delete(&own).await.is(204);
    let _ = app.post(&format!("{own}/test"), &Value::Null).await.problem(404);
    subscribe(&app, &push, "one-too-many").await;
    assert_eq!(app.list(SUBSCRIPTIONS).await.len(), 20);
    app.stop().await;
}

#[tokio::test]
async fn an_unreachable_subscription_is_refused() {
    let push = PushService::start().await;
    // No address is exempt.
    let app = App::with(&[("TASKFLOW_VAPID_KEY", tests::VAPID_KEY)]).await;
    let own = push.browser("laptop");
    let with = |endpoint: &str| {
        let mut browser = own.clone();
        browser["endpoint"] = endpoint.into();
        browser
    };
    for endpoint in [
        "http://push.example.net/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[64:ff9b::a00:1]/x",
        "https://0x7f000001/x",
        "https://10.1.2.3/x",
        "https://100.64.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://ann:secret@push.example.net/x",
        "file:///etc/passwd",
        "nowhere",
        "",
        own["endpoint"].as_str().unwrap(),
    ] {
        assert_eq!(app.post(SUBSCRIPTIONS, &with(endpoint)).await.problem(422), ["/endpoint"], "{endpoint}");
    }
    let mut keyless = with("https://push.example.net/x");
    keyless["keys"]["auth"] = "AAAA".into();
    assert_eq!(app.post(SUBSCRIPTIONS, &keyless).await.problem(422), ["/keys/auth"]);
    keyless["keys"] = json!({ "p256dh": "AAAA", "auth": own["keys"]["auth"] });
    assert_eq!(app.post(SUBSCRIPTIONS, &keyless).await.problem(422), ["/keys/p256dh"]);
    assert!(app.list(SUBSCRIPTIONS).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
    let push = PushService::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = App::with(&[("TASKFLOW_VAPID_KEY", tests::VAPID_KEY)]).await;
    let mut browser = push.browser("laptop");
    browser["endpoint"] = format!("https://localhost:{port}/push/laptop").into();
    let _ = app.post(SUBSCRIPTIONS, &browser).await.is(201);
    let task = remind(&app, "Pay rent").await;
    let failed = app.reminder(&task["id"], "failed").await;
    let delivered = delivery(&failed, "push");
    assert_eq!((&delivered["status"], &delivered["attempts"]), (&json!("failed"), &json!(1)), "and not tried again");
    assert!(delivered["error"].as_str().unwrap().contains("not public"), "{delivered}");
    let connected = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(connected.is_err(), "somebody connected");
    app.stop().await;
}

#[tokio::test]
async fn without_a_key_there_is_no_push_and_without_a_browser_it_is_not_waited_for() {
    let app = App::start().await;
    let _ = app.get("/api/push/key").await.problem(404);
    let task = app.create(&json!({ "title": "Pay rent", "due_date": "2199-03-31T09:00:00Z" })).await;
    let ask = json!({ "task_id": task["id"], "reminder_offset": "1 hour", "reminder_type": "push" });
    assert_eq!(app.post("/api/reminders", &ask).await.problem(422), ["/reminder_type"]);
    app.stop().await;

    let app = App::with(&PushService::settings()).await;
    let task = remind(&app, "Pay rent").await;
    let sent = app.reminder(&task["id"], "sent").await;
    let channels: Vec<&Value> = sent["deliveries"].as_array().unwrap().iter().map(|delivery| &delivery["type"]).collect();
    assert_eq!(channels, ["websocket"], "nobody is subscribed");
    // For push alone it fails, because there is no browser.
    let task = app.create(&json!({ "title": "Rest", "due_date": in_seconds(600) })).await;
    let ask = json!({ "task_id": task["id"], "reminder_offset": "1 hour", "reminder_type": "push" });
    let _ = app.post("/api/reminders", &ask).await.is(201);
    let failed = app.reminder(&task["id"], "failed").await;
    assert_eq!((&failed["reminder_type"], &failed["deliveries"]), (&json!("push"), &json!([])));
    assert_eq!(app.history(&task["id"]).await, ["task.created", "reminder.scheduled", "reminder.triggered", "reminder.failed"]);
    app.stop().await;
}

#[tokio::test]
async fn a_reminder_of_one_channel_uses_that_one() {
    let push = PushService::start().await;
    let app = App::with(&PushService::settings()).await;
    subscribe(&app, &push, "laptop").await;
    for (channel, pushes) in [("push", 1), ("websocket", 0)] {
        let task = app.create(&json!({ "title": channel, "due_date": in_seconds(600) })).await;
        let ask = json!({ "task_id": task["id"], "reminder_offset": "1 hour", "reminder_type": channel });
        assert_eq!(app.post("/api/reminders", &ask).await.is(201).json()["reminder_type"], channel);
        let sent = app.reminder(&task["id"], "sent").await;
        let deliveries: Vec<&Value> = sent["deliveries"].as_array().unwrap().iter().map(|delivery| &delivery["type"]).collect();
        assert_eq!(deliveries, [channel]);
        app.settled().await;
        assert_eq!(push.waiting().await, pushes, "{channel}");
        for _ in 0..pushes {
            push.pushed().await;
        }
    }
    assert_eq!(app.list("/api/notifications").await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_browser_that_is_gone_is_removed_and_the_others_get_theirs() {
    let push = PushService::start().await;
    let app = App::with(&PushService::settings()).await;
    subscribe(&app, &push, "old").await;
    subscribe(&app, &push, "new").await;
    push.end("old");
    let task = remind(&app, "Pay rent").await;
    app.reminder(&task["id"], "sent").await;
    let left = eventually("one browser", async || Some(app.list(SUBSCRIPTIONS).await).filter(|left| left.len() == 1)).await;
    assert_eq!((&left[0]["name"], push.pushed().await.browser), (&json!("new"), "new".to_owned()));
    push.end("new");
    let task = remind(&app, "Rest").await;
    let failed = app.reminder(&task["id"], "failed").await;
    assert!(delivery(&failed, "push")["error"].as_str().unwrap().starts_with("410 Gone"), "{failed}");
    assert_eq!(delivery(&failed, "websocket")["status"], "sent");
    app.settled().await;
    let failures = app.list("/api/audit?event_type=reminder.failed").await;
    assert_eq!(failures[0]["event_data"]["data"]["reminder_type"], "push");
    app.stop().await;
}

#[tokio::test]
async fn a_push_is_retried_when_the_push_service_requests_it() {
    let push = PushService::start().await;
    let (functions, task) = fired(&push).await;
    push.answer(429, Some("120"));
    assert_eq!(functions.call_due("push-reminder").await.0, [200], "the job ends; the retry is another one");
    let waiting = the_reminder(&functions, &task).await;
    let delivered = delivery(&waiting, "push");
    assert_eq!((&delivered["status"], &delivered["attempts"]), (&json!("pending"), &json!(1)));
    assert_eq!((&delivered["error"], &waiting["retry_count"]), (&json!("429 Too Many Requests"), &json!(1)));
    push.answer(201, None);
    functions.pass(SignedDuration::from_secs(119));
    assert_eq!(functions.call_due("push-reminder").await.0, [0_u16; 0], "two minutes are not over");
    functions.pass(SignedDuration::from_secs(1));
    let (statuses, events) = functions.call_due("push-reminder").await;
    assert_eq!((statuses, push.pushed().await.browser), (vec![200], "laptop".to_owned()));
    let sent: Vec<&Value> = events.iter().filter(|event| event["type"] == "reminder.sent").collect();
    assert_eq!((sent.len(), &sent[0]["data"]["reminder_type"], &sent[0]["data"]["status"]), (1, &json!("push"), &json!("sent")));
    let reminder = the_reminder(&functions, &task).await;
    assert_eq!((&reminder["status"], &delivery(&reminder, "push")["attempts"]), (&json!("sent"), &json!(2)));
    functions.stop().await;
}

#[tokio::test]
async fn retries_grow_rarer_and_end_with_the_time_to_live() {
    let push = PushService::start().await;
    let (functions, task) = fired(&push).await;
    push.answer(503, None);
    let mut attempts_at = Vec::new();
    for second in 0..13 * 3_600 {
        if second < 700 || second % 60 == 0 {
            let (statuses, _) = functions.call_due("push-reminder").await;
            attempts_at.extend(statuses.iter().map(|_| second));
        }
        if the_reminder(&functions, &task).await["status"] == "failed" {
            break;
        }
        let step = if second < 700 { 1 } else { 60 };
        if second < 700 || second % 60 == 0 {
            functions.pass(SignedDuration::from_secs(step));
        }
    }
    let failed = the_reminder(&functions, &task).await;
    let delivered = delivery(&failed, "push");
    assert_eq!((&failed["status"], &delivered["status"]), (&json!("failed"), &json!("failed")));
    assert!(delivered["error"].as_str().unwrap().ends_with("503 Service Unavailable"), "{delivered}");
    assert!((12..=20).contains(&push.requests()), "{} attempts in 12 hours: {attempts_at:?}", push.requests());
    let in_two_minutes = attempts_at.iter().filter(|second| **second < 120).count();
    assert_eq!(in_two_minutes, 5, "{attempts_at:?}");
    functions.stop().await;
}

#[tokio::test]
async fn a_push_that_is_too_large_becomes_a_short_one_and_one_that_is_refused_is_not_repeated() {
    let push = PushService::start().await;
    let (functions, task) = fired(&push).await;
    push.take_at_most(200);
    assert_eq!(functions.call_due("push-reminder").await.0, [200]);
    let pushed = push.pushed().await;
    assert_eq!(
        pushed.payload,
        json!({ "tag": format!("reminder-{}", the_reminder(&functions, &task).await["id"]), "task_id": task["id"] })
    );
    assert_eq!(push.requests(), 2);
    functions.stop().await;

    let (functions, task) = fired(&push).await;
    push.answer(400, None);
    functions.call_due("push-reminder").await;
    let failed = the_reminder(&functions, &task).await;
    assert_eq!((&failed["status"], &delivery(&failed, "push")["error"]), (&json!("failed"), &json!("400 Bad Request")));
    functions.stop().await;
}

#[tokio::test]
async fn a_push_service_leads_nowhere_else() {
    let (push, inside) = (PushService::start().await, Webhook::start(200).await);
    for status in [301, 302, 303, 307, 308] {
        let app = App::with(&PushService::settings()).await;
        let outside = Webhook::start(200).await;
        outside.answer_with(status, "location", &inside.url);
        let mut browser = push.browser("laptop");
        browser["endpoint"] = outside.url.clone().into();
        let _ = app.post(SUBSCRIPTIONS, &browser).await.is(201);
        let task = remind(&app, "Pay rent").await;
        let failed = app.reminder(&task["id"], "failed").await;
        let delivered = delivery(&failed, "push");
        assert_eq!(delivered["attempts"], 1, "a redirect is no answer of a push service: {delivered}");
        assert!(delivered["error"].as_str().unwrap().starts_with(&status.to_string()), "{delivered}");
        app.stop().await;
    }
    assert_eq!(inside.waiting().await, 0, "somebody followed a redirect");
}

#[tokio::test]
async fn what_is_over_is_not_sent() {
    let push = PushService::start().await;
    // Completed before a retry.
    let (functions, task) = fired(&push).await;
    push.answer(503, None);
    functions.call_due("push-reminder").await;
    functions.done("complete-task", "POST", &format!("/api/tasks/{}/complete", task["id"]), &Value::Null).await;
    functions.announced().await;
    push.answer(201, None);
    functions.pass(SignedDuration::from_secs(60));
    assert_eq!(functions.call_due("push-reminder").await.0, [200]);
    let over = the_reminder(&functions, &task).await;
    assert_eq!((&over["status"], &delivery(&over, "push")["status"], push.waiting().await), (&json!("cancelled"), &json!("cancelled"), 0));
    functions.stop().await;
    // Snoozed before a retry: the next firing is another one.
    let (functions, task) = fired(&push).await;
    push.answer(503, None);
    functions.call_due("push-reminder").await;
    let path = format!("/api/reminders/{}/snooze", the_reminder(&functions, &task).await["id"]);
    functions.done("snooze-reminder", "POST", &path, &json!({ "for": "10 minutes" })).await;
    functions.announced().await;
    push.answer(201, None);
    functions.pass(SignedDuration::from_secs(60));
    assert_eq!(functions.call_due("push-reminder").await.0, [200]);
    let snoozed = the_reminder(&functions, &task).await;
    assert_eq!((&snoozed["status"], push.waiting().await), (&json!("pending"), 0));
    functions.pass(SignedDuration::from_secs(600));
    let (_, events) = functions.call_due("fire-reminder").await;
    functions.deliver_all(events).await;
    assert_eq!(functions.call_due("push-reminder").await.0, [200]);
    assert_eq!((push.pushed().await.browser, &the_reminder(&functions, &task).await["status"]), ("laptop".to_owned(), &json!("sent")));
    functions.stop().await;
}

#[tokio::test]
async fn an_attempt_that_was_killed_is_made_again_and_lost_jobs_are_registered_again() {
    let push = PushService::start().await;
    let (functions, task) = fired(&push).await;
    // The row as left by an attempt that was killed before the answer.
    functions.announced().await;
    let claim = "UPDATE sends SET attempts = 1, busy_until = $1::timestamptz WHERE channel = 'push'";
    let busy_until = functions.after(SignedDuration::from_secs(40));
    sqlx::query(claim)
        .bind(busy_until.parse::<jiff::Timestamp>().map(|at| store::Time(domain::Timestamp::new(at).unwrap())).unwrap())
        .execute(functions.store.pool())
        .await
        .unwrap();
    assert_eq!(functions.call_due("push-reminder").await.0, [503], "it may still be under way");
    functions.pass(SignedDuration::from_secs(41));
    functions.lose_jobs();
    functions.keep_house().await;
    assert_eq!(functions.call_due("push-reminder").await.0, [200]);
    assert_eq!((push.pushed().await.browser, &the_reminder(&functions, &task).await["status"]), ("laptop".to_owned(), &json!("sent")));
    // Another call has nothing to do.
    let id: i64 = sqlx::query_scalar("SELECT id FROM sends WHERE channel = 'push'").fetch_one(functions.store.pool()).await.unwrap();
    assert_eq!((functions.job(&format!("push-reminder-{id}")).await, push.waiting().await), (200, 0));
    assert_eq!(functions.job("push-reminder-999999").await, 200);
    functions.stop().await;
}

#[tokio::test]
async fn a_hanging_push_service_delays_no_reminder() {
    let push = PushService::start().await;
    let app = App::with(&PushService::settings()).await;
    subscribe(&app, &push, "laptop").await;
    push.delay(Duration::from_mins(1));
    for number in 0..300 {
        remind(&app, &format!("Task {number}")).await;
    }
    let begun = eventually("pushes that hang", async || (push.requests() >= 60).then(now)).await;
    let task = remind(&app, "Pay rent").await;
    let shown = eventually("its notification", async || {
        let notifications = app.list("/api/notifications").await;
        notifications.into_iter().find(|notification| notification["task_id"] == task["id"])
    })
    .await;
    let lateness = moment(&shown["created_at"]).duration_since(begun);
    assert!(lateness < SignedDuration::from_secs(8), "it waited for the push service: {lateness}");
    app.stop().await;
}

#[tokio::test]
async fn a_thousand_reminders_at_one_instant_are_all_pushed() {
    let push = PushService::start().await;
    push.delay(Duration::from_millis(300));
    let app = App::with(&PushService::settings()).await;
    subscribe(&app, &push, "laptop").await;
    let due = in_seconds(60);
    let tasks: Vec<Value> =
        (0..1_000).map(|number| json!({ "title": format!("Task {number}"), "due_date": due, "reminder_offset": "0 minutes" })).collect();
    for tasks in tasks.chunks(20) {
        futures_util::future::join_all(tasks.iter().map(|task| app.create(task))).await;
    }
    let instant = moment(&json!(due)).max(now());
    let patience = Duration::from_secs(150);
    eventually_within(patience, "a thousand pushes", async || (push.waiting().await >= 1_000).then_some(())).await;
    println!("1,000 pushes of 300 ms took {:#}", now().duration_since(instant));
    app.settled().await;
    assert_eq!(push.waiting().await, 1_000, "each once");
    app.stop().await;
}

#[tokio::test]
async fn an_early_call_starts_the_functions_that_the_reminder_will_need_and_no_others() {
    for (channel, is_subscribed, needed) in [
        (Value::Null, false, vec!["notify"]),
        (Value::Null, true, vec!["notify", "push-reminder"]),
        (json!("push"), true, vec!["push-reminder"]),
        (json!("websocket"), true, vec!["notify"]),
    ] {
        let push = PushService::start().await;
        let functions = Functions::with(&PushService::settings()).await;
        if is_subscribed {
            functions.done("preferences", "POST", SUBSCRIPTIONS, &push.browser("laptop")).await;
        }
        let due = functions.after(SignedDuration::from_secs(600));
        let task = functions.create(&json!({ "title": "Pay rent", "due_date": due })).await;
        let asked = json!({ "task_id": task["id"], "reminder_offset": "5 minutes", "reminder_type": channel });
        let reminder = functions.done("schedule-reminder", "POST", "/api/reminders", &asked).await;
        functions.set_clock(&(moment(&reminder["scheduled_at"]) - SignedDuration::from_millis(100)).to_string());
        let fires = async { assert_eq!(functions.job(&format!("fire-reminder-{}", reminder["id"])).await, 200) };
        let comes = async {
            eventually("a function that starts", async || (functions.woken().len() >= needed.len()).then_some(())).await;
            assert_eq!(the_reminder(&functions, &task).await["triggered_at"], Value::Null, "it is early");
            functions.pass(SignedDuration::from_secs(1));
        };
        tokio::join!(fires, comes);
        assert_ne!(the_reminder(&functions, &task).await["triggered_at"], Value::Null);
        let mut woken = functions.woken();
        woken.dedup();
        assert_eq!(woken, needed, "{channel}, subscribed: {is_subscribed}");
        functions.stop().await;
    }
}
