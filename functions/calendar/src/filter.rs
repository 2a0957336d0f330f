//! The filter of a calendar-query (RFC 4791, section 9.7), for a calendar of VTODOs.

use domain::{Moment, Task, Timestamp};
use icalendar::{Component, Document};

use crate::xml::{CALDAV, Element};

/// Maximum number of occurrences of a series that a time range checks.
const OCCURRENCES_MAX: usize = 200;

/// A filter. All of its conditions must be met.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// A component of this name must exist, and meet these conditions.
    Component(String, Vec<Filter>),
    /// A property of this name must exist, and meet these conditions.
    Property(String, Vec<Filter>),
    /// A parameter of this name must exist, and meet these conditions.
    Parameter(String, Vec<Filter>),
    /// The element around this must not exist.
    NotDefined,
    /// The value contains this text (case-insensitive by default), or does not contain it.
    Text { text: String, is_exact: bool, is_negated: bool },
    /// The component happens in this time.
    During(Option<Timestamp>, Option<Timestamp>),
}

impl Filter {
    /// Reads `<C:filter>`. Returns `None` if it has an unsupported part.
    pub(crate) fn read(filter: &Element) -> Option<Self> {
        match filter.children.as_slice() {
            [only] if only.is(CALDAV, "comp-filter") => Self::of(only),
            _ => None,
        }
    }

    fn of(element: &Element) -> Option<Self> {
        let inner = || element.children.iter().map(Self::of).collect::<Option<Vec<_>>>();
        let name = || element.attribute("name").map(str::to_ascii_uppercase);
        if element.namespace != CALDAV {
            return None;
        }
        match element.name.as_str() {
            "comp-filter" => Some(Self::Component(name()?, inner()?)),
            "prop-filter" => Some(Self::Property(name()?, inner()?)),
            "param-filter" => Some(Self::Parameter(name()?, inner()?)),
            "is-not-defined" => Some(Self::NotDefined),
            "text-match" => Some(Self::Text {
                text: element.text.clone(),
                is_exact: match element.attribute("collation").unwrap_or("i;ascii-casemap") {
                    "i;octet" => true,
                    "i;ascii-casemap" | "i;unicode-casemap" => false,
                    _ => return None,
                },
                is_negated: element.attribute("negate-condition") == Some("yes"),
            }),
            "time-range" => {
                let edge = |name| element.attribute(name).map(|text| time(text).ok_or(())).transpose().ok();
                Some(Self::During(edge("start")?, edge("end")?))
            }
            _ => None,
        }
    }

    /// True if the text of a task's resource matches the filter.
    pub(crate) fn meets(&self, text: &str, task: &Task, now: Timestamp) -> bool {
        let Ok(document) = Document::parse(text) else { return false };
        let mut outer = Component::new("");
        outer.items.push(icalendar::Item::Component(document.root));
        self.holds(&outer, task, now)
    }

    fn holds(&self, within: &Component, task: &Task, now: Timestamp) -> bool {
        match self {
            Self::Component(name, inner) => {
                let mut found = within.components(name).peekable();
                if inner.contains(&Self::NotDefined) {
                    return found.peek().is_none();
                }
                found.any(|component| inner.iter().all(|filter| filter.holds(component, task, now)))
            }
            Self::Property(name, inner) => {
                let mut found = within.properties(name).into_iter().peekable();
                if inner.contains(&Self::NotDefined) {
                    return found.peek().is_none();
                }
                found.any(|(head, value)| inner.iter().all(|filter| filter.holds_of(&head, &value, task, now)))
            }
            Self::During(start, end) => is_during(task, *start, *end, now),
            Self::Parameter(..) | Self::NotDefined | Self::Text { .. } => false,
        }
    }

    fn holds_of(&self, head: &str, value: &str, task: &Task, now: Timestamp) -> bool {
        match self {
            Self::Text { text, is_exact, is_negated } => {
                let contains = if *is_exact { value.contains(text) } else { value.to_lowercase().contains(&text.to_lowercase()) };
                contains != *is_negated
            }
            Self::Parameter(name, inner) => {
                let parameters = head.split(';').skip(1).filter_map(|part| part.split_once('='));
                let found = parameters.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_matches('"')).next();
                match found {
                    None => inner.contains(&Self::NotDefined),
                    Some(value) => inner.iter().all(|filter| *filter != Self::NotDefined && filter.holds_of("", value, task, now)),
                }
            }
            Self::During(start, end) => is_during(task, *start, *end, now),
            Self::Component(..) | Self::Property(..) | Self::NotDefined => false,
        }
    }
}

