//! Logs: plain text on a terminal, one JSON object per line in a container.
//!
//! A line of a request has its span: in JSON, `span.correlation_id` and `span.trace_id`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::SettingError;

/// Default log filter.
const DEFAULT: &str = "info";

/// Starts logging to standard error, filtered by `RUST_LOG` (default `info`).
///
/// # Errors
/// The filter is invalid.
pub fn start(filter: Option<&str>) -> Result<(), SettingError> {
    let wanted = EnvFilter::builder().parse(filter.filter(|text| !text.is_empty()).unwrap_or(DEFAULT));
    // Without a log, the error about the filter would be lost.
    let (filter, refused) = match wanted {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(DEFAULT), Some(SettingError { name: "RUST_LOG", problem: error.to_string() })),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (in tests) keeps the first.
    let _ = if std::io::stderr().is_terminal() {
        log.with_target(false).try_init()
    } else {
        log.with_ansi(false).json().flatten_event(true).with_span_list(false).try_init()
    };
    refused.map_or(Ok(()), Err)
}
