//! XML of WebDAV: reads small trees within limits, and writes responses.

use std::fmt::Write as _;

use quick_xml::NsReader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// Maximum nesting of elements.
const DEPTH_MAX: usize = 16;
/// Maximum number of elements in a request. A multiget names each resource.
const ELEMENTS_MAX: usize = 10_000;

/// The namespace of WebDAV.
pub(crate) const DAV: &str = "DAV:";
/// The namespace of CalDAV.
pub(crate) const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";
/// The namespace of getctag.
pub(crate) const CALENDARSERVER: &str = "http://calendarserver.org/ns/";

/// An element of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
}

/// Why a body could not be read as XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum XmlError {
    #[error("not well-formed XML")]
    Malformed,
    #[error("document types and custom entities are not allowed")]
    Entities,
    #[error("more than {DEPTH_MAX} nested elements, or more than {ELEMENTS_MAX} elements")]
    TooComplex,
}

impl Element {
    /// Reads a document. Returns `None` for an empty one.
    pub(crate) fn read(text: &str) -> Result<Option<Self>, XmlError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let mut reader = NsReader::from_str(text);
        let (mut open, mut root, mut count): (Vec<Self>, Option<Self>, usize) = (Vec::new(), None, 0);
        loop {
            let (namespace, event) = reader.read_resolved_event().map_err(|_| XmlError::Malformed)?;
            let namespace = match namespace {
                ResolveResult::Bound(namespace) => namespace.into_inner().to_owned(),
                _ => String::new(),
            };
            match event {
                Event::Start(start) | Event::Empty(start) if root.is_some() || open.len() >= DEPTH_MAX || count >= ELEMENTS_MAX => {
                    let is_second_root = root.is_some();
                    drop(start);
                    return Err(if is_second_root { XmlError::Malformed } else { XmlError::TooComplex });
                }
                Event::Start(start) => {
                    count += 1;
                    open.push(Self::of(namespace, &start)?);
                }
                Event::Empty(start) => {
                    count += 1;
                    let element = Self::of(namespace, &start)?;
                    close(element, &mut open, &mut root);
                }
                Event::End(_) => {
                    let element = open.pop().ok_or(XmlError::Malformed)?;
                    close(element, &mut open, &mut root);
                }
                Event::Text(text) => push(&text.xml10_content(), &mut open),
                Event::CData(text) => push(&text.xml10_content(), &mut open),
                Event::GeneralRef(reference) => {
                    let name = reference.xml10_content();
                    let known = match reference.resolve_char_ref() {
                        Ok(Some(char)) => Some(char.to_string()),
                        Ok(None) => resolve_predefined_entity(&name).map(ToOwned::to_owned),
                        Err(_) => None,
                    };
                    push(&known.ok_or(XmlError::Entities)?, &mut open);
                }
                Event::DocType(_) => return Err(XmlError::Entities),
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
        if open.is_empty() { root.map(Some).ok_or(XmlError::Malformed) } else { Err(XmlError::Malformed) }
    }

    fn of(namespace: String, start: &BytesStart<'_>) -> Result<Self, XmlError> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| XmlError::Malformed)?;
            let name = attribute.key.local_name().into_inner().to_owned();
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|_| XmlError::Entities)?;
            attributes.push((name, value.into_owned()));
        }
        Ok(Self { namespace, name: start.local_name().into_inner().to_owned(), attributes, ..Self::default() })
    }

    /// True if it is this element.
    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// Returns the first child of this name.
    pub(crate) fn child(&self, namespace: &str, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(namespace, name))
    }

    /// Returns the value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn push(text: &str, open: &mut [Element]) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// Writes a text inside an element.
pub(crate) fn text(text: &str) -> String {
    // A character that XML 1.0 does not allow would make the whole response unreadable.
    let clean: String = text
        .chars()
        .filter(|char| matches!(char, '\t' | '\n' | '\r') || (!char.is_control() && !matches!(char, '\u{fffe}' | '\u{ffff}')))
        .collect();
    // A parser converts CR LF to LF, but iCalendar's lines end with CR LF.
    escape(clean.as_str()).replace('\r', "&#13;")
}

/// Writes an element of any namespace, without content.
pub(crate) fn empty(namespace: &str, name: &str) -> String {
    match prefix(namespace) {
        Some(prefix) => format!("<{prefix}:{name}/>"),
        None if namespace.is_empty() => format!("<{name} xmlns=\"\"/>"),
        None => format!("<x:{name} xmlns:x=\"{}\"/>", escape(namespace)),
    }
}

/// Writes an element of a namespace that [`HEAD`] declares.
pub(crate) fn element(namespace: &str, name: &str, content: &str) -> String {
    let prefix = prefix(namespace).unwrap_or("D");
    format!("<{prefix}:{name}>{content}</{prefix}:{name}>")
}

fn prefix(namespace: &str) -> Option<&'static str> {
    match namespace {
        DAV => Some("D"),
        CALDAV => Some("C"),
        CALENDARSERVER => Some("CS"),
        _ => None,
    }
}

/// The beginning of a multistatus.
pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
     xmlns:CS=\"http://calendarserver.org/ns/\">";
/// Its end.
pub(crate) const FOOT: &str = "</D:multistatus>\n";

/// Returns the body of an error: the failed precondition (RFC 4918, section 16), and a text for people.
pub(crate) fn error(namespace: &str, name: &str, content: &str, detail: &str) -> String {
    let mut body = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
         xmlns:CS=\"http://calendarserver.org/ns/\">"
        .to_owned();
    let _ =
        writeln!(body, "{}<D:responsedescription>{}</D:responsedescription></D:error>", element(namespace, name, content), text(detail));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_its_namespaces() {
        let root = Element::read(
            r#"<?xml version="1.0"?><propfind xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><prop><c:calendar-home-set/><x:a xmlns:x="y" n="1 &lt; 2"/></prop>
               <!-- no --><href>/a&amp;b&#x20;<![CDATA[c]]></href></propfind>"#,
        )
        .unwrap()
        .unwrap();
        assert!(root.is(DAV, "propfind"));
        let prop = root.child(DAV, "prop").unwrap();
        assert!(prop.children[0].is(CALDAV, "calendar-home-set") && prop.children[1].is("y", "a"));
        assert_eq!(prop.children[1].attribute("n"), Some("1 < 2"));
        assert_eq!(root.child(DAV, "href").unwrap().text, "/a&b c");
        assert_eq!(Element::read("  "), Ok(None));
    }

    #[test]
    fn entities_nesting_and_size_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        for (text, error) in [
            (bomb, XmlError::Entities),
            ("<a>&xxe;</a>", XmlError::Entities),
            ("<a b=\"&xxe;\"/>", XmlError::Entities),
            ("<a><b></a>", XmlError::Malformed),
            ("<a/><b/>", XmlError::Malformed),
            ("<a", XmlError::Malformed),
            ("a", XmlError::Malformed),
        ] {
            assert_eq!(Element::read(text), Err(error), "{text}");
        }
        assert_eq!(Element::read(&"<a>".repeat(100_000)), Err(XmlError::TooComplex));
        assert_eq!(Element::read(&format!("<a>{}</a>", "<b/>".repeat(20_000))), Err(XmlError::TooComplex));
    }

    #[test]
    fn characters_that_xml_cannot_have_are_omitted() {
        assert_eq!(text("a<b>&\u{1}\r\n"), "a&lt;b&gt;&amp;&#13;\n");
    }
}
