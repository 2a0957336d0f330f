//! The zone of a time: "5pm EST", "17:00+02:00", "9:00 UTC+2", "10:00 Europe/London", "noon New York time".

use domain::zone::Zone;
use jiff::tz::{Offset, TimeZone};

use crate::grammar::{Meaning, Phrase, Place, View};
use crate::numbers::figures;
use crate::words::Case;

/// Abbreviations of zones, with their names in the database. "EST" is always five hours behind, whatever New York's clocks show; "ET" is
/// New York. Source: IANA time zone database, and US usage for those that change with the season.
const ABBREVIATIONS: [(&str, &str); 51] = [
    ("utc", "UTC"),
    ("gmt", "UTC"),
    ("z", "UTC"),
    ("est", "Etc/GMT+5"),
    ("edt", "Etc/GMT+4"),
    ("et", "America/New_York"),
    ("eastern", "America/New_York"),
    ("cst", "Etc/GMT+6"),
    ("cdt", "Etc/GMT+5"),
    ("ct", "America/Chicago"),
    ("central", "America/Chicago"),
    ("mst", "Etc/GMT+7"),
    ("mdt", "Etc/GMT+6"),
    ("mt", "America/Denver"),
    ("mountain", "America/Denver"),
    ("pst", "Etc/GMT+8"),
    ("pdt", "Etc/GMT+7"),
    ("pt", "America/Los_Angeles"),
    ("pacific", "America/Los_Angeles"),
    ("akst", "Etc/GMT+9"),
    ("akdt", "Etc/GMT+8"),
    ("hst", "Pacific/Honolulu"),
    ("ast", "Etc/GMT+4"),
    ("adt", "Etc/GMT+3"),
    ("brt", "America/Sao_Paulo"),
    ("wet", "UTC"),
    ("bst", "Etc/GMT-1"),
    ("cet", "Etc/GMT-1"),
    ("mez", "Etc/GMT-1"),
    ("cest", "Etc/GMT-2"),
    ("mesz", "Etc/GMT-2"),
    ("eet", "Etc/GMT-2"),
    ("eest", "Etc/GMT-3"),
    ("msk", "Europe/Moscow"),
    ("sast", "Africa/Johannesburg"),
    ("gst", "Asia/Dubai"),
    ("pkt", "Asia/Karachi"),
    ("ist", "Asia/Kolkata"),
    ("ict", "Asia/Bangkok"),
    ("wib", "Asia/Jakarta"),
    ("sgt", "Asia/Singapore"),
    ("hkt", "Asia/Hong_Kong"),
    ("pht", "Asia/Manila"),
    ("jst", "Asia/Tokyo"),
    ("kst", "Asia/Seoul"),
    ("awst", "Australia/Perth"),
    ("acst", "Australia/Darwin"),
    ("aest", "Etc/GMT-10"),
    ("aedt", "Etc/GMT-11"),
    ("nzst", "Etc/GMT-12"),
    ("nzdt", "Etc/GMT-13"),
];

/// Abbreviations that are also everyday words. They count in capital letters, or before "time".
const ALSO_WORDS: [&str; 12] = ["et", "ct", "mt", "pt", "ist", "wet", "eastern", "central", "mountain", "pacific", "mez", "hst"];

/// Number of words of the longest place name: "Port of Spain".
const NAME_MAX: usize = 3;

/// Returns the phrase that begins at `at`, if it is the zone of the time before it.
pub(crate) fn phrase(view: View<'_>, at: usize) -> Option<Phrase> {
    let start = view.skip(at, &["(", "["]);
    if !is_after_time(view, at) {
        return None;
    }
    let (place, note, end) = place(view, start).or_else(|| in_city(view, at))?;
    let end = if start > at { view.skip(end, &[")", "]"]) } else { end };
    Some(Phrase::new(end, Meaning::Zone(place)).with_note(note))
}

fn is_after_time(view: View<'_>, at: usize) -> bool {
    let word = view.before(at);
    let is_figure = word.starts_with(|c: char| c.is_ascii_digit())
        && word.trim_end_matches(['a', 'p', 'm', 'h', '.']).bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'h'));
    is_figure || matches!(word, "am" | "pm" | "a.m." | "p.m." | "noon" | "midnight" | "o'clock")
}

fn place(view: View<'_>, at: usize) -> Option<(Place, Option<String>, usize)> {
    let word = view.word(at);
    if let Some(offset) = offset(word) {
        return Some((fixed(offset)?, None, at + 1));
    }
    if let Some(offset) = word.strip_prefix("utc").or_else(|| word.strip_prefix("gmt")) {
        let (offset, end) = if offset.is_empty() { (view.word(at + 1), at + 2) } else { (offset, at + 1) };
        if let Some(seconds) = self::offset(offset) {
            return Some((fixed(seconds)?, None, end));
        }
    }
    if word.contains('/') {
        let zone: Zone = word.parse().ok()?;
        return Some((named(zone.name().to_owned(), zone), None, view.skip(at + 1, &["time"])));
    }
    abbreviation(view, at).or_else(|| city(view, at))
}

