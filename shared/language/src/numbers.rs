//! Numbers, ordinals and lengths of time, in words and digits.

use crate::words::Word;

const CARDINALS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
const TENS: [(&str, u32); 8] =
    [("twenty", 20), ("thirty", 30), ("forty", 40), ("fifty", 50), ("sixty", 60), ("seventy", 70), ("eighty", 80), ("ninety", 90)];
const ORDINALS: [&str; 21] = [
    "",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];

/// Maximum digits of a number; longer ones are not amounts.
const FIGURES_MAX: usize = 5;

/// Parses digits only.
pub(crate) fn figures(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.len() <= FIGURES_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// "3", "three", "forty-five".
pub(crate) fn cardinal(text: &str) -> Option<u32> {
    let small = |text: &str| CARDINALS.iter().position(|name| *name == text).and_then(|number| u32::try_from(number).ok());
    let tens = |text: &str| TENS.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    let compound = || {
        let (ten, one) = text.split_once('-')?;
        let one = small(one).filter(|one| (1..=9).contains(one))?;
        Some(tens(ten)? + one)
    };
    figures(text).or_else(|| small(text)).or_else(|| tens(text)).or_else(compound)
}

/// "3rd", "twenty-first"; in digits only with the right English ending.
pub(crate) fn ordinal(text: &str) -> Option<u32> {
    ordinal_figures(text).or_else(|| ordinal_word(text))
}

/// "3rd".
pub(crate) fn ordinal_figures(text: &str) -> Option<u32> {
    let (number, ending) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let number = figures(number).filter(|number| *number > 0)?;
    let right = match (number % 10, number % 100) {
        (1, last) if last != 11 => "st",
        (2, last) if last != 12 => "nd",
        (3, last) if last != 13 => "rd",
        _ => "th",
    };
    (ending == right).then_some(number)
}

/// "third", "thirty-first".
pub(crate) fn ordinal_word(text: &str) -> Option<u32> {
    let small =
        |text: &str| ORDINALS.iter().position(|name| !name.is_empty() && *name == text).and_then(|number| u32::try_from(number).ok());
    let compound = || {
        let (ten, one) = text.split_once('-')?;
        let ten = TENS.iter().find(|(name, _)| *name == ten)?.1;
        Some(ten + small(one).filter(|one| (1..=9).contains(one))?)
    };
    small(text).or_else(|| (text == "thirtieth").then_some(30)).or_else(compound)
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    /// "hour", "hrs", "h".
    pub(crate) fn named(text: &str) -> Option<Self> {
        Some(match text {
            "minute" | "minutes" | "min" | "mins" => Self::Minute,
            "hour" | "hours" | "hr" | "hrs" | "h" => Self::Hour,
            "day" | "days" => Self::Day,
            "week" | "weeks" | "wk" | "wks" => Self::Week,
            "month" | "months" => Self::Month,
            "year" | "years" | "yr" | "yrs" => Self::Year,
            _ => return None,
        })
    }

    /// The same, and units that are multiples: "fortnight", "quarter".
    fn counted(text: &str) -> Option<(Self, u32)> {
        // "in a week's time".
        match text.trim_end_matches("'s") {
            "fortnight" | "fortnights" => Some((Self::Week, 2)),
            "quarter" | "quarters" => Some((Self::Month, 3)),
            text => Some((Self::named(text)?, 1)),
        }
    }

    /// A suffix of digits, where single letters are unambiguous: "3d", "2w".
    fn ending(text: &str) -> Option<Self> {
        match text {
            "m" => Some(Self::Minute),
            "d" => Some(Self::Day),
            "w" => Some(Self::Week),
            "mo" | "mos" | "mth" | "mths" => Some(Self::Month),
            "y" => Some(Self::Year),
            text => Self::named(text),
        }
    }

    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A length of time: calendar units and exact minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) minutes: i32,
}

impl Length {
    pub(crate) fn of(amount: u32, unit: Unit) -> Self {
        // At most FIGURES_MAX digits times 1,440, which is within the range.
        let amount = i32::try_from(amount).unwrap_or(i32::MAX);
        let times = |factor: i32| amount.saturating_mul(factor);
        match unit {
            Unit::Minute => Self { minutes: amount, ..Self::default() },
            Unit::Hour => Self { minutes: times(60), ..Self::default() },
            Unit::Day => Self { days: amount, ..Self::default() },
            Unit::Week => Self { days: times(7), ..Self::default() },
            Unit::Month => Self { months: amount, ..Self::default() },
            Unit::Year => Self { months: times(12), ..Self::default() },
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            months: self.months.saturating_add(other.months),
            days: self.days.saturating_add(other.days),
            minutes: self.minutes.saturating_add(other.minutes),
        }
    }

    /// True if it consists of hours and minutes only.
    pub(crate) fn is_exact(self) -> bool {
        self.months == 0 && self.days == 0
    }
}

/// "2 hours", "an hour", "half an hour", "1.5 hours", "1h30m", "2 days and 3 hours", from the word at `at`; and where it ends.
pub(crate) fn length(words: &[Word], at: usize) -> Option<(Length, usize)> {
    let (mut total, mut end) = one_length(words, at)?;
    if is_phrase(words, end, &["and", "a", "half"]) {
        let half = words.get(end.checked_sub(1)?).and_then(Word::plain).and_then(Unit::named).and_then(half_of)?;
        return Some((total.plus(half), end + 3));
    }
    let next = if words.get(end).is_some_and(|word| word.is("and")) { end + 1 } else { end };
    if let Some((more, after)) = one_length(words, next) {
        total = total.plus(more);
        end = after;
    }
    Some((total, end))
}

