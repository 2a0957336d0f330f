//! A change under way: the store's unit of work, and the world around it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use domain::Reminder;
use store::Unit;

use crate::{App, Error, span};

/// One transaction with its events and jobs. Dropped without a commit, it never happened.
pub struct Change {
    /// The world.
    pub app: Arc<App>,
    unit: Unit,
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

    /// The reminder, locked until the change ends. What is announced from now on goes on in the trace of the change that scheduled it,
    /// and under its correlation id.
    ///
    /// # Errors
    /// [`store::Error::NotFound`]; [`store::Error::Unavailable`].
    pub async fn resume_reminder(&mut self, id: i64) -> Result<Reminder, store::Error> {
        let (reminder, cause) = self.unit.reminder_and_cause(id).await?;
        if let Some(cause) = cause {
            let origin = span::resume(self.unit.origin().function, cause);
            self.unit.set_origin(origin);
        }
        Ok(reminder)
    }

    /// Commits, then publishes what was announced. A write stands without the broker: what cannot be published waits in the outbox.
    ///
    /// # Errors
    /// The change could not be committed and did not happen.
    pub async fn commit(self) -> Result<Published, Error> {
        let committed = self.unit.commit().await?;
        if committed.keys.is_empty() {
            return Ok(Published::All);
        }
        match self.app.publisher.publish(&committed.keys).await {
            Ok(()) => Ok(Published::All),
            Err(error) => {
                tracing::debug!(%error, "left in the outbox");
                Ok(Published::Pending)
            }
        }
    }
}

impl Deref for Change {
    type Target = Unit;

    fn deref(&self) -> &Unit {
        &self.unit
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut Unit {
        &mut self.unit
    }
}
