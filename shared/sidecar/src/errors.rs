//! Reads the errors of the sidecar: by their status, and by their text where Dapr has no status for them.
//!
//! `tests/e2e/ports.rs` provokes each of them on the real daprd.

use std::time::Duration;

use tonic::{Code, Status};

/// Why the sidecar did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SidecarError {
    /// It answered so, or could not be reached.
    #[error("the sidecar: {code:?}: {message}")]
    Refused {
        /// The status.
        code: Code,
        /// What it said of it.
        message: String,
    },
    /// It did not answer in time.
    #[error("the sidecar did not answer within {0:?}")]
    Late(Duration),
}

impl SidecarError {
    /// True if the sidecar itself is not there.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Refused { code: Code::Unavailable, .. })
    }

    /// True if the scheduler does not have the job. The sidecar passes that on under a status of its own.
    pub(crate) fn is_missing_job(&self) -> bool {
        matches!(self, Self::Refused { code, message } if *code == Code::NotFound || message.contains("job not found"))
    }

    /// True if somebody else wrote the value first. An `ETag` that is not the value's is `Aborted`, one that cannot be any is
    /// `InvalidArgument`; a first write that is not the first has no status, only a text of `state.postgresql`.
    pub(crate) fn is_stale(&self) -> bool {
        matches!(self, Self::Refused { code: Code::Aborted | Code::InvalidArgument, .. })
            || matches!(self, Self::Refused { message, .. } if message.contains("no item was updated"))
    }
}

impl From<Status> for SidecarError {
    fn from(status: Status) -> Self {
        Self::Refused { code: status.code(), message: status.message().to_owned() }
    }
}
