//! Errors between Taskflow and its database. No message contains SQL, values or secrets.

use std::io;

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The row does not exist.
    #[error("not found")]
    NotFound,
    /// `If-Match` does not match the task's version.
    #[error("the task has changed since it was read")]
    Stale,
    /// A later change is in the way. The text explains it to the user.
    #[error("{0}")]
    InTheWay(&'static str),
    /// The database is unavailable, shutting down, out of connections, or aborted this transaction. A retry may succeed.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused the statement: a bug, here or in the schema.
    #[error("the database refused the statement")]
    Database(#[source] sqlx::Error),
    /// The address of the database is invalid.
    #[error("DATABASE_URL: not a URL of the form postgres://user:password@host:5432/database")]
    Address,
    /// A migration failed.
    #[error("the schema could not be brought up to date")]
    Migration(#[source] Box<sqlx::migrate::MigrateError>),
    /// A value has no JSON form, or a stored value is invalid.
    #[error("a value cannot be written to the database or read from it")]
    Value(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// SQLSTATE of a lock that was not available at once, or not within `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// SQLSTATE of a statement that exceeded `statement_timeout` or was cancelled. Its connection stays usable.
const QUERY_CANCELED: &str = "57014";
/// SQLSTATE of a session that the server ended because its transaction was idle for too long.
const IDLE_IN_TRANSACTION: &str = "25P03";
/// SQLSTATE of a session that the server ended because its transaction took too long (PostgreSQL 17).
const TRANSACTION_TIMEOUT: &str = "25P04";
/// SQLSTATE of a write on a read-only server: a standby before it is promoted.
const READ_ONLY: &str = "25006";

impl Error {
    /// Creates the error of a stored or given value that cannot be converted.
    pub(crate) fn value(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Value(Box::new(source))
    }

    /// True if another session holds the lock.
    pub(crate) fn is_lock(&self) -> bool {
        matches!(self, Self::Unavailable(error) if is_locked(error))
    }
}

/// Converts [`Error::NotFound`] to `None`.
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

/// True if the same statement can succeed later.
fn is_passing(code: &str) -> bool {
    // 08: connection; 28, 3D: the login is refused, or the database does not exist; 53: resources; 40001, 40P01: serialisation, deadlock; 57P:
    // shutdown, crash, starting up.
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

/// True if the connection broke, and not the statement. The same statement may succeed on another connection.
#[must_use]
pub(crate) fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() != io::ErrorKind::ConnectionRefused,
        // The server ended the session: shutdown, crash, restart, or a timeout of the session or its transaction.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P") || matches!(&*code, "08006" | IDLE_IN_TRANSACTION | TRANSACTION_TIMEOUT)),
        _ => false,
    }
}
