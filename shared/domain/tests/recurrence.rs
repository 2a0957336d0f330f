//! Compares the recurrence module with python-dateutil (a committed table) and with a naive day-by-day reference, and feeds it arbitrary input.

use std::{collections::BTreeMap, sync::LazyLock};

use domain::Task;
use domain::recurrence::{Completion, Pattern, Rule, Series};
use domain::task::Recurrence;
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};
use proptest::prelude::*;

type Failure = Box<dyn std::error::Error>;

// --- python-dateutil -------------------------------------------------------------------------------------------------

/// The table that `tests/tools/rrule_cases.py` writes; its docstring explains columns and classes.
const TABLE: &str = include_str!("rrule-cases.tsv");

/// Number of cases per class.
///
/// "ended" counts the series that end within the case. From "start" on, Taskflow and dateutil differ in meaning, and the script asks dateutil in
/// another way. Those classes are tested too, and the counts ensure that none disappears unnoticed.
const CLASSES: [(&str, usize); 18] = [
    ("cases", 5_645),
    ("plain", 2_210),
    ("pattern", 275),
    ("hourly", 300),
    ("all-day", 400),
    ("exdate", 300),
    ("moved", 199),
    ("skipped", 201),
    ("completion", 400),
    ("ended", 1_561),
    ("gap", 65),
    ("fold", 31),
    ("start", 880),
    ("until-date", 574),
    ("until-utc", 615),
    ("week-set", 105),
    ("mixed-days", 245),
    ("same-time", 5),
];

/// A line of the table.
struct Case<'a> {
    classes: &'a str,
    series: Series,
    after: Timestamp,
    completed: Completed,
    expected: Vec<Timestamp>,
}

impl<'a> Case<'a> {
    fn parse(line: &'a str) -> Result<Self, Failure> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [classes, rule, start, zone, after, completed, expected] = fields[..] else {
            return Err("a case has seven columns".into());
        };
        let (rule, excluded) = rule.split_once(" EXDATE=").unwrap_or((rule, ""));
        let excluded = excluded.split(',').filter(|text| !text.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
        let all_day = classes.split('+').any(|class| class == "all-day");
        let zone = ZONES.get(zone)?;
        let after = after.parse()?;
        let start = zone.to_timestamp(start.parse::<DateTime>()?)?;
        Ok(Self {
            classes,
            series: Series { all_day, excluded, ..Series::new(start, zone, pattern(rule)?) },
            after,
            completed: Completed::parse(classes, after, completed)?,
            expected: expected.split(',').filter(|text| *text != "-").map(str::parse).collect::<Result<_, _>>()?,
        })
    }

    /// Returns as many occurrences as dateutil was asked for, so a series that fails to end is noticed.
    fn answer(&self) -> Vec<Timestamp> {
        match self.completed {
            Completed::From(completion) => self.series.next_from_completion(completion).into_iter().collect(),
            Completed::Moved { slot, due } => {
                self.task(slot, due).and_then(|task| instant(&task.next_occurrence()?.0)).into_iter().collect()
            }
            Completed::Skipped { slot, due } => {
                self.task(slot, due).and_then(|task| instant(&task.skipped(moment(self.after)?)?)).into_iter().collect()
            }
            Completed::No => occurrences(&self.series, self.after).take(5).collect(),
        }
    }
}

impl Case<'_> {
    /// Returns the task at this slot of the series, moved to another due date, and completed.
    fn task(&self, slot: Timestamp, due: Timestamp) -> Option<Task> {
        let (recurrence, recurrence_rule) = match &self.series.pattern {
            Pattern::Daily => (Recurrence::Daily, None),
            Pattern::Weekly => (Recurrence::Weekly, None),
            Pattern::Monthly => (Recurrence::Monthly, None),
            Pattern::Rule(rule) => (Recurrence::Custom, Some(rule.clone())),
        };
        Some(Task {
            time_zone: self.series.zone.iana_name().unwrap_or("UTC").parse().ok()?,
            due_date: moment(due),
            recurrence,
            recurrence_rule,
            recurrence_start: moment(self.series.start),
            recurrence_id: moment(slot),
            completed_at: moment(self.after),
            ..Task::default()
        })
    }
}

