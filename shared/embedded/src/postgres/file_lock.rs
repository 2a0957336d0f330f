//! A file lock that one process holds at a time.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::{PostgresError, file_error};

/// The lock on a file, held until it is dropped or the process ends.
///
/// Dropping unlocks the file instead of only closing it: between fork and exec, a child of any thread has the file open as well, and would keep a
/// lock that is only closed for a moment longer.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl FileLock {
    /// Locks `path`, and creates it if it is missing. `None` if another process holds the lock.
    pub(crate) fn take(path: &Path) -> Result<Option<Self>, PostgresError> {
        let file = File::create(path).map_err(file_error("create", path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(file_error("lock", path)(error)),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!("unlock: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_free_once_dropped_although_a_child_about_to_exec_still_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = FileLock::take(&path).unwrap().unwrap();
        assert!(FileLock::take(&path).unwrap().is_none());
        let _the_childs = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(FileLock::take(&path).unwrap().is_some());
    }
}
