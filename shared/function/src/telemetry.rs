//! What the process says about itself: plain text on a terminal, a JSON object a line in a container.
//!
//! A line of a request has its span: in JSON, `span.correlation_id` and `span.trace_id`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::SettingError;

/// What is logged where `RUST_LOG` says nothing.
const DEFAULT: &str = "info";

/// Starts logging to standard error, filtered by `RUST_LOG` (`info` where it says nothing).
///
/// # Errors
/// A filter that cannot be read.
pub fn start(filter: Option<&str>) -> Result<(), SettingError> {
    let wanted = EnvFilter::builder().parse(filter.filter(|text| !text.is_empty()).unwrap_or(DEFAULT));
    // Without a log nobody would hear what is wrong with the filter.
    let (filter, refused) = match wanted {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(DEFAULT), Some(SettingError { name: "RUST_LOG", problem: error.to_string() })),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first.
    let _ = if std::io::stderr().is_terminal() {
        log.with_target(false).try_init()
    } else {
        log.with_ansi(false).json().flatten_event(true).with_span_list(false).try_init()
    };
    refused.map_or(Ok(()), Err)
}
