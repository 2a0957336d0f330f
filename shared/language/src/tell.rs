//! Texts for dates and times in notes and answers.

use domain::offset::ReminderOffset;
use domain::recurrence;
use domain::task::Priority;
use jiff::civil::{Date, Time, Weekday};

use crate::locale::Hours;

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// "Friday".
pub(crate) fn weekday(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// "May".
pub(crate) fn month(month: i8) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or_default()
}

/// "3rd".
pub(crate) fn ordinal(number: i8) -> String {
    recurrence::ordinal(i16::from(number))
}

/// "Fri 4 Dec 2026".
pub(crate) fn date(date: Date) -> String {
    date.strftime("%a %-d %b %Y").to_string()
}

/// "09:00", or "9:00 AM" in 12-hour notation.
pub(crate) fn time(time: Time, hours: Hours) -> String {
    time.strftime(hours.format()).to_string()
}

/// "high".
pub(crate) fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Medium => "medium",
        Priority::High => "high",
    }
}

/// "1 hour before", "at the due time".
pub(crate) fn offset(offset: ReminderOffset) -> String {
    if offset.amount() == 0 { "at the due time".to_owned() } else { format!("{offset} before") }
}

/// A date relative to today: "today", "tomorrow", "on Fri 4 Dec 2026".
pub(crate) fn near_date(day: Date, today: Date) -> String {
    let plain = plain_date(day, today);
    if plain == date(day) { format!("on {plain}") } else { plain }
}

/// The same without "on".
pub(crate) fn plain_date(day: Date, today: Date) -> String {
    if day == today {
        return "today".to_owned();
    }
    if Ok(day) == today.tomorrow().map_err(|_| ()) {
        return "tomorrow".to_owned();
    }
    if Ok(day) == today.yesterday().map_err(|_| ()) {
        return "yesterday".to_owned();
    }
    date(day)
}
