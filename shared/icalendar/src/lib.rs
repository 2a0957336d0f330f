//! Tasks as iCalendar (RFC 5545): reads VTODO and VEVENT, and writes a task into the text that a client wrote.
//!
//! [`Document`] is the text as a tree of content lines. Nothing in it is decoded before somebody asks, so what Taskflow does not know is written back
//! byte for byte. [`Todo`] is what a component means to Taskflow: calcard decodes it. [`Object`] is one resource of CalDAV, and [`Object::with`] writes a
//! task into it: only lines whose meaning has changed are replaced. [`Splitter`] cuts a file of any size into its components.
//!
//! Pure: no I/O, no clock.

mod document;
mod events;
mod object;
mod read;
mod split;
mod write;
mod zones;

pub use document::{Component, Document, Item, Refused};
pub use events::feed;
pub use object::{Object, Stamp};
pub use read::{Kind, Todo};
pub use split::{Piece, Splitter};
pub use zones::zone_of;

/// Bytes of one document, at most: the body of a request.
pub const DOCUMENT_MAX: usize = 256 * 1024;
