//! Settings: environment variables, read once at the start. An invalid value stops the start, and the error names the variable.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use domain::event::EventType;
use domain::reminder::ReminderType;
use domain::routes::{self, Route, Setting};
use domain::zone::Zone;

use crate::authority::{Authority, WebOrigin};

/// Looks a variable up, in the environment or in a test.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The settings of a process.
#[derive(Clone)]
pub struct Settings {
    /// `PORT`: the port to listen on.
    pub port: u16,
    /// `APP_PORT`: the loopback port on which the gateway accepts the sidecar's calls.
    pub app_port: u16,
    /// `TASKFLOW_BIND`: the address to listen on.
    pub bind: IpAddr,
    /// `TASKFLOW_DATA_DIR`: the data folder of the embedded database.
    pub data_dir: Option<PathBuf>,
    /// `DATABASE_URL`: the PostgreSQL to use.
    pub database_url: Option<Secret>,
    /// `TASKFLOW_DB_POOL`: the maximum number of connections; `None` if not set.
    pub db_pool: Option<u32>,
    /// `TASKFLOW_TIME_ZONE`: the user's zone.
    pub time_zone: Zone,
    /// `TASKFLOW_API_TOKEN`: the bearer token that callers must send.
    pub api_token: Option<Secret>,
    /// `TASKFLOW_WAKE_LEAD`: how long before its time a reminder's job wakes fire-reminder.
    pub wake_lead: Duration,
    /// `TASKFLOW_WAKE_AHEAD`: true if a call to a sleeping function also wakes the consumers of its events.
    pub wake_ahead: bool,
    /// `TASKFLOW_EVENTS`: the Dapr building block for events.
    pub events: EventsBy,
    /// `TASKFLOW_FUNCTION_URL`: the URLs of other functions.
    pub function_url: FunctionUrls,
    /// `TASKFLOW_SECRET_STORE`: the Dapr secret store with the secret `taskflow-secrets`.
    pub secret_store: Option<String>,
    /// `DAPR_GRPC_ENDPOINT`, or `DAPR_GRPC_PORT` on this host: the sidecar; `None` without one.
    pub dapr_grpc: Option<String>,
    /// `DAPR_API_TOKEN`: the token sent to the sidecar.
    pub dapr_api_token: Option<Secret>,
    /// `APP_API_TOKEN`: the token that the sidecar sends.
    pub app_api_token: Option<Secret>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector of traces (OTLP).
    pub otlp_endpoint: Option<String>,
    /// `TASKFLOW_HOSTS`: further names for callers without a token, beside those of this machine.
    pub hosts: Vec<Authority>,
    /// `TASKFLOW_DOMAIN`: the public names, in lower case.
    pub domains: Vec<String>,
    /// How HTTPS is served.
    pub https: Https,
    /// `TASKFLOW_URL`: the beginning of links, without a final slash; the first domain if not set.
    pub url: Option<String>,
    /// `TASKFLOW_ORIGINS`: origins of other pages that may call (CORS).
    pub origins: Vec<WebOrigin>,
    /// `TASKFLOW_WEBHOOK_EVENTS`: event types that the webhook receives.
    pub webhook_events: Vec<EventType>,
    own: BTreeMap<&'static str, Secret>,
}

/// How the names of `TASKFLOW_DOMAIN` are served, by the crate `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Https {
    /// `TASKFLOW_BIND`: the address; every address if not set.
    pub bind: IpAddr,
    /// `TASKFLOW_HTTPS_PORT`: the port of HTTPS.
    pub port: u16,
    /// `TASKFLOW_HTTP_PORT`: the port that redirects to HTTPS.
    pub redirect_port: u16,
    /// `TASKFLOW_FUNCTION_HOSTS`: true if `<function>.<domain>` is that function's own name.
    pub function_hosts: bool,
    /// `TASKFLOW_ACME_DIRECTORY`: the directory of the certificate authority (RFC 8555).
    pub directory: String,
    /// `TASKFLOW_ACME_EMAIL`: an address for the authority.
    pub email: Option<String>,
    /// `TASKFLOW_ACME_ROOTS`: a PEM file with the roots of the authority's own HTTPS; the machine's if not set.
    pub roots: Option<PathBuf>,
    /// `TASKFLOW_ACME_SECRET`: the Kubernetes Secret that stores the certificate; the data folder if not set.
    pub secret: Option<String>,
}

