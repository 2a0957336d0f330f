//! A change under way: the store's unit of work, and the world around it.

use std::sync::Arc;

use domain::Timestamp;
use domain::preferences::Preferences;
use store::{Cause, Unit};

use crate::span::Current;
use crate::{App, Error};

/// One transaction with its events and jobs. Dropped without a commit, it never happened.
pub struct Change {
    /// The world.
    pub app: Arc<App>,
    /// The transaction.
    pub unit: Unit,
}

/// Whether everything that a change announced has left the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It has, or was handed to somebody who sees to it.
    All,
    /// Something waits in the outbox; `publish-events` has to be called.
    Pending,
}

impl Published {
    /// Of two changes.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == Self::Pending { self } else { other }
    }
}

impl Change {
    pub(crate) fn new(app: Arc<App>, unit: Unit) -> Self {
        Self { app, unit }
    }

    /// The time of everything that the change writes.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.unit.now()
    }

    /// Lets what the change announces from now on belong to this call, and to the earlier change that caused it if there is one.
    pub fn resume(&mut self, call: &Current, cause: Option<Cause>) {
        let function = self.unit.origin().function;
        self.unit.set_origin(call.origin(&self.app, function, cause));
    }

    /// What the user prefers, read on the change's own connection.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn preferences(&mut self) -> Result<Preferences, Error> {
        Ok(self.unit.own_preferences().await?.or(&self.app.settings.time_zone))
    }

    /// Commits, then publishes what was announced. A write stands without the broker: what cannot be published waits in the outbox.
    ///
    /// # Errors
    /// The change could not be committed and did not happen.
    pub async fn commit(self) -> Result<Published, Error> {
        let committed = self.unit.commit().await?;
        if committed.rows.is_empty() {
            return Ok(Published::All);
        }
        match self.app.publisher.publish_new(committed).await {
            Ok(()) => Ok(Published::All),
            Err(error) => {
                tracing::debug!(%error, "left in the outbox");
                Ok(Published::Pending)
            }
        }
    }
}
