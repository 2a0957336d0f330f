//! Taskflow's share of a chat turn: everything except the model.
//!
//! The model is a stand-in on this machine that answers immediately. A figure is the whole turn as its caller waits for it: reading the conversation,
//! calling the model once or twice over HTTP, the tool, and two writes of the conversation. It includes the time of the stand-in and the client, so
//! it is an upper bound.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::client::{Call, Client};
use crate::load::Figures;
use crate::world::World;
use crate::{BoxError, report};

const ROWS: u32 = 10_000;
const TURNS: u32 = 400;
const WARM_UP: u32 = 20;
/// Turns of one conversation, which grows with each.
const OF_ONE: u32 = 25;

/// A kind of turn: its name, the message, and the tool that the model calls.
const KINDS: [(&str, &str, Option<&str>); 4] = [
    ("an answer", "hello", None),
    ("a task made, then an answer", "make", Some("create_task")),
    ("20 tasks listed, then an answer", "list", Some("list_tasks")),
    ("a word searched, then an answer", "find", Some("search_tasks")),
];

pub(crate) async fn run() -> Result<(), BoxError> {
    let world = World::new(ROWS).await?;
    let model = format!("http://{}", stand_in().await?);
    let taskflow = world.taskflow_with(&[("GEMINI_API_KEY", "bench"), ("GEMINI_BASE_URL", &model)]).await?;
    let setting = world.setting().await?;
    report::setting(&format!("A chat turn as its caller waits for it, the model a stand-in that answers at once; {ROWS} tasks; {setting}"));
    report::head(&["a turn", "turns", "conversations of", "p50", "p99", "max"]);
    for (name, message, _) in KINDS {
        let times = turns(taskflow.address, message).await?;
        let figures = Figures::of(times)?;
        let [p50, p99, max] = figures.cells();
        report::row(&[name.to_owned(), figures.count().to_string(), format!("up to {OF_ONE} turns"), p50, p99, max]);
    }
    report::end();
    drop(taskflow);
    world.stop().await
}

async fn turns(address: SocketAddr, message: &str) -> Result<Vec<Duration>, BoxError> {
    let mut client = Client::connect(address).await?;
    let mut times = Vec::new();
    for number in 0..WARM_UP + TURNS {
        let body = json!({ "message": message, "conversation_id": format!("bench-{message}-{}", number / OF_ONE) });
        let begin = Instant::now();
        let answer = client.call(Call::post("/api/chat", body.to_string())).await?;
        let time = begin.elapsed();
        let answer: Value = serde_json::from_slice(&answer)?;
        if answer["response"] != "Done." {
            return Err(format!("not the answer of the stand-in: {answer}").into());
        }
        if number >= WARM_UP {
            times.push(time);
        }
    }
    Ok(times)
}

/// A model that calls the message's tool, and then ends.
async fn stand_in() -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let service = hyper::service::service_fn(answer);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let last =
        body["contents"].as_array().and_then(|contents| contents.last()).map(|content| content["parts"][0].clone()).unwrap_or_default();
    let tool = KINDS.iter().find(|(_, message, _)| last["text"] == *message).and_then(|(_, _, tool)| *tool);
    let part = match tool {
        Some(tool) => {
            let args = match tool {
                "create_task" => json!({ "title": "Water the plants", "due_date": "2199-01-01T09:00", "tags": ["home"] }),
                "search_tasks" => json!({ "query": crate::seed::RARE }),
                _ => json!({}),
            };
            json!({ "functionCall": { "id": "call", "name": tool, "args": args }, "thoughtSignature": "YmVuY2g=" })
        }
        None => json!({ "text": "Done." }),
    };
    let answer = json!({ "candidates": [{ "content": { "role": "model", "parts": [part] }, "finishReason": "STOP", "index": 0 }] });
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}
