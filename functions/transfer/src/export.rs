//! `GET /api/export`: everything as JSON, or the tasks as CSV or iCalendar, streamed page by page.
//!
//! A slow caller holds a page in memory, but no connection. If a page cannot be read, the response is aborted, so it cannot be mistaken for a
//! complete one.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::query::{Export, ExportFormat};
use domain::transfer::{EXPORT_VERSION, ExportHead, ExportedReminder, ExportedTask};
use function::{App, BoxError, Error, Request, Response, input};
use futures_util::stream;
use http::{HeaderValue, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use icalendar::{Document, Item, Object, Stamp};
use serde::Serialize;
use tokio::sync::mpsc;

/// Number of pages that wait for a caller.
const WAITING_MAX: usize = 2;
/// How long a caller may stop reading.
const SEND_MAX: Duration = Duration::from_mins(1);
/// The columns of CSV: those fields of a task that are useful in a spreadsheet.
const COLUMNS: [&str; 17] = [
    "id",
    "uid",
    "title",
    "description",
    "due_date",
    "due_day",
    "time_zone",
    "recurrence",
    "recurrence_rule",
    "priority",
    "tags",
    "status",
    "completed_at",
    "reminder_offset",
    "created_at",
    "updated_at",
    "version",
];

/// The calendar without tasks.
const EMPTY_CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Taskflow//Taskflow//EN\r\nEND:VCALENDAR\r\n";

/// `GET /api/export`.
pub(crate) async fn export(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Export { format } = input::parameters(request.uri())?;
    // Before the response begins, so that an unavailable database is a 503.
    let head = head(&app).await?;
    let (content_type, name) = match format {
        ExportFormat::Json => ("application/json", "json"),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::Ics => ("text/calendar; charset=utf-8", "ics"),
    };
    let (sender, mut receiver) = mpsc::channel::<Result<Bytes, BoxError>>(WAITING_MAX);
    let day = head.exported_at.to_string();
    let file_name = format!("attachment; filename=\"taskflow-{}.{name}\"", day.get(..10).unwrap_or_default());
    app.background.clone().spawn(async move {
        let mut out = Out { app, sender };
        if let Err(error) = out.write(format, &head).await {
            tracing::warn!(%error, "an export was aborted");
            let _ = out.sender.send_timeout(Err(error), SEND_MAX).await;
        }
    });
    // A compressor polls once more after the end, which a channel permits.
    let frames = stream::poll_fn(move |context| receiver.poll_recv(context).map(|next| next.map(|part| part.map(Frame::data))));
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.extend(HeaderValue::try_from(file_name).ok().map(|name| (header::CONTENT_DISPOSITION, name)));
    Ok(response)
}

async fn head(app: &Arc<App>) -> Result<ExportHead, Error> {
    let store = app.store()?;
    let (last_ids, preferences) = (store.last_ids().await?, store.own_preferences().await?);
    Ok(ExportHead { taskflow: EXPORT_VERSION, exported_at: app.now(), last_ids, preferences })
}

/// The receiver of the export.
struct Out {
    app: Arc<App>,
    sender: mpsc::Sender<Result<Bytes, BoxError>>,
}

impl Out {
    async fn write(&mut self, format: ExportFormat, head: &ExportHead) -> Result<(), BoxError> {
        match format {
            ExportFormat::Json => self.json(head).await,
            ExportFormat::Csv => self.csv().await,
            ExportFormat::Ics => self.ics().await,
        }
    }

    async fn send(&mut self, text: impl Into<Bytes>) -> Result<(), BoxError> {
        let sent = self.sender.send_timeout(Ok(text.into()), SEND_MAX).await;
        sent.map_err(|_| "its caller stopped reading".into())
    }

    /// One line per item, so that the file is readable.
    async fn json(&mut self, head: &ExportHead) -> Result<(), BoxError> {
        // The lists follow in the same object.
        let head = serde_json::to_string(head)?;
        self.send(format!("{},\n\"tasks\": [", head.strip_suffix('}').unwrap_or(&head))).await?;
        let store = self.app.store()?.clone();
        let mut list = List::default();
        loop {
            let page = store.export_tasks(list.last).await?;
            let Some(end) = page.last().map(|task| task.task.id) else { break };
            let text = list.page(&page, end)?;
            self.send(text).await?;
        }
        self.send("\n],\n\"reminders\": [").await?;
        let mut list = List::default();
        loop {
            let page = store.export_reminders(list.last).await?;
            let Some(end) = page.last().map(|stored| stored.reminder.id) else { break };
            let page: Vec<ExportedReminder> = page.into_iter().map(Into::into).collect();
            let text = list.page(&page, end)?;
            self.send(text).await?;
        }
        self.send("\n],\n\"audit\": [").await?;
        let mut list = List::default();
        loop {
            let page = store.export_audit(list.last).await?;
            let Some(end) = page.last().map(|entry| entry.id) else { break };
            let text = list.page(&page, end)?;
            self.send(text).await?;
        }
        self.send("\n]}\n").await
    }

    async fn csv(&mut self) -> Result<(), BoxError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(COLUMNS)?;
        let mut last = 0;
        loop {
            let page = self.app.store()?.export_tasks(last).await?;
            self.send(writer.into_inner().map_err(csv::IntoInnerError::into_error)?).await?;
            let Some(newest) = page.last() else { return Ok(()) };
            last = newest.task.id;
            writer = csv::Writer::from_writer(Vec::new());
            for exported in page.iter().filter(|exported| exported.deleted_at.is_none()) {
                writer.write_record(row(exported)?)?;
            }
        }
    }

    /// The tasks as VTODOs of one calendar, with each time zone defined once.
    async fn ics(&mut self) -> Result<(), BoxError> {
        let mut zones: HashSet<String> = HashSet::new();
        let (mut last, mut has_begun) = (0, false);
        loop {
            let page = self.app.store()?.export_tasks(last).await?;
            let Some(newest) = page.last() else { break };
            last = newest.task.id;
            let mut text = String::new();
            for exported in page.iter().filter(|exported| exported.deleted_at.is_none()) {
                for item in calendar_of(exported)? {
                    match item {
                        Item::Line(line) if !has_begun => write!(text, "{line}\r\n")?,
                        Item::Line(_) => {}
                        Item::Component(zone) if zone.name == "VTIMEZONE" => {
                            let zone = zone.to_string();
                            if !zones.contains(&zone) {
                                text.push_str(&zone);
                                zones.insert(zone);
                            }
                        }
                        Item::Component(component) => write!(text, "{component}")?,
                    }
                }
                if !has_begun {
                    text.insert_str(0, "BEGIN:VCALENDAR\r\n");
                    has_begun = true;
                }
            }
            self.send(text).await?;
        }
        // An empty calendar is valid, too.
        self.send(if has_begun { "END:VCALENDAR\r\n" } else { EMPTY_CALENDAR }).await
    }
}

