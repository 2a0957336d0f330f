//! Dead letters in Kafka: the gateway signs them, and recognises its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use function::ports::{ATTEMPTS, CONSUMER, LAST_ERROR};
use function::{App, guard};
use ring::hmac;
use serde_json::Value;

/// Type of the event that wraps a record that is no event.
pub(crate) const UNREADABLE: &str = "record.unreadable";
/// Extension of a dead letter that proves that the gateway wrote it.
pub(crate) const SIGNATURE: &str = "signature";

/// Signs a letter with `APP_API_TOKEN`, which no caller has. `None` if it is not set.
pub(crate) fn signature(app: &App, letter: &Value) -> Option<String> {
    let secret = app.settings.app_api_token.as_ref()?;
    // Brokers and tools may reorder the fields of a letter.
    let mut canonical = letter.clone();
    canonical.sort_all_objects();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    Some(URL_SAFE_NO_PAD.encode(hmac::sign(&key, canonical.to_string().as_bytes())))
}

/// True if the gateway wrote this letter, and it is unchanged.
pub(crate) fn is_ours(app: &App, letter: &Value) -> bool {
    let mut letter = letter.clone();
    let given = letter.as_object_mut().and_then(|fields| fields.remove(SIGNATURE));
    let given = given.as_ref().and_then(Value::as_str);
    given.zip(signature(app, &letter)).is_some_and(|(given, own)| guard::is_same(given.as_bytes(), own.as_bytes()))
}

/// Returns the original event of a letter.
pub(crate) fn as_it_came(letter: &Value) -> Value {
    let mut event = letter.clone();
    if let Some(fields) = event.as_object_mut() {
        fields.retain(|name, _| ![CONSUMER, ATTEMPTS, LAST_ERROR, SIGNATURE].contains(&name.as_str()));
    }
    event
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use function::settings::Settings;
    use serde_json::json;

    use super::*;

    fn app(secret: Option<&str>) -> App {
        let lookup = |name: &str| secret.filter(|_| name == "APP_API_TOKEN").map(ToOwned::to_owned);
        App::alone(Settings::read(&lookup, Ipv4Addr::LOCALHOST.into()).unwrap()).unwrap()
    }

    #[test]
    fn only_an_unchanged_letter_of_this_gateway_is_ours() {
        let own = app(Some("secret-of-the-gateway"));
        let unsigned = json!({ "id": "1", "type": "task.completed", "data": { "task_id": 7, "title": "Rent" }, "consumer": "notify" });
        let mut letter = unsigned.clone();
        letter[SIGNATURE] = signature(&own, &letter).into();
        assert!(is_ours(&own, &letter));
        let reordered = json!({
            "signature": letter[SIGNATURE], "consumer": "notify", "data": { "title": "Rent", "task_id": 7 }, "type": "task.completed", "id": "1"
        });
        assert!(is_ours(&own, &reordered), "brokers may reorder fields");
        assert!(!is_ours(&app(Some("secret-of-another-one")), &letter), "another secret");
        assert!(!is_ours(&own, &unsigned), "no signature");
        letter["data"]["task_id"] = json!(8);
        assert!(!is_ours(&own, &letter), "changed data");
        assert_eq!(signature(&app(None), &unsigned), None, "no secret");
    }

    #[test]
    fn the_original_event_has_none_of_the_letters_extensions() {
        let letter = json!({ "id": "1", "consumer": "notify", "attempts": 10, "lasterror": "500", "signature": "x", "partitionkey": "7" });
        assert_eq!(as_it_came(&letter), json!({ "id": "1", "partitionkey": "7" }));
    }
}
