//! When a task is due: its time or day, its place in a series, the next occurrence, and the times of its reminders.
//!
//! A recurring task is one occurrence of a series. It represents a slot of the series (`recurrence_id`). The slot stays when the due date is moved,
//! and the series continues from it.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::Serialize;

use crate::command::Field;
use crate::invalid::Checks;
use crate::moment::{Day, Moment};
use crate::offset::ReminderOffset;
use crate::preferences::DayStart;
use crate::recurrence::{Completion, Pattern, Rule, Series};
use crate::task::{Draft, EXDATES_MAX, Frequency, Recurrence, RecurrenceFrom, Status, Task};
use crate::time::Timestamp;
use crate::zone::Zone;

/// Maximum slots that are counted when a series skips some. Beyond that, the number continues from here.
const PASSED_MAX: usize = 10_000;

/// When a future occurrence is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Occurrence {
    /// The due date; for an all-day task, the beginning of its day in the task's zone.
    pub due_date: Timestamp,
    /// True if it is due on a day rather than at a time.
    pub all_day: bool,
    /// The day, if it is all-day.
    pub due_day: Option<Day>,
}

impl Task {
    /// Returns the due date in the form that callers use.
    #[must_use]
    pub fn due(&self) -> Option<Moment> {
        self.due_day.map(Moment::On).or(self.due_date.map(Moment::At))
    }

    /// Sets the due date. Changes nothing and returns false if the day has no beginning in the years 0001 to 9999.
    fn set_due(&mut self, due: Option<Moment>) -> bool {
        let (due_date, due_day) = match due {
            None => (None, None),
            Some(Moment::At(instant)) => (Some(instant), None),
            Some(Moment::On(day)) => match day.begins(&self.time_zone) {
                Some(begins) => (Some(begins), Some(day)),
                None => return false,
            },
        };
        (self.due_date, self.due_day, self.all_day) = (due_date, due_day, due_day.is_some());
        true
    }

    /// Returns when it becomes overdue: at its due date, or at the end of its day in its zone. `None` without a due date.
    #[must_use]
    pub fn overdue_from(&self) -> Option<Timestamp> {
        match self.due_day {
            Some(day) => day.ends(&self.time_zone),
            None => self.due_date,
        }
    }

    /// Returns the due date as text for the user, in this zone, which [`OwnPreferences`](crate::preferences::OwnPreferences) tells; an all-day
    /// task has no time.
    #[must_use]
    pub fn due_text(&self, zone: &Zone) -> Option<String> {
        if let Some(day) = self.due_day {
            return Some(format!("Due {}", day.get().strftime("%A, %-d %B %Y")));
        }
        let due = self.due_date?.get().to_zoned(zone.get().clone());
        Some(format!("Due {}", due.strftime("%A, %-d %B %Y, %H:%M %Z")))
    }

    /// True if its due date is in the future, or if it is all-day and its day has not ended.
    #[must_use]
    pub fn is_due_after(&self, now: Timestamp) -> bool {
        self.due_date.is_some() && self.overdue_from().is_none_or(|overdue| overdue > now)
    }

    /// Returns when a reminder this long before the due date fires. For an all-day task, it counts from the start of the user's day.
    #[must_use]
    pub fn reminder_at(&self, offset: ReminderOffset, day_start: DayStart) -> Option<Timestamp> {
        let from = match self.due_day {
            Some(day) => day.at_time(day_start.get(), &self.time_zone)?,
            None => self.due_date?,
        };
        Timestamp::new(offset.before(from.get(), self.time_zone.get())?).ok()
    }

    /// Returns the task that follows a completed one, if its series continues.
    #[must_use]
    pub fn next_occurrence(&self) -> Option<Draft> {
        let next = self.advanced(self.completed_at?)?;
        Some(Draft(Self { status: Status::Pending, completed_at: None, parent_task_id: Some(self.id), ..next }))
    }