/// Let's Encrypt's directory.
const ACME_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

impl Https {
    fn read(lookup: Lookup<'_>) -> Result<Self, SettingError> {
        let text = |name: &'static str| lookup(name).filter(|value| !value.is_empty());
        Ok(Self {
            bind: parse(lookup, "TASKFLOW_BIND", "an IP address, such as 127.0.0.1 or ::")?.unwrap_or(Ipv6Addr::UNSPECIFIED.into()),
            port: parse(lookup, "TASKFLOW_HTTPS_PORT", "a port, 0 to 65535")?.unwrap_or(443),
            redirect_port: parse(lookup, "TASKFLOW_HTTP_PORT", "a port, 0 to 65535")?.unwrap_or(80),
            function_hosts: parse(lookup, "TASKFLOW_FUNCTION_HOSTS", "true or false")?.unwrap_or(false),
            directory: text("TASKFLOW_ACME_DIRECTORY").map(https_url).transpose()?.unwrap_or_else(|| ACME_DIRECTORY.to_owned()),
            email: text("TASKFLOW_ACME_EMAIL").map(email).transpose()?,
            roots: text("TASKFLOW_ACME_ROOTS").map(PathBuf::from),
            secret: text("TASKFLOW_ACME_SECRET"),
        })
    }
}

fn https_url(value: String) -> Result<String, SettingError> {
    const NAME: &str = "TASKFLOW_ACME_DIRECTORY";
    if value.starts_with("https://") {
        http_url(NAME, value)
    } else {
        Err(SettingError { name: NAME, problem: "not an https URL".to_owned() })
    }
}

fn email(value: String) -> Result<String, SettingError> {
    let is_address = value.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain_name(domain).is_some())
        && value.bytes().all(|byte| byte.is_ascii_graphic() && !b",:?".contains(&byte));
    if is_address {
        Ok(value)
    } else {
        Err(SettingError { name: "TASKFLOW_ACME_EMAIL", problem: format!("{value:?} is not an e-mail address") })
    }
}

/// How events reach Kafka through Dapr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventsBy {
    /// `bindings`: an output binding per topic.
    #[default]
    Bindings,
    /// `pubsub`: the pub/sub component `kafka-pubsub`.
    PubSub,
}

/// URLs of functions: a template with `{function}`, or `function=url` for single ones, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionUrls {
    own: BTreeMap<String, String>,
    template: Option<String>,
}

impl FunctionUrls {
    /// Returns the URL of a function, without a final slash; `None` if there is none.
    #[must_use]
    pub fn of(&self, function: &str) -> Option<String> {
        let own = self.own.get(function).cloned();
        own.or_else(|| Some(self.template.as_ref()?.replace(FUNCTION, function)))
    }

    /// Returns the host of a function's own URL, in lower case, also behind service invocation.
    #[must_use]
    pub fn host_of(&self, function: &str) -> Option<String> {
        let url: http::Uri = directly(&self.of(function)?).parse().ok()?;
        url.host().map(str::to_ascii_lowercase)
    }
}

/// Prefix of the function's own URL in a template of Dapr service invocation.
pub const INVOKE: &str = "/v1.0/invoke/";

/// Returns the function's own URL, if this one leads through Dapr service invocation.
#[must_use]
pub fn directly(url: &str) -> &str {
    let inner = url.split_once(INVOKE).map(|(_, inner)| inner.trim_end_matches("/method"));
    inner.filter(|inner| inner.starts_with("http")).unwrap_or(url)
}

/// Placeholder for the function's name.
const FUNCTION: &str = "{function}";

/// A variable with an invalid value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingError {
    /// The variable.
    pub name: &'static str,
    /// The reason, which never contains a secret's value.
    pub problem: String,
}

