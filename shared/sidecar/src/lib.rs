//! The ports of a function over Dapr: events to Kafka, jobs, state and secrets through the sidecar, other functions by their URLs.
//!
//! Everything that the sidecar is asked goes through the gRPC client of the `dapr` crate, with a deadline on each call. The crate's own
//! wrapper is left out for two reasons: it connects at once, where a function that needs no sidecar must not wait for one, and its error
//! hides the status, by which a job that is missing is told from a scheduler that is away. What is used is its generated client, its
//! token and its builders. Plain HTTP, by `reqwest`, is left for what is no API of the sidecar: the URLs of the functions, which may well lead
//! through it (Dapr service invocation).
//!
//! To give a function another port over Dapr: a trait in `function::ports`, a module here, and a line in [`main`].

mod client;
mod elsewhere;
mod errors;
mod events;
mod functions;
mod jobs;
mod outbox;
mod run;
mod secrets;
mod state;

pub use client::Sidecar;
pub use elsewhere::Elsewhere;
pub use errors::SidecarError;
pub use events::Events;
pub use functions::FunctionsByUrl;
pub use jobs::Jobs;
pub use outbox::Outbox;
pub use run::{Dapr, main, main_of_gateway};
pub use state::StateStore;