fn moment(at: Timestamp) -> Option<domain::Timestamp> {
    domain::Timestamp::new(at).ok()
}

fn instant(task: &Task) -> Option<Timestamp> {
    task.due_date.map(domain::Timestamp::get)
}

/// The completed occurrence from which the case continues.
enum Completed {
    No,
    From(Completion),
    Moved { slot: Timestamp, due: Timestamp },
    Skipped { slot: Timestamp, due: Timestamp },
}

impl Completed {
    fn parse(classes: &str, at: Timestamp, text: &str) -> Result<Self, Failure> {
        let Some((slot, rest)) = text.split_once('#') else { return Ok(Self::No) };
        let slot = slot.parse()?;
        Ok(match classes.split('+').find(|class| ["moved", "skipped"].contains(class)) {
            Some("moved") => Self::Moved { slot, due: rest.parse()? },
            Some(_) => Self::Skipped { slot, due: rest.parse()? },
            None => Self::From(Completion { at, slot, occurrence: rest.parse()? }),
        })
    }

    fn is_no(&self) -> bool {
        matches!(self, Self::No)
    }
}

/// The bundled zones, so that the test does not depend on the machine's.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

fn pattern(text: &str) -> Result<Pattern, Failure> {
    Ok(match text {
        "daily" => Pattern::Daily,
        "weekly" => Pattern::Weekly,
        "monthly" => Pattern::Monthly,
        rule => Pattern::Rule(rule.parse()?),
    })
}

fn occurrences(series: &Series, after: Timestamp) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(series.next_after(after), |previous| series.next_after(*previous))
}