/// Text that is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

/// Default maximum number of connections of an app without a route.
pub const DB_POOL_DEFAULT: u32 = 4;
const DB_POOL_MAX: u32 = 100;
/// Maximum `TASKFLOW_WAKE_LEAD`, and so the longest wait of fire-reminder in one call; see [`crate::call::TIMEOUT`].
pub const WAKE_LEAD_MAX: Duration = Duration::from_secs(30);
const TOKEN_MIN: usize = 8;

impl Settings {
    /// Reads the settings; `bind` is the default of `TASKFLOW_BIND`.
    ///
    /// # Errors
    /// The first invalid variable.
    pub fn read(lookup: Lookup<'_>, bind: IpAddr) -> Result<Self, SettingError> {
        let text = |name: &'static str| lookup(name).filter(|value| !value.is_empty());
        let domains: Vec<String> =
            list(lookup, "TASKFLOW_DOMAIN", "a domain, such as tasks.example.org; letters beyond ASCII in their xn-- form", domain_name)?;
        let url = text("TASKFLOW_URL").map(|url| http_url("TASKFLOW_URL", url)).transpose()?;
        let url = url.map(|url| url.trim_end_matches('/').to_owned()).or_else(|| Some(format!("https://{}", domains.first()?)));
        Ok(Self {
            port: parse(lookup, "PORT", "a port, 0 to 65535")?.unwrap_or(8080),
            app_port: parse(lookup, "APP_PORT", "a port, 0 to 65535")?.unwrap_or(8090),
            bind: parse(lookup, "TASKFLOW_BIND", "an IP address, such as 127.0.0.1 or ::")?.unwrap_or(bind),
            data_dir: text("TASKFLOW_DATA_DIR").map(PathBuf::from),
            database_url: text("DATABASE_URL").map(database_url).transpose()?,
            db_pool: ranged(lookup, "TASKFLOW_DB_POOL", 1, DB_POOL_MAX)?,
            time_zone: time_zone(lookup)?,
            // An empty value is an error rather than "not set", because the user intended to set a token.
            api_token: lookup("TASKFLOW_API_TOKEN").map(api_token).transpose()?,
            wake_lead: wake_lead(lookup)?,
            wake_ahead: parse(lookup, "TASKFLOW_WAKE_AHEAD", "true or false")?.unwrap_or(true),
            events: text("TASKFLOW_EVENTS").map(|value| events_by(&value)).transpose()?.unwrap_or_default(),
            function_url: text("TASKFLOW_FUNCTION_URL").map(|value| function_urls(&value)).transpose()?.unwrap_or_default(),
            secret_store: text("TASKFLOW_SECRET_STORE"),
            dapr_grpc: dapr_grpc(lookup)?,
            dapr_api_token: text("DAPR_API_TOKEN").map(Secret::from),
            app_api_token: text("APP_API_TOKEN").map(Secret::from),
            otlp_endpoint: text("OTEL_EXPORTER_OTLP_ENDPOINT").map(|url| http_url("OTEL_EXPORTER_OTLP_ENDPOINT", url)).transpose()?,
            hosts: list(lookup, "TASKFLOW_HOSTS", "a host, such as tasks.example.org or tasks.example.org:8443", Authority::read)?,
            domains,
            https: Https::read(lookup)?,
            url,
            origins: list(lookup, "TASKFLOW_ORIGINS", "the origin of a page, such as https://app.example.org", WebOrigin::read)?,
            webhook_events: webhook_events(lookup)?,
            own: own_settings().filter_map(|setting| Some(own(setting, text(setting.name)?))).collect::<Result<_, _>>()?,
        })
    }

    /// Returns a setting that only some functions read, listed in [`Route::settings`](domain::routes::Route::settings). A function may validate it
    /// further: [`Function::settings`](crate::Function::settings).
    #[must_use]
    pub fn own(&self, name: &str) -> Option<&str> {
        self.own.get(name).map(Secret::expose)
    }

