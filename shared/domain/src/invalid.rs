//! Validation errors of a request, by field: the `errors` of a 422 problem (RFC 9457).

use serde::{Deserialize, Serialize};

/// An invalid field and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the field, such as `/title` or `/tags/3`.
    pub pointer: String,
    /// The reason, as text for the caller.
    pub detail: String,
}

/// The errors of a request that breaks rules; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|error| format!("{}: {}", error.pointer, error.detail)).collect::<Vec<_>>().join("; "))]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
    /// Creates the error of one field.
    #[expect(clippy::needless_pass_by_value, reason = "callers pass format_args! and literals")]
    pub fn field(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self(vec![FieldError { pointer: pointer.into(), detail: detail.to_string() }])
    }

    /// Returns the same errors for a value at `pointer` of the request.
    #[must_use]
    pub fn under(self, pointer: &str) -> Self {
        Self(self.0.into_iter().map(|error| FieldError { pointer: format!("{pointer}{}", error.pointer), ..error }).collect())
    }

    /// Returns the errors, at least one.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0
    }
}

/// Collects the errors of several fields, so that a caller sees all of them at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// Returns an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an error unless `holds`.
    #[expect(clippy::needless_pass_by_value, reason = "callers pass format_args! and literals")]
    pub fn require(&mut self, holds: bool, pointer: &str, detail: impl ToString) {
        if !holds {
            self.0.push(FieldError { pointer: pointer.to_owned(), detail: detail.to_string() });
        }
    }

    /// Returns the value, or collects its errors and returns the default.
    pub fn take<T: Default>(&mut self, value: Result<T, Invalid>) -> T {
        value.unwrap_or_else(|invalid| {
            self.0.extend(invalid.0);
            T::default()
        })
    }

    /// Returns the value if there are no errors.
    ///
    /// # Errors
    /// All collected errors.
    pub fn finish<T>(self, value: T) -> Result<T, Invalid> {
        if self.0.is_empty() { Ok(value) } else { Err(Invalid(self.0)) }
    }
}
