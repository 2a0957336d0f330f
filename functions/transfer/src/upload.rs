//! Receives the file of an import, and stores it in the database part by part.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::Invalid;
use domain::query::CreateImport;
use domain::routes;
use domain::transfer::{Import, ImportFormat, ImportStatus};
use function::accept::{self, JSON};
use function::body::{UPLOAD_MAX, UPLOAD_TIMEOUT};
use function::{App, Body, Error, Request, Response, input};
use http_body::Body as _;
use http_body_util::BodyExt;
use store::{IMPORTS_MAX, PART};

use crate::formats::format_of;
use crate::{NO_TASK, job_of, told};

/// How long a caller may stop sending.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// `POST /api/imports`.
pub(crate) async fn create(app: Arc<App>, request: Request) -> Result<Response, Error> {
    accept::require(request.headers(), &[JSON])?;
    let asked: CreateImport = input::parameters(request.uri())?;
    let body = request.into_body();
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > UPLOAD_MAX) {
        return Err(Error::TooLarge(UPLOAD_MAX));
    }
    let receiving = receive(&app, asked, body);
    tokio::time::timeout(UPLOAD_TIMEOUT, receiving).await.map_err(|_| Error::Timeout)?
}

async fn receive(app: &Arc<App>, asked: CreateImport, body: Body) -> Result<Response, Error> {
    let mut file = Arriving { body, rest: Bytes::new(), read: 0 };
    let first = file.part().await?;
    // An empty file has no format, even if the caller names one.
    let Some(format) = asked.format.filter(|_| !first.is_empty()).or_else(|| format_of(&first)) else {
        file.pass_over().await?;
        return Err(unknown_format());
    };
    let Some(mut import) = app.store()?.create_import(format, app.now()).await? else {
        file.pass_over().await?;
        return Err(Error::Conflict(format!("{IMPORTS_MAX} imports are unfinished; wait for one, or confirm its preview")));
    };
    match keep(app, &mut import, asked.dry_run, first, &mut file).await {
        Ok(response) => Ok(response),
        Err(error) => {
            // Housekeeping deletes the rest of it.
            let _ = app.store()?.delete_import(import.id).await;
            Err(error)
        }
    }
}

/// Stores the file, and starts a job to read it.
async fn keep(app: &Arc<App>, import: &mut Import, dry_run: bool, first: Vec<u8>, file: &mut Arriving) -> Result<Response, Error> {
    let mut part = first;
    let mut number = 0;
    while !part.is_empty() {
        app.store()?.add_import_part(import.id, number, &part).await?;
        import.size += i64::try_from(part.len()).unwrap_or(i64::MAX);
        number += 1;
        part = file.part().await?;
    }
    import.status = if dry_run { ImportStatus::Checking } else { ImportStatus::Importing };
    let mut change = app.change(app.origin(routes::TRANSFER.name), None).await?;
    change.unit.save_import(import).await?;
    change.unit.schedule_job(&job_of(import.id), NO_TASK, change.now());
    let published = change.commit().await?;
    Ok(told(import, published)?.into())
}

fn unknown_format() -> Error {
    Invalid::field("/format", format_args!("the file's format cannot be recognised; set format to {}", ImportFormat::NAMES)).into()
}

/// A file that is being received.
struct Arriving {
    body: Body,
    /// Bytes that arrived after the last part.
    rest: Bytes,
    read: usize,
}

impl Arriving {
    /// Returns the next [`PART`] bytes; fewer at the end, and none after it.
    async fn part(&mut self) -> Result<Vec<u8>, Error> {
        let mut part = Vec::with_capacity(PART);
        loop {
            let taken = self.rest.split_to(self.rest.len().min(PART - part.len()));
            part.extend_from_slice(&taken);
            if part.len() == PART {
                return Ok(part);
            }
            match self.frame().await? {
                Some(bytes) => self.rest = bytes,
                None => return Ok(part),
            }
        }
    }

    /// Reads and discards the rest, because a caller that is still sending does not read the response.
    async fn pass_over(&mut self) -> Result<(), Error> {
        while self.frame().await?.is_some() {}
        Ok(())
    }

    async fn frame(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = tokio::time::timeout(SILENCE_MAX, self.body.frame()).await.map_err(|_| Error::Timeout)?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| Error::Malformed("the body is incomplete".to_owned()))?;
            if let Ok(bytes) = frame.into_data() {
                self.read += bytes.len();
                if self.read > UPLOAD_MAX {
                    return Err(Error::TooLarge(UPLOAD_MAX));
                }
                return Ok(Some(bytes));
            }
        }
    }
}
