//! Tasks as iCalendar (RFC 5545): reads VTODO and VEVENT, and writes a task into the text of a client.
//!
//! [`Document`] is the text as a tree of content lines. Content is decoded only on access, so everything that Taskflow does not support is written
//! back byte for byte. [`Todo`] is the meaning of a component for Taskflow; calcard decodes it. [`Object`] is one resource of CalDAV, and
//! [`Object::with`] writes a task into it: it replaces only lines whose meaning has changed. [`Splitter`] cuts a file of any size into its
//! components.
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

/// Maximum number of bytes of a document, which is the body of a request.
pub const DOCUMENT_MAX: usize = 256 * 1024;
