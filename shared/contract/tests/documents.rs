//! Compares the checked-in documents with the code.

use std::path::PathBuf;

use serde_json::Value;

fn checked_in(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/contract").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    serde_yaml_ng::from_str(&text).unwrap_or_default()
}

/// Lists the differences between two documents, because each has thousands of lines.
fn differences(pointer: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for name in ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name))) {
                let null = Value::Null;
                differences(&format!("{pointer}/{name}"), ours.get(name).unwrap_or(&null), theirs.get(name).unwrap_or(&null), found);
            }
        }
        (ours, theirs) if ours != theirs => found.push(pointer.to_owned()),
        _ => {}
    }
}

fn assert_checked_in(name: &str, document: &Value) {
    let mut found = Vec::new();
    differences("", document, &checked_in(name), &mut found);
    assert!(found.is_empty(), "tests/contract/{name} differs from the code; run `just contract`. It differs at {found:#?}");
}

#[test]
fn openapi_is_checked_in() {
    assert_checked_in("openapi.yaml", &contract::openapi());
}

#[test]
fn asyncapi_is_checked_in() {
    assert_checked_in("events.yaml", &contract::asyncapi());
}
