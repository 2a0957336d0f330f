//! When a recurring task is due next: RFC 5545 rules, kept to the wall clock of a time zone.
//!
//! Five files, each knowing only the ones before it:
//!
//! - `rule` — [`Rule`], an RRULE that has been checked, and its canonical text;
//! - `parse` — text to `Rule`, and [`RuleError`], which names the part that is wrong;
//! - `dates` — a rule and a first day to civil dates, one period (day, week, month, year) at a time;
//! - `series` — [`Series`]: dates to instants in a zone, and the two questions a task asks:
//!   [`Series::next_after`] and [`Series::next_from_completion`];
//! - `words` — a rule in words.
//!
//! The calendar itself (lengths of months, clock changes) is jiff's; the RRULE logic is ours. Nothing here panics or
//! reads a clock, and every search ends: at the limits below, or where jiff's calendar does, at the end of the year 9999.
//!
//! To support another rule part: give it a field in `rule`, a line in `parse`, a condition in `matches` in `dates`,
//! and a shape in `tests/tools/rrule_cases.py`, which compares all of this with python-dateutil.
//!
//! ```
//! use domain::recurrence::{Pattern, Series};
//! use jiff::{Timestamp, tz::TimeZone};
//!
//! let series = Series {
//!     start: "2025-03-28T09:00+01:00".parse::<Timestamp>()?,
//!     zone: TimeZone::get("Europe/Berlin")?,
//!     pattern: Pattern::Rule("FREQ=MONTHLY;BYDAY=-1FR".parse()?),
//! };
//! // The clocks have changed in between; it is nine o'clock all the same.
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
pub use words::ordinal;

/// The longest text read as a rule, in bytes: a rule that lists every month, day and weekday takes about 300.
pub const MAX_RULE_LENGTH: usize = 500;

/// The largest INTERVAL: from here on, even days add up to decades, so a longer number is a slip of the finger.
pub const MAX_INTERVAL: u16 = 9_999;

/// The largest COUNT, 27 years of days: occurrences are counted one by one from the first, so this bounds the work.
pub const MAX_COUNT: u16 = 9_999;
