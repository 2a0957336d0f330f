//! What an assistant can do in Taskflow: the one list of tools, for the chat and for other assistants over MCP.
//!
//! A tool is data: an operation of the table of routes, a description, and the JSON Schema of the operation's own type. Calling it makes
//! the operation's request and hands it to the function through the port [`Functions`](function::ports::Functions): in process, by
//! URL, it is the call that a page makes. So validation, events, audit and limits are the same, and a tool can do nothing that the API cannot.
//!
//! To add a tool: a row in `registry.rs`; a test tells what does not fit.

mod call;
mod registry;
mod schema;
mod times;

pub use call::{Caller, Done, Failed};
pub use registry::{ALL, Effect, Tool, of};
