//! What can go wrong between Taskflow and its database. No message shows SQL, values or secrets.

use std::io;

/// Why the store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such row.
    #[error("not found")]
    NotFound,
    /// `If-Match` does not name the version that the task has.
    #[error("the task has changed since it was read")]
    Stale,
    /// Something that came later is in the way; what it is, for a person.
    #[error("{0}")]
    InTheWay(&'static str),
    /// The database is away, shutting down, out of connections, or gave up on this transaction: worth another try.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused; a defect, here or in the schema.
    #[error("the database refused")]
    Database(#[source] sqlx::Error),
    /// The address of the database cannot be read.
    #[error("DATABASE_URL: not a URL of the form postgres://user:password@host:5432/database")]
    Address,
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migration(#[source] Box<sqlx::migrate::MigrateError>),
    /// A value that has no JSON form, or a stored one that is not what it should be.
    #[error("a value cannot be written to the database or read from it")]
    Value(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// SQLSTATE of a lock that was not to be had at once, or not within `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// SQLSTATE of a statement that ran for longer than `statement_timeout`, or that somebody cancelled. Its connection stays.
const QUERY_CANCELED: &str = "57014";
/// SQLSTATE of a session that the server ended because its transaction did nothing for too long.
const IDLE_IN_TRANSACTION: &str = "25P03";
/// SQLSTATE of a session that the server ended because its transaction took too long (PostgreSQL 17).
const TRANSACTION_TIMEOUT: &str = "25P04";
/// SQLSTATE of a write on a server that only reads: a standby, until it leads.
const READ_ONLY: &str = "25006";

impl Error {
    /// A stored or given value that cannot be converted.
    pub(crate) fn value(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Value(Box::new(source))
    }

    /// Whether somebody else holds the lock.
    pub(crate) fn is_lock(&self) -> bool {
        matches!(self, Self::Unavailable(error) if is_locked(error))
    }
}

/// Returns `None` for what is not there.
///
/// # Errors
/// Any other error.
pub fn found<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            error if is_away(&error) => Self::Unavailable(error),
            error => Self::Database(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) if is_away(&error) => {
                Self::Unavailable(error)
            }
            error => Self::Migration(Box::new(error)),
        }
    }
}

fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    }
}

/// Whether a SQLSTATE says that the same statement can succeed later.
fn is_passing(code: &str) -> bool {
    // 08: connection; 28, 3D: who connects is not let in, or the database is not there; 53: resources; 40001, 40P01: serialisation,
    // deadlock; 57P: shutdown, crash, starting up.
    code.starts_with("08")
        || code.starts_with("28")
        || code.starts_with("3D")
        || code.starts_with("53")
        || code.starts_with("57P")
        || matches!(code, "40001" | "40P01" | LOCK_NOT_AVAILABLE | QUERY_CANCELED | IDLE_IN_TRANSACTION | TRANSACTION_TIMEOUT | READ_ONLY)
}

/// True if another session holds a lock that the statement needs.
#[must_use]
pub fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE))
}

/// Whether the connection broke rather than the statement: the same statement on another connection is worth a try.
#[must_use]
pub(crate) fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() != io::ErrorKind::ConnectionRefused,
        // The server ended the session: shutdown, crash, restart, a timeout of the session or of its transaction.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P") || matches!(&*code, "08006" | IDLE_IN_TRANSACTION | TRANSACTION_TIMEOUT)),
        _ => false,
    }
}
