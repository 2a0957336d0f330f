//! IANA time zones by name.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

/// A time zone of the IANA database, such as `Europe/Berlin`, by its canonical spelling.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A name that the time zone database does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone of the IANA database, such as Europe/Berlin or UTC")]
pub struct UnknownZone;

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The name as the database spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The zone for calendar arithmetic.
    #[must_use]
    pub fn get(&self) -> &TimeZone {
        &self.0
    }
}

/// Longer than any name in the database.
const LONGEST_NAME: usize = 64;

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name.len() > LONGEST_NAME {
            return Err(UnknownZone);
        }
        let zone = TimeZone::get(name).map_err(|_| UnknownZone)?;
        // A zone file can be found that has no place in the database (a POSIX name, "posixrules"); it has no name to keep.
        if zone.iana_name().is_none() || name.contains("..") { Err(UnknownZone) } else { Ok(Self(zone)) }
    }
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