fn time(text: &str) -> Option<Timestamp> {
    let at: jiff::civil::DateTime = text.strip_suffix('Z')?.parse().ok()?;
    Timestamp::new(jiff::tz::Offset::UTC.to_timestamp(at).ok()?).ok()
}

/// True if the task, or a later occurrence of its series, is due in this time. A task without a due date always matches (RFC 4791, section 9.9).
fn is_during(task: &Task, start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> bool {
    let is_in = |from: Timestamp, to: Timestamp| start.is_none_or(|start| to >= start) && end.is_none_or(|end| from < end);
    let Some(due) = task.due() else {
        return task.completed_at.is_none_or(|completed| is_in(task.created_at, completed));
    };
    let Some(from) = due.instant(&task.time_zone) else { return false };
    let to = if matches!(due, Moment::On(_)) { task.overdue_from().unwrap_or(from) } else { from };
    // An all-day task lasts one day and ends when the next day begins.
    let is_due = if to > from { start.is_none_or(|start| to > start) && end.is_none_or(|end| from < end) } else { is_in(from, to) };
    is_due || task.occurrences(now.min(from), OCCURRENCES_MAX).iter().any(|occurrence| is_in(occurrence.due_date, occurrence.due_date))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:1\r\nSUMMARY;LANGUAGE=en:Buy Milk\r\nSTATUS:NEEDS-ACTION\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";

    fn meets(inner: &str) -> bool {
        let text = format!("<filter xmlns=\"{CALDAV}\"><comp-filter name=\"VCALENDAR\">{inner}</comp-filter></filter>");
        let filter = Filter::read(&Element::read(&text).unwrap().unwrap()).unwrap();
        let due = "2027-01-05T09:00:00Z".parse().unwrap();
        let task = Task { due_date: Some(due), recurrence: domain::task::Recurrence::Daily, ..Task::default() };
        filter.meets(TEXT, &task, due)
    }

    #[test]
    fn filters_are_read_and_applied() {
        for (inner, expected) in [
            ("<comp-filter name=\"VTODO\"/>", true),
            ("<comp-filter name=\"VEVENT\"/>", false),
            ("<comp-filter name=\"VTODO\"><prop-filter name=\"COMPLETED\"><is-not-defined/></prop-filter></comp-filter>", true),
            ("<comp-filter name=\"VTODO\"><prop-filter name=\"SUMMARY\"><text-match>milk</text-match></prop-filter></comp-filter>", true),
            (
                "<comp-filter name=\"VTODO\"><prop-filter name=\"SUMMARY\"><text-match collation=\"i;octet\">milk</text-match></prop-filter></comp-filter>",
                false,
            ),
            (
                "<comp-filter name=\"VTODO\"><prop-filter name=\"STATUS\"><text-match negate-condition=\"yes\">COMPLETED</text-match></prop-filter></comp-filter>",
                true,
            ),
            (
                "<comp-filter name=\"VTODO\"><prop-filter name=\"SUMMARY\"><param-filter name=\"LANGUAGE\"><text-match>de</text-match></param-filter></prop-filter></comp-filter>",
                false,
            ),
            ("<comp-filter name=\"VTODO\"><comp-filter name=\"VALARM\"><is-not-defined/></comp-filter></comp-filter>", true),
            ("<comp-filter name=\"VTODO\"><time-range start=\"20270105T000000Z\" end=\"20270106T000000Z\"/></comp-filter>", true),
            ("<comp-filter name=\"VTODO\"><time-range start=\"20270107T000000Z\" end=\"20270108T000000Z\"/></comp-filter>", true),
            ("<comp-filter name=\"VTODO\"><time-range end=\"20270105T000000Z\"/></comp-filter>", false),
        ] {
            assert_eq!(meets(inner), expected, "{inner}");
        }
    }
}
