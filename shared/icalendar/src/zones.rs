//! Time zones: the zone of a TZID, and the VTIMEZONE of a zone.

use domain::Timestamp;
use domain::zone::Zone;

use jiff::SignedDuration;
use jiff::tz::Offset;

use crate::document::{Component, Item, fold};

/// Maximum number of clock changes that a VTIMEZONE lists.
const TRANSITIONS_MAX: usize = 44;
/// Days before the first date that a VTIMEZONE covers.
const BEFORE_DAYS: i64 = 400;

/// Returns the zone of a TZID: an IANA name, one at its end (`/citadel.org/20190914/Europe/Berlin`), or a Windows name. `None` for any other.
#[must_use]
pub fn zone_of(tzid: &str) -> Option<Zone> {
    let tzid = tzid.trim().trim_matches('"');
    if matches!(tzid, "UTC" | "GMT" | "Etc/UTC" | "Z") {
        return Some(Zone::utc());
    }
    let parts: Vec<&str> = tzid.split('/').filter(|part| !part.is_empty()).collect();
    let mut endings = (1..=parts.len().min(3)).rev().map(|count| parts[parts.len() - count..].join("/"));
    endings.find_map(|name| name.parse().ok()).or_else(|| {
        let known: calcard::common::timezone::Tz = tzid.parse().ok()?;
        known.name()?.parse().ok()
    })
}

/// Returns the VTIMEZONE of a zone from this date on: the clock changes in the years around it.
pub(crate) fn timezone(zone: &Zone, from: Timestamp) -> Component {
    let tz = zone.get();
    let start = from.get().checked_sub(SignedDuration::from_hours(24 * BEFORE_DAYS)).unwrap_or(jiff::Timestamp::MIN);
    let mut component = Component::new("VTIMEZONE");
    component.items.push(Item::Line(fold(&format!("TZID:{}", zone.name()))));
    let mut before = tz.to_offset(start);
    let mut observances: Vec<(Offset, Offset, bool, String, Vec<String>)> = Vec::new();
    let standing = tz.to_offset_info(start);
    let first = (before, before, standing.dst().is_dst(), standing.abbreviation().to_owned());
    observances.push((first.0, first.1, first.2, first.3, vec!["19700101T000000".to_owned()]));
    for transition in tz.following(start).take(TRANSITIONS_MAX) {
        // DTSTART is the wall clock before the change.
        let onset = before.to_datetime(transition.timestamp()).strftime("%Y%m%dT%H%M%S").to_string();
        let (after, is_dst, name) = (transition.offset(), transition.dst().is_dst(), transition.abbreviation());
        match observances.iter_mut().find(|known| (known.0, known.1, known.2) == (before, after, is_dst) && known.3 == name) {
            Some(known) => known.4.push(onset),
            None => observances.push((before, after, is_dst, name.to_owned(), vec![onset])),
        }
        before = after;
    }
    for (from, to, is_dst, name, onsets) in observances {
        let mut observance = Component::new(if is_dst { "DAYLIGHT" } else { "STANDARD" });
        let mut line = |text: String| observance.items.push(Item::Line(fold(&text)));
        line(format!("DTSTART:{}", onsets[0]));
        if onsets.len() > 1 {
            line(format!("RDATE:{}", onsets[1..].join(",")));
        }
        line(format!("TZOFFSETFROM:{}", offset(from)));
        line(format!("TZOFFSETTO:{}", offset(to)));
        line(format!("TZNAME:{name}"));
        component.items.push(Item::Component(observance));
    }
    component
}

fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let rest = if seconds % 60 == 0 { String::new() } else { format!("{:02}", seconds % 60) };
    format!("{sign}{:02}{:02}{rest}", seconds / 3600, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tzid_is_found_by_its_end_and_by_windows_names() {
        for (tzid, name) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            ("/freeassociation.sourceforge.net/Europe/Berlin", Some("Europe/Berlin")),
            ("/citadel.org/20190914_1/America/Argentina/Buenos_Aires", Some("America/Argentina/Buenos_Aires")),
            ("W. Europe Standard Time", Some("Europe/Berlin")),
            ("UTC", Some("UTC")),
            ("Mars/Olympus", None),
            ("", None),
        ] {
            assert_eq!(zone_of(tzid).map(|zone| zone.name().to_owned()).as_deref(), name, "{tzid}");
        }
    }

    #[test]
    fn a_timezone_lists_the_changes_of_its_clock() {
        let text = timezone(&"Europe/Berlin".parse().unwrap(), "2027-01-05T08:00:00Z".parse().unwrap()).to_string();
        assert!(text.contains("BEGIN:DAYLIGHT\r\nDTSTART:20260329T020000\r\nRDATE:20270328T020000,"), "{text}");
        assert!(text.contains("TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nTZNAME:CEST"), "{text}");
        assert_eq!(timezone(&Zone::utc(), Timestamp::default()).components("STANDARD").count(), 1);
    }
}
