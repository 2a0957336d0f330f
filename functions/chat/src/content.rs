//! Contents of a conversation in the form of the Gemini API: a role and its parts. A model's content is stored exactly as received, as JSON that is
//! not parsed to be sent back.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::call::Call;

/// A content.
pub(crate) type Content = Box<RawValue>;

/// Returns a message of the user.
pub(crate) fn of_user(text: &str) -> Content {
    raw(&json!({ "role": "user", "parts": [{ "text": text }] }))
}

/// Returns a message in a model's place.
pub(crate) fn of_model(text: &str) -> Content {
    raw(&json!({ "role": "model", "parts": [{ "text": text }] }))
}

/// Returns a message of a model with its own parts.
pub(crate) fn of_parts(parts: &[Box<RawValue>]) -> Content {
    #[derive(Serialize)]
    struct Said<'a> {
        role: &'a str,
        parts: &'a [Box<RawValue>],
    }
    raw(&Said { role: "model", parts })
}

/// Returns the results of calls, in order, each with its call's id if it has one.
pub(crate) fn of_results(results: &[(Call, Box<RawValue>)]) -> Content {
    #[derive(Serialize)]
    struct Results<'a> {
        role: &'a str,
        parts: Vec<Part<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Part<'a> {
        function_response: Answer<'a>,
    }
    #[derive(Serialize)]
    struct Answer<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        name: &'a str,
        response: &'a RawValue,
    }
    let parts =
        results.iter().map(|(call, response)| Part { function_response: Answer { id: call.id.as_deref(), name: &call.name, response } });
    raw(&Results { role: "user", parts: parts.collect() })
}

/// Parses a content.
pub(crate) fn read(content: &RawValue) -> Value {
    serde_json::from_str(content.get()).unwrap_or_default()
}

/// Writes JSON of values that always have a JSON form.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
