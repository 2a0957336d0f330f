//! A change under way: the store's unit of work, and the world around it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use store::Unit;

use crate::{App, Error};

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

impl Change {
    pub(crate) fn new(app: Arc<App>, unit: Unit) -> Self {
        Self { app, unit }
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
