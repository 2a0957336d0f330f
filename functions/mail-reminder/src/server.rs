//! The mail server and the addresses, from the settings.

use std::net::IpAddr;
use std::time::Duration;

use domain::routes::{MAIL_FROM, MAIL_TO, SMTP_ROOTS, SMTP_URL};
use function::settings::{SettingError, Settings};
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters, TlsParametersBuilder};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use reqwest::Url;

/// How long the server may take for one command.
const COMMAND_MAX: Duration = Duration::from_secs(20);
/// How long a connection is kept for the next mail.
const IDLE: Duration = Duration::from_secs(10);
/// The submission ports (RFC 8314): with TLS from the start, and with STARTTLS.
const PORTS: (u16, u16) = (465, 587);

/// The mail server, the sender and the recipients.
pub(crate) struct Server {
    pub(crate) transport: AsyncSmtpTransport<Tokio1Executor>,
    pub(crate) from: Mailbox,
    pub(crate) to: Mailboxes,
}

/// Reads the settings. Returns `None` if there is no mail server. `smtps://` uses TLS from the start, `smtp://` STARTTLS, which the server must
/// offer; `?tls=none` is for a server on this machine.
///
/// # Errors
/// The invalid setting. Never its value, which may contain a password.
pub(crate) fn server(settings: &Settings) -> Result<Option<Server>, SettingError> {
    let Some(url) = settings.own(SMTP_URL.name) else { return Ok(None) };
    let to: Mailboxes = match settings.own(MAIL_TO.name) {
        None => return Err(problem(MAIL_TO.name, "not set, but TASKFLOW_SMTP_URL is")),
        Some(to) => to.parse().map_err(|_| problem(MAIL_TO.name, "not a mail address, such as ann@example.org"))?,
    };
    let from = match settings.own(MAIL_FROM.name) {
        Some(from) => from.parse().map_err(|_| problem(MAIL_FROM.name, "not a mail address, such as Taskflow <taskflow@example.org>"))?,
        None => to.iter().next().cloned().ok_or_else(|| problem(MAIL_TO.name, "no mail address"))?,
    };
    Ok(Some(Server { transport: transport(url, settings.own(SMTP_ROOTS.name))?, from, to }))
}

fn transport(url: &str, roots: Option<&str>) -> Result<AsyncSmtpTransport<Tokio1Executor>, SettingError> {
    let not_url = || problem(SMTP_URL.name, "not a URL of the form smtps://user:password@host:465 or smtp://user:password@host:587");
    let url = Url::parse(url).map_err(|_| not_url())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(not_url)?.to_owned();
    let (is_implicit, port) = match url.scheme() {
        "smtps" => (true, PORTS.0),
        "smtp" => (false, PORTS.1),
        _ => return Err(not_url()),
    };
    let tls = match url.query() {
        Some("tls=none") if is_implicit || !is_loopback(&host) => {
            return Err(problem(SMTP_URL.name, "?tls=none is for smtp:// and a server on this machine"));
        }
        Some("tls=none") => Tls::None,
        Some(_) => return Err(not_url()),
        None => {
            let parameters =
                roots_of(roots)?.into_iter().fold(TlsParameters::builder(host.clone()), TlsParametersBuilder::add_root_certificate);
            let parameters = parameters.build().map_err(|error| problem(SMTP_URL.name, &error.to_string()))?;
            if is_implicit { Tls::Wrapper(parameters) } else { Tls::Required(parameters) }
        }
    };
    // Despite its name, this is safe: TLS is set here, and required.
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(url.port().unwrap_or(port)).tls(tls);
    let builder = builder.timeout(Some(COMMAND_MAX)).pool_config(PoolConfig::new().idle_timeout(IDLE));
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    Ok(match url.password() {
        Some(password) => builder.credentials(Credentials::new(decoded(url.username()), decoded(password))).build(),
        None => builder.build(),
    })
}

fn roots_of(path: Option<&str>) -> Result<Vec<Certificate>, SettingError> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let pem = std::fs::read(path).map_err(|error| problem(SMTP_ROOTS.name, &format!("{path}: {error}")))?;
    Certificate::from_pem(&pem).map(|root| vec![root]).map_err(|_| problem(SMTP_ROOTS.name, &format!("{path}: no certificate in PEM")))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn problem(name: &'static str, problem: &str) -> SettingError {
    SettingError { name, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Server>, SettingError> {
        let lookup = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        server(&Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap())
    }

    // The connection pool needs a runtime.
    #[tokio::test]
    async fn mail_leaves_with_tls_or_stays_on_this_machine() {
        for (url, is_fine) in [
            ("smtps://ann:hunter2@mail.example.org", true),
            ("smtp://ann:hunter2@mail.example.org:2525", true),
            ("smtp://localhost:25?tls=none", true),
            ("smtp://127.0.0.1?tls=none", true),
            ("smtp://[::1]?tls=none", true),
            ("smtp://mail.example.org?tls=none", false),
            ("smtps://localhost?tls=none", false),
            ("smtp://mail.example.org?tls=hunter2", false),
            ("https://ann:hunter2@mail.example.org", false),
            ("mail.example.org", false),
            ("smtp://", false),
        ] {
            let server = read(&[("TASKFLOW_SMTP_URL", url), ("TASKFLOW_MAIL_TO", "ann@example.org")]);
            assert_eq!(server.is_ok(), is_fine, "{url}");
            if let Err(error) = server {
                assert_eq!(error.name, "TASKFLOW_SMTP_URL", "{url}");
                assert!(!error.to_string().contains("hunter2"), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn addresses_are_addresses() {
        let url = ("TASKFLOW_SMTP_URL", "smtps://mail.example.org");
        for (variables, name) in [
            (vec![url], "TASKFLOW_MAIL_TO"),
            (vec![url, ("TASKFLOW_MAIL_TO", "ann")], "TASKFLOW_MAIL_TO"),
            (vec![url, ("TASKFLOW_MAIL_TO", "ann@example.org\r\nBcc: bob@example.org")], "TASKFLOW_MAIL_TO"),
            (vec![url, ("TASKFLOW_MAIL_TO", "ann@example.org"), ("TASKFLOW_MAIL_FROM", "Taskflow")], "TASKFLOW_MAIL_FROM"),
            (vec![url, ("TASKFLOW_MAIL_TO", "ann@example.org"), ("TASKFLOW_SMTP_ROOTS", "/does/not/exist")], "TASKFLOW_SMTP_ROOTS"),
        ] {
            assert_eq!(read(&variables).err().map(|error| error.name), Some(name), "{variables:?}");
        }
        let server = read(&[url, ("TASKFLOW_MAIL_TO", "Ann Ünal <ann@example.org>, bob@example.org")]).unwrap().unwrap();
        assert_eq!((server.from.email.to_string(), server.to.iter().count()), ("ann@example.org".to_owned(), 2));
        assert!(read(&[("TASKFLOW_MAIL_TO", "ann@example.org")]).unwrap().is_none(), "no server, no mail");
    }
}