    /// Returns the successor of a completed task at this due date, which a client may have calculated differently. `None` if the series has no such
    /// occurrence.
    #[must_use]
    pub fn next_occurrence_at(&self, due: Moment) -> Option<Draft> {
        let (series, slot) = (self.series()?, self.slot()?);
        let at = due.instant(&self.time_zone).filter(|_| self.has_later_occurrence(due))?;
        let passed = series.slots_between(slot.get(), at.get(), PASSED_MAX).max(1);
        let mut next = Self {
            status: Status::Pending,
            completed_at: None,
            parent_task_id: Some(self.id),
            recurrence_start: self.recurrence_start.or(self.due_date),
            recurrence_id: Some(at),
            recurrence_number: self.recurrence_number.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)),
            ..self.clone()
        };
        next.set_due(Some(due)).then_some(Draft(next))
    }

    /// Returns the same task at its next occurrence, not completed; `None` if the series is over.
    #[must_use]
    pub fn skipped(&self, now: Timestamp) -> Option<Self> {
        self.advanced(self.slot()?.max(now))
    }

    /// Returns the next due dates, at most this many, if each is completed when due or skipped.
    #[must_use]
    pub fn occurrences(&self, now: Timestamp, limit: usize) -> Vec<Occurrence> {
        let occurrence = |due_date: Timestamp| Occurrence {
            due_date,
            all_day: self.all_day,
            due_day: if self.all_day { Day::at(due_date, &self.time_zone) } else { None },
        };
        let Some((series, slot)) = self.series().zip(self.slot()).filter(|_| self.status == Status::Pending) else { return Vec::new() };
        match self.recurrence_from {
            RecurrenceFrom::Due => {
                let slots = series.occurrences_after(slot.max(now).get()).map_while(|slot| Timestamp::new(slot).ok());
                slots.take(limit).map(occurrence).collect()
            }
            RecurrenceFrom::Completion => {
                let following = std::iter::successors(self.skipped(now), |task| task.skipped(now));
                following.take(limit).filter_map(|task| task.due_date).map(occurrence).collect()
            }
        }
    }

    /// Returns the rule of its series from this occurrence on (RRULE of RFC 5545). COUNT is the number of occurrences left, including this one. `None`
    /// if it does not recur.
    #[must_use]
    pub fn rule_from_here(&self) -> Option<Rule> {
        let series = self.series()?;
        let rule = series.pattern.rule(series.zone.to_datetime(series.start).date());
        Some(match self.slots_left() {
            Some(left) => rule.with_count(left),
            None => rule,
        })
    }

    /// True if its series has a later occurrence that is due then.
    #[must_use]
    pub fn has_later_occurrence(&self, due: Moment) -> bool {
        let at = due.instant(&self.time_zone).filter(|_| matches!(due, Moment::On(_)) == self.all_day);
        let (Some(series), Some(slot), Some(at)) = (self.series(), self.slot(), at) else { return false };
        at > slot && at.get().checked_sub(SignedDuration::from_micros(1)).is_ok_and(|before| series.next_after(before) == Some(at.get()))
    }

    /// Returns the slot of this occurrence.
    #[must_use]
    pub fn slot(&self) -> Option<Timestamp> {
        self.recurrence_id.or(self.due_date)
    }

    fn series(&self) -> Option<Series> {
        let pattern = match self.recurrence {
            Recurrence::None => return None,
            Recurrence::Daily => Pattern::Daily,
            Recurrence::Weekly => Pattern::Weekly,
            Recurrence::Monthly => Pattern::Monthly,
            Recurrence::Custom => Pattern::Rule(self.recurrence_rule.clone()?),
        };
        let start = self.recurrence_start.or(self.due_date)?.get();
        let excluded = self.recurrence_exdates.clone();
        Some(Series { start, zone: self.time_zone.get().clone(), pattern, all_day: self.all_day, excluded })
    }

    /// Returns the task at the occurrence that follows if this one is done at that time: the first slot after both its own slot and that time, or the
    /// date counted from that time.
    fn advanced(&self, done: Timestamp) -> Option<Self> {
        let (series, slot) = (self.series()?, self.slot()?);
        let (next, passed) = match self.recurrence_from {
            RecurrenceFrom::Due => {
                let next = series.next_after(slot.max(done).get())?;
                (next, series.slots_between(slot.get(), next, PASSED_MAX).max(1))
            }
            RecurrenceFrom::Completion => {
                let occurrence = u32::try_from(self.recurrence_number).unwrap_or(u32::MAX);
                (series.next_from_completion(Completion { at: done.get(), slot: slot.get(), occurrence })?, 1)
            }
        };
        let next = Timestamp::new(next).ok()?;
        let mut task = Self {
            recurrence_start: self.recurrence_start.or(self.due_date),
            recurrence_id: Some(next),
            recurrence_number: self.recurrence_number.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)),
            ..self.clone()
        };
        let due = if self.all_day { Moment::On(Day::at(next, &self.time_zone)?) } else { Moment::At(next) };
        task.set_due(Some(due)).then_some(task)
    }

    /// Returns the number of remaining slots, including its own, if COUNT limits them.
    fn slots_left(&self) -> Option<u16> {
        let count = self.recurrence_rule.as_ref()?.count()?;
        let (series, slot) = (self.series()?, self.slot()?);
        let passed = match self.recurrence_from {
            // The start counts as one, whatever the slot is.
            RecurrenceFrom::Due => series.slots_between(series.start, slot.get(), count.into()),
            RecurrenceFrom::Completion => usize::try_from(self.recurrence_number.saturating_sub(1)).unwrap_or(0),
        };
        Some(count.saturating_sub(u16::try_from(passed).unwrap_or(u16::MAX)).max(1))
    }

    /// Returns start and slot of the series after a change of zone or kind (timed or all-day). The slot keeps its local day or time, and the start
    /// keeps its distance from it. If a zone comes with a due date of the same wall-clock time, the whole series moves to the new zone's clock.
    fn carried(&self, changed: &Self) -> Option<(Timestamp, Timestamp)> {
        let (start, slot) = (self.recurrence_start?, self.slot()?);
        if self.all_day == changed.all_day && self.time_zone == changed.time_zone {
            return Some((start, slot));
        }
        let local = |instant: Timestamp, zone: &Zone| zone.get().to_datetime(instant.get());
        let (from, to) = (local(slot, &self.time_zone), local(slot, &changed.time_zone));
        let (due, changed_due) = (local(self.due_date?, &self.time_zone), local(changed.due_date?, &changed.time_zone));
        let keeps_instant = !self.all_day && !changed.all_day && due != changed_due;
        let to: DateTime = match (self.all_day, changed.all_day) {
            (true, true) => from.date().into(),
            (false, true) => to.date().into(),
            (true, false) => from.date().to_datetime(changed_due.time()),
            (false, false) => {
                if keeps_instant {
                    to
                } else {
                    from
                }
            }
        };
        let first = local(start, &self.time_zone).date().checked_add(to.date() - from.date()).ok()?;
        let start = Day::new(first)?.at_time(to.time(), &changed.time_zone)?;
        // If a clock change repeats the time on the slot's day, the slot keeps the same one of the two times.
        let slot = if keeps_instant { slot } else { Day::new(to.date())?.at_time(to.time(), &changed.time_zone)? };
        Some((start, slot))
    }

    /// Returns the due date of a row that the previous release wrote last. That release changes the zone of an all-day task without its due date.
    #[must_use]
    pub fn with_day_kept(mut self) -> Self {
        let written = self.due_date;
        if self.set_due(self.due()) && self.due_date != written {
            for series in [&mut self.recurrence_start, &mut self.recurrence_id] {
                if *series == written {
                    *series = self.due_date;
                }
            }
        }
        self
    }
}

