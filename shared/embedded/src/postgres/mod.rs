//! The embedded PostgreSQL: a real server for one process, with its data in one folder that outlives it.
//!
//! [`Postgres::start`] downloads PostgreSQL's programs once into the user's cache, initialises the data once, and runs a server that only this user,
//! or only this machine, can reach. A killed process takes its server along: a small shell (keeper.sh) waits for the end of a pipe and then stops the
//! server. If the keeper was killed as well, the next start stops the server.
//!
//! ```text
//! the user's cache/taskflow/postgresql-18.6.0/   bin, lib, share: shared by all folders of data and all tests
//! <data folder>/postgresql.lock                  held while a Taskflow runs
//! <data folder>/postgresql/                      data, password, server.log, the socket
//! ```
//!
//! To change a setting of the server, see `SETTINGS` in server.rs; to upgrade PostgreSQL, change `VERSION` in programs.rs.

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

/// Interval at which the server is checked.
const KEEP_POLL: Duration = Duration::from_secs(1);
/// Maximum pause between two attempts to restart it.
const KEEP_PAUSE_MAX: Duration = Duration::from_mins(1);

/// A running PostgreSQL that belongs to this process. Stop it with [`Postgres::stop`]. Dropping the value or killing the process stops it too,
/// without waiting.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    programs: Programs,
    cluster: Cluster,
    server: Server,
    _lock: FileLock, // released last, after the server has stopped
}

impl Postgres {
    /// Starts a PostgreSQL on the data in `data_dir`, which is created if missing, and waits until it answers.
    ///
    /// The first start of a user downloads 15 MB and takes some seconds. Later starts take a fraction of a second, and more after a crash.
    ///
    /// # Errors
    ///
    /// Each [`PostgresError`] says what to do: another process uses `data_dir`, it has the data of another major version, the download failed, or the
    /// process runs as root and cannot change its user.
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

    /// Restarts the server whenever it ends by itself, at the same URL, while this future is polled. A server that was killed, or ended by the system
    /// for lack of memory, recovers everything committed.
    pub async fn keep(&mut self) -> Infallible {
        let mut pause = KEEP_POLL;
        loop {
            tokio::time::sleep(pause).await;
            pause = match self.revive().await {
                Ok(()) => KEEP_POLL,
                Err(error) => {
                    tracing::error!("PostgreSQL could not be restarted and is retried: {error}");
                    (pause * 2).min(KEEP_PAUSE_MAX)
                }
            };
        }
    }

    async fn revive(&mut self) -> Result<(), PostgresError> {
        if let Some(last_words) = self.server.last_words()? {
            tracing::error!("PostgreSQL ended and is restarted; the end of its log: {last_words}");
            self.server = Server::start(&self.programs, &self.cluster, self.server.address().clone()).await?;
            tracing::info!("PostgreSQL is running again");
        }
        Ok(())
    }

    /// Stops the server and waits for it, half a minute at most. It closes open connections, so close pools first.
    ///
    /// # Errors
    ///
    /// The server ended with an error or not in time. That it had ended before is not an error. Everything committed is safe in all cases.
    pub async fn stop(self) -> Result<(), PostgresError> {
        self.server.stop().await
    }
}

/// Locks the data folder for this process.
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

/// Returns the options as a URL, without options that only sqlx knows.
pub(crate) fn url(options: &PgConnectOptions) -> String {
    let mut url = options.to_url_lossy();
    url.set_query(Some("sslmode=disable"));
    url.into()
}
