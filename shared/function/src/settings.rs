//! The settings: environment variables, read once at start. A bad value stops the start and names the variable.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::zone::Zone;

/// Where variables are looked up: the environment, or a test's own.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// All settings of PRODUCT section 8 that the process itself reads.
#[derive(Clone)]
pub struct Settings {
    /// `PORT`: where to listen.
    pub port: u16,
    /// `APP_PORT`: where, on loopback, the gateway awaits the sidecar.
    pub app_port: u16,
    /// `TASKFLOW_BIND`: on which address.
    pub bind: IpAddr,
    /// `TASKFLOW_DATA_DIR`: where the embedded database keeps its data.
    pub data_dir: Option<PathBuf>,
    /// `DATABASE_URL`: a PostgreSQL to use.
    pub database_url: Option<Secret>,
    /// `TASKFLOW_DB_POOL`: connections at most; `None` where the variable is not set.
    pub db_pool: Option<u32>,
    /// `TASKFLOW_TIME_ZONE`: the user's zone.
    pub time_zone: Zone,
    /// `TASKFLOW_API_TOKEN`: the bearer token asked of callers.
    pub api_token: Option<Secret>,
    /// `TASKFLOW_WAKE_LEAD`: how far ahead a reminder's job wakes fire-reminder.
    pub wake_lead: Duration,
    /// `TASKFLOW_WEBHOOK_URL`: where reminders are also posted.
    pub webhook_url: Option<String>,
    /// `TASKFLOW_EVENTS`: how events reach Kafka.
    pub events: EventsBy,
    /// `TASKFLOW_FUNCTION_URL`: where other functions are.
    pub function_url: FunctionUrls,
    /// `TASKFLOW_SECRET_STORE`: the Dapr secret store that has the secret `taskflow-secrets`.
    pub secret_store: Option<String>,
    /// `DAPR_GRPC_ENDPOINT`, or `DAPR_GRPC_PORT` on this host: the sidecar. `None`: there is none.
    pub dapr_grpc: Option<String>,
    /// `DAPR_API_TOKEN`: what the sidecar asks of its callers.
    pub dapr_api_token: Option<Secret>,
    /// `APP_API_TOKEN`: what the sidecar sends with everything it delivers.
    pub app_api_token: Option<Secret>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: where traces are sent, over OTLP.
    pub otlp_endpoint: Option<String>,
    /// `GEMINI_API_KEY`: the key to the assistant's model. `None`: the assistant is the offline one.
    pub gemini_api_key: Option<Secret>,
    /// `GEMINI_MODEL`: which model.
    pub gemini_model: String,
    /// `GEMINI_BASE_URL`: where the Gemini API is, without its version and without a slash at its end.
    pub gemini_base_url: String,
    /// `TASKFLOW_HOSTS`: the names that callers know this Taskflow by.
    pub hosts: Vec<String>,
}

/// The model that is asked, where `GEMINI_MODEL` does not say.
pub const GEMINI_MODEL_DEFAULT: &str = "gemini-flash-latest";
/// Google's own Gemini API.
pub const GEMINI_BASE_URL_DEFAULT: &str = "https://generativelanguage.googleapis.com";

/// How events reach Kafka through Dapr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventsBy {
    /// `bindings`: output bindings, one for each topic.
    #[default]
    Bindings,
    /// `pubsub`: the pub/sub component `kafka-pubsub`.
    PubSub,
}

/// Where functions are: a template with `{function}` for all of them, or `function=url` for single ones, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionUrls {
    own: BTreeMap<String, String>,
    template: Option<String>,
}

impl FunctionUrls {
    /// The URL of a function, without a slash at its end; `None` if nothing says where it is.
    #[must_use]
    pub fn of(&self, function: &str) -> Option<String> {
        let own = self.own.get(function).cloned();
        own.or_else(|| Some(self.template.as_ref()?.replace(FUNCTION, function)))
    }
}

/// What [`FunctionUrls`] replaces by the function's name.
const FUNCTION: &str = "{function}";

/// A variable whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it; never the value of a secret.
    pub problem: String,
}

/// Text that is never written to a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for the one place that needs it.
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

/// Connections a function may hold, where `TASKFLOW_DB_POOL` does not say.
pub const DB_POOL_DEFAULT: u32 = 4;
const DB_POOL_MAX: u32 = 100;
const WAKE_LEAD_MAX: Duration = Duration::from_mins(1);
const TOKEN_MIN: usize = 8;

