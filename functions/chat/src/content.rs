//! The contents of a conversation, as the Gemini API writes them: a role and its parts. What a model said is kept as it came.

use serde_json::{Value, json};

use crate::model::Call;

/// What the user said.
pub(crate) fn of_user(text: &str) -> Value {
    json!({ "role": "user", "parts": [{ "text": text }] })
}

/// What was said in a model's place.
pub(crate) fn of_model(text: &str) -> Value {
    json!({ "role": "model", "parts": [{ "text": text }] })
}

/// The results of calls, in the order of the calls, each with its call's id where that has one.
pub(crate) fn of_results(results: &[(Call, Value)]) -> Value {
    let part = |(call, result): &(Call, Value)| {
        let mut response = json!({ "name": call.name, "response": result });
        if let Some(id) = &call.id {
            response["id"] = id.as_str().into();
        }
        json!({ "functionResponse": response })
    };
    json!({ "role": "user", "parts": results.iter().map(part).collect::<Vec<_>>() })
}
