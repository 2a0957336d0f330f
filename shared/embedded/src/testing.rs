//! A fresh database for each test, in a few milliseconds.
//!
//! Each test process runs one server, on a copy of a folder that was initialised once for this user. The server starts with the first
//! database. When the process ends in any way, the server stops and its folder is removed, because the server depends on a pipe that closes
//! with the process. With `DATABASE_URL` set, the databases are created on that server instead.
//!
//! ```text
//! async fn database() -> TestDatabase {
//!     TestDatabase::new(|url| async move { migrate(&url).await }).await.unwrap()
//! }
//! ```
//!
//! No part depends on a runtime, so tests with separate runtimes can share the server.

use std::{
    any::TypeId,
    collections::HashMap,
    env,
    error::Error,
    ffi::OsStr,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    thread,
};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{runtime, sync::OnceCell};

use crate::postgres::{Address, Cluster, PostgresError, Programs, Server, cache, layout_name, random_hex, url, wait_for_lock};

const SCRATCH: &str = include_str!("postgres/scratch.sh");

/// Age at which a run drops databases that a killed test left on the server of `DATABASE_URL`.
const LEFTOVER_SECONDS: i64 = 3600;

/// Why there is no test database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestDatabaseError {
    /// The test server did not start.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The server refused to create a database.
    #[error("creating a test database: {0}")]
    Database(#[from] sqlx::Error),
    /// The caller's preparation failed.
    #[error("preparing a test database: {0}")]
    Prepare(Box<dyn Error + Send + Sync>),
}

/// A database for one test, dropped together with this value.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    name: String,
    server: PgConnectOptions,
}

impl TestDatabase {
    /// Creates a database that `prepare` has filled, given its URL, usually with the migrations.
    ///
    /// On the embedded server `prepare` runs once per process and closure, and each database is a copy of the result. On the server of
    /// `DATABASE_URL`, where a template would be left behind, it runs each time.
    ///
    /// # Errors
    ///
    /// The server does not start or refuses, or `prepare` fails.
    pub async fn new<F, P, E>(prepare: F) -> Result<Self, TestDatabaseError>
    where
        F: FnOnce(String) -> P + 'static,
        P: Future<Output = Result<(), E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let host = HOST.get_or_try_init(Host::find).await?;
        if host.is_external() {
            let database = host.create("template1").await?;
            prepare(database.url.clone()).await.map_err(|error| TestDatabaseError::Prepare(error.into()))?;
            return Ok(database);
        }
        let template = template_cell(TypeId::of::<F>());
        let template = template.get_or_try_init(|| host.template(prepare)).await?;
        host.create(template).await
    }

    /// Returns the URL of the database, password included.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TestDatabase {
    /// Closes remaining connections, and drops the database. Waits for it on a separate thread, because the test's runtime may be ending.
    fn drop(&mut self) {
        let server = self.server.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropping = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&server, statement))
        });
        match dropping.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!("cannot drop the test database {}: {error}", self.name);
            }
            Err(_) => tracing::warn!("dropping the test database {} panicked", self.name),
        }
    }
}

static HOST: OnceCell<Host> = OnceCell::const_new();

type Templates = Mutex<HashMap<TypeId, Arc<OnceCell<String>>>>;
static TEMPLATES: LazyLock<Templates> = LazyLock::new(Templates::default);

fn template_cell(closure: TypeId) -> Arc<OnceCell<String>> {
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(templates.entry(closure).or_default())
}

/// The server of all test databases of this process.
struct Host {
    options: PgConnectOptions,
    embedded: Option<Server>,
}

impl Host {
    async fn find() -> Result<Self, TestDatabaseError> {
        match env::var("DATABASE_URL") {
            Ok(url) => Self::external(&url).await,
            Err(_) => Self::embedded().await,
        }
    }

    async fn external(url: &str) -> Result<Self, TestDatabaseError> {
        let options: PgConnectOptions = url.parse()?;
        drop_leftovers(&options).await?;
        Ok(Self { options, embedded: None })
    }

    async fn embedded() -> Result<Self, TestDatabaseError> {
        let server = start_scratch_server().await?;
        Ok(Self { options: server.options("postgres"), embedded: Some(server) })
    }

    fn is_external(&self) -> bool {
        self.embedded.is_none()
    }

    fn url(&self, database: &str) -> String {
        match &self.embedded {
            Some(server) => url(&server.options(database)),
            None => self.options.clone().database(database).to_url_lossy().into(),
        }
    }

    async fn create(&self, template: &str) -> Result<TestDatabase, TestDatabaseError> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let now: i64 = sqlx::query_scalar("SELECT extract(epoch FROM now())::bigint").fetch_one(&mut connection).await?;
        let name = format!("taskflow_test_{now}_{}", random_hex::<8>()?);
        let statement = AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}"));
        sqlx::query(statement).execute(&mut connection).await?;
        connection.close().await?;
        Ok(TestDatabase { url: self.url(&name), name, server: self.options.clone() })
    }

    /// Creates a template database. PostgreSQL copies only a database without connections.
    async fn template<F, P, E>(&self, prepare: F) -> Result<String, TestDatabaseError>
    where
        F: FnOnce(String) -> P,
        P: Future<Output = Result<(), E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let name = format!("template_{}", random_hex::<8>()?);
        execute(&self.options, format!("CREATE DATABASE {name}")).await?;
        prepare(self.url(&name)).await.map_err(|error| TestDatabaseError::Prepare(error.into()))?;
        execute(&self.options, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await?;
        let end = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
        execute(&self.options, end).await?;
        Ok(name)
    }
}

async fn start_scratch_server() -> Result<Server, PostgresError> {
    let programs = Programs::get().await?;
    let original = laid_out(&programs).await?;
    let copy = original.at(scratch_folder()?);
    let words = ["sh", "-c", SCRATCH, "scratch"].map(OsStr::new);
    let folders = [original.folder().as_os_str(), copy.folder().as_os_str()];
    Server::start_once(&programs, &copy, Address::choose(copy.folder())?, &[&words[..], &folders[..]].concat()).await
}

async fn laid_out(programs: &Programs) -> Result<Cluster, PostgresError> {
    let cache = cache()?;
    let _lock = wait_for_lock(&cache.join("cluster.lock")).await?;
    Cluster::open_or_create(programs, &cache, &layout_name()).await
}

fn scratch_folder() -> Result<PathBuf, PostgresError> {
    let temporary = env::temp_dir();
    let temporary = temporary.canonicalize().unwrap_or(temporary);
    Ok(temporary.join(format!("taskflow-test-{}", random_hex::<8>()?)))
}

async fn drop_leftovers(server: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(server).await?;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE datname ~ '^taskflow_test_[0-9]+_[0-9a-f]+$'
         AND split_part(datname, '_', 3)::bigint < extract(epoch FROM now()) - $1",
    )
    .bind(LEFTOVER_SECONDS)
    .fetch_all(&mut connection)
    .await?;
    for name in names {
        let statement = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        sqlx::query(statement).execute(&mut connection).await?;
    }
    connection.close().await
}

async fn execute(server: &PgConnectOptions, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(server).await?;
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}
