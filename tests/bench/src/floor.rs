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
use serde_json::{Value, json};
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
        "id, title, description, extract(epoch FROM due_date)::float8, time_zone, recurrence, recurrence_rule, recurrence_from, priority, tags, status, \
         extract(epoch FROM completed_at)::float8, parent_task_id, reminder_offset, version, extract(epoch FROM created_at)::float8, \
         extract(epoch FROM updated_at)::float8"
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
    report::progress(&json!({ "address": listener.local_addr()?.to_string() }).to_string());
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
        (&Method::GET, _, Some(id)) => task(&sqlx::query(GET).bind(id).fetch_one(pool).await?)?,
        (&Method::GET, _, None) => tasks(&sqlx::query(LIST).fetch_all(pool).await?)?,
        (_, "/api/tasks/search", _) => {
            let body: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
            let pattern = format!("%{}%", body["query"].as_str().unwrap_or_default());
            let results = tasks(&sqlx::query(SEARCH).bind(pattern).fetch_all(pool).await?)?;
            json!({ "total_count": results.as_array().map_or(0, Vec::len), "results": results })
        }
        (_, _, None) => {
            status = StatusCode::CREATED;
            let body: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
            let title = body["title"].as_str().unwrap_or_default().to_lowercase();
            let row = sqlx::query(CREATE).bind(&title).bind(format!(" {title} ")).fetch_one(pool).await?;
            task(&row)?
        }
        (_, _, Some(id)) => task(&sqlx::query(COMPLETE).bind(id).fetch_one(pool).await?)?,
    };
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    Ok(response.body(Full::new(serde_json::to_vec(&body)?.into()))?)
}

fn failed(error: &BoxError) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(error.to_string().into()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn tasks(rows: &[PgRow]) -> Result<Value, sqlx::Error> {
    rows.iter().map(task).collect()
}

fn task(row: &PgRow) -> Result<Value, sqlx::Error> {
    Ok(json!({
        "id": row.try_get::<i64, _>(0)?,
        "title": row.try_get::<&str, _>(1)?,
        "description": row.try_get::<&str, _>(2)?,
        "due_date": row.try_get::<Option<f64>, _>(3)?,
        "time_zone": row.try_get::<&str, _>(4)?,
        "recurrence": row.try_get::<&str, _>(5)?,
        "recurrence_rule": row.try_get::<Option<&str>, _>(6)?,
        "recurrence_from": row.try_get::<&str, _>(7)?,
        "priority": row.try_get::<i16, _>(8)?,
        "tags": row.try_get::<Vec<String>, _>(9)?,
        "status": row.try_get::<&str, _>(10)?,
        "completed_at": row.try_get::<Option<f64>, _>(11)?,
        "parent_task_id": row.try_get::<Option<i64>, _>(12)?,
        "reminder_offset": row.try_get::<Option<&str>, _>(13)?,
        "version": row.try_get::<i64, _>(14)?,
        "created_at": row.try_get::<f64, _>(15)?,
        "updated_at": row.try_get::<f64, _>(16)?,
    }))
}
