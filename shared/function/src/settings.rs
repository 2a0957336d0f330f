//! The settings: environment variables, read once at start. A bad value stops the start and names the variable.

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
}

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
            bind: parse(lookup, "TASKFLOW_BIND", "an IP address, such as 127.0.0.1 or ::")?.unwrap_or(bind),
            data_dir: text("TASKFLOW_DATA_DIR").map(PathBuf::from),
            database_url: text("DATABASE_URL").map(database_url).transpose()?,
            db_pool: ranged(lookup, "TASKFLOW_DB_POOL", 1, DB_POOL_MAX)?,
            time_zone: time_zone(lookup)?,
            api_token: text("TASKFLOW_API_TOKEN").map(api_token).transpose()?,
            wake_lead: wake_lead(lookup)?,
            webhook_url: text("TASKFLOW_WEBHOOK_URL").map(webhook_url).transpose()?,
        })
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

fn webhook_url(value: String) -> Result<String, SettingError> {
    let is_http = value.parse::<http::Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if is_http { Ok(value) } else { Err(SettingError { name: "TASKFLOW_WEBHOOK_URL", problem: "not an http or https URL".to_owned() }) }
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
}