fn half_of(unit: Unit) -> Option<Length> {
    match unit {
        Unit::Hour => Some(Length { minutes: 30, ..Length::default() }),
        Unit::Day => Some(Length { minutes: 720, ..Length::default() }),
        Unit::Year => Some(Length { months: 6, ..Length::default() }),
        Unit::Minute | Unit::Week | Unit::Month => None,
    }
}

fn one_length(words: &[Word], at: usize) -> Option<(Length, usize)> {
    let first = words.get(at)?.plain()?;
    let unit_at = |at: usize| words.get(at).and_then(Word::plain).and_then(Unit::counted);
    if first == "half" {
        let unit = at + if words.get(at + 1)?.is_any(&["a", "an"]) { 2 } else { 1 };
        return Some((half_of(words.get(unit)?.plain().and_then(Unit::named)?)?, unit + 1));
    }
    if is_phrase(words, at, &["a", "couple"]) {
        let unit = at + if words.get(at + 2)?.is("of") { 3 } else { 2 };
        let (named, factor) = unit_at(unit)?;
        return Some((Length::of(2 * factor, named), unit + 1));
    }
    // "one and a half hours", "1 1/2 hours".
    let is_half = words.get(at + 1).is_some_and(|word| word.is_any(&["1/2", "\u{bd}"]));
    let halves = if is_phrase(words, at + 1, &["and", "a", "half"]) { 3 } else { usize::from(is_half) };
    if let (Some(whole), Some((unit, 1)), true) = (cardinal(first), unit_at(at + 1 + halves), halves > 0) {
        return Some((Length::of(whole, unit).plus(half_of(unit)?), at + 2 + halves));
    }
    if let Some((unit, factor)) = unit_at(at + 1) {
        let amount = if matches!(first, "a" | "an") { Some(1) } else { cardinal(first) };
        if let Some(amount) = amount {
            return Some((Length::of(amount.saturating_mul(factor), unit), at + 2));
        }
        return Some((decimal(first, unit)?, at + 2));
    }
    attached(first).map(|length| (length, at + 1))
}

/// "1.5" hours, "2.5" days.
fn decimal(text: &str, unit: Unit) -> Option<Length> {
    let (whole, tenths) = text.split_once('.')?;
    let (whole, tenths) = (figures(whole)?, figures(tenths).filter(|_| tenths.len() == 1)?);
    let tenth = match unit {
        Unit::Hour => 6,
        Unit::Day => 144,
        Unit::Minute | Unit::Week | Unit::Month | Unit::Year => return None,
    };
    Some(Length::of(whole, unit).plus(Length::of(tenths * tenth, Unit::Minute)))
}

/// "30min", "2h", "1h30m", "1h30".
pub(crate) fn attached(text: &str) -> Option<Length> {
    if let Some((number, unit)) =
        text.find(|c: char| c.is_ascii_alphabetic()).map(|at| text.split_at(at)).filter(|(number, _)| number.contains('.'))
    {
        return decimal(number, Unit::ending(unit)?);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (unit, rest) = rest.split_at(letters);
    let (amount, unit) = (figures(number)?, Unit::ending(unit)?);
    let length = Length::of(amount, unit);
    if rest.is_empty() {
        return Some(length);
    }
    let minutes = rest.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_minutes = matches!(&rest[minutes.len()..], "" | "m" | "min" | "mins");
    (unit == Unit::Hour && is_minutes).then_some(())?;
    Some(length.plus(Length::of(figures(minutes)?, Unit::Minute)))
}

/// True if these words are at `at`.
pub(crate) fn is_phrase(words: &[Word], at: usize, phrase: &[&str]) -> bool {
    words.get(at..).is_some_and(|rest| rest.len() >= phrase.len() && rest.iter().zip(phrase).all(|(word, expected)| word.is(expected)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    #[test]
    fn ordinals_need_the_right_ending() {
        for (text, number) in [("1st", 1), ("22nd", 22), ("13th", 13), ("third", 3), ("thirty-first", 31), ("twentieth", 20)] {
            assert_eq!(ordinal(text), Some(number), "{text}");
        }
        for text in ["1th", "11st", "st", "0th", "", "é", "third-first"] {
            assert_eq!(ordinal(text), None, "{text}");
        }
    }

    #[test]
    fn lengths_in_words_and_figures() {
        for (text, months, days, minutes) in [
            ("2 hours", 0, 0, 120),
            ("an hour and a half", 0, 0, 90),
            ("half an hour", 0, 0, 30),
            ("1.5 hours", 0, 0, 90),
            ("1.5 days", 0, 1, 720),
            ("2.5h", 0, 0, 150),
            ("2 fortnights", 0, 28, 0),
            ("a week's", 0, 7, 0),
            ("1h30m", 0, 0, 90),
            ("1h30", 0, 0, 90),
            ("30min", 0, 0, 30),
            ("two weeks", 0, 14, 0),
            ("a couple of days", 0, 2, 0),
            ("1 year and 2 months", 14, 0, 0),
            ("2 days 3 hours", 0, 2, 180),
        ] {
            let words = words(text);
            assert_eq!(length(&words, 0), Some((Length { months, days, minutes }, words.len())), "{text}");
        }
        for text in ["2", "two", "h", "2 parts", "1.5 weeks", "1h3x", "half past", "2.x", "1.5", "v1.5d"] {
            assert_eq!(length(&words(text), 0), None, "{text}");
        }
    }
}
