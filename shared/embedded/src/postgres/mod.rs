//! The embedded PostgreSQL: a real server for one process, with its data in one folder that outlives it.
//!
//! [`Postgres::start`] downloads PostgreSQL's programs once into the user's cache, lays the data out once, and runs a
//! server that listens where only this user, or only this machine, can reach it. A killed process takes its server
//! along: a small shell (keeper.sh) waits for the end of a pipe and then stops the server. What even that leaves
//! behind, the next start clears away.
//!
//! ```text
//! the user's cache/taskflow/postgresql-18.6.0/   bin, lib, share: shared by all folders of data and all tests
//! <data folder>/postgresql.lock                  held while a Taskflow runs
//! <data folder>/postgresql/                      data, password, server.log, the socket
//! ```
//!
//! To change a setting of the server, see `SETTINGS` in server.rs; to bring a newer PostgreSQL, `VERSION` in programs.rs.

mod cluster;
mod error;
mod file_lock;
mod programs;
mod server;

use std::{convert::Infallible, fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path, time::Duration};

use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};

pub use self::error::PostgresError;
pub(crate) use self::{
    cluster::{Cluster, layout_name, random_hex},
    programs::{Programs, cache, wait_for_lock},
    server::{Address, Server},
};
use self::{error::file_error, file_lock::FileLock};

const DATABASE: &str = "taskflow";

/// How often it is asked whether the server is still there.
const KEEP_POLL: Duration = Duration::from_secs(1);
/// The longest pause between two tries to start it again.
const KEEP_PAUSE_MAX: Duration = Duration::from_mins(1);

/// A running PostgreSQL that belongs to this process. Stop it with [`Postgres::stop`]; a value that is merely dropped,
/// and a process that is killed, stop it too, but nobody waits for that.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    programs: Programs,
    cluster: Cluster,
    server: Server,
    _lock: FileLock, // let go last, when the server is stopped
}

impl Postgres {
    /// Starts a PostgreSQL on the data in `data_dir`, which is created if it is missing, and waits until it answers.
    ///
    /// The first start of a user downloads 15 MB and takes some seconds; a later one takes a fraction of a second,
    /// and more after a crash.
    ///
    /// # Errors
    ///
    /// Each [`PostgresError`] says what to do, among them: another process uses `data_dir`, it holds data of another
    /// major version, the download failed, or the process is root where root cannot be left.
    pub async fn start(data_dir: &Path) -> Result<Self, PostgresError> {
        let lock = claim(data_dir)?;
        let programs = Programs::get().await?;
        let cluster = Cluster::open_or_create(&programs, data_dir, "postgresql").await?;
        let server = Server::start(&programs, &cluster, Address::choose(cluster.folder())?).await?;
        create_database(&server).await?;
        let url = url(&server.options(DATABASE));
        Ok(Self { url, programs, cluster, server, _lock: lock })
    }

    /// Where the database `taskflow` is, password included: for sqlx, psql and everything else that takes such a URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts the server again whenever it ends by itself, at the same URL, for as long as this is polled: one that was killed, or that the
    /// system took for want of memory, recovers everything that was committed.
    pub async fn keep(&mut self) -> Infallible {
        let mut pause = KEEP_POLL;
        loop {
            tokio::time::sleep(pause).await;
            pause = match self.revive().await {
                Ok(()) => KEEP_POLL,
                Err(error) => {
                    tracing::error!("PostgreSQL is tried again: {error}");
                    (pause * 2).min(KEEP_PAUSE_MAX)
                }
            };
        }
    }

    async fn revive(&mut self) -> Result<(), PostgresError> {
        if let Some(last_words) = self.server.last_words()? {
            tracing::error!("PostgreSQL ended, and is started again; the end of its log said: {last_words}");
            self.server = Server::start(&self.programs, &self.cluster, self.server.address().clone()).await?;
            tracing::info!("PostgreSQL is back");
        }
        Ok(())
    }

    /// Stops the server and waits for it, half a minute at most. Open connections are cut off, so close pools first.
    ///
    /// # Errors
    ///
    /// The server ended badly or not in time; one that had ended before is none. Everything committed is safe all the same.
    pub async fn stop(self) -> Result<(), PostgresError> {
        self.server.stop().await
    }
}

/// Takes the data folder for this process.
fn claim(data_dir: &Path) -> Result<FileLock, PostgresError> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(file_error("create", data_dir))?;
    FileLock::take(&data_dir.join("postgresql.lock"))?.ok_or_else(|| PostgresError::InUse(data_dir.to_owned()))
}

async fn create_database(server: &Server) -> Result<(), PostgresError> {
    let mut connection = store::connect(&server.options("postgres")).await?;
    let exists = sqlx::query("SELECT FROM pg_database WHERE datname = 'taskflow'").fetch_optional(&mut connection).await?;
    if exists.is_none() {
        sqlx::query("CREATE DATABASE taskflow").execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// The options as a URL without what only sqlx understands.
pub(crate) fn url(options: &PgConnectOptions) -> String {
    let mut url = options.to_url_lossy();
    url.set_query(Some("sslmode=disable"));
    url.into()
}
