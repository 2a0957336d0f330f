//! Cuts a file of any size into its VTODOs and VEVENTs, with the memory of one of them.

use crate::DOCUMENT_MAX;
use crate::document::{Component, Document, Refused};

/// Receives a file in pieces, and returns its components. Refuses a component larger than [`DOCUMENT_MAX`], and continues with the rest.
#[derive(Debug, Default)]
pub struct Splitter {
    rest: Vec<u8>,
    /// The lines of the open component.
    open: String,
    /// Its name, and the number of open components inside it.
    inside: Option<(String, usize)>,
    is_too_large: bool,
    line: usize,
    started: usize,
}

/// A component of a file: the number of its first line, from 1, and the component or the error.
pub type Piece = (usize, Result<Component, Refused>);

impl Splitter {
    /// Receives the next bytes of the file. Returns the components that are complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.rest.extend_from_slice(bytes);
        let (mut pieces, mut begin) = (Vec::new(), 0);
        while let Some(length) = self.rest[begin..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[begin..begin + length]).into_owned();
            begin += length + 1;
            pieces.extend(self.take(line.trim_end_matches('\r')));
        }
        self.rest.drain(..begin);
        if self.rest.len() > DOCUMENT_MAX {
            // Discards an endless line, so that memory stays limited.
            self.rest.clear();
            self.is_too_large = true;
        }
        pieces
    }

    /// Receives the end of the file.
    #[must_use]
    pub fn finish(mut self) -> Vec<Piece> {
        let mut pieces = self.push(b"\n");
        if self.inside.is_some() {
            pieces.push((self.started, Err(Refused::Malformed)));
        }
        pieces
    }

    fn take(&mut self, line: &str) -> Option<Piece> {
        self.line += 1;
        let upper = line.trim_start_matches('\u{feff}').trim_end().to_ascii_uppercase();
        match &mut self.inside {
            None => {
                let name = upper.strip_prefix("BEGIN:").filter(|name| matches!(*name, "VTODO" | "VEVENT"))?;
                self.inside = Some((name.to_owned(), 0));
                self.started = self.line;
                self.open = format!("BEGIN:{name}\n");
                return None;
            }
            Some((_, depth)) if upper.starts_with("BEGIN:") => *depth += 1,
            Some((name, 0)) if upper.strip_prefix("END:").is_some_and(|ended| ended == name) => {
                let text = format!("BEGIN:VCALENDAR\n{}END:{name}\nEND:VCALENDAR\n", self.open);
                (self.inside, self.open) = (None, String::new());
                if std::mem::take(&mut self.is_too_large) {
                    return Some((self.started, Err(Refused::TooLarge)));
                }
                let component = Document::parse(&text).map(|document| document.root.items.into_iter().find_map(component_of));
                return Some((self.started, component.and_then(|component| component.ok_or(Refused::Malformed))));
            }
            Some((_, depth)) if upper.starts_with("END:") => *depth = depth.saturating_sub(1),
            Some(_) => {}
        }
        if self.open.len() + line.len() > DOCUMENT_MAX - 100 {
            self.is_too_large = true;
        } else {
            self.open.push_str(line);
            self.open.push('\n');
        }
        None
    }
}

fn component_of(item: crate::document::Item) -> Option<Component> {
    match item {
        crate::document::Item::Component(component) => Some(component),
        crate::document::Item::Line(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_into_its_components_wherever_its_pieces_end() {
        let text = "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:1\r\nBEGIN:VALARM\r\nEND:VALARM\r\nEND:VTODO\r\nX:1\r\nBEGIN:VEVENT\r\nUID:ä\r\nEND:VEVENT\r\n\
             BEGIN:VTODO\r\nUID:3\r\n";
        for size in [1, 2, 7, 1000] {
            let mut splitter = Splitter::default();
            let mut pieces: Vec<Piece> = text.as_bytes().chunks(size).flat_map(|bytes| splitter.push(bytes)).collect();
            pieces.extend(splitter.finish());
            let found: Vec<_> = pieces
                .iter()
                .map(|(line, piece)| (*line, piece.as_ref().map(|component| component.name.as_str()).map_err(|error| *error)))
                .collect();
            assert_eq!(found, [(2, Ok("VTODO")), (8, Ok("VEVENT")), (11, Err(Refused::Malformed))], "{size}");
        }
    }
}
