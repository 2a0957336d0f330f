//! The reference: a bare hyper server with one query of the same kind per call, and the same rows as JSON. The ratio to it shows the cost of
//! Taskflow's routes, checks, totals, events and ranking.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use sqlx::postgres::{PgPoolOptions, PgRow};
use sqlx::{Column, Decode, PgPool, Postgres, Row, TypeInfo};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{BoxError, report};

/// Its name on the command line.
pub(crate) const COMMAND: &str = "floor";

/// The same number of connections as Taskflow.
const POOL: u32 = 16;

const NEW: &str = "WITH created AS (INSERT INTO tasks (title, title_key, description, time_zone, recurrence, recurrence_from, recurrence_number, \
     priority, tags, status, version, created_at, updated_at) VALUES ($1, $1, '', 'UTC', 'none', 'due', 1, 1, '{}', 'pending', 1, now(), now()) \
     RETURNING *), found_by AS (INSERT INTO task_search SELECT id, $2, $2 || E'\\n ' FROM created) ";

/// The statements, each for the columns of a task.
struct Statements {
    get: String,
    list: String,
    search: String,
    create: String,
    complete: String,
}

static SQL: LazyLock<Statements> = LazyLock::new(|| {
    let columns = store::TASK_COLUMNS.join(", ");
    Statements {
        get: format!("SELECT {columns} FROM tasks WHERE id = $1"),
        list: format!("SELECT {columns} FROM tasks ORDER BY created_at DESC, id DESC LIMIT 50"),
        search: format!("SELECT {columns} FROM task_search JOIN tasks ON id = task_id WHERE folded_text LIKE $1 LIMIT 50"),
        create: format!("{NEW}SELECT {columns} FROM created"),
        complete: format!(
            "UPDATE tasks SET status = 'completed', completed_at = now(), updated_at = now(), version = version + 1 WHERE id = $1 RETURNING {columns}"
        ),
    }
});

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
        (&Method::GET, _, Some(id)) => json(&Task(&sqlx::query(&*SQL.get).bind(id).fetch_one(pool).await?))?,
        (&Method::GET, _, None) => json(&tasks(&sqlx::query(&*SQL.list).fetch_all(pool).await?))?,
        (_, "/api/tasks/search", _) => {
            let body: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
            let pattern = format!("%{}%", body["query"].as_str().unwrap_or_default());
            let rows = sqlx::query(&*SQL.search).bind(pattern).fetch_all(pool).await?;
            json(&Found { results: tasks(&rows), total_count: rows.len() })?
        }
        (_, _, None) => {
            status = StatusCode::CREATED;
            let body: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
            let title = body["title"].as_str().unwrap_or_default().to_lowercase();
            let row = sqlx::query(&*SQL.create).bind(&title).bind(format!(" {title} ")).fetch_one(pool).await?;
            json(&Task(&row))?
        }
        (_, _, Some(id)) => json(&Task(&sqlx::query(&*SQL.complete).bind(id).fetch_one(pool).await?))?,
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

/// A row as JSON, borrowed; times in the database's form, which costs least.
struct Task<'r>(&'r PgRow);

impl Serialize for Task<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(self.0.len()))?;
        for column in self.0.columns() {
            let (name, index) = (column.name(), column.ordinal());
            match column.type_info().name() {
                "TEXT" => fields.serialize_entry(name, &self.get::<Option<&str>, S>(index)?),
                "TEXT[]" => fields.serialize_entry(name, &self.get::<Option<Vec<String>>, S>(index)?),
                "INT2" => fields.serialize_entry(name, &self.get::<Option<i16>, S>(index)?),
                "UUID" => fields.serialize_entry(name, &self.get::<Option<Uuid>, S>(index)?),
                // Days since 2000.
                "DATE" => fields.serialize_entry(name, &self.get::<Option<i32>, S>(index)?),
                "BOOL" => fields.serialize_entry(name, &self.get::<Option<bool>, S>(index)?),
                _ => fields.serialize_entry(name, &self.get::<Option<i64>, S>(index)?),
            }?;
        }
        fields.end()
    }
}

impl<'r> Task<'r> {
    fn get<T: Decode<'r, Postgres>, S: Serializer>(&self, index: usize) -> Result<T, S::Error> {
        self.0.try_get_unchecked(index).map_err(serde::ser::Error::custom)
    }
}

#[derive(Serialize)]
struct Found<'r> {
    results: Vec<Task<'r>>,
    total_count: usize,
}

fn tasks(rows: &[PgRow]) -> Vec<Task<'_>> {
    rows.iter().map(Task).collect()
}