#[test]
fn agrees_with_dateutil() -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for line in TABLE.lines().skip(1) {
        let case = Case::parse(line).map_err(|error| format!("{line}: {error}"))?;
        let answer = case.answer();
        if answer != case.expected {
            wrong.push(format!("{line}\n    ours: {answer:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ, such as\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
    Ok(())
}

#[test]
fn the_table_has_every_class_of_cases() -> Result<(), Failure> {
    let mut found = BTreeMap::new();
    for line in TABLE.lines().skip(1) {
        let case = Case::parse(line)?;
        let ended = (case.expected.len() < 5 && case.completed.is_no()).then_some("ended");
        for class in case.classes.split('+').chain(ended).chain(["cases"]) {
            *found.entry(class).or_insert(0) += 1;
        }
    }
    assert_eq!(found, BTreeMap::from(CLASSES));
    Ok(())
}

// --- A naive reference -----------------------------------------------------------------------------------------------

/// A rule, and an independent test of whether it includes a day.
type Shape = (String, Box<dyn Fn(Date) -> bool>);

/// Rules that people use, for a series that starts on this date.
fn shape(kind: usize, interval: i32, weekday: Weekday, start: Date) -> Shape {
    let code = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][usize::from(weekday.to_monday_zero_offset().unsigned_abs())];
    let months = move |date: Date| i32::from(date.year() - start.year()) * 12 + i32::from(date.month()) - i32::from(start.month());
    let monday = |date: Date| date.saturating_sub(jiff::Span::new().days(date.weekday().to_monday_zero_offset()));
    let days = |from: Date, to: Date| (to - from).get_days();
    let is_workday = |date: Date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
    let left = |date: Date| date.days_in_month() - date.day();
    match kind {
        0 => (format!("FREQ=DAILY;INTERVAL={interval}"), Box::new(move |date| days(start, date) % interval == 0)),
        1 => (
            format!("FREQ=WEEKLY;INTERVAL={interval};BYDAY={code}"),
            Box::new(move |date| date.weekday() == weekday && days(monday(start), date) / 7 % interval == 0),
        ),
        2 => (format!("FREQ=MONTHLY;INTERVAL={interval}"), Box::new(move |date| date.day() == start.day() && months(date) % interval == 0)),
        3 => (
            format!("FREQ=MONTHLY;INTERVAL={interval};BYMONTHDAY=-1"),
            Box::new(move |date| left(date) == 0 && months(date) % interval == 0),
        ),
        4 => (format!("FREQ=MONTHLY;BYDAY=2{code}"), Box::new(move |date| date.weekday() == weekday && (8..15).contains(&date.day()))),
        5 => (format!("FREQ=MONTHLY;BYDAY=-1{code}"), Box::new(move |date| date.weekday() == weekday && left(date) < 7)),
        6 => (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1".to_owned(),
            Box::new(move |date| match date.weekday() {
                Weekday::Friday => left(date) < 3,
                _ => is_workday(date) && left(date) == 0,
            }),
        ),
        7 => (format!("FREQ=DAILY;BYDAY={code};BYMONTH=2"), Box::new(move |date| date.weekday() == weekday && date.month() == 2)),
        _ => (
            format!("FREQ=YEARLY;INTERVAL={interval}"),
            Box::new(move |date| date.day() == start.day() && months(date) % (12 * interval) == 0),
        ),
    }
}

const SHAPES: usize = 9;

/// Number of days that the reference walks: twenty years more than the rules need.
const REFERENCE_DAYS: usize = 366 * 30;

/// Returns the first occurrence after `after` by testing every day from the first.
fn reference(series: &Series, means: &dyn Fn(Date) -> bool, after: Timestamp) -> Option<Timestamp> {
    let first = series.zone.to_datetime(series.start);
    let days = std::iter::successors(first.date().tomorrow().ok(), |day| day.tomorrow().ok()).take(REFERENCE_DAYS);
    let instants = days.filter(|day| means(*day)).filter_map(|day| series.zone.to_timestamp(day.to_datetime(first.time())).ok());
    std::iter::once(series.start).chain(instants).find(|occurrence| *occurrence > after)
}

// --- Properties ------------------------------------------------------------------------------------------------------

/// Zones with special cases: half hours, a skipped day, DST backwards, clocks 26 hours apart, an invented zone that jumps by two days.
fn any_zone() -> impl Strategy<Value = TimeZone> {
    const NAMES: [&str; 12] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Pacific/Kwajalein",
        "Africa/Casablanca",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Africa/Monrovia",
        "America/Juneau",
        "Antarctica/Troll",
    ];
    let invented = ["<-24>+24<+24>-24,J60/0,J300/0", "<+24>-24", "<-24>+24"].map(TimeZone::posix);
    let zones = NAMES.into_iter().map(|name| ZONES.get(name)).chain(invented).flatten();
    prop::sample::select(zones.collect::<Vec<_>>())
}

/// Any instant. The present and the ends of the calendar are more frequent.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    let (first, last, day) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second(), 86_400);
    let second = prop_oneof![first..=last, first..=first + 1_000 * day, last - 1_000 * day..=last, 0..=30_000 * day, 0..=30_000 * day,];
    (second, 0..1_000_000_000).prop_filter_map("an instant", |(second, nanosecond)| Timestamp::new(second, nanosecond).ok())
}

/// Some of the entries as a rule part, or nothing.
fn part(name: &'static str, entry: &'static str) -> impl Strategy<Value = String> {
    let entries = prop::collection::vec(entry, 1..5);
    prop::option::of(entries).prop_map(move |list| list.map_or_else(String::new, |list| format!(";{name}={}", list.join(","))))
}

