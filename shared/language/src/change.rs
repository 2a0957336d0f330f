//! Changes of a task that a sentence requests: "move 12 to Friday", "postpone it by 2 days", "make 12 weekly".

use domain::Moment;
use domain::command::{Field, UpdateTask};
use domain::offset::ReminderOffset;
use domain::task::{Frequency, Priority, Task};
use domain::zone::Zone;
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Span};

use crate::grammar::{Clock, Context, Day, Place, Repeat, Scene};
use crate::locale::Locale;
use crate::moment::{self, TimeSaid};
use crate::part::Note;
use crate::repeats::{self, End};

/// A change of a task. Some changes depend on the task: "to Friday" keeps its time, "by 2 days" counts from its date.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub(crate) zone: Zone,
    pub(crate) locale: Option<Locale>,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) due: Option<Due>,
    pub(crate) repeats: Option<Repeats>,
    pub(crate) priority: Option<Priority>,
    pub(crate) tags: Vec<String>,
    /// True if all its tags are removed.
    pub(crate) untags: bool,
    pub(crate) reminder: Field<Option<ReminderOffset>>,
}

/// The new due date.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Due {
    /// This moment.
    At(domain::Timestamp),
    /// This day and time, in the zone of the sentence. A part that is not given comes from the task.
    When { day: Option<Day>, time: TimeSaid, place: Option<Place> },
    /// This much later or earlier.
    Shift(Shift),
    /// No due date.
    Clear,
}

/// A shift of a due date: days and months keep its wall-clock time, minutes are exact. Negative means earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) minutes: i32,
}

/// The new recurrence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Repeats {
    /// It repeats like this.
    So { repeat: Repeat, end: End, from_completion: bool },
    /// It no longer repeats.
    Not,
}

impl Change {
    pub(crate) fn new(context: &Context) -> Self {
        Self::none(context.zone.clone(), context.locale.clone())
    }

    fn none(zone: Zone, locale: Option<Locale>) -> Self {
        Self {
            zone,
            locale,
            title: None,
            description: None,
            due: None,
            repeats: None,
            priority: None,
            tags: Vec::new(),
            untags: false,
            reminder: Field::Keep,
        }
    }

    /// True if nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::none(self.zone.clone(), self.locale.clone())
    }

    /// Returns the command for this change of the task, and the assumptions. Unchanged fields are omitted.
    ///
    /// # Errors
    /// Why it is impossible, as text for the user: a task without a due date cannot be postponed.
    pub fn update(&self, task: &Task, now: domain::Timestamp) -> Result<(UpdateTask, Vec<Note>), Note> {
        let context = Context::new(&Scene::new(now, &self.zone).in_locale(self.locale.clone()));
        let context = match &self.due {
            Some(Due::When { place: Some(place), .. }) => context.at(place),
            _ => context,
        };
        let mut notes = Vec::new();
        let had = match task.due_day {
            Some(day) => Some(day.get().into()),
            None => task.due_date.map(|due| context.tz().to_datetime(due.get())),
        };
        let mut update = UpdateTask {
            task_id: task.id,
            title: field(self.title.clone()),
            description: field(self.description.clone()),
            priority: field(self.priority),
            reminder_offset: self.reminder.clone(),
            ..UpdateTask::default()
        };
        let due = self.due_of(had, &context, &mut notes)?;
        // A day without a time stays a day, and so does an all-day task's due date.
        let is_day = self.says_no_time() && (task.all_day || had.is_none());
        let moment = |due: domain::Timestamp| {
            let day = domain::Day::at(due, &self.zone).filter(|_| is_day);
            day.map_or(Moment::At(due), Moment::On)
        };
        update.due_date = match due {
            Field::Keep => Field::Keep,
            Field::Set(due) => Field::Set(due.map(moment)),
        };
        if let Some(first) = self.recur(&mut update, had, &context, &mut notes)? {
            update.due_date = Field::Set(Some(moment(first)));
        }
        if matches!(update.due_date, Field::Set(None)) {
            let_go(&mut update, task);
        }
        if self.untags {
            update.tags = Field::Set(self.tags.clone());
        } else if !self.tags.is_empty() {
            let tags = task.with_tags(&self.tags).map_err(|invalid| Note::missed(invalid.to_string()))?.tags;
            update.tags = Field::Set(tags);
        }
        Ok((update, notes))
    }

    /// True if the sentence gives no time of day.
    fn says_no_time(&self) -> bool {
        match &self.due {
            None | Some(Due::Clear) => true,
            Some(Due::At(_)) => false,
            Some(Due::Shift(shift)) => shift.minutes == 0,
            Some(Due::When { time, .. }) => time.is_open(),
        }
    }

    /// Returns the new due date, unless a recurrence decides it.
    fn due_of(&self, had: Option<DateTime>, context: &Context, notes: &mut Vec<Note>) -> Result<Field<Option<domain::Timestamp>>, Note> {
        let far = || Note::missed("That date is out of range.");
        let local = match &self.due {
            None => return Ok(Field::Keep),
            Some(Due::Clear) => return Ok(Field::Set(None)),
            Some(Due::At(at)) => return Ok(Field::Set(Some(*at))),
            Some(Due::Shift(shift)) => {
                let had = had.ok_or_else(|| Note::missed("It has no due date: say when it is due instead."))?;
                return shift.of(had, context, notes).ok_or_else(far).map(|due| Field::Set(Some(due)));
            }
            Some(Due::When { .. }) if matches!(self.repeats, Some(Repeats::So { .. })) => return Ok(Field::Keep),
            Some(Due::When { day, time, .. }) => moved(day.as_ref(), *time, had, context, notes).ok_or_else(far)?,
        };
        moment::instant(local, context, notes).ok_or_else(far).map(|due| Field::Set(Some(due)))
    }

    /// Sets the new recurrence. Returns the first due date if the sentence or the rule requires another one.
    fn recur(
        &self,
        update: &mut UpdateTask,
        had: Option<DateTime>,
        context: &Context,
        notes: &mut Vec<Note>,
    ) -> Result<Option<domain::Timestamp>, Note> {
        let (repeat, end, from_completion) = match &self.repeats {
            None => return Ok(None),
            Some(Repeats::Not) => {
                update.recurrence = Field::Set(Frequency::None);
                return Ok(None);
            }
            Some(Repeats::So { repeat, end, from_completion }) => (repeat, *end, *from_completion),
        };
        let (day, said) = match &self.due {
            Some(Due::When { day, time, .. }) => (day.clone(), *time),
            _ => (None, TimeSaid::default()),
        };
        let is_anchored =
            had.is_some() && day.is_none() && said.is_open() && repeat.by == crate::grammar::By::Start && repeat.months.is_empty();
        let first = match (had, &self.due) {
            (Some(had), _) if is_anchored => had,
            (_, Some(Due::At(at))) => context.tz().to_datetime(at.get()),
            (had, _) => {
                let said = if said.is_open() { had.map_or(said, |had| exactly(had.time())) } else { said };
                repeats::first(repeat, day.as_ref(), said, context, notes).ok_or_else(|| Note::missed("No date fits that recurrence."))?
            }
        };
        let due = if Some(first) == had { None } else { moment::instant(first, context, notes) };
        let recurrence = repeats::recurrence(repeat, first.date(), end, notes);
        match recurrence.rule {
            Some(rule) => update.recurrence_rule = Field::Set(Some(rule)),
            None => update.recurrence = Field::Set(recurrence.frequency),
        }
        if let Some(Due::When { place: Some(Place { zone: Some(zone), .. }), .. }) = &self.due {
            update.time_zone = Field::Set(zone.clone());
        }
        if from_completion {
            update.recurrence_from = Field::Set(domain::task::RecurrenceFrom::Completion);
        }
        Ok(due)
    }
}

