//! When a recurring task is due next: RFC 5545 rules in the wall-clock time of a zone.
//!
//! Five files, each using only the ones before it:
//!
//! - `rule` — [`Rule`], a validated RRULE, and its canonical text;
//! - `parse` — text to `Rule`, and [`RuleError`], which names the wrong part;
//! - `dates` — a rule and a first day to civil dates, one period (day, week, month, year) at a time;
//! - `series` — [`Series`]: dates to instants in a zone, with [`Series::next_after`] and [`Series::next_from_completion`];
//! - `words` — a rule in words.
//!
//! jiff supplies the calendar (lengths of months, clock changes); the RRULE logic is our own. Nothing here panics or reads a clock. Every search
//! ends: at the limits below, or at the end of jiff's calendar, the year 9999.
//!
//! To support another rule part, add a field in `rule`, a line in `parse`, a condition to `matches` in `dates`, and a shape in
//! `tests/tools/rrule_cases.py`, which compares all of this with python-dateutil.
//!
//! ```
//! use domain::recurrence::{Pattern, Series};
//! use jiff::tz::TimeZone;
//!
//! let series = Series {
//!     start: "2025-03-28T09:00+01:00".parse()?,
//!     zone: TimeZone::get("Europe/Berlin")?,
//!     pattern: Pattern::Rule("FREQ=MONTHLY;BYDAY=-1FR".parse()?),
//!     all_day: false,
//!     excluded: Vec::new(),
//! };
//! // The clocks have changed in between, and it is still nine o'clock.
//! assert_eq!(series.next_after(series.start), Some("2025-04-25T09:00+02:00".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dates;
mod parse;
mod rule;
mod series;
mod words;

pub use parse::RuleError;
pub use rule::{Rule, weekday_code};
pub use series::{Completion, Pattern, Series};
pub use words::{joined, ordinal};

/// Maximum bytes of a rule's text. A rule that lists every month, day and weekday takes about 300.
pub const MAX_RULE_LENGTH: usize = 500;

/// Maximum INTERVAL. At this value even days add up to decades, so a larger number is a typing error.
pub const MAX_INTERVAL: u16 = 9_999;

/// Maximum COUNT, 27 years of days. Occurrences are counted from the first, so this limits the work.
pub const MAX_COUNT: u16 = 9_999;
