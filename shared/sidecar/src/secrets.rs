//! Reads secrets that the environment lacks from the Dapr secret store.

use std::collections::HashMap;
use std::time::Duration;

use dapr::client::GetSecretRequest;
use domain::routes::Route;
use function::BoxError;
use function::settings::{Secret, Settings};
use tokio::time::Instant;

use crate::{Sidecar, SidecarError};

/// Name of the secret, which has several keys.
const SECRET: &str = "taskflow-secrets";
/// How long to retry: in a cluster that has just started, the sidecar may start after the function.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Fills in the settings that the environment lacks: the database, the callers' token, and the function's own secrets.
///
/// # Errors
/// The store has no such secret or does not answer, or a value is invalid.
pub(crate) async fn fill(settings: &mut Settings, sidecar: &Sidecar, route: &Route) -> Result<(), BoxError> {
    let Some(store) = settings.secret_store.clone() else { return Ok(()) };
    let missing = |settings: &Settings| -> Vec<&'static str> {
        let keys = [("neon-connection-string", settings.database_url.is_none()), ("api-token", settings.api_token.is_none())];
        keys.into_iter().filter_map(|(key, is_missing)| is_missing.then_some(key)).collect()
    };
    let own = route.settings.iter().filter_map(|setting| Some((setting.name, setting.secret?)));
    let own: Vec<_> = own.filter(|(name, _)| settings.own(name).is_none()).collect();
    if missing(settings).is_empty() && own.is_empty() {
        return Ok(());
    }
    let secrets = ask(sidecar, &store).await.map_err(|error| format!("TASKFLOW_SECRET_STORE: {store} has no {SECRET}: {error}"))?;
    // The sidecar returns an empty value for a missing key.
    let secret = |name: &str| secrets.get(name).filter(|value| !value.is_empty()).map(|value| Secret::from(value.clone()));
    let own = own.into_iter().filter_map(|(name, key)| Some((name, secret(key)?)));
    settings.fill(secret("neon-connection-string"), secret("api-token"), own)?;
    let missing = missing(settings);
    if !missing.is_empty() {
        tracing::info!(store, "the environment and {SECRET} lack {}", missing.join(" and "));
    }
    Ok(())
}

async fn ask(sidecar: &Sidecar, store: &str) -> Result<HashMap<String, String>, SidecarError> {
    let begin = Instant::now();
    loop {
        let request = GetSecretRequest { store_name: store.to_owned(), key: SECRET.to_owned(), metadata: HashMap::new() };
        match sidecar.call(async |mut client| client.get_secret(request).await).await {
            Ok(found) => return Ok(found.data),
            Err(error) if begin.elapsed() < PATIENCE && error.is_unavailable() => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}
