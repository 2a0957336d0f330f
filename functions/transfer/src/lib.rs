//! Imports tasks from files of other applications and from Taskflow's own export, and exports everything.
//!
//! - `upload` stores the file in the database in parts, while it arrives, so a job on any machine can read it.
//! - `job` reads the file (`file`, `formats`) on a separate thread and imports up to 500 tasks per transaction. The transaction also stores the
//!   progress, so a killed job continues after the last batch.
//! - `item` converts an item of a format to a valid task, and notes what it cannot represent.
//! - `export` reads pages and streams them.

mod export;
mod file;
mod formats;
mod item;
mod job;
mod upload;

use std::sync::Arc;

use domain::query::{ImportRef, ListImportNotes};
use domain::routes;
use domain::transfer::{Import, ImportCounts, ImportStatus};
use function::{Answer, App, Error, Function, Published};
use http::{StatusCode, header};

/// The key of the job's row in the outbox. It belongs to no task.
const NO_TASK: i64 = 0;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::TRANSFER)
        .raw("createImport", upload::create)
        .endpoint("getImport", get)
        .endpoint("listImportNotes", report)
        .endpoint("runImport", run)
        .raw("export", export::export)
        .job(job::work)
}

async fn get(app: Arc<App>, query: ImportRef) -> Result<Answer, Error> {
    Answer::json(&app.store()?.import(query.import_id).await?)
}

async fn report(app: Arc<App>, query: ListImportNotes) -> Result<Answer, Error> {
    let window = query.window()?;
    Answer::page(&app.store()?.import_notes(query.import_id, window).await?, window)
}

/// Imports the file of a preview. If the import is in progress or finished, returns it unchanged.
async fn run(app: Arc<App>, command: ImportRef) -> Result<Answer, Error> {
    let subject = Some(("import_id", command.import_id));
    let mut change = app.change_on(subject, app.origin(routes::TRANSFER.name), None).await?;
    let mut import = change.unit.import(command.import_id).await?;
    match import.status {
        ImportStatus::Checked => {
            (import.status, import.counts, import.notes) = (ImportStatus::Importing, ImportCounts::default(), 0);
            change.unit.clear_import_notes(import.id).await?;
            change.unit.save_import(&import).await?;
            change.unit.schedule_job(&job_of(import.id), NO_TASK, change.now());
        }
        ImportStatus::Importing | ImportStatus::Done => {}
        ImportStatus::Receiving | ImportStatus::Checking | ImportStatus::Failed => {
            return Err(Error::Conflict("only an import with the status checked can be run".to_owned()));
        }
    }
    let published = change.commit().await?;
    told(&import, published)
}

/// Returns the response to a call that starts the job of an import.
fn told(import: &Import, published: Published) -> Result<Answer, Error> {
    let answer = Answer::json(import)?.status(StatusCode::ACCEPTED);
    Ok(answer.header(header::LOCATION, format!("/api/imports/{}", import.id)).telling(published))
}

fn job_of(id: i64) -> String {
    format!("{}-{id}", routes::TRANSFER.name)
}
