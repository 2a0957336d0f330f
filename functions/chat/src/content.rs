//! The contents of a conversation, as the Gemini API writes them: a role and its parts. What a model said is kept as it came, to the letter: a
//! content is JSON that nobody has to read to pass it on.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::call::Call;

/// One content.
pub(crate) type Content = Box<RawValue>;

/// What the user said.
pub(crate) fn of_user(text: &str) -> Content {
    raw(&json!({ "role": "user", "parts": [{ "text": text }] }))
}

/// What was said in a model's place.
pub(crate) fn of_model(text: &str) -> Content {
    raw(&json!({ "role": "model", "parts": [{ "text": text }] }))
}

/// What a model said, in its own parts.
pub(crate) fn of_parts(parts: &[Box<RawValue>]) -> Content {
    #[derive(Serialize)]
    struct Said<'a> {
        role: &'a str,
        parts: &'a [Box<RawValue>],
    }
    raw(&Said { role: "model", parts })
}

/// The results of calls, in the order of the calls, each with its call's id where that has one.
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

/// A content, read.
pub(crate) fn read(content: &RawValue) -> Value {
    serde_json::from_str(content.get()).unwrap_or_default()
}

/// JSON of what always has a JSON form.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
