//! The meaning of a VTODO or a VEVENT for Taskflow.

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarEntry, ICalendarParameterName, ICalendarParameterValue, ICalendarProperty as Property,
    ICalendarRelated, ICalendarStatus, ICalendarValue,
};
use domain::command::{CreateTask, Field};
use domain::offset::OffsetUnit;
use domain::recurrence::{Rule, RuleError};
use domain::task::{
    DESCRIPTION_MAX, EXDATES_MAX, Frequency, Priority, Recurrence, RecurrenceFrom, Status, TAG_MAX, TAGS_MAX, TITLE_MAX, tags,
};
use domain::zone::Zone;
use domain::{Day, Moment, ReminderOffset, Task, Timestamp};
use jiff::civil::{Date, DateTime, Time};

use crate::document::{Component, unfold, value_of};
use crate::zones::zone_of;

/// Maximum number of alarms of a component that are read.
const ALARMS_MAX: usize = 100;
/// The title of a component without one.
const UNTITLED: &str = "(untitled)";

/// The kind of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// VTODO.
    Todo,
    /// VEVENT.
    Event,
}

/// A VTODO or a VEVENT as Taskflow understands it. Each value is valid for a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Todo {
    /// The kind of the component.
    pub kind: Kind,
    /// UID.
    pub uid: Option<String>,
    /// RECURRENCE-ID: the slot that an exception replaces. It counts from DTSTART; [`Object::exceptions`](crate::Object::exceptions) counts from the
    /// due date, as Taskflow does.
    pub recurrence_id: Option<Moment>,
    /// DTSTART.
    pub start: Option<Moment>,
    /// SUMMARY, cut to the maximum length of a title.
    pub title: String,
    /// DESCRIPTION, cut to the maximum length of a description.
    pub description: String,
    /// DUE; otherwise DTSTART with DURATION; for an event, or a series without either, DTSTART.
    pub due: Option<Moment>,
    /// The zone of the due date, if it names one. UTC only if the task recurs.
    pub zone: Option<Zone>,
    /// RRULE, if Taskflow supports it.
    pub rule: Option<Rule>,
    /// The date from which the next occurrence is counted. Tasks.org writes `FROM=COMPLETION`.
    pub recurrence_from: RecurrenceFrom,
    /// Why RRULE is not supported.
    pub rule_error: Option<RuleError>,
    /// EXDATE.
    pub exdates: Vec<Moment>,
    /// PRIORITY: 1 to 4 is high, 6 to 9 is low.
    pub priority: Priority,
    /// CATEGORIES, as tags.
    pub tags: Vec<String>,
    /// STATUS. Cancelled counts as completed. Without it, COMPLETED or PERCENT-COMPLETE decides.
    pub status: Status,
    /// COMPLETED.
    pub completed_at: Option<Timestamp>,
    /// The first of the reminders.
    pub reminder: Option<ReminderOffset>,
    /// How long before the due date each VALARM fires, in their order. `None` if a reminder cannot represent it.
    pub alarms: Vec<Option<ReminderOffset>>,
    /// RELATED-TO.
    pub related_to: Option<String>,
    /// CREATED.
    pub created_at: Option<Timestamp>,
    /// LAST-MODIFIED.
    pub modified_at: Option<Timestamp>,
    /// SEQUENCE.
    pub sequence: i64,
}

