//! Sends reminders as mails over SMTP with TLS: plain text and HTML, with links that complete the task or snooze the reminder. A retry has the same
//! Message-ID.

mod letter;
mod server;

use std::sync::Arc;

use domain::reminder::ReminderType;
use domain::routes;
use function::{App, Change, Delivery, Error, Function};
use lettre::AsyncTransport;
use sends::{Message, Outcome, Sender};
use tokio::sync::OnceCell;

use crate::server::{Server, server};

const CHANNEL: ReminderType = ReminderType::Email;
/// Maximum number of concurrent mails. Providers limit the connections of a sender.
const PARALLEL: usize = 4;

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    let sender = Sender::new(routes::MAIL_REMINDER, CHANNEL, PARALLEL);
    let own: Arc<OnceCell<Option<Server>>> = Arc::default();
    Function::new(routes::MAIL_REMINDER).settings(|settings| server(settings).map(drop)).consumer(take).job(move |app, call| {
        let own = own.clone();
        sender.clone().run(app, call, |app, message| mail(app, own, message))
    })
}

/// Schedules the mail of a reminder.
async fn take(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    if let Some(reminder) = sends::fired(change, &delivery, CHANNEL).await? {
        change.unit.create_sends(&sends::of_reminder(&reminder, CHANNEL)).await?;
    }
    Ok(())
}

async fn mail(app: Arc<App>, own: Arc<OnceCell<Option<Server>>>, message: Message) -> Result<Outcome, Error> {
    let own = own.get_or_try_init(async || server(&app.settings)).await.map_err(Error::internal)?;
    let Some(server) = own else { return Ok(Outcome::Failed("TASKFLOW_SMTP_URL is not set".to_owned())) };
    let letter = letter::write(&app, server, &message, &message.body(&app).await?).map_err(Error::internal)?;
    Ok(match server.transport.send(letter).await {
        Ok(_) => Outcome::Sent,
        Err(error) if error.is_permanent() => Outcome::Failed(error.to_string()),
        Err(error) => Outcome::retry(error.to_string()),
    })
}
