//! Describes a rule in words, for users who do not read RRULEs.

use std::fmt::Write;

use jiff::civil::Weekday;

use super::Rule;
use super::rule::{End, Frequency, WeekdayNumber};

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

impl Rule {
    /// Returns the rule in words: "every 2 weeks on Monday and Friday, 10 times".
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut words = if self.is_every_weekday() { "every weekday".to_owned() } else { self.period() };
        if !self.is_every_weekday() {
            let days = self.weekdays.iter().map(|day| weekday(*day)).chain(self.month_days.iter().map(|day| month_day(*day)));
            let days = joined(&days.collect::<Vec<_>>());
            let places = joined(&self.positions.iter().map(|place| nth(*place)).collect::<Vec<_>>());
            match (days.is_empty(), places.is_empty()) {
                (true, true) => {}
                (false, true) => drop(write!(words, " on {days}")),
                (true, false) => drop(write!(words, " on the {places} day")),
                (false, false) => drop(write!(words, " on the {places} of {days}")),
            }
        }
        if !self.months.is_empty() {
            let months = self.months.iter().map(|month| name(&MONTHS, *month - 1)).collect::<Vec<_>>();
            let _ = write!(words, " in {}", joined(&months));
        }
        match self.end {
            End::Never => {}
            End::Count(1) => words.push_str(", once"),
            End::Count(count) => drop(write!(words, ", {count} times")),
            End::OnDate(date) => drop(write!(words, ", until {}", date.strftime("%-d %B %Y"))),
            End::AtUtc(second) => drop(write!(words, ", until {}", second.strftime("%-d %B %Y"))),
        }
        words
    }

    fn period(&self) -> String {
        let unit = match self.frequency {
            Frequency::Hourly => "hour",
            Frequency::Daily => "day",
            Frequency::Weekly => "week",
            Frequency::Monthly => "month",
            Frequency::Yearly => "year",
        };
        if self.interval == 1 { format!("every {unit}") } else { format!("every {} {unit}s", self.interval) }
    }

    fn is_every_weekday(&self) -> bool {
        let is_workday = |day: &WeekdayNumber| day.ordinal.is_none() && !matches!(day.weekday, Weekday::Saturday | Weekday::Sunday);
        self.frequency == Frequency::Weekly
            && self.interval == 1
            && self.positions.is_empty()
            && self.weekdays.len() == 5
            && self.weekdays.iter().all(is_workday)
    }
}

fn weekday(day: WeekdayNumber) -> String {
    let weekday = name(&WEEKDAYS, i16::from(day.weekday.to_monday_zero_offset()));
    day.ordinal.map_or_else(|| weekday.clone(), |ordinal| format!("the {} {weekday}", nth(ordinal)))
}

fn month_day(day: i16) -> String {
    if day < 0 { format!("the {} day", nth(day)) } else { format!("the {}", nth(day)) }
}

/// "2nd", "last", "2nd to last".
fn nth(number: i16) -> String {
    match number {
        -1 => "last".to_owned(),
        number if number < 0 => format!("{} to last", nth(-number)),
        number => ordinal(number),
    }
}

/// "3rd".
#[must_use]
pub fn ordinal(number: i16) -> String {
    let ending = match (number % 10, number % 100) {
        (1, last) if last != 11 => "st",
        (2, last) if last != 12 => "nd",
        (3, last) if last != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn name(names: &[&str], index: i16) -> String {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default().to_owned()
}

/// "a", "a and b", "a, b and c".
#[must_use]
pub fn joined(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_in_words() {
        for (rule, words) in [
            ("FREQ=WEEKLY", "every week"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=10", "every 2 weeks on Monday and Friday, 10 times"),
            ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"),
            ("FREQ=MONTHLY;BYMONTHDAY=1,15", "every month on the 1st and the 15th"),
            ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day"),
            ("FREQ=MONTHLY;BYDAY=-1FR", "every month on the last Friday"),
            ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "every month on the last of Monday, Tuesday, Wednesday, Thursday and Friday"),
            ("FREQ=YEARLY;BYMONTH=3,11;BYMONTHDAY=22", "every year on the 22nd in March and November"),
            ("FREQ=DAILY;UNTIL=20270131", "every day, until 31 January 2027"),
            ("FREQ=HOURLY;INTERVAL=6", "every 6 hours"),
        ] {
            assert_eq!(rule.parse::<Rule>().unwrap().in_words(), words, "{rule}");
        }
    }
}