impl Settings {
    /// Reads the settings; `bind` is where to listen if `TASKFLOW_BIND` does not say.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn read(lookup: Lookup<'_>, bind: IpAddr) -> Result<Self, SettingError> {
        let text = |name: &'static str| lookup(name).filter(|value| !value.is_empty());
        Ok(Self {
            port: parse(lookup, "PORT", "a port, 0 to 65535")?.unwrap_or(8080),
            app_port: parse(lookup, "APP_PORT", "a port, 0 to 65535")?.unwrap_or(8090),
            bind: parse(lookup, "TASKFLOW_BIND", "an IP address, such as 127.0.0.1 or ::")?.unwrap_or(bind),
            data_dir: text("TASKFLOW_DATA_DIR").map(PathBuf::from),
            database_url: text("DATABASE_URL").map(database_url).transpose()?,
            db_pool: ranged(lookup, "TASKFLOW_DB_POOL", 1, DB_POOL_MAX)?,
            time_zone: time_zone(lookup)?,
            api_token: text("TASKFLOW_API_TOKEN").map(api_token).transpose()?,
            wake_lead: wake_lead(lookup)?,
            webhook_url: text("TASKFLOW_WEBHOOK_URL").map(|url| http_url("TASKFLOW_WEBHOOK_URL", url)).transpose()?,
            events: text("TASKFLOW_EVENTS").map(|value| events_by(&value)).transpose()?.unwrap_or_default(),
            function_url: text("TASKFLOW_FUNCTION_URL").map(|value| function_urls(&value)).transpose()?.unwrap_or_default(),
            secret_store: text("TASKFLOW_SECRET_STORE"),
            dapr_grpc: dapr_grpc(lookup)?,
            dapr_api_token: text("DAPR_API_TOKEN").map(Secret::from),
            app_api_token: text("APP_API_TOKEN").map(Secret::from),
            otlp_endpoint: text("OTEL_EXPORTER_OTLP_ENDPOINT").map(|url| http_url("OTEL_EXPORTER_OTLP_ENDPOINT", url)).transpose()?,
            gemini_api_key: text("GEMINI_API_KEY").map(gemini_api_key).transpose()?,
            gemini_model: text("GEMINI_MODEL").map_or_else(|| Ok(GEMINI_MODEL_DEFAULT.to_owned()), |name| gemini_model(&name))?,
            gemini_base_url: text("GEMINI_BASE_URL").map_or_else(|| Ok(GEMINI_BASE_URL_DEFAULT.to_owned()), gemini_base_url)?,
            hosts: text("TASKFLOW_HOSTS").map(|value| hosts(&value)).transpose()?.unwrap_or_default(),
        })
    }
}

impl Settings {
    /// Fills in what the environment left open, from a secret store.
    ///
    /// # Errors
    /// A value that cannot be used; the message names the variable that it stands for.
    pub fn fill(
        &mut self,
        database_url: Option<Secret>,
        api_token: Option<Secret>,
        gemini_api_key: Option<Secret>,
    ) -> Result<(), SettingError> {
        if let (None, Some(Secret(url))) = (&self.database_url, database_url) {
            self.database_url = Some(self::database_url(url)?);
        }
        if let (None, Some(Secret(token))) = (&self.api_token, api_token) {
            self.api_token = Some(self::api_token(token)?);
        }
        if let (None, Some(Secret(key))) = (&self.gemini_api_key, gemini_api_key) {
            self.gemini_api_key = Some(self::gemini_api_key(key)?);
        }
        Ok(())
    }
}

fn parse<T: std::str::FromStr>(lookup: Lookup<'_>, name: &'static str, expected: &str) -> Result<Option<T>, SettingError> {
    match lookup(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => value.parse().map(Some).map_err(|_| SettingError { name, problem: format!("{value:?} is not {expected}") }),
    }
}

fn ranged(lookup: Lookup<'_>, name: &'static str, min: u32, max: u32) -> Result<Option<u32>, SettingError> {
    let problem = || SettingError { name, problem: format!("not a number from {min} to {max}") };
    match parse::<u32>(lookup, name, "a number") {
        Ok(Some(value)) if !(min..=max).contains(&value) => Err(problem()),
        Err(_) => Err(problem()),
        Ok(value) => Ok(value),
    }
}

fn database_url(value: String) -> Result<Secret, SettingError> {
    if value.starts_with("postgres://") || value.starts_with("postgresql://") {
        return Ok(value.into());
    }
    // The value is not shown: it may hold a password.
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
    // What a header can carry and a person cannot guess at once.
    if value.len() >= TOKEN_MIN && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(value.into());
    }
    Err(SettingError { name: "TASKFLOW_API_TOKEN", problem: format!("at least {TOKEN_MIN} visible ASCII characters, without spaces") })
}

