//! The job of an import: reads the file on a blocking thread, and imports items in batches, each in one transaction.
//!
//! One call works for a few seconds and then registers the job again, so it stays far below the timeout of a call. The next call reads the file from
//! its beginning and skips finished items. This is cheap, and avoids storing intermediate results.

use std::sync::Arc;
use std::time::Duration;

use domain::audit::AuditLogEntry;
use domain::routes;
use domain::transfer::{ExportedReminder, ExportedTask, Import, ImportNote, ImportStatus, PREVIEW_MAX, PreviewTask};
use function::{App, Change, Error, JobCall, Published};
use store::found;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use crate::file::{Broke, File};
use crate::formats::{self, Ended};
use crate::item::{Item, Read, Scene};
use crate::{NO_TASK, job_of};

/// Number of items per batch: tasks that share a transaction and an event.
const BATCH: usize = 500;
/// Number of batches that are read ahead.
const AHEAD: usize = 1;
/// How long one call starts further batches.
const SLICE: Duration = Duration::from_secs(10);
/// Maximum number of entries in a report.
const NOTES_MAX: i64 = 100_000;

/// The reader's output.
enum Batch {
    Items(Vec<Read>),
    End(Result<(), Ended>),
}

/// Works on an import until it is finished or the time is up.
pub(crate) async fn work(app: Arc<App>, call: JobCall) -> Result<Published, Error> {
    // The job of a missing import ends here. After an error, the scheduler would retry it forever.
    let Some(id) = call.id else { return Ok(Published::All) };
    let Some(import) = found(app.store()?.import(id).await)?.filter(|import| import.status.is_working()) else { return Ok(Published::All) };
    match advance(&app, import).await {
        // The scheduler calls again after any error. A permanent error would occur each time.
        Err(error) if error.status().is_server_error() && !error.is_unavailable() => {
            error.log(&format!("/job/{}", job_of(id)));
            give_up(&app, id, "an internal error ended the import; imported tasks stay, and importing the file again adds the rest").await
        }
        result => result,
    }
}

async fn advance(app: &Arc<App>, import: Import) -> Result<Published, Error> {
    let begun = Instant::now();
    let preferences = app.preferences().await?;
    let scene = Scene { now: app.now(), zone: preferences.time_zone, day_start: preferences.day_start };
    let (mut batches, broke) = read(app, &import, scene)?;
    let (mut published, mut done) = (Published::All, import.counts.read);
    while let Some(batch) = batches.recv().await {
        let mut change = app.change(app.origin(routes::TRANSFER.name), None).await?;
        let Some(mut now) =
            found(change.unit.import(import.id).await)?.filter(|now| (now.status, now.counts.read) == (import.status, done))
        else {
            // Another call is working on it.
            break;
        };
        match batch {
            Batch::Items(items) => {
                take(&mut change, &mut now, items).await?;
                let is_over = begun.elapsed() >= SLICE || app.stopping.is_cancelled();
                if is_over {
                    change.unit.schedule_job(&job_of(import.id), NO_TASK, app.now());
                }
                change.unit.save_import(&now).await?;
                published = published.and(change.commit().await?);
                done = now.counts.read;
                if is_over {
                    break;
                }
            }
            Batch::End(ended) => {
                if let Some(error) = broke.take() {
                    return Err(error.into());
                }
                match ended {
                    Ok(()) if now.status == ImportStatus::Checking => {
                        (now.status, now.total) = (ImportStatus::Checked, Some(now.counts.read));
                    }
                    Ok(()) => finish(&mut now, &change, ImportStatus::Done),
                    Err(wrong) => {
                        now.error = Some(wrong.to_string());
                        finish(&mut now, &change, ImportStatus::Failed);
                    }
                }
                change.unit.save_import(&now).await?;
                published = published.and(change.commit().await?);
                break;
            }
        }
    }
    Ok(published)
}

fn finish(import: &mut Import, change: &Change, status: ImportStatus) {
    (import.status, import.finished_at) = (status, Some(change.now()));
}

async fn give_up(app: &Arc<App>, id: i64, why: &str) -> Result<Published, Error> {
    let mut change = app.change(app.origin(routes::TRANSFER.name), None).await?;
    if let Some(mut import) = found(change.unit.import(id).await)?.filter(|import| import.status.is_working()) {
        import.error = Some(why.to_owned());
        finish(&mut import, &change, ImportStatus::Failed);
        change.unit.save_import(&import).await?;
    }
    change.commit().await
}