/// The scheduling fields of a change.
pub(crate) struct Schedule {
    pub(crate) due_date: Field<Option<Moment>>,
    pub(crate) all_day: Field<bool>,
    pub(crate) time_zone: Field<Zone>,
    pub(crate) recurrence: Field<Frequency>,
    pub(crate) recurrence_rule: Field<Option<Rule>>,
    pub(crate) recurrence_from: Field<RecurrenceFrom>,
    pub(crate) recurrence_start: Field<Moment>,
    pub(crate) recurrence_exdates: Field<Vec<Moment>>,
}

impl Schedule {
    /// Applies the fields to the task, and collects errors.
    pub(crate) fn apply(self, task: &mut Task, checks: &mut Checks) {
        let before = task.clone();
        self.time_zone.write_to(&mut task.time_zone);
        self.recurrence_from.write_to(&mut task.recurrence_from);
        let is_due_given = !self.due_date.is_keep();
        set_due(task, &self.due_date, self.all_day, checks);
        set_recurrence(task, self.recurrence, self.recurrence_rule, checks);
        if let Field::Set(exdates) = self.recurrence_exdates {
            set_exdates(task, exdates, checks);
        }
        task.check_recurrence(checks);
        if task.recurrence == Recurrence::None {
            let without = |given: bool, pointer: &str, checks: &mut Checks| checks.require(!given, pointer, "the task does not recur");
            without(!self.recurrence_start.is_keep(), "/recurrence_start", checks);
            without(!task.recurrence_exdates.is_empty() && before.recurrence == Recurrence::None, "/recurrence_exdates", checks);
            (task.recurrence_start, task.recurrence_id, task.recurrence_number) = (None, None, 1);
            task.recurrence_exdates = Vec::new();
            return;
        }
        set_series(task, &before, is_due_given, &self.recurrence_start, checks);
    }
}

impl Task {
    /// Collects an error if the recurrence does not fit the due date.
    pub(crate) fn check_recurrence(&self, checks: &mut Checks) {
        let pointer = if self.recurrence == Recurrence::Custom { "/recurrence_rule" } else { "/recurrence" };
        let recurs = self.recurrence != Recurrence::None;
        checks.require(self.due_date.is_some() || !recurs, pointer, "a task that recurs needs a due_date");
        let is_hourly = self.recurrence_rule.as_ref().is_some_and(Rule::is_hourly);
        checks.require(!(is_hourly && self.all_day), "/recurrence_rule", "FREQ=HOURLY needs a due_date with a time");
    }
}

