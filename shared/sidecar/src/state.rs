//! JSON values in the Dapr state store, with optimistic concurrency.

use std::collections::HashMap;
use std::time::Duration;

use dapr::client::{DeleteStateRequest, Etag, GetStateRequest, SaveStateRequest, StateItem, StateOptions};
use dapr::dapr::proto::common::v1::state_options::{StateConcurrency, StateConsistency};
use function::BoxFuture;
use function::ports::{State, StateError, StateFuture, Stored};

use crate::{Sidecar, SidecarError};

/// The state store component.
const STORE: &str = "statestore";
/// A key that is read to check whether the store answers.
const ANY_KEY: &str = "health";

/// The port [`State`] over the component `statestore`.
#[derive(Clone)]
pub struct StateStore {
    sidecar: Sidecar,
}

impl StateStore {
    /// Creates the port over this sidecar.
    #[must_use]
    pub fn new(sidecar: Sidecar) -> Self {
        Self { sidecar }
    }

    async fn read(&self, key: &str) -> Result<Option<Stored>, StateError> {
        let consistency = StateConsistency::ConsistencyStrong.into();
        let request = GetStateRequest { store_name: STORE.to_owned(), key: key.to_owned(), consistency, metadata: HashMap::new() };
        let found = self.sidecar.call(async |mut client| client.get_state(request).await).await.map_err(failed)?;
        if found.data.is_empty() {
            return Ok(None);
        }
        let value = String::from_utf8(found.data).map_err(|error| StateError::Unavailable(error.into()))?;
        Ok(Some(Stored { value, etag: found.etag }))
    }

    async fn write(&self, item: StateItem) -> Result<(), StateError> {
        let request = SaveStateRequest { store_name: STORE.to_owned(), states: vec![item] };
        self.sidecar.call(async |mut client| client.save_state(request).await).await.map_err(failed)
    }
}

fn failed(error: SidecarError) -> StateError {
    if error.is_stale() { StateError::Stale } else { StateError::Unavailable(error.into()) }
}

impl State for StateStore {
    fn get<'a>(&'a self, key: &'a str) -> StateFuture<'a, Option<Stored>> {
        Box::pin(self.read(key))
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a str, etag: Option<&'a str>, ttl: Option<Duration>) -> StateFuture<'a, ()> {
        // Without an ETag the first write wins: an existing value belongs to another writer.
        let options = StateOptions {
            concurrency: StateConcurrency::ConcurrencyFirstWrite.into(),
            consistency: StateConsistency::ConsistencyStrong.into(),
        };
        let metadata = ttl.map(|ttl| ("ttlInSeconds".to_owned(), ttl.as_secs().max(1).to_string())).into_iter().collect();
        let item = StateItem {
            key: key.to_owned(),
            value: value.into(),
            etag: etag.map(|value| Etag { value: value.to_owned() }),
            metadata,
            options: Some(options),
        };
        Box::pin(self.write(item))
    }

    fn delete<'a>(&'a self, key: &'a str) -> StateFuture<'a, ()> {
        let request =
            DeleteStateRequest { store_name: STORE.to_owned(), key: key.to_owned(), etag: None, options: None, metadata: HashMap::new() };
        Box::pin(async move { self.sidecar.call(async |mut client| client.delete_state(request).await).await.map_err(failed) })
    }

    fn check(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { self.read(ANY_KEY).await.is_ok() })
    }
}
