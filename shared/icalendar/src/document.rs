//! The text of iCalendar as a tree of components and content lines.

use std::fmt::{self, Write as _};

use crate::DOCUMENT_MAX;

/// Maximum nesting of components: a calendar, a task, its alarm, and room for future standards.
const DEPTH_MAX: usize = 8;
/// Maximum number of content lines and components in a document.
const ITEMS_MAX: usize = 20_000;
/// Maximum number of octets per line before it is folded (RFC 5545, section 3.1).
const LINE_MAX: usize = 75;

/// Why a text was not accepted as an iCalendar document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is larger than [`DOCUMENT_MAX`].
    #[error("larger than {DOCUMENT_MAX} bytes")]
    TooLarge,
    /// Components are nested too deeply, or there are too many lines.
    #[error("more than {DEPTH_MAX} nested components, or more than {ITEMS_MAX} lines")]
    TooComplex,
    /// BEGIN and END do not match, there is no VCALENDAR, or a NUL character, which cannot be stored.
    #[error("not one VCALENDAR whose BEGIN and END match, or with a NUL character")]
    Malformed,
    /// There is no VTODO.
    #[error("no VTODO")]
    NoTodo,
    /// VTODOs have different UIDs, or none.
    #[error("not exactly one UID")]
    NotOneUid,
}

/// A component: its lines and inner components, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// Its name in upper case, such as `VTODO`.
    pub name: String,
    /// Everything between BEGIN and END.
    pub items: Vec<Item>,
}

/// Part of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A content line as it was written, folded, without its line end.
    Line(String),
    /// A component inside the component.
    Component(Component),
}

/// An iCalendar document: one VCALENDAR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The VCALENDAR.
    pub root: Component,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Refused::TooLarge`], [`Refused::TooComplex`], [`Refused::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > DOCUMENT_MAX {
            return Err(Refused::TooLarge);
        }
        if text.contains('\0') {
            return Err(Refused::Malformed);
        }
        let (mut open, mut root): (Vec<Component>, Option<Component>) = (Vec::new(), None);
        for (count, line) in folded_lines(text.trim_start_matches('\u{feff}')).enumerate() {
            if count >= ITEMS_MAX {
                return Err(Refused::TooComplex);
            }
            if line.is_empty() {
                continue;
            }
            let (name, value) = (name_of(&line), value_of(&line));
            if root.is_some() {
                return Err(Refused::Malformed);
            }
            match name.as_str() {
                "BEGIN" if open.len() >= DEPTH_MAX => return Err(Refused::TooComplex),
                "BEGIN" => open.push(Component { name: unfold(value).trim().to_ascii_uppercase(), items: Vec::new() }),
                "END" => {
                    let done = open.pop().ok_or(Refused::Malformed)?;
                    if !unfold(value).trim().eq_ignore_ascii_case(&done.name) {
                        return Err(Refused::Malformed);
                    }
                    match open.last_mut() {
                        Some(parent) => parent.items.push(Item::Component(done)),
                        None => root = Some(done),
                    }
                }
                _ => open.last_mut().ok_or(Refused::Malformed)?.items.push(Item::Line(line)),
            }
        }
        let root = root.filter(|root| root.name == "VCALENDAR" && open.is_empty());
        root.map(|root| Self { root }).ok_or(Refused::Malformed)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(out)
    }
}

impl fmt::Display for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "BEGIN:{}\r\n", self.name)?;
        for item in &self.items {
            match item {
                Item::Line(line) => write!(out, "{line}\r\n")?,
                Item::Component(component) => component.fmt(out)?,
            }
        }
        write!(out, "END:{}\r\n", self.name)
    }
}

impl Component {
    /// Creates an empty component.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), items: Vec::new() }
    }

    /// Returns the inner components of this name.
    pub fn components<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.items.iter().filter_map(move |item| match item {
            Item::Component(component) if component.name == name => Some(component),
            _ => None,
        })
    }

    /// Returns its own lines with this name, as they were written.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.items.iter().filter_map(move |item| match item {
            Item::Line(line) if name_of(line) == name => Some(line.as_str()),
            _ => None,
        })
    }

    /// Returns its own lines with this name, unfolded: the part before the value, and the value.
    #[must_use]
    pub fn properties(&self, name: &str) -> Vec<(String, String)> {
        let lines = self.lines(name).map(unfold);
        lines.map(|line| (head_of(&line).to_owned(), value_of(&line).to_owned())).collect()
    }

    /// Replaces all lines with this name, at the position of the first of them or at the end.
    pub(crate) fn set(&mut self, name: &str, lines: Vec<String>) {
        let is_it = |item: &Item| matches!(item, Item::Line(line) if name_of(line) == name);
        let after_lines = self.items.iter().position(|item| matches!(item, Item::Component(_))).unwrap_or(self.items.len());
        let at = self.items.iter().position(is_it).unwrap_or(after_lines);
        let kept_before = self.items[..at].iter().filter(|item| !is_it(item)).count();
        self.items.retain(|item| !is_it(item));
        self.items.splice(kept_before..kept_before, lines.into_iter().map(|line| Item::Line(fold(&line))));
    }

    /// Returns only its own lines, as a text that calcard reads.
    pub(crate) fn own_text(&self) -> String {
        let mut text = format!("BEGIN:{}\r\n", self.name);
        for item in &self.items {
            if let Item::Line(line) = item {
                let _ = write!(text, "{line}\r\n");
            }
        }
        let _ = write!(text, "END:{}\r\n", self.name);
        text
    }
}