impl Todo {
    /// Reads a VTODO or a VEVENT. `zone` applies to dates without one. Returns `None` for any other component.
    #[must_use]
    pub fn read(component: &Component, zone: &Zone) -> Option<Self> {
        let kind = match component.name.as_str() {
            "VTODO" => Kind::Todo,
            "VEVENT" => Kind::Event,
            _ => return None,
        };
        let parsed = decode(component)?;
        let reader = Reader { component: &parsed, zone };
        let written = component.lines("RRULE").next().map(|line| value_of(&unfold(line)).to_owned());
        let (rule, recurrence_from, rule_error) = written.map_or((None, RecurrenceFrom::Due, None), |text| rule_of(&text));
        let recurs = rule.is_some() || rule_error.is_some();
        let start = reader.moment(&Property::Dtstart);
        let span = reader.duration(&Property::Duration);
        let due = match (kind, reader.moment(&Property::Due)) {
            (Kind::Todo, Some(due)) => Some(due),
            (Kind::Todo, None) if span.is_some() => start.clone().and_then(|start| start.later(span.unwrap_or_default(), zone)),
            (Kind::Todo, None) if recurs => start.clone(),
            (Kind::Todo, None) => None,
            (Kind::Event, _) => start.clone(),
        };
        let rule = rule.filter(|rule| due.as_ref().is_some_and(|due| !(rule.is_hourly() && due.is_day())));
        let completed_at = reader.moment(&Property::Completed).and_then(|read| read.moment.instant(zone));
        let offset = |alarm| due.as_ref().and_then(|due| offset_of(alarm, due, start.as_ref(), zone));
        let alarms: Vec<_> = component.components("VALARM").take(ALARMS_MAX).map(offset).collect();
        Some(Self {
            kind,
            uid: reader.text(&Property::Uid).map(|uid| uid.trim().to_owned()).filter(|uid| !uid.is_empty()),
            recurrence_id: reader.moment(&Property::RecurrenceId).map(|read| read.moment),
            start: start.map(|start| start.moment),
            title: title_of(&reader.text(&Property::Summary).unwrap_or_default()),
            description: description_of(&reader.text(&Property::Description).unwrap_or_default()),
            zone: due.as_ref().and_then(|due| due.zone.clone()).filter(|zone| rule.is_some() || *zone != Zone::utc()),
            due: due.map(|due| due.moment),
            exdates: if rule.is_some() { reader.exdates() } else { Vec::new() },
            rule,
            recurrence_from,
            rule_error,
            priority: priority_of(reader.number(&Property::Priority)),
            tags: reader.tags(),
            status: reader.status(completed_at),
            completed_at,
            reminder: alarms.iter().flatten().next().copied(),
            alarms,
            related_to: reader.text(&Property::RelatedTo),
            created_at: reader.moment(&Property::Created).and_then(|read| read.moment.instant(zone)),
            modified_at: reader.moment(&Property::LastModified).and_then(|read| read.moment.instant(zone)),
            sequence: reader.number(&Property::Sequence).unwrap_or(0).clamp(0, i64::from(i32::MAX)),
        })
    }

    /// Returns the meaning of a task in the same terms. Comparing the two shows what a client has changed.
    #[must_use]
    pub fn of(task: &Task) -> Self {
        Self {
            kind: Kind::Todo,
            uid: None,
            recurrence_id: None,
            start: None,
            title: task.title.clone(),
            description: task.description.clone(),
            due: task.due(),
            zone: (!task.all_day && task.due_date.is_some()).then(|| task.time_zone.clone()),
            // A completed occurrence does not recur: its series continues with the next.
            rule: rule_from_here(task).filter(|_| task.status == Status::Pending),
            recurrence_from: task.recurrence_from,
            rule_error: None,
            exdates: task.recurrence_exdates.clone(),
            priority: task.priority,
            tags: task.tags.clone(),
            status: task.status,
            completed_at: task.completed_at,
            reminder: task.reminder_offset.map(ReminderOffset::normalized),
            alarms: Vec::new(),
            related_to: None,
            created_at: Some(task.created_at),
            modified_at: Some(task.updated_at),
            sequence: task.version,
        }
    }

    /// Returns the reminders that its alarms stand for, each once, in their order.
    #[must_use]
    pub fn reminders(&self) -> Vec<ReminderOffset> {
        ReminderOffset::distinct(self.alarms.iter().flatten().copied())
    }

