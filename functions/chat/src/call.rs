//! Tool calls that a model requests.

use serde_json::{Map, Value};

/// A tool call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// The call's id, which its result repeats.
    pub(crate) id: Option<String>,
    /// The tool.
    pub(crate) name: String,
    /// Its arguments.
    pub(crate) arguments: Map<String, Value>,
    /// The consent for it.
    pub(crate) leave: Leave,
}

/// Consent that a call has before the turn checks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leave {
    /// A model requests the call; the user's message decides ([`crate::consent`]).
    #[default]
    OfMessage,
    /// The user's own words request it.
    Given,
    /// The user must confirm it.
    Asked,
}