fn set_due(task: &mut Task, due_date: &Field<Option<Moment>>, all_day: Field<bool>, checks: &mut Checks) {
    let due = due_date.clone().unwrap_or_else(|| task.due());
    let is_day = matches!(due, Some(Moment::On(_)));
    let all_day = match (all_day, due) {
        (Field::Keep, _) => is_day,
        (Field::Set(all_day), None) => {
            checks.require(!all_day, "/all_day", "an all-day task needs a due_date");
            false
        }
        (Field::Set(all_day), Some(_)) => {
            checks.require(all_day || !is_day || due_date.is_keep(), "/all_day", "a due_date without a time is all-day");
            all_day
        }
    };
    let due = match due {
        Some(due) if all_day => due.day(&task.time_zone).map(Moment::On),
        Some(due) => due.instant(&task.time_zone).map(Moment::At),
        None => None,
    };
    let is_kept = due.is_some() || !matches!(due_date, Field::Set(Some(_)));
    checks.require(is_kept && task.set_due(due), "/due_date", "outside the years 0001 to 9999");
}

fn set_recurrence(task: &mut Task, frequency: Field<Frequency>, rule: Field<Option<Rule>>, checks: &mut Checks) {
    match (frequency, rule) {
        (Field::Keep, Field::Keep) => {}
        (frequency, Field::Set(Some(rule))) => {
            let alone = frequency.unwrap_or(Frequency::None) == Frequency::None;
            checks.require(alone, "/recurrence_rule", "a recurrence_rule replaces recurrence: leave one of them out");
            task.recurrence = Recurrence::Custom;
            task.recurrence_rule = Some(rule);
        }
        (Field::Set(frequency), _) => {
            task.recurrence = frequency.into();
            task.recurrence_rule = None;
        }
        (Field::Keep, Field::Set(None)) => {
            if task.recurrence_rule.take().is_some() {
                task.recurrence = Recurrence::None;
            }
        }
    }
}

fn set_exdates(task: &mut Task, exdates: Vec<Moment>, checks: &mut Checks) {
    let mut own: Vec<Moment> = Vec::with_capacity(exdates.len().min(EXDATES_MAX));
    for moment in exdates {
        if own.len() <= EXDATES_MAX && !own.contains(&moment) {
            own.push(moment);
        }
    }
    checks.require(own.len() <= EXDATES_MAX, "/recurrence_exdates", format_args!("at most {EXDATES_MAX}"));
    task.recurrence_exdates = own;
}

/// Sets the place of a recurring task in its series.
///
/// Another rule starts a series at the slot, or at a due date given with it. A `recurrence_start` starts one there, and moves the occurrence to it.
/// With other changes, the occurrence keeps its slot. A series that restarts with the same rule has as many slots as the old one had left.
fn set_series(task: &mut Task, before: &Task, is_due_given: bool, start: &Field<Moment>, checks: &mut Checks) {
    let Some(due) = task.due_date else { return };
    let carried = before.carried(task);
    let is_same_rule = (task.recurrence, &task.recurrence_rule) == (before.recurrence, &before.recurrence_rule);
    let start = match start {
        Field::Set(start) => {
            let start = *start;
            let moment = if task.all_day { start.day(&task.time_zone).map(Moment::On) } else { at_time_of(start, due, &task.time_zone) };
            let instant = moment.and_then(|moment| moment.instant(&task.time_zone));
            checks.require(instant.is_some(), "/recurrence_start", "outside the years 0001 to 9999");
            instant.zip(moment).filter(|(instant, _)| carried.is_none_or(|(own, _)| own != *instant))
        }
        Field::Keep => None,
    };
    let is_new = !is_same_rule || task.recurrence_from != before.recurrence_from;
    let first = match (start, carried) {
        (Some((instant, moment)), _) => {
            if !is_due_given {
                task.set_due(Some(moment));
            }
            instant
        }
        (None, Some((start, slot))) if !is_new => {
            (task.recurrence_start, task.recurrence_id) = (Some(start), Some(slot));
            return;
        }
        (None, Some((_, slot))) if !is_due_given => slot,
        (None, _) => due,
    };
    (task.recurrence_start, task.recurrence_id, task.recurrence_number) = (Some(first), Some(first), 1);
    if is_same_rule && let Some(left) = before.slots_left() {
        task.recurrence_rule = task.recurrence_rule.take().map(|rule| rule.with_count(left));
    }
    checks.require(task.series().is_none_or(|series| series.occurs()), "/recurrence_rule", "no date meets this rule");
}

/// Returns a start of timed slots; a day gets the time of the due date.
fn at_time_of(start: Moment, due: Timestamp, zone: &Zone) -> Option<Moment> {
    match start {
        Moment::At(_) => Some(start),
        Moment::On(day) => day.at_time(zone.get().to_datetime(due.get()).time(), zone).map(Moment::At),
    }
}
