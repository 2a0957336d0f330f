//! The environment of a benchmark: a database in a temporary folder, and programs on it in processes of their own; or a running Taskflow, if
//! `TASKFLOW_ADDRESS` and `DATABASE_URL` are set.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use embedded::postgres::Postgres;
use serde_json::Value;
use store::Store;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::{BoxError, floor, seed};

/// Connections of the benchmark itself.
const POOL: u32 = 2;

/// A database with this many tasks.
pub(crate) struct World {
    pub(crate) store: Store,
    url: String,
    postgres: Option<Postgres>,
    _folder: TempDir,
    /// The running Taskflow, if there is one.
    there: Option<SocketAddr>,
}

impl World {
    pub(crate) async fn new(rows: u32) -> Result<Self, BoxError> {
        let folder = tempfile::Builder::new().prefix("taskflow-bench-").tempdir()?;
        let there = std::env::var("TASKFLOW_ADDRESS").ok().map(|address| address.parse()).transpose()?;
        let (url, postgres) = if there.is_some() {
            (std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL: the database of the Taskflow at TASKFLOW_ADDRESS")?, None)
        } else {
            let postgres = Postgres::start(folder.path()).await?;
            (postgres.url().to_owned(), Some(postgres))
        };
        let store = Store::connect_lazy(&url, POOL)?;
        store.migrate().await?;
        seed::tasks(store.pool(), rows).await?;
        Ok(Self { store, url, postgres, _folder: folder, there })
    }

    /// Returns Taskflow on this database.
    pub(crate) async fn taskflow(&self) -> Result<Program, BoxError> {
        if let Some(address) = self.there {
            return Ok(Program { address, child: None });
        }
        self.start(&program("taskflow")?, []).await
    }

    /// Starts a Taskflow with these settings on this database.
    pub(crate) async fn taskflow_with(&self, settings: &[(&str, &str)]) -> Result<Program, BoxError> {
        let mut command = Command::new(program("taskflow")?);
        Program::start(command.env_clear().env("DATABASE_URL", &self.url).envs(settings.iter().copied())).await
    }

    /// Starts the reference on this database.
    pub(crate) async fn floor(&self) -> Result<Program, BoxError> {
        self.start(&std::env::current_exe()?, [OsStr::new(floor::COMMAND)]).await
    }

    pub(crate) async fn start<const N: usize>(&self, path: &Path, arguments: [&OsStr; N]) -> Result<Program, BoxError> {
        Program::start(Command::new(path).args(arguments).env_clear().env("DATABASE_URL", &self.url)).await
    }

    /// Describes the database.
    pub(crate) async fn setting(&self) -> Result<String, BoxError> {
        let query = "SELECT format('PostgreSQL %s, fsync %s, synchronous_commit %s', current_setting('server_version'), \
             current_setting('fsync'), current_setting('synchronous_commit'))";
        let database: String = sqlx::query_scalar(query).fetch_one(self.store.pool()).await?;
        let parts = if self.there.is_some() { "Dapr and Kafka, a process for each function" } else { "one process" };
        Ok(format!("{parts}; {database}"))
    }

    pub(crate) async fn stop(self) -> Result<(), BoxError> {
        self.store.pool().close().await;
        match self.postgres {
            Some(postgres) => Ok(postgres.stop().await?),
            None => Ok(()),
        }
    }
}

/// A running program that listens; dropping it kills it.
///
/// Uses the standard library's `Child`, because tokio's would enable a feature that the programs under test, built together with this one, do not
/// have.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    /// `None` if another process owns it.
    child: Option<Child>,
}

impl Program {
    /// Starts a program and waits until it reports its address.
    async fn start(command: &mut Command) -> Result<Self, BoxError> {
        let command = command.env("PORT", "0").env("TASKFLOW_BIND", "127.0.0.1");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("no standard error")?;
        let (found, address) = oneshot::channel();
        std::thread::spawn(move || read_log(stderr, found));
        // Killed even if it does not listen.
        let mut program = Self { address: SocketAddr::from(([0, 0, 0, 0], 0)), child: Some(child) };
        program.address = address.await?.map_err(|said| format!("the program ended without listening: {said}"))?;
        Ok(program)
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Reads a program's log to its end, so that it can continue to log. Returns its address, or its last lines if it does not listen.
fn read_log(log: ChildStderr, found: oneshot::Sender<Result<SocketAddr, String>>) {
    let mut found = Some(found);
    let mut said = String::new();
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if found.is_some() {
            if let Some(address) = address(&line) {
                found.take().map(|found| found.send(Ok(address)));
            }
            said = line;
        }
    }
    found.map(|found| found.send(Err(said)));
}

fn address(line: &str) -> Option<SocketAddr> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let address = entry["address"].as_str().or_else(|| Some(entry["message"].as_str()?.split_once("is at http://")?.1));
    address?.parse().ok()
}

/// Returns the path of a release binary: beside this one, or beside `TASKFLOW_BIN`.
pub(crate) fn program(name: &str) -> Result<PathBuf, BoxError> {
    let beside = match std::env::var_os("TASKFLOW_BIN") {
        Some(taskflow) => PathBuf::from(taskflow),
        None => std::env::current_exe()?,
    };
    let path = beside.with_file_name(name);
    if path.is_file() { Ok(path) } else { Err(format!("{} is missing: cargo build --release -p {name}", path.display()).into()) }
}
