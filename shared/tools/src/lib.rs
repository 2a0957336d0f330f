//! The tools of the assistant: one list, for the chat and for MCP clients.
//!
//! A tool is data: an operation of the table of routes, a description, and the JSON Schema of the operation's type. A call builds the operation's
//! request and sends it to the function through the port [`Functions`](function::ports::Functions), in process or by URL, as a page does. Validation,
//! events, audit and limits are therefore the same, and a tool can do nothing that the API cannot.
//!
//! To add a tool, add a row in `registry.rs`; a test reports what does not fit.

mod call;
mod registry;
mod schema;
mod times;

pub use call::{Caller, Done, Failed};
pub use registry::{ALL, Effect, Tool, of};