    /// Returns the task that it describes.
    #[must_use]
    pub fn create(&self) -> CreateTask {
        let frequency = self.rule.as_ref().and_then(|rule| frequency_of(rule, self.due, self.zone.as_ref()));
        CreateTask {
            uid: self.uid.as_deref().and_then(|uid| uid.parse().ok()).filter(|uid: &uuid::Uuid| !uid.is_nil()),
            title: self.title.clone(),
            description: self.description.clone(),
            due_date: self.due,
            time_zone: self.zone.clone().map_or(Field::Keep, Field::Set),
            recurrence: frequency.unwrap_or_default(),
            recurrence_rule: if frequency.is_some() { None } else { self.rule.clone() },
            recurrence_from: self.recurrence_from,
            recurrence_exdates: self.exdates.clone(),
            priority: self.priority,
            tags: self.tags.clone(),
            reminder_offset: self.reminder,
            ..CreateTask::default()
        }
    }
}

/// Returns the plain frequency with the same meaning as a rule.
pub(crate) fn frequency_of(rule: &Rule, due: Option<Moment>, zone: Option<&Zone>) -> Option<Frequency> {
    let day = due.and_then(|due| due.day(zone.unwrap_or(&Zone::utc()))).map_or(31, |day| day.get().day());
    match rule.to_string().as_str() {
        "FREQ=DAILY" => Some(Frequency::Daily),
        "FREQ=WEEKLY" => Some(Frequency::Weekly),
        "FREQ=MONTHLY" if day <= 28 => Some(Frequency::Monthly),
        _ => None,
    }
}

/// Returns the rule of a task's series from its occurrence on, in the shortest form.
fn rule_from_here(task: &Task) -> Option<Rule> {
    let rule = task.rule_from_here()?;
    let day = task.due().and_then(|due| due.day(&task.time_zone)).map_or(31, |day| day.get().day());
    let is_plain = task.recurrence == Recurrence::Monthly && day <= 28;
    if is_plain { "FREQ=MONTHLY".parse().ok() } else { Some(rule) }
}

/// A date as it was written: its zone, if it names one.
#[derive(Clone, Debug, PartialEq)]
struct Read {
    moment: Moment,
    zone: Option<Zone>,
}

impl Read {
    fn is_day(&self) -> bool {
        matches!(self.moment, Moment::On(_))
    }

    fn later(self, seconds: i64, zone: &Zone) -> Option<Self> {
        let moment = match self.moment {
            Moment::On(day) if seconds % 86_400 == 0 => {
                Moment::On(Day::new(day.get().checked_add(jiff::Span::new().try_days(seconds / 86_400).ok()?).ok()?)?)
            }
            moment => {
                let at = moment.instant(zone)?.get().checked_add(jiff::SignedDuration::from_secs(seconds)).ok()?;
                Moment::At(Timestamp::new(at).ok()?)
            }
        };
        Some(Self { moment, ..self })
    }
}

/// Returns a component's own properties.
struct Reader<'a> {
    component: &'a ICalendarComponent,
    zone: &'a Zone,
}

fn decode(component: &Component) -> Option<ICalendarComponent> {
    ICalendar::parse(component.own_text()).ok()?.components.into_iter().next()
}

