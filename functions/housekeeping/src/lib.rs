//! Repairs lost work and deletes old rows: daily, when the gateway starts, and when the scheduler returns.
//!
//! Rows are authoritative; jobs and events follow them. A scheduler that loses its data loses jobs. A broker that loses its data loses events: then a
//! reminder is never written, moved, cancelled or shown, or an occurrence is never created. Each repair runs the consumer's own code under the
//! consumer's own locks, so an event that was only late finds its work done.

use std::sync::Arc;
use std::time::Duration;

use domain::preferences::DayStart;
use domain::reminder::{StoredReminder, steps};
use domain::{Task, Timestamp, routes};
use function::settings::{SettingError, Settings};
use function::{App, Change, Error, Function, JobCall, Published};

/// Maximum rows read at once.
const PAGE: i64 = 200;
/// Maximum reminders locked at once, whose jobs are published together. Changes of their tasks wait meanwhile.
const LOCKED: i64 = 50;
/// Maximum tasks of each kind that one call repairs, each in its own transaction; the next call does the rest.
const REPAIRS_MAX: usize = 5_000;
/// How long a change's events may be in transit, cold starts included, before they count as lost.
const DELIVERY_MAX: Duration = Duration::from_secs(5);
/// How long a channel may take to receive a firing, before the event counts as lost.
const SETTLE_MAX: Duration = Duration::from_hours(1);
/// Time after a task's due date when a missing reminder is no longer written, because it would be useless.
const LATE_MAX: Duration = Duration::from_hours(7 * 24);

/// Maximum days for which an audit log can be kept: a hundred years.
const AUDIT_DAYS_MAX: u16 = 36_525;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::HOUSEKEEPING).settings(|settings| audit_days(settings).map(drop)).job(keep_house)
}

/// Returns for how many days the audit log is kept; `None` means without end.
fn audit_days(settings: &Settings) -> Result<Option<u16>, SettingError> {
    let name = routes::AUDIT_DAYS.name;
    let read = |text: &str| text.parse::<u16>().ok().filter(|days| (1..=AUDIT_DAYS_MAX).contains(days));
    let problem = || SettingError { name, problem: format!("not a number of days from 1 to {AUDIT_DAYS_MAX}") };
    settings.own(name).filter(|text| !text.is_empty()).map(|text| read(text).ok_or_else(problem)).transpose()
}

/// One call.
struct House {
    app: Arc<App>,
    published: Published,
}

/// Tasks to repair.
#[derive(Default)]
struct Suspects {
    ids: Vec<i64>,
    /// Time of the latest change among them.
    changed_at: Option<Timestamp>,
}

async fn keep_house(app: Arc<App>, _: JobCall) -> Result<Published, Error> {
    let mut house = House { app: app.clone(), published: Published::All };
    let (astray, owing) = (house.astray().await?, house.owing().await?);
    let registered = house.register_jobs().await? + house.register_sends().await? + house.register_imports().await?;
    let announced = house.announce_unsettled().await?;
    let pruned = app.store()?.prune(app.now()).await?;
    let audit = match audit_days(&app.settings).map_err(Error::internal)? {
        Some(days) => app.store()?.prune_audit(app.now(), days).await?,
        None => 0,
    };
    app.store()?.tidy_tags().await?;
    app.store()?.tidy_calendars().await?;
    let refolded = app.store()?.refold().await?;
    let (mut aligned, mut spawned) = (0, 0);
    if house.events_had_time(astray.changed_at.max(owing.changed_at)).await {
        aligned = house.align(&astray).await?;
        spawned = house.spawn(&owing).await?;
    }
    tracing::info!(registered, announced, aligned, spawned, refolded, audit, ?pruned, "housekeeping is done");
    Ok(house.published)
}

impl House {
    /// Finds tasks whose reminders differ from what schedule-reminder and cancel-reminder would have made.
    async fn astray(&self) -> Result<Suspects, Error> {
        let bygone = self.app.now().before(LATE_MAX);
        let day_start = self.app.preferences().await?.day_start;
        let mut suspects = Suspects::default();
        let mut last = 0;
        loop {
            let ids = self.app.store()?.reminded_tasks(last, PAGE).await?;
            let Some(newest) = ids.last() else { return Ok(suspects) };
            last = *newest;
            for (id, task, reminders) in self.app.store()?.with_reminders(&ids).await? {
                let is_astray = is_astray(task.as_ref(), &reminders, day_start, bygone);
                if is_astray && !suspects.add(id, task.map(|task| task.updated_at)) {
                    return Ok(suspects);
                }
            }
        }
    }

    /// Finds completed tasks whose next occurrence spawn-recurrence has not created.
    async fn owing(&self) -> Result<Suspects, Error> {
        let mut suspects = Suspects::default();
        let mut last = 0;
        loop {
            let page = self.app.store()?.owing_tasks(last, PAGE).await?;
            let Some((newest, _)) = page.last() else { return Ok(suspects) };
            last = *newest;
            for (id, completed_at) in page {
                if !suspects.add(id, Some(completed_at)) {
                    return Ok(suspects);
                }
            }
        }
    }