/// Returns the calendar's parts for one task.
fn calendar_of(exported: &ExportedTask) -> Result<Vec<Item>, BoxError> {
    let (task, uid) = (&exported.task, exported.task.uid.to_string());
    let reminders: Vec<_> = exported.reminders.iter().filter_map(ExportedReminder::goes_along).collect();
    let text = Object::empty(task, &uid).with(task, Stamp { uid: &uid, changes: task.version - 1, reminders: &reminders });
    Ok(Document::parse(&text)?.root.items)
}

/// Returns the cells of a task.
fn row(exported: &ExportedTask) -> Result<Vec<String>, serde_json::Error> {
    let task = serde_json::to_value(&exported.task)?;
    let cell = |name: &&str| match &task[*name] {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(_) => exported.task.tags.join(", "),
        other => other.to_string(),
    };
    Ok(COLUMNS.iter().map(cell).collect())
}

/// A list of the document.
#[derive(Default)]
struct List {
    /// The last id that was written.
    last: i64,
    has_items: bool,
}

impl List {
    /// Returns its next items, each on its own line.
    fn page(&mut self, items: &[impl Serialize], last: i64) -> Result<String, serde_json::Error> {
        self.last = last;
        let mut text = String::new();
        for item in items {
            text.push_str(if self.has_items { ",\n" } else { "\n" });
            text.push_str(&serde_json::to_string(item)?);
            self.has_items = true;
        }
        Ok(text)
    }
}