impl Reader<'_> {
    fn text(&self, property: &Property) -> Option<String> {
        self.component.property(property)?.values.first()?.as_text().map(ToOwned::to_owned)
    }

    fn number(&self, property: &Property) -> Option<i64> {
        self.component.property(property)?.values.first()?.as_integer()
    }

    fn moment(&self, property: &Property) -> Option<Read> {
        let entry = self.component.property(property)?;
        read_moment(entry, entry.values.first()?, self.zone)
    }

    fn duration(&self, property: &Property) -> Option<i64> {
        match self.component.property(property)?.values.first()? {
            ICalendarValue::Duration(duration) => seconds(duration),
            _ => None,
        }
    }

    fn exdates(&self) -> Vec<Moment> {
        let entries = self.component.properties(&Property::Exdate);
        let read = entries.flat_map(|entry| entry.values.iter().filter_map(|value| read_moment(entry, value, self.zone)));
        let mut exdates: Vec<Moment> = Vec::new();
        for read in read {
            if exdates.len() < EXDATES_MAX && !exdates.contains(&read.moment) {
                exdates.push(read.moment);
            }
        }
        exdates
    }

    /// Returns those categories that are valid tags.
    fn tags(&self) -> Vec<String> {
        let entries = self.component.properties(&Property::Categories);
        let texts = entries.flat_map(|entry| entry.values.iter().filter_map(ICalendarValue::as_text));
        let mut kept: Vec<String> = Vec::new();
        for text in texts.take(10 * TAGS_MAX) {
            let cut: String = text.chars().take(TAG_MAX).collect();
            if let Ok(tag) = tags(&[cut], "") {
                kept.extend(tag.into_iter().filter(|tag| kept.len() < TAGS_MAX && !kept.contains(tag)).collect::<Vec<_>>());
            }
        }
        kept
    }

    fn status(&self, completed_at: Option<Timestamp>) -> Status {
        let status = self.component.property(&Property::Status).and_then(|entry| entry.values.first());
        let is_over = match status {
            Some(ICalendarValue::Status(ICalendarStatus::Completed | ICalendarStatus::Cancelled)) => true,
            Some(_) => false,
            None => completed_at.is_some() || self.number(&Property::PercentComplete) == Some(100),
        };
        if is_over { Status::Completed } else { Status::Pending }
    }
}

fn read_moment(entry: &ICalendarEntry, value: &ICalendarValue, zone: &Zone) -> Option<Read> {
    let date_time = value.as_partial_date_time()?;
    let date = date_of(date_time)?;
    let Some(time) = time_of(date_time) else { return Some(Read { moment: Moment::On(Day::new(date)?), zone: None }) };
    if date_time.tz_hour.is_some() {
        let offset = i32::from(date_time.tz_hour?) * 3600 + i32::from(date_time.tz_minute.unwrap_or(0)) * 60;
        let offset = jiff::tz::Offset::from_seconds(if date_time.tz_minus { -offset } else { offset }).ok()?;
        let at = offset.to_timestamp(DateTime::from_parts(date, time)).ok()?;
        return Some(Read { moment: Moment::At(Timestamp::new(at).ok()?), zone: Some(Zone::utc()) });
    }
    let tzid = entry.params.iter().find(|param| param.name == ICalendarParameterName::Tzid);
    let named = tzid.and_then(|param| param.value.as_text().and_then(zone_of));
    let at = Day::new(date)?.at_time(time, named.as_ref().unwrap_or(zone))?;
    Some(Read { moment: Moment::At(at), zone: named })
}

