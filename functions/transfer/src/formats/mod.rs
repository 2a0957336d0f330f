//! The file formats. Each reads only as far as the next item, and no item is larger than [`ITEM_MAX`].

mod ics;
mod json;
mod own;
mod takeout;
mod ticktick;
mod todoist;
mod vikunja;

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufReader, Seek};
use std::rc::Rc;

use domain::transfer::ImportFormat;
use uuid::Uuid;

use crate::item::{Read, Scene, uid_of};

/// Maximum number of bytes of an item, which limits the memory. The text of a calendar client has up to 256 KiB, and some of its characters take 6
/// bytes in JSON.
const ITEM_MAX: usize = 2 * 1024 * 1024;
/// Maximum number of items in a file.
const ITEMS_MAX: i64 = 2_000_000;
/// Number of bytes at the beginning of a file that identify its format.
const BEGINNING: usize = 4 * 1024;

/// The reason why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The receiver has stopped.
    #[error("stopped")]
    Stopped,
    /// The file is invalid. The text explains it to the user.
    #[error("{0}")]
    Wrong(String),
}

impl Ended {
    fn wrong(text: &str) -> Self {
        Self::Wrong(text.to_owned())
    }
}

/// The receiver of items.
pub(crate) type Sink<'a> = dyn FnMut(Read) -> Result<(), Ended> + 'a;

/// Identifies the format of a file by its beginning.
pub(crate) fn format_of(beginning: &[u8]) -> Option<ImportFormat> {
    if beginning.starts_with(b"PK\x03\x04") {
        return Some(ImportFormat::Vikunja);
    }
    let text = String::from_utf8_lossy(&beginning[..beginning.len().min(BEGINNING)]);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default().to_ascii_uppercase();
    if first.starts_with("BEGIN:VCALENDAR") {
        Some(ImportFormat::Ics)
    } else if text.starts_with('{') {
        let is_own = text.contains("\"taskflow\"");
        Some(if is_own { ImportFormat::Taskflow } else { ImportFormat::Takeout }).filter(|_| is_own || text.contains("tasks#"))
    } else if text.contains("taskId") && text.contains("List Name") {
        Some(ImportFormat::Ticktick)
    } else {
        let names: Vec<&str> = first.split(',').map(|name| name.trim().trim_matches('"')).collect();
        (names.contains(&"TYPE") && names.contains(&"CONTENT")).then_some(ImportFormat::Todoist)
    }
}

/// Passes the items of a file to the receiver, in order.
pub(crate) fn read(format: ImportFormat, file: impl io::Read + Seek, scene: &Scene, sink: &mut Sink) -> Result<(), Ended> {
    let mut count = 0;
    let sink: &mut Sink = &mut |read| {
        count += 1;
        if count > ITEMS_MAX {
            return Err(Ended::Wrong(format!("it has more than {ITEMS_MAX} items")));
        }
        sink(read)
    };
    match format {
        ImportFormat::Taskflow => own::read(file, sink),
        ImportFormat::Todoist => todoist::read(file, scene, sink),
        ImportFormat::Ticktick => ticktick::read(file, scene, sink),
        ImportFormat::Vikunja => vikunja::read(file, scene, sink),
        ImportFormat::Takeout => takeout::read(file, scene, sink),
        ImportFormat::Ics => ics::read(file, scene, sink),
    }
}

/// A reader that refuses an item of more than [`ITEM_MAX`] bytes.
struct Metered<R> {
    inner: BufReader<R>,
    meter: Meter,
}

/// The number of bytes that may still be read of an item.
#[derive(Clone)]
struct Meter(Rc<Cell<usize>>);

impl Meter {
    /// Begins the next item.
    fn begin(&self) {
        self.0.set(ITEM_MAX);
    }
}

impl<R: io::Read> Metered<R> {
    fn new(reader: R) -> (Self, Meter) {
        let meter = Meter(Rc::new(Cell::new(ITEM_MAX)));
        (Self { inner: BufReader::with_capacity(64 * 1024, reader), meter: meter.clone() }, meter)
    }
}

impl<R: io::Read> io::Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.meter.0.get();
        if left == 0 {
            return Err(io::Error::other(format!("an item is larger than {ITEM_MAX} bytes")));
        }
        let length = into.len().min(left);
        let read = self.inner.read(&mut into[..length])?;
        self.meter.0.set(left - read);
        Ok(read)
    }
}

/// Distinguishes items without an id: by their content, and by a number if several have the same content.
#[derive(Default)]
struct Namesakes(HashMap<Uuid, u32>);

impl Namesakes {
    /// Returns a key that the same item has in each file, wherever it is in the file.
    fn key(&mut self, format: &str, parts: &[&str]) -> String {
        // The lengths keep two different lists of parts from becoming the same text.
        let text = parts.iter().flat_map(|part| [part.len().to_string(), ":".to_owned(), (*part).to_owned()]).collect::<String>();
        let which = self.0.entry(uid_of(&text)).or_default();
        *which += 1;
        format!("{format}:{text}#{which}")
    }
}

/// The columns of a CSV file, by name.
struct Columns(HashMap<String, usize>);

impl Columns {
    fn new(names: &csv::StringRecord) -> Self {
        let name = |name: &str| name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase();
        Self(names.iter().enumerate().map(|(at, text)| (name(text), at)).collect())
    }

    /// Returns a trimmed cell, or an empty text.
    fn get<'r>(&self, record: &'r csv::StringRecord, name: &str) -> &'r str {
        self.0.get(&name.to_ascii_lowercase()).and_then(|at| record.get(*at)).unwrap_or_default().trim()
    }
}

/// The records of a CSV file, each with its line.
struct Records<R> {
    reader: csv::Reader<Metered<R>>,
    meter: Meter,
    record: csv::StringRecord,
}

impl<R: io::Read> Records<R> {
    fn new(file: R) -> Self {
        let (metered, meter) = Metered::new(file);
        let reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(metered);
        Self { reader, meter, record: csv::StringRecord::new() }
    }

    /// Returns the next record, if there is one.
    fn next(&mut self) -> Result<Option<(i64, &csv::StringRecord)>, Ended> {
        self.meter.begin();
        let is_there = self.reader.read_record(&mut self.record).map_err(|error| Ended::Wrong(format!("it is not CSV: {error}")))?;
        let line = self.record.position().map_or(0, csv::Position::line);
        Ok(is_there.then_some((i64::try_from(line).unwrap_or(i64::MAX), &self.record)))
    }
}

#[cfg(test)]
mod tests;
