//! What can go wrong with the embedded PostgreSQL, said to the person who started Taskflow.

use std::{io, path::Path, path::PathBuf};

use super::programs::{MAJOR, VERSION};

/// Why the embedded PostgreSQL does not run. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The user has no cache folder to keep PostgreSQL's programs in.
    #[error("there is no folder to keep PostgreSQL in: set HOME or XDG_CACHE_HOME, or set DATABASE_URL to a PostgreSQL of your own")]
    NoCache,

    /// PostgreSQL's programs could not be downloaded or unpacked.
    #[error(
        "PostgreSQL {VERSION} could not be downloaded: {0}; try again when the network is back, or set DATABASE_URL to a PostgreSQL of your own"
    )]
    Download(String),

    /// What was downloaded is not what Taskflow was built for.
    #[error(
        "the archive of PostgreSQL {VERSION} has the SHA-256 {found} instead of {expected}, so it is not unpacked: somebody has changed it; set DATABASE_URL to a PostgreSQL of your own"
    )]
    Tampered {
        /// Of the archive.
        found: String,
        /// In the code.
        expected: String,
    },

    /// Nobody has checked an archive for this platform.
    #[error("no archive of PostgreSQL {VERSION} is known for {0}; set DATABASE_URL to a PostgreSQL of your own")]
    Platform(String),

    /// The process runs as root and may not become anybody else.
    #[error(
        "PostgreSQL refuses to run as root, and a user namespace is not to be had here ({0}): start Taskflow as another user, or set DATABASE_URL to a PostgreSQL of your own"
    )]
    Root(String),

    /// Another process has this data folder.
    #[error("another Taskflow is using {}: stop it first, or set TASKFLOW_DATA_DIR to another folder", .0.display())]
    InUse(PathBuf),

    /// The data were written by another major version, which this one cannot read.
    #[error("{} was written by PostgreSQL {found}, but this Taskflow brings PostgreSQL {MAJOR}: carry the data over with pg_dump, or set TASKFLOW_DATA_DIR to another folder", .folder.display())]
    MajorVersion {
        /// The folder with the data.
        folder: PathBuf,
        /// The major version that wrote it.
        found: String,
    },

    /// `initdb` failed.
    #[error("PostgreSQL could not lay out its data folder: {0}")]
    Initdb(String),

    /// The server ended instead of starting.
    #[error("PostgreSQL did not start; the end of {} says: {tail}", .log.display())]
    Ended {
        /// The server's whole log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },

    /// The server takes longer to start than we wait.
    #[error("PostgreSQL is still not ready after {seconds} seconds; {} tells what it is doing", .log.display())]
    NotReady {
        /// How long we waited.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
    },

    /// The server did not stop in time. Its data are safe: it recovers at the next start.
    #[error("PostgreSQL did not stop within {seconds} seconds; it recovers by itself at the next start")]
    NotStopped {
        /// How long we waited.
        seconds: u64,
    },

    /// A file or folder could not be used.
    #[error("cannot {doing} {}: {source}", .path.display())]
    File {
        /// What we were doing, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The server runs, but refused us.
    #[error("the embedded PostgreSQL refused a connection or a statement: {0}")]
    Database(#[from] sqlx::Error),
}

/// For `map_err`: the system's error with what we were doing to which path.
pub(super) fn file_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PostgresError + use<> {
    let path = path.to_owned();
    move |source| PostgresError::File { doing, path, source }
}
