//! Errors of the embedded PostgreSQL, addressed to the user who started Taskflow.

use std::{io, path::Path, path::PathBuf};

use super::programs::{MAJOR, VERSION};

/// Why the embedded PostgreSQL does not run. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The user has no cache folder for PostgreSQL's programs.
    #[error("no cache folder for PostgreSQL: set HOME or XDG_CACHE_HOME, or set DATABASE_URL to your own PostgreSQL")]
    NoCache,

    /// PostgreSQL's programs could not be downloaded or unpacked.
    #[error(
        "PostgreSQL {VERSION} could not be downloaded: {0}; check the network and start again, or set DATABASE_URL to your own PostgreSQL"
    )]
    Download(String),

    /// The downloaded archive is not the one Taskflow was built for.
    #[error(
        "the archive of PostgreSQL {VERSION} has the SHA-256 {found} instead of {expected} and was not unpacked; retry on a network that does not change downloads, or set DATABASE_URL to your own PostgreSQL"
    )]
    Tampered {
        /// The archive's hash.
        found: String,
        /// The hash in the code.
        expected: String,
    },

    /// There is no verified archive for this platform.
    #[error("no archive of PostgreSQL {VERSION} is known for {0}; set DATABASE_URL to your own PostgreSQL")]
    Platform(String),

    /// The process runs as root and cannot change its user.
    #[error(
        "PostgreSQL refuses to run as root, and this system does not allow a user namespace ({0}): start Taskflow as another user, or set DATABASE_URL to your own PostgreSQL"
    )]
    Root(String),

    /// Another process uses this data folder.
    #[error("another Taskflow is using {}: stop it first, or set TASKFLOW_DATA_DIR to another folder", .0.display())]
    InUse(PathBuf),

    /// Another major version wrote the data, which this one cannot read.
    #[error("{} was written by PostgreSQL {found}, but this Taskflow brings PostgreSQL {MAJOR}: transfer the data with pg_dump, or set TASKFLOW_DATA_DIR to another folder", .folder.display())]
    MajorVersion {
        /// The data folder.
        folder: PathBuf,
        /// The major version that wrote it.
        found: String,
    },

    /// `initdb` failed.
    #[error("PostgreSQL could not initialise its data folder: {0}")]
    Initdb(String),

    /// The server ended instead of starting.
    #[error("PostgreSQL did not start; the end of {} says: {tail}", .log.display())]
    Ended {
        /// The server's complete log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },

    /// The server did not start within the limit.
    #[error("PostgreSQL is still not ready after {seconds} seconds; {} has the details", .log.display())]
    NotReady {
        /// The limit.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
    },

    /// The server did not stop in time. Its data is safe: it recovers at the next start.
    #[error("PostgreSQL did not stop within {seconds} seconds; it recovers by itself at the next start")]
    NotStopped {
        /// The limit.
        seconds: u64,
    },

    /// A file or folder could not be used.
    #[error("cannot {doing} {}: {source}", .path.display())]
    File {
        /// The action, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// The server runs, but refused the connection or statement.
    #[error("the embedded PostgreSQL refused a connection or a statement: {0}")]
    Database(#[from] sqlx::Error),
}

/// For `map_err`: adds the action and the path to the system's error.
pub(super) fn file_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PostgresError + use<> {
    let path = path.to_owned();
    move |source| PostgresError::File { doing, path, source }
}