fn abbreviation(view: View<'_>, at: usize) -> Option<(Place, Option<String>, usize)> {
    let word = view.word(at);
    let (_, zone) = ABBREVIATIONS.iter().find(|(short, _)| *short == word)?;
    let is_time = view.is(at + 1, "time");
    // "9am Eastern" is a zone, "9am eastern food" is none.
    let is_name = matches!(word, "eastern" | "central" | "mountain" | "pacific");
    let is_upper = is_name || view.words.get(at).is_some_and(|word| word.case == Case::Upper);
    let is_word = ALSO_WORDS.contains(&word) && !is_upper;
    if !is_time && (is_word || !view.is_free(at + 1)) {
        return None;
    }
    let zone: Zone = zone.parse().ok()?;
    let name = match word.split_at_checked(1) {
        _ if is_time => zone.name().to_owned(),
        Some((first, rest)) if is_name => first.to_uppercase() + rest,
        _ => word.to_uppercase(),
    };
    let note = (zone != Zone::utc()).then(|| match zone.name().strip_prefix("Etc/GMT") {
        // `Etc/GMT+5` in the database is UTC−5: the sign is inverted.
        Some(offset) => {
            format!("{name} is read as UTC{}.", offset.replace(['+', '-'], if offset.starts_with('+') { "\u{2212}" } else { "+" }))
        }
        None => format!("{name} is read as the time of {zone}."),
    });
    Some((named(name, zone), note.filter(|_| !is_time), if is_time { at + 2 } else { at + 1 }))
}

/// "New York time": a city of the database.
fn city(view: View<'_>, at: usize) -> Option<(Place, Option<String>, usize)> {
    let length = (1..=NAME_MAX).find(|length| view.is(at + length, "time"))?;
    let zone = zone_of(view, at, length)?;
    Some((named(zone.name().to_owned(), zone), None, at + length + 1))
}

/// Parts of the world, whose zones have the names of cities.
const CONTINENTS: [&str; 8] = ["Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];
/// Names of zones that are also everyday words.
const NO_CITIES: [&str; 8] = ["center", "easter", "midway", "north", "reunion", "south", "wake", "west"];

/// "9am in New York": a city of the database. In the user's own zone it says where, not when, and stays in the title.
fn in_city(view: View<'_>, at: usize) -> Option<(Place, Option<String>, usize)> {
    let start = view.skip(at, &["in"]);
    if start == at || NO_CITIES.contains(&view.word(start)) {
        return None;
    }
    let named_city = |length: usize| {
        let zone = zone_of(view, start, length).filter(|_| view.is_free(start + length))?;
        zone.name().split_once('/').is_some_and(|(part, _)| CONTINENTS.contains(&part)).then_some((zone, start + length))
    };
    let (zone, end) = (1..=NAME_MAX).rev().find_map(named_city).filter(|(zone, _)| *zone != view.context.zone)?;
    let note = format!("That is read as the time of {zone}.");
    Some((named(zone.name().to_owned(), zone), Some(note), end))
}

/// Returns the zone whose name consists of these words.
fn zone_of(view: View<'_>, at: usize, length: usize) -> Option<Zone> {
    let city = (at..at + length).map(|at| view.word(at)).collect::<Vec<_>>().join("_");
    let is_city = |name: &str| name.rsplit_once('/').is_some_and(|(_, last)| last.eq_ignore_ascii_case(&city));
    jiff::tz::db().available().find(|name| is_city(name.as_str()))?.as_str().parse().ok()
}

fn named(name: String, zone: Zone) -> Place {
    Place { name, tz: zone.get().clone(), zone: Some(zone) }
}

/// Maximum hours of an offset from UTC.
const HOURS_MAX: u32 = 14;

/// "+02:00", "-0530", "+2": seconds east of Greenwich.
fn offset(text: &str) -> Option<i32> {
    let (is_west, text) = match text.strip_prefix('+') {
        Some(text) => (false, text),
        None => (true, text.strip_prefix(['-', '\u{2212}'])?),
    };
    let (hours, minutes) = match text.split_once(':') {
        Some(fields) => fields,
        None if text.len() > 2 => text.split_at_checked(text.len() - 2)?,
        None => (text, "0"),
    };
    let (hours, minutes) = (figures(hours).filter(|hours| *hours <= HOURS_MAX)?, figures(minutes).filter(|minutes| *minutes < 60)?);
    let seconds = i32::try_from(hours * 3_600 + minutes * 60).ok()?;
    Some(if is_west { -seconds } else { seconds })
}

fn fixed(seconds: i32) -> Option<Place> {
    let tz = TimeZone::fixed(Offset::from_seconds(seconds).ok()?);
    let sign = if seconds < 0 { '\u{2212}' } else { '+' };
    let name = format!("UTC{sign}{:02}:{:02}", seconds.abs() / 3_600, seconds.abs() % 3_600 / 60);
    // The database has zones for whole hours only, with an inverted sign.
    let zone = if seconds == 0 {
        Some(Zone::utc())
    } else {
        format!("Etc/GMT{:+}", -seconds / 3_600).parse().ok().filter(|_| seconds % 3_600 == 0)
    };
    Some(Place { name, tz, zone })
}