    /// Returns the configured channels. Web Push is configured if it has a key; subscribed browsers are in the database.
    #[must_use]
    pub fn channels(&self) -> Vec<ReminderType> {
        let has = |setting: &Setting| self.own(setting.name).is_some();
        let is_configured = |channel: &ReminderType| match channel {
            ReminderType::Websocket => true,
            ReminderType::Push => has(&routes::VAPID_KEY),
            ReminderType::Email => has(&routes::SMTP_URL) && has(&routes::MAIL_TO),
            ReminderType::Webhook => self.posted().contains(&EventType::ReminderTriggered),
        };
        ReminderType::ALL.into_iter().filter(is_configured).collect()
    }

    /// Returns the event types that the webhook receives; none without a webhook.
    #[must_use]
    pub fn posted(&self) -> &[EventType] {
        if self.own(routes::WEBHOOK_URL.name).is_some() { &self.webhook_events } else { &[] }
    }

    /// Returns the function with this name of its own: `<function>.<domain>`, if `TASKFLOW_FUNCTION_HOSTS` is true. Only functions with callers have
    /// one.
    #[must_use]
    pub fn function_of_host(&self, host: &str) -> Option<&'static Route> {
        let (name, domain) = host.split_once('.')?;
        let is_domain = |name: &str| self.domains.iter().any(|own| own == name);
        let has_names = self.https.function_hosts && is_domain(domain) && !is_domain(host);
        routes::ALL.iter().find(|route| has_names && route.name == name && route.has_callers())
    }

    /// True if only this machine can connect to the address.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.bind.to_canonical().is_loopback()
    }

    /// Fills in settings that the environment lacks, from a secret store; `own` are settings of single functions.
    ///
    /// # Errors
    /// A value is invalid; the message names the variable.
    pub fn fill(
        &mut self,
        database_url: Option<Secret>,
        api_token: Option<Secret>,
        own: impl IntoIterator<Item = (&'static str, Secret)>,
    ) -> Result<(), SettingError> {
        if let (None, Some(Secret(url))) = (&self.database_url, database_url) {
            self.database_url = Some(self::database_url(url)?);
        }
        if let (None, Some(Secret(token))) = (&self.api_token, api_token) {
            self.api_token = Some(self::api_token(token)?);
        }
        for (name, value) in own {
            self.own.entry(name).or_insert(value);
        }
        Ok(())
    }
}

/// Reads the webhook's event types; reminders by default.
fn webhook_events(lookup: Lookup<'_>) -> Result<Vec<EventType>, SettingError> {
    let types = list(lookup, "TASKFLOW_WEBHOOK_EVENTS", "a type of events, such as reminder.triggered or task.completed", |text| {
        text.parse().ok()
    })?;
    Ok(if types.is_empty() { vec![EventType::ReminderTriggered] } else { types })
}

fn own_settings() -> impl Iterator<Item = &'static Setting> {
    routes::ALL.iter().flat_map(|route| route.settings)
}

fn own(setting: &Setting, value: String) -> Result<(&'static str, Secret), SettingError> {
    let value = if setting.is_url { http_url(setting.name, value)? } else { value };
    Ok((setting.name, value.into()))
}

fn parse<T: std::str::FromStr>(lookup: Lookup<'_>, name: &'static str, expected: &str) -> Result<Option<T>, SettingError> {
    match lookup(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => value.parse().map(Some).map_err(|_| SettingError { name, problem: format!("{value:?} is not {expected}") }),
    }
}

fn ranged(lookup: Lookup<'_>, name: &'static str, min: u32, max: u32) -> Result<Option<u32>, SettingError> {
    match parse::<u32>(lookup, name, "a number") {
        Ok(value) if value.is_none_or(|value| (min..=max).contains(&value)) => Ok(value),
        _ => Err(SettingError { name, problem: format!("not a number from {min} to {max}") }),
    }
}

fn database_url(value: String) -> Result<Secret, SettingError> {
    if value.starts_with("postgres://") || value.starts_with("postgresql://") {
        return Ok(value.into());
    }
    // The value is not shown, because it may hold a password.
    Err(SettingError { name: "DATABASE_URL", problem: "not a URL of the form postgres://user:password@host:5432/database".to_owned() })
}