/// Reads the file of an import on a blocking thread, and skips finished items. Dropping the receiver stops it.
fn read(app: &Arc<App>, import: &Import, scene: Scene) -> Result<(mpsc::Receiver<Batch>, Broke), Error> {
    let broke = Broke::default();
    let (sender, batches) = mpsc::channel(AHEAD);
    let size = u64::try_from(import.size).unwrap_or_default();
    let file = File::open(app.store()?, import.id, size, broke.clone());
    let (format, done) = (import.format, import.counts.read);
    tokio::task::spawn_blocking(move || {
        let mut items = Vec::with_capacity(BATCH);
        let mut passed = 0;
        let mut sink = |read: Read| {
            // The head of an export is not counted, because each call needs it.
            if !matches!(read.item, Item::Head(..)) {
                passed += 1;
                if passed <= done {
                    return Ok(());
                }
            }
            items.push(read);
            if items.len() < BATCH {
                return Ok(());
            }
            let batch = std::mem::replace(&mut items, Vec::with_capacity(BATCH));
            sender.blocking_send(Batch::Items(batch)).map_err(|_| Ended::Stopped)
        };
        let ended = formats::read(format, file, &scene, &mut sink);
        // The receiver is gone if the call has ended.
        if !items.is_empty() {
            let _ = sender.blocking_send(Batch::Items(items));
        }
        let _ = sender.blocking_send(Batch::End(ended));
    });
    Ok((batches, broke))
}

/// Imports a batch, or counts the effects of an import.
async fn take(change: &mut Change, import: &mut Import, items: Vec<Read>) -> Result<(), Error> {
    let mut sorted = Sorted::default();
    for Read { line, item, notes } in items {
        let is_head = matches!(item, Item::Head(..));
        import.counts.read += i64::from(!is_head);
        sorted.notes.extend(notes);
        match item {
            Item::Head(last_ids, preferences) => {
                // Decided once, before anything is imported.
                if import.counts.read == 0 {
                    import.restores = change.unit.is_unused().await?;
                    if import.restores && import.status == ImportStatus::Importing {
                        change.unit.reserve_ids(last_ids).await?;
                        change.unit.save_preferences(&preferences).await?;
                    }
                }
            }
            Item::Task(task) => sorted.task(line, *task, import),
            Item::Reminder(reminder) => sorted.reminders.push(*reminder),
            Item::Audit(entry) => sorted.audit.push(*entry),
            Item::Skipped => import.counts.skipped += 1,
        }
    }
    let tasks = i64::try_from(sorted.tasks.len()).unwrap_or(i64::MAX);
    let created = if import.status == ImportStatus::Checking { sorted.count(change).await? } else { sorted.keep(change, import).await? };
    import.counts.created += created;
    import.counts.existing += tasks - created;
    let room = usize::try_from(NOTES_MAX - import.notes).unwrap_or_default();
    sorted.notes.truncate(room);
    change.unit.add_import_notes(import, &sorted.notes).await?;
    Ok(())
}

/// A batch, by kind.
#[derive(Default)]
struct Sorted {
    tasks: Vec<ExportedTask>,
    reminders: Vec<ExportedReminder>,
    audit: Vec<AuditLogEntry>,
    notes: Vec<ImportNote>,
}

impl Sorted {
    fn task(&mut self, line: i64, task: ExportedTask, import: &mut Import) {
        if import.status == ImportStatus::Checking && import.preview.len() < PREVIEW_MAX {
            import.preview.push(PreviewTask::of(line, &task.task));
        }
        if import.restores || task.deleted_at.is_none() {
            self.tasks.push(task);
        } else {
            // Tasks that were in the trash are not imported.
            import.counts.skipped += 1;
            self.notes.extend(Read::skipped(line, &task.task.title, "it was in the trash").notes);
        }
    }

    /// Returns the number of tasks that an import would create.
    async fn count(&self, change: &mut Change) -> Result<i64, Error> {
        let mut uids: Vec<Uuid> = self.tasks.iter().map(|task| task.task.uid).collect();
        uids.sort_unstable();
        uids.dedup();
        let existing = change.unit.existing_uids(&uids).await?.len();
        Ok(i64::try_from(uids.len().saturating_sub(existing)).unwrap_or(i64::MAX))
    }

    /// Stores the batch. Returns the number of created tasks. The history of another Taskflow is not added to this one's.
    async fn keep(&mut self, change: &mut Change, import: &Import) -> Result<i64, Error> {
        let mut tasks = std::mem::take(&mut self.tasks);
        // Rows are locked in the common order; no other session has the new ones yet.
        if import.restores {
            change.unit.restore_reminders(&self.reminders).await?;
            change.unit.restore_audit(&self.audit).await?;
            return Ok(if tasks.is_empty() { 0 } else { change.unit.restore_tasks(import.id, tasks).await? });
        }
        for task in &mut tasks {
            adopt(task);
        }
        Ok(if tasks.is_empty() { 0 } else { change.unit.import_tasks(import.id, &tasks).await? })
    }
}

/// Converts a task of another Taskflow to a new task, with its future reminders.
fn adopt(exported: &mut ExportedTask) {
    let changes = exported.task.version - 1;
    exported.task.parent_task_id = None;
    exported.task.version = 1;
    // A name without a text is of no use here.
    exported.calendar_object = exported.calendar_object.take().filter(|own| !own.written.is_empty());
    if let Some(own) = &mut exported.calendar_object {
        own.written_version = own.written_version.saturating_sub(changes);
    }
    exported.occurrence_owed = store::owed_of(&exported.task);
    exported.reminders.retain(|own| own.reminder.is_waiting());
}
