//! The calls of tools that a model asks for.

use serde_json::{Map, Value};

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// The call's own, to be named by its result.
    pub(crate) id: Option<String>,
    /// The tool.
    pub(crate) name: String,
    /// Its arguments.
    pub(crate) arguments: Map<String, Value>,
    /// The consent that it has.
    pub(crate) leave: Leave,
}

/// The consent that a call has before the turn checks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leave {
    /// A model asks for it; the user's message decides ([`crate::consent`]).
    #[default]
    OfMessage,
    /// The user's own words ask for it.
    Given,
    /// The user is asked first.
    Asked,
}
