//! The ports of a function over Dapr: events to Kafka, jobs, state and secrets through the sidecar, other functions by their URLs.
//!
//! Every call to the sidecar uses the gRPC client of the `dapr` crate, with a deadline. The crate's wrapper is not used for two reasons: it connects
//! at once, although a function that needs no sidecar must not wait for one, and its error hides the status, which tells a missing job from an
//! unavailable scheduler. The generated client, the token and the builders are used. `reqwest` makes the calls that are not part of the sidecar's
//! API: the URLs of the functions, which may lead through it (Dapr service invocation).
//!
//! To add another port over Dapr: a trait in `function::ports`, a module here, and a line in [`main`].

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
