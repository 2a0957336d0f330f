//! The framework of Taskflow's functions, and the hosts that run them.
//!
//! A function is a [`Function`]: a [`Route`](domain::routes::Route) and its handlers. An endpoint answers a caller, and a consumer acknowledges a
//! delivery. [`service::Service`] is the tower service around a function: it checks the request with the [`guard`], reads it, runs the handler in a
//! transaction, publishes the events and answers. [`host`] runs it on hyper and, with the feature `lambda`, on AWS Lambda.
//!
//! # Write a function, step by step
//!
//! **1. Add a route.** `shared/domain/src/routes.rs` has one entry per function: its operations, commands, consumed events and limits.
//! `just new-function` writes the entry and the crate. This guide uses the existing entry of complete-task.
//!
//! **2. Write the handler.** A command handler gets a [`Change`], which is one transaction, and the command's data, already validated:
//!
//! ```
//! use domain::Task;
//! use domain::command::CompleteTask;
//! use function::{Change, Error};
//!
//! async fn complete(change: &mut Change, command: CompleteTask) -> Result<Task, Error> {
//!     let task = change.unit.task(command.task_id).await?; // locks the row; 404 if it does not exist
//!     if task.tags.iter().any(|tag| tag == "locked") {
//!         return Err(Error::Conflict("the task is locked".to_owned())); // 409; the transaction rolls back
//!     }
//!     Ok(change.unit.complete_task(task).await?) // writes the task, and its events to the outbox
//! }
//! ```
//!
//! The handler neither commits nor publishes: the service does both after it returns `Ok`. An `Err` rolls back and becomes
//! `application/problem+json`.
//!
//! **3. Connect the handler with the route.** The same handler serves `POST /api/tasks/{id}/complete` and the command event `task.complete`:
//!
//! ```
//! # use domain::{Task, command::CompleteTask};
//! # use function::{Change, Error};
//! # async fn complete(change: &mut Change, command: CompleteTask) -> Result<Task, Error> { Ok(change.unit.task(command.task_id).await?) }
//! use domain::event::CommandType;
//! use domain::routes;
//! use function::Function;
//!
//! pub fn function() -> Function {
//!     Function::new(routes::COMPLETE_TASK).command(CommandType::TaskComplete, complete)
//! }
//! assert_eq!(function().name(), "complete-task");
//! ```
//!
//! [`Function::endpoint`] handles a query, and [`Function::raw`] the HTTP request itself.
//!
//! **4. Consume an event.** [`Function::consumer`] runs in a transaction that also records the delivery, so a repeated event has no second effect.
//! Read the row and decide by it, because an event may be late:
//!
//! ```
//! use domain::event::TaskEvent;
//! use domain::routes;
//! use function::{Change, Delivery, Error, Function};
//!
//! async fn spawn(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
//!     let event: TaskEvent = delivery.data()?; // an unreadable event becomes a dead letter
//!     change.unit.spawn_announced(event.task_id).await?;
//!     Ok(())
//! }
//!
//! pub fn function() -> Function {
//!     Function::new(routes::SPAWN_RECURRENCE).consumer(spawn)
//! }
//! assert_eq!(function().name(), "spawn-recurrence");
//! ```
//!
//! [`Function::job`] handles the calls of the scheduler.
//!
//! **5. Mount it.** [`service::Service::new`] compares the handlers with the route, so a missing handler fails at the start, not at a call:
//!
//! ```
//! use std::net::Ipv4Addr;
//! use std::sync::Arc;
//!
//! use domain::routes;
//! use function::{App, Function, service::Service, settings::Settings};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let settings = Settings::read(&|_| None, Ipv4Addr::LOCALHOST.into())?; // reads from the environment in a program
//! let app = Arc::new(App::alone(settings)?);
//! let error = Service::new(app, Function::new(routes::COMPLETE_TASK)).err().ok_or("mounted without a handler")?;
//! assert!(error.to_string().contains("complete"), "{error}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **6. Run it.** `main` has one line: `sidecar::main(complete_task::function())`. It selects the implementations of the [`ports`] by the settings.
//! The one process mounts the library of the same crate. A handler uses the ports through [`App`] and does not know who implements them.
//!
//! CONTRIBUTING.md lists the files to edit for a new function.

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

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of requests and responses inside Taskflow: complete or streamed.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// A request as it travels between gateway, hosts and handlers.
pub type Request = http::Request<Body>;
/// A response as it travels back.
pub type Response = http::Response<Body>;
/// A future that is boxed, for ports and handlers.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