    /// Registers the job of every pending reminder, replacing existing ones. Returns their number.
    ///
    /// A reminder's time is read under the lock under which it is moved, so an older time never replaces a newer one. An overdue job fires at once.
    async fn register_jobs(&mut self) -> Result<usize, Error> {
        let (mut last, mut registered) = (0, 0);
        loop {
            let mut change = self.change().await?;
            let page = change.unit.waiting_reminders(last, LOCKED).await?;
            let Some(newest) = page.last() else { return Ok(registered) };
            last = newest.id;
            for reminder in &page {
                change.unit.schedule_job(&reminder.dapr_job_id, reminder.task_id, reminder.scheduled_at);
            }
            self.commit(change).await?;
            registered += page.len();
        }
    }

    /// Registers the job of every unfinished import. Returns their number.
    async fn register_imports(&mut self) -> Result<usize, Error> {
        let ids = self.app.store()?.working_imports().await?;
        let mut change = self.change().await?;
        for id in &ids {
            // An import belongs to no task.
            change.unit.schedule_job(&format!("{}-{id}", routes::TRANSFER.name), 0, self.app.now());
        }
        self.commit(change).await?;
        Ok(ids.len())
    }

    /// Registers the job of every pending send, at the time of its row. Returns their number.
    async fn register_sends(&mut self) -> Result<usize, Error> {
        let (mut last, mut registered) = (0, 0);
        loop {
            let mut change = self.change().await?;
            let Some((newest, count)) = change.unit.register_sends(last, LOCKED).await? else { return Ok(registered) };
            last = newest;
            self.commit(change).await?;
            registered += count;
        }
    }

    /// Announces again firings that no channel has settled; a channel handles each firing once. Returns their number.
    async fn announce_unsettled(&mut self) -> Result<usize, Error> {
        let before = self.app.now().before(SETTLE_MAX);
        let (mut last, mut announced) = (0, 0);
        loop {
            let mut change = self.change().await?;
            let page = change.unit.unsettled_reminders(before, last, LOCKED).await?;
            let Some(newest) = page.last() else { return Ok(announced) };
            last = newest.id;
            for reminder in &page {
                change.unit.announce_trigger(reminder)?;
            }
            self.commit(change).await?;
            announced += page.len();
        }
    }

    /// Waits until the events of changes up to this one have had time to arrive. Returns false if the process is stopping.
    async fn events_had_time(&self, changed_at: Option<Timestamp>) -> bool {
        let left = changed_at.map_or(Duration::ZERO, |changed| changed.since(self.app.now().before(DELIVERY_MAX)));
        tokio::select! {
            () = tokio::time::sleep(left.min(DELIVERY_MAX)) => true,
            () = self.app.stopping.cancelled() => false,
        }
    }

    /// Does the work of schedule-reminder and cancel-reminder. Returns how many reminders were written, moved, restored or cancelled.
    async fn align(&mut self, astray: &Suspects) -> Result<usize, Error> {
        let mut aligned = 0;
        for id in &astray.ids {
            let mut change = self.change().await?;
            aligned += change.unit.align_reminders(*id).await?;
            self.commit(change).await?;
        }
        Ok(aligned)
    }

    /// Does the work of spawn-recurrence. Returns how many occurrences were created.
    async fn spawn(&mut self, owing: &Suspects) -> Result<usize, Error> {
        let mut spawned = 0;
        for id in &owing.ids {
            let mut change = self.change().await?;
            spawned += usize::from(change.unit.spawn_owed(*id).await?.is_some());
            self.commit(change).await?;
        }
        Ok(spawned)
    }

    async fn change(&self) -> Result<Change, Error> {
        self.app.change(self.app.origin(routes::HOUSEKEEPING.name), None).await
    }

    async fn commit(&mut self, change: Change) -> Result<(), Error> {
        self.published = self.published.and(change.commit().await?);
        Ok(())
    }
}

impl Suspects {
    /// Adds a task. Returns false if one call repairs no more.
    fn add(&mut self, id: i64, changed_at: Option<Timestamp>) -> bool {
        let has_room = self.ids.len() < REPAIRS_MAX;
        if has_room {
            self.ids.push(id);
            self.changed_at = self.changed_at.max(changed_at);
        } else {
            tracing::warn!(REPAIRS_MAX, "more tasks need repair than one call handles; the next call continues");
        }
        has_room
    }
}

/// True if the task's reminders differ from what they should be, and the task has not been due for too long.
fn is_astray(task: Option<&Task>, reminders: &[StoredReminder], day_start: DayStart, bygone: Timestamp) -> bool {
    let due = task.and_then(|task| task.due_date);
    let matters = due.is_none_or(|due| due >= bygone) || reminders.iter().any(|stored| stored.reminder.is_waiting());
    matters && !steps(task, reminders, day_start).is_empty()
}
