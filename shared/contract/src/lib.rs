//! The `OpenAPI` and `AsyncAPI` documents, generated from the types of `domain` and the table of routes, so that they always match the code.
//!
//! `just contract` writes the copies in `tests/contract`.

mod asyncapi;
mod cloud_event;
mod openapi;
mod operations;
mod schemas;

use serde_json::Value;

/// Returns the `OpenAPI` 3.1 document of the REST API.
#[must_use]
pub fn openapi() -> Value {
    openapi::document()
}

/// Returns the `AsyncAPI` 3.0 document of events and commands.
#[must_use]
pub fn asyncapi() -> Value {
    asyncapi::document()
}
