//! The WebSocket.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{App, PATIENCE, Socket, eventually, in_seconds};
use tokio_tungstenite::tungstenite::Error;

use crate::locks::waiting;

const TOKEN: &str = "hunter2-hunter2";
/// The same as base64url.
const BEARER: &str = "bearer.aHVudGVyMi1odW50ZXIy";

/// Creates a task whose reminder fires at once.
async fn remind(app: &App, title: &str) -> Value {
    let task = app.create(&json!({ "title": title, "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
    app.reminder(&task["id"], "sent").await;
    task
}

async fn refused(app: &App, query: &str, headers: &[(&'static str, &str)]) -> u16 {
    match Socket::handshake(app, query, headers).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{query} {headers:?} was let in"),
    }
}

#[tokio::test]
async fn a_ping_is_answered_and_nonsense_is_not() {
    let app = App::start().await;
    let mut socket = Socket::open(&app, None).await;
    for nonsense in ["", "hello", "{}", "[]", r#"{"type":"pong"}"#, r#"{"type":5}"#, "null"] {
        socket.send(nonsense).await;
    }
    socket.ping().await;
    socket.send(&"x".repeat(64 * 1024)).await;
    assert_eq!(socket.close_code().await, Some(1009), "a client has little to say: such a frame ends it");
    for size in [4_097, 1024 * 1024] {
        let mut socket = Socket::open(&app, None).await;
        socket.send_binary(vec![0; size]).await;
        assert_eq!(socket.close_code().await, Some(1009), "{size}");
    }
    Socket::open(&app, None).await.ping().await;
    app.stop().await;
}

#[tokio::test]
async fn a_client_that_missed_much_gets_all_of_it_a_page_at_a_time() {
    let app = App::start().await;
    app.sql(
        "INSERT INTO notifications (event_type, task_id, title, body, created_at) \
         SELECT 'reminder.triggered', n, 'missed', '', now() FROM generate_series(1, 1050) AS n",
    )
    .await;
    let mut socket = Socket::handshake(&app, "?after=0", &[]).await.unwrap();
    socket.send(r#"{"type":"ping"}"#).await;
    let (mut tasks, mut pongs) = (Vec::new(), 0);
    while tasks.len() < 1050 || pongs == 0 {
        let frame = socket.frame().await;
        match frame["type"].as_str() {
            Some("pong") => pongs += 1,
            _ => tasks.push(frame["task_id"].as_i64().unwrap()),
        }
    }
    assert_eq!((tasks, pongs), ((1..=1050).collect(), 1), "in order, each once");
    let page = app.get("/api/notifications?after=0").await.is(200);
    assert!(page.header("link").starts_with("</api/notifications?after=") && page.header("link").ends_with("; rel=\"next\""));
    assert_eq!(app.get("/api/notifications?after=1049").await.is(200).header("link"), "");
    app.stop().await;
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let app = App::start().await;
    assert!(Socket::open(&app, None).await.close().await);
    app.stop().await;
}

#[tokio::test]
async fn a_refused_caller_gets_the_reason() {
    let app = App::start().await;
    let own = format!("http://{}", app.address);
    Socket::handshake(&app, "", &[("origin", &own)]).await.unwrap().ping().await;
    for origin in ["http://evil.example", "null", "https://", &format!("{own}.evil.example"), &format!("{own}0")] {
        assert_eq!(refused(&app, "", &[("origin", origin)]).await, 403, "{origin}");
    }
    for query in ["?after=abc", "?after=", "?after=9223372036854775808", "?before=1", "?after=1&limit=2"] {
        assert_eq!(refused(&app, query, &[]).await, 422, "{query}");
    }
    assert_eq!(refused(&app, "", &[("sec-websocket-version", "8")]).await, 400);
    let plain = app.get("/ws/notifications").await;
    assert!(plain.problem(426).is_empty());
    assert_eq!(plain.header("upgrade"), "websocket");
    let _ = app.post("/ws/notifications", &Value::Null).await.problem(405);
    app.stop().await;
}

#[tokio::test]
async fn the_token_comes_as_a_subprotocol() {
    let app = App::with(&[("TASKFLOW_API_TOKEN", TOKEN)]).await;
    for protocols in ["taskflow", "taskflow, bearer.", "taskflow, bearer.aHVudGVyMg", &format!("taskflow, bearer.{TOKEN}")] {
        assert_eq!(refused(&app, "", &[("sec-websocket-protocol", protocols)]).await, 401, "{protocols}");
    }
    let protocols = format!("taskflow, {BEARER}");
    let mut socket = Socket::handshake(&app, "", &[("sec-websocket-protocol", &protocols)]).await.unwrap();
    assert_eq!(socket.handshake.headers()["sec-websocket-protocol"], "taskflow", "the token is not sent back");
    socket.ping().await;
    let header = format!("Bearer {TOKEN}");
    Socket::handshake(&app, "", &[("authorization", &header)]).await.unwrap().ping().await;
    app.stop().await;
}

#[tokio::test]
async fn a_notification_is_shown_as_it_is_kept() {
    let app = App::start().await;
    let mut socket = Socket::open(&app, None).await;
    let task = remind(&app, "Pay rent").await;
    let notification = socket.frame_of("notification").await;
    let kept = app.list("/api/notifications").await.remove(0);
    let expected = json!({
        "type": "notification", "id": kept["id"], "event_type": "reminder.triggered", "task_id": task["id"],
        "reminder_id": kept["reminder_id"], "title": "Pay rent", "body": kept["body"], "created_at": kept["created_at"],
    });
    assert_eq!(notification, expected);
    assert_eq!(kept["reminder_id"], app.reminders(&task["id"]).await[0]["id"]);
    app.stop().await;
}

#[tokio::test]
async fn a_socket_is_open_once_it_is_known_where_it_begins() {
    let app = App::start().await;
    let mut session = PgConnection::connect(app.database_url()).await.unwrap();
    let mut held = session.begin().await.unwrap();
    sqlx::query("LOCK TABLE notifications").execute(&mut *held).await.unwrap();
    let mut opening = Box::pin(Socket::open(&app, None));
    // A client that is told that its socket is open reads the list next. What fires after that must come by the socket.
    let others = async {
        eventually("a wait for the table", async || (waiting(&mut held).await > 0).then_some(())).await;
        app.list("/api/tasks").await;
    };
    tokio::select! {
        biased;
        _ = &mut opening => panic!("the socket is open too early"),
        () = others => {}
    }
    held.rollback().await.unwrap();
    let mut socket = opening.await;
    remind(&app, "Pay rent").await;
    assert_eq!(socket.frame_of("notification").await["title"], "Pay rent");
    app.stop().await;
}

#[tokio::test]
async fn missed_notifications_follow_the_last_id_and_without_it_only_new_ones_arrive() {
    let app = App::start().await;
    for title in ["one", "two", "three"] {
        remind(&app, title).await;
    }
    let ids: Vec<i64> = app.list("/api/notifications").await.iter().map(|kept| kept["id"].as_i64().unwrap()).collect();
    let mut all = Socket::open(&app, Some(0)).await;
    let mut rest = Socket::open(&app, Some(ids[0])).await;
    let mut none = Socket::open(&app, Some(ids[2])).await;
    let mut fresh = Socket::open(&app, None).await;
    for (socket, expected) in
        [(&mut all, &["one", "two", "three"][..]), (&mut rest, &["two", "three"]), (&mut none, &[]), (&mut fresh, &[])]
    {
        for title in expected {
            assert_eq!(socket.frame_of("notification").await["title"], *title);
        }
        socket.ping().await;
    }
    remind(&app, "four").await;
    for socket in [&mut all, &mut rest, &mut none, &mut fresh] {
        assert_eq!(socket.frame_of("notification").await["title"], "four");
    }
    // A future id has nothing to resume: the client waits for it.
    let mut early = Socket::open(&app, Some(i64::MAX)).await;
    early.ping().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_notification_comes_once_and_in_order_while_many_fire_and_clients_come_and_go() {
    const REMINDERS: usize = 200;
    let app = App::start().await;
    let data = json!({ "title": "Pay rent", "due_date": in_seconds(600), "reminder_offset": "1 hour" });
    let batch: Vec<Value> = (0..REMINDERS)
        .map(|id| json!({ "specversion": "1.0", "id": id.to_string(), "source": "/tests", "type": "task.create", "data": data }))
        .collect();
    // Each reads this many frames before it disconnects and returns; the last one stays.
    let clients = [3, 7, 31, REMINDERS].map(async |patience| {
        let mut ids: Vec<i64> = Vec::new();
        while ids.len() < REMINDERS {
            let mut socket = Socket::open(&app, Some(ids.last().copied().unwrap_or(0))).await;
            for _ in 0..patience.min(REMINDERS - ids.len()) {
                ids.push(socket.frame_of("notification").await["id"].as_i64().unwrap());
            }
        }
        ids
    });
    let creating = app.call("POST", "/", &[("content-type", "application/cloudevents-batch+json")], json!(batch).to_string());
    let (seen, created) = tokio::time::timeout(PATIENCE, async { tokio::join!(join_all(clients), creating) }).await.unwrap();
    assert_eq!(created.is(200).json().as_array().unwrap().len(), REMINDERS);
    app.settled().await;
    let mut kept: Vec<i64> = Vec::new();
    loop {
        let page = app.list(&format!("/api/notifications?after={}", kept.last().copied().unwrap_or(0))).await;
        if page.is_empty() {
            break;
        }
        kept.extend(page.iter().map(|kept| kept["id"].as_i64().unwrap()));
    }
    assert_eq!(kept.len(), REMINDERS);
    for ids in seen {
        assert_eq!(ids, kept);
    }
    assert_eq!(app.list("/api/reminders?status=sent").await.len(), REMINDERS);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_does_not_delay_others() {
    /// Far more than the buffers between server and client hold.
    const TASKS: usize = 400;
    let app = App::start().await;
    let silent = Socket::open(&app, None).await;
    let mut reader = Socket::open(&app, None).await;
    let description = "€".repeat(10_000);
    let creating = async {
        for chunk in 0..TASKS / 20 {
            join_all((0..20).map(|task| {
                let (app, description) = (&app, &description);
                async move { app.create(&json!({ "title": format!("{chunk}/{task}"), "description": description })).await }
            }))
            .await;
        }
    };
    let reading = async {
        for _ in 0..TASKS {
            assert_eq!(reader.frame_of("update").await["event_type"], "task.created");
        }
        reader.ping().await;
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(creating, reading) }).await.unwrap();
    drop(silent);
    app.stop().await;
}

#[tokio::test]
async fn a_stop_closes_open_sockets_with_a_close_frame() {
    let app = App::start().await;
    let mut socket = Socket::open(&app, None).await;
    let goodbye = async { socket.frame_within(Duration::from_secs(20)).await };
    let (frame, ()) = tokio::join!(goodbye, app.stop());
    assert_eq!(frame, None);
    assert_eq!(socket.next().await, None);
}
