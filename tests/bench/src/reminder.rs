//! Lateness of reminders: when they fired (`triggered_at` in the database) and when they arrived on a WebSocket, compared with `scheduled_at`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use domain::Timestamp;
use domain::ambient::Clock;
use function::ambient::SystemClock;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use crate::client::Client;
use crate::load::Figures;
use crate::world::World;
use crate::{BoxError, report, work};

const ROWS: u32 = 10_000;
/// Numbers of reminders, and the microseconds between them.
const GROUPS: [(&str, u32, i64); 3] =
    [("spread over 12 s", 300, 40_000), ("at the same instant", 200, 0), ("at the same instant", 1_000, 0)];
/// Time to create the tasks of a group and to schedule their reminders: at least, and for each.
const AHEAD: Duration = Duration::from_secs(8);
const AHEAD_EACH: Duration = Duration::from_millis(25);
const LOOK: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_mins(2);

const SCHEDULED: &str = "SELECT count(*) FROM reminders WHERE task_id = ANY($1)";
const FIRED: &str = "SELECT task_id, (extract(epoch FROM triggered_at) * 1000000)::bigint FROM reminders \
     WHERE task_id = ANY($1) AND triggered_at IS NOT NULL";

pub(crate) async fn run() -> Result<(), BoxError> {
    let world = World::new(ROWS).await?;
    let taskflow = world.taskflow().await?;
    report::setting(&format!("Reminders: lateness against scheduled_at; {}", world.setting().await?));
    report::head(&["reminders", "due", "tasks", "fired p50", "p99", "max", "arrived on a WebSocket p50", "p99", "max"]);
    for (name, count, apart) in GROUPS {
        let first = SystemClock.now().as_microsecond() + i64::try_from((AHEAD + AHEAD_EACH * count).as_micros())?;
        let mut socket = socket(taskflow.address).await?;
        let due = tasks(taskflow.address, (0..i64::from(count)).map(|number| first + number * apart).collect()).await?;
        let ids: Vec<i64> = due.keys().copied().collect();
        while sqlx::query_scalar::<_, i64>(SCHEDULED).bind(&ids).fetch_one(world.store.pool()).await? < i64::from(count) {
            if SystemClock.now().as_microsecond() >= first {
                return Err("creating the tasks and scheduling their reminders took too long".into());
            }
            tokio::time::sleep(LOOK).await;
        }
        let arrived = tokio::time::timeout(WAIT_MAX, arrivals(&mut socket, due.len())).await??;
        let fired: Vec<(i64, i64)> = sqlx::query_as(FIRED).bind(ids).fetch_all(world.store.pool()).await?;
        if fired.len() != due.len() {
            return Err(format!("{} of {} reminders fired", fired.len(), due.len()).into());
        }
        let late = |(task, moment): (i64, i64)| {
            Duration::from_micros(u64::try_from(moment - due.get(&task).copied().unwrap_or(moment)).unwrap_or(0))
        };
        let cells = [Figures::of(fired.into_iter().map(late))?.cells(), Figures::of(arrived.into_iter().map(late))?.cells()].concat();
        report::row(&[vec![count.to_string(), name.to_owned(), ROWS.to_string()], cells].concat());
    }
    report::end();
    drop(taskflow);
    world.stop().await
}

type Socket = WebSocketStream<TcpStream>;

async fn socket(address: SocketAddr) -> Result<Socket, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (socket, _) = tokio_tungstenite::client_async(format!("ws://{address}/ws/notifications"), stream).await?;
    Ok(socket)
}

/// Creates a task with a reminder for each of these moments, and returns the moments by task.
async fn tasks(address: SocketAddr, moments: Vec<i64>) -> Result<HashMap<i64, i64>, BoxError> {
    const MAKERS: usize = 8;
    let mut makers = Vec::new();
    for part in moments.chunks(moments.len().div_ceil(MAKERS)) {
        let part = part.to_vec();
        makers.push(tokio::spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut made = Vec::new();
            for moment in part {
                let task = json!({ "title": "Stand up", "due_date": Timestamp::from_microsecond(moment)?, "reminder_offset": "0 minutes" });
                made.push((work::id_of(&client.call(work::create(&task)).await?).ok_or("a task without an id")?, moment));
            }
            Ok::<_, BoxError>(made)
        }));
    }
    let mut all = HashMap::new();
    for maker in makers {
        all.extend(maker.await??);
    }
    Ok(all)
}

/// Returns when each task's notification arrived.
async fn arrivals(socket: &mut Socket, count: usize) -> Result<Vec<(i64, i64)>, BoxError> {
    let mut arrived = Vec::new();
    while arrived.len() < count {
        let message = socket.next().await.ok_or("the WebSocket was closed")??;
        let now = SystemClock.now().as_microsecond();
        let Ok(text) = message.to_text() else { continue };
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        if let ("notification", Some(task)) = (message["type"].as_str().unwrap_or_default(), message["task_id"].as_i64()) {
            arrived.push((task, now));
        }
    }
    Ok(arrived)
}
