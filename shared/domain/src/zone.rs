//! IANA time zones by name.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone of the IANA database, such as `Europe/Berlin`, in its canonical spelling.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    rules: TimeZone,
    /// The stored name, if the database does not have it.
    unknown: Option<Arc<str>>,
}

/// The name is not in the time zone database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone of the IANA database, such as Europe/Berlin or UTC")]
pub struct UnknownZone;

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { rules: TimeZone::UTC, unknown: None }
    }

    /// Returns a stored zone. A name that this build's database does not have is kept, with UTC's clock, so that one row of a newer release does not
    /// break a whole list.
    #[must_use]
    pub fn kept(name: &str) -> Self {
        name.parse().unwrap_or_else(|UnknownZone| Self { unknown: Some(name.into()), ..Self::utc() })
    }

    /// Returns the name as the database spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.unknown.as_deref().or_else(|| self.rules.iana_name()).unwrap_or("UTC")
    }

    /// Returns the zone for calendar arithmetic.
    #[must_use]
    pub fn get(&self) -> &TimeZone {
        &self.rules
    }
}

/// The bundled zones.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
/// Database names that are no places: an unconfigured machine, and an unknown zone.
const NO_PLACES: [&str; 2] = ["Factory", "Etc/Unknown"];
/// Longer than any name in the database.
const LONGEST_NAME: usize = 64;

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name.len() > LONGEST_NAME {
            return Err(UnknownZone);
        }
        // The bundled database is the same on every machine. A system's own has other files, such as `localtime` and `posixrules`.
        let rules = DATABASE.get(name).map_err(|_| UnknownZone)?;
        let is_place = rules.iana_name().is_some_and(|name| !NO_PLACES.contains(&name));
        if is_place { Ok(Self { rules, unknown: None }) } else { Err(UnknownZone) }
    }
}

/// Reads a stored zone: see [`Zone::kept`].
pub(crate) fn kept<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Zone, D::Error> {
    Ok(Zone::kept(&<String as serde::Deserialize>::deserialize(from)?))
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_of_the_bundled_database_are_zones() {
        for (name, zone) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("UTC", Some("UTC")),
            ("Etc/GMT+5", Some("Etc/GMT+5")),
            ("localtime", None),
            ("posixrules", None),
            ("Factory", None),
            ("factory", None),
            ("Etc/Unknown", None),
            ("posix/Europe/Berlin", None),
            ("right/Europe/Berlin", None),
            ("leapseconds", None),
            ("EST5EDT4", None),
            ("<+03>-3", None),
            ("../Europe/Berlin", None),
            ("/etc/localtime", None),
            ("", None),
        ] {
            assert_eq!(name.parse::<Zone>().ok().as_ref().map(Zone::name), zone, "{name}");
        }
    }

    #[test]
    fn a_zone_that_was_kept_keeps_its_name() {
        let unknown = Zone::kept("Mars/Base");
        assert_eq!((unknown.name(), unknown.get()), ("Mars/Base", &TimeZone::UTC));
        assert_eq!(Zone::kept("Europe/Berlin"), "Europe/Berlin".parse().unwrap());
        assert_ne!(unknown, Zone::utc());
    }
}
