//! What callers and consumers can rely on: the `OpenAPI` and the `AsyncAPI` document, made from the types of `domain` and its table of
//! routes, so that they cannot say something else than the code.
//!
//! `just contract` writes the copies in `tests/contract`.

mod asyncapi;
mod cloud_event;
mod openapi;
mod operations;
mod schemas;

use serde_json::Value;

/// The REST API: an `OpenAPI` 3.1 document.
#[must_use]
pub fn openapi() -> Value {
    openapi::document()
}

/// The events and commands: an `AsyncAPI` 3.0 document.
#[must_use]
pub fn asyncapi() -> Value {
    asyncapi::document()
}
