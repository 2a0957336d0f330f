//! The floor: a bare hyper server with one query of the same kind for each call, and the same rows as JSON. What Taskflow does
//! beside (routes, checks, totals, events, the search's ranking) is what the ratio to it shows.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::{PgPoolOptions, PgRow};
use sqlx::{PgPool, Row};
use tokio::net::TcpListener;

use crate::{BoxError, report};

/// The word for it on the command line.
pub(crate) const COMMAND: &str = "floor";

/// As many connections as Taskflow has.
const POOL: u32 = 16;

macro_rules! columns {
    () => {
        "id, title, description, due_date, time_zone, recurrence, recurrence_rule, recurrence_from, priority, tags, status, completed_at, \
         parent_task_id, reminder_offset, version, created_at, updated_at"
    };
}

const GET: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1");
const LIST: &str = concat!("SELECT ", columns!(), " FROM tasks ORDER BY created_at DESC, id DESC LIMIT 50");
const SEARCH: &str = concat!("SELECT ", columns!(), " FROM task_search JOIN tasks ON id = task_id WHERE folded_text LIKE $1 LIMIT 50");
const CREATE: &str = concat!(
    "WITH created AS (INSERT INTO tasks (title, title_key, description, time_zone, recurrence, recurrence_from, recurrence_number, priority, tags, status, \
     version, created_at, updated_at) VALUES ($1, $1, '', 'UTC', 'none', 'due', 1, 1, '{}', 'pending', 1, now(), now()) RETURNING *), \
     found_by AS (INSERT INTO task_search SELECT id, $2, $2 || E'\\n ' FROM created) SELECT ",
    columns!(),
    " FROM created"
);
const COMPLETE: &str = concat!(
    "UPDATE tasks SET status = 'completed', completed_at = now(), updated_at = now(), version = version + 1 WHERE id = $1 RETURNING ",
    columns!()
);

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<(), BoxError> {
    let url = std::env::var("DATABASE_URL")?;
    let options = PgPoolOptions::new().max_connections(POOL).test_before_acquire(false).acquire_timeout(Duration::from_mins(1));
    let pool = Arc::new(options.connect(&url).await?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    report::progress(&format!("{{\"address\":\"{}\"}}", listener.local_addr()?));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let pool = pool.clone();
        let service = service_fn(move |request| {
            let pool = pool.clone();
            async move { Ok::<_, Infallible>(answer(&pool, request).await.unwrap_or_else(|error| failed(&error))) }
        });
        tokio::spawn(async move { drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await) });
    }
}

async fn answer(pool: &PgPool, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
    let (parts, body) = request.into_parts();
    let (path, mut status) = (parts.uri.path(), StatusCode::OK);
    let id = |text: Option<&str>| text.and_then(|text| text.split('/').next()?.parse::<i64>().ok());
    let one = id(path.strip_prefix("/api/tasks/"));
    let body = match (&parts.method, path, one) {
        (&Method::GET, _, Some(id)) => json(&Task::of(&sqlx::query(GET).bind(id).fetch_one(pool).await?)?)?,
        (&Method::GET, _, None) => json(&tasks(&sqlx::query(LIST).fetch_all(pool).await?)?)?,
        (_, "/api/tasks/search", _) => {
            let body: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
            let pattern = format!("%{}%", body["query"].as_str().unwrap_or_default());
            let rows = sqlx::query(SEARCH).bind(pattern).fetch_all(pool).await?;
            json(&Found { results: tasks(&rows)?, total_count: rows.len() })?
        }
        (_, _, None) => {
            status = StatusCode::CREATED;
            let body: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
            let title = body["title"].as_str().unwrap_or_default().to_lowercase();
            let row = sqlx::query(CREATE).bind(&title).bind(format!(" {title} ")).fetch_one(pool).await?;
            json(&Task::of(&row)?)?
        }
        (_, _, Some(id)) => json(&Task::of(&sqlx::query(COMPLETE).bind(id).fetch_one(pool).await?)?)?,
    };
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    Ok(response.body(body)?)
}

fn failed(error: &BoxError) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(error.to_string().into()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn json(value: &impl Serialize) -> Result<Full<Bytes>, BoxError> {
    Ok(Full::new(serde_json::to_vec(value)?.into()))
}

/// A row, borrowed; times as the database sends them, which is less work than any other form.
#[derive(Serialize)]
struct Task<'r> {
    id: i64,
    title: &'r str,
    description: &'r str,
    due_date: Option<i64>,
    time_zone: &'r str,
    recurrence: &'r str,
    recurrence_rule: Option<&'r str>,
    recurrence_from: &'r str,
    priority: i16,
    tags: Vec<String>,
    status: &'r str,
    completed_at: Option<i64>,
    parent_task_id: Option<i64>,
    reminder_offset: Option<&'r str>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

#[derive(Serialize)]
struct Found<'r> {
    results: Vec<Task<'r>>,
    total_count: usize,
}

fn tasks(rows: &[PgRow]) -> Result<Vec<Task<'_>>, sqlx::Error> {
    rows.iter().map(Task::of).collect()
}

impl<'r> Task<'r> {
    fn of(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            title: row.try_get(1)?,
            description: row.try_get(2)?,
            due_date: row.try_get_unchecked(3)?,
            time_zone: row.try_get(4)?,
            recurrence: row.try_get(5)?,
            recurrence_rule: row.try_get(6)?,
            recurrence_from: row.try_get(7)?,
            priority: row.try_get(8)?,
            tags: row.try_get(9)?,
            status: row.try_get(10)?,
            completed_at: row.try_get_unchecked(11)?,
            parent_task_id: row.try_get(12)?,
            reminder_offset: row.try_get(13)?,
            version: row.try_get(14)?,
            created_at: row.try_get_unchecked(15)?,
            updated_at: row.try_get_unchecked(16)?,
        })
    }
}
