//! Reconciles reminders with jobs, and prunes what is old: daily, at start, and when the scheduler is back.
//!
//! The reminders table is the truth and jobs are its shadow: a pending reminder whose job was lost gets it again. A job that is
//! there already is only overwritten by its like, and one that is overdue fires at once.

use std::sync::Arc;

use domain::routes;
use function::{App, Error, Function, JobCall, Published};

/// Reminders whose jobs are registered in one transaction.
const PAGE: i64 = 200;

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::HOUSEKEEPING).job(keep_house)
}

async fn keep_house(app: Arc<App>, _: JobCall) -> Result<Published, Error> {
    let (registered, published) = reconcile(&app).await?;
    let pruned = app.store()?.prune(app.now()).await?;
    tracing::info!(registered, ?pruned, "kept house");
    Ok(published)
}

/// Registers the job of every reminder that waits; how many there are.
async fn reconcile(app: &Arc<App>) -> Result<(usize, Published), Error> {
    let mut last = 0;
    let mut registered = 0;
    let mut published = Published::All;
    loop {
        let page = app.store()?.pending_reminders(last, PAGE).await?;
        let Some(newest) = page.last() else { return Ok((registered, published)) };
        last = newest.id;
        registered += page.len();
        let mut change = app.change(app.origin(routes::HOUSEKEEPING.name), None).await?;
        for reminder in &page {
            change.schedule_job(&reminder.dapr_job_id, reminder.task_id, reminder.scheduled_at);
        }
        published = published.and(change.commit().await?);
    }
}