fn date_of(date_time: &PartialDateTime) -> Option<Date> {
    let (year, month, day) = (date_time.year?, date_time.month?, date_time.day?);
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn time_of(date_time: &PartialDateTime) -> Option<Time> {
    // A leap second counts as the second before it.
    let second = date_time.second.unwrap_or(0).min(59);
    Time::new(date_time.hour?.try_into().ok()?, date_time.minute.unwrap_or(0).try_into().ok()?, second.try_into().ok()?, 0).ok()
}

fn seconds(duration: &calcard::icalendar::ICalendarDuration) -> Option<i64> {
    let part = |count: u32, seconds: i64| i64::from(count).checked_mul(seconds);
    let parts = [
        part(duration.weeks, 604_800),
        part(duration.days, 86_400),
        part(duration.hours, 3600),
        part(duration.minutes, 60),
        part(duration.seconds, 1),
    ];
    let sum = parts.into_iter().try_fold(0_i64, |sum, part| sum.checked_add(part?))?;
    Some(if duration.neg { -sum } else { sum })
}

/// Returns the rule of an RRULE, and what the next occurrence is counted from.
fn rule_of(text: &str) -> (Option<Rule>, RecurrenceFrom, Option<RuleError>) {
    let is_from = |part: &&str| part.trim().eq_ignore_ascii_case("FROM=COMPLETION");
    let from = if text.split(';').any(|part| is_from(&part)) { RecurrenceFrom::Completion } else { RecurrenceFrom::Due };
    let parts: Vec<&str> = text.split(';').filter(|part| !is_from(part) && !part.trim().is_empty()).collect();
    // Some clients write a local UNTIL, although RFC 5545 requires UTC.
    let parts: Vec<String> = parts.into_iter().map(with_utc_until).collect();
    match parts.join(";").parse::<Rule>() {
        Ok(rule) => (Some(rule), from, None),
        Err(error) => (None, RecurrenceFrom::Due, Some(error)),
    }
}

fn with_utc_until(part: &str) -> String {
    let is_local = part.len() == "UNTIL=20270105T090000".len()
        && part.get(..6).is_some_and(|name| name.eq_ignore_ascii_case("UNTIL="))
        && part.as_bytes()[14] == b'T';
    if is_local { format!("{part}Z") } else { part.to_owned() }
}

fn priority_of(number: Option<i64>) -> Priority {
    match number {
        Some(1..=4) => Priority::High,
        Some(6..=9) => Priority::Low,
        _ => Priority::Medium,
    }
}

fn title_of(text: &str) -> String {
    let one_line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let cut: String = one_line.trim().chars().take(TITLE_MAX).collect();
    domain::task::title(&cut).unwrap_or_else(|_| UNTITLED.to_owned())
}

fn description_of(text: &str) -> String {
    text.chars().filter(|char| *char != '\0').take(DESCRIPTION_MAX).collect()
}

/// Returns how long before the due date a VALARM fires, if a task can represent it.
fn offset_of(alarm: &Component, due: &Read, start: Option<&Read>, zone: &Zone) -> Option<ReminderOffset> {
    let parsed = decode(alarm)?;
    let entry = parsed.property(&Property::Trigger)?;
    let due_at = due.moment.instant(zone)?;
    let before = match entry.values.first()? {
        ICalendarValue::Duration(duration) => {
            let is_end = entry.params.iter().any(|param| param.value == ICalendarParameterValue::Related(ICalendarRelated::End));
            // Without RELATED=END, it counts from DTSTART. Without DTSTART, most clients mean the due date.
            let from = if is_end { due_at } else { start.map_or(Some(due_at), |start| start.moment.instant(zone))? };
            let at = from.get().checked_add(jiff::SignedDuration::from_secs(seconds(duration)?)).ok()?;
            if from == due_at && (duration.neg || seconds(duration)? == 0) {
                return as_written(duration);
            }
            due_at.get().as_second().checked_sub(at.as_second())?
        }
        // An all-day task's reminder counts from the start of the user's day, which is unknown here.
        value if !due.is_day() => {
            due_at.get().as_second().checked_sub(read_moment(entry, value, zone)?.moment.instant(zone)?.get().as_second())?
        }
        _ => return None,
    };
    offset(before)
}

/// Converts a duration of one unit to that unit: a day follows the wall clock, 24 hours do not.
fn as_written(duration: &calcard::icalendar::ICalendarDuration) -> Option<ReminderOffset> {
    let (amount, unit) = match (duration.weeks, duration.days, duration.hours, duration.minutes, duration.seconds) {
        (weeks @ 1.., 0, 0, 0, 0) => (weeks, OffsetUnit::Week),
        (0, days @ 1.., 0, 0, 0) => (days, OffsetUnit::Day),
        (0, 0, hours @ 1.., 0, 0) => (hours, OffsetUnit::Hour),
        _ => return offset(seconds(duration)?.checked_neg()?),
    };
    ReminderOffset::new(u16::try_from(amount).ok()?, unit).ok()
}

/// Converts seconds to an offset, in the largest unit that is exact.
fn offset(seconds: i64) -> Option<ReminderOffset> {
    let units = [(86_400, OffsetUnit::Day), (3600, OffsetUnit::Hour), (60, OffsetUnit::Minute)];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds % size == 0 && (seconds > 0 || *size == 60))?;
    ReminderOffset::new(u16::try_from(seconds / size).ok()?, unit).ok()
}
