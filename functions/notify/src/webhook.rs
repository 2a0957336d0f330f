//! Posts an event to the webhook, in the structured mode of CloudEvents.

use std::time::Duration;

use cloudevents::Event;
use function::BoxError;
use tokio::sync::OnceCell;

/// How long a webhook may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn post(url: Option<&str>, event: &Event) -> Result<(), BoxError> {
    let url = url.ok_or("TASKFLOW_WEBHOOK_URL is not set")?;
    let request =
        client().await?.post(url).header(http::header::CONTENT_TYPE, function::cloud_event::STRUCTURED).body(serde_json::to_vec(event)?);
    // The URL may hold a secret: it stays out of the error, which is logged.
    request.send().await.and_then(reqwest::Response::error_for_status).map_err(reqwest::Error::without_url)?;
    Ok(())
}

/// One client for the process, made when the first reminder is posted.
async fn client() -> Result<&'static reqwest::Client, reqwest::Error> {
    static CLIENT: OnceCell<reqwest::Client> = OnceCell::const_new();
    let new = async || {
        // Somebody else in this process may have chosen already; then that stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()
    };
    CLIENT.get_or_try_init(new).await
}
