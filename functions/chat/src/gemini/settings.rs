//! Settings of the model.

use function::settings::{Secret, SettingError};

const KEY: &str = "GEMINI_API_KEY";
const MODEL: &str = "GEMINI_MODEL";
const BASE_URL: &str = "GEMINI_BASE_URL";
/// The default model.
const MODEL_DEFAULT: &str = "gemini-flash-latest";
/// Google's own Gemini API.
const BASE_URL_DEFAULT: &str = "https://generativelanguage.googleapis.com";

/// Settings of Gemini.
pub(crate) struct Settings {
    /// Key of the API; `None` selects the offline assistant.
    pub(crate) key: Option<Secret>,
    /// The model's name.
    pub(crate) model: String,
    /// URL of the API, without its version and without a slash at its end.
    pub(crate) base_url: String,
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first invalid variable.
    pub(crate) fn read(settings: &function::settings::Settings) -> Result<Self, SettingError> {
        Ok(Self {
            key: settings.own(KEY).map(key).transpose()?,
            model: model(settings.own(MODEL).unwrap_or(MODEL_DEFAULT))?,
            base_url: base_url(settings.own(BASE_URL).unwrap_or(BASE_URL_DEFAULT)),
        })
    }
}

fn key(value: &str) -> Result<Secret, SettingError> {
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(value.to_owned().into());
    }
    Err(SettingError { name: KEY, problem: "not visible ASCII characters, without spaces".to_owned() })
}

/// Returns the name for URLs, without the API's prefix `models/`.
fn model(value: &str) -> Result<String, SettingError> {
    let name = value.strip_prefix("models/").unwrap_or(value);
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let problem = || format!("{value:?} is not the name of a model, such as {MODEL_DEFAULT}");
    if is_name { Ok(name.to_owned()) } else { Err(SettingError { name: MODEL, problem: problem() }) }
}

fn base_url(value: &str) -> String {
    let url = value.trim_end_matches('/');
    url.strip_suffix("/v1beta").unwrap_or(url).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
        let lookup = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&function::settings::Settings::read(&lookup, std::net::Ipv4Addr::LOCALHOST.into())?)
    }

    #[test]
    fn a_bad_value_names_the_variable_and_never_shows_a_secret() {
        for (name, value) in [(KEY, "hunter2 secret"), (MODEL, "../../hunter"), (BASE_URL, "hunter2")] {
            let error = read(&[(name, value)]).err().unwrap_or_else(|| panic!("{name}={value} was taken"));
            assert_eq!(error.name, name);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_assistant_is_googles_unless_the_settings_say_otherwise() {
        let settings = read(&[]).unwrap();
        assert!(settings.key.is_none());
        assert_eq!((settings.model.as_str(), settings.base_url.as_str()), (MODEL_DEFAULT, BASE_URL_DEFAULT));
        let settings = read(&[(KEY, "key"), (MODEL, "models/gemini-3-pro"), (BASE_URL, "http://127.0.0.1:9000/proxy/v1beta/")]).unwrap();
        assert_eq!((settings.model.as_str(), settings.base_url.as_str()), ("gemini-3-pro", "http://127.0.0.1:9000/proxy"));
        assert_eq!(settings.key.as_ref().map(Secret::expose), Some("key"));
    }
}