fn time_zone(lookup: Lookup<'_>) -> Result<Zone, SettingError> {
    if let Some(zone) = parse(lookup, "TASKFLOW_TIME_ZONE", "a time zone of the IANA database, such as Europe/Berlin")? {
        return Ok(zone);
    }
    let system = jiff::tz::TimeZone::try_system().ok();
    let name = system.as_ref().and_then(jiff::tz::TimeZone::iana_name);
    Ok(name.and_then(|name| name.parse().ok()).unwrap_or_default())
}

fn api_token(value: String) -> Result<Secret, SettingError> {
    // Valid in a header, and not guessable at once.
    if value.len() >= TOKEN_MIN && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(value.into());
    }
    Err(SettingError { name: "TASKFLOW_API_TOKEN", problem: format!("at least {TOKEN_MIN} visible ASCII characters, without spaces") })
}

fn list<T>(lookup: Lookup<'_>, name: &'static str, expected: &str, read: fn(&str) -> Option<T>) -> Result<Vec<T>, SettingError> {
    let text = lookup(name).unwrap_or_default();
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| read(item).ok_or_else(|| SettingError { name, problem: format!("{item:?} is not {expected}") })).collect()
}

fn domain_name(text: &str) -> Option<String> {
    Authority::read(text).filter(|named| named.port.is_none() && !named.is_address()).map(|named| named.host)
}

fn http_url(name: &'static str, value: String) -> Result<String, SettingError> {
    let is_http = value.parse::<http::Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    // The value is not shown, because it may hold a secret.
    if is_http { Ok(value) } else { Err(SettingError { name, problem: "not an http or https URL".to_owned() }) }
}

fn events_by(value: &str) -> Result<EventsBy, SettingError> {
    match value {
        "bindings" => Ok(EventsBy::Bindings),
        "pubsub" => Ok(EventsBy::PubSub),
        _ => Err(SettingError { name: "TASKFLOW_EVENTS", problem: format!("{value:?} is neither bindings nor pubsub") }),
    }
}

fn function_urls(value: &str) -> Result<FunctionUrls, SettingError> {
    const NAME: &str = "TASKFLOW_FUNCTION_URL";
    let problem = |problem: String| SettingError { name: NAME, problem };
    let mut urls = FunctionUrls::default();
    for entry in value.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        // A URL may contain an equals sign, but not before its scheme.
        let (function, url) = match entry.split_once('=') {
            Some((function, url)) if !function.contains(':') => (Some(function), url),
            _ => (None, entry),
        };
        http_url(NAME, url.replace(FUNCTION, "function"))?;
        let url = url.trim_end_matches('/').to_owned();
        match function {
            Some(function) if routes::ALL.iter().any(|route| route.name == function) => {
                urls.own.insert(function.to_owned(), url);
            }
            Some(function) => return Err(problem(format!("{function:?} is not a function"))),
            None if !url.contains(FUNCTION) => return Err(problem(format!("{url:?} does not contain {FUNCTION}"))),
            None if urls.template.is_some() => return Err(problem("more than one template; give one".to_owned())),
            None => urls.template = Some(url),
        }
    }
    Ok(urls)
}

fn dapr_grpc(lookup: Lookup<'_>) -> Result<Option<String>, SettingError> {
    if let Some(endpoint) = lookup("DAPR_GRPC_ENDPOINT").filter(|value| !value.is_empty()) {
        return http_url("DAPR_GRPC_ENDPOINT", endpoint).map(Some);
    }
    Ok(parse::<u16>(lookup, "DAPR_GRPC_PORT", "a port, 0 to 65535")?.map(|port| format!("http://127.0.0.1:{port}")))
}

