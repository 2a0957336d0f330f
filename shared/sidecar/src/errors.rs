//! Errors of the sidecar, recognised by their status, or by their text if Dapr has no status for them.
//!
//! `tests/e2e/ports.rs` provokes each of them on the real daprd.

use std::time::Duration;

use tonic::{Code, Status};

/// Why a call to the sidecar failed.
#[derive(Debug, thiserror::Error)]
pub enum SidecarError {
    /// It returned an error, or could not be reached.
    #[error("the sidecar: {code:?}: {message}")]
    Refused {
        /// The status.
        code: Code,
        /// The message.
        message: String,
    },
    /// It did not answer in time.
    #[error("the sidecar did not answer within {0:?}")]
    Late(Duration),
}

impl SidecarError {
    /// True if the sidecar itself is unavailable.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Refused { code: Code::Unavailable, .. })
    }

    /// True if the scheduler does not have the job. The sidecar reports that with a different status.
    pub(crate) fn is_missing_job(&self) -> bool {
        matches!(self, Self::Refused { code, message } if *code == Code::NotFound || message.contains("job not found"))
    }

    /// True if another writer was first. An `ETag` that does not match is `Aborted`, an invalid one is `InvalidArgument`; a first write to an
    /// existing value has no status, only a text of `state.postgresql`.
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
