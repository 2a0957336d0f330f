//! The content of one mail, as text and as HTML.

use domain::Timestamp;
use function::App;
use function::link::{Action, escaped};
use lettre::Message as Letter;
use lettre::message::{MultiPart, header};
use sends::Message;

use crate::server::Server;

/// Marks the mail as sent by a program (RFC 3834), so that it gets no automatic replies.
#[derive(Clone, Debug)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Writes the mail of a reminder. Without a base URL (`TASKFLOW_URL`), it has no links.
///
/// # Errors The mail cannot be built. The check of the settings refuses the addresses that could cause this.
pub(crate) fn write(app: &App, server: &Server, message: &Message, body: &str) -> Result<Letter, lettre::error::Error> {
    let title = message.title();
    let (links, own) = match &app.settings.url {
        Some(url) => (links(app, message, url), Some(url.as_str())),
        None => (Vec::new(), None),
    };
    let mut letter = Letter::builder()
        .from(server.from.clone())
        .subject(format!("Reminder: {title}"))
        .date(time_of(app.now()))
        .message_id(Some(id(server, message)))
        .header(AutoSubmitted);
    for to in server.to.iter() {
        letter = letter.to(to.clone());
    }
    letter.multipart(MultiPart::alternative_plain_html(text(title, body, &links, own), html(title, body, &links, own)))
}

fn links(app: &App, message: &Message, url: &str) -> Vec<(Action, String)> {
    message.links(app).into_iter().map(|(action, path)| (action, format!("{url}{path}"))).collect()
}

/// Returns the label of a link.
fn label(action: Action) -> String {
    if action.pause().is_some() { format!("Remind me in {}", action.title()) } else { action.title().to_owned() }
}

fn text(title: &str, body: &str, links: &[(Action, String)], own: Option<&str>) -> String {
    let links = links.iter().map(|(action, link)| format!("{}: {link}\n", label(*action))).collect::<Vec<_>>().concat();
    let own = own.map_or_else(String::new, |url| format!("Open Taskflow: {url}/\n"));
    let links = if links.is_empty() { links } else { format!("{links}\nThe links work for one day.\n") };
    format!("{title}\n{body}\n\n{links}{own}")
}

fn html(title: &str, body: &str, links: &[(Action, String)], own: Option<&str>) -> String {
    let (title, body) = (escaped(title), escaped(body));
    let links = links
        .iter()
        .map(|(action, link)| format!("<p><a href=\"{}\">{}</a></p>", escaped(link), label(*action)))
        .collect::<Vec<_>>()
        .concat();
    let note = if links.is_empty() { "" } else { "<p><small>The links work for one day.</small></p>" };
    let own = own.map_or_else(String::new, |url| format!("<p><a href=\"{}/\">Open Taskflow</a></p>", escaped(url)));
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h2 dir=\"auto\">{title}</h2><p>{body}</p>{links}{own}{note}</html>"
    )
}

/// Returns the Message-ID. It is the same for each attempt of a firing, so that a mail server can detect duplicates.
fn id(server: &Server, message: &Message) -> String {
    let (reminder_id, fired_at) = message.send.firing.unwrap_or((0, Timestamp::EPOCH));
    format!("<reminder-{reminder_id}-{}@{}>", fired_at.as_microsecond(), server.from.email.domain())
}

fn time_of(moment: Timestamp) -> std::time::SystemTime {
    moment.get().into()
}
