//! What a Taskflow function is, and the hosts that run it.
//!
//! A function is a [`Function`]: a [`Route`](domain::routes::Route) and its handlers. There are two shapes:
//!
//! - an endpoint answers a caller: [`Function::command`] changes something, in one transaction, for a REST call as for a
//!   command event; [`Function::endpoint`] reads; [`Function::raw`] has the HTTP request to itself;
//! - a consumer acknowledges a delivery: [`Function::consumer`] of an event, [`Function::job`] of a job.
//!
//! A handler knows [`App`] (the store and the ports) and nothing of who implements the ports. [`service::Service`] is the one
//! tower service of a function; [`host`] runs it on hyper, and with the feature `lambda` on AWS Lambda.
//!
//! ARCHITECTURE.md says how to add one.

pub mod accept;
pub mod ambient;
pub mod answer;
pub mod app;
pub mod app_password;
pub mod authority;
pub mod batch;
pub mod body;
pub mod call;
pub mod change;
pub mod cloud_event;
pub mod error;
pub mod framing;
pub mod guard;
mod handler;
pub mod host;
pub mod input;
#[cfg(feature = "lambda")]
mod lambda;
pub mod link;
pub mod metrics;
pub mod otlp;
pub mod ports;
pub mod service;
pub mod settings;
pub mod span;
pub mod telemetry;

pub use answer::Answer;
pub use app::App;
pub use body::full;
pub use change::{Change, Published};
pub use cloud_event::Delivery;
pub use error::Error;
pub use handler::{Function, JobCall};

use bytes::Bytes;

/// Any error, for bodies and sources.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of requests and responses inside Taskflow: known at once, or streamed.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// A request as it travels between gateway, hosts and handlers.
pub type Request = http::Request<Body>;
/// A response as it travels back.
pub type Response = http::Response<Body>;
/// A future that is boxed, for ports and handlers.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
