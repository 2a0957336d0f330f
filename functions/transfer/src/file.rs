//! The file of an import as a reader for parsers. It is read from its parts in the database, with one part in memory.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use store::{PART, Store};
use tokio::runtime::Handle;

/// An error that is not the file's fault, such as an unavailable database. Parsers wrap it in errors of their own.
#[derive(Clone, Default)]
pub(crate) struct Broke(Arc<Mutex<Option<store::Error>>>);

impl Broke {
    /// Returns the error, once.
    pub(crate) fn take(&self) -> Option<store::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, error: store::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// The file. Reading blocks on the database, so it needs a blocking thread.
pub(crate) struct File {
    runtime: Handle,
    store: Store,
    import_id: i64,
    size: u64,
    position: u64,
    part: Option<(i32, Vec<u8>)>,
    broke: Broke,
}

impl File {
    /// Opens the file of this import.
    pub(crate) fn open(store: &Store, import_id: i64, size: u64, broke: Broke) -> Self {
        Self { runtime: Handle::current(), store: store.clone(), import_id, size, position: 0, part: None, broke }
    }

    fn load(&mut self, number: i32) -> io::Result<&[u8]> {
        if self.part.as_ref().is_none_or(|(own, _)| *own != number) {
            let reading = self.store.import_part(self.import_id, number);
            let bytes = self.runtime.block_on(reading).map_err(|error| {
                self.broke.set(error);
                io::Error::other("a part of the file cannot be read")
            })?;
            self.part = Some((number, bytes));
        }
        Ok(self.part.as_ref().map_or(&[], |(_, bytes)| bytes))
    }
}

impl Read for File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || into.is_empty() {
            return Ok(0);
        }
        let (part, at) = (self.position / PART as u64, self.position % PART as u64);
        let bytes = self.load(i32::try_from(part).map_err(io::Error::other)?)?;
        let from = bytes.get(usize::try_from(at).map_err(io::Error::other)?..).unwrap_or_default();
        let length = from.len().min(into.len());
        into[..length].copy_from_slice(&from[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = to.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