/// Removes recurrence and reminder, which need a due date.
fn let_go(update: &mut UpdateTask, task: &Task) {
    if task.recurrence != domain::task::Recurrence::None {
        update.recurrence = Field::Set(Frequency::None);
    }
    if task.reminder_offset.is_some() {
        update.reminder_offset = Field::Set(None);
    }
}

fn field<T>(value: Option<T>) -> Field<T> {
    value.map_or(Field::Keep, Field::Set)
}

fn exactly(time: Time) -> TimeSaid {
    TimeSaid { clock: Some(Clock { hour: time.hour(), minute: time.minute(), is_sure: true }), part: None }
}

/// Combines the given day or time with the other part of the task's.
fn moved(day: Option<&Day>, time: TimeSaid, had: Option<DateTime>, context: &Context, notes: &mut Vec<Note>) -> Option<DateTime> {
    match (day, had) {
        (Some(day), Some(had)) if time.is_open() => moment::local(Some(day), exactly(had.time()), context, notes),
        // A time alone keeps a date in the future.
        (None, Some(had)) if had.date() > context.today() => moment::local(Some(&Day::On(had.date())), time, context, notes),
        (day, _) => moment::local(day, time, context, notes),
    }
}

impl Shift {
    fn of(self, had: DateTime, context: &Context, notes: &mut Vec<Note>) -> Option<domain::Timestamp> {
        let span = Span::new().try_months(self.months).ok()?.try_days(self.days).ok()?;
        let moved = moment::instant(had.checked_add(span).ok()?, context, notes)?;
        let moved = moved.get().checked_add(SignedDuration::from_mins(self.minutes.into())).ok()?;
        domain::Timestamp::new(moved).ok()
    }

    pub(crate) fn describe(self) -> String {
        let unit = |amount: i32, unit: &str| match amount.abs() {
            0 => None,
            1 => Some(format!("1 {unit}")),
            amount => Some(format!("{amount} {unit}s")),
        };
        let (hours, minutes) = (self.minutes / 60, self.minutes % 60);
        let amounts = [unit(self.months, "month"), unit(self.days, "day"), unit(hours, "hour"), unit(minutes, "minute")];
        let is_earlier = self.months < 0 || self.days < 0 || self.minutes < 0;
        format!("{} {}", amounts.into_iter().flatten().collect::<Vec<_>>().join(" "), if is_earlier { "earlier" } else { "later" })
    }
}
