//! What is wrong with a request, field by field: the `errors` of a 422 problem (RFC 9457).

use serde::{Deserialize, Serialize};

/// One field that cannot be accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the field, such as `/title` or `/tags/3`.
    pub pointer: String,
    /// What is wrong, for a person.
    pub detail: String,
}

/// A request that was understood but breaks a rule; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|error| format!("{}: {}", error.pointer, error.detail)).collect::<Vec<_>>().join("; "))]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
    /// One field's error.
    #[expect(clippy::needless_pass_by_value, reason = "so that callers can hand over format_args! and literals alike")]
    pub fn field(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self(vec![FieldError { pointer: pointer.into(), detail: detail.to_string() }])
    }

    /// The same errors, of a value that stands at `pointer` in what the caller sent.
    #[must_use]
    pub fn under(self, pointer: &str) -> Self {
        Self(self.0.into_iter().map(|error| FieldError { pointer: format!("{pointer}{}", error.pointer), ..error }).collect())
    }

    /// The errors, at least one.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0
    }
}

/// Collects the errors of several fields, so that a caller hears of all of them at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// Nothing wrong so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes an error unless `holds`.
    #[expect(clippy::needless_pass_by_value, reason = "so that callers can hand over format_args! and literals alike")]
    pub fn require(&mut self, holds: bool, pointer: &str, detail: impl ToString) {
        if !holds {
            self.0.push(FieldError { pointer: pointer.to_owned(), detail: detail.to_string() });
        }
    }

    /// The value, or its default and the errors noted.
    pub fn take<T: Default>(&mut self, value: Result<T, Invalid>) -> T {
        value.unwrap_or_else(|invalid| {
            self.0.extend(invalid.0);
            T::default()
        })
    }

    /// The value if nothing was wrong.
    ///
    /// # Errors
    /// All errors that were noted.
    pub fn finish<T>(self, value: T) -> Result<T, Invalid> {
        if self.0.is_empty() { Ok(value) } else { Err(Invalid(self.0)) }
    }
}