/// A text of the grammar, which need not be a valid rule.
fn any_rule_text() -> impl Strategy<Value = String> {
    let end = "|;COUNT=[1-9][0-9]{0,2}|;UNTIL=[12][0-9]{3}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])(|T(0[0-9]|1[0-9]|2[0-3])[0-5][0-9]00Z)";
    (
        "FREQ=(HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY)(|;INTERVAL=[1-9][0-9]{0,3})",
        part("BYMONTH", "[1-9]|1[0-2]"),
        part("BYMONTHDAY", "-?([1-9]|[12][0-9]|3[01])"),
        part("BYDAY", "(|-?[1-5])(MO|TU|WE|TH|FR|SA|SU)"),
        part("BYSETPOS", "-?[1-9]"),
        "(|;WKST=(MO|TU|WE|TH|FR|SA|SU))",
        end,
    )
        .prop_map(|(head, month, month_day, day, position, week, end)| format!("{head}{month}{month_day}{day}{position}{week}{end}"))
}

fn any_rule() -> impl Strategy<Value = Rule> {
    any_rule_text().prop_filter_map("a rule", |text| text.parse().ok())
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        Just(Pattern::Daily),
        Just(Pattern::Weekly),
        Just(Pattern::Monthly),
        any_rule().prop_map(Pattern::Rule),
        any_rule().prop_map(Pattern::Rule),
    ]
}

prop_compose! {
    fn any_series()(start in any_instant(), zone in any_zone(), pattern in any_pattern()) -> Series {
        Series::new(start, zone, pattern)
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), near in "[A-Z=;,:0-9+-]{0,60}", nearer in any_rule_text()) {
        for text in [text, near, nearer] {
            let _ = text.parse::<Rule>();
        }
    }

    #[test]
    fn a_rule_parses_to_what_it_shows(rule in any_rule()) {
        let text = rule.to_string();
        prop_assert_eq!(text.parse::<Rule>()?, rule.clone());
        let json = serde_json::to_string(&rule)?;
        prop_assert_eq!(serde_json::from_str::<Rule>(&json)?, rule);
    }

    #[test]
    fn occurrences_only_go_forward(series in any_series(), after in any_instant()) {
        let mut last = after;
        for occurrence in occurrences(&series, after).take(4) {
            prop_assert!(occurrence > last && occurrence >= series.start);
            last = occurrence;
        }
    }

    #[test]
    fn nothing_lies_between_two_occurrences(series in any_series(), after in any_instant(), part in 0.0..1.0) {
        if let Some(next) = series.next_after(after) {
            let between = after + SignedDuration::try_from_secs_f64(after.duration_until(next).as_secs_f64() * part)?;
            prop_assert_eq!(series.next_after(between.min(next - SignedDuration::from_nanos(1))), Some(next));
        }
    }

    #[test]
    fn completions_only_go_forward(series in any_series(), at in any_instant(), slot in any_instant(), occurrence in 0_u32..20) {
        let names_days = matches!(&series.pattern, Pattern::Rule(rule) if rule.to_string().contains(";BY"));
        if let Some(next) = series.next_from_completion(Completion { at, slot, occurrence }) {
            prop_assert!(next > at && (next > slot || !names_days));
        }
    }

    #[test]
    fn agrees_with_the_reference(
        (kind, interval) in (0..SHAPES, 1..6),
        weekday in (1_i8..=7).prop_filter_map("a weekday", |day| Weekday::from_monday_one_offset(day).ok()),
        start in 0_i64..3_000_000_000,
        seconds in -1_000_000_i64..300_000_000,
        zone in prop::sample::select(&["UTC", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo"]),
    ) {
        let (start, zone) = (Timestamp::from_second(start)?, ZONES.get(zone)?);
        let (rule, means) = shape(kind, interval, weekday, zone.to_datetime(start).date());
        let series = Series::new(start, zone, Pattern::Rule(rule.parse()?));
        let after = start + SignedDuration::from_secs(seconds);
        // The next February 29 may be beyond the reference's days.
        if let Some(expected) = reference(&series, &*means, after) {
            prop_assert_eq!(series.next_after(after), Some(expected), "{}", rule);
        }
    }
}