fn gemini_api_key(value: String) -> Result<Secret, SettingError> {
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(value.into());
    }
    Err(SettingError { name: "GEMINI_API_KEY", problem: "not visible ASCII characters, without spaces".to_owned() })
}

/// The name as it stands in a URL; `models/` in front of it is how the API itself spells it.
fn gemini_model(value: &str) -> Result<String, SettingError> {
    let name = value.strip_prefix("models/").unwrap_or(value);
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let problem = || format!("{value:?} is not the name of a model, such as {GEMINI_MODEL_DEFAULT}");
    if is_name { Ok(name.to_owned()) } else { Err(SettingError { name: "GEMINI_MODEL", problem: problem() }) }
}

fn gemini_base_url(value: String) -> Result<String, SettingError> {
    let url = http_url("GEMINI_BASE_URL", value)?;
    let url = url.trim_end_matches('/');
    Ok(url.strip_suffix("/v1beta").unwrap_or(url).to_owned())
}

fn hosts(value: &str) -> Result<Vec<String>, SettingError> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let is_host = !name.contains('@') && name.parse::<http::uri::Authority>().is_ok();
            let problem = || format!("{name:?} is not a host, such as tasks.example.org or tasks.example.org:8443");
            if is_host { Ok(name.to_ascii_lowercase()) } else { Err(SettingError { name: "TASKFLOW_HOSTS", problem: problem() }) }
        })
        .collect()
}

fn http_url(name: &'static str, value: String) -> Result<String, SettingError> {
    let is_http = value.parse::<http::Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    // The value is not shown: it may hold a secret.
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
        // A URL may hold an equals sign, but not before its scheme.
        let (function, url) = match entry.split_once('=') {
            Some((function, url)) if !function.contains(':') => (Some(function), url),
            _ => (None, entry),
        };
        http_url(NAME, url.replace(FUNCTION, "function"))?;
        let url = url.trim_end_matches('/').to_owned();
        match function {
            Some(function) if domain::routes::ALL.iter().any(|route| route.name == function) => {
                urls.own.insert(function.to_owned(), url);
            }
            Some(function) => return Err(problem(format!("there is no function {function:?}"))),
            None if !url.contains(FUNCTION) => return Err(problem(format!("{url:?} does not contain {FUNCTION}"))),
            None if urls.template.is_some() => return Err(problem("two templates".to_owned())),
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
            ("TASKFLOW_WEBHOOK_URL", "ftp://example.org"),
            ("TASKFLOW_EVENTS", "carrier pigeons"),
            ("TASKFLOW_FUNCTION_URL", "http://functions.example"),
            ("TASKFLOW_FUNCTION_URL", "http://{function}.a,http://{function}.b"),
            ("TASKFLOW_FUNCTION_URL", "make-coffee=http://example.org"),
            ("DAPR_GRPC_ENDPOINT", "localhost:50001"),
            ("DAPR_GRPC_PORT", "many"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
            ("GEMINI_API_KEY", "hunter2 secret"),
            ("GEMINI_MODEL", "../../hunter"),
            ("GEMINI_BASE_URL", "generativelanguage"),
            ("TASKFLOW_HOSTS", "https://example.org"),
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
    fn the_assistant_is_googles_unless_the_settings_say_otherwise() {
        let settings = read(&[]).unwrap();
        assert!(settings.gemini_api_key.is_none() && settings.hosts.is_empty());
        assert_eq!((settings.gemini_model.as_str(), settings.gemini_base_url.as_str()), (GEMINI_MODEL_DEFAULT, GEMINI_BASE_URL_DEFAULT));
        let own = [
            ("GEMINI_API_KEY", "key"),
            ("GEMINI_MODEL", "models/gemini-3-pro"),
            ("GEMINI_BASE_URL", "http://127.0.0.1:9000/proxy/v1beta/"),
            ("TASKFLOW_HOSTS", "Tasks.example.org, 10.0.0.7:8080"),
        ];
        let mut settings = read(&own).unwrap();
        assert_eq!((settings.gemini_model.as_str(), settings.gemini_base_url.as_str()), ("gemini-3-pro", "http://127.0.0.1:9000/proxy"));
        assert_eq!(settings.hosts, ["tasks.example.org", "10.0.0.7:8080"]);
        settings.fill(None, None, Some("another".to_owned().into())).unwrap();
        assert_eq!(settings.gemini_api_key.as_ref().map(Secret::expose), Some("key"), "the environment comes first");
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