fn wake_lead(lookup: Lookup<'_>) -> Result<Duration, SettingError> {
    const NAME: &str = "TASKFLOW_WAKE_LEAD";
    let Some(value) = lookup(NAME).filter(|value| !value.is_empty()) else { return Ok(Duration::ZERO) };
    let problem = || SettingError {
        name: NAME,
        problem: format!("{value:?} is not a duration from 0s to {}s, such as 3s or 500ms", WAKE_LEAD_MAX.as_secs()),
    };
    let span: jiff::SignedDuration = value.parse().map_err(|_| problem())?;
    Duration::try_from(span).ok().filter(|lead| *lead <= WAKE_LEAD_MAX).ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
        let lookup = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&lookup, IpAddr::from([127, 0, 0, 1]))
    }

    #[test]
    fn nothing_set_is_fine() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.port, settings.bind.to_string(), settings.wake_lead), (8080, "127.0.0.1".to_owned(), Duration::ZERO));
    }

    #[test]
    fn a_bad_value_names_the_variable_and_never_shows_a_secret() {
        for (name, value) in [
            ("PORT", "http"),
            ("PORT", "70000"),
            ("APP_PORT", "grpc"),
            ("TASKFLOW_BIND", "localhost"),
            ("DATABASE_URL", "hunter2secret"),
            ("TASKFLOW_DB_POOL", "0"),
            ("TASKFLOW_DB_POOL", "many"),
            ("TASKFLOW_TIME_ZONE", "Mars/Base"),
            ("TASKFLOW_API_TOKEN", "hunter2"),
            ("TASKFLOW_API_TOKEN", "hunter2secret\n"),
            ("TASKFLOW_WAKE_LEAD", "soon"),
            ("TASKFLOW_WAKE_LEAD", "-1s"),
            ("TASKFLOW_WAKE_LEAD", "2h"),
            ("TASKFLOW_WAKE_LEAD", "30.001s"),
            ("TASKFLOW_WAKE_AHEAD", "maybe"),
            ("TASKFLOW_WEBHOOK_URL", "ftp://example.org"),
            ("TASKFLOW_WEBHOOK_EVENTS", "reminder.triggered, task.exploded"),
            ("TASKFLOW_EVENTS", "carrier pigeons"),
            ("TASKFLOW_FUNCTION_URL", "http://functions.example"),
            ("TASKFLOW_FUNCTION_URL", "http://{function}.a,http://{function}.b"),
            ("TASKFLOW_FUNCTION_URL", "make-coffee=http://example.org"),
            ("DAPR_GRPC_ENDPOINT", "localhost:50001"),
            ("DAPR_GRPC_PORT", "many"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
            ("TASKFLOW_HOSTS", "https://example.org"),
            ("TASKFLOW_DOMAIN", "tasks.example.org:443"),
            ("TASKFLOW_DOMAIN", "10.0.0.7"),
            ("TASKFLOW_HTTPS_PORT", "https"),
            ("TASKFLOW_HTTP_PORT", "-1"),
            ("TASKFLOW_FUNCTION_HOSTS", "yes"),
            ("TASKFLOW_ACME_DIRECTORY", "letsencrypt"),
            ("TASKFLOW_ACME_DIRECTORY", "http://ca.example/directory"),
            ("TASKFLOW_ACME_EMAIL", "ann"),
            ("TASKFLOW_ACME_EMAIL", "ann@example.org,bob@example.org"),
            ("TASKFLOW_URL", "tasks.example.org"),
            ("TASKFLOW_ORIGINS", "app.example.org"),
            ("TASKFLOW_ORIGINS", "https://app.example.org/"),
            ("TASKFLOW_ORIGINS", "null"),
            ("TASKFLOW_ORIGINS", "*"),
            ("TASKFLOW_API_TOKEN", ""),
        ] {
            let error = read(&[(name, value)]).err().unwrap_or_else(|| panic!("{name}={value} was taken"));
            assert_eq!(error.name, name);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn values_are_read() {
        let settings =
            read(&[("PORT", "0"), ("TASKFLOW_TIME_ZONE", "europe/berlin"), ("TASKFLOW_WAKE_LEAD", "3s"), ("TASKFLOW_DB_POOL", "2")])
                .unwrap();
        assert_eq!(
            (settings.port, settings.time_zone.name(), settings.wake_lead.as_secs(), settings.db_pool),
            (0, "Europe/Berlin", 3, Some(2))
        );
    }

    #[test]
    fn a_channel_is_configured_if_its_settings_are() {
        use ReminderType::{Email, Push, Webhook, Websocket};
        let webhook = ("TASKFLOW_WEBHOOK_URL", "https://hooks.example/taskflow");
        for (variables, channels) in [
            (vec![], vec![Websocket]),
            (vec![("TASKFLOW_VAPID_KEY", "key")], vec![Websocket, Push]),
            (vec![("TASKFLOW_SMTP_URL", "smtps://mail.example")], vec![Websocket]),
            (vec![("TASKFLOW_SMTP_URL", "smtps://mail.example"), ("TASKFLOW_MAIL_TO", "ann@example.org")], vec![Websocket, Email]),
            (vec![webhook], vec![Websocket, Webhook]),
            (vec![webhook, ("TASKFLOW_WEBHOOK_EVENTS", "task.completed")], vec![Websocket]),
        ] {
            assert_eq!(read(&variables).unwrap().channels(), channels, "{variables:?}");
        }
        let both = read(&[webhook, ("TASKFLOW_WEBHOOK_EVENTS", "task.completed, reminder.triggered")]).unwrap();
        assert_eq!(both.posted(), [EventType::TaskCompleted, EventType::ReminderTriggered]);
        assert!(read(&[("TASKFLOW_WEBHOOK_EVENTS", "task.completed")]).unwrap().posted().is_empty(), "without a URL");
    }

    #[test]
    fn hosts_are_read() {
        let settings = read(&[("TASKFLOW_HOSTS", "Tasks.example.org, 10.0.0.7:8080")]).unwrap();
        let hosts: Vec<String> = settings.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["tasks.example.org", "10.0.0.7:8080"]);
    }

    #[test]
    fn a_functions_own_settings_are_those_of_its_route_and_the_environment_comes_first() {
        let setting = own_settings().find(|setting| setting.secret.is_some()).unwrap().name;
        let mut settings = read(&[(setting, "from the environment"), ("COLOUR", "red")]).unwrap();
        settings.fill(None, None, [(setting, "from the store".to_owned().into())]).unwrap();
        assert_eq!((settings.own(setting), settings.own("COLOUR")), (Some("from the environment"), None));
        let mut settings = read(&[]).unwrap();
        settings.fill(None, None, [(setting, "from the store".to_owned().into())]).unwrap();
        assert_eq!(settings.own(setting), Some("from the store"));
    }

    #[test]
    fn functions_are_found_by_their_own_url_or_the_template() {
        let urls = "http://{function}.taskflow.svc.cluster.local/, notify=http://127.0.0.1:9000";
        let urls = read(&[("TASKFLOW_FUNCTION_URL", urls)]).unwrap().function_url;
        assert_eq!(urls.of("get-task").as_deref(), Some("http://get-task.taskflow.svc.cluster.local"));
        assert_eq!(urls.of("notify").as_deref(), Some("http://127.0.0.1:9000"));
        let through_dapr = "http://127.0.0.1:3500/v1.0/invoke/http://{function}.taskflow.svc.cluster.local/method";
        assert!(read(&[("TASKFLOW_FUNCTION_URL", through_dapr)]).unwrap().function_url.of("web").is_some());
        assert_eq!(FunctionUrls::default().of("notify"), None);
    }

    #[test]
    fn the_sidecar_is_found_by_its_endpoint_or_its_port() {
        assert_eq!(read(&[]).unwrap().dapr_grpc, None);
        assert_eq!(read(&[("DAPR_GRPC_PORT", "50001")]).unwrap().dapr_grpc.as_deref(), Some("http://127.0.0.1:50001"));
        let both = read(&[("DAPR_GRPC_PORT", "50001"), ("DAPR_GRPC_ENDPOINT", "http://taskflow-dapr:50001")]).unwrap();
        assert_eq!(both.dapr_grpc.as_deref(), Some("http://taskflow-dapr:50001"));
    }
}
