//! Secrets: what the environment does not say, the Dapr secret store does.

use std::collections::HashMap;
use std::time::Duration;

use dapr::client::GetSecretRequest;
use domain::routes::CHAT;
use function::BoxError;
use function::settings::{Secret, Settings};
use tokio::time::Instant;

use crate::{Sidecar, SidecarError};

/// The one secret, with a value for each name.
const SECRET: &str = "taskflow-secrets";
/// How long to ask for it: the sidecar of a cluster that has just started may come up after the function.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Fills in what the environment leaves open; the key to the assistant's model for the function that asks it.
///
/// # Errors
/// A store without the secret, or without an answer; a value that cannot be used.
pub(crate) async fn fill(settings: &mut Settings, sidecar: &Sidecar, function: &str) -> Result<(), BoxError> {
    let Some(store) = settings.secret_store.clone() else { return Ok(()) };
    let missing = |settings: &Settings| settings.database_url.is_none() || settings.api_token.is_none();
    let asks_model = function == CHAT.name;
    let wants_key = asks_model && settings.gemini_api_key.is_none();
    if !missing(settings) && !wants_key {
        return Ok(());
    }
    let secrets = ask(sidecar, &store).await.map_err(|error| format!("TASKFLOW_SECRET_STORE: {store} has no {SECRET}: {error}"))?;
    // The sidecar answers a value that is missing with an empty one.
    let secret = |name: &str| secrets.get(name).filter(|value| !value.is_empty()).map(|value| Secret::from(value.clone()));
    let key = secret("gemini-api-key").filter(|_| asks_model);
    settings.fill(secret("neon-connection-string"), secret("api-token"), key)?;
    if missing(settings) {
        tracing::info!(store, "neither the environment nor {SECRET} has all of neon-connection-string and api-token");
    }
    Ok(())
}

async fn ask(sidecar: &Sidecar, store: &str) -> Result<HashMap<String, String>, SidecarError> {
    let begin = Instant::now();
    loop {
        let request = GetSecretRequest { store_name: store.to_owned(), key: SECRET.to_owned(), metadata: HashMap::new() };
        match sidecar.call(async |mut client| client.get_secret(request).await).await {
            Ok(found) => return Ok(found.data),
            Err(error) if begin.elapsed() < PATIENCE && error.is(tonic::Code::Unavailable) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}
