//! A change in progress: the store's unit of work, with the app.

use std::sync::Arc;

use domain::Timestamp;
use domain::preferences::Preferences;
use store::{Cause, Unit};

use crate::span::Current;
use crate::{App, Error};

/// One transaction with its events and jobs. Dropping it without a commit rolls back.
pub struct Change {
    /// The app.
    pub app: Arc<App>,
    /// The transaction.
    pub unit: Unit,
}

/// Whether all events of a change have left the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// They have, or a publisher has taken them over.
    All,
    /// Rows wait in the outbox; `publish-events` has to be called.
    Pending,
}

impl Published {
    /// Combines the results of two changes.
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

    /// Attributes later events to this call, and to the earlier change that caused it, if there is one.
    pub fn resume(&mut self, call: &Current, cause: Option<Cause>) {
        let function = self.unit.origin().function;
        self.unit.set_origin(call.origin(&self.app, function, cause));
    }

    /// Returns the user's preferences, read on the change's connection.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn preferences(&mut self) -> Result<Preferences, Error> {
        Ok(self.unit.own_preferences().await?.or(&self.app.settings.time_zone))
    }

    /// Commits, then publishes the announced events. The write succeeds without the broker: unpublished events wait in the outbox.
    ///
    /// # Errors
    /// The commit failed, and nothing has changed.
    pub async fn commit(self) -> Result<Published, Error> {
        let committed = self.unit.commit().await?;
        if committed.rows.is_empty() {
            return Ok(Published::All);
        }
        match self.app.publisher.publish_new(committed).await {
            Ok(()) => Ok(Published::All),
            Err(error) => {
                tracing::debug!(%error, "events could not be published and wait in the outbox");
                Ok(Published::Pending)
            }
        }
    }
}