/// Returns the content lines of a text, still folded, without their line ends. A bare LF also ends a line.
pub(crate) fn folded_lines(text: &str) -> impl Iterator<Item = String> {
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).peekable();
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_owned();
        while let Some(next) = lines.next_if(|next| next.starts_with([' ', '\t'])) {
            line.push_str("\r\n");
            line.push_str(next);
        }
        Some(line)
    })
}

/// Unfolds a line.
pub(crate) fn unfold(line: &str) -> String {
    line.replace("\r\n ", "").replace("\r\n\t", "")
}

/// Returns the name of a content line, in upper case.
pub(crate) fn name_of(line: &str) -> String {
    let line = if line.contains("\r\n") { unfold(line) } else { line.to_owned() };
    line[..line.find([':', ';']).unwrap_or(line.len())].trim().to_ascii_uppercase()
}

/// Returns the part before the value of an unfolded line: the name and the parameters. A colon in quotes does not end a parameter.
pub(crate) fn head_of(line: &str) -> &str {
    let mut is_quoted = false;
    let end = line.char_indices().find(|(_, char)| {
        is_quoted ^= *char == '"';
        *char == ':' && !is_quoted
    });
    &line[..end.map_or(line.len(), |(at, _)| at)]
}

/// Returns the value of a content line, as it was written.
pub(crate) fn value_of(line: &str) -> &str {
    line[head_of(line).len()..].strip_prefix(':').unwrap_or_default()
}

/// Folds a line at 75 octets, between characters. A folded line stays unchanged.
pub(crate) fn fold(line: &str) -> String {
    if line.contains("\r\n") || line.len() <= LINE_MAX {
        return line.to_owned();
    }
    let (mut folded, mut length) = (String::with_capacity(line.len() + line.len() / 24), 0);
    for char in line.chars() {
        if length + char.len_utf8() > LINE_MAX {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(char);
        length += char.len_utf8();
    }
    folded
}

/// Returns a text as a value of the type TEXT, without the control characters that lines must not contain.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.replace("\r\n", "\n").chars() {
        match char {
            '\\' | ';' | ',' => escaped.extend(['\\', char]),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push('\t'),
            char if char.is_control() => {}
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_written_as_it_was_read() {
        let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nSUMMARY;X=\"a:b\":one\r\n  two\r\nX-RAW:a,b\\\r\nBEGIN:VALARM\r\nEND:VALARM\r\nUID:1\r\n\
             END:VTODO\r\nEND:VCALENDAR\r\n";
        let document = Document::parse(text).unwrap();
        assert_eq!(document.to_string(), text);
        let todo = document.root.components("VTODO").next().unwrap();
        assert_eq!(value_of(&unfold(todo.lines("SUMMARY").next().unwrap())), "one two");
        assert_eq!(Document::parse(&text.replace("\r\n", "\n")).unwrap().to_string(), text, "bare line feeds");
    }

    #[test]
    fn text_that_is_no_calendar_is_refused() {
        for text in ["", "BEGIN:VTODO\nEND:VTODO", "BEGIN:VCALENDAR", "BEGIN:VCALENDAR\nEND:VTODO", "X:1\nBEGIN:VCALENDAR\nEND:VCALENDAR"] {
            assert_eq!(Document::parse(text), Err(Refused::Malformed), "{text}");
        }
        assert_eq!(Document::parse("BEGIN:VCALENDAR\nX:\0\nEND:VCALENDAR"), Err(Refused::Malformed));
        assert_eq!(Document::parse(&"BEGIN:VCALENDAR\n".repeat(9)), Err(Refused::TooComplex));
        assert_eq!(Document::parse(&"X".repeat(DOCUMENT_MAX + 1)), Err(Refused::TooLarge));
    }

    #[test]
    fn lines_are_folded_between_characters() {
        let folded = fold(&format!("SUMMARY:{}", "ä".repeat(100)));
        assert!(folded.split("\r\n").all(|line| line.len() <= 75), "{folded}");
        assert_eq!(unfold(&folded).chars().count(), 108);
    }
}
